/* SPDX-License-Identifier: Apache-2.0
 *
 * Tuning records: the fastest measured choice for a shape on a host, stored as text that people can read and
 * compare. A set holds the records of any number of hosts. This header parses, prints, merges and searches sets;
 * tune.h measures.
 *
 * Records change speed and never bits: nothing in this header affects a result.
 *
 * All functions here, unless they say otherwise
 *   Returns  RNNP_OK; RNNP_ERR_ARG for a NULL that is not allowed; RNNP_ERR_MEMORY
 *   Errors   leave *set NULL (functions that make a set) or the set unchanged; rnnp_last_error() has the sentence
 *   Memory   from the context's allocator; a set must be destroyed before its context
 *   Threads  any number of threads may read a set at the same time; while one changes it, no other may use it
 */
#ifndef RNNPACK_RECORDS_H
#define RNNPACK_RECORDS_H

#include "rnnpack/rnnpack.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- What a record is -------------------------------------------------------------------------- */

/* Room for texts, including the final zero. A word has 1 to 47 of the characters A-Z a-z 0-9 . _ + -. */
enum { RNNP_RECORD_WORD = 48, RNNP_RECORD_FEATURES = 384, RNNP_RECORD_CHOICE = 192, RNNP_RECORD_REASON = 200 };

/* The host of a measurement. A record applies to hosts that are equal in every field. Names are stored rather than
 * numbers, because another version may number things differently. Frozen: the fields are those of the text. */
typedef struct rnnp_record_host {
    char vendor[RNNP_RECORD_WORD]; /* "AuthenticAMD"; "unknown" */
    uint64_t family, model, stepping;
    char isa[RNNP_RECORD_WORD];             /* highest instruction set of the context: a cap makes another host */
    char features[RNNP_RECORD_FEATURES];    /* "avx,avx2,...", sorted; "none" */
    uint64_t l1d_bytes, l2_bytes, l3_bytes; /* 0: unknown */
    uint64_t budget;                        /* CPUs that the process may use */
    uint64_t kernels;                       /* hash of the names of all variants */
    char version[RNNP_RECORD_WORD];         /* of the library */
} rnnp_record_host;

/* What was measured. A size that a layer or op does not have is 1. The math class is not part of the key. Frozen. */
typedef struct rnnp_record_key {
    char layer[RNNP_RECORD_WORD];         /* "lstm", or an op */
    char precision[RNNP_RECORD_WORD];     /* format of the weights: "f32" */
    uint64_t input, hidden, batch, steps; /* 1 to 10^12 */
    uint64_t threads;                     /* 1 to 4096 */
} rnnp_record_key;

/* A measurement. Frozen. */
typedef struct rnnp_record {
    rnnp_record_key key;
    char choice[RNNP_RECORD_CHOICE]; /* "chunk=64 variant=block_avx2": words name=value, separated by one space; "" if
                                      * the default was fastest */
    uint64_t ns, default_ns;         /* time of a call with the choice, and with the default; 1 to 10^15 */
    double spread;                   /* of ns, relative; 0 to 100, kept to four decimals */
    uint64_t samples;                /* 1 to 10^9 */
    uint64_t at;                     /* date: seconds since 1970 UTC, up to the year 9999 */
} rnnp_record;

/* The words of a choice. `name` and `value` have room for RNNP_RECORD_WORD characters. RNNP_ERR_ARG past the end. */
RNNP_API size_t rnnp_record_word_count(const char *choice);
RNNP_API rnnp_status rnnp_record_word(const char *choice, size_t index, char *name, char *value);

/* Describes this process on this host, as records made now would name it. The CPU budget (affinity, cgroup) is read
 * anew, from the system and a few small files. No allocation. */
RNNP_API rnnp_status rnnp_records_host(const rnnp_context *context, rnnp_record_host *host);

/* Returns 1 if two hosts are equal in every field. */
RNNP_API int rnnp_record_host_equal(const rnnp_record_host *a, const rnnp_record_host *b);

/* ---- Sets -------------------------------------------------------------------------------------- */

typedef struct rnnp_records rnnp_records;

/* Makes an empty set. */
RNNP_API rnnp_status rnnp_records_create(const rnnp_context *context, rnnp_records **set);
RNNP_API void rnnp_records_destroy(rnnp_records *set);

/* The records of a set, in the order of the text; none for NULL. host and record may be NULL. The pointers are valid
 * until the set changes. */
RNNP_API size_t rnnp_records_count(const rnnp_records *set);
RNNP_API rnnp_status rnnp_records_get(const rnnp_records *set, size_t index, const rnnp_record_host **host,
                                      const rnnp_record **record);

