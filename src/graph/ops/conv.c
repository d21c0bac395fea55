/* SPDX-License-Identifier: Apache-2.0
 *
 * Conv and ConvTranspose of any number of spatial axes.
 */
#include "params.h"
#include "window.h"

#include <stdio.h>

enum { X, W, B };

typedef struct conv_params {
    rnnp_window window;
    int64_t group;
    /* ConvTranspose */
    int64_t more[RNNP_SPATIAL]; /* output_padding: elements behind the last window's */
    rnnp_ints shape;            /* output_shape */
} conv_params;

static int is_transposed(const rnnp_node *node) { return node->op->family != NULL; }

static rnnp_status conv_parse(rnnp_parse *p, void *params)
{
    conv_params *conv = params;

    conv->group = rnnp_parse_int(p, "group", 1);
    if (conv->group < 1) return PARSE_FAIL(p, RNNP_ERR_ARG, "group is %lld", (long long)conv->group);
    return rnnp_window_parse(p, RNNP_WINDOW_DILATES, &conv->window);
}

static rnnp_status transpose_parse(rnnp_parse *p, void *params)
{
    conv_params *conv = params;
    rnnp_window *window = &conv->window;
    rnnp_ints more;
    rnnp_status status = conv_parse(p, params);

    if (status != RNNP_OK || (status = rnnp_parse_ints(p, "output_padding", &more)) != RNNP_OK ||
        (status = rnnp_parse_ints(p, "output_shape", &conv->shape)) != RNNP_OK)
        return status;
    const rnnp_ints *const lists[] = {&more, &conv->shape};
    for (size_t i = 0; i < 2; i++) {
        if (!lists[i]->given) continue;
        if (lists[i]->count == 0 || lists[i]->count > RNNP_SPATIAL || (window->rank && window->rank != lists[i]->count))
            return PARSE_FAIL(p, RNNP_ERR_ARG, "%s has %zu entries for %zu axes", i ? "output_shape" : "output_padding",
                              lists[i]->count, window->rank);
        window->rank = lists[i]->count;
    }
    for (size_t i = 0; i < window->rank; i++) {
        conv->more[i] = more.given ? more.at[i] : 0;
        if (conv->more[i] < 0 || (conv->more[i] >= window->stride[i] && conv->more[i] >= window->dilation[i]))
            return PARSE_FAIL(p, RNNP_ERR_ARG, "output_padding[%zu] is %lld, with stride %lld and dilation %lld", i,
                              (long long)conv->more[i], (long long)window->stride[i], (long long)window->dilation[i]);
        if (conv->shape.given && (conv->shape.at[i] < 0 || conv->shape.at[i] > INT32_MAX))
            return PARSE_FAIL(p, RNNP_ERR_ARG, "output_shape[%zu] is %lld", i, (long long)conv->shape.at[i]);
    }
    return RNNP_OK;
}

/* Attributes with other pads, and without auto_pad. */
static rnnp_status give_pads(rnnp_model *model, rnnp_node *node, const int64_t *pads, size_t n)
{
    rnnp_attr *attrs = rnnp_model_alloc(model, (node->n_attrs + 1) * sizeof *attrs);
    size_t count = 0;

    if (!attrs) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < node->n_attrs; i++) {
        if (strcmp(node->attrs[i].name, "pads") != 0 && strcmp(node->attrs[i].name, "auto_pad") != 0)
            attrs[count++] = node->attrs[i];
    }
    attrs[count] = (rnnp_attr){.name = "pads", .kind = RNNP_ATTR_INTS, .count = n};
    attrs[count].ints = rnnp_model_copy(model, pads, n, sizeof *pads);
    if (!attrs[count].ints) return RNNP_ERR_MEMORY;
    node->attrs = attrs;
    node->n_attrs = count + 1;
    return RNNP_OK;
}

