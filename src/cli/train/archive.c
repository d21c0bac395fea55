/* SPDX-License-Identifier: Apache-2.0 */
#include "archive.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "../cli.h"
#include "bytes.h"

enum { END_BYTES = 22, ENTRY_BYTES = 46, LOCAL_BYTES = 30 }; /* fixed parts of the three headers */
enum { STORED = 0, DEFLATED = 8, ENCRYPTED = 1 };

static uint32_t two(const unsigned char *p) { return p[0] | (uint32_t)p[1] << 8; }
static uint32_t four(const unsigned char *p) { return two(p) | two(p + 2) << 16; }

int archive_is(const unsigned char *bytes, size_t size)
{
    return size >= 4 && (memcmp(bytes, "PK\3\4", 4) == 0 || memcmp(bytes, "PK\5\6", 4) == 0);
}

/* Makes these bytes of the file memory, if it is one. */
static int need(const archive *a, size_t from, size_t n)
{
    if (!a->file || from >= a->size) return CLI_OK;
    return bytes_read(a->file, a->path, from, a->image + from, n < a->size - from ? n : a->size - from);
}

/* The record at the end: the last place where one ends with the file. */
static const unsigned char *find_end(const archive *a)
{
    const size_t most = END_BYTES + 0xffff;
    if (need(a, a->size > most ? a->size - most : 0, most) != CLI_OK) return NULL;
    for (size_t back = END_BYTES; back <= a->size && back <= most; back++) {
        const unsigned char *p = a->bytes + a->size - back;
        if (memcmp(p, "PK\5\6", 4) == 0 && END_BYTES + two(p + 20) == back) return p;
    }
    return NULL;
}

static int bad(const archive *a, const archive_member *m, const char *what)
{
    return cli_fail("%s: member '%s' %s", a->path, m->name, what);
}

/* The header before the packed bytes, which says again what the directory says. */
static int check_local(const archive *a, archive_member *m, size_t packed, size_t directory, const unsigned char *entry)
{
    const unsigned char *p = a->bytes + m->begin;
    TRY(need(a, m->begin, LOCAL_BYTES + 2 * 0xffff)); /* with its name and what follows that */
    if (m->begin > directory || directory - m->begin < LOCAL_BYTES || memcmp(p, "PK\3\4", 4) != 0)
        return bad(a, m, "is not where the directory says");
    const size_t name = two(p + 26), more = two(p + 28);
    m->at = m->begin + LOCAL_BYTES + name + more;
    m->end = m->at + packed;
    if (m->at > directory || m->end > directory) return bad(a, m, "is cut off");
    if (name != two(entry + 28) || memcmp(p + LOCAL_BYTES, entry + ENTRY_BYTES, name) != 0 ||
        two(p + 8) != two(entry + 10))
        return bad(a, m, "is described in two ways");
    return CLI_OK;
}

/* An entry of the directory, and what it points to. */
static int take_entry(archive *a, const unsigned char *p, size_t name, size_t directory)
{
    archive_member *m = &a->at[a->n];
    const size_t packed = four(p + 20), method = two(p + 10);
    if (name == 0 || name >= sizeof m->name || memchr(p + ENTRY_BYTES, 0, name))
        return cli_fail("%s: the name of member %zu is empty, or longer than %zu characters", a->path, a->n + 1,
                        sizeof m->name - 1);
    *m = (archive_member){.begin = four(p + 42), .size = four(p + 24), .sum = four(p + 16), .packed = method != STORED};
    memcpy(m->name, p + ENTRY_BYTES, name);
    if (packed == UINT32_MAX || m->size == UINT32_MAX || m->begin == UINT32_MAX)
        return bad(a, m, "is beyond 4 GiB; save it as a .npy file");
    if (two(p + 8) & ENCRYPTED) return bad(a, m, "is encrypted");
    if (method != STORED && method != DEFLATED)
        return cli_fail("%s: member '%s' is compressed by method %zu; stored and deflated ones are read", a->path,
                        m->name, method);
    if (method == STORED && packed != m->size) return bad(a, m, "is stored, and has two sizes");
    TRY(check_local(a, m, packed, directory, p));
    if (!archive_bounded((double)m->size, packed))
        return cli_fail("%s: member '%s': %zu bytes would become %zu; if they really do, save it with numpy.savez",
                        a->path, m->name, packed, m->size);
    for (size_t i = 0; i < a->n; i++) {
        if (strcmp(a->at[i].name, m->name) == 0) return bad(a, m, "occurs twice");
        if (m->begin < a->at[i].end && a->at[i].begin < m->end) return bad(a, m, "overlaps another one");
    }
    a->n++;
    return CLI_OK;
}

