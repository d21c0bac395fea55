/* SPDX-License-Identifier: Apache-2.0 */
#include "../group.h"
#include "training.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 30 }; /* bytes of a message */

/* What one exchange is of. */
typedef struct plan {
    row_exchange *x;
    const dataset *set;
    const uint32_t *rows;
    const row_span *spans;
    size_t width, rank, ranks;
} plan;

static size_t bytes_of(const plan *p, size_t r) { return dataset_steps(p->set, p->rows[r]) * p->width; }

/* Bytes of the rows of span k that rank `from` has. */
static size_t bytes_between(const plan *p, size_t from, size_t k)
{
    size_t bytes = 0;
    for (size_t r = p->spans[k].from; r < p->spans[k].to; r++)
        if (dataset_rank_of(p->set, p->rows[r]) == from) bytes += bytes_of(p, r);
    return bytes;
}

/* A message, in pieces. */
static int begin(const plan *p, int sent, size_t rank, char *data, size_t bytes)
{
    row_exchange *x = p->x;
    for (size_t at = 0; at < bytes; at += PIECE) {
        const size_t n = bytes - at < PIECE ? bytes - at : PIECE;
        cli_grow(&x->requests, &x->room_requests, x->n_requests + 1, sizeof *x->requests);
        size_t *const request = &x->requests[x->n_requests];
        TRY(sent ? cli_group_send(x->ranks, rank, data + at, n, request)
                 : cli_group_receive(x->ranks, rank, data + at, n, request));
        x->n_requests++;
    }
    return CLI_OK;
}

/* Rows that are run here: those of this rank where they are, those of others in the order of ranks, then of rows. */
static int receive(const plan *p)
{
    row_exchange *x = p->x;
    const row_span own = p->spans[p->rank];
    size_t all = 0;
    for (size_t k = 0; k < p->ranks; k++) all += k == p->rank ? 0 : bytes_between(p, k, p->rank);
    cli_grow(&x->in, &x->room_in, all + 1, 1);
    char *to = x->in;
    for (size_t k = 0; k < p->ranks; k++) {
        char *const first = to;
        for (size_t r = own.from; r < own.to; r++) {
            if (dataset_rank_of(p->set, p->rows[r]) != k) continue;
            x->at[r] = k == p->rank ? dataset_at(p->set, p->rows[r]) : to;
            to += k == p->rank ? 0 : bytes_of(p, r);
        }
        TRY(begin(p, 0, k, first, (size_t)(to - first)));
    }
    x->n_receives = x->n_requests;
    return CLI_OK;
}

/* Others in turn, beginning with the next one: not all send to the same one first. */
static int send(const plan *p)
{
    row_exchange *x = p->x;
    size_t all = 0;
    for (size_t k = 0; k < p->ranks; k++) all += k == p->rank ? 0 : bytes_between(p, p->rank, k);
    cli_grow(&x->out, &x->room_out, all + 1, 1);
    char *to = x->out;
    for (size_t i = 1; i < p->ranks; i++) {
        const size_t k = (p->rank + i) % p->ranks;
        char *const first = to;
        for (size_t r = p->spans[k].from; r < p->spans[k].to; r++) {
            if (!dataset_is_here(p->set, p->rows[r])) continue;
            memcpy(to, dataset_at(p->set, p->rows[r]), bytes_of(p, r));
            to += bytes_of(p, r);
        }
        TRY(begin(p, 1, k, first, (size_t)(to - first)));
    }
    return CLI_OK;
}

int exchange_begin(row_exchange *x, const dataset *set, const uint32_t *rows, size_t n, const row_span *spans)
{
    const plan p = {.x = x,
                    .set = set,
                    .rows = rows,
                    .spans = spans,
                    .width = dataset_width(set),
                    .rank = set->ranks->peers.rank,
                    .ranks = set->ranks->peers.ranks};
    x->ranks = set->ranks;
    x->n_requests = x->n_receives = 0;
    cli_grow(&x->at, &x->room_at, n + 1, sizeof *x->at);
    TRY(receive(&p));
    return send(&p);
}

static int wait_up_to(row_exchange *x, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) TRY(cli_group_wait(x->ranks, x->requests[i]));
    return CLI_OK;
}

int exchange_receive(row_exchange *x)
{
    const size_t n = x->n_receives;
    TRY(wait_up_to(x, 0, n));
    for (size_t i = n; i < x->n_requests; i++) x->requests[i - n] = x->requests[i];
    x->n_requests -= n;
    x->n_receives = 0;
    return CLI_OK;
}

int exchange_end(row_exchange *x)
{
    TRY(wait_up_to(x, 0, x->n_requests));
    x->n_requests = x->n_receives = 0;
    return CLI_OK;
}

/* What is on its way still reads and writes this memory. After messages have failed it has it to the program's end. */
void exchange_free(row_exchange *x)
{
    if (x->n_requests && (x->ranks->silence || exchange_end(x) != CLI_OK)) return;
    free((void *)x->at);
    free(x->out);
    free(x->in);
    free(x->requests);
    *x = (row_exchange){0};
}

/* ---- The batches of an epoch ---- */

/* Which rows of a batch of n each rank runs. */
static int find_spans(row_feed *f, const fit_job *job, const rnnp_trainer *trainer, size_t which, size_t n)
{
    cli_group *const ranks = job->set->ranks;
    if (f->span_rows[which] == n) return CLI_OK;
    free(f->spans[which]);
    row_span *spans = f->spans[which] = cli_alloc(ranks->peers.ranks, sizeof *spans), *own = &spans[ranks->peers.rank];
    f->span_rows[which] = n;
    TRY(cli_status(job->e->context, rnnp_trainer_rows(trainer, n, &own->from, &own->to)));
    return cli_group_gather(ranks, sizeof *spans, spans);
}

int feed_begin(row_feed *f, const fit_job *job, const rnnp_trainer *trainer, const uint32_t *order, size_t k)
{
    const size_t B = job->e->config->batch, n = fit_rows(job, k), which = n < B;
    if (!job->set->parts || job->set->whole) return CLI_OK;
    TRY(find_spans(f, job, trainer, which, n));
    return exchange_begin(&f->rows[k % 2], job->set, order + k * B, n, f->spans[which]);
}

int feed_end(row_feed *f, const fit_job *job, size_t k, batch *b)
{
    if (!job->set->parts || job->set->whole) return CLI_OK;
    b->at = f->rows[k % 2].at;
    return exchange_end(&f->rows[k % 2]);
}

void feed_free(row_feed *f)
{
    for (size_t i = 0; i < COUNT(f->rows); i++) {
        exchange_free(&f->rows[i]);
        free(f->spans[i]);
    }
}
