/* SPDX-License-Identifier: Apache-2.0
 *
 * What is to be explained: arrays, the rows of them, and baselines.
 */
#include "attribute.h"
#include "npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROWS = 10 };

/* ---- Where things are ---- */

static int is_f32(const rnnp_tensor *t) { return t->dtype == RNNP_DTYPE_F32; }

/* As rnnp_attribution_options.time_axis says. */
static int find_time(const reasons *r, const rnnp_port_info *port, int rows)
{
    const int rank = (int)port->rank;
    if (r->time_axis) return r->time_axis <= rank && r->time_axis - 1 != rows ? r->time_axis - 1 : -1;
    for (int d = 0; d < rank; d++)
        if (d != rows && port->shape[d] == RNNP_DYNAMIC) return d;
    return rank < 3 ? -1 : rows == 0 ? 1 : 0;
}

void reasons_find_axes(reasons *r)
{
    r->batch = "batch";
    for (size_t i = r->t.n_inputs; i-- > 0;) {
        rnnp_port_info port = {.struct_size = sizeof port};
        rnnp_model_input_info(r->model, i, &port);
        for (size_t d = port.rank; d-- > 0;)
            if (cli_names_batch(port.symbol[d])) r->batch = port.symbol[d];
    }
    for (size_t i = r->t.n_inputs; i-- > 0;) {
        rnnp_port_info port = {.struct_size = sizeof port};
        const rnnp_tensor *t = &r->t.inputs[i];
        input_axes *a = &r->axes[i];
        rnnp_model_input_info(r->model, i, &port);
        *a = (input_axes){.rows = -1, .time = -1, .steps = 1, .channels = 1};
        for (size_t d = 0; d < port.rank; d++)
            if (port.symbol[d] && strcmp(port.symbol[d], r->batch) == 0) a->rows = (int)d;
        a->time = find_time(r, &port, a->rows);
        for (int d = 0; d < (int)t->rank; d++) {
            if (d == a->time) a->steps = (size_t)t->shape[d];
            if (d != a->time && d != a->rows) a->channels *= (size_t)t->shape[d];
        }
        a->attributed = is_f32(t) && a->rows >= 0;
        if (a->attributed) r->main = i;
    }
    r->rows =
        r->t.n_inputs && r->axes[r->main].rows >= 0 ? (size_t)r->t.inputs[r->main].shape[r->axes[r->main].rows] : 0;
}

/* ---- Files ---- */

/* An input of whole numbers that has rows alone counts steps. */
static void find_lengths(reasons *r)
{
    for (size_t i = 0; i < r->t.n_inputs; i++) {
        const rnnp_tensor *t = &r->t.inputs[i];
        if (r->axes[i].rows != 0 || t->rank != 1 || (t->dtype != RNNP_DTYPE_I32 && t->dtype != RNNP_DTYPE_I64))
            continue;
        r->lengths = cli_alloc(r->rows, sizeof *r->lengths);
        for (size_t k = 0; k < r->rows; k++) {
            const int64_t n =
                t->dtype == RNNP_DTYPE_I32 ? ((const int32_t *)t->data)[k] : ((const int64_t *)t->data)[k];
            r->lengths[k] = n < 0 || n > INT32_MAX ? 0 : (int32_t)n; /* which the model will refuse */
        }
        return;
    }
}

int reasons_read(reasons *r, const cli_call *call)
{
    char message[NPY_MESSAGE];
    cli_tensors_create(&r->t, r->model);
    r->axes = cli_alloc(r->t.n_inputs, sizeof *r->axes);
    if (call->arrays.n != r->t.n_inputs)
        return cli_fail("the model has %zu input%s, but --data is given %zu time%s", r->t.n_inputs,
                        r->t.n_inputs == 1 ? "" : "s", call->arrays.n, call->arrays.n == 1 ? "" : "s");
    for (size_t i = 0; i < r->t.n_inputs; i++) {
        const char *const path = call->arrays.at[i].value;
        rnnp_port_info port = {.struct_size = sizeof port};
        rnnp_model_input_info(r->model, i, &port);
        if (!npy_read(path, &r->t.inputs[i], message)) return cli_fail("%s", message);
        if (r->t.inputs[i].dtype != port.dtype || r->t.inputs[i].rank != port.rank)
            return cli_fail("%s holds %s %s but input '%s' is %s %s", path, rnnp_dtype_name(r->t.inputs[i].dtype),
                            cli_shape(r->t.inputs[i].rank, r->t.inputs[i].shape, NULL), port.name,
                            rnnp_dtype_name(port.dtype), cli_shape(port.rank, port.shape, port.symbol));
    }
    reasons_find_axes(r);
    for (size_t i = 0; i < r->t.n_inputs; i++) /* the library says it too, but rows are chosen before that */
        if (r->axes[i].rows >= 0 && (size_t)r->t.inputs[i].shape[r->axes[i].rows] != r->rows)
            return cli_fail("%s has %lld rows, %s has %zu", call->arrays.at[i].value,
                            (long long)r->t.inputs[i].shape[r->axes[i].rows], call->arrays.at[r->main].value, r->rows);
    find_lengths(r);
    return CLI_OK;
}

