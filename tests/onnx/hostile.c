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
#include "tests/harness.h"

#include "rnnpack/onnx.h"

#include <dirent.h>
#include <onnx/onnx.pb-c.h>
#include <stdio.h>
#include <string.h>

enum { CUTS = 40, FLIPS = 40, MAX_PORTS = 64, MAX_FILE = 1 << 20, MAX_ELEMENTS = 1 << 16 };
static const size_t MAX_BLOCK = 16u << 20; /* larger requests fail, so that a huge shape costs nothing */

typedef struct totals {
    size_t models, mutants, loaded, run, stepped, refused, starved, failures;
} totals;

static void *limited_alloc(void *user, size_t bytes, size_t align)
{
    return bytes > MAX_BLOCK ? NULL : test_heap_alloc(user, bytes, align);
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static void fail(totals *sum, const char *name, const char *what, const char *why)
{
    printf("FAILED %s, %s: %s\n", name, what, why);
    sum->failures++;
}

/* ---- Whatever loads is used ---- */

static int make_inputs(const rnnp_model *model, rnnp_tensor *inputs, uint64_t *seed)
{
    const size_t n = rnnp_model_input_count(model);

    for (size_t i = 0; i < n; i++) {
        rnnp_port_info port = {.struct_size = sizeof port};

        rnnp_model_input_info(model, i, &port);
        inputs[i] = (rnnp_tensor){.dtype = port.dtype, .rank = port.rank};
        for (size_t d = 0; d < port.rank; d++)
            inputs[i].shape[d] = port.shape[d] == RNNP_DYNAMIC ? (int64_t)(next_random(seed) % 4) : port.shape[d];
        const size_t elements = rnnp_tensor_elements(&inputs[i]);
        if (elements > MAX_ELEMENTS) return 0;
        unsigned char *bytes = inputs[i].data = calloc(elements + 1, 8);
        if (!bytes) return 0;
        for (size_t b = 0; b < elements * rnnp_dtype_bytes(port.dtype); b++) /* small indices, odd floats */
            bytes[b] = (unsigned char)(b % rnnp_dtype_bytes(port.dtype) ? 0 : next_random(seed) % 3);
    }
    return 1;
}

static void use(rnnp_model *model, uint64_t *seed, totals *sum)
{
    const size_t n_inputs = rnnp_model_input_count(model), n_outputs = rnnp_model_output_count(model);
    rnnp_tensor inputs[MAX_PORTS] = {0}, outputs[MAX_PORTS] = {0};
    rnnp_plan *plan = NULL;
    rnnp_run *run = NULL;
    rnnp_stream *stream = NULL;

    if (n_inputs > MAX_PORTS || n_outputs > MAX_PORTS || rnnp_plan_create(model, NULL, &plan) != RNNP_OK) return;
    if (make_inputs(model, inputs, seed) && rnnp_run_create(plan, inputs, n_inputs, &run) == RNNP_OK) {
        int ready = 1;

        for (size_t i = 0; i < n_outputs; i++) {
            rnnp_run_output(run, i, &outputs[i]);
            outputs[i].data = malloc(rnnp_tensor_elements(&outputs[i]) * rnnp_dtype_bytes(outputs[i].dtype) + 1);
            ready = ready && outputs[i].data;
        }
        sum->run += ready && rnnp_run_execute(run, inputs, n_inputs, outputs, n_outputs) == RNNP_OK;
    }
    sum->stepped += rnnp_stream_create(plan, NULL, &stream) == RNNP_OK;
    rnnp_stream_destroy(stream);
    rnnp_run_destroy(run);
    rnnp_plan_destroy(plan);
    for (size_t i = 0; i < MAX_PORTS; i++) {
        free(inputs[i].data);
        free(outputs[i].data);
    }
}

/* The bytes are copied into a block of exactly their size, so that a sanitizer sees one byte too far. */
static rnnp_status try_bytes(rnnp_context *context, test_heap *heap, const char *name, const char *what,
                             const unsigned char *bytes, size_t size, const char *folder, uint64_t *seed, totals *sum)
{
    const size_t live = heap->live_blocks;
    unsigned char *exact = malloc(size ? size : 1);
    rnnp_model *model = NULL;
    rnnp_status status = RNNP_ERR_MEMORY;
    const rnnp_load_options options = {.struct_size = sizeof options, .directory = folder};

    sum->mutants++;
    if (exact) {
        memcpy(exact, bytes, size);
        status = rnnp_onnx_open_memory(context, exact, size, &options, &model);
    }
    free(exact);
    if (status == RNNP_OK) {
        sum->loaded++;
        use(model, seed, sum);
    } else if (model) {
        fail(sum, name, what, "an error left a model");
    }
    rnnp_model_destroy(model);
    if (heap->live_blocks != live) fail(sum, name, what, "memory leaked");
    return status;
}

static void damage(rnnp_context *context, test_heap *heap, const char *name, const char *folder,
                   const unsigned char *bytes, size_t size, totals *sum)
{
    static const unsigned char edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    unsigned char *changed = malloc(size);
    uint64_t seed = size;
    char what[64];

    if (!changed) return;
    for (size_t cut = 0; cut < CUTS; cut++) {
        snprintf(what, sizeof what, "cut after %zu bytes", size * cut / CUTS);
        try_bytes(context, heap, name, what, bytes, size * cut / CUTS, folder, &seed, sum);
    }
    for (size_t flip = 0; flip < FLIPS; flip++) {
        const size_t at = next_random(&seed) % size;
        const uint32_t kind = next_random(&seed);

        memcpy(changed, bytes, size);
        changed[at] = kind % 2 ? (unsigned char)(changed[at] ^ 1u << kind / 2 % 8) : edges[kind / 2 % sizeof edges];
        snprintf(what, sizeof what, "byte %zu is 0x%02x", at, changed[at]);
        try_bytes(context, heap, name, what, changed, size, folder, &seed, sum);
    }
    free(changed);
}

/* ---- Lies: each changes a parsed model and undoes it; apply returns 0 where it has nothing to change ---- */

typedef struct undo {
    char *text[2];
    int64_t number;
    size_t count;
} undo;

#define GRAPH (m->graph)
#define NODE (m->graph->node[0])

static int apply_old_opset(Onnx__ModelProto *m, undo *u)
{
    u->number = m->opset_import[0]->version;
    m->opset_import[0]->version = 6;
    return 1;
}
static int apply_new_opset(Onnx__ModelProto *m, undo *u)
{
    u->number = m->opset_import[0]->version;
    m->opset_import[0]->version = 23;
    return 1;
}
static void revert_opset(Onnx__ModelProto *m, const undo *u) { m->opset_import[0]->version = u->number; }

static int apply_no_opset(Onnx__ModelProto *m, undo *u)
{
    u->count = m->n_opset_import;
    m->n_opset_import = 0;
    return 1;
}
static void revert_no_opset(Onnx__ModelProto *m, const undo *u) { m->n_opset_import = u->count; }

static int apply_operator(Onnx__ModelProto *m, undo *u)
{
    static char name[] = "Nonsense";

    u->text[0] = NODE->op_type;
    NODE->op_type = name;
    return 1;
}
static void revert_operator(Onnx__ModelProto *m, const undo *u) { NODE->op_type = u->text[0]; }

static int apply_domain(Onnx__ModelProto *m, undo *u)
{
    static char name[] = "com.example";

    u->text[0] = NODE->domain;
    NODE->domain = name;
    return 1;
}
static void revert_domain(Onnx__ModelProto *m, const undo *u) { NODE->domain = u->text[0]; }

/* The first node reads its own result. */
static int apply_cycle(Onnx__ModelProto *m, undo *u)
{
    if (NODE->n_input == 0 || !*NODE->output[0]) return 0;
    u->text[0] = NODE->input[0];
    NODE->input[0] = NODE->output[0];
    return 1;
}
static int apply_missing(Onnx__ModelProto *m, undo *u)
{
    static char name[] = "nobody makes this";

    if (NODE->n_input == 0) return 0;
    u->text[0] = NODE->input[0];
    NODE->input[0] = name;
    return 1;
}
static void revert_input(Onnx__ModelProto *m, const undo *u) { NODE->input[0] = u->text[0]; }

/* The first node makes what is a graph input already. */
static int apply_duplicate(Onnx__ModelProto *m, undo *u)
{
    if (GRAPH->n_input == 0) return 0;
    u->text[0] = NODE->output[0];
    NODE->output[0] = GRAPH->input[0]->name;
    return 1;
}
static void revert_duplicate(Onnx__ModelProto *m, const undo *u) { NODE->output[0] = u->text[0]; }

static Onnx__TensorShapeProto *output_shape(const Onnx__ModelProto *m)
{
    return GRAPH->output[0]->type->tensor_type->shape;
}

/* An output claims one dimension too few. */
static int apply_rank(Onnx__ModelProto *m, undo *u)
{
    u->count = output_shape(m) ? output_shape(m)->n_dim : 0;
    if (u->count == 0) return 0;
    output_shape(m)->n_dim = u->count - 1;
    return 1;
}
static void revert_rank(Onnx__ModelProto *m, const undo *u) { output_shape(m)->n_dim = u->count; }

static int apply_type(Onnx__ModelProto *m, undo *u)
{
    u->number = GRAPH->output[0]->type->tensor_type->elem_type;
    GRAPH->output[0]->type->tensor_type->elem_type = u->number == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT
                                                         ? ONNX__TENSOR_PROTO__DATA_TYPE__INT64
                                                         : ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    return 1;
}
static void revert_type(Onnx__ModelProto *m, const undo *u)
{
    GRAPH->output[0]->type->tensor_type->elem_type = (int32_t)u->number;
}

static int with_dims(const Onnx__ModelProto *m)
{
    return GRAPH->n_initializer > 0 && GRAPH->initializer[0]->n_dims > 0;
}
static int apply_negative(Onnx__ModelProto *m, undo *u)
{
    if (!with_dims(m)) return 0;
    u->number = GRAPH->initializer[0]->dims[0];
    GRAPH->initializer[0]->dims[0] = -1;
    return 1;
}
static int apply_huge(Onnx__ModelProto *m, undo *u)
{
    if (!with_dims(m)) return 0;
    u->number = GRAPH->initializer[0]->dims[0];
    GRAPH->initializer[0]->dims[0] = INT64_MAX;
    return 1;
}
static int apply_unfilled(Onnx__ModelProto *m, undo *u)
{
    if (!with_dims(m)) return 0;
    u->number = GRAPH->initializer[0]->dims[0];
    GRAPH->initializer[0]->dims[0]++;
    return 1;
}
static void revert_dims(Onnx__ModelProto *m, const undo *u) { GRAPH->initializer[0]->dims[0] = u->number; }

static int apply_data_type(Onnx__ModelProto *m, undo *u)
{
    if (GRAPH->n_initializer == 0) return 0;
    u->number = GRAPH->initializer[0]->data_type;
    GRAPH->initializer[0]->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__COMPLEX64;
    return 1;
}
static void revert_data_type(Onnx__ModelProto *m, const undo *u)
{
    GRAPH->initializer[0]->data_type = (int32_t)u->number;
}

/* An input without a name has a type that is not known either. */
static int apply_nameless(Onnx__ModelProto *m, undo *u)
{
    if (GRAPH->n_input == 0) return 0;
    u->text[0] = GRAPH->input[0]->name;
    u->number = GRAPH->input[0]->type->tensor_type->elem_type;
    GRAPH->input[0]->name = NULL;
    GRAPH->input[0]->type->tensor_type->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__COMPLEX64;
    return 1;
}
static void revert_nameless(Onnx__ModelProto *m, const undo *u)
{
    GRAPH->input[0]->name = u->text[0];
    GRAPH->input[0]->type->tensor_type->elem_type = (int32_t)u->number;
}

/* Where a lie can be refused at more than one place, the status is not part of the test: RNNP_OK stands for any. */
static const struct {
    const char *what;
    int (*apply)(Onnx__ModelProto *m, undo *u);
    void (*revert)(Onnx__ModelProto *m, const undo *u);
    rnnp_status status;
} lies[] = {
    {"opset 6", apply_old_opset, revert_opset, RNNP_ERR_UNSUPPORTED},
    {"opset 23", apply_new_opset, revert_opset, RNNP_ERR_UNSUPPORTED},
    {"no opset", apply_no_opset, revert_no_opset, RNNP_ERR_FORMAT},
    {"an unknown operator", apply_operator, revert_operator, RNNP_ERR_UNSUPPORTED},
    {"another domain", apply_domain, revert_domain, RNNP_ERR_UNSUPPORTED},
    {"a cycle", apply_cycle, revert_input, RNNP_ERR_FORMAT},
    {"a missing value", apply_missing, revert_input, RNNP_ERR_FORMAT},
    {"a value made twice", apply_duplicate, revert_duplicate, RNNP_ERR_FORMAT},
    {"an output of another rank", apply_rank, revert_rank, RNNP_ERR_SHAPE},
    {"an output of another type", apply_type, revert_type, RNNP_ERR_TYPE},
    {"a negative dimension", apply_negative, revert_dims, RNNP_OK},
    {"a huge dimension", apply_huge, revert_dims, RNNP_OK},
    {"data that does not fill its shape", apply_unfilled, revert_dims, RNNP_OK},
    {"a foreign data type", apply_data_type, revert_data_type, RNNP_ERR_UNSUPPORTED},
    {"a nameless input of a foreign type", apply_nameless, revert_nameless, RNNP_ERR_UNSUPPORTED},
};

static void lie(rnnp_context *context, test_heap *heap, const char *name, const char *folder,
                const unsigned char *bytes, size_t size, totals *sum)
{
    Onnx__ModelProto *m = onnx__model_proto__unpack(NULL, size, bytes);
    uint64_t seed = 1;

    if (!m || GRAPH->n_node == 0) {
        fail(sum, name, "unchanged", "it does not parse or is empty");
        return;
    }
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        undo u = {0};

        if (!lies[i].apply(m, &u)) continue;
        unsigned char *packed = malloc(onnx__model_proto__get_packed_size(m));
        if (packed) {
            const size_t n = onnx__model_proto__pack(m, packed);
            const rnnp_status status = try_bytes(context, heap, name, lies[i].what, packed, n, folder, &seed, sum);

            if (status == RNNP_OK || (lies[i].status != RNNP_OK && status != lies[i].status))
                fail(sum, name, lies[i].what, status == RNNP_OK ? "accepted" : rnnp_last_error(context));
            else if (!*rnnp_last_error(context))
                fail(sum, name, lies[i].what, "refused without a sentence");
            else if (strstr(rnnp_last_error(context), "(null)"))
                fail(sum, name, lies[i].what, rnnp_last_error(context));
            else
                sum->refused++;
        }
        free(packed);
        lies[i].revert(m, &u);
    }
    onnx__model_proto__free_unpacked(m, NULL);
}

