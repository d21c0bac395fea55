/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "trial.h"

#include "../kernels/probe.h"
#include "../src/cells/weights.h"
#include "search.h"

#include <string.h>
#include <time.h>

enum { LAYOUT_CHARS = 256 };

typedef struct block {
    struct block *next;
    size_t bytes;
    char layout[LAYOUT_CHARS];
    void *packed;
} block;

typedef struct prepared {
    rnnp_recurrent layer;              /* first: what callers hold */
    struct prepared *next;
    const void *packed;
} prepared;

struct rnnp_stand {
    rnnp_context *context;
    rnnp_recurrent layer;
    size_t batch, steps, threads, turn;
    size_t weights, inputs, states, outputs; /* floats */
    float *w, *x, *h, *y, *wanted;     /* h: h and c, initial states; y: outputs, then final states */
    rnnp_recurrent_source source;
    block *blocks;
    prepared *prepared;
    void *workspace;
    size_t workspace_bytes;
    int verified;                      /* wanted holds the first run's outputs */
};

double rnnp_search_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Numbers in (-scale, scale), the same in every run. */
static void fill(float *p, size_t n, uint32_t seed, float scale)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = ((float)(seed >> 8) * 0x1p-23f - 1.0f) * scale;
    }
}

static float *alloc_floats(const rnnp_context *context, size_t n)
{
    size_t bytes;

    return rnnp_mul_overflow(n, sizeof(float), &bytes) ? NULL : rnnp_alloc(context, bytes);
}

rnnp_status rnnp_stand_create(rnnp_context *context, const rnnp_recurrent *layer, size_t batch, size_t steps,
                              size_t threads, rnnp_stand **stand)
{
    const size_t D = rnnp_directions(layer->direction), G = rnnp_cell_gates(layer->cell), H = layer->hidden;

    *stand = NULL;
    if (!rnnp_recurrent_fits(layer->input, H, batch, threads))
        return rnnp_fail(context, RNNP_ERR_MEMORY, "a layer of %zu units for batch %zu does not fit in memory", H, batch);
    rnnp_stand *s = rnnp_calloc(context, sizeof *s);
    if (!s)
        return RNNP_ERR_MEMORY;
    s->context = context;
    s->layer = *layer;
    s->batch = batch;
    s->steps = steps;
    s->threads = threads;
    s->weights = D * G * H * (layer->input + H + 2);
    s->inputs = steps * batch * layer->input;
    s->states = 2 * D * batch * H;
    s->outputs = steps * batch * D * H + s->states;
    s->w = alloc_floats(context, s->weights);
    s->x = alloc_floats(context, s->inputs);
    s->h = alloc_floats(context, s->states);
    s->y = alloc_floats(context, s->outputs);
    s->wanted = alloc_floats(context, s->outputs);
    if (!s->w || !s->x || !s->h || !s->y || !s->wanted) {
        rnnp_stand_destroy(s);
        return RNNP_ERR_MEMORY;
    }
    fill(s->w, s->weights, 1, 1.0f / (float)(1 + H / 16));
    fill(s->x, s->inputs, 2, 1.0f);
    fill(s->h, s->states, 3, 1.0f);
    memset(s->y, 0, s->outputs * sizeof *s->y);
    s->source = (rnnp_recurrent_source){.w = s->w, .r = s->w + D * G * H * layer->input,
                                        .b = s->w + D * G * H * (layer->input + H)};
    *stand = s;
    return RNNP_OK;
}

void rnnp_stand_destroy(rnnp_stand *s)
{
    if (!s)
        return;
    for (block *b = s->blocks, *next; b; b = next) {
        next = b->next;
        rnnp_free(s->context, b->packed, b->bytes);
        rnnp_free(s->context, b, sizeof *b);
    }
    for (prepared *p = s->prepared, *next; p; p = next) {
        next = p->next;
        rnnp_free(s->context, p, sizeof *p);
    }
    rnnp_free(s->context, s->workspace, s->workspace_bytes);
    rnnp_free(s->context, s->w, s->weights * sizeof(float));
    rnnp_free(s->context, s->x, s->inputs * sizeof(float));
    rnnp_free(s->context, s->h, s->states * sizeof(float));
    rnnp_free(s->context, s->y, s->outputs * sizeof(float));
    rnnp_free(s->context, s->wanted, s->outputs * sizeof(float));
    rnnp_free(s->context, s, sizeof *s);
}

