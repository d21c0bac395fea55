/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of packed files share: bytes in memory, models of all cells, and outputs to compare.
 */
#ifndef RNNP_TESTS_PACKED_H
#define RNNP_TESTS_PACKED_H

#include "../isas.h"
#include "../model/build.h"

#include "rnnpack/packed.h"

enum { STEPS = 5, BATCH = 3, INPUT = 7, HIDDEN = 19, MAX_OUT = 4 };

/* ---- Bytes ---- */

typedef struct buffer {
    unsigned char *at; /* 64-byte aligned */
    size_t size, room;
    size_t fail_after; /* 0: never */
} buffer;

__attribute__((unused)) static inline void free_buffer(const buffer *b) { free(b->at); }

static inline int take_bytes(void *user, const void *p, size_t size)
{
    buffer *b = user;

    if (b->fail_after && b->size + size > b->fail_after) return 1;
    if (b->size + size > b->room) {
        const size_t room = (2 * (b->size + size) + 4095) / 4096 * 4096;
        unsigned char *larger = aligned_alloc(4096, room);

        assert_non_null(larger);
        if (b->size) memcpy(larger, b->at, b->size);
        free(b->at);
        b->at = larger;
        b->room = room;
    }
    memcpy(b->at + b->size, p, size);
    b->size += size;
    return 0;
}

static inline buffer write_model(const rnnp_model *model, const char *const *isas, size_t n)
{
    OPTIONS(packed, options);
    buffer b = {0};

    options.isas = isas;
    options.n_isas = n;
    OK(rnnp_packed_write(model, &options, take_bytes, &b));
    return b;
}

/* Packed for every ISA that the build has. */
static inline buffer write_for_all(const rnnp_model *model)
{
    const char *isas[RNNP_ISA_COUNT];
    const size_t n = build_isas();

    for (size_t i = 0; i < n; i++) isas[i] = build_isa(i);
    return write_model(model, isas, n);
}

/* ---- Models ---- */

/* One recurrent layer with everything that its cell can have, by number; NULL past the last. */
static inline rnnp_model *make_recurrent(rnnp_context *context, size_t index)
{
    static const struct {
        rnnp_cell cell;
        rnnp_gru_reset reset;
    } cells[] = {{RNNP_CELL_RNN, 0},
                 {RNNP_CELL_LSTM, 0},
                 {RNNP_CELL_GRU, RNNP_GRU_RESET_BEFORE},
                 {RNNP_CELL_GRU, RNNP_GRU_RESET_AFTER}};
    static const int64_t shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT}, batch[] = {RNNP_DYNAMIC};
    static const char *const names[2][3] = {{"steps", "batch", NULL}, {"batch", "steps", NULL}};
    static const float alpha[6] = {0.3f, NAN, NAN, NAN, NAN, NAN};
    rnnp_value x, lengths, y, h, c;

    if (index >= 4 * 3 * 2) return NULL;
    const size_t cell = index % 4, extras = index / 12;
    DROPPED(free_layer)
    layer l = make_layer(cells[cell].cell, INPUT, HIDDEN, (rnnp_direction)(index / 4 % 3), (uint32_t)index + 1);
    FREED float *peepholes = numbers(3 * HIDDEN, 99, 0.3f);
    rnnp_model *model = make_model(context);

    l.options.reset = cells[cell].reset;
    if (extras) {
        l.options.clip = 0.75f;
        l.options.activations[0] = "HardSigmoid";
        l.options.alpha = alpha;
        l.options.batch_first = index % 2 == 0;
        for (size_t d = 0; d < 2 && l.options.cell == RNNP_CELL_LSTM; d++) l.weights[d].peephole = peepholes;
    }
    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 3, shape, names[l.options.batch_first], &x));
    OK(rnnp_model_add_input(model, "lengths", RNNP_DTYPE_I32, 1, batch, names[1], &lengths));
    OK(rnnp_model_add_recurrent(model, &l.options, l.weights, x, extras ? lengths : RNNP_NONE, RNNP_NONE, RNNP_NONE, &y,
                                &h, l.options.cell == RNNP_CELL_LSTM ? &c : NULL));
    OK(rnnp_model_add_output(model, "y", y));
    OK(rnnp_model_add_output(model, "h", h));
    if (l.options.cell == RNNP_CELL_LSTM) OK(rnnp_model_add_output(model, "c", c));
    OK(rnnp_model_close(model));
    return model;
}

