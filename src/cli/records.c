/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack records: files of tuning records. Its commands are a table too.
 */
#define _POSIX_C_SOURCE 200809L

#include "rnnpack/records.h"

#include "cli.h"
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What the commands work on. */
typedef struct job {
    rnnp_context *context;
    rnnp_record_host here;
    const char **files; /* operands, NULL behind the last */
    const char *output;
    int as_json, only_host;
    rnnp_records *set; /* of whatever file is at hand */
} job;

static int failed(const job *j, rnnp_status status) { return cli_fail_status(j->context, status); }

/* "3 records of 1 host" */
static const char *count_text(char text[CLI_TEXT], const rnnp_records *set)
{
    const rnnp_record_host *host, *before = NULL;
    size_t hosts = 0;
    const size_t n = rnnp_records_count(set);

    for (size_t i = 0; rnnp_records_get(set, i, &host, NULL) == RNNP_OK; i++) {
        hosts += host != before;
        before = host;
    }
    snprintf(text, CLI_TEXT, "%zu record%s of %zu host%s", n, n == 1 ? "" : "s", hosts, hosts == 1 ? "" : "s");
    return text;
}

static int write_stdout(void *user, const void *text, size_t bytes)
{
    (void)user;
    return fwrite(text, 1, bytes, stdout) != bytes;
}

/* A file that cannot be written shows at the end, in main. */
static void print_set(const job *j) { rnnp_records_write(j->set, write_stdout, NULL); }

static void say_passed(void *user, const char *file, const char *reason)
{
    (void)user;
    cli_fail("%s is ignored: %s", file, reason);
}

/* Opens the operand, or what the search finds; `file` is its path, "" for none. */
static int open_set(job *j, char file[RNNP_RECORDS_PATH])
{
    cli_records_passed(j->files[0], say_passed, NULL);
    const rnnp_status status = rnnp_records_open_default(j->context, j->files[0], file, &j->set);
    return status == RNNP_OK ? CLI_OK : failed(j, status);
}

/* ---- show -------------------------------------------------------------------------------------- */

static const char *date_text(char text[CLI_TEXT], uint64_t at)
{
    const time_t t = (time_t)at;
    struct tm utc;

    if (!gmtime_r(&t, &utc) || strftime(text, CLI_TEXT, "%Y-%m-%d", &utc) == 0)
        snprintf(text, CLI_TEXT, "%llu", (unsigned long long)at);
    return text;
}

static void show_host(const rnnp_record_host *h, int is_here)
{
    printf("\n%s family %llu model %llu stepping %llu, %s, %llu CPU%s, version %s, kernels %016llx%s\n", h->vendor,
           (unsigned long long)h->family, (unsigned long long)h->model, (unsigned long long)h->stepping, h->isa,
           (unsigned long long)h->budget, h->budget == 1 ? "" : "s", h->version, (unsigned long long)h->kernels,
           is_here ? ": this host" : "");
    printf("  %-16s %-5s %7s %7s %6s %6s %7s %11s %8s %8s %8s  %-10s  %s\n", "layer", "", "input", "hidden", "batch",
           "steps", "threads", "us", "default", "spread", "samples", "date", "choice");
}

static void show_record(const rnnp_record *r)
{
    const rnnp_record_key *const k = &r->key;
    char date[CLI_TEXT];

    printf("  %-16s %-5s %7llu %7llu %6llu %6llu %7llu %11.2f %7.2fx %7.2f%% %8llu  %-10s  %s\n", k->layer,
           k->precision, (unsigned long long)k->input, (unsigned long long)k->hidden, (unsigned long long)k->batch,
           (unsigned long long)k->steps, (unsigned long long)k->threads, 1e-3 * (double)r->ns,
           (double)r->default_ns / (double)r->ns, 100 * r->spread, (unsigned long long)r->samples,
           date_text(date, r->at), *r->choice ? r->choice : "(the default)");
}

static void show_text(const job *j, const char *file)
{
    const rnnp_record_host *host, *before = NULL;
    const rnnp_record *record;
    char count[CLI_TEXT];

    if (*file)
        printf("%s: %s\n", cli_plain(file), count_text(count, j->set));
    else
        printf("no file of tuning records: shipped choices are used\n");
    for (size_t i = 0; rnnp_records_get(j->set, i, &host, &record) == RNNP_OK; i++) {
        if (host != before) show_host(host, rnnp_record_host_equal(host, &j->here));
        before = host;
        show_record(record);
    }
}

static void json_u64(json *j, const char *key, uint64_t value) { json_integer(j, key, (int64_t)value); }

