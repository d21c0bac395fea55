/* SPDX-License-Identifier: Apache-2.0
 *
 * Which choices there are for a layer and a shape, and what the library's own estimates (src/cells/estimate.h) say of
 * them. These only order candidates.
 */
#include "space.h"

#include "../src/cells/estimate.h"
#include "../src/context.h"

#include <string.h>

/* ---- The cost model: the library's own estimates ---- */

static double layer_ns(rnnp_recurrent layer, const rnnp_subject *u)
{
    const rnnp_shape *s = &u->shape;

    rnnp_recurrent_prepare(&layer);
    const rnnp_estimate estimate = rnnp_estimate_of(&layer, s->steps, s->batch);
    return (double)s->steps * rnnp_estimate_sharing(&estimate, 0, u->threads).ns;
}

static double stack_ns(const rnnp_subject *u, const rnnp_stack_choice *choice)
{
    rnnp_recurrent layer[RNNP_STACK_LAYERS];
    rnnp_stacked stack[RNNP_STACK_LAYERS];

    for (size_t l = 0; l < u->layers; l++) {
        layer[l] = u->layer[l];
        rnnp_recurrent_prepare(&layer[l]);
        stack[l] = (rnnp_stacked){&layer[l], {.steps = u->shape.steps, .batch = u->shape.batch}};
    }
    return rnnp_stack_ns(stack, u->layers, u->threads, choice);
}

static double dense_ns(const rnnp_subject *u, const rnnp_product *p)
{
    const rnnp_shape *s = &u->shape;
    const rnnp_variant *usual = rnnp_product_kernel(u->select, (rnnp_format)s->weights, s->hidden, s->input);
    const size_t threads = p->threads && p->threads < u->threads ? p->threads : u->threads;

    return rnnp_product_ns(u->select, p->kernel ? p->kernel : usual, s->batch, s->hidden, s->input, threads);
}

static double cost_of(const rnnp_subject *u, const char *words)
{
    rnnp_recurrent layer = u->layer[0];
    rnnp_choice choice;

    rnnp_choice_read(u->shape.kind, words, &choice);
    if (u->layers == 0) return dense_ns(u, &choice.product);
    if (u->layers > 1) return stack_ns(u, &choice.stack);
    layer.choice = choice.layer;
    return layer_ns(layer, u);
}

double rnnp_cost_ns(const rnnp_subject *subject) { return cost_of(subject, ""); }

/* ---- Candidates ---- */

typedef struct list {
    rnnp_candidate *at;
    rnnp_shape_kind kind;
    size_t n;
} list;

static void add(list *l, const rnnp_choice *choice)
{
    if (l->n < RNNP_CANDIDATES_MOST) rnnp_choice_print(l->kind, choice, l->at[l->n++].words);
}

/* 1, 2, 4, ... and all; 0 behind the last. */
static size_t next_threads(size_t t, size_t threads) { return t == threads ? 0 : 2 * t > threads ? threads : 2 * t; }

/* Variants that read the format, of other ISAs than the generic one, unless that is all there is. */
static int is_tried(const rnnp_context *context, const rnnp_variant *v, rnnp_format format)
{
    return v->traits.panels.format == format &&
           (v->isa != RNNP_ISA_generic || context->selection.isa == RNNP_ISA_generic) &&
           rnnp_variant_usable(v, context->cpu.features, context->max_rank);
}

/* The row of an op in the same ISA whose name differs in the op alone ("block_avx2"), or NULL. */
static const rnnp_variant *twin(const rnnp_variant *of, rnnp_op op)
{
    const rnnp_variant_list *rows = rnnp_tables[of->isa];
    const char *ending = of->name + strlen(rnnp_op_names[of->op]);

    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].op == op && strcmp(rows->rows[i].name + strlen(rnnp_op_names[op]), ending) == 0)
            return &rows->rows[i];
    }
    return NULL;
}

