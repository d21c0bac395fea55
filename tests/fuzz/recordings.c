/* SPDX-License-Identifier: Apache-2.0
 *
 * Recordings, read as training reads them. The first byte of an input says which configuration, and whether the rest is
 * an EDF or BDF file or a WFDB record: a header, a line "--", the signal file h.dat, a line "--" and the annotations.
 */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "src/cli/cli.h"
#include "src/cli/train/dataset.h"

static const char *const sections[] = {
    "target = input\n",
    "target = input\nclipped = missing\nunit = V\nrate = 50\n",
    "annotations = points\nbefore = 0.1\nafter = 0.1\n",
    "annotations = points\nbefore = 0\nafter = 0.3\nclasses = x: /[A-Z].*/, y: /./\nblock = 2\nrate = 100\n",
    "annotations = spans\nchannels = /.*[0-9A-Z]/\n",
    "target = next\nwindow = 3\nchannels = one: /.*/\n",
};
enum { SECTIONS = sizeof sections / sizeof sections[0], WFDB = 128 };

/* The part up to the next line "--"; *data moves behind it. */
static size_t part(const uint8_t **data, size_t *size)
{
    static const char line[] = "\n--\n";
    const size_t skip = sizeof line - 1;
    size_t n = 0;

    while (n + skip <= *size && memcmp(*data + n, line, skip) != 0) n++;
    const size_t found = n + skip <= *size ? n : *size;
    *data += found < *size ? found + skip : found;
    *size -= found < *size ? found + skip : found;
    return found;
}

static const char *write_files(int wfdb, const uint8_t *data, size_t size)
{
    static const char *const names[] = {"h.hea", "h.dat", "h.atr"};
    const char *path = NULL;

    if (!wfdb) return fuzz_file("h.edf", data, size);
    for (int i = 0; i < 3; i++) {
        const uint8_t *from = data;
        const size_t n = part(&data, &size);
        const char *written = fuzz_file(names[i], from, n);
        if (i == 0) path = written;
    }
    return path;
}

static int read_as(const train_config *config, const char *path, const dataset *like, dataset *set)
{
    vocabulary words = {0};
    return dataset_read(&(data_source){.config = config, .path = path, .like = like, .words = &words}, set);
}

static int same_steps(const dataset *a, const dataset *b)
{
    return a->n == b->n && a->features == b->features && a->classes == b->classes &&
           memcmp(a->first, b->first, (a->n + 1) * sizeof *a->first) == 0 &&
           memcmp(a->x, b->x, a->first[a->n] * a->features * sizeof *a->x) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static train_config config;
    char text[512];
    dataset set, again;

    if (size < 1) return -1;
    fuzz_silence();
    const char *section = sections[data[0] % WFDB % SECTIONS];
    const char *path = write_files(data[0] >= WFDB, data + 1, size - 1);
    snprintf(text, sizeof text,
             "[data]\nformat = recordings\ntrain = h\n%s[model]\nlayers =\n    lstm 2\n    dense 2\n%s", section,
             strstr(section, "target") ? "[train]\nloss = mse\n" : "");
    fuzz_check(config_read(fuzz_file("config.ini", text, strlen(text)), NULL, &config) == CLI_OK);
    if (read_as(&config, path, NULL, &set) == CLI_OK) {
        fuzz_check(read_as(&config, path, &set, &again) == CLI_OK); /* a file is like itself */
        fuzz_check(same_steps(&set, &again));
        dataset_cut(&config, &set);
        dataset_free(&set);
        dataset_free(&again);
    }
    config_free(&config);
    return 0;
}
