/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <string.h>

rnnp_status names_create(loader *l, size_t count, names *n)
{
    size_t places = 16;

    while (places < 2 * count)
        places *= 2;
    n->mask = places - 1;
    n->place = loader_alloc(l, places * sizeof *n->place);
    if (!n->place)
        return RNNP_ERR_MEMORY;
    memset(n->place, 0, places * sizeof *n->place);
    return RNNP_OK;
}

name_entry *names_find(const names *n, const char *name)
{
    size_t hash = 14695981039346656037u; /* FNV-1a */

    for (const char *p = name; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    size_t i = (hash ^ hash >> 32) & n->mask;
    while (n->place[i].name && strcmp(n->place[i].name, name) != 0)
        i = (i + 1) & n->mask;
    return &n->place[i];
}
