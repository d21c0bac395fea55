/* SPDX-License-Identifier: Apache-2.0 */
#include "recurrent_case.h"

#include "../model/build.h"

/* ---- Numbers ---- */

static size_t rows_of(const example *e, size_t input)
{
    const spec *s = &e->s;
    const size_t state = e->dirs * s->batch * s->hidden, gated = e->dirs * e->gates * s->hidden;
    const int lstm = s->cell == RNNP_CELL_LSTM;

    switch (input) {
    case RNNP_IN_X: return s->steps * s->batch * s->input;
    case RNNP_IN_W: return gated * s->input;
    case RNNP_IN_R: return gated * s->hidden;
    case RNNP_IN_B: return s->no_bias ? 0 : 2 * gated;
    case RNNP_IN_H0: return s->no_states ? 0 : state;
    case RNNP_IN_C0: return s->no_states || !lstm ? 0 : state;
    case RNNP_IN_P: return s->peephole ? e->dirs * 3 * s->hidden : 0;
    default: return 0;
    }
}

example make_example(const spec *s)
{
    example e = {.s = *s, .dirs = s->direction == RNNP_DIRECTION_BIDIRECTIONAL ? 2 : 1, .gates = gates_of(s->cell)};

    for (size_t i = 0; i < CASE_INPUTS; i++) {
        e.n_in[i] = rows_of(&e, i);
        if (e.n_in[i])
            e.in[i] = numbers(e.n_in[i], (uint32_t)(11 + i), i == RNNP_IN_X || i >= RNNP_IN_H0 ? 1.0f : 0.5f);
    }
    const size_t state = e.dirs * s->batch * s->hidden;
    e.n_out[RNNP_OUT_Y] = s->no_y ? 0 : s->steps * state;
    e.n_out[RNNP_OUT_H] = s->only_y ? 0 : state;
    e.n_out[RNNP_OUT_C] = s->only_y || s->cell != RNNP_CELL_LSTM ? 0 : state;
    for (size_t i = 0; i < CASE_OUTPUTS; i++) {
        if (e.n_out[i]) e.d_out[i] = numbers(e.n_out[i], (uint32_t)(31 + i), 1.0f);
    }
    return e;
}

void free_example(example *e)
{
    for (size_t i = 0; i < CASE_INPUTS; i++) free(e->in[i]);
    for (size_t i = 0; i < CASE_OUTPUTS; i++) free(e->d_out[i]);
}

void free_result(result *r)
{
    for (size_t i = 0; i < CASE_INPUTS; i++) free(r->d_in[i]);
    for (size_t i = 0; i < CASE_OUTPUTS; i++) free(r->out[i]);
}

/* Memory of exactly so many bytes, full of NaN: what is read before it is written shows. */
static void *garbage(size_t bytes)
{
    void *p = NULL;

    assert_int_equal(posix_memalign(&p, 64, bytes ? bytes : 1), 0);
    memset(p, 0xff, bytes);
    return p;
}

static int same(float *const *a, float *const *b, const size_t *n, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (a[i] && b[i] && memcmp(a[i], b[i], n[i] * sizeof **a) != 0) return 0;
    }
    return 1;
}

int same_outputs(const example *e, const result *a, const result *b)
{
    return same(a->out, b->out, e->n_out, CASE_OUTPUTS);
}

int same_gradients(const example *e, const result *a, const result *b)
{
    return same(a->d_in, b->d_in, e->n_in, CASE_INPUTS);
}

/* ---- The model of one node ---- */

typedef struct graph {
    rnnp_context *context;
    rnnp_model *model;
    rnnp_tensor in[CASE_INPUTS], out[CASE_OUTPUTS];
} graph;

