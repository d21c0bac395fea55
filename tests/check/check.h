/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel check: every row of the variant table on random problems. A class (one per argument struct of
 * ops.h) makes problems, hands them to a variant, and knows the true answer:
 *
 *   variant against the op's first generic row: the same bits, NaN where NaN
 *   generic row against the oracle: double arithmetic with a running error bound (ball.h)
 *
 * A problem is plain (weights [gate][unit][k], pre-activations [gate][unit]); it is packed for each variant,
 * and results are plain again, so variants with different panels are compared.
 */
#ifndef CHECK_H
#define CHECK_H

#include "ball.h"
#include "dispatch/dispatch.h"
#include "kernels/ops.h"
#include "memory.h"
#include "random.h"

/* A dense matrix of results; a variant that was asked for some panels only has written columns [from, to). */
typedef struct part {
    const char *name;
    size_t rows, cols, from, to;
    float *v;
} part;

enum { PARTS = 3, DESCRIPTION = 128 };

typedef struct result {
    part parts[PARTS];
    int count;
} result;

/* What a problem is for: an op and, where it has weights, their format. */
typedef struct kernel_kind {
    rnnp_op op;
    rnnp_format format;
} kernel_kind;

typedef struct check_class {
    /* A problem in the arena, the same for the same random state. */
    void *(*prepare)(kernel_kind of, arena *a, rng *r);
    /* "n17": for the case's name. */
    void (*describe)(const void *problem, char text[DESCRIPTION]);
    /* Places the problem in guarded memory, calls the variant (through memory_call) and collects the results.
     * `whole`: all panels, otherwise those the problem asks for. Returns what went wrong, or NULL. */
    const char *(*call)(const void *problem, const rnnp_variant *variant, int whole, arena *a, memory *m, result *out);
    /* The true results of a whole call, part after part, row-major. */
    void (*oracle)(const void *problem, ball *expected);
} check_class;

extern const check_class check_unary, check_binary, check_row, check_move, check_gather, check_gates, check_gemm,
    check_step, check_gates_back, check_act_back, check_row_back, check_update;

/* Weights [gate][unit][k] of a problem, as f32 that the format holds: rounded to it, or whole numbers with a scale for
 * each unit of each gate. */
typedef struct weights {
    rnnp_format format;
    size_t gates, units, depth, gate_stride, unit_stride, k_stride;
    const float *w, *scale;
} weights;
weights make_weights(rnnp_format format, arena *a, rng *r, float *w, size_t gates, size_t units, size_t depth,
                     int k_first);

/* The same packed, as the variant under test reads them. */
const void *packed_weights(memory *m, arena *a, const rnnp_panels *panels, const weights *from);

/* What a product adds to start: its chain over a row of a, or a sum of whole numbers. */
ball ball_product(ball start, const float *row, const weights *w, size_t gate, size_t unit);

/* What is wrong with packing, or NULL. */
const char *check_pack(arena *a, memory *m);

/* What is wrong with the probes of the usable ISAs, or NULL. */
const char *check_probes(uint64_t features, int max_rank, arena *a, memory *m);

/* Rows of the table in all ISAs: the problems are shaped after their tiles. NULL if the op has none. */
const rnnp_variant *any_variant(kernel_kind of, rng *r);
/* The least lanes of a step's panel in an ISA: what its gates ops must be given multiples of. */
size_t least_lanes(rnnp_isa isa);

/* An activation with parameters for which its value is monotone, and its bound is known. */
rnnp_act_spec random_act(rng *r);

/* n random floats: fill(). */
float *filled(arena *a, rng *r, size_t n, inputs kind, float scale, size_t every);

part *result_part(result *out, arena *a, const char *name, size_t rows, size_t cols);

#endif
