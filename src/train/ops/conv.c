/* SPDX-License-Identifier: Apache-2.0
 *
 * Conv and ConvTranspose. Either is the other's gradient by x, with the same weights. dw[m][c][k] is one chain of fused
 * multiply-adds over batch entries and, within these, over positions, both ascending, from 0: over outputs of Conv,
 * over inputs of ConvTranspose; places where the kernel meets padding are no part of it. db is a sum over batch and
 * positions (rnnp_sum_broadcast).
 */
#include "../../cells/conv_phases.h"
#include "../../cells/product.h"
#include "back.h"

enum { X, W, B };

/* Per slice the weights are packed again where they are no constant; else [forward][for dx], once a step. */
typedef struct conv {
    rnnp_conv forward, back;
    const rnnp_variant *forward_kernel, *back_kernel;
} conv;

/* The convolution that undoes one: channels and sizes change places. */
static rnnp_conv reversed(const rnnp_conv *c)
{
    rnnp_conv back = *c;

    back.transposed = !c->transposed;
    back.in = c->out;
    back.out = c->in;
    for (size_t a = 0; a < c->axes; a++) {
        back.axis[a].in = c->axis[a].out;
        back.axis[a].out = c->axis[a].in;
    }
    return back;
}

static conv conv_make(const rnnp_selection *select, const rnnp_node *node, const rnnp_tensor *x, const rnnp_tensor *w,
                      const rnnp_tensor *y)
{
    conv c = {.forward = rnnp_conv_of(node, x, w, y)};

    c.back = reversed(&c.forward);
    c.forward_kernel = rnnp_conv_kernel(select, &c.forward);
    c.back_kernel = rnnp_conv_kernel(select, &c.back);
    return c;
}

static conv conv_of_shape(const rnnp_gradient_shape *shape)
{
    const rnnp_tensor x = rnnp_meta_tensor(&shape->inputs[X], NULL), w = rnnp_meta_tensor(&shape->inputs[W], NULL);
    const rnnp_tensor y = rnnp_meta_tensor(&shape->outputs[0], NULL);

    return conv_make(shape->select, shape->node, &x, &w, &y);
}

static size_t forward_bytes(const conv *c) { return rnnp_align64(rnnp_conv_bytes(c->forward_kernel, &c->forward)); }
static size_t back_bytes(const conv *c) { return rnnp_align64(rnnp_conv_bytes(c->back_kernel, &c->back)); }

static size_t conv_prepared_bytes(const rnnp_gradient_shape *shape)
{
    const conv c = conv_of_shape(shape);

    return rnnp_gradient_constant(shape->node, W) ? rnnp_add_bytes(forward_bytes(&c), back_bytes(&c)) : 0;
}

static void conv_prepare(const rnnp_gradient_shape *shape, const rnnp_tensor *inputs, void *prepared, size_t part,
                         size_t parts)
{
    const conv c = conv_of_shape(shape);

    if (!rnnp_gradient_constant(shape->node, W)) return;
    rnnp_conv_pack(c.forward_kernel, &c.forward, inputs[W].data, prepared, part, parts);
    rnnp_conv_pack(c.back_kernel, &c.back, inputs[W].data, (char *)prepared + forward_bytes(&c), part, parts);
}

/* y of a convolution; packed: its weights, or NULL. */
static void run(const rnnp_gradient_call *call, const rnnp_conv *c, const rnnp_variant *kernel, const void *packed,
                const float *x, const float *bias, float *y)
{
    const size_t bytes = packed ? 0 : rnnp_align64(rnnp_conv_bytes(kernel, c));
    const rnnp_conv_call arguments = {.x = x,
                                      .w = packed ? packed : call->workspace,
                                      .bias = bias,
                                      .y = y,
                                      .workspace = (char *)call->workspace + bytes};

    if (!packed) rnnp_conv_pack(kernel, c, call->inputs[W].data, call->workspace, 0, 1);
    rnnp_conv_forward(rnnp_call_select(call), kernel, c, &arguments, NULL, 1);
}

