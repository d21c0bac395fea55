/* SPDX-License-Identifier: Apache-2.0 */
#include "wav.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t le32(const unsigned char *b)
{
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}
static unsigned le16(const unsigned char *b) { return b[0] | (unsigned)b[1] << 8; }

static int fail(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    return 0;
}

/* The body of a data chunk. A size beyond the end of the file is what a recorder leaves that was interrupted. */
static int read_samples(FILE *file, size_t bytes, wav *audio)
{
    enum { BLOCK = 4096 };
    unsigned char block[2 * BLOCK];
    size_t room = 0;
    for (size_t left = bytes / 2; left > 0;) {
        const size_t n = fread(block, 2, left < BLOCK ? left : BLOCK, file);
        if (n == 0) break;
        if (audio->n + n > room) {
            float *const grown = realloc(audio->samples, (room = 2 * room + BLOCK) * sizeof *grown);
            if (!grown) return 0;
            audio->samples = grown;
        }
        for (size_t i = 0; i < n; i++) audio->samples[audio->n++] = (float)(int16_t)le16(&block[2 * i]) / 32768.0f;
        left -= n;
    }
    return 1;
}

static int read_chunks(const char *path, FILE *file, wav *audio)
{
    unsigned char head[12], format[16];
    if (fread(head, 1, 12, file) != 12 || memcmp(head, "RIFF", 4) != 0 || memcmp(head + 8, "WAVE", 4) != 0)
        return fail(path, "is not a WAV file");
    while (fread(head, 1, 8, file) == 8) {
        const uint32_t bytes = le32(head + 4);
        if (memcmp(head, "data", 4) == 0) {
            if (audio->rate == 0) return fail(path, "has samples before their format");
            return read_samples(file, bytes, audio) ? 1 : fail(path, "does not fit into memory");
        }
        long skip = (long)bytes + (bytes & 1);
        if (memcmp(head, "fmt ", 4) == 0) {
            if (bytes < 16 || fread(format, 1, 16, file) != 16) return fail(path, "has a damaged format");
            if (le16(format) != 1 || le16(format + 2) != 1 || le16(format + 14) != 16)
                return fail(path, "is not of one channel and 16-bit PCM");
            audio->rate = (int)le32(format + 4);
            skip -= 16;
        }
        if (fseek(file, skip, SEEK_CUR) != 0) break;
    }
    return fail(path, "has no samples");
}

int wav_read(const char *path, wav *audio)
{
    *audio = (wav){0};
    FILE *const file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 0;
    }
    const int ok = read_chunks(path, file, audio);
    fclose(file);
    return ok;
}

static void put32(unsigned char *b, uint32_t v)
{
    for (int i = 0; i < 4; i++) b[i] = (unsigned char)(v >> 8 * i & 0xff);
}

int wav_write(const char *path, const wav *audio)
{
    unsigned char head[44] = "RIFF....WAVEfmt \x10\0\0\0\1\0\1\0........\2\0\x10\0data";
    put32(head + 4, (uint32_t)(36 + 2 * audio->n));
    put32(head + 24, (uint32_t)audio->rate);
    put32(head + 28, (uint32_t)(2 * audio->rate));
    put32(head + 40, (uint32_t)(2 * audio->n));
    FILE *const file = fopen(path, "wb");
    int ok = file && fwrite(head, 1, sizeof head, file) == sizeof head;
    for (size_t i = 0; ok && i < audio->n; i++) {
        const float v = audio->samples[i] * 32768.0f;
        const int unit = (int)(v < -32768.0f ? -32768.0f : v > 32767.0f ? 32767.0f : v + (v < 0 ? -0.5f : 0.5f));
        ok = putc(unit & 0xff, file) != EOF && putc(unit >> 8 & 0xff, file) != EOF;
    }
    if (file && fclose(file) != 0) ok = 0;
    if (!ok) perror(path);
    return ok;
}
