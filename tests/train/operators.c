/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients of all operators but the recurrent ones, which have recurrent.c.
 *
 * Operators that are linear in each operand on its own are checked exactly: operands are small whole numbers, a step
 * is 1, and the operator's own forward pass tells what the step does. All others are compared with central differences
 * of a formula in double; the bound is on the difference's norm, relative to the gradient's norm.
 */
#include "operators.h"

#define BOUND 1e-6 /* f32 rounding of a few operations, u35 functions */

enum { MOST = 20000 };

/* sum(dy y) */
static double weighed(const one_node *one, const double *y, const float *y32)
{
    double sum = 0;
    size_t at = 0;

    for (size_t k = 0; k < one->call.shape.node->n_outputs; k++) {
        const float *dy = one->d_out[k].data, *results = y32 ? one->out[k].data : NULL;

        for (size_t i = 0; i < rnnp_tensor_elements(&one->out[k]); i++, at++)
            sum += dy ? (double)dy[i] * (results ? (double)results[i] : y[at]) : 0;
    }
    return sum;
}

/* ---- Exactly ---- */

static void check_linear(one_node *one, const example *e)
{
    for (size_t i = 0; i < one->call.shape.node->n_inputs; i++) {
        const float *gradient = one->d_in[i].data;
        float *x = one->in[i].data;

        for (size_t k = 0; gradient && k < rnnp_tensor_elements(&one->in[i]); k++) {
            const double before = weighed(one, NULL, (const float *)one->out[0].data);

            x[k] += 1;
            node_prepare(one);
            OK(node_forward(one));
            const double after = weighed(one, NULL, (const float *)one->out[0].data);
            x[k] -= 1;
            node_prepare(one);
            OK(node_forward(one));
            if ((double)gradient[k] != after - before)
                fail_msg("%s (example %d): gradient of input %zu, element %zu is %g, should be %g", e->op,
                         (int)(e - examples), i, k, (double)gradient[k], after - before);
        }
    }
}

/* ---- By differences of formulas ---- */

static size_t broadcast_at(const rnnp_tensor *y, const rnnp_tensor *x, size_t at)
{
    size_t offset = 0, step = 1;

    for (size_t i = 0; i < y->rank; i++) {
        const size_t axis = y->rank - 1 - i, index = at % (size_t)y->shape[axis];

        at /= (size_t)y->shape[axis];
        if (i >= x->rank) continue;
        const int64_t dim = x->shape[x->rank - 1 - i];
        offset += dim == 1 ? 0 : index * step;
        step *= (size_t)dim;
    }
    return offset;
}

static double formula(const one_node *one, const example *e, const tensors *t)
{
    static double y[MOST];
    const size_t n = rnnp_tensor_elements(&one->out[0]);

    assert_true(n <= MOST);
    if (e->all) e->all(t, y);
    for (size_t i = 0; i < n && e->one; i++) y[i] = e->one(t->x[0][i]);
    for (size_t i = 0; i < n && e->two; i++)
        y[i] = e->two(t->x[0][broadcast_at(&one->out[0], &t->in[0], i)],
                      t->x[1][broadcast_at(&one->out[0], &t->in[1], i)]);
    return weighed(one, y, NULL);
}

/* What was checked, for the summary. */
static struct {
    size_t cases, tensors, exact;
    double largest;
} checked;

static void check_formula(one_node *one, const example *e)
{
    const double h = 1e-5;
    const size_t n_inputs = one->call.shape.node->n_inputs;
    tensors t = {0};

    for (size_t i = 0; i < n_inputs; i++) {
        const size_t n = rnnp_tensor_elements(&one->in[i]);

        t.in[i] = one->in[i];
        t.x[i] = filled(n * sizeof(double), 0);
        for (size_t k = 0; k < n; k++)
            t.x[i][k] = one->in[i].dtype == RNNP_DTYPE_F32 ? (double)((float *)one->in[i].data)[k]
                                                           : (double)((int64_t *)one->in[i].data)[k];
    }
    for (size_t i = 0; i < n_inputs; i++) {
        const float *gradient = one->d_in[i].data;
        double error = 0, norm = 0;

        for (size_t k = 0; gradient && k < rnnp_tensor_elements(&one->in[i]); k++) {
            const double x = t.x[i][k];

            t.x[i][k] = x + h;
            const double above = formula(one, e, &t);
            t.x[i][k] = x - h;
            const double slope = (above - formula(one, e, &t)) / (2 * h);
            t.x[i][k] = x;
            error += (slope - (double)gradient[k]) * (slope - (double)gradient[k]);
            norm += slope * slope;
        }
        if (!(error <= BOUND * BOUND * norm))
            fail_msg("%s (example %d): gradient of input %zu is off by %g", e->op, (int)(e - examples), i,
                     sqrt(error / norm));
        checked.tensors += gradient != NULL;
        checked.largest = fmax(checked.largest, norm > 0 ? sqrt(error / norm) : 0);
    }
    for (size_t i = 0; i < n_inputs; i++) free(t.x[i]);
}

