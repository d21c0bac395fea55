/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack-threads [--cell NAME] [--hidden N] [--batch N] [--each NS] [--check]: what many threads would gain, on a
 * machine that does not have them. The library's own code decides and runs everything; only the clock is virtual.
 *
 * Phases. A host's pool runs one share of every phase and leaves out the others, from the first to the last step of a
 * call, then the next share of every phase, and so on. So each share finds in this core's caches what its thread would
 * find in its own, and nothing else. A phase takes as long as its slowest share, a barrier, and what its threads read
 * that others have written (h), both as measured with two threads of this machine.
 *
 * Wavefront. Virtual threads take tasks from the library's list, and each task takes what it took on this core.
 *
 * --check runs two real threads beside two virtual ones. --each NS is what a barrier costs for each thread more than
 * two; that of two is measured.
 */
#include "rnnpack/limits.h"
#include "src/cells/groups.h"
#include "src/cells/wave.h"
#include "src/cells/wavefront.h"
#include "src/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALL = 1 << 30, LAYERS = 3, THREADS = 32, PHASES = 8192, CHUNKS = 512, HANDOVER_NS = 200 };

typedef struct arrangement {
    const char *name;
    size_t layers, directions;
} arrangement;

static const arrangement arrangements[] = {
    {"one layer", 1, 1}, {"both directions", 1, 2}, {"stack of 2", 2, 1}, {"stack of 3", 3, 1}};

typedef struct kind {
    const char *name, *label;
    rnnp_cell cell;
    int reset_after;
} kind;

static const kind kinds[] = {{"lstm", "LSTM", RNNP_CELL_LSTM, 0},
                             {"gru", "GRU, reset before", RNNP_CELL_GRU, 0},
                             {"gru-after", "GRU, reset after", RNNP_CELL_GRU, 1}};

typedef struct machine {
    rnnp_context *context;
    double barrier_ns, each_ns; /* of two threads, and for each more */
    double exchange;            /* bytes/ns that one core reads of what another has written */
} machine;

typedef struct subject {
    size_t layers;
    rnnp_recurrent layer[LAYERS];
    rnnp_stacked stack[LAYERS];
    void *memory[2 * LAYERS];
    float *x, *y[LAYERS];
} subject;

/* ---- Making a layer ---- */

static void fail(const char *what)
{
    fprintf(stderr, "rnnpack-threads: %s\n", what);
    exit(1);
}

static void *take_memory(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);

    if (!p) fail("no memory");
    return p;
}

static float *numbers(size_t n, float scale)
{
    static uint32_t seed = 1;
    float *p = take_memory(n * sizeof *p);

    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = scale * ((float)(seed >> 8) / 8388608.0f - 1.0f);
    }
    return p;
}

static void make_layer(const machine *m, const kind *k, size_t directions, size_t hidden, rnnp_recurrent *layer)
{
    *layer = (rnnp_recurrent){.cell = k->cell,
                              .input = hidden,
                              .hidden = hidden,
                              .direction = directions == 2 ? RNNP_DIRECTION_BIDIRECTIONAL : RNNP_DIRECTION_FORWARD,
                              .reset_after = k->reset_after,
                              .format = RNNP_FORMAT_f32,
                              .select = &m->context->selection};
    for (size_t d = 0; d < directions; d++)
        for (size_t i = 0; i < 3; i++) layer->act[d][i].kind = rnnp_cell_of(k->cell)->act[i];
    rnnp_recurrent_prepare(layer);
}

