/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of tests: a folder that goes with its scope, paths in it, and files written as a whole.
 */
#ifndef RNNP_TESTS_SCRATCH_H
#define RNNP_TESTS_SCRATCH_H

#include "test.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

/* FOLDER(root); declares a char[64] with the path of a new folder, which is removed at the end of the scope. */
#define FOLDER(name)                      \
    DROPPED(remove_folder) char name[64]; \
    make_folder(name)

static inline void make_folder(char folder[64])
{
    snprintf(folder, 64, "/tmp/rnnpack-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

/* With all that is in it; links are not followed. */
static inline void remove_tree(const char *path)
{
    struct stat about;

    assert_int_equal(lstat(path, &about), 0);
    if (!S_ISDIR(about.st_mode)) {
        assert_int_equal(unlink(path), 0);
        return;
    }
    DIR *const open = opendir(path);
    assert_non_null(open);
    for (const struct dirent *e; (e = readdir(open)) != NULL;) {
        char below[1024];

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        const int length = snprintf(below, sizeof below, "%s/%s", path, e->d_name);
        assert_true(length > 0 && (size_t)length < sizeof below);
        remove_tree(below);
    }
    closedir(open);
    assert_int_equal(rmdir(path), 0);
}

static inline void remove_folder(const void *folder) { remove_tree(folder); }

/* folder/name; the result is overwritten by the call after the next three. */
static inline const char *in(const char *folder, const char *name)
{
    static char path[4][256];
    static size_t turn;
    char *const p = path[turn++ % 4];

    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static inline void write_file(const char *path, const void *content, size_t bytes)
{
    FILE *const f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(content, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

#endif
