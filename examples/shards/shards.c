/* SPDX-License-Identifier: Apache-2.0
 *
 * Many streams over processes that share one packed file.
 *
 *   shards run MODEL.rnnp CHANNELS PROCESSES   each process steps its part of the channels; a hash of all outputs
 *   shards fit MODEL.rnnp MILLISECONDS         how many channels one core steps within half of this deadline
 *
 * MODEL.rnnp is of `rnnpack pack`, with one input of floats. Weights are in memory once, however many processes map
 * them.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rnnpack/packed.h"
#include "rnnpack/rnnpack.h"

enum { STEPS = 50 };

/* A stream with all that it needs. */
typedef struct serving {
    rnnp_context *context;
    rnnp_model *model;
    rnnp_plan *plan;
    rnnp_stream *stream;
    rnnp_tensor in, out;
    size_t in_floats, out_floats; /* of one channel, in one step */
    size_t bytes;                 /* of the stream */
} serving;

static int open_model(serving *s, const char *path)
{
    memset(s, 0, sizeof *s);
    return !rnnp_context_create(NULL, &s->context) && !rnnp_packed_open_file(s->context, path, NULL, &s->model) &&
           !rnnp_plan_create(s->model, NULL, &s->plan);
}

static size_t floats_of(const rnnp_tensor *tensor)
{
    size_t n = 1;
    for (size_t d = 0; d < tensor->rank; d++) n *= (size_t)tensor->shape[d];
    return n;
}

/* Channels lie last but one: [1][channels][features]. */
static int open_stream(serving *s, size_t channels)
{
    rnnp_stream_options options;
    rnnp_stream_options_init(&options);
    options.batch = channels;
    if (rnnp_stream_bytes(s->plan, &options, &s->bytes) || rnnp_stream_create(s->plan, &options, &s->stream) ||
        rnnp_stream_input(s->stream, 0, &s->in) || rnnp_stream_output(s->stream, 0, &s->out))
        return 0;
    s->in_floats = floats_of(&s->in) / channels;
    s->out_floats = floats_of(&s->out) / channels;
    s->in.data = calloc(channels * s->in_floats, sizeof(float));
    s->out.data = calloc(channels * s->out_floats, sizeof(float));
    return s->in.data && s->out.data;
}

static void close_stream(serving *s)
{
    free(s->in.data);
    free(s->out.data);
    s->in.data = s->out.data = NULL;
    rnnp_stream_destroy(s->stream);
    s->stream = NULL;
}

static int close_all(serving *s, int ok)
{
    if (!ok) fprintf(stderr, "%s\n", s->context ? rnnp_last_error(s->context) : "no context");
    close_stream(s);
    rnnp_plan_destroy(s->plan);
    rnnp_model_destroy(s->model);
    rnnp_context_destroy(s->context);
    return ok;
}

/* What a channel measures at a step: it does not depend on who serves it. */
static void measure_channel(size_t channel, size_t step, float *x, size_t n)
{
    unsigned seed = (unsigned)(channel * 7919 + step * 104729 + 1);
    for (size_t i = 0; i < n; i++) x[i] = (float)((seed = seed * 1664525u + 1013904223u) >> 16) / 65536.0f - 0.5f;
}

/* ---- Run --------------------------------------------------------------------------------------- */

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211); /* FNV-1a */
    return hash;
}

/* Channels [from, to); the hash of each goes to where all processes see it. */
static int serve(const char *path, size_t from, size_t to, uint64_t *hashes)
{
    serving s;
    const size_t n = to - from;
    int ok = open_model(&s, path) && open_stream(&s, n);
    for (size_t t = 0; ok && t < STEPS; t++) {
        for (size_t c = 0; c < n; c++) measure_channel(from + c, t, (float *)s.in.data + c * s.in_floats, s.in_floats);
        ok = !rnnp_stream_step(s.stream, &s.in, 1, &s.out, 1);
        for (size_t c = 0; c < n; c++)
            hashes[from + c] = hash_bytes(t ? hashes[from + c] : UINT64_C(14695981039346656037),
                                          (const float *)s.out.data + c * s.out_floats, s.out_floats * sizeof(float));
    }
    return close_all(&s, ok);
}

static int run(const char *path, size_t channels, size_t processes)
{
    const size_t bytes = channels * sizeof(uint64_t);
    uint64_t *hashes = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ok = hashes != MAP_FAILED;
    for (size_t p = 0; ok && p < processes; p++) { /* before any context: a child has no threads of its parent */
        const size_t from = channels * p / processes, to = channels * (p + 1) / processes;
        const pid_t child = fork();
        if (child == 0) _exit(from == to || serve(path, from, to, hashes) ? EXIT_SUCCESS : EXIT_FAILURE);
        ok = child > 0;
    }
    for (int status; wait(&status) > 0;) ok = ok && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
    if (ok)
        printf("%zu channels, %d steps, %zu processes: %016llx\n", channels, STEPS, processes,
               (unsigned long long)hash_bytes(UINT64_C(14695981039346656037), hashes, bytes));
    return ok;
}

/* ---- Fit --------------------------------------------------------------------------------------- */

/* CPU seconds of a step, the shortest of some. */
static double time_step(serving *s)
{
    double best = 1e9;
    for (int i = 0; i < 40; i++) {
        struct timespec begin, end;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
        if (rnnp_stream_step(s->stream, &s->in, 1, &s->out, 1)) return 1e9;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        const double took = (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
        best = took < best ? took : best;
    }
    return best;
}

/* What of the mapped file this process has changed: nothing, so all of it is shared. */
static long changed_kib(const char *path)
{
    char line[4096];
    unsigned long from, to;
    long kib, sum = 0;
    int inside = 0;
    FILE *file = fopen("/proc/self/smaps", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) inside = strstr(line, path) != NULL;
        if (inside && sscanf(line, "Private_Dirty: %ld", &kib) == 1) sum += kib;
    }
    if (file) fclose(file);
    return sum;
}

static int fit(const char *path, double milliseconds)
{
    serving s;
    size_t channels = 1, most = 0, bytes = 0;
    int ok = open_model(&s, path);
    for (; ok; channels += channels / 4 + 1) {
        ok = open_stream(&s, channels);
        const double seconds = ok ? time_step(&s) : 1e9;
        if (ok && seconds > 0.5e-3 * milliseconds) break;
        most = channels;
        bytes = s.bytes;
        close_stream(&s);
    }
    if (ok) {
        printf("%zu channels a core at %g ms", most, milliseconds);
        if (most) printf(", %.1f KiB each", (double)bytes / (double)most / 1024);
        printf("; %ld KiB of the model's file are this process's own\n", changed_kib(path));
    }
    return close_all(&s, ok);
}

int main(int argc, char **argv)
{
    const size_t channels = argc == 5 ? strtoul(argv[3], NULL, 10) : 0,
                 processes = channels ? strtoul(argv[4], NULL, 10) : 0;
    if (channels && processes && strcmp(argv[1], "run") == 0)
        return run(argv[2], channels, processes) ? EXIT_SUCCESS : EXIT_FAILURE;
    if (argc == 4 && strcmp(argv[1], "fit") == 0 && atof(argv[3]) > 0)
        return fit(argv[2], atof(argv[3])) ? EXIT_SUCCESS : EXIT_FAILURE;
    fprintf(stderr, "shards run MODEL.rnnp CHANNELS PROCESSES | shards fit MODEL.rnnp MILLISECONDS\n");
    return 2;
}
