/* SPDX-License-Identifier: Apache-2.0
 *
 * Configurations of trainings: lines of any length and ending, lists over several lines, and each fault with its line.
 */
#include "readers.h"

static train_config config;

static void accepts(const char *text)
{
    *said = '\0';
    if (config_read(write_text("config.ini", text), NULL, &config) != CLI_OK) fail_msg("%s", said);
}

static void refuses_file(const char *path, const char *sentence)
{
    assert_int_equal(config_read(path, NULL, &config), CLI_FAILED);
    assert_string_equal(said, sentence);
}

static void refuses(const char *text, const char *sentence) { refuses_file(write_text("config.ini", text), sentence); }

#define MODEL "[model]\nlayers =\n  lstm 2\n  dense 2\n"
#define CSV "[data]\ntrain = data\nformat = csv\nid = id\n"
#define RECORDINGS "[data]\ntrain = data\nformat = recordings\n"

/* ---- Lines ---- */

TEST(lists_have_any_length)
{
    static const char *const breaks[] = {", ", ",\n  ", "\n\t", ",   ; a comment\n  "};
    static char text[1 << 18];

    for (size_t b = 0; b < sizeof breaks / sizeof breaks[0]; b++)
        for (size_t n = 1; n <= 3000; n = n * 7 + 1) {
            size_t used = (size_t)sprintf(text, CSV "features = ");

            for (size_t f = 0; f < n; f++)
                used += (size_t)sprintf(text + used, "%ssignal number %04zu", f ? breaks[b] : "", f);
            strcpy(text + used, "\n" MODEL);
            accepts(text);
            assert_int_equal(config.features.n, n);
            for (size_t f = 0; f < n; f++) {
                char name[64];

                sprintf(name, "signal number %04zu", f);
                assert_string_equal(config.features.at[f], name);
            }
        }
}

/* A value of n characters is that value, wherever its blanks are. */
TEST(values_have_any_length)
{
    char text[8192], name[4200];

    for (size_t n = 150; n < CONFIG_TEXT; n += n < 260 ? 1 : n == 4095 ? 1 : n + 613 > 4095 ? 4095 - n : 613) {
        memset(name, 'x', n);
        name[n - 3] = ' ';
        name[n] = '\0';
        snprintf(text, sizeof text, "[data]\ntrain = %s\n" MODEL, name);
        accepts(text);
        assert_string_equal(config.train, name);
    }
    memset(name, 'x', CONFIG_TEXT);
    name[CONFIG_TEXT] = '\0';
    snprintf(text, sizeof text, "[data]\ntrain = %s\n" MODEL, name);
    refuses(text, "config.ini:2: train is longer than 4095 characters");
}

TEST(lines_end_in_any_way)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"}, *const marks[] = {"", "\xef\xbb\xbf"};
    char text[512];

    for (size_t e = 0; e < 3; e++)
        for (size_t m = 0; m < 2; m++) {
            snprintf(text, sizeof text, "%s[data]%strain = a file%s[model]%slayers =%s  lstm 2%s  dense 2", marks[m],
                     ends[e], ends[e], ends[e], ends[e], ends[e]);
            accepts(text);
            assert_string_equal(config.train, "a file");
            assert_int_equal(config.n_layers, 2);
            assert_string_equal(config.layers[0].text, "lstm 2");
            snprintf(text, sizeof text, "%s[data]%s%strain = x%smiss = y%s", marks[m], ends[e], ends[e], ends[e],
                     ends[e]);
            refuses(text, "config.ini:4: [data] has no key 'miss'");
        }
    refuses_file(write_bytes("config.ini", "\xff\xfe[\0d\0", 6),
                 "config.ini: the file is UTF-16 (it begins with its byte order mark); save it as UTF-8");
    refuses_file(write_bytes("config.ini", "[data]\nt\0r", 10),
                 "config.ini:2: a zero byte: this is not a text file, or it is UTF-16; save it as UTF-8");
}

