/* SPDX-License-Identifier: Apache-2.0
 *
 * Recurrent nodes whose state decays between steps, which the standard does not have. In a file, each is a node of the
 * domain LOADER_DOMAIN and a function of the file that says in the standard's operators what it does:
 *
 *     inputs    X W R B sequence_lens initial_h initial_c P decay split split_bias, as in ONNX up to P
 *     body      Scan over the steps of X and decay, whose body decays the state and calls RNN, LSTM or GRU for one step
 *
 * So other runtimes need to know nothing of it, and rnnpack's loader takes the node as what it was.
 */
#include "../graph/ops/recurrent.h"
#include "saver.h"

#include <stdio.h>
#include <string.h>

/* The generated structures know no const. */
static char *text(const char *s) { return (char *)(uintptr_t)s; }

/* What the function must know of the node. */
typedef struct decayed {
    saver *s;
    rnnp_status status; /* the first that is not RNNP_OK; then nothing more is added */
    const rnnp_node *from;
    int has_c, first, reverse;
    int64_t *hidden; /* until the file is written */
} decayed;

static int has(const decayed *d, size_t input)
{
    return input < d->from->n_inputs && d->from->inputs[input] != RNNP_NONE;
}

int saver_decays(const rnnp_node *node)
{
    return node->op->state_arrays && node->n_inputs > RNNP_IN_DECAY && node->inputs[RNNP_IN_DECAY] != RNNP_NONE;
}

/* ---- Nodes of the function ---- */

/* Names apart by blanks; "_" is an absent one. */
static size_t split(decayed *d, const char *list, char **into)
{
    char *copy = loader_alloc(&d->s->memory, strlen(list) + 1), *next = copy;
    size_t n = 0;

    if (!copy) d->status = RNNP_ERR_MEMORY;
    if (copy) strcpy(copy, list);
    while (copy && next && *next) {
        into[n] = next;
        next = strchr(next, ' ');
        if (next) *next++ = 0;
        if (strcmp(into[n], "_") == 0) into[n] = text("");
        n++;
    }
    return n;
}

enum { PORTS = 16 };

static Onnx__NodeProto *add(decayed *d, const char *op, const char *inputs, const char *outputs)
{
    Onnx__NodeProto *node = NULL;

    if (d->status == RNNP_OK) d->status = saver_node(d->s, op, "", PORTS, PORTS, PORTS, &node);
    if (d->status != RNNP_OK) return NULL;
    node->n_input = split(d, inputs, node->input);
    node->n_output = split(d, outputs, node->output);
    return node;
}

static void give(decayed *d, Onnx__NodeProto *node, rnnp_attr attr)
{
    Onnx__AttributeProto *to = d->status == RNNP_OK ? loader_alloc(&d->s->memory, sizeof *to) : NULL;

    if (d->status != RNNP_OK) return;
    if (!to) d->status = RNNP_ERR_MEMORY;
    if (to) d->status = saver_attr(d->s, &attr, to);
    if (to) node->attribute[node->n_attribute++] = to;
}

static rnnp_attr ints(const char *name, const int64_t *at, size_t n)
{
    return (rnnp_attr){.name = name, .kind = RNNP_ATTR_INTS, .ints = at, .count = n};
}

static rnnp_attr integer(const char *name, int64_t i)
{
    return (rnnp_attr){.name = name, .kind = RNNP_ATTR_INT, .i = i};
}

/* A list of one number, which must stay until the file is written. */
static void add_list(decayed *d, const char *name, const int64_t *value)
{
    give(d, add(d, "Constant", "", name), ints("value_ints", value, 1));
}

static void add_transpose(decayed *d, const char *from, const char *to, const int64_t *perm, size_t rank)
{
    give(d, add(d, "Transpose", from, to), ints("perm", perm, rank));
}

/* ---- Its body ---- */

static const int64_t numbers[] = {0, 1, 2}, swapped[] = {1, 0, 2}, last_two[] = {0, 2, 1}, batch_first[] = {2, 0, 1, 3};

