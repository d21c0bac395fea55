/* SPDX-License-Identifier: Apache-2.0 */
#include "decider.h"
#include "metadata.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Metadata ---- */

static void add(text_list *list, const char *word, const char *value)
{
    FREED char *line = cli_alloc(strlen(word) + strlen(value) + 2, 1);
    sprintf(line, "%s %s", word, value);
    text_add(list, line);
}

static void list_lines(const decider *d, text_list *lines)
{
    char number[32], rule[64], text[160];
    add(lines, "positive", d->positive);
    text_shortest(d->temperature, 1, number);
    snprintf(text, sizeof text, "temperature %s", number);
    if (d->calibrate) add(lines, "calibrate", d->calibrate == CALIBRATE_ISOTONIC ? "isotonic" : text);
    text_shortest((double)d->threshold, 1, number);
    snprintf(text, sizeof text, "%s %s", number, d->rule.kind ? config_rule_text(&d->rule, rule) : "");
    if (d->rule.kind) add(lines, "threshold", text);
    snprintf(text, sizeof text, "%s %zu %zu %zu", d->from_folds ? "folds" : "validation", d->cases, d->groups,
             d->positives);
    if (d->cases) add(lines, "fitted", text);
}

static void list_steps(const decider *d, text_list *lines)
{
    for (size_t i = 0; i < d->n_steps; i++) {
        char first[32], last[32], value[32], text[100];
        text_shortest((double)d->steps[i].first, 1, first);
        text_shortest((double)d->steps[i].last, 1, last);
        text_shortest(d->steps[i].value, 0, value);
        snprintf(text, sizeof text, "%s %s %s", first, last, value);
        text_add(lines, text);
    }
}

int decider_attach(rnnp_context *context, rnnp_model *model, const decider *d)
{
    text_list lines = {0}, steps = {0};
    if (!d->positive) return CLI_OK;
    list_lines(d, &lines);
    list_steps(d, &steps);
    int code = metadata_set_list(context, model, METADATA "decision", &lines);
    if (code == CLI_OK) code = metadata_set_list(context, model, METADATA "isotonic", &steps);
    text_free(&lines);
    text_free(&steps);
    return code;
}

/* ---- Reading ---- */

/* The next word of *at, which a blank ends; NULL at the end. */
static char *take_word(char **at)
{
    char *const word = *at;
    if (!word || !*word) return NULL;
    char *blank = strchr(word, ' ');
    *at = blank ? blank + 1 : NULL;
    if (blank) *blank = '\0';
    return word;
}

/* A number from least to most. */
static int take_number(char **at, double least, double most, double *x)
{
    const char *word = take_word(at);
    return word && !text_number(word, '.', x) && *x >= least && *x <= most;
}

static int take_count(char **at, size_t *n)
{
    double x;
    if (!take_number(at, 0, 1e15, &x) || x != floor(x)) return 0;
    *n = (size_t)x;
    return 1;
}

static int take_calibration(decider *d, char *value)
{
    const char *kind = take_word(&value);
    d->calibrate = kind && strcmp(kind, "isotonic") == 0 ? CALIBRATE_ISOTONIC : CALIBRATE_TEMPERATURE;
    if (d->calibrate == CALIBRATE_ISOTONIC) return !value;
    if (!kind || strcmp(kind, "temperature") != 0 || !take_number(&value, 1e-3, 1e3, &d->temperature)) return 0;
    d->temperature = (double)(float)d->temperature; /* which it was when it was written, in the digits of a float */
    return !value;
}

static int take_threshold(decider *d, char *value)
{
    double x;
    if (!take_number(&value, 0, 2, &x) || !value || config_read_rule(value, &d->rule)) return 0;
    d->threshold = (float)x;
    return 1;
}

static int take_fitted(decider *d, char *value)
{
    const char *to = take_word(&value);
    d->from_folds = to && strcmp(to, "folds") == 0;
    return to && (d->from_folds || strcmp(to, "validation") == 0) && take_count(&value, &d->cases) &&
           take_count(&value, &d->groups) && take_count(&value, &d->positives) && !value;
}

