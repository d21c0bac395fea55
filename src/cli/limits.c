/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack bench --limits: the best of many short bursts, for each ISA, on one thread and on the whole CPU budget. A
 * result that can only come from a busy machine (two threads no faster than one) is measured again, and marked if it
 * stays.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "total.h"

enum { MOST_ISAS = 8, MOST_FOOTPRINTS = 24, MOST_TEAMS = 2, BURSTS = 9 };

/* 0 where this machine has no such thing. */
typedef struct isa_limits {
    const char *isa;
    cli_total fma, dot;
    cli_total read[MOST_FOOTPRINTS];
} isa_limits;

typedef struct team_limits {
    size_t threads, n_isas;
    isa_limits isas[MOST_ISAS];
    double barrier, timer, clock;
} team_limits;

typedef struct limits {
    rnnp_host_info host;
    size_t n_footprints, footprints[MOST_FOOTPRINTS];
    size_t n_teams;
    team_limits teams[MOST_TEAMS];
    double burst; /* seconds */
    size_t done, all;
} limits;

typedef rnnp_status probe(const rnnp_context *context, double seconds, double *result);

static void show(limits *l) { cli_progress("limits", (double)++l->done, (double)l->all, "probes"); }

/* The greatest of some bursts; 0 where unsupported. */
static int best_total(limits *l, const cli_burst *b, size_t threads, double least, cli_total *total)
{
    show(l);
    /* much memory takes far longer to fill than to read */
    const int small = b->bytes <= l->host.l2_bytes, bursts = small ? BURSTS : b->bytes <= (size_t)64 << 20 ? 3 : 1;
    const cli_total_probe p = {cli_burst_run, (void *)b, threads, least, bursts, small ? 3 : 0};
    const rnnp_status status = cli_total_best(&p, total);
    return status == RNNP_ERR_UNSUPPORTED ? CLI_OK : cli_status(b->context, status);
}

/* The least of some bursts, or the greatest for a rate; 0 where unsupported. */
static int best_time(limits *l, rnnp_context *context, probe *measure, int greatest, double *best)
{
    show(l);
    *best = 0;
    for (int i = 0; i < BURSTS; i++) {
        double got = 0;
        const rnnp_status status = measure(context, l->burst, &got);
        if (status == RNNP_ERR_UNSUPPORTED) return CLI_OK;
        TRY(cli_status(context, status));
        if (i == 0 || (greatest ? got > *best : got < *best)) *best = got;
    }
    return CLI_OK;
}

/* `one` is what one thread reached, NULL for one thread. More threads multiply faster; they may share what they read
 * from, but not get less of it. */
static int measure_isa(limits *l, rnnp_context *context, size_t threads, const isa_limits *one, isa_limits *r)
{
    const double faster = 1.05, as_fast = 0.9;
    cli_burst b = {context, l->burst, rnnp_limit_fma, 0};
    TRY(best_total(l, &b, threads, one ? faster * one->fma.rate : 0, &r->fma));
    b.measure = rnnp_limit_dot;
    TRY(best_total(l, &b, threads, one ? faster * one->dot.rate : 0, &r->dot));
    b.measure = NULL;
    for (size_t i = 0; i < l->n_footprints; i++) {
        b.bytes = l->footprints[i];
        TRY(best_total(l, &b, threads, one ? as_fast * one->read[i].rate : 0, &r->read[i]));
    }
    return CLI_OK;
}

static int measure_team(limits *l, const char *const *isas, const team_limits *one, team_limits *r)
{
    for (size_t i = 0; i < r->n_isas; i++) {
        AUTO(context) *context = NULL;
        r->isas[i].isa = isas[i];
        TRY(cli_context(r->threads, isas[i], &context));
        TRY(measure_isa(l, context, r->threads, one ? &one->isas[i] : NULL, &r->isas[i]));
        if (i > 0) continue;
        TRY(best_time(l, context, rnnp_limit_barrier, 0, &r->barrier));
        TRY(best_time(l, context, rnnp_limit_timer, 0, &r->timer));
        TRY(best_time(l, context, rnnp_limit_clock, 1, &r->clock));
    }
    return CLI_OK;
}

/* The ISAs that this process may use, the highest first. */
static size_t usable_isas(const rnnp_context *context, const char *isas[MOST_ISAS])
{
    const char *rising[MOST_ISAS];
    size_t n = 0;
    rnnp_variant_info v = {.struct_size = sizeof v};
    for (size_t i = 0; n < MOST_ISAS && rnnp_context_variant_info(context, i, &v) == RNNP_OK; i++)
        if (v.usable && (n == 0 || strcmp(rising[n - 1], v.isa) != 0)) rising[n++] = v.isa;
    for (size_t i = 0; i < n; i++) isas[i] = rising[n - 1 - i];
    return n;
}

/* 8 KiB to twice the last cache, each twice the one before, and 3/4 of L1 and of L2: inside a cache that is not empty.
 */
