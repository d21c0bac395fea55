/* SPDX-License-Identifier: Apache-2.0
 *
 * Data files of every format: what each spelling means, and each fault with its line and column.
 */
#include <math.h>

#include "readers.h"

#define CSV   "format = csv\nid = id\nlabel = y\n"
#define TIMED CSV "time = t\n"

static void free_all(train_config *config, dataset *set)
{
    dataset_free(set);
    config_free(config);
}

static void add_value(char *text, size_t size, const char *before, float x)
{
    const size_t used = strlen(text);

    if (isnan(x))
        snprintf(text + used, size - used, "%s?", before);
    else
        snprintf(text + used, size - used, "%s%g", before, (double)x);
}

/* The data are these steps of one feature, and the labels are these classes by name. */
static void reads(const char *data_lines, const char *text, const char *values, const char *classes)
{
    char got[1024] = "", names[1024] = "";
    train_config config;
    dataset set;

    if (read_as(data_lines, text, &config, &set) != CLI_OK)
        fail_msg("%s", said);
    for (size_t i = 0; i < set.n; i++) {
        strcat(got, i ? " | " : "");
        for (size_t s = set.first[i]; s < set.first[i + 1]; s++)
            for (size_t f = 0; f < set.features; f++)
                add_value(got, sizeof got, s + f > set.first[i] ? " " : "", set.x[s * set.features + f]);
        if (set.label)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? " " : "",
                     set.class_names[set.label[i]]);
    }
    assert_string_equal(got, values);
    assert_string_equal(names, classes);
    free_all(&config, &set);
}

/* ---- Lines and fields ---- */

/* One table, written in all ways that spreadsheets have. */
static void every_ending_and_mark(void **state)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"}, *const marks[] = {"", "\xef\xbb\xbf"};
    char text[512];

    (void)state;
    for (size_t e = 0; e < 3; e++)
        for (size_t m = 0; m < 2; m++)
            for (int last = 0; last < 2; last++) {
                const char *n = ends[e], *end = last ? ends[e] : "";

                snprintf(text, sizeof text, "%sid,x,y%s%s1,0.5,up%s\"2\",-1,down%s", marks[m], n, n, n, end);
                reads(CSV, text, "0.5 | -1", "up down");
                snprintf(text, sizeof text, "%sup,1,2%sdown,3%s", marks[m], n, end);
                reads("format = wide\n", text, "1 2 | 3", "up down");
                snprintf(text, sizeof text, "%sup\ta b%s%sdown\tb%s", marks[m], n, n, end);
                train_config config;
                dataset set;
                assert_int_equal(read_as("format = tokens\n", text, &config, &set), CLI_OK);
                assert_int_equal(set.n, 2);
                assert_string_equal(set.class_names[set.label[0]], "up");
                assert_int_equal(set.tokens[1], set.tokens[2]);
                free_all(&config, &set);
            }
}

static void fields_are_told_apart(void **state)
{
    (void)state;
    reads(CSV, "id,x,y\n\"a, b\",1,\"up,\"\"x\"\"\"\n", "1", "up,\"x\"");
    reads(CSV, "id,x,y\n\"a\nb\",1,u\n\"a\nb\",2,u\n", "1 2", "u");
    reads(CSV, "id,\"x\n1\",y\na,1,u\n", "1", "u");
    reads(CSV, " id , x , y \n a , 1 , u v \n", "1", "u v");
    reads(CSV "separator = ;\ndecimal = ,\n", "id;x;y\na;1,5;u\na;-,5e-1;u\n", "1.5 -0.05", "u");
    reads(CSV "separator = tab\n", "id\tx\ty\na\t\tu\n", "?", "u");
    reads(CSV "separator = blank\n", "id  x\t y\n  a 1 \t u\n\n", "1", "u");
    reads(CSV "features = x\n", ",id,z,x,y\n1,a,none of this,2,u\n", "2", "u");
    reads("format = wide\nseparator = blank\n", "  1.0   0.5\t7 \n", "0.5 7", "1.0");
    reads("format = wide\nlabel = last\n", "1,2,\"u,v\"\n", "1 2", "u,v");
    reads("format = wide\nlabel = none\n", "1,,3\n", "1 ? 3", "");
}

