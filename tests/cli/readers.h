/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of what train and eval read: files in a folder of the program's own, configurations, and the sentence that
 * a fault says (cli_fail is the test's own).
 */
#ifndef RNNP_TESTS_READERS_H
#define RNNP_TESTS_READERS_H

#include "tests/scratch.h"

#undef FREED /* cli.h has those of its own */
#undef TRY
#include "src/cli/cli.h"
#include "src/cli/train/dataset.h"

/* The last sentence of cli_fail without the folder's name, "" when there was none since the last read_*. */
extern char said[4096];

/* The path of a file in the folder. */
const char *in_folder(const char *name);
const char *write_bytes(const char *name, const void *bytes, size_t size);
const char *write_text(const char *name, const char *text);

/* A configuration: these lines of [data] under `train = data`, and a network. Must be right. */
train_config configured(const char *data_lines);
/* READING(r, lines, text) declares r, what is read of a text as the data of a configuration with these lines. Must be
 * right; it lasts to the end of the scope. */
typedef struct reading {
    train_config config;
    dataset set;
} reading;
reading read_good(const char *data_lines, const char *text);
void free_reading(reading *r);
#define READING(name, data_lines, text) DROPPED(free_reading) reading name = read_good(data_lines, text)
/* A text that must be refused with this sentence, word for word. */
void refused(const char *data_lines, const char *text, const char *sentence);
/* Text must be read as these steps, "1 2 | 3 ?" (features in turn, ? where a value is missing), and these classes by
 * name, one per sequence. */
void reads(const char *data_lines, const char *text, const char *values, const char *classes);

#endif
