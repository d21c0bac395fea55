/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack federate simulate: all sites in one process, by a column of the data. The steps, the sums and the masks are
 * those of sites that exchange files, and so is every bit of the model; keys follow from the seed.
 */
#include "../report/report.h"
#include "../train/sources.h"
#include "federation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct simulation {
    cli_call call;
    task t;
    size_t *site_of, *tested_at; /* of each sequence of the two sets */
    char **names;
    size_t sites;
    int apart;  /* the test set is of no site: every model is judged by all of it */
    scores all; /* of all sites' members, in the order of the data */
    resampling how;
    subgroups by;
    int failed;
} simulation;

static void simulation_free(simulation *s)
{
    free(s->site_of);
    free(s->tested_at);
    cli_free_texts(s->names, s->sites);
    scores_free(&s->all);
    subgroups_free(&s->by);
    task_close(&s->t);
}

/* ---- Which sequence is where ---- */

/* Whether a list of recordings has the column of sites; without it each recording would be a site of its own. */
static int check_list(const data_source *from, int *named)
{
    rec_sources list = {0};
    const int code = sources_read(from, &list);
    *named = code == CLI_OK && list.at[0].group;
    sources_free(&list);
    return code;
}

/* The data once more, with the site as the group. named: whether there is such a column. */
static int read_sites(simulation *s, int testing, dataset *set, int *named)
{
    train_config *c = &s->t.config;
    char group[CONFIG_TEXT];
    const dataset like = s->t.train;
    const data_source from = {
        .config = c, .path = testing ? c->test : c->train, .like = &like, .words = &s->t.words, .undivided = 1};
    int code = CLI_OK;
    *named = 1;
    snprintf(group, sizeof group, "%s", c->group);
    snprintf(c->group, sizeof c->group, "%s", s->call.site_column);
    if (c->format == DATA_RECORDINGS) code = check_list(&from, named);
    if (code == CLI_OK && *named) code = dataset_open(&from, testing && c->target == TARGET_NEXT, set);
    if (code == CLI_OK && *named) *named = set->group_names && set->n == (testing ? s->t.test_set.n : s->t.train.n);
    memcpy(c->group, group, sizeof group);
    return code;
}

static int find_sites(simulation *s, int testing, size_t **site)
{
    dataset set __attribute__((cleanup(dataset_free))) = {0};
    const char *path = testing ? s->t.config.test : s->t.config.train;
    int named;
    TRY(read_sites(s, testing, &set, &named));
    s->apart = testing && !named;
    if (s->apart) return CLI_OK;
    if (!named) return cli_fail("%s: --site-column: there is no column '%.80s'", path, s->call.site_column);
    if (!s->names) {
        s->sites = set.groups;
        s->names = cli_copies(set.group_names, set.groups);
    }
    *site = cli_alloc(set.n + 1, sizeof **site);
    for (size_t i = 0; i < set.n; i++) {
        size_t k = 0;
        while (k < s->sites && strcmp(s->names[k], set.group_names[set.group[i]]) != 0) k++;
        if (k == s->sites)
            return cli_fail("%s: site '%.80s' is not in the training data", path, set.group_names[set.group[i]]);
        (*site)[i] = k;
    }
    return CLI_OK;
}

static int check_column(const simulation *s)
{
    const train_config *c = &s->t.config;
    if (c->format != DATA_CSV && c->format != DATA_RECORDINGS)
        return cli_fail("--site-column requires [data] format = csv or recordings");
    if (c->format == DATA_RECORDINGS && !*c->id)
        return cli_fail("--site-column requires a list of recordings with columns, and [data] id");
    if (c->format == DATA_CSV && !c->features.n)
        return cli_fail("--site-column: [data] features must say which columns are meant; else '%.80s' is one",
                        s->call.site_column);
    return CLI_OK;
}

