/* SPDX-License-Identifier: Apache-2.0
 *
 * A training on several ranks (cli/group.h).
 */
#ifndef RNNP_CLI_TOGETHER_H
#define RNNP_CLI_TOGETHER_H

#include "../group.h"
#include "training.h"

/* The configuration is that of rank 0, before data are read by it; and so are the data, as far as each rank knows them.
 * CLI_FAILED on all ranks, with what differs. */
int together_configure(cli_group *group, const cli_call *call, const train_config *config);
int together_read(cli_group *group, const char *what, const dataset *set, const vocabulary *words);

/* The trainer becomes one of the ranks', if there are any. */
int together_join(const experiment *e, rnnp_trainer *trainer);

/* scores_ask, with the batches divided among the ranks, if there are any. */
int together_ask(scores *s, const asking *a);

#endif
