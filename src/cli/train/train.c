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

#include "../report/report.h"
#include "decider.h"
#include "experiment.h"
#include "together.h"

typedef struct job {
    task *t;
    decider by_folds; /* where there are folds */
    resampling how;
    subgroups by;
    trainings past;
    scores folds;      /* all of them together */
    assessment judged; /* of the folds, else of the seed that is kept */
    int failed;        /* not everything could be written */
} job;

/* ---- Seeds ---- */

/* What a training left. */
typedef struct result {
    uint64_t seed;
    scores found;
    history past;
    rnnp_model *model;
    decider by_held; /* without folds */
    int done;
} result;

static void result_free(result *r)
{
    scores_free(&r->found);
    free(r->past.at);
    rnnp_model_destroy(r->model);
    decider_free(&r->by_held);
    *r = (result){0};
}

static const dataset *judged_set(const job *j) { return j->t->e.test ? j->t->e.test : &j->t->train; }

/* Thresholds and calibration go into the model, and into what is said of a test set. */
static int decide(const job *j, result *r, const scores *held_out)
{
    const task *t = j->t;
    const decider *d = t->config.folds ? &j->by_folds : &r->by_held;
    if (!t->config.folds) TRY(decider_fit(&r->by_held, &t->config, &t->train, t->e.test ? held_out : &r->found, 0));
    if (t->e.test) TRY(decider_apply(d, &t->config, t->e.test, &r->found));
    return r->model ? decider_attach(t->e.context, r->model, d) : CLI_OK;
}

/* One training; the result replaces *kept when its score, which no test set has a part in, is better. */
static int with_seed(job *j, size_t i, result *kept, double *value)
{
    const train_config *c = &j->t->config;
    result r = {.seed = c->seed + i, .past = {.score = INFINITY}};
    AUTO_SCORES held_out = {0};
    int code = experiment_simple(&j->t->e, r.seed, &r.found, &held_out, &r.past, j->t->call->output ? &r.model : NULL);
    if (code == CLI_OK) code = decide(j, &r, &held_out);
    r.done = code == CLI_OK;
    *value = r.done ? scores_value(&r.found, c) : INFINITY;
    if (c->seeds > 1 && r.done && r.found.n)
        printf("seed %llu: ", (unsigned long long)r.seed);
    else if (c->seeds > 1 && (r.done || code == FIT_DIVERGED))
        printf("seed %llu: %s\n", (unsigned long long)r.seed, r.done ? "done" : "diverged");
    if (r.done && r.found.n) scores_print(&r.found, judged_set(j), c, j->t->e.test ? "test" : "held out");
    if (r.done) trainings_add(&j->past, "seed", r.seed, &r.past);
    if (r.done) decider_print(&r.by_held);
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
    const train_config *c = &j->t->config;
    const double middle = search_median(values, c->seeds), sign = c->score == SCORE_LOSS ? 1 : -1;
    if (kept->found.n && isfinite(middle)) printf("median of %zu seeds: %.5f\n", c->seeds, sign * middle);
    if (!j->t->call->output && !j->t->call->curve && (c->folds || (!j->t->call->roc && !j->t->call->predictions)))
        return;
    printf("kept: seed %llu, with the best %s", (unsigned long long)kept->seed,
           c->validation > 0 ? "score on the validation part" : "training loss");
    printf(": %.5f\n", c->validation > 0 ? sign * kept->past.score : kept->past.score);
}

/* ---- Files ---- */

static int write_curve(const job *j, const history *past)
{
    FREED double *numbers = cli_alloc(3 * past->n, sizeof *numbers);
    double *epoch = numbers, *loss = numbers + past->n, *held = loss + past->n;
    for (size_t i = 0; i < past->n; i++) {
        epoch[i] = (double)(i + 1);
        loss[i] = past->at[i].loss;
        held[i] = past->at[i].held_loss;
    }
    const curve curves[] = {{"training", epoch, loss, past->n}, {"held out", epoch, held, past->n}};
    return curve_write(j->t->call->curve, j->t->path, "epoch", "loss", curves, j->t->config.validation > 0 ? 2 : 1);
}

