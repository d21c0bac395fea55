/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints: training goes on with the same bits, and damaged or foreign files change nothing.
 */
#include "trainer.h"

#include "src/packed/packed.h"
#include "tests/scratch.h"

enum { MOST_BYTES = 1 << 16 };

typedef struct fixture {
    setup s;
    rnnp_trainer *same; /* for comparisons */
    data d;
    char folder[64], path[128];
    _Alignas(8) unsigned char bytes[MOST_BYTES];
    size_t size;
} fixture;

static void begin(fixture *f, rnnp_optimizer_kind kind)
{
    rnnp_train_options options = default_options();

    optimizer.kind = kind;
    optimizer.momentum = kind == RNNP_OPTIMIZER_SGD ? 0.5f : 0.0f;
    f->s = set_up(1, NULL, 0.2f, &options);
    f->same = make_trainer(f->s.model, &options);
    make_data(&f->d, 20, 3);
    make_folder(f->folder);
    snprintf(f->path, sizeof f->path, "%s/checkpoint", f->folder);
    for (size_t i = 0; i < 3; i++) OK(rnnp_trainer_step(f->s.trainer, &f->d.batch, NULL));
}

static void end(fixture *f)
{
    remove_folder(f->folder);
    rnnp_trainer_destroy(f->same);
    tear_down(&f->s);
}

/* Saves the trainer, and loads what it saved into the other. */
static void save(fixture *f, const char *note, size_t bytes)
{
    OK(rnnp_trainer_save_file(f->s.trainer, f->path, note, bytes));
    OK(rnnp_trainer_load_file(f->same, f->path, NULL, NULL));
    FILE *file = fopen(f->path, "rb");
    assert_non_null(file);
    f->size = fread(f->bytes, 1, sizeof f->bytes, file);
    fclose(file);
    assert_true(f->size > 64 && f->size < sizeof f->bytes);
}

TEST(test_resume)
{
    static const rnnp_optimizer_kind kinds[] = {RNNP_OPTIMIZER_SGD, RNNP_OPTIMIZER_RMSPROP, RNNP_OPTIMIZER_ADAM,
                                                RNNP_OPTIMIZER_ADAMW};
    char note[16] = "";

    for (size_t k = 0; k < 4; k++) {
        DROPPED(end) fixture f;
        size_t room = sizeof note;

        begin(&f, kinds[k]);
        OK(rnnp_trainer_set_rate(f.s.trainer, 0.005f));
        OK(rnnp_trainer_freeze(f.s.trainer, 1, 1));
        OK(rnnp_trainer_step(f.s.trainer, &f.d.batch, NULL));
        OK(rnnp_trainer_save_file(f.s.trainer, f.path, "epoch 7", 8));
        OK(rnnp_trainer_step(f.same, &f.d.batch, NULL));
        OK(rnnp_trainer_load_file(f.same, f.path, note, &room));
        assert_int_equal(room, 8);
        assert_string_equal(note, "epoch 7");
        assert_int_equal(rnnp_trainer_step_count(f.same), 4);
        assert_same(f.same, f.s.trainer, 0);
        for (size_t i = 0; i < 5; i++) {
            rnnp_train_result a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};

            OK(rnnp_trainer_step(f.s.trainer, &f.d.batch, &a));
            OK(rnnp_trainer_step(f.same, &f.d.batch, &b));
            assert_memory_equal(&a, &b, sizeof a);
        }
        assert_same(f.same, f.s.trainer, 0);
        OK(rnnp_trainer_load_file(f.same, f.path, NULL, NULL));
        OK(rnnp_trainer_load_file(f.same, f.path, NULL, &room));
        assert_int_equal(room, 8);
    }
}

/* The trainer refuses a file of these bytes and is as the one beside it. */
static void refused(fixture *f, const void *bytes, size_t size, const char *words)
{
    write_file(f->path, bytes, size);
    REFUSED(f->s.context, rnnp_trainer_load_file(f->s.trainer, f->path, NULL, NULL), RNNP_ERR_FORMAT, words);
    assert_int_equal(rnnp_trainer_step_count(f->s.trainer), rnnp_trainer_step_count(f->same));
    assert_same(f->s.trainer, f->same, 0);
}

