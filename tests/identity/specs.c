/* SPDX-License-Identifier: Apache-2.0 */
#include "specs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sizes: one unit, less than a vector, whole vectors, ragged panels; batches of 1, some rows, and more than one tile.
 * How many threads a call takes follows from estimates (src/cells/recurrent.c): a step has
 * 2 * gates * hidden * (hidden + input) * batch flops, and most of these have enough. */
#define IN_FORMAT(text, format)                                                                                 \
    {text " rnn", .cell = RNNP_CELL_RNN, .hidden = 50, .input = 5, .batch = 7, .weights = format},              \
        {text " lstm", .cell = RNNP_CELL_LSTM, .hidden = 7, .input = 9, .batch = 4, .weights = format},         \
        {text " lstm", .cell = RNNP_CELL_LSTM, .hidden = 128, .input = 40, .batch = 16, .weights = format},     \
        {text " lstm", .cell = RNNP_CELL_LSTM, .hidden = 200, .input = 33, .batch = 2, .weights = format},      \
        {text " lstm peephole", .cell = RNNP_CELL_LSTM, .hidden = 64,     .input = 20, .batch = 5,              \
         .peephole = 1,         .clip = 0.9f,           .weights = format},                                     \
        {text " gru after", .cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_AFTER,                               \
         .hidden = 64,      .input = 21,           .batch = 20,                                                 \
         .in_quick = 1,     .weights = format},                                                                 \
        {text " gru after", .cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_AFTER, .hidden = 200, .input = 1,    \
         .batch = 1,        .weights = format},                                                                 \
        {text " gru before", .cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_BEFORE, .hidden = 200, .input = 33, \
         .batch = 3,         .weights = format},                                                                \
        {text " lstm bidirectional stack",                                                                      \
         .cell = RNNP_CELL_LSTM,                                                                                \
         .direction = RNNP_DIRECTION_BIDIRECTIONAL,                                                             \
         .shape = STACK,                                                                                        \
         .hidden = 64,                                                                                          \
         .input = 11,                                                                                           \
         .batch = 9,                                                                                            \
         .weights = format},                                                                                    \
    {                                                                                                           \
        text " rnn gru lstm", .cell = RNNP_CELL_RNN, .shape = LAYERS, .hidden = 96, .input = 12, .batch = 17,   \
                              .in_quick = 1, .weights = format                                                  \
    }
const spec specs[] = {
    {"rnn", .cell = RNNP_CELL_RNN, .hidden = 1, .input = 3, .batch = 4},
    {"rnn", .cell = RNNP_CELL_RNN, .hidden = 7, .input = 5, .batch = 3, .in_quick = 1},
    {"rnn", .cell = RNNP_CELL_RNN, .hidden = 200, .input = 50, .batch = 7},
    {"lstm", .cell = RNNP_CELL_LSTM, .hidden = 1, .input = 1, .batch = 5},
    {"lstm", .cell = RNNP_CELL_LSTM, .hidden = 7, .input = 9, .batch = 4},
    {"lstm", .cell = RNNP_CELL_LSTM, .hidden = 64, .input = 12, .batch = 19, .in_quick = 1},
    {"lstm", .cell = RNNP_CELL_LSTM, .hidden = 128, .input = 40, .batch = 4},
    {"lstm", .cell = RNNP_CELL_LSTM, .hidden = 200, .input = 33, .batch = 2},
    {"lstm", .cell = RNNP_CELL_LSTM, .hidden = 200, .input = 200, .batch = 1},
    {"lstm", .cell = RNNP_CELL_LSTM, .hidden = 24, .input = 16, .batch = 84},
    {"lstm reverse", .cell = RNNP_CELL_LSTM, .direction = RNNP_DIRECTION_REVERSE, .hidden = 64, .input = 31,
     .batch = 14},
    {"gru after", .cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_AFTER, .hidden = 7, .input = 4, .batch = 3},
    {"gru after", .cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_AFTER, .hidden = 64, .input = 20, .batch = 20,
     .in_quick = 1},
    {"gru after", .cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_AFTER, .hidden = 128, .input = 40, .batch = 6},
    {"gru after", .cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_AFTER, .hidden = 200, .input = 1, .batch = 1},
    {"gru before", .cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_BEFORE, .hidden = 1, .input = 2, .batch = 3},
    {"gru before", .cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_BEFORE, .hidden = 64, .input = 20, .batch = 20,
     .in_quick = 1},
    {"gru before", .cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_BEFORE, .hidden = 200, .input = 33, .batch = 3},
    {"lstm peephole", .cell = RNNP_CELL_LSTM, .hidden = 7, .input = 3, .batch = 3, .peephole = 1,
     .activations = {"HardSigmoid", "Softsign", "ScaledTanh"}, .clip = 0.9f, .in_quick = 1},
    {"lstm peephole", .cell = RNNP_CELL_LSTM, .hidden = 64, .input = 20, .batch = 16, .peephole = 1},
    {"lstm coupled", .cell = RNNP_CELL_LSTM, .hidden = 64, .input = 20, .batch = 16, .peephole = 1, .input_forget = 1,
     .activations = {"Sigmoid", "Elu", "Softplus"}, .clip = 1.5f},
    {"gru custom", .cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_AFTER, .hidden = 64, .input = 20, .batch = 20,
     .activations = {"HardSigmoid", "LeakyRelu"}, .clip = 2.0f},
    {"lstm bidirectional stack", .cell = RNNP_CELL_LSTM, .direction = RNNP_DIRECTION_BIDIRECTIONAL, .shape = STACK,
     .hidden = 64, .input = 11, .batch = 9},
    {"lstm bidirectional stack", .cell = RNNP_CELL_LSTM, .direction = RNNP_DIRECTION_BIDIRECTIONAL, .shape = STACK,
     .hidden = 7, .input = 5, .batch = 3, .in_quick = 1},
    {"gru bidirectional stack", .cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_AFTER,
     .direction = RNNP_DIRECTION_BIDIRECTIONAL, .shape = STACK, .hidden = 128, .input = 9, .batch = 4},
    {"lstm gru lstm", .cell = RNNP_CELL_LSTM, .shape = LAYERS, .hidden = 96, .input = 40, .batch = 3},
    {"rnn gru lstm", .cell = RNNP_CELL_RNN, .shape = LAYERS, .hidden = 64, .input = 12, .batch = 17, .in_quick = 1},
    {"gru gru lstm reverse", .cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_BEFORE, .direction = RNNP_DIRECTION_REVERSE,
     .shape = LAYERS, .hidden = 128, .input = 30, .batch = 1},
    IN_FORMAT("f16", RNNP_WEIGHTS_F16),
    IN_FORMAT("bf16", RNNP_WEIGHTS_BF16),
    IN_FORMAT("s8", RNNP_WEIGHTS_S8),
};
const size_t spec_count = sizeof specs / sizeof specs[0];

