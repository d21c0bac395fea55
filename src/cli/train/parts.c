/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

size_t dataset_rank_of(const dataset *set, size_t i)
{
    size_t low = 0, high = set->ranks->peers.ranks;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (set->parts[middle] <= i)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* A sequence is the rank's in whose share of all steps its middle lies. */
void dataset_deal(cli_group *ranks, const size_t *first, size_t n, dataset *set)
{
    const size_t N = ranks->peers.ranks;
    size_t rank = 0;
    set->ranks = ranks;
    set->parts = cli_alloc(N + 1, sizeof *set->parts);
    for (size_t i = 0; i < n; i++) {
        const double middle = ((double)first[i] + (double)first[i + 1]) / 2;
        const double owner = first[n] ? middle / (double)first[n] * (double)N : 0;
        while (rank + 1 < N && owner >= (double)(rank + 1)) set->parts[++rank] = i;
    }
    while (rank < N) set->parts[++rank] = n;
}

/* The steps of sequences [first, end) to or from a rank. */
static int begin_steps(const dataset *set, int sent, size_t rank, size_t first, size_t end, size_t *request)
{
    char *const at = set->whole + set->first[first] * dataset_width(set);
    const size_t bytes = (set->first[end] - set->first[first]) * dataset_width(set);
    if (bytes == 0) return CLI_OK;
    return sent ? cli_group_send(set->ranks, rank, at, bytes, request)
                : cli_group_receive(set->ranks, rank, at, bytes, request);
}

static int share_steps(const dataset *set, size_t *requests)
{
    const size_t N = set->ranks->peers.ranks, rank = set->ranks->peers.rank;
    for (size_t i = 0; i < 2 * N; i++) requests[i] = SIZE_MAX;
    for (size_t k = 0; k < N; k++)
        if (k != rank) TRY(begin_steps(set, 0, k, set->parts[k], set->parts[k + 1], &requests[k]));
    for (size_t k = 0; k < N; k++)
        if (k != rank) TRY(begin_steps(set, 1, k, set->parts[rank], set->parts[rank + 1], &requests[N + k]));
    for (size_t i = 0; i < 2 * N; i++)
        if (requests[i] != SIZE_MAX) TRY(cli_group_wait(set->ranks, requests[i]));
    return CLI_OK;
}

int dataset_complete(dataset *set, double most)
{
    const size_t bytes = set->parts && set->n ? set->first[set->n] * dataset_width(set) : 0;
    if (bytes == 0 || (double)bytes > most || bytes > INT_MAX) return CLI_OK;
    FREED size_t *requests = cli_alloc(2 * set->ranks->peers.ranks, sizeof *requests);
    const size_t from = set->first[dataset_from(set)], own = set->first[dataset_to(set)] - from;
    char *const whole = cli_alloc(bytes, 1);
    if (own) memcpy(whole + from * dataset_width(set), dataset_at(set, dataset_from(set)), own * dataset_width(set));
    set->whole = whole;
    const int code = share_steps(set, requests);
    if (code != CLI_OK) set->whole = NULL; /* what is on its way may still read and write it */
    return code;
}

int dataset_gather(const dataset *set, size_t bytes, void *all)
{
    size_t most = 1;
    char *const rows = all;
    if (!set->parts) return CLI_OK;
    const size_t N = set->ranks->peers.ranks, rank = set->ranks->peers.rank;
    for (size_t k = 0; k < N; k++)
        if (set->parts[k + 1] - set->parts[k] > most) most = set->parts[k + 1] - set->parts[k];
    FREED char *of_ranks = cli_alloc(N, most * bytes);
    memcpy(of_ranks + rank * most * bytes, rows + set->parts[rank] * bytes,
           (set->parts[rank + 1] - set->parts[rank]) * bytes);
    TRY(cli_group_gather(set->ranks, most * bytes, of_ranks));
    for (size_t k = 0; k < N; k++)
        memcpy(rows + set->parts[k] * bytes, of_ranks + k * most * bytes, (set->parts[k + 1] - set->parts[k]) * bytes);
    return CLI_OK;
}

int dataset_check_sum(const dataset *set, const char *path)
{
    uLong sum = crc32(0, NULL, 0);
    if (!set->parts || !set->sum.there) return CLI_OK;
    FREED data_sum *all = cli_alloc(set->ranks->peers.ranks, sizeof *all);
    all[set->ranks->peers.rank] = set->sum;
    TRY(cli_group_gather(set->ranks, sizeof *all, all));
    for (size_t k = 0; k < set->ranks->peers.ranks; k++) sum = crc32_combine(sum, all[k].found, (z_off_t)all[k].bytes);
    return sum == set->sum.wanted ? CLI_OK : cli_fail("%s: member 'x.npy' is damaged: its checksum differs", path);
}
