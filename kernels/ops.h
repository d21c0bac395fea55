/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel contracts: argument structs, function types and the variant table.
 *
 * Kernels never fail, allocate, lock or call the system: their preconditions are asserted in debug
 * builds and checked once at the API edge. No kernel reads or writes outside the elements it is given.
 * Every variant of an op returns the same bits (docs/explanation/numerics.md).
 * Weights are packed in panels (panels.h).
 */
#ifndef RNNP_KERNELS_OPS_H
#define RNNP_KERNELS_OPS_H

#include "panels.h"

#include <stddef.h>
#include <stdint.h>

/* y[i] = f(x[i]), i < n. x == y is allowed, other overlap is not. */
typedef struct rnnp_unary_args {
    const float *x;
    float *y;
    size_t n;
    float alpha, beta; /* of the functions that take them; clip: the bounds [alpha, beta] */
} rnnp_unary_args;

/* y[i] = f(a[i*a_step], b[i*b_step]); a step is 1, or 0 for a scalar operand. y == a or y == b allowed. */
typedef struct rnnp_binary_args {
    const float *a, *b;
    float *y;
    size_t n;
    size_t a_step, b_step;
} rnnp_binary_args;

/* Per row of x[rows][cols] (row stride ldx): softmax and log-softmax write y[rows][cols] (stride ldy,
 * in place allowed); reductions write y[row * ldy]. cols > 0. Sums run as a fixed 16-lane tree. */
typedef struct rnnp_row_args {
    const float *x;
    float *y;
    size_t rows, cols, ldx, ldy;
} rnnp_row_args;

/* y[c][r] = x[r][c] */
typedef struct rnnp_move_args {
    const float *x;
    float *y;
    size_t rows, cols, ldx, ldy;
} rnnp_move_args;

/* y[i][0..cols) = x[index[i]][0..cols), i < n; indices are in range. */
typedef struct rnnp_gather_args {
    const float *x;
    const int64_t *index;
    float *y;
    size_t n, cols, ldx, ldy;
} rnnp_gather_args;

/* y[m][i] = the chain of FMAs over ascending t < taps of w[m][t] x[at[t] + i], beginning at bias[m] (0 if NULL), for
 * m < rows and i < n. at may point anywhere: a tap is a position of the kernel in a channel. */
typedef struct rnnp_conv_args {
    size_t rows, n, taps;
    const float *x;
    const ptrdiff_t *at;
    const float *w; /* [rows][taps] */
    const float *bias;
    float *y;
    size_t ldy;
} rnnp_conv_args;

/* Activation functions of cells and epilogues, in the words of ONNX. */
typedef enum rnnp_act {
    RNNP_ACT_NONE,
    RNNP_ACT_TANH,
    RNNP_ACT_SIGMOID,
    RNNP_ACT_RELU,
    RNNP_ACT_AFFINE,
    RNNP_ACT_LEAKY_RELU,
    RNNP_ACT_THRESHOLDED_RELU,
    RNNP_ACT_SCALED_TANH,
    RNNP_ACT_HARD_SIGMOID,
    RNNP_ACT_ELU,
    RNNP_ACT_SOFTSIGN,
    RNNP_ACT_SOFTPLUS,
    RNNP_ACT_COUNT
} rnnp_act;

typedef struct rnnp_act_spec {
    rnnp_act kind;
    float alpha, beta;
} rnnp_act_spec;

/* The elementwise function of a cell. `plain` cells (sigmoid and tanh where ONNX defaults to them, no
 * clip, no peepholes, no coupling) take the formula with shared divisions; all others are composed of
 * the functions one by one. The choice depends on the model alone, never on a variant. */
typedef struct rnnp_gate_spec {
    int math; /* rnnp_math */
    int plain;
    int input_forget;      /* LSTM: f = 1 - i */
    float clip;            /* inputs of the gate activations are clamped to [-clip, clip]; 0: not */
    rnnp_act_spec act[3];  /* RNN: f; GRU: f (z, r), g (n); LSTM: f (i, o, f), g (cell), h (output) */
    const float *peephole; /* LSTM: [3][hidden], i o f; NULL if none */
} rnnp_gate_spec;

/* [rows][hidden] with a stride. */
typedef struct rnnp_state {
    float *p;
    size_t ld;
} rnnp_state;

/* What a cell has besides h, as its gates name it: LSTM: c in state[0], updated in place. GRU with reset before: u in
 * state[0], which the first part writes and the second reads. */
enum { RNNP_STATES = 2 };

/* Gates of panels [panel_begin, panel_end) for rows batch rows.
 *   rnn_gates         h = f(z)
 *   lstm_gates        gates i o f c; c and h
 *   gru_gates         reset after:  gates z r n, where n is the recurrent part only; zx holds its input part:
 *                     n = g(zx + r z_n), h = (1-z) n + z h_prev
 *   gru_reset_gates   reset before, first half: gates z r; u = z gate, y = r h_prev
 *   gru_update_gates  reset before, second half: gate n; h = (1-u) g(z_n) + u h_prev */
