/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of which some elements are known: what becomes of shapes that have symbols among their dimensions. An element
 * whose inputs are all known is known, whatever its neighbours are.
 */
#include "engine.h"
#include "ops/ops.h"

/* Values with more elements are not shapes: they are known as a whole or not at all. */
enum { PARTIAL_MAX = 4096 };

static size_t elements(const rnnp_meta *meta) { return rnnp_meta_elements(meta); }

static const rnnp_partial *part_of(const rnnp_inference *inf, const rnnp_node *node, size_t input)
{
    static const rnnp_partial none;

    return rnnp_absent(node, input) ? &none : &inf->partial[node->inputs[input]];
}

static unsigned moved(const rnnp_node *node)
{
    return node->op->moves_when && !node->op->moves_when(node) ? RNNP_MOVES_NOTHING : node->op->moves;
}

static int moves(const rnnp_node *node, size_t input) { return moved(node) >> (input < 31 ? input : 31) & 1; }

/* Whether everything that is not known is only moved. */
static int only_moves(const rnnp_inference *inf, const rnnp_node *node)
{
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (part_of(inf, node, i)->unsure && !moves(node, i)) return 0;
    }
    return moved(node) != RNNP_MOVES_NOTHING;
}

/* Output i: its elements, and which of them are not known. */
static void settle(rnnp_inference *inf, const rnnp_node *node, size_t i, const void *data, const uint8_t *unsure)
{
    rnnp_meta *meta = &inf->meta[node->outputs[i]];
    const int whole = elements(meta) == 0 || !memchr(unsure, 1, elements(meta));

    meta->known = whole || meta->dtype == RNNP_DTYPE_I64 ? data : NULL;
    if (!whole) inf->partial[node->outputs[i]] = (rnnp_partial){data, unsure};
}

/* ---- Moved elements ---- */

/* Runs the node on the inputs' elements, or on their marks as if these were the elements. */
static rnnp_status run_on(rnnp_inference *inf, const rnnp_node *node, int marks)
{
    const rnnp_exec exec = {.context = inf->model->context, .select = &inf->model->context->selection};

    for (size_t i = 0; i < rnnp_node_slots_in(node); i++) {
        const rnnp_partial *part = part_of(inf, node, i);
        const size_t n = inf->in[i].dtype && !node->op->shape_only ? elements(&inf->in[i]) : 0;

        inf->in_tensor[i] = rnnp_meta_tensor(&inf->in[i], part->unsure ? part->data : inf->in[i].known);
        if (!marks || !inf->in[i].dtype || !moves(node, i)) continue;
        inf->in_tensor[i].dtype = RNNP_DTYPE_U8;
        inf->in_tensor[i].data =
            part->unsure ? (void *)part->unsure : rnnp_arena_calloc(exec.context, inf->arena, n, 1);
        if (!inf->in_tensor[i].data) return RNNP_ERR_MEMORY;
    }
    for (size_t i = 0; i < rnnp_node_slots_out(node); i++) {
        inf->out_tensor[i] = rnnp_meta_tensor(&inf->out[i], NULL);
        if (marks) inf->out_tensor[i].dtype = RNNP_DTYPE_U8;
        if (i >= node->n_outputs || node->outputs[i] == RNNP_NONE) continue;
        inf->out_tensor[i].data = rnnp_arena_calloc(exec.context, inf->arena, elements(&inf->out[i]),
                                                    rnnp_dtype_bytes(inf->out_tensor[i].dtype));
        if (!inf->out_tensor[i].data) return RNNP_ERR_MEMORY;
    }
    return node->op->run(&exec, node, inf->in_tensor, inf->out_tensor);
}

/* The elements of Shape. */
static rnnp_status shape_elements(rnnp_inference *inf, const rnnp_node *node)
{
    rnnp_status status = run_on(inf, node, 0);
    const int64_t *dims = inf->out_tensor[0].data;
    const size_t n = elements(&inf->out[0]);
    uint8_t *unsure = status == RNNP_OK ? rnnp_arena_calloc(inf->model->context, inf->arena, n, 1) : NULL;

    if (!unsure) return status == RNNP_OK ? RNNP_ERR_MEMORY : status;
    for (size_t i = 0; i < n; i++) unsure[i] = (uint8_t)rnnp_dim_is_symbol(dims[i]);
    settle(inf, node, 0, dims, unsure);
    return RNNP_OK;
}

