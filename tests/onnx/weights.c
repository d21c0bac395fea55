/* SPDX-License-Identifier: Apache-2.0
 *
 * Models with weights in every format through an ONNX file and back: the same bits, and the same file again. What the
 * nodes of the file are.
 */
#include "save.h"

#include <onnx/onnx.pb-c.h>

ONE_CONTEXT(1)

/* How many nodes of the file have the operator. */
static size_t count_nodes(const buffer *file, const char *op)
{
    Onnx__ModelProto *m = onnx__model_proto__unpack(NULL, file->size, file->at);
    size_t n = 0;

    assert_non_null(m);
    for (size_t i = 0; i < m->graph->n_node; i++) n += strcmp(m->graph->node[i]->op_type, op) == 0;
    onnx__model_proto__free_unpacked(m, NULL);
    return n;
}

/* Types of the layers' weights in a model. */
static size_t count_weights(const rnnp_model *model, rnnp_dtype dtype)
{
    size_t n = 0;

    for (size_t i = 0; i < rnnp_model_node_count(model); i++) {
        rnnp_node_info info = {.struct_size = sizeof info};
        rnnp_port_info port = {.struct_size = sizeof port};

        OK(rnnp_model_node_info(model, i, &info));
        if (strcmp(info.op, "Gemm") && strcmp(info.op, "MatMul") && strcmp(info.op, "RNN") && strcmp(info.op, "GRU") &&
            strcmp(info.op, "LSTM"))
            continue;
        OK(rnnp_model_node_input_info(model, i, 1, &port));
        n += port.dtype == dtype;
    }
    return n;
}

/* `keeps`: no output is a constant that nodes read, too, which the file has as an Identity. */
static void assert_round_trip(const rnnp_model *model, rnnp_dtype dtype, int keeps)
{
    DROPPED(free_buffer) const buffer file = save(context, model);
    OWNED(model) back = load(context, &file);
    DROPPED(free_buffer) const buffer again = save(context, back);
    OWNED(model) third = load(context, &again);
    DROPPED(free_buffer) const buffer last = save(context, third);

    assert_true(count_weights(model, dtype) > 0);
    assert_int_equal(count_weights(back, dtype), count_weights(model, dtype));
    assert_int_equal(count_weights(back, RNNP_DTYPE_F32), count_weights(model, RNNP_DTYPE_F32));
    if (keeps) assert_same_bytes(&file, &again);
    assert_same_bytes(&again, &last);
    DROPPED(free_outputs) produced a = plan_and_run(model), b = plan_and_run(back);
    assert_true(equal_outputs(&a, &b));
}

TEST(test_every_model_in_every_format)
{
    static const struct {
        rnnp_weights weights;
        rnnp_dtype dtype;
    } formats[] = {
        {RNNP_WEIGHTS_F16, RNNP_DTYPE_F16}, {RNNP_WEIGHTS_BF16, RNNP_DTYPE_BF16}, {RNNP_WEIGHTS_S8, RNNP_DTYPE_I8}};
    rnnp_model *model;
    size_t n = 0;

    for (; (model = make_any(context, n)) != NULL; n++) {
        for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
            OWNED(model) quantized = quantized_to(model, formats[f].weights);

            assert_round_trip(quantized, formats[f].dtype, n > 0);
        }
        rnnp_model_destroy(model);
    }
    assert_int_equal(n, 25);
}

/* A Gemm whose C is a matrix or that transposes, and one that DynamicQuantizeMatMul expresses; the same B in both,
 * and in a MatMul. */
TEST(test_products)
{
    static const int64_t shape[] = {RNNP_DYNAMIC, 19};
    const rnnp_attr attrs[] = {{.name = "transB", .kind = RNNP_ATTR_INT, .i = 1},
                               {.name = "alpha", .kind = RNNP_ATTR_FLOAT, .f = 0.5f},
                               {.name = "transA", .kind = RNNP_ATTR_INT, .i = 1}};
    FREED float *numbers_of_b = numbers(19 * 19, 3, 1);
    const rnnp_tensor matrix = {RNNP_DTYPE_F32, 2, {19, 19}, .data = numbers_of_b},
                      row = {RNNP_DTYPE_F32, 1, {19}, .data = numbers_of_b},
                      flat = {RNNP_DTYPE_F32, 2, {1, 19}, .data = numbers_of_b};
    OWNED(model) model = make_model(context);
    rnnp_value x, b, c, wide, y;

    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 2, shape, NULL, &x));
    OK(rnnp_model_add_constant(model, "b", &matrix, &b));
    OK(rnnp_model_add_constant(model, "c", &row, &c));
    OK(rnnp_model_add_constant(model, "wide", &flat, &wide));
    y = node2(model, "MatMul", x, b);
    y = node(model, "Gemm", (rnnp_value[]){y, b, c}, 3, attrs, 1);
    y = node(model, "Gemm", (rnnp_value[]){y, b, c}, 3, NULL, 0);
    y = node(model, "Gemm", (rnnp_value[]){y, b}, 2, attrs, 1);
    y = node(model, "Gemm", (rnnp_value[]){y, b, wide}, 3, attrs, 1);
    y = node(model, "Gemm", (rnnp_value[]){y, b, c}, 3, attrs, 2);
    close_with(model, "y", y);
    OWNED(model) quantized = quantized_to(model, RNNP_WEIGHTS_S8);
    DROPPED(free_buffer) const buffer file = save(context, quantized);
    assert_int_equal(count_nodes(&file, "DynamicQuantizeMatMul"), 4);
    assert_int_equal(count_nodes(&file, "Gemm"), 2);
    assert_int_equal(count_nodes(&file, "DequantizeLinear"), 2);
    OWNED(model) back = load(context, &file);
    DROPPED(free_buffer) const buffer again = save(context, back);
    assert_same_bytes(&file, &again);
    assert_int_equal(count_weights(back, RNNP_DTYPE_I8), 6);

    float in[19], out[2][19];
    fill(in, 19, 4, 1);
    for (int i = 0; i < 2; i++) {
        const rnnp_tensor from = {RNNP_DTYPE_F32, 2, {1, 19}, .data = in};
        rnnp_tensor to = {.data = out[i]};
        OWNED(plan) plan = make_plan(i ? back : quantized);
        OWNED_NEW(run, run, plan, &from, 1);

        OK(rnnp_run_execute(run, &from, 1, &to, 1));
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
}

