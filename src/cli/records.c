/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack records: files of tuning records.
 */
#define _POSIX_C_SOURCE 200809L

#include "rnnpack/records.h"

#include "cli.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* What the commands work on. */
typedef struct job {
    const cli_call *call;
    rnnp_context *context;
    rnnp_record_host here;
    rnnp_records *set;
    char file[RNNP_RECORDS_PATH]; /* of the set; "" for none */
} job;

static void job_end(job *j)
{
    rnnp_records_destroy(j->set);
    rnnp_context_destroy(j->context);
}
#define AUTO_JOB __attribute__((cleanup(job_end))) job

static int begin(job *j)
{
    TRY(cli_context(1, NULL, &j->context));
    return cli_status(j->context, rnnp_records_host(j->context, &j->here));
}

/* "FILE: 3 records of 1 host" */
static void print_count(const char *file, const rnnp_records *set)
{
    const rnnp_record_host *host, *before = NULL;
    size_t hosts = 0;
    const size_t n = rnnp_records_count(set);
    for (size_t i = 0; rnnp_records_get(set, i, &host, NULL) == RNNP_OK; i++) {
        hosts += host != before;
        before = host;
    }
    printf("%s: %zu record%s of %zu host%s\n", cli_plain(file), n, n == 1 ? "" : "s", hosts, hosts == 1 ? "" : "s");
}

static int write_stdout(void *user, const void *text, size_t bytes)
{
    (void)user;
    return fwrite(text, 1, bytes, stdout) != bytes;
}

/* A file that cannot be written shows at the end, in main. */
static void print_set(const rnnp_records *set) { rnnp_records_write(set, write_stdout, NULL); }

/* Opens the operand, or what the search finds. */
static int open_set(job *j)
{
    const char *const path = j->call->operands[0];
    TRY(begin(j));
    cli_records_passed(path, cli_say_passed, NULL);
    return cli_status(j->context, rnnp_records_open_default(j->context, path, j->file, &j->set));
}

/* ---- show -------------------------------------------------------------------------------------- */

enum { DATE = 32 };

static const char *date_text(char text[DATE], uint64_t at)
{
    const time_t t = (time_t)at;
    struct tm utc;
    if (!gmtime_r(&t, &utc) || strftime(text, DATE, "%Y-%m-%d", &utc) == 0)
        snprintf(text, DATE, "%llu", (unsigned long long)at);
    return text;
}

static void show_host(const rnnp_record_host *h, int is_here)
{
    printf("\n%s family %llu model %llu stepping %llu, %s, %llu CPU%s, version %s, kernels %016llx%s\n", h->vendor,
           (unsigned long long)h->family, (unsigned long long)h->model, (unsigned long long)h->stepping, h->isa,
           (unsigned long long)h->budget, h->budget == 1 ? "" : "s", h->version, (unsigned long long)h->kernels,
           is_here ? ": this host" : "");
    cli_record_head();
}

void cli_record_head(void)
{
    printf("  %-16s %-5s %7s %7s %6s %6s %7s %11s %8s %8s %8s  %-10s  %s\n", "layer", "", "input", "hidden", "batch",
           "steps", "threads", "us", "default", "spread", "samples", "date", "choice");
}

void cli_record_row(const rnnp_record *r)
{
    const rnnp_record_key *const k = &r->key;
    char date[DATE];
    printf("  %-16s %-5s %7llu %7llu %6llu %6llu %7llu %11.2f %7.2fx %7.2f%% %8llu  %-10s  %s\n", k->layer,
           k->precision, (unsigned long long)k->input, (unsigned long long)k->hidden, (unsigned long long)k->batch,
           (unsigned long long)k->steps, (unsigned long long)k->threads, 1e-3 * (double)r->ns,
           (double)r->default_ns / (double)r->ns, 100 * r->spread, (unsigned long long)r->samples,
           date_text(date, r->at), *r->choice ? r->choice : "(the default)");
}

static void show_text(const job *j)
{
    const rnnp_record_host *host, *before = NULL;
    const rnnp_record *record;
    if (*j->file)
        print_count(j->file, j->set);
    else
        printf("no file of tuning records: shipped choices are used\n");
    for (size_t i = 0; rnnp_records_get(j->set, i, &host, &record) == RNNP_OK; i++) {
        if (host != before) show_host(host, rnnp_record_host_equal(host, &j->here));
        before = host;
        cli_record_row(record);
    }
}

