/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays as data: labels of every type, and files that promise more than they have.
 */
#include <sys/resource.h>
#include <zlib.h>

#include "readers.h"
#include "src/cli/npy.h"

#define NPY "format = npy\ntrain_labels = labels\n"
#define IDX "format = idx\ntrain_labels = labels\n"

static int read_arrays(const char *data_lines, dataset *set)
{
    train_config config = configured(data_lines);
    vocabulary words = {0};
    const char *labels = strstr(data_lines, "train_labels") ? in_folder("labels") : NULL;

    *said = '\0';
    const int code = dataset_read(
        &(data_source){.config = &config, .path = in_folder("data"), .labels = labels, .words = &words, .grow = 1},
        set);
    config_free(&config);
    return code;
}

/* Reading is refused with this sentence, or one that has this in it. */
static void refused_arrays(const char *data_lines, const char *sentence)
{
    dataset set;

    assert_int_equal(read_arrays(data_lines, &set), CLI_FAILED);
    if (!strstr(said, sentence)) assert_string_equal(said, sentence);
}

static const char *write_npy(const char *name, rnnp_tensor array)
{
    const char *path = in_folder(name);
    char message[NPY_MESSAGE];

    if (!npy_write(path, &array, message)) fail_msg("%s", message);
    return path;
}

TEST(labels_of_every_type)
{
    static float x[3] = {1, 2, 3};
    static float f32[3] = {0.1f, -1, 16777216};
    static double f64[3] = {0.1, 1.0, 4503599627370497};
    static int32_t i32[3] = {-7, 0, 2147483647};
    static int64_t i64[3] = {900000000000207008, 900000000000207009, 1648900100};
    static uint8_t u8[3] = {0, 7, 255};
    static const struct {
        rnnp_dtype dtype;
        void *data;
        const char *names[3];
    } labels[] = {
        {RNNP_DTYPE_F32, f32, {"0.1", "-1", "16777216"}},
        {RNNP_DTYPE_F64, f64, {"0.1", "1", "4503599627370497"}},
        {RNNP_DTYPE_I32, i32, {"-7", "0", "2147483647"}},
        {RNNP_DTYPE_I64, i64, {"900000000000207008", "900000000000207009", "1648900100"}},
        {RNNP_DTYPE_U8, u8, {"0", "7", "255"}},
    };
    dataset set;

    write_npy("data", (rnnp_tensor){RNNP_DTYPE_F32, 2, {3, 1}, .data = x});
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        write_npy("labels", (rnnp_tensor){labels[i].dtype, 1, {3}, .data = labels[i].data});
        assert_int_equal(read_arrays(NPY, &set), CLI_OK);
        assert_int_equal(set.classes, 3);
        for (size_t k = 0; k < 3; k++) assert_string_equal(set.class_names[set.label[k]], labels[i].names[k]);
        dataset_free(&set);
    }
    f64[1] = NAN;
    write_npy("labels", (rnnp_tensor){RNNP_DTYPE_F64, 1, {3}, .data = f64});
    refused_arrays(NPY, "labels: that of sequence 2 is not finite");
    write_npy("labels", (rnnp_tensor){RNNP_DTYPE_F64, 1, {2}, .data = f64});
    refused_arrays(NPY, "labels: a label for each of 3 sequences is expected; this array has 2");
}

TEST(values_that_are_no_floats)
{
    static double x[4] = {1, NAN, INFINITY, 0};
    dataset set;

    write_npy("data", (rnnp_tensor){RNNP_DTYPE_F64, 2, {2, 2}, .data = x});
    refused_arrays("format = npy\ntarget = input\n", "data: [1][0][0] is infinite, or too large for a 32-bit number");
    x[2] = 1e39;
    write_npy("data", (rnnp_tensor){RNNP_DTYPE_F64, 2, {2, 2}, .data = x});
    refused_arrays("format = npy\ntarget = input\n", "data: [1][0][0] is infinite, or too large for a 32-bit number");
    x[2] = 0;
    write_npy("data", (rnnp_tensor){RNNP_DTYPE_F64, 2, {2, 2}, .data = x});
    assert_int_equal(read_arrays("format = npy\ntarget = input\n", &set), CLI_OK);
    assert_true(isnan(set.x[1]));
    dataset_free(&set);
}

