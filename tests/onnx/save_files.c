/* SPDX-License-Identifier: Apache-2.0
 *
 * Written ONNX files when something is in the way: no memory, a full disk, places that are none, models that cannot be
 * written.
 */
#include "../model/folder.h"
#include "../model/graph.h"
#include "save.h"

#include "src/context.h"

/* ---- Models and bytes ---- */

TEST(test_refused)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_model *model = make_classifier(context), *open = make_model(context);
    buffer whole = save(context, model), b = {0};

    assert_int_equal(rnnp_onnx_write(NULL, take_bytes, &b), RNNP_ERR_ARG);
    REFUSED(context, rnnp_onnx_write(model, NULL, &b), RNNP_ERR_ARG, "write is NULL");
    REFUSED(context, rnnp_onnx_write(open, take_bytes, &b), RNNP_ERR_STATE, "not closed");
    for (size_t n = 1; n < whole.size; n += 101) {
        b = (buffer){.fail_after = n};
        REFUSED(context, rnnp_onnx_write(model, take_bytes, &b), RNNP_ERR_IO, "stopped at byte");
        assert_memory_equal(b.at ? b.at : whole.at, whole.at, b.size);
        free(b.at);
    }
    rnnp_plan *plan = make_plan(model);
    OK(rnnp_model_release_weights(model, NULL));
    b = (buffer){0};
    REFUSED(context, rnnp_onnx_write(model, take_bytes, &b), RNNP_ERR_STATE,
            "rnnp_model_release_weights() has freed them");
    assert_int_equal(b.size, 0);
    rnnp_plan_destroy(plan);
    rnnp_model_destroy(open);
    rnnp_model_destroy(model);
    free(whole.at);
}

TEST(test_no_memory)
{
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    OWNED(model) model = make_classifier(context);
    DROPPED(free_buffer) buffer whole = save(context, model);
    const size_t live = atomic_load(&heap.live_blocks), before = atomic_load(&heap.calls);

    buffer b = save(context, model);
    const size_t calls = atomic_load(&heap.calls) - before;
    assert_same_bytes(&whole, &b);
    free(b.at);
    assert_true(calls > 1);
    for (size_t n = 1; n <= calls; n++) {
        b = (buffer){0};
        heap.fail_at = atomic_load(&heap.calls) + n;
        assert_int_equal(rnnp_onnx_write(model, take_bytes, &b), RNNP_ERR_MEMORY);
        assert_int_equal(b.size, 0);
        assert_int_equal(atomic_load(&heap.live_blocks), live);
    }
    heap.fail_at = 0;
}

/* ---- Files ---- */

TEST(test_cannot_write)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_classifier(context), *open = make_model(context);
    DROPPED(free_buffer) buffer whole = save(context, model);

    assert_places_refused(rnnp_onnx_write_file, context, model, open);
    assert_full_disk_told(rnnp_onnx_write_file, context, model, whole.size);
}

/* A file is the bytes of rnnp_onnx_write; what is replaced keeps its mode. */
TEST(test_file)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_recurrent(context, 1), *other = make_classifier(context), *loaded = NULL;
    DROPPED(free_buffer) buffer want = save(context, other), got = {0};
    DROPPED(remove_folder) const folder f = make_folder();
    char path[2 * FOLDER_PATH], part[4096];
    struct stat about;

    strcpy(path, in_folder(&f, "model.onnx"));
    OK(rnnp_onnx_write_file(model, path));
    assert_int_equal(chmod(path, 0640), 0);
    OK(rnnp_onnx_write_file(other, path));
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0640);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;) take_bytes(&got, part, n);
    fclose(file);
    assert_same_bytes(&want, &got);
    OK(rnnp_onnx_open_file(context, path, NULL, &loaded));
    DROPPED(free_outputs) produced a = plan_and_run(other), b = plan_and_run(loaded);
    assert_true(equal_outputs(&a, &b));
    assert_int_equal(count_files(&f, 0), 1);
}

