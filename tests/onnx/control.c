/* SPDX-License-Identifier: Apache-2.0
 *
 * If: decided at load, by the shapes of a run, and by data; what a side that is not taken may get wrong; written and
 * packed again.
 */
#include "wire_checks.h"

/* ---- Graphs ---- */

static buffer branch(const char *results)
{
    buffer b = {0};

    wire_results(&b, results);
    return b;
}

/* A branch of one node. */
static buffer branch_of(const char *op, const char *from, const char *to)
{
    buffer b = branch(to);

    wire_node(&b, op, from, to, -1);
    return b;
}

/* y = flag ? a(x) : b(x); flag is an input, or a constant where value is 0 or 1. */
static buffer choose(const char *a, const char *b, int value)
{
    buffer graph = {0}, then_branch = branch_of(a, "x", "p"), else_branch = branch_of(b, "x", "q");

    wire_port(&graph, 11, "x", "N 3");
    wire_port(&graph, 12, "y", "N 3");
    if (value < 0)
        wire_typed_port(&graph, 11, "flag", WIRE_BOOL, "");
    else
        wire_constant(&graph, "flag", WIRE_BOOL, NULL, 0, &(char){(char)value}, 1);
    wire_if(&graph, "flag", "y", &then_branch, &else_branch);
    return wire_model(&graph, 17);
}

/* ---- Runs ---- */

static const float six[6] = {-1.5f, 2, -3, 4, -5, 6};

static rnnp_tensor x_of(int64_t rows) { return (rnnp_tensor){RNNP_DTYPE_F32, 2, {rows, 3}, .const_data = six}; }
static rnnp_tensor flag_of(const uint8_t *flag) { return (rnnp_tensor){RNNP_DTYPE_BOOL, 0, {0}, .const_data = flag}; }

static const float negated[6] = {1.5f, -2, 3, -4, 5, -6}, absolute[6] = {1.5f, 2, 3, 4, 5, 6};

/* ---- Decided at load ---- */

TEST(test_constant_condition)
{
    OWNED(context) context = make_context(NULL, 1);

    for (int taken = 0; taken < 2; taken++) {
        OWNED(model) model = open_with(context, choose("Neg", "Abs", taken), NULL);
        rnnp_node_info info = {.struct_size = sizeof info};

        assert_int_equal(rnnp_model_node_count(model), 1); /* the other side and the If are gone */
        OK(rnnp_model_node_info(model, 0, &info));
        assert_string_equal(info.op, taken ? "Neg" : "Abs");
        check(context, model, (rnnp_tensor[]){x_of(2)}, 1, taken ? negated : absolute, 6);
    }
}

TEST(test_bound_condition)
{
    OWNED(context) context = make_context(NULL, 1);
    OPTIONS(load, options);

    for (int taken = 0; taken < 2; taken++) {
        const rnnp_bound_input bound = {.name = "flag", .number = taken};

        options.bound = &bound;
        options.n_bound = 1;
        OWNED(model) model = open_with(context, choose("Neg", "Abs", -1), &options);
        assert_int_equal(rnnp_model_input_count(model), 1);
        assert_int_equal(rnnp_model_node_count(model), 1);
        check(context, model, (rnnp_tensor[]){x_of(2)}, 1, taken ? negated : absolute, 6);
    }
}

/* A branch may hand on what is around it, have initializers of its own and names that the other branch has, too. */
TEST(test_scopes)
{
    OWNED(context) context = make_context(NULL, 1);
    const float one = 1, two = 2;

    for (int taken = 0; taken < 2; taken++) {
        buffer graph = {0}, inner_then = branch_of("Add", "r k", "s"), inner_else = branch("outer");
        buffer then_branch = branch("p x"), else_branch = branch("outer x");

        wire_node(&then_branch, "Mul", "outer k", "r", -1);
        wire_constant(&then_branch, "k", WIRE_F32, NULL, 0, &two, sizeof two);
        wire_if(&then_branch, "flag", "p", &inner_then, &inner_else);
        wire_constant(&else_branch, "k", WIRE_F32, NULL, 0, &one, sizeof one);
        wire_port(&graph, 11, "x", "N 3");
        wire_constant(&graph, "flag", WIRE_BOOL, NULL, 0, &(char){(char)taken}, 1);
        wire_if(&graph, "flag", "y z", &then_branch, &else_branch);
        wire_node(&graph, "Neg", "x", "outer", -1); /* behind who needs it */
        wire_port(&graph, 12, "y", "N 3");
        wire_port(&graph, 12, "z", "N 3");
        OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
        const float want[6] = {1.5f * 2 + 2, -2, 8, -6, 12, -10};
        check(context, model, (rnnp_tensor[]){x_of(2)}, 1, taken ? want : negated, 6);
    }
}

