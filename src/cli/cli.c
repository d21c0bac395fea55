/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli.h"
#include "json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rnnpack/onnx.h"
#include "rnnpack/packed.h"

/* ---- Text that others wrote -------------------------------------------------------------------- */

/* Length of the character at s when a terminal may have it; 0 for a control character (C0, DEL, C1) or no UTF-8. */
static size_t harmless(const unsigned char *s)
{
    const size_t length = json_utf8_length(s);
    const int control = s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);

    return control ? 0 : length;
}

const char *cli_plain(const char *text)
{
    enum { TURNS = 16, ROOM = 1024, ESCAPE = 4 };
    static char rooms[TURNS][ROOM];
    static size_t turn;
    const unsigned char *s = (const unsigned char *)text;

    while (s && *s && harmless(s)) s += harmless(s);
    if (!s || !*s) return text;
    char *const room = rooms[turn++ % TURNS], *to = room;
    for (s = (const unsigned char *)text; *s;) {
        const size_t length = harmless(s);

        if ((size_t)(to - room) + ESCAPE + sizeof "..." > ROOM) {
            memcpy(to, "...", 3);
            to += 3;
            break;
        }
        if (length)
            memcpy(to, s, length);
        else
            snprintf(to, ESCAPE + 1, "\\x%02x", *s);
        to += length ? length : ESCAPE;
        s += length ? length : 1;
    }
    *to = '\0';
    return room;
}

int cli_fail(const char *format, ...)
{
    char text[1000];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fprintf(stderr, "rnnpack: %s\n", cli_plain(text));
    return CLI_FAILED;
}

int cli_fail_status(const rnnp_context *context, rnnp_status status)
{
    const char *const sentence = rnnp_last_error(context);
    return cli_fail("%s", *sentence ? sentence : rnnp_status_string(status));
}

/* ---- Context and plan -------------------------------------------------------------------------- */

/* "generic, neon, ..." behind a beginning. */
static void list_isas(char *text, size_t size, const char *beginning)
{
    size_t used = (size_t)snprintf(text, size, "%s", beginning);

    for (size_t i = 0; rnnp_isa_name(i) && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", rnnp_isa_name(i));
}

const char *cli_isa_help(void)
{
    static char text[CLI_TEXT];

    list_isas(text, sizeof text, "highest instruction set: ");
    return text;
}

int cli_check_isa(const char *option, const char *name)
{
    char list[CLI_TEXT];

    for (size_t i = 0; rnnp_isa_name(i); i++)
        if (strcmp(rnnp_isa_name(i), name) == 0) return CLI_OK;
    list_isas(list, sizeof list, "");
    cli_fail("%s: unknown instruction set '%s'; there are %s", option, name, list);
    return CLI_USAGE;
}

/* The latest line of a log. The context that it came from may go on writing to it. */
static char last_log[CLI_TEXT];

static void keep_log(void *user, rnnp_log_level level, const char *message)
{
    (void)user;
    (void)level;
    snprintf(last_log, sizeof last_log, "%s", message);
}

int cli_context(const cli_host *host, rnnp_context **context)
{
    rnnp_context_options options;

    if (host->isa && cli_check_isa("--isa", host->isa) != CLI_OK) return CLI_USAGE;
    rnnp_context_options_init(&options);
    options.threads = host->threads ? host->threads : RNNP_ALL_CPUS;
    options.max_isa = host->isa;
    options.log = keep_log;
    last_log[0] = '\0';
    const rnnp_status status = rnnp_context_create(&options, context);
    if (status == RNNP_OK) return CLI_OK;
    cli_fail("%s", *last_log ? last_log : rnnp_status_string(status));
    return status == RNNP_ERR_ARG ? CLI_USAGE : CLI_FAILED;
}

int cli_plan_options(const cli_host *host, rnnp_plan_options *options)
{
    static const struct {
        const char *name;
        rnnp_math math;
    } classes[] = {
        {"u35", RNNP_MATH_U35},
        {"u10", RNNP_MATH_U10},
        {"fast", RNNP_MATH_FAST},
    };
    rnnp_plan_options_init(options);
    if (!host->math) return CLI_OK;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (strcmp(host->math, classes[i].name) == 0) {
            options->math = classes[i].math;
            return CLI_OK;
        }
    }
    cli_fail("--math is u35, u10 or fast, not '%s'", host->math);
    return CLI_USAGE;
}