TEST(test_gradients)
{
    OWNED(context) context = make_context(NULL, 1);

    for (const example *e = examples; e < examples + EXAMPLES; e++) {
        const int is_formula = e->one || e->two || e->all;
        one_node one;

        open_example(&one, context, e, !is_formula, 0);
        pass(&one, e, !is_formula);
        if (is_formula)
            check_formula(&one, e);
        else
            check_linear(&one, e);
        checked.cases++;
        checked.exact += !is_formula;
        close_example(&one);
    }
}

/* ---- The same bits ---- */

/* On every instruction set, and whether weights are prepared or not. */
TEST(test_same_bits)
{
    OWNED(context) first = capped_context(NULL, build_isa(0), 1);

    for (size_t c = 0; c < build_isas(); c++) {
        OWNED(context) context = capped_context(NULL, build_isa(c), 1);

        for (const example *e = examples; e < examples + EXAMPLES; e++) {
            for (int as_input = 0; as_input < 2; as_input++) {
                one_node one, other;

                open_example(&one, first, e, 0, 0);
                open_example(&other, context, e, 0, as_input);
                pass(&one, e, 0);
                pass(&other, e, 0);
                if (!node_same(&one, &other))
                    fail_msg("%s (example %d) has other bits with cap %s, %s", e->op, (int)(e - examples), build_isa(c),
                             as_input ? "as input" : "as parameter");
                close_example(&one);
                close_example(&other);
            }
        }
    }
}

TEST(test_forward)
{
    OWNED(context) context = make_context(NULL, 1);

    for (const example *e = examples; e < examples + EXAMPLES; e++) {
        one_node one;

        open_example(&one, context, e, 0, 0);
        pass(&one, e, 0);
        if (!node_is_run(&one)) fail_msg("%s (example %d): not the outputs of a run", e->op, (int)(e - examples));
        close_example(&one);
    }
}

/* Nothing is written where nothing is wanted. */
TEST(test_unwanted)
{
    OWNED(context) context = make_context(NULL, 1);

    for (const example *e = examples; e < examples + EXAMPLES; e++) {
        for (size_t unwanted = 0; unwanted < NODE_PORTS && e->in[unwanted].kind; unwanted++) {
            one_node one, all;

            open_example(&one, context, e, 0, 0);
            open_example(&all, context, e, 0, 0);
            node_lose(&one.d_in[unwanted]);
            pass(&one, e, 0);
            pass(&all, e, 0);
            assert_true(node_same(&one, &all));
            assert_null(one.d_in[unwanted].data);
            close_example(&one);
            close_example(&all);
        }
    }
}

/* ---- Kinks and ties ---- */

