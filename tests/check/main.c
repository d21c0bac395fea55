/* SPDX-License-Identifier: Apache-2.0
 *
 * check [--list] [--isa NAME] [--only GLOB] [--require ISA] [--cases N] [--seed N] [--case SEED]: see print_usage().
 */
#include "check.h"

#include "dispatch/dispatch.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_SKIPPED = 77, SHOWN_FAILURES = 5 };

typedef struct options {
    uint64_t seed, only_case;
    size_t cases;
    int max_rank;
    const char *only, *require;
} options;

typedef struct tally {
    size_t variants, cases, skipped, failed;
} tally;

/* ---- Results ---- */

/* A matrix that a call has written, dense; only columns [from, to) when it was asked for some panels. */
typedef struct part {
    size_t rows, cols, from, to;
    float *v;
} part;

typedef struct result {
    part parts[SLOTS];
    int count;
} result;

static void collect(const memory *m, arena *a, result *out)
{
    out->count = 0;
    for (size_t i = 0; i < m->used; i++) {
        const slot *s = &m->slots[i];
        if (s->use != OUTPUT && s->use != INOUT) continue;
        part *p = &out->parts[out->count++];
        *p = (part){s->rows, s->cols, s->from, s->to, arena_floats(a, s->rows * s->cols)};
        for (size_t r = 0; r < s->rows; r++)
            memcpy(p->v + r * s->cols, s->p + r * s->ld * s->width, s->cols * s->width);
    }
}

static uint32_t canonical(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return v != v ? 0x7fc00000u : bits;
}

/* The first element of `got` that is not the reference's, as text; 0 if there is none. */
static int differs(const result *got, const result *reference, char *text, size_t size)
{
    for (int k = 0; k < got->count; k++) {
        const part *g = &got->parts[k], *e = &reference->parts[k];
        for (size_t r = 0; r < g->rows; r++)
            for (size_t c = g->from; c < g->to; c++) {
                const float a = g->v[r * g->cols + c], b = e->v[r * g->cols + c];
                if (canonical(a) == canonical(b)) continue;
                snprintf(text, size, "output %d[%zu][%zu] = %a, generic %a", k, r, c, (double)a, (double)b);
                return 1;
            }
    }
    return 0;
}

static int misses(const result *got, const ball *truth, char *text, size_t size)
{
    for (int k = 0; k < got->count; k++) {
        const part *g = &got->parts[k];
        for (size_t i = 0; i < g->rows * g->cols; i++, truth++) {
            if (ball_holds(*truth, g->v[i])) continue;
            snprintf(text, size, "output %d[%zu][%zu] = %a, true %a within %.3g", k, i / g->cols, i % g->cols,
                     (double)g->v[i], truth->v, truth->e == BITS ? 0 : truth->e);
            return 1;
        }
    }
    return 0;
}

/* ---- Running ---- */

typedef struct subject {
    const rnnp_variant *variant;
    int run;
    size_t cases, failures;
} subject;

typedef struct bench {
    const options *options;
    uint64_t features;
    arena arena;
    memory memory;
} bench;

static void fail(subject *s, const check_class *class, const void *problem, uint64_t seed, const char *what)
{
    char shape[DESCRIPTION];
    class->describe(problem, shape);
    if (s->failures++ < SHOWN_FAILURES) {
        printf("FAILED %s/%s/0x%" PRIx64 ": %s\n", s->variant->name, shape, seed, what);
        fflush(stdout);
    }
}

typedef struct call {
    const rnnp_variant *variant;
    const void *args;
} call;

static void go(const void *arg)
{
    const call *c = arg;
    switch (c->variant->op) {
#define RNNP_OP(op, args_, source)  \
    case RNNP_OP_##op:              \
        c->variant->fn.op(c->args); \
        break;
#include "kernels/ops.def"
#undef RNNP_OP
    case RNNP_OP_COUNT: break;
    }
}

