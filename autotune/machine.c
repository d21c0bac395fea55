/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine, measured: once for a host and a number of threads, since it is kept among the records, as the choice of
 * a layer named "machine". Rates are in MFLOP/s and MB/s, times in ns, all of them whole numbers.
 */
#include "machine.h"

#include "../src/clock.h"
#include "../src/context.h"
#include "rnnpack/limits.h"
#include "set.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* ---- Measuring ---- */

/* The best of some bursts, of one thread (the team may have been busy): FMAs, or reading so many bytes. */
static rnnp_status best_rate(const rnnp_context *context, int bursts, size_t bytes, double *per_ns)
{
    const double seconds = 5e-4, ns = 1e-9;
    rnnp_status status = RNNP_OK;
    size_t together;
    double rate;

    *per_ns = 0;
    for (int i = 0; i < bursts && status == RNNP_OK; i++) {
        status = bytes ? rnnp_limit_read(context, seconds, bytes, &rate, &together)
                       : rnnp_limit_fma(context, seconds, &rate, &together);
        if (status == RNNP_OK && rate / (double)together * ns > *per_ns) *per_ns = rate / (double)together * ns;
    }
    return status;
}

static void note_begin(void *arg, size_t phase, size_t i, size_t n)
{
    atomic_ullong *const last = arg;
    const unsigned long long now = rnnp_clock_ns();

    (void)phase;
    (void)i;
    (void)n;
    for (unsigned long long seen = atomic_load(last); now > seen && !atomic_compare_exchange_weak(last, &seen, now);) {
    }
}

/* Nanoseconds until the last of a team that slept has begun; the least of some tries, as others may have its CPUs. */
static double measure_wake_ns(const rnnp_context *context)
{
    enum { TRIES = 7, ASLEEP_NS = 400 * 1000 };
    unsigned long long least = ULLONG_MAX;

    for (int i = 0; i < TRIES; i++) {
        const unsigned long long before = rnnp_clock_ns();
        atomic_ullong last;

        while (rnnp_clock_ns() - before < ASLEEP_NS) {
        }
        const unsigned long long begin = rnnp_clock_ns();
        atomic_init(&last, begin);
        rnnp_team_each(context->team, 1, note_begin, &last);
        if (atomic_load(&last) - begin < least) least = atomic_load(&last) - begin;
    }
    return (double)least;
}

static size_t less(size_t a, size_t b) { return a < b ? a : b; }

/* An L3 of a large server is said to be larger than what a tenant gets of it, and filling memory takes longer than
 * reading it: all threads together read no more than MOST_BYTES. */
enum { MOST_BYTES = 256 << 20 };

rnnp_status rnnp_machine_measure(const rnnp_context *context, rnnp_machine *machine)
{
    enum { BURSTS = 3 };
    const rnnp_cpu *cpu = &context->cpu;
    const size_t l2 = cpu->l2_bytes ? cpu->l2_bytes : 256 << 10, l3 = cpu->l3_bytes > 4 * l2 ? cpu->l3_bytes : 4 * l2;
    const size_t threads = rnnp_team_threads(context->team), most = MOST_BYTES / threads;
    const size_t bytes[RNNP_HOME_COUNT] = {l2 / 2, less(l3 / 4, 4 * l2), less(2 * l3, most > 8 * l2 ? most : 8 * l2)};
    double seconds;

    *machine = context->selection.machine;
    rnnp_status status = best_rate(context, BURSTS, 0, &machine->flops_per_ns);
    for (int home = 0; home < RNNP_HOME_COUNT && status == RNNP_OK; home++) {
        const int bursts = home == RNNP_HOME_MEMORY ? 1 : BURSTS; /* filling much memory takes longer than reading it */

        status = best_rate(context, bursts, bytes[home] * threads, &machine->bytes_per_ns[home]);
    }
    if (status == RNNP_OK && threads > 1 && rnnp_limit_barrier(context, 5e-4, &seconds) == RNNP_OK) {
        machine->barrier_ns = seconds * 1e9;
        machine->wake_ns = measure_wake_ns(context);
    }
    return status;
}

/* ---- Records ---- */

/* In alphabetical order, as the words of a choice are. */
static const struct {
    const char *name;
    size_t offset;
    double unit;
} words[] = {
    {"barrier", offsetof(rnnp_machine, barrier_ns), 1},
    {"flops", offsetof(rnnp_machine, flops_per_ns), 1e-3},
    {"l2", offsetof(rnnp_machine, bytes_per_ns[RNNP_HOME_L2]), 1e-3},
    {"l3", offsetof(rnnp_machine, bytes_per_ns[RNNP_HOME_L3]), 1e-3},
    {"memory", offsetof(rnnp_machine, bytes_per_ns[RNNP_HOME_MEMORY]), 1e-3},
    {"wake", offsetof(rnnp_machine, wake_ns), 1},
};
enum { WORDS = sizeof words / sizeof words[0], MOST = 1000 * 1000 * 1000 };

static double *member(rnnp_machine *machine, size_t word)
{
    return (double *)(void *)((char *)machine + words[word].offset);
}

static rnnp_record_key key_of(size_t threads)
{
    return (rnnp_record_key){
        .layer = "machine", .precision = "f32", .input = 1, .hidden = 1, .batch = 1, .steps = 1, .threads = threads};
}

static void print_words(rnnp_machine machine, char choice[RNNP_RECORD_CHOICE])
{
    size_t used = 0;

    for (size_t w = 0; w < WORDS; w++) {
        const double units = *member(&machine, w) / words[w].unit + 0.5;
        const unsigned whole = units < 1 ? 1 : units > MOST ? MOST : (unsigned)units;

        used +=
            (size_t)snprintf(choice + used, RNNP_RECORD_CHOICE - used, "%s%s=%u", w ? " " : "", words[w].name, whole);
    }
}

/* 1, or 0 for a choice that does not have all words, with numbers. */
static int read_words(const char *choice, rnnp_machine *machine)
{
    char name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];
    size_t found = 0;

    for (size_t i = 0; rnnp_record_word(choice, i, name, value) == RNNP_OK; i++) {
        for (size_t w = 0; w < WORDS; w++) {
            const size_t units = strcmp(words[w].name, name) == 0 ? rnnp_record_number(value, MOST) : 0;

            found += units > 0;
            if (units) *member(machine, w) = (double)units * words[w].unit;
        }
    }
    return found == WORDS;
}

int rnnp_machine_find(const rnnp_records *set, const rnnp_record_host *host, size_t threads, rnnp_machine *machine)
{
    const rnnp_record_key key = key_of(threads);
    const rnnp_record *record = set ? rnnp_records_exact(set, host, &key) : NULL;

    return record && read_words(record->choice, machine);
}

rnnp_status rnnp_machine_keep(rnnp_records *set, const rnnp_record_host *host, size_t threads, uint64_t now,
                              const rnnp_machine *machine)
{
    rnnp_record record = {.key = key_of(threads), .ns = 1, .default_ns = 1, .samples = 1};

    print_words(*machine, record.choice);
    record.at = rnnp_records_date(set, host, &record.key, now);
    return rnnp_records_add(set, host, &record);
}
