/* SPDX-License-Identifier: Apache-2.0
 *
 * Monitors an electrocardiogram sample by sample: a small LSTM forecasts the signal, and beats that continue
 * differently are flagged.
 *
 *   ecg MODEL.onnx RECORDING.i16 [FOLDER]
 *
 * prints the result and writes signal.tsv and beats.tsv to FOLDER, where ecg.gp draws them.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "monitor.h"
#include "rnnpack/onnx.h"

enum { CHECK_SAMPLES = 10 * ECG_RATE }; /* the stretch repeated on every instruction set */
#define TRAINED_UNTIL_S 135.3           /* train.py saw nothing after it */

/* ---- The network ------------------------------------------------------------------------------- */

typedef struct network {
    rnnp_context *context;
    rnnp_model *model;
    rnnp_plan *plan;
    rnnp_stream *stream;
    rnnp_tensor in, out;
} network;

static int fail(const network *net, rnnp_status status)
{
    const char *const sentence = net->context ? rnnp_last_error(net->context) : "";
    fprintf(stderr, "ecg: %s\n", *sentence ? sentence : rnnp_status_string(status));
    return 0;
}

static void network_close(network *net)
{
    rnnp_stream_destroy(net->stream);
    rnnp_plan_destroy(net->plan);
    rnnp_model_destroy(net->model);
    rnnp_context_destroy(net->context);
}

/* max_isa == NULL: the best of this CPU. Close the network also after a failure. */
static int network_open(network *net, const char *path, const char *max_isa)
{
    *net = (network){0};
    rnnp_context_options options;
    rnnp_context_options_init(&options);
    options.max_isa = max_isa;
    rnnp_status status = rnnp_context_create(&options, &net->context);
    if (status == RNNP_OK) status = rnnp_onnx_open_file(net->context, path, NULL, &net->model);
    if (status == RNNP_OK) status = rnnp_plan_create(net->model, NULL, &net->plan);
    if (status == RNNP_OK) status = rnnp_stream_create(net->plan, NULL, &net->stream);
    if (status == RNNP_OK) status = rnnp_stream_input(net->stream, 0, &net->in);
    if (status == RNNP_OK) status = rnnp_stream_output(net->stream, 0, &net->out);
    if (status != RNNP_OK) return fail(net, status);
    if (rnnp_tensor_elements(&net->in) != 1 || rnnp_tensor_elements(&net->out) != ECG_AHEAD) {
        fprintf(stderr, "ecg: %s does not forecast %d samples from one\n", path, ECG_AHEAD);
        return 0;
    }
    return 1;
}

static int network_step(network *net, const float *x, float *forecast)
{
    float sample = *x;
    net->in.data = &sample;
    net->out.data = forecast;
    const rnnp_status status = rnnp_stream_step(net->stream, &net->in, 1, &net->out, 1);
    return status == RNNP_OK ? 1 : fail(net, status);
}

/* Runs the whole recording at once: does it give the bits that stepping gave? 1, 0, or -1 on failure. */
static int same_at_once(const network *net, const ecg_monitor *m)
{
    rnnp_tensor in = {.dtype = RNNP_DTYPE_F32, .rank = 3, .shape = {(int64_t)m->n, 1, 1}, .data = m->x};
    rnnp_tensor out = {.data = malloc(m->n * ECG_AHEAD * sizeof(float))};
    rnnp_run *run = NULL;
    int same = -1;
    rnnp_status status = out.data ? rnnp_run_create(net->plan, &in, 1, &run) : RNNP_ERR_MEMORY;
    if (status == RNNP_OK) status = rnnp_run_execute(run, &in, 1, &out, 1);
    if (status == RNNP_OK)
        same = memcmp(out.data, m->forecast, m->n * ECG_AHEAD * sizeof(float)) == 0;
    else
        fail(net, status);
    rnnp_run_destroy(run);
    free(out.data);
    return same;
}

/* Steps through the first CHECK_SAMPLES on one instruction set: the same bits? 1, 0, or -1 on failure. */
static int same_on(const char *path, const char *isa, const ecg_monitor *m)
{
    network net;
    int same = network_open(&net, path, isa) ? 1 : -1;
    for (size_t t = 0; same == 1 && t < CHECK_SAMPLES && t < m->n; t++) {
        float forecast[ECG_AHEAD];
        if (!network_step(&net, &m->x[t], forecast))
            same = -1;
        else if (memcmp(forecast, &m->forecast[t * ECG_AHEAD], sizeof forecast) != 0)
            same = 0;
    }
    network_close(&net);
    return same;
}

