/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack: SIMD kernels for recurrent networks on CPUs.
 *
 * This header holds what everything else stands on: status codes, the version, the context, the
 * allocator, threads and the facts about the host. The model API is in model.h (included below), the
 * kernels for engines that bring their own graph are in kernels.h, the ONNX loader is in onnx.h
 * (a component of its own, librnnpack-onnx, so that the core needs no protobuf).
 *
 * Conventions of every function in these headers
 *   - A function that can fail returns rnnp_status; its result goes through the last pointer, which a
 *     failure sets to NULL (objects) or leaves untouched (data).
 *   - Sizes are size_t and count elements; a name that ends in _bytes counts bytes. Tensors are dense,
 *     row-major, of any alignment.
 *   - Nothing prints, aborts, reads or writes a file that was not named, or keeps global state.
 *   - _destroy functions accept NULL.
 *   - Options structs start with struct_size, which their _init function fills. Fields are only ever
 *     appended, so a program built against an older header keeps working.
 */
#ifndef RNNPACK_RNNPACK_H
#define RNNPACK_RNNPACK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RNNP_VERSION_MAJOR 0
#define RNNP_VERSION_MINOR 1
#define RNNP_VERSION_PATCH 0

#if defined(__GNUC__) && !defined(RNNP_STATIC)
#define RNNP_API __attribute__((visibility("default")))
#else
#define RNNP_API
#endif

/* Defines type##_init(): all fields of the caller's struct become 0, which is their default, but for struct_size. It is
 * compiled into the program, so that it writes as much as the program has room for. */
#define RNNP_STRUCT_INIT(type)              \
    static inline void type##_init(type *s) \
    {                                       \
        memset(s, 0, sizeof *s);            \
        s->struct_size = sizeof *s;         \
    }

/* ---- Status ------------------------------------------------------------------------------------ */

typedef enum rnnp_status {
    RNNP_OK = 0,
    RNNP_ERR_ARG = -1,         /* NULL, an unknown enum value, a number outside its range */
    RNNP_ERR_SHAPE = -2,       /* dimensions that do not fit each other or the model */
    RNNP_ERR_TYPE = -3,        /* a dtype that does not fit */
    RNNP_ERR_MEMORY = -4,      /* the allocator returned NULL, or a given buffer is too small */
    RNNP_ERR_UNSUPPORTED = -5, /* valid, but something this version does not do */
    RNNP_ERR_FORMAT = -6,      /* a damaged or foreign file */
    RNNP_ERR_IO = -7,          /* the operating system refused: the message holds its words */
    RNNP_ERR_STATE = -8,       /* right call, wrong time: for example a node added to a closed model */
    RNNP_ERR_LIMIT = -9        /* a file asks for more than rnnp_load_options allow */
} rnnp_status;

/* A constant English name for a status ("bad argument"); never NULL, also for unknown values. */
RNNP_API const char *rnnp_status_string(rnnp_status status);

/* "0.1.0" of the library that runs, which may be newer than the header. */
RNNP_API const char *rnnp_version(void);

/* ---- Context ----------------------------------------------------------------------------------- */

typedef struct rnnp_context rnnp_context;

/* alloc returns at least `bytes` bytes aligned to `align` (a power of two) or NULL; free gets the same
 * byte count back. Both may be called from any thread that calls the library.
 *
 * Without one, posix_memalign and free are called. A block of 4 MiB or more then begins at a multiple of 2 MiB,
 * and the system is asked (madvise, MADV_HUGEPAGE) to use huge pages for the whole ones in it; if it will not,
 * nothing else changes. Such a block takes as much memory as any other: its end, less than 2 MiB, stays in small
 * pages, and up to 2 MiB of address space before it are never touched. A user's allocator is left alone. */
typedef struct rnnp_allocator {
    void *user;
    void *(*alloc)(void *user, size_t bytes, size_t align);
    void (*free)(void *user, void *p, size_t bytes);
} rnnp_allocator;

/* A host's own thread pool: run must call task(arg, i) once for each i in [0, n), on any threads in any
 * order, and return when all have returned. `threads` is how many may run at once. */
typedef struct rnnp_parallel {
    void *user;
    size_t threads;
    void (*run)(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg);
} rnnp_parallel;

typedef enum rnnp_log_level { RNNP_LOG_INFO = 0, RNNP_LOG_WARNING = 1 } rnnp_log_level;
typedef void (*rnnp_log_fn)(void *user, rnnp_log_level level, const char *message);

/* Takes the next `size` bytes of what is written; returns 0, or anything else to stop. */
typedef int (*rnnp_write_fn)(void *user, const void *bytes, size_t size);

/* The accuracy contract of tanh, sigmoid and exp; docs/explanation/numerics.md has the measured errors. */
typedef enum rnnp_math {
    RNNP_MATH_U35 = 0, /* default: at most 3.5 ULP for tanh and sigmoid, 1.5 for exp */
    RNNP_MATH_U10 = 1, /* at most 1.0 ULP */
    RNNP_MATH_FAST = 2 /* absolute error at most 5e-5 (tanh, sigmoid), relative 1e-4 (exp) */
} rnnp_math;

