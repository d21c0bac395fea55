/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints. A file is a head, an index in words (packed/words.h), and arrays of floats in the layout of the
 * trainer's blocks: the parameters, then the optimiser's state. Every byte is under a checksum (XXH3-64), and nothing
 * is taken from a file before all of it is checked.
 *
 *   index   optimiser, rate, steps, note, parameters (each: name, rank, dimensions, frozen), then per array: checksum
 */
#define _POSIX_C_SOURCE 200809L
#include "../file.h"
#include "../packed/packed.h"
#include "../packed/words.h"
#include "../real.h"
#include "training.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 1, ARRAYS = 3 };
static const uint64_t MOST_STEPS = UINT64_C(1) << 53;

static const char magic[8] = {'R', 'N', 'N', 'P', 'T', 'R', 'N', '\n'};

typedef struct head {
    char magic[8];
    uint64_t version;
    uint64_t bytes; /* of the file */
    uint64_t index_bytes, index_checksum;
    uint64_t arrays, array_bytes;
    uint64_t checksum; /* of this head with 0 here */
} head;

_Static_assert(sizeof(head) == 64, "a head is one line");

/* What a trainer has, in the order of the file; returns how many. */
static size_t arrays_of(const rnnp_trainer *t, float *array[ARRAYS])
{
    size_t n = 0;
    array[n++] = t->values;
    if (t->m) array[n++] = t->m;
    if (t->v) array[n++] = t->v;
    return n;
}

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static uint64_t head_checksum(const head *h)
{
    head unsigned_head = *h;
    unsigned_head.checksum = 0;
    return rnnp_packed_checksum(&unsigned_head, sizeof unsigned_head);
}

/* ---- Saving ---- */

typedef struct content {
    const rnnp_trainer *trainer;
    head head;
    words index;
    float *array[ARRAYS];
} content;

static void put_index(content *c, const void *note, size_t bytes)
{
    const rnnp_trainer *t = c->trainer;
    words *w = &c->index;
    words_put(w, (uint64_t)t->optimizer.kind);
    words_put(w, bits_of(t->optimizer.rate));
    words_put(w, t->steps);
    words_put_bytes(w, note, bytes);
    words_put(w, t->n_parameters);
    for (size_t i = 0; i < t->n_parameters; i++) {
        const rnnp_parameter_info *p = &t->parameters[i].info;
        words_put_string(w, p->name);
        words_put(w, p->rank);
        for (size_t d = 0; d < p->rank; d++) words_put(w, (uint64_t)p->shape[d]);
        words_put(w, (uint64_t)p->frozen);
    }
    for (size_t a = 0; a < c->head.arrays; a++) words_put(w, rnnp_packed_checksum(c->array[a], c->head.array_bytes));
}

static rnnp_status write_content(void *user, rnnp_write_fn write, void *to)
{
    const content *c = user;
    int stopped = write(to, &c->head, sizeof c->head) || write(to, c->index.at, c->head.index_bytes);
    for (size_t a = 0; a < c->head.arrays && !stopped; a++) stopped = write(to, c->array[a], c->head.array_bytes);
    return stopped ? RNNP_ERR_IO : RNNP_OK;
}

rnnp_status rnnp_trainer_save_file(const rnnp_trainer *trainer, const char *path, const void *note, size_t bytes)
{
    if (!trainer) return RNNP_ERR_ARG;
    if (bytes && !note) return rnnp_fail(trainer->context, RNNP_ERR_ARG, "a note of %zu bytes is NULL", bytes);
    content c = {.trainer = trainer, .index = {.context = trainer->context}};

    memcpy(c.head.magic, magic, sizeof magic);
    c.head.version = VERSION;
    c.head.arrays = arrays_of(trainer, c.array);
    c.head.array_bytes = trainer->floats * sizeof(float);
    put_index(&c, note, bytes);
    rnnp_status status = c.index.status;
    if (status == RNNP_OK) {
        c.head.index_bytes = c.index.count * sizeof *c.index.at;
        c.head.index_checksum = rnnp_packed_checksum(c.index.at, c.head.index_bytes);
        c.head.bytes = sizeof c.head + c.head.index_bytes + c.head.arrays * c.head.array_bytes;
        c.head.checksum = head_checksum(&c.head);
        status = rnnp_file_replace(trainer->context, path, write_content, &c);
    }
    words_free(&c.index);
    return status;
}

