/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack train: a model from a configuration and data.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task.h"
#include "rnnpack/onnx.h"

typedef struct job {
    task t;
    const char *output, *checkpoint, *curve;
    int resume;
} job;

/* ---- Search ---- */

static double median(double *values, size_t n)
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
static int trial_value(job *j, double *value)
{
    scores found = {0};
    int code;

    if (j->t.config.folds) {
        double values[EXPERIMENT_FOLDS];

        code = experiment_folds(&j->t.e, j->t.config.seed, &found, values);
        *value = code == CLI_OK ? median(values, j->t.config.folds) : NAN;
    } else {
        const dataset *test = j->t.e.test;

        j->t.e.test = NULL; /* what is chosen must not have seen the test set */
        code = experiment_simple(&j->t.e, j->t.config.seed, &found, NULL, NULL);
        j->t.e.test = test;
        *value = code == CLI_OK ? scores_value(&found, &j->t.config) : NAN;
    }
    scores_free(&found);
    return code;
}

static void print_choice(const train_config *c)
{
    for (size_t v = 0; v < c->n_variables; v++)
        printf("  %s = %s", c->variables[v].name, c->variables[v].choice[c->variables[v].at]);
}

/* Choices of combination k of all. */
static void combination(const train_config *c, size_t k, size_t *at)
{
    for (size_t v = 0; v < c->n_variables; v++) {
        at[v] = k % c->variables[v].n;
        k /= c->variables[v].n;
    }
}

/* Tries combinations of the variables, all or so many drawn by lot, and leaves the configuration at the best one. One
 * that diverges is out. */
static int search(job *j)
{
    size_t all = 1, best = 0, at[CONFIG_VARIABLES];
    double least = INFINITY;
    uint32_t *order;

    for (size_t v = 0; v < j->t.config.n_variables; v++)
        all *= j->t.config.variables[v].n;
    if (all < 2)
        return CLI_OK;
    if (all > 100000)
        return cli_fail("[search] has %zu combinations", all);
    if (!j->t.config.folds && !(j->t.config.validation > 0))
        return cli_fail("[search] needs folds or validation to choose by");
    if (!(order = malloc(all * sizeof *order)))
        return cli_fail("out of memory");
    const size_t trials = j->t.config.trials && j->t.config.trials < all ? j->t.config.trials : all;
    rnnp_train_order(j->t.config.seed, 0, all, order);
    j->t.e.quiet = j->t.e.trial = 1;
    int code = CLI_OK;
    for (size_t i = 0; i < trials && code == CLI_OK; i++) {
        double value = NAN;
        const size_t k = trials < all ? order[i] : i;

        combination(&j->t.config, k, at);
        if ((code = task_configure(&j->t, at)) == CLI_OK)
            code = trial_value(j, &value);
        if (code == CLI_OK)
            printf("trial %zu of %zu: %s %.5f", i + 1, trials, j->t.config.score == SCORE_LOSS ? "loss" : "score",
                   j->t.config.score == SCORE_LOSS ? value : -value);
        else if (code == FIT_DIVERGED)
            printf("trial %zu of %zu: diverged", i + 1, trials);
        else
            break;
        print_choice(&j->t.config);
        putchar('\n');
        fflush(stdout);
        code = CLI_OK;
        if (value < least)
            least = value, best = k;
    }
    free(order);
    if (code == CLI_OK && least == INFINITY)
        code = cli_fail("[search]: all trials diverged");
    if (code != CLI_OK)
        return code;
    combination(&j->t.config, best, at);
    code = task_configure(&j->t, at);
    printf("best:");
    print_choice(&j->t.config);
    putchar('\n');
    j->t.e.quiet = j->t.quiet;
    j->t.e.trial = 0;
    return code;
}

/* ---- Pictures and files ---- */

static int write_curve(const job *j, const history *past)
{
    double *numbers = malloc((3 * past->n + 1) * sizeof *numbers);

    if (!numbers)
        return cli_fail("out of memory");
    double *epoch = numbers, *loss = numbers + past->n, *held = loss + past->n;
    for (size_t i = 0; i < past->n; i++) {
        epoch[i] = (double)(i + 1);
        loss[i] = past->at[i].loss;
        held[i] = past->at[i].held_loss;
    }
    const curve curves[] = {{"training", epoch, loss, past->n}, {"held out", epoch, held, past->n}};
    const int code = curve_write(j->curve, j->t.path, "epoch", "loss", curves, j->t.config.validation > 0 ? 2 : 1);
    free(numbers);
    return code;
}

static int write_model(const job *j, const rnnp_model *model)
{
    char words[2 * CONFIG_TEXT];
    const rnnp_status status = rnnp_onnx_save(model, j->output);

    if (status != RNNP_OK)
        return cli_fail_status(j->t.e.context, status);
    if (!j->t.words.size)
        return CLI_OK;
    snprintf(words, sizeof words, "%s.words", j->output);
    return vocabulary_write(&j->t.words, words);
}