rnnp_status rnnp_conv_pad(rnnp_model *model, rnnp_node *node, size_t rank, const int64_t *before, const int64_t *after)
{
    conv_params *conv = node->params;
    const size_t n = rank - 2;
    int64_t pads[2 * RNNP_SPATIAL] = {0};
    rnnp_window window = conv->window;

    if (window.auto_pad != RNNP_PAD_GIVEN && window.auto_pad != RNNP_PAD_VALID) return RNNP_ERR_ARG;
    if (window.rank && window.rank != n) return RNNP_ERR_ARG;
    window.auto_pad = RNNP_PAD_GIVEN;
    window.rank = n;
    if (before[0] || after[0] || before[1] || after[1]) return RNNP_ERR_ARG;
    for (size_t i = 0; i < n; i++) {
        window.pad_begin[i] = pads[i] = window.pad_begin[i] + before[2 + i];
        window.pad_end[i] = pads[n + i] = window.pad_end[i] + after[2 + i];
        if (pads[i] > INT32_MAX || pads[n + i] > INT32_MAX) return RNNP_ERR_ARG;
    }
    const rnnp_status status = give_pads(model, node, pads, 2 * n);
    if (status == RNNP_OK) conv->window = window;
    return status;
}

/* ---- Sizes ---- */

/* Axis i of a transposed convolution, whose input has dim elements: how many its output has, and the pads in force. An
 * output_shape, or auto_pad, says how many there are, and pads follow. */
static int64_t transposed_count(const conv_params *conv, rnnp_window *window, size_t i, int64_t dim)
{
    const int64_t whole = (dim - 1) * window->stride[i] + rnnp_window_extent(window, i) + conv->more[i];
    const int same = window->auto_pad == RNNP_PAD_SAME_UPPER || window->auto_pad == RNNP_PAD_SAME_LOWER;

    if (conv->shape.given || same) {
        const int64_t wanted = conv->shape.given ? conv->shape.at[i] : dim * window->stride[i];

        rnnp_window_split(window, i, whole > wanted ? whole - wanted : 0);
        return wanted;
    }
    return whole - window->pad_begin[i] - window->pad_end[i];
}

static rnnp_status transposed_counts(rnnp_infer *in, rnnp_window *window, const int64_t *dim, int64_t *count)
{
    const conv_params *conv = in->node->params;

    for (size_t i = 0; i < window->rank; i++) {
        const int unknown = rnnp_dim_is_symbol(dim[i]) || rnnp_dim_is_symbol(window->kernel[i]);

        if (unknown) {
            count[i] = conv->shape.given ? conv->shape.at[i] : rnnp_dim_unknown(in);
            continue;
        }
        if (dim[i] > INT32_MAX)
            return FAIL(in, RNNP_ERR_SHAPE, "spatial axis %zu has %lld elements", i, (long long)dim[i]);
        count[i] = dim[i] > 0 ? transposed_count(conv, window, i, dim[i]) : 0;
        if (count[i] < 0 || (dim[i] > 0 && count[i] == 0))
            return FAIL(in, RNNP_ERR_SHAPE,
                        "spatial axis %zu would have %lld elements: pads %lld and %lld are too much", i,
                        (long long)count[i], (long long)window->pad_begin[i], (long long)window->pad_end[i]);
    }
    return RNNP_OK;
}

/* Checks channels; *out is how many there are in y. */
static rnnp_status conv_channels(rnnp_infer *in, const rnnp_meta *inputs, int64_t *out)
{
    const conv_params *conv = in->node->params;
    const rnnp_meta *w = &inputs[W];
    const int transposed = is_transposed(in->node);
    const int64_t c = inputs[X].dim[1], g = conv->group;
    rnnp_status status;
    int64_t in_w = w->dim[0], dim;

    *out = w->dim[0];
    if (transposed)
        *out = rnnp_dim_is_symbol(w->dim[1]) ? rnnp_dim_unknown(in) : rnnp_dim_mul(in, w->dim[1], g);
    else
        in_w = rnnp_dim_is_symbol(w->dim[1]) ? rnnp_dim_unknown(in) : rnnp_dim_mul(in, w->dim[1], g);
    if (!rnnp_dim_is_symbol(c) && c % g)
        return FAIL(in, RNNP_ERR_SHAPE, "%lld channels do not divide into %lld groups", (long long)c, (long long)g);
    if (!transposed && !rnnp_dim_is_symbol(*out) && *out % g)
        return FAIL(in, RNNP_ERR_SHAPE, "%lld output channels do not divide into %lld groups", (long long)*out,
                    (long long)g);
    if ((status = rnnp_infer_same(in, "number of channels (of X and W)", c, in_w, &dim)) != RNNP_OK) return status;
    if (rnnp_absent(in->node, B)) return RNNP_OK;
    if (inputs[B].rank != 1) return FAIL(in, RNNP_ERR_SHAPE, "B has rank %zu, expected 1", inputs[B].rank);
    return rnnp_infer_same(in, "length of B", inputs[B].dim[0], *out, out);
}