/* ---- The recording ----------------------------------------------------------------------------- */

/* Little-endian 16-bit units; NULL when it cannot be read. */
static int16_t *read_recording(const char *path, size_t *n)
{
    enum { MOST = 1 << 24 };
    FILE *const file = fopen(path, "rb");
    unsigned char *const bytes = malloc(2 * MOST);
    int16_t *const units = malloc(MOST * sizeof *units);
    if (!file || !bytes || !units) {
        perror(path);
        free(units);
        free(bytes);
        if (file) fclose(file);
        return NULL;
    }
    *n = fread(bytes, 2, MOST, file);
    for (size_t i = 0; i < *n; i++) {
        const int v = bytes[2 * i] | bytes[2 * i + 1] << 8;
        units[i] = (int16_t)(v >= 0x8000 ? v - 0x10000 : v);
    }
    free(bytes);
    fclose(file);
    return units;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int watch(network *net, const int16_t *units, ecg_monitor *m, double *latency)
{
    for (size_t t = 0; t < m->capacity; t++) {
        const double start = seconds();
        const float *const x = ecg_monitor_push(m, units[2 * t], units[2 * t + 1]);
        if (!network_step(net, x, &m->forecast[t * ECG_AHEAD])) return 0;
        ecg_monitor_judge(m);
        latency[t] = seconds() - start;
    }
    return 1;
}

/* ---- The report -------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_latency(double *latency, size_t n)
{
    double total = 0;
    for (size_t i = 0; i < n; i++) total += latency[i];
    qsort(latency, n, sizeof *latency, ascending);
    printf("latency    p50 %.2f us, p99 %.2f us, max %.1f us per step; a step is due every %.0f us\n",
           1e6 * latency[n / 2], 1e6 * latency[n * 99 / 100], 1e6 * latency[n - 1], 1e6 / ECG_RATE);
    printf("speed      %.0f times real time on one core\n", (double)n / ECG_RATE / total);
}

static void print_network(const network *net)
{
    rnnp_host_info host = {.struct_size = sizeof host};
    rnnp_context_host(net->context, &host);
    printf("network    %zu parameters, forecasts the next %.0f ms at %d Hz\n", rnnp_model_constant_elements(net->model),
           1000.0 * ECG_AHEAD / ECG_RATE, ECG_RATE);
    printf("CPU        %s, ISA %s (%s)\n", host.brand, host.isa, host.isa_reason);
    printf("kernels   ");
    const char *previous = "";
    for (size_t i = 0; i < rnnp_model_node_count(net->model); i++) {
        const char *const variant = rnnp_plan_node_variant(net->plan, i);
        if (variant && strcmp(variant, previous) != 0) printf(" %s", previous = variant);
    }
    printf("\n");
}

static void print_beats(const ecg_monitor *m)
{
    size_t count[2][2] = {{0}}, later = 0, later_agree = 0;
    for (size_t i = 0; i < m->n_judged; i++) {
        const ecg_beat *b = &m->beats[i];
        count[b->flagged][b->wide]++;
        if ((double)b->at / ECG_RATE > TRAINED_UNTIL_S) {
            later++;
            later_agree += b->flagged == b->wide;
        }
    }
    const size_t agree = count[0][0] + count[1][1], flagged = count[1][0] + count[1][1];
    printf("beats      %zu found, %zu flagged: they continued differently than the network forecast\n", m->n_judged,
           flagged);
    printf("criterion  QRS wider than %.0f ms at half height, which the network does not know\n", (double)ECG_WIDE_MS);
    printf("                         wide   narrow\n"
           "             flagged     %4zu     %4zu\n"
           "             not flagged %4zu     %4zu\n",
           count[1][1], count[1][0], count[0][1], count[0][0]);
    if (m->n_judged && later)
        printf("agreement  %.1f %% of all beats; %.1f %% of the %zu after %.1f s, where it was not trained\n",
               100.0 * (double)agree / (double)m->n_judged, 100.0 * (double)later_agree / (double)later, later,
               TRAINED_UNTIL_S);
}

/* 64-bit FNV-1a of the forecasts, least significant byte first on any machine. */
static uint64_t hash_forecasts(const ecg_monitor *m)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < m->n * ECG_AHEAD; i++) {
        uint32_t bits;
        memcpy(&bits, &m->forecast[i], sizeof bits);
        for (int shift = 0; shift < 32; shift += 8) hash = (hash ^ (bits >> shift & 0xff)) * 0x100000001b3u;
    }
    return hash;
}

