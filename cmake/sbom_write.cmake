# SPDX-License-Identifier: Apache-2.0
#
# cmake -DREADELF=program -DVERSION=x.y.z -DVERSIONS=|name=version... -DFILES=package=file|... -DOUTPUT=file -P sbom_write.cmake
#
# Writes the bill of materials: one package per file of ours and one per library that these need, linked (as the dynamic
# section says) or compiled in. A library that is not in the table below is listed without a licence.
# SOURCE_DATE_EPOCH, when set, is the time of creation, so that builds can be reproduced.
cmake_minimum_required(VERSION 3.20)

# name in VERSIONS and in lib<name>.so, package, licence, homepage
set(known
    "c glibc LGPL-2.1-or-later https://www.gnu.org/software/libc/"
    "hwloc hwloc BSD-3-Clause https://www.open-mpi.org/projects/hwloc/"
    "protobuf-c protobuf-c BSD-2-Clause https://github.com/protobuf-c/protobuf-c"
    "csv libcsv LGPL-2.1-or-later https://github.com/rgamble/libcsv"
    "z zlib Zlib https://zlib.net/"
    "microhttpd libmicrohttpd LGPL-2.1-or-later https://www.gnu.org/software/libmicrohttpd/"
    "sodium libsodium ISC https://libsodium.org/"
    "xxhash xxHash BSD-2-Clause https://xxhash.com/"
    "mpi openmpi BSD-3-Clause https://www.open-mpi.org/"
    "onnx onnx.proto Apache-2.0 https://onnx.ai/")

set(packages "")
set(relations "")
set(seen "")

function(add_package id name version licence homepage)
    set(purl "")
    if(NOT version STREQUAL "NOASSERTION")
        set(purl ",
      \"externalRefs\": [{
        \"referenceCategory\": \"PACKAGE-MANAGER\",
        \"referenceType\": \"purl\",
        \"referenceLocator\": \"pkg:generic/${name}@${version}\"
      }]")
    endif()
    list(APPEND packages "{
      \"SPDXID\": \"SPDXRef-${id}\",
      \"name\": \"${name}\",
      \"versionInfo\": \"${version}\",
      \"downloadLocation\": \"NOASSERTION\",
      \"homepage\": \"${homepage}\",
      \"filesAnalyzed\": false,
      \"licenseConcluded\": \"NOASSERTION\",
      \"licenseDeclared\": \"${licence}\",
      \"copyrightText\": \"NOASSERTION\"${purl}
    }")
    set(packages "${packages}" PARENT_SCOPE)
endfunction()

function(add_relation from type to)
    list(APPEND relations "{
      \"spdxElementId\": \"SPDXRef-${from}\",
      \"relationshipType\": \"${type}\",
      \"relatedSpdxElement\": \"SPDXRef-${to}\"
    }")
    set(relations "${relations}" PARENT_SCOPE)
endfunction()

# A library that `from` is linked with or contains.
function(add_library_of from type library)
    set(package lib${library})
    set(licence NOASSERTION)
    set(homepage NOASSERTION)
    foreach(row IN LISTS known)
        string(REPLACE " " ";" row "${row}")
        list(GET row 0 name)
        if(name STREQUAL library)
            list(GET row 1 package)
            list(GET row 2 licence)
            list(GET row 3 homepage)
        endif()
    endforeach()
    if(NOT library IN_LIST seen)
        list(APPEND seen ${library})
        set(version NOASSERTION)
        string(FIND "${VERSIONS}|" "|${library}=" at)
        if(NOT at EQUAL -1)
            string(LENGTH "|${library}=" skip)
            math(EXPR at "${at} + ${skip}")
            string(SUBSTRING "${VERSIONS}|" ${at} -1 version)
            string(REGEX REPLACE "\\|.*" "" version "${version}")
        endif()
        add_package(library-${library} ${package} "${version}" ${licence} ${homepage})
    endif()
    add_relation(${from} ${type} library-${library})
    set(packages "${packages}" PARENT_SCOPE)
    set(relations "${relations}" PARENT_SCOPE)
    set(seen "${seen}" PARENT_SCOPE)
endfunction()

string(REPLACE "|" ";" files "${FILES}")
foreach(file IN LISTS files)
    string(REGEX MATCH "^([^=]+)=(.+)$" matched "${file}")
    set(ours ${CMAKE_MATCH_1})
    execute_process(COMMAND ${READELF} -dW ${CMAKE_MATCH_2} OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
    add_package(${ours} ${ours} ${VERSION} Apache-2.0 NOASSERTION)
    add_relation(DOCUMENT DESCRIBES ${ours})
    string(REGEX REPLACE "[][]" "'" dynamic "${dynamic}") # a list's elements keep no open bracket apart
    string(REGEX MATCHALL "Shared library: '[^']+" needed "${dynamic}")
    set(libc 0)
    foreach(line IN LISTS needed)
        string(REGEX REPLACE "^.*'(lib)?([^']+)\\.so.*$" "\\2" library "${line}")
        if(library MATCHES "^rnnpack")
            add_relation(${ours} DYNAMIC_LINK lib${library})
        elseif(library MATCHES "^(c|m|pthread|dl|rt|ld-.*)$") # parts of the C library
            if(NOT libc)
                add_library_of(${ours} DYNAMIC_LINK c)
            endif()
            set(libc 1)
        else()
            add_library_of(${ours} DYNAMIC_LINK ${library})
        endif()
    endforeach()
    # A header whose functions are compiled in: the library's checksums, and the program's of
    # training data.
    if(ours MATCHES "^librnnpack(-ort)?$" OR (ours STREQUAL "rnnpack" AND dynamic MATCHES "'libcsv\\."))
        add_library_of(${ours} CONTAINS xxhash)
    elseif(ours STREQUAL "librnnpack-onnx") # code made from the schema
        add_library_of(${ours} CONTAINS onnx)
    endif()
endforeach()

list(JOIN packages ", " packages)
list(JOIN relations ", " relations)
string(TIMESTAMP now "%Y-%m-%dT%H:%M:%SZ" UTC)
string(UUID id NAMESPACE 6ba7b811-9dad-11d1-80b4-00c04fd430c8 NAME "${packages}${relations}" TYPE SHA1)
file(WRITE ${OUTPUT} "{
  \"spdxVersion\": \"SPDX-2.3\",
  \"dataLicense\": \"CC0-1.0\",
  \"SPDXID\": \"SPDXRef-DOCUMENT\",
  \"name\": \"rnnpack-${VERSION}\",
  \"documentNamespace\": \"https://spdx.org/spdxdocs/rnnpack-${VERSION}-${id}\",
  \"creationInfo\": {
    \"created\": \"${now}\",
    \"creators\": [\"Tool: rnnpack-sbom-${VERSION}\"]
  },
  \"packages\": [${packages}],
  \"relationships\": [${relations}]
}
")
