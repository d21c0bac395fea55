/* SPDX-License-Identifier: Apache-2.0
 *
 * Models into packed files and back: the same graph, the same bits, whatever CPU the file was packed for; and weights
 * that are read where they are.
 */
#include "packed.h"

#include "dispatch/dispatch.h"
#include "src/graph/graph.h"

static const char *isa_of(const rnnp_context *context)
{
    rnnp_host_info host = {.struct_size = sizeof host};

    OK(rnnp_context_host(context, &host));
    return host.isa;
}

/* Of nodes that pack: how many take their weights from the file, and how many pack them. */
static void count_places(const rnnp_model *model, const rnnp_plan *plan, size_t *in_file, size_t *in_plan)
{
    *in_file = *in_plan = 0;
    for (size_t n = 0; n < rnnp_model_node_count(model); n++) {
        *in_file += rnnp_plan_node_place(plan, n) == RNNP_WEIGHTS_PLACE_FILE;
        *in_plan += rnnp_plan_node_place(plan, n) == RNNP_WEIGHTS_PLACE_PLAN;
    }
}

/* Blocks of packed weights in a file: a node whose layout is the same for two instruction sets has one for both. */
static size_t blocks_of(rnnp_context *context, const buffer *file)
{
    rnnp_packed_info info = {.struct_size = sizeof info};
    OWNED(model) opened = NULL;

    OK(rnnp_packed_open_memory(context, file->at, file->size, NULL, &opened));
    OK(rnnp_model_packed_info(opened, &info));
    return info.n_blocks;
}

/* Opens a file that is packed for one ISA, or for all (NULL), under a cap. Returns how many layouts it lacks there. */
static size_t check_opened(const rnnp_model *model, const buffer *file, const char *isa, const char *cap,
                           size_t threads, const produced *want)
{
    WATCHED heap = {0};
    OWNED(context) context = capped_context(&heap, cap, threads);
    const char *const two[] = {isa_of(context), isa};
    const int fits = !isa || strcmp(two[0], isa) == 0;
    size_t in_file, in_plan, plan_bytes, lacking = 0;
    OWNED(model) opened = NULL;

    if (!fits) {
        DROPPED(free_buffer) const buffer both = write_model(model, two, 2);

        lacking = blocks_of(context, &both) - blocks_of(context, file);
    }

    OK(rnnp_packed_open_memory(context, file->at, file->size, NULL, &opened));
    assert_same_graph(1, model, opened);
    OK(rnnp_packed_verify(opened));
    OK(rnnp_plan_bytes(opened, NULL, &plan_bytes));
    const size_t before = atomic_load(&heap.live_bytes);
    OWNED(plan) plan = make_plan(opened);
    assert_int_equal(atomic_load(&heap.live_bytes), before + plan_bytes);
    count_places(opened, plan, &in_file, &in_plan);
    assert_true(in_file + in_plan > 0);
    if (fits) {
        assert_int_equal(in_plan, 0);
        assert_true(plan_bytes < 1024 * (1 + rnnp_model_node_count(opened))); /* no weights */
    } else {
        assert_int_equal(in_plan, lacking);
    }
    DROPPED(free_outputs) produced got = run_model(opened, plan);
    assert_true(equal_outputs(want, &got));
    return lacking;
}

TEST(test_same_bits)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_model *model;
    size_t models = 0, lacking = 0;

    for (size_t m = 0; (model = make_any(context, m)) != NULL; m++, models++) {
        produced want = plan_and_run(model);

        for (size_t i = 0; i <= build_isas(); i++) {
            const char *isa = build_isa(i); /* NULL after the last */
            buffer file = isa ? write_model(model, &isa, 1) : write_for_all(model);

            for (size_t cap = 0; cap < build_isas(); cap++)
                lacking += check_opened(model, &file, isa, build_isa(cap), 1 + m % 3, &want);
            free(file.at);
        }
        free_outputs(&want);
        rnnp_model_destroy(model);
    }
    assert_int_equal(models, 25);
    assert_true(lacking > 0 || build_isas() == 1);
}

/* A file written from an opened file is the same file, also when the reader's own kernels want another layout. */
TEST(test_rewritten)
{
    for (size_t m = 0; m < 25; m += 4) {
        OWNED(context) context = make_context(NULL, 1), *other = capped_context(NULL, "generic", 1);
        OWNED(model) model = make_any(context, m), *opened = NULL;
        DROPPED(free_buffer) buffer file = write_for_all(model);

        OK(rnnp_packed_open_memory(other, file.at, file.size, NULL, &opened));
        DROPPED(free_buffer) buffer again = write_for_all(opened);
        assert_int_equal(again.size, file.size);
        assert_memory_equal(again.at, file.at, file.size);
    }
}

