/* SPDX-License-Identifier: Apache-2.0
 *
 * save <folder of our cases> [<ONNX's node tests>]: models written as ONNX files and loaded again are the same models,
 * whether they were loaded, built or packed before; and what the format cannot hold is refused.
 */
#include "case.h"

#include "../corpus/models.h"
#include "../model/answer.h"
#include "../model/graph.h"
#include "save.h"

#include <glob.h>

static char **folders;

/* ---- Models as they come ---- */

/* Saves, loads, asks both; saves again. Returns 1 when the model ran, 0 when it does not run on made-up inputs. */
static int check_model(rnnp_context *context, const rnnp_model *model)
{
    DROPPED(free_buffer) buffer file = save(context, model), twice = save(context, model);
    OWNED(model) loaded = load(context, &file);
    DROPPED(free_buffer) buffer again = save(context, loaded);

    assert_same_bytes(&file, &twice);
    assert_same_bytes(&file, &again);
    assert_same_graph(0, model, loaded);
    assert_int_equal(rnnp_model_constant_elements(model), rnnp_model_constant_elements(loaded));
    DROPPED(free_answer) answer a = ask(context, model), b = ask(context, loaded);
    assert_same_answers(&a, &b);
    const int ran = a.got.status == RNNP_OK;
    return ran;
}

/* By way of a packed file, which answers as the model does, and written again is the same file. */
static void check_packed(rnnp_context *context, const rnnp_model *model)
{
    DROPPED(free_buffer) buffer direct = save(context, model), packed = write_for_all(model);
    OWNED(model) opened = NULL;

    OK(rnnp_packed_open_memory(context, packed.at, packed.size, NULL, &opened));
    DROPPED(free_buffer) buffer file = save(context, opened), again = write_for_all(opened);
    assert_same_bytes(&direct, &file);
    assert_same_bytes(&packed, &again);
    assert_int_equal(rnnp_model_node_count(model), rnnp_model_node_count(opened));
    DROPPED(free_answer) answer a = ask(context, model), b = ask(context, opened);
    assert_same_answers(&a, &b);
}

static int check_case(rnnp_context *context, const onnx_case *c)
{
    const rnnp_load_options options = {.struct_size = sizeof options, .directory = c->directory};
    size_t size;
    FREED void *bytes = case_pack(c, &size);
    rnnp_model *model;
    int ran = 0;

    assert_non_null(bytes);
    if (rnnp_onnx_open_memory(context, bytes, size, &options, &model) == RNNP_OK) {
        ran = check_model(context, model);
        check_packed(context, model);
        rnnp_model_destroy(model);
    }
    return ran;
}

static size_t check_folder(rnnp_context *context, const char *folder, case_status (*read)(const char *, onnx_case *),
                           size_t *seen)
{
    char pattern[600];
    glob_t found;
    size_t ran = 0;

    snprintf(pattern, sizeof pattern, "%s/*/*.onnx", folder);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        onnx_case c;

        if (read(found.gl_pathv[i], &c) == CASE_READ) {
            ++*seen;
            ran += (size_t)check_case(context, &c);
            if (case_make_constant(&c, RNNP_DTYPE_I64)) /* shapes and axes, which node tests give at run time */
                ran += (size_t)check_case(context, &c);
        }
        case_free(&c);
    }
    globfree(&found);
    return ran;
}

TEST(test_cases)
{
    OWNED(context) context = make_context(NULL, 1);
    size_t seen = 0, ran = check_folder(context, folders[0], case_read_ours, &seen);

    assert_true(ran >= 100);
    if (folders[1]) ran += check_folder(context, folders[1], case_read_node_test, &seen);
    printf("%zu cases, of which %zu models ran after saving as they did before\n", seen, ran);
}

TEST(test_corpus)
{
    enum { EVERY = 5 };
    OWNED(context) context = make_context(NULL, 1);
    corpus_entry entry;

    for (size_t i = 0; corpus_at(i, &entry); i += EVERY) {
        OWNED(model) model = corpus_model(context, &entry);

        assert_non_null(model);
        check_model(context, model);
    }
}

TEST(test_layers)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_model *model;

    for (size_t i = 0; (model = make_recurrent(context, i)) != NULL; i++) {
        assert_true(check_model(context, model) || i >= 12); /* made-up lengths need not fit */
        check_packed(context, model);
        rnnp_model_destroy(model);
    }
}

/* ---- Names and outputs ---- */

/* The file as a message, to be freed; bytes are freed here. */
static Onnx__ModelProto *unpack(buffer *bytes)
{
    Onnx__ModelProto *file = onnx__model_proto__unpack(NULL, bytes->size, bytes->at);

    assert_non_null(file);
    free(bytes->at);
    return file;
}

