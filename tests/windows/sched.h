/* SPDX-License-Identifier: Apache-2.0
 *
 * The CPUs of the process, at most 64.
 */
#include_next <sched.h>

#ifndef RNNP_TESTS_SCHED_H
#define RNNP_TESTS_SCHED_H

#include <stddef.h>

typedef struct cpu_set_t {
    unsigned long long cpus;
} cpu_set_t;

#define CPU_ZERO(set) ((set)->cpus = 0)
#define CPU_SET(cpu, set) ((set)->cpus |= 1ull << (cpu))
#define CPU_ISSET(cpu, set) ((int)((set)->cpus >> (cpu)&1))
#define CPU_COUNT(set) __builtin_popcountll((set)->cpus)

int sched_getaffinity(int self, size_t bytes, cpu_set_t *set);
int sched_setaffinity(int self, size_t bytes, const cpu_set_t *set);

#endif