static rnnp_status moved_elements(rnnp_inference *inf, const rnnp_node *node)
{
    rnnp_status status = run_on(inf, node, 0);

    for (size_t i = 0; status == RNNP_OK && i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE) inf->meta[node->outputs[i]].known = inf->out_tensor[i].data;
    }
    if (status == RNNP_OK) status = run_on(inf, node, 1);
    for (size_t i = 0; status == RNNP_OK && i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE)
            settle(inf, node, i, inf->meta[node->outputs[i]].known, inf->out_tensor[i].data);
    }
    return status;
}

/* ---- Computed elements ---- */

/* A copy of an input with 1 where it is not known: harmless to every operator. */
static const void *with_ones(const rnnp_inference *inf, const rnnp_meta *meta, const rnnp_partial *part)
{
    const size_t bytes = rnnp_dtype_bytes(meta->dtype);
    char *copy = rnnp_arena_alloc(inf->model->context, inf->arena, rnnp_meta_bytes(meta));

    for (size_t i = 0; copy && i < elements(meta); i++) {
        char *to = copy + i * bytes;

        memcpy(to, (const char *)part->data + i * bytes, bytes);
        if (!part->unsure[i]) continue;
        switch (meta->dtype) {
        case RNNP_DTYPE_F32: memcpy(to, &(float){1}, bytes); break;
        case RNNP_DTYPE_F64: memcpy(to, &(double){1}, bytes); break;
        case RNNP_DTYPE_I64: memcpy(to, &(int64_t){1}, bytes); break;
        case RNNP_DTYPE_I32: memcpy(to, &(int32_t){1}, bytes); break;
        default: *to = 1; break;
        }
    }
    return copy;
}

/* Marks the results that depend on what is not known of input i. */
static void spread(const rnnp_inference *inf, const rnnp_node *node, size_t i, uint8_t *unsure)
{
    const rnnp_tensor x = rnnp_meta_tensor(&inf->in[i], NULL), y = rnnp_meta_tensor(&inf->out[0], NULL);
    const uint8_t *from = part_of(inf, node, i)->unsure;
    rnnp_walk walk;

    rnnp_walk_over(&walk, &y, (const rnnp_tensor *[]){&x}, 1, 0);
    for (; walk.rows; rnnp_walk_next(&walk)) unsure[walk.row] |= from[walk.offset[0]];
}

/* A dimension of an input, so not negative. */
static int is_input_dim(const rnnp_model *model, int64_t a)
{
    return a <= RNNP_SYMBOL && a > RNNP_SYMBOL - (int64_t)model->n_symbols;
}

/* Whether op(a, b) is determined although one or both are symbols: *y is a number or a symbol. */
static int determined(rnnp_inference *inf, const char *op, int64_t a, int64_t b, int64_t *y)
{
    const rnnp_model *model = inf->model;
    const int is = op[0] == 'A' || op[0] == 'S' ? 0 : 1; /* the neutral element */

    if (strcmp(op, "Equal") == 0) {
        *y = a == b;
        inf->counts_on_names |= a == b && is_input_dim(model, a);
        return a == b || (is_input_dim(model, a) && b < 0 && !rnnp_dim_is_symbol(b)) ||
               (is_input_dim(model, b) && a < 0 && !rnnp_dim_is_symbol(a));
    }
    if (strcmp(op, "Add") != 0 && strcmp(op, "Sub") != 0 && strcmp(op, "Mul") != 0 && strcmp(op, "Div") != 0) return 0;
    if (b == is) {
        *y = a;
        return 1;
    }
    if (a == is && (op[0] == 'A' || op[0] == 'M')) {
        *y = b;
        return 1;
    }
    *y = 0;
    inf->counts_on_names |= op[0] == 'S' && a == b && is_input_dim(model, a);
    return (op[0] == 'M' && (a == 0 || b == 0)) || (op[0] == 'S' && a == b);
}