/*
 * rnnp_records_merge() adds the records of `other` to `set`; rnnp_records_add() adds one record. Of two records with
 * the same host and key, the one with the later date is kept, then the one with more samples, then the shorter time,
 * then the first in the order of the text. The order and grouping of merges therefore do not matter, nor does
 * repeating one. Words that this version does not know are kept.
 *
 * rnnp_records_add() returns RNNP_ERR_ARG for a field out of range: NaN, zero, a word with other characters, or a
 * choice that names a word twice.
 */
RNNP_API rnnp_status rnnp_records_merge(rnnp_records *set, const rnnp_records *other);
RNNP_API rnnp_status rnnp_records_add(rnnp_records *set, const rnnp_record_host *host, const rnnp_record *record);

/* Returns the date for a new measurement: `now`, or, if the record that it will replace has a later date because a
 * clock was set back, one second after that. */
RNNP_API uint64_t rnnp_records_date(const rnnp_records *set, const rnnp_record_host *host, const rnnp_record_key *key,
                                    uint64_t now);

/* Removes the records for which keep() returns 0, and returns how many. */
typedef int (*rnnp_records_keep_fn)(void *user, const rnnp_record_host *host, const rnnp_record *record);
RNNP_API size_t rnnp_records_keep(rnnp_records *set, rnnp_records_keep_fn keep, void *user);

/* ---- Search ------------------------------------------------------------------------------------ */

typedef enum rnnp_match {
    RNNP_MATCH_NONE = 0,
    RNNP_MATCH_NEAREST = 1, /* another shape: see rnnp_records_find() */
    RNNP_MATCH_EXACT = 2
} rnnp_match;

typedef struct rnnp_record_found {
    size_t struct_size;
    rnnp_match match;
    const rnnp_record *record;       /* NULL without a match; valid until the set changes. In a record of the shipped
                                      * table times, spread, samples and date are 0 */
    const char *source;              /* "records"; for the shipped table "zen3" (a microarchitecture), "avx2" (an
                                      * instruction set) or "generic"; NULL without a match */
    char reason[RNNP_RECORD_REASON]; /* why this is not the exact record of the set; "" if it is */
} rnnp_record_found;
RNNP_STRUCT_INIT(rnnp_record_found)

/* Returns 1 if this process can do what a word of a choice says, and 0 if not. */
typedef int (*rnnp_record_usable_fn)(void *user, const char *name, const char *value);

/*
 * rnnp_records_find() searches for the record of a key: first in the set, which may be NULL, among the records of
 * the host; then in the shipped table among those of the host's microarchitecture, of its instruction set, and
 * "generic". The first of these that has a match is taken.
 *
 * Within each, the exact key comes first, then the nearest: the same layer, precision and threads; input, hidden,
 * batch and steps each within a factor of two; the smallest product of the four ratios; among equals, the first in
 * the order of the text. A record with a word for which usable() returns 0 is skipped, and the reason names the
 * word. If usable is NULL, all words are usable.
 *
 * Returns  RNNP_OK, also without a match; RNNP_ERR_ARG, when found->match is RNNP_MATCH_NONE
 * Memory   no allocation; the time grows with the number of records of the host
 */
RNNP_API rnnp_status rnnp_records_find(const rnnp_records *set, const rnnp_record_host *host,
                                       const rnnp_record_key *key, rnnp_record_usable_fn usable, void *user,
                                       rnnp_record_found *found);

/* ---- Text -------------------------------------------------------------------------------------- */

/* autotune/README.md describes the text. Equal sets print the same bytes, and only such texts are read. */
enum { RNNP_RECORDS_TEXT_BYTES = 64 << 20 }; /* largest file that is read or written */

/*
 * rnnp_records_open_memory() makes a set from a text; messages call it `name`.
 *
 * Returns  RNNP_ERR_FORMAT for a text that is empty, truncated, damaged, out of order, or not records at all;
 *          RNNP_ERR_UNSUPPORTED for a newer format
 */
RNNP_API rnnp_status rnnp_records_open_memory(const rnnp_context *context, const char *name, const char *text,
                                              size_t bytes, rnnp_records **set);

/* Gives the text to `write` in pieces, from first to last. If write returns other than 0, this stops with
 * RNNP_ERR_IO and without a sentence, because the caller knows the reason. No allocation. */
RNNP_API rnnp_status rnnp_records_write(const rnnp_records *set, rnnp_write_fn write, void *user);

/* ---- Files ------------------------------------------------------------------------------------- */

enum { RNNP_RECORDS_PATH = 4096, RNNP_RECORDS_WAIT_MS = 10000 };

