/* SPDX-License-Identifier: Apache-2.0
 *
 * CPU facts, topology and the choice of variants. Everything here is a pure function of its arguments,
 * except rnnp_cpu_read() and rnnp_topology_read(), which ask the machine.
 */
#ifndef RNNP_DISPATCH_H
#define RNNP_DISPATCH_H

#include "../kernels/ops.h"
#include "../kernels/features.h"

typedef struct rnnp_cpu {
    char vendor[16];
    char brand[64];
    uint32_t family, model, stepping;
    uint64_t features;
    size_t l1d_bytes, l2_bytes, l3_bytes, line_bytes;
    size_t l2_sharers, l3_sharers;
} rnnp_cpu;

/* The seam for tests: how CPUID and XGETBV are asked. regs = eax ebx ecx edx. */
typedef struct rnnp_cpuid_source {
    void *user;
    void (*cpuid)(void *user, uint32_t leaf, uint32_t subleaf, uint32_t regs[4]);
    uint64_t (*xgetbv)(void *user, uint32_t index); /* called only when CPUID reports OSXSAVE */
} rnnp_cpuid_source;

/* x86: fills *cpu from a source. Pure; available in every build so that fake CPUs are tested anywhere. */
void rnnp_cpu_from_cpuid(const rnnp_cpuid_source *source, rnnp_cpu *cpu);
/* aarch64: fills features from the HWCAP and HWCAP2 words of Linux. Pure. */
void rnnp_cpu_from_hwcap(uint64_t hwcap, uint64_t hwcap2, rnnp_cpu *cpu);
/* This machine. */
void rnnp_cpu_read(rnnp_cpu *cpu);
const char *rnnp_cpu_feature_text(size_t bit);

typedef struct rnnp_topology {
    size_t cores, cpus, budget;
    const char *source; /* "hwloc", "sysfs", "none" */
} rnnp_topology;

/* Caches (which correct *cpu's where the source knows better), cores, and the CPU budget
 * min(affinity, cpuset, cgroup v1/v2 quota rounded up). */
void rnnp_topology_read(rnnp_cpu *cpu, rnnp_topology *topology);

/* The budget at this moment, of a machine with so many CPUs (0: not known). */
size_t rnnp_cpu_budget(size_t cpus);

/* The parts of it that read files, for tests: `root` is put before /proc and /sys, "" for this machine.
 * CPUs that the process's cgroup quotas (v1 and v2, the tightest on the path) pay for; 0 for no limit. */
size_t rnnp_cgroup_cpus(const char *root);
/* Cores and CPUs, and the caches of the CPU numbered `first`; leaves the budget alone. */
void rnnp_topology_from_sysfs(const char *root, size_t first, rnnp_cpu *cpu, rnnp_topology *topology);

/* The ISA of that name, or -1. */
int rnnp_isa_find(const char *name);
/* Rank cap of an ISA name; -1 for an unknown one. */
int rnnp_isa_rank(const char *name);
int rnnp_isa_rank_of(rnnp_isa isa);
/* All names, for messages: "generic, neon, ..." */
extern const char *const rnnp_isa_list;

/* kernels/table.c: for each ISA that this build has no kernels of, the rows of its folder without functions; no rows
 * for the others. */
extern const rnnp_variant_list *const rnnp_foreign[RNNP_ISA_COUNT];

/* The rows of an ISA of any architecture. */
static inline const rnnp_variant_list *rnnp_rows_of(rnnp_isa isa)
{
    return rnnp_tables[isa]->count ? rnnp_tables[isa] : rnnp_foreign[isa];
}

/* 1 if the variant runs on a CPU with these features. */
int rnnp_variant_usable(const rnnp_variant *variant, uint64_t features, int max_rank);

/* What a machine gives: by it the rules decide where weights live and which calls are worth threads, and the tuner
 * orders its candidates. Assumed by the kind of CPU, or measured by the tuner and kept in its records. */
typedef struct rnnp_machine {
    double flops_per_ns;                  /* multiply-adds in f32, one thread */
    double bytes_per_ns[RNNP_HOME_COUNT]; /* read by each of all threads, by where it lies */
    double barrier_ns;                    /* of the team */
    double wake_ns;                       /* until a worker that slept has begun */
} rnnp_machine;

/* By the kind of CPU and the highest ISA in use. Pure. */
void rnnp_machine_assume(const rnnp_cpu *cpu, rnnp_isa isa, rnnp_machine *machine);

/* The chosen row of each op, and the highest ISA among those allowed. */
typedef struct rnnp_selection {
    const rnnp_variant *op[RNNP_OP_COUNT]; /* of an op with weights: for f32 in L2 */
    /* for weights in a format with this home: the row of the home before where none is meant for it, NULL for an op
     * without weights in the format */
    const rnnp_variant *at[RNNP_FORMAT_COUNT][RNNP_HOME_COUNT][RNNP_OP_COUNT];
    size_t near_bytes, far_bytes; /* the homes' limits, by rnnp_select_machine */
    size_t last_bytes;            /* by the same: half of the last cache, whether it is a home or not */
    rnnp_machine machine;         /* by the same */
    rnnp_isa isa;
} rnnp_selection;

/* Where packed weights of so many bytes live. */
static inline rnnp_home rnnp_home_of(const rnnp_selection *s, size_t weight_bytes)
{
    return weight_bytes > s->far_bytes ? RNNP_HOME_MEMORY : weight_bytes > s->near_bytes ? RNNP_HOME_L3 : RNNP_HOME_L2;
}

/* The row for so many weights in a format, by where they live. */
static inline const rnnp_variant *rnnp_select_for(const rnnp_selection *s, rnnp_op op, rnnp_format format,
                                                  size_t weights)
{
    return s->at[format][rnnp_home_of(s, weights * rnnp_format_bytes(format))][op];
}

/* For products with n columns, or steps of n units, with weights in f32 and in L2: the row with panels twice as wide,
 * if there is one whose tiles have at least so many rows and whose last panel is more than half full; else the usual
 * row. Its tiles are half as high, and read the left side half as often. On AVX-512 that is 2 to 24 % faster for
 * products (6x64 for 12x32, rows 4 to 3200, k 64 to 512; 2 % slower with 8 rows and k from 256 on) and up to 8 % for
 * steps (RNN and GRU with reset before, hidden 128 to 512, batch 4 to 64). Tiles of fewer than six rows would read the
 * weights too often in most cases; so would any from beyond L2 (up to 20 % slower). Pure. */
enum { RNNP_WIDE_ROWS = 6 };
const rnnp_variant *rnnp_select_wider(const rnnp_variant *usual, size_t n, size_t least_rows);

/* Sets the machine (NULL: the one that is assumed) and the limits: what fits L2, and half of the last cache, whose rest
 * is other tenants', activations and what passes by. A last cache that gives less than a third of L2's rate is no home,
 * since kernels for memory are faster there. Where caches are not known all weights live in L2. Pure. */
void rnnp_select_machine(const rnnp_cpu *cpu, const rnnp_machine *machine, rnnp_selection *selection);

/* Pure: for each op the first usable row of the highest-ranked usable ISA that has one, by format and home; no limits
 * are set. */
void rnnp_select(uint64_t features, int max_rank, rnnp_selection *selection);

/* Pure: the same on a CPU with every feature of the ISA's architecture, capped by the ISA. For packing only: of another
 * architecture's rows there are no functions. */
void rnnp_select_isa(rnnp_isa isa, rnnp_selection *selection);

#endif