static void make(const machine *m, const kind *k, const arrangement *a, size_t hidden, size_t batch, size_t steps,
                 subject *s)
{
    const size_t width = a->directions * hidden, rows = a->directions * rnnp_cell_of(k->cell)->gates * hidden;
    float *w = numbers(rows * hidden, 1.0f / sqrtf((float)hidden));

    s->layers = a->layers;
    s->x = numbers(steps * batch * hidden, 1.0f);
    for (size_t l = 0; l < a->layers; l++) {
        rnnp_recurrent *layer = &s->layer[l];
        const rnnp_recurrent_source source = {.w = w, .r = w, .is_f32 = 1};

        make_layer(m, k, a->directions, hidden, layer);
        s->memory[2 * l] = take_memory(rnnp_recurrent_pack_bytes(layer));
        s->memory[2 * l + 1] = take_memory(rnnp_recurrent_workspace(layer, steps, batch, THREADS));
        s->y[l] = take_memory(steps * batch * width * sizeof(float));
        rnnp_recurrent_pack(layer, &source, s->memory[2 * l], 0, 1);
        s->stack[l].layer = layer;
        s->stack[l].call = (rnnp_recurrent_call){.packed = s->memory[2 * l],
                                                 .steps = steps,
                                                 .batch = batch,
                                                 .x = l ? s->y[l - 1] : s->x,
                                                 .x_step = batch * hidden,
                                                 .x_row = hidden,
                                                 .y = s->y[l],
                                                 .y_step = batch * width,
                                                 .y_dir = batch * hidden,
                                                 .y_row = hidden,
                                                 .workspace = s->memory[2 * l + 1]};
    }
    free(w);
}

static void drop(subject *s)
{
    for (size_t l = 0; l < s->layers; l++) {
        free(s->memory[2 * l]);
        free(s->memory[2 * l + 1]);
        free(s->y[l]);
    }
    free(s->x);
}

static void set_team(subject *s, rnnp_team *team)
{
    for (size_t l = 0; l < s->layers; l++) s->stack[l].call.team = team;
}

static void forward(subject *s, rnnp_stack_schedule schedule)
{
    if (s->layers == 1)
        rnnp_recurrent_forward(&s->layer[0], &s->stack[0].call);
    else
        rnnp_stack_forward(s->stack, s->layers, &(rnnp_stack_choice){.schedule = schedule});
}

/* Until it has run for a while, but not less than three times. */
static int is_enough(size_t runs, double begun) { return runs >= 3 && rnnp_clock() - begun > 20e-3; }

static double shortest(subject *s, rnnp_stack_schedule schedule)
{
    const double begun = rnnp_clock();
    double least = INFINITY;

    for (size_t runs = 0; !is_enough(runs, begun); runs++) {
        const double start = rnnp_clock();
        forward(s, schedule);
        least = fmin(least, rnnp_clock() - start);
    }
    return 1e9 * least;
}

/* ---- Phases ---- */

typedef struct recorder {
    size_t only, phase, shares; /* the share that is run, or ALL; phases so far; shares of the last */
    double run;                 /* ns of all shares that were run */
    double ns[PHASES][THREADS]; /* shortest so far */
} recorder;

static void run_one(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    recorder *r = user;

    if (r->phase == PHASES) fail("too many phases");
    for (size_t i = 0; r->only == ALL && i < n; i++) task(arg, i);
    if (r->only < n) {
        const unsigned long long start = rnnp_clock_ns();
        task(arg, r->only);
        const double ns = (double)(rnnp_clock_ns() - start);
        r->run += ns;
        r->ns[r->phase][r->only] = fmin(r->ns[r->phase][r->only], ns);
    }
    r->phase++;
    r->shares = n;
}

/* What a call takes, and what of that are barriers. */
typedef struct outcome {
    double ns, barriers;
    size_t threads;
    rnnp_stack_schedule schedule;
} outcome;

/* The state of a step: all that a thread reads of it or writes is read or written by others too. */
static double exchange_ns(const machine *m, const subject *s, size_t threads)
{
    return rnnp_loop_largest_share(&s->layer[0], 0, s->stack[0].call.batch, threads).state / m->exchange;
}