/* An array has one row for each sequence, and the models of all sites predict each. */
static int check_table(const char *path)
{
    const size_t length = path ? strlen(path) : 0;
    if (!path || (length > 4 && strcmp(path + length - 4, ".csv") == 0)) return CLI_OK;
    return cli_fail("--predictions: the test set is of no site, so each site's model predicts all of it; that takes a "
                    "table (.csv)");
}

/* ---- A part of a set ---- */

/* The groups of these sequences, numbered as a reader of them alone would. */
static void copy_groups(const dataset *set, const row_list *rows, dataset *part)
{
    FREED size_t *number = cli_alloc(set->groups + 1, sizeof *number);
    size_t used = 0;
    part->group = cli_alloc(rows->n + 1, sizeof *part->group);
    part->group_names = set->group_names ? cli_alloc(set->groups + 1, sizeof *part->group_names) : NULL;
    for (size_t i = 0; i < rows->n; i++) number[set->group[rows->at[i]]] = 1;
    for (size_t g = 0; g < set->groups; g++) {
        if (number[g] && set->group_names) part->group_names[used] = cli_copy(set->group_names[g]);
        used += number[g];
        number[g] = used - 1;
    }
    part->groups = used;
    for (size_t i = 0; i < rows->n; i++) part->group[i] = number[set->group[rows->at[i]]];
}

static void copy_steps(const dataset *set, size_t row, size_t at, dataset *part)
{
    const size_t steps = dataset_steps(set, row), from = set->first[row], F = set->features;
    const size_t to = part->first[at];
    part->first[at + 1] = to + steps;
    if (steps) memcpy(part->x + to * F, set->x + from * F, steps * F * sizeof *set->x);
    if (part->time && steps) memcpy(part->time + to, set->time + from, steps * sizeof *set->time);
    if (part->before) memcpy(part->before + at * F, set->before + row * F, F * sizeof *set->before);
    if (part->since) memcpy(part->since + at * F, set->since + row * F, F * sizeof *set->since);
    if (part->label) part->label[at] = set->label[row];
    if (part->step_label && steps)
        memcpy(part->step_label + to, set->step_label + from, steps * sizeof *set->step_label);
    if (part->y) memcpy(part->y + at * set->targets, set->y + row * set->targets, set->targets * sizeof *set->y);
    if (part->ids) part->ids[at] = cli_copy(set->ids[row]);
}

static void copy_part(const dataset *set, const row_list *rows, dataset *part)
{
    const size_t n = rows->n, F = set->features;
    size_t steps = 0;
    for (size_t i = 0; i < n; i++) steps += dataset_steps(set, rows->at[i]);
    *part = (dataset){.n = n, .features = F, .classes = set->classes, .targets = set->targets};
    memcpy(part->rate, set->rate, sizeof set->rate);
    part->first = cli_alloc(n + 1, sizeof *part->first);
    part->x = cli_alloc(steps * F + 1, sizeof *part->x);
    if (set->time) part->time = cli_alloc(steps + 1, sizeof *part->time);
    if (set->before) part->before = cli_alloc(n * F + 1, sizeof *part->before);
    if (set->since) part->since = cli_alloc(n * F + 1, sizeof *part->since);
    if (set->label) part->label = cli_alloc(n + 1, sizeof *part->label);
    if (set->step_label) part->step_label = cli_alloc(steps + 1, sizeof *part->step_label);
    if (set->y) part->y = cli_alloc(n * set->targets + 1, sizeof *part->y);
    if (set->ids) part->ids = cli_alloc(n + 1, sizeof *part->ids);
    part->columns = cli_copies(set->columns, F);
    part->units = cli_copies(set->units, F);
    part->class_names = cli_copies(set->class_names, set->classes);
    part->target_names = cli_copies(set->target_names, set->targets);
    for (size_t i = 0; i < n; i++) copy_steps(set, rows->at[i], i, part);
    if (set->group) copy_groups(set, rows, part);
}

