/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe.h"
#include "metadata.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int set_fill(rnnp_context *context, rnnp_model *model, const float *fill, size_t n)
{
    text_list numbers = {0};
    for (size_t i = 0; fill && i < n; i++) {
        char number[32];
        text_shortest((double)fill[i], 1, number);
        text_add(&numbers, number);
    }
    const int code = metadata_set_list(context, model, METADATA "fill", &numbers);
    text_free(&numbers);
    return code;
}

/* Lines of a configuration, as they stand there. */
static int set_data(rnnp_context *context, rnnp_model *model, const text_list *lines)
{
    size_t n = 1;
    for (size_t i = 0; i < lines->n; i++) n += strlen(lines->at[i]) + 1;
    FREED char *text = cli_alloc(n, 1);
    char *at = text;
    for (size_t i = 0; i < lines->n; i++) at += sprintf(at, "%s\n", lines->at[i]);
    return cli_status(context, rnnp_model_set_metadata(model, METADATA "data", text));
}

int recipe_attach(rnnp_context *context, rnnp_model *model, const train_config *config, const dataset *set,
                  const vocabulary *words, const float *fill)
{
    char rate[64];
    TRY(set_data(context, model, &config->data_lines));
    TRY(metadata_set(context, model, METADATA "columns", set->columns, set->features));
    TRY(metadata_set(context, model, METADATA "units", set->units, set->features));
    TRY(metadata_set(context, model, METADATA "classes", set->class_names, set->classes));
    if (words && words->size) TRY(metadata_set(context, model, METADATA "words", words->words + 1, words->size - 1));
    TRY(metadata_set_list(context, model, METADATA "embed", &config->embed));
    snprintf(rate, sizeof rate, "%llu / %llu", (unsigned long long)set->rate[0], (unsigned long long)set->rate[1]);
    if (set->rate[0]) TRY(cli_status(context, rnnp_model_set_metadata(model, METADATA "rate", rate)));
    return set_fill(context, model, fill, set->features);
}

/* ---- Reading ---- */

static int read_fill(const rnnp_model *model, const char *name, recipe *r)
{
    size_t n;
    char **numbers = metadata_list(model, METADATA "fill", &n);
    int good = 1;
    r->like.features = n;
    r->fill = n ? cli_alloc(n, sizeof *r->fill) : NULL;
    for (size_t i = 0; i < n && good; i++) good = text_float(numbers[i], '.', &r->fill[i]) == NULL;
    cli_free_texts(numbers, n);
    return good ? CLI_OK : metadata_damaged(name, METADATA "fill");
}

static int read_words(const rnnp_model *model, recipe *r)
{
    size_t n;
    char **words = metadata_list(model, METADATA "words", &n);
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
    *names = metadata_list(model, key, &n);
    if (n == wanted || n == 0) return CLI_OK;
    cli_free_texts(*names, n);
    *names = NULL;
    return metadata_damaged(name, key);
}

int recipe_read(const rnnp_model *model, const char *name, recipe *r)
{
    const char *data = rnnp_model_metadata_find(model, METADATA "data"),
               *rate = rnnp_model_metadata_find(model, METADATA "rate");
    unsigned long long steps, seconds;
    if (!data)
        return cli_fail(
            "%s does not say how its data are read: it was not written by rnnpack train, or lost its metadata; "
            "rnnpack eval reads data as a configuration says",
            name);
    TRY(config_read_data(name, data, &r->config));
    if (r->config.target == TARGET_STEP_LABEL) r->config.annotations = ANNOTATIONS_NONE; /* new data have none */
    TRY(read_fill(model, name, r));
    TRY(read_names(model, name, METADATA "columns", r->like.features, &r->like.columns));
    TRY(read_names(model, name, METADATA "units", r->like.features, &r->like.units));
    r->like.class_names = metadata_list(model, METADATA "classes", &r->like.classes);
    if (rate && (sscanf(rate, "%llu / %llu", &steps, &seconds) != 2 || !steps || !seconds))
        return metadata_damaged(name, METADATA "rate");
    if (rate) r->like.rate[0] = steps, r->like.rate[1] = seconds;
    TRY(read_words(model, r));
    char **embedded = metadata_list(model, METADATA "embed", &r->config.embed.n);
    r->config.embed.at = embedded;
    const int tokens = r->config.format == DATA_TOKENS;
    if (tokens ? !r->words.size : !r->fill) return metadata_damaged(name, tokens ? METADATA "words" : METADATA "fill");
    if (r->config.format == DATA_CSV && !r->like.columns) return metadata_damaged(name, METADATA "columns");
    if (r->config.target == TARGET_STEP_LABEL) r->config.annotations = ANNOTATIONS_NONE; /* new data have none */
    build_name_targets(&r->config, &r->like);
    if (target_is_class(r->config.target) && r->like.classes < 2) return metadata_damaged(name, METADATA "classes");
    return CLI_OK;
}

int recipe_data(const recipe *r, const char *path, dataset *set)
{
    const train_config *c = &r->config;
    const int whole = c->target == TARGET_NEXT; /* a forecaster is used from end to end */
    vocabulary words = r->words;                /* is not grown */
    dataset like = r->like;
    if (!target_is_class(c->target)) like.classes = 0; /* labels that new data may have are their own */
    TRY(dataset_open(&(data_source){.config = c, .path = path, .like = &like, .words = &words}, whole, set));
    if (target_is_class(c->target) && !set->classes) dataset_adopt_classes(&like, set);
    if (set->tokens) return CLI_OK;
    if (set->features != r->like.features)
        return cli_fail("%s has %zu features, the training data had %zu", path, set->features, r->like.features);
    return dataset_fill(c, set, r->fill);
}

int recipe_check_targets(const rnnp_model *model, const char *name, const train_config *config, const dataset *set)
{
    AUTO_RECIPE r = {0};
    if (!rnnp_model_metadata_find(model, METADATA "data")) return CLI_OK;
    TRY(recipe_read(model, name, &r));
    if (r.config.target != config->target)
        return config_blame(config, "data", "target", "%s was trained with another [data] target", name);
    for (size_t k = 0; k < r.like.targets || k < set->targets; k++) {
        const char *was = k < r.like.targets ? r.like.target_names[k] : "",
                   *is = k < set->targets ? set->target_names[k] : "";
        if (strcmp(was, is) != 0)
            return cli_fail("%s: target %zu is '%.80s', the configuration's is '%.80s'", name, k + 1, was, is);
    }
    return CLI_OK;
}

void recipe_free(recipe *r)
{
    config_free(&r->config);
    dataset_free(&r->like);
    vocabulary_free(&r->words);
    free(r->fill);
}