/* ---- Decided by shapes ---- */

/* chosen = N == 1 ? Squeeze(x, 0) : x, as torch exports it; else_branch gives x. */
static void squeeze_chosen(buffer *graph, buffer else_branch)
{
    buffer then_branch = branch_of("Squeeze", "x zero", "p");

    wire_port(graph, 11, "x", "N 3");
    wire_ints(graph, "zero", (int64_t[]){0}, 1);
    wire_ints(graph, "one", (int64_t[]){1}, 1);
    wire_node(graph, "Shape", "x", "shape", -1);
    wire_node(graph, "Gather", "shape zero", "rows", -1);
    wire_node(graph, "Equal", "rows one", "is_one", -1);
    wire_if(graph, "is_one", "chosen", &then_branch, &else_branch);
}

/* y = -chosen. */
static buffer squeeze_rows(void)
{
    buffer graph = {0};

    squeeze_chosen(&graph, branch_of("Identity", "x", "q"));
    wire_node(&graph, "Neg", "chosen", "y", -1);
    wire_results(&graph, "y");
    return wire_model(&graph, 17);
}

TEST(test_ranks_by_shape)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = open_with(context, squeeze_rows(), NULL);
    rnnp_port_info y = {.struct_size = sizeof y};
    rnnp_node_info node = {.struct_size = sizeof node};

    OK(rnnp_model_output_info(model, 0, &y));
    assert_int_equal(y.rank, 2); /* by the else branch */
    OK(rnnp_model_node_info(model, find_node(model, "If", 0), &node));
    assert_non_null(strstr(node.note, "ranks"));
    for (int64_t rows = 1; rows <= 2; rows++) {
        const rnnp_tensor x = x_of(rows);
        OWNED(plan) plan = make_plan(model);
        DROPPED(free_outputs) produced o = run_plan(plan, &x, 1);

        OK(o.status);
        assert_int_equal(o.out[0].rank, rows);
        assert_memory_equal(o.out[0].data, negated, 3 * (size_t)rows * sizeof(float));
    }
}

/* N == 1 ? Squeeze(x) : x for something that takes vectors alone: a guess that fails is turned, here, in a packed file,
 * and for an output of which the file says the rank. */
TEST(test_guess)
{
    OWNED(context) context = make_context(NULL, 1);

    for (int i = 0; i < 2; i++) {
        buffer graph = {0};
        rnnp_port_info y = {.struct_size = sizeof y};
        rnnp_node_info node = {.struct_size = sizeof node};

        squeeze_chosen(&graph, branch("x"));
        wire_ints(&graph, "three", (int64_t[]){3}, 1);
        wire_node(&graph, i ? "Neg" : "Expand", i ? "chosen" : "chosen three", "e", -1);
        wire_node(&graph, i ? "Identity" : "Range", i ? "e" : "size size size", "y", -1);
        if (!i) {
            wire_node(&graph, "Shape", "e", "dims", -1);
            wire_node(&graph, "Squeeze", "dims zero", "size", -1); /* fails if e has two */
        }
        if (i)
            wire_port(&graph, 12, "y", "3");
        else
            wire_results(&graph, "y");
        OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
        OK(rnnp_model_output_info(model, 0, &y));
        assert_int_equal(y.rank, 1);
        if (!i) continue;
        OK(rnnp_model_node_info(model, find_node(model, "If", 0), &node));
        assert_non_null(strstr(node.note, "then branch"));
        DROPPED(free_buffer) const buffer packed = write_model(model, NULL, 0), onnx = save(context, model);
        OWNED(model) mapped = NULL;
        OWNED(model) loaded = load(context, &onnx);
        OK(rnnp_packed_open_memory(context, packed.at, packed.size, NULL, &mapped));
        OK(rnnp_model_output_info(mapped, 0, &y));
        assert_int_equal(y.rank, 1);
        check(context, mapped, (rnnp_tensor[]){x_of(1)}, 1, negated, 3);
        check(context, mapped, (rnnp_tensor[]){x_of(2)}, 1, negated, 6);
        check(context, loaded, (rnnp_tensor[]){x_of(2)}, 1, negated, 6);
    }
}

