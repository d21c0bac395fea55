/* SPDX-License-Identifier: Apache-2.0
 *
 * Training of RNN, LSTM and GRU: the forward pass against inference, bit for bit; gradients against central differences
 * of a model in double; bits against other ways to the same numbers.
 */
#include "recurrent_case.h"

#include "../../src/train/random.h"

#define RNN .cell = RNNP_CELL_RNN
#define LSTM .cell = RNNP_CELL_LSTM
#define GRU .cell = RNNP_CELL_GRU
#define SIZES(t, b, i, h) .steps = t, .batch = b, .input = i, .hidden = h
#define LENGTHS(...) .with_lengths = 1, .lengths = {__VA_ARGS__}
#define BOTH .direction = RNNP_DIRECTION_BIDIRECTIONAL

static const spec specs[] = {
    {"rnn", RNN, SIZES(5, 3, 4, 19)},
    {"rnn, reverse", RNN, SIZES(5, 3, 4, 7), .direction = RNNP_DIRECTION_REVERSE},
    {"rnn, one of everything", RNN, SIZES(1, 1, 1, 1)},
    {"rnn, leaky relu, lengths", RNN, SIZES(6, 4, 3, 5), BOTH, LENGTHS(2, 6, 0, 5),
     .act = {{RNNP_ACT_LEAKY_RELU, 0.2f, 0}}, .act_name = {"LeakyRelu"}},
    {"rnn, clip, layout", RNN, SIZES(6, 3, 3, 5), BOTH, .clip = 0.6f, .layout = 1},
    {"rnn, many segments", RNN, SIZES(40, 16, 2, 3), BOTH},
    {"lstm", LSTM, SIZES(6, 3, 4, 19)},
    {"lstm, reverse", LSTM, SIZES(4, 2, 5, 16), .direction = RNNP_DIRECTION_REVERSE},
    {"lstm, both directions", LSTM, SIZES(4, 3, 2, 6), BOTH},
    {"lstm, one step of one row", LSTM, SIZES(1, 1, 1, 5), BOTH},
    {"lstm, nothing optional", LSTM, SIZES(4, 2, 3, 5), .no_bias = 1, .no_states = 1, .only_y = 1},
    {"lstm, final states alone", LSTM, SIZES(5, 3, 3, 5), BOTH, .no_y = 1, LENGTHS(3, 0, 5)},
    {"lstm, lengths", LSTM, SIZES(6, 5, 3, 17), BOTH, LENGTHS(2, 6, 0, 5, 2)},
    {"lstm, all lengths 0", LSTM, SIZES(3, 2, 2, 4), BOTH, LENGTHS(0, 0)},
    {"lstm, layout, lengths", LSTM, SIZES(6, 4, 3, 5), BOTH, .layout = 1, LENGTHS(4, 1, 0, 6)},
    {"lstm, peepholes", LSTM, SIZES(5, 3, 3, 18), BOTH, .peephole = 1, LENGTHS(4, 1, 5)},
    {"lstm, peepholes, clip, input_forget", LSTM, SIZES(6, 3, 3, 5), .peephole = 1, .clip = 0.7f, .input_forget = 1},
    {"lstm, activations", LSTM, SIZES(5, 3, 3, 5), BOTH,
     .act = {{RNNP_ACT_HARD_SIGMOID, 0.21f, 0.45f}, {RNNP_ACT_SOFTSIGN, 0, 0}, {RNNP_ACT_ELU, 0.7f, 0}},
     .act_name = {"HardSigmoid", "Softsign", "Elu"}},
    {"lstm, more activations", LSTM, SIZES(4, 3, 3, 5),
     .act = {{RNNP_ACT_SOFTPLUS, 0, 0}, {RNNP_ACT_SCALED_TANH, 0.8f, 0.6f}, {RNNP_ACT_AFFINE, 0.5f, 0.1f}},
     .act_name = {"Softplus", "ScaledTanh", "Affine"}},
    {"lstm, many segments, 16 rows", LSTM, SIZES(40, 16, 2, 3),
     LENGTHS(40, 3, 17, 16, 0, 33, 32, 31, 40, 1, 2, 20, 8, 39, 15, 7)},
    {"lstm, many segments, 2 rows", LSTM, SIZES(300, 2, 1, 2), BOTH, LENGTHS(300, 171)},
    {"gru, reset after", GRU, SIZES(5, 3, 4, 19), .reset_after = 1},
    {"gru, reset after, both, lengths", GRU, SIZES(6, 4, 3, 6), BOTH, .reset_after = 1, LENGTHS(2, 6, 0, 5)},
    {"gru, reset after, layout, clip", GRU, SIZES(5, 3, 3, 5), .reset_after = 1, .layout = 1, .clip = 0.6f},
    {"gru, reset after, segments", GRU, SIZES(40, 16, 2, 3), .reset_after = 1, .direction = RNNP_DIRECTION_REVERSE},
    {"gru, reset before", GRU, SIZES(5, 3, 4, 19)},
    {"gru, reset before, both, lengths", GRU, SIZES(6, 4, 3, 6), BOTH, LENGTHS(2, 6, 0, 5)},
    {"gru, reset before, clip, layout", GRU, SIZES(5, 3, 3, 5), .clip = 0.6f, .layout = 1},
    {"gru, reset before, no bias, no y", GRU, SIZES(5, 1, 3, 33), .no_bias = 1, .no_y = 1},
    {"gru, reset before, segments", GRU, SIZES(40, 16, 2, 3)},
    {"gru, activations", GRU, SIZES(4, 3, 3, 5), BOTH, .reset_after = 1,
     .act = {{RNNP_ACT_HARD_SIGMOID, 0.21f, 0.45f}, {RNNP_ACT_SOFTSIGN, 0, 0}},
     .act_name = {"HardSigmoid", "Softsign"}},
    {"rnn, decay", RNN, SIZES(5, 3, 4, 19), .decay = DECAY_UNITS},
    {"rnn, decay of rows, reverse, lengths", RNN, SIZES(5, 3, 4, 7), .decay = DECAY_ROWS, LENGTHS(2, 0, 5),
     .direction = RNNP_DIRECTION_REVERSE},
    {"gru, reset before, decay", GRU, SIZES(6, 4, 3, 18), .decay = DECAY_UNITS, LENGTHS(2, 6, 0, 5)},
    {"gru, reset before, decay, layout, no states", GRU, SIZES(6, 3, 3, 5), .decay = DECAY_UNITS, .layout = 1,
     .no_states = 1},
    {"gru, reset after, decay, segments", GRU, SIZES(40, 16, 2, 3), .reset_after = 1, .decay = DECAY_UNITS},
    {"gru, reset after, decay of rows, no y", GRU, SIZES(5, 3, 3, 6), .reset_after = 1, .decay = DECAY_ROWS, .no_y = 1},
    {"lstm, decay", LSTM, SIZES(6, 3, 4, 19), .decay = DECAY_UNITS},
    {"lstm, split", LSTM, SIZES(6, 3, 4, 19), .decay = DECAY_ROWS, .split = 1},
    {"lstm, split, decay of units, layout, lengths", LSTM, SIZES(6, 4, 3, 5), .decay = DECAY_UNITS, .split = 1,
     .layout = 1, LENGTHS(4, 1, 0, 6)},
    {"lstm, split, peepholes, reverse, no bias", LSTM, SIZES(4, 3, 3, 9), .decay = DECAY_ROWS, .split = 1,
     .no_split_bias = 1, .peephole = 1, .direction = RNNP_DIRECTION_REVERSE, LENGTHS(4, 1, 3)},
    {"lstm, split, all lengths 0", LSTM, SIZES(3, 2, 2, 4), .decay = DECAY_UNITS, .split = 1, LENGTHS(0, 0)},
    {"lstm, split, segments", LSTM, SIZES(40, 16, 2, 3), .decay = DECAY_UNITS, .split = 1,
     LENGTHS(40, 3, 17, 16, 0, 33, 32, 31, 40, 1, 2, 20, 8, 39, 15, 7)},
};