/* The model first; what fails does not keep back the rest. */
static void write_all(job *j, const result *kept)
{
    if (!cli_group_leads(j->t->e.group)) return;
    if (kept->past.unsaved) j->failed = 1;
    if (j->t->call->output &&
        outputs_keep_model(j->t->e.context, kept->model, &j->t->words, j->t->call->output) != CLI_OK)
        j->failed = 1;
    if (j->t->call->curve && write_curve(j, &kept->past) != CLI_OK) j->failed = 1;
    if (!j->t->config.folds && task_write(j->t, &kept->found, judged_set(j)) != CLI_OK) j->failed = 1;
}

/* Whether the output files can be written, and no two are the same. */
static int check_outputs(const job *j)
{
    char words[2 * CONFIG_TEXT];
    const int has_words = j->t->call->output && j->t->config.format == DATA_TOKENS;
    const int n = has_words ? snprintf(words, sizeof words, "%s.words", j->t->call->output) : 0;
    const output_file more[] = {{"-o", j->t->call->output, 1},
                                {"-o", has_words ? words : NULL, 1},
                                {"--curve", j->t->call->curve, 0},
                                {"--curves", j->t->call->curves, 0},
                                {"--checkpoint", j->t->call->checkpoint, 1}};
    if (n >= (int)sizeof words) return cli_fail("-o: the name is too long");
    if (j->t->call->checkpoint && (j->t->config.folds || j->t->config.seeds > 1))
        return cli_fail("--checkpoint requires a single training: [train] folds = 0 and seeds = 1");
    if (j->t->call->resume && access(j->t->call->checkpoint, R_OK) != 0)
        return cli_fail("--resume: %s: %s", j->t->call->checkpoint, strerror(errno));
    return task_check_outputs(j->t, more, COUNT(more), NULL);
}

/* ---- The command ---- */

static int with_seeds(job *j, result *kept)
{
    const size_t n = j->t->config.seeds;
    FREED double *values = cli_alloc(n, sizeof *values);
    size_t diverged = 0;
    char name[48];
    j->t->e.trial = n > 1; /* one seed that diverges does not undo the others */
    for (size_t i = 0; i < n; i++) {
        const int code = with_seed(j, i, kept, &values[i]);
        diverged += code == FIT_DIVERGED;
        if (code != FIT_DIVERGED || n == 1) TRY(code);
    }
    if (diverged == n) return cli_fail("all %zu seeds diverged", n);
    if (n > 1) print_seeds(j, kept, values);
    snprintf(name, sizeof name, "seed %llu", (unsigned long long)kept->seed);
    if (!j->t->config.folds)
        assess(j->t, &kept->found, judged_set(j), &j->how, &j->by, n > 1 ? name : NULL, &j->judged);
    write_all(j, kept);
    return CLI_OK;
}

static int with_folds(job *j)
{
    const train_config *c = &j->t->config;
    const size_t n = c->folds;
    double values[EXPERIMENT_FOLDS], sum = 0, squares = 0;
    scores *all = &j->folds;
    TRY(experiment_folds(&j->t->e, c->seed, all, values, &j->past));
    for (size_t p = 0; p < n; p++) sum += values[p];
    for (size_t p = 0; p < n; p++) squares += (values[p] - sum / (double)n) * (values[p] - sum / (double)n);
    printf("%zu folds: %s %.4f +- %.4f (mean and deviation)\n", n, c->score == SCORE_LOSS ? "loss" : "score",
           fabs(sum) / (double)n, sqrt(squares / (double)(n - 1)));
    scores_print(all, &j->t->train, c, "all folds together");
    assess(j->t, all, &j->t->train, &j->how, &j->by, NULL, &j->judged);
    TRY(decider_fit(&j->by_folds, c, &j->t->train, all, 1));
    decider_print(&j->by_folds);
    if (cli_group_leads(j->t->e.group)) j->failed |= task_write(j->t, all, &j->t->train) != CLI_OK;
    return CLI_OK;
}

