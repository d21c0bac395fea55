/* SPDX-License-Identifier: Apache-2.0
 *
 * librnnpack-ort: an execution provider, with which ONNX Runtime runs the recurrent nodes of a model by rnnpack.
 *
 *   plugin.c   what ONNX Runtime calls first: the factory, and a provider for each session with its options
 *   claim.c    which nodes of a graph the provider takes, and which of them together
 *   part.c     nodes of a graph as a model of rnnpack's
 *   compute.c  plans and runs of such a model, behind ONNX Runtime's tensors
 *   status.c   failures and the log, in ONNX Runtime's terms
 *
 * The graph is read as ONNX Runtime has it, not as a file: no parser is needed, and whatever it folded is folded.
 */
#ifndef RNNP_ORT_EP_H
#define RNNP_ORT_EP_H

#include "rnnpack/records.h"
#include "rnnpack/rnnpack.h"

#include "api.h"

typedef struct rnnp_ort_ep {
    OrtEp base;
    const ort_api *ort;
    const OrtLogger *logger;
    rnnp_context *context;
    rnnp_records *records;
    rnnp_plan_options plan;
    char first_words[300]; /* of a context that could not be made */
} rnnp_ort_ep;

/* For functions that return OrtStatus *: NULL is success. */
#define ORT_TRY(call)                \
    do {                             \
        OrtStatus *failed_ = (call); \
        if (failed_) return failed_; \
    } while (0)

/* The status of ONNX Runtime's for a failure on the provider's context, with its sentence; NULL for RNNP_OK. */
OrtStatus *rnnp_ort_status(const rnnp_ort_ep *ep, rnnp_status status);
OrtStatus *rnnp_ort_no_memory(const rnnp_ort_ep *ep);
/* To ONNX Runtime's log. */
void rnnp_ort_log(const rnnp_ort_ep *ep, int severity, const char *message);

/* NULL if this element type is none of rnnpack's, else the status is in *dtype. */
OrtStatus *rnnp_ort_dtype(const rnnp_ort_ep *ep, int element_type, rnnp_dtype *dtype);
/* Type, shape and data of a tensor of ONNX Runtime's. */
OrtStatus *rnnp_ort_tensor(const rnnp_ort_ep *ep, const OrtValue *value, rnnp_tensor *tensor);

/* ---- Parts of a graph ---- */

/* Nodes as a closed model. Names are ONNX Runtime's, and are valid as long as the graph. */
typedef struct rnnp_ort_part {
    rnnp_model *model;
    size_t n_inputs, n_outputs;
    const char **inputs, **outputs; /* of the model, in its order */
} rnnp_ort_part;

/*
 * Makes a model of n nodes in topological order. Its inputs are the values from elsewhere, but for constant ones; its
 * outputs are those of `outputs` [n_outputs] that are not absent.
 *
 * Returns NULL, or a status whose sentence says what rnnpack does not support.
 */
OrtStatus *rnnp_ort_part_make(const rnnp_ort_ep *ep, const OrtNode *const *nodes, size_t n,
                              const OrtValueInfo *const *outputs, size_t n_outputs, rnnp_ort_part *part);
void rnnp_ort_part_free(rnnp_ort_part *part);

/* A node's values. */
typedef struct rnnp_ort_values {
    const OrtValueInfo **at;
    size_t n;
} rnnp_ort_values;

typedef enum rnnp_ort_side { RNNP_ORT_INPUTS, RNNP_ORT_OUTPUTS, RNNP_ORT_IMPLICIT } rnnp_ort_side;

OrtStatus *rnnp_ort_values_of(const rnnp_ort_ep *ep, const OrtNode *node, rnnp_ort_side side, rnnp_ort_values *values);

/* The name of a value, "" for one that is absent. */
OrtStatus *rnnp_ort_name(const rnnp_ort_ep *ep, const OrtValueInfo *value, const char **name);

/* ---- What the library exports ---- */

#define ORT_EXPORT __attribute__((visibility("default")))

/* Fails with an older runtime than 1.23. */
ORT_EXPORT OrtStatus *CreateEpFactories(const char *name, const OrtApiBase *base, const OrtLogger *logger,
                                        OrtEpFactory **factories, size_t room, size_t *n);
ORT_EXPORT OrtStatus *ReleaseEpFactory(OrtEpFactory *factory);

/* ---- Callbacks of OrtEp ---- */

OrtStatus *rnnp_ort_claim(OrtEp *self, const OrtGraph *graph, OrtEpGraphSupportInfo *info);
OrtStatus *rnnp_ort_compile(OrtEp *self, const OrtGraph **graphs, const OrtNode **fused, size_t n,
                            OrtNodeComputeInfo **infos, OrtNode **context_nodes);
void rnnp_ort_release(OrtEp *self, OrtNodeComputeInfo **infos, size_t n);

#endif
