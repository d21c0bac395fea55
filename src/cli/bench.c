/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "json.h"
#include "rnnpack/limits.h"
#include "total.h"

typedef struct bench {
    size_t batch, steps;
    double seconds;
} bench;

typedef struct timing {
    size_t calls;
    double median, min, p99, p999; /* seconds per call */
    double shared;                 /* of the time: with a core whose sibling thread was busy */
} timing;

/* What is measured: one call of `call`, 0 on success. */
typedef struct subject {
    const char *what;
    rnnp_status (*call)(void *object, const cli_tensors *t);
    void *object;
    const cli_tensors *tensors;
} subject;

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Rates of an empty loop, taken between two calls (rnnp_limit_loop), evenly over the budget. */
typedef struct loops {
    double rate[512], best, taken;
    size_t n;
} loops;

static rnnp_status take_loop(loops *l, rnnp_context *context, double now, double budget)
{
    enum { MOST = sizeof l->rate / sizeof l->rate[0] };
    if (now - l->taken < budget / MOST || l->n == MOST) return RNNP_OK;
    const rnnp_status status = rnnp_limit_loop(context, 5e-6, &l->rate[l->n]);
    l->best = l->rate[l->n] > l->best ? l->rate[l->n] : l->best;
    l->taken = now;
    l->n += status == RNNP_OK;
    return status;
}

static double share_of_slow(const loops *l)
{
    const double slow = l->best / 1.3;
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) n += l->rate[i] < slow;
    return l->n ? (double)n / (double)l->n : 0;
}

/* Calls for a tenth of `budget` to warm up, then for `budget`; at least 10 calls, at most MOST. */
static int measure(rnnp_context *context, const subject *s, double budget, timing *result)
{
    enum { LEAST = 10, MOST = 1 << 20 };
    double *const times = malloc(MOST * sizeof *times);
    if (!times) return cli_fail("out of memory");
    size_t n = 0;
    rnnp_status status = RNNP_OK;
    double shown = 0;
    loops l = {.n = 0};
    for (int warm = 1; warm >= 0; warm--) {
        const double begin = cli_clock(), limit = warm ? 0.1 * budget : budget;
        double start = begin;
        n = 0;
        while (status == RNNP_OK && n < MOST && (start - begin < limit || (!warm && n < LEAST))) {
            status = s->call(s->object, s->tensors);
            const double end = cli_clock();
            times[n++] = end - start;
            if (end - shown > 0.1) { /* not within a timed call */
                cli_progress(s->what, end - begin, limit, "s");
                shown = end;
            }
            if (status == RNNP_OK) status = take_loop(&l, context, end, budget);
            start = cli_clock();
        }
    }
    cli_progress_end();
    if (status == RNNP_OK) {
        qsort(times, n, sizeof *times, ascending);
        *result = (timing){n, times[n / 2], times[0], times[n * 99 / 100], times[n * 999 / 1000], share_of_slow(&l)};
    }
    free(times);
    return status == RNNP_OK ? CLI_OK : cli_fail_status(context, status);
}

static rnnp_status call_run(void *object, const cli_tensors *t)
{
    return rnnp_run_execute(object, t->inputs, t->n_inputs, t->outputs, t->n_outputs);
}

static rnnp_status call_step(void *object, const cli_tensors *t)
{
    return rnnp_stream_step(object, t->inputs, t->n_inputs, t->outputs, t->n_outputs);
}

static int bench_run(const cli_model *m, const bench *b, timing *result)
{
    cli_tensors t;
    rnnp_run *run = NULL;
    int code = cli_tensors_create(&t, m->model);
    if (code == CLI_OK) code = cli_tensors_shape(&t, m->model, b->batch, b->steps);
    if (code == CLI_OK) {
        const rnnp_status status = rnnp_run_create(m->plan, t.inputs, t.n_inputs, &run);
        code = status == RNNP_OK ? CLI_OK : cli_fail_status(m->context, status);
    }
    if (code == CLI_OK) code = cli_tensors_fill(&t, m->model);
    if (code == CLI_OK) code = cli_tensors_outputs(&t, m, run);
    if (code == CLI_OK) code = measure(m->context, &(subject){"run", call_run, run, &t}, b->seconds, result);
    rnnp_run_destroy(run);
    cli_tensors_destroy(&t);
    return code;
}

static int stream_tensors(const cli_model *m, const rnnp_stream *stream, cli_tensors *t)
{
    rnnp_status status = RNNP_OK;
    for (size_t i = 0; status == RNNP_OK && i < t->n_inputs; i++) status = rnnp_stream_input(stream, i, &t->inputs[i]);
    for (size_t i = 0; status == RNNP_OK && i < t->n_outputs; i++) {
        status = rnnp_stream_output(stream, i, &t->outputs[i]);
        if (status == RNNP_OK && !(t->outputs[i].data = cli_tensor_alloc(&t->outputs[i])))
            return cli_fail("no memory for output %zu", i);
    }
    return status == RNNP_OK ? cli_tensors_fill(t, m->model) : cli_fail_status(m->context, status);
}

