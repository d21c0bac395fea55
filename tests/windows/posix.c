/* SPDX-License-Identifier: Apache-2.0 */
#include <windows.h>

#include <errno.h>
#include <direct.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Memory: any block can be freed and grown, whatever its alignment ---- */

void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *p, size_t bytes);
void __wrap_free(void *p);
char *__wrap_strdup(const char *text);

/* In front of each block. */
typedef struct head {
    void *whole;
    size_t bytes;
} head;

void *aligned_alloc(size_t align, size_t bytes)
{
    const size_t room = sizeof(head) + align;
    char *const whole = bytes > SIZE_MAX - room ? NULL : HeapAlloc(GetProcessHeap(), 0, bytes + room);

    if (!whole) return NULL;
    char *const p = whole + room - ((uintptr_t)whole + room) % align;
    memcpy(p - sizeof(head), &(head){whole, bytes}, sizeof(head));
    return p;
}

static head head_of(void *p)
{
    head h;

    memcpy(&h, (char *)p - sizeof h, sizeof h);
    return h;
}

int posix_memalign(void **p, size_t align, size_t bytes)
{
    *p = aligned_alloc(align, bytes);
    return *p ? 0 : ENOMEM;
}

void *__wrap_malloc(size_t bytes) { return aligned_alloc(16, bytes); }

void *__wrap_calloc(size_t n, size_t bytes)
{
    void *const p = bytes && n > SIZE_MAX / bytes ? NULL : __wrap_malloc(n * bytes);

    return p ? memset(p, 0, n * bytes) : NULL;
}

void *__wrap_realloc(void *p, size_t bytes)
{
    void *const moved = __wrap_malloc(bytes);

    if (!moved || !p) return moved;
    const size_t before = head_of(p).bytes;
    memcpy(moved, p, before < bytes ? before : bytes);
    __wrap_free(p);
    return moved;
}

void __wrap_free(void *p)
{
    if (p) HeapFree(GetProcessHeap(), 0, head_of(p).whole);
}

char *__wrap_strdup(const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *const copy = __wrap_malloc(bytes);

    return copy ? memcpy(copy, text, bytes) : NULL;
}

/* ---- Processes ---- */

int sched_getaffinity(int self, size_t bytes, cpu_set_t *set)
{
    DWORD_PTR own, all;

    (void)self, (void)bytes;
    if (!GetProcessAffinityMask(GetCurrentProcess(), &own, &all)) return -1;
    set->cpus = own;
    return 0;
}

int sched_setaffinity(int self, size_t bytes, const cpu_set_t *set)
{
    (void)self, (void)bytes;
    return SetProcessAffinityMask(GetCurrentProcess(), set->cpus) ? 0 : -1;
}

int execvp(const char *file, char *const *arguments)
{
    const intptr_t status = _spawnvp(_P_WAIT, file, (const char *const *)arguments);

    if (status == -1) return -1;
    exit((int)status);
}

int setenv(const char *name, const char *value, int overwrite)
{
    return overwrite || !getenv(name) ? _putenv_s(name, value) : 0;
}

int unsetenv(const char *name) { return _putenv_s(name, ""); }

int remove(const char *path) { return unlink(path) == 0 || _rmdir(path) == 0 ? 0 : -1; }

/* Puts the i-th try into the X's at the end of a name. */
static void name_try(char *name, unsigned i)
{
    const unsigned seed = (unsigned)GetTickCount() * 2654435761u + (unsigned)GetCurrentProcessId();

    snprintf(name + strlen(name) - 6, 7, "%06x", (seed + i) & 0xFFFFFF);
}

enum { TRIES = 1000 };

int mkstemp(char *name)
{
    for (unsigned i = 0; i < TRIES; i++) {
        name_try(name, i);
        const int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
}

char *mkdtemp(char *name)
{
    char *const slash = strrchr(name, '/');

    if (slash && slash > name) {
        *slash = '\0';
        (void)mkdir(name, 0700);
        *slash = '/';
    }
    for (unsigned i = 0; i < TRIES; i++) {
        name_try(name, i);
        if (mkdir(name, 0700) == 0) return name;
        if (errno != EEXIST) return NULL;
    }
    return NULL;
}
