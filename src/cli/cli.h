/* SPDX-License-Identifier: Apache-2.0
 *
 * The rnnpack program, on public headers and the table of cells (kernels/cells.def) alone. commands.c is the table of
 * its commands: args.c parses command lines and prints help by it, and the manual pages are made from it. Each command
 * is a function in a file of its own.
 *
 * Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed with a sentence that says why, 2 called
 * wrongly.
 */
#ifndef RNNP_CLI_H
#define RNNP_CLI_H

#include "rnnpack/records.h"
#include "rnnpack/rnnpack.h"

#include "json.h"
#include "system.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* Ends a function whose exit code is not CLI_OK. Use it with AUTO and FREED, so that nothing is left behind. */
#define TRY(call)                            \
    do {                                     \
        const int tried_ = (call);           \
        if (tried_ != CLI_OK) return tried_; \
    } while (0)

/* ---- Command lines (args.c, commands.c) -------------------------------------------------------- */

typedef struct cli_pair {
    char *name; /* cut out of argv */
    const char *value;
} cli_pair;

typedef struct cli_pairs {
    cli_pair *at;
    size_t n;
} cli_pairs;

/* What a command line says. Texts that it does not give are NULL, numbers without a default SIZE_MAX. */
typedef struct cli_call {
    const struct cli_command *command;
    const char **operands; /* ends with NULL */
    const char *output, *isa, *math, *records, *wanted;
    const char *budget, *batches, *lengths, *teams, *grid;
    const char *weights, *limit;
    const char *config, *data, *labels, *test, *test_labels, *roc, *predictions, *checkpoint, *curve;
    const char *interval, *subgroups, *curves, *report;
    const char *pick, *target, *score, *baseline, *methods, *channels;
    const char *folder, *key, *site_column;
    size_t threads, batch, steps, seed, points, window, time_axis, bootstrap, rounds;
    double seconds, tolerance, confidence, threshold, mpi_timeout, mpi_whole, timeout, noise, sampling, delta;
    int alone, pooled;
    int json, kernels, limits, again, dry_run, this_host, resume, quiet, saturate, f64_as_f32, mpi, share_host;
    /* watch */
    const char *source, *speed, *format, *watched, *gap, *state, *scores;
    size_t queue, http, every;
    double rate, resample, smooth, on, off, least, refractory, gap_after;
    int offline, stats;
    cli_pairs inputs, outputs, arrays, keep, carry, bound;
    uint64_t given; /* a bit for each option of the command that was given: cli_given */
} cli_call;

typedef enum cli_kind {
    CLI_FLAG,   /* into an int */
    CLI_COUNT,  /* into a size_t, from 1 */
    CLI_SIZE,   /* into a size_t, from 0 */
    CLI_NUMBER, /* into a double, from 0 to 1000000 */
    CLI_REAL,   /* the same, from -1000000 */
    CLI_TEXT,   /* into a const char * */
    CLI_NEEDED, /* a text that must be given */
    CLI_PAIRS,  /* NAME=VALUE into a cli_pairs, any number of times */
    CLI_TEXTS,  /* values alone into a cli_pairs, any number of times */
    CLI_DONE    /* --help and --version, which end the call */
} cli_kind;

typedef struct cli_option {
    const char *name, *value; /* "--threads" and "N"; NULL for a flag */
    const char *help;
    cli_kind kind;
    size_t at;         /* offset of its place in cli_call */
    const char *usual; /* the default as text, or NULL */
} cli_option;

typedef struct cli_command {
    const char *name;     /* "bench", "records show" */
    const char *operands; /* "MODEL", "[MODEL]" if it may be left out, "A B" for two, "FILE..." for several, NULL for
                                * none */
    const char *summary;  /* a line of the list of commands */
    const char *about;    /* the help's text before the options */
    const cli_option *options; /* ends with a name of NULL; NULL: the command is a group ("records") */
    int (*run)(const cli_call *call);
} cli_command;

extern const cli_command cli_commands[]; /* ends with a name of NULL */

/* The text after the list of commands. */
extern const char cli_ending[];

/* Runs the command that a command line names. Returns an exit code. */
int cli_main(int argc, char **argv);
/* Whether the command line gives this option. */
int cli_given(const cli_call *call, const char *option);
/* NULL when the command has no option of this name. */
const cli_option *cli_find_option(const cli_command *command, const char *name, size_t length);

