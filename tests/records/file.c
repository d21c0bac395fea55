/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of tuning records: what is refused, what an update keeps, and where files are looked for.
 */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static rnnp_records *one_record(const rnnp_context *context, uint64_t model, uint64_t hidden, const char *choice)
{
    rnnp_records *const set = make_set(context);
    const rnnp_record_host host = make_host(model);
    const rnnp_record record = make_record(hidden, 1, choice);

    OK(rnnp_records_add(set, &host, &record));
    return set;
}

static void update(const rnnp_context *context, const char *path, uint64_t model, uint64_t hidden, const char *choice)
{
    OWNED(records) set = one_record(context, model, hidden, choice);

    OK(rnnp_records_update(set, path, 1000));
}

static void assert_absent(const char *path)
{
    struct stat about;

    assert_int_not_equal(lstat(path, &about), 0);
    assert_int_equal(errno, ENOENT);
}

static size_t files_in(const char *folder)
{
    DIR *open = opendir(folder);
    size_t n = 0;

    assert_non_null(open);
    for (const struct dirent *e; (e = readdir(open)) != NULL;)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(open);
    return n;
}

/* Runs a function in a child that is not root; returns its exit code. */
static int as_nobody(int (*run)(const char *), const char *argument)
{
    int status = -1;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(99);
        _exit(run(argument));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ---- Updates ---- */

TEST(test_update)
{
    OWNED(context) context = make_context(NULL, 1);
    struct stat before, after;
    rnnp_records *none;
    OWNED(records) seen = NULL, *empty = make_set(context); /* no file is made to hold nothing: it would hide others */
    FOLDER(folder);
    const char *const path = in(folder, "records");
    update(context, path, 1, 8, "v=a");
    update(context, path, 2, 8, "later-word=x v=b"); /* another host, and a word that only a later version knows */
    assert_int_equal(chmod(path, 0640), 0);
    OWNED(records) set = one_record(context, 1, 16, "v=c");
    OK(rnnp_records_update(set, path, 1000));
    assert_int_equal(rnnp_records_count(set), 3); /* the set holds what the file held */
    OK(rnnp_records_open_file(context, path, &seen));
    assert_same_sets(set, seen);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(before.st_mode & 0777, 0640);
    assert_int_equal(files_in(folder), 1); /* neither lock nor temporary file stays */

    OK(rnnp_records_update(set, path, 1000)); /* nothing new: nothing is written */
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);

    OK(rnnp_records_update(empty, in(folder, "nothing"), 1000));
    assert_absent(in(folder, "nothing"));
    OK(rnnp_records_check(context, in(folder, "nothing"), 1000));
    OK(rnnp_records_check(context, path, 1000));
    assert_int_equal(files_in(folder), 1);

    assert_int_equal(rnnp_records_check(NULL, path, 0), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_check(context, NULL, 0), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_update(NULL, path, 0), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_open_file(NULL, path, &none), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_open_file(context, NULL, &none), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_open_file(context, path, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_edit(context, path, 0, NULL, NULL), RNNP_ERR_ARG);
}

TEST(test_links)
{
    OWNED(context) context = make_context(NULL, 1);
    struct stat about;
    rnnp_records *none;
    OWNED(records) set = NULL;
    FOLDER(folder);
    update(context, in(folder, "real"), 1, 8, "v=a");
    assert_int_equal(symlink("real", in(folder, "link")), 0);
    update(context, in(folder, "link"), 1, 9, "v=a");
    assert_int_equal(lstat(in(folder, "link"), &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    OK(rnnp_records_open_file(context, in(folder, "real"), &set));
    assert_int_equal(rnnp_records_count(set), 2);

    assert_int_equal(symlink("nothing", in(folder, "dangling")), 0);
    assert_int_equal(symlink("loop", in(folder, "loop")), 0);
    assert_int_equal(rnnp_records_update(set, in(folder, "dangling"), 0), RNNP_ERR_IO);
    REFUSED(context, rnnp_records_update(set, in(folder, "loop"), 0), RNNP_ERR_IO, "loop");
    assert_int_equal(lstat(in(folder, "loop"), &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    assert_int_equal(rnnp_records_open_file(context, in(folder, "loop"), &none), RNNP_ERR_IO);

    /* what lies at the names of temporary files is no way to other files */
    write_file(in(folder, "victim"), "precious", 8);
    assert_int_equal(symlink("victim", in(folder, ".real.0.tmp")), 0);
    update(context, in(folder, "real"), 1, 10, "v=a");
    DROPPED(free_text) text victim = read_file(in(folder, "victim"));
    assert_string_equal(victim.data, "precious");
}

static rnnp_status drop_all_then_fail(void *user, rnnp_records *set)
{

    OWNED_NEW(records, none, user);
    rnnp_records_swap(set, none);
    return RNNP_ERR_STATE;
}

TEST(test_edit)
{
    OWNED(context) context = make_context(NULL, 1);
    FOLDER(folder);
    const char *const path = in(folder, "records");
    update(context, path, 1, 8, "v=a");
    DROPPED(free_text) text before = read_file(path);
    assert_int_equal(rnnp_records_edit(context, path, 0, drop_all_then_fail, context), RNNP_ERR_STATE);
    DROPPED(free_text) text after = read_file(path);
    assert_string_equal(before.data, after.data);
}

/* ---- Bad files ---- */

TEST(test_bad_files)
{
    enum { HUGE_BYTES = RNNP_RECORDS_TEXT_BYTES + 1 };
    test_heap heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    OWNED(records) set = one_record(context, 1, 8, "v=a");
    rnnp_records *seen = set;
    DROPPED(free_text) text good = text_of(set);
    const struct {
        const char *data, *says;
        size_t bytes;
        rnnp_status status;
    } cases[] = {
        {"", "is empty", 0, RNNP_ERR_FORMAT},
        {"\x7f"
         "ELF\0\0\0",
         "does not begin with", 7, RNNP_ERR_FORMAT},
        {good.data, "cut off", good.bytes / 2, RNNP_ERR_FORMAT},
        {"rnnpack-records 2\n", "has format 2", 18, RNNP_ERR_UNSUPPORTED},
        {"rnnpack-records 1\nchecksum 0000000000000000\n", "damaged or edited by hand", 44, RNNP_ERR_FORMAT},
    };
    FOLDER(folder);
    const char *const path = in(folder, "records");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(path, cases[i].data, cases[i].bytes);
        REFUSED(context, rnnp_records_open_file(context, path, &seen), cases[i].status, cases[i].says);
        assert_null(seen);
        assert_says(context, path);
        REFUSED(context, rnnp_records_update(set, path, 0), cases[i].status, cases[i].says);
        REFUSED(context, rnnp_records_check(context, path, 0), cases[i].status, cases[i].says);
        DROPPED(free_text) text left = read_file(path); /* not overwritten: someone may still want it */
        assert_int_equal(left.bytes, cases[i].bytes);
        assert_memory_equal(left.data, cases[i].data, left.bytes);
        assert_int_equal(unlink(path), 0);
    }

    write_file(path, "", 0);
    assert_int_equal(truncate(path, HUGE_BYTES), 0);
    REFUSED(context, rnnp_records_open_file(context, path, &seen), RNNP_ERR_FORMAT, "67108865 bytes, more than");
    assert_true(atomic_load(&heap.peak_bytes) < 1 << 20); /* it was not even read */
    assert_int_equal(unlink(path), 0);

    assert_int_equal(mkdir(path, 0700), 0);
    REFUSED(context, rnnp_records_open_file(context, path, &seen), RNNP_ERR_IO, "is a folder");
    assert_int_equal(rnnp_records_update(set, path, 0), RNNP_ERR_IO);
    assert_int_equal(rmdir(path), 0);

    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(rnnp_records_open_file(context, path, &seen), RNNP_ERR_IO); /* and does not wait for a writer */
    assert_says(context, "is a pipe");
    assert_int_equal(rnnp_records_update(set, path, 0), RNNP_ERR_IO);
    assert_int_equal(unlink(path), 0);

    REFUSED(context, rnnp_records_open_file(context, "/dev/null", &seen), RNNP_ERR_IO, "not a regular file");
    REFUSED(context, rnnp_records_open_file(context, path, &seen), RNNP_ERR_IO, "there is no such file");
    REFUSED(context, rnnp_records_update(set, in(folder, "none/records"), 0), RNNP_ERR_IO, "cannot lock");
    assert_absent(in(folder, "none"));
    assert_int_equal(rnnp_records_count(set), 1);
}

static int read_is_refused(const char *path)
{
    rnnp_context *context = make_context(NULL, 1);
    rnnp_records *set;

    return rnnp_records_open_file(context, path, &set) == RNNP_ERR_IO && !set &&
           strstr(rnnp_last_error(context), "Permission denied");
}

static int update_is_refused_and_reading_works(const char *path)
{
    rnnp_context *context = make_context(NULL, 1);
    rnnp_records *set = one_record(context, 1, 99, "v=a"), *seen;

    return rnnp_records_update(set, path, 0) == RNNP_ERR_IO && rnnp_records_count(set) == 1 &&
           strstr(rnnp_last_error(context), "cannot lock") && rnnp_records_check(context, path, 0) == RNNP_ERR_IO &&
           rnnp_records_open_file(context, path, &seen) == RNNP_OK && rnnp_records_count(seen) == 1;
}

TEST(test_permissions)
{
    OWNED(context) context = make_context(NULL, 1);
    FOLDER(folder);
    assert_int_equal(mkdir(in(folder, "shut"), 0755), 0);
    const char *const path = in(folder, "shut/records");
    update(context, path, 1, 8, "v=a");
    assert_int_equal(chmod(in(folder, "shut"), 0555), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(as_nobody(update_is_refused_and_reading_works, path), 1);
    assert_int_equal(chmod(path, 0000), 0);
    assert_int_equal(as_nobody(read_is_refused, path), 1);
    assert_int_equal(chmod(in(folder, "shut"), 0755), 0);
}

/* ---- Full disk, locks ---- */

static int update_on_a_full_disk(const char *path)
{
    rnnp_context *context = make_context(NULL, 1);
    rnnp_records *set = one_record(context, 1, 99, "v=a");
    const struct rlimit limit = {300, 300};

    signal(SIGXFSZ, SIG_IGN);
    return setrlimit(RLIMIT_FSIZE, &limit) == 0 && rnnp_records_update(set, path, 0) == RNNP_ERR_IO &&
           rnnp_records_count(set) == 1 && strstr(rnnp_last_error(context), "cannot write") &&
           strstr(rnnp_last_error(context), "File too large");
}

TEST(test_full_disk)
{
    OWNED(context) context = make_context(NULL, 1);
    FOLDER(folder);
    assert_int_equal(chmod(folder, 0777), 0);
    const char *const path = in(folder, "records");
    update(context, path, 1, 8, "v=a");
    DROPPED(free_text) text before = read_file(path);
    assert_int_equal(as_nobody(update_on_a_full_disk, path), 1);
    DROPPED(free_text) text after = read_file(path);
    assert_string_equal(before.data, after.data);
    assert_int_equal(files_in(folder), 1);
}

TEST(test_lock)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = one_record(context, 1, 8, "v=a"), *seen = NULL;
    char byte;
    int ready[2], hold[2];
    FOLDER(folder);
    const char *const path = in(folder, "records"), *const lock = in(folder, ".records.lock");
    update(context, path, 1, 9, "v=a");
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(hold), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const int file = open(lock, O_RDONLY | O_CREAT, 0600);

        close(hold[1]);
        if (flock(file, LOCK_EX) != 0 || write(ready[1], "", 1) != 1) _exit(1);
        _exit((int)read(hold[0], &byte, 1)); /* waits, but not longer than the parent lives */
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    REFUSED(context, rnnp_records_update(set, path, 30), RNNP_ERR_IO, "another process has held the lock for 30 ms");
    OK(rnnp_records_open_file(context, path, &seen)); /* readers need no lock */
    assert_int_equal(rnnp_records_count(seen), 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    OK(rnnp_records_update(set, path, 1000)); /* a lock does not outlive its process */
    assert_int_equal(rnnp_records_count(set), 2);
    close(ready[0]);
    close(ready[1]);
    close(hold[0]);
    close(hold[1]);
}

/* ---- Places ---- */

static void set_places(const char *records, const char *cache, const char *home)
{
    const char *const names[] = {"RNNPACK_RECORDS", "XDG_CACHE_HOME", "HOME"}, *const values[] = {records, cache, home};

    for (size_t i = 0; i < 3; i++) assert_int_equal(values[i] ? setenv(names[i], values[i], 1) : unsetenv(names[i]), 0);
}

/* Expects the record with this number as hidden size, 0 for an empty set. */
static void opens(const rnnp_context *context, const char *root, const char *path, uint64_t hidden)
{
    char file[RNNP_RECORDS_PATH];
    const rnnp_record *record = NULL;
    OWNED(records) set = NULL;

    OK(rnnp_records_open_under(context, root, path, file, &set));
    assert_int_equal(rnnp_records_get(set, 0, NULL, &record), hidden ? RNNP_OK : RNNP_ERR_ARG);
    assert_int_equal(file[0] == '\0', hidden == 0);
    if (hidden) assert_int_equal(record->key.hidden, hidden);
}

TEST(test_places)
{
    OWNED(context) context = make_context(NULL, 1);
    static const char *const folders[] = {"home", "home/.cache", "home/.cache/rnnpack", "xdg", "xdg/rnnpack",
                                          "var",  "var/cache",   "var/cache/rnnpack",   "etc", "etc/rnnpack"};
    char home[128], cache[128], named[128], file[RNNP_RECORDS_PATH];
    rnnp_records *set;
    FOLDER(root);
    snprintf(home, sizeof home, "%s/home", root);
    snprintf(cache, sizeof cache, "%s/xdg", root);
    snprintf(named, sizeof named, "%s/named", root);
    set_places(NULL, NULL, NULL);
    opens(context, root, NULL, 0); /* nothing anywhere */
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        assert_int_equal(mkdir(in(root, folders[i]), 0700), 0);
    update(context, in(root, "etc/rnnpack/records"), 1, 5, "");
    opens(context, root, NULL, 5);
    update(context, in(root, "var/cache/rnnpack/records"), 1, 4, "");
    opens(context, root, NULL, 4);
    set_places(NULL, cache, home);
    opens(context, root, NULL, 4); /* a cache without a file is passed over */
    update(context, in(root, "home/.cache/rnnpack/records"), 1, 3, "");
    opens(context, root, NULL, 4); /* XDG_CACHE_HOME stands for ~/.cache */
    set_places("", "relative", home);
    opens(context, root, NULL, 3); /* a relative one does not, and "" is not set */
    set_places(named, NULL, home);
    opens(context, root, NULL, 3); /* a variable that names nothing is passed over */
    update(context, named, 1, 2, "");
    opens(context, root, NULL, 2);
    update(context, in(root, "given"), 1, 1, "");
    opens(context, root, in(root, "given"), 1);
    assert_string_equal(rnnp_last_error(context), ""); /* what is missing on the way is no error */
    assert_int_equal(rnnp_records_open_under(context, root, in(root, "none"), file, &set), RNNP_ERR_IO);
    assert_null(set);
    assert_says(context, "none: there is no such file");

    /* a damaged file is an error, not a reason to go on */
    write_file(named, "garbage", 7);
    assert_int_equal(rnnp_records_open_under(context, root, NULL, NULL, &set), RNNP_ERR_FORMAT);
    assert_null(set);
    assert_says(context, named);
    assert_int_equal(rnnp_records_open_default(NULL, NULL, NULL, &set), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_open_default(context, NULL, NULL, NULL), RNNP_ERR_ARG);
    OWNED(records) given = NULL;
    OK(rnnp_records_open_default(context, in(root, "given"), NULL, &given));
}

/* ---- Trust ---- */

typedef struct heard {
    char last[256];
    size_t n;
} heard;

static void hear(void *user, rnnp_log_level level, const char *message)
{
    heard *const h = user;

    (void)level;
    snprintf(h->last, sizeof h->last, "%s", message);
    h->n++;
}

/* A file is used from a place, or passed over with this reason. */
static void trusts(const char *root, const char *file, const char *reason)
{
    heard h = {.n = 0};
    OPTIONS(context, options);
    rnnp_records_place place;
    size_t i = 0;

    options.log = hear;
    options.log_user = &h;
    OWNED_NEW(context, context, &options);
    opens(context, root, NULL, reason ? 0 : 7);
    assert_int_equal(h.n, reason != NULL);
    while (rnnp_records_place_under(root, NULL, i, &place) && strcmp(place.file, file) != 0) i++;
    assert_string_equal(place.file, file);
    assert_int_equal(place.used, reason == NULL);
    assert_int_equal(place.reason[0] != '\0', reason != NULL);
    if (reason) {
        assert_non_null(strstr(place.reason, reason));
        assert_non_null(strstr(h.last, reason));
        assert_non_null(strstr(h.last, file));
    }
}

TEST(test_trust)
{
    enum { NOBODY = 65534 };
    OWNED(context) context = make_context(NULL, 1);
    static const char *const folders[] = {"var",  "var/cache",   "var/cache/rnnpack",
                                          "home", "home/.cache", "home/.cache/rnnpack"};
    char home[128], places[2][256];
    FOLDER(root);
    snprintf(home, sizeof home, "%s/home", root);
    set_places(NULL, NULL, home);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        assert_int_equal(mkdir(in(root, folders[i]), 0700), 0);
    for (size_t i = 0; i < 2; i++) {
        char *const file = places[i], folder[128];

        snprintf(folder, sizeof folder, "%s/%s", root, i ? "home/.cache/rnnpack" : "var/cache/rnnpack");
        snprintf(file, sizeof places[i], "%s/records", folder);
        update(context, file, 1, 7, "");
        trusts(root, file, NULL);
        assert_int_equal(chmod(file, 0646), 0);
        trusts(root, file, "everybody may write to it (mode 0646)");
        assert_int_equal(chmod(file, 0644), 0);
        assert_int_equal(chmod(folder, 0777), 0);
        trusts(root, file, "everybody may write to its folder");
        assert_int_equal(chmod(folder, 01777), 0); /* others cannot replace it there */
        trusts(root, file, NULL);
        assert_int_equal(chmod(folder, 0755), 0);
        assert_int_equal(chmod(file, 0664), 0);
        trusts(root, file, getegid() == 0 ? NULL : "may write to it (mode 0664)");
        if (geteuid() == 0) {
            assert_int_equal(chown(file, 0, NOBODY), 0);
            trusts(root, file, "group 65534 may write to it");
            assert_int_equal(chown(file, NOBODY, 0), 0);
            trusts(root, file, "user 65534, who is neither this user nor root, owns it");
            assert_int_equal(chown(file, 0, 0), 0);
            assert_int_equal(chown(folder, NOBODY, 0), 0);
            trusts(root, file, "user 65534, who is neither this user nor root, owns its folder");
        } else {
            printf("not root: files of other users are not tested\n");
        }
        assert_int_equal(chmod(file, 0666), 0);
        opens(context, root, file, 7); /* who names a file vouches for it */
        set_places(file, NULL, home);
        opens(context, root, NULL, 7);
        set_places(NULL, NULL, home);
        assert_int_equal(unlink(file), 0);
    }
}

/* A new file grants others no writing, whatever the umask. */
TEST(test_new_mode)
{
    OWNED(context) context = make_context(NULL, 1);
    const mode_t before = umask(002);
    struct stat about;
    FOLDER(folder);
    update(context, in(folder, "records"), 1, 8, "");
    assert_int_equal(stat(in(folder, "records"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0644);
    umask(077);
    update(context, in(folder, "private"), 1, 8, "");
    assert_int_equal(stat(in(folder, "private"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    umask(before);
}

TEST(test_own_file)
{
    OWNED(context) context = make_context(NULL, 1);
    char home[128], want[256], file[RNNP_RECORDS_PATH];
    FREED char *longest = malloc(2 * RNNP_RECORDS_PATH);
    OWNED(records) set = make_set(context);
    rnnp_records *none;
    struct stat about;

    assert_non_null(longest);
    FOLDER(root);
    snprintf(home, sizeof home, "%s/a/home", root);
    set_places(NULL, NULL, NULL);
    REFUSED(context, rnnp_records_own_file(context, NULL, 1, file), RNNP_ERR_STATE, "RNNPACK_RECORDS");
    set_places(NULL, NULL, home);
    snprintf(want, sizeof want, "%s/.cache/rnnpack/records", home);
    OK(rnnp_records_own_file(context, NULL, 0, file));
    assert_string_equal(file, want);
    assert_absent(in(root, "a")); /* nothing is made unless asked */
    OK(rnnp_records_own_file(context, NULL, 1, file));
    assert_int_equal(stat(in(root, "a/home/.cache/rnnpack"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0700);
    assert_absent(file);
    OK(rnnp_records_own_file(context, NULL, 1, file)); /* and again */
    update(context, file, 1, 8, "");

    set_places(in(root, "none/records"), NULL, home);
    OK(rnnp_records_own_file(context, NULL, 1, file));
    assert_absent(in(root, "none"));
    OK(rnnp_records_own_file(context, "x", 1, file));
    assert_string_equal(file, "x");
    set_places(NULL, in(root, "a/home/.cache/rnnpack/records"), NULL); /* a file where a folder should be */
    REFUSED(context, rnnp_records_own_file(context, NULL, 1, file), RNNP_ERR_IO, "cannot make the folder");

    memset(longest, 'x', 2 * RNNP_RECORDS_PATH);
    longest[2 * RNNP_RECORDS_PATH - 1] = '\0';
    REFUSED(context, rnnp_records_own_file(context, longest, 0, file), RNNP_ERR_ARG, "8191 characters");
    assert_int_equal(rnnp_records_open_default(context, longest, NULL, &none), RNNP_ERR_ARG);
    assert_null(none);
    assert_int_equal(rnnp_records_update(set, longest, 0), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_own_file(NULL, NULL, 0, file), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_own_file(context, NULL, 0, NULL), RNNP_ERR_ARG);
}
