/* SPDX-License-Identifier: Apache-2.0
 *
 * Command lines as tables: the parser and the help text read the same rows.
 */
#ifndef RNNP_CLI_ARGS_H
#define RNNP_CLI_ARGS_H

#include <stddef.h>

typedef enum arg_kind {
    ARG_FLAG,   /* into an int, set to 1 */
    ARG_SIZE,   /* into a size_t */
    ARG_NUMBER, /* into a double, from 0 to 1000000 */
    ARG_TEXT,   /* into a const char * */
    ARG_PAIRS   /* NAME=VALUE into an arg_pairs, as often as wanted */
} arg_kind;

typedef struct arg_option {
    const char *name;  /* "--threads" */
    const char *value; /* "N" in the help; NULL for a flag */
    const char *help;
    arg_kind kind;
    void *into;
} arg_option;

typedef struct arg_pair {
    char *name; /* cut out of argv */
    const char *value;
} arg_pair;

typedef struct arg_pairs {
    arg_pair *pairs; /* room for argc of them, given by the caller */
    size_t count;
} arg_pairs;

typedef struct arg_command {
    const char *name;    /* "bench" */
    const char *operand; /* "MODEL", "[MODEL]" if it may be left out, "FILE..." for several, NULL for none */
    const char *about;   /* the help's text before the options */
    const arg_option *options;
    size_t n_options;
} arg_command;

/* ARGS_DONE: help or version was printed, exit with 0. ARGS_WRONG: the reason is on stderr, exit with 2. */
typedef enum args_result { ARGS_OK, ARGS_DONE, ARGS_WRONG } args_result;

/* Parses argv[1..]; both "--name value" and "--name=value" are read. *operand becomes the operand or NULL; of several
 * operands it is an array with room for argc, which ends with NULL. */
args_result args_parse(const arg_command *command, int argc, char **argv, const char **operand);

/* A program, or a command, that is a table of commands. */
typedef struct arg_entry {
    const char *name, *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the name; returns an exit code */
} arg_entry;

typedef struct arg_menu {
    const char *name;           /* "rnnpack" or "rnnpack records" */
    const char *about, *ending; /* the help's text before and behind the table */
    const arg_entry *entries;
    size_t n_entries;
} arg_menu;

/* Runs the command that argv[1] names, or prints the help or the version. Returns an exit code: 2 when it is none. */
int args_run(const arg_menu *menu, int argc, char **argv);

/* "rnnpack 0.2.0" on stdout. */
void args_version(void);

#endif