/* ---- idx ---- */

/* An idx file of these sizes and so many bytes, all of one value, compressed or not. */
static void write_idx(const char *name, int rank, const uint32_t *sizes, size_t bytes, const char *mode)
{
    unsigned char head[16] = {0, 0, 8, (unsigned char)rank}, *data = calloc(1, bytes + 1);
    gzFile file = gzopen(in_folder(name), mode);

    assert_non_null(file);
    assert_non_null(data);
    for (int d = 0; d < rank; d++)
        for (int k = 0; k < 4; k++) head[4 + 4 * d + k] = (unsigned char)(sizes[d] >> (24 - 8 * k));
    assert_int_equal(gzwrite(file, head, 4 + 4 * (unsigned)rank), 4 + 4 * rank);
    for (size_t done = 0; done < bytes;) {
        const size_t n = bytes - done < 1 << 24 ? bytes - done : 1 << 24;

        assert_int_equal(gzwrite(file, data, (unsigned)n), n);
        done += n;
    }
    assert_int_equal(gzclose(file), Z_OK);
    free(data);
}

TEST(idx_files)
{
    static const uint32_t sizes[] = {20, 3, 2};
    dataset set;

    for (int packed = 0; packed < 2; packed++) {
        write_idx("data", 3, sizes, 120, packed ? "wb9" : "wbT");
        write_idx("labels", 1, sizes, 20, packed ? "wb9" : "wbT");
        assert_int_equal(read_arrays(IDX, &set), CLI_OK);
        assert_int_equal(set.n, 20);
        assert_int_equal(set.features, 2);
        assert_int_equal(set.first[20], 60);
        assert_string_equal(set.class_names[0], "0");
        dataset_free(&set);
        write_idx("data", 3, sizes, 119, packed ? "wb9" : "wbT");
        assert_int_equal(read_arrays(IDX, &set), CLI_FAILED);
        assert_string_equal(said, "data: its header promises 120 elements; it has 119, or is damaged");
        write_idx("data", 3, sizes, 121, packed ? "wb9" : "wbT");
        assert_int_equal(read_arrays(IDX, &set), CLI_FAILED);
        assert_string_equal(said, "data: its header promises 120 elements; it has more than 120, or is damaged");
    }
}

/* A header of a few bytes asks for gigabytes, and so does a file that unpacks to a thousand times its size. */
TEST(bombs)
{
    static const uint32_t most[] = {0x7fffffff, 1, 1}, beyond[] = {0xffffffff, 0xffffffff, 0xffffffff},
                          ones[] = {50000000, 1, 1}, wide[] = {1, 100000000, 1}, none[] = {0, 28, 28};
    struct rusage before, after;
    dataset set;

    getrusage(RUSAGE_SELF, &before);
    write_idx("data", 3, most, 8, "wbT");
    refused_arrays("format = idx\ntarget = input\n",
                   "data: its header promises 2147483647 elements; it has 8, or is damaged");
    write_idx("data", 3, most, 8, "wb9");
    refused_arrays("format = idx\ntarget = input\n",
                   "would become 2147483647 elements; if they really do, gunzip the file first");
    write_idx("data", 3, beyond, 8, "wb9");
    refused_arrays("format = idx\ntarget = input\n", "data: its header promises more elements than 2^31");
    write_idx("data", 3, none, 0, "wbT");
    refused_arrays("format = idx\ntarget = input\n", "data: it has no elements");
    write_idx("data", 3, ones, ones[0], "wb1");
    refused_arrays("format = idx\ntarget = input\n", "would become 50000000 elements");
    write_idx("data", 3, wide, wide[1], "wb1");
    refused_arrays("format = idx\ntarget = input\n", "would become 100000000 elements");
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 200 << 10); /* KiB; the files here take 100 MiB to make */

    /* Labels all alike pack well, and are no bomb. */
    static const uint32_t many[] = {1000000, 1, 1};
    write_idx("data", 3, many, many[0], "wbT");
    write_idx("labels", 1, many, many[0], "wb9");
    assert_int_equal(read_arrays(IDX, &set), CLI_OK);
    assert_int_equal(set.n, 1000000);
    dataset_free(&set);
}
