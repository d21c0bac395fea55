/* SPDX-License-Identifier: Apache-2.0 */
#include "together.h"
#include "divided.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The same training ---- */

int together_configure(cli_group *group, const cli_call *call, const train_config *config)
{
    enum { BEFORE = 6 };
    cli_claim claims[BEFORE + CONFIG_KEYS];
    char names[CONFIG_KEYS][GROUP_NAME];
    size_t n = BEFORE;
    identity id;
    if (!group) return CLI_OK;
    identity_of_run(config, &id);
    claims[0] = (cli_claim){"test data", *config->test != '\0'};
    claims[1] = (cli_claim){"--checkpoint", call->checkpoint != NULL};
    claims[2] = (cli_claim){"--report", call->report != NULL};
    claims[3] = (cli_claim){"seed", id.seed};
    claims[4] = (cli_claim){"[search]", id.data};
    claims[5] = (cli_claim){"--mpi-whole", (uint64_t)call->mpi_whole};
    for (size_t i = 0; config_key(i); i++) {
        snprintf(names[i], sizeof names[i], "[%s] %s", config_key(i)->section, config_key(i)->name);
        claims[n++] = (cli_claim){names[i], id.parts[i]};
    }
    return cli_group_agree(group, claims, n);
}

int together_read(cli_group *group, const char *what, const dataset *set, const vocabulary *words)
{
    const cli_claim same = {what, group ? identity_of_part(set, words) : 0};
    return cli_group_agree(group, &same, 1);
}

int together_join(const experiment *e, rnnp_trainer *trainer)
{
    if (!e->group) return CLI_OK;
    const rnnp_status status = rnnp_trainer_join(trainer, &e->group->peers);
    return status == RNNP_OK || cli_group_says(e->group, status) ? cli_status(e->context, status) : CLI_FAILED;
}

/* ---- Evaluation ---- */

int together_ask(scores *s, const asking *a)
{
    divided d = {.group = a->e->group};
    asking own = *a;
    if (!d.group) return scores_ask(s, a);
    own.ranks = &d;
    d.used = cli_alloc(d.group->peers.ranks, sizeof *d.used);
    d.spans = cli_alloc(d.group->peers.ranks, sizeof *d.spans);
    cli_group_part(d.group);
    const int code = scores_ask(s, &own);
    divided_free(&d);
    return code;
}
