/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds the heartbeats in an electrocardiogram with a network made for those of a watch, and compares them with those
 * that the detector of the ECG example finds, which is no network.
 *
 *   ecg-watch ECG-WATCH.onnx RECORDING.i16
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "monitor.h"
#include "network.h"

enum {
    RECORDED_HZ = 360,
    WATCH_HZ = 511, /* the rate of the watch's recordings, for which the network was trained */
    SECTION = 1000, /* samples that it looks at, 2 s */
    MOST = 1 << 22  /* samples of a recording */
};
#define PEAK 0.3f      /* its authors' threshold */
#define SAME_BEAT 0.05 /* seconds between two detections of one beat */

typedef struct signal {
    float *x;
    size_t n;
} signal;

/* ---- The recording ----------------------------------------------------------------------------- */

/* Little-endian 16-bit units; NULL when it cannot be read. */
static int16_t *read_recording(const char *path, size_t *n)
{
    FILE *const file = fopen(path, "rb");
    int16_t *const units = malloc(MOST * sizeof *units);
    if (!file || !units) {
        perror(path);
        free(units);
        if (file) fclose(file);
        return NULL;
    }
    for (*n = 0; *n < MOST; ++*n) {
        const int low = getc(file), high = getc(file);
        if (high == EOF) break;
        const int v = low | high << 8;
        units[*n] = (int16_t)(v >= 0x8000 ? v - 0x10000 : v);
    }
    fclose(file);
    return units;
}

/* At the rate of the watch, by linear interpolation. */
static int resample(const int16_t *units, size_t n, signal *s)
{
    s->n = n * WATCH_HZ / RECORDED_HZ;
    s->x = malloc((s->n + 1) * sizeof *s->x);
    for (size_t i = 0; s->x && i < s->n; i++) {
        const size_t at = i * RECORDED_HZ / WATCH_HZ, next = at + 1 < n ? at + 1 : at;
        const float part = (float)(i * RECORDED_HZ % WATCH_HZ) / WATCH_HZ;
        s->x[i] = (float)units[at] + part * (float)(units[next] - units[at]);
    }
    return s->x != NULL;
}

/* A section with mean 0 and standard deviation 1, as in training; zeros after the end of the recording. */
static void normalise(const float *x, size_t n, float *section)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < n; i++) mean += (double)x[i] / (double)n;
    for (size_t i = 0; i < n; i++) square += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)n;
    const double scale = square > 0 ? 1 / sqrt(square) : 0;
    for (size_t i = 0; i < SECTION; i++) section[i] = i < n ? (float)(((double)x[i] - mean) * scale) : 0;
}

/* ---- The network ------------------------------------------------------------------------------- */

/* score [whole sections]: for each sample, whether it belongs to an R peak. */
static int score(const network *net, const signal *s, float *scores, double *took)
{
    float section[SECTION];
    rnnp_tensor in = {.dtype = RNNP_DTYPE_F32, .rank = 3, .shape = {1, SECTION, 1}, .data = section}, out;
    rnnp_run *run = NULL;
    int ok = network_ok(net, rnnp_run_create(net->plan, &in, 1, &run)) &&
             network_ok(net, rnnp_run_output(run, 0, &out)) && network_expect(&out, "output", SECTION);
    const double start = seconds();
    for (size_t at = 0; ok && at < s->n; at += SECTION) {
        normalise(s->x + at, s->n - at < SECTION ? s->n - at : SECTION, section);
        out.data = scores + at;
        ok = network_ok(net, rnnp_run_execute(run, &in, 1, &out, 1));
    }
    *took = seconds() - start;
    rnnp_run_destroy(run);
    return ok;
}

/* The highest score of each stretch above the threshold. Returns how many; times [n]: seconds. */
static size_t peaks(const float *scores, size_t n, double *times)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (scores[i] < PEAK) continue;
        size_t top = i;
        for (; i < n && scores[i] >= PEAK; i++)
            if (scores[i] > scores[top]) top = i;
        times[count++] = (double)top / WATCH_HZ;
    }
    return count;
}

/* ---- The comparison ---------------------------------------------------------------------------- */

/* What the detector of the ECG example finds; it needs no forecast for that. */
static int detect(const int16_t *units, size_t n, ecg_monitor *m)
{
    if (!ecg_monitor_init(m, n / 2)) return 0;
    for (size_t i = 0; i + 1 < n; i += 2) {
        ecg_monitor_push(m, units[i], units[i + 1]);
        ecg_monitor_judge(m);
    }
    return 1;
}

static double percent(size_t part, size_t whole) { return whole ? 100.0 * (double)part / (double)whole : 0; }

static void compare(const double *times, size_t n, const ecg_monitor *m)
{
    size_t all[2] = {0}, found[2] = {0}, i = 0; /* narrow and wide beats */
    for (size_t b = 0; b < m->n_beats; b++) {
        const double at = (double)m->beats[b].at / ECG_RATE;
        const int wide = m->beats[b].wide;
        while (i < n && times[i] < at - SAME_BEAT) i++;
        all[wide]++;
        if (i < n && times[i] <= at + SAME_BEAT) found[wide]++, i++;
    }
    printf("beats      %zu by the network, %zu by the detector, %zu by both\n", n, m->n_beats, found[0] + found[1]);
    printf("narrow     the network finds %zu of %zu, %.1f %%\n", found[0], all[0], percent(found[0], all[0]));
    printf("wide       the network finds %zu of %zu, %.1f %%\n", found[1], all[1], percent(found[1], all[1]));
}

static int watch(const network *net, const int16_t *units, size_t n)
{
    signal s;
    ecg_monitor m = {0};
    double took, *times = NULL;
    float *scores = NULL;
    int ok = resample(units, n, &s) && (scores = malloc((s.n + SECTION) * sizeof *scores)) != NULL &&
             (times = malloc((s.n + 1) * sizeof *times)) != NULL && detect(units, n, &m) &&
             score(net, &s, scores, &took);
    if (ok) {
        const double length = (double)s.n / WATCH_HZ;
        printf("recording  %.1f s at %d Hz, %zu sections of %d samples\n", length, WATCH_HZ,
               (s.n + SECTION - 1) / SECTION, SECTION);
        printf("network    %zu parameters\n", rnnp_model_constant_elements(net->model));
        const size_t count = peaks(scores, s.n, times);
        compare(times, count, &m);
        printf("hash       %016llx of %zu scores\n", (unsigned long long)hash_floats(HASH_BEGIN, scores, s.n), s.n);
        rnnp_host_info host;
        rnnp_host_info_init(&host);
        ok = network_ok(net, rnnp_context_host(net->context, &host));
        printf("speed      %.1f times real time on one core with %s kernels\n", length / took, host.isa);
    }
    ecg_monitor_free(&m);
    free(times);
    free(scores);
    free(s.x);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: ecg-watch ECG-WATCH.onnx RECORDING.i16\n");
        return 2;
    }
    size_t n = 0;
    network net = {0};
    int16_t *const units = read_recording(argv[2], &n);
    int ok = units && network_open(&net, argv[1], NULL);
    if (ok && n < RECORDED_HZ) {
        fprintf(stderr, "%s: %zu samples, less than a second\n", argv[2], n);
        ok = 0;
    }
    ok = ok && watch(&net, units, n);
    network_close(&net);
    free(units);
    return ok ? 0 : 1;
}
