/* SPDX-License-Identifier: Apache-2.0 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "identity.h"

#include <string.h>

/* ---- The configuration ---- */

/* What changes a bit of the weights so far. Not: epochs and patience, which say when to stop; threads and recompute,
 * which change no bit; columns and files, of which the data tell. */
static const struct part {
    const char *name;
    size_t at, size; /* size 0: a text */
} parts[] = {
#define PART(name, field)                                                       \
    {                                                                           \
        name, offsetof(train_config, field), sizeof(((train_config *)0)->field) \
    }
#define TEXT(name, field)                      \
    {                                          \
        name, offsetof(train_config, field), 0 \
    }
    PART("[data] target", target),
    PART("[data] horizon", horizon),
    PART("[data] missing", missing),
    PART("[data] mask", mask),
    PART("[data] delta", delta),
    PART("[data] standardise", standardise),
    TEXT("[model] start", start),
    TEXT("[model] freeze", freeze),
    PART("[train] batch", batch),
    PART("[train] validation", validation),
    PART("[train] score", score),
    PART("[train] balanced", balanced),
    PART("[train] loss", options.loss),
    PART("[train] optimizer", optimizer.kind),
    PART("[train] momentum", optimizer.momentum),
    PART("[train] nesterov", optimizer.nesterov),
    PART("[train] rho", optimizer.rho),
    PART("[train] beta1", optimizer.beta1),
    PART("[train] beta2", optimizer.beta2),
    PART("[train] epsilon", optimizer.epsilon),
    PART("[train] decay", optimizer.decay),
    PART("[train] label_smoothing", options.label_smoothing),
    PART("[train] l1", options.l1),
    PART("[train] l2", options.l2),
    PART("[train] clip_value", options.clip_value),
    PART("[train] clip_norm", options.clip_norm),
    PART("[train] recurrent_dropout", options.recurrent_dropout),
    PART("[train] math", options.math),
    PART("[train] schedule", schedule.kind),
    PART("[train] rate", schedule.rate),
    PART("[train] factor", schedule.factor),
    PART("[train] least_rate", schedule.least),
    PART("[train] every", schedule.every),
    PART("[train] rate_patience", schedule.patience),
    PART("[train] warmup", schedule.warmup),
#undef PART
#undef TEXT
};
enum { PARTS = sizeof parts / sizeof parts[0] };
_Static_assert((int)PARTS < (int)IDENTITY_PARTS, "one more is for the layers");

static uint64_t hash_layers(const train_config *config)
{
    uint64_t hash = config->n_layers;

    for (size_t i = 0; i < config->n_layers; i++)
        hash = XXH3_64bits_withSeed(config->layers[i].text, strlen(config->layers[i].text), hash);
    return hash;
}

void identity_make(const train_config *config, uint64_t data, uint64_t seed, identity *id)
{
    *id = (identity){.data = data, .seed = seed};
    for (size_t i = 0; i < PARTS; i++) {
        const char *at = (const char *)config + parts[i].at;

        id->parts[i] = XXH3_64bits(at, parts[i].size ? parts[i].size : strlen(at));
    }
    id->parts[PARTS] = hash_layers(config);
}

int identity_check(const identity *was, const identity *is, const char *checkpoint)
{
    if (was->data != is->data) return cli_fail("%s is of a training on other data", checkpoint);
    if (was->seed != is->seed)
        return cli_fail("%s is of a training with seed %llu, this is seed %llu", checkpoint,
                        (unsigned long long)was->seed, (unsigned long long)is->seed);
    for (size_t i = 0; i < IDENTITY_PARTS; i++)
        if (was->parts[i] != is->parts[i])
            return cli_fail("%s is of a training with another %s", checkpoint,
                            i < PARTS ? parts[i].name : "[model] layers");
    return CLI_OK;
}

/* ---- Data ---- */

static uint64_t add(uint64_t hash, const void *bytes, size_t size)
{
    return bytes ? XXH3_64bits_withSeed(bytes, size, hash) : hash;
}

static uint64_t add_texts(uint64_t hash, char *const *texts, size_t n)
{
    for (size_t i = 0; texts && i < n; i++) hash = add(hash, texts[i], strlen(texts[i]) + 1);
    return hash;
}

uint64_t identity_of_data(const dataset *set, const vocabulary *words)
{
    const size_t sizes[] = {set->n, set->features, set->classes, words->size};
    const size_t steps = set->n ? set->first[set->n] : 0;
    uint64_t hash = add(0, sizes, sizeof sizes);

    hash = add(hash, set->first, (set->n + 1) * sizeof *set->first);
    hash = add(hash, set->x, steps * set->features * sizeof *set->x);
    hash = add(hash, set->tokens, steps * sizeof *set->tokens);
    hash = add(hash, set->time, steps * sizeof *set->time);
    hash = add(hash, set->before, set->n * set->features * sizeof *set->before);
    hash = add(hash, set->since, set->n * set->features * sizeof *set->since);
    hash = add(hash, set->label, set->n * sizeof *set->label);
    hash = add(hash, set->group, set->n * sizeof *set->group);
    hash = add_texts(hash, set->class_names, set->classes);
    return add_texts(hash, words->words, words->size);
}
