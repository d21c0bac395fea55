/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints: training goes on with the same bits, and damaged or foreign files change nothing.
 */
#include "trainer.h"

#include "src/packed/packed.h"

#include <unistd.h>

enum { MOST_BYTES = 1 << 16 };

typedef struct fixture {
    rnnp_context *context;
    rnnp_model *model;
    rnnp_trainer *trainer;
    data d;
    char path[32];
    _Alignas(8) unsigned char bytes[MOST_BYTES];
    size_t size;
} fixture;

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void begin(fixture *f, rnnp_optimizer_kind kind)
{
    rnnp_train_options options = default_options();

    optimizer.kind = kind;
    optimizer.momentum = kind == RNNP_OPTIMIZER_SGD ? 0.5f : 0.0f;
    f->context = make_context(NULL, 1);
    f->model = classifier(f->context, 0.2f);
    f->trainer = make_trainer(f->model, &options);
    make_data(&f->d, 20, 3);
    strcpy(f->path, "train-checkpoint-XXXXXX");
    const int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < 3; i++) OK(rnnp_trainer_step(f->trainer, &f->d.batch, NULL));
}

static void end(fixture *f)
{
    unlink(f->path);
    rnnp_trainer_destroy(f->trainer);
    rnnp_model_destroy(f->model);
    rnnp_context_destroy(f->context);
}

static void read_back(fixture *f)
{
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
    static fixture f;
    char note[16] = "";
    size_t room = sizeof note;

    for (size_t k = 0; k < 4; k++) {
        begin(&f, kinds[k]);
        rnnp_train_options options = default_options();
        optimizer.kind = kinds[k];
        optimizer.momentum = kinds[k] == RNNP_OPTIMIZER_SGD ? 0.5f : 0.0f;
        OK(rnnp_trainer_set_rate(f.trainer, 0.005f));
        OK(rnnp_trainer_freeze(f.trainer, 1, 1));
        OK(rnnp_trainer_step(f.trainer, &f.d.batch, NULL));
        OK(rnnp_trainer_save_file(f.trainer, f.path, "epoch 7", 8));

        rnnp_trainer *other = make_trainer(f.model, &options);
        OK(rnnp_trainer_step(other, &f.d.batch, NULL));
        room = sizeof note;
        OK(rnnp_trainer_load_file(other, f.path, note, &room));
        assert_int_equal(room, 8);
        assert_string_equal(note, "epoch 7");
        assert_int_equal(rnnp_trainer_step_count(other), 4);
        assert_same(other, f.trainer, 0);
        for (size_t i = 0; i < 5; i++) {
            rnnp_train_result a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};

            OK(rnnp_trainer_step(f.trainer, &f.d.batch, &a));
            OK(rnnp_trainer_step(other, &f.d.batch, &b));
            assert_memory_equal(&a, &b, sizeof a);
        }
        assert_same(other, f.trainer, 0);
        OK(rnnp_trainer_load_file(other, f.path, NULL, NULL));
        OK(rnnp_trainer_load_file(other, f.path, NULL, &room));
        assert_int_equal(room, 8);
        rnnp_trainer_destroy(other);
        end(&f);
    }
}

/* The trainer refuses the file at f->path and is as the one beside it. */
static void refused(fixture *f, const rnnp_trainer *same, rnnp_status status)
{
    assert_int_equal(rnnp_trainer_load_file(f->trainer, f->path, NULL, NULL), status);
    assert_int_equal(rnnp_trainer_step_count(f->trainer), rnnp_trainer_step_count(same));
    assert_same(f->trainer, same, 0);
}