/* ---- The command ---- */

static int with_seeds(job *j)
{
    const size_t n = j->t.config.seeds;
    double *values = calloc(n, sizeof *values);
    scores found = {0};
    history past = {0};
    rnnp_model *model = NULL;
    int code = values ? CLI_OK : cli_fail("out of memory");

    for (size_t i = 0; i < n && code == CLI_OK; i++) {
        const int last = i + 1 == n;

        scores_free(&found);
        past.n = 0;
        code = experiment_simple(&j->t.e, j->t.config.seed + i, &found, &past, last && j->output ? &model : NULL);
        if (code != CLI_OK)
            break;
        values[i] = scores_value(&found, &j->t.config);
        if (n > 1)
            printf("seed %llu: ", (unsigned long long)(j->t.config.seed + i));
        if (found.n)
            scores_print(&found, j->t.test_set.n ? &j->t.test_set : &j->t.train, &j->t.config,
                         j->t.test_set.n ? "test" : "held out");
    }
    if (code == CLI_OK && n > 1) {
        const double middle = median(values, n);

        printf("median of %zu seeds: %.5f\n", n, j->t.config.score == SCORE_LOSS ? middle : -middle);
    }
    if (code == CLI_OK && j->curve)
        code = write_curve(j, &past);
    if (code == CLI_OK && !j->t.config.folds)
        code = task_write(&j->t, &found, j->t.e.test ? j->t.e.test : &j->t.train);
    if (code == CLI_OK && model)
        code = write_model(j, model);
    rnnp_model_destroy(model);
    scores_free(&found);
    free(past.at);
    free(values);
    return code;
}

static int with_folds(job *j)
{
    double values[EXPERIMENT_FOLDS], sum = 0, squares = 0;
    const size_t n = j->t.config.folds;
    scores all = {0};
    int code = experiment_folds(&j->t.e, j->t.config.seed, &all, values);

    if (code != CLI_OK)
        return code;
    for (size_t p = 0; p < n; p++)
        sum += values[p];
    for (size_t p = 0; p < n; p++)
        squares += (values[p] - sum / (double)n) * (values[p] - sum / (double)n);
    printf("%zu folds: %s %.4f +- %.4f (mean and deviation)\n", n, j->t.config.score == SCORE_LOSS ? "loss" : "score",
           fabs(sum) / (double)n, sqrt(squares / (double)(n - 1)));
    scores_print(&all, &j->t.train, &j->t.config, "all folds together");
    code = task_write(&j->t, &all, &j->t.train);
    scores_free(&all);
    return code;
}

static int train(job *j)
{
    task *t = &j->t;
    int code = task_configure(t, NULL);

    if (code == CLI_OK && (code = task_open(t, NULL)) == CLI_OK)
        code = search(j);
    t->e.checkpoint = j->checkpoint;
    t->e.resume = j->resume;
    if (code == CLI_OK && t->config.folds)
        code = with_folds(j);
    if (code == CLI_OK && (!t->config.folds || j->output || j->curve))
        code = with_seeds(j);
    return code;
}

int cli_train(int argc, char **argv)
{
    job j = {.t = {.threads = SIZE_MAX, .seed = SIZE_MAX}};
    const arg_option options[] = {
        {"-o", "FILE.onnx", "where to write the model (and FILE.onnx.words for tokens)", ARG_TEXT, &j.output},
        {"--checkpoint", "FILE", "keep the whole state there after each epoch", ARG_TEXT, &j.checkpoint},
        {"--resume", NULL, "go on from the checkpoint, to the same bits as without the break", ARG_FLAG, &j.resume},
        {"--curve", "FILE.svg", "picture of the losses over the epochs", ARG_TEXT, &j.curve},
        TASK_OPTIONS(j.t),
    };
    const arg_command command = {
        "train", "CONFIG.ini",
        "Trains a model as the configuration says (docs/training.md) and tells how good it\n"
        "is on data that it has not seen. The same data, configuration and seed give the same\n"
        "model, bit by bit, on every CPU and for any number of threads.",
        options, sizeof options / sizeof options[0]};
    const args_result parsed = args_parse(&command, argc, argv, &j.t.path);
    if (parsed != ARGS_OK)
        return parsed == ARGS_DONE ? CLI_OK : CLI_USAGE;
    if (j.resume && !j.checkpoint) {
        cli_fail("train: --resume needs --checkpoint FILE; see rnnpack train --help");
        return CLI_USAGE;
    }
    const int code = train(&j);
    task_close(&j.t);
    return code == FIT_DIVERGED ? CLI_FAILED : code;
}
