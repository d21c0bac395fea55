/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrix products on packed right sides: sizes, and the choice of kernels.
 */
#include "product.h"

#include "../../../autotune/choice.h"

#include <stdio.h>

static rnnp_dense dense_of(const rnnp_node *node, const rnnp_meta *inputs)
{
    const rnnp_dense_family *family = node->op->family;
    rnnp_dense dense = {.matrices = 1};

    family->dense(node, inputs, &dense);
    return dense;
}

static rnnp_format format_of(const rnnp_meta *inputs)
{
    rnnp_format format;

    rnnp_format_of(inputs[1].dtype, &format);
    return format;
}

rnnp_status rnnp_dense_check(rnnp_infer *in, const rnnp_meta *inputs)
{
    const rnnp_dense_family *family = in->node->op->family;
    const rnnp_meta *b = &inputs[1], *scale = &inputs[family->scale];
    rnnp_status status = rnnp_infer_type(in, inputs, 0, RNNP_BIT(RNNP_DTYPE_F32));

    if (status == RNNP_OK) status = rnnp_weights_check(in, inputs, 1, "B", family->scale, "B_scale");
    if (status != RNNP_OK || b->dtype == RNNP_DTYPE_F32) return status;
    if (b->rank != 2)
        return FAIL(in, RNNP_ERR_UNSUPPORTED, "B is %s and has rank %zu, expected 2", rnnp_dtype_name(b->dtype),
                    b->rank);
    const rnnp_dense dense = dense_of(in->node, inputs);
    const int64_t n = dense.n;
    if ((status = rnnp_depth_check(in, b, "B", dense.k)) != RNNP_OK) return status;
    if (scale->dtype && (scale->rank != 1 || scale->dim[0] != n))
        return FAIL(in, RNNP_ERR_SHAPE, "B_scale has shape [%s], expected [%lld]",
                    rnnp_print_dims(scale->rank, scale->dim, ',').s, (long long)n);
    return RNNP_OK;
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

static rnnp_shape shape_of(const rnnp_prepare *p, const rnnp_dense *dense, size_t rows)
{
    return (rnnp_shape){.kind = RNNP_SHAPE_DENSE,
                        .input = (size_t)dense->k,
                        .hidden = (size_t)dense->n,
                        .batch = rows,
                        .steps = 1,
                        .weights = (rnnp_weights)format_of(p->inputs)};
}

/* What a record says for so many rows, else the rules; of runs a kernel that reads the plan's panels. */
static rnnp_product choose(const rnnp_prepare *p, const rnnp_dense *dense, size_t rows, rnnp_record_found *found)
{
    const rnnp_product *planned = p->planned;
    const rnnp_shape shape = shape_of(p, dense, rows);
    const rnnp_variant *usual =
        rnnp_product_kernel(p->select, format_of(p->inputs), (size_t)dense->n, (size_t)dense->k);
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

/* ---- For a right side of each run, which is f32 ---- */

size_t rnnp_dense_workspace(const rnnp_prepare *p, size_t rows)
{
    const rnnp_dense dense = dense_of(p->node, p->inputs);
    const size_t n = (size_t)dense.n, k = (size_t)dense.k;
    const rnnp_product *planned = p->planned;
    size_t bytes;

    if (!is_constant(p)) return rnnp_product_bytes(rnnp_product_kernel(p->select, RNNP_FORMAT_f32, n, k), n, k, 1);
    if (!planned) return 0;
    return rnnp_mul_overflow(rnnp_product_scratch(planned->kernel, rows, k, p->threads), sizeof(float), &bytes)
               ? SIZE_MAX
               : bytes;
}

rnnp_product rnnp_dense_product(const rnnp_exec *e, size_t n, size_t k)
{
    return e->planned ? *(const rnnp_product *)e->planned
                      : (rnnp_product){rnnp_product_kernel(e->select, RNNP_FORMAT_f32, n, k), 0};
}

size_t rnnp_dense_multiply_adds(const rnnp_prepare *p, const rnnp_meta *outputs)
{
    size_t n;

    return rnnp_mul_overflow(rnnp_meta_elements(outputs), (size_t)dense_of(p->node, p->inputs).k, &n) ? SIZE_MAX : n;
}

/* ---- For a constant one ---- */

void rnnp_dense_plan(const rnnp_prepare *p, rnnp_planned *planned)
{
    rnnp_record_found found;
    rnnp_product product;

    planned->variant = p->select->op[RNNP_OP_gemm]->name;
    planned->tuned = is_constant(p);
    if (!planned->tuned && (rnnp_meta_elements(&p->inputs[1]) == SIZE_MAX)) return; /* known when a run is made */
    const rnnp_dense dense = dense_of(p->node, p->inputs);
    const size_t n = (size_t)dense.n, k = (size_t)dense.k;
    if (planned->tuned) {
        const size_t rows = p->tuning ? rows_of(&dense, p->tuning, p->tuning->batch, p->tuning->steps) : 0;

        product = choose(p, &dense, rows, planned->found ? planned->found : &found);
        planned->variant = product.kernel->name;
        planned->pack_bytes = rnnp_product_bytes(product.kernel, n, k, dense.matrices);
        if (planned->layout)
            rnnp_product_layout(product.kernel, n, k, dense.matrices, planned->layout, RNNP_LAYOUT_CHARS);
    } else {
        product = (rnnp_product){rnnp_product_kernel(p->select, RNNP_FORMAT_f32, n, k), 0};
    }
    if (planned->own) *(rnnp_product *)planned->own = product;
}

void rnnp_dense_pack(const rnnp_node *node, const rnnp_meta *inputs, const void *own, void *packed, size_t part,
                     size_t parts)
{
    const rnnp_variant *kernel = ((const rnnp_product *)own)->kernel;
    const rnnp_dense dense = dense_of(node, inputs);
    const size_t n = (size_t)dense.n, k = (size_t)dense.k, each = rnnp_product_bytes(kernel, n, k, 1);
    const rnnp_format format = kernel->traits.panels.format;
    const char *data = inputs[1].known;
    rnnp_unpacked from = rnnp_unpacked_f32(NULL, n, k, 0, (size_t)dense.n_step, (size_t)dense.k_step);

    from.encoded = 1;
    if (format == RNNP_FORMAT_s8) from.scale = inputs[((const rnnp_dense_family *)node->op->family)->scale].known;
    for (size_t i = 0; i < dense.matrices && n && k; i++) {
        from.w = data + i * n * k * rnnp_format_bytes(format);
        rnnp_panels_pack(&kernel->traits.panels, &from, (char *)packed + i * each, part, parts);
    }
}

int rnnp_dense_shape(const rnnp_prepare *p, rnnp_shape *shape)
{
    if (!is_constant(p)) return 0;
    const rnnp_dense dense = dense_of(p->node, p->inputs);
    if (dense.matrices != 1) return 0;
    *shape = shape_of(p, &dense, rows_of(&dense, p->tuning, p->tuning->batch, p->tuning->steps));
    return 1;
}

void rnnp_dense_channels(const rnnp_node *node, const rnnp_meta *inputs, size_t i, rnnp_channels *channels)
{
    const rnnp_dense dense = dense_of(node, inputs);

    (void)i;
    *channels = (rnnp_channels){(size_t)dense.n, (size_t)dense.k, (size_t)dense.n_step, (size_t)dense.k_step};
}
