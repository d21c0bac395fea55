/* SPDX-License-Identifier: Apache-2.0
 *
 * Damaged, cut off and lying packed files. Damage is refused with a sentence or does not matter; a file with right
 * checksums and wrong contents meets the checks of the functions that build models. Nothing crashes, reads outside the
 * file (under a sanitizer) or leaks.
 */
#include "../model/answer.h"
#include "packed.h"

#include "src/packed/format.h"
#include "src/packed/packed.h"

/* A copy at the end of its allocation, so that reading on is noticed; 64-byte aligned for sizes that allow it. */
static unsigned char *copy_of(const unsigned char *at, size_t size)
{
    unsigned char *copy = aligned_alloc(64, (size + 63) / 64 * 64 + (size ? 0 : 64));

    assert_non_null(copy);
    memcpy(copy, at, size);
    return copy;
}

typedef struct fixture {
    test_heap heap;
    rnnp_context *context;
    buffer good;
    produced want;
} fixture;

/* Huge shapes fail instead of taking memory. */
static void *small_alloc(void *user, size_t size, size_t align)
{
    return size > (size_t)16 << 20 ? NULL : test_heap_alloc(user, size, align);
}

static void begin(fixture *f, size_t index)
{
    OPTIONS(context, options);

    *f = (fixture){0};
    options.allocator = (rnnp_allocator){&f->heap, small_alloc, test_heap_free};
    OK(rnnp_context_create(&options, &f->context));
    OWNED(model) model = make_any(f->context, index);
    if (index != 1) OK(rnnp_model_set_metadata(model, "rnnpack.data", "format = csv"));
    f->good = write_for_all(model);
    f->want = plan_and_run(model);
}

static void end(fixture *f)
{
    free(f->good.at);
    free_outputs(&f->want);
    rnnp_context_destroy(f->context);
    assert_int_equal(atomic_load(&f->heap.live_blocks), 0);
}

/* Opens and uses; whatever the bytes are, either it is refused with a sentence or the results are right. Returns the
 * first status that is not RNNP_OK. verify: everything is compared with its checksums. */
typedef enum judge { PLAN_ONLY, SAME_RESULTS, ANY_RESULTS } judge;

static rnnp_status use(fixture *f, const unsigned char *at, size_t size, int verify, judge how)
{
    const size_t blocks = atomic_load(&f->heap.live_blocks);
    rnnp_model *model = NULL;
    rnnp_plan *plan = NULL;
    rnnp_status status = rnnp_packed_open_memory(f->context, at, size, NULL, &model);

    assert_int_equal(model != NULL, status == RNNP_OK);
    if (status == RNNP_OK && verify) status = rnnp_packed_verify(model);
    if (status == RNNP_OK) status = rnnp_plan_create(model, NULL, &plan);
    if (status == RNNP_OK && how == ANY_RESULTS) {
        DROPPED(free_answer) answer any = ask(f->context, model);
        (void)any;
    }
    if (status == RNNP_OK && how == SAME_RESULTS) {
        DROPPED(free_outputs) produced got = run_model(model, plan);

        assert_true(equal_outputs(&f->want, &got));
    }
    if (status != RNNP_OK) assert_true(strlen(rnnp_last_error(f->context)) > 10);
    rnnp_plan_destroy(plan);
    rnnp_model_destroy(model);
    assert_int_equal(atomic_load(&f->heap.live_blocks), blocks);
    return status;
}

static const packed_header *header_of(const unsigned char *at) { return (const packed_header *)(const void *)at; }

/* ---- Damage ---- */

/* Every byte of header, graph and list, and many of the rest. What rnnp_packed_verify does not refuse is padding, which
 * is zero in a good file, and does not matter. */
