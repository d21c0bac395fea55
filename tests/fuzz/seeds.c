/* SPDX-License-Identifier: Apache-2.0
 *
 * seeds OUT ONNX_FOLDER...: makes the seed corpora, OUT/<target>/<name>, of the models of the ONNX tests and of what
 * the library itself writes.
 */
#define _DEFAULT_SOURCE /* dirent, mkdir */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "fuzz.h"
#include "rnnpack/onnx.h"
#include "rnnpack/packed.h"
#include "rnnpack/records.h"
#include "rnnpack/train.h"
#include "src/cli/npy.h"

enum { TAIL = 16, LARGEST = 4096 };

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room)
{
    (void)data;
    (void)room;
    return size;
}

static const char *out;

/* Where a seed goes; the folder is made. */
static const char *seed_path(const char *target, const char *name)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s/%s", out, target);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", out, target, name);
    return path;
}

static void write_seed(const char *target, const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(seed_path(target, name), "wb");

    fuzz_check(file && fwrite(bytes, 1, size, file) == size);
    fuzz_check(fclose(file) == 0);
}

static void read_all(const char *path, fuzz_buffer *b)
{
    uint8_t part[4096];
    FILE *file = fopen(path, "rb");
    size_t n;

    fuzz_check(file);
    while ((n = fread(part, 1, sizeof part, file)) > 0) fuzz_check(fuzz_append(b, part, n) == 0);
    fclose(file);
}

/* ---- Models ---- */

/* Bytes that make the targets run, stream and save. */
static void append_tail(fuzz_buffer *b, unsigned n)
{
    const uint8_t tail[TAIL] = {(uint8_t)(n & 7), 0x55, (uint8_t)n, 0, 1, 2, 3};

    fuzz_check(fuzz_append(b, tail, TAIL) == 0);
}

static void model_seeds(const char *path, const char *name)
{
    static unsigned n;
    static const char *const isas[] = {"generic"};
    fuzz_buffer file = {0}, packed = {0};
    rnnp_packed_options options;
    rnnp_model *model;

    read_all(path, &file);
    if (file.size <= LARGEST && rnnp_onnx_open_memory(fuzz_context(), file.at, file.size, NULL, &model) == RNNP_OK) {
        rnnp_packed_options_init(&options);
        options.isas = isas;
        options.n_isas = n % 2; /* 0: of this host */
        fuzz_check(rnnp_packed_write(model, &options, fuzz_append, &packed) == RNNP_OK);
        if (packed.size <= 2 * LARGEST) {
            append_tail(&packed, n);
            write_seed("packed", name, packed.at, packed.size);
        }
        append_tail(&file, n++);
        write_seed("onnx", name, file.at, file.size);
        rnnp_model_destroy(model);
    }
    free(file.at);
    free(packed.at);
}

static void find_models(const char *path)
{
    DIR *folder = opendir(path);
    char inner[4096];

    fuzz_check(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        const size_t n = strlen(entry->d_name);

        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (n > 5 && strcmp(entry->d_name + n - 5, ".onnx") == 0) model_seeds(inner, entry->d_name);
    }
    closedir(folder);
}

/* ---- What the library writes ---- */

static void state_seeds(const rnnp_model *model)
{
    rnnp_plan *plan;
    rnnp_stream *stream;
    rnnp_stream_options options;
    uint8_t state[4096];

    rnnp_stream_options_init(&options);
    options.batch = 2;
    fuzz_check(rnnp_plan_create(model, NULL, &plan) == RNNP_OK);
    fuzz_check(rnnp_stream_create(plan, &options, &stream) == RNNP_OK);
    const size_t all = rnnp_stream_state_bytes(stream), one = rnnp_stream_row_state_bytes(stream);
    fuzz_check(all <= sizeof state && rnnp_stream_save(stream, state, all) == RNNP_OK);
    write_seed("state", "stream", state, all);
    fuzz_check(rnnp_stream_save_row(stream, 1, state, one) == RNNP_OK);
    write_seed("state", "row", state, one);
    rnnp_stream_destroy(stream);
    rnnp_plan_destroy(plan);
}

