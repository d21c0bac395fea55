/* SPDX-License-Identifier: Apache-2.0
 *
 * A program outside the project: creates a context and, with a component, loads a damaged model, or asks
 * for a timeout that there is not.
 */
#include <rnnpack/rnnpack.h>
#ifdef WITH_ONNX
#include <rnnpack/onnx.h>
#endif
#ifdef WITH_MPI
#include <rnnpack/mpi.h>
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
#ifdef WITH_MPI
    const rnnp_mpi_options options = {.struct_size = sizeof options, .timeout = -1};
    rnnp_mpi *mpi;
    failed = rnnp_mpi_create(context, &options, &mpi) != RNNP_ERR_ARG;
    if (failed) printf("unexpected: %s\n", rnnp_last_error(context));
#endif
    rnnp_context_destroy(context);
    return failed;
}
