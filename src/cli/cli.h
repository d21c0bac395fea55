/* SPDX-License-Identifier: Apache-2.0
 *
 * The rnnpack program: a table of commands (main.c), one file per command, public headers only.
 *
 * Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed with a sentence that says
 * why, 2 called wrongly.
 */
#ifndef RNNP_CLI_H
#define RNNP_CLI_H

#include "rnnpack/records.h"
#include "rnnpack/rnnpack.h"

#include "args.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* The options that choose how to run, shared by the commands. */
typedef struct cli_host {
    size_t threads; /* 1 unless given; 0: the CPU budget */
    const char *isa;
    const char *math;
    const char *records; /* file of tuning records; NULL: the search path */
    size_t batch, steps; /* what will be run, 0 when it is not known yet */
    int tells_records;   /* the command itself says which files of records are passed over */
    int compare_packed;  /* see cli_load */
} cli_host;

#define CLI_ISA_OPTION(into)                               \
    {                                                      \
        "--isa", "NAME", cli_isa_help(), ARG_TEXT, &(into) \
    }

#define CLI_HOST_OPTIONS(host)                                                                                   \
    {"--threads", "N", "size of the team; 0 takes the CPU budget (default 1)", ARG_SIZE, &(host).threads},       \
        CLI_ISA_OPTION((host).isa),                                                                              \
        {"--math", "CLASS", "accuracy of tanh, sigmoid, exp: u35 (default), u10, fast", ARG_TEXT, &(host).math}, \
    {                                                                                                            \
        "--records", "FILE", "tuning records (default: the first of $RNNPACK_RECORDS, cache, /var/cache, /etc)", \
            ARG_TEXT, &(host).records                                                                            \
    }

#define CLI_JSON_OPTION(flag)                           \
    {                                                   \
        "--json", NULL, "print JSON", ARG_FLAG, &(flag) \
    }

/* Text of a file or of the command line as a terminal may have it: control characters and what is no UTF-8 become \xNN.
 * Text that needs none of that is returned as it is; other text holds until fifteen further calls, and is cut off when
 * it is very long. NULL stays NULL. */
const char *cli_plain(const char *text);

/* Prints "rnnpack: ..." on stderr, plainly, and returns CLI_FAILED. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same with the context's sentence for `status`. */
int cli_fail_status(const rnnp_context *context, rnnp_status status);

/* "highest instruction set: generic, ..." and CLI_OK for the name of one, else CLI_USAGE with the reason on stderr. */
const char *cli_isa_help(void);
int cli_check_isa(const char *option, const char *name);

/* Calls say(user, file, reason) for each file of tuning records that the search passes over, but for those that nobody
 * named and that are not there. */
void cli_records_passed(const char *path, void (*say)(void *user, const char *file, const char *reason), void *user);

/* These return an exit code; CLI_OK is 0. */
int cli_context(const cli_host *host, rnnp_context **context);
int cli_plan_options(const cli_host *host, rnnp_plan_options *options);

/* A model loaded and planned; close also what failed to open. */
typedef struct cli_model {
    rnnp_context *context;
    rnnp_model *model;
    rnnp_plan *plan;
    rnnp_plan_options options;
    rnnp_records *records;
    char records_file[RNNP_RECORDS_PATH]; /* "": none */
} cli_model;

/* An ONNX file or a packed one, by how it begins. With compare_packed, plans refuse packed weights that are not those
 * of the originals (packed.h): for commands whose numbers count more than the time of packing. */
rnnp_status cli_load(rnnp_context *context, const char *path, int compare_packed, rnnp_model **model);
int cli_model_open(cli_model *m, const cli_host *host, const char *path);
void cli_model_close(cli_model *m);

/* Arrays for rnnp_run: every input and output of a model. */
typedef struct cli_tensors {
    rnnp_tensor *inputs, *outputs;
    size_t n_inputs, n_outputs;
} cli_tensors;

int cli_tensors_create(cli_tensors *t, const rnnp_model *model);
void cli_tensors_destroy(cli_tensors *t); /* with the data that the tensors point to */

/* Gives every input its shape: sizes of dynamic dimensions come from --batch and --steps. */
int cli_tensors_shape(cli_tensors *t, const rnnp_model *model, size_t batch, size_t steps);
/* Allocates and fills the inputs: the same pseudo-random numbers each time. */
int cli_tensors_fill(cli_tensors *t, const rnnp_model *model);
/* Gives every output the dtype and shape of the run, and memory. */
int cli_tensors_outputs(cli_tensors *t, const cli_model *m, const rnnp_run *run);

/* Memory for a tensor's elements, never NULL for none; NULL without memory. */
void *cli_tensor_alloc(const rnnp_tensor *tensor);

/* "[4, batch, 8]"; a dynamic dimension prints its symbol, plainly. Returns `text`. */
const char *cli_shape_text(char *text, size_t size, size_t rank, const int64_t *shape, const char *const *symbols);
/* "12 B", "3.5 KiB", ... Returns `text`. */
const char *cli_bytes_text(char *text, size_t size, double bytes);
enum { CLI_TEXT = 256 };

/* Seconds of a clock that only goes forward. */
double cli_clock(void);

/* Progress on stderr when it is a terminal; cli_progress_end clears the line. */
void cli_progress(const char *what, double done, double all, const char *unit);
void cli_progress_end(void);

int cli_info(int argc, char **argv);
int cli_inspect(int argc, char **argv);
int cli_run(int argc, char **argv);
int cli_bench(int argc, char **argv);
int cli_pack(int argc, char **argv);
int cli_convert(int argc, char **argv);
int cli_records(int argc, char **argv);
int cli_tune(int argc, char **argv);
int cli_explain(int argc, char **argv);
int cli_train(int argc, char **argv); /* where RNNP_CLI_TRAIN is defined */
int cli_eval(int argc, char **argv);

/* bench --limits: what this machine can do at most, measured for about `seconds`. */
int cli_limits(const cli_host *host, double seconds, int as_json);

#endif