static rnnp_tensor shape_of_input(const example *e, size_t i)
{
    const spec *s = &e->s;
    const int64_t B = (int64_t)s->batch, T = (int64_t)s->steps, D = (int64_t)e->dirs, H = (int64_t)s->hidden;
    const int64_t I = (int64_t)s->input, GH = (int64_t)e->gates * H;

    switch (i) {
    case RNNP_IN_X: return s->layout ? tensor3(e->in[i], B, T, I) : tensor3(e->in[i], T, B, I);
    case RNNP_IN_W: return tensor3(e->in[i], D, GH, I);
    case RNNP_IN_R: return tensor3(e->in[i], D, GH, H);
    case RNNP_IN_B: return (rnnp_tensor){RNNP_DTYPE_F32, 2, {D, 2 * GH}, .data = e->in[i]};
    case RNNP_IN_P: return (rnnp_tensor){RNNP_DTYPE_F32, 2, {D, 3 * H}, .data = e->in[i]};
    case RNNP_IN_LENGTHS: return (rnnp_tensor){RNNP_DTYPE_I32, 1, {B}, .const_data = s->lengths};
    default: return s->layout ? tensor3(e->in[i], B, D, H) : tensor3(e->in[i], D, B, H);
    }
}

static int is_input(const example *e, size_t i) { return i == RNNP_IN_LENGTHS ? e->s.with_lengths : e->n_in[i] > 0; }
static int is_weight(size_t i) { return (i >= RNNP_IN_W && i <= RNNP_IN_B) || i == RNNP_IN_P; }

static rnnp_value add_input(graph *g, size_t i, int as_constant)
{
    static const char *const names[] = {"x", "w", "r", "b", "lengths", "h0", "c0", "p"};
    const rnnp_tensor *t = &g->in[i];
    rnnp_value value;

    if (as_constant)
        OK(rnnp_model_add_constant(g->model, names[i], t, &value));
    else
        OK(rnnp_model_add_input(g->model, names[i], t->dtype, t->rank, t->shape, NULL, &value));
    return value;
}

static graph make_graph(const example *e, const char *isa, int computed_weights)
{
    static const char *const ops[] = {"", "RNN", "LSTM", "GRU"};
    static const char *const output_names[] = {"y", "h", "c"};
    static const char *const directions[] = {"forward", "reverse", "bidirectional"};
    const spec *s = &e->s;
    const size_t each = s->cell == RNNP_CELL_RNN ? 1 : s->cell == RNNP_CELL_GRU ? 2 : 3;
    const size_t outputs = s->cell == RNNP_CELL_LSTM ? 3 : 2, inputs = s->cell == RNNP_CELL_LSTM ? 8 : 6;
    const char *names[6];
    float alpha[6], beta[6];
    size_t alphas = 0, betas = 0;
    OPTIONS(context, options);
    graph g = {0};
    rnnp_value in[CASE_INPUTS], out[CASE_OUTPUTS];

    options.max_isa = isa;
    OK(rnnp_context_create(&options, &g.context));
    g.model = make_model(g.context);
    for (size_t i = 0; i < CASE_INPUTS; i++) {
        in[i] = RNNP_NONE;
        if (!is_input(e, i)) continue;
        g.in[i] = shape_of_input(e, i);
        in[i] = add_input(&g, i, is_weight(i) && !computed_weights);
    }
    for (size_t i = 0; i < each * e->dirs; i++) {
        const rnnp_act_spec *act = &s->act[i % each];

        names[i] = s->act_name[i % each];
        if (act->kind == RNNP_ACT_LEAKY_RELU || act->kind == RNNP_ACT_ELU || act->kind == RNNP_ACT_HARD_SIGMOID ||
            act->kind == RNNP_ACT_SCALED_TANH || act->kind == RNNP_ACT_AFFINE)
            alpha[alphas++] = act->alpha;
        if (act->kind == RNNP_ACT_HARD_SIGMOID || act->kind == RNNP_ACT_SCALED_TANH || act->kind == RNNP_ACT_AFFINE)
            beta[betas++] = act->beta;
    }
    rnnp_attr attrs[8] = {
        {.name = "hidden_size", .kind = RNNP_ATTR_INT, .i = (int64_t)s->hidden},
        {.name = "direction", .kind = RNNP_ATTR_STRING, .s = directions[s->direction]},
        {.name = "layout", .kind = RNNP_ATTR_INT, .i = s->layout},
    };
    size_t n = 3;
    if (s->clip > 0.0f) attrs[n++] = (rnnp_attr){.name = "clip", .kind = RNNP_ATTR_FLOAT, .f = s->clip};
    if (s->cell == RNNP_CELL_GRU)
        attrs[n++] = (rnnp_attr){.name = "linear_before_reset", .kind = RNNP_ATTR_INT, .i = s->reset_after};
    if (s->cell == RNNP_CELL_LSTM)
        attrs[n++] = (rnnp_attr){.name = "input_forget", .kind = RNNP_ATTR_INT, .i = s->input_forget};
    if (s->act_name[0])
        attrs[n++] =
            (rnnp_attr){.name = "activations", .kind = RNNP_ATTR_STRINGS, .count = each * e->dirs, .strings = names};
    if (alphas)
        attrs[n++] =
            (rnnp_attr){.name = "activation_alpha", .kind = RNNP_ATTR_FLOATS, .count = alphas, .floats = alpha};
    if (betas)
        attrs[n++] = (rnnp_attr){.name = "activation_beta", .kind = RNNP_ATTR_FLOATS, .count = betas, .floats = beta};
    assert_true(n <= sizeof attrs / sizeof attrs[0]);
    for (size_t i = 0; i < outputs; i++) out[i] = e->n_out[i] ? 0 : RNNP_NONE;
    OK(rnnp_model_add_node(g.model, ops[s->cell], 17, "cell", in, inputs, attrs, n, out, outputs));
    for (size_t i = 0; i < outputs; i++) {
        if (e->n_out[i]) OK(rnnp_model_add_output(g.model, output_names[i], out[i]));
    }
    OK(rnnp_model_close(g.model));
    for (size_t i = 0; i < outputs; i++) {
        if (e->n_out[i]) g.out[i] = rnnp_meta_tensor(&g.model->values[out[i]].meta, NULL);
    }
    return g;
}

