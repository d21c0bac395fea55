/* SPDX-License-Identifier: Apache-2.0
 *
 * INI files line by line. libinih is no choice: it cuts lines at 199 characters without a word, and its caller can tell
 * neither a line that goes on from a key that is given twice, nor where either stands.
 *
 *   [section]
 *   name = value        ; a comment begins at a ; or # in front, or at a ; behind a blank
 *       more of it      an indented line goes on with the value above
 */
#ifndef RNNP_CLI_INI_H
#define RNNP_CLI_INI_H

#include <stddef.h>

/* One line of a value, or (name is NULL) the beginning of a section. A ; that is the first thing behind the = stays:
 * whether it is a comment or the value depends on the key. */
typedef struct ini_value {
    const char *path, *section, *name;
    char *text; /* without blanks around it */
    size_t line;
    int more; /* goes on with the value of the line above */
} ini_value;

typedef int ini_fn(void *user, const ini_value *value);

/* Calls fn for each until one does not return CLI_OK. CLI_FAILED after a sentence that names file and line. */
int ini_read(const char *path, ini_fn *fn, void *user);

#endif
