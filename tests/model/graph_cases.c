/* SPDX-License-Identifier: Apache-2.0
 *
 * graph_cases: runs the cases that graph_cases.py writes, which come from the standard input as words:
 *
 *   case right|refused|either <nodes, or -1>
 *   constant|input <name> <dtype> <rank> <dimension, ?dimension for a dynamic one>... <element>...
 *   node <op> <opset> <n> <input, or _>... <n> <output>... <n> <name> (int <i> | list <n> <i>... | text <word>)...
 *   output <name> <dtype> <rank> <dimension>... <element>...
 *   end
 */
#include "build.h"

enum { WORD = 64, VALUES = 256, PORTS = 16, ATTRIBUTES = 4, ELEMENTS = 16 };

static char *at; /* in what was read */

static const char *word(char text[WORD])
{
    at += strspn(at, " \n");
    const size_t n = strcspn(at, " \n");
    if (n == 0 || n >= WORD) fail_msg("a word expected at: %.60s", at);
    memcpy(text, at, n);
    text[n] = 0;
    at += n;
    return text;
}

static int64_t number(void) { return strtoll(at, &at, 10); }

static rnnp_tensor read_tensor(int64_t shape[RNNP_MAX_RANK])
{
    rnnp_tensor t = {.dtype = (rnnp_dtype)1};
    char text[WORD];

    for (word(text); strcmp(rnnp_dtype_name(t.dtype), text) != 0; t.dtype++) assert_true(rnnp_dtype_bytes(t.dtype) > 0);
    t.rank = (size_t)number();
    for (size_t d = 0; d < t.rank; d++) {
        const int dynamic = *(at += strspn(at, " ")) == '?';

        at += dynamic;
        t.shape[d] = number();
        shape[d] = dynamic ? RNNP_DYNAMIC : t.shape[d];
    }
    const size_t n = rnnp_tensor_elements(&t);
    t.data = calloc(n + 1, 8);
    assert_non_null(t.data);
    for (size_t i = 0; i < n; i++) {
        const int64_t v = number();

        switch (t.dtype) {
        case RNNP_DTYPE_F32: ((float *)t.data)[i] = (float)v; break;
        case RNNP_DTYPE_I64: ((int64_t *)t.data)[i] = v; break;
        case RNNP_DTYPE_I32: ((int32_t *)t.data)[i] = (int32_t)v; break;
        default: ((uint8_t *)t.data)[i] = (uint8_t)v; break;
        }
    }
    return t;
}

/* ---- A case ---- */

typedef struct graph_case {
    rnnp_model *model;
    rnnp_status status; /* the first that is not RNNP_OK */
    size_t values, n_in;
    char name[VALUES][WORD];
    rnnp_value value[VALUES];
    rnnp_tensor in[PORTS];
    produced want;
} graph_case;

static rnnp_value value_of(const graph_case *c, const char *name)
{
    for (size_t i = c->values; i-- > 0;)
        if (strcmp(c->name[i], name) == 0) return c->value[i];
    return RNNP_NONE;
}

static void set_value(graph_case *c, const char *name, rnnp_value value)
{
    assert_true(c->values < VALUES);
    strcpy(c->name[c->values], name);
    c->value[c->values++] = value;
}

static void try_call(graph_case *c, rnnp_status status) { c->status = c->status == RNNP_OK ? status : c->status; }

static void add_value(graph_case *c, int is_input)
{
    char name[WORD];
    int64_t shape[RNNP_MAX_RANK];
    rnnp_value value = RNNP_NONE;

    word(name);
    const rnnp_tensor t = read_tensor(shape);
    if (is_input) {
        assert_true(c->n_in < PORTS);
        c->in[c->n_in++] = t;
        try_call(c, rnnp_model_add_input(c->model, name, t.dtype, t.rank, shape, NULL, &value));
    } else {
        try_call(c, rnnp_model_add_constant(c->model, name, &t, &value));
        free(t.data);
    }
    set_value(c, name, value);
}

