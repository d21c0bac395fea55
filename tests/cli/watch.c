/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of rnnpack watch that need no model: alarms, worked out by hand; the ring that samples wait in; the
 * histogram; lines of numbers; samples at another rate, and missing ones, one by one as all at once.
 */
#include "readers.h"

#include "src/cli/recordings/recording.h"
#include "src/cli/watch/alarm.h"
#include "src/cli/watch/latency.h"
#include "src/cli/watch/parse.h"
#include "src/cli/watch/prepare.h"
#include "src/cli/watch/queue.h"

/* ---- Alarms ---- */

static char told[1024];

static void note(void *user, const alarm_news *n)
{
    (void)user;
    char *end = told + strlen(told);

    if (n->ended)
        sprintf(end, "-%d@%d[%d,%g@%d] ", (int)n->number, (int)n->step, (int)n->onset, n->highest, (int)n->peak);
    else
        sprintf(end, "+%d@%d[%d,%g] ", (int)n->number, (int)n->step, (int)n->onset, n->score);
}

/* Steps from 10 on have these scores; alarms are told so: +NUMBER@STEP[ONSET,SCORE] -NUMBER@STEP[ONSET,PEAK@STEP]. In
 * one call and in calls of one step, which is the same. */
static void alarms(alarm_rules rules, size_t n, const double *scores, const char *expected)
{
    uint64_t at[64];

    for (size_t i = 0; i < n; i++) at[i] = 10 + i;
    for (int single = 0; single < 2; single++) {
        alarm_state a = {0};

        *told = '\0';
        for (size_t i = 0; i < n; i += single ? 1 : n)
            alarm_go_on(&rules, &a, single ? 1 : n, at + i, scores + i, note, NULL);
        assert_string_equal(told, expected);
    }
}
#define ALARMS(rules, expected, ...) \
    alarms((alarm_rules)rules, COUNT(((double[]){__VA_ARGS__})), (double[]){__VA_ARGS__}, expected)
#define RULES(on, off, least, refractory) \
    {                                     \
        on, off, least, refractory        \
    }

TEST(an_alarm_begins_at_one_threshold_and_ends_below_another)
{
    ALARMS(RULES(0.8, 0.6, 0, 0), "+1@11[11,0.8] -1@15[11,0.9@13] ", 0.7, 0.8, 0.6, 0.9, 0.7, 0.59, 0.7);
    ALARMS(RULES(0.8, 0.8, 0, 0), "+1@10[10,0.9] -1@11[10,0.9@10] +2@12[12,0.8] ", 0.9, 0.7, 0.8);
    ALARMS(RULES(0.8, 0.6, 1, 0), "+1@10[10,1] -1@11[10,1@10] ", 1, 0.5, 0.7, 0.7);
    ALARMS(RULES(0.8, 0.6, 0, 0), "", 0.79, 0.79);
    ALARMS(RULES(-1, -2, 0, 0), "+1@11[11,-1] -1@13[11,-1@11] ", -1.5, -1, -2, -2.5);
}

TEST(an_alarm_must_last)
{
    /* three steps at least, counted from the onset, whatever they are above the lower threshold */
    ALARMS(RULES(0.8, 0.6, 3, 0), "", 0.9, 0.9, 0.5, 0.9, 0.9, 0.5);
    ALARMS(RULES(0.8, 0.6, 3, 0), "+1@12[10,0.7] -1@13[10,0.95@11] ", 0.9, 0.95, 0.7, 0.1);
    ALARMS(RULES(0.8, 0.6, 3, 0), "+1@15[13,0.8] ", 0.9, 0.9, 0.5, 0.8, 0.8, 0.8);
}

TEST(after_an_alarm_it_is_quiet)
{
    /* ends at 11, quiet for 11, 12 and 13: the score at 12 counts for nothing, that at 14 does */
    ALARMS(RULES(0.8, 0.6, 0, 3), "+1@10[10,1] -1@11[10,1@10] +2@14[14,0.9] ", 1, 0, 1, 1, 0.9);
    /* an episode that was too short for an alarm is followed by none */
    ALARMS(RULES(0.8, 0.6, 2, 3), "+1@13[12,1] ", 1, 0, 1, 1);
}

