/* SPDX-License-Identifier: Apache-2.0
 *
 * The measured machine: its record, what a plan makes of it, and what the rules make of it.
 */
#include "autotune/machine.h"

#include "src/cells/recurrent.h"
#include "src/graph/engine.h"
#include "tuning.h"

static const rnnp_machine example = {
    .flops_per_ns = 217.25, .bytes_per_ns = {150.5, 32.125, 12}, .barrier_ns = 180, .wake_ns = 41000};

static rnnp_record_key machine_key(size_t threads)
{
    return (rnnp_record_key){
        .layer = "machine", .precision = "f32", .input = 1, .hidden = 1, .batch = 1, .steps = 1, .threads = threads};
}

/* What was kept is found, with the precision of the text: by host and threads. */
TEST(test_record)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = make_set(context);
    const rnnp_record_host host = host_of(context);
    rnnp_record_host other = host;
    rnnp_machine found;

    assert_int_equal(rnnp_machine_find(NULL, &host, 2, &found), 0);
    assert_int_equal(rnnp_machine_find(set, &host, 2, &found), 0);
    OK(rnnp_machine_keep(set, &host, 2, DATE, &example));
    assert_int_equal(rnnp_machine_find(set, &host, 1, &found), 0);
    other.model++;
    assert_int_equal(rnnp_machine_find(set, &other, 2, &found), 0);
    memset(&found, 0x5a, sizeof found);
    assert_int_equal(rnnp_machine_find(set, &host, 2, &found), 1);
    assert_true(fabs(found.flops_per_ns - 217.25) < 1e-9);
    for (size_t home = 0; home < RNNP_HOME_COUNT; home++)
        assert_true(fabs(found.bytes_per_ns[home] - example.bytes_per_ns[home]) < 1e-9);
    assert_true(fabs(found.barrier_ns - 180) < 1e-9 && fabs(found.wake_ns - 41000) < 1e-9);

    rnnp_machine later =
        example; /* replaces it, though the clock stands still; 0 and too much are brought into range */
    later.wake_ns = 1e30;
    later.barrier_ns = 0;
    OK(rnnp_machine_keep(set, &host, 2, DATE, &later));
    assert_int_equal(rnnp_records_count(set), 1);
    assert_int_equal(rnnp_machine_find(set, &host, 2, &found), 1);
    assert_true(found.wake_ns == 1e9 && found.barrier_ns == 1);
}

/* A record that lacks a word, or has one that is no number, says nothing. */
TEST(test_damaged)
{
    static const char *const choices[] = {"",
                                          "barrier=180",
                                          "barrier=180 flops=217250 l2=150500 l3=32125 memory=12000",
                                          "barrier=180 flops=fast l2=150500 l3=32125 memory=12000 wake=41000",
                                          "barrier=180 flops=0 l2=150500 l3=32125 memory=12000 wake=41000",
                                          "barrier=180 flops=9999999999 l2=150500 l3=32125 memory=12000 wake=41000"};
    OWNED(context) context = make_context(NULL, 1);
    const rnnp_record_host host = host_of(context);
    const rnnp_record_key key = machine_key(2);
    rnnp_machine found;

    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        OWNED(records) set = make_set(context);

        put(set, &host, &key, choices[i]);
        assert_int_equal(rnnp_machine_find(set, &host, 2, &found), 0);
    }
    OWNED(records) set = make_set(context); /* a word of a later version is passed over */
    put(set, &host, &key, "barrier=180 disk=7 flops=217250 l2=150500 l3=32125 memory=12000 wake=41000");
    assert_int_equal(rnnp_machine_find(set, &host, 2, &found), 1);
}

/* rnnp_tune measures it, keeps it with the first shape, and measures it again only when asked to. */
TEST(test_tuned)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = make_set(context);
    const rnnp_record_host host = host_of(context);
    rnnp_tune_options o = options_for(1e-9);
    rnnp_machine m, again;

    OK(rnnp_tune(context, small, 1, &o, set)); /* no time for a shape: nothing is kept */
    assert_int_equal(rnnp_records_count(set), 0);
    tune_one(context, &small[0], set);
    assert_int_equal(rnnp_records_count(set), 2);
    assert_int_equal(rnnp_machine_find(set, &host, 1, &m), 1);
    assert_true(m.flops_per_ns > 0.05 && m.flops_per_ns < 5000);
    for (size_t home = 0; home < RNNP_HOME_COUNT; home++)
        assert_true(m.bytes_per_ns[home] > 0.1 && m.bytes_per_ns[home] < 50000);
    assert_true(m.barrier_ns >= 1 && m.wake_ns >= 1);
    tune_one(context, &small[1], set);
    assert_int_equal(rnnp_machine_find(set, &host, 1, &again), 1);
    assert_memory_equal(&m, &again, sizeof m);
    OK(rnnp_machine_keep(set, &host, 1, DATE, &example));
    o.again = 1;
    again = example;
    for (o.seconds = 0.2; fabs(again.flops_per_ns - example.flops_per_ns) < 1e-9; o.seconds *= 2) {
        assert_true(o.seconds < 100);
        OK(rnnp_tune(context, small, 1, &o, set));
        assert_int_equal(rnnp_machine_find(set, &host, 1, &again), 1);
    }
}

