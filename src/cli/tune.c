/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack tune: measures the layers of models, or of the standard grid, and keeps what is fastest here.
 */
#define _POSIX_C_SOURCE 200809L

#include "fleet.h"
#include "model.h"

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

typedef struct job {
    const cli_call *call;
    numbers batches, times, teams, formats;
    double seconds;
    char file[RNNP_RECORDS_PATH];
    char kept[RNNP_RECORDS_PATH]; /* where results are that could not be written to the file; "" for none */
    cli_group *group;             /* NULL: this process alone */
    tuned_list rows;
    double start;
    double shown, saved; /* when the progress line was last drawn, the file last written */
    rnnp_records *set;
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
    return cli_misuse("%s needs numbers up to %d, separated by commas, not '%s'", option, MOST_NUMBER, text);
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
    return cli_misuse("--budget needs seconds (10 or 10s) or minutes (2m), not '%s'", text);
}

/* "f32,s8" */
static int read_formats(const char *text, numbers *list)
{
    rnnp_weights weights;

    for (const char *p = text;; p++) {
        const size_t length = strcspn(p, ",");

        if (list->n == MOST_NUMBERS || !cli_weights(p, length, &weights))
            return cli_misuse("--weights needs f32, f16, bf16 or s8, separated by commas, not '%s'", text);
        list->at[list->n++] = (size_t)weights;
        p += length;
        if (!*p) return CLI_OK;
    }
}

static int read_options(job *j)
{
    const cli_call *const c = j->call;
    TRY(read_budget(c->budget ? c->budget : c->grid ? "10m" : "10s", &j->seconds));
    TRY(read_numbers("--batch", c->batches ? c->batches : c->grid ? "1,2,4,8,16,64" : "1", &j->batches));
    TRY(read_numbers("--steps", c->lengths, &j->times));
    TRY(read_numbers("--threads", c->teams, &j->teams));
    TRY(read_formats(c->weights ? c->weights : "f32", &j->formats));
    if (c->grid && strcmp(c->grid, "standard") != 0) return cli_misuse("--grid is standard, not '%s'", c->grid);
    if (!c->operands[0] == !c->grid) return cli_misuse("give either models or --grid");
    if (c->weights && !c->grid) return cli_misuse("--weights needs --grid: a model's weights have their formats");
    return CLI_OK;
}

/* ---- Shapes ------------------------------------------------------------------------------------ */

typedef struct shapes {
    rnnp_shape *at;
    size_t n, room;
} shapes;

static void grid_shapes(const job *j, shapes *s)
{
    static const size_t widths[] = {32, 64, 96, 128, 200, 256, 384, 512, 1024};
    static const rnnp_cell cells[] = {
#define RNNP_CELL(cell, ...) RNNP_CELL_##cell,
#include "../../kernels/cells.def"
    };
    const size_t part = COUNT(widths) * COUNT(cells), sizes = part * j->batches.n * j->times.n,
                 all = sizes * j->formats.n;

    cli_grow(&s->at, &s->room, all, sizeof *s->at);
    for (; s->n < all; s->n++) {
        const size_t c = s->n % COUNT(cells), w = s->n / COUNT(cells) % COUNT(widths);
        s->at[s->n] = (rnnp_shape){.struct_size = sizeof *s->at,
                                   .cell = cells[COUNT(cells) - 1 - c], /* a plain RNN last */
                                   .input = widths[w],
                                   .hidden = widths[w],
                                   .weights = (rnnp_weights)j->formats.at[s->n / sizes],
                                   .batch = j->batches.at[s->n / part % j->batches.n],
                                   .steps = j->times.at[s->n / (part * j->batches.n) % j->times.n]};
    }
}

