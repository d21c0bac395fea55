/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed model files: a closed model and its weights in the layout that the kernels read, in one file that is mapped
 * into memory. Opening a file neither packs nor copies weights, and processes that open the same file share its pages.
 * docs/reference/packed.md describes the format byte by byte.
 *
 *     rnnp_packed_write_file(model, NULL, "model.rnnp")            once
 *     rnnp_packed_open_file(context, "model.rnnp", NULL, &model)   in every process; then use it as any model
 *
 * A file works on every CPU: beside the original weights it holds one packed form for each instruction set that was
 * asked for. A plan reads the packed forms that suit its kernels and packs the rest from the originals, with the
 * same bits.
 */
#ifndef RNNPACK_PACKED_H
#define RNNPACK_PACKED_H

#include "rnnpack/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the format that this library writes, and the oldest one that it reads: 2 has no metadata. */
#define RNNP_PACKED_VERSION 3
#define RNNP_PACKED_OLDEST 2

/* ---- Writing ----------------------------------------------------------------------------------- */

typedef struct rnnp_packed_options {
    size_t struct_size;
    const char *const *isas; /* instruction sets to pack for, names of rnnp_isa_name(), also of other architectures;
                              * NULL: the context's */
    size_t n_isas;           /* packed forms that several of them share are stored once */
} rnnp_packed_options;
RNNP_STRUCT_INIT(rnnp_packed_options)

/*
 * rnnp_packed_write() gives the bytes of a closed model's packed file to `write`, from first to last. options may be
 * NULL. The same model and options give the same bytes on every machine.
 *
 * Returns  RNNP_OK; RNNP_ERR_IO if write returned other than 0; RNNP_ERR_STATE if the model is not closed or its
 *          weights were released; RNNP_ERR_ARG for an instruction set that is unknown or named twice;
 *          RNNP_ERR_FORMAT if the model's own packed file is damaged; RNNP_ERR_MEMORY.
 * Memory   temporary: the graph, and room for the largest packed node.
 * Threads  runs on the calling thread; any number of threads may write one model at the same time.
 */
RNNP_API rnnp_status rnnp_packed_write(const rnnp_model *model, const rnnp_packed_options *options, rnnp_write_fn write,
                                       void *user);

/*
 * rnnp_packed_write_file() writes the same bytes to a file, which is replaced as a whole: whatever happens, `path`
 * is the old file or the complete new one. The new file is written under a temporary name in the same folder
 * (".NAME.N.tmp"), synced to disk, and renamed. Symbolic links are followed. Until the file is complete only its
 * owner can open it; then it gets the mode of the old file, or 0666 less the umask. The next writer of a path
 * removes temporary files that a killed process left behind.
 *
 * Returns  as rnnp_packed_write(); RNNP_ERR_IO with the system's reason if the folder cannot be written, the disk is
 *          full, or `path` is not a regular file.
 * Errors   leave the file as it was, and no temporary file.
 */
RNNP_API rnnp_status rnnp_packed_write_file(const rnnp_model *model, const rnnp_packed_options *options,
                                            const char *path);

/* ---- Reading ----------------------------------------------------------------------------------- */

/* Returns 1 if a regular file begins like a packed model, and 0 if it does not or cannot be read. Never blocks on a
 * pipe. */
RNNP_API int rnnp_packed_is_file(const char *path);

/*
 * rnnp_packed_open_file() maps a file and makes a closed model of it, which owns the map. options (model.h) may be
 * NULL. options->max_bytes counts the model and not the map; max_bytes and max_work default to those of an ONNX file
 * of the same size.
 *
 * The header, the graph, and the constants that kernels read directly are checked against their checksums here. Packed
 * weights, and the originals that weights are packed from, are checked when a plan first needs them (rnnp_plan_create()
 * then returns RNNP_ERR_FORMAT), or all at once by rnnp_packed_verify().
 *
 * Returns  RNNP_OK; RNNP_ERR_IO if the file cannot be read or is not a regular file; RNNP_ERR_FORMAT if it is not a
 *          packed model, is damaged or truncated, or has another byte order; RNNP_ERR_UNSUPPORTED if it has another
 *          version or an operator that this library does not know; RNNP_ERR_LIMIT; RNNP_ERR_ARG; RNNP_ERR_MEMORY.
 * Errors   leave *model NULL and nothing mapped.
 * Memory   the map, and some kilobytes from the context's allocator for the graph.
 * Threads  any number of threads may call it at the same time with one context.
 * Files    Nobody may change or shorten a file in place while it is mapped: replace it by renaming another file over
 *          it, as rnnp_packed_write_file() does. If a mapped file is shortened, reading it ends the process with
 *          SIGBUS.
 */
