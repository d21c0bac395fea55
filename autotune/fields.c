/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of the text as tables of fields. Numbers are written and read by hand: printf and strtod follow the locale.
 */
#include "set.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every number that a record may hold fits a double exactly. */
#define MOST_SIZE UINT64_C(1000000000000)
#define MOST_TIME UINT64_C(1000000000000000)
#define LAST_DATE UINT64_C(253402300799) /* 9999-12-31 23:59:59 */

#define HOST(name, kind, member, least, most)                                    \
    {                                                                            \
        name, RNNP_FIELD_##kind, offsetof(rnnp_record_host, member), least, most \
    }
const rnnp_field rnnp_host_fields[RNNP_HOST_FIELDS] = {
    HOST(NULL, WORD, vendor, 0, RNNP_RECORD_WORD), HOST(NULL, COUNT, family, 0, UINT32_MAX),
    HOST(NULL, COUNT, model, 0, UINT32_MAX),       HOST(NULL, COUNT, stepping, 0, UINT32_MAX),
    HOST("isa", WORD, isa, 0, RNNP_RECORD_WORD),   HOST("features", LIST, features, 0, RNNP_RECORD_FEATURES),
    HOST("l1d", COUNT, l1d_bytes, 0, MOST_SIZE),   HOST("l2", COUNT, l2_bytes, 0, MOST_SIZE),
    HOST("l3", COUNT, l3_bytes, 0, MOST_SIZE),     HOST("budget", COUNT, budget, 1, UINT32_MAX),
    HOST("kernels", HASH, kernels, 0, UINT64_MAX), HOST("version", WORD, version, 0, RNNP_RECORD_WORD),
};

#define RECORD(name, kind, member, least, most)                             \
    {                                                                       \
        name, RNNP_FIELD_##kind, offsetof(rnnp_record, member), least, most \
    }
const rnnp_field rnnp_record_fields[RNNP_RECORD_FIELDS] = {
    RECORD(NULL, WORD, key.layer, 0, RNNP_RECORD_WORD),
    RECORD(NULL, WORD, key.precision, 0, RNNP_RECORD_WORD),
    RECORD("input", COUNT, key.input, 1, MOST_SIZE),
    RECORD("hidden", COUNT, key.hidden, 1, MOST_SIZE),
    RECORD("batch", COUNT, key.batch, 1, MOST_SIZE),
    RECORD("steps", COUNT, key.steps, 1, MOST_SIZE),
    RECORD("threads", COUNT, key.threads, 1, 4096),
    RECORD("choice", CHOICE, choice, 0, RNNP_RECORD_CHOICE),
    RECORD("ns", COUNT, ns, 1, MOST_TIME),
    RECORD("default", COUNT, default_ns, 1, MOST_TIME),
    RECORD("spread", RATIO, spread, 0, 100),
    RECORD("samples", COUNT, samples, 1, 1000000000),
    RECORD("at", COUNT, at, 0, LAST_DATE),
};

static const void *member(const rnnp_field *f, const void *object) { return (const char *)object + f->offset; }
static const char *text_of(const rnnp_field *f, const void *object) { return member(f, object); }
static uint64_t count_of(const rnnp_field *f, const void *object) { return *(const uint64_t *)member(f, object); }
static double ratio_of(const rnnp_field *f, const void *object) { return *(const double *)member(f, object); }

enum { RATIO_UNIT = 10000, RATIO_DIGITS = 4 };

static uint64_t ratio_units(double ratio) { return (uint64_t)(ratio * RATIO_UNIT + 0.5); }

size_t rnnp_record_number(const char *text, size_t most)
{
    char *end;

    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    return text[0] >= '1' && text[0] <= '9' && *end == '\0' && errno == 0 && value <= most ? (size_t)value : 0;
}

/* ---- Words ---- */

static int is_word_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("._+-", c));
}

static int is_word(const char *text, size_t length, int commas)
{
    for (size_t i = 0; i < length; i++) {
        if (!is_word_character(text[i]) && !(commas && text[i] == ',')) return 0;
    }
    return length > 0;
}

