/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a model takes here for a run and for a step of a stream.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rnnpack/limits.h"
#include "timing.h"

/* What is measured: one call of `call`, 0 on success. */
typedef struct subject {
    const char *what;
    rnnp_status (*call)(void *object, const cli_tensors *t);
    void *object;
    cli_tensors *tensors;
    int refills; /* each call gets other numbers */
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
static int measure(rnnp_context *context, const subject *s, double budget, cli_timing *result)
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
            if (s->refills) cli_tensors_refill(s->tensors);
            start = cli_clock();
        }
    }
    cli_progress_end();
    TRY(cli_status(context, status));
    qsort(times, n, sizeof *times, ascending);
    *result = (cli_timing){.calls = n,
                           .median = times[n / 2],
                           .min = times[0],
                           .p99 = times[n * 99 / 100],
                           .p999 = times[n * 999 / 1000],
                           .shared = share_of_slow(&l)};
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

/* What a model cannot do is no failure where `why` can say so. */
static int cannot(const cli_model *m, rnnp_status status, char **why)
{
    if (status == RNNP_OK || status == RNNP_ERR_MEMORY || !why) return 0;
    *why = cli_copy(rnnp_last_error(m->context));
    return 1;
}

int cli_time_run(const cli_call *call, const cli_model *m, double seconds, cli_timing *result, char **no_run)
{
    AUTO_TENSORS t = {0};
    AUTO(run) *run = NULL;

    cli_tensors_create(&t, m->model);
    cli_tensors_shape(&t, m->model, call->batch, call->steps);
    const rnnp_status status = rnnp_run_create(m->plan, t.inputs, t.n_inputs, &run);
    if (cannot(m, status, no_run)) return CLI_OK;
    TRY(cli_status(m->context, status));
    cli_tensors_fill(&t, m->model);
    TRY(cli_tensors_outputs(&t, m, run));
    TRY(measure(m->context, &(subject){"run", call_run, run, &t, 0}, seconds, result));
    result->steps = call->steps;
    return CLI_OK;
}

int cli_time_stream(const cli_call *call, const cli_model *m, double seconds, cli_timing *result, char **no_stream)
{
    rnnp_stream_options options;
    AUTO_TENSORS t = {0};
    AUTO(stream) *stream = NULL;
    FREED rnnp_carried *carried = cli_alloc(call->carry.n, sizeof *carried);

    rnnp_stream_options_init(&options);
    options.batch = call->batch;
    options.carried = carried;
    options.n_carried = call->carry.n;
    for (size_t i = 0; i < call->carry.n; i++)
        carried[i] = (rnnp_carried){call->carry.at[i].name, call->carry.at[i].value};
    const rnnp_status status = rnnp_stream_create(m->plan, &options, &stream);
    if (cannot(m, status, no_stream)) return CLI_OK;
    TRY(cli_status(m->context, status));
    cli_tensors_create(&t, m->model);
    t.n_inputs -= options.n_carried;
    t.n_outputs -= options.n_carried;
    for (size_t i = 0; i < t.n_inputs; i++) TRY(cli_status(m->context, rnnp_stream_input(stream, i, &t.inputs[i])));
    for (size_t i = 0; i < t.n_outputs; i++) {
        TRY(cli_status(m->context, rnnp_stream_output(stream, i, &t.outputs[i])));
        t.outputs[i].data = cli_tensor_alloc(&t.outputs[i]);
    }
    cli_tensors_fill(&t, m->model);
    TRY(measure(m->context, &(subject){"stream", call_step, stream, &t, 1}, seconds, result));
    return cli_status(m->context, rnnp_stream_multiple(m->plan, &options, &result->steps));
}

/* ---- Output ---- */

void cli_timing_text(const char *name, const cli_timing *t, double scale)
{
    printf("%-12s median %.3f us, min %.3f us, p99 %.3f us, p99.9 %.3f us\n", name, 1e6 * t->median / scale,
           1e6 * t->min / scale, 1e6 * t->p99 / scale, 1e6 * t->p999 / scale);
}

void cli_timing_json(json *j, const char *key, const cli_timing *t)
{
    json_flat(j, key, INT("calls", t->calls), INT("steps", t->steps), REAL("median_s", t->median),
              REAL("min_s", t->min), REAL("p99_s", t->p99), REAL("p999_s", t->p999), REAL("shared", t->shared));
}
