/* SPDX-License-Identifier: Apache-2.0
 *
 * Columns, classes and words that sites agree on.
 */
#ifndef RNNP_CLI_NAMES_H
#define RNNP_CLI_NAMES_H

#include "../train/dataset.h"
#include "exchange.h"

/* What all have alike. */
typedef struct agreement {
    dataset like; /* columns, units, classes, rate; no sequences */
    vocabulary words;
    int lengths; /* the model takes lengths */
} agreement;

/* What a site says about its data. */
typedef struct site_names {
    const char *site;
    dataset like;
    vocabulary words;         /* all of them */
    uint64_t *word_counts;    /* [words.size] */
    size_t shortest, longest; /* steps of a sequence */
    uint8_t data[KEY_BYTES];  /* binds the site to its data, and tells nobody what they are */
} site_names;

void names_put(const site_names *names, payload *p);
int names_get(site_names *names, payload *p); /* 0: malformed */
void names_free(site_names *names);
/* Fails with the names of two sites that differ. */
int names_merge(const train_config *config, const site_names *names, size_t n, agreement *a);
void agreement_put(const agreement *a, payload *p);
int agreement_get(agreement *a, payload *p);
void agreement_free(agreement *a);

#endif
