/* SPDX-License-Identifier: Apache-2.0
 *
 * The probes: that they touch only what they are given, and count what they do.
 */
#include "check.h"

#include "kernels/probe.h"

#include <stdio.h>

enum { FLOATS = 3 * RNNP_PROBE_LINE / sizeof(float), PASSES = 3, ROUNDS = 5 };

typedef struct probing {
    const rnnp_probe *probe;
    int dot;
    const float *p;
    double done;
    float sum;
} probing;

static void probe_go(const void *arg)
{
    probing *const run = (probing *)(uintptr_t)arg;
    run->sum = run->probe->read(run->p, FLOATS * sizeof(float), PASSES);
    run->done = run->probe->fma(ROUNDS);
    if (run->dot) run->done += run->probe->dot(ROUNDS);
}

const char *check_probes(uint64_t features, int max_rank, arena *a, memory *m)
{
    for (size_t isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        const rnnp_variant_list *const rows = rnnp_tables[isa];
        if (rows->count == 0 || !rnnp_variant_usable(&rows->rows[0], features, max_rank)) continue;
        probing run = {.probe = rnnp_probes[isa]};
        run.dot = run.probe->dot && (run.probe->dot_needs & ~features) == 0;
        for (placement where = AT_END; where <= AT_BEGIN; where++) {
            arena_reset(a);
            memory_reset(m, where, 0);
            float *ones = arena_floats(a, FLOATS);
            for (size_t i = 0; i < FLOATS; i++) ones[i] = 1;
            run.p = memory_floats(m, INPUT, ones, FLOATS);
            const char *wrong = memory_call(m, probe_go, &run);
            if (wrong) return wrong;
            if (run.sum != (float)(FLOATS * PASSES)) return "read did not read each float once a pass";
            /* at least two operations on one lane of one chain a round */
            if (run.done < 2 * ROUNDS) return "fma or dot did nothing";
        }
        printf("ok probes of %s%s\n", rnnp_isa_names[isa], run.dot ? " with dot" : "");
    }
    return NULL;
}