/* What follows from a guess of ranks is not decided before a run: rank(chosen) == 1 ? -chosen : |chosen|. */
TEST(test_rank_of_a_guess)
{
    OWNED(context) context = make_context(NULL, 1);
    buffer graph = {0};

    squeeze_chosen(&graph, branch("x"));
    wire_node(&graph, "Shape", "chosen", "dims", -1);
    wire_node(&graph, "Size", "dims", "rank", -1);
    wire_node(&graph, "Equal", "rank one", "is_vector", -1);
    buffer then_branch = branch_of("Neg", "chosen", "p"), else_branch = branch_of("Abs", "chosen", "q");
    wire_if(&graph, "is_vector", "y", &then_branch, &else_branch);
    wire_results(&graph, "y");
    OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
    check(context, model, (rnnp_tensor[]){x_of(1)}, 1, negated, 3);
    check(context, model, (rnnp_tensor[]){x_of(2)}, 1, absolute, 6);
}

/* The same in a written file, and in a packed one. */
TEST(test_ranks_in_other_files)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = open_with(context, squeeze_rows(), NULL);
    DROPPED(free_buffer) const buffer onnx = save(context, model), packed = write_model(model, NULL, 0);
    OWNED(model) loaded = load(context, &onnx);
    OWNED(model) mapped = NULL;
    DROPPED(free_buffer) const buffer again = save(context, loaded);

    OK(rnnp_packed_open_memory(context, packed.at, packed.size, NULL, &mapped));
    assert_same_bytes(&onnx, &again);
    for (int64_t rows = 1; rows <= 2; rows++) {
        check(context, loaded, (rnnp_tensor[]){x_of(rows)}, 1, negated, 3 * (size_t)rows);
        check(context, mapped, (rnnp_tensor[]){x_of(rows)}, 1, negated, 3 * (size_t)rows);
    }
}

/* A side with an error counts where it is taken, and its sentence is that of the error. */
TEST(test_errors_of_a_side)
{
    OWNED(context) context = make_context(NULL, 1);
    buffer graph = {0}, then_branch = branch_of("MatMul", "x x", "p"), else_branch = branch_of("Neg", "x", "q");

    wire_port(&graph, 11, "x", "2 3");
    wire_typed_port(&graph, 11, "n", WIRE_F32, "N");
    wire_ints(&graph, "two", (int64_t[]){2}, 1);
    wire_node(&graph, "Shape", "n", "length", -1);
    wire_node(&graph, "Equal", "length two", "is_two", -1);
    wire_if(&graph, "is_two", "y", &then_branch, &else_branch);
    wire_results(&graph, "y");
    OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
    const rnnp_tensor in[] = {x_of(2), {RNNP_DTYPE_F32, 1, {1}, .const_data = six}};
    check(context, model, in, 2, negated, 6);
    const rnnp_tensor taken[] = {x_of(2), {RNNP_DTYPE_F32, 1, {2}, .const_data = six}};
    OWNED(plan) plan = make_plan(model);
    rnnp_run *run;
    REFUSED(context, rnnp_run_create(plan, taken, 2, &run), RNNP_ERR_SHAPE, "MatMul p");

    /* decided by data: an execution finds out */
    graph = (buffer){0};
    then_branch = branch_of("MatMul", "x x", "p");
    else_branch = branch_of("Neg", "x", "q");
    wire_port(&graph, 11, "x", "2 3");
    wire_typed_port(&graph, 11, "flag", WIRE_BOOL, "");
    wire_if(&graph, "flag", "y", &then_branch, &else_branch);
    wire_results(&graph, "y");
    OWNED(model) by_data = open_with(context, wire_model(&graph, 17), NULL);
    for (uint8_t flag = 0; flag < 2; flag++) {
        OWNED(plan) either = make_plan(by_data);
        const rnnp_tensor given[] = {x_of(2), flag_of(&flag)};
        DROPPED(free_outputs) produced o = run_plan(either, given, 2);

        FAILS(o.status, flag ? RNNP_ERR_SHAPE : RNNP_OK);
        if (flag) assert_says(context, "If y: the then branch is taken");
    }

    graph = (buffer){0};
    then_branch = branch_of("MatMul", "x x", "p");
    else_branch = branch_of("MatMul", "x x", "q");
    wire_port(&graph, 11, "x", "2 3");
    wire_typed_port(&graph, 11, "flag", WIRE_BOOL, "");
    wire_if(&graph, "flag", "y", &then_branch, &else_branch);
    wire_results(&graph, "y");
    refused(context, wire_model(&graph, 17), RNNP_ERR_SHAPE, "MatMul");
}

