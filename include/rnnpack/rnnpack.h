/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack: SIMD kernels for recurrent networks on CPUs.
 *
 * This header declares what all others build on: status codes, the version, the context with its allocator and threads,
 * and facts about the host. It includes model.h, the model API. An engine that brings its own graph includes kernels.h.
 * onnx.h belongs to a library of its own, librnnpack-onnx, so that the core does not need protobuf.
 *
 * Conventions of all headers
 *
 *   Status    A function that can fail returns rnnp_status. RNNP_OK is 0; errors are negative. Arguments come in this
 *             order: the context or object, sizes, inputs, outputs. On failure an output that is an object is set to
 *             NULL, and an output that is data is left untouched.
 *   Errors    are per thread: rnnp_last_error(context) returns the sentence of the calling thread's latest failure.
 *   Sizes     are size_t and count elements. Names that end in _bytes count bytes; names that begin with n_ count what
 *             follows. Tensors are dense, row-major, and of any alignment.
 *   Objects   are made by _create or _open functions and freed by _destroy functions, which accept NULL. An object must
 *             be destroyed before the object it was made from.
 *   Files     _open_file and _open_memory make an object; _write gives its bytes to a callback; _write_file writes a
 *             file. _save and _load copy the state of an existing object out and back in.
 *   Lists     have a _count function and a function that takes an index and returns RNNP_ERR_ARG past the end. Lists of
 *             names return NULL there.
 *   Structs   whose first member is struct_size may gain members in later versions. Each has an _init function that
 *             sets struct_size and fills in the defaults; 0 is the default of a member unless its comment says
 *             otherwise. A program compiled against an older header keeps working. A program compiled against a
 *             newer header works as long as the members that this library does not know are 0; otherwise the call
 *             returns RNNP_ERR_ARG. Structs without struct_size are frozen: they never change.
 *   Enums     name their constants after the enum. Where 0 is a constant, it is the default.
 *   Callbacks take the user pointer first and return 0 to continue unless their comment says otherwise.
 *   Guests    The library never prints, aborts, or keeps global state, and it reads and writes only files that the
 *             caller names.
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
#define RNNP_VERSION_MINOR 2
#define RNNP_VERSION_PATCH 0

#if defined(_WIN32) && defined(RNNP_BUILDING)
#define RNNP_API __attribute__((dllexport))
#elif defined(__GNUC__) && !defined(_WIN32) && !defined(RNNP_STATIC)
#define RNNP_API __attribute__((visibility("default")))
#else
#define RNNP_API
#endif

/* Defines type##_init(), which sets struct_size and zeroes all other members. It is compiled into the program, so it
 * never writes beyond the struct that the program knows. Languages without C macros zero the struct and set
 * struct_size. */
#define RNNP_STRUCT_INIT(type)              \
    static inline void type##_init(type *s) \
    {                                       \
        memset(s, 0, sizeof *s);            \
        s->struct_size = sizeof *s;         \
    }

/* ---- Status ------------------------------------------------------------------------------------ */

typedef enum rnnp_status {
    RNNP_OK = 0,
    RNNP_ERR_ARG = -1,         /* NULL, an unknown enum value, or a number out of range */
    RNNP_ERR_SHAPE = -2,       /* dimensions that do not match each other or the model */
    RNNP_ERR_TYPE = -3,        /* a dtype that does not match */
    RNNP_ERR_MEMORY = -4,      /* the allocator returned NULL, or a buffer is too small */
    RNNP_ERR_UNSUPPORTED = -5, /* valid, but this version cannot do it */
    RNNP_ERR_FORMAT = -6,      /* a file that is damaged or of another kind */
    RNNP_ERR_IO = -7,          /* the operating system refused; the sentence quotes its reason */
    RNNP_ERR_STATE = -8,       /* a valid call at the wrong time, such as adding a node to a closed model */
    RNNP_ERR_LIMIT = -9        /* a file asks for more than rnnp_load_options allows */
} rnnp_status;

/* Returns a constant English name for a status ("bad argument"); never NULL, even for unknown values. */
RNNP_API const char *rnnp_status_string(rnnp_status status);

