/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of other programs with 8-bit layers of com.microsoft and with all values in f16: what becomes of their weights,
 * and what is refused.
 */
#include "kernels/halves.h"
#include "wire.h"

ONE_CONTEXT(1)

enum { IN = 3, UNITS = 2, ROWS = 4 * UNITS, I8 = 3, U8 = 2, I32 = 6, F16 = 10 };

/* ---- Files ---- */

/* attributes: whole numbers that the caller has added, freed here; NULL: none. */
static void microsoft_node_with(buffer *graph, const char *op, const char *const *inputs, size_t n, const char *to,
                                const buffer *attributes)
{
    DROPPED(free_buffer) buffer node = attributes ? *attributes : (buffer){0};

    for (size_t i = 0; i < n; i++) wire_text(&node, 1, inputs[i]);
    wire_text(&node, 2, to);
    wire_text(&node, 3, "layer");
    wire_text(&node, 4, op);
    wire_text(&node, 7, "com.microsoft");
    wire_message(graph, 1, &node);
}

static void microsoft_node(buffer *graph, const char *op, const char *const *inputs, size_t n, const char *to)
{
    microsoft_node_with(graph, op, inputs, n, to, NULL);
}

static void typed_port(buffer *graph, unsigned field, const char *name, int type, const char *dims)
{
    DROPPED(free_buffer) buffer dim = {0}, shape = {0}, tensor = {0}, kind = {0}, info = {0};

    for (; *dims; dims++) {
        if (*dims >= '0' && *dims <= '9')
            wire_int(&dim, 1, *dims - '0');
        else
            wire_bytes(&dim, 2, dims, 1);
        wire_message(&shape, 1, &dim);
    }
    wire_int(&tensor, 1, type);
    wire_message(&tensor, 2, &shape);
    wire_message(&kind, 1, &tensor);
    wire_text(&info, 1, name);
    wire_message(&info, 2, &kind);
    wire_message(graph, field, &info);
}

/* How a layer's weights are quantised. */
typedef struct scheme {
    int type, zero_type, scale_type;
    size_t scales, zeros; /* 1 or ROWS; zeros 0: none */
    float scale;
    int zero, first; /* first: the first weight */
    int rank;
} scheme;

static const scheme usual = {I8, I8, WIRE_F32, ROWS, ROWS, 0.01f, 0, 5, 3};

static int weight_at(const scheme *s, size_t i)
{
    return i == 0 ? s->first : (int)(i * 31 % 101) - (s->type == I8 ? 50 : -70);
}

/* W [1][IN][ROWS] and R [1][UNITS][ROWS]. */
static void add_weights(buffer *graph, const scheme *s, const char *name, const char *scale, const char *zero,
                        int64_t depth)
{
    const int64_t shape[3] = {1, depth, ROWS}, few[2] = {1, s->scales == 1 ? 1 : ROWS};
    uint8_t q[IN * ROWS], zeros[ROWS];
    float scales[ROWS];

    for (size_t i = 0; i < (size_t)depth * ROWS; i++) q[i] = (uint8_t)weight_at(s, i);
    for (size_t i = 0; i < ROWS; i++) {
        scales[i] = s->scale * (float)(i + 1);
        zeros[i] = (uint8_t)s->zero;
    }
    wire_constant(graph, name, s->type, shape + 3 - s->rank, (size_t)s->rank, q, (size_t)depth * ROWS);
    wire_constant(graph, scale, s->scale_type, s->scales == 1 ? few + 1 : few, s->scales == 1 ? 1 : 2, scales,
                  s->scales * sizeof(float));
    if (s->zeros) wire_constant(graph, zero, s->zero_type, few, s->zeros == 1 ? 1 : 2, zeros, s->zeros);
}

static buffer lstm_file(const scheme *s)
{
    const char *const inputs[] = {
        "x", "W", "R", "", "", "", "", "", "Ws", s->zeros ? "Wz" : "", "Rs", s->zeros ? "Rz" : ""};
    buffer graph = {0};

    add_weights(&graph, s, "W", "Ws", "Wz", IN);
    add_weights(&graph, s, "R", "Rs", "Rz", UNITS);
    microsoft_node(&graph, "DynamicQuantizeLSTM", inputs, 12, "y");
    typed_port(&graph, 11, "x", WIRE_F32, "TN3");
    typed_port(&graph, 12, "y", WIRE_F32, "T1N2");
    return wire_model(&graph, 17);
}

