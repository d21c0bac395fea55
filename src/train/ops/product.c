/* SPDX-License-Identifier: Apache-2.0
 *
 * Gemm and MatMul. da = dy b^T is one chain over y's columns, db = a^T dy one over its rows, both ascending; of several
 * matrices, those that share an operand continue its chains in ascending order. Then alpha, if it is not 1.
 *
 * A constant right side is packed once per step, for the forward product and, transposed, for da.
 */
#include "../../graph/ops/product.h"
#include "back.h"

typedef struct product {
    size_t m, n, k;
    int trans_a, trans_b; /* a is given as [k][m], b as [n][k] */
    float alpha;
    rnnp_tensor a, b, y; /* one matrix per element of these; broadcast to y */
} product;

/* Axes before the last two of MatMul's operands; a right side that is one matrix makes the left one tall. */
static product matmul_product(const rnnp_tensor *a, const rnnp_tensor *b)
{
    product p = {.alpha = 1.0f, .a = rnnp_matmul_operand(a, 0), .b = rnnp_matmul_operand(b, 1)};
    p.a.rank -= 2;
    p.b.rank -= 2;
    p.m = (size_t)p.a.shape[p.a.rank];
    p.k = (size_t)p.a.shape[p.a.rank + 1];
    p.n = (size_t)p.b.shape[p.b.rank + 1];
    if (rnnp_tensor_elements(&p.b) == 1) {
        p.m *= rnnp_tensor_elements(&p.a);
        p.a.rank = p.b.rank = 0;
    }
    return p;
}

static product gemm_product(const rnnp_gemm_params *gemm, const rnnp_tensor *a, const rnnp_tensor *b)
{
    return (product){.m = (size_t)a->shape[gemm->trans_a],
                     .n = (size_t)b->shape[!gemm->trans_b],
                     .k = (size_t)b->shape[gemm->trans_b],
                     .trans_a = gemm->trans_a,
                     .trans_b = gemm->trans_b,
                     .alpha = gemm->alpha};
}

static product product_of(const rnnp_node *node, const rnnp_tensor *a, const rnnp_tensor *b, const rnnp_tensor *y)
{
    product p = node->op->param_bytes ? gemm_product(rnnp_gemm_of(node), a, b) : matmul_product(a, b);
    /* y's own axes of matrices come last, where a vector has none. */
    p.y = (rnnp_tensor){.dtype = RNNP_DTYPE_F32, .rank = p.a.rank > p.b.rank ? p.a.rank : p.b.rank};
    rnnp_copy(p.y.shape, y->shape, p.y.rank * sizeof *y->shape);
    return p;
}

static product shape_product(const rnnp_gradient_shape *shape)
{
    const rnnp_tensor a = rnnp_known_tensor(&shape->inputs[0]), b = rnnp_known_tensor(&shape->inputs[1]);
    const rnnp_tensor y = rnnp_known_tensor(&shape->outputs[0]);
    return product_of(shape->node, &a, &b, &y);
}

/* ---- Packed right sides ---- */

/* Right sides [k][n] are packed for the kernel of the rules, as the operator does without a plan. */
static size_t packed_bytes(const rnnp_selection *select, size_t n, size_t k, size_t matrices)
{
    return rnnp_product_bytes(rnnp_product_kernel(select, RNNP_FORMAT_f32, n, k), n, k, matrices);
}

static void pack(const rnnp_selection *select, float *packed, const float *b, size_t n, size_t k, int transposed,
                 size_t part, size_t parts)
{
    rnnp_product_pack(rnnp_product_kernel(select, RNNP_FORMAT_f32, n, k), packed, b, n, k, transposed ? k : 1,
                      transposed ? 1 : n, part, parts);
}

/* b^T as a right side: p->n deep, p->k columns. */
static void pack_transposed(const rnnp_selection *select, const product *p, const float *b, float *packed, size_t part,
                            size_t parts)
{
    pack(select, packed, b, p->k, p->n, !p->trans_b, part, parts);
}

/* What the operator is prepared with: a constant right side is known, and no other. */
static rnnp_prepare operator_prepare(const rnnp_gradient_shape *shape, const void *b, rnnp_meta *metas)
{
    memcpy(metas, shape->inputs, shape->node->n_inputs * sizeof *metas);
    metas[1].known = b;
    return rnnp_shape_prepare(shape, metas);
}

static const void *constant_right(const rnnp_gradient_shape *shape)
{
    return rnnp_gradient_constant(shape->node, 1) ? shape->node->input_metas[1].known : NULL;
}

