/* SPDX-License-Identifier: Apache-2.0
 *
 * What recomputation saves: activations of LSTM and GRU layers take at most a third of the memory. Activations are
 * what grows with the number of steps; packed weights, gradients and the workspace of a segment of steps are needed
 * either way.
 */
#include "trainer.h"

enum { LONG = 100, ROWS = 16, LEADS = 12 };

/* x [steps][batch][LEADS] -> `layers` layers of `hidden` units -> the last step -> dense, Softmax. */
static rnnp_model *stack(rnnp_context *context, rnnp_cell cell, size_t layers, size_t hidden)
{
    static const char *const names[] = {"steps", "batch", NULL};
    const int64_t shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, LEADS};
    FREED float *w = numbers((hidden + 1) * CLASSES, 2, 0.1f);
    rnnp_model *model = make_model(context);
    rnnp_value y;

    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 3, shape, names, &y));
    for (size_t i = 0; i < layers; i++) {
        DROPPED(free_layer)
        layer l = make_layer(cell, i ? hidden : LEADS, hidden, RNNP_DIRECTION_FORWARD, 3);

        l.options.last_step = i + 1 == layers;
        y = add_layer(model, &l, y);
    }
    OK(rnnp_model_add_dense(model, y, w, hidden, CLASSES, 0, w + hidden * CLASSES, "Softmax", &y));
    close_with(model, "y", y);
    return model;
}

/* Bytes that batches of so many steps take on top of a new trainer. */
static size_t bytes_of(const rnnp_model *model, int64_t steps, int recompute)
{
    const rnnp_tensor x = {RNNP_DTYPE_F32, 3, {steps, ROWS, LEADS}, .data = NULL};
    rnnp_train_options options = default_options();
    size_t bytes;

    options.recompute = recompute;
    OWNED(trainer) trainer = make_trainer(model, &options);
    OK(rnnp_trainer_bytes(trainer, &x, 1, &bytes));
    return bytes;
}

TEST(test_saves)
{
    OWNED(context) context = make_context(NULL, 1);

    for (size_t hidden = 128; hidden <= 256; hidden *= 2) {
        for (size_t i = 0; i < 4; i++) {
            const size_t layers = 1 + i % 2;
            OWNED(model) model = stack(context, i < 2 ? RNNP_CELL_LSTM : RNNP_CELL_GRU, layers, hidden);
            size_t all[2], activations[2];

            for (int again = 0; again < 2; again++) {
                all[again] = bytes_of(model, LONG, again);
                activations[again] = bytes_of(model, 2 * LONG, again) - all[again];
            }
            printf("%s, %zu of %zu units, %d rows: activations of %d steps %zu bytes, recomputed %zu, ratio %.2f; "
                   "with workspace and packed weights %zu, %zu, ratio %.2f\n",
                   i < 2 ? "LSTM" : "GRU", layers, hidden, ROWS, LONG, activations[0], activations[1],
                   (double)activations[0] / (double)activations[1], all[0], all[1], (double)all[0] / (double)all[1]);
            assert_true(activations[0] >= 3 * activations[1]);
            assert_true(all[0] > all[1]);
        }
    }
}
