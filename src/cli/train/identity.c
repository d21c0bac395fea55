/* SPDX-License-Identifier: Apache-2.0 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "../group.h"
#include "training.h"

#include <string.h>

/* ---- The configuration ---- */

static uint64_t add(uint64_t hash, const void *bytes, size_t size)
{
    return bytes ? XXH3_64bits_withSeed(bytes, size, hash) : hash;
}

static uint64_t add_texts(uint64_t hash, char *const *texts, size_t n)
{
    for (size_t i = 0; texts && i < n; i++) hash = add(hash, texts[i], strlen(texts[i]) + 1);
    return hash;
}

/* Whether the key changes a bit of the weights so far. Not: epochs and patience, which say when to stop; threads and
 * recompute, which change no bit; seed, which has its own place; columns and files, which the data tell. */
static int counts(const ini_key *k)
{
    static const char *const without[] = {"epochs", "patience", "folds", "threads", "seeds", "seed", "recompute"};
    if (strcmp(k->section, "data") == 0)
        return config_key_varies(k) || strcmp(k->name, "target") == 0 || strcmp(k->name, "horizon") == 0;
    for (size_t i = 0; i < COUNT(without); i++)
        if (strcmp(k->name, without[i]) == 0) return 0;
    return strcmp(k->section, "search") != 0 && strcmp(k->section, "federate") != 0 &&
           strcmp(k->section, "predict") != 0; /* which is fitted afterwards */
}

/* Whether ranks or sites that train together must have the same: not where files are, as their content is compared or
 * their own, nor what each does with its own CPUs. */
static int counts_together(const ini_key *k)
{
    const int file = strcmp(k->section, "data") == 0 && k->kind == KEY_TEXT &&
                     (strncmp(k->name, "train", 5) == 0 || strncmp(k->name, "test", 4) == 0);
    return !file && strcmp(k->name, "start") != 0 && strcmp(k->name, "threads") != 0 &&
           strcmp(k->name, "recompute") != 0;
}

static void add_keys(const train_config *config, int (*wanted)(const ini_key *k), identity *id)
{
    for (size_t i = 0; config_key(i); i++) {
        const ini_key *k = config_key(i);
        const char *at = (const char *)config + k->at;
        if (wanted(k) && k->kind == KEY_LIST) {
            const text_list *list = (const void *)at;
            id->parts[i] = add_texts(0, list->at, list->n);
        } else if (wanted(k))
            id->parts[i] = add(0, at, k->kind == KEY_TEXT ? strlen(at) : k->size);
        for (size_t n = 0; k->kind == KEY_LAYERS && n < config->n_layers; n++)
            id->parts[i] = add(id->parts[i] + n, config->layers[n].text, strlen(config->layers[n].text));
    }
}

void identity_make(const train_config *config, uint64_t data, uint64_t seed, identity *id)
{
    *id = (identity){.data = data, .seed = seed};
    add_keys(config, counts, id);
}

void identity_of_run(const train_config *config, identity *id)
{
    *id = (identity){.seed = config->seed};
    add_keys(config, counts_together, id);
    for (size_t i = 0; i < config->n_variables; i++) {
        const search_variable *v = &config->variables[i];
        id->data = add(add(id->data, v->name, strlen(v->name)), &v->n, sizeof v->n);
        for (size_t c = 0; c < v->n; c++) id->data = add(id->data + c, v->choice[c], strlen(v->choice[c]));
    }
}

uint64_t identity_of_bytes(const void *bytes, size_t size) { return add(0, bytes, size); }

int identity_check(const identity *was, const identity *is, const char *checkpoint)
{
    if (was->data != is->data) return cli_fail("%s belongs to a training on other data", checkpoint);
    if (was->seed != is->seed)
        return cli_fail("%s belongs to a training with seed %llu; this is seed %llu", checkpoint,
                        (unsigned long long)was->seed, (unsigned long long)is->seed);
    for (size_t i = 0; config_key(i); i++)
        if (was->parts[i] != is->parts[i])
            return cli_fail("%s belongs to a training with another [%s] %s", checkpoint, config_key(i)->section,
                            config_key(i)->name);
    return CLI_OK;
}

/* ---- Data ---- */

/* A hash that each rank goes on with over its part of something large. */
typedef struct hashing {
    XXH3_state_t state;
    uint64_t begin; /* the hash so far */
    const void *part;
    size_t bytes;
} hashing;

/* The state points to constants of the process that made it. */
static void hash_part(void *user)
{
    hashing *h = user;
    XXH3_state_t own = {.seed = 0};
    XXH3_64bits_reset_withSeed(&own, h->begin);
    if (h->state.seed == 0 && h->state.totalLen == 0 && h->state.secretLimit == 0) h->state = own;
    h->state.extSecret = own.extSecret;
    XXH3_64bits_update(&h->state, h->part, h->bytes);
}

/* add() of all that the ranks have of it. */
static int add_parts(cli_group *ranks, uint64_t *hash, const void *part, size_t bytes)
{
    hashing h = {.begin = *hash, .part = part, .bytes = bytes};
    TRY(cli_group_in_turn(ranks, sizeof h.state, &h.state, hash_part, &h));
    h.part = NULL;
    h.bytes = 0;
    hash_part(&h);
    *hash = XXH3_64bits_digest(&h.state);
    return CLI_OK;
}

/* What of a set may be in parts; not that it was read in windows. */
static int add_large(const dataset *set, int windows, uint64_t *hash)
{
    const size_t from = dataset_from(set), to = dataset_to(set), F = set->features;
    const size_t steps = set->n ? set->first[to] - set->first[from] : 0;
    const void *const large[] = {windows ? set->before : set->x, windows ? set->since : (const void *)set->tokens};
    const size_t bytes[] = {windows ? (to - from) * F * sizeof *set->before : steps * F * sizeof *set->x,
                            windows ? (to - from) * F * sizeof *set->since : steps * sizeof *set->tokens};
    for (int k = 0; k < 2; k++)
        if (!set->parts)
            *hash = add(*hash, large[k], bytes[k]);
        else if (large[k])
            TRY(add_parts(set->ranks, hash, large[k], bytes[k]));
    return CLI_OK;
}

static int hash_of(const dataset *set, const vocabulary *words, int large, uint64_t *hash)
{
    const size_t sizes[] = {set->n, set->features, set->classes, words->size};
    const size_t steps = set->n ? set->first[set->n] : 0;
    *hash = add(0, sizes, sizeof sizes);
    *hash = add(*hash, set->first, (set->n + 1) * sizeof *set->first);
    if (large) TRY(add_large(set, 0, hash));
    *hash = add(*hash, set->time, steps * sizeof *set->time);
    if (large) TRY(add_large(set, 1, hash));
    *hash = add(*hash, set->label, set->n * sizeof *set->label);
    *hash = add(*hash, set->step_label, steps * sizeof *set->step_label);
    *hash = add(*hash, set->y, set->n * set->targets * sizeof *set->y);
    *hash = add_texts(*hash, set->target_names, set->targets);
    *hash = add(*hash, set->group, set->n * sizeof *set->group);
    *hash = add_texts(*hash, set->class_names, set->classes);
    *hash = add_texts(*hash, words->words, words->size);
    return CLI_OK;
}

int identity_of_data(const dataset *set, const vocabulary *words, uint64_t *hash)
{
    return hash_of(set, words, 1, hash);
}

uint64_t identity_of_part(const dataset *set, const vocabulary *words)
{
    uint64_t hash;
    hash_of(set, words, 0, &hash);
    return add(hash, &set->seen, sizeof set->seen);
}
