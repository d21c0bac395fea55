/* SPDX-License-Identifier: Apache-2.0
 *
 * What the operator files share: axes, known shapes, broadcasting walks and time rules.
 *
 *   axes.c         this header's functions on attributes, axes, known integers and time
 *   walk.c         strided copies, broadcasting and values that lie channels last
 *   elementwise.c  unary and binary families; arithmetic.c has their integer loops
 *   functions.c    trigonometric and hyperbolic functions
 *   product.c      packed products; gemm.c: Gemm; matmul.c: MatMul; einsum.c: Einsum (equation.c, contract.c)
 *   rows.c         Softmax, LogSoftmax; reduce.c: ReduceX, ArgX, LpNormalization
 *   normalise.c    other normalisations; pool.c: pooling; window.c: its windows
 *   shape.c        Shape, Squeeze, ... ; reshape.c: Reshape, Flatten
 *   move.c         Transpose, Gather, Concat, Where; slice.c: Slice, Split; repeat.c: Expand, Tile; pad.c: Pad
 *   index.c        GatherElements, GatherND, Scatter, ScatterElements, ScatterND, OneHot
 *   order.c        TopK, CumSum, ReverseSequence, Trilu
 *   cast.c         Cast; linear.c: QuantizeLinear, DequantizeLinear
 *   format.c       this header's functions on formats of weights
 *   control.c      If; loop.c: Loop
 *   constant.c     Constant, ConstantOfShape, Range; random.c: Multinomial
 *   recurrent_node.c, _attributes.c, _shapes.c  RNN, LSTM, GRU
 *
 * params.h: what their attributes say, for gradients.
 *
 * run() may count on what infer() checked: ranks, dtypes, axes, dimensions. It checks what only data tells.
 */
#ifndef RNNP_OPS_H
#define RNNP_OPS_H

#include "../graph.h"

#include <string.h>

/* ---- The functions of an operator, and its row ----
 *
 * Heads with the names that arguments have in every operator. Few functions use them all. */
#define RNNP_UNUSED __attribute__((unused))
#define RNNP_INFER(name) \
    rnnp_status name(RNNP_UNUSED rnnp_infer *in, RNNP_UNUSED const rnnp_meta *inputs, rnnp_meta *outputs)
#define RNNP_RUN(name)                                                                  \
    rnnp_status name(RNNP_UNUSED const rnnp_exec *e, RNNP_UNUSED const rnnp_node *node, \
                     RNNP_UNUSED const rnnp_tensor *inputs, rnnp_tensor *outputs)
#define RNNP_TIME(name)                                                                                              \
    int name(RNNP_UNUSED const rnnp_node *node, RNNP_UNUSED const rnnp_meta *inputs, RNNP_UNUSED const int *in_axis, \
             RNNP_UNUSED int *out_axis)
#define RNNP_VIEWS(name)                                                             \
    int name(RNNP_UNUSED const rnnp_node *node, RNNP_UNUSED const rnnp_meta *inputs, \
             RNNP_UNUSED const rnnp_meta *outputs)
#define RNNP_SCRATCH(name) size_t name(RNNP_UNUSED const rnnp_prepare *p, RNNP_UNUSED const rnnp_meta *outputs)

/* Its row: how many inputs (255: any number) and outputs it has, and what else differs from 0. */
#define RNNP_DEFINE_OUTPUTS(op, least_in, most_in, least_out, most_out, ...) \
    const rnnp_operator rnnp_operator_##op = {.name = #op,                   \
                                              .min_inputs = (least_in),      \
                                              .max_inputs = (most_in),       \
                                              .min_outputs = (least_out),    \
                                              .max_outputs = (most_out),     \
                                              __VA_ARGS__}
#define RNNP_DEFINE(op, least_in, most_in, ...) RNNP_DEFINE_OUTPUTS(op, least_in, most_in, 1, 1, __VA_ARGS__)

#define FAIL(in, status, ...) rnnp_node_fail((in)->context, (in)->node, status, __VA_ARGS__)
#define PARSE_FAIL(p, status, ...) rnnp_node_fail((p)->model->context, (p)->node, status, __VA_ARGS__)

/* Copies dtype and shape. */
static inline void rnnp_meta_like(rnnp_meta *out, const rnnp_meta *in)
{
    *out = *in;
    out->known = NULL;
}

/* Whether a list's elements are there; those of an empty one always are. */
static inline int rnnp_tensor_known(const rnnp_tensor *tensor)
{
    return tensor->data || rnnp_tensor_elements(tensor) == 0;
}

static inline int rnnp_absent(const rnnp_node *node, size_t input)
{
    return input >= node->n_inputs || node->inputs[input] == RNNP_NONE;
}

