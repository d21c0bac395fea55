/* SPDX-License-Identifier: Apache-2.0
 *
 * The sweep: how large the errors of the functions with classes are, class by class, over all floats or a sample of
 * them.
 * Errors are measured on one instruction set; that the others share them is shown by comparing their bits.
 */
#include "inputs.h"
#include "subjects.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { EXIT_USAGE = 2, EXIT_SKIPPED = 77, MOST_THREADS = 256 };

/* ---- Findings ---- */

typedef struct peak {
    double error;
    float x;
} peak;

typedef struct tally {
    uint64_t count;
    float x; /* where, once */
} tally;

typedef struct findings {
    uint64_t numbers, rounded, steps_back;
    peak worst[METRIC_COUNT];
    tally nan_wrong, not_odd, unequal[MOST_OTHERS];
} findings;

typedef struct notes {
    findings ours[SUBJECTS], opinion[SUBJECTS]; /* unequal of an opinion: [0] from ours, others from its first form */
    double seconds[KIND_COUNT];                 /* of CPU time */
} notes;

typedef struct sweep {
    const arithmetic *math;
    subject subjects[SUBJECTS];
    run_list list;
    atomic_size_t next;
} sweep;

typedef struct worker {
    pthread_t thread;
    sweep *sweep;
    notes notes;
} worker;

static void add_tally(tally *t, size_t count, float x)
{
    if (t->count == 0) t->x = x;
    t->count += count;
}

/* A greater error, or as great a one nearer to zero, the positive one of two: where many inputs share the largest
 * error, the choice should not depend on the order of the threads. */
static int worse(peak a, peak b)
{
    if (fabs(a.error - b.error) > 1e-9 * b.error) return a.error > b.error;
    return fabsf(a.x) < fabsf(b.x) || (fabsf(a.x) == fabsf(b.x) && a.x > b.x);
}

static void add_findings(findings *sum, const findings *f)
{
    sum->numbers += f->numbers;
    sum->rounded += f->rounded;
    sum->steps_back += f->steps_back;
    for (size_t m = 0; m < METRIC_COUNT; m++)
        if (worse(f->worst[m], sum->worst[m])) sum->worst[m] = f->worst[m];
    if (f->nan_wrong.count) add_tally(&sum->nan_wrong, f->nan_wrong.count, f->nan_wrong.x);
    if (f->not_odd.count) add_tally(&sum->not_odd, f->not_odd.count, f->not_odd.x);
    for (size_t i = 0; i < MOST_OTHERS; i++)
        if (f->unequal[i].count) add_tally(&sum->unequal[i], f->unequal[i].count, f->unequal[i].x);
}

/* ---- One block ---- */

static double seconds_on(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Doubles only nominate: what counts is the long double error of the block's worst input. */
static void record(findings *f, const arithmetic *math, kind k, const float *x, const float *y, const double *truth,
                   size_t n)
{
    const block_facts block = math->measure(y, truth, n);
    f->numbers += block.numbers;
    f->rounded += block.rounded;
    for (size_t m = 0; m < METRIC_COUNT; m++) {
        if (block.worst.of[m] <= f->worst[m].error * (1 + 1e-9)) continue;
        size_t at = 0;
        while (at + 1 < n && errors_between((double)y[at], truth[at]).of[m] < block.worst.of[m]) at++;
        const double error = exact_errors(k, x[at], (double)y[at]).of[m];
        if (error > f->worst[m].error) f->worst[m] = (peak){error, x[at]};
    }
    if (block.nan_wrong) {
        size_t at = 0;
        while (at + 1 < n && isnan(y[at]) == isnan(truth[at])) at++;
        add_tally(&f->nan_wrong, block.nan_wrong, x[at]);
    }
}

static void compare(tally *t, const arithmetic *math, const float *x, const float *a, const float *b, uint32_t flip,
                    size_t n)
{
    const size_t count = math->unequal(a, b, flip, n);
    size_t at = 0;
    if (count == 0) return;
    while (at + 1 < n && !math->unequal(&a[at], &b[at], flip, 1)) at++;
    add_tally(t, count, x[at]);
}

typedef struct buffers {
    float x[BLOCK], minus_x[BLOCK], other[BLOCK], form[BLOCK];
    float y[SUBJECTS][1 + BLOCK]; /* one in front: the result before the block */
    double truth[BLOCK];
} buffers;

static void fill(float *x, uint32_t first, uint32_t step, uint32_t flip, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = (first + (uint32_t)i * step) ^ flip;
        memcpy(&x[i], &bits, sizeof bits);
    }
}

