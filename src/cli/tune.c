/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack tune: measures the layers of models, or of the standard grid, and keeps what is fastest here.
 */
#define _POSIX_C_SOURCE 200809L

#include "rnnpack/tune.h"

#include "cli.h"
#include "json.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_NUMBERS = 64, MOST_NUMBER = 1 << 20, WAIT_MS = RNNP_RECORDS_WAIT_MS };

typedef struct numbers {
    size_t n, at[MOST_NUMBERS];
} numbers;

/* One measured shape, for the table. */
typedef struct row {
    rnnp_record record;
    int measured;
} row;

typedef struct job {
    const char **models;
    const char *budget, *batch, *steps, *threads, *precision, *records, *grid;
    int dry_run, as_json, again;
    cli_host host;
    numbers batches, times, teams;
    double seconds;
    char file[RNNP_RECORDS_PATH];
    char kept[RNNP_RECORDS_PATH]; /* where results are that could not be written to the file; "" for none */
    row *rows;
    size_t n_rows, room;
    size_t n_shapes, n_plain; /* of all teams; those with nothing to choose */
    double start;
    double shown, saved; /* when the progress line was last drawn, the file last written */
    rnnp_records *set;
    int no_memory;
} job;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* ---- Options ----------------------------------------------------------------------------------- */

/* "1,4,16" */
static int read_numbers(const char *option, const char *text, numbers *list)
{
    const char *p = text;

    for (list->n = 0; list->n < MOST_NUMBERS; p++) {
        char *end;

        errno = 0;
        const unsigned long value = strtoul(p, &end, 10);
        if (*p < '0' || *p > '9' || errno || value > MOST_NUMBER) break;
        list->at[list->n++] = value;
        p = end;
        if (*p == '\0') return CLI_OK;
        if (*p != ',') break;
    }
    cli_fail("%s takes numbers up to %d with commas between them, not '%s'", option, MOST_NUMBER, text);
    return CLI_USAGE;
}

/* "10", "10s", "1.5m" */
static int read_budget(const char *text, double *seconds)
{
    char *end;

    *seconds = strtod(text, &end);
    if (*end == 'm') {
        *seconds *= 60;
        end++;
    } else if (*end == 's') {
        end++;
    }
    if (end != text && *end == '\0' && *seconds > 0 && *seconds <= 1e6) return CLI_OK;
    cli_fail("--budget takes seconds (10 or 10s) or minutes (2m), not '%s'", text);
    return CLI_USAGE;
}

static int read_options(job *j)
{
    int code = read_budget(j->budget ? j->budget : j->grid ? "10m" : "10s", &j->seconds);

    if (code == CLI_OK)
        code = read_numbers("--batch", j->batch ? j->batch : j->grid ? "1,2,4,8,16,64" : "1", &j->batches);
    if (code == CLI_OK) code = read_numbers("--steps", j->steps ? j->steps : j->grid ? "1,50" : "1,50", &j->times);
    if (code == CLI_OK) code = read_numbers("--threads", j->threads ? j->threads : "1", &j->teams);
    if (code != CLI_OK) return code;
    if (j->precision && strcmp(j->precision, "f32") != 0) {
        cli_fail("--precision knows f32 only, not '%s'", j->precision);
        return CLI_USAGE;
    }
    if (j->grid && strcmp(j->grid, "standard") != 0) {
        cli_fail("--grid knows standard only, not '%s'", j->grid);
        return CLI_USAGE;
    }
    if (!j->models[0] == !j->grid) {
        cli_fail("tune needs models or --grid, and not both");
        return CLI_USAGE;
    }
    return CLI_OK;
}

/* ---- Shapes ------------------------------------------------------------------------------------ */

typedef struct shapes {
    rnnp_shape *at;
    size_t n;
} shapes;

static int more_shapes(shapes *s, size_t more)
{
    rnnp_shape *larger = realloc(s->at, (s->n + more + 1) * sizeof *larger);

    if (!larger) return cli_fail("out of memory");
    s->at = larger;
    return CLI_OK;
}

