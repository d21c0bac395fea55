/* SPDX-License-Identifier: Apache-2.0
 *
 * Graphs through the API: inputs, constants, nodes with any operator, attribute and opset, then everything that is done
 * with a model, and one step of training.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "rnnpack/train.h"

enum { VALUES = 64, NODES = 8, RANK = 4, CELLS = 256 };

typedef struct builder {
    fuzz_bytes b;
    rnnp_model *model;
    rnnp_value value[VALUES];
    size_t n;
} builder;

static void add_value(builder *g, rnnp_value value)
{
    if (g->n < VALUES) g->value[g->n++] = value;
}

/* Mostly one of the last few, so that graphs get deep. */
static rnnp_value pick_value(builder *g)
{
    const uint8_t x = fuzz_u8(&g->b);

    if (x > 240) return RNNP_NONE;
    return x & 1 ? g->value[x / 2 % g->n] : g->value[g->n - 1 - (x / 2 % (g->n < 4 ? g->n : 4))];
}

static rnnp_dtype pick_dtype(builder *g)
{
    static const rnnp_dtype usual[] = {RNNP_DTYPE_F32, RNNP_DTYPE_F32, RNNP_DTYPE_F32,  RNNP_DTYPE_I64,
                                       RNNP_DTYPE_I64, RNNP_DTYPE_I32, RNNP_DTYPE_BOOL, RNNP_DTYPE_F64};
    const uint8_t x = fuzz_u8(&g->b);

    return x > 250 ? (rnnp_dtype)x : usual[x % 8];
}

static void add_input(builder *g, size_t i)
{
    static const char *const symbols[] = {"batch", "steps", "n", NULL};
    const char *symbol[RANK];
    int64_t shape[RANK];
    static const char *const names[] = {"x0", "x1", "x2"};
    rnnp_value value;
    const rnnp_dtype dtype = pick_dtype(g);
    const size_t rank = fuzz_below(&g->b, RANK + 1);

    for (size_t k = 0; k < rank; k++) {
        const uint8_t x = fuzz_u8(&g->b);

        shape[k] = x & 1 ? RNNP_DYNAMIC : x < 250 ? x / 2 % 5 : fuzz_number(&g->b);
        symbol[k] = symbols[x / 16 % 4];
    }
    if (rnnp_model_add_input(g->model, names[i], dtype, rank, shape, symbol, &value) == RNNP_OK) add_value(g, value);
}

static void fill_constant(builder *g, rnnp_tensor *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int64_t x = fuzz_number(&g->b);

        switch (t->dtype) {
        case RNNP_DTYPE_F32: ((float *)t->data)[i] = (float)x * 0.25f; break;
        case RNNP_DTYPE_F64: ((double *)t->data)[i] = (double)x * 0.25; break;
        case RNNP_DTYPE_I32: ((int32_t *)t->data)[i] = (int32_t)(uint32_t)(uint64_t)x; break;
        case RNNP_DTYPE_I64: ((int64_t *)t->data)[i] = x; break;
        default: ((uint8_t *)t->data)[i] = (uint8_t)((uint64_t)x & 1); break;
        }
    }
}

static void add_constant(builder *g)
{
    double room[CELLS]; /* of the widest type */
    rnnp_tensor t = {.dtype = pick_dtype(g), .rank = fuzz_below(&g->b, RANK), .data = room};
    rnnp_value value;

    if (t.dtype == RNNP_DTYPE_I64) /* indices and shapes are short lists */
        t.rank %= 2;
    for (size_t k = 0; k < t.rank; k++) t.shape[k] = (int64_t)fuzz_below(&g->b, 6);
    const size_t n = rnnp_tensor_elements(&t);
    if (n > CELLS) return;
    fill_constant(g, &t, n);
    if (rnnp_model_add_constant(g->model, NULL, &t, &value) == RNNP_OK) add_value(g, value);
}

/* ---- Attributes ---- */

enum { INTS = 6, ATTRS = 4 };

typedef struct attribute_room {
    int64_t ints[INTS];
    float floats[INTS];
    const char *strings[INTS];
    rnnp_tensor tensor;
} attribute_room;

