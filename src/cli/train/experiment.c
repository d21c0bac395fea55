/* SPDX-License-Identifier: Apache-2.0 */
#include "experiment.h"
#include "decider.h"
#include "embeddings.h"
#include "together.h"
#include "recipe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A set made ready with what was fitted to the kept part of the training set. */
typedef struct prepared {
    dataset train, test;
    float *fill; /* means of features, which missing values become */
    float *means, *deviations;
    float *target_means, *target_deviations, *label_weights;
    network net;
} prepared;

static void prepared_free(prepared *p)
{
    dataset_free(&p->train);
    dataset_free(&p->test);
    free(p->fill);
    free(p->means);
    free(p->deviations);
    free(p->target_means);
    free(p->target_deviations);
    free(p->label_weights);
}
#define AUTO_PREPARED __attribute__((cleanup(prepared_free))) prepared

static void scale_targets(const dataset *set, const row_list *kept, prepared *p)
{
    const size_t T = set->targets;
    p->target_means = cli_alloc(T + 1, sizeof *p->target_means);
    p->target_deviations = cli_alloc(T + 1, sizeof *p->target_deviations);
    for (size_t k = 0; k < T; k++) {
        double n;
        const double sum = dataset_sum_target(set, kept->at, kept->n, k, NULL, &n), mean = n > 0 ? sum / n : 0;
        p->target_means[k] = (float)mean;
        p->target_deviations[k] = dataset_deviation(dataset_sum_target(set, kept->at, kept->n, k, &mean, &n), n);
    }
    p->net.target_means = p->target_means;
    p->net.target_deviations = p->target_deviations;
}

void experiment_weigh_answers(const double counts[2], float weights[2])
{
    const double n = counts[0] + counts[1];
    for (int is = 0; is < 2; is++) weights[is] = counts[is] > 0 ? (float)(n / (2 * counts[is])) : 1.0f;
}

static void weigh_labels(const dataset *set, const row_list *kept, prepared *p)
{
    p->label_weights = cli_alloc(2 * set->targets + 1, sizeof *p->label_weights);
    for (size_t k = 0; k < set->targets; k++) {
        double counts[2];
        dataset_count_answers(set, kept->at, kept->n, k, counts);
        experiment_weigh_answers(counts, p->label_weights + 2 * k);
    }
    p->net.label_weights = p->label_weights;
}

static int prepare(const experiment *e, const row_list *kept, prepared *p)
{
    const train_config *config = e->config;
    const size_t channels = e->train->features * (size_t)(1 + config->mask + config->delta);
    dataset_borrow(e->train, &p->train);
    if (e->test) dataset_borrow(e->test, &p->test);
    p->net = (network){.features = p->train.tokens ? 0 : p->train.features,
                       .vocabulary = p->train.tokens ? e->words->size : 0,
                       .lengths = e->lengths,
                       .columns = e->train->columns,
                       .raw = e->train->features,
                       .targets = p->train.targets};
    if (config->target == TARGET_VALUES) scale_targets(&p->train, kept, p);
    if (config->target == TARGET_LABELS && config->balanced) weigh_labels(&p->train, kept, p);
    if (p->train.tokens) return CLI_OK;
    p->means = cli_alloc(channels, sizeof *p->means);
    p->deviations = cli_alloc(channels, sizeof *p->deviations);
    p->fill = cli_alloc(channels, sizeof *p->fill);
    TRY(dataset_scale(&p->train, kept->at, kept->n, p->fill, p->deviations));
    cli_group_part(e->group);
    TRY(cli_group_settle(e->group, dataset_fill(config, &p->train, p->fill)));
    if (e->test) {
        cli_group_part(e->group);
        TRY(cli_group_settle(e->group, dataset_fill(config, &p->test, p->fill)));
    }
    p->net.features = p->train.features;
    if (!config->standardise) return CLI_OK;
    TRY(dataset_scale(&p->train, kept->at, kept->n, p->means, p->deviations)); /* of all channels, filled */
    TRY(embeddings_spare(config, e->train->columns, e->train->features, p->means, p->deviations));
    p->net.means = p->means;
    p->net.deviations = p->deviations;
    return CLI_OK;
}

