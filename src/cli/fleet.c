/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet.h"

#include <string.h>

int fleet_check(cli_group *g, int allowed)
{
    if (!g || allowed) return CLI_OK;
    for (size_t k = 1; k < g->peers.ranks; k++)
        for (size_t i = 0; i < k; i++) {
            if (memcmp(g->hosts[i], g->hosts[k], GROUP_NAME) != 0) continue;
            g->ends_together = 1;
            return g->peers.rank == 0
                       ? cli_fail("--mpi: ranks %zu and %zu are both on host %.60s, and would disturb each other's "
                                  "measurements: start one rank on each host (mpirun --map-by ppr:1:node), or give "
                                  "--share-host",
                                  i, k, g->hosts[i])
                       : CLI_FAILED;
        }
    return CLI_OK;
}

int fleet_divide(cli_group *g, rnnp_context *context, rnnp_shape *shapes, size_t *n)
{
    size_t like = 0, turn = 0, kept = 0;
    if (!g) return CLI_OK;
    FREED rnnp_record_host *hosts = cli_alloc(g->peers.ranks, sizeof *hosts);
    const rnnp_record_host *own = &hosts[g->peers.rank];
    TRY(cli_status(context, rnnp_records_host(context, &hosts[g->peers.rank])));
    TRY(cli_group_gather(g, sizeof *hosts, hosts));
    for (size_t k = 0; k < g->peers.ranks; k++) {
        if (!rnnp_record_host_equal(&hosts[k], own)) continue;
        if (k == g->peers.rank) turn = like;
        like++;
    }
    for (size_t i = 0; i < *n; i++)
        if (i % like == turn) shapes[kept++] = shapes[i];
    *n = kept;
    return CLI_OK;
}

/* A row on its way to rank 0. */
typedef struct parcel {
    rnnp_record_host host;
    tuned row;
} parcel;

static int take(cli_group *g, rnnp_context *context, const parcel *all, const size_t *counts, size_t most,
                tuned_list *list, rnnp_records *set)
{
    for (size_t k = 1; k < g->peers.ranks; k++)
        for (size_t i = 0; i < counts[k]; i++) {
            const parcel *p = &all[k * most + i];
            cli_grow(&list->at, &list->room, list->n + 1, sizeof *list->at);
            list->at[list->n++] = p->row;
            if (p->row.measured) TRY(cli_status(context, rnnp_records_add(set, &p->host, &p->row.record)));
        }
    return CLI_OK;
}

int fleet_collect(cli_group *g, rnnp_context *context, tuned_list *list, size_t first, rnnp_records *set)
{
    size_t most = 0;
    if (!g) return CLI_OK;
    const size_t ranks = g->peers.ranks, rank = g->peers.rank;
    FREED size_t *counts = cli_alloc(ranks, sizeof *counts);
    counts[rank] = list->n - first;
    TRY(cli_group_gather(g, sizeof *counts, counts));
    for (size_t k = 0; k < ranks; k++) most = counts[k] > most ? counts[k] : most;
    if (most == 0) return CLI_OK;
    FREED parcel *all = cli_alloc(ranks * most, sizeof *all);
    for (size_t i = 0; i < counts[rank]; i++) {
        parcel *p = &all[rank * most + i];
        TRY(cli_status(context, rnnp_records_host(context, &p->host)));
        p->row = list->at[first + i];
    }
    TRY(cli_group_gather(g, most * sizeof *all, all));
    return cli_group_leads(g) ? take(g, context, all, counts, most, list, set) : CLI_OK;
}

int fleet_count(cli_group *g, tuned_list *list)
{
    if (!g) return CLI_OK;
    FREED size_t *all = cli_alloc(2 * g->peers.ranks, sizeof *all);
    all[2 * g->peers.rank] = list->n_shapes;
    all[2 * g->peers.rank + 1] = list->n_plain;
    TRY(cli_group_gather(g, 2 * sizeof *all, all));
    list->n_shapes = list->n_plain = 0;
    for (size_t k = 0; k < g->peers.ranks; k++) {
        list->n_shapes += all[2 * k];
        list->n_plain += all[2 * k + 1];
    }
    return CLI_OK;
}