static size_t forward_packed_bytes(const rnnp_gradient_shape *shape)
{
    rnnp_meta metas[3] = {0};
    const rnnp_prepare prepare = operator_prepare(shape, constant_right(shape), metas);
    rnnp_planned planned = {0};
    rnnp_node_plan(&prepare, &planned);
    return planned.pack_bytes;
}

/* [b, as the operator packs it][b^T, matrix by matrix] */
static size_t product_prepared_bytes(const rnnp_gradient_shape *shape)
{
    const product p = shape_product(shape);
    const size_t matrices = rnnp_tensor_elements(&p.b);
    if (!rnnp_gradient_constant(shape->node, 1)) return 0;
    return rnnp_add_bytes(forward_packed_bytes(shape), packed_bytes(shape->select, p.k, p.n, matrices));
}

static void product_prepare(const rnnp_gradient_shape *shape, const rnnp_tensor *inputs, void *prepared, size_t part,
                            size_t parts)
{
    const product p = shape_product(shape);
    rnnp_meta metas[3] = {0};
    const rnnp_prepare prepare = operator_prepare(shape, inputs[1].data, metas);
    rnnp_product own;
    rnnp_planned planned = {.own = &own};
    float *transposed = (float *)(void *)((char *)prepared + forward_packed_bytes(shape));
    if (!rnnp_gradient_constant(shape->node, 1)) return;
    rnnp_node_plan(&prepare, &planned);
    shape->node->op->pack(shape->node, metas, planned.own, prepared, part, parts);
    for (size_t i = 0; i < rnnp_tensor_elements(&p.b) && p.n && p.k; i++)
        pack_transposed(shape->select, &p, (const float *)inputs[1].data + i * p.n * p.k,
                        transposed + i * (packed_bytes(shape->select, p.k, p.n, 1) / sizeof(float)), part, parts);
}

/* ---- Forward ---- */

static rnnp_status product_forward(const rnnp_gradient_call *call)
{
    rnnp_exec exec = rnnp_call_exec(call);
    exec.packed = rnnp_gradient_constant(call->shape.node, 1) ? call->prepared : NULL;
    return call->shape.node->op->run(&exec, call->shape.node, call->inputs, call->outputs);
}

/* ---- Backward ---- */

/* The larger of what da needs, [b^T packed][da transposed], and db, [right side packed][left side transposed]. */
static size_t backward_bytes(const rnnp_gradient_shape *shape)
{
    const product p = shape_product(shape);
    const size_t left = rnnp_add_bytes(rnnp_align64(packed_bytes(shape->select, p.k, p.n, 1)),
                                       p.trans_a ? p.m * p.k * sizeof(float) : 0);
    const size_t columns = p.trans_b ? p.k : p.n, rows = p.trans_b ? p.n : p.k;
    const size_t right =
        rnnp_add_bytes(rnnp_align64(packed_bytes(shape->select, columns, p.m, 1)), rows * p.m * sizeof(float));
    return left > right ? left : right;
}

static size_t product_workspace(const rnnp_gradient_shape *shape)
{
    rnnp_meta metas[3] = {0};
    const rnnp_prepare prepare = operator_prepare(shape, constant_right(shape), metas);
    const size_t forward = shape->node->op->workspace_bytes(&prepare, shape->outputs);
    const size_t backward = backward_bytes(shape);
    return forward > backward ? forward : backward;
}

static float *beyond(const rnnp_gradient_call *call, size_t bytes)
{
    return (float *)(void *)((char *)call->workspace + rnnp_align64(bytes));
}

/* c [m][n], continued or new. */
static void multiply(const rnnp_gradient_call *call, size_t m, size_t n, size_t k, const float *a, const float *packed,
                     float *c, int goes_on)
{
    const rnnp_product how = {rnnp_product_kernel(rnnp_call_select(call), RNNP_FORMAT_f32, n, k), 1};
    const rnnp_gemm_args args = {.m = m,
                                 .n = n,
                                 .k = k,
                                 .a = a,
                                 .lda = k,
                                 .b = packed,
                                 .c0 = goes_on ? c : NULL,
                                 .ldc0 = goes_on ? n : 0,
                                 .c = c,
                                 .ldc = n,
                                 .math = (int)call->shape.math};
    rnnp_product_forward(&how, &args, NULL, 1);
}

