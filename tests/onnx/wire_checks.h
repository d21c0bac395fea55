/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of files that were written field by field.
 */
#ifndef RNNP_TESTS_ONNX_WIRE_CHECKS_H
#define RNNP_TESTS_ONNX_WIRE_CHECKS_H

#include "save.h"
#include "wire.h"

/* The file, which is freed, is not read. */
static inline void refused(rnnp_context *context, buffer file, rnnp_status status, const char *words)
{
    rnnp_model *model = NULL;
    const rnnp_status got = rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model);

    free(file.at);
    if (got != status || !strstr(rnnp_last_error(context), words))
        fail_msg("%d, expected %d with \"%s\": %s", got, status, words, rnnp_last_error(context));
}

/* The model of a file, which is freed. */
static inline rnnp_model *open_with(rnnp_context *context, buffer file, const rnnp_load_options *options)
{
    rnnp_model *model = NULL;
    const rnnp_status status = rnnp_onnx_open_memory(context, file.at, file.size, options, &model);

    free(file.at);
    if (status != RNNP_OK) fail_msg("%s", rnnp_last_error(context));
    return model;
}

/* Output 0, in f32, is exactly this. */
static inline void check(const rnnp_context *context, const rnnp_model *model, const rnnp_tensor *in, size_t n,
                         const float *want, size_t n_want)
{
    OWNED(plan) plan = make_plan(model);
    DROPPED(free_outputs) produced o = run_plan(plan, in, n);

    if (o.status != RNNP_OK) fail_msg("%s", rnnp_last_error(context));
    assert_int_equal(rnnp_tensor_elements(&o.out[0]), n_want);
    for (size_t i = 0; i < n_want; i++) assert_true(((const float *)o.out[0].data)[i] == want[i]);
}

#endif