/* ---- Reading a file ---- */

/* The end of a path says the most and leaves room for the sentence. */
static const char *name_of(const char *path)
{
    const size_t length = strlen(path), most = 120;
    return length > most ? path + length - most : path;
}

typedef struct file {
    const rnnp_context *context;
    const char *name;
    char *bytes;
    size_t size;
} file;

static rnnp_status fill(file *f, int fd)
{
    size_t used = 0;
    while (used < f->size) {
        const ssize_t n = read(fd, f->bytes + used, f->size - used);
        if (n < 0 && errno != EINTR) return rnnp_fail(f->context, RNNP_ERR_IO, "%s: %s", f->name, strerror(errno));
        if (n == 0)
            return rnnp_fail(f->context, RNNP_ERR_FORMAT, "%s ends after %zu of its %zu bytes", f->name, used, f->size);
        used += n > 0 ? (size_t)n : 0;
    }
    return RNNP_OK;
}

static rnnp_status foreign(const file *f)
{
    return rnnp_fail(f->context, RNNP_ERR_FORMAT, "%s is not a checkpoint", f->name);
}

/* Before there is memory for all of it. */
static int has_magic(int fd)
{
    char begin[sizeof magic];
    return pread(fd, begin, sizeof begin, 0) == (ssize_t)sizeof begin && memcmp(begin, magic, sizeof magic) == 0;
}

/* A pipe without a writer would block otherwise. */
static rnnp_status read_file(file *f, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat about;
    rnnp_status status;
    if (fd < 0) return rnnp_fail(f->context, RNNP_ERR_IO, "%s: %s", f->name, strerror(errno));
    if (fstat(fd, &about) != 0)
        status = rnnp_fail(f->context, RNNP_ERR_IO, "%s: %s", f->name, strerror(errno));
    else if (!S_ISREG(about.st_mode))
        status = rnnp_fail(f->context, RNNP_ERR_IO, "%s is not a regular file", f->name);
    else if (!has_magic(fd))
        status = foreign(f);
    else {
        f->size = (size_t)about.st_size;
        f->bytes = rnnp_alloc(f->context, f->size);
        status = f->bytes ? fill(f, fd) : RNNP_ERR_MEMORY;
    }
    close(fd);
    return status;
}

/* ---- Checking it ---- */

/* What a whole file holds; pointers are into it. */
typedef struct checkpoint {
    uint64_t steps;
    float rate;
    const void *note;
    size_t note_bytes;
    word_reader frozen; /* at the parameters */
    const char *arrays;
} checkpoint;

static rnnp_status check_head(const file *f, const head *h)
{
    if (f->size < sizeof *h || memcmp(h->magic, magic, sizeof magic) != 0) return foreign(f);
    if (head_checksum(h) != h->checksum)
        return rnnp_fail(f->context, RNNP_ERR_FORMAT, "%s is damaged: its head's checksum differs", f->name);
    if (h->version != VERSION)
        return rnnp_fail(f->context, RNNP_ERR_UNSUPPORTED, "%s has version %llu of the format, this library reads %d",
                         f->name, (unsigned long long)h->version, VERSION);
    if (h->bytes != f->size)
        return rnnp_fail(f->context, RNNP_ERR_FORMAT, "%s has %zu bytes, its head says %llu", f->name, f->size,
                         (unsigned long long)h->bytes);
    const uint64_t rest = h->bytes - sizeof *h;
    if (h->arrays < 1 || h->arrays > ARRAYS || h->index_bytes % sizeof(uint64_t) || h->index_bytes > rest ||
        (rest - h->index_bytes) / h->arrays != h->array_bytes || (rest - h->index_bytes) % h->arrays)
        return rnnp_fail(f->context, RNNP_ERR_FORMAT, "%s: the sizes in its head do not fit each other", f->name);
    if (rnnp_packed_checksum(f->bytes + sizeof *h, h->index_bytes) != h->index_checksum)
        return rnnp_fail(f->context, RNNP_ERR_FORMAT, "%s is damaged: its index's checksum differs", f->name);
    return RNNP_OK;
}

