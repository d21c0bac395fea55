/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../train/network.h"
#include "watching.h"

static int is_rate(const uint64_t rate[2]) { return rate[0] != 0; }

static rec_rate as_rate(const uint64_t rate[2]) { return (rec_rate){rate[0], rate[1]}; }

/* ---- The model's recipe ---- */

static int read_recipe(watch *w)
{
    const recipe *r = &w->recipe;
    if (!rnnp_model_metadata_find(w->model.model, "rnnpack.data")) return CLI_OK;
    w->has_recipe = 1;
    TRY(recipe_read(w->model.model, w->model.path, &w->recipe));
    TRY(decider_read(w->model.model, w->model.path, &w->decider));
    if (r->config.format == DATA_TOKENS) return cli_fail("%s reads words; watch takes signals", w->model.path);
    if (*r->config.time && r->config.delta)
        return cli_fail("%s reads visits with times of their own; watch takes samples at a fixed rate", w->model.path);
    return CLI_OK;
}

static size_t features_of(const watch *w)
{
    return w->has_recipe ? w->recipe.like.features : w->monitor.stepper.channels;
}

/* ---- The source ---- */

static int read_rate(const char *option, double hertz, uint64_t rate[2])
{
    rec_rate r;
    if (!rec_fraction(hertz, &r)) return cli_misuse("%s needs a number above 0 of at most nine decimals", option);
    rate[0] = r.num;
    rate[1] = r.den;
    return CLI_OK;
}

static int read_speed(watch *w)
{
    const char *text = w->call->speed;
    char *end;
    if (!text || strcmp(text, "full") == 0) return CLI_OK;
    if (source_is_live(&w->source) || w->source.kind == SOURCE_STDIN)
        return cli_misuse("--speed is for files and recordings; %s has its own", w->source.name);
    w->source.speed = strcmp(text, "real") == 0 ? 1 : strtod(text, &end);
    if (strcmp(text, "real") != 0 &&
        (!strchr("0123456789.", *text) || strcmp(end, "x") != 0 || !(w->source.speed > 0 && w->source.speed <= 1e6)))
        return cli_misuse("--speed is real, full or a factor such as 4x, not '%s'", text);
    return CLI_OK;
}

static int read_format(watch *w)
{
    const char *text = w->call->format;
    if (strcmp(text, "csv") != 0 && strcmp(text, "f32") != 0)
        return cli_misuse("--format is csv or f32, not '%s'", text);
    w->source.raw = strcmp(text, "f32") == 0;
    if (w->source.raw && w->source.kind != SOURCE_FILE && w->source.kind != SOURCE_STDIN)
        return cli_misuse("--format is for files and stdin; %s says it itself", w->source.name);
    return CLI_OK;
}

/* Of a recording, by the model's recipe or by the options; at the model's rate already. */
static int read_recording(watch *w, const uint64_t resample[2])
{
    const recipe *r = &w->recipe;
    const int as_trained = w->has_recipe && r->config.format == DATA_RECORDINGS;
    train_config config = r->config, own = {0};
    vocabulary words = {0};
    char text[4096];
    if (as_trained && w->call->channels)
        return cli_misuse("--channels: the model says which channels of a recording it takes");
    if (!as_trained) {
        int n = snprintf(text, sizeof text, "format = recordings\n");
        if (w->call->channels && n > 0)
            n += snprintf(text + n, sizeof text - (size_t)n, "channels = %.3900s\n", w->call->channels);
        if (is_rate(resample) && n > 0 && (size_t)n < sizeof text)
            snprintf(text + n, sizeof text - (size_t)n, "rate = %.10g\n", rec_hertz(as_rate(resample)));
        const int code = config_read_data("the options", text, &own);
        config = own;
        if (code != CLI_OK) return config_free(&own), code;
    }
    config.annotations = ANNOTATIONS_NONE; /* one sequence, without labels */
    config.target = TARGET_INPUT;
    const data_source from = {
        .config = &config, .path = w->source.path, .like = as_trained ? &r->like : NULL, .words = &words};
    const int code = dataset_read(&from, &w->source.set);
    config_free(&own);
    TRY(code);
    if (w->source.set.features != features_of(w))
        return cli_fail("%s has %zu channels, the model takes %zu; --channels says which", w->source.path,
                        w->source.set.features, features_of(w));
    memcpy(w->source.rate, w->source.set.rate, sizeof w->source.rate);
    return CLI_OK;
}

