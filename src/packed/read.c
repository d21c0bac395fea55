/* SPDX-License-Identifier: Apache-2.0
 *
 * The sections of a packed file to a model: the header is checked, then the graph's records are played back through the
 * functions that any caller builds a model with, so that a hostile file meets the same checks.
 */
#include "../graph/engine.h"
#include "format.h"
#include "../structs.h"
#include "packed.h"
#include "words.h"

#include <string.h>

typedef struct reader {
    struct rnnp_packed *packed;
    rnnp_model *model;
    const packed_section *section; /* [PACKED_SECTIONS], in the file */
    word_reader words;
    struct rnnp_block *scratch; /* of the current record */
} reader;

#define REFUSE(packed, status, ...) rnnp_fail((packed)->context, status, __VA_ARGS__)

/* ---- Header ---- */

static rnnp_status check_kind(const struct rnnp_packed *p, const packed_header *h)
{
    if (p->bytes < PACKED_MAGIC_BYTES || memcmp(p->base, PACKED_MAGIC, PACKED_MAGIC_BYTES) != 0)
        return REFUSE(p, RNNP_ERR_FORMAT, "%s is not a packed model", p->name);
    if (p->bytes < sizeof *h)
        return REFUSE(p, RNNP_ERR_FORMAT, "%s is cut off: it has %zu bytes, less than a header", p->name, p->bytes);
    if (h->byte_order != packed_byte_order || memcmp(&h->float_format, &packed_float, sizeof packed_float) != 0)
        return REFUSE(p, RNNP_ERR_FORMAT, "%s is from a CPU with another byte order or float format, or is damaged",
                      p->name);
    if (h->version < RNNP_PACKED_OLDEST || h->version > RNNP_PACKED_VERSION)
        return REFUSE(p, RNNP_ERR_UNSUPPORTED, "%s has version %u of the format, this library reads versions %d to %d",
                      p->name, (unsigned)h->version, RNNP_PACKED_OLDEST, RNNP_PACKED_VERSION);
    return RNNP_OK;
}

static rnnp_status check_header(const struct rnnp_packed *p, const packed_header *h)
{
    packed_header unsigned_header = *h;

    unsigned_header.checksum = 0;
    if (rnnp_packed_checksum(&unsigned_header, sizeof unsigned_header) != h->checksum)
        return REFUSE(p, RNNP_ERR_FORMAT, "%s is damaged: the header's checksum differs", p->name);
    if (h->sections != PACKED_SECTIONS)
        return REFUSE(p, RNNP_ERR_FORMAT, "%s has %u sections", p->name, (unsigned)h->sections);
    if (h->bytes != p->bytes)
        return REFUSE(p, RNNP_ERR_FORMAT, "%s has %zu bytes, its header says %llu", p->name, p->bytes,
                      (unsigned long long)h->bytes);
    return RNNP_OK;
}

/* In order, without overlap, inside the file. */
static rnnp_status check_sections(const struct rnnp_packed *p, const packed_section *section)
{
    uint64_t end = sizeof(packed_header);

    for (uint64_t i = 0; i < PACKED_SECTIONS; i++) {
        const packed_section *s = &section[i];

        if (s->kind != i || s->offset % PACKED_ALIGN != 0 || s->offset < end || s->offset > p->bytes ||
            s->bytes > p->bytes - s->offset)
            return REFUSE(p, RNNP_ERR_FORMAT, "%s: section %u (kind %llu, %llu bytes at %llu) does not fit", p->name,
                          (unsigned)i, (unsigned long long)s->kind, (unsigned long long)s->bytes,
                          (unsigned long long)s->offset);
        end = s->offset + s->bytes;
        if (i <= PACKED_BLOCKS && (s->bytes % sizeof(uint64_t) != 0 ||
                                   rnnp_packed_checksum(p->base + s->offset, (size_t)s->bytes) != s->checksum))
            return REFUSE(p, RNNP_ERR_FORMAT, "%s is damaged: the checksum of its %s differs", p->name,
                          i == PACKED_GRAPH ? "graph" : "list of packed blocks");
    }
    return RNNP_OK;
}