/* The same network with nodes for the units. */
int experiment_trained(const experiment *e, network net, const rnnp_trainer *trainer, rnnp_model **model)
{
    AUTO(model) *trained = NULL, *built = NULL;
    AUTO(trainer) *other = NULL;
    rnnp_train_options options = e->config->options;
    size_t copied;
    if (e->config->target != TARGET_VALUES) return cli_status(e->context, rnnp_trainer_model(trainer, model));
    net.in_units = 1;
    TRY(cli_status(e->context, rnnp_trainer_model(trainer, &trained)));
    TRY(network_build(e->context, e->config, &net, &built));
    TRY(cli_status(e->context, rnnp_trainer_create(built, &options, &other)));
    TRY(cli_status(e->context, rnnp_trainer_adopt(other, trained, &copied)));
    return cli_status(e->context, rnnp_trainer_model(other, model));
}

int experiment_once(const experiment *e, const row_list *kept, const row_list *held, const row_list *asked,
                    int from_test, uint64_t seed, scores *found, scores *held_out, history *past, rnnp_model **model)
{
    AUTO_PREPARED p = {0};
    AUTO(model) *built = NULL;
    AUTO(trainer) *trainer = NULL;
    FREED epoch_line *own_lines = NULL;
    history own = {0};
    identity id;
    *found = (scores){0};
    if (held_out) *held_out = (scores){0};
    TRY(prepare(e, kept, &p));
    TRY(dataset_complete(&p.train, e->whole));
    TRY(dataset_complete(&p.test, e->whole));
    TRY(network_build(e->context, e->config, &p.net, &built));
    TRY(network_check(built, "[model]", e->config, e->train->classes, &p.net));
    identity_make(e->config, e->data, seed, &id);
    AUTO_ROWS known = split_known(e->config, e->train, kept);
    const fit_job job = {e, &p.net, &p.train, &known, held, &id, seed, NULL};
    const int code = fit(&job, built, past ? past : &own, &trainer);
    own_lines = own.at;
    TRY(code);
    const asking a = {e, &p.net, from_test ? &p.test : &p.train, asked, scores_of_trainer, trainer, NULL, NULL};
    if (asked->n) TRY(together_ask(found, &a));
    if (held_out && held->n)
        TRY(together_ask(held_out, &(const asking){e, &p.net, &p.train, held, scores_of_trainer, trainer, NULL, NULL}));
    if (!model) return CLI_OK;
    TRY(experiment_trained(e, p.net, trainer, model));
    return recipe_attach(e->context, *model, e->config, e->train, e->words, p.fill);
}

static int share(const experiment *e, const row_list *from, uint64_t seed, row_list *kept, row_list *held)
{
    return split_share(e->train, from, e->config->validation, seed, kept, held);
}

/* The rows of fold p: out is held out of the training set, the rest is kept or held for early stopping. */
static int split_fold(const experiment *e, size_t p, uint64_t seed, row_list *out, row_list *kept, row_list *held)
{
    AUTO_ROWS rest = {0};
    TRY(split_folds(e->train, e->config->folds, p, seed, &rest, out));
    return share(e, &rest, seed + p, kept, held);
}

int experiment_folds(const experiment *e, uint64_t seed, scores *all, double *values, trainings *past)
{
    const size_t folds = e->config->folds;
    scores_create(all, e->config, e->train, NULL, e->train->n);
    for (size_t p = 0; p < folds; p++) {
        AUTO_ROWS out = {0}, kept = {0}, held = {0};
        AUTO_SCORES part = {0};
        FREED epoch_line *epochs = NULL;
        history own = {0};
        TRY(split_fold(e, p, seed, &out, &kept, &held));
        const int code = experiment_once(e, &kept, &held, &out, 0, seed + p, &part, NULL, &own, NULL);
        epochs = own.at;
        TRY(code);
        trainings_add(past, "fold", p + 1, &own);
        if (!e->quiet)
            printf("fold %zu of %zu\n", p + 1, folds), scores_print(&part, e->train, e->config, "  held out");
        values[p] = scores_value(&part, e->config);
        scores_add(all, &part, p + 1);
    }
    return scores_measure(all, e->config);
}

