/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "model.h"
#include "total.h"

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
    FREED double *times = cli_alloc(MOST, sizeof *times);
    rnnp_status status = RNNP_OK;
    double shown = 0;
    loops l = {.n = 0};
    size_t n = 0;
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
    TRY(cli_status(context, status));
    qsort(times, n, sizeof *times, ascending);
    *result = (timing){n, times[n / 2], times[0], times[n * 99 / 100], times[n * 999 / 1000], share_of_slow(&l)};
    return CLI_OK;
}

static rnnp_status call_run(void *object, const cli_tensors *t)
{
    return rnnp_run_execute(object, t->inputs, t->n_inputs, t->outputs, t->n_outputs);
}

static rnnp_status call_step(void *object, const cli_tensors *t)
{
    return rnnp_stream_step(object, t->inputs, t->n_inputs, t->outputs, t->n_outputs);
}

static int bench_run(const cli_call *call, const cli_model *m, timing *result)
{
    AUTO_TENSORS t = {0};
    AUTO(run) *run = NULL;
    cli_tensors_create(&t, m->model);
    cli_tensors_shape(&t, m->model, call->batch, call->steps);
    TRY(cli_status(m->context, rnnp_run_create(m->plan, t.inputs, t.n_inputs, &run)));
    cli_tensors_fill(&t, m->model);
    TRY(cli_tensors_outputs(&t, m, run));
    return measure(m->context, &(subject){"run", call_run, run, &t}, call->seconds, result);
}

/* A model that does not stream is no failure: *no_stream says why. */
static int bench_stream(const cli_call *call, const cli_model *m, timing *result, const char **no_stream)
{
    rnnp_stream_options options;
    AUTO_TENSORS t = {0};
    AUTO(stream) *stream = NULL;
    rnnp_stream_options_init(&options);
    options.batch = call->batch;
    const rnnp_status status = rnnp_stream_create(m->plan, &options, &stream);
    if (status != RNNP_OK && status != RNNP_ERR_MEMORY) {
        *no_stream = rnnp_last_error(m->context);
        return CLI_OK;
    }
    TRY(cli_status(m->context, status));
    cli_tensors_create(&t, m->model);
    for (size_t i = 0; i < t.n_inputs; i++) TRY(cli_status(m->context, rnnp_stream_input(stream, i, &t.inputs[i])));
    for (size_t i = 0; i < t.n_outputs; i++) {
        TRY(cli_status(m->context, rnnp_stream_output(stream, i, &t.outputs[i])));
        t.outputs[i].data = cli_tensor_alloc(&t.outputs[i]);
    }
    cli_tensors_fill(&t, m->model);
    return measure(m->context, &(subject){"stream", call_step, stream, &t}, call->seconds, result);
}

/* ---- Output ------------------------------------------------------------------------------------ */

static void text_timing(const char *name, const timing *t, double scale)
{
    printf("%-12s median %.3f us, min %.3f us, p99 %.3f us, p99.9 %.3f us\n", name, 1e6 * t->median / scale,
           1e6 * t->min / scale, 1e6 * t->p99 / scale, 1e6 * t->p999 / scale);
}

static void json_timing(json *j, const char *key, const timing *t)
{
    json_flat(j, key, INT("calls", t->calls), REAL("median_s", t->median), REAL("min_s", t->min), REAL("p99_s", t->p99),
              REAL("p999_s", t->p999), REAL("shared", t->shared));
}

typedef struct results {
    const cli_call *call;
    const cli_model *m;
    rnnp_host_info host;
    timing run, step;
    const char *no_stream; /* why the model does not stream; NULL when it does */
    cli_total fma, read;   /* limits beside the run: FLOP/s, and bytes/s at the weights' footprint */
} results;

/* In a run: recurrent weights that are read, and the operations on them, two per weight and row. */
static double weights_per_s(const results *r)
{
    return (double)r->m->weight_bytes * (double)r->call->steps / r->run.median;
}

static double flops_per_s(const results *r) { return weights_per_s(r) / sizeof(float) * 2 * (double)r->call->batch; }