/* A graph in an attribute of a node of a graph in an attribute ..., far deeper than any stack: written from the
 * innermost out, each level a tag and a length in front of what is inside. */
static void nest(rnnp_context *context, test_heap *heap, totals *sum)
{
    enum { LEVELS = 100000, LEVEL_BYTES = 6 };
    static const unsigned char tags[] = {0x0a, 0x2a, 0x32}; /* GraphProto.node, NodeProto.attribute, AttributeProto.g */
    unsigned char *bytes = malloc(LEVELS * LEVEL_BYTES);
    size_t at = LEVELS * LEVEL_BYTES;
    uint64_t seed = 1;

    for (size_t level = LEVELS; bytes && level-- > 0;) {
        size_t inside = LEVELS * LEVEL_BYTES - at, digits = 1;

        for (size_t rest = inside; rest >= 0x80; rest >>= 7) digits++;
        at -= digits + 1;
        bytes[at] = level == 0 ? 0x3a /* ModelProto.graph */ : tags[(level - 1) % 3];
        for (size_t i = 1; i <= digits; i++, inside >>= 7)
            bytes[at + i] = (unsigned char)((inside & 0x7f) | (i < digits ? 0x80 : 0));
    }
    const size_t size = LEVELS * LEVEL_BYTES - at;
    const char *what = "100000 levels";
    if (!bytes || try_bytes(context, heap, "nesting", what, bytes + at, size, NULL, &seed, sum) != RNNP_ERR_FORMAT)
        fail(sum, "nesting", what, "not refused as a damaged file");
    free(bytes);
}

