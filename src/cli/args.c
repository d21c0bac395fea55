/* SPDX-License-Identifier: Apache-2.0
 *
 * Command lines, by the table of commands.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { ENDED = -1 }; /* --help or --version was printed */

/* ---- Help -------------------------------------------------------------------------------------- */

static void help(const cli_command *c)
{
    printf("usage: rnnpack %s%s%s [options]\n\n%s\n\noptions\n", c->name, c->operands ? " " : "",
           c->operands ? c->operands : "", c->about);
    for (const cli_option *o = c->options; o->name; o++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", o->name, o->value ? o->value : "");
        printf("  %-26s %s", left, o->help);
        if (o->usual) printf(" (default %s)", o->usual);
        putchar('\n');
    }
}

/* The commands of a group, or of the program. */
static void help_menu(const cli_command *group, FILE *file)
{
    const size_t skip = group ? strlen(group->name) + 1 : 0;
    fprintf(file, "usage: %s COMMAND [options]\n\n%s%scommands\n", cli_running, group ? group->about : "",
            group ? "\n\n" : "");
    for (const cli_command *c = cli_commands; c->name; c++)
        if (group ? strncmp(c->name, group->name, skip - 1) == 0 && c->name[skip - 1] == ' ' : !strchr(c->name, ' '))
            fprintf(file, "  %-10s %s\n", c->name + skip, c->summary);
    fprintf(file, "\n%s COMMAND --help shows the options of a command, rnnpack --version the version.\n%s", cli_running,
            group ? "" : cli_ending);
}

static int ends_here(const char *argument, const cli_command *c)
{
    const int helped = strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
    if (helped && c && c->options)
        help(c);
    else if (helped)
        help_menu(c, stdout);
    else if (strcmp(argument, "--version") == 0)
        printf("rnnpack %s\n", rnnp_version());
    else
        return 0;
    return 1;
}

/* ---- Values ------------------------------------------------------------------------------------ */

static int set_size(const cli_option *o, const char *text, size_t least, size_t *into)
{
    char *end;
    errno = 0;
    const unsigned long long v = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || v > PTRDIFF_MAX || v < least)
        return cli_misuse("%s needs a whole number%s, not '%s'", o->name, least ? " from 1" : "", text);
    *into = (size_t)v;
    return CLI_OK;
}

static int set_number(const cli_option *o, const char *text, double *into)
{
    char *end;
    const double v = strtod(text, &end);
    const int sign = o->kind == CLI_REAL && text[0] == '-';
    if (end == text || *end || !text[sign] || !strchr("0123456789.", text[sign]) || !isfinite(v) || fabs(v) > 1e6)
        return cli_misuse("%s needs a number from %s to 1000000, not '%s'", o->name,
                          o->kind == CLI_REAL ? "-1000000" : "0", text);
    *into = v;
    return CLI_OK;
}

static int set_pair(const cli_option *o, char *text, cli_pairs *into)
{
    char *const equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1]) return cli_misuse("%s needs %s, not '%s'", o->name, o->value, text);
    *equals = '\0';
    into->at[into->n++] = (cli_pair){text, equals + 1};
    return CLI_OK;
}

static int set(const cli_option *o, char *value, cli_call *call)
{
    void *const into = (char *)call + o->at;
    switch (o->kind) {
    case CLI_DONE:
    case CLI_FLAG: *(int *)into = 1; break;
    case CLI_TEXT:
    case CLI_NEEDED: *(const char **)into = value; break;
    case CLI_COUNT:
    case CLI_SIZE: return set_size(o, value, o->kind == CLI_COUNT, into);
    case CLI_NUMBER:
    case CLI_REAL: return set_number(o, value, into);
    case CLI_PAIRS: return set_pair(o, value, into);
    case CLI_TEXTS: ((cli_pairs *)into)->at[((cli_pairs *)into)->n++].value = value; break;
    }
    return CLI_OK;
}

/* ---- Parsing ----------------------------------------------------------------------------------- */

