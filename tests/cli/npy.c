/* SPDX-License-Identifier: Apache-2.0
 *
 * The .npy reader on good, damaged and hostile files.
 */
#include "tests/scratch.h"

#include "src/cli/npy.h"

/* A file of `version` around a header and `data` zero bytes, in memory of exactly its size. */
static unsigned char *make(int version, const char *header, size_t data, size_t *size)
{
    const size_t start = version == 1 ? 10 : 12, length = strlen(header);
    *size = start + length + data;
    unsigned char *const b = calloc(1, *size + 1);
    assert_non_null(b);
    memcpy(b, "\x93NUMPY", 6);
    b[6] = (unsigned char)version;
    for (size_t i = 8; i < start; i++) b[i] = (unsigned char)(length >> 8 * (i - 8));
    memcpy(b + start, header, length);
    unsigned char *const exact = realloc(b, *size);
    return exact ? exact : b;
}

static int parse(int version, const char *header, size_t data, rnnp_tensor *array, char *message)
{
    size_t size, offset = 0;
    unsigned char *const b = make(version, header, data, &size);
    const int ok = npy_parse(b, size, array, &offset, message);
    if (ok) assert_int_equal(offset, size - data);
    free(b);
    return ok;
}

TEST(reads_what_numpy_writes)
{
    static const struct {
        const char *header;
        size_t data;
        rnnp_dtype dtype;
        size_t rank;
        int64_t shape[2];
    } good[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", 24, RNNP_DTYPE_F32, 2, {2, 3}},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n", 24, RNNP_DTYPE_F64, 1, {3}},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (), }\n", 4, RNNP_DTYPE_I32, 0, {0}},
        {"{'descr': '<i8', 'fortran_order': False, 'shape': (0, 5)}\n", 0, RNNP_DTYPE_I64, 2, {0, 5}},
        {"{\"shape\":(1,2),\"descr\":\"|b1\",\"fortran_order\":False}", 2, RNNP_DTYPE_BOOL, 2, {1, 2}},
        {"{'fortran_order': False, 'descr': '|u1', 'shape': (7,)}", 7, RNNP_DTYPE_U8, 1, {7}},
    };
    char message[NPY_MESSAGE];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (int version = 1; version <= 3; version++) {
            rnnp_tensor a;
            assert_true(parse(version, good[i].header, good[i].data, &a, message));
            assert_int_equal(a.dtype, good[i].dtype);
            assert_int_equal(a.rank, good[i].rank);
            for (size_t d = 0; d < a.rank; d++) assert_int_equal(a.shape[d], good[i].shape[d]);
        }
    }
}

TEST(refuses_with_a_reason)
{
    static const struct {
        const char *header;
        size_t data;
        const char *reason;
    } bad[] = {
        {"", 0, "not a dict"},
        {"{", 0, "not a dict of"},
        {"{}", 0, "no descr"},
        {"{'descr': '<f4', 'fortran_order': False}", 4, "no shape"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}", 4, "repeated"},
        {"{'descr': '<f4', 'nonsense': False, 'shape': ()}", 4, "unknown key"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()} x", 4, "after the header's dict"},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': ()}", 4, "not a dict of"},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2)}", 16, "Fortran order"},
        {"{'descr': '<f4', 'fortran_order': None, 'shape': (2, 2)}", 16, "neither"},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}", 8, "dtype '>f4'"},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (2,)}", 4, "'<f2' is not one of <f4 <f8 <i4 <i8 |b1 |u1"},
        {"{'descr': '<U2', 'fortran_order': False, 'shape': (2,)}", 16, "'<U2' is not one of <f4 <f8 <i4 <i8 |b1 |u1"},
        {"{'descr': '<U0', 'fortran_order': False, 'shape': (9,)}", 0, "'<U0' is not one of f2 f4 f8 i1 i2 i4 i8 u1"},
        {"{'descr': '|S99999999', 'fortran_order': False, 'shape': (0,)}", 0, "'|S99999999' is not one of f2 f4"},
        {"{'descr': '=f4', 'fortran_order': False, 'shape': (2,)}", 8, "'=f4' is not one of f2 f4 f8"},
        {"{'descr': '', 'fortran_order': False, 'shape': (2,)}", 8, "'' is not one of f2 f4 f8"},
        {"{'descr': '<f16', 'fortran_order': False, 'shape': (2,)}", 32, "'<f16' is not one of f2 f4 f8"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", 8, "dtype '|O'"},
        {"{'descr': '\033[31m', 'fortran_order': False, 'shape': (2,)}", 8, "dtype '?[31m'"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", 8, "not a plain dtype"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': 2}", 8, "not a tuple"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2)}", 8, "not a tuple"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2 2)}", 16, "dimension 1"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", 8, "dimension 0"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (,)}", 8, "dimension 0"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2", 8, "dimension 1"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", 4, "more than 8"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 4, "dimension 0"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,)}", 4, "dimension 0"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,)}", 4, "larger than memory"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", 0, "larger than memory"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 1073741824)}", 0, "larger than memory"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,)}", 0, "larger than memory"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 7, "7 bytes of data"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 9, "9 bytes of data"},
        {"{'descr': '<f4\\'', 'fortran_order': False, 'shape': (2,)}", 8, "not a plain dtype"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rnnp_tensor a;
        char message[NPY_MESSAGE] = "";
        if (parse(1, bad[i].header, bad[i].data, &a, message) || !strstr(message, bad[i].reason))
            fail_msg("%s: '%s' instead of '%s'", bad[i].header, message, bad[i].reason);
    }
}