static void checkpoint_seeds(const rnnp_model *model)
{
    rnnp_train_options options;
    rnnp_optimizer sgd;
    rnnp_trainer *trainer;

    rnnp_train_options_init(&options);
    options.loss = RNNP_LOSS_MSE;
    fuzz_check(rnnp_trainer_create(model, &options, &trainer) == RNNP_OK);
    fuzz_check(rnnp_trainer_save_file(trainer, seed_path("checkpoint", "new"), NULL, 0) == RNNP_OK);
    fuzz_check(rnnp_trainer_freeze(trainer, 1, 1) == RNNP_OK && rnnp_trainer_set_rate(trainer, 0.5f) == RNNP_OK);
    fuzz_check(rnnp_trainer_save_file(trainer, seed_path("checkpoint", "noted"), "epoch 7", 7) == RNNP_OK);
    rnnp_trainer_destroy(trainer);
    rnnp_optimizer_init(&sgd, RNNP_OPTIMIZER_SGD);
    options.optimizer = &sgd;
    fuzz_check(rnnp_trainer_create(model, &options, &trainer) == RNNP_OK);
    fuzz_check(rnnp_trainer_save_file(trainer, seed_path("checkpoint", "other_optimizer"), NULL, 0) == RNNP_OK);
    rnnp_trainer_destroy(trainer);
}

static void records_seeds(void)
{
    static const char *const layers[] = {"lstm", "gru", "dense", "lstm-stack2"};
    static const char *const choices[] = {"", "variant=block_generic", "chunk=4 threads=1",
                                          "from=later unknown=x chunk=0"};
    rnnp_record_host host;
    rnnp_records *set;
    char name[8];

    fuzz_check(rnnp_records_host(fuzz_context(), &host) == RNNP_OK);
    fuzz_check(rnnp_records_create(fuzz_context(), &set) == RNNP_OK);
    for (size_t i = 0; i < 8; i++) {
        rnnp_record r = {.key = {.precision = "f32", .input = 3, .hidden = 5, .batch = 1 + i, .steps = 2, .threads = 1},
                         .ns = 1000 + i,
                         .default_ns = 2000,
                         .spread = 0.015,
                         .samples = 9,
                         .at = 1700000000 + i};
        fuzz_buffer text = {0};

        snprintf(r.key.layer, sizeof r.key.layer, "%s", layers[i % 4]);
        snprintf(r.choice, sizeof r.choice, "%s", choices[i / 2]);
        host.family += i == 4; /* another host */
        fuzz_check(rnnp_records_add(set, &host, &r) == RNNP_OK);
        fuzz_check(rnnp_records_write(set, fuzz_append, &text) == RNNP_OK);
        snprintf(name, sizeof name, "%zu", i + 1);
        write_seed("records", name, text.at, text.size);
        free(text.at);
    }
    rnnp_records_destroy(set);
}

/* ---- Arrays and graphs ---- */

static void array_seeds(void)
{
    static const rnnp_dtype dtypes[] = {RNNP_DTYPE_F32, RNNP_DTYPE_F64,  RNNP_DTYPE_I32,
                                        RNNP_DTYPE_I64, RNNP_DTYPE_BOOL, RNNP_DTYPE_U8};
    char message[NPY_MESSAGE], name[16];
    double room[24] = {0.5, 1.5, -2};

    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        const rnnp_tensor array = {.dtype = dtypes[i], .rank = i % 4, .shape = {4, 3, 2}, .data = room};

        if (dtypes[i] == RNNP_DTYPE_BOOL) memset(room, 1, sizeof room);
        snprintf(name, sizeof name, "%zu.npy", i);
        fuzz_check(npy_write(seed_path("npy", name), &array, message));
    }
}

/* ---- Archives of two arrays, x and y, stored and deflated ---- */

static void put(fuzz_buffer *b, size_t bytes, uint64_t x)
{
    for (size_t i = 0; i < bytes; i++, x >>= 8) fuzz_check(fuzz_append(b, &(uint8_t){(uint8_t)x}, 1) == 0);
}

