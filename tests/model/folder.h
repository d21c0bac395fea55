/* SPDX-License-Identifier: Apache-2.0
 *
 * A temporary folder of a test that writes files.
 */
#ifndef RNNP_TESTS_FOLDER_H
#define RNNP_TESTS_FOLDER_H

#include "build.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
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

/* write_file(model, path) in a process of its own, whose files may have `limit` bytes, says that the disk is full. */
static inline void assert_tells_full_disk(rnnp_status (*write_file)(const rnnp_model *, const char *),
                                          const rnnp_context *context, const rnnp_model *model, const char *path,
                                          size_t limit)
{
    const pid_t child = fork();
    int status;

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
}

#endif
