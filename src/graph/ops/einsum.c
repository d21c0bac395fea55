/* SPDX-License-Identifier: Apache-2.0
 *
 * Einsum, from the left two operands at a time. What only one of them has and nobody else needs is summed first. The
 * labels of the others make a batch of packed products: in both operands and needed later (batch), in one of them (rows,
 * columns), in both and not needed (depth). A chain runs over the depth in the order of the first operand.
 */
#include "equation.h"
#include "product.h"

static const rnnp_equation *equation_of(const rnnp_node *node) { return node->params; }

static rnnp_status einsum_parse(rnnp_parse *p, void *params)
{
    const char *text = rnnp_parse_string(p, "equation", NULL);

    if (!text) return PARSE_FAIL(p, RNNP_ERR_ARG, "there is no equation");
    return rnnp_equation_parse(p, text, params);
}

/* ---- Shapes ---- */

/* The size of a label so far and one more dimension of it: equal, or one of them is 1. */
static rnnp_status join(rnnp_infer *in, uint8_t label, size_t operand, int64_t *size, int64_t dim)
{
    const int64_t so_far = *size;

    if (dim == 1 || dim == so_far) return RNNP_OK;
    if (so_far == 1 || (rnnp_dim_is_symbol(so_far) && !rnnp_dim_is_symbol(dim)))
        *size = dim;
    else if (rnnp_dim_is_symbol(so_far))
        *size = rnnp_dim_unknown(in);
    else if (!rnnp_dim_is_symbol(dim))
        return FAIL(in, RNNP_ERR_SHAPE, "label %s is %lld, but %lld in operand %zu", rnnp_label_name(label).s,
                    (long long)so_far, (long long)dim, operand);
    return RNNP_OK;
}

/* One operand's labels and what it adds to the sizes. */
static rnnp_status join_operand(rnnp_infer *in, const rnnp_meta *x, size_t operand, rnnp_labels *labels, int64_t *size)
{
    int64_t own[RNNP_LABELS];
    uint64_t seen = 0;
    rnnp_status status;

    if (!rnnp_term_labels(&equation_of(in->node)->terms[operand], x->rank, labels))
        return FAIL(in, RNNP_ERR_SHAPE, "operand %zu has rank %zu, but its term %zu labels", operand, x->rank,
                    equation_of(in->node)->terms[operand].letters.n);
    for (size_t i = 0; i < x->rank; i++) {
        const uint8_t label = labels->at[i];

        if (seen >> label & 1) { /* a diagonal */
            status = rnnp_infer_same(in, "a repeated label", own[label], x->dim[i], &own[label]);
            if (status != RNNP_OK) return status;
        } else {
            own[label] = x->dim[i];
            seen |= UINT64_C(1) << label;
        }
    }
    for (uint8_t label = 0; label < RNNP_LABELS; label++) {
        if (seen >> label & 1 && (status = join(in, label, operand, &size[label], own[label])) != RNNP_OK)
            return status;
    }
    return RNNP_OK;
}

/* Axes behind the longest ellipsis, from the labels of all operands. */
static size_t behind_ellipsis(uint64_t mask)
{
    size_t n = 0;

    while (mask >> (RNNP_LETTERS + n) & 1) n++;
    return n;
}

static int result_labels(const rnnp_equation *equation, uint64_t all, rnnp_labels *result)
{
    const size_t rank = equation->result.letters.n + behind_ellipsis(all);

    return rank <= RNNP_MAX_RANK && rnnp_term_labels(&equation->result, rank, result);
}

/* Labels and how many operands still to come have them; the result has them, too. */
typedef struct pending {
    uint64_t result;
    size_t left[RNNP_LABELS];
} pending;

static void pending_count(pending *p, const rnnp_labels *labels, int by)
{
    const uint64_t mask = rnnp_labels_mask(labels);

    for (size_t label = 0; label < RNNP_LABELS; label++) {
        if (mask >> label & 1) p->left[label] += (size_t)by;
    }
}

static uint64_t pending_mask(const pending *p)
{
    uint64_t mask = p->result;

    for (size_t label = 0; label < RNNP_LABELS; label++) mask |= (uint64_t)(p->left[label] > 0) << label;
    return mask;
}

