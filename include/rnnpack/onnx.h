/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX files in and out: the component rnnpack-onnx (link rnnpack::onnx). Opsets 7 to 22 of the default domain;
 * docs/reference/onnx.md lists the operators. External tensor data is read from files beside the model.
 */
#ifndef RNNPACK_ONNX_H
#define RNNPACK_ONNX_H

#include "rnnpack/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * rnnp_onnx_open_file() reads a file, builds its model and closes it. options (model.h) may be NULL for the defaults.
 *
 * Returns  RNNP_OK; RNNP_ERR_IO when a file cannot be read; RNNP_ERR_FORMAT for a damaged one;
 *          RNNP_ERR_UNSUPPORTED, RNNP_ERR_SHAPE or RNNP_ERR_TYPE naming the node; RNNP_ERR_LIMIT with a sentence that
 *          names the limit and its value; RNNP_ERR_ARG; RNNP_ERR_MEMORY; RNNP_ERR_STATE when librnnpack and
 *          librnnpack-onnx are not of one version.
 * Errors   leave *model NULL.
 * Memory   from the context's allocator; the parsed file is freed before the return.
 * Threads  safe from many threads with one context.
 */
RNNP_API rnnp_status rnnp_onnx_open_file(rnnp_context *context, const char *path, const rnnp_load_options *options,
                                         rnnp_model **model);

/* The same from memory, which is read during the call. External data is read from files in options->directory; without
 * one, models with external data are refused. */
RNNP_API rnnp_status rnnp_onnx_open_memory(rnnp_context *context, const void *bytes, size_t size,
                                           const rnnp_load_options *options, rnnp_model **model);

/*
 * rnnp_onnx_write() gives the bytes of a closed model's ONNX file to `write`, first to last. Loaded again they are
 * the same model, with the same bits of every output; the same model gives the same bytes on every machine.
 *
 * What is written is the model as it was closed: constants folded, nodes that nothing needs removed. Nodes keep their
 * names and attributes, constants theirs (a number is put behind a name that is taken). Inputs, outputs and the
 * names of dimensions are as rnnp_model_input_info and rnnp_model_output_info tell. An output that is an input, or
 * another output too, gets an Identity node, and so does a constant that nodes read besides.
 *
 * The file has one opset, the highest of the nodes'. Nodes of older ones are in it as they are, since later opsets
 * have mostly added types; where an operator has changed otherwise in between (Slice in 10, Softmax in 13, ...), the
 * model is refused by the node's name.
 *
 * Returns  RNNP_OK; RNNP_ERR_UNSUPPORTED for opsets that do not fit together, an output with the name of an input that
 *          is another value, or a file above 2 GiB - 1, the most that the format can have; RNNP_ERR_STATE for a model
 *          that is not closed or whose weights were released, or when librnnpack and librnnpack-onnx are not of one
 *          version; RNNP_ERR_FORMAT when the model comes from a packed file that turns out damaged; RNNP_ERR_IO when
 *          write returned something else than 0; RNNP_ERR_ARG; RNNP_ERR_MEMORY. Nothing has been written but in the
 *          case of RNNP_ERR_IO.
 * Memory   temporary, from the context's allocator: the graph. Weights are written from where they are.
 * Threads  runs on the calling thread; a model may be written by several at once.
 */
RNNP_API rnnp_status rnnp_onnx_write(const rnnp_model *model, rnnp_write_fn write, void *user);

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
RNNP_API rnnp_status rnnp_onnx_write_file(const rnnp_model *model, const char *path);

#ifdef __cplusplus
}
#endif
#endif
