/* SPDX-License-Identifier: Apache-2.0 */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { INPUT = 5, VOCABULARY = 19, CLASSES = 10, UPPER = 33, SIGNAL_CHANNELS = 40 };

/* ---- Which models ---- */

static const struct cell_kind {
    const char *name;
    rnnp_cell cell;
    rnnp_gru_reset reset;
    int peephole, input_forget;
    float clip;
    const char *activations[3]; /* NULL: the cell's own */
} cells[] = {
    {"rnn", RNNP_CELL_RNN, .reset = 0},
    {"rnn-relu", RNNP_CELL_RNN, .activations = {"Relu"}, .clip = 3.0f},
    {"lstm", RNNP_CELL_LSTM, .reset = 0},
    {"lstm-peephole", RNNP_CELL_LSTM, .peephole = 1},
    {"lstm-coupled", RNNP_CELL_LSTM, .peephole = 1, .input_forget = 1, .clip = 1.5f,
     .activations = {"HardSigmoid", "Softsign", "Elu"}},
    {"gru-after", RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_AFTER},
    {"gru-before", RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_BEFORE},
};

static const size_t hiddens[] = {1, 7, 8, 16, 33, 64, 100}, batches[] = {1, 3, 17}, step_counts[] = {1, 7, 50};
static const char *const directions[] = {"forward", "reverse", "bidirectional"};
static const char *const classes[] = {"u35", "u10", "fast"};
static const char *const shapes[] = {"", "stack ", "tower ", "text ", "signal "};
static const char *const pools[] = {"mean", "max", "sum", "last"};

/* Every cell, direction, size and math class with each other; batch, steps and lengths go round, out of step with
 * the rest. */
static corpus_entry one_layer(size_t i)
{
    const size_t math = i % 3, direction = i / 3 % 3, size = i / 9 % COUNT(hiddens), cell = i / 9 / COUNT(hiddens);
    const size_t turn = i + i / 9 + size + cell;

    return (corpus_entry){.cell = cell,
                          .direction = (rnnp_direction)direction,
                          .hidden = hiddens[size],
                          .batch = batches[turn % 3],
                          .steps = step_counts[turn / 3 % 3],
                          .math = (rnnp_math)math,
                          .lengths = (i + cell) % 2 == 1};
}

/* Every cell with every batch and number of steps, with and without lengths. */
static corpus_entry shapes_of_calls(size_t i)
{
    const size_t cell = i / 18;

    return (corpus_entry){.cell = cell,
                          .direction = (rnnp_direction)((i + cell) % 3),
                          .hidden = i % 2 ? 33 : 7,
                          .batch = batches[i / 2 % 3],
                          .steps = step_counts[i / 6 % 3],
                          .math = (rnnp_math)((i / 3 + cell) % 3),
                          .lengths = i % 2 == 0};
}

/* Every cell under every kind of graph in every math class; one call of each kind is large enough for two threads. */
static corpus_entry graphs(size_t i)
{
    static const size_t sizes[] = {16, 33, 64}, rows[] = {3, 17, 1};
    const size_t cell = i / 9, math = i % 3, shape = 1 + i / 3 % 3, turn = (i + cell) % 3;

    return (corpus_entry){.cell = cell,
                          .shape = (corpus_shape)shape,
                          .direction = (rnnp_direction)((i + cell) / 3 % 3),
                          .hidden = sizes[turn],
                          .batch = rows[turn],
                          .steps = step_counts[1 + (cell == shape)],
                          .math = (rnnp_math)math,
                          .lengths = i % 2 == 1,
                          .pool = (rnnp_pool)((i + cell) % 4)};
}

/* Every cell in every kind of graph with weights in every other format. */
static corpus_entry in_formats(size_t i)
{
    corpus_entry e = i % CORPUS_SHAPES ? graphs(i / CORPUS_SHAPES / 3 * 9 + (i % CORPUS_SHAPES - 1) * 3 + i % 3)
                                       : shapes_of_calls(i / CORPUS_SHAPES / 3 * 18 + i % 18);

    e.weights = (rnnp_weights)(1 + i / CORPUS_SHAPES % 3);
    return e;
}

