/* SPDX-License-Identifier: Apache-2.0
 *
 * The last sentence of each thread that failed on a context. It all lies in the context and allocates nothing, so a
 * sentence about missing memory has its place too.
 */
#ifndef RNNP_ERRORS_H
#define RNNP_ERRORS_H

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>

enum { RNNP_ERROR_THREADS = 128, RNNP_ERROR_CHARS = 512 };

/* Names one thread for ever: no other thread of the process, before or after, equals it in both. */
typedef struct rnnp_thread_name {
    const void *place;
    uint64_t since;
} rnnp_thread_name;

typedef struct rnnp_errors {
    pthread_mutex_t lock; /* taken on the error path only */
    uint64_t count;
    struct {
        rnnp_thread_name thread;
        uint64_t number; /* the count when it failed last; 0: nobody's */
    } slot[RNNP_ERROR_THREADS];
    char text[RNNP_ERROR_THREADS][RNNP_ERROR_CHARS];
} rnnp_errors;

void rnnp_errors_init(rnnp_errors *errors); /* of zeros */
void rnnp_errors_end(rnnp_errors *errors);

/* Keeps a sentence as the calling thread's last one. When every slot belongs to another thread, it takes that of the
 * thread that failed the longest ago. The arguments may point to an earlier sentence. Control characters become "?". */
void rnnp_errors_put(rnnp_errors *errors, const char *format, va_list args) __attribute__((format(__printf__, 2, 0)));

/* The calling thread's last sentence; "" when it has none or lost it. */
const char *rnnp_errors_get(rnnp_errors *errors);

#endif
