/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../group.h"
#include "dataset.h"

/* ---- Windows ---- */

typedef struct cutting {
    const dataset *set;
    dataset_builder b;   /* of the windows */
    size_t *of, room_of; /* sequence of each window */
    size_t room_before, room_since, room_start;
    size_t here;   /* windows of sequences that are here */
    size_t *parts; /* [ranks + 1] as the windows' set will have them; or NULL */
    float *last;   /* [features] of the current sequence, before step `seen` */
    double *when;  /* in steps, or on the data's clock */
    size_t seen;
} cutting;

static void begin_cut(cutting *c, size_t i)
{
    const dataset *set = c->set;
    for (size_t k = 0; set->parts && k < set->ranks->peers.ranks; k++)
        if (set->parts[k] == i) c->parts[k] = c->b.set->n;
    for (size_t k = 0; k < set->features; k++) {
        c->last[k] = NAN;
        c->when[k] = set->time && dataset_steps(set, i) ? set->time[set->first[i]] : 0;
    }
    c->seen = 0;
}

/* What a window that begins at step `first` does not see: filling carries it on. */
static void look_back(cutting *c, size_t i, size_t first)
{
    const dataset *set = c->set;
    dataset *windows = c->b.set;
    const size_t F = set->features, w = c->here++;
    if (!set->x) return;
    const float *x = dataset_x(set, i);
    cli_grow(&windows->before, &c->room_before, w + 1, F * sizeof *windows->before);
    cli_grow(&windows->since, &c->room_since, w + 1, F * sizeof *windows->since);
    for (; c->seen < first; c->seen++)
        for (size_t k = 0; k < F; k++) {
            const size_t s = set->first[i] + c->seen;
            if (isnan(x[c->seen * F + k])) continue;
            c->last[k] = x[c->seen * F + k];
            c->when[k] = set->time ? set->time[s] : (double)c->seen;
        }
    for (size_t k = 0; k < F; k++) { /* without a clock a window's own steps count from 0 */
        windows->before[w * F + k] = c->last[k];
        windows->since[w * F + k] = c->when[k] - (set->time ? 0 : (double)first);
    }
}

static void add_window(cutting *c, size_t i, size_t first, size_t steps)
{
    const dataset *from = c->set;
    const int here = dataset_is_here(from, i);
    const float *x = here && from->x ? dataset_x(from, i) + first * from->features : NULL;
    const int32_t *token = here && from->tokens ? dataset_tokens(from, i) + first : NULL;
    cli_grow(&c->of, &c->room_of, c->b.set->n + 1, sizeof *c->of);
    if (here) look_back(c, i, first);
    c->of[c->b.set->n] = i;
    build_sequence(&c->b, dataset_id(from, i), NULL, NULL);
    c->b.elsewhere = !here;
    cli_grow(&c->b.set->start, &c->room_start, c->b.set->n, sizeof *c->b.set->start);
    c->b.set->start[c->b.set->n - 1] = (from->start ? from->start[i] : 0) + first;
    for (size_t t = 0, s = from->first[i] + first; t < steps; t++, s++) {
        build_step(&c->b, x ? x + t * from->features : NULL, token ? token[t] : 0, from->time != NULL,
                   from->time ? from->time[s] : 0);
        if (from->step_label) build_step_label(&c->b, from->step_label[s]);
    }
    if (from->y) build_targets(&c->b, from->y + i * from->targets);
}

