/* SPDX-License-Identifier: Apache-2.0
 *
 * What bash and zsh complete after "rnnpack": commands, options, and files where a value or operand is one. Both
 * scripts are made from the table of commands.
 */
#include "completions.h"

#include <stdio.h>
#include <string.h>

static int is_file(const char *value) { return value && strncmp(value, "FILE", 4) == 0; }

/* The word before the space of "records show"; 0 for a command of one word. */
static int group_length(const cli_command *c)
{
    const char *space = strchr(c->name, ' ');
    return space ? (int)(space - c->name) : 0;
}

static int is_in_group(const cli_command *c, const cli_command *group)
{
    const int n = group_length(c);
    return n && strncmp(c->name, group->name, (size_t)n) == 0 && !group->name[n];
}

/* ---- bash ---- */

/* NAME='-o --batch ...': the options for which `take` holds. */
static void bash_list(FILE *f, const char *name, const cli_command *c, int (*take)(const cli_option *o))
{
    const char *space = "";

    fprintf(f, " %s='", name);
    for (const cli_option *o = c->options; o->name; o++) {
        if (!take(o)) continue;
        fprintf(f, "%s%s", space, o->name);
        space = " ";
    }
    fputs("'", f);
}

static int any(const cli_option *o) { return o->name != NULL; }
static int has_value(const cli_option *o) { return o->value != NULL; }
static int has_file(const cli_option *o) { return is_file(o->value); }

static int write_bash(const char *folder)
{
    FILE *f = open_in(folder, "rnnpack");
    if (!f) return 0;
    fputs("# Completions of rnnpack(1) for bash, made from its table of commands.\n"
          "_rnnpack() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} at=2\n"
          "    local command=${COMP_WORDS[1]:-} words='' options='' values='' files='' operands=''\n"
          "    COMPREPLY=()\n"
          "    case $command in\n",
          f);
    for (const cli_command *c = cli_commands; c->name; c++) {
        if (c->options) continue;
        fprintf(f, "    %s) command+=\" ${COMP_WORDS[2]:-}\" at=3 words='", c->name);
        for (const cli_command *m = cli_commands; m->name; m++)
            if (is_in_group(m, c)) fprintf(f, "%s ", m->name + group_length(m) + 1);
        fputs("' ;;\n", f);
    }
    fputs("    esac\n    case $command in\n", f);
    for (const cli_command *c = cli_commands; c->name; c++) {
        if (!c->options) continue;
        fprintf(f, "    '%s')", c->name);
        bash_list(f, "options", c, any);
        bash_list(f, "values", c, has_value);
        bash_list(f, "files", c, has_file);
        fprintf(f, " operands=%d ;;\n", c->operands != NULL);
    }
    fputs("    esac\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        words='",
          f);
    for (const cli_command *c = cli_commands; c->name; c++)
        if (!group_length(c)) fprintf(f, "%s ", c->name);
    fputs("--help --version'\n"
          "        options=''\n"
          "    fi\n"
          "    if ((COMP_CWORD < at)); then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
          "    elif [[ \" $files \" == *\" $prev \"* || (\" $values \" != *\" $prev \"* && $cur != -* && $operands == "
          "1) ]]; then\n"
          "        compopt -o filenames 2>/dev/null\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
          "    elif [[ \" $values \" != *\" $prev \"* ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
          "    fi\n"
          "}\n"
          "complete -F _rnnpack rnnpack\n",
          f);
    return fclose(f) == 0;
}

/* ---- zsh ---- */

/* Text between single quotes, where brackets and colons have a meaning. */
static void zsh_text(FILE *f, const char *text)
{
    for (const char *s = text; *s; s++) {
        if (strchr("[]:\\", *s)) fputc('\\', f);
        fputs(*s == '\'' ? "'\\''" : (const char[]){*s, 0}, f);
    }
}

static void zsh_command(FILE *f, const char *indent, const cli_command *c)
{
    fprintf(f, "%s%s)\n%s    _arguments", indent, c->name + (group_length(c) ? group_length(c) + 1 : 0), indent);
    for (const cli_option *o = c->options; o->name; o++) {
        const int many = o->kind == CLI_PAIRS || o->kind == CLI_TEXTS;

        fprintf(f, " \\\n%s        '%s%s[", indent, many ? "*" : "", o->name);
        zsh_text(f, o->help);
        fputc(']', f);
        if (o->value) {
            fputc(':', f);
            zsh_text(f, o->value);
            fputs(is_file(o->value) ? ":_files" : ": ", f);
        }
        fputc('\'', f);
    }
    if (c->operands) {
        fprintf(f, " \\\n%s        '*:", indent);
        zsh_text(f, c->operands);
        fputs(":_files'", f);
    }
    fputs("\n", f);
    fprintf(f, "%s    ;;\n", indent);
}

/* An array of 'command:what it does' of those that are in the group, or in none. */
static void zsh_commands(FILE *f, const char *indent, const cli_command *group)
{
    fprintf(f, "%scommands=(\n", indent);
    for (const cli_command *c = cli_commands; c->name; c++) {
        if (group ? !is_in_group(c, group) : group_length(c)) continue;
        fprintf(f, "%s    '%s:", indent, c->name + (group ? group_length(c) + 1 : 0));
        zsh_text(f, c->summary);
        fputs("'\n", f);
    }
    fprintf(f, "%s)\n%s_describe command commands\n", indent, indent);
}

static int write_zsh(const char *folder)
{
    FILE *f = open_in(folder, "_rnnpack");
    if (!f) return 0;
    fputs("#compdef rnnpack\n"
          "# Completions of rnnpack(1) for zsh, made from its table of commands.\n"
          "_rnnpack() {\n"
          "    local -a commands\n"
          "    if ((CURRENT == 2)); then\n",
          f);
    zsh_commands(f, "        ", NULL);
    fputs("        return\n    fi\n    shift words\n    ((CURRENT--))\n    case $words[1] in\n", f);
    for (const cli_command *c = cli_commands; c->name; c++) {
        if (group_length(c)) continue;
        if (c->options) {
            zsh_command(f, "    ", c);
            continue;
        }
        fprintf(f, "    %s)\n        if ((CURRENT == 2)); then\n", c->name);
        zsh_commands(f, "            ", c);
        fputs("            return\n        fi\n        shift words\n        ((CURRENT--))\n        case $words[1] in\n",
              f);
        for (const cli_command *m = cli_commands; m->name; m++)
            if (is_in_group(m, c)) zsh_command(f, "        ", m);
        fputs("        esac\n        ;;\n", f);
    }
    fputs("    esac\n}\n_rnnpack \"$@\"\n", f);
    return fclose(f) == 0;
}

int write_completions(const char *folder) { return write_bash(folder) && write_zsh(folder); }
