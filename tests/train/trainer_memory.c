/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of trainers: as much as rnnp_trainer_bytes says, none in later steps, and every allocation may fail once.
 */
#include "trainer.h"

#include "tests/scratch.h"

TEST(test_bytes)
{
    static const size_t rows[] = {1, 16, 17, 40, 96, 100};
    rnnp_train_options options = default_options();
    data d;

    for (size_t threads = 1; threads <= 3; threads++) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            WATCHED heap = {0};
            OWNED(context) context = make_context(&heap, threads);
            OWNED(model) model = classifier(context, 0.2f);
            OWNED(trainer) trainer = make_trainer(model, &options);
            const size_t before = atomic_load(&heap.live_bytes);
            size_t bytes;

            make_data(&d, rows[i], 3);
            OK(rnnp_trainer_bytes(trainer, d.inputs, 2, &bytes));
            assert_int_equal(atomic_load(&heap.live_bytes), before);
            OK(rnnp_trainer_step(trainer, &d.batch, NULL));
            assert_int_equal(atomic_load(&heap.live_bytes), before + bytes);
            const size_t calls = atomic_load(&heap.calls);
            OK(rnnp_trainer_step(trainer, &d.batch, NULL));
            OK(rnnp_trainer_backward(trainer, &d.batch, NULL));
            OK(rnnp_trainer_evaluate(trainer, &d.batch, NULL));
            assert_int_equal(atomic_load(&heap.calls), calls);
            OK(rnnp_trainer_bytes(trainer, d.inputs, 2, &bytes)); /* still on top of a new one */
            assert_int_equal(atomic_load(&heap.live_bytes), before + bytes);
        }
    }
}

/* A whole training in which the n-th allocation fails, and every failed call is made again. */
static rnnp_status scenario(rnnp_context *context, data *d, const char *path, float **all, size_t *n)
{
    const rnnp_train_options options = default_options();
    rnnp_model *model = NULL, *trained = NULL;
    rnnp_trainer *trainer = NULL;
    size_t bytes, room = 8, failures = 0;
    char note[8];

#define AGAIN(call)                                   \
    for (rnnp_status s_; (s_ = (call)) != RNNP_OK;) { \
        assert_int_equal(s_, RNNP_ERR_MEMORY);        \
        assert_true(++failures <= 1);                 \
    }
    AGAIN((rnnp_model_destroy(model), build_classifier(context, 0.2f, &model)))
    AGAIN(rnnp_trainer_create(model, &options, &trainer))
    AGAIN(rnnp_trainer_initialize(trainer, 3))
    AGAIN(rnnp_trainer_bytes(trainer, d->inputs, 2, &bytes))
    for (int i = 0; i < 2; i++) AGAIN(rnnp_trainer_step(trainer, &d->batch, NULL))
    AGAIN(rnnp_trainer_save_file(trainer, path, "note", 5))
    AGAIN(rnnp_trainer_step(trainer, &d->batch, NULL))
    AGAIN(rnnp_trainer_load_file(trainer, path, note, &room))
    AGAIN(rnnp_trainer_step(trainer, &d->batch, NULL))
    AGAIN(rnnp_trainer_model(trainer, &trained))
    *all = all_of(trainer, 0, n);
    rnnp_model_destroy(trained);
    rnnp_trainer_destroy(trainer);
    rnnp_model_destroy(model);
    return failures ? RNNP_ERR_MEMORY : RNNP_OK;
}

TEST(test_every_allocation)
{
    FREED float *want = NULL;
    size_t n = 0, m, failed = 0;
    data d;

    FOLDER(folder);
    make_data(&d, 20, 3);
    for (size_t at = 0, calls = 0; at <= calls; at++) { /* 0: nothing fails */
        WATCHED heap = {0};
        OWNED(context) context = make_context(&heap, 1);
        const size_t before = atomic_load(&heap.calls);
        float *got;

        heap.fail_at = at ? before + at : 0;
        const rnnp_status status = scenario(context, &d, in(folder, "checkpoint"), &got, &m);
        calls = atomic_load(&heap.calls) - before;
        assert_int_equal(status, at && calls >= at ? RNNP_ERR_MEMORY : RNNP_OK);
        failed += status != RNNP_OK;
        if (at) {
            assert_int_equal(n, m);
            assert_memory_equal(want, got, n * sizeof *want);
            free(got);
        } else {
            want = got;
            n = m;
        }
    }
    assert_true(failed > 30);
}

/* A failing step leaves the trainer as it was, whichever of its allocations fails. */
TEST(test_failed_step)
{
    rnnp_train_options options = default_options();
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 2);
    OWNED(model) model = classifier(context, 0.2f);
    OWNED(trainer) trainer = make_trainer(model, &options), *other = make_trainer(model, &options);
    data d;
    size_t failures = 0;

    for (size_t rows = 10; rows <= MOST_ROWS; rows += 45) { /* new shapes, larger ones */
        make_data(&d, rows, 3);
        OK(rnnp_trainer_step(other, &d.batch, NULL));
        UNTIL_OK(heap, rnnp_trainer_step(trainer, &d.batch, NULL)) failures++;
        assert_same(trainer, other, 0);
    }
    assert_true(failures >= 6); /* three new shapes; what was made before a failure stays */
}