static void sweep_subject(const sweep *s, size_t index, const run *r, size_t n, int has_previous, buffers *b,
                          notes *out)
{
    const subject *it = &s->subjects[index];
    findings *f = &out->ours[index];
    const int negative = r->first >> 31 != 0;
    float *y = b->y[index] + 1;

    subject_run(it->measured, b->x, y, n);
    record(f, s->math, r->kind, b->x, y, b->truth, n);
    f->steps_back += s->math->steps_back(y - has_previous, negative, n + (size_t)has_previous);
    y[-1] = y[n - 1];
    for (size_t i = 0; i < it->other_count; i++) {
        subject_run(it->others[i], b->x, b->other, n);
        compare(&f->unequal[i], s->math, b->x, y, b->other, 0, n);
    }
    if (r->kind == KIND_TANH && !negative) {
        subject_run(it->measured, b->minus_x, b->other, n);
        compare(&f->not_odd, s->math, b->x, y, b->other, 0x80000000u, n);
    }
    for (size_t i = 0; i < it->opinion_count; i++) {
        findings *o = &out->opinion[index];
        it->opinions[i]->of[r->kind](b->x, i ? b->form : b->other, (n + 15) / 16 * 16);
        if (i == 0) record(o, s->math, r->kind, b->x, b->other, b->truth, n);
        compare(&o->unequal[i], s->math, b->x, i ? b->form : y, b->other, 0, n);
    }
}

static void sweep_run(const sweep *s, const run *r, buffers *b, notes *out)
{
    int has_previous = (r->first & 0x7fffffff) >= r->step;

    fill(b->x, r->first - r->step, 1, 0, 1);
    for (size_t i = 0; has_previous && i < SUBJECTS; i++)
        if (s->subjects[i].measured && promises[i].kind == r->kind)
            subject_run(s->subjects[i].measured, b->x, b->y[i], 1);
    for (uint32_t done = 0; done < r->count;) {
        const uint32_t left = r->count - done, n = left < BLOCK ? left : BLOCK, first = r->first + done * r->step;
        fill(b->x, first, r->step, 0, n);
        if (r->kind == KIND_TANH) fill(b->minus_x, first, r->step, 0x80000000u, n);
        s->math->reference(r->kind, b->x, b->truth, n);
        for (size_t i = 0; i < SUBJECTS; i++)
            if (s->subjects[i].measured && promises[i].kind == r->kind) sweep_subject(s, i, r, n, has_previous, b, out);
        has_previous = 1;
        done += n;
    }
}

static void *work(void *argument)
{
    worker *w = argument;
    sweep *s = w->sweep;
    buffers *b = calloc(1, sizeof *b);
    if (!b) {
        perror("sweep");
        exit(EXIT_USAGE);
    }
    for (size_t i; (i = atomic_fetch_add(&s->next, 1)) < s->list.count;) {
        const run *r = &s->list.runs[i];
        const double start = seconds_on(CLOCK_THREAD_CPUTIME_ID);
        sweep_run(s, r, b, &w->notes);
        w->notes.seconds[r->kind] += seconds_on(CLOCK_THREAD_CPUTIME_ID) - start;
    }
    free(b);
    return NULL;
}

static void sweep_all(sweep *s, worker *workers, size_t threads, notes *sum)
{
    size_t started = 1;
    for (size_t i = 0; i < threads; i++) workers[i].sweep = s;
    while (started < threads && pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0) started++;
    work(&workers[0]);
    for (size_t i = 1; i < started; i++) pthread_join(workers[i].thread, NULL);
    for (size_t i = 0; i < started; i++) {
        for (size_t k = 0; k < SUBJECTS; k++) {
            add_findings(&sum->ours[k], &workers[i].notes.ours[k]);
            add_findings(&sum->opinion[k], &workers[i].notes.opinion[k]);
        }
        for (size_t k = 0; k < KIND_COUNT; k++) sum->seconds[k] += workers[i].notes.seconds[k];
    }
}

