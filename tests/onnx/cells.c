/* SPDX-License-Identifier: Apache-2.0
 *
 * Loops that are a recurrent layer, as exporters write them: they become the operator, with its bits. Loops that only
 * look like one stay loops.
 */
#include "wire_checks.h"

enum { T = 5, B = 2, I = 3, H = 4, MOST_GATES = 4 };

/* ---- Weights, in the operators' order of gates ---- */

typedef struct weights {
    size_t gates;
    float w[MOST_GATES * H * I], r[MOST_GATES * H * H], b[2 * MOST_GATES * H], x[T * B * I], h0[B * H], c0[B * H];
} weights;

static weights make_weights(size_t gates)
{
    weights w = {.gates = gates};

    fill(w.w, gates * H * I, 1, 0.6f);
    fill(w.r, gates * H * H, 2, 0.5f);
    fill(w.b, 2 * gates * H, 3, 0.3f);
    fill(w.x, T * B * I, 4, 1);
    fill(w.h0, B * H, 5, 0.5f);
    fill(w.c0, B * H, 6, 0.5f);
    return w;
}

/* Gates side by side in this order, as columns: [depth][gates * H]. */
static void side_by_side(const float *from, size_t depth, const char *order, float *to)
{
    const size_t n = strlen(order);

    for (size_t g = 0; g < n; g++)
        for (size_t u = 0; u < H; u++)
            for (size_t k = 0; k < depth; k++)
                to[k * n * H + g * H + u] = from[((size_t)(order[g] - '0') * H + u) * depth + k];
}

static void add_floats(buffer *graph, const char *name, const float *data, int64_t rows, int64_t cols)
{
    const int64_t shape[] = {rows, cols}, list[] = {cols};

    wire_constant(graph, name, WIRE_F32, rows ? shape : list, rows ? 2 : 1, data,
                  (size_t)((rows ? rows : 1) * cols) * sizeof *data);
}

/* K [I][n H], U [H][n H] and b, c [n H] of all gates side by side; XH of both matrices above each other; and of each
 * gate g: Kg, Ug, bg, cg, with KgT [H][I] and UgT [H][H]. */
static void add_weights(buffer *graph, const weights *w, const char *order)
{
    const size_t n = strlen(order);
    float both[(I + H) * MOST_GATES * H], biases[2][MOST_GATES * H];
    char name[24];

    side_by_side(w->w, I, order, both);
    side_by_side(w->r, H, order, both + I * n * H);
    add_floats(graph, "K", both, I, (int64_t)(n * H));
    add_floats(graph, "U", both + I * n * H, H, (int64_t)(n * H));
    add_floats(graph, "XH", both, I + H, (int64_t)(n * H));
    for (size_t half = 0; half < 2; half++) {
        side_by_side(w->b + half * n * H, 1, order, biases[half]);
        add_floats(graph, half ? "c" : "b", biases[half], 0, (int64_t)(n * H));
    }
    for (size_t g = 0; g < n; g++) {
        const char gate[] = {(char)('0' + g), 0};
        float columns[H * H];

        side_by_side(w->w, I, gate, columns);
        snprintf(name, sizeof name, "K%zu", g);
        add_floats(graph, name, columns, I, H);
        side_by_side(w->r, H, gate, columns);
        snprintf(name, sizeof name, "U%zu", g);
        add_floats(graph, name, columns, H, H);
        snprintf(name, sizeof name, "K%zuT", g);
        add_floats(graph, name, w->w + g * H * I, H, I);
        snprintf(name, sizeof name, "U%zuT", g);
        add_floats(graph, name, w->r + g * H * H, H, H);
        snprintf(name, sizeof name, "b%zu", g);
        add_floats(graph, name, w->b + g * H, 0, H);
        snprintf(name, sizeof name, "c%zu", g);
        add_floats(graph, name, w->b + (n + g) * H, 0, H);
    }
    add_floats(graph, "rows", w->c0, B, H);
    const float one = 1;
    wire_constant(graph, "one", WIRE_F32, NULL, 0, &one, sizeof one);
}

