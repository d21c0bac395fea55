/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

#include "../kernels/probe.h"
#include "../src/cells/weights.h"
#include "../src/clock.h"

#include <string.h>

enum { LAYOUT_CHARS = 256 };

typedef struct block {
    struct block *next;
    size_t bytes, layer;
    char layout[LAYOUT_CHARS];
    float *packed;
} block;

struct rnnp_prepared {
    rnnp_prepared *next;
    size_t bytes; /* of this block */
    const float *packed[RNNP_STACK_LAYERS];
    size_t workspace[RNNP_STACK_LAYERS]; /* of each layer in the stand's, bytes */
    rnnp_choice choice;
    rnnp_recurrent layer[]; /* [layers] */
};

struct rnnp_stand {
    const rnnp_context *context;
    rnnp_subject subject;
    size_t turn;
    size_t weights, inputs, states, outputs; /* floats */
    float *w, *x, *h, *y, *wanted; /* h: h and c, initial states of all; y: outputs and final states of each layer */
    block *blocks;
    rnnp_prepared *prepared;
    char *workspace;
    size_t workspace_bytes;
    int verified; /* wanted holds the first run's outputs */
};

/* ---- Sizes of a layer, in floats ---- */

static size_t directions(const rnnp_recurrent *l) { return rnnp_directions(l->direction); }
static size_t gated(const rnnp_recurrent *l) { return directions(l) * rnnp_cell_of(l->cell)->gates * l->hidden; }
static size_t weights_of(const rnnp_recurrent *l) { return gated(l) * (l->input + l->hidden + 2); }
static size_t states_of(const rnnp_recurrent *l, size_t batch) { return directions(l) * batch * l->hidden; }

/* h and c behind y. */
static size_t outputs_of(const rnnp_recurrent *l, const rnnp_shape *s)
{
    return (s->steps + 2) * states_of(l, s->batch);
}

/* ---- The stand ---- */

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

static int fits(const rnnp_subject *s)
{
    const double floats = (double)s->shape.input * (double)s->shape.hidden +
                          (double)s->shape.batch * ((double)s->shape.input + (double)s->shape.hidden);

    for (size_t l = 0; l < s->layers; l++) {
        if (!rnnp_recurrent_fits(s->layer[l].input, s->layer[l].hidden, s->shape.batch, s->threads)) return 0;
    }
    return floats < 0x1p56;
}

static void measure(rnnp_stand *s)
{
    const rnnp_shape *shape = &s->subject.shape;

    s->inputs = shape->steps * shape->batch * shape->input;
    if (s->subject.layers == 0) {
        s->weights = (shape->input + 1) * shape->hidden;
        s->outputs = shape->batch * shape->hidden;
        return;
    }
    s->states = 2 * states_of(&s->subject.layer[0], shape->batch);
    for (size_t l = 0; l < s->subject.layers; l++) {
        s->weights += weights_of(&s->subject.layer[l]);
        s->outputs += outputs_of(&s->subject.layer[l], shape);
    }
}

rnnp_status rnnp_stand_create(const rnnp_context *context, const rnnp_subject *subject, rnnp_stand **stand)
{
    const rnnp_shape *shape = &subject->shape;

    *stand = NULL;
    if (!fits(subject))
        return rnnp_fail(context, RNNP_ERR_MEMORY, "a layer of %zu units for batch %zu does not fit in memory",
                         shape->hidden, shape->batch);
    rnnp_stand *s = rnnp_calloc(context, sizeof *s);
    if (!s) return RNNP_ERR_MEMORY;
    s->context = context;
    s->subject = *subject;
    measure(s);
    s->w = alloc_floats(context, s->weights);
    s->x = alloc_floats(context, s->inputs);
    s->h = alloc_floats(context, s->states);
    s->y = alloc_floats(context, s->outputs);
    s->wanted = alloc_floats(context, s->outputs);
    if (!s->w || !s->x || !s->h || !s->y || !s->wanted) {
        rnnp_stand_destroy(s);
        return RNNP_ERR_MEMORY;
    }
    fill(s->w, s->weights, 1, 1.0f / (float)(1 + shape->hidden / 16));
    fill(s->x, s->inputs, 2, 1.0f);
    fill(s->h, s->states, 3, 1.0f);
    memset(s->y, 0, s->outputs * sizeof *s->y);
    *stand = s;
    return RNNP_OK;
}

void rnnp_stand_destroy(rnnp_stand *s)
{
    if (!s) return;
    for (block *b = s->blocks, *next; b; b = next) {
        next = b->next;
        rnnp_free(s->context, b->packed, b->bytes);
        rnnp_free(s->context, b, sizeof *b);
    }
    for (rnnp_prepared *p = s->prepared, *next; p; p = next) {
        next = p->next;
        rnnp_free(s->context, p, p->bytes);
    }
    rnnp_free(s->context, s->workspace, s->workspace_bytes);
    rnnp_free(s->context, s->w, s->weights * sizeof(float));
    rnnp_free(s->context, s->x, s->inputs * sizeof(float));
    rnnp_free(s->context, s->h, s->states * sizeof(float));
    rnnp_free(s->context, s->y, s->outputs * sizeof(float));
    rnnp_free(s->context, s->wanted, s->outputs * sizeof(float));
    rnnp_free(s->context, s, sizeof *s);
}