TEST(test_stream)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_model *models[2] = {make_recurrent(context, 1), NULL}; /* a forward LSTM without lengths */
    const int32_t length = 1;
    FREED float *x = numbers(STEPS * INPUT, 3, 1.0f);
    float y[2][STEPS][HIDDEN];
    DROPPED(free_buffer) buffer file = write_model(models[0], NULL, 0);

    OK(rnnp_packed_open_memory(context, file.at, file.size, NULL, &models[1]));
    for (size_t m = 0; m < 2; m++) {
        rnnp_plan *plan = make_plan(models[m]);
        rnnp_tensor in[2], out[3] = {{0}};

        NEW(stream, stream, plan, NULL);
        OK(rnnp_stream_input(stream, 0, &in[0]));
        OK(rnnp_stream_input(stream, 1, &in[1]));
        in[1].data = (void *)&length;
        for (size_t t = 0; t < STEPS; t++) {
            in[0].data = x + t * INPUT;
            out[0].data = y[m][t];
            OK(rnnp_stream_step(stream, in, 2, out, 3));
        }
        rnnp_stream_destroy(stream);
        rnnp_plan_destroy(plan);
        rnnp_model_destroy(models[m]);
    }
    assert_memory_equal(y[0], y[1], sizeof y[0]);
}

static void keep_line(void *user, rnnp_log_level level, const char *message)
{
    if (level == RNNP_LOG_INFO) snprintf(user, 512, "%s", message);
}

/* A plan that packs says so, and which layout the file lacks. */
TEST(test_log)
{
    char line[512] = "";
    OPTIONS(context, options);
    rnnp_context *context, *plain = make_context(NULL, 1);
    rnnp_model *model = make_recurrent(plain, 3), *opened; /* a GRU, whose layout depends on the ISA on every CPU */

    options.log = keep_line;
    options.log_user = line;
    OK(rnnp_context_create(&options, &context));
    const char *own = isa_of(context), *other = build_isa(strcmp(own, build_isa(0)) == 0);
    if (!other) { /* nothing to pack for but what runs here */
        rnnp_context_destroy(context);
        rnnp_model_destroy(model);
        rnnp_context_destroy(plain);
        return;
    }
    buffer file = write_model(model, &other, 1);
    OK(rnnp_packed_open_memory(context, file.at, file.size, NULL, &opened));
    rnnp_plan *plan = make_plan(opened);
    assert_non_null(strstr(line, "GRU"));
    assert_non_null(strstr(line, "packed from the original weights"));
    assert_non_null(strstr(line, "gru_step"));
    rnnp_plan_destroy(plan);
    rnnp_model_destroy(opened);
    free(file.at);

    line[0] = 0;
    file = write_model(model, &own, 1);
    OK(rnnp_packed_open_memory(context, file.at, file.size, NULL, &opened));
    plan = make_plan(opened);
    assert_string_equal(line, "");
    rnnp_plan_destroy(plan);
    rnnp_model_destroy(opened);
    free(file.at);
    rnnp_model_destroy(model);
    rnnp_context_destroy(context);
    rnnp_context_destroy(plain);
}

/* Different layouts of the blocks of files for one ISA each, which have n blocks. */
static size_t layouts_of(rnnp_context *context, const rnnp_model *model, size_t n)
{
    rnnp_packed_block_info blocks[8 * RNNP_ISA_COUNT];
    rnnp_model *opened[RNNP_ISA_COUNT];
    buffer files[RNNP_ISA_COUNT];
    size_t found = 0;

    for (size_t i = 0; i < build_isas(); i++) {
        const char *isa = build_isa(i);

        files[i] = write_model(model, &isa, 1);
        OK(rnnp_packed_open_memory(context, files[i].at, files[i].size, NULL, &opened[i]));
        assert_int_equal(blocks_of(context, &files[i]), n);
        for (size_t b = 0; b < n; b++) {
            rnnp_packed_block_info *last = &blocks[found];
            size_t k = 0;

            rnnp_packed_block_info_init(last);
            OK(rnnp_model_packed_block_info(opened[i], b, last));
            while (k < found && (blocks[k].node != last->node || strcmp(blocks[k].layout, last->layout) != 0)) k++;
            found += k == found;
        }
    }
    for (size_t i = 0; i < build_isas(); i++) {
        rnnp_model_destroy(opened[i]);
        free(files[i].at);
    }
    return found;
}

