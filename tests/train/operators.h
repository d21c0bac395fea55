/* SPDX-License-Identifier: Apache-2.0
 *
 * One or more nodes for every operator that has a gradient, formulas in double of those that are not linear, and such a
 * node taken forwards and backwards.
 */
#ifndef RNNP_TESTS_OPERATORS_H
#define RNNP_TESTS_OPERATORS_H

#include "node.h"

typedef struct port {
    char kind; /* x: f32 input, p: f32 parameter, both of numbers drawn;
                * f: f32 constant, i: i64 input, k: i64 constant, b: bool input, by values;
                * -: absent; 0: the end */
    size_t rank;
    int64_t shape[4];
    double values[8]; /* repeated as often as needed */
} port;

/* Operands in double. */
typedef struct tensors {
    rnnp_tensor in[NODE_PORTS];
    double *x[NODE_PORTS];
} tensors;

typedef struct example {
    const char *op;
    int opset;
    port in[NODE_PORTS];
    rnnp_attr attrs[4];
    size_t outputs;                    /* 0: 1 */
    unsigned no_dy;                    /* outputs whose gradient is missing: zeros */
    double (*one)(double x);           /* y[i] = f(x[i]); NULL: see two and all */
    double (*two)(double a, double b); /* broadcast */
    void (*all)(const tensors *t, double *y);
    double low, high; /* operands of these; 0, 0: [-2, 2) */
} example;

/* ---- Formulas ---- */

static double f_sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }
static double f_relu(double x) { return x > 0 ? x : 0; }
static double f_leaky(double x) { return x > 0 ? x : 0.25 * x; }
static double f_thresholded(double x) { return x > 0.5 ? x : 0; }
static double f_hard(double x) { return fmin(1, fmax(0, 0.25 * x + 0.5)); }
static double f_elu(double x) { return x > 0 ? x : 1.5 * (exp(x) - 1); }
static double f_softplus(double x) { return log(1 + exp(x)); }
static double f_softsign(double x) { return x / (1 + fabs(x)); }
static double f_reciprocal(double x) { return 1 / x; }
static double f_clip(double x) { return fmin(1.25, fmax(-0.5, x)); }
static double f_divide(double a, double b) { return a / b; }

/* By ONNX's definition of axes before opset 13 and since. */
static void softmax(const tensors *t, size_t from, size_t to, int logs, double *y)
{
    const rnnp_tensor *x = &t->in[0];
    size_t row = 1, inner = 1;

    for (size_t i = from; i < to; i++) row *= (size_t)x->shape[i];
    for (size_t i = to; i < x->rank; i++) inner *= (size_t)x->shape[i];
    for (size_t i = 0; i < rnnp_tensor_elements(x); i++) {
        const size_t first = i / (row * inner) * (row * inner) + i % inner;
        double sum = 0;

        for (size_t k = 0; k < row; k++) sum += exp(t->x[0][first + k * inner]);
        y[i] = logs ? t->x[0][i] - log(sum) : exp(t->x[0][i]) / sum;
    }
}

static void softmax_last(const tensors *t, double *y) { softmax(t, 2, 3, 0, y); }
static void softmax_middle(const tensors *t, double *y) { softmax(t, 1, 2, 0, y); }
static void softmax_flat(const tensors *t, double *y) { softmax(t, 1, 3, 0, y); }
static void log_softmax_last(const tensors *t, double *y) { softmax(t, 2, 3, 1, y); }
static void log_softmax_first(const tensors *t, double *y) { softmax(t, 0, 1, 1, y); }

/* The middle axis of three. */
static void extreme(const tensors *t, double sign, double *y)
{
    const int64_t *dim = t->in[0].shape;

    for (int64_t i = 0; i < dim[0]; i++) {
        for (int64_t j = 0; j < dim[2]; j++) {
            double best = -INFINITY;

            for (int64_t k = 0; k < dim[1]; k++) best = fmax(best, sign * t->x[0][(i * dim[1] + k) * dim[2] + j]);
            y[i * dim[2] + j] = sign * best;
        }
    }
}

static void largest(const tensors *t, double *y) { extreme(t, 1, y); }
static void smallest(const tensors *t, double *y) { extreme(t, -1, y); }

/* ---- Examples ---- */

#define INT(name_, v)                                \
    {                                                \
        .name = name_, .kind = RNNP_ATTR_INT, .i = v \
    }
#define FLOAT(name_, v)                                \
    {                                                  \
        .name = name_, .kind = RNNP_ATTR_FLOAT, .f = v \
    }