/* ---- What is not supported ---- */

/* y = length of n == 2 ? Det(x) : -x. */
static buffer det_of_two(void)
{
    buffer graph = {0}, then_branch = branch_of("Det", "x", "p"), else_branch = branch_of("Neg", "x", "q");

    wire_port(&graph, 11, "x", "2 3");
    wire_typed_port(&graph, 11, "n", WIRE_F32, "N");
    wire_ints(&graph, "two", (int64_t[]){2}, 1);
    wire_node(&graph, "Shape", "n", "length", -1);
    wire_node(&graph, "Equal", "length two", "is_two", -1);
    wire_if(&graph, "is_two", "y", &then_branch, &else_branch);
    wire_results(&graph, "y");
    return wire_model(&graph, 17);
}

/* On a side that is known not to be taken it does no harm; on the other it counts as anywhere else. */
TEST(test_unsupported_and_known)
{
    OWNED(context) context = make_context(NULL, 1);
    OPTIONS(load, options);

    for (int is_bound = 0; is_bound < 2; is_bound++) {
        const rnnp_bound_input bound = {.name = "flag", .number = 0};

        options.bound = &bound;
        options.n_bound = (size_t)is_bound;
        OWNED(model) model = open_with(context, choose("Det", "Abs", is_bound ? -1 : 0), &options);
        assert_int_equal(rnnp_model_node_count(model), 1);
        check(context, model, (rnnp_tensor[]){x_of(2)}, 1, absolute, 6);
    }
    refused(context, choose("Det", "Abs", 1), RNNP_ERR_UNSUPPORTED, "not supported: operator Det (p)");
    refused(context, choose("Det", "Dot", -1), RNNP_ERR_UNSUPPORTED, "operator Det (p), operator Dot (q)");
}

/* Neither do an attribute, a domain or a whole chain of nodes. */
TEST(test_unsupported_of_any_kind)
{
    OWNED(context) context = make_context(NULL, 1);

    for (int kind = 0; kind < 3; kind++) {
        DROPPED(free_buffer) buffer node = {0};
        buffer graph = {0}, a = branch("p"), b = branch_of("Neg", "x", "q");

        wire_head(&node, "Abs", kind == 2 ? "d" : "x", "p");
        if (kind == 0) wire_attr_int(&node, "slope", 1);
        if (kind == 1) wire_text(&node, 7, "my.domain");
        wire_message(&a, 1, &node);
        if (kind == 2) wire_node(&graph, "Det", "x", "d", -1); /* outside, but for this side alone */
        wire_port(&graph, 11, "x", "N 3");
        wire_constant(&graph, "flag", WIRE_BOOL, NULL, 0, &(char){0}, 1);
        wire_if(&graph, "flag", "y", &a, &b);
        wire_results(&graph, "y");
        OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
        check(context, model, (rnnp_tensor[]){x_of(2)}, 1, negated, 6);
    }
}

/* A run that takes the side is not made. A packed file keeps the node, an ONNX file cannot. */
TEST(test_unsupported_by_shape)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = open_with(context, det_of_two(), NULL);
    DROPPED(free_buffer) const buffer packed = write_model(model, NULL, 0);
    OWNED(model) mapped = NULL;
    const rnnp_tensor in[] = {x_of(2), {RNNP_DTYPE_F32, 1, {1}, .const_data = six}};
    const rnnp_tensor taken[] = {x_of(2), {RNNP_DTYPE_F32, 1, {2}, .const_data = six}};
    rnnp_node_info info = {.struct_size = sizeof info};
    rnnp_run *run;

    OK(rnnp_packed_open_memory(context, packed.at, packed.size, NULL, &mapped));
    OK(rnnp_model_node_info(model, find_node(model, "Unsupported", 0), &info));
    assert_string_equal(info.name, "p");
    assert_string_equal(info.note, "Det p: the operator is not in the table");
    for (int i = 0; i < 2; i++) {
        OWNED(plan) plan = make_plan(i ? mapped : model);

        check(context, i ? mapped : model, in, 2, negated, 6);
        REFUSED(context, rnnp_run_create(plan, taken, 2, &run), RNNP_ERR_UNSUPPORTED, "Det p: the operator is not in");
    }
    DROPPED(free_buffer) buffer none = {0};
    REFUSED(context, rnnp_onnx_write(model, take_bytes, &none), RNNP_ERR_UNSUPPORTED, "Det p");
}

