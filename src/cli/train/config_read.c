/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "../cli.h"

/* ---- Reading ---- */

typedef struct reader {
    train_config *config;
    const size_t *choices;
    int variables; /* first pass: only those of [search] */
    const ini_value *at;
} reader;

/* The variable that $name at `text` stands for: the one with the longest name that fits. CONFIG_VARIABLES: none. */
static size_t find_variable(const train_config *c, const char *text)
{
    size_t found = CONFIG_VARIABLES, longest = 0;
    for (size_t i = 0; i < c->n_variables; i++) {
        const size_t n = strlen(c->variables[i].name);
        if (n > longest && strncmp(text + 1, c->variables[i].name, n) == 0) found = i, longest = n;
    }
    return found;
}

/* `$name` replaced by the choice that holds. */
static int substitute(reader *r, const char *value, char *text, size_t size)
{
    size_t used = 0;
    while (*value) {
        const size_t found = *value == '$' ? find_variable(r->config, value) : CONFIG_VARIABLES;
        const search_variable *v = found < CONFIG_VARIABLES ? &r->config->variables[found] : NULL;
        if (*value == '$' && !v) return config_fault(r->at, "'%.80s' does not name a variable of [search]", value);
        const char *piece = v ? v->choice[v->at] : value;
        const size_t length = v ? strlen(piece) : 1;

        if (used + length + 1 > size) return config_fault(r->at, "the value is longer than %zu characters", size - 1);
        memcpy(text + used, piece, length);
        used += length;
        value += v ? strlen(v->name) + 1 : 1;
        if (v) r->config->variables[found].used = 1;
    }
    text[used] = '\0';
    return CLI_OK;
}

/* name = choice | choice, or more of them. */
static int read_variable(reader *r, const char *name, char *value)
{
    train_config *c = r->config;
    search_variable *v = r->at->more ? &c->variables[c->n_variables - 1] : &c->variables[c->n_variables];
    if (!r->at->more) {
        for (size_t i = 0; i < c->n_variables; i++)
            if (strcmp(c->variables[i].name, name) == 0) return config_fault(r->at, "[search] %s is given twice", name);
        if (c->n_variables == CONFIG_VARIABLES || strlen(name) >= sizeof v->name)
            return config_fault(r->at, "%.80s: more than %d variables, or a name too long", name, CONFIG_VARIABLES);
        strcpy(v->name, name);
        v->at = r->choices ? r->choices[c->n_variables] : 0;
        c->n_variables++;
    }
    for (char *next = value; next && *next;) {
        char *word = next, *bar = strchr(next, '|');
        next = bar ? bar + 1 : NULL;
        if (bar) *bar = '\0';
        word = text_trim(word);
        if (!*word) return config_fault(r->at, "%s has nothing between two |", name);
        if (v->n == CONFIG_CHOICES || strlen(word) >= sizeof v->choice[0])
            return config_fault(r->at, "%s: more than %d choices, or one longer than %zu characters", name,
                                CONFIG_CHOICES, sizeof v->choice[0] - 1);
        strcpy(v->choice[v->n++], word);
    }
    return CLI_OK;
}

/* Names and files of [data] may have a $ of their own. */
static int refuse_variables(const reader *r, const char *name, const char *value)
{
    for (const char *s = strchr(value, '$'); s; s = strchr(s + 1, '$'))
        if (find_variable(r->config, s) < CONFIG_VARIABLES)
            return config_fault(r->at, "[data] %s must be the same in all trials, not '%.80s'", name, value);
    return CLI_OK;
}

/* A line of [data], as a model keeps it: not the names of files, which are others where it predicts. */
static void keep_line(reader *r, const ini_value *value, const char *text)
{
    const char *const name = value->more ? "" : value->name, *const between = value->more ? "    " : " = ";
    const size_t size = strlen(name) + strlen(between) + strlen(text) + 1;
    if (strcmp(value->section, "data") != 0) return;
    if (strncmp(value->name, "train", 5) == 0 || strncmp(value->name, "test", 4) == 0) return;
    FREED char *line = cli_alloc(size, 1);
    snprintf(line, size, "%s%s%s", name, between, text);
    text_add(&r->config->data_lines, line);
}

