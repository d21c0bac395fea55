/* SPDX-License-Identifier: Apache-2.0
 *
 * What a training is made of, in numbers that a checkpoint keeps: another one does not go on from it.
 */
#ifndef RNNP_CLI_IDENTITY_H
#define RNNP_CLI_IDENTITY_H

#include "dataset.h"

enum { IDENTITY_PARTS = 48 };

typedef struct identity {
    uint64_t data, seed, parts[IDENTITY_PARTS]; /* hashes; parts are of the configuration, key by key */
} identity;

/* Of a training set as it was read, and of its words (size 0: none). */
uint64_t identity_of_data(const dataset *set, const vocabulary *words);
void identity_make(const train_config *config, uint64_t data, uint64_t seed, identity *id);
/* Fails with the first key in which a checkpoint's training (was) and this one (is) differ. */
int identity_check(const identity *was, const identity *is, const char *checkpoint);

#endif
