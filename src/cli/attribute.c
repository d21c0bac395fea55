/* SPDX-License-Identifier: Apache-2.0 */
#include "attribute.h"

#include <math.h>
#include <stdio.h>

const char *reasons_method(rnnp_attribution_method method)
{
    static const char *const words[ATTRIBUTE_METHODS] = {"integrated gradients", "gradient x input", "occlusion"};
    return words[method];
}

/* ---- What was found ---- */

size_t reasons_place(const reasons *r, size_t input, const rnnp_tensor *t, size_t row, size_t step, size_t channel)
{
    const input_axes *a = &r->axes[input];
    size_t at = 0, times = 1;
    for (int d = (int)t->rank; d-- > 0;) {
        const size_t size = (size_t)t->shape[d];
        size_t k = d == a->rows ? row : step;
        if (d != a->rows && d != a->time) {
            k = channel % size;
            channel /= size;
        }
        at += k * times;
        times *= size;
    }
    return at;
}

double reasons_of(const reasons *r, size_t m, size_t input, size_t row, size_t step, size_t channel)
{
    const rnnp_tensor *a = &r->a[m][input];
    return (double)((const float *)a->data)[reasons_place(r, input, a, row, step, channel)];
}

double reasons_value(const reasons *r, size_t input, size_t row, size_t step, size_t channel)
{
    const rnnp_tensor *x = &r->t.inputs[input];
    return (double)((const float *)x->data)[reasons_place(r, input, x, row, step, channel)];
}

double reasons_baseline(const reasons *r, size_t input, size_t step, size_t channel)
{
    const rnnp_tensor *b = &r->baselines[input];
    return b->data ? (double)((const float *)b->data)[reasons_place(r, input, b, 0, step, channel)] : 0;
}

double reasons_sum(const reasons *r, size_t m, size_t input, size_t row, size_t channel, int magnitudes)
{
    double sum = 0;
    for (size_t t = 0; t < r->axes[input].steps; t++) {
        const double a = reasons_of(r, m, input, row, t, channel);
        sum += magnitudes ? fabs(a) : a;
    }
    return sum;
}

size_t reasons_steps(const reasons *r, size_t input, size_t row)
{
    const size_t steps = r->axes[input].steps;
    return input == r->main && r->lengths && (size_t)r->lengths[row] < steps ? (size_t)r->lengths[row] : steps;
}

/* ---- Names ---- */

const char *reasons_channel(const reasons *r, size_t input, size_t channel)
{
    static char text[4][32];
    static size_t next;
    if (input == r->main && r->channels && channel < r->n_channels) return r->channels[channel];
    next = (next + 1) % COUNT(text);
    snprintf(text[next], sizeof text[next], "c%zu", channel);
    return text[next];
}

const char *reasons_row(const reasons *r, size_t row)
{
    static char text[32];
    if (r->ids && r->ids[row]) return r->ids[row];
    snprintf(text, sizeof text, "row %zu", r->number[row]);
    return text;
}

const char *reasons_class(const reasons *r, size_t target)
{
    static char text[32];
    if (r->classes && target < r->n_classes) return r->classes[target];
    snprintf(text, sizeof text, "element %zu", target);
    return text;
}