/* x and g with the steps first, and the states before the first step. */
static void add_beginning(decayed *d)
{
    static const char *const states[] = {"initial_h", "initial_c"}, *const begins[] = {"h_first", "c_first"};

    add_list(d, "zero", &numbers[0]);
    add_list(d, "one", &numbers[1]);
    add_list(d, "two", &numbers[2]);
    add_list(d, "hidden", d->hidden);
    if (d->first) {
        add_transpose(d, "X", "x", swapped, 3);
        add_transpose(d, "decay", "g", swapped, 3);
    } else {
        add(d, "Identity", "X", "x");
        add(d, "Identity", "decay", "g");
    }
    add(d, "Shape", "x", "shape");
    add(d, "Gather", "shape zero", "steps");
    add(d, "Gather", "shape one", "batch");
    give(d, add(d, "Concat", "one batch hidden", "state"), integer("axis", 0));
    add(d, "ConstantOfShape", "state", "zeros");
    for (int i = 0; i <= d->has_c; i++) {
        if (!has(d, RNNP_IN_H0 + (size_t)i))
            add(d, "Identity", "zeros", begins[i]);
        else if (d->first)
            add_transpose(d, states[i], begins[i], swapped, 3);
        else
            add(d, "Identity", states[i], begins[i]);
    }
    if (has(d, RNNP_IN_SPLIT)) add_transpose(d, "split", "split_t", last_two, 3);
}

/* [steps][batch][1]: whether a row has that step. */
static void add_active(decayed *d)
{
    give(d, add(d, "Constant", "", "begin"), integer("value_int", 0));
    give(d, add(d, "Constant", "", "each"), integer("value_int", 1));
    give(d, add(d, "Constant", "", "nought"), (rnnp_attr){.name = "value_float", .kind = RNNP_ATTR_FLOAT});
    add(d, "Squeeze", "steps zero", "count");
    add(d, "Range", "begin count each", "range");
    give(d, add(d, "Cast", "range", "times"), integer("to", loader_onnx_type(RNNP_DTYPE_I32)));
    add(d, "Unsqueeze", "times one", "column");
    add(d, "Less", "column sequence_lens", "before");
    add(d, "Unsqueeze", "before two", "active");
}

/* One step: what decays is c of a cell that has it, else h. */
static void add_step(decayed *d)
{
    const char *state = d->has_c ? "c g_t" : "h g_t";
    char inputs[96];

    add(d, "Unsqueeze", "x_t zero", "x_1");
    if (has(d, RNNP_IN_SPLIT)) {
        add(d, "MatMul", "c split_t", has(d, RNNP_IN_SPLIT_BIAS) ? "product" : "chain");
        if (has(d, RNNP_IN_SPLIT_BIAS)) add(d, "Add", "product split_bias", "chain");
        add(d, "Tanh", "chain", "part");
        add(d, "Sub", "c part", "kept");
        add(d, "Mul", "part g_t", "left");
        add(d, "Add", "kept left", "s");
    } else {
        add(d, "Mul", state, "s");
    }
    snprintf(inputs, sizeof inputs, "x_1 W R %s _ %s%s", has(d, RNNP_IN_B) ? "B" : "_", d->has_c ? "h s" : "s",
             d->has_c && has(d, RNNP_IN_P) ? " P" : "");
    Onnx__NodeProto *cell = add(d, d->from->op->name, inputs, d->has_c ? "_ h_1 c_1" : "_ h_1");
    for (size_t i = 0; i < d->from->n_attrs; i++) {
        const rnnp_attr *attr = &d->from->attrs[i];
        if (strcmp(attr->name, "direction") != 0 && strcmp(attr->name, "layout") != 0) give(d, cell, *attr);
    }
    if (has(d, RNNP_IN_LENGTHS)) {
        add(d, "Where", "a_t h_1 h", "h_next");
        if (d->has_c) add(d, "Where", "a_t c_1 c", "c_next");
        add(d, "Where", "a_t h_1 nought", "y");
    } else {
        add(d, "Identity", "h_1", "h_next");
        if (d->has_c) add(d, "Identity", "c_1", "c_next");
        add(d, "Identity", "h_1", "y");
    }
}

