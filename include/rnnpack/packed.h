/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed model files: a closed model and its weights as the kernels read them, in one file that is mapped into memory.
 * Loading one costs no packing and no copy of the weights, and processes that load the same file share its pages.
 * docs/reference/packed.md describes the format byte by byte.
 *
 *     rnnp_packed_write_file(model, NULL, "model.rnnp")          once
 *     rnnp_packed_open_file(context, "model.rnnp", NULL, &model) wherever it is used; then as any other model
 *
 * A file serves every CPU: it holds the weights' original elements beside one packed form per instruction set asked
 * for. A plan takes the packed forms that its kernels want and packs the rest from the originals, with the same bits.
 */
#ifndef RNNPACK_PACKED_H
#define RNNPACK_PACKED_H

#include "rnnpack/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The version that this library writes; it reads this one and all before it. */
#define RNNP_PACKED_VERSION 2

/* ---- Writing ----------------------------------------------------------------------------------- */

typedef struct rnnp_packed_options {
    size_t struct_size;
    const char *const *isas; /* names of rnnp_isa_name(): pack for these, also for those of another architecture than
                              * this one; NULL (default): for the context's ISA */
    size_t n_isas;           /* weights whose packed form is the same on several are stored once */
} rnnp_packed_options;

RNNP_API void rnnp_packed_options_init(rnnp_packed_options *options);

/*
 * rnnp_packed_write() gives the bytes of the packed file of a closed model to `write`, first to last. options may be
 * NULL. The same model and options give the same bytes on every machine.
 *
 * Returns  RNNP_OK; RNNP_ERR_IO when write returned something else than 0; RNNP_ERR_STATE for a model that is not
 *          closed or whose weights were released; RNNP_ERR_ARG for an instruction set that is unknown or named twice;
 *          RNNP_ERR_FORMAT when the model comes from a packed file that turns out damaged; RNNP_ERR_MEMORY.
 * Memory   temporary: the graph, and room for the largest packed node.
 * Threads  runs on the calling thread; a model may be written by several at once.
 */
RNNP_API rnnp_status rnnp_packed_write(const rnnp_model *model, const rnnp_packed_options *options, rnnp_write_fn write,
                                       void *user);

/*
 * The same into a file. It is written under a temporary name in the same folder (".NAME.N.tmp"), made durable (fsync),
 * and then renamed to `path`: there is the old file or the whole new one, whatever happens. A symbolic link is
 * followed. Until it is whole only its owner can open it; then it has the mode of the file that was there, or 0666 less
 * the umask. What a process that was killed leaves of it, the next writer of the same path removes.
 *
 * Returns  as above; RNNP_ERR_IO with the system's words when the folder cannot be written, the disk is full, or
 *          something that is no regular file is at `path`.
 * Errors   leave what was at `path` as it was, and no temporary file.
 */
RNNP_API rnnp_status rnnp_packed_write_file(const rnnp_model *model, const rnnp_packed_options *options,
                                            const char *path);

/* ---- Reading ----------------------------------------------------------------------------------- */

/* 1 if a regular file begins like a packed model, 0 if it does not or cannot be read. Never waits on a pipe. */
RNNP_API int rnnp_packed_is_file(const char *path);

/*
 * rnnp_packed_open_file() maps a file and makes a closed model of it. The model owns the map. options (model.h) may be
 * NULL for the defaults. options->max_bytes counts the model and not the map; the defaults of max_bytes and max_work
 * are those of an ONNX file of the same size.
 *
 * Header, graph and the constants that are not merely packed are compared with their checksums here; packed weights,
 * and originals that something is packed from, when a plan first needs them (rnnp_plan_create then says
 * RNNP_ERR_FORMAT), or all at once by rnnp_packed_verify().
 *
 * Returns  RNNP_OK; RNNP_ERR_IO when the file cannot be read or is not a regular one; RNNP_ERR_FORMAT when it is not a
 *          packed model, is damaged or cut off, or comes from a CPU with another byte order; RNNP_ERR_UNSUPPORTED when
 *          it is of a newer version or holds an operator this library does not know; RNNP_ERR_LIMIT; RNNP_ERR_ARG;
 *          RNNP_ERR_MEMORY.
 * Errors   leave *model NULL and nothing mapped.
 * Memory   the map, and some kilobytes from the context's allocator for the graph.
 * Threads  safe from many threads with one context.
 * Files    Nobody may change or shorten the file in place while it is mapped: replace it by renaming another one over
 *          it, as rnnp_packed_write_file does. A mapped file that is shortened ends the process with SIGBUS.
 */