/* Every cell above convolutions. */
static corpus_entry signals(size_t i)
{
    corpus_entry e = graphs(i * 9);

    e.shape = SIGNAL;
    return e;
}

int corpus_at(size_t index, corpus_entry *entry)
{
    static const struct {
        corpus_entry (*at)(size_t i);
        size_t count;
    } parts[] = {
        {one_layer, COUNT(cells) * COUNT(hiddens) * COUNT(directions) * COUNT(classes)},
        {shapes_of_calls, COUNT(cells) * COUNT(batches) * COUNT(step_counts) * 2},
        {graphs, COUNT(cells) * (CORPUS_SHAPES - 1) * COUNT(classes)},
        {in_formats, COUNT(cells) * CORPUS_SHAPES * 3},
        {signals, COUNT(cells)},
    };

    for (size_t p = 0; p < COUNT(parts); index -= parts[p++].count) {
        if (index < parts[p].count) {
            *entry = parts[p].at(index);
            return 1;
        }
    }
    return 0;
}

void corpus_name(const corpus_entry *e, char name[CORPUS_NAME])
{
    static const char *const formats[] = {"", " f16", " bf16", " s8"};

    snprintf(name, CORPUS_NAME, "%s%s%s%s %s h%zu b%zu t%zu %s%s%s", shapes[e->shape],
             e->shape == TEXT ? pools[e->pool] : "", e->shape == TEXT ? " " : "", cells[e->cell].name,
             directions[e->direction], e->hidden, e->batch, e->steps, classes[e->math], e->lengths ? " lengths" : "",
             formats[e->weights]);
}

/* ---- Numbers ---- */

/* Number i of stream `seed`: 24 bits of a mixed counter, so exactly a float, in [-1, 1), times a power of two. */
static float number(uint64_t seed, uint64_t i, float scale)
{
    uint64_t x = (seed << 32) + i + 1;

    x *= UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 31) * UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    return (float)((int32_t)(x >> 40) - (1 << 23)) * 0x1p-23f * scale;
}

static float *numbers(size_t n, uint64_t seed, float scale)
{
    float *x = malloc(n * sizeof *x);

    for (size_t i = 0; x && i < n; i++) x[i] = number(seed, i, scale);
    return x;
}

/* A power of two near 2 / sqrt(width): gates then use the whole range of their functions. */
static float scale_of(size_t width)
{
    float scale = 2.0f;

    for (; width > 1; width /= 4) scale /= 2.0f;
    return scale;
}

size_t corpus_inputs(const corpus_entry *e, rnnp_tensor inputs[CORPUS_INPUTS])
{
    const int text = e->shape == TEXT;
    const size_t n = e->steps * e->batch;

    inputs[0] = (rnnp_tensor){text ? RNNP_DTYPE_I32 : RNNP_DTYPE_F32,
                              text ? 2 : 3,
                              {(int64_t)e->steps, (int64_t)e->batch, text ? 0 : INPUT},
                              .data = NULL};
    if (text) {
        int32_t *words = inputs[0].data = malloc(n * sizeof *words);

        for (size_t i = 0; words && i < n; i++) words[i] = (int32_t)((i * 7 + i / 5) % VOCABULARY);
    } else {
        inputs[0].data = numbers(n * INPUT, 1, 2.0f);
    }
    if (!e->lengths) return 1;

    int32_t *lengths = malloc(e->batch * sizeof *lengths);

    for (size_t b = 0; lengths && b < e->batch; b++) lengths[b] = (int32_t)((b * 7 + 6) % (e->steps + 1));
    inputs[1] = (rnnp_tensor){RNNP_DTYPE_I32, 1, {(int64_t)e->batch}, .data = lengths};
    return 2;
}

/* ---- Layers ---- */

