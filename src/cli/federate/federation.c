/* SPDX-License-Identifier: Apache-2.0 */
#include "federation.h"

#include "../train/embeddings.h"
#include "../train/recipe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Before ---- */

static int check_config(const train_config *c, size_t sites)
{
    if (!c->rounds) return config_blame(c, "federate", "rounds", "[federate] rounds is missing");
    if (sites > EXCHANGE_PARTIES) return cli_fail("%zu sites are more than %d", sites, EXCHANGE_PARTIES);
    if (c->folds || c->seeds > 1 || c->n_variables)
        return cli_fail("%s: a federation is a single training: [train] folds = 0 and seeds = 1, and no [search]",
                        c->path);
    if (c->patience)
        return config_blame(c, "train", "patience", "[train] patience: a federation has as many rounds as it says");
    if (c->schedule.kind == RNNP_SCHEDULE_PLATEAU)
        return config_blame(c, "train", "schedule",
                            "[train] schedule = plateau requires a score after each epoch, "
                            "which a federation does not have");
    if (c->secure && c->format == DATA_TOKENS)
        return config_blame(c, "federate", "secure",
                            "[data] format = tokens requires [federate] secure = no: sites tell the coordinator their "
                            "words and how often each occurs");
    return CLI_OK;
}

int federation_begin(federation *f, train_config *config, rnnp_context *context, size_t sites)
{
    *f = (federation){.config = config, .context = context, .sites = sites, .loss = NAN};
    TRY(check_config(config, sites));
    config->epochs = config->schedule.epochs = config->rounds * config->local_epochs;
    return CLI_OK;
}

void federation_free(federation *f)
{
    agreement_free(&f->agreed);
    free(f->class_counts);
    free(f->fill);
    free(f->means);
    free(f->counts);
    free(f->squares);
    free(f->targets);
    free(f->target_squares);
    free(f->scale);
    free(f->target_scale);
    free(f->parameters);
    decision_free(&f->decision);
    scores_free(&f->found);
    rnnp_trainer_destroy(f->trainer);
    rnnp_model_destroy(f->model);
}

int federation_named(federation *f)
{
    const train_config *c = f->config;
    TRY(decision_begin(&f->decision, c, &f->agreed.like));
    f->stage = STAGE_FILL;
    build_name_targets(c, &f->agreed.like);
    f->targets = cli_alloc(2 * f->agreed.like.targets + 1, sizeof *f->targets);
    f->target_squares = cli_alloc(f->agreed.like.targets + 1, sizeof *f->target_squares);
    f->channels = f->agreed.like.features * (size_t)(1 + c->mask + c->delta);
    f->class_counts = cli_alloc(f->agreed.like.classes + 1, sizeof *f->class_counts);
    f->fill = cli_alloc(f->agreed.like.features + 1, sizeof *f->fill);
    f->means = cli_alloc(f->channels + 1, sizeof *f->means);
    f->counts = cli_alloc(f->channels + 1, sizeof *f->counts);
    f->squares = cli_alloc(f->channels + 1, sizeof *f->squares);
    return CLI_OK;
}

static int is_scaled(const federation *f) { return f->config->standardise && !f->agreed.words.size; }

/* Targets whose deviations are needed. */
static size_t values_of(const federation *f) { return f->config->target == TARGET_VALUES ? f->agreed.like.targets : 0; }

/* ---- The network ---- */

static void scale_targets(federation *f)
{
    const size_t T = f->agreed.like.targets;
    const train_config *c = f->config;
    float *scale = f->target_scale = cli_alloc(2 * T + 1, sizeof *scale);
    for (size_t k = 0; k < T; k++) {
        const double *sums = f->targets + 2 * k;
        if (c->target == TARGET_LABELS) experiment_weigh_answers(sums, scale + 2 * k);
        if (c->target == TARGET_LABELS) continue;
        scale[k] = sums[1] > 0 ? (float)(sums[0] / sums[1]) : 0.0f;
        scale[T + k] = dataset_deviation(f->target_squares[k], sums[1]);
    }
    if (c->target == TARGET_LABELS && c->balanced) f->net.label_weights = scale;
    if (c->target != TARGET_VALUES) return;
    f->net.target_means = scale;
    f->net.target_deviations = scale + T;
}

static int scale_network(federation *f)
{
    const size_t C = f->channels;
    f->net = (network){.features = f->agreed.words.size ? 0 : C,
                       .vocabulary = f->agreed.words.size,
                       .lengths = f->agreed.lengths,
                       .columns = f->agreed.like.columns,
                       .raw = f->agreed.like.features,
                       .targets = f->agreed.like.targets};
    scale_targets(f);
    if (!is_scaled(f)) return CLI_OK;
    f->scale = cli_alloc(2 * C, sizeof *f->scale);
    for (size_t k = 0; k < C; k++) {
        f->scale[k] = (float)f->means[k];
        f->scale[C + k] = dataset_deviation(f->squares[k], f->counts[k]);
    }
    f->net.means = f->scale;
    f->net.deviations = f->scale + C;
    return embeddings_spare(f->config, f->agreed.like.columns, f->agreed.like.features, f->scale, f->scale + C);
}