/* Products of the first operands are tensors, too. */
static rnnp_status check_ranks(rnnp_infer *in, const rnnp_meta *inputs, pending *p)
{
    uint64_t before = 0;
    rnnp_labels labels;

    for (size_t i = 0; i + 1 < in->node->n_inputs; i++) {
        rnnp_term_labels(&equation_of(in->node)->terms[i], inputs[i].rank, &labels);
        pending_count(p, &labels, -1);
        before |= rnnp_labels_mask(&labels);
        if (i > 0 && __builtin_popcountll(before & pending_mask(p)) > RNNP_MAX_RANK)
            return FAIL(in, RNNP_ERR_UNSUPPORTED, "the product of the first %zu operands has a rank above %d", i + 1,
                        RNNP_MAX_RANK);
    }
    return RNNP_OK;
}

static RNNP_INFER(einsum_infer)
{
    const rnnp_node *node = in->node;
    int64_t size[RNNP_LABELS];
    rnnp_labels labels, result;
    pending p = {0};
    uint64_t all = 0;
    rnnp_status status;

    for (size_t i = 0; i < RNNP_LABELS; i++) size[i] = 1;
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (rnnp_absent(node, i)) return FAIL(in, RNNP_ERR_ARG, "input %zu is absent", i);
        if ((status = rnnp_infer_type(in, inputs, i, RNNP_BIT(RNNP_DTYPE_F32))) != RNNP_OK ||
            (status = join_operand(in, &inputs[i], i, &labels, size)) != RNNP_OK)
            return status;
        all |= rnnp_labels_mask(&labels);
        pending_count(&p, &labels, 1);
    }
    if (!result_labels(equation_of(node), all, &result))
        return FAIL(in, RNNP_ERR_UNSUPPORTED, "the result has a rank above %d", RNNP_MAX_RANK);
    outputs[0] = (rnnp_meta){.dtype = RNNP_DTYPE_F32, .rank = result.n};
    for (size_t i = 0; i < result.n; i++) outputs[0].dim[i] = size[result.at[i]];
    p.result = rnnp_labels_mask(&result);
    return check_ranks(in, inputs, &p);
}

/* ---- Views: tensors by label ---- */

typedef struct view {
    rnnp_labels labels; /* each of them once */
    size_t dim[RNNP_MAX_RANK];
    ptrdiff_t step[RNNP_MAX_RANK]; /* 0 where the dimension is 1 or repeated */
    const float *data;
} view;

static void view_add(view *v, uint8_t label, size_t dim, ptrdiff_t step)
{
    size_t i = 0;

    step = dim == 1 ? 0 : step;
    while (i < v->labels.n && v->labels.at[i] != label) i++;
    if (i < v->labels.n) { /* a diagonal */
        v->step[i] += step;
        return;
    }
    v->labels.at[v->labels.n++] = label;
    v->dim[i] = dim;
    v->step[i] = step;
}

static view view_of(const rnnp_tensor *tensor, const rnnp_labels *labels)
{
    ptrdiff_t step[RNNP_MAX_RANK];
    view v = {.data = tensor->data};

    rnnp_dense_steps(tensor, step);
    for (size_t i = 0; i < tensor->rank; i++) view_add(&v, labels->at[i], (size_t)tensor->shape[i], step[i]);
    return v;
}

static size_t view_find(const view *v, uint8_t label)
{
    size_t i = 0;

    while (i < v->labels.n && v->labels.at[i] != label) i++;
    return i;
}

static size_t view_dim(const view *v, uint8_t label)
{
    const size_t i = view_find(v, label);

    return i < v->labels.n ? v->dim[i] : 1;
}

static ptrdiff_t view_step(const view *v, uint8_t label)
{
    const size_t i = view_find(v, label);

    return i < v->labels.n ? v->step[i] : 0;
}

/* A dense tensor with these labels, of the sizes that they have in v. */
static view view_dense(const view *sizes, const rnnp_labels *labels, const float *data)
{
    view v = {.data = data};
    size_t step = 1;

    v.labels = *labels;
    for (size_t i = labels->n; i-- > 0;) {
        v.dim[i] = view_dim(sizes, labels->at[i]);
        v.step[i] = v.dim[i] == 1 ? 0 : (ptrdiff_t)step;
        step *= v.dim[i];
    }
    return v;
}

static rnnp_tensor view_tensor(const view *v)
{
    rnnp_tensor tensor = {.dtype = RNNP_DTYPE_F32, .rank = v->labels.n, .const_data = v->data};

    for (size_t i = 0; i < v->labels.n; i++) tensor.shape[i] = (int64_t)v->dim[i];
    return tensor;
}

