/* SPDX-License-Identifier: Apache-2.0
 *
 * DTLN, two networks that take noise from speech: the first one masks the spectrum of a frame, the second one filters
 * the frame that this gives. Both are streams; a step is 8 ms.
 *
 *   denoise DTLN-1.onnx DTLN-2.onnx NOISY.wav CLEANED.wav [CLEAN.wav]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fft.h"
#include "network.h"
#include "wav.h"

enum { RATE = 16000, FRAME = FFT_POINTS, SHIFT = 128, DELAY = FRAME - SHIFT };

typedef struct denoiser {
    network mask, filter;
    fft fft;
    float heard[FRAME], said[FRAME]; /* the latest frame, and the sums of overlapping cleaned frames */
} denoiser;

static int open_one(network *net, const char *path, const char *state, const char *next, size_t width)
{
    const rnnp_carried pair = {state, next};
    if (!network_open(net, path, NULL) || !network_stream(net, &pair, 1)) return 0;
    if (net->n_in == 1 && net->n_out == 1)
        return network_expect(&net->in[0], "input", width) && network_expect(&net->out[0], "output", width);
    fprintf(stderr, "%s does not have one input and one output besides its state\n", path);
    return 0;
}

static int denoiser_open(denoiser *d, char **paths)
{
    fft_init(&d->fft);
    return open_one(&d->mask, paths[0], "input_3", "tf_op_layer_stack_2", FFT_BINS) &&
           open_one(&d->filter, paths[1], "input_5", "tf_op_layer_stack_5", FRAME);
}

static int step(network *net, float *in, float *out)
{
    net->in[0].data = in;
    net->out[0].data = out;
    return network_step(net);
}

/* Takes the next SHIFT samples; gives those of DELAY samples ago. */
static int denoiser_push(denoiser *d, const float *samples, float *cleaned)
{
    complex_float spectrum[FFT_BINS];
    float magnitude[FFT_BINS], mask[FFT_BINS], frame[FRAME], filtered[FRAME];
    memmove(d->heard, d->heard + SHIFT, DELAY * sizeof(float));
    memcpy(d->heard + DELAY, samples, SHIFT * sizeof(float));
    fft_forward(&d->fft, d->heard, spectrum);
    for (int k = 0; k < FFT_BINS; k++) magnitude[k] = hypotf(spectrum[k].re, spectrum[k].im);
    if (!step(&d->mask, magnitude, mask)) return 0;
    for (int k = 0; k < FFT_BINS; k++)
        spectrum[k] = (complex_float){mask[k] * spectrum[k].re, mask[k] * spectrum[k].im};
    fft_inverse(&d->fft, spectrum, frame);
    if (!step(&d->filter, frame, filtered)) return 0;
    memmove(d->said, d->said + SHIFT, DELAY * sizeof(float));
    memset(d->said + DELAY, 0, SHIFT * sizeof(float));
    for (int i = 0; i < FRAME; i++) d->said[i] += filtered[i];
    memcpy(cleaned, d->said, SHIFT * sizeof(float));
    return 1;
}

static size_t steps_of(const wav *audio) { return (audio->n + DELAY + SHIFT - 1) / SHIFT; }

/* Cleans a whole recording; silence follows it until its last sample has come out. took [steps]: seconds. */
static int clean(denoiser *d, const wav *noisy, wav *cleaned, double *took)
{
    cleaned->rate = noisy->rate;
    cleaned->n = noisy->n;
    cleaned->samples = calloc(noisy->n + 1, sizeof(float));
    if (!cleaned->samples) return 0;
    for (size_t t = 0; t < steps_of(noisy); t++) {
        const size_t at = t * SHIFT;
        float in[SHIFT] = {0}, out[SHIFT];
        for (size_t i = 0; i < SHIFT && at + i < noisy->n; i++) in[i] = noisy->samples[at + i];
        const double start = seconds();
        if (!denoiser_push(d, in, out)) return 0;
        took[t] = seconds() - start;
        for (size_t i = 0; i < SHIFT; i++)
            if (at + i >= DELAY && at + i - DELAY < cleaned->n) cleaned->samples[at + i - DELAY] = out[i];
    }
    return 1;
}

/* Signal to noise in dB, where the noise is all that differs from what was said. */
static double signal_to_noise(const wav *clean_one, const wav *other)
{
    double signal = 0, noise = 0;
    for (size_t i = 0; i < clean_one->n; i++) {
        const double x = (double)clean_one->samples[i], d = (double)other->samples[i] - x;
        signal += x * x;
        noise += d * d;
    }
    return 10 * log10(signal / noise);
}

static int usable(const char *path, const wav *audio)
{
    if (audio->rate == RATE && audio->n > 0) return 1;
    fprintf(stderr, "%s: %zu samples at %d Hz; DTLN takes %d Hz\n", path, audio->n, audio->rate, RATE);
    return 0;
}

static int compare(const char *path, const wav *noisy, const wav *cleaned)
{
    wav said;
    int ok = wav_read(path, &said) && usable(path, &said);
    if (ok && said.n != noisy->n) {
        fprintf(stderr, "%s: %zu samples, but %zu in the noisy recording\n", path, said.n, noisy->n);
        ok = 0;
    }
    if (ok)
        printf("SNR       %.1f dB before, %.1f dB after\n", signal_to_noise(&said, noisy),
               signal_to_noise(&said, cleaned));
    free(said.samples);
    return ok;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median, because other programs of the host disturb some steps. */
static void print_speed(double *took, size_t n)
{
    qsort(took, n, sizeof *took, ascending);
    const double due = (double)SHIFT / RATE;
    printf("speed     p50 %.0f us, p99 %.0f us a step of %.0f ms; real-time factor %.4f: %.0f times real time\n",
           1e6 * took[n / 2], 1e6 * took[n * 99 / 100], 1e3 * due, took[n / 2] / due, due / took[n / 2]);
}

static int run(denoiser *d, char **argv)
{
    wav noisy, cleaned = {0};
    double *took = NULL;
    int ok = wav_read(argv[3], &noisy) && usable(argv[3], &noisy) &&
             (took = malloc(steps_of(&noisy) * sizeof *took)) != NULL && denoiser_open(d, argv + 1) &&
             clean(d, &noisy, &cleaned, took) && wav_write(argv[4], &cleaned);
    if (ok) {
        printf("recording %.2f s in %zu steps, latency %d ms\n", (double)noisy.n / RATE, steps_of(&noisy),
               1000 * FRAME / RATE);
        printf("networks  %zu + %zu parameters\n", rnnp_model_constant_elements(d->mask.model),
               rnnp_model_constant_elements(d->filter.model));
        ok = !argv[5] || compare(argv[5], &noisy, &cleaned);
        print_speed(took, steps_of(&noisy));
    }
    free(took);
    free(cleaned.samples);
    free(noisy.samples);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc > 6) {
        fprintf(stderr, "usage: denoise DTLN-1.onnx DTLN-2.onnx NOISY.wav CLEANED.wav [CLEAN.wav]\n");
        return 2;
    }
    denoiser d = {0};
    const int ok = run(&d, argv);
    network_close(&d.mask);
    network_close(&d.filter);
    return ok ? 0 : 1;
}
