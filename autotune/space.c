/* SPDX-License-Identifier: Apache-2.0
 *
 * Which choices there are for a layer and a shape, and what a cost model says of them. The model only orders candidates,
 * so it may be rough: it knows FMA ports, where the weights are read from, how well tiles fill, and barriers.
 */
#include "search.h"

#include "../src/context.h"
#include "rnnpack/limits.h"

#include <string.h>

/* ---- The machine ---- */

rnnp_status rnnp_machine_measure(rnnp_context *context, rnnp_machine *machine)
{
    enum { BURSTS = 3 };
    const double seconds = 5e-4, ns = 1e-9;
    const rnnp_cpu *cpu = &context->cpu;
    const size_t l2 = cpu->l2_bytes ? cpu->l2_bytes : 256 << 10, l3 = cpu->l3_bytes > 4 * l2 ? cpu->l3_bytes : 4 * l2;
    const size_t threads = rnnp_team_threads(context->team), bytes[RNNP_HOME_COUNT] = {l2 / 2, l3 / 4, 2 * l3};
    double best = 0, rate;
    rnnp_status status = RNNP_OK;

    for (int i = 0; i < BURSTS && status == RNNP_OK; i++) {
        if ((status = rnnp_limit_fma(context, seconds, &rate)) == RNNP_OK && rate > best)
            best = rate;
    }
    machine->flops_per_ns = best / (double)threads * ns;
    for (int home = 0; home < RNNP_HOME_COUNT && status == RNNP_OK; home++) {
        best = 0;
        for (int i = 0; i < BURSTS && status == RNNP_OK; i++) {
            if ((status = rnnp_limit_read(context, seconds, bytes[home] * threads, &rate)) == RNNP_OK && rate > best)
                best = rate;
        }
        machine->bytes_per_ns[home] = best / (double)threads * ns;
    }
    machine->barrier_ns = 0;
    if (status == RNNP_OK && rnnp_limit_barrier(context, seconds, &rate) == RNNP_OK)
        machine->barrier_ns = rate / ns;
    return status;
}

/* ---- The cost model ---- */

static size_t lanes_of(rnnp_isa isa)
{
    static const struct {
        const char *isa;
        size_t floats;
    } widths[] = {{"neon", 4}, {"avx2", 8}, {"avx512", 16}};

    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        if (strcmp(widths[i].isa, rnnp_isa_names[isa]) == 0)
            return widths[i].floats;
    }
    return 1;
}

/* Share of the FMA rate that a product of so many rows can reach: its smallest tile needs eight chains of FMAs. */
static double fill(const rnnp_recurrent_part *p, size_t rows)
{
    const size_t mr = p->step->traits.mr, tiles = (rows + mr - 1) / mr, least = rows / tiles;
    const size_t vectors = p->gates * p->lanes / rnnp_step_slices(&p->step->traits) / lanes_of(p->step->isa);
    const double chains = (double)(least * (vectors ? vectors : 1)), enough = 8;

    return rows <= 3 || chains >= enough ? 1 : chains / enough;
}

/* One pass of `rows` rows over weights. */
static double pass_ns(const rnnp_machine *m, const rnnp_recurrent_part *p, size_t rows, size_t depth, rnnp_home home)
{
    const double weights = (double)p->columns * (double)depth;
    const double work = 2 * weights * (double)rows / (m->flops_per_ns * fill(p, rows));
    const double read = weights * sizeof(float) / m->bytes_per_ns[home];

    return work > read ? work : read;
}

