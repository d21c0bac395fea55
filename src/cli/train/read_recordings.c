/* SPDX-License-Identifier: Apache-2.0
 *
 * Recordings (src/cli/recordings) as sequences. Their steps are samples of the chosen channels at one rate. A sequence
 * is a whole recording, or the samples around each annotation (points), or those that an annotation lasts (spans). With
 * target step_label annotations are classes of steps of the whole recording.
 */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../recordings/recording.h"
#include "select.h"
#include "sources.h"

typedef struct reader {
    dataset_builder b;
    const data_source *from;
    rec_sources sources;
    selectors channels, classes;
    rec_rate rate; /* of the set; num 0: not yet known */
    float *step;   /* [features] */
    size_t room_start;
} reader;

/* One recording: its chosen channels in the set's order. */
typedef struct reading {
    reader *r;
    const rec_source *source;
    recording rec;
    size_t *which;
    const char **names;
    float **x;    /* [features][steps], or NULL: nobody has asked for them */
    size_t steps; /* at the set's rate */
} reading;

/* ---- Channels ---- */

static int no_channel(const reading *g, const selector *s)
{
    char all[400] = "";
    for (size_t i = 0; i < g->rec.n_channels && strlen(all) < 300; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s'%.60s'", i ? ", " : "", g->rec.channels[i].name);
    return cli_fail("%s: there is no channel '%.80s' ([data] channels); there %s %s", g->rec.path, s->text,
                    g->rec.n_channels == 1 ? "is" : "are", *all ? all : "none");
}

static int choose(reading *g, size_t *n, size_t channel, const char *name)
{
    for (size_t i = 0; i < *n; i++) {
        if (g->which[i] == channel)
            return cli_fail("%s: channel '%.80s' is chosen twice ([data] channels)", g->rec.path,
                            g->rec.channels[channel].name);
        if (strcmp(g->names[i], name) == 0)
            return cli_fail("%s: channels %zu and %zu are both '%.80s' ([data] channels)", g->rec.path, g->which[i] + 1,
                            channel + 1, name);
    }
    g->which[*n] = channel;
    g->names[(*n)++] = name;
    return CLI_OK;
}

/* A text and a selector with a name mean one channel, an expression all that match. */
static int choose_by(reading *g, size_t *n, const selector *s)
{
    const size_t before = *n;
    for (size_t i = 0; i < g->rec.n_channels; i++) {
        const char *name = g->rec.channels[i].name;
        if (!selector_matches(s, name)) continue;
        TRY(choose(g, n, i, s->name ? s->name : name));
    }
    return *n > before ? CLI_OK : no_channel(g, s);
}

/* The triggers of BDF are no signal; who wants them names them. */
static int is_status(const rec_channel *c) { return strcmp(c->name, "Status") == 0 && strcmp(c->unit, "Boolean") == 0; }

static int choose_channels(reading *g, size_t *n)
{
    const selectors *wanted = &g->r->channels;
    g->which = cli_alloc(g->rec.n_channels + 1, sizeof *g->which);
    g->names = cli_alloc(g->rec.n_channels + 1, sizeof *g->names);
    for (size_t i = 0; i < wanted->n; i++) TRY(choose_by(g, n, &wanted->at[i]));
    for (size_t i = 0; i < g->rec.n_channels && !wanted->n; i++)
        if (!is_status(&g->rec.channels[i])) TRY(choose(g, n, i, g->rec.channels[i].name));
    return *n ? CLI_OK : cli_fail("%s: it has no channels", g->rec.path);
}

/* ---- Units ---- */

/* Volts with a prefix: *exponent of ten. */
static int is_volts(const char *unit, int *exponent)
{
    static const struct {
        const char *text;
        int exponent;
    } units[] = {{"V", 0},   {"mV", -3},        {"uV", -6},   {"\xc2\xb5V", -6}, /* micro sign, mu, Latin-1 */
                 {"nV", -9}, {"\xce\xbcV", -6}, {"\xb5V", -6}};
    for (size_t i = 0; i < COUNT(units); i++)
        if (strcmp(unit, units[i].text) == 0) return *exponent = units[i].exponent, 1;
    return 0;
}

/* Volts become config->unit, everything else stays as it is and must be what it was. */
static int take_unit(reading *g, size_t f)
{
    static const char *const names[] = {[UNIT_MILLIVOLT] = "mV", [UNIT_MICROVOLT] = "uV", [UNIT_VOLT] = "V"};
    static const int exponents[] = {[UNIT_MILLIVOLT] = -3, [UNIT_MICROVOLT] = -6, [UNIT_VOLT] = 0};
    const data_unit wanted = g->r->from->config->unit;
    rec_channel *c = &g->rec.channels[g->which[f]];
    dataset *set = g->r->b.set;
    const char *unit = c->unit;
    int exponent;
    if (is_volts(c->unit, &exponent)) {
        for (; exponent > exponents[wanted]; exponent--) c->scale.times *= 10;
        for (; exponent < exponents[wanted]; exponent++) c->scale.per *= 10;
        unit = names[wanted];
    }
    if (!set->units[f]) set->units[f] = cli_copy(unit);
    return strcmp(set->units[f], unit) == 0 ? CLI_OK
                                            : cli_fail("%s: channel '%.80s' is in '%.40s', elsewhere in '%.40s'",
                                                       g->rec.path, g->names[f], unit, set->units[f]);
}

/* ---- One set ---- */

/* The first recording says what the channels are, or the training data do. */
static int check_channels(reading *g, size_t n)
{
    dataset *set = g->r->b.set;
    if (!set->features) {
        const dataset *like = g->r->from->like;
        set->features = like ? like->features : n;
        set->columns = cli_alloc(set->features + 1, sizeof *set->columns);
        set->units = cli_alloc(set->features + 1, sizeof *set->units);
        g->r->step = cli_alloc(set->features + 1, sizeof *g->r->step);
        for (size_t f = 0; f < set->features; f++) {
            set->columns[f] = cli_copy(like ? like->columns[f] : g->names[f]);
            set->units[f] = like && like->units ? cli_copy(like->units[f]) : NULL;
        }
    }
    for (size_t f = 0; f < n || f < set->features; f++) {
        const char *got = f < n ? g->names[f] : NULL, *want = f < set->features ? set->columns[f] : NULL;
        if (!got || !want || strcmp(got, want) != 0)
            return cli_fail("%s: channel %zu is %s%.80s%s, elsewhere %s%.80s%s; [data] channels says which are meant",
                            g->rec.path, f + 1, got ? "'" : "", got ? got : "missing", got ? "'" : "", want ? "'" : "",
                            want ? want : "there is none", want ? "'" : "");
        TRY(take_unit(g, f));
    }
    return CLI_OK;
}

static int same_rate(rec_rate a, rec_rate b) { return a.num == b.num && a.den == b.den; }

static int check_rates(reading *g, size_t n)
{
    reader *r = g->r;
    const int given = r->from->config->rate > 0;
    for (size_t f = 0; f < n; f++) {
        const rec_channel *c = &g->rec.channels[g->which[f]];
        if (!r->rate.num) r->rate = c->rate;
        if (!given && !same_rate(r->rate, c->rate))
            return cli_fail("%s: channel '%.80s' has %.10g samples a second, others have %.10g; [data] rate makes them "
                            "one",
                            g->rec.path, c->name, rec_hertz(c->rate), rec_hertz(r->rate));
    }
    r->b.set->rate[0] = r->rate.num;
    r->b.set->rate[1] = r->rate.den;
    return CLI_OK;
}

/* ---- Samples ---- */

static int no_rate(const reading *g, const rec_channel *c, const char *why)
{
    return cli_fail("%s: channel '%.80s' from %.10g to %.10g samples a second: %s", g->rec.path, c->name,
                    rec_hertz(c->rate), rec_hertz(g->r->rate), why);
}

static int resample(reading *g, size_t f)
{
    const rec_channel *c = &g->rec.channels[g->which[f]];
    const char *why = NULL;
    size_t n = c->n;
    for (size_t i = 0; i < n; i++) {
        g->x[f][i] *= (float)g->r->from->config->scale;
        if (isinf(g->x[f][i]))
            return cli_fail("%s: channel '%.80s', sample %zu is too large for a 32-bit number", g->rec.path, c->name,
                            i + 1);
    }
    if (!same_rate(c->rate, g->r->rate)) {
        float *x = rec_resample(g->x[f], n, c->rate, g->r->rate, &n, &why);
        if (!x) return no_rate(g, c, why);
        free(g->x[f]);
        g->x[f] = x;
    }
    g->steps = f == 0 || n < g->steps ? n : g->steps;
    return CLI_OK;
}

/* How many steps the samples will be, as the header says. */
static int measure(reading *g)
{
    const char *why = NULL;
    for (size_t f = 0; f < g->r->b.set->features; f++) {
        const rec_channel *c = &g->rec.channels[g->which[f]];
        size_t n = c->n;
        if (!same_rate(c->rate, g->r->rate) && !rec_resampled(c->n, c->rate, g->r->rate, &n, &why))
            return no_rate(g, c, why);
        if (g->r->from->counting) dataset_see(g->r->b.set, &c->scale, sizeof c->scale);
        g->steps = f == 0 || n < g->steps ? n : g->steps;
    }
    return g->steps ? CLI_OK : cli_fail("%s: it has no samples", g->rec.path);
}

static int load(reading *g)
{
    const size_t F = g->r->b.set->features;
    if (g->x) return CLI_OK;
    g->x = cli_alloc(F, sizeof *g->x);
    for (size_t f = 0; f < F; f++) g->x[f] = cli_alloc(g->rec.channels[g->which[f]].n + 1, sizeof **g->x);
    TRY(g->rec.format->read(&g->rec, g->which, F, g->r->from->config->clipped == CLIPPED_KEEP, g->x));
    for (size_t f = 0; f < F; f++) TRY(resample(g, f));
    return g->steps ? CLI_OK : cli_fail("%s: it has no samples", g->rec.path);
}

/* ---- Sequences ---- */

/* n steps from step `from` on; those beyond the recording are missing. classes may be NULL: none of steps. Samples are
 * read when the first of its sequences is here. */
static int add_sequence(reading *g, const char *id, const char *label, const char *group, double from, size_t n,
                        const int32_t *classes)
{
    const size_t F = g->r->b.set->features;
    build_sequence(&g->r->b, id, label, group);
    const int here = !g->r->b.elsewhere;
    if (here) TRY(load(g));
    for (size_t t = 0; t < n; t++) {
        const double at = from + (double)t;
        for (size_t f = 0; f < F && here; f++)
            g->r->step[f] = at >= 0 && at < (double)g->steps ? g->x[f][(size_t)at] : NAN;
        build_step(&g->r->b, here ? g->r->step : NULL, 0, 0, 0);
        if (classes) build_step_label(&g->r->b, classes[(size_t)at]);
    }
    return CLI_OK;
}

/* What the annotation is called among [data] classes, or NULL: it is not meant. Without classes, points of WFDB are
 * beats, and everything else counts. */
static const char *class_of(const reading *g, const rec_event *event)
{
    const selectors *classes = &g->r->classes;
    const int spans = g->r->from->config->annotations == ANNOTATIONS_SPANS;
    const char *text = spans && event->aux ? event->aux : event->text;
    if (spans && !(event->duration > 0)) return NULL;
    for (size_t i = 0; i < classes->n; i++)
        if (selector_matches(&classes->at[i], text)) return classes->at[i].name ? classes->at[i].name : text;
    return classes->n || (!spans && !event->usual) ? NULL : text;
}

static int check_event(const reading *g, const rec_event *event)
{
    const double end = event->time + event->duration, half = 0.5 / rec_hertz(g->r->rate);
    if (event->time >= 0 && event->time < g->rec.seconds && end <= g->rec.seconds + half) return CLI_OK;
    return cli_fail("%s: annotation %zu '%.80s' from %.9g s to %.9g s is beyond the recording, which ends at %.9g s",
                    g->rec.events_path, event->number, event->text, event->time, end, g->rec.seconds);
}

/* Of the patient, or of this block of the recording alone. */
static void name_group(const reading *g, double block, char group[512])
{
    const rec_source *s = g->source;
    const int divided = g->r->from->config->block > 0 && !g->r->from->undivided;
    snprintf(group, 512, divided ? "%.400s block %.0f" : "%.400s", s->group ? s->group : s->name, block);
}

static int add_event(reading *g, const rec_event *event, const char *label)
{
    const train_config *c = g->r->from->config;
    const rec_rate rate = g->r->rate;
    const double end = event->time + event->duration;
    char id[512], group[512];
    TRY(check_event(g, event));
    snprintf(id, sizeof id, "%.400s@%.3f", g->source->name, event->time);
    name_group(g, floor(event->time / c->block), group);
    const double at = rec_nearest(event->time, rate);
    const double from = c->annotations == ANNOTATIONS_SPANS ? at : at - rec_nearest(c->before, rate);
    const double to = c->annotations == ANNOTATIONS_SPANS ? rec_nearest(end, rate) : at + rec_nearest(c->after, rate);
    if (to - from < 1 || to - from > REC_SAMPLES)
        return cli_fail("%s: annotation %zu '%.80s' at %.9g s becomes %.0f steps at %.10g samples a second",
                        g->rec.events_path, event->number, event->text, event->time, to - from, rec_hertz(rate));
    return add_sequence(g, id, label, group, from, (size_t)(to - from), NULL);
}

static int add_events(reading *g)
{
    const dataset *set = g->r->b.set;
    const size_t before = set->n;
    TRY(g->rec.format->annotate(&g->rec, g->r->from->config->annotator));
    for (size_t i = 0; i < g->rec.n_events; i++) {
        const char *label = class_of(g, &g->rec.events[i]);
        if (label) TRY(add_event(g, &g->rec.events[i], label));
    }
    /* Of a recording without a sequence one rank says what is wrong with its samples. */
    return set->n == before && set->parts && dataset_to(set) > before && dataset_from(set) <= before ? load(g) : CLI_OK;
}

/* ---- Labels of steps ---- */

static int find_class(reading *g, const char *text, int32_t *number)
{
    const char *wrong = build_step_class(&g->r->b, text, number);
    return wrong ? cli_fail("%s: '%.80s' %s", g->rec.events_path ? g->rec.events_path : g->rec.path, text, wrong)
                 : CLI_OK;
}

/* Steps of a span, or of a point from `before` to `after` it, the point's own among them. Where annotations overlap,
 * the later one counts. */
static int label_steps(reading *g, int32_t *classes)
{
    const train_config *c = g->r->from->config;
    const rec_rate rate = g->r->rate;
    const int spans = c->annotations == ANNOTATIONS_SPANS;
    int32_t class = -1;
    TRY(g->rec.format->annotate(&g->rec, c->annotator));
    if (*c->background) TRY(find_class(g, c->background, &class));
    for (size_t s = 0; s < g->steps; s++) classes[s] = class;
    for (size_t i = 0; i < g->rec.n_events; i++) {
        const rec_event *event = &g->rec.events[i];
        const char *label = class_of(g, event);
        if (!label) continue;
        TRY(check_event(g, event));
        TRY(find_class(g, label, &class));
        const double at = rec_nearest(event->time, rate), end = rec_nearest(event->time + event->duration, rate);
        const double from = spans ? at : at - rec_nearest(c->before, rate);
        const double to = spans ? end : fmax(at + rec_nearest(c->after, rate), at + 1);
        for (double s = fmax(from, 0); s < fmin(to, (double)g->steps); s++) classes[(size_t)s] = class;
    }
    return CLI_OK;
}

/* The recording, or each block of it as a sequence and a group of its own. */
static int add_labelled(reading *g)
{
    const train_config *c = g->r->from->config;
    const rec_source *s = g->source;
    dataset *set = g->r->b.set;
    FREED int32_t *classes = c->annotations ? cli_alloc(g->steps, sizeof *classes) : NULL;
    const double block = c->block > 0 ? fmax(rec_nearest(c->block, g->r->rate), 1) : (double)g->steps;
    const size_t most = block < (double)g->steps ? (size_t)block : g->steps;
    char group[512];
    if (classes) TRY(label_steps(g, classes));
    for (size_t first = 0, k = 0; first < g->steps; first += most, k++) {
        const size_t n = g->steps - first < most ? g->steps - first : most;
        name_group(g, (double)k, group);
        TRY(add_sequence(g, s->name, NULL, group, (double)first, n, classes));
        cli_grow(&set->start, &g->r->room_start, set->n, sizeof *set->start);
        set->start[set->n - 1] = first;
    }
    return CLI_OK;
}

static int take_recording(reading *g)
{
    const rec_source *s = g->source;
    size_t n = 0;
    TRY(rec_open(s->path, &g->rec));
    TRY(choose_channels(g, &n));
    TRY(check_channels(g, n));
    TRY(check_rates(g, n));
    TRY(g->r->from->counting || g->r->b.set->parts ? measure(g) : load(g));
    if (g->r->from->config->target == TARGET_STEP_LABEL) return add_labelled(g);
    if (g->r->from->config->annotations) return add_events(g);
    TRY(add_sequence(g, s->name, s->label, s->group ? s->group : s->name, 0, g->steps, NULL));
    if (s->y) build_targets(&g->r->b, s->y);
    return CLI_OK;
}

static int take_source(reader *r, const rec_source *source)
{
    reading g = {.r = r, .source = source};
    const int code = take_recording(&g);
    for (size_t f = 0; g.x && f < r->b.set->features; f++) free(g.x[f]);
    free(g.x);
    free(g.which);
    free(g.names);
    rec_close(&g.rec);
    return code;
}

static int read_all(reader *r)
{
    const train_config *c = r->from->config;
    TRY(selectors_read(c, "channels", &c->channels, &r->channels));
    TRY(selectors_read(c, "classes", &c->classes, &r->classes));
    if (c->rate > 0 && !rec_fraction(c->rate, &r->rate))
        return config_blame(c, "data", "rate", "rate has more than nine decimals");
    if (r->from->like && r->from->like->rate[0]) r->rate = (rec_rate){r->from->like->rate[0], r->from->like->rate[1]};
    build_name_targets(c, r->b.set);
    TRY(sources_read(r->from, &r->sources));
    for (size_t i = 0; i < r->sources.n; i++) TRY(take_source(r, &r->sources.at[i]));
    return r->b.set->n ? CLI_OK
                       : cli_fail("%s: no annotation is one of those that are meant ([data] annotations, classes)",
                                  r->from->path);
}

int dataset_read_recordings(const data_source *from, dataset *set)
{
    reader r = {.b = {.set = set, .from = from}, .from = from};
    const int code = read_all(&r);
    selectors_free(&r.channels);
    selectors_free(&r.classes);
    sources_free(&r.sources);
    free(r.step);
    return build_finish(&r.b, code);
}
