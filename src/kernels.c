/* SPDX-License-Identifier: Apache-2.0
 *
 * The public face of the kernels: arguments are checked here, once; kernels trust them.
 */
#include "rnnpack/kernels.h"

#include "cells/recurrent.h"
#include "cells/weights.h"
#include "context.h"
#include "fpmode.h"
#include "structs.h"

#include <string.h>

/* ---- Functions on arrays ---- */

rnnp_status rnnp_apply(const rnnp_context *context, rnnp_function function, rnnp_math math, size_t n, const float *x,
                       float *y)
{
    static const rnnp_op ops[][3] = {
        [RNNP_FUNCTION_EXP] = {RNNP_OP_exp_f32_u35, RNNP_OP_exp_f32_u10, RNNP_OP_exp_f32_fast},
        [RNNP_FUNCTION_TANH] = {RNNP_OP_tanh_f32_u35, RNNP_OP_tanh_f32_u10, RNNP_OP_tanh_f32_fast},
        [RNNP_FUNCTION_SIGMOID] = {RNNP_OP_sigmoid_f32_u35, RNNP_OP_sigmoid_f32_u10, RNNP_OP_sigmoid_f32_fast},
        [RNNP_FUNCTION_LOG] = {RNNP_OP_log_f32_u35, RNNP_OP_log_f32_u10, RNNP_OP_log_f32_u35},
        [RNNP_FUNCTION_SOFTPLUS] = {RNNP_OP_softplus_f32_u35, RNNP_OP_softplus_f32_u10, RNNP_OP_softplus_f32_u35},
        [RNNP_FUNCTION_RELU] = {RNNP_OP_relu_f32, RNNP_OP_relu_f32, RNNP_OP_relu_f32},
        [RNNP_FUNCTION_SOFTSIGN] = {RNNP_OP_softsign_f32, RNNP_OP_softsign_f32, RNNP_OP_softsign_f32},
        [RNNP_FUNCTION_SQRT] = {RNNP_OP_sqrt_f32, RNNP_OP_sqrt_f32, RNNP_OP_sqrt_f32},
    };
    if (!context) return RNNP_ERR_ARG;
    if ((unsigned)function < RNNP_FUNCTION_EXP || (unsigned)function > RNNP_FUNCTION_SQRT)
        return rnnp_fail(context, RNNP_ERR_ARG, "unknown function %d", (int)function);
    if ((unsigned)math > RNNP_MATH_FAST) return rnnp_fail(context, RNNP_ERR_ARG, "unknown math class %d", (int)math);
    if (n > 0 && (!x || !y)) return rnnp_fail(context, RNNP_ERR_ARG, "NULL array with n=%zu", n);
    const rnnp_unary_args args = {.x = x, .y = y, .n = n};
    context->selection.op[ops[function][math]]->fn.exp_f32_u35(&args); /* all unary ops have one type */
    return RNNP_OK;
}

rnnp_status rnnp_softmax(const rnnp_context *context, rnnp_math math, size_t rows, size_t cols, const float *x,
                         float *y)
{
    static const rnnp_op ops[] = {RNNP_OP_softmax_f32_u35, RNNP_OP_softmax_f32_u10, RNNP_OP_softmax_f32_fast};
    if (!context) return RNNP_ERR_ARG;
    if ((unsigned)math > RNNP_MATH_FAST) return rnnp_fail(context, RNNP_ERR_ARG, "unknown math class %d", (int)math);
    if (!cols || (rows > 0 && (!x || !y)))
        return rnnp_fail(context, RNNP_ERR_ARG, "softmax of %zu rows by %zu columns, or a NULL array", rows, cols);
    const rnnp_row_args args = {.x = x, .y = y, .rows = rows, .cols = cols, .ldx = cols, .ldy = cols};
    context->selection.op[ops[math]]->fn.softmax_f32_u35(&args);
    return RNNP_OK;
}

/* ---- Packed products ---- */

