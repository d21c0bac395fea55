/* SPDX-License-Identifier: Apache-2.0
 *
 * The labels of two operands make a batch of packed products: in both operands and in the result (batch), in one of
 * them and the result (rows, columns), in both and not in the result (depth).
 */
#include "contract.h"

#include <math.h>

/* ---- Views: tensors by label ---- */

static void view_add(rnnp_view *v, uint8_t label, size_t dim, ptrdiff_t step)
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

rnnp_view rnnp_view_of(const rnnp_tensor *tensor, const rnnp_labels *labels)
{
    ptrdiff_t step[RNNP_MAX_RANK];
    rnnp_view v = {.data = tensor->data};

    rnnp_dense_steps(tensor, step);
    for (size_t i = 0; i < tensor->rank; i++) view_add(&v, labels->at[i], (size_t)tensor->shape[i], step[i]);
    return v;
}

static size_t view_find(const rnnp_view *v, uint8_t label)
{
    size_t i = 0;

    while (i < v->labels.n && v->labels.at[i] != label) i++;
    return i;
}

static size_t view_dim(const rnnp_view *v, uint8_t label)
{
    const size_t i = view_find(v, label);

    return i < v->labels.n ? v->dim[i] : 1;
}

static ptrdiff_t view_step(const rnnp_view *v, uint8_t label)
{
    const size_t i = view_find(v, label);

    return i < v->labels.n ? v->step[i] : 0;
}

/* A dense tensor with these labels, of the sizes that they have in v. */
static rnnp_view view_dense(const rnnp_view *sizes, const rnnp_labels *labels, const float *data)
{
    rnnp_view v = {.data = data};
    size_t step = 1;

    v.labels = *labels;
    for (size_t i = labels->n; i-- > 0;) {
        v.dim[i] = view_dim(sizes, labels->at[i]);
        v.step[i] = v.dim[i] == 1 ? 0 : (ptrdiff_t)step;
        step *= v.dim[i];
    }
    return v;
}

static rnnp_tensor view_tensor(const rnnp_view *v)
{
    rnnp_tensor tensor = {.dtype = RNNP_DTYPE_F32, .rank = v->labels.n, .const_data = v->data};

    for (size_t i = 0; i < v->labels.n; i++) tensor.shape[i] = (int64_t)v->dim[i];
    return tensor;
}

/* Whether v steps through these labels as through one axis: *step apart, 0 if there is one element. */
int rnnp_view_is_axis(const rnnp_view *v, const rnnp_labels *labels, ptrdiff_t *step)
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

static float *take(rnnp_contraction *j, size_t bytes)
{
    const size_t at = j->used;

    j->used = rnnp_align64(rnnp_add_bytes(j->used, bytes));
    return j->e && bytes ? (float *)(void *)((char *)j->e->workspace + at) : NULL;
}

size_t rnnp_view_elements(const rnnp_view *v, const rnnp_labels *labels)
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
static int next_index(const rnnp_view *v, const rnnp_labels *labels, size_t *index, ptrdiff_t *offset)
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

static void sum_into(const rnnp_contraction *j, const rnnp_view *v, const rnnp_labels *gone, const rnnp_view *y,
                     float *to)
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
    if (rnnp_view_elements(v, gone) == 0) return;
    do {
        rnnp_walk_init(&walk, &result, 1);
        rnnp_copy(walk.step[0], step, y->labels.n * sizeof *step);
        for (rnnp_walk_begin(&walk, 1); walk.rows; rnnp_walk_next(&walk))
            add_strided(to + walk.row, v->data + offset + walk.offset[0], rnnp_walk_inner_dim(&walk),
                        rnnp_walk_inner_step(&walk, 0));
    } while (next_index(v, gone, index, &offset));
}

/* v with these labels in this order, and summed over its others in theirs; to `to`, or into the workspace. */
rnnp_view rnnp_arrange(rnnp_contraction *j, const rnnp_view *v, const rnnp_labels *labels, float *to)
{
    const uint64_t kept = rnnp_labels_mask(labels);
    rnnp_labels gone = {0};
    rnnp_view y;

    for (size_t i = 0; i < v->labels.n; i++) {
        if (!(kept >> v->labels.at[i] & 1)) gone.at[gone.n++] = v->labels.at[i];
    }
    if (!to) to = take(j, float_bytes(rnnp_view_elements(v, labels)));
    y = view_dense(v, labels, to);
    if (j->e && rnnp_view_elements(v, labels)) sum_into(j, v, &gone, &y, to);
    return y;
}

/* v without the labels that nobody else needs. */
static rnnp_view without(rnnp_contraction *j, const rnnp_view *v, uint64_t needed)
{
    rnnp_labels kept = {0};

    for (size_t i = 0; i < v->labels.n; i++) {
        if (needed >> v->labels.at[i] & 1) kept.at[kept.n++] = v->labels.at[i];
    }
    return kept.n < v->labels.n ? rnnp_arrange(j, v, &kept, NULL) : *v;
}

/* ---- Two operands ---- */

typedef struct pair {
    rnnp_view a, b, y;
    rnnp_labels batch, rows, cols, depth;
    size_t m, n, k;
} pair;

/* Which label is what, in the order of the result, and of a for the depth. Labels that are in both get the size of the
 * one in which they are not 1. */
static void sort_labels(pair *p, const rnnp_labels *result)
{
    const uint64_t in_a = rnnp_labels_mask(&p->a.labels), in_b = rnnp_labels_mask(&p->b.labels);
    const uint64_t kept = rnnp_labels_mask(result);
    rnnp_view sizes = {.labels = *result};

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
    p->m = rnnp_view_elements(&p->y, &p->rows);
    p->n = rnnp_view_elements(&p->y, &p->cols);
    p->k = rnnp_view_elements(&p->a, &p->depth);
}