/* ---- Rows ---- */

static void take_tensor(rnnp_tensor *t, int axis, const size_t *rows, size_t n)
{
    const size_t all = (size_t)t->shape[axis];
    size_t blocks = 1, bytes = rnnp_dtype_bytes(t->dtype);
    for (int d = 0; d < (int)t->rank; d++) {
        if (d < axis) blocks *= (size_t)t->shape[d];
        if (d > axis) bytes *= (size_t)t->shape[d];
    }
    char *taken = cli_alloc(blocks * n + 1, bytes);
    for (size_t b = 0; b < blocks; b++)
        for (size_t k = 0; k < n && bytes; k++)
            memcpy(taken + (b * n + k) * bytes, (char *)t->data + (b * all + rows[k]) * bytes, bytes);
    free(t->data);
    t->data = taken;
    t->shape[axis] = (int64_t)n;
}

static int parse_rows(const reasons *r, char *text, size_t *rows, size_t room, size_t *n)
{
    for (char *word = strtok(text, ","); word; word = strtok(NULL, ",")) {
        size_t from = r->rows, to = 0;
        char rest;
        for (size_t k = 0; r->ids && k < r->rows; k++)
            if (r->ids[k] && strcmp(r->ids[k], word) == 0 && from == r->rows) from = to = k;
        if (from == r->rows && sscanf(word, "%zu-%zu%c", &from, &to, &rest) != 2) {
            if (sscanf(word, "%zu%c", &from, &rest) != 1) return cli_fail("--rows: there is no row '%s'", word);
            to = from;
        }
        if (from > to || to >= r->rows)
            return cli_fail("--rows: '%s' is not within the %zu rows, which count from 0", word, r->rows);
        for (; from <= to; from++) {
            if (*n == room) return cli_fail("--rows: more rows are named than there are");
            rows[(*n)++] = from;
        }
    }
    return *n ? CLI_OK : cli_fail("--rows names no row");
}

int reasons_choose(reasons *r, const char *text)
{
    const int all = text && strcmp(text, "all") == 0;
    FREED size_t *rows = cli_alloc(r->rows, sizeof *rows);
    FREED char *copy = cli_copy(text ? text : "");
    size_t n = 0;
    if (r->rows == 0) return cli_fail("the data have no rows");
    if (text && !all)
        TRY(parse_rows(r, copy, rows, r->rows, &n));
    else
        for (; n < r->rows && (all || n < FIRST_ROWS); n++) rows[n] = n;
    for (size_t i = 0; i < r->t.n_inputs; i++)
        if (r->axes[i].rows >= 0) take_tensor(&r->t.inputs[i], r->axes[i].rows, rows, n);
    int32_t *lengths = cli_alloc(n, sizeof *lengths);
    char **ids = cli_alloc(n, sizeof *ids);
    double *time = r->time ? cli_alloc(n * r->axes[r->main].steps + 1, sizeof *time) : NULL;
    for (size_t k = 0; k < n; k++) {
        if (r->lengths) lengths[k] = r->lengths[rows[k]];
        if (r->ids && r->ids[rows[k]]) ids[k] = cli_copy(r->ids[rows[k]]);
        if (time)
            memcpy(time + k * r->axes[r->main].steps, r->time + rows[k] * r->axes[r->main].steps,
                   r->axes[r->main].steps * sizeof *time);
    }
    for (size_t k = 0; r->ids && k < r->rows; k++) free(r->ids[k]);
    free(r->ids);
    free(r->time);
    if (r->lengths) {
        free(r->lengths);
        r->lengths = lengths;
    } else {
        free(lengths);
    }
    r->ids = ids;
    r->time = time;
    r->rows = n;
    r->number = cli_alloc(n, sizeof *r->number);
    memcpy(r->number, rows, n * sizeof *rows);
    return CLI_OK;
}

/* ---- Baselines ---- */