typedef struct rnnp_gates_args {
    size_t rows, hidden, lanes, panel_begin, panel_end;
    const float *z; /* [rows][panel][gate][lane], from panel z_panel on */
    size_t ldz, z_panel;
    const float *zx; /* gru_gates: input part of n, zx[row * ldzx + (panel - z_panel) * zx_step + lane] */
    size_t ldzx, zx_step;
    const float *h; /* previous h [rows][hidden], of cells that blend it */
    size_t ldh;
    rnnp_state state[RNNP_STATES];
    float *y; /* [rows][hidden]; y == h is allowed */
    size_t ldy;
    const rnnp_gate_spec *spec;
} rnnp_gates_args;

/* c[m][n] = act(chain), where each element is one chain of FMAs over ascending k that starts from
 * c0[m][n] (one row when ldc0 == 0, zero when c0 == NULL). b is packed in the variant's panels. c0 == c
 * is allowed.
 *
 * Weights in 8 bits: rows of a are quantised first, q = a * (127 / most) rounded once to a whole number, ties to
 * even, where most is the largest absolute value of the row. In place of the chain comes fma((float)(sum over k of q
 * w), scale[n] * (most / 127), c0[m][n]). The sum is exact for k <= 65536. A row with most < 2^-100 counts as zeros,
 * one that is not finite gives NaN. */
typedef struct rnnp_gemm_args {
    size_t m, n, k;
    const float *a;
    size_t lda;
    const void *b;
    const float *c0;
    size_t ldc0;
    float *c;
    size_t ldc;
    rnnp_act_spec act;
    int math;
    float *scratch; /* rnnp_gemm_scratch() floats, private to the caller; NULL if that is 0 */
} rnnp_gemm_args;

/* One time step of a cell for hidden-unit panels [panel_begin, panel_end) and rows batch rows: the chains
 * start from z (bias, or bias and input projection), run over x (when x != NULL), then over h, and end in
 * the cell's gates. Step and gates share the column order. */
typedef struct rnnp_step_args {
    size_t rows, hidden, input, panel_begin, panel_end;
    const float *z; /* [rows][panel][gate][lane]; ldz == 0: one row (the packed bias) */
    size_t ldz;
    const float *x; /* [rows][input] or NULL */
    size_t ldx;
    const void *wx;     /* packed, of depth input; read when x != NULL */
    const float *chain; /* [rows][hidden] what the recurrent chain runs over: h, or r h (gru_update) */
    size_t ldchain;
    const void *wh;  /* packed, of depth hidden */
    const float *zh; /* gru_step: start of the recurrent chain of n, [panel][lane] (bias Rbh) */
    const float *h;  /* as in rnnp_gates_args */
    size_t ldh;
    rnnp_state state[RNNP_STATES];
    float *y; /* must not overlap chain */
    size_t ldy;
    int reverse;    /* walk the panels downwards: what the step before read last is still in cache */
    float *scratch; /* 64-byte aligned, rnnp_step_scratch() floats, private to the caller */
    const rnnp_gate_spec *spec;
} rnnp_step_args;

/* ---- Training ---- */

/* Panels of pre-activations that are kept for training have this many lanes on every ISA: products over their columns
 * are chains, whose order must not depend on the host. Lanes beyond hidden hold 0. */
enum { RNNP_TRAIN_LANES = 16 };

/* The elementwise part of a cell backwards, for all units of `rows` rows. z is in the order of rnnp_gates_args with
 * panels of RNNP_TRAIN_LANES, holds what the gates op read (peephole terms are not in it), and is overwritten with the
 * gradient by that; lanes beyond hidden are not used and become 0, also in zx. A pre-activation beyond the clip has
 * gradient 0, one on it not. dh is the gradient by this step's h, unless said otherwise. Arrays that an op does not
 * name may be NULL; those that it writes overlap no others.
 *   rnn_gates_back         dz = dh f'(z)
 *   lstm_gates_back        gates i o f c; c is this step's, c_prev the one before; dc: gradient by c from later steps,
 *                          overwritten with the gradient by c_prev. With peepholes (only then) their gradients are
 *                          added to dp, one chain over rows in ascending order. With input_forget f is 1 - i: dz and
 *                          dp of f are 0 and untouched
 *   gru_gates_back         reset after: gates z r n, n the recurrent part; zx (input part of n) is overwritten with its
 *                          gradient; adds z dh to dh_prev
 *   gru_update_gates_back  reset before, first half: reads u = z gate of z (gates z r), left as it is; zx holds the
 *                          pre-activation of n and is overwritten with its gradient; writes the gradient by u to du;
 *                          adds u dh to dh_prev
 *   gru_reset_gates_back   reset before, second half: gates z r; du as above; dh is the gradient by r h_prev here; adds
 *                          r dh to dh_prev */