static int name_channels(watch *w)
{
    parser *p = &w->source.parser;
    const char *why = w->call->channels ? text_split(&w->channels, w->call->channels) : NULL;
    if (why) return cli_misuse("--channels: %s", why);
    p->features = features_of(w);
    p->scale = w->has_recipe ? (float)w->recipe.config.scale : 1.0f;
    p->wanted = w->has_recipe ? w->recipe.like.columns : NULL;
    p->given = w->channels.n ? w->channels.at : NULL;
    p->n_given = w->channels.n;
    if (p->given && !p->wanted) p->wanted = p->given;
    if (p->wanted == p->given && p->given && p->n_given != p->features)
        return cli_misuse("--channels has %zu names, the model takes %zu channels", p->n_given, p->features);
    if (w->source.kind == SOURCE_RECORDING || ((w->source.kind <= SOURCE_STDIN) && !w->source.raw)) return CLI_OK;
    why = parser_begin(p); /* lines of a file may have a header */
    return why ? cli_misuse("--channels: %s", why) : CLI_OK;
}

/* The rate of steps, and the filter from that of the source. */
static int set_rates(watch *w)
{
    const cli_call *call = w->call;
    uint64_t steps[2] = {0}, *of_source = w->source.rate;
    const char *why;
    const int recorded = w->source.kind == SOURCE_RECORDING;
    if (w->has_recipe) memcpy(steps, w->recipe.like.rate, sizeof steps);
    if (cli_given(call, "--resample")) {
        if (is_rate(steps)) return cli_misuse("--resample: the model says its rate: %.10g", rec_hertz(as_rate(steps)));
        TRY(read_rate("--resample", call->resample, steps));
    }
    if (cli_given(call, "--rate")) {
        if (recorded) return cli_misuse("--rate: a recording says its rate");
        TRY(read_rate("--rate", call->rate, of_source));
    }
    if (recorded) TRY(read_recording(w, steps));
    if (!is_rate(of_source)) memcpy(of_source, steps, sizeof steps);
    if (!is_rate(steps)) memcpy(steps, of_source, sizeof steps);
    w->talk.rate = as_rate(steps);
    if (memcmp(steps, of_source, sizeof steps) == 0 || recorded) return CLI_OK;
    return rec_filter_make(as_rate(of_source), as_rate(steps), &w->monitor.filter, &why)
               ? CLI_OK
               : cli_fail("from %.10g to %.10g samples a second: %s", rec_hertz(as_rate(of_source)),
                          rec_hertz(as_rate(steps)), why);
}

/* ---- Scores ---- */

static int read_kind(watch *w, scoring_kind *kind)
{
    static const char *const names[] = {
        [SCORING_OUTPUT] = "output", [SCORING_PROBABILITY] = "probability", [SCORING_ERROR] = "error"};
    const char *text = w->call->score;
    const data_target target = w->recipe.config.target;
    *kind = !w->has_recipe || w->call->watched || target_has_columns(target) ? SCORING_OUTPUT
            : target_is_class(target)                                        ? SCORING_PROBABILITY
                                                                             : SCORING_ERROR;
    for (size_t i = 0; text && i < COUNT(names); i++)
        if (strcmp(text, names[i]) == 0) return *kind = (scoring_kind)i, CLI_OK;
    return text ? cli_misuse("--score is output, probability or error, not '%s'", text) : CLI_OK;
}

/* NAME or NAME:INDEX; the name is the caller's, to be freed. */
static int split_output(const char *text, char **name, size_t *index)
{
    const char *colon = text ? strrchr(text, ':') : NULL;
    char *end = NULL;
    *index = 0;
    *name = text ? cli_copy(text) : NULL;
    if (!colon || colon[1] < '0' || colon[1] > '9') return CLI_OK;
    const unsigned long long v = strtoull(colon + 1, &end, 10);
    if (*end) return CLI_OK; /* a part of the name */
    *index = v < SIZE_MAX ? (size_t)v : SIZE_MAX;
    (*name)[colon - text] = '\0';
    return CLI_OK;
}

