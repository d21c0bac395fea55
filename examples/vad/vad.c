/* SPDX-License-Identifier: Apache-2.0
 *
 * Silero VAD finds where somebody speaks in a WAV file of 16 kHz.
 *
 *   vad SILERO-VAD.onnx RECORDING.wav [FOLDER]
 *
 * prints the stretches of speech and writes vad.tsv to FOLDER, where vad.gp draws it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network.h"
#include "wav.h"

enum {
    RATE = 16000,
    WINDOW = 512, /* 32 ms, a step */
    CONTEXT = 64, /* samples of the window before, which the network sees again */
    STATE = 2 * 128,
    LEAST_SPEECH = RATE / 4,    /* shorter sounds are not speech */
    LEAST_SILENCE = RATE / 10,  /* shorter pauses belong to it */
    MARGIN = 30 * (RATE / 1000) /* that is added on both sides */
};
/* Speech begins at the first probability and ends below the second. All these are the defaults of Silero's authors. */
#define BEGIN 0.5f
#define END 0.35f

/* ---- The network ------------------------------------------------------------------------------- */

/* Its window is not an axis of time, so a step is a run, whose state goes from its output to the next one's input. */
typedef struct detector {
    network net;
    rnnp_run *run;
    rnnp_tensor in[2], out[2];
    float heard[CONTEXT + WINDOW], state[2][STATE];
    int turn;
} detector;

static int detector_open(detector *d, const char *path)
{
    /* The network computes from its input `sr` how to thin the samples: bound, that is settled when it is opened. */
    const rnnp_bound_input rate = {.name = "sr", .number = RATE};
    rnnp_load_options options;
    rnnp_load_options_init(&options);
    options.bound = &rate;
    options.n_bound = 1;
    if (!network_open(&d->net, path, &options)) return 0;
    if (rnnp_model_input_count(d->net.model) != 2 || rnnp_model_output_count(d->net.model) != 2) {
        fprintf(stderr, "%s does not have one input and one output besides its state and the rate\n", path);
        return 0;
    }
    d->in[0] = (rnnp_tensor){.dtype = RNNP_DTYPE_F32, .rank = 2, .shape = {1, CONTEXT + WINDOW}};
    d->in[1] = (rnnp_tensor){.dtype = RNNP_DTYPE_F32, .rank = 3, .shape = {2, 1, STATE / 2}};
    return network_ok(&d->net, rnnp_run_create(d->net.plan, d->in, 2, &d->run)) &&
           network_ok(&d->net, rnnp_run_output(d->run, 0, &d->out[0])) &&
           network_ok(&d->net, rnnp_run_output(d->run, 1, &d->out[1])) &&
           network_expect(&d->out[0], "first output", 1) && network_expect(&d->out[1], "second output", STATE);
}

/* Takes the next WINDOW samples; gives the probability that they are speech. */
static int detector_push(detector *d, const float *samples, float *probability)
{
    memmove(d->heard, d->heard + WINDOW, CONTEXT * sizeof(float));
    memcpy(d->heard + CONTEXT, samples, WINDOW * sizeof(float));
    d->in[0].data = d->heard;
    d->in[1].data = d->state[d->turn];
    d->out[0].data = probability;
    d->out[1].data = d->state[d->turn ^= 1];
    return network_ok(&d->net, rnnp_run_execute(d->run, d->in, 2, d->out, 2));
}

static void detector_close(detector *d)
{
    rnnp_run_destroy(d->run);
    network_close(&d->net);
}

/* ---- The decision ------------------------------------------------------------------------------ */

typedef struct stretch {
    size_t from, to; /* samples */
} stretch;

/* Pauses are longer than two margins, so stretches stay apart. */
static size_t add(stretch *list, size_t n, size_t from, size_t to, size_t samples)
{
    if (to - from <= LEAST_SPEECH) return n;
    list[n].from = from < MARGIN ? 0 : from - MARGIN;
    list[n].to = samples - to < MARGIN ? samples : to + MARGIN;
    return n + 1;
}

