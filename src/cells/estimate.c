/* SPDX-License-Identifier: Apache-2.0
 *
 * A share takes as long as its work or as its weights need to arrive, whichever is longer. Work is counted as grids
 * count it (grid.c). Weights that a step reads again are found in L2 as far as it holds them: panels are walked to and
 * fro, so a step begins with what the last one left. So threads that share a layer's panels gain more than their number
 * where each one's part fits, and the estimate of a step falls with its share.
 */
#include "estimate.h"

#include "loop.h"
#include "memory.h"
#include "pieces.h"

/* What meeting between two steps costs two threads, in barriers, and what each more adds: every thread reads a line of
 * every other, and writes one that all others read. The barrier is a third of that. The rest is waiting until what the
 * others have written arrives: on Emerald Rapids, steps of 1 to 4 us and one row, shared by two, took half of that and
 * 0.4 to 0.55 us, with a barrier of 0.2; elsewhere 0.6 to 0.8. A large state takes longer: 8 KiB 1.4 us, 32 KiB
 * 5 us. */
static const double MEETING_BARRIERS = 3, EACH_BARRIERS = 0.2, EXCHANGE_BYTES_PER_BARRIER = 1200;

/* Share of the FMA rate that tiles and gates reach together, beside what a grid counts. Products of whole numbers count
 * as a third: they take about so much less time. */
static const double REACHED = 0.93, WHOLE_NUMBERS = 1.0 / 3;

/* Share of L2 that the weights of the last step still fill (Emerald Rapids: steps that read 2.4, 4 and 9 MB took what
 * 1.6 MB from its L2 of 2 MiB and the rest from L3 take). */
static const double REUSED = 0.75;

static size_t directions(const rnnp_recurrent *layer) { return rnnp_directions(layer->direction); }

/* So many half rows of a panel (grid.h). */
static double work_ns(const rnnp_selection *select, const rnnp_variant *kernel, double time, size_t columns,
                      size_t depth)
{
    const double flops = kernel->traits.left == RNNP_LEFT_FLOATS ? 1 : WHOLE_NUMBERS;
    return flops * time * (double)(columns * depth) / (REACHED * select->machine.flops_per_ns);
}

/* So many bytes of weights, of `all`, of which so many may be in L2. */
static double read_ns(const rnnp_selection *select, double bytes, double all, double near)
{
    const double *rate = select->machine.bytes_per_ns;
    const double from_l2 = bytes < near ? bytes : near;
    const rnnp_home beyond = all > (double)select->last_bytes ? RNNP_HOME_MEMORY : RNNP_HOME_L3;
    return from_l2 / rate[RNNP_HOME_L2] + (bytes - from_l2) / rate[beyond];
}

static double longer(double a, double b) { return a > b ? a : b; }

/* ---- Products ---- */

/* That a thread reads once: from L2 if all of them are there. */
static double product_ns(const rnnp_selection *select, const rnnp_variant *kernel, const rnnp_area *area,
                         size_t columns, size_t depth, double all, size_t threads)
{
    const rnnp_grid grid = rnnp_grid_of(area, threads);
    const double bytes = (double)(rnnp_grid_panels(&grid, area) * columns * depth) *
                         (double)rnnp_format_bytes(kernel->traits.panels.format);
    const double near = all <= (double)select->near_bytes ? bytes : 0;
    return longer(work_ns(select, kernel, rnnp_grid_time(&grid, area), columns, depth),
                  read_ns(select, bytes, all, near));
}

double rnnp_product_ns(const rnnp_selection *select, const rnnp_variant *kernel, size_t m, size_t n, size_t k,
                       size_t threads)
{
    const rnnp_panels *panels = &kernel->traits.panels;
    const rnnp_area area = rnnp_area_of(rnnp_panels_count(panels, n), panels->lanes, m, &kernel->traits);
    const double all = (double)(n * k) * (double)rnnp_format_bytes(panels->format);
    return product_ns(select, kernel, &area, panels->lanes, k, all, threads) +
           rnnp_meeting_ns(&select->machine, threads, 0);
}

/* ---- Steps ---- */

double rnnp_meeting_ns(const rnnp_machine *m, size_t threads, double bytes)
{
    const double barriers =
        MEETING_BARRIERS + (double)(threads - 2) * EACH_BARRIERS + bytes / EXCHANGE_BYTES_PER_BARRIER;
    return threads < 2 ? 0 : barriers * m->barrier_ns;
}

