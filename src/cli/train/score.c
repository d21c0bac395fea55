/* SPDX-License-Identifier: Apache-2.0 */
#include "divided.h"

#include "rnnpack/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Batches depend on the data alone: neither [train] batch nor the order of sequences changes a bit. */
enum { MOST_ROWS = 256, MOST_STEPS = 32768 };

int scores_of_trainer(void *user, rnnp_context *context, const rnnp_train_batch *given, rnnp_train_result *result)
{
    return cli_status(context, rnnp_trainer_evaluate(user, given, result));
}

/* Runs one batch through the model as it would be deployed. */
int scores_of_plan(void *user, rnnp_context *context, const rnnp_train_batch *given, rnnp_train_result *result)
{
    const rnnp_tensor *want = given->outputs;
    AUTO(run) *run = NULL;
    rnnp_tensor y = {0};
    *result = (rnnp_train_result){.struct_size = sizeof *result}; /* a model knows of no loss */
    TRY(cli_status(context, rnnp_run_create(user, given->inputs, given->n_inputs, &run)));
    TRY(cli_status(context, rnnp_run_output(run, 0, &y)));
    if (y.dtype != want->dtype || y.rank != want->rank || memcmp(y.shape, want->shape, y.rank * sizeof y.shape[0]) != 0)
        return cli_fail("the model's output is %s for a batch for which %s is expected",
                        cli_shape(y.rank, y.shape, NULL), cli_shape(want->rank, want->shape, NULL));
    return cli_status(context, rnnp_run_execute(run, given->inputs, given->n_inputs, given->outputs, 1));
}

/* ---- Asking ---- */

/* One question; place is where its answer goes. */
typedef struct question {
    uint32_t row;
    size_t place, steps;
} question;

/* Memory of one batch. */
typedef struct asker {
    scores *s;
    const asking *a;
    question *order;
    uint32_t rows[MOST_ROWS];
    double sums[2 * MOST_ROWS]; /* of targets next and input */
    float *y;
    size_t room;
    batch b;
} asker;

static int not_finite(const asker *k, uint32_t row)
{
    const char *id = dataset_id(k->a->set, row);
    if (k->a->e->trial || (k->a->ranks && !cli_group_says(k->a->ranks->group, RNNP_ERR_STATE))) return FIT_DIVERGED;
    if (id)
        cli_fail("the model's output for sequence '%s' is not a finite number", id);
    else
        cli_fail("the model's output for sequence %zu is not a finite number", (size_t)row + 1);
    return FIT_DIVERGED;
}

/* Logits become probabilities, by the library's functions: so they are the same everywhere. */
static rnnp_status to_probabilities(const asker *k, size_t items)
{
    const network *net = k->a->net;
    if (net->probabilities) return RNNP_OK;
    return net->outputs == 1 || k->a->e->config->target == TARGET_LABELS
               ? rnnp_apply(k->a->e->context, RNNP_FUNCTION_SIGMOID, RNNP_MATH_U35, items * net->outputs, k->y, k->y)
               : rnnp_softmax(k->a->e->context, RNNP_MATH_U35, items, net->outputs, k->y, k->y);
}

/* Item `item` of a batch's outputs as probabilities of classes. */
static void take_classes(const asker *k, size_t item, float *p)
{
    const size_t width = k->a->net->outputs;
    const float *y = k->y + item * width;
    if (width == 1)
        p[0] = 1.0f - y[0], p[1] = y[0];
    else
        memcpy(p, y, width * sizeof *p);
}

/* As labels, or as values in the targets' units: these very operations are the last nodes of the written model. */
static void take_columns(const asker *k, size_t item, float *p)
{
    const network *net = k->a->net;
    const float *y = k->y + item * net->outputs;
    for (size_t j = 0; j < net->outputs; j++) {
        p[j] = y[j];
        if (net->target_means && !net->in_units) p[j] = y[j] * net->target_deviations[j];
        if (net->target_means && !net->in_units) p[j] = p[j] + net->target_means[j];
    }
}

