/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of a configuration: where a value goes, and how it is read.
 */
#define _POSIX_C_SOURCE 200809L

#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cli.h"

static const key_words formats = {DATA_WIDE, {"wide", "csv", "npy", "idx", "tokens", "recordings"}};
static const key_words time_units = {TIME_DAYS, {"days", "hours", "minutes", "seconds"}};
static const key_words units = {UNIT_MILLIVOLT, {"mV", "uV", "V"}};
static const key_words annotations = {ANNOTATIONS_NONE, {"none", "points", "spans"}};
static const key_words clippings = {CLIPPED_KEEP, {"keep", "missing"}};
static const key_words sharing = {SHARED_REFUSE, {"refuse", "allow"}};
static const key_words futures = {FUTURE_REFUSE, {"refuse", "drop"}};
static const key_words targets = {TARGET_LABEL, {"label", "next", "input", "step_label", "labels", "values"}};
static const key_words missings = {MISSING_REFUSE, {"refuse", "carry", "mean", "zero"}};
static const key_words label_types = {LABELS_TEXT, {"text", "number"}};
static const key_words scores = {SCORE_LOSS, {"loss", "accuracy", "auc", "f1", "r2"}};
static const key_words losses = {RNNP_LOSS_SPARSE, {"sparse", "mse", "binary", "cross", "mae", "huber"}};
static const key_words optimizers = {RNNP_OPTIMIZER_SGD, {"sgd", "rmsprop", "adam", "adamw"}};
static const key_words schedules = {RNNP_SCHEDULE_CONSTANT, {"constant", "step", "exponential", "cosine", "plateau"}};
static const key_words calibrations = {CALIBRATE_NONE, {"none", "temperature", "isotonic"}};
static const key_words maths = {RNNP_MATH_U35, {"u35", "u10", "fast"}};

#define AT(field) offsetof(train_config, field), sizeof(((train_config *)0)->field)
/* One line a kind. */
/* clang-format off */
#define NAME(section, name, field) {section, name, KEY_TEXT, AT(field), NULL, 0, 0}
#define SIZE(section, name, field, least) {section, name, KEY_SIZE, AT(field), NULL, least, 1e9}
#define NUMBER(section, name, field, least, most) {section, name, KEY_NUMBER, AT(field), NULL, least, most}
#define DOUBLE(section, name, field, least, most) {section, name, KEY_REAL, AT(field), NULL, least, most}
#define FLAG(section, name, field) {section, name, KEY_FLAG, AT(field), NULL, 0, 0}
#define WORD(section, name, field, words) {section, name, KEY_WORD, AT(field), &words, 0, 0}
/* clang-format on */

