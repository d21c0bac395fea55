/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack quantize: a model with its weights in another format, and what that costs and gains.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quantize_report.h"
#include "rnnpack/onnx.h"

/* A layer whose format may be chosen, and the pattern that fits its name alone. */
typedef struct choice {
    rnnp_weights weights;
    char *pattern;
} choice;

typedef struct job {
    const cli_call *call;
    rnnp_weights weights;
    double limit; /* NAN: none */
    cli_model m;
    cli_tensors t; /* the inputs, and the outputs before */
    choice *choices;
    size_t n_choices;
    attempt now;
    rnnp_tensor labels;
    report report;
} job;

/* ---- Options ---- */

static int read_options(job *j)
{
    const cli_call *const c = j->call;

    if (!cli_weights(c->weights, strlen(c->weights), &j->weights) || j->weights == RNNP_WEIGHTS_F32)
        return cli_misuse("--weights is s8, f16 or bf16, not '%s'", c->weights);
    j->limit = NAN;
    if (c->limit) {
        char *end = NULL;

        if (strncmp(c->limit, "rms=", 4) == 0) j->limit = strtod(c->limit + 4, &end);
        if (!end || end == c->limit + 4 || *end || !(j->limit >= 0) || isinf(j->limit))
            return cli_misuse("--limit needs rms=X, with a number from 0, not '%s'", c->limit);
    }
    if (c->labels && !c->arrays.n) return cli_misuse("--labels needs --data");
    if (c->output && (strcmp(c->output, c->operands[0]) == 0 || cli_same_file(c->output, c->operands[0])))
        return cli_misuse("-o %s is the model itself, whose weights would be lost", c->output);
    return CLI_OK;
}

/* ---- Attempts ---- */

static void attempt_close(attempt *a)
{
    cli_tensors_destroy(&a->t);
    rnnp_plan_destroy(a->m.plan);
    rnnp_model_destroy(a->m.model);
    free(a->layers);
    *a = (attempt){.worst = 0};
}
#define AUTO_ATTEMPT __attribute__((cleanup(attempt_close))) attempt

static void keep_layer(void *user, const rnnp_quantized_layer *layer)
{
    attempt *a = user;

    cli_grow(&a->layers, &a->room, a->n_layers + 1, sizeof *a->layers);
    a->layers[a->n_layers++] = *layer; /* its names are those of the original model and of the library */
}

/* The model with layers in their chosen formats, in memory. */
static rnnp_status quantize(const job *j, attempt *a)
{
    const size_t n_keep = j->call->keep.n;
    FREED rnnp_quantize_rule *rules = cli_alloc(n_keep + j->n_choices, sizeof *rules);
    rnnp_quantize_options o;

    rnnp_quantize_options_init(&o);
    for (; o.n_rules < n_keep; o.n_rules++) rules[o.n_rules].pattern = j->call->keep.at[o.n_rules].value;
    for (size_t i = 0; i < j->n_choices; i++)
        if (j->choices[i].weights != j->weights)
            rules[o.n_rules++] = (rnnp_quantize_rule){j->choices[i].pattern, j->choices[i].weights};
    o.weights = j->weights;
    o.rules = rules;
    o.saturate = j->call->saturate;
    o.layer = keep_layer;
    o.user = a;
    a->m = j->m;
    a->m.plan = NULL;
    a->m.model = NULL;
    return rnnp_model_quantize(j->m.model, &o, &a->m.model);
}

/* Runs it. */
static int attempt_run(const job *j, attempt *a)
{
    TRY(cli_model_plan(&a->m));
    cli_tensors_create(&a->t, a->m.model);
    TRY(difference_run(&a->m, &j->t, &a->t));
    for (size_t i = 0; i < a->t.n_outputs; i++) {
        const double rms = difference_rms(&j->t.outputs[i], &a->t.outputs[i]);

        a->worst = fmax(a->worst, rms);
        if (rms > j->limit) a->excess += (rms - j->limit) * (rms - j->limit);
    }
    return CLI_OK;
}

/* ---- The search ---- */

static char *quoted(const char *name)
{
    char *const pattern = cli_alloc(2 * strlen(name) + 1, 1), *to = pattern;

    for (; *name; name++) {
        if (strchr("*?[]\\", *name)) *to++ = '\\';
        *to++ = *name;
    }
    return pattern;
}

/* One for each name, of the layers that are not kept. */
static void find_choices(job *j)
{
    j->choices = cli_alloc(j->now.n_layers, sizeof *j->choices);
    for (size_t i = 0; i < j->now.n_layers; i++) {
        const rnnp_quantized_layer *const layer = &j->now.layers[i];
        size_t same = 0;

        while (strcmp(j->now.layers[same].name, layer->name) != 0 || j->now.layers[same].weights != j->weights) {
            if (same == i) break;
            same++;
        }
        if (same == i && layer->weights == j->weights)
            j->choices[j->n_choices++] = (choice){j->weights, quoted(layer->name)};
    }
}

static rnnp_weights wider(rnnp_weights weights)
{
    return weights == RNNP_WEIGHTS_S8 ? RNNP_WEIGHTS_F16 : RNNP_WEIGHTS_F32;
}

/* An attempt with one choice widened; f16 may be too narrow for its weights. */
static int widen(job *j, choice *c, attempt *a)
{
    c->weights = wider(c->weights);
    rnnp_status status = quantize(j, a);
    if (status == RNNP_ERR_ARG && c->weights == RNNP_WEIGHTS_F16) {
        attempt_close(a);
        c->weights = RNNP_WEIGHTS_F32;
        status = quantize(j, a);
    }
    TRY(cli_status(j->m.context, status));
    return attempt_run(j, a);
}