static int model_shapes(const job *j, rnnp_context *context, const char *path, shapes *s)
{
    AUTO(model) *model = NULL;
    size_t count = 0;
    TRY(cli_load(context, path, j->call, 0, &model));
    TRY(cli_status(context,
                   rnnp_model_shapes(model, j->batches.at, j->batches.n, j->times.at, j->times.n, NULL, 0, &count)));
    if (count == 0) return cli_fail("%s has no layer to tune", path);
    cli_grow(&s->at, &s->room, s->n + count, sizeof *s->at);
    rnnp_shape_init(&s->at[s->n]);
    rnnp_model_shapes(model, j->batches.at, j->batches.n, j->times.at, j->times.n, s->at + s->n, count, &count);
    s->n += count;
    return CLI_OK;
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

/* Written now and then, so that a kill loses little; a failure shows at the end, when it is written again. */
static void save_now_and_then(job *j)
{
    const double interval = 5;
    if (j->call->dry_run || !cli_group_leads(j->group) || cli_clock() - j->saved < interval) return;
    rnnp_records_update(j->set, j->file, WAIT_MS);
    j->saved = cli_clock();
}

static int on_progress(void *user, const rnnp_tune_progress *p)
{
    job *j = user;
    if (p->record) {
        cli_grow(&j->rows.at, &j->rows.room, j->rows.n + 1, sizeof *j->rows.at);
        j->rows.at[j->rows.n++] = (tuned){*p->record, p->measured};
        if (cli_group_leads(j->group) && !isatty(STDERR_FILENO))
            fprintf(stderr, "%zu of %zu: %s hidden %zu batch %zu steps %zu: %+.1f %%, %zu of %zu choices tried\n",
                    p->shape + 1, p->n_shapes, p->record->key.layer, p->what->hidden, p->what->batch, p->what->steps,
                    -100 * gain(p->record), p->n_tried, p->n_candidates);
        save_now_and_then(j);
    } else if (p->n_candidates == 1) {
        j->rows.n_plain++;
    } else if (cli_group_leads(j->group) && isatty(STDERR_FILENO) && cli_clock() - j->shown > 0.1) {
        draw(j, p);
        j->shown = cli_clock();
    }
    return interrupted;
}

static void print_json(const job *j)
{
    json out = {0};
    json_object(&out, NULL);
    json_put(&out, TEXT("records", j->call->dry_run || j->rows.n == 0 ? NULL : j->file),
             BOOL("interrupted", interrupted));
    json_array(&out, "layers");
    for (size_t i = 0; i < j->rows.n; i++) {
        json_object(&out, NULL);
        cli_record_json(&out, &j->rows.at[i].record);
        json_put(&out, BOOL("measured", j->rows.at[i].measured));
        json_close(&out);
    }
    json_end(&out);
}

static void print_text(const job *j)
{
    size_t known = 0;
    cli_record_head();
    for (size_t i = 0; i < j->rows.n; i++) {
        cli_record_row(&j->rows.at[i].record);
        known += !j->rows.at[i].measured;
    }
    if (known) printf("%zu of %zu shapes were known: --again measures them again\n", known, j->rows.n_shapes);
    if (j->rows.n_plain) printf("%zu of %zu shapes leave nothing to choose\n", j->rows.n_plain, j->rows.n_shapes);
    if (j->rows.n + j->rows.n_plain < j->rows.n_shapes && !interrupted)
        printf("%zu of %zu shapes were not tuned: the time ran out (--budget), or the CPU budget changed\n",
               j->rows.n_shapes - j->rows.n - j->rows.n_plain, j->rows.n_shapes);
    if (interrupted) printf("interrupted: the results so far are kept; run tune again to continue\n");
    if (j->call->dry_run)
        printf("dry run: nothing was written\n");
    else if (j->rows.n == 0)
        printf("nothing was written\n");
    else
        printf("records: %s\n", cli_plain(j->file));
}

/* ---- The command ------------------------------------------------------------------------------- */

/* Writes the set to another file than the one named. */
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
    if (j->call->dry_run || !cli_group_leads(j->group) || rnnp_records_count(j->set) == 0) return CLI_OK;
    const rnnp_status status = rnnp_records_update(j->set, j->file, WAIT_MS);
    if (status == RNNP_OK) return CLI_OK;
    cli_status(context, status);
    if (keep_in(j, "%s.%ld.unsaved", j->file) ||
        keep_in(j, "%s/rnnpack-records.%ld.unsaved", folder && *folder ? folder : "/tmp"))
        return cli_fail("the results are in %s; join them with other files by rnnpack records merge", j->kept);
    return cli_fail("the results are lost: %s", rnnp_last_error(context));
}

