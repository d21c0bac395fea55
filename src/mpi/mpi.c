/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages between trainers by MPI. Every message is a send and a receive that do not block, and whoever waits for it
 * tests it again and again: a blocking wait of MPI has no end when the other rank hangs, and keeps a CPU busy, which a
 * rank that shares it may need.
 */
#define _POSIX_C_SOURCE 200809L
#include "../context.h"
#include "../structs.h"
#include "rnnpack/mpi.h"

#include <limits.h>
#include <math.h>
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { USUAL_TIMEOUT = 120, REASON_CHARS = MPI_MAX_ERROR_STRING + 128 };
static const double AWAKE = 1e-4, SHORT_SLEEP = 5e-5, LONG_SLEEP = 1e-3;

/* Internal functions of librnnpack are not exported: the context knows them. */
#define fail(context, ...) (context)->calls->fail(context, __VA_ARGS__)

/* A message on its way. */
typedef struct mpi_message {
    MPI_Request request;
    int rank, sent; /* to it, or from it */
    size_t bytes, next_free;
} mpi_message;

struct rnnp_mpi {
    const rnnp_context *context;
    MPI_Comm comm;
    int rank, ranks;
    int finalize; /* MPI was initialised here */
    int failed;
    double timeout;
    mpi_message *messages;
    size_t n_messages, room, free; /* free: first of a list, SIZE_MAX for none */
    rnnp_mpi_counts counts;
    char reason[REASON_CHARS];
};

/* ---- Errors ---- */

static rnnp_status mpi_failed(rnnp_mpi *m, const char *what, int code)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    snprintf(m->reason, sizeof m->reason, "MPI: %s: %s", what, text);
    m->failed = 1;
    return RNNP_ERR_IO;
}

/* ---- Messages ---- */

static mpi_message *new_message(rnnp_mpi *m, size_t *number)
{
    if (m->free == SIZE_MAX && m->n_messages == m->room) {
        const rnnp_context_calls *calls = m->context->calls;
        const size_t room = m->room ? 2 * m->room : 64;
        mpi_message *more = room > SIZE_MAX / sizeof *more ? NULL : calls->alloc(m->context, room * sizeof *more);
        if (!more) {
            snprintf(m->reason, sizeof m->reason, "no memory for %zu messages", room);
            return NULL;
        }
        if (m->n_messages) memcpy(more, m->messages, m->n_messages * sizeof *more);
        calls->free(m->context, m->messages, m->room * sizeof *more);
        m->messages = more;
        m->room = room;
    }
    if (m->free == SIZE_MAX) {
        *number = m->n_messages++;
    } else {
        *number = m->free;
        m->free = m->messages[*number].next_free;
    }
    return &m->messages[*number];
}

static void drop_message(rnnp_mpi *m, size_t number)
{
    m->messages[number].next_free = m->free;
    m->free = number;
}

static rnnp_status begin(rnnp_mpi *m, int sent, size_t rank, size_t tag, void *data, size_t bytes, size_t *request)
{
    const double start = MPI_Wtime();
    if (rank >= (size_t)m->ranks || bytes == 0 || bytes > INT_MAX || tag >= RNNP_PEERS_TAGS) {
        snprintf(m->reason, sizeof m->reason, "a message of %zu bytes to or from rank %zu, tag %zu", bytes, rank, tag);
        return RNNP_ERR_ARG;
    }
    mpi_message *const message = new_message(m, request);
    if (!message) return RNNP_ERR_MEMORY;
    message->rank = (int)rank;
    message->sent = sent;
    message->bytes = bytes;
    const int code = sent ? MPI_Isend(data, (int)bytes, MPI_BYTE, (int)rank, (int)tag, m->comm, &message->request)
                          : MPI_Irecv(data, (int)bytes, MPI_BYTE, (int)rank, (int)tag, m->comm, &message->request);
    m->counts.seconds += MPI_Wtime() - start;
    if (code == MPI_SUCCESS) return RNNP_OK;
    drop_message(m, *request);
    return mpi_failed(m, sent ? "MPI_Isend" : "MPI_Irecv", code);
}

static rnnp_status send_to(void *user, size_t to, size_t tag, const void *data, size_t bytes, size_t *request)
{
    return begin(user, 1, to, tag, (void *)data, bytes, request);
}

static rnnp_status receive_from(void *user, size_t from, size_t tag, void *data, size_t bytes, size_t *request)
{
    return begin(user, 0, from, tag, data, bytes, request);
}

/* The CPU goes to whoever can use it: at first for a moment, later for longer. */
static void pass_time(double waited)
{
    const double sleep = waited < 0.01 ? SHORT_SLEEP : LONG_SLEEP;
    if (waited < AWAKE)
        sched_yield();
    else
        nanosleep(&(struct timespec){.tv_nsec = (long)(sleep * 1e9)}, NULL);
}

static rnnp_status too_late(rnnp_mpi *m, const mpi_message *message)
{
    snprintf(m->reason, sizeof m->reason,
             "rank %d has not %s for %g s: it, or a rank that it waits for, has ended, hangs, or cannot be reached",
             message->rank, message->sent ? "taken a message" : "answered", m->timeout);
    m->failed = 1;
    return RNNP_ERR_IO;
}

static void end(rnnp_mpi *m, size_t request)
{
    const mpi_message *message = &m->messages[request];
    *(message->sent ? &m->counts.sent_bytes : &m->counts.received_bytes) += message->bytes;
    *(message->sent ? &m->counts.sent_messages : &m->counts.received_messages) += 1;
    drop_message(m, request);
}

