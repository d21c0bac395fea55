/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "together.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a checkpoint says besides the trainer's state; the parameters of the best epoch follow it. */
typedef struct note {
    uint64_t size, epoch, best_epoch;
    double best;
    rnnp_schedule schedule;
    identity id;
} note;

typedef struct fitting {
    const fit_job *job;
    rnnp_trainer *trainer;
    history *past;
    rnnp_schedule schedule;
    batch b;
    uint32_t *order;
    row_feed feed;
    float *class_weights;
    char *memory;             /* of the note: header and best parameters */
    size_t parameters, epoch; /* floats; epochs done */
    double best;
    size_t best_epoch;
} fitting;

static float *best_of(const fitting *f) { return (float *)(void *)(f->memory + sizeof(note)); }

/* ---- Parameters ---- */

static size_t elements(const rnnp_parameter_info *p)
{
    size_t n = 1;
    for (size_t d = 0; d < p->rank; d++) n *= (size_t)p->shape[d];
    return n;
}

int fit_copy(rnnp_context *context, rnnp_trainer *trainer, int frozen, int back, float *values, size_t *n)
{
    rnnp_parameter_info p = {.struct_size = sizeof p};
    size_t at = 0;
    for (size_t i = 0; i < rnnp_trainer_parameter_count(trainer); i++) {
        TRY(cli_status(context, rnnp_trainer_parameter_info(trainer, i, &p)));
        if (p.frozen && !frozen) continue;
        if (values)
            TRY(cli_status(context, back ? rnnp_trainer_set_parameter(trainer, i, values + at)
                                         : rnnp_trainer_get_parameter(trainer, i, values + at)));
        at += elements(&p);
    }
    if (n) *n = at;
    return CLI_OK;
}

/* Copies all parameters from the trainer to the note, or back. */
static int copy_all(const fitting *f, int back)
{
    return fit_copy(f->job->e->context, f->trainer, 1, back, best_of(f), NULL);
}

/* Whether the name begins as [model] freeze says. */
static int begins(const char *name, const char *text) { return strncmp(name, text, strlen(text)) == 0; }

static int is_frozen(const text_list *freeze, const char *name)
{
    size_t i = 0;
    while (i < freeze->n && !begins(name, freeze->at[i])) i++;
    return i < freeze->n;
}

static int prepare_parameters(fitting *f)
{
    rnnp_context *const context = f->job->e->context;
    rnnp_parameter_info p = {.struct_size = sizeof p};
    for (size_t i = 0; i < rnnp_trainer_parameter_count(f->trainer); i++) {
        TRY(cli_status(context, rnnp_trainer_parameter_info(f->trainer, i, &p)));
        f->parameters += elements(&p);
        if (network_is_scaling(p.name)) TRY(cli_status(context, rnnp_trainer_freeze(f->trainer, i, 1)));
    }
    return cli_status(context, rnnp_trainer_initialize(f->trainer, f->job->seed));
}

/* A text of freeze that no parameter begins with is misspelt. */
static int check_freeze(const fitting *f)
{
    const train_config *config = f->job->e->config;
    rnnp_parameter_info p = {.struct_size = sizeof p};
    for (size_t k = 0; k < config->freeze.n; k++) {
        int found = 0;
        for (size_t i = 0; i < rnnp_trainer_parameter_count(f->trainer) && !found; i++)
            found = rnnp_trainer_parameter_info(f->trainer, i, &p) == RNNP_OK && begins(p.name, config->freeze.at[k]);
        if (!found)
            return config_blame(config, "model", "freeze", "freeze '%.80s' does not match any parameter of the model",
                                config->freeze.at[k]);
    }
    return CLI_OK;
}

/* A trained body under this head: what fits is taken, what is named stays as it is. */
static int start_from(fitting *f)
{
    const train_config *config = f->job->e->config;
    rnnp_context *const context = f->job->e->context;
    const size_t n = rnnp_trainer_parameter_count(f->trainer);
    char path[2 * CONFIG_TEXT];
    AUTO(model) *body = NULL;
    rnnp_parameter_info p = {.struct_size = sizeof p};
    size_t copied = 0, frozen = 0;
    if (!*config->start && !config->freeze.n) return CLI_OK;
    TRY(check_freeze(f));
    if (*config->start) {
        TRY(cli_load(context, config_path(config, config->start, path, sizeof path), NULL, 0, &body));
        TRY(cli_status(context, rnnp_trainer_adopt(f->trainer, body, &copied)));
    }
    for (size_t i = 0; i < n; i++) {
        TRY(cli_status(context, rnnp_trainer_parameter_info(f->trainer, i, &p)));
        if (!is_frozen(&config->freeze, p.name) || p.frozen) continue;
        TRY(cli_status(context, rnnp_trainer_freeze(f->trainer, i, 1)));
        frozen++;
    }
    if (*config->start && !copied) return cli_fail("%s has no parameter of this model", config->start);
    if (!f->job->e->quiet) printf("%zu of %zu parameters taken over, %zu frozen\n", copied, n, frozen);
    return CLI_OK;
}