/* An execution is never to find out. */
TEST(test_unsupported_by_data)
{
    OWNED(context) context = make_context(NULL, 1);

    for (int side = 0; side < 2; side++) {
        OWNED(model) model = open_with(context, side ? choose("Det", "Abs", -1) : choose("Abs", "Det", -1), NULL);
        OWNED(plan) plan = make_plan(model);
        const rnnp_tensor in[] = {x_of(2), flag_of(&(uint8_t){(uint8_t)!side})};
        rnnp_run *run;

        REFUSED(context, rnnp_run_create(plan, in, 2, &run), RNNP_ERR_UNSUPPORTED, "the operator is not in the table");
    }
}

/* What else is wrong with a file is said in its own words. */
TEST(test_unsupported_and_something_else)
{
    OWNED(context) context = make_context(NULL, 1);
    buffer graph = {0}, a = branch_of("Det", "x", "p"), b = branch("x");

    wire_port(&graph, 11, "x", "2 3");
    wire_typed_port(&graph, 11, "index", WIRE_I64, "1 1 1 1 1 1 1 1");
    wire_constant(&graph, "flag", WIRE_BOOL, NULL, 0, &(char){0}, 1);
    wire_if(&graph, "flag", "chosen", &a, &b);
    wire_node(&graph, "Gather", "chosen index", "y", -1);
    wire_results(&graph, "y");
    refused(context, wire_model(&graph, 17), RNNP_ERR_UNSUPPORTED, "Gather y: the result has rank 9");
}

/* ---- Decided by data ---- */

TEST(test_data)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = open_with(context, choose("Neg", "Abs", -1), NULL);
    DROPPED(free_buffer) const buffer onnx = save(context, model);
    OWNED(model) loaded = load(context, &onnx);

    for (uint8_t taken = 0; taken < 2; taken++) {
        const rnnp_tensor in[] = {x_of(2), flag_of(&taken)};
        check(context, model, in, 2, taken ? negated : absolute, 6);
        check(context, loaded, in, 2, taken ? negated : absolute, 6);
    }
}

/* One run for both sides, nested: what is not taken is not computed, so its errors do not count. */
TEST(test_not_taken_is_not_computed)
{
    OWNED(context) context = make_context(NULL, 1);
    buffer graph = {0}, inner_then = branch_of("Gather", "x far", "s"), inner_else = branch_of("Gather", "x near", "s");
    buffer then_branch = branch("p"), else_branch = branch_of("Gather", "x near", "q");

    wire_typed_port(&then_branch, 13, "unused", WIRE_F32, "1"); /* value_info */
    wire_if(&then_branch, "b", "p", &inner_then, &inner_else);
    wire_port(&graph, 11, "x", "2 3");
    wire_typed_port(&graph, 11, "a", WIRE_BOOL, "");
    wire_typed_port(&graph, 11, "b", WIRE_BOOL, "1");
    wire_typed_port(&graph, 11, "far", WIRE_I64, "1");
    wire_ints(&graph, "near", (int64_t[]){0}, 1);
    wire_if(&graph, "a", "y", &then_branch, &else_branch);
    wire_results(&graph, "y");
    OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
    OWNED(plan) plan = make_plan(model);
    const int64_t far = 7;
    uint8_t a = 0, b = 0;
    const rnnp_tensor in[] = {x_of(2),
                              flag_of(&a),
                              {RNNP_DTYPE_BOOL, 1, {1}, .const_data = &b},
                              {RNNP_DTYPE_I64, 1, {1}, .const_data = &far}};
    OWNED_NEW(run, run, plan, in, 4);
    for (int i = 0; i < 8; i++) {
        float y[3] = {0};
        rnnp_tensor out = {.data = y};

        a = i & 1;
        b = i >> 1 & 1;
        if (a && b) {
            REFUSED(context, rnnp_run_execute(run, in, 4, &out, 1), RNNP_ERR_ARG, "index 7");
        } else {
            OK(rnnp_run_execute(run, in, 4, &out, 1));
            assert_memory_equal(y, six, sizeof y);
        }
    }
}