static int grid_shapes(const job *j, shapes *s)
{
    static const size_t widths[] = {32, 64, 96, 128, 200, 256, 384, 512, 1024};
    static const struct {
        rnnp_cell cell;
        rnnp_gru_reset reset;
    } cells[] = {{RNNP_CELL_LSTM, 0}, {RNNP_CELL_GRU, RNNP_GRU_RESET_AFTER}, {RNNP_CELL_RNN, 0}};
    enum { WIDTHS = sizeof widths / sizeof widths[0], CELLS = sizeof cells / sizeof cells[0] };

    if (more_shapes(s, WIDTHS * CELLS * j->batches.n * j->times.n) != CLI_OK) return CLI_FAILED;
    for (size_t i = 0; i < WIDTHS * CELLS * j->batches.n * j->times.n; i++) {
        const size_t c = i % CELLS, w = i / CELLS % WIDTHS, b = i / (CELLS * WIDTHS) % j->batches.n;

        s->at[s->n++] = (rnnp_shape){.struct_size = sizeof *s->at,
                                     .cell = cells[c].cell,
                                     .reset = cells[c].reset,
                                     .input = widths[w],
                                     .hidden = widths[w],
                                     .batch = j->batches.at[b],
                                     .steps = j->times.at[i / (CELLS * WIDTHS * j->batches.n)]};
    }
    return CLI_OK;
}

static int model_shapes(const job *j, rnnp_context *context, const char *path, shapes *s)
{
    rnnp_model *model;
    size_t count = 0;
    rnnp_status status = cli_load(context, path, 0, &model);

    if (status != RNNP_OK) return cli_fail_status(context, status);
    status = rnnp_model_shapes(model, j->batches.at, j->batches.n, j->times.at, j->times.n, NULL, 0, &count);
    int code = status == RNNP_OK ? more_shapes(s, count) : cli_fail_status(context, status);
    if (code == CLI_OK && count == 0) code = cli_fail("%s has no layer to tune", path);
    if (code == CLI_OK) {
        rnnp_shape_init(&s->at[s->n]);
        rnnp_model_shapes(model, j->batches.at, j->batches.n, j->times.at, j->times.n, s->at + s->n, count, &count);
        s->n += count;
    }
    rnnp_model_destroy(model);
    return code;
}

/* ---- Progress and results ---------------------------------------------------------------------- */

static void draw(const job *j, const rnnp_tune_progress *p)
{
    enum { WIDTH = 24 };
    const double part = (double)p->shape / (double)p->n_shapes;
    const int full = (int)(part * WIDTH);

    fprintf(stderr, "\r\033[K[%.*s%*s] shape %zu of %zu, hidden %zu batch %zu steps %zu, best %+.1f %%, %.0f s left",
            full, "########################", WIDTH - full, "", p->shape + 1, p->n_shapes, p->what->hidden,
            p->what->batch, p->what->steps, -100 * p->gain, j->seconds - (cli_clock() - j->start));
}

static double gain(const rnnp_record *r) { return 1 - (double)r->ns / (double)r->default_ns; }

static void print_row(const rnnp_record *r, int measured)
{
    printf("%-20s %6llu %6llu %6llu %6llu %3llu %12.2f %12.2f %6.1f %%  %s%.1f %% of %llu  %s\n", r->key.layer,
           (unsigned long long)r->key.input, (unsigned long long)r->key.hidden, (unsigned long long)r->key.batch,
           (unsigned long long)r->key.steps, (unsigned long long)r->key.threads, 1e-3 * (double)r->default_ns,
           1e-3 * (double)r->ns, 100 * gain(r), measured ? "+-" : "known, +-", 100 * r->spread,
           (unsigned long long)r->samples, *r->choice ? r->choice : "(the default)");
}

/* Written now and then, so that a kill loses little; a failure shows at the end, when it is written again. */
static void save_now_and_then(job *j)
{
    const double interval = 5;

    if (j->dry_run || cli_clock() - j->saved < interval) return;
    rnnp_records_update(j->set, j->file, WAIT_MS);
    j->saved = cli_clock();
}

static int on_progress(void *user, const rnnp_tune_progress *p)
{
    job *j = user;

    if (p->record) {
        if (j->n_rows == j->room) {
            const size_t room = 2 * j->room + 64;
            row *larger = realloc(j->rows, room * sizeof *larger);

            j->no_memory |= !larger;
            if (!larger) return 1;
            j->rows = larger;
            j->room = room;
        }
        j->rows[j->n_rows++] = (row){*p->record, p->measured};
        if (!isatty(STDERR_FILENO))
            fprintf(stderr, "%zu of %zu: %s hidden %zu batch %zu steps %zu: %+.1f %%, %zu of %zu choices tried\n",
                    p->shape + 1, p->n_shapes, p->record->key.layer, p->what->hidden, p->what->batch, p->what->steps,
                    -100 * gain(p->record), p->n_tried, p->n_candidates);
        save_now_and_then(j);
    } else if (p->n_candidates == 1) {
        j->n_plain++;
    } else if (isatty(STDERR_FILENO) && cli_clock() - j->shown > 0.1) {
        draw(j, p);
        j->shown = cli_clock();
    }
    return interrupted || j->no_memory;
}

