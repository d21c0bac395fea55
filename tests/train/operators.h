/* SPDX-License-Identifier: Apache-2.0
 *
 * One or more nodes for every operator that has a gradient, and such a node taken forwards and backwards.
 */
#ifndef RNNP_TESTS_OPERATORS_H
#define RNNP_TESTS_OPERATORS_H

#include "formulas.h"

typedef struct port {
    char kind; /* x: f32 input, p: f32 parameter, both of numbers drawn;
                * f: f32 constant, i: i64 input, k: i64 constant, b: bool input, by values;
                * -: absent; 0: the end */
    size_t rank;
    int64_t shape[4];
    double values[8]; /* repeated as often as needed */
} port;

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
#define TEXT(name_, v)                                  \
    {                                                   \
        .name = name_, .kind = RNNP_ATTR_STRING, .s = v \
    }
#define KERNEL(rows, cols) INTS("kernel_shape", 2, rows, cols)
#define NORM .attrs = {FLOAT("epsilon", 0.01f)}
#define STATISTICS(n) VALUES('f', 1, (n), 0.5, -0.25, 0.125), VALUES('f', 1, (n), 0.5, 2, 1.25)
#define X4 PORT('x', 4, 2, 3, 6, 7)
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
    {OP("Erf", 17, X3), .one = erf},
    {OP("HardSwish", 17, X3), .one = f_hard_swish, .low = -5, .high = 5},
    {OP("Selu", 17, X3), .attrs = {FLOAT("alpha", 1.5f), FLOAT("gamma", 1.25f)}, .one = f_selu},
    {OP("Celu", 17, X3), .attrs = {FLOAT("alpha", 0.75f)}, .one = f_celu},
    {OP("Mish", 18, X3), .one = f_mish, .low = -6, .high = 6},
    {OP("Gelu", 20, X3), .one = f_gelu, .low = -6, .high = 6},
    {OP("Gelu", 20, X3), .attrs = {TEXT("approximate", "tanh")}, .one = f_gelu_tanh, .low = -6, .high = 6},
    {OP("Sin", 17, X3), .one = sin},
    {OP("Cos", 17, X3), .one = cos},
    {OP("Tan", 17, X3), .one = tan, .low = -1.3, .high = 1.3},
    {OP("Asin", 17, X3), .one = asin, .low = -0.9, .high = 0.9},
    {OP("Acos", 17, X3), .one = acos, .low = -0.9, .high = 0.9},
    {OP("Atan", 17, X3), .one = atan},
    {OP("Sinh", 17, X3), .one = sinh},
    {OP("Cosh", 17, X3), .one = cosh},
    {OP("Asinh", 17, X3), .one = asinh},
    {OP("Acosh", 17, X3), .one = acosh, .low = 1.2, .high = 4},
    {OP("Atanh", 17, X3), .one = atanh, .low = -0.9, .high = 0.9},
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
    {OP("PRelu", 17, X3, X3), .two = f_prelu},
    {OP("PRelu", 17, X3, PORT('p', 2, 7, 1)), .two = f_prelu},
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
    {OP("Einsum", 17, PORT('x', 3, 5, 7, 9), PORT('p', 2, 9, 3)), .attrs = {TEXT("equation", "btk,kn->btn")}},
    {OP("Einsum", 17, PORT('x', 4, 2, 7, 3, 5), PORT('x', 4, 2, 6, 3, 5)),
     .attrs = {TEXT("equation", "bqhd,bkhd->bhqk")}},
    {OP("Einsum", 17, PORT('x', 3, 5, 7, 9), PORT('p', 3, 3, 1, 9)), .attrs = {TEXT("equation", "...ij,kij->k...")}},
    {OP("Einsum", 17, PORT('x', 2, 5, 7), PORT('p', 2, 4, 3)), .attrs = {TEXT("equation", "ij,kl->ik")}},
    {OP("Einsum", 17, PORT('x', 2, 5, 1), PORT('p', 2, 6, 3)), .attrs = {TEXT("equation", "ij,jk->ki")}},
    {OP("Einsum", 17, PORT('x', 4, 2, 1, 7, 9), PORT('p', 3, 5, 9, 3)),
     .attrs = {TEXT("equation", "...ij,...jk->...ik")}},
    {OP("Einsum", 17, PORT('x', 1, 9), PORT('x', 1, 9)), .attrs = {TEXT("equation", "i,i")}},
    {OP("Einsum", 17, X3), .attrs = {TEXT("equation", "ijk->ki")}},
    {OP("Einsum", 17, PORT('x', 2, 0, 7), PORT('p', 2, 7, 3)), .attrs = {TEXT("equation", "ij,jk->ik")}},
    /* pooling */
    {OP("MaxPool", 17, X4), .attrs = {KERNEL(3, 2), INTS("strides", 2, 2, 1), INTS("pads", 4, 1, 0, 1, 1)},
     .all = max_overlapping},
    {OP("MaxPool", 17, X4),
     .attrs = {KERNEL(2, 2), INTS("strides", 2, 1, 2), INTS("pads", 4, 0, 1, 1, 0), INTS("dilations", 2, 2, 3)},
     .all = max_dilated},
    {OP("AveragePool", 17, X4), .attrs = {KERNEL(3, 2), INTS("strides", 2, 2, 1), INTS("pads", 4, 1, 0, 1, 1)},
     .all = mean_overlapping},
    {OP("AveragePool", 17, X4),
     .attrs = {KERNEL(3, 3), INTS("strides", 2, 1, 2), INTS("pads", 4, 1, 2, 2, 0), INT("count_include_pad", 1)},
     .all = mean_with_padding},
    {OP("AveragePool", 17, PORT('x', 3, 3, 5, 9)),
     .attrs = {INTS("kernel_shape", 1, 2), INTS("strides", 1, 2), TEXT("auto_pad", "SAME_UPPER"),
               INT("count_include_pad", 1)}},
    {OP("MaxPool", 17, PORT('x', 3, 0, 5, 9)), .attrs = {INTS("kernel_shape", 1, 2)}},
    {OP("GlobalMaxPool", 17, X4), .all = largest_of_plane},
    {OP("GlobalAveragePool", 17, PORT('x', 4, 2, 3, 4, 8))},
    /* normalisations */
    {OP("BatchNormalization", 17, X3, PORT('p', 1, 7), PORT('p', 1, 7), STATISTICS(7)), NORM, .all = batch_normal},
    {OP("BatchNormalization", 9, PORT('x', 2, 9, 3), PORT('x', 1, 3), PORT('p', 1, 3), STATISTICS(3)), NORM,
     .all = batch_normal},
    {OP("InstanceNormalization", 17, X3, PORT('p', 1, 7), PORT('p', 1, 7)), NORM, .all = instance},
    {OP("GroupNormalization", 21, PORT('x', 3, 5, 6, 19), PORT('p', 1, 6), PORT('p', 1, 6)),
     .attrs = {FLOAT("epsilon", 0.01f), INT("num_groups", 3)}, .all = group_of_two},
    {OP("GroupNormalization", 18, PORT('x', 3, 5, 6, 19), PORT('p', 1, 3), PORT('p', 1, 3)),
     .attrs = {FLOAT("epsilon", 0.01f), INT("num_groups", 3)}, .all = group_by_group},
    {OP("LayerNormalization", 17, X3, PORT('p', 1, 19), PORT('p', 1, 19)), NORM, .all = layer_last},
    {OP("LayerNormalization", 17, X3, PORT('p', 2, 7, 19)), .attrs = {FLOAT("epsilon", 0.01f), INT("axis", 1)},
     .all = layer_from_one},
    {OP("LpNormalization", 17, X3), .all = l2_normal},
    {OP("LpNormalization", 17, X3), .attrs = {INT("axis", 1), INT("p", 1)}, .all = l1_normal},
    {OP("LayerNormalization", 17, PORT('x', 3, 0, 7, 19), PORT('p', 1, 19)), .attrs = {FLOAT("epsilon", 0.01f)}},
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
    {OP("ReduceL1", 17, X3), .attrs = {INTS("axes", 1, 1), INT("keepdims", 0)}, .all = l1_middle},
    {OP("ReduceL2", 18, X3, LIST(1, 1)), .all = l2_middle},
    {OP("ReduceL2", 17, X3), .attrs = {INTS("axes", 2, -1, -2)}, .all = l2_last},
    {OP("ReduceSumSquare", 17, X3), .all = squares_all},
    {OP("ReduceLogSum", 17, X3), .attrs = {INTS("axes", 1, 1)}, .all = log_sum_middle, .low = 0.1, .high = 2},
    {OP("ReduceLogSum", 17, X3), .attrs = {INTS("axes", 1, 2)}, .all = log_sum_last, .low = 0.1, .high = 2},
    {OP("ReduceLogSumExp", 17, X3), .attrs = {INTS("axes", 1, 1), INT("keepdims", 0)}, .all = log_sum_exp_middle},
    {OP("ReduceProd", 17, X3), .attrs = {INTS("axes", 1, 1)}, .all = prod_middle, .low = -1.5, .high = 1.5},
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
    {OP("GatherElements", 17, X3, VALUES('i', 3, (2, 3, 19), 6, 0, -1, 2, 2, 3, -7, 5)), .attrs = {INT("axis", 1)}},
    {OP("GatherElements", 17, PORT('p', 1, 6), VALUES('k', 1, (8), 5, 0, 1, 5, 5, -1, 4, 2))},
    {OP("GatherND", 17, X3, VALUES('i', 2, (4, 2), 3, 0, -1, 2, 3, 0, 4, -7))},
    {OP("GatherND", 17, X3, VALUES('k', 2, (5, 1), 6, 0, 2, -1, 3)), .attrs = {INT("batch_dims", 1)}},
    {OP("ScatterElements", 17, X3, VALUES('i', 3, (2, 3, 19), 6, 0, 4, 2, 2, 3, 1, 5), PORT('p', 3, 2, 3, 19)),
     .attrs = {INT("axis", 1)}},
    {OP("Scatter", 10, PORT('p', 1, 6), VALUES('k', 1, (3), 5, 0, 2), PORT('x', 1, 3))},
    {OP("ScatterND", 17, X3, VALUES('i', 2, (3, 1), 3, 0, -1), PORT('x', 3, 3, 7, 19))},
    {OP("TopK", 17, X3, LIST(1, 3)), .attrs = {INT("axis", 1)}, .all = top_three},
    {OP("Trilu", 17, X3)},
    {OP("Trilu", 17, X3, VALUES('k', 0, (0), -2)), .attrs = {INT("upper", 0)}},
    {OP("ReverseSequence", 17, X3, LIST(7, 1, 5, 3, 2, 4, 2, 5))},
    {OP("ReverseSequence", 17, X3, VALUES('i', 1, (5), 1, 7, 3, 2, 5)),
     .attrs = {INT("batch_axis", 0), INT("time_axis", 1)}},
    {OP("CumSum", 17, X3, VALUES('k', 0, (0), 1))},
    {OP("CumSum", 17, X3, VALUES('k', 0, (0), -1)), .attrs = {INT("reverse", 1), INT("exclusive", 1)}},
    {OP("Pad", 17, X3, LIST(6, 1, 0, 2, 0, 3, 1), NUMBER(4))},
    {OP("Pad", 18, X3, LIST(4, 1, 2, -1, 3), PORT('-', 0, 0), LIST(2, 2, 0)), .attrs = {TEXT("mode", "edge")}},
    {OP("Pad", 17, PORT('x', 2, 3, 4), LIST(4, 2, 5, 1, 3)), .attrs = {TEXT("mode", "reflect")}},
    {OP("Pad", 19, PORT('x', 2, 3, 4), LIST(4, 4, 0, 1, 5)), .attrs = {TEXT("mode", "wrap")}},
    {OP("Pad", 10, X3), .attrs = {INTS("pads", 6, 0, -2, 1, 1, -3, 0)}},
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