TEST(what_is_no_number_is_below)
{
    ALARMS(RULES(0.8, 0.6, 0, 0), "+1@11[11,1] -1@12[11,1@11] ", NAN, 1, NAN, 0.7);
    ALARMS(RULES(0.8, 0.6, 0, 0), "+1@10[10,inf] -1@11[10,inf@10] ", INFINITY, 0);
}

TEST(a_cut_ends_an_alarm_and_the_quiet)
{
    const alarm_rules rules = RULES(0.8, 0.6, 0, 100);
    const double scores[] = {1, 0, 1, 1};
    const uint64_t at[] = {0, 1, 50, 51};
    alarm_state a = {0};

    *told = '\0';
    alarm_go_on(&rules, &a, 2, at, scores, note, NULL);
    alarm_cut(&a, 40, note, NULL); /* no alarm is on */
    alarm_go_on(&rules, &a, 2, at + 2, scores + 2, note, NULL);
    alarm_cut(&a, 60, note, NULL);
    assert_string_equal(told, "+1@0[0,1] -1@1[0,1@0] +2@50[50,1] -2@60[50,1@50] ");
    const alarm_rules slow = RULES(0.8, 0.6, 5, 0);
    *told = '\0';
    alarm_go_on(&slow, &a, 1, at, scores, note, NULL);
    alarm_cut(&a, 2, note, NULL); /* nobody was told of the episode */
    assert_string_equal(told, "");
}

/* ---- Times ---- */

TEST(a_quantile_is_told_to_within_an_eighth)
{
    latency l = {.n = 0};

    assert_true(latency_quantile(&l, 0.5) == 0);
    for (int i = 1; i <= 1000; i++) latency_add(&l, 1e-6 * i);
    for (int p = 1; p <= 99; p++) {
        const double exact = 1e-5 * p, got = latency_quantile(&l, p / 100.0);
        assert_true(got >= exact && got <= exact * 1.1251);
    }
    assert_true(latency_quantile(&l, 1) == 1e-6 * 1000 && l.most == 1e-6 * 1000);
    for (size_t i = 1; i < 60 * 8; i++) { /* an edge is the first time of the next bucket */
        latency one = {.n = 0};
        const double edge = latency_edge(i);

        latency_add(&one, edge * (1 + 1e-12));
        assert_true(one.count[i + 1] == 1);
    }
    latency_add(&l, -1);
    latency_add(&l, 1e300);
    assert_true(l.count[0] == 1 && l.n == 1002 && l.most == 1e300);
}

/* ---- The ring ---- */

TEST(a_full_ring_loses_samples_and_says_so)
{
    DROPPED(queue_destroy) queue q;
    float x[8];
    queue_note notes[8];
    size_t n = 8;

    queue_create(&q, 4, 1, 0);
    for (int i = 0; i < 7; i++) assert_true(queue_put(&q, &(float){(float)i}, i, i == 2, CAUSE_LOST, 1));
    queue_garbled(&q, 1);
    assert_int_equal(queue_count(&q).waiting, 4);
    assert_int_equal(queue_take(&q, x, notes, &n, 0), QUEUE_TAKEN);
    assert_int_equal(n, 4);
    for (size_t i = 0; i < n; i++)
        assert_true(x[i] == (float)i && notes[i].before == (i == 2) && notes[i].arrived == (double)i);
    assert_int_equal(notes[2].cause, CAUSE_LOST);
    queue_put(&q, &(float){7}, 7, 0, CAUSE_NONE, 1);
    n = 8;
    assert_int_equal(queue_take(&q, x, notes, &n, 0), QUEUE_TAKEN);
    assert_true(n == 1 && x[0] == 7 && notes[0].before == 4 && notes[0].cause == CAUSE_OVERRUN);
    assert_int_equal(queue_count(&q).dropped, 3);
    assert_int_equal(queue_count(&q).garbled, 1);
    assert_int_equal(queue_count(&q).most, 4);
    n = 8;
    assert_int_equal(queue_take(&q, x, notes, &n, 0.001), QUEUE_EMPTY);
    queue_event(&q, "closed", "a reason");
    queue_end(&q, "a fault");
    n = 8;
    assert_int_equal(queue_take(&q, x, notes, &n, 10), QUEUE_ENDED);
    queue_event_text event;
    assert_int_equal(queue_look(&q, &event), 1);
    assert_string_equal(event.why, "a reason");
    assert_string_equal(q.fault, "a fault");
}

