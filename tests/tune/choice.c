/* SPDX-License-Identifier: Apache-2.0
 *
 * The vocabulary of records: words to choices and back, which words a context can follow, and keys of layers.
 */
#include "fixture.h"

#include "autotune/set.h"

static const struct {
    const char *key;
    rnnp_cell cell;
    int reset_after;
    rnnp_direction direction;
} layers[] = {
    {"rnn", RNNP_CELL_RNN, 0, RNNP_DIRECTION_FORWARD},
    {"lstm", RNNP_CELL_LSTM, 0, RNNP_DIRECTION_FORWARD},
    {"gru", RNNP_CELL_GRU, 0, RNNP_DIRECTION_FORWARD},
    {"gru-after", RNNP_CELL_GRU, 1, RNNP_DIRECTION_FORWARD},
    {"rnn", RNNP_CELL_RNN, 0, RNNP_DIRECTION_REVERSE},
    {"lstm", RNNP_CELL_LSTM, 1, RNNP_DIRECTION_REVERSE}, /* reset_after means nothing to an LSTM */
    {"gru-after", RNNP_CELL_GRU, 1, RNNP_DIRECTION_REVERSE},
    {"rnn-bidirectional", RNNP_CELL_RNN, 0, RNNP_DIRECTION_BIDIRECTIONAL},
    {"lstm-bidirectional", RNNP_CELL_LSTM, 0, RNNP_DIRECTION_BIDIRECTIONAL},
    {"gru-bidirectional", RNNP_CELL_GRU, 0, RNNP_DIRECTION_BIDIRECTIONAL},
    {"gru-after-bidirectional", RNNP_CELL_GRU, 1, RNNP_DIRECTION_BIDIRECTIONAL},
};

enum { LAYERS = sizeof layers / sizeof layers[0], INPUT = 7, HIDDEN = 21 };

static rnnp_recurrent layer_at(const rnnp_context *context, size_t i)
{
    return bare_layer(context, layers[i].cell, layers[i].reset_after, layers[i].direction, INPUT, HIDDEN);
}

/* ---- Words ---- */

TEST(test_words)
{
    static const struct {
        rnnp_shape_kind kind;
        const char *words, *canonical; /* NULL: the same */
    } cases[] = {
        {RNNP_SHAPE_LAYER, "", NULL},
        {RNNP_SHAPE_LAYER, "chunk=1", NULL},
        {RNNP_SHAPE_LAYER, "chunk=256", NULL},
        {RNNP_SHAPE_LAYER, "chunk=none", NULL},
        {RNNP_SHAPE_LAYER, "threads=1", NULL},
        {RNNP_SHAPE_LAYER, "threads=4096", NULL},
        {RNNP_SHAPE_LAYER, "walk=up", NULL},
        {RNNP_SHAPE_LAYER, "step=lstm_step_f32_panel_generic", NULL},
        {RNNP_SHAPE_LAYER, "second=gru_update_step_f32_split_generic", NULL},
        {RNNP_SHAPE_LAYER,
         "walk=up threads=3 step=gru_reset_step_f32_block_generic second=gru_update_step_f32_panel_generic chunk=64",
         "chunk=64 second=gru_update_step_f32_panel_generic step=gru_reset_step_f32_block_generic threads=3 walk=up"},
        {RNNP_SHAPE_DENSE, "", NULL},
        {RNNP_SHAPE_DENSE, "threads=3 product=gemm_f32_4x16_generic", "product=gemm_f32_4x16_generic threads=3"},
        {RNNP_SHAPE_STACK, "", NULL},
        {RNNP_SHAPE_STACK, "schedule=layers", NULL},
        {RNNP_SHAPE_STACK, "schedule=wavefront", NULL},
        {RNNP_SHAPE_STACK, "schedule=wavefront task=7", NULL},
        {RNNP_SHAPE_STACK, "task=1048576", NULL},
    };
    char printed[RNNP_RECORD_CHOICE];
    rnnp_choice c;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&c, 0x5a, sizeof c); /* reading clears it first */
        rnnp_choice_read(cases[i].kind, cases[i].words, &c);
        rnnp_choice_print(cases[i].kind, &c, printed);
        assert_string_equal(printed, cases[i].canonical ? cases[i].canonical : cases[i].words);
    }
    rnnp_choice_read(RNNP_SHAPE_LAYER, "chunk=none step=rnn_step_f32_split_generic threads=5 walk=up", &c);
    assert_int_equal(c.layer.chunk, RNNP_CHUNK_NONE);
    assert_string_equal(c.layer.step[0]->name, "rnn_step_f32_split_generic");
    assert_null(c.layer.step[1]);
    assert_int_equal(c.layer.threads, 5);
    assert_int_equal(c.layer.one_way, 1);
    rnnp_choice_read(RNNP_SHAPE_DENSE, "product=gemm_f32_4x16_generic threads=3", &c);
    assert_string_equal(c.product.kernel->name, "gemm_f32_4x16_generic");
    assert_int_equal(c.product.threads, 3);
    rnnp_choice_read(RNNP_SHAPE_STACK, "schedule=wavefront task=7", &c);
    assert_int_equal(c.stack.schedule, RNNP_SCHEDULE_WAVEFRONT);
    assert_int_equal(c.stack.task, 7);
}

