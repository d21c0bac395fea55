/* SPDX-License-Identifier: Apache-2.0
 *
 * What rnnpack quantize prints.
 */
#include <math.h>
#include <stdio.h>

#include "quantize_report.h"

static int is_moved(const rnnp_quantized_layer *layer) { return layer->bytes_before != layer->bytes_after; }

/* ---- Text ---- */

static void text_speed(const char *what, const cli_timing *before, const cli_timing *after, const char *why_not)
{
    if (why_not)
        printf("%-12s not possible: %s\n", what, cli_plain(why_not));
    else
        printf("%-12s median %.3f us -> %.3f us, %.2f times as fast\n", what, 1e6 * before->median, 1e6 * after->median,
               before->median / after->median);
}

static void text_layers(const attempt *a)
{
    printf("\n%-24s %-8s %-5s %10s  %10s  %10s  %9s  %9s\n", "layer", "operator", "now", "parameters", "before",
           "after", "rms error", "max error");
    for (size_t i = 0; i < a->n_layers; i++) {
        const rnnp_quantized_layer *const l = &a->layers[i];

        printf("%-24s %-8s %-5s %10zu  %10s  %10s  ", cli_plain(l->name), cli_plain(l->op),
               rnnp_weights_name(l->weights), l->parameters, cli_bytes((double)l->bytes_before),
               cli_bytes((double)l->bytes_after));
        if (is_moved(l))
            printf("%9.2e  %9.2e\n", l->rms_error, l->max_error);
        else
            printf("%9s  %9s\n", "-", "-");
    }
    printf("Errors of weights are relative: to the root mean square of the layer's weights, and to the largest.\n");
}

static void text_outputs(const report *r)
{
    if (r->call->arrays.n)
        printf("\nerrors of outputs on the given data\n");
    else
        printf("\nerrors of outputs on pseudo-random inputs, batch %zu, %zu steps; yours may differ: give --data\n",
               r->call->batch, r->call->steps);
    printf("%-24s %9s  %9s  %9s  %s\n", "output", "rms", "99.9 %", "maximum", "decisions that changed");
    for (size_t i = 0; i < r->n_outputs; i++) {
        const difference *const d = &r->outputs[i];

        printf("%-24s %9.2e  %9.2e  %9.2e  ", cli_plain(d->name), d->rms, d->q999, d->max);
        if (d->decisions)
            printf("%zu of %zu\n", d->changed, d->decisions);
        else
            printf("-\n");
    }
}

static void text_quality(const report *r)
{
    const quality *const q = r->quality;

    if (!r->call->labels) return;
    printf("%-12s output %s: accuracy %.4f -> %.4f", "labels", cli_plain(r->outputs[r->labelled].name), q[0].accuracy,
           q[1].accuracy);
    if (!isnan(q[0].auc)) printf(", ROC AUC %.4f -> %.4f", q[0].auc, q[1].auc);
    putchar('\n');
}

static void text_limit(const report *r)
{
    size_t wide = 0;

    if (isnan(r->limit)) return;
    printf("%-12s rms %.2e of at most %.2e; in another format than %s:", "limit", r->after->worst, r->limit,
           rnnp_weights_name(r->weights));
    for (size_t i = 0; i < r->after->n_layers; i++) {
        const rnnp_quantized_layer *const l = &r->after->layers[i];

        if (l->weights != r->weights)
            printf("%s %s (%s)", wide++ ? "," : "", cli_plain(l->name), rnnp_weights_name(l->weights));
    }
    printf("%s\n", wide ? "" : " no layer");
}

void report_text(const report *r)
{
    printf("%-12s %s\n", "model", cli_plain(r->before->path));
    printf("%-12s %s -> %s (%s), %.2f times smaller\n", "weights", cli_bytes((double)r->bytes[0]),
           cli_bytes((double)r->bytes[1]), rnnp_weights_name(r->weights), (double)r->bytes[0] / (double)r->bytes[1]);
    text_speed("run", &r->run[0], &r->run[1], r->no_run);
    text_speed("stream step", &r->step[0], &r->step[1], r->no_stream);
    text_layers(r->after);
    text_outputs(r);
    text_quality(r);
    text_limit(r);
    if (r->call->output)
        printf("%-12s %s\n", "written", cli_plain(r->call->output));
    else
        printf("nothing was written: give -o FILE.onnx\n");
}

/* ---- JSON ---- */

static void json_speed(json *j, const char *key, const cli_timing *times, const char *why_key, const char *why_not)
{
    if (why_not) {
        json_put(j, TEXT(key, NULL), TEXT(why_key, why_not));
        return;
    }
    json_object(j, key);
    cli_timing_json(j, "before", &times[0]);
    cli_timing_json(j, "after", &times[1]);
    json_close(j);
}

static void json_layers(json *j, const attempt *a)
{
    json_array(j, "layers");
    for (size_t i = 0; i < a->n_layers; i++) {
        const rnnp_quantized_layer *const l = &a->layers[i];

        json_flat(j, NULL, TEXT("name", l->name), TEXT("op", l->op), TEXT("weights", rnnp_weights_name(l->weights)),
                  INT("parameters", l->parameters), INT("bytes_before", l->bytes_before),
                  INT("bytes_after", l->bytes_after), REAL("rms_error", l->rms_error), REAL("max_error", l->max_error));
    }
    json_close(j);
}

static void json_outputs(json *j, const report *r)
{
    json_array(j, "outputs");
    for (size_t i = 0; i < r->n_outputs; i++) {
        const difference *const d = &r->outputs[i];

        json_flat(j, NULL, TEXT("name", d->name), INT("elements", d->n), REAL("rms", d->rms), REAL("q999", d->q999),
                  REAL("max", d->max), INT("decisions", d->decisions), INT("changed", d->changed));
    }
    json_close(j);
}

static void json_quality(json *j, const report *r)
{
    if (!r->call->labels) return;
    json_object(j, "labels");
    json_put(j, TEXT("output", r->outputs[r->labelled].name));
    for (size_t i = 0; i < 2; i++)
        json_flat(j, i ? "after" : "before", REAL("accuracy", r->quality[i].accuracy),
                  REAL("roc_auc", r->quality[i].auc));
    json_close(j);
}

void report_json(const report *r)
{
    json j = {0};

    json_object(&j, NULL);
    json_put(&j, TEXT("model", r->before->path), TEXT("written", r->call->output),
             TEXT("weights", rnnp_weights_name(r->weights)), INT("weight_bytes_before", r->bytes[0]),
             INT("weight_bytes_after", r->bytes[1]), INT("batch", r->call->batch), INT("steps", r->call->steps));
    json_speed(&j, "run", r->run, "no_run", r->no_run);
    json_speed(&j, "stream_step", r->step, "no_stream", r->no_stream);
    json_layers(&j, r->after);
    json_put(&j, TEXT("inputs", r->call->arrays.n ? "data" : "random"));
    json_outputs(&j, r);
    json_quality(&j, r);
    if (!isnan(r->limit)) json_flat(&j, "limit", REAL("rms", r->limit), REAL("reached", r->after->worst));
    json_end(&j);
}
