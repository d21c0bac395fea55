/* SPDX-License-Identifier: Apache-2.0 */
#include "systems.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT = 6, VOCABULARY = 50, WIDTH = 16, MOST_WEIGHTS = 1 << 16 };

static const float zeros[MOST_WEIGHTS];

typedef struct system_builder {
    rnnp_context *context;
    rnnp_model *model;
    const system_form *form;
    rnnp_value x, lengths;
} system_builder;

/* ---- Layers ---- */

/* [batch][steps][n] to [steps][batch][n], or back: ONNX Runtime takes recurrent layers with steps first alone. */
static rnnp_value turn(system_builder *b, rnnp_value y)
{
    static const int64_t order[] = {1, 0, 2};
    const rnnp_attr perm = {.name = "perm", .kind = RNNP_ATTR_INTS, .count = 3, .ints = order};

    MUST(b->context, rnnp_model_add_node(b->model, "Transpose", 22, NULL, &y, 1, &perm, 1, &y, 1));
    return y;
}

/* A recurrent layer on y [steps][batch][*input] with `units` units, shrunk; *input becomes its width. */
static rnnp_value recurrent(system_builder *b, const char *name, rnnp_recurrent_options o, rnnp_value y, size_t *input,
                            size_t units)
{
    const size_t gates = o.cell == RNNP_CELL_LSTM ? 4 : o.cell == RNNP_CELL_GRU ? 3 : 1;
    const size_t hidden = units / b->form->shrink, dirs = o.direction == RNNP_DIRECTION_BIDIRECTIONAL ? 2 : 1;
    const rnnp_recurrent_weights one = {.w = zeros, .r = zeros, .bias = zeros}, weights[2] = {one, one};

    assert(gates * hidden * (*input > hidden ? *input : hidden) <= MOST_WEIGHTS);
    o.input = *input;
    o.hidden = hidden;
    MUST(b->context, rnnp_model_set_layer_name(b->model, name));
    MUST(b->context,
         rnnp_model_add_recurrent(b->model, &o, weights, y, b->lengths, RNNP_NONE, RNNP_NONE, &y, NULL, NULL));
    *input = dirs * hidden;
    return y;
}

static rnnp_recurrent_options options_of(rnnp_cell cell, int sequences)
{
    rnnp_recurrent_options o;

    rnnp_recurrent_options_init(&o, cell, 1, 1);
    o.last_step = !sequences;
    return o;
}

static rnnp_value lstm(system_builder *b, const char *name, rnnp_value y, size_t *input, size_t units, int sequences)
{
    return recurrent(b, name, options_of(RNNP_CELL_LSTM, sequences), y, input, units);
}

static rnnp_value head(system_builder *b, rnnp_value y, size_t input, size_t units, const char *activation)
{
    MUST(b->context, rnnp_model_add_dropout(b->model, y, b->form->dropout, &y));
    MUST(b->context, rnnp_model_set_layer_name(b->model, "head"));
    MUST(b->context, rnnp_model_add_dense(b->model, y, zeros, input, units, 0, zeros, activation, &y));
    return y;
}

/* ---- Systems ---- */

static rnnp_value elman(const train_system *s, system_builder *b)
{
    rnnp_recurrent_options o = options_of(RNNP_CELL_RNN, 1);
    size_t width = INPUT;

    o.activations[0] = s->activation;
    const rnnp_value y = recurrent(b, "first", o, turn(b, b->x), &width, 32);
    return head(b, turn(b, y), width, s->classes, NULL);
}

static rnnp_value text(const train_system *s, system_builder *b)
{
    rnnp_recurrent_options sequences = options_of(RNNP_CELL_LSTM, 1), last = options_of(RNNP_CELL_LSTM, 0);
    size_t width = WIDTH;
    rnnp_value y;

    sequences.direction = last.direction = RNNP_DIRECTION_BIDIRECTIONAL;
    MUST(b->context, rnnp_model_set_layer_name(b->model, "words"));
    MUST(b->context, rnnp_model_add_embedding(b->model, b->x, zeros, VOCABULARY, WIDTH, &y));
    y = recurrent(b, "first", sequences, turn(b, y), &width, 32);
    y = recurrent(b, "second", last, y, &width, 32);
    return head(b, y, width, s->classes, "Softmax");
}