static size_t find_class(const dataset *like, const char *name)
{
    size_t k = 0;
    while (k < like->classes && strcmp(like->class_names[k], name) != 0) k++;
    return k;
}

/* The class is --target, else the one that the training calls positive, else the second of two. */
static int score_probability(watch *w, scoring *s)
{
    const recipe *r = &w->recipe;
    const char *target = w->call->target ? w->call->target : w->decider.positive;
    network net = {.features = w->monitor.prepare.channels};
    if (!w->has_recipe || !target_is_class(r->config.target))
        return cli_fail("%s does not say that it gives classes; --score output takes what it gives", w->model.path);
    TRY(network_check(w->model.model, w->model.path, &r->config, r->like.classes, &net));
    s->logits = !net.probabilities;
    s->classes = r->like.classes;
    s->decider = &w->decider;
    s->positive = w->decider.positive ? find_class(&r->like, w->decider.positive) : 0;
    if (s->positive == s->classes || (w->decider.calibrate == CALIBRATE_ISOTONIC && s->classes != 2))
        return cli_fail("%s: its calibration does not fit its classes", w->model.path);
    if (!target && s->classes > 2) return cli_misuse("--target says which of the %zu classes is watched", s->classes);
    s->index = target ? find_class(&r->like, target) : 1;
    return s->index < s->classes ? CLI_OK : cli_misuse("--target: the model has no class '%s'", target);
}

static int score_error(watch *w, scoring *s)
{
    const recipe *r = &w->recipe;
    if (w->has_recipe && !target_is_input(r->config.target))
        return cli_fail("%s gives %s and no forecast; its score is %s", w->model.path,
                        target_is_class(r->config.target) ? "classes" : "numbers",
                        target_is_class(r->config.target) ? "a probability" : "an output");
    s->features = w->monitor.prepare.channels;
    s->ahead = !w->has_recipe ? 1 : r->config.target == TARGET_NEXT ? r->config.horizon : 0;
    if (s->width % s->features || (w->has_recipe && s->width != s->features))
        return cli_fail("%s gives %zu numbers a step, which are no forecasts of %zu channels", w->model.path, s->width,
                        s->features);
    return CLI_OK;
}

/* 0 where there is no rate: check_times has looked. */
static uint64_t in_steps(const watch *w, double seconds)
{
    return w->talk.rate.num ? (uint64_t)floor(seconds * rec_hertz(w->talk.rate) + 0.5) : 0;
}

static int set_scoring(watch *w, scoring_kind kind, size_t index)
{
    scoring *s = &w->monitor.scoring;
    *s = (scoring){.kind = kind, .context = w->model.context, .width = w->monitor.stepper.width, .index = index};
    if (kind == SCORING_OUTPUT && index >= s->width)
        return cli_misuse("--output: there is no element %zu; the output has %zu", index, s->width);
    if (kind != SCORING_OUTPUT && w->call->watched)
        return cli_misuse("--output %s is for --score output", w->call->watched);
    if (kind != SCORING_PROBABILITY && w->call->target)
        return cli_misuse("--target %s is for --score probability", w->call->target);
    if (kind == SCORING_PROBABILITY) TRY(score_probability(w, s));
    if (kind == SCORING_ERROR) TRY(score_error(w, s));
    const double apart = w->monitor.stepper.window.steps ? (double)w->call->every : 1; /* steps from score to score */
    scoring_create(s, w->talk.rate.num ? w->call->smooth * rec_hertz(w->talk.rate) / apart : 0);
    return CLI_OK;
}

/* ---- Alarms and gaps ---- */

static int set_rules(watch *w)
{
    const cli_call *call = w->call;
    monitor *m = &w->monitor;
    m->alarming = cli_given(call, "--on");
    for (size_t i = 0; !m->alarming && i < 3; i++) {
        static const char *const others[] = {"--off", "--least", "--refractory"};
        if (cli_given(call, others[i])) return cli_misuse("%s is for alarms; --on says when one begins", others[i]);
    }
    m->rules = (alarm_rules){call->on, cli_given(call, "--off") ? call->off : call->on, in_steps(w, call->least),
                             in_steps(w, call->refractory)};
    return m->rules.off <= m->rules.on
               ? CLI_OK
               : cli_misuse("--off %g is above --on %g: an alarm would end where it begins", m->rules.off, m->rules.on);
}

