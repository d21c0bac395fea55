/* SPDX-License-Identifier: Apache-2.0
 *
 * What is done to data once they are read: windows, missing values, held-out parts, and pictures of what came of it.
 */

#include "readers.h"
#include "src/cli/train/training.h"

/* ---- Windows and missing values ---- */

/* What filling a whole sequence gives, step by step. */
static void fill_whole(const train_config *config, const float *x, const double *time, size_t n, float mean,
                       float *filled, float *there, float *since)
{
    float last = mean;
    double at = time[0];

    for (size_t t = 0; t < n; t++) {
        there[t] = isnan(x[t]) ? 0.0f : 1.0f;
        since[t] = (float)(time[t] - at);
        if (!isnan(x[t])) {
            last = config->missing == MISSING_CARRY ? x[t] : mean;
            at = time[t];
        }
        filled[t] = !isnan(x[t]) ? x[t] : config->missing == MISSING_ZERO ? 0.0f : last;
    }
}

/* Windows of a filled sequence are the filled windows of the sequence: what is cut off is not forgotten. */
TEST(a_window_carries_on)
{
    static const char *const how[] = {"carry", "mean", "zero"};
    enum { N = 40 };

    for (unsigned seed = 0; seed < 60; seed++)
        for (size_t m = 0; m < 3; m++) {
            const size_t window = seed % 3 ? 1 + seed % 7 : 0, stride = 1 + seed % 4,
                         longest = seed % 2 ? 0 : 9 + seed % 11;
            const int timed = seed / 2 % 2;
            char lines[512], text[4096] = "id,t,x,y\n";
            float x[N], filled[N], there[N], since[N], mean = 0.25f;
            double time[N];

            for (unsigned t = 0, draw = seed + 1; t < N; t++) {
                draw = draw * 1103515245 + 12345;
                x[t] = (draw >> 16 & 3) == 0 ? (float)(draw >> 20 & 15) + 1 : NAN;
                time[t] = timed ? 1732848000 + 30.5 * t + (draw >> 24 & 7) : t;
                snprintf(text + strlen(text), sizeof text - strlen(text), isnan(x[t]) ? "1,%.1f,,u\n" : "1,%.1f,%g,u\n",
                         time[t], (double)x[t]);
            }
            snprintf(lines, sizeof lines,
                     "format = csv\nid = id\nlabel = y\nfeatures = x\n%swindow = %zu\nstride = %zu\n"
                     "longest = %zu\nmissing = %s\nmask = yes\ndelta = yes\n",
                     timed ? "time = t\n" : "", window, stride, longest, how[m]);
            READING(r, lines, text);
            dataset *const set = &r.set;
            fill_whole(&r.config, x, time, N, mean, filled, there, since);
            dataset_cut(&r.config, set);
            assert_int_equal(dataset_fill(&r.config, set, &mean), CLI_OK);
            assert_int_equal(set->features, 3);
            const size_t from = longest ? N - longest : 0, steps = window ? window : N - from;
            assert_int_equal(set->n, window ? (N - from - window) / stride + 1 : 1);
            for (size_t w = 0; w < set->n; w++) {
                assert_int_equal(dataset_steps(set, w), steps);
                assert_string_equal(dataset_id(set, w), "1");
                for (size_t s = 0; s < steps; s++) {
                    const size_t t = from + w * stride + s;
                    const float *got = set->x + (set->first[w] + s) * 3;

                    assert_true(got[0] == filled[t]);
                    assert_true(got[1] == there[t]);
                    assert_true(got[2] == since[t]);
                }
            }
        }
}

/* Sequences that no window fits in are gone, and their groups. */
TEST(windows_keep_their_groups)
{
    static const char text[] =
        "id,x,y,g\na,1,u,g2\nb,1,v,g0\nb,2,v,g0\nb,3,v,g0\nc,1,u,g1\nc,2,u,g1\nd,4,u,g0\nd,5,u,g0\n";
    static const char *const ids[] = {"b", "b", "c", "d"}, *const groups[] = {"g0", "g0", "g1", "g0"};
    static const char classes[] = "vvuu";
    READING(r, "format = csv\nid = id\nlabel = y\ngroup = g\nwindow = 2\n", text);
    dataset copy;

    dataset_cut(&r.config, &r.set);
    dataset_copy(&r.set, &copy);
    dataset_free(&r.set);
    r.set = copy;
    assert_int_equal(copy.n, 4);
    for (size_t w = 0; w < 4; w++) {
        assert_string_equal(dataset_id(&copy, w), ids[w]);
        assert_string_equal(dataset_group(&copy, w), groups[w]);
        assert_int_equal(copy.class_names[copy.label[w]][0], classes[w]);
    }
}

