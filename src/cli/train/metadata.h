/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of texts as metadata of a model, a line each. In a line \n, \r and \\ stand for themselves.
 */
#ifndef RNNP_CLI_METADATA_H
#define RNNP_CLI_METADATA_H

#include "../model.h"
#include "text.h"

/* Keys of ours begin so. */
#define METADATA "rnnpack."

/* Nothing is set without texts; names that are NULL are empty lines. */
int metadata_set(rnnp_context *context, rnnp_model *model, const char *key, char *const *names, size_t n);
int metadata_set_list(rnnp_context *context, rnnp_model *model, const char *key, const text_list *list);
/* The texts of a key, for cli_free_texts; NULL where there are none. */
char **metadata_list(const rnnp_model *model, const char *key, size_t *n);
/* Fails with a sentence about the model of this name. */
int metadata_damaged(const char *name, const char *key);

#endif
