/* SPDX-License-Identifier: Apache-2.0 */
#include "system.h"

#include <winternl.h>

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <io.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Errors ---- */

int rnnp_windows_error(DWORD code)
{
    switch (code) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME:
    case ERROR_BAD_PATHNAME:
    case ERROR_BAD_NETPATH:
    case ERROR_INVALID_DRIVE: return ENOENT;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS: return EEXIST;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
    case ERROR_USER_MAPPED_FILE: return EACCES;
    case ERROR_LOCK_VIOLATION: return EWOULDBLOCK;
    case ERROR_DIRECTORY: return ENOTDIR;
    case ERROR_DIR_NOT_EMPTY: return ENOTEMPTY;
    case ERROR_FILENAME_EXCED_RANGE: return ENAMETOOLONG;
    case ERROR_WRITE_PROTECT: return EROFS;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL: return ENOSPC;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_COMMITMENT_LIMIT: return ENOMEM;
    case ERROR_TOO_MANY_OPEN_FILES: return EMFILE;
    case ERROR_INVALID_HANDLE: return EBADF;
    default: return EIO;
    }
}

/* 0, or -1 with errno. */
int rnnp_windows_done(BOOL success)
{
    if (!success) errno = rnnp_windows_error(GetLastError());
    return success ? 0 : -1;
}

/* Classes that mingw-w64's headers do not name yet. */
static const FILE_INFO_BY_HANDLE_CLASS disposition_ex = (FILE_INFO_BY_HANDLE_CLASS)21;
static const FILE_INFO_BY_HANDLE_CLASS rename_ex = (FILE_INFO_BY_HANDLE_CLASS)22;

NTSYSAPI NTSTATUS NTAPI RtlGetLastNtStatus(void);

/* ---- Names ---- */

enum { SHARE = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, PATH_BYTES = 4096, TRIES = 50 };

/* While somebody has a removed file open, older systems refuse to open or replace it: then it is tried again for a
 * while. */
static int is_going(int try)
{
    const DWORD error = GetLastError();
    const int going = error == ERROR_DELETE_PENDING || error == ERROR_SHARING_VIOLATION ||
                      (error == ERROR_ACCESS_DENIED && RtlGetLastNtStatus() == (NTSTATUS)0xC0000056);

    if (going && try < TRIES) Sleep(1);
    SetLastError(error);
    return going && try < TRIES;
}

/* Folders, too. */
HANDLE rnnp_windows_open(const char *path, DWORD access, DWORD disposition, int follow)
{
    const DWORD flags = FILE_FLAG_BACKUP_SEMANTICS | (follow ? 0 : FILE_FLAG_OPEN_REPARSE_POINT);
    HANDLE file;

    for (int try = 0;; try++) {
        file = CreateFileA(path, access, SHARE, NULL, disposition, flags, NULL);
        if (file != INVALID_HANDLE_VALUE || !is_going(try)) return file;
    }
}

char *realpath(const char *path, char *real)
{
    static const char share[] = "\\\\?\\UNC\\", drive[] = "\\\\?\\";
    char name[PATH_BYTES];
    HANDLE file = rnnp_windows_open(path, 0, OPEN_EXISTING, 1);
    DWORD length;

    if (file != INVALID_HANDLE_VALUE) {
        length = GetFinalPathNameByHandleA(file, name, sizeof name, FILE_NAME_NORMALIZED | VOLUME_NAME_DOS);
        CloseHandle(file);
    } else {
        const DWORD error = GetLastError();
        /* A link that leads nowhere is there itself. */
        if (rnnp_windows_error(error) != ENOENT || GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES) {
            errno = rnnp_windows_error(error);
            return NULL;
        }
        length = GetFullPathNameA(path, sizeof name, name, NULL);
    }
    if (length == 0 || length >= sizeof name) {
        errno = length ? ENAMETOOLONG : rnnp_windows_error(GetLastError());
        return NULL;
    }
    if (strncmp(name, share, strlen(share)) == 0)
        snprintf(real, PATH_BYTES, "//%s", name + strlen(share));
    else
        snprintf(real, PATH_BYTES, "%s", name + (strncmp(name, drive, strlen(drive)) == 0 ? strlen(drive) : 0));
    for (char *p = real; (p = strchr(p, '\\')) != NULL;) *p = '/';
    return real;
}

/* ---- Files ---- */

static int check_opened(HANDLE file, int flags)
{
    struct stat about;

    if (!(flags & (O_NOFOLLOW | O_DIRECTORY))) return 0;
    if (rnnp_windows_describe(file, &about) != 0) return -1;
    if ((flags & O_NOFOLLOW) && S_ISLNK(about.st_mode)) {
        errno = ELOOP;
        return -1;
    }
    if (!(flags & O_DIRECTORY) || S_ISDIR(about.st_mode)) return 0;
    errno = ENOTDIR;
    return -1;
}