static void choose_footprints(limits *l)
{
    const size_t last = l->host.l3_bytes ? l->host.l3_bytes : l->host.l2_bytes,
                 end = last ? 2 * last : (size_t)64 << 20;
    const size_t extra[] = {l->host.l1d_bytes / 4 * 3, l->host.l2_bytes / 4 * 3};
    for (size_t bytes = 8192; bytes <= end && l->n_footprints + 3 <= MOST_FOOTPRINTS; bytes *= 2) {
        l->footprints[l->n_footprints++] = bytes;
        for (size_t i = 0; i < COUNT(extra); i++)
            if (extra[i] > bytes && extra[i] < 2 * bytes) l->footprints[l->n_footprints++] = extra[i];
    }
}

/* ---- Output ------------------------------------------------------------------------------------ */

static int print_total(const cli_total *t)
{
    if (t->rate > 0)
        printf(" %9.1f%c", 1e-9 * t->rate, t->doubtful ? '?' : ' ');
    else
        printf(" %9s ", "none");
    return t->doubtful;
}

static void print_text(const limits *l)
{
    int doubtful = 0;
    printf("%-12s %s\n", "CPU", *l->host.brand ? l->host.brand : "unknown");
    for (size_t t = 0; t < l->n_teams; t++) {
        const team_limits *const team = &l->teams[t];
        printf("\n%zu thread%s\n%-16s", team->threads, team->threads == 1 ? "" : "s", "");
        for (size_t i = 0; i < team->n_isas; i++) printf(" %9s ", team->isas[i].isa);
        printf("\n%-16s", "FMA GFLOP/s");
        for (size_t i = 0; i < team->n_isas; i++) doubtful |= print_total(&team->isas[i].fma);
        printf("\n%-16s", "int8 dot GOP/s");
        for (size_t i = 0; i < team->n_isas; i++) doubtful |= print_total(&team->isas[i].dot);
        printf("\nread GB/s\n");
        for (size_t f = 0; f < l->n_footprints; f++) {
            printf("  %-14s", cli_bytes((double)l->footprints[f]));
            for (size_t i = 0; i < team->n_isas; i++) doubtful |= print_total(&team->isas[i].read[f]);
            printf("\n");
        }
        if (team->barrier > 0) printf("%-16s %10.0f ns\n", "barrier", 1e9 * team->barrier);
        printf("%-16s %10.1f ns\n%-16s %10.2f GHz\n", "timer", 1e9 * team->timer, "clock, about", 1e-9 * team->clock);
    }
    if (doubtful)
        printf("\n? unreliable: the threads never ran at the same time, or were no faster than one thread. Other "
               "processes "
               "are busy, or the threads share a core.\n");
}

static double or_null(double value) { return value > 0 ? value : NAN; }

static void json_isa(json *j, const limits *l, const isa_limits *isa)
{
    json_object(j, NULL);
    json_put(j, TEXT("isa", isa->isa), REAL("fma_gflops", 1e-9 * isa->fma.rate),
             BOOL("fma_doubtful", isa->fma.doubtful), REAL("vnni_gops", or_null(1e-9 * isa->dot.rate)),
             BOOL("vnni_doubtful", isa->dot.doubtful));
    json_array(j, "read");
    for (size_t f = 0; f < l->n_footprints; f++) {
        json_flat(j, NULL, INT("bytes", l->footprints[f]), REAL("gbps", 1e-9 * isa->read[f].rate),
                  BOOL("doubtful", isa->read[f].doubtful));
    }
    json_close(j);
    json_close(j);
}

static void print_json(const limits *l)
{
    json j = {0};
    json_array(&j, NULL);
    for (size_t t = 0; t < l->n_teams; t++) {
        const team_limits *const team = &l->teams[t];
        json_object(&j, NULL);
        json_put(&j, INT("threads", team->threads));
        json_array(&j, "isas");
        for (size_t i = 0; i < team->n_isas; i++) json_isa(&j, l, &team->isas[i]);
        json_close(&j);
        json_put(&j, REAL("barrier_ns", or_null(1e9 * team->barrier)), REAL("timer_ns", 1e9 * team->timer),
                 REAL("clock_ghz", 1e-9 * team->clock));
        json_close(&j);
    }
    json_end(&j);
}

int cli_limits(const cli_call *call)
{
    limits l = {.host.struct_size = sizeof l.host};
    const char *isas[MOST_ISAS];
    AUTO(context) *context = NULL;
    TRY(cli_context(call->threads, call->isa, &context));
    const size_t n_isas = usable_isas(context, isas);
    rnnp_context_host(context, &l.host);
    choose_footprints(&l);
    const size_t teams[MOST_TEAMS] = {1, call->threads == 1 ? l.host.budget : l.host.threads};
    l.n_teams = teams[1] > 1 ? 2 : 1;
    l.all = l.n_teams * (n_isas * (2 + l.n_footprints) + 3);
    l.burst = call->seconds / (double)l.all / BURSTS / 2; /* a burst takes about twice its length */
    for (size_t t = 0; t < l.n_teams; t++) {
        l.teams[t] = (team_limits){.threads = teams[t], .n_isas = n_isas};
        TRY(measure_team(&l, isas, t > 0 ? &l.teams[0] : NULL, &l.teams[t]));
    }
    cli_progress_end();
    (call->json ? print_json : print_text)(&l);
    return CLI_OK;
}