static rnnp_value deep(const train_system *s, system_builder *b)
{
    size_t width = INPUT;
    rnnp_value y = lstm(b, "first", turn(b, b->x), &width, 32, 1);

    y = lstm(b, "second", y, &width, 32, 1);
    y = lstm(b, "third", y, &width, 32, 0);
    return head(b, y, width, s->classes, "Softmax");
}

static rnnp_value binary(const train_system *s, system_builder *b)
{
    size_t width = INPUT;
    rnnp_value y = lstm(b, "first", turn(b, b->x), &width, 64, 1);

    y = lstm(b, "second", y, &width, 32, 0);
    return head(b, y, width, s->classes, "Sigmoid");
}

static rnnp_value visits(const train_system *s, system_builder *b)
{
    size_t width = INPUT;
    rnnp_value y = recurrent(b, "first", options_of(RNNP_CELL_GRU, 1), turn(b, b->x), &width, 128);

    y = recurrent(b, "second", options_of(RNNP_CELL_GRU, 0), y, &width, 64);
    return head(b, y, width, s->classes, "Softmax");
}

static rnnp_value autoencoder(const train_system *s, system_builder *b)
{
    static const int64_t axis = 0, shape[] = {SYSTEM_STEPS, 1, 1};
    const rnnp_tensor axes = {RNNP_DTYPE_I64, 1, {1}, .const_data = &axis};
    const rnnp_tensor sizes = {RNNP_DTYPE_I64, 1, {3}, .const_data = shape};
    size_t width = INPUT;
    rnnp_value in[2], y = lstm(b, "first", turn(b, b->x), &width, 48, 0);

    in[0] = y;
    MUST(b->context, rnnp_model_add_constant(b->model, NULL, &axes, &in[1]));
    MUST(b->context, rnnp_model_add_node(b->model, "Unsqueeze", 22, NULL, in, 2, NULL, 0, &y, 1));
    in[0] = y;
    MUST(b->context, rnnp_model_add_constant(b->model, NULL, &sizes, &in[1]));
    MUST(b->context, rnnp_model_add_node(b->model, "Expand", 22, NULL, in, 2, NULL, 0, &y, 1));
    y = lstm(b, "second", y, &width, 48, 1);
    return head(b, turn(b, y), width, s->classes, NULL);
}

/* Numbers [from, to) of the last axis. */
static rnnp_value slice(system_builder *b, rnnp_value y, int64_t from, int64_t to)
{
    const int64_t numbers[] = {from, to, -1};
    rnnp_value in[4] = {y};

    for (size_t i = 0; i < 3; i++) {
        const rnnp_tensor t = {RNNP_DTYPE_I64, 1, {1}, .const_data = &numbers[i]};
        MUST(b->context, rnnp_model_add_constant(b->model, NULL, &t, &in[1 + i]));
    }
    MUST(b->context, rnnp_model_add_node(b->model, "Slice", 22, NULL, in, 4, NULL, 0, &y, 1));
    return y;
}

static rnnp_value absolute(system_builder *b, rnnp_value y)
{
    MUST(b->context, rnnp_model_add_activation(b->model, "Abs", y, &y));
    return y;
}

/* Two values, their masks (of any size here) and times; attention over all steps. */
static rnnp_value grud(const train_system *s, system_builder *b)
{
    static const float slow[] = {0.5f, 0.25f};
    const rnnp_grud_weights w = {.input_decay = slow,
                                 .input_bias = zeros,
                                 .hidden_decay = zeros,
                                 .hidden_bias = zeros,
                                 .mean = slow,
                                 .gru = {.w = zeros, .r = zeros, .bias = zeros}};
    const rnnp_value x = turn(b, b->x);
    rnnp_recurrent_options o = options_of(RNNP_CELL_GRU, 1);
    rnnp_value y;

    o.input = 4;
    o.hidden = 48 / b->form->shrink;
    o.reset = RNNP_GRU_RESET_BEFORE;
    MUST(b->context, rnnp_model_set_layer_name(b->model, "first"));
    MUST(b->context, rnnp_model_add_grud(b->model, &o, &w, slice(b, x, 0, 2), slice(b, x, 2, 4),
                                         absolute(b, slice(b, x, 4, 6)), b->lengths, RNNP_NONE, &y, NULL));
    MUST(b->context, rnnp_model_set_layer_name(b->model, "pool"));
    MUST(b->context, rnnp_model_add_attention(b->model, y, o.hidden, 16, zeros, zeros, zeros, b->lengths, &y));
    return head(b, y, o.hidden, s->classes, "Softmax");
}