static RNNP_INFER(conv_infer)
{
    const conv_params *conv = in->node->params;
    const rnnp_meta *x = &inputs[X], *w = &inputs[W];
    rnnp_meta *y = &outputs[0];
    rnnp_window window;
    rnnp_status status;

    for (size_t i = 0; i < in->node->n_inputs; i++) {
        if (!rnnp_absent(in->node, i) && (status = rnnp_infer_type(in, inputs, i, RNNP_BIT(RNNP_DTYPE_F32))) != RNNP_OK)
            return status;
    }
    if (x->rank != w->rank) return FAIL(in, RNNP_ERR_SHAPE, "X has rank %zu and W has rank %zu", x->rank, w->rank);
    if ((status = rnnp_window_infer(in, &conv->window, x, w->dim + 2, &window)) != RNNP_OK) return status;
    *y = (rnnp_meta){.dtype = RNNP_DTYPE_F32, .rank = x->rank};
    y->dim[0] = x->dim[0];
    if ((status = conv_channels(in, inputs, &y->dim[1])) != RNNP_OK) return status;
    if (is_transposed(in->node)) return transposed_counts(in, &window, x->dim + 2, y->dim + 2);
    return rnnp_window_counts(in, &window, x->dim + 2, y->dim + 2);
}

/* ---- Planning ---- */

/* For packing: what the weights say alone. */
static rnnp_conv conv_of_weights(const rnnp_node *node, const int64_t *w, size_t rank)
{
    const conv_params *conv = node->params;
    const size_t groups = (size_t)conv->group;
    rnnp_conv c = {.groups = groups, .axes = rank - 2, .transposed = is_transposed(node)};

    c.in = c.transposed ? (size_t)w[0] / groups : (size_t)w[1];
    c.out = c.transposed ? (size_t)w[1] : (size_t)w[0] / groups;
    for (size_t i = 0; i < c.axes; i++)
        c.axis[i] = (rnnp_conv_axis){.kernel = (size_t)w[2 + i],
                                     .stride = (size_t)conv->window.stride[i],
                                     .dilation = (size_t)conv->window.dilation[i]};
    return c;
}

rnnp_conv rnnp_conv_of(const rnnp_node *node, const rnnp_tensor *x, const rnnp_tensor *w, const rnnp_tensor *y)
{
    const conv_params *conv = node->params;
    rnnp_conv c = conv_of_weights(node, w->shape, w->rank);
    rnnp_window window;

    rnnp_window_run(&conv->window, x, w->shape + 2, &window);
    c.batch = (size_t)x->shape[0];
    for (size_t i = 0; i < c.axes; i++) {
        if (c.transposed && x->shape[2 + i] > 0) transposed_count(conv, &window, i, x->shape[2 + i]);
        c.axis[i].in = (size_t)x->shape[2 + i];
        c.axis[i].out = (size_t)y->shape[2 + i];
        c.axis[i].pad = (size_t)window.pad_begin[i];
    }
    return c;
}

/* The kernel, NULL for the direct one. */
typedef struct conv_own {
    const rnnp_variant *kernel;
} conv_own;

static void conv_plan(const rnnp_prepare *p, rnnp_planned *planned)
{
    const rnnp_meta *w = &p->inputs[W];

    planned->variant = p->select->op[RNNP_OP_conv_f32]->name;
    if (rnnp_meta_elements(w) == SIZE_MAX) return; /* known when a run is made */
    const rnnp_conv c = conv_of_weights(p->node, w->dim, w->rank);
    const rnnp_variant *kernel = rnnp_conv_kernel(p->select, &c);
    if (kernel) planned->variant = kernel->name;
    if (w->known) {
        planned->pack_bytes = rnnp_conv_bytes(kernel, &c);
        if (planned->layout) rnnp_conv_layout(kernel, &c, planned->layout, RNNP_LAYOUT_CHARS);
    }
    if (planned->own) ((conv_own *)planned->own)->kernel = kernel;
}

static void conv_pack(const rnnp_node *node, const rnnp_meta *inputs, const void *own, void *packed, size_t part,
                      size_t parts)
{
    const rnnp_conv c = conv_of_weights(node, inputs[W].dim, inputs[W].rank);

    rnnp_conv_pack(((const conv_own *)own)->kernel, &c, inputs[W].known, packed, part, parts);
}