/* ---- Bodies: nodes as "Op inputs > outputs", behind ; the next; Op@N has an axis; Op^ is a Gemm with transB ---- */

static void add_line(buffer *graph, const char *line)
{
    DROPPED(free_buffer) buffer node = {0};
    char op[32], from[64], to[64];
    int axis = 0;

    assert_int_equal(sscanf(line, "%31s %63[^>]> %63[^;]", op, from, to), 3);
    char *at = strchr(op, '@'), *across = strchr(op, '^');
    if (at) axis = atoi(at + 1), *at = 0;
    if (across) *across = 0;
    wire_head(&node, op, from, to);
    if (at) wire_attr_int(&node, "axis", axis);
    if (across) wire_attr_int(&node, "transB", 1);
    wire_message(graph, 1, &node);
}

static void add_cast(buffer *graph, const char *from, const char *to, int type)
{
    DROPPED(free_buffer) buffer node = {0};

    wire_head(&node, "Cast", from, to);
    wire_attr_int(&node, "to", type);
    wire_message(graph, 1, &node);
}

typedef struct form {
    const char *op, *order;      /* the operator; gates side by side, by their numbers in its order */
    int reset_after, conditions; /* conditions: as TensorFlow has them, with counters of its own */
    int batch_first;
    const char *activations; /* of the operator, where they are not its own */
    const char *lines[24];
} form;

static const form forms[] = {
    /* Keras: GRU with reset_after */
    {"GRU",
     "012",
     1,
     1,
     0,
     NULL,
     {"MatMul x_t K > xk", "Add xk b > xb", "Split@1 xb > xz xr xn", "MatMul h U > hu", "Add hu c > hb",
      "Split@1 hb > hz hr hn", "Add xz hz > az", "Sigmoid az > z", "Add xr hr > ar", "Sigmoid ar > r", "Mul r hn > rn",
      "Add xn rn > an", "Tanh an > n", "Mul z h > zh", "Sub one z > z1", "Mul z1 n > zn", "Add zh zn > h2"}},
    /* Keras: GRU without */
    {"GRU",
     "012",
     0,
     1,
     0,
     NULL,
     {"MatMul x_t K > xk", "Add xk b > xb", "Split@-1 xb > xz xr xn", "MatMul h U0 > hz", "MatMul h U1 > hr",
      "Add xz hz > az", "Sigmoid az > z", "Add hr xr > ar", "Sigmoid ar > r", "Mul h r > rh", "MatMul rh U2 > hn",
      "Add xn hn > an", "Tanh an > n", "Sub one z > z1", "Mul n z1 > zn", "Mul h z > zh", "Add zn zh > h2"}},
    /* PyTorch: a cell of one's own, with Linear layers */
    {"GRU",
     "012",
     1,
     0,
     1,
     NULL,
     {"Gemm^ x_t K0T b0 > xz", "Gemm^ h U0T c0 > hz", "Add xz hz > az", "Sigmoid az > z", "Gemm^ x_t K1T b1 > xr",
      "Gemm^ h U1T c1 > hr", "Add xr hr > ar", "Sigmoid ar > r", "Gemm^ x_t K2T b2 > xn", "Gemm^ h U2T c2 > hn",
      "Mul hn r > rn", "Add rn xn > an", "Tanh an > n", "Sub h n > d", "Mul d z > dz", "Add n dz > h2"}},
    /* Keras: LSTM, i f c o */
    {"LSTM",
     "0231",
     0,
     1,
     0,
     NULL,
     {"MatMul x_t K > xk", "MatMul h U > hu", "Add xk hu > s", "Add s b > sb", "Split@1 sb > ai af ag ao",
      "Sigmoid ai > i", "Sigmoid af > f", "Tanh ag > g", "Sigmoid ao > o", "Mul f c > fc", "Mul i g > ig",
      "Add fc ig > c2", "Tanh c2 > tc", "Mul o tc > h2"}},
    /* TensorFlow 1: one matrix for both */
    {"LSTM",
     "0321",
     0,
     0,
     0,
     NULL,
     {"Concat@1 x_t h > xh", "MatMul xh XH > m", "Add m b > sb", "Split@1 sb > ai ag af ao", "Sigmoid ai > i",
      "Sigmoid af > f", "Tanh ag > g", "Sigmoid ao > o", "Mul c f > fc", "Mul g i > ig", "Add ig fc > c2",
      "Tanh c2 > tc", "Mul tc o > h2"}},
    /* with other activations, through Identity */
    {"LSTM",
     "0123",
     0,
     0,
     0,
     "HardSigmoid Relu Relu",
     {"Gemm^ x_t K0T b0 > x0", "MatMul h U0 > h0",  "Add x0 h0 > a0",  "HardSigmoid a0 > i",
      "Gemm^ x_t K1T b1 > x1", "MatMul h U1 > h1",  "Add x1 h1 > a1",  "HardSigmoid a1 > o",
      "Gemm^ x_t K2T b2 > x2", "MatMul h U2 > h2m", "Add x2 h2m > a2", "HardSigmoid a2 > f",
      "Gemm^ x_t K3T b3 > x3", "MatMul h U3 > h3",  "Add x3 h3 > a3",  "Relu a3 > g0",
      "Identity g0 > g",       "Mul f c > fc",      "Mul g i > gi",    "Add gi fc > c2",
      "Relu c2 > rc",          "Mul rc o > h2"}},
    {"RNN",
     "0",
     0,
     1,
     1,
     NULL,
     {"MatMul x_t K > xk", "MatMul h U > hu", "Add hu xk > s", "Add s b > sb", "Tanh sb > h2"}},
    {"RNN", "0", 0, 0, 0, "Relu", {"Gemm x_t K b > xk", "Gemm h U c > hu", "Add hu xk > s", "Relu s > h2"}},
};