static int begin_section(const reader *r, const char *section)
{
    static const char *const sections[] = {"data", "model", "train", "predict", "federate", "search"};
    for (size_t i = 0; i < COUNT(sections); i++)
        if (strcmp(section, sections[i]) == 0) return CLI_OK;
    return config_fault(r->at,
                        "there is no section [%.80s]; the sections are data, model, train, predict, federate and "
                        "search",
                        section);
}

static int on_value(void *user, const ini_value *value)
{
    reader *r = user;
    char text[CONFIG_TEXT];
    r->at = value;
    if (!value->name) return begin_section(r, value->section);
    const size_t i = config_find_key(value->section, value->name);
    if (*value->text == ';' && (i == CONFIG_KEYS || (config_key(i)->kind != KEY_SEPARATOR &&
                                                     config_key(i)->kind != KEY_DECIMAL))) /* a comment */
        *value->text = '\0';
    if (i == CONFIG_KEYS && strcmp(value->section, "search") == 0)
        return r->variables ? read_variable(r, value->name, value->text) : CLI_OK;
    if (r->variables) return CLI_OK;
    if (i == CONFIG_KEYS) return config_fault(r->at, "[%s] has no key '%.80s'", value->section, value->name);
    const ini_key *k = config_key(i);
    if (!value->more && r->config->line[i])
        return config_fault(r->at, "%s is given twice; the first is in line %zu", k->name, r->config->line[i]);
    if (!value->more)
        r->config->line[i] = value->line;
    else if (k->kind != KEY_LIST && k->kind != KEY_LAYERS)
        return config_fault(r->at, "%s in line %zu has one value, and this line is indented: '%.80s'", k->name,
                            r->config->line[i], value->text);
    if (!config_key_varies(k)) {
        TRY(refuse_variables(r, k->name, value->text));
        keep_line(r, value, value->text);
        return config_read_key(r->config, value, k, value->text);
    }
    TRY(substitute(r, value->text, text, sizeof text));
    keep_line(r, value, text);
    return config_read_key(r->config, value, k, text);
}

static int defaults(train_config *c, const char *path)
{
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t)(slash - path) : 1;
    config_free(c);
    *c = (train_config){.path = path,
                        .separator = ',',
                        .decimal = '.',
                        .horizon = 1,
                        .stride = 1,
                        .scale = 1.0,
                        .annotator = "atr",
                        .least = 1,
                        .epochs = 10,
                        .batch = 32,
                        .seeds = 1,
                        .local_epochs = 1,
                        .secure = 1,
                        .privacy_delta = 1e-5};
    rnnp_train_options_init(&c->options);
    rnnp_optimizer_init(&c->optimizer, RNNP_OPTIMIZER_ADAM);
    rnnp_schedule_init(&c->schedule, RNNP_SCHEDULE_CONSTANT, c->optimizer.rate);
    if (n >= sizeof c->folder) return cli_fail("%.80s...: the name of its folder is too long", path);
    memcpy(c->folder, slash ? path : ".", n);
    return CLI_OK;
}

int config_read_data(const char *name, const char *text, train_config *config)
{
    reader r = {.config = config};
    TRY(defaults(config, name));
    TRY(ini_read_section(name, "data", text, on_value, &r));
    return config_check_data(config);
}

/* A loss that nobody chose is the usual one of the target. */
static void choose_loss(train_config *c)
{
    if (config_line(c, "train", "loss")) return;
    c->options.loss = target_is_number(c->target)  ? RNNP_LOSS_MSE
                      : c->target == TARGET_LABELS ? RNNP_LOSS_BINARY
                                                   : RNNP_LOSS_SPARSE;
}

int config_read(const char *path, const size_t *at, train_config *config)
{
    reader r = {.config = config, .choices = at, .variables = 1};
    if (defaults(config, path) != CLI_OK || ini_read(path, on_value, &r) != CLI_OK) return CLI_FAILED;
    for (size_t v = 0; v < config->n_variables; v++)
        if (!config->variables[v].n) return cli_fail("%s: [search] %s has no choices", path, config->variables[v].name);
    r.variables = 0;
    if (ini_read(path, on_value, &r) != CLI_OK) return CLI_FAILED;
    config->optimizer.rate = config->schedule.rate;
    config->schedule.epochs = config->epochs;
    choose_loss(config);
    return config_check(config);
}
