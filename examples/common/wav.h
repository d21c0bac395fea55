/* SPDX-License-Identifier: Apache-2.0
 *
 * WAV files of one channel and 16 bits, the format in which speech models are used.
 */
#ifndef EXAMPLES_WAV_H
#define EXAMPLES_WAV_H

#include <stddef.h>

typedef struct wav {
    int rate;
    size_t n;
    float *samples; /* [n] from -1 to 1; free() it */
} wav;

/* Returns 0 after it printed an error. */
int wav_read(const char *path, wav *audio);
int wav_write(const char *path, const wav *audio);

#endif