/* "rnnpack", or "rnnpack bench" */
enum { CLI_RUNNING = 64 };
extern char cli_running[CLI_RUNNING];
/* Prints "rnnpack COMMAND: ...; see rnnpack COMMAND --help" on stderr and returns CLI_USAGE. */
int cli_misuse(const char *format, ...) __attribute__((format(__printf__, 1, 2)));

int cli_info(const cli_call *call);
int cli_inspect(const cli_call *call);
int cli_run(const cli_call *call);
int cli_bench(const cli_call *call);
int cli_limits(const cli_call *call); /* bench --limits */
int cli_pack(const cli_call *call);
int cli_convert(const cli_call *call);
int cli_quantize(const cli_call *call);
int cli_tune(const cli_call *call);
int cli_explain(const cli_call *call);
int cli_attribute(const cli_call *call);
int cli_train(const cli_call *call); /* where RNNP_CLI_TRAIN is defined */
int cli_eval(const cli_call *call);
int cli_predict(const cli_call *call);
int cli_compare(const cli_call *call);
int cli_watch(const cli_call *call);         /* where RNNP_CLI_WATCH is defined */
int cli_federate_keys(const cli_call *call); /* where RNNP_CLI_FEDERATE is defined */
int cli_federate_coordinate(const cli_call *call);
int cli_federate_site(const cli_call *call);
int cli_federate_simulate(const cli_call *call);
int cli_federate_account(const cli_call *call);
int cli_records_show(const cli_call *call);
int cli_records_check(const cli_call *call);
int cli_records_merge(const cli_call *call);
int cli_records_export(const cli_call *call);
int cli_records_prune(const cli_call *call);

/* ---- Text -------------------------------------------------------------------------------------- */

/* Texts that these return hold until fifteen further calls, and are cut off when they are very long. */

/* Text of a file or of the command line as a terminal may have it: control characters and what is not UTF-8 become
 * \xNN. Text that needs none of that is returned as it is. NULL stays NULL. */
const char *cli_plain(const char *text);
/* "[4, batch, 8]"; a dynamic dimension prints its symbol, plainly. */
const char *cli_shape(size_t rank, const int64_t *shape, const char *const *symbols);
/* "12 B", "3.5 KiB", ... */
const char *cli_bytes(double bytes);

/* Which of several ranks this process is (group.h): those other than 0 say so. */
extern size_t cli_rank;
/* Prints "rnnpack: ..." on stderr, plainly, and returns CLI_FAILED. */
int cli_fail(const char *format, ...) __attribute__((format(__printf__, 1, 2)));
/* From now on such sentences are kept: who works with others says one for all. Then they are printed, or dropped. */
void cli_hold(void);
void cli_release(int say);
/* Prints "rnnpack: warning: ..." the same way. */
void cli_warn(const char *format, ...) __attribute__((format(__printf__, 1, 2)));
/* CLI_OK, or CLI_FAILED with the context's sentence for `status`. */
int cli_status(const rnnp_context *context, rnnp_status status);

/* Progress on stderr when it is a terminal; cli_progress_end clears the line. */
void cli_progress(const char *what, double done, double all, const char *unit);
void cli_progress_end(void);

/* ---- Contexts and models ----------------------------------------------------------------------- */

/* AUTO(model) *m = NULL; is a model that is destroyed with its block, in reverse order of declaration. */
#define CLI_END(type) \
    static inline void cli_end_##type(rnnp_##type **object) { rnnp_##type##_destroy(*object); }
#define AUTO(type) __attribute__((cleanup(cli_end_##type))) rnnp_##type
CLI_END(context)
CLI_END(records)

/* CLI_OK when the name is that of an instruction set, else CLI_USAGE with the reason on stderr. */
int cli_check_isa(const char *name);
int cli_context(size_t threads, const char *isa, rnnp_context **context);

/* Calls say(user, file, reason) for each file of tuning records that the search passes over, except for those that
 * nobody named and that do not exist. */
void cli_records_passed(const char *path, void (*say)(void *user, const char *file, const char *reason), void *user);
void cli_say_passed(void *user, const char *file, const char *reason); /* on stderr */

/* ---- Records (records.c) ----------------------------------------------------------------------- */

/* A table of records, and the fields of one in JSON. */
void cli_record_head(void);
void cli_record_row(const rnnp_record *record);
void cli_record_json(json *j, const rnnp_record *record);

#endif
