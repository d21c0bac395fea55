/* SPDX-License-Identifier: Apache-2.0
 *
 * Where records are looked for. Nothing is made here unless asked.
 */
#define _POSIX_C_SOURCE 200809L

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

/* The length of the place's path, of which as much is in `file` as there is room for; 0 when it is not set. */
static int path_of(int place, const char *root, const char *path, char file[RNNP_RECORDS_PATH])
{
    const char *head, *tail;

    file[0] = '\0';
    return pieces(place, root, path, &head, &tail) ? snprintf(file, RNNP_RECORDS_PATH, "%s%s", head, tail) : 0;
}

/* Returns 1; 0 when the place is not set; *status is an error when its path is too long. */
static int place_path(const rnnp_context *context, int place, const char *root, const char *path,
                      char file[RNNP_RECORDS_PATH], rnnp_status *status)
{
    const int length = path_of(place, root, path, file);

    *status = RNNP_OK;
    if (length == 0) return 0;
    if (length < 0 || length >= RNNP_RECORDS_PATH) {
        file[0] = '\0';
        *status = rnnp_fail(context, RNNP_ERR_ARG, "the path of the tuning records has %d characters, more than %d",
                            length, RNNP_RECORDS_PATH - 1);
    }
    return 1;
}

/* What the search passes over and somebody may wonder about. */
static void log_passed(const rnnp_context *context, const char *file, const char *why)
{
    char text[RNNP_ERROR_CHARS];

    if (!context->log) return;
    snprintf(text, sizeof text, "tuning records: %.100s is ignored: %.120s", file, why);
    context->log(context->log_user, RNNP_LOG_WARNING, text);
}

static const char no_file[] = "there is no such file";

rnnp_status rnnp_records_open_under(const rnnp_context *context, const char *root, const char *path, char *file,
                                    rnnp_records **set)
{
    char own[RNNP_RECORDS_PATH], distrust[RNNP_RECORD_REASON];
    char *const into = file ? file : own;
    rnnp_status status;

    *set = NULL;
    for (int place = 0; place < PLACES; place++) {
        const int named = place < NAMED_PLACES;
        int missing = 0;

        distrust[0] = '\0';
        if (!place_path(context, place, root, path, into, &status)) continue;
        if (status == RNNP_OK && place == PLACE_PATH) return rnnp_records_open_file(context, into, set);
        if (status == RNNP_OK) status = rnnp_records_read_if(context, into, &missing, named ? NULL : distrust, set);
        if (!missing && !distrust[0]) return status;
        if (!missing || named) log_passed(context, into, missing ? no_file : distrust);
    }
    into[0] = '\0';
    return rnnp_records_create(context, set);
}

/* Sets the reason against a place, "" for none, and whether nothing is there. */
static void judge(int place, rnnp_records_place *p)
{
    const int file = open(p->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    p->missing = file < 0 && (errno == ENOENT || errno == ENOTDIR);
    if (p->missing)
        snprintf(p->reason, sizeof p->reason, "%s", no_file);
    else if (file >= 0 && place >= NAMED_PLACES)
        (void)rnnp_records_trusted(file, p->file, p->reason);
    if (file >= 0) close(file);
}

/* Whether a path of this length can be looked at. */
static int is_place(int length) { return length > 0 && length < RNNP_RECORDS_PATH; }

int rnnp_records_place_under(const char *root, const char *path, size_t index, rnnp_records_place *p)
{
    int used = 0;

    for (int place = 0; place < PLACES; place++) {
        *p = (rnnp_records_place){.named = place < NAMED_PLACES};
        const int length = path_of(place, root, path, p->file);

        if (!is_place(length)) continue;
        judge(place, p);
        if (used && !p->reason[0]) snprintf(p->reason, sizeof p->reason, "another file comes first");
        p->used = !p->reason[0] || place == PLACE_PATH;
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
    rnnp_status status;

    if (!context || !file) return RNNP_ERR_ARG;
    for (int place = PLACE_PATH; place <= PLACE_CACHE; place++) {
        if (!place_path(context, place, "", path, file, &status)) continue;
        return status == RNNP_OK && create && place == PLACE_CACHE ? make_folders(context, file) : status;
    }
    return rnnp_fail(
        context, RNNP_ERR_STATE,
        "there is no place for tuning records: name a file, or set RNNPACK_RECORDS, XDG_CACHE_HOME or HOME");
}
