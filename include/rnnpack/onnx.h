/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX files: the library librnnpack-onnx (link rnnpack::onnx). It reads and writes opsets 6 to 25 of the default
 * domain; docs/reference/onnx.md lists the operators. External tensor data is read from files in the folder of the
 * model.
 */
#ifndef RNNPACK_ONNX_H
#define RNNPACK_ONNX_H

#include "rnnpack/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Reading ----------------------------------------------------------------------------------- */

/*
 * rnnp_onnx_open_file() reads a file, builds its model and closes it. options (model.h) may be NULL.
 *
 * Returns  RNNP_OK; RNNP_ERR_IO if a file cannot be read; RNNP_ERR_FORMAT if it is damaged; RNNP_ERR_UNSUPPORTED,
 *          RNNP_ERR_SHAPE or RNNP_ERR_TYPE with the node's name; RNNP_ERR_LIMIT with the limit's name and value;
 *          RNNP_ERR_ARG; RNNP_ERR_MEMORY; RNNP_ERR_STATE if librnnpack and librnnpack-onnx are of different versions.
 * Errors   leave *model NULL.
 * Types    inputs and outputs of a file that computes in f16 or bf16 are f32, and so is what it computes; the log says
 *          so. Weights stay as they are.
 * Memory   from the context's allocator; the parsed file is freed before the return.
 * Threads  any number of threads may call it at the same time with one context.
 */
RNNP_API rnnp_status rnnp_onnx_open_file(const rnnp_context *context, const char *path,
                                         const rnnp_load_options *options, rnnp_model **model);

/* The same from `size` bytes of memory, which are read during the call. External data is read from files in
 * options->directory; without it, a model with external data is refused. */
RNNP_API rnnp_status rnnp_onnx_open_memory(const rnnp_context *context, const void *bytes, size_t size,
                                           const rnnp_load_options *options, rnnp_model **model);

/* ---- Writing ----------------------------------------------------------------------------------- */

/*
 * rnnp_onnx_write() gives the bytes of a closed model's ONNX file to `write`, from first to last. When the file is
 * opened again, all outputs have the same bits, in every format of weights, unless the model has an input in f16 or
 * bf16. The same model gives the same bytes on every machine.
 *
 * The file holds the model as it was closed: constants are folded, and nodes that nothing needs are gone. Nodes keep
 * their names and attributes, and constants their names; a number is appended to a name that is taken. Inputs, outputs
 * and the names of dimensions are those that rnnp_model_input_info() and rnnp_model_output_info() return. An output
 * that is also an input or another output gets an Identity node, and so does a constant that nodes read as well.
 *
 * A file has one opset: the highest of its nodes. Nodes of older opsets are written unchanged, because later opsets
 * mostly add types. If an operator changed in another way in between, as Slice did in opset 10 and Softmax in 13,
 * the model is refused with the node's name.
 *
 * Returns  RNNP_OK; RNNP_ERR_UNSUPPORTED for opsets that cannot be combined, an output that has the name of an input of
 *          another value, a branch with something that was not supported, or a file of more than 2 GiB - 1, the limit
 *          of the format; RNNP_ERR_STATE if the model is not closed, its weights were released, or librnnpack and
 *          librnnpack-onnx are of different versions; RNNP_ERR_FORMAT if the model's packed file is damaged;
 *          RNNP_ERR_IO if write returned other than 0; RNNP_ERR_ARG; RNNP_ERR_MEMORY.
 * Errors   other than RNNP_ERR_IO come before the first byte is written.
 * Memory   temporary, from the context's allocator: the graph, and weights of i8 that the file has transposed. Others
 *          are written from where they are.
 * Threads  runs on the calling thread; any number of threads may write one model at the same time.
 */
RNNP_API rnnp_status rnnp_onnx_write(const rnnp_model *model, rnnp_write_fn write, void *user);

/*
 * rnnp_onnx_write_file() writes the same bytes to a file, which is replaced as a whole: whatever happens, `path` is the
 * old file or the complete new one. The new file is written under a temporary name in the same folder (".NAME.N.tmp"),
 * synced to disk, and renamed. Symbolic links are followed. Until the file is complete only its owner can open it;
 * then it gets the mode of the old file, or 0666 less the umask. The next writer of a path removes temporary files
 * that a killed process left behind.
 *
 * Returns  as rnnp_onnx_write(); RNNP_ERR_IO with the system's reason if the folder cannot be written, the disk is
 *          full, or `path` is not a regular file.
 * Errors   leave the file as it was, and no temporary file.
 */
RNNP_API rnnp_status rnnp_onnx_write_file(const rnnp_model *model, const char *path);

#ifdef __cplusplus
}
#endif
#endif