static outcome simulate_phases(const machine *m, subject *s, size_t threads, rnnp_stack_schedule schedule, double alone)
{
    static recorder r;
    const rnnp_parallel host = {&r, threads, run_one};
    outcome o = {alone, 0, 1, schedule};
    double serial = INFINITY;
    size_t most = threads, groups = s->layer[0].direction == RNNP_DIRECTION_BIDIRECTIONAL ? 2 : 1;
    rnnp_team *team;

    if (schedule == RNNP_SCHEDULE_GROUPS) groups = s->layers;
    if (rnnp_team_create(&m->context->allocator, threads, threads, &host, &team) != RNNP_OK) fail("no team");
    set_team(s, team);
    for (size_t p = 0; p < PHASES; p++)
        for (size_t i = 0; i < THREADS; i++) r.ns[p][i] = INFINITY;
    r.phase = r.shares = 0;
    r.only = ALL; /* what a share reads of others are numbers, then, and not what else was in that memory */
    forward(s, schedule);
    for (r.only = 0; r.only < most; r.only++) {
        const double begun = rnnp_clock();
        for (size_t runs = 0; runs < 3 || (runs < 20 && rnnp_clock() - begun < 20e-3); runs++) {
            r.phase = r.shares = 0;
            r.run = 0;
            const double start = rnnp_clock();
            forward(s, schedule);
            if (r.only == 0) serial = fmin(serial, 1e9 * (rnnp_clock() - start) - r.run);
            most = r.shares;
        }
    }
    set_team(s, NULL);
    rnnp_team_destroy(team);
    if (r.shares == 0) return o; /* on one thread */
    o.threads = r.shares;
    o.barriers = (double)r.phase * (m->barrier_ns + (double)(o.threads - 2) * m->each_ns);
    o.ns = serial + o.barriers;
    if (r.phase >= s->layers * s->stack[0].call.steps || schedule == RNNP_SCHEDULE_GROUPS) /* not in pieces */
        o.ns += (double)r.phase * exchange_ns(m, s, o.threads / groups);
    for (size_t p = 0; p < r.phase; p++) {
        double slowest = 0;
        for (size_t i = 0; i < o.threads; i++) slowest = fmax(slowest, r.ns[p][i]);
        o.ns += slowest;
    }
    return o;
}

/* ---- The wavefront ---- */

typedef struct virtual_thread {
    int stage; /* of its task; -1: none */
    size_t chunk;
    double end;
    const rnnp_loop *last;
} virtual_thread;

typedef double task_costs[RNNP_WAVE_STAGES][CHUNKS];

static double run_task(const rnnp_wave *w, const virtual_thread *t, task_costs costs, int measure)
{
    double *cost = &costs[t->stage][t->chunk];

    if (measure) {
        const double start = rnnp_clock();
        rnnp_wave_run(w, t->stage, t->chunk);
        *cost = fmin(*cost, 1e9 * (rnnp_clock() - start));
    }
    return *cost + HANDOVER_NS;
}

/* One pass on a virtual clock; returns when it ends. */
static double wave_pass(subject *s, size_t threads, task_costs costs, int measure)
{
    static rnnp_wave w;
    virtual_thread t[THREADS];
    double now = 0;

    rnnp_wave_begin(&w, s->stack, s->layers, rnnp_wavefront_chunk(s->stack, s->layers, 0));
    if (w.chunks > CHUNKS) fail("too many chunks");
    for (size_t i = 0; i < threads; i++) t[i] = (virtual_thread){.stage = -1};
    for (;;) {
        virtual_thread *first = NULL;
        for (size_t i = 0; i < threads; i++) {
            if (t[i].stage < 0 && (t[i].stage = rnnp_wave_take(&w, t[i].last, &t[i].chunk)) >= 0)
                t[i].end = now + run_task(&w, &t[i], costs, measure);
            if (t[i].stage >= 0 && (!first || t[i].end < first->end)) first = &t[i];
        }
        if (!first) break;
        now = first->end;
        rnnp_wave_done(&w, first->stage, first->chunk);
        first->last = w.stage[first->stage].loop;
        first->stage = -1;
    }
    for (size_t l = 0; l < s->layers; l++) rnnp_loop_end_direction(&w.loop[l]);
    return now;
}

static outcome simulate_wavefront(subject *s, size_t threads)
{
    static task_costs costs;
    const double begun = rnnp_clock();

    for (size_t i = 0; i < RNNP_WAVE_STAGES; i++)
        for (size_t k = 0; k < CHUNKS; k++) costs[i][k] = INFINITY;
    for (size_t runs = 0; !is_enough(runs, begun); runs++) wave_pass(s, threads, costs, 1);
    return (outcome){wave_pass(s, threads, costs, 0), 0, threads, RNNP_SCHEDULE_WAVEFRONT};
}

