/* SPDX-License-Identifier: Apache-2.0
 *
 * A jump without unwinding (no frame), so that it may begin in a handler of signals.
 */
#include_next <setjmp.h>

#ifndef RNNP_TESTS_SETJMP_H
#define RNNP_TESTS_SETJMP_H

typedef jmp_buf sigjmp_buf;
#define sigsetjmp(at, mask) _setjmp(at, NULL)
#define siglongjmp(at, value) longjmp(at, value)

#endif