static const spec dropped[] = {
    {"rnn, dropout", RNN, SIZES(5, 3, 4, 9), BOTH, LENGTHS(2, 5, 4), .dropout = 0.3f},
    {"lstm, dropout", LSTM, SIZES(6, 4, 3, 17), BOTH, LENGTHS(2, 6, 0, 5), .dropout = 0.5f},
    {"gru, reset after, dropout", GRU, SIZES(6, 3, 3, 9), BOTH, .reset_after = 1, .dropout = 0.4f},
    {"gru, reset before, dropout", GRU, SIZES(6, 3, 3, 9), BOTH, LENGTHS(6, 2, 4), .dropout = 0.4f},
    {"gru, decay, dropout", GRU, SIZES(6, 3, 3, 9), LENGTHS(6, 2, 4), .dropout = 0.4f, .decay = DECAY_UNITS},
    {"lstm, split, dropout", LSTM, SIZES(6, 3, 3, 9), LENGTHS(6, 2, 4), .dropout = 0.4f, .decay = DECAY_ROWS,
     .split = 1},
};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])
static const char *const input_names[] = {"X", "W", "R", "B",     "",      "initial_h", "initial_c",
                                          "P", "",  "",  "decay", "split", "split_bias"};

static void say(const spec *s, int good)
{
    if (!good) printf("%s:\n", s->name);
    assert_true(good);
}

/* ---- Forward ---- */

