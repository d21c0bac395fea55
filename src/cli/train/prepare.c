/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

/* ---- Windows ---- */

static int add_window(dataset_builder *b, const dataset *from, size_t i, size_t first, size_t steps)
{
    static const char *const none = "";
    char group[32];

    snprintf(group, sizeof group, "%zu", from->group ? from->group[i] : i); /* windows of a sequence stay together */
    int code = build_sequence(b, from->label ? none : NULL, group);
    for (size_t t = 0; t < steps && code == CLI_OK; t++) {
        const size_t s = from->first[i] + first + t;

        code = build_step(b, from->x ? from->x + s * from->features : NULL, from->tokens ? from->tokens[s] : 0,
                          from->time != NULL, from->time ? from->time[s] : 0);
    }
    return code;
}

/* Takes over what windows inherit; `of` is the sequence of each. */
static int inherit(dataset *windows, dataset *set, const size_t *of)
{
    int32_t *label = set->label ? malloc((windows->n + 1) * sizeof *label) : NULL;

    if (set->label && !label)
        return cli_fail("out of memory");
    for (size_t w = 0; label && w < windows->n; w++)
        label[w] = set->label[of[w]];
    for (size_t k = 0; windows->class_names && k < windows->classes; k++)
        free(windows->class_names[k]);
    free(windows->class_names);
    free(windows->label);
    windows->label = label;
    windows->classes = set->classes;
    windows->class_names = set->class_names;
    windows->columns = set->columns;
    set->class_names = NULL;
    set->columns = NULL;
    return CLI_OK;
}

int dataset_cut(const train_config *config, dataset *set)
{
    dataset windows = {.features = set->features};
    dataset_builder b = {.set = &windows, .config = config, .path = ""};
    size_t *of = NULL, room = 0;
    int code = CLI_OK;

    for (size_t i = 0; i < set->n && code == CLI_OK; i++) {
        const size_t all = dataset_steps(set, i), from = config->longest && all > config->longest
            ? all - config->longest : 0;
        const size_t window = config->window ? config->window : all - from;

        for (size_t first = from; first + window <= all && code == CLI_OK; first += config->window ? config->stride
             : all + 1) {
            if (!build_grow(&of, &room, windows.n + 1, sizeof *of))
                code = cli_fail("out of memory");
            else {
                of[windows.n] = i;
                code = add_window(&b, set, i, first, window);
            }
        }
    }
    code = build_finish(&b, NULL, code);
    if (code == CLI_OK)
        code = inherit(&windows, set, of);
    free(of);
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

                    if (isnan(x))
                        continue;
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
    float *x;                    /* the new steps */
    size_t channels;
} filling;

/* One feature of one sequence. */
static void fill_feature(const filling *f, size_t i, size_t k)
{
    const dataset *set = f->set;
    const size_t F = set->features;
    float last = f->means[k], since = set->time ? set->time[set->first[i]] : 0;

    for (size_t s = set->first[i]; s < set->first[i + 1]; s++) {
        const float x = set->x[s * F + k], now = set->time ? set->time[s] : (float)(s - set->first[i]);
        float *to = f->x + s * f->channels;

        if (f->config->mask)
            to[F + k] = isnan(x) ? 0.0f : 1.0f;
        if (f->config->delta)
            to[F * (size_t)(1 + f->config->mask) + k] = now - since;
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
            for (size_t k = 0; k < set->features; k++)
                if (isnan(set->x[s * set->features + k]))
                    return cli_fail("sequence %zu, step %zu: %s%s%s is missing; [data] missing says what to do", i + 1,
                                    s - set->first[i] + 1, set->columns ? "'" : "the value", set->columns
                                        ? set->columns[k] : "",
                                    set->columns ? "'" : "");
    return CLI_OK;
}

static int name_channels(dataset *set, size_t channels)
{
    static const char *const suffix[] = {"", " there", " since"};
    char **names = calloc(channels + 1, sizeof *names), text[256];

    if (!names)
        return cli_fail("out of memory");
    for (size_t k = 0; k < channels; k++) {
        if (k < set->features) {
            names[k] = set->columns[k];
            continue;
        }
        snprintf(text, sizeof text, "%.200s%s", set->columns[k % set->features], suffix[k / set->features]);
        names[k] = build_text(text, strlen(text));
    }
    free(set->columns);
    set->columns = names;
    for (size_t k = 0; k < channels; k++)
        if (!names[k])
            return cli_fail("out of memory");
    return CLI_OK;
}

int dataset_fill(const train_config *config, dataset *set, const float *means)
{
    const size_t channels = set->features * (size_t)(1 + config->mask + config->delta), steps = set->n
        ? set->first[set->n] : 0;
    filling f = {.config = config, .set = set, .means = means, .channels = channels};

    if (config->missing == MISSING_REFUSE)
        return refuse_missing(set);
    if (!(f.x = malloc((steps * channels + 1) * sizeof *f.x)))
        return cli_fail("out of memory");
    for (size_t i = 0; i < set->n; i++)
        for (size_t k = 0; k < set->features; k++)
            fill_feature(&f, i, k);
    free(set->x);
    set->x = f.x;
    const int code = set->columns && channels > set->features ? name_channels(set, channels) : CLI_OK;
    set->features = channels;
    return code;
}
