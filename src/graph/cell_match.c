/* SPDX-License-Identifier: Apache-2.0
 *
 * Which loops are a recurrent layer. A body is read backwards from its results: an activation of a sum of products with
 * constant matrices is a gate, and
 *
 *   LSTM  c' = f c + i g          h' = o tanh(c')
 *   GRU   h' = z h + (1 - z) n    n = tanh(W x + r (R h + b)), or tanh(W x + R (r h))
 *   RNN   h' = tanh(W x + R h)
 *
 * in any order of factors and terms, with the matrices of the gates apart or side by side, for x and h apart or one
 * above the other. The loop must take one step of a sequence in each iteration, all of them in order.
 */
#include "cell_match.h"

static int is_plain(const cell_body *b) { return b->reset == RNNP_NONE; }

/* Attributes: alpha and beta of HardSigmoid; others have none. */
static int same_activation(const rnnp_node *a, const rnnp_node *b)
{
    if (a->op != b->op || a->n_attrs != b->n_attrs) return 0;
    for (size_t i = 0; i < a->n_attrs; i++) {
        if (strcmp(a->attrs[i].name, b->attrs[i].name) != 0 || a->attrs[i].f != b->attrs[i].f) return 0;
    }
    return 1;
}

/* ---- Cells ---- */

/* c' = f c + i g, where i has the activation of f. */
static int match_cell_state(cell_body *b, int32_t v)
{
    enum { I, O, F, G };
    const rnnp_node *add = cell_op_of(b, v, "Add");
    cell_gate *gate = b->m->gate;

    for (size_t side = 0; add && side < 2; side++) {
        const rnnp_node *kept = cell_op_of(b, add->inputs[side], "Mul"),
                        *taken = cell_op_of(b, add->inputs[1 - side], "Mul");

        for (size_t k = 0; kept && taken && k < 2; k++) {
            if (cell_value_of(b, kept->inputs[k]) != cell_carried(b, b->m->state[1])) continue;
            if (!rnnp_cell_gate(b, kept->inputs[1 - k], &gate[F]) || !rnnp_cell_gate(b, taken->inputs[0], &gate[I]) ||
                !rnnp_cell_gate(b, taken->inputs[1], &gate[G]))
                return 0;
            if (!same_activation(gate[I].activation, gate[F].activation)) {
                const cell_gate other = gate[I];

                gate[I] = gate[G];
                gate[G] = other;
            }
            return same_activation(gate[I].activation, gate[F].activation) && is_plain(b);
        }
    }
    return 0;
}

/* h' = o act(c') */
static int match_lstm(cell_body *b)
{
    enum { O = 1, F = 2 };
    static const char *const known[] = {"Tanh", "Relu", "Sigmoid"};
    const rnnp_node *mul = cell_op_of(b, cell_result_of(b, b->m->state[0]), "Mul");
    const int32_t c = cell_value_of(b, cell_result_of(b, b->m->state[1]));

    b->m->op = "LSTM";
    b->m->n_gates = 4;
    for (size_t i = 0; mul && i < 2; i++) {
        const rnnp_node *act = cell_node_of(b, mul->inputs[i]);

        if (!act || act->n_inputs != 1 || cell_value_of(b, act->inputs[0]) != c) continue;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
            if (!cell_is_op(act, known[k])) continue;
            b->m->output_activation = act;
            return rnnp_cell_gate(b, mul->inputs[1 - i], &b->m->gate[O]) && match_cell_state(b, c) &&
                   same_activation(b->m->gate[O].activation, b->m->gate[F].activation);
        }
    }
    return 0;
}

/* n (1 - z), or n - z n: one of two factors is 1 - z. Sets the candidate and z. */
static int is_rest(const cell_body *b, const rnnp_node *mul, int32_t z, int32_t *candidate)
{
    for (size_t i = 0; mul && i < 2; i++) {
        const rnnp_node *sub = cell_op_of(b, mul->inputs[i], "Sub");

        if (!sub || !cell_is_one(b, sub->inputs[0]) || cell_value_of(b, sub->inputs[1]) != z) continue;
        *candidate = mul->inputs[1 - i];
        return 1;
    }
    return 0;
}