/* ---- Packing ---- */

/* The block of a layer with this layout, and whether it is new and to be filled. NULL without memory. */
static float *find_block(rnnp_stand *s, size_t layer, const char *layout, size_t bytes, int *is_new)
{
    *is_new = 0;
    for (block *b = s->blocks; b; b = b->next) {
        if (b->layer == layer && strcmp(b->layout, layout) == 0) return b->packed;
    }
    block *b = rnnp_calloc(s->context, sizeof *b);
    if (!b) return NULL;
    b->bytes = bytes;
    b->layer = layer;
    b->packed = bytes == SIZE_MAX ? NULL : rnnp_alloc(s->context, bytes);
    if (!b->packed) {
        rnnp_free(s->context, b, sizeof *b);
        return NULL;
    }
    memcpy(b->layout, layout, strlen(layout) + 1);
    b->next = s->blocks;
    s->blocks = b;
    *is_new = 1;
    return b->packed;
}

static const float *pack_layer(rnnp_stand *s, size_t l, const rnnp_recurrent *layer)
{
    const float *w = s->w;
    char layout[LAYOUT_CHARS];
    int is_new;

    for (size_t below = 0; below < l; below++) w += weights_of(&s->subject.layer[below]);
    const rnnp_recurrent_source source = {
        .w = w, .r = w + gated(layer) * layer->input, .b = w + gated(layer) * (layer->input + layer->hidden)};
    rnnp_recurrent_layout(layer, layout, sizeof layout);
    float *packed = find_block(s, l, layout, rnnp_recurrent_pack_bytes(layer), &is_new);
    if (is_new) rnnp_recurrent_pack(layer, &source, packed, 0, 1);
    return packed;
}

static const float *pack_dense(rnnp_stand *s, const rnnp_variant *kernel)
{
    const size_t n = s->subject.shape.hidden, k = s->subject.shape.input;
    char layout[LAYOUT_CHARS];
    int is_new;

    rnnp_product_layout(kernel, n, k, 1, layout, sizeof layout);
    float *packed = find_block(s, 0, layout, rnnp_product_bytes(kernel, n, k, 1), &is_new);
    if (is_new) rnnp_product_pack(kernel, packed, s->w, n, k, k, 1, 0, 1);
    return packed;
}

static int make_room(rnnp_stand *s, size_t bytes)
{
    if (bytes <= s->workspace_bytes) return 1;
    void *larger = bytes == SIZE_MAX ? NULL : rnnp_alloc(s->context, bytes);
    if (!larger) return 0;
    rnnp_free(s->context, s->workspace, s->workspace_bytes);
    s->workspace = larger;
    s->workspace_bytes = bytes;
    return 1;
}

static int prepare_layers(rnnp_stand *s, rnnp_prepared *p)
{
    const rnnp_subject *u = &s->subject;
    size_t room = 0;

    for (size_t l = 0; l < u->layers; l++) {
        rnnp_recurrent *layer = &p->layer[l];

        *layer = u->layer[l];
        if (u->layers == 1) layer->choice = p->choice.layer;
        rnnp_recurrent_prepare(layer);
        p->packed[l] = pack_layer(s, l, layer);
        p->workspace[l] = room;
        const size_t bytes = rnnp_recurrent_workspace(layer, u->shape.steps, u->shape.batch, u->threads);
        if (!p->packed[l] || bytes > SIZE_MAX - 63 || rnnp_add_overflow(room, (bytes + 63) / 64 * 64, &room)) return 0;
    }
    return make_room(s, room);
}

static int prepare_dense(rnnp_stand *s, rnnp_prepared *p)
{
    const rnnp_shape *shape = &s->subject.shape;
    rnnp_product *product = &p->choice.product;

    if (!product->kernel)
        product->kernel =
            rnnp_product_kernel(s->subject.select, (rnnp_format)shape->weights, shape->hidden, shape->input);
    p->packed[0] = pack_dense(s, product->kernel);
    const size_t scratch = rnnp_product_scratch(product->kernel, shape->batch, shape->input, s->subject.threads);
    return p->packed[0] != NULL && scratch < SIZE_MAX / sizeof(float) && make_room(s, scratch * sizeof(float));
}

const rnnp_prepared *rnnp_stand_prepare(rnnp_stand *s, const char *words)
{
    const size_t bytes = sizeof(rnnp_prepared) + s->subject.layers * sizeof(rnnp_recurrent);
    rnnp_prepared *p = rnnp_calloc(s->context, bytes);

    if (!p) return NULL;
    p->bytes = bytes;
    rnnp_choice_read(s->subject.shape.kind, words, &p->choice);
    if (s->subject.layers ? !prepare_layers(s, p) : !prepare_dense(s, p)) {
        rnnp_free(s->context, p, bytes);
        return NULL;
    }
    p->next = s->prepared;
    s->prepared = p;
    return p;
}