typedef struct rnnp_context_options {
    size_t struct_size;
    rnnp_allocator allocator; /* {0}: the C library's posix_memalign and free */
    rnnp_parallel parallel;   /* run == NULL: see threads */
    size_t threads;           /* size of the library's own team, 1 (default) for none, 0 for the
                               * CPU budget; ignored when parallel.run is given */
    const char *max_isa;      /* cap: a name of rnnp_isa_name(), NULL for none. One of another architecture caps
                               * at its rank (kernels/isa.def): on x86-64 neon allows what avx2 allows. The
                               * environment variable RNNPACK_MAX_ISA caps too; the lower one counts */
    rnnp_log_fn log;          /* NULL: silence */
    void *log_user;
} rnnp_context_options;

/* Fills in the defaults above. */
RNNP_API void rnnp_context_options_init(rnnp_context_options *options);

/*
 * rnnp_context_create() reads the CPU facts once and chooses the kernels. `options` may be NULL.
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for an unknown ISA name (also in RNNPACK_MAX_ISA), a half-filled
 *          allocator, or a thread count above 4096 (of a host pool: also 0); RNNP_ERR_MEMORY; RNNP_ERR_IO
 *          if a thread could not be started.
 * Errors   leave *context NULL and nothing allocated; the sentence goes to options->log.
 * Memory   from the allocator; freed by rnnp_context_destroy.
 * Threads  one context may be used by many threads at once. A context made with threads > 1 owns
 *          threads - 1 workers that sleep when no call of this context runs: about 50 us after the last one, which is
 *          as long as waking them would take, or at once where there are more threads than CPUs. Workers never run the
 *          host's signal handlers, but for faults of their own (SIGSEGV, SIGBUS, SIGFPE, SIGILL). A child made by
 *          fork() has none of its parent's workers: what it does with the context runs on one thread.
 */
RNNP_API rnnp_status rnnp_context_create(const rnnp_context_options *options, rnnp_context **context);

/* Everything made from the context must be destroyed before it. */
RNNP_API void rnnp_context_destroy(rnnp_context *context);

/* The sentence of the calling thread's latest failure on this context, with the offending names and numbers; "" before
 * its first one. It has no control characters, whatever the names hold. Other threads' failures do not show; what a
 * worker of a call has to say is said by the thread that called. A call that returns RNNP_ERR_ARG because it got NULL
 * for the context, or for an object that knows the context, has no sentence.
 *
 * Memory   the text belongs to the context. It holds until the same thread's next failure on this context. Sentences of
 *          the 128 threads that failed last are kept; a thread that fell out of these gets "".
 * Threads  any. Code that moves between threads (coroutines) must ask on the thread that the call failed on. */
RNNP_API const char *rnnp_last_error(const rnnp_context *context);

/* ---- What was found and chosen ----------------------------------------------------------------- */

typedef struct rnnp_host_info {
    size_t struct_size; /* set by the caller to sizeof(rnnp_host_info) */
    char vendor[16];    /* "GenuineIntel", "AuthenticAMD", ...; "" if unknown */
    char brand[64];     /* the CPU's own words */
    uint32_t family, model, stepping;
    uint64_t features;                                /* bit i is the feature rnnp_feature_name(i) */
    size_t l1d_bytes, l2_bytes, l3_bytes, line_bytes; /* of one core's caches; 0 if unknown */
    size_t l2_sharers, l3_sharers;                    /* logical CPUs behind one L2 / L3; 0 if unknown */
    size_t cores, cpus;                               /* physical cores and logical CPUs of the machine */
    size_t budget;          /* CPUs this process may use: min(affinity, cpuset, cgroup quota) */
    const char *isa;        /* highest ISA in use by this context */
    const char *isa_reason; /* why: "highest the CPU supports", "capped by RNNPACK_MAX_ISA", ... */
    const char *topology;   /* where caches and cores come from: "hwloc", "sysfs" or "none" */
    size_t threads;         /* team size in use */
} rnnp_host_info;

/* Fills *info up to the caller's struct_size. RNNP_ERR_ARG on NULL or a zero struct_size. */
RNNP_API rnnp_status rnnp_context_host(const rnnp_context *context, rnnp_host_info *info);

/* CPU features that the library knows: "avx2", "fma3", "avx512f", ... NULL past the last. */
RNNP_API size_t rnnp_feature_count(void);
RNNP_API const char *rnnp_feature_name(size_t index);

/* The instruction sets that kernels are written for, on any architecture: "generic", "avx2", ... NULL past the
 * last. */
RNNP_API size_t rnnp_isa_count(void);
RNNP_API const char *rnnp_isa_name(size_t index);

typedef struct rnnp_variant_info {
    const char *op;   /* "lstm_step" */
    const char *name; /* "lstm_step_f32_block_avx2" */
    const char *isa;  /* "avx2" */
    int usable;       /* runs on this CPU under this context's cap */
    int chosen;       /* what the context uses when no tuning record says otherwise */
} rnnp_variant_info;

/* The variant table. RNNP_ERR_ARG, without a sentence, for NULL and for an index past its end. */
RNNP_API size_t rnnp_context_variant_count(const rnnp_context *context);
RNNP_API rnnp_status rnnp_context_variant_info(const rnnp_context *context, size_t index, rnnp_variant_info *info);

#ifdef __cplusplus
}
#endif

#include "rnnpack/model.h"

#endif
