/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that notices: each buffer of a call ends, or begins, at a page that may not be touched; row padding and
 * surroundings hold canaries; inputs are hashed. Kernels run inside memory_call, which also catches signals and
 * looks at the floating-point mode. What a call has written is read from its buffers.
 */
#ifndef CHECK_MEMORY_H
#define CHECK_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Plain memory of one case, freed as a whole: a kernel that crashes leaks nothing. */
typedef struct arena {
    char *base;
    size_t size, used;
} arena;

enum { ARENA_BYTES = 1 << 26 };

int arena_open(arena *a);
void arena_close(arena *a);
void arena_reset(arena *a);
/* Ends the program when full: cases are of bounded size. */
void *arena_take(arena *a, size_t bytes);
float *arena_floats(arena *a, size_t n);

enum { SLOTS = 16, SLOT_BYTES = 1 << 21, WINDOW = 256 };

/* APART: 64-byte aligned, each buffer at another distance from its page. */
typedef enum placement { AT_END, AT_BEGIN, APART } placement;
typedef enum usage { INPUT, OUTPUT, INOUT, SCRATCH } usage;

typedef struct slot {
    unsigned char *base; /* SLOT_BYTES between two guard pages */
    unsigned char *p;
    size_t width; /* bytes of an element: weights may be narrower than a float */
    size_t rows, cols, ld;
    size_t from, to;     /* an OUTPUT or INOUT: the columns that the call may write */
    const float *before; /* an INOUT, dense */
    usage use;
    uint64_t hash;
} slot;

typedef struct memory {
    slot slots[SLOTS];
    size_t used;
    placement place;
    size_t offset;   /* elements from the beginning, AT_BEGIN */
    uint32_t canary; /* a number, never NaN; another one in each call, so what nobody writes differs */
} memory;

int memory_open(memory *m);
/* Forgets all buffers; the next ones are placed so. */
void memory_reset(memory *m, placement where, size_t offset);

/* rows x cols elements of width bytes (1, 2, 4) with row stride ld (0: one row), copied from dense `from`; NULL for an
 * OUTPUT. The padding of an INPUT is NaN in every floating-point format of that width. The buffer has no padding after
 * its last row. */
void *memory_elements(memory *m, usage use, const void *from, size_t width, size_t rows, size_t cols, size_t ld);
float *memory_matrix(memory *m, usage use, const float *from, size_t rows, size_t cols, size_t ld);
float *memory_floats(memory *m, usage use, const float *from, size_t n);
/* 64-byte aligned, contents of no interest. */
float *memory_scratch(memory *m, size_t n);
/* The call may write columns [from, to) alone of the buffer that was taken last. */
void memory_window(memory *m, size_t from, size_t to);

/* call(arg) under watch: NULL, or what it did. */
const char *memory_call(memory *m, void (*call)(const void *arg), const void *arg);

#endif
