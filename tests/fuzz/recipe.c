/* SPDX-License-Identifier: Apache-2.0
 *
 * Metadata of a model from a hostile source: what they say of data (recipe.h) and of probabilities (decider.h), and
 * data read as they say. An input is entries that each begin with a line @KEY; what follows, up to the next such
 * line, is the value of rnnpack.KEY. The entry @file is the data.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/cli/cli.h"
#include "src/cli/train/decider.h"
#include "src/cli/train/recipe.h"

typedef struct entries {
    rnnp_model *model;
    const char *file;
} entries;

static void add_entry(entries *e, char *key, char *value)
{
    char name[64];
    if (strcmp(key, "file") == 0) e->file = value;
    if (strlen(key) > 40 || strcmp(key, "file") == 0) return;
    snprintf(name, sizeof name, "rnnpack.%s", key);
    fuzz_check(rnnp_model_set_metadata(e->model, name, value) == RNNP_OK);
}

/* Cuts the text, in place. */
static void read_entries(entries *e, char *text)
{
    char *at = *text == '@' ? text : strstr(text, "\n@");
    for (char *next; at; at = next) {
        char *key = at + 1 + (*at == '\n'), *end = strchr(key, '\n');
        if (!end) return;
        next = strstr(end, "\n@");
        if (next) *next = '\0';
        *end = '\0';
        add_entry(e, key, next == end ? end : end + 1);
        if (next) *next = '\n';
    }
}

/* Probabilities from 0 to 1 in all classes there are. */
static void decide(const decider *d, const recipe *r)
{
    enum { N = 5 };
    static const uint32_t rows[N];
    scores s;
    scores_create(&s, &r->config, &r->like, rows, N);
    for (size_t i = 0; i < N * s.classes; i++) s.p[i] = (float)(i % 7) / 6;
    for (size_t i = 0; i < N; i++) s.truth[i] = i % 2 ? -1 : 0;
    if (decider_apply(d, &r->config, &r->like, &s) == CLI_OK)
        for (size_t i = 0; i < N; i++) {
            fuzz_check(scores_class(&s, i) < s.classes);
            for (size_t k = 0; k < s.classes; k++)
                fuzz_check(s.p[i * s.classes + k] >= 0 && s.p[i * s.classes + k] <= 1);
        }
    scores_free(&s);
}

static void use(const rnnp_model *model, const char *file)
{
    recipe r = {0};
    decider d = {0};
    dataset set = {0};
    char text[DECIDER_TEXT];
    const int told = recipe_read(model, "model", &r), decided = decider_read(model, "model", &d);
    if (told == CLI_OK && file) {
        const char *path = fuzz_file("data.csv", file, strlen(file));
        if (recipe_data(&r, path, &set) == CLI_OK) {
            fuzz_check(set.n > 0);
            fuzz_check(set.tokens || set.features == r.like.features * (size_t)(1 + r.config.mask + r.config.delta));
            for (size_t i = 0; set.label && i < set.n; i++) fuzz_check(set.label[i] >= 0);
        }
    }
    if (decided == CLI_OK) {
        if (decider_calibration_text(&d, text)) fuzz_check(strlen(text) > 5);
        if (decider_threshold_text(&d, text)) fuzz_check(strlen(text) > 5);
        if (told == CLI_OK && r.config.target == TARGET_LABEL) decide(&d, &r);
    }
    dataset_free(&set);
    decider_free(&d);
    recipe_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t before = fuzz_live_bytes();
    char *text = malloc(size + 1);
    entries e = {0};

    fuzz_check(text != NULL);
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    fuzz_silence();
    fuzz_check(rnnp_model_create(fuzz_context(), &e.model) == RNNP_OK);
    read_entries(&e, text);
    use(e.model, e.file);
    rnnp_model_destroy(e.model);
    free(text);
    fuzz_check(fuzz_live_bytes() == before);
    return 0;
}
