/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "talk.h"

#include <errno.h>
#include <math.h>
#include <string.h>

int talk_open(talk *t)
{
    t->memory = fmemopen(t->line, sizeof t->line, "w");
    return t->memory ? CLI_OK : cli_fail("no memory for the results: %s", strerror(errno));
}

void talk_close(talk *t)
{
    if (t->memory) fclose(t->memory);
    t->memory = NULL;
}

double talk_seconds(const talk *t, uint64_t step)
{
    return t->rate.num ? (double)step * (double)t->rate.den / (double)t->rate.num : NAN;
}

void talk_time(talk *t, const char *key, uint64_t steps)
{
    /* microseconds are enough, and shorter */
    if (t->rate.num) json_put(&t->j, LONG_REAL(key, floor(talk_seconds(t, steps) * 1e6 + 0.5) / 1e6));
}

json *talk_begin(talk *t, const char *event, uint64_t step)
{
    rewind(t->memory);
    t->j = (json){.line = 1, .file = t->memory};
    json_object(&t->j, NULL);
    json_put(&t->j, TEXT("event", event), INT("step", step));
    talk_time(t, "time", step);
    return &t->j;
}

void talk_end(talk *t)
{
    json_end(&t->j);
    if (fflush(t->memory) != 0) return; /* longer than any that is written here */
    const long n = ftell(t->memory);
    if (n <= 0 || n >= TALK_ROOM) return;
    t->line[n] = '\0';
    fwrite(t->line, 1, (size_t)n, stdout);
    fflush(stdout);
    if (t->listen) t->listen(t->user, t->line);
}