/* ---- DynamicQuantizeLSTM ---- */

/* y of a standard LSTM with the same weights in f32. */
static void run_f32(const scheme *s, const rnnp_tensor *x, float *y)
{
    OWNED(model) model = make_model(context);
    float w[2][ROWS * IN];
    rnnp_value in[3], out[1] = {0};

    in[0] = input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, IN);
    for (int m = 0; m < 2; m++) {
        const size_t depth = m ? UNITS : IN;
        const rnnp_tensor t = {RNNP_DTYPE_F32, 3, {1, ROWS, (int64_t)depth}, .data = w[m]};

        for (size_t r = 0; r < ROWS; r++)
            for (size_t k = 0; k < depth; k++)
                w[m][r * depth + k] =
                    (float)(weight_at(s, k * ROWS + r) - s->zero) * s->scale * (float)(s->scales == 1 ? 1 : r + 1);
        OK(rnnp_model_add_constant(model, NULL, &t, &in[1 + m]));
    }
    OK(rnnp_model_add_node(model, "LSTM", 17, NULL, in, 3, NULL, 0, out, 1));
    close_with(model, "y", out[0]);
    rnnp_tensor to = {.data = y};
    OWNED(plan) plan = make_plan(model);
    OWNED_NEW(run, run, plan, x, 1);
    OK(rnnp_run_execute(run, x, 1, &to, 1));
}

TEST(test_lstm)
{
    const struct {
        scheme scheme;
        int note;
    } cases[] = {{usual, 0},
                 {{I8, 0, WIRE_F32, 1, 0, 0.01f, 0, 5, 3}, 0},
                 {{I8, I8, WIRE_F32, 1, 1, 0.01f, 3, 5, 3}, 0},
                 {{U8, U8, WIRE_F32, ROWS, ROWS, 0.01f, 128, 128, 3}, 0},
                 {{I8, I8, WIRE_F32, ROWS, ROWS, 0.01f, 0, -128, 3}, 1},
                 {{U8, U8, WIRE_F32, 1, 1, 0.01f, 7, 255, 3}, 1}};
    FREED float *numbers_of_x = numbers(5 * 2 * IN, 4, 1);
    const rnnp_tensor x = tensor3(numbers_of_x, 5, 2, IN);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float y[5 * 2 * UNITS], exact[5 * 2 * UNITS];
        rnnp_port_info port = {.struct_size = sizeof port};
        rnnp_node_info info = {.struct_size = sizeof info};
        DROPPED(free_buffer) const buffer file = lstm_file(&cases[i].scheme);
        rnnp_model *model = NULL;

        const rnnp_status status = rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model);
        if (status != RNNP_OK) print_error("%s\n", rnnp_last_error(context));
        OK(status);
        OK(rnnp_model_node_info(model, 0, &info));
        assert_string_equal(info.op, "LSTM");
        assert_true((info.note != NULL) == cases[i].note);
        OK(rnnp_model_node_input_info(model, 0, 1, &port));
        assert_int_equal(port.dtype, RNNP_DTYPE_I8);
        rnnp_tensor to = {.data = y};
        rnnp_plan *plan = make_plan(model);
        NEW(run, run, plan, &x, 1);
        OK(rnnp_run_execute(run, &x, 1, &to, 1));
        run_f32(&cases[i].scheme, &x, exact);
        for (size_t k = 0; k < sizeof y / sizeof *y; k++) assert_true(fabs((double)y[k] - (double)exact[k]) < 0.02);
        rnnp_run_destroy(run);
        rnnp_plan_destroy(plan);
        rnnp_model_destroy(model);
    }
}