static const char *run(bench *b, const check_class *class, const void *problem, const rnnp_variant *v, int whole,
                       placement where, size_t offset, result *out)
{
    memory_reset(&b->memory, where, offset);
    const call c = {v, class->place(problem, v, whole, &b->arena, &b->memory)};
    const char *wrong = memory_call(&b->memory, go, &c);
    collect(&b->memory, &b->arena, out);
    return wrong;
}

/* One problem: the generic row whole, against the oracle; then each subject at both ends of its pages. */
static void check_case(bench *b, kernel_kind of, uint64_t seed, subject *subjects, size_t count)
{
    const check_class *class = check_classes[of.op];
    char text[256];
    rng r = {.state = seed};
    arena_reset(&b->arena);
    const void *problem = class->prepare(of, &b->arena, &r);
    const size_t offset = rng_in(&r, 0, 15);
    result reference, got;
    const char *wrong = run(b, class, problem, subjects[0].variant, 1, AT_END, 0, &reference);
    size_t n = 0;
    for (int k = 0; k < reference.count; k++) n += reference.parts[k].rows * reference.parts[k].cols;
    ball *truth = arena_take(&b->arena, n * sizeof *truth);
    class->oracle(problem, truth);
    if (!wrong && misses(&reference, truth, text, sizeof text)) wrong = text;
    if (wrong) fail(&subjects[0], class, problem, seed, wrong);

    const size_t mark = b->arena.used;
    for (size_t i = 0; i < count; i++) {
        if (!subjects[i].run) continue;
        subjects[i].cases++;
        for (placement where = AT_END; where <= AT_BEGIN; where++) {
            b->arena.used = mark;
            wrong = run(b, class, problem, subjects[i].variant, 0, where, offset, &got);
            if (!wrong && differs(&got, &reference, text, sizeof text)) wrong = text;
            if (wrong) {
                fail(&subjects[i], class, problem, seed, wrong);
                break;
            }
        }
    }
}

static void print_lacking(const rnnp_variant *v, uint64_t features)
{
    static const uint64_t needs[RNNP_ISA_COUNT] = {
#define RNNP_ISA(name, arch, rank, needs, flags) needs,
#include "kernels/isa.def"
#undef RNNP_ISA
    };
    const uint64_t lacking = (needs[v->isa] | v->needs) & ~features;
    printf("skipped: %s: ", v->name);
    if (!lacking)
        printf("above the cap\n");
    else
        printf("CPU lacks");
    for (size_t bit = 0, first = 1; lacking && bit < RNNP_FEATURE_COUNT; bit++)
        if (lacking >> bit & 1) {
            printf("%s %s", first ? "" : ",", rnnp_cpu_feature_text(bit));
            first = 0;
        }
    if (lacking) printf("\n");
}

static void check_op(bench *b, rnnp_op op, rnnp_format format, tally *total)
{
    const options *o = b->options;
    const rnnp_variant *rows[MOST_VARIANTS];
    subject subjects[MOST_VARIANTS];
    const size_t count = rows_of(op, format, rows);
    size_t wanted = 0;
    for (size_t i = 0; i < count; i++) {
        subjects[i] = (subject){.variant = rows[i]};
        if (o->only && fnmatch(o->only, rows[i]->name, 0) != 0) continue;
        subjects[i].run = rnnp_variant_usable(rows[i], b->features, o->max_rank);
        wanted += (size_t)subjects[i].run;
        if (subjects[i].run) continue;
        print_lacking(rows[i], b->features);
        total->skipped++;
        if (o->require && strcmp(o->require, rnnp_isa_names[rows[i]->isa]) == 0)
            total->failed += complain(rows[i]->name, "was required");
    }
    if (wanted == 0 || count == 0 || rows[0]->isa != RNNP_ISA_generic) return;

    for (size_t i = 0; i < o->cases; i++) {
        rng seed = {.state = hash_text(o->seed + i * UINT64_C(0x9e3779b97f4a7c15), rnnp_op_names[op])};
        check_case(b, (kernel_kind){op, format}, o->only_case ? o->only_case : rng_next(&seed), subjects, count);
    }
    for (size_t i = 0; i < count; i++) {
        const subject *s = &subjects[i];
        if (s->failures > SHOWN_FAILURES) printf("FAILED %s: %zu failures in all\n", s->variant->name, s->failures);
        total->failed += s->failures > 0;
        total->cases += s->cases;
        total->variants += (size_t)s->run;
        if (s->run && s->failures == 0) printf("ok %s (%zu cases)\n", s->variant->name, s->cases);
    }
    fflush(stdout);
}