/* A share of something that was not measured well would be a number without a meaning. */
static void print_share(const char *of, double rate, const char *unit, const cli_total *limit)
{
    if (limit->doubtful)
        printf("%s not known: no more than %.2f %s beside this run, on a machine that is busy with other work", of,
               1e-9 * limit->rate, unit);
    else
        printf("%.0f %% of %s", 100 * rate / limit->rate, of);
}

static void print_text(const results *r)
{
    printf("%-12s %s\n", "model", cli_plain(r->m->path));
    printf("%-12s %s, %zu threads, batch %zu, %zu steps\n", "on", r->host.isa, r->host.threads, r->call->batch,
           r->call->steps);
    text_timing("run", &r->run, 1.0);
    text_timing("  per step", &r->run, (double)r->call->steps);
    if (r->no_stream)
        printf("%-12s not possible: %s\n", "stream step", cli_plain(r->no_stream));
    else
        text_timing("stream step", &r->step, 1.0);
    if (r->m->weight_bytes > 0) {
        printf("%-12s %.2f GFLOP/s in the recurrent layers, ", "run", 1e-9 * flops_per_s(r));
        print_share("FMA peak", flops_per_s(r), "GFLOP/s", &r->fma);
        printf("; %.2f GB/s of their weights, ", 1e-9 * weights_per_s(r));
        print_share("the read bandwidth at that footprint", weights_per_s(r), "GB/s", &r->read);
        printf("\n");
    }
    if (r->run.shared > 0.1 || r->step.shared > 0.1)
        printf("%-12s another hardware thread of a core was busy %.0f %% of the time (run), %.0f %% (stream step): "
               "only min "
               "is a measure of the code\n",
               "shared", 100 * r->run.shared, 100 * r->step.shared);
}

static void print_json(const results *r)
{
    json j = {0};
    json_object(&j, NULL);
    json_put(&j, TEXT("model", r->m->path), TEXT("cpu", r->host.brand), TEXT("isa", r->host.isa),
             INT("threads", r->host.threads), INT("batch", r->call->batch), INT("steps", r->call->steps));
    json_timing(&j, "run", &r->run);
    if (r->no_stream)
        json_put(&j, TEXT("stream_step", NULL), TEXT("no_stream", r->no_stream));
    else
        json_timing(&j, "stream_step", &r->step);
    if (r->m->weight_bytes > 0)
        json_put(&j, REAL("recurrent_flop_per_s", flops_per_s(r)), REAL("fma_flop_per_s", r->fma.rate),
                 BOOL("fma_doubtful", r->fma.doubtful), REAL("recurrent_weight_bytes_per_s", weights_per_s(r)),
                 REAL("read_bytes_per_s", r->read.rate), BOOL("read_doubtful", r->read.doubtful));
    json_end(&j);
}

/* Right after the run, so that a slow phase of the machine shows in both. The run's own rate is one that was reached: a
 * peak more than a few percent below it is measured again. Reading may be slower than the run, which keeps weights in
 * cache from one step to the next, but not by much. */
static int bench_limits(results *r)
{
    const double faster_than_peak = 1.05, faster_than_read = 4;
    rnnp_context *const context = r->m->context;
    cli_burst burst = {context, 1e-3, rnnp_limit_fma, r->m->weight_bytes};
    cli_total_probe probe = {cli_burst_run, &burst, r->host.threads, flops_per_s(r) / faster_than_peak, 9, 3};
    if (r->m->weight_bytes == 0) return CLI_OK;
    TRY(cli_status(context, cli_total_best(&probe, &r->fma)));
    burst.measure = NULL;
    probe.least = weights_per_s(r) / faster_than_read;
    return cli_status(context, cli_total_best(&probe, &r->read));
}

int cli_bench(const cli_call *call)
{
    AUTO_MODEL m = {0};
    results r = {.call = call, .m = &m, .host.struct_size = sizeof r.host};
    if (!call->operands[0] == !call->limits) return cli_misuse("give either a MODEL or --limits");
    if (call->limits) return cli_limits(call);
    TRY(cli_model_open(&m, call, 0));
    rnnp_context_host(m.context, &r.host);
    TRY(bench_run(call, &m, &r.run));
    TRY(bench_limits(&r));
    TRY(bench_stream(call, &m, &r.step, &r.no_stream));
    (call->json ? print_json : print_text)(&r);
    return CLI_OK;
}