TEST(separators_are_characters)
{
    static const struct {
        const char *value;
        char separator;
    } good[] = {{";", ';'}, {"; ; as in Europe", ';'}, {", ; a comma", ','}, {"blank", ' '}, {"tab", '\t'}, {"|", '|'}};
    static const char *const bad[] = {"", ";;", "x", "7", ".", "-", "\"", "space"};
    char text[512], sentence[256];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(text, sizeof text, CSV "separator = %s\n" MODEL, good[i].value);
        accepts(text);
        assert_int_equal(config.separator, good[i].separator);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, CSV "separator = %s\n" MODEL, bad[i]);
        snprintf(sentence, sizeof sentence,
                 "config.ini:5: separator is blank, tab, or one character that is not a letter, digit, quote, point or "
                 "sign; it is '%s'",
                 bad[i]);
        refuses(text, sentence);
    }
}

TEST(comments_are_no_values)
{
    accepts("# one\n; two\n[data] ; three\ntrain = a;b ; four\ntest = ; none\n"
            "[model]\nlayers = ; all of them\n  lstm 2 ; one\n  ; between\n\n  dense 2\n");
    assert_string_equal(config.train, "a;b");
    assert_string_equal(config.test, "");
    assert_int_equal(config.n_layers, 2);
    assert_string_equal(config.layers[0].text, "lstm 2");
}

TEST(lists_know_quotes)
{
    accepts(CSV "features = \"a, b\", \"say \"\"x\"\"\", c$d\nmissing_values = -999, unknown\n" MODEL);
    assert_int_equal(config.features.n, 3);
    assert_string_equal(config.features.at[0], "a, b");
    assert_string_equal(config.features.at[1], "say \"x\"");
    assert_string_equal(config.features.at[2], "c$d");
    assert_int_equal(config.missing_values.n, 2);
}

TEST(choices_may_have_blanks)
{
    const size_t at[] = {1};

    assert_int_equal(config_read(write_text("config.ini", "[data]\ntrain = x\n[model]\nlayers =\n  $cell\n  dense 2\n"
                                                          "[search]\ncell = gru 4 |\n  lstm 8 | rnn 2 tanh\n"),
                                 at, &config),
                     CLI_OK);
    assert_int_equal(config.variables[0].n, 3);
    assert_string_equal(config.layers[0].text, "lstm 8");
}

/* ---- Faults ---- */

