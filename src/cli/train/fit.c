/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "fit.h"

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

typedef rnnp_status copy_fn(rnnp_trainer *trainer, size_t index, float *values);

static rnnp_status get(rnnp_trainer *trainer, size_t i, float *to)
{
    return rnnp_trainer_get_parameter(trainer, i, to);
}
static rnnp_status put(rnnp_trainer *trainer, size_t i, float *from)
{
    return rnnp_trainer_set_parameter(trainer, i, from);
}

static int copy_all(const fitting *f, copy_fn *copy)
{
    float *values = best_of(f);
    rnnp_parameter_info p = {.struct_size = sizeof p};

    for (size_t i = 0; i < rnnp_trainer_parameter_count(f->trainer); i++) {
        rnnp_status status = rnnp_trainer_parameter_info(f->trainer, i, &p);

        if (status != RNNP_OK || (status = copy(f->trainer, i, values)) != RNNP_OK)
            return cli_fail_status(f->job->context, status);
        values += elements(&p);
    }
    return CLI_OK;
}

/* Whether [model] freeze names it. */
static int is_frozen(const char *list, const char *name)
{
    char copy[CONFIG_TEXT], *next, *word;

    strcpy(copy, list);
    for (word = strtok_r(copy, ", \t", &next); word; word = strtok_r(NULL, ", \t", &next))
        if (strncmp(name, word, strlen(word)) == 0) return 1;
    return 0;
}

static rnnp_status prepare_parameters(fitting *f)
{
    rnnp_status status = RNNP_OK;
    rnnp_parameter_info p = {.struct_size = sizeof p};

    for (size_t i = 0; i < rnnp_trainer_parameter_count(f->trainer) && status == RNNP_OK; i++) {
        if ((status = rnnp_trainer_parameter_info(f->trainer, i, &p)) != RNNP_OK) break;
        f->parameters += elements(&p);
        if (network_is_scaling(p.name)) status = rnnp_trainer_freeze(f->trainer, i, 1);
    }
    return status == RNNP_OK ? rnnp_trainer_initialize(f->trainer, f->job->seed) : status;
}

/* A word of freeze that names nothing is misspelt. */
static int check_freeze(const fitting *f)
{
    const train_config *config = f->job->config;
    char copy[CONFIG_TEXT], *next, *word;
    rnnp_parameter_info p = {.struct_size = sizeof p};

    strcpy(copy, config->freeze);
    for (word = strtok_r(copy, ", \t", &next); word; word = strtok_r(NULL, ", \t", &next)) {
        int found = 0;

        for (size_t i = 0; i < rnnp_trainer_parameter_count(f->trainer) && !found; i++)
            found = rnnp_trainer_parameter_info(f->trainer, i, &p) == RNNP_OK && is_frozen(word, p.name);
        if (!found)
            return config_blame(config, "model", "freeze", "freeze '%.80s' names no parameter of the model", word);
    }
    return CLI_OK;
}

/* A trained body under this head: what fits is taken, what is named stays as it is. */
static int start_from(fitting *f)
{
    const train_config *config = f->job->config;
    char path[2 * CONFIG_TEXT];
    rnnp_model *body = NULL;
    rnnp_parameter_info p = {.struct_size = sizeof p};
    size_t copied = 0, frozen = 0;

    if (!*config->start && !*config->freeze) return CLI_OK;
    if (check_freeze(f) != CLI_OK) return CLI_FAILED;
    rnnp_status status = RNNP_OK;
    if (*config->start) {
        status = cli_load(f->job->context, config_path(config, config->start, path, sizeof path), 0, &body);
        if (status == RNNP_OK) status = rnnp_trainer_adopt(f->trainer, body, &copied);
        rnnp_model_destroy(body);
    }
    for (size_t i = 0; i < rnnp_trainer_parameter_count(f->trainer) && status == RNNP_OK; i++) {
        status = rnnp_trainer_parameter_info(f->trainer, i, &p);
        if (status == RNNP_OK && is_frozen(config->freeze, p.name) && !p.frozen) {
            status = rnnp_trainer_freeze(f->trainer, i, 1);
            frozen++;
        }
    }
    if (status != RNNP_OK) return cli_fail_status(f->job->context, status);
    if (*config->start && !copied) return cli_fail("%s has no parameter of this model", config->start);
    if (!f->job->quiet)
        printf("%zu of %zu parameters taken over, %zu frozen\n", copied, rnnp_trainer_parameter_count(f->trainer),
               frozen);
    return CLI_OK;
}