static void missing_values_have_many_spellings(void **state)
{
    static const char *const missing[] = {"",    "NA",   "N/A",  "na",   "n/a", "NaN", "nan",
                                          "NAN", "null", "NULL", "None", "?",   ".",   "-"};
    static const char *const nameless[] = {"",    "NA",  "N/A",  "na",   "n/a",  "NaN",
                                           "nan", "NAN", "null", "NULL", "None", "?"};
    char text[256], want[256];

    (void)state;
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        snprintf(text, sizeof text, "id,x,y\n1,%s,u\n1,2,u\n1,\"%s\",u\n", missing[i], missing[i]);
        reads(CSV, text, "? 2 ?", "u");
        snprintf(text, sizeof text, "u,%s,2\n", missing[i]);
        reads("format = wide\n", text, "? 2", "u");
    }
    reads(CSV "missing_values = -999, below limit\n", "id,x,y\n1,-999,u\n1,below limit,u\n1,-999.5,u\n", "? ? -999.5",
          "u");
    for (size_t i = 0; i < sizeof nameless / sizeof nameless[0]; i++) {
        snprintf(text, sizeof text, "id,x,y\n1,2,u\n2,3,%s\n", nameless[i]);
        snprintf(want, sizeof want, "data:3: column 3 (y): the label is missing: '%s'", nameless[i]);
        refused(CSV, text, want);
        snprintf(text, sizeof text, "id,x,y\n%s,2,u\n", nameless[i]);
        snprintf(want, sizeof want, "data:2: column 1 (id): the id is missing: '%s'", nameless[i]);
        refused(CSV, text, want);
        snprintf(text, sizeof text, "id,x,y,g\n1,2,u,%s\n", nameless[i]);
        snprintf(want, sizeof want, "data:2: column 4 (g): the group is missing: '%s'", nameless[i]);
        refused(CSV "group = g\n", text, want);
        snprintf(text, sizeof text, "u,1\n%s,2\n", nameless[i]);
        snprintf(want, sizeof want, "data:2: column 1: '%s' is no label; it is missing ([data] label)", nameless[i]);
        refused("format = wide\n", text, want);
        snprintf(text, sizeof text, "u\ta\n%s\tb\n", nameless[i]);
        snprintf(want, sizeof want, "data:2: '%s' is no label; it is missing", nameless[i]);
        refused("format = tokens\n", text, want);
    }
}

static void only_decimal_numbers_are_numbers(void **state)
{
    static const char *const bad[] = {"0x10", "inf", "-inf", "infinity", "nan(1)", "1.5kg", "1 2", "1e",
                                      "e5",   "--1", "+",    "1.2.3",    "x",      "1_0",   "0b1", "1;5"};
    static const struct {
        const char *text, *value;
    } good[] = {{"1", "1"},
                {"-1.5", "-1.5"},
                {"+2", "2"},
                {".5", "0.5"},
                {"5.", "5"},
                {"1e3", "1000"},
                {"1E-2", "0.01"},
                {" 7 ", "7"},
                {"007", "7"},
                {"1e-400", "0"},
                {"16777217", "1.67772e+07"}};
    char text[1024], want[1024];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "id,x,y\n1,2,u\n1,%s,u\n", bad[i]);
        snprintf(want, sizeof want, "data:3: column 2 (x): '%s' is not a number", bad[i]);
        refused(CSV, text, want);
        snprintf(text, sizeof text, "\nu,1\nu,2,%s\n", bad[i]);
        snprintf(want, sizeof want, "data:3: column 3: '%s' is not a number", bad[i]);
        refused("format = wide\n", text, want);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(text, sizeof text, "id,x,y\n1,%s,u\n", good[i].text);
        reads(CSV, text, good[i].value, "u");
    }
    refused(CSV "separator = ;\n", "id;x;y\n1;2,5;u\n",
            "data:2: column 2 (x): '2,5' is not a number; [data] decimal = , reads decimal commas");
    refused(CSV, "id,x,y\n1,1e39,u\n", "data:2: column 2 (x): '1e39' is too large for a 32-bit number");
    refused(CSV "scale = 1e20\n", "id,x,y\n1,1e30,u\n", "data:2: column 2 (x): '1e30' times scale is too large");
    char digits[640];
    memset(digits, '1', 600);
    memcpy(digits, "u,0.", 4);
    digits[600] = '\0';
    snprintf(want, sizeof want, "data:1: column 2: '%.80s' has too many digits", digits + 2);
    refused("format = wide\n", digits, want);
}