TEST(test_damaged)
{
    static fixture f;
    rnnp_train_options options = default_options();

    begin(&f, RNNP_OPTIMIZER_ADAM);
    OK(rnnp_trainer_save_file(f.trainer, f.path, "abc", 3));
    read_back(&f);
    rnnp_trainer *same = make_trainer(f.model, &options);
    OK(rnnp_trainer_load_file(same, f.path, NULL, NULL));
    OK(rnnp_trainer_step(f.trainer, &f.d.batch, NULL)); /* so that taking anything would be seen */
    OK(rnnp_trainer_step(same, &f.d.batch, NULL));
    for (size_t size = 0; size < f.size; size += size < 200 ? 1 : 97) {
        write_file(f.path, f.bytes, size);
        refused(&f, same, RNNP_ERR_FORMAT);
    }
    for (size_t at = 0; at < f.size; at += at < 600 ? 1 : 61) {
        f.bytes[at] ^= (unsigned char)(1u << at % 8);
        write_file(f.path, f.bytes, f.size);
        f.bytes[at] ^= (unsigned char)(1u << at % 8);
        refused(&f, same, RNNP_ERR_FORMAT);
    }
    f.bytes[f.size] = 0;
    write_file(f.path, f.bytes, f.size + 1);
    refused(&f, same, RNNP_ERR_FORMAT);
    write_file(f.path, "not a checkpoint, but long enough to have a head of sixty-four bytes in it", 70);
    refused(&f, same, RNNP_ERR_FORMAT);
    assert_says(f.context, "not a checkpoint");
    write_file(f.path, f.bytes, f.size);
    OK(rnnp_trainer_load_file(f.trainer, f.path, NULL, NULL));
    rnnp_trainer_destroy(same);
    end(&f);
}

/* ---- Checksums that are right by intent ---- */

enum { INDEX_BYTES = 3, INDEX_SUM, N_ARRAYS, ARRAY_BYTES, HEAD_SUM, HEAD_WORDS }; /* words of the head */

static uint64_t *word_of(fixture *f, size_t i) { return (uint64_t *)(void *)f->bytes + i; }

static float *array_of(fixture *f, size_t a)
{
    return (float *)(void *)(f->bytes + 8 * HEAD_WORDS + *word_of(f, INDEX_BYTES) + a * *word_of(f, ARRAY_BYTES));
}

static void write_signed(fixture *f)
{
    const size_t index = *word_of(f, INDEX_BYTES) / 8, arrays = *word_of(f, N_ARRAYS);

    for (size_t a = 0; a < arrays; a++)
        *word_of(f, HEAD_WORDS + index - arrays + a) = rnnp_packed_checksum(array_of(f, a), *word_of(f, ARRAY_BYTES));
    *word_of(f, INDEX_SUM) = rnnp_packed_checksum(word_of(f, HEAD_WORDS), 8 * index);
    *word_of(f, HEAD_SUM) = 0;
    *word_of(f, HEAD_SUM) = rnnp_packed_checksum(f->bytes, 8 * HEAD_WORDS);
    write_file(f->path, f->bytes, f->size);
}

/* A file with numbers that no training gives is refused, and changes nothing. */
TEST(test_impossible)
{
    static fixture f;
    rnnp_train_options options = default_options();
    enum { RATE_WORD = HEAD_WORDS + 1, STEPS_WORD };

    begin(&f, RNNP_OPTIMIZER_ADAM);
    OK(rnnp_trainer_save_file(f.trainer, f.path, NULL, 0));
    read_back(&f);
    rnnp_trainer *same = make_trainer(f.model, &options);
    OK(rnnp_trainer_load_file(same, f.path, NULL, NULL));
    write_signed(&f); /* nothing changed yet */
    OK(rnnp_trainer_load_file(f.trainer, f.path, NULL, NULL));
    assert_int_equal(*word_of(&f, N_ARRAYS), 3);
    const struct {
        size_t array;
        float number;
        int refused;
    } numbers[] = {{0, NAN, 1}, {0, INFINITY, 1}, {1, NAN, 1},    {1, INFINITY, 0},
                   {1, -1, 0},  {2, NAN, 1},      {2, -1e-3f, 1}, {2, INFINITY, 0}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        float *at = array_of(&f, numbers[i].array) + 5;
        const float before = *at;

        *at = numbers[i].number;
        write_signed(&f);
        if (numbers[i].refused)
            refused(&f, same, RNNP_ERR_FORMAT);
        else
            OK(rnnp_trainer_load_file(f.trainer, f.path, NULL, NULL));
        *at = before;
        write_signed(&f);
        OK(rnnp_trainer_load_file(f.trainer, f.path, NULL, NULL));
    }
    static const float rates[] = {NAN, INFINITY, -1};
    const uint64_t rate = *word_of(&f, RATE_WORD), steps = *word_of(&f, STEPS_WORD);
    for (size_t i = 0; i < 3; i++) {
        uint32_t bits;

        memcpy(&bits, &rates[i], sizeof bits);
        *word_of(&f, RATE_WORD) = bits;
        write_signed(&f);
        refused(&f, same, RNNP_ERR_FORMAT);
        assert_says(f.context, "learning rate");
    }
    *word_of(&f, RATE_WORD) = rate;
    *word_of(&f, STEPS_WORD) = UINT64_MAX; /* the next step would be number 0 */
    write_signed(&f);
    refused(&f, same, RNNP_ERR_FORMAT);
    assert_says(f.context, "steps");
    *word_of(&f, STEPS_WORD) = steps;
    write_signed(&f);
    OK(rnnp_trainer_load_file(f.trainer, f.path, NULL, NULL));
    rnnp_trainer_destroy(same);
    end(&f);
}