/* What may go wrong with a form; DYNAMIC is sound, and has sizes that only a run knows. */
typedef enum loop_fault { SOUND, SHORT, LATE, TWICE, ANOTHER_STATE, NO_INDEX, DYNAMIC } loop_fault;

/* The biases that a form leaves out are 0 in the operator. */
static void drop_biases(const form *f, weights *w)
{
    int b = 0, c = 0;

    for (size_t i = 0; i < 24 && f->lines[i]; i++) {
        b |= strstr(f->lines[i], " b") != NULL;
        c |= strstr(f->lines[i], " c >") || strstr(f->lines[i], " c0 >") || strstr(f->lines[i], "c1 >");
    }
    c &= strcmp(f->op, "LSTM") != 0; /* where c is the state of the cell */
    for (size_t i = 0; i < w->gates * H; i++) {
        w->b[i] = b ? w->b[i] : 0;
        w->b[w->gates * H + i] = c ? w->b[w->gates * H + i] : 0;
    }
}

static buffer make_body(const form *f, loop_fault fault)
{
    const int lstm = strcmp(f->op, "LSTM") == 0;
    buffer body = {0};

    wire_typed_port(&body, 11, "number", WIRE_I64, "");
    wire_typed_port(&body, 11, "on", WIRE_BOOL, "");
    if (f->conditions) wire_typed_port(&body, 11, "time", WIRE_I64, "");
    wire_port(&body, 11, "h", "2 4");
    if (lstm) wire_port(&body, 11, "c", "2 4");
    wire_port(&body, 11, "kept", "2 4");
    if (f->conditions) {
        add_line(&body, fault == TWICE ? "Add time two > next" : "Add time step > next");
        add_line(&body, "Less next limit > below");
        add_line(&body, "Less next large > under");
        add_line(&body, "And below under > again");
    }
    if (fault == LATE) add_line(&body, "Add number step > late");
    if (fault == NO_INDEX) { /* 1 from the second iteration on */
        add_cast(&body, "number", "some", WIRE_BOOL);
        add_cast(&body, "some", "late", WIRE_I64);
    }
    char line[64];
    snprintf(line, sizeof line, "Gather@%d x %s > x_t", f->batch_first,
             fault == LATE || fault == NO_INDEX ? "late"
             : f->conditions                    ? "time"
                                                : "number");
    add_line(&body, line);
    for (size_t i = 0; i < 24 && f->lines[i]; i++) {
        for (const char *at = f->lines[i]; at; at = strchr(at, ';')) add_line(&body, at += *at == ';');
    }
    add_line(&body, fault == ANOTHER_STATE ? "Add kept h2 > kept2" : "Identity kept > kept2");
    snprintf(line, sizeof line, "%s%s h2%s kept2 h2", f->conditions ? "again" : "on", f->conditions ? " next" : "",
             lstm ? " c2" : "");
    wire_results(&body, line);
    return body;
}

