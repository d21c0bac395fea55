/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RNNP_CLI_CONFIG_KEYS_H
#define RNNP_CLI_CONFIG_KEYS_H

#include "config.h"
#include "ini.h"

typedef enum key_kind {
    KEY_TEXT,
    KEY_SIZE,
    KEY_SEED,
    KEY_NUMBER,
    KEY_REAL,
    KEY_FLAG,
    KEY_WORD,
    KEY_CHAR,
    KEY_LIST,
    KEY_LAYERS
} key_kind;

/* Words of an enumeration, in the order of its values from `first` on. */
typedef struct key_words {
    int first;
    const char *at[8];
} key_words;

typedef struct key {
    const char *section, *name;
    key_kind kind;
    size_t at, size;
    const key_words *words;
    double least, most; /* of numbers */
} key;

/* The number of a key, CONFIG_KEYS when there is none of the name. */
size_t config_find_key(const char *section, const char *name);
const key *config_key(size_t i);
/* Whether it may have another value in each trial of a search. */
int config_key_varies(const key *k);
/* Puts the value into the configuration; lists grow. */
int config_read_key(train_config *c, const ini_value *at, const key *k, const char *value);
/* What is wrong with the value at hand: fails with "file:line: ...". */
int config_fault(const ini_value *at, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
