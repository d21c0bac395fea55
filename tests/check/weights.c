/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights in every format. They are rounded here, by the definitions of the formats, so that encoding and decoding of
 * the library are under test too.
 */
#include "check.h"

#include <math.h>
#include <string.h>

/* To the nearest multiple of the last place of a format with `fraction` bits and least exponent `least`, ties to
 * even. */
static float to_precision(float w, int fraction, int least, double largest)
{
    int exponent;
    if (!isfinite(w) || w == 0) return w;
    frexp((double)w, &exponent);
    const double place = ldexp(1, (exponent - 1 < least ? least : exponent - 1) - fraction);
    const double rounded = nearbyint((double)w / place) * place;
    return fabs(rounded) > largest ? copysignf(INFINITY, w) : copysignf((float)rounded, w);
}

/* Columns of whole numbers; some of them all at one end, where sums are largest. */
static void whole_numbers(rng *r, float *w, size_t n)
{
    const float end = rng_one_in(r, 2) ? 127 : -127;
    const int at_end = rng_one_in(r, 6);
    for (size_t i = 0; i < n; i++) w[i] = at_end ? end : (float)rng_in(r, 0, 254) - 127;
}

weights make_weights(rnnp_format format, arena *a, rng *r, float *w, size_t gates, size_t units, size_t depth,
                     int k_first)
{
    static const float special[] = {0, 0x1p-140f, 0x1p100f, INFINITY, NAN};
    const size_t n = gates * units * depth;
    float *scale = arena_floats(a, gates * units);
    if (format == RNNP_FORMAT_s8) whole_numbers(r, w, n);
    for (size_t i = 0; i < n && format == RNNP_FORMAT_f16; i++) w[i] = to_precision(w[i], 10, -14, 65504);
    for (size_t i = 0; i < n && format == RNNP_FORMAT_bf16; i++) w[i] = to_precision(w[i], 7, -126, 0x1.fep127);
    for (size_t i = 0; i < gates * units; i++)
        scale[i] = rng_one_in(r, 64) ? special[rng_in(r, 0, sizeof special / sizeof *special - 1)]
                                     : rng_uniform(r, 0.1f, 1) / 127 / sqrtf((float)depth + 1);
    return (weights){format, gates, units, depth, units * depth, k_first ? 1 : depth, k_first ? units : 1, w, scale};
}

const void *packed_weights(memory *m, arena *a, const rnnp_panels *panels, const weights *w)
{
    const size_t bytes = rnnp_panels_bytes(panels, w->units, w->depth),
                 format_bytes = rnnp_format_bytes(panels->format);
    const size_t width = rnnp_format_header(panels->format) ? sizeof(float) : format_bytes; /* its scales are floats */
    rnnp_unpacked from = rnnp_unpacked_f32(w->w, w->units, w->depth, w->gate_stride, w->unit_stride, w->k_stride);
    from.scale = w->scale;
    void *packed = arena_take(a, bytes);
    rnnp_panels_pack(panels, &from, packed, 0, 1);
    return memory_elements(m, INPUT, packed, width, 1, bytes / width, bytes / width);
}

/* The definition of rnnp_gemm_args in double, where x * (127 / most) and the sum are exact. */
static ball whole_product(ball start, const float *row, const weights *w, const float *column, float scale)
{
    float most = 0;
    double sum = 0;
    for (size_t k = 0; k < w->depth; k++) {
        if (!isfinite(row[k])) return ball_exact(NAN);
        most = fmaxf(most, fabsf(row[k]));
    }
    const float inverse = most < 0x1p-100f ? 0 : 127 / most;
    for (size_t k = 0; k < w->depth; k++)
        sum += nearbyint((double)row[k] * (double)inverse) * (double)column[k * w->k_stride];
    return ball_fma(ball_exact((double)(float)sum), ball_exact((double)(scale * (most / 127))), start);
}

ball ball_product(ball start, const float *row, const weights *w, size_t gate, size_t unit)
{
    const float *column = w->w + gate * w->gate_stride + unit * w->unit_stride;
    if (w->format == RNNP_FORMAT_s8) return whole_product(start, row, w, column, w->scale[gate * w->units + unit]);
    return ball_chain(start, row, 1, column, w->k_stride, w->depth);
}
