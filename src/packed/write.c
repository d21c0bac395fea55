/* SPDX-License-Identifier: Apache-2.0
 *
 * A closed model to the bytes of a packed file. The graph and the list of blocks are made first; weights are packed
 * twice, for their checksum and when they are written, so that one of them is in memory at a time.
 */
#include "../fpmode.h"
#include "../graph/engine.h"
#include "../graph/visit.h"
#include "../structs.h"
#include "format.h"
#include "packed.h"
#include "words.h"

#include <string.h>

typedef struct writer {
    const rnnp_model *model;
    uint64_t checksum; /* of the current constant, where only the model's mark is wanted */
    int marks;
    rnnp_selection select[RNNP_ISA_COUNT]; /* one per ISA to pack for */
    size_t n_select;
    words graph, blocks;
    size_t data_bytes, weight_bytes, n_blocks;
    void *room; /* for one packed node */
    size_t room_bytes;
    rnnp_write_fn write;
    void *user;
    uint64_t written;
} writer;

static uint64_t bits_of(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    return bits;
}

/* ---- Graph ---- */

static void put_tensor_type(words *w, const rnnp_tensor *tensor)
{
    words_put(w, (uint64_t)tensor->dtype);
    words_put(w, tensor->rank);
    for (size_t i = 0; i < tensor->rank; i++) words_put(w, (uint64_t)tensor->shape[i]);
}

static size_t tensor_bytes(const rnnp_tensor *tensor)
{
    return rnnp_tensor_elements(tensor) * rnnp_dtype_bytes(tensor->dtype);
}

static void put_attr(words *w, const rnnp_attr *attr)
{
    words_put_string(w, attr->name);
    words_put(w, (uint64_t)attr->kind);
    switch (attr->kind) {
    case RNNP_ATTR_INT: words_put(w, (uint64_t)attr->i); break;
    case RNNP_ATTR_FLOAT: words_put(w, bits_of(attr->f)); break;
    case RNNP_ATTR_STRING: words_put_string(w, attr->s); break;
    case RNNP_ATTR_INTS: words_put_bytes(w, attr->ints, attr->count * sizeof *attr->ints); break;
    case RNNP_ATTR_FLOATS: words_put_bytes(w, attr->floats, attr->count * sizeof *attr->floats); break;
    case RNNP_ATTR_STRINGS:
        words_put(w, attr->count);
        for (size_t i = 0; i < attr->count; i++) words_put_string(w, attr->strings[i]);
        break;
    case RNNP_ATTR_TENSOR:
        put_tensor_type(w, attr->tensor);
        words_put_bytes(w, attr->tensor->data, tensor_bytes(attr->tensor));
        break;
    }
}

static rnnp_status graph_input(void *user, const rnnp_port_info *port)
{
    words *w = &((writer *)user)->graph;

    words_put(w, PACKED_INPUT);
    words_put_string(w, port->name);
    words_put(w, (uint64_t)port->dtype);
    words_put(w, port->rank);
    for (size_t i = 0; i < port->rank; i++) {
        words_put(w, (uint64_t)port->shape[i]);
        words_put_string(w, port->symbol[i] ? port->symbol[i] : "");
    }
    return w->status;
}

static rnnp_status graph_constant(void *user, const char *name, const rnnp_tensor *tensor)
{
    writer *self = user;
    words *w = &self->graph;
    const size_t bytes = tensor_bytes(tensor);

    words_put(w, PACKED_CONSTANT);
    words_put_string(w, name);
    put_tensor_type(w, tensor);
    words_put(w, self->data_bytes);
    words_put(w, self->marks ? self->checksum : rnnp_packed_checksum(tensor->data, bytes));
    self->data_bytes = rnnp_add_bytes(self->data_bytes, rnnp_align64(bytes));
    return w->status;
}

