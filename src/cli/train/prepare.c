/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

/* ---- Windows ---- */

typedef struct cutting {
    const dataset *set;
    dataset_builder b;   /* of the windows */
    size_t *of, room_of; /* sequence of each window */
    size_t room_before, room_since;
    float *last;  /* [features] of the sequence at hand, before step `seen` */
    double *when; /* in steps, or on the data's clock */
    size_t seen;
} cutting;

static int begin_cut(cutting *c, const dataset *set, size_t i)
{
    const size_t bytes = set->features + 1;

    free(c->last);
    free(c->when);
    c->last = malloc(bytes * sizeof *c->last);
    c->when = malloc(bytes * sizeof *c->when);
    if (!c->last || !c->when) return cli_fail("out of memory");
    for (size_t k = 0; k < set->features; k++) {
        c->last[k] = NAN;
        c->when[k] = set->time && dataset_steps(set, i) ? set->time[set->first[i]] : 0;
    }
    c->seen = 0;
    return CLI_OK;
}

/* What a window that begins at step `first` does not see: filling carries it on. */
static int look_back(cutting *c, size_t i, size_t first)
{
    const dataset *set = c->set;
    dataset *windows = c->b.set;
    const size_t F = set->features, w = windows->n;

    if (!set->x) return CLI_OK;
    if (!text_grow(&windows->before, &c->room_before, w + 1, F * sizeof *windows->before) ||
        !text_grow(&windows->since, &c->room_since, w + 1, F * sizeof *windows->since))
        return cli_fail("out of memory");
    for (; c->seen < first; c->seen++)
        for (size_t k = 0; k < F; k++) {
            const size_t s = set->first[i] + c->seen;

            if (isnan(set->x[s * F + k])) continue;
            c->last[k] = set->x[s * F + k];
            c->when[k] = set->time ? set->time[s] : (double)c->seen;
        }
    for (size_t k = 0; k < F; k++) {
        windows->before[w * F + k] = c->last[k];
        windows->since[w * F + k] =
            set->time ? c->when[k] : c->when[k] - (double)first; /* its own steps count from 0 */
    }
    return CLI_OK;
}

static int add_window(cutting *c, size_t i, size_t first, size_t steps)
{
    const dataset *from = c->set;
    int code = text_grow(&c->of, &c->room_of, c->b.set->n + 1, sizeof *c->of) ? look_back(c, i, first)
                                                                              : cli_fail("out of memory");

    if (code != CLI_OK) return code;
    c->of[c->b.set->n] = i;
    code = build_sequence(&c->b, dataset_id(from, i), NULL, NULL);
    for (size_t t = 0; t < steps && code == CLI_OK; t++) {
        const size_t s = from->first[i] + first + t;

        code = build_step(&c->b, from->x ? from->x + s * from->features : NULL, from->tokens ? from->tokens[s] : 0,
                          from->time != NULL, from->time ? from->time[s] : 0);
    }
    return code;
}

/* Windows of a sequence stay together: its group is theirs, or they are one. Groups without a window are no more. */
static int inherit_groups(const cutting *c, dataset *set)
{
    dataset *windows = c->b.set;
    const size_t groups = set->group_names ? set->groups : set->n;
    size_t *number = calloc(groups + 1, sizeof *number), used = 0;

    windows->group = malloc((windows->n + 1) * sizeof *windows->group);
    if (!number || !windows->group) {
        free(number);
        return cli_fail("out of memory");
    }
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
    free(number);
    windows->groups = groups; /* names of groups that are no more stand behind the others */
    windows->group_names = set->group_names;
    set->group_names = NULL;
    return CLI_OK;
}

/* Takes over what windows inherit. */
static int inherit(const cutting *c, dataset *set)
{
    dataset *windows = c->b.set;

    windows->label = set->label ? malloc((windows->n + 1) * sizeof *windows->label) : NULL;
    if (set->label && !windows->label) return cli_fail("out of memory");
    for (size_t w = 0; set->label && w < windows->n; w++) windows->label[w] = set->label[c->of[w]];
    windows->classes = set->classes;
    windows->class_names = set->class_names;
    windows->columns = set->columns;
    set->class_names = NULL;
    set->columns = NULL;
    return inherit_groups(c, set);
}

int dataset_cut(const train_config *config, dataset *set)
{
    dataset windows = {.features = set->features};
    cutting c = {.set = set, .b = {.set = &windows, .config = config, .path = ""}};
    int code = CLI_OK;

    for (size_t i = 0; i < set->n && code == CLI_OK; i++) {
        const size_t all = dataset_steps(set, i);
        const size_t from = config->longest && all > config->longest ? all - config->longest : 0;
        const size_t window = config->window ? config->window : all - from;

        code = begin_cut(&c, set, i);
        for (size_t first = from; first + window <= all && code == CLI_OK;
             first += config->window ? config->stride : all + 1)
            code = add_window(&c, i, first, window);
    }
    code = build_finish(&c.b, NULL, code);
    if (code == CLI_OK) code = inherit(&c, set);
    free(c.of);
    free(c.last);
    free(c.when);
    if (code != CLI_OK) {
        dataset_free(&windows);
        return code;
    }
    dataset_free(set);
    *set = windows;
    return CLI_OK;
}