/* Whether v steps through these labels as through one axis: *step apart, 0 if there is one element. */
static int is_one_axis(const view *v, const rnnp_labels *labels, ptrdiff_t *step)
{
    size_t inner = 0;

    *step = 0;
    for (size_t i = labels->n; i-- > 0;) {
        const size_t dim = view_dim(v, labels->at[i]);
        const ptrdiff_t own = view_step(v, labels->at[i]);

        if (dim == 1) continue;
        if (inner && own != *step * (ptrdiff_t)inner) return 0;
        *step = inner ? *step : own;
        inner = inner ? inner * dim : dim;
    }
    return 1;
}

/* ---- An evaluation, or only the measure of one ---- */

typedef struct job {
    const rnnp_selection *select;
    const rnnp_exec *e;         /* NULL: nothing is computed */
    const rnnp_tensor *tensors; /* the operands, or NULL: */
    const rnnp_meta *metas;
    int is_packed;     /* the second operand, by the plan */
    size_t used, work; /* bytes of workspace, multiply-adds */
} job;

static float *take(job *j, size_t bytes)
{
    const size_t at = j->used;

    j->used = rnnp_align64(rnnp_add_bytes(j->used, bytes));
    return j->e && bytes ? (float *)(void *)((char *)j->e->workspace + at) : NULL;
}

static size_t product_of(const view *v, const rnnp_labels *labels)
{
    size_t n = 1;

    for (size_t i = 0; i < labels->n; i++) {
        if (rnnp_mul_overflow(n, view_dim(v, labels->at[i]), &n)) return SIZE_MAX;
    }
    return n;
}

static size_t float_bytes(size_t n)
{
    size_t bytes;

    return rnnp_mul_overflow(n, sizeof(float), &bytes) ? SIZE_MAX : bytes;
}

/* y[i] += x[i * step] */
static void add_strided(float *y, const float *x, size_t n, ptrdiff_t step)
{
    for (size_t i = 0; i < n; i++) y[i] += x[(ptrdiff_t)i * step];
}

/* The next index over these labels, the last one fastest, and v's offset there; 0 after the last one. */
static int next_index(const view *v, const rnnp_labels *labels, size_t *index, ptrdiff_t *offset)
{
    for (size_t i = labels->n; i-- > 0;) {
        const size_t dim = view_dim(v, labels->at[i]);
        const ptrdiff_t step = view_step(v, labels->at[i]);

        *offset += step;
        if (++index[i] < dim) return 1;
        *offset -= (ptrdiff_t)dim * step;
        index[i] = 0;
    }
    return 0;
}

static void sum_into(const job *j, const view *v, const rnnp_labels *gone, const view *y, float *to)
{
    const rnnp_tensor result = view_tensor(y);
    size_t index[RNNP_MAX_RANK] = {0};
    ptrdiff_t step[RNNP_MAX_RANK], offset = 0;
    rnnp_walk walk;

    for (size_t i = 0; i < y->labels.n; i++) step[i] = view_step(v, y->labels.at[i]);
    if (gone->n == 0) {
        rnnp_copy_strided(j->select, &result, v->data, 0, step);
        return;
    }
    memset(to, 0, rnnp_tensor_elements(&result) * sizeof *to);
    if (product_of(v, gone) == 0) return;
    do {
        rnnp_walk_init(&walk, &result, 1);
        rnnp_copy(walk.step[0], step, y->labels.n * sizeof *step);
        for (rnnp_walk_begin(&walk, 1); walk.rows; rnnp_walk_next(&walk))
            add_strided(to + walk.row, v->data + offset + walk.offset[0], rnnp_walk_inner_dim(&walk),
                        rnnp_walk_inner_step(&walk, 0));
    } while (next_index(v, gone, index, &offset));
}

/* v with these labels in this order, and summed over its others in theirs; to `to`, or into the workspace. */
static view arranged(job *j, const view *v, const rnnp_labels *labels, float *to)
{
    const uint64_t kept = rnnp_labels_mask(labels);
    rnnp_labels gone = {0};
    view y;

    for (size_t i = 0; i < v->labels.n; i++) {
        if (!(kept >> v->labels.at[i] & 1)) gone.at[gone.n++] = v->labels.at[i];
    }
    if (!to) to = take(j, float_bytes(product_of(v, labels)));
    y = view_dense(v, labels, to);
    if (j->e && product_of(v, labels)) sum_into(j, v, &gone, &y, to);
    return y;
}