/* Of each channel, over all rows and those steps that count. */
static void set_mean(reasons *r)
{
    const input_axes *a = &r->axes[r->main];
    const rnnp_tensor *x = &r->t.inputs[r->main];
    rnnp_tensor *b = &r->baselines[r->main];
    *b = *x;
    b->shape[a->rows] = 1;
    float *to = b->data = cli_tensor_alloc(b);
    for (size_t c = 0; c < a->channels; c++) {
        double sum = 0, n = 0;
        for (size_t row = 0; row < r->rows; row++)
            for (size_t t = 0; t < reasons_steps(r, r->main, row); t++, n++)
                sum += (double)((const float *)x->data)[reasons_place(r, r->main, x, row, t, c)];
        for (size_t t = 0; t < a->steps; t++) to[reasons_place(r, r->main, b, 0, t, c)] = (float)(n > 0 ? sum / n : 0);
    }
}

static int read_baseline(reasons *r, const char *text)
{
    char message[NPY_MESSAGE], rest;
    FREED char *path = cli_copy(text);
    char *colon = strrchr(path, ':');
    size_t row = 0;
    rnnp_tensor *b = &r->baselines[r->main];
    const int axis = r->axes[r->main].rows;
    if (colon && sscanf(colon + 1, "%zu%c", &row, &rest) == 1)
        *colon = '\0';
    else
        colon = NULL;
    if (!npy_read(path, b, message)) return cli_fail("--baseline: %s (or zero, or mean)", message);
    if (!is_f32(b) || b->rank != r->t.inputs[r->main].rank)
        return cli_fail("--baseline: %s holds %s %s, the input %s %s", path, rnnp_dtype_name(b->dtype),
                        cli_shape(b->rank, b->shape, NULL), rnnp_dtype_name(r->t.inputs[r->main].dtype),
                        cli_shape(r->t.inputs[r->main].rank, r->t.inputs[r->main].shape, NULL));
    if (!colon && b->shape[axis] != 1)
        return cli_fail("--baseline: %s has %lld rows; say which one: %s:ROW", path, (long long)b->shape[axis], path);
    if (row >= (size_t)b->shape[axis])
        return cli_fail("--baseline: %s has no row %zu; it has %lld", path, row, (long long)b->shape[axis]);
    take_tensor(b, axis, &row, 1);
    return CLI_OK;
}

int reasons_set_baseline(reasons *r, const char *text)
{
    r->baselines = cli_alloc(r->t.n_inputs, sizeof *r->baselines);
    if (!r->t.n_inputs || !r->axes[r->main].attributed || strcmp(text, "zero") == 0) return CLI_OK;
    if (strcmp(text, "mean") != 0) return read_baseline(r, text);
    set_mean(r);
    return CLI_OK;
}

/* ---- Columns of several channels ---- */

/* [..][channels] becomes [..][n_merged]. */
static void merge_tensor(const reasons *r, rnnp_tensor *t, size_t rows, int values)
{
    const size_t C = r->axes[r->main].channels, M = r->n_merged;
    const float *from = t->data;
    if (!from) return;
    float *to = cli_alloc(rows * M + 1, sizeof *to);
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < C; c++) to[i * M + r->merged[c]] += from[i * C + c] * (values ? r->part[c] : 1.0f);
    free(t->data);
    t->data = to;
    if (t->rank) t->shape[t->rank - 1] = (int64_t)M;
}

void reasons_merge(reasons *r)
{
    input_axes *a = &r->axes[r->main];
    rnnp_tensor *baseline = &r->baselines[r->main];
    if (!r->merged) return;
    merge_tensor(r, &r->t.inputs[r->main], a->steps * r->rows, 1);
    merge_tensor(r, baseline, a->steps, 1);
    for (size_t m = 0; m < r->n_methods; m++) merge_tensor(r, &r->a[m][r->main], a->steps * r->rows, 0);
    cli_free_texts(r->channels, r->n_channels);
    r->channels = r->columns;
    r->columns = NULL;
    a->channels = r->n_channels = r->n_merged;
}

void reasons_close(reasons *r)
{
    for (size_t m = 0; m < ATTRIBUTE_METHODS; m++) {
        for (size_t i = 0; r->a[m] && i < r->t.n_inputs; i++) free(r->a[m][i].data);
        free(r->a[m]);
        free(r->found[m]);
    }
    for (size_t i = 0; r->baselines && i < r->t.n_inputs; i++) free(r->baselines[i].data);
    free(r->baselines);
    free(r->axes);
    free(r->number);
    free(r->lengths);
    free(r->merged);
    free(r->part);
    cli_free_texts(r->columns, r->n_merged);
    free(r->time);
    cli_free_texts(r->ids, r->rows);
    cli_free_texts(r->channels, r->n_channels);
    cli_free_texts(r->classes, r->n_classes);
    cli_tensors_destroy(&r->t);
    rnnp_model_destroy(r->model);
    rnnp_context_destroy(r->context);
}