/* da of one matrix; packed: b^T, or NULL. */
static void back_left(const rnnp_gradient_call *call, const product *p, const float *b, const float *packed,
                      const float *dy, float *da, int goes_on)
{
    const rnnp_selection *select = rnnp_call_select(call);
    float *turned = beyond(call, packed_bytes(select, p->k, p->n, 1));
    if (!packed) {
        pack_transposed(select, p, b, call->workspace, 0, 1);
        packed = call->workspace;
    }
    multiply(call, p->m, p->k, p->n, dy, packed, p->trans_a ? turned : da, goes_on);
    if (p->trans_a) /* Gemm: one matrix */
        rnnp_turn(call, turned, da, p->m, p->k);
}

/* db of one matrix in its own layout: a^T dy, or (a^T dy)^T = dy^T a, whose elements are the same chains. */
static void back_right(const rnnp_gradient_call *call, const product *p, const float *a, const float *dy, float *db,
                       int goes_on)
{
    const rnnp_selection *select = rnnp_call_select(call);
    const size_t columns = p->trans_b ? p->k : p->n, rows = p->trans_b ? p->n : p->k;
    float *packed = call->workspace, *turned = beyond(call, packed_bytes(select, columns, p->m, 1));
    if (p->trans_b) {
        pack(select, packed, a, p->k, p->m, p->trans_a, 0, 1);
        rnnp_turn(call, dy, turned, p->m, p->n);
    } else {
        pack(select, packed, dy, p->n, p->m, 0, 0, 1);
        if (!p->trans_a) rnnp_turn(call, a, turned, p->m, p->k);
    }
    multiply(call, rows, columns, p->m, p->trans_a && !p->trans_b ? a : turned, packed, db, goes_on);
}

static rnnp_status product_backward(const rnnp_gradient_call *call)
{
    const rnnp_selection *select = rnnp_call_select(call);
    const rnnp_tensor *da = &call->d_inputs[0], *db = &call->d_inputs[1];
    const product p = product_of(call->shape.node, &call->inputs[0], &call->inputs[1], &call->d_outputs[0]);
    const size_t matrices = rnnp_tensor_elements(&p.y), floats = packed_bytes(select, p.k, p.n, 1) / sizeof(float);
    const int shared_a = rnnp_tensor_elements(&p.a) != matrices, shared_b = rnnp_tensor_elements(&p.b) != matrices;
    const float *a = call->inputs[0].data, *b = call->inputs[1].data, *dy = call->d_outputs[0].data;
    const float *transposed = NULL;
    rnnp_walk walk;
    if (rnnp_gradient_constant(call->shape.node, 1))
        transposed = (const float *)(const void *)((const char *)call->prepared + forward_packed_bytes(&call->shape));
    if (da->data && shared_a) rnnp_clear(da);
    if (db->data && shared_b) rnnp_clear(db);
    rnnp_walk_init(&walk, &p.y, 2);
    rnnp_walk_broadcast(&walk, &p.y, 0, &p.a);
    rnnp_walk_broadcast(&walk, &p.y, 1, &p.b);
    for (rnnp_walk_begin(&walk, 0); walk.rows; rnnp_walk_next(&walk), dy += p.m * p.n) {
        const size_t at_a = (size_t)walk.offset[0], at_b = (size_t)walk.offset[1];
        if (da->data)
            back_left(call, &p, b + at_b * p.n * p.k, transposed ? transposed + at_b * floats : NULL, dy,
                      (float *)da->data + at_a * p.m * p.k, shared_a);
        if (db->data) back_right(call, &p, a + at_a * p.m * p.k, dy, (float *)db->data + at_b * p.n * p.k, shared_b);
    }
    if (da->data) rnnp_scale(select, da->data, rnnp_tensor_elements(da), p.alpha);
    if (db->data) rnnp_scale(select, db->data, rnnp_tensor_elements(db), p.alpha);
    return RNNP_OK;
}

/* dc: dy summed over the axes along which C was broadcast, times beta. */
static rnnp_status gemm_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor *dc = &call->d_inputs[2];
    product_backward(call);
    if (rnnp_absent(call->shape.node, 2) || !dc->data) return RNNP_OK;
    rnnp_sum_broadcast(rnnp_call_select(call), &call->d_outputs[0], dc);
    rnnp_scale(rnnp_call_select(call), dc->data, rnnp_tensor_elements(dc), rnnp_gemm_of(call->shape.node)->beta);
    return RNNP_OK;
}

#define PRODUCT(op_name, bits, back)                                                                              \
    RNNP_GRADIENT_ROW(op_name, .inputs = (bits), .keeps_inputs = 3, .forward = product_forward, .backward = back, \
                      .workspace_bytes = product_workspace, .prepared_bytes = product_prepared_bytes,             \
                      .prepare = product_prepare);

PRODUCT(Gemm, 7, gemm_backward)
PRODUCT(MatMul, 3, product_backward)