static rnnp_status graph_node(void *user, const rnnp_node *node, const rnnp_value *inputs, const rnnp_value *outputs)
{
    words *w = &((writer *)user)->graph;

    words_put(w, PACKED_NODE);
    words_put_string(w, node->op->name);
    words_put(w, (uint64_t)node->opset);
    words_put_string(w, node->name);
    words_put(w, node->n_inputs);
    for (size_t i = 0; i < node->n_inputs; i++) words_put(w, (uint64_t)(int64_t)inputs[i]);
    words_put(w, node->n_outputs);
    for (size_t i = 0; i < node->n_outputs; i++) words_put(w, outputs[i] != RNNP_NONE);
    words_put(w, node->n_attrs);
    for (size_t i = 0; i < node->n_attrs; i++) put_attr(w, &node->attrs[i]);
    return w->status;
}

static rnnp_status graph_output(void *user, const char *name, rnnp_value value)
{
    words *w = &((writer *)user)->graph;

    words_put(w, PACKED_OUTPUT);
    words_put_string(w, name);
    words_put(w, (uint64_t)value);
    return w->status;
}

/* No part of the model's mark: it may change when the model is closed, and nothing is computed from it. */
static void put_metadata(writer *w)
{
    for (size_t i = 0; i < w->model->n_metadata && !w->marks; i++) {
        words_put(&w->graph, PACKED_METADATA);
        words_put_string(&w->graph, w->model->metadata[i].key);
        words_put_string(&w->graph, w->model->metadata[i].value);
    }
}

static rnnp_status make_graph(writer *w)
{
    const rnnp_visitor visitor = {.user = w,
                                  .input = graph_input,
                                  .constant = graph_constant,
                                  .node = graph_node,
                                  .output = graph_output,
                                  .checksum = w->marks ? &w->checksum : NULL};
    rnnp_status status;

    words_put(&w->graph, PACKED_PRODUCER);
    words_put_string(&w->graph, w->model->producer);
    put_metadata(w);
    if ((status = rnnp_model_visit(w->model, &visitor)) != RNNP_OK) return status;
    words_put(&w->graph, PACKED_END);
    return w->graph.status;
}

/* The graph of its file says what a model is, constants by their checksums. Of several threads that ask at once each
 * may find out. */
rnnp_status rnnp_model_mark(const rnnp_model *model, uint64_t *mark)
{
    _Atomic uint64_t *known = &((rnnp_model *)model)->mark; /* models are never const objects */
    writer w = {.model = model, .marks = 1};
    rnnp_status status = RNNP_OK;

    *mark = atomic_load_explicit(known, memory_order_relaxed);
    if (*mark) return RNNP_OK;
    w.graph.context = model->context;
    if ((status = make_graph(&w)) == RNNP_OK) {
        *mark = rnnp_packed_checksum(w.graph.at, w.graph.count * sizeof(uint64_t));
        *mark += *mark == 0;
        atomic_store_explicit(known, *mark, memory_order_relaxed);
    }
    words_free(&w.graph);
    return status;
}

/* ---- Blocks ---- */

static rnnp_status grow_room(writer *w, size_t bytes)
{
    const rnnp_context *context = w->model->context;

    if (bytes <= w->room_bytes) return RNNP_OK;
    rnnp_free(context, w->room, w->room_bytes);
    w->room = rnnp_alloc(context, bytes);
    w->room_bytes = w->room ? bytes : 0;
    return w->room ? RNNP_OK : RNNP_ERR_MEMORY;
}

/* One node as it is planned for each selection; own of all of them in one piece. */
typedef struct plans {
    rnnp_planned planned[RNNP_ISA_COUNT];
    char layout[RNNP_ISA_COUNT][RNNP_LAYOUT_CHARS];
} plans;

/* Plans the node for the selection s; 0 when it packs nothing, or what a former selection packs. */
static int plan_for(const writer *w, const rnnp_node *node, size_t s, char *own, plans *p)
{
    const rnnp_prepare prepare = rnnp_node_prepare(w->model, node, &w->select[s]);
    rnnp_planned *planned = &p->planned[s];
    int is_new = 1;

    *planned = (rnnp_planned){.own = own + s * rnnp_align64(node->op->plan_bytes), .layout = p->layout[s]};
    p->layout[s][0] = '\0';
    rnnp_node_plan(&prepare, planned);
    for (size_t i = 0; i < s; i++) is_new &= strcmp(p->layout[i], p->layout[s]) != 0;
    return planned->pack_bytes && is_new;
}

