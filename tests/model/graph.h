/* SPDX-License-Identifier: Apache-2.0
 *
 * Models written as text, one statement after the other, separated by semicolons:
 *
 *   x: f32[steps, ?, 5]            an input; ? is a dynamic dimension without a name
 *   w = f32[3,4]~6*0.5             a constant: numbers(seed 6, scale 0.5), or {1, 2.5}; i64{1} is a scalar, {1} a list
 *   y, z = Split(x, {1,3}, axis=1) a node: values, calls, lists of i64 and, by name, attributes: integers, floats with
 *                                  a point, words, 'texts', and lists of integers, floats or words; _ is no value
 *   y = Relu@7'name'(x)            of another opset than 17, and with a name
 *   y, h, c = lstm[5,8]#3(x, n, h) a layer: widths, seed of make_layer(); x, lengths, h0, c0; then any of reverse,
 *                                  both, before, first (batch first); rnn and gru alike
 *   -> y, other = z                outputs, by the name of the value or another one
 */
#ifndef RNNP_TESTS_GRAPH_H
#define RNNP_TESTS_GRAPH_H

#include "build.h"

#include <ctype.h>

enum { GRAPH_WORD = 48, GRAPH_MANY = 64, GRAPH_FEW = 16 };

typedef struct graph {
    rnnp_model *model;
    const char *at;
    size_t n;
    char name[GRAPH_MANY][GRAPH_WORD];
    rnnp_value value[GRAPH_MANY];
} graph;

/* The next character that is no space. */
static inline char graph_next(graph *g)
{
    while (isspace((unsigned char)*g->at)) g->at++;
    return *g->at;
}

static inline int graph_accept(graph *g, char c) { return graph_next(g) == c && g->at++; }

static inline const char *graph_word(graph *g, char word[GRAPH_WORD])
{
    size_t n = 0;

    (void)graph_next(g);
    while (n + 1 < GRAPH_WORD && (isalnum((unsigned char)g->at[n]) || g->at[n] == '_')) n++;
    if (n == 0) fail_msg("a word expected at: %.40s", g->at);
    memcpy(word, g->at, n);
    word[n] = 0;
    g->at += n;
    return word;
}

static inline double graph_number(graph *g)
{
    char *end;
    const double number = strtod(g->at, &end);

    if (end == g->at) fail_msg("a number expected at: %.40s", g->at);
    g->at = end;
    return number;
}

/* {1, 2}: how many. */
static inline size_t graph_numbers(graph *g, double numbers_[GRAPH_MANY])
{
    size_t n = 0;

    for (assert_true(graph_accept(g, '{')); !graph_accept(g, '}'); (void)graph_accept(g, ',')) {
        assert_true(n < GRAPH_MANY);
        numbers_[n++] = graph_number(g);
    }
    return n;
}

static inline rnnp_dtype graph_dtype(const char *word)
{
    int i = 1;

    while (rnnp_dtype_bytes((rnnp_dtype)i) && strcmp(rnnp_dtype_name((rnnp_dtype)i), word) != 0) i++;
    return rnnp_dtype_bytes((rnnp_dtype)i) ? (rnnp_dtype)i : (rnnp_dtype)0;
}

/* [2, ?, steps] */
static inline size_t graph_shape(graph *g, int64_t shape[RNNP_MAX_RANK], char symbols[RNNP_MAX_RANK][GRAPH_WORD])
{
    size_t rank = 0;

    for (int open = graph_accept(g, '['); open && !graph_accept(g, ']'); (void)graph_accept(g, ','), rank++) {
        shape[rank] = RNNP_DYNAMIC;
        symbols[rank][0] = 0;
        if (isdigit((unsigned char)graph_next(g)))
            shape[rank] = (int64_t)graph_number(g);
        else if (!graph_accept(g, '?'))
            (void)graph_word(g, symbols[rank]);
    }
    return rank;
}