/* "CLASS: factor" */
static int weigh_class(const fitting *f, const char *item)
{
    const train_config *config = f->job->e->config;
    const dataset *set = f->job->set;
    FREED char *name = cli_copy(item);
    char *colon = strrchr(name, ':');
    double factor;
    if (!colon || text_number(colon + 1, '.', &factor) || factor < 0 || factor > 1e6)
        return config_blame(config, "train", "class_weights",
                            "class_weights: '%.80s' is no class, a colon and a number from 0 to 1e6", item);
    *colon = '\0';
    for (size_t k = 0; k < set->classes; k++) {
        if (strcmp(set->class_names[k], text_trim(name)) != 0) continue;
        f->class_weights[k] *= (float)factor;
        return CLI_OK;
    }
    return config_blame(config, "train", "class_weights", "class_weights: there is no class '%.80s'", name);
}

/* Of each class 1, or n / (classes * n of the class) of what is trained on; times what is given. */
static int weigh_classes(fitting *f, rnnp_train_options *options)
{
    const fit_job *job = f->job;
    const fit_round *round = job->round;
    const train_config *config = job->e->config;
    const size_t K = job->set->classes;
    double n = 0;
    FREED double *own = NULL;
    if ((!config->balanced && !config->class_weights.n) || !K || !target_is_class(config->target)) return CLI_OK;
    f->class_weights = cli_alloc(K, sizeof *f->class_weights);
    if (config->balanced && !round) {
        own = cli_alloc(K, sizeof *own);
        dataset_count_classes(job->set, job->kept->at, job->kept->n, own);
    }
    for (size_t k = 0; k < K && config->balanced; k++)
        f->class_weights[k] = (float)(round ? round->class_counts : own)[k];
    for (size_t k = 0; k < K; k++) n += (double)f->class_weights[k];
    for (size_t k = 0; k < K; k++)
        f->class_weights[k] =
            f->class_weights[k] > 0 ? (float)n / ((float)K * f->class_weights[k]) : (float)!config->balanced;
    for (size_t i = 0; i < config->class_weights.n; i++) TRY(weigh_class(f, config->class_weights.at[i]));
    options->class_weights = f->class_weights;
    options->n_classes = K;
    return CLI_OK;
}

/* ---- Checkpoints ---- */

/* A training continues when its checkpoint cannot be written: it may still reach its end. */
static void save(const fitting *f)
{
    note *n = (note *)(void *)f->memory;
    const size_t bytes = sizeof *n + f->parameters * sizeof(float);
    if (!f->job->e->checkpoint || !cli_group_leads(f->job->e->group)) return;
    *n = (note){sizeof *n, f->epoch, f->best_epoch, f->best, f->schedule, *f->job->id};
    const rnnp_status status = rnnp_trainer_save_file(f->trainer, f->job->e->checkpoint, f->memory, bytes);
    if (status != RNNP_OK) {
        cli_status(f->job->e->context, status);
        cli_fail("%s does not have epoch %zu; the training goes on", f->job->e->checkpoint, f->epoch);
    }
    f->past->unsaved = status != RNNP_OK;
}

static int resume(fitting *f)
{
    const note *n = (const note *)(void *)f->memory;
    const size_t want = sizeof *n + f->parameters * sizeof(float);
    size_t bytes = want;
    TRY(cli_status(f->job->e->context, rnnp_trainer_load_file(f->trainer, f->job->e->checkpoint, f->memory, &bytes)));
    if (bytes != want || n->size != sizeof *n)
        return cli_fail("%s was written by another version of rnnpack train", f->job->e->checkpoint);
    TRY(identity_check(&n->id, f->job->id, f->job->e->checkpoint));
    f->epoch = n->epoch;
    f->best_epoch = n->best_epoch;
    f->best = f->past->score = n->best;
    f->schedule.best = n->schedule.best; /* its state alone: the configuration may have more epochs now */
    f->schedule.waited = n->schedule.waited;
    f->schedule.drops = n->schedule.drops;
    const cli_claim same = {"checkpoint", identity_of_bytes(f->memory, want)};
    TRY(cli_group_agree(f->job->e->group, &same, 1));
    printf("continuing after epoch %zu\n", f->epoch);
    return CLI_OK;
}

