/* SPDX-License-Identifier: Apache-2.0
 *
 * Phases of convolutions.
 */
#include "conv_phases.h"

size_t rnnp_conv_phases(const rnnp_conv *c, size_t a) { return c->transposed ? c->axis[a].stride : 1; }

size_t rnnp_conv_lead(const rnnp_conv *c, size_t a)
{
    const rnnp_conv_axis *axis = &c->axis[a];
    const size_t farthest = (axis->kernel - 1) * axis->dilation / axis->stride, pad = axis->pad / axis->stride;

    if (!c->transposed) return axis->pad;
    return farthest > pad ? farthest - pad : 0;
}

size_t rnnp_conv_length(const rnnp_conv *c, size_t a)
{
    const rnnp_conv_axis *axis = &c->axis[a];

    if (axis->out == 0) return 0;
    if (c->transposed) return (axis->out - 1 + axis->pad) / axis->stride + rnnp_conv_lead(c, a) + 1;
    return (axis->out - 1) * axis->stride + (axis->kernel - 1) * axis->dilation + 1;
}

/* Of a transposed convolution: output o meets input i at kernel position k where o + pad = i stride + k dilation. Phase
 * r has the outputs with (o + pad) mod stride = r, hence the k with k dilation mod stride = r; from one such k to the
 * next i falls by dilation / gcd(dilation, stride). */
static rnnp_phase transposed_phase(const rnnp_conv *c, size_t a, size_t r)
{
    const rnnp_conv_axis *axis = &c->axis[a];
    const size_t s = axis->stride, d = axis->dilation;
    rnnp_phase p = {.first = (r + s - axis->pad % s) % s, .step = s, .stride = 1, .tap_step = 1};
    size_t k = 0, period = 1;

    p.count = p.first < axis->out ? (axis->out - p.first - 1) / s + 1 : 0;
    while (k < axis->kernel && k < s && k * d % s != r) k++;
    if (k >= axis->kernel || k * d % s != r) return p;
    while (period * d % s != 0) period++;
    p.taps = (axis->kernel - 1 - k) / period + 1;
    p.tap_step = period * d / s;
    p.kernel = k + (p.taps - 1) * period;
    p.kernel_step = -(ptrdiff_t)period;
    p.at = (p.first + axis->pad - r) / s + rnnp_conv_lead(c, a) - (p.kernel * d - r) / s;
    return p;
}

rnnp_phase rnnp_conv_phase(const rnnp_conv *c, size_t a, size_t r)
{
    const rnnp_conv_axis *axis = &c->axis[a];

    if (c->transposed) return transposed_phase(c, a, r);
    return (rnnp_phase){.step = 1,
                        .count = axis->out,
                        .stride = axis->stride,
                        .taps = axis->kernel,
                        .tap_step = axis->dilation,
                        .kernel_step = 1};
}

/* Counts indices up, the last one fastest; 0 after the last combination. */
static int next(size_t n, size_t *index, const size_t *count)
{
    while (n-- > 0) {
        if (++index[n] < count[n]) return 1;
        index[n] = 0;
    }
    return 0;
}

static void combination_fill(const rnnp_conv *c, rnnp_combination *of)
{
    of->taps = of->outer_taps = 1;
    for (size_t a = 0; a < c->axes; a++) {
        of->outer_taps = of->taps;
        of->phase[a] = rnnp_conv_phase(c, a, of->index[a]);
        of->taps *= of->phase[a].taps;
    }
}

void rnnp_combination_first(const rnnp_conv *c, rnnp_combination *of)
{
    *of = (rnnp_combination){.taps = 0};
    for (size_t a = 0; a < c->axes; a++) of->count[a] = rnnp_conv_phases(c, a);
    combination_fill(c, of);
}

int rnnp_combination_next(const rnnp_conv *c, rnnp_combination *of)
{
    if (!next(c->axes, of->index, of->count)) return 0;
    combination_fill(c, of);
    return 1;
}

rnnp_outer_taps rnnp_outer_first(const rnnp_conv *c, const rnnp_combination *of)
{
    rnnp_outer_taps t = {.count = {0}};

    for (size_t a = 0; a + 1 < c->axes; a++) t.count[a] = of->phase[a].taps;
    return t;
}

int rnnp_outer_next(const rnnp_conv *c, rnnp_outer_taps *t) { return next(c->axes - 1, t->index, t->count); }

/* Nothing happens along the axis: y has its elements in x's order. */
static int passes(const rnnp_conv_axis *axis)
{
    return axis->kernel == 1 && axis->pad == 0 && axis->in == axis->out && (axis->stride == 1 || axis->out == 1);
}

rnnp_conv rnnp_conv_simplified(const rnnp_conv *c)
{
    rnnp_conv s = *c;

    s.axes = 0;
    for (size_t a = 0; a < c->axes; a++) {
        const rnnp_conv_axis *axis = &c->axis[a];
        rnnp_conv_axis *below = s.axes ? &s.axis[s.axes - 1] : NULL;

        if (passes(axis) && axis->out == 1) continue;
        if (below && passes(axis) && passes(below)) {
            below->in *= axis->in;
            below->out *= axis->out;
        } else {
            s.axis[s.axes++] = *axis;
        }
    }
    if (s.axes == 0) s.axis[s.axes++] = (rnnp_conv_axis){1, 1, 1, 1, 1, 0};
    return s;
}
