/* SPDX-License-Identifier: Apache-2.0
 *
 * A temporary folder of a test that writes files.
 */
#ifndef RNNP_TESTS_FOLDER_H
#define RNNP_TESTS_FOLDER_H

#include "build.h"

#include <dirent.h>
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

#endif