static int take_line(decider *d, char *line)
{
    const char *word = take_word(&line);
    if (!word || !line) return 0;
    if (strcmp(word, "calibrate") == 0) return !d->calibrate && take_calibration(d, line);
    if (strcmp(word, "threshold") == 0) return !d->rule.kind && take_threshold(d, line);
    if (strcmp(word, "fitted") == 0) return !d->cases && take_fitted(d, line);
    if (strcmp(word, "positive") != 0 || d->positive) return 0;
    d->positive = cli_copy(line);
    return 1;
}

static int take_step(rnnp_isotonic_step *step, char *line)
{
    double first, last;
    if (!take_number(&line, 0, 1, &first) || !take_number(&line, 0, 1, &last) ||
        !take_number(&line, 0, 1, &step->value) || line)
        return 0;
    step->first = (float)first;
    step->last = (float)last;
    return 1;
}

static int read_steps(const rnnp_model *model, decider *d)
{
    float none = 0;
    char **lines = metadata_list(model, METADATA "isotonic", &d->n_steps);
    int good = 1;
    d->steps = d->n_steps ? cli_alloc(d->n_steps, sizeof *d->steps) : NULL;
    for (size_t i = 0; i < d->n_steps && good; i++) good = take_step(&d->steps[i], lines[i]);
    cli_free_texts(lines, d->n_steps);
    return good && rnnp_calibration_apply_isotonic(d->n_steps, d->steps, 0, &none, &none) == RNNP_OK;
}

int decider_read(const rnnp_model *model, const char *name, decider *d)
{
    size_t n;
    int good = 1;
    *d = (decider){0};
    char **lines = metadata_list(model, METADATA "decision", &n);
    for (size_t i = 0; i < n && good; i++) good = take_line(d, lines[i]);
    cli_free_texts(lines, n);
    if (!good || (n && (!d->positive || (!d->calibrate && !d->rule.kind))))
        return metadata_damaged(name, METADATA "decision");
    return d->calibrate != CALIBRATE_ISOTONIC || read_steps(model, d) ? CLI_OK
                                                                      : metadata_damaged(name, METADATA "isotonic");
}

/* ---- Words ---- */

static size_t add_fitted(const decider *d, char *text, size_t used)
{
    const char *const all = d->from_folds ? "held out by folds" : "held out for validation";
    int n = snprintf(text + used, DECIDER_TEXT - used, ", fitted to %zu cases", d->cases);
    used += (size_t)n;
    if (d->groups) used += (size_t)snprintf(text + used, DECIDER_TEXT - used, " of %zu groups", d->groups);
    used +=
        (size_t)snprintf(text + used, DECIDER_TEXT - used, " %s, %zu of them '%.80s'", all, d->positives, d->positive);
    return used;
}

const char *decider_calibration_text(const decider *d, char text[DECIDER_TEXT])
{
    int n = 0;
    if (d->calibrate == CALIBRATE_NONE) return NULL;
    if (d->calibrate == CALIBRATE_TEMPERATURE)
        n = snprintf(text, DECIDER_TEXT, "temperature %.4g", d->temperature);
    else
        n = snprintf(text, DECIDER_TEXT, "isotonic regression, %zu steps", d->n_steps);
    add_fitted(d, text, (size_t)n);
    return text;
}

const char *decider_threshold_text(const decider *d, char text[DECIDER_TEXT])
{
    char rule[64];
    if (d->rule.kind == THRESHOLD_NONE) return NULL;
    const int n = snprintf(text, DECIDER_TEXT, "'%.80s' from %.4g on", d->positive, (double)d->threshold);
    if (d->rule.kind == THRESHOLD_GIVEN)
        snprintf(text + n, DECIDER_TEXT - (size_t)n, ", as %s says",
                 d->by_option ? "--threshold" : "the configuration");
    else
        add_fitted(d, text,
                   (size_t)n + (size_t)snprintf(text + n, DECIDER_TEXT - (size_t)n, " by %s",
                                                config_rule_text(&d->rule, rule)));
    return text;
}

void decider_print(const decider *d)
{
    char text[DECIDER_TEXT];
    if (decider_calibration_text(d, text)) printf("calibrated: %s\n", cli_plain(text));
    if (decider_threshold_text(d, text)) printf("threshold: %s\n", cli_plain(text));
}