static void accepted(fixture *f)
{
    write_file(f->path, f->bytes, f->size);
    OK(rnnp_trainer_load_file(f->s.trainer, f->path, NULL, NULL));
}

TEST(test_damaged)
{
    DROPPED(end) fixture f;

    begin(&f, RNNP_OPTIMIZER_ADAM);
    save(&f, "abc", 3);
    OK(rnnp_trainer_step(f.s.trainer, &f.d.batch, NULL)); /* so that taking anything would be seen */
    OK(rnnp_trainer_step(f.same, &f.d.batch, NULL));
    for (size_t size = 0; size < f.size; size += size < 200 ? 1 : 97) refused(&f, f.bytes, size, "");
    for (size_t at = 0; at < f.size; at += at < 600 ? 1 : 61) {
        f.bytes[at] ^= (unsigned char)(1u << at % 8);
        refused(&f, f.bytes, f.size, "");
        f.bytes[at] ^= (unsigned char)(1u << at % 8);
    }
    f.bytes[f.size] = 0;
    refused(&f, f.bytes, f.size + 1, "");
    refused(&f, "not a checkpoint, but long enough to have a head of sixty-four bytes in it", 70, "not a checkpoint");
    accepted(&f);
}

/* ---- Checksums that are right by intent ---- */

enum { INDEX_BYTES = 3, INDEX_SUM, N_ARRAYS, ARRAY_BYTES, HEAD_SUM, HEAD_WORDS }; /* words of the head */

static uint64_t *word_of(fixture *f, size_t i) { return (uint64_t *)(void *)f->bytes + i; }

static float *array_of(fixture *f, size_t a)
{
    return (float *)(void *)(f->bytes + 8 * HEAD_WORDS + *word_of(f, INDEX_BYTES) + a * *word_of(f, ARRAY_BYTES));
}

static void sign(fixture *f)
{
    const size_t index = *word_of(f, INDEX_BYTES) / 8, arrays = *word_of(f, N_ARRAYS);

    for (size_t a = 0; a < arrays; a++)
        *word_of(f, HEAD_WORDS + index - arrays + a) = rnnp_packed_checksum(array_of(f, a), *word_of(f, ARRAY_BYTES));
    *word_of(f, INDEX_SUM) = rnnp_packed_checksum(word_of(f, HEAD_WORDS), 8 * index);
    *word_of(f, HEAD_SUM) = 0;
    *word_of(f, HEAD_SUM) = rnnp_packed_checksum(f->bytes, 8 * HEAD_WORDS);
}

/* With other bytes at a place: refused with these words, or NULL: accepted. As it was: accepted. */
static void changed(fixture *f, void *at, const void *bytes, size_t n, const char *words)
{
    unsigned char before[8];

    memcpy(before, at, n);
    memcpy(at, bytes, n);
    sign(f);
    if (words)
        refused(f, f->bytes, f->size, words);
    else
        accepted(f);
    memcpy(at, before, n);
    sign(f);
    accepted(f);
}

/* A file with numbers that no training gives is refused, and changes nothing. */
TEST(test_impossible)
{
    DROPPED(end) fixture f;
    enum { RATE_WORD = HEAD_WORDS + 1, STEPS_WORD };
    const struct {
        size_t array;
        float number;
        int refused;
    } numbers[] = {{0, NAN, 1}, {0, INFINITY, 1}, {1, NAN, 1},    {1, INFINITY, 0},
                   {1, -1, 0},  {2, NAN, 1},      {2, -1e-3f, 1}, {2, INFINITY, 0}};
    static const float rates[] = {NAN, INFINITY, -1};
    const uint64_t most = UINT64_MAX; /* the next step would be number 0 */

    begin(&f, RNNP_OPTIMIZER_ADAM);
    save(&f, NULL, 0);
    assert_int_equal(*word_of(&f, N_ARRAYS), 3);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        changed(&f, array_of(&f, numbers[i].array) + 5, &numbers[i].number, 4, numbers[i].refused ? "" : NULL);
    for (size_t i = 0; i < 3; i++) changed(&f, word_of(&f, RATE_WORD), &rates[i], 4, "learning rate");
    changed(&f, word_of(&f, STEPS_WORD), &most, 8, "steps");
}

