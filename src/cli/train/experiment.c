/* SPDX-License-Identifier: Apache-2.0 */
#include "experiment.h"

#include <stdio.h>
#include <stdlib.h>

/* A set made ready with what was fitted to the kept part of the training set. */
typedef struct prepared {
    dataset train, test;
    float *means, *deviations;
    network net;
} prepared;

static void prepared_free(prepared *p)
{
    dataset_free(&p->train);
    dataset_free(&p->test);
    free(p->means);
    free(p->deviations);
}

static int fit_scale(const experiment *e, const row_list *kept, prepared *p)
{
    const size_t channels = p->train.features * (size_t)(1 + e->config->mask + e->config->delta);

    free(p->means);
    free(p->deviations);
    p->means = malloc((channels + 1) * sizeof *p->means);
    p->deviations = malloc((channels + 1) * sizeof *p->deviations);
    if (!p->means || !p->deviations) return cli_fail("out of memory");
    return dataset_scale(&p->train, kept->at, kept->n, p->means, p->deviations);
}

static int prepare(const experiment *e, const row_list *kept, prepared *p)
{
    const train_config *config = e->config;

    *p = (prepared){0};
    if (dataset_copy(e->train, &p->train) != CLI_OK || (e->test && dataset_copy(e->test, &p->test) != CLI_OK))
        return CLI_FAILED;
    p->net = (network){
        .features = p->train.tokens ? 0 : p->train.features, .vocabulary = e->vocabulary, .lengths = e->lengths};
    if (p->train.tokens) return CLI_OK;
    if (fit_scale(e, kept, p) != CLI_OK || dataset_fill(config, &p->train, p->means) != CLI_OK ||
        (e->test && dataset_fill(config, &p->test, p->means) != CLI_OK))
        return CLI_FAILED;
    p->net.features = p->train.features;
    if (!config->standardise) return CLI_OK;
    if (fit_scale(e, kept, p) != CLI_OK) /* of all channels, filled */
        return CLI_FAILED;
    p->net.means = p->means;
    p->net.deviations = p->deviations;
    return CLI_OK;
}

int experiment_once(const experiment *e, const row_list *kept, const row_list *held, const row_list *asked,
                    int from_test, uint64_t seed, scores *found, history *past, rnnp_model **model)
{
    rnnp_trainer *trainer = NULL;
    rnnp_model *built = NULL;
    history own = {0}, *lines = past ? past : &own;
    prepared p;

    *found = (scores){0};
    int code = prepare(e, kept, &p);
    if (code == CLI_OK) code = network_build(e->context, e->config, &p.net, &built);
    if (code == CLI_OK) code = network_check(built, "[model]", e->config, e->train->classes, &p.net);
    if (code == CLI_OK) {
        identity id;
        const fit_job job = {.context = e->context,
                             .config = e->config,
                             .net = &p.net,
                             .set = &p.train,
                             .kept = kept,
                             .held = held,
                             .checkpoint = e->checkpoint,
                             .id = &id,
                             .resume = e->resume,
                             .quiet = e->quiet,
                             .trial = e->trial,
                             .seed = seed};

        identity_make(e->config, e->data, seed, &id);
        code = fit(&job, built, lines, &trainer);
    }
    if (code == CLI_OK && asked->n) {
        const asking a = {.context = e->context,
                          .config = e->config,
                          .net = &p.net,
                          .set = from_test ? &p.test : &p.train,
                          .which = asked,
                          .forward = scores_of_trainer,
                          .user = trainer,
                          .trial = e->trial};

        code = scores_ask(found, &a);
    }
    if (code == CLI_OK && model) {
        const rnnp_status status = rnnp_trainer_model(trainer, model);

        code = status == RNNP_OK ? CLI_OK : cli_fail_status(e->context, status);
    }
    rnnp_trainer_destroy(trainer);
    rnnp_model_destroy(built);
    prepared_free(&p);
    free(own.at);
    return code;
}