/* Returns the version of the library that is running ("0.2.0"), which may be newer than the header. */
RNNP_API const char *rnnp_version(void);

/* ---- Context ----------------------------------------------------------------------------------- */

typedef struct rnnp_context rnnp_context;

/* A memory allocator. Frozen.
 *
 *   alloc    returns at least `bytes` bytes aligned to `align`, a power of two, or NULL
 *   free     gets the byte count that was given to alloc
 *
 * Threads  both may be called from any thread that calls the library.
 *
 * Without an allocator the library calls posix_memalign and free. A block of 4 MiB or more then starts at a multiple of
 * 2 MiB, and madvise(MADV_HUGEPAGE) requests huge pages for the whole 2 MiB pages in it; a refusal changes nothing.
 * Such a block takes no more memory than others: its last part, less than 2 MiB, stays in small pages, and up to 2
 * MiB of address space before it are never touched. Blocks of the caller's allocator are used as they are. */
typedef struct rnnp_allocator {
    void *user;
    void *(*alloc)(void *user, size_t bytes, size_t align);
    void (*free)(void *user, void *p, size_t bytes);
} rnnp_allocator;

/* A thread pool of the host. Frozen.
 *
 *   threads  how many tasks can run at the same time
 *   run      calls task(arg, i) once for each i in [0, n), on any threads and in any order, and returns when all calls
 *            have returned */
typedef struct rnnp_parallel {
    void *user;
    size_t threads;
    void (*run)(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg);
} rnnp_parallel;

typedef enum rnnp_log_level { RNNP_LOG_INFO = 0, RNNP_LOG_WARNING = 1 } rnnp_log_level;
typedef void (*rnnp_log_fn)(void *user, rnnp_log_level level, const char *message);

/* Receives the next `size` bytes of what is being written. Returns 0 to continue, anything else to stop. */
typedef int (*rnnp_write_fn)(void *user, const void *bytes, size_t size);

/* The accuracy of tanh, sigmoid, exp, log, softplus, elu and selu; docs/explanation/numerics.md lists the measured
 * errors. */
typedef enum rnnp_math {
    RNNP_MATH_U35 = 0, /* at most 3.5 ULP, 1.0 ULP for exp and log */
    RNNP_MATH_U10 = 1, /* at most 1.0 ULP */
    RNNP_MATH_FAST = 2 /* absolute error at most 5e-5 for tanh and sigmoid, 1e-4 relative for exp, others as U35 */
} rnnp_math;

#define RNNP_ALL_CPUS ((size_t)-1)

typedef struct rnnp_context_options {
    size_t struct_size;
    rnnp_allocator allocator; /* {0}: posix_memalign and free of the C library */
    rnnp_parallel parallel;   /* the host's pool; run == NULL: see threads */
    size_t threads;      /* threads of the library's own team, the caller included. 0 and 1: no team; RNNP_ALL_CPUS:
                               * one per CPU that the process may use. Ignored when parallel.run is set */
    const char *max_isa; /* highest instruction set to use, a name of rnnp_isa_name(); NULL: no cap. A name of another
                               * architecture caps at the same rank (kernels/isa.def): on x86-64, neon allows what avx2
                               * allows. The environment variable RNNPACK_MAX_ISA is a second cap; the lower one
                               * applies */
    rnnp_log_fn log;     /* NULL: no log */
    void *log_user;
} rnnp_context_options;
RNNP_STRUCT_INIT(rnnp_context_options)

/*
 * rnnp_context_create() reads the CPU's features once and chooses the kernels. `options` may be NULL.
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for an unknown instruction set (in max_isa or RNNPACK_MAX_ISA), an allocator with only
 *          one function, or more than 4096 threads (for a host's pool also 0); RNNP_ERR_MEMORY; RNNP_ERR_IO if a thread
 *          cannot be started.
 * Errors   leave *context NULL and nothing allocated. The sentence goes to options->log.
 * Memory   from the allocator; rnnp_context_destroy frees it.
 * Threads  any number of threads may use one context at the same time. A context with a team of n threads owns n - 1
 *          workers, which sleep while no call of this context is running. They fall asleep about 50 us after a call,
 *          which is about what waking them costs, or at once if there are more threads than CPUs. Workers block all
 *          signals except those that their own instructions raise (SIGSEGV, SIGBUS, SIGFPE, SIGILL), so the host's
 *          handlers never run on them for anything else. After fork() the child has no workers: calls on the context
 *          run on one thread.
 */
