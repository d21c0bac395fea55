/* SPDX-License-Identifier: Apache-2.0
 *
 * How far the outputs of a model moved, and what that does to decisions.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "difference.h"
#include "npy.h"
#include "rnnpack/metrics.h"

/* ---- Inputs and outputs ---- */

static int read_input(const char *path, const rnnp_port_info *port, rnnp_tensor *to)
{
    char message[NPY_MESSAGE];

    if (!npy_read(path, to, message)) return cli_fail("%s", message);
    if (to->dtype == port->dtype) return CLI_OK;
    return cli_fail("%s holds %s but input '%s' is %s", path, rnnp_dtype_name(to->dtype), port->name,
                    rnnp_dtype_name(port->dtype));
}

int difference_inputs(const cli_call *call, const cli_model *m, cli_tensors *t)
{
    const size_t n = call->arrays.n;

    cli_tensors_create(t, m->model);
    if (n == 0) {
        cli_tensors_shape(t, m->model, call->batch, call->steps);
        cli_tensors_fill(t, m->model);
        return CLI_OK;
    }
    if (n != t->n_inputs)
        return cli_fail("the model has %zu inputs, and --data names %zu files: give one for each", t->n_inputs, n);
    for (size_t i = 0; i < n; i++) {
        rnnp_port_info port = {.struct_size = sizeof port};

        rnnp_model_input_info(m->model, i, &port);
        TRY(read_input(call->arrays.at[i].value, &port, &t->inputs[i]));
    }
    return CLI_OK;
}

int difference_run(const cli_model *m, const cli_tensors *in, cli_tensors *out)
{
    AUTO(run) *run = NULL;

    TRY(cli_status(m->context, rnnp_run_create(m->plan, in->inputs, in->n_inputs, &run)));
    TRY(cli_tensors_outputs(out, m, run));
    return cli_status(m->context, rnnp_run_execute(run, in->inputs, in->n_inputs, out->outputs, out->n_outputs));
}

/* ---- Errors ---- */

static double distance(float a, float b)
{
    const double d = fabs((double)a - (double)b);

    if (a == b || (isnan(a) && isnan(b))) return 0; /* infinities too */
    return isnan(d) ? INFINITY : d;
}