/* v without the labels that nobody else needs. */
static view without(job *j, const view *v, uint64_t needed)
{
    rnnp_labels kept = {0};

    for (size_t i = 0; i < v->labels.n; i++) {
        if (needed >> v->labels.at[i] & 1) kept.at[kept.n++] = v->labels.at[i];
    }
    return kept.n < v->labels.n ? arranged(j, v, &kept, NULL) : *v;
}

/* ---- Two operands ---- */

typedef struct pair {
    view a, b, y;
    rnnp_labels batch, rows, cols, depth;
    size_t m, n, k;
} pair;

/* Which label is what, in the order of the result, and of a for the depth. Labels that are in both get the size of the
 * one in which they are not 1. */
static void sort_labels(pair *p, const rnnp_labels *result)
{
    const uint64_t in_a = rnnp_labels_mask(&p->a.labels), in_b = rnnp_labels_mask(&p->b.labels);
    const uint64_t kept = rnnp_labels_mask(result);
    view sizes = {.labels = *result};

    for (size_t i = 0; i < result->n; i++) {
        const uint8_t label = result->at[i];
        const int a = in_a >> label & 1, b = in_b >> label & 1;
        rnnp_labels *kind = a && b ? &p->batch : a ? &p->rows : &p->cols;

        kind->at[kind->n++] = label;
        sizes.dim[i] = view_dim(&p->a, label) == 1 ? view_dim(&p->b, label) : view_dim(&p->a, label);
    }
    for (size_t i = 0; i < p->a.labels.n; i++) {
        const uint8_t label = p->a.labels.at[i];
        const size_t at = view_find(&p->b, label);

        if (kept >> label & 1) continue;
        p->depth.at[p->depth.n++] = label;
        if (p->a.dim[i] == 1) p->a.dim[i] = p->b.dim[at];
        p->b.dim[at] = p->a.dim[i];
    }
    p->y = view_dense(&sizes, result, NULL);
    p->m = product_of(&p->y, &p->rows);
    p->n = product_of(&p->y, &p->cols);
    p->k = product_of(&p->a, &p->depth);
}

static void append(rnnp_labels *to, const rnnp_labels *labels)
{
    for (size_t i = 0; i < labels->n; i++) to->at[to->n++] = labels->at[i];
}

/* [batch][first][second] in the workspace. */
static view matrices(job *j, const view *v, const rnnp_labels *batch, const rnnp_labels *first,
                     const rnnp_labels *second)
{
    rnnp_labels labels = *batch;

    append(&labels, first);
    append(&labels, second);
    return arranged(j, v, &labels, NULL);
}

/* The walk over the batch: operands are a, b and y. */
static void batch_walk(const pair *p, const view *y, rnnp_walk *walk)
{
    const view *const views[] = {&p->a, &p->b, y};
    rnnp_tensor batch = {.rank = p->batch.n};

    for (size_t i = 0; i < batch.rank; i++) batch.shape[i] = (int64_t)view_dim(&p->y, p->batch.at[i]);
    rnnp_walk_init(walk, &batch, 3);
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i < batch.rank; i++) walk->step[k][i] = view_step(views[k], p->batch.at[i]);
    }
    rnnp_walk_begin(walk, 0);
}

/* How products read a and b and write y; copies in the workspace where these are not matrices already. */
typedef struct layout {
    size_t lda, ldc;
    ptrdiff_t n_step, k_step;
    view y;
    int y_is_apart;
    float *apart;
} layout;