static const rnnp_variant *gemm_variant(const rnnp_context *context) { return context->selection.op[RNNP_OP_gemm]; }

rnnp_status rnnp_gemm_pack_bytes(const rnnp_context *context, size_t n, size_t k, size_t *bytes)
{
    if (!context) return RNNP_ERR_ARG;
    if (!bytes) return rnnp_fail(context, RNNP_ERR_ARG, "bytes is NULL");
    *bytes = rnnp_panels_bytes(&gemm_variant(context)->traits.panels, n, k);
    if (*bytes == SIZE_MAX)
        return rnnp_fail(context, RNNP_ERR_SHAPE, "a packed matrix of %zu by %zu is too large", k, n);
    return RNNP_OK;
}

rnnp_status rnnp_gemm_pack(const rnnp_context *context, size_t n, size_t k, const float *b, size_t k_stride,
                           size_t n_stride, void *packed)
{
    if (!context) return RNNP_ERR_ARG;
    if ((n > 0 && k > 0 && !b) || !packed) return rnnp_fail(context, RNNP_ERR_ARG, "NULL matrix");
    const rnnp_unpacked from = rnnp_unpacked_f32(b, n, k, 0, n_stride, k_stride);
    rnnp_panels_pack(&gemm_variant(context)->traits.panels, &from, packed, 0, 1);
    return RNNP_OK;
}

rnnp_status rnnp_gemm(const rnnp_context *context, size_t m, size_t n, size_t k, const float *a, size_t lda,
                      const void *packed, const float *bias, float *c, size_t ldc)
{
    if (!context) return RNNP_ERR_ARG;
    if (m == 0 || n == 0) return RNNP_OK;
    if ((k > 0 && (!a || !packed)) || !c) return rnnp_fail(context, RNNP_ERR_ARG, "NULL matrix");
    if (m > 1 && (lda < k || ldc < n))
        return rnnp_fail(context, RNNP_ERR_ARG, "strides lda=%zu, ldc=%zu are below k=%zu, n=%zu", lda, ldc, k, n);
    const rnnp_gemm_args args = {
        .m = m, .n = n, .k = k, .a = a, .lda = lda, .b = packed, .c0 = bias, .c = c, .ldc = ldc};
    rnnp_select_for(&context->selection, RNNP_OP_gemm, RNNP_FORMAT_f32, n * k)->fn.gemm(&args);
    return RNNP_OK;
}

/* ---- Recurrent layers ---- */

struct rnnp_layer {
    const rnnp_context *context;
    rnnp_recurrent recurrent;
    size_t bytes;
    float *packed;
};

enum { HEADER_BYTES = (sizeof(struct rnnp_layer) + 63) / 64 * 64 };

static size_t layer_directions(const rnnp_layer *layer) { return rnnp_directions(layer->recurrent.direction); }

static void describe(const rnnp_context *context, const rnnp_recurrent_options *o, rnnp_math math, rnnp_recurrent *r)
{
    size_t n = rnnp_cell_of(o->cell)->activations;
    *r = (rnnp_recurrent){.cell = o->cell,
                          .input = o->input,
                          .hidden = o->hidden,
                          .direction = o->direction,
                          .reset_after = o->reset == RNNP_GRU_RESET_AFTER,
                          .input_forget = o->input_forget != 0,
                          .clip = o->clip,
                          .math = math,
                          .select = &context->selection};
    for (size_t d = 0; d < 2; d++) {
        rnnp_act_defaults(o->cell, r->act[d]);
        if (d == 1 && o->direction != RNNP_DIRECTION_BIDIRECTIONAL) break;
        for (size_t i = 0; i < n; i++)
            if (o->activations[d * n + i]) rnnp_act_read(o, d * n + i, &r->act[d][i]);
    }
    rnnp_recurrent_prepare(r);
}