/* Embedding, two LSTM layers, dense layers (Gemm and MatMul, one constant shared), pooling, softmax, a folded constant
 * as an output, and a Constant node: operators with attributes of all kinds. */
static inline rnnp_model *make_classifier(rnnp_context *context)
{
    enum { WORDS = 11, WIDTH = 8 };
    static const int64_t shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC}, perm[] = {1, 0, 2};
    FREED float *table = numbers(WORDS * WIDTH, 5, 1.0f), *w = numbers(2 * HIDDEN * HIDDEN, 6, 0.3f);
    DROPPED(free_layer) layer first = make_layer(RNNP_CELL_LSTM, WIDTH, HIDDEN, RNNP_DIRECTION_BIDIRECTIONAL, 7);
    DROPPED(free_layer) layer second = make_layer(RNNP_CELL_LSTM, 2 * HIDDEN, HIDDEN, RNNP_DIRECTION_FORWARD, 8);
    const rnnp_tensor square = {RNNP_DTYPE_F32, 2, {HIDDEN, HIDDEN}, .data = w},
                      one = {RNNP_DTYPE_F32, 0, {0}, .data = w};
    const rnnp_attr value = {.name = "value", .kind = RNNP_ATTR_TENSOR, .tensor = &one};
    const rnnp_attr turn = {.name = "perm", .kind = RNNP_ATTR_INTS, .ints = perm, .count = 3};
    const rnnp_attr alpha = {.name = "alpha", .kind = RNNP_ATTR_FLOAT, .f = 0.2f};
    rnnp_model *model = make_model(context);
    rnnp_value words, x, y, matrix, constant;

    OK(rnnp_model_add_input(model, "words", RNNP_DTYPE_I64, 2, shape, NULL, &words));
    OK(rnnp_model_add_embedding(model, words, table, WORDS, WIDTH, &x));
    x = add_layer(model, &first, x);
    x = add_layer(model, &second, x);
    OK(rnnp_model_add_constant(model, "square", &square, &matrix));
    x = node2(model, "MatMul", x, matrix);
    x = node(model, "LeakyRelu", &x, 1, &alpha, 1);
    x = node(model, "Transpose", &x, 1, &turn, 1);
    constant = node(model, "Constant", NULL, 0, &value, 1);
    constant = node2(model, "Add", constant, constant);
    x = node2(model, "Mul", x, constant);
    OK(rnnp_model_add_pool(model, x, RNNP_POOL_MEAN, 1, &y));
    OK(rnnp_model_add_dense(model, y, w, HIDDEN, 2 * HIDDEN, 1, w, "Softmax", &y));
    OK(rnnp_model_add_output(model, "diagnosis", y));
    OK(rnnp_model_add_output(model, "features", x));
    OK(rnnp_model_add_output(model, "scale", constant));
    OK(rnnp_model_add_output(model, "weights", matrix));
    OK(rnnp_model_close(model));
    return model;
}

static inline rnnp_model *make_any(rnnp_context *context, size_t index)
{
    return index == 0 ? make_classifier(context) : make_recurrent(context, index - 1);
}

/* ---- Running ---- */

