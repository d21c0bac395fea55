/* SPDX-License-Identifier: Apache-2.0
 *
 * Tuning records: what was measured to be the fastest choice for a shape on a host, kept as text that people can read
 * and compare. A set of records holds those of any number of hosts; it is parsed, printed, merged and searched here.
 * The measuring is done elsewhere.
 *
 * Records change speed and never bits, so nothing in this header touches a result.
 *
 * Every function here, unless it says otherwise
 *   Returns  RNNP_OK; RNNP_ERR_ARG for NULL where it is not allowed; RNNP_ERR_MEMORY
 *   Errors   leave *set NULL (functions that make a set) or the set as it was; the sentence is the calling thread's
 *   latest Memory   from the context's allocator; a set must be destroyed before its context
 *   Threads  any; a set may be read by many threads at once, and changed by one while no other reads it
 */
#ifndef RNNPACK_RECORDS_H
#define RNNPACK_RECORDS_H

#include "rnnpack/rnnpack.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- What a record is -------------------------------------------------------------------------- */

/* Room for texts, with the final zero. A word has one to 47 of the characters A-Z a-z 0-9 . _ + -. */
enum { RNNP_RECORD_WORD = 48, RNNP_RECORD_FEATURES = 384, RNNP_RECORD_CHOICE = 192, RNNP_RECORD_REASON = 200 };

/* Where a time was measured. Records hold on a host that is the same in every field. Names, not numbers, stand for what
 * another version may number otherwise. */
typedef struct rnnp_record_host {
    char vendor[RNNP_RECORD_WORD]; /* "AuthenticAMD"; "unknown" */
    uint64_t family, model, stepping;
    char isa[RNNP_RECORD_WORD];             /* highest ISA of the context: a cap makes another host */
    char features[RNNP_RECORD_FEATURES];    /* "avx,avx2,...", sorted; "none" */
    uint64_t l1d_bytes, l2_bytes, l3_bytes; /* 0: unknown */
    uint64_t budget;                        /* CPUs that the process may use */
    uint64_t kernels;                       /* a hash over the names of all variants */
    char version[RNNP_RECORD_WORD];         /* of the library */
} rnnp_record_host;

/* What was measured. A size that a layer or op does not have is 1. The math class is no part of it. */
typedef struct rnnp_record_key {
    char layer[RNNP_RECORD_WORD];         /* "lstm", or an op */
    char precision[RNNP_RECORD_WORD];     /* "f32" */
    uint64_t input, hidden, batch, steps; /* 1 to 10^12 */
    uint64_t threads;                     /* 1 to 4096 */
} rnnp_record_key;

typedef struct rnnp_record {
    rnnp_record_key key;
    char choice[RNNP_RECORD_CHOICE]; /* "chunk=64 variant=block_avx2": words name=value, one space between them; ""
                                      * when the default was the fastest */
    uint64_t ns, default_ns;         /* time of a call with the choice, and with the default; 1 to 10^15 */
    double spread;                   /* of ns, relative; 0 to 100, kept to four decimals */
    uint64_t samples;                /* 1 to 10^9 */
    uint64_t at;                     /* date: seconds since 1970 UTC, up to the year 9999 */
} rnnp_record;

/* The words of a choice. `name` and `value` have room for RNNP_RECORD_WORD. RNNP_ERR_ARG past the last. */
RNNP_API size_t rnnp_record_word_count(const char *choice);
RNNP_API rnnp_status rnnp_record_word(const char *choice, size_t index, char *name, char *value);

/* This process on this host, as records made now would name it: the CPU budget (affinity, cgroup) is read anew, from
 * the system and a few small files. Allocates nothing. */
RNNP_API rnnp_status rnnp_records_host(const rnnp_context *context, rnnp_record_host *host);

/* 1 if the two are the same in every field. */
RNNP_API int rnnp_record_host_equal(const rnnp_record_host *a, const rnnp_record_host *b);

/* ---- Sets -------------------------------------------------------------------------------------- */

typedef struct rnnp_records rnnp_records;

/* An empty set. */
RNNP_API rnnp_status rnnp_records_create(const rnnp_context *context, rnnp_records **set);
RNNP_API void rnnp_records_destroy(rnnp_records *set);

/* How many records a set holds; 0 for NULL. */
RNNP_API size_t rnnp_records_count(const rnnp_records *set);

/* The index-th record and its host (either may be NULL), in the order of the text. RNNP_ERR_ARG past the last. The
 * pointers hold until the set changes. */