static word_reader read_section(const reader *r, size_t i)
{
    const uint64_t *at = (const uint64_t *)(const void *)(r->packed->base + r->section[i].offset);

    return (word_reader){.at = at, .end = at + r->section[i].bytes / sizeof *at};
}

static rnnp_status malformed(const reader *r, const char *what)
{
    return REFUSE(r->packed, RNNP_ERR_FORMAT, "%s: %s is malformed", r->packed->name, what);
}

/* `bytes` at `offset` of section i, or NULL. */
static const void *at_offset(const reader *r, size_t i, uint64_t offset, uint64_t bytes)
{
    const packed_section *s = &r->section[i];

    if (offset % PACKED_ALIGN != 0 || offset > s->bytes || bytes > s->bytes - offset) return NULL;
    return r->packed->base + s->offset + offset;
}

/* ---- Records ---- */

static void *take(reader *r, size_t count, size_t bytes)
{
    return rnnp_arena_calloc(r->packed->context, &r->scratch, count, bytes);
}

/* dtype, rank, shape. */
static rnnp_tensor get_tensor_type(word_reader *w)
{
    rnnp_tensor tensor = {.dtype = (rnnp_dtype)(words_get(w) & 0xff)};

    tensor.rank = words_get_count(w, 1);
    if (tensor.rank > RNNP_MAX_RANK) {
        w->bad = 1;
        tensor.rank = 0;
    }
    for (size_t i = 0; i < tensor.rank; i++) tensor.shape[i] = (int64_t)words_get(w);
    return tensor;
}

/* SIZE_MAX for a shape that is none. */
static size_t tensor_bytes(const rnnp_tensor *tensor)
{
    const size_t elements = rnnp_tensor_elements(tensor);
    size_t bytes;

    return elements == SIZE_MAX || rnnp_mul_overflow(elements, rnnp_dtype_bytes(tensor->dtype), &bytes) ? SIZE_MAX
                                                                                                        : bytes;
}

static rnnp_status get_producer(reader *r)
{
    const char *name = words_get_string(&r->words);

    return r->words.bad ? RNNP_OK : rnnp_model_set_producer(r->model, name);
}

static rnnp_status get_metadata(reader *r)
{
    enum { MOST = 4096 }; /* each is compared with those before it; as ONNX files */
    const char *key = words_get_string(&r->words), *value = words_get_string(&r->words);

    r->words.bad |= r->packed->version < 3;
    if (r->words.bad) return RNNP_OK;
    if (rnnp_model_metadata_count(r->model) == MOST)
        return REFUSE(r->packed, RNNP_ERR_LIMIT, "%s has more than %d entries of metadata", r->packed->name, MOST);
    return rnnp_model_set_metadata(r->model, key, value);
}

static rnnp_status get_input(reader *r)
{
    word_reader *w = &r->words;
    const char *symbols[RNNP_MAX_RANK] = {0};
    const char *name = words_get_string(w);
    rnnp_tensor type = {.dtype = (rnnp_dtype)(words_get(w) & 0xff)};
    rnnp_value value;

    type.rank = words_get_count(w, 2);
    w->bad |= type.rank > RNNP_MAX_RANK;
    for (size_t i = 0; !w->bad && i < type.rank; i++) {
        type.shape[i] = (int64_t)words_get(w);
        symbols[i] = words_get_string(w);
    }
    return w->bad ? RNNP_OK : rnnp_model_add_input(r->model, name, type.dtype, type.rank, type.shape, symbols, &value);
}

static rnnp_status get_constant(reader *r)
{
    word_reader *w = &r->words;
    const char *name = words_get_string(w);
    rnnp_tensor tensor = get_tensor_type(w);
    const uint64_t offset = words_get(w), checksum = words_get(w);
    rnnp_value value;

    if (w->bad) return RNNP_OK;
    tensor.data = (void *)at_offset(r, PACKED_DATA, offset, tensor_bytes(&tensor));
    if (!tensor.data)
        return REFUSE(r->packed, RNNP_ERR_FORMAT, "%s: constant %s does not fit into the data", r->packed->name, name);
    return rnnp_model_constant_sealed(r->model, name, &tensor, checksum, &value);
}