/* The update gate and the candidate of z h + (1 - z) n, or n + z (h - n). */
static int match_blend(const cell_body *b, int32_t v, int32_t *z, int32_t *candidate)
{
    const rnnp_node *add = cell_op_of(b, v, "Add");

    for (size_t side = 0; add && side < 2; side++) {
        const rnnp_node *kept = cell_op_of(b, add->inputs[side], "Mul");

        for (size_t k = 0; kept && k < 2; k++) {
            const rnnp_node *sub = cell_op_of(b, kept->inputs[k], "Sub");

            *z = cell_value_of(b, kept->inputs[1 - k]);
            if (cell_value_of(b, kept->inputs[k]) == b->h &&
                is_rest(b, cell_op_of(b, add->inputs[1 - side], "Mul"), *z, candidate))
                return 1;
            *candidate = add->inputs[1 - side];
            if (sub && cell_value_of(b, sub->inputs[0]) == b->h &&
                cell_value_of(b, sub->inputs[1]) == cell_value_of(b, *candidate))
                return 1;
        }
    }
    return 0;
}

static int match_gru(cell_body *b)
{
    enum { Z, R, N };
    cell_gate *gate = b->m->gate;
    int32_t z, candidate;

    b->m->op = "GRU";
    b->m->n_gates = 3;
    if (!match_blend(b, cell_result_of(b, b->m->state[0]), &z, &candidate)) return 0;
    if (!rnnp_cell_gate(b, z, &gate[Z]) || !is_plain(b)) return 0;
    if (!rnnp_cell_gate(b, candidate, &gate[N]) || b->reset == RNNP_NONE) return 0;
    cell_body inner = *b;
    inner.reset = RNNP_NONE;
    const int after = b->m->reset_after;
    const int found = rnnp_cell_gate(&inner, b->reset, &gate[R]) && is_plain(&inner);
    b->m->reset_after = after;
    return found && same_activation(gate[Z].activation, gate[R].activation);
}

static int match_rnn(cell_body *b)
{
    b->m->op = "RNN";
    b->m->n_gates = 1;
    return rnnp_cell_gate(b, cell_result_of(b, b->m->state[0]), &b->m->gate[0]) && is_plain(b);
}

/* The state h, which gates multiply, in front; c behind. */
static int try_cell(cell_body *b, int (*match)(cell_body *), size_t h, size_t c)
{
    cell_match *m = b->m;
    const rnnp_meta *state = cell_meta_of(b, cell_carried(b, h));

    if (state->rank != 2 || state->dtype != RNNP_DTYPE_F32 || rnnp_dim_is_symbol(state->dim[1]) || state->dim[1] == 0)
        return 0;
    m->state[0] = h;
    m->state[1] = c;
    m->hidden = (size_t)state->dim[1];
    m->batch = state->dim[0];
    m->x = RNNP_NONE;
    m->reset_after = 0;
    b->h = cell_carried(b, h);
    b->reset = RNNP_NONE;
    if (!match(b) || m->x == RNNP_NONE) return 0;
    return rnnp_cell_goes_round(b, cell_meta_of(b, m->x)->dim[m->axis]);
}

/* Everything that somebody wants of the loop is a final state, or the state of all steps. */
static int gives_all(const cell_body *b)
{
    const rnnp_node *end = b->m->end;
    const size_t n = cell_n_carried(b);

    for (size_t k = 0; k < n; k++) {
        const int is_state = k == b->m->state[0] || (b->m->n_states > 1 && k == b->m->state[1]);

        if (end->outputs[k] != RNNP_NONE && !is_state) return 0;
    }
    for (size_t i = 0; n + i < end->n_outputs; i++) {
        const int32_t stack = end->outputs[n + i];

        if (stack == RNNP_NONE) continue;
        if (cell_value_of(b, end->inputs[rnnp_loop_row(end, i)]) != cell_value_of(b, cell_result_of(b, b->m->state[0])))
            return 0;
    }
    return 1;
}

int rnnp_cell_match(const rnnp_inference *inf, size_t begin, size_t end, cell_match *m)
{
    cell_body b = {.inf = inf, .model = inf->model, .begin = begin, .end = end, .m = m};
    size_t state[2] = {0, 0};
    int64_t start;

    *m = (cell_match){.begin = &inf->model->nodes[begin], .end = &inf->model->nodes[end]};
    for (size_t k = 0; k < cell_n_carried(&b); k++) {
        if (rnnp_cell_counter(&b, k, &start) || cell_result_of(&b, k) == cell_carried(&b, k)) continue;
        if (m->n_states == 2) return 0;
        state[m->n_states++] = k;
    }
    if (m->n_states == 0) return 0;
    const int found =
        m->n_states == 1 ? try_cell(&b, match_gru, state[0], 0) || try_cell(&b, match_rnn, state[0], 0)
                         : try_cell(&b, match_lstm, state[0], state[1]) || try_cell(&b, match_lstm, state[1], state[0]);
    return found && gives_all(&b);
}