#define INTS(name_, n, ...)                                                                          \
    {                                                                                                \
        .name = name_, .kind = RNNP_ATTR_INTS, .count = n, .ints = (const int64_t[]) { __VA_ARGS__ } \
    }
#define OP(name_, opset_, ...) .op = name_, .opset = opset_, .in = {__VA_ARGS__}
#define PORT(kind_, rank_, ...)                                \
    {                                                          \
        .kind = kind_, .rank = rank_, .shape = { __VA_ARGS__ } \
    }
#define BRACES(...) \
    {               \
        __VA_ARGS__ \
    }
#define VALUES(kind_, rank_, shape_, ...)                                               \
    {                                                                                   \
        .kind = kind_, .rank = rank_, .shape = BRACES shape_, .values = { __VA_ARGS__ } \
    }
#define NUMBER(v) VALUES('f', 0, (0), v)
#define LIST(n, ...) VALUES('k', 1, (n), __VA_ARGS__)
#define X3 PORT('x', 3, 5, 7, 19)

static const example examples[] = {
    /* one operand */
    {OP("Tanh", 17, X3), .one = tanh},
    {OP("Sigmoid", 17, X3), .one = f_sigmoid},
    {OP("Relu", 17, X3), .one = f_relu},
    {OP("LeakyRelu", 17, X3), .attrs = {FLOAT("alpha", 0.25f)}, .one = f_leaky},
    {OP("ThresholdedRelu", 17, X3), .attrs = {FLOAT("alpha", 0.5f)}, .one = f_thresholded},
    {OP("HardSigmoid", 17, X3), .attrs = {FLOAT("alpha", 0.25f), FLOAT("beta", 0.5f)}, .one = f_hard, .low = -4,
     .high = 4},
    {OP("Elu", 17, X3), .attrs = {FLOAT("alpha", 1.5f)}, .one = f_elu},
    {OP("Softplus", 17, X3), .one = f_softplus},
    {OP("Softsign", 17, X3), .one = f_softsign},
    {OP("Neg", 17, X3)},
    {OP("Abs", 17, X3), .one = fabs},
    {OP("Sqrt", 17, X3), .one = sqrt, .low = 0.1, .high = 3},
    {OP("Exp", 17, X3), .one = exp},
    {OP("Log", 17, X3), .one = log, .low = 0.1, .high = 3},
    {OP("Reciprocal", 17, X3), .one = f_reciprocal, .low = 0.3, .high = 3},
    {OP("Clip", 17, X3, NUMBER(-0.5), NUMBER(1.25)), .one = f_clip},
    {OP("Clip", 10, X3), .attrs = {FLOAT("min", -0.5f), FLOAT("max", 1.25f)}, .one = f_clip},
    /* several, broadcast */
    {OP("Add", 17, X3, X3)},
    {OP("Add", 17, X3, PORT('p', 1, 19))},
    {OP("Add", 17, PORT('x', 3, 5, 1, 19), PORT('p', 2, 7, 1))},
    {OP("Add", 17, PORT('x', 1, 1), PORT('p', 2, 7, 3))},
    {OP("Sub", 17, X3, PORT('p', 3, 1, 7, 1))},
    {OP("Sub", 17, PORT('p', 0, 0), X3)},
    {OP("Mul", 17, X3, X3)},
    {OP("Mul", 17, X3, PORT('p', 1, 19))},
    {OP("Mul", 17, PORT('x', 3, 5, 1, 19), PORT('p', 4, 2, 1, 7, 1))},
    {OP("Sum", 17, X3)},
    {OP("Sum", 17, X3, PORT('p', 1, 19), PORT('p', 0, 0), PORT('x', 2, 7, 1))},
    {OP("Div", 17, X3, X3), .two = f_divide, .low = 0.5, .high = 2},
    {OP("Div", 17, X3, PORT('p', 2, 7, 1)), .two = f_divide, .low = 0.5, .high = 2},
    {OP("Div", 17, PORT('p', 1, 19), X3), .two = f_divide, .low = 0.5, .high = 2},
    {OP("Pow", 17, X3, NUMBER(2)), .two = pow},
    {OP("Pow", 17, X3, VALUES('k', 0, (0), 3)), .two = pow},
    {OP("Pow", 17, PORT('x', 2, 4, 1), VALUES('f', 2, (1, 5), 0, 1, 2.5, -1, 0.5)), .two = pow, .low = 0.3, .high = 2},
    {OP("Max", 17, X3, PORT('p', 1, 19)), .two = fmax},
    {OP("Max", 17, X3)},
    {OP("Min", 17, PORT('x', 3, 5, 1, 19), PORT('p', 2, 7, 1)), .two = fmin},
    {OP("Where", 17, VALUES('b', 3, (5, 7, 19), 1, 0, 0, 1, 1), X3, X3)},
    {OP("Where", 17, VALUES('b', 1, (19), 1, 0, 0, 1, 1, 0, 1), PORT('x', 3, 5, 7, 1), PORT('p', 1, 19))},
    /* products */
    {OP("Gemm", 17, PORT('x', 2, 19, 23), PORT('p', 2, 23, 37), PORT('p', 1, 37))},
    {OP("Gemm", 17, PORT('x', 2, 19, 23), PORT('p', 2, 37, 23), PORT('p', 2, 19, 1)), .attrs = {INT("transB", 1)}},
    {OP("Gemm", 17, PORT('x', 2, 23, 19), PORT('p', 2, 23, 37), PORT('p', 0, 0)),
     .attrs = {INT("transA", 1), FLOAT("beta", 0.25f)}},
    {OP("Gemm", 17, PORT('x', 2, 23, 19), PORT('p', 2, 37, 23), PORT('p', 2, 19, 37)),
     .attrs = {INT("transA", 1), INT("transB", 1), FLOAT("alpha", 0.5f), FLOAT("beta", 2.0f)}},
    {OP("Gemm", 17, PORT('x', 2, 19, 23), PORT('x', 2, 23, 37), PORT('p', 2, 1, 37)), .attrs = {FLOAT("alpha", -2.0f)}},
    {OP("Gemm", 17, PORT('p', 2, 23, 19), PORT('x', 2, 37, 23)), .attrs = {INT("transA", 1), INT("transB", 1)}},
    {OP("Gemm", 17, PORT('x', 2, 1, 3), PORT('p', 2, 3, 1))},
    {OP("Gemm", 17, PORT('x', 2, 0, 3), PORT('p', 2, 3, 4), PORT('p', 1, 4))},
    /* convolutions */
    {OP("Conv", 17, PORT('x', 3, 3, 4, 11), PORT('p', 3, 6, 4, 3), PORT('p', 1, 6)),
     .attrs = {INTS("pads", 2, 1, 2), INTS("strides", 1, 2)}},
    {OP("Conv", 17, PORT('x', 3, 2, 3, 14), PORT('p', 3, 17, 3, 3)),
     .attrs = {INTS("pads", 2, 4, 0), INTS("dilations", 1, 2)}},
    {OP("Conv", 17, PORT('x', 4, 2, 4, 5, 6), PORT('p', 4, 4, 1, 3, 2), PORT('p', 1, 4)),
     .attrs = {INT("group", 4), INTS("pads", 4, 1, 0, 1, 1)}},
    {OP("Conv", 17, PORT('x', 4, 2, 4, 3, 4), PORT('x', 4, 2, 4, 1, 1))},
    {OP("ConvTranspose", 17, PORT('x', 3, 2, 4, 5), PORT('p', 3, 4, 3, 4), PORT('p', 1, 3)),
     .attrs = {INTS("strides", 1, 2), INTS("pads", 2, 1, 1)}},
    {OP("ConvTranspose", 17, PORT('x', 4, 1, 4, 3, 4), PORT('p', 4, 4, 8, 3, 3)),
     .attrs = {INT("group", 2), INTS("dilations", 2, 2, 1), INTS("strides", 2, 1, 2), INTS("output_padding", 2, 0, 1)}},
    {OP("MatMul", 17, PORT('x', 2, 19, 23), PORT('p', 2, 23, 37))},
    {OP("MatMul", 17, PORT('x', 3, 5, 7, 23), PORT('p', 2, 23, 37))},
    {OP("MatMul", 17, PORT('x', 3, 5, 7, 9), PORT('p', 3, 5, 9, 3))},
    {OP("MatMul", 17, PORT('x', 2, 7, 9), PORT('p', 3, 5, 9, 3))},
    {OP("MatMul", 17, PORT('x', 3, 5, 7, 9), PORT('x', 3, 5, 9, 3))},
    {OP("MatMul", 17, PORT('x', 4, 2, 1, 7, 9), PORT('x', 3, 5, 9, 3))},
    {OP("MatMul", 17, PORT('x', 4, 2, 5, 7, 9), PORT('x', 3, 1, 9, 3))},
    {OP("MatMul", 17, PORT('x', 1, 9), PORT('p', 3, 5, 9, 3))},
    {OP("MatMul", 17, PORT('x', 3, 5, 7, 9), PORT('p', 1, 9))},
    {OP("MatMul", 17, PORT('x', 1, 9), PORT('x', 1, 9))},
    {OP("MatMul", 17, PORT('x', 3, 0, 7, 9), PORT('p', 2, 9, 3))},
    {OP("MatMul", 17, PORT('x', 3, 0, 7, 9), PORT('x', 2, 9, 3))},
    /* rows */
    {OP("Softmax", 17, X3), .all = softmax_last},
    {OP("Softmax", 17, X3), .attrs = {INT("axis", 1)}, .all = softmax_middle},
    {OP("Softmax", 11, PORT('x', 3, 3, 2, 5)), .attrs = {INT("axis", 1)}, .all = softmax_flat},
    {OP("LogSoftmax", 17, X3), .all = log_softmax_last},
    {OP("LogSoftmax", 17, X3), .attrs = {INT("axis", 0)}, .all = log_softmax_first},
    {OP("ReduceSum", 17, X3, LIST(1, -1)), .attrs = {INT("keepdims", 0)}},
    {OP("ReduceSum", 17, X3, LIST(2, 0, 2))},
    {OP("ReduceSum", 17, X3)},
    {OP("ReduceSum", 17, X3), .attrs = {INT("noop_with_empty_axes", 1)}},
    {OP("ReduceMean", 17, PORT('x', 3, 5, 8, 19)), .attrs = {INTS("axes", 1, 1), INT("keepdims", 0)}},
    {OP("ReduceMean", 18, PORT('x', 3, 5, 8, 4), LIST(2, 1, 2))},
    {OP("ReduceMax", 17, X3), .attrs = {INTS("axes", 1, 1), INT("keepdims", 0)}, .all = largest},
    {OP("ReduceMax", 18, X3, LIST(1, 1)), .all = largest},
    {OP("ReduceMin", 17, X3), .attrs = {INTS("axes", 1, 1)}, .all = smallest},
    /* moves */
    {OP("Transpose", 17, X3)},
    {OP("Transpose", 17, PORT('x', 4, 2, 3, 4, 5)), .attrs = {INTS("perm", 4, 2, 0, 3, 1)}},
    {OP("Slice", 17, X3, LIST(2, 1, 0), LIST(2, 6, 19), LIST(2, 1, 2), LIST(2, 2, 3))},
    {OP("Slice", 17, X3, LIST(2, -1, 100), LIST(2, -100, 2), LIST(2, 0, 2), LIST(2, -1, -5))},
    {OP("Slice", 17, X3, LIST(1, -1), LIST(1, 1000), LIST(1, 1))},
    {OP("Slice", 17, X3, LIST(1, 3), LIST(1, 3), LIST(1, 1))},
    {OP("Slice", 9, X3), .attrs = {INTS("starts", 1, 2), INTS("ends", 1, 5), INTS("axes", 1, 1)}},
    {OP("Split", 17, X3, LIST(3, 2, 1, 4)), .attrs = {INT("axis", 1)}, .outputs = 3},
    {OP("Split", 17, X3, LIST(3, 2, 0, 5)), .attrs = {INT("axis", 1)}, .outputs = 3, .no_dy = 1},
    {OP("Split", 17, PORT('x', 2, 6, 4)), .attrs = {INT("axis", -1)}, .outputs = 2, .no_dy = 2},
    {OP("Concat", 17, X3, PORT('p', 3, 5, 2, 19), PORT('x', 3, 5, 0, 19)), .attrs = {INT("axis", 1)}},
    {OP("Concat", 17, PORT('x', 2, 3, 4), PORT('x', 2, 3, 2)), .attrs = {INT("axis", -1)}},
    {OP("Gather", 17, PORT('p', 2, 6, 19), VALUES('i', 2, (2, 4), 5, 0, -1, 2, 2, 2, -6, 5))},
    {OP("Gather", 17, X3, VALUES('k', 1, (3), 4, 1, 4)), .attrs = {INT("axis", 1)}},
    {OP("Gather", 17, X3, VALUES('k', 0, (0), -1)), .attrs = {INT("axis", 2)}},
    {OP("Expand", 17, PORT('x', 3, 5, 1, 1), LIST(4, 2, 1, 7, 3))},
    {OP("Expand", 17, PORT('p', 1, 19), LIST(3, 5, 7, 19))},
    {OP("Tile", 17, PORT('x', 3, 2, 3, 4), LIST(3, 3, 1, 2))},
    {OP("Tile", 17, PORT('x', 3, 2, 3, 4), LIST(3, 1, 2, 0))},
};

