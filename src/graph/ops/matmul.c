/* SPDX-License-Identifier: Apache-2.0
 *
 * MatMul: matrices in the last two axes, the others broadcast; vectors become one row or column.
 */
#include "params.h"
#include "product.h"

/* A rank 1 operand gets its missing axis. */
rnnp_tensor rnnp_matmul_operand(const rnnp_tensor *tensor, int is_right)
{
    rnnp_tensor matrices = *tensor;

    if (tensor->rank == 1) {
        matrices.rank = 2;
        matrices.shape[0] = is_right ? tensor->shape[0] : 1;
        matrices.shape[1] = is_right ? 1 : tensor->shape[0];
    }
    return matrices;
}

static RNNP_INFER(matmul_infer)
{
    rnnp_meta batch[2], *out = &outputs[0];
    rnnp_tensor side[2];
    rnnp_status status;
    int64_t k;

    for (size_t i = 0; i < 2; i++) {
        if (inputs[i].rank == 0) return FAIL(in, RNNP_ERR_SHAPE, "input %zu is a scalar", i);
        const rnnp_tensor shape = rnnp_known_tensor(&inputs[i]);
        side[i] = rnnp_matmul_operand(&shape, i == 1);
        batch[i] = (rnnp_meta){.dtype = RNNP_DTYPE_F32, .rank = side[i].rank - 2};
        memcpy(batch[i].dim, side[i].shape, batch[i].rank * sizeof *batch[i].dim);
    }
    const int64_t *a = side[0].shape + batch[0].rank, *b = side[1].shape + batch[1].rank;
    if ((status = rnnp_infer_same(in, "inner dimension", a[1], b[0], &k)) != RNNP_OK) return status;
    if ((status = rnnp_dense_check(in, inputs)) != RNNP_OK) return status;
    *out = (rnnp_meta){.dtype = RNNP_DTYPE_F32};
    if ((status = rnnp_infer_broadcast(in, &batch[0], &batch[1], out)) != RNNP_OK) return status;
    if (inputs[0].rank > 1) out->dim[out->rank++] = a[0];
    if (inputs[1].rank > 1) out->dim[out->rank++] = b[1];
    return RNNP_OK;
}

/* The right side: n, k and how many matrices it holds. */
static size_t right_sizes(const rnnp_tensor *right, size_t *n, size_t *k)
{
    const rnnp_tensor b = rnnp_matmul_operand(right, 1);

    *k = (size_t)b.shape[b.rank - 2];
    *n = (size_t)b.shape[b.rank - 1];
    return rnnp_shape_product(&b, 0, b.rank - 2);
}

static void matmul_dense(const rnnp_node *node, const rnnp_meta *inputs, rnnp_dense *dense)
{
    const rnnp_meta *a = &inputs[0];
    const rnnp_tensor b = rnnp_known_tensor(&inputs[1]);
    size_t n, k;

    (void)node;
    dense->matrices = right_sizes(&b, &n, &k);
    dense->n = (int64_t)n;
    dense->k = (int64_t)k;
    dense->n_step = 1;
    dense->k_step = (int64_t)n;
    for (size_t i = 0; i + 1 < a->rank; i++) dense->row[dense->n_rows++] = a->dim[i];
}

enum { MATMUL_SCALE = 2 };
static const rnnp_dense_family family = {matmul_dense, MATMUL_SCALE};

static RNNP_SCRATCH(matmul_workspace)
{
    const size_t elements = rnnp_meta_elements(outputs);
    const int64_t n = p->inputs[1].rank == 1 ? 1 : p->inputs[1].dim[p->inputs[1].rank - 1];

    return rnnp_dense_workspace(p, n > 0 ? elements / (size_t)n : 0);
}

static RNNP_RUN(matmul_run)
{
    const rnnp_tensor a = rnnp_matmul_operand(&inputs[0], 0), b = rnnp_matmul_operand(&inputs[1], 1);
    rnnp_tensor batch_a = a, batch_b = b, batch = {.rank = a.rank > b.rank ? a.rank - 2 : b.rank - 2};
    rnnp_gemm_args args = {.m = (size_t)a.shape[a.rank - 2], .math = (int)e->math};
    const size_t b_matrices = right_sizes(&inputs[1], &args.n, &args.k);
    const rnnp_product product = rnnp_dense_product(e, args.n, args.k);
    const size_t packed_bytes = rnnp_product_bytes(product.kernel, args.n, args.k, 1);
    ptrdiff_t in_workspace = -1;
    rnnp_walk walk;

    if (rnnp_tensor_elements(&outputs[0]) == 0) return RNNP_OK; /* however many matrices without elements there are */
    args.lda = args.k;
    args.ldc = args.n;
    batch_a.rank -= 2;
    batch_b.rank -= 2;
    /* A vector's missing axis comes after these. */
    memcpy(batch.shape, outputs[0].shape, batch.rank * sizeof *batch.shape);
    if (b_matrices == 1) { /* then A's matrices are one tall matrix */
        args.m *= rnnp_shape_product(&batch, 0, batch.rank);
        batch.rank = batch_a.rank = batch_b.rank = 0;
    }
    rnnp_walk_over(&walk, &batch, (const rnnp_tensor *[]){&batch_a, &batch_b}, 2, 1);
    for (; walk.rows; rnnp_walk_next(&walk)) {
        for (size_t i = 0; i < rnnp_walk_inner_dim(&walk); i++) {
            const ptrdiff_t at_a = walk.offset[0] + (ptrdiff_t)i * rnnp_walk_inner_step(&walk, 0);
            const ptrdiff_t at_b = walk.offset[1] + (ptrdiff_t)i * rnnp_walk_inner_step(&walk, 1);

            if (!e->packed && in_workspace != at_b) {
                const float *right = (const float *)b.data + (size_t)at_b * args.n * args.k;

                rnnp_product_pack(product.kernel, e->workspace, right, args.n, args.k, 1, args.n, 0, 1);
                in_workspace = at_b;
            }
            args.b = e->packed ? (const char *)e->packed + (size_t)at_b * packed_bytes : e->workspace;
            args.scratch = e->packed ? e->workspace : NULL;
            args.a = (const float *)a.data + (size_t)at_a * args.m * args.k;
            args.c = (float *)outputs[0].data + (walk.row + i) * args.m * args.n;
            rnnp_product_forward(&product, &args, e->team, e->threads);
        }
    }
    return RNNP_OK;
}

static RNNP_TIME(matmul_time)
{
    const int rank_a = inputs[0].rank == 1 ? 2 : (int)inputs[0].rank;
    const int rank_b = inputs[1].rank == 1 ? 2 : (int)inputs[1].rank;
    const int rank = rank_a > rank_b ? rank_a : rank_b; /* of the result, with the axes of vectors */
    const int a = in_axis[0], b = in_axis[1];

    out_axis[0] = RNNP_TIME_NONE;
    if (a != RNNP_TIME_NONE && (a == (int)inputs[0].rank - 1 || rnnp_time_agree(a + rank - rank_a, out_axis) != 0))
        return -1;
    if (b != RNNP_TIME_NONE &&
        (b == (inputs[1].rank == 1 ? 0 : rank_b - 2) || rnnp_time_agree(b + rank - rank_b, out_axis) != 0))
        return -1;
    if (inputs[0].rank == 1 && out_axis[0] == rank - 1) out_axis[0]--;
    return 0;
}

RNNP_DEFINE(MatMul, 2, 3, .infer = matmul_infer, .run = matmul_run, .time = matmul_time,
            .workspace_bytes = matmul_workspace, RNNP_DENSE_OPERATOR(family, MATMUL_SCALE));
