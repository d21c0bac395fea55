/* SPDX-License-Identifier: Apache-2.0
 *
 * A set of strings that stays fast whatever strings a file holds: a binary trie whose forks are at the first bit in
 * which strings differ. A look-up takes at most one step per bit of the string, so that no choice of names makes it
 * slow, as it would a hash table whose function is known. Here whole, because two libraries use it.
 */
#ifndef RNNP_NAMES_H
#define RNNP_NAMES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct rnnp_names_fork {
    size_t next[2]; /* 2 i: fork i; 2 i + 1: name i */
    size_t byte;    /* where the strings below first differ */
    uint8_t mask;   /* all bits but the one in which they do */
} rnnp_names_fork;

/* The owner makes room for a name and a fork before each rnnp_names_add(). Strings stay where they are. */
typedef struct rnnp_names {
    const char **name;     /* [n], in the order in which they were added */
    rnnp_names_fork *fork; /* [n], of which the last is free */
    size_t n, root;
} rnnp_names;

static inline int rnnp_names_turn(uint8_t mask, unsigned c) { return (1 + (mask | c)) >> 8 != 0; }

/* The name that an equal one would be. */
static inline size_t rnnp_names_nearest(const rnnp_names *set, const char *s, size_t length)
{
    size_t at = set->root;

    while (at % 2 == 0) {
        const rnnp_names_fork *fork = &set->fork[at / 2];

        at = fork->next[rnnp_names_turn(fork->mask, fork->byte < length ? (unsigned char)s[fork->byte] : 0)];
    }
    return at / 2;
}

/* The number of an equal name, or SIZE_MAX. */
static inline size_t rnnp_names_find(const rnnp_names *set, const char *s)
{
    const size_t nearest = set->n ? rnnp_names_nearest(set, s, strlen(s)) : SIZE_MAX;

    return nearest != SIZE_MAX && strcmp(set->name[nearest], s) == 0 ? nearest : SIZE_MAX;
}

/* Adds a name that is not there, and returns its number. */
static inline size_t rnnp_names_add(rnnp_names *set, const char *s)
{
    const size_t length = strlen(s), added = set->n++;
    size_t *link = &set->root, byte = 0;
    rnnp_names_fork *fork = &set->fork[added];

    set->name[added] = s;
    if (added == 0) {
        set->root = 1;
        return 0;
    }
    const char *other = set->name[rnnp_names_nearest(set, s, length)];
    while (s[byte] == other[byte]) byte++;
    unsigned bits = (unsigned char)s[byte] ^ (unsigned char)other[byte];
    while (bits & (bits - 1)) /* the highest */
        bits &= bits - 1;
    const uint8_t mask = (uint8_t)~bits;
    const int side = rnnp_names_turn(mask, (unsigned char)other[byte]);

    while (*link % 2 == 0) {
        rnnp_names_fork *above = &set->fork[*link / 2];

        if (above->byte > byte || (above->byte == byte && above->mask > mask)) break;
        link = &above->next[rnnp_names_turn(above->mask, above->byte < length ? (unsigned char)s[above->byte] : 0)];
    }
    *fork = (rnnp_names_fork){.byte = byte, .mask = mask};
    fork->next[side] = *link;
    fork->next[!side] = 2 * added + 1;
    *link = 2 * added;
    return added;
}

#endif
