/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights that are not f32, in forms that ONNX Runtime reads, too:
 *
 *   f16, bf16          Cast to f32 in front of the standard's node
 *   i8, LSTM           DynamicQuantizeLSTM of com.microsoft, weights transposed
 *   i8, MatMul, Gemm   DynamicQuantizeMatMul of com.microsoft; Gemm is marked, and A B + C with a row C only
 *   i8, all others     DequantizeLinear in front of the standard's node, marked; recurrent weights have a scale for
 *                      each row of each direction, which takes a flat form and Reshape
 */
#include "../graph/ops/params.h"
#include "saver.h"

#include <stdio.h>
#include <string.h>

typedef enum kind { KIND_NONE, KIND_CAST, KIND_LSTM, KIND_MATMUL, KIND_DEQUANTIZE } kind;

static int is_op(const rnnp_node *node, const char *op) { return strcmp(node->op->name, op) == 0; }

static int weights_of(const rnnp_node *node)
{
    return node->op->weights[0].input == 0 ? 0 : node->op->weights[1].input == 0 ? 1 : 2;
}

/* Attributes that com.microsoft's LSTM does not know; all but one layout say nothing. */
static int is_unknown(const char *attr) { return strcmp(attr, "layout") == 0 || strcmp(attr, "output_sequence") == 0; }

static int batch_first(const rnnp_node *node)
{
    for (size_t i = 0; i < node->n_attrs; i++)
        if (strcmp(node->attrs[i].name, "layout") == 0 && node->attrs[i].i) return 1;
    return 0;
}

/* A B + C, C absent or a row. */
static int is_plain_gemm(const rnnp_node *node)
{
    const rnnp_gemm_params *gemm = rnnp_gemm_of(node);
    const rnnp_meta *b = &node->input_metas[1], *c = &node->input_metas[2];

    if (gemm->alpha != 1.0f || gemm->trans_a) return 0;
    return rnnp_absent(node, 2) || (gemm->beta == 1.0f && c->rank == 1 && c->dim[0] == b->dim[!gemm->trans_b]);
}

static kind kind_of(const rnnp_node *node)
{
    if (weights_of(node) == 0 || !node->input_metas[node->op->weights[0].input].known) return KIND_NONE;
    switch ((int)node->input_metas[node->op->weights[0].input].dtype) {
    case RNNP_DTYPE_F16:
    case RNNP_DTYPE_BF16: return KIND_CAST;
    case RNNP_DTYPE_I8:
        if (is_op(node, "LSTM")) return batch_first(node) || saver_decays(node) ? KIND_DEQUANTIZE : KIND_LSTM;
        return is_op(node, "MatMul") || (is_op(node, "Gemm") && is_plain_gemm(node)) ? KIND_MATMUL : KIND_DEQUANTIZE;
    default: return KIND_NONE;
    }
}

/* Weights of a node as they stand in the file, and their scales. */
static saved_form form_of(const rnnp_node *node, kind k, int scale)
{
    if (k == KIND_LSTM) return scale ? FORM_PLAIN : FORM_ACROSS;
    if (k == KIND_MATMUL && !scale && is_op(node, "Gemm") && rnnp_gemm_of(node)->trans_b) return FORM_ACROSS;
    return k == KIND_DEQUANTIZE && weights_of(node) == 2 ? FORM_FLAT : FORM_PLAIN;
}

void saver_weights_note(saver *s, const rnnp_node *node, const rnnp_value *inputs)
{
    const kind k = kind_of(node);

    s->n_special += k != KIND_NONE;
    for (size_t i = 0; i < node->n_inputs; i++) {
        saved_form form = FORM_PLAIN;

        for (int w = 0; k != KIND_NONE && w < weights_of(node); w++) {
            if (i == node->op->weights[w].input || i == node->op->weights[w].scale)
                form = form_of(node, k, i == node->op->weights[w].scale);
        }
        if (inputs[i] != RNNP_NONE) s->values[inputs[i]].wanted[form] = 1;
    }
}

int saver_weights_opset(const rnnp_node *node)
{
    const kind k = kind_of(node);
    const int bf16 = k == KIND_CAST && node->input_metas[node->op->weights[0].input].dtype == RNNP_DTYPE_BF16;

    return k == KIND_DEQUANTIZE || bf16 ? 13 : 0;
}

/* ---- Initializers in other forms ---- */

static const char *derived(saver *s, const char *name, const char *ending)
{
    const size_t size = strlen(name) + strlen(ending) + 1;
    char *wish = loader_alloc(&s->memory, size);

    if (!wish) return NULL;
    snprintf(wish, size, "%s%s", name, ending);
    return names_claim(&s->memory, &s->taken, wish);
}

