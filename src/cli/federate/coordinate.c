/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack federate coordinate: calls, and adds up what the sites answer. A call is made of the answers to the one
 * before alone, so a coordinator that was ended goes on from the calls that are there.
 */
#include "session.h"

#include <stdlib.h>
#include <string.h>

/* The call of the present step, if it is there. */
static int find_call(session *s)
{
    FREED char *path = folder_path(s->folder, s->step, NULL);
    exchange_file file;
    char why[256];
    int code = folder_read(path, s->keys.open, s->step ? s->identity : NULL, s->step, 0, CALL_MOST, &file, why);
    if (code == CLI_FAILED) cli_fail("%s: %s", path, why);
    if (code == CLI_OK) code = session_take_call(s, &file, path);
    payload_free(&file.payload);
    return code;
}

static int make_call(session *s)
{
    AUTO_PAYLOAD p = {0};
    if (s->step == 0)
        parties_put_call(&s->t.config, &p);
    else
        federation_put(&s->f, &p);
    TRY(session_write(s, NULL, &p));
    return s->step ? CLI_OK : find_call(s);
}

/* ---- Answers ---- */

static const char *what(const federation *f, char text[64])
{
    if (f->stage == STAGE_ROUND)
        snprintf(text, 64, "round %zu", f->round + 1);
    else
        strcpy(text, f->stage == STAGE_NAMES      ? "the names of columns and classes"
                     : f->stage == STAGE_EVALUATE ? "the evaluation"
                     : f->stage > STAGE_ROUND     ? "the sums for [predict]"
                                                  : "the sums for scaling");
    return text;
}

/* All sites whose answer is not there, in words. */
static int say_missing(const session *s, size_t most)
{
    char *names = cli_alloc(1, 1), text[64], why[256];
    size_t n = 0;
    for (size_t i = 0; i < s->all.n; i++) {
        FREED char *path = folder_path(s->folder, s->step, s->all.names[i]);
        exchange_file file = {0};
        const int code = folder_read(path, s->all.open[i], s->identity, s->step, 1, most, &file, why);
        payload_free(&file.payload);
        if (code == CLI_OK) continue;
        char *const more = cli_alloc(strlen(names) + strlen(s->all.names[i]) + 3, 1);
        sprintf(more, "%s%s%s", names, n++ ? ", " : "", s->all.names[i]);
        free(names);
        names = more;
    }
    cli_fail("site%s %s did not answer step %llu (%s) within %g s, so the step is void: nothing was added up. Start "
             "rnnpack federate site there again, and wherever it has ended meanwhile, and this command: all go on from "
             "the files in %s",
             n == 1 ? "" : "s", names, (unsigned long long)s->step, what(&s->f, text), s->seconds, s->folder);
    free(names);
    return CLI_FAILED;
}

/* Waits for a site; all of them together have s->seconds. */
static int await(session *s, size_t site, size_t most, double begin, exchange_file *file)
{
    FREED char *path = folder_path(s->folder, s->step, s->all.names[site]);
    const double left = s->seconds - (cli_clock() - begin);
    const int code = parties_await(path, s->all.open[site], s->identity, s->step, 1, most, left, file);
    if (code != FILE_ABSENT) return code;
    return s->group ? cli_fail("site %s is none of the ranks of this job", s->all.names[site]) : say_missing(s, most);
}

static int gather_names(session *s)
{
    const size_t n = s->all.n;
    const double begin = cli_clock();
    site_names *names = cli_alloc(n, sizeof *names);
    int code = CLI_OK;
    for (size_t i = 0; i < n && code == CLI_OK; i++) {
        exchange_file file = {0};
        code = await(s, i, NAMES_MOST, begin, &file);
        names[i].site = s->all.names[i];
        if (code == CLI_OK && !names_get(&names[i], &file.payload))
            code = cli_fail("the answer of site %s to step 0 is malformed", s->all.names[i]);
        payload_free(&file.payload);
    }
    if (code == CLI_OK) code = names_merge(&s->t.config, names, n, &s->f.agreed);
    for (size_t i = 0; i < n; i++) names_free(&names[i]);
    free(names);
    return code == CLI_OK ? federation_named(&s->f) : code;
}

static int gather_sums(session *s)
{
    const size_t n = federation_numbers(&s->f), words = SUM_WORDS * n;
    const double begin = cli_clock();
    FREED uint64_t *sum = cli_alloc(words + 1, sizeof *sum);
    FREED double *x = cli_alloc(n + 1, sizeof *x);
    for (size_t i = 0; i < s->all.n; i++) {
        exchange_file file = {0};
        const int code = await(s, i, words, begin, &file);
        const size_t found = file.payload.n;
        for (size_t k = 0; k < words && code == CLI_OK && found == words; k++) sum[k] += file.payload.at[k];
        payload_free(&file.payload);
        TRY(code);
        if (found != words)
            return cli_fail("the answer of site %s to step %llu has %zu words in place of %zu", s->all.names[i],
                            (unsigned long long)s->step, found, words);
    }
    for (size_t k = 0; k < n; k++) x[k] = sum_get(sum + SUM_WORDS * k);
    return federation_take(&s->f, x);
}

/* One step: what was decided is in the next call, or is found out from the answers to this one. */
static int go_on(session *s)
{
    const federate_stage before = s->f.stage;
    int code = CLI_OK;
    TRY(session_send_answers(s, NULL));
    s->step++;
    if (before != STAGE_EVALUATE && (code = find_call(s)) != FILE_ABSENT) {
        if (code == CLI_OK && !s->call.quiet) federation_print(&s->f, before);
        return code == CLI_OK ? session_send_call(s, NULL) : code;
    }
    s->step--;
    TRY(before == STAGE_NAMES ? gather_names(s) : gather_sums(s));
    if (!s->call.quiet) federation_print(&s->f, before);
    if (s->f.stage == STAGE_DONE) return CLI_OK;
    s->step++;
    TRY(make_call(s));
    return session_send_call(s, NULL);
}

static int coordinate(const cli_call *call, cli_group *group)
{
    AUTO_SESSION s = {0};
    AUTO(model) *model = NULL;
    TRY(session_open(&s, call, group));
    const output_file more[] = {{"-o", call->output, 1}};
    TRY(task_check_outputs(&s.t, more, COUNT(more), call->key));
    if (memcmp(s.keys.open, s.all.coordinator, KEY_BYTES) != 0)
        return cli_fail("%s is not the key of [federate] coordinator", call->key);
    int code = find_call(&s);
    if (code == FILE_ABSENT) code = make_call(&s);
    if (code == CLI_OK) code = session_send_call(&s, NULL);
    while (code == CLI_OK && s.f.stage != STAGE_DONE) code = go_on(&s);
    TRY(code);
    if (s.f.found.n) scores_print(&s.f.found, &s.f.agreed.like, &s.t.config, "all sites");
    decider_print(&s.f.decision.decider);
    federation_print_privacy(&s.t.config);
    if (!call->output) return CLI_OK;
    TRY(federation_model(&s.f, &model));
    return outputs_keep_model(s.t.e.context, model, &s.f.agreed.words, call->output);
}

int cli_federate_coordinate(const cli_call *call) { return session_run(call, coordinate); }
