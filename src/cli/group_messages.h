/* SPDX-License-Identifier: Apache-2.0
 *
 * What ranks that run one command together (group.h) say to each other.
 */
#ifndef RNNP_CLI_GROUP_MESSAGES_H
#define RNNP_CLI_GROUP_MESSAGES_H

#include "rnnpack/mpi.h"

enum { GROUP_NAME = 64, GROUP_TAG = RNNP_PEERS_OWN + 1 };

typedef struct cli_group {
    rnnp_context *context; /* of one thread, for messages */
    void *library;         /* of dlopen */
    rnnp_mpi *mpi;
    rnnp_peers peers; /* ranks 0: the command runs alone */
    char (*hosts)[GROUP_NAME];
    void (*destroy)(rnnp_mpi *mpi);
    rnnp_status (*count)(const rnnp_mpi *mpi, rnnp_mpi_counts *counts);
    int all_print;     /* set before it is opened: all ranks print on stdout */
    int ends_together; /* what failed has failed on all ranks */
    int silence;       /* a rank does not answer */
    uint64_t steps;    /* of training */
    double step_seconds, start;
    rnnp_mpi_counts step_counts, start_counts;
} cli_group;

/* Each rank's `bytes` at all + rank * bytes, to all. */
int cli_group_gather(cli_group *group, size_t bytes, void *all);

/* Messages from one rank to another, which come in the order of their sending. The memory is given back by
 * cli_group_wait(). */
int cli_group_send(cli_group *group, size_t to, const void *data, size_t bytes, size_t *request);
int cli_group_receive(cli_group *group, size_t from, void *data, size_t bytes, size_t *request);
int cli_group_wait(cli_group *group, size_t request);

/* mine(user) on rank 0, then on rank 1, and so on, each with the state that the one before left; the last one's becomes
 * the state of all. So sums have the order, and the bits, of one process. */
int cli_group_in_turn(cli_group *group, size_t bytes, void *state, void (*mine)(void *user), void *user);

#endif
