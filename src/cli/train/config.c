/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "config.h"

#include <errno.h>
#include <ini.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cli.h"

/* ---- Keys: where a value goes and how it is read ---- */

typedef enum key_kind {
    KEY_TEXT,
    KEY_SIZE,
    KEY_SEED,
    KEY_NUMBER,
    KEY_REAL,
    KEY_FLAG,
    KEY_WORD,
    KEY_CHAR,
    KEY_LAYERS
} key_kind;

/* Words of an enumeration, in the order of its values from `first` on. */
typedef struct key_words {
    int first;
    const char *at[8];
} key_words;

static const key_words formats = {DATA_WIDE, {"wide", "csv", "npy", "idx", "tokens"}};
static const key_words targets = {TARGET_LABEL, {"label", "next", "input"}};
static const key_words missings = {MISSING_REFUSE, {"refuse", "carry", "mean", "zero"}};
static const key_words scores = {SCORE_LOSS, {"loss", "accuracy", "auc", "f1"}};
static const key_words losses = {RNNP_LOSS_MSE, {"mse", "binary", "cross", "sparse"}};
static const key_words optimizers = {RNNP_SGD, {"sgd", "rmsprop", "adam", "adamw"}};
static const key_words schedules = {RNNP_RATE_CONSTANT, {"constant", "step", "exponential", "cosine", "plateau"}};
static const key_words maths = {RNNP_MATH_U35, {"u35", "u10", "fast"}};

typedef struct key {
    const char *section, *name;
    key_kind kind;
    size_t at, size;
    const key_words *words;
    double least, most; /* of numbers */
} key;

#define AT(field) offsetof(train_config, field), sizeof(((train_config *)0)->field)
#define TEXT(section, name, field)                                                                                     \
    {                                                                                                                  \
        section, name, KEY_TEXT, AT(field), NULL, 0, 0                                                                 \
    }
#define SIZE(section, name, field, least)                                                                              \
    {                                                                                                                  \
        section, name, KEY_SIZE, AT(field), NULL, least, 1e9                                                           \
    }
#define NUMBER(section, name, field, least, most)                                                                      \
    {                                                                                                                  \
        section, name, KEY_NUMBER, AT(field), NULL, least, most                                                        \
    }
#define REAL(section, name, field, least, most)                                                                        \
    {                                                                                                                  \
        section, name, KEY_REAL, AT(field), NULL, least, most                                                          \
    }
#define FLAG(section, name, field)                                                                                     \
    {                                                                                                                  \
        section, name, KEY_FLAG, AT(field), NULL, 0, 0                                                                 \
    }
#define WORD(section, name, field, words)                                                                              \
    {                                                                                                                  \
        section, name, KEY_WORD, AT(field), &words, 0, 0                                                               \
    }

static const key keys[] = {
    WORD("data", "format", format, formats),
    TEXT("data", "train", train),
    TEXT("data", "train_labels", train_labels),
    TEXT("data", "test", test),
    TEXT("data", "test_labels", test_labels),
    TEXT("data", "id", id),
    TEXT("data", "time", time),
    TEXT("data", "label", label),
    TEXT("data", "group", group),
    TEXT("data", "features", features),
    {"data", "separator", KEY_CHAR, AT(separator), NULL, 0, 0},
    WORD("data", "target", target, targets),
    SIZE("data", "horizon", horizon, 1),
    SIZE("data", "window", window, 0),
    SIZE("data", "stride", stride, 1),
    SIZE("data", "longest", longest, 0),
    WORD("data", "missing", missing, missings),
    FLAG("data", "mask", mask),
    FLAG("data", "delta", delta),
    FLAG("data", "standardise", standardise),
    REAL("data", "scale", scale, -1e30, 1e30),
    SIZE("data", "least", least, 1),
    {"model", "layers", KEY_LAYERS, 0, 0, NULL, 0, 0},
    TEXT("model", "start", start),
    TEXT("model", "freeze", freeze),
    SIZE("train", "epochs", epochs, 1),
    SIZE("train", "batch", batch, 1),
    SIZE("train", "folds", folds, 0),
    SIZE("train", "patience", patience, 0),
    SIZE("train", "threads", threads, 0),
    SIZE("train", "seeds", seeds, 1),
    {"train", "seed", KEY_SEED, AT(seed), NULL, 0, 0},
    REAL("train", "validation", validation, 0, 0.9),
    WORD("train", "score", score, scores),
    FLAG("train", "balanced", balanced),
    WORD("train", "loss", options.loss, losses),
    WORD("train", "optimizer", options.optimizer.kind, optimizers),
    NUMBER("train", "rate", schedule.rate, 0, 1e6),
    NUMBER("train", "momentum", options.optimizer.momentum, 0, 1),
    FLAG("train", "nesterov", options.optimizer.nesterov),
    NUMBER("train", "rho", options.optimizer.rho, 0, 1),
    NUMBER("train", "beta1", options.optimizer.beta1, 0, 1),
    NUMBER("train", "beta2", options.optimizer.beta2, 0, 1),
    NUMBER("train", "epsilon", options.optimizer.epsilon, 0, 1),
    NUMBER("train", "decay", options.optimizer.decay, 0, 1e6),
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
};
enum { N_KEYS = sizeof keys / sizeof keys[0] };

