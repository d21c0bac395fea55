/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that are not linear, in double, as formulas of their definition.
 */
#ifndef RNNP_TESTS_FORMULAS_H
#define RNNP_TESTS_FORMULAS_H

#include "node.h"

/* Operands in double. */
typedef struct tensors {
    rnnp_tensor in[NODE_PORTS];
    double *x[NODE_PORTS];
} tensors;

/* ---- Of one element or two ---- */

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
static double f_hard_swish(double x) { return x * fmin(1, fmax(0, x / 6 + 0.5)); }
static double f_selu(double x) { return 1.25 * (x > 0 ? x : 1.5 * (exp(x) - 1)); }
static double f_celu(double x) { return x > 0 ? x : 0.75 * (exp(x / 0.75) - 1); }
static double f_mish(double x) { return x * tanh(log(1 + exp(x))); }
static double f_gelu(double x) { return x * erfc(-x * sqrt(0.5)) / 2; }
static double f_gelu_tanh(double x) { return x * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x))) / 2; }
static double f_prelu(double x, double slope) { return x > 0 ? x : slope * x; }
static double f_divide(double a, double b) { return a / b; }

/* ---- Of whole tensors ---- */

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

/* ---- Reductions over axes [from, to) ---- */

typedef enum reduction { MAX, MIN, L1, L2, SQUARES, LOG_SUM, LOG_SUM_EXP, PROD } reduction;

static void reduce(const tensors *t, size_t from, size_t to, reduction kind, double *y)
{
    const rnnp_tensor *x = &t->in[0];
    size_t outer = 1, row = 1, inner = 1;

    for (size_t i = 0; i < x->rank; i++) *(i < from ? &outer : i < to ? &row : &inner) *= (size_t)x->shape[i];
    for (size_t i = 0; i < outer * inner; i++) {
        double most = -INFINITY, least = INFINITY, sum = 0, size = 0, squares = 0, exps = 0, product = 1;

        for (size_t k = 0; k < row; k++) {
            const double v = t->x[0][(i / inner * row + k) * inner + i % inner];

            most = fmax(most, v);
            least = fmin(least, v);
            sum += v;
            size += fabs(v);
            squares += v * v;
            exps += exp(v);
            product *= v;
        }
        y[i] = (double[]){most, least, size, sqrt(squares), squares, log(sum), log(exps), product}[kind];
    }
}

static void largest(const tensors *t, double *y) { reduce(t, 1, 2, MAX, y); }
static void smallest(const tensors *t, double *y) { reduce(t, 1, 2, MIN, y); }
static void largest_of_plane(const tensors *t, double *y) { reduce(t, 2, 4, MAX, y); }
static void l1_middle(const tensors *t, double *y) { reduce(t, 1, 2, L1, y); }
static void l2_middle(const tensors *t, double *y) { reduce(t, 1, 2, L2, y); }
static void l2_last(const tensors *t, double *y) { reduce(t, 1, 3, L2, y); }
static void squares_all(const tensors *t, double *y) { reduce(t, 0, 3, SQUARES, y); }
static void log_sum_middle(const tensors *t, double *y) { reduce(t, 1, 2, LOG_SUM, y); }
static void log_sum_last(const tensors *t, double *y) { reduce(t, 2, 3, LOG_SUM, y); }
static void log_sum_exp_middle(const tensors *t, double *y) { reduce(t, 1, 2, LOG_SUM_EXP, y); }
static void prod_middle(const tensors *t, double *y) { reduce(t, 1, 2, PROD, y); }

/* ---- Pooling over the last two axes of four ---- */

typedef struct windows {
    int64_t kernel[2], stride[2], begin[2], end[2], dilation[2];
    enum { POOL_MAX, POOL_MEAN, POOL_MEAN_WITH_PADDING } kind;
} windows;

static int64_t places(const windows *w, size_t axis, int64_t in)
{
    const int64_t extent = (w->kernel[axis] - 1) * w->dilation[axis] + 1;

    return (in + w->begin[axis] + w->end[axis] - extent) / w->stride[axis] + 1;
}

static void pool(const tensors *t, const windows *w, double *y)
{
    const int64_t *in = t->in[0].shape, rows = places(w, 0, in[2]), cols = places(w, 1, in[3]);

    for (int64_t p = 0; p < in[0] * in[1] * rows * cols; p++) {
        const int64_t top = p / cols % rows * w->stride[0] - w->begin[0], left = p % cols * w->stride[1] - w->begin[1];
        const double *plane = t->x[0] + p / (rows * cols) * in[2] * in[3];
        double most = -INFINITY, sum = 0, count = 0;

        for (int64_t k = 0; k < w->kernel[0] * w->kernel[1]; k++) {
            const int64_t r = top + k / w->kernel[1] * w->dilation[0], c = left + k % w->kernel[1] * w->dilation[1];
            const int inside = r >= 0 && r < in[2] && c >= 0 && c < in[3];

            count += inside || w->kind == POOL_MEAN_WITH_PADDING;
            if (!inside) continue;
            most = fmax(most, plane[r * in[3] + c]);
            sum += plane[r * in[3] + c];
        }
        y[p] = w->kind == POOL_MAX ? most : sum / count;
    }
}