enum { EXAMPLES = sizeof examples / sizeof examples[0] };

/* ---- Data ---- */

static uint32_t draw(uint32_t *seed) { return (*seed = *seed * 1664525u + 1013904223u) >> 8; }

/* Whole numbers from -3 to 3, or uniform ones. */
static float number(const example *e, int whole, uint32_t *seed)
{
    const double low = e->low == e->high ? -2 : e->low, high = e->low == e->high ? 2 : e->high;
    const uint32_t bits = draw(seed);

    return whole ? (float)(bits % 7) - 3 : (float)(low + (high - low) * (double)bits / 16777216.0);
}

static int drawn(char kind) { return kind == 'x' || kind == 'p'; }

static rnnp_tensor make_tensor(const example *e, size_t index, int whole)
{
    const port *p = &e->in[index];
    rnnp_tensor t = {.dtype = p->kind == 'b'                     ? RNNP_DTYPE_BOOL
                              : p->kind == 'i' || p->kind == 'k' ? RNNP_DTYPE_I64
                                                                 : RNNP_DTYPE_F32,
                     .rank = p->rank};
    uint32_t seed = (uint32_t)index * 7919 + 5;

    memcpy(t.shape, p->shape, p->rank * sizeof *t.shape);
    t.data = filled(tensor_bytes(&t), 0);
    for (size_t i = 0; i < rnnp_tensor_elements(&t); i++) {
        size_t n = 1;

        for (size_t k = 0; k < 8; k++) n = p->values[k] != 0 ? k + 1 : n;
        const double v = p->values[i % (rnnp_tensor_elements(&t) <= 8 ? 8 : n)];
        if (t.dtype == RNNP_DTYPE_BOOL)
            ((uint8_t *)t.data)[i] = v != 0;
        else if (t.dtype == RNNP_DTYPE_I64)
            ((int64_t *)t.data)[i] = (int64_t)v;
        else
            ((float *)t.data)[i] = drawn(p->kind) ? number(e, whole, &seed) : (float)v;
    }
    return t;
}

