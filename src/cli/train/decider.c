/* SPDX-License-Identifier: Apache-2.0 */
#include "decider.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The number of a class; set->classes: there is none of the name. */
static size_t find_class(const dataset *set, const char *name)
{
    size_t k = 0;
    while (k < set->classes && strcmp(set->class_names[k], name) != 0) k++;
    return k;
}

/* Of two classes the second one, unless the configuration names one. */
size_t decider_positive(const train_config *config, const dataset *set)
{
    return *config->positive ? find_class(set, config->positive) : set->classes - 1;
}

static int is_wanted(const train_config *config) { return config->calibrate || config->threshold.kind; }

/* ---- Checks ---- */

/* What is fitted needs cases: of each class for calibration, of the positive class and of another for a threshold. */
int decider_check_counts(const train_config *config, const dataset *set, const double *of, int from_folds)
{
    const char *const key = config->calibrate ? "calibrate" : "threshold";
    const size_t K = set->classes, positive = decider_positive(config, set);
    double n = 0;
    if (!decider_fits(config)) return CLI_OK;
    for (size_t k = 0; k < K; k++) n += of[k];
    for (size_t k = 0; k < K; k++)
        if (!(of[k] > 0) && (config->calibrate || K == 2 || k == positive))
            return config_blame(
                config, "predict", key,
                "[predict] %s is fitted to the %.0f cases that %s, and none of them is of class '%.80s'", key, n,
                from_folds ? "folds hold out" : "validation holds out", set->class_names[k]);
    return of[positive] < n ? CLI_OK
                            : config_blame(config, "predict", key,
                                           "[predict] %s: all %.0f cases that it is fitted to are of class '%.80s'",
                                           key, n, set->class_names[positive]);
}

int decider_check_classes(const train_config *config, const dataset *set)
{
    if (!is_wanted(config)) return CLI_OK;
    if (*config->positive && find_class(set, config->positive) == set->classes)
        return config_blame(config, "predict", "positive", "[predict] positive: there is no class '%.80s'",
                            config->positive);
    if (config->threshold.kind && set->classes != 2 && !*config->positive)
        return config_blame(config, "predict", "threshold",
                            "[predict] threshold: which of the %zu classes it is of, positive must say", set->classes);
    if (config->calibrate == CALIBRATE_ISOTONIC && set->classes != 2)
        return config_blame(config, "predict", "calibrate",
                            "[predict] calibrate = isotonic requires two classes, the data has %zu; temperature is for "
                            "any number",
                            set->classes);
    return CLI_OK;
}

int decider_check(const train_config *config, const dataset *set, const row_list *held)
{
    if (!is_wanted(config)) return CLI_OK;
    TRY(decider_check_classes(config, set));
    AUTO_ROWS all = split_all(set);
    FREED double *of = cli_alloc(set->classes + 1, sizeof *of);
    if (!held) held = &all;
    dataset_count_classes(set, held->at, held->n, of);
    return decider_check_counts(config, set, of, held == &all);
}

/* ---- Fitting ---- */

/* p of one class, and whether it is the truth. */
static void take_class(const scores *s, size_t k, float *p, int32_t *truth)
{
    for (size_t i = 0; i < s->n; i++) {
        p[i] = s->p[i * s->classes + k];
        truth[i] = s->truth[i] == (int32_t)k;
    }
}

static int fit_calibration(decider *d, const scores *s, const float *weight, size_t positive)
{
    FREED float *p = cli_alloc(s->n + 1, sizeof *p);
    FREED int32_t *truth = cli_alloc(s->n + 1, sizeof *truth);
    FREED size_t *scratch = cli_alloc(2 * s->n + 1, sizeof *scratch);
    rnnp_status status;
    if (d->calibrate == CALIBRATE_TEMPERATURE) {
        status = rnnp_calibration_fit_temperature(s->n, s->classes, s->p, s->truth, weight, &d->temperature);
        d->temperature = (double)(float)d->temperature; /* to be written and read back in few digits */
    } else {
        take_class(s, positive, p, truth);
        d->steps = cli_alloc(s->n + 1, sizeof *d->steps);
        status = rnnp_calibration_fit_isotonic(s->n, p, truth, weight, scratch, d->steps, &d->n_steps);
    }
    return status == RNNP_OK ? CLI_OK : cli_fail("[predict] calibrate: %s", rnnp_status_string(status));
}

/* The points of a ROC curve, from the largest threshold down; point 0, which finds nobody, is none that sensitivity or
 * Youden's index would choose. The largest threshold of those that are equally good. */
static size_t choose_point(const threshold_rule *rule, const rnnp_curve_point *points, size_t n, double positives,
                           double negatives)
{
    size_t best = rule->kind == THRESHOLD_YOUDEN ? 1 : 0;
    double least = INFINITY;
    for (size_t i = best; i < n; i++) {
        const double found = floor(points[i].tpr * positives + 0.5), alarms = floor(points[i].fpr * negatives + 0.5);
        double value = 0;
        switch (rule->kind) {
        case THRESHOLD_SENSITIVITY:
            if (i && found / positives >= rule->number) return i;
            continue;
        case THRESHOLD_SPECIFICITY:
            if ((negatives - alarms) / negatives >= rule->number) best = i;
            continue;
        case THRESHOLD_COST: value = rule->number * (positives - found) + alarms; break;
        case THRESHOLD_YOUDEN:
            value = alarms * positives - found * negatives;
            break; /* Youden 1950, in whole numbers */
        case THRESHOLD_NONE:
        case THRESHOLD_GIVEN: break;
        }
        if (value < least) least = value, best = i;
    }
    return best;
}