/* The fields that both headers of a member have. */
static void put_member(fuzz_buffer *b, const char *name, const fuzz_buffer *packed, const fuzz_buffer *data,
                       int deflated)
{
    put(b, 2, 20); /* version that unpacks it */
    put(b, 2, 0);
    put(b, 2, deflated ? 8 : 0);
    put(b, 4, 0); /* time */
    put(b, 4, crc32(0, data->at, (uInt)data->size));
    put(b, 4, packed->size);
    put(b, 4, data->size);
    put(b, 2, strlen(name));
    put(b, 2, 0);
}

static void pack(const fuzz_buffer *data, int deflated, fuzz_buffer *packed)
{
    z_stream z = {.next_in = data->at, .avail_in = (uInt)data->size};
    uint8_t room[4096];

    if (!deflated) {
        fuzz_check(fuzz_append(packed, data->at, data->size) == 0);
        return;
    }
    z.next_out = room;
    z.avail_out = sizeof room;
    fuzz_check(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    fuzz_check(deflate(&z, Z_FINISH) == Z_STREAM_END);
    fuzz_check(fuzz_append(packed, room, z.total_out) == 0);
    deflateEnd(&z);
}

static void make_archive(const fuzz_buffer *const arrays[2], int deflated, fuzz_buffer *all)
{
    static const char *const names[] = {"x.npy", "y.npy"};
    fuzz_buffer directory = {0};

    for (int i = 0; i < 2; i++) {
        const size_t begin = all->size;
        fuzz_buffer packed = {0};

        pack(arrays[i], deflated, &packed);
        put(all, 4, 0x04034b50);
        put_member(all, names[i], &packed, arrays[i], deflated);
        fuzz_check(fuzz_append(all, names[i], 5) == 0 && fuzz_append(all, packed.at, packed.size) == 0);
        put(&directory, 4, 0x02014b50);
        put(&directory, 2, 20);
        put_member(&directory, names[i], &packed, arrays[i], deflated);
        put(&directory, 10, 0); /* comment, disk, attributes */
        put(&directory, 4, begin);
        fuzz_check(fuzz_append(&directory, names[i], 5) == 0);
        free(packed.at);
    }
    const size_t at = all->size;
    fuzz_check(fuzz_append(all, directory.at, directory.size) == 0);
    put(all, 4, 0x06054b50);
    put(all, 4, 0);
    put(all, 2, 2);
    put(all, 2, 2);
    put(all, 4, directory.size);
    put(all, 4, at);
    put(all, 2, 0);
    free(directory.at);
}

/* A data set: the byte that chooses the configuration (data.c), the array, and behind a line "--" the labels. */
static void join(const char *name, uint8_t how, const fuzz_buffer *array, const fuzz_buffer *labels)
{
    fuzz_buffer all = {0};

    fuzz_check(fuzz_append(&all, &how, 1) == 0 && fuzz_append(&all, array->at, array->size) == 0);
    if (labels) fuzz_check(fuzz_append(&all, "\n--\n", 4) == 0 && fuzz_append(&all, labels->at, labels->size) == 0);
    write_seed("data", name, all.at, all.size);
    free(all.at);
}

static void npy_data(void)
{
    float x[6 * 4 * 2];
    int64_t y[6];
    char message[NPY_MESSAGE];
    fuzz_buffer array = {0}, labels = {0};

    for (size_t i = 0; i < 48; i++) x[i] = (float)(i % 7) / 4;
    for (size_t i = 0; i < 6; i++) y[i] = (int64_t)(i % 2);
    const rnnp_tensor tx = {.dtype = RNNP_DTYPE_F32, .rank = 3, .shape = {6, 4, 2}, .data = x};
    const rnnp_tensor ty = {.dtype = RNNP_DTYPE_I64, .rank = 1, .shape = {6}, .data = y};
    const char *path = fuzz_file("array", "", 0);
    fuzz_check(npy_write(path, &tx, message));
    read_all(path, &array);
    fuzz_check(npy_write(path, &ty, message));
    read_all(path, &labels);
    join("arrays.npy", 7, &array, &labels);
    join("arrays_train.npy", 135, &array, &labels);
    join("next.npy", 8, &array, NULL);
    static const char names[] = "\n--\na\nb\nc\nd\ne\nf\n--\n1\n1\n2\n2\n3\n3\n--\n4\n1\n3\n4\n4\n2\n";
    fuzz_buffer named = {0};
    fuzz_check(fuzz_append(&named, labels.at, labels.size) == 0 && fuzz_append(&named, names, sizeof names - 1) == 0);
    join("arrays_named.npy", 7, &array, &named);
    free(named.at);
    for (int deflated = 0; deflated < 2; deflated++) {
        fuzz_buffer all = {0};

        make_archive((const fuzz_buffer *[]){&array, &labels}, deflated, &all);
        write_seed("archive", deflated ? "deflated.npz" : "stored.npz", all.at, all.size);
        join(deflated ? "deflated.npz" : "stored.npz", (uint8_t)(deflated ? 7 : 135), &all, NULL);
        free(all.at);
    }
    write_seed("archive", "array.npy", array.at, array.size);
    write_seed("archive", "labels.npy", labels.at, labels.size);
    join("input.npy", 10, &array, NULL);
    free(array.at);
    free(labels.at);
}

static void idx_data(void)
{
    uint8_t images[16 + 6 * 4] = {0, 0, 8, 3, 0, 0, 0, 6, 0, 0, 0, 2, 0, 0, 0, 2},
                            numbers[8 + 6] = {0, 0, 8, 1, 0, 0, 0, 6};
    fuzz_buffer array = {0}, labels = {0};
    const char *path = fuzz_file("images.gz", "", 0);

    for (uint8_t i = 0; i < 24; i++) images[16 + i] = (uint8_t)(10 * i);
    for (uint8_t i = 0; i < 6; i++) numbers[8 + i] = i % 2;
    fuzz_check(fuzz_append(&array, images, sizeof images) == 0 && fuzz_append(&labels, numbers, sizeof numbers) == 0);
    join("images.idx", 9, &array, &labels);
    gzFile file = gzopen(path, "wb");
    fuzz_check(file && gzwrite(file, images, sizeof images) == (int)sizeof images && gzclose(file) == Z_OK);
    array.size = 0;
    read_all(path, &array);
    join("images_train.idx.gz", 137, &array, &labels);
    free(array.at);
    free(labels.at);
}

static void graph_seeds(void)
{
    fuzz_random r = fuzz_seed(1);
    uint8_t bytes[384];
    char name[8];

    for (size_t i = 0; i < 48; i++) {
        for (size_t k = 0; k < sizeof bytes; k++) bytes[k] = (uint8_t)fuzz_pick(&r, 256);
        snprintf(name, sizeof name, "%zu", i);
        write_seed("graph", name, bytes, sizeof bytes);
    }
}

/* What names.c and federation.c write, of columns a and s=x, s=y and (or not) two classes: words, or texts of up to 8
 * bytes. */
static void put_word(fuzz_buffer *b, uint64_t word) { fuzz_check(fuzz_append(b, &word, sizeof word) == 0); }

static void put_name(fuzz_buffer *b, const char *name)
{
    char bytes[8] = "";

    put_word(b, strlen(name));
    memcpy(bytes, name, strlen(name));
    fuzz_check(fuzz_append(b, bytes, sizeof bytes) == 0);
}

static void put_likeness(fuzz_buffer *b, size_t n_classes)
{
    static const char *const columns[] = {"a", "s=x", "s=y"}, *const classes[] = {"no", "yes"};

    put_word(b, 3);
    put_word(b, 3);
    for (size_t i = 0; i < 3; i++) put_name(b, columns[i]);
    for (size_t i = 0; i < 3; i++) put_word(b, 0); /* no units, no rate */
    put_word(b, n_classes);
    for (size_t i = 0; i < n_classes; i++) put_name(b, classes[i]);
    put_word(b, 0); /* no words */
}

static void put_numbers(fuzz_buffer *b, size_t n, double x)
{
    for (size_t i = 0; i < n; i++) fuzz_check(fuzz_append(b, &x, sizeof x) == 0);
}

/* Cases, the temperature and where it is looked for, the threshold, and steps of isotonic regression. */
static void put_decision(fuzz_buffer *b, double temperature, size_t steps)
{
    put_numbers(b, 3, 5);
    put_numbers(b, 1, 0.5);
    put_numbers(b, 1, 2);
    put_word(b, 1);
    put_numbers(b, 1, temperature);
    put_numbers(b, 1, 0.5);
    put_word(b, steps);
    for (size_t i = 0; i < steps; i++) {
        put_numbers(b, 1, (double)i / 2);
        put_numbers(b, 2, (double)(i + 1) / 4);
    }
}

/* Kinds of tests/fuzz/federate.c. A call of stage 2 has sums for scaling; of stage 4, round 0, the parameters of the
 * network there, 66, too; so has one of a later stage. Of classes, two values, and [predict]. */
static void federate_seeds(void)
{
    fuzz_buffer b = {0};
    const uint8_t kinds[] = {0, 1, 2, 3, 4, 5, 6};
    const struct {
        char magic[8];
        uint64_t version, answer, step, federation[4], words, payload[2];
    } file = {{'R', 'N', 'N', 'P', 'F', 'E', 'D', '\n'}, 1, 1, 5, {9}, 2, {1, 2}};

    for (size_t k = 0; k < 2; k++) {
        b.size = 0;
        fuzz_check(fuzz_append(&b, &kinds[k], 1) == 0 && fuzz_append(&b, &file, sizeof file) == 0);
        write_seed("federate", k ? "signed" : "file", b.at, b.size);
    }
    b.size = 0;
    fuzz_check(fuzz_append(&b, &kinds[2], 1) == 0);
    put_likeness(&b, 2);
    put_word(&b, 3); /* shortest, longest, data */
    put_word(&b, 5);
    put_word(&b, 32);
    for (uint64_t i = 0; i < 4; i++) put_word(&b, i);
    write_seed("federate", "names", b.at, b.size);
    for (uint64_t i = 0; i < 8; i++) {
        static const char *const names[] = {"scaling", "round",    "values-scaling", "values-round",
                                            "predict", "isotonic", "slopes",         "temperature"};
        static const uint64_t stages[] = {2, 4, 2, 4, 6, 7, 5, 7};
        const size_t classes = i / 2 == 1 ? 0 : 2, targets = i / 2 == 1 ? 2 : 0;
        b.size = 0;
        fuzz_check(fuzz_append(&b, &kinds[3 + i / 2], 1) == 0);
        put_word(&b, 14 + 2 * classes);
        put_likeness(&b, classes);
        put_word(&b, 1); /* lengths */
        put_word(&b, stages[i]);
        put_word(&b, stages[i] > 4 ? 2 : 0);
        put_numbers(&b, 2 + classes + 3 + 3 * 6 + 3 * targets, 1);
        if (i >= 4) put_decision(&b, stages[i] == 5 ? 0 : 1, i == 5 ? 2 : 0);
        if (stages[i] >= 4) put_word(&b, 66 * 4);
        for (size_t k = 0; stages[i] >= 4 && k < 33; k++) put_word(&b, UINT64_C(0x3f0000003f000000));
        write_seed("federate", names[i], b.at, b.size);
    }
    free(b.at);
}

int main(int argc, char **argv)
{
    if (argc < 3) return 2;
    out = argv[1];
    mkdir(out, 0777);
    for (int i = 2; i < argc; i++) find_models(argv[i]);
    rnnp_model *model = fuzz_model();
    state_seeds(model);
    checkpoint_seeds(model);
    rnnp_model_destroy(model);
    records_seeds();
    array_seeds();
    npy_data();
    idx_data();
    graph_seeds();
    federate_seeds();
    return 0;
}