/* A condition that is computed, and a node that both sides share. */
TEST(test_shared)
{
    OWNED(context) context = make_context(NULL, 1);
    buffer graph = {0}, then_branch = branch_of("Add", "shared own", "p"),
           else_branch = branch_of("Neg", "shared", "q");

    wire_port(&graph, 11, "x", "2 3");
    wire_port(&graph, 11, "a", "");
    wire_port(&graph, 11, "b", "");
    wire_node(&graph, "Abs", "x", "shared", -1);
    wire_node(&graph, "Neg", "x", "own", -1); /* of one side, and before the condition */
    wire_node(&graph, "Greater", "a b", "more", -1);
    wire_node(&graph, "Not", "more", "less", -1);
    wire_if(&graph, "less", "y", &then_branch, &else_branch);
    wire_results(&graph, "y");
    OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
    for (int less = 0; less < 2; less++) {
        const float a = 1, b = less ? 2 : 0;
        const rnnp_tensor in[] = {
            x_of(2), {RNNP_DTYPE_F32, 0, {0}, .const_data = &a}, {RNNP_DTYPE_F32, 0, {0}, .const_data = &b}};
        float want[6];

        for (size_t i = 0; i < 6; i++) want[i] = less ? absolute[i] - six[i] : -absolute[i];
        check(context, model, in, 3, want, 6);
    }
}

/* Sides of different shapes cannot wait for data. */
TEST(test_shapes_by_data)
{
    OWNED(context) context = make_context(NULL, 1);

    for (int rank = 0; rank < 2; rank++) {
        buffer graph = {0}, then_branch = branch_of(rank ? "Squeeze" : "Concat", rank ? "x zero" : "x", "p");
        buffer else_branch = branch_of("Identity", "x", "q");

        if (!rank) {
            free(then_branch.at);
            then_branch = branch("p");
            DROPPED(free_buffer) buffer node = {0};
            wire_head(&node, "Concat", "x x", "p");
            wire_attr_int(&node, "axis", 0);
            wire_message(&then_branch, 1, &node);
        }
        wire_port(&graph, 11, "x", "1 3");
        wire_typed_port(&graph, 11, "flag", WIRE_BOOL, "");
        wire_ints(&graph, "zero", (int64_t[]){0}, 1);
        wire_if(&graph, "flag", "y", &then_branch, &else_branch);
        wire_results(&graph, "y");
        OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
        OWNED(plan) plan = make_plan(model);
        const rnnp_tensor in[] = {x_of(1), flag_of(&(uint8_t){0})};
        rnnp_run *run;
        REFUSED(context, rnnp_run_create(plan, in, 2, &run), RNNP_ERR_UNSUPPORTED,
                rank ? "[3] in the then branch and [1,3]" : "[2,3] in the then branch and [1,3]");
    }
}

/* Steps of a stream may take different sides; a layer keeps its state through those that do not ask for it. */
TEST(test_stream)
{
    enum { T = 6, H = 3 };
    OWNED(context) context = make_context(NULL, 1);
    buffer graph = {0}, then_branch = branch_of("Neg", "h", "p"), else_branch = branch_of("Abs", "h", "q");
    DROPPED(free_buffer) buffer node = {0};
    float w[H * 3], r[H * H], x[T * 3];

    fill(w, H * 3, 1, 0.5f);
    fill(r, H * H, 2, 0.5f);
    fill(x, T * 3, 3, 1);
    wire_port(&graph, 11, "x", "T 1 3");
    wire_typed_port(&graph, 11, "flag", WIRE_BOOL, "");
    wire_constant(&graph, "w", WIRE_F32, (const int64_t[]){1, H, 3}, 3, w, sizeof w);
    wire_constant(&graph, "r", WIRE_F32, (const int64_t[]){1, H, H}, 3, r, sizeof r);
    wire_head(&node, "RNN", "x w r", "h");
    wire_attr_int(&node, "hidden_size", H);
    wire_message(&graph, 1, &node);
    wire_if(&graph, "flag", "y", &then_branch, &else_branch);
    wire_results(&graph, "y");
    OWNED(model) model = open_with(context, wire_model(&graph, 17), NULL);
    OWNED(plan) plan = make_plan(model);
    OWNED_NEW(stream, stream, plan, NULL);
    for (int64_t t = 0; t < T; t++) {
        const uint8_t taken = t % 3 == 1;
        const rnnp_tensor whole[] = {tensor3(x, T, 1, 3), flag_of(&taken)};
        const rnnp_tensor step[] = {tensor3(x + 3 * t, 1, 1, 3), flag_of(&taken)};
        float y[H];
        rnnp_tensor out = {.data = y};
        DROPPED(free_outputs) produced o = run_plan(plan, whole, 2);

        OK(o.status);
        OK(rnnp_stream_step(stream, step, 2, &out, 1));
        assert_memory_equal(y, (const float *)o.out[0].data + t * H, sizeof y);
    }
}

