/* SPDX-License-Identifier: Apache-2.0
 *
 * Which limits of a team are believed, by bursts whose results are made up.
 */
#include "tests/test.h"

#include "src/cli/total.h"

/* Bursts: the first `bad` give one kind of result, all others another. */
typedef struct script {
    size_t calls, bad;
    double bad_rate, rate;
    size_t bad_together, together;
    size_t fails_at; /* call; 0: never */
} script;

static rnnp_status play(void *user, double *rate, size_t *together)
{
    script *const s = user;
    if (++s->calls == s->fails_at) return RNNP_ERR_MEMORY;
    *rate = s->calls <= s->bad ? s->bad_rate : s->rate;
    *together = s->calls <= s->bad ? s->bad_together : s->together;
    return RNNP_OK;
}

static cli_total best(script *s, size_t threads, double least)
{
    cli_total total = {-1, -1};
    assert_int_equal(cli_total_best(&(cli_total_probe){play, s, threads, least, 9, 3}, &total), RNNP_OK);
    return total;
}

TEST(what_is_plausible_is_measured_once)
{
    script s = {.rate = 234, .together = 2};
    const cli_total t = best(&s, 2, 1.05 * 119);
    assert_true(t.rate == 234 && !t.doubtful);
    assert_int_equal(s.calls, 9);
}

TEST(what_is_impossible_is_measured_again)
{
    script s = {.bad = 20, .bad_rate = 119, .bad_together = 2, .rate = 234, .together = 2};
    cli_total t = best(&s, 2, 1.05 * 119);
    assert_true(t.rate == 234 && !t.doubtful);
    s = (script){.bad = 20, .bad_rate = 500, .bad_together = 1, .rate = 234, .together = 2};
    t = best(&s, 2, 1.05 * 119); /* one thread's burst is no limit of two, however fast */
    assert_true(t.rate == 234 && !t.doubtful);
}

TEST(what_stays_impossible_is_doubtful)
{
    script s = {.rate = 119, .together = 2};
    cli_total t = best(&s, 2, 1.05 * 119);
    assert_true(t.rate == 119 && t.doubtful);
    const size_t calls = s.calls;
    assert_true(calls > 9 && calls < 100);
    s = (script){.rate = 234, .together = 1};
    t = best(&s, 2, 1.05 * 119);
    assert_true(t.rate == 234 && t.doubtful);
}

TEST(failures_are_passed_on)
{
    script s = {.rate = 1, .together = 1, .fails_at = 5};
    cli_total t = {-1, -1};
    assert_int_equal(cli_total_best(&(cli_total_probe){play, &s, 1, 0, 9, 3}, &t), RNNP_ERR_MEMORY);
    assert_true(t.rate == -1 && t.doubtful == -1);
}
