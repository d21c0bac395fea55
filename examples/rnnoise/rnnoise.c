/* SPDX-License-Identifier: Apache-2.0
 *
 * The network of RNNoise, frame by frame: 42 features of 10 ms of sound in, gains of 22 bands and voice activity out.
 *
 *   rnnoise MODEL.onnx FEATURES.f32 [EXPECTED.f32]
 *
 * Files are little-endian f32: 42 for each frame, and the 22 gains and the voice activity that are expected.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "network.h"

enum { FEATURES = 42, BANDS = 22, RESULTS = BANDS + 1, SHOW_EVERY = 10, REPEAT = 20 };
#define FRAME_SECONDS 0.01 /* 480 samples at 48 kHz */

/* All whole rows of `width` values of a file; NULL when it cannot be read. */
static float *read_rows(const char *path, size_t width, size_t *rows)
{
    enum { MOST = 1 << 20 };
    FILE *const file = fopen(path, "rb");
    float *const values = malloc(MOST * sizeof *values);
    if (file && values)
        *rows = fread(values, width * sizeof *values, MOST / width, file);
    else
        perror(path);
    if (file) fclose(file);
    if (file && values) return values;
    free(values);
    return NULL;
}

/* The recording from a state of zeros: results [frames][RESULTS]. */
static int listen(network *net, float *features, size_t frames, float *results)
{
    rnnp_stream_reset(net->stream);
    for (size_t t = 0; t < frames; t++) {
        net->in[0].data = features + t * FEATURES;
        net->out[0].data = results + t * RESULTS;
        net->out[1].data = results + t * RESULTS + BANDS;
        if (!network_step(net)) return 0;
    }
    return 1;
}

/* A line for every tenth frame; a gain is a digit, from 0 (the band is noise, and goes) to 9 (it is speech). */
static void print_frames(const float *results, size_t frames)
{
    printf("  time   voice  gains of 22 bands, low to high\n");
    for (size_t t = 0; t < frames; t += SHOW_EVERY, results += SHOW_EVERY * RESULTS) {
        printf("%5.2f s   %.2f   ", (double)t * FRAME_SECONDS, (double)results[BANDS]);
        for (int band = 0; band < BANDS; band++) {
            const int digit = (int)(results[band] * 10.0f);
            putchar('0' + (digit > 9 ? 9 : digit));
        }
        putchar('\n');
    }
}

/* The best of REPEAT passes: other programs of the host disturb the rest. */
static int print_speed(network *net, float *features, size_t frames, float *results)
{
    double best = INFINITY;
    for (int i = 0; i < REPEAT; i++) {
        const double start = seconds();
        if (!listen(net, features, frames, results)) return 0;
        best = fmin(best, seconds() - start);
    }
    printf("speed     %.2f us a frame, %.0f times real time on one core (the network alone)\n",
           1e6 * best / (double)frames, FRAME_SECONDS * (double)frames / best);
    return 1;
}

static void print_difference(const float *results, const float *expected, size_t frames)
{
    float most[2] = {0};
    for (size_t i = 0; i < frames * RESULTS; i++) {
        float *const m = &most[i % RESULTS == BANDS];
        *m = fmaxf(*m, fabsf(results[i] - expected[i]));
    }
    printf("expected  gains differ by %.1e at most, voice activity by %.1e\n", (double)most[0], (double)most[1]);
}

static int run(network *net, const char *path, float *features, size_t frames, const float *expected)
{
    if (!network_open(net, path, NULL) || !network_stream(net, NULL, 0)) return 0;
    if (net->n_in != 1 || net->n_out != 2) {
        fprintf(stderr, "%s does not have one input and two outputs besides its state\n", path);
        return 0;
    }
    float *const results = malloc(frames * RESULTS * sizeof *results);
    int ok = results && network_expect(&net->in[0], "input", FEATURES) &&
             network_expect(&net->out[0], "first output", BANDS) && network_expect(&net->out[1], "second output", 1) &&
             listen(net, features, frames, results);
    if (ok) {
        print_frames(results, frames);
        printf("network   %zu parameters, %zu bytes of state\n", rnnp_model_constant_elements(net->model),
               rnnp_stream_state_bytes(net->stream));
        printf("hash      %016llx of %zu results\n",
               (unsigned long long)hash_floats(HASH_BEGIN, results, frames * RESULTS), frames * RESULTS);
        if (expected) print_difference(results, expected, frames);
        ok = print_speed(net, features, frames, results);
    }
    free(results);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: rnnoise MODEL.onnx FEATURES.f32 [EXPECTED.f32]\n");
        return 2;
    }
    size_t frames = 0, expected_frames = 0;
    float *const features = read_rows(argv[2], FEATURES, &frames);
    float *const expected = argc > 3 ? read_rows(argv[3], RESULTS, &expected_frames) : NULL;
    network net = {0};
    int ok = features && (argc <= 3 || expected);
    if (ok && (frames == 0 || (expected && expected_frames != frames))) {
        fprintf(stderr, "%zu frames of features, %zu of expected results\n", frames, expected_frames);
        ok = 0;
    }
    ok = ok && run(&net, argv[1], features, frames, expected);
    network_close(&net);
    free(expected);
    free(features);
    return ok ? 0 : 1;
}