/* A word of a choice: where its name and its value are. */
typedef struct pair {
    const char *name, *value;
    size_t name_length, value_length;
} pair;

/* Steps over the word at *text. Returns 1; 0 at the end; -1 for what is no name=value. */
static int next_pair(const char **text, pair *p)
{
    const char *const start = *text;
    const size_t length = strcspn(start, " ");
    const char *const equals = memchr(start, '=', length);

    if (!length) return *start ? -1 : 0;
    if (!equals) return -1;
    *p = (pair){start, equals + 1, (size_t)(equals - start), (size_t)(start + length - equals - 1)};
    if (!is_word(p->name, p->name_length, 0) || p->name_length >= RNNP_RECORD_WORD ||
        !is_word(p->value, p->value_length, 0) || p->value_length >= RNNP_RECORD_WORD)
        return -1;
    *text = start + length;
    if (**text == ' ' && *++*text == '\0') /* a space ends no choice */
        return -1;
    return 1;
}

static int same_name(const pair *a, const pair *b)
{
    return a->name_length == b->name_length && memcmp(a->name, b->name, a->name_length) == 0;
}

static int check_choice(const char *choice, char *reason)
{
    pair p, earlier;
    int more;

    for (const char *text = choice; (more = next_pair(&text, &p)) != 0;) {
        if (more < 0) {
            snprintf(reason, RNNP_RECORD_REASON, "choice \"%.80s\" is not a list of name=value", choice);
            return 0;
        }
        for (const char *before = choice; next_pair(&before, &earlier) > 0 && earlier.name != p.name;) {
            if (same_name(&p, &earlier)) {
                snprintf(reason, RNNP_RECORD_REASON, "choice \"%.80s\" has %.*s twice", choice, (int)p.name_length,
                         p.name);
                return 0;
            }
        }
    }
    return 1;
}

size_t rnnp_record_word_count(const char *choice)
{
    size_t n = 0;
    pair p;

    while (next_pair(&choice, &p) > 0) n++;
    return n;
}

rnnp_status rnnp_record_word(const char *choice, size_t index, char *name, char *value)
{
    pair p;

    for (const char *text = choice; next_pair(&text, &p) > 0; index--) {
        if (index == 0) {
            snprintf(name, RNNP_RECORD_WORD, "%.*s", (int)p.name_length, p.name);
            snprintf(value, RNNP_RECORD_WORD, "%.*s", (int)p.value_length, p.value);
            return RNNP_OK;
        }
    }
    return RNNP_ERR_ARG;
}

void rnnp_record_normalise(rnnp_record *record)
{
    char sorted[RNNP_RECORD_CHOICE] = "", name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];
    char last[RNNP_RECORD_WORD] = "", least[RNNP_RECORD_WORD] = "", least_value[RNNP_RECORD_WORD] = "";
    size_t used = 0;

    do { /* the least name after the last one */
        least[0] = '\0';
        for (size_t i = 0; rnnp_record_word(record->choice, i, name, value) == RNNP_OK; i++) {
            if (strcmp(name, last) > 0 && (!least[0] || strcmp(name, least) < 0)) {
                memcpy(least, name, sizeof least);
                memcpy(least_value, value, sizeof least_value);
            }
        }
        if (least[0])
            used +=
                (size_t)snprintf(sorted + used, sizeof sorted - used, "%s%s=%s", used ? " " : "", least, least_value);
        memcpy(last, least, sizeof last);
    } while (least[0]);
    memcpy(record->choice, sorted, sizeof sorted);
    record->spread = (double)ratio_units(record->spread) / RATIO_UNIT;
}

/* ---- Printing: without printf, as each file that is read is printed again ---- */

typedef struct line {
    char *text; /* [RNNP_RECORD_LINE] */
    size_t used;
} line;

static void put(line *l, const char *from, size_t n)
{
    const size_t left = RNNP_RECORD_LINE - 1 - l->used;

    n = n < left ? n : left;
    memcpy(l->text + l->used, from, n);
    l->used += n;
}

static void put_text(line *l, const char *from) { put(l, from, strlen(from)); }