/* Widens the layer whose widening brings outputs closest to the limit, all of them together: with several outputs, no
 * single layer may change the worst one. */
static int widen_best(job *j)
{
    AUTO_ATTEMPT best = {.worst = 0};
    rnnp_weights to = RNNP_WEIGHTS_F32;
    choice *which = NULL;

    for (size_t i = 0; i < j->n_choices; i++) {
        AUTO_ATTEMPT a = {.worst = 0};
        choice *const c = &j->choices[i];
        const rnnp_weights was = c->weights;

        cli_progress("layer", (double)i, (double)j->n_choices, "layers tried");
        if (was == RNNP_WEIGHTS_F32) continue;
        TRY(widen(j, c, &a));
        if (!which || a.excess < best.excess) {
            const attempt swapped = best;

            best = a;
            a = swapped;
            which = c;
            to = c->weights;
        }
        c->weights = was;
    }
    cli_progress_end();
    if (!which) return cli_fail("--limit: the rms error is %g although all layers are f32", j->now.worst);
    const attempt swapped = j->now;
    j->now = best;
    best = swapped;
    which->weights = to;
    return CLI_OK;
}

static int search(job *j)
{
    size_t narrow = 0, floats = 0;

    for (size_t i = 0; i < j->t.n_outputs; i++) floats += j->t.outputs[i].dtype == RNNP_DTYPE_F32;
    if (!floats) return cli_fail("--limit: the model has no output of f32, whose error could be limited");
    find_choices(j);
    while (!(j->now.worst <= j->limit)) TRY(widen_best(j));
    for (size_t i = 0; i < j->n_choices; i++) narrow += j->choices[i].weights != RNNP_WEIGHTS_F32;
    return narrow ? CLI_OK : cli_fail("--limit rms=%g: every layer would have to stay f32", j->limit);
}

/* ---- The command ---- */

static int first_attempt(job *j)
{
    size_t changed = 0;

    TRY(cli_status(j->m.context, quantize(j, &j->now)));
    for (size_t i = 0; i < j->now.n_layers; i++) changed += j->now.layers[i].weights == j->weights;
    if (!j->now.n_layers) return cli_fail("%s has no layer with constant weights", j->m.path);
    if (!changed) return cli_fail("--keep leaves no layer of %s to quantise", j->m.path);
    return attempt_run(j, &j->now);
}

/* A quarter of the time each; what cannot run or stream before cannot do so after. */
static int measure_speed(job *j)
{
    const cli_model *const models[] = {&j->m, &j->now.m};
    const double seconds = j->call->seconds / 4;

    for (size_t i = 0; i < 2; i++) {
        if (!j->report.no_run) TRY(cli_time_run(j->call, models[i], seconds, &j->report.run[i], &j->report.no_run));
        if (!j->report.no_stream)
            TRY(cli_time_stream(j->call, models[i], seconds, &j->report.step[i], &j->report.no_stream));
    }
    return CLI_OK;
}

static int measure_quality(job *j)
{
    report *const r = &j->report;

    if (!j->call->labels) return CLI_OK;
    TRY(labels_read(j->call->labels, &j->t, &j->labels, &r->labelled));
    TRY(labels_measure(&j->labels, &j->t.outputs[r->labelled], &r->quality[0]));
    return labels_measure(&j->labels, &j->now.t.outputs[r->labelled], &r->quality[1]);
}

/* Writes the model, and reads what was written. */
static int write_model(const job *j)
{
    AUTO(model) *written = NULL;

    if (!j->call->output) return CLI_OK;
    TRY(cli_status(j->m.context, rnnp_onnx_write_file(j->now.m.model, j->call->output)));
    return cli_status(j->m.context, rnnp_onnx_open_file(j->m.context, j->call->output, NULL, &written));
}

static int work(job *j, difference *outputs)
{
    report *const r = &j->report;

    TRY(first_attempt(j));
    if (!isnan(j->limit)) TRY(search(j));
    TRY(measure_quality(j));
    TRY(measure_speed(j));
    TRY(write_model(j));
    for (size_t i = 0; i < j->t.n_outputs; i++) {
        rnnp_port_info port = {.struct_size = sizeof port};

        rnnp_model_output_info(j->m.model, i, &port);
        outputs[i].name = port.name;
        difference_measure(&j->t.outputs[i], &j->now.t.outputs[i], &outputs[i]);
    }
    for (size_t i = 0; i < j->now.n_layers; i++) {
        r->bytes[0] += j->now.layers[i].bytes_before;
        r->bytes[1] += j->now.layers[i].bytes_after;
    }
    (j->call->json ? report_json : report_text)(r);
    return CLI_OK;
}

static void job_close(job *j)
{
    attempt_close(&j->now);
    for (size_t i = 0; i < j->n_choices; i++) free(j->choices[i].pattern);
    free(j->choices);
    free(j->labels.data);
    free(j->report.no_run);
    free(j->report.no_stream);
    cli_tensors_destroy(&j->t);
    cli_model_close(&j->m);
}

int cli_quantize(const cli_call *call)
{
    __attribute__((cleanup(job_close))) job j = {.call = call};

    TRY(read_options(&j));
    TRY(cli_model_open(&j.m, call, 0));
    TRY(difference_inputs(call, &j.m, &j.t));
    TRY(difference_run(&j.m, &j.t, &j.t));
    FREED difference *outputs = cli_alloc(j.t.n_outputs, sizeof *outputs);
    j.report = (report){.call = call,
                        .before = &j.m,
                        .after = &j.now,
                        .outputs = outputs,
                        .n_outputs = j.t.n_outputs,
                        .weights = j.weights,
                        .limit = j.limit};
    return work(&j, outputs);
}
