/* SPDX-License-Identifier: Apache-2.0
 *
 * What the options of a file change in its model: inputs that become constants, and outputs that are left out.
 */
#include "graph.h"

#include <string.h>

/* Writes the number as an element; 0 if the dtype does not have it. */
static int put(double x, rnnp_dtype dtype, void *to)
{
    const int whole = x == floor(x) && fabs(x) < 0x1p63;

    switch ((int)dtype) {
    case RNNP_DTYPE_F32: memcpy(to, &(float){(float)x}, sizeof(float)); return 1;
    case RNNP_DTYPE_F64: memcpy(to, &x, sizeof x); return 1;
    case RNNP_DTYPE_I64: return whole && memcpy(to, &(int64_t){(int64_t)x}, sizeof(int64_t));
    case RNNP_DTYPE_I32: return whole && fabs(x) <= INT32_MAX && memcpy(to, &(int32_t){(int32_t)x}, sizeof(int32_t));
    case RNNP_DTYPE_U8: return whole && x >= 0 && x <= 255 && memcpy(to, &(uint8_t){(uint8_t)x}, 1);
    case RNNP_DTYPE_I8: return whole && fabs(x) <= 127 && memcpy(to, &(int8_t){(int8_t)x}, 1);
    case RNNP_DTYPE_BOOL: return (x == 0 || x == 1) && memcpy(to, &(uint8_t){(uint8_t)x}, 1);
    default: return 0;
    }
}

static rnnp_status check_tensor(const rnnp_context *context, const char *name, const rnnp_tensor *got,
                                const rnnp_tensor *want)
{
    if (got->dtype != want->dtype)
        return rnnp_fail(context, RNNP_ERR_TYPE, "input %s is bound to %s, expected %s", name,
                         rnnp_dtype_name(got->dtype), rnnp_dtype_name(want->dtype));
    if (got->rank != want->rank)
        return rnnp_fail(context, RNNP_ERR_SHAPE, "input %s is bound to rank %zu, expected %zu", name, got->rank,
                         want->rank);
    for (size_t d = 0; d < want->rank; d++) {
        if (want->shape[d] != RNNP_DYNAMIC && got->shape[d] != want->shape[d])
            return rnnp_fail(context, RNNP_ERR_SHAPE, "input %s: dimension %zu is bound to %lld, expected %lld", name,
                             d, (long long)got->shape[d], (long long)want->shape[d]);
    }
    return RNNP_OK;
}

rnnp_status rnnp_bound_tensor(const rnnp_context *context, const rnnp_bound_input *bound, const rnnp_tensor *input,
                              uint64_t *element, rnnp_tensor *t)
{
    *t = bound->tensor ? *bound->tensor : *input;
    if (bound->tensor) return check_tensor(context, bound->name, t, input);
    for (size_t d = 0; d < t->rank; d++) t->shape[d] = t->shape[d] == RNNP_DYNAMIC ? 1 : t->shape[d];
    if (rnnp_tensor_elements(t) != 1)
        return rnnp_fail(context, RNNP_ERR_SHAPE, "input %s has %zu elements and cannot be bound to one number",
                         bound->name, rnnp_tensor_elements(t));
    if (!put(bound->number, t->dtype, element))
        return rnnp_fail(context, RNNP_ERR_TYPE, "input %s is %s and cannot be bound to %.17g", bound->name,
                         rnnp_dtype_name(t->dtype), bound->number);
    t->data = element;
    return RNNP_OK;
}

rnnp_status rnnp_model_check_options(const rnnp_model *model)
{
    const rnnp_load_options *o = model->options;

    for (size_t i = 0; o && i < o->n_bound; i++) {
        if (!o->bound[i].name) return rnnp_fail(model->context, RNNP_ERR_ARG, "bound input %zu has no name", i);
        if (!model->bound || !model->bound[i])
            return rnnp_fail(model->context, RNNP_ERR_ARG, "%s is bound %s", o->bound[i].name,
                             rnnp_bound_find(o, o->bound[i].name) == &o->bound[i] ? "but is no input of the model"
                                                                                  : "twice");
    }
    for (size_t i = 0; o && o->outputs && i < o->n_outputs; i++) {
        const char *name = o->outputs[i];

        if (!name || rnnp_names_find(&model->output_names.set, name) == SIZE_MAX)
            return rnnp_fail(model->context, RNNP_ERR_ARG, "%s is no output of the model", name ? name : "NULL");
    }
    return RNNP_OK;
}