RNNP_API rnnp_status rnnp_records_get(const rnnp_records *set, size_t index, const rnnp_record_host **host,
                                      const rnnp_record **record);

/*
 * rnnp_records_merge() joins `other` into `set`; rnnp_records_add() joins one record. Of two records with the same host
 * and key the later date stays, then the one of more samples, then the shorter time, then the first in the order of the
 * text: so the order and the grouping of merges do not matter, nor does repeating one. Unknown words are kept.
 *
 * add returns RNNP_ERR_ARG for a field out of its range: NaN, zero, a word of other characters, a choice that names a
 * word twice.
 */
RNNP_API rnnp_status rnnp_records_merge(rnnp_records *set, const rnnp_records *other);
RNNP_API rnnp_status rnnp_records_add(rnnp_records *set, const rnnp_record_host *host, const rnnp_record *record);

/* The date for a new measurement: `now`, or one second after the record that it is to replace if that one is dated
 * later, because a clock stepped back. */
RNNP_API uint64_t rnnp_records_date(const rnnp_records *set, const rnnp_record_host *host, const rnnp_record_key *key,
                                    uint64_t now);

/* Drops the records for which keep() returns 0. Returns how many. */
typedef int (*rnnp_records_keep_fn)(void *user, const rnnp_record_host *host, const rnnp_record *record);
RNNP_API size_t rnnp_records_keep(rnnp_records *set, rnnp_records_keep_fn keep, void *user);

/* ---- Search ------------------------------------------------------------------------------------ */

typedef enum rnnp_match {
    RNNP_MATCH_NONE = 0,
    RNNP_MATCH_NEAREST = 1, /* another shape: see rnnp_records_find */
    RNNP_MATCH_EXACT = 2
} rnnp_match;

typedef struct rnnp_record_found {
    rnnp_match match;
    const rnnp_record *record;       /* NULL without a match; holds until the set changes. Of one from the shipped table
                                      * the times, spread, samples and date are 0 */
    const char *source;              /* "records"; of the shipped table "zen3" (a microarchitecture), "avx2" (an ISA) or
                                      * "generic"; NULL without a match */
    char reason[RNNP_RECORD_REASON]; /* why it is not the exact one of the set; "" when it is */
} rnnp_record_found;

/* Says whether this process can do what a word of a choice says: 1 or 0. */
typedef int (*rnnp_record_usable_fn)(void *user, const char *name, const char *value);

/*
 * rnnp_records_find() looks for the record of a key: in the set (which may be NULL) among those of the host, then in
 * the shipped table among those of the host's microarchitecture, of its ISA, and "generic". The first of these with a
 * match is taken. In each of them the exact key comes first, else the nearest: same layer, precision and threads;
 * input, hidden, batch and steps each within a factor of two; the product of the four ratios is least; of equal ones
 * the smaller in the order of the text. A record with a word that usable() refuses is passed over, and the reason names
 * the word. usable may be NULL: then every word will do.
 *
 * Errors   RNNP_ERR_ARG, and found->match is RNNP_MATCH_NONE
 * Memory   none; the time grows with the number of records of the host
 */
RNNP_API rnnp_status rnnp_records_find(const rnnp_records *set, const rnnp_record_host *host,
                                       const rnnp_record_key *key, rnnp_record_usable_fn usable, void *user,
                                       rnnp_record_found *found);

/* ---- Text -------------------------------------------------------------------------------------- */

/* autotune/README.md describes the text. Equal sets print the same bytes, and only such texts are read. */
enum { RNNP_RECORDS_TEXT_BYTES = 64 << 20 }; /* the most that is read or written to a file */

/*
 * rnnp_records_open_memory() makes a set from a text; `name` stands in messages for the file.
 *
 * Returns  RNNP_ERR_FORMAT for a text that is empty, cut off, damaged, out of order or no records at all;
 *          RNNP_ERR_UNSUPPORTED for one of a newer format
 */
RNNP_API rnnp_status rnnp_records_open_memory(const rnnp_context *context, const char *name, const char *text,
                                              size_t bytes, rnnp_records **set);

/* Gives the text to `write` in pieces, first to last, until it returns other than 0: then RNNP_ERR_IO without a
 * sentence, since the caller knows why. Allocates nothing. */
RNNP_API rnnp_status rnnp_records_write(const rnnp_records *set, rnnp_write_fn write, void *user);

/* ---- Files ------------------------------------------------------------------------------------- */