static inline int rnnp_wanted(const rnnp_node *node, size_t output)
{
    return output < node->n_outputs && node->outputs[output] != RNNP_NONE;
}

/* ---- Integer lists: axes, shapes, split sizes ---- */

/* From an attribute in older opsets, from an input in newer ones. */
typedef struct rnnp_ints {
    int given;
    size_t count;
    int64_t at[RNNP_MAX_RANK];
} rnnp_ints;

/* Reads a list attribute of at most RNNP_MAX_RANK entries. */
rnnp_status rnnp_parse_ints(rnnp_parse *p, const char *name, rnnp_ints *ints);

/* Reads a rank 0 or 1 i64 or i32 input; entries may be symbols. An absent input is not given. One that is not
 * known sets *known to 0 (when known is NULL that is an error: the shape depends on data). */
rnnp_status rnnp_infer_ints(rnnp_infer *in, const rnnp_meta *inputs, size_t input, const char *what, rnnp_ints *ints,
                            int *known);
/* The same after infer(): an absent input leaves *ints, which says what an attribute does. 0 when it is not known. */
int rnnp_known_ints(const rnnp_node *node, const rnnp_meta *inputs, size_t input, rnnp_ints *ints);
/* A shape that is not known: as many dimensions as the list has entries, all of them unknown. A list of rank 0 has one
 * entry, where least_rank allows it. */
rnnp_status rnnp_infer_unknown_shape(rnnp_infer *in, const rnnp_meta *list, size_t least_rank, rnnp_meta *out);
/* From a tensor that infer() has looked at. */
void rnnp_run_ints(const rnnp_tensor *tensor, rnnp_ints *ints);

/* axis in [-rank, rank) to [0, rank). */
rnnp_status rnnp_infer_axis(rnnp_infer *in, int64_t axis, size_t rank, size_t *normal);
static inline size_t rnnp_axis(int64_t axis, size_t rank) { return (size_t)(axis < 0 ? axis + (int64_t)rank : axis); }
/* Axes as a bit mask; duplicates are an error. */
rnnp_status rnnp_infer_axes(rnnp_infer *in, const rnnp_ints *axes, size_t rank, unsigned *mask);
unsigned rnnp_axes_mask(const rnnp_ints *axes, size_t rank);

/* Fails with RNNP_ERR_TYPE unless the dtype is one of the mask (bit RNNP_DTYPE_F32, ...). */
#define RNNP_BIT(dtype) (1u << (dtype))
rnnp_status rnnp_infer_type(rnnp_infer *in, const rnnp_meta *inputs, size_t input, unsigned allowed);
rnnp_status rnnp_infer_same_type(rnnp_infer *in, const rnnp_meta *inputs, size_t a, size_t b);
/* The dtype that constants of a format have, and the format of weights of a dtype; 0 if there is none. */
extern const rnnp_dtype rnnp_format_dtypes[RNNP_FORMAT_COUNT];
int rnnp_format_of(rnnp_dtype dtype, rnnp_format *format);
/* Whether input `weights` has a dtype of weights; any but f32 must be a constant, and i8 has positive scales. */
rnnp_status rnnp_weights_check(rnnp_infer *in, const rnnp_meta *inputs, size_t weights, const char *name, size_t scale,
                               const char *scale_name);
/* Whether the kernels' sums of that many products hold: weights of i8 have a limit. */
rnnp_status rnnp_depth_check(rnnp_infer *in, const rnnp_meta *weights, const char *name, int64_t depth);
/* Whether an input has input 0's type and is broadcast to its shape, which stays as it is. */
rnnp_status rnnp_infer_broadcast_to_first(rnnp_infer *in, const rnnp_meta *inputs, size_t input);
/* An input of rank 0, or of one element. */
rnnp_status rnnp_infer_scalar(rnnp_infer *in, const rnnp_meta *inputs, size_t input, const char *what);

/* What is known of a value, as a tensor; data is NULL when its elements are not. */
static inline rnnp_tensor rnnp_known_tensor(const rnnp_meta *meta) { return rnnp_meta_tensor(meta, meta->known); }
/* Element i of an i64 or i32 tensor. */
int64_t rnnp_integer_at(const rnnp_tensor *tensor, size_t i);
/* memcpy, also of nothing from or to nowhere. */
static inline void rnnp_copy(void *to, const void *from, size_t bytes)
{
    if (bytes) memcpy(to, from, bytes);
}

/* Dimensions in a sentence; "?" for a symbol. */
typedef struct rnnp_dims_text {
    char s[96];
} rnnp_dims_text;
rnnp_dims_text rnnp_print_dims(size_t rank, const int64_t *dims, char separator);

