/* SPDX-License-Identifier: Apache-2.0
 *
 * A call of one layer: how many threads do its steps, and which.
 */
#include "recurrent.h"

#include "lockstep.h"
#include "memory.h"
#include "pieces.h"

/* What meeting between two steps costs two threads, in barriers, and what each more adds: every thread reads a line of
 * every other, and writes one that all others read. The barrier is a third or a quarter of that. The rest is waiting
 * until what the others have written arrives (steps of 0.6 to 2.4 us, shared by two, took half of that and 0.6 to 0.8
 * us, with a barrier of 0.18). A large state takes longer: 8 KiB 1.4 us, 32 KiB 5 us. */
static const double MEETING_BARRIERS = 4, EACH_BARRIERS = 0.16, EXCHANGE_BYTES_PER_BARRIER = 1500;

/* How long pieces work before they meet: a barrier takes a hundredth of that. */
enum { PHASE_NS = 100 * 1000 };

/* Waking workers that sleep takes 30 to 40 us, and their caches are cold: a second thread gains from calls of some 250
 * us on (after a pause of 1 ms, LSTM of 64 and batch 4 takes 104 us alone and 138 with two, of 128 355 and 294); if
 * they are awake, or the calls come in a row so that they will be, from 20 us on, some 80 barriers. */
static const double WORTH_WAKINGS = 7, WORTH_BARRIERS = 80;

/* Share of the FMA rate that steps reach. */
static const double REACHED = 0.85;

static size_t directions(const rnnp_recurrent *layer) { return rnnp_directions(layer->direction); }

size_t rnnp_recurrent_workspace(const rnnp_recurrent *layer, size_t steps, size_t batch, size_t threads)
{
    const size_t loops = threads > 1 ? directions(layer) : 1; /* two directions run at once, by half of the threads */
    rnnp_recurrent_memory w;
    if (!rnnp_recurrent_fits(layer->input, layer->hidden, batch, threads)) return SIZE_MAX;
    rnnp_recurrent_plan_memory(layer, steps, batch, threads / loops, &w);
    const size_t shared = w.floats * sizeof(float) * loops,
                 pieces = rnnp_pieces_workspace(layer, steps, batch, threads);
    return pieces > shared ? pieces : shared;
}

/* ---- Estimates ---- */

/* Products of whole numbers count as a third: they take about so much less time. */
static double step_flops(const rnnp_recurrent *layer, size_t batch)
{
    const double products = layer->part[0].step->traits.left == RNNP_LEFT_FLOATS ? 2.0 : 2.0 / 3;
    return products * (double)(layer->gates * layer->hidden) * (double)(layer->hidden + layer->input) * (double)batch;
}

static const rnnp_machine *machine(const rnnp_recurrent *layer) { return &layer->select->machine; }

static double work_ns(const rnnp_recurrent *layer, size_t batch)
{
    return step_flops(layer, batch) / (REACHED * machine(layer)->flops_per_ns);
}

/* Weights that a step reads: x's are read once for many steps where they are a product of their own. */
static size_t weights_of_step(const rnnp_recurrent *layer, size_t steps, size_t batch)
{
    rnnp_recurrent_memory w;
    rnnp_recurrent_plan_memory(layer, steps, batch, 1, &w);
    return layer->gates * layer->hidden * (layer->hidden + (w.chunk ? layer->input / w.chunk : layer->input));
}

double rnnp_recurrent_step_ns(const rnnp_recurrent *layer, size_t steps, size_t batch)
{
    const size_t each = rnnp_format_bytes(layer->format), step = weights_of_step(layer, steps, batch) * each,
                 all = layer->gates * layer->hidden * (layer->hidden + layer->input) * each;
    const double read = (double)step / machine(layer)->bytes_per_ns[rnnp_home_of(layer->select, all)],
                 work = work_ns(layer, batch);
    return (work > read ? work : read) * (double)directions(layer);
}

double rnnp_recurrent_product_ns(const rnnp_recurrent *layer, size_t batch)
{
    return work_ns(layer, batch) * (double)layer->input / (double)(layer->input + layer->hidden);
}

double rnnp_meeting_ns(const rnnp_machine *m, size_t threads, double bytes)
{
    const double barriers =
        MEETING_BARRIERS + (double)(threads - 2) * EACH_BARRIERS + bytes / EXCHANGE_BYTES_PER_BARRIER;
    return threads < 2 ? 0 : barriers * m->barrier_ns;
}

double rnnp_recurrent_shared_ns(const rnnp_recurrent *layer, size_t batch, size_t threads, size_t all, double alone)
{
    double ns = 0, bytes;
    for (size_t k = 0; k < layer->parts; k++) {
        const double largest = rnnp_loop_largest_share(layer, k, batch, threads, &bytes);
        ns += alone * largest * (double)layer->part[k].gates / (double)layer->gates +
              rnnp_meeting_ns(machine(layer), all, bytes);
    }
    return ns;
}