/* x becomes y of a layer made of one of the cells. */
static rnnp_status recurrent(rnnp_model *model, const struct cell_kind *kind, rnnp_direction direction, size_t input,
                             size_t hidden, uint64_t seed, rnnp_value lengths, rnnp_value *x, rnnp_value *h,
                             rnnp_value *c)
{
    const size_t gates = kind->cell == RNNP_CELL_LSTM ? 4 : kind->cell == RNNP_CELL_GRU ? 3 : 1, G = gates * hidden;
    const size_t w = G * input, r = G * hidden, b = 2 * G, each = w + r + b + 3 * hidden;
    float *block = numbers(2 * each, seed, scale_of(hidden));
    rnnp_recurrent_weights weights[2];
    rnnp_recurrent_options o;

    if (!block) return RNNP_ERR_MEMORY;
    rnnp_recurrent_options_init(&o, kind->cell, input, hidden);
    o.direction = direction;
    o.reset = kind->reset;
    o.clip = kind->clip;
    o.input_forget = kind->input_forget;
    for (size_t i = 0; i < 6 && kind->activations[i % 3]; i++) o.activations[i] = kind->activations[i % 3];
    for (size_t d = 0; d < 2; d++) {
        const float *at = block + d * each;

        weights[d] = (rnnp_recurrent_weights){
            .w = at, .r = at + w, .bias = at + w + r, .peephole = kind->peephole ? at + w + r + b : NULL};
    }
    const rnnp_status status = rnnp_model_add_recurrent(model, &o, weights, *x, lengths, RNNP_NONE, RNNP_NONE, x, h, c);

    free(block);
    return status;
}

static rnnp_status dense_softmax(rnnp_model *model, size_t input, rnnp_value *x)
{
    float *w = numbers(input * CLASSES, 40, scale_of(input)), bias[CLASSES];

    if (!w) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < CLASSES; i++) bias[i] = number(41, i, 1.0f);
    const rnnp_status status = rnnp_model_add_dense(model, *x, w, input, CLASSES, 1, bias, "Softmax", x);

    free(w);
    return status;
}

static rnnp_status embedding(rnnp_model *model, rnnp_value *x)
{
    float table[VOCABULARY * INPUT];

    for (size_t i = 0; i < COUNT(table); i++) table[i] = number(42, i, 2.0f);
    return rnnp_model_add_embedding(model, *x, table, VOCABULARY, INPUT, x);
}

#define TRY(call)                   \
    do {                            \
        const rnnp_status s = call; \
        if (s != RNNP_OK) return s; \
    } while (0)

static rnnp_status turn(rnnp_model *model, const int64_t perm[3], rnnp_value *x)
{
    const rnnp_attr attr = {.name = "perm", .kind = RNNP_ATTR_INTS, .ints = perm, .count = 3};

    return rnnp_model_add_node(model, "Transpose", 17, NULL, x, 1, &attr, 1, x, 1);
}

/* w [rows][columns][kernel] of the operator, with a bias. */
static rnnp_status convolution(rnnp_model *model, const char *op, int64_t rows, int64_t columns, int64_t kernel,
                               int64_t groups, const int64_t pads[2], uint64_t seed, rnnp_value *x)
{
    float *w = numbers((size_t)(rows * columns * kernel), seed, scale_of((size_t)(columns * kernel)));
    float bias[SIGNAL_CHANNELS];
    const rnnp_tensor tensor = {RNNP_DTYPE_F32, 3, {rows, columns, kernel}, .data = w};
    const rnnp_tensor b = {RNNP_DTYPE_F32, 1, {SIGNAL_CHANNELS}, .data = bias};
    const rnnp_attr attrs[] = {{.name = "group", .kind = RNNP_ATTR_INT, .i = groups},
                               {.name = "pads", .kind = RNNP_ATTR_INTS, .ints = pads, .count = 2}};
    rnnp_value in[3] = {*x};

    if (!w) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < SIGNAL_CHANNELS; i++) bias[i] = number(seed + 1, i, 1.0f);
    rnnp_status status = rnnp_model_add_constant(model, NULL, &tensor, &in[1]);
    if (status == RNNP_OK) status = rnnp_model_add_constant(model, NULL, &b, &in[2]);
    if (status == RNNP_OK) status = rnnp_model_add_node(model, op, 17, NULL, in, 3, attrs, 2, x, 1);
    free(w);
    return status;
}

