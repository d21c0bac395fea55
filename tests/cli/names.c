/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is who in data: ids, groups, times and labels.
 */
#include "readers.h"

#define CSV "format = csv\nid = id\nlabel = y\n"
#define TIMED CSV "time = t\n"

/* ---- Sequences ---- */

/* Three sequences, shuffled in every way that keeps each one's own order. */
TEST(rows_of_an_id_belong_together)
{
    for (unsigned seed = 0; seed < 200; seed++) {
        size_t at[3] = {0, 0, 0}, left = 12, first_of[3] = {0}, n = 0;
        char text[1024] = "id,t,x,y,g\n";

        for (unsigned draw = seed * 7919 + 1; left; draw = draw * 1103515245 + 12345) {
            const size_t k = draw >> 16 & 3;

            if (k == 3 || at[k] == 4) continue;
            if (at[k] == 0) first_of[n++] = k;
            snprintf(text + strlen(text), sizeof text - strlen(text), "p%zu,%zu,%zu,%s,g%zu\n", k, at[k],
                     10 * k + at[k], k == 1 ? "u" : "v", k / 2);
            at[k]++;
            left--;
        }
        READING(r, TIMED "group = g\n", text);
        const dataset set = r.set;
        assert_int_equal(set.n, 3);
        for (size_t i = 0; i < 3; i++) {
            const size_t k = first_of[i];
            char name[64];

            snprintf(name, sizeof name, "p%zu", k);
            assert_string_equal(dataset_id(&set, i), name);
            snprintf(name, sizeof name, "g%zu", k / 2);
            assert_string_equal(dataset_group(&set, i), name);
            assert_string_equal(set.class_names[set.label[i]], k == 1 ? "u" : "v");
            assert_int_equal(dataset_steps(&set, i), 4);
            for (size_t s = 0; s < 4; s++) {
                assert_true(set.x[set.first[i] + s] == (float)(10 * k + s));
                assert_true(set.time[set.first[i] + s] == (double)s);
            }
        }
    }
}

/* A column of whole numbers with gaps, as some programs write it, makes two patients of one. */
TEST(names_are_written_in_one_way)
{
    refused(CSV, "id,x,y\n7,1,u\n8,1,u\n7.0,1,u\n",
            "data: ids '7' and '7.0' are texts of the same number; write it in one way");
    refused(CSV "group = g\n", "id,x,y,g\na,1,u,12\nb,1,u,3\nc,1,u,12.0\n",
            "data: groups '12' and '12.0' are texts of the same number; write it in one way");
    READING(r, CSV "group = g\n", "id,x,y,g\n7.0,1,u,01\n07,1,u,1\n7.5,1,u,1a\n");
    assert_int_equal(r.set.n, 3);
    assert_int_equal(r.set.groups, 3);
}

TEST(formats_without_names_have_none)
{
    READING(wide, "format = wide\n", "u,1\n");
    assert_null(dataset_id(&wide.set, 0));
    assert_null(dataset_group(&wide.set, 0));
    READING(csv, CSV "group = g\n", "id,x,y,g\na,1,u,7\nb,1,u,nan1\n");
    dataset original = csv.set;
    dataset_copy(&original, &csv.set);
    dataset_free(&original);
    assert_string_equal(dataset_id(&csv.set, 1), "b");
    assert_string_equal(dataset_group(&csv.set, 1), "nan1");
}

TEST(times_are_double)
{
    READING(r, TIMED, "id,t,x,y\n1,1732848000,1,u\n1,1732848030.25,1,u\n");
    assert_true(r.set.time[1] - r.set.time[0] == 30.25);
    refused(TIMED, "id,t,x,y\n1,1732848030,1,u\n1,1732848000,1,u\n",
            "data:3: column 2 (t): time goes back in sequence '1': 1732848000 is less than in line 2");
}

/* ---- Labels ---- */