/* The network and its parameters as a training begins with them: an epoch of none. */
int federation_build(federation *f)
{
    const experiment e = {.context = f->context, .config = f->config, .quiet = 1};
    const row_list nobody = {0};
    const fit_round round = {.class_counts = f->class_counts};
    const fit_job job = {&e, &f->net, &f->agreed.like, &nobody, &nobody, NULL, f->config->seed, &round};
    history past = {0};
    TRY(scale_network(f));
    TRY(network_build(f->context, f->config, &f->net, &f->model));
    TRY(network_check(f->model, "[model]", f->config, f->agreed.like.classes, &f->net));
    const int code = fit(&job, f->model, &past, &f->trainer);
    free(past.at);
    TRY(code);
    TRY(fit_copy(f->context, f->trainer, 0, 0, NULL, &f->n_parameters));
    f->parameters = cli_alloc(f->n_parameters + 1, sizeof *f->parameters);
    return fit_copy(f->context, f->trainer, 0, 0, f->parameters, NULL);
}

int federation_model(const federation *f, rnnp_model **model)
{
    FREED float *fill = f->agreed.words.size ? NULL : cli_alloc(f->agreed.like.features + 1, sizeof *fill);
    for (size_t k = 0; fill && k < f->agreed.like.features; k++) fill[k] = (float)f->fill[k];
    const experiment e = {.context = f->context, .config = f->config};
    TRY(experiment_trained(&e, f->net, f->trainer, model));
    TRY(recipe_attach(f->context, *model, f->config, &f->agreed.like, &f->agreed.words, fill));
    return decider_attach(f->context, *model, &f->decision.decider);
}

/* ---- Sums ---- */

tally federation_tally(const federation *f) { return (tally){f->context, f->config, &f->agreed.like, &f->net}; }

size_t federation_numbers(const federation *f)
{
    const dataset *like = &f->agreed.like;
    const tally t = federation_tally(f);
    switch (f->stage) {
    case STAGE_FILL: return 1 + like->classes + 2 * like->features + 2 * like->targets + decision_held(&f->decision);
    case STAGE_MEANS: return 2 * f->channels;
    case STAGE_DEVIATIONS: return values_of(f) + (is_scaled(f) ? f->channels : 0);
    case STAGE_ROUND: return f->n_parameters + 2;
    case STAGE_TEMPERATURE: return SEARCH_POINTS;
    case STAGE_CASES: return 2 * (size_t)GRID_BINS;
    case STAGE_EVALUATE: return tally_numbers(&t);
    case STAGE_NAMES:
    case STAGE_DONE: break;
    }
    return 0;
}

static int begin_rounds(federation *f)
{
    f->stage = STAGE_ROUND;
    return federation_build(f);
}

/* Whether there is something to learn: a site may lack it, all may not. */
static int check_targets(const federation *f)
{
    const dataset *like = &f->agreed.like;
    if (!(f->sequences > 0)) return cli_fail("no site has a sequence to train on whose target is known");
    for (size_t k = 0; k < like->targets; k++)
        if (!(f->targets[2 * k + 1] > 0) && (f->config->target == TARGET_VALUES || !(f->targets[2 * k] > 0)))
            return cli_fail("target '%.80s' is missing at all sites", like->target_names[k]);
    return CLI_OK;
}

static int take_fill(federation *f, const double *sum)
{
    const size_t K = f->agreed.like.classes, F = f->agreed.like.features;
    f->sequences = sum[0];
    memcpy(f->class_counts, sum + 1, K * sizeof *sum);
    for (size_t k = 0; k < F; k++) f->fill[k] = sum[1 + K + F + k] > 0 ? sum[1 + K + k] / sum[1 + K + F + k] : 0;
    sum += 1 + K + 2 * F;
    memcpy(f->targets, sum, 2 * f->agreed.like.targets * sizeof *sum);
    sum += 2 * f->agreed.like.targets;
    TRY(check_targets(f));
    TRY(decider_check_counts(f->config, &f->agreed.like, sum, 0));
    decision_count(&f->decision, sum);
    if (!is_scaled(f) && !values_of(f)) return begin_rounds(f);
    f->stage = is_scaled(f) ? STAGE_MEANS : STAGE_DEVIATIONS;
    return CLI_OK;
}

static int take_means(federation *f, const double *sum)
{
    for (size_t k = 0; k < f->channels; k++) {
        f->counts[k] = sum[f->channels + k];
        f->means[k] = f->counts[k] > 0 ? sum[k] / f->counts[k] : 0;
    }
    f->stage = STAGE_DEVIATIONS;
    return CLI_OK;
}

