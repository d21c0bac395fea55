/* SPDX-License-Identifier: Apache-2.0 */
#include "divided.h"

#include <stdlib.h>
#include <string.h>

/* Of a batch: its loss and weight, then what it gave. */
static size_t room_of(size_t bytes) { return (2 * sizeof(double) + bytes + 7) / 8 * 8; }

int divided_turn(divided *d, const dataset *set, const uint32_t *rows, size_t n, batch *b)
{
    row_exchange *x = &d->rows[d->next];
    d->runner = dataset_rank_of(set, rows[0]);
    b->at = NULL;
    if (set->whole) return CLI_OK;
    memset(d->spans, 0, d->group->peers.ranks * sizeof *d->spans);
    d->spans[d->runner].to = n;
    TRY(exchange_end(x));
    TRY(exchange_begin(x, set, rows, n, d->spans));
    b->at = x->at;
    if (x->n_requests) d->next = (d->next + 1) % COUNT(d->rows);
    return exchange_receive(x);
}

int divided_is_mine(const divided *d) { return d->runner == d->group->peers.rank && d->code == CLI_OK; }

void divided_keep(divided *d, const rnnp_train_result *result, const void *what, size_t bytes)
{
    const size_t at = d->used[d->runner];
    d->used[d->runner] += room_of(bytes);
    if (!divided_is_mine(d)) return;
    cli_grow(&d->own, &d->room, at + room_of(bytes), 1);
    memcpy(d->own + at, &result->loss, sizeof result->loss);
    memcpy(d->own + at + sizeof(double), &result->weight, sizeof result->weight);
    memcpy(d->own + at + 2 * sizeof(double), what, bytes);
}

void divided_give(divided *d, size_t runner, rnnp_train_result *result, void *what, size_t bytes)
{
    const char *at = d->all + runner * d->bytes + d->used[runner];
    d->used[runner] += room_of(bytes);
    memcpy(&result->loss, at, sizeof result->loss);
    memcpy(&result->weight, at + sizeof(double), sizeof result->weight);
    memcpy(what, at + 2 * sizeof(double), bytes);
}

int divided_share(divided *d)
{
    const rnnp_peers *peers = &d->group->peers;
    TRY(cli_group_settle(d->group, d->code));
    for (size_t i = 0; i < COUNT(d->rows); i++) TRY(exchange_end(&d->rows[i]));
    for (size_t k = 0; k < peers->ranks; k++) d->bytes = d->used[k] > d->bytes ? d->used[k] : d->bytes;
    d->all = cli_alloc(peers->ranks, d->bytes);
    if (d->used[peers->rank]) memcpy(d->all + peers->rank * d->bytes, d->own, d->used[peers->rank]);
    memset(d->used, 0, peers->ranks * sizeof *d->used);
    return d->bytes ? cli_group_gather(d->group, d->bytes, d->all) : CLI_OK;
}

void divided_free(divided *d)
{
    for (size_t i = 0; i < COUNT(d->rows); i++) exchange_free(&d->rows[i]);
    free(d->used);
    free(d->spans);
    free(d->own);
    free(d->all);
}
