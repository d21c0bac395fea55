/* SPDX-License-Identifier: Apache-2.0
 *
 * A temporary folder of a test that writes files, and what holds of every function that writes one.
 */
#ifndef RNNP_TESTS_FOLDER_H
#define RNNP_TESTS_FOLDER_H

#include "build.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FOLDER_PATH = 256 };

typedef struct folder {
    char path[FOLDER_PATH];
} folder;

static inline folder make_folder(void)
{
    folder f;

    snprintf(f.path, sizeof f.path, "%s/rnnpack-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(f.path));
    return f;
}

static inline const char *in_folder(const folder *f, const char *name)
{
    static char path[2 * FOLDER_PATH];

    snprintf(path, sizeof path, "%s/%s", f->path, name);
    return path;
}

/* Entries, and with `remove` no longer. */
static inline size_t count_files(const folder *f, int remove)
{
    DIR *dir = opendir(f->path);
    size_t n = 0;

    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.') continue;
        n++;
        if (remove && unlink(in_folder(f, e->d_name)) != 0) assert_int_equal(rmdir(in_folder(f, e->d_name)), 0);
    }
    closedir(dir);
    return n;
}

static inline void remove_folder(const folder *f)
{
    count_files(f, 1);
    assert_int_equal(rmdir(f->path), 0);
}

static inline void put_file(const char *path, const void *at, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(at, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

typedef rnnp_status write_file_fn(const rnnp_model *model, const char *path);

/* Places that are none, and an open model: the reason is given, and nothing is left. */
static inline void assert_places_refused(write_file_fn *write_file, const rnnp_context *context,
                                         const rnnp_model *model, const rnnp_model *open)
{
    DROPPED(remove_folder) const folder f = make_folder();
    char name[300], path[2 * FOLDER_PATH];
    struct stat about;

    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    strcpy(path, in_folder(&f, "none/model"));
    const struct {
        const char *path;
        rnnp_status status;
        const char *words;
    } places[] = {{NULL, RNNP_ERR_ARG, "path is NULL"},
                  {"", RNNP_ERR_ARG, "path is empty"},
                  {path, RNNP_ERR_IO, "No such file or directory"},
                  {"/proc/model", RNNP_ERR_IO, "/proc/model"}, /* a read-only folder */
                  {name, RNNP_ERR_IO, "too long"},
                  {f.path, RNNP_ERR_IO, "not a regular file"},
                  {"/dev/full", RNNP_ERR_IO, "/dev/full is not a regular file"}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        REFUSED(context, write_file(model, places[i].path), places[i].status, places[i].words);
    assert_int_equal(write_file(NULL, "x"), RNNP_ERR_ARG);
    assert_int_equal(write_file(open, in_folder(&f, "open")), RNNP_ERR_STATE);
    assert_int_equal(stat("/dev/full", &about), 0);
    assert_true(S_ISCHR(about.st_mode));
    assert_int_equal(count_files(&f, 0), 0);
}

/* In processes of their own, whose files may have up to `bytes` bytes: a full disk is told, the old file stays, and
 * there is no other. */
static inline void assert_full_disk_told(write_file_fn *write_file, const rnnp_context *context,
                                         const rnnp_model *model, size_t bytes)
{
    DROPPED(remove_folder) const folder f = make_folder();
    char path[2 * FOLDER_PATH], old[4] = "";
    int status;

    strcpy(path, in_folder(&f, "model"));
    put_file(path, "old", 3);
    for (size_t limit = 0; limit < bytes; limit = limit ? 3 * limit : 1) {
        const pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
            const struct rlimit most = {limit, limit};

            signal(SIGXFSZ, SIG_IGN);
            if (setrlimit(RLIMIT_FSIZE, &most) != 0) _exit(2);
            const rnnp_status said = write_file(model, path);
            _exit(said == RNNP_ERR_IO && strstr(rnnp_last_error(context), "File too large") ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(count_files(&f, 0), 1);
    }
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(old, 1, 4, file), 3);
    assert_string_equal(old, "old");
    fclose(file);
}

#endif
