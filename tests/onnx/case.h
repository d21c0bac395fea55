/* SPDX-License-Identifier: Apache-2.0
 *
 * A conformance case in memory: an ONNX model and the tensors that go in and must come out.
 */
#ifndef RNNP_TESTS_ONNX_CASE_H
#define RNNP_TESTS_ONNX_CASE_H

#include "rnnpack/rnnpack.h"

#include <onnx/onnx.pb-c.h>

enum { CASE_MAX_PORTS = 64, CASE_REASON = 256 };

typedef struct case_tensor {
    char name[96];
    rnnp_tensor tensor; /* data from malloc */
} case_tensor;

typedef struct onnx_case {
    char name[128], directory[512];
    Onnx__ModelProto *model;                             /* as in the file, or as changed by case_make_constant */
    case_tensor in[CASE_MAX_PORTS], out[CASE_MAX_PORTS]; /* out: f64 where the case has exact numbers */
    size_t n_in, n_out;
    char reason[CASE_REASON]; /* why reading gave up */
} onnx_case;

typedef enum case_status { CASE_READ, CASE_SKIPPED, CASE_BROKEN } case_status;

/* Ours: <model>.onnx with all tensors in <model>.pb. */
case_status case_read_ours(const char *model_path, onnx_case *c);
/* A folder of the ONNX project's node tests: model.onnx, test_data_set_0/{input,output}_<i>.pb. Skipped when it uses an
 * operator or a type that this library does not have. */
case_status case_read_node_test(const char *model_path, onnx_case *c);
void case_free(onnx_case *c);

/* Turns the model's inputs into constants: those of one dtype, or all for dtype 0. Returns how many. */
size_t case_make_constant(onnx_case *c, rnnp_dtype dtype);

/* The model as bytes from malloc, NULL when there is no memory. */
void *case_pack(const onnx_case *c, size_t *size);

const case_tensor *case_find(const case_tensor *tensors, size_t n, const char *name);

#endif