double difference_rms(const rnnp_tensor *before, const rnnp_tensor *after)
{
    const float *a = before->data, *b = after->data;
    const size_t n = rnnp_tensor_elements(before);
    double sum = 0;

    if (before->dtype != RNNP_DTYPE_F32 || n == 0) return 0;
    for (size_t i = 0; i < n; i++) sum += distance(a[i], b[i]) * distance(a[i], b[i]);
    return sqrt(sum / (double)n);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t largest(const float *row, size_t n)
{
    size_t at = 0;

    for (size_t i = 1; i < n; i++)
        if (row[i] > row[at]) at = i;
    return at;
}

/* Scores of classes have a last axis for them. */
static size_t classes_of(const rnnp_tensor *t)
{
    const size_t last = t->rank > 1 && t->dtype == RNNP_DTYPE_F32 ? (size_t)t->shape[t->rank - 1] : 0;
    return last > 1 ? last : 0;
}

void difference_measure(const rnnp_tensor *before, const rnnp_tensor *after, difference *d)
{
    const size_t n = d->n = rnnp_tensor_elements(before), classes = classes_of(before);
    const size_t bytes = rnnp_dtype_bytes(before->dtype);

    if (before->dtype != RNNP_DTYPE_F32) {
        d->decisions = n;
        for (size_t i = 0; i < n; i++)
            d->changed += memcmp((char *)before->data + i * bytes, (char *)after->data + i * bytes, bytes) != 0;
        return;
    }
    const float *a = before->data, *b = after->data;
    FREED double *sorted = cli_alloc(n, sizeof *sorted);
    for (size_t i = 0; i < n; i++) sorted[i] = distance(a[i], b[i]);
    qsort(sorted, n, sizeof *sorted, ascending);
    d->rms = difference_rms(before, after);
    d->q999 = n ? sorted[(size_t)ceil(0.999 * (double)n) - 1] : 0;
    d->max = n ? sorted[n - 1] : 0;
    d->decisions = classes ? n / classes : 0;
    for (size_t r = 0; r < d->decisions; r++)
        d->changed += largest(a + r * classes, classes) != largest(b + r * classes, classes);
}

/* ---- Labels ---- */

/* -1 for what is no class. */
static int64_t label_at(const rnnp_tensor *t, size_t i)
{
    switch ((int)t->dtype) {
    case RNNP_DTYPE_I32: return ((const int32_t *)t->data)[i];
    case RNNP_DTYPE_I64: return ((const int64_t *)t->data)[i];
    case RNNP_DTYPE_BOOL:
    case RNNP_DTYPE_U8: return ((const uint8_t *)t->data)[i];
    default: return -1;
    }
}

/* How many classes an output scores for n rows: a single score of a row is that of class 1. 0: it does not. */
static size_t scored(const rnnp_tensor *t, size_t n)
{
    const size_t classes = classes_of(t), all = rnnp_tensor_elements(t);

    if (t->dtype != RNNP_DTYPE_F32 || n == 0) return 0;
    return classes && all / classes == n ? classes : all == n ? 2 : 0;
}

int labels_read(const char *path, const cli_tensors *outputs, rnnp_tensor *labels, size_t *output)
{
    char message[NPY_MESSAGE];

    if (!npy_read(path, labels, message)) return cli_fail("%s", message);
    const size_t n = rnnp_tensor_elements(labels);
    for (*output = 0; *output < outputs->n_outputs; (*output)++) {
        const size_t classes = scored(&outputs->outputs[*output], n);

        if (!classes) continue;
        for (size_t i = 0; i < n; i++)
            if (label_at(labels, i) < 0 || label_at(labels, i) >= (int64_t)classes)
                return cli_fail("%s: label %zu is no whole number from 0 to %zu, the classes of the output", path,
                                i + 1, classes - 1);
        return CLI_OK;
    }
    return cli_fail("%s has %zu labels, and no output of f32 has scores of as many rows", path, n);
}

int labels_measure(const rnnp_tensor *labels, const rnnp_tensor *scores, quality *q)
{
    const size_t n = rnnp_tensor_elements(labels), classes = scored(scores, n), all = rnnp_tensor_elements(scores);
    FREED int32_t *truth = cli_alloc(n, sizeof *truth);
    FREED float *p = cli_alloc(n * classes, sizeof *p), *score = cli_alloc(n, sizeof *score);
    FREED double *counts = cli_alloc(classes * classes, sizeof *counts);
    FREED size_t *scratch = cli_alloc(2 * n, sizeof *scratch);
    rnnp_summary_metrics summary = {.struct_size = sizeof summary};
    const float *y = scores->data;
    int probabilities = 1;
    double precision;

    for (size_t i = 0; i < n; i++) truth[i] = (int32_t)label_at(labels, i);
    for (size_t i = 0; i < all; i++) probabilities &= y[i] >= 0 && y[i] <= 1;
    if (all > n) memcpy(p, y, all * sizeof *p);
    for (size_t i = 0; i < n && all == n; i++) p[2 * i] = probabilities ? 1 - y[i] : 0, p[2 * i + 1] = y[i];
    for (size_t i = 0; i < n && classes == 2; i++) score[i] = probabilities ? p[2 * i + 1] : p[2 * i + 1] - p[2 * i];
    *q = (quality){NAN, NAN};
    if (rnnp_metrics_confusion(n, classes, p, truth, NULL, counts) != RNNP_OK ||
        rnnp_metrics_classes(classes, counts, NULL, &summary) != RNNP_OK)
        return cli_fail("the model's output is not a number");
    q->accuracy = summary.accuracy;
    if (classes == 2 &&
        rnnp_metrics_ranking(n, score, truth, NULL, scratch, &q->auc, &precision, NULL, NULL) != RNNP_OK)
        q->auc = NAN; /* of a single class */
    return CLI_OK;
}
