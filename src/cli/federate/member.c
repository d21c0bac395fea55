/* SPDX-License-Identifier: Apache-2.0 */
#include "federation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int member_begin(member *m)
{
    const train_config *c = m->f->config;
    AUTO_ROWS all = split_all(&m->train);
    TRY(split_share(&m->train, &all, c->validation, c->seed, &m->kept, &m->held));
    m->known = split_known(c, &m->train, &m->kept);
    return CLI_OK;
}

void member_free(member *m)
{
    dataset_free(&m->train);
    dataset_free(&m->test);
    rows_free(&m->kept);
    rows_free(&m->held);
    rows_free(&m->known);
    scores_free(&m->held_out);
    scores_free(&m->found);
}

const dataset *member_judged(const member *m) { return m->test.n ? &m->test : &m->train; }

/* ---- Sums for scaling ---- */

static void sum_features(const member *m, double *x)
{
    const size_t F = m->train.features;
    for (size_t k = 0; k < F; k++) x[k] = dataset_sum(&m->train, m->kept.at, m->kept.n, k, NULL, &x[F + k]);
}

static void sum_targets(const member *m, double *x)
{
    for (size_t k = 0; k < m->train.targets; k++, x += 2)
        if (m->f->config->target == TARGET_LABELS)
            dataset_count_answers(&m->train, m->kept.at, m->kept.n, k, x);
        else
            x[0] = dataset_sum_target(&m->train, m->kept.at, m->kept.n, k, NULL, &x[1]);
}

static void sum_all(const member *m, double *x)
{
    const dataset *like = &m->f->agreed.like;
    x[0] = (double)m->known.n;
    if (like->classes) dataset_count_classes(&m->train, m->kept.at, m->kept.n, x + 1);
    sum_features(m, x + 1 + like->classes);
    x += 1 + like->classes + 2 * like->features;
    sum_targets(m, x);
    if (!decider_fits(m->f->config)) return;
    x += 2 * like->targets;
    dataset_count_classes(&m->train, m->held.at, m->held.n, x);
    if (m->train.group_names) x[like->classes] = (double)split_groups(&m->train, &m->held);
}

static void sum_squares(const member *m, double *x)
{
    const federation *f = m->f;
    double count;
    for (size_t k = 0; k < m->train.targets && f->config->target == TARGET_VALUES; k++) {
        const double mean = f->targets[2 * k + 1] > 0 ? f->targets[2 * k] / f->targets[2 * k + 1] : 0;
        *x++ = dataset_sum_target(&m->train, m->kept.at, m->kept.n, k, &mean, &count);
    }
    for (size_t k = 0; k < f->channels && f->config->standardise && !f->agreed.words.size; k++)
        *x++ = dataset_sum(&m->train, m->kept.at, m->kept.n, k, &f->means[k], &count);
}

static int fill_gaps(member *m)
{
    const federation *f = m->f;
    if (m->filled || f->agreed.words.size) return CLI_OK;
    FREED float *fill = cli_alloc(f->agreed.like.features + 1, sizeof *fill);
    for (size_t k = 0; k < f->agreed.like.features; k++) fill[k] = (float)f->fill[k];
    m->filled = 1;
    TRY(dataset_fill(f->config, &m->train, fill));
    return m->test.n ? dataset_fill(f->config, &m->test, fill) : CLI_OK;
}

/* ---- A round ---- */

static experiment as_experiment(const member *m)
{
    return (experiment){.context = m->f->context,
                        .config = m->f->config,
                        .train = &m->train,
                        .test = m->test.n ? &m->test : NULL,
                        .words = &m->f->agreed.words,
                        .lengths = m->f->agreed.lengths,
                        .quiet = 1};
}

/* Kairouz, Liu and Steinke (2021) cut, round and add discrete noise at each site, so that the sum of all has the noise
 * that is wanted. Rounding is towards zero, so that no update grows beyond the norm that it was cut to. */