double rnnp_cost_ns(const rnnp_machine *m, const rnnp_recurrent *layer, size_t batch, size_t steps, size_t threads)
{
    const double pre_activation_ns = 0.5, directions = layer->direction == RNNP_BIDIRECTIONAL ? 2 : 1;
    rnnp_recurrent_memory w;
    double ns = 0, barriers = 0;

    rnnp_recurrent_plan_memory(layer, steps, batch, threads, &w);
    for (size_t i = 0; i < layer->parts; i++) {
        const rnnp_recurrent_part *p = &layer->part[i];
        const rnnp_home home = rnnp_home_of(layer->select, p->columns * (layer->input + layer->hidden) * sizeof(float));
        const size_t rows = w.chunk * batch;

        ns += (double)steps * pass_ns(m, p, batch, layer->hidden, home);
        if (w.chunk) /* the input's share, written and read once more, from L2 */
            ns += (double)steps / (double)w.chunk * pass_ns(m, p, rows, layer->input, home) +
                  (double)(steps * batch * p->columns) * 2 * sizeof(float) / m->bytes_per_ns[RNNP_HOME_L2];
        else
            ns += (double)steps * pass_ns(m, p, batch, layer->input, home);
        ns += (double)(steps * batch * p->columns) * pre_activation_ns / (double)lanes_of(p->step->isa);
        barriers += (double)steps;
    }
    if (layer->choice.threads && layer->choice.threads < threads)
        threads = layer->choice.threads;
    return directions * (ns / (double)threads + (threads > 1 ? barriers * m->barrier_ns : 0));
}

/* ---- Candidates ---- */

/* The row of an op in the same ISA whose name differs in the op alone ("block_avx2"), or NULL. */
static const rnnp_variant *twin(const rnnp_variant *of, rnnp_op op)
{
    const rnnp_variant_list *list = rnnp_tables[of->isa];
    const char *ending = of->name + strlen(rnnp_op_names[of->op]);

    for (size_t i = 0; i < list->count; i++) {
        if (list->rows[i].op == op && strcmp(list->rows[i].name + strlen(rnnp_op_names[op]), ending) == 0)
            return &list->rows[i];
    }
    return NULL;
}

typedef struct list {
    rnnp_recurrent_choice *choices;
    size_t n;
} list;

static void add(list *l, rnnp_recurrent_choice choice)
{
    if (l->n < RNNP_CANDIDATES_MOST)
        l->choices[l->n++] = choice;
}

/* Chunks and threads for given kernels. */
static void add_schedules(list *l, rnnp_recurrent_choice choice, size_t batch, size_t steps, size_t threads)
{
    static const size_t chunks[] = {0, RNNP_CHUNK_NONE, 16, 32, 64, 128, RNNP_FAR_CHUNK_ROWS};

    for (size_t c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
        const int none = chunks[c] == 0 || chunks[c] == RNNP_CHUNK_NONE;

        if (chunks[c] != 0 && (steps == 1 || (!none && (chunks[c] < batch || chunks[c] / 2 >= batch * steps))))
            continue;
        choice.chunk = chunks[c];
        choice.threads = 0;
        add(l, choice);
        for (size_t t = 1; threads > 1 && t <= threads; t = t < threads && 2 * t > threads ? threads : 2 * t) {
            choice.threads = t;
            add(l, choice);
        }
    }
}

size_t rnnp_candidates(const rnnp_context *context, const rnnp_recurrent *layer, size_t batch, size_t steps,
                       size_t threads, rnnp_recurrent_choice choices[RNNP_CANDIDATES_MOST])
{
    const rnnp_op first = rnnp_recurrent_op(layer, 0), second = rnnp_recurrent_op(layer, 1);
    list l = {choices, 0};

    add_schedules(&l, (rnnp_recurrent_choice){.chunk = 0}, batch, steps, threads);
    add(&l, (rnnp_recurrent_choice){.one_way = 1});
    for (size_t isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        for (size_t i = 0; i < rnnp_tables[isa]->count; i++) {
            const rnnp_variant *v = &rnnp_tables[isa]->rows[i];
            rnnp_recurrent_choice choice = {.step = {v, second == RNNP_OP_COUNT ? NULL : twin(v, second)}};

            if (v->op != first || (isa == RNNP_ISA_generic && context->selection.isa != RNNP_ISA_generic) ||
                (second != RNNP_OP_COUNT && !choice.step[1]) ||
                !rnnp_variant_usable(v, context->cpu.features, context->max_rank))
                continue;
            add_schedules(&l, choice, batch, steps, threads);
        }
    }
    return l.n;
}
