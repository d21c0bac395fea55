/* SPDX-License-Identifier: Apache-2.0
 *
 * Where samples come from. A thread of its own reads them into a queue:
 *
 *   source_open.c    what --source says, and the thread
 *   source_file.c    recordings, files and stdin, at the speed that is asked for
 *   source_udp.c     datagrams
 *   source_serial.c  serial lines
 *   source_wait.c    waiting, but not longer than the program
 *   parse.c          lines of numbers, and raw f32
 *
 * A datagram is a text, with one sample in each line, or binary, all of it little-endian:
 *
 *   0   "RNPS"
 *   4   u32  number of the first sample, counted by the sender; it goes on from 0 after 2^32 - 1
 *   8   u16  samples
 *   10  u16  channels
 *   12  f32  [samples][channels], NaN: missing
 */
#ifndef RNNP_CLI_WATCH_SOURCE_H
#define RNNP_CLI_WATCH_SOURCE_H

#include <pthread.h>

#include "../recordings/recording.h"
#include "../train/dataset.h"
#include "parse.h"
#include "queue.h"

typedef enum source_kind { SOURCE_RECORDING, SOURCE_FILE, SOURCE_STDIN, SOURCE_UDP, SOURCE_SERIAL } source_kind;

typedef struct source {
    /* The caller's, before source_start. */
    int raw;      /* a file or stdin of f32, in place of lines */
    double speed; /* of a file, times real time; 0: as fast as possible */
    size_t room;  /* samples in the queue */
    parser parser;

    source_kind kind;
    char name[512];   /* what it is called, with the port that a socket got */
    const char *path; /* of a file or a device */
    char device[256];
    uint8_t address[4];
    unsigned port, baud;
    int fd;
    uint64_t rate[2]; /* samples a second as a fraction; 0: not known */
    dataset set;      /* of a recording */
    queue queue;
    pthread_t thread;
    int running;
} source;

/* Reads what --source says; opens nothing. */
int source_read_name(const char *text, source *s);
/* Whether it waits for who reads it, and whether it has an end. */
static inline int source_is_live(const source *s) { return s->kind >= SOURCE_UDP; }
/* Opens it; of a recording set was read. Close it either way. */
int source_start(source *s);
void source_close(source *s);

/* ---- For the kinds ---- */

typedef void source_reader(source *s);
source_reader source_read_recording, source_read_file, source_read_udp, source_read_serial;
int source_open_udp(source *s), source_open_serial(source *s);

/* Waits up to 0.1 s for input: 1 there is some, 0 none yet, -1 none comes any more. */
int source_wait(int fd);
/* Waits, but not longer than the taker wants. 0: it wants no more. */
int source_pause(source *s, double seconds);

#endif
