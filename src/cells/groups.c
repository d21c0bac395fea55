/* SPDX-License-Identifier: Apache-2.0 */
#include "groups.h"

#include "lockstep.h"

_Static_assert((int)RNNP_LOCKSTEP_LOOPS >= (int)RNNP_STACK_LAYERS, "a stack runs in one lockstep");

/* What is known of a layer before its threads are. */
typedef struct member {
    rnnp_estimate estimate;
    size_t threads;
    int gathers; /* its rows may have lengths; other layers' may not */
} member;

static double step_ns(const member *m, size_t threads) { return rnnp_estimate_ns(&m->estimate, m->threads, threads); }

static size_t slowest(const member *m, size_t layers, size_t threads, double *ns)
{
    size_t at = 0;
    *ns = 0;
    for (size_t l = 0; l < layers; l++) {
        const double own = step_ns(&m[l], threads);
        if (own <= *ns) continue;
        *ns = own;
        at = l;
    }
    return at;
}

/* Threads by what the layers take, those that are left to the slowest. Returns what a step of the slowest takes. */
static double divide(member *m, size_t layers, size_t threads)
{
    double all = 0, ns;
    size_t left = threads - layers;
    for (size_t l = 0; l < layers; l++) all += m[l].estimate.alone_ns;
    for (size_t l = 0; l < layers; l++) {
        const size_t more = (size_t)((double)(threads - layers) * m[l].estimate.alone_ns / all);
        m[l].threads = 1 + (more < left ? more : left);
        left -= m[l].threads - 1;
    }
    for (; left > 0; left--) m[slowest(m, layers, threads, &ns)].threads++;
    slowest(m, layers, threads, &ns);
    return ns;
}

/* Each chunk has a barrier more than its steps, for its input product, and the stack fills and drains by one chunk for
 * each layer but one: (steps / chunk + layers - 1) (1 + chunk parts) phases are fewest for the root below. A product
 * should have rows for a tile. A chunk is no longer than each layer has room for: that of its product, or gathered rows
 * of one step. */
static size_t chunk_of(const member *m, size_t layers, size_t steps, size_t parts)
{
    size_t most = steps > 0 ? steps : 1, least = 1, chunk = 1;
    int hoists = 0;
    for (size_t l = 0; l < layers; l++) {
        const rnnp_estimate *e = &m[l].estimate; /* of its steps, those of an input product are a chunk */
        const size_t rows = e->layer->part[0].step->traits.mr, tile = e->batch ? (rows - 1) / e->batch + 1 : 1;
        if (!e->chunk && m[l].gathers) most = 1;
        if (!e->chunk) continue;
        hoists = 1;
        most = e->chunk < most ? e->chunk : most;
        least = tile > least ? tile : least;
    }
    while (hoists && layers > 1 && chunk * chunk * parts * (layers - 1) < steps) chunk++;
    chunk = chunk < least ? least : chunk;
    return chunk < most ? chunk : most;
}

int rnnp_groups_of(const rnnp_stacked *stack, size_t layers, size_t threads, size_t task, rnnp_groups *groups)
{
    const size_t steps = stack->call.steps;
    member m[RNNP_STACK_LAYERS];
    size_t parts = 1;
    int hoists = 0, gathers = 0;
    if (threads < layers) return 0;
    for (size_t l = 0; l < layers; l++) {
        const rnnp_recurrent *layer = stack[l].layer;
        m[l] = (member){.estimate = rnnp_estimate_of(layer, steps, stack[l].call.batch),
                        .gathers = stack[l].call.lengths != NULL};
        parts = layer->parts > parts ? layer->parts : parts;
        hoists |= m[l].estimate.chunk > 0;
        gathers |= m[l].gathers;
    }
    const size_t usual = chunk_of(m, layers, steps, parts);
    groups->chunk = task && task < usual ? task : usual;
    groups->ns = -1;
    const size_t chunks = (steps + groups->chunk - 1) / groups->chunk + layers - 1;
    const size_t before = (size_t)(gathers + hoists); /* phases of a chunk before its steps */
    for (size_t n = threads; n >= layers; n /= 2) {
        const double step = divide(m, layers, n);
        const double ns = (double)chunks * ((double)groups->chunk * step +
                                            (double)before * rnnp_meeting_ns(&stack->layer->select->machine, n, 0));
        if (groups->ns >= 0 && ns >= groups->ns) continue;
        groups->ns = ns;
        for (size_t l = 0; l < layers; l++) groups->threads[l] = m[l].threads;
    }
    return 1;
}

void rnnp_groups_forward(const rnnp_stacked *stack, size_t layers, const rnnp_groups *groups)
{
    rnnp_loop loop[RNNP_STACK_LAYERS];
    rnnp_lockstep together;
    rnnp_lockstep_begin(&together, stack->call.steps, groups->chunk);
    for (size_t l = 0; l < layers; l++) {
        rnnp_loop_begin(&loop[l], stack[l].layer, &stack[l].call, groups->threads[l]);
        rnnp_loop_begin_direction(&loop[l], 0);
        rnnp_lockstep_add(&together, &loop[l], l);
    }
    rnnp_lockstep_run(&together, stack->call.team);
    for (size_t l = 0; l < layers; l++) rnnp_loop_end_direction(&loop[l]);
}
