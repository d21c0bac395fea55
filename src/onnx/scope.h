/* SPDX-License-Identifier: Apache-2.0
 *
 * The graphs of a file: its own, the branches of every If, the bodies of Loop and Scan, and the body of a function once
 * for each node that calls it. All their nodes go into the one graph of the model. Only what the outputs need is looked
 * at.
 */
#ifndef RNNP_ONNX_SCOPE_H
#define RNNP_ONNX_SCOPE_H

#include "names.h"

enum { SCOPE_BODIES = 2, SCOPE_CALLS = 64, SCOPE_ATTRIBUTES = 64 };

typedef enum scope_kind { SCOPE_PLAIN, SCOPE_CALL, SCOPE_IF, SCOPE_LOOP, SCOPE_SCAN } scope_kind;

typedef struct scope_node {
    int needed;
    scope_kind kind;
    enum { SCOPE_NEW, SCOPE_OPEN, SCOPE_BEGUN, SCOPE_DONE } state; /* while nodes are added */
    struct scope *body[SCOPE_BODIES]; /* of an If: then and else; of others that are not plain: the one there is */
    rnnp_value *begin;                /* of loops: the inputs of LoopBegin, and its outputs */
} scope_node;

typedef struct scope {
    names names;                          /* outer: those of the graph around a branch */
    const Onnx__GraphProto *graph;        /* NULL for the body of a function */
    const struct file_function *function; /* that this is, or is in; or NULL */
    const Onnx__NodeProto *call;          /* of that function */
    const struct scope *caller;           /* where the call is */
    size_t calls;                         /* how many are around it */
    const char *prefix;                   /* of the names of nodes */
    int opset;
    Onnx__NodeProto *const *node;
    scope_node *nodes;
    size_t n_nodes;
    struct scope *next; /* in the order in which they were opened */
} scope;

/* Opens the file's graph and every scope in it that is needed. Entries of names and nodes are marked. */
rnnp_status scope_open_file(loader *l, int opset, scope **root);

/* An attribute, or what it refers to in the call of the function; NULL where the call has no such attribute. */
const Onnx__AttributeProto *scope_attribute(const scope *s, const Onnx__AttributeProto *a);

/* The name for messages: the node's, or that of its first output. */
const char *scope_node_name(const Onnx__NodeProto *p);

/* The node's attribute of this kind and name in *attr, or 0. */
int scope_find_attribute(loader *l, const scope *s, const Onnx__NodeProto *p, const char *name, rnnp_attr_kind kind,
                         rnnp_attr *attr);

#endif