/* ---- Verdict ---- */

static const float special[3] = {-INFINITY, 0, INFINITY};
static const char *const metric_units[METRIC_COUNT] = {"ULP", "ULP", "absolute", "relative"};

/* How far a reference is from long double, in ULP. */
static double reference_error(const arithmetic *math, kind k)
{
    enum { STEP = 65521 };
    double worst = 0;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += STEP) {
        float x;
        double truth;
        fill(&x, (uint32_t)bits, 0, 0, 1);
        math->reference(k, &x, &truth, 1);
        const errors e = exact_errors(k, x, truth);
        worst = fmax(worst, fmax(e.of[METRIC_ULP], e.of[METRIC_DENORMAL]));
        if (isnan(truth) == has_value(k, x)) worst = INFINITY;
    }
    return worst;
}

static int complain(const char *name, tally t, const char *what)
{
    if (t.count == 0) return 0;
    printf("FAILED %s: %s for %llu inputs, one is %a\n", name, what, (unsigned long long)t.count, (double)t.x);
    return 1;
}

static int check_special(const subject *s, const arithmetic *math)
{
    static const float inputs[4] = {-INFINITY, -0.0f, 0.0f, INFINITY};
    static const float expected[KIND_COUNT][4] = {
        [KIND_EXP] = {0, 1, 1, INFINITY},
        [KIND_TANH] = {-1, -0.0f, 0, 1},
        [KIND_SIGMOID] = {0, 0.5f, 0.5f, 1},
        [KIND_LOG] = {NAN, -INFINITY, -INFINITY, INFINITY},
        [KIND_SOFTPLUS] = {0, 0x1.62e43p-1f, 0x1.62e43p-1f, INFINITY},
        [KIND_ELU] = {-1, -0.0f, 0, INFINITY},
    };
    const float *e = expected[s->promise->kind];
    float y[4];

    subject_run(s->measured, inputs, y, 4);
    if (!s->promise->exact || math->unequal(y, e, 0, 4) == 0) return 0;
    printf("FAILED %s: at -inf, -0, 0, inf", s->measured->name);
    for (size_t i = 0; i < 4; i++) printf(" %.9g instead of %g%s", (double)y[i], (double)e[i], i < 3 ? "," : "\n");
    return 1;
}

static int check_subject(const subject *s, const arithmetic *math, const findings *f)
{
    const promise *p = s->promise;
    const char *name = s->measured->name;
    int failed = check_special(s, math);

    for (size_t m = 0; m < METRIC_COUNT; m++) {
        const int bounded = m == p->metric || (m == METRIC_DENORMAL && p->metric == METRIC_ULP);
        if (!bounded || f->worst[m].error <= p->bound) continue;
        printf("FAILED %s: error %.6g %s at %a, allowed are %g\n", name, f->worst[m].error, metric_units[m],
               (double)f->worst[m].x, p->bound);
        failed = 1;
    }
    failed |= complain(name, f->nan_wrong, "NaN where there should be none, or none where there should be");
    failed |= complain(name, f->not_odd, "not odd");
    for (size_t i = 0; i < s->other_count; i++)
        failed |= complain(s->others[i]->name, f->unequal[i], "other bits than on the measured instruction set");
    return failed;
}

/* ---- Table ---- */

enum { COLUMNS = 9, CELL = 48 };

static void print_row(char cells[COLUMNS][CELL], int markdown)
{
    static const int widths[COLUMNS] = {17, 17, 7, 15, 16, 17, 10, 18, 28};
    for (size_t c = 0; c < COLUMNS; c++) {
        if (markdown)
            printf("| %s ", cells[c]);
        else
            printf("%-*s%s", widths[c], cells[c], c + 1 < COLUMNS ? " " : "\n");
    }
    if (markdown) printf("|\n");
}