typedef struct rnnp_gates_back_args {
    size_t rows, hidden;
    float *z;
    size_t ldz;
    float *zx; /* [rows][panel][lane] */
    size_t ldzx;
    const float *h; /* h_prev [rows][hidden], of cells that blend it */
    size_t ldh;
    rnnp_state state[RNNP_STATES], state_prev[RNNP_STATES]; /* c and c_prev; left as they are */
    const float *dh;                                        /* [rows][hidden] */
    size_t lddh;
    float *dh_prev; /* [rows][hidden], added to, of cells that blend h; never dh */
    size_t lddh_prev;
    rnnp_state d_state[RNNP_STATES]; /* dc, du */
    float *dp;                       /* [3][hidden], i o f */
    const rnnp_gate_spec *spec;
} rnnp_gates_back_args;

/* dx[i] = dy[i] act'(x[i]); dx == dy is allowed. Where act has a kink the derivative from below (of hard sigmoid: where
 * the ramp rises), as in relu'(0) = 0. A NaN in x gives NaN. */
typedef struct rnnp_act_back_args {
    const float *x, *dy;
    float *dx;
    size_t n;
    rnnp_act_spec act;
    int math;
} rnnp_act_back_args;

/* Per row, from the forward result y: softmax dx = y (dy - sum(y dy)), log-softmax dx = dy - exp(y) sum(dy), exp of
 * class u35. Sums run as the row ops' 16-lane tree, products in them as fused multiply-adds. dx == dy is allowed. */
typedef struct rnnp_row_back_args {
    const float *y, *dy;
    float *dx;
    size_t rows, cols, ldy, lddy, lddx;
} rnnp_row_back_args;

/* One optimiser step on n parameters p with gradients g (left as they are, but for penalty). What is used of a gradient
 * is s = g * scale, clamped to [-limit, limit] when limit > 0.
 *   penalty   g += l2 p + l1 sign(p)
 *   sgd       s += decay p; with momentum: m = momentum m + s, s = nesterov ? s + momentum m : m; p -= rate s
 *   rmsprop   s += decay p; v = rho v + (1 - rho) s^2; p -= rate s / (sqrt(v) + epsilon)
 *   adam      s += decay p (unless decoupled); m = beta1 m + (1 - beta1) s; v = beta2 v + (1 - beta2) s^2;
 *             decoupled (AdamW): p -= rate decay p first; p -= rate1 m / (sqrt(v) * root2 + epsilon), where the caller
 *             gives rate1 = rate / (1 - beta1^t) and root2 = 1 / sqrt(1 - beta2^t)
 * Each + of a product is one fused multiply-add, as written from left to right; docs/explanation/numerics.md has every
 * operation.
 * m and v are read and written where they are named (sgd: m with momentum > 0) and may be NULL elsewhere. Elements are
 * independent: a call may be cut anywhere. */
typedef struct rnnp_update_args {
    float *p, *g, *m, *v;
    size_t n;
    float rate, decay, scale, limit;
    float l1, l2;
    float momentum, rho, beta1, beta2, epsilon, rate1, root2;
    int nesterov, decoupled;
} rnnp_update_args;

typedef enum rnnp_isa {
#define RNNP_ISA(name, arch, rank, needs, flags) RNNP_ISA_##name,
#include "isa.def"
#undef RNNP_ISA
    RNNP_ISA_COUNT
} rnnp_isa;

typedef enum rnnp_op {
#define RNNP_OP(op, args, source) RNNP_OP_##op,
#include "ops.def"
#undef RNNP_OP
    RNNP_OP_COUNT
} rnnp_op;

#define RNNP_OP(op, args, source) typedef void rnnp_##op##_fn(const rnnp_##args##_args *);
#include "ops.def"
#undef RNNP_OP

typedef enum rnnp_chain { RNNP_CHAIN_H, RNNP_CHAIN_RH } rnnp_chain;

/* Of each part of a cell, where the compiler must know it; cells.h has the rest. */
enum {
#define RNNP_PART(cell, reset, part, gates, z_back, chain, own_start, ...) \
    RNNP_GATES_##part = gates, RNNP_OWN_START_##part = own_start,
#include "cells.def"
};

typedef union rnnp_fn {
#define RNNP_OP(op, args, source) rnnp_##op##_fn *op;
#include "ops.def"
#undef RNNP_OP
} rnnp_fn;

