/* SPDX-License-Identifier: Apache-2.0 */
#include "loss.h"

#include "../real.h"

#include <math.h>
#include <stdio.h>

enum { CHUNK = 256 }; /* floats of a buffer between two kernels */

/* ---- Targets and weights ---- */

size_t rnnp_train_first_not_finite(const rnnp_selection *select, const float *x, size_t n)
{
    float sum = 0;
    if (n) select->op[RNNP_OP_reduce_sum_f32]->fn.reduce_sum_f32(&(rnnp_row_args){x, &sum, 1, n, n, 1});
    return isfinite(sum) ? n : rnnp_first_not_finite(x, n);
}

static int64_t class_of(const rnnp_loss_items *items, size_t i)
{
    return items->target_dtype == RNNP_DTYPE_I64 ? ((const int64_t *)items->target)[i]
                                                 : ((const int32_t *)items->target)[i];
}

static const float *target_of(const rnnp_loss_spec *spec, const rnnp_loss_items *items, size_t i)
{
    return (const float *)items->target + i * spec->k;
}

/* The weight of an item, with its class's. */
static double weight_of(const rnnp_loss_spec *spec, const rnnp_loss_items *items, size_t i)
{
    const double w = items->weight ? (double)items->weight[i] : 1;
    const float *c = spec->class_weights, *t;
    double mean = 0;
    if (w == 0 || !c) return w;
    if (spec->kind == RNNP_LOSS_SPARSE) return w * (double)c[class_of(items, i)];
    t = target_of(spec, items, i);
    if (spec->kind == RNNP_LOSS_BINARY) return w * ((1 - (double)t[0]) * (double)c[0] + (double)t[0] * (double)c[1]);
    for (size_t j = 0; j < spec->k; j++) mean += (double)t[j] * (double)c[j];
    return w * mean;
}

void rnnp_loss_describe(const rnnp_loss_spec *spec, const rnnp_loss_items *items, size_t item, char *text, size_t size)
{
    const float w = items->weight ? items->weight[item] : 1;
    const int numbers = rnnp_loss_of_numbers(spec->kind);
    double sum = 0;
    text[0] = 0;
    if (!(w >= 0 && isfinite(w))) {
        snprintf(text, size, "weight %g is not a finite number >= 0", (double)w);
    } else if (spec->kind == RNNP_LOSS_SPARSE) {
        snprintf(text, size, "class %lld is not in [0, %zu)", (long long)class_of(items, item), spec->k);
    } else {
        const float *t = target_of(spec, items, item);
        for (size_t j = 0; j < spec->k; sum += (double)t[j++]) {
            if (numbers ? isfinite(t[j]) : t[j] >= 0 && t[j] <= 1) continue;
            snprintf(text, size, "target %g at %zu is not %s", (double)t[j], j, numbers ? "finite" : "in [0, 1]");
            return;
        }
        if (spec->kind == RNNP_LOSS_CROSS) snprintf(text, size, "the target's sum is %g and not 1", sum);
    }
}

static int target_is_good(const rnnp_loss_spec *spec, const rnnp_loss_items *items, size_t i)
{
    int64_t class;
    const float *t;
    double sum = 0;
    int bad = 0;
    if (spec->kind == RNNP_LOSS_SPARSE) {
        class = class_of(items, i);
        return class >= 0 && (uint64_t) class < spec->k;
    }
    t = target_of(spec, items, i);
    if (rnnp_loss_of_numbers(spec->kind)) return rnnp_first_not_finite(t, spec->k) == spec->k;
    for (size_t j = 0; j < spec->k; sum += (double)t[j++]) bad |= !(t[j] >= 0 && t[j] <= 1);
    return !bad && (spec->kind != RNNP_LOSS_CROSS || fabs(sum - 1) <= 1e-3);
}

size_t rnnp_loss_check(const rnnp_loss_spec *spec, const rnnp_loss_items *items, const rnnp_selection *select)
{
    const size_t n = items->n * spec->k; /* numbers of a target where it has some */
    const int good = rnnp_loss_of_numbers(spec->kind) && rnnp_train_first_not_finite(select, items->target, n) == n;
    if (good && !items->weight) return items->n;
    for (size_t i = 0; i < items->n; i++) {
        const float w = items->weight ? items->weight[i] : 1;
        if (!(w >= 0 && isfinite(w)) || (w > 0 && !good && !target_is_good(spec, items, i))) return i;
    }
    return items->n;
}

