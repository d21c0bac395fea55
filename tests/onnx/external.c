/* SPDX-License-Identifier: Apache-2.0
 *
 * External data stays in the model's folder, whatever its path and the links on it say; and nothing is read, or waited
 * for, that is no regular file. The source is included for the walk of kernels without openat2.
 */
#include "src/onnx/open.c"

#include "wire.h"

#include <ftw.h>
#include <sys/socket.h>
#include <sys/un.h>

static char top[256];

static const char *path_of(const char *name)
{
    static char text[2][600];
    static unsigned turn;
    char *s = text[turn++ % 2];

    snprintf(s, sizeof text[0], "%s/%s", top, name);
    return s;
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    FILE *f = fopen(path_of(name), "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* model/ with weights, a folder inside and links to all kinds of places; a secret beside it. */
int tests_begin(char **arguments)
{
    static const float weights[4] = {1.0f, 2.0f, 3.0f, 4.0f};
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)arguments;
    snprintf(top, sizeof top, "%s/rnnpack-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(top));
    assert_int_equal(mkdir(path_of("model"), 0777), 0);
    assert_int_equal(mkdir(path_of("model/in"), 0777), 0);
    write_file("secret", weights, sizeof weights);
    write_file("model/weights", weights, sizeof weights);
    write_file("model/in/weights", weights, sizeof weights);
    assert_int_equal(symlink("in/weights", path_of("model/link")), 0);
    assert_int_equal(symlink("../weights", path_of("model/in/up")), 0);
    assert_int_equal(symlink("../secret", path_of("model/out")), 0);
    assert_int_equal(symlink(path_of("secret"), path_of("model/absolute")), 0);
    assert_int_equal(symlink("..", path_of("model/parent")), 0);
    assert_int_equal(symlink("in", path_of("model/folder")), 0);
    assert_int_equal(symlink("round", path_of("model/round")), 0);
    assert_int_equal(symlink("/dev/zero", path_of("model/zero")), 0);
    assert_int_equal(mkfifo(path_of("model/fifo"), 0666), 0);
    const int s = socket(AF_UNIX, SOCK_STREAM, 0);
    if (s >= 0 && strlen(top) + 13 < sizeof address.sun_path) {
        snprintf(address.sun_path, sizeof address.sun_path, "%s", path_of("model/socket"));
        assert_int_equal(bind(s, (struct sockaddr *)&address, sizeof address), 0);
    }
    return s >= 0 ? close(s) : 0;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *at)
{
    (void)about, (void)kind, (void)at;
    return remove(path);
}

void tests_end(void) { nftw(top, remove_entry, 8, FTW_DEPTH | FTW_PHYS); }

/* y = x + w, w being at a location. */
static buffer make_external(const char *location, int64_t elements)
{
    buffer graph = {0}, tensor = {0}, entry = {0};

    wire_tensor(&tensor, "w", WIRE_F32, &elements, 1);
    wire_text(&entry, 1, "location");
    wire_text(&entry, 2, location);
    wire_message(&tensor, 13, &entry);
    wire_int(&tensor, 14, 1);
    wire_message(&graph, 5, &tensor);
    wire_node(&graph, "Add", "x w", "y", -1);
    wire_port(&graph, 11, "x", "N");
    wire_port(&graph, 12, "y", "N");
    free(tensor.at);
    free(entry.at);
    return wire_model(&graph, 17);
}

static const struct {
    const char *location, *says; /* NULL: fine */
    int by_parts;                /* 1: refused where no link can be followed */
} places[] = {
    {"weights", NULL, 0},
    {"./in//weights", NULL, 0},
    {"link", NULL, 1},
    {"in/up", NULL, 1},
    {"folder/weights", NULL, 1},
    {"out", "leads out", 1},
    {"absolute", "leads out", 1},
    {"parent/secret", "leads out", 1},
    {"parent/model/weights", "leads out", 1},
    {"round", "leads out", 1},
    {"zero", "leads out", 1},
    {"fifo", "not a regular file", 0},
    {"socket", "not a regular file", 0},
    {"in", "not a regular file", 0},
    {"none", "No such file", 0},
    {"", "not below", 0},
    {"../secret", "not below", 0},
    {"in/../../secret", "not below", 0},
    {"/etc/passwd", "not below", 0},
};

TEST(test_places)
{
    OWNED(context) context = make_context(NULL, 1);

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        buffer file = make_external(places[i].location, 4);
        OWNED(model) model = NULL;

        write_file("model/model.onnx", file.at, file.size);
        free(file.at);
        const rnnp_status status = rnnp_onnx_open_file(context, path_of("model/model.onnx"), NULL, &model);
        if (places[i].says) {
            assert_int_not_equal(status, RNNP_OK);
            assert_null(model);
            if (!strstr(rnnp_last_error(context), places[i].says))
                fail_msg("%s: %s", places[i].location, rnnp_last_error(context));
        } else if (status != RNNP_OK) {
            fail_msg("%s: %s", places[i].location, rnnp_last_error(context));
        }
    }
}

/* The other way of walking: nothing outside is reached either. */
TEST(test_by_parts)
{
    const int folder = open(path_of("model"), O_RDONLY | O_DIRECTORY);

    assert_true(folder >= 0);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct stat about;

        if (places[i].says && strcmp(places[i].says, "not below") == 0) continue; /* never comes here */
        const int fd = open_beneath_by_parts(folder, places[i].location);
        const int regular = fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode);

        if (regular != (!places[i].says && !places[i].by_parts)) fail_msg("%s: %d", places[i].location, fd);
        if (fd >= 0) close(fd);
    }
    assert_int_equal(open_beneath_by_parts(folder, ""), -1);
    assert_int_equal(fcntl(folder, F_GETFD), 0); /* still open */
    close(folder);
}

