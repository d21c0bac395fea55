/* SPDX-License-Identifier: Apache-2.0 */
#include "curves.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void trainings_add(trainings *all, const char *kind, uint64_t number, const history *past)
{
    if (!all) return;
    cli_grow(&all->at, &all->room, all->n + 1, sizeof *all->at);
    trained_once *t = &all->at[all->n++];
    *t = (trained_once){kind, number, *past};
    t->past.at = cli_alloc(past->n + 1, sizeof *past->at);
    t->past.room = past->n + 1;
    if (past->n) memcpy(t->past.at, past->at, past->n * sizeof *past->at);
}

void trainings_free(trainings *all)
{
    for (size_t i = 0; i < all->n; i++) free(all->at[i].past.at);
    free(all->at);
    *all = (trainings){0};
}

const char *curves_score(const train_config *config)
{
    static const char *const names[] = {
        [SCORE_LOSS] = "loss", [SCORE_ACCURACY] = "accuracy", [SCORE_AUC] = "auc", [SCORE_F1] = "f1"};
    return names[config->score];
}

/* A number that is not known is an empty field, or null. */
static void put_number(FILE *f, const char *before, double x, int known, const char *otherwise)
{
    if (known && isfinite(x))
        fprintf(f, "%s%.9g", before, x);
    else
        fprintf(f, "%s%s", before, otherwise);
}

static void write_csv(FILE *f, const trainings *all, const train_config *config)
{
    const int held = config->validation > 0;
    const double sign = config->score == SCORE_LOSS ? 1 : -1;
    fprintf(f, "training,epoch,rate,loss,held_out_loss,held_out_%s,best\n", curves_score(config));
    for (size_t i = 0; i < all->n; i++) {
        const trained_once *t = &all->at[i];
        for (size_t e = 0; e < t->past.n; e++) {
            const epoch_line *line = &t->past.at[e];
            fprintf(f, "%s %llu,%zu", t->kind, (unsigned long long)t->number, e + 1);
            put_number(f, ",", line->rate, 1, "");
            put_number(f, ",", line->loss, 1, "");
            put_number(f, ",", line->held_loss, held, "");
            put_number(f, ",", sign * line->held_score, held, "");
            fprintf(f, ",%d\n", t->past.best == e + 1);
        }
    }
}

static void write_json(FILE *f, const trainings *all, const train_config *config)
{
    const int held = config->validation > 0;
    const double sign = config->score == SCORE_LOSS ? 1 : -1;
    fprintf(f, "{\n  \"score\": \"%s\",\n  \"trainings\": [", curves_score(config));
    for (size_t i = 0; i < all->n; i++) {
        const trained_once *t = &all->at[i];
        fprintf(f, "%s\n    {\"%s\": %llu, \"best\": %zu, \"epochs\": [", i ? "," : "", t->kind,
                (unsigned long long)t->number, t->past.best);
        for (size_t e = 0; e < t->past.n; e++) {
            const epoch_line *line = &t->past.at[e];
            fprintf(f, "%s\n      {\"epoch\": %zu", e ? "," : "", e + 1);
            put_number(f, ", \"rate\": ", line->rate, 1, "null");
            put_number(f, ", \"loss\": ", line->loss, 1, "null");
            put_number(f, ", \"held_out_loss\": ", line->held_loss, held, "null");
            put_number(f, ", \"held_out_score\": ", sign * line->held_score, held, "null");
            fputc('}', f);
        }
        fputs("\n    ]}", f);
    }
    fputs("\n  ]\n}\n", f);
}

int curves_write(const trainings *all, const train_config *config, const char *path)
{
    const size_t length = strlen(path);
    const int is_json = length > 5 && strcmp(path + length - 5, ".json") == 0;
    FILE *f = fopen(path, "w");
    if (f) is_json ? write_json(f, all, config) : write_csv(f, all, config);
    return text_finish(f, path);
}