/* The words of any valid choice are usable, in alphabetical order, accepted by records, and read as the same choice. */
TEST(test_round_trip)
{
    OWNED(context) context = make_context(NULL, 1);
    const rnnp_record_host host = host_of(context);
    OWNED(records) set = make_set(context);
    uint64_t seed = 2026;

    for (size_t i = 0; i < 1000; i++) {
        const rnnp_recurrent one = layer_at(context, i % LAYERS);
        const rnnp_choice choice = random_choice(context, &one, &seed);
        rnnp_choice_scope scope = rnnp_layer_scope(context, &one, NULL);
        char words[RNNP_RECORD_CHOICE], name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD], last[RNNP_RECORD_WORD] = "";
        rnnp_choice read;

        rnnp_choice_print(RNNP_SHAPE_LAYER, &choice, words);
        for (size_t w = 0; rnnp_record_word(words, w, name, value) == RNNP_OK; w++) {
            assert_true(strcmp(last, name) < 0);
            assert_true(rnnp_choice_usable(&scope, name, value));
            memcpy(last, name, sizeof last);
        }
        rnnp_choice_read(RNNP_SHAPE_LAYER, words, &read);
        assert_ptr_equal(read.layer.step[0], choice.layer.step[0]);
        assert_ptr_equal(read.layer.step[1], choice.layer.step[1]);
        assert_int_equal(read.layer.chunk, choice.layer.chunk);
        assert_int_equal(read.layer.threads, choice.layer.threads);
        assert_int_equal(read.layer.one_way, choice.layer.one_way);
        put_for(set, &host, &one, 1 + i, 1, 1, words);
    }
    assert_int_equal(rnnp_records_count(set), 1000);
}

/* ---- What can be done ---- */

