/* SPDX-License-Identifier: Apache-2.0
 *
 * The API for C++17: header-only classes that own the objects of the C API, spans in place of pointers with sizes, and
 * exceptions in place of status codes. The C headers remain the reference for shapes, numerics, memory and threads;
 * the comments here say only what differs.
 *
 *     rnnpack::context context;
 *     rnnpack::model model = rnnpack::open(context, "model.onnx");
 *     rnnpack::stream stream = model.make_plan().make_stream();
 *     stream.step(x, y);                                        x, y: std::vector<float>, arrays, std::span, ...
 *
 *   Objects   context, model, plan and records are handles: a copy is the same object. All others can be moved alone.
 *             Whatever was made from an object keeps it alive, so objects may end in any order, and a function may
 *             return a stream without the context and model that it comes from.
 *   Errors    With exceptions, functions that can fail throw rnnpack::error, which has the status and the sentence.
 *             Without them (-fno-exceptions, or RNNP_EXCEPTIONS defined as 0), they return rnnpack::result<T>. Files
 *             of both kinds can be linked into one program. Where the comment of the C function says that errors
 *             leave something as it was, so it is here.
 *   Buffers   Sizes and dtypes are compared with what the model needs before memory is touched: a vector of the wrong
 *             length or type is an error. Functions that take the structs of C with pointers are the exception.
 *   Memory    Steps and executions that succeed allocate nothing, as in C. Making objects, describing them and errors
 *             allocate a few small blocks with operator new.
 *   Callbacks are any callables. An exception that one throws comes out of the function that called it; those of
 *             a context's log are swallowed.
 *   Options   with_size<S> is the C struct S with its defaults: rnnpack::plan_options o; o.threads = 2.
 *   ONNX      open(), open_onnx() and write_onnx() need librnnpack-onnx where they are used; all else needs the core.
 *
 * An object that was moved from, like one that was made by a default constructor, is empty: functions that can fail
 * then fail with RNNP_ERR_ARG, and counts are 0.
 */
#ifndef RNNPACK_RNNPACK_HPP
#define RNNPACK_RNNPACK_HPP

#include "rnnpack/cpp/attribute.hpp"
#include "rnnpack/cpp/base.hpp"
#include "rnnpack/cpp/build.hpp"
#include "rnnpack/cpp/files.hpp"
#include "rnnpack/cpp/kernels.hpp"
#include "rnnpack/cpp/metrics.hpp"
#include "rnnpack/cpp/model.hpp"
#include "rnnpack/cpp/train.hpp"
#include "rnnpack/cpp/tune.hpp"

#endif
