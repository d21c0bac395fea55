/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

rnnp_status names_create(loader *l, size_t count, names *n)
{
    *n = (names){.set.name = loader_alloc(l, count * sizeof *n->set.name),
                 .set.fork = loader_alloc(l, count * sizeof *n->set.fork),
                 .entry = loader_alloc(l, count * sizeof *n->entry)};
    return n->set.name && n->set.fork && n->entry ? RNNP_OK : RNNP_ERR_MEMORY;
}

name_entry *names_find(const names *n, const char *name)
{
    const size_t i = rnnp_names_find(&n->set, name);

    return i == SIZE_MAX ? NULL : &n->entry[i];
}

name_entry *names_add(names *n, const char *name)
{
    name_entry *entry = &n->entry[rnnp_names_add(&n->set, name)];

    *entry = (name_entry){0};
    return entry;
}