/* The rows of a training on all of the training set: kept, held for validation, and all of the test set. */
static int split_once(const experiment *e, uint64_t seed, row_list *kept, row_list *held, row_list *test)
{
    AUTO_ROWS all = split_all(e->train);
    *test = e->test ? split_all(e->test) : (row_list){0};
    return share(e, &all, seed, kept, held);
}

int experiment_simple(const experiment *e, uint64_t seed, scores *found, scores *held_out, history *past,
                      rnnp_model **model)
{
    AUTO_ROWS kept = {0}, held = {0}, test = {0};
    TRY(split_once(e, seed, &kept, &held, &test));
    return experiment_once(e, &kept, &held, e->test ? &test : &held, e->test != NULL, seed, found,
                           e->test ? held_out : NULL, past, model);
}

/* ---- Before ---- */

/* Whether there are sequences or steps of both classes among these rows; of labels, whether one of them is answered
 * both ways. Without them there is neither an area nor a curve. */
static int has_both(const dataset *set, const row_list *rows)
{
    int seen[2] = {0, 0}, both = 0;
    for (size_t i = 0; i < rows->n; i++) {
        const size_t row = rows->at[i];
        if (set->label) seen[set->label[row] > 0] = 1;
        for (size_t s = set->first[row]; set->step_label && s < set->first[row + 1]; s++)
            if (set->step_label[s] >= 0) seen[set->step_label[s] > 0] = 1;
    }
    for (size_t k = 0; set->y && k < set->targets && !both; k++) {
        int of_label[2] = {0, 0};
        for (size_t i = 0; i < rows->n; i++) {
            const float y = set->y[rows->at[i] * set->targets + k];
            if (!isnan(y)) of_label[y > 0] = 1;
        }
        both = of_label[0] && of_label[1];
    }
    return both || (seen[0] && seen[1]);
}

static int check_ranked(const dataset *set, const row_list *rows, const char *what, const char *where)
{
    if (!set->y && set->classes != 2) return cli_fail("%s requires two classes; the data has %zu", what, set->classes);
    return has_both(set, rows) ? CLI_OK
                               : cli_fail("%s requires rows of both classes; %s has %s", what, where,
                                          rows->n ? "only one class" : "no rows");
}

/* Whether a score or a curve is one of this target. */
static int check_measures(const train_config *c, int with_roc)
{
    if (!target_is_class(c->target) &&
        (c->score == SCORE_ACCURACY || (c->score == SCORE_F1 && c->target != TARGET_LABELS)))
        return cli_fail("[train] score: accuracy and f1 require labels as targets");
    if (c->target == TARGET_VALUES ? c->score == SCORE_AUC : c->score == SCORE_R2)
        return cli_fail("[train] score: %s",
                        c->score == SCORE_AUC ? "auc requires labels as targets" : "r2 requires target = values");
    if (with_roc && target_has_columns(c->target))
        return cli_fail("--roc draws the curve of one label of two classes, not of target = %s",
                        c->target == TARGET_LABELS ? "labels" : "values");
    return CLI_OK;
}

/* One training: kept and held (evaluated after each epoch), and what is judged by its model. `whole`: all of it but the
 * epochs. */