TEST(test_foreign)
{
    static fixture f, sgd;
    const int64_t shape[] = {RNNP_DYNAMIC, INPUT};
    const char *const names[] = {"batch", NULL};
    float w[INPUT * CLASSES] = {0};
    rnnp_train_options options;
    rnnp_value x, y;

    begin(&f, RNNP_OPTIMIZER_ADAM);
    begin(&sgd, RNNP_OPTIMIZER_SGD);
    rnnp_model *dense = make_model(f.context);
    OK(rnnp_model_add_input(dense, "x", RNNP_DTYPE_F32, 2, shape, names, &x));
    OK(rnnp_model_add_dense(dense, x, w, INPUT, CLASSES, 0, NULL, NULL, &y));
    close_with(dense, "y", y);
    options = default_options();
    rnnp_trainer *other = make_trainer(dense, &options);

    OK(rnnp_trainer_save_file(f.trainer, f.path, NULL, 0));
    assert_int_equal(rnnp_trainer_load_file(other, f.path, NULL, NULL), RNNP_ERR_SHAPE);
    assert_says(f.context, "parameter 0");
    OK(rnnp_trainer_save_file(other, f.path, NULL, 0));
    assert_int_equal(rnnp_trainer_load_file(f.trainer, f.path, NULL, NULL), RNNP_ERR_SHAPE);
    OK(rnnp_trainer_save_file(f.trainer, f.path, NULL, 0));
    assert_int_equal(rnnp_trainer_load_file(sgd.trainer, f.path, NULL, NULL), RNNP_ERR_ARG);
    assert_says(sgd.context, "another optimiser");
    rnnp_trainer_destroy(other);
    rnnp_model_destroy(dense);
    end(&f);
    end(&sgd);
}

TEST(test_errors)
{
    static fixture f;
    rnnp_train_options options = default_options();
    char note[2];
    size_t room = sizeof note;

    begin(&f, RNNP_OPTIMIZER_ADAM);
    rnnp_trainer *same = make_trainer(f.model, &options);
    assert_int_equal(rnnp_trainer_save_file(NULL, f.path, NULL, 0), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_load_file(NULL, f.path, NULL, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_save_file(f.trainer, NULL, NULL, 0), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_save_file(f.trainer, "", NULL, 0), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_save_file(f.trainer, f.path, NULL, 1), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_load_file(f.trainer, NULL, NULL, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_load_file(f.trainer, "", NULL, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_load_file(f.trainer, f.path, note, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_trainer_load_file(f.trainer, "no such folder/x", NULL, NULL), RNNP_ERR_IO);
    assert_says(f.context, "No such file");
    assert_int_equal(rnnp_trainer_save_file(f.trainer, "no such folder/x", NULL, 0), RNNP_ERR_IO);
    assert_int_equal(rnnp_trainer_load_file(f.trainer, ".", NULL, NULL), RNNP_ERR_IO);
    assert_says(f.context, "regular file");
    OK(rnnp_trainer_save_file(f.trainer, f.path, "three", 5));
    OK(rnnp_trainer_load_file(same, f.path, NULL, NULL));
    OK(rnnp_trainer_step(f.trainer, &f.d.batch, NULL));
    OK(rnnp_trainer_step(same, &f.d.batch, NULL));
    assert_int_equal(rnnp_trainer_load_file(f.trainer, f.path, note, &room), RNNP_ERR_ARG);
    assert_says(f.context, "room for 2");
    assert_int_equal(room, 2);
    assert_same(f.trainer, same, 0);
    rnnp_trainer_destroy(same);
    end(&f);
}
