/* SPDX-License-Identifier: Apache-2.0
 *
 * Where records are looked for, and which of them are read unasked. Nothing is made here unless asked.
 */
#define _DEFAULT_SOURCE /* S_ISVTX */

#include "../src/context.h"
#include "../src/structs.h"
#include "set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Places in their order. The first two are named by someone, who vouches for them. */
enum { PLACE_PATH, PLACE_VARIABLE, PLACE_CACHE, PLACE_VAR, PLACE_ETC, PLACES, NAMED_PLACES = PLACE_CACHE };

static const char *variable(const char *name)
{
    const char *const value = getenv(name);

    return value && *value ? value : NULL;
}

/* The pieces of a place's path; 0 when it is not set. Its standard wants a relative $XDG_CACHE_HOME ignored. */
static int pieces(int place, const char *root, const char *path, const char **head, const char **tail)
{
    const char *const cache = variable("XDG_CACHE_HOME");

    *tail = "";
    switch (place) {
    case PLACE_PATH: *head = path; break;
    case PLACE_VARIABLE: *head = variable("RNNPACK_RECORDS"); break;
    case PLACE_CACHE:
        *head = cache && *cache == '/' ? cache : variable("HOME");
        *tail = cache && *cache == '/' ? "/rnnpack/records" : "/.cache/rnnpack/records";
        break;
    case PLACE_VAR:
        *head = root;
        *tail = "/var/cache/rnnpack/records";
        break;
    case PLACE_ETC:
        *head = root;
        *tail = "/etc/rnnpack/records";
        break;
    default: *head = NULL;
    }
    return *head != NULL;
}

/* Whether a path of this length can be looked at. */
static int is_place(int length) { return length > 0 && length < RNNP_RECORDS_PATH; }

/* The length of the place's path, of which as much is in `file` as there is room for; 0 when it is not set. */
static int path_of(int place, const char *root, const char *path, char file[RNNP_RECORDS_PATH])
{
    const char *head, *tail;

    file[0] = '\0';
    return pieces(place, root, path, &head, &tail) ? snprintf(file, RNNP_RECORDS_PATH, "%s%s", head, tail) : 0;
}

static rnnp_status too_long(const rnnp_context *context, int length)
{
    return rnnp_fail(context, RNNP_ERR_ARG, "the path of the tuning records has %d characters, more than %d", length,
                     RNNP_RECORDS_PATH - 1);
}

/* ---- Trust: records cannot change a result, but a planted one makes a service slow ---- */

/* Members of root's own group are as good as root. */
static int trusted(const struct stat *about, const char *what, char distrust[RNNP_RECORD_REASON])
{
    const unsigned mode = about->st_mode & 07777;
    const int sticky = S_ISDIR(about->st_mode) && (about->st_mode & S_ISVTX); /* only owners replace what is in it */

    distrust[0] = '\0';
    if (about->st_uid != 0 && about->st_uid != geteuid())
        snprintf(distrust, RNNP_RECORD_REASON, "user %lu, who is neither this user nor root, owns %s",
                 (unsigned long)about->st_uid, what);
    else if ((mode & S_IWOTH) && !sticky)
        snprintf(distrust, RNNP_RECORD_REASON, "everybody may write to %s (mode %04o)", what, mode);
    else if ((mode & S_IWGRP) && about->st_gid != 0 && !sticky)
        snprintf(distrust, RNNP_RECORD_REASON, "group %lu may write to %s (mode %04o)", (unsigned long)about->st_gid,
                 what, mode);
    return distrust[0] == '\0';
}

/* Whether none but this user and root can have written an open file, or put it there. */
static int is_trusted(int file, const char *path, char distrust[RNNP_RECORD_REASON])
{
    char folder[RNNP_RECORDS_PATH];
    const char *const slash = strrchr(path, '/');
    struct stat about;

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    if (fstat(file, &about) != 0 || (S_ISREG(about.st_mode) && !trusted(&about, "it", distrust))) return 0;
    if (stat(folder, &about) == 0) return trusted(&about, "its folder", distrust);
    snprintf(distrust, RNNP_RECORD_REASON, "its folder cannot be examined: %s", strerror(errno));
    return 0;
}

/* A place, what speaks against it ("": nothing), and whether nothing is there. Returns the length of its path as
 * path_of does; if that is too long, it is not looked at. */
