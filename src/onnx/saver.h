/* SPDX-License-Identifier: Apache-2.0
 *
 * From a closed model to a file, in two walks over it (src/graph/visit.h): one finds names for all values
 * (save_names.c), then the nodes' opsets are joined (save_opset.c), and the other walk makes the file's messages
 * (save_graph.c), which refer to the model's strings and weights where they are. save.c writes them out.
 */
#ifndef RNNP_ONNX_SAVER_H
#define RNNP_ONNX_SAVER_H

#include "../graph/visit.h"
#include "loader.h"

typedef enum saved_kind { SAVED_INPUT, SAVED_CONSTANT, SAVED_RESULT } saved_kind;

typedef struct saved_value {
    saved_kind kind;
    const char *wish; /* what the model calls it; need not be unique */
    const char *name; /* in the file */
    size_t readers;   /* inputs of nodes; outputs of the model do not count */
} saved_value;

typedef struct saved_output {
    const char *name;
    rnnp_value value; /* another name than the value's own: an Identity node leads there */
} saved_output;

typedef struct saver {
    const rnnp_model *model;
    loader memory;       /* for loader_alloc */
    saved_value *values; /* by the numbers of the walk */
    saved_output *outputs;
    size_t n_values, n_outputs;
    int opset;
    Onnx__GraphProto *graph;
} saver;

rnnp_status saver_name_values(saver *s);
rnnp_status saver_join_opsets(saver *s);
/* Makes s->graph of them. */
rnnp_status saver_make_graph(saver *s);

#endif