static layout lay_out(job *j, pair *p)
{
    ptrdiff_t row, inner;
    layout l = {0};

    if (!is_one_axis(&p->a, &p->rows, &row) || !is_one_axis(&p->a, &p->depth, &inner) || (p->k > 1 && inner != 1) ||
        (p->m > 1 && row < (ptrdiff_t)p->k)) {
        p->a = matrices(j, &p->a, &p->batch, &p->rows, &p->depth);
        is_one_axis(&p->a, &p->rows, &row);
    }
    l.lda = p->m > 1 ? (size_t)row : p->k;
    if (!j->is_packed && (!is_one_axis(&p->b, &p->cols, &l.n_step) || !is_one_axis(&p->b, &p->depth, &l.k_step)))
        p->b = matrices(j, &p->b, &p->batch, &p->depth, &p->cols);
    if (!j->is_packed) {
        is_one_axis(&p->b, &p->cols, &l.n_step);
        is_one_axis(&p->b, &p->depth, &l.k_step);
    }
    l.y = p->y;
    l.y_is_apart = !is_one_axis(&l.y, &p->rows, &row) || !is_one_axis(&l.y, &p->cols, &inner) ||
                   (p->n > 1 && inner != 1) || (p->m > 1 && row < (ptrdiff_t)p->n);
    if (l.y_is_apart) {
        rnnp_labels labels = p->batch;

        append(&labels, &p->rows);
        append(&labels, &p->cols);
        l.apart = take(j, float_bytes(product_of(&p->y, &labels)));
        l.y = view_dense(&p->y, &labels, l.apart);
        is_one_axis(&l.y, &p->rows, &row);
    }
    l.ldc = p->m > 1 ? (size_t)row : p->n;
    return l;
}

static void multiply(job *j, pair *p, float *to)
{
    const rnnp_product rules = {rnnp_product_kernel(j->select, RNNP_FORMAT_f32, p->n, p->k), 0};
    const rnnp_product product = j->is_packed && j->e ? *(const rnnp_product *)j->e->planned : rules;
    const size_t bytes = rnnp_product_bytes(product.kernel, p->n, p->k, 1);
    const layout l = lay_out(j, p);
    float *packed = j->is_packed ? NULL : take(j, bytes);
    ptrdiff_t in_packed = -1;
    rnnp_walk walk;

    if (!j->e) return;
    float *y = l.y_is_apart ? l.apart : to;
    rnnp_gemm_args args = {.m = p->m, .n = p->n, .k = p->k, .lda = l.lda, .ldc = l.ldc, .math = (int)j->e->math};
    for (batch_walk(p, &l.y, &walk); walk.rows; rnnp_walk_next(&walk)) {
        const ptrdiff_t at = walk.offset[1];

        if (!j->is_packed && in_packed != at)
            rnnp_product_pack(product.kernel, packed, p->b.data + at, p->n, p->k, (size_t)l.n_step, (size_t)l.k_step, 0,
                              1);
        in_packed = at;
        args.b = j->is_packed ? (const char *)j->e->packed + (size_t)at / (p->n * p->k) * bytes : (const char *)packed;
        args.a = p->a.data + walk.offset[0];
        args.c = y + walk.offset[2];
        rnnp_product_forward(&product, &args, j->e->team, j->e->threads);
    }
    if (l.y_is_apart) arranged(j, &l.y, &p->y.labels, to);
}

/* No depth: products of two elements. A chain starts from 0, so there is no -0. */
static void multiply_elements(const pair *p, float *to)
{
    const rnnp_tensor y = view_tensor(&p->y);
    rnnp_walk walk;

    rnnp_walk_init(&walk, &y, 2);
    for (size_t i = 0; i < y.rank; i++) {
        walk.step[0][i] = view_step(&p->a, p->y.labels.at[i]);
        walk.step[1][i] = view_step(&p->b, p->y.labels.at[i]);
    }
    for (rnnp_walk_begin(&walk, 1); walk.rows; rnnp_walk_next(&walk)) {
        const float *a = p->a.data + walk.offset[0], *b = p->b.data + walk.offset[1];
        const ptrdiff_t a_step = rnnp_walk_inner_step(&walk, 0), b_step = rnnp_walk_inner_step(&walk, 1);

        for (ptrdiff_t i = 0; i < (ptrdiff_t)rnnp_walk_inner_dim(&walk); i++)
            to[(ptrdiff_t)walk.row + i] = a[i * a_step] * b[i * b_step] + 0.0f;
    }
}

static view contract(job *j, const view *a, const view *b, const rnnp_labels *result, float *to)
{
    const uint64_t kept = rnnp_labels_mask(result);
    pair p = {.a = without(j, a, kept | rnnp_labels_mask(&b->labels))};
    size_t work;

    p.b = without(j, b, kept | rnnp_labels_mask(&a->labels));
    sort_labels(&p, result);
    const size_t elements = product_of(&p.y, result);
    if (!to) to = take(j, float_bytes(elements));
    p.y.data = to;
    j->work = rnnp_add_bytes(j->work, rnnp_mul_overflow(elements, p.k, &work) ? SIZE_MAX : work);
    if (elements == 0) return p.y;
    const view y = p.y;
    if (p.k == 0 || (p.k == 1 && !j->is_packed)) {
        if (j->e && p.k == 0) memset(to, 0, elements * sizeof *to);
        if (j->e && p.k == 1) multiply_elements(&p, to);
    } else {
        multiply(j, &p, to);
    }
    return y;
}

