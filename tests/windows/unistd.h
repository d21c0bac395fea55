/* SPDX-License-Identifier: Apache-2.0 */
#include_next <unistd.h>

#ifndef RNNP_TESTS_UNISTD_H
#define RNNP_TESTS_UNISTD_H

#include <process.h>
#include <stdio.h>

#define remove rnnp_tests_remove
#define execvp rnnp_tests_execvp
int remove(const char *path);                         /* folders, too */
int execvp(const char *file, char *const *arguments); /* stays, and exits with the status of what it starts */

#endif
