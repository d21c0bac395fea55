/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of tests: a folder that goes with its scope, paths in it, and files written as a whole.
 */
#ifndef RNNP_TESTS_SCRATCH_H
#define RNNP_TESTS_SCRATCH_H

#include "test.h"

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

static inline void remove_folder(const void *folder)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", (const char *)folder);
    assert_int_equal(system(command), 0);
}

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
