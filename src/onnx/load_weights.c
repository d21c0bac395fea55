/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers with 8-bit weights: DynamicQuantizeLSTM and DynamicQuantizeMatMul of com.microsoft, and DequantizeLinear where
 * the file says that it stands for such weights (LOADER_MARKS).
 *
 * rnnpack's weights are whole numbers from -127 to 127 times a scale for each output channel. Others (a zero point,
 * -128, u8) become such without a change where q - zero point is in that range, and are rounded again where it is not.
 */
#include "load_weights.h"

#include "../graph/ops/recurrent.h"

#include <math.h>
#include <string.h>

enum { MOST = 127 };

static const char rounded_again[] = "weights with zero points or beyond -127 to 127 were rounded again, each output "
                                    "channel to -127 to 127 times a scale of its own";

#define FAIL(l, node, status, format, ...) \
    rnnp_fail((l)->context, status, "%s %s: " format, (node)->op, (node)->name, __VA_ARGS__)

/* ---- What there is ---- */

static int is(const char *a, const char *b) { return a && strcmp(a, b) == 0; }

int loader_microsoft_op(const char *domain, const char *op)
{
    return is(domain, LOADER_MICROSOFT) && (is(op, "DynamicQuantizeLSTM") || is(op, "DynamicQuantizeMatMul") ||
                                            is(op, "MatMulIntegerToFloat") || is(op, "MatMulNBits"));
}

rnnp_status loader_domain(loader *l, const Onnx__NodeProto *p, const char *name)
{
    if (!p->domain || !*p->domain || is(p->domain, "ai.onnx") || loader_microsoft_op(p->domain, p->op_type))
        return RNNP_OK;
    return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "node %s: operator %s of domain %s is not supported", name,
                     p->op_type, p->domain);
}

/* ---- Marks ---- */

/* The next of a list of names, NULL at its end; *at is NULL if it is no such list. */
static char *next_mark(const char **at, char *room)
{
    size_t length = 0;

    if (!**at) return NULL;
    for (; **at >= '0' && **at <= '9' && length < INT32_MAX; (*at)++) length = 10 * length + (size_t)(**at - '0');
    if (**at != ':' || memchr(*at + 1, 0, length + 1) || (*at)[1 + length] != ',') {
        *at = NULL;
        return NULL;
    }
    memcpy(room, *at + 1, length);
    room[length] = 0;
    *at += length + 2;
    return room;
}

rnnp_status loader_read_marks(loader *l, names *n)
{
    for (size_t i = 0; i < l->file->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = l->file->metadata_props[i];
        const char *at = entry->value;
        const char *name;

        if (!is(entry->key, LOADER_MARKS) || !at) continue;
        char *room = loader_alloc(l, strlen(at) + 1);
        if (!room) return RNNP_ERR_MEMORY;
        while ((name = next_mark(&at, room)) != NULL) {
            name_entry *e = names_find(n, name);
            if (e) e->marked = 1; /* a program that changed the graph may have left others */
        }
        if (!at) return rnnp_fail(l->context, RNNP_ERR_FORMAT, "metadata " LOADER_MARKS " is not a list of names");
    }
    return RNNP_OK;
}

static name_entry *entry_of(const names *n, char *const *list, size_t count, size_t i)
{
    return i < count && *list[i] ? names_find(n, list[i]) : NULL;
}

/* ---- Constants ---- */

static rnnp_status constant_of(loader *l, const rnnp_model *model, const loader_node *node, rnnp_value v,
                               const char *what, const rnnp_value_info **info)
{
    *info = v == RNNP_NONE ? NULL : &model->values[v];
    if (*info && !(*info)->is_constant) return FAIL(l, node, RNNP_ERR_UNSUPPORTED, "%s is not an initializer", what);
    return RNNP_OK;
}

static size_t elements_of(const rnnp_value_info *info)
{
    size_t n = 1;

    for (size_t i = 0; i < info->meta.rank; i++) n *= (size_t)info->meta.dim[i];
    return n;
}

/* Weights [dirs][depth][channels], with a scale and a zero point for each channel, each direction, or all. */
typedef struct foreign {
    const rnnp_value_info *q, *scale, *zero;
    size_t dirs, depth, channels, scales; /* scales: channels that have one of their own, 1 or `channels` */
} foreign;

static int q_at(const rnnp_value_info *info, size_t i)
{
    return info->meta.dtype == RNNP_DTYPE_U8 ? ((const uint8_t *)info->meta.known)[i]
                                             : ((const int8_t *)info->meta.known)[i];
}