static void add_node(graph_case *c)
{
    char op[WORD], name[PORTS][WORD], text[WORD], attr_name[ATTRIBUTES][WORD];
    char attr_text[ATTRIBUTES][WORD];
    rnnp_value in[PORTS], out[PORTS] = {0};
    rnnp_attr attr[ATTRIBUTES];
    int64_t list[ATTRIBUTES][ELEMENTS];

    word(op);
    const int opset = (int)number();
    const size_t n_in = (size_t)number();
    assert_true(n_in <= PORTS);
    for (size_t i = 0; i < n_in; i++) in[i] = value_of(c, word(text));
    const size_t n_out = (size_t)number();
    assert_true(n_out <= PORTS);
    for (size_t i = 0; i < n_out; i++) word(name[i]);
    const size_t n_attrs = (size_t)number();
    assert_true(n_attrs <= ATTRIBUTES);
    for (size_t i = 0; i < n_attrs; i++) {
        attr[i] = (rnnp_attr){.name = word(attr_name[i]), .kind = RNNP_ATTR_INT, .ints = list[i]};
        if (strcmp(word(text), "text") == 0) {
            attr[i].kind = RNNP_ATTR_STRING;
            attr[i].s = word(attr_text[i]);
            continue;
        }
        if (strcmp(text, "list") == 0) attr[i].kind = RNNP_ATTR_INTS;
        attr[i].i = number();
        if (attr[i].kind == RNNP_ATTR_INTS) attr[i].count = (size_t)attr[i].i;
        assert_true(attr[i].count <= ELEMENTS);
        for (size_t k = 0; k < attr[i].count; k++) list[i][k] = number();
    }
    if (c->status == RNNP_OK)
        try_call(c, rnnp_model_add_node(c->model, op, opset, "node", in, n_in, attr, n_attrs, out, n_out));
    for (size_t i = 0; i < n_out; i++) set_value(c, name[i], out[i]);
}

static void add_output(graph_case *c)
{
    char name[WORD];
    int64_t shape[RNNP_MAX_RANK];

    word(name);
    c->want.out[c->want.n++] = read_tensor(shape);
    if (c->status == RNNP_OK) try_call(c, rnnp_model_add_output(c->model, name, value_of(c, name)));
}

/* Behind the word "case". */
static void run_case(rnnp_context *context)
{
    const char *text = at;
    FREED graph_case *c = calloc(1, sizeof *c);
    OWNED(model) model = make_model(context);
    OWNED(plan) plan = NULL;
    char verdict[WORD], kind[WORD];

    assert_non_null(c);
    c->model = model;
    word(verdict);
    const int64_t nodes = number();
    while (strcmp(word(kind), "end") != 0) {
        if (strcmp(kind, "node") == 0)
            add_node(c);
        else if (strcmp(kind, "output") == 0)
            add_output(c);
        else
            add_value(c, strcmp(kind, "input") == 0);
    }
    if (c->status == RNNP_OK) try_call(c, rnnp_model_close(model));
    const int left = nodes < 0 || c->status != RNNP_OK || (int64_t)rnnp_model_node_count(model) == nodes;
    if (c->status == RNNP_OK) try_call(c, rnnp_plan_create(model, NULL, &plan));
    DROPPED(free_outputs)
    produced got = c->status == RNNP_OK ? run_plan(plan, c->in, c->n_in) : (produced){.status = c->status};
    const int right = left && strcmp(verdict, "refused") != 0 && equal_outputs(&got, &c->want);
    if (!right && (got.status == RNNP_OK || strcmp(verdict, "right") == 0))
        fail_msg("%s\ncase%.*s", got.status == RNNP_OK ? "other nodes or outputs" : rnnp_last_error(context),
                 (int)(at - text), text);
    for (size_t i = 0; i < c->n_in; i++) free(c->in[i].data);
    free_outputs(&c->want);
}

TEST(test_cases)
{
    OWNED(context) context = make_context(NULL, 1);
    FREED char *text = NULL;
    size_t room = 0, size = 0, cases = 0;

    do { /* all of it, and a 0 */
        if (size + 2 > room) assert_non_null(text = realloc(text, room = 2 * room + 65536));
        size += fread(text + size, 1, room - size - 1, stdin);
    } while (!feof(stdin) && !ferror(stdin));
    text[size] = 0;
    for (at = text; *(at += strspn(at, " \n")); cases++) {
        char kind[WORD];

        assert_string_equal(word(kind), "case");
        run_case(context);
    }
    printf("%zu cases\n", cases);
    assert_true(cases > 0);
}