static void free_graph(graph *g)
{
    rnnp_model_destroy(g->model);
    rnnp_context_destroy(g->context);
}

/* ---- Inference ---- */

result infer(const example *e, const char *isa)
{
    graph g = make_graph(e, isa, 0);
    rnnp_plan *plan = make_plan(g.model);
    rnnp_tensor in[CASE_INPUTS], out[CASE_OUTPUTS];
    size_t inputs = 0, outputs = 0;
    result r = {0};

    for (size_t i = 0; i < CASE_INPUTS; i++) {
        if (is_input(e, i) && !is_weight(i)) in[inputs++] = g.in[i];
    }
    for (size_t i = 0; i < CASE_OUTPUTS; i++) {
        if (!e->n_out[i]) continue;
        out[outputs] = g.out[i];
        out[outputs++].data = r.out[i] = garbage(e->n_out[i] * sizeof(float));
    }
    NEW(run, run, plan, in, inputs);
    OK(rnnp_run_execute(run, in, inputs, out, outputs));
    rnnp_run_destroy(run);
    rnnp_plan_destroy(plan);
    free_graph(&g);
    return r;
}

/* ---- Training ---- */

typedef struct work {
    rnnp_meta in[CASE_INPUTS], out[CASE_OUTPUTS];
    uint32_t rows[MOST_ROWS];
    rnnp_slice slice;
    rnnp_selection select;
    rnnp_gradient_call call;
    const rnnp_gradient *gradient;
} work;

/* Products with panels of nr columns instead of the usual ones. */
static void use_panels(rnnp_selection *select, size_t nr)
{
    const rnnp_variant_list *list = rnnp_tables[select->isa];

    for (size_t i = 0; nr && i < list->count; i++) {
        if (list->rows[i].op != RNNP_OP_gemm || list->rows[i].traits.panels.lanes != nr) continue;
        select->op[RNNP_OP_gemm] = &list->rows[i];
        for (size_t home = 0; home < RNNP_HOME_COUNT; home++)
            select->at[RNNP_FORMAT_f32][home][RNNP_OP_gemm] = &list->rows[i];
    }
}