/* The same file named by many tensors allows for its memory once; a file of holes allows for none. */
TEST(test_sizes)
{
    enum { MIB = 1 << 20, TENSORS = 400 };
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    rnnp_model *model;

    write_file("model/holes", "", 0);
    assert_int_equal(truncate(path_of("model/holes"), (off_t)1 << 40), 0);
    buffer file = make_external("holes", (int64_t)1 << 38);
    write_file("model/model.onnx", file.at, file.size);
    free(file.at);
    REFUSED(context, rnnp_onnx_open_file(context, path_of("model/model.onnx"), NULL, &model), RNNP_ERR_LIMIT,
            "max_bytes");

    char *mib = calloc(1, MIB);
    assert_non_null(mib);
    memset(mib, 1, MIB);
    write_file("model/mib", mib, MIB);
    free(mib);
    buffer graph = {0};
    char all[8 * TENSORS] = "x";
    for (size_t i = 0; i < TENSORS; i++) {
        const int64_t elements = MIB / 4;
        DROPPED(free_buffer) buffer tensor = {0}, entry = {0};
        char name[32];

        snprintf(name, sizeof name, "w%zu", i);
        strcat(strcat(all, " "), name);
        wire_tensor(&tensor, name, WIRE_F32, &elements, 1);
        wire_text(&entry, 1, "location");
        wire_text(&entry, 2, i % 2 ? "mib" : "./mib");
        wire_message(&tensor, 13, &entry);
        wire_int(&tensor, 14, 1);
        wire_message(&graph, 5, &tensor);
    }
    wire_node(&graph, "Sum", all, "y", -1);
    wire_port(&graph, 11, "x", "N");
    wire_port(&graph, 12, "y", "N");
    file = wire_model(&graph, 17);
    write_file("model/model.onnx", file.at, file.size);
    free(file.at);
    REFUSED(context, rnnp_onnx_open_file(context, path_of("model/model.onnx"), NULL, &model), RNNP_ERR_LIMIT,
            "max_bytes");
    assert_true(atomic_load(&heap.peak_bytes) < (size_t)160 * MIB);
}

TEST(test_models)
{
    static const char *const names[] = {"model/fifo", "model/zero", "model", "model/socket"};
    OWNED(context) context = make_context(NULL, 1);
    rnnp_model *model;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        REFUSED(context, rnnp_onnx_open_file(context, path_of(names[i]), NULL, &model), RNNP_ERR_IO,
                "not a regular file");
        assert_int_equal(rnnp_packed_open_file(context, path_of(names[i]), NULL, &model), RNNP_ERR_IO);
    }
    /* 2 GiB are more than the format can have; nobody reads them. */
    write_file("model/large", "", 0);
    assert_int_equal(truncate(path_of("model/large"), (off_t)1 << 31), 0);
    assert_int_equal(rnnp_onnx_open_file(context, path_of("model/large"), NULL, &model), RNNP_ERR_FORMAT);
}