static int get_attr(reader *r, rnnp_attr *attr)
{
    word_reader *w = &r->words;
    size_t bytes = 0;

    attr->name = words_get_string(w);
    attr->kind = (rnnp_attr_kind)(words_get(w) & 0xff);
    switch (attr->kind) {
    case RNNP_ATTR_INT: attr->i = (int64_t)words_get(w); break;
    case RNNP_ATTR_FLOAT: {
        const uint32_t bits = (uint32_t)words_get(w);

        memcpy(&attr->f, &bits, sizeof bits);
        break;
    }
    case RNNP_ATTR_STRING: attr->s = words_get_string(w); break;
    case RNNP_ATTR_INTS:
        attr->ints = words_get_bytes(w, &bytes);
        attr->count = bytes / sizeof *attr->ints;
        break;
    case RNNP_ATTR_FLOATS:
        attr->floats = words_get_bytes(w, &bytes);
        attr->count = bytes / sizeof *attr->floats;
        break;
    case RNNP_ATTR_STRINGS: {
        const size_t count = words_get_count(w, 2);
        const char **strings = take(r, count, sizeof *strings);

        for (size_t i = 0; strings && i < count; i++) strings[i] = words_get_string(w);
        attr->strings = strings;
        attr->count = count;
        return strings != NULL;
    }
    case RNNP_ATTR_TENSOR: {
        rnnp_tensor *tensor = take(r, 1, sizeof *tensor);

        if (!tensor) return 0;
        *tensor = get_tensor_type(w);
        tensor->data = (void *)words_get_bytes(w, &bytes);
        w->bad |= bytes != tensor_bytes(tensor);
        attr->tensor = tensor;
        break;
    }
    default: w->bad = 1; break;
    }
    return 1;
}

static rnnp_status get_node(reader *r)
{
    word_reader *w = &r->words;
    const char *op = words_get_string(w);
    const int opset = (int)(words_get(w) & 0xffff);
    const char *name = words_get_string(w);

    const size_t n_inputs = words_get_count(w, 1);
    rnnp_value *inputs = take(r, n_inputs, sizeof *inputs);
    for (size_t i = 0; inputs && i < n_inputs; i++) {
        const int64_t value = (int64_t)words_get(w);

        w->bad |= value < RNNP_NONE || value > INT32_MAX;
        inputs[i] = (rnnp_value)value;
    }
    const size_t n_outputs = words_get_count(w, 1);
    rnnp_value *outputs = take(r, n_outputs, sizeof *outputs);
    for (size_t i = 0; outputs && i < n_outputs; i++) outputs[i] = words_get(w) ? 0 : RNNP_NONE;
    const size_t n_attrs = words_get_count(w, 3);
    rnnp_attr *attrs = take(r, n_attrs, sizeof *attrs);
    if (!inputs || !outputs || !attrs) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < n_attrs; i++) {
        if (!get_attr(r, &attrs[i])) return RNNP_ERR_MEMORY;
    }
    if (w->bad) return RNNP_OK;
    return rnnp_model_add_node(r->model, op, opset, name, inputs, n_inputs, attrs, n_attrs, outputs, n_outputs);
}

static rnnp_status get_output(reader *r)
{
    const char *name = words_get_string(&r->words);
    const uint64_t value = words_get(&r->words);

    r->words.bad |= value > INT32_MAX;
    return r->words.bad ? RNNP_OK : rnnp_model_add_output(r->model, name, (rnnp_value)value);
}

static rnnp_status read_graph(reader *r)
{
    static rnnp_status (*const records[])(reader * r) = {
        [PACKED_PRODUCER] = get_producer, [PACKED_INPUT] = get_input,   [PACKED_CONSTANT] = get_constant,
        [PACKED_NODE] = get_node,         [PACKED_OUTPUT] = get_output, [PACKED_METADATA] = get_metadata,
    };

    r->words = read_section(r, PACKED_GRAPH);
    for (;;) {
        const uint64_t kind = words_get(&r->words);

        if (kind == PACKED_END || kind >= sizeof records / sizeof records[0])
            r->words.bad |= kind != PACKED_END || r->words.at != r->words.end;
        if (r->words.bad) return malformed(r, "the graph");
        if (kind == PACKED_END) return RNNP_OK;
        const rnnp_status status = records[kind](r);
        rnnp_arena_free(r->packed->context, &r->scratch);
        if (status != RNNP_OK) return status;
    }
}

