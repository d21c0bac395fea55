/* SPDX-License-Identifier: Apache-2.0
 *
 * Predictions as files: a table for people and spreadsheets (.csv), or an array for programs (.npy).
 */
#include "training.h"

#include "../npy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A field of RFC 4180: in quotes, and quotes twice, where it must be. NULL is an empty field. */
static void put_text(FILE *f, const char *before, const char *prefix, const char *text)
{
    fputs(before, f);
    if (!text) return;
    if (!strpbrk(text, ",\"\r\n")) {
        fprintf(f, "%s%s", prefix, text);
        return;
    }
    fprintf(f, "\"%s", prefix);
    for (; *text; text++) {
        if (*text == '"') fputc('"', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

static void put_id(FILE *f, const dataset *set, size_t row)
{
    if (dataset_id(set, row))
        put_text(f, "", "", dataset_id(set, row));
    else
        fprintf(f, "%zu", row + 1); /* as messages count them */
}

static void put_names(FILE *f, const char *prefix, char *const *names, size_t n)
{
    for (size_t k = 0; k < n; k++) put_text(f, ",", prefix, names[k]);
}

static void put_numbers(FILE *f, const float *x, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (isnan(x[k]))
            fputc(',', f);
        else
            fprintf(f, ",%.9g", (double)x[k]);
}

/* ---- Tables ---- */

/* Of predictions, with folds and truths, or (fresh) of new data. */
typedef struct writing {
    FILE *f;
    const scores *s;
    const dataset *set;
    data_target target;
    int fresh;
} writing;

static int has_groups(const writing *w) { return !w->fresh || w->set->group_names; }
static int has_times(const writing *w) { return w->set->time || w->set->rate[0]; }

static void put_head(const writing *w)
{
    const dataset *set = w->set;
    fputs(has_groups(w) ? "id,group" : "id", w->f);
    if (!w->fresh) fputs(",fold", w->f);
    if (w->target == TARGET_STEP_LABEL) fputs(has_times(w) ? ",step,time" : ",step", w->f);
    if (!w->fresh && target_has_columns(w->target)) put_names(w->f, "", set->target_names, set->targets);
    if (!w->fresh && !target_has_columns(w->target)) fputs(",label", w->f);
    if (target_is_input(w->target)) fputs(",error", w->f);
    if (target_is_class(w->target)) fputs(",predicted", w->f);
    if (target_is_class(w->target)) put_names(w->f, "p_", set->class_names, w->s->classes);
    if (target_has_columns(w->target))
        put_names(w->f, w->target == TARGET_LABELS ? "p_" : "predicted_", set->target_names, set->targets);
    fputc('\n', w->f);
}

/* Which step of its sequence it is, from 1, and when that was: by the file's clock, which does not tell of steps past
 * the end, or seconds from the beginning. */
static void put_step(const writing *w, size_t row, size_t t)
{
    const dataset *set = w->set;
    const size_t step = (set->start ? set->start[row] : 0) + t;
    char time[32];
    fprintf(w->f, ",%zu", step + 1);
    if (has_times(w) && set->time && t >= dataset_steps(set, row)) fputc(',', w->f);
    if (!has_times(w) || (set->time && t >= dataset_steps(set, row))) return;
    text_shortest(set->time ? set->time[set->first[row] + t]
                            : (double)step * (double)set->rate[1] / (double)set->rate[0],
                  0, time);
    fprintf(w->f, ",%s", time);
}

static void put_item(const writing *w, size_t i, size_t item)
{
    const scores *s = w->s;
    const dataset *set = w->set;
    const float *p = s->p + item * s->width;
    put_id(w->f, set, s->row[i]);
    if (has_groups(w)) put_text(w->f, ",", "", dataset_group(set, s->row[i]));
    if (!w->fresh) fputc(',', w->f);
    if (s->fold[i]) fprintf(w->f, "%u", s->fold[i]);
    if (w->target == TARGET_STEP_LABEL) put_step(w, s->row[i], item - s->at[i]);
    if (!w->fresh && target_has_columns(w->target)) put_numbers(w->f, s->y + i * s->targets, s->targets);
    if (!w->fresh && !target_has_columns(w->target))
        put_text(w->f, ",", "", s->truth[item] >= 0 ? set->class_names[s->truth[item]] : NULL);
    if (target_is_input(w->target)) fprintf(w->f, ",%.9g", (double)s->error[i]);
    if (target_is_class(w->target)) put_text(w->f, ",", "", set->class_names[scores_class(s, item)]);
    if (!target_is_input(w->target)) put_numbers(w->f, p, s->width);
    fputc('\n', w->f);
}

static int write_table(const scores *s, const train_config *config, const dataset *set, int fresh, const char *path)
{
    const writing w = {fopen(path, "w"), s, set, config->target, fresh};
    if (w.f) put_head(&w);
    for (size_t i = 0; w.f && i < s->n; i++)
        for (size_t item = s->at[i]; item < s->at[i + 1]; item++) put_item(&w, i, item);
    return text_finish(w.f, path);
}

int predictions_write(const scores *s, const train_config *config, const dataset *set, const char *path)
{
    return write_table(s, config, set, 1, path);
}

/* ---- Forecasts ---- */

typedef struct error_sum {
    double squares;
    size_t n;
} error_sum;

/* What the model says at step t of a sequence is of step t + ahead. */
static void put_forecast(const writing *w, const float *values, size_t row, size_t t, size_t ahead, size_t columns,
                         error_sum *all)
{
    const dataset *set = w->set;
    const size_t at = set->first[row] + t, F = set->features;
    error_sum own = {0};
    put_id(w->f, set, row);
    if (has_groups(w)) put_text(w->f, ",", "", dataset_group(set, row));
    put_step(w, row, t + ahead);
    put_numbers(w->f, values + at * F, columns);
    for (size_t k = 0; t + ahead < dataset_steps(set, row) && k < columns; k++, own.n++) {
        const double d = (double)values[at * F + k] - (double)set->x[(at + ahead) * F + k];
        own.squares += d * d;
    }
    if (own.n)
        fprintf(w->f, ",%.9g\n", own.squares / (double)own.n);
    else
        fputs(",\n", w->f);
    all->squares += own.squares;
    all->n += own.n;
}

static void put_forecast_head(const writing *w, size_t columns)
{
    fputs(has_groups(w) ? "id,group" : "id", w->f);
    fputs(has_times(w) ? ",step,time" : ",step", w->f);
    for (size_t k = 0; k < columns && !w->set->columns; k++) fprintf(w->f, ",x%zu", k + 1);
    if (w->set->columns) put_names(w->f, "", w->set->columns, columns);
    fputs(",error\n", w->f);
}

int forecasts_write(const float *values, const train_config *config, const dataset *set, size_t columns,
                    const char *path)
{
    const writing w = {fopen(path, "w"), NULL, set, config->target, 1};
    const size_t ahead = config->target == TARGET_NEXT ? config->horizon : 0;
    error_sum all = {0};
    if (w.f) put_forecast_head(&w, columns);
    for (size_t i = 0; w.f && i < set->n; i++)
        for (size_t t = 0; t < dataset_steps(set, i); t++) put_forecast(&w, values, i, t, ahead, columns, &all);
    TRY(text_finish(w.f, path));
    printf("%zu sequences, %zu steps", set->n, set->first[set->n]);
    if (all.n) printf(", mean squared error %.5g where the truth is there", all.squares / (double)all.n);
    putchar('\n');
    return CLI_OK;
}

/* ---- Arrays ---- */

/* Row i of the array is sequence i of the data, or step i of all sequences, whether it was evaluated or not. */
static int write_array(const scores *s, const train_config *config, const dataset *set, const char *path)
{
    const int errors = target_is_input(config->target), steps = config->target == TARGET_STEP_LABEL;
    const size_t width = errors ? 1 : s->width, rows = steps ? set->first[set->n] : set->n;
    FREED float *all = cli_alloc(rows * width + 1, sizeof *all);
    char message[NPY_MESSAGE];
    for (size_t i = 0; i < rows * width; i++) all[i] = NAN;
    for (size_t i = 0; i < s->n; i++) {
        const size_t to = steps ? set->first[s->row[i]] : s->row[i], items = s->at[i + 1] - s->at[i];
        memcpy(all + to * width, errors ? s->error + i : s->p + s->at[i] * width, items * width * sizeof *all);
    }
    const rnnp_tensor array = {RNNP_DTYPE_F32, errors ? 1 : 2, {(int64_t)rows, (int64_t)width}, .data = all};
    return npy_write(path, &array, message) ? CLI_OK : cli_fail("%s", message);
}

int scores_write(const scores *s, const train_config *config, const dataset *set, const char *path)
{
    const size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, ".csv") == 0 ? write_table(s, config, set, 0, path)
                                                                : write_array(s, config, set, path);
}