/* What the library would choose, and the best of all schedules. */
static outcome simulate(const machine *m, subject *s, size_t threads, double alone, outcome *best)
{

    rnnp_team *team;
    outcome chosen = {alone, 0, 1, RNNP_SCHEDULE_LAYERS};

    if (s->layers == 1) return *best = simulate_phases(m, s, threads, RNNP_SCHEDULE_LAYERS, alone);
    const rnnp_parallel host = {NULL, threads, run_one};

    if (rnnp_team_create(&m->context->allocator, threads, threads, &host, &team) != RNNP_OK) fail("no team");
    set_team(s, team);
    const rnnp_stack_schedule schedule = rnnp_stack_fastest(s->stack, s->layers);
    set_team(s, NULL);
    rnnp_team_destroy(team);
    best->ns = INFINITY;
    for (rnnp_stack_schedule k = RNNP_SCHEDULE_LAYERS; k <= RNNP_SCHEDULE_GROUPS; k++) {
        if (k == RNNP_SCHEDULE_GROUPS && threads <= s->layers) continue;
        const outcome o =
            k == RNNP_SCHEDULE_WAVEFRONT ? simulate_wavefront(s, threads) : simulate_phases(m, s, threads, k, alone);
        if (o.ns < best->ns) *best = o;
        if (k == schedule) chosen = o;
    }
    return chosen;
}

/* ---- The machine ---- */

enum { MOST_EXCHANGED = 128 * 1024 };

/* The state of a layer by turns in two halves. */
typedef struct exchange {
    float *h[2];
    size_t floats;
    float sum[2][16]; /* so that reading is not left out */
} exchange;

/* Each thread reads all that was written in the phase before, and writes its share. */
static void exchange_phase(void *arg, size_t phase, size_t i, size_t n)
{
    exchange *e = arg;
    const float *from = e->h[phase % 2];
    float *to = e->h[(phase + 1) % 2], sum[16] = {0};
    const size_t share = e->floats / 2;

    for (size_t k = 0; k < e->floats; k += 16) {
        for (size_t j = 0; j < 16; j++) sum[j] += from[k + j];
    }
    for (size_t k = i * share; k < (i + 1) * share; k++) to[k] = (float)phase;
    for (size_t j = 0; j < 16; j++) e->sum[i % 2][j] = sum[j];
    (void)n;
}

/* What a phase takes two threads more than one alone: the barrier, and reading the half that the other wrote. */
static double meeting_ns(rnnp_team *team, exchange *e, size_t bytes)
{
    enum { ROUNDS = 1000 };
    double least[2] = {INFINITY, INFINITY};

    e->floats = bytes / sizeof(float);
    for (int i = 0; i < 20; i++) {
        double start = rnnp_clock();
        for (size_t p = 0; p < ROUNDS; p++) exchange_phase(e, p, 0, 1);
        least[0] = fmin(least[0], rnnp_clock() - start);
        start = rnnp_clock();
        rnnp_team_each(team, ROUNDS, exchange_phase, e);
        least[1] = fmin(least[1], rnnp_clock() - start);
    }
    return 1e9 * (least[1] - least[0]) / ROUNDS;
}

static void measure(machine *m)
{
    enum { FEW = 1024, MANY = MOST_EXCHANGED };
    rnnp_context_options with;
    rnnp_context *two;
    exchange e = {.h = {take_memory(MOST_EXCHANGED), take_memory(MOST_EXCHANGED)}};

    rnnp_context_options_init(&with);
    if (rnnp_context_create(&with, &m->context) != RNNP_OK) fail("no context");
    with.threads = 2;
    if (rnnp_context_create(&with, &two) != RNNP_OK) fail("no context of two threads");
    const double few = meeting_ns(two->team, &e, FEW), many = meeting_ns(two->team, &e, MANY);
    m->exchange = (MANY - FEW) / 2.0 / (many - few);
    m->barrier_ns = few - FEW / 2.0 / m->exchange;
    free(e.h[0]);
    free(e.h[1]);
    rnnp_context_destroy(two);
}

/* ---- Tables ---- */

typedef struct options {
    const char *cell;
    size_t hidden, batch; /* 0: all */
    int check;
} options;

static size_t steps_of(size_t hidden) { return hidden < 256 ? 100 : 50; }

static const char *const letters[] = {"", "", "w", "g"};

