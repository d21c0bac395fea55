/* SPDX-License-Identifier: Apache-2.0
 *
 * A context is created from what its host is and what its options allow, and tells about both.
 */
#define _DEFAULT_SOURCE /* posix_memalign, madvise */
#include "aligned.h"
#include "context.h"
#include "structs.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

const char *rnnp_version(void) { return RNNP_VERSION_TEXT; }

const char *rnnp_status_string(rnnp_status status)
{
    static const struct {
        rnnp_status status;
        const char *text;
    } texts[] = {
        {RNNP_OK, "success"},
        {RNNP_ERR_ARG, "bad argument"},
        {RNNP_ERR_SHAPE, "shapes do not fit"},
        {RNNP_ERR_TYPE, "type does not fit"},
        {RNNP_ERR_MEMORY, "out of memory"},
        {RNNP_ERR_UNSUPPORTED, "not supported"},
        {RNNP_ERR_FORMAT, "damaged or foreign file"},
        {RNNP_ERR_IO, "input or output failed"},
        {RNNP_ERR_STATE, "called at the wrong time"},
        {RNNP_ERR_LIMIT, "beyond a limit"},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].status == status) return texts[i].text;
    }
    return "unknown status";
}

size_t rnnp_feature_count(void) { return RNNP_FEATURE_COUNT; }

const char *rnnp_feature_name(size_t index) { return rnnp_cpu_feature_text(index); }

size_t rnnp_isa_count(void) { return RNNP_ISA_COUNT; }

const char *rnnp_isa_name(size_t index) { return index < RNNP_ISA_COUNT ? rnnp_isa_names[index] : NULL; }

/* ---- Memory ---- */

/* Large blocks begin on a huge page, and the system is asked to use huge pages for the whole ones in them: weights are
 * then read with few TLB misses, and the first touch of a plan costs one fault where it would cost 512. */
enum { HUGE_PAGE = 2 * 1024 * 1024, HUGE_FROM = 2 * HUGE_PAGE };