/* The loop; y [T][B][H], the last states. */
static rnnp_model *loop_of(rnnp_context *context, const form *f, const weights *w, loop_fault fault)
{
    const int lstm = strcmp(f->op, "LSTM") == 0;
    const int64_t steps = fault == SHORT ? T - 1 : T, large = INT32_MAX, one = 1, two = 2, zero = 0;
    buffer graph = {0}, body = make_body(f, fault);
    DROPPED(free_buffer) buffer node = {0};
    char names[64];

    add_weights(&graph, w, f->order);
    wire_constant(&graph, "step", WIRE_I64, NULL, 0, &one, sizeof one);
    wire_constant(&graph, "two", WIRE_I64, NULL, 0, &two, sizeof two);
    wire_constant(&graph, "zero", WIRE_I64, NULL, 0, &zero, sizeof zero);
    if (fault == DYNAMIC) {
        add_line(&graph, "Shape x > dims");
        add_line(&graph, f->batch_first ? "Gather dims step > limit" : "Gather dims zero > limit");
    } else {
        wire_constant(&graph, "limit", WIRE_I64, NULL, 0, &steps, sizeof steps);
    }
    wire_constant(&graph, "large", WIRE_I64, NULL, 0, &large, sizeof large);
    wire_constant(&graph, "go", WIRE_BOOL, NULL, 0, &(char){1}, 1);
    wire_port(&graph, 11, "x",
              fault == DYNAMIC ? f->batch_first ? "N T 3" : "T N 3"
              : f->batch_first ? "2 5 3"
                               : "5 2 3");
    wire_port(&graph, 11, "first", fault == DYNAMIC ? "N 4" : "2 4");
    wire_text(&node, 1, f->conditions ? "large" : "limit");
    wire_text(&node, 1, f->conditions ? "go" : "");
    snprintf(names, sizeof names, "%sfirst%s first", f->conditions ? "zero " : "", lstm ? " cell" : "");
    wire_head(&node, "Loop", names,
              f->conditions ? lstm ? "t h_n c_n k y" : "t h_n k y"
              : lstm        ? "h_n c_n k y"
                            : "h_n k y");
    wire_attr_graph(&node, "body", &body);
    wire_message(&graph, 1, &node);
    wire_constant(&graph, "cell", WIRE_F32, (const int64_t[]){B, H}, 2, w->c0, sizeof w->c0);
    wire_results(&graph, lstm ? "y h_n c_n k" : "y h_n k");
    return open_with(context, wire_model(&graph, 17), NULL);
}

static void attr_strings(buffer *node, const char *name, const char *texts)
{
    DROPPED(free_buffer) buffer attr = {0};

    wire_text(&attr, 1, name);
    wire_names(&attr, 9, texts);
    wire_int(&attr, 20, 8);
    wire_message(node, 5, &attr);
}

