/* SPDX-License-Identifier: Apache-2.0
 *
 * Parties that are ranks of one MPI job: what would be copied between folders goes through messages, as it is, with its
 * signature. Each party has a folder of its own, so a job that was ended goes on from the files that it left.
 */
#define _POSIX_C_SOURCE 200809L

#include "session.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a rank has for others: a file of the present step, or nothing. */
typedef struct parcel {
    uint64_t bytes, reads;
    char site[GROUP_NAME]; /* of an answer */
} parcel;

int session_run(const cli_call *call, int (*command)(const cli_call *call, cli_group *group))
{
    cli_group group = {.all_print = 1};
    cli_call own = *call;
    own.mpi_timeout = call->timeout; /* a rank is silent while it trains */
    const int code = cli_group_open(&own, &group);
    return cli_group_close(&group, code == CLI_OK ? command(call, call->mpi ? &group : NULL) : code);
}

/* ---- Messages ---- */

typedef struct mail {
    cli_group *group;
    const parcel *parcels; /* [ranks] */
    const char *own;
    char **files;     /* [ranks], of those that this rank reads */
    size_t *requests; /* [2 * ranks] */
    size_t n;         /* requests that were begun */
} mail;

static int begin_all(mail *m)
{
    const rnnp_peers *peers = &m->group->peers;
    const parcel *me = &m->parcels[peers->rank];
    rnnp_status status = RNNP_OK;
    for (size_t i = 0; i < peers->ranks && status == RNNP_OK; i++) {
        if (i == peers->rank || !me->reads || !m->parcels[i].bytes) continue;
        m->files[i] = cli_alloc((size_t)m->parcels[i].bytes, 1);
        status = peers->receive(peers->user, i, RNNP_PEERS_OWN, m->files[i], (size_t)m->parcels[i].bytes,
                                &m->requests[m->n]);
        m->n += status == RNNP_OK;
    }
    for (size_t i = 0; i < peers->ranks && status == RNNP_OK; i++) {
        if (i == peers->rank || !me->bytes || !m->parcels[i].reads) continue;
        status = peers->send(peers->user, i, RNNP_PEERS_OWN, m->own, (size_t)me->bytes, &m->requests[m->n]);
        m->n += status == RNNP_OK;
    }
    for (size_t i = 0; i < m->n && status == RNNP_OK; i++) status = peers->wait(peers->user, m->requests[i]);
    if (status == RNNP_OK) return CLI_OK;
    m->group->silence = status == RNNP_ERR_IO;
    return cli_fail("%s", peers->reason(peers->user));
}

/* Keeps a file that is not there yet. */
static int keep(const session *s, const parcel *from, size_t rank, const char *file, int answers)
{
    size_t k = 0;
    while (answers && k < s->all.n && strcmp(s->all.names[k], from->site) != 0) k++;
    if (k == s->all.n) return cli_fail("rank %zu answers as a site that is none of [federate] sites", rank);
    FREED char *path = folder_path(s->folder, s->step, answers ? s->all.names[k] : NULL);
    return access(path, F_OK) == 0 ? CLI_OK : folder_store(path, file, (size_t)from->bytes);
}

static int deliver(session *s, const parcel *parcels, const char *own, int answers)
{
    const size_t ranks = s->group->peers.ranks;
    FREED char **files = cli_alloc(ranks, sizeof *files);
    FREED size_t *requests = cli_alloc(2 * ranks, sizeof *requests);
    mail m = {.group = s->group, .parcels = parcels, .own = own, .files = files, .requests = requests};
    int code = begin_all(&m);
    if (code != CLI_OK) return code; /* files may still be written to; the process ends */
    for (size_t i = 0; i < ranks; i++) {
        if (files[i] && code == CLI_OK) code = keep(s, &parcels[i], i, files[i], answers);
        free(files[i]);
    }
    return code;
}

/* `path`: what this rank has, NULL: nothing; `reads`: whether it keeps what others have. */
static int exchange(session *s, const char *path, const char *site, int answers, int reads)
{
    const size_t ranks = s->group->peers.ranks, rank = s->group->peers.rank;
    FREED parcel *parcels = cli_alloc(ranks, sizeof *parcels);
    FREED char *own = NULL;
    size_t size = 0;
    char why[256];
    const int code = path ? folder_load(path, CALL_MOST, &own, &size, why) : FILE_ABSENT;
    if (code == CLI_FAILED) return cli_fail("%s: %s", path, why);
    parcels[rank].bytes = code == CLI_OK ? size : 0;
    parcels[rank].reads = reads != 0;
    if (site) snprintf(parcels[rank].site, GROUP_NAME, "%s", site);
    TRY(cli_group_gather(s->group, sizeof *parcels, parcels));
    for (size_t i = 0; i < ranks; i++) {
        parcels[i].site[GROUP_NAME - 1] = '\0';
        if (parcels[i].bytes > (uint64_t)CALL_MOST * sizeof(uint64_t))
            return cli_fail("rank %zu has a file of %llu bytes", i, (unsigned long long)parcels[i].bytes);
    }
    return deliver(s, parcels, own, answers);
}

int session_send_call(session *s, const char *site)
{
    if (!s->group) return CLI_OK;
    FREED char *path = folder_path(s->folder, s->step, NULL);
    return exchange(s, site ? NULL : path, NULL, 0, site != NULL);
}

int session_send_answers(session *s, const char *site)
{
    if (!s->group) return CLI_OK;
    FREED char *path = folder_path(s->folder, s->step, site);
    return exchange(s, site ? path : NULL, site, 1, site == NULL);
}