/* ---- Running ---- */

static void run_dense(const rnnp_stand *s, const rnnp_prepared *p)
{
    const rnnp_shape *shape = &s->subject.shape;
    const size_t n = shape->hidden, k = shape->input;
    const rnnp_gemm_args args = {.m = shape->batch,
                                 .n = n,
                                 .k = k,
                                 .a = s->x,
                                 .lda = k,
                                 .b = p->packed[0],
                                 .c0 = s->w + n * k,
                                 .c = s->y,
                                 .ldc = n,
                                 .scratch = (float *)(void *)s->workspace};

    rnnp_product_forward(&p->choice.product, &args, s->subject.threads > 1 ? s->context->team : NULL,
                         s->subject.threads);
}

/* The way kernels.h calls a layer: time first, dense, initial and final states. */
static void run_layers(rnnp_stand *s, const rnnp_prepared *p, size_t steps)
{
    const rnnp_subject *u = &s->subject;
    const size_t B = u->shape.batch, turn = s->turn++;
    rnnp_stacked stack[RNNP_STACK_LAYERS];
    const float *x = s->x;
    float *y = s->y;

    for (size_t l = 0; l < u->layers; l++) {
        const rnnp_recurrent *layer = &p->layer[l];
        const size_t I = layer->input, H = layer->hidden, D = directions(layer), states = states_of(layer, B);
        float *last = y + u->shape.steps * states;

        stack[l].layer = layer;
        stack[l].call = (rnnp_recurrent_call){
            .packed = p->packed[l],
            .steps = steps,
            .batch = B,
            .x = x,
            .x_step = B * I,
            .x_row = I,
            .h0 = s->h,
            .c0 = layer->has_c ? s->h + states : NULL,
            .h0_dir = B * H,
            .h0_row = H,
            .y = y,
            .y_step = D * B * H,
            .y_dir = B * H,
            .y_row = H,
            .h = last,
            .c = layer->has_c ? last + states : NULL,
            .h_dir = B * H,
            .h_row = H,
            .team = u->threads > 1 ? s->context->team : NULL,
            .threads = u->threads,
            .workspace = s->workspace + p->workspace[l],
            .turn = turn,
        };
        x = y;
        y += outputs_of(layer, &u->shape);
    }
    if (u->layers == 1)
        rnnp_recurrent_forward(stack[0].layer, &stack[0].call);
    else
        rnnp_stack_forward(stack, u->layers, &p->choice.stack);
}

static void run(rnnp_stand *s, const rnnp_prepared *p, size_t steps)
{
    if (s->subject.layers)
        run_layers(s, p, steps);
    else
        run_dense(s, p);
}

int rnnp_stand_verify(rnnp_stand *s, const rnnp_prepared *p, double *ns)
{
    const double start = rnnp_clock();

    run(s, p, s->subject.shape.steps);
    *ns = (rnnp_clock() - start) * 1e9;
    if (s->verified) return memcmp(s->wanted, s->y, s->outputs * sizeof *s->y) == 0;
    memcpy(s->wanted, s->y, s->outputs * sizeof *s->y);
    s->verified = 1;
    return 1;
}

/* Calls in a row, as a sample times them, find workers awake. So a sample begins neither with workers that happen to be
 * awake from the one before nor with some that are waking: they sleep, and are called until they work. */
static void let_workers_sleep(const rnnp_stand *s)
{
    const double start = rnnp_clock(), most = 1e-3;

    while (s->subject.threads > 1 && rnnp_team_is_awake(s->context->team) && rnnp_clock() - start < most)
        ;
}

static void warm_up(rnnp_stand *s, const rnnp_prepared *p)
{
    const size_t steps = s->subject.shape.steps, some = steps / 8 + 2;
    const double start = rnnp_clock();

    run(s, p, some < steps ? some : steps);
    while (s->subject.threads > 1 && rnnp_clock() - start < RNNP_WARM_UP_SECONDS) run(s, p, steps);
}

double rnnp_stand_time(rnnp_stand *s, const rnnp_prepared *p, size_t calls)
{
    let_workers_sleep(s);
    warm_up(s, p);
    const double start = rnnp_clock();
    for (size_t i = 0; i < calls; i++) run(s, p, s->subject.shape.steps);
    return (rnnp_clock() - start) * 1e9 / (double)calls;
}

static void probe(void *arg, size_t phase, size_t i, size_t n)
{
    enum { ROUNDS = 20000 }; /* some 6 microseconds */
    const rnnp_stand *s = arg;

    (void)phase;
    (void)n;
    if (i < s->subject.threads) rnnp_probe_loop(ROUNDS);
}

double rnnp_stand_calibrate(rnnp_stand *s)
{
    rnnp_team *team = s->subject.threads > 1 ? s->context->team : NULL;

    rnnp_team_each(team, 1, probe, s); /* awake, for the timed one */
    const double start = rnnp_clock();
    rnnp_team_each(team, 1, probe, s);
    return (rnnp_clock() - start) * 1e9;
}
