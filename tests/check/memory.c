/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE
#include "memory.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __x86_64__
#include <xmmintrin.h>
#endif

int arena_open(arena *a)
{
    a->base = malloc(ARENA_BYTES);
    a->size = ARENA_BYTES;
    a->used = 0;
    return a->base != NULL;
}

void arena_close(arena *a) { free(a->base); }

void arena_reset(arena *a) { a->used = 0; }

void *arena_take(arena *a, size_t bytes)
{
    bytes = (bytes + 63) / 64 * 64;
    if (a->size - a->used < bytes) {
        fprintf(stderr, "check: a case needs more than %zu bytes\n", a->size);
        exit(2);
    }
    a->used += bytes;
    return memset(a->base + a->used - bytes, 0, bytes);
}

float *arena_floats(arena *a, size_t n) { return arena_take(a, n * sizeof(float)); }

int memory_open(memory *m)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    memset(m, 0, sizeof *m);
    for (size_t i = 0; i < SLOTS; i++) {
        unsigned char *base = mmap(NULL, SLOT_BYTES + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (base == MAP_FAILED || mprotect(base + page, SLOT_BYTES, PROT_READ | PROT_WRITE) != 0) return 0;
        m->slots[i].base = base + page;
    }
    return 1;
}

void memory_reset(memory *m, placement where, size_t offset)
{
    m->used = 0;
    m->place = where;
    m->offset = offset;
    m->canary = 0xdeadbe00u | ((m->canary + 1) & 0xff);
}

/* Bytes by their place, so that an aligned float among them is the canary. */
static unsigned char canary_byte(const memory *m, const unsigned char *p)
{
    unsigned char bytes[sizeof m->canary];
    memcpy(bytes, &m->canary, sizeof bytes);
    return bytes[(uintptr_t)p % sizeof bytes];
}

static void paint(const memory *m, unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) p[i] = canary_byte(m, p + i);
}

static int is_painted(const memory *m, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != canary_byte(m, p + i)) return 0;
    return 1;
}

static size_t slot_bytes(const slot *s)
{
    return s->rows == 0 || s->cols == 0 ? 0 : ((s->rows - 1) * s->ld + s->cols) * s->width;
}

/* Canaries before and after the buffer, as far as the slot goes. */
static size_t window_before(const slot *s)
{
    const size_t room = (size_t)(s->p - s->base);
    return room < WINDOW ? room : WINDOW;
}

static size_t window_after(const slot *s)
{
    const size_t room = SLOT_BYTES - (size_t)(s->p - s->base) - slot_bytes(s);
    return room < WINDOW ? room : WINDOW;
}

static slot *take(memory *m, usage use, size_t width, size_t rows, size_t cols, size_t ld, size_t align)
{
    slot *s = &m->slots[m->used];
    s->width = width;
    s->rows = rows;
    s->cols = s->to = cols;
    s->ld = ld;
    s->from = 0;
    s->before = NULL;
    s->use = use;
    const size_t n = slot_bytes(s);
    const size_t apart = m->used * 192;
    if (m->used == SLOTS || SLOT_BYTES < n + SLOTS * 192) {
        fprintf(stderr, "check: no room for %zu bytes in buffer %zu\n", n, m->used);
        exit(2);
    }
    m->used++;
    s->p = s->base + (m->place == AT_END  ? (SLOT_BYTES - n) / align * align
                      : m->place == APART ? apart
                      : align > width     ? 0
                                          : m->offset * width);
    paint(m, s->p - window_before(s), window_before(s));
    paint(m, s->p, n);
    paint(m, s->p + n, window_after(s));
    return s;
}

void *memory_elements(memory *m, usage use, const void *from, size_t width, size_t rows, size_t cols, size_t ld)
{
    static const uint32_t nan32 = 0x7fc00bad;
    static const uint16_t nan16 = 0x7fff; /* of f16 and of bf16 */
    static const uint8_t nan8 = 0x7f;
    const void *poison = width == sizeof nan32   ? (const void *)&nan32
                         : width == sizeof nan16 ? (const void *)&nan16
                                                 : &nan8;
    slot *s = take(m, use, width, ld == 0 ? 1 : rows, cols, ld == 0 ? cols : ld, width);
    for (size_t i = 0, n = slot_bytes(s); use == INPUT && i < n; i += width) memcpy(s->p + i, poison, width);
    for (size_t r = 0; from && r < s->rows; r++)
        memcpy(s->p + r * s->ld * width, (const char *)from + r * cols * width, cols * width);
    return s->p;
}

