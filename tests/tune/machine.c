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

/* ns of a step on one of so many threads, by a machine; meeting costs nothing. */
static double step_ns(rnnp_recurrent *l, const rnnp_machine *m, size_t steps, size_t batch, size_t threads)
{
    rnnp_selection select = *l->select;

    select.machine = *m;
    const rnnp_selection *before = l->select;
    l->select = &select;
    const rnnp_estimate e = rnnp_estimate_of(l, steps, batch);
    const double ns = rnnp_estimate_ns(&e, threads, 1);
    l->select = before;
    return ns;
}

static int near_to(double a, double b) { return fabs(a - b) < 1e-9 * (fabs(a) + fabs(b)); }

/* Estimates follow the machine: work, reading, and when a team pays. */
TEST(test_estimates)
{
    enum { H = 64, L2 = 1 << 20 };
    const rnnp_cpu cpu = {.l2_bytes = L2, .l3_bytes = 64 * L2};
    OWNED(context) context = make_context(NULL, 1);
    rnnp_selection select = context->selection;
    rnnp_recurrent l = bare_layer(context, RNNP_CELL_LSTM, 0, RNNP_DIRECTION_FORWARD, H, H);
    const double half = 4.0 * H * H * sizeof(float); /* weights of x or h */
    const rnnp_recurrent_call alone = {.steps = 1, .batch = 1};
    rnnp_machine reads = example, works = example;

    rnnp_select_machine(&cpu, &example, &select);
    l.select = &select;
    rnnp_recurrent_prepare(&l);
    reads.flops_per_ns = 1e12;
    for (size_t home = 0; home < RNNP_HOME_COUNT; home++) works.bytes_per_ns[home] = 1e12;
    assert_true(near_to(step_ns(&l, &reads, 64, 1, 1), (half + half / 64) / 150.5)); /* x's once in 64 steps */
    assert_true(near_to(step_ns(&l, &reads, 1, 1, 1), 2 * half / 150.5));
    assert_true(near_to(step_ns(&l, &reads, 1, 1, 2), half / 150.5));
    /* 96 rows: some more than the multiply-adds at the full rate; twice as fast twice the rate; at least twice the
     * time for twice the rows */
    const double ns = step_ns(&l, &works, 1, 96, 1), least = 2 * 4.0 * H * 2 * H * 96 / works.flops_per_ns;
    assert_true(ns > least && ns < 1.8 * least);
    works.flops_per_ns *= 2;
    assert_true(near_to(step_ns(&l, &works, 1, 96, 1), ns / 2));
    assert_true(step_ns(&l, &works, 1, 192, 1) > 0.95 * ns);
    assert_true(near_to(rnnp_recurrent_worth_ns(&l, &alone), 7 * 41000));
    /* weights beyond L2: a part of them is found there again, and two threads find the more */
    rnnp_recurrent far = bare_layer(context, RNNP_CELL_LSTM, 0, RNNP_DIRECTION_FORWARD, 4 * H, 4 * H);
    far.select = &select;
    rnnp_recurrent_prepare(&far);
    const double all = 16 * 2 * half, one = step_ns(&far, &reads, 1, 1, 1);
    assert_true(all > L2 && all < 4 * L2);
    assert_true(one > all / 150.5 && one < all / 32.125);
    assert_true(step_ns(&far, &reads, 1, 1, 2) < 0.45 * one);
    select.last_bytes = L2; /* a last cache that does not hold them */
    assert_true(step_ns(&far, &reads, 1, 1, 1) > 1.5 * one);
}