/* The option at argv[*i], and its value at once or in the next argument. */
static int take_option(cli_call *call, int argc, char **argv, int *i)
{
    char *const arg = argv[*i], *const equals = strchr(arg, '=');
    const size_t length = equals ? (size_t)(equals - arg) : strlen(arg);
    const cli_option *const o = cli_find_option(call->command, arg, length);
    if (!o) return cli_misuse("unknown option '%.*s'", (int)length, arg);
    if (!o->value && equals) return cli_misuse("%s takes no value", o->name);
    if (o->value && !equals && *i + 1 == argc) return cli_misuse("%s needs a value", o->name);
    char *const value = !o->value ? NULL : equals ? equals + 1 : argv[++*i];
    if (value && !*value) return cli_misuse("%s needs a value, and '' is none", o->name);
    if (value && !equals && value[0] == '-' && cli_find_option(call->command, value, strcspn(value, "=")))
        return cli_misuse("%s needs a value, and %s is an option", o->name, value);
    call->given |= (uint64_t)1 << (o - call->command->options);
    return set(o, value, call);
}

/* How many operands a command takes: "MODEL" one, "A.csv B.csv" two, "FILE..." any number. */
static size_t most_operands(const cli_command *c)
{
    size_t n = c->operands != NULL;
    for (const char *s = c->operands; s && *s; s++) n += *s == ' ';
    return c->operands && strstr(c->operands, "...") ? SIZE_MAX : n;
}

static int parse(cli_call *call, int argc, char **argv)
{
    const cli_command *const c = call->command;
    const size_t most = most_operands(c), least = !most || c->operands[0] == '[' ? 0 : most == SIZE_MAX ? 1 : most;
    size_t n = 0;
    for (const cli_option *o = c->options; o->name; o++) {
        if (o->usual)
            TRY(set(o, (char *)o->usual, call));
        else if (o->kind == CLI_SIZE || o->kind == CLI_COUNT)
            *(size_t *)(void *)((char *)call + o->at) = SIZE_MAX;
    }
    for (int i = 1; i < argc; i++) {
        if (ends_here(argv[i], c)) return ENDED;
        if (argv[i][0] == '-') {
            TRY(take_option(call, argc, argv, &i));
            continue;
        }
        if (n == most) return cli_misuse("unexpected argument '%s'", argv[i]);
        call->operands[n++] = argv[i];
    }
    if (n < least)
        return n ? cli_misuse("%s are needed, and one is missing", c->operands)
                 : cli_misuse("%s is missing", c->operands);
    for (const cli_option *o = c->options; o->name; o++)
        if (o->kind == CLI_NEEDED && !cli_given(call, o->name))
            return cli_misuse("%s %s is missing", o->name, o->value);
    return CLI_OK;
}

/* The command whose name is the first words: "records show", else "records"; NULL when there is none. */
static const cli_command *find_command(int argc, char **argv, int *words)
{
    const cli_command *found = NULL;
    char name[64] = "";
    for (int i = 1; i < argc && i <= 2; i++) {
        const size_t used = strlen(name);
        snprintf(name + used, sizeof name - used, "%s%s", i > 1 ? " " : "", argv[i]);
        for (const cli_command *c = cli_commands; c->name; c++)
            if (strcmp(c->name, name) == 0) found = c, *words = i;
    }
    return found;
}

int cli_main(int argc, char **argv)
{
    int words = 0;
    const cli_command *const c = find_command(argc, argv, &words);
    snprintf(cli_running, CLI_RUNNING, "rnnpack%s%s", c ? " " : "", c ? c->name : "");
    argc -= words;
    argv += words;
    if (!c || !c->options) {
        if (argc >= 2) return ends_here(argv[1], c) ? CLI_OK : cli_misuse("unknown command '%s'", argv[1]);
        help_menu(c, stderr);
        return CLI_USAGE;
    }
    const size_t room = (size_t)argc + 1;
    FREED const char **operands = cli_alloc(room, sizeof *operands);
    FREED cli_pair *pairs = cli_alloc(6 * room, sizeof *pairs);
    cli_call call = {.command = c,
                     .operands = operands,
                     .inputs.at = pairs,
                     .outputs.at = pairs + room,
                     .arrays.at = pairs + 2 * room,
                     .keep.at = pairs + 3 * room,
                     .carry.at = pairs + 4 * room,
                     .bound.at = pairs + 5 * room};
    const int code = parse(&call, argc, argv);
    return code == CLI_OK ? c->run(&call) : code == ENDED ? CLI_OK : code;
}
