/* SPDX-License-Identifier: Apache-2.0
 *
 * The same as consumer.c in C++.
 */
#include <rnnpack/rnnpack.hpp>

int main()
{
    const rnnpack::context context;
    try {
#ifdef WITH_ONNX
        (void)rnnpack::open(context, "/no/such/model.onnx");
#else
        (void)rnnpack::open_packed(context, "/no/such/model.rnnp");
#endif
    } catch (const rnnpack::error &e) {
        return e.status() == RNNP_ERR_IO ? 0 : 1;
    }
    return 1;
}