static const ini_key keys[] = {
    WORD("data", "format", format, formats),
    NAME("data", "train", train),
    NAME("data", "train_labels", train_labels),
    NAME("data", "test", test),
    NAME("data", "test_labels", test_labels),
    NAME("data", "id", id),
    NAME("data", "time", time),
    NAME("data", "label", label),
    NAME("data", "group", group),
    {"data", "features", KEY_LIST, AT(features), NULL, 0, 0},
    {"data", "missing_values", KEY_LIST, AT(missing_values), NULL, 0, 0},
    {"data", "separator", KEY_SEPARATOR, AT(separator), NULL, 0, 0},
    {"data", "decimal", KEY_DECIMAL, AT(decimal), NULL, 0, 0},
    WORD("data", "label_type", label_type, label_types),
    WORD("data", "target", target, targets),
    SIZE("data", "horizon", horizon, 1),
    SIZE("data", "window", window, 0),
    SIZE("data", "stride", stride, 1),
    SIZE("data", "longest", longest, 0),
    WORD("data", "missing", missing, missings),
    FLAG("data", "mask", mask),
    FLAG("data", "delta", delta),
    FLAG("data", "standardise", standardise),
    DOUBLE("data", "scale", scale, -1e30, 1e30),
    SIZE("data", "least", least, 1),
    {"model", "layers", KEY_LAYERS, 0, 0, NULL, 0, 0},
    NAME("model", "start", start),
    {"model", "freeze", KEY_LIST, AT(freeze), NULL, 0, 0},
    SIZE("train", "epochs", epochs, 1),
    SIZE("train", "batch", batch, 1),
    SIZE("train", "folds", folds, 0),
    SIZE("train", "patience", patience, 0),
    SIZE("train", "threads", threads, 0),
    SIZE("train", "seeds", seeds, 1),
    {"train", "seed", KEY_SEED, AT(seed), NULL, 0, 0},
    DOUBLE("train", "validation", validation, 0, 0.9),
    WORD("train", "score", score, scores),
    FLAG("train", "balanced", balanced),
    WORD("train", "loss", options.loss, losses),
    WORD("train", "optimizer", optimizer.kind, optimizers),
    NUMBER("train", "rate", schedule.rate, 0, 1e6),
    NUMBER("train", "momentum", optimizer.momentum, 0, 1),
    FLAG("train", "nesterov", optimizer.nesterov),
    NUMBER("train", "rho", optimizer.rho, 0, 1),
    NUMBER("train", "beta1", optimizer.beta1, 0, 1),
    NUMBER("train", "beta2", optimizer.beta2, 0, 1),
    NUMBER("train", "epsilon", optimizer.epsilon, 0, 1),
    NUMBER("train", "decay", optimizer.decay, 0, 1e6),
    NUMBER("train", "label_smoothing", options.label_smoothing, 0, 0.999),
    NUMBER("train", "l1", options.l1, 0, 1e6),
    NUMBER("train", "l2", options.l2, 0, 1e6),
    NUMBER("train", "clip_value", options.clip_value, 0, 1e30),
    NUMBER("train", "clip_norm", options.clip_norm, 0, 1e30),
    NUMBER("train", "recurrent_dropout", options.recurrent_dropout, 0, 0.99),
    FLAG("train", "recompute", options.recompute),
    WORD("train", "math", options.math, maths),
    WORD("train", "schedule", schedule.kind, schedules),
    NUMBER("train", "factor", schedule.factor, 0, 1),
    NUMBER("train", "least_rate", schedule.least, 0, 1e6),
    SIZE("train", "every", schedule.every, 1),
    SIZE("train", "rate_patience", schedule.patience, 1),
    NUMBER("train", "warmup", schedule.warmup, 0, 1e6),
    SIZE("search", "trials", trials, 0),
    {"predict", "threshold", KEY_RULE, AT(threshold), NULL, 0, 0},
    WORD("predict", "calibrate", calibrate, calibrations),
    NAME("predict", "positive", positive),
    {"train", "class_weights", KEY_LIST, AT(class_weights), NULL, 0, 0},
    {"data", "categories", KEY_LIST, AT(categories), NULL, 0, 0},
    WORD("data", "time_unit", time_unit, time_units),
    {"data", "channels", KEY_LIST, AT(channels), NULL, 0, 0},
    WORD("data", "unit", unit, units),
    DOUBLE("data", "rate", rate, 0, 1e6),
    WORD("data", "clipped", clipped, clippings),
    WORD("data", "annotations", annotations, annotations),
    NAME("data", "annotator", annotator),
    {"data", "classes", KEY_LIST, AT(classes), NULL, 0, 0},
    DOUBLE("data", "before", before, 0, 1e6),
    DOUBLE("data", "after", after, 0, 1e6),
    DOUBLE("data", "block", block, 0, 1e9),
    NAME("data", "background", background),
    {"data", "labels", KEY_LIST, AT(labels), NULL, 0, 0},
    {"data", "values", KEY_LIST, AT(values), NULL, 0, 0},
    NUMBER("train", "huber_delta", options.huber_delta, 1e-6, 1e6),
    WORD("data", "shared", shared, sharing),
    {"model", "embed", KEY_LIST, AT(embed), NULL, 0, 0},
    NAME("data", "label_time", label_time),
    NAME("data", "train_ids", train_ids),
    NAME("data", "train_groups", train_groups),
    NAME("data", "train_lengths", train_lengths),
    NAME("data", "test_ids", test_ids),
    NAME("data", "test_groups", test_groups),
    NAME("data", "test_lengths", test_lengths),
    WORD("data", "future", future, futures),
    SIZE("federate", "rounds", rounds, 1),
    SIZE("federate", "local_epochs", local_epochs, 1),
    NUMBER("federate", "proximal", proximal, 0, 1e6),
    FLAG("federate", "secure", secure),
    DOUBLE("federate", "clip", clip, 0, 1e6),
    DOUBLE("federate", "noise", noise, 0, 1e6),
    DOUBLE("federate", "delta", privacy_delta, 0, 1),
    NAME("federate", "coordinator", coordinator),
    {"federate", "sites", KEY_LIST, AT(sites), NULL, 0, 0},
};
enum { N_KEYS = COUNT(keys) };
_Static_assert((int)N_KEYS <= (int)CONFIG_KEYS, "the configuration has a line for each key");