/* A component of another version than the core reads and writes nothing. */
TEST(test_versions)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_model *model = make_classifier(context), *other;
    buffer whole = save(context, model), b = {0};
    const rnnp_context_calls *same = context->calls;
    rnnp_context_calls later = *same;

    later.version = "7.0.1";
    context->calls = &later;
    assert_int_equal(rnnp_onnx_open_memory(context, whole.at, whole.size, NULL, &other), RNNP_ERR_STATE);
    assert_null(other);
    assert_says(context, "librnnpack is 7.0.1 but librnnpack-onnx is");
    assert_int_equal(rnnp_onnx_open_file(context, "model.onnx", NULL, &other), RNNP_ERR_STATE);
    assert_null(other);
    assert_int_equal(rnnp_onnx_write(model, take_bytes, &b), RNNP_ERR_STATE);
    assert_int_equal(b.size, 0);
    assert_int_equal(rnnp_onnx_write_file(model, "model.onnx"), RNNP_ERR_STATE);
    context->calls = same;
    rnnp_model_destroy(load(context, &whole));
    rnnp_model_destroy(model);
    free(whole.at);
}

/* ---- Metadata ---- */

static void assert_metadata(const rnnp_model *model, size_t n, const char *const (*want)[2])
{
    assert_int_equal(rnnp_model_metadata_count(model), n);
    for (size_t i = 0; i < n; i++) {
        const char *key, *value;

        OK(rnnp_model_metadata_get(model, i, &key, &value));
        assert_string_equal(key, want[i][0]);
        assert_string_equal(value, want[i][1]);
        assert_string_equal(rnnp_model_metadata_find(model, key), value);
    }
}

/* Texts travel with a file, beside the library's own marks of weights in 8 bits, and into models made of it. */
TEST(test_metadata)
{
    static const char *const want[][2] = {{"author", "a\nb = \"c\""}, {"empty", ""}, {"rnnpack.data", "2"}};
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_graph(context, "x: f32[3, 2]; -> y = Gemm(x, f32[2,64]~1)");
    OPTIONS(quantize, options);
    rnnp_model *other = NULL;

    OK(rnnp_model_set_metadata(model, "author", "nobody"));
    OK(rnnp_model_set_metadata(model, "empty", ""));
    OK(rnnp_model_set_metadata(model, "rnnpack.data", "2"));
    OK(rnnp_model_set_metadata(model, "author", want[0][1]));
    assert_metadata(model, 3, want);
    options.weights = RNNP_WEIGHTS_S8;
    OK(rnnp_model_quantize(model, &options, &other));
    OWNED(model) quantized = other;
    assert_metadata(quantized, 3, want);
    DROPPED(free_buffer) buffer file = save(context, quantized);
    OWNED(model) loaded = load(context, &file);
    assert_metadata(loaded, 3, want);
    DROPPED(free_buffer) buffer again = save(context, loaded);
    assert_same_bytes(&file, &again);

    const char *key = "kept";
    FAILS(rnnp_model_set_metadata(NULL, "a", "b"), RNNP_ERR_ARG);
    FAILS(rnnp_model_set_metadata(model, "", "b"), RNNP_ERR_ARG);
    FAILS(rnnp_model_set_metadata(model, NULL, "b"), RNNP_ERR_ARG);
    FAILS(rnnp_model_set_metadata(model, "a", NULL), RNNP_ERR_ARG);
    FAILS(rnnp_model_metadata_get(model, 3, &key, NULL), RNNP_ERR_ARG);
    FAILS(rnnp_model_metadata_get(NULL, 0, &key, NULL), RNNP_ERR_ARG);
    assert_string_equal(key, "kept");
    assert_int_equal(rnnp_model_metadata_count(NULL), 0);
    assert_null(rnnp_model_metadata_find(model, "other"));
    assert_null(rnnp_model_metadata_find(NULL, "author"));
    assert_metadata(model, 3, want);
}