static void print_results(const job *j)
{
    if (j->as_json) {
        json out = {0};

        json_object(&out, NULL);
        json_string(&out, "records", j->dry_run || j->n_rows == 0 ? NULL : j->file);
        json_bool(&out, "interrupted", interrupted);
        json_array(&out, "layers");
        for (size_t i = 0; i < j->n_rows; i++) {
            const rnnp_record *r = &j->rows[i].record;

            json_object(&out, NULL);
            json_string(&out, "layer", r->key.layer);
            json_size(&out, "input", r->key.input);
            json_size(&out, "hidden", r->key.hidden);
            json_size(&out, "batch", r->key.batch);
            json_size(&out, "steps", r->key.steps);
            json_size(&out, "threads", r->key.threads);
            json_size(&out, "default_ns", r->default_ns);
            json_size(&out, "ns", r->ns);
            json_number(&out, "spread", r->spread);
            json_size(&out, "samples", r->samples);
            json_bool(&out, "measured", j->rows[i].measured);
            json_string(&out, "choice", r->choice);
            json_close(&out);
        }
        json_close(&out);
        json_close(&out);
        return;
    }
    printf("%-20s %6s %6s %6s %6s %3s %12s %12s %8s  %s\n", "layer", "input", "hidden", "batch", "steps", "thr",
           "default us", "tuned us", "gain", "confidence (spread, samples) and choice");
    for (size_t i = 0; i < j->n_rows; i++) print_row(&j->rows[i].record, j->rows[i].measured);
    if (j->n_plain) printf("%zu of %zu shapes leave nothing to choose\n", j->n_plain, j->n_shapes);
    if (j->n_rows + j->n_plain < j->n_shapes && !interrupted)
        printf("%zu of %zu shapes are not done: the time ran out (--budget), or the CPU budget changed\n",
               j->n_shapes - j->n_rows - j->n_plain, j->n_shapes);
    if (interrupted) printf("interrupted: what was done is kept, tune again to go on\n");
    if (j->dry_run)
        printf("dry run: nothing was written\n");
    else if (j->n_rows == 0)
        printf("nothing was written\n");
    else
        printf("records: %s\n", cli_plain(j->file));
}

/* ---- The command ------------------------------------------------------------------------------- */

/* The set into a file that is not the one that was asked for. */
static int keep_in(job *j, const char *format, const char *where)
{
    const int length = snprintf(j->kept, sizeof j->kept, format, where, (long)getpid());

    if (length > 0 && (size_t)length < sizeof j->kept && rnnp_records_update(j->set, j->kept, WAIT_MS) == RNNP_OK)
        return 1;
    j->kept[0] = '\0';
    return 0;
}

/* What was measured is not lost when its file cannot be written: it is kept beside it, or else where temporary files
 * go. */
static int save(job *j, rnnp_context *context)
{
    const char *const folder = getenv("TMPDIR");

    if (j->dry_run || rnnp_records_count(j->set) == 0) return CLI_OK;
    const rnnp_status status = rnnp_records_update(j->set, j->file, WAIT_MS);
    if (status == RNNP_OK) return CLI_OK;
    cli_fail_status(context, status);
    if (keep_in(j, "%s.%ld.unsaved", j->file) ||
        keep_in(j, "%s/rnnpack-records.%ld.unsaved", folder && *folder ? folder : "/tmp"))
        return cli_fail("the results are in %s; rnnpack records merge joins them with other files", j->kept);
    return cli_fail("the results are lost: %s", rnnp_last_error(context));
}

/* Before anything is measured: the file is one that results can be written to. */
static rnnp_status open_file(job *j, rnnp_context *context)
{
    rnnp_status status = rnnp_records_own_file(context, j->records, !j->dry_run, j->file);

    if (status == RNNP_OK && !j->dry_run) status = rnnp_records_check(context, j->file, WAIT_MS);
    if (status == RNNP_OK)
        status = access(j->file, F_OK) == 0 ? rnnp_records_open_file(context, j->file, &j->set)
                                            : rnnp_records_create(context, &j->set);
    return status;
}

