/* SPDX-License-Identifier: Apache-2.0
 *
 * What a file is, who owns it, and who may write to it.
 */
#include "system.h"

#include <aclapi.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef union sid {
    SID sid;
    BYTE bytes[SECURITY_MAX_SID_SIZE];
} sid;

enum { ADMINISTRATOR, MYSELF, SOMEBODY };

/* The user of this process; 0 if that is unknown. */
static int read_own_sid(sid *own)
{
    union {
        TOKEN_USER user;
        BYTE bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } token;
    DWORD bytes;
    HANDLE process;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &process)) return 0;
    const BOOL known = GetTokenInformation(process, TokenUser, &token, sizeof token, &bytes);
    CloseHandle(process);
    return known && CopySid(sizeof *own, own, token.user.User.Sid);
}

static int who_is(PSID who)
{
    /* S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464, the owner of the system's files */
    static const DWORD installer[] = {80, 956008885, 3418522649, 1831038044, 1853292631, 2271478464};
    sid own;

    if (IsWellKnownSid(who, WinLocalSystemSid) || IsWellKnownSid(who, WinBuiltinAdministratorsSid))
        return ADMINISTRATOR;
    if (read_own_sid(&own) && EqualSid(who, &own)) return MYSELF;
    int same = *GetSidSubAuthorityCount(who) == sizeof installer / sizeof *installer;
    for (DWORD i = 0; same && i < sizeof installer / sizeof *installer; i++)
        same = *GetSidSubAuthority(who, i) == installer[i];
    return same ? ADMINISTRATOR : SOMEBODY;
}

/* Whether an access list lets somebody else change a file, or put another in its place. None at all lets everybody. */
static int others_write(PACL list)
{
    static const DWORD writing = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_DELETE_CHILD | DELETE | WRITE_DAC |
                                 WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL;

    for (DWORD i = 0; list && i < list->AceCount; i++) {
        ACCESS_ALLOWED_ACE *entry;

        if (!GetAce(list, i, (void **)&entry)) return 1;
        if (entry->Header.AceType == ACCESS_ALLOWED_ACE_TYPE && !(entry->Header.AceFlags & INHERIT_ONLY_ACE) &&
            (entry->Mask & writing) && who_is(&entry->SidStart) == SOMEBODY)
            return 1;
    }
    return list == NULL;
}

static void read_owner(HANDLE file, struct stat *about)
{
    PSECURITY_DESCRIPTOR descriptor;
    PSID owner;
    PACL list;

    about->st_uid = SOMEBODY;
    if (GetSecurityInfo(file, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner, NULL,
                        &list, NULL, &descriptor) != ERROR_SUCCESS)
        return;
    about->st_uid = (unsigned)who_is(owner);
    about->st_mode |= others_write(list) ? 0002u : 0u;
    LocalFree(descriptor);
}

static int is_link(HANDLE file)
{
    FILE_ATTRIBUTE_TAG_INFO tag;

    return GetFileInformationByHandleEx(file, FileAttributeTagInfo, &tag, sizeof tag) &&
           (tag.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) &&
           (tag.ReparseTag == IO_REPARSE_TAG_SYMLINK || tag.ReparseTag == IO_REPARSE_TAG_MOUNT_POINT);
}

int rnnp_windows_describe(HANDLE file, struct stat *about)
{
    const DWORD type = GetFileType(file);
    BY_HANDLE_FILE_INFORMATION found;

    memset(about, 0, sizeof *about);
    if (type != FILE_TYPE_DISK) {
        about->st_mode = (type == FILE_TYPE_PIPE ? S_IFIFO : S_IFCHR) | 0600;
        return rnnp_windows_done(type != FILE_TYPE_UNKNOWN || GetLastError() == NO_ERROR);
    }
    if (!GetFileInformationByHandle(file, &found)) return rnnp_windows_done(FALSE);
    about->st_dev = found.dwVolumeSerialNumber;
    about->st_ino = (unsigned long long)found.nFileIndexHigh << 32 | found.nFileIndexLow;
    about->st_size = (long long)((unsigned long long)found.nFileSizeHigh << 32 | found.nFileSizeLow);
    if (found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT && is_link(file))
        about->st_mode = S_IFLNK | 0755;
    else
        about->st_mode = found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY ? S_IFDIR | 0755 : S_IFREG | 0644;
    read_owner(file, about);
    return 0;
}

static int look_at(const char *path, int follow, struct stat *about)
{
    HANDLE file = rnnp_windows_open(path, FILE_READ_ATTRIBUTES | READ_CONTROL, OPEN_EXISTING, follow);

    if (file == INVALID_HANDLE_VALUE) return rnnp_windows_done(FALSE);
    const int status = rnnp_windows_describe(file, about);
    CloseHandle(file);
    return status;
}

int stat(const char *path, struct stat *about) { return look_at(path, 1, about); }

int lstat(const char *path, struct stat *about) { return look_at(path, 0, about); }

int fstat(int fd, struct stat *about) { return rnnp_windows_describe(rnnp_windows_handle(fd), about); }

unsigned geteuid(void) { return MYSELF; }

int fchmod(int fd, unsigned mode)
{
    (void)mode;
    return rnnp_windows_handle(fd) == INVALID_HANDLE_VALUE ? -1 : 0;
}

int fchown(int fd, unsigned user, unsigned group)
{
    (void)user, (void)group;
    return rnnp_windows_handle(fd) == INVALID_HANDLE_VALUE ? -1 : 0;
}