/* Behind its type; a list has as many elements as there are. */
static inline rnnp_value graph_constant(graph *g, rnnp_dtype dtype, int is_list, const char *name)
{
    rnnp_tensor t = {.dtype = dtype};
    char none[RNNP_MAX_RANK][GRAPH_WORD];
    double list[GRAPH_MANY];
    rnnp_value value;
    size_t n = 1;

    t.rank = is_list ? 1 : graph_shape(g, t.shape, none);
    if (graph_accept(g, '~')) {
        const uint32_t seed = (uint32_t)graph_number(g);

        t.data = numbers(rnnp_tensor_elements(&t), seed, graph_accept(g, '*') ? (float)graph_number(g) : 1.0f);
    } else {
        n = graph_numbers(g, list);
        if (is_list) t.shape[0] = (int64_t)n;
        assert_int_equal(n, rnnp_tensor_elements(&t));
        t.data = calloc(n + 1, 8);
        for (size_t i = 0; i < n; i++) {
            if (dtype == RNNP_DTYPE_F32) ((float *)t.data)[i] = (float)list[i];
            if (dtype == RNNP_DTYPE_F64) ((double *)t.data)[i] = list[i];
            if (dtype == RNNP_DTYPE_I32) ((int32_t *)t.data)[i] = (int32_t)list[i];
            if (dtype == RNNP_DTYPE_I64) ((int64_t *)t.data)[i] = (int64_t)list[i];
        }
    }
    OK(rnnp_model_add_constant(g->model, name, &t, &value));
    free(t.data);
    return value;
}

static inline void graph_call(graph *g, const char *op, rnnp_value *out, size_t n_out);

/* A call, a constant, a list or a name. */
static inline rnnp_value graph_value(graph *g, const char *name)
{
    char word[GRAPH_WORD];
    rnnp_value value = 0;

    if (graph_next(g) == '{') return graph_constant(g, RNNP_DTYPE_I64, 1, name);
    if (graph_dtype(graph_word(g, word))) return graph_constant(g, graph_dtype(word), 0, name);
    if (strcmp(word, "_") == 0) return RNNP_NONE;
    if (*g->at && strchr("([@'", *g->at)) {
        graph_call(g, word, &value, 1);
        return value;
    }
    for (size_t i = g->n; i-- > 0;)
        if (strcmp(g->name[i], word) == 0) return g->value[i];
    fail_msg("no value %s", word);
    return RNNP_NONE;
}

typedef struct graph_args {
    rnnp_value value[GRAPH_FEW];
    size_t n, n_attrs;
    rnnp_attr attr[GRAPH_FEW];
    char name[GRAPH_FEW][GRAPH_WORD], text[GRAPH_FEW][GRAPH_WORD];
    int64_t ints[GRAPH_FEW][GRAPH_MANY];
    float floats[GRAPH_FEW];      /* of the one list of such */
    const char *words[GRAPH_FEW]; /* likewise */
    char word[GRAPH_FEW][GRAPH_WORD];
    int reverse, both, before, first;
} graph_args;

static inline void graph_list(graph *g, graph_args *a, rnnp_attr *attr)
{
    double list[GRAPH_MANY];
    const char *from = g->at + 1;

    while (isspace((unsigned char)*from)) from++;
    if (isalpha((unsigned char)*from)) {
        attr->kind = RNNP_ATTR_STRINGS;
        attr->strings = a->words;
        for (g->at = from; !graph_accept(g, '}'); (void)graph_accept(g, ',')) {
            assert_true(attr->count < GRAPH_FEW);
            a->words[attr->count] = graph_word(g, a->word[attr->count]);
            attr->count++;
        }
        return;
    }
    attr->count = graph_numbers(g, list);
    if (memchr(from, '.', (size_t)(g->at - from))) {
        assert_true(attr->count <= GRAPH_FEW);
        attr->kind = RNNP_ATTR_FLOATS;
        attr->floats = a->floats;
        for (size_t i = 0; i < attr->count; i++) a->floats[i] = (float)list[i];
    } else {
        attr->kind = RNNP_ATTR_INTS;
        attr->ints = a->ints[a->n_attrs];
        for (size_t i = 0; i < attr->count; i++) a->ints[a->n_attrs][i] = (int64_t)list[i];
    }
}

