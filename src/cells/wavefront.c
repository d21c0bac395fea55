/* SPDX-License-Identifier: Apache-2.0
 *
 * A stack: which schedule is fastest, and the threads of a wavefront (wave.h has its tasks).
 */
#include "wavefront.h"

#include "../clock.h"
#include "groups.h"
#include "wave.h"

/* A task takes a sixteenth of the steps, as filling and draining leave all threads but one idle for about half a task.
 * It has not fewer rows than a product's tile, or weights pass for a tile that is not full (at batch 1, three rows cost
 * 10 to 20 % of the whole, six 2 to 7 %), and takes no less than ten barriers, as handing over takes about one. */
enum { CHUNKS = 16, TILE_ROWS = 6, TASK_BARRIERS = 10, LOST_NS = 100 * 1000 };

typedef struct shared_wave {
    rnnp_wave tasks;
    size_t threads;
    rnnp_team *team;
    double begun;
    _Alignas(64) atomic_size_t workers; /* at work; with the caller, those beyond `threads` would only wait */
    rnnp_event progress;                /* tasks ended, of all stages */
} shared_wave;

/* Others are at a task each, so who waits for longer than a few tasks take waits for a thread without a CPU. */
static void wait_for_others(shared_wave *w, unsigned seen)
{
    enum { FEW = 3 };
    const double waited = rnnp_event_wait(w->team, &w->progress, seen);
    if (waited <= LOST_NS * 1e-9) return;
    const double task = (rnnp_clock() - w->begun) * (double)w->threads / (seen + 1.0);
    if (waited > FEW * task) rnnp_team_lost(w->team, waited);
}

/* Workers may leave before all is done, so a place is the caller's, however late it comes. */
static int has_place(shared_wave *w, size_t i)
{
    return i == 0 || atomic_fetch_add_explicit(&w->workers, 1, memory_order_relaxed) + 1 < w->threads;
}

static void run_tasks(void *arg, size_t i, size_t n)
{
    shared_wave *w = arg;
    const rnnp_loop *last = NULL;
    const int stays = has_place(w, i);
    while (stays && !rnnp_wave_all_begun(&w->tasks)) {
        if (n > 1 && i == 0) rnnp_team_renew(w->team);
        if (i > 0 && rnnp_team_is_leaving(w->team)) break;
        const unsigned seen = rnnp_event_count(&w->progress);
        size_t chunk;
        const int at = rnnp_wave_take(&w->tasks, last, &chunk);
        if (at >= 0) {
            rnnp_wave_run(&w->tasks, at, chunk);
            rnnp_wave_done(&w->tasks, at, chunk);
            last = w->tasks.stage[at].loop;
            if (n > 1) rnnp_event_advance(w->team, &w->progress);
        } else if (!rnnp_wave_all_begun(&w->tasks)) {
            wait_for_others(w, seen); /* what is not ready waits for what others are at */
        }
    }
    if (i > 0) atomic_fetch_sub_explicit(&w->workers, 1, memory_order_relaxed);
}

/* ---- Estimates ---- */

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static const rnnp_machine *machine(const rnnp_stacked *stack) { return &stack->layer->select->machine; }

static double stack_step_ns(const rnnp_stacked *stack, size_t layers)
{
    double ns = 0;
    for (size_t l = 0; l < layers; l++)
        ns += rnnp_estimate_of(stack[l].layer, stack[l].call.steps, stack[l].call.batch).alone_ns;
    return ns;
}

size_t rnnp_wavefront_chunk(const rnnp_stacked *stack, size_t layers, size_t task)
{
    const size_t steps = stack->call.steps, batch = stack->call.batch;
    const size_t tile = batch > 0 ? (TILE_ROWS + batch - 1) / batch : 1;
    const double step_ns = stack_step_ns(stack, layers) / (double)layers;
    size_t chunk = task ? smaller(task, larger(steps, 1))
                        : larger(larger(steps / CHUNKS, tile),
                                 (size_t)(TASK_BARRIERS * machine(stack)->barrier_ns / (step_ns + 1)));
    for (size_t l = 0; l < layers; l++) { /* a product should have room for two */
        rnnp_recurrent_memory w;
        rnnp_recurrent_plan_memory(stack[l].layer, steps, batch, 1, &w);
        if (w.chunk > 0) chunk = smaller(chunk, task ? w.chunk : larger(w.chunk / 2, 1));
    }
    return chunk;
}

/* What one step takes at a layer's stages: all of its steps, or those and the input product of a chunk apart. */
static size_t stages_of(const rnnp_stacked *s, double ns[2])
{
    const rnnp_estimate estimate = rnnp_estimate_of(s->layer, s->call.steps, s->call.batch);
    ns[1] = estimate.product_ns;
    ns[0] = estimate.alone_ns - ns[1];
    return estimate.chunk > 0 ? 2 : 1;
}

/* Of so many threads those that find something to do, and the slowest stage's step. */
static size_t at_once(const rnnp_stacked *stack, size_t layers, size_t threads, double *slowest)
{
    size_t stages = 0;
    *slowest = 0;
    for (size_t l = 0; l < layers; l++) {
        double ns[2];
        stages += stages_of(&stack[l], ns);
        *slowest = ns[0] > *slowest ? ns[0] : *slowest;
        *slowest = ns[1] > *slowest ? ns[1] : *slowest;
    }
    return smaller(threads, stages);
}

