/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of written ONNX files share.
 */
#ifndef RNNP_TESTS_ONNX_SAVE_H
#define RNNP_TESTS_ONNX_SAVE_H

#include "../packed/packed.h"

#include "rnnpack/onnx.h"

static inline buffer save(rnnp_context *context, const rnnp_model *model)
{
    buffer b = {0};
    const rnnp_status status = rnnp_onnx_write(model, take_bytes, &b);

    if (status != RNNP_OK) print_error("%s\n", rnnp_last_error(context));
    OK(status);
    return b;
}

static inline rnnp_model *load(rnnp_context *context, const buffer *file)
{
    rnnp_model *model;
    const rnnp_status status = rnnp_onnx_open_memory(context, file->at, file->size, NULL, &model);

    if (status != RNNP_OK) print_error("%s\n", rnnp_last_error(context));
    OK(status);
    return model;
}

static inline void assert_same_bytes(const buffer *a, const buffer *b)
{
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->at, b->at, a->size);
}

#endif
