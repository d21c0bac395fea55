/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack-man VERSION PAGES COMPLETIONS: writes the manual pages into the folder PAGES, by the table of commands:
 * rnnpack.1, and one page per command; and completions for shells into the folder COMPLETIONS. The build runs it, and
 * installs them.
 */
#include "completions.h"

#include <string.h>

/* Text as troff reads it: a hyphen is a minus sign, and no line begins with a control character. */
static void put(FILE *f, const char *text)
{
    for (const char *s = text; *s; s++) {
        if (strchr(".'", *s) && (s == text || s[-1] == '\n')) fputs("\\&", f);
        if (*s == '\\')
            fputs("\\e", f);
        else if (*s == '-')
            fputs("\\-", f);
        else
            fputc(*s, f);
    }
}

/* Begins the page of a command, or of the program (NULL); "rnnpack-records-show" is named in it. */
static FILE *begin(char **arguments, const cli_command *c, const char *summary)
{
    char name[64], file[80];
    snprintf(name, sizeof name, "rnnpack%s%s", c ? "-" : "", c ? c->name : "");
    for (char *s = name; *s; s++)
        if (*s == ' ') *s = '-';
    snprintf(file, sizeof file, "%s.1", name);
    FILE *f = open_in(arguments[2], file);
    if (!f) return NULL;
    fprintf(f, ".TH %s 1 \"\" \"rnnpack %s\" \"rnnpack\"\n.SH NAME\n", name, arguments[1]);
    put(f, name);
    fputs(" \\- ", f);
    put(f, summary);
    fprintf(f, "\n.SH SYNOPSIS\n.B rnnpack %s\n", c ? c->name : "");
    fprintf(f, ".I %s\n[options]\n.SH DESCRIPTION\n", !c ? "COMMAND" : c->operands ? c->operands : "");
    return f;
}

static int write_command(char **arguments, const cli_command *c)
{
    FILE *f = begin(arguments, c, c->summary);
    if (!f) return 0;
    put(f, c->about);
    fputs("\n.SH OPTIONS\n", f);
    for (const cli_option *o = c->options; o->name; o++) {
        fputs(".TP\n.B ", f);
        put(f, o->name);
        fprintf(f, " \\fI%s\\fR\n", o->value ? o->value : "");
        put(f, o->help);
        fprintf(f, o->usual ? " (default %s)\n" : "\n", o->usual);
    }
    fputs(".SH SEE ALSO\n.BR rnnpack (1)\n", f);
    return fclose(f) == 0;
}

static int write_main(char **arguments)
{
    FILE *f = begin(arguments, NULL, "recurrent networks on CPUs");
    if (!f) return 0;
    put(f, "Runs, measures, tunes and trains recurrent neural networks on CPUs. Each command has a page of its own,\n"
           "such as rnnpack-bench(1), and prints its options with --help.\n");
    fputs(".SH COMMANDS\n", f);
    for (const cli_command *c = cli_commands; c->name; c++) {
        if (!c->options) continue;
        fprintf(f, ".TP\n.B %s\n", c->name);
        put(f, c->summary);
        fputc('\n', f);
    }
    fputs(".SH ENVIRONMENT AND EXIT STATUS\n.nf\n", f);
    put(f, cli_ending);
    fputs(".fi\n", f);
    return fclose(f) == 0;
}

int main(int argc, char **argv)
{
    int good = argc == 4 && write_main(argv);
    for (const cli_command *c = cli_commands; good && c->name; c++)
        if (c->options) good = write_command(argv, c);
    if (good) good = write_completions(argv[3]);
    if (!good) perror("rnnpack-man VERSION PAGES COMPLETIONS");
    return !good;
}