static void append(rnnp_labels *to, const rnnp_labels *labels)
{
    for (size_t i = 0; i < labels->n; i++) to->at[to->n++] = labels->at[i];
}

/* [batch][first][second] in the workspace. */
static rnnp_view matrices(rnnp_contraction *j, const rnnp_view *v, const rnnp_labels *batch, const rnnp_labels *first,
                          const rnnp_labels *second)
{
    rnnp_labels labels = *batch;

    append(&labels, first);
    append(&labels, second);
    return rnnp_arrange(j, v, &labels, NULL);
}

/* The walk over the batch: operands are a, b and y. */
static void batch_walk(const pair *p, const rnnp_view *y, rnnp_walk *walk)
{
    const rnnp_view *const views[] = {&p->a, &p->b, y};
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
    rnnp_view y;
    int y_is_apart;
    float *apart;
} layout;

static layout lay_out(rnnp_contraction *j, pair *p)
{
    ptrdiff_t row, inner;
    layout l = {0};

    if (!rnnp_view_is_axis(&p->a, &p->rows, &row) || !rnnp_view_is_axis(&p->a, &p->depth, &inner) ||
        (p->k > 1 && inner != 1) || (p->m > 1 && row < (ptrdiff_t)p->k)) {
        p->a = matrices(j, &p->a, &p->batch, &p->rows, &p->depth);
        rnnp_view_is_axis(&p->a, &p->rows, &row);
    }
    l.lda = p->m > 1 ? (size_t)row : p->k;
    if (!j->is_packed &&
        (!rnnp_view_is_axis(&p->b, &p->cols, &l.n_step) || !rnnp_view_is_axis(&p->b, &p->depth, &l.k_step)))
        p->b = matrices(j, &p->b, &p->batch, &p->depth, &p->cols);
    if (!j->is_packed) {
        rnnp_view_is_axis(&p->b, &p->cols, &l.n_step);
        rnnp_view_is_axis(&p->b, &p->depth, &l.k_step);
    }
    l.y = p->y;
    l.y_is_apart = !rnnp_view_is_axis(&l.y, &p->rows, &row) || !rnnp_view_is_axis(&l.y, &p->cols, &inner) ||
                   (p->n > 1 && inner != 1) || (p->m > 1 && row < (ptrdiff_t)p->n);
    if (l.y_is_apart) {
        rnnp_labels labels = p->batch;

        append(&labels, &p->rows);
        append(&labels, &p->cols);
        l.apart = take(j, float_bytes(rnnp_view_elements(&p->y, &labels)));
        l.y = view_dense(&p->y, &labels, l.apart);
        rnnp_view_is_axis(&l.y, &p->rows, &row);
    }
    l.ldc = p->m > 1 ? (size_t)row : p->n;
    return l;
}

static void multiply(rnnp_contraction *j, pair *p, float *to)
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
    if (l.y_is_apart) rnnp_arrange(j, &l.y, &p->y.labels, to);
}

/* Where matrices would be too small to be worth packing: element by element. The depth is one axis of both. */
static int is_small(const pair *p, ptrdiff_t *a_step, ptrdiff_t *b_step)
{
    enum { FEW = 4 };

    return (p->k == 1 || (p->m < FEW && p->n < FEW)) && rnnp_view_is_axis(&p->a, &p->depth, a_step) &&
           rnnp_view_is_axis(&p->b, &p->depth, b_step);
}

static float chain(const float *a, const float *b, size_t k, ptrdiff_t a_step, ptrdiff_t b_step)
{
    float sum = 0.0f;

    for (size_t i = 0; i < k; i++) sum = fmaf(a[(ptrdiff_t)i * a_step], b[(ptrdiff_t)i * b_step], sum);
    return sum;
}

static void multiply_elements(const pair *p, ptrdiff_t a_depth, ptrdiff_t b_depth, float *to)
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
        float *row = to + walk.row;

        for (ptrdiff_t i = 0; i < (ptrdiff_t)rnnp_walk_inner_dim(&walk); i++)
            row[i] = p->k == 1 ? a[i * a_step] * b[i * b_step] + 0.0f /* a chain of one */
                               : chain(a + i * a_step, b + i * b_step, p->k, a_depth, b_depth);
    }
}

rnnp_view rnnp_contract(rnnp_contraction *j, const rnnp_view *a, const rnnp_view *b, const rnnp_labels *result,
                        float *to)
{
    const uint64_t kept = rnnp_labels_mask(result);
    pair p = {.a = without(j, a, kept | rnnp_labels_mask(&b->labels))};
    ptrdiff_t a_step, b_step;
    size_t work;

    p.b = without(j, b, kept | rnnp_labels_mask(&a->labels));
    sort_labels(&p, result);
    const size_t elements = rnnp_view_elements(&p.y, result);
    if (!to) to = take(j, float_bytes(elements));
    p.y.data = to;
    j->work = rnnp_add_bytes(j->work, rnnp_mul_overflow(elements, p.k, &work) ? SIZE_MAX : work);
    if (elements == 0) return p.y;
    if (p.k == 0) {
        if (j->e) memset(to, 0, elements * sizeof *to);
    } else if (!j->is_packed && is_small(&p, &a_step, &b_step)) {
        if (j->e) multiply_elements(&p, a_step, b_step, to);
    } else {
        multiply(j, &p, to);
    }
    return p.y;
}
