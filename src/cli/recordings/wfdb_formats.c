/* SPDX-License-Identifier: Apache-2.0
 *
 * How WFDB's formats pack samples. Their names are numbers: mostly of bits, or of bits times samples.
 */
#include "wfdb.h"

int wfdb_bits(int format)
{
    switch (format) {
    case 8: return 16; /* sums of differences of 8 bits */
    case 16:
    case 61:
    case 160: return 16;
    case 24: return 24;
    case 32: return 32;
    case 80: return 8;
    case 212: return 12;
    case 310:
    case 311: return 10;
    default: return 0;
    }
}

size_t wfdb_bytes(int format, size_t samples)
{
    switch (format) {
    case 212: return (samples * 3 + 1) / 2;
    case 310: return samples / 3 * 4 + samples % 3 * 2;
    case 311: return samples / 3 * 4 + (samples % 3 ? samples % 3 + 1 : 0);
    case 8:
    case 80: return samples;
    default: return samples * (size_t)wfdb_bits(format) / 8;
    }
}

size_t wfdb_samples(int format, size_t bytes)
{
    switch (format) {
    case 212: return bytes / 3 * 2 + bytes % 3 / 2;
    case 310: return bytes / 4 * 3 + bytes % 4 / 2;
    case 311: return bytes / 4 * 3 + (bytes % 4 > 1 ? bytes % 4 - 1 : 0);
    case 8:
    case 80: return bytes;
    default: return bytes / ((size_t)wfdb_bits(format) / 8);
    }
}

static int32_t sign(uint32_t bits, int n)
{
    const int32_t half = INT32_C(1) << (n - 1);
    return (int32_t)(bits & (uint32_t)(2 * half - 1)) - 2 * ((int32_t)bits & half);
}

int32_t wfdb_sample(int format, const unsigned char *bytes, size_t i)
{
    const unsigned char *p;
    switch (format) {
    case 16: return rec_number(bytes + 2 * i, 2);
    case 24: return rec_number(bytes + 3 * i, 3);
    case 32: return rec_number(bytes + 4 * i, 4);
    case 61: return rec_number((const unsigned char[]){bytes[2 * i + 1], bytes[2 * i]}, 2);
    case 80: return bytes[i] - 128;
    case 160: return (bytes[2 * i] | bytes[2 * i + 1] << 8) - 32768;
    case 212: /* two in three bytes: the middle one has the upper bits of both */
        p = bytes + i / 2 * 3;
        return i % 2 ? sign((uint32_t)(p[2] | (p[1] & 0xf0) << 4), 12)
                     : sign((uint32_t)(p[0] | (p[1] & 0x0f) << 8), 12);
    case 310: /* three in two words of 16 bits: bits 1 to 10 of each, and what is left of both, five bits each */
        p = bytes + i / 3 * 4;
        if (i % 3 < 2) return sign((uint32_t)(p[2 * (i % 3)] | p[2 * (i % 3) + 1] << 8) >> 1, 10);
        return sign((uint32_t)(p[1] >> 3 | (p[3] >> 3) << 5), 10);
    case 311: /* three in 32 bits, the lowest first; the last word may be cut off */
        p = bytes + i / 3 * 4 + i % 3;
        return sign((uint32_t)(p[0] | p[1] << 8) >> (2 * (i % 3)), 10);
    default: return 0;
    }
}