TEST(test_foreign)
{
    DROPPED(end) fixture f, sgd;
    const int64_t shape[] = {RNNP_DYNAMIC, INPUT};
    const char *const names[] = {"batch", NULL};
    float w[INPUT * CLASSES] = {0};
    const rnnp_train_options options = default_options();
    rnnp_value x, y;

    begin(&f, RNNP_OPTIMIZER_ADAM);
    begin(&sgd, RNNP_OPTIMIZER_SGD);
    optimizer.kind = RNNP_OPTIMIZER_ADAM;
    optimizer.momentum = 0.0f;
    OWNED(model) dense = make_model(f.s.context);
    OK(rnnp_model_add_input(dense, "x", RNNP_DTYPE_F32, 2, shape, names, &x));
    OK(rnnp_model_add_dense(dense, x, w, INPUT, CLASSES, 0, NULL, NULL, &y));
    close_with(dense, "y", y);
    OWNED(trainer) other = make_trainer(dense, &options);

    OK(rnnp_trainer_save_file(f.s.trainer, f.path, NULL, 0));
    REFUSED(f.s.context, rnnp_trainer_load_file(other, f.path, NULL, NULL), RNNP_ERR_SHAPE, "parameter 0");
    REFUSED(sgd.s.context, rnnp_trainer_load_file(sgd.s.trainer, f.path, NULL, NULL), RNNP_ERR_ARG,
            "another optimiser");
    OK(rnnp_trainer_save_file(other, f.path, NULL, 0));
    FAILS(rnnp_trainer_load_file(f.s.trainer, f.path, NULL, NULL), RNNP_ERR_SHAPE);
}

TEST(test_errors)
{
    DROPPED(end) fixture f;
    char note[2];
    size_t room = sizeof note;

    begin(&f, RNNP_OPTIMIZER_ADAM);
    rnnp_trainer *const trainer = f.s.trainer;
    FAILS(rnnp_trainer_save_file(NULL, f.path, NULL, 0), RNNP_ERR_ARG);
    FAILS(rnnp_trainer_load_file(NULL, f.path, NULL, NULL), RNNP_ERR_ARG);
    FAILS(rnnp_trainer_save_file(trainer, NULL, NULL, 0), RNNP_ERR_ARG);
    FAILS(rnnp_trainer_save_file(trainer, "", NULL, 0), RNNP_ERR_ARG);
    FAILS(rnnp_trainer_save_file(trainer, f.path, NULL, 1), RNNP_ERR_ARG);
    FAILS(rnnp_trainer_load_file(trainer, NULL, NULL, NULL), RNNP_ERR_ARG);
    FAILS(rnnp_trainer_load_file(trainer, "", NULL, NULL), RNNP_ERR_ARG);
    FAILS(rnnp_trainer_load_file(trainer, f.path, note, NULL), RNNP_ERR_ARG);
    REFUSED(f.s.context, rnnp_trainer_load_file(trainer, "no such folder/x", NULL, NULL), RNNP_ERR_IO, "No such file");
    FAILS(rnnp_trainer_save_file(trainer, "no such folder/x", NULL, 0), RNNP_ERR_IO);
    REFUSED(f.s.context, rnnp_trainer_load_file(trainer, ".", NULL, NULL), RNNP_ERR_IO, "regular file");
    save(&f, "three", 5);
    OK(rnnp_trainer_step(trainer, &f.d.batch, NULL));
    OK(rnnp_trainer_step(f.same, &f.d.batch, NULL));
    REFUSED(f.s.context, rnnp_trainer_load_file(trainer, f.path, note, &room), RNNP_ERR_ARG, "room for 2");
    assert_int_equal(room, 2);
    assert_same(trainer, f.same, 0);
}