/*
 * rnnp_records_open_file() reads a file. It takes no lock and never waits for a writer, because writers replace
 * files as a whole.
 *
 * Returns  as rnnp_records_open_memory(); RNNP_ERR_IO if the file cannot be read or is not a regular file;
 *          RNNP_ERR_FORMAT if it is larger than RNNP_RECORDS_TEXT_BYTES
 */
RNNP_API rnnp_status rnnp_records_open_file(const rnnp_context *context, const char *path, rnnp_records **set);

/*
 * rnnp_records_update() merges a set and a file: afterwards both hold the records of both. rnnp_records_edit() lets a
 * function change what a file holds; if it returns an error, the file stays unchanged and that error is returned.
 * rnnp_records_check() tells whether an update could be written now, before a measurement of an hour; it changes
 * nothing.
 *
 * The file is read, changed, written under another name in the same folder (.NAME.N.tmp), synced to disk and
 * renamed, while .NAME.lock is locked (flock). The next writer removes what a process that died left of these. A
 * missing file counts as empty; symbolic links are followed; mode and, where allowed, owner are kept, and a new file
 * gets 0644 less the umask. If nothing changes, nothing is written; no file is created to hold no record.
 *
 * wait_ms  how long to wait for other writers, for example RNNP_RECORDS_WAIT_MS
 * Returns  as rnnp_records_open_file(); RNNP_ERR_IO also if the lock is not free in time or the disk is full
 * Errors   leave the file and the set unchanged, except that a sentence that begins with "written" means that the
 *          new file is complete but may be lost in a power failure
 */
RNNP_API rnnp_status rnnp_records_check(const rnnp_context *context, const char *path, unsigned wait_ms);
RNNP_API rnnp_status rnnp_records_update(rnnp_records *set, const char *path, unsigned wait_ms);
typedef rnnp_status (*rnnp_records_edit_fn)(void *user, rnnp_records *set);
RNNP_API rnnp_status rnnp_records_edit(const rnnp_context *context, const char *path, unsigned wait_ms,
                                       rnnp_records_edit_fn edit, void *user);

/*
 * rnnp_records_open_default() reads the first of these files that exists: `path`; $RNNPACK_RECORDS;
 * $XDG_CACHE_HOME/rnnpack/records, or ~/.cache/rnnpack/records; /var/cache/rnnpack/records; /etc/rnnpack/records. If
 * none exists, the set is empty. A missing `path` is an error. A missing $RNNPACK_RECORDS is skipped like the
 * others, with a line in the context's log. A file that exists but cannot be read, or is damaged, is an error.
 *
 * The caller vouches for a file that it names (`path` or $RNNPACK_RECORDS). A file in one of the other places is
 * read only if this user or root owns it and its folder, and nobody else may write to either (by mode bits; sticky
 * folders and root's group are allowed). Otherwise it is skipped, and the context's log says why.
 *
 * path     may be NULL
 * file     room for RNNP_RECORDS_PATH characters, or NULL: receives the path of the file that was read, "" for none
 */
RNNP_API rnnp_status rnnp_records_open_default(const rnnp_context *context, const char *path, char *file,
                                               rnnp_records **set);

typedef struct rnnp_records_place {
    size_t struct_size;
    char file[RNNP_RECORDS_PATH];
    int named;                       /* 1: by `path` or $RNNPACK_RECORDS */
    int missing;                     /* 1: no file is there */
    int used;                        /* 1: this is the file that is read */
    char reason[RNNP_RECORD_REASON]; /* why it is not read; "" if it is */
} rnnp_records_place;
RNNP_STRUCT_INIT(rnnp_records_place)

/* The places where rnnp_records_open_default() looks, in its order, and what it would do there now. RNNP_ERR_ARG
 * past the end. There is no sentence, as there is no context. */
RNNP_API size_t rnnp_records_place_count(const char *path);
RNNP_API rnnp_status rnnp_records_place_info(const char *path, size_t index, rnnp_records_place *place);

/*
 * rnnp_records_own_file() returns the file that this user's records belong in: the first of the above, up to
 * ~/.cache, that is set. With `create`, missing folders of a cache are made (mode 0700), but not those of a path or
 * of $RNNPACK_RECORDS.
 *
 * file     room for RNNP_RECORDS_PATH characters
 * Returns  RNNP_ERR_STATE if no variable names a place; RNNP_ERR_ARG for a path that is too long; RNNP_ERR_IO if a
 *          folder cannot be made
 */
RNNP_API rnnp_status rnnp_records_own_file(const rnnp_context *context, const char *path, int create, char *file);

#ifdef __cplusplus
}
#endif
#endif
