/* SPDX-License-Identifier: Apache-2.0
 *
 * Data of trainings: tables, texts and arrays in all formats, read, then trained on for an epoch and asked about. The
 * first byte of an input says which configuration and how far it goes; the rest is the data file. Of arrays further
 * files have the labels, ids, groups and lengths: each is the part behind a line "--".
 */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "src/cli/cli.h"
#include "src/cli/train/dataset.h"

static const char *const sections[] = {
    "format = csv\nid = id\nlabel = label\n",
    "format = csv\nid = id\ntime = t\nlabel = label\ngroup = g\nmissing = carry\nmask = yes\ndelta = yes\n",
    "format = csv\nid = id\nfeatures = a, b\ntarget = next\nmissing = mean\nwindow = 3\n",
    "format = csv\nid = id\nlabel = label\nseparator = blank\nmissing = zero\nlongest = 2\n",
    "format = wide\n",
    "format = wide\nlabel = last\nseparator = blank\nmissing = zero\n",
    "format = tokens\nleast = 1\n",
    "format = npy\n",
    "format = npy\ntarget = next\n",
    "format = idx\nscale = 0.5\n",
    "format = npy\ntarget = input\nwindow = 2\nstride = 1\n",
    "format = csv\nid = id\ntarget = values\nvalues = a, b\nmissing = mean\n",
    "format = csv\nid = id\ntarget = labels\nlabels = a, b\nmissing = zero\n",
    "format = csv\nid = id\ntarget = step_label\nlabel = label\nmissing = carry\nwindow = 2\n",
    "format = wide\ntarget = values\nmissing = mean\n",
    "format = csv\nid = id\nlabel = label\ncategories = a\nmissing = mean\nstandardise = yes\n",
    "format = csv\nid = id\ntime = t\nlabel = label\nlabel_time = known\nfuture = drop\nmissing = carry\n",
};
enum { SECTIONS = sizeof sections / sizeof sections[0], FOLDS = 64, TRAIN_FROM = 128 };

/* The part up to the next line "--"; *data moves behind it. *more: there was such a line. */
static size_t part(const uint8_t **data, size_t *size, int *more)
{
    static const char line[] = "\n--\n";
    const size_t skip = sizeof line - 1;
    size_t n = 0;

    while (n + skip <= *size && memcmp(*data + n, line, skip) != 0) n++;
    *more = n + skip <= *size;
    const size_t found = *more ? n : *size, all = *more ? n + skip : *size;
    *data += all;
    *size -= all;
    return found;
}

enum { FURTHER = 4 };
static const char *const further[FURTHER] = {"labels", "ids", "groups", "lengths"};

/* Writes the files that an input has; the lines that name the further ones are put behind `lines`. */
static const char *write_files(const uint8_t *data, size_t size, int arrays, data_source *from, char *lines)
{
    const char **const to[FURTHER] = {&from->labels, &from->ids, &from->groups, &from->lengths};
    int more = 0;

    if (!arrays) return fuzz_file("data", data, size);
    const uint8_t *at = data;
    const char *path = fuzz_file("data", at, part(&data, &size, &more));
    for (int i = 0; i < FURTHER && more; i++) {
        at = data;
        *to[i] = fuzz_file(further[i], at, part(&data, &size, &more));
        sprintf(lines + strlen(lines), "train_%s = %s\n", further[i], further[i]);
    }
    return path;
}

static void read_only(const char *config_path, data_source from, int number)
{
    static train_config config;
    vocabulary words = {0};
    dataset set, again;

    fuzz_check(config_read(config_path, NULL, &config) == CLI_OK);
    from.config = &config;
    from.words = &words;
    from.grow = 1;
    if (dataset_read(&from, &set) == CLI_OK) {
        /* A file is like itself, but for sequences too short for a forecast, which a training may leave out. */
        from.like = &set;
        from.grow = 0;
        const int code = dataset_read(&from, &again);
        fuzz_check(code == CLI_OK || number);
        if (code == CLI_OK) {
            fuzz_check(again.n == set.n && again.classes == set.classes && again.targets == set.targets &&
                       again.features == set.features);
            dataset_free(&again);
        }
        dataset_free(&set);
    }
    vocabulary_free(&words);
    config_free(&config);
}

/* The program's own way: train, then eval, with files that it writes. */
static void train(char *config_path)
{
    static char model[4096], predictions[4096];

    snprintf(model, sizeof model, "%s", fuzz_file("model.onnx", "", 0));
    snprintf(predictions, sizeof predictions, "%s", fuzz_file("predictions.npy", "", 0));
    char *train_line[] = {"rnnpack", "train",         config_path, "-o",          model, "--isa", "generic",
                          "--quiet", "--predictions", predictions, "--bootstrap", "20",  NULL};
    char *eval_line[] = {"rnnpack", "eval",          model,       "--config",    config_path, "--isa",
                         "generic", "--predictions", predictions, "--bootstrap", "20",        NULL};
    if (cli_main((int)COUNT(train_line) - 1, train_line) == CLI_OK)
        (void)cli_main((int)COUNT(eval_line) - 1, eval_line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return -1;
    fuzz_silence();
    const uint8_t how = data[0];
    const char *section = sections[how % FOLDS % SECTIONS];
    static char text[1024], config_path[4096], lines[256];
    const int arrays = strstr(section, "npy") || strstr(section, "idx");
    data_source from = {0};

    *lines = '\0';
    from.path = write_files(data + 1, size - 1, arrays, &from, lines);
    if (strstr(section, "idx") && !from.labels) { /* those of idx are a must */
        from.labels = fuzz_file("labels", "", 0);
        strcat(lines, "train_labels = labels\n");
    }
    const int number = strstr(section, "next") || strstr(section, "input");
    const int one = strstr(section, "wide\ntarget = values") != NULL;
    const int classes = !number && !strstr(section, "target = values") && !strstr(section, "target = labels");
    snprintf(
        text, sizeof text,
        "[data]\n%strain = data\n%s[model]\n%slayers =\n%s    lstm 2\n    dense %d%s\n[train]\nepochs = 1\nbatch = "
        "4\n%s%s",
        section, lines, strstr(section, "categories") ? "embed = a: 2\n" : "",
        strstr(section, "tokens") ? "    embedding 2\n" : "", 2 - one, classes ? " softmax" : "",
        number ? "loss = mse\n" : "", how & FOLDS ? "folds = 2\n" : "validation = 0.3\n");
    snprintf(config_path, sizeof config_path, "%s", fuzz_file("config.ini", text, strlen(text)));
    if (how < TRAIN_FROM)
        read_only(config_path, from, number);
    else
        train(config_path);
    return 0;
}