/* Checks what a layer is made of, and describes it. */
static rnnp_status read_layer(const rnnp_context *context, const rnnp_recurrent_options *options, rnnp_math math,
                              rnnp_recurrent_options *o, rnnp_recurrent *r)
{
    if ((unsigned)math > RNNP_MATH_FAST) return rnnp_fail(context, RNNP_ERR_ARG, "unknown math class %d", (int)math);
    const rnnp_status status = rnnp_recurrent_options_read(context, options, o);
    if (status == RNNP_OK) describe(context, o, math, r);
    return status;
}

static size_t layer_bytes(const rnnp_recurrent *r) { return HEADER_BYTES + rnnp_recurrent_pack_bytes(r); }

rnnp_status rnnp_layer_bytes(const rnnp_context *context, const rnnp_recurrent_options *options, rnnp_math math,
                             size_t *bytes)
{
    rnnp_recurrent_options o;
    rnnp_recurrent r;
    if (!context) return RNNP_ERR_ARG;
    if (!bytes) return rnnp_fail(context, RNNP_ERR_ARG, "bytes is NULL");
    const rnnp_status status = read_layer(context, options, math, &o, &r);
    if (status == RNNP_OK) *bytes = layer_bytes(&r);
    return status;
}

rnnp_status rnnp_layer_create(const rnnp_context *context, const rnnp_recurrent_options *options,
                              const rnnp_recurrent_weights *weights, rnnp_math math, rnnp_layer **out)
{
    rnnp_recurrent recurrent;
    rnnp_recurrent_options o;
    if (!out) return context ? rnnp_fail(context, RNNP_ERR_ARG, "layer is NULL") : RNNP_ERR_ARG;
    *out = NULL;
    if (!context) return RNNP_ERR_ARG;
    rnnp_status status = read_layer(context, options, math, &o, &recurrent);
    if (status == RNNP_OK) status = rnnp_recurrent_read(context, options, weights, &o);
    if (status != RNNP_OK) return status;

    size_t dirs = rnnp_directions(o.direction), H = o.hidden, I = o.input;
    size_t rows = rnnp_cell_of(o.cell)->gates * H, P = rnnp_cell_of(o.cell)->peepholes * H;
    size_t each = rows * (I + H + 2) + P;
    size_t bytes = layer_bytes(&recurrent);
    int peepholes = 0;
    for (size_t d = 0; d < dirs; d++) peepholes |= weights[d].peephole != NULL;
    rnnp_layer *layer = rnnp_alloc(context, bytes);
    float *onnx = rnnp_calloc(context, dirs * each * sizeof(float)); /* weights in ONNX order, for packing */
    if (!layer || !onnx) {
        rnnp_free(context, layer, bytes);
        rnnp_free(context, onnx, dirs * each * sizeof(float));
        return RNNP_ERR_MEMORY;
    }
    float *w = onnx, *r = w + dirs * rows * I, *b = r + dirs * rows * H, *p = b + dirs * 2 * rows;
    for (size_t d = 0; d < dirs; d++) {
        rnnp_weights_to_onnx(&o, &weights[d], w + d * rows * I, r + d * rows * H, b + d * 2 * rows);
        if (weights[d].peephole) memcpy(p + d * P, weights[d].peephole, P * sizeof(float));
    }
    *layer = (rnnp_layer){context, recurrent, bytes, (float *)(void *)((char *)layer + HEADER_BYTES)};
    const rnnp_recurrent_source source = {.w = w, .r = r, .b = b, .p = peepholes ? p : NULL};
    const rnnp_fpmode mode = rnnp_fpmode_enter(0); /* the sum of the biases */
    rnnp_recurrent_pack(&layer->recurrent, &source, layer->packed, 0, 1);
    rnnp_fpmode_set(mode);
    rnnp_free(context, onnx, dirs * each * sizeof(float));
    *out = layer;
    return RNNP_OK;
}

void rnnp_layer_destroy(rnnp_layer *layer)
{
    if (layer) rnnp_free(layer->context, layer, layer->bytes);
}