/* The weights as the layer packs them. */
static const void *packed_for(rnnp_stand *s, const rnnp_recurrent *layer)
{
    char layout[LAYOUT_CHARS];

    rnnp_recurrent_layout(layer, layout, sizeof layout);
    for (block *b = s->blocks; b; b = b->next) {
        if (strcmp(b->layout, layout) == 0)
            return b->packed;
    }
    block *b = rnnp_calloc(s->context, sizeof *b);
    if (!b)
        return NULL;
    b->bytes = rnnp_recurrent_pack_bytes(layer);
    b->packed = b->bytes == SIZE_MAX ? NULL : rnnp_alloc(s->context, b->bytes);
    if (!b->packed) {
        rnnp_free(s->context, b, sizeof *b);
        return NULL;
    }
    memcpy(b->layout, layout, sizeof layout);
    rnnp_recurrent_pack(layer, &s->source, b->packed, 0, 1);
    b->next = s->blocks;
    s->blocks = b;
    return b->packed;
}

static int make_room(rnnp_stand *s, size_t bytes)
{
    if (bytes <= s->workspace_bytes)
        return 1;
    void *larger = bytes == SIZE_MAX ? NULL : rnnp_alloc(s->context, bytes);
    if (!larger)
        return 0;
    rnnp_free(s->context, s->workspace, s->workspace_bytes);
    s->workspace = larger;
    s->workspace_bytes = bytes;
    return 1;
}

const rnnp_recurrent *rnnp_stand_prepare(rnnp_stand *s, const rnnp_recurrent_choice *choice)
{
    prepared *p = rnnp_calloc(s->context, sizeof *p);

    if (!p)
        return NULL;
    p->layer = s->layer;
    p->layer.choice = *choice;
    rnnp_recurrent_prepare(&p->layer);
    p->packed = packed_for(s, &p->layer);
    if (!p->packed || !make_room(s, rnnp_recurrent_workspace(&p->layer, s->steps, s->batch, s->threads))) {
        rnnp_free(s->context, p, sizeof *p);
        return NULL;
    }
    p->next = s->prepared;
    s->prepared = p;
    return &p->layer;
}

/* The way kernels.h calls a layer: time first, dense, initial and final states. */
static void run(rnnp_stand *s, const rnnp_recurrent *layer)
{
    const prepared *p = (const prepared *)layer;
    const size_t B = s->batch, I = layer->input, H = layer->hidden, D = rnnp_directions(layer->direction);
    float *last = s->y + s->steps * B * D * H;
    const int lstm = layer->cell == RNNP_CELL_LSTM;
    const rnnp_recurrent_call call = {
        .packed = p->packed, .steps = s->steps, .batch = B, .x = s->x, .x_step = B * I, .x_row = I,
        .h0 = s->h, .c0 = lstm ? s->h + D * B * H : NULL, .h0_dir = B * H, .h0_row = H,
        .y = s->y, .y_step = D * B * H, .y_dir = B * H, .y_row = H,
        .h = last, .c = lstm ? last + D * B * H : NULL, .h_dir = B * H, .h_row = H,
        .team = s->threads > 1 ? s->context->team : NULL, .threads = s->threads, .workspace = s->workspace,
        .turn = s->turn++,
    };

    rnnp_recurrent_forward(layer, &call);
}

int rnnp_stand_verify(rnnp_stand *s, const rnnp_recurrent *layer)
{
    run(s, layer);
    if (s->verified)
        return memcmp(s->wanted, s->y, s->outputs * sizeof *s->y) == 0;
    memcpy(s->wanted, s->y, s->outputs * sizeof *s->y);
    s->verified = 1;
    return 1;
}

/* Between the calls of a program that does something else workers fall asleep, so a sample begins with them asleep. */
static void let_workers_sleep(const rnnp_stand *s)
{
    const double start = rnnp_search_clock(), most = 1e-3;

    while (s->threads > 1 && rnnp_team_is_awake(s->context->team) && rnnp_search_clock() - start < most)
        ;
}

double rnnp_stand_time(rnnp_stand *s, const rnnp_recurrent *layer, size_t calls)
{
    let_workers_sleep(s);
    run(s, layer);
    const double start = rnnp_search_clock();
    for (size_t i = 0; i < calls; i++)
        run(s, layer);
    return (rnnp_search_clock() - start) * 1e9 / (double)calls;
}

static void probe(void *arg, size_t phase, size_t i, size_t n)
{
    enum { ROUNDS = 2000 }; /* some 8 microseconds */
    const rnnp_stand *s = arg;

    (void)phase;
    (void)n;
    if (i < s->threads)
        rnnp_probes[s->context->selection.isa]->fma(ROUNDS);
}

double rnnp_stand_calibrate(rnnp_stand *s)
{
    rnnp_team *team = s->threads > 1 ? s->context->team : NULL;

    rnnp_team_phases(team, 1, probe, s); /* awake, for the timed one */
    const double start = rnnp_search_clock();
    rnnp_team_phases(team, 1, probe, s);
    return (rnnp_search_clock() - start) * 1e9;
}