/* The last two axes exchanged. */
static rnnp_status exchange(saver *s, const rnnp_tensor *from, rnnp_tensor *to)
{
    const size_t rows = (size_t)from->shape[from->rank - 2], columns = (size_t)from->shape[from->rank - 1];
    const size_t n = rnnp_tensor_elements(from);
    const int8_t *old = from->data;
    int8_t *all = loader_alloc(&s->memory, n);

    if (!all) return RNNP_ERR_MEMORY;
    *to = *from;
    to->data = all;
    to->shape[from->rank - 2] = (int64_t)columns;
    to->shape[from->rank - 1] = (int64_t)rows;
    for (size_t i = 0; i < n; i++) {
        const size_t matrix = i / (rows * columns), at = i % (rows * columns);

        all[matrix * rows * columns + at % columns * rows + at / columns] = old[i];
    }
    return RNNP_OK;
}

/* [a][b][c] as [a b][c], scales [a][b] as [a b]. */
static void flatten(const rnnp_tensor *from, rnnp_tensor *to)
{
    *to = *from;
    to->rank = from->rank - 1;
    to->shape[0] = from->shape[0] * from->shape[1];
    to->shape[1] = from->rank == 3 ? from->shape[2] : 0;
}

/* Adds the constant in the form unless it is there, and returns its name; NULL without memory. */
static const char *make_form(saver *s, rnnp_value v, saved_form form)
{
    static const char *const endings[FORMS] = {"", "_transposed", "_flat"};
    saved_value *value = &s->values[v];
    rnnp_tensor tensor = value->tensor;
    int first = 1;

    if (value->made[form]) return value->made[form];
    for (size_t i = 0; i < FORMS; i++) first &= !value->made[i]; /* the first one has the constant's name */
    if (form == FORM_ACROSS && exchange(s, &value->tensor, &tensor) != RNNP_OK) return NULL;
    if (form == FORM_FLAT) flatten(&value->tensor, &tensor);
    const char *name = first ? value->name : derived(s, value->name, endings[form]);
    if (name && saver_initializer(s, name, &tensor) == RNNP_OK) value->made[form] = name;
    return value->made[form];
}

/* ---- Nodes in front ---- */

static char *text(const char *s) { return (char *)(uintptr_t)s; }

/* A node with two or three inputs, whose result has its name. */
static rnnp_status add_before(saver *s, const char *op, const char *result, const char *const *inputs, size_t n,
                              Onnx__NodeProto **node)
{
    const rnnp_status status = saver_node(s, op, result, n, 1, 1, node);

    if (status != RNNP_OK) return status;
    for (size_t i = 0; i < n; i++) (*node)->input[(*node)->n_input++] = text(inputs[i]);
    (*node)->output[(*node)->n_output++] = text(result);
    return RNNP_OK;
}

static rnnp_status add_cast(saver *s, saved_value *value)
{
    const char *name = derived(s, value->name, "_f32");
    Onnx__NodeProto *node;
    rnnp_status status = name ? add_before(s, "Cast", name, &value->name, 1, &node) : RNNP_ERR_MEMORY;

    if (status == RNNP_OK) status = saver_int_attr(s, node, "to", loader_onnx_type(RNNP_DTYPE_F32));
    value->widened = name;
    return status;
}

/* Back to the shape of the weights. */
static rnnp_status add_reshape(saver *s, saved_value *value)
{
    const rnnp_tensor shape = {RNNP_DTYPE_I64, 1, {(int64_t)value->tensor.rank}, .data = value->tensor.shape};
    const char *name = derived(s, value->name, "_f32"), *shape_name = derived(s, value->name, "_shape");
    Onnx__NodeProto *node;
    rnnp_status status = name && shape_name ? saver_initializer(s, shape_name, &shape) : RNNP_ERR_MEMORY;

    if (status == RNNP_OK)
        status = add_before(s, "Reshape", name, (const char *const[]){value->widened, shape_name}, 2, &node);
    value->widened = name;
    return status;
}

static rnnp_status add_dequantize(saver *s, const rnnp_node *node, int w, const rnnp_value *inputs)
{
    saved_value *value = &s->values[inputs[node->op->weights[w].input]];
    const saved_form form = form_of(node, KIND_DEQUANTIZE, 0);
    const char *in[] = {make_form(s, inputs[node->op->weights[w].input], form),
                        make_form(s, inputs[node->op->weights[w].scale], form)};
    Onnx__NodeProto *to;

    value->widened = derived(s, value->name, "_dequantized");
    if (!in[0] || !in[1] || !value->widened) return RNNP_ERR_MEMORY;
    rnnp_status status = add_before(s, "DequantizeLinear", value->widened, in, 2, &to);
    s->marked[s->n_marked++] = value->widened;
    /* its output channels: rows, or columns of B as it is multiplied */
    const int rows = form == FORM_FLAT || (is_op(node, "Gemm") && rnnp_gemm_of(node)->trans_b);
    if (status == RNNP_OK) status = saver_int_attr(s, to, "axis", rows ? 0 : 1);
    return status == RNNP_OK && form == FORM_FLAT ? add_reshape(s, value) : status;
}