/* ---- Reading ---- */

typedef struct reader {
    train_config *config;
    const size_t *choices;
    int variables;     /* first pass: only those of [search] */
    char message[512]; /* of the first fault; "" so far */
} reader;

__attribute__((format(printf, 2, 3))) static int fault(reader *r, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    if (!*r->message)
        vsnprintf(r->message, sizeof r->message, format, list);
    va_end(list);
    return 0;
}

/* `$name` replaced by the choice that holds; 0 when there is no such variable, or no room. */
static int substitute(reader *r, const char *value, char *text, size_t size)
{
    size_t used = 0;

    while (*value) {
        const search_variable *found = NULL;

        if (*value == '$') {
            for (size_t i = 0; i < r->config->n_variables; i++) {
                const search_variable *v = &r->config->variables[i];

                if (strncmp(value + 1, v->name, strlen(v->name)) == 0 &&
                    (!found || strlen(v->name) > strlen(found->name)))
                    found = v;
            }
            if (!found)
                return fault(r, "%s names no variable of [search]", value);
        }
        const char *piece = found ? found->choice[found->at] : value;
        const size_t length = found ? strlen(piece) : 1;

        if (used + length + 1 > size)
            return fault(r, "'%s' is too long", value);
        memcpy(text + used, piece, length);
        used += length;
        value += found ? strlen(found->name) + 1 : 1;
    }
    text[used] = '\0';
    return 1;
}

static int read_variable(reader *r, const char *name, const char *value)
{
    train_config *c = r->config;
    search_variable *v = &c->variables[c->n_variables];
    char copy[1024], *next, *word;

    if (c->n_variables == CONFIG_VARIABLES || strlen(name) >= sizeof v->name || strlen(value) >= sizeof copy)
        return fault(r, "%s: too many variables, or too long", name);
    strcpy(v->name, name);
    strcpy(copy, value);
    for (word = strtok_r(copy, "| \t", &next); word; word = strtok_r(NULL, "| \t", &next)) {
        if (v->n == CONFIG_CHOICES || strlen(word) >= sizeof v->choice[0])
            return fault(r, "%s: more than %d choices, or one too long", name, CONFIG_CHOICES);
        strcpy(v->choice[v->n++], word);
    }
    if (!v->n)
        return fault(r, "%s has no choices", name);
    v->at = r->choices ? r->choices[c->n_variables] : 0;
    c->n_variables++;
    return 1;
}

static int read_word(reader *r, const key *k, const char *value)
{
    char all[CONFIG_TEXT] = "";

    for (size_t i = 0; i < sizeof k->words->at / sizeof k->words->at[0] && k->words->at[i]; i++) {
        if (strcmp(value, k->words->at[i]) == 0) {
            *(int *)((char *)r->config + k->at) = k->words->first + (int)i;
            return 1;
        }
        strcat(strcat(all, i ? ", " : ""), k->words->at[i]);
    }
    return fault(r, "%s is one of %s, not '%s'", k->name, all, value);
}

static int read_number(reader *r, const key *k, const char *value, double *x)
{
    char *end;

    *x = strtod(value, &end);
    if (end == value || *end || !isfinite(*x) || *x < k->least || *x > k->most ||
        (k->kind == KEY_SIZE && *x != floor(*x)))
        return fault(r, "%s is a %s from %g to %g, not '%s'", k->name, k->kind == KEY_SIZE ? "whole number" : "number",
                     k->least, k->most, value);
    return 1;
}

static int read_flag(reader *r, const key *k, const char *value)
{
    const int yes = strcmp(value, "yes") == 0;

    if (!yes && strcmp(value, "no") != 0)
        return fault(r, "%s is yes or no, not '%s'", k->name, value);
    *(int *)((char *)r->config + k->at) = yes;
    return 1;
}

