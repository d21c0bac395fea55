/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rnnpack/onnx.h"
#include "rnnpack/packed.h"

int cli_fail(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("rnnpack: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    return CLI_FAILED;
}

int cli_fail_status(const rnnp_context *context, rnnp_status status)
{
    const char *const sentence = rnnp_context_last_error(context);
    return cli_fail("%s", *sentence ? sentence : rnnp_status_string(status));
}

int cli_context(const cli_host *host, rnnp_context **context)
{
    rnnp_context_options options;
    rnnp_context_options_init(&options);
    options.threads = host->threads;
    options.max_isa = host->isa;
    const rnnp_status status = rnnp_context_create(&options, context);
    if (status == RNNP_OK)
        return CLI_OK;
    /* Without a context there is no sentence; an unknown ISA name is the one argument that can be bad. */
    const char *const capped = getenv("RNNPACK_MAX_ISA");
    if (status == RNNP_ERR_ARG)
        return cli_fail("unknown instruction set: --isa is '%s', RNNPACK_MAX_ISA is '%s'",
                        host->isa ? host->isa : "", capped ? capped : "");
    return cli_fail("no context: %s", rnnp_status_string(status));
}

int cli_plan_options(const cli_host *host, rnnp_plan_options *options)
{
    static const struct { const char *name; rnnp_math math; } classes[] = {
        {"u35", RNNP_MATH_U35}, {"u10", RNNP_MATH_U10}, {"fast", RNNP_MATH_FAST},
    };
    rnnp_plan_options_init(options);
    if (!host->math)
        return CLI_OK;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (strcmp(host->math, classes[i].name) == 0) {
            options->math = classes[i].math;
            return CLI_OK;
        }
    }
    cli_fail("--math is u35, u10 or fast, not '%s'", host->math);
    return CLI_USAGE;
}

rnnp_status cli_load(rnnp_context *context, const char *path, rnnp_model **model)
{
    return rnnp_packed_is_file(path) ? rnnp_packed_open_file(context, path, model)
                                     : rnnp_onnx_load_file(context, path, model);
}

/* Records that cannot be read are no reason not to run, unless they were asked for by name. */
static rnnp_status open_records(cli_model *m, const cli_host *host)
{
    const rnnp_status status = rnnp_records_open(m->context, host->records, m->records_file, &m->records);

    m->options.records = m->records;
    m->options.batch = host->batch;
    m->options.steps = host->steps;
    if (status == RNNP_OK || host->records || status == RNNP_ERR_MEMORY)
        return status;
    cli_fail_status(m->context, status);
    fputs("rnnpack: going on without tuning records\n", stderr);
    m->records_file[0] = '\0';
    return RNNP_OK;
}

int cli_model_open(cli_model *m, const cli_host *host, const char *path)
{
    *m = (cli_model){0};
    int code = cli_plan_options(host, &m->options);
    if (code == CLI_OK)
        code = cli_context(host, &m->context);
    if (code != CLI_OK)
        return code;
    rnnp_status status = cli_load(m->context, path, &m->model);
    if (status == RNNP_OK)
        status = open_records(m, host);
    if (status == RNNP_OK)
        status = rnnp_plan_create(m->model, &m->options, &m->plan);
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
        const char *const symbol = symbols && symbols[d] ? symbols[d] : "?";
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
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%s %.1f of %.1f %s", what, done, all, unit);
}

void cli_progress_end(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}