static void json_host(json *j, const rnnp_record_host *h, int is_here)
{
    char kernels[CLI_TEXT];

    snprintf(kernels, sizeof kernels, "%016llx", (unsigned long long)h->kernels);
    json_string(j, "vendor", h->vendor);
    json_u64(j, "family", h->family);
    json_u64(j, "model", h->model);
    json_u64(j, "stepping", h->stepping);
    json_string(j, "isa", h->isa);
    json_string(j, "features", h->features);
    json_u64(j, "l1d_bytes", h->l1d_bytes);
    json_u64(j, "l2_bytes", h->l2_bytes);
    json_u64(j, "l3_bytes", h->l3_bytes);
    json_u64(j, "budget", h->budget);
    json_string(j, "kernels", kernels);
    json_string(j, "version", h->version);
    json_bool(j, "this_host", is_here);
}

static void json_record(json *j, const rnnp_record *r)
{
    char name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];

    json_object(j, NULL);
    json_string(j, "layer", r->key.layer);
    json_string(j, "precision", r->key.precision);
    json_u64(j, "input", r->key.input);
    json_u64(j, "hidden", r->key.hidden);
    json_u64(j, "batch", r->key.batch);
    json_u64(j, "steps", r->key.steps);
    json_u64(j, "threads", r->key.threads);
    json_object(j, "choice");
    for (size_t i = 0; rnnp_record_word(r->choice, i, name, value) == RNNP_OK; i++) json_string(j, name, value);
    json_close(j);
    json_u64(j, "ns", r->ns);
    json_u64(j, "default_ns", r->default_ns);
    json_number(j, "spread", r->spread);
    json_u64(j, "samples", r->samples);
    json_u64(j, "at", r->at);
    json_close(j);
}

static void show_json(const job *j, const char *file)
{
    const rnnp_record_host *host, *before = NULL;
    const rnnp_record *record;
    json out = {0};

    json_object(&out, NULL);
    json_string(&out, "file", *file ? file : NULL);
    json_array(&out, "hosts");
    for (size_t i = 0; rnnp_records_get(j->set, i, &host, &record) == RNNP_OK; i++) {
        if (host != before) {
            if (before) {
                json_close(&out);
                json_close(&out);
            }
            json_object(&out, NULL);
            json_host(&out, host, rnnp_record_host_equal(host, &j->here));
            json_array(&out, "records");
        }
        before = host;
        json_record(&out, record);
    }
    if (before) {
        json_close(&out);
        json_close(&out);
    }
    json_close(&out);
    json_close(&out);
}

static int show(job *j)
{
    char file[RNNP_RECORDS_PATH];
    const int code = open_set(j, file);

    if (code == CLI_OK) (j->as_json ? show_json : show_text)(j, file);
    return code;
}

/* ---- The others -------------------------------------------------------------------------------- */

static int check(job *j)
{
    char count[CLI_TEXT];
    int code = CLI_OK;

    for (const char **file = j->files; *file; file++) {
        const rnnp_status status = rnnp_records_open_file(j->context, *file, &j->set);

        if (status == RNNP_OK)
            printf("%s: %s\n", cli_plain(*file), count_text(count, j->set));
        else
            code = failed(j, status);
        rnnp_records_destroy(j->set);
        j->set = NULL;
    }
    return code;
}

static int merge(job *j)
{
    char count[CLI_TEXT];
    rnnp_status status = rnnp_records_create(j->context, &j->set);

    for (const char **file = j->files; status == RNNP_OK && *file; file++) {
        rnnp_records *one;

        status = rnnp_records_open_file(j->context, *file, &one);
        if (status == RNNP_OK) status = rnnp_records_merge(j->set, one);
        rnnp_records_destroy(one);
    }
    if (status == RNNP_OK && j->output) status = rnnp_records_update(j->set, j->output, RNNP_RECORDS_WAIT_MS);
    if (status != RNNP_OK) return failed(j, status);
    if (j->output)
        printf("%s: %s\n", cli_plain(j->output), count_text(count, j->set));
    else
        print_set(j);
    return CLI_OK;
}

static int is_here(void *user, const rnnp_record_host *host, const rnnp_record *record)
{
    (void)record;
    return rnnp_record_host_equal(host, user);
}

static int export(job *j)
{
    char file[RNNP_RECORDS_PATH];
    const int code = open_set(j, file);

    if (code != CLI_OK) return code;
    if (j->only_host) rnnp_records_keep(j->set, is_here, &j->here);
    print_set(j);
    return CLI_OK;
}

/* Records of this CPU that were made by another version or with other kernels. */
static int is_current(void *user, const rnnp_record_host *host, const rnnp_record *record)
{
    const rnnp_record_host *const here = user;
    const int same_cpu = strcmp(host->vendor, here->vendor) == 0 && host->family == here->family &&
                         host->model == here->model && host->stepping == here->stepping;

    (void)record;
    return !same_cpu || (host->kernels == here->kernels && strcmp(host->version, here->version) == 0);
}

typedef struct pruning {
    rnnp_record_host *here;
    size_t before, dropped;
} pruning;