/* ---- Files that are wrong ---- */

TEST(test_bad_files)
{
    OWNED(context) context = make_context(NULL, 1);
    buffer graph, a, b;

#define BEGIN(then_, else_)            \
    graph = (buffer){0};               \
    a = then_;                         \
    b = else_;                         \
    wire_port(&graph, 11, "x", "N 3"); \
    wire_typed_port(&graph, 11, "flag", WIRE_BOOL, "")
#define END(condition, to, status, words)   \
    wire_if(&graph, condition, to, &a, &b); \
    wire_results(&graph, to);               \
    refused(context, wire_model(&graph, 17), status, words)

    BEGIN(branch("x"), branch("x x"));
    END("flag", "y", RNNP_ERR_FORMAT, "its else_branch has 0 and 2, expected 0 and 1");
    BEGIN(branch("x"), branch("x"));
    END("flag", "y z", RNNP_ERR_FORMAT, "its then_branch has 0 and 1, expected 0 and 2");
    BEGIN(branch("x"), branch("x"));
    END("x", "y", RNNP_ERR_TYPE, "input 0 of type f32");
    BEGIN(branch("x"), branch("x"));
    wire_typed_port(&graph, 11, "flags", WIRE_BOOL, "2");
    END("flags", "y", RNNP_ERR_SHAPE, "the condition");
    BEGIN(branch_of("Neg", "nobody", "p"), branch("x"));
    END("flag", "y", RNNP_ERR_FORMAT, "reads \"nobody\"");
    BEGIN(branch("nothing"), branch("x"));
    END("flag", "y", RNNP_ERR_FORMAT, "nothing computes output \"nothing\" of its then_branch");
    BEGIN(branch_of("Neg", "after", "p"), branch("x"));
    wire_node(&graph, "Abs", "y", "after", -1);
    END("flag", "y", RNNP_ERR_FORMAT, "cycle");
    BEGIN(branch_of("Neg", "y", "p"), branch("x"));
    END("flag", "y", RNNP_ERR_FORMAT, "cycle");
    BEGIN(branch_of("Neg", "p", "p"), branch("x"));
    END("flag", "y", RNNP_ERR_FORMAT, "cycle");
    BEGIN(branch("flag"), branch("x"));
    END("flag", "y", RNNP_ERR_TYPE, "bool in the then branch and f32 in the else branch");
    BEGIN(branch("p"), branch("x"));
    wire_node(&a, "Neg", "x", "p", -1);
    wire_node(&a, "Abs", "x", "p", -1);
    END("flag", "y", RNNP_ERR_FORMAT, "defined twice");
    BEGIN(branch("x"), branch("x"));
    wire_port(&a, 11, "x", "N 3");
    END("flag", "y", RNNP_ERR_FORMAT, "its then_branch has 1 and 1, expected 0 and 1");
    /* what a branch has, nobody outside of it sees */
    BEGIN(branch_of("Neg", "x", "p"), branch("x"));
    wire_if(&graph, "flag", "y", &a, &b);
    wire_node(&graph, "Neg", "p", "z", -1);
    wire_results(&graph, "z");
    refused(context, wire_model(&graph, 17), RNNP_ERR_FORMAT, "reads \"p\"");
    /* one branch alone */
    graph = (buffer){0};
    DROPPED(free_buffer) buffer node = {0};
    wire_head(&node, "If", "flag", "y");
    a = branch("x");
    wire_attr_graph(&node, "then_branch", &a);
    wire_message(&graph, 1, &node);
    wire_typed_port(&graph, 11, "flag", WIRE_BOOL, "");
    wire_port(&graph, 11, "x", "N");
    wire_results(&graph, "y");
    refused(context, wire_model(&graph, 17), RNNP_ERR_FORMAT, "no else_branch");
}

