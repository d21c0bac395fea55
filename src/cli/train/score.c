/* SPDX-License-Identifier: Apache-2.0 */
#include "fit.h"

#include "../npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

rnnp_status scores_of_trainer(void *user, const rnnp_train_batch *given, rnnp_train_result *result)
{
    return rnnp_trainer_evaluate(user, given, result);
}

/* ---- Asking ---- */

/* Probabilities of a row from its output: [1] is class 1's, [classes] are those of all; logits become probabilities. */
static void probabilities(int are_logits, const float *y, size_t width, size_t classes, float *p)
{
    double sum = 0, most = -INFINITY;

    if (width == 1) {
        p[1] = are_logits ? (float)(1.0 / (1.0 + exp(-(double)y[0]))) : y[0];
        p[0] = 1.0f - p[1];
        return;
    }
    for (size_t k = 0; k < classes; k++)
        most = fmax(most, (double)y[k]);
    for (size_t k = 0; k < classes; k++)
        sum += exp((double)y[k] - most);
    for (size_t k = 0; k < classes; k++)
        p[k] = are_logits ? (float)(exp((double)y[k] - most) / sum) : y[k];
}

static int take_labels(scores *s, const network *net, const dataset *set, const uint32_t *rows, size_t n,
                       const rnnp_tensor *y)
{
    const size_t width = (size_t)y->shape[1];

    if (y->rank != 2 || (width != 1 && width != s->classes))
        return cli_fail("the model's output has %zu numbers a sequence, for %zu classes", width, s->classes);
    for (size_t r = 0; r < n; r++) {
        probabilities(!net->probabilities, (const float *)y->data + r * width, width, s->classes,
                      s->p + (s->n + r) * s->classes);
        s->truth[s->n + r] = set->label ? set->label[rows[r]] : -1;
    }
    return CLI_OK;
}

static void take_numbers(scores *s, const dataset *set, const uint32_t *rows, const batch *b, const rnnp_tensor *y)
{
    const float *got = y->data, *want = b->target.data, *weight = b->weights.data;
    const size_t F = set->features;

    for (size_t r = 0; r < b->rows; r++) {
        double sum = 0, n = 0;

        for (size_t t = 0; t < b->steps; t++)
            for (size_t f = 0; f < F && weight[t * b->rows + r] > 0; f++, n++) {
                const double d = (double)got[(t * b->rows + r) * F + f] - (double)want[(t * b->rows + r) * F + f];

                sum += d * d;
            }
        s->error[s->n + r] = (float)(n > 0 ? sum / n : 0);
        s->truth[s->n + r] = set->label ? set->label[rows[r]] : -1;
    }
}

/* Mean squared error of saying that nothing changes. */
static double persistence(const train_config *config, const dataset *set, const row_list *which)
{
    double sum = 0, n = 0;

    for (size_t i = 0; i < which->n; i++) {
        const size_t end = set->first[which->at[i] + 1];

        for (size_t t = set->first[which->at[i]]; t + config->horizon < end; t++)
            for (size_t f = 0; f < set->features; f++, n++) {
                const float *x = set->x + t * set->features + f;
                const double d = (double)x[config->horizon * set->features] - (double)*x;

                sum += d * d;
            }
    }
    return n > 0 ? sum / n : NAN;
}

static int ask_batch(scores *s, const train_config *config, const network *net, const dataset *set,
                     const uint32_t *rows,
                     size_t n, forward_fn *forward, void *user, rnnp_context *context, batch *b, rnnp_tensor *y)
{
    rnnp_train_result result = {0};

    if (batch_fill(b, config, net, set, rows, n) != CLI_OK)
        return CLI_FAILED;
    const int known = config->target != TARGET_LABEL || set->label;
    const rnnp_train_batch given = {.inputs = b->inputs, .n_inputs = b->n_inputs, .target = known ? &b->target : NULL,
                                    .weights = b->has_weights ? &b->weights : NULL, .outputs = y};
    const rnnp_status status = forward(user, &given, &result);

    if (status != RNNP_OK)
        return cli_fail_status(context, status);
    s->loss += result.loss * result.weight;
    s->weight += result.weight;
    if (config->target != TARGET_LABEL)
        take_numbers(s, set, rows, b, y);
    else if (take_labels(s, net, set, rows, n, y) != CLI_OK)
        return CLI_FAILED;
    s->n += n;
    return CLI_OK;
}

