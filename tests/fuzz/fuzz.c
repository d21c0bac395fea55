/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* posix_memalign, mkdtemp */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fuzz_broken(const char *file, int line, const char *what)
{
    static const char middle[] = ": broken: ";
    char text[512];
    const int n = snprintf(text, sizeof text, "%s:%d%s%s\n", file, line, middle, what);

    if (write(STDERR_FILENO, text, (size_t)n) != n) /* stderr may be silent */
        _exit(2);
    abort();
}

/* ---- Context ---- */

static size_t live; /* targets have one thread */

static void *counted_alloc(void *user, size_t bytes, size_t align)
{
    void *p;

    (void)user;
    if (bytes > FUZZ_MEMORY - live || posix_memalign(&p, align, bytes) != 0) return NULL;
    live += bytes;
    return p;
}

static void counted_free(void *user, void *p, size_t bytes)
{
    (void)user;
    live -= bytes;
    free(p);
}

rnnp_context *fuzz_context(void)
{
    static rnnp_context *context;

    if (!context) {
        rnnp_context_options options;

        rnnp_context_options_init(&options);
        options.allocator = (rnnp_allocator){NULL, counted_alloc, counted_free};
        options.max_isa = "generic";
        fuzz_check(rnnp_context_create(&options, &context) == RNNP_OK);
    }
    return context;
}

size_t fuzz_live_bytes(void)
{
    (void)fuzz_context(); /* it counts from the first call on */
    return live;
}

/* ---- Numbers ---- */

static const int64_t edges[] = {0,         1,         -1,        2,         3,         -2,        -3,        7,
                                8,         17,        64,        127,       128,       255,       256,       1000,
                                65535,     65536,     INT32_MAX, INT32_MIN, 1LL << 31, 1LL << 32, 1LL << 40, 1LL << 62,
                                INT64_MAX, INT64_MIN, -8,        5,         4,         6};
enum { EDGES = sizeof edges / sizeof edges[0] };

uint8_t fuzz_u8(fuzz_bytes *b)
{
    if (b->left == 0) return 0;
    b->left--;
    return *b->at++;
}

uint32_t fuzz_u32(fuzz_bytes *b)
{
    uint32_t x = 0;

    for (unsigned shift = 0; shift < 32; shift += 8) x |= (uint32_t)fuzz_u8(b) << shift;
    return x;
}

size_t fuzz_below(fuzz_bytes *b, size_t n) { return fuzz_u8(b) % n; }

int64_t fuzz_number(fuzz_bytes *b)
{
    const uint8_t x = fuzz_u8(b);

    if (x < 192) return x % 6;
    return x < 224 ? -(x % 5) : edges[fuzz_u8(b) % EDGES];
}

fuzz_random fuzz_seed(unsigned seed) { return (fuzz_random){seed * UINT64_C(0x9e3779b97f4a7c15) + 1}; }

size_t fuzz_pick(fuzz_random *r, size_t n)
{
    r->state ^= r->state << 13; /* xorshift64 */
    r->state ^= r->state >> 7;
    r->state ^= r->state << 17;
    return (size_t)(r->state >> 16) % n;
}

int64_t fuzz_edge(fuzz_random *r) { return edges[fuzz_pick(r, EDGES)]; }

void fuzz_change_word(fuzz_random *r, uint8_t *word, const uint8_t *begin, size_t n)
{
    uint64_t w;

    memcpy(&w, word, sizeof w);
    switch (fuzz_pick(r, 6)) {
    case 0: w = (uint64_t)fuzz_edge(r); break;
    case 1: w += fuzz_pick(r, 9) - 4; break;
    case 2: w ^= UINT64_C(1) << fuzz_pick(r, 64); break;
    case 3: w = fuzz_pick(r, 16); break;
    case 4: w = (w & ~UINT64_C(0xff)) | fuzz_pick(r, 256); break;
    default: memcpy(&w, begin + 8 * fuzz_pick(r, n), sizeof w); break;
    }
    memcpy(word, &w, sizeof w);
}

/* ---- Files and bytes ---- */

enum { MAX_FILES = 16 };

static struct {
    char folder[64];
    char *path[MAX_FILES];
    size_t n;
} files;

static void remove_files(void)
{
    for (size_t i = 0; i < files.n; i++) {
        unlink(files.path[i]);
        free(files.path[i]);
    }
    rmdir(files.folder);
}

const char *fuzz_file(const char *name, const void *bytes, size_t size)
{
    size_t i = 0;

    if (!*files.folder) {
        snprintf(files.folder, sizeof files.folder, "%s/rnnpack-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        fuzz_check(mkdtemp(files.folder));
        atexit(remove_files);
    }
    while (i < files.n && strcmp(strrchr(files.path[i], '/') + 1, name) != 0) i++;
    if (i == files.n) {
        const size_t room = strlen(files.folder) + strlen(name) + 2;

        fuzz_check(i < MAX_FILES && (files.path[i] = malloc(room)));
        snprintf(files.path[i], room, "%s/%s", files.folder, name);
        files.n++;
    }
    FILE *file = fopen(files.path[i], "wb");
    fuzz_check(file && fwrite(bytes, 1, size, file) == size);
    fuzz_check(fclose(file) == 0);
    return files.path[i];
}

int fuzz_append(void *user, const void *bytes, size_t size)
{
    fuzz_buffer *b = user;

    if (size > FUZZ_MEMORY - b->size) return 1;
    if (b->size + size > b->room) {
        void *larger;

        b->room = 2 * (b->size + size);
        fuzz_check(posix_memalign(&larger, 64, b->room) == 0);
        if (b->size) memcpy(larger, b->at, b->size);
        free(b->at);
        b->at = larger;
    }
    if (size) memcpy(b->at + b->size, bytes, size);
    b->size += size;
    return 0;
}

void fuzz_silence(void)
{
    static int silent;

    if (!silent && !getenv("FUZZ_LOUD")) {
        FILE *nowhere = fopen("/dev/null", "w");

        fuzz_check(nowhere);
        stdout = nowhere; /* glibc and musl let them be assigned; file descriptor 2 stays for the sanitizers */
        stderr = nowhere;
        silent = 1;
    }
}
