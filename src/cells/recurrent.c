/* SPDX-License-Identifier: Apache-2.0
 *
 * A call of one layer: how many threads do its steps, and which.
 */
#include "recurrent.h"

#include "lockstep.h"
#include "memory.h"
#include "pieces.h"

/* How long pieces work before they meet: a barrier takes a hundredth of that. */
enum { PHASE_NS = 100 * 1000 };

/* Waking workers that sleep takes 30 to 40 us, and their caches are cold: a second thread gains from calls of some 250
 * us on (after a pause of 1 ms, LSTM of 64 and batch 4 takes 104 us alone and 138 with two, of 128 355 and 294); if
 * they are awake, or the calls come in a row so that they will be, from 20 us on, some 100 barriers. */
static const double WORTH_WAKINGS = 7, WORTH_BARRIERS = 100;

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

static const rnnp_machine *machine(const rnnp_recurrent *layer) { return &layer->select->machine; }

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

double rnnp_recurrent_forward_ns(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    const rnnp_estimate e = rnnp_estimate_of(layer, call->steps, call->batch);
    const size_t threads = rnnp_recurrent_threads(call);
    const double steps = (double)call->steps;
    if (threads == 1 || e.alone_ns * steps < rnnp_recurrent_worth_ns(layer, call)) return e.alone_ns * steps;
    return rnnp_estimate_sharing(&e, call->lengths != NULL, threads).ns * steps;
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

/* How the threads of a call with two or more share it, if they do. */
static rnnp_sharing wanted_sharing(const rnnp_recurrent *layer, const rnnp_recurrent_call *call, double *alone)
{
    const rnnp_estimate e = rnnp_estimate_of(layer, call->steps, call->batch);
    *alone = e.alone_ns * (double)call->steps;
    return rnnp_estimate_sharing(&e, call->lengths != NULL, rnnp_recurrent_threads(call));
}

void rnnp_recurrent_forward(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    double alone = 0;
    const rnnp_sharing wanted =
        rnnp_recurrent_threads(call) > 1 ? wanted_sharing(layer, call, &alone) : (rnnp_sharing){1, 0, 0};
    if (wanted.threads > 1 && is_worth_waking(layer, call, alone)) {
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