TEST(test_info)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_classifier(context), *opened = NULL;
    rnnp_packed_info info = {.struct_size = sizeof info};
    rnnp_packed_block_info block = {.struct_size = sizeof block};
    size_t total = 0;

    OK(rnnp_model_packed_info(model, &info));
    assert_int_equal(info.version, 0);
    assert_int_equal(info.n_blocks, 0);
    DROPPED(free_buffer) buffer file = write_for_all(model);
    OK(rnnp_packed_open_memory(context, file.at, file.size, NULL, &opened));
    OK(rnnp_model_packed_info(opened, &info));
    assert_int_equal(info.version, RNNP_PACKED_VERSION);
    assert_int_equal(info.file_bytes, file.size);
    assert_true(info.data_bytes >= rnnp_model_constant_elements(model) * 4);
    assert_true(info.graph_bytes > 500);
    /* Two LSTMs and two products, in each layout once. */
    assert_int_equal(info.n_blocks, layouts_of(context, model, 4));
    for (size_t i = 0; i < info.n_blocks; i++) {
        rnnp_node_info node = {.struct_size = sizeof node};

        OK(rnnp_model_packed_block_info(opened, i, &block));
        OK(rnnp_model_node_info(opened, block.node, &node));
        assert_non_null(strstr(block.layout, strcmp(node.op, "LSTM") == 0 ? "lstm_step lanes" : "panels of"));
        total += (block.bytes + 63) / 64 * 64;
    }
    assert_int_equal(total, info.packed_bytes);

    assert_int_equal(rnnp_model_packed_block_info(opened, info.n_blocks, &block), RNNP_ERR_ARG);
    assert_int_equal(rnnp_model_packed_block_info(opened, 0, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_model_packed_block_info(model, 0, &block), RNNP_ERR_ARG);
    assert_int_equal(rnnp_model_packed_block_info(NULL, 0, &block), RNNP_ERR_ARG);
    assert_int_equal(rnnp_model_packed_info(NULL, &info), RNNP_ERR_ARG);
    assert_int_equal(rnnp_model_packed_info(model, NULL), RNNP_ERR_ARG);
    info.struct_size = 0;
    assert_int_equal(rnnp_model_packed_info(model, &info), RNNP_ERR_ARG);
    assert_int_equal(rnnp_plan_node_place(NULL, 0), RNNP_WEIGHTS_PLACE_NONE);
    REFUSED(context, rnnp_packed_verify(model), RNNP_ERR_STATE, "not from a packed file");
    assert_int_equal(rnnp_packed_verify(NULL), RNNP_ERR_ARG);
}

/* Texts are kept, in their order, and say nothing of the model to streams' states. */
TEST(test_metadata)
{
    static const char *const want[][2] = {{"author", "a\nb"}, {"empty", ""}, {"rnnpack.data", "2"}};
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_recurrent(context, 0), *opened = NULL;
    const char *key, *value;
    uint64_t before, after;

    OK(rnnp_model_mark(model, &before));
    for (size_t i = 0; i < 3; i++) OK(rnnp_model_set_metadata(model, want[i][0], want[i][1]));
    DROPPED(free_buffer) buffer file = write_for_all(model);
    OK(rnnp_packed_open_memory(context, file.at, file.size, NULL, &opened));
    OK(rnnp_packed_verify(opened));
    assert_int_equal(rnnp_model_metadata_count(opened), 3);
    for (size_t i = 0; i < 3; i++) {
        OK(rnnp_model_metadata_get(opened, i, &key, &value));
        assert_string_equal(key, want[i][0]);
        assert_string_equal(value, want[i][1]);
    }
    OK(rnnp_model_mark(opened, &after));
    assert_int_equal(before, after);
    DROPPED(free_buffer) buffer again = write_for_all(opened);
    assert_int_equal(again.size, file.size);
    assert_memory_equal(again.at, file.at, file.size);

    for (size_t i = 0; i < 4096; i++) { /* one too many */
        char name[32];
        snprintf(name, sizeof name, "key %zu", i);
        OK(rnnp_model_set_metadata(model, name, "x"));
    }
    rnnp_model *none;
    DROPPED(free_buffer) buffer many = write_model(model, NULL, 0);
    REFUSED(context, rnnp_packed_open_memory(context, many.at, many.size, NULL, &none), RNNP_ERR_LIMIT,
            "more than 4096 entries of metadata");
}

/* The panels of the ISA's own kernels. */
static size_t lstm_lanes(size_t isa)
{
    rnnp_selection selection;

    rnnp_select_isa((rnnp_isa)isa, &selection);
    return selection.op[RNNP_OP_lstm_step]->traits.panels.lanes;
}

