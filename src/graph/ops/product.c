/* SPDX-License-Identifier: Apache-2.0
 *
 * Gemm and MatMul on the packed product kernel. A constant right side is packed once, in the plan; any other is
 * packed by each run. Threads share rows or columns, never the chain over k.
 */
#include "ops.h"

#include <string.h>

static size_t panel_columns(const rnnp_selection *select)
{
    return select->op[RNNP_OP_gemm_f32]->traits.nr;
}

static const char *product_variant(const rnnp_prepare *p)
{
    return p->select->op[RNNP_OP_gemm_f32]->name;
}

/* SIZE_MAX on overflow, which no allocator can serve. */
static size_t packed_bytes(const rnnp_selection *select, size_t n, size_t k, size_t matrices)
{
    const size_t nr = panel_columns(select);
    size_t columns, floats, bytes;

    if (rnnp_add_overflow(n, nr - 1, &columns) || rnnp_mul_overflow(columns / nr * nr, k, &floats) ||
        rnnp_mul_overflow(floats, matrices, &floats) || rnnp_mul_overflow(floats, sizeof(float), &bytes))
        return SIZE_MAX;
    return bytes;
}

/* b[k * k_step + n * n_step] */
static void pack(const rnnp_selection *select, float *packed, const float *b, size_t n, size_t k, size_t n_step,
                 size_t k_step)
{
    if (k > 0)
        rnnp_pack_f32(packed, b, 1, n, k, panel_columns(select), 0, n_step, k_step, NULL);
}

