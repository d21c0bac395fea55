/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "group.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef _WIN32
int cli_group_open(const cli_call *call, cli_group *g)
{
    (void)g;
    return call->mpi ? cli_fail("--mpi: there is no librnnpack-mpi for Windows") : CLI_OK;
}
#else
#include <dlfcn.h>
#include <unistd.h>

/* ---- Beginning --------------------------------------------------------------------------------- */

#define TEXT_OF(x) #x
#define LIBRARY(major, minor) "librnnpack-mpi.so." TEXT_OF(major) "." TEXT_OF(minor)

/* Functions as data: what POSIX asks of dlsym. */
static int find(const cli_group *g, const char *name, void *function)
{
    void *found = dlsym(g->library, name);
    memcpy(function, &found, sizeof found);
    return found ? CLI_OK : cli_fail("--mpi: %s", dlerror());
}

static int load(const cli_call *call, cli_group *g)
{
    const char *const name = LIBRARY(RNNP_VERSION_MAJOR, RNNP_VERSION_MINOR);
    const rnnp_mpi_options options = {.struct_size = sizeof options, .timeout = call->mpi_timeout};
    rnnp_status (*create)(const rnnp_context *, const rnnp_mpi_options *, rnnp_mpi **);
    rnnp_status (*peers)(rnnp_mpi *, rnnp_peers *);
    if (!(call->mpi_timeout > 0)) return cli_misuse("--mpi-timeout needs a number of seconds above 0");
    g->library = dlopen(name, RTLD_NOW | RTLD_GLOBAL); /* global: MPI's own plug-ins look for its symbols */
    if (!g->library)
        return cli_fail("--mpi needs the library librnnpack-mpi (Debian: librnnpack-mpi%d.%d): %s", RNNP_VERSION_MAJOR,
                        RNNP_VERSION_MINOR, dlerror());
    TRY(find(g, "rnnp_mpi_create", &create));
    TRY(find(g, "rnnp_mpi_peers", &peers));
    TRY(find(g, "rnnp_mpi_count", &g->count));
    TRY(find(g, "rnnp_mpi_destroy", &g->destroy));
    TRY(cli_context(1, call->isa, &g->context));
    TRY(cli_status(g->context, create(g->context, &options, &g->mpi)));
    g->peers.struct_size = sizeof g->peers;
    return cli_status(g->context, peers(g->mpi, &g->peers));
}

/* The first thing that ranks say: of one size in all versions. */
typedef struct greeting {
    char version[GROUP_NAME], host[GROUP_NAME];
} greeting;

static int greet(cli_group *g)
{
    const size_t n = g->peers.ranks;
    FREED greeting *all = cli_alloc(n, sizeof *all);
    greeting *own = &all[g->peers.rank];
    snprintf(own->version, sizeof own->version, "%s", rnnp_version());
    gethostname(own->host, sizeof own->host - 1);
    TRY(cli_group_gather(g, sizeof *all, all));
    g->hosts = cli_alloc(n, sizeof *g->hosts);
    for (size_t i = 0; i < n; i++) {
        memcpy(g->hosts[i], all[i].host, GROUP_NAME);
        if (memcmp(all[i].version, all[0].version, GROUP_NAME) == 0) continue;
        g->ends_together = 1;
        return g->peers.rank == 0 ? cli_fail("--mpi: rank %zu (%.60s) has version %.60s, rank 0 (%.60s) has %.60s", i,
                                             all[i].host, all[i].version, all[0].host, all[0].version)
                                  : CLI_FAILED;
    }
    return CLI_OK;
}

int cli_group_open(const cli_call *call, cli_group *g)
{
    if (!call->mpi) return CLI_OK;
    TRY(load(call, g));
    if (g->peers.rank > 0) {
        cli_rank = g->peers.rank;
        if (!g->all_print && !freopen("/dev/null", "w", stdout)) return cli_fail("/dev/null cannot be opened");
    }
    return greet(g);
}
#endif

int cli_group_close(cli_group *g, int code)
{
    const int alone = code != CLI_OK && !g->ends_together;
    if (g->mpi && !alone) {
        fflush(stdout);
        g->destroy(g->mpi); /* waits for all ranks */
        rnnp_context_destroy(g->context);
    }
    cli_release(1);
    /* mpirun ends the others as soon as this one is gone: first they say what they know. */
    if (g->silence) nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    free(g->hosts);
    return code;
}

