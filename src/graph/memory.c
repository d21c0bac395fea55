/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of the engine: an arena for what lives and dies together, and the memory of a model, which counts against the
 * limits of a file while it is loaded.
 */
#include "engine.h"

#include <string.h>

struct rnnp_block {
    struct rnnp_block *next, **link; /* link: what points here */
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
        if (!block) return NULL;
        *block = (struct rnnp_block){.bytes = total, .used = BLOCK_HEAD};
        /* Behind the block in front, which goes on being filled, or before it. */
        block->link = *arena && total > BLOCK_BYTES ? &(*arena)->next : arena;
        block->next = *block->link;
        if (block->next) block->next->link = &block->next;
        *block->link = block;
    }
    void *p = (char *)block + block->used;
    block->used += need;
    return p;
}

void *rnnp_arena_calloc(const rnnp_context *context, struct rnnp_block **arena, size_t count, size_t bytes)
{
    size_t total;
    void *p;

    if (rnnp_mul_overflow(count, bytes, &total)) total = SIZE_MAX;
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

size_t rnnp_arena_release(const rnnp_context *context, const void *p, size_t bytes)
{
    if (rnnp_align64(bytes) + BLOCK_HEAD <= BLOCK_BYTES) return 0;
    struct rnnp_block *block = (struct rnnp_block *)(void *)((char *)(uintptr_t)p - BLOCK_HEAD);
    const size_t total = block->bytes;

    *block->link = block->next;
    if (block->next) block->next->link = block->link;
    rnnp_free(context, block, total);
    return total - BLOCK_HEAD;
}

size_t rnnp_arena_bytes(const struct rnnp_block *arena)
{
    size_t bytes = 0;

    for (; arena; arena = arena->next) bytes += arena->bytes;
    return bytes;
}

/* ---- Of a model ---- */

/* Whether that much more memory is within the limits of what is being loaded. */
static int within_budget(const rnnp_model *model, size_t bytes)
{
    if (!model->budget || rnnp_budget_take(model->budget, bytes)) return 1;
    rnnp_fail(model->context, RNNP_ERR_LIMIT, RNNP_BUDGET_BYTES, model->budget->max_bytes);
    return 0;
}

void *rnnp_model_alloc(rnnp_model *model, size_t bytes)
{
    return within_budget(model, rnnp_align64(bytes)) ? rnnp_arena_alloc(model->context, &model->blocks, bytes) : NULL;
}

void *rnnp_model_calloc(rnnp_model *model, size_t count, size_t bytes)
{
    size_t total;

    if (rnnp_mul_overflow(count, bytes, &total)) total = SIZE_MAX;
    void *p = rnnp_model_alloc(model, total);
    return p ? memset(p, 0, total) : NULL;
}

void *rnnp_model_copy(rnnp_model *model, const void *items, size_t count, size_t bytes)
{
    size_t total;

    if (rnnp_mul_overflow(count, bytes, &total)) total = SIZE_MAX;
    void *p = rnnp_model_alloc(model, total);
    return p && total ? memcpy(p, items, total) : p;
}

const char *rnnp_model_string(rnnp_model *model, const char *s) { return rnnp_model_copy(model, s, strlen(s) + 1, 1); }

void rnnp_model_give_back(rnnp_model *model, const void *p, size_t bytes)
{
    if (rnnp_arena_release(model->context, p, bytes) && model->budget) model->budget->bytes -= rnnp_align64(bytes);
}

rnnp_status rnnp_model_grow(rnnp_model *model, void *items, size_t count, size_t more, size_t *capacity,
                            size_t item_bytes)
{
    size_t need, wanted, bytes;
    void *smaller, *larger;

    if (rnnp_add_overflow(count, more, &need) || rnnp_mul_overflow(need, 2, &wanted) ||
        rnnp_mul_overflow(wanted < 16 ? 16 : wanted, item_bytes, &bytes))
        return rnnp_fail(model->context, RNNP_ERR_MEMORY, "the model has too many values or nodes");
    if (need <= *capacity) return RNNP_OK;
    larger = within_budget(model, bytes) ? rnnp_alloc(model->context, bytes) : NULL;
    if (!larger) return RNNP_ERR_MEMORY;
    memcpy(&smaller, items, sizeof smaller);
    if (count) memcpy(larger, smaller, count * item_bytes);
    rnnp_free(model->context, smaller, *capacity * item_bytes);
    if (model->budget) model->budget->bytes -= *capacity * item_bytes;
    memcpy(items, &larger, sizeof larger);
    *capacity = bytes / item_bytes;
    return RNNP_OK;
}