/* With so many digits at least. */
static void put_number(line *l, uint64_t value, unsigned base, size_t digits)
{
    enum { MOST_DIGITS = 20 };
    char text[MOST_DIGITS];
    size_t n = 0;

    for (; value || n < digits || n == 0; value /= base) text[MOST_DIGITS - ++n] = "0123456789abcdef"[value % base];
    put(l, text + MOST_DIGITS - n, n);
}

static void put_value(line *l, const rnnp_field *f, const void *object)
{
    switch (f->kind) {
    case RNNP_FIELD_WORD:
    case RNNP_FIELD_LIST: put_text(l, text_of(f, object)); break;
    case RNNP_FIELD_CHOICE:
        put_text(l, *text_of(f, object) ? ": " : ":");
        put_text(l, text_of(f, object));
        put_text(l, " :");
        break;
    case RNNP_FIELD_COUNT: put_number(l, count_of(f, object), 10, 1); break;
    case RNNP_FIELD_HASH: put_number(l, count_of(f, object), 16, 16); break;
    case RNNP_FIELD_RATIO:
        put_number(l, ratio_units(ratio_of(f, object)) / RATIO_UNIT, 10, 1);
        put_text(l, ".");
        put_number(l, ratio_units(ratio_of(f, object)) % RATIO_UNIT, 10, RATIO_DIGITS);
        break;
    }
}

size_t rnnp_fields_print(const rnnp_field *fields, size_t n, const void *object, char text[RNNP_RECORD_LINE])
{
    line l = {text, 0};

    for (size_t i = 0; i < n; i++) {
        const rnnp_field *const f = &fields[i];

        if (i) put_text(&l, " ");
        if (f->name && f->kind != RNNP_FIELD_CHOICE) {
            put_text(&l, f->name);
            put_text(&l, "=");
        }
        put_value(&l, f, object);
    }
    text[l.used] = '\0';
    return l.used;
}

/* ---- Parsing: rnnp_fields_check sees to the ranges, and printing the result again to the form ---- */

static unsigned digit_of(char c)
{
    return c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

static int parse_number(const char *text, size_t length, unsigned base, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned digit = digit_of(text[i]);

        if (digit >= base || *value > (UINT64_MAX - digit) / base) return 0;
        *value = *value * base + digit;
    }
    return length > 0;
}

static int parse_ratio(const char *text, size_t length, double *ratio)
{
    uint64_t whole, part;

    if (length <= RATIO_DIGITS + 1 || text[length - RATIO_DIGITS - 1] != '.' ||
        !parse_number(text, length - RATIO_DIGITS - 1, 10, &whole) ||
        !parse_number(text + length - RATIO_DIGITS, RATIO_DIGITS, 10, &part) || whole > MOST_SIZE)
        return 0;
    *ratio = (double)(whole * RATIO_UNIT + part) / RATIO_UNIT;
    return 1;
}

static int parse_value(const rnnp_field *f, const char *text, size_t length, void *object)
{
    void *const into = (char *)object + f->offset;

    switch (f->kind) {
    case RNNP_FIELD_WORD:
    case RNNP_FIELD_LIST:
    case RNNP_FIELD_CHOICE:
        if (length >= f->most) return 0;
        memcpy(into, text, length);
        ((char *)into)[length] = '\0';
        return 1;
    case RNNP_FIELD_COUNT: return parse_number(text, length, 10, into);
    case RNNP_FIELD_HASH: return parse_number(text, length, 16, into);
    case RNNP_FIELD_RATIO: return parse_ratio(text, length, into);
    }
    return 0;
}

/* Takes the next word off *text. Returns its length, 0 at the end. */
static size_t next_word(const char **text, const char *end, const char **word)
{
    while (*text < end && **text == ' ') ++*text;
    *word = *text;
    while (*text < end && **text != ' ') ++*text;
    return (size_t)(*text - *word);
}

/* The words between two colons. */
static size_t next_choice(const char **text, const char *end, const char **choice)
{
    const char *word, *last = NULL;

    if (next_word(text, end, &word) != 1 || *word != ':') return SIZE_MAX;
    *choice = *text < end ? *text + 1 : end;
    for (size_t length; (length = next_word(text, end, &word)) != 0; last = *text) {
        if (length == 1 && *word == ':') return last ? (size_t)(last - *choice) : 0;
    }
    return SIZE_MAX;
}