static int share(const experiment *e, const row_list *from, uint64_t seed, row_list *kept, row_list *held)
{
    return split_share(e->train, from, e->config->validation, seed, kept, held);
}

int experiment_folds(const experiment *e, uint64_t seed, scores *all, double *values)
{
    const size_t folds = e->config->folds;
    int code = scores_create(all, e->train->classes, e->train->n);
    for (size_t p = 0; p < folds && code == CLI_OK; p++) {
        row_list kept = {0}, out = {0}, inner = {0}, held = {0};
        scores part = {0};

        code = split_folds(e->train, folds, p, seed, &kept, &out);
        if (code == CLI_OK) code = share(e, &kept, seed + p, &inner, &held);
        if (code == CLI_OK) code = experiment_once(e, &inner, &held, &out, 0, seed + p, &part, NULL, NULL);
        if (code == CLI_OK && !e->quiet)
            printf("fold %zu of %zu\n", p + 1, folds), scores_print(&part, e->train, e->config, "  held out");
        if (code == CLI_OK) values[p] = scores_value(&part, e->config), scores_add(all, &part, p + 1);
        scores_free(&part);
        free(kept.at);
        free(out.at);
        free(inner.at);
        free(held.at);
    }
    return code == CLI_OK ? scores_measure(all, e->config) : code;
}

int experiment_simple(const experiment *e, uint64_t seed, scores *found, history *past, rnnp_model **model)
{
    row_list all = {0}, kept = {0}, held = {0}, test = {0};
    int code = split_all(e->train, &all);

    if (code == CLI_OK) code = share(e, &all, seed, &kept, &held);
    if (code == CLI_OK && e->test) code = split_all(e->test, &test);
    if (code == CLI_OK)
        code = experiment_once(e, &kept, &held, e->test ? &test : &held, e->test != NULL, seed, found, past, model);
    free(all.at);
    free(kept.at);
    free(held.at);
    free(test.at);
    return code;
}

/* ---- Before ---- */

/* Whether rows of both classes are among these: without them there is neither an area nor a curve. */
static int check_ranked(const dataset *set, const row_list *rows, const char *what, const char *where)
{
    int seen[2] = {0, 0};

    if (!set->label || set->classes != 2)
        return cli_fail("%s is of two classes; the data have %zu", what, set->label ? set->classes : 0);
    for (size_t i = 0; i < rows->n; i++) seen[set->label[rows->at[i]]] = 1;
    return seen[0] && seen[1] ? CLI_OK
                              : cli_fail("%s needs rows of both classes; %s has %s", what, where,
                                         rows->n ? "one class alone" : "no rows");
}

/* One training: kept and held (asked about after each epoch), and what is judged by its model. `whole`: all of it but
 * the epochs. */
static int check_split(const experiment *e, const row_list *kept, const row_list *held, const dataset *judged,
                       const row_list *rows, const char *where, int whole)
{
    train_config none = *e->config;
    experiment brief = *e;
    rnnp_model *model = NULL;
    scores found;

    if (e->config->score == SCORE_AUC && held->n &&
        check_ranked(e->train, held, "[train] score = auc", "a part that is held out") != CLI_OK)
        return CLI_FAILED;
    if (e->config->score == SCORE_AUC && rows->n && judged->label &&
        check_ranked(judged, rows, "[train] score = auc", where) != CLI_OK)
        return CLI_FAILED;
    if (!whole) return CLI_OK;
    none.epochs = 0;
    brief.config = &none;
    brief.checkpoint = NULL;
    brief.resume = 0;
    brief.quiet = 1;
    const row_list nobody = {0};
    const int code = experiment_once(&brief, kept, held, &nobody, 0, e->config->seed, &found, NULL, &model);
    rnnp_model_destroy(model);
    return code;
}