static int take_items(asker *k, const question *asked, size_t n)
{
    const data_target target = k->a->e->config->target;
    const size_t width = k->s->width;
    const rnnp_status status =
        target == TARGET_VALUES ? RNNP_OK : to_probabilities(k, target == TARGET_STEP_LABEL ? n * k->b.steps : n);
    TRY(cli_status(k->a->e->context, status));
    for (size_t r = 0; r < n; r++) {
        const size_t first = k->s->at[asked[r].place], items = k->s->at[asked[r].place + 1] - first;
        for (size_t t = 0; t < items; t++) {
            float *p = k->s->p + (first + t) * width;
            (target_is_class(target) ? take_classes : take_columns)(k, t * n + r, p);
            for (size_t j = 0; j < width; j++)
                if (!isfinite(p[j])) return not_finite(k, asked[r].row);
        }
    }
    return CLI_OK;
}

/* What is known of the sequences. */
static void take_truth(asker *k, const question *asked, size_t n)
{
    const dataset *set = k->a->set;
    const size_t T = set->targets;
    for (size_t r = 0; r < n; r++) {
        const size_t place = asked[r].place, row = asked[r].row, first = k->s->at[place];
        k->s->row[place] = asked[r].row;
        k->s->truth[first] = set->label ? set->label[row] : -1;
        for (size_t t = first; t < k->s->at[place + 1] && k->a->e->config->target == TARGET_STEP_LABEL; t++)
            k->s->truth[t] = set->step_label ? set->step_label[set->first[row] + t - first] : -1;
        for (size_t j = 0; j < T; j++) k->s->y[place * T + j] = set->y ? set->y[row * T + j] : NAN;
    }
}

/* Of each sequence, the sum of squared errors, and of those of saying that nothing changes. */
static void measure_numbers(asker *k, const question *asked, size_t n)
{
    const float *want = k->b.target.data;
    const size_t F = k->a->set->features;
    for (size_t r = 0; r < n; r++) {
        const float *x = batch_row(&k->b, k->a->set, k->rows, r);
        double squares = 0, changes = 0;
        for (size_t t = 0; t < asked[r].steps; t++)
            for (size_t f = 0; f < F; f++) {
                const double truth = (double)want[(t * n + r) * F + f];
                const double d = (double)k->y[(t * n + r) * F + f] - truth, change = (double)x[t * F + f] - truth;
                squares += d * d;
                changes += change * change;
            }
        k->sums[2 * r] = squares;
        k->sums[2 * r + 1] = changes;
    }
}

static int take_numbers(asker *k, const question *asked, size_t n)
{
    const dataset *set = k->a->set;
    const size_t F = set->features;
    for (size_t r = 0; r < n; r++) {
        const double squares = k->sums[2 * r], elements = (double)asked[r].steps * (double)F,
                     mean = elements > 0 ? squares / elements : 0;
        if (!isfinite((float)mean)) return not_finite(k, asked[r].row);
        for (size_t t = 0; k->a->values && t < asked[r].steps; t++)
            memcpy(k->a->values + (set->first[asked[r].row] + t) * F, k->y + (t * n + r) * F, F * sizeof *k->y);
        k->s->error[asked[r].place] = (float)mean;
        k->s->squares += squares;
        k->s->changes += k->sums[2 * r + 1];
        k->s->elements += elements;
    }
    return CLI_OK;
}

/* The output that the task requires of this batch, with memory for it. */
static void expect(asker *k, size_t n, rnnp_tensor *y)
{
    const size_t width = k->a->net->outputs, steps = k->b.steps;
    *y = !target_has_steps(k->a->e->config->target)
             ? (rnnp_tensor){RNNP_DTYPE_F32, 2, {(int64_t)n, (int64_t)width}, .data = NULL}
             : (rnnp_tensor){RNNP_DTYPE_F32, 3, {(int64_t)steps, (int64_t)n, (int64_t)width}, .data = NULL};
    cli_grow(&k->y, &k->room, rnnp_tensor_elements(y), sizeof *k->y);
    y->data = k->y;
}

