/* SPDX-License-Identifier: Apache-2.0
 *
 * The text: a first line that names the format, the hosts with their records, a last line with the checksum. A text is
 * read only if the set prints it again byte for byte, so each set has one text and nothing in a file is passed over.
 */
#include "../src/context.h"
#include "set.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static const char magic[] = "rnnpack-records ", version[] = "1", checksum[] = "checksum ";
enum { CHECKSUM_LINE = sizeof checksum - 1 + 16 + 1 }; /* with its newline */

/* The two kinds of line between the first and the last. */
static const struct line_kind {
    const char *word;
    const rnnp_field *fields;
    size_t n;
} host_line = {"host ", rnnp_host_fields, RNNP_HOST_FIELDS},
  record_line = {"tune ", rnnp_record_fields, RNNP_RECORD_FIELDS};

/* ---- Printing ---- */

typedef struct printer {
    rnnp_write_fn write;
    void *user;
    XXH3_state_t hash; /* of what was written */
} printer;

static int put(printer *p, const char *text, size_t bytes)
{
    XXH3_64bits_update(&p->hash, text, bytes);
    return p->write(p->user, text, bytes) == 0;
}

static int put_line(printer *p, const struct line_kind *kind, const void *object)
{
    char line[16 + RNNP_RECORD_LINE];
    const size_t word = (size_t)snprintf(line, 16, "%s", kind->word);
    const size_t length = word + rnnp_fields_print(kind->fields, kind->n, object, line + word);

    line[length] = '\n'; /* lines are shorter than their room */
    return put(p, line, length + 1);
}

static void checksum_line(char line[CHECKSUM_LINE + 1], uint64_t hash)
{
    snprintf(line, CHECKSUM_LINE + 1, "%s%016" PRIx64 "\n", checksum, hash);
}

rnnp_status rnnp_records_write(const rnnp_records *set, rnnp_write_fn write, void *user)
{
    char line[RNNP_RECORD_LINE];
    printer p;
    size_t i = 0;

    if (!set || !write) return RNNP_ERR_ARG;
    p.write = write;
    p.user = user;
    XXH3_64bits_reset(&p.hash);
    int going = put(&p, line, (size_t)snprintf(line, sizeof line, "%s%s\n", magic, version));
    for (size_t h = 0; going && h < set->n_hosts; h++) {
        going = put_line(&p, &host_line, &set->hosts[h].host);
        for (; going && i < set->hosts[h].end; i++) going = put_line(&p, &record_line, &set->records[i]);
    }
    if (going) {
        checksum_line(line, XXH3_64bits_digest(&p.hash));
        going = put(&p, line, CHECKSUM_LINE);
    }
    return going ? RNNP_OK : RNNP_ERR_IO;
}

/* ---- Parsing ---- */

typedef struct source {
    const rnnp_context *context;
    const char *name, *text, *end; /* end: of the lines before the checksum */
    size_t line;
} source;

static rnnp_status damaged(const source *s, const char *reason)
{
    return rnnp_fail(s->context, RNNP_ERR_FORMAT, "%s line %zu: %s", s->name, s->line, reason);
}

static int begins(const char *text, const char *end, const char *with)
{
    const size_t length = strlen(with);

    return (size_t)(end - text) >= length && memcmp(text, with, length) == 0;
}

/* The first line and the last one: what the rest may be relied on. */
static rnnp_status check_frame(source *s, size_t bytes)
{
    char line[CHECKSUM_LINE + 1];

    if (bytes == 0) /* when the text may be NULL */
        return rnnp_fail(s->context, RNNP_ERR_FORMAT, "%s is empty, so it is not a file of tuning records", s->name);
    const char *const end = s->text + bytes;
    if (bytes > RNNP_RECORDS_TEXT_BYTES)
        return rnnp_fail(s->context, RNNP_ERR_FORMAT, "%s has %zu bytes, more than tuning records may have (%d)",
                         s->name, bytes, RNNP_RECORDS_TEXT_BYTES);
    if (!begins(s->text, end, magic))
        return rnnp_fail(s->context, RNNP_ERR_FORMAT,
                         "%s does not begin with \"%s\", so it is not a file of tuning records", s->name, magic);

    const char *const format = s->text + strlen(magic);
    size_t digits = 0;
    while (format + digits < end && format[digits] >= '0' && format[digits] <= '9') digits++;
    if (format + digits == end || format[digits] != '\n' || digits == 0 || *format == '0')
        return damaged(s, "the format number cannot be read");
    if (digits != strlen(version) || memcmp(format, version, digits) != 0)
        return rnnp_fail(s->context, RNNP_ERR_UNSUPPORTED, "%s has format %.*s; this version reads format %s", s->name,
                         (int)(digits < 20 ? digits : 20), format, version);

    s->end = bytes < CHECKSUM_LINE + strlen(magic) ? s->text : end - CHECKSUM_LINE;
    if (s->end == s->text || s->end[-1] != '\n' || !begins(s->end, end, checksum))
        return rnnp_fail(s->context, RNNP_ERR_FORMAT, "%s does not end with its checksum: it is cut off or damaged",
                         s->name);
    checksum_line(line, XXH3_64bits(s->text, bytes - CHECKSUM_LINE));
    if (memcmp(line, s->end, CHECKSUM_LINE) != 0)
        return rnnp_fail(s->context, RNNP_ERR_FORMAT,
                         "%s is damaged or edited by hand: the checksum of its lines is %.16s, it says %.16s", s->name,
                         line + strlen(checksum), s->end + strlen(checksum));
    return RNNP_OK;
}

