/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cli.h"

#define KEY "rnnpack."

/* ---- Lists as text ---- */

typedef struct growing_text {
    char *at;
    size_t n, room;
} growing_text;

static void put(growing_text *t, const char *text, size_t bytes)
{
    cli_grow(&t->at, &t->room, t->n + bytes + 1, 1);
    memcpy(t->at + t->n, text, bytes);
    t->n += bytes;
    t->at[t->n] = '\0';
}

static void put_line(growing_text *t, const char *text)
{
    static const char plain[] = "\n\r\\", escaped[] = "nr\\";
    if (t->n || t->at) put(t, "\n", 1);
    put(t, "", 0);
    for (; *text; text++) {
        const char *found = strchr(plain, *text);
        if (found) put(t, "\\", 1);
        put(t, found ? &escaped[found - plain] : text, 1);
    }
}

/* The next line of *at, in place; NULL behind the last. */
static char *take_line(char **at)
{
    char *const line = *at, *to = line, *from = line;
    if (!line) return NULL;
    for (; *from && *from != '\n'; from++) {
        if (*from == '\\' && from[1])
            from++, *to++ = *from == 'n' ? '\n' : *from == 'r' ? '\r' : *from;
        else
            *to++ = *from;
    }
    *at = *from ? from + 1 : NULL;
    *to = '\0';
    return line;
}

/* ---- Writing ---- */

static int set_text(rnnp_context *context, rnnp_model *model, const char *key, const growing_text *t)
{
    return t->at ? cli_status(context, rnnp_model_set_metadata(model, key, t->at)) : CLI_OK;
}

static int set_list(rnnp_context *context, rnnp_model *model, const char *key, char *const *names, size_t n)
{
    growing_text t = {0};
    for (size_t i = 0; names && i < n; i++) put_line(&t, names[i] ? names[i] : "");
    const int code = set_text(context, model, key, &t);
    free(t.at);
    return code;
}

static int set_fill(rnnp_context *context, rnnp_model *model, const float *fill, size_t n)
{
    growing_text t = {0};
    for (size_t i = 0; fill && i < n; i++) {
        char number[32];
        text_shortest((double)fill[i], 1, number);
        put_line(&t, number);
    }
    const int code = set_text(context, model, KEY "fill", &t);
    free(t.at);
    return code;
}

int recipe_attach(rnnp_context *context, rnnp_model *model, const train_config *config, const dataset *set,
                  const vocabulary *words, const float *fill)
{
    growing_text data = {0};
    char rate[64];
    put(&data, "", 0);
    for (size_t i = 0; i < config->data_lines.n; i++) {
        put(&data, config->data_lines.at[i], strlen(config->data_lines.at[i]));
        put(&data, "\n", 1);
    }
    const int code = set_text(context, model, KEY "data", &data);
    free(data.at);
    TRY(code);
    TRY(set_list(context, model, KEY "columns", set->columns, set->features));
    TRY(set_list(context, model, KEY "units", set->units, set->features));
    TRY(set_list(context, model, KEY "classes", set->class_names, set->classes));
    if (words && words->size) TRY(set_list(context, model, KEY "words", words->words + 1, words->size - 1));
    snprintf(rate, sizeof rate, "%llu / %llu", (unsigned long long)set->rate[0], (unsigned long long)set->rate[1]);
    if (set->rate[0]) TRY(cli_status(context, rnnp_model_set_metadata(model, KEY "rate", rate)));
    return set_fill(context, model, fill, set->features);
}

/* ---- Reading ---- */

static char **read_list(const rnnp_model *model, const char *key, size_t *n)
{
    const char *text = rnnp_model_metadata_find(model, key);
    FREED char *copy = cli_copy(text ? text : "");
    char **names = NULL, *line, *at = text ? copy : NULL;
    size_t room = 0;
    *n = 0;
    while ((line = take_line(&at)) != NULL) {
        cli_grow(&names, &room, *n + 1, sizeof *names);
        names[(*n)++] = cli_copy(line);
    }
    return names;
}

static int damaged(const char *name, const char *key) { return cli_fail("%s: metadata %s is damaged", name, key); }

static int read_fill(const rnnp_model *model, const char *name, recipe *r)
{
    size_t n;
    char **numbers = read_list(model, KEY "fill", &n);
    int good = 1;
    r->like.features = n;
    r->fill = n ? cli_alloc(n, sizeof *r->fill) : NULL;
    for (size_t i = 0; i < n && good; i++) good = text_float(numbers[i], '.', &r->fill[i]) == NULL;
    cli_free_texts(numbers, n);
    return good ? CLI_OK : damaged(name, KEY "fill");
}

static int read_words(const rnnp_model *model, recipe *r)
{
    size_t n;
    char **words = read_list(model, KEY "words", &n);
    if (!n) return CLI_OK;
    r->words.words = cli_alloc(n + 1, sizeof *words);
    r->words.words[0] = cli_copy("");
    memcpy(r->words.words + 1, words, n * sizeof *words);
    r->words.size = n + 1;
    free(words);
    return CLI_OK;
}

/* Names of all channels, or none. */
static int read_names(const rnnp_model *model, const char *name, const char *key, size_t wanted, char ***names)
{
    size_t n;
    *names = read_list(model, key, &n);
    if (n == wanted || n == 0) return CLI_OK;
    cli_free_texts(*names, n);
    *names = NULL;
    return damaged(name, key);
}

int recipe_read(const rnnp_model *model, const char *name, recipe *r)
{
    const char *data = rnnp_model_metadata_find(model, KEY "data"), *rate = rnnp_model_metadata_find(model, KEY "rate");
    unsigned long long steps, seconds;
    if (!data)
        return cli_fail(
            "%s does not say how its data are read: it was not written by rnnpack train, or lost its metadata; "
            "rnnpack eval reads data as a configuration says",
            name);
    TRY(config_read_data(name, data, &r->config));
    TRY(read_fill(model, name, r));
    TRY(read_names(model, name, KEY "columns", r->like.features, &r->like.columns));
    TRY(read_names(model, name, KEY "units", r->like.features, &r->like.units));
    r->like.class_names = read_list(model, KEY "classes", &r->like.classes);
    if (rate && (sscanf(rate, "%llu / %llu", &steps, &seconds) != 2 || !steps || !seconds))
        return damaged(name, KEY "rate");
    if (rate) r->like.rate[0] = steps, r->like.rate[1] = seconds;
    TRY(read_words(model, r));
    const int tokens = r->config.format == DATA_TOKENS;
    if (tokens ? !r->words.size : !r->fill) return damaged(name, tokens ? KEY "words" : KEY "fill");
    if (r->config.format == DATA_CSV && !r->like.columns) return damaged(name, KEY "columns");
    if (r->config.target == TARGET_LABEL && r->like.classes < 2) return damaged(name, KEY "classes");
    return CLI_OK;
}

void recipe_free(recipe *r)
{
    config_free(&r->config);
    dataset_free(&r->like);
    vocabulary_free(&r->words);
    free(r->fill);
}