static size_t columns_of(const rnnp_recurrent_part *p) { return p->gates * p->lanes; }

rnnp_estimate rnnp_estimate_of(const rnnp_recurrent *layer, size_t steps, size_t batch)
{
    rnnp_estimate e = {.layer = layer, .steps = steps, .batch = batch};
    rnnp_recurrent_memory w;
    rnnp_recurrent_plan_memory(layer, steps, batch, 1, &w);
    e.chunk = w.chunk;
    for (size_t k = 0; k < layer->parts; k++)
        e.bytes += (double)(layer->part[k].columns * (layer->input + layer->hidden)) *
                   (double)rnnp_format_bytes(layer->format);
    for (size_t k = 0; e.chunk > 0 && k < layer->parts; k++) {
        const rnnp_recurrent_part *p = &layer->part[k];
        const rnnp_area area = rnnp_area_of(p->panels, columns_of(p), e.chunk * batch, &p->project->traits);
        e.product_ns +=
            product_ns(layer->select, p->project, &area, columns_of(p), layer->input, e.bytes, 1) / (double)e.chunk;
    }
    e.alone_ns = rnnp_estimate_ns(&e, 1, 1) * (double)directions(layer);
    return e;
}

double rnnp_estimate_ns(const rnnp_estimate *e, size_t threads, size_t all)
{
    const rnnp_recurrent *layer = e->layer;
    const size_t depth = layer->hidden + (e->chunk > 0 ? 0 : layer->input);
    rnnp_largest share[RNNP_CELL_PARTS];
    double bytes[RNNP_CELL_PARTS], again = 0, ns = e->product_ns / (double)threads;
    for (size_t k = 0; k < layer->parts; k++) {
        share[k] = rnnp_loop_largest_share(layer, k, e->batch, threads);
        bytes[k] =
            (double)(share[k].panels * columns_of(&layer->part[k]) * depth) * (double)rnnp_format_bytes(layer->format);
        again += bytes[k];
    }
    const double near = REUSED * (double)layer->select->near_bytes,
                 read =
                     read_ns(layer->select, again, e->bytes, again <= (double)layer->select->near_bytes ? again : near);
    for (size_t k = 0; k < layer->parts; k++) {
        const rnnp_recurrent_part *p = &layer->part[k];
        ns += longer(work_ns(layer->select, p->step, share[k].time, columns_of(p), depth), read * bytes[k] / again) +
              rnnp_meeting_ns(&layer->select->machine, all, share[k].state);
    }
    return ns;
}

/* ---- Sharing ---- */

/* By steps: the largest share of each part of a step, both directions at once, and a barrier. */
static rnnp_sharing by_steps(const rnnp_estimate *e, size_t n)
{
    const size_t dirs = directions(e->layer), each = n / dirs;
    /* a state that decays does so before the step, by one thread */
    if (each < 2 || e->layer->decays) return (rnnp_sharing){1, 0, e->alone_ns};
    return (rnnp_sharing){each * dirs, 0, rnnp_estimate_ns(e, each, each * dirs)};
}

/* In pieces: no barriers, but all weights are read for few rows. */
static rnnp_sharing by_pieces(const rnnp_estimate *e, int has_lengths, size_t n)
{
    const size_t rows = rnnp_pieces_rows(e->layer, e->batch, has_lengths, n), dirs = directions(e->layer);
    if (rows == 0) return (rnnp_sharing){1, 0, e->alone_ns};
    const rnnp_estimate piece = rnnp_estimate_of(e->layer, e->steps, (e->batch + rows - 1) / rows);
    return (rnnp_sharing){rows * dirs, rows, piece.alone_ns / (double)dirs};
}

rnnp_sharing rnnp_estimate_sharing(const rnnp_estimate *e, int has_lengths, size_t threads)
{
    const size_t chosen = e->layer->choice.threads;
    rnnp_sharing best = {1, 0, e->alone_ns};
    for (size_t n = chosen && chosen < threads ? chosen : threads; n > 1; n /= 2) {
        const rnnp_sharing steps = by_steps(e, n), pieces = by_pieces(e, has_lengths, n);
        const rnnp_sharing s = pieces.threads > 1 && (steps.threads == 1 || pieces.ns <= steps.ns) ? pieces : steps;
        if (s.ns < best.ns || chosen) best = s;
        if (chosen) break;
    }
    return best;
}