static const char *prepared_of(const rnnp_gradient_call *call)
{
    return rnnp_gradient_constant(call->shape.node, W) ? call->prepared : NULL;
}

static rnnp_status conv_forward(const rnnp_gradient_call *call)
{
    const conv c =
        conv_make(call->shape.select, call->shape.node, &call->inputs[X], &call->inputs[W], &call->outputs[0]);

    run(call, &c.forward, c.forward_kernel, prepared_of(call), call->inputs[X].data, call->inputs[B].data,
        call->outputs[0].data);
    return RNNP_OK;
}

/* ---- dw ---- */

/* What a window slides over, `wide`, and what has one element for each of its places, `narrow`: x and dy of Conv, dy
 * and x of ConvTranspose. w is [narrow channel][wide channel][kernel] of each group in both. */
typedef struct sides {
    const rnnp_conv *c; /* as Conv: wide is its input, narrow its output */
    const float *wide, *narrow;
    rnnp_conv_planes plane; /* in: of the wide side, out: of the narrow one */
} sides;

/* Places along axis a where kernel position k meets the wide side. */
static void places(const rnnp_conv_axis *axis, size_t k, size_t *from, size_t *to)
{
    const size_t at = k * axis->dilation, end = axis->in + axis->pad;

    *from = at < axis->pad ? (axis->pad - at + axis->stride - 1) / axis->stride : 0;
    *to = at < end ? (end - at - 1) / axis->stride + 1 : 0;
    if (*to > axis->out) *to = axis->out;
    if (*from > *to) *from = *to;
}

/* Kernel position k of the first image on: to [narrow channel][wide channel], goes on from there if it is not the
 * first. */
static void add_image(const rnnp_gradient_call *call, const sides *s, size_t image, const size_t *k, float *to,
                      int *goes_on)
{
    const rnnp_conv *c = s->c;
    const size_t last = c->axes - 1;
    const float *wide = s->wide + image * c->in * s->plane.in, *narrow = s->narrow + image * c->out * s->plane.out;
    size_t from[RNNP_CONV_AXES], end[RNNP_CONV_AXES], at[RNNP_CONV_AXES], rows = 1;

    for (size_t a = 0; a < c->axes; a++) {
        places(&c->axis[a], k[a], &from[a], &end[a]);
        at[a] = from[a];
        rows *= a < last ? end[a] - from[a] : end[a] > from[a];
    }
    const size_t depth = end[last] - from[last];
    const rnnp_variant *kernel = rnnp_product_kernel(call->shape.select, RNNP_FORMAT_f32, c->in, depth);
    for (; rows > 0; rows--) {
        size_t in_wide = 0, in_narrow = 0;

        for (size_t a = 0; a < c->axes; a++) {
            const rnnp_conv_axis *axis = &c->axis[a];

            in_wide = in_wide * axis->in + at[a] * axis->stride + k[a] * axis->dilation - axis->pad;
            in_narrow = in_narrow * axis->out + at[a];
        }
        rnnp_product_pack(kernel, call->workspace, wide + in_wide, c->in, depth, s->plane.in, c->axis[last].stride, 0,
                          1);
        kernel->fn.gemm(&(rnnp_gemm_args){.m = c->out,
                                          .n = c->in,
                                          .k = depth,
                                          .a = narrow + in_narrow,
                                          .lda = s->plane.out,
                                          .b = call->workspace,
                                          .c0 = *goes_on ? to : NULL,
                                          .ldc0 = *goes_on ? c->in : 0,
                                          .c = to,
                                          .ldc = c->in});
        *goes_on = 1;
        for (size_t a = last; a-- > 0;) {
            if (++at[a] < end[a]) break;
            at[a] = from[a];
        }
    }
}