RNNP_API rnnp_status rnnp_packed_open_file(const rnnp_context *context, const char *path,
                                           const rnnp_load_options *options, rnnp_model **model);

/* The same from memory. Bytes at an address that is a multiple of 64 are used in place and must stay unchanged until
 * the model is destroyed; others are copied. */
RNNP_API rnnp_status rnnp_packed_open_memory(const rnnp_context *context, const void *bytes, size_t size,
                                             const rnnp_load_options *options, rnnp_model **model);

/*
 * rnnp_packed_verify() checks everything against its checksum, and every packed block, of whatever instruction set
 * of this build, against what packing the original weights gives.
 *
 * Returns  RNNP_OK; RNNP_ERR_FORMAT with the name of what is damaged, or of the node whose block does not match its
 *          weights; RNNP_ERR_UNSUPPORTED for a block that no instruction set of this build has, because it is of
 *          another version or kind of CPU; RNNP_ERR_STATE for a model that is not from a packed file; RNNP_ERR_ARG;
 *          RNNP_ERR_MEMORY.
 * Memory   temporary: room for one packed block. Reads the whole file.
 * Threads  runs on the calling thread; any number of threads may use the model at the same time.
 */
RNNP_API rnnp_status rnnp_packed_verify(const rnnp_model *model);

/* ---- Looking at one ---------------------------------------------------------------------------- */

typedef struct rnnp_packed_info {
    size_t struct_size;
    size_t version; /* of the file's format; 0, like all that follows, for a model that is not from a packed file */
    size_t file_bytes;
    size_t graph_bytes;  /* nodes, names, shapes, checksums */
    size_t data_bytes;   /* original elements of the constants */
    size_t packed_bytes; /* packed weights of all layouts */
    size_t n_blocks;     /* packed blocks: one per node and layout */
} rnnp_packed_info;
RNNP_STRUCT_INIT(rnnp_packed_info)

/* Describes a model's packed file. RNNP_ERR_ARG; RNNP_ERR_STATE for a model that is not closed. */
RNNP_API rnnp_status rnnp_model_packed_info(const rnnp_model *model, rnnp_packed_info *info);

typedef struct rnnp_packed_block_info {
    size_t struct_size;
    size_t node; /* index as for rnnp_model_node_info() */
    size_t bytes;
    const char *layout; /* what kernels compare to find out whether they can read the block; lives as long as the
                         * model */
} rnnp_packed_block_info;
RNNP_STRUCT_INIT(rnnp_packed_block_info)

/* Describes block `index`, less than rnnp_packed_info.n_blocks. RNNP_ERR_ARG; RNNP_ERR_STATE. */
RNNP_API rnnp_status rnnp_model_packed_block_info(const rnnp_model *model, size_t index, rnnp_packed_block_info *info);

typedef enum rnnp_weights_place {
    RNNP_WEIGHTS_PLACE_NONE = 0, /* the node packs nothing */
    RNNP_WEIGHTS_PLACE_PLAN = 1, /* packed by rnnp_plan_create() */
    RNNP_WEIGHTS_PLACE_FILE = 2  /* read from the packed file */
} rnnp_weights_place;

/* Returns where a node's packed weights are; index as for rnnp_model_node_info(). A plan of a packed model that packs
 * weights itself also says so in the context's log (RNNP_LOG_INFO). */
RNNP_API rnnp_weights_place rnnp_plan_node_place(const rnnp_plan *plan, size_t node);

#ifdef __cplusplus
}
#endif
#endif