static const struct {
    example e;
    float d[3][6];
} kinks[] = {
    {{OP("Relu", 17, VALUES('f', 1, (3), -1, 0, 1))}, {{0, 0, 1}}},
    {{OP("Abs", 17, VALUES('f', 1, (3), -1, 0, 1))}, {{-1, 0, 1}}},
    {{OP("Clip", 17, VALUES('f', 1, (4), -1, 0, 1, 2), NUMBER(0), NUMBER(1))}, {{0, 1, 1, 0}}},
    {{OP("Clip", 17, VALUES('f', 1, (4), -1, 0, 1, 2), PORT('-', 0, 0), NUMBER(1))}, {{1, 1, 1, 0}}},
    {{OP("Max", 17, VALUES('f', 1, (3), 1, 2, 3), VALUES('f', 1, (3), 3, 2, 1))}, {{0, 1, 1}, {1, 0, 0}}},
    {{OP("Min", 17, VALUES('f', 1, (3), 1, 2, 3), VALUES('f', 1, (3), 3, 2, 1))}, {{1, 1, 0}, {0, 0, 1}}},
    {{OP("ReduceMax", 17, VALUES('f', 2, (2, 3), 1, 5, 5, 2, 2, 2)), .attrs = {INTS("axes", 1, 1)}},
     {{0, 1, 0, 1, 0, 0}}},
    {{OP("ReduceMin", 17, VALUES('f', 2, (3, 2), 1, 5, 1, 5, 2, 4)), .attrs = {INTS("axes", 1, 0)}},
     {{1, 0, 0, 0, 0, 1}}},
    {{OP("PRelu", 17, VALUES('f', 1, (3), -1, 0, 2), VALUES('f', 1, (3), 3, 4, 5))}, {{3, 4, 1}, {-1, 0, 0}}},
    {{OP("HardSwish", 17, VALUES('f', 1, (3), -3, 0, 3))}, {{0, 0.5f, 1.5f}}},
    {{OP("Selu", 17, VALUES('f', 1, (2), 0, 1)), .attrs = {FLOAT("alpha", 3), FLOAT("gamma", 2)}}, {{6, 2}}},
    {{OP("Celu", 17, VALUES('f', 1, (2), 0, 1)), .attrs = {FLOAT("alpha", 3)}}, {{1, 1}}},
    {{OP("Gelu", 20, VALUES('f', 1, (6), 0, INFINITY, -INFINITY, 1e-42, 100, -100))}, {{0.5f, 1, 0, 0.5f, 1, 0}}},
    {{OP("Gelu", 20, VALUES('f', 1, (4), 0, INFINITY, -INFINITY, -100)), .attrs = {TEXT("approximate", "tanh")}},
     {{0.5f, 1, 0, 0}}},
    {{OP("Mish", 18, VALUES('f', 1, (3), INFINITY, -INFINITY, 100))}, {{1, 0, 1}}},
    {{OP("Erf", 17, VALUES('f', 1, (3), INFINITY, -INFINITY, 1e30))}, {{0, 0, 0}}},
    {{OP("MaxPool", 17, VALUES('f', 3, (1, 1, 6), 2, 5, 5, 5, 1, 1)), .attrs = {INTS("kernel_shape", 1, 3)}},
     {{0, 2, 1, 1, 0, 0}}},
    {{OP("AveragePool", 19, VALUES('f', 3, (1, 1, 5), 1)),
      .attrs = {INTS("kernel_shape", 1, 2), INTS("strides", 1, 2), INT("ceil_mode", 1)}},
     {{0.5f, 0.5f, 0.5f, 0.5f, 1}}},
    {{OP("GlobalMaxPool", 17, VALUES('f', 3, (1, 2, 3), 1, 4, 4, 7, 7, 2))}, {{0, 1, 0, 1, 0, 0}}},
    {{OP("LpNormalization", 17, VALUES('f', 2, (2, 2), 0, 0, 3, 4))}, {{1, 1, 0.032f, -0.024f}}},
    {{OP("ScatterND", 17, VALUES('f', 1, (4), 1, 2, 3, 4), VALUES('i', 2, (3, 1), 2, 0, 2),
         VALUES('f', 1, (3), 5, 6, 7))},
     {{0, 1, 0, 1}, {0}, {0, 1, 1}}},
    {{OP("TopK", 17, VALUES('f', 2, (2, 3), 1, 4, 4, 7, 2, 9), LIST(1, 2)), .attrs = {INT("largest", 0)}},
     {{1, 1, 0, 1, 1, 0}}},
    {{OP("ReduceL1", 17, VALUES('f', 1, (3), -1, 0, 2))}, {{-1, 0, 1}}},
    {{OP("ReduceL2", 17, VALUES('f', 2, (2, 2), 0, 0, 3, 4)), .attrs = {INTS("axes", 1, 1)}}, {{0, 0, 0.6f, 0.8f}}},
    {{OP("ReduceProd", 17, VALUES('f', 2, (2, 3), 2, 0, 3, 0, 0, 5)), .attrs = {INTS("axes", 1, 1)}},
     {{0, 6, 0, 0, 0, 0}}},
    {{OP("Pow", 17, VALUES('f', 1, (3), 0, 3, 0), VALUES('f', 1, (3), 2, 0, 0))}, {{0, 0, 0}}},
    {{OP("Pow", 17, VALUES('f', 1, (2), 0, -2), VALUES('f', 1, (2), 1, 2))}, {{1, -4}}},
};

TEST(test_kinks)
{
    OWNED(context) context = make_context(NULL, 1);

    for (size_t c = 0; c < sizeof kinks / sizeof kinks[0]; c++) {
        const example *e = &kinks[c].e;
        one_node one;

        open_example(&one, context, e, 0, 0);
        OK(node_forward(&one));
        for (size_t i = 0; i < rnnp_tensor_elements(&one.d_out[0]); i++) ((float *)one.d_out[0].data)[i] = 1;
        node_backward(&one);
        for (size_t i = 0; i < 3; i++) {
            for (size_t k = 0; one.d_in[i].data && k < rnnp_tensor_elements(&one.d_in[i]); k++)
                assert_true(((float *)one.d_in[i].data)[k] == kinks[c].d[i][k]);
        }
        close_example(&one);
    }
}