TEST(refuses_every_truncation_and_survives_every_byte)
{
    size_t size, offset;
    char message[NPY_MESSAGE];
    rnnp_tensor a;
    unsigned char *const whole = make(2, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 24, &size);
    for (size_t n = 0; n < size; n++) {
        unsigned char *const part = malloc(n + !n); /* of exactly n bytes, so that a sanitizer sees over-reads */
        assert_non_null(part);
        memcpy(part, whole, n);
        assert_false(npy_parse(part, n, &a, &offset, message));
        free(part);
    }
    for (size_t i = 0; i < size - 24; i++) {
        const unsigned char before = whole[i];
        for (unsigned v = 0; v < 256; v++) {
            whole[i] = (unsigned char)v;
            if (npy_parse(whole, size, &a, &offset, message))
                assert_true(offset + rnnp_tensor_elements(&a) * rnnp_dtype_bytes(a.dtype) == size);
        }
        whole[i] = before;
    }
    free(whole);
}

TEST(refuses_foreign_files)
{
    size_t size, offset;
    char message[NPY_MESSAGE];
    rnnp_tensor a;
    assert_false(npy_parse("PK\3\4........", 12, &a, &offset, message));
    assert_string_equal(message, "not a .npy file");
    unsigned char *const b = make(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", 3, &size);
    b[6] = 4;
    assert_false(npy_parse(b, size, &a, &offset, message));
    assert_non_null(strstr(message, "version 4.0"));
    b[6] = 1;
    b[size - 1] = 2;
    assert_false(npy_parse(b, size, &a, &offset, message));
    assert_non_null(strstr(message, "element 2 is bool"));
    free(b);
}

TEST(writes_what_it_reads)
{
    char message[NPY_MESSAGE];
    FOLDER(folder);
    const char *const path = in(folder, "array.npy");
    static const struct {
        rnnp_dtype dtype;
        size_t rank;
        int64_t shape[RNNP_MAX_RANK];
    } cases[] = {
        {RNNP_DTYPE_F32, 0, {0}},       {RNNP_DTYPE_I32, 1, {5}},
        {RNNP_DTYPE_I64, 2, {3, 0}},    {RNNP_DTYPE_U8, 8, {1, 2, 1, 2, 1, 2, 1, 2}},
        {RNNP_DTYPE_F64, 3, {2, 3, 4}}, {RNNP_DTYPE_BOOL, 1, {3}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char data[256];
        for (size_t k = 0; k < sizeof data; k++)
            data[k] = (unsigned char)(cases[i].dtype == RNNP_DTYPE_BOOL ? k % 2 : k);
        rnnp_tensor out = {.dtype = cases[i].dtype, .rank = cases[i].rank, .data = data}, got;
        memcpy(out.shape, cases[i].shape, sizeof out.shape);
        assert_true(npy_write(path, &out, message));
        assert_true(npy_read(path, &got, message));
        assert_int_equal(got.dtype, out.dtype);
        assert_int_equal(got.rank, out.rank);
        for (size_t d = 0; d < got.rank; d++) assert_int_equal(got.shape[d], out.shape[d]);
        assert_memory_equal(got.data, data, rnnp_tensor_elements(&got) * rnnp_dtype_bytes(got.dtype));
        free(got.data);
    }
    rnnp_tensor none;
    assert_false(npy_read(in(folder, "none.npy"), &none, message));
    assert_non_null(strstr(message, "No such file"));
    assert_null(none.data);
}
