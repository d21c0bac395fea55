/* SPDX-License-Identifier: Apache-2.0 */
#include_next <stdlib.h>

#ifndef RNNP_WINDOWS_STDLIB_H
#define RNNP_WINDOWS_STDLIB_H

#include <stddef.h>

/* Paths get slashes in place of backslashes. `real` has room for 4096 characters. A path where nothing is yet is
 * resolved as far as it goes. */
#define realpath rnnp_posix_realpath
char *realpath(const char *path, char *real);

#endif