/* An ISA of any architecture is packed for truly: the panels are as its kernels read them, not as this CPU's do. */
TEST(test_every_isa)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_recurrent(context, 1);
    OPTIONS(packed, options);
    const char *isas[RNNP_ISA_COUNT];

    assert_int_equal(rnnp_isa_count(), RNNP_ISA_COUNT);
    assert_true(lstm_lanes(RNNP_ISA_generic) < lstm_lanes(RNNP_ISA_avx2) &&
                lstm_lanes(RNNP_ISA_avx2) < lstm_lanes(RNNP_ISA_avx512));
    options.isas = isas;
    for (size_t i = 0; i <= RNNP_ISA_COUNT; i++) { /* one by one, then all at once */
        buffer b = {0};
        rnnp_model *opened;
        rnnp_packed_block_info block = {.struct_size = sizeof block};
        size_t found = 0;

        options.n_isas = i < RNNP_ISA_COUNT ? 1 : RNNP_ISA_COUNT;
        for (size_t k = 0; k < options.n_isas; k++) isas[k] = i < RNNP_ISA_COUNT ? rnnp_isa_name(i) : rnnp_isa_name(k);
        OK(rnnp_packed_write(model, &options, take_bytes, &b));
        OK(rnnp_packed_open_memory(context, b.at, b.size, NULL, &opened));
        OK(rnnp_packed_verify(opened));
        for (size_t n = 0; rnnp_model_packed_block_info(opened, n, &block) == RNNP_OK; n++) {
            for (size_t k = 0; k < RNNP_ISA_COUNT; k++) {
                char lanes[64];

                snprintf(lanes, sizeof lanes, ": lstm_step lanes %zu ", lstm_lanes(k));
                if (!strstr(block.layout, lanes)) continue;
                found++;
                assert_true(i == RNNP_ISA_COUNT || k == i || lstm_lanes(k) == lstm_lanes(i));
            }
        }
        assert_true(found > 0);
        rnnp_model_destroy(opened);
        free(b.at);
    }
}

TEST(test_arguments)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_model *model = make_recurrent(context, 0), *open = make_model(context), *none = model;
    OPTIONS(packed, options);
    buffer b = {.fail_after = 1000};

    REFUSED(context, rnnp_packed_write(model, &options, take_bytes, &b), RNNP_ERR_IO, "stopped at byte");
    b.fail_after = 0;
    assert_int_equal(rnnp_packed_write(NULL, NULL, take_bytes, &b), RNNP_ERR_ARG);
    assert_int_equal(rnnp_packed_write(model, NULL, NULL, &b), RNNP_ERR_ARG);
    assert_int_equal(rnnp_packed_write(open, NULL, take_bytes, &b), RNNP_ERR_STATE);
    options.n_isas = 1;
    assert_int_equal(rnnp_packed_write(model, &options, take_bytes, &b), RNNP_ERR_ARG);
    options.isas = (const char *const[]){"sse9"};
    REFUSED(context, rnnp_packed_write(model, &options, take_bytes, &b), RNNP_ERR_ARG, "sse9");
    assert_says(context, rnnp_isa_list);
    options.isas = (const char *const[]){"generic", "generic"};
    options.n_isas = 2;
    REFUSED(context, rnnp_packed_write(model, &options, take_bytes, &b), RNNP_ERR_ARG, "twice");
    options.struct_size = 1;
    assert_int_equal(rnnp_packed_write(model, &options, take_bytes, &b), RNNP_ERR_ARG);
    options.struct_size = sizeof options.struct_size; /* an older, shorter layout: the defaults */
    free(b.at);
    b = (buffer){0};
    OK(rnnp_packed_write(model, &options, take_bytes, &b));

    assert_int_equal(rnnp_packed_open_memory(NULL, b.at, b.size, NULL, &none), RNNP_ERR_ARG);
    assert_null(none);
    assert_int_equal(rnnp_packed_open_memory(context, NULL, b.size, NULL, &none), RNNP_ERR_ARG);
    assert_int_equal(rnnp_packed_open_memory(context, b.at, b.size, NULL, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_packed_open_memory(NULL, b.at, b.size, NULL, NULL), RNNP_ERR_ARG);
    /* Bytes at an odd address are copied: the original may go. */
    unsigned char *odd = malloc(b.size + 1);
    assert_non_null(odd);
    memcpy(odd + 1, b.at, b.size);
    OK(rnnp_packed_open_memory(context, odd + 1, b.size, NULL, &none));
    free(odd);
    produced want = plan_and_run(model), got = plan_and_run(none);
    assert_true(equal_outputs(&want, &got));
    free_outputs(&want);
    free_outputs(&got);
    rnnp_model_destroy(none);
    free(b.at);
    rnnp_model_destroy(open);
    rnnp_model_destroy(model);
}