static int bench_stream(const cli_model *m, const bench *b, rnnp_stream *stream, timing *result)
{
    cli_tensors t;
    int code = cli_tensors_create(&t, m->model);
    if (code == CLI_OK) code = stream_tensors(m, stream, &t);
    if (code == CLI_OK) code = measure(m->context, &(subject){"stream", call_step, stream, &t}, b->seconds, result);
    cli_tensors_destroy(&t);
    return code;
}

/* Packed weights that the recurrent layers read each step. */
static size_t weight_bytes(const rnnp_model *model)
{
    size_t bytes = 0;
    rnnp_node_info node = {.struct_size = sizeof node};
    for (size_t i = 0; i < rnnp_model_node_count(model); i++)
        if (rnnp_model_node_info(model, i, &node) == RNNP_OK) bytes += node.weight_bytes_per_step;
    return bytes;
}

/* ---- Output ------------------------------------------------------------------------------------ */

static void text_timing(const char *name, const timing *t, double scale)
{
    printf("%-12s median %.3f us, min %.3f us, p99 %.3f us, p99.9 %.3f us\n", name, 1e6 * t->median / scale,
           1e6 * t->min / scale, 1e6 * t->p99 / scale, 1e6 * t->p999 / scale);
}

static void json_timing(json *j, const char *key, const timing *t)
{
    json_object(j, key);
    json_size(j, "calls", t->calls);
    json_number(j, "median_s", t->median);
    json_number(j, "min_s", t->min);
    json_number(j, "p99_s", t->p99);
    json_number(j, "p999_s", t->p999);
    json_number(j, "shared", t->shared);
    json_close(j);
}

typedef struct results {
    const char *path;
    bench bench;
    rnnp_host_info host;
    timing run, step;
    const char *no_stream; /* why the model does not stream; NULL when it does */
    size_t weight_bytes;   /* packed weights that the recurrent layers read each step; 0: the model has none */
    cli_total fma, read;   /* limits beside the run: FLOP/s, and bytes/s at the weights' footprint */
} results;

/* In a run: recurrent weights that are read, and the operations on them, two per weight and row. */
static double weights_per_s(const results *r)
{
    return (double)r->weight_bytes * (double)r->bench.steps / r->run.median;
}

static double flops_per_s(const results *r) { return weights_per_s(r) / sizeof(float) * 2 * (double)r->bench.batch; }

/* A share of something that was not measured well would be a number without a meaning. */
static void print_share(const char *of, double rate, const char *unit, const cli_total *limit)
{
    if (limit->doubtful)
        printf("%s not known: no more than %.2f %s beside this run, on a machine that is busy otherwise", of,
               1e-9 * limit->rate, unit);
    else
        printf("%.0f %% of %s", 100 * rate / limit->rate, of);
}

static void print_text(const results *r)
{
    printf("%-12s %s\n", "model", cli_plain(r->path));
    printf("%-12s %s, %zu threads, batch %zu, %zu steps\n", "on", r->host.isa, r->host.threads, r->bench.batch,
           r->bench.steps);
    text_timing("run", &r->run, 1.0);
    text_timing("  per step", &r->run, (double)r->bench.steps);
    if (r->no_stream)
        printf("%-12s not possible: %s\n", "stream step", cli_plain(r->no_stream));
    else
        text_timing("stream step", &r->step, 1.0);
    if (r->weight_bytes > 0) {
        printf("%-12s %.2f GFLOP/s in the recurrent layers, ", "run", 1e-9 * flops_per_s(r));
        print_share("FMA peak", flops_per_s(r), "GFLOP/s", &r->fma);
        printf("; %.2f GB/s of their weights, ", 1e-9 * weights_per_s(r));
        print_share("what is read at that footprint", weights_per_s(r), "GB/s", &r->read);
        printf("\n");
    }
    if (r->run.shared > 0.1 || r->step.shared > 0.1)
        printf(
            "%-12s a core's other hardware thread was busy %.0f %% of the time (run), %.0f %% (stream step): min alone "
            "tells of the code\n",
            "shared", 100 * r->run.shared, 100 * r->step.shared);
}

static void print_json(const results *r)
{
    json j = {0};
    json_object(&j, NULL);
    json_string(&j, "model", r->path);
    json_string(&j, "cpu", r->host.brand);
    json_string(&j, "isa", r->host.isa);
    json_size(&j, "threads", r->host.threads);
    json_size(&j, "batch", r->bench.batch);
    json_size(&j, "steps", r->bench.steps);
    json_timing(&j, "run", &r->run);
    if (r->no_stream) {
        json_string(&j, "stream_step", NULL);
        json_string(&j, "no_stream", r->no_stream);
    } else {
        json_timing(&j, "stream_step", &r->step);
    }
    if (r->weight_bytes > 0) {
        json_number(&j, "recurrent_flop_per_s", flops_per_s(r));
        json_number(&j, "fma_flop_per_s", r->fma.rate);
        json_bool(&j, "fma_doubtful", r->fma.doubtful);
        json_number(&j, "recurrent_weight_bytes_per_s", weights_per_s(r));
        json_number(&j, "read_bytes_per_s", r->read.rate);
        json_bool(&j, "read_doubtful", r->read.doubtful);
    }
    json_close(&j);
}

