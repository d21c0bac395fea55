/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "errors.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* The one variable of the library that is not constant, and a thread's own: when the thread failed for the first time,
 * on any context; 0: it never did. A thread may get the place of one that ended, but not its time.
 *
 * In a library that is opened at run time, glibc would otherwise allocate a thread's variables when they are first
 * used, and abort when it has no memory. These eight bytes fit into what it reserves for such libraries. */
#ifdef __GLIBC__
__attribute__((tls_model("initial-exec")))
#endif
static _Thread_local uint64_t failed_since;

void rnnp_errors_init(rnnp_errors *errors) { pthread_mutex_init(&errors->lock, NULL); }

void rnnp_errors_end(rnnp_errors *errors) { pthread_mutex_destroy(&errors->lock); }

static rnnp_thread_name name_thread(void)
{
    if (!failed_since) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        failed_since = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + 1;
    }
    return (rnnp_thread_name){&failed_since, failed_since};
}

/* The slot of a thread, or else the one that was used the longest ago. */
static size_t find(const rnnp_errors *errors, const rnnp_thread_name *thread)
{
    size_t oldest = 0;

    for (size_t i = 0; i < RNNP_ERROR_THREADS; i++) {
        if (errors->slot[i].thread.place == thread->place && errors->slot[i].thread.since == thread->since) return i;
        if (errors->slot[i].number < errors->slot[oldest].number) oldest = i;
    }
    return oldest;
}

/* Sentences quote names from files, and are printed to terminals: control characters (C0, DEL; C1 in UTF-8) become "?".
 */
static void make_plain(char *text)
{
    for (unsigned char *s = (unsigned char *)text; *s; s++) {
        const int is_c1 = s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0;

        if (*s < 0x20 || *s == 0x7f || is_c1) *s = '?';
        if (is_c1) *++s = '?';
    }
}

void rnnp_errors_put(rnnp_errors *errors, const char *format, va_list args)
{
    const rnnp_thread_name thread = name_thread();
    char text[RNNP_ERROR_CHARS];

    vsnprintf(text, sizeof text, format, args);
    make_plain(text);
    pthread_mutex_lock(&errors->lock);
    const size_t i = find(errors, &thread);
    errors->slot[i].thread = thread;
    errors->slot[i].number = ++errors->count;
    memcpy(errors->text[i], text, sizeof text);
    pthread_mutex_unlock(&errors->lock);
}

const char *rnnp_errors_get(rnnp_errors *errors)
{
    if (!failed_since) return "";
    const rnnp_thread_name thread = name_thread();

    pthread_mutex_lock(&errors->lock);
    const size_t i = find(errors, &thread);
    const int own = errors->slot[i].thread.place == thread.place && errors->slot[i].thread.since == thread.since;
    pthread_mutex_unlock(&errors->lock);
    return own ? errors->text[i] : "";
}