enum { RNNP_RECORDS_PATH = 4096, RNNP_RECORDS_WAIT_MS = 10000 };

/*
 * rnnp_records_open_file() reads a file. It takes no lock and never waits for a writer: a file is replaced as a whole.
 *
 * Returns  as rnnp_records_open_memory; RNNP_ERR_IO when the file cannot be read or is no regular file; RNNP_ERR_FORMAT
 *          when it is larger than RNNP_RECORDS_TEXT_BYTES
 */
RNNP_API rnnp_status rnnp_records_open_file(const rnnp_context *context, const char *path, rnnp_records **set);

/*
 * rnnp_records_update() joins a set and a file: both hold the join afterwards. rnnp_records_edit() lets a function
 * change what the file holds; what it returns is returned, and an error leaves the file alone. rnnp_records_check()
 * says whether an update could be written now, for those who measure for an hour first; it changes nothing.
 *
 * The file is read, changed, written beside itself (.NAME.N.tmp), flushed to the disk and renamed, while .NAME.lock is
 * held (flock); what is left of them by a process that died, the next writer removes. A missing file counts as empty; a
 * symbolic link is followed; mode and, if allowed, owner stay, and a new file gets 0644 less the umask. When nothing
 * changes nothing is written, and no file is made to hold no record.
 *
 * wait_ms  how long to wait for other writers, for example RNNP_RECORDS_WAIT_MS
 * Returns  as rnnp_records_open_file; RNNP_ERR_IO also when the lock is not to be had in time or the disk is full
 * Errors   leave the file and the set as they were; only a message that begins with "written" means that the file is
 *          new and whole, but may be the old one again after a power cut
 */
RNNP_API rnnp_status rnnp_records_check(const rnnp_context *context, const char *path, unsigned wait_ms);
RNNP_API rnnp_status rnnp_records_update(rnnp_records *set, const char *path, unsigned wait_ms);
typedef rnnp_status (*rnnp_records_edit_fn)(void *user, rnnp_records *set);
RNNP_API rnnp_status rnnp_records_edit(const rnnp_context *context, const char *path, unsigned wait_ms,
                                       rnnp_records_edit_fn edit, void *user);

/*
 * rnnp_records_open_default() reads the first of these that exists: `path`; $RNNPACK_RECORDS;
 * $XDG_CACHE_HOME/rnnpack/records, or ~/.cache/rnnpack/records; /var/cache/rnnpack/records; /etc/rnnpack/records.
 * Without any the set is empty. A `path` that is missing is an error; a missing $RNNPACK_RECORDS is passed over as the
 * others are, and the context's log says so. What is there and cannot be read, or is damaged, is an error.
 *
 * Who names a file (path, $RNNPACK_RECORDS) vouches for it. From the other places a file is read only if this user or
 * root owns it and its folder, and nobody else may write to either (mode bits; a folder with the sticky bit, and root's
 * group, are fine). Another file is passed over, and the context's log says why.
 *
 * path     may be NULL
 * file     room for RNNP_RECORDS_PATH characters, or NULL: the path of what was read, "" for no file
 */
RNNP_API rnnp_status rnnp_records_open_default(const rnnp_context *context, const char *path, char *file,
                                               rnnp_records **set);

/* Where rnnp_records_open_default() looks, in its order, and what it would do there now. RNNP_ERR_ARG past the last
 * place. */
typedef struct rnnp_records_place {
    char file[RNNP_RECORDS_PATH];
    int named;                       /* by `path` or by $RNNPACK_RECORDS */
    int missing;                     /* nothing is there */
    int used;                        /* this one is read */
    char reason[RNNP_RECORD_REASON]; /* why it is not; "" for the one that is */
} rnnp_records_place;
RNNP_API size_t rnnp_records_place_count(const char *path);
RNNP_API rnnp_status rnnp_records_place_info(const char *path, size_t index, rnnp_records_place *place);

/*
 * rnnp_records_own_file() tells the file that this user's records belong to: the first of the above up to ~/.cache that
 * is set. With `create` the missing folders of a cache are made (mode 0700), not those of a path or of
 * $RNNPACK_RECORDS.
 *
 * Returns  RNNP_ERR_STATE when no variable says where; RNNP_ERR_ARG for a path that is too long; RNNP_ERR_IO when a
 *          folder cannot be made
 */
RNNP_API rnnp_status rnnp_records_own_file(const rnnp_context *context, const char *path, int create, char *file);

#ifdef __cplusplus
}
#endif
#endif
