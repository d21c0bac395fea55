/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Text -------------------------------------------------------------------------------------- */

/* Length of the character at s when a terminal may have it; 0 for a control character (C0, DEL, C1) or no UTF-8. */
static size_t harmless(const unsigned char *s)
{
    const int control = s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
    return control ? 0 : json_utf8_length(s);
}

enum { TURNS = 16, ROOM = 1024, SENTENCE = 1000 };

static char *next_room(void)
{
    static char rooms[TURNS][ROOM];
    static size_t turn;
    return rooms[turn++ % TURNS];
}

const char *cli_plain(const char *text)
{
    enum { ESCAPE = 4 };
    const unsigned char *s = (const unsigned char *)text;
    while (s && *s && harmless(s)) s += harmless(s);
    if (!s || !*s) return text;
    char *const room = next_room(), *to = room;
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

const char *cli_shape(size_t rank, const int64_t *shape, const char *const *symbols)
{
    char *const text = next_room();
    size_t used = 0;
    for (size_t d = 0; d < rank && used < ROOM; d++) {
        const char *const lead = d ? ", " : "[", *const symbol = symbols && symbols[d] ? cli_plain(symbols[d]) : "?";
        used += (size_t)(shape[d] < 0 ? snprintf(text + used, ROOM - used, "%s%s", lead, symbol)
                                      : snprintf(text + used, ROOM - used, "%s%lld", lead, (long long)shape[d]));
    }
    if (used < ROOM) snprintf(text + used, ROOM - used, "%s]", rank ? "" : "[");
    return text;
}

const char *cli_bytes(double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    char *const text = next_room();
    size_t u = 0;
    for (; bytes >= 1024 && u + 1 < COUNT(units); u++) bytes /= 1024;
    snprintf(text, ROOM, "%.*f %s", u && bytes < 100 ? 1 : 0, bytes, units[u]);
    return text;
}

/* The sentence made safe to print. */
static const char *sentence_of(char text[SENTENCE], const char *format, va_list list)
{
    vsnprintf(text, SENTENCE, format, list);
    return cli_plain(text);
}

size_t cli_rank;

/* Sentences that wait to be said. */
static struct {
    int on;
    char *text;
    size_t n, room;
} held;

void cli_hold(void) { held.on = 1; }

void cli_release(int say)
{
    if (say && held.n) fputs(held.text, stderr);
    free(held.text);
    memset(&held, 0, sizeof held);
}

static void say_or_hold(const char *line)
{
    const size_t n = strlen(line);
    if (!held.on) {
        fputs(line, stderr);
        return;
    }
    cli_grow(&held.text, &held.room, held.n + n + 1, 1);
    memcpy(held.text + held.n, line, n + 1);
    held.n += n;
}

int cli_fail(const char *format, ...)
{
    char text[SENTENCE], rank[32] = "", line[SENTENCE + 64];
    va_list list;
    va_start(list, format);
    if (cli_rank) snprintf(rank, sizeof rank, "rank %zu: ", cli_rank);
    snprintf(line, sizeof line, "rnnpack: %s%s\n", rank, sentence_of(text, format, list));
    va_end(list);
    say_or_hold(line);
    return CLI_FAILED;
}

void cli_warn(const char *format, ...)
{
    char text[SENTENCE];
    va_list list;
    if (cli_rank) return; /* rank 0 warns of the same */
    va_start(list, format);
    fprintf(stderr, "rnnpack: warning: %s\n", sentence_of(text, format, list));
    va_end(list);
}

int cli_status(const rnnp_context *context, rnnp_status status)
{
    if (status == RNNP_OK) return CLI_OK;
    const char *const sentence = rnnp_last_error(context);
    return cli_fail("%s", *sentence ? sentence : rnnp_status_string(status));
}

void cli_progress(const char *what, double done, double all, const char *unit)
{
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K%s %.1f of %.1f %s", what, done, all, unit);
}

void cli_progress_end(void)
{
    if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
}

/* ---- Command lines ----------------------------------------------------------------------------- */

char cli_running[CLI_RUNNING] = "rnnpack";

int cli_misuse(const char *format, ...)
{
    char text[SENTENCE];
    va_list list;
    va_start(list, format);
    fprintf(stderr, "%s: %s; see %s --help\n", cli_running, sentence_of(text, format, list), cli_running);
    va_end(list);
    return CLI_USAGE;
}

const cli_option *cli_find_option(const cli_command *c, const char *name, size_t length)
{
    for (const cli_option *o = c->options; o->name; o++)
        if (strlen(o->name) == length && memcmp(o->name, name, length) == 0) return o;
    return NULL;
}

int cli_given(const cli_call *call, const char *option)
{
    const cli_option *o = cli_find_option(call->command, option, strlen(option));
    return o && (call->given >> (o - call->command->options) & 1); /* what a command does not have is not given */
}

/* ---- Contexts and records ---------------------------------------------------------------------- */

int cli_check_isa(const char *name)
{
    char list[256] = "";
    for (size_t i = 0, used = 0; rnnp_isa_name(i) && used < sizeof list; i++) {
        if (strcmp(rnnp_isa_name(i), name) == 0) return CLI_OK;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", rnnp_isa_name(i));
    }
    return cli_misuse("--isa: unknown instruction set '%s'; there are %s", name, list);
}

/* The latest line of a log. The context that it came from may go on writing to it. */
static char last_log[256];

static void keep_log(void *user, rnnp_log_level level, const char *message)
{
    (void)user, (void)level;
    snprintf(last_log, sizeof last_log, "%s", message);
}

int cli_context(size_t threads, const char *isa, rnnp_context **context)
{
    rnnp_context_options options;
    if (isa) TRY(cli_check_isa(isa));
    rnnp_context_options_init(&options);
    options.threads = threads ? threads : RNNP_ALL_CPUS;
    options.max_isa = isa;
    options.log = keep_log;
    last_log[0] = '\0';
    const rnnp_status status = rnnp_context_create(&options, context);
    if (status == RNNP_OK) return CLI_OK;
    cli_fail("%s", *last_log ? last_log : rnnp_status_string(status));
    return status == RNNP_ERR_ARG ? CLI_USAGE : CLI_FAILED;
}

void cli_records_passed(const char *path, void (*say)(void *user, const char *file, const char *reason), void *user)
{
    rnnp_records_place place = {.struct_size = sizeof place};
    for (size_t i = 0; rnnp_records_place_info(path, i, &place) == RNNP_OK && !place.used; i++)
        if (place.named || !place.missing) say(user, place.file, place.reason);
}

void cli_say_passed(void *user, const char *file, const char *reason)
{
    (void)user;
    cli_fail("tuning records: %s is ignored: %s", file, reason);
}
