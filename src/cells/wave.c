/* SPDX-License-Identifier: Apache-2.0 */
#include "wave.h"

/* What a product and the steps of the same chunk take, roughly, in units of their own. */
enum { PRODUCT_TIME = 1, STEPS_TIME = 3 };

enum { NOTHING = -1 };

static size_t ended(const rnnp_stage *s) { return atomic_load_explicit(&s->done, memory_order_acquire); }

static size_t begun(const rnnp_stage *s) { return atomic_load_explicit(&s->taken, memory_order_relaxed); }

int rnnp_wave_all_begun(const rnnp_wave *w) { return begun(&w->stage[w->stages - 1]) == w->chunks; }

/* Chunks of a product that may be ahead of the steps which use them: those there is room for. */
static size_t room(const rnnp_wave *w, const rnnp_loop *loop) { return loop->chunk / w->chunk; }

/* How far the stage may go at this moment. */
static size_t limit(const rnnp_wave *w, size_t i)
{
    const rnnp_stage *s = &w->stage[i];
    const size_t below = i > 0 ? ended(s - 1) : w->chunks;
    if (!s->is_product) return below;
    const size_t most = ended(s + 1) + room(w, s->loop);
    return below < most ? below : most;
}

int rnnp_wave_take(rnnp_wave *w, const rnnp_loop *last, size_t *chunk)
{
    for (;;) {
        int best = NOTHING;
        size_t earliest = SIZE_MAX, expected = 0;
        for (size_t i = 0; i < w->stages; i++) {
            const rnnp_stage *s = &w->stage[i];
            const size_t next = ended(s), time = s->time + next * STEPS_TIME;
            if (begun(s) != next || next >= limit(w, i)) continue;
            if (time < earliest || (time == earliest && s->loop == last)) {
                best = (int)i;
                earliest = time;
                expected = next;
            }
        }
        if (best == NOTHING) return NOTHING;
        *chunk = expected;
        if (atomic_compare_exchange_strong_explicit(&w->stage[best].taken, &expected, expected + 1,
                                                    memory_order_relaxed, memory_order_relaxed))
            return best;
    }
}

void rnnp_wave_run(const rnnp_wave *w, int stage, size_t chunk)
{
    const rnnp_stage *s = &w->stage[stage];
    const size_t first = chunk * w->chunk, left = w->steps - first;
    rnnp_chunk c = {.first = first, .count = left < w->chunk ? left : w->chunk};
    if (s->loop->w->chunk == 0) {
        rnnp_loop_run(s->loop, first, first + c.count);
    } else {
        c.slot = chunk % room(w, s->loop) * w->chunk;
        if (s->is_product)
            rnnp_loop_prepare(s->loop, &c);
        else
            rnnp_loop_steps(s->loop, &c);
    }
}

void rnnp_wave_done(rnnp_wave *w, int stage, size_t chunk)
{
    atomic_store_explicit(&w->stage[stage].done, chunk + 1, memory_order_release);
}

static void add_stage(rnnp_wave *w, const rnnp_loop *loop, int is_product)
{
    rnnp_stage *s = &w->stage[w->stages];
    const rnnp_stage *below = w->stages > 0 ? s - 1 : NULL;
    s->loop = loop;
    s->is_product = is_product;
    s->time = below ? below->time + (below->is_product ? PRODUCT_TIME : STEPS_TIME) : 0;
    atomic_init(&s->taken, 0);
    atomic_init(&s->done, 0);
    w->stages++;
}

void rnnp_wave_begin(rnnp_wave *w, const rnnp_stacked *stack, size_t layers, size_t chunk)
{
    w->stages = 0;
    w->steps = stack->call.steps;
    w->chunk = chunk;
    w->chunks = (w->steps + chunk - 1) / chunk;
    for (size_t l = 0; l < layers; l++) {
        rnnp_loop_begin(&w->loop[l], stack[l].layer, &stack[l].call, 1);
        rnnp_loop_begin_direction(&w->loop[l], 0);
        if (w->loop[l].w->chunk > 0) add_stage(w, &w->loop[l], 1);
        add_stage(w, &w->loop[l], 0);
    }
}
