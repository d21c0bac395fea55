/* SPDX-License-Identifier: Apache-2.0
 *
 * The fixed part of a packed file, which docs/reference/packed.md describes. Numbers are as a little-endian CPU stores
 * them.
 */
#ifndef RNNP_PACKED_FORMAT_H
#define RNNP_PACKED_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* No text, and changed by transfers that convert line ends. */
#define PACKED_MAGIC "\x89RNP\r\n\x1a\n"
enum { PACKED_MAGIC_BYTES = 8, PACKED_ALIGN = 64 };

static const uint32_t packed_byte_order = 0x01020304;
static const float packed_float = -118.625f; /* 0xc2ed4000 where float is IEEE 754 binary32 */

/* The sections, in this order in the table and in the file. */
enum { PACKED_GRAPH, PACKED_BLOCKS, PACKED_DATA, PACKED_WEIGHTS, PACKED_SECTIONS };

typedef struct packed_section {
    uint64_t kind;          /* PACKED_GRAPH, ... */
    uint64_t offset, bytes; /* offset: from the start of the file, a multiple of 64 */
    uint64_t checksum;      /* XXH3-64; 0 for PACKED_DATA and PACKED_WEIGHTS, whose items have their own */
} packed_section;

typedef struct packed_header {
    char magic[PACKED_MAGIC_BYTES];
    uint32_t byte_order;
    float float_format;
    uint32_t version;
    uint32_t sections; /* PACKED_SECTIONS */
    uint64_t bytes;    /* of the whole file */
    uint64_t zero[3];
    uint64_t checksum; /* XXH3-64 of this header with 0 here */
    packed_section section[PACKED_SECTIONS];
} packed_header;

_Static_assert(sizeof(packed_header) == 192 && offsetof(packed_header, section) == 64, "the format has no padding");

/* Records of the graph, each one call that builds the model. */
enum { PACKED_END, PACKED_PRODUCER, PACKED_INPUT, PACKED_CONSTANT, PACKED_NODE, PACKED_OUTPUT, PACKED_METADATA };

#endif
