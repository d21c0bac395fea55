/* SPDX-License-Identifier: Apache-2.0
 *
 * Ranks that run one command together (--mpi): the library librnnpack-mpi is loaded when it is wanted. Rank 0 alone
 * prints results and writes files. All others make the same calls.
 */
#ifndef RNNP_CLI_GROUP_H
#define RNNP_CLI_GROUP_H

#include "cli.h"
#include "group_messages.h"

/* With --mpi: begins, so that each rank knows all others, which must be of this version. From then on a rank other than
 * 0 prints nothing on stdout (unless all do), and says which one it is on stderr. */
int cli_group_open(const cli_call *call, cli_group *group);
/* Ends with MPI; with a code other than CLI_OK mpirun ends the other ranks. Returns the code. */
int cli_group_close(cli_group *group, int code);

/* These take NULL for a command that runs alone. */

/* Whether this is rank 0, or the command runs alone. */
int cli_group_leads(const cli_group *group);
/* What ranks do on their own, each with its part, may fail on some of them. In between, errors are kept; then all ranks
 * return the code of the first one that failed, which says why. */
void cli_group_part(cli_group *group);
int cli_group_settle(cli_group *group, int code);

/* What must be the same on all ranks. */
typedef struct cli_claim {
    const char *what; /* "[train] rate" */
    uint64_t value;
} cli_claim;

/* CLI_FAILED on all ranks when one differs from rank 0, which says so. */
int cli_group_agree(cli_group *group, const cli_claim *claims, size_t n);

/* A failure that all ranks know of, as a trainer's, needs one sentence: whether this rank says it. */
int cli_group_says(cli_group *group, rnnp_status status);

/* Around each step of training; and what was measured, said by rank 0. */
void cli_group_step_begin(cli_group *group);
void cli_group_step_end(cli_group *group);
int cli_group_report(cli_group *group);

#endif