/* With one team, which gets its share of the time that is left. */
static int tune_with(job *j, size_t team)
{
    shapes s = {0};
    rnnp_context *context = NULL;
    rnnp_tune_options options;
    cli_host host = j->host;

    host.threads = j->teams.at[team];
    int code = cli_context(&host, &context);
    if (code != CLI_OK) return code;
    code = j->grid ? grid_shapes(j, &s) : CLI_OK;
    for (size_t i = 0; code == CLI_OK && j->models[i]; i++) code = model_shapes(j, context, j->models[i], &s);
    rnnp_status status = RNNP_OK;
    if (code == CLI_OK) status = open_file(j, context);
    if (code == CLI_OK && status == RNNP_OK) {
        rnnp_tune_options_init(&options);
        const double left = j->seconds - (cli_clock() - j->start);
        options.seconds = (left > 0.01 ? left : 0.01) / (double)(j->teams.n - team);
        options.now = (uint64_t)time(NULL);
        options.again = j->again;
        options.progress = on_progress;
        options.progress_user = j;
        j->saved = cli_clock();
        j->n_shapes += s.n;
        status = rnnp_tune(context, s.at, s.n, &options, j->set);
        cli_progress_end();
        if (status != RNNP_OK) code = cli_fail_status(context, status);
        if (save(j, context) != CLI_OK) code = CLI_FAILED;
    } else if (code == CLI_OK) {
        code = cli_fail_status(context, status);
    }
    if (j->no_memory) code = cli_fail("out of memory");
    free(s.at);
    rnnp_records_destroy(j->set);
    j->set = NULL;
    rnnp_context_destroy(context);
    return code;
}

static int tune(job *j)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    int code = read_options(j);

    if (code != CLI_OK) return code;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    j->start = cli_clock();
    for (size_t i = 0; i < j->teams.n && code == CLI_OK && !interrupted; i++) code = tune_with(j, i);
    if (code == CLI_OK && j->n_rows + j->n_plain == 0)
        code = interrupted
                   ? cli_fail("interrupted before any of the %zu shapes was done: nothing was written", j->n_shapes)
                   : cli_fail("none of the %zu shapes was done in %g s: nothing was written; give more --budget",
                              j->n_shapes, j->seconds);
    if (code == CLI_OK) print_results(j);
    free(j->rows);
    return code;
}

int cli_tune(int argc, char **argv)
{
    job j = {.host = {.threads = 1}};
    const arg_option options[] = {
        {"--budget", "TIME", "for everything: 10s (default), 2m; of a grid 10m", ARG_TEXT, &j.budget},
        {"--batch", "LIST", "batches that will be run, for example 1,4,16 (default 1)", ARG_TEXT, &j.batch},
        {"--steps", "LIST", "time steps of a call; 1 is a stream (default 1,50)", ARG_TEXT, &j.steps},
        {"--threads", "LIST", "sizes of the team; 0 takes the CPU budget (default 1)", ARG_TEXT, &j.threads},
        {"--precision", "LIST", "f32, the only one yet", ARG_TEXT, &j.precision},
        {"--records", "FILE", "where records are kept (default: $RNNPACK_RECORDS, else this user's cache)", ARG_TEXT,
         &j.records},
        {"--grid", "standard", "instead of models: hidden 32 to 1024, batch 1 to 64, steps 1 and 50, all cells",
         ARG_TEXT, &j.grid},
        {"--again", NULL, "measure shapes that have a record of this host too", ARG_FLAG, &j.again},
        {"--dry-run", NULL, "measure and print, but write nothing", ARG_FLAG, &j.dry_run},
        CLI_ISA_OPTION(j.host.isa),
        CLI_JSON_OPTION(j.as_json),
    };
    const arg_command command = {
        "tune", "[MODEL...]",
        "Finds the fastest kernels and schedules for models on this host and keeps them. Results\n"
        "of models do not change by a bit. Ctrl-C ends with what was found so far.",
        options, sizeof options / sizeof options[0]};

    j.models = calloc((size_t)argc + 1, sizeof *j.models);
    if (!j.models) return cli_fail("out of memory");
    const args_result parsed = args_parse(&command, argc, argv, j.models);
    const int code = parsed == ARGS_OK ? tune(&j) : parsed == ARGS_DONE ? CLI_OK : CLI_USAGE;
    free(j.models);
    return code;
}