TEST(test_lstm_refused)
{
    static const struct {
        scheme scheme;
        rnnp_status status;
        const char *words;
    } cases[] = {
        {{I8, I8, WIRE_F32, ROWS, ROWS, 0, 0, 5, 3}, RNNP_ERR_ARG, "DynamicQuantizeLSTM layer: scale 0 of W is 0"},
        {{I8, I8, WIRE_F32, ROWS, ROWS, -1, 0, 5, 3}, RNNP_ERR_ARG, "scale 0 of W is -1"},
        {{I8, I8, WIRE_F32, ROWS, ROWS, INFINITY, 0, 5, 3}, RNNP_ERR_ARG, "scale 0 of W is inf"},
        {{I8, U8, WIRE_F32, ROWS, ROWS, 1, 0, 5, 3}, RNNP_ERR_TYPE, "the zero point of W is u8 and W is i8"},
        {{I8, I8, WIRE_F32, ROWS, 1, 1, 0, 5, 3}, RNNP_ERR_SHAPE, "8 scales and 1 zero points"},
        {{I8, I8, I32, ROWS, ROWS, 1, 0, 5, 3}, RNNP_ERR_TYPE, "the scale of W is i32, expected f32"},
        {{I8, I8, WIRE_F32, ROWS, ROWS, 1, 0, 5, 2}, RNNP_ERR_UNSUPPORTED, "W has rank 2, expected 3"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        DROPPED(free_buffer) const buffer file = lstm_file(&cases[i].scheme);
        rnnp_model *model = NULL;

        REFUSED(context, rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model), cases[i].status,
                cases[i].words);
        assert_null(model);
    }
}

/* ---- DynamicQuantizeMatMul ---- */

TEST(test_product)
{
    static const int8_t b[3 * 2] = {127, -127, 1, 2, -3, 4};
    static const float scales[2] = {0.5f, 0.25f}, bias[2] = {10, 20}, x[3] = {127, 1, -127};
    static const char *const inputs[] = {"x", "B", "s", "", "bias"};
    static const int64_t shape[] = {3, 2};

    for (int with_bias = 0; with_bias < 2; with_bias++) {
        buffer graph = {0};
        float y[2];
        rnnp_model *model = NULL;
        const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {1, 3}, .const_data = x};
        rnnp_tensor out = {.data = y};

        wire_constant(&graph, "B", I8, shape, 2, b, sizeof b);
        wire_constant(&graph, "s", WIRE_F32, shape + 1, 1, scales, sizeof scales);
        wire_constant(&graph, "bias", WIRE_F32, shape + 1, 1, bias, sizeof bias);
        microsoft_node(&graph, "DynamicQuantizeMatMul", inputs, with_bias ? 5 : 3, "y");
        typed_port(&graph, 11, "x", WIRE_F32, "N3");
        typed_port(&graph, 12, "y", WIRE_F32, "N2");
        DROPPED(free_buffer) const buffer file = wire_model(&graph, 17);
        OK(rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model));
        rnnp_plan *plan = make_plan(model);
        NEW(run, run, plan, &in, 1);
        OK(rnnp_run_execute(run, &in, 1, &out, 1));
        assert_true(y[0] == 0.5f * (127 * 127 + 1 + 3 * 127) + (with_bias ? 10 : 0));
        assert_true(y[1] == 0.25f * (-127 * 127 + 2 - 4 * 127) + (with_bias ? 20 : 0));
        rnnp_run_destroy(run);
        rnnp_plan_destroy(plan);
        rnnp_model_destroy(model);
    }
}

