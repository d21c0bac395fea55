/* SPDX-License-Identifier: Apache-2.0 */
#include "together.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The same training ---- */

int together_begin(cli_group *group, const train_config *config, const dataset *train, const dataset *test,
                   const vocabulary *words)
{
    enum { BEFORE = 4 };
    static const vocabulary none = {0};
    cli_claim claims[BEFORE + CONFIG_KEYS];
    char names[CONFIG_KEYS][GROUP_NAME];
    size_t n = BEFORE;
    identity id;
    if (!group) return CLI_OK;
    identity_of_run(config, &id);
    claims[0] = (cli_claim){"training data", identity_of_data(train, words)};
    claims[1] = (cli_claim){"test data", test ? identity_of_data(test, &none) : 0};
    claims[2] = (cli_claim){"seed", id.seed};
    claims[3] = (cli_claim){"[search]", id.data};
    for (size_t i = 0; config_key(i); i++) {
        snprintf(names[i], sizeof names[i], "[%s] %s", config_key(i)->section, config_key(i)->name);
        claims[n++] = (cli_claim){names[i], id.parts[i]};
    }
    return cli_group_agree(group, claims, n);
}

int together_join(const experiment *e, rnnp_trainer *trainer)
{
    if (!e->group) return CLI_OK;
    const rnnp_status status = rnnp_trainer_join(trainer, &e->group->peers);
    return status == RNNP_OK || cli_group_says(e->group, status) ? cli_status(e->context, status) : CLI_FAILED;
}

/* ---- Evaluation ---- */

/* Outputs of batches: batch b is rank b mod ranks'. First each rank runs its own, then all of them are there. */
typedef struct divided {
    const asking *asked;
    cli_group *group;
    size_t batch;    /* number of the next one */
    size_t *used;    /* [ranks]: bytes of its batches so far */
    char *own, *all; /* this rank's; with all: of each rank, `bytes` */
    size_t room, bytes;
} divided;

/* Of a batch: its loss and weight, then its outputs. */
static size_t bytes_of(const rnnp_tensor *y)
{
    return (2 * sizeof(double) + rnnp_tensor_elements(y) * sizeof(float) + 7) / 8 * 8;
}

/* The first time: those of others are zeros. */
static int run_own(void *user, rnnp_context *context, const rnnp_train_batch *given, rnnp_train_result *result)
{
    divided *d = user;
    const size_t rank = d->batch++ % d->group->peers.ranks, bytes = bytes_of(given->outputs);
    const size_t at = d->used[rank];
    d->used[rank] += bytes;
    if (rank != d->group->peers.rank) {
        memset(given->outputs->data, 0, rnnp_tensor_elements(given->outputs) * sizeof(float));
        return CLI_OK;
    }
    TRY(d->asked->forward(d->asked->user, context, given, result));
    cli_grow(&d->own, &d->room, at + bytes, 1);
    memcpy(d->own + at, &result->loss, sizeof result->loss);
    memcpy(d->own + at + sizeof(double), &result->weight, sizeof result->weight);
    memcpy(d->own + at + 2 * sizeof(double), given->outputs->data,
           rnnp_tensor_elements(given->outputs) * sizeof(float));
    return CLI_OK;
}

/* The second time: as if each had been run here. */
static int give_all(void *user, rnnp_context *context, const rnnp_train_batch *given, rnnp_train_result *result)
{
    divided *d = user;
    const size_t rank = d->batch++ % d->group->peers.ranks;
    const char *at = d->all + rank * d->bytes + d->used[rank];
    (void)context;
    d->used[rank] += bytes_of(given->outputs);
    memcpy(&result->loss, at, sizeof result->loss);
    memcpy(&result->weight, at + sizeof(double), sizeof result->weight);
    memcpy(given->outputs->data, at + 2 * sizeof(double), rnnp_tensor_elements(given->outputs) * sizeof(float));
    return CLI_OK;
}

static int gather(divided *d)
{
    const rnnp_peers *peers = &d->group->peers;
    for (size_t k = 0; k < peers->ranks; k++) d->bytes = d->used[k] > d->bytes ? d->used[k] : d->bytes;
    if (d->bytes == 0) return CLI_OK;
    d->all = cli_alloc(peers->ranks, d->bytes);
    if (d->used[peers->rank]) memcpy(d->all + peers->rank * d->bytes, d->own, d->used[peers->rank]);
    memset(d->used, 0, peers->ranks * sizeof *d->used);
    d->batch = 0;
    return cli_group_gather(d->group, d->bytes, d->all);
}

static int ask_divided(scores *s, const asking *a)
{
    divided d = {.asked = a, .group = a->e->group};
    experiment alone = *a->e;
    asking own = *a;
    alone.group = NULL;
    own.e = &alone;
    own.user = &d;
    own.forward = run_own;
    d.used = cli_alloc(d.group->peers.ranks, sizeof *d.used);
    int code = scores_ask(s, &own);
    if (code == CLI_OK) code = gather(&d);
    if (code == CLI_OK) {
        scores_free(s);
        own.forward = give_all;
        code = scores_ask(s, &own);
    }
    free(d.used);
    free(d.own);
    free(d.all);
    return code;
}

int together_ask(scores *s, const asking *a) { return a->e->group ? ask_divided(s, a) : scores_ask(s, a); }