static rnnp_value tlstm(const train_system *s, system_builder *b)
{
    const rnnp_recurrent_weights w = {.w = zeros, .r = zeros, .bias = zeros};
    const rnnp_value x = turn(b, b->x);
    rnnp_recurrent_options o = options_of(RNNP_CELL_LSTM, 0);
    rnnp_value y;

    o.input = INPUT;
    o.hidden = 48 / b->form->shrink;
    MUST(b->context, rnnp_model_set_layer_name(b->model, "first"));
    MUST(b->context, rnnp_model_add_tlstm(b->model, &o, &w, zeros, zeros, x, absolute(b, slice(b, x, 0, 1)), b->lengths,
                                          RNNP_NONE, RNNP_NONE, &y, NULL, NULL));
    return head(b, y, o.hidden, s->classes, "Softmax");
}

const train_system train_systems[] = {
    {"elman-relu", RNNP_LOSS_MSE, 2, elman, "Relu"}, {"elman-sigmoid", RNNP_LOSS_MSE, 2, elman, "Sigmoid"},
    {"elman-tanh", RNNP_LOSS_MSE, 2, elman, "Tanh"}, {"text", RNNP_LOSS_SPARSE, 4, text, NULL},
    {"deep", RNNP_LOSS_SPARSE, 4, deep, NULL},       {"binary", RNNP_LOSS_BINARY, 1, binary, NULL},
    {"visits", RNNP_LOSS_SPARSE, 5, visits, NULL},   {"autoencoder", RNNP_LOSS_MSE, INPUT, autoencoder, NULL},
    {"grud", RNNP_LOSS_SPARSE, 4, grud, NULL},       {"tlstm", RNNP_LOSS_SPARSE, 4, tlstm, NULL},
};
const size_t train_system_count = sizeof train_systems / sizeof train_systems[0];

const train_system *find_system(const char *name)
{
    for (size_t i = 0; i < train_system_count; i++) {
        if (strcmp(train_systems[i].name, name) == 0) return &train_systems[i];
    }
    printf("FAILED: no system is named %s\n", name);
    exit(1);
}

rnnp_model *make_system(rnnp_context *context, const train_system *system, const system_form *form)
{
    static const char *const names[] = {"batch", NULL, NULL};
    const int64_t shape[] = {RNNP_DYNAMIC, SYSTEM_STEPS, INPUT};
    const int words = system->build == text;
    system_builder b = {.context = context, .form = form, .lengths = RNNP_NONE};

    MUST(context, rnnp_model_create(context, &b.model));
    MUST(context, rnnp_model_add_input(b.model, "x", words ? RNNP_DTYPE_I64 : RNNP_DTYPE_F32, words ? 2 : 3, shape,
                                       names, &b.x));
    if (form->shortest < SYSTEM_STEPS)
        MUST(context, rnnp_model_add_input(b.model, "lengths", RNNP_DTYPE_I32, 1, shape, names, &b.lengths));
    MUST(context, rnnp_model_add_output(b.model, "y", system->build(system, &b)));
    MUST(context, rnnp_model_close(b.model));
    return b.model;
}

/* ---- Batches ---- */

size_t tensor_bytes(const rnnp_tensor *tensor)
{
    return rnnp_tensor_elements(tensor) * rnnp_dtype_bytes(tensor->dtype);
}

static rnnp_tensor tensor(rnnp_dtype dtype, size_t rank, size_t a, size_t b, size_t c)
{
    rnnp_tensor t = {dtype, rank, {(int64_t)a, (int64_t)b, (int64_t)c}, .data = NULL};

    t.data = must_alloc(tensor_bytes(&t));
    return t;
}

/* The row's class: of words the first one's, else one bit for each of the first features' sums over valid steps. */
static int32_t class_of(const rnnp_tensor *x, size_t row, size_t length, size_t classes)
{
    int32_t class = 0;

    if (x->rank == 2) return length ? (int32_t)(((const int64_t *)x->data)[row * SYSTEM_STEPS] % (int64_t)classes) : 0;
    for (int32_t bit = 0; bit < 2; bit++) {
        float sum = 0.0f;

        for (size_t t = 0; t < length; t++)
            sum += ((const float *)x->data)[(row * SYSTEM_STEPS + t) * INPUT + (size_t)bit];
        class += (sum > 0.0f) << bit;
    }
    return class;
}