size_t config_find_key(const char *section, const char *name)
{
    size_t i = 0;
    while (i < N_KEYS && (strcmp(section, keys[i].section) != 0 || strcmp(name, keys[i].name) != 0)) i++;
    return i < N_KEYS ? i : CONFIG_KEYS;
}

const ini_key *config_key(size_t i) { return i < N_KEYS ? &keys[i] : NULL; }

/* Data are read once, before the first trial; what is done to them for each trial may vary. */
int config_key_varies(const ini_key *k)
{
    static const char *const of_each_trial[] = {"missing", "mask", "delta", "standardise"};
    if (strcmp(k->section, "data") != 0) return 1;
    for (size_t i = 0; i < COUNT(of_each_trial); i++)
        if (strcmp(k->name, of_each_trial[i]) == 0) return 1;
    return 0;
}

static int read_number(const ini_value *at, const ini_key *k, const char *value, double *x)
{
    if (text_number(value, '.', x) || *x < k->least || *x > k->most || (k->kind == KEY_SIZE && *x != floor(*x)))
        return config_fault(at, "%s is a %s from %g to %g, not '%.80s'", k->name,
                            k->kind == KEY_SIZE ? "whole number" : "number", k->least, k->most, value);
    return CLI_OK;
}

/* One of the words of an enumeration. */
static int read_word(const ini_value *at, const ini_key *k, const char *value, int *into)
{
    char all[256] = "";
    for (size_t i = 0; i < COUNT(k->words->at) && k->words->at[i]; i++) {
        *into = k->words->first + (int)i;
        if (strcmp(value, k->words->at[i]) == 0) return CLI_OK;
        strcat(strcat(all, i ? ", " : ""), k->words->at[i]);
    }
    return config_fault(at, "%s is one of %s, not '%.80s'", k->name, all, value);
}

/* A character that no number and no quoted field has in it. */
static int read_separator(const ini_value *at, const ini_key *k, const char *value, char *into)
{
    *into = strcmp(value, "blank") == 0 ? ' ' : strcmp(value, "tab") == 0 ? '\t' : value[0];
    if (*value &&
        (*into == ' ' || *into == '\t' || (!value[1] && !strchr("\"+-.", *into) && !isalnum((unsigned char)*into))))
        return CLI_OK;
    return config_fault(
        at, "%s is blank, tab, or one character that is not a letter, digit, quote, point or sign; it is '%.80s'",
        k->name, value);
}

static int read_text(const ini_value *at, const ini_key *k, const char *value, char *into)
{
    if (strlen(value) >= k->size) return config_fault(at, "%s is longer than %zu characters", k->name, k->size - 1);
    strcpy(into, value);
    return CLI_OK;
}

static int read_layer(train_config *c, const ini_value *at, const char *value)
{
    if (!*value) return CLI_OK;
    if (c->n_layers == CONFIG_LAYERS || strlen(value) >= CONFIG_TEXT)
        return config_fault(at, "more than %d layers, or a line too long", CONFIG_LAYERS);
    strcpy(c->layers[c->n_layers++].text, value);
    return CLI_OK;
}

static const struct {
    const char *name;
    double most; /* of its number, which is above 0; 0: none */
} rules[] = {[THRESHOLD_GIVEN] = {"", 1},
             [THRESHOLD_YOUDEN] = {"youden", 0},
             [THRESHOLD_SENSITIVITY] = {"sensitivity", 1},
             [THRESHOLD_SPECIFICITY] = {"specificity", 1},
             [THRESHOLD_COST] = {"cost", 1e6}};

