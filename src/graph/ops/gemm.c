/* SPDX-License-Identifier: Apache-2.0
 *
 * Gemm: alpha A B + beta C, A and B transposed or not.
 */
#include "params.h"
#include "product.h"

static rnnp_status gemm_parse(rnnp_parse *p, void *params)
{
    rnnp_gemm_params *gemm = params;

    gemm->alpha = rnnp_parse_float(p, "alpha", 1.0f);
    gemm->beta = rnnp_parse_float(p, "beta", 1.0f);
    gemm->trans_a = rnnp_parse_int(p, "transA", 0) != 0;
    gemm->trans_b = rnnp_parse_int(p, "transB", 0) != 0;
    if (p->node->opset < 7) rnnp_parse_int(p, "broadcast", 0); /* what it allows is always allowed since */
    if (p->node->opset < 11 && rnnp_absent(p->node, 2))
        return PARSE_FAIL(p, RNNP_ERR_ARG, "C is not optional before opset 11");
    return RNNP_OK;
}

static RNNP_INFER(gemm_infer)
{
    const rnnp_gemm_params *gemm = in->node->params;
    const rnnp_meta *a = &inputs[0], *b = &inputs[1], *c = &inputs[2];
    rnnp_status status;
    rnnp_meta broadcast;
    int64_t k;

    if (!rnnp_absent(in->node, 2) && (status = rnnp_infer_type(in, inputs, 2, RNNP_BIT(RNNP_DTYPE_F32))) != RNNP_OK)
        return status;
    if (a->rank != 2 || b->rank != 2)
        return FAIL(in, RNNP_ERR_SHAPE, "A has rank %zu and B %zu, both must be 2", a->rank, b->rank);
    if ((status = rnnp_infer_same(in, "inner dimension", a->dim[!gemm->trans_a], b->dim[gemm->trans_b], &k)) != RNNP_OK)
        return status;
    if ((status = rnnp_dense_check(in, inputs)) != RNNP_OK) return status;
    outputs[0] = (rnnp_meta){.dtype = RNNP_DTYPE_F32, .rank = 2};
    outputs[0].dim[0] = a->dim[gemm->trans_a];
    outputs[0].dim[1] = b->dim[!gemm->trans_b];
    if (rnnp_absent(in->node, 2)) return RNNP_OK;
    if (c->rank > 2) return FAIL(in, RNNP_ERR_SHAPE, "C has rank %zu", c->rank);
    if ((status = rnnp_infer_broadcast(in, &outputs[0], c, &broadcast)) != RNNP_OK) return status;
    for (size_t i = 0; i < 2; i++) {
        int64_t dim;

        if ((status = rnnp_infer_same(in, "dimension of C", outputs[0].dim[i], broadcast.dim[i], &dim)) != RNNP_OK)
            return status;
    }
    return RNNP_OK;
}

static void gemm_dense(const rnnp_node *node, const rnnp_meta *inputs, rnnp_dense *dense)
{
    const rnnp_gemm_params *gemm = node->params;
    const int64_t *b = inputs[1].dim;

    dense->n = b[!gemm->trans_b];
    dense->k = b[gemm->trans_b];
    dense->n_step = gemm->trans_b ? dense->k : 1;
    dense->k_step = gemm->trans_b ? 1 : dense->n;
    dense->row[0] = inputs[0].dim[gemm->trans_a];
    dense->n_rows = 1;
}

enum { GEMM_SCALE = 3 };
static const rnnp_dense_family family = {gemm_dense, GEMM_SCALE};

/* [packed B, unless the plan has it, or scratch][A transposed] */
static RNNP_SCRATCH(gemm_workspace)
{
    const rnnp_gemm_params *gemm = p->node->params;
    const size_t b = rnnp_align64(rnnp_dense_workspace(p, (size_t)p->inputs[0].dim[gemm->trans_a]));

    return gemm->trans_a ? rnnp_add_bytes(b, rnnp_meta_bytes(&p->inputs[0])) : b;
}

/* Where the chains start: C as it is when it has a whole row or matrix and beta is 1, else y, filled here. */
static void gemm_start(const rnnp_gemm_params *gemm, const rnnp_tensor *c, const rnnp_tensor *y, rnnp_gemm_args *args)
{
    const float *data = c->data;
    rnnp_walk walk;

    if (!c->dtype || gemm->alpha != 1.0f) return;
    const int whole_rows = c->rank > 0 && c->shape[c->rank - 1] == y->shape[1];
    const int one_row = c->rank < 2 || c->shape[0] == 1;
    if (gemm->beta == 1.0f && whole_rows) {
        args->c0 = data;
        args->ldc0 = one_row ? 0 : args->n;
        return;
    }
    rnnp_walk_over(&walk, y, &c, 1, 1);
    for (; walk.rows; rnnp_walk_next(&walk)) {
        for (size_t i = 0; i < rnnp_walk_inner_dim(&walk); i++)
            ((float *)y->data)[walk.row + i] =
                gemm->beta * data[walk.offset[0] + (ptrdiff_t)i * rnnp_walk_inner_step(&walk, 0)];
    }
    args->c0 = y->data;
    args->ldc0 = args->n;
}

