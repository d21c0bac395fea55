/* SPDX-License-Identifier: Apache-2.0
 *
 * A slowdown to be found: tanh (class u35) does five per cent of its work twice. The linker puts these functions before
 * the real ones (--wrap), so that rnnpack-bench itself is the same program.
 */
#include "kernels/ops.h"

#define SLOW(isa)                                                     \
    void __real_rnnp_tanh_f32_u35_##isa(const rnnp_unary_args *args); \
    void __wrap_rnnp_tanh_f32_u35_##isa(const rnnp_unary_args *args); \
    void __wrap_rnnp_tanh_f32_u35_##isa(const rnnp_unary_args *args)  \
    {                                                                 \
        rnnp_unary_args again = *args;                                \
        again.n /= 20;                                                \
        __real_rnnp_tanh_f32_u35_##isa(args);                         \
        __real_rnnp_tanh_f32_u35_##isa(&again);                       \
    }

SLOWED /* SLOW(isa) for each ISA of the build */
