/* SPDX-License-Identifier: Apache-2.0
 *
 * The set and its join.
 */
#include "../src/context.h"
#include "set.h"

#include <string.h>

static int compare_hosts(const rnnp_record_host *a, const rnnp_record_host *b)
{
    return rnnp_fields_compare(rnnp_host_fields, RNNP_HOST_FIELDS, a, b);
}

int rnnp_record_host_equal(const rnnp_record_host *a, const rnnp_record_host *b) { return compare_hosts(a, b) == 0; }

static int compare_keys(const rnnp_record *a, const rnnp_record *b)
{
    return rnnp_fields_compare(rnnp_record_fields, RNNP_KEY_FIELDS, a, b);
}

/* The better of two records of one key. It is a total order, which makes the join associative and commutative. */
static const rnnp_record *better(const rnnp_record *a, const rnnp_record *b)
{
    if (a->at != b->at) return a->at > b->at ? a : b;
    if (a->samples != b->samples) return a->samples > b->samples ? a : b;
    if (a->ns != b->ns) return a->ns < b->ns ? a : b;
    return rnnp_fields_compare(rnnp_record_fields, RNNP_RECORD_FIELDS, a, b) <= 0 ? a : b;
}

/* ---- Sets ---- */

rnnp_status rnnp_records_create_room(const rnnp_context *context, size_t hosts, size_t records, rnnp_records **set)
{
    *set = NULL;
    rnnp_records *s = rnnp_calloc(context, sizeof *s);

    if (!s) return RNNP_ERR_MEMORY;
    s->context = context;
    if (hosts && (s->hosts = rnnp_alloc(context, hosts * sizeof *s->hosts)) != NULL) s->host_room = hosts;
    if (records && (s->records = rnnp_alloc(context, records * sizeof *s->records)) != NULL) s->record_room = records;
    if (s->host_room < hosts || s->record_room < records) {
        rnnp_records_destroy(s);
        return RNNP_ERR_MEMORY;
    }
    *set = s;
    return RNNP_OK;
}

rnnp_status rnnp_records_create(const rnnp_context *context, rnnp_records **set)
{
    if (set) *set = NULL;
    return context && set ? rnnp_records_create_room(context, 0, 0, set) : RNNP_ERR_ARG;
}

void rnnp_records_destroy(rnnp_records *set)
{
    if (!set) return;
    rnnp_free(set->context, set->records, set->record_room * sizeof *set->records);
    rnnp_free(set->context, set->hosts, set->host_room * sizeof *set->hosts);
    rnnp_free(set->context, set, sizeof *set);
}

void rnnp_records_swap(rnnp_records *a, rnnp_records *b)
{
    const rnnp_records kept = *a;

    *a = *b;
    *b = kept;
}

size_t rnnp_records_count(const rnnp_records *set) { return set ? set->n_records : 0; }

rnnp_status rnnp_records_get(const rnnp_records *set, size_t index, const rnnp_record_host **host,
                             const rnnp_record **record)
{
    if (index >= rnnp_records_count(set)) return RNNP_ERR_ARG;

    size_t low = 0, high = set->n_hosts - 1; /* the first host that ends past the index */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (set->hosts[middle].end > index)
            high = middle;
        else
            low = middle + 1;
    }
    if (host) *host = &set->hosts[low].host;
    if (record) *record = &set->records[index];
    return RNNP_OK;
}

void rnnp_records_of_host(const rnnp_records *set, const rnnp_record_host *host, size_t *first, size_t *end)
{
    *first = *end = 0;
    for (size_t i = 0; set && i < set->n_hosts; i++) {
        *first = *end;
        *end = set->hosts[i].end;
        if (compare_hosts(&set->hosts[i].host, host) == 0) return;
    }
    *first = *end;
}

/* ---- Join ---- */

