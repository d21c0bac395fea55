/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX files written field by field, so that tests can have such as no library would write.
 */
#ifndef RNNP_TESTS_ONNX_WIRE_H
#define RNNP_TESTS_ONNX_WIRE_H

#include "../packed/packed.h"

#include "rnnpack/onnx.h"

/* ---- The wire format ---- */

static inline void wire_number(buffer *b, uint64_t n)
{
    unsigned char byte;

    do {
        byte = (unsigned char)((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
        take_bytes(b, &byte, 1);
        n >>= 7;
    } while (n);
}

static inline void wire_int(buffer *b, unsigned field, int64_t value)
{
    wire_number(b, field << 3);
    wire_number(b, (uint64_t)value);
}

static inline void wire_bytes(buffer *b, unsigned field, const void *bytes, size_t size)
{
    wire_number(b, field << 3 | 2);
    wire_number(b, size);
    if (size) take_bytes(b, bytes, size);
}

static inline void wire_text(buffer *b, unsigned field, const char *text) { wire_bytes(b, field, text, strlen(text)); }

/* A message inside another; it is emptied for the next. */
static inline void wire_message(buffer *b, unsigned field, buffer *message)
{
    wire_bytes(b, field, message->at, message->size);
    message->size = 0;
}

/* ---- Graphs: a buffer holds the fields of a GraphProto ---- */

enum { WIRE_F32 = 1, WIRE_I64 = 7, WIRE_BOOL = 9, WIRE_F64 = 11 };

static inline void wire_attr_int(buffer *node, const char *name, int64_t value)
{
    DROPPED(free_buffer) buffer attr = {0};

    wire_text(&attr, 1, name);
    wire_int(&attr, 3, value);
    wire_int(&attr, 20, 2);
    wire_message(node, 5, &attr);
}

/* A field for each name of a list with blanks between. */
static inline void wire_names(buffer *b, unsigned field, const char *names)
{
    while (*names) {
        const size_t length = strcspn(names, " ");

        wire_bytes(b, field, names, length);
        names += length + strspn(names + length, " ");
    }
}

/* The fields of a node: inputs and outputs by name, separated by blanks. */
static inline void wire_head(buffer *node, const char *op, const char *from, const char *to)
{
    wire_names(node, 1, from);
    wire_names(node, 2, to);
    wire_text(node, 4, op);
}

/* A whole node; keepdims: -1 for no such attribute. */
static inline void wire_node(buffer *graph, const char *op, const char *from, const char *to, int keepdims)
{
    DROPPED(free_buffer) buffer node = {0};

    wire_head(&node, op, from, to);
    if (keepdims >= 0) wire_attr_int(&node, "keepdims", keepdims);
    wire_message(graph, 1, &node);
}

/* An attribute that is a graph, which is freed. */
static inline void wire_attr_graph(buffer *node, const char *name, buffer *graph)
{
    DROPPED(free_buffer) buffer attr = {0};

    wire_text(&attr, 1, name);
    wire_message(&attr, 6, graph);
    wire_int(&attr, 20, 5);
    wire_message(node, 5, &attr);
    free(graph->at);
    *graph = (buffer){0};
}

/* If with these branches, which are freed. */
static inline void wire_if(buffer *graph, const char *condition, const char *to, buffer *then_branch,
                           buffer *else_branch)
{
    DROPPED(free_buffer) buffer node = {0};

    wire_head(&node, "If", condition, to);
    wire_attr_graph(&node, "then_branch", then_branch);
    wire_attr_graph(&node, "else_branch", else_branch);
    wire_message(graph, 1, &node);
}

/* Outputs of a branch: names, separated by blanks. */
static inline void wire_results(buffer *graph, const char *names)
{
    while (*names) {
        const size_t length = strcspn(names, " ");
        DROPPED(free_buffer) buffer info = {0};

        wire_bytes(&info, 1, names, length);
        wire_message(graph, 12, &info);
        names += length + strspn(names + length, " ");
    }
}

static inline void wire_tensor(buffer *tensor, const char *name, int type, const int64_t *shape, size_t rank)
{
    for (size_t i = 0; i < rank; i++) wire_int(tensor, 1, shape[i]);
    wire_int(tensor, 2, type);
    wire_text(tensor, 8, name);
}

static inline void wire_constant(buffer *graph, const char *name, int type, const int64_t *shape, size_t rank,
                                 const void *data, size_t bytes)
{
    DROPPED(free_buffer) buffer tensor = {0};

    wire_tensor(&tensor, name, type, shape, rank);
    wire_bytes(&tensor, 9, data, bytes);
    wire_message(graph, 5, &tensor);
}

static inline void wire_ints(buffer *graph, const char *name, const int64_t *values, size_t n)
{
    wire_constant(graph, name, WIRE_I64, (const int64_t[]){(int64_t)n}, 1, values, n * sizeof *values);
}

/* An input (field 11) or output (12); dimensions by name or number, separated by blanks. */
static inline void wire_typed_port(buffer *graph, unsigned field, const char *name, int onnx_type, const char *dims)
{
    DROPPED(free_buffer) buffer dim = {0}, shape = {0}, tensor = {0}, type = {0}, info = {0};

    while (*dims) {
        const size_t length = strcspn(dims, " ");

        if (strchr("-0123456789", dims[0]))
            wire_int(&dim, 1, atoi(dims));
        else
            wire_bytes(&dim, 2, dims, length);
        wire_message(&shape, 1, &dim);
        dims += length + strspn(dims + length, " ");
    }
    wire_int(&tensor, 1, onnx_type);
    wire_message(&tensor, 2, &shape);
    wire_message(&type, 1, &tensor);
    wire_text(&info, 1, name);
    wire_message(&info, 2, &type);
    wire_message(graph, field, &info);
}

/* The same of f32. */
static inline void wire_port(buffer *graph, unsigned field, const char *name, const char *dims)
{
    wire_typed_port(graph, field, name, WIRE_F32, dims);
}

/* The file of a graph, which is freed. */
static inline buffer wire_model(buffer *graph, int64_t version)
{
    DROPPED(free_buffer) buffer opset = {0};
    buffer model = {0};

    wire_int(&model, 1, 8);
    wire_message(&model, 7, graph);
    wire_int(&opset, 2, version);
    wire_message(&model, 8, &opset);
    free(graph->at);
    return model;
}

#endif