static rnnp_status malformed(const file *f)
{
    return rnnp_fail(f->context, RNNP_ERR_FORMAT, "%s: the index is malformed", f->name);
}

/* Compares the file's next parameter with the trainer's. */
static rnnp_status check_parameter(const rnnp_trainer *t, const file *f, size_t i, word_reader *r)
{
    const rnnp_parameter_info *p = &t->parameters[i].info;
    const char *name = words_get_string(r);
    const size_t rank = words_get_count(r, 1);
    int same = !r->bad && strcmp(name, p->name) == 0 && rank == p->rank;
    for (size_t d = 0; d < rank; d++) {
        const uint64_t dim = words_get(r);
        same = same && dim == (uint64_t)p->shape[d];
    }
    words_get(r);
    if (r->bad) return malformed(f);
    return same ? RNNP_OK
                : rnnp_fail(t->context, RNNP_ERR_SHAPE,
                            "%s: parameter %zu is %.40s, rank %zu; the trainer's is %.40s, of rank %zu or other "
                            "dimensions",
                            f->name, i, name, rank, p->name, p->rank);
}

/* Checksums may be right by intent: a trainer must not get what no training could give it. The optimiser's state may be
 * infinite, as large gradients make it, but the mean of squares, which is the last array, is not negative. */
static rnnp_status check_numbers(const rnnp_trainer *t, const file *f, const head *h, const checkpoint *c)
{
    const size_t n = (size_t)h->array_bytes / sizeof(float);
    const float *values = (const float *)(const void *)c->arrays, *m = values + n, *v = values + (h->arrays - 1) * n;
    const size_t bad = rnnp_first_not_finite(values, n);
    if (bad < n) return rnnp_fail(f->context, RNNP_ERR_FORMAT, "%s: a parameter is %g", f->name, (double)values[bad]);
    for (size_t i = 0; i < (h->arrays - 1) * n; i++) {
        if (isnan(m[i]) || (t->v && m + i >= v && m[i] < 0))
            return rnnp_fail(f->context, RNNP_ERR_FORMAT, "%s: a number of the optimiser's state is %g", f->name,
                             (double)m[i]);
    }
    if (!(c->rate >= 0) || !isfinite(c->rate))
        return rnnp_fail(f->context, RNNP_ERR_FORMAT, "%s: the learning rate is %g", f->name, (double)c->rate);
    if (c->steps > MOST_STEPS)
        return rnnp_fail(f->context, RNNP_ERR_FORMAT, "%s: %llu steps are more than is possible", f->name,
                         (unsigned long long)c->steps);
    return RNNP_OK;
}

