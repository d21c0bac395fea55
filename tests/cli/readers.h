/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of what train and eval read: files in a folder of the program's own, configurations, and the sentence that a
 * fault says (cli_fail is the test's own).
 */
#ifndef RNNP_TESTS_READERS_H
#define RNNP_TESTS_READERS_H

#include "tests/scratch.h"

#undef FREED /* cli.h has one of its own, which does the same */
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
/* Reads text as the data of a configuration with these lines. CLI_OK or CLI_FAILED; config and set are the caller's. */
int read_as(const char *data_lines, const char *text, train_config *config, dataset *set);
/* The same of a text that must be refused with this sentence, word for word. */
void refused(const char *data_lines, const char *text, const char *sentence);
/* Text must be read as these steps, "1 2 | 3 ?" (features in turn, ? where a value is missing), and these classes by
 * name, one per sequence. */
void reads(const char *data_lines, const char *text, const char *values, const char *classes);
void free_all(train_config *config, dataset *set);

#endif
