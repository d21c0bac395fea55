/* SPDX-License-Identifier: Apache-2.0
 *
 * read_data CONFIG [TEST]: prints what is read of a configuration's training data (or of TEST, as a test set beside
 * it), for recordings.py and numpy_files.py. A line for each sequence (id, group, label, steps, separated by tabs),
 * then one for each step.
 */
#include <stdarg.h>
#include <stdio.h>

#include "src/cli/cli.h"
#include "src/cli/train/dataset.h"

int cli_fail(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    return CLI_FAILED;
}

/* The file as the configuration names it, or NULL. */
static const char *file(const train_config *config, const char *name, char text[2 * CONFIG_TEXT])
{
    return *name ? config_path(config, name, text, 2 * CONFIG_TEXT) : NULL;
}

static int read_set(const train_config *config, const char *test, const dataset *like, dataset *set)
{
    static char joined[5][2 * CONFIG_TEXT];
    vocabulary words = {0};
    data_source from = {.config = config, .path = test, .like = like, .words = &words};
    if (!test) {
        from.path = file(config, config->train, joined[0]);
        from.labels = file(config, config->train_labels, joined[1]);
        from.ids = file(config, config->train_ids, joined[2]);
        from.groups = file(config, config->train_groups, joined[3]);
        from.lengths = file(config, config->train_lengths, joined[4]);
    }
    TRY(dataset_read(&from, set));
    if (config->window || config->longest) dataset_cut(config, set);
    return CLI_OK;
}

static const char *shown(const char *text) { return text ? text : ""; }

static void print(const dataset *set)
{
    printf("rate %llu/%llu", (unsigned long long)set->rate[0], (unsigned long long)set->rate[1]);
    for (size_t f = 0; f < set->features && set->columns; f++) printf("\t%s [%s]", set->columns[f], set->units[f]);
    for (size_t i = 0; i < set->n; i++) {
        printf("\n%s\t%s\t%s\t%zu", shown(dataset_id(set, i)), shown(dataset_group(set, i)),
               set->label ? set->class_names[set->label[i]] : "", dataset_steps(set, i));
        for (size_t t = set->first[i]; t < set->first[i + 1]; t++) {
            putchar('\n');
            for (size_t f = 0; f < set->features; f++) printf("%a ", (double)set->x[t * set->features + f]);
        }
    }
    putchar('\n');
}

int main(int argc, char **argv)
{
    static train_config config;
    dataset train = {0}, test = {0};
    int code = argc < 2 ? CLI_USAGE : config_read(argv[1], NULL, &config);
    if (code == CLI_OK) code = read_set(&config, NULL, NULL, &train);
    if (code == CLI_OK && argc > 2) code = read_set(&config, argv[2], &train, &test);
    if (code == CLI_OK) print(argc > 2 ? &test : &train);
    dataset_free(&train);
    dataset_free(&test);
    config_free(&config);
    return code;
}
