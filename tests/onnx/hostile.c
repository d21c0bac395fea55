/* SPDX-License-Identifier: Apache-2.0
 *
 * Damaged and lying model files.
 *
 *   hostile <folder of cases>
 *
 * Each model of the folder is cut off and has bits flipped at seeded places; whatever the loader still accepts is
 * planned, run and stepped. Nothing may crash, hang, read outside a buffer (under a sanitizer) or leak. Then each model
 * is changed in ways that make it wrong for certain, which must be refused with the right status and a sentence; and
 * loaded unchanged with each allocation failing in turn.
 */
#include "../model/answer.h"
#include "case.h"

#include "rnnpack/onnx.h"

#include <glob.h>

enum { CUTS = 40, FLIPS = 40 };
static const size_t MAX_BLOCK = 16u << 20; /* larger requests fail, so that a huge shape costs nothing */

static char *folder;
static test_heap heap;
static rnnp_context *context;
static size_t mutants, loaded, ran, refused, starved;

static void *limited_alloc(void *user, size_t bytes, size_t align)
{
    return bytes > MAX_BLOCK ? NULL : test_heap_alloc(user, bytes, align);
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static rnnp_status open_bytes(const onnx_case *c, const void *bytes, size_t size, rnnp_model **model)
{
    const rnnp_load_options options = {.struct_size = sizeof options, .directory = c->directory};

    return rnnp_onnx_open_memory(context, bytes, size, &options, model);
}

/* The bytes are copied into a block of exactly their size, so that a sanitizer sees one byte too far. What loads is
 * run and stepped. */
static rnnp_status try_bytes(const onnx_case *c, const char *what, const unsigned char *bytes, size_t size)
{
    const size_t live = heap.live_blocks;
    unsigned char *exact = malloc(size ? size : 1);
    rnnp_model *model = NULL;

    assert_non_null(exact);
    if (size) memcpy(exact, bytes, size);
    const rnnp_status status = open_bytes(c, exact, size, &model);
    free(exact);
    mutants++;
    if ((status == RNNP_OK) != (model != NULL)) fail_msg("%s, %s: an error left a model", c->name, what);
    if (model) {
        DROPPED(free_answer) answer a = ask(context, model);
        OWNED(plan) plan = NULL;
        OWNED(stream) stream = NULL;

        loaded++;
        ran += a.got.status == RNNP_OK;
        if (rnnp_plan_create(model, NULL, &plan) == RNNP_OK) (void)rnnp_stream_create(plan, NULL, &stream);
    }
    rnnp_model_destroy(model);
    if (heap.live_blocks != live) fail_msg("%s, %s: memory leaked", c->name, what);
    return status;
}

static void damage(const onnx_case *c, const unsigned char *bytes, size_t size)
{
    static const unsigned char edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    FREED unsigned char *changed = malloc(size);
    uint64_t seed = size;

    assert_non_null(changed);
    for (size_t cut = 0; cut < CUTS; cut++) try_bytes(c, "cut off", bytes, size * cut / CUTS);
    for (size_t flip = 0; flip < FLIPS; flip++) {
        const size_t at = next_random(&seed) % size;
        const uint32_t kind = next_random(&seed);

        memcpy(changed, bytes, size);
        changed[at] = (unsigned char)(kind % 2 ? changed[at] ^ 1u << kind / 2 % 8 : edges[kind / 2 % sizeof edges]);
        try_bytes(c, "with a changed byte", changed, size);
    }
}

/* ---- Lies: each changes a model that was parsed for it, or returns 0 where it has nothing to change ---- */

#define GRAPH (m->graph)
#define NODE (m->graph->node[0])
#define OPSET (m->opset_import[0]->version)
#define INPUT_TYPE (GRAPH->input[0]->type->tensor_type->elem_type)
#define OUTPUT_TYPE (GRAPH->output[0]->type->tensor_type->elem_type)
#define DIMENSION (GRAPH->initializer[0]->dims[0])

enum { FLOAT = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, INT64 = ONNX__TENSOR_PROTO__DATA_TYPE__INT64 };
enum { COMPLEX64 = ONNX__TENSOR_PROTO__DATA_TYPE__COMPLEX64 };

static int put(char **text, const char *value)
{
    char *copy = strdup(value);

    assert_non_null(copy);
    if (*text != protobuf_c_empty_string) free(*text);
    *text = copy;
    return 1;
}

static int has_dims(const Onnx__ModelProto *m) { return GRAPH->n_initializer > 0 && GRAPH->initializer[0]->n_dims > 0; }

static Onnx__TensorShapeProto *output_shape(const Onnx__ModelProto *m)
{
    return GRAPH->output[0]->type->tensor_type->shape;
}

/* One dimension too few. */
static int shorten(Onnx__TensorShapeProto *shape)
{
    if (!shape || shape->n_dim == 0) return 0;
    protobuf_c_message_free_unpacked(&shape->dim[--shape->n_dim]->base, NULL);
    return 1;
}

static int forget_opset(Onnx__ModelProto *m)
{
    while (m->n_opset_import > 0)
        onnx__operator_set_id_proto__free_unpacked(m->opset_import[--m->n_opset_import], NULL);
    return 1;
}

/* An input without a name has a type that is not known either. */
static int forget_name(Onnx__ModelProto *m)
{
    put(&GRAPH->input[0]->name, "");
    INPUT_TYPE = COMPLEX64;
    return 1;
}

/* Lie `i`: its name; NULL past the last. Where it can be refused at more than one place, the status is not part of the
 * test: RNNP_OK stands for any. */
static const char *lie(size_t i, Onnx__ModelProto *m, int *applied, rnnp_status *status)
{
    size_t n = 0;

#define LIE(what, status_, change) \
    if (i == n++) {                \
        *applied = (change) != 0;  \
        *status = status_;         \
        return what;               \
    }
    LIE("opset 5", RNNP_ERR_UNSUPPORTED, OPSET = 5)
    LIE("opset 26", RNNP_ERR_UNSUPPORTED, OPSET = 26)
    LIE("no opset", RNNP_ERR_FORMAT, forget_opset(m))
    LIE("an unknown operator", RNNP_ERR_UNSUPPORTED, put(&NODE->op_type, "Nonsense"))
    LIE("another domain", RNNP_ERR_UNSUPPORTED, put(&NODE->domain, "com.example"))
    LIE("a cycle", RNNP_ERR_FORMAT, NODE->n_input && *NODE->output[0] && put(&NODE->input[0], NODE->output[0]))
    LIE("a missing value", RNNP_ERR_FORMAT, NODE->n_input && put(&NODE->input[0], "nobody makes this"))
    LIE("a value made twice", RNNP_ERR_FORMAT, GRAPH->n_input && put(&NODE->output[0], GRAPH->input[0]->name))
    LIE("an output of another rank", RNNP_ERR_SHAPE, shorten(output_shape(m)))
    LIE("an output of another type", RNNP_ERR_TYPE, OUTPUT_TYPE = OUTPUT_TYPE == FLOAT ? INT64 : FLOAT)
    LIE("a negative dimension", RNNP_OK, has_dims(m) && (DIMENSION = -1))
    LIE("a huge dimension", RNNP_OK, has_dims(m) && (DIMENSION = INT64_MAX))
    LIE("data that does not fill its shape", RNNP_OK, has_dims(m) && ++DIMENSION)
    LIE("a foreign data type", RNNP_ERR_UNSUPPORTED,
        GRAPH->n_initializer && (GRAPH->initializer[0]->data_type = COMPLEX64))
    LIE("a nameless input of a foreign type", RNNP_OK, GRAPH->n_input && forget_name(m))
#undef LIE
    return NULL;
}

static void try_lies(const onnx_case *c, const unsigned char *bytes, size_t size)
{
    const char *what = "";

    for (size_t i = 0; what; i++) {
        Onnx__ModelProto *m = onnx__model_proto__unpack(NULL, size, bytes);
        int applied = 0;
        rnnp_status expected = RNNP_OK;

        if (!m || GRAPH->n_node == 0) fail_msg("%s does not parse or is empty", c->name);
        what = lie(i, m, &applied, &expected);
        if (applied) {
            FREED unsigned char *packed = malloc(onnx__model_proto__get_packed_size(m));
            assert_non_null(packed);
            const rnnp_status status = try_bytes(c, what, packed, onnx__model_proto__pack(m, packed));
            const char *sentence = rnnp_last_error(context);

            if (status == RNNP_OK || (expected != RNNP_OK && status != expected) || !*sentence ||
                strstr(sentence, "(null)"))
                fail_msg("%s, %s: status %d, %s", c->name, what, status, sentence);
            refused++;
        }
        onnx__model_proto__free_unpacked(m, NULL);
    }
}

/* Each allocation fails once; up to the last one that says RNNP_ERR_MEMORY, with the allocation's sentence. */
static void starve(const onnx_case *c, const unsigned char *bytes, size_t size)
{
    for (size_t n = 1, reached = 1; reached; n++, starved++) {
        const size_t live = heap.live_blocks;
        rnnp_model *model = NULL;

        heap.fail_at = heap.calls + n;
        const rnnp_status status = open_bytes(c, bytes, size, &model);
        reached = heap.calls >= heap.fail_at;
        heap.fail_at = 0;
        rnnp_model_destroy(model);
        if (heap.live_blocks != live) fail_msg("%s, allocation %zu fails: memory leaked", c->name, n);
        if (status != (reached ? RNNP_ERR_MEMORY : RNNP_OK) ||
            (reached && !strstr(rnnp_last_error(context), "cannot allocate")))
            fail_msg("%s, allocation %zu fails: %s, %s", c->name, n, rnnp_status_string(status),
                     rnnp_last_error(context));
    }
}

TEST(test_cases)
{
    char pattern[600];
    glob_t found;

    snprintf(pattern, sizeof pattern, "%s/*/*.onnx", folder);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        onnx_case c;
        size_t size;

        assert_int_equal(case_read_ours(found.gl_pathv[i], &c), CASE_READ);
        FREED unsigned char *bytes = case_pack(&c, &size);
        assert_non_null(bytes);
        OK(try_bytes(&c, "unchanged", bytes, size));
        damage(&c, bytes, size);
        try_lies(&c, bytes, size);
        starve(&c, bytes, size);
        case_free(&c);
    }
    globfree(&found);
    printf("%zu mutants: %zu loaded, %zu of them ran; %zu lies refused, %zu allocations failed\n", mutants, loaded, ran,
           refused, starved);
    assert_true(ran > 1000 && refused > 1000);
}

