# SPDX-License-Identifier: Apache-2.0
#
# Flags that make a fault harder to exploit, each only where compiler and linker know it:
#
#   rnnp_hardening_branches  marks the targets of indirect branches. All code, the kernels too: they cost an instruction
#                            per function that does nothing, and a library with one unmarked object counts as unmarked.
#   rnnp_hardening_flags     all code but the kernels: guarded stacks and checked string functions. Kernels have neither
#                            strings nor arrays whose index comes from a file, and are called up to a million times a
#                            second.
#   rnnp_hardening_link      shared libraries and the program: tables of functions are read-only once bound, and bound
#                            at once; stacks hold no code.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)
include(CheckPIESupported)

option(RNNP_HARDENING "Flags that make a fault harder to exploit" ON)
set(rnnp_hardening_branches "")
set(rnnp_hardening_flags "")
set(rnnp_hardening_link "")
if(RNNP_HARDENING)
    set(CMAKE_REQUIRED_FLAGS -Werror) # clang only warns of flags that mean nothing to it
    check_pie_supported(LANGUAGES C) # the program is position-independent, as CMAKE_POSITION_INDEPENDENT_CODE says
    foreach(flag IN ITEMS -fcf-protection -mbranch-protection=standard)
        string(MAKE_C_IDENTIFIER RNNP_HAS${flag} known)
        check_c_compiler_flag(${flag} ${known})
        if(${known})
            list(APPEND rnnp_hardening_branches ${flag})
        endif()
    endforeach()
    set(stacks -fstack-protector-strong)
    if(NOT WIN32) # Windows has all large frames probed, page by page; gcc 12 fails when told twice
        list(APPEND stacks -fstack-clash-protection)
    endif()
    foreach(flag IN LISTS stacks)
        string(MAKE_C_IDENTIFIER RNNP_HAS${flag} known)
        check_c_compiler_flag(${flag} ${known})
        if(${known})
            list(APPEND rnnp_hardening_flags ${flag})
        endif()
    endforeach()
    list(APPEND rnnp_hardening_flags ${rnnp_hardening_branches})
    foreach(flag IN ITEMS -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
        string(MAKE_C_IDENTIFIER RNNP_HAS${flag} known)
        check_linker_flag(C ${flag} ${known})
        if(${known})
            list(APPEND rnnp_hardening_link ${flag})
        endif()
    endforeach()
    unset(CMAKE_REQUIRED_FLAGS)

    # The C library's checks need an optimiser, and sanitizers have better ones of their own.
    string(TOUPPER "${CMAKE_BUILD_TYPE}" config)
    set(all_flags "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${config}}")
    if(all_flags MATCHES "-O([1-3sz]|fast)" AND NOT all_flags MATCHES "-fsanitize|-O0")
        set(CMAKE_REQUIRED_FLAGS "-O2 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3")
        check_c_source_compiles("#include <string.h>\nint main(void) { return 0; }" RNNP_HAS_FORTIFY_3)
        unset(CMAKE_REQUIRED_FLAGS)
        set(level 2)
        if(RNNP_HAS_FORTIFY_3)
            set(level 3)
        endif()
        list(APPEND rnnp_hardening_flags -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${level}) # some compilers come with one
    endif()
endif()
