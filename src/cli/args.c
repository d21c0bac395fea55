/* SPDX-License-Identifier: Apache-2.0 */
#include "args.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

void args_version(void) { printf("rnnpack %s\n", rnnp_version()); }

static void help(const arg_command *c)
{
    const char *const operand = c->operand ? c->operand : "";
    printf("usage: rnnpack %s%s%s [options]\n\n%s\n\noptions\n", c->name, *operand ? " " : "", operand, c->about);
    for (size_t i = 0; i < c->n_options; i++) {
        const arg_option *o = &c->options[i];
        char left[64];
        snprintf(left, sizeof left, "%s %s", o->name, o->value ? o->value : "");
        printf("  %-26s %s\n", left, o->help);
    }
    printf("  %-26s %s\n  %-26s %s\n", "--help", "print this", "--version", "print the version");
}

__attribute__((format(printf, 2, 3))) static args_result wrong(const arg_command *c, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char text[1000];
    vsnprintf(text, sizeof text, format, list);
    fprintf(stderr, "rnnpack %s: %s; see rnnpack %s --help\n", c->name, cli_plain(text), c->name);
    va_end(list);
    return ARGS_WRONG;
}

static int parse_size(const char *text, size_t *into)
{
    char *end;
    errno = 0;
    const unsigned long long v = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || v > PTRDIFF_MAX) return 0;
    *into = (size_t)v;
    return 1;
}

static int parse_number(const char *text, double *into)
{
    char *end;
    const double v = strtod(text, &end);
    if (end == text || *end || !strchr("0123456789.", text[0]) || !isfinite(v) || v > 1e6) return 0;
    *into = v;
    return 1;
}

static int parse_pair(char *text, arg_pairs *into)
{
    char *const equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1]) return 0;
    *equals = '\0';
    into->pairs[into->count++] = (arg_pair){text, equals + 1};
    return 1;
}

static args_result set(const arg_command *c, const arg_option *o, char *value)
{
    switch (o->kind) {
    case ARG_FLAG: *(int *)o->into = 1; return ARGS_OK;
    case ARG_TEXT: *(const char **)o->into = value; return ARGS_OK;
    case ARG_SIZE:
        return parse_size(value, o->into) ? ARGS_OK : wrong(c, "%s needs a whole number, not '%s'", o->name, value);
    case ARG_NUMBER:
        return parse_number(value, o->into) ? ARGS_OK
                                            : wrong(c, "%s needs a number from 0 to 1000000, not '%s'", o->name, value);
    case ARG_PAIRS:
        return parse_pair(value, o->into) ? ARGS_OK : wrong(c, "%s needs %s, not '%s'", o->name, o->value, value);
    }
    return ARGS_OK;
}

static const arg_option *find(const arg_command *c, const char *name, size_t length)
{
    for (size_t i = 0; i < c->n_options; i++)
        if (strlen(c->options[i].name) == length && memcmp(c->options[i].name, name, length) == 0)
            return &c->options[i];
    return NULL;
}

args_result args_parse(const arg_command *c, int argc, char **argv, const char **operand)
{
    const int many = c->operand && strstr(c->operand, "...");
    size_t found = 0;
    for (int i = 1; i < argc; i++) {
        char *const arg = argv[i];
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            help(c);
            return ARGS_DONE;
        }
        if (strcmp(arg, "--version") == 0) {
            args_version();
            return ARGS_DONE;
        }
        if (arg[0] != '-') {
            if (!c->operand || (found && !many)) return wrong(c, "unexpected argument '%s'", arg);
            operand[found++] = arg;
            continue;
        }
        char *const equals = strchr(arg, '=');
        const size_t length = equals ? (size_t)(equals - arg) : strlen(arg);
        const arg_option *const o = find(c, arg, length);
        if (!o) return wrong(c, "unknown option '%.*s'", (int)length, arg);
        if (!o->value && equals) return wrong(c, "%s takes no value", o->name);
        if (o->value && !equals && i + 1 == argc) return wrong(c, "%s needs a value", o->name);
        char *const value = !o->value ? NULL : equals ? equals + 1 : argv[++i];
        if (value && !*value) return wrong(c, "%s needs a value, and '' is none", o->name);
        if (value && !equals && value[0] == '-' && find(c, value, strcspn(value, "=")))
            return wrong(c, "%s needs a value, and %s is an option", o->name, value);
        const args_result result = set(c, o, value);
        if (result != ARGS_OK) return result;
    }
    if (c->operand && c->operand[0] != '[' && !found) return wrong(c, "%s is missing", c->operand);
    if (operand && (many || !found)) operand[found] = NULL;
    return ARGS_OK;
}

static void help_menu(const arg_menu *m, FILE *file)
{
    fprintf(file, "usage: %s COMMAND [options]\n\n%scommands\n", m->name, m->about);
    for (size_t i = 0; i < m->n_entries; i++) fprintf(file, "  %-10s %s\n", m->entries[i].name, m->entries[i].summary);
    fprintf(file, "\n%s COMMAND --help tells the options of a command; rnnpack --version the version.\n%s", m->name,
            m->ending);
}

int args_run(const arg_menu *m, int argc, char **argv)
{
    enum { DONE = 0, USAGE = 2 };

    if (argc < 2) {
        help_menu(m, stderr);
        return USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        help_menu(m, stdout);
        return DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        args_version();
        return DONE;
    }
    for (size_t i = 0; i < m->n_entries; i++) {
        if (strcmp(argv[1], m->entries[i].name) == 0) return m->entries[i].run(argc - 1, argv + 1);
    }
    fprintf(stderr, "%s: unknown command '%s'; see %s --help\n", m->name, cli_plain(argv[1]), m->name);
    return USAGE;
}
