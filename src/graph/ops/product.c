/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrix products on packed right sides: sizes, and the choice of kernels.
 */
#include "product.h"

#include "../../../autotune/choice.h"

#include <stdio.h>

static rnnp_dense dense_of(const rnnp_prepare *p)
{
    const rnnp_dense_family *family = p->node->op->family;
    rnnp_dense dense = {.matrices = 1};

    family->dense(p, &dense);
    return dense;
}

static int is_constant(const rnnp_prepare *p) { return p->inputs[1].known != NULL; }

/* Rows of the left side. Dimensions that the model fixes count as they are, the batch and the steps as given; if there
 * is any other, these are all rows of a call. 0: not known, or too many. */
static size_t rows_of(const rnnp_dense *dense, const rnnp_tuning *tuning, size_t batch, size_t steps)
{
    size_t fixed = 1, given = 1, rows;
    int other = 0;

    for (size_t i = 0; i < dense->n_rows; i++) {
        const int64_t d = dense->row[i];
        const int is_batch = d == tuning->batch_symbol, is_steps = d == tuning->steps_symbol;

        if (!rnnp_dim_is_symbol(d) && rnnp_mul_overflow(fixed, (size_t)d, &fixed)) return 0;
        if (rnnp_dim_is_symbol(d) && (is_batch || is_steps) &&
            rnnp_mul_overflow(given, is_batch ? batch : steps, &given))
            return 0;
        other |= rnnp_dim_is_symbol(d) && !is_batch && !is_steps;
    }
    if (other && rnnp_mul_overflow(batch, steps, &given)) return 0;
    return rnnp_mul_overflow(fixed, given, &rows) ? 0 : rows;
}

static rnnp_shape shape_of(const rnnp_dense *dense, size_t rows)
{
    return (rnnp_shape){
        .kind = RNNP_SHAPE_DENSE, .input = (size_t)dense->k, .hidden = (size_t)dense->n, .batch = rows, .steps = 1};
}

/* What a record says for so many rows, else the rules; of runs a kernel that reads the plan's panels. */
static rnnp_product choose(const rnnp_prepare *p, const rnnp_dense *dense, size_t rows, rnnp_record_found *found)
{
    const rnnp_product *planned = p->planned;
    const rnnp_shape shape = shape_of(dense, rows);
    const rnnp_variant *usual = rnnp_product_kernel(p->select, RNNP_FORMAT_f32, (size_t)dense->n, (size_t)dense->k);
    rnnp_product product = {planned ? planned->kernel : usual, 0};

    *found = (rnnp_record_found){.match = RNNP_MATCH_NONE};
    if (!p->tuning)
        snprintf(found->reason, sizeof found->reason, "the plan was made without looking for records");
    else if (rows == 0 || dense->n == 0 || dense->k == 0 || dense->matrices != 1)
        snprintf(found->reason, sizeof found->reason, "%s",
                 dense->matrices == 1 ? "the number of rows is not known" : "the right side is several matrices");
    else
        rnnp_choice_find_product(p->context, p->tuning->records, &p->tuning->host, planned ? planned->kernel : NULL,
                                 &shape, p->threads, &product, found);
    return product;
}

/* As planned, or to be planned. */
static rnnp_product product_of(const rnnp_prepare *p, const rnnp_dense *dense)
{
    const size_t rows = p->tuning ? rows_of(dense, p->tuning, p->tuning->batch, p->tuning->steps) : 0;
    rnnp_record_found found;

    return choose(p, dense, rows, &found);
}

/* ---- For a right side of each run ---- */

size_t rnnp_dense_workspace(const rnnp_prepare *p)
{
    if (is_constant(p)) return 0;
    const rnnp_dense dense = dense_of(p);
    const size_t n = (size_t)dense.n, k = (size_t)dense.k;
    return rnnp_product_bytes(rnnp_product_kernel(p->select, RNNP_FORMAT_f32, n, k), n, k, 1);
}

rnnp_product rnnp_dense_product(const rnnp_exec *e, size_t n, size_t k)
{
    return e->packed && e->planned ? *(const rnnp_product *)e->planned
                                   : (rnnp_product){rnnp_product_kernel(e->select, RNNP_FORMAT_f32, n, k), 0};
}

size_t rnnp_dense_multiply_adds(const rnnp_prepare *p, const rnnp_meta *outputs)
{
    size_t n;

    return rnnp_mul_overflow(rnnp_meta_elements(outputs), (size_t)dense_of(p).k, &n) ? SIZE_MAX : n;
}

/* ---- For a constant one ---- */

size_t rnnp_dense_pack_bytes(const rnnp_prepare *p)
{
    if (!is_constant(p)) return 0;
    const rnnp_dense dense = dense_of(p);
    return rnnp_product_bytes(product_of(p, &dense).kernel, (size_t)dense.n, (size_t)dense.k, dense.matrices);
}

void rnnp_dense_pack(const rnnp_prepare *p, void *packed, size_t part, size_t parts)
{
    const rnnp_dense dense = dense_of(p);
    const rnnp_variant *kernel = product_of(p, &dense).kernel;
    const size_t n = (size_t)dense.n, k = (size_t)dense.k, each = rnnp_product_bytes(kernel, n, k, 1);
    const float *data = p->inputs[1].known;

    for (size_t i = 0; i < dense.matrices && n && k; i++)
        rnnp_product_pack(kernel, (char *)packed + i * each, data + i * n * k, n, k, (size_t)dense.n_step,
                          (size_t)dense.k_step, part, parts);
}

void rnnp_dense_layout(const rnnp_prepare *p, char *text, size_t size)
{
    const rnnp_dense dense = dense_of(p);

    rnnp_product_layout(product_of(p, &dense).kernel, (size_t)dense.n, (size_t)dense.k, dense.matrices, text, size);
}

void rnnp_dense_plan(const rnnp_prepare *p, void *planned)
{
    const rnnp_dense dense = dense_of(p);

    *(rnnp_product *)planned = product_of(p, &dense);
}

const char *rnnp_dense_variant(const rnnp_prepare *p)
{
    if (!is_constant(p)) return p->select->op[RNNP_OP_gemm]->name;
    const rnnp_dense dense = dense_of(p);
    return product_of(p, &dense).kernel->name;
}

int rnnp_dense_shape(const rnnp_prepare *p, rnnp_shape *shape)
{
    if (!is_constant(p)) return 0;
    const rnnp_dense dense = dense_of(p);
    if (dense.matrices != 1) return 0;
    *shape = shape_of(&dense, rows_of(&dense, p->tuning, p->tuning->batch, p->tuning->steps));
    return 1;
}

int rnnp_dense_explain(const rnnp_prepare *p, size_t batch, size_t steps, rnnp_explanation *e)
{
    rnnp_record_found found;

    if (!is_constant(p)) return 0;
    const rnnp_dense dense = dense_of(p);
    const size_t rows = p->tuning ? rows_of(&dense, p->tuning, batch, steps) : 0;
    e->usual = rnnp_product_kernel(p->select, RNNP_FORMAT_f32, (size_t)dense.n, (size_t)dense.k)->name;
    e->variant = choose(p, &dense, rows, &found).kernel->name;
    rnnp_found_explain(&found, e);
    return 1;
}