static const struct {
    const char *name;
    rnnp_attr_kind kind;
} attributes[] = {
    {"axis", RNNP_ATTR_INT},
    {"axes", RNNP_ATTR_INTS},
    {"perm", RNNP_ATTR_INTS},
    {"keepdims", RNNP_ATTR_INT},
    {"hidden_size", RNNP_ATTR_INT},
    {"direction", RNNP_ATTR_STRING},
    {"layout", RNNP_ATTR_INT},
    {"clip", RNNP_ATTR_FLOAT},
    {"linear_before_reset", RNNP_ATTR_INT},
    {"alpha", RNNP_ATTR_FLOAT},
    {"beta", RNNP_ATTR_FLOAT},
    {"to", RNNP_ATTR_INT},
    {"starts", RNNP_ATTR_INTS},
    {"ends", RNNP_ATTR_INTS},
    {"split", RNNP_ATTR_INTS},
    {"num_outputs", RNNP_ATTR_INT},
    {"allowzero", RNNP_ATTR_INT},
    {"transA", RNNP_ATTR_INT},
    {"transB", RNNP_ATTR_INT},
    {"value", RNNP_ATTR_TENSOR},
    {"value_int", RNNP_ATTR_INT},
    {"value_ints", RNNP_ATTR_INTS},
    {"value_float", RNNP_ATTR_FLOAT},
    {"value_floats", RNNP_ATTR_FLOATS},
    {"start", RNNP_ATTR_INT},
    {"end", RNNP_ATTR_INT},
    {"min", RNNP_ATTR_FLOAT},
    {"max", RNNP_ATTR_FLOAT},
    {"input_forget", RNNP_ATTR_INT},
    {"activations", RNNP_ATTR_STRINGS},
    {"activation_alpha", RNNP_ATTR_FLOATS},
    {"activation_beta", RNNP_ATTR_FLOATS},
    {"select_last_index", RNNP_ATTR_INT},
    {"noop_with_empty_axes", RNNP_ATTR_INT},
    {"epsilon", RNNP_ATTR_FLOAT},
    {"ratio", RNNP_ATTR_FLOAT},
    {"equation", RNNP_ATTR_STRING},
    {"mode", RNNP_ATTR_STRING},
    {"reduction", RNNP_ATTR_STRING},
    {"pads", RNNP_ATTR_INTS},
    {"batch_dims", RNNP_ATTR_INT},
    {"batch_axis", RNNP_ATTR_INT},
    {"time_axis", RNNP_ATTR_INT},
    {"exclusive", RNNP_ATTR_INT},
    {"reverse", RNNP_ATTR_INT},
    {"largest", RNNP_ATTR_INT},
    {"upper", RNNP_ATTR_INT},
    {"k", RNNP_ATTR_INT},
    {"kernel_shape", RNNP_ATTR_INTS},
    {"strides", RNNP_ATTR_INTS},
    {"dilations", RNNP_ATTR_INTS},
    {"group", RNNP_ATTR_INT},
    {"auto_pad", RNNP_ATTR_STRING},
    {"ceil_mode", RNNP_ATTR_INT},
    {"count_include_pad", RNNP_ATTR_INT},
    {"output_padding", RNNP_ATTR_INTS},
    {"output_shape", RNNP_ATTR_INTS},
    {"num_groups", RNNP_ATTR_INT},
    {"unheard_of", RNNP_ATTR_INT},
};

static void make_attribute(builder *g, rnnp_attr *a, attribute_room *room)
{
    static const char *const words[] = {"forward",     "reverse",   "bidirectional",  "Tanh",
                                        "Sigmoid",     "Relu",      "Affine",         "ThresholdedRelu",
                                        "HardSigmoid", "Elu",       "ScaledTanh",     "nothing",
                                        "reflect",     "edge",      "wrap",           "add",
                                        "max",         "ij,jk->ik", "...i,i...->...", "aab->ba",
                                        "ab,cb",       "a,b->ab",   "ijk,kl,lj->",    "...",
                                        "abc->cb",     "ij,kij->k", "bgi,gih->bgh",   "SAME_UPPER",
                                        "SAME_LOWER",  "VALID"};
    enum { WORDS = sizeof words / sizeof *words };
    const size_t i = fuzz_below(&g->b, sizeof attributes / sizeof attributes[0]);
    const uint8_t x = fuzz_u8(&g->b);

    *a = (rnnp_attr){.name = attributes[i].name, .kind = x > 240 ? (rnnp_attr_kind)(x & 7) : attributes[i].kind};
    a->count = x % (INTS + 1);
    a->i = fuzz_number(&g->b);
    a->f = (float)fuzz_number(&g->b) * 0.375f;
    a->s = words[fuzz_below(&g->b, WORDS)];
    for (size_t k = 0; k < INTS; k++) {
        room->ints[k] = k < a->count ? fuzz_number(&g->b) : 0;
        room->floats[k] = (float)room->ints[k] * 0.375f;
        room->strings[k] = words[(uint64_t)room->ints[k] % WORDS];
    }
    room->tensor = (rnnp_tensor){
        .dtype = x & 1 ? RNNP_DTYPE_F32 : RNNP_DTYPE_I64, .rank = 1, .shape = {x & 3}, .data = room->ints};
    a->ints = room->ints;
    a->floats = room->floats;
    a->strings = room->strings;
    a->tensor = &room->tensor;
}