/* Windows of a sequence stay together: its group is theirs, or they are one. Groups without a window are dropped. */
static void inherit_groups(const cutting *c, dataset *set)
{
    dataset *windows = c->b.set;
    const size_t groups = set->group_names ? set->groups : set->n;
    FREED size_t *number = cli_alloc(groups + 1, sizeof *number);
    size_t used = 0;
    windows->group = cli_alloc(windows->n + 1, sizeof *windows->group);
    for (size_t w = 0; w < windows->n; w++) number[set->group ? set->group[c->of[w]] : c->of[w]] = 1;
    for (size_t g = 0; g < groups; g++) {
        if (set->group_names && number[g]) {
            char *name = set->group_names[g];
            set->group_names[g] = set->group_names[used];
            set->group_names[used] = name;
        }
        used += number[g];
        number[g] = used - 1;
    }
    for (size_t w = 0; w < windows->n; w++) windows->group[w] = number[set->group ? set->group[c->of[w]] : c->of[w]];
    windows->groups = groups; /* names of dropped groups come after the others */
    windows->group_names = set->group_names;
    set->group_names = NULL;
}

/* Takes over what windows inherit. */
static void inherit(const cutting *c, dataset *set)
{
    dataset *windows = c->b.set;
    if (set->label) windows->label = cli_alloc(windows->n + 1, sizeof *windows->label);
    for (size_t w = 0; set->label && w < windows->n; w++) windows->label[w] = set->label[c->of[w]];
    windows->classes = set->classes;
    windows->target_names = set->target_names;
    windows->class_names = set->class_names;
    windows->columns = set->columns;
    windows->units = set->units;
    memcpy(windows->rate, set->rate, sizeof set->rate);
    set->class_names = set->columns = set->units = set->target_names = NULL;
    inherit_groups(c, set);
}

void dataset_cut(const train_config *config, dataset *set)
{
    FREED float *last = cli_alloc(set->features + 1, sizeof *last);
    FREED double *when = cli_alloc(set->features + 1, sizeof *when);
    const size_t ranks = set->parts ? set->ranks->peers.ranks : 0;
    FREED size_t *parts = ranks ? cli_alloc(ranks + 1, sizeof *parts) : NULL;
    dataset windows = {.features = set->features, .targets = set->targets, .seen = set->seen, .sum = set->sum};
    cutting c = {.set = set,
                 .b = {.set = &windows, .from = &(data_source){.config = config, .path = ""}},
                 .last = last,
                 .when = when,
                 .parts = parts};
    for (size_t i = 0; i < set->n; i++) {
        const size_t all = dataset_steps(set, i);
        const size_t from = config->longest && all > config->longest ? all - config->longest : 0;
        const size_t window = config->window ? config->window : all - from;
        size_t end = from;
        begin_cut(&c, i);
        for (size_t first = from; first + window <= all; first += config->window ? config->stride : all + 1) {
            add_window(&c, i, first, window);
            end = first + window;
        }
        if (config->target == TARGET_STEP_LABEL && config->window && config->stride <= window && end < all)
            add_window(&c, i, end, all - end);
    }
    for (size_t k = 0; k <= ranks && ranks; k++)
        if (set->parts[k] == set->n) parts[k] = windows.n;
    windows.ranks = set->ranks;
    windows.parts = parts;
    parts = NULL;
    if (windows.parts && set->x && !windows.before) { /* a rank without a window has none of what there is */
        windows.before = cli_alloc(1, sizeof *windows.before);
        windows.since = cli_alloc(1, sizeof *windows.since);
    }
    windows.class_names = set->class_names; /* which are not to be found again */
    build_finish(&c.b, CLI_OK);
    inherit(&c, set);
    free(c.of);
    dataset_free(set);
    *set = windows;
}

/* ---- Scaling ---- */

/* Adds the sequences that are here. */
static void add_up(const dataset *set, const uint32_t *rows, size_t n, size_t feature, const double *mean, double *sum,
                   double *count)
{
    const size_t F = set->features, base = set->first[dataset_from(set)];
    for (size_t i = 0; i < n; i++) {
        if (!dataset_is_here(set, rows[i])) continue;
        for (size_t s = set->first[rows[i]]; s < set->first[rows[i] + 1]; s++) {
            const double x = (double)set->x[(s - base) * F + feature];
            if (isnan(x)) continue;
            *sum += mean ? (x - *mean) * (x - *mean) : x;
            ++*count;
        }
    }
}