TEST(faults_have_lines)
{
    static const struct {
        const char *text, *sentence;
    } faults[] = {
        {"train = x\n", "config.ini:1: 'train' stands before the first [section]"},
        {"[data\n", "config.ini:1: a line that begins with [ is a [section]"},
        {"[data] x\n", "config.ini:1: a line that begins with [ is a [section]"},
        {"[data]\ntrain\n", "config.ini:2: neither [section] nor name = value: 'train'"},
        {"[data]\n= x\n", "config.ini:2: neither [section] nor name = value: '= x'"},
        {"\n[dta]\n", "config.ini:2: there is no section [dta]; the sections are data, model, train, predict, "
                      "federate and search"},
        {"[data]\ntrain = x\n\ntrain = y\n", "config.ini:4: train is given twice; the first is in line 2"},
        {"[train]\nepochs = 3\n  batch = 4\n",
         "config.ini:3: epochs in line 2 has one value, and this line is indented: 'batch = 4'"},
        {"[train]\nepochs = 0x10\n", "config.ini:2: epochs is a whole number from 1 to 1e+09, not '0x10'"},
        {"[train]\nepochs = 3 4\n", "config.ini:2: epochs is a whole number from 1 to 1e+09, not '3 4'"},
        {"[train]\nepochs =\n", "config.ini:2: epochs is a whole number from 1 to 1e+09, not ''"},
        {"[train]\nrate = nan\n", "config.ini:2: rate is a number from 0 to 1e+06, not 'nan'"},
        {"[train]\nseed = -1\n", "config.ini:2: seed is a whole number, not '-1'"},
        {"[data]\nmask = true\n", "config.ini:2: mask is yes or no, not 'true'"},
        {"[data]\nformat = CSV\n", "config.ini:2: format is one of wide, csv, npy, idx, tokens, recordings, not 'CSV'"},
        {"[data]\ndecimal = ;\n", "config.ini:2: decimal is . or , not ';'"},
        {"[data]\nfeatures = a,, b\n", "config.ini:2: features has nothing between two commas: 'a,, b'"},
        {"[data]\nfeatures = a,\n  b, \"c\n", "config.ini:3: features has quotes that do not match: 'b, \"c'"},
        {"[data]\ntrain = x\ntarget = input\n" MODEL "[train]\nloss = mse\nclass_weights = a: 2\n",
         "config.ini:10: [train] class_weights requires target = label or step_label"},
        {"[search]\nx = 1 |  | 2\n", "config.ini:2: x has nothing between two |"},
        {"[search]\nx = 1\nx = 2\n", "config.ini:3: [search] x is given twice"},
        {"[search]\nx =\n", "config.ini: [search] x has no choices"},
        {"[data]\ntrain = x\n" MODEL "[search]\nx = 1\n", "config.ini: [search] x is not used anywhere"},
        {"[data]\nlongest = $x\n[search]\nx = 1\n",
         "config.ini:2: [data] longest must be the same in all trials, not '$x'"},
        {MODEL, "config.ini: [data] train is missing"},
        {"[data]\ntrain = x\n", "config.ini: [model] layers is missing"},
        {"[data]\ntrain = x\nlabel = fisrt\n" MODEL,
         "config.ini:3: label must be first, last or none in format wide, not 'fisrt'"},
        {"[data]\ntrain = x\nid = id\n" MODEL, "config.ini:3: [data] id has no meaning in format wide"},
        {"[data]\nseparator = tab\nformat = npy\ntrain = x\n" MODEL,
         "config.ini:2: [data] separator has no meaning in format npy"},
        {"[data]\ntrain = x\ntrain_labels = y\n" MODEL,
         "config.ini:3: [data] train_labels has no meaning in format wide"},
        {"[data]\ntrain = x\ndecimal = ,\n" MODEL, "config.ini:3: decimal and separator are both ','"},
        {"[data]\nformat = csv\ntrain = x\n" MODEL,
         "config.ini: [data] id, the column that tells sequences apart, is missing"},
        {CSV "label = id\n" MODEL, "config.ini:5: column 'id' is both id and label"},
        {CSV "group = id\n" MODEL, "config.ini:5: column 'id' is both id and group"},
        {CSV "time = t\nlabel = t\n" MODEL, "config.ini:6: column 't' is both time and label"},
        {CSV "label = y\nfeatures = x, y\n" MODEL, "config.ini:6: column 'y' is both label and one of features"},
        {CSV "time = t\nlabel = y\nlabel_time = y\n" MODEL, "config.ini:7: column 'y' is both label and label_time"},
        {CSV "label = y\nlabel_time = t\n" MODEL, "config.ini:6: [data] label_time requires label and time"},
        {CSV "time = t\nlabel_time = u\n" MODEL, "config.ini:6: [data] label_time requires label and time"},
        {CSV "time = t\nfuture = drop\n" MODEL, "config.ini:6: [data] future requires label_time"},
        {"[data]\ntrain = x\nlabel_time = t\n" MODEL, "config.ini:3: [data] label_time has no meaning in format wide"},
        {CSV "features = id\n" MODEL, "config.ini:5: column 'id' is both id and one of features"},
        {CSV "mask = yes\n" MODEL, "config.ini:5: [data] mask and delta require missing = carry, mean or zero"},
        {CSV "target = next\nhorizon = 4\nwindow = 4\n" MODEL "[train]\nloss = mse\n",
         "config.ini:7: in a window of 4 steps there is no value 4 steps later"},
        {CSV "target = next\n" MODEL "[train]\nloss = cross\n",
         "config.ini:11: [train] loss must be mse, mae or huber when the targets are numbers"},
        {CSV "target = values\n" MODEL,
         "config.ini:5: [data] target = values requires values, the columns of the targets"},
        {CSV "target = labels\n" MODEL,
         "config.ini:5: [data] target = labels requires labels, the columns of the targets"},
        {CSV "target = step_label\n" MODEL,
         "config.ini:5: [data] target = step_label requires label, the column of the classes"},
        {CSV "target = values\nvalues = y\nlabel = z\n" MODEL,
         "config.ini:7: [data] label has no meaning with target = values; values has the columns"},
        {CSV "target = labels\nlabels = y\nlabel_type = number\n" MODEL,
         "config.ini:7: [data] label_type has no meaning with target = labels"},
        {CSV "labels = y\n" MODEL, "config.ini:5: [data] labels requires target = labels"},
        {CSV "target = labels\nlabels = y\nvalues = z\n" MODEL, "config.ini:7: [data] values requires target = values"},
        {CSV "target = values\nvalues = y, id\n" MODEL, "config.ini:6: column 'id' is both id and one of values"},
        {CSV "target = values\nvalues = y\nfeatures = x, y\n" MODEL,
         "config.ini:6: column 'y' is both one of features and one of values"},
        {CSV "target = labels\nlabels = y, z, y\n" MODEL, "config.ini:6: labels names 'y' twice"},
        {CSV "target = step_label\nlabel = y\ntime = t\nlabel_time = k\n" MODEL,
         "config.ini:8: [data] label_time is of a sequence; target = step_label has a label for each step"},
        {CSV "background = x\n" MODEL, "config.ini:5: [data] background has no meaning in format csv"},
        {"[data]\ntrain = x\ntarget = labels\n" MODEL,
         "config.ini:3: [data] target = labels requires format = csv, npy or recordings"},
        {"[data]\ntrain = x\nformat = idx\ntarget = values\n" MODEL,
         "config.ini:4: [data] target = values requires format = csv, npy, wide or recordings"},
        {"[data]\ntrain = x\ntarget = step_label\n" MODEL,
         "config.ini:3: [data] target = step_label requires format = csv, npy or recordings"},
        {"[data]\ntrain = x\ntarget = values\nlabel = none\n" MODEL,
         "config.ini:4: with target = values, label is the first or the last number of a line"},
        {RECORDINGS "target = step_label\n" MODEL,
         "config.ini:4: recordings have labels of steps by [data] annotations"},
        {RECORDINGS "annotations = spans\nbackground = x\n" MODEL,
         "config.ini:5: [data] background requires target = step_label"},
        {RECORDINGS "target = values\nvalues = age\n" MODEL,
         "config.ini:4: targets are columns of a list; [data] id, its column of recordings, is missing"},
        {RECORDINGS "target = values\nvalues = age\nid = id\nannotations = spans\n" MODEL,
         "config.ini:7: the targets are columns of a list, of whole recordings; annotations are too many"},
        {CSV "target = values\nvalues = y\n" MODEL "[train]\nloss = binary\n",
         "config.ini:12: [train] loss must be mse, mae or huber when the targets are numbers"},
        {CSV "target = labels\nlabels = y\n" MODEL "[train]\nloss = cross\n",
         "config.ini:12: [train] loss must be binary with target = labels"},
        {CSV "target = step_label\nlabel = y\n" MODEL "[train]\nloss = huber\n",
         "config.ini:12: [train] loss must be binary, cross or sparse when the targets are labels"},
        {CSV "target = values\nvalues = y\n" MODEL "[train]\nhuber_delta = 2\n",
         "config.ini:12: [train] huber_delta requires loss = huber"},
        {CSV "target = values\nvalues = y\n" MODEL "[train]\nbalanced = yes\n",
         "config.ini:12: [train] balanced requires labels as targets"},
        {CSV "target = values\nvalues = y\n" MODEL "[train]\nlabel_smoothing = 0.1\n",
         "config.ini:12: [train] label_smoothing requires labels as targets"},
        {CSV "target = labels\nlabels = y\n" MODEL "[train]\nclass_weights = y: 2\n",
         "config.ini:12: [train] class_weights requires target = label or step_label"},
        {"[predict]\nthreshold = 1\n", "config.ini:2: threshold is a number between 0 and 1, youden, sensitivity "
                                       "SHARE, specificity SHARE or cost RATIO, "
                                       "not '1'"},
        {"[predict]\nthreshold = 0\n", "config.ini:2: threshold is a number between 0 and 1, youden, sensitivity "
                                       "SHARE, specificity SHARE or cost RATIO, "
                                       "not '0'"},
        {"[predict]\nthreshold = 0.5 x\n", "config.ini:2: threshold is a number between 0 and 1, youden, sensitivity "
                                           "SHARE, specificity SHARE or cost RATIO, "
                                           "not '0.5 x'"},
        {"[predict]\nthreshold = yuden\n", "config.ini:2: threshold is a number between 0 and 1, youden, sensitivity "
                                           "SHARE, specificity SHARE or cost RATIO, "
                                           "not 'yuden'"},
        {"[predict]\nthreshold = youden 1\n", "config.ini:2: threshold is a number between 0 and 1, youden, "
                                              "sensitivity SHARE, specificity SHARE or cost RATIO, "
                                              "not 'youden 1'"},
        {"[predict]\nthreshold = sensitivity\n", "config.ini:2: threshold is a number between 0 and 1, youden, "
                                                 "sensitivity SHARE, specificity SHARE or cost RATIO, "
                                                 "not 'sensitivity'"},
        {"[predict]\nthreshold = sensitivity 1.5\n", "config.ini:2: threshold is a number between 0 and 1, youden, "
                                                     "sensitivity SHARE, specificity SHARE or cost RATIO, "
                                                     "not 'sensitivity 1.5'"},
        {"[predict]\nthreshold = sensitivity0.9\n", "config.ini:2: threshold is a number between 0 and 1, youden, "
                                                    "sensitivity SHARE, specificity SHARE or cost RATIO, "
                                                    "not 'sensitivity0.9'"},
        {"[predict]\nthreshold = cost -2\n", "config.ini:2: threshold is a number between 0 and 1, youden, sensitivity "
                                             "SHARE, specificity SHARE or cost RATIO, "
                                             "not 'cost -2'"},
        {"[predict]\nthreshold = \n", "config.ini:2: threshold is a number between 0 and 1, youden, sensitivity SHARE, "
                                      "specificity SHARE or cost RATIO, "
                                      "not ''"},
        {"[predict]\ncalibrate = platt\n",
         "config.ini:2: calibrate is one of none, temperature, isotonic, not 'platt'"},
        {"[data]\ntrain = x\ntarget = input\n" MODEL "[train]\nloss = mse\n[predict]\nthreshold = 0.5\n",
         "config.ini:11: [predict] threshold requires target = label"},
        {"[data]\ntrain = x\n" MODEL "[predict]\npositive = ill\n",
         "config.ini:8: [predict] positive is the class of threshold, which is missing"},
        {"[data]\ntrain = x\n" MODEL "[predict]\nthreshold = youden\n",
         "config.ini:8: [predict] threshold is fitted to data that training has not seen: set [train] folds or "
         "validation"},
        {"[data]\ntrain = x\n" MODEL "[predict]\ncalibrate = temperature\nthreshold = 0.5\n",
         "config.ini:8: [predict] calibrate is fitted to data that training has not seen: set [train] folds or "
         "validation"},
        {"[data]\ntrain = x\n" MODEL "[train]\nfolds = 1\n", "config.ini:8: [train] folds must be 0 or at least 2"},
    };

    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) refuses(faults[i].text, faults[i].sentence);
    refuses_file(in_folder("none.ini"), "none.ini: No such file or directory");
    assert_int_equal(config_read(in_folder(""), NULL, &config), CLI_FAILED);
    assert_non_null(strstr(said, "Is a directory"));
}