/* ---- Epochs ---- */

/* After the sentence that says why. */
static void say_stopped(const fitting *f, size_t epoch, const char *where)
{
    const char *const checkpoint = f->job->e->checkpoint;
    cli_fail("stopped at epoch %zu, %s%s%s", epoch, where, checkpoint ? "; the last good state is in " : "",
             checkpoint ? checkpoint : "");
}

static void say_step(const fitting *f, size_t step)
{
    const size_t B = f->job->e->config->batch;
    char where[64];
    snprintf(where, sizeof where, "step %zu of %zu", step + 1, (f->job->kept->n + B - 1) / B);
    say_stopped(f, f->epoch + 1, where);
}

/* Batch k is there, and of ranks the next one on its way. */
static int next_batch(fitting *f, size_t k)
{
    const fit_job *job = f->job;
    const size_t B = job->e->config->batch, n = fit_rows(job, k);
    TRY(cli_status(job->e->context, rnnp_trainer_rows(f->trainer, n, &f->b.from, &f->b.to)));
    if (k == 0) TRY(feed_begin(&f->feed, job, f->trainer, f->order, k));
    TRY(feed_end(&f->feed, job, k, &f->b));
    TRY(batch_fill(&f->b, job->e->config, job->net, job->set, f->order + k * B, n));
    return fit_rows(job, k + 1) ? feed_begin(&f->feed, job, f->trainer, f->order, k + 1) : CLI_OK;
}

/* Where it ended, if another rank is silent. */
static int get_batch(fitting *f, size_t k)
{
    const int code = next_batch(f, k);
    if (code != CLI_OK && f->job->set->parts) say_step(f, k);
    return code;
}

static int run_epoch(fitting *f, epoch_line *line)
{
    const fit_job *job = f->job;
    const size_t B = job->e->config->batch, batches = (job->kept->n + B - 1) / B;
    double weight = 0;
    rnnp_train_order(job->seed, f->epoch, job->kept->n, f->order);
    for (size_t i = 0; i < job->kept->n; i++) f->order[i] = job->kept->at[f->order[i]];
    for (size_t k = 0; k < batches; k++) {
        rnnp_train_result result = {.struct_size = sizeof result};
        cli_group_step_begin(job->e->group);
        TRY(get_batch(f, k));
        line->rate = (double)rnnp_schedule_rate(&f->schedule, (double)f->epoch + (double)k / (double)batches);
        rnnp_status status = rnnp_trainer_set_rate(f->trainer, (float)line->rate);
        const rnnp_train_batch given = {.struct_size = sizeof given,
                                        .inputs = f->b.inputs,
                                        .n_inputs = f->b.n_inputs,
                                        .target = &f->b.target,
                                        .weights = f->b.has_weights ? &f->b.weights : NULL};
        if (status == RNNP_OK) status = rnnp_trainer_step(f->trainer, &given, &result);
        cli_group_step_end(job->e->group);
        if (status != RNNP_OK) {
            cli_progress_end();
            if (job->e->trial && status == RNNP_ERR_STATE) return FIT_DIVERGED;
            if (cli_group_says(job->e->group, status)) {
                cli_status(job->e->context, status);
                say_step(f, k);
            }
            return status == RNNP_ERR_STATE ? FIT_DIVERGED : CLI_FAILED;
        }
        line->loss += result.loss * result.weight;
        weight += result.weight;
        if (!job->e->quiet)
            cli_progress("epoch", (double)f->epoch + (double)(k + 1) / (double)batches, (double)job->e->config->epochs,
                         "epochs");
    }
    line->loss /= weight;
    return CLI_OK;
}

/* Evaluates the held-out sequences; *stop becomes 1 when it is time to stop. */
static int look_at_held(fitting *f, epoch_line *line, int *stop)
{
    const fit_job *job = f->job;
    const asking a = {job->e, job->net, job->set, job->held, scores_of_trainer, f->trainer, NULL, NULL};
    AUTO_SCORES s = {0};
    const int code = together_ask(&s, &a);
    if (code == CLI_FAILED && job->e->group) say_stopped(f, f->epoch, "its evaluation");
    TRY(code);
    line->held_loss = s.loss;
    line->held_score = scores_value(&s, job->e->config);
    rnnp_schedule_score(&f->schedule, line->held_score);
    if (line->held_score < f->best) {
        f->best = line->held_score;
        f->best_epoch = f->epoch;
        TRY(copy_all(f, 0));
    }
    *stop = job->e->config->patience && f->epoch - f->best_epoch >= job->e->config->patience;
    return CLI_OK;
}