static int check_split(const experiment *e, const row_list *kept, const row_list *held, const dataset *judged,
                       const row_list *rows, const char *where, int whole)
{
    static const row_list nobody = {0};
    train_config none = *e->config;
    experiment brief = *e;
    AUTO(model) *model = NULL;
    scores found;
    AUTO_ROWS known = split_known(e->config, e->train, held);
    if (held->n && !known.n) return cli_fail("a part that is held out has no sequence with a known target");
    if (e->config->score == SCORE_AUC && held->n)
        TRY(check_ranked(e->train, held, "[train] score = auc", "a part that is held out"));
    if (e->config->score == SCORE_AUC && rows->n && (judged->label || judged->step_label || judged->y))
        TRY(check_ranked(judged, rows, "[train] score = auc", where));
    if (!whole) return CLI_OK;
    none.epochs = 0;
    brief.config = &none;
    brief.checkpoint = NULL;
    brief.resume = 0;
    brief.quiet = 1;
    return experiment_once(&brief, kept, held, &nobody, 0, e->config->seed, &found, NULL, NULL, &model);
}

static int check_folds(const experiment *e)
{
    for (size_t p = 0; p < e->config->folds; p++) {
        AUTO_ROWS out = {0}, kept = {0}, held = {0};
        char where[64];
        snprintf(where, sizeof where, "fold %zu of %zu", p + 1, e->config->folds);
        TRY(split_fold(e, p, e->config->seed, &out, &kept, &held));
        TRY(check_split(e, &kept, &held, e->train, &out, where, p == 0));
    }
    return CLI_OK;
}

static int check_seed(const experiment *e, uint64_t seed, int with_roc, int with_predictions, int whole)
{
    AUTO_ROWS kept = {0}, held = {0}, test = {0};
    const dataset *judged = e->test ? e->test : e->train;
    const row_list *rows = e->test ? &test : &held;
    const char *where = e->test ? "the test set" : "what is held out";
    TRY(split_once(e, seed, &kept, &held, &test));
    if ((with_roc || with_predictions) && !rows->n)
        return cli_fail("%s: there are no folds, no validation part and no test set to evaluate",
                        with_roc ? "--roc" : "--predictions");
    if (with_roc) TRY(check_ranked(judged, rows, "--roc", where));
    if (!e->config->folds) TRY(decider_check(e->config, e->train, &held));
    return check_split(e, &kept, &held, judged, rows, where, whole);
}

int experiment_check(const experiment *e, int final, int with_roc, int with_predictions)
{
    const train_config *c = e->config;
    AUTO_ROWS all = split_all(e->train);
    TRY(check_measures(c, with_roc));
    if (c->folds && with_roc) TRY(check_ranked(e->train, &all, "--roc", "the training set"));
    if (c->folds) TRY(decider_check(c, e->train, NULL));
    TRY(check_folds(e));
    for (size_t i = 0; i < c->seeds && (final || !c->folds); i++)
        TRY(check_seed(e, c->seed + i, with_roc && !c->folds, with_predictions && !c->folds, i == 0 && !c->folds));
    return CLI_OK;
}

int experiment_prepared(const experiment *e, dataset *set)
{
    AUTO_ROWS kept = {0}, held = {0}, test = {0};
    AUTO_PREPARED p = {0};
    TRY(split_once(e, e->config->seed, &kept, &held, &test));
    TRY(prepare(e, &kept, &p));
    dataset *from = e->test ? &p.test : &p.train;
    *set = *from;
    *from = (dataset){0};
    return CLI_OK;
}

int experiment_model(const experiment *e, const rnnp_model *model, const char *name, int with_roc, forward_fn *forward,
                     void *user, scores *found)
{
    AUTO_ROWS kept = {0}, held = {0}, test = {0}, all = split_all(e->train);
    const row_list *rows = e->test ? &test : &all;
    AUTO_PREPARED p = {0};
    *found = (scores){0};
    TRY(split_once(e, e->config->seed, &kept, &held, &test));
    TRY(prepare(e, &kept, &p));
    p.net.lengths = rnnp_model_input_count(model) > 1;
    p.net.in_units = 1;
    TRY(network_check(model, name, e->config, e->train->classes, &p.net));
    TRY(check_measures(e->config, with_roc));
    if (with_roc) TRY(check_ranked(e->test ? &p.test : &p.train, rows, "--roc", e->test ? "the test set" : "the data"));
    const asking a = {e, &p.net, e->test ? &p.test : &p.train, rows, forward, user, NULL, NULL};
    return scores_ask(found, &a);
}
