/* SPDX-License-Identifier: Apache-2.0
 *
 * Training options: defaults, older structs, and each field's range with its words.
 */
#include "src/train/options.h"
#include "tests/model/build.h"

ONE_CONTEXT(1)

TEST(test_defaults)
{
    rnnp_train_options o, read;
    rnnp_optimizer p;

    rnnp_train_options_init(&o);
    assert_int_equal(o.struct_size, sizeof o);
    assert_int_equal(o.loss, RNNP_LOSS_SPARSE);
    OK(rnnp_train_options_check(context, NULL, &read, &p));
    assert_ptr_equal(read.optimizer, &p);
    assert_int_equal(p.kind, RNNP_OPTIMIZER_ADAM);
    assert_true(p.rate == 1e-3f && p.beta1 == 0.9f && p.beta2 == 0.999f);
    assert_true(p.epsilon == 1e-8f && p.rho == 0.99f && p.decay == 0);
    assert_string_equal(read.batch, "batch");
    assert_true(read.loss == RNNP_LOSS_SPARSE && p.rate == 1e-3f && read.seed == 0);
    o.loss = RNNP_LOSS_MSE;
    o.seed = 77;
    o.threads = 3;
    OK(rnnp_train_options_check(context, &o, &read, &p));
    assert_true(read.loss == RNNP_LOSS_MSE && p.rate == 1e-3f && read.seed == 77 && read.threads == 3);
}

/* A program built when the struct ended after `loss` gets the defaults of what it does not know. */
TEST(test_older_struct)
{
    rnnp_train_options o, read;
    rnnp_optimizer p;

    memset(&o, 0xff, sizeof o);
    o.struct_size = offsetof(rnnp_train_options, label_smoothing);
    o.output = 3;
    o.loss = RNNP_LOSS_CROSS;
    OK(rnnp_train_options_check(context, &o, &read, &p));
    assert_true(read.output == 3 && read.loss == RNNP_LOSS_CROSS && read.struct_size == sizeof read);
    assert_true(read.label_smoothing == 0 && p.rate == 1e-3f);
    o.struct_size = 1;
    REFUSED(context, rnnp_train_options_check(context, &o, &read, &p), RNNP_ERR_ARG, "struct_size is 1");
}

#define BAD(assignments, words)                                                           \
    do {                                                                                  \
        rnnp_train_options o, read;                                                       \
        rnnp_optimizer given, p;                                                          \
        rnnp_train_options_init(&o);                                                      \
        rnnp_optimizer_init(&given, RNNP_OPTIMIZER_ADAM);                                 \
        o.optimizer = &given;                                                             \
        assignments;                                                                      \
        assert_int_equal(rnnp_train_options_check(context, &o, &read, &p), RNNP_ERR_ARG); \
        assert_says(context, words);                                                      \
    } while (0)

TEST(test_ranges)
{
    BAD(o.loss = (rnnp_loss)-1, "unknown loss -1");
    BAD(o.loss = (rnnp_loss)6, "unknown loss 6");
    BAD(given.kind = (rnnp_optimizer_kind)9, "unknown optimizer 9");
    BAD(o.math = (rnnp_math)3, "unknown math class 3");
    BAD(o.batch = "", "symbol, is empty");
    BAD(o.label_smoothing = 1, "label_smoothing=1 is not in [0, 1)");
    BAD(o.label_smoothing = -0.5f, "label_smoothing=-0.5 is not in [0, 1)");
    BAD(o.recurrent_dropout = 1, "recurrent_dropout=1 is not in [0, 1)");
    BAD(o.l1 = -1, "l1=-1 is not a finite number >= 0");
    BAD(o.l2 = INFINITY, "l2=inf is not a finite number >= 0");
    BAD(o.clip_value = NAN, "clip_value=nan is not");
    BAD(o.clip_norm = -1, "clip_norm=-1 is not");
    BAD((o.loss = RNNP_LOSS_HUBER, o.huber_delta = -1), "huber_delta=-1 is not");
    BAD(o.huber_delta = 2, "huber_delta=2 belongs to HUBER");
    BAD(given.rate = -1, "rate=-1 is not");
    BAD(given.rate = NAN, "rate=nan is not");
    BAD(given.momentum = 1, "momentum=1 is not in [0, 1)");
    BAD(given.rho = 1, "rho=1 is not in [0, 1)");
    BAD(given.beta1 = 1, "beta1=1 is not in [0, 1)");
    BAD(given.beta2 = -1, "beta2=-1 is not in [0, 1)");
    BAD(given.decay = -1, "decay=-1 is not");
    BAD(given.epsilon = -1, "epsilon=-1 is not");
    BAD(given.epsilon = 0, "epsilon is 0");
    BAD(given.momentum = 0.9f, "momentum=0.9, nesterov=0: these belong to SGD");
    BAD(given.nesterov = 1, "these belong to SGD");
    BAD((given.kind = RNNP_OPTIMIZER_SGD, given.nesterov = 1), "nesterov without momentum");
}

TEST(test_classes)
{
    const float good[] = {1, 0, 2}, none[] = {0, 0}, negative[] = {1, -2}, nan[] = {NAN, 1};

    BAD((o.loss = RNNP_LOSS_MSE, o.label_smoothing = 0.1f), "MSE has no labels");
    BAD((o.loss = RNNP_LOSS_MSE, o.class_weights = good, o.n_classes = 3), "MSE has no classes");
    BAD((o.loss = RNNP_LOSS_MAE, o.label_smoothing = 0.1f), "MAE has no labels");
    BAD((o.loss = RNNP_LOSS_HUBER, o.class_weights = good, o.n_classes = 3), "HUBER has no classes");
    BAD((o.class_weights = good), "classes=0");
    BAD((o.loss = RNNP_LOSS_BINARY, o.class_weights = good, o.n_classes = 3), "classes=3, but BINARY has 2");
    BAD((o.class_weights = none, o.n_classes = 2), "all class_weights are 0");
    BAD((o.class_weights = negative, o.n_classes = 2), "class_weights[1]=-2 is not");
    BAD((o.class_weights = nan, o.n_classes = 2), "class_weights[0]=nan is not");
}

TEST(test_good_classes)
{
    const float good[] = {1, 0, 2};
    rnnp_train_options o, read;
    rnnp_optimizer p;

    rnnp_train_options_init(&o);
    o.class_weights = good;
    o.n_classes = 3;
    OK(rnnp_train_options_check(context, &o, &read, &p));
    assert_ptr_equal(read.class_weights, good);
}
