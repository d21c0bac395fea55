/* SPDX-License-Identifier: Apache-2.0
 *
 * Dense: MatMul, Add, activation. MatMul packs its constant weights once per plan.
 */
#include "build.h"

/* The weights as [input][units]. */
static rnnp_status add_weights(rnnp_model *model, const float *w, size_t input, size_t units, int transposed,
                               rnnp_value *value)
{
    rnnp_tensor tensor = {
        .dtype = RNNP_DTYPE_F32, .rank = 2, .shape = {(int64_t)input, (int64_t)units}, .data = (void *)w};
    const size_t bytes = input * units * sizeof *w;

    if (!transposed) return rnnp_build_weight(model, "kernel", &tensor, value);
    float *turned = rnnp_alloc(model->context, bytes);
    if (!turned) return RNNP_ERR_MEMORY;
    for (size_t k = 0; k < input; k++) {
        for (size_t u = 0; u < units; u++) turned[k * units + u] = w[u * input + k];
    }
    tensor.data = turned;
    const rnnp_status status = rnnp_build_weight(model, "kernel", &tensor, value);
    rnnp_free(model->context, turned, bytes);
    return status;
}

static rnnp_status add_bias(rnnp_model *model, const float *bias, size_t units, rnnp_value *y)
{
    const rnnp_tensor tensor = {.dtype = RNNP_DTYPE_F32, .rank = 1, .shape = {(int64_t)units}, .data = (void *)bias};
    rnnp_value inputs[2] = {*y, RNNP_NONE};
    const rnnp_status status = rnnp_build_weight(model, "bias", &tensor, &inputs[1]);

    return status == RNNP_OK ? rnnp_build_node(model, "Add", inputs, 2, NULL, 0, y) : status;
}

rnnp_status rnnp_model_add_dense(rnnp_model *model, rnnp_value x, const float *w, size_t input, size_t units,
                                 int transposed, const float *bias, const char *activation, rnnp_value *y)
{
    rnnp_value inputs[2] = {x, RNNP_NONE}, out = RNNP_NONE;
    size_t elements;
    rnnp_status status;

    if (!model) return RNNP_ERR_ARG;
    if (!y) return rnnp_fail(model->context, RNNP_ERR_ARG, "dense: y is NULL");
    if (!w || input == 0 || units == 0 || rnnp_mul_overflow(input, units, &elements) || elements > SIZE_MAX / 16)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "dense: input=%zu, units=%zu%s", input, units,
                         w ? "" : ", w is NULL");
    if ((status = add_weights(model, w, input, units, transposed, &inputs[1])) != RNNP_OK ||
        (status = rnnp_build_node(model, "MatMul", inputs, 2, NULL, 0, &out)) != RNNP_OK)
        return status;
    if (bias && (status = add_bias(model, bias, units, &out)) != RNNP_OK) return status;
    if (activation && (status = rnnp_build_node(model, activation, &out, 1, NULL, 0, &out)) != RNNP_OK) return status;
    *y = out;
    return RNNP_OK;
}