/* ---- No memory, no file ---- */

/* Each allocation fails once; up to the last one that says RNNP_ERR_MEMORY, with the allocation's sentence. */
static void starve(rnnp_context *context, test_heap *heap, const char *name, const char *folder,
                   const unsigned char *bytes, size_t size, totals *sum)
{
    const rnnp_load_options options = {.struct_size = sizeof options, .directory = folder};

    for (size_t n = 1;; n++) {
        const size_t live = heap->live_blocks, before = heap->calls;
        rnnp_model *model = NULL;
        char what[64];

        heap->fail_at = before + n;
        const rnnp_status status = rnnp_onnx_open_memory(context, bytes, size, &options, &model);
        const int reached = heap->calls >= heap->fail_at;
        heap->fail_at = 0;
        rnnp_model_destroy(model);
        snprintf(what, sizeof what, "allocation %zu fails", n);
        if (heap->live_blocks != live) fail(sum, name, what, "memory leaked");
        if (status != (reached ? RNNP_ERR_MEMORY : RNNP_OK))
            fail(sum, name, what, rnnp_status_string(status));
        else if (reached && !strstr(rnnp_last_error(context), "cannot allocate"))
            fail(sum, name, what, rnnp_last_error(context));
        if (!reached) return;
        sum->starved++;
    }
}

