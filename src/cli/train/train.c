/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack train: a model from a configuration and data.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "search.h"

typedef struct job {
    task t;
    const char *output, *checkpoint, *curve;
    int resume, failed; /* failed: not everything could be written */
} job;

/* ---- Seeds ---- */

/* What a training left. */
typedef struct result {
    uint64_t seed;
    scores found;
    history past;
    rnnp_model *model;
    int done;
} result;

static void result_free(result *r)
{
    scores_free(&r->found);
    free(r->past.at);
    rnnp_model_destroy(r->model);
    *r = (result){0};
}

static const dataset *judged(const job *j) { return j->t.e.test ? j->t.e.test : &j->t.train; }

/* One training; the result replaces *kept when its score, which no test set has a part in, is better. */
static int with_seed(job *j, size_t i, result *kept, double *value)
{
    const train_config *c = &j->t.config;
    result r = {.seed = c->seed + i, .past = {.score = INFINITY}};
    const int code = experiment_simple(&j->t.e, r.seed, &r.found, &r.past, j->output ? &r.model : NULL);

    r.done = code == CLI_OK;
    *value = r.done ? scores_value(&r.found, c) : INFINITY;
    if (c->seeds > 1 && r.done && r.found.n)
        printf("seed %llu: ", (unsigned long long)r.seed);
    else if (c->seeds > 1 && (r.done || code == FIT_DIVERGED))
        printf("seed %llu: %s\n", (unsigned long long)r.seed, r.done ? "done" : "diverged");
    if (r.done && r.found.n) scores_print(&r.found, judged(j), c, j->t.e.test ? "test" : "held out");
    if (r.done && (!kept->done || r.past.score < kept->past.score)) {
        const result worse = *kept;

        *kept = r;
        r = worse;
    }
    result_free(&r);
    return code;
}

static void print_seeds(const job *j, const result *kept, double *values)
{
    const train_config *c = &j->t.config;
    const double middle = search_median(values, c->seeds), sign = c->score == SCORE_LOSS ? 1 : -1;

    if (kept->found.n && isfinite(middle)) printf("median of %zu seeds: %.5f\n", c->seeds, sign * middle);
    if (!j->output && !j->curve && (c->folds || (!j->t.roc && !j->t.predictions))) return;
    printf("kept: seed %llu, of the best %s", (unsigned long long)kept->seed,
           c->validation > 0 ? "score on what was held out for validation" : "training loss");
    printf(": %.5f\n", c->validation > 0 ? sign * kept->past.score : kept->past.score);
}

/* ---- Files ---- */

static int write_curve(const job *j, const history *past)
{
    double *numbers = malloc((3 * past->n + 1) * sizeof *numbers);

    if (!numbers) return cli_fail("out of memory");
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

/* The model first; what fails does not keep back the rest. */
static void write_all(job *j, const result *kept)
{
    if (kept->past.unsaved) j->failed = 1;
    if (j->output && outputs_keep_model(j->t.e.context, kept->model, &j->t.words, j->output) != CLI_OK) j->failed = 1;
    if (j->curve && write_curve(j, &kept->past) != CLI_OK) j->failed = 1;
    if (!j->t.config.folds && task_write(&j->t, &kept->found, judged(j)) != CLI_OK) j->failed = 1;
}

/* Whether the files that were asked for can be written, and are each its own. */
static int check_outputs(const job *j)
{
    char words[2 * CONFIG_TEXT];
    const int has_words = j->output && j->t.config.format == DATA_TOKENS;
    const int n = has_words ? snprintf(words, sizeof words, "%s.words", j->output) : 0;
    const output_file more[] = {{"-o", j->output, 1},
                                {"-o", has_words ? words : NULL, 1},
                                {"--curve", j->curve, 0},
                                {"--checkpoint", j->checkpoint, 1}};

    if (n >= (int)sizeof words) return cli_fail("-o: the name is too long");
    if (j->checkpoint && (j->t.config.folds || j->t.config.seeds > 1))
        return cli_fail("--checkpoint is of one training: it needs [train] folds = 0 and seeds = 1");
    if (j->resume && access(j->checkpoint, R_OK) != 0)
        return cli_fail("--resume: %s: %s", j->checkpoint, strerror(errno));
    return task_check_outputs(&j->t, more, 4, NULL);
}

/* ---- The command ---- */

static int with_seeds(job *j)
{
    const size_t n = j->t.config.seeds;
    double *values = calloc(n, sizeof *values);
    result kept = {0};
    size_t diverged = 0;
    int code = values ? CLI_OK : cli_fail("out of memory");

    j->t.e.trial = n > 1; /* one seed that diverges does not undo the others */
    for (size_t i = 0; i < n && code == CLI_OK; i++) {
        code = with_seed(j, i, &kept, &values[i]);
        if (code == FIT_DIVERGED && n > 1) diverged++, code = CLI_OK;
    }
    if (code == CLI_OK && diverged == n) code = cli_fail("all %zu seeds diverged", n);
    if (code == CLI_OK && n > 1) print_seeds(j, &kept, values);
    if (code == CLI_OK) write_all(j, &kept);
    result_free(&kept);
    free(values);
    return code;
}

static int with_folds(job *j)
{
    double values[EXPERIMENT_FOLDS], sum = 0, squares = 0;
    const size_t n = j->t.config.folds;
    scores all = {0};
    int code = experiment_folds(&j->t.e, j->t.config.seed, &all, values);

    if (code == CLI_OK) {
        for (size_t p = 0; p < n; p++) sum += values[p];
        for (size_t p = 0; p < n; p++) squares += (values[p] - sum / (double)n) * (values[p] - sum / (double)n);
        printf("%zu folds: %s %.4f +- %.4f (mean and deviation)\n", n,
               j->t.config.score == SCORE_LOSS ? "loss" : "score", fabs(sum) / (double)n,
               sqrt(squares / (double)(n - 1)));
        scores_print(&all, &j->t.train, &j->t.config, "all folds together");
        j->failed |= task_write(&j->t, &all, &j->t.train) != CLI_OK;
    }
    scores_free(&all);
    return code;
}

static int train(job *j)
{
    task *t = &j->t;
    int code = task_configure(t, NULL);

    if (code == CLI_OK) code = check_outputs(j);
    if (code == CLI_OK && (code = task_open(t, NULL, j->checkpoint != NULL)) == CLI_OK)
        code = search(t, j->output || j->curve);
    if (code != CLI_OK) return code;
    t->e.checkpoint = j->checkpoint;
    t->e.resume = j->resume;
    if (t->config.folds) code = with_folds(j);
    if (code == CLI_OK && (!t->config.folds || j->output || j->curve)) code = with_seeds(j);
    return code == CLI_OK && j->failed ? CLI_FAILED : code;
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
        "Trains a model as the configuration says (docs/reference/training.md) and tells how good it\n"
        "is on data that it has not seen. The same data, configuration and seed give the same\n"
        "model, bit by bit, on every CPU and for any number of threads.",
        options, sizeof options / sizeof options[0]};
    const args_result parsed = args_parse(&command, argc, argv, &j.t.path);
    if (parsed != ARGS_OK) return parsed == ARGS_DONE ? CLI_OK : CLI_USAGE;
    if (j.resume && !j.checkpoint) {
        cli_fail("train: --resume needs --checkpoint FILE; see rnnpack train --help");
        return CLI_USAGE;
    }
    const int code = train(&j);
    task_close(&j.t);
    return code == FIT_DIVERGED ? CLI_FAILED : code;
}