static rnnp_status check_index(const rnnp_trainer *t, const file *f, const head *h, checkpoint *c)
{
    const uint64_t *at = (const uint64_t *)(const void *)(f->bytes + sizeof *h);
    word_reader r = {.at = at, .end = at + h->index_bytes / sizeof *at};
    const uint64_t kind = words_get(&r);
    const uint32_t rate = (uint32_t)words_get(&r);
    rnnp_status status = RNNP_OK;
    float *array[ARRAYS];
    memcpy(&c->rate, &rate, sizeof rate);
    c->steps = words_get(&r);
    c->note = words_get_bytes(&r, &c->note_bytes);
    const uint64_t n = words_get(&r);
    if (r.bad) return malformed(f);
    if (kind != (uint64_t)t->optimizer.kind || h->arrays != arrays_of(t, array))
        return rnnp_fail(t->context, RNNP_ERR_ARG,
                         "%s belongs to another optimiser (%llu with %llu arrays; the trainer's is %d)", f->name,
                         (unsigned long long)kind, (unsigned long long)h->arrays - 1, (int)t->optimizer.kind);
    c->frozen = r;
    for (size_t i = 0; i < n && i < t->n_parameters && status == RNNP_OK; i++) status = check_parameter(t, f, i, &r);
    if (status != RNNP_OK) return status;
    if (n != t->n_parameters || h->array_bytes != t->floats * sizeof(float))
        return rnnp_fail(t->context, RNNP_ERR_SHAPE, "%s has %llu parameters, the trainer has %zu", f->name,
                         (unsigned long long)n, t->n_parameters);
    c->arrays = f->bytes + sizeof *h + h->index_bytes;
    for (size_t a = 0; a < h->arrays; a++) {
        if (rnnp_packed_checksum(c->arrays + a * h->array_bytes, h->array_bytes) != words_get(&r))
            return rnnp_fail(t->context, RNNP_ERR_FORMAT, "%s is damaged: the checksum of array %zu differs", f->name,
                             a);
    }
    return r.bad || r.at != r.end ? malformed(f) : check_numbers(t, f, h, c);
}

/* ---- Loading ---- */

static rnnp_status take(rnnp_trainer *t, const head *h, checkpoint *c)
{
    float *array[ARRAYS];
    const size_t n = arrays_of(t, array);
    rnnp_status status = RNNP_OK;
    for (size_t i = 0; i < t->n_parameters && status == RNNP_OK; i++) {
        words_get_string(&c->frozen);
        for (size_t d = words_get_count(&c->frozen, 1); d > 0; d--) words_get(&c->frozen);
        status = rnnp_trainer_freeze(t, i, words_get(&c->frozen) != 0);
    }
    for (size_t a = 0; a < n; a++) memcpy(array[a], c->arrays + a * h->array_bytes, h->array_bytes);
    t->steps = c->steps;
    t->optimizer.rate = c->rate;
    t->has_gradient = 0;
    return status;
}

static rnnp_status load(rnnp_trainer *t, const file *f, void *note, size_t *note_bytes)
{
    checkpoint c;
    head h = {.bytes = 0};
    memcpy(&h, f->bytes, f->size < sizeof h ? f->size : sizeof h);
    rnnp_status status = check_head(f, &h);
    if (status == RNNP_OK) status = check_index(t, f, &h, &c);
    if (status != RNNP_OK) return status;
    if (note && c.note_bytes > *note_bytes)
        return rnnp_fail(t->context, RNNP_ERR_ARG, "%s has a note of %zu bytes, there is room for %zu", f->name,
                         c.note_bytes, *note_bytes);
    status = take(t, &h, &c);
    if (note && c.note_bytes) memcpy(note, c.note, c.note_bytes);
    if (note_bytes) *note_bytes = c.note_bytes;
    return status;
}

rnnp_status rnnp_trainer_load_file(rnnp_trainer *trainer, const char *path, void *note, size_t *note_bytes)
{
    if (!trainer) return RNNP_ERR_ARG;
    if (!path || !*path) return rnnp_fail(trainer->context, RNNP_ERR_ARG, "path is %s", path ? "empty" : "NULL");
    if (note && !note_bytes) return rnnp_fail(trainer->context, RNNP_ERR_ARG, "note_bytes is NULL");
    file f = {.context = trainer->context, .name = name_of(path)};
    rnnp_status status = read_file(&f, path);
    if (status == RNNP_OK) status = load(trainer, &f, note, note_bytes);
    rnnp_free(trainer->context, f.bytes, f.size);
    return status;
}