int scores_ask(scores *s, const train_config *config, const network *net, const dataset *set, const row_list *which,
               forward_fn *forward, void *user, rnnp_context *context)
{
    const size_t per_step = set->classes > set->features ? set->classes : set->features;
    const size_t largest = config->batch * (config->target == TARGET_LABEL ? 1 : dataset_longest(set)) * (per_step + 2);
    batch b = {0};
    rnnp_tensor y = {.data = malloc(largest * sizeof(float))};
    int code = CLI_OK;

    *s = (scores){.classes = set->classes};
    s->truth = calloc(which->n + 1, sizeof *s->truth);
    s->p = calloc(which->n * (set->classes + 1) + 1, sizeof *s->p);
    s->error = calloc(which->n + 1, sizeof *s->error);
    if (!y.data || !s->truth || !s->p || !s->error)
        code = cli_fail("out of memory");
    for (size_t i = 0; i < which->n && code == CLI_OK; i += config->batch) {
        const size_t n = which->n - i < config->batch ? which->n - i : config->batch;

        code = ask_batch(s, config, net, set, which->at + i, n, forward, user, context, &b, &y);
    }
    if (s->weight > 0)
        s->loss /= s->weight;
    s->persistence = config->target == TARGET_NEXT ? persistence(config, set, which) : NAN;
    batch_free(&b);
    free(y.data);
    return code == CLI_OK ? scores_measure(s, config) : code;
}

static void *joined(void *a, size_t bytes_a, const void *b, size_t bytes_b)
{
    char *all = realloc(a, bytes_a + bytes_b + 1);

    if (all)
        memcpy(all + bytes_a, b, bytes_b);
    return all;
}

int scores_append(scores *s, const scores *part)
{
    if (s->n == 0)
        s->classes = part->classes;
    void *truth = joined(s->truth, s->n * sizeof *s->truth, part->truth, part->n * sizeof *s->truth);
    s->truth = truth ? truth : s->truth;
    void *p = joined(s->p, s->n * s->classes * sizeof *s->p, part->p, part->n * s->classes * sizeof *s->p);
    s->p = p ? p : s->p;
    void *error = joined(s->error, s->n * sizeof *s->error, part->error, part->n * sizeof *s->error);
    s->error = error ? error : s->error;
    if (!truth || !p || !error)
        return cli_fail("out of memory");
    const double weight = s->weight + part->weight;
    s->loss = weight > 0 ? (s->loss * s->weight + part->loss * part->weight) / weight : 0;
    const double n = (double)s->n, more = (double)part->n;
    s->persistence = s->n ? (s->persistence * n + part->persistence * more) / (n + more) : part->persistence;
    s->weight = weight;
    s->n += part->n;
    return CLI_OK;
}

/* ---- Metrics ---- */

static int measure_ranking(scores *s, const float *score)
{
    size_t *scratch = malloc((2 * s->n + 1) * sizeof *scratch);

    free(s->curve);
    s->curve = malloc((s->n + 1) * sizeof *s->curve);
    if (!scratch || !s->curve) {
        free(scratch);
        return cli_fail("out of memory");
    }
    if (rnnp_metrics_ranking(score, s->truth, NULL, s->n, scratch, &s->auc, &s->average_precision, s->curve,
                             &s->n_points) != RNNP_OK)
        s->auc = s->average_precision = NAN, s->n_points = 0;
    free(scratch);
    return CLI_OK;
}

static int measure_two_classes(scores *s)
{
    rnnp_calibration_bin bins[10];
    float *score = malloc((s->n + 1) * sizeof *score);

    if (!score)
        return cli_fail("out of memory");
    for (size_t i = 0; i < s->n; i++)
        score[i] = s->p[2 * i + 1];
    int code = measure_ranking(s, score);
    if (rnnp_metrics_calibration(score, s->truth, NULL, s->n, 10, bins, &s->calibration) != RNNP_OK)
        s->calibration = NAN;
    free(score);
    return code;
}