rnnp_status decider_calibrate(const decider *d, size_t n, size_t classes, size_t positive, float *of, float *p)
{
    if (d->calibrate == CALIBRATE_TEMPERATURE)
        return rnnp_calibration_apply_temperature(n, classes, d->temperature, p, p);
    if (d->calibrate != CALIBRATE_ISOTONIC) return RNNP_OK;
    for (size_t i = 0; i < n; i++) of[i] = p[i * 2 + positive];
    const rnnp_status status = rnnp_calibration_apply_isotonic(d->n_steps, d->steps, n, of, of);
    for (size_t i = 0; i < n; i++) p[i * 2 + positive] = of[i], p[i * 2 + 1 - positive] = 1.0f - of[i];
    return status;
}

static int calibrate(const decider *d, size_t n, size_t classes, size_t positive, float *p)
{
    FREED float *of = cli_alloc(n + 1, sizeof *of);
    const rnnp_status status = decider_calibrate(d, n, classes, positive, of, p);
    return status == RNNP_OK ? CLI_OK : cli_fail("the model's outputs are no probabilities");
}

/* s->p are calibrated. */
static int fit_threshold(decider *d, const scores *s, const float *weight, size_t positive)
{
    FREED float *p = cli_alloc(s->n + 1, sizeof *p);
    FREED int32_t *truth = cli_alloc(s->n + 1, sizeof *truth);
    FREED size_t *scratch = cli_alloc(2 * s->n + 1, sizeof *scratch);
    FREED rnnp_curve_point *points = cli_alloc(s->n + 1, sizeof *points);
    double area, precision;
    size_t n;
    take_class(s, positive, p, truth);
    const rnnp_status status = rnnp_metrics_ranking(s->n, p, truth, weight, scratch, &area, &precision, points, &n);
    if (status != RNNP_OK) return cli_fail("[predict] threshold: %s", rnnp_status_string(status));
    const size_t at = choose_point(&d->rule, points, n, (double)d->positives, (double)(d->cases - d->positives));
    d->threshold = at ? (float)points[at].threshold : nextafterf((float)points[1].threshold, 2); /* just nobody */
    return CLI_OK;
}

void decider_begin(decider *d, const train_config *config, const dataset *set, int from_folds)
{
    *d = (decider){.calibrate = config->calibrate, .rule = config->threshold, .from_folds = from_folds};
    if (!is_wanted(config)) return;
    d->positive = cli_copy(set->class_names[decider_positive(config, set)]);
    d->threshold = (float)d->rule.number;
}

int decider_fit_cases(decider *d, const scores *s, const float *weight, size_t positive)
{
    const size_t K = s->classes;
    if (d->calibrate) TRY(fit_calibration(d, s, weight, positive));
    if (d->rule.kind <= THRESHOLD_GIVEN) return CLI_OK;
    FREED float *p = cli_alloc(s->n * K + 1, sizeof *p);
    scores calibrated = *s;
    memcpy(p, s->p, s->n * K * sizeof *p);
    TRY(calibrate(d, s->n, K, positive, p));
    calibrated.p = p;
    return fit_threshold(d, &calibrated, weight, positive);
}

int decider_fit(decider *d, const train_config *config, const dataset *set, const scores *held, int from_folds)
{
    const size_t positive = decider_positive(config, set);
    decider_begin(d, config, set, from_folds);
    if (!decider_fits(config)) return CLI_OK;
    d->cases = held->n;
    for (size_t i = 0; i < held->n; i++) d->positives += held->truth[i] == (int32_t)positive;
    if (set->group_names) d->groups = split_groups(set, &(const row_list){held->row, held->n});
    return decider_fit_cases(d, held, NULL, positive);
}

/* ---- Use ---- */

int decider_apply(const decider *d, const train_config *config, const dataset *set, scores *s)
{
    const size_t positive = d->positive ? find_class(set, d->positive) : 0;
    if (!d->positive && !d->calibrate) return CLI_OK;
    if (positive == set->classes)
        return cli_fail("the model's threshold is of class '%.80s', which the data do not have", d->positive);
    if (d->calibrate == CALIBRATE_ISOTONIC && set->classes != 2)
        return cli_fail("the model's calibration is for two classes; the data have %zu", set->classes);
    const double brier = s->brier, error = s->calibration;
    TRY(calibrate(d, s->n, s->classes, positive, s->p));
    s->thresholded = d->rule.kind != THRESHOLD_NONE;
    s->positive = positive;
    s->threshold = d->threshold;
    TRY(scores_measure(s, config));
    if (d->calibrate) s->brier_before = brier, s->calibration_before = error;
    return CLI_OK;
}

int decider_check_option(const cli_call *call)
{
    return !cli_given(call, "--threshold") || (call->threshold > 0 && call->threshold < 1)
               ? CLI_OK
               : cli_misuse("--threshold is a number between 0 and 1");
}

int decider_override(decider *d, double threshold, const dataset *set, const char *name)
{
    if (!d->positive && set->classes != 2)
        return cli_fail("--threshold: %s has %zu classes, and does not say which one a threshold is of ([predict] "
                        "positive)",
                        name, set->classes);
    if (!d->positive) d->positive = cli_copy(set->class_names[1]);
    d->rule = (threshold_rule){THRESHOLD_GIVEN, threshold};
    d->threshold = (float)threshold;
    d->by_option = 1;
    return CLI_OK;
}

void decider_free(decider *d)
{
    free(d->steps);
    free(d->positive);
    *d = (decider){0};
}