/* Packs the node's block into w->room. */
static rnnp_status pack_block(writer *w, const rnnp_node *node, const rnnp_planned *planned)
{
    const size_t bytes = planned->pack_bytes;
    rnnp_status status;

    if (bytes > SIZE_MAX / 2)
        return rnnp_node_fail(w->model->context, node, RNNP_ERR_MEMORY, "the packed weights do not fit in memory");
    if ((status = grow_room(w, bytes)) != RNNP_OK) return status;
    memset(w->room, 0, bytes);
    const rnnp_fpmode mode = rnnp_fpmode_enter(0);
    node->op->pack(node, node->input_metas, planned->own, w->room, 0, 1);
    rnnp_fpmode_set(mode);
    return RNNP_OK;
}

typedef rnnp_status use_block(writer *w, size_t serial, const char *layout, size_t bytes);

static rnnp_status each_block_of(writer *w, size_t n, use_block *use)
{
    const rnnp_node *node = &w->model->nodes[n];
    const size_t own_bytes = w->n_select * rnnp_align64(node->op->plan_bytes);
    rnnp_status status = RNNP_OK;
    plans p;

    if (!node->op->pack) return RNNP_OK;
    char *own = rnnp_alloc(w->model->context, own_bytes);
    if (!own) return RNNP_ERR_MEMORY;
    for (size_t s = 0; s < w->n_select && status == RNNP_OK; s++) {
        if (plan_for(w, node, s, own, &p) && (status = pack_block(w, node, &p.planned[s])) == RNNP_OK)
            status = use(w, n, p.layout[s], p.planned[s].pack_bytes);
    }
    rnnp_free(w->model->context, own, own_bytes);
    return status;
}

/* Calls `use` for every block, packed in w->room, in the order of the file. */
static rnnp_status each_block(writer *w, use_block *use)
{
    rnnp_status status = RNNP_OK;

    for (size_t n = 0; n < w->model->n_nodes && status == RNNP_OK; n++) status = each_block_of(w, n, use);
    return status;
}

/* Nodes are known by their place in the file, which becomes their serial in the model read from it. */
static rnnp_status list_block(writer *w, size_t serial, const char *layout, size_t bytes)
{
    words_put(&w->blocks, serial);
    words_put(&w->blocks, w->weight_bytes);
    words_put(&w->blocks, bytes);
    words_put(&w->blocks, rnnp_packed_checksum(w->room, bytes));
    words_put_string(&w->blocks, layout);
    w->weight_bytes = rnnp_add_bytes(w->weight_bytes, rnnp_align64(bytes));
    w->n_blocks++;
    return w->blocks.status;
}

/* ---- Output ---- */

static rnnp_status emit(writer *w, const void *bytes, size_t size)
{
    if (size && w->write(w->user, bytes, size) != 0)
        return rnnp_fail(w->model->context, RNNP_ERR_IO, "writing the packed file stopped at byte %llu",
                         (unsigned long long)w->written);
    w->written += size;
    return RNNP_OK;
}

/* Bytes, then zeros up to a multiple of 64. */
static rnnp_status emit_padded(writer *w, const void *bytes, size_t size)
{
    static const char zeros[PACKED_ALIGN];
    const rnnp_status status = emit(w, bytes, size);

    return status == RNNP_OK ? emit(w, zeros, rnnp_align64(size) - size) : status;
}

static rnnp_status emit_block(writer *w, size_t serial, const char *layout, size_t bytes)
{
    (void)serial;
    (void)layout;
    return emit_padded(w, w->room, bytes);
}

static rnnp_status emit_constants(writer *w)
{
    rnnp_status status = RNNP_OK;

    for (size_t v = 0; v < w->model->n_values && status == RNNP_OK; v++) {
        const rnnp_value_info *value = &w->model->values[v];

        if (value->is_constant && value->uses > 0)
            status = emit_padded(w, value->meta.known, rnnp_meta_bytes(&value->meta));
    }
    return status;
}

