/* SPDX-License-Identifier: Apache-2.0
 *
 * A model loaded and planned, and arrays for all of its inputs and outputs.
 */
#ifndef RNNP_CLI_MODEL_H
#define RNNP_CLI_MODEL_H

#include "cli.h"
#include "rnnpack/model.h"
#include "rnnpack/packed.h"

CLI_END(model)
CLI_END(plan)
CLI_END(run)
CLI_END(stream)

typedef rnnp_status port_fn(const rnnp_model *model, size_t index, rnnp_port_info *port);

/* An ONNX file or a packed one, by how it begins. With compare_packed, plans refuse packed weights that are not those
 * of the originals (packed.h): for commands whose numbers count more than the time of packing. The call, which may be
 * NULL, says which inputs are bound and which outputs are wanted. */
int cli_load(rnnp_context *context, const char *path, const cli_call *call, int compare_packed, rnnp_model **model);

/* A math class by --math; wrong usage for another name. */
int cli_math(const char *name, rnnp_math *math);
/* The format of this name (not ended by a zero); 0: there is none. */
int cli_weights(const char *name, size_t length, rnnp_weights *weights);

/* ---- model.c ---- */

typedef struct cli_model {
    const char *path;
    rnnp_context *context;
    rnnp_model *model;
    rnnp_plan *plan;
    rnnp_plan_options options;
    rnnp_records *records;
    char records_file[RNNP_RECORDS_PATH]; /* "": none */
    size_t weight_bytes;                  /* packed weights that its layers read in each step */
    int all_s8;                           /* all of them are s8 */
} cli_model;

/* m's model, records and options planned for its context, and the facts that the plan decides. */
int cli_model_plan(cli_model *m);

enum { CLI_COMPARE_PACKED = 1, CLI_KEEP_QUIET = 2 /* on the files of tuning records that are passed over */ };

/* The model that the call names, with its options; close also what failed to open. */
int cli_model_open(cli_model *m, const cli_call *call, int flags);
void cli_model_close(cli_model *m);
#define AUTO_MODEL __attribute__((cleanup(cli_model_close))) cli_model

/* ---- tensors.c: arrays for rnnp_run ---- */

typedef struct cli_tensors {
    rnnp_tensor *inputs, *outputs;
    size_t n_inputs, n_outputs;
    uint32_t random; /* of the numbers that come next */
} cli_tensors;

void cli_tensors_create(cli_tensors *t, const rnnp_model *model);
void cli_tensors_destroy(cli_tensors *t); /* with the data that the tensors point to */
#define AUTO_TENSORS __attribute__((cleanup(cli_tensors_destroy))) cli_tensors

/* Whether a dynamic dimension of this name is the batch. */
int cli_names_batch(const char *symbol);
/* Gives every input its shape, with these sizes for dynamic dimensions. */
void cli_tensors_shape(cli_tensors *t, const rnnp_model *model, size_t batch, size_t steps);
/* Allocates and fills the inputs: the same pseudo-random numbers each time. */
void cli_tensors_fill(cli_tensors *t, const rnnp_model *model);
/* Other numbers in the inputs of f32, as the steps of a sequence have: one input again and again lets states settle,
 * and some of them settle among the denormals, which are slow. */
void cli_tensors_refill(cli_tensors *t);
/* Gives every output the dtype and shape of the run, and memory. */
int cli_tensors_outputs(cli_tensors *t, const cli_model *m, const rnnp_run *run);
void *cli_tensor_alloc(const rnnp_tensor *tensor);

#endif
