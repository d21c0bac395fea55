/* SPDX-License-Identifier: Apache-2.0
 *
 * A training on several ranks (cli/group.h).
 */
#ifndef RNNP_CLI_TOGETHER_H
#define RNNP_CLI_TOGETHER_H

#include "../group.h"
#include "training.h"

/* Data and configuration are those of rank 0: CLI_FAILED on all ranks, with what differs. */
int together_begin(cli_group *group, const train_config *config, const dataset *train, const dataset *test,
                   const vocabulary *words);

/* The trainer becomes one of the ranks', if there are any. */
int together_join(const experiment *e, rnnp_trainer *trainer);

/* scores_ask, with the batches divided among the ranks, if there are any. */
int together_ask(scores *s, const asking *a);

#endif