TEST(test_every_byte)
{
    static const unsigned char flips[] = {0x01, 0x80, 0xff};
    fixture f;
    for (size_t index = 0; index < 3; index++) {
        size_t tried = 0, harmless = 0;

        begin(&f, index);
        unsigned char *bad = copy_of(f.good.at, f.good.size);
        const uint64_t end_of_head = header_of(bad)->section[PACKED_DATA].offset;

        for (size_t i = 0; i < f.good.size; i += i < end_of_head ? 1 : 1 + i % 5) {
            bad[i] ^= flips[i % 3];
            tried++;
            if (use(&f, bad, f.good.size, 1, SAME_RESULTS) == RNNP_OK) {
                assert_int_equal(f.good.at[i], 0);
                harmless++;
            }
            bad[i] = f.good.at[i];
        }
        /* Without verifying: what a plan does not read does not matter. */
        for (size_t i = end_of_head; i < f.good.size; i += 7) {
            bad[i] ^= 0x10;
            use(&f, bad, f.good.size, 0, SAME_RESULTS);
            bad[i] = f.good.at[i];
        }
        assert_true(harmless < tried / 4);
        free(bad);
        end(&f);
    }
}

TEST(test_every_length)
{
    fixture f;

    begin(&f, 1);
    for (size_t size = 0; size < f.good.size; size += size < 1024 ? 1 : 13) {
        unsigned char *cut = copy_of(f.good.at, size);

        assert_int_equal(use(&f, cut, size, 0, PLAN_ONLY), RNNP_ERR_FORMAT);
        free(cut);
    }
    unsigned char *longer = copy_of(f.good.at, f.good.size);
    longer = realloc(longer, f.good.size + 64);
    assert_non_null(longer);
    assert_int_equal(use(&f, longer, f.good.size + 64, 0, PLAN_ONLY), RNNP_ERR_FORMAT);
    assert_says(f.context, "its header says");
    free(longer);
    end(&f);
}

/* ---- Lies: the checksums are right ---- */

static void sign(unsigned char *at, size_t size)
{
    packed_header *h = (packed_header *)(void *)at;

    for (size_t i = 0; i <= PACKED_BLOCKS; i++) {
        packed_section *s = &h->section[i];

        if (s->offset <= size && s->bytes <= size - s->offset)
            s->checksum = rnnp_packed_checksum(at + s->offset, (size_t)s->bytes);
    }
    h->checksum = 0;
    h->checksum = rnnp_packed_checksum(h, sizeof *h);
}

/* A field of the header becomes value, or the field `from` plus value. */
#define VALUE SIZE_MAX
#define FILE_BYTES (SIZE_MAX - 1)

#define FIELD(field_) offsetof(packed_header, field_), sizeof(((packed_header *)NULL)->field_)
#define SECTION(i, field_) FIELD(section[i].field_)

