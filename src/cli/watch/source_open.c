/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "source.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- What --source says ---- */

static int read_number(const char *text, unsigned long most, unsigned *value)
{
    char *end;
    const unsigned long v = strtoul(text, &end, 10);
    *value = (unsigned)v;
    return *text >= '0' && *text <= '9' && !*end && v <= most;
}

static int read_udp(const char *text, source *s)
{
    char host[64];
    unsigned byte[4];
    const char *colon = strrchr(text, ':');
    int used = 0;
    s->kind = SOURCE_UDP;
    snprintf(host, sizeof host, "%.*s", colon ? (int)(colon - text) : 0, text);
    if (sscanf(host, "%3u.%3u.%3u.%3u%n", &byte[0], &byte[1], &byte[2], &byte[3], &used) != 4 || host[used] ||
        (byte[0] | byte[1] | byte[2] | byte[3]) > 255 || !read_number(colon + 1, 65535, &s->port))
        return cli_misuse("--source udp:// needs an address and a port, such as udp://127.0.0.1:9000, not '%s'", text);
    for (size_t i = 0; i < 4; i++) s->address[i] = (uint8_t)byte[i];
    return CLI_OK;
}

static int read_serial(const char *text, source *s)
{
    const char *colon = strrchr(text, ':');
    const size_t length = colon ? (size_t)(colon - text) : strlen(text);
    s->kind = SOURCE_SERIAL;
    s->baud = 115200;
    if (!length || length >= sizeof s->device || (colon && !read_number(colon + 1, 4000000, &s->baud)))
        return cli_misuse("--source serial: needs a device, such as serial:/dev/ttyUSB0:115200, not '%s'", text);
    memcpy(s->device, text, length);
    s->device[length] = '\0';
    s->path = s->device;
    return CLI_OK;
}

int source_read_name(const char *text, source *s)
{
    s->fd = -1;
    s->path = text;
    snprintf(s->name, sizeof s->name, "%s", text);
    if (strncmp(text, "udp://", 6) == 0) return read_udp(text + 6, s);
    if (strncmp(text, "serial:", 7) == 0) return read_serial(text + 7, s);
    if (strcmp(text, "-") == 0) {
        s->kind = SOURCE_STDIN;
        return CLI_OK;
    }
    const rec_kind kind = rec_kind_of(text);
    if (kind == REC_FAILED) return CLI_FAILED;
    s->kind = kind == REC_OTHER ? SOURCE_FILE : SOURCE_RECORDING;
    return CLI_OK;
}

/* ---- Its thread ---- */

static void *run(void *user)
{
    static source_reader *const readers[] = {[SOURCE_RECORDING] = source_read_recording,
                                             [SOURCE_FILE] = source_read_file,
                                             [SOURCE_STDIN] = source_read_file,
                                             [SOURCE_UDP] = source_read_udp,
                                             [SOURCE_SERIAL] = source_read_serial};
    source *s = user;
    readers[s->kind](s);
    return NULL;
}

static int open_file(source *s)
{
    const char *why = NULL;
    s->fd = cli_open(s->path, &why);
    return s->fd >= 0 ? CLI_OK : cli_fail("%s: %s", s->path, why);
}

/* Signals are the main thread's: it ends in order. */
static int start_thread(source *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&s->thread, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    s->running = !failed;
    return failed ? cli_fail("no thread for the source: %s", strerror(failed)) : CLI_OK;
}

int source_start(source *s)
{
    switch (s->kind) {
    case SOURCE_RECORDING: break;
    case SOURCE_FILE: TRY(open_file(s)); break;
    case SOURCE_STDIN: s->fd = STDIN_FILENO; break;
    case SOURCE_UDP: TRY(source_open_udp(s)); break;
    case SOURCE_SERIAL: TRY(source_open_serial(s)); break;
    }
    queue_create(&s->queue, s->room, s->parser.features, !source_is_live(s));
    return start_thread(s);
}

void source_close(source *s)
{
    if (s->running) {
        queue_stop(&s->queue);
        pthread_join(s->thread, NULL);
    }
    if (s->fd > STDIN_FILENO) close(s->fd);
    queue_destroy(&s->queue);
    parser_free(&s->parser);
    dataset_free(&s->set);
}