static int parse(archive *a)
{
    const size_t size = a->size;
    const char *const path = a->path;
    const unsigned char *const bytes = a->bytes;
    const unsigned char *const end = find_end(a);
    if (!end) return cli_fail("%s: a zip archive without its end: it is cut off", path);
    const size_t n = two(end + 10), bytes_of = four(end + 12), directory = four(end + 16);
    if (n == 0xffff || bytes_of == UINT32_MAX || directory == UINT32_MAX)
        return cli_fail("%s: an archive beyond 4 GiB (zip64); save its arrays as .npy files", path);
    if (two(end + 4) || two(end + 6) || two(end + 8) != n)
        return cli_fail("%s: a part of an archive of several files", path);
    if (n > ARCHIVE_MEMBERS) return cli_fail("%s: %zu members; at most %d are read", path, n, ARCHIVE_MEMBERS);
    if (directory > size || (size_t)(end - bytes) - directory != bytes_of)
        return cli_fail("%s: its directory is not where its end says", path);
    TRY(need(a, directory, bytes_of));
    const unsigned char *p = bytes + directory;
    for (size_t i = 0; i < n; i++) {
        const size_t left = (size_t)(end - p);
        if (left < ENTRY_BYTES || memcmp(p, "PK\1\2", 4) != 0 ||
            left < (size_t)ENTRY_BYTES + two(p + 28) + two(p + 30) + two(p + 32))
            return cli_fail("%s: entry %zu of its directory is damaged", path, i + 1);
        TRY(take_entry(a, p, two(p + 28), directory));
        p += (size_t)ENTRY_BYTES + two(p + 28) + two(p + 30) + two(p + 32);
    }
    return p == end ? CLI_OK : cli_fail("%s: its directory is longer than its %zu entries", path, n);
}

int archive_parse(archive *a, const char *path, const unsigned char *bytes, size_t size)
{
    *a = (archive){.path = path, .bytes = bytes, .size = size};
    return parse(a);
}

int archive_open(archive *a, const char *path)
{
    *a = (archive){.path = path};
    TRY(bytes_open(path, &a->file, &a->size));
    a->bytes = a->image = cli_alloc(a->size + 1, 1);
    if (!gzdirect(a->file)) return CLI_OK;
    TRY(need(a, 0, 4));
    return archive_is(a->image, a->size) ? parse(a) : CLI_OK;
}

void archive_close(archive *a)
{
    if (a->file) gzclose(a->file);
    free(a->image);
    *a = (archive){.path = NULL};
}

/* Exactly m->size bytes, and none behind them. */
static int inflate_all(const archive *a, const archive_member *m, unsigned char *to)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)(a->bytes + m->at), .next_out = to};
    unsigned char beyond;
    int code = inflateInit2(&z, -MAX_WBITS); /* without zlib's own header */
    if (code != Z_OK) return bad(a, m, "cannot be unpacked");
    z.avail_in = (uInt)(m->end - m->at);
    z.avail_out = (uInt)m->size;
    code = inflate(&z, Z_FINISH);
    if (code == Z_BUF_ERROR && !z.avail_out) { /* a stream's last bits may give nothing more */
        z.next_out = &beyond;
        z.avail_out = 1;
        code = inflate(&z, Z_FINISH);
    }
    const int whole = code == Z_STREAM_END && z.total_out == m->size && !z.avail_in;
    inflateEnd(&z);
    return whole ? CLI_OK : bad(a, m, "is damaged: it does not unpack to its size");
}

int archive_read(const archive *a, const archive_member *m, unsigned char **bytes)
{
    FREED unsigned char *all = cli_alloc(m->size + 1, 1);
    TRY(need(a, m->at, m->end - m->at));
    if (m->packed)
        TRY(inflate_all(a, m, all));
    else
        memcpy(all, a->bytes + m->at, m->size);
    if (crc32(crc32(0, NULL, 0), all, (uInt)m->size) != m->sum) return bad(a, m, "is damaged: its checksum differs");
    *bytes = all;
    all = NULL;
    return CLI_OK;
}