/* ---- Together ---------------------------------------------------------------------------------- */

int cli_group_leads(const cli_group *g) { return !g || g->peers.rank == 0; }

void cli_group_part(cli_group *g)
{
    if (g) cli_hold();
}

int cli_group_settle(cli_group *g, int code)
{
    size_t first = 0;
    if (!g || g->ends_together || g->silence) return code;
    FREED int *codes = cli_alloc(g->peers.ranks, sizeof *codes);
    codes[g->peers.rank] = code;
    TRY(cli_group_gather(g, sizeof *codes, codes));
    while (first < g->peers.ranks && codes[first] == CLI_OK) first++;
    cli_release(first == g->peers.ranks || first == g->peers.rank);
    if (first == g->peers.ranks) return CLI_OK;
    g->ends_together = 1;
    return codes[first];
}

int cli_group_agree(cli_group *g, const cli_claim *claims, size_t n)
{
    if (!g || n == 0) return CLI_OK;
    FREED uint64_t *all = cli_alloc(g->peers.ranks * n, sizeof *all);
    for (size_t i = 0; i < n; i++) all[g->peers.rank * n + i] = claims[i].value;
    TRY(cli_group_gather(g, n * sizeof *all, all));
    for (size_t k = 1; k < g->peers.ranks; k++)
        for (size_t i = 0; i < n; i++) {
            if (all[k * n + i] == all[i]) continue;
            g->ends_together = 1;
            return g->peers.rank == 0 ? cli_fail("rank %zu (%.60s) has another %s than rank 0 (%.60s)", k, g->hosts[k],
                                                 claims[i].what, g->hosts[0])
                                      : CLI_FAILED;
        }
    return CLI_OK;
}

int cli_group_says(cli_group *g, rnnp_status status)
{
    if (!g) return 1;
    if (status == RNNP_ERR_IO) return g->silence = 1;
    g->ends_together = 1;
    return g->peers.rank == 0;
}

/* ---- What it costs ----------------------------------------------------------------------------- */

void cli_group_step_begin(cli_group *g)
{
    if (!g) return;
    g->start_counts.struct_size = sizeof g->start_counts;
    g->count(g->mpi, &g->start_counts);
    g->start = cli_clock();
}

void cli_group_step_end(cli_group *g)
{
    rnnp_mpi_counts now = {.struct_size = sizeof now};
    if (!g) return;
    g->step_seconds += cli_clock() - g->start;
    g->count(g->mpi, &now);
    g->step_counts.sent_bytes += now.sent_bytes - g->start_counts.sent_bytes;
    g->step_counts.sent_messages += now.sent_messages - g->start_counts.sent_messages;
    g->step_counts.seconds += now.seconds - g->start_counts.seconds;
    g->steps++;
}

int cli_group_report(cli_group *g)
{
    typedef struct cost {
        double bytes, messages, seconds, waited;
    } cost;
    cost most = {0};
    double least = 0;
    if (!g || !g->steps) return CLI_OK;
    FREED cost *all = cli_alloc(g->peers.ranks, sizeof *all);
    const double n = (double)g->steps;
    all[g->peers.rank] = (cost){(double)g->step_counts.sent_bytes / n, (double)g->step_counts.sent_messages / n,
                                g->step_seconds / n, g->step_counts.seconds / n};
    TRY(cli_group_gather(g, sizeof *all, all));
    for (size_t k = 0; k < g->peers.ranks; k++) {
        if (all[k].bytes > most.bytes) most.bytes = all[k].bytes;
        if (all[k].messages > most.messages) most.messages = all[k].messages;
        if (all[k].seconds > most.seconds) most.seconds = all[k].seconds;
        if (all[k].waited > most.waited) most.waited = all[k].waited;
        if (k == 0 || all[k].waited < least) least = all[k].waited;
    }
    printf("%zu rank%s, %llu steps of %.2f ms, of which messages and waiting %.2f to %.2f ms; a rank sends up to %s in "
           "%.0f messages a step\n",
           g->peers.ranks, g->peers.ranks == 1 ? "" : "s", (unsigned long long)g->steps, 1e3 * most.seconds,
           1e3 * least, 1e3 * most.waited, cli_bytes(most.bytes), most.messages);
    return CLI_OK;
}
