/* SPDX-License-Identifier: Apache-2.0 */
#include "recurrent_case.h"

#include "../oracle.h"

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
    case RNNP_IN_DECAY: return s->decay ? s->steps * s->batch * (s->decay == DECAY_UNITS ? s->hidden : 1) : 0;
    case RNNP_IN_SPLIT: return s->split ? s->hidden * s->hidden : 0;
    case RNNP_IN_SPLIT_BIAS: return s->split && !s->no_split_bias ? s->hidden : 0;
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

/* ---- The node ---- */

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
    case RNNP_IN_DECAY:
        return s->layout ? tensor3(e->in[i], B, T, s->decay == DECAY_UNITS ? H : 1)
                         : tensor3(e->in[i], T, B, s->decay == DECAY_UNITS ? H : 1);
    case RNNP_IN_SPLIT: return tensor3(e->in[i], 1, H, H);
    case RNNP_IN_SPLIT_BIAS: return (rnnp_tensor){RNNP_DTYPE_F32, 2, {1, H}, .data = e->in[i]};
    case RNNP_IN_LENGTHS: return (rnnp_tensor){RNNP_DTYPE_I32, 1, {B}, .const_data = s->lengths};
    default: return s->layout ? tensor3(e->in[i], B, D, H) : tensor3(e->in[i], D, B, H);
    }
}

static int is_input(const example *e, size_t i) { return i == RNNP_IN_LENGTHS ? e->s.with_lengths : e->n_in[i] > 0; }
static int is_weight(size_t i) { return (i >= RNNP_IN_W && i <= RNNP_IN_B) || i == RNNP_IN_P || i >= RNNP_IN_SPLIT; }

/* Products with panels of nr columns instead of the usual ones. */
static void use_panels(rnnp_selection *select, size_t nr)
{
    const rnnp_variant_list *list = rnnp_tables[select->isa];

    for (size_t i = 0; nr && i < list->count; i++) {
        const rnnp_panels *panels = &list->rows[i].traits.panels;
        if (list->rows[i].op != RNNP_OP_gemm || panels->format != RNNP_FORMAT_f32 || panels->lanes != nr) continue;
        select->op[RNNP_OP_gemm] = &list->rows[i];
        for (size_t home = 0; home < RNNP_HOME_COUNT; home++)
            select->at[RNNP_FORMAT_f32][home][RNNP_OP_gemm] = &list->rows[i];
    }
}

/* How many numbers an activation takes: alpha, then beta. */
static size_t parameters_of(rnnp_act act)
{
    if (act == RNNP_ACT_HARD_SIGMOID || act == RNNP_ACT_SCALED_TANH || act == RNNP_ACT_AFFINE) return 2;
    return act == RNNP_ACT_LEAKY_RELU || act == RNNP_ACT_ELU;
}

static void open_node(one_node *one, const example *e, const char *isa, int computed_weights)
{
    static const char *const ops[] = {"", "RNN", "LSTM", "GRU"};
    static const char *const directions[] = {"forward", "reverse", "bidirectional"};
    const spec *s = &e->s;
    const size_t each = s->cell == RNNP_CELL_RNN ? 1 : s->cell == RNNP_CELL_GRU ? 2 : 3;
    const size_t outputs = s->cell == RNNP_CELL_LSTM ? 3 : 2, inputs = s->decay                    ? CASE_INPUTS
                                                                       : s->cell == RNNP_CELL_LSTM ? 8
                                                                                                   : 6;
    const char *names[6];
    float alpha[6], beta[6];
    size_t alphas = 0, betas = 0, n = 3;
    unsigned absent = 0;
    rnnp_tensor tensors[CASE_INPUTS] = {0};
    source sources[CASE_INPUTS];

    for (size_t i = 0; i < CASE_INPUTS; i++) {
        if (is_input(e, i)) tensors[i] = shape_of_input(e, i);
        sources[i] = !is_input(e, i) ? ABSENT : is_weight(i) && !computed_weights ? CONSTANT : INPUT;
    }
    for (size_t i = 0; i < outputs; i++) absent |= (unsigned)(e->n_out[i] == 0) << i;
    for (size_t i = 0; i < each * e->dirs; i++) {
        const rnnp_act_spec *act = &s->act[i % each];

        names[i] = s->act_name[i % each];
        if (parameters_of(act->kind) > 0) alpha[alphas++] = act->alpha;
        if (parameters_of(act->kind) > 1) beta[betas++] = act->beta;
    }
    rnnp_attr attrs[8] = {
        {.name = "hidden_size", .kind = RNNP_ATTR_INT, .i = (int64_t)s->hidden},
        {.name = "direction", .kind = RNNP_ATTR_STRING, .s = directions[s->direction]},
        {.name = "layout", .kind = RNNP_ATTR_INT, .i = s->layout},
    };
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
    node_open(one, capped_context(NULL, isa, 0), ops[s->cell], 17, tensors, sources, inputs, attrs, n, outputs, absent);
}

