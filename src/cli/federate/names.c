/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <stdlib.h>
#include <string.h>

/* ---- As payloads ---- */

/* Units belong to columns, one each. */
static void put_like(const dataset *like, payload *p)
{
    payload_put(p, like->features);
    payload_put_texts(p, like->columns, like->features);
    payload_put_texts(p, like->units, like->features);
    payload_put(p, like->rate[0]);
    payload_put(p, like->rate[1]);
    payload_put_texts(p, like->class_names, like->classes);
}

static int get_like(dataset *like, payload *p)
{
    size_t columns, units;
    like->features = (size_t)payload_get(p);
    like->columns = payload_get_texts(p, &columns);
    like->units = payload_get_texts(p, &units);
    like->rate[0] = payload_get(p);
    like->rate[1] = payload_get(p);
    like->class_names = payload_get_texts(p, &like->classes);
    const int good = !p->bad && like->features <= 1 << 20 && (!columns || columns == like->features) &&
                     (!units || units == like->features) && !like->rate[0] == !like->rate[1];
    if (!good) { /* what was read has its own length, not that of the features */
        cli_free_texts(like->columns, columns);
        cli_free_texts(like->units, units);
        cli_free_texts(like->class_names, like->classes);
        *like = (dataset){0};
        p->bad = 1;
    }
    return good;
}

/* Word 0 stands for all others. */
static int get_words(vocabulary *words, payload *p)
{
    words->words = payload_get_texts(p, &words->size);
    const int good = !p->bad && (!words->size || !*words->words[0]);
    if (!good) p->bad = 1;
    return good;
}

void names_put(const site_names *names, payload *p)
{
    put_like(&names->like, p);
    payload_put_texts(p, names->words.words, names->words.size);
    for (size_t i = 0; i < names->words.size; i++) payload_put(p, names->word_counts[i]);
    payload_put(p, names->shortest);
    payload_put(p, names->longest);
    payload_put_bytes(p, names->data, sizeof names->data);
}

int names_get(site_names *names, payload *p)
{
    if (!get_like(&names->like, p) || !get_words(&names->words, p)) return 0;
    names->word_counts = cli_alloc(names->words.size + 1, sizeof *names->word_counts);
    for (size_t i = 0; i < names->words.size; i++) names->word_counts[i] = payload_get(p);
    names->shortest = (size_t)payload_get(p);
    names->longest = (size_t)payload_get(p);
    payload_get_bytes(p, names->data, sizeof names->data);
    return payload_whole(p) && names->shortest <= names->longest;
}

void names_free(site_names *names)
{
    dataset_free(&names->like);
    vocabulary_free(&names->words);
    free(names->word_counts);
    *names = (site_names){0};
}

void agreement_put(const agreement *a, payload *p)
{
    put_like(&a->like, p);
    payload_put_texts(p, a->words.words, a->words.size);
    payload_put(p, (uint64_t)a->lengths);
}

int agreement_get(agreement *a, payload *p)
{
    if (!get_like(&a->like, p) || !get_words(&a->words, p)) return 0;
    a->lengths = payload_get(p) != 0;
    return payload_whole(p) && (a->like.features > 0) != (a->words.size > 0);
}

void agreement_free(agreement *a)
{
    dataset_free(&a->like);
    vocabulary_free(&a->words);
}

/* ---- Agreeing ---- */

/* The column of texts that a channel COLUMN=TEXT is of, or NULL. */
static const char *category_of(const train_config *config, const char *channel)
{
    for (size_t i = 0; i < config->categories.n; i++) {
        const size_t n = strlen(config->categories.at[i]);
        if (strncmp(channel, config->categories.at[i], n) == 0 && channel[n] == '=') return config->categories.at[i];
    }
    return NULL;
}

static void add_names(text_list *list, char *const *names, size_t n)
{
    for (size_t i = 0; names && i < n; i++) text_add(list, names[i]);
}

static char **distinct(const text_list *list, size_t *n)
{
    char **found = build_distinct(list, n), **copies = cli_copies(found, *n);
    free(found);
    return copies;
}

/* All texts that any site has in a column, in the order that one reader would give them. */
static void add_category(const char *column, const site_names *names, size_t n, text_list *columns)
{
    text_list all = {0};
    size_t found;
    const size_t length = strlen(column) + 1;
    for (size_t s = 0; s < n; s++)
        for (size_t i = 0; i < names[s].like.features; i++) {
            const char *channel = names[s].like.columns[i];
            if (strncmp(channel, column, length - 1) == 0 && channel[length - 1] == '=')
                text_add(&all, channel + length);
        }
    char **texts = build_distinct(&all, &found);
    for (size_t i = 0; i < found; i++) {
        FREED char *channel = cli_alloc(length + strlen(texts[i]) + 1, 1);
        sprintf(channel, "%s=%s", column, texts[i]);
        text_add(columns, channel);
    }
    free(texts);
    text_free(&all);
}

