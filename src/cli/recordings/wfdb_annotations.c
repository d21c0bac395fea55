/* SPDX-License-Identifier: Apache-2.0
 *
 * Annotations in MIT format: words of 16 bits, a code in the upper six and in the lower ten the samples since the
 * annotation before. Codes above 58 are no annotations: SKIP has a longer time, the others say more of the annotation
 * before.
 */
#include "wfdb.h"

#include <stdio.h>
#include <string.h>

#include "../train/text.h"

enum { NOTE = 22, RHYTHM = 28, SKIP = 59, NUM = 60, SUB = 61, CHN = 62, AUX = 63, MOST_BYTES = 1 << 28 };

/* The signs of the codes from 0 on. */
static const char *const signs[] = {NULL, "N",  "L", "R",  "a", "V", "F", "J", "A",  "S", "E", "j", "/", "Q",
                                    "~",  NULL, "|", NULL, "s", "T", "*", "D", "\"", "=", "p", "B", "^", "t",
                                    "+",  "u",  "?", "!",  "[", "]", "e", "n", "@",  "x", "f", "(", ")", "r"};
static const char beats[] = "NLRBAaJSVrFejnE/fQ?";

typedef struct scan {
    recording *r;
    const unsigned char *at, *end;
    rec_rate rate;  /* of the file's times */
    int64_t sample; /* of the last annotation */
    int skipped;    /* the next one is meant by a SKIP: times may go on by any number */
    size_t number;  /* of annotations so far, those that are passed over too */
    int text;       /* the last one is in r->events */
    int code;
} scan;

#define fault(s, format, ...) cli_fail("%s: annotation %zu" format, (s)->r->events_path, (s)->number, __VA_ARGS__)

/* Adds an annotation. Code 0, and codes that nobody defined, are passed over. */
static int take_annotation(scan *s, int code, int64_t interval)
{
    const char *sign = code < (int)COUNT(signs) ? signs[code] : NULL;
    s->number++;
    s->sample += interval;
    s->code = code;
    s->text = sign != NULL;
    if (s->sample < 0) return fault(s, ": its time, sample %lld, is before the beginning", (long long)s->sample);
    if (interval < 0)
        return fault(s, ": its time, sample %lld, goes back by %lld", (long long)s->sample, -(long long)interval);
    if (!sign) return CLI_OK;
    rec_event *event = rec_add_event(s->r, (double)s->sample, 0, sign);
    event->number = s->number;
    event->usual = strchr(beats, *sign) != NULL;
    return CLI_OK;
}

/* "## time resolution: 1000" at the beginning: the times count these instead of frames. */
static int take_note(scan *s, const char *text)
{
    static const char resolution[] = "## time resolution:";
    double x;
    if (s->code != NOTE || strncmp(text, "## ", 3) != 0) return CLI_OK;
    s->r->n_events--; /* for programs */
    cli_free(&s->r->events[s->r->n_events].text);
    s->text = 0;
    if (strncmp(text, resolution, sizeof resolution - 1) != 0) return CLI_OK;
    const char *wrong = text_number(text + sizeof resolution - 1, '.', &x);
    if (wrong || !rec_fraction(x, &s->rate) || x > 1e7) return fault(s, ": time resolution '%.40s' is no rate", text);
    return CLI_OK;
}

static int take_text(scan *s, size_t length)
{
    char text[1024];
    if ((size_t)(s->end - s->at) < length + length % 2)
        return fault(s, ": its text of %zu bytes goes beyond the end of the file", length);
    memcpy(text, s->at, length);
    text[length] = '\0';
    s->at += length + length % 2;
    const char *plain = text_trim(text);
    if (!s->text || !*plain) return CLI_OK;
    rec_event *event = &s->r->events[s->r->n_events - 1];
    cli_free(&event->aux);
    event->aux = cli_copy(plain);
    if (s->code != NOTE || strncmp(plain, "## ", 3) != 0) return CLI_OK;
    cli_free(&event->aux);
    return take_note(s, plain);
}

static int take_skip(scan *s, int64_t *skipped)
{
    if (s->end - s->at < 4)
        return fault(s, " is followed by a skip that goes beyond the end of the file, %s", "which is cut off");
    const unsigned char *p = s->at; /* the upper half first, each with its lower byte first */
    *skipped += rec_number((const unsigned char[]){p[2], p[3], p[0], p[1]}, 4);
    s->at += 4;
    return CLI_OK;
}

static int scan_words(scan *s)
{
    int64_t skipped = 0;
    while (s->end - s->at >= 2) {
        const unsigned word = (unsigned)(s->at[0] | s->at[1] << 8), code = word >> 10, low = word & 0x3ff;
        s->at += 2;
        if (word == 0) return CLI_OK;
        if (code == SKIP)
            TRY(take_skip(s, &skipped));
        else if (code == AUX)
            TRY(take_text(s, low));
        else if (code < SKIP) {
            TRY(take_annotation(s, (int)code, skipped + (int64_t)low));
            skipped = 0;
        }
    }
    return fault(s, " is followed by the end of the file; %s", "two zero bytes are missing there");
}

/* Samples become seconds. A rhythm lasts until the next one, or to the end. */
static void finish(recording *r, rec_rate rate)
{
    rec_event *rhythm = NULL;
    for (size_t i = 0; i < r->n_events; i++) {
        rec_event *event = &r->events[i];
        event->time = event->time * (double)rate.den / (double)rate.num;
        if (strcmp(event->text, signs[RHYTHM]) != 0 || !event->aux) continue;
        if (rhythm) rhythm->duration = event->time - rhythm->time;
        rhythm = event;
    }
    if (rhythm && rhythm->time < r->seconds) rhythm->duration = r->seconds - rhythm->time;
}

int wfdb_annotate(recording *r, const char *annotator)
{
    const wfdb *w = r->own;
    FREED unsigned char *bytes = NULL;
    FREED char *name = cli_copy(r->path);
    char ending[80];
    size_t size;
    const char *slash = strrchr(name, '/');
    name[strlen(name) - strlen(".hea")] = '\0';
    snprintf(ending, sizeof ending, ".%.70s", annotator);
    r->events_path = wfdb_path(w, slash ? slash + 1 : name, ending);
    TRY(rec_load(r->events_path, MOST_BYTES, &bytes, &size));
    scan s = {.r = r, .at = bytes, .end = bytes + size, .rate = w->rate};
    TRY(scan_words(&s));
    finish(r, s.rate);
    return CLI_OK;
}