/* The table whose rows are judged. */
static int read_subgroups(job *j)
{
    const task *t = j->t;
    const int test = t->e.test && !t->config.folds;
    return subgroups_read(&t->config, test ? t->config.test : t->config.train, t->call->subgroups,
                          test ? t->e.test : &t->train, &j->by);
}

/* Last, as it has what all trainings came to. */
static int write_report(const job *j, const result *kept)
{
    const task *t = j->t;
    const char *slash = strrchr(t->path, '/');
    char title[CONFIG_TEXT], what[64] = "all folds together";
    if (!t->config.folds && t->config.seeds > 1)
        snprintf(what, sizeof what, "%s, by the model of seed %llu", t->e.test ? "the test set" : "what was held out",
                 (unsigned long long)kept->seed);
    else if (!t->config.folds)
        snprintf(what, sizeof what, "%s", t->e.test ? "the test set" : "what was held out");
    snprintf(title, sizeof title, "Training of %s", slash ? slash + 1 : t->path);
    report r = {.title = title,
                .what = what,
                .model = t->call->output,
                .t = t,
                .s = t->config.folds ? &j->folds : &kept->found,
                .set = t->config.folds ? &t->train : judged_set(j),
                .a = &j->judged,
                .how = &j->how,
                .by = &j->by,
                .past = &j->past};
    return report_write(&r, t->call->report);
}

/* What all trainings came to. */
static void write_numbers(job *j, const result *kept)
{
    const task *t = j->t;
    if (t->call->curves && cli_group_leads(t->e.group) && curves_write(&j->past, &t->config, t->call->curves) != CLI_OK)
        j->failed = 1;
    if (t->call->report && write_report(j, kept) != CLI_OK) j->failed = 1;
}

static int train(job *j)
{
    task *t = j->t;
    const cli_call *const call = t->call;
    const int wanted = call->output || call->curve;
    __attribute__((cleanup(result_free))) result kept = {0};
    TRY(task_configure(t, NULL));
    TRY(resampling_of(call, &j->how));
    if (cli_group_leads(t->e.group)) TRY(check_outputs(j));
    TRY(together_configure(t->e.group, call, &t->config));
    TRY(task_open(t, NULL, call->checkpoint != NULL));
    TRY(read_subgroups(j));
    TRY(search(t, wanted));
    t->e.checkpoint = call->checkpoint;
    t->e.resume = call->resume;
    if (t->config.folds) TRY(with_folds(j));
    if (!t->config.folds || wanted) TRY(with_seeds(j, &kept));
    write_numbers(j, &kept);
    if (!call->quiet) TRY(cli_group_report(t->e.group));
    return j->failed ? CLI_FAILED : CLI_OK;
}

static int train_task(const cli_call *call, cli_group *group)
{
    AUTO_TASK t = {.call = call, .path = call->operands[0]};
    job j = {.t = &t};
    t.e.group = group;
    t.e.whole = floor(call->mpi_whole) * 0x1p20;
    const int code = train(&j);
    decider_free(&j.by_folds);
    subgroups_free(&j.by);
    trainings_free(&j.past);
    scores_free(&j.folds);
    assessment_free(&j.judged);
    return code == FIT_DIVERGED ? CLI_FAILED : code;
}

int cli_train(const cli_call *call)
{
    cli_group group = {.mpi = NULL};
    if (call->resume && !call->checkpoint) return cli_misuse("--resume needs --checkpoint FILE");
    const int code = cli_group_open(call, &group);
    return cli_group_close(&group, code == CLI_OK ? train_task(call, call->mpi ? &group : NULL) : code);
}