/* The sum of one kernel position in one group, and the packed side for it. */
static size_t weights_bytes(const rnnp_gradient_shape *shape, const conv *c)
{
    const rnnp_conv *of = c->forward.transposed ? &c->back : &c->forward;
    const size_t depth = of->axis[of->axes - 1].out;
    const rnnp_variant *kernel = rnnp_product_kernel(shape->select, RNNP_FORMAT_f32, of->in, depth);

    return rnnp_add_bytes(rnnp_align64(rnnp_product_bytes(kernel, of->in, depth, 1)), of->in * of->out * sizeof(float));
}

static void back_weights(const rnnp_gradient_call *call, const conv *c, const rnnp_tensor *dw)
{
    const rnnp_conv *of = c->forward.transposed ? &c->back : &c->forward;
    const float *x = call->inputs[X].data, *dy = call->d_outputs[0].data;
    const size_t packed = weights_bytes(&call->shape, c) - of->in * of->out * sizeof(float);
    const sides s = {of, c->forward.transposed ? dy : x, c->forward.transposed ? x : dy, rnnp_conv_planes_of(of)};
    const size_t positions = s.plane.kernel;
    float *sum = (float *)(void *)((char *)call->workspace + packed);
    size_t k[RNNP_CONV_AXES];

    for (size_t g = 0; g < of->groups; g++) {
        for (size_t position = 0; position < positions; position++) {
            float *to = (float *)dw->data + g * of->out * of->in * positions + position;
            int goes_on = 0;

            for (size_t a = of->axes, left = position; a-- > 0; left /= of->axis[a].kernel)
                k[a] = left % of->axis[a].kernel;
            for (size_t n = 0; n < of->batch; n++) add_image(call, &s, n * of->groups + g, k, sum, &goes_on);
            for (size_t i = 0; i < of->out * of->in; i++) to[i * positions] = goes_on ? sum[i] : 0.0f;
        }
    }
}

/* ---- Backward ---- */

static size_t conv_workspace(const rnnp_gradient_shape *shape)
{
    const conv c = conv_of_shape(shape);
    const int constant = rnnp_gradient_constant(shape->node, W);
    const size_t forward =
        rnnp_add_bytes(constant ? 0 : forward_bytes(&c), rnnp_conv_workspace(c.forward_kernel, &c.forward, 1));
    const size_t back = rnnp_add_bytes(constant ? 0 : back_bytes(&c), rnnp_conv_workspace(c.back_kernel, &c.back, 1));
    const size_t most = forward > back ? forward : back, weights = weights_bytes(shape, &c);

    return most > weights ? most : weights;
}

static rnnp_status conv_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor *dy = &call->d_outputs[0], *dx = &call->d_inputs[X];
    const conv c = conv_make(call->shape.select, call->shape.node, &call->inputs[X], &call->inputs[W], dy);
    const char *prepared = prepared_of(call);

    if (dx->data) {
        if (rnnp_tensor_elements(dy) == 0)
            rnnp_clear(dx);
        else
            run(call, &c.back, c.back_kernel, prepared ? prepared + forward_bytes(&c) : NULL, dy->data, NULL, dx->data);
    }
    if (call->d_inputs[W].data) back_weights(call, &c, &call->d_inputs[W]);
    if (!rnnp_absent(call->shape.node, B) && call->d_inputs[B].data) {
        rnnp_tensor db = {.dtype = RNNP_DTYPE_F32, .rank = dy->rank, .data = call->d_inputs[B].data};

        for (size_t d = 0; d < db.rank; d++) db.shape[d] = d == 1 ? dy->shape[1] : 1;
        rnnp_sum_broadcast(rnnp_call_select(call), dy, &db);
    }
    return RNNP_OK;
}

#define CONV(op_name)                                                                                              \
    RNNP_GRADIENT_ROW(op_name, .inputs = 7, .keeps_inputs = 3, .forward = conv_forward, .backward = conv_backward, \
                      .workspace_bytes = conv_workspace, .prepared_bytes = conv_prepared_bytes,                    \
                      .prepare = conv_prepare)

CONV(Conv);
CONV(ConvTranspose);
