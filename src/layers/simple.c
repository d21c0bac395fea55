/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers of one or two nodes: embedding, pooling, dropout, activation, softmax.
 */
#include "build.h"

rnnp_status rnnp_model_add_embedding(rnnp_model *model, rnnp_value indices, const float *table, size_t vocabulary,
                                     size_t width, rnnp_value *y)
{
    const rnnp_attr axis = rnnp_attr_int("axis", 0);
    rnnp_value inputs[2] = {RNNP_NONE, indices};

    if (!model) return RNNP_ERR_ARG;
    if (!y) return rnnp_fail(model->context, RNNP_ERR_ARG, "embedding: y is NULL");
    if (!table || vocabulary == 0 || width == 0 || vocabulary > INT32_MAX || width > INT32_MAX)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "embedding: vocabulary=%zu, width=%zu%s", vocabulary, width,
                         table ? "" : ", table is NULL");
    const rnnp_tensor tensor = {
        .dtype = RNNP_DTYPE_F32, .rank = 2, .shape = {(int64_t)vocabulary, (int64_t)width}, .data = (void *)table};
    const rnnp_status status = rnnp_build_weight(model, "table", &tensor, &inputs[0]);
    return status == RNNP_OK ? rnnp_build_node(model, "Gather", inputs, 2, &axis, 1, y) : status;
}

/* The newest step: index -1, a scalar, removes the axis. */
static rnnp_status pool_last(rnnp_model *model, rnnp_value x, int axis, rnnp_value *y)
{
    const int64_t last = -1;
    const rnnp_tensor index = {.dtype = RNNP_DTYPE_I64, .data = (void *)&last};
    const rnnp_attr attr = rnnp_attr_int("axis", axis);
    rnnp_value inputs[2] = {x, RNNP_NONE};
    const rnnp_status status = rnnp_model_add_constant(model, NULL, &index, &inputs[1]);

    return status == RNNP_OK ? rnnp_build_node(model, "Gather", inputs, 2, &attr, 1, y) : status;
}

rnnp_status rnnp_model_add_pool(rnnp_model *model, rnnp_value x, rnnp_pool pool, int axis, rnnp_value *y)
{
    static const char *const reduce[] = {
        [RNNP_POOL_MEAN] = "ReduceMean", [RNNP_POOL_MAX] = "ReduceMax", [RNNP_POOL_SUM] = "ReduceSum"};
    const rnnp_attr keepdims = rnnp_attr_int("keepdims", 0);
    const int64_t axes[] = {axis};

    if (!model) return RNNP_ERR_ARG;
    if (!y) return rnnp_fail(model->context, RNNP_ERR_ARG, "pool: y is NULL");
    switch (pool) {
    case RNNP_POOL_LAST: return pool_last(model, x, axis, y);
    case RNNP_POOL_MEAN:
    case RNNP_POOL_MAX:
    case RNNP_POOL_SUM: return rnnp_build_with_ints(model, reduce[pool], x, axes, 1, &keepdims, 1, y);
    }
    return rnnp_fail(model->context, RNNP_ERR_ARG, "unknown pooling %d", (int)pool);
}

rnnp_status rnnp_model_add_dropout(rnnp_model *model, rnnp_value x, float rate, rnnp_value *y)
{
    const rnnp_tensor ratio = {.dtype = RNNP_DTYPE_F32, .data = &rate};
    rnnp_value inputs[2] = {x, RNNP_NONE};

    if (!model) return RNNP_ERR_ARG;
    if (!y) return rnnp_fail(model->context, RNNP_ERR_ARG, "dropout: y is NULL");
    if (!(rate >= 0.0f && rate < 1.0f))
        return rnnp_fail(model->context, RNNP_ERR_ARG, "dropout: rate %g is outside [0, 1)", (double)rate);
    const rnnp_status status = rnnp_model_add_constant(model, NULL, &ratio, &inputs[1]);
    return status == RNNP_OK ? rnnp_build_node(model, "Dropout", inputs, 2, NULL, 0, y) : status;
}

rnnp_status rnnp_model_add_activation(rnnp_model *model, const char *op, rnnp_value x, rnnp_value *y)
{
    if (!model) return RNNP_ERR_ARG;
    if (!y) return rnnp_fail(model->context, RNNP_ERR_ARG, "activation: y is NULL");
    return rnnp_build_node(model, op, &x, 1, NULL, 0, y);
}

rnnp_status rnnp_model_add_softmax(rnnp_model *model, rnnp_value x, int axis, rnnp_value *y)
{
    const rnnp_attr attr = rnnp_attr_int("axis", axis);

    if (!model) return RNNP_ERR_ARG;
    if (!y) return rnnp_fail(model->context, RNNP_ERR_ARG, "softmax: y is NULL");
    return rnnp_build_node(model, "Softmax", &x, 1, &attr, 1, y);
}