/* Columns that are no texts must be the same everywhere, in any order; the first site's is taken. */
static int check_columns(const train_config *config, const site_names *a, const site_names *b)
{
    const text_list has = {.at = b->like.columns, .n = b->like.columns ? b->like.features : 0};
    for (size_t i = 0; a->like.columns && i < a->like.features; i++)
        if (!category_of(config, a->like.columns[i]) && !text_listed(&has, a->like.columns[i]))
            return cli_fail("site %s has no column '%.80s', which site %s has", b->site, a->like.columns[i], a->site);
    return CLI_OK;
}

static int check_alike(const train_config *config, const site_names *a, const site_names *b)
{
    if (!a->like.columns != !b->like.columns || (!a->like.columns && a->like.features != b->like.features))
        return cli_fail("site %s has %zu features, site %s has %zu", a->site, a->like.features, b->site,
                        b->like.features);
    TRY(check_columns(config, a, b));
    TRY(check_columns(config, b, a));
    if (a->like.rate[0] * b->like.rate[1] != b->like.rate[0] * a->like.rate[1])
        return cli_fail("sites %s and %s differ in how many steps a second has; [data] rate makes them alike", a->site,
                        b->site);
    for (size_t i = 0; a->like.units && b->like.units && i < a->like.features && i < b->like.features; i++)
        if (strcmp(a->like.units[i], b->like.units[i]) != 0)
            return cli_fail("'%.80s' is in %.40s at site %s and in %.40s at site %s", a->like.columns[i],
                            a->like.units[i], a->site, b->like.units[i], b->site);
    return CLI_OK;
}

static void merge_columns(const train_config *config, const site_names *names, size_t n, agreement *a)
{
    const dataset *first = &names[0].like;
    text_list columns = {0};
    for (size_t i = 0; i < first->features; i++) {
        const char *column = category_of(config, first->columns[i]);
        if (!column)
            text_add(&columns, first->columns[i]);
        else if (i == 0 || category_of(config, first->columns[i - 1]) != column)
            add_category(column, names, n, &columns);
    }
    for (size_t k = 0; k < config->categories.n; k++) { /* of which the first site has no text */
        size_t i = 0;
        while (i < first->features && category_of(config, first->columns[i]) != config->categories.at[k]) i++;
        if (i == first->features) add_category(config->categories.at[k], names, n, &columns);
    }
    a->like.columns = columns.at;
    a->like.features = columns.n;
}

/* As the vocabulary of one file. */
static void merge_words(const train_config *config, const site_names *names, size_t n, agreement *a)
{
    size_t all = 0;
    for (size_t s = 0; s < n; s++) all += names[s].words.size;
    FREED counted_word *words = cli_alloc(all + 1, sizeof *words);
    all = 0;
    for (size_t s = 0; s < n; s++)
        for (size_t i = 1; i < names[s].words.size; i++)
            words[all++] = (counted_word){names[s].words.words[i], names[s].word_counts[i]};
    vocabulary_of_counts(&a->words, words, all, config->least);
}

int names_merge(const train_config *config, const site_names *names, size_t n, agreement *a)
{
    text_list classes = {0};
    size_t shortest = names[0].shortest, longest = names[0].longest;
    for (size_t s = 1; s < n; s++) TRY(check_alike(config, &names[0], &names[s]));
    for (size_t s = 0; s < n; s++) {
        add_names(&classes, names[s].like.class_names, names[s].like.classes);
        shortest = names[s].shortest < shortest ? names[s].shortest : shortest;
        longest = names[s].longest > longest ? names[s].longest : longest;
    }
    a->like.class_names = distinct(&classes, &a->like.classes);
    text_free(&classes);
    a->like.features = names[0].like.features;
    if (names[0].like.columns) merge_columns(config, names, n, a);
    if (a->like.features == names[0].like.features) a->like.units = cli_copies(names[0].like.units, a->like.features);
    memcpy(a->like.rate, names[0].like.rate, sizeof a->like.rate);
    if (config->format == DATA_TOKENS) merge_words(config, names, n, a);
    a->lengths = shortest != longest;
    if (target_is_class(config->target) && a->like.classes < 2)
        return cli_fail("the sites together have %zu class%s", a->like.classes, a->like.classes == 1 ? "" : "es");
    return CLI_OK;
}