void must(rnnp_context *context, rnnp_status status, const char *what)
{
    if (status == RNNP_OK) return;
    printf("FAILED %s: %s: %s\n", what, rnnp_status_string(status), context ? rnnp_last_error(context) : "");
    exit(1);
}

void *must_alloc(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);

    must(NULL, p ? RNNP_OK : RNNP_ERR_MEMORY, "malloc");
    return p;
}

/* ---- Numbers ---- */

void fill(float *x, size_t n, float scale, uint32_t seed)
{
    uint32_t state = seed * 2654435761u + 1;

    for (size_t i = 0; i < n; i++) {
        state ^= state << 13; /* xorshift */
        state ^= state >> 17;
        state ^= state << 5;
        x[i] = ((float)(state >> 8) * 0x1p-23f - 1.0f) * scale;
    }
}

float *make_input(const spec *s)
{
    static const float odd[STEPS] = {12.5f, -88.0f, 1e30f, -0.0f, 0.0f, -1e-45f, 1e-40f, -INFINITY, INFINITY, NAN};
    const size_t row = s->batch * s->input;
    float *x = must_alloc(STEPS * row * sizeof *x);

    fill(x, STEPS * row, 2.0f, 17);
    for (size_t t = 0; s->batch > 2 && t < STEPS; t++) x[t * row + (s->batch - 1) * s->input + t % s->input] = odd[t];
    return x;
}

int32_t *make_lengths(const spec *s)
{
    int32_t *lengths = must_alloc(s->batch * sizeof *lengths);

    for (size_t b = 0; b < s->batch; b++) lengths[b] = (int32_t)((b * 7 + 9) % (STEPS + 1));
    return lengths;
}

/* ---- Models ---- */

typedef struct weights {
    rnnp_recurrent_weights direction[2];
    float *block;
} weights;

static weights make_weights(const rnnp_recurrent_options *o, int peephole, uint32_t seed)
{
    const size_t G = o->cell == RNNP_CELL_LSTM ? 4 : o->cell == RNNP_CELL_GRU ? 3 : 1, H = o->hidden;
    const size_t w = G * H * o->input, r = G * H * H, b = 2 * G * H, p = 3 * H, all = w + r + b + p;
    const float scale = 2.0f / sqrtf((float)H);
    weights out = {.block = must_alloc(2 * all * sizeof(float))};

    for (size_t d = 0; d < 2; d++) {
        float *at = out.block + d * all;

        fill(at, all, scale, seed + (uint32_t)d);
        out.direction[d] = (rnnp_recurrent_weights){
            .w = at, .r = at + w, .bias = at + w + r, .peephole = peephole ? at + w + r + b : NULL};
    }
    return out;
}