RNNP_API rnnp_status rnnp_packed_open_file(rnnp_context *context, const char *path, const rnnp_load_options *options,
                                           rnnp_model **model);

/* The same from memory. Bytes at an address that is a multiple of 64 are used where they are and must stay as they are
 * until the model is destroyed; others are copied. */
RNNP_API rnnp_status rnnp_packed_open_memory(rnnp_context *context, const void *bytes, size_t size,
                                             const rnnp_load_options *options, rnnp_model **model);

/*
 * rnnp_packed_verify() compares everything with its checksum, and every packed block with what packing the original
 * weights gives, for whatever instruction set of this build it is.
 *
 * Returns  RNNP_OK; RNNP_ERR_FORMAT naming what is damaged, or which node's block is not its weights;
 *          RNNP_ERR_UNSUPPORTED for a block that no instruction set of this build has (of another version, or of
 *          another kind of CPU), so that it cannot be compared; RNNP_ERR_STATE for a model that is not from a packed
 *          file; RNNP_ERR_MEMORY.
 * Memory   temporary: room for one packed block. Reads the whole file.
 */
RNNP_API rnnp_status rnnp_packed_verify(const rnnp_model *model);

/* ---- Looking at one ---------------------------------------------------------------------------- */

typedef struct rnnp_packed_info {
    size_t struct_size; /* set by the caller to sizeof(rnnp_packed_info) */
    size_t version;     /* of the file's format; 0 (as all that follows) for a model not from a packed file */
    size_t file_bytes;
    size_t graph_bytes;  /* nodes, names, shapes, checksums */
    size_t data_bytes;   /* original elements of the constants */
    size_t packed_bytes; /* packed weights, all layouts */
    size_t blocks;       /* packed blocks: one per node and layout */
} rnnp_packed_info;

/* Fills *info up to the caller's struct_size. RNNP_ERR_ARG, RNNP_ERR_STATE for a model that is not closed. */
RNNP_API rnnp_status rnnp_model_packed_info(const rnnp_model *model, rnnp_packed_info *info);

typedef struct rnnp_packed_block_info {
    size_t node; /* index as for rnnp_model_node_info */
    size_t bytes;
    const char *layout; /* what the kernels that can read it look for; lives as long as the model */
} rnnp_packed_block_info;

/* Block `index` of rnnp_packed_info.blocks. RNNP_ERR_ARG, RNNP_ERR_STATE. */
RNNP_API rnnp_status rnnp_model_packed_block_info(const rnnp_model *model, size_t index, rnnp_packed_block_info *info);

typedef enum rnnp_weights_place {
    RNNP_WEIGHTS_PLACE_NONE = 0, /* the node packs nothing */
    RNNP_WEIGHTS_PLACE_PLAN = 1, /* packed by rnnp_plan_create */
    RNNP_WEIGHTS_PLACE_FILE = 2  /* read from the packed file */
} rnnp_weights_place;

/* Where a node's packed weights are; index as for rnnp_model_node_info. A plan of a packed model that packs weights
 * itself says so, too, by a line to the context's log (RNNP_LOG_INFO). */
RNNP_API rnnp_weights_place rnnp_plan_node_place(const rnnp_plan *plan, size_t node);

#ifdef __cplusplus
}
#endif
#endif