static void print_head(int markdown)
{
    char cells[COLUMNS][CELL] = {"function",   "largest error",      "allowed",
                                 "at",         "denormal results",   "correctly rounded",
                                 "steps back", "absolute, relative", "f(-inf), f(0), f(inf)"};
    print_row(cells, markdown);
    for (size_t c = 0; markdown && c < COLUMNS; c++) printf("|---%s", c + 1 < COLUMNS ? "" : "|\n");
}

static void print_subject(const subject *s, const findings *f, int markdown)
{
    const promise *p = s->promise;
    const peak *worst = &f->worst[p->metric];
    const int ulp = p->metric == METRIC_ULP;
    const metric plain = p->kind == KIND_TANH || p->kind == KIND_SIGMOID ? METRIC_ABSOLUTE : METRIC_RELATIVE;
    char cells[COLUMNS][CELL];
    float y[3];

    subject_run(s->measured, special, y, 3);
    snprintf(cells[0], CELL, "%s", rnnp_op_names[p->op]);
    snprintf(cells[1], CELL, ulp ? "%.4f %s" : "%.3g %s", worst->error, metric_units[p->metric]);
    snprintf(cells[2], CELL, "%g", p->bound);
    snprintf(cells[3], CELL, "%.9g", (double)worst->x);
    snprintf(cells[4], CELL, ulp ? "%.4f ULP" : "-", f->worst[METRIC_DENORMAL].error);
    snprintf(cells[5], CELL, "%.4f %%", 100 * (double)f->rounded / (double)f->numbers);
    snprintf(cells[6], CELL, "%llu", (unsigned long long)f->steps_back);
    snprintf(cells[7], CELL, "%.3g %s", f->worst[plain].error, metric_units[plain]);
    snprintf(cells[8], CELL, "%.6g, %.6g, %.6g", (double)y[0], (double)y[1], (double)y[2]);
    print_row(cells, markdown);
}

static void print_opinion(const subject *s, const findings *f, const findings *opinion, int markdown)
{
    const peak *worst = opinion->worst;
    const uint64_t differ = opinion->unequal[0].count;
    printf("%s%s instead of %s: at most %.4f ULP, at %.9g (denormal results %.4f);", markdown ? "* " : "",
           opinion_name(), rnnp_op_names[s->promise->op], worst[METRIC_ULP].error, (double)worst[METRIC_ULP].x,
           worst[METRIC_DENORMAL].error);
    printf(" another result for %llu inputs (%.2g %%), NaN elsewhere for %llu", (unsigned long long)differ,
           100 * (double)differ / (double)f->numbers, (unsigned long long)opinion->nan_wrong.count);
    for (size_t i = 1; i < s->opinion_count; i++)
        printf("%s %s: %llu", i > 1 ? "," : "; other bits than its form for scalars:", s->opinions[i]->name,
               (unsigned long long)opinion->unequal[i].count);
    printf("\n");
}

static void print_same_bits(const sweep *s)
{
    const subject *it = s->subjects;
    while (!it->measured) it++;
    printf("Measured on %s;", rnnp_isa_names[it->measured->isa]);
    for (size_t i = 0; i < it->other_count; i++)
        printf("%s %s", i ? "," : " compared bit for bit with", rnnp_isa_names[it->others[i]->isa]);
    printf("%s.\n", it->other_count ? "" : " no other instruction set to compare with");
}

/* Prints everything; 1 if something failed. */
static int report(const sweep *s, const notes *sum, int markdown)
{
    static const char *const names[KIND_COUNT] = {"exp", "tanh", "sigmoid", "log", "softplus", "elu"};
    int failed = 0;

    print_head(markdown);
    for (size_t i = 0; i < SUBJECTS; i++)
        if (s->subjects[i].measured) print_subject(&s->subjects[i], &sum->ours[i], markdown);
    printf("\n");
    for (size_t i = 0; i < SUBJECTS; i++)
        if (s->subjects[i].opinion_count) print_opinion(&s->subjects[i], &sum->ours[i], &sum->opinion[i], markdown);
    if (markdown) printf("\n");
    print_same_bits(s);
    for (kind k = 0; k < KIND_COUNT; k++) {
        if (s->list.inputs[k] == 0) continue;
        const double error = reference_error(s->math, k);
        printf("%s: %llu inputs, %.0f s of CPU time; the reference (%s) is within %.1g ULP of long double\n", names[k],
               (unsigned long long)s->list.inputs[k], sum->seconds[k], s->math->name, error);
        if (error <= 1e-6) continue;
        printf("FAILED %s: the reference is worse than a millionth of an ULP\n", names[k]);
        failed = 1;
    }
    for (size_t i = 0; i < SUBJECTS; i++)
        if (s->subjects[i].measured) failed |= check_subject(&s->subjects[i], s->math, &sum->ours[i]);
    return failed;
}