/* Of each step a mean with the step before; of an autoencoder x itself. */
static void values(const train_system *system, const float *x, size_t rows, float *target)
{
    for (size_t i = 0; i < rows * SYSTEM_STEPS; i++) {
        for (size_t k = 0; k < system->classes; k++) {
            const float now = x[i * INPUT + k];
            const float before = i % SYSTEM_STEPS ? x[(i - 1) * INPUT + k] : now;

            target[i * system->classes + k] = system->build == autoencoder ? now : 0.5f * (now + before);
        }
    }
}

void make_batch(system_batch *m, const train_system *system, const system_form *form, size_t rows, uint32_t seed)
{
    const int words = system->build == text, lengths = form->shortest < SYSTEM_STEPS;
    const size_t choices = SYSTEM_STEPS + 1 - form->shortest, k = system->classes;
    const rnnp_loss loss = system->loss;

    memset(m, 0, sizeof *m);
    m->inputs[0] = tensor(words ? RNNP_DTYPE_I64 : RNNP_DTYPE_F32, words ? 2 : 3, rows, SYSTEM_STEPS, INPUT);
    m->inputs[1] = tensor(RNNP_DTYPE_I32, 1, rows, 0, 0);
    m->target = loss == RNNP_LOSS_MSE      ? tensor(RNNP_DTYPE_F32, 3, rows, SYSTEM_STEPS, k)
                : loss == RNNP_LOSS_BINARY ? tensor(RNNP_DTYPE_F32, 2, rows, k, 0)
                                           : tensor(RNNP_DTYPE_I32, 1, rows, 0, 0);
    m->weights =
        tensor(RNNP_DTYPE_F32, loss == RNNP_LOSS_SPARSE ? 1 : 2, rows, loss == RNNP_LOSS_MSE ? SYSTEM_STEPS : k, 0);
    m->batch = (rnnp_train_batch){.struct_size = sizeof(rnnp_train_batch),
                                  .inputs = m->inputs,
                                  .n_inputs = lengths ? 2 : 1,
                                  .target = &m->target,
                                  .weights = lengths ? &m->weights : NULL};
    if (words) {
        for (size_t i = 0; i < rows * SYSTEM_STEPS; i++)
            ((int64_t *)m->inputs[0].data)[i] = (int64_t)((i * 31 + i / 7 + seed) % VOCABULARY);
    } else {
        fill(m->inputs[0].data, rows * SYSTEM_STEPS * INPUT, 1.0f, seed);
    }
    for (size_t r = 0; r < rows; r++) {
        const size_t length = form->shortest + (r * 5 + 3) % choices;
        const int32_t class = class_of(&m->inputs[0], r, length, k);

        ((int32_t *)m->inputs[1].data)[r] = (int32_t)length;
        for (size_t t = 0; t < SYSTEM_STEPS && loss == RNNP_LOSS_MSE; t++)
            ((float *)m->weights.data)[r * SYSTEM_STEPS + t] = t < length ? 1.0f : 0.0f;
        if (loss != RNNP_LOSS_MSE) ((float *)m->weights.data)[r] = 0.5f + (float)(r % 3);
        if (loss == RNNP_LOSS_BINARY)
            ((float *)m->target.data)[r] = class % 2 ? 1.0f : 0.0f;
        else if (loss == RNNP_LOSS_SPARSE)
            ((int32_t *)m->target.data)[r] = class;
    }
    if (loss == RNNP_LOSS_MSE) values(system, m->inputs[0].data, rows, m->target.data);
}

void free_batch(system_batch *m)
{
    free(m->inputs[0].data);
    free(m->inputs[1].data);
    free(m->target.data);
    free(m->weights.data);
}

float *all_parameters(const rnnp_trainer *trainer, size_t *n)
{
    float *all = NULL;
    rnnp_parameter_info p = {.struct_size = sizeof p};

    *n = 0;
    for (size_t i = 0; i < rnnp_trainer_parameter_count(trainer); i++) {
        size_t elements = 1;

        MUST(NULL, rnnp_trainer_parameter_info(trainer, i, &p));
        for (size_t d = 0; d < p.rank; d++) elements *= (size_t)p.shape[d];
        all = realloc(all, (*n + elements) * sizeof *all);
        must(NULL, all ? RNNP_OK : RNNP_ERR_MEMORY, "realloc");
        must(NULL, rnnp_trainer_get_parameter(trainer, i, all + *n), p.name);
        *n += elements;
    }
    return all;
}