void open_case(one_node *one, const example *e, const char *isa, const training *t)
{
    open_node(one, e, isa, t->computed_weights);
    use_panels(&one->select, t->nr);
    one->call.shape.recompute = t->recompute;
    one->call.shape.recurrent_dropout = e->s.dropout;
    if (t->computed_weights) return;
    node_memory(one);
    one->slice.n_rows = e->s.batch;
    one->slice.training = !t->evaluation;
    if (t->rows) memcpy(one->rows, t->rows, e->s.batch * sizeof *t->rows);
    node_prepare(one);
}

void close_case(one_node *one)
{
    rnnp_context *context = one->context;

    node_close(one);
    rnnp_context_destroy(context);
}

void train(one_node *one, const example *e, const char *isa, const training *t)
{
    open_case(one, e, isa, t);
    OK(one->gradient->check(&one->call.shape));
    for (size_t i = 0; i < CASE_OUTPUTS; i++) {
        if (e->n_out[i]) memcpy(one->d_out[i].data, e->d_out[i], e->n_out[i] * sizeof **e->d_out);
        if (t->unused >> i & 1) node_lose(&one->d_out[i]);
    }
    for (size_t i = 0; i < CASE_INPUTS; i++) {
        assert_int_equal(one->d_in[i].data != NULL, e->n_in[i] > 0);
        if (t->unwanted >> i & 1) node_lose(&one->d_in[i]);
    }
    OK(node_forward(one));
    node_backward(one);
}

/* ---- The loss in double, row by row ---- */

static const double *of_direction(const double *all, size_t d, size_t elements)
{
    return all ? all + d * elements : NULL;
}

double reference_loss(const example *e, double *const in[CASE_INPUTS], const double *mask)
{
    const spec *s = &e->s;
    const size_t H = s->hidden, I = s->input, B = s->batch, T = s->steps, D = e->dirs, GH = e->gates * H;
    double loss = 0.0;

    for (size_t d = 0; d < D; d++) {
        const int reverse = s->direction == RNNP_DIRECTION_REVERSE || d == 1;
        oracle_cell k = oracle_make(s->cell, I, H);

        k.reset_after = s->reset_after;
        k.input_forget = s->input_forget;
        k.clip = (double)s->clip;
        k.w = in[RNNP_IN_W] + d * GH * I;
        k.r = in[RNNP_IN_R] + d * GH * H;
        k.bw = of_direction(in[RNNP_IN_B], d, 2 * GH);
        k.br = k.bw ? k.bw + GH : NULL;
        k.p = of_direction(in[RNNP_IN_P], d, 3 * H);
        for (size_t i = 0; i < 3; i++) {
            if (s->act[i].kind) k.act[i] = s->act[i];
        }
        for (size_t b = 0; b < B; b++) {
            const size_t length = s->with_lengths ? (size_t)s->lengths[b] : T;
            const size_t at = s->layout ? (b * D + d) * H : (d * B + b) * H;
            double h[ORACLE_UNITS] = {0}, c[ORACLE_UNITS] = {0};

            for (size_t u = 0; u < H; u++) {
                h[u] = in[RNNP_IN_H0] ? in[RNNP_IN_H0][at + u] : 0.0;
                c[u] = in[RNNP_IN_C0] ? in[RNNP_IN_C0][at + u] : 0.0;
            }
            for (size_t i = 0; i < length; i++) {
                const size_t t = reverse ? length - 1 - i : i;
                const double *x = in[RNNP_IN_X] + (s->layout ? b * T + t : t * B + b) * I;
                const size_t y = s->layout ? ((b * T + t) * D + d) * H : ((t * D + d) * B + b) * H;

                if (s->decay) {
                    const size_t row = s->layout ? b * T + t : t * B + b, each = s->decay == DECAY_UNITS ? H : 1;
                    oracle_decay(H, in[RNNP_IN_SPLIT], in[RNNP_IN_SPLIT_BIAS], in[RNNP_IN_DECAY] + row * each, each > 1,
                                 s->cell == RNNP_CELL_LSTM ? c : h);
                }
                oracle_step(&k, x, mask ? mask + (d * B + b) * H : NULL, h, c);
                for (size_t u = 0; u < H && e->d_out[RNNP_OUT_Y]; u++) loss += e->d_out[RNNP_OUT_Y][y + u] * h[u];
            }
            for (size_t u = 0; u < H; u++) {
                loss += e->d_out[RNNP_OUT_H] ? e->d_out[RNNP_OUT_H][at + u] * h[u] : 0.0;
                loss += e->d_out[RNNP_OUT_C] ? e->d_out[RNNP_OUT_C][at + u] * c[u] : 0.0;
            }
        }
    }
    return loss;
}