/* The caller's arguments, with the strides of dense arrays where it gives none. */
static rnnp_status read_args(const rnnp_layer *layer, const rnnp_layer_args *given, rnnp_layer_args *a)
{
    const size_t hidden = layer->recurrent.hidden, dirs = layer_directions(layer);
    if (!given) return rnnp_fail(layer->context, RNNP_ERR_ARG, "args is NULL");
    const rnnp_status status = RNNP_STRUCT_READ(layer->context, rnnp_layer_args, given, a);
    if (status != RNNP_OK) return status;
    if (!a->x_row) a->x_row = layer->recurrent.input;
    if (!a->x_step) a->x_step = a->batch * a->x_row;
    if (!a->y_dir) a->y_dir = hidden;
    if (!a->y_row) a->y_row = dirs * hidden;
    if (!a->y_step) a->y_step = a->batch * a->y_row;
    if (a->y && ((a->steps > 1 && a->batch > 0 && a->y_step < hidden) || (a->batch > 1 && a->y_row < hidden) ||
                 (dirs > 1 && a->y_dir < hidden)))
        return rnnp_fail(layer->context, RNNP_ERR_ARG, "y_step=%zu, y_row=%zu, y_dir=%zu: rows of y overlap", a->y_step,
                         a->y_row, a->y_dir);
    return RNNP_OK;
}

rnnp_status rnnp_layer_workspace_bytes(const rnnp_layer *layer, size_t steps, size_t batch, size_t *bytes)
{
    if (!layer) return RNNP_ERR_ARG;
    if (!bytes) return rnnp_fail(layer->context, RNNP_ERR_ARG, "bytes is NULL");
    size_t needed = rnnp_recurrent_workspace(&layer->recurrent, steps, batch, rnnp_team_threads(layer->context->team));
    if (needed == SIZE_MAX) return rnnp_fail(layer->context, RNNP_ERR_SHAPE, "batch=%zu is too large", batch);
    *bytes = needed;
    return RNNP_OK;
}

rnnp_status rnnp_layer_forward(const rnnp_layer *layer, const rnnp_layer_args *given)
{
    if (!layer) return RNNP_ERR_ARG;
    const rnnp_recurrent *r = &layer->recurrent;
    const rnnp_context *context = layer->context;
    rnnp_layer_args copy;
    const rnnp_status status = read_args(layer, given, &copy);
    if (status != RNNP_OK) return status;
    const rnnp_layer_args *a = &copy;
    if (!a->workspace || (!a->x && a->steps > 0 && a->batch > 0))
        return rnnp_fail(context, RNNP_ERR_ARG, "x and workspace must be given");
    if (!r->has_c && (a->c0 || a->c)) return rnnp_fail(context, RNNP_ERR_ARG, "only an LSTM has c0 and c");
    for (size_t b = 0; a->lengths && b < a->batch; b++)
        if (a->lengths[b] < 0 || (size_t)a->lengths[b] > a->steps)
            return rnnp_fail(context, RNNP_ERR_ARG, "lengths[%zu]=%d is outside 0..%zu", b, (int)a->lengths[b],
                             a->steps);

    size_t state = a->batch * r->hidden;
    const rnnp_recurrent_call call = {.packed = layer->packed,
                                      .steps = a->steps,
                                      .batch = a->batch,
                                      .x = a->x,
                                      .x_step = a->x_step,
                                      .x_row = a->x_row,
                                      .lengths = a->lengths,
                                      .h0 = a->h0,
                                      .c0 = a->c0,
                                      .h0_dir = state,
                                      .h0_row = r->hidden,
                                      .y = a->y,
                                      .y_step = a->y_step,
                                      .y_dir = a->y_dir,
                                      .y_row = a->y_row,
                                      .h = a->h,
                                      .c = a->c,
                                      .h_dir = state,
                                      .h_row = r->hidden,
                                      .team = context->team,
                                      .workspace = a->workspace,
                                      .turn = a->turn};
    const rnnp_fpmode mode = rnnp_fpmode_enter(0);
    rnnp_recurrent_forward(r, &call);
    rnnp_fpmode_set(mode);
    return RNNP_OK;
}