static void faults_have_places(void **state)
{
    static const struct {
        const char *lines, *text, *sentence;
    } faults[] = {
        {CSV, "", "data: the file is empty; a header is expected"},
        {CSV, "id,x\n", "data:1: there is no column 'y' ([data] label)"},
        {CSV, "\n\nid,x,z\n", "data:3: there is no column 'y' ([data] label)"},
        {CSV "features = x, Z\n", "id,x,z,y\n", "data:1: there is no column 'Z' ([data] features)"},
        {CSV "features = x, x\n", "id,x,z,y\n", "config.ini:6: features names 'x' twice"},
        {CSV, "id,y\n", "data:1: there is no column of features"},
        {CSV, "id,x,id,y\n", "data:1: columns 1 and 3 are both 'id' ([data] id)"},
        {CSV, "x,id,y,x\n", "data:1: columns 1 and 4 are both 'x' ([data] features: all others)"},
        {CSV, ",id,x,y\n1,1,2,u\n", "data:1: column 1 has no name; [data] features says which columns are meant"},
        {CSV, "id,x,y\n1,2\n", "data:2: 2 columns, the header has 3"},
        {CSV, "id,x,y\n\n1,2,u,\n", "data:3: 4 columns, the header has 3"},
        {CSV, "id,x,y\n1,2,u\n1,3,v\n", "data:3: column 3 (y): sequence '1' has the label 'v' here and 'u' in line 2"},
        {CSV "group = g\n", "g,id,x,y\na,1,2,u\nb,2,2,u\nb,1,3,u\n",
         "data:4: column 1 (g): sequence '1' has the group 'b' here and 'a' in line 2"},
        {TIMED, "id,t,x,y\n1,5,2,u\n2,1,2,u\n1,4.5,2,u\n",
         "data:4: column 2 (t): time goes back in sequence '1': 4.5 is less than in line 2"},
        {TIMED, "id,t,x,y\n1,,2,u\n", "data:2: column 2 (t): the time is missing: ''"},
        {TIMED, "id,t,x,y\n1,2024-01-03,2,u\n", "data:2: column 2 (t): '2024-01-03' is not a number"},
        {CSV, "id,x,y\n1,2,\"u\n1,3,u\n", "data:2: a quote that opens in this row is never closed"},
        {CSV, "id,x,y\n1,2,u\n1,3,\"u\"x\n",
         "data:3: column 3: a quote inside a field, or text behind its closing quote"},
        {CSV, "id,x,y\n\"1\n2\n\",x2,u\n", "data:2: column 2 (x): 'x2' is not a number"},
        {"format = wide\n", "u,1\nv\n", "data:2: a label, and no number behind it"},
        {"format = tokens\n", "u a\n", "data:1: there is no tab behind the label"},
        {"format = tokens\n", "u\ta\n\nv\t \n", "data:3: there is no word behind the label"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        refused(faults[i].lines, faults[i].text, faults[i].sentence);
    refused(CSV, "\xfe\xff\0i", "data: the file is UTF-16 (it begins with its byte order mark); save it as UTF-8");
    static const char zero[] = "id,x,y\n1,\0002,u\n";
    const train_config config = configured(CSV);
    vocabulary words = {0};
    dataset set;
    assert_int_equal(dataset_read(&config, write_bytes("data", zero, sizeof zero - 1), NULL, NULL, &words, 1, &set),
                     CLI_FAILED);
    assert_string_equal(said, "data:2: a zero byte: this is no text file, or it is UTF-16; save it as UTF-8");
}

/* ---- Who is who ---- */

/* Three sequences, shuffled in every way that keeps each one's own order. */
static void rows_of_an_id_belong_together(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 200; seed++) {
        size_t at[3] = {0, 0, 0}, left = 12, first_of[3] = {0}, n = 0;
        char text[1024] = "id,t,x,y,g\n";
        train_config config;
        dataset set;

        for (unsigned draw = seed * 7919 + 1; left; draw = draw * 1103515245 + 12345) {
            const size_t k = draw >> 16 & 3;

            if (k == 3 || at[k] == 4)
                continue;
            if (at[k] == 0)
                first_of[n++] = k;
            snprintf(text + strlen(text), sizeof text - strlen(text), "p%zu,%zu,%zu,%s,g%zu\n", k, at[k],
                     10 * k + at[k], k == 1 ? "u" : "v", k / 2);
            at[k]++;
            left--;
        }
        assert_int_equal(read_as(TIMED "group = g\n", text, &config, &set), CLI_OK);
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
        free_all(&config, &set);
    }
}

/* A column of whole numbers with gaps, as some programs write it, makes two patients of one. */
static void names_are_written_in_one_way(void **state)
{
    train_config config;
    dataset set;

    (void)state;
    refused(CSV, "id,x,y\n7,1,u\n8,1,u\n7.0,1,u\n",
            "data: ids '7' and '7.0' are texts of the same number; write it in one way");
    refused(CSV "group = g\n", "id,x,y,g\na,1,u,12\nb,1,u,3\nc,1,u,12.0\n",
            "data: groups '12' and '12.0' are texts of the same number; write it in one way");
    assert_int_equal(read_as(CSV "group = g\n", "id,x,y,g\n7.0,1,u,01\n07,1,u,1\n7.5,1,u,1a\n", &config, &set), CLI_OK);
    assert_int_equal(set.n, 3);
    assert_int_equal(set.groups, 3);
    free_all(&config, &set);
}

static void formats_without_names_have_none(void **state)
{
    train_config config;
    dataset set, copy;

    (void)state;
    assert_int_equal(read_as("format = wide\n", "u,1\n", &config, &set), CLI_OK);
    assert_null(dataset_id(&set, 0));
    assert_null(dataset_group(&set, 0));
    free_all(&config, &set);
    assert_int_equal(read_as(CSV "group = g\n", "id,x,y,g\na,1,u,7\nb,1,u,nan1\n", &config, &set), CLI_OK);
    assert_int_equal(dataset_copy(&set, &copy), CLI_OK);
    dataset_free(&set);
    assert_string_equal(dataset_id(&copy, 1), "b");
    assert_string_equal(dataset_group(&copy, 1), "nan1");
    free_all(&config, &copy);
}

static void times_are_double(void **state)
{
    train_config config;
    dataset set;

    (void)state;
    assert_int_equal(read_as(TIMED, "id,t,x,y\n1,1732848000,1,u\n1,1732848030.25,1,u\n", &config, &set), CLI_OK);
    assert_true(set.time[1] - set.time[0] == 30.25);
    free_all(&config, &set);
    refused(TIMED, "id,t,x,y\n1,1732848030,1,u\n1,1732848000,1,u\n",
            "data:3: column 2 (t): time goes back in sequence '1': 1732848000 is less than in line 2");
}

/* ---- Labels ---- */

static void labels_are_texts(void **state)
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
    static const char *const ids[] = {"1", "2", "3"};

    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        for (int format = 0; format < 3; format++) {
            char copy[128], text[512] = "", names[128] = "", *next, *label;
            size_t n = 0;
            train_config config;
            dataset set;

            strcpy(copy, sets[i]);
            strcat(text, format == 0 ? "id,x,y\n" : "");
            for (label = strtok_r(copy, " ", &next); label; label = strtok_r(NULL, " ", &next), n++)
                snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s%s\n", format == 0 ? ids[n] : label,
                         format == 1   ? ","
                         : format == 0 ? ",1,"
                                       : "\tw",
                         format == 0 ? label : ids[n]);
            if (read_as(format == 0   ? CSV
                        : format == 1 ? "format = wide\n"
                                      : "format = tokens\n",
                        text, &config, &set) != CLI_OK)
                fail_msg("%s", said);
            assert_int_equal(set.classes, n);
            for (size_t k = 0; k < n; k++)
                strcat(strcat(names, k ? " " : ""), set.class_names[set.label[k]]);
            assert_string_equal(names, sets[i]);
            free_all(&config, &set);
        }
    refused("format = wide\n", "1,2\n1.0,3\n",
            "data: labels '1' and '1.0' are texts of the same number; [data] label_type = number makes them one class");
    refused(
        "format = wide\n", "1e1,2\n+10,3\n",
        "data: labels '+10' and '1e1' are texts of the same number; [data] label_type = number makes them one class");
}