TEST(what_is_missing_is_named)
{
    static const float mean = 0;
    READING(r, "format = csv\nid = id\nlabel = y\n", "id,x,y\np7,1,u\np7,NA,u\n");
    assert_int_equal(dataset_fill(&r.config, &r.set, &mean), CLI_FAILED);
    assert_string_equal(said, "sequence 1 ('p7'), step 2: 'x' is missing; [data] missing says what to do");
}

/* ---- Held-out parts ---- */

/* n sequences of one step, `of_group` of them in a group (0: no groups). */
static reading sequences(size_t n, size_t of_group)
{
    char text[8192] = "id,x,y,g\n";

    for (size_t i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%zu,1,%c,%zu\n", i, i % 2 ? 'u' : 'v',
                 of_group ? i / of_group : 0);
    return read_good(of_group ? "format = csv\nid = id\nlabel = y\ngroup = g\nfeatures = x\n"
                              : "format = csv\nid = id\nlabel = y\nfeatures = x\n",
                     text);
}

TEST(a_share_of_nobody_is_refused)
{
    static const struct {
        size_t n, of_group;
        double share;
        size_t held;
        const char *sentence;
    } cases[] = {
        {5, 0, 0.1, 0, "[train] validation = 0.1 of 5 sequences holds out none; it is rounded down"},
        {10, 0, 0.1, 1, ""},
        {5, 0, 0, 0, ""},
        {1, 0, 0.9, 0, "[train] validation = 0.9 of 1 sequence holds out none; it is rounded down"},
        {40, 20, 0.4, 0, "[train] validation = 0.4 of 2 groups holds out none; it is rounded down"},
        {40, 20, 0.5, 20, ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        DROPPED(free_reading) reading r = sequences(cases[i].n, cases[i].of_group);
        row_list all = split_all(&r.set), kept, held;

        *said = '\0';
        assert_int_equal(split_share(&r.set, &all, cases[i].share, 1, &kept, &held),
                         *cases[i].sentence ? CLI_FAILED : CLI_OK);
        assert_string_equal(said, cases[i].sentence);
        if (!*said) {
            assert_int_equal(held.n, cases[i].held);
            assert_int_equal(kept.n, cases[i].n - held.n);
        }
        free(all.at);
        free(kept.at);
        free(held.at);
    }
}

/* Folds that would be empty are refused with the first one. */
TEST(folds_need_as_many_groups)
{
    for (size_t n = 2; n < 12; n++) {
        DROPPED(free_reading) reading r = sequences(3 * n, 3);

        for (size_t parts = 2; parts < 12; parts++)
            for (size_t p = 0; p < parts; p++) {
                row_list kept, held;
                char want[128];

                *said = '\0';
                const int code = split_folds(&r.set, parts, p, 1, &kept, &held);
                if (n < parts) {
                    snprintf(want, sizeof want, "%zu folds need as many groups; the training data has %zu", parts, n);
                    assert_int_equal(code, CLI_FAILED);
                    assert_string_equal(said, want);
                } else {
                    assert_int_equal(code, CLI_OK);
                    assert_true(kept.n && held.n && kept.n + held.n == 3 * n);
                }
                free(kept.at);
                free(held.at);
            }
    }
}

/* ---- Pictures ---- */

TEST(curves_end)
{
    static const double x[] = {1, 2, 3};
    static const double ys[][3] = {
        {0.69314718055994529, 0.69314718055994540, 0.69314718055994529}, /* an ulp apart */
        {0, 0, 0},
        {5e-324, 0, 1e-320},
        {1e-300, 2e-300, 3e-300},
        {-1e308, 1e308, 0},
        {1e299, 1e299 + 1e284, -1e299},
        {NAN, NAN, NAN},
        {INFINITY, 1, -INFINITY},
        {1e15, 1e15 + 1, 1e15 + 2},
        {-7, -7, -7},
        {0.5, 0.25, 0.125},
    };

    for (size_t i = 0; i < sizeof ys / sizeof ys[0]; i++) {
        const curve lines[] = {{"loss", x, ys[i], 3}};
        const char *path = in_folder("curve.svg");
        char text[16384];
        size_t ticks = 0;

        assert_int_equal(curve_write(path, "title", "epoch", "loss", lines, 1), CLI_OK);
        FILE *file = fopen(path, "r");
        const size_t n = fread(text, 1, sizeof text - 1, file);
        fclose(file);
        assert_true(n < sizeof text - 1);
        text[n] = '\0';
        assert_null(strstr(text, "nan"));
        assert_null(strstr(text, "inf"));
        for (const char *s = text; (s = strstr(s, "stroke='#ddd'")); s++) ticks++;
        assert_in_range(ticks, 4, 30);
        assert_non_null(strstr(text, "</svg>"));
    }
}