TEST(labels_are_texts)
{
    static const char *const sets[] = {
        "007 7 70",
        "1648900100 1648900101 1648900102",
        "900000000000207008 900000000000207009",
        "0.0 1.0",
        "0x10 16",
        "inf 1e999 x",
        "-1.0000000e+00 1.0000000e+00",
        "up UP Up",
    };
    static const char *const ids[] = {"1", "2", "3"}, *const formats[] = {CSV, "format = wide\n", "format = tokens\n"};

    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        for (int format = 0; format < 3; format++) {
            char copy[128], text[512] = "", names[128] = "", *next, *label;
            size_t n = 0;

            strcpy(copy, sets[i]);
            strcat(text, format == 0 ? "id,x,y\n" : "");
            for (label = strtok_r(copy, " ", &next); label; label = strtok_r(NULL, " ", &next), n++)
                snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s%s\n", format == 0 ? ids[n] : label,
                         format == 1   ? ","
                         : format == 0 ? ",1,"
                                       : "\tw",
                         format == 0 ? label : ids[n]);
            READING(r, formats[format], text);
            assert_int_equal(r.set.classes, n);
            for (size_t k = 0; k < n; k++) strcat(strcat(names, k ? " " : ""), r.set.class_names[r.set.label[k]]);
            assert_string_equal(names, sets[i]);
        }
    refused("format = wide\n", "1,2\n1.0,3\n",
            "data: labels '1' and '1.0' are texts of the same number; [data] label_type = number makes them one class");
    refused(
        "format = wide\n", "1e1,2\n+10,3\n",
        "data: labels '+10' and '1e1' are texts of the same number; [data] label_type = number makes them one class");
}

TEST(labels_may_be_numbers)
{
    reads("label_type = number\n", "1.0,2\n1,3\n0.10,4\n-1.0000000e+00,5\n1e0,6\n007,7\n-0,8\n",
          "2 | 3 | 4 | 5 | 6 | 7 | 8", "1 1 0.1 -1 1 7 0");
    reads("label_type = number\n", "1648900100,2\n1648900101,3\n", "2 | 3", "1648900100 1648900101");
    refused("label_type = number\n", "1,2\nx,3\n", "data: label 'x' is not a number, but [data] label_type = number");
    refused("label_type = number\n", "0x10,2\n", "data: label '0x10' is not a number, but [data] label_type = number");
    refused("label_type = number\n", "900000000000207008,2\n",
            "data: label '900000000000207008' has more digits than a double holds, but [data] label_type = number");
}

/* Numbers by size, then words by letter; groups called nan are words. */
TEST(classes_are_in_order)
{
    READING(r, "format = wide\n", "nan1,1\n10,1\n9,1\n-2.5,1\nb,1\ninf,1\na,1\n");
    char all[128] = "";

    for (size_t k = 0; k < r.set.classes; k++) strcat(strcat(all, r.set.class_names[k]), " ");
    assert_string_equal(all, "-2.5 9 10 a b inf nan1 ");
}

/* Reads a test set beside training data, and writes its steps as `reads` does. */
static void reads_test(const char *lines, const char *train, const char *text, const char *columns, const char *values)
{
    READING(r, lines, train);
    vocabulary words = {0};
    dataset test;
    char got[512] = "", names[512] = "";

    if (dataset_read(
            &(data_source){.config = &r.config, .path = write_text("test", text), .like = &r.set, .words = &words},
            &test) != CLI_OK)
        fail_msg("%s", said);
    for (size_t f = 0; f < test.features; f++) {
        assert_string_equal(test.columns[f], r.set.columns[f]);
        strcat(strcat(names, f ? "|" : ""), test.columns[f]);
    }
    for (size_t i = 0; i < test.first[test.n] * test.features; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), isnan(test.x[i]) ? "?" : "%g ", (double)test.x[i]);
    assert_string_equal(names, columns);
    assert_string_equal(got, values);
    dataset_free(&test);
}

TEST(test_columns_have_any_order)
{
    reads_test(CSV, "id,x,z,y\n1,2,3,u\n", "z,y,x,id\n5,u,4,1\n7,u,6,1\n", "x|z", "4 5 6 7 ");
    reads_test(CSV "features = x, z\n", "id,x,z,y\n1,2,3,u\n", "more,z,x,id\n0,5,4,1\n", "x|z", "4 5 ");
    reads_test(CSV "categories = sex, s=a\n", "s=a,id,x,sex,y\n5,1,2,m,u\n", "id,x,sex,s=a\n1,2,m,5\n1,3,f,\n",
               "s=a=5|x|sex=m", "1 2 1 ?3 0 ");
}