/* alpha != 1: y = alpha * product + beta * C */
static void gemm_finish(const rnnp_gemm_params *gemm, const rnnp_tensor *c, const rnnp_tensor *y)
{
    float *data = y->data;
    rnnp_walk walk;

    if (gemm->alpha == 1.0f) return;
    rnnp_walk_over(&walk, y, &c, c->dtype ? 1 : 0, 1);
    for (; walk.rows; rnnp_walk_next(&walk)) {
        for (size_t i = 0; i < rnnp_walk_inner_dim(&walk); i++) {
            const ptrdiff_t at = walk.offset[0] + (ptrdiff_t)i * rnnp_walk_inner_step(&walk, 0);
            const float scaled = gemm->alpha * data[walk.row + i];

            data[walk.row + i] = c->dtype ? scaled + gemm->beta * ((const float *)c->data)[at] : scaled;
        }
    }
}

static RNNP_RUN(gemm_run)
{
    const rnnp_gemm_params *gemm = node->params;
    const rnnp_tensor *a = &inputs[0], *b = &inputs[1], *c = &inputs[2], *y = &outputs[0];
    char *workspace = e->workspace;
    if (rnnp_tensor_elements(y) == 0) return RNNP_OK;
    rnnp_gemm_args args = {.a = a->data, .b = e->packed, .c = y->data, .math = (int)e->math};

    args.m = (size_t)a->shape[gemm->trans_a];
    args.n = (size_t)b->shape[!gemm->trans_b];
    args.k = (size_t)b->shape[gemm->trans_b];
    args.lda = args.k;
    args.ldc = args.n;
    const rnnp_product product = rnnp_dense_product(e, args.n, args.k);
    if (!args.b) {
        float *packed = (float *)(void *)workspace;

        rnnp_product_pack(product.kernel, packed, b->data, args.n, args.k, gemm->trans_b ? args.k : 1,
                          gemm->trans_b ? 1 : args.n, 0, 1);
        args.b = packed;
        workspace += rnnp_align64(rnnp_product_bytes(product.kernel, args.n, args.k, 1));
    } else {
        const size_t scratch = rnnp_product_scratch(product.kernel, args.m, args.k, e->threads) * sizeof(float);

        if (scratch) { /* otherwise there may be no workspace */
            args.scratch = (float *)(void *)workspace;
            workspace += rnnp_align64(scratch);
        }
    }
    if (gemm->trans_a) {
        const rnnp_move_args move = {.x = a->data,
                                     .y = (float *)(void *)workspace,
                                     .rows = args.k,
                                     .cols = args.m,
                                     .ldx = args.m,
                                     .ldy = args.k};

        e->select->op[RNNP_OP_transpose_f32]->fn.transpose_f32(&move);
        args.a = move.y;
    }
    gemm_start(gemm, c, y, &args);
    rnnp_product_forward(&product, &args, e->team, e->threads);
    gemm_finish(gemm, c, y);
    return RNNP_OK;
}

/* Time may run along the rows of A or the columns of B, not along what is summed. */
static RNNP_TIME(gemm_time)
{
    const rnnp_gemm_params *gemm = node->params;
    const int summed[2] = {!gemm->trans_a, gemm->trans_b};

    out_axis[0] = RNNP_TIME_NONE;
    for (int i = 0; i < 2; i++) {
        if (in_axis[i] == summed[i] || rnnp_time_agree(in_axis[i] == RNNP_TIME_NONE ? in_axis[i] : i, out_axis) != 0)
            return -1;
    }
    return rnnp_absent(node, 2) ? 0 : rnnp_time_broadcast(in_axis[2], inputs[2].rank, 2, out_axis);
}

RNNP_DEFINE(Gemm, 2, 4, .param_bytes = sizeof(rnnp_gemm_params), .parse = gemm_parse, .infer = gemm_infer,
            .run = gemm_run, .time = gemm_time, .workspace_bytes = gemm_workspace,
            RNNP_DENSE_OPERATOR(family, GEMM_SCALE));
