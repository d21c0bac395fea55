/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "rnnpack/limits.h"
#include "timing.h"
#include "total.h"

typedef struct results {
    const cli_call *call;
    const cli_model *m;
    rnnp_host_info host;
    cli_timing run, step;
    char *no_stream;      /* why the model does not stream; NULL when it does */
    cli_total peak, read; /* limits beside the run: operations/s (peak_of), and bytes/s at the weights' footprint */
    size_t steps;         /* of a run; 0 for a model without time */
    double bytes, ops;    /* of a run: recurrent weights that are read, and two operations per weight and row */
} results;

/* Recurrent weights of a node, without padding. */
static double step_weights(const rnnp_model *model, size_t node)
{
    enum { ONNX_R = 2 };
    rnnp_port_info r = {.struct_size = sizeof r};
    double n = 1;

    if (rnnp_model_node_input_info(model, node, ONNX_R, &r) != RNNP_OK) return 0;
    for (size_t d = 0; d < r.rank; d++) n *= (double)r.shape[d];
    return n;
}

/* The sizes of what a recurrent layer reads: those that the file fixes are not the call's. */
static void layer_shape(const results *r, size_t node, size_t *steps, size_t *batch)
{
    const rnnp_model *const model = r->m->model;
    rnnp_port_info x = {.struct_size = sizeof x};

    *steps = r->call->steps;
    *batch = r->call->batch;
    if (rnnp_model_node_input_info(model, node, 0, &x) != RNNP_OK) return;
    const size_t time = cli_names_batch(x.symbol[0]) ? 1 : 0;
    if (x.shape[time] != RNNP_DYNAMIC) *steps = (size_t)x.shape[time];
    if (x.shape[!time] != RNNP_DYNAMIC)
        *batch = (size_t)x.shape[!time];
    else if (x.symbol[!time] && !cli_names_batch(x.symbol[!time]))
        *batch = r->call->steps; /* as that of all dynamic dimensions with other names */
}

/* Recurrent layers say how many steps there are; without any, a model has time if --steps is a size of an input. */
static void count_work(results *r)
{
    const rnnp_model *const model = r->m->model;

    for (size_t i = 0; i < rnnp_model_node_count(model); i++) {
        rnnp_node_info node = {.struct_size = sizeof node};
        size_t steps, batch;
        if (rnnp_model_node_info(model, i, &node) != RNNP_OK || !node.weight_bytes_per_step) continue;
        layer_shape(r, i, &steps, &batch);
        r->steps = steps > r->steps ? steps : r->steps;
        r->bytes += (double)node.weight_bytes_per_step * (double)steps;
        r->ops += 2 * step_weights(model, i) * (double)steps * (double)batch;
    }
    for (size_t i = 0; r->steps == 0 && i < rnnp_model_input_count(model); i++) {
        rnnp_port_info port = {.struct_size = sizeof port};
        rnnp_model_input_info(model, i, &port);
        for (size_t d = 0; d < port.rank; d++)
            if (port.shape[d] == RNNP_DYNAMIC && !cli_names_batch(port.symbol[d])) r->steps = r->call->steps;
    }
}

static double bytes_per_s(const results *r) { return r->bytes / r->run.median; }
static double ops_per_s(const results *r) { return r->ops / r->run.median; }

/* What bounds them: weights in f16 and bf16 are widened, and s8 is multiplied as it is. */
static const struct {
    const char *name, *unit, *rate_key, *peak_key, *doubtful_key;
    rnnp_status (*measure)(const rnnp_context *context, double seconds, double *rate, size_t *together);
} peaks[] = {
    {"FMA peak", "GFLOP/s", "recurrent_flop_per_s", "fma_flop_per_s", "fma_doubtful", rnnp_limit_fma},
    {"int8 dot peak", "GOP/s", "recurrent_op_per_s", "dot_op_per_s", "dot_doubtful", rnnp_limit_dot},
};

/* A share of something that was not measured well would be a number without a meaning. */
static void print_share(const char *of, double rate, const char *unit, const cli_total *limit)
{
    if (limit->rate <= 0)
        printf("%s not known here", of);
    else if (limit->doubtful)
        printf("%s not known: no more than %.2f %s beside this run, on a machine that is busy with other work", of,
               1e-9 * limit->rate, unit);
    else
        printf("%.0f %% of %s", 100 * rate / limit->rate, of);
}