/* ---- The node ---- */

static view operand(const job *j, const rnnp_node *node, size_t i, rnnp_labels *labels)
{
    const rnnp_tensor x = j->tensors ? j->tensors[i] : rnnp_known_tensor(&j->metas[i]);

    rnnp_term_labels(&equation_of(node)->terms[i], x.rank, labels);
    return view_of(&x, labels);
}

/* The labels of a and then of b that are needed later. */
static rnnp_labels between(const view *a, const view *b, uint64_t needed)
{
    rnnp_labels labels = {0};

    for (size_t i = 0; i < a->labels.n; i++) {
        if (needed >> a->labels.at[i] & 1) labels.at[labels.n++] = a->labels.at[i];
    }
    needed &= ~rnnp_labels_mask(&labels);
    for (size_t i = 0; i < b->labels.n; i++) {
        if (needed >> b->labels.at[i] & 1) labels.at[labels.n++] = b->labels.at[i];
    }
    return labels;
}

static void evaluate(job *j, const rnnp_node *node, float *to)
{
    pending p = {0};
    rnnp_labels labels, result;
    view so_far;

    for (size_t i = node->n_inputs; i-- > 0;) {
        so_far = operand(j, node, i, &labels);
        pending_count(&p, &labels, 1);
    }
    result_labels(equation_of(node), pending_mask(&p), &result);
    p.result = rnnp_labels_mask(&result);
    pending_count(&p, &labels, -1);
    if (node->n_inputs == 1) arranged(j, &so_far, &result, to);
    for (size_t i = 1; i < node->n_inputs; i++) {
        const view next = operand(j, node, i, &labels);
        const int is_last = i + 1 == node->n_inputs;

        pending_count(&p, &labels, -1);
        const rnnp_labels kept = is_last ? result : between(&so_far, &next, pending_mask(&p));
        so_far = contract(j, &so_far, &next, &kept, is_last ? to : NULL);
    }
}

static RNNP_RUN(einsum_run)
{
    job j = {.select = e->select, .e = e, .tensors = inputs, .is_packed = e->packed != NULL};

    if (rnnp_tensor_elements(&outputs[0])) evaluate(&j, node, outputs[0].data);
    return RNNP_OK;
}

static job measured(const rnnp_prepare *p)
{
    job j = {.select = p->select, .metas = p->inputs, .is_packed = rnnp_node_packs(p->node, p->inputs)};
    float result; /* stands for the memory of the result, which is not the workspace's */

    evaluate(&j, p->node, &result);
    return j;
}

static RNNP_SCRATCH(einsum_workspace) { return rnnp_meta_elements(&outputs[0]) ? measured(p).used : 0; }

static size_t einsum_multiply_adds(const rnnp_prepare *p, const rnnp_meta *outputs)
{
    return rnnp_meta_elements(outputs) ? measured(p).work : 0;
}

/* ---- A constant second operand ---- */

/* Whether it can be packed as it lies: matrices for the batch, each with one axis of columns and one of depth. What its
 * labels are must not depend on ranks or on sizes that only a run knows. */
