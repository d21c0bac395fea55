/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <stdio.h>
#include <string.h>

rnnp_status names_create(loader *l, size_t count, names *n)
{
    *n = (names){.set.name = loader_alloc(l, count * sizeof *n->set.name),
                 .set.fork = loader_alloc(l, count * sizeof *n->set.fork),
                 .entry = loader_alloc(l, count * sizeof *n->entry)};
    return n->set.name && n->set.fork && n->entry ? RNNP_OK : RNNP_ERR_MEMORY;
}

name_entry *names_find_own(const names *n, const char *name)
{
    const size_t i = rnnp_names_find(&n->set, name);

    return i == SIZE_MAX ? NULL : &n->entry[i];
}

name_entry *names_find(const names *n, const char *name)
{
    name_entry *entry = NULL;

    for (; n && !entry; n = n->outer) entry = names_find_own(n, name);
    return entry;
}

name_entry *names_add(names *n, const char *name)
{
    name_entry *entry = &n->entry[rnnp_names_add(&n->set, name)];

    *entry = (name_entry){0};
    return entry;
}

const char *names_claim(loader *l, names *n, const char *wish)
{
    name_entry *first = names_find(n, wish);
    const size_t size = strlen(wish) + 24;
    char *numbered;

    if (!first) {
        names_add(n, wish);
        return wish;
    }
    if (!(numbered = loader_alloc(l, size))) return NULL;
    if (!first->duplicates) first->duplicates = 1;
    do snprintf(numbered, size, "%s_%zu", wish, ++first->duplicates);
    while (names_find(n, numbered));
    names_add(n, numbered);
    return numbered;
}