/* ---- Blocks ---- */

static rnnp_status read_blocks(reader *r)
{
    struct rnnp_packed *p = r->packed;
    word_reader w = read_section(r, PACKED_BLOCKS);
    const size_t count = words_get_count(&w, 6);

    p->blocks = rnnp_arena_calloc(p->context, &p->arena, count, sizeof *p->blocks);
    if (!p->blocks) return RNNP_ERR_MEMORY;
    for (p->n_blocks = 0; !w.bad && p->n_blocks < count; p->n_blocks++) {
        rnnp_packed_block *block = &p->blocks[p->n_blocks];
        const uint64_t node = words_get(&w), offset = words_get(&w), bytes = words_get(&w);

        block->node = (size_t)node;
        block->bytes = (size_t)bytes;
        block->checksum = words_get(&w);
        block->layout = words_get_string(&w);
        block->data = at_offset(r, PACKED_WEIGHTS, offset, bytes);
        w.bad |= !block->data || (p->n_blocks && block[-1].node > block->node);
    }
    return w.bad || w.at != w.end ? malformed(r, "the list of packed blocks") : RNNP_OK;
}

/* ---- The model ---- */

/* Compares the constants that somebody reads otherwise than packed: closing may, and executions do. */
static rnnp_status open_seals(const rnnp_model *model)
{
    rnnp_status status = RNNP_OK;

    for (size_t k = 0; k < model->n_outputs && status == RNNP_OK; k++)
        status = rnnp_constant_need(model, model->outputs[k].value);
    for (size_t n = 0; n < model->n_nodes && status == RNNP_OK; n++) {
        const rnnp_node *node = &model->nodes[n];

        for (size_t i = 0; i < node->n_inputs && status == RNNP_OK; i++) {
            if (node->inputs[i] != RNNP_NONE && rnnp_node_reads(node, i))
                status = rnnp_constant_need(model, node->inputs[i]);
        }
    }
    return status;
}

static rnnp_status build(reader *r)
{
    struct rnnp_packed *p = r->packed;
    rnnp_status status;

    if ((status = read_graph(r)) != RNNP_OK || (status = read_blocks(r)) != RNNP_OK ||
        (status = open_seals(r->model)) != RNNP_OK)
        return status;
    p->graph_bytes = (size_t)(r->section[PACKED_GRAPH].bytes + r->section[PACKED_BLOCKS].bytes);
    p->data_bytes = (size_t)r->section[PACKED_DATA].bytes;
    p->packed_bytes = (size_t)r->section[PACKED_WEIGHTS].bytes;
    return rnnp_model_close(r->model);
}

rnnp_status rnnp_packed_read(const rnnp_context *context, struct rnnp_packed *packed, const rnnp_load_options *options,
                             rnnp_model **model)
{
    const packed_header *header = (const packed_header *)(const void *)packed->base;
    reader r = {.packed = packed, .section = header->section};
    rnnp_load_options o;
    rnnp_status status;

    if ((status = RNNP_STRUCT_READ(context, rnnp_load_options, options, &o)) != RNNP_OK ||
        (status = check_kind(packed, header)) != RNNP_OK || (status = check_header(packed, header)) != RNNP_OK ||
        (status = check_sections(packed, header->section)) != RNNP_OK ||
        (status = rnnp_model_create(context, &r.model)) != RNNP_OK) {
        rnnp_packed_destroy(packed);
        return status;
    }
    rnnp_budget budget = rnnp_budget_for(&o, packed->bytes);
    packed->compare = o.compare_packed;
    packed->version = header->version;
    r.model->packed = packed;
    r.model->budget = &budget;
    r.model->options = &o;
    status = build(&r);
    r.model->budget = NULL;
    r.model->options = NULL;
    if (status == RNNP_ERR_MEMORY && budget.exceeded) status = RNNP_ERR_LIMIT;
    rnnp_arena_free(context, &r.scratch);
    if (status == RNNP_OK)
        *model = r.model;
    else
        rnnp_model_destroy(r.model);
    return status;
}