size_t rnnp_recurrent_threads(const rnnp_recurrent_call *call)
{
    const size_t team = rnnp_team_threads(call->team);
    return call->threads && call->threads < team ? call->threads : team;
}

/* A call that takes longer is worth a team that is awake. */
static double worth_calling_ns(const rnnp_recurrent *layer) { return WORTH_BARRIERS * machine(layer)->barrier_ns; }

double rnnp_recurrent_worth_ns(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    return rnnp_team_is_awake(call->team) ? worth_calling_ns(layer) : WORTH_WAKINGS * machine(layer)->wake_ns;
}

/* How threads share a call. */
typedef struct sharing {
    size_t threads; /* 1: not at all */
    size_t rows;    /* in pieces (pieces.h), of so many parts of the rows; 0: by steps */
    double ns;      /* of a step */
} sharing;

/* By steps: the largest share of each part of a step, both directions at once, and a barrier. */
static sharing by_steps(const rnnp_recurrent *layer, size_t batch, size_t n, double alone)
{
    const size_t each = n / directions(layer);
    sharing s = {.threads = each * directions(layer)};
    if (each < 2 || layer->decays)
        return (sharing){1, 0, alone}; /* a state is decayed before the step, by one thread */
    s.ns = rnnp_recurrent_shared_ns(layer, batch, each, s.threads, alone / (double)directions(layer));
    return s;
}

/* In pieces: no barriers, but all weights are read for few rows. */
static sharing by_pieces(const rnnp_recurrent *layer, const rnnp_recurrent_call *call, size_t n, double alone)
{
    const size_t rows = rnnp_pieces_rows(layer, call->batch, call->lengths != NULL, n), dirs = directions(layer);
    if (rows == 0) return (sharing){1, 0, alone};
    return (sharing){rows * dirs, rows,
                     rnnp_recurrent_step_ns(layer, call->steps, (call->batch + rows - 1) / rows) / (double)dirs};
}

/* What finishes a step first: all threads of the team, half of them, and so on, as more threads make shares smaller and
 * barriers longer. alone: a step on one. */
static sharing best_sharing(const rnnp_recurrent *layer, const rnnp_recurrent_call *call, double alone)
{
    const size_t team = rnnp_recurrent_threads(call), chosen = layer->choice.threads;
    sharing best = {1, 0, alone};
    for (size_t n = chosen && chosen < team ? chosen : team; n > 1; n /= 2) {
        const sharing steps = by_steps(layer, call->batch, n, alone), pieces = by_pieces(layer, call, n, alone);
        const sharing s = pieces.threads > 1 && (steps.threads == 1 || pieces.ns <= steps.ns) ? pieces : steps;
        if (s.ns < best.ns || chosen) best = s;
        if (chosen) break;
    }
    return best;
}

double rnnp_recurrent_forward_ns(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    const double alone = rnnp_recurrent_step_ns(layer, call->steps, call->batch), steps = (double)call->steps;
    if (rnnp_recurrent_threads(call) == 1 || alone * steps < rnnp_recurrent_worth_ns(layer, call)) return alone * steps;
    return best_sharing(layer, call, alone).ns * steps;
}

/* ---- The call ---- */

/* Whether a call that takes so long on one thread is worth more. */
static int is_worth_waking(const rnnp_recurrent *layer, const rnnp_recurrent_call *call, double ns)
{
    if (ns >= rnnp_recurrent_worth_ns(layer, call)) return 1;
    /* A chosen number of threads says that sharing pays, not that waking does. */
    if (layer->choice.threads && rnnp_team_is_awake(call->team)) return 1;
    return ns >= worth_calling_ns(layer) && rnnp_team_is_in_demand(call->team);
}

static void forward_alone(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    rnnp_loop o; /* filled in field by field: clearing it all would take a tenth of a small step */
    rnnp_loop_begin(&o, layer, call, 1);
    for (size_t d = 0; d < directions(layer); d++) {
        rnnp_loop_begin_direction(&o, d);
        rnnp_loop_run(&o, 0, call->steps);
        rnnp_loop_end_direction(&o);
    }
}

void rnnp_recurrent_forward(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    const int shares = rnnp_recurrent_threads(call) > 1;
    const double alone = shares ? rnnp_recurrent_step_ns(layer, call->steps, call->batch) : 0;
    const sharing wanted = shares ? best_sharing(layer, call, alone) : (sharing){1, 0, 0};
    if (wanted.threads > 1 && is_worth_waking(layer, call, alone * (double)call->steps)) {
        rnnp_team_wake(call->team); /* they wake while states and arguments are prepared */
        if (wanted.rows > 0)
            rnnp_pieces_forward(layer, call, wanted.rows, (size_t)(PHASE_NS / wanted.ns) + 1);
        else
            rnnp_lockstep_forward(layer, call, wanted.threads);
    } else {
        forward_alone(layer, call);
    }
    if (wanted.threads > 1) rnnp_team_note_end(call->team);
}
