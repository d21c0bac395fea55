/* SPDX-License-Identifier: Apache-2.0
 *
 * Data files of every format: what each spelling means, and each fault with its line and column.
 */

#include "readers.h"

#define CSV "format = csv\nid = id\nlabel = y\n"
#define TIMED CSV "time = t\n"

/* ---- Targets ---- */

static void has_targets(const reading *r, const char *want)
{
    char got[512] = "";

    for (size_t i = 0; i < r->set.n * r->set.targets; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), isnan(r->set.y[i]) ? "%s?" : "%s%g", i ? " " : "",
                 (double)r->set.y[i]);
    assert_string_equal(got, want);
}

static void has_step_labels(const reading *r, const char *want)
{
    char got[512] = "";

    for (size_t s = 0; s < r->set.first[r->set.n]; s++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", s ? " " : "",
                 r->set.step_label[s] < 0 ? "?" : r->set.class_names[r->set.step_label[s]]);
    assert_string_equal(got, want);
}

#define VALUES "format = csv\nid = id\ntarget = values\nvalues = y, z\n"
#define STEPS "format = csv\nid = id\ntarget = step_label\nlabel = y\n"

TEST(columns_of_targets)
{
    READING(values, VALUES, "z,id,x,y\n1.5,a,1,-2\n,b,2,\n1.5,a,3,NA\n7,b,4,8\n");
    has_targets(&values, "-2 1.5 8 7");
    READING(missing, VALUES "missing_values = -9\ndecimal = ,\nseparator = ;\n", "id;x;y;z\na;1;-9;2,5\nb;2;.;-\n");
    has_targets(&missing, "? 2.5 ? ?");
    READING(labels, "format = csv\nid = id\ntarget = labels\nlabels = y\n", "id,x,y\na,1,0\nb,2,1.0\nc,3,\n");
    has_targets(&labels, "0 1 ?");
    READING(wide, "format = wide\ntarget = values\n", "1.5,1,2\n,3,4\n-2e3,5,6\n");
    has_targets(&wide, "1.5 ? -2000");
    READING(last, "format = wide\ntarget = values\nlabel = last\n", "1,2,3\n");
    has_targets(&last, "3");
    refused(VALUES, "id,x,y,z\n1,2,x,1\n", "data:2: column 3 (y): 'x' is not a number");
    refused(VALUES, "id,x,y\n1,2,3\n", "data:1: there is no column 'z' ([data] values)");
    refused(VALUES, "id,x,y,z\n1,2,3,4\n1,2,3,5\n", "data:3: column 4 (z): sequence '1' has '5' here and 4 before");
    refused("format = csv\nid = id\ntarget = labels\nlabels = y\n", "id,x,y\n1,2,2\n",
            "data:2: column 3 (y): '2' is neither 0, 1 nor missing");
    refused("format = wide\ntarget = values\n", "x,1,2\n", "data:1: column 1: 'x' is not a number");
}

TEST(labels_of_steps)
{
    READING(steps, STEPS, "id,x,y\na,1,wake\nb,2,\na,3,N2\nb,4,wake\na,5,NA\n");
    has_step_labels(&steps, "wake N2 ? ? wake");
    assert_int_equal(steps.set.classes, 2);
    assert_string_equal(steps.set.class_names[0], "N2");
    READING(number, STEPS "label_type = number\n", "id,x,y\na,1,10\na,2,2\na,3,2.0\n");
    has_step_labels(&number, "10 2 2");
    assert_string_equal(number.set.class_names[0], "2");
    refused(STEPS, "id,x,y\na,1,1\na,2,1.0\n",
            "data: labels '1' and '1.0' are texts of the same number; [data] label_type = number makes them one class");
    refused(STEPS "label_type = number\n", "id,x,y\na,1,wake\n", "data:2: column 3 (y): 'wake' is not a number");
    refused(STEPS, "id,x\na,1\n", "data:1: there is no column 'y' ([data] label)");
}

/* Every step is in a window, which knows where it begins. */
TEST(windows_of_steps)
{
    READING(r, STEPS "window = 2\nstride = 2\n", "id,x,y\na,1,u\na,2,v\na,3,u\nb,4,\na,5,w\na,6,v\n");
    dataset *const set = &r.set;

    dataset_cut(&r.config, set);
    assert_int_equal(set->n, 4); /* of a 2, 2 and 1 step; of b 1 */
    has_step_labels(&r, "u v u w v ?");
    assert_true(set->start[0] == 0 && set->start[1] == 2 && set->start[2] == 4 && set->start[3] == 0);
    assert_true(dataset_has_target(&r.config, set, 2) && !dataset_has_target(&r.config, set, 3));
}

/* ---- Lines and fields ---- */