/* Floats of pre-activations after which a step's gates follow; at least one group of panels. */
#define RNNP_BLOCK_PANEL 0
#define RNNP_BLOCK_L1 4096        /* 16 KiB: still in L1 when the gates read it */
#define RNNP_BLOCK_ALL UINT16_MAX /* product of all panels first, then gates */

/* Where the weights of a step come from: the cache that holds them from one step to the next, or none. */
typedef enum rnnp_home { RNNP_HOME_L2, RNNP_HOME_L3, RNNP_HOME_MEMORY, RNNP_HOME_COUNT } rnnp_home;

/* What packing and planning must know about a variant. */
typedef struct rnnp_traits {
    uint16_t mr;        /* rows of the largest tile */
    uint16_t block;     /* step: RNNP_BLOCK_... */
    uint16_t home;      /* rnnp_home that it is meant for; 0, L2, is any */
    rnnp_left left;     /* how it reads x and h, or a */
    rnnp_panels panels; /* gemm: one gate, whose lanes are the columns of a panel */
} rnnp_traits;

typedef struct rnnp_variant {
    const char *name; /* "gemm_f32_6x16_avx2": stable; printed and kept in tuning records */
    rnnp_op op;
    rnnp_isa isa;
    uint64_t needs; /* CPU features beyond the ISA's own */
    rnnp_fn fn;
    rnnp_traits traits;
} rnnp_variant;

/* All rows of one ISA. Within an op, a format and a home the preferred variant comes first. */
typedef struct rnnp_variant_list {
    const rnnp_variant *rows;
    size_t count;
} rnnp_variant_list;

/* kernels/table.c: indexed by rnnp_isa; rows == NULL for an ISA that this build does not have. */
extern const rnnp_variant_list *const rnnp_tables[RNNP_ISA_COUNT];
extern const char *const rnnp_op_names[RNNP_OP_COUNT];
extern const char *const rnnp_isa_names[RNNP_ISA_COUNT];

/* kernels/cells.c: gates per unit in a panel of a step op, and in the z of a gates or gradient op; 1 for others. */
size_t rnnp_op_gates(rnnp_op op);

/* Panels that a step multiplies before their gates follow. One row takes at least four: enough chains for the
 * FMA ports and enough vectors for the gates. */
static inline size_t rnnp_step_group(size_t block, size_t nr, size_t rows, size_t panels)
{
    size_t group = block == RNNP_BLOCK_ALL ? panels : block / (rows * nr), least = rows > 1 ? 1 : 4;
    group = group < least ? least : group;
    return group < panels ? group : panels;
}

/* A quantised row: RNNP_QUANTISED_HEADER floats, of which the first is its scale and the second what its sums start
 * from, then one or two planes of q in whole lines of 64 bytes (tmpl/quantise.inc.h). */
enum { RNNP_QUANTISED_HEADER = 16 };
static inline size_t rnnp_quantised_plane(size_t depth) { return (depth + 63) / 64 * 64; } /* bytes of one */
static inline size_t rnnp_quantised_floats(rnnp_left left, size_t depth)
{
    const size_t planes = left == RNNP_LEFT_FLOATS ? 0 : left == RNNP_LEFT_SIGNS ? 2 : 1;
    return planes ? RNNP_QUANTISED_HEADER + planes * (rnnp_quantised_plane(depth) / sizeof(float)) : 0;
}

/* Rows of a that a product quantises together, and floats of scratch for them. */
static inline size_t rnnp_quantised_rows(size_t m, size_t quantised_floats)
{
    const size_t most = 32768 / quantised_floats, rows = most < 24 ? 24 : most;
    return m < rows ? m : rows;
}
static inline size_t rnnp_gemm_scratch(const rnnp_traits *traits, size_t m, size_t k)
{
    const size_t row = rnnp_quantised_floats(traits->left, k);
    return row ? row * rnnp_quantised_rows(m, row) : 0;
}

/* Floats of scratch that step calls with up to this many rows may use: pre-activations of the largest group that any
 * number of rows takes. Fewer rows make larger groups, so the last rows of a batch with lengths may need more than all
 * of it. A group is all panels, or as many as fit the block, or four panels of one row, or one panel of all. Doubled
 * for the input part of GRU's n. Where h and x are quantised their rows are in front of that. */
static inline size_t rnnp_step_scratch(const rnnp_traits *traits, size_t rows, size_t hidden, size_t input)
{
    const size_t nr = rnnp_panels_columns(&traits->panels);
    const size_t all = rows * nr * rnnp_panels_count(&traits->panels, hidden);
    const size_t quantised = rnnp_quantised_floats(traits->left, hidden) + rnnp_quantised_floats(traits->left, input);
    size_t group = (rows > 4 ? rows : 4) * nr;

    if (group < traits->block) group = traits->block;
    return 2 * (traits->block == RNNP_BLOCK_ALL || all < group ? all : group) + rows * quantised;
}

#endif