static void add_port(decayed *d, const char *name, rnnp_dtype dtype, Onnx__ValueInfoProto **list, size_t *n)
{
    if (d->status == RNNP_OK) d->status = saver_info(d->s, name, dtype, NULL, &list[*n]);
    *n += d->status == RNNP_OK;
}

static Onnx__GraphProto *make_body(decayed *d)
{
    saver *s = d->s;
    Onnx__GraphProto *body = loader_alloc(&s->memory, sizeof *body), *around = s->graph;
    Onnx__ValueInfoProto **ports = loader_alloc(&s->memory, 2 * PORTS * sizeof *ports);

    if (!body || !ports) d->status = RNNP_ERR_MEMORY;
    if (d->status != RNNP_OK) return NULL;
    onnx__graph_proto__init(body);
    body->name = text("step");
    body->input = ports;
    body->output = ports + PORTS;
    add_port(d, "h", RNNP_DTYPE_F32, body->input, &body->n_input);
    if (d->has_c) add_port(d, "c", RNNP_DTYPE_F32, body->input, &body->n_input);
    add_port(d, "x_t", RNNP_DTYPE_F32, body->input, &body->n_input);
    add_port(d, "g_t", RNNP_DTYPE_F32, body->input, &body->n_input);
    if (has(d, RNNP_IN_LENGTHS)) add_port(d, "a_t", RNNP_DTYPE_BOOL, body->input, &body->n_input);
    add_port(d, "h_next", RNNP_DTYPE_F32, body->output, &body->n_output);
    if (d->has_c) add_port(d, "c_next", RNNP_DTYPE_F32, body->output, &body->n_output);
    add_port(d, "y", RNNP_DTYPE_F32, body->output, &body->n_output);
    s->graph = body;
    add_step(d);
    s->graph = around;
    return body;
}

static void add_scan(decayed *d)
{
    static const int64_t backwards[] = {1, 1, 1};
    const size_t scanned = has(d, RNNP_IN_LENGTHS) ? 3 : 2;
    char inputs[64];

    snprintf(inputs, sizeof inputs, "h_first%s x g%s", d->has_c ? " c_first" : "", scanned > 2 ? " active" : "");
    Onnx__NodeProto *scan = add(d, "Scan", inputs, d->has_c ? "h_last c_last ys" : "h_last ys");
    give(d, scan, integer("num_scan_inputs", (int64_t)scanned));
    if (d->reverse) {
        give(d, scan, ints("scan_input_directions", backwards, scanned));
        give(d, scan, ints("scan_output_directions", backwards, 1));
    }
    Onnx__GraphProto *body = make_body(d);
    Onnx__AttributeProto *attr = loader_alloc(&d->s->memory, sizeof *attr);
    if (!attr) d->status = RNNP_ERR_MEMORY;
    if (d->status != RNNP_OK) return;
    onnx__attribute_proto__init(attr);
    attr->name = text("body");
    attr->has_type = 1;
    attr->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
    attr->g = body;
    scan->attribute[scan->n_attribute++] = attr;
}

static void add_results(decayed *d)
{
    if (!d->first) {
        add(d, "Identity", "ys", "Y");
        add(d, "Identity", "h_last", "Y_h");
        if (d->has_c) add(d, "Identity", "c_last", "Y_c");
        return;
    }
    add_transpose(d, "ys", "Y", batch_first, 4);
    add_transpose(d, "h_last", "Y_h", swapped, 3);
    if (d->has_c) add_transpose(d, "c_last", "Y_c", swapped, 3);
}

/* ---- The function and its node ---- */

