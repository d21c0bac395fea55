/* SPDX-License-Identifier: Apache-2.0
 *
 * The loader's memory: many small pieces, carved from larger blocks, and released together. It counts as part of what
 * loading may take.
 */
#include "../graph/budget.h"
#include "loader.h"

#include <string.h>

enum { ALIGN = 16, BLOCK = 1 << 16, LARGE = 1 << 13 };

struct block {
    struct block *next, **link; /* link: what points here */
    size_t bytes, used;
};
_Static_assert(sizeof(struct block) % ALIGN == 0, "what follows the head is aligned");

/* In front of every piece: the block that it has to itself, or NULL. */
typedef struct piece {
    struct block *own;
    char to_align[ALIGN - sizeof(struct block *)];
} piece;

static struct block *add_block(loader *l, size_t bytes, int large)
{
    if (l->budget && !rnnp_budget_take(l->budget, bytes)) {
        rnnp_fail(l->context, RNNP_ERR_LIMIT, RNNP_BUDGET_BYTES, l->budget->max_bytes);
        return NULL;
    }
    struct block *b = rnnp_alloc(l->context, bytes);
    if (!b) return NULL;
    /* Behind the block in front, which goes on being filled, or before it. */
    *b = (struct block){.link = large && l->blocks ? &l->blocks->next : &l->blocks, .bytes = bytes, .used = sizeof *b};
    b->next = *b->link;
    if (b->next) b->next->link = &b->next;
    return *b->link = b;
}

static void free_block(loader *l, struct block *b)
{
    if (l->budget) l->budget->bytes -= b->bytes;
    *b->link = b->next;
    if (b->next) b->next->link = b->link;
    rnnp_free(l->context, b, b->bytes);
}

void *loader_alloc(loader *l, size_t bytes)
{
    struct block *b = l->blocks;
    size_t need;

    if (rnnp_add_overflow(bytes, BLOCK, &need)) { /* more than all heads */
        rnnp_fail(l->context, RNNP_ERR_MEMORY, "cannot allocate %zu bytes", bytes);
        return NULL;
    }
    need = (bytes + sizeof(piece) + ALIGN - 1) / ALIGN * ALIGN;
    const int large = need > LARGE;
    if (large || !b || b->bytes - b->used < need) b = add_block(l, large ? sizeof *b + need : BLOCK, large);
    if (!b) return NULL;
    piece *p = (piece *)(void *)((char *)b + b->used);
    p->own = large ? b : NULL;
    b->used += need;
    return p + 1;
}

void loader_free(loader *l, void *memory)
{
    if (memory && ((piece *)memory)[-1].own) free_block(l, ((piece *)memory)[-1].own);
}

void loader_release(loader *l)
{
    while (l->blocks) free_block(l, l->blocks);
}
