# SPDX-License-Identifier: Apache-2.0
#
# Windows, with mingw-w64 (docs/reference/platforms.md).
#
#   rnnp_system_sources    what Windows lacks of POSIX
#   rnnp_system_libraries  WaitOnAddress, RtlGetLastNtStatus, and what guarded stacks and checked strings call
#   rnnp_system_vectors    Windows aligns stacks to 16 bytes and gcc cannot align them further there (bug 54412), but
#                          keeps vectors of 32 and 64 bytes on them with moves that fault when they are not aligned
#                          (Debian's gcc is patched). The assembler writes the other form of each, which is as fast
#                          where they are aligned. clang aligns the stack itself. tests/cross/vectors.sh looks.
include(CheckCCompilerFlag)

set(rnnp_system_sources ${PROJECT_SOURCE_DIR}/src/windows/posix.c ${PROJECT_SOURCE_DIR}/src/windows/status.c)
set(rnnp_system_libraries synchronization ntdll)
if(rnnp_hardening_flags MATCHES "-fstack-protector|FORTIFY")
    list(APPEND rnnp_system_libraries ssp)
endif()
set(rnnp_system_vectors "")
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    check_c_compiler_flag(-Wa,-muse-unaligned-vector-move RNNP_HAS_UNALIGNED_VECTOR_MOVE)
    if(NOT RNNP_HAS_UNALIGNED_VECTOR_MOVE)
        message(FATAL_ERROR "the assembler has no -muse-unaligned-vector-move, without which AVX faults (binutils 2.38)")
    endif()
    set(rnnp_system_vectors -Wa,-muse-unaligned-vector-move)
    # mingw-w64's printf is the one of the GNU C library when it is asked for, but the attribute means Microsoft's.
    target_compile_definitions(rnnp-flags INTERFACE __printf__=__gnu_printf__)
endif()
target_compile_definitions(rnnp-flags INTERFACE _WIN32_WINNT=0x0A00 __USE_MINGW_ANSI_STDIO=1)
target_include_directories(rnnp-flags SYSTEM BEFORE INTERFACE ${PROJECT_SOURCE_DIR}/src/windows)
