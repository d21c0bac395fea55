/* SPDX-License-Identifier: Apache-2.0 */
#include "training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { X, LENGTHS, TARGET, WEIGHTS };

static void *room_for(batch *b, int which, size_t n, size_t size)
{
    cli_grow(&b->memory[which], &b->room[which], n * size + 1, 1);
    return b->memory[which];
}

size_t batch_steps(const train_config *config, const dataset *set, uint32_t row)
{
    const size_t steps = dataset_steps(set, row), ahead = config->target == TARGET_NEXT ? config->horizon : 0;
    return steps > ahead ? steps - ahead : 0;
}

/* Some of a batch's sequences: [from, to) of n. */
typedef struct part {
    size_t n, from, to;
} part;

const void *batch_row(const batch *b, const dataset *set, const uint32_t *rows, size_t r)
{
    return b->at ? b->at[r] : dataset_at(set, rows[r]);
}

/* Steps that start `ahead` into each sequence of the part, as [steps][n][features], zeros past the end. */
static void fill_steps(const batch *b, const train_config *config, const dataset *set, const uint32_t *rows, part which,
                       size_t ahead, float *x)
{
    const size_t F = set->features, n = which.n;
    for (size_t t = 0; t < b->steps && which.from < which.to; t++)
        memset(x + (t * n + which.from) * F, 0, (which.to - which.from) * F * sizeof *x);
    for (size_t r = which.from; r < which.to; r++) {
        const float *from = batch_row(b, set, rows, r);
        for (size_t t = 0; t < batch_steps(config, set, rows[r]); t++)
            memcpy(x + (t * n + r) * F, from + (ahead + t) * F, F * sizeof *x);
    }
}

/* The sequences whose x is wanted. */
static part wanted(const batch *b, size_t n) { return b->to ? (part){n, b->from, b->to} : (part){n, 0, n}; }

static void fill_x(batch *b, const train_config *config, const dataset *set, const uint32_t *rows, size_t n)
{
    const size_t width = set->tokens ? 1 : set->features;
    void *x = room_for(b, X, b->steps * n * width, sizeof(float));
    b->inputs[0] = (rnnp_tensor){set->tokens ? RNNP_DTYPE_I32 : RNNP_DTYPE_F32,
                                 set->tokens ? 2 : 3,
                                 {(int64_t)b->steps, (int64_t)n, (int64_t)width},
                                 .data = x};
    if (!set->tokens) {
        fill_steps(b, config, set, rows, wanted(b, n), 0, x);
        return;
    }
    memset(x, 0, b->steps * n * sizeof(int32_t));
    for (size_t r = wanted(b, n).from; r < wanted(b, n).to; r++) {
        const int32_t *tokens = batch_row(b, set, rows, r);
        for (size_t t = 0; t < dataset_steps(set, rows[r]); t++) ((int32_t *)x)[t * n + r] = tokens[t];
    }
}

static void fill_lengths(batch *b, const train_config *config, const dataset *set, const uint32_t *rows, size_t n)
{
    int32_t *lengths = room_for(b, LENGTHS, n, sizeof *lengths);
    for (size_t r = 0; r < n; r++) lengths[r] = (int32_t)batch_steps(config, set, rows[r]);
    b->inputs[b->n_inputs++] = (rnnp_tensor){RNNP_DTYPE_I32, 1, {(int64_t)n}, .data = lengths};
}

static void fill_labels(batch *b, const train_config *config, const dataset *set, const uint32_t *rows, size_t n)
{
    const int binary = config->options.loss == RNNP_LOSS_BINARY, cross = config->options.loss == RNNP_LOSS_CROSS;
    const size_t width = cross ? set->classes : 1;
    void *target = room_for(b, TARGET, n * width, sizeof(float));
    memset(target, 0, n * width * sizeof(float));
    for (size_t r = 0; r < n; r++) {
        const int32_t label = set->label[rows[r]];
        if (cross)
            ((float *)target)[r * width + (size_t)label] = 1.0f;
        else if (binary)
            ((float *)target)[r] = (float)label;
        else
            ((int32_t *)target)[r] = label;
    }
    b->target = (rnnp_tensor){binary || cross ? RNNP_DTYPE_F32 : RNNP_DTYPE_I32,
                              binary || cross ? 2 : 1,
                              {(int64_t)n, (int64_t)width},
                              .data = target};
}