int scores_measure(scores *s, const train_config *config)
{
    s->auc = s->average_precision = s->brier = s->calibration = NAN;
    s->summary = (rnnp_summary_metrics){NAN, NAN, NAN, NAN, NAN};
    for (size_t i = 0; i < s->n; i++)
        if (s->truth[i] < 0)
            return CLI_OK; /* no labels: predictions alone */
    if (config->target != TARGET_LABEL)
        return s->classes == 2 ? measure_ranking(s, s->error) : CLI_OK;
    free(s->confusion);
    free(s->per_class);
    s->confusion = calloc(s->classes * s->classes + 1, sizeof *s->confusion);
    s->per_class = calloc(s->classes + 1, sizeof *s->per_class);
    if (!s->confusion || !s->per_class)
        return cli_fail("out of memory");
    if (rnnp_metrics_confusion(s->p, s->truth, NULL, s->n, s->classes, s->confusion) != RNNP_OK ||
        rnnp_metrics_classes(s->confusion, s->classes, s->per_class, &s->summary) != RNNP_OK)
        return cli_fail("the model's output is not a number");
    if (rnnp_metrics_brier(s->p, s->truth, NULL, s->n, s->classes, &s->brier) != RNNP_OK)
        s->brier = NAN;
    if (s->classes == 2)
        s->brier /= 2; /* of class 1 alone, as usual for two classes */
    return s->classes == 2 ? measure_two_classes(s) : CLI_OK;
}

double scores_value(const scores *s, const train_config *config)
{
    switch (config->score) {
    case SCORE_ACCURACY: return -s->summary.accuracy;
    case SCORE_AUC: return -s->auc;
    case SCORE_F1: return -s->summary.f1;
    case SCORE_LOSS: break;
    }
    return s->loss;
}

static void print_classes(const scores *s, const dataset *set)
{
    printf("  %-16s %9s %9s %9s %9s   confusion\n", "class", "precision", "recall", "F1", "n");
    for (size_t k = 0; k < s->classes; k++) {
        const rnnp_class_metrics *m = &s->per_class[k];

        printf("  %-16s %9.4f %9.4f %9.4f %9.0f  ", set->class_names[k], m->precision, m->recall, m->f1, m->support);
        for (size_t j = 0; j < s->classes; j++)
            printf(" %5.0f", s->confusion[k * s->classes + j]);
        putchar('\n');
    }
}

void scores_print(const scores *s, const dataset *set, const train_config *config, const char *what)
{
    printf("%s: %zu sequences", what, s->n);
    if (s->weight > 0)
        printf(", loss %.5g", s->loss);
    if (!isnan(s->persistence))
        printf(", persistence %.5g", s->persistence);
    if (!isnan(s->summary.accuracy))
        printf(", accuracy %.4f, macro F1 %.4f, kappa %.4f", s->summary.accuracy, s->summary.f1, s->summary.kappa);
    if (!isnan(s->auc))
        printf(", ROC AUC %.4f, average precision %.4f", s->auc, s->average_precision);
    if (!isnan(s->brier))
        printf(", Brier %.4f", s->brier);
    if (!isnan(s->calibration))
        printf(", calibration error %.4f", s->calibration);
    putchar('\n');
    if (config->target == TARGET_LABEL && s->per_class)
        print_classes(s, set);
}

int scores_write(const scores *s, const train_config *config, const char *path)
{
    const int labels = config->target == TARGET_LABEL;
    const rnnp_tensor array = {RNNP_F32, labels ? 2 : 1, {(int64_t)s->n, (int64_t)s->classes}, labels ? s->p
                               : s->error};
    char message[NPY_MESSAGE];

    return npy_write(path, &array, message) ? CLI_OK : cli_fail("%s", message);
}

void scores_free(scores *s)
{
    free(s->p);
    free(s->error);
    free(s->truth);
    free(s->per_class);
    free(s->confusion);
    free(s->curve);
    *s = (scores){0};
}
