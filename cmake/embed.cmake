# SPDX-License-Identifier: Apache-2.0
#
# cmake -Dfrom=FILE -Dto=FILE.c -Dname=NAME -P embed.cmake: the bytes of a file as an array in C.
file(READ "${from}" bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE "${to}" "#include <stddef.h>

extern const unsigned char ${name}[];
extern const size_t ${name}_size;
const unsigned char ${name}[] = {\n${bytes}\n};
const size_t ${name}_size = ${size};
")