const char *config_read_rule(const char *text, threshold_rule *rule)
{
    for (int k = THRESHOLD_GIVEN; k <= THRESHOLD_COST; k++) {
        const size_t n = strlen(rules[k].name);
        if (strncmp(text, rules[k].name, n) != 0 || (n && text[n] && text[n] != ' ')) continue;
        *rule = (threshold_rule){(threshold_kind)k, 0};
        const char *number = text + n + strspn(text + n, " ");
        if (rules[k].most == 0 ? !*number
                               : !text_number(number, '.', &rule->number) && rule->number > 0 &&
                                     rule->number <= rules[k].most && (k != THRESHOLD_GIVEN || rule->number < 1))
            return NULL;
    }
    return "is a number between 0 and 1, youden, sensitivity SHARE, specificity SHARE or cost RATIO";
}

const char *config_rule_text(const threshold_rule *rule, char text[64])
{
    char number[32];
    text_shortest(rule->number, 0, number);
    snprintf(text, 64, "%s%s%s", rules[rule->kind].name,
             *rules[rule->kind].name && rules[rule->kind].most > 0 ? " " : "",
             rules[rule->kind].most > 0 ? number : "");
    return text;
}

int config_read_key(train_config *c, const ini_value *at, const ini_key *k, const char *value)
{
    void *into = (char *)c + k->at;
    const char *wrong;
    char *end;
    double x;
    switch (k->kind) {
    case KEY_TEXT: return read_text(at, k, value, into);
    case KEY_SIZE:
        TRY(read_number(at, k, value, &x));
        *(size_t *)into = (size_t)x;
        return CLI_OK;
    case KEY_NUMBER:
        TRY(read_number(at, k, value, &x));
        *(float *)into = (float)x;
        return CLI_OK;
    case KEY_REAL: return read_number(at, k, value, into);
    case KEY_SEED:
        errno = 0;
        *(uint64_t *)into = strtoull(value, &end, 10);
        return *value >= '0' && *value <= '9' && !*end && !errno
                   ? CLI_OK
                   : config_fault(at, "%s is a whole number, not '%.80s'", k->name, value);
    case KEY_FLAG:
        *(int *)into = strcmp(value, "yes") == 0;
        return *(int *)into || strcmp(value, "no") == 0
                   ? CLI_OK
                   : config_fault(at, "%s is yes or no, not '%.80s'", k->name, value);
    case KEY_WORD: return read_word(at, k, value, into);
    case KEY_SEPARATOR: return read_separator(at, k, value, into);
    case KEY_DECIMAL:
        *(char *)into = value[0];
        return strcmp(value, ".") == 0 || strcmp(value, ",") == 0
                   ? CLI_OK
                   : config_fault(at, "decimal is . or , not '%.80s'", value);
    case KEY_LIST:
        wrong = text_split(into, value);
        return wrong ? config_fault(at, "%s %s: '%.80s'", k->name, wrong, value) : CLI_OK;
    case KEY_LAYERS: return read_layer(c, at, value);
    case KEY_RULE:
        wrong = config_read_rule(value, into);
        return wrong ? config_fault(at, "%s %s, not '%.80s'", k->name, wrong, value) : CLI_OK;
    }
    return CLI_FAILED;
}

size_t config_line(const train_config *config, const char *section, const char *name)
{
    const size_t i = config_find_key(section, name);
    return i < CONFIG_KEYS ? config->line[i] : 0;
}

void config_free(train_config *config)
{
    text_free(&config->features);
    text_free(&config->embed);
    text_free(&config->freeze);
    text_free(&config->missing_values);
    text_free(&config->categories);
    text_free(&config->class_weights);
    text_free(&config->data_lines);
    text_free(&config->channels);
    text_free(&config->classes);
    text_free(&config->labels);
    text_free(&config->values);
    text_free(&config->sites);
}

const char *config_path(const train_config *config, const char *name, char *text, size_t size)
{
    snprintf(text, size, "%s%s%s", name[0] == '/' ? "" : config->folder, name[0] == '/' ? "" : "/", name);
    return text;
}