/* The sequences of site `from` up to `to`. */
static row_list rows_of(const dataset *set, const size_t *site, size_t from, size_t to)
{
    row_list rows = {cli_alloc(set->n + 1, sizeof *rows.at), 0};
    for (size_t i = 0; i < set->n; i++)
        if (site[i] >= from && site[i] < to) rows.at[rows.n++] = (uint32_t)i;
    return rows;
}

/* ---- A federation ---- */

typedef struct running {
    simulation *s;
    federation f;
    member *members, judge;           /* judge: has no data but a test set that is of no site */
    row_list *train_rows, *test_rows; /* [f.sites] in the whole data */
    party_keys *keys;
    parties all;
} running;

static void running_free(running *r)
{
    for (size_t i = 0; i < r->f.sites; i++) {
        member_free(&r->members[i]);
        rows_free(&r->train_rows[i]);
        rows_free(&r->test_rows[i]);
    }
    member_free(&r->judge);
    free(r->members);
    free(r->train_rows);
    free(r->test_rows);
    free(r->keys);
    free(r->all.open);
    federation_free(&r->f);
}

static int share_names(running *r)
{
    const dataset *all = &r->s->t.train;
    federation *f = &r->f;
    f->agreed.like = (dataset){.features = all->features,
                               .columns = cli_copies(all->columns, all->features),
                               .units = cli_copies(all->units, all->features),
                               .rate = {all->rate[0], all->rate[1]}};
    if (target_is_class(f->config->target)) {
        f->agreed.like.classes = all->classes;
        f->agreed.like.class_names = cli_copies(all->class_names, all->classes);
    }
    for (size_t i = 1; i < all->n; i++) f->agreed.lengths |= dataset_steps(all, i) != dataset_steps(all, 0);
    return federation_named(f);
}

static void begin_judge(running *r)
{
    const row_list nobody = {0};
    const dataset *const test = &r->s->t.test_set;
    AUTO_ROWS all = split_all(test);
    r->judge = (member){.f = &r->f, .name = "test set"};
    copy_part(&r->s->t.train, &nobody, &r->judge.train);
    copy_part(test, &all, &r->judge.test);
}

/* Sites first to first + n, or (together) all of these as one. */
static int begin(running *r, size_t first, size_t n, int together)
{
    simulation *s = r->s;
    task *t = &s->t;
    const size_t members = together ? 1 : n;
    TRY(federation_begin(&r->f, &t->config, t->e.context, members));
    r->members = cli_alloc(members, sizeof *r->members);
    r->train_rows = cli_alloc(members, sizeof *r->train_rows);
    r->test_rows = cli_alloc(members, sizeof *r->test_rows);
    r->keys = cli_alloc(members, sizeof *r->keys);
    r->all = (parties){.n = members, .names = s->names + first, .open = cli_alloc(members, sizeof *r->all.open)};
    TRY(share_names(r));
    for (size_t i = 0; i < members; i++) {
        member *m = &r->members[i];
        const size_t from = first + i, to = together ? first + n : from + 1;
        *m = (member){.f = &r->f, .name = together ? "all" : s->names[from]};
        r->train_rows[i] = rows_of(&t->train, s->site_of, from, to);
        copy_part(&t->train, &r->train_rows[i], &m->train);
        if (s->tested_at) r->test_rows[i] = rows_of(&t->test_set, s->tested_at, from, to);
        if (s->tested_at && r->test_rows[i].n) copy_part(&t->test_set, &r->test_rows[i], &m->test);
        keys_of_seed(&r->keys[i], t->config.seed, from);
        memcpy(r->all.open[i], r->keys[i].open, KEY_BYTES);
        digest(r->keys[i].secret, "rnnpack noise of a federation", NULL, 0, 0, m->noise_key);
        TRY(member_begin(m));
    }
    if (s->apart) begin_judge(r);
    return CLI_OK;
}