static rnnp_status find_foreign(loader *l, const rnnp_model *model, const loader_node *node, const char *what,
                                rnnp_value q, rnnp_value scale, rnnp_value zero, size_t rank, foreign *f)
{
    rnnp_status status = constant_of(l, model, node, q, what, &f->q);

    if (status == RNNP_OK) status = constant_of(l, model, node, scale, "a scale", &f->scale);
    if (status == RNNP_OK) status = constant_of(l, model, node, zero, "a zero point", &f->zero);
    if (status != RNNP_OK) return status;
    if (!f->q || !f->scale) return FAIL(l, node, RNNP_ERR_ARG, "%s or its scale is missing", what);
    const rnnp_meta *m = &f->q->meta;
    if (m->dtype != RNNP_DTYPE_I8 && m->dtype != RNNP_DTYPE_U8)
        return FAIL(l, node, RNNP_ERR_TYPE, "%s is %s, expected i8 or u8", what, rnnp_dtype_name(m->dtype));
    if (f->scale->meta.dtype != RNNP_DTYPE_F32)
        return FAIL(l, node, RNNP_ERR_TYPE, "the scale of %s is %s, expected f32", what,
                    rnnp_dtype_name(f->scale->meta.dtype));
    if (f->zero && f->zero->meta.dtype != m->dtype)
        return FAIL(l, node, RNNP_ERR_TYPE, "the zero point of %s is %s and %s is %s", what,
                    rnnp_dtype_name(f->zero->meta.dtype), what, rnnp_dtype_name(m->dtype));
    if (m->rank != rank)
        return FAIL(l, node, RNNP_ERR_UNSUPPORTED, "%s has rank %zu, expected %zu", what, m->rank, rank);
    f->dirs = rank == 3 ? (size_t)m->dim[0] : 1;
    f->depth = (size_t)m->dim[rank - 2];
    f->channels = (size_t)m->dim[rank - 1];
    const size_t n = elements_of(f->scale);
    if (n != f->dirs && n != f->dirs * f->channels)
        return FAIL(l, node, RNNP_ERR_SHAPE, "%s has %zu channels in %zu directions and %zu scales", what, f->channels,
                    f->dirs, n);
    if (f->zero && elements_of(f->zero) != n)
        return FAIL(l, node, RNNP_ERR_SHAPE, "%s has %zu scales and %zu zero points", what, n, elements_of(f->zero));
    f->scales = n == f->dirs ? 1 : f->channels;
    const float *at = f->scale->meta.known;
    const size_t bad = rnnp_bad_scale(at, n);
    if (bad == n) return RNNP_OK;
    return FAIL(l, node, RNNP_ERR_ARG, "scale %zu of %s is %g, expected a finite number above 0", bad, what,
                (double)at[bad]);
}

/* ---- To weights of ours ---- */

/* One channel: where its elements are and where they go. Returns 1 where they had to be rounded again. */
static int convert_channel(const foreign *f, size_t d, size_t c, int8_t *to, size_t step, float *scale)
{
    const size_t own = d * f->scales + (f->scales > 1 ? c : 0), first = d * f->depth * f->channels + c;
    const int zero = f->zero ? q_at(f->zero, own) : 0;
    int most = 0;

    *scale = ((const float *)f->scale->meta.known)[own];
    for (size_t k = 0; k < f->depth; k++) {
        const int v = q_at(f->q, first + k * f->channels) - zero, size = v < 0 ? -v : v;
        most = size > most ? size : most;
    }
    for (size_t k = 0; k < f->depth; k++) {
        const int v = q_at(f->q, first + k * f->channels) - zero;
        to[k * step] = (int8_t)(most <= MOST ? v : (int)nearbyint(v * (double)MOST / most));
    }
    if (most > MOST) *scale = (float)((double)*scale * most / MOST);
    return most > MOST;
}

/* Adds them as [dirs][channels][depth] (rows) or [depth][channels], and their scales as [dirs][channels]. */
static rnnp_status add_weights(loader *l, rnnp_model *model, const foreign *f, int rows, loader_node *node,
                               rnnp_value *weights, rnnp_value *scale)
{
    rnnp_tensor q = {RNNP_DTYPE_I8, f->q->meta.rank, {(int64_t)f->depth, (int64_t)f->channels}, {NULL}};
    rnnp_tensor s = {RNNP_DTYPE_F32, 1, {(int64_t)f->channels}, {NULL}};
    const size_t all = f->dirs * f->channels;

    if (rows) {
        memcpy(q.shape, (int64_t[]){(int64_t)f->dirs, (int64_t)f->channels, (int64_t)f->depth}, 3 * sizeof *q.shape);
        s = (rnnp_tensor){RNNP_DTYPE_F32, 2, {(int64_t)f->dirs, (int64_t)f->channels}, {NULL}};
    }
    int8_t *bytes = loader_alloc(l, all * f->depth);
    float *scales = loader_alloc(l, all * sizeof *scales);
    if (!bytes || !scales) return RNNP_ERR_MEMORY;
    q.data = bytes;
    s.data = scales;
    int again = 0;
    for (size_t i = 0; i < all; i++) {
        const size_t d = i / f->channels, c = i % f->channels;
        again |= convert_channel(f, d, c, rows ? bytes + i * f->depth : bytes + c, rows ? 1 : f->channels, &scales[i]);
    }
    if (again) node->note = rounded_again;
    const int same_scales = !again && f->scales == f->channels && f->scale->meta.rank == s.rank;
    const rnnp_value old_scale = (rnnp_value)(f->scale - model->values);
    const char *name = f->scale->name; /* the values may move, names do not */
    rnnp_status status = rnnp_model_add_constant(model, f->q->name, &q, weights);
    if (status == RNNP_OK && !same_scales) status = rnnp_model_add_constant(model, name, &s, scale);
    if (status == RNNP_OK && same_scales) *scale = old_scale;
    loader_free(l, bytes);
    loader_free(l, scales);
    return status;
}