static void print_text(const results *r)
{
    printf("%-12s %s\n", "model", cli_plain(r->m->path));
    printf("%-12s %s, %zu threads, batch %zu", "on", r->host.isa, r->host.threads, r->call->batch);
    if (r->steps) printf(", %zu steps", r->steps);
    printf("\n");
    cli_timing_text("run", &r->run, 1.0);
    if (r->steps) cli_timing_text("  per step", &r->run, (double)r->steps);
    if (r->no_stream)
        printf("%-12s not possible: %s\n", "stream step", cli_plain(r->no_stream));
    else
        cli_timing_text("stream step", &r->step, 1.0);
    if (r->step.steps > 1) printf("%-12s %zu time steps\n", "  of", r->step.steps);
    if (r->m->weight_bytes > 0) {
        const int is_s8 = r->m->all_s8;
        printf("%-12s %.2f %s in the recurrent layers, ", "run", 1e-9 * ops_per_s(r), peaks[is_s8].unit);
        print_share(peaks[is_s8].name, ops_per_s(r), peaks[is_s8].unit, &r->peak);
        printf("; %.2f GB/s of their weights, ", 1e-9 * bytes_per_s(r));
        print_share("the read bandwidth at that footprint", bytes_per_s(r), "GB/s", &r->read);
        printf("\n");
    }
    if (r->run.shared > 0.1 || r->step.shared > 0.1)
        printf("%-12s another hardware thread of a core was busy %.0f %% of the time (run), %.0f %% (stream step): "
               "only min is a measure of the code\n",
               "shared", 100 * r->run.shared, 100 * r->step.shared);
}

static void print_json(const results *r)
{
    json j = {0};
    json_object(&j, NULL);
    json_put(&j, TEXT("model", r->m->path), TEXT("cpu", r->host.brand), TEXT("isa", r->host.isa),
             INT("threads", r->host.threads), INT("batch", r->call->batch));
    json_put(&j, r->steps ? INT("steps", r->steps) : TEXT("steps", NULL));
    cli_timing_json(&j, "run", &r->run);
    if (r->no_stream)
        json_put(&j, TEXT("stream_step", NULL), TEXT("no_stream", r->no_stream));
    else
        cli_timing_json(&j, "stream_step", &r->step);
    if (r->m->weight_bytes > 0)
        json_put(&j, REAL(peaks[r->m->all_s8].rate_key, ops_per_s(r)),
                 REAL(peaks[r->m->all_s8].peak_key, r->peak.rate > 0 ? r->peak.rate : NAN),
                 BOOL(peaks[r->m->all_s8].doubtful_key, r->peak.doubtful),
                 REAL("recurrent_weight_bytes_per_s", bytes_per_s(r)), REAL("read_bytes_per_s", r->read.rate),
                 BOOL("read_doubtful", r->read.doubtful));
    json_end(&j);
}

/* Right after the run, so that a slow phase of the machine shows in both. The run's own rate is one that was reached: a
 * peak more than a few percent below it is measured again. Reading may be slower than the run, which keeps weights in
 * cache from one step to the next, but not by much. */
static int bench_limits(results *r)
{
    const double faster_than_peak = 1.05, faster_than_read = 4;
    rnnp_context *const context = r->m->context;
    cli_burst burst = {context, 1e-3, peaks[r->m->all_s8].measure, r->m->weight_bytes};
    cli_total_probe probe = {cli_burst_run, &burst, r->host.threads, ops_per_s(r) / faster_than_peak, 9, 3};
    if (r->m->weight_bytes == 0) return CLI_OK;
    const rnnp_status status = cli_total_best(&probe, &r->peak);
    if (status != RNNP_ERR_UNSUPPORTED) TRY(cli_status(context, status)); /* no such instruction: 0 */
    burst.measure = NULL;
    probe.least = bytes_per_s(r) / faster_than_read;
    return cli_status(context, cli_total_best(&probe, &r->read));
}

int cli_bench(const cli_call *call)
{
    AUTO_MODEL m = {0};
    FREED char *no_stream = NULL;
    results r = {.call = call, .m = &m, .host.struct_size = sizeof r.host};
    if (!call->operands[0] == !call->limits) return cli_misuse("give either a MODEL or --limits");
    if (call->limits) return cli_limits(call);
    TRY(cli_model_open(&m, call, 0));
    rnnp_context_host(m.context, &r.host);
    count_work(&r);
    TRY(cli_time_run(call, &m, call->seconds, &r.run, NULL));
    TRY(bench_limits(&r));
    TRY(cli_time_stream(call, &m, call->seconds, &r.step, &no_stream));
    r.no_stream = no_stream;
    (call->json ? print_json : print_text)(&r);
    return CLI_OK;
}