TEST(test_header)
{
    static const struct {
        size_t field, bytes, from;
        uint64_t value;
        rnnp_status status;
        const char *says;
    } lies[] = {
        {FIELD(magic[1]), VALUE, 'Q', RNNP_ERR_FORMAT, "not a packed model"},
        {FIELD(version), VALUE, RNNP_PACKED_VERSION + 1, RNNP_ERR_UNSUPPORTED,
         "version 4 of the format, this library reads versions 2 to 3"},
        {FIELD(version), VALUE, RNNP_PACKED_OLDEST - 1, RNNP_ERR_UNSUPPORTED,
         "version 1 of the format, this library reads versions 2 to 3"},
        {FIELD(byte_order), VALUE, 0x04030201, RNNP_ERR_FORMAT, "byte order"},
        {FIELD(float_format), VALUE, 0x3f800000 /* 1 */, RNNP_ERR_FORMAT, "float format"},
        {FIELD(sections), VALUE, 3, RNNP_ERR_FORMAT, "3 sections"},
        {FIELD(bytes), FILE_BYTES, 1, RNNP_ERR_FORMAT, "its header says"},
        {SECTION(2, kind), VALUE, 3, RNNP_ERR_FORMAT, "section 2 (kind 3"},
        {SECTION(3, bytes), VALUE, UINT64_MAX, RNNP_ERR_FORMAT, "section 3"},
        {SECTION(3, offset), VALUE, UINT64_MAX - 63, RNNP_ERR_FORMAT, "section 3"},
        {SECTION(3, bytes), offsetof(packed_header, section[3].bytes), 1, RNNP_ERR_FORMAT, "section 3"},
        {SECTION(2, offset), offsetof(packed_header, section[2].offset), 8, RNNP_ERR_FORMAT, "section 2"},
        {SECTION(0, offset), VALUE, 128, RNNP_ERR_FORMAT, "section 0"},
        {SECTION(2, offset), offsetof(packed_header, section[1].offset), 0, RNNP_ERR_FORMAT, "section 2"},
        {SECTION(0, bytes), offsetof(packed_header, section[0].bytes), (uint64_t)-4, RNNP_ERR_FORMAT,
         "the checksum of its graph"},
        {SECTION(0, bytes), offsetof(packed_header, section[0].bytes), (uint64_t)-8, RNNP_ERR_FORMAT,
         "the graph is malformed"},
        {SECTION(0, bytes), VALUE, 0, RNNP_ERR_FORMAT, "the graph is malformed"},
        {SECTION(1, bytes), offsetof(packed_header, section[1].bytes), (uint64_t)-8, RNNP_ERR_FORMAT,
         "list of packed blocks is malformed"},
        {SECTION(1, bytes), VALUE, 0, RNNP_ERR_FORMAT, "list of packed blocks is malformed"},
        {SECTION(2, bytes), VALUE, 0, RNNP_ERR_FORMAT, "does not fit into the data"},
        {SECTION(3, bytes), VALUE, 0, RNNP_ERR_FORMAT, "list of packed blocks is malformed"},
    };
    fixture f;

    begin(&f, 2);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        unsigned char *bad = copy_of(f.good.at, f.good.size);
        uint64_t value = 0;

        if (lies[i].from == FILE_BYTES)
            value = f.good.size;
        else if (lies[i].from != VALUE)
            memcpy(&value, bad + lies[i].from, lies[i].bytes);
        value += lies[i].value;
        memcpy(bad + lies[i].field, &value, lies[i].bytes);
        sign(bad, f.good.size);
        const rnnp_status status = use(&f, bad, f.good.size, 0, PLAN_ONLY);
        if (status != lies[i].status || !strstr(rnnp_last_error(f.context), lies[i].says))
            fail_msg("lie %zu: status %d, %s", i, status, rnnp_last_error(f.context));
        free(bad);
    }
    end(&f);
}

/* Files of the version before are read: they are as those of a model without metadata. */
TEST(test_older)
{
    rnnp_packed_info info = {.struct_size = sizeof info};
    fixture f;

    for (size_t index = 0; index < 2; index++) {
        begin(&f, index);
        unsigned char *old = copy_of(f.good.at, f.good.size);
        const uint32_t version = 2;

        memcpy(old + offsetof(packed_header, version), &version, sizeof version);
        sign(old, f.good.size);
        if (index == 0) {
            assert_int_equal(use(&f, old, f.good.size, 1, SAME_RESULTS), RNNP_ERR_FORMAT);
            assert_says(f.context, "the graph is malformed");
        } else {
            rnnp_model *model;

            assert_int_equal(use(&f, old, f.good.size, 1, SAME_RESULTS), RNNP_OK);
            OK(rnnp_packed_open_memory(f.context, old, f.good.size, NULL, &model));
            OK(rnnp_model_packed_info(model, &info));
            assert_int_equal(info.version, 2);
            rnnp_model_destroy(model);
        }
        free(old);
        end(&f);
    }
}

/* Every word of the graph and of the list takes every one of some values, signed. */
TEST(test_every_word)
{
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      3,
                                      5,
                                      64,
                                      255,
                                      4096,
                                      INT32_MAX,
                                      UINT32_MAX,
                                      INT64_MAX,
                                      UINT64_MAX,
                                      UINT64_MAX - 63,
                                      UINT64_MAX / 4,
                                      UINT64_C(1) << 34};
    fixture f;
    size_t accepted = 0, refused = 0;

    for (size_t index = 0; index < 3; index += 2) {
        begin(&f, index);
        for (size_t s = PACKED_GRAPH; s <= PACKED_BLOCKS; s++) {
            const packed_section section = header_of(f.good.at)->section[s];

            for (uint64_t at = section.offset; at < section.offset + section.bytes; at += 8) {
                unsigned char *bad = copy_of(f.good.at, f.good.size);

                for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
                    memcpy(bad + at, &values[v], 8);
                    sign(bad, f.good.size);
                    if (use(&f, bad, f.good.size, 0, ANY_RESULTS) == RNNP_OK)
                        accepted++;
                    else
                        refused++;
                }
                free(bad);
            }
        }
        end(&f);
    }
    assert_true(refused > 1000);
    assert_true(accepted > 100); /* names, numbers of attributes, checksums of what is not read */
}

