/* SPDX-License-Identifier: Apache-2.0
 *
 * session.c: what the commands share that exchange files; messages.c: the files as messages of MPI.
 */
#ifndef RNNP_CLI_SESSION_H
#define RNNP_CLI_SESSION_H

#include "../group.h"
#include "federation.h"

/* Words of an answer of names, and of a call. */
enum { NAMES_MOST = 1 << 22, CALL_MOST = 1 << 26 };

typedef struct session {
    cli_call call; /* as the task needs it */
    task t;
    federation f;
    parties all;
    party_keys keys;
    const char *folder;
    double seconds;   /* to wait in each step */
    cli_group *group; /* NULL: the folder is shared, or somebody copies its files */
    uint8_t identity[KEY_BYTES];
    uint8_t called[KEY_BYTES]; /* digest of the latest call, which masks depend on: another call has other masks */
    uint64_t step;
} session;

/* Configuration, context, keys and parties; group as in the session. */
int session_open(session *s, const cli_call *call, cli_group *group);
void session_close(session *s);
#define AUTO_SESSION __attribute__((cleanup(session_close))) session

/* A call of the present step that is there: identity and federation follow it. */
int session_take_call(session *s, exchange_file *file, const char *path);
/* Writes a file of the present step. */
int session_write(const session *s, const char *site, payload *p);

/* ---- messages.c ---- */

/* Runs a command with the group that --mpi asks for, else with NULL. */
int session_run(const cli_call *call, int (*command)(const cli_call *call, cli_group *group));
/* With a group, all parties call these in turn in each step, so that the call reaches all sites' folders, and their
 * answers that of the coordinator. `site` is the name of this party's, NULL: the coordinator. Files that are there
 * are left alone. */
int session_send_call(session *s, const char *site);
int session_send_answers(session *s, const char *site);

#endif