#define POOL(name_, ...) \
    static void name_(const tensors *t, double *y) { pool(t, &(const windows){__VA_ARGS__}, y); }
POOL(max_overlapping, {3, 2}, {2, 1}, {1, 0}, {1, 1}, {1, 1}, POOL_MAX)
POOL(max_dilated, {2, 2}, {1, 2}, {0, 1}, {1, 0}, {2, 3}, POOL_MAX)
POOL(mean_overlapping, {3, 2}, {2, 1}, {1, 0}, {1, 1}, {1, 1}, POOL_MEAN)
POOL(mean_with_padding, {3, 3}, {1, 2}, {1, 2}, {2, 0}, {1, 1}, POOL_MEAN_WITH_PADDING)

/* ---- Normalisations: x, scale, bias, and the statistics of BatchNormalization ---- */

/* Rows of n; scale and bias have one element for each of `span` in turn. */
static void normalise(const tensors *t, size_t n, size_t span, double *y)
{
    const size_t scales = rnnp_tensor_elements(&t->in[1]);

    for (size_t r = 0; r < rnnp_tensor_elements(&t->in[0]); r += n) {
        double mean = 0, variance = 0;

        for (size_t i = r; i < r + n; i++) mean += t->x[0][i] / (double)n;
        for (size_t i = r; i < r + n; i++) variance += (t->x[0][i] - mean) * (t->x[0][i] - mean) / (double)n;
        for (size_t i = r; i < r + n; i++)
            y[i] = (t->x[0][i] - mean) / sqrt(variance + (double)0.01f) * t->x[1][i / span % scales] +
                   (t->x[2] ? t->x[2][i / span % scales] : 0);
    }
}

static void batch_normal(const tensors *t, double *y)
{
    const size_t channels = rnnp_tensor_elements(&t->in[1]), all = rnnp_tensor_elements(&t->in[0]);
    const size_t elements = all / ((size_t)t->in[0].shape[0] * channels);

    for (size_t i = 0; i < all; i++) {
        const size_t c = i / elements % channels;

        y[i] = (t->x[0][i] - t->x[3][c]) / sqrt(t->x[4][c] + (double)0.01f) * t->x[1][c] + t->x[2][c];
    }
}

static void layer_last(const tensors *t, double *y) { normalise(t, 19, 1, y); }
static void layer_from_one(const tensors *t, double *y) { normalise(t, 7 * 19, 1, y); }
static void instance(const tensors *t, double *y) { normalise(t, 19, 19, y); }
static void group_of_two(const tensors *t, double *y) { normalise(t, 2 * 19, 19, y); }
static void group_by_group(const tensors *t, double *y) { normalise(t, 2 * 19, 2 * 19, y); }

/* x over the norm along an axis. */
static void over_norm(const tensors *t, size_t axis, int p, double *y)
{
    const rnnp_tensor *x = &t->in[0];
    const size_t inner = axis == 1 ? (size_t)x->shape[2] : 1, n = (size_t)x->shape[axis];

    for (size_t i = 0; i < rnnp_tensor_elements(x); i++) {
        const size_t first = i / (n * inner) * (n * inner) + i % inner;
        double sum = 0;

        for (size_t k = 0; k < n; k++) sum += pow(fabs(t->x[0][first + k * inner]), p);
        y[i] = t->x[0][i] / (p == 1 ? sum : sqrt(sum));
    }
}

static void l2_normal(const tensors *t, double *y) { over_norm(t, 2, 2, y); }
static void l1_normal(const tensors *t, double *y) { over_norm(t, 1, 1, y); }

/* The three largest along the middle axis of three. */
static void top_three(const tensors *t, double *y)
{
    const size_t n = (size_t)t->in[0].shape[1], inner = (size_t)t->in[0].shape[2];

    for (size_t i = 0; i < (size_t)t->in[0].shape[0] * inner; i++) {
        const double *x = t->x[0] + i / inner * n * inner + i % inner;

        for (size_t k = 0; k < n; k++) {
            size_t above = 0;

            for (size_t other = 0; other < n; other++) above += x[other * inner] > x[k * inner];
            if (above < 3) y[(i / inner * 3 + above) * inner + i % inner] = x[k * inner];
        }
    }
}

#endif
