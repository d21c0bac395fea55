/* SPDX-License-Identifier: Apache-2.0 */
#include "fft.h"

#include <math.h>

void fft_init(fft *f)
{
    for (int k = 0; k < FFT_POINTS / 2; k++) {
        const double angle = -2 * 3.14159265358979323846 * k / FFT_POINTS;
        f->root[k] = (complex_float){(float)cos(angle), (float)sin(angle)};
    }
}

/* Cooley and Tukey: elements in the order of their reversed index bits, then butterflies of 2, 4, ... points. */
static void transform(const fft *f, complex_float *z)
{
    for (int i = 0, reversed = 0; i < FFT_POINTS; i++) {
        if (i < reversed) {
            const complex_float swap = z[i];
            z[i] = z[reversed];
            z[reversed] = swap;
        }
        int bit = FFT_POINTS / 2;
        for (; reversed & bit; bit /= 2) reversed ^= bit;
        reversed |= bit;
    }
    for (int half = 1; half < FFT_POINTS; half *= 2)
        for (int first = 0; first < FFT_POINTS; first += 2 * half)
            for (int k = 0; k < half; k++) {
                const complex_float w = f->root[k * (FFT_POINTS / 2 / half)];
                complex_float *const a = &z[first + k], *const b = a + half;
                const complex_float t = {w.re * b->re - w.im * b->im, w.re * b->im + w.im * b->re};
                *b = (complex_float){a->re - t.re, a->im - t.im};
                *a = (complex_float){a->re + t.re, a->im + t.im};
            }
}

void fft_forward(const fft *f, const float *x, complex_float *spectrum)
{
    complex_float z[FFT_POINTS];
    for (int i = 0; i < FFT_POINTS; i++) z[i] = (complex_float){x[i], 0};
    transform(f, z);
    for (int k = 0; k < FFT_BINS; k++) spectrum[k] = z[k];
}

/* The spectrum of a real signal is conjugate to its mirror image. Conjugating it makes the transform its inverse. */
void fft_inverse(const fft *f, const complex_float *spectrum, float *x)
{
    complex_float z[FFT_POINTS];
    for (int k = 0; k < FFT_BINS; k++) z[k] = (complex_float){spectrum[k].re, -spectrum[k].im};
    for (int k = FFT_BINS; k < FFT_POINTS; k++) z[k] = spectrum[FFT_POINTS - k];
    transform(f, z);
    for (int i = 0; i < FFT_POINTS; i++) x[i] = z[i].re / FFT_POINTS;
}