static void *default_alloc(void *user, size_t bytes, size_t align)
{
    const int large = bytes >= HUGE_FROM;
    void *p = NULL;

    (void)user;
    if (bytes <= PTRDIFF_MAX) p = rnnp_aligned_alloc(large && align < HUGE_PAGE ? HUGE_PAGE : align, bytes);
#ifdef MADV_HUGEPAGE
    if (p && large)
        (void)madvise(p, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* a wish: refusal changes nothing */
#endif
    return p;
}

static void default_free(void *user, void *p, size_t bytes)
{
    (void)user;
    (void)bytes;
    rnnp_aligned_free(p);
}

/* ---- Creation ---- */

/* Without a context the sentence goes to the log callback. */
static rnnp_status refuse(const rnnp_context_options *options, rnnp_status status, const char *format, ...)
    __attribute__((format(__printf__, 3, 4)));

static rnnp_status refuse(const rnnp_context_options *options, rnnp_status status, const char *format, ...)
{
    char text[RNNP_ERROR_CHARS];
    va_list args;

    if (options->log) {
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        options->log(options->log_user, RNNP_LOG_WARNING, text);
    }
    return status;
}

/* Fills in *o from the caller's options, which may be NULL or of an older, shorter layout. */
enum { MAX_THREADS = 4096 }; /* bounds what scratch per thread can add up to */

static rnnp_status read_options(const rnnp_context_options *given, rnnp_context_options *o)
{
    char reason[RNNP_STRUCT_REASON];

    if (given) {
        const rnnp_struct_fit fit = rnnp_struct_fits("rnnp_context_options", given, sizeof *o, reason);

        if (fit == RNNP_STRUCT_UNKNOWN_FIELD) return refuse(given, RNNP_ERR_ARG, "%s", reason);
        if (fit != RNNP_STRUCT_FITS) return RNNP_ERR_ARG; /* the log is no better known than the size */
    }
    RNNP_STRUCT_READ(NULL, rnnp_context_options, given, o);
    if (!o->allocator.alloc != !o->allocator.free)
        return refuse(o, RNNP_ERR_ARG, "allocator has %s but no %s", o->allocator.alloc ? "alloc" : "free",
                      o->allocator.alloc ? "free" : "alloc");
    if (!o->allocator.alloc) o->allocator = (rnnp_allocator){NULL, default_alloc, default_free};
    if (o->parallel.run && (o->parallel.threads == 0 || o->parallel.threads > MAX_THREADS))
        return refuse(o, RNNP_ERR_ARG, "parallel.run is given but parallel.threads is %zu", o->parallel.threads);
    if (o->threads > MAX_THREADS && o->threads != RNNP_ALL_CPUS)
        return refuse(o, RNNP_ERR_ARG, "threads=%zu is above %d", o->threads, MAX_THREADS);
    return RNNP_OK;
}

/* Lowers *max_rank to the rank of a named ISA. */
static rnnp_status lower_cap(const rnnp_context_options *o, const char *source, const char *name, int *max_rank,
                             const char **capped_by)
{
    if (!name || !*name) return RNNP_OK;

    const int rank = rnnp_isa_rank(name);
    if (rank < 0)
        return refuse(o, RNNP_ERR_ARG, "%s names the unknown ISA \"%.64s\"; there are %s", source, name, rnnp_isa_list);
    if (rank < *max_rank) {
        *max_rank = rank;
        *capped_by = source;
    }
    return RNNP_OK;
}

/* Chooses the kernels under the caps of options and environment. */
static rnnp_status choose(const rnnp_context_options *o, rnnp_context *c)
{
    static const char variable[] = "RNNPACK_MAX_ISA", option[] = "max_isa";
    const char *capped_by = NULL;
    rnnp_selection uncapped;

    c->max_rank = INT_MAX;
    rnnp_status status = lower_cap(o, option, o->max_isa, &c->max_rank, &capped_by);
    if (status == RNNP_OK) status = lower_cap(o, variable, getenv(variable), &c->max_rank, &capped_by);
    if (status != RNNP_OK) return status;

    rnnp_select(c->cpu.features, INT_MAX, &uncapped);
    rnnp_select(c->cpu.features, c->max_rank, &c->selection);
    rnnp_select_machine(&c->cpu, NULL, &c->selection);
    if (c->selection.isa == uncapped.isa)
        c->isa_reason = "highest the CPU supports";
    else
        c->isa_reason = capped_by == variable ? "capped by RNNPACK_MAX_ISA" : "capped by max_isa";
    return RNNP_OK;
}

static rnnp_status start_team(const rnnp_context_options *o, rnnp_context *c)
{
    const rnnp_parallel *host = o->parallel.run ? &o->parallel : NULL;
    const size_t budget = c->topology.budget;
    const size_t threads = host ? host->threads : o->threads == RNNP_ALL_CPUS ? budget : o->threads ? o->threads : 1;

    if (threads == 1) return RNNP_OK;

    const rnnp_status status = rnnp_team_create(&c->allocator, threads, budget, host, &c->team);
    if (status != RNNP_OK)
        return refuse(o, status, "cannot start a team of %zu threads: %s", threads,
                      status == RNNP_ERR_IO ? "the system refuses to start another thread" : "out of memory");
    return RNNP_OK;
}

static const rnnp_context_calls calls = {
    .version = RNNP_VERSION_TEXT,
    .fail = rnnp_fail,
    .alloc = rnnp_alloc,
    .free = rnnp_free,
    .struct_read = rnnp_struct_read,
    .struct_write = rnnp_struct_write,
};

rnnp_status rnnp_context_create(const rnnp_context_options *options, rnnp_context **context)
{
    rnnp_context_options o;

    if (!context) return RNNP_ERR_ARG;
    *context = NULL;

    rnnp_status status = read_options(options, &o);
    if (status != RNNP_OK) return status;

    rnnp_context *c = o.allocator.alloc(o.allocator.user, sizeof *c, RNNP_BLOCK_ALIGN);
    if (!c) return refuse(&o, RNNP_ERR_MEMORY, "cannot allocate %zu bytes", sizeof *c);
    memset(c, 0, sizeof *c);
    c->calls = &calls;
    c->allocator = o.allocator;
    c->log = o.log;
    c->log_user = o.log_user;
    rnnp_errors_init(&c->errors);
    rnnp_cpu_read(&c->cpu);
    rnnp_topology_read(&c->cpu, &c->topology);

    status = choose(&o, c);
    if (status == RNNP_OK) status = start_team(&o, c);
    if (status != RNNP_OK) {
        rnnp_context_destroy(c);
        return status;
    }
    *context = c;
    return RNNP_OK;
}

void rnnp_context_destroy(rnnp_context *context)
{
    if (!context) return;
    rnnp_team_destroy(context->team);
    rnnp_errors_end(&context->errors);
    rnnp_free(context, context, sizeof *context);
}

/* ---- What was found and chosen ---- */

rnnp_status rnnp_context_host(const rnnp_context *context, rnnp_host_info *info)
{
    if (!context) return RNNP_ERR_ARG;

    const rnnp_cpu *cpu = &context->cpu;
    rnnp_host_info full = {
        .family = cpu->family,
        .model = cpu->model,
        .stepping = cpu->stepping,
        .features = cpu->features,
        .l1d_bytes = cpu->l1d_bytes,
        .l2_bytes = cpu->l2_bytes,
        .l3_bytes = cpu->l3_bytes,
        .line_bytes = cpu->line_bytes,
        .l2_sharers = cpu->l2_sharers,
        .l3_sharers = cpu->l3_sharers,
        .cores = context->topology.cores,
        .cpus = context->topology.cpus,
        .budget = context->topology.budget,
        .isa = rnnp_isa_names[context->selection.isa],
        .isa_reason = context->isa_reason,
        .topology = context->topology.source,
        .threads = rnnp_team_threads(context->team),
    };
    memcpy(full.vendor, cpu->vendor, sizeof full.vendor);
    memcpy(full.brand, cpu->brand, sizeof full.brand);
    return RNNP_STRUCT_WRITE(context, rnnp_host_info, &full, info);
}

size_t rnnp_context_variant_count(const rnnp_context *context)
{
    size_t n = 0;

    for (size_t isa = 0; context && isa < RNNP_ISA_COUNT; isa++) n += rnnp_tables[isa]->count;
    return n;
}

rnnp_status rnnp_context_variant_info(const rnnp_context *context, size_t index, rnnp_variant_info *info)
{
    if (!context) return RNNP_ERR_ARG;
    for (size_t isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        const rnnp_variant_list *list = rnnp_tables[isa];

        if (index < list->count) {
            const rnnp_variant *row = &list->rows[index];

            const rnnp_variant_info full = {
                .op = rnnp_op_names[row->op],
                .name = row->name,
                .isa = rnnp_isa_names[isa],
                .usable = rnnp_variant_usable(row, context->cpu.features, context->max_rank),
                .chosen = context->selection.op[row->op] == row,
            };
            return RNNP_STRUCT_WRITE(context, rnnp_variant_info, &full, info);
        }
        index -= list->count;
    }
    return RNNP_ERR_ARG;
}