/* A plan takes kernels by the homes of the measured machine; the bits stay. The weights are beyond L2. */
TEST(test_plan)
{
    enum { STEPS = 2 };
    OWNED(context) context = make_context(NULL, 1);
    const size_t l2 = context->cpu.l2_bytes, hidden = l2 ? (size_t)sqrt((double)l2 / 16) + 16 : 16;
    OWNED(records) set = make_set(context);
    OWNED(model) model = make_model(context);
    const rnnp_record_host host = host_of(context);
    DROPPED(free_layer) layer l = make_layer(RNNP_CELL_LSTM, INPUT, hidden, RNNP_DIRECTION_FORWARD, 5);
    rnnp_value y = add_layer(model, &l, input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT));
    FREED float *x = numbers(STEPS * INPUT, 3, 1.0f);
    const rnnp_tensor in = tensor3(x, STEPS, 1, INPUT);
    produced out[2];
    size_t bytes;

    close_with(model, "y", y);
    for (int slow = 0; slow < 2; slow++) { /* L3 as fast as L2, or as slow as memory */
        rnnp_machine m = example;
        OPTIONS(plan, options);

        m.bytes_per_ns[RNNP_HOME_L3] = slow ? 12 : 150;
        OK(rnnp_machine_keep(set, &host, 1, DATE, &m));
        options.records = set;
        NEW(plan, plan, model, &options);
        OK(rnnp_plan_bytes(model, &options, &bytes));
        assert_int_equal(bytes, plan->bytes + sizeof *plan->own);
        if (l2 && context->cpu.l3_bytes > 4 * l2)
            assert_int_equal(rnnp_home_of(plan->select, 2 * l2), slow ? RNNP_HOME_MEMORY : RNNP_HOME_L3);
        assert_true(fabs(plan->select->machine.bytes_per_ns[RNNP_HOME_L3] - m.bytes_per_ns[RNNP_HOME_L3]) < 1e-9);
        options.effort = RNNP_EFFORT_NONE; /* looks at no records */
        NEW(plan, without, model, &options);
        assert_ptr_equal(without->select, &context->selection);
        rnnp_plan_destroy(without);
        out[slow] = run_plan(plan, &in, 1);
        rnnp_plan_destroy(plan);
    }
    assert_true(equal_outputs(&out[0], &out[1]));
    free_outputs(&out[0]);
    free_outputs(&out[1]);
}

/* ---- Rules ---- */

/* Estimates follow the machine: work, reading, and when a team pays. */
TEST(test_estimates)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_selection select = context->selection;
    rnnp_recurrent l = bare_layer(context, RNNP_CELL_LSTM, 0, RNNP_DIRECTION_FORWARD, 64, 64);
    const double flops = 2.0 * 4 * 64 * 128, bytes = 4.0 * 64 * (64 + 1) * sizeof(float); /* x's once in 64 steps */
    const rnnp_recurrent_call alone = {.steps = 1, .batch = 1};

    rnnp_select_machine(&context->cpu, &example, &select);
    l.select = &select;
    rnnp_recurrent_prepare(&l);
    assert_true(fabs(rnnp_recurrent_step_ns(&l, 64, 1) - bytes / 150.5) < 1e-6);
    assert_true(fabs(rnnp_recurrent_step_ns(&l, 1, 1) - 2 * 4.0 * 64 * 64 * sizeof(float) / 150.5) < 1e-6);
    assert_true(fabs(rnnp_recurrent_step_ns(&l, 64, 100) - 100 * flops / (0.85 * 217.25)) < 1e-6);
    assert_true(fabs(rnnp_recurrent_worth_ns(&l, &alone) - 7 * 41000) < 1e-6);
}