/* Before anything is measured: the file is one that results can be written to. */
static rnnp_status open_file(job *j, rnnp_context *context)
{
    const int writes = !j->call->dry_run && cli_group_leads(j->group);
    rnnp_status status = rnnp_records_own_file(context, j->call->records, writes, j->file);
    if (status == RNNP_OK && writes) status = rnnp_records_check(context, j->file, WAIT_MS);
    if (status == RNNP_OK)
        status = access(j->file, F_OK) == 0 ? rnnp_records_open_file(context, j->file, &j->set)
                                            : rnnp_records_create(context, &j->set);
    return cli_status(context, status);
}

/* Tunes with one team, which gets its share of the time that is left. */
static int tune_with(job *j, size_t team)
{
    FREED rnnp_shape *at = NULL;
    AUTO(context) *context = NULL;
    AUTO(records) *set = NULL;
    rnnp_tune_options options;
    shapes s = {0};
    int code = CLI_OK;
    j->set = NULL;
    TRY(cli_context(j->teams.at[team], j->call->isa, &context));
    if (j->call->grid) grid_shapes(j, &s);
    for (size_t i = 0; code == CLI_OK && j->call->operands[i]; i++)
        code = model_shapes(j, context, j->call->operands[i], &s);
    at = s.at;
    if (code == CLI_OK) code = open_file(j, context);
    set = j->set;
    TRY(code);
    TRY(fleet_divide(j->group, context, s.at, &s.n));
    rnnp_tune_options_init(&options);
    const double left = j->seconds - (cli_clock() - j->start);
    options.seconds = (left > 0.01 ? left : 0.01) / (double)(j->teams.n - team);
    options.now = (uint64_t)time(NULL);
    options.again = j->call->again;
    options.progress = on_progress;
    options.progress_user = j;
    j->saved = cli_clock();
    j->rows.n_shapes += s.n;
    const size_t first = j->rows.n;
    if (s.n) code = cli_status(context, rnnp_tune(context, s.at, s.n, &options, j->set));
    cli_progress_end();
    if (code == CLI_OK) code = fleet_collect(j->group, context, &j->rows, first, j->set);
    return save(j, context) == CLI_OK ? code : CLI_FAILED;
}

static int tune(job *j)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    int code = CLI_OK;
    TRY(fleet_check(j->group, j->call->share_host));
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    j->start = cli_clock();
    for (size_t i = 0; i < j->teams.n && code == CLI_OK && !interrupted; i++) code = tune_with(j, i);
    TRY(code);
    TRY(fleet_count(j->group, &j->rows));
    if (!cli_group_leads(j->group)) return CLI_OK;
    if (j->rows.n + j->rows.n_plain == 0)
        return interrupted
                   ? cli_fail("interrupted before any of the %zu shapes was tuned: nothing was written",
                              j->rows.n_shapes)
                   : cli_fail("none of the %zu shapes was tuned in %g s: nothing was written; give more --budget",
                              j->rows.n_shapes, j->seconds);
    (j->call->json ? print_json : print_text)(j);
    return CLI_OK;
}

int cli_tune(const cli_call *call)
{
    cli_group group = {.mpi = NULL};
    job j = {.call = call, .group = call->mpi ? &group : NULL};
    if (call->share_host && !call->mpi) return cli_misuse("--share-host needs --mpi");
    TRY(read_options(&j));
    int code = cli_group_open(call, &group);
    if (code == CLI_OK) code = tune(&j);
    free(j.rows.at);
    return cli_group_close(&group, code);
}
