/* SPDX-License-Identifier: Apache-2.0 */
#include "watching.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../train/experiment.h"

static void close_all(watch *w)
{
    source_close(&w->source);
#ifdef RNNP_CLI_WEB
    web_close(w->web);
#endif
    if (w->board) board_destroy(w->board);
    free(w->board);
    if (w->monitor.scores) fclose(w->monitor.scores);
    monitor_destroy(&w->monitor);
    talk_close(&w->talk);
    text_free(&w->channels);
    decider_free(&w->decider);
    recipe_free(&w->recipe);
    cli_model_close(&w->model);
}
#define AUTO_WATCH __attribute__((cleanup(close_all))) watch

static int check_files(const watch *w)
{
    const cli_call *call = w->call;
    const output_file outputs[] = {{"--state", call->state, 1}, {"--scores", call->scores, 0}};
    const char *const inputs[] = {call->operands[0], w->source.kind <= SOURCE_FILE ? w->source.path : NULL};
    return outputs_check(outputs, COUNT(outputs), inputs, COUNT(inputs));
}

static int open_files(watch *w)
{
    const cli_call *call = w->call;
    if (call->state && access(call->state, F_OK) == 0) TRY(monitor_load(&w->monitor, call->state));
    if (!call->scores) return CLI_OK;
    w->monitor.scores = fopen(call->scores, "w");
    if (!w->monitor.scores) return cli_fail("--scores: %s: %s", call->scores, strerror(errno));
    fprintf(w->monitor.scores, "%s,score\n", w->talk.rate.num ? "time" : "step");
    return CLI_OK;
}

static int open_page(watch *w)
{
    const size_t port = w->call->http;
    if (!cli_given(w->call, "--http")) return CLI_OK;
    if (port > 65535) return cli_misuse("--http needs a port up to 65535, not %zu", port);
#ifdef RNNP_CLI_WEB
    const parser *p = &w->source.parser;
    char *const *names = p->wanted ? p->wanted : w->source.set.columns;
    w->board = cli_alloc(1, sizeof *w->board);
    board_create(w->board, p->features, w->talk.rate.num ? rec_hertz(w->talk.rate) : 0);
    w->talk.listen = board_line;
    w->talk.user = w->monitor.watch_user = w->board;
    w->monitor.watch = board_step;
    w->web = web_open(w->board, names, (unsigned)port);
    return w->web ? CLI_OK : CLI_FAILED;
#else
    return cli_fail("--http: this rnnpack was built without libmicrohttpd, so it has no page");
#endif
}

static void tell_start(watch *w)
{
    static const char *const kinds[] = {
        [SCORING_OUTPUT] = "output", [SCORING_PROBABILITY] = "probability", [SCORING_ERROR] = "error"};
    const monitor *m = &w->monitor;
    json *j = talk_begin(&w->talk, "start", m->position);
    json_put(j, TEXT("model", w->model.path), TEXT("source", w->source.name),
             INT("channels", m->prepare.rule.features));
    if (w->talk.rate.num) json_put(j, LONG_REAL("rate", rec_hertz(w->talk.rate)));
    if (m->filter.weights)
        json_put(j, LONG_REAL("delay", (double)m->filter.half * (double)w->source.rate[1] / (double)w->source.rate[0]));
    json_put(j, TEXT("score", kinds[m->scoring.kind]));
    if (m->alarming) json_put(j, REAL("on", m->rules.on), REAL("off", m->rules.off));
#ifdef RNNP_CLI_WEB
    char page[64];
    if (w->web) {
        snprintf(page, sizeof page, "http://127.0.0.1:%u/", web_port(w->web));
        json_put(j, TEXT("page", page));
    }
#endif
    talk_end(&w->talk);
}

static void tell_end(watch *w)
{
    const monitor *m = &w->monitor;
    const queue_counts counts = queue_count(&w->source.queue);
    json *j = talk_begin(&w->talk, "end", m->position);
    json_put(j, TEXT("cause", w->end), INT("steps", m->counts.steps), INT("missing", m->counts.missing),
             INT("gaps", m->counts.gaps));
    if (m->alarming) json_put(j, INT("alarms", m->alarm.count), BOOL("alarm_on", m->alarm.phase == ALARM_ON));
    if (source_is_live(&w->source))
        json_put(j, INT("dropped", counts.dropped), INT("garbled", counts.garbled), INT("late", counts.late));
    talk_end(&w->talk);
}

/* What was seen so far is told and kept, whatever ended it. */
static int finish(watch *w, int code)
{
    monitor *m = &w->monitor;
    const int keep = w->call->state != NULL && code == CLI_OK;
    if (code != CLI_OK && !w->end) w->end = "fault";
    if (code == CLI_OK) code = monitor_end(m, keep);
    if (w->call->stats) watch_tell_latency(w);
    watch_count(w);
    tell_end(w);
    if (keep && code == CLI_OK) code = monitor_save(m, w->call->state);
    if (m->scores) {
        const char *why = cli_fclose(m->scores);
        m->scores = NULL;
        if (why) code = cli_fail("--scores: %s: %s", w->call->scores, why);
    }
    return code == CLI_OK && *w->source.queue.fault ? cli_fail("%s", w->source.queue.fault) : code;
}

int cli_watch(const cli_call *call)
{
    AUTO_WATCH w = {.call = call, .source.fd = -1};
    TRY(watch_set_up(&w));
    TRY(check_files(&w));
    TRY(talk_open(&w.talk));
    TRY(open_page(&w));
    TRY(open_files(&w));
    watch_listen();
    TRY(source_start(&w.source));
    tell_start(&w);
    return finish(&w, watch_run(&w));
}