/* Of two i64 inputs: results that are known all the same, and symbols for the others. */
static void settle_symbols(rnnp_inference *inf, const rnnp_node *node, const void *const *data, void *result,
                           uint8_t *unsure)
{
    const rnnp_tensor u = rnnp_meta_tensor(&inf->in[0], NULL), v = rnnp_meta_tensor(&inf->in[1], NULL);
    const rnnp_tensor y = rnnp_meta_tensor(&inf->out[0], NULL);
    rnnp_walk walk;

    rnnp_walk_over(&walk, &y, (const rnnp_tensor *[]){&u, &v}, 2, 0);
    for (; walk.rows; rnnp_walk_next(&walk)) {
        const int64_t a = ((const int64_t *)data[0])[walk.offset[0]], b = ((const int64_t *)data[1])[walk.offset[1]];
        int64_t known;

        if (!unsure[walk.row] || !determined(inf, node->op->name, a, b, &known)) continue;
        if (y.dtype == RNNP_DTYPE_I64)
            ((int64_t *)result)[walk.row] = known;
        else
            ((uint8_t *)result)[walk.row] = (uint8_t)known;
        unsure[walk.row] = y.dtype == RNNP_DTYPE_I64 && rnnp_dim_is_symbol(known) ? 2 : 0;
    }
}

static rnnp_status computed_elements(rnnp_inference *inf, const rnnp_node *node)
{
    const rnnp_context *context = inf->model->context;
    const size_t n = elements(&inf->out[0]);
    const int integers =
        node->n_inputs == 2 && inf->in[0].dtype == RNNP_DTYPE_I64 && inf->in[1].dtype == RNNP_DTYPE_I64;
    const void *const given[] = {inf->in[0].known, inf->in[1].known};
    uint8_t *unsure = rnnp_arena_calloc(context, inf->arena, n, 1);

    if (!unsure) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < node->n_inputs; i++) {
        const rnnp_partial *part = part_of(inf, node, i);

        if (!part->unsure) continue;
        spread(inf, node, i, unsure);
        if (!(inf->in[i].known = with_ones(inf, &inf->in[i], part))) return RNNP_ERR_MEMORY;
    }
    const rnnp_status status = rnnp_inference_evaluate(inf, node, &context->selection, RNNP_MATH_U35, NULL, inf->arena);
    if (status != RNNP_OK) return status;
    void *result = inf->out_tensor[0].data;
    if (integers) settle_symbols(inf, node, given, result, unsure);
    for (size_t i = 0; i < n; i++) {
        if (unsure[i] == 1 && inf->out[0].dtype == RNNP_DTYPE_I64) ((int64_t *)result)[i] = inf->next_symbol--;
        unsure[i] = unsure[i] != 0;
    }
    settle(inf, node, 0, result, unsure);
    return RNNP_OK;
}

/* ---- Results of which nothing is known but that there are some ---- */

static rnnp_status fresh_symbols(rnnp_inference *inf, const rnnp_node *node)
{
    const size_t n = elements(&inf->out[0]);
    int64_t *symbols = rnnp_arena_calloc(inf->model->context, inf->arena, n, sizeof *symbols);
    uint8_t *unsure = rnnp_arena_calloc(inf->model->context, inf->arena, n, 1);

    if (!symbols || !unsure) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < n; i++) {
        symbols[i] = inf->next_symbol--;
        unsure[i] = 1;
    }
    settle(inf, node, 0, symbols, unsure);
    return RNNP_OK;
}

rnnp_status rnnp_inference_partial(rnnp_inference *inf, const rnnp_node *node)
{
    const rnnp_operator *op = node->op;

    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE && elements(&inf->out[i]) > PARTIAL_MAX) return RNNP_OK;
    }
    if (op->shape_only && op->moves) return shape_elements(inf, node);
    if (only_moves(inf, node)) return moved_elements(inf, node);
    if (!op->shape_only && !op->time && !op->uses_math && node->n_outputs == 1) /* elementwise */
        return computed_elements(inf, node);
    return node->n_outputs == 1 && inf->out[0].dtype == RNNP_DTYPE_I64 ? fresh_symbols(inf, node) : RNNP_OK;
}
