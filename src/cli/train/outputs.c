/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "experiment.h"

#include "rnnpack/onnx.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = PATH_MAX + 64, MORE_ROOM = ROOM + 64 };

/* ---- Before ---- */

/* The folder that a file lies in. Returns text. */
static const char *folder_of(const char *path, char text[ROOM])
{
    const char *slash = strrchr(path, '/');
    snprintf(text, ROOM, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    return text;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What tells files apart that may not be there yet: the file itself, or its folder and its name. */
static int same_file(const char *a, const char *b)
{
    struct stat x, y;
    char text[ROOM];
    const int there_a = stat(a, &x) == 0, there_b = stat(b, &y) == 0;
    if (there_a || there_b)
        return there_a && there_b && S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
    return stat(folder_of(a, text), &x) == 0 && stat(folder_of(b, text), &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino && strcmp(name_of(a), name_of(b)) == 0;
}

static int check_one(const output_file *o)
{
    struct stat about;
    char text[ROOM];
    if (!*name_of(o->path) || strlen(o->path) >= PATH_MAX)
        return cli_fail("%s: '%s' is not the name of a file", o->option, o->path);
    const int there = stat(o->path, &about) == 0;
    if (there && S_ISDIR(about.st_mode)) return cli_fail("%s: %s is a folder", o->option, o->path);
    if (there && o->replaced && !S_ISREG(about.st_mode))
        return cli_fail("%s: %s is not a regular file", o->option, o->path);
    if (there && !o->replaced)
        return access(o->path, W_OK) == 0 ? CLI_OK : cli_fail("%s: %s: %s", o->option, o->path, strerror(errno));
    snprintf(text, sizeof text, "%s.XXXXXX", o->path);
    const int fd = mkstemp(text);
    if (fd < 0) return cli_fail("%s: %s cannot be written: %s", o->option, o->path, strerror(errno));
    close(fd);
    unlink(text);
    return CLI_OK;
}

int outputs_check(const output_file *outputs, size_t n, const char *const *inputs, size_t n_inputs)
{
    for (size_t i = 0; i < n; i++) {
        const output_file *o = &outputs[i];
        if (!o->path) continue;
        TRY(check_one(o));
        for (size_t k = 0; k < i; k++)
            if (outputs[k].path && same_file(o->path, outputs[k].path))
                return cli_fail("%s and %s are one file: %s", outputs[k].option, o->option, o->path);
        for (size_t k = 0; k < n_inputs; k++)
            if (inputs[k] && *inputs[k] && same_file(o->path, inputs[k]))
                return cli_fail("%s: %s is read by this command; it is not overwritten", o->option, o->path);
    }
    return CLI_OK;
}

/* ---- A model and its words ---- */

static int say_errno(const char *path) { return cli_fail("%s: %s", path, strerror(errno)); }

static int sync_path(const char *path, int flags)
{
    const int fd = open(path, flags | O_CLOEXEC), synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    return synced;
}

/* The words in a new file beside their path, on the disk and with the mode of the old one. */
static int write_words(const vocabulary *words, const char *path, char text[MORE_ROOM])
{
    struct stat old;
    const int kept = stat(path, &old) == 0;
    snprintf(text, MORE_ROOM, "%s.%ld.tmp", path, (long)getpid());
    unlink(text); /* of a dead process with this number */
    const int fd = open(text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kept ? 0600 : 0666);
    if (fd < 0) return say_errno(text);
    if (kept) (void)!fchmod(fd, old.st_mode & 0777); /* at worst fewer may read it */
    close(fd);
    int code = vocabulary_write(words, text);
    if (code == CLI_OK && !sync_path(text, O_WRONLY)) code = say_errno(text);
    if (code != CLI_OK) unlink(text);
    return code;
}

/* Takes the place of the old pair; when that fails before the model is replaced, the old pair is there as before. */
static int write_pair(rnnp_context *context, const rnnp_model *model, const vocabulary *words, const char *path)
{
    char place[ROOM], fresh[MORE_ROOM], old[ROOM], folder[ROOM];
    snprintf(place, sizeof place, "%s.words", path);
    snprintf(old, sizeof old, "%s.words.old", path);
    TRY(write_words(words, place, fresh));
    const int aside = rename(place, old) == 0;
    if (!aside && errno != ENOENT) {
        say_errno(place);
        unlink(fresh);
        return CLI_FAILED;
    }
    folder_of(path, folder);
    sync_path(folder, O_RDONLY | O_DIRECTORY);
    const rnnp_status status = rnnp_onnx_write_file(model, path);
    if (status != RNNP_OK) {
        cli_status(context, status);
        if (aside && rename(old, place) != 0) cli_fail("%s has the words of the model that is still there", old);
        unlink(fresh);
        return CLI_FAILED;
    }
    if (rename(fresh, place) != 0)
        return cli_fail("%s: %s; the words of %s are in %s", place, strerror(errno), path, fresh);
    sync_path(folder, O_RDONLY | O_DIRECTORY);
    unlink(old);
    return CLI_OK;
}

static int write_model(rnnp_context *context, const rnnp_model *model, const vocabulary *words, const char *path)
{
    return words->size ? write_pair(context, model, words, path)
                       : cli_status(context, rnnp_onnx_write_file(model, path));
}

/* Another place, in a new folder whose name is made of the template. */
static int write_elsewhere(rnnp_context *context, const rnnp_model *model, const vocabulary *words, char folder[ROOM],
                           const char *name)
{
    char place[2 * ROOM];
    if (!mkdtemp(folder)) return 0;
    snprintf(place, sizeof place, "%s/%s", folder, name);
    if (strlen(place) < PATH_MAX && write_model(context, model, words, place) == CLI_OK) {
        cli_fail("the trained model is in %s", place);
        return 1;
    }
    rmdir(folder);
    return 0;
}

int outputs_keep_model(rnnp_context *context, const rnnp_model *model, const vocabulary *words, const char *path)
{
    const char *tmp = getenv("TMPDIR");
    char folder[ROOM];
    if (write_model(context, model, words, path) == CLI_OK) return CLI_OK;
    snprintf(folder, sizeof folder, "%s.XXXXXX", path);
    if (write_elsewhere(context, model, words, folder, name_of(path))) return CLI_FAILED;
    snprintf(folder, sizeof folder, "%s/rnnpack-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (write_elsewhere(context, model, words, folder, name_of(path))) return CLI_FAILED;
    return cli_fail("the trained model could not be written anywhere, not even in %s", folder);
}
