/* SPDX-License-Identifier: Apache-2.0
 *
 * A program outside the project: creates a context and, with the component, loads a damaged model.
 */
#include <rnnpack/rnnpack.h>
#ifdef WITH_ONNX
#include <rnnpack/onnx.h>
#endif

#include <stdio.h>

int main(void)
{
    rnnp_context *context;
    int failed = 0;

    if (rnnp_context_create(NULL, &context) != RNNP_OK) return 1;
#ifdef WITH_ONNX
    rnnp_model *model;
    failed = rnnp_onnx_open_memory(context, "no model", 8, NULL, &model) != RNNP_ERR_FORMAT;
    if (failed) printf("unexpected: %s\n", rnnp_last_error(context));
#endif
    rnnp_context_destroy(context);
    return failed;
}