/* list: room for a stretch in each window. */
static size_t find_speech(const float *probability, size_t windows, size_t samples, stretch *list)
{
    const size_t none = (size_t)-1;
    size_t n = 0, from = none, quiet_since = none;
    for (size_t t = 0; t < windows; t++) {
        const size_t at = t * WINDOW;
        if (probability[t] >= BEGIN) {
            if (from == none) from = at;
            quiet_since = none;
        } else if (from != none && probability[t] < END) {
            if (quiet_since == none) quiet_since = at;
            if (at - quiet_since < LEAST_SILENCE) continue;
            n = add(list, n, from, quiet_since, samples);
            from = quiet_since = none;
        }
    }
    return from == none ? n : add(list, n, from, samples, samples);
}

/* ---- The report -------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median, because other programs of the host disturb some steps. */
static void print_speed(double *took, size_t n)
{
    qsort(took, n, sizeof *took, ascending);
    const double due = (double)WINDOW / RATE;
    printf("speed     p50 %.0f us, p99 %.0f us a window of %.0f ms: %.0f times real time on one core\n",
           1e6 * took[n / 2], 1e6 * took[n * 99 / 100], 1e3 * due, due / took[n / 2]);
}

static void print_speech(const stretch *list, size_t n, const wav *audio, const float *probability, size_t windows)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        printf("speech    %6.2f to %6.2f s\n", (double)list[i].from / RATE, (double)list[i].to / RATE);
        total += list[i].to - list[i].from;
    }
    printf("in all    %.2f of %.2f s\n", (double)total / RATE, (double)audio->n / RATE);
    printf("hash      %016llx of %zu probabilities\n",
           (unsigned long long)hash_floats(HASH_BEGIN, probability, windows), windows);
}

/* vad.tsv, a line for each window: seconds, lowest and highest sample, probability, speech or not. */
static int write_table(const char *folder, const wav *audio, const float *probability, const stretch *list, size_t n)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/vad.tsv", folder);
    FILE *const file = fopen(path, "w");
    int ok = file != NULL;
    for (size_t at = 0, s = 0; ok && at < audio->n; at += WINDOW) {
        float low = 0, high = 0;
        for (size_t i = at; i < at + WINDOW && i < audio->n; i++) {
            low = fminf(low, audio->samples[i]);
            high = fmaxf(high, audio->samples[i]);
        }
        while (s < n && list[s].to <= at) s++;
        ok = fprintf(file, "%.3f\t%.4f\t%.4f\t%.4f\t%d\n", (double)at / RATE, (double)low, (double)high,
                     (double)probability[at / WINDOW], s < n && list[s].from < at + WINDOW) > 0;
    }
    if (file && fclose(file) != 0) ok = 0;
    if (!ok) perror(path);
    return ok;
}

static int listen(detector *d, const wav *audio, float *probability, double *took)
{
    for (size_t at = 0; at < audio->n; at += WINDOW) {
        float samples[WINDOW] = {0};
        const size_t left = audio->n - at;
        memcpy(samples, audio->samples + at, (left < WINDOW ? left : WINDOW) * sizeof(float));
        const double start = seconds();
        if (!detector_push(d, samples, &probability[at / WINDOW])) return 0;
        took[at / WINDOW] = seconds() - start;
    }
    return 1;
}

static int watch(detector *d, const char *path, const wav *audio, const char *folder)
{
    if (audio->rate != RATE || audio->n == 0) {
        fprintf(stderr, "%s: %zu samples at %d Hz; it takes %d Hz\n", path, audio->n, audio->rate, RATE);
        return 0;
    }
    const size_t windows = (audio->n + WINDOW - 1) / WINDOW;
    float *const probability = malloc(windows * sizeof *probability);
    double *const took = malloc(windows * sizeof *took);
    stretch *const list = malloc(windows * sizeof *list);
    int ok = probability && took && list && listen(d, audio, probability, took);
    if (ok) {
        const size_t n = find_speech(probability, windows, audio->n, list);
        print_speech(list, n, audio, probability, windows);
        print_speed(took, windows);
        ok = !folder || write_table(folder, audio, probability, list, n);
    }
    free(list);
    free(took);
    free(probability);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: vad SILERO-VAD.onnx RECORDING.wav [FOLDER]\n");
        return 2;
    }
    wav audio = {0};
    detector d = {0};
    const int ok = wav_read(argv[2], &audio) && detector_open(&d, argv[1]) && watch(&d, argv[2], &audio, argv[3]);
    detector_close(&d);
    free(audio.samples);
    return ok ? 0 : 1;
}