void rnnp_loss_weight(const rnnp_loss_spec *spec, const rnnp_loss_items *items, double *weight)
{
    for (size_t i = 0; i < items->n; i++) *weight += weight_of(spec, items, i);
}

/* ---- Losses ---- */

/* Eight sums, for speed; their order is part of the result. */
static double squares(const rnnp_loss_spec *spec, const rnnp_loss_items *items, size_t i)
{
    const float *y = items->y + i * spec->k, *t = target_of(spec, items, i);
    double sum[8] = {0};
    size_t j = 0;
    for (; j + 8 <= spec->k; j += 8)
        for (size_t l = 0; l < 8; l++)
            sum[l] += ((double)y[j + l] - (double)t[j + l]) * ((double)y[j + l] - (double)t[j + l]);
    for (size_t l = 0; j < spec->k; j++, l++) sum[l] += ((double)y[j] - (double)t[j]) * ((double)y[j] - (double)t[j]);
    return (((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]))) / (double)spec->k;
}

/* MAE: |y - t|; HUBER: a square up to delta, beyond it the line that goes on with the same slope (Huber 1964). */
static double distances(const rnnp_loss_spec *spec, const rnnp_loss_items *items, size_t i)
{
    const float *y = items->y + i * spec->k, *t = target_of(spec, items, i);
    const double delta = (double)spec->delta;
    double sum = 0;
    for (size_t j = 0; j < spec->k; j++) {
        const double d = fabs((double)y[j] - (double)t[j]);
        sum += spec->kind == RNNP_LOSS_MAE ? d : d > delta ? delta * (d - delta / 2) : d * d / 2;
    }
    return sum / (double)spec->k;
}