static void labels_may_be_numbers(void **state)
{
    (void)state;
    reads("label_type = number\n", "1.0,2\n1,3\n0.10,4\n-1.0000000e+00,5\n1e0,6\n007,7\n-0,8\n",
          "2 | 3 | 4 | 5 | 6 | 7 | 8", "1 1 0.1 -1 1 7 0");
    reads("label_type = number\n", "1648900100,2\n1648900101,3\n", "2 | 3", "1648900100 1648900101");
    refused("label_type = number\n", "1,2\nx,3\n", "data: label 'x' is not a number, but [data] label_type = number");
    refused("label_type = number\n", "0x10,2\n", "data: label '0x10' is not a number, but [data] label_type = number");
    refused("label_type = number\n", "900000000000207008,2\n",
            "data: label '900000000000207008' has more digits than a double holds, but [data] label_type = number");
}

/* Numbers by size, then words by letter; groups called nan are words. */
static void classes_are_in_order(void **state)
{
    train_config config;
    dataset set;
    char all[128] = "";

    (void)state;
    assert_int_equal(read_as("format = wide\n", "nan1,1\n10,1\n9,1\n-2.5,1\nb,1\ninf,1\na,1\n", &config, &set), CLI_OK);
    for (size_t k = 0; k < set.classes; k++)
        strcat(strcat(all, set.class_names[k]), " ");
    assert_string_equal(all, "-2.5 9 10 a b inf nan1 ");
    free_all(&config, &set);
}

