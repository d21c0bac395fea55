/* SPDX-License-Identifier: Apache-2.0
 *
 * A file is a head, a payload and the sender's signature of both; numbers are little-endian. Nothing of the payload is
 * looked at before the signature is known to be right.
 *
 *     8 bytes   "RNNPFED\n"
 *     u64       version of the format
 *     u64       0: a call, 1: an answer
 *     u64       step
 *     32 bytes  federation
 *     u64       words of the payload
 *     u64s      the payload
 *     64 bytes  Ed25519 signature
 */
#define _POSIX_C_SOURCE 200809L

#include "exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 1, WHY = 256 };

static const char magic[8] = {'R', 'N', 'N', 'P', 'F', 'E', 'D', '\n'};

typedef struct head {
    char magic[8];
    uint64_t version, answer, step;
    uint8_t federation[KEY_BYTES];
    uint64_t words;
} head;

_Static_assert(sizeof(head) == 72, "a head has no gaps");

char *folder_path(const char *folder, uint64_t step, const char *site)
{
    const size_t size = strlen(folder) + (site ? strlen(site) : 0) + 64;
    char *path = cli_alloc(size, 1);
    snprintf(path, size, "%s/%04llu.%s%s%s", folder, (unsigned long long)step, site ? site : "", site ? "." : "",
             site ? "answer" : "call");
    return path;
}

/* ---- Writing ---- */

static char *pack(const exchange_file *file, const party_keys *keys, size_t *size)
{
    head h = {.version = VERSION, .answer = (uint64_t)file->answer, .step = file->step, .words = file->payload.n};
    const size_t bytes = file->payload.n * sizeof(uint64_t), signed_bytes = sizeof h + bytes;
    memcpy(h.magic, magic, sizeof magic);
    memcpy(h.federation, file->federation, KEY_BYTES);
    char *all = cli_alloc(*size = signed_bytes + SIGNATURE_BYTES, 1);
    memcpy(all, &h, sizeof h);
    if (bytes) memcpy(all + sizeof h, file->payload.at, bytes);
    secrets_sign(keys, all, signed_bytes, (uint8_t *)all + signed_bytes);
    return all;
}

/* 0, or the reason. */
static int write_all(const char *path, const char *bytes, size_t size)
{
    unlink(path); /* of a killed program; nothing else in a folder of many is opened for writing */
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int reason = fd < 0 ? errno : 0;
    for (size_t done = 0; done < size && !reason;) {
        const ssize_t n = write(fd, bytes + done, size - done);
        if (n < 0 && errno != EINTR) reason = errno;
        done += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0 && !reason && fsync(fd) != 0) reason = errno;
    if (fd >= 0 && close(fd) != 0 && !reason) reason = errno;
    return reason;
}

int folder_store(const char *path, const char *all, size_t size)
{
    FREED char *beside = cli_alloc(strlen(path) + 8, 1);
    snprintf(beside, strlen(path) + 8, "%s.part", path);
    int reason = write_all(beside, all, size);
    if (!reason && rename(beside, path) != 0) reason = errno;
    if (!reason) return CLI_OK;
    unlink(beside);
    return cli_fail("%s: %s", path, strerror(reason));
}

int folder_write(const char *path, const exchange_file *file, const party_keys *keys)
{
    size_t size;
    FREED char *all = pack(file, keys, &size);
    return folder_store(path, all, size);
}

/* ---- Reading ---- */

#define refuse(...) (snprintf(why, WHY, __VA_ARGS__), CLI_FAILED)

int folder_load(const char *path, size_t most_words, char **all, size_t *size, char *why)
{
    const char *reason;
    struct stat about;
    const size_t most = sizeof(head) + most_words * sizeof(uint64_t) + SIGNATURE_BYTES;
    if (access(path, F_OK) != 0 && errno == ENOENT) return FILE_ABSENT;
    const int fd = cli_open(path, &reason);
    if (fd < 0) return refuse("%s", reason);
    const int known = fstat(fd, &about) == 0;
    *size = known ? (size_t)about.st_size : 0;
    const int fits = *size >= sizeof(head) + SIGNATURE_BYTES && *size <= most;
    *all = fits ? cli_alloc(*size, 1) : NULL;
    size_t done = 0;
    for (ssize_t n = 1; fits && done < *size && n > 0; done += n > 0 ? (size_t)n : 0)
        n = read(fd, *all + done, *size - done);
    close(fd);
    if (!fits)
        return refuse("it has %zu bytes; a file of this step has %zu to %zu", *size, sizeof(head) + SIGNATURE_BYTES,
                      most);
    return done == *size ? CLI_OK : refuse("it ends after %zu of its %zu bytes", done, *size);
}

static int check(const char *all, size_t size, const uint8_t key[KEY_BYTES], const uint8_t *federation, uint64_t step,
                 int answer, head *h, char *why)
{
    const size_t signed_bytes = size - SIGNATURE_BYTES;
    memcpy(h, all, sizeof *h);
    if (memcmp(h->magic, magic, sizeof magic) != 0) return refuse("it is not a file of rnnpack federate");
    if (h->version != VERSION)
        return refuse("it has version %llu of the format; this program reads %d", (unsigned long long)h->version,
                      VERSION);
    if (h->words != (signed_bytes - sizeof *h) / 8 || (signed_bytes - sizeof *h) % 8)
        return refuse("it has %zu bytes, and its head says %llu words: it is cut off or damaged", size,
                      (unsigned long long)h->words);
    if (!secrets_signed(key, all, signed_bytes, (const uint8_t *)all + signed_bytes))
        return refuse("its signature is not of the key that the configuration names: it is damaged, or of somebody "
                      "else");
    if (h->answer != (uint64_t)answer) return refuse("it is %s", h->answer ? "an answer" : "a call");
    if (h->step != step)
        return refuse("it is of step %llu, and this is step %llu", (unsigned long long)h->step,
                      (unsigned long long)step);
    if (federation && memcmp(h->federation, federation, KEY_BYTES) != 0) return refuse("it is of another federation");
    return CLI_OK;
}

int folder_read(const char *path, const uint8_t key[KEY_BYTES], const uint8_t *federation, uint64_t step, int answer,
                size_t most, exchange_file *file, char *why)
{
    FREED char *all = NULL;
    size_t size = 0;
    head h;
    *file = (exchange_file){.step = step, .answer = answer};
    TRY(folder_load(path, most, &all, &size, why));
    TRY(check(all, size, key, federation, step, answer, &h, why));
    memcpy(file->federation, h.federation, KEY_BYTES);
    file->payload.n = (size_t)h.words;
    file->payload.at = cli_alloc(file->payload.n + 1, sizeof(uint64_t));
    memcpy(file->payload.at, all + sizeof h, file->payload.n * sizeof(uint64_t));
    return CLI_OK;
}

void folder_identity(const exchange_file *call, const uint8_t coordinator[KEY_BYTES], uint8_t federation[KEY_BYTES])
{
    digest(coordinator, "rnnpack federation", call->payload.at, call->payload.n * sizeof(uint64_t), VERSION,
           federation);
}