RNNP_API rnnp_status rnnp_context_create(const rnnp_context_options *options, rnnp_context **context);

/* Frees a context. Everything made from it must be destroyed first. */
RNNP_API void rnnp_context_destroy(rnnp_context *context);

/*
 * rnnp_last_error() returns the sentence of the calling thread's latest failure on this context, with the names and
 * numbers involved, or "" if this thread has not failed on it. Failures of other threads are not visible. If a worker
 * fails during a call, the calling thread gets its sentence. The text has no control characters, whatever names it
 * quotes. A call that returns RNNP_ERR_ARG because the context, or the object that knows the context, is NULL has no
 * sentence.
 *
 * Memory   the text belongs to the context and is valid until the same thread's next failure on it. The context
 *          keeps the sentences of the 128 threads that failed most recently; any other thread gets "".
 * Threads  any. Code that moves between threads, such as a coroutine, must call this on the thread that failed.
 */
RNNP_API const char *rnnp_last_error(const rnnp_context *context);

/* ---- What was found and chosen ----------------------------------------------------------------- */

typedef struct rnnp_host_info {
    size_t struct_size;
    char vendor[16]; /* "GenuineIntel", "AuthenticAMD", ...; "" if unknown */
    char brand[64];  /* as the CPU states it */
    uint32_t family, model, stepping;
    uint64_t features;                                /* bit i is set if the CPU has feature rnnp_feature_name(i) */
    size_t l1d_bytes, l2_bytes, l3_bytes, line_bytes; /* caches of one core; 0 if unknown */
    size_t l2_sharers, l3_sharers;                    /* logical CPUs that share one L2, L3; 0 if unknown */
    size_t cores, cpus;                               /* physical cores and logical CPUs of the machine */
    size_t budget;          /* CPUs that this process may use: the least of affinity, cpuset and cgroup quota */
    const char *isa;        /* highest instruction set that this context uses */
    const char *isa_reason; /* why: "highest the CPU supports", "capped by RNNPACK_MAX_ISA", ... */
    const char *topology;   /* source of the facts about caches and cores: "hwloc", "sysfs" or "none" */
    size_t threads;         /* threads of the team */
} rnnp_host_info;
RNNP_STRUCT_INIT(rnnp_host_info)

/* Describes the host and what the context uses of it. Strings live as long as the context. RNNP_ERR_ARG. */
RNNP_API rnnp_status rnnp_context_host(const rnnp_context *context, rnnp_host_info *info);

/* CPU features that the library knows: "avx2", "fma3", "avx512f", ... */
RNNP_API size_t rnnp_feature_count(void);
RNNP_API const char *rnnp_feature_name(size_t index);

/* Instruction sets that have kernels, on any architecture: "generic", "avx2", ... */
RNNP_API size_t rnnp_isa_count(void);
RNNP_API const char *rnnp_isa_name(size_t index);

typedef struct rnnp_variant_info {
    size_t struct_size;
    const char *op;   /* "lstm_step" */
    const char *name; /* "lstm_step_f32_block_avx2" */
    const char *isa;  /* "avx2" */
    int usable;       /* 1: this CPU can run it, and the context's cap allows it */
    int chosen;       /* 1: the context uses it unless a tuning record names another */
} rnnp_variant_info;
RNNP_STRUCT_INIT(rnnp_variant_info)

/* The kernel variants of this build. RNNP_ERR_ARG, without a sentence past the end. */
RNNP_API size_t rnnp_context_variant_count(const rnnp_context *context);
RNNP_API rnnp_status rnnp_context_variant_info(const rnnp_context *context, size_t index, rnnp_variant_info *info);

#ifdef __cplusplus
}
#endif

#include "rnnpack/model.h"

#endif