static void print_epoch(const fitting *f, const epoch_line *line, double took)
{
    static const char *const names[] = {[SCORE_LOSS] = "loss",
                                        [SCORE_ACCURACY] = "accuracy",
                                        [SCORE_AUC] = "AUC",
                                        [SCORE_F1] = "F1",
                                        [SCORE_R2] = "R2"};
    const train_score score = f->job->e->config->score;
    if (f->job->e->quiet) return;
    cli_progress_end();
    printf("epoch %3zu  loss %.5f", f->epoch, line->loss);
    if (f->job->held->n) printf("  held-out loss %.5f", line->held_loss);
    if (f->job->held->n && score != SCORE_LOSS) printf("  %s %.4f", names[score], -line->held_score);
    printf("  rate %.3g  %.1f s%s\n", line->rate, took, f->job->held->n && f->best_epoch == f->epoch ? "  best" : "");
    fflush(stdout);
}

static int run_epochs(fitting *f)
{
    const train_config *config = f->job->e->config;
    const fit_round *round = f->job->round;
    const size_t held = f->job->held->n, last = round ? round->first + round->epochs : config->epochs;
    history *past = f->past;
    int stop = 0;
    while (f->epoch < last && !stop) {
        epoch_line line = {0};
        const double begin = cli_clock();
        TRY(run_epoch(f, &line));
        f->epoch++;
        if (held)
            TRY(look_at_held(f, &line, &stop));
        else
            rnnp_schedule_score(&f->schedule, line.loss);
        print_epoch(f, &line, cli_clock() - begin);
        cli_grow(&past->at, &past->room, past->n + 1, sizeof *past->at);
        past->at[past->n++] = line;
        past->score = held ? f->best : line.loss;
        save(f);
    }
    past->best = held ? f->best_epoch : f->epoch;
    return held && f->best_epoch ? copy_all(f, 1) : CLI_OK;
}

/* Where a round begins: its epoch, and the parameters that all sites have. */
static int begin_round(fitting *f, const fit_round *round)
{
    f->epoch = round->first;
    if (!round->parameters) return CLI_OK;
    TRY(fit_copy(f->job->e->context, f->trainer, 0, 1, (float *)round->parameters, NULL));
    return cli_status(f->job->e->context, rnnp_trainer_set_proximal(f->trainer, round->proximal));
}

static int run(fitting *f, const rnnp_model *model)
{
    const fit_job *job = f->job;
    rnnp_train_options options = job->e->config->options;
    if (job->kept->n == 0 && !(job->round && !job->round->epochs))
        return cli_fail("there is nothing to train on: the training part is empty");
    options.seed = job->seed;
    /* A round's trainer counts its steps from 0, and would drop out what the round before dropped. */
    if (job->round) options.seed += job->round->first * UINT64_C(0x9E3779B97F4A7C15);
    options.threads = job->e->config->threads;
    options.optimizer = &job->e->config->optimizer;
    TRY(weigh_classes(f, &options));
    TRY(cli_status(job->e->context, rnnp_trainer_create(model, &options, &f->trainer)));
    TRY(prepare_parameters(f));
    f->order = cli_alloc(job->kept->n + 1, sizeof *f->order);
    f->memory = cli_alloc(sizeof(note) + f->parameters * sizeof(float), 1);
    TRY(start_from(f));
    TRY(together_join(job->e, f->trainer));
    if (job->e->resume) TRY(resume(f));
    if (job->round) TRY(begin_round(f, job->round));
    return run_epochs(f);
}

int fit(const fit_job *job, const rnnp_model *model, history *past, rnnp_trainer **trainer)
{
    fitting f = {.job = job, .past = past, .schedule = job->e->config->schedule, .best = INFINITY};
    const int code = run(&f, model);
    batch_free(&f.b);
    feed_free(&f.feed);
    free(f.order);
    free(f.memory);
    free(f.class_weights);
    if (code != CLI_OK) rnnp_trainer_destroy(f.trainer);
    *trainer = code == CLI_OK ? f.trainer : NULL;
    return code;
}