/* n / (classes * n of the class), of the sequences that are trained on. */
static int balance(fitting *f, rnnp_train_options *options)
{
    const fit_job *job = f->job;
    const size_t K = job->set->classes;

    if (!job->config->balanced || !K) return CLI_OK;
    f->class_weights = calloc(K, sizeof *f->class_weights);
    if (!f->class_weights) return cli_fail("out of memory");
    for (size_t i = 0; i < job->kept->n; i++) f->class_weights[job->set->label[job->kept->at[i]]] += 1.0f;
    for (size_t k = 0; k < K; k++)
        if (f->class_weights[k] > 0) f->class_weights[k] = (float)job->kept->n / ((float)K * f->class_weights[k]);
    options->class_weights = f->class_weights;
    options->n_classes = K;
    return CLI_OK;
}

/* ---- Checkpoints ---- */

/* A training goes on when its checkpoint cannot be written: it may still come to its end. */
static void save(const fitting *f)
{
    note *n = (note *)(void *)f->memory;
    const size_t bytes = sizeof *n + f->parameters * sizeof(float);

    if (!f->job->checkpoint) return;
    *n = (note){sizeof *n, f->epoch, f->best_epoch, f->best, f->schedule, *f->job->id};
    const rnnp_status status = rnnp_trainer_save_file(f->trainer, f->job->checkpoint, f->memory, bytes);
    if (status != RNNP_OK) {
        cli_fail_status(f->job->context, status);
        cli_fail("%s is not of epoch %zu; the training goes on", f->job->checkpoint, f->epoch);
    }
    f->past->unsaved = status != RNNP_OK;
}

static int resume(fitting *f)
{
    const note *n = (const note *)(void *)f->memory;
    const size_t want = sizeof *n + f->parameters * sizeof(float);
    size_t bytes = want;
    const rnnp_status status = rnnp_trainer_load_file(f->trainer, f->job->checkpoint, f->memory, &bytes);

    if (status != RNNP_OK) return cli_fail_status(f->job->context, status);
    if (bytes != want || n->size != sizeof *n)
        return cli_fail("%s was not written by this version of rnnpack train", f->job->checkpoint);
    if (identity_check(&n->id, f->job->id, f->job->checkpoint) != CLI_OK) return CLI_FAILED;
    f->epoch = n->epoch;
    f->best_epoch = n->best_epoch;
    f->best = f->past->score = n->best;
    f->schedule.best = n->schedule.best; /* its state alone: the configuration may have more epochs now */
    f->schedule.waited = n->schedule.waited;
    f->schedule.drops = n->schedule.drops;
    printf("going on after epoch %zu\n", f->epoch);
    return CLI_OK;
}

/* ---- Epochs ---- */

static int run_epoch(fitting *f, epoch_line *line)
{
    const fit_job *job = f->job;
    const size_t B = job->config->batch, batches = (job->kept->n + B - 1) / B;
    double weight = 0;

    rnnp_train_order(job->seed, f->epoch, job->kept->n, f->order);
    for (size_t i = 0; i < job->kept->n; i++) f->order[i] = job->kept->at[f->order[i]];
    for (size_t k = 0; k < batches; k++) {
        const size_t n = k + 1 < batches ? B : job->kept->n - k * B;
        rnnp_train_result result = {.struct_size = sizeof result};

        if (batch_fill(&f->b, job->config, job->net, job->set, f->order + k * B, n) != CLI_OK) return CLI_FAILED;
        line->rate = (double)rnnp_schedule_rate(&f->schedule, (double)f->epoch + (double)k / (double)batches);
        rnnp_status status = rnnp_trainer_set_rate(f->trainer, (float)line->rate);
        const rnnp_train_batch given = {.struct_size = sizeof given,
                                        .inputs = f->b.inputs,
                                        .n_inputs = f->b.n_inputs,
                                        .target = &f->b.target,
                                        .weights = f->b.has_weights ? &f->b.weights : NULL};
        if (status == RNNP_OK) status = rnnp_trainer_step(f->trainer, &given, &result);
        if (status != RNNP_OK) {
            cli_progress_end();
            if (job->trial && status == RNNP_ERR_STATE) return FIT_DIVERGED;
            cli_fail_status(job->context, status);
            cli_fail("stopped at epoch %zu, step %zu of %zu%s%s", f->epoch + 1, k + 1, batches,
                     job->checkpoint ? "; the last good state is in " : "", job->checkpoint ? job->checkpoint : "");
            return status == RNNP_ERR_STATE ? FIT_DIVERGED : CLI_FAILED;
        }
        line->loss += result.loss * result.weight;
        weight += result.weight;
        if (!job->quiet)
            cli_progress("epoch", (double)f->epoch + (double)(k + 1) / (double)batches, (double)job->config->epochs,
                         "epochs");
    }
    line->loss /= weight;
    return CLI_OK;
}

