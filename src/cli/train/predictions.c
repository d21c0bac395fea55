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

static void put_class_names(FILE *f, const dataset *set, size_t classes)
{
    for (size_t k = 0; k < classes; k++) put_text(f, ",", "p_", set->class_names[k]);
    fputc('\n', f);
}

static void put_probabilities(FILE *f, const float *p, size_t classes)
{
    for (size_t k = 0; k < classes; k++) fprintf(f, ",%.9g", (double)p[k]);
    fputc('\n', f);
}

static void write_rows(FILE *f, const scores *s, const dataset *set, int labels)
{
    fputs(labels ? "id,group,fold,label,predicted" : "id,group,fold,label,error", f);
    put_class_names(f, set, labels ? s->classes : 0);
    for (size_t i = 0; i < s->n; i++) {
        const float *p = s->p + i * s->classes;
        put_id(f, set, s->row[i]);
        put_text(f, ",", "", dataset_group(set, s->row[i]));
        fputc(',', f);
        if (s->fold[i]) fprintf(f, "%u", s->fold[i]);
        put_text(f, ",", "", s->truth[i] >= 0 ? set->class_names[s->truth[i]] : NULL);
        if (labels)
            put_text(f, ",", "", set->class_names[scores_class(s, i)]);
        else
            fprintf(f, ",%.9g", (double)s->error[i]);
        put_probabilities(f, p, labels ? s->classes : 0);
    }
}

static void write_new(FILE *f, const scores *s, const dataset *set)
{
    fputs(set->group_names ? "id,group,predicted" : "id,predicted", f);
    put_class_names(f, set, s->classes);
    for (size_t i = 0; i < s->n; i++) {
        const float *p = s->p + i * s->classes;
        put_id(f, set, s->row[i]);
        if (set->group_names) put_text(f, ",", "", dataset_group(set, s->row[i]));
        put_text(f, ",", "", set->class_names[scores_class(s, i)]);
        put_probabilities(f, p, s->classes);
    }
}

int predictions_write(const scores *s, const dataset *set, const char *path)
{
    FILE *f = fopen(path, "w");
    if (f) write_new(f, s, set);
    return text_finish(f, path);
}

static int write_table(const scores *s, const dataset *set, int labels, const char *path)
{
    FILE *f = fopen(path, "w");
    if (f) write_rows(f, s, set, labels);
    return text_finish(f, path);
}

/* Row i of the array is sequence i of the data, whether it was evaluated or not. */
static int write_array(const scores *s, const dataset *set, int labels, const char *path)
{
    const size_t width = labels ? s->classes : 1;
    const float *from = labels ? s->p : s->error;
    FREED float *all = cli_alloc(set->n * width + 1, sizeof *all);
    char message[NPY_MESSAGE];
    for (size_t i = 0; i < set->n * width; i++) all[i] = NAN;
    for (size_t i = 0; i < s->n; i++) memcpy(all + s->row[i] * width, from + i * width, width * sizeof *all);
    const rnnp_tensor array = {RNNP_DTYPE_F32, labels ? 2 : 1, {(int64_t)set->n, (int64_t)width}, .data = all};
    return npy_write(path, &array, message) ? CLI_OK : cli_fail("%s", message);
}

int scores_write(const scores *s, const train_config *config, const dataset *set, const char *path)
{
    const size_t length = strlen(path);
    const int labels = config->target == TARGET_LABEL;
    return length > 4 && strcmp(path + length - 4, ".csv") == 0 ? write_table(s, set, labels, path)
                                                                : write_array(s, set, labels, path);
}