static rnnp_status wait_for(void *user, size_t request)
{
    rnnp_mpi *m = user;
    mpi_message *message = &m->messages[request];
    const double start = MPI_Wtime();
    double waited = 0;
    int done = 0;
    for (;;) {
        const int code = MPI_Test(&message->request, &done, MPI_STATUS_IGNORE);
        waited = MPI_Wtime() - start;
        if (code != MPI_SUCCESS) return mpi_failed(m, "MPI_Test", code);
        if (done) break;
        if (waited > m->timeout) return too_late(m, message);
        pass_time(waited);
    }
    m->counts.seconds += waited;
    end(m, request);
    return RNNP_OK;
}

static rnnp_status test(void *user, size_t request, int *done)
{
    rnnp_mpi *m = user;
    const double start = MPI_Wtime();
    const int code = MPI_Test(&m->messages[request].request, done, MPI_STATUS_IGNORE);
    m->counts.seconds += MPI_Wtime() - start;
    if (code != MPI_SUCCESS) return mpi_failed(m, "MPI_Test", code);
    if (*done) end(m, request);
    return RNNP_OK;
}

static const char *reason(void *user) { return ((const rnnp_mpi *)user)->reason; }

/* ---- Beginning and end ---- */

static rnnp_status begin_mpi(rnnp_mpi *m, const void *communicator)
{
    int initialized = 0, finalized = 0, level, code = MPI_SUCCESS;
    MPI_Comm from = MPI_COMM_WORLD;
    if (MPI_Initialized(&initialized) != MPI_SUCCESS || MPI_Finalized(&finalized) != MPI_SUCCESS || finalized)
        return fail(m->context, RNNP_ERR_STATE, "MPI has ended in this process");
    if (!initialized) code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
    m->finalize = !initialized && code == MPI_SUCCESS;
    if (communicator) memcpy(&from, communicator, sizeof from);
    if (code == MPI_SUCCESS) code = MPI_Comm_dup(from, &m->comm);
    if (code == MPI_SUCCESS) code = MPI_Comm_set_errhandler(m->comm, MPI_ERRORS_RETURN);
    if (code == MPI_SUCCESS) code = MPI_Comm_rank(m->comm, &m->rank);
    if (code == MPI_SUCCESS) code = MPI_Comm_size(m->comm, &m->ranks);
    if (code == MPI_SUCCESS) return RNNP_OK;
    mpi_failed(m, "beginning", code);
    return fail(m->context, RNNP_ERR_IO, "%.200s", m->reason);
}

static rnnp_status check(const rnnp_context *context, const rnnp_mpi_options *given, rnnp_mpi_options *options)
{
    if (strcmp(context->calls->version, RNNP_VERSION_TEXT) != 0)
        return fail(context, RNNP_ERR_STATE, "librnnpack is version %s, librnnpack-mpi %s", context->calls->version,
                    RNNP_VERSION_TEXT);
    rnnp_mpi_options_init(options);
    const rnnp_status status =
        given ? context->calls->struct_read(context, "rnnp_mpi_options", given, options, sizeof *options) : RNNP_OK;
    if (status != RNNP_OK) return status;
    if (options->timeout == 0) options->timeout = USUAL_TIMEOUT;
    if (!(options->timeout > 0) || !isfinite(options->timeout))
        return fail(context, RNNP_ERR_ARG, "a timeout of %g s", options->timeout);
    return RNNP_OK;
}

rnnp_status rnnp_mpi_create(const rnnp_context *context, const rnnp_mpi_options *given, rnnp_mpi **mpi)
{
    rnnp_mpi_options options;
    if (mpi) *mpi = NULL;
    if (!context) return RNNP_ERR_ARG;
    if (!mpi) return fail(context, RNNP_ERR_ARG, "mpi is NULL");
    rnnp_status status = check(context, given, &options);
    if (status != RNNP_OK) return status;
    rnnp_mpi *m = context->calls->alloc(context, sizeof *m);
    if (!m) return RNNP_ERR_MEMORY;
    memset(m, 0, sizeof *m);
    m->context = context;
    m->comm = MPI_COMM_NULL;
    m->timeout = options.timeout;
    m->free = SIZE_MAX;
    m->counts.struct_size = sizeof m->counts;
    status = begin_mpi(m, options.communicator);
    if (status == RNNP_OK)
        *mpi = m;
    else
        rnnp_mpi_destroy(m);
    return status;
}

void rnnp_mpi_destroy(rnnp_mpi *m)
{
    if (!m) return;
    const rnnp_context *context = m->context;
    if (m->comm != MPI_COMM_NULL && !m->failed) MPI_Comm_free(&m->comm);
    if (m->finalize && !m->failed) MPI_Finalize();
    context->calls->free(context, m->messages, m->room * sizeof *m->messages);
    context->calls->free(context, m, sizeof *m);
}

rnnp_status rnnp_mpi_peers(rnnp_mpi *m, rnnp_peers *peers)
{
    if (!m) return RNNP_ERR_ARG;
    if (!peers) return fail(m->context, RNNP_ERR_ARG, "peers is NULL");
    const rnnp_peers own = {.rank = (size_t)m->rank,
                            .ranks = (size_t)m->ranks,
                            .user = m,
                            .send = send_to,
                            .receive = receive_from,
                            .wait = wait_for,
                            .test = test,
                            .reason = reason};
    return m->context->calls->struct_write(m->context, "rnnp_peers", &own, peers, sizeof own);
}

rnnp_status rnnp_mpi_count(const rnnp_mpi *m, rnnp_mpi_counts *counts)
{
    if (!m) return RNNP_ERR_ARG;
    return m->context->calls->struct_write(m->context, "rnnp_mpi_counts", &m->counts, counts, sizeof m->counts);
}