static int take_deviations(federation *f, const double *sum)
{
    memcpy(f->target_squares, sum, values_of(f) * sizeof *sum);
    if (is_scaled(f)) memcpy(f->squares, sum + values_of(f), f->channels * sizeof *sum);
    return begin_rounds(f);
}

double federation_unit(const federation *f)
{
    return f->config->noise * f->config->clip / (sqrt((double)f->sites) * NOISE_UNITS);
}

/* The first stage behind `stage` in which something is fitted. */
static federate_stage next_to_fit(const federation *f, federate_stage stage)
{
    const train_config *c = f->config;
    if (stage < STAGE_TEMPERATURE && c->calibrate == CALIBRATE_TEMPERATURE) return STAGE_TEMPERATURE;
    if (stage < STAGE_CASES && (c->calibrate == CALIBRATE_ISOTONIC || c->threshold.kind > THRESHOLD_GIVEN))
        return STAGE_CASES;
    return STAGE_EVALUATE;
}

static int take_slopes(federation *f, const double *sum)
{
    temperature_search *s = &f->decision.search;
    search_narrow(s, sum);
    if (s->done < SEARCH_STEPS) return CLI_OK;
    f->decision.decider.temperature = search_temperature(s);
    f->stage = next_to_fit(f, f->stage);
    return CLI_OK;
}

/* Updates were weighted by sequences, or (with noise) count the same and are in units. */
static int take_round(federation *f, const double *sum)
{
    const size_t n = f->n_parameters;
    const double weight = f->config->noise > 0 ? federation_unit(f) / (double)f->sites : 1 / sum[n];
    if (!(sum[n] > 0)) return cli_fail("round %zu: no site has a sequence to train on", f->round + 1);
    for (size_t i = 0; i < n; i++) {
        const double moved = f->config->noise > 0 ? sum[i] * weight : sum[i] / sum[n];
        f->parameters[i] = (float)((double)f->parameters[i] + moved);
        if (!isfinite(f->parameters[i])) return cli_fail("round %zu: a parameter is not a finite number", f->round + 1);
    }
    f->loss = sum[n + 1] / sum[n];
    if (++f->round == f->config->rounds) f->stage = next_to_fit(f, f->stage);
    return fit_copy(f->context, f->trainer, 0, 1, f->parameters, NULL);
}

int federation_take(federation *f, const double *sum)
{
    const tally t = federation_tally(f);
    switch (f->stage) {
    case STAGE_FILL: return take_fill(f, sum);
    case STAGE_MEANS: return take_means(f, sum);
    case STAGE_DEVIATIONS: return take_deviations(f, sum);
    case STAGE_ROUND: return take_round(f, sum);
    case STAGE_TEMPERATURE: return take_slopes(f, sum);
    case STAGE_CASES: f->stage = STAGE_EVALUATE; return grid_fit(&f->decision.decider, sum);
    case STAGE_EVALUATE: f->stage = STAGE_DONE; return tally_take(&t, sum, &f->found);
    case STAGE_NAMES:
    case STAGE_DONE: break;
    }
    return CLI_FAILED;
}

/* ---- What is said ---- */

void federation_print(const federation *f, federate_stage before)
{
    if (before == STAGE_FILL) {
        printf("%zu site%s, %.0f sequences to train on", f->sites, f->sites == 1 ? "" : "s", f->sequences);
        if (f->agreed.words.size) printf(", %zu words", f->agreed.words.size);
        if (!f->agreed.words.size) printf(", %zu features", f->agreed.like.features);
        if (f->agreed.like.classes) printf(", %zu classes", f->agreed.like.classes);
        if (f->agreed.like.targets)
            printf(", %zu %s%s", f->agreed.like.targets, f->config->target == TARGET_LABELS ? "label" : "value",
                   f->agreed.like.targets == 1 ? "" : "s");
        putchar('\n');
    } else if (before == STAGE_ROUND)
        printf("round %3zu of %zu  loss %.5f\n", f->round, f->config->rounds, f->loss);
    fflush(stdout);
}

void federation_print_privacy(const train_config *c)
{
    double order;
    if (!(c->noise > 0)) {
        printf("privacy: no noise, so nothing is guaranteed about what the model tells%s\n",
               c->secure ? "; the coordinator sees sums alone" : "; the coordinator sees each site's updates");
        return;
    }
    const double epsilon = account_epsilon(1, c->noise, (double)c->rounds, c->privacy_delta, &order);
    printf("privacy: (%.4g, %g)-differential privacy of a site: noise %g x clip %g, %zu rounds, Renyi order %g. It is "
           "of updates alone: not of names, counts, sums for scaling, [predict], losses or scores\n",
           epsilon, c->privacy_delta, c->noise, c->clip, c->rounds, order);
}