/* A graph in an attribute of a node of a graph in an attribute ..., far deeper than any stack: written from the
 * innermost out, each level a tag and a length in front of what is inside. */
TEST(test_nested)
{
    enum { LEVELS = 100000, LEVEL_BYTES = 6 };
    static const unsigned char tags[] = {0x0a, 0x2a, 0x32}; /* GraphProto.node, NodeProto.attribute, AttributeProto.g */
    FREED unsigned char *bytes = malloc(LEVELS * LEVEL_BYTES);
    const onnx_case c = {.name = "nesting"};
    size_t at = LEVELS * LEVEL_BYTES;

    assert_non_null(bytes);
    for (size_t level = LEVELS; level-- > 0;) {
        size_t inside = LEVELS * LEVEL_BYTES - at, digits = 1;

        for (size_t rest = inside; rest >= 0x80; rest >>= 7) digits++;
        at -= digits + 1;
        bytes[at] = level == 0 ? 0x3a /* ModelProto.graph */ : tags[(level - 1) % 3];
        for (size_t i = 1; i <= digits; i++, inside >>= 7)
            bytes[at + i] = (unsigned char)((inside & 0x7f) | (i < digits ? 0x80 : 0));
    }
    assert_int_equal(try_bytes(&c, "100000 levels", bytes + at, LEVELS * LEVEL_BYTES - at), RNNP_ERR_FORMAT);
}

TEST(test_folder)
{
    rnnp_model *model;

    REFUSED(context, rnnp_onnx_open_file(context, folder, NULL, &model), RNNP_ERR_IO, "not a regular file");
    assert_null(model);
}

int tests_begin(char **arguments)
{
    OPTIONS(context, options);

    folder = *arguments;
    options.allocator = (rnnp_allocator){&heap, limited_alloc, test_heap_free};
    return folder ? rnnp_context_create(&options, &context) : 2;
}

void tests_end(void)
{
    rnnp_context_destroy(context);
    if (heap.live_blocks) abort();
}
