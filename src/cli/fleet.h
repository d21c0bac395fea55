/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack tune --mpi: ranks on many hosts share the shapes of their kind of host.
 */
#ifndef RNNP_CLI_FLEET_H
#define RNNP_CLI_FLEET_H

#include "group.h"
#include "rnnpack/tune.h"

/* A shape that is done, for the table. */
typedef struct tuned {
    rnnp_record record;
    int measured;
} tuned;

typedef struct tuned_list {
    tuned *at;
    size_t n, room;
    size_t n_shapes, n_plain; /* of all teams; those with nothing to choose */
} tuned_list;

/* All of these do nothing for a command that runs alone (NULL). */

/* Ranks that share a host disturb each other's measurements: CLI_FAILED unless that is allowed. */
int fleet_check(cli_group *group, int allowed);
/* Of n shapes those that this rank measures: ranks whose hosts are alike, to the records, take turns. */
int fleet_divide(cli_group *group, rnnp_context *context, rnnp_shape *shapes, size_t *n);
/* What the other ranks have done, from number `first` of their lists on, is added to rank 0's list and set. */
int fleet_collect(cli_group *group, rnnp_context *context, tuned_list *list, size_t first, rnnp_records *set);
/* Shapes and plain ones of all ranks, to rank 0's list. */
int fleet_count(cli_group *group, tuned_list *list);

#endif