static packed_header make_header(const writer *w)
{
    const uint64_t bytes[] = {w->graph.count * sizeof(uint64_t), w->blocks.count * sizeof(uint64_t), w->data_bytes,
                              w->weight_bytes};
    packed_header header = {.byte_order = packed_byte_order,
                            .float_format = packed_float,
                            .version = RNNP_PACKED_VERSION,
                            .sections = PACKED_SECTIONS};
    uint64_t at = rnnp_align64(sizeof header);

    memcpy(header.magic, PACKED_MAGIC, PACKED_MAGIC_BYTES);
    for (uint64_t i = 0; i < PACKED_SECTIONS; i++) {
        header.section[i] = (packed_section){.kind = i, .offset = at, .bytes = bytes[i]};
        at += rnnp_align64(bytes[i]);
    }
    header.section[PACKED_GRAPH].checksum = rnnp_packed_checksum(w->graph.at, bytes[PACKED_GRAPH]);
    header.section[PACKED_BLOCKS].checksum = rnnp_packed_checksum(w->blocks.at, bytes[PACKED_BLOCKS]);
    header.bytes = at;
    header.checksum = rnnp_packed_checksum(&header, sizeof header);
    return header;
}

static rnnp_status write_all(writer *w)
{
    rnnp_status status;

    words_put(&w->blocks, 0); /* how many there are */
    if ((status = make_graph(w)) != RNNP_OK || (status = each_block(w, list_block)) != RNNP_OK) return status;
    if (w->blocks.status != RNNP_OK) return w->blocks.status;
    w->blocks.at[0] = w->n_blocks;
    if (w->data_bytes > SIZE_MAX / 2 || w->weight_bytes > SIZE_MAX / 4)
        return rnnp_fail(w->model->context, RNNP_ERR_MEMORY, "the packed file is too large");
    const packed_header header = make_header(w);
    if ((status = emit_padded(w, &header, sizeof header)) != RNNP_OK ||
        (status = emit_padded(w, w->graph.at, w->graph.count * sizeof(uint64_t))) != RNNP_OK ||
        (status = emit_padded(w, w->blocks.at, w->blocks.count * sizeof(uint64_t))) != RNNP_OK ||
        (status = emit_constants(w)) != RNNP_OK)
        return status;
    return each_block(w, emit_block);
}

/* ---- Options ---- */

static rnnp_status select_isas(writer *w, const char *const *isas, size_t n)
{
    const rnnp_context *context = w->model->context;

    if (n == 0) {
        w->select[w->n_select++] = context->selection;
        return RNNP_OK;
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = isas[i] ? isas[i] : "NULL";
        const int isa = rnnp_isa_find(name);
        rnnp_selection s;

        if (isa < 0)
            return rnnp_fail(context, RNNP_ERR_ARG, "packed options: unknown instruction set \"%.64s\"; there are %s",
                             name, rnnp_isa_list);
        rnnp_select_isa((rnnp_isa)isa, &s);
        for (size_t k = 0; k < w->n_select; k++) {
            if (w->select[k].isa == s.isa)
                return rnnp_fail(context, RNNP_ERR_ARG, "packed options: %s is named twice", name);
        }
        w->select[w->n_select++] = s;
    }
    return RNNP_OK;
}

static rnnp_status read_options(writer *w, const rnnp_packed_options *given)
{
    rnnp_packed_options o;

    const rnnp_status status = RNNP_STRUCT_READ(w->model->context, rnnp_packed_options, given, &o);

    if (status != RNNP_OK) return status;
    if (o.n_isas && !o.isas)
        return rnnp_fail(w->model->context, RNNP_ERR_ARG, "packed options: n_isas is %zu but isas is NULL", o.n_isas);
    return select_isas(w, o.isas, o.isas ? o.n_isas : 0);
}

rnnp_status rnnp_packed_write(const rnnp_model *model, const rnnp_packed_options *options, rnnp_write_fn write,
                              void *user)
{
    writer w = {.model = model, .write = write, .user = user};
    rnnp_status status;

    if (!model) return RNNP_ERR_ARG;
    if (!write) return rnnp_fail(model->context, RNNP_ERR_ARG, "write is NULL");
    w.graph.context = w.blocks.context = model->context;
    if ((status = read_options(&w, options)) == RNNP_OK) status = write_all(&w);
    words_free(&w.graph);
    words_free(&w.blocks);
    rnnp_free(model->context, w.room, w.room_bytes);
    return status;
}