static void *put_thousand(void *user)
{
    for (int i = 0; i < 1000; i++)
        if (!queue_put(user, &(float){(float)i}, i, 0, CAUSE_NONE, 1)) return NULL;
    queue_end(user, "");
    return user;
}

TEST(a_file_waits_for_room)
{
    DROPPED(queue_destroy) queue q;
    pthread_t thread;
    float x[3];
    queue_note notes[3];
    size_t n = 3, all = 0;
    void *finished;

    queue_create(&q, 5, 1, 1);
    assert_int_equal(pthread_create(&thread, NULL, put_thousand, &q), 0);
    while (queue_take(&q, x, notes, &n, 1) != QUEUE_ENDED) {
        for (size_t i = 0; i < n; i++) assert_true(x[i] == (float)all++ && !notes[i].before);
        n = 3;
    }
    pthread_join(thread, &finished);
    assert_true(all == 1000 && finished && queue_count(&q).dropped == 0);
}

TEST(a_stop_frees_the_reader)
{
    DROPPED(queue_destroy) queue q;
    pthread_t thread;
    void *finished;

    queue_create(&q, 5, 1, 1);
    assert_int_equal(pthread_create(&thread, NULL, put_thousand, &q), 0);
    queue_stop(&q);
    pthread_join(thread, &finished);
    assert_null(finished);
}

/* ---- Lines ---- */

/* Holds until the next call. */
static const char *number(float x, const char *missing)
{
    static char text[32];

    snprintf(text, sizeof text, "%g", (double)x);
    return isnan(x) ? missing : text;
}

/* Reads lines as x of two features; "1 2|? 4|" or the fault behind what was read. */
static void lines(char *const *wanted, size_t n_given, char *const *given, const char *text, const char *expected)
{
    parser *p = cli_alloc(1, sizeof *p);
    char got[512] = "", *line;
    const char *why = NULL;
    float x[2];

    *p = (parser){.features = 2, .wanted = wanted, .given = given, .n_given = n_given, .scale = 1};
    for (size_t used = 0, n = strlen(text); used < n && !why;) {
        int empty = 1;

        used += parser_cut(p, text + used, n - used > 3 ? 3 : n - used, &line); /* in pieces */
        if (!line) continue;
        if (p->lines == 1 && parser_is_header(line))
            why = parser_take_header(p, line);
        else if (p->fields || !(why = parser_begin(p)))
            why = parser_take_line(p, line, x, &empty);
        for (int i = 0; i < 2 && !why && !empty; i++)
            sprintf(got + strlen(got), "%s%s", number(x[i], "?"), i ? "|" : " ");
    }
    strcat(got, why ? why : "");
    assert_string_equal(got, expected);
    parser_free(p);
    free(p);
}

TEST(lines_are_samples)
{
    static char *const ab[] = {"a", "b"}, *const cab[] = {"c", "a", "b"};

    lines(NULL, 0, NULL, "1,2\r\n\n 3 ;4\n5\t 6\n", "1 2|3 4|5 6|");
    lines(NULL, 0, NULL, "nan,2\n,3\n1, \n-1e-3 .5\n", "? 2|? 3|1 ?|-0.001 0.5|");
    lines(NULL, 0, NULL, "1,2,3\n", "more numbers; 2 are expected");
    lines(NULL, 0, NULL, "1,2\n1\n", "1 2|fewer numbers; 2 are expected");
    lines(NULL, 0, NULL, "1,2\n1,x\n", "1 2|'x' is not a number");
    lines(NULL, 0, NULL, "u,v,w\n1,2,3\n", "3 numbers, the model takes 2");
    lines(ab, 0, NULL, "b,c,a\n1,2,3\n4,5,6\n", "3 1|6 4|");
    lines(ab, 0, NULL, "b,c\n1,2\n", "there is no channel 'a'");
    lines(ab, 3, cab, "1,2,3\n", "2 3|");
    lines(ab, 2, cab, "1,2\n", "there is no channel 'b'");
    lines(ab, 3, cab, "b,a\n1,2\n", "2 1|"); /* a header knows better */
}