float *memory_matrix(memory *m, usage use, const float *from, size_t rows, size_t cols, size_t ld)
{
    float *p = memory_elements(m, use, from, sizeof *from, rows, cols, ld);
    m->slots[m->used - 1].before = from;
    return p;
}

float *memory_floats(memory *m, usage use, const float *from, size_t n) { return memory_matrix(m, use, from, 1, n, n); }

float *memory_scratch(memory *m, size_t n) { return (float *)(void *)take(m, SCRATCH, sizeof(float), 1, n, n, 64)->p; }

void memory_window(memory *m, size_t from, size_t to)
{
    m->slots[m->used - 1].from = from;
    m->slots[m->used - 1].to = to;
}

static uint64_t hash(const slot *s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0, n = slot_bytes(s); i < n; i++) h = (h ^ s->p[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* Columns [from, to) of a row are as they were. */
static int is_kept(const memory *m, const slot *s, size_t row, size_t from, size_t to)
{
    const unsigned char *at = s->p + (row * s->ld + from) * s->width;
    const size_t n = (to - from) * s->width;
    return s->before ? memcmp(at, s->before + row * s->cols + from, n) == 0 : is_painted(m, at, n);
}

static const char *inspect(const memory *m)
{
    for (size_t i = 0; i < m->used; i++) {
        const slot *s = &m->slots[i];
        if (s->use == INPUT && hash(s) != s->hash) return "an input was changed";
        if (!is_painted(m, s->p - window_before(s), window_before(s))) return "something was written before a buffer";
        if (!is_painted(m, s->p + slot_bytes(s), window_after(s))) return "something was written after a buffer";
        for (size_t r = 0; s->use != INPUT && r + 1 < s->rows; r++)
            if (!is_painted(m, s->p + (r * s->ld + s->cols) * s->width, (s->ld - s->cols) * s->width))
                return "something was written into row padding";
        for (size_t r = 0; (s->use == OUTPUT || s->use == INOUT) && r < s->rows; r++)
            if (!is_kept(m, s, r, 0, s->from) || !is_kept(m, s, r, s->to, s->cols))
                return "a unit outside the asked panels was written";
    }
    return NULL;
}

/* Rounding and denormal modes and exception masks, without the sticky flags. */
static uint64_t float_mode(void)
{
#if defined(__x86_64__)
    return _mm_getcsr() & ~0x3fu;
#elif defined(__aarch64__)
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return fpcr;
#else
    return 0;
#endif
}

/* So that one kernel's fault is not found in the next one. */
static void restore_float_mode(uint64_t mode)
{
#if defined(__x86_64__)
    _mm_setcsr((unsigned)mode);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
#else
    (void)mode;
#endif
}

static sigjmp_buf before_call;

static void on_signal(int number) { siglongjmp(before_call, number); }

static const struct {
    int number;
    const char *text;
} caught[] = {
    {SIGSEGV, "SIGSEGV: touched memory outside its buffers"},
    {SIGBUS, "SIGBUS: bad memory access"},
    {SIGILL, "SIGILL: instruction that this CPU lacks"},
    {SIGFPE, "SIGFPE"},
    {SIGABRT, "SIGABRT: assertion"},
};
enum { CAUGHT = sizeof caught / sizeof *caught };

const char *memory_call(memory *m, void (*call)(const void *arg), const void *arg)
{
    struct sigaction action = {.sa_handler = on_signal}, old[CAUGHT];
    for (size_t i = 0; i < m->used; i++) m->slots[i].hash = hash(&m->slots[i]);
    for (int i = 0; i < CAUGHT; i++) sigaction(caught[i].number, &action, &old[i]);
    const uint64_t mode = float_mode();
    const int number = sigsetjmp(before_call, 1);
    if (number == 0) call(arg);
    const char *volatile wrong = NULL; /* lives across the jump */
    for (int i = 0; i < CAUGHT; i++) {
        sigaction(caught[i].number, &old[i], NULL);
        if (number == caught[i].number) wrong = caught[i].text;
    }
    if (!wrong && float_mode() != mode) wrong = "the floating-point mode was changed";
    restore_float_mode(mode);
    return wrong ? wrong : inspect(m);
}
