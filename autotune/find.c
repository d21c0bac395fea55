/* SPDX-License-Identifier: Apache-2.0
 *
 * From a key to a record: the exact one, else the nearest, in the set and then in the shipped table.
 */
#include "../src/context.h"
#include "../src/structs.h"
#include "set.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One pass over the candidates of one place. */
typedef struct search {
    const rnnp_record_key *key;
    rnnp_record_usable_fn usable;
    void *user;
    const rnnp_record *best;
    double distance;                    /* of the best */
    double refused_distance;            /* of the nearest that had to be passed over; 0: none */
    char refused[2 * RNNP_RECORD_WORD]; /* its word */
} search;

/* The larger over the smaller; 0 when that is more than two. */
static double ratio(uint64_t a, uint64_t b)
{
    const double low = (double)(a < b ? a : b), high = (double)(a < b ? b : a);

    return high <= 2 * low ? high / low : 0;
}

/* The product of the ratios of all sizes: 1 for the same shape, 0 for none that is near. */
static double distance(const rnnp_record_key *a, const rnnp_record_key *b)
{
    if (strcmp(a->layer, b->layer) != 0 || strcmp(a->precision, b->precision) != 0 || a->threads != b->threads)
        return 0;
    return ratio(a->input, b->input) * ratio(a->hidden, b->hidden) * ratio(a->batch, b->batch) *
           ratio(a->steps, b->steps);
}

/* Returns 1, or 0 with the first word that will not do. */
static int usable(const search *s, const rnnp_record *r, char refused[2 * RNNP_RECORD_WORD])
{
    char name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];

    for (size_t i = 0; s->usable && rnnp_record_word(r->choice, i, name, value) == RNNP_OK; i++) {
        if (!s->usable(s->user, name, value)) {
            snprintf(refused, 2 * RNNP_RECORD_WORD, "%s=%s", name, value);
            return 0;
        }
    }
    return 1;
}

static void consider(search *s, const rnnp_record *r)
{
    char refused[2 * RNNP_RECORD_WORD];
    const double d = distance(s->key, &r->key);
    const int nearer = !s->best || d < s->distance ||
                       (d <= s->distance && rnnp_fields_compare(rnnp_record_fields, RNNP_KEY_FIELDS, r, s->best) < 0);

    if (d < 1 || !nearer) return;
    if (usable(s, r, refused)) {
        s->best = r;
        s->distance = d;
    } else if (s->refused_distance < 1 || d < s->refused_distance) {
        s->refused_distance = d;
        memcpy(s->refused, refused, sizeof refused);
    }
}

/* Why the set has no record of this host: the field in which the host most like it differs. */
static void explain_host(const rnnp_records *set, const rnnp_record_host *host, char reason[RNNP_RECORD_REASON])
{
    const rnnp_record_host *like = NULL;
    const rnnp_field *differs = NULL;
    size_t fewest = RNNP_HOST_FIELDS + 1;
    char ours[RNNP_RECORD_LINE], theirs[RNNP_RECORD_LINE];

    for (size_t h = 0; h < set->n_hosts; h++) {
        const rnnp_field *first = NULL;
        size_t n = 0;

        for (const rnnp_field *f = rnnp_host_fields; f < rnnp_host_fields + RNNP_HOST_FIELDS; f++) {
            if (rnnp_fields_compare(f, 1, &set->hosts[h].host, host) != 0) {
                first = first ? first : f;
                n++;
            }
        }
        if (n < fewest) {
            fewest = n;
            differs = first;
            like = &set->hosts[h].host;
        }
    }
    if (!like) {
        snprintf(reason, RNNP_RECORD_REASON, "there are no records");
        return;
    }
    rnnp_fields_print(differs, 1, like, theirs);
    rnnp_fields_print(differs, 1, host, ours);
    snprintf(reason, RNNP_RECORD_REASON,
             "no records of this host: the most similar host of %zu has %.50s, not %.50s (%zu field%s)", set->n_hosts,
             theirs, ours, fewest, fewest == 1 ? " differs" : "s differ");
}

/* Why there is no exact record among those of a host. */
static void explain_search(const search *s, char reason[RNNP_RECORD_REASON])
{
    char shape[RNNP_RECORD_LINE];
    size_t used = 0;

    if (s->best && s->distance > 1) {
        rnnp_fields_print(rnnp_record_fields + 2, 4, s->best, shape);
        used = (size_t)snprintf(reason, RNNP_RECORD_REASON, "nearest: %.100s", shape);
    } else if (!s->best && s->refused_distance < 1) {
        snprintf(reason, RNNP_RECORD_REASON,
                 "no record of %s %s threads=%" PRIu64 " is within a factor of two of the shape", s->key->layer,
                 s->key->precision, s->key->threads);
    }
    if (s->refused_distance >= 1)
        snprintf(reason + used, RNNP_RECORD_REASON - used, "%s%s record has %s, which is not possible here",
                 used ? "; " : "", s->refused_distance > 1 ? "a near" : "the exact", s->refused);
}

/* Takes what was found, if anything. */
static int take(const search *s, const char *source, rnnp_record_found *found)
{
    if (!s->best) return 0;
    found->record = s->best;
    found->source = source;
    found->match = s->distance > 1 ? RNNP_MATCH_NEAREST : RNNP_MATCH_EXACT;
    return 1;
}

rnnp_status rnnp_records_find_in(const rnnp_records *set, const rnnp_default *table, const rnnp_record_host *host,
                                 const rnnp_record_key *key, rnnp_record_usable_fn usable_fn, void *user,
                                 rnnp_record_found *found)
{
    size_t i, end;

    *found = (rnnp_record_found){.match = RNNP_MATCH_NONE};
    if (!host || !key || !rnnp_fields_check(rnnp_host_fields, RNNP_HOST_FIELDS, host, found->reason) ||
        !rnnp_fields_check(rnnp_record_fields, RNNP_KEY_FIELDS, key, found->reason))
        return set ? rnnp_fail(set->context, RNNP_ERR_ARG, "tuning records: %s", found->reason) : RNNP_ERR_ARG;

    const search start = {.key = key, .usable = usable_fn, .user = user};
    search s = start;
    rnnp_records_of_host(set, host, &i, &end);
    if (set && i == end)
        explain_host(set, host, found->reason);
    else if (!set)
        snprintf(found->reason, sizeof found->reason, "there are no records");
    for (; i < end; i++) consider(&s, &set->records[i]);
    if (!*found->reason) explain_search(&s, found->reason);
    if (take(&s, "records", found)) return RNNP_OK;

    const char *const levels[] = {rnnp_microarchitecture(host), host->isa, "generic"};
    for (size_t level = 0; level < sizeof levels / sizeof levels[0]; level++) {
        s = start;
        for (const rnnp_default *row = table; levels[level] && row->where; row++) {
            if (strcmp(row->where, levels[level]) == 0) consider(&s, &row->record);
        }
        if (take(&s, levels[level], found)) return RNNP_OK;
    }
    return RNNP_OK;
}

rnnp_status rnnp_records_find(const rnnp_records *set, const rnnp_record_host *host, const rnnp_record_key *key,
                              rnnp_record_usable_fn usable_fn, void *user, rnnp_record_found *found)
{
    const rnnp_context *context = set ? set->context : NULL;
    rnnp_record_found full;
    rnnp_status status = RNNP_STRUCT_CHECK(context, rnnp_record_found, found);

    if (status != RNNP_OK) return status;
    status = rnnp_records_find_in(set, rnnp_defaults, host, key, usable_fn, user, &full);
    RNNP_STRUCT_WRITE(context, rnnp_record_found, &full, found);
    return status;
}