TEST(a_line_has_an_end)
{
    parser *p = cli_alloc(1, sizeof *p);
    char *line, *text = cli_alloc(PARSE_LINE + 4, 1);

    memset(text, '1', PARSE_LINE);
    strcpy(text + PARSE_LINE, "\n2\n"); /* the last byte is no part of what is given */
    assert_int_equal(parser_cut(p, text, PARSE_LINE + 2, &line), PARSE_LINE + 1);
    assert_string_equal(line, "");
    assert_int_equal(p->too_long, 1);
    assert_int_equal(parser_cut(p, "2\n", 2, &line), 2);
    assert_string_equal(line, "2");
    free(text);
    free(p);
}

/* ---- One by one as all at once ---- */

/* Numbers of a series with gaps of all lengths, some of them longer than the filter. */
static float *series(unsigned seed, size_t n)
{
    float *x = cli_alloc(n, sizeof *x);

    for (size_t i = 0; i < n; i++) {
        seed = seed * 1103515245 + 12345;
        x[i] = (float)(seed >> 16 & 1023) / 64;
        if ((seed >> 8 & 63) < 2)
            for (size_t gap = 1u << (seed >> 20 & 7); gap > 0 && i < n; gap--) x[i++] = NAN;
    }
    return x;
}

static void resampled(rec_rate from, rec_rate to, unsigned seed, size_t n)
{
    const char *why;
    size_t all = 0, made = 0;
    float *x = series(seed, n), *y = rec_resample(x, n, from, to, &all, &why);
    rec_filter f;
    rec_stream s;

    assert_non_null(y);
    assert_true(rec_filter_make(from, to, &f, &why));
    rec_stream_create(&s, &f);
    for (size_t i = 0; i <= n; i++) {
        if (i < n) rec_stream_put(&s, x[i]);
        for (; rec_stream_ready(&s, i == n); made++) {
            const float got = rec_stream_take(&s, i == n);

            assert_true(made < all);
            assert_true(isnan(y[made]) ? isnan(got) : got == y[made]);
            if (i < n) assert_true(i >= made * f.down / f.up + (isnan(got) ? 0 : f.half)); /* not before it can be */
            assert_true(i <= made * f.down / f.up + 2 * f.half + 1);                       /* nor long after */
        }
    }
    assert_int_equal(made, all);
    rec_stream_free(&s);
    free(f.weights);
    free(x);
    free(y);
}

TEST(another_rate_one_by_one)
{
    static const rec_rate rates[] = {{360, 1}, {45, 1}, {100, 1}, {1000, 3}, {511, 1}};

    for (size_t i = 0; i < COUNT(rates); i++)
        for (size_t k = 0; k < COUNT(rates); k++)
            for (unsigned seed = 0; seed < 3 && i != k; seed++) resampled(rates[i], rates[k], seed, seed ? 2500 : 40);
    const char *why;
    rec_filter f;
    assert_false(rec_filter_make((rec_rate){999999937, 1}, (rec_rate){1000000007, 1}, &f, &why));
    assert_string_equal(why, "the two rates are not to each other as small whole numbers");
}

TEST(missing_values_one_by_one)
{
    static const char *const how[] = {"carry", "mean", "zero"};
    enum { N = 30 };

    for (unsigned k = 0; k < 3; k++) {
        char lines_of[256], text[2048] = "id,x,z,y\n";
        const float means[] = {0.25f, -3};
        float x[N][2], got[6];

        for (unsigned t = 0; t < N; t++) {
            x[t][0] = t % 3 == k ? (float)t : NAN;
            x[t][1] = t % 7 < 2 ? (float)(t * t) : NAN;
            sprintf(text + strlen(text), "1,%s,", number(x[t][0], ""));
            sprintf(text + strlen(text), "%s,u\n", number(x[t][1], ""));
        }
        snprintf(lines_of, sizeof lines_of, "format = csv\nid = id\nlabel = y\nmissing = %s\nmask = yes\ndelta = yes\n",
                 how[k]);
        READING(r, lines_of, text);
        DROPPED(prepare_destroy) prepare p;
        assert_int_equal(dataset_fill(&r.config, &r.set, means), CLI_OK);
        prepare_create(&p, &r.config, 2, means);
        assert_int_equal(p.channels, 6);
        for (int again = 0; again < 2; again++, prepare_begin(&p))
            for (unsigned t = 0; t < N; t++) {
                prepare_step(&p, x[t], got);
                assert_memory_equal(got, r.set.x + 6 * t, sizeof got);
            }
    }
}
