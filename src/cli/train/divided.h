/* SPDX-License-Identifier: Apache-2.0
 *
 * An evaluation on several ranks.
 */
#ifndef RNNP_CLI_DIVIDED_H
#define RNNP_CLI_DIVIDED_H

#include "../group.h"
#include "training.h"

/* Batches that ranks divide. A rank runs those whose first sequence it has; neighbouring sequences are in a batch, so
 * few steps travel. In a first round each rank runs its own, then all of them are there, and a second round takes what
 * each gave as if it had been run here. */
typedef struct divided {
    cli_group *group;
    size_t runner;         /* of the batch */
    row_span *spans;       /* [ranks] */
    row_exchange rows[16]; /* of the latest batches: who sends goes on with others */
    size_t next;
    int code;        /* of this rank's batches: who fails goes on sending */
    size_t *used;    /* [ranks]: bytes of its batches so far */
    char *own, *all; /* this rank's; from the second round on: of each rank, `bytes` */
    size_t room, bytes;
} divided;

/* The first round: the next batch, whose rows come to who runs it; b->at says where they are. */
int divided_turn(divided *d, const dataset *set, const uint32_t *rows, size_t n, batch *b);
int divided_is_mine(const divided *d);
/* What it gave, or would have given: bytes of `what`. */
void divided_keep(divided *d, const rnnp_train_result *result, const void *what, size_t bytes);
/* Between the rounds. */
int divided_share(divided *d);
/* The second round: what the next batch gave, which rank `runner` has run. */
void divided_give(divided *d, size_t runner, rnnp_train_result *result, void *what, size_t bytes);
void divided_free(divided *d);

#endif