TEST(test_forward_has_the_bits_of_inference)
{
    for (size_t i = 0; i < COUNT(specs); i++) {
        DROPPED(free_example) example e = make_example(&specs[i]);
        TRAINED(kept, &e, NULL, .recompute = 0);
        TRAINED(again, &e, NULL, .recompute = 1);

        say(&specs[i], node_is_run(&kept) && node_same(&kept, &again));
    }
}

/* ---- Gradients ---- */

/* The masks that train() draws: by seed, step, node (serial 0), place in the batch, direction and unit. */
static double *masks(const example *e)
{
    const spec *s = &e->s;
    const rnnp_random random = {.seed = NODE_SEED, .step = NODE_STEP, .use = RNNP_RANDOM_DROPOUT};
    double *mask = malloc(e->dirs * s->batch * s->hidden * sizeof *mask);
    float u;

    assert_non_null(mask);
    for (size_t d = 0; d < e->dirs; d++)
        for (size_t b = 0; b < s->batch; b++)
            for (size_t i = 0; i < s->hidden; i++) {
                rnnp_random_uniform(&random, (b * e->dirs + d) * s->hidden + i, 1, &u);
                mask[(d * s->batch + b) * s->hidden + i] = u < s->dropout ? 0.0 : 1.0 / (1.0 - (double)s->dropout);
            }
    return mask;
}

/* What was checked, for the summary. */
static struct {
    size_t cases, tensors;
    double largest;
} checked;

static void check_gradients(const spec *s)
{
    /* bound: of a tensor's largest error over its largest element, for every case; rounding in f32 makes up to 1e-6 */
    const double step = 1e-5, bound = 2e-6;
    DROPPED(free_example) example e = make_example(s);
    TRAINED(one, &e, NULL, .recompute = 0);
    FREED double *mask = s->dropout > 0.0f ? masks(&e) : NULL;
    double *in[CASE_INPUTS] = {0};

    for (size_t i = 0; i < CASE_INPUTS; i++) {
        if (!e.n_in[i]) continue;
        in[i] = malloc(e.n_in[i] * sizeof **in);
        assert_non_null(in[i]);
        for (size_t k = 0; k < e.n_in[i]; k++) in[i][k] = e.in[i][k];
    }
    for (size_t i = 0; i < CASE_INPUTS; i++) {
        double largest = 0.0, worst = 0.0;

        for (size_t k = 0; k < e.n_in[i]; k++) {
            const double at = in[i][k];

            in[i][k] = at + step;
            const double above = reference_loss(&e, in, mask);
            in[i][k] = at - step;
            const double below = reference_loss(&e, in, mask), d = (above - below) / (2 * step);
            in[i][k] = at;
            const double error = fabs(d - gradient_of(&one, i)[k]);
            largest = fmax(largest, fabs(d));
            worst = error <= worst ? worst : error; /* NaN stays */
        }
        if (!(worst <= bound * largest)) {
            printf("%s: d%s: error %.3g of %.3g\n", s->name, input_names[i], worst, largest);
            assert_true(0);
        }
        checked.tensors += e.n_in[i] > 0;
        checked.largest = fmax(checked.largest, largest > 0.0 ? worst / largest : 0.0);
    }
    checked.cases++;
    for (size_t i = 0; i < CASE_INPUTS; i++) free(in[i]);
}

TEST(test_gradients_are_those_of_the_formulas)
{
    for (size_t i = 0; i < COUNT(specs); i++) check_gradients(&specs[i]);
}

TEST(test_recurrent_dropout)
{
    for (size_t i = 0; i < COUNT(dropped); i++) {
        DROPPED(free_example) example e = make_example(&dropped[i]);
        TRAINED(with, &e, NULL, .recompute = 0);
        TRAINED(without, &e, NULL, .evaluation = 1);

        say(&dropped[i], !node_is_run(&with) && node_is_run(&without));
        check_gradients(&dropped[i]);
    }
}

/* A row has its mask wherever it is: row 1 of a slice of three, and alone. */
TEST(test_masks_do_not_depend_on_slices)
{
    const spec three = {"", LSTM, SIZES(4, 3, 2, 20), .layout = 1, .dropout = 0.5f};
    spec one = three;
    const uint32_t places[] = {8, 5, 2};

    one.batch = 1;
    DROPPED(free_example) example all = make_example(&three), alone = make_example(&one);
    memcpy(alone.in[RNNP_IN_X], all.in[RNNP_IN_X] + alone.n_in[RNNP_IN_X], alone.n_in[RNNP_IN_X] * sizeof(float));
    memcpy(alone.in[RNNP_IN_H0], all.in[RNNP_IN_H0] + 20, 20 * sizeof(float));
    memcpy(alone.in[RNNP_IN_C0], all.in[RNNP_IN_C0] + 20, 20 * sizeof(float));
    TRAINED(a, &all, NULL, .rows = places);
    TRAINED(b, &alone, NULL, .rows = places + 1);
    TRAINED(c, &alone, NULL, .rows = places);
    const size_t n = alone.n_out[RNNP_OUT_Y];
    const float *y = a.out[RNNP_OUT_Y].data;
    assert_memory_equal(y + n, b.out[RNNP_OUT_Y].data, n * sizeof *y);
    assert_memory_not_equal(b.out[RNNP_OUT_Y].data, c.out[RNNP_OUT_Y].data, n * sizeof *y);
}

