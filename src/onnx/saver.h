/* SPDX-License-Identifier: Apache-2.0
 *
 * From a closed model to a file, in two walks over it (src/graph/visit.h): one finds names for all values
 * (save_names.c), then the nodes' opsets are joined (save_opset.c), and the other walk makes the file's messages
 * (save_graph.c, save_messages.c), which refer to the model's strings and weights where they are. save.c writes them
 * out. Weights that the standard's layers do not know are save_weights.c.
 */
#ifndef RNNP_ONNX_SAVER_H
#define RNNP_ONNX_SAVER_H

#include "../graph/ops/loop.h"
#include "../graph/visit.h"
#include "names.h"

typedef enum saved_kind { SAVED_INPUT, SAVED_CONSTANT, SAVED_RESULT } saved_kind;

/* How a constant stands in the file: as it is, with the last two axes exchanged, or with all axes but the last as one
 * (scales: with all as one). */
typedef enum saved_form { FORM_PLAIN, FORM_ACROSS, FORM_FLAT, FORMS } saved_form;

typedef struct saved_value {
    saved_kind kind;
    const char *wish;        /* what the model calls it; need not be unique */
    const char *name;        /* in the file */
    size_t readers;          /* inputs of nodes; outputs of the model do not count */
    rnnp_tensor tensor;      /* of constants */
    uint8_t wanted[FORMS];   /* constants that are weights or scales: in which forms */
    const char *made[FORMS]; /* and what initializers are called that are there already */
    const char *widened;     /* the f32 result of the nodes that widen it, once they are there */
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
    int microsoft;                   /* com.microsoft is imported */
    Onnx__FunctionProto **functions; /* of nodes whose state decays */
    size_t n_functions;
    names taken;         /* that are taken */
    size_t n_special;    /* nodes with weights that are not f32 */
    size_t n_inner;      /* names that branches and bodies need */
    const char **marked; /* results that LOADER_MARKS lists */
    size_t n_marked;
    Onnx__GraphProto *file;  /* has all initializers */
    Onnx__GraphProto *graph; /* that nodes are added to: the file's, or the body of a loop */
    struct saved_loop {
        Onnx__NodeProto *node;
        Onnx__GraphProto *around;
    } loops[RNNP_LOOP_DEPTH]; /* which it lies in */
    size_t n_loops;
} saver;

/* What one node with such weights may add: names, nodes, initializers. */
enum { SPECIAL_ROOM = 12 };

rnnp_status saver_name_values(saver *s);
rnnp_status saver_join_opsets(saver *s);
/* Makes s->graph of them. */
rnnp_status saver_make_graph(saver *s);

/* ---- Messages (save_messages.c) ---- */

/* An initializer; `tensor` stays until the file is written. */
rnnp_status saver_initializer(saver *s, const char *name, const rnnp_tensor *tensor);
/* A tensor's name and type; its shape, which may be NULL, stays until the file is written. */
rnnp_status saver_info(saver *s, const char *name, rnnp_dtype dtype, Onnx__TensorShapeProto *shape,
                       Onnx__ValueInfoProto **to);
/* A node at the end of s->graph, without inputs, outputs and attributes, which there is room for. */
rnnp_status saver_node(saver *s, const char *op, const char *name, size_t inputs, size_t outputs, size_t attrs,
                       Onnx__NodeProto **to);
/* The same for a node that is not in a graph yet. */
rnnp_status saver_node_alone(saver *s, const char *op, const char *name, size_t inputs, size_t outputs, size_t attrs,
                             Onnx__NodeProto **to);
rnnp_status saver_add_node(saver *s, Onnx__GraphProto *graph, Onnx__NodeProto *node);
rnnp_status saver_attr(saver *s, const rnnp_attr *attr, Onnx__AttributeProto *to);
/* One more of the node, which has room for it. */
rnnp_status saver_int_attr(saver *s, Onnx__NodeProto *node, const char *name, int64_t value);

/* ---- If (save_branches.c), loops (save_loops.c) ---- */

/* How many names the node's branches, or its body, need; 0 for other operators. */
size_t saver_branch_names(const rnnp_node *node);
size_t saver_loop_names(const rnnp_node *node);
/* Adds the node with both branches. */
rnnp_status saver_branches(saver *s, const rnnp_node *from, const rnnp_value *inputs, const rnnp_value *outputs);
/* LoopBegin: the nodes from here on are those of a body. LoopEnd: adds the loop. */
rnnp_status saver_begin_loop(saver *s, const rnnp_node *from, const rnnp_value *inputs, const rnnp_value *outputs);
rnnp_status saver_end_loop(saver *s, const rnnp_node *from, const rnnp_value *inputs, const rnnp_value *outputs);
/* An Identity at the end of a branch or body, as one of its outputs: of a value, with a name like the value's. */
rnnp_status saver_hand_on(saver *s, Onnx__GraphProto *graph, rnnp_value value);

/* ---- States that decay (save_decay.c) ---- */

/* Whether the node has one; and makes of the standard's node the one that has it, and its function. */
int saver_decays(const rnnp_node *node);
rnnp_status saver_decay(saver *s, const rnnp_node *from, const rnnp_value *inputs, Onnx__NodeProto *node);

/* ---- Weights in other formats than f32 (save_weights.c) ---- */

/* Notes in which forms the node reads constants: during the first walk. */
void saver_weights_note(saver *s, const rnnp_node *node, const rnnp_value *inputs);
/* The opset that they need; 0 for any. */
int saver_weights_opset(const rnnp_node *node);
/* During the second walk: adds what comes before the node, and then makes of the standard's node the one that has the
 * weights. The node has room for SPECIAL_ROOM more inputs. */
rnnp_status saver_weights_before(saver *s, const rnnp_node *node, const rnnp_value *inputs);
rnnp_status saver_weights_apply(saver *s, const rnnp_node *from, const rnnp_value *inputs, Onnx__NodeProto *node);
/* The value of LOADER_MARKS, NULL if nothing is marked. */
rnnp_status saver_weights_marks(saver *s, const char **marks);

#endif