/* ---- Laziness ---- */

/* Damaged originals that nobody reads do no harm, and are refused when something is packed from them. */
TEST(test_lazy)
{
    fixture f;
    rnnp_model *model;
    rnnp_plan *plan;

    begin(&f, 2); /* an LSTM: all its constants are packed */
    unsigned char *bad = copy_of(f.good.at, f.good.size);
    bad[header_of(bad)->section[PACKED_DATA].offset + 5] ^= 1;
    assert_int_equal(use(&f, bad, f.good.size, 0, SAME_RESULTS), RNNP_OK);
    assert_int_equal(use(&f, bad, f.good.size, 1, SAME_RESULTS), RNNP_ERR_FORMAT);
    assert_says(f.context, "damaged: its checksum differs");

    /* Written anew the damage would be blessed. */
    buffer again = {0};
    OK(rnnp_packed_open_memory(f.context, bad, f.good.size, NULL, &model));
    assert_int_equal(rnnp_packed_write(model, NULL, take_bytes, &again), RNNP_ERR_FORMAT);
    assert_int_equal(again.size, 0);
    rnnp_model_destroy(model);
    free(bad);

    /* The same without blocks: a plan needs the originals. */
    bad = copy_of(f.good.at, f.good.size);
    uint64_t *list = (uint64_t *)(void *)(bad + header_of(bad)->section[PACKED_BLOCKS].offset);
    ((packed_header *)(void *)bad)->section[PACKED_BLOCKS].bytes = 8;
    list[0] = 0;
    sign(bad, f.good.size);
    assert_int_equal(use(&f, bad, f.good.size, 0, SAME_RESULTS), RNNP_OK);
    bad[header_of(bad)->section[PACKED_DATA].offset + 5] ^= 1;
    OK(rnnp_packed_open_memory(f.context, bad, f.good.size, NULL, &model));
    assert_int_equal(rnnp_plan_create(model, NULL, &plan), RNNP_ERR_FORMAT);
    assert_null(plan);
    rnnp_model_destroy(model);
    free(bad);
    end(&f);

    begin(&f, 0); /* the embedding's table is read by executions: compared at once */
    bad = copy_of(f.good.at, f.good.size);
    bad[header_of(bad)->section[PACKED_DATA].offset + 5] ^= 1;
    assert_int_equal(rnnp_packed_open_memory(f.context, bad, f.good.size, NULL, &model), RNNP_ERR_FORMAT);
    assert_says(f.context, "constant");
    free(bad);
    end(&f);
}

/* ---- Memory ---- */

static rnnp_status scenario(rnnp_context *context, const buffer *file, rnnp_model **model, rnnp_plan **plan,
                            buffer *again)
{
    rnnp_status status = rnnp_packed_open_memory(context, file->at, file->size, NULL, model);

    if (status == RNNP_OK) status = rnnp_plan_create(*model, NULL, plan);
    if (status == RNNP_OK) status = rnnp_packed_write(*model, NULL, take_bytes, again);
    if (status == RNNP_OK) status = rnnp_model_release_weights(*model, NULL);
    return status;
}

/* Every allocation fails once. */
TEST(test_memory)
{
    OWNED(context) plain = make_context(NULL, 1);
    OWNED(model) model = make_classifier(plain);
    DROPPED(free_buffer) buffer file = write_model(model, (const char *const[]){"generic"}, 1);
    rnnp_status status = RNNP_ERR_MEMORY;
    size_t n = 0;

    for (; status != RNNP_OK; n++) {
        WATCHED heap = {0};
        OWNED(context) context = make_context(&heap, 1);
        OWNED(model) opened = NULL;
        OWNED(plan) plan = NULL;
        DROPPED(free_buffer) buffer again = {0};

        heap.fail_at = atomic_load(&heap.calls) + n + 1;
        status = scenario(context, &file, &opened, &plan, &again);
        if (status != RNNP_OK) {
            assert_int_equal(status, RNNP_ERR_MEMORY);
            assert_says(context, "cannot allocate");
        }
    }
    assert_true(n > 20);
}
