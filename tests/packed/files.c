/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed files on a file system: paths that are none, full disks, replaced files, processes and threads that share one.
 */
#include "../model/folder.h"
#include "packed.h"

enum { PROCESSES = 4, THREADS = 4 };

/* ---- Writing ---- */

TEST(test_write)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_model *model = make_classifier(context), *opened;
    DROPPED(remove_folder) const folder f = make_folder();
    char path[2 * FOLDER_PATH];
    struct stat about;
    const mode_t mask = umask(022);

    strcpy(path, in_folder(&f, "model.rnnp"));
    OK(rnnp_packed_write_file(model, NULL, path));
    umask(mask);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0644);
    assert_int_equal(count_files(&f, 0), 1);
    DROPPED(free_buffer) buffer want = write_model(model, NULL, 0);
    assert_int_equal(about.st_size, want.size);
    assert_true(rnnp_packed_is_file(path));
    OK(rnnp_packed_open_file(context, path, NULL, &opened));
    OK(rnnp_packed_verify(opened));

    /* Replaced while it is open: who has the old one keeps it. */
    rnnp_model *other = make_recurrent(context, 3);
    OK(rnnp_packed_write_file(other, NULL, path));
    OK(rnnp_packed_verify(opened));
    produced a = plan_and_run(model), b = plan_and_run(opened);
    assert_true(equal_outputs(&a, &b));
    free_outputs(&a);
    free_outputs(&b);
    rnnp_model_destroy(opened);
    OK(rnnp_packed_open_file(context, path, NULL, &opened));
    assert_int_equal(rnnp_model_node_count(opened), rnnp_model_node_count(other));

    rnnp_model_destroy(opened);
    rnnp_model_destroy(other);
    rnnp_model_destroy(model);
}

static rnnp_status write_packed(const rnnp_model *model, const char *path)
{
    return rnnp_packed_write_file(model, NULL, path);
}

TEST(test_cannot_write)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_classifier(context), *open = make_model(context);
    DROPPED(free_buffer) buffer whole = write_model(model, NULL, 0);

    assert_places_refused(write_packed, context, model, open);
    assert_full_disk_told(write_packed, context, model, whole.size);
}

/* ---- Reading ---- */

static void refused(rnnp_context *context, const char *path, rnnp_status want, const char *says)
{
    rnnp_model *model = (rnnp_model *)(void *)context;
    const rnnp_status status = rnnp_packed_open_file(context, path, NULL, &model);

    assert_int_equal(status, want);
    assert_null(model);
    assert_says(context, says);
    assert_says(context, path);
    assert_false(rnnp_packed_is_file(path));
}

TEST(test_no_file)
{
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    DROPPED(remove_folder) const folder f = make_folder();
    rnnp_model *model;

    assert_int_equal(rnnp_packed_open_file(context, NULL, NULL, &model), RNNP_ERR_ARG);
    assert_int_equal(rnnp_packed_open_file(NULL, "x", NULL, &model), RNNP_ERR_ARG);
    assert_int_equal(rnnp_packed_open_file(context, "x", NULL, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_packed_open_file(NULL, "x", NULL, NULL), RNNP_ERR_ARG);
    assert_false(rnnp_packed_is_file(NULL));
    refused(context, in_folder(&f, "none"), RNNP_ERR_IO, "No such file");
    refused(context, f.path, RNNP_ERR_IO, "not a regular file");
    refused(context, "/dev/null", RNNP_ERR_IO, "not a regular file");
    refused(context, "/dev/zero", RNNP_ERR_IO, "not a regular file");
    put_file(in_folder(&f, "empty"), "", 0);
    refused(context, in_folder(&f, "empty"), RNNP_ERR_FORMAT, "empty");
    put_file(in_folder(&f, "text"), "no model at all", 15);
    refused(context, in_folder(&f, "text"), RNNP_ERR_FORMAT, "not a packed model");
    assert_int_equal(symlink("loop", in_folder(&f, "loop")), 0);
    refused(context, in_folder(&f, "loop"), RNNP_ERR_IO, "symbolic links");
    assert_int_equal(mkfifo(in_folder(&f, "pipe"), 0600), 0);
    alarm(20); /* opening must not wait for a writer */
    refused(context, in_folder(&f, "pipe"), RNNP_ERR_IO, "not a regular file");
    alarm(0);
}

/* ---- Sharing ---- */

static int process(const char *path, const produced *want)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_model *model;
    int same = 1;

    for (size_t i = 0; i < 20; i++) {
        if (rnnp_packed_open_file(context, path, NULL, &model) != RNNP_OK) return 2;
        produced got = plan_and_run(model);
        same &= equal_outputs(want, &got);
        free_outputs(&got);
        rnnp_model_destroy(model);
    }
    return same ? 0 : 1;
}

/* Processes read a file while another one writes it anew all the time. */
TEST(test_processes)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_classifier(context);
    DROPPED(remove_folder) const folder f = make_folder();
    pid_t child[PROCESSES];
    DROPPED(free_outputs) produced want = plan_and_run(model);
    char path[2 * FOLDER_PATH];

    strcpy(path, in_folder(&f, "model.rnnp"));
    OK(rnnp_packed_write_file(model, NULL, path));
    for (size_t i = 0; i < PROCESSES; i++) {
        child[i] = fork();
        assert_true(child[i] >= 0);
        if (child[i] == 0) _exit(process(path, &want));
    }
    for (size_t i = 0; i < 10; i++) OK(rnnp_packed_write_file(model, NULL, path));
    for (size_t i = 0; i < PROCESSES; i++) {
        int status;

        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
    }
}

typedef struct job {
    const rnnp_model *model;
    produced got;
} job;

static void *plan_in_thread(void *arg)
{
    job *j = arg;

    j->got = plan_and_run(j->model);
    return NULL;
}

/* Threads plan and run one model at once: checksums are compared by whoever comes first. */
TEST(test_threads)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_classifier(context);
    rnnp_model *opened;
    DROPPED(remove_folder) const folder f = make_folder();
    DROPPED(free_outputs) produced want = plan_and_run(model);
    char path[2 * FOLDER_PATH];

    strcpy(path, in_folder(&f, "model.rnnp"));
    for (size_t set = 0; set < 2; set++) { /* blocks from the file, or packed from its originals */
        OPTIONS(packed, options);
        job jobs[THREADS];

        options.isas = (const char *const[]){"generic"};
        options.n_isas = set;
        OK(rnnp_packed_write_file(model, &options, path));
        OK(rnnp_packed_open_file(context, path, NULL, &opened));
        for (size_t i = 0; i < THREADS; i++) jobs[i] = (job){.model = opened};
        on_threads(THREADS, plan_in_thread, jobs, sizeof *jobs);
        for (size_t i = 0; i < THREADS; i++) {
            assert_true(equal_outputs(&want, &jobs[i].got));
            free_outputs(&jobs[i].got);
        }
        rnnp_model_destroy(opened);
    }
}
