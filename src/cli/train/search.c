/* SPDX-License-Identifier: Apache-2.0 */
#include "experiment.h"

#include <math.h>
#include <stdio.h>

enum { MOST = 100000 };

double search_median(double *values, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && values[k] < values[k - 1]; k--) {
            const double swap = values[k];
            values[k] = values[k - 1];
            values[k - 1] = swap;
        }
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* What this configuration scores: the median over folds. */
static int trial_value(task *t, double *value)
{
    AUTO_SCORES found = {0};
    int code;
    if (t->config.folds) {
        double values[EXPERIMENT_FOLDS];
        code = experiment_folds(&t->e, t->config.seed, &found, values, NULL);
        *value = code == CLI_OK ? search_median(values, t->config.folds) : NAN;
    } else {
        const dataset *test = t->e.test;
        t->e.test = NULL; /* what is chosen must not have seen the test set */
        code = experiment_simple(&t->e, t->config.seed, &found, NULL, NULL, NULL);
        t->e.test = test;
        *value = code == CLI_OK ? scores_value(&found, &t->config) : NAN;
    }
    return code;
}

static void print_choice(FILE *f, const train_config *c)
{
    for (size_t v = 0; v < c->n_variables; v++)
        fprintf(f, "  %s = %s", c->variables[v].name, c->variables[v].choice[c->variables[v].at]);
}

/* Choices of combination k of all. */
static void combination(const train_config *c, size_t k, size_t *at)
{
    for (size_t v = 0; v < c->n_variables; v++) {
        at[v] = k % c->variables[v].n;
        k /= c->variables[v].n;
    }
}

/* How many there are; as they may be more than a size_t holds, in double. */
static double combinations(const train_config *c)
{
    double all = 1;
    for (size_t v = 0; v < c->n_variables; v++) all *= (double)c->variables[v].n;
    return all;
}

static int configure(task *t, size_t k)
{
    size_t at[CONFIG_VARIABLES];
    combination(&t->config, k, at);
    return task_configure(t, at);
}

/* The trials, as combinations: all of them, or as many at random. Checks each before the first is run. */
static int plan_trials(task *t, int final, uint32_t *trial, size_t n, size_t all)
{
    int code = CLI_OK;
    rnnp_train_order(t->config.seed, 0, all, trial);
    for (size_t i = 0; i < n && code == CLI_OK; i++) {
        trial[i] = n < all ? trial[i] : (uint32_t)i;
        if ((code = configure(t, trial[i])) == CLI_OK)
            code = experiment_check(&t->e, final, t->call->roc != NULL, t->call->predictions != NULL);
        if (code != CLI_OK) {
            fputs("rnnpack: this is the trial", stderr);
            print_choice(stderr, &t->config);
            fputc('\n', stderr);
        }
    }
    return code;
}

static void print_trial(const task *t, size_t i, size_t n, int diverged, double value)
{
    const int loss = t->config.score == SCORE_LOSS;
    if (diverged)
        printf("trial %zu of %zu: diverged", i + 1, n);
    else
        printf("trial %zu of %zu: %s %.5f", i + 1, n, loss ? "loss" : "score", loss ? value : -value);
    print_choice(stdout, &t->config);
    putchar('\n');
    fflush(stdout);
}

/* A trial that diverges cannot be the best. */
static int try_all(task *t, const uint32_t *trial, size_t n, size_t *best)
{
    double least = INFINITY;
    for (size_t i = 0; i < n; i++) {
        double value = NAN;
        int code = configure(t, trial[i]);
        if (code == CLI_OK) code = trial_value(t, &value);
        if (code != CLI_OK && code != FIT_DIVERGED) return code;
        print_trial(t, i, n, code == FIT_DIVERGED, value);
        if (value < least) least = value, *best = trial[i];
    }
    return least < INFINITY ? CLI_OK : cli_fail("[search]: all trials diverged");
}

int search(task *t, int final)
{
    const double all = combinations(&t->config);
    size_t best = 0;
    if (all < 2) return experiment_check(&t->e, final, t->call->roc != NULL, t->call->predictions != NULL);
    if (all > MOST) return cli_fail("[search] has %.0f combinations, more than %d", all, MOST);
    if (!t->config.folds && !(t->config.validation > 0))
        return cli_fail("[search] requires folds or validation to choose by");
    const size_t n = t->config.trials && (double)t->config.trials < all ? t->config.trials : (size_t)all;
    FREED uint32_t *trial = cli_alloc((size_t)all, sizeof *trial);
    int code = plan_trials(t, final, trial, n, (size_t)all);
    t->e.quiet = t->e.trial = 1;
    if (code == CLI_OK) code = try_all(t, trial, n, &best);
    t->e.quiet = t->call->quiet;
    t->e.trial = 0;
    if (code == CLI_OK && (code = configure(t, best)) == CLI_OK) {
        printf("best:");
        print_choice(stdout, &t->config);
        putchar('\n');
    }
    return code;
}