static int64_t attr_of(const rnnp_node *node, const char *name, int64_t otherwise)
{
    for (size_t i = 0; i < node->n_attrs; i++)
        if (strcmp(node->attrs[i].name, name) == 0) return node->attrs[i].i;
    return otherwise;
}

static int is_reverse(const rnnp_node *node)
{
    for (size_t i = 0; i < node->n_attrs; i++)
        if (strcmp(node->attrs[i].name, "direction") == 0) return strcmp(node->attrs[i].s, "reverse") == 0;
    return 0;
}

static void make_function(decayed *d, const Onnx__NodeProto *node)
{
    saver *s = d->s;
    Onnx__GraphProto nodes, *around = s->graph;
    Onnx__FunctionProto *f = loader_alloc(&s->memory, sizeof *f);
    Onnx__OperatorSetIdProto *opset = loader_alloc(&s->memory, sizeof *opset + sizeof(void *)), **opsets;

    if (!s->functions) s->functions = loader_alloc(&s->memory, s->model->n_nodes * sizeof *s->functions);
    if (!f || !opset || !s->functions) d->status = RNNP_ERR_MEMORY;
    if (d->status != RNNP_OK) return;
    opsets = (Onnx__OperatorSetIdProto **)(void *)(opset + 1);
    *opsets = opset;
    onnx__operator_set_id_proto__init(opset);
    opset->domain = text("");
    opset->has_version = 1;
    opset->version = s->opset;
    onnx__function_proto__init(f);
    f->name = node->op_type;
    f->domain = node->domain;
    f->opset_import = opsets;
    f->n_opset_import = 1;
    f->input = loader_alloc(&s->memory, PORTS * sizeof *f->input);
    f->output = loader_alloc(&s->memory, PORTS * sizeof *f->output);
    f->attribute = loader_alloc(&s->memory, d->from->n_attrs * sizeof *f->attribute);
    if (!f->input || !f->output || !f->attribute) d->status = RNNP_ERR_MEMORY;
    if (d->status != RNNP_OK) return;
    f->n_input = split(d, "X W R B sequence_lens initial_h initial_c P decay split split_bias", f->input);
    f->n_output = split(d, d->has_c ? "Y Y_h Y_c" : "Y Y_h", f->output);
    for (size_t i = 0; i < d->from->n_attrs; i++) f->attribute[f->n_attribute++] = text(d->from->attrs[i].name);
    onnx__graph_proto__init(&nodes);
    s->graph = &nodes;
    add_beginning(d);
    if (has(d, RNNP_IN_LENGTHS)) add_active(d);
    add_scan(d);
    add_results(d);
    s->graph = around;
    f->node = nodes.node;
    f->n_node = nodes.n_node;
    s->functions[s->n_functions++] = f;
}

rnnp_status saver_decay(saver *s, const rnnp_node *from, const rnnp_value *inputs, Onnx__NodeProto *node)
{
    enum { NAME = 32 };
    decayed d = {.s = s,
                 .from = from,
                 .has_c = from->op->state_arrays > 1,
                 .first = (int)attr_of(from, "layout", 0),
                 .reverse = is_reverse(from),
                 .hidden = loader_alloc(&s->memory, sizeof *d.hidden)};
    char *name = loader_alloc(&s->memory, NAME);

    if (!name || !d.hidden) return RNNP_ERR_MEMORY;
    *d.hidden = from->input_metas[RNNP_IN_R].dim[2];
    snprintf(name, NAME, "%s_%zu", from->op->name, s->n_functions + 1);
    node->op_type = name;
    node->domain = text(LOADER_DOMAIN);
    while (node->n_input <= RNNP_IN_P) node->input[node->n_input++] = text("");
    node->n_input = RNNP_IN_P + 1;
    for (size_t i = RNNP_IN_DECAY; i < from->n_inputs; i++)
        node->input[node->n_input++] = text(inputs[i] == RNNP_NONE ? "" : s->values[inputs[i]].name);
    make_function(&d, node);
    return d.status;
}
