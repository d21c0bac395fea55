/* SPDX-License-Identifier: Apache-2.0
 *
 * NumPy's files, as the program reads them. What is read is the same after it is written and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/cli/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char message[NPY_MESSAGE];
    rnnp_tensor array, again;
    size_t offset;

    *message = 0;
    if (!npy_parse(data, size, &array, &offset, message)) {
        fuzz_check(*message);
        return 0;
    }
    const size_t bytes = rnnp_tensor_elements(&array) * rnnp_dtype_bytes(array.dtype);
    fuzz_check(offset <= size && bytes == size - offset);
    array.data = malloc(bytes);
    fuzz_check(array.data || bytes == 0);
    if (bytes) memcpy(array.data, data + offset, bytes);
    const char *path = fuzz_file("array.npy", "", 0);
    fuzz_check(npy_write(path, &array, message) && npy_read(path, &again, message));
    fuzz_check(again.dtype == array.dtype && again.rank == array.rank);
    fuzz_check(memcmp(again.shape, array.shape, array.rank * sizeof array.shape[0]) == 0);
    fuzz_check(bytes == 0 || memcmp(again.data, array.data, bytes) == 0);
    free(array.data);
    free(again.data);
    return 0;
}
