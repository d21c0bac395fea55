/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack federate site: answers the coordinator's calls from the site's data. An answer depends on the data and the
 * calls alone, so a site that was ended goes on where it was, and what it has answered is not answered again.
 */
#include "session.h"

#include <stdlib.h>
#include <string.h>

typedef struct site {
    session s;
    member m;
    site_names names;
    size_t me; /* of the parties */
} site;

static void site_close(site *s)
{
    names_free(&s->names);
    member_free(&s->m);
    session_close(&s->s);
}

static int find_myself(site *s)
{
    const parties *all = &s->s.all;
    while (s->me < all->n && memcmp(all->open[s->me], s->s.keys.open, KEY_BYTES) != 0) s->me++;
    return s->me < all->n ? CLI_OK : cli_fail("%s is not the key of one of [federate] sites", s->s.call.key);
}

/* ---- Data ---- */

static void count_words(site *s)
{
    const dataset *set = &s->s.t.train;
    s->names.word_counts = cli_alloc(s->names.words.size + 1, sizeof *s->names.word_counts);
    for (size_t i = 0; set->tokens && i < set->first[set->n]; i++) s->names.word_counts[set->tokens[i]]++;
}

/* What the data are like, all by themselves. */
static int look(site *s)
{
    task *t = &s->s.t;
    const size_t least = t->config.least;
    uint64_t data;
    t->config.least = 1; /* how often a word occurs is known when all sites have counted */
    const int code = task_read_set(t, 0, NULL, 1, &t->train);
    t->config.least = least;
    TRY(code);
    TRY(identity_of_data(&t->train, &t->words, &data));
    s->names.site = s->s.all.names[s->me];
    digest(s->s.keys.secret, "rnnpack data", &data, sizeof data, 0, s->names.data);
    s->names.longest = dataset_longest(&t->train);
    s->names.shortest = s->names.longest;
    for (size_t i = 0; i < t->train.n; i++)
        if (dataset_steps(&t->train, i) < s->names.shortest) s->names.shortest = dataset_steps(&t->train, i);
    s->names.words = t->words;
    t->words = (vocabulary){0};
    count_words(s);
    /* Names alone. Classes that a forecast does not need are not told. */
    dataset *like = &s->names.like, all = t->train;
    like->features = all.features;
    like->columns = cli_copies(all.columns, all.features);
    like->units = cli_copies(all.units, all.features);
    memcpy(like->rate, all.rate, sizeof all.rate);
    like->classes = target_is_class(t->config.target) ? all.classes : 0;
    like->class_names = like->classes ? cli_copies(all.class_names, all.classes) : NULL;
    dataset_free(&t->train);
    return CLI_OK;
}

/* The data again, in columns, classes and words that all sites have. */
static int adopt(site *s)
{
    task *t = &s->s.t;
    t->words = s->s.f.agreed.words;
    const int code = task_read(t, &s->s.f.agreed.like, 0);
    t->words = (vocabulary){0};
    TRY(code);
    if (t->test_set.n) TRY(leaks_check(&t->config, t->config.test, &t->train, &t->test_set));
    s->m = (member){.f = &s->s.f, .name = s->names.site, .train = t->train, .test = t->test_set};
    t->train = t->test_set = (dataset){0};
    digest(s->s.keys.secret, "rnnpack noise of a federation", s->s.identity, KEY_BYTES, 0, s->m.noise_key);
    return member_begin(&s->m);
}

/* ---- Answers ---- */

/* CLI_OK when this step was answered: then only the same data may go on. */
static int find_answer(const site *s)
{
    const session *e = &s->s;
    FREED char *path = folder_path(e->folder, e->step, s->names.site);
    exchange_file file;
    char why[256];
    int code = folder_read(path, e->keys.open, e->identity, e->step, 1, CALL_MOST, &file, why);
    if (code == CLI_OK && e->step == 0) {
        site_names was = {0};
        if (!names_get(&was, &file.payload))
            code = cli_fail("%s is malformed", path);
        else if (memcmp(was.data, s->names.data, KEY_BYTES) != 0)
            code = cli_fail("%s was written with other data; a site that joined goes on with its data", path);
        names_free(&was);
    }
    payload_free(&file.payload);
    return code;
}

static int answer(site *s)
{
    session *e = &s->s;
    AUTO_PAYLOAD p = {0};
    const int found = find_answer(s);
    if (e->step == 0) {
        if (found != FILE_ABSENT) return found;
        names_put(&s->names, &p);
        return session_write(e, s->names.site, &p);
    }
    if (found == CLI_OK && e->f.stage != STAGE_EVALUATE) return CLI_OK;
    const size_t n = federation_numbers(&e->f);
    FREED double *x = cli_alloc(n + 1, sizeof *x);
    TRY(member_answer(&s->m, x));
    if (found == CLI_OK) return CLI_OK;
    p.at = cli_alloc(SUM_WORDS * n + 1, sizeof *p.at);
    p.n = SUM_WORDS * n;
    TRY(parties_seal(&e->f, &e->all, s->me, &e->keys, e->called, e->step, x, n, p.at));
    return session_write(e, s->names.site, &p);
}

static int follow(site *s)
{
    session *e = &s->s;
    FREED char *path = folder_path(e->folder, e->step, NULL);
    const federate_stage before = e->f.stage;
    exchange_file file = {0};
    TRY(session_send_call(e, s->names.site));
    int code =
        parties_await(path, e->all.coordinator, e->step ? e->identity : NULL, e->step, 0, CALL_MOST, e->seconds, &file);
    if (code == FILE_ABSENT && e->group)
        code = cli_fail("the coordinator is none of the ranks of this job");
    else if (code == FILE_ABSENT)
        code = cli_fail("the coordinator did not make call %llu within %g s. The same command goes on from here",
                        (unsigned long long)e->step, e->seconds);
    else if (code == CLI_OK)
        code = session_take_call(e, &file, path);
    payload_free(&file.payload);
    TRY(code);
    if (e->step == 1) TRY(adopt(s));
    if (e->step && !e->call.quiet) federation_print(&e->f, before);
    TRY(answer(s));
    TRY(session_send_answers(e, s->names.site));
    e->step++;
    return CLI_OK;
}

static int finish(site *s)
{
    const session *e = &s->s;
    AUTO(model) *model = NULL;
    const dataset *judged = member_judged(&s->m);
    if (s->m.found.n) scores_print(&s->m.found, judged, &e->t.config, s->m.test.n ? "test" : "held out");
    decider_print(&e->f.decision.decider);
    if (e->call.output) TRY(federation_model(&e->f, &model));
    if (model) TRY(outputs_keep_model(e->t.e.context, model, &e->f.agreed.words, e->call.output));
    return e->call.predictions ? scores_write(&s->m.found, &e->t.config, judged, e->call.predictions) : CLI_OK;
}

static int take_part(const cli_call *call, cli_group *group)
{
    __attribute__((cleanup(site_close))) site s = {0};
    TRY(session_open(&s.s, call, group));
    const output_file more[] = {{"-o", call->output, 1}};
    TRY(task_check_outputs(&s.s.t, more, COUNT(more), call->key));
    TRY(find_myself(&s));
    TRY(look(&s));
    int code;
    do code = follow(&s);
    while (code == CLI_OK && s.s.f.stage != STAGE_EVALUATE);
    if (code == CLI_OK) code = finish(&s);
    return code == FIT_DIVERGED ? CLI_FAILED : code;
}

int cli_federate_site(const cli_call *call) { return session_run(call, take_part); }