static void add_node(builder *g, size_t operators)
{
    enum { IN = 8, OUT = 4 };
    attribute_room room[ATTRS];
    rnnp_attr attrs[ATTRS];
    rnnp_value in[IN], out[OUT] = {0};
    const char *op = rnnp_operator_name(fuzz_below(&g->b, operators));
    const uint8_t x = fuzz_u8(&g->b);
    const int opset = x & 1 ? 17 + x / 2 % 9 : 5 + x / 2 % 22;
    const size_t n_in = fuzz_below(&g->b, IN + 1), n_out = x > 160 ? 1 + x % OUT : 1,
                 n_attrs = fuzz_below(&g->b, ATTRS + 1);

    for (size_t i = 0; i < n_in; i++) in[i] = pick_value(g);
    for (size_t i = 0; i < n_attrs; i++) make_attribute(g, &attrs[i], &room[i]);
    if (rnnp_model_add_node(g->model, op, opset, op, in, n_in, attrs, n_attrs, out, n_out) != RNNP_OK) return;
    for (size_t i = 0; i < n_out; i++) {
        if (out[i] >= 0) add_value(g, out[i]);
    }
}

/* ---- Training ---- */

static void train(builder *g)
{
    rnnp_train_options options;
    rnnp_trainer *trainer;
    float x[CELLS] = {0}, y[CELLS] = {0};
    rnnp_tensor in = {.data = x}, target = {.data = y};
    rnnp_train_result result = {.struct_size = sizeof result};
    rnnp_port_info port = {.struct_size = sizeof port};

    if (rnnp_model_input_count(g->model) != 1 || rnnp_model_input_info(g->model, 0, &port) != RNNP_OK ||
        port.dtype != RNNP_DTYPE_F32)
        return;
    in.dtype = RNNP_DTYPE_F32;
    in.rank = target.rank = port.rank;
    for (size_t k = 0; k < port.rank; k++) in.shape[k] = port.shape[k] == RNNP_DYNAMIC ? 2 : port.shape[k];
    rnnp_train_options_init(&options);
    options.loss = RNNP_LOSS_MSE;
    options.recompute = fuzz_u8(&g->b) & 1;
    if (rnnp_tensor_elements(&in) > CELLS || rnnp_trainer_create(g->model, &options, &trainer) != RNNP_OK) return;
    target.dtype = RNNP_DTYPE_F32;
    target.rank = fuzz_below(&g->b, RANK + 1);
    for (size_t k = 0; k < target.rank; k++) target.shape[k] = (int64_t)fuzz_below(&g->b, 4);
    const rnnp_train_batch batch = {.struct_size = sizeof batch, .inputs = &in, .n_inputs = 1, .target = &target};
    if (rnnp_trainer_step(trainer, &batch, &result) == RNNP_OK) (void)rnnp_trainer_evaluate(trainer, &batch, &result);
    rnnp_trainer_destroy(trainer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    builder g = {.b = {data, size}};
    const size_t before = fuzz_live_bytes();
    size_t operators = 0;

    while (rnnp_operator_name(operators)) operators++;
    fuzz_check(rnnp_model_create(fuzz_context(), &g.model) == RNNP_OK);
    const size_t n_in = 1 + fuzz_below(&g.b, 3), n_constants = fuzz_below(&g.b, 6);
    for (size_t i = 0; i < n_in; i++) add_input(&g, i);
    for (size_t i = 0; i < n_constants; i++) add_constant(&g);
    const size_t n_nodes = 1 + fuzz_below(&g.b, NODES);
    for (size_t i = 0; i < n_nodes && g.n; i++) add_node(&g, operators);
    const size_t n_out = 1 + fuzz_below(&g.b, 3);
    for (size_t i = 0; i < n_out && i < g.n; i++) {
        static const char *const names[] = {"y0", "y1", "y2"};

        (void)rnnp_model_add_output(g.model, names[i], g.value[g.n - 1 - i]);
    }
    if (rnnp_model_close(g.model) == RNNP_OK) {
        const int wanted = fuzz_u8(&g.b) & 1;

        fuzz_exercise(g.model, &g.b);
        if (wanted) train(&g);
    } else {
        fuzz_check(*rnnp_last_error(fuzz_context()));
    }
    rnnp_model_destroy(g.model);
    fuzz_check(fuzz_live_bytes() == before);
    return 0;
}