static int run_step(running *r, uint64_t step)
{
    static const uint8_t nothing[KEY_BYTES] = {0};
    const federate_stage before = r->f.stage;
    const size_t n = federation_numbers(&r->f), words = SUM_WORDS * n;
    FREED double *x = cli_alloc(n + 1, sizeof *x);
    FREED uint64_t *sum = cli_alloc(words + 1, sizeof *sum), *answer = cli_alloc(words + 1, sizeof *answer);
    if (before == STAGE_EVALUATE && r->s->apart) TRY(member_answer(&r->judge, x));
    for (size_t i = 0; i < r->f.sites; i++) {
        TRY(member_answer(&r->members[i], x));
        TRY(parties_seal(&r->f, &r->all, i, &r->keys[i], nothing, step, x, n, answer));
        for (size_t k = 0; k < words; k++) sum[k] += answer[k];
    }
    for (size_t k = 0; k < n; k++) x[k] = sum_get(sum + SUM_WORDS * k);
    TRY(federation_take(&r->f, x));
    if (!r->s->call.quiet) federation_print(&r->f, before);
    return CLI_OK;
}

/* ---- Scores ---- */

/* A member's scores among those of all; rows: where its sequences are in the data (NULL: as they are numbered). */
static void collect(const running *r, const member *m, const uint32_t *rows, size_t number)
{
    scores *all = &r->s->all;
    const size_t W = all->width, T = all->targets;
    const double weight = all->weight + m->found.weight;
    for (size_t k = 0; k < m->found.n; k++, all->n++) {
        all->row[all->n] = rows ? rows[m->found.row[k]] : m->found.row[k];
        all->fold[all->n] = (uint32_t)number;
        all->error[all->n] = m->found.error[k];
        const size_t from = m->found.at[k], items = m->found.at[k + 1] - from, to = all->at[all->n];
        all->at[all->n + 1] = to + items;
        memcpy(all->truth + to, m->found.truth + from, items * sizeof *all->truth);
        memcpy(all->p + to * W, m->found.p + from * W, items * W * sizeof *all->p);
        memcpy(all->y + all->n * T, m->found.y + k * T, T * sizeof *all->y);
    }
    all->loss = weight > 0 ? (all->loss * all->weight + m->found.loss * m->found.weight) / weight : 0;
    all->weight = weight;
    all->thresholded = m->found.thresholded;
    all->positive = m->found.positive;
    all->threshold = m->found.threshold;
    all->squares += m->found.squares;
    all->changes += m->found.changes;
    all->elements += m->found.elements;
}

/* Sites first to first + n; the model is written when there is one for all. */
static int federate(simulation *s, size_t first, size_t n, int together, int alone)
{
    __attribute__((cleanup(running_free))) running r = {.s = s};
    AUTO(model) *model = NULL;
    TRY(begin(&r, first, n, together));
    for (uint64_t step = 1; r.f.stage != STAGE_DONE; step++) TRY(run_step(&r, step));
    for (size_t i = 0; i < r.f.sites; i++) {
        const member *m = &r.members[i];
        char what[128];
        snprintf(what, sizeof what, "site %.80s", m->name);
        if (m->found.n && !together) scores_print(&m->found, member_judged(m), &s->t.config, what);
        if (alone && s->apart) snprintf(what, sizeof what, "test, the model of site %.80s", m->name);
        if (alone && s->apart) scores_print(&r.judge.found, &r.judge.test, &s->t.config, what);
        if (m->test.n || (!s->tested_at && !s->apart))
            collect(&r, m, m->test.n ? r.test_rows[i].at : r.train_rows[i].at, first + i + 1);
    }
    if (s->apart) collect(&r, &r.judge, NULL, alone ? first + 1 : 0);
    decider_print(&r.f.decision.decider);
    if (!s->call.output || alone) return CLI_OK;
    TRY(federation_model(&r.f, &model));
    if (outputs_keep_model(s->t.e.context, model, &s->t.words, s->call.output) != CLI_OK) s->failed = 1;
    return CLI_OK;
}