static void load_folder(rnnp_context *context, const char *folder, totals *sum)
{
    rnnp_model *model = NULL;

    if (rnnp_onnx_open_file(context, folder, NULL, &model) != RNNP_ERR_IO || model)
        fail(sum, folder, "a folder as a file", "not refused as unreadable");
    else if (!strstr(rnnp_last_error(context), "not a regular file"))
        fail(sum, folder, "a folder as a file", rnnp_last_error(context));
    rnnp_model_destroy(model);
}

/* ---- The folder and those in it ---- */

static void try_file(rnnp_context *context, test_heap *heap, const char *folder, const char *name, totals *sum)
{
    static unsigned char bytes[MAX_FILE];
    char path[1024];
    uint64_t seed = 1;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    const size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file) fclose(file);
    if (try_bytes(context, heap, name, "unchanged", bytes, size, folder, &seed, sum) != RNNP_OK) {
        fail(sum, name, "unchanged", rnnp_last_error(context));
        return;
    }
    sum->models++;
    damage(context, heap, name, folder, bytes, size, sum);
    lie(context, heap, name, folder, bytes, size, sum);
    starve(context, heap, name, folder, bytes, size, sum);
}

static void try_folder(rnnp_context *context, test_heap *heap, const char *folder, int depth, totals *sum)
{
    DIR *directory = opendir(folder);
    const struct dirent *entry;

    while (directory && (entry = readdir(directory)) != NULL) {
        const size_t length = strlen(entry->d_name);
        char path[768];

        if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path) continue;
        if (length > 5 && strcmp(entry->d_name + length - 5, ".onnx") == 0)
            try_file(context, heap, folder, entry->d_name, sum);
        else if (entry->d_name[0] != '.' && depth > 0)
            try_folder(context, heap, path, depth - 1, sum);
    }
    if (directory) closedir(directory);
}

int main(int argc, char **argv)
{
    test_heap heap = {0};
    totals sum = {0};
    rnnp_context_options options;
    rnnp_context_options_init(&options);
    rnnp_context *context = NULL;

    options.allocator = (rnnp_allocator){&heap, limited_alloc, test_heap_free};
    if (argc != 2 || rnnp_context_create(&options, &context) != RNNP_OK) {
        printf("usage: hostile <folder of cases>\n");
        return 1;
    }
    try_folder(context, &heap, argv[1], 1, &sum);
    nest(context, &heap, &sum);
    load_folder(context, argv[1], &sum);
    rnnp_context_destroy(context);
    if (heap.live_blocks) fail(&sum, "all", "at the end", "memory leaked");
    printf("%zu models, %zu mutants: %zu loaded, %zu of them ran, %zu could be stepped\n", sum.models, sum.mutants,
           sum.loaded, sum.run, sum.stepped);
    printf("%zu lies refused, %zu allocations failed, %zu failures\n", sum.refused, sum.starved, sum.failures);
    return sum.failures > 0 || sum.models == 0;
}