static const char *verdict(int same) { return same == 1 ? "same bits" : same == 0 ? "DIFFERENT BITS" : "failed"; }

static int first_of_isa(const rnnp_context *context, size_t index)
{
    rnnp_variant_info v = {.struct_size = sizeof v}, earlier = {.struct_size = sizeof earlier};
    if (rnnp_context_variant_info(context, index, &v) != RNNP_OK) return 0;
    for (size_t i = 0; i < index; i++)
        if (rnnp_context_variant_info(context, i, &earlier) == RNNP_OK && strcmp(earlier.isa, v.isa) == 0) return 0;
    return 1;
}

/* Prints how the bits compare and returns whether they were the same everywhere. */
static int print_bits(const network *net, const char *path, const ecg_monitor *m)
{
    const int at_once = same_at_once(net, m);
    int all_same = at_once == 1;
    printf("hash       %016llx of %zu forecasts\n", (unsigned long long)hash_forecasts(m), m->n * ECG_AHEAD);
    printf("at once    %s as step by step\n", verdict(at_once));
    printf("ISAs       first 10 s:");
    rnnp_variant_info v = {.struct_size = sizeof v};
    for (size_t i = 0; rnnp_context_variant_info(net->context, i, &v) == RNNP_OK; i++) {
        if (!v.usable || !first_of_isa(net->context, i)) continue;
        const int same = same_on(path, v.isa, m);
        all_same &= same == 1;
        printf(" %s on %s;", verdict(same), v.isa);
    }
    printf("\n");
    return all_same;
}

/* signal.tsv: seconds, ECG (mV), forecast error (mV^2); beats.tsv: seconds, flagged, wide, score, width. */
static int write_tables(const char *folder, const ecg_monitor *m)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/signal.tsv", folder);
    FILE *file = fopen(path, "w");
    int ok = file != NULL;
    for (size_t t = 0; ok && t < m->n; t++)
        ok = fprintf(file, "%.4f\t%.3f\t%.5f\n", (double)t / ECG_RATE, (double)m->x[t], (double)m->error[t]) > 0;
    ok = file && fclose(file) == 0 && ok;
    if (ok) {
        snprintf(path, sizeof path, "%s/beats.tsv", folder);
        file = fopen(path, "w");
        ok = file != NULL;
        for (size_t i = 0; ok && i < m->n_judged; i++) {
            const ecg_beat *b = &m->beats[i];
            ok = fprintf(file, "%.4f\t%d\t%d\t%.5f\t%.0f\n", (double)b->at / ECG_RATE, b->flagged, b->wide,
                         (double)b->score, (double)b->width_ms) > 0;
        }
        ok = file && fclose(file) == 0 && ok;
    }
    if (!ok) perror(path);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: ecg MODEL.onnx RECORDING.i16 [FOLDER]\n");
        return 2;
    }
    size_t n = 0;
    int16_t *const units = read_recording(argv[2], &n);
    double *const latency = calloc(n / 2 + 1, sizeof *latency);
    network net = {0};
    ecg_monitor m = {0};
    int ok = units && latency && ecg_monitor_init(&m, n / 2) && network_open(&net, argv[1], NULL);
    ok = ok && watch(&net, units, &m, latency);
    if (ok && m.n) {
        printf("signal     %.1f s of %s\n", (double)m.n / ECG_RATE, argv[2]);
        print_network(&net);
        print_beats(&m);
        print_latency(latency, m.n);
        ok = print_bits(&net, argv[1], &m);
        ok = (argc < 4 || write_tables(argv[3], &m)) && ok;
    }
    network_close(&net);
    ecg_monitor_free(&m);
    free(latency);
    free(units);
    return ok ? 0 : 1;
}