/* Elements of dimensions [from, to). */
size_t rnnp_shape_product(const rnnp_tensor *tensor, size_t from, size_t to);

/* ---- If ---- */

/* Whether it is one whose ranks are guessed to be those of one branch; and to take those of the other from here on. */
int rnnp_if_guesses(const rnnp_node *node, const rnnp_meta *inputs);
rnnp_status rnnp_if_turn(rnnp_model *model, rnnp_node *node);

/* ---- Views: output 0 has the elements of input 0 in their order ---- */

/* A copy, for folding; at execution a view shares its input's memory. */
rnnp_status rnnp_view_run(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs, rnnp_tensor *outputs);
#define RNNP_VIEW .run = rnnp_view_run, .is_view = 1, .moves = RNNP_MOVES_FIRST

/* ---- Walks: several strided operands against one dense result, row by row ---- */

enum { RNNP_WALK_OPERANDS = 3 };

typedef struct rnnp_walk {
    size_t operands, rank, outer; /* the first `outer` of rank dimensions are walked */
    size_t dim[RNNP_MAX_RANK], index[RNNP_MAX_RANK];
    ptrdiff_t step[RNNP_WALK_OPERANDS][RNNP_MAX_RANK];
    ptrdiff_t offset[RNNP_WALK_OPERANDS]; /* of this row, in elements */
    size_t row;                           /* offset of this row in the result */
    size_t row_elements;
    size_t rows; /* left, this one included */
} rnnp_walk;

/* For the result's shape; then set step[operand][axis]. */
void rnnp_walk_init(rnnp_walk *walk, const rnnp_tensor *result, size_t operands);
/* step[operand] for an operand broadcast to the result. */
void rnnp_walk_broadcast(rnnp_walk *walk, const rnnp_tensor *result, size_t operand, const rnnp_tensor *tensor);
/* All of it for operands that are broadcast to the result. */
void rnnp_walk_over(rnnp_walk *walk, const rnnp_tensor *result, const rnnp_tensor *const *operands, size_t n,
                    size_t inner);
/* Merges dimensions and leaves the last `inner` of them for the caller's loops (fewer if there are fewer). */
void rnnp_walk_begin(rnnp_walk *walk, size_t inner);
void rnnp_walk_next(rnnp_walk *walk);
static inline size_t rnnp_walk_inner_dim(const rnnp_walk *walk) { return walk->rank ? walk->dim[walk->rank - 1] : 1; }
static inline ptrdiff_t rnnp_walk_inner_step(const rnnp_walk *walk, size_t operand)
{
    return walk->rank ? walk->step[operand][walk->rank - 1] : 0;
}

/* n elements of so many bytes become `value`. */
void rnnp_fill(void *y, const void *value, size_t bytes, size_t n);

/* y = the elements x[base + sum of index * step] in the order of y. */
void rnnp_copy_strided(const rnnp_selection *select, const rnnp_tensor *y, const void *x, ptrdiff_t base,
                       const ptrdiff_t *step);
/* Row-major element steps of a tensor. */
void rnnp_dense_steps(const rnnp_tensor *tensor, ptrdiff_t *step);

/* ---- Channels last ---- */

/* channels_last() of an operator that treats elements alike wherever they lie: other inputs are broadcast in a way that
 * turning them over moves nothing. */
#define RNNP_LAST(name) unsigned name(RNNP_UNUSED const rnnp_prepare *p, RNNP_UNUSED const rnnp_meta *outputs)
RNNP_LAST(rnnp_last_elementwise);
/* Where an axis of [batch][channel][spatial...] is when it lies channels last. */
static inline size_t rnnp_place_last(size_t axis, size_t rank)
{
    return axis == 0 ? 0 : axis == 1 ? rank - 1 : axis - 1;
}
/* Axes in the order in which they lie, as an operand of a result of this rank. */
rnnp_tensor rnnp_turned(const rnnp_tensor *tensor, size_t rank);
/* As rnnp_dense_steps of [batch][channel][spatial...] that lies channels last. */
void rnnp_last_steps(const rnnp_tensor *tensor, ptrdiff_t *step);

/* ---- Time ---- */

/* Records one operand's idea of the result's time axis; 0, or -1 when it contradicts another's. */
int rnnp_time_agree(int axis, int *out);
/* Right-aligned broadcasting. */
int rnnp_time_broadcast(int axis, size_t rank, size_t out_rank, int *out);
/* Axis of input 0 when the axes of the mask are removed (keep == 0) or fail: time may not be among them. */
int rnnp_time_without(int axis, unsigned mask, int keep, int *out);

#endif