static void a_test_set_is_like_the_training_data(void **state)
{
    static const struct {
        const char *text, *sentence;
    } tests[] = {
        {"id,x,z,y\n1,2,3,v\n1,3,3,v\n", ""},
        {"y,id,x,z\nu,1,2,3\n", ""},
        {"id,x,z,y\n1,2,3,w\n", "test: sequence 1 ('1') has class 'w', which the training data has not"},
        {"id,z,x,y\n1,2,3,v\n", "test:1: feature 1 is 'z', of the training data 'x'"},
        {"id,x,y\n1,2,v\n", "test:1: feature 2 is missing, of the training data 'z'"},
        {"id,x,z,a,y\n1,2,3,4,v\n", "test:1: feature 3 is 'a', of the training data nothing"},
    };
    train_config config;
    vocabulary words = {0};
    dataset train, test;

    (void)state;
    assert_int_equal(read_as(CSV, "id,x,z,y\n1,2,3,u\n2,2,3,v\n", &config, &train), CLI_OK);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        *said = '\0';
        const int code = dataset_read(&config, write_text("test", tests[i].text), NULL, &train, &words, 0, &test);

        assert_string_equal(said, tests[i].sentence);
        assert_int_equal(code, *tests[i].sentence ? CLI_FAILED : CLI_OK);
        if (code == CLI_OK)
            assert_int_equal(test.classes, 2);
        if (code == CLI_OK)
            dataset_free(&test);
    }
    free_all(&config, &train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ending_and_mark),
        cmocka_unit_test(fields_are_told_apart),
        cmocka_unit_test(missing_values_have_many_spellings),
        cmocka_unit_test(only_decimal_numbers_are_numbers),
        cmocka_unit_test(faults_have_places),
        cmocka_unit_test(rows_of_an_id_belong_together),
        cmocka_unit_test(names_are_written_in_one_way),
        cmocka_unit_test(formats_without_names_have_none),
        cmocka_unit_test(times_are_double),
        cmocka_unit_test(labels_are_texts),
        cmocka_unit_test(labels_may_be_numbers),
        cmocka_unit_test(classes_are_in_order),
        cmocka_unit_test(a_test_set_is_like_the_training_data),
    };
    return cmocka_run_group_tests(tests, readers_setup, readers_teardown);
}
