/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of a monitor's state: a line that names it, the hash (XXH64) of what follows, the number of bytes of each
 * part, and the parts. The bytes are as this kind of machine has them in memory. The model's own part says which model
 * it is of; parts of another size are those of other options.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static const char head[16] = "rnnpack watch 1\n";

enum { PARTS = 64 }; /* besides those of each feature's rate */

typedef struct parts {
    void *at[PARTS];
    uint64_t size[PARTS], all;
    size_t n;
} parts;

static void add(parts *p, void *at, size_t size)
{
    p->at[p->n] = at;
    p->size[p->n++] = size;
    p->all += size;
}

/* All but the model's state and the filters. */
static parts parts_of(monitor *m)
{
    parts p = {.n = 0};
    add(&p, &m->position, sizeof m->position);
    add(&p, &m->run, sizeof m->run);
    add(&p, &m->told, sizeof m->told);
    add(&p, &m->open, sizeof m->open);
    add(&p, &m->counts, sizeof m->counts);
    add(&p, &m->alarm, sizeof m->alarm);
    add(&p, m->prepare.last, m->prepare.rule.features * sizeof *m->prepare.last);
    add(&p, m->prepare.seen, m->prepare.rule.features * sizeof *m->prepare.seen);
    add(&p, &m->prepare.steps, sizeof m->prepare.steps);
    add(&p, &m->scoring.n, sizeof m->scoring.n);
    add(&p, &m->scoring.begun, sizeof m->scoring.begun);
    add(&p, &m->scoring.smoothed, sizeof m->scoring.smoothed);
    if (m->stepper.window.steps) {
        window *w = &m->stepper.window;
        add(&p, &w->seen, sizeof w->seen);
        add(&p, w->ring, w->steps * w->channels * sizeof *w->ring);
    }
    if (m->scoring.past) add(&p, m->scoring.past, m->scoring.room * m->scoring.width * sizeof *m->scoring.past);
    return p;
}

/* What a feature's change of rate remembers. */
static parts parts_of_stream(rec_stream *s)
{
    parts p = {.n = 0};
    add(&p, s->x, s->room * sizeof *s->x);
    add(&p, s->there, s->room);
    add(&p, &s->n, sizeof s->n);
    add(&p, &s->made, sizeof s->made);
    add(&p, &s->last, sizeof s->last);
    return p;
}

static void copy(unsigned char **at, const parts *p, int save)
{
    for (size_t i = 0; i < p->n; i++) {
        const uint64_t size = p->size[i];
        uint64_t said = size;
        memcpy(save ? (void *)*at : &said, save ? (void *)&said : *at, sizeof said);
        *at += sizeof said;
        memcpy(save ? (void *)*at : p->at[i], save ? p->at[i] : (void *)*at, size);
        *at += size;
    }
}

static size_t bytes_of(const parts *p) { return (size_t)p->all + p->n * sizeof(uint64_t); }

/* Copies everything but the model's state. Returns where that begins. */
static unsigned char *copy_all(monitor *m, unsigned char *at, int save)
{
    parts p = parts_of(m);
    copy(&at, &p, save);
    for (size_t f = 0; m->streams && f < m->prepare.rule.features; f++) {
        p = parts_of_stream(&m->streams[f]);
        copy(&at, &p, save);
    }
    return at;
}

/* Whether the sizes in a file are those of this monitor. */
static int fits(monitor *m, const unsigned char *at)
{
    const size_t streams = m->streams ? m->prepare.rule.features : 0;
    parts p = parts_of(m);
    for (size_t f = 0;; f++) {
        for (size_t i = 0; i < p.n; i++) {
            uint64_t said;
            memcpy(&said, at, sizeof said);
            if (said != p.size[i]) return 0;
            at += sizeof said + said;
        }
        if (f == streams) return 1;
        p = parts_of_stream(&m->streams[f]);
    }
}

static size_t file_bytes(monitor *m)
{
    parts p = parts_of(m);
    size_t all = sizeof head + sizeof(uint64_t) + bytes_of(&p) + stepper_state_bytes(&m->stepper);
    for (size_t f = 0; m->streams && f < m->prepare.rule.features; f++) {
        p = parts_of_stream(&m->streams[f]);
        all += bytes_of(&p);
    }
    return all;
}

static uint64_t hash_of(const unsigned char *file, size_t size)
{
    const size_t before = sizeof head + sizeof(uint64_t);
    return XXH64(file + before, size - before, 0);
}

int monitor_save(monitor *m, const char *path)
{
    const size_t size = file_bytes(m);
    FREED unsigned char *file = cli_alloc(size, 1);
    FREED char *fresh = cli_alloc(strlen(path) + 8, 1);
    memcpy(file, head, sizeof head);
    unsigned char *const state = copy_all(m, file + sizeof head + sizeof(uint64_t), 1);
    if (stepper_state_bytes(&m->stepper)) TRY(stepper_save(&m->stepper, state));
    const uint64_t hash = hash_of(file, size);
    memcpy(file + sizeof head, &hash, sizeof hash);
    snprintf(fresh, strlen(path) + 8, "%s.XXXXXX", path);
    const int fd = mkstemp(fresh);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!f) return cli_fail("--state: %s cannot be written: %s", path, strerror(errno));
    fwrite(file, 1, size, f);
    const int synced = fflush(f) == 0 && fsync(fd) == 0;
    const char *why = cli_fclose(f);
    if (!why && synced && rename(fresh, path) == 0) return CLI_OK;
    why = why ? why : strerror(errno);
    unlink(fresh);
    return cli_fail("--state: %s cannot be written: %s", path, why);
}

int monitor_load(monitor *m, const char *path)
{
    const size_t size = file_bytes(m);
    FREED unsigned char *file = NULL;
    uint64_t hash;
    size_t n = 0;
    TRY(rec_load(path, size + (1 << 20), &file, &n));
    if (n < sizeof head + sizeof hash || memcmp(file, head, sizeof head) != 0)
        return cli_fail("%s is no state of rnnpack watch", path);
    memcpy(&hash, file + sizeof head, sizeof hash);
    if (hash != hash_of(file, n)) return cli_fail("%s is damaged", path);
    if (n != size || !fits(m, file + sizeof head + sizeof hash))
        return cli_fail("%s is the state of another model or of other options", path);
    const size_t state = stepper_state_bytes(&m->stepper);
    if (state) TRY(stepper_load(&m->stepper, file + size - state));
    copy_all(m, file + sizeof head + sizeof hash, 0);
    return CLI_OK;
}