int open(const char *path, int flags, ...)
{
    static const DWORD accesses[] = {GENERIC_READ, GENERIC_WRITE, GENERIC_READ | GENERIC_WRITE, 0};
    const int create = flags & (O_CREAT | O_EXCL | O_TRUNC);
    const DWORD disposition = (create & O_CREAT) && (create & O_EXCL)    ? CREATE_NEW
                              : (create & O_CREAT) && (create & O_TRUNC) ? CREATE_ALWAYS
                              : create & O_CREAT                         ? OPEN_ALWAYS
                              : create & O_TRUNC                         ? TRUNCATE_EXISTING
                                                                         : OPEN_EXISTING;
    const char *name = strcmp(path, "/dev/null") == 0 ? "NUL" : path;
    HANDLE file = rnnp_windows_open(name, accesses[flags & 3], disposition, !(flags & O_NOFOLLOW));

    if (file == INVALID_HANDLE_VALUE) return rnnp_windows_done(FALSE);
    const int fd = check_opened(file, flags)
                       ? -1
                       : _open_osfhandle((intptr_t)file, (flags & (O_APPEND | O_NOINHERIT)) | _O_BINARY);
    if (fd < 0) CloseHandle(file);
    return fd;
}

int fcntl(int fd, int what)
{
    (void)what;
    return rnnp_windows_handle(fd) == INVALID_HANDLE_VALUE ? -1 : 0;
}

static unsigned most(size_t bytes) { return bytes < 1 << 30 ? (unsigned)bytes : 1u << 30; }

ssize_t read(int fd, void *to, size_t bytes) { return _read(fd, to, most(bytes)); }

ssize_t write(int fd, const void *from, size_t bytes) { return _write(fd, from, most(bytes)); }

/* ReadFile moves the position, whatever OVERLAPPED says. */
ssize_t pread(int fd, void *to, size_t bytes, long long at)
{
    OVERLAPPED where = {.Offset = (DWORD)at, .OffsetHigh = (DWORD)(at >> 32)};
    const long long before = _lseeki64(fd, 0, SEEK_CUR);
    DWORD got = 0;

    if (before < 0) return -1;
    if (!ReadFile(rnnp_windows_handle(fd), to, most(bytes), &got, &where) && GetLastError() != ERROR_HANDLE_EOF)
        return rnnp_windows_done(FALSE);
    return _lseeki64(fd, before, SEEK_SET) < 0 ? -1 : (ssize_t)got;
}

/* A folder cannot be written to; its changes are durable as rename() makes them. */
int fsync(int fd)
{
    struct stat about;

    if (FlushFileBuffers(rnnp_windows_handle(fd))) return 0;
    const DWORD error = GetLastError();
    errno = fstat(fd, &about) == 0 && S_ISDIR(about.st_mode) ? EINVAL : rnnp_windows_error(error);
    return -1;
}

int flock(int fd, int operation)
{
    OVERLAPPED where = {.OffsetHigh = 0x7FFFFFFF};
    const DWORD flags = LOCKFILE_EXCLUSIVE_LOCK | (operation & LOCK_NB ? LOCKFILE_FAIL_IMMEDIATELY : 0);

    if (operation & LOCK_UN) return rnnp_windows_done(UnlockFileEx(rnnp_windows_handle(fd), 0, 1, 0, &where));
    return rnnp_windows_done(LockFileEx(rnnp_windows_handle(fd), flags, 0, 1, 0, &where));
}

int unlink(const char *path)
{
    FILE_DISPOSITION_INFO_EX now = {.Flags = FILE_DISPOSITION_FLAG_DELETE | FILE_DISPOSITION_FLAG_POSIX_SEMANTICS};
    HANDLE file = rnnp_windows_open(path, DELETE, OPEN_EXISTING, 0);

    if (file == INVALID_HANDLE_VALUE) return rnnp_windows_done(FALSE);
    BOOL gone = SetFileInformationByHandle(file, disposition_ex, &now, sizeof now);
    CloseHandle(file);
    if (!gone) gone = DeleteFileA(path);
    return rnnp_windows_done(gone);
}