static int right_side(const rnnp_node *node, const rnnp_meta *inputs, rnnp_dense *dense)
{
    const rnnp_equation *equation = equation_of(node);
    rnnp_labels left, labels, cols = {0}, depth = {0};
    ptrdiff_t n_step, k_step;

    if (node->n_inputs != 2 || equation->terms[1].has_ellipsis) return 0;
    const rnnp_tensor b = rnnp_known_tensor(&inputs[1]);
    if (rnnp_tensor_elements(&b) == 0 || rnnp_tensor_elements(&b) == SIZE_MAX ||
        !rnnp_term_labels(&equation->terms[0], inputs[0].rank, &left) ||
        !rnnp_term_labels(&equation->terms[1], b.rank, &labels))
        return 0;
    const view v = view_of(&b, &labels);
    const uint64_t in_a = rnnp_labels_mask(&left), kept = rnnp_labels_mask(&equation->result.letters);
    const uint64_t in_b = rnnp_labels_mask(&labels);
    size_t n_batch = 0;
    if (v.labels.n != b.rank || in_b & ~(in_a | kept)) return 0;
    *dense = (rnnp_dense){.matrices = 1};
    for (size_t i = 0; i < b.rank; i++) {
        const uint64_t bit = UINT64_C(1) << labels.at[i];

        if (in_a & bit && v.dim[i] == 1) return 0;
        if (!(in_a & kept & bit)) continue;
        if (n_batch++ != i) return 0;
        dense->matrices *= v.dim[i];
    }
    for (size_t i = 0; i < equation->result.letters.n; i++) {
        const uint8_t label = equation->result.letters.at[i];

        if (in_b & ~in_a & UINT64_C(1) << label) cols.at[cols.n++] = label;
    }
    for (size_t i = 0; i < left.n; i++) {
        const uint64_t bit = UINT64_C(1) << left.at[i];

        if (in_b & ~kept & bit && !(rnnp_labels_mask(&depth) & bit)) depth.at[depth.n++] = left.at[i];
        if (!(in_b & bit)) dense->row[dense->n_rows++] = inputs[0].dim[i];
    }
    if (!is_one_axis(&v, &cols, &n_step) || !is_one_axis(&v, &depth, &k_step)) return 0;
    dense->n = (int64_t)product_of(&v, &cols);
    dense->k = (int64_t)product_of(&v, &depth);
    dense->n_step = n_step;
    dense->k_step = k_step;
    return 1;
}

static int einsum_packs(const rnnp_node *node, const rnnp_meta *inputs)
{
    rnnp_dense ignored;

    return right_side(node, inputs, &ignored);
}

static void einsum_dense(const rnnp_node *node, const rnnp_meta *inputs, rnnp_dense *dense)
{
    right_side(node, inputs, dense);
}

static const rnnp_dense_family family = {einsum_dense, 0};

static void einsum_plan(const rnnp_prepare *p, rnnp_planned *planned)
{
    if (rnnp_node_packs(p->node, p->inputs))
        rnnp_dense_plan(p, planned);
    else
        planned->variant = p->select->op[RNNP_OP_gemm]->name;
}

static int einsum_shape(const rnnp_prepare *p, rnnp_shape *shape)
{
    return rnnp_node_packs(p->node, p->inputs) && rnnp_dense_shape(p, shape);
}

/* Time is where its label is in the result; it may be in no operand otherwise, and is not summed. */
static RNNP_TIME(einsum_time)
{
    uint64_t all = 0, timed = 0;
    rnnp_labels labels, result;

    out_axis[0] = RNNP_TIME_NONE;
    for (size_t i = 0; i < node->n_inputs; i++) {
        rnnp_term_labels(&equation_of(node)->terms[i], inputs[i].rank, &labels);
        all |= rnnp_labels_mask(&labels);
        if (in_axis[i] != RNNP_TIME_NONE) timed |= UINT64_C(1) << labels.at[in_axis[i]];
    }
    result_labels(equation_of(node), all, &result);
    if (!timed || timed & (timed - 1)) return RNNP_TIME_MIXED;
    for (size_t i = 0; i < result.n; i++) {
        if (timed >> result.at[i] & 1) out_axis[0] = (int)i;
    }
    for (size_t i = 0; i < node->n_inputs; i++) {
        rnnp_term_labels(&equation_of(node)->terms[i], inputs[i].rank, &labels);
        for (size_t k = 0; k < labels.n; k++) {
            if (timed >> labels.at[k] & 1 && in_axis[i] != (int)k && inputs[i].dim[k] != 1) return RNNP_TIME_ELSEWHERE;
        }
    }
    return out_axis[0] == RNNP_TIME_NONE ? RNNP_TIME_MIXED : 0;
}

RNNP_DEFINE(Einsum, 1, 255, .since_opset = 12, .param_bytes = sizeof(rnnp_equation), .parse = einsum_parse,
            .infer = einsum_infer, .run = einsum_run, .time = einsum_time, .workspace_bytes = einsum_workspace,
            .plan = einsum_plan, .plan_bytes = sizeof(rnnp_product), .packed_inputs = 1u << 1, .packs = einsum_packs,
            .pack = rnnp_dense_pack, .multiply_adds = einsum_multiply_adds, .shape = einsum_shape, .family = &family);