double dataset_sum(const dataset *set, const uint32_t *rows, size_t n, size_t feature, const double *mean,
                   double *count)
{
    double sum = 0;
    *count = 0;
    add_up(set, rows, n, feature, mean, &sum, count);
    return sum;
}

double dataset_sum_target(const dataset *set, const uint32_t *rows, size_t n, size_t target, const double *mean,
                          double *count)
{
    double sum = 0;
    *count = 0;
    for (size_t i = 0; i < n && set->y; i++) {
        const double y = (double)set->y[rows[i] * set->targets + target];
        if (isnan(y)) continue;
        sum += mean ? (y - *mean) * (y - *mean) : y;
        ++*count;
    }
    return sum;
}

void dataset_count_answers(const dataset *set, const uint32_t *rows, size_t n, size_t target, double counts[2])
{
    counts[0] = counts[1] = 0;
    for (size_t i = 0; i < n && set->y; i++) {
        const float y = set->y[rows[i] * set->targets + target];
        if (!isnan(y)) counts[y > 0]++;
    }
}

void dataset_count_classes(const dataset *set, const uint32_t *rows, size_t n, double *counts)
{
    for (size_t i = 0; i < n; i++) {
        if (set->label && !set->step_label) counts[set->label[rows[i]]]++;
        for (size_t s = set->first[rows[i]]; set->step_label && s < set->first[rows[i] + 1]; s++)
            if (set->step_label[s] >= 0) counts[set->step_label[s]]++;
    }
}

float dataset_deviation(double squares, double count)
{
    const float deviation = count > 0 ? (float)sqrt(squares / count) : 0.0f;
    return deviation > 0 ? deviation : 1.0f;
}

/* Sums of all features, which each rank goes on with where the one before it has ended. */
typedef struct adding {
    const dataset *set;
    const uint32_t *rows;
    size_t n;
    const double *means; /* [features] of squared distances from them, or NULL */
    double *sums;        /* [features][2]: and how many values */
} adding;

static void add_part(void *user)
{
    const adding *a = user;
    for (size_t f = 0; f < a->set->features; f++)
        add_up(a->set, a->rows, a->n, f, a->means ? &a->means[f] : NULL, &a->sums[2 * f], &a->sums[2 * f + 1]);
}

int dataset_scale(const dataset *set, const uint32_t *rows, size_t n, float *means, float *deviations)
{
    const size_t F = set->features, bytes = 2 * F * sizeof(double);
    FREED double *sums = cli_alloc(2 * F, sizeof *sums), *exact = cli_alloc(F, sizeof *exact);
    adding a = {.set = set, .rows = rows, .n = n, .sums = sums};
    TRY(cli_group_in_turn(set->ranks, bytes, sums, add_part, &a));
    for (size_t f = 0; f < F; f++) {
        exact[f] = sums[2 * f + 1] > 0 ? sums[2 * f] / sums[2 * f + 1] : 0;
        means[f] = (float)exact[f];
    }
    a.means = exact;
    memset(sums, 0, bytes);
    TRY(cli_group_in_turn(set->ranks, bytes, sums, add_part, &a));
    for (size_t f = 0; f < F; f++) deviations[f] = dataset_deviation(sums[2 * f], sums[2 * f + 1]);
    return CLI_OK;
}

/* ---- Missing values ---- */

void dataset_fill_value(const fill_rule *rule, size_t k, float x, double now, float *last, double *since, float *to)
{
    const size_t F = rule->features;
    if (rule->mask) to[F + k] = isnan(x) ? 0.0f : 1.0f;
    if (rule->delta) to[F * (size_t)(1 + rule->mask) + k] = (float)(now - *since);
    if (!isnan(x)) {
        *last = rule->missing == MISSING_CARRY ? x : *last;
        *since = now;
    }
    to[k] = !isnan(x) ? x : rule->missing == MISSING_ZERO ? 0.0f : *last;
}

