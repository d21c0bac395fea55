# SPDX-License-Identifier: Apache-2.0
#
# The software bill of materials, rnnpack.spdx.json (SPDX 2.3), written anew whenever a library or the program is linked:
# sbom_write.cmake reads from the files themselves what they need. Here are the versions, from the headers compiled with.

set(rnnp_sbom_versions "")

# rnnp_version_of(<name> <header> <regex>): what its group 1 matches, line after line, joined by dots.
function(rnnp_version_of name header regex)
    if(NOT EXISTS "${header}")
        return()
    endif()
    file(STRINGS "${header}" lines REGEX "${regex}")
    set(version "")
    foreach(line IN LISTS lines)
        string(REGEX MATCH "${regex}" matched "${line}")
        list(APPEND version "${CMAKE_MATCH_1}")
    endforeach()
    list(JOIN version "." version)
    if(version)
        set(rnnp_sbom_versions "${rnnp_sbom_versions}|${name}=${version}" PARENT_SCOPE)
    endif()
endfunction()

find_file(RNNP_MPI_HEADER mpi.h PATHS ${MPI_C_INCLUDE_DIRS})
mark_as_advanced(RNNP_MPI_HEADER)
find_path(HWLOC_CONFIG_DIR hwloc/autogen/config.h)
mark_as_advanced(HWLOC_CONFIG_DIR)
rnnp_version_of(hwloc "${HWLOC_CONFIG_DIR}/hwloc/autogen/config.h" "define HWLOC_VERSION \"([^\"]+)\"")
rnnp_version_of(xxhash "${XXHASH_INCLUDE_DIR}/xxhash.h" "define +XXH_VERSION_[MR][A-Z]+ +([0-9]+)")
rnnp_version_of(protobuf-c "${PROTOBUF_C_INCLUDE_DIR}/protobuf-c/protobuf-c.h"
                "define[ \t]+PROTOBUF_C_VERSION[ \t]+\"([^\"]+)\"")
rnnp_version_of(onnx "${ONNX_PROTO_DIR}/onnx/onnx.proto" "^ *IR_VERSION = 0x0*([0-9a-f]+);")
rnnp_version_of(csv "${CSV_INCLUDE_DIR}/csv.h" "define CSV_[MR][AIE][JNL][A-Z]+ +([0-9]+)")
rnnp_version_of(z "${ZLIB_INCLUDE_DIRS}/zlib.h" "define ZLIB_VERSION \"([^\"]+)\"")
rnnp_version_of(microhttpd "${MICROHTTPD_INCLUDE_DIR}/microhttpd.h" "define MHD_VERSION 0x0*([0-9]+)")
rnnp_version_of(mpi "${RNNP_MPI_HEADER}" "define OMPI_[MR][AIE][JNL][A-Z]+_VERSION +([0-9]+)")
rnnp_version_of(sodium "${SODIUM_INCLUDE_DIR}/sodium/version.h" "define SODIUM_VERSION_STRING \"([^\"]+)\"")
file(WRITE ${PROJECT_BINARY_DIR}/libc.c "#include <limits.h>\n")
execute_process(COMMAND ${CMAKE_C_COMPILER} -E -dM ${PROJECT_BINARY_DIR}/libc.c OUTPUT_VARIABLE macros ERROR_QUIET)
if(macros MATCHES "#define __GLIBC__ ([0-9]+)")
    set(version ${CMAKE_MATCH_1})
    string(REGEX MATCH "#define __GLIBC_MINOR__ ([0-9]+)" matched "${macros}")
    string(APPEND rnnp_sbom_versions "|c=${version}.${CMAKE_MATCH_1}")
endif()

set(sbom_targets rnnpack)
set(sbom_files "librnnpack=$<TARGET_FILE:rnnpack>")
foreach(target IN ITEMS rnnpack-onnx rnnpack-mpi rnnpack-cli rnnpack-ort)
    if(TARGET ${target})
        list(APPEND sbom_targets ${target})
        string(REGEX REPLACE "-cli$" "" name lib${target})
        string(REGEX REPLACE "^lib(rnnpack)$" "\\1" name ${name}) # the program's
        string(APPEND sbom_files "|${name}=$<TARGET_FILE:${target}>")
    endif()
endforeach()
set(rnnp_sbom ${PROJECT_BINARY_DIR}/rnnpack.spdx.json)
add_custom_command(
    OUTPUT ${rnnp_sbom}
    COMMAND ${CMAKE_COMMAND} -DREADELF=${CMAKE_READELF} -DVERSION=${PROJECT_VERSION} "-DVERSIONS=${rnnp_sbom_versions}"
            "-DFILES=${sbom_files}" -DOUTPUT=${rnnp_sbom} -P ${PROJECT_SOURCE_DIR}/cmake/sbom_write.cmake
    DEPENDS ${sbom_targets} ${PROJECT_SOURCE_DIR}/cmake/sbom_write.cmake
    COMMENT "Writing rnnpack.spdx.json"
    VERBATIM)
add_custom_target(sbom ALL DEPENDS ${rnnp_sbom})
install(FILES ${rnnp_sbom} DESTINATION ${CMAKE_INSTALL_DATADIR}/rnnpack COMPONENT tools)