TEST(test_values)
{
    static const struct {
        rnnp_shape_kind kind;
        int usable;
        const char *name, *values; /* separated by commas */
    } cases[] = {
        {RNNP_SHAPE_LAYER, 1, "chunk", "1,64,256,none"},
        {RNNP_SHAPE_LAYER, 0, "chunk",
         ",0,257,-1,1e3, 1,1 ,+1,01,0x10,1.0,None,all,18446744073709551617,9999999999999999999999"},
        {RNNP_SHAPE_LAYER, 1, "threads", "1,8,4096"},
        {RNNP_SHAPE_LAYER, 0, "threads", ",4097,0,none,-2, 1,1e3,18446744073709551617"},
        {RNNP_SHAPE_LAYER, 1, "walk", "up"},
        {RNNP_SHAPE_LAYER, 0, "walk", ",down,UP,upwards"},
        {RNNP_SHAPE_LAYER, 0, "Chunk", "1"},
        {RNNP_SHAPE_LAYER, 0, "chunks", "1"},
        {RNNP_SHAPE_LAYER, 0, "", "1"},
        {RNNP_SHAPE_LAYER, 0, "later", "x"},
        {RNNP_SHAPE_LAYER, 0, "variant", "block_avx2"},
        {RNNP_SHAPE_LAYER, 1, "step", "lstm_step_f32_block_generic"},
        {RNNP_SHAPE_LAYER, 0, "step",
         ",none,lstm_step,lstm_step_f32_block_generic ,LSTM_STEP_F32_BLOCK_GENERIC,gru_step_f32_block_generic"},
        {RNNP_SHAPE_LAYER, 0, "second", "lstm_step_f32_block_generic,gru_update_step_f32_block_generic"},
        {RNNP_SHAPE_LAYER, 0, "product", "gemm_f32_4x16_generic"},
        {RNNP_SHAPE_LAYER, 0, "task", "1"},
        {RNNP_SHAPE_DENSE, 1, "threads", "1,4096"},
        {RNNP_SHAPE_DENSE, 0, "threads", ",0,4097"},
        {RNNP_SHAPE_DENSE, 0, "product", ",gemm,lstm_step_f32_block_generic"},
        {RNNP_SHAPE_DENSE, 0, "step", "gemm_f32_4x16_generic"},
        {RNNP_SHAPE_DENSE, 0, "chunk", "16"},
        {RNNP_SHAPE_DENSE, 0, "Product", "x"},
        {RNNP_SHAPE_STACK, 1, "schedule", "layers,wavefront"},
        {RNNP_SHAPE_STACK, 0, "schedule", ",fastest,Layers,wave"},
        {RNNP_SHAPE_STACK, 1, "task", "1,1048576"},
        {RNNP_SHAPE_STACK, 0, "task", "0,1048577,x"},
        {RNNP_SHAPE_STACK, 0, "threads", "2"},
        {RNNP_SHAPE_STACK, 0, "chunk", "16"},
    };
    OWNED(context) context = make_context(NULL, 1);
    const rnnp_recurrent lstm = layer_at(context, 1);
    rnnp_choice_scope scopes[] = {[RNNP_SHAPE_LAYER] = rnnp_layer_scope(context, &lstm, NULL),
                                  [RNNP_SHAPE_DENSE] = rnnp_product_scope(context, RNNP_FORMAT_f32, NULL),
                                  [RNNP_SHAPE_STACK] = {.kind = RNNP_SHAPE_STACK}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (const char *at = cases[i].values; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
            char value[64];

            snprintf(value, sizeof value, "%.*s", (int)strcspn(at, ","), at);
            if (rnnp_choice_usable(&scopes[cases[i].kind], cases[i].name, value) != cases[i].usable)
                fail_msg("%s=%s: expected %d", cases[i].name, value, cases[i].usable);
        }
    }
}

/* A variant is usable exactly where the context says so, the op is that of the layer's part, and the format its own. */
static void assert_variants(const char *cap)
{
    OWNED(context) context = capped_context(NULL, cap, 1);
    rnnp_variant_info info = {.struct_size = sizeof info};
    size_t usable = 0, refused = 0;

    for (size_t i = 0; i < LAYERS; i++) {
        const rnnp_recurrent one = layer_at(context, i);
        rnnp_choice_scope scope = rnnp_layer_scope(context, &one, NULL);

        for (size_t v = 0; rnnp_context_variant_info(context, v, &info) == RNNP_OK; v++) {
            for (size_t part = 0; part < RNNP_CELL_PARTS; part++) {
                const rnnp_op op = rnnp_recurrent_op(&one, part);
                const int fits =
                    op != RNNP_OP_COUNT && strcmp(info.op, rnnp_op_names[op]) == 0 && strstr(info.name, "_f32_");

                if ((rnnp_choice_usable(&scope, part ? "second" : "step", info.name) != 0) != (fits && info.usable))
                    fail_msg("%s, %s: fits %d, usable %d", layers[i].key, info.name, fits, info.usable);
                usable += fits && info.usable;
                refused += fits && !info.usable;
            }
        }
    }
    assert_true(usable > 0);
    if (cap) assert_true(refused > 0); /* of other ISAs */
}

TEST(test_variants)
{
    assert_variants(NULL);
    assert_variants("generic");
}

/* With a packed layer: exactly the variants that pack the same way. */
TEST(test_packed)
{
    OWNED(context) context = make_context(NULL, 1);
    size_t same = 0, other = 0;

    for (size_t i = 0; i < LAYERS; i++) {
        const rnnp_recurrent one = layer_at(context, i);
        rnnp_recurrent packed = one;
        char had[512], has[512];

        rnnp_recurrent_prepare(&packed);
        rnnp_choice_scope scope = rnnp_layer_scope(context, &one, &packed);
        rnnp_recurrent_layout(&packed, had, sizeof had);
        for (size_t part = 0; part < packed.parts; part++) {
            const rnnp_variant *v;

            for (size_t k = 0; (v = usable_variant(context, rnnp_recurrent_op(&one, part), k)) != NULL; k++) {
                rnnp_recurrent chosen = one;

                chosen.choice.step[part] = v;
                rnnp_recurrent_prepare(&chosen);
                rnnp_recurrent_layout(&chosen, has, sizeof has);
                const int fits = strcmp(had, has) == 0;
                if ((rnnp_choice_usable(&scope, part ? "second" : "step", v->name) != 0) != fits)
                    fail_msg("%s, %s: \"%s\" and \"%s\"", layers[i].key, v->name, had, has);
                *(fits ? &same : &other) += 1;
            }
        }
        assert_true(rnnp_choice_usable(&scope, "chunk", "none"));
        assert_true(rnnp_choice_usable(&scope, "threads", "2"));
    }
    assert_true(same > 2 * LAYERS);
    if (context->selection.isa != RNNP_ISA_generic) assert_true(other > 0);
}