static rnnp_recurrent_options options_of(const spec *s)
{
    rnnp_recurrent_options o;
    rnnp_recurrent_options_init(&o, s->cell, s->input, s->hidden);
    o.direction = s->direction;
    o.reset = s->reset;
    o.clip = s->clip;
    o.input_forget = s->input_forget;
    for (size_t i = 0; i < 3; i++) o.activations[i] = s->activations[i];
    return o;
}

/* A bidirectional GRU, a dense layer and softmax over what one layer gave. */
static void add_stack(rnnp_context *context, rnnp_model *model, const spec *s, rnnp_value lengths, rnnp_value *y,
                      rnnp_value *h)
{
    enum { HIDDEN = 33, CLASSES = 10 };
    rnnp_recurrent_options o;
    float dense[2 * HIDDEN * CLASSES], bias[CLASSES];

    rnnp_recurrent_options_init(&o, RNNP_CELL_GRU, 2 * s->hidden, HIDDEN);
    o.direction = RNNP_DIRECTION_BIDIRECTIONAL;
    const weights w = make_weights(&o, 0, 77);
    MUST(context, rnnp_model_add_recurrent(model, &o, w.direction, *y, lengths, RNNP_NONE, RNNP_NONE, y, h, NULL));
    free(w.block);
    fill(dense, sizeof dense / sizeof dense[0], 0.5f, 78);
    fill(bias, CLASSES, 1.0f, 79);
    MUST(context, rnnp_model_add_dense(model, *y, dense, 2 * HIDDEN, CLASSES, 1, bias, "Softmax", y));
}

/* Two more layers, smaller and larger than the first. */
static void add_layers(rnnp_context *context, rnnp_model *model, const spec *s, rnnp_value lengths, rnnp_value *y,
                       rnnp_value *h)
{
    static const rnnp_cell cells[] = {RNNP_CELL_GRU, RNNP_CELL_LSTM};
    static const size_t hidden[] = {72, 110};

    for (size_t l = 0, input = s->hidden; l < 2; input = hidden[l++]) {
        rnnp_recurrent_options o;

        rnnp_recurrent_options_init(&o, cells[l], input, hidden[l]);
        o.direction = s->direction;
        const weights w = make_weights(&o, 0, 55 + (uint32_t)l);
        MUST(context, rnnp_model_add_recurrent(model, &o, w.direction, *y, lengths, RNNP_NONE, RNNP_NONE, y, h, NULL));
        free(w.block);
    }
}

/* Takes the model. */
static rnnp_model *quantize(rnnp_context *context, rnnp_model *model, rnnp_weights format)
{
    rnnp_quantize_options options;
    rnnp_model *quantized;

    rnnp_quantize_options_init(&options);
    options.weights = format;
    MUST(context, rnnp_model_quantize(model, &options, &quantized));
    rnnp_model_destroy(model);
    return quantized;
}

rnnp_model *make_model(rnnp_context *context, const spec *s, int with_lengths)
{
    const int64_t x_shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, (int64_t)s->input}, any[] = {RNNP_DYNAMIC};
    const char *const symbols[] = {"steps", "batch", NULL};
    const rnnp_recurrent_options o = options_of(s);
    const int has_c = s->cell == RNNP_CELL_LSTM && s->shape == ONE_LAYER;
    const weights w = make_weights(&o, s->peephole, 5);
    rnnp_value x, lengths = RNNP_NONE, y, h, c;
    rnnp_model *model;

    MUST(context, rnnp_model_create(context, &model));
    MUST(context, rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 3, x_shape, symbols, &x));
    if (with_lengths)
        MUST(context, rnnp_model_add_input(model, "lengths", RNNP_DTYPE_I32, 1, any, &symbols[1], &lengths));
    MUST(context,
         rnnp_model_add_recurrent(model, &o, w.direction, x, lengths, RNNP_NONE, RNNP_NONE, &y, &h, has_c ? &c : NULL));
    free(w.block);
    if (s->shape == STACK) add_stack(context, model, s, lengths, &y, &h);
    if (s->shape == LAYERS) add_layers(context, model, s, lengths, &y, &h);
    MUST(context, rnnp_model_add_output(model, "y", y));
    MUST(context, rnnp_model_add_output(model, "h", h));
    if (has_c) MUST(context, rnnp_model_add_output(model, "c", c));
    MUST(context, rnnp_model_close(model));
    return s->weights == RNNP_WEIGHTS_F32 ? model : quantize(context, model, s->weights);
}

rnnp_layer *make_layer(rnnp_context *context, const spec *s, rnnp_math math)
{
    const rnnp_recurrent_options o = options_of(s);
    const weights w = make_weights(&o, s->peephole, 5);
    rnnp_layer *layer;

    MUST(context, rnnp_layer_create(context, &o, w.direction, math, &layer));
    free(w.block);
    return layer;
}