/* as_input: parameters are inputs instead. */
static void open_example(one_node *one, rnnp_context *context, const example *e, int whole, int as_input)
{
    rnnp_tensor tensor[NODE_PORTS];
    source sources[NODE_PORTS];
    size_t n = 0, n_attrs = 0;

    for (; n < NODE_PORTS && e->in[n].kind; n++) {
        const char kind = e->in[n].kind;

        tensor[n] = kind == '-' ? (rnnp_tensor){.dtype = 0} : make_tensor(e, n, whole);
        sources[n] = kind == '-'                                                              ? ABSENT
                     : kind == 'x' || kind == 'i' || kind == 'b' || (kind == 'p' && as_input) ? INPUT
                                                                                              : CONSTANT;
    }
    while (n_attrs < 4 && e->attrs[n_attrs].name) n_attrs++;
    /* A model of constants alone would be folded. */
    int inputs = 0;
    for (size_t i = 0; i < n; i++) inputs += sources[i] == INPUT;
    if (!inputs) sources[0] = INPUT;
    node_open(one, context, e->op, e->opset, tensor, sources, n, e->attrs, n_attrs, e->outputs ? e->outputs : 1, 0);
    node_memory(one);
}

static void close_example(one_node *one)
{
    for (size_t i = 0; i < one->call.shape.node->n_inputs; i++) free(one->in[i].data);
    node_close(one);
}

/* Gradients of the results, then of the operands. */
static void pass(one_node *one, const example *e, int whole)
{
    uint32_t seed = 1234;

    if (one->gradient->check) OK(one->gradient->check(&one->call.shape));
    node_prepare(one);
    OK(node_forward(one));
    for (size_t k = 0; k < one->call.shape.node->n_outputs; k++) {
        for (size_t i = 0; i < rnnp_tensor_elements(&one->d_out[k]); i++)
            ((float *)one->d_out[k].data)[i] = e->no_dy >> k & 1 ? 0
                                               : whole           ? (float)(draw(&seed) % 5) - 2
                                                                 : (float)(draw(&seed) % 1000) / 500 - 1;
        if (e->no_dy >> k & 1) node_lose(&one->d_out[k]);
    }
    node_backward(one);
}

#endif
