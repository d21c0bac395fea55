/* SPDX-License-Identifier: Apache-2.0
 *
 * MatMulNBits of com.microsoft: a product with a matrix whose columns are quantised in blocks, 4 or 8 bits an element.
 * It becomes a MatMul with the f32 weights (q - zero point) * scale. Not one with weights in 8 bits: that would
 * quantise the activations as well, which the file does not ask for.
 *
 *   B            u8 [N][blocks][bytes of a block]    column by column; of two elements in a byte, the low half is first
 *   scales       f32 [N][blocks]
 *   zero_points  u8 [N][bytes of the blocks' elements], packed as B is, or f32 [N][blocks]; 2^(bits - 1) where missing
 */
#include "load_weights.h"

#include <string.h>

enum { A, B, SCALES, ZEROS, GROUPS, BIAS, ALL };

#define FAIL(l, node, status, format, ...) \
    rnnp_fail((l)->context, status, "MatMulNBits %s: " format, (node)->name, __VA_ARGS__)

typedef struct blocks {
    size_t depth, columns, block, bits, per_column;
    const rnnp_value_info *q, *scales, *zeros;
} blocks;

static rnnp_status read_size(loader *l, const loader_node *node, const char *name, int64_t otherwise, size_t *size)
{
    int64_t value = otherwise;

    for (size_t i = 0; i < node->n_attrs; i++)
        if (strcmp(node->attrs[i].name, name) == 0 && node->attrs[i].kind == RNNP_ATTR_INT) value = node->attrs[i].i;
    if (value < 1 || value > INT32_MAX)
        return FAIL(l, node, RNNP_ERR_ARG, "%s is %lld, expected 1 to %d", name, (long long)value, INT32_MAX);
    *size = (size_t)value;
    return RNNP_OK;
}

static rnnp_status read_attributes(loader *l, const loader_node *node, blocks *b)
{
    const int64_t missing = 0;
    rnnp_status status = read_size(l, node, "K", missing, &b->depth);

    if (status == RNNP_OK) status = read_size(l, node, "N", missing, &b->columns);
    if (status == RNNP_OK) status = read_size(l, node, "block_size", missing, &b->block);
    if (status == RNNP_OK) status = read_size(l, node, "bits", 4, &b->bits);
    if (status != RNNP_OK) return status;
    if (b->bits != 4 && b->bits != 8)
        return FAIL(l, node, RNNP_ERR_UNSUPPORTED, "bits is %zu, expected 4 or 8", b->bits);
    if (b->block < 16 || (b->block & (b->block - 1)))
        return FAIL(l, node, RNNP_ERR_ARG, "block_size is %zu, expected a power of two from 16 on", b->block);
    b->per_column = (b->depth + b->block - 1) / b->block;
    return RNNP_OK;
}

/* A constant of so many elements in each column; *info NULL where it is left out. */
static rnnp_status read_input(loader *l, const rnnp_model *model, const loader_node *node, size_t input,
                              const char *what, rnnp_dtype dtype, size_t in_column, const blocks *b,
                              const rnnp_value_info **info)
{
    const rnnp_value v = input < node->n_inputs ? node->inputs[input] : RNNP_NONE;
    const uint64_t wanted = (uint64_t)b->columns * in_column; /* both below 2^32 */
    uint64_t n = 1;

    *info = v == RNNP_NONE ? NULL : &model->values[v];
    if (!*info) return input == ZEROS ? RNNP_OK : FAIL(l, node, RNNP_ERR_ARG, "input %s is missing", what);
    if (!(*info)->is_constant) return FAIL(l, node, RNNP_ERR_UNSUPPORTED, "input %s is not an initializer", what);
    const rnnp_meta *m = &(*info)->meta;
    if (m->dtype != dtype)
        return FAIL(l, node, RNNP_ERR_TYPE, "input %s is %s, expected %s", what, rnnp_dtype_name(m->dtype),
                    rnnp_dtype_name(dtype));
    for (size_t i = 0; i < m->rank; i++) n *= (uint64_t)m->dim[i];
    if (n == wanted) return RNNP_OK;
    return FAIL(l, node, RNNP_ERR_SHAPE, "input %s has %llu elements, expected %llu: %zu in each of %zu columns", what,
                (unsigned long long)n, (unsigned long long)wanted, in_column, b->columns);
}