rnnp_status cli_load(rnnp_context *context, const char *path, int compare_packed, rnnp_model **model)
{
    rnnp_load_options options;

    rnnp_load_options_init(&options);
    options.compare_packed = compare_packed;
    return rnnp_packed_is_file(path) ? rnnp_packed_open_file(context, path, &options, model)
                                     : rnnp_onnx_open_file(context, path, NULL, model);
}

void cli_records_passed(const char *path, void (*say)(void *user, const char *file, const char *reason), void *user)
{
    rnnp_records_place place = {.struct_size = sizeof place};

    for (size_t i = 0; rnnp_records_place_info(path, i, &place) == RNNP_OK && !place.used; i++)
        if (place.named || !place.missing) say(user, place.file, place.reason);
}

static void say_passed(void *user, const char *file, const char *reason)
{
    (void)user;
    cli_fail("tuning records: %s is ignored: %s", file, reason);
}

/* Records that cannot be read are no reason not to run, unless they were asked for by name. */
static rnnp_status open_records(cli_model *m, const cli_host *host)
{
    const rnnp_status status = rnnp_records_open_default(m->context, host->records, m->records_file, &m->records);

    m->options.records = m->records;
    m->options.batch = host->batch;
    m->options.steps = host->steps;
    if (!host->tells_records) cli_records_passed(host->records, say_passed, NULL);
    if (status == RNNP_OK || host->records || status == RNNP_ERR_MEMORY) return status;
    cli_fail_status(m->context, status);
    fputs("rnnpack: going on without tuning records\n", stderr);
    m->records_file[0] = '\0';
    return RNNP_OK;
}

int cli_model_open(cli_model *m, const cli_host *host, const char *path)
{
    *m = (cli_model){0};
    int code = cli_plan_options(host, &m->options);
    if (code == CLI_OK) code = cli_context(host, &m->context);
    if (code != CLI_OK) return code;
    rnnp_status status = cli_load(m->context, path, host->compare_packed, &m->model);
    if (status == RNNP_OK) status = open_records(m, host);
    if (status == RNNP_OK) status = rnnp_plan_create(m->model, &m->options, &m->plan);
    return status == RNNP_OK ? CLI_OK : cli_fail_status(m->context, status);
}

void cli_model_close(cli_model *m)
{
    rnnp_plan_destroy(m->plan);
    rnnp_records_destroy(m->records);
    rnnp_model_destroy(m->model);
    rnnp_context_destroy(m->context);
}

const char *cli_shape_text(char *text, size_t size, size_t rank, const int64_t *shape, const char *const *symbols)
{
    size_t used = 0;
    for (size_t d = 0; d < rank; d++) {
        const char *const lead = d ? ", " : "[";
        const char *const symbol = symbols && symbols[d] ? cli_plain(symbols[d]) : "?";
        const int n = shape[d] < 0 ? snprintf(text + used, size - used, "%s%s", lead, symbol)
                                   : snprintf(text + used, size - used, "%s%lld", lead, (long long)shape[d]);
        used += (size_t)n;
        if (used >= size) /* cut off, but terminated */
            return text;
    }
    snprintf(text + used, size - used, "%s]", rank ? "" : "[");
    return text;
}

const char *cli_bytes_text(char *text, size_t size, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    size_t u = 0;
    while (bytes >= 1024 && u + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1024;
        u++;
    }
    snprintf(text, size, "%.*f %s", u && bytes < 100 ? 1 : 0, bytes, units[u]);
    return text;
}

double cli_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void cli_progress(const char *what, double done, double all, const char *unit)
{
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K%s %.1f of %.1f %s", what, done, all, unit);
}

void cli_progress_end(void)
{
    if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
}