static int report_all(simulation *s)
{
    const dataset *set = s->t.test_set.n ? &s->t.test_set : &s->t.train;
    const char *const slash = strrchr(s->t.path, '/');
    char title[CONFIG_TEXT];
    const char *const wanted = s->call.predictions ? "--predictions"
                               : s->call.report    ? "--report"
                               : s->call.roc       ? "--roc"
                                                   : NULL;
    AUTO_ASSESSMENT a = {0};
    if (!s->all.n)
        return wanted ? cli_fail("%s: there is no validation part and no test set to evaluate", wanted) : CLI_OK;
    TRY(scores_measure(&s->all, &s->t.config));
    scores_print(&s->all, set, &s->t.config, !s->apart ? "all sites" : s->call.alone ? "test, all models" : "test");
    assess(&s->t, &s->all, set, &s->how, &s->by, NULL, &a);
    snprintf(title, sizeof title, "Simulated federation of %s", slash ? slash + 1 : s->t.path);
    report r = {.title = title,
                .what = s->apart ? "the test set, which is of no site" : "what all sites held out, or their test set",
                .model = s->call.output,
                .t = &s->t,
                .s = &s->all,
                .set = set,
                .a = &a,
                .how = &s->how,
                .by = &s->by};
    const int reported = s->call.report ? report_write(&r, s->call.report) : CLI_OK;
    const int written = task_write(&s->t, &s->all, set);
    return written == CLI_OK ? reported : written;
}

/* Room for the scores of all: of the test set once, or once for each site's model. */
static void create_scores(simulation *s)
{
    const dataset *set = s->t.test_set.n ? &s->t.test_set : &s->t.train;
    const size_t n = set->n * (s->apart && s->call.alone ? s->sites : 1);
    FREED uint32_t *rows = cli_alloc(n + 1, sizeof *rows);
    for (size_t i = 0; i < n; i++) rows[i] = (uint32_t)(i % set->n);
    scores_create(&s->all, &s->t.config, set, rows, n);
    s->all.n = 0;
}

static int simulate(simulation *s)
{
    task *t = &s->t;
    const output_file more[] = {{"-o", s->call.output, 1}};
    if (s->call.alone && s->call.pooled) return cli_misuse("--alone and --pooled exclude each other");
    if (s->call.alone && s->call.output) return cli_misuse("--alone makes a model of each site; -o is for one");
    TRY(secrets_begin());
    TRY(task_configure(t, NULL));
    TRY(resampling_of(&s->call, &s->how));
    TRY(check_column(s));
    TRY(task_check_outputs(t, more, COUNT(more), NULL));
    const int quiet = s->call.quiet;
    s->call.quiet = 1; /* the federation says what there is */
    TRY(task_open(t, NULL, 0));
    s->call.quiet = quiet;
    TRY(subgroups_read(&t->config, t->test_set.n ? t->config.test : t->config.train, s->call.subgroups,
                       t->test_set.n ? &t->test_set : &t->train, &s->by));
    if (s->call.alone && t->test_set.n && t->config.threshold.kind > THRESHOLD_GIVEN)
        return cli_fail("--alone: each site has a threshold of its own, and a test set is judged by one");
    TRY(find_sites(s, 0, &s->site_of));
    if (t->test_set.n) TRY(find_sites(s, 1, &s->tested_at));
    if (s->apart && s->call.alone) TRY(check_table(s->call.predictions));
    create_scores(s);
    if (s->call.alone) {
        for (size_t i = 0; i < s->sites; i++) TRY(federate(s, i, 1, 0, 1));
        return report_all(s);
    }
    TRY(federate(s, 0, s->sites, s->call.pooled, 0));
    TRY(report_all(s));
    if (!s->call.pooled) federation_print_privacy(&t->config);
    return CLI_OK;
}

int cli_federate_simulate(const cli_call *call)
{
    __attribute__((cleanup(simulation_free))) simulation s = {.call = *call};
    s.t.call = &s.call;
    s.t.path = call->operands[0];
    const int code = simulate(&s);
    return code == FIT_DIVERGED ? CLI_FAILED : code == CLI_OK && s.failed ? CLI_FAILED : code;
}