TEST(texts_become_channels)
{
    static const char text[] = "id,x,arm,y\n1,2,right,u\n1,3,left,u\n2,4,,u\n2,5,10,u\n2,6,9,u\n";
    static char many[40000] = "id,arm,y\n", *end = many + 9;

    reads(CSV "categories = arm\n", text, "2 0 0 0 1 3 0 0 1 0 | 4 ? ? ? ? 5 0 1 0 0 6 1 0 0 0", "u u");
    READING(r, CSV "categories = arm\n", text);
    assert_int_equal(r.set.features, 5);
    assert_string_equal(r.set.columns[1], "arm=9");
    assert_string_equal(r.set.columns[4], "arm=right");
    refused(CSV "categories = leg\n", text, "data:1: there is no column 'leg' ([data] categories)");
    refused(CSV "categories = id\n", text, "config.ini:6: categories: 'id' is not one of the features");
    refused(CSV "categories = arm\nfeatures = x\n", text, "config.ini:6: categories: 'arm' is not one of the features");
    refused(CSV, text, "data:2: column 3 (arm): 'right' is not a number");
    refused(CSV "categories = arm\nfeatures = arm\n", "id,arm,y\n1,,u\n",
            "data: the columns of categories have no text");
    for (int i = 0; i < 1001; i++) end += sprintf(end, "1,arm %d,u\n", i);
    refused(CSV "categories = arm\n", many,
            "data:1002: column 2 (arm): 'arm 1000' is one text too many: a column of categories has at most 1000");
}

/* Seconds since 1970 as date(1) of GNU gives them. */
TEST(dates_are_times)
{
    static const struct {
        const char *date;
        double seconds;
    } dates[] = {
        {"1970-01-01", 0},
        {"1969-12-31", -86400},
        {"2000-02-29", 951782400},
        {"2000-03-01", 951868800},
        {"1900-03-01", -2203891200.0},
        {"0001-01-01", -62135596800.0},
        {"9999-12-31 23:59", 253402300740.0},
        {"2024-02-29T13:45:07Z", 1709214307},
        {"2024-02-29T13:45:07.25+05:30", 1709194507.25},
        {"2024-02-29 13:45-01:00", 1709217900},
        {"2016-12-31T23:59:60Z", 1483228800},
    };
    static const char *const wrong[] = {"2024-02-30", "2023-02-29", "1900-02-29",
                                        "2024-13-01", "2024-00-01", "2024-01-00"},
                             *const odd[] = {"2024-1-01",         "24-01-01",
                                             "2024-01-01T24:00",  "2024-01-01T12:60",
                                             "2024-01-01T12",     "2024-01-01T1:00",
                                             "2024-01-01x",       "2024-01-01T12:00+1",
                                             "2024-01-01T12:00:", "2024-01-01T12:00:00.",
                                             "20240101T"};
    double x;

    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        const char *why = text_date(dates[i].date, &x);
        if (why) fail_msg("%s %s", dates[i].date, why);
        assert_true(x == dates[i].seconds);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_string_equal(text_date(wrong[i], &x), "is no day of the calendar");
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) assert_non_null(text_date(odd[i], &x));
    READING(r, CSV "time = t\n", "id,t,x,y\n1,2024-02-28,1,u\n1,2024-03-01T12:00,2,u\n");
    assert_true(r.set.time[1] - r.set.time[0] == 2.5);
    READING(s, CSV "time = t\ntime_unit = hours\n", "id,t,x,y\n1,2024-02-28,1,u\n1,2024-03-01T12:00,2,u\n");
    assert_true(s.set.time[1] - s.set.time[0] == 60);
    refused(CSV "time = t\n", "id,t,x,y\n1,2024-02-28,1,u\n1,7,2,u\n",
            "data:3: column 2 (t): '7' is a number, and times before it are dates");
    refused(CSV "time = t\n", "id,t,x,y\n1,7,1,u\n1,2024-02-28,2,u\n",
            "data:3: column 2 (t): '2024-02-28' is a date, and times before it are numbers");
    refused(CSV "time = t\n", "id,t,x,y\n1,2024-02-28,1,u\n1,2024-02-27,2,u\n",
            "data:3: column 2 (t): time goes back in sequence '1': 2024-02-27 is less than in line 2");
}

