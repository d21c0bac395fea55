/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cli.h"

struct web {
    board *board;
    char *const *names;
    struct MHD_Daemon *daemon;
    unsigned port;
    board_copy copy; /* of the server's thread */
};

/* ---- Answers ---- */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type, struct MHD_Response *r)
{
    static const char *const heads[][2] = {
        {"Cache-Control", "no-store"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
         "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"}};
    if (!r) return MHD_NO;
    MHD_add_response_header(r, "Content-Type", type);
    for (size_t i = 0; i < COUNT(heads); i++) MHD_add_response_header(r, heads[i][0], heads[i][1]);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) MHD_add_response_header(r, "Allow", "GET, HEAD");
    const enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status, const char *why)
{
    /* the memory is not changed */
    return answer(c, status, "text/plain; charset=utf-8",
                  MHD_create_response_from_buffer(strlen(why), (void *)(uintptr_t)why, MHD_RESPMEM_PERSISTENT));
}

static void put_points(json *j, const board_copy *copy, size_t channels)
{
    json_array(j, "buckets"); /* [step, score, low, high, low, high, ...] */
    for (uint64_t i = 0; i < copy->n_points - copy->first_point; i++) {
        const board_point *p = &copy->points[i];
        json_array(j, NULL);
        json_put(j, INT(NULL, p->step), REAL(NULL, (double)p->score));
        for (size_t c = 0; c < channels; c++)
            json_put(j, REAL(NULL, (double)p->low[c]), REAL(NULL, (double)p->high[c]));
        json_close(j);
    }
    json_close(j);
}

/* The lines are JSON already. */
static void put_lines(json *j, const board_copy *copy)
{
    json_array(j, "events");
    for (size_t i = 0; i < copy->copied_lines; i++)
        fprintf(j->file, "%s%.*s", i ? ", " : "", (int)strcspn(copy->lines[i], "\n"), copy->lines[i]);
    json_close(j);
}

static void put_data(const web *w, FILE *file)
{
    const board_copy *copy = &w->copy;
    const board_numbers *n = &copy->numbers;
    json j = {.line = 1, .file = file};
    json_object(&j, NULL);
    json_put(&j, INT("step", n->step), INT("steps", n->steps), INT("missing", n->missing), INT("gaps", n->gaps),
             INT("alarms", n->alarms), INT("dropped", n->dropped), INT("garbled", n->garbled), INT("late", n->late),
             INT("waiting", n->waiting), INT("waiting_most", n->waiting_most));
    json_flat(&j, "latency", REAL("p50_us", 1e6 * n->p50), REAL("p99_us", 1e6 * n->p99), REAL("p999_us", 1e6 * n->p999),
              REAL("max_us", 1e6 * n->most));
    json_array(&j, "channels");
    for (size_t c = 0; w->names && c < w->board->channels; c++) json_put(&j, TEXT(NULL, w->names[c]));
    json_close(&j);
    json_put(&j, INT("per", w->board->per), INT("keeps", BOARD_POINTS), INT("next", copy->n_points),
             INT("next_event", copy->n_lines));
    put_points(&j, copy, w->board->channels);
    put_lines(&j, copy);
    json_end(&j);
}

static uint64_t number_of(struct MHD_Connection *c, const char *name)
{
    const char *text = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, name);
    return text ? strtoull(text, NULL, 10) : 0;
}

static enum MHD_Result answer_data(web *w, struct MHD_Connection *c)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (!file) return MHD_NO;
    board_look(w->board, number_of(c, "from"), number_of(c, "event"), &w->copy);
    put_data(w, file);
    if (fclose(file) != 0) return free(text), MHD_NO;
    return answer(c, MHD_HTTP_OK, "application/json",
                  MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE));
}

/* ---- Requests ---- */

/* The host with or without a port. */
static int is_here(const char *host)
{
    static const char *const names[] = {"127.0.0.1", "localhost"};
    for (size_t i = 0; host && i < COUNT(names); i++) {
        const size_t n = strlen(names[i]);
        if (strncmp(host, names[i], n) == 0 &&
            (!host[n] || (host[n] == ':' && host[n + 1] && !host[n + 1 + strspn(host + n + 1, "0123456789")])))
            return 1;
    }
    return 0;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **state)
{
    web *w = user;
    (void)version, (void)upload, (void)state;
    if (*upload_size) { /* is not looked at; the answer is the one below */
        *upload_size = 0;
        return MHD_YES;
    }
    if (!is_here(MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST)))
        return refuse(c, MHD_HTTP_FORBIDDEN, "this page is for 127.0.0.1 and localhost\n");
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "this page is to look at\n");
    if (strcmp(url, "/data") == 0) return answer_data(w, c);
    if (strcmp(url, "/") != 0) return refuse(c, MHD_HTTP_NOT_FOUND, "there is / and /data\n");
    return answer(c, MHD_HTTP_OK, "text/html; charset=utf-8",
                  MHD_create_response_from_buffer(web_page_size, (void *)(uintptr_t)web_page, MHD_RESPMEM_PERSISTENT));
}

/* ---- The server ---- */

web *web_open(board *b, char *const *names, unsigned port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    web *w = cli_alloc(1, sizeof *w);
    sigset_t all, before;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    w->board = b;
    w->names = names;
    sigfillset(&all); /* the server's thread is not for signals */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = 0;
    w->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, (uint16_t)port, NULL, NULL, on_request, w,
                                 MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_CONNECTION_LIMIT, 16u,
                                 MHD_OPTION_CONNECTION_TIMEOUT, 30u, MHD_OPTION_END);
    const int why = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!w->daemon) {
        cli_fail("--http %u: %s", port, why ? strerror(why) : "the server does not start");
        free(w);
        return NULL;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_BIND_PORT);
    w->port = info ? info->port : port;
    return w;
}

unsigned web_port(const web *w) { return w->port; }

void web_close(web *w)
{
    if (!w) return;
    MHD_stop_daemon(w->daemon);
    free(w);
}