static inline void graph_attr(graph *g, graph_args *a, const char *name)
{
    rnnp_attr *attr = &a->attr[a->n_attrs];
    const char *from = g->at;

    *attr = (rnnp_attr){.name = strcpy(a->name[a->n_attrs], name), .kind = RNNP_ATTR_INT};
    if (graph_next(g) == '{') {
        graph_list(g, a, attr);
    } else if (graph_accept(g, '\'')) {
        const size_t n = strcspn(g->at, "'");

        assert_true(n < GRAPH_WORD && g->at[n]);
        attr->kind = RNNP_ATTR_STRING;
        attr->s = memcpy(a->text[a->n_attrs], g->at, n);
        a->text[a->n_attrs][n] = 0;
        g->at += n + 1;
    } else if (isalpha((unsigned char)*g->at)) {
        attr->kind = RNNP_ATTR_STRING;
        attr->s = graph_word(g, a->text[a->n_attrs]);
    } else {
        attr->f = (float)graph_number(g);
        attr->i = (int64_t)attr->f;
        if (memchr(from, '.', (size_t)(g->at - from))) attr->kind = RNNP_ATTR_FLOAT;
    }
    a->n_attrs++;
}

static inline void graph_read_args(graph *g, graph_args *a, int is_layer)
{
    *a = (graph_args){.value = {RNNP_NONE, RNNP_NONE, RNNP_NONE, RNNP_NONE}};

    for (assert_true(graph_accept(g, '(')); !graph_accept(g, ')'); (void)graph_accept(g, ',')) {
        const char *before = g->at;
        char word[GRAPH_WORD] = "";
        int *const flags[] = {&a->reverse, &a->both, &a->before, &a->first};
        static const char *const words[] = {"reverse", "both", "before", "first"};
        size_t flag = 0;

        if (isalpha((unsigned char)graph_next(g))) (void)graph_word(g, word);
        while (flag < 4 && strcmp(words[flag], word) != 0) flag++;
        assert_true(a->n < GRAPH_FEW && a->n_attrs < GRAPH_FEW);
        if (*word && graph_accept(g, '=')) {
            graph_attr(g, a, word);
        } else if (is_layer && flag < 4) {
            *flags[flag] = 1;
        } else {
            g->at = before;
            a->value[a->n++] = graph_value(g, NULL);
        }
    }
}

static inline void graph_layer(graph *g, rnnp_cell cell, rnnp_value *out, size_t n_out)
{
    int64_t width[RNNP_MAX_RANK];
    char none[RNNP_MAX_RANK][GRAPH_WORD];

    assert_int_equal(graph_shape(g, width, none), 2);
    const uint32_t seed = graph_accept(g, '#') ? (uint32_t)graph_number(g) : 1;
    graph_args a;

    graph_read_args(g, &a, 1);
    DROPPED(free_layer)
    layer l = make_layer(cell, (size_t)width[0], (size_t)width[1],
                         a.reverse ? RNNP_DIRECTION_REVERSE
                         : a.both  ? RNNP_DIRECTION_BIDIRECTIONAL
                                   : RNNP_DIRECTION_FORWARD,
                         seed);
    l.options.reset = a.before ? RNNP_GRU_RESET_BEFORE : RNNP_GRU_RESET_AFTER;
    l.options.batch_first = a.first;
    OK(rnnp_model_add_recurrent(g->model, &l.options, l.weights, a.value[0], a.value[1], a.value[2], a.value[3],
                                &out[0], n_out > 1 ? &out[1] : NULL, n_out > 2 ? &out[2] : NULL));
}

