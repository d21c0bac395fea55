/* SPDX-License-Identifier: Apache-2.0
 *
 * Which choices there are for a layer and a shape, and what a cost model says of them. The model only orders
 * candidates, so it may be rough: it knows FMA ports, where the weights are read from, how well tiles fill, and
 * barriers.
 */
#include "space.h"

#include "../kernels/probe.h"
#include "../src/context.h"

#include <string.h>

/* ---- The cost model ---- */

static size_t lanes_of(rnnp_isa isa) { return rnnp_probes[isa] ? rnnp_probes[isa]->lanes : 1; }

/* Share of the FMA rate that a product of so many rows can reach: its smallest tile needs eight chains of FMAs. */
static double fill(size_t mr, size_t columns, rnnp_isa isa, size_t rows)
{
    const size_t tiles = (rows + mr - 1) / mr, least = tiles ? rows / tiles : 0, vectors = columns / lanes_of(isa);
    const double chains = (double)(least * (vectors ? vectors : 1)), enough = 8;

    return rows <= 3 || chains >= enough ? 1 : chains / enough;
}

/* One pass of `rows` rows over weights that are read from one home. */
static double pass_ns(const rnnp_machine *m, const rnnp_panels *panels, double weights, size_t rows, double share,
                      rnnp_home home)
{
    const double work = 2 * weights * (double)rows / (m->flops_per_ns * share);
    const double read = weights * (double)rnnp_format_bytes(panels->format) / m->bytes_per_ns[home];

    return work > read ? work : read;
}

static double part_pass_ns(const rnnp_machine *m, const rnnp_recurrent_part *p, size_t rows, size_t depth,
                           rnnp_home home)
{
    const rnnp_panels *panels = &p->step->traits.panels;

    return pass_ns(m, panels, (double)p->columns * (double)depth, rows,
                   fill(p->step->traits.mr, rnnp_panels_slice(panels), p->step->isa, rows), home);
}

static double layer_ns(const rnnp_machine *m, rnnp_recurrent layer, size_t batch, size_t steps, size_t threads)
{
    const double pre_activation_ns = 0.5, directions = layer.direction == RNNP_DIRECTION_BIDIRECTIONAL ? 2 : 1;
    rnnp_recurrent_memory w;
    double ns = 0, barriers = 0;

    rnnp_recurrent_prepare(&layer);
    rnnp_recurrent_plan_memory(&layer, steps, batch, threads, &w);
    for (size_t i = 0; i < layer.parts; i++) {
        const rnnp_recurrent_part *p = &layer.part[i];
        const rnnp_home home =
            rnnp_home_of(layer.select, p->columns * (layer.input + layer.hidden) * rnnp_format_bytes(layer.format));

        ns += (double)steps * part_pass_ns(m, p, batch, layer.hidden, home);
        if (w.chunk) /* the input's share, written and read once more, from L2 */
            ns += (double)steps / (double)w.chunk * part_pass_ns(m, p, w.chunk * batch, layer.input, home) +
                  (double)(steps * batch * p->columns) * 2 * sizeof(float) / m->bytes_per_ns[RNNP_HOME_L2];
        else
            ns += (double)steps * part_pass_ns(m, p, batch, layer.input, home);
        ns += (double)(steps * batch * p->columns) * pre_activation_ns / (double)lanes_of(p->step->isa);
        barriers += (double)steps;
    }
    if (layer.choice.threads && layer.choice.threads < threads) threads = layer.choice.threads;
    return directions * (ns / (double)threads + (threads > 1 ? barriers * m->barrier_ns : 0));
}

/* One layer after the other; or all at once, which fills and drains by half a task for each thread but one, or in
 * lockstep, by a task for each layer but one. */
static double stack_ns(const rnnp_machine *m, const rnnp_subject *u, const rnnp_stack_choice *choice)
{
    const rnnp_shape *s = &u->shape;
    const size_t width = u->threads < u->layers ? u->threads : u->layers;
    const size_t task = choice->task ? choice->task : s->steps / 16 + 1;
    const size_t threads = choice->schedule == RNNP_SCHEDULE_WAVEFRONT ? 1
                           : choice->schedule == RNNP_SCHEDULE_GROUPS  ? u->threads / u->layers
                                                                       : u->threads;
    double all = 0, largest = 0;

    for (size_t l = 0; l < u->layers; l++) {
        const double ns = layer_ns(m, u->layer[l], s->batch, s->steps, threads);

        all += ns;
        largest = ns > largest ? ns : largest;
    }
    if (choice->schedule == RNNP_SCHEDULE_GROUPS)
        return largest + (double)((u->layers - 1) * task) * largest / (double)s->steps;
    if (choice->schedule != RNNP_SCHEDULE_WAVEFRONT) return all;
    const double fair = all / (double)width;
    return (fair > largest ? fair : largest) + (double)((width - 1) * task) / 2 * largest / (double)s->steps;
}

static double dense_ns(const rnnp_machine *m, const rnnp_subject *u, const rnnp_product *p)
{
    const size_t n = u->shape.hidden, k = u->shape.input, rows = u->shape.batch;
    const rnnp_variant *v = p->kernel ? p->kernel : rnnp_product_kernel(u->select, (rnnp_format)u->shape.weights, n, k);
    const size_t threads = p->threads && p->threads < u->threads ? p->threads : u->threads;
    const rnnp_panels *panels = &v->traits.panels;
    const rnnp_home home = rnnp_home_of(u->select, n * k * rnnp_format_bytes(panels->format));

    return pass_ns(m, panels, (double)n * (double)k, rows, fill(v->traits.mr, panels->lanes, v->isa, rows), home) /
           (double)threads;
}

static double cost_of(const rnnp_subject *u, const char *words)
{
    const rnnp_machine *m = &u->select->machine;
    rnnp_recurrent layer = u->layer[0];
    rnnp_choice choice;

    rnnp_choice_read(u->shape.kind, words, &choice);
    if (u->layers == 0) return dense_ns(m, u, &choice.product);
    if (u->layers > 1) return stack_ns(m, u, &choice.stack);
    layer.choice = choice.layer;
    return layer_ns(m, layer, u->shape.batch, u->shape.steps, u->threads);
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