/* Moves to the line after the one at *text; returns the end of that one, its newline. */
static const char *end_line(const source *s, const char **text)
{
    const char *const end = memchr(*text, '\n', (size_t)(s->end - *text)); /* the last byte before s->end is one */

    *text = end + 1;
    return end;
}

/* No host or tune line is shorter: so a file of a given size asks for a bounded amount of memory. */
enum { SHORTEST_LINE = 64 };

static void count_lines(const source *s, size_t *hosts, size_t *records)
{
    *hosts = *records = 0;
    for (const char *text = s->text; text < s->end;) {
        const char *const line = text;

        if (end_line(s, &text) - line >= SHORTEST_LINE) {
            *hosts += (size_t)begins(line, text, host_line.word);
            *records += (size_t)begins(line, text, record_line.word);
        }
    }
}

/* One line into *object, in order after `before` unless that is NULL. Returns NULL or the reason why not. */
static const char *parse_line(const struct line_kind *kind, const char *text, const char *end, const void *before,
                              size_t ordered_by, void *object, char *reason)
{
    if (!rnnp_fields_parse(kind->fields, kind->n, text + strlen(kind->word), end, object, reason) ||
        !rnnp_fields_check(kind->fields, kind->n, object, reason))
        return reason;
    if (before && rnnp_fields_compare(kind->fields, ordered_by, before, object) >= 0)
        return "it is out of order, or a duplicate";
    return NULL;
}

static const char *take_host(rnnp_records *set, const char *text, const char *end, char *reason)
{
    rnnp_host_block *const block = &set->hosts[set->n_hosts];
    const char *const why = parse_line(&host_line, text, end, set->n_hosts ? &block[-1].host : NULL, RNNP_HOST_FIELDS,
                                       &block->host, reason);

    if (!why && set->n_hosts && rnnp_host_begin(set, set->n_hosts - 1) == set->n_records)
        return "the host before it has no records";
    if (!why) {
        block->end = set->n_records;
        set->n_hosts++;
    }
    return why;
}

static const char *take_record(rnnp_records *set, const char *text, const char *end, char *reason)
{
    rnnp_record *const record = &set->records[set->n_records];

    if (set->n_hosts == 0) return "there is no host before it";
    rnnp_host_block *const block = &set->hosts[set->n_hosts - 1];
    const int is_first = rnnp_host_begin(set, set->n_hosts - 1) == set->n_records;
    const char *const why =
        parse_line(&record_line, text, end, is_first ? NULL : record - 1, RNNP_KEY_FIELDS, record, reason);
    if (!why) {
        rnnp_record_normalise(record);
        block->end = ++set->n_records;
    }
    return why;
}

/* Compares what is printed with the text. */
static int match(void *user, const void *written, size_t bytes)
{
    source *const s = user;
    const char *const text = written;

    if ((size_t)(s->end - s->text) < bytes || memcmp(s->text, text, bytes) != 0) return 1;
    for (size_t i = 0; i < bytes; i++) s->line += text[i] == '\n';
    s->text += bytes;
    return 0;
}

static rnnp_status parse_lines(source *s, rnnp_records *set)
{
    char reason[RNNP_RECORD_REASON];
    const char *text = s->text;

    for (end_line(s, &text); text < s->end;) {
        const char *const line = text;
        const char *const end = end_line(s, &text);

        s->line++;
        for (const char *c = line; c < end; c++) {
            if (*c < ' ' || *c > '~') {
                snprintf(reason, sizeof reason, "it holds the byte 0x%02x", (unsigned char)*c);
                return damaged(s, reason);
            }
        }
        const int is_host = begins(line, end, host_line.word), is_record = begins(line, end, record_line.word);
        const char *const why = !is_host && !is_record       ? "it is neither a host nor a tune line"
                                : end - line < SHORTEST_LINE ? "it is too short to be complete"
                                : is_host                    ? take_host(set, line, end, reason)
                                                             : take_record(set, line, end, reason);
        if (why) return damaged(s, why);
    }
    if (set->n_hosts && rnnp_host_begin(set, set->n_hosts - 1) == set->n_records)
        return damaged(s, "the host has no records");
    /* Printed again it must give the same bytes. */
    source again = {s->context, s->name, s->text, s->end + CHECKSUM_LINE, 1};
    if (rnnp_records_write(set, match, &again) != RNNP_OK) return damaged(&again, "it is not in the standard form");
    return RNNP_OK;
}

rnnp_status rnnp_records_open_memory(const rnnp_context *context, const char *name, const char *text, size_t bytes,
                                     rnnp_records **set)
{
    size_t hosts, records;
    rnnp_records *made;

    if (set) *set = NULL;
    if (!context || !name || (!text && bytes) || !set) return RNNP_ERR_ARG;
    source s = {context, name, text, NULL, 1};
    rnnp_status status = check_frame(&s, bytes);
    if (status != RNNP_OK) return status;
    count_lines(&s, &hosts, &records);
    status = rnnp_records_create_room(context, hosts, records, &made);
    if (status != RNNP_OK) return status;
    status = parse_lines(&s, made);
    if (status == RNNP_OK)
        *set = made;
    else
        rnnp_records_destroy(made);
    return status;
}