static size_t add_bytes(size_t a, size_t b)
{
    size_t sum;

    return rnnp_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

static size_t align64(size_t bytes)
{
    return bytes > SIZE_MAX - 63 ? SIZE_MAX : (bytes + 63) & ~(size_t)63;
}

/* ---- One product, shared by the team ---- */

typedef struct product_call {
    const rnnp_gemm_args *args;
    const rnnp_variant *kernel;
    size_t threads; /* 0: all of the team */
} product_call;

/* Thread i's share of `total` units. */
static void share(size_t total, size_t i, size_t n, size_t *from, size_t *to)
{
    const size_t each = total / n, more = total % n;

    *from = i * each + (i < more ? i : more);
    *to = *from + each + (i < more);
}

static void product_phase(void *arg, size_t phase, size_t i, size_t n)
{
    const product_call *call = arg;
    const size_t nr = call->kernel->traits.nr, panels = (call->args->n + nr - 1) / nr;
    rnnp_gemm_args part = *call->args;
    size_t from, to;

    (void)phase;
    if (call->threads && n > call->threads)
        n = call->threads;
    if (i >= n)
        return;
    if (part.m >= 4 * n || part.m >= panels) {
        share(part.m, i, n, &from, &to);
        part.a += from * part.lda;
        part.c += from * part.ldc;
        part.c0 = part.c0 ? part.c0 + from * part.ldc0 : NULL;
        part.m = to - from;
    } else {
        share(panels, i, n, &from, &to);
        part.b += from * nr * part.k;
        part.c += from * nr;
        part.c0 = part.c0 ? part.c0 + from * nr : NULL;
        part.n = (to * nr < part.n ? to * nr : part.n) - from * nr;
    }
    if (from < to)
        call->kernel->fn.gemm_f32(&part);
}

static void product(const rnnp_exec *e, const rnnp_gemm_args *args)
{
    enum { WORTH_A_TEAM = 1 << 16 }; /* multiply-adds: about what waking the workers costs */
    product_call call = {args, e->select->op[RNNP_OP_gemm_f32], e->threads};

    if (args->m == 0 || args->n == 0)
        return;
    if ((double)args->m * (double)args->n * (double)args->k < WORTH_A_TEAM)
        product_phase(&call, 0, 0, 1);
    else
        rnnp_team_phases(e->team, 1, product_phase, &call);
}

/* ---- Gemm: alpha A B + beta C, A and B transposed or not ---- */

typedef struct gemm_params {
    float alpha, beta;
    int trans_a, trans_b;
} gemm_params;

static rnnp_status gemm_parse(rnnp_parse *p, void *params)
{
    gemm_params *gemm = params;

    gemm->alpha = rnnp_parse_float(p, "alpha", 1.0f);
    gemm->beta = rnnp_parse_float(p, "beta", 1.0f);
    gemm->trans_a = rnnp_parse_int(p, "transA", 0) != 0;
    gemm->trans_b = rnnp_parse_int(p, "transB", 0) != 0;
    if (p->node->opset < 11 && rnnp_absent(p->node, 2))
        return rnnp_node_fail(p->model->context, p->node, RNNP_ERR_ARG, "C is not optional before opset 11");
    return RNNP_OK;
}

static rnnp_status gemm_infer(rnnp_infer *in, const rnnp_meta *inputs, rnnp_meta *outputs)
{
    const gemm_params *gemm = in->node->params;
    const rnnp_meta *a = &inputs[0], *b = &inputs[1], *c = &inputs[2];
    rnnp_status status;
    rnnp_meta broadcast;
    int64_t k;

    for (size_t i = 0; i < 3; i++) {
        if (!rnnp_absent(in->node, i) && (status = rnnp_infer_type(in, inputs, i, RNNP_BIT(RNNP_F32))) != RNNP_OK)
            return status;
    }
    if (a->rank != 2 || b->rank != 2)
        return FAIL(in, RNNP_ERR_SHAPE, "A has rank %zu and B %zu, both must be 2", a->rank, b->rank);
    if ((status = rnnp_infer_same(in, "inner dimension", a->dim[!gemm->trans_a], b->dim[gemm->trans_b], &k)) != RNNP_OK)
        return status;
    outputs[0] = (rnnp_meta){.dtype = RNNP_F32, .rank = 2};
    outputs[0].dim[0] = a->dim[gemm->trans_a];
    outputs[0].dim[1] = b->dim[!gemm->trans_b];
    if (rnnp_absent(in->node, 2))
        return RNNP_OK;
    if (c->rank > 2)
        return FAIL(in, RNNP_ERR_SHAPE, "C has rank %zu", c->rank);
    if ((status = rnnp_infer_broadcast(in, &outputs[0], c, &broadcast)) != RNNP_OK)
        return status;
    for (size_t i = 0; i < 2; i++) {
        int64_t dim;

        if ((status = rnnp_infer_same(in, "dimension of C", outputs[0].dim[i], broadcast.dim[i], &dim)) != RNNP_OK)
            return status;
    }
    return RNNP_OK;
}

/* Dimensions from A and B, of which only B need be concrete when m is not asked for. */
static void gemm_sizes(const gemm_params *gemm, const int64_t *a, const int64_t *b, size_t *m, size_t *n, size_t *k)
{
    *m = (size_t)a[gemm->trans_a];
    *n = (size_t)b[!gemm->trans_b];
    *k = (size_t)b[gemm->trans_b];
}

static size_t gemm_packed_bytes(const rnnp_prepare *p)
{
    size_t m, n, k;

    gemm_sizes(p->node->params, p->inputs[0].dim, p->inputs[1].dim, &m, &n, &k);
    return packed_bytes(p->select, n, k, 1);
}

static void gemm_pack_b(const rnnp_selection *select, const gemm_params *gemm, float *packed, const float *b, size_t n,
                        size_t k)
{
    pack(select, packed, b, n, k, gemm->trans_b ? k : 1, gemm->trans_b ? 1 : n);
}

static size_t gemm_pack_bytes(const rnnp_prepare *p)
{
    return p->inputs[1].known ? gemm_packed_bytes(p) : 0;
}

static void gemm_pack(const rnnp_prepare *p, void *packed)
{
    size_t m, n, k;

    gemm_sizes(p->node->params, p->inputs[0].dim, p->inputs[1].dim, &m, &n, &k);
    gemm_pack_b(p->select, p->node->params, packed, p->inputs[1].known, n, k);
}

/* [packed B, unless the plan has it][A transposed] */
static size_t gemm_workspace(const rnnp_prepare *p, const rnnp_meta *outputs)
{
    const gemm_params *gemm = p->node->params;
    const size_t b = p->inputs[1].known ? 0 : align64(gemm_packed_bytes(p));

    (void)outputs;
    return gemm->trans_a ? add_bytes(b, rnnp_meta_bytes(&p->inputs[0])) : b;
}

/* Where the chains start: C as it is when it has a whole row or matrix and beta is 1, else y, filled here. */
static void gemm_start(const gemm_params *gemm, const rnnp_tensor *c, const rnnp_tensor *y, rnnp_gemm_args *args)
{
    const float *data = c->data;
    rnnp_walk walk;

    if (!c->dtype || gemm->alpha != 1.0f)
        return;
    const int whole_rows = c->rank > 0 && c->shape[c->rank - 1] == y->shape[1];
    const int one_row = c->rank < 2 || c->shape[0] == 1;
    if (gemm->beta == 1.0f && whole_rows) {
        args->c0 = data;
        args->ldc0 = one_row ? 0 : args->n;
        return;
    }
    rnnp_walk_init(&walk, y, 1);
    rnnp_walk_broadcast(&walk, y, 0, c);
    rnnp_walk_begin(&walk, 1);
    for (; walk.rows; rnnp_walk_next(&walk)) {
        for (size_t i = 0; i < rnnp_walk_inner_dim(&walk); i++)
            ((float *)y->data)[walk.row + i] =
                gemm->beta * data[walk.offset[0] + (ptrdiff_t)i * rnnp_walk_inner_step(&walk, 0)];
    }
    args->c0 = y->data;
    args->ldc0 = args->n;
}

/* alpha != 1: y = alpha * product + beta * C */
static void gemm_finish(const gemm_params *gemm, const rnnp_tensor *c, const rnnp_tensor *y)
{
    float *data = y->data;
    rnnp_walk walk;

    if (gemm->alpha == 1.0f)
        return;
    rnnp_walk_init(&walk, y, 1);
    if (c->dtype)
        rnnp_walk_broadcast(&walk, y, 0, c);
    rnnp_walk_begin(&walk, 1);
    for (; walk.rows; rnnp_walk_next(&walk)) {
        for (size_t i = 0; i < rnnp_walk_inner_dim(&walk); i++) {
            const ptrdiff_t at = walk.offset[0] + (ptrdiff_t)i * rnnp_walk_inner_step(&walk, 0);
            const float scaled = gemm->alpha * data[walk.row + i];

            data[walk.row + i] = c->dtype ? scaled + gemm->beta * ((const float *)c->data)[at] : scaled;
        }
    }
}

static rnnp_status gemm_run(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs, rnnp_tensor *outputs)
{
    const gemm_params *gemm = node->params;
    const rnnp_tensor *a = &inputs[0], *b = &inputs[1], *c = &inputs[2], *y = &outputs[0];
    char *workspace = e->workspace;
    rnnp_gemm_args args = {.a = a->data, .b = e->packed, .c = y->data, .math = (int)e->math};

    gemm_sizes(gemm, a->shape, b->shape, &args.m, &args.n, &args.k);
    args.lda = args.k;
    args.ldc = args.n;
    if (!args.b) {
        gemm_pack_b(e->select, gemm, (float *)(void *)workspace, b->data, args.n, args.k);
        args.b = (const float *)(const void *)workspace;
        workspace += align64(packed_bytes(e->select, args.n, args.k, 1));
    }
    if (gemm->trans_a) {
        const rnnp_move_args move = {.x = a->data, .y = (float *)(void *)workspace, .rows = args.k, .cols = args.m,
                                     .ldx = args.m, .ldy = args.k};

        e->select->op[RNNP_OP_transpose_f32]->fn.transpose_f32(&move);
        args.a = move.y;
    }
    gemm_start(gemm, c, y, &args);
    product(e, &args);
    gemm_finish(gemm, c, y);
    return RNNP_OK;
}

/* Time may run along the rows of A or the columns of B, not along what is summed. */
static int gemm_time(const rnnp_node *node, const rnnp_meta *inputs, const int *in_axis, int *out_axis)
{
    const gemm_params *gemm = node->params;
    const int summed[2] = {!gemm->trans_a, gemm->trans_b};

    out_axis[0] = RNNP_TIME_NONE;
    for (int i = 0; i < 2; i++) {
        if (in_axis[i] == summed[i] || rnnp_time_agree(in_axis[i] == RNNP_TIME_NONE ? in_axis[i] : i, out_axis) != 0)
            return -1;
    }
    return rnnp_absent(node, 2) ? 0 : rnnp_time_broadcast(in_axis[2], inputs[2].rank, 2, out_axis);
}

const rnnp_operator rnnp_operator_Gemm = {
    .name = "Gemm", .min_inputs = 2, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
    .param_bytes = sizeof(gemm_params), .parse = gemm_parse, .infer = gemm_infer, .run = gemm_run, .time = gemm_time,
    .pack_bytes = gemm_pack_bytes, .pack = gemm_pack, .workspace_bytes = gemm_workspace, .variant = product_variant};

/* ---- MatMul: matrices in the last two axes, the others broadcast; vectors become one row or column ---- */

/* A rank 1 operand with its missing axis. */
static rnnp_tensor as_matrices(const rnnp_tensor *tensor, int is_right)
{
    rnnp_tensor matrices = *tensor;

    if (tensor->rank == 1) {
        matrices.rank = 2;
        matrices.shape[0] = is_right ? tensor->shape[0] : 1;
        matrices.shape[1] = is_right ? 1 : tensor->shape[0];
    }
    return matrices;
}

static rnnp_status matmul_infer(rnnp_infer *in, const rnnp_meta *inputs, rnnp_meta *outputs)
{
    rnnp_meta batch[2], *out = &outputs[0];
    rnnp_tensor side[2];
    rnnp_status status;
    int64_t k;

    for (size_t i = 0; i < 2; i++) {
        if ((status = rnnp_infer_type(in, inputs, i, RNNP_BIT(RNNP_F32))) != RNNP_OK)
            return status;
        if (inputs[i].rank == 0)
            return FAIL(in, RNNP_ERR_SHAPE, "input %zu is a scalar", i);
        const rnnp_tensor shape = rnnp_known_tensor(&inputs[i]);
        side[i] = as_matrices(&shape, i == 1);
        batch[i] = (rnnp_meta){.dtype = RNNP_F32, .rank = side[i].rank - 2};
        memcpy(batch[i].dim, side[i].shape, batch[i].rank * sizeof *batch[i].dim);
    }
    const int64_t *a = side[0].shape + batch[0].rank, *b = side[1].shape + batch[1].rank;
    if ((status = rnnp_infer_same(in, "inner dimension", a[1], b[0], &k)) != RNNP_OK)
        return status;
    *out = (rnnp_meta){.dtype = RNNP_F32};
    if ((status = rnnp_infer_broadcast(in, &batch[0], &batch[1], out)) != RNNP_OK)
        return status;
    if (inputs[0].rank > 1)
        out->dim[out->rank++] = a[0];
    if (inputs[1].rank > 1)
        out->dim[out->rank++] = b[1];
    return RNNP_OK;
}

/* The right side: n, k and how many matrices it holds. */
static size_t right_sizes(const rnnp_tensor *right, size_t *n, size_t *k)
{
    const rnnp_tensor b = as_matrices(right, 1);

    *k = (size_t)b.shape[b.rank - 2];
    *n = (size_t)b.shape[b.rank - 1];
    return rnnp_shape_product(&b, 0, b.rank - 2);
}

static size_t matmul_pack_bytes(const rnnp_prepare *p)
{
    const rnnp_tensor b = rnnp_known_tensor(&p->inputs[1]);
    size_t n, k;

    if (!p->inputs[1].known)
        return 0;
    const size_t matrices = right_sizes(&b, &n, &k);
    return packed_bytes(p->select, n, k, matrices);
}

static void matmul_pack(const rnnp_prepare *p, void *packed)
{
    const rnnp_tensor b = rnnp_known_tensor(&p->inputs[1]);
    const float *data = p->inputs[1].known;
    size_t n, k;
    const size_t matrices = right_sizes(&b, &n, &k), floats = packed_bytes(p->select, n, k, 1) / sizeof(float);

    for (size_t i = 0; i < matrices && n && k; i++)
        pack(p->select, (float *)packed + i * floats, data + i * n * k, n, k, 1, n);
}

/* One packed matrix at a time. */
static size_t matmul_workspace(const rnnp_prepare *p, const rnnp_meta *outputs)
{
    const rnnp_tensor b = rnnp_known_tensor(&p->inputs[1]);
    size_t n, k;

    (void)outputs;
    if (p->inputs[1].known)
        return 0;
    right_sizes(&b, &n, &k);
    return packed_bytes(p->select, n, k, 1);
}

static rnnp_status matmul_run(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs, rnnp_tensor *outputs)
{
    const rnnp_tensor a = as_matrices(&inputs[0], 0), b = as_matrices(&inputs[1], 1);
    rnnp_tensor batch_a = a, batch_b = b, batch = {.rank = a.rank > b.rank ? a.rank - 2 : b.rank - 2};
    rnnp_gemm_args args = {.m = (size_t)a.shape[a.rank - 2], .math = (int)e->math};
    const size_t b_matrices = right_sizes(&inputs[1], &args.n, &args.k);
    const size_t packed_floats = packed_bytes(e->select, args.n, args.k, 1) / sizeof(float);
    ptrdiff_t in_workspace = -1;
    rnnp_walk walk;

    (void)node;
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
    rnnp_walk_init(&walk, &batch, 2);
    rnnp_walk_broadcast(&walk, &batch, 0, &batch_a);
    rnnp_walk_broadcast(&walk, &batch, 1, &batch_b);
    rnnp_walk_begin(&walk, 1);
    for (; walk.rows; rnnp_walk_next(&walk)) {
        for (size_t i = 0; i < rnnp_walk_inner_dim(&walk); i++) {
            const ptrdiff_t at_a = walk.offset[0] + (ptrdiff_t)i * rnnp_walk_inner_step(&walk, 0);
            const ptrdiff_t at_b = walk.offset[1] + (ptrdiff_t)i * rnnp_walk_inner_step(&walk, 1);

            if (!e->packed && in_workspace != at_b) {
                pack(e->select, e->workspace, (const float *)b.data + (size_t)at_b * args.n * args.k, args.n, args.k, 1,
                     args.n);
                in_workspace = at_b;
            }
            args.b = e->packed ? (const float *)e->packed + (size_t)at_b * packed_floats : e->workspace;
            args.a = (const float *)a.data + (size_t)at_a * args.m * args.k;
            args.c = (float *)outputs[0].data + (walk.row + i) * args.m * args.n;
            product(e, &args);
        }
    }
    return RNNP_OK;
}

static int matmul_time(const rnnp_node *node, const rnnp_meta *inputs, const int *in_axis, int *out_axis)
{
    const int rank_a = inputs[0].rank == 1 ? 2 : (int)inputs[0].rank;
    const int rank_b = inputs[1].rank == 1 ? 2 : (int)inputs[1].rank;
    const int rank = rank_a > rank_b ? rank_a : rank_b; /* of the result, with the axes of vectors */
    const int a = in_axis[0], b = in_axis[1];

    (void)node;
    out_axis[0] = RNNP_TIME_NONE;
    if (a != RNNP_TIME_NONE && (a == (int)inputs[0].rank - 1 || rnnp_time_agree(a + rank - rank_a, out_axis) != 0))
        return -1;
    if (b != RNNP_TIME_NONE && (b == (inputs[1].rank == 1 ? 0 : rank_b - 2) ||
                                rnnp_time_agree(b + rank - rank_b, out_axis) != 0))
        return -1;
    if (inputs[0].rank == 1 && out_axis[0] == rank - 1)
        out_axis[0]--;
    return 0;
}

const rnnp_operator rnnp_operator_MatMul = {
    .name = "MatMul", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,
    .infer = matmul_infer, .run = matmul_run, .time = matmul_time, .pack_bytes = matmul_pack_bytes, .pack = matmul_pack,
    .workspace_bytes = matmul_workspace, .variant = product_variant};
