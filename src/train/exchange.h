/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums of gradients over processes: messages of one step. peers.c says when.
 */
#ifndef RNNP_TRAIN_EXCHANGE_H
#define RNNP_TRAIN_EXCHANGE_H

#include "training.h"

typedef struct rnnp_exchange {
    rnnp_pass *pass;
    const rnnp_trainer *trainer;
    const rnnp_peers *peers;
    const void *caller;        /* the thread that began it (peers.c), which alone may use the transport */
    unsigned long long looked; /* when messages were looked for last, in nanoseconds */
    rnnp_gathering words;
    int agreed;                   /* all have said their word, and all can go on: receives are begun */
    size_t live, part, others;    /* floats: of the gradient, of the own part; nodes of other processes */
    size_t *requests, n_requests; /* first those of nodes of others, then sends */
    size_t ended;                 /* so many of the first have ended */
    uint8_t *sent;                /* [n_nodes][n_parameters] */
    float *memory;                /* [others][part] */
    rnnp_status status;           /* of messages */
} rnnp_exchange;

/* Begins to receive other processes' nodes of the own part. */
void rnnp_exchange_receive(rnnp_exchange *exchange);
/* Begins to send this process's nodes: what is final, or all that is left. */
void rnnp_exchange_send(rnnp_exchange *exchange, int all);
/* Moves messages on. */
void rnnp_exchange_test(rnnp_exchange *exchange);
/* Of a process whose slices failed: zeros stand in for what was not sent yet. */
void rnnp_exchange_clear(rnnp_exchange *exchange);
/* Waits for all messages. */
void rnnp_exchange_drain(rnnp_exchange *exchange);
/* Adds all nodes: the gradient is in the trainer, the sum of losses in *root. */
rnnp_status rnnp_exchange_sum(rnnp_exchange *exchange, rnnp_tree_node *root);

#endif