/* ---- The table, and what has no gradient ---- */

TEST(test_table)
{
    size_t found = 0;

    assert_null(rnnp_gradient_find("ArgMax"));
    assert_null(rnnp_gradient_find(""));
    for (size_t i = 0; rnnp_operator_name(i); i++) {
        const rnnp_gradient *g = rnnp_gradient_find(rnnp_operator_name(i));

        found += g != NULL;
        if (g) {
            assert_string_equal(g->op, rnnp_operator_name(i));
            assert_non_null(g->backward);
            assert_true(g->inputs != 0);
            assert_int_equal(g->prepare != NULL, g->prepared_bytes != NULL);
            assert_false(rnnp_operator_find(g->op)->is_view);
        }
    }
    assert_true(found >= 80);
    /* every one without state has an example here, or a test below */
    for (size_t i = 0; rnnp_operator_name(i); i++) {
        const char *name = rnnp_operator_name(i);
        int tested =
            strcmp(name, "Dropout") == 0 || !rnnp_gradient_find(name) || rnnp_operator_find(name)->state_arrays;

        for (size_t k = 0; k < EXAMPLES; k++) tested |= strcmp(examples[k].op, name) == 0;
        if (!tested) fail_msg("%s has a gradient but no example", name);
    }
    /* f32 to f32 is a view and needs no row */
    assert_null(rnnp_gradient_find("Cast"));
}

TEST(test_refused)
{
    static const struct {
        example e;
        const char *says;
    } refused[] = {
        {{OP("Pow", 17, X3, VALUES('x', 0, (0), 2))}, "Pow node: input 1 (the exponent)"},
        {{OP("Clip", 17, X3, PORT('-', 0, 0), PORT('x', 0, 0))}, "Clip node: input 2 (max)"},
        {{OP("Clip", 17, X3, PORT('x', 0, 0))}, "Clip node: input 1 (min)"},
        {{OP("Max", 17, X3, X3, X3)}, "Max node: 3 inputs"},
        {{OP("Min", 17, X3, X3, X3)}, "Min node: 3 inputs"},
        {{OP("BatchNormalization", 17, X3, PORT('p', 1, 7), PORT('p', 1, 7), PORT('x', 1, 7), PORT('x', 1, 7))},
         "BatchNormalization node: input 3 (the mean)"},
        {{OP("LayerNormalization", 17, X3, PORT('p', 1, 19)), .outputs = 2},
         "LayerNormalization node: output 1 has no gradient"},
        {{OP("Pad", 17, X3, LIST(6, 1, 0, 2, 0, 3, 1), PORT('x', 0, 0))}, "Pad node: input 2 (constant_value)"},
        {{OP("ScatterND", 17, X3, VALUES('i', 2, (3, 1), 3, 0, -1), PORT('x', 3, 3, 7, 19)),
          .attrs = {TEXT("reduction", "add")}},
         "ScatterND node: there is a gradient for reduction none only"},
        {{OP("Einsum", 17, X3, X3, X3), .attrs = {TEXT("equation", "ijk,ijk,ijk->i")}}, "Einsum node: 3 operands"},
        {{OP("Einsum", 17, PORT('x', 2, 3, 3)), .attrs = {TEXT("equation", "ii->i")}},
         "Einsum node: operand 0 has a label twice"},
        {{OP("Dropout", 17, X3, PORT('x', 0, 0))}, "Dropout node: input 1 (the rate)"},
        {{OP("Dropout", 17, X3, NUMBER(1))}, "Dropout node: the rate is 1"},
        {{OP("Dropout", 17, X3, NUMBER(-0.5))}, "Dropout node: the rate is -0.5"},
        {{OP("Dropout", 17, X3, VALUES('k', 0, (0), 0))}, "Dropout node: the rate is i64"},
    };
    OWNED(context) context = make_context(NULL, 1);

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        one_node one;

        open_example(&one, context, &refused[i].e, 0, 0);
        assert_true(one.gradient->check(&one.call.shape) != RNNP_OK);
        assert_says(context, refused[i].says);
        close_example(&one);
    }
}

void tests_end(void)
{
    printf("operators' gradients: %zu cases, %zu of them exact, %zu tensors by differences, largest relative error "
           "%.1e\n",
           checked.cases, checked.exact, checked.tensors, checked.largest);
}