/* Chunks and threads for given kernels. */
static void add_schedules(list *l, rnnp_choice choice, const rnnp_shape *s, size_t threads)
{
    static const size_t chunks[] = {0, RNNP_CHUNK_NONE, 16, 32, 64, 128, RNNP_FAR_CHUNK_ROWS};

    for (size_t c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
        const int none = chunks[c] == 0 || chunks[c] == RNNP_CHUNK_NONE;

        if (chunks[c] != 0 &&
            (s->steps == 1 || (!none && (chunks[c] < s->batch || chunks[c] / 2 >= s->batch * s->steps))))
            continue;
        choice.layer.chunk = chunks[c];
        choice.layer.threads = 0;
        add(l, &choice);
        for (size_t t = 1; threads > 1 && t; t = next_threads(t, threads)) {
            choice.layer.threads = t;
            add(l, &choice);
        }
    }
}

static void list_layer(list *l, const rnnp_context *context, const rnnp_subject *u)
{
    const rnnp_op first = rnnp_recurrent_op(&u->layer[0], 0), second = rnnp_recurrent_op(&u->layer[0], 1);
    const rnnp_choice one_way = {.layer = {.one_way = 1}};
    rnnp_recurrent usual = u->layer[0];

    rnnp_recurrent_prepare(&usual);
    add_schedules(l, (rnnp_choice){.layer = {.chunk = 0}}, &u->shape, u->threads);
    add(l, &one_way);
    for (size_t isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        for (size_t i = 0; i < rnnp_tables[isa]->count; i++) {
            const rnnp_variant *v = &rnnp_tables[isa]->rows[i];

            if (v->op != first || v == usual.part[0].step || !is_tried(context, v, usual.format)) continue;
            const rnnp_choice choice = {.layer = {.step = {v, second == RNNP_OP_COUNT ? NULL : twin(v, second)}}};
            if (second == RNNP_OP_COUNT || choice.layer.step[1]) add_schedules(l, choice, &u->shape, u->threads);
        }
    }
}

/* Threads for a given kernel; all of them is the default. */
static void add_threads(list *l, const rnnp_variant *kernel, size_t threads)
{
    size_t t = 0;

    do {
        add(l, &(rnnp_choice){.product = {kernel, t}});
        t = t ? 2 * t : 1;
    } while (t < threads);
}

static void list_dense(list *l, const rnnp_context *context, const rnnp_subject *u)
{
    const rnnp_variant *usual =
        rnnp_product_kernel(u->select, (rnnp_format)u->shape.weights, u->shape.hidden, u->shape.input);

    add_threads(l, NULL, u->threads);
    for (size_t isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        for (size_t i = 0; i < rnnp_tables[isa]->count; i++) {
            const rnnp_variant *v = &rnnp_tables[isa]->rows[i];

            if (v->op == RNNP_OP_gemm && v != usual && is_tried(context, v, (rnnp_format)u->shape.weights))
                add_threads(l, v, u->threads);
        }
    }
}

static void list_stack(list *l, const rnnp_subject *u)
{
    add(l, &(rnnp_choice){.stack = {.task = 0}});
    if (u->threads == 1 || u->shape.steps == 1) return;
    add(l, &(rnnp_choice){.stack = {.schedule = RNNP_SCHEDULE_LAYERS}});
    for (size_t task = 0; task <= u->shape.steps / 2; task = task ? 2 * task : 1)
        add(l, &(rnnp_choice){.stack = {RNNP_SCHEDULE_WAVEFRONT, task}});
    if (u->threads > u->layers) add(l, &(rnnp_choice){.stack = {.schedule = RNNP_SCHEDULE_GROUPS}});
}

size_t rnnp_candidates(const rnnp_context *context, const rnnp_subject *subject,
                       rnnp_candidate candidates[RNNP_CANDIDATES_MOST])
{
    list l = {candidates, subject->shape.kind, 0};

    if (subject->layers == 0)
        list_dense(&l, context, subject);
    else if (subject->layers == 1)
        list_layer(&l, context, subject);
    else
        list_stack(&l, subject);
    for (size_t i = 0; i < l.n; i++) candidates[i].cost_ns = cost_of(subject, candidates[i].words);
    return l.n;
}