/* The operator, with y as the loop has it. */
static rnnp_model *layer_of(rnnp_context *context, const form *f, const weights *w)
{
    const int lstm = strcmp(f->op, "LSTM") == 0;
    const int64_t g = (int64_t)w->gates;
    DROPPED(free_buffer) buffer node = {0};
    buffer graph = {0};

    wire_port(&graph, 11, "x", f->batch_first ? "2 5 3" : "5 2 3");
    wire_port(&graph, 11, "first", "2 4");
    wire_constant(&graph, "W", WIRE_F32, (const int64_t[]){1, g * H, I}, 3, w->w, (size_t)(g * H * I) * sizeof(float));
    wire_constant(&graph, "R", WIRE_F32, (const int64_t[]){1, g * H, H}, 3, w->r, (size_t)(g * H * H) * sizeof(float));
    wire_constant(&graph, "B", WIRE_F32, (const int64_t[]){1, 2 * g * H}, 2, w->b, (size_t)(2 * g * H) * sizeof(float));
    wire_constant(&graph, "cell", WIRE_F32, (const int64_t[]){1, B, H}, 3, w->c0, sizeof w->c0);
    wire_ints(&graph, "zero", (const int64_t[]){0}, 1);
    wire_ints(&graph, "one", (const int64_t[]){1}, 1);
    add_line(&graph, "Unsqueeze first zero > h0");
    if (f->batch_first) {
        DROPPED(free_buffer) buffer turn = {0}, perm = {0};
        wire_head(&turn, "Transpose", "x", "xt");
        wire_text(&perm, 1, "perm");
        for (size_t i = 0; i < 3; i++) wire_int(&perm, 8, (const int64_t[]){1, 0, 2}[i]);
        wire_int(&perm, 20, 7);
        wire_message(&turn, 5, &perm);
        wire_message(&graph, 1, &turn);
    }
    wire_text(&node, 1, f->batch_first ? "xt" : "x");
    wire_names(&node, 1, "W R B");
    wire_text(&node, 1, "");
    wire_head(&node, f->op, lstm ? "h0 cell" : "h0", lstm ? "all last_h last_c" : "all last_h");
    wire_attr_int(&node, "hidden_size", H);
    if (f->reset_after) wire_attr_int(&node, "linear_before_reset", 1);
    if (f->activations) attr_strings(&node, "activations", f->activations);
    wire_message(&graph, 1, &node);
    add_line(&graph, "Squeeze all one > y");
    add_line(&graph, "Squeeze last_h zero > h_n");
    if (lstm) add_line(&graph, "Squeeze last_c zero > c_n");
    wire_results(&graph, lstm ? "y h_n c_n" : "y h_n");
    return open_with(context, wire_model(&graph, 17), NULL);
}

static size_t count_op(const rnnp_model *model, const char *op)
{
    size_t n = 0;

    for (size_t i = 0; i < rnnp_model_node_count(model); i++) {
        rnnp_node_info info = {.struct_size = sizeof info};

        OK(rnnp_model_node_info(model, i, &info));
        n += strcmp(info.op, op) == 0;
    }
    return n;
}

static void compare(const rnnp_model *model, const rnnp_model *other, const form *f, const weights *w, float bound)
{
    const rnnp_tensor x = f->batch_first ? tensor3(w->x, B, T, I) : tensor3(w->x, T, B, I);
    const rnnp_tensor in[] = {x, {RNNP_DTYPE_F32, 2, {B, H}, .const_data = w->h0}};
    OWNED(plan) a = make_plan(model);
    OWNED(plan) b = make_plan(other);
    DROPPED(free_outputs) produced got = run_plan(a, in, 2), want = run_plan(b, in, 2);
    const size_t n = strcmp(f->op, "LSTM") == 0 ? 3 : 2;

    OK(got.status);
    OK(want.status);
    for (size_t k = 0; k < n; k++) {
        const size_t count = rnnp_tensor_elements(&want.out[k]);
        const float *p = got.out[k].data, *q = want.out[k].data;

        assert_int_equal(rnnp_tensor_elements(&got.out[k]), count);
        if (bound == 0) assert_memory_equal(p, q, count * sizeof *p);
        for (size_t i = 0; i < count; i++) assert_true(fabsf(p[i] - q[i]) <= bound);
    }
    assert_memory_equal(got.out[n].data, w->h0, sizeof w->h0); /* what stays */
}

