/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput (and perhaps a mutator that knows the
 * format, so that what it makes gets past the checksums). With the preset `fuzz` libFuzzer is its main(); in all other
 * builds driver.c is, which runs the target on files: the seeds and tests/fuzz/regressions.
 *
 * A target ends the process (fuzz_check) when a promise is broken; sanitizers end it for everything else.
 */
#ifndef RNNP_TESTS_FUZZ_H
#define RNNP_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "rnnpack/rnnpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);
/* libFuzzer's own mutations; driver.c has a stand-in that is never called. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

#define fuzz_check(condition) ((condition) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #condition))
void fuzz_broken(const char *file, int line, const char *what);

/* The context of all targets: kernels in plain C, because those are instrumented; an allocator that counts and gives
 * no more than FUZZ_MEMORY at once. Made at the first call, never destroyed. */
enum { FUZZ_MEMORY = 64 << 20 };
rnnp_context *fuzz_context(void);
size_t fuzz_live_bytes(void);

/* ---- The input as numbers: past its end all are 0 ---- */

typedef struct fuzz_bytes {
    const uint8_t *at;
    size_t left;
} fuzz_bytes;

uint8_t fuzz_u8(fuzz_bytes *b);
uint32_t fuzz_u32(fuzz_bytes *b);
size_t fuzz_below(fuzz_bytes *b, size_t n); /* n <= 256 */
/* Mostly small numbers, now and then one at an edge of a type. */
int64_t fuzz_number(fuzz_bytes *b);

/* ---- Pseudo-random numbers for mutators ---- */

typedef struct fuzz_random {
    uint64_t state;
} fuzz_random;

fuzz_random fuzz_seed(unsigned seed);
size_t fuzz_pick(fuzz_random *r, size_t n); /* below n > 0 */
int64_t fuzz_edge(fuzz_random *r);          /* as fuzz_number */
/* Another value for an 8-byte word at `word`; `begin`: words to copy from, `n` of them. */
void fuzz_change_word(fuzz_random *r, uint8_t *word, const uint8_t *begin, size_t n);

/* ---- Files and bytes ---- */

/* Writes a file into a folder of this process, which is removed at its end. Returns the path, good until the process
 * ends; the same for the same name. */
const char *fuzz_file(const char *name, const void *bytes, size_t size);

typedef struct fuzz_buffer {
    uint8_t *at; /* 64-byte aligned, or NULL */
    size_t size, room;
} fuzz_buffer;

int fuzz_append(void *buffer, const void *bytes, size_t size); /* an rnnp_write_fn */

/* What the program prints goes nowhere unless FUZZ_LOUD is set; sanitizers still speak. */
void fuzz_silence(void);

/* ---- A model from a hostile source ---- */

/* Plans, runs, streams, saves as ONNX and as a packed file, and loads again, as the bytes say: what runs must give the
 * same bits each time. */
void fuzz_exercise(const rnnp_model *model, fuzz_bytes *b);

/* A small model that is all right: two recurrent layers and a dense one, `symbols` "steps" and "batch". */
rnnp_model *fuzz_model(void);

#endif