static int look_at(int place, const char *root, const char *path, rnnp_records_place *p)
{
    *p = (rnnp_records_place){.named = place < NAMED_PLACES};
    const int length = path_of(place, root, path, p->file);
    if (!is_place(length)) return length;
    const int file = open(p->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    p->missing = file < 0 && (errno == ENOENT || errno == ENOTDIR);
    if (p->missing)
        snprintf(p->reason, sizeof p->reason, "there is no such file");
    else if (file >= 0 && !p->named)
        (void)is_trusted(file, p->file, p->reason);
    if (file >= 0) close(file);
    p->used = !p->reason[0] || place == PLACE_PATH;
    return length;
}

/* What the search passes over and somebody may wonder about. */
static void log_passed(const rnnp_context *context, const rnnp_records_place *p)
{
    char text[RNNP_ERROR_CHARS];

    if (!context->log || (p->missing && !p->named)) return;
    snprintf(text, sizeof text, "tuning records: %.100s is ignored: %.120s", p->file, p->reason);
    context->log(context->log_user, RNNP_LOG_WARNING, text);
}

rnnp_status rnnp_records_open_under(const rnnp_context *context, const char *root, const char *path, char *file,
                                    rnnp_records **set)
{
    rnnp_records_place p;

    *set = NULL;
    if (file) file[0] = '\0';
    for (int place = 0; place < PLACES; place++) {
        const int length = look_at(place, root, path, &p);

        if (length == 0) continue;
        if (!is_place(length)) return too_long(context, length);
        /* Nobody who is not trusted can put another file there meanwhile. */
        if (p.used && file) memcpy(file, p.file, sizeof p.file);
        if (p.used) return rnnp_records_open_file(context, p.file, set);
        log_passed(context, &p);
    }
    return rnnp_records_create(context, set);
}

int rnnp_records_place_under(const char *root, const char *path, size_t index, rnnp_records_place *p)
{
    int used = 0;

    for (int place = 0; place < PLACES; place++) {
        if (!is_place(look_at(place, root, path, p))) continue;
        if (used && !p->reason[0]) snprintf(p->reason, sizeof p->reason, "another file comes first");
        p->used &= !p->reason[0] || place == PLACE_PATH;
        used |= p->used;
        if (index-- == 0) return 1;
    }
    return 0;
}

size_t rnnp_records_place_count(const char *path)
{
    char file[RNNP_RECORDS_PATH];
    size_t n = 0;

    for (int place = 0; place < PLACES; place++)
        if (is_place(path_of(place, "", path, file))) n++;
    return n;
}

rnnp_status rnnp_records_place_info(const char *path, size_t index, rnnp_records_place *place)
{
    rnnp_records_place full;

    if (!rnnp_records_place_under("", path, index, &full)) return RNNP_ERR_ARG;
    return RNNP_STRUCT_WRITE(NULL, rnnp_records_place, &full, place);
}

rnnp_status rnnp_records_open_default(const rnnp_context *context, const char *path, char *file, rnnp_records **set)
{
    if (set) *set = NULL;
    return context && set ? rnnp_records_open_under(context, "", path, file, set) : RNNP_ERR_ARG;
}

/* Makes the folders above a file, from the root on. */
static rnnp_status make_folders(const rnnp_context *context, const char *file)
{
    char folder[RNNP_RECORDS_PATH];

    snprintf(folder, sizeof folder, "%s", file);
    for (char *slash = folder; *folder && (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
        *slash = '\0';
        struct stat about;
        /* Asked first: a read-only file system refuses also what is there. */
        if (stat(folder, &about) != 0 && mkdir(folder, 0700) != 0 && errno != EEXIST)
            return rnnp_fail(context, RNNP_ERR_IO, "cannot make the folder %s: %s", folder, strerror(errno));
    }
    return RNNP_OK;
}

rnnp_status rnnp_records_own_file(const rnnp_context *context, const char *path, int create, char *file)
{
    if (!context || !file) return RNNP_ERR_ARG;
    for (int place = PLACE_PATH; place <= PLACE_CACHE; place++) {
        const int length = path_of(place, "", path, file);

        if (length == 0) continue;
        if (!is_place(length)) {
            file[0] = '\0';
            return too_long(context, length);
        }
        return create && place == PLACE_CACHE ? make_folders(context, file) : RNNP_OK;
    }
    return rnnp_fail(
        context, RNNP_ERR_STATE,
        "there is no place for tuning records: name a file, or set RNNPACK_RECORDS, XDG_CACHE_HOME or HOME");
}
