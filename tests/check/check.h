/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel check: every row of the variant table on random problems. A class (one per argument struct of
 * ops.h) makes problems, places them for a variant, and knows the true answer:
 *
 *   variant against the op's first generic row: the same bits, NaN where NaN
 *   generic row against the oracle: double arithmetic with a running error bound (ball.h)
 *
 * A problem is plain (weights [gate][unit][k], pre-activations [gate][unit]); it is packed for each variant,
 * and results are plain again, so variants with different panels are compared. bench/kernels.cpp measures calls on
 * problems of the same classes.
 */
#ifndef CHECK_H
#define CHECK_H

#include "ball.h"
#include "dispatch/dispatch.h"
#include "kernels/ops.h"
#include "memory.h"
#include "random.h"

enum { DESCRIPTION = 256 };

/* What a problem is for: an op and, where it has weights, their format. */
typedef struct kernel_kind {
    rnnp_op op;
    rnnp_format format;
} kernel_kind;

typedef struct check_class {
    /* A problem in the arena, the same for the same random state; plain and of given sizes if that has them. */
    void *(*prepare)(kernel_kind of, arena *a, rng *r);
    /* "n17": for the case's name. */
    void (*describe)(const void *problem, char text[DESCRIPTION]);
    /* Places the problem in memory and returns the variant's arguments, in the arena. `whole`: all panels, otherwise
     * those the problem asks for. */
    const void *(*place)(const void *problem, const rnnp_variant *variant, int whole, arena *a, memory *m);
    /* The true results of a whole call: what it writes, buffer after buffer as they were placed, row-major. */
    void (*oracle)(const void *problem, ball *expected);
} check_class;

extern const check_class check_unary, check_binary, check_row, check_move, check_gather, check_conv, check_gates,
    check_gemm, check_step, check_gates_back, check_act_back, check_row_back, check_update;

/* The class of each op. */
extern const check_class *const check_classes[RNNP_OP_COUNT];

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

enum { MOST_VARIANTS = 64 };

/* The rows of an op for one weight format in all ISAs; ops without weights count as the first one's. */
size_t rows_of(rnnp_op op, rnnp_format format, const rnnp_variant *rows[MOST_VARIANTS]);
/* What must hold of the table itself: the number of faults, each of which is printed. */
size_t check_table(void);
/* Prints that something failed; 1. */
size_t complain(const char *name, const char *what);

/* One of them: the problems are shaped after their tiles. NULL if the op has none. */
const rnnp_variant *any_variant(kernel_kind of, rng *r);
/* The least lanes of a step's panel in an ISA: what its gates ops must be given multiples of. */
size_t least_lanes(rnnp_isa isa);

struct rnnp_part; /* kernels/cells.h */

/* A cell's function, plain in all but one of `others` cases; peephole: NULL, or drawn for so many units. */
rnnp_gate_spec random_gates(rng *r, arena *a, const struct rnnp_part *of, size_t others, size_t hidden, inputs kind,
                            float **peephole);
/* "plain-math0", "acts1.2.1-clip-peep-math1" */
void gates_text(const rnnp_gate_spec *spec, const float *peephole, char text[DESCRIPTION]);

/* An activation with parameters for which its value is monotone, and its bound is known. */
rnnp_act_spec random_act(rng *r);

/* n random floats: fill(). */
float *filled(arena *a, rng *r, size_t n, inputs kind, float scale, size_t every);

#endif
