/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack bench --limits: the best of many short bursts, for each ISA and for one thread and the whole CPU budget.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "json.h"
#include "rnnpack/limits.h"

enum { MOST_ISAS = 8, MOST_FOOTPRINTS = 24, MOST_TEAMS = 2, BURSTS = 9 };

/* NAN-free: 0 says that this machine has no such thing. */
typedef struct isa_limits {
    const char *isa;
    double fma, dot;
    double read[MOST_FOOTPRINTS];
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

typedef rnnp_status probe(rnnp_context *context, double seconds, double *result);

static void show(limits *l)
{
    cli_progress("limits", (double)++l->done, (double)l->all, "probes");
}

static rnnp_status burst(rnnp_context *context, double seconds, probe *measure, size_t bytes, double *result)
{
    return measure ? measure(context, seconds, result) : rnnp_limit_read(context, seconds, bytes, result);
}

/* The greatest of some bursts, or the least for times; 0 where unsupported. Without a probe, reading of `bytes`. */
static int best_of(limits *l, rnnp_context *context, probe *measure, size_t bytes, int least, double *best)
{
    show(l);
    *best = 0;
    for (int i = 0; i < BURSTS; i++) {
        double got = 0;
        const rnnp_status status = burst(context, l->burst, measure, bytes, &got);
        if (status == RNNP_ERR_UNSUPPORTED)
            return CLI_OK;
        if (status != RNNP_OK)
            return cli_fail_status(context, status);
        if (i == 0 || (least ? got < *best : got > *best))
            *best = got;
    }
    return CLI_OK;
}

static int measure_isa(limits *l, rnnp_context *context, isa_limits *r)
{
    int code = best_of(l, context, rnnp_limit_fma, 0, 0, &r->fma);
    if (code == CLI_OK)
        code = best_of(l, context, rnnp_limit_dot, 0, 0, &r->dot);
    for (size_t i = 0; code == CLI_OK && i < l->n_footprints; i++)
        code = best_of(l, context, NULL, l->footprints[i], 0, &r->read[i]);
    return code;
}

static int measure_team(limits *l, const char *const *isas, team_limits *r)
{
    int code = CLI_OK;
    for (size_t i = 0; code == CLI_OK && i < r->n_isas; i++) {
        rnnp_context *context = NULL;
        r->isas[i].isa = isas[i];
        code = cli_context(&(cli_host){.threads = r->threads, .isa = isas[i]}, &context);
        if (code == CLI_OK)
            code = measure_isa(l, context, &r->isas[i]);
        if (code == CLI_OK && i == 0) {
            code = best_of(l, context, rnnp_limit_barrier, 0, 1, &r->barrier);
            if (code == CLI_OK)
                code = best_of(l, context, rnnp_limit_timer, 0, 1, &r->timer);
            if (code == CLI_OK)
                code = best_of(l, context, rnnp_limit_clock, 0, 0, &r->clock);
        }
        rnnp_context_destroy(context);
    }
    return code;
}

/* The ISAs that this process may use, the highest first. */
static size_t usable_isas(const rnnp_context *context, const char *isas[MOST_ISAS])
{
    const char *rising[MOST_ISAS];
    size_t n = 0;
    rnnp_variant_info v;
    for (size_t i = 0; n < MOST_ISAS && rnnp_context_variant(context, i, &v); i++)
        if (v.usable && (n == 0 || strcmp(rising[n - 1], v.isa) != 0))
            rising[n++] = v.isa;
    for (size_t i = 0; i < n; i++)
        isas[i] = rising[n - 1 - i];
    return n;
}

/* 8 KiB to twice the last cache, each twice the one before, and 3/4 of L1 and of L2: inside a cache that is not empty. */
static void choose_footprints(limits *l)
{
    const size_t last = l->host.l3_bytes ? l->host.l3_bytes : l->host.l2_bytes, end = last ? 2 * last : (size_t)64 << 20;
    const size_t extra[] = {l->host.l1d_bytes / 4 * 3, l->host.l2_bytes / 4 * 3};
    for (size_t bytes = 8192; bytes <= end && l->n_footprints + 3 <= MOST_FOOTPRINTS; bytes *= 2) {
        l->footprints[l->n_footprints++] = bytes;
        for (size_t i = 0; i < sizeof extra / sizeof extra[0]; i++)
            if (extra[i] > bytes && extra[i] < 2 * bytes)
                l->footprints[l->n_footprints++] = extra[i];
    }
}

/* ---- Output ------------------------------------------------------------------------------------ */

static void print_text(const limits *l)
{
    char bytes[CLI_TEXT];
    printf("%-12s %s\n", "CPU", *l->host.brand ? l->host.brand : "unknown");
    for (size_t t = 0; t < l->n_teams; t++) {
        const team_limits *const team = &l->teams[t];
        printf("\n%zu thread%s\n%-16s", team->threads, team->threads == 1 ? "" : "s", "");
        for (size_t i = 0; i < team->n_isas; i++)
            printf(" %10s", team->isas[i].isa);
        printf("\n%-16s", "FMA GFLOP/s");
        for (size_t i = 0; i < team->n_isas; i++)
            printf(" %10.1f", 1e-9 * team->isas[i].fma);
        printf("\n%-16s", "int8 dot GOP/s");
        for (size_t i = 0; i < team->n_isas; i++)
            if (team->isas[i].dot > 0)
                printf(" %10.1f", 1e-9 * team->isas[i].dot);
            else
                printf(" %10s", "none");
        printf("\nread GB/s\n");
        for (size_t f = 0; f < l->n_footprints; f++) {
            printf("  %-14s", cli_bytes_text(bytes, sizeof bytes, (double)l->footprints[f]));
            for (size_t i = 0; i < team->n_isas; i++)
                printf(" %10.1f", 1e-9 * team->isas[i].read[f]);
            printf("\n");
        }
        if (team->barrier > 0)
            printf("%-16s %10.0f ns\n", "barrier", 1e9 * team->barrier);
        printf("%-16s %10.1f ns\n%-16s %10.2f GHz\n", "timer", 1e9 * team->timer, "clock, about", 1e-9 * team->clock);
    }
}

static void number_or_null(json *j, const char *key, double value)
{
    if (value > 0)
        json_number(j, key, value);
    else
        json_string(j, key, NULL);
}

static void print_json(const limits *l)
{
    json j = {0};
    json_array(&j, NULL);
    for (size_t t = 0; t < l->n_teams; t++) {
        const team_limits *const team = &l->teams[t];
        json_object(&j, NULL);
        json_size(&j, "threads", team->threads);
        json_array(&j, "isas");
        for (size_t i = 0; i < team->n_isas; i++) {
            json_object(&j, NULL);
            json_string(&j, "isa", team->isas[i].isa);
            json_number(&j, "fma_gflops", 1e-9 * team->isas[i].fma);
            number_or_null(&j, "vnni_gops", 1e-9 * team->isas[i].dot);
            json_array(&j, "read");
            for (size_t f = 0; f < l->n_footprints; f++) {
                json_object(&j, NULL);
                json_size(&j, "bytes", l->footprints[f]);
                json_number(&j, "gbps", 1e-9 * team->isas[i].read[f]);
                json_close(&j);
            }
            json_close(&j);
            json_close(&j);
        }
        json_close(&j);
        number_or_null(&j, "barrier_ns", 1e9 * team->barrier);
        json_number(&j, "timer_ns", 1e9 * team->timer);
        json_number(&j, "clock_ghz", 1e-9 * team->clock);
        json_close(&j);
    }
    json_close(&j);
}

int cli_limits(const cli_host *host, double seconds, int as_json)
{
    limits l = {.host.struct_size = sizeof l.host};
    rnnp_context *context = NULL;
    int code = cli_context(host, &context);
    if (code != CLI_OK)
        return code;
    const char *isas[MOST_ISAS];
    const size_t n_isas = usable_isas(context, isas);
    rnnp_context_host(context, &l.host);
    rnnp_context_destroy(context);

    choose_footprints(&l);
    const size_t teams[MOST_TEAMS] = {host->threads == 1 ? 1 : l.host.threads, l.host.budget};
    l.n_teams = host->threads == 1 && l.host.budget > 1 ? 2 : 1;
    l.all = l.n_teams * (n_isas * (2 + l.n_footprints) + 3);
    /* a burst takes about twice its length */
    l.burst = seconds / (double)l.all / BURSTS / 2;
    for (size_t t = 0; code == CLI_OK && t < l.n_teams; t++) {
        l.teams[t] = (team_limits){.threads = teams[t], .n_isas = n_isas};
        code = measure_team(&l, isas, &l.teams[t]);
    }
    cli_progress_end();
    if (code == CLI_OK)
        (as_json ? print_json : print_text)(&l);
    return code;
}
