/* SPDX-License-Identifier: Apache-2.0
 *
 * The same network as RNNoise's own C code computes it, for original.sh, which builds this with that code.
 *
 *   original FEATURES.f32 RESULTS.f32
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <time.h>

#include "rnn_data.h"

enum { FEATURES = 42, BANDS = 22, RESULTS = BANDS + 1, FRAMES = 1024, REPEAT = 20 };

extern const struct RNNModel rnnoise_model_orig;

static float features[FRAMES][FEATURES], results[FRAMES][RESULTS];

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The recording from a state of zeros, as in rnnoise.c. */
static void listen(size_t frames)
{
    float vad[MAX_NEURONS] = {0}, noise[MAX_NEURONS] = {0}, denoise[MAX_NEURONS] = {0};
    RNNState state = {&rnnoise_model_orig, vad, noise, denoise};
    for (size_t t = 0; t < frames; t++) compute_rnn(&state, results[t], &results[t][BANDS], features[t]);
}

int main(int argc, char **argv)
{
    FILE *const in = argc == 3 ? fopen(argv[1], "rb") : NULL, *const out = in ? fopen(argv[2], "wb") : NULL;
    if (!out) {
        fprintf(stderr, "usage: original FEATURES.f32 RESULTS.f32\n");
        return 2;
    }
    const size_t frames = fread(features, sizeof *features, FRAMES, in);
    double best = 1e9;
    for (int i = 0; i < REPEAT; i++) {
        const double start = seconds(), took = (listen(frames), seconds() - start);
        best = took < best ? took : best;
    }
    printf("speed     %.2f us a frame\n", 1e6 * best / (double)frames);
    const size_t written = fwrite(results, sizeof *results, frames, out);
    return fclose(out) == 0 && written == frames && frames > 0 ? 0 : 1;
}