/* ---- Channels last ---- */

/* A stream's histories are channels first, whatever the number of steps. */
static int has_history(const rnnp_prepare *p)
{
    rnnp_pace pace = {.down = 1, .up = 1};

    return p->time_axis >= 2 && (p->node->op->pace(p->node, p->inputs, (size_t)p->time_axis, &pace) < 0 || pace.lead);
}

/* Products work so. */
static RNNP_LAST(conv_last)
{
    const rnnp_meta *w = &p->inputs[W];
    const rnnp_conv c = conv_of_weights(p->node, w->dim, w->rank);
    int rows = c.groups == 1;

    if (!rnnp_conv_kernel(p->select, &c)) return 0;
    for (size_t a = 0; c.transposed && a < c.axes; a++) rows &= c.axis[a].stride == 1;
    return RNNP_LAST_GIVES | (rows ? RNNP_LAST_ROWS : 0u) | (has_history(p) ? 0u : RNNP_LAST_TAKES);
}

/* ---- Running ---- */

/* In a stream: x has its history in front, in place of padding; results of a transposed one that belong to earlier
 * steps are cut off. */
static rnnp_conv conv_behind(rnnp_conv c, size_t lead, int time_axis)
{
    rnnp_conv_axis *axis = &c.axis[lead ? time_axis - 2 : 0];

    axis->in += lead;
    if (lead) axis->pad = c.transposed ? lead * axis->stride : 0;
    return c;
}

/* [x with its history, in streams][packed W, unless the plan has it][of the convolution] */
static RNNP_SCRATCH(conv_workspace)
{
    const rnnp_tensor x = rnnp_meta_tensor(&p->inputs[X], NULL), w = rnnp_meta_tensor(&p->inputs[W], NULL);
    const rnnp_tensor y = rnnp_meta_tensor(outputs, NULL);
    rnnp_conv c = conv_behind(rnnp_conv_of(p->node, &x, &w, &y), p->lead, p->time_axis);
    c.x_last = p->inputs[X].channels_last;
    c.y_last = outputs[0].channels_last;
    const rnnp_variant *kernel = rnnp_conv_kernel(p->select, &c);
    const size_t packed = p->inputs[W].known ? 0 : rnnp_align64(rnnp_conv_bytes(kernel, &c));

    if (rnnp_meta_elements(outputs) == 0) return 0;
    return rnnp_add_bytes(rnnp_add_bytes(rnnp_history_bytes(p), packed), rnnp_conv_workspace(kernel, &c, p->threads));
}

/* Nodes that go on with rows of results. */
typedef struct followers {
    const rnnp_stack_node *node;
    size_t n;
} followers;

static void follow(const void *arg, float *rows, size_t n)
{
    const followers *f = arg;

    for (size_t i = 0; i < f->n; i++) {
        const rnnp_stack_node *s = &f->node[i];
        rnnp_tensor inputs[RNNP_ROWS_INPUTS], y = {.dtype = RNNP_DTYPE_F32, .rank = s->outputs[0].rank, .data = rows};
        rnnp_exec exec = *s->exec;

        exec.channels_last = RNNP_LAST_TAKES | RNNP_LAST_GIVES;
        exec.is_part = 1;
        for (size_t a = 0; a < y.rank; a++) y.shape[a] = a == 1 ? s->outputs[0].shape[1] : a == 2 ? (int64_t)n : 1;
        memcpy(inputs, s->inputs, s->node->op->max_inputs * sizeof *inputs);
        inputs[0] = y;
        (void)s->node->op->run(&exec, s->node, inputs, &y); /* floats, element by element: it cannot fail */
    }
}