void member_protect(const federation *f, const uint8_t noise_key[KEY_BYTES], double weight, double *x, size_t n)
{
    const double unit = federation_unit(f), clip = f->config->clip;
    double square = 0;
    uint8_t key[KEY_BYTES];
    for (size_t i = 0; i < n; i++) square += x[i] * x[i];
    const double norm = sqrt(square), shrink = clip > 0 && norm > clip ? clip / norm : 1;
    for (size_t i = 0; i < n; i++) {
        x[i] *= shrink;
        x[i] = unit > 0 ? trunc(x[i] / unit) : weight * x[i];
    }
    if (!(unit > 0)) return;
    /* Another update has other noise: the difference of two with the same would be the difference of the updates. */
    digest(noise_key, "rnnpack noise", x, n * sizeof *x, f->round, key);
    noise_add(key, x, n);
}

/* Trains from the common parameters; x becomes the update, the sequences, and their losses. A site without a known
 * target moves nothing. */
static int train_round(member *m, double *x)
{
    const federation *f = m->f;
    const train_config *c = f->config;
    const experiment e = as_experiment(m);
    const row_list nobody = {0};
    const fit_round round = {f->round * c->local_epochs, c->local_epochs, f->parameters, f->class_counts, c->proximal};
    const fit_job job = {&e, &f->net, &m->train, &m->known, &nobody, NULL, c->seed, &round};
    const size_t n = f->n_parameters;
    history past = {0};
    AUTO(trainer) *trainer = NULL;
    FREED float *after = cli_alloc(n + 1, sizeof *after);
    const int code = m->known.n ? fit(&job, f->model, &past, &trainer) : CLI_OK;
    const double loss = past.n ? past.at[past.n - 1].loss : 0;
    free(past.at);
    TRY(code);
    if (trainer) TRY(fit_copy(f->context, trainer, 0, 0, after, NULL));
    for (size_t i = 0; i < n && trainer; i++) x[i] = (double)after[i] - (double)f->parameters[i];
    member_protect(f, m->noise_key, (double)m->known.n, x, n);
    x[n] = (double)m->known.n;
    x[n + 1] = (double)m->known.n * loss;
    return CLI_OK;
}

/* ---- Scores ---- */

static int ask(const member *m, const dataset *set, const row_list *rows, scores *s)
{
    const federation *f = m->f;
    const experiment e = as_experiment(m);
    scores_free(s);
    return scores_ask(
        s, &(const asking){
               .e = &e, .net = &f->net, .set = set, .which = rows, .forward = scores_of_trainer, .user = f->trainer});
}

static int evaluate(member *m, double *x)
{
    const federation *f = m->f;
    const tally t = federation_tally(f);
    AUTO_ROWS all = split_all(&m->test);
    const row_list *rows = m->test.n ? &all : &m->held;
    if (!rows->n) return CLI_OK;
    TRY(ask(m, member_judged(m), rows, &m->found));
    if (m->test.n) TRY(decider_apply(&f->decision.decider, f->config, &m->test, &m->found));
    tally_put(&t, &m->found, x);
    return CLI_OK;
}

static int fit_decision(member *m, double *x)
{
    const federation *f = m->f;
    if (!m->held_out.n) TRY(ask(m, &m->train, &m->held, &m->held_out));
    return f->stage == STAGE_TEMPERATURE ? search_slopes(&f->decision.search, &m->held_out, x)
                                         : grid_count(&f->decision.decider, &m->held_out, f->decision.positive, x);
}

int member_answer(member *m, double *x)
{
    const federation *f = m->f;
    memset(x, 0, federation_numbers(f) * sizeof *x);
    if (f->stage > STAGE_FILL) TRY(fill_gaps(m));
    switch (f->stage) {
    case STAGE_FILL: sum_all(m, x); break;
    case STAGE_MEANS: sum_features(m, x); break;
    case STAGE_DEVIATIONS: sum_squares(m, x); break;
    case STAGE_ROUND: return train_round(m, x);
    case STAGE_TEMPERATURE:
    case STAGE_CASES: return fit_decision(m, x);
    case STAGE_EVALUATE: return evaluate(m, x);
    case STAGE_NAMES:
    case STAGE_DONE: break;
    }
    return CLI_OK;
}
