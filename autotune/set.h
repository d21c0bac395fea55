/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of autotune/ share: the fields of hosts and records as tables, the set, and seams for tests.
 */
#ifndef RNNP_AUTOTUNE_SET_H
#define RNNP_AUTOTUNE_SET_H

#include "../dispatch/dispatch.h"
#include "rnnpack/records.h"

/* ---- Fields: one table each for printing, parsing, checking and comparing ---- */

typedef enum rnnp_field_kind {
    RNNP_FIELD_WORD,   /* char[most] */
    RNNP_FIELD_LIST,   /* char[most]: a word that may hold commas */
    RNNP_FIELD_CHOICE, /* char[most]: words name=value between two colons */
    RNNP_FIELD_COUNT,  /* uint64_t from least to most */
    RNNP_FIELD_HASH,   /* uint64_t in 16 hexadecimal digits */
    RNNP_FIELD_RATIO   /* double from 0 to most, four decimals */
} rnnp_field_kind;

typedef struct rnnp_field {
    const char *name; /* printed before '='; NULL for the value alone */
    rnnp_field_kind kind;
    size_t offset;
    uint64_t least, most;
} rnnp_field;

enum { RNNP_HOST_FIELDS = 12, RNNP_RECORD_FIELDS = 13, RNNP_KEY_FIELDS = 7, RNNP_CHOICE_FIELDS = 8 };
extern const rnnp_field rnnp_host_fields[RNNP_HOST_FIELDS];
extern const rnnp_field rnnp_record_fields[RNNP_RECORD_FIELDS]; /* first those of the key, then the choice */

enum { RNNP_RECORD_LINE = 1024 }; /* more than any line takes */

/* "family 25 l1d=32768" of one or more fields. Returns its length. */
size_t rnnp_fields_print(const rnnp_field *fields, size_t n, const void *object, char text[RNNP_RECORD_LINE]);
/* These return 1, or 0 with a reason. */
int rnnp_fields_parse(const rnnp_field *fields, size_t n, const char *text, const char *end, void *object,
                      char *reason);
int rnnp_fields_check(const rnnp_field *fields, size_t n, const void *object, char *reason);
/* Below, at or above 0, field by field. */
int rnnp_fields_compare(const rnnp_field *fields, size_t n, const void *a, const void *b);

/* The number of a choice's word, from 1 to most; 0 for anything else. */
size_t rnnp_record_number(const char *text, size_t most);

/* Brings a checked record to the form in which the text has it: words sorted by name, spread in four decimals. */
void rnnp_record_normalise(rnnp_record *record);

/* ---- Sets ---- */

/* Hosts in order; the records of hosts[i], in order, follow those of hosts[i - 1] and end at hosts[i].end. */
typedef struct rnnp_host_block {
    rnnp_record_host host;
    size_t end;
} rnnp_host_block;

struct rnnp_records {
    const rnnp_context *context;
    rnnp_host_block *hosts;
    rnnp_record *records;
    size_t n_hosts, n_records;
    size_t host_room, record_room; /* as allocated; 0: NULL */
};

static inline size_t rnnp_host_begin(const rnnp_records *set, size_t host)
{
    return host ? set->hosts[host - 1].end : 0;
}

/* A set with room for as many hosts and records. */
rnnp_status rnnp_records_create_room(const rnnp_context *context, size_t hosts, size_t records, rnnp_records **set);
/* Exchanges what two sets of one context hold. */
void rnnp_records_swap(rnnp_records *a, rnnp_records *b);
/* Records of a host: [*first, *end), empty if it has none. */
void rnnp_records_of_host(const rnnp_records *set, const rnnp_record_host *host, size_t *first, size_t *end);
/* The record of a host with exactly this key, or NULL. */
const rnnp_record *rnnp_records_exact(const rnnp_records *set, const rnnp_record_host *host,
                                      const rnnp_record_key *key);

/* ---- Hosts ---- */

void rnnp_record_host_of(const rnnp_cpu *cpu, size_t budget, const char *isa, uint64_t kernels, rnnp_record_host *host);
/* Of all rows of n lists; their order does not matter. */
uint64_t rnnp_kernel_set_hash(const rnnp_variant_list *const *lists, size_t n);
/* "zen3", or NULL for one that the shipped table does not name. */
const char *rnnp_microarchitecture(const rnnp_record_host *host);

/* ---- The shipped table ---- */

typedef struct rnnp_default {
    const char *where;  /* a microarchitecture, an ISA, or "generic"; NULL ends the table */
    rnnp_record record; /* key and choice */
} rnnp_default;

extern const rnnp_default rnnp_defaults[];

/* rnnp_records_find with a table of the caller's. */
rnnp_status rnnp_records_find_in(const rnnp_records *set, const rnnp_default *table, const rnnp_record_host *host,
                                 const rnnp_record_key *key, rnnp_record_usable_fn usable, void *user,
                                 rnnp_record_found *found);

/* ---- Files ---- */

/* rnnp_records_open_default and rnnp_records_place_info with `root` before /var and /etc, "" for this machine. */
rnnp_status rnnp_records_open_under(const rnnp_context *context, const char *root, const char *path, char *file,
                                    rnnp_records **set);
int rnnp_records_place_under(const char *root, const char *path, size_t index, rnnp_records_place *place);

#endif