enum { BURST_US = 1000 };

static rnnp_status burst_fma(void *user, double *rate, size_t *together)
{
    const cli_model *const m = user;
    return rnnp_limit_fma(m->context, 1e-6 * BURST_US, rate, together);
}

static rnnp_status burst_read(void *user, double *rate, size_t *together)
{
    const cli_model *const m = user;
    return rnnp_limit_read(m->context, 1e-6 * BURST_US, weight_bytes(m->model), rate, together);
}

/* Right after the run, so that a slow phase of the machine shows in both. The run's own rate is one that was reached: a
 * peak more than a few percent below it is measured again. Reading may be slower than the run, which keeps weights in
 * cache from one step to the next, but not by much. */
static int bench_limits(const cli_model *m, results *r)
{
    const double faster_than_peak = 1.05, faster_than_read = 4;
    r->weight_bytes = weight_bytes(m->model);
    if (r->weight_bytes == 0) return CLI_OK;
    const size_t threads = r->host.threads;
    cli_total_probe probe = {burst_fma, (void *)m, threads, flops_per_s(r) / faster_than_peak, 9, 3};
    rnnp_status status = cli_total_best(&probe, &r->fma);
    probe.burst = burst_read;
    probe.least = weights_per_s(r) / faster_than_read;
    if (status == RNNP_OK) status = cli_total_best(&probe, &r->read);
    return status == RNNP_OK ? CLI_OK : cli_fail_status(m->context, status);
}

static int bench_model(const cli_model *m, results *r)
{
    r->host = (rnnp_host_info){.struct_size = sizeof r->host};
    rnnp_context_host(m->context, &r->host);
    int code = bench_run(m, &r->bench, &r->run);
    if (code == CLI_OK) code = bench_limits(m, r);
    if (code != CLI_OK) return code;

    rnnp_stream_options options;
    rnnp_stream_options_init(&options);
    options.batch = r->bench.batch;
    rnnp_stream *stream = NULL;
    const rnnp_status status = rnnp_stream_create(m->plan, &options, &stream);
    if (status == RNNP_OK)
        code = bench_stream(m, &r->bench, stream, &r->step);
    else if (status != RNNP_ERR_MEMORY)
        r->no_stream = rnnp_last_error(m->context);
    else
        code = cli_fail_status(m->context, status);
    rnnp_stream_destroy(stream);
    return code;
}

int cli_bench(int argc, char **argv)
{
    cli_host host = {.threads = 1};
    results r = {.bench = {.batch = 1, .steps = 100, .seconds = 2.0}};
    int as_json = 0;
    int limits = 0;
    const arg_option options[] = {
        {"--batch", "B", "size of dynamic dimensions named batch, N or B (default 1)", ARG_SIZE, &r.bench.batch},
        {"--steps", "T", "size of all other dynamic dimensions (default 100)", ARG_SIZE, &r.bench.steps},
        {"--seconds", "S", "how long to measure each of run and stream, or all limits (default 2)", ARG_NUMBER,
         &r.bench.seconds},
        {"--limits", NULL, "instead of a model: what this machine can do at most", ARG_FLAG, &limits},
        CLI_HOST_OPTIONS(host),
        CLI_JSON_OPTION(as_json),
    };
    const arg_command command = {
        "bench", "[MODEL]",
        "Measures run and stream step of an ONNX model on random inputs, or with --limits the\n"
        "machine: FMA peak, read bandwidth, barrier, timer and clock.",
        options, sizeof options / sizeof options[0]};
    const args_result parsed = args_parse(&command, argc, argv, &r.path);
    if (parsed != ARGS_OK) return parsed == ARGS_DONE ? CLI_OK : CLI_USAGE;
    if (r.bench.batch == 0 || r.bench.steps == 0) {
        cli_fail("--batch and --steps must be at least 1");
        return CLI_USAGE;
    }

    if (!r.path == !limits) {
        cli_fail("bench needs a MODEL or --limits, and not both");
        return CLI_USAGE;
    }
    if (limits) return cli_limits(&host, r.bench.seconds, as_json);

    cli_model m;
    host.batch = r.bench.batch;
    host.steps = r.bench.steps;
    int code = cli_model_open(&m, &host, r.path);
    if (code == CLI_OK) code = bench_model(&m, &r);
    if (code == CLI_OK) (as_json ? print_json : print_text)(&r);
    cli_model_close(&m);
    return code;
}