static void json_host(json *j, const rnnp_record_host *h, int is_here)
{
    char kernels[17];
    snprintf(kernels, sizeof kernels, "%016llx", (unsigned long long)h->kernels);
    json_put(j, TEXT("vendor", h->vendor), INT("family", h->family), INT("model", h->model),
             INT("stepping", h->stepping), TEXT("isa", h->isa), TEXT("features", h->features),
             INT("l1d_bytes", h->l1d_bytes), INT("l2_bytes", h->l2_bytes), INT("l3_bytes", h->l3_bytes),
             INT("budget", h->budget), TEXT("kernels", kernels), TEXT("version", h->version),
             BOOL("this_host", is_here));
}

void cli_record_json(json *j, const rnnp_record *r)
{
    const rnnp_record_key *const k = &r->key;
    char name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];
    json_put(j, TEXT("layer", k->layer), TEXT("precision", k->precision), INT("input", k->input),
             INT("hidden", k->hidden), INT("batch", k->batch), INT("steps", k->steps), INT("threads", k->threads));
    json_object(j, "choice");
    for (size_t i = 0; rnnp_record_word(r->choice, i, name, value) == RNNP_OK; i++) json_put(j, TEXT(name, value));
    json_close(j);
    json_put(j, INT("ns", r->ns), INT("default_ns", r->default_ns), REAL("spread", r->spread),
             INT("samples", r->samples), INT("at", r->at));
}

static void show_json(const job *j)
{
    const rnnp_record_host *host, *before = NULL;
    const rnnp_record *record;
    json out = {0};
    json_object(&out, NULL);
    json_put(&out, TEXT("file", *j->file ? j->file : NULL));
    json_array(&out, "hosts");
    for (size_t i = 0; rnnp_records_get(j->set, i, &host, &record) == RNNP_OK; i++) {
        while (before && host != before && out.depth > 2) json_close(&out);
        if (host != before) {
            json_object(&out, NULL);
            json_host(&out, host, rnnp_record_host_equal(host, &j->here));
            json_array(&out, "records");
        }
        before = host;
        json_object(&out, NULL);
        cli_record_json(&out, record);
        json_close(&out);
    }
    while (out.depth) json_close(&out);
}

int cli_records_show(const cli_call *call)
{
    AUTO_JOB j = {.call = call};
    TRY(open_set(&j));
    (call->json ? show_json : show_text)(&j);
    return CLI_OK;
}

/* ---- The others -------------------------------------------------------------------------------- */

int cli_records_check(const cli_call *call)
{
    AUTO_JOB j = {.call = call};
    int code = CLI_OK;
    TRY(begin(&j));
    for (const char **file = call->operands; *file; file++) {
        AUTO(records) *set = NULL;
        if (cli_status(j.context, rnnp_records_open_file(j.context, *file, &set)) == CLI_OK)
            print_count(*file, set);
        else
            code = CLI_FAILED;
    }
    return code;
}

int cli_records_merge(const cli_call *call)
{
    AUTO_JOB j = {.call = call};
    TRY(begin(&j));
    TRY(cli_status(j.context, rnnp_records_create(j.context, &j.set)));
    for (const char **file = call->operands; *file; file++) {
        AUTO(records) *one = NULL;
        TRY(cli_status(j.context, rnnp_records_open_file(j.context, *file, &one)));
        TRY(cli_status(j.context, rnnp_records_merge(j.set, one)));
    }
    if (!call->output) {
        print_set(j.set);
        return CLI_OK;
    }
    TRY(cli_status(j.context, rnnp_records_update(j.set, call->output, RNNP_RECORDS_WAIT_MS)));
    print_count(call->output, j.set);
    return CLI_OK;
}

static int is_here(void *user, const rnnp_record_host *host, const rnnp_record *record)
{
    (void)record;
    return rnnp_record_host_equal(host, user);
}

int cli_records_export(const cli_call *call)
{
    AUTO_JOB j = {.call = call};
    TRY(open_set(&j));
    if (call->this_host) rnnp_records_keep(j.set, is_here, &j.here);
    print_set(j.set);
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

int cli_records_prune(const cli_call *call)
{
    AUTO_JOB j = {.call = call};
    pruning p = {&j.here, 0, 0};
    TRY(begin(&j));
    TRY(cli_status(j.context, rnnp_records_own_file(j.context, call->operands[0], 0, j.file)));
    TRY(cli_status(j.context, rnnp_records_open_file(j.context, j.file, &j.set))); /* a missing file is an error here */
    TRY(cli_status(j.context, rnnp_records_edit(j.context, j.file, RNNP_RECORDS_WAIT_MS, prune_set, &p)));
    printf("%s: dropped %zu of %zu records\n", cli_plain(j.file), p.dropped, p.before);
    return CLI_OK;
}