TEST(test_forms)
{
    OWNED(context) context = make_context(NULL, 1);

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        weights w = make_weights(strlen(forms[i].order));

        drop_biases(&forms[i], &w);
        OWNED(model) loop = loop_of(context, &forms[i], &w, SOUND);
        OWNED(model) other = layer_of(context, &forms[i], &w);
        if (count_op(loop, forms[i].op) != 1 || count_op(loop, "LoopEnd") != 0)
            fail_msg("form %zu is not seen to be a %s", i, forms[i].op);
        compare(loop, other, &forms[i], &w, 0);
        OWNED(model) dynamic = loop_of(context, &forms[i], &w, DYNAMIC);
        assert_int_equal(count_op(dynamic, forms[i].op), 1);
        compare(dynamic, other, &forms[i], &w, 0);
        /* and as a file */
        DROPPED(free_buffer) const buffer file = save(context, loop);
        OWNED(model) loaded = load(context, &file);
        compare(loaded, other, &forms[i], &w, 0);
    }
}

/* Loops of which one thing is not that of a layer: they are computed as they are. */
TEST(test_no_layers)
{
    OWNED(context) context = make_context(NULL, 1);

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        weights w = make_weights(strlen(forms[i].order));

        drop_biases(&forms[i], &w);
        for (loop_fault fault = SHORT; fault <= NO_INDEX; fault++) {
            if (fault == TWICE && !forms[i].conditions) continue;
            OWNED(model) loop = loop_of(context, &forms[i], &w, fault);

            assert_int_equal(count_op(loop, forms[i].op), 0);
            assert_int_equal(count_op(loop, "LoopEnd"), 1);
        }
    }
}

/* Cells with one line changed, so that they are others. */
TEST(test_other_cells)
{
    static const struct {
        size_t form;
        const char *from, *to;
    } changes[] = {
        {0, "Mul z h > zh", "Mul r h > zh"},
        {0, "Sub one z > z1", "Sub z one > z1"},
        {0, "Sub one z > z1", "Sub one r > z1"},
        {0, "Mul z1 n > zn", "Mul z1 z1 > zn"},
        {0, "Tanh an > n", "Exp an > n"},
        {0, "Mul r hn > rn", "Mul z hz > rn"},
        {0, "Add xz hz > az", "Mul xz hz > az"},
        {0, "Add hu c > hb", "Add hu hu > hb"},
        {3, "Mul f c > fc", "Mul f h > fc"},
        {3, "Tanh c2 > tc", "Tanh c > tc"},
        {3, "Sigmoid ao > o", "Tanh ao > o"},
        {3, "Mul i g > ig", "Mul i i > ig"},
        {3, "Add fc ig > c2", "Sub fc ig > c2"},
        {3, "MatMul h U > hu", "MatMul c U > hu"},
        {1, "MatMul rh U2 > hn", "MatMul h U2 > hn"},
        {1, "Mul h r > rh", "Mul h z > rh"},
        /* one unit of a gate for all; a reset gate that is a part of what has the elements; a row for each of the batch
         */
        {0, "Sigmoid az > z", "Split@1 az > z_0 z_1 z_2 z_3;Sigmoid z_0 > z"},
        {4, "Sigmoid af > f", "Split@1 af > f_0 f_1 f_2 f_3;Sigmoid f_0 > f"},
        {6, "Add s b > sb", "Split@1 s > s_0 s_1 s_2 s_3;Add s_0 b > sb"},
        {0, "Mul r hn > rn", "Add xb hb > all;Sigmoid all > gates;Mul gates hb > parts;Split@1 parts > p_0 p_1 rn"},
        {7, "Gemm x_t K b > xk", "Gemm x_t K rows > xk"},
    };
    OWNED(context) context = make_context(NULL, 1);

    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        form changed = forms[changes[i].form];
        weights w = make_weights(strlen(changed.order));
        size_t found = 0;

        for (size_t k = 0; k < 24 && changed.lines[k]; k++) {
            if (strcmp(changed.lines[k], changes[i].from) != 0) continue;
            changed.lines[k] = changes[i].to;
            found++;
        }
        assert_int_equal(found, 1);
        OWNED(model) loop = loop_of(context, &changed, &w, SOUND);
        if (count_op(loop, changed.op) != 0)
            fail_msg("change %zu (%s) is taken for a %s", i, changes[i].to, changed.op);
    }
}
