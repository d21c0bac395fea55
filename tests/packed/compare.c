/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed files whose blocks are not the weights they claim to be, with all checksums right: what compares them, and
 * what happens where nobody asked for that.
 */
#include "../model/graph.h"
#include "packed.h"

#include "src/packed/format.h"
#include "src/packed/packed.h"

typedef struct listed {
    uint64_t *words; /* node, offset, bytes, checksum, length of the layout, layout */
    char *layout;
    float *weights;
} listed;

static packed_header *header_of(const buffer *b) { return (packed_header *)(void *)b->at; }

static listed block_at(const buffer *b, size_t index)
{
    const packed_header *h = header_of(b);
    uint64_t *w = (uint64_t *)(void *)(b->at + h->section[PACKED_BLOCKS].offset) + 1;

    while (index-- > 0) w += 5 + w[4] / 8 + 1;
    return (listed){w, (char *)(w + 5), (float *)(void *)(b->at + h->section[PACKED_WEIGHTS].offset + w[1])};
}

static size_t blocks_of(const buffer *b)
{
    return (size_t) * (const uint64_t *)(const void *)(b->at + header_of(b)->section[PACKED_BLOCKS].offset);
}

/* Right checksums for whatever the list and block `index` hold now. */
static void sign(const buffer *b, size_t index)
{
    packed_header *h = header_of(b);
    packed_section *s = &h->section[PACKED_BLOCKS];
    const listed block = block_at(b, index);

    block.words[3] = rnnp_packed_checksum(block.weights, (size_t)block.words[2]);
    s->checksum = rnnp_packed_checksum(b->at + s->offset, (size_t)s->bytes);
    h->checksum = 0;
    h->checksum = rnnp_packed_checksum(h, sizeof *h);
}

static rnnp_model *open_bytes(rnnp_context *context, const buffer *b, int compare)
{
    OPTIONS(load, o);
    rnnp_model *model;

    o.compare_packed = compare;
    OK(rnnp_packed_open_memory(context, b->at, b->size, &o, &model));
    return model;
}

/* What a plan under this cap does with a file: refused when it compares, otherwise outputs that may be other ones. */
static void try_cap(const char *isa, const buffer *b, const produced *want, size_t *refused, size_t *wrong)
{
    OWNED(context) context = capped_context(NULL, isa, 1);

    for (int compare = 0; compare <= 1; compare++) {
        OWNED(model) model = open_bytes(context, b, compare);
        OWNED(plan) plan = NULL;
        const rnnp_status status = rnnp_plan_create(model, NULL, &plan);

        if (status == RNNP_OK) {
            DROPPED(free_outputs) produced got = run_model(model, plan);
            const int same = equal_outputs(&got, want);

            assert_true(same || !compare);
            *wrong += !same;
        } else {
            assert_true(compare);
            assert_int_equal(status, RNNP_ERR_FORMAT);
            assert_says(context, "differ from its original weights");
            (*refused)++;
        }
    }
}

TEST(test_compare)
{
    WATCHED heap = {0};
    OWNED(context) context = capped_context(&heap, NULL, 1);
    size_t wrong = 0;

    for (size_t m = 0; m < 4; m++) {
        rnnp_model *model = make_any(context, m);
        DROPPED(free_buffer) buffer b = write_for_all(model);
        DROPPED(free_outputs) produced want = plan_and_run(model);
        size_t refused = 0, odd = 0;

        rnnp_model_destroy(model);
        model = open_bytes(context, &b, 1);
        OK(rnnp_packed_verify(model));
        rnnp_model_destroy(model);
        for (size_t c = 0; c < build_isas(); c++) try_cap(build_isa(c), &b, &want, &refused, &odd);
        assert_int_equal(refused + odd, 0);
        assert_true(blocks_of(&b) > 0);
        for (size_t i = 0; i < blocks_of(&b); i++) {
            const float good = block_at(&b, i).weights[0];

            block_at(&b, i).weights[0] = good + 1.0f;
            sign(&b, i);
            model = open_bytes(context, &b, 0);
            REFUSED(context, rnnp_packed_verify(model), RNNP_ERR_FORMAT, "differ from its original weights");
            rnnp_model_destroy(model);
            for (size_t c = 0; c < build_isas(); c++) try_cap(build_isa(c), &b, &want, &refused, &wrong);
            block_at(&b, i).weights[0] = good;
            sign(&b, i);
        }
        assert_true(refused > 0);
    }
    assert_true(wrong > 0); /* without the comparison these are believed */
}

/* Layouts that nobody makes, and lists out of order. */
TEST(test_foreign)
{
    OWNED(context) context = capped_context(NULL, NULL, 1);
    rnnp_model *model = make_classifier(context);
    DROPPED(free_buffer) buffer b = write_for_all(model);
    DROPPED(free_outputs) produced want = plan_and_run(model);

    rnnp_model_destroy(model);
    listed block = block_at(&b, 0);
    block.layout[0] ^= 1;
    sign(&b, 0);
    model = open_bytes(context, &b, 1);
    REFUSED(context, rnnp_packed_verify(model), RNNP_ERR_UNSUPPORTED, "cannot be compared");
    DROPPED(free_outputs) produced got = plan_and_run(model); /* packs for itself */
    assert_true(equal_outputs(&got, &want));
    rnnp_model_destroy(model);
    block.layout[0] ^= 1;

    block.words[0] = UINT64_MAX;
    sign(&b, 0);
    REFUSED(context, rnnp_packed_open_memory(context, b.at, b.size, NULL, &model), RNNP_ERR_FORMAT,
            "list of packed blocks");
}

/* A block for a node that packs nothing, as its weights are inputs: of no bytes, and with the layout that it would
 * have. Comparing it would pack weights that are not there into a block of no size. */
TEST(test_no_block)
{
    OWNED(context) context = capped_context(NULL, NULL, 1);
    rnnp_model *model =
        make_graph(context, "x: f32[?,?,7]; w: f32[1,76,7]; r: f32[1,76,19];"
                            "-> a = LSTM@14(x, w, r), b = LSTM@14(x, f32[1,76,7]~3*0.3, f32[1,76,19]~4*0.3)");
    DROPPED(free_buffer) buffer b = write_model(model, NULL, 0);
    rnnp_model_destroy(model);
    assert_int_equal(blocks_of(&b), 1);
    const listed block = block_at(&b, 0);
    assert_int_equal(block.words[0], 1);
    block.words[0] = block.words[2] = 0;
    sign(&b, 0);
    model = open_bytes(context, &b, 1);
    REFUSED(context, rnnp_packed_verify(model), RNNP_ERR_UNSUPPORTED, "cannot be compared");
    rnnp_model_destroy(model);
}

/* A packed file is loaded within limits, too. */
TEST(test_limits)
{
    OWNED(context) context = capped_context(NULL, NULL, 1);
    rnnp_model *model = make_classifier(context);
    DROPPED(free_buffer) buffer b = write_for_all(model);
    OPTIONS(load, o);

    rnnp_model_destroy(model);
    o.max_nodes = 3;
    REFUSED(context, rnnp_packed_open_memory(context, b.at, b.size, &o, &model), RNNP_ERR_LIMIT, "more than 3 nodes");
    o = (rnnp_load_options){.struct_size = sizeof o, .max_bytes = 1000};
    REFUSED(context, rnnp_packed_open_memory(context, b.at, b.size, &o, &model), RNNP_ERR_LIMIT, "max_bytes");
    o.struct_size = 0;
    assert_int_equal(rnnp_packed_open_memory(context, b.at, b.size, &o, &model), RNNP_ERR_ARG);
}