/* The outputs, or sums of them, are in k->y, or k->sums. */
static int run_batch(asker *k, const question *asked, size_t n, rnnp_tensor *y, rnnp_train_result *result)
{
    const asking *a = k->a;
    TRY(batch_fill(&k->b, a->e->config, a->net, a->set, k->rows, n));
    const rnnp_train_batch given = {.struct_size = sizeof given,
                                    .inputs = k->b.inputs,
                                    .n_inputs = k->b.n_inputs,
                                    .target = k->b.known ? &k->b.target : NULL,
                                    .weights = k->b.known && k->b.has_weights ? &k->b.weights : NULL,
                                    .outputs = y};
    TRY(a->forward(a->user, a->e->context, &given, result));
    if (target_is_input(a->e->config->target)) measure_numbers(k, asked, n);
    return CLI_OK;
}

static int ask_batch(asker *k, const question *asked, size_t n)
{
    const asking *a = k->a;
    const int numbers = target_is_input(a->e->config->target);
    rnnp_train_result result = {.struct_size = sizeof result};
    rnnp_tensor y;
    for (size_t r = 0; r < n; r++) k->rows[r] = asked[r].row;
    TRY(batch_measure(&k->b, a->e->config, a->net, a->set, k->rows, n));
    expect(k, n, &y);
    void *const kept = numbers ? (void *)k->sums : (void *)k->y;
    const size_t bytes = numbers ? 2 * n * sizeof *k->sums : rnnp_tensor_elements(&y) * sizeof *k->y;
    if (!a->ranks) {
        TRY(run_batch(k, asked, n, &y, &result));
    } else if (!a->ranks->all) {
        TRY(divided_turn(a->ranks, a->set, k->rows, n, &k->b));
        if (divided_is_mine(a->ranks)) a->ranks->code = run_batch(k, asked, n, &y, &result);
        divided_keep(a->ranks, &result, kept, bytes);
        return CLI_OK;
    } else
        divided_give(a->ranks, dataset_rank_of(a->set, k->rows[0]), &result, kept, bytes);
    take_truth(k, asked, n);
    k->s->loss += result.loss * result.weight;
    k->s->weight += result.weight;
    return numbers ? take_numbers(k, asked, n) : take_items(k, asked, n);
}

static int by_steps(const void *a, const void *b)
{
    const question *x = a, *y = b;
    return x->steps != y->steps ? (x->steps < y->steps ? -1 : 1) : (x->place > y->place) - (x->place < y->place);
}

/* A model that is not told the lengths gets sequences of one length at a time: it would take padding for data. */
static int ask_all(asker *k)
{
    const asking *a = k->a;
    const size_t longest = dataset_longest(a->set);
    size_t most = longest ? MOST_STEPS / longest : MOST_ROWS;
    int code = CLI_OK;
    most = most < 1 ? 1 : most > MOST_ROWS ? MOST_ROWS : most;
    for (size_t i = 0; i < a->which->n; i++)
        k->order[i] = (question){a->which->at[i], i, batch_steps(a->e->config, a->set, a->which->at[i])};
    if (!a->net->lengths) qsort(k->order, a->which->n, sizeof *k->order, by_steps);
    for (size_t i = 0, n; i < a->which->n && code == CLI_OK; i += n) {
        for (n = 1; n < most && i + n < a->which->n; n++)
            if (!a->net->lengths && k->order[i + n].steps != k->order[i].steps) break;
        code = ask_batch(k, k->order + i, n);
    }
    return code;
}

int scores_ask(scores *s, const asking *a)
{
    FREED question *order = cli_alloc(a->which->n + 1, sizeof *order);
    asker k = {.s = s, .a = a, .order = order};
    scores_create(s, a->e->config, a->set, a->which->at, a->which->n);
    int code = ask_all(&k);
    if (a->ranks && code == CLI_OK) code = divided_share(a->ranks);
    if (a->ranks && code == CLI_OK) code = ask_all(&k);
    if (s->weight > 0) s->loss /= s->weight;
    batch_free(&k.b);
    free(k.y);
    return code == CLI_OK ? scores_measure(s, a->e->config) : code;
}
