/* SPDX-License-Identifier: Apache-2.0
 *
 * The discrete Fourier transform of 512 points. Libraries are faster, but it takes a small part of the time here.
 */
#ifndef EXAMPLES_FFT_H
#define EXAMPLES_FFT_H

enum { FFT_POINTS = 512, FFT_BINS = FFT_POINTS / 2 + 1 };

typedef struct complex_float {
    float re, im;
} complex_float;

typedef struct fft {
    complex_float root[FFT_POINTS / 2]; /* exp(-2 pi i k / FFT_POINTS) */
} fft;

void fft_init(fft *f);

/* The spectrum of real x [FFT_POINTS], and the signal of a spectrum. */
void fft_forward(const fft *f, const float *x, complex_float *spectrum);
void fft_inverse(const fft *f, const complex_float *spectrum, float *x);

#endif
