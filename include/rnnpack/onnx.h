/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX files in: the component rnnpack-onnx (link rnnpack::onnx). Opsets 7 to 22 of the default domain;
 * docs/architecture.md lists the operators. External tensor data is read from files beside the model.
 */
#ifndef RNNPACK_ONNX_H
#define RNNPACK_ONNX_H

#include "rnnpack/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * rnnp_onnx_load_file() reads and closes a model.
 *
 * Returns  RNNP_OK; RNNP_ERR_IO when a file cannot be read; RNNP_ERR_FORMAT for a damaged one;
 *          RNNP_ERR_UNSUPPORTED, RNNP_ERR_SHAPE or RNNP_ERR_TYPE naming the node; RNNP_ERR_MEMORY.
 * Errors   leave *model NULL.
 * Memory   from the context's allocator; the parsed file is freed before the return.
 * Threads  safe from many threads with one context.
 */
RNNP_API rnnp_status rnnp_onnx_load_file(rnnp_context *context, const char *path, rnnp_model **model);

/* The same from memory. `directory` is where external data is looked up; NULL refuses such models. */
RNNP_API rnnp_status rnnp_onnx_load(rnnp_context *context, const void *bytes, size_t size, const char *directory,
                                    rnnp_model **model);

#ifdef __cplusplus
}
#endif
#endif
