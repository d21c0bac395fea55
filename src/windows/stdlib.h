/* SPDX-License-Identifier: Apache-2.0 */
#include_next <stdlib.h>

#ifndef RNNP_WINDOWS_STDLIB_H
#define RNNP_WINDOWS_STDLIB_H

#include <stddef.h>

/* Paths get slashes in place of backslashes. `real` has room for 4096 characters. A path where nothing is yet is
 * resolved as far as it goes. */
#define realpath rnnp_posix_realpath
#define setenv rnnp_posix_setenv
#define unsetenv rnnp_posix_unsetenv
#define mkdtemp rnnp_posix_mkdtemp
char *realpath(const char *path, char *real);
int setenv(const char *name, const char *value, int overwrite);
int unsetenv(const char *name);
char *mkdtemp(char *name);

#endif