static void print_row(const machine *m, const kind *k, const arrangement *a, size_t hidden, size_t batch)
{
    subject s;
    outcome last = {0}, best;

    make(m, k, a, hidden, batch, steps_of(hidden), &s);
    const double alone = shortest(&s, RNNP_SCHEDULE_LAYERS);
    printf("| %zu, %zu | %.0f |", hidden, batch, alone / 1e3);
    for (size_t n = 2; n <= THREADS; n *= 2) {
        last = simulate(m, &s, n, alone, &best);
        printf(" %.1f%s", alone / last.ns, letters[last.schedule]);
        if (best.ns < 0.95 * last.ns) printf(" (%.1f%s)", alone / best.ns, letters[best.schedule]);
        printf(" |");
    }
    printf(" %zu | %.0f %% |\n", last.threads, 100 * last.barriers / last.ns);
    fflush(stdout);
    drop(&s);
}

static void print_check(const machine *m, const kind *k, const arrangement *a, size_t hidden, size_t batch)
{
    subject s;
    outcome best;
    rnnp_context_options of_two;
    rnnp_context *two;

    rnnp_context_options_init(&of_two);
    of_two.threads = 2;
    if (rnnp_context_create(&of_two, &two) != RNNP_OK) fail("no context of two threads");
    make(m, k, a, hidden, batch, steps_of(hidden), &s);
    const double alone = shortest(&s, RNNP_SCHEDULE_LAYERS);
    const outcome o = simulate(m, &s, 2, alone, &best);
    set_team(&s, two->team);
    const double real = shortest(&s, o.schedule);
    printf("| %zu, %zu | %.0f | %.2f | %.2f | %+.0f %% |\n", hidden, batch, alone / 1e3, alone / o.ns, alone / real,
           100 * (o.ns / real - 1));
    fflush(stdout);
    set_team(&s, NULL);
    drop(&s);
    rnnp_context_destroy(two);
}

static void print_table(const machine *m, const options *o, const kind *k, const arrangement *a)
{
    static const size_t hiddens[] = {128, 256, 512, 1024}, batches[] = {1, 4, 16, 64};

    if (o->check)
        printf("\n%s, %s\n\n| hidden, batch | one thread, us | two virtual | two real | virtual over real |\n"
               "|---|---|---|---|---|\n",
               k->label, a->name);
    else
        printf("\n%s, %s\n\n| hidden, batch | one thread, us | 2 | 4 | 8 | 16 | 32 | threads of 32 | barriers |\n"
               "|---|---|---|---|---|---|---|---|---|\n",
               k->label, a->name);
    for (size_t h = 0; h < sizeof hiddens / sizeof *hiddens; h++)
        for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
            if ((o->hidden && o->hidden != hiddens[h]) || (o->batch && o->batch != batches[b])) continue;
            (o->check ? print_check : print_row)(m, k, a, hiddens[h], batches[b]);
        }
}

int main(int argc, char **argv)
{
    options o = {0};
    machine m = {.each_ns = 30};

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        const int is_cell = !strcmp(argv[i], "--cell"), is_hidden = !strcmp(argv[i], "--hidden"),
                  is_batch = !strcmp(argv[i], "--batch"), is_each = !strcmp(argv[i], "--each");
        if (!strcmp(argv[i], "--check")) {
            o.check = 1;
            continue;
        }
        if (!*value || !(is_cell || is_hidden || is_batch || is_each)) fail("see the first lines of bench/threads.c");
        if (is_cell) o.cell = value;
        if (is_hidden) o.hidden = (size_t)atol(value);
        if (is_batch) o.batch = (size_t)atol(value);
        if (is_each) m.each_ns = atof(value);
        i++;
    }
    measure(&m);
    printf("a barrier takes two threads %.0f ns, and %.0f ns for each more; %.1f GB/s from another core's cache\n",
           m.barrier_ns, m.each_ns, m.exchange);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t a = 0; a < sizeof arrangements / sizeof *arrangements; a++)
            if (!o.cell || !strcmp(o.cell, kinds[k].name)) print_table(&m, &o, &kinds[k], &arrangements[a]);
    rnnp_context_destroy(m.context);
    return 0;
}
