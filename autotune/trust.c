/* SPDX-License-Identifier: Apache-2.0
 *
 * Which files of records are read unasked. Records cannot change a result, but a planted one makes a service slow.
 */
#define _DEFAULT_SOURCE /* S_ISVTX */
#include "set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

int rnnp_records_trusted(int file, const char *path, char distrust[RNNP_RECORD_REASON])
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