/* Branches in branches, as deep as files may be, and deeper; all nodes count. */
TEST(test_depth)
{
    OWNED(context) context = make_context(NULL, 1);

    for (size_t depth = 12; depth < 24; depth++) {
        buffer inner = branch_of("Neg", "x", "y"), graph = {0};
        rnnp_model *model = NULL;

        for (size_t i = 0; i < depth; i++) {
            buffer outer = branch("y"), other = branch("x");

            wire_if(&outer, "flag", "y", &inner, &other);
            inner = outer;
        }
        buffer last = branch("x");
        wire_port(&graph, 11, "x", "N 3");
        wire_typed_port(&graph, 11, "flag", WIRE_BOOL, "");
        wire_if(&graph, "flag", "y", &inner, &last);
        wire_results(&graph, "y");
        DROPPED(free_buffer) const buffer file = wire_model(&graph, 17);
        const rnnp_status status = rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model);
        if (status != RNNP_OK) assert_int_equal(status, RNNP_ERR_FORMAT);
        if (depth == 12) OK(status);
        if (depth == 23) FAILS(status, RNNP_ERR_FORMAT);
        rnnp_model_destroy(model);
    }
    OPTIONS(load, options);
    options.max_nodes = 2;
    rnnp_model *model;
    DROPPED(free_buffer) const buffer file = choose("Neg", "Abs", 1);
    REFUSED(context, rnnp_onnx_open_memory(context, file.at, file.size, &options, &model), RNNP_ERR_LIMIT, "max_nodes");
}

/* Whatever allocation fails, nothing is left behind. */
TEST(test_memory)
{
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    DROPPED(free_buffer) const buffer file = squeeze_rows(), by_data = choose("Neg", "Abs", -1);
    DROPPED(free_buffer) const buffer unsupported = det_of_two();
    const rnnp_tensor in[] = {x_of(2), flag_of(&(uint8_t){1})};
    rnnp_model *model, *other;
    rnnp_run *run;

    UNTIL_OK(heap, rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model)) assert_null(model);
    UNTIL_OK(heap, rnnp_onnx_open_memory(context, unsupported.at, unsupported.size, NULL, &other)) assert_null(other);
    rnnp_model_destroy(other);
    UNTIL_OK(heap, rnnp_onnx_open_memory(context, by_data.at, by_data.size, NULL, &other)) assert_null(other);
    for (int i = 0; i < 2; i++) {
        OWNED(plan) plan = make_plan(i ? other : model);

        UNTIL_OK(heap, rnnp_run_create(plan, in, i ? 2 : 1, &run)) assert_null(run);
        rnnp_run_destroy(run);
    }
    rnnp_model_destroy(model);
    rnnp_model_destroy(other);
}

/* As a call of the model API. */
TEST(test_calls)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_model(context);
    const rnnp_value x = input3(model, "x", 1, 2, 3);
    rnnp_value flag, y = 0;

    OK(rnnp_model_add_input(model, "flag", RNNP_DTYPE_BOOL, 0, NULL, NULL, &flag));
    const rnnp_value other = node1(model, "Neg", x), given[] = {flag, x, other, RNNP_NONE};
    REFUSED(context, rnnp_model_add_node(model, "If", 17, "c", given, 2, NULL, 0, &y, 1), RNNP_ERR_ARG,
            "2 inputs for 1 outputs, expected 3");
    REFUSED(context, rnnp_model_add_node(model, "If", 17, "c", given + 1, 3, NULL, 0, &y, 1), RNNP_ERR_ARG,
            "input 2 is absent");
    OK(rnnp_model_add_node(model, "If", 17, "c", given, 3, NULL, 0, &y, 1));
    close_with(model, "y", y);
    const rnnp_tensor in[] = {tensor3(six, 1, 2, 3), flag_of(&(uint8_t){0})};
    check(context, model, in, 2, negated, 6);
}