/* A wavefront takes as long as its threads need for all work, but not less than the slowest stage, and fills and drains
 * by half a chunk for each thread but one. Products of few rows and weights that change cores cost it something. */
static const double SMALL_TASKS = 1.08;

static double wavefront_ns(const rnnp_stacked *stack, size_t layers, size_t threads, size_t task)
{
    const size_t chunk = rnnp_wavefront_chunk(stack, layers, task);
    double slowest;
    const size_t width = at_once(stack, layers, threads, &slowest);
    const double fair = stack_step_ns(stack, layers) / (double)width;
    const double idle = (double)((width - 1) * chunk) / 2 * slowest;
    const double handing = (double)stack->call.steps / (double)chunk * machine(stack)->barrier_ns;
    return (fair > slowest ? fair : slowest) * SMALL_TASKS * (double)stack->call.steps + idle + handing;
}

/* Groups need no fewer threads than layers; 0: there are none. */
static double groups_ns(const rnnp_stacked *stack, size_t layers, size_t threads, size_t task)
{
    rnnp_groups groups;
    return threads >= layers && rnnp_groups_of(stack, layers, threads, task, &groups) ? groups.ns : 0;
}

double rnnp_stack_ns(const rnnp_stacked *stack, size_t layers, size_t threads, const rnnp_stack_choice *choice)
{
    const double grouped = groups_ns(stack, layers, threads, choice->task),
                 wave = wavefront_ns(stack, layers, threads, choice->task);
    double in_turn = 0;
    for (size_t l = 0; l < layers; l++) {
        const rnnp_recurrent_call *call = &stack[l].call;
        const rnnp_estimate e = rnnp_estimate_of(stack[l].layer, call->steps, call->batch);
        in_turn += (double)call->steps * rnnp_estimate_sharing(&e, call->lengths != NULL, threads).ns;
    }
    const double one_by_one_or_grouped = grouped > 0 && grouped < in_turn ? grouped : in_turn;
    switch (choice->schedule) {
    case RNNP_SCHEDULE_LAYERS: return in_turn;
    case RNNP_SCHEDULE_WAVEFRONT: return wave;
    case RNNP_SCHEDULE_GROUPS: return grouped > 0 ? grouped : in_turn;
    default: return wave < one_by_one_or_grouped ? wave : one_by_one_or_grouped;
    }
}

rnnp_stack_schedule rnnp_stack_fastest(const rnnp_stacked *stack, size_t layers)
{
    const size_t threads = rnnp_recurrent_threads(&stack->call);
    double in_turn = 0;
    if (layers < 2 || threads < 2) return RNNP_SCHEDULE_LAYERS;
    /* who comes late is not waited for: a try costs less than elsewhere */
    if (stack_step_ns(stack, layers) * (double)stack->call.steps <
        rnnp_recurrent_worth_ns(stack->layer, &stack->call) / 2)
        return RNNP_SCHEDULE_LAYERS;
    if (rnnp_team_is_crowded(stack->call.team)) return RNNP_SCHEDULE_WAVEFRONT;
    for (size_t l = 0; l < layers; l++) in_turn += rnnp_recurrent_forward_ns(stack[l].layer, &stack[l].call);
    const double grouped = threads > layers ? groups_ns(stack, layers, threads, 0) : 0,
                 in_groups = grouped > 0 ? grouped : in_turn;
    /* a barrier waits for those who wake, a wavefront works on: that costs it half as much */
    const double waking = rnnp_team_is_awake(stack->call.team) ? 0 : machine(stack)->wake_ns / 2;
    if (wavefront_ns(stack, layers, threads, 0) < (in_groups < in_turn ? in_groups : in_turn) + waking)
        return RNNP_SCHEDULE_WAVEFRONT;
    return in_groups < in_turn ? RNNP_SCHEDULE_GROUPS : RNNP_SCHEDULE_LAYERS;
}

/* ---- The stack ---- */

static void forward_wavefront(const rnnp_stacked *stack, size_t layers, size_t task)
{
    shared_wave w;
    w.threads = at_once(stack, layers, rnnp_recurrent_threads(&stack->call), &(double){0});
    w.team = stack->call.team;
    atomic_init(&w.workers, 0);
    w.begun = rnnp_clock();
    rnnp_event_init(&w.progress);
    rnnp_wave_begin(&w.tasks, stack, layers, rnnp_wavefront_chunk(stack, layers, task));
    rnnp_team_offer(w.team, run_tasks, &w);
    for (size_t l = 0; l < layers; l++) rnnp_loop_end_direction(&w.tasks.loop[l]);
}

void rnnp_stack_forward(const rnnp_stacked *stack, size_t layers, const rnnp_stack_choice *choice)
{
    rnnp_stack_schedule schedule = choice->schedule;
    rnnp_groups groups;
    if (schedule == RNNP_SCHEDULE_FASTEST) schedule = rnnp_stack_fastest(stack, layers);
    if (schedule == RNNP_SCHEDULE_WAVEFRONT) {
        forward_wavefront(stack, layers, choice->task);
    } else if (schedule == RNNP_SCHEDULE_GROUPS &&
               rnnp_groups_of(stack, layers, rnnp_recurrent_threads(&stack->call), choice->task, &groups)) {
        rnnp_groups_forward(stack, layers, &groups);
    } else {
        for (size_t l = 0; l < layers; l++) rnnp_recurrent_forward(stack[l].layer, &stack[l].call);
    }
}