/* The same in the standard's nodes; `part`: an output that the model cannot have, NULL for y. */
static buffer spelled_out(const char *part, int merged)
{
    static const int8_t b[3 * 2] = {127, -127, 1, 2, -3, 4}, zeros[2] = {0, 0};
    static const float scales[2] = {0.5f, 0.25f}, bias[2] = {10, 20};
    static const char *const inputs[] = {"q", "B", "as", "s", "az", "bz", "bias"};
    static const int64_t shape[] = {3, 2};
    DROPPED(free_buffer) buffer cast = {0};
    buffer graph = {0};

    wire_constant(&graph, "B", I8, shape, 2, b, sizeof b);
    wire_constant(&graph, "bz", I8, shape + 1, 1, zeros, sizeof zeros);
    wire_constant(&graph, "s", WIRE_F32, shape + 1, 1, scales, sizeof scales);
    wire_constant(&graph, "bias", WIRE_F32, shape + 1, 1, bias, sizeof bias);
    wire_node(&graph, "DynamicQuantizeLinear", "x", "q as az", -1);
    if (merged) {
        microsoft_node(&graph, "MatMulIntegerToFloat", inputs, 7, "y");
    } else {
        wire_node(&graph, "MatMulInteger", "q B az bz", "sums", -1);
        wire_text(&cast, 1, "sums");
        wire_text(&cast, 2, "floats");
        wire_text(&cast, 4, "Cast");
        wire_attr_int(&cast, "to", WIRE_F32);
        wire_message(&graph, 1, &cast);
        wire_node(&graph, "Mul", "s as", "scales", -1);
        wire_node(&graph, "Mul", "floats scales", "product", -1);
        wire_node(&graph, "Add", "product bias", "y", -1);
    }
    wire_node(&graph, "Neg", part && strcmp(part, "sums") == 0 ? "sums" : "x", "other", -1);
    typed_port(&graph, 11, "x", WIRE_F32, "N3");
    typed_port(&graph, 12, part ? part : "y", WIRE_F32, "N2");
    return wire_model(&graph, 17);
}

TEST(test_product_in_many_nodes)
{
    static const float x[3] = {127, 1, -127};
    static const char *const parts[] = {"q", "as", "sums", "scales", "floats"};

    for (int merged = 0; merged < 2; merged++) {
        DROPPED(free_buffer) const buffer file = spelled_out(NULL, merged);
        const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {1, 3}, .const_data = x};
        float y[2];
        rnnp_tensor out = {.data = y};
        rnnp_model *model = NULL;

        const rnnp_status status = rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model);
        if (status != RNNP_OK) print_error("%s\n", rnnp_last_error(context));
        OK(status);
        assert_int_equal(rnnp_model_node_count(model), 2);
        rnnp_plan *plan = make_plan(model);
        NEW(run, run, plan, &in, 1);
        OK(rnnp_run_execute(run, &in, 1, &out, 1));
        assert_true(y[0] == 0.5f * (127 * 127 + 1 + 3 * 127) + 10);
        assert_true(y[1] == 0.25f * (-127 * 127 + 2 - 4 * 127) + 20);
        rnnp_run_destroy(run);
        rnnp_plan_destroy(plan);
        rnnp_model_destroy(model);
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        DROPPED(free_buffer) const buffer file = spelled_out(parts[i], 0);
        rnnp_model *model = NULL;

        REFUSED(context, rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model), RNNP_ERR_UNSUPPORTED,
                "a part of a product");
    }
}

/* ---- MatMulNBits ---- */

enum { DEPTH = 40, COLUMNS = 3, BLOCK = 16, BLOCKS = 3 };

/* What a file has; 0: the right thing, and for zeros: none. */
typedef struct nbits {
    int bits, zeros; /* zeros: U8 or WIRE_F32 */
    int64_t depth, columns, block, scales, bytes;
    int b_type, scale_type, group, computed;
} nbits;

static int q_of(int bits, size_t column, size_t k) { return (int)((column * 77 + k * 13) % (1U << bits)); }

static float block_zero(const nbits *f, size_t column, size_t block)
{
    if (f->zeros == WIRE_F32) return 1.5f * (float)column - (float)block;
    return f->zeros ? (float)(3 * column + block + 1) : f->bits == 4 ? 8.0f : 128.0f;
}

static float block_scale(size_t column, size_t block) { return ldexpf(column == 1 ? -3.0f : 1.0f, -(int)block); }