static void begin_work(const example *e, const graph *g, const training *t, work *w)
{
    const rnnp_node *node = &g->model->nodes[0];

    memset(w, 0, sizeof *w);
    w->gradient = rnnp_gradient_find(node->op->name);
    assert_non_null(w->gradient);
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] != RNNP_NONE) w->in[i] = g->model->values[node->inputs[i]].meta;
        w->in[i].known = NULL;
    }
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE) w->out[i] = g->model->values[node->outputs[i]].meta;
    }
    for (size_t r = 0; r < e->s.batch; r++) w->rows[r] = t->rows ? t->rows[r] : (uint32_t)r;
    w->slice = (rnnp_slice){
        .seed = CASE_SEED, .step = CASE_STEP, .rows = w->rows, .n_rows = e->s.batch, .training = !t->evaluation};
    w->select = g->context->selection;
    use_panels(&w->select, t->nr);
    w->call.shape = (rnnp_gradient_shape){.context = g->context,
                                          .select = &w->select,
                                          .math = RNNP_MATH_U35,
                                          .node = node,
                                          .inputs = w->in,
                                          .outputs = w->out,
                                          .recompute = t->recompute,
                                          .recurrent_dropout = e->s.dropout};
    w->call.slice = &w->slice;
    w->call.inputs = g->in;
    w->call.batch_axis = RNNP_NO_AXIS;
    const size_t parts = t->parts ? t->parts : 1;
    void *prepared = garbage(w->gradient->prepared_bytes(&w->call.shape));
    for (size_t i = 0; i < parts; i++) w->gradient->prepare(&w->call.shape, g->in, prepared, i, parts);
    w->call.prepared = prepared;
    w->call.kept = garbage(w->gradient->kept_bytes(&w->call.shape));
    w->call.workspace = garbage(w->gradient->workspace_bytes(&w->call.shape));
}

static void end_work(work *w)
{
    free((void *)w->call.prepared);
    free(w->call.kept);
    free(w->call.workspace);
}

result train(const example *e, const char *isa, const training *t)
{
    graph g = make_graph(e, isa, 0);
    rnnp_tensor d_out[CASE_OUTPUTS] = {0}, d_in[CASE_INPUTS] = {0};
    result r = {0};
    work w;

    begin_work(e, &g, t, &w);
    OK(w.gradient->check(&w.call.shape));
    for (size_t i = 0; i < CASE_OUTPUTS; i++) {
        if (!e->n_out[i]) continue;
        g.out[i].data = r.out[i] = garbage(e->n_out[i] * sizeof(float));
        d_out[i] = g.out[i];
        d_out[i].data = t->unused >> i & 1 ? NULL : e->d_out[i];
    }
    w.call.outputs = g.out;
    OK(w.gradient->forward(&w.call));
    /* what is neither kept nor asked for again is lost in between */
    free(w.call.workspace);
    w.call.workspace = garbage(w.gradient->workspace_bytes(&w.call.shape));
    for (size_t i = 0; i < CASE_INPUTS; i++) {
        if (!e->n_in[i]) continue;
        d_in[i] = g.in[i];
        d_in[i].data = NULL;
        assert_true(rnnp_gradient_bit(w.gradient->inputs, i));
        if (!(t->unwanted >> i & 1)) d_in[i].data = r.d_in[i] = garbage(e->n_in[i] * sizeof(float));
        if (!rnnp_gradient_bit(w.gradient->keeps_inputs, i)) g.in[i].data = NULL;
    }
    for (size_t i = 0; i < CASE_OUTPUTS; i++) {
        if (!rnnp_gradient_bit(w.gradient->keeps_outputs, i)) g.out[i].data = NULL;
    }
    w.call.d_outputs = d_out;
    w.call.d_inputs = d_in;
    OK(w.gradient->backward(&w.call));
    r.kept_bytes = w.gradient->kept_bytes(&w.call.shape);
    end_work(&w);
    free_graph(&g);
    return r;
}

rnnp_status try_forward(const example *e, char *text)
{
    const training plain = {0};
    graph g = make_graph(e, NULL, 0);
    float *y = garbage(e->n_out[RNNP_OUT_Y] * sizeof *y);
    work w;

    begin_work(e, &g, &plain, &w);
    g.out[RNNP_OUT_Y].data = y;
    w.call.outputs = g.out;
    const rnnp_status status = w.gradient->forward(&w.call);
    snprintf(text, 256, "%s", rnnp_last_error(g.context));
    free(y);
    end_work(&w);
    free_graph(&g);
    return status;
}

rnnp_status try_check(const example *e, int computed_weights, char *text)
{
    const training plain = {0};
    graph g = make_graph(e, NULL, computed_weights);
    work w;

    begin_work(e, &g, &plain, &w);
    const rnnp_status status = w.gradient->check(&w.call.shape);
    snprintf(text, 256, "%s", rnnp_last_error(g.context));
    end_work(&w);
    free_graph(&g);
    return status;
}