typedef struct filling {
    fill_rule rule;
    const dataset *set;
    const float *means;
    float *x; /* the new steps */
    size_t channels;
} filling;

/* One feature of one sequence. */
static void fill_feature(const filling *f, size_t i, size_t k)
{
    const dataset *set = f->set;
    const size_t F = set->features, from = set->first[i], w = i - dataset_from(set);
    const size_t base = set->first[dataset_from(set)];
    float last = f->means[k];
    double since = set->time && from < set->first[i + 1] ? set->time[from] : 0;
    if (set->before) { /* a window goes on where its sequence was */
        since = set->since[w * F + k];
        if (f->rule.missing == MISSING_CARRY && !isnan(set->before[w * F + k])) last = set->before[w * F + k];
    }
    for (size_t s = from; s < set->first[i + 1]; s++) {
        const double now = set->time ? set->time[s] : (double)(s - from);
        dataset_fill_value(&f->rule, k, set->x[(s - base) * F + k], now, &last, &since,
                           f->x + (s - base) * f->channels);
    }
}

static int refuse_missing(const dataset *set)
{
    const float *x = set->x;
    for (size_t i = dataset_from(set); i < dataset_to(set); i++)
        for (size_t s = set->first[i]; s < set->first[i + 1]; s++)
            for (size_t k = 0; k < set->features; k++) {
                const char *id = dataset_id(set, i), *column = set->columns ? set->columns[k] : NULL;
                if (isnan(*x++))
                    return cli_fail(
                        "sequence %zu%s%.80s%s, step %zu: %s%.80s%s is missing; [data] missing says what to do", i + 1,
                        id ? " ('" : "", id ? id : "", id ? "')" : "", s - set->first[i] + 1,
                        column ? "'" : "the value", column ? column : "", column ? "'" : "");
            }
    return CLI_OK;
}

/* The texts of the features and `more` of other channels behind them. */
static char **widen(char **texts, size_t features, char **more, size_t channels)
{
    char **all = cli_alloc(channels + 1, sizeof *all);
    for (size_t k = 0; k < channels; k++) all[k] = k < features ? texts[k] : more ? more[k] : cli_copy("");
    free(texts);
    return all;
}

static void name_channels(const train_config *config, dataset *set, size_t channels)
{
    const char *const suffix[] = {"", config->mask ? " there" : " since", " since"};
    FREED char **names = cli_alloc(channels + 1, sizeof *names);
    char text[256];
    for (size_t k = set->features; k < channels; k++) {
        snprintf(text, sizeof text, "%.200s%s", set->columns[k % set->features], suffix[k / set->features]);
        names[k] = cli_copy(text);
    }
    set->columns = widen(set->columns, set->features, names, channels);
    if (set->units) set->units = widen(set->units, set->features, NULL, channels);
}

int dataset_fill(const train_config *config, dataset *set, const float *means)
{
    const size_t channels = set->features * (size_t)(1 + config->mask + config->delta), from = dataset_from(set),
                 to = dataset_to(set), steps = set->n ? set->first[to] - set->first[from] : 0;
    filling f = {.rule = {config->missing, config->mask, config->delta, set->features},
                 .set = set,
                 .means = means,
                 .channels = channels};
    if (config->missing == MISSING_REFUSE) return refuse_missing(set);
    f.x = cli_alloc(steps * channels + 1, sizeof *f.x);
    for (size_t i = from; i < to; i++)
        for (size_t k = 0; k < set->features; k++) fill_feature(&f, i, k);
    if (!set->borrowed) free(set->x);
    set->borrowed = 0;
    free(set->before); /* done with, and of the old width */
    free(set->since);
    set->x = f.x;
    set->before = NULL;
    set->since = NULL;
    if (set->columns && channels > set->features) name_channels(config, set, channels);
    set->features = channels;
    return CLI_OK;
}