/* log sum exp(y - max). Four sums, for speed; their order is part of the result. */
static double log_sum(const rnnp_selection *select, const float *y, size_t k, float max)
{
    double sum[4] = {0};
    float e[CHUNK];
    for (size_t from = 0; from < k; from += CHUNK) {
        const size_t n = k - from < CHUNK ? k - from : CHUNK;
        for (size_t j = 0; j < n; j++) e[j] = y[from + j] - max;
        select->op[RNNP_OP_exp_f32_u35]->fn.exp_f32_u35(&(rnnp_unary_args){.x = e, .y = e, .n = n});
        for (size_t j = 0; j < n; j++) sum[j % 4] += (double)e[j];
    }
    return rnnp_real_log((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

/* -log p_j is (max - y_j) + log_sum: no difference of large numbers remains of it. */
static double cross(const rnnp_loss_spec *spec, const rnnp_loss_items *items, const rnnp_selection *select, size_t i)
{
    const size_t k = spec->k;
    const double s = (double)spec->smoothing, kept = 1 - s;
    const float *y = items->y + i * k;
    double l = 0, total = 0; /* sum of t_j (max - y_j), sum of t_j */
    float max;
    select->op[RNNP_OP_reduce_max_f32]->fn.reduce_max_f32(
        &(rnnp_row_args){.x = y, .y = &max, .rows = 1, .cols = k, .ldx = k, .ldy = 1});
    if (spec->kind == RNNP_LOSS_SPARSE) {
        l = kept * ((double)max - (double)y[class_of(items, i)]);
        total = kept;
    } else {
        const float *t = target_of(spec, items, i);
        for (size_t j = 0; j < k; j++)
            if (t[j] > 0) {
                l += kept * (double)t[j] * ((double)max - (double)y[j]);
                total += kept * (double)t[j];
            }
    }
    if (s > 0) {
        for (size_t j = 0; j < k; j++) l += s / (double)k * ((double)max - (double)y[j]);
        total += s;
    }
    return l + total * log_sum(select, y, k, max);
}

/* -t log p - (1-t) log(1-p) = log(1 + e^-|y|) + t max(-y, 0) + (1-t) max(y, 0): all terms >= 0 */
static void add_binary(const rnnp_loss_spec *spec, const rnnp_loss_items *items, const rnnp_selection *select,
                       double *sum, double *weight)
{
    const double s = (double)spec->smoothing;
    float log1p[CHUNK];
    for (size_t from = 0; from < items->n; from += CHUNK) {
        const size_t n = items->n - from < CHUNK ? items->n - from : CHUNK;
        for (size_t j = 0; j < n; j++) log1p[j] = -fabsf(items->y[from + j]);
        select->op[RNNP_OP_softplus_f32_u35]->fn.softplus_f32_u35(&(rnnp_unary_args){.x = log1p, .y = log1p, .n = n});
        for (size_t j = 0; j < n; j++) {
            const double w = weight_of(spec, items, from + j), y = (double)items->y[from + j];
            double t;
            if (w == 0) continue;
            t = (1 - s) * (double)target_of(spec, items, from + j)[0] + s / 2;
            *sum += w * ((double)log1p[j] + (y < 0 ? t * -y : (1 - t) * y));
            *weight += w;
        }
    }
}

void rnnp_loss_add(const rnnp_loss_spec *spec, const rnnp_loss_items *items, const rnnp_selection *select, double *sum,
                   double *weight)
{
    if (spec->kind == RNNP_LOSS_BINARY) {
        add_binary(spec, items, select, sum, weight);
        return;
    }
    for (size_t i = 0; i < items->n; i++) {
        const double w = weight_of(spec, items, i);
        if (w == 0) continue;
        *sum += w * (spec->kind == RNNP_LOSS_MSE        ? squares(spec, items, i)
                     : rnnp_loss_of_numbers(spec->kind) ? distances(spec, items, i)
                                                        : cross(spec, items, select, i));
        *weight += w;
    }
}

/* ---- Gradients ---- */

/* Of one number by its difference to the target: that itself, its sign, or what delta leaves of it. */
static float slope(const rnnp_loss_spec *spec, float d)
{
    if (spec->kind == RNNP_LOSS_MAE) return (float)((d > 0) - (d < 0));
    if (spec->kind == RNNP_LOSS_HUBER) return d > spec->delta ? spec->delta : d < -spec->delta ? -spec->delta : d;
    return d;
}

/* dy holds softmax or sigmoid of y: gradient g (T p - t), T the sum of t, both smoothed. */
static void back_item(const rnnp_loss_spec *spec, const rnnp_loss_items *items, size_t i, float g, float *dy)
{
    const size_t k = spec->k;
    const double s = (double)spec->smoothing, kept = 1 - s;
    const float *y = items->y + i * k, *t;
    const float rest = (float)(s / (spec->kind == RNNP_LOSS_BINARY ? 2 : (double)k));
    double total = 0;
    if (spec->kind == RNNP_LOSS_SPARSE) {
        const size_t class = (size_t)class_of(items, i);
        const float p = dy[class];
        for (size_t j = 0; j < k; j++) dy[j] = g * (dy[j] - rest);
        dy[class] = g * (p - (float)(kept + s / (double)k));
        return;
    }
    t = target_of(spec, items, i);
    if (rnnp_loss_of_numbers(spec->kind)) {
        for (size_t j = 0; j < k; j++) dy[j] = g * slope(spec, y[j] - t[j]);
        return;
    }
    for (size_t j = 0; j < k; j++) total += (double)t[j];
    total = spec->kind == RNNP_LOSS_BINARY ? 1 : kept * total + s;
    for (size_t j = 0; j < k; j++) dy[j] = g * ((float)total * dy[j] - ((float)kept * t[j] + rest));
}

void rnnp_loss_back(const rnnp_loss_spec *spec, const rnnp_loss_items *items, const rnnp_selection *select, float scale,
                    float *dy)
{
    const size_t n = items->n, k = spec->k;
    const double share = spec->kind == RNNP_LOSS_MSE ? 2 : 1;
    const int numbers = rnnp_loss_of_numbers(spec->kind);
    if (spec->kind == RNNP_LOSS_BINARY)
        select->op[RNNP_OP_sigmoid_f32_u35]->fn.sigmoid_f32_u35(&(rnnp_unary_args){.x = items->y, .y = dy, .n = n});
    else if (!numbers)
        select->op[RNNP_OP_softmax_f32_u35]->fn.softmax_f32_u35(
            &(rnnp_row_args){.x = items->y, .y = dy, .rows = n, .cols = k, .ldx = k, .ldy = k});
    for (size_t i = 0; i < n; i++, dy += k) {
        const double w = (double)scale * weight_of(spec, items, i);
        if (w == 0)
            for (size_t j = 0; j < k; j++) dy[j] = 0;
        else
            back_item(spec, items, i, (float)(numbers ? share * w / (double)k : w), dy);
    }
}