rnnp_status saver_weights_before(saver *s, const rnnp_node *node, const rnnp_value *inputs)
{
    const kind k = kind_of(node);
    rnnp_status status = RNNP_OK;

    if (k != KIND_NONE && !s->marked) {
        s->marked = loader_alloc(&s->memory, 2 * s->n_special * sizeof *s->marked);
        if (!s->marked) return RNNP_ERR_MEMORY;
    }
    for (int w = 0; status == RNNP_OK && w < weights_of(node); w++) {
        saved_value *value = &s->values[inputs[node->op->weights[w].input]];

        if (k == KIND_CAST && !value->widened) status = add_cast(s, value);
        if (k == KIND_DEQUANTIZE) status = add_dequantize(s, node, w, inputs);
    }
    return status;
}

/* ---- The node ---- */

/* [dirs][rows] zeros, once for a layer. */
static const char *add_zeros(saver *s, const char *name, const rnnp_tensor *scale)
{
    const char *zeros = derived(s, name, "_zero_point");
    rnnp_tensor tensor = *scale;

    tensor.dtype = RNNP_DTYPE_I8;
    tensor.data = loader_alloc(&s->memory, rnnp_tensor_elements(scale));
    if (!zeros || !tensor.data) return NULL;
    memset(tensor.data, 0, rnnp_tensor_elements(scale));
    return saver_initializer(s, zeros, &tensor) == RNNP_OK ? zeros : NULL;
}

/* X W R B sequence_lens initial_h initial_c P, then scale and zero point of W and of R. */
static rnnp_status make_lstm(saver *s, const rnnp_node *from, const rnnp_value *inputs, Onnx__NodeProto *node)
{
    const rnnp_value w = inputs[from->op->weights[0].input], scale = inputs[from->op->weights[0].scale];
    const size_t scales = from->op->weights[0].scale;
    size_t kept = 0;

    for (size_t i = 0; i < 2; i++) {
        const size_t at = from->op->weights[i].input;

        if (!(node->input[at] = text(make_form(s, inputs[at], FORM_ACROSS)))) return RNNP_ERR_MEMORY;
    }
    const char *zeros = add_zeros(s, s->values[w].name, &s->values[scale].tensor);
    if (!zeros) return RNNP_ERR_MEMORY;
    node->input[scales + 2] = node->input[scales + 1]; /* of R */
    node->input[scales + 1] = node->input[scales + 3] = text(zeros);
    node->n_input = scales + 4;
    for (size_t i = 0; i < node->n_attribute; i++) {
        if (!is_unknown(node->attribute[i]->name)) node->attribute[kept++] = node->attribute[i];
    }
    node->n_attribute = kept;
    node->op_type = text("DynamicQuantizeLSTM");
    return RNNP_OK;
}

/* A B b_scale b_zero_point bias */
static rnnp_status make_product(saver *s, const rnnp_node *from, const rnnp_value *inputs, Onnx__NodeProto *node)
{
    const int gemm = is_op(from, "Gemm");
    char *bias = gemm && inputs[2] != RNNP_NONE ? node->input[2] : NULL;

    if (!(node->input[1] = text(make_form(s, inputs[1], form_of(from, KIND_MATMUL, 0))))) return RNNP_ERR_MEMORY;
    node->input[2] = node->input[from->op->weights[0].scale];
    node->n_input = 3;
    if (bias) {
        node->input[node->n_input++] = text("");
        node->input[node->n_input++] = bias;
    }
    node->n_attribute = 0;
    node->op_type = text("DynamicQuantizeMatMul");
    if (gemm) s->marked[s->n_marked++] = node->output[0];
    return RNNP_OK;
}

rnnp_status saver_weights_apply(saver *s, const rnnp_node *from, const rnnp_value *inputs, Onnx__NodeProto *node)
{
    const kind k = kind_of(from);

    if (k == KIND_LSTM || k == KIND_MATMUL) {
        node->domain = text(LOADER_MICROSOFT);
        s->microsoft = 1;
        return k == KIND_LSTM ? make_lstm(s, from, inputs, node) : make_product(s, from, inputs, node);
    }
    for (int w = 0; k != KIND_NONE && w < weights_of(from); w++) {
        const size_t at = from->op->weights[w].input;

        node->input[at] = text(s->values[inputs[at]].widened);
        if (k == KIND_DEQUANTIZE && from->op->weights[w].scale < node->n_input)
            node->n_input = from->op->weights[w].scale; /* the scales come last */
    }
    while (k != KIND_NONE && node->n_input > 0 && !*node->input[node->n_input - 1]) node->n_input--;
    return RNNP_OK;
}

rnnp_status saver_weights_marks(saver *s, const char **marks)
{
    size_t size = 1, used = 0;
    char *list;

    *marks = NULL;
    if (s->n_marked == 0) return RNNP_OK;
    for (size_t i = 0; i < s->n_marked; i++) size += strlen(s->marked[i]) + 24;
    if (!(list = loader_alloc(&s->memory, size))) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < s->n_marked; i++)
        used += (size_t)snprintf(list + used, size - used, "%zu:%s,", strlen(s->marked[i]), s->marked[i]);
    *marks = list;
    return RNNP_OK;
}