static buffer nbits_file(const nbits *f)
{
    const char *const inputs[] = {"x", f->computed ? "x" : "B", "s", f->zeros ? "z" : "", f->group ? "s" : "", "bias"};
    const size_t block_bytes = BLOCK * (size_t)f->bits / 8, zero_bytes = (BLOCKS * (size_t)f->bits + 7) / 8;
    const int64_t bytes = f->bytes ? f->bytes : (int64_t)(COLUMNS * BLOCKS * block_bytes);
    const int64_t scale_count = f->scales ? f->scales : COLUMNS * BLOCKS;
    uint8_t b[COLUMNS * BLOCKS * BLOCK] = {0}, zeros[COLUMNS * BLOCKS] = {0};
    float scales[COLUMNS * BLOCKS], zero_floats[COLUMNS * BLOCKS], bias[COLUMNS] = {10, 20, 30};
    const int64_t in_floats = COLUMNS * BLOCKS, in_bytes = (int64_t)(COLUMNS * zero_bytes), columns = COLUMNS;
    buffer graph = {0}, attributes = {0};

    for (size_t c = 0; c < COLUMNS; c++) {
        for (size_t k = 0; k < BLOCKS * BLOCK; k++) {
            const size_t at = k * (size_t)f->bits / 8, shift = k * (size_t)f->bits % 8;
            b[c * BLOCKS * block_bytes + at] |= (uint8_t)(q_of(f->bits, c, k) << shift);
        }
        for (size_t i = 0; i < BLOCKS; i++) {
            const size_t at = i * (size_t)f->bits / 8, shift = i * (size_t)f->bits % 8;
            scales[c * BLOCKS + i] = block_scale(c, i);
            zero_floats[c * BLOCKS + i] = block_zero(f, c, i);
            if (f->zeros == U8) zeros[c * zero_bytes + at] |= (uint8_t)((int)block_zero(f, c, i) << shift);
        }
    }
    wire_constant(&graph, "B", f->b_type ? f->b_type : U8, &bytes, 1, b, (size_t)bytes);
    wire_constant(&graph, "s", f->scale_type ? f->scale_type : WIRE_F32, &scale_count, 1, scales,
                  (size_t)scale_count * 4);
    if (f->zeros == U8) wire_constant(&graph, "z", U8, &in_bytes, 1, zeros, (size_t)in_bytes);
    if (f->zeros == WIRE_F32) wire_constant(&graph, "z", WIRE_F32, &in_floats, 1, zero_floats, sizeof zero_floats);
    wire_constant(&graph, "bias", WIRE_F32, &columns, 1, bias, sizeof bias);
    wire_attr_int(&attributes, "K", f->depth ? f->depth : DEPTH);
    wire_attr_int(&attributes, "N", f->columns ? f->columns : COLUMNS);
    wire_attr_int(&attributes, "block_size", f->block ? f->block : BLOCK);
    if (f->bits != 4) wire_attr_int(&attributes, "bits", f->bits);
    wire_attr_int(&attributes, "accuracy_level", 4);
    microsoft_node_with(&graph, "MatMulNBits", inputs, 6, "y", &attributes);
    typed_port(&graph, 11, "x", WIRE_F32, "MK");
    typed_port(&graph, 12, "y", WIRE_F32, "M3");
    return wire_model(&graph, 17);
}

/* Times the identity matrix: the weights, to the bit. */
TEST(test_blocks)
{
    float eye[DEPTH * DEPTH] = {0}, y[DEPTH * COLUMNS];
    const rnnp_tensor x = {RNNP_DTYPE_F32, 2, {DEPTH, DEPTH}, .data = eye};

    for (size_t k = 0; k < DEPTH; k++) eye[k * DEPTH + k] = 1;
    for (int bits = 4; bits <= 8; bits += 4) {
        for (int zeros = 0; zeros < 3; zeros++) {
            const nbits f = {.bits = bits, .zeros = (int[]){0, U8, WIRE_F32}[zeros]};
            DROPPED(free_buffer) const buffer file = nbits_file(&f);
            rnnp_tensor to = {.data = y};
            rnnp_model *model = NULL;

            const rnnp_status status = rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model);
            if (status != RNNP_OK) print_error("%s\n", rnnp_last_error(context));
            OK(status);
            rnnp_plan *plan = make_plan(model);
            NEW(run, run, plan, &x, 1);
            OK(rnnp_run_execute(run, &x, 1, &to, 1));
            for (size_t k = 0; k < DEPTH; k++)
                for (size_t c = 0; c < COLUMNS; c++) {
                    const float q = (float)q_of(bits, c, k) - block_zero(&f, c, k / BLOCK);
                    assert_true(y[k * COLUMNS + c] == q * block_scale(c, k / BLOCK) + 10 * (float)(c + 1));
                }
            rnnp_run_destroy(run);
            rnnp_plan_destroy(plan);
            rnnp_model_destroy(model);
        }
    }
}

