/* SPDX-License-Identifier: Apache-2.0 */
#include "readers.h"

char said[4096];
static char folder[64];

int cli_fail(const char *format, ...)
{
    char *place;
    va_list list;

    va_start(list, format);
    vsnprintf(said, sizeof said, format, list);
    va_end(list);
    while ((place = strstr(said, folder))) /* with the slash behind it */
        memmove(place, place + strlen(folder) + 1, strlen(place + strlen(folder)));
    return CLI_FAILED;
}

int tests_begin(char **arguments)
{
    (void)arguments;
    make_folder(folder);
    return 0;
}

void tests_end(void) { remove_folder(folder); }

const char *in_folder(const char *name) { return in(folder, name); }

const char *write_bytes(const char *name, const void *bytes, size_t size)
{
    const char *path = in_folder(name);

    write_file(path, bytes, size);
    return path;
}

const char *write_text(const char *name, const char *text) { return write_bytes(name, text, strlen(text)); }

train_config configured(const char *data_lines)
{
    static train_config none;
    train_config config = none;
    char text[8192];

    snprintf(text, sizeof text, "[data]\ntrain = data\n%s[model]\nlayers = lstm 2\n  dense 2\n", data_lines);
    *said = '\0';
    if (config_read(write_text("config.ini", text), NULL, &config) != CLI_OK) fail_msg("%s", said);
    return config;
}

static int read_as(const char *data_lines, const char *text, reading *r)
{
    vocabulary words = {0};

    r->config = configured(data_lines);
    *said = '\0';
    const int code = dataset_read(
        &(data_source){.config = &r->config, .path = write_text("data", text), .words = &words, .grow = 1}, &r->set);
    vocabulary_free(&words);
    return code;
}

reading read_good(const char *data_lines, const char *text)
{
    reading r;

    if (read_as(data_lines, text, &r) != CLI_OK) fail_msg("%s", said);
    return r;
}

void free_reading(reading *r)
{
    dataset_free(&r->set);
    config_free(&r->config);
}

void refused(const char *data_lines, const char *text, const char *sentence)
{
    reading r;

    assert_int_equal(read_as(data_lines, text, &r), CLI_FAILED);
    assert_string_equal(said, sentence);
    config_free(&r.config);
}

static void add_value(char *text, size_t size, const char *before, float x)
{
    const size_t used = strlen(text);

    if (isnan(x))
        snprintf(text + used, size - used, "%s?", before);
    else
        snprintf(text + used, size - used, "%s%g", before, (double)x);
}

void reads(const char *data_lines, const char *text, const char *values, const char *classes)
{
    char got[1024] = "", names[1024] = "";
    READING(r, data_lines, text);
    const dataset set = r.set;

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
}