/* ---- Keys ---- */

TEST(test_keys)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_record_key key;

    for (size_t i = 0; i < LAYERS; i++) {
        const rnnp_recurrent one = layer_at(context, i);

        memset(&key, 0x5a, sizeof key);
        rnnp_choice_key(&one, 3, 50, 2, &key);
        assert_string_equal(key.layer, layers[i].key);
        assert_string_equal(key.precision, "f32");
        assert_int_equal(key.input, INPUT);
        assert_int_equal(key.hidden, HIDDEN);
        assert_int_equal(key.batch, 3);
        assert_int_equal(key.steps, 50);
        assert_int_equal(key.threads, 2);
        rnnp_choice_key(&one, 0, 0, 1, &key); /* a size that is not known or empty counts as 1 */
        assert_int_equal(key.batch, 1);
        assert_int_equal(key.steps, 1);
        assert_int_equal(key.threads, 1);
    }
}

/* Of dense layers and stacks. */
TEST(test_other_keys)
{
    static const struct {
        const char *key;
        rnnp_shape shape;
    } cases[] = {
        {"dense", SHAPE(.kind = RNNP_SHAPE_DENSE, .input = 3, .hidden = 40, .batch = 16, .steps = 1)},
        {"lstm-stack3", SHAPE(.kind = RNNP_SHAPE_STACK, .cell = RNNP_CELL_LSTM, .n_layers = 3, .input = 3, .hidden = 40,
                              .batch = 16, .steps = 9)},
        {"rnn-stack8", SHAPE(.kind = RNNP_SHAPE_STACK, .cell = RNNP_CELL_RNN, .n_layers = 8,
                             .direction = RNNP_DIRECTION_REVERSE, .input = 3, .hidden = 40, .batch = 16, .steps = 9)},
        {"gru-after-stack2", SHAPE(.kind = RNNP_SHAPE_STACK, .cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_AFTER,
                                   .n_layers = 2, .input = 3, .hidden = 40, .batch = 16, .steps = 9)},
    };
    rnnp_record_key key;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&key, 0x5a, sizeof key);
        rnnp_shape_key(&cases[i].shape, 4, &key);
        assert_string_equal(key.layer, cases[i].key);
        assert_string_equal(key.precision, "f32");
        assert_true(key.input == 3 && key.hidden == 40 && key.batch == 16 && key.steps == cases[i].shape.steps);
        assert_int_equal(key.threads, 4);
    }
}

/* Products by name, and with other panels already packed. */
TEST(test_products)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_choice_scope scope = rnnp_product_scope(context, RNNP_FORMAT_f32, NULL);

    for (size_t isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        for (size_t i = 0; i < rnnp_tables[isa]->count; i++) {
            const rnnp_variant *v = &rnnp_tables[isa]->rows[i];
            const int fits = v->op == RNNP_OP_gemm && v->traits.panels.format == RNNP_FORMAT_f32 &&
                             rnnp_variant_usable(v, context->cpu.features, context->max_rank);

            assert_int_equal(rnnp_choice_usable(&scope, "product", v->name), fits);
            for (size_t k = 0; fits && k < rnnp_tables[isa]->count; k++) {
                const rnnp_variant *packed = &rnnp_tables[isa]->rows[k];
                rnnp_choice_scope narrow = rnnp_product_scope(context, RNNP_FORMAT_f32, packed);

                if (packed->op == RNNP_OP_gemm && packed->traits.panels.format == RNNP_FORMAT_f32)
                    assert_int_equal(rnnp_choice_usable(&narrow, "product", v->name),
                                     packed->traits.panels.lanes == v->traits.panels.lanes);
            }
        }
    }
}

/* ---- Looking one up ---- */