static rnnp_status read_inputs(loader *l, const rnnp_model *model, const loader_node *node, blocks *b)
{
    const size_t zeros = (b->per_column * b->bits + 7) / 8;
    const rnnp_value z = ZEROS < node->n_inputs ? node->inputs[ZEROS] : RNNP_NONE;
    const int floats = z != RNNP_NONE && model->values[z].meta.dtype == RNNP_DTYPE_F32;

    if (node->n_inputs > ALL) return FAIL(l, node, RNNP_ERR_ARG, "%zu inputs, %d at most", node->n_inputs, ALL);
    if (GROUPS < node->n_inputs && node->inputs[GROUPS] != RNNP_NONE)
        return FAIL(l, node, RNNP_ERR_UNSUPPORTED, "input %s is not supported", "g_idx");
    rnnp_status status =
        read_input(l, model, node, B, "B", RNNP_DTYPE_U8, b->per_column * (b->block * b->bits / 8), b, &b->q);
    if (status == RNNP_OK)
        status = read_input(l, model, node, SCALES, "scales", RNNP_DTYPE_F32, b->per_column, b, &b->scales);
    if (status != RNNP_OK) return status;
    return read_input(l, model, node, ZEROS, "zero_points", floats ? RNNP_DTYPE_F32 : RNNP_DTYPE_U8,
                      floats ? b->per_column : zeros, b, &b->zeros);
}

/* Element i of bytes that hold one or two each. */
static float element(const blocks *b, const uint8_t *bytes, size_t i)
{
    return (float)(b->bits == 8 ? bytes[i] : bytes[i / 2] >> 4 * (i % 2) & 15);
}

static float zero_of(const blocks *b, size_t column, size_t block)
{
    if (!b->zeros) return (float)(1U << (b->bits - 1));
    if (b->zeros->meta.dtype == RNNP_DTYPE_F32)
        return ((const float *)b->zeros->meta.known)[column * b->per_column + block];
    return element(b, (const uint8_t *)b->zeros->meta.known + column * ((b->per_column * b->bits + 7) / 8), block);
}

/* To [depth][columns]; what fills the last block up is left out. */
static void dequantise(const blocks *b, float *to)
{
    const float *scales = b->scales->meta.known;
    const size_t bytes = b->block * b->bits / 8;

    for (size_t i = 0; i < b->columns * b->per_column; i++) {
        const size_t column = i / b->per_column, block = i % b->per_column, first = block * b->block;
        const size_t n = b->depth - first < b->block ? b->depth - first : b->block;
        const float zero = zero_of(b, column, block);

        for (size_t k = 0; k < n; k++) {
            const float q = element(b, (const uint8_t *)b->q->meta.known + i * bytes, k);
            to[(first + k) * b->columns + column] = (q - zero) * scales[i];
        }
    }
}

rnnp_status loader_blocks_node(loader *l, rnnp_model *model, loader_node *node)
{
    blocks b = {0};

    if (strcmp(node->op, "MatMulNBits") != 0) return RNNP_OK;
    rnnp_status status = read_attributes(l, node, &b);
    if (status == RNNP_OK) status = read_inputs(l, model, node, &b);
    if (status != RNNP_OK) return status;
    float *weights = loader_alloc(l, b.depth * b.columns * sizeof *weights); /* at most eight bytes for each of B */
    if (!weights) return RNNP_ERR_MEMORY;
    dequantise(&b, weights);
    const rnnp_tensor t = {RNNP_DTYPE_F32, 2, {(int64_t)b.depth, (int64_t)b.columns}, .const_data = weights};
    status = rnnp_model_add_constant(model, b.q->name, &t, &node->inputs[B]);
    loader_free(l, weights);
    node->bias = BIAS < node->n_inputs ? node->inputs[BIAS] : RNNP_NONE;
    node->op = "MatMul";
    node->n_inputs = B + 1;
    node->n_attrs = 0;
    return status;
}