static int read_key(reader *r, const key *k, const char *value)
{
    train_config *c = r->config;
    void *into = (char *)c + k->at;
    char *end;
    double x;

    switch (k->kind) {
    case KEY_TEXT:
        if (strlen(value) >= k->size)
            return fault(r, "%s is longer than %zu characters", k->name, k->size - 1);
        strcpy(into, value);
        return 1;
    case KEY_SIZE:
        if (!read_number(r, k, value, &x))
            return 0;
        *(size_t *)into = (size_t)x;
        return 1;
    case KEY_NUMBER:
        if (!read_number(r, k, value, &x))
            return 0;
        *(float *)into = (float)x;
        return 1;
    case KEY_REAL:
        return read_number(r, k, value, into);
    case KEY_SEED:
        errno = 0;
        *(uint64_t *)into = strtoull(value, &end, 10);
        return (*value >= '0' && *value <= '9' && !*end && !errno) ||
               fault(r, "%s is a whole number, not '%s'", k->name, value);
    case KEY_FLAG:
        return read_flag(r, k, value);
    case KEY_WORD:
        return read_word(r, k, value);
    case KEY_CHAR:
        *(char *)into = strcmp(value, "blank") == 0 ? ' ' : strcmp(value, "tab") == 0 ? '\t' : value[0];
        return strlen(value) == 1 || ((char *)into)[0] == ' ' || ((char *)into)[0] == '\t' ||
               fault(r, "%s is one character, blank or tab, not '%s'", k->name, value);
    case KEY_LAYERS:
        if (!*value)
            return 1;
        if (c->n_layers == CONFIG_LAYERS || strlen(value) >= CONFIG_TEXT)
            return fault(r, "more than %d layers, or a line too long", CONFIG_LAYERS);
        strcpy(c->layers[c->n_layers++].text, value);
        return 1;
    }
    return 0;
}

/* Data are read once, before the first trial; what is done to them for each trial may vary. */
static int may_vary(const char *section, const char *name)
{
    static const char *const of_each_trial[] = {"missing", "mask", "delta", "standardise"};

    if (strcmp(section, "data") != 0)
        return 1;
    for (size_t i = 0; i < sizeof of_each_trial / sizeof of_each_trial[0]; i++)
        if (strcmp(name, of_each_trial[i]) == 0)
            return 1;
    return 0;
}

static int on_value(void *user, const char *section, const char *name, const char *value)
{
    reader *r = user;
    char text[1024];

    if (strcmp(section, "search") == 0 && strcmp(name, "trials") != 0)
        return r->variables ? read_variable(r, name, value) : 1;
    if (r->variables)
        return 1;
    if (strchr(value, '$') && !may_vary(section, name))
        return fault(r, "[data] %s is the same in all trials: '%s'", name, value);
    for (size_t i = 0; i < N_KEYS; i++) {
        if (strcmp(section, keys[i].section) == 0 && strcmp(name, keys[i].name) == 0)
            return substitute(r, value, text, sizeof text) && read_key(r, &keys[i], text);
    }
    return fault(r, "[%s] has no key '%s'", section, name);
}

static void defaults(train_config *c, const char *path)
{
    const char *slash = strrchr(path, '/');

    *c = (train_config){.separator = ',',
                        .decimal = '.',
                        .horizon = 1,
                        .stride = 1,
                        .scale = 1.0,
                        .least = 1,
                        .epochs = 10,
                        .batch = 32,
                        .seeds = 1};
    rnnp_train_options_init(&c->options);
    rnnp_schedule_init(&c->schedule, RNNP_RATE_CONSTANT, c->options.optimizer.rate);
    snprintf(c->folder, sizeof c->folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
}

/* What single values cannot tell. */
static const char *contradiction(const train_config *c)
{
    if (!*c->train)
        return "[data] train is missing";
    if (!c->n_layers)
        return "[model] layers is missing";
    if (c->format == DATA_CSV && !*c->id)
        return "[data] id, the column that tells sequences apart, is missing";
    if (c->format == DATA_IDX && !*c->train_labels && c->target == TARGET_LABEL)
        return "[data] train_labels is missing";
    if ((c->mask || c->delta) && c->missing == MISSING_REFUSE)
        return "[data] mask and delta need missing = carry, mean or zero";
    if (c->format == DATA_TOKENS && (c->target != TARGET_LABEL || c->standardise))
        return "[data] tokens have labels as targets, and nothing to standardise";
    if (c->folds == 1)
        return "[train] folds is 0 or at least 2";
    if (c->target != TARGET_LABEL && c->options.loss != RNNP_LOSS_MSE)
        return "[train] loss is mse where the target is numbers";
    if (c->target == TARGET_LABEL && c->options.loss == RNNP_LOSS_MSE)
        return "[train] loss of labels is binary, cross or sparse";
    return NULL;
}

int config_read(const char *path, const size_t *at, train_config *config)
{
    reader r = {.config = config, .choices = at, .variables = 1};

    defaults(config, path);
    for (; r.variables >= 0; r.variables--) {
        const int line = ini_parse(path, on_value, &r);

        if (line < 0)
            return cli_fail("%s: %s", path, line == -1 ? strerror(errno) : "out of memory");
        if (line > 0)
            return cli_fail("%s:%d: %s", path, line, *r.message ? r.message : "neither [section] nor name = value");
    }
    config->options.optimizer.rate = config->schedule.rate;
    config->schedule.epochs = config->epochs;
    const char *fault_text = contradiction(config);
    return fault_text ? cli_fail("%s: %s", path, fault_text) : CLI_OK;
}

const char *config_path(const train_config *config, const char *name, char *text, size_t size)
{
    snprintf(text, size, "%s%s%s", name[0] == '/' ? "" : config->folder, name[0] == '/' ? "" : "/", name);
    return text;
}
