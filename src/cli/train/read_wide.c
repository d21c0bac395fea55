/* SPDX-License-Identifier: Apache-2.0
 *
 * One sequence a line: its label, then one number a step (UCR's format). [data] label is first (default), last or none.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

/* The next field of *line, cut off at the separator; NULL at the end. Blanks may be several. */
static char *next_field(char **line, char separator)
{
    char *field = *line, *end;

    if (!field)
        return NULL;
    if (separator == ' ') {
        field += strspn(field, " \t");
        if (!*field)
            return NULL;
        end = field + strcspn(field, " \t");
    } else {
        end = strchr(field, separator);
    }
    *line = end && *end ? end + 1 : NULL;
    if (end)
        *end = '\0';
    return field;
}

/* An empty field, ? and NaN are missing values. 0 when it is no number at all. */
static int number(const char *text, float *x)
{
    char *end;

    text += strspn(text, " \t");
    if (!*text || strcmp(text, "?") == 0) {
        *x = NAN;
        return 1;
    }
    *x = strtof(text, &end);
    return end != text && end[strspn(end, " \t")] == '\0' && !isinf(*x);
}

static int read_line(dataset_builder *b, char *line, size_t line_number, int label_last, int labelled)
{
    const float scale = (float)b->config->scale;
    char *fields = line, *field, *held = NULL;
    size_t column = 0;
    float x;

    if (labelled && !label_last)
        column = 1;
    char *label = column ? next_field(&fields, b->config->separator) : NULL;
    if (build_sequence(b, NULL, labelled ? (label ? label : "") : NULL, NULL) != CLI_OK)
        return CLI_FAILED;
    while ((field = next_field(&fields, b->config->separator))) {
        column++;
        if (labelled && label_last) { /* the one before is a step after all */
            char *step = held;

            held = field;
            if (!(field = step))
                continue;
        }
        if (!number(field, &x))
            return cli_fail("%s:%zu: column %zu: '%s' is not a number", b->path, line_number, column, field);
        x *= scale;
        if (build_step(b, &x, 0, 0, 0) != CLI_OK)
            return CLI_FAILED;
    }
    if (held) {
        free(b->labels.at[b->set->n - 1]);
        if (!(b->labels.at[b->set->n - 1] = text_copy(held)))
            return cli_fail("out of memory");
    }
    return CLI_OK;
}

int dataset_read_wide(const train_config *config, const char *path, const char *labels, const dataset *like,
                      vocabulary *words, int grow, dataset *set)
{
    const int last = strcmp(config->label, "last") == 0, labelled = strcmp(config->label, "none") != 0;
    dataset_builder b = {.set = set, .config = config, .path = path};
    size_t line_number = 0, room = 0;
    char *line = NULL;
    ssize_t length;
    FILE *file = fopen(path, "r");
    int code = CLI_OK;

    (void)labels, (void)words, (void)grow;
    if (!file)
        return cli_fail("%s: %s", path, strerror(errno));
    set->features = 1;
    while (code == CLI_OK && (length = getline(&line, &room, file)) >= 0) {
        line_number++;
        while (length > 0 && strchr("\r\n \t", line[length - 1]))
            line[--length] = '\0';
        if (length > 0)
            code = read_line(&b, line, line_number, last, labelled);
    }
    if (code == CLI_OK && ferror(file))
        code = cli_fail("%s: %s", path, strerror(errno));
    free(line);
    fclose(file);
    return build_finish(&b, like, code);
}