/* Whether the weights are ours as they are. */
static int is_ours(const foreign *f)
{
    if (f->q->meta.dtype != RNNP_DTYPE_I8 || f->scales != f->channels || f->scale->meta.rank != 1) return 0;
    for (size_t i = 0; f->zero && i < elements_of(f->zero); i++)
        if (q_at(f->zero, i)) return 0;
    for (size_t i = 0; i < f->depth * f->channels; i++)
        if (q_at(f->q, i) < -MOST) return 0;
    return 1;
}

/* ---- Nodes of com.microsoft ---- */

static rnnp_value input_of(const loader_node *node, size_t i)
{
    return i < node->n_inputs ? node->inputs[i] : RNNP_NONE;
}

/* X W R B sequence_lens initial_h initial_c P, then scale and zero point of W and of R */
static rnnp_status take_lstm(loader *l, rnnp_model *model, loader_node *node)
{
    enum { W = 1, R, P = 7, W_SCALE, W_ZERO, R_SCALE, R_ZERO, ALL };
    rnnp_value scale[2];
    foreign f;
    rnnp_status status;

    if (node->n_inputs > ALL) return FAIL(l, node, RNNP_ERR_ARG, "%zu inputs, 12 at most", node->n_inputs);
    for (size_t i = node->n_inputs; i < ALL; i++) node->inputs[i] = RNNP_NONE;
    for (size_t i = 0; i < 2; i++) {
        const char *what = i ? "R" : "W";
        status = find_foreign(l, model, node, what, node->inputs[W + i], node->inputs[W_SCALE + 2 * i],
                              node->inputs[W_ZERO + 2 * i], 3, &f);
        if (status == RNNP_OK) status = add_weights(l, model, &f, 1, node, &node->inputs[W + i], &scale[i]);
        if (status != RNNP_OK) return status;
    }
    node->inputs[W_SCALE] = scale[0];
    node->inputs[W_SCALE + 1] = scale[1];
    node->n_inputs = W_SCALE + 2;
    node->op = "LSTM";
    return RNNP_OK;
}

/* A B b_scale b_zero_point bias */
static rnnp_status take_product(loader *l, rnnp_model *model, int gemm, loader_node *node)
{
    enum { B = 1, SCALE, ZERO, BIAS };
    rnnp_value b = input_of(node, B), scale = input_of(node, SCALE);
    const rnnp_value bias = input_of(node, BIAS);
    foreign f;
    rnnp_status status = find_foreign(l, model, node, "B", b, scale, input_of(node, ZERO), 2, &f);

    if (status == RNNP_OK && !is_ours(&f)) status = add_weights(l, model, &f, 0, node, &b, &scale);
    if (status != RNNP_OK) return status;
    node->op = gemm ? "Gemm" : "MatMul";
    node->n_inputs = 0;
    node->inputs[++node->n_inputs] = b;
    if (gemm) node->inputs[++node->n_inputs] = bias;
    node->inputs[++node->n_inputs] = scale;
    node->n_inputs++;
    if (!gemm) node->bias = bias;
    return RNNP_OK;
}

/* ---- Marked DequantizeLinear ---- */

static rnnp_status mark_weights(loader *l, const rnnp_model *model, const loader_node *node, name_entry *to)
{
    const rnnp_value q = input_of(node, 0), scale = input_of(node, 1);
    const rnnp_meta *m = &model->values[q].meta, *s = &model->values[scale].meta;

    if (!model->values[q].is_constant || !model->values[scale].is_constant || m->dtype != RNNP_DTYPE_I8 ||
        m->rank != 2 || s->rank != 1 || s->dtype != RNNP_DTYPE_F32 || input_of(node, 2) != RNNP_NONE)
        return FAIL(l, node, RNNP_ERR_FORMAT, "%s lists it, but it is not weights of i8 [][] with scales of f32 []",
                    LOADER_MARKS);
    to->is_weights = 1;
    to->weights = q;
    to->scale = scale;
    return RNNP_OK;
}

