/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of the engine: an arena for what lives and dies together, and the placement of activations.
 */
#include "engine.h"

#include <string.h>

/* ---- Arena ---- */

struct rnnp_block {
    struct rnnp_block *next;
    size_t bytes, used;
};

enum { BLOCK_HEAD = 64, BLOCK_BYTES = 8192 };
_Static_assert(sizeof(struct rnnp_block) <= BLOCK_HEAD, "the data of a block starts behind its head");

void *rnnp_arena_alloc(const rnnp_context *context, struct rnnp_block **arena, size_t bytes)
{
    struct rnnp_block *block = *arena;
    size_t need;

    if (bytes > SIZE_MAX - 2 * BLOCK_HEAD) {
        rnnp_fail(context, RNNP_ERR_MEMORY, "cannot allocate %zu bytes", bytes);
        return NULL;
    }
    need = rnnp_align64(bytes);
    if (!block || block->bytes - block->used < need) {
        const size_t total = need + BLOCK_HEAD > BLOCK_BYTES ? need + BLOCK_HEAD : BLOCK_BYTES;

        block = rnnp_alloc(context, total);
        if (!block)
            return NULL;
        *block = (struct rnnp_block){.bytes = total, .used = BLOCK_HEAD};
        if (*arena && total > BLOCK_BYTES) { /* keep filling the block in front */
            block->next = (*arena)->next;
            (*arena)->next = block;
        } else {
            block->next = *arena;
            *arena = block;
        }
    }
    void *p = (char *)block + block->used;
    block->used += need;
    return p;
}

void *rnnp_arena_calloc(const rnnp_context *context, struct rnnp_block **arena, size_t count, size_t bytes)
{
    size_t total;
    void *p;

    if (rnnp_mul_overflow(count, bytes, &total))
        total = SIZE_MAX;
    p = rnnp_arena_alloc(context, arena, total);
    return p ? memset(p, 0, total) : NULL;
}

void rnnp_arena_free(const rnnp_context *context, struct rnnp_block **arena)
{
    while (*arena) {
        struct rnnp_block *block = *arena;

        *arena = block->next;
        rnnp_free(context, block, block->bytes);
    }
}

size_t rnnp_arena_release(const rnnp_context *context, struct rnnp_block **arena, const void *p)
{
    for (struct rnnp_block **link = arena; *link; link = &(*link)->next) {
        struct rnnp_block *block = *link;
        const size_t bytes = block->bytes;

        if (bytes <= BLOCK_BYTES || (const char *)block + BLOCK_HEAD != p)
            continue;
        *link = block->next;
        rnnp_free(context, block, bytes);
        return bytes - BLOCK_HEAD;
    }
    return 0;
}

size_t rnnp_arena_bytes(const struct rnnp_block *arena)
{
    size_t bytes = 0;

    for (; arena; arena = arena->next)
        bytes += arena->bytes;
    return bytes;
}

/* ---- Activations ---- */

/* Drops the spans that ended before `now`. */
static size_t retire(const rnnp_span *spans, size_t *active, size_t n_active, size_t now)
{
    size_t kept = 0;

    for (size_t i = 0; i < n_active; i++) {
        if (spans[active[i]].last >= now)
            active[kept++] = active[i];
    }
    return kept;
}

size_t rnnp_spans_place(rnnp_span *spans, size_t n, size_t *active)
{
    size_t n_active = 0, total = 0; /* active spans are sorted by offset */

    for (size_t s = 0; s < n; s++) {
        if (spans[s].bytes > SIZE_MAX - 63)
            return SIZE_MAX;
        const size_t bytes = rnnp_align64(spans[s].bytes);
        size_t top = 0, best = 0, at = 0, smallest = SIZE_MAX;

        n_active = retire(spans, active, n_active, spans[s].first);
        for (size_t i = 0; i < n_active; i++) {
            const rnnp_span *a = &spans[active[i]];
            const size_t gap = a->offset - top;

            if (gap >= bytes && gap < smallest) {
                smallest = gap;
                best = top;
                at = i;
            }
            top = a->offset + rnnp_align64(a->bytes);
        }
        if (smallest == SIZE_MAX) {
            best = top;
            at = n_active;
        }
        if (rnnp_add_overflow(best, bytes, &top))
            return SIZE_MAX;
        spans[s].offset = best;
        if (bytes) {
            memmove(&active[at + 1], &active[at], (n_active - at) * sizeof *active);
            active[at] = s;
            n_active++;
        }
        if (top > total)
            total = top;
    }
    return total;
}