/* Asks about the held-out sequences; returns 1 when it is time to stop. */
static int look_at_held(fitting *f, epoch_line *line, int *stop)
{
    const fit_job *job = f->job;
    const asking a = {.context = job->context,
                      .config = job->config,
                      .net = job->net,
                      .set = job->set,
                      .which = job->held,
                      .forward = scores_of_trainer,
                      .user = f->trainer,
                      .trial = job->trial};
    scores s;
    const int code = scores_ask(&s, &a);

    if (code != CLI_OK) {
        scores_free(&s);
        return code;
    }
    line->held_loss = s.loss;
    line->held_score = scores_value(&s, job->config);
    scores_free(&s);
    rnnp_schedule_score(&f->schedule, line->held_score);
    if (line->held_score < f->best) {
        f->best = line->held_score;
        f->best_epoch = f->epoch;
        if (copy_all(f, get) != CLI_OK) return CLI_FAILED;
    }
    *stop = job->config->patience && f->epoch - f->best_epoch >= job->config->patience;
    return CLI_OK;
}

static int remember(history *past, const epoch_line *line)
{
    if (past->n == past->room) {
        epoch_line *more = realloc(past->at, (2 * past->room + 16) * sizeof *more);

        if (!more) return cli_fail("out of memory");
        past->at = more;
        past->room = 2 * past->room + 16;
    }
    past->at[past->n++] = *line;
    return CLI_OK;
}

static void print_epoch(const fitting *f, const epoch_line *line, double took)
{
    static const char *const names[] = {
        [SCORE_LOSS] = "loss", [SCORE_ACCURACY] = "accuracy", [SCORE_AUC] = "AUC", [SCORE_F1] = "F1"};
    const train_score score = f->job->config->score;

    if (f->job->quiet) return;
    cli_progress_end();
    printf("epoch %3zu  loss %.5f", f->epoch, line->loss);
    if (f->job->held->n) printf("  held-out loss %.5f", line->held_loss);
    if (f->job->held->n && score != SCORE_LOSS) printf("  %s %.4f", names[score], -line->held_score);
    printf("  rate %.3g  %.1f s%s\n", line->rate, took, f->job->held->n && f->best_epoch == f->epoch ? "  best" : "");
    fflush(stdout);
}

static int run_epochs(fitting *f)
{
    const train_config *config = f->job->config;
    int stop = 0, code;

    while (f->epoch < config->epochs && !stop) {
        epoch_line line = {0};
        const double begin = cli_clock();

        if ((code = run_epoch(f, &line)) != CLI_OK) return code;
        f->epoch++;
        if (f->job->held->n) {
            if ((code = look_at_held(f, &line, &stop)) != CLI_OK) return code;
        } else {
            rnnp_schedule_score(&f->schedule, line.loss);
        }
        print_epoch(f, &line, cli_clock() - begin);
        if (remember(f->past, &line) != CLI_OK) return CLI_FAILED;
        f->past->score = f->job->held->n ? f->best : line.loss;
        save(f);
    }
    f->past->best = f->job->held->n ? f->best_epoch : f->epoch;
    return f->job->held->n && f->best_epoch ? copy_all(f, put) : CLI_OK;
}

int fit(const fit_job *job, const rnnp_model *model, history *past, rnnp_trainer **trainer)
{
    fitting f = {.job = job, .past = past, .schedule = job->config->schedule, .best = INFINITY};
    rnnp_train_options options = job->config->options;

    *trainer = NULL;
    if (job->kept->n == 0) return cli_fail("there is nothing to train on: the training part is empty");
    options.seed = job->seed;
    options.threads = job->config->threads;
    options.optimizer = &job->config->optimizer;
    int code = balance(&f, &options);
    rnnp_status status = code == CLI_OK ? rnnp_trainer_create(model, &options, &f.trainer) : RNNP_OK;
    if (code == CLI_OK && status == RNNP_OK) status = prepare_parameters(&f);
    f.order = malloc((job->kept->n + 1) * sizeof *f.order);
    f.memory = malloc(sizeof(note) + f.parameters * sizeof(float) + 1);
    if (code == CLI_OK && status != RNNP_OK) code = cli_fail_status(job->context, status);
    if (code == CLI_OK && (!f.order || !f.memory)) code = cli_fail("out of memory");
    if (code == CLI_OK) code = start_from(&f);
    if (code == CLI_OK && job->resume) code = resume(&f);
    if (code == CLI_OK) code = run_epochs(&f);
    batch_free(&f.b);
    free(f.order);
    free(f.memory);
    free(f.class_weights);
    if (code == CLI_OK)
        *trainer = f.trainer;
    else
        rnnp_trainer_destroy(f.trainer);
    return code;
}