/* ---- Scaling ---- */

int dataset_scale(const dataset *set, const uint32_t *rows, size_t n, float *means, float *deviations)
{
    for (size_t f = 0; f < set->features; f++) {
        double sum = 0, squares = 0, count = 0;

        for (int pass = 0; pass < 2; pass++) /* the mean first: no cancellation */
            for (size_t i = 0; i < n; i++)
                for (size_t s = set->first[rows[i]]; s < set->first[rows[i] + 1]; s++) {
                    const double x = (double)set->x[s * set->features + f];

                    if (isnan(x)) continue;
                    if (pass == 0)
                        sum += x, count++;
                    else
                        squares += (x - sum / count) * (x - sum / count);
                }
        means[f] = count > 0 ? (float)(sum / count) : 0.0f;
        deviations[f] = count > 0 && squares > 0 ? (float)sqrt(squares / count) : 1.0f;
    }
    return CLI_OK;
}

/* ---- Missing values ---- */

typedef struct filling {
    const train_config *config;
    const dataset *set;
    const float *means;
    float *x; /* the new steps */
    size_t channels;
} filling;

/* One feature of one sequence. */
static void fill_feature(const filling *f, size_t i, size_t k)
{
    const dataset *set = f->set;
    const size_t F = set->features, from = set->first[i];
    float last = f->means[k];
    double since = set->time && from < set->first[i + 1] ? set->time[from] : 0;

    if (set->before) { /* a window goes on where its sequence was */
        since = set->since[i * F + k];
        if (f->config->missing == MISSING_CARRY && !isnan(set->before[i * F + k])) last = set->before[i * F + k];
    }
    for (size_t s = from; s < set->first[i + 1]; s++) {
        const float x = set->x[s * F + k];
        const double now = set->time ? set->time[s] : (double)(s - from);
        float *to = f->x + s * f->channels;

        if (f->config->mask) to[F + k] = isnan(x) ? 0.0f : 1.0f;
        if (f->config->delta) to[F * (size_t)(1 + f->config->mask) + k] = (float)(now - since);
        if (!isnan(x)) {
            last = f->config->missing == MISSING_CARRY ? x : last;
            since = now;
        }
        to[k] = !isnan(x) ? x : f->config->missing == MISSING_ZERO ? 0.0f : last;
    }
}

static int refuse_missing(const dataset *set)
{
    for (size_t i = 0; i < set->n; i++)
        for (size_t s = set->first[i]; s < set->first[i + 1]; s++)
            for (size_t k = 0; k < set->features; k++) {
                const char *id = dataset_id(set, i), *column = set->columns ? set->columns[k] : NULL;

                if (isnan(set->x[s * set->features + k]))
                    return cli_fail(
                        "sequence %zu%s%.80s%s, step %zu: %s%.80s%s is missing; [data] missing says what to do", i + 1,
                        id ? " ('" : "", id ? id : "", id ? "')" : "", s - set->first[i] + 1,
                        column ? "'" : "the value", column ? column : "", column ? "'" : "");
            }
    return CLI_OK;
}

static int name_channels(dataset *set, size_t channels)
{
    static const char *const suffix[] = {"", " there", " since"};
    char **names = calloc(channels + 1, sizeof *names), text[256];

    if (!names) return cli_fail("out of memory");
    for (size_t k = 0; k < channels; k++) {
        if (k < set->features) {
            names[k] = set->columns[k];
            continue;
        }
        snprintf(text, sizeof text, "%.200s%s", set->columns[k % set->features], suffix[k / set->features]);
        names[k] = text_copy(text);
    }
    free(set->columns);
    set->columns = names;
    for (size_t k = 0; k < channels; k++)
        if (!names[k]) return cli_fail("out of memory");
    return CLI_OK;
}

int dataset_fill(const train_config *config, dataset *set, const float *means)
{
    const size_t channels = set->features * (size_t)(1 + config->mask + config->delta),
                 steps = set->n ? set->first[set->n] : 0;
    filling f = {.config = config, .set = set, .means = means, .channels = channels};

    if (config->missing == MISSING_REFUSE) return refuse_missing(set);
    if (!(f.x = malloc((steps * channels + 1) * sizeof *f.x))) return cli_fail("out of memory");
    for (size_t i = 0; i < set->n; i++)
        for (size_t k = 0; k < set->features; k++) fill_feature(&f, i, k);
    free(set->x);
    free(set->before); /* done with, and of the old width */
    free(set->since);
    set->x = f.x;
    set->before = NULL;
    set->since = NULL;
    const int code = set->columns && channels > set->features ? name_channels(set, channels) : CLI_OK;
    set->features = channels;
    return code;
}