TEST(test_blocks_refused)
{
    static const struct {
        nbits file;
        rnnp_status status;
        const char *words;
    } cases[] = {
        {{.bits = 2}, RNNP_ERR_UNSUPPORTED, "MatMulNBits layer: bits is 2, expected 4 or 8"},
        {{.bits = 4, .depth = -1}, RNNP_ERR_ARG, "K is -1, expected 1 to 2147483647"},
        {{.bits = 4, .columns = (int64_t)1 << 31}, RNNP_ERR_ARG, "N is 2147483648"},
        {{.bits = 4, .block = 24}, RNNP_ERR_ARG, "block_size is 24, expected a power of two from 16 on"},
        {{.bits = 4, .block = 8}, RNNP_ERR_ARG, "block_size is 8"},
        {{.bits = 4, .depth = INT32_MAX, .columns = INT32_MAX, .block = 1 << 30},
         RNNP_ERR_SHAPE,
         "input B has 72 elements"},
        {{.bits = 8, .bytes = 143}, RNNP_ERR_SHAPE, "input B has 143 elements, expected 144: 48 in each of 3 columns"},
        {{.bits = 4, .scales = 3}, RNNP_ERR_SHAPE, "input scales has 3 elements, expected 9"},
        {{.bits = 4, .b_type = I8}, RNNP_ERR_TYPE, "input B is i8, expected u8"},
        {{.bits = 4, .scale_type = I32}, RNNP_ERR_TYPE, "input scales is i32, expected f32"},
        {{.bits = 4, .group = 1}, RNNP_ERR_UNSUPPORTED, "input g_idx is not supported"},
        {{.bits = 4, .computed = 1}, RNNP_ERR_UNSUPPORTED, "input B is not an initializer"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        DROPPED(free_buffer) const buffer file = nbits_file(&cases[i].file);
        rnnp_model *model = NULL;

        REFUSED(context, rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model), cases[i].status,
                cases[i].words);
        assert_null(model);
    }
}

/* ---- f16 ---- */

/* y = x B + c, all of it f16, or with f32 inputs and outputs and Casts. */
TEST(test_all_in_f16)
{
    static const uint16_t b[6] = {0x3c00, 0x4000, 0x3800, 0xbc00, 0, 0x3c00}, c[2] = {0x3c00, 0xc000};
    static const float x[3] = {1, 2, 3};
    static const int64_t shape[] = {3, 2};

    for (int casts = 0; casts < 2; casts++) {
        buffer graph = {0};
        float y[2];
        rnnp_model *model = NULL;
        rnnp_port_info port = {.struct_size = sizeof port};
        const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {1, 3}, .const_data = x};
        rnnp_tensor out = {.data = y};

        wire_constant(&graph, "B", F16, shape, 2, b, sizeof b);
        wire_constant(&graph, "c", F16, shape + 1, 1, c, sizeof c);
        for (int i = 0; casts && i < 2; i++) {
            DROPPED(free_buffer) buffer node = {0};

            wire_text(&node, 1, i ? "sum" : "x");
            wire_text(&node, 2, i ? "y" : "half");
            wire_text(&node, 4, "Cast");
            wire_attr_int(&node, "to", i ? WIRE_F32 : F16);
            wire_message(&graph, 1, &node);
        }
        wire_node(&graph, "MatMul", casts ? "half B" : "x B", "product", -1);
        wire_node(&graph, "Add", "product c", casts ? "sum" : "y", -1);
        typed_port(&graph, 11, "x", casts ? WIRE_F32 : F16, "N3");
        typed_port(&graph, 12, "y", casts ? WIRE_F32 : F16, "N2");
        DROPPED(free_buffer) const buffer file = wire_model(&graph, 17);
        const rnnp_status status = rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model);
        if (status != RNNP_OK) print_error("%s\n", rnnp_last_error(context));
        OK(status);
        OK(rnnp_model_input_info(model, 0, &port));
        assert_int_equal(port.dtype, RNNP_DTYPE_F32);
        OK(rnnp_model_output_info(model, 0, &port));
        assert_int_equal(port.dtype, RNNP_DTYPE_F32);
        OK(rnnp_model_node_input_info(model, find_node(model, "MatMul", 0), 1, &port));
        assert_int_equal(port.dtype, RNNP_DTYPE_F16);
        rnnp_plan *plan = make_plan(model);
        NEW(run, run, plan, &in, 1);
        OK(rnnp_run_execute(run, &in, 1, &out, 1));
        assert_true(y[0] == 1 + 2 * 0.5f + 0 + 1 && y[1] == 2 - 2 + 3 - 2);
        rnnp_run_destroy(run);
        rnnp_plan_destroy(plan);
        rnnp_model_destroy(model);
    }
}