static int set_gaps(watch *w)
{
    const char *text = w->call->gap;
    monitor *m = &w->monitor;
    if (strcmp(text, "reset") != 0 && strcmp(text, "hold") != 0)
        return cli_misuse("--gap is reset or hold, not '%s'", text);
    m->resets = strcmp(text, "reset") == 0;
    w->gap_after = w->call->gap_after;
    m->gap_limit = w->talk.rate.num ? in_steps(w, w->gap_after) : UINT64_MAX;
    return CLI_OK;
}

/* Times are of no use without a rate. */
static int check_times(const watch *w)
{
    static const char *const times[] = {"--smooth", "--least", "--refractory", "--gap-after", "--speed"};
    for (size_t i = 0; i < COUNT(times) && !w->talk.rate.num; i++)
        if (cli_given(w->call, times[i]) && !(i == 4 && strcmp(w->call->speed, "full") == 0))
            return cli_misuse("%s needs to know how many samples a second has; --rate says it", times[i]);
    return CLI_OK;
}

/* ---- All of it ---- */

/* Steps of the windows that the model was trained on, or --window. */
static int count_window(const watch *w, size_t *steps)
{
    const train_config *c = &w->recipe.config;
    const rec_rate rate = as_rate(w->recipe.like.rate);
    *steps = cli_given(w->call, "--window") ? w->call->window : w->has_recipe ? c->window : 0;
    if (!*steps && w->has_recipe && c->annotations == ANNOTATIONS_POINTS && rate.num)
        *steps = (size_t)(rec_nearest(c->before, rate) + rec_nearest(c->after, rate));
    if (!*steps) return cli_misuse("--every needs --window: %s does not say how many steps it takes", w->model.path);
    return *steps <= INT32_MAX ? CLI_OK : cli_misuse("--window has at most %d steps", INT32_MAX);
}

static int open_stepper(watch *w, const char *output, scoring_kind kind)
{
    enum { BLOCK = 512 };
    stepper *s = &w->monitor.stepper;
    size_t steps;
    if (!cli_given(w->call, "--every"))
        return cli_given(w->call, "--window")
                   ? cli_misuse("--window is for --every")
                   : stepper_open(s, &w->model, w->call, output, w->call->offline ? BLOCK : 1);
    if (kind == SCORING_ERROR)
        return cli_misuse("--every takes a probability or an output, and no error, as the score");
    if (w->call->carry.n) return cli_misuse("--carry is for streams, and --every for windows");
    TRY(count_window(w, &steps));
    return stepper_open_windows(s, &w->model, output, steps, w->call->every);
}

static int set_monitor(watch *w, const char *output, size_t index, scoring_kind kind)
{
    monitor *m = &w->monitor;
    const recipe *r = &w->recipe;
    m->talk = &w->talk;
    TRY(open_stepper(w, output, kind));
    prepare_create(&m->prepare, w->has_recipe ? &r->config : NULL, features_of(w), w->has_recipe ? r->fill : NULL);
    if (m->prepare.channels != m->stepper.channels)
        return cli_fail("%s takes %zu channels, its data have %zu", w->model.path, m->stepper.channels,
                        m->prepare.channels);
    TRY(set_rates(w));
    TRY(check_times(w));
    TRY(name_channels(w));
    TRY(set_scoring(w, kind, index));
    TRY(set_rules(w));
    TRY(set_gaps(w));
    monitor_create(m);
    return CLI_OK;
}

int watch_set_up(watch *w)
{
    cli_call as_stream = *w->call;
    FREED char *output = NULL;
    scoring_kind kind;
    size_t index;
    as_stream.batch = as_stream.steps = 1; /* of which the plan is for */
    TRY(source_read_name(w->call->source, &w->source));
    TRY(read_speed(w));
    TRY(read_format(w));
    if (w->call->offline && w->source.kind > SOURCE_FILE)
        return cli_misuse("--offline is for files and recordings, which have an end");
    TRY(split_output(w->call->watched, &output, &index));
    TRY(cli_model_open(&w->model, &as_stream, 0));
    TRY(read_recipe(w));
    TRY(read_kind(w, &kind));
    w->source.room = w->call->queue;
    return set_monitor(w, output, index, kind);
}