/* Classes of steps, and weights 0 where there is none. */
static void fill_step_labels(batch *b, const train_config *config, const dataset *set, const uint32_t *rows, size_t n)
{
    const int binary = config->options.loss == RNNP_LOSS_BINARY, cross = config->options.loss == RNNP_LOSS_CROSS;
    const size_t width = cross ? set->classes : 1, items = b->steps * n;
    void *target = room_for(b, TARGET, items * width, sizeof(float));
    float *weights = room_for(b, WEIGHTS, items, sizeof *weights);
    memset(target, 0, items * width * sizeof(float));
    memset(weights, 0, items * sizeof *weights);
    for (size_t r = 0; r < n; r++)
        for (size_t t = 0; set->step_label && t < dataset_steps(set, rows[r]); t++) {
            const size_t item = t * n + r;
            const int32_t label = set->step_label[set->first[rows[r]] + t];
            if (label < 0) continue;
            weights[item] = 1.0f;
            b->known = 1;
            if (cross)
                ((float *)target)[item * width + (size_t)label] = 1.0f;
            else if (binary)
                ((float *)target)[item] = (float)label;
            else
                ((int32_t *)target)[item] = label;
        }
    const int64_t steps = (int64_t)b->steps, batch_rows = (int64_t)n;
    b->target = (rnnp_tensor){binary || cross ? RNNP_DTYPE_F32 : RNNP_DTYPE_I32,
                              binary || cross ? 3 : 2,
                              {steps, batch_rows, (int64_t)width},
                              .data = target};
    b->weights = (rnnp_tensor){RNNP_DTYPE_F32, binary ? 3 : 2, {steps, batch_rows, 1}, .data = weights};
    b->has_weights = 1;
}

/* Columns of targets, and weights 0 where one is missing. Values are scaled. */
static void fill_columns(batch *b, const network *net, const dataset *set, const uint32_t *rows, size_t n)
{
    const size_t T = set->targets;
    float *target = room_for(b, TARGET, n * T, sizeof *target);
    float *weights = room_for(b, WEIGHTS, n * T, sizeof *weights);
    for (size_t r = 0; r < n; r++)
        for (size_t k = 0; k < T; k++) {
            const float y = set->y ? set->y[rows[r] * T + k] : NAN;
            float *const t = &target[r * T + k], *const w = &weights[r * T + k];
            *w = isnan(y) ? 0.0f : net->label_weights ? net->label_weights[2 * k + (y > 0)] : 1.0f;
            *t = isnan(y) ? 0.0f : net->target_means ? (y - net->target_means[k]) / net->target_deviations[k] : y;
            b->known |= *w > 0;
        }
    b->target = (rnnp_tensor){RNNP_DTYPE_F32, 2, {(int64_t)n, (int64_t)T}, .data = target};
    b->weights = (rnnp_tensor){RNNP_DTYPE_F32, 2, {(int64_t)n, (int64_t)T}, .data = weights};
    b->has_weights = 1;
}

/* The numbers to be forecast or rebuilt, and weights 0 past the end of a sequence. Of sequences whose x is not wanted
 * the weights alone count. */
static void fill_numbers(batch *b, const train_config *config, const dataset *set, const uint32_t *rows, size_t n)
{
    const size_t ahead = config->target == TARGET_NEXT ? config->horizon : 0;
    float *target = room_for(b, TARGET, b->steps * n * set->features, sizeof *target);
    float *weights = room_for(b, WEIGHTS, b->steps * n, sizeof *weights);
    const part which = wanted(b, n);
    if (which.to - which.from < n) memset(target, 0, b->steps * n * set->features * sizeof *target);
    fill_steps(b, config, set, rows, which, ahead, target);
    for (size_t t = 0; t < b->steps; t++)
        for (size_t r = 0; r < n; r++) weights[t * n + r] = t < batch_steps(config, set, rows[r]);
    b->target =
        (rnnp_tensor){RNNP_DTYPE_F32, 3, {(int64_t)b->steps, (int64_t)n, (int64_t)set->features}, .data = target};
    b->weights = (rnnp_tensor){RNNP_DTYPE_F32, 2, {(int64_t)b->steps, (int64_t)n}, .data = weights};
    b->has_weights = 1;
}

int batch_measure(batch *b, const train_config *config, const network *net, const dataset *set, const uint32_t *rows,
                  size_t n)
{
    b->rows = n;
    b->steps = 1;
    b->n_inputs = 1;
    b->has_weights = 0;
    b->known = target_is_input(config->target) || (config->target == TARGET_LABEL && set->label);
    for (size_t r = 0; r < n; r++) {
        const size_t steps = batch_steps(config, set, rows[r]);
        if (!steps && !net->lengths)
            return cli_fail("sequence %zu has no steps, and the model has no input for lengths", (size_t)rows[r] + 1);
        b->steps = steps > b->steps ? steps : b->steps;
    }
    return CLI_OK;
}

int batch_fill(batch *b, const train_config *config, const network *net, const dataset *set, const uint32_t *rows,
               size_t n)
{
    TRY(batch_measure(b, config, net, set, rows, n));
    fill_x(b, config, set, rows, n);
    if (net->lengths) fill_lengths(b, config, set, rows, n);
    if (target_is_input(config->target))
        fill_numbers(b, config, set, rows, n);
    else if (target_has_columns(config->target))
        fill_columns(b, net, set, rows, n);
    else if (config->target == TARGET_STEP_LABEL)
        fill_step_labels(b, config, set, rows, n);
    else if (set->label)
        fill_labels(b, config, set, rows, n);
    return CLI_OK;
}

void batch_free(batch *b)
{
    for (size_t i = 0; i < COUNT(b->memory); i++) free(b->memory[i]);
    *b = (batch){0};
}