static inline void graph_call(graph *g, const char *op, rnnp_value *out, size_t n_out)
{
    static const char *const layers[] = {[RNNP_CELL_RNN] = "rnn", [RNNP_CELL_LSTM] = "lstm", [RNNP_CELL_GRU] = "gru"};
    char name[GRAPH_WORD] = "";

    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        if (layers[i] && strcmp(layers[i], op) == 0) {
            graph_layer(g, (rnnp_cell)i, out, n_out);
            return;
        }
    const int opset = graph_accept(g, '@') ? (int)graph_number(g) : 17;
    if (graph_accept(g, '\'')) {
        (void)graph_word(g, name);
        assert_true(graph_accept(g, '\''));
    }
    graph_args a;
    graph_read_args(g, &a, 0);
    OK(rnnp_model_add_node(g->model, op, opset, *name ? name : NULL, a.value, a.n, a.attr, a.n_attrs, out, n_out));
}

/* name [, name]... of a statement: inputs, outputs or results. */
static inline void graph_statement(graph *g)
{
    char name[GRAPH_FEW][GRAPH_WORD], word[GRAPH_WORD], symbols[RNNP_MAX_RANK][GRAPH_WORD];
    rnnp_value out[GRAPH_FEW] = {0};
    size_t n = 0;

    if (graph_accept(g, '-')) {
        assert_true(graph_accept(g, '>'));
        do {
            const char *before = (graph_next(g), g->at);

            (void)graph_word(g, word);
            if (!graph_accept(g, '=')) g->at = before;
            OK(rnnp_model_add_output(g->model, word, graph_value(g, NULL)));
        } while (graph_accept(g, ','));
        return;
    }
    do (void)graph_word(g, name[n++]);
    while (graph_accept(g, ','));
    if (graph_accept(g, ':')) {
        const rnnp_dtype dtype = graph_dtype(graph_word(g, word));
        int64_t shape[RNNP_MAX_RANK];
        const char *names[RNNP_MAX_RANK];
        const size_t rank = graph_shape(g, shape, symbols);

        for (size_t i = 0; i < rank; i++) names[i] = symbols[i][0] ? symbols[i] : NULL;
        OK(rnnp_model_add_input(g->model, name[0], dtype, rank, shape, names, &out[0]));
    } else {
        assert_true(graph_accept(g, '='));
        if (n > 1)
            graph_call(g, graph_word(g, word), out, n);
        else
            out[0] = graph_value(g, name[0]);
    }
    for (size_t i = 0; i < n; i++, g->n++) {
        assert_true(g->n < GRAPH_MANY);
        strcpy(g->name[g->n], name[i]);
        g->value[g->n] = out[i];
    }
}

/* A model of the text, in which numbers stand as printf() writes them; not closed. */
__attribute__((format(__printf__, 2, 0))) static inline rnnp_model *open_graph_args(rnnp_context *context,
                                                                                    const char *format, va_list args)
{
    char text[4096];
    graph g = {.model = make_model(context), .at = text};

    assert_true(vsnprintf(text, sizeof text, format, args) < (int)sizeof text);
    for (; graph_next(&g); (void)graph_accept(&g, ';')) graph_statement(&g);
    return g.model;
}

__attribute__((format(__printf__, 2, 3))) static inline rnnp_model *open_graph(rnnp_context *context,
                                                                               const char *format, ...)
{
    va_list args;

    va_start(args, format);
    rnnp_model *model = open_graph_args(context, format, args);
    va_end(args);
    return model;
}

/* The same, closed. */
__attribute__((format(__printf__, 2, 3))) static inline rnnp_model *make_graph(rnnp_context *context,
                                                                               const char *format, ...)
{
    va_list args;

    va_start(args, format);
    rnnp_model *model = open_graph_args(context, format, args);
    va_end(args);
    OK(rnnp_model_close(model));
    return model;
}

#endif