/* ---- The same bits ---- */

/* With a cap, or trained otherwise. */
static void compare(const spec *s, const char *isa, const training *t)
{
    DROPPED(free_example) example e = make_example(s);
    TRAINED(usual, &e, NULL, .recompute = 0);
    DROPPED(close_case) one_node other;

    train(&other, &e, isa, t);
    say(s, node_same(&usual, &other));
}

/* Rows of pre-activations that would meet in a few sets of the first cache are longer than their columns. */
TEST(test_padded_rows)
{
    const spec wide[] = {
        {"gru, reset before, padded rows", GRU, SIZES(3, 3, 2, 256)},
        {"gru, reset after, padded rows", GRU, SIZES(3, 3, 2, 256), .reset_after = 1},
        {"rnn, padded rows", RNN, SIZES(3, 3, 2, 256)},
    };

    for (size_t i = 0; i < COUNT(wide); i++) {
        DROPPED(free_example) example e = make_example(&wide[i]);
        TRAINED(kept, &e, NULL, .recompute = 0);
        TRAINED(again, &e, NULL, .recompute = 1);

        say(&wide[i], node_is_run(&kept) && node_same(&kept, &again));
    }
}

TEST(test_recompute_has_the_same_bits)
{
    for (size_t i = 0; i < COUNT(dropped); i++) compare(&dropped[i], NULL, &(training){.recompute = 1});
}

TEST(test_isas_have_the_same_bits)
{
    for (size_t i = 0; i < COUNT(specs); i++) {
        compare(&specs[i], "generic", &(training){0});
        compare(&specs[i], "generic", &(training){.recompute = 1});
    }
    for (size_t i = 0; i < COUNT(dropped); i++) compare(&dropped[i], "generic", &(training){0});
}

/* Kernels whose panels are not 16 columns wide, as AVX-512's are. */
TEST(test_panels_of_products_do_not_matter)
{
    for (size_t i = 0; i < COUNT(specs); i++) {
        compare(&specs[i], NULL, &(training){.nr = 32});
        compare(&specs[i], NULL, &(training){.nr = 24, .recompute = 1});
    }
}

TEST(test_wanted_gradients_do_not_depend_on_others)
{
    for (size_t i = 0; i < COUNT(specs); i++) {
        for (unsigned input = 0; input < CASE_INPUTS; input++)
            compare(&specs[i], NULL, &(training){.unwanted = ~(1u << input)});
    }
}

/* An output that the loss does not depend on is the same as one whose gradient is 0. */
TEST(test_unused_outputs)
{
    for (size_t i = 0; i < COUNT(specs); i++) {
        DROPPED(free_example) example e = make_example(&specs[i]);

        for (unsigned o = 0; o < CASE_OUTPUTS; o++) {
            if (!e.n_out[o]) continue;
            TRAINED(unused, &e, NULL, .unused = 1u << o);
            memset(e.d_out[o], 0, e.n_out[o] * sizeof(float));
            TRAINED(zeros, &e, NULL, .unused = 0);
            say(&specs[i], node_same(&unused, &zeros));
            fill(e.d_out[o], e.n_out[o], 31 + o, 1.0f);
        }
    }
}

TEST(test_errors)
{
    const spec wrong = {"", LSTM, SIZES(3, 2, 2, 4), LENGTHS(3, 4), .only_y = 1}, plain = {"", GRU, SIZES(3, 2, 2, 4)};
    DROPPED(free_example) example e = make_example(&wrong), good = make_example(&plain);
    DROPPED(close_case) one_node long_row, constant, computed;

    open_case(&long_row, &e, NULL, &(training){0});
    REFUSED(long_row.context, node_forward(&long_row), RNNP_ERR_ARG, "sequence_lens[1] is 4");
    open_case(&constant, &good, NULL, &(training){0});
    OK(constant.gradient->check(&constant.call.shape));
    open_case(&computed, &good, NULL, &(training){.computed_weights = 1});
    REFUSED(computed.context, computed.gradient->check(&computed.call.shape), RNNP_ERR_UNSUPPORTED,
            "GRU node: W is computed");
}

void tests_end(void)
{
    printf("recurrent gradients: %zu cases, %zu tensors, largest relative error %.1e\n", checked.cases, checked.tensors,
           checked.largest);
}