/* One table, written in all ways that spreadsheets have. */
TEST(every_ending_and_mark)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"}, *const marks[] = {"", "\xef\xbb\xbf"};
    char text[512];

    for (size_t e = 0; e < 3; e++)
        for (size_t m = 0; m < 2; m++)
            for (int last = 0; last < 2; last++) {
                const char *n = ends[e], *end = last ? ends[e] : "";

                snprintf(text, sizeof text, "%sid,x,y%s%s1,0.5,up%s\"2\",-1,down%s", marks[m], n, n, n, end);
                reads(CSV, text, "0.5 | -1", "up down");
                snprintf(text, sizeof text, "%sup,1,2%sdown,3%s", marks[m], n, end);
                reads("format = wide\n", text, "1 2 | 3", "up down");
                snprintf(text, sizeof text, "%sup\ta b%s%sdown\tb%s", marks[m], n, n, end);
                READING(r, "format = tokens\n", text);
                assert_int_equal(r.set.n, 2);
                assert_string_equal(r.set.class_names[r.set.label[0]], "up");
                assert_int_equal(r.set.tokens[1], r.set.tokens[2]);
            }
}

/* Lines of any length, with ends at any place in what is read at once. */
TEST(lines_of_any_length)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    static char text[400000];

    for (size_t e = 0; e < 3; e++)
        for (size_t n = 32763; n <= 32770; n++) {
            size_t used = 0;

            for (int row = 0; row < 3; row++) {
                text[used++] = 'u';
                for (size_t k = 0; k < n; k++) {
                    text[used++] = ',';
                    text[used++] = (char)('0' + (k + (size_t)row) % 10);
                }
                strcpy(text + used, ends[e]);
                used += strlen(ends[e]);
            }
            READING(r, "format = wide\n", text);
            const dataset set = r.set;
            assert_int_equal(set.n, 3);
            for (size_t row = 0; row < 3; row++) {
                assert_int_equal(dataset_steps(&set, row), n);
                for (size_t k = 0; k < n; k++) assert_true(set.x[set.first[row] + k] == (float)((k + row) % 10));
            }
        }
}

TEST(fields_are_told_apart)
{
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

TEST(missing_values_have_many_spellings)
{
    static const char *const missing[] = {"",    "NA",   "N/A",  "na",   "n/a", "NaN", "nan",
                                          "NAN", "null", "NULL", "None", "?",   ".",   "-"};
    static const char *const nameless[] = {"",    "NA",  "N/A",  "na",   "n/a",  "NaN",
                                           "nan", "NAN", "null", "NULL", "None", "?"};
    char text[256], want[256];

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
        snprintf(want, sizeof want,
                 "data:2: column 1: '%s' is not a label: it stands for a missing value ([data] label)", nameless[i]);
        refused("format = wide\n", text, want);
        snprintf(text, sizeof text, "u\ta\n%s\tb\n", nameless[i]);
        snprintf(want, sizeof want, "data:2: '%s' is not a label: it stands for a missing value", nameless[i]);
        refused("format = tokens\n", text, want);
    }
}

TEST(only_decimal_numbers_are_numbers)
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

TEST(faults_have_places)
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
        {TIMED, "id,t,x,y\n1,03.01.2024,2,u\n",
         "data:2: column 2 (t): '03.01.2024' is neither a number nor a date such as 2024-02-29 or "
         "2024-02-29T13:45:07Z"},
        {CSV, "id,x,y\n1,2,\"u\n1,3,u\n", "data:2: a quote that opens in this row is never closed"},
        {CSV, "id,x,y\n1,2,u\n1,3,\"u\"x\n",
         "data:3: column 3: a quote inside a field, or text after its closing quote"},
        {CSV, "id,x,y\n\"1\n2\n\",x2,u\n", "data:2: column 2 (x): 'x2' is not a number"},
        {"format = wide\n", "u,1\nv\n", "data:2: a label without numbers after it"},
        {"format = tokens\n", "u a\n", "data:1: no tab follows the label"},
        {"format = tokens\n", "u\ta\n\nv\t \n", "data:3: no word follows the label"},
    };

    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        refused(faults[i].lines, faults[i].text, faults[i].sentence);
    refused(CSV, "\xfe\xff\0i", "data: the file is UTF-16 (it begins with its byte order mark); save it as UTF-8");
    static const char zero[] = "id,x,y\n1,\0002,u\n";
    train_config config = configured(CSV);
    vocabulary words = {0};
    dataset set;
    assert_int_equal(dataset_read(&(data_source){.config = &config,
                                                 .path = write_bytes("data", zero, sizeof zero - 1),
                                                 .words = &words,
                                                 .grow = 1},
                                  &set),
                     CLI_FAILED);
    assert_string_equal(said, "data:2: a zero byte: this is not a text file, or it is UTF-16; save it as UTF-8");
    config_free(&config);
}