static int print_usage(void)
{
    fprintf(stderr,
            "usage: check [--list] [--isa NAME] [--only GLOB] [--require ISA] [--cases N] [--seed N] [--case SEED]\n"
            "Compares every kernel variant with the generic one bit for bit, and that one with a double oracle.\n"
            "  --list         the variants and whether this CPU runs them\n"
            "  --isa NAME     none above this ISA\n"
            "  --only GLOB    variants of this name only; their inputs stay the same\n"
            "  --require ISA  a skipped variant of this ISA is a failure\n"
            "  --cases N      problems per op (200)\n"
            "  --seed N       other problems\n"
            "  --case SEED    the one problem with this seed, as a failure prints it\n");
    return 2;
}

static int read_number(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == '\0';
}

static void list(uint64_t features, const options *o)
{
    for (size_t isa = 0; isa < RNNP_ISA_COUNT; isa++)
        for (size_t i = 0; i < rnnp_tables[isa]->count; i++) {
            const rnnp_variant *v = &rnnp_tables[isa]->rows[i];
            if (o->only && fnmatch(o->only, v->name, 0) != 0) continue;
            printf("%s%s\n", v->name, rnnp_variant_usable(v, features, o->max_rank) ? "" : " (not on this CPU)");
        }
}

int main(int argc, char **argv)
{
    options o = {.seed = 1, .cases = 200, .max_rank = INT_MAX};
    int listing = 0;
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        uint64_t number = 0;
        if (strcmp(option, "--list") == 0) {
            listing = 1;
            continue;
        }
        if (!value) return print_usage();
        i++;
        if (strcmp(option, "--only") == 0)
            o.only = value;
        else if (strcmp(option, "--require") == 0)
            o.require = value;
        else if (strcmp(option, "--isa") == 0)
            o.max_rank = rnnp_isa_rank(value);
        else if (strcmp(option, "--cases") == 0 && read_number(value, &number))
            o.cases = (size_t)number;
        else if (strcmp(option, "--seed") == 0 && read_number(value, &number))
            o.seed = number;
        else if (strcmp(option, "--case") == 0 && read_number(value, &o.only_case))
            o.cases = 1;
        else
            return print_usage();
    }
    if (o.max_rank < 0 || (o.require && rnnp_isa_rank(o.require) < 0)) return print_usage();

    rnnp_cpu cpu;
    rnnp_cpu_read(&cpu);
    if (listing) {
        list(cpu.features, &o);
        return 0;
    }
    bench b = {.options = &o, .features = cpu.features};
    if (!arena_open(&b.arena) || !memory_open(&b.memory)) {
        perror("check");
        return 2;
    }
    printf("seed %" PRIu64 ", %zu cases per op\n", o.seed, o.cases);
    tally total = {.failed = check_table()};
    const char *wrong = check_pack(&b.arena, &b.memory);
    if (wrong) total.failed += complain("rnnp_panels_pack", wrong);
    wrong = check_probes(b.features, o.max_rank, &b.arena, &b.memory);
    if (wrong) total.failed += complain("a probe", wrong);
    for (size_t op = 0; op < RNNP_OP_COUNT; op++)
        for (size_t format = 0; format < RNNP_FORMAT_COUNT; format++)
            check_op(&b, (rnnp_op)op, (rnnp_format)format, &total);
    printf("%zu variants, %zu cases, %zu skipped, %zu failed\n", total.variants, total.cases, total.skipped,
           total.failed);
    arena_close(&b.arena);
    if (total.failed) return 1;
    return total.variants == 0 ? EXIT_SKIPPED : 0;
}
