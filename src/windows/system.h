/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share.
 */
#ifndef RNNP_WINDOWS_SYSTEM_H
#define RNNP_WINDOWS_SYSTEM_H

#include <windows.h>

#include <io.h>

struct rnnp_posix_stat;

/* errno of an error of Windows. */
int rnnp_windows_error(DWORD code);
/* 0, or -1 with errno. */
int rnnp_windows_done(BOOL success);
/* A file or folder, shared with everybody; the link itself without `follow`. INVALID_HANDLE_VALUE. */
HANDLE rnnp_windows_open(const char *path, DWORD access, DWORD disposition, int follow);
int rnnp_windows_describe(HANDLE file, struct rnnp_posix_stat *about);

static inline HANDLE rnnp_windows_handle(int fd) { return (HANDLE)_get_osfhandle(fd); }

#endif