static int has_initializer(const Onnx__GraphProto *g, const char *name)
{
    size_t i = 0;

    while (i < g->n_initializer && strcmp(g->initializer[i]->name, name) != 0) i++;
    return i < g->n_initializer;
}

/* Constants as outputs, one of them read by a node, too. */
TEST(test_constant_outputs)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_classifier(context);
    buffer file = save(context, model);
    OWNED(model) loaded = load(context, &file);
    produced a = plan_and_run(model), b = plan_and_run(loaded);

    assert_same_graph(0, model, loaded);
    assert_true(equal_outputs(&a, &b));
    check_model(context, loaded);
    free_outputs(&a);
    free_outputs(&b);
    Onnx__ModelProto *message = unpack(&file);
    assert_true(has_initializer(message->graph, "square")); /* its own name, although it is the output "weights" */
    assert_false(has_initializer(message->graph, "weights"));
    onnx__model_proto__free_unpacked(message, NULL);
}

/* Nodes, constants and an input of one name; an input and a result that are several outputs. */
TEST(test_names)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_model *model =
        make_graph(context, "same: f32[rows, 3]; x = same; same = f32[3]{1,2,4}; y = Add'same'(x, same);"
                            "same_2 = f32[3]{1,2,4}; z = Neg'same'(Neg'same'(Mul'same'(y, same_2)));"
                            "-> sum = y, sum_again = y, product = z, same = x, input = x");
    Onnx__ModelProto *message;

    buffer file = save(context, model);
    rnnp_model *loaded = load(context, &file);
    assert_int_equal(rnnp_model_node_count(loaded), 6); /* two Identity */
    answer a = ask(context, model), b = ask(context, loaded);
    OK(a.got.status);
    assert_same_answers(&a, &b);
    assert_true(check_model(context, loaded));
    message = unpack(&file);
    assert_string_equal(message->graph->initializer[0]->name, "same_2");
    assert_string_equal(message->graph->initializer[1]->name, "same_2_2");
    assert_string_equal(message->graph->node[1]->name, "same");
    assert_string_equal(message->graph->node[1]->output[0], "same_3");
    assert_string_equal(message->graph->node[2]->output[0], "same_4");
    onnx__model_proto__free_unpacked(message, NULL);
    free_answer(&a);
    free_answer(&b);
    rnnp_model_destroy(loaded);
    rnnp_model_destroy(model);

    model = make_graph(context, "x: f32[?,3]; -> x = Neg(x)");
    buffer nothing = {0};
    REFUSED(context, rnnp_onnx_write(model, take_bytes, &nothing), RNNP_ERR_UNSUPPORTED,
            "output x has the name of an input");
    assert_int_equal(nothing.size, 0);
    rnnp_model_destroy(model);
}

/* The file itself, which other programs read: names, types, attributes of all kinds, one opset. */
TEST(test_file)
{
    static const int64_t shape[] = {RNNP_DYNAMIC, 2, RNNP_DYNAMIC}, perm[] = {2, 0, 1};
    static const float half = 0.5f;
    const rnnp_tensor value = {RNNP_DTYPE_F32, 1, {1}, .const_data = &half},
                      ratio = {RNNP_DTYPE_F32, 0, {0}, .data = value.data};
    const rnnp_attr fill_with = {.name = "value", .kind = RNNP_ATTR_TENSOR, .tensor = &value};
    const rnnp_attr turn = {.name = "perm", .kind = RNNP_ATTR_INTS, .ints = perm, .count = 3};
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_model(context);
    rnnp_value x, y, k, mask[2] = {0, RNNP_NONE};

    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 3, shape, (const char *const[]){"steps", NULL, NULL}, &x));
    OK(rnnp_model_add_constant(model, "rate", &ratio, &k));
    OK(rnnp_model_add_node(model, "Dropout", 13, "drop", (rnnp_value[]){x, k}, 2, NULL, 0, mask, 2));
    y = node1(model, "Shape", mask[0]);
    y = node(model, "ConstantOfShape", &y, 1, &fill_with, 1);
    y = node2(model, "Add", y, mask[0]);
    close_with(model, "y", node(model, "Transpose", &y, 1, &turn, 1));
    buffer bytes = save(context, model);
    Onnx__ModelProto *file = unpack(&bytes);
    assert_int_equal(file->ir_version, 8);
    assert_string_equal(file->producer_name, "rnnpack");
    assert_int_equal(file->n_opset_import, 1);
    assert_string_equal(file->opset_import[0]->domain, "");
    assert_int_equal(file->opset_import[0]->version, 17);
    const Onnx__GraphProto *g = file->graph;
    assert_int_equal(g->n_initializer, 1);
    assert_string_equal(g->initializer[0]->name, "rate");
    assert_int_equal(g->initializer[0]->n_dims, 0);
    assert_int_equal(g->initializer[0]->raw_data.len, sizeof half);
    assert_int_equal(g->input[0]->type->tensor_type->elem_type, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    Onnx__TensorShapeProto__Dimension *const *dim = g->input[0]->type->tensor_type->shape->dim;
    assert_string_equal(dim[0]->dim_param, "steps");
    assert_int_equal(dim[1]->dim_value, 2);
    assert_int_equal(dim[2]->value_case, ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE__NOT_SET);
    assert_int_equal(g->n_node, 5);
    assert_string_equal(g->node[0]->op_type, "Dropout");
    assert_string_equal(g->node[0]->name, "drop");
    assert_string_equal(g->node[0]->input[1], "rate");
    assert_string_equal(g->node[0]->output[1], "");
    assert_string_equal(g->node[4]->output[0], "y");
    assert_memory_equal(g->node[4]->attribute[0]->ints, perm, sizeof perm);
    onnx__model_proto__free_unpacked(file, NULL);
    assert_true(check_model(context, model));
}