/* Flat weights and scales as the layer has them, with an axis of directions in front. */
static rnnp_status add_directions(rnnp_model *model, int64_t dirs, rnnp_value *value)
{
    const rnnp_value_info *flat = &model->values[*value];
    rnnp_tensor t = {flat->meta.dtype,
                     flat->meta.rank + 1,
                     {dirs, flat->meta.dim[0] / dirs, flat->meta.dim[1]},
                     .const_data = flat->meta.known};

    return rnnp_model_add_constant(model, flat->name, &t, value);
}

static int64_t directions(const loader_node *node)
{
    for (size_t i = 0; i < node->n_attrs; i++)
        if (is(node->attrs[i].name, "direction") && node->attrs[i].kind == RNNP_ATTR_STRING)
            return is(node->attrs[i].s, "bidirectional") ? 2 : 1;
    return 1;
}

static rnnp_status take_marked(loader *l, rnnp_model *model, loader_node *node, const name_entry *w,
                               const name_entry *r)
{
    const size_t n = r ? 2 : 1;
    const size_t at = n == 2 ? RNNP_IN_W_SCALE : is(node->op, "Gemm") ? 3 : 2;
    const int64_t dirs = directions(node);
    rnnp_status status = RNNP_OK;

    for (size_t i = at; i < node->n_inputs && i < at + n; i++) /* a decay may come behind them */
        if (node->inputs[i] != RNNP_NONE) return FAIL(l, node, RNNP_ERR_ARG, "%zu inputs", node->n_inputs);
    while (node->n_inputs < at + n) node->inputs[node->n_inputs++] = RNNP_NONE;
    for (size_t i = 0; i < n && status == RNNP_OK; i++) {
        rnnp_value weights = i ? r->weights : w->weights, scale = i ? r->scale : w->scale;

        if (n == 2 && (model->values[weights].meta.dim[0] % dirs || model->values[scale].meta.dim[0] % dirs))
            return FAIL(l, node, RNNP_ERR_SHAPE, "%lld rows of weights in %lld directions",
                        (long long)model->values[weights].meta.dim[0], (long long)dirs);
        if (n == 2) status = add_directions(model, dirs, &weights);
        if (n == 2 && status == RNNP_OK) status = add_directions(model, dirs, &scale);
        node->inputs[1 + i] = weights;
        node->inputs[at + i] = scale;
    }
    return status;
}

/* ---- Nodes on their way ---- */

rnnp_status loader_weights_node(loader *l, rnnp_model *model, const Onnx__NodeProto *p, const names *n,
                                loader_node *node)
{
    const name_entry *w = entry_of(n, p->input, p->n_input, 1), *r = entry_of(n, p->input, p->n_input, 2);
    const name_entry *result = entry_of(n, p->output, p->n_output, 0);
    const int recurrent = is(node->op, "RNN") || is(node->op, "LSTM") || is(node->op, "GRU");

    if (is(node->op, "DynamicQuantizeLSTM")) return take_lstm(l, model, node);
    if (is(node->op, "DynamicQuantizeMatMul")) return take_product(l, model, result && result->marked, node);
    if (!w || !w->is_weights) return RNNP_OK;
    if (recurrent && r && r->is_weights) return take_marked(l, model, node, w, r);
    return is(node->op, "MatMul") || is(node->op, "Gemm") ? take_marked(l, model, node, w, NULL) : RNNP_OK;
}

rnnp_status loader_weights_after(loader *l, rnnp_model *model, const Onnx__NodeProto *p, const names *n,
                                 loader_node *node)
{
    const name_entry *x = entry_of(n, p->input, p->n_input, 0);
    name_entry *result = entry_of(n, p->output, p->n_output, 0);

    if (node->note) model->nodes[model->n_nodes - 1].note = node->note;
    if (!result) return RNNP_OK;
    if (is(p->op_type, "DequantizeLinear") && result->marked) return mark_weights(l, model, node, result);
    if (is(p->op_type, "Reshape") && x && x->is_weights) {
        result->is_weights = 1;
        result->weights = x->weights;
        result->scale = x->scale;
    }
    if (node->bias == RNNP_NONE) return RNNP_OK;
    const rnnp_value terms[] = {node->outputs[0], node->bias};
    node->outputs[0] = 0;
    return rnnp_model_add_node(model, "Add", node->opset, NULL, terms, 2, NULL, 0, node->outputs, 1);
}