/* Rows from after the label was known tell what is to be predicted. */
TEST(labels_have_a_time)
{
    static const char text[] = "id,t,known,x,y\n1,1,2,10,u\n2,5,,20,v\n1,2,2,11,u\n2,9,,21,v\n1,3,2,12,u\n";
    static const char late[] = "id,t,known,x,y\n1,3,2,10,u\n";

    reads(TIMED "label_time = known\nfuture = drop\n", text, "10 11 | 20 21", "u v");
    refused(TIMED "label_time = known\n", text,
            "data:6: column 2 (t): sequence '1' has the time 3, after its label_time 2; [data] future = drop leaves "
            "such rows out");
    refused(TIMED "label_time = known\nfuture = drop\n", late, "data: sequence '1' has no row up to its label_time");
    refused(TIMED "label_time = known\n", "id,t,known,x,y\n1,1,5,10,u\n1,2,6,11,u\n",
            "data:3: column 3 (known): sequence '1' has the label_time '6' here and another one in line 2");
    refused(TIMED "label_time = known\n", "id,t,known,x,y\n1,1,5,10,u\n1,2,,11,u\n",
            "data:3: column 3 (known): sequence '1' has the label_time '' here and another one in line 2");
    refused(TIMED "label_time = known\n", "id,t,known,x,y\n1,2024-05-01,5,10,u\n",
            "data:2: column 3 (known): '5' is a number, and times before it are dates");
    refused(TIMED "label_time = gone\n", text, "data:1: there is no column 'gone' ([data] label_time)");
    /* What a row that is left out says is not read, nor do its categories become channels. */
    reads(TIMED "label_time = known\nfuture = drop\ncategories = x\n",
          "id,t,known,x,y\n1,2024-05-01,2024-05-02T12:00,a,u\n1,2024-05-03,2024-05-02T12:00,b,u\n", "1", "u");
    refused(TIMED "label_time = known\nfuture = drop\n", "id,t,known,x,y\n1,1,2,1,u\n1,3,2,2,u\n1,2,2,3,u\n",
            "data:4: column 2 (t): time goes back in sequence '1': 2 is less than in line 3");
}

/* Data to predict need no time of a label; with labels they do. */
TEST(data_to_predict_have_no_label_time)
{
    READING(r, TIMED "label_time = known\n", "id,t,known,x,y\n1,1,2,10,u\n2,1,2,11,v\n");
    vocabulary words = {0};
    dataset set;
    data_source from = {
        .config = &r.config, .path = write_text("data", "id,t,x\n1,3,10\n"), .like = &r.set, .words = &words};

    assert_int_equal(dataset_read(&from, &set), CLI_OK);
    assert_int_equal(set.features, 1);
    dataset_free(&set);
    from.path = write_text("labelled", "id,t,x,y\n1,3,10,u\n");
    assert_int_equal(dataset_read(&from, &set), CLI_FAILED);
    assert_string_equal(said, "labelled:1: there is no column 'known' ([data] label_time)");
}

TEST(a_test_set_is_like_the_training_data)
{
    static const struct {
        const char *text, *sentence;
    } tests[] = {
        {"id,x,z,y\n1,2,3,v\n1,3,3,v\n", ""},
        {"y,id,x,z\nu,1,2,3\n", ""},
        {"id,x,z,y\n1,2,3,w\n", "test: sequence 1 ('1') has class 'w', which the training data does not have"},
        {"z,y,id,x\n2,v,1,3\n", ""},
        {"id,x,y\n1,2,v\n", "test:1: there is no column 'z', which the training data has"},
        {"id,x,z,a,y\n1,2,3,4,v\n", "test:1: column 4 is 'a', which the training data does not have; [data] features "
                                    "says which columns are meant"},
    };
    READING(train, CSV, "id,x,z,y\n1,2,3,u\n2,2,3,v\n");
    vocabulary words = {0};
    dataset test;

    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        *said = '\0';
        const int code = dataset_read(&(data_source){.config = &train.config,
                                                     .path = write_text("test", tests[i].text),
                                                     .like = &train.set,
                                                     .words = &words},
                                      &test);

        assert_string_equal(said, tests[i].sentence);
        assert_int_equal(code, *tests[i].sentence ? CLI_FAILED : CLI_OK);
        if (code == CLI_OK) assert_int_equal(test.classes, 2);
        if (code == CLI_OK) dataset_free(&test);
    }
}