/* ---- Opsets ---- */

/* x through op of one opset, then Neg of another. */
static rnnp_model *make_mixed(rnnp_context *context, const char *op, int opset, const char *attr, int neg_opset)
{
    return make_graph(context, "x: f32[2,1,4]; -> y = Neg@%d'new'(%s@%d'old'(x, %s))", neg_opset, op, opset, attr);
}

TEST(test_opsets)
{
    static const char axes[] = "axes={1}", pads[] = "pads={0,0,1,0,0,1}";
    static const char hot[] = "i64{3}, f32[2]{0,1}", put[] = "i64[1,1,1]{0}, f32[1,1,1]{2}";
    static const struct {
        const char *op;
        int opset;
        const char *attr;
        int last; /* opset that it may be written in; the next one refuses */
    } cases[] = {
        {"Relu", 7, "", 22},        {"Sign", 7, "", 22},          {"Squeeze", 7, axes, 12},
        {"Squeeze", 7, "", 22},     {"Softmax", 12, "", 12},      {"Softmax", 13, "", 22},
        {"LogSoftmax", 7, "", 12},  {"Clip", 7, "min=-0.5", 10},  {"Clip", 7, "max=0.5", 10},
        {"Clip", 7, "", 10},        {"ReduceMean", 13, axes, 17}, {"ReduceMax", 13, axes, 17},
        {"ReduceMin", 7, axes, 17}, {"ReduceSum", 11, axes, 12},  {"Unsqueeze", 11, axes, 12},
        {"ReduceMean", 13, "", 22}, {"Split", 7, "", 17},         {"Split", 13, "", 17},
        {"TopK", 7, "k=2", 9},      {"Pad", 7, pads, 10},         {"OneHot", 9, hot, 10},
        {"Scatter", 9, put, 10},
    };
    OWNED(context) context = make_context(NULL, 1);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        OWNED(model) model = make_mixed(context, cases[i].op, cases[i].opset, cases[i].attr, cases[i].last);
        buffer nothing = {0};

        check_model(context, model);
        if (cases[i].last == 22) continue;
        OWNED(model) later = make_mixed(context, cases[i].op, cases[i].opset, cases[i].attr, cases[i].last + 1);
        REFUSED(context, rnnp_onnx_write(later, take_bytes, &nothing), RNNP_ERR_UNSUPPORTED, " old is of opset ");
        assert_says(context, "Neg new of opset ");
        assert_says(context, "an ONNX file has one opset");
        assert_int_equal(nothing.size, 0);
    }
}

/* The mask of Dropout became bool in opset 10: it matters where it is used. */
TEST(test_dropout_mask)
{
    OWNED(context) context = make_context(NULL, 1);

    for (int used = 0; used < 2; used++) {
        OWNED(model)
        model = make_graph(context, "x: f32[2]; y, mask = Dropout@9'drop'(x); -> z = Neg@11'new'(y)%s",
                           used ? ", mask" : "");
        DROPPED(free_buffer) buffer b = {0};

        assert_int_equal(rnnp_onnx_write(model, take_bytes, &b), used ? RNNP_ERR_UNSUPPORTED : RNNP_OK);
        if (used) assert_says(context, "Dropout drop is of opset 9 and Neg new of opset 11");
    }
}

/* An operator that the nodes' opset does not have yet. */
TEST(test_young_operator)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_mixed(context, "Sign", 7, "", 8);
    buffer bytes = save(context, model);
    Onnx__ModelProto *file = unpack(&bytes);

    assert_int_equal(file->opset_import[0]->version, 9);
    onnx__model_proto__free_unpacked(file, NULL);
}

int tests_begin(char **arguments)
{
    folders = arguments;
    return *arguments ? 0 : 2;
}