static BOOL rename_at_once(const char *from, const char *to)
{
    union {
        FILE_RENAME_INFO info;
        BYTE bytes[sizeof(FILE_RENAME_INFO) + sizeof(WCHAR) * PATH_BYTES];
    } u = {.info = {.Flags = FILE_RENAME_FLAG_REPLACE_IF_EXISTS | FILE_RENAME_FLAG_POSIX_SEMANTICS}};
    const int length = MultiByteToWideChar(CP_ACP, 0, to, -1, u.info.FileName, PATH_BYTES);
    HANDLE file = rnnp_windows_open(from, DELETE | SYNCHRONIZE, OPEN_EXISTING, 0);

    if (length <= 0 || file == INVALID_HANDLE_VALUE) return FALSE;
    u.info.FileNameLength = (DWORD)((size_t)(length - 1) * sizeof(WCHAR));
    const BOOL renamed = SetFileInformationByHandle(file, rename_ex, &u, sizeof u);
    CloseHandle(file);
    return renamed;
}

int rename(const char *from, const char *to)
{
    BOOL renamed = rename_at_once(from, to);

    for (int try = 0; !renamed && try <= TRIES; try++) {
        renamed = MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH);
        /* Refused, perhaps because somebody reads what is there. */
        if (!renamed && GetLastError() == ERROR_ACCESS_DENIED)
            Sleep(1), SetLastError(ERROR_ACCESS_DENIED);
        else if (!renamed && !is_going(try))
            break;
    }
    return rnnp_windows_done(renamed);
}

int mkdir(const char *path, unsigned mode)
{
    (void)mode;
    return rnnp_windows_done(CreateDirectoryA(path, NULL));
}

/* ---- Memory ---- */

static DWORD protection(int access)
{
    return access & PROT_WRITE ? PAGE_READWRITE : access & PROT_READ ? PAGE_READONLY : PAGE_NOACCESS;
}

void *mmap(void *at, size_t bytes, int access, int flags, int fd, long long offset)
{
    void *p = NULL;

    (void)offset;
    if (flags & MAP_ANONYMOUS) {
        p = VirtualAlloc(at, bytes, MEM_RESERVE | MEM_COMMIT, protection(access));
    } else {
        HANDLE map = CreateFileMappingA(rnnp_windows_handle(fd), NULL, PAGE_READONLY, 0, 0, NULL);
        if (map) p = MapViewOfFile(map, FILE_MAP_READ, 0, 0, bytes);
        const DWORD error = GetLastError();
        if (map) CloseHandle(map);
        SetLastError(error);
    }
    if (!p) (void)rnnp_windows_done(FALSE);
    return p ? p : MAP_FAILED;
}

int munmap(void *at, size_t bytes)
{
    (void)bytes;
    return rnnp_windows_done(UnmapViewOfFile(at) || VirtualFree(at, 0, MEM_RELEASE));
}

int mprotect(void *at, size_t bytes, int access)
{
    DWORD before;

    return rnnp_windows_done(VirtualProtect(at, bytes, protection(access), &before));
}

/* ---- Others ---- */

long sysconf(int what)
{
    DWORD_PTR own, all;
    SYSTEM_INFO info;

    GetSystemInfo(&info);
    if (what == _SC_PAGESIZE) return (long)info.dwPageSize;
    if (what != _SC_NPROCESSORS_ONLN) return -1;
    /* A process that spans several groups of CPUs has no mask. */
    if (GetProcessAffinityMask(GetCurrentProcess(), &own, &all) && own) return __builtin_popcountll(own);
    return (long)GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
}

/* The end of a set that begins behind "[", or NULL; *in tells whether c is in it. */
static const char *read_set(const char *p, char c, int *in)
{
    const int without = *p == '!' || *p == '^';

    *in = 0;
    p += without;
    for (const char *first = p; *p && (*p != ']' || p == first); p++) {
        const char from = *p == '\\' && p[1] ? *++p : *p;
        const int range = p[1] == '-' && p[2] && p[2] != ']';
        if (range) p += 2;
        *in |= from <= c && c <= (range ? *p : from);
    }
    *in ^= without;
    return *p ? p + 1 : NULL;
}

int fnmatch(const char *pattern, const char *text, int flags)
{
    (void)flags;
    for (; *pattern; text++) {
        const char *set;
        int in;

        if (*pattern == '*') {
            while (*pattern == '*') pattern++;
            for (;; text++) {
                if (fnmatch(pattern, text, 0) == 0) return 0;
                if (!*text) return 1;
            }
        }
        if (!*text) return 1;
        if (*pattern == '[' && (set = read_set(pattern + 1, *text, &in)) != NULL) {
            if (!in) return 1;
            pattern = set;
            continue;
        }
        if (*pattern == '\\' && pattern[1])
            pattern++;
        else if (*pattern == '?') {
            pattern++;
            continue;
        }
        if (*pattern++ != *text) return 1;
    }
    return *text != '\0';
}