/* Weights of Conv, ConvTranspose and Einsum, which have no kernels for them, are widened at load. So the bits are those
 * of a file in f32 with the same values, with f16 or bf16 behind a Cast, and with everything in that type. */
TEST(test_halves_of_other_products)
{
    enum { C = 5, T = 9, K = 3, BF16 = 16, FORMS = 3 };
    static const char *const op[] = {"Conv", "ConvTranspose", "Einsum"};
    static const int64_t shape[] = {C, C, K};
    float x[C * T], wide[C * C * K], results[FORMS][C * C * (T + K)];
    uint16_t narrow[C * C * K];

    fill(x, C * T, 1, 2);
    for (size_t kind = 0; kind < 2 * (sizeof op / sizeof *op); kind++) {
        const int is_conv = kind / 2 < 2, type = kind % 2 ? BF16 : F16;

        for (size_t i = 0; i < C * C * K; i++) {
            narrow[i] = (uint16_t)((i % 3 ? 0x3c00 : 0xbc00) + 7 * i); /* of any size */
            wide[i] = type == F16 ? rnnp_f16_to_f32(narrow[i]) : rnnp_bf16_to_f32(narrow[i]);
        }
        for (int form = 0; form < FORMS; form++) { /* f32, Cast, all of it */
            DROPPED(free_buffer) buffer cast = {0}, node = {0}, equation = {0};
            buffer graph = {0};
            const int port = form == 2 ? type : WIRE_F32;
            const rnnp_tensor in = tensor3(x, 1, C, T);

            if (form)
                wire_constant(&graph, form == 1 ? "narrow" : "w", type, shape, 3, narrow, sizeof narrow);
            else
                wire_constant(&graph, "w", WIRE_F32, shape, 3, wide, sizeof wide);
            if (form == 1) {
                wire_head(&cast, "Cast", "narrow", "w");
                wire_attr_int(&cast, "to", WIRE_F32);
                wire_message(&graph, 1, &cast);
            }
            wire_head(&node, op[kind / 2], "x w", "y");
            if (!is_conv) {
                wire_text(&equation, 1, "equation");
                wire_text(&equation, 4, "bct,cok->bot");
                wire_int(&equation, 20, 3); /* a string */
                wire_message(&node, 5, &equation);
            }
            wire_message(&graph, 1, &node);
            wire_typed_port(&graph, 11, "x", port, "1 5 9");
            wire_results(&graph, "y");
            DROPPED(free_buffer) const buffer file = wire_model(&graph, 22);
            OWNED(model) model = NULL;
            OK(rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model));
            assert_int_equal(rnnp_model_node_count(model), 1);
            OWNED(plan) plan = make_plan(model);
            DROPPED(free_outputs) produced o = run_plan(plan, &in, 1);
            OK(o.status);
            const size_t n = rnnp_tensor_elements(&o.out[0]);
            assert_in_range(n, 1, sizeof results[form] / sizeof(float));
            memcpy(results[form], o.out[0].data, n * sizeof(float));
            assert_memory_equal(results[form], results[0], n * sizeof(float));
        }
    }
}