/* The file without the list of marks: DequantizeLinear is what the standard says, f32. */
TEST(test_without_marks)
{
    OWNED(model) model = make_recurrent(context, 2);
    OWNED(model) quantized = quantized_to(model, RNNP_WEIGHTS_S8);
    DROPPED(free_buffer) const buffer file = save(context, quantized);
    Onnx__ModelProto *m = onnx__model_proto__unpack(NULL, file.size, file.at);
    static const char *const bad[] = {"x", "3:ab,", "2:ab", "99999999999:a,", "2ab,", ":,", "2:ab,1"};

    assert_int_equal(count_nodes(&file, "DequantizeLinear"), 2);
    assert_int_equal(m->n_metadata_props, 1);
    assert_string_equal(m->metadata_props[0]->key, "rnnpack.weights");
    DROPPED(free_buffer) buffer plain = {0};
    char *kept = m->metadata_props[0]->value;
    unsigned char *bytes = malloc(2 * file.size);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rnnp_model *none;

        m->metadata_props[0]->value = (char *)(uintptr_t)bad[i];
        REFUSED(context, rnnp_onnx_open_memory(context, bytes, onnx__model_proto__pack(m, bytes), NULL, &none),
                i == 5 ? RNNP_OK : RNNP_ERR_FORMAT, i == 5 ? "" : "rnnpack.weights");
        rnnp_model_destroy(none);
    }
    m->metadata_props[0]->value = kept;
    m->n_metadata_props = 0;
    take_bytes(&plain, bytes, onnx__model_proto__pack(m, bytes));
    m->n_metadata_props = 1;
    onnx__model_proto__free_unpacked(m, NULL);
    free(bytes);
    OWNED(model) foreign = load(context, &plain);
    assert_int_equal(count_weights(foreign, RNNP_DTYPE_F32), 1);
    DROPPED(free_outputs) produced a = plan_and_run(quantized), b = plan_and_run(foreign);
    double most = 0;
    for (size_t i = 0; i < rnnp_tensor_elements(&a.out[0]); i++)
        most = fmax(most, fabs((double)((float *)a.out[0].data)[i] - (double)((float *)b.out[0].data)[i]));
    assert_true(most > 0 && most < 0.02);
}

/* Bytes of files with 8-bit layers, changed one by one: an error or a model, and nothing is lost. */
TEST(test_damaged)
{
    static const unsigned char changes[] = {0x01, 0x02, 0x08, 0x80, 0xff};

    for (size_t index = 0; index < 5; index++) {
        WATCHED heap = {0};
        OWNED(context) own = make_context(&heap, 1);
        OWNED(model) f32 = make_any(own, index);
        OWNED(model) model = quantized_to(f32, RNNP_WEIGHTS_S8);
        DROPPED(free_buffer) const buffer file = save(own, model);
        const size_t live = atomic_load(&heap.live_blocks);
        size_t opened = 0, refused = 0;

        for (size_t i = 0; i < file.size; i += i + 1200 < file.size && i > 200 ? 13 : 1) {
            const unsigned char kept = file.at[i];
            rnnp_model *back = NULL;

            file.at[i] ^= changes[i % sizeof changes];
            if (rnnp_onnx_open_memory(own, file.at, file.size, NULL, &back) == RNNP_OK)
                opened++;
            else
                refused++;
            assert_true(back || atomic_load(&heap.live_blocks) == live);
            rnnp_model_destroy(back);
            assert_int_equal(atomic_load(&heap.live_blocks), live);
            file.at[i] = kept;
        }
        assert_true(opened > 0 && refused > 0);
    }
}

TEST(test_no_memory)
{
    for (size_t index = 0; index < 4; index++) {
        WATCHED heap = {0};
        OWNED(context) own = make_context(&heap, 1);
        OWNED(model) f32 = make_any(own, index);
        OWNED(model) model = quantized_to(f32, RNNP_WEIGHTS_S8);
        DROPPED(free_buffer) const buffer whole = save(own, model);
        size_t before = atomic_load(&heap.calls), live = atomic_load(&heap.live_blocks);
        rnnp_model *back = load(own, &whole);
        const size_t calls = atomic_load(&heap.calls) - before;

        rnnp_model_destroy(back);
        for (size_t n = 1; n <= calls; n++) {
            heap.fail_at = atomic_load(&heap.calls) + n;
            assert_int_equal(rnnp_onnx_open_memory(own, whole.at, whole.size, NULL, &back), RNNP_ERR_MEMORY);
            assert_int_equal(atomic_load(&heap.live_blocks), live);
        }
        before = atomic_load(&heap.calls);
        buffer b = save(own, model);
        const size_t saves = atomic_load(&heap.calls) - before;
        free(b.at);
        for (size_t n = 1; n <= saves; n++) {
            b = (buffer){0};
            heap.fail_at = atomic_load(&heap.calls) + n;
            assert_int_equal(rnnp_onnx_write(model, take_bytes, &b), RNNP_ERR_MEMORY);
            assert_int_equal(atomic_load(&heap.live_blocks), live);
        }
        heap.fail_at = 0;
    }
}