static rnnp_status prune_set(void *user, rnnp_records *set)
{
    pruning *const p = user;

    p->before = rnnp_records_count(set);
    p->dropped = rnnp_records_keep(set, is_current, p->here);
    return RNNP_OK;
}

static int prune(job *j)
{
    char file[RNNP_RECORDS_PATH];
    pruning p = {&j->here, 0, 0};

    rnnp_status status = rnnp_records_own_file(j->context, j->files[0], 0, file);
    if (status == RNNP_OK)
        status = rnnp_records_open_file(j->context, file, &j->set); /* a missing file is an error here */
    if (status == RNNP_OK) status = rnnp_records_edit(j->context, file, RNNP_RECORDS_WAIT_MS, prune_set, &p);
    if (status != RNNP_OK) return failed(j, status);
    printf("%s: dropped %zu of %zu records\n", cli_plain(file), p.dropped, p.before);
    return CLI_OK;
}

/* ---- Commands ---------------------------------------------------------------------------------- */

enum { OPTION_JSON = 1, OPTION_OUTPUT = 2, OPTION_HOST = 4 };

static int run_subcommand(int argc, char **argv);

static const struct subcommand {
    arg_entry entry;
    const char *operand, *about;
    int options;
    int (*run)(job *j);
} subcommands[] = {
    {{"show", "the records of a file, per host", run_subcommand},
     "[FILE]",
     "Shows tuning records: how long each shape takes with the choice that was measured\n"
     "to be the fastest, and how many times longer with the default one. Without FILE\n"
     "those that the library would use: of $RNNPACK_RECORDS, the user's cache folder,\n"
     "/var/cache/rnnpack/records or /etc/rnnpack/records.",
     OPTION_JSON,
     show},
    {{"check", "whether files are whole", run_subcommand},
     "FILE...",
     "Reads files and says for each what it holds or why it is refused.",
     0,
     check},
    {{"merge", "join files", run_subcommand},
     "FILE...",
     "Joins files: of two records of one host and shape the later one stays. The order of\n"
     "the files does not matter. Without -o the result is printed.",
     OPTION_OUTPUT,
     merge},
    {{"export", "print a file, or this host's part of it", run_subcommand},
     "[FILE]",
     "Prints tuning records as a file of their own. Without FILE those that the library\n"
     "would use.",
     OPTION_HOST,
     export},
    {{"prune", "drop what this version can no longer use", run_subcommand},
     "[FILE]",
     "Drops the records of this CPU that were made by another version of rnnpack or with\n"
     "other kernels; those of other CPUs stay. Without FILE from the user's own file.",
     0,
     prune},
};
enum { N_SUBCOMMANDS = sizeof subcommands / sizeof subcommands[0] };

static int run(const struct subcommand *s, int argc, char **argv, const char **files)
{
    job j = {.files = files};
    const struct {
        int bit;
        arg_option option;
    } all[] = {
        {OPTION_JSON, CLI_JSON_OPTION(j.as_json)},
        {OPTION_OUTPUT, {"-o", "FILE", "write the result to FILE, joined with what it holds", ARG_TEXT, &j.output}},
        {OPTION_HOST, {"--host", NULL, "only the records of this host", ARG_FLAG, &j.only_host}},
    };
    arg_option options[sizeof all / sizeof all[0]];
    size_t n = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (s->options & all[i].bit) options[n++] = all[i].option;

    char name[CLI_TEXT];
    snprintf(name, sizeof name, "records %s", s->entry.name);
    const arg_command command = {name, s->operand, s->about, options, n};
    const args_result parsed = args_parse(&command, argc, argv, files);
    if (parsed != ARGS_OK) return parsed == ARGS_DONE ? CLI_OK : CLI_USAGE;

    int code = cli_context(&(cli_host){.threads = 1}, &j.context);
    if (code != CLI_OK) return code;
    const rnnp_status status = rnnp_records_host(j.context, &j.here);
    code = status == RNNP_OK ? s->run(&j) : failed(&j, status);
    rnnp_records_destroy(j.set);
    rnnp_context_destroy(j.context);
    return code;
}

static int run_subcommand(int argc, char **argv)
{
    const struct subcommand *s = subcommands;

    while (strcmp(s->entry.name, argv[0]) != 0) s++;
    const char **const files = calloc((size_t)argc + 1, sizeof *files);
    const int code = files ? run(s, argc, argv, files) : cli_fail("out of memory");
    free(files);
    return code;
}

int cli_records(int argc, char **argv)
{
    arg_entry entries[N_SUBCOMMANDS];

    for (size_t i = 0; i < N_SUBCOMMANDS; i++) entries[i] = subcommands[i].entry;
    const arg_menu menu = {"rnnpack records", "Works on files of tuning records.\n\n", "", entries, N_SUBCOMMANDS};
    return args_run(&menu, argc, argv);
}