/* Appends the join of the records of two hosts that are the same; either set may be NULL for none. */
static void join_host(rnnp_records *out, const rnnp_records *a, size_t host_a, const rnnp_records *b, size_t host_b)
{
    size_t i = a ? rnnp_host_begin(a, host_a) : 0, k = b ? rnnp_host_begin(b, host_b) : 0;
    const size_t end_a = a ? a->hosts[host_a].end : 0, end_b = b ? b->hosts[host_b].end : 0;

    while (i < end_a || k < end_b) {
        const int order = i == end_a ? 1 : k == end_b ? -1 : compare_keys(&a->records[i], &b->records[k]);
        const rnnp_record *const take = order < 0   ? &a->records[i]
                                        : order > 0 ? &b->records[k]
                                                    : better(&a->records[i], &b->records[k]);

        out->records[out->n_records++] = *take;
        i += order <= 0;
        k += order >= 0;
    }
    rnnp_host_block *const block = &out->hosts[out->n_hosts++];
    block->host = a ? a->hosts[host_a].host : b->hosts[host_b].host;
    block->end = out->n_records;
}

rnnp_status rnnp_records_merge(rnnp_records *set, const rnnp_records *other)
{
    rnnp_records *out;
    size_t i = 0, k = 0;

    if (!set || !other) return RNNP_ERR_ARG;
    const rnnp_status status =
        rnnp_records_create_room(set->context, set->n_hosts + other->n_hosts, set->n_records + other->n_records, &out);
    if (status != RNNP_OK) return status;
    while (i < set->n_hosts || k < other->n_hosts) {
        const int order = i == set->n_hosts     ? 1
                          : k == other->n_hosts ? -1
                                                : compare_hosts(&set->hosts[i].host, &other->hosts[k].host);

        join_host(out, order <= 0 ? set : NULL, i, order >= 0 ? other : NULL, k);
        i += order <= 0;
        k += order >= 0;
    }
    rnnp_records_swap(set, out);
    rnnp_records_destroy(out);
    return RNNP_OK;
}

rnnp_status rnnp_records_add(rnnp_records *set, const rnnp_record_host *host, const rnnp_record *record)
{
    char reason[RNNP_RECORD_REASON];

    if (!set || !host || !record) return RNNP_ERR_ARG;
    if (!rnnp_fields_check(rnnp_host_fields, RNNP_HOST_FIELDS, host, reason) ||
        !rnnp_fields_check(rnnp_record_fields, RNNP_RECORD_FIELDS, record, reason))
        return rnnp_fail(set->context, RNNP_ERR_ARG, "tuning record: %s", reason);

    rnnp_host_block block = {*host, 1};
    rnnp_record one = *record;
    rnnp_record_normalise(&one);
    const rnnp_records single = {.hosts = &block, .records = &one, .n_hosts = 1, .n_records = 1};
    return rnnp_records_merge(set, &single);
}

const rnnp_record *rnnp_records_exact(const rnnp_records *set, const rnnp_record_host *host, const rnnp_record_key *key)
{
    size_t i, end;

    for (rnnp_records_of_host(set, host, &i, &end); i < end; i++) {
        if (rnnp_fields_compare(rnnp_record_fields, RNNP_KEY_FIELDS, &set->records[i], key) == 0)
            return &set->records[i];
    }
    return NULL;
}

uint64_t rnnp_records_date(const rnnp_records *set, const rnnp_record_host *host, const rnnp_record_key *key,
                           uint64_t now)
{
    const rnnp_record *r = set && host && key ? rnnp_records_exact(set, host, key) : NULL;

    return r && r->at >= now ? r->at + 1 : now;
}

size_t rnnp_records_keep(rnnp_records *set, rnnp_records_keep_fn keep, void *user)
{
    size_t n = 0, n_hosts = 0, i = 0;

    if (!set || !keep) return 0;
    const size_t before = set->n_records;
    for (size_t h = 0; h < set->n_hosts; h++) {
        const rnnp_host_block block = set->hosts[h];
        const size_t begin = n;

        for (; i < block.end; i++) {
            if (keep(user, &block.host, &set->records[i])) set->records[n++] = set->records[i];
        }
        if (n > begin) set->hosts[n_hosts++] = (rnnp_host_block){block.host, n};
    }
    set->n_records = n;
    set->n_hosts = n_hosts;
    return before - n;
}
