/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests use of POSIX beyond src/windows. On Windows, free() frees no aligned block: in test programs
 * the linker puts functions of posix.c in the place of malloc() and its kind.
 */
#include_next <stdlib.h>

#ifndef RNNP_TESTS_STDLIB_H
#define RNNP_TESTS_STDLIB_H

#include <stddef.h>

#define aligned_alloc rnnp_tests_aligned_alloc
#define posix_memalign rnnp_tests_posix_memalign
#define setenv rnnp_tests_setenv
#define unsetenv rnnp_tests_unsetenv
#define mkstemp rnnp_tests_mkstemp
#define mkdtemp rnnp_tests_mkdtemp
void *aligned_alloc(size_t align, size_t bytes);
int posix_memalign(void **p, size_t align, size_t bytes);
int setenv(const char *name, const char *value, int overwrite);
int unsetenv(const char *name);
int mkstemp(char *name);
char *mkdtemp(char *name); /* makes the folder above, too: there need not be a "/tmp" */

#endif