TEST(test_find)
{
    OWNED(context) context = make_context(NULL, 1);
    const rnnp_record_host host = host_of(context);
    OWNED(records) set = make_set(context);
    rnnp_recurrent lstm = layer_at(context, 1);
    rnnp_record_found found = {.struct_size = sizeof found};

    put_for(set, &host, &lstm, 2, 10, 1, "chunk=16 step=lstm_step_f32_panel_generic");
    rnnp_choice_find(context, set, &host, NULL, 2, 10, 1, &lstm, &found);
    assert_int_equal(found.match, RNNP_MATCH_EXACT);
    assert_string_equal(found.reason, "");
    assert_int_equal(lstm.choice.chunk, 16);
    assert_string_equal(lstm.choice.step[0]->name, "lstm_step_f32_panel_generic");

    rnnp_choice_find(context, set, &host, NULL, 3, 10, 1, &lstm, &found);
    assert_int_equal(found.match, RNNP_MATCH_NEAREST);
    assert_int_equal(lstm.choice.chunk, 16);

    rnnp_choice_find(context, set, &host, NULL, 2, 10, 2, &lstm, &found); /* other threads: cleared */
    assert_int_equal(found.match, RNNP_MATCH_NONE);
    assert_int_equal(lstm.choice.chunk, 0);
    assert_null(lstm.choice.step[0]);

    put_for(set, &host, &lstm, 2, 10, 1, "chunk=257");
    rnnp_choice_find(context, set, &host, NULL, 2, 10, 1, &lstm, &found);
    assert_int_equal(found.match, RNNP_MATCH_NONE);
    assert_int_equal(lstm.choice.chunk, 0);
    assert_non_null(strstr(found.reason, "chunk=257"));

    rnnp_choice_find(context, NULL, &host, NULL, 2, 10, 1, &lstm, &found);
    assert_int_equal(found.match, RNNP_MATCH_NONE);
}

/* ---- The shipped table ---- */

static const rnnp_record_host zen3 = {.vendor = "AuthenticAMD",
                                      .family = 0x19,
                                      .model = 1,
                                      .stepping = 1,
                                      .isa = "avx2",
                                      .features = "avx2",
                                      .budget = 2,
                                      .version = "0.1.0"};

/* What it says on the machines that it was measured on, and nothing elsewhere. */
TEST(test_shipped)
{
    static const struct {
        rnnp_shape shape;
        const char *choice;
    } cases[] = {
        {SHAPE(.cell = RNNP_CELL_LSTM, .input = 96, .hidden = 96, .batch = 1, .steps = 50), "threads=2"},
        {SHAPE(.cell = RNNP_CELL_LSTM, .input = 100, .hidden = 100, .batch = 1, .steps = 50), "threads=2"},
        {SHAPE(.cell = RNNP_CELL_LSTM, .input = 128, .hidden = 128, .batch = 1, .steps = 50),
         ""}, /* measured: the default */
        {SHAPE(.cell = RNNP_CELL_RNN, .input = 200, .hidden = 200, .batch = 1, .steps = 50), "threads=2"},
    };
    rnnp_record_host other = zen3;

    other.family = 0x18;
    snprintf(other.isa, sizeof other.isa, "generic");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rnnp_record_found found = {.struct_size = sizeof found};
        rnnp_record_key key;

        rnnp_shape_key(&cases[i].shape, 2, &key);
        OK(rnnp_records_find(NULL, &zen3, &key, NULL, NULL, &found));
        assert_non_null(found.record);
        assert_string_equal(found.record->choice, cases[i].choice);
        assert_string_equal(found.source, "zen3");
        OK(rnnp_records_find(NULL, &other, &key, NULL, NULL, &found));
        assert_null(found.record);
    }
}

/* Every kernel that it names is in the table of variants, where that has its ISA. */
TEST(test_shipped_words)
{
    char name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];
    size_t kernels = 0;

    for (const rnnp_default *row = rnnp_defaults; row->where; row++) {
        rnnp_choice choice;

        rnnp_choice_read(RNNP_SHAPE_LAYER, row->record.choice, &choice);
        for (size_t i = 0; rnnp_record_word(row->record.choice, i, name, value) == RNNP_OK; i++) {
            if (strcmp(name, "step") != 0) continue;
            kernels++;
            const char *isa = strrchr(value, '_') + 1;
            size_t rows = 0;
            for (size_t k = 0; k < RNNP_ISA_COUNT; k++)
                rows = strcmp(rnnp_isa_names[k], isa) == 0 ? rnnp_tables[k]->count : rows;
            if (rows) assert_non_null(choice.layer.step[0]);
        }
    }
    assert_true(kernels > 0);
}