/* ---- Program ---- */

static int usage(FILE *out)
{
    fprintf(out,
            "usage: sweep [--full | --stride N] [--only GLOB] [--isa NAME] [--markdown]\n"
            "Measures the largest errors of the functions in all accuracy classes. Fails where one exceeds\n"
            "its class, or where an instruction set gives other bits.\n"
            "  --full       all floats\n"
            "  --stride N   every Nth float (%d), and all in the hard regions (above %d: fewer in these too)\n"
            "  --only GLOB  ops of this name only, such as tanh_f32_u35 or '*_u10'\n"
            "  --isa NAME   measure on this instruction set (the highest), compare with the generic one only\n"
            "  --markdown   print the table as in docs/explanation/numerics.md\n",
            DENSE_STRIDE, DENSE_STRIDE);
    return out == stdout ? 0 : EXIT_USAGE;
}

static int read_stride(const char *text, uint32_t *stride)
{
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end != '\0' || value == 0 || value > 1u << 30) return 0;
    *stride = (uint32_t)value;
    return 1;
}

typedef struct options {
    uint32_t stride;
    const char *only, *isa;
    int markdown;
} options;

static int read_options(int argc, char **argv, options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--full") == 0)
            o->stride = 1;
        else if (strcmp(argv[i], "--markdown") == 0)
            o->markdown = 1;
        else if (strcmp(argv[i], "--stride") == 0 && value && read_stride(value, &o->stride))
            i++;
        else if (strcmp(argv[i], "--only") == 0 && value)
            o->only = argv[++i];
        else if (strcmp(argv[i], "--isa") == 0 && value && rnnp_isa_rank(value) >= 0)
            o->isa = argv[++i];
        else
            return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    static worker workers[MOST_THREADS];
    static notes sum;
    const double start = seconds_on(CLOCK_MONOTONIC);
    options o = {.stride = DENSE_STRIDE};
    sweep s = {.math = &arithmetic_base};
    rnnp_cpu cpu;
    rnnp_topology topology;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) return usage(stdout);
    if (!read_options(argc, argv, &o)) return usage(stderr);
    rnnp_cpu_read(&cpu);
    rnnp_topology_read(&cpu, &topology);
#ifdef SWEEP_WITH_AVX2
    if (cpu.features & RNNP_CPU_AVX2) s.math = &arithmetic_avx2;
#endif
    if (!subjects_select(s.subjects, cpu.features, o.only, o.isa)) {
        printf("skipped: this CPU or build has no %s\n", o.isa);
        return EXIT_SKIPPED;
    }
    int selected[KIND_COUNT] = {0};
    for (size_t i = 0; i < SUBJECTS; i++) selected[promises[i].kind] |= s.subjects[i].measured != NULL;
    if (!run_list_fill(&s.list, selected, o.stride)) {
        perror("sweep");
        return EXIT_USAGE;
    }
    if (s.list.count == 0) {
        fprintf(stderr, "sweep: no op is named %s\n", o.only);
        return EXIT_USAGE;
    }
    const size_t threads = topology.budget < MOST_THREADS ? topology.budget : MOST_THREADS;
    sweep_all(&s, workers, threads, &sum);
    const int failed = report(&s, &sum, o.markdown);
    printf("%.0f s on %zu threads: %s\n", seconds_on(CLOCK_MONOTONIC) - start, threads, failed ? "FAILED" : "passed");
    free(s.list.runs);
    return failed;
}
