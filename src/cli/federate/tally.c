/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"
#include "exchange.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEQUENCES, ITEMS, LOSS, WEIGHT, HEAD };    /* of all targets */
enum { SQUARES, CHANGES, ELEMENTS, NUMBERS };     /* of forecasts */
enum { ANSWERS, POSITIVE, SAID, HITS, LABEL };    /* of each label */
enum { N, U, V, SIZE, APART, UU, VV, UV, VALUE }; /* of each value, see below */

size_t tally_numbers(const tally *t)
{
    const size_t K = t->like->classes, T = t->like->targets;
    const data_target target = t->config->target;
    return HEAD + (target_is_class(target) ? K * K : T ? T * (target == TARGET_VALUES ? VALUE : LABEL) : NUMBERS);
}

/* ---- A site ---- */

/* In units of the training's deviations from its means, u of the truth and v of what was said: all sums are of numbers
 * of about 1, so neither their last digits nor the difference of squares are lost. */
static void sum_value(const tally *t, const scores *s, size_t k, double *x)
{
    const double mean = (double)t->net->target_means[k], unit = (double)t->net->target_deviations[k];
    for (size_t i = 0; i < s->n; i++) {
        const double u = ((double)s->y[i * s->targets + k] - mean) / unit;
        const double v = ((double)s->p[i * s->targets + k] - mean) / unit;
        if (isnan(u)) continue;
        x[N]++;
        x[U] += u, x[V] += v;
        x[SIZE] += fabs(v - u), x[APART] += (v - u) * (v - u);
        x[UU] += u * u, x[VV] += v * v, x[UV] += u * v;
    }
}

static void sum_label(const target_metrics *m, double *x)
{
    x[ANSWERS] = (double)m->n;
    x[POSITIVE] = (double)m->positive;
    x[SAID] = m->said;
    x[HITS] = m->hits;
}

void tally_put(const tally *t, const scores *s, double *x)
{
    const size_t K = t->like->classes;
    const data_target target = t->config->target;
    x[SEQUENCES] = (double)s->n;
    x[ITEMS] = (double)s->items;
    x[LOSS] = s->loss * s->weight;
    x[WEIGHT] = s->weight;
    x += HEAD;
    for (size_t k = 0; k < s->targets; k++)
        if (target == TARGET_VALUES)
            sum_value(t, s, k, x + k * VALUE);
        else if (s->per_target)
            sum_label(&s->per_target[k], x + k * LABEL);
    if (target_is_class(target) && s->confusion) memcpy(x, s->confusion, K * K * sizeof *x);
    if (!target_is_input(target)) return;
    x[SQUARES] = s->squares;
    x[CHANGES] = s->changes;
    x[ELEMENTS] = s->elements;
}

/* ---- All of them ---- */

/* Of a sum and one of squares: the squares around the mean, 0 when that is rounding alone. */
static double around(double squares, double sum, double n)
{
    const double rest = squares - sum * sum / n;
    return rest > 1e-12 * squares ? rest : 0;
}

static target_metrics value_of(const double *x, double unit)
{
    const double n = x[N], uu = around(x[UU], x[U], n), vv = around(x[VV], x[V], n), apart = (x[U] - x[V]) / n;
    const double uv = x[UV] - x[U] * x[V] / n;
    target_metrics m = {.n = sum_count(n), .r2 = NAN, .pearson = NAN, .concordance = NAN};
    m.error = unit * (x[V] - x[U]) / n;
    m.absolute = unit * x[SIZE] / n;
    m.root_square = unit * sqrt(x[APART] / n);
    if (uu > 0) m.r2 = 1 - x[APART] / uu;
    if (uu > 0 && vv > 0) m.pearson = uv / (sqrt(uu) * sqrt(vv));
    if (uu > 0) m.concordance = 2 * uv / (uu + vv + n * apart * apart);
    return m;
}

static target_metrics label_of(const double *x, target_metrics *all)
{
    target_metrics m = {.n = sum_count(x[ANSWERS]),
                        .positive = sum_count(x[POSITIVE]),
                        .said = x[SAID],
                        .hits = x[HITS],
                        .auc = NAN,
                        .average_precision = NAN};
    all->n += m.n;
    all->positive += m.positive;
    all->said += m.said;
    all->hits += m.hits;
    scores_count_answers(&m);
    return m;
}

static int take_classes(const tally *t, const double *x, scores *s)
{
    const size_t K = s->classes;
    s->confusion = cli_alloc(K * K + 1, sizeof *s->confusion);
    s->per_class = cli_alloc(K + 1, sizeof *s->per_class);
    memcpy(s->confusion, x, K * K * sizeof *x);
    for (size_t i = 0; i < K * K; i++) s->labelled += sum_count(x[i]);
    return cli_status(t->context, rnnp_metrics_classes(K, s->confusion, s->per_class, &s->summary));
}

int tally_take(const tally *t, const double *x, scores *s)
{
    const int values = t->config->target == TARGET_VALUES;
    *s = (scores){.n = sum_count(x[SEQUENCES]), .items = sum_count(x[ITEMS]), .weight = x[WEIGHT]};
    s->loss = x[WEIGHT] > 0 ? x[LOSS] / x[WEIGHT] : 0;
    s->auc = s->average_precision = s->brier = s->calibration = s->r2 = NAN;
    s->summary = (rnnp_summary_metrics){sizeof s->summary, NAN, NAN, NAN, NAN, NAN};
    s->targets = t->like->targets;
    s->classes = t->like->classes;
    x += HEAD;
    if (target_is_class(t->config->target)) return take_classes(t, x, s);
    if (target_is_input(t->config->target)) {
        s->squares = x[SQUARES];
        s->changes = x[CHANGES];
        s->elements = x[ELEMENTS];
        return CLI_OK;
    }
    s->per_target = cli_alloc(s->targets + 1, sizeof *s->per_target);
    s->micro = (target_metrics){.auc = NAN, .average_precision = NAN};
    for (size_t k = 0; k < s->targets; k++)
        s->per_target[k] =
            values ? value_of(x + k * VALUE, (double)t->net->target_deviations[k]) : label_of(x + k * LABEL, &s->micro);
    scores_count_answers(&s->micro);
    (values ? scores_mean_values : scores_mean_labels)(s);
    return CLI_OK;
}