static int check_folds(const experiment *e)
{
    int code = CLI_OK;

    for (size_t p = 0; p < e->config->folds && code == CLI_OK; p++) {
        row_list kept = {0}, out = {0}, inner = {0}, held = {0};
        char where[64];

        snprintf(where, sizeof where, "fold %zu of %zu", p + 1, e->config->folds);
        code = split_folds(e->train, e->config->folds, p, e->config->seed, &kept, &out);
        if (code == CLI_OK) code = share(e, &kept, e->config->seed + p, &inner, &held);
        if (code == CLI_OK) code = check_split(e, &inner, &held, e->train, &out, where, p == 0);
        free(kept.at);
        free(out.at);
        free(inner.at);
        free(held.at);
    }
    return code;
}

static int check_seed(const experiment *e, uint64_t seed, int with_roc, int with_predictions, int whole)
{
    row_list all = {0}, kept = {0}, held = {0}, test = {0};
    const dataset *judged = e->test ? e->test : e->train;
    const row_list *rows = e->test ? &test : &held;
    int code = split_all(e->train, &all);

    if (code == CLI_OK) code = share(e, &all, seed, &kept, &held);
    if (code == CLI_OK && e->test) code = split_all(e->test, &test);
    if (code == CLI_OK && (with_roc || with_predictions) && !rows->n)
        code = cli_fail("%s: there are neither folds, validation nor a test set to ask about",
                        with_roc ? "--roc" : "--predictions");
    if (code == CLI_OK && with_roc)
        code = check_ranked(judged, rows, "--roc", e->test ? "the test set" : "what is held out");
    if (code == CLI_OK)
        code = check_split(e, &kept, &held, judged, rows, e->test ? "the test set" : "what is held out", whole);
    free(all.at);
    free(kept.at);
    free(held.at);
    free(test.at);
    return code;
}

int experiment_check(const experiment *e, int final, int with_roc, int with_predictions)
{
    const train_config *c = e->config;
    row_list all = {0};
    int code = split_all(e->train, &all);

    if (code == CLI_OK && c->target != TARGET_LABEL && (c->score == SCORE_ACCURACY || c->score == SCORE_F1))
        code = cli_fail("[train] score: accuracy and f1 are of labels");
    if (code == CLI_OK && c->folds && with_roc) code = check_ranked(e->train, &all, "--roc", "the training set");
    if (code == CLI_OK) code = check_folds(e);
    for (size_t i = 0; i < c->seeds && code == CLI_OK && (final || !c->folds); i++)
        code = check_seed(e, c->seed + i, with_roc && !c->folds, with_predictions && !c->folds, i == 0 && !c->folds);
    free(all.at);
    return code;
}

int experiment_model(const experiment *e, const rnnp_model *model, const char *name, int with_roc, forward_fn *forward,
                     void *user, scores *found)
{
    row_list all = {0}, kept = {0}, held = {0}, asked = {0};
    prepared p = {0};
    int code = split_all(e->train, &all);

    *found = (scores){0};
    if (code == CLI_OK) code = share(e, &all, e->config->seed, &kept, &held);
    if (code == CLI_OK) code = split_all(e->test ? e->test : e->train, &asked);
    if (code == CLI_OK) code = prepare(e, &kept, &p);
    if (code == CLI_OK) {
        p.net.lengths = rnnp_model_input_count(model) > 1;
        code = network_check(model, name, e->config, e->train->classes, &p.net);
    }
    if (code == CLI_OK && with_roc)
        code = check_ranked(e->test ? &p.test : &p.train, &asked, "--roc", e->test ? "the test set" : "the data");
    if (code == CLI_OK) {
        const asking a = {.context = e->context,
                          .config = e->config,
                          .net = &p.net,
                          .set = e->test ? &p.test : &p.train,
                          .which = &asked,
                          .forward = forward,
                          .user = user};

        code = scores_ask(found, &a);
    }
    prepared_free(&p);
    free(all.at);
    free(kept.at);
    free(held.at);
    free(asked.at);
    return code;
}
