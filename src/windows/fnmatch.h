/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RNNP_WINDOWS_FNMATCH_H
#define RNNP_WINDOWS_FNMATCH_H

/* "*", "?", "[a-z]", "[!a-z]" and "\"; flags: 0 */
#define fnmatch rnnp_posix_fnmatch
int fnmatch(const char *pattern, const char *text, int flags);

#endif