static rnnp_status run_with(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs,
                            const rnnp_tensor *outputs, const followers *f)
{
    rnnp_tensor x = inputs[X];
    rnnp_conv c = conv_behind(rnnp_conv_of(node, &x, &inputs[W], &outputs[0]), e->lead, e->time_axis);
    const rnnp_variant *kernel = e->planned ? ((const conv_own *)e->planned)->kernel : rnnp_conv_kernel(e->select, &c);
    char *workspace = e->workspace;
    rnnp_conv_call call = {
        .bias = inputs[B].data, .w = e->packed, .y = outputs[0].data, .after = f->n ? follow : NULL, .arg = f};

    if (rnnp_tensor_elements(&outputs[0]) == 0) return RNNP_OK;
    c.x_last = (e->channels_last & RNNP_LAST_TAKES) != 0;
    c.y_last = (e->channels_last & RNNP_LAST_GIVES) != 0;
    if (e->lead) {
        x = rnnp_history_take(e, &x, workspace);
        workspace += rnnp_align64(rnnp_tensor_elements(&x) * sizeof(float));
    }
    if (!call.w) {
        rnnp_conv_pack(kernel, &c, inputs[W].data, workspace, 0, 1);
        call.w = workspace;
        workspace += rnnp_align64(rnnp_conv_bytes(kernel, &c));
    }
    call.x = x.data;
    call.workspace = workspace;
    rnnp_conv_forward(e->select, kernel, &c, &call, e->team, e->threads);
    return RNNP_OK;
}

static RNNP_RUN(conv_run) { return run_with(e, node, inputs, outputs, &(followers){.n = 0}); }

static rnnp_status conv_run_stack(const rnnp_stack_node *stack, size_t n, const rnnp_stack_choice *choice)
{
    (void)choice;
    for (size_t i = 1; i < n; i++)
        if (stack[i].node->op->begin) stack[i].node->op->begin(stack[i].exec, stack[i].node, stack[i].inputs);
    return run_with(stack->exec, stack->node, stack->inputs, stack->outputs, &(followers){stack + 1, n - 1});
}

/* Each output element is in * kernel positions of them; of a transposed one each input element out * kernel. */
static size_t conv_multiply_adds(const rnnp_prepare *p, const rnnp_meta *outputs)
{
    const rnnp_meta *w = &p->inputs[W];
    size_t n = rnnp_meta_elements(is_transposed(p->node) ? &p->inputs[X] : outputs);

    for (size_t i = 1; i < w->rank; i++) {
        if (rnnp_mul_overflow(n, (size_t)w->dim[i], &n)) return SIZE_MAX;
    }
    return n;
}

/* Batch entries are independent. */
static RNNP_TIME(conv_time)
{
    const int at = in_axis[X];

    out_axis[0] = at;
    if (in_axis[W] != RNNP_TIME_NONE || (!rnnp_absent(node, B) && in_axis[B] != RNNP_TIME_NONE)) return RNNP_TIME_MIXED;
    return at == 1 || (at > 1 && rnnp_dim_is_symbol(inputs[W].dim[at])) ? RNNP_TIME_MIXED : 0;
}

static int conv_pace(const rnnp_node *node, const rnnp_meta *inputs, size_t time_axis, rnnp_pace *pace)
{
    return rnnp_window_pace(&((const conv_params *)node->params)->window, time_axis - 2, inputs[W].dim[time_axis],
                            pace);
}

/* Each input gives the `stride` results at its place, and has a share in later ones. */
static int transpose_pace(const rnnp_node *node, const rnnp_meta *inputs, size_t time_axis, rnnp_pace *pace)
{
    const conv_params *conv = node->params;
    const size_t i = time_axis - 2;
    rnnp_window w = conv->window;

    w.kernel[i] = inputs[W].dim[time_axis];
    const int64_t extent = rnnp_window_extent(&w, i), stride = w.stride[i], count = transposed_count(conv, &w, i, 1);
    *pace = (rnnp_pace){1, stride, (size_t)((extent - 1) / stride), extent, {w.pad_begin[i], w.pad_end[i]}};
    return !conv->shape.given && count == stride && w.pad_begin[i] == 0 ? 0 : RNNP_TIME_SPREAD;
}

#define CONV(op_name, ...)                                                                                      \
    RNNP_DEFINE(op_name, 2, 3, .param_bytes = sizeof(conv_params), .infer = conv_infer, .run = conv_run,        \
                .time = conv_time, .plan = conv_plan, .plan_bytes = sizeof(conv_own), .packed_inputs = 1u << W, \
                .pack = conv_pack, .channels_last = conv_last, .run_stack = conv_run_stack,                     \
                .workspace_bytes = conv_workspace, .multiply_adds = conv_multiply_adds, __VA_ARGS__)

CONV(Conv, .parse = conv_parse, .pace = conv_pace);
static const char transposed_family[] = "transposed";
CONV(ConvTranspose, .parse = transpose_parse, .pace = transpose_pace, .family = transposed_family);