/* x [steps][batch][INPUT] to SIGNAL_CHANNELS. */
static rnnp_status convolutions(rnnp_model *model, rnnp_value *x)
{
    enum { C = SIGNAL_CHANNELS, GROUPS = 4 };
    TRY(turn(model, (int64_t[]){1, 2, 0}, x));
    TRY(convolution(model, "Conv", C, INPUT, 5, 1, (int64_t[]){4, 0}, 50, x));
    TRY(convolution(model, "Conv", C, 1, 3, C, (int64_t[]){1, 1}, 52, x));
    TRY(convolution(model, "ConvTranspose", C, C / GROUPS, 3, GROUPS, (int64_t[]){1, 1}, 54, x));
    return turn(model, (int64_t[]){2, 0, 1}, x);
}

static rnnp_status build(rnnp_model *model, const corpus_entry *e)
{
    static const struct cell_kind gru = {"", RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_AFTER};
    static const struct cell_kind lstm = {"", RNNP_CELL_LSTM, .reset = 0};
    const size_t width = e->hidden * (e->direction == RNNP_DIRECTION_BIDIRECTIONAL ? 2 : 1);
    const int64_t shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT}, any[] = {RNNP_DYNAMIC};
    const char *const symbols[] = {"steps", "batch", NULL};
    const int has_c = cells[e->cell].cell == RNNP_CELL_LSTM && e->shape == ONE_LAYER;
    rnnp_value y, h, c, lengths = RNNP_NONE;

    TRY(rnnp_model_add_input(model, "x", e->shape == TEXT ? RNNP_DTYPE_I32 : RNNP_DTYPE_F32, e->shape == TEXT ? 2 : 3,
                             shape, symbols, &y));
    if (e->lengths) TRY(rnnp_model_add_input(model, "lengths", RNNP_DTYPE_I32, 1, any, &symbols[1], &lengths));
    if (e->shape == TEXT) TRY(embedding(model, &y));
    if (e->shape == SIGNAL) TRY(convolutions(model, &y));
    TRY(recurrent(model, &cells[e->cell], e->direction, e->shape == SIGNAL ? SIGNAL_CHANNELS : INPUT, e->hidden, 10,
                  lengths, &y, &h, has_c ? &c : NULL));
    if (e->shape == STACK) {
        TRY(recurrent(model, &gru, RNNP_DIRECTION_BIDIRECTIONAL, width, UPPER, 20, lengths, &y, &h, NULL));
        TRY(dense_softmax(model, 2 * UPPER, &y));
    } else if (e->shape == TOWER) {
        TRY(recurrent(model, &lstm, e->direction, width, UPPER, 30, lengths, &y, &h, NULL));
        TRY(recurrent(model, &cells[e->cell], e->direction, width / e->hidden * UPPER, e->hidden, 31, lengths, &y, &h,
                      NULL));
    } else if (e->shape == TEXT) {
        TRY(rnnp_model_add_pool(model, y, e->pool, 0, &y));
        TRY(dense_softmax(model, width, &y));
    }
    TRY(rnnp_model_add_output(model, "y", y));
    TRY(rnnp_model_add_output(model, "h", h));
    if (has_c) TRY(rnnp_model_add_output(model, "c", c));
    return rnnp_model_close(model);
}

rnnp_model *corpus_model(rnnp_context *context, const corpus_entry *entry)
{
    rnnp_model *model;

    rnnp_model *quantized = NULL;
    rnnp_quantize_options options;

    if (rnnp_model_create(context, &model) != RNNP_OK) return NULL;
    const int is_built = build(model, entry) == RNNP_OK;
    if (is_built && entry->weights == RNNP_WEIGHTS_F32) return model;
    rnnp_quantize_options_init(&options);
    options.weights = entry->weights;
    if (is_built && rnnp_model_quantize(model, &options, &quantized) != RNNP_OK) quantized = NULL;
    rnnp_model_destroy(model);
    return quantized;
}
