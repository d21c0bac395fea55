/* SPDX-License-Identifier: Apache-2.0
 *
 * What there is to tell, as lines of JSON: each is an object with the event's name and its step, and the time in the
 * recording where the rate is known. They go to stdout at once, and to a listener (the page).
 */
#ifndef RNNP_CLI_WATCH_TALK_H
#define RNNP_CLI_WATCH_TALK_H

#include "../json.h"
#include "../recordings/recording.h"

enum { TALK_ROOM = 16384 };

typedef struct talk {
    rec_rate rate; /* of steps; num 0: not known */
    void (*listen)(void *user, const char *line);
    void *user;
    FILE *memory; /* over line */
    char line[TALK_ROOM];
    json j;
} talk;

int talk_open(talk *t);
void talk_close(talk *t);
/* Seconds from the first step to this one; NaN where the rate is not known. */
double talk_seconds(const talk *t, uint64_t step);
/* Begins a line; the caller puts more values and ends it. */
json *talk_begin(talk *t, const char *event, uint64_t step);
/* An end of stdout is found by the caller, who looks at ferror(). */
void talk_end(talk *t);
#define talk_line(t, event, step, ...) (json_put(talk_begin(t, event, step), __VA_ARGS__), talk_end(t))
/* Values that are times: they are left out where the rate is not known. */
void talk_time(talk *t, const char *key, uint64_t steps);

#endif