int rnnp_fields_parse(const rnnp_field *fields, size_t n, const char *text, const char *end, void *object, char *reason)
{
    const char *word = text;

    for (size_t i = 0; i < n; i++) {
        const rnnp_field *const f = &fields[i];
        const int choice = f->kind == RNNP_FIELD_CHOICE;
        const size_t name_length = f->name && !choice ? strlen(f->name) + 1 : 0;
        const size_t length = choice ? next_choice(&text, end, &word) : next_word(&text, end, &word);

        if (choice && length == SIZE_MAX) {
            snprintf(reason, RNNP_RECORD_REASON, "the choice is not between two colons");
            return 0;
        }
        if (length < name_length ||
            (name_length && (memcmp(word, f->name, name_length - 1) != 0 || word[name_length - 1] != '='))) {
            snprintf(reason, RNNP_RECORD_REASON, "\"%.*s\" is in the place of %s=", (int)(length < 80 ? length : 80),
                     word, f->name);
            return 0;
        }
        if (!parse_value(f, word + name_length, length - name_length, object)) {
            snprintf(reason, RNNP_RECORD_REASON, "\"%.*s\" cannot be read", (int)(length < 80 ? length : 80), word);
            return 0;
        }
    }
    if (next_word(&text, end, &word)) {
        snprintf(reason, RNNP_RECORD_REASON, "something follows the last word");
        return 0;
    }
    return 1;
}

/* ---- Checking and comparing ---- */

static int check_text(const rnnp_field *f, const void *object, char *reason)
{
    const char *const text = text_of(f, object);
    const char *const end = memchr(text, '\0', f->most);

    if (!end) {
        snprintf(reason, RNNP_RECORD_REASON, "a text does not end within %" PRIu64 " characters", f->most);
        return 0;
    }
    if (f->kind == RNNP_FIELD_CHOICE) return check_choice(text, reason);
    if (!is_word(text, (size_t)(end - text), f->kind == RNNP_FIELD_LIST)) {
        snprintf(reason, RNNP_RECORD_REASON, "\"%.80s\" is not a word of letters, digits and . _ + -", text);
        return 0;
    }
    return 1;
}

int rnnp_fields_check(const rnnp_field *fields, size_t n, const void *object, char *reason)
{
    for (size_t i = 0; i < n; i++) {
        const rnnp_field *const f = &fields[i];

        if (f->kind == RNNP_FIELD_COUNT) {
            const uint64_t value = count_of(f, object);

            if (value < f->least || value > f->most) {
                snprintf(reason, RNNP_RECORD_REASON, "%s=%" PRIu64 " is not from %" PRIu64 " to %" PRIu64,
                         f->name ? f->name : "a number", value, f->least, f->most);
                return 0;
            }
        } else if (f->kind == RNNP_FIELD_RATIO) {
            const double value = ratio_of(f, object);

            if (!(value >= 0 && value <= (double)f->most)) { /* also NaN */
                snprintf(reason, RNNP_RECORD_REASON, "%s=%g is not from 0 to %" PRIu64, f->name, value, f->most);
                return 0;
            }
        } else if (f->kind != RNNP_FIELD_HASH && !check_text(f, object, reason)) {
            return 0;
        }
    }
    return 1;
}

int rnnp_fields_compare(const rnnp_field *fields, size_t n, const void *a, const void *b)
{
    for (size_t i = 0; i < n; i++) {
        const rnnp_field *const f = &fields[i];
        int order = 0;

        if (f->kind == RNNP_FIELD_RATIO)
            order = (ratio_of(f, a) > ratio_of(f, b)) - (ratio_of(f, a) < ratio_of(f, b));
        else if (f->kind == RNNP_FIELD_COUNT || f->kind == RNNP_FIELD_HASH)
            order = (count_of(f, a) > count_of(f, b)) - (count_of(f, a) < count_of(f, b));
        else
            order = strcmp(text_of(f, a), text_of(f, b));
        if (order != 0) return order;
    }
    return 0;
}