/* Dynamic dimensions: steps, then batch; lengths and words are small numbers. */
static inline produced run_model(const rnnp_model *model, const rnnp_plan *plan)
{
    static const int32_t lengths[] = {STEPS, 0, 2, STEPS, 1};
    rnnp_tensor in[2];
    FREED float *x = numbers(STEPS * BATCH * INPUT, 77, 1.0f);
    int64_t words[STEPS * BATCH];

    for (size_t i = 0; i < STEPS * BATCH; i++) words[i] = (int64_t)(i * 7 % 11);
    for (size_t i = 0; i < rnnp_model_input_count(model); i++) {
        rnnp_port_info port = {.struct_size = sizeof port};

        OK(rnnp_model_input_info(model, i, &port));
        in[i] = (rnnp_tensor){.dtype = port.dtype, .rank = port.rank};
        in[i].data = port.dtype == RNNP_DTYPE_F32   ? (void *)x
                     : port.dtype == RNNP_DTYPE_I64 ? (void *)words
                                                    : (void *)lengths;
        for (size_t d = 0; d < port.rank; d++) {
            const int is_batch = port.symbol[d] ? strcmp(port.symbol[d], "batch") == 0 : d == 1;

            in[i].shape[d] = port.shape[d] != RNNP_DYNAMIC ? port.shape[d] : is_batch ? BATCH : STEPS;
        }
    }
    const produced o = run_plan(plan, in, rnnp_model_input_count(model));
    OK(o.status);
    return o;
}

/* Plans and runs. */
static inline produced plan_and_run(const rnnp_model *model)
{
    OWNED(plan) plan = make_plan(model);
    const produced o = run_model(model, plan);

    return o;
}

/* ---- What can be asked about a model ---- */

static inline void assert_same_port(const rnnp_port_info *a, const rnnp_port_info *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->dtype, b->dtype);
    assert_int_equal(a->rank, b->rank);
    for (size_t d = 0; d < a->rank; d++) {
        assert_int_equal(a->shape[d], b->shape[d]);
        assert_string_equal(a->symbol[d] ? a->symbol[d] : "", b->symbol[d] ? b->symbol[d] : "");
    }
}

/* `whole`: also what a form that names its values anew does not keep. */
static inline void assert_same_graph(int whole, const rnnp_model *a, const rnnp_model *b)
{
    rnnp_node_info na = {.struct_size = sizeof na}, nb = {.struct_size = sizeof nb};
    rnnp_port_info pa = {.struct_size = sizeof pa}, pb = {.struct_size = sizeof pb};

    assert_int_equal(rnnp_model_input_count(a), rnnp_model_input_count(b));
    assert_int_equal(rnnp_model_output_count(a), rnnp_model_output_count(b));
    assert_int_equal(rnnp_model_node_count(a), rnnp_model_node_count(b));
    for (size_t i = 0; rnnp_model_input_info(a, i, &pa) == RNNP_OK; i++) {
        OK(rnnp_model_input_info(b, i, &pb));
        assert_same_port(&pa, &pb);
    }
    for (size_t i = 0; rnnp_model_output_info(a, i, &pa) == RNNP_OK; i++) {
        OK(rnnp_model_output_info(b, i, &pb));
        assert_same_port(&pa, &pb);
    }
    if (whole) assert_int_equal(rnnp_model_constant_elements(a), rnnp_model_constant_elements(b));
    for (size_t n = 0; n < rnnp_model_node_count(a); n++) {
        OK(rnnp_model_node_info(a, n, &na));
        OK(rnnp_model_node_info(b, n, &nb));
        assert_string_equal(na.name, nb.name);
        assert_string_equal(na.op, nb.op);
        if (!whole) continue;
        assert_int_equal(na.parameters, nb.parameters);
        assert_int_equal(na.n_inputs, nb.n_inputs);
        assert_int_equal(na.n_outputs, nb.n_outputs);
        for (size_t i = 0; i < na.n_inputs; i++) {
            OK(rnnp_model_node_input_info(a, n, i, &pa));
            OK(rnnp_model_node_input_info(b, n, i, &pb));
            assert_same_port(&pa, &pb);
        }
        for (size_t i = 0; i < na.n_outputs; i++) {
            OK(rnnp_model_node_output_info(a, n, i, &pa));
            OK(rnnp_model_node_output_info(b, n, i, &pb));
            assert_same_port(&pa, &pb);
        }
    }
}

#endif
