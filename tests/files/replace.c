/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are replaced as a whole: who can read them meanwhile, and what a process that is killed leaves behind.
 */
#define _DEFAULT_SOURCE /* flock */
#include "src/file.h"
#include "tests/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[64];
static rnnp_context *context;

static const char *in(const char *name)
{
    static char paths[4][128];
    static size_t turn;
    char *const path = paths[turn++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/rnnpack-files-XXXXXX");
    return mkdtemp(folder) && rnnp_context_create(NULL, &context) == RNNP_OK ? 0 : -1;
}

static int end(void **state)
{
    char command[128];

    (void)state;
    rnnp_context_destroy(context);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void put(const char *name, const char *text, mode_t mode)
{
    const int fd = open(in(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void assert_holds(const char *name, const char *text, mode_t mode)
{
    char got[64] = "";
    struct stat about;
    const int fd = open(in(name), O_RDONLY);

    assert_true(fd >= 0);
    assert_true(read(fd, got, sizeof got - 1) >= 0);
    assert_string_equal(got, text);
    assert_int_equal(fstat(fd, &about), 0);
    assert_int_equal(about.st_mode & 0777, mode);
    close(fd);
}

/* Files of the folder, and how many of them somebody else than the owner can open. */
static size_t count_files(size_t *open_to_others)
{
    DIR *open = opendir(folder);
    size_t n = 0;

    assert_non_null(open);
    *open_to_others = 0;
    for (const struct dirent *e; (e = readdir(open)) != NULL;) {
        struct stat about;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (fstatat(dirfd(open), e->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0)
            continue; /* another process's, gone meanwhile */
        n++;
        *open_to_others += (about.st_mode & 0077) != 0;
    }
    closedir(open);
    return n;
}

static void assert_files(size_t expected)
{
    size_t others;

    assert_int_equal(count_files(&others), expected);
}

typedef struct filling {
    const char *text;
    size_t files;  /* seen in the folder while it is filled */
    size_t others; /* of these, those that others can open */
    int fails;
} filling;

static rnnp_status fill(void *user, rnnp_write_fn write, void *to)
{
    filling *f = user;
    const size_t half = strlen(f->text) / 2;

    if (write(to, f->text, half) != 0) return RNNP_ERR_IO;
    f->files = count_files(&f->others);
    if (f->fails) return rnnp_fail(context, RNNP_ERR_STATE, "no more");
    return write(to, f->text + half, strlen(f->text) - half) == 0 ? RNNP_OK : RNNP_ERR_IO;
}

static rnnp_status replace(const char *name, const char *text)
{
    filling f = {.text = text};

    return rnnp_file_replace(context, in(name), fill, &f);
}

TEST_BETWEEN(private_until_it_is_whole, begin, end)
{
    const mode_t before = umask(022);
    filling f = {.text = "first"};

    OK(rnnp_file_replace(context, in("new"), fill, &f));
    assert_int_equal(f.files, 1);
    assert_int_equal(f.others, 0);
    assert_holds("new", "first", 0644);
    umask(027);
    OK(replace("newer", "x"));
    assert_holds("newer", "x", 0640);
    umask(0);
    OK(rnnp_file_write(context, in("newest"), 0644, fill, &f));
    assert_holds("newest", "first", 0644);
    assert_int_equal(unlink(in("new")) + unlink(in("newer")) + unlink(in("newest")), 0);

    put("private", "old", 0600);
    f = (filling){.text = "new words"};
    OK(rnnp_file_replace(context, in("private"), fill, &f));
    assert_int_equal(f.files, 2);
    assert_int_equal(f.others, 0);
    assert_holds("private", "new words", 0600);
    put("private", "old", 0664);
    OK(replace("private", "newer"));
    assert_holds("private", "newer", 0664);

    f = (filling){.text = "words", .fails = 1};
    assert_int_equal(rnnp_file_replace(context, in("private"), fill, &f), RNNP_ERR_STATE);
    assert_holds("private", "newer", 0664);
    assert_files(1);
    OK(rnnp_file_check(context, in("private")));
    OK(rnnp_file_check(context, in("other")));
    assert_int_equal(rnnp_file_check(context, in("none/other")), RNNP_ERR_IO);
    assert_int_equal(rnnp_file_check(context, folder), RNNP_ERR_IO);
    assert_int_equal(rnnp_file_check(context, "/dev/null"), RNNP_ERR_IO);
    assert_files(1);
    umask(before);
}

TEST_BETWEEN(links_are_followed, begin, end)
{
    struct stat about;

    put("real", "old", 0600);
    assert_int_equal(symlink("real", in("link")), 0);
    OK(replace("link", "new"));
    assert_holds("real", "new", 0600);
    assert_int_equal(lstat(in("link"), &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    assert_int_equal(symlink("nothing", in("dangling")), 0);
    assert_int_equal(replace("dangling", "new"), RNNP_ERR_IO);

    put("victim", "precious", 0600); /* what lies at the temporary name is never written to */
    assert_int_equal(symlink("victim", in(".real.0.tmp")), 0);
    assert_int_equal(link(in("victim"), in(".real.1.tmp")), 0);
    assert_int_equal(mkfifo(in(".real.2.tmp"), 0600), 0);
    OK(replace("real", "newer"));
    assert_holds("real", "newer", 0600);
    assert_holds("victim", "precious", 0600);
}

static rnnp_status tell_and_wait(void *user, rnnp_write_fn write_to, void *to)
{
    if (write_to(to, "half", 4) != 0 || write(*(int *)user, "", 1) != 1) return RNNP_ERR_IO;
    pause();
    return RNNP_ERR_STATE;
}

/* Killed while it writes, again and again: as in a container, where every process has the same number. */
TEST_BETWEEN(leftovers_are_removed, begin, end)
{
    enum { KILLS = 120, PLANTED = 100 };
    char name[32];

    for (int i = 0; i < KILLS; i++) {
        int told[2];
        char byte;

        assert_int_equal(pipe(told), 0);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) _exit(rnnp_file_replace(context, in("model"), tell_and_wait, &told[1]));
        assert_int_equal(read(told[0], &byte, 1), 1);
        if (i % 10 == 0) { /* a writer that lives is left alone */
            OK(replace("model", "meanwhile"));
            assert_int_equal(access(in(".model.0.tmp"), F_OK), 0);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        close(told[0]);
        close(told[1]);
        assert_int_equal(access(in(".model.0.tmp"), F_OK), 0);
    }
    OK(replace("model", "whole"));
    assert_holds("model", "whole", 0666 & ~022);
    assert_files(1);

    for (int i = 0; i < PLANTED; i++) { /* every name is taken, with all kinds of modes */
        snprintf(name, sizeof name, ".model.%d.tmp", i);
        put(name, "left", i % 2 ? 0666 : 0400);
    }
    OK(replace("model", "again"));
    assert_holds("model", "again", 0666 & ~022);
    assert_files(1);
}

/* When they cannot be removed the sentence says so. */
TEST_BETWEEN(all_names_taken, begin, end)
{
    enum { NAMES = 100 };
    char name[32];

    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, ".model.%d.tmp", i);
        assert_int_equal(mkdir(in(name), 0700), 0);
    }
    assert_int_equal(replace("model", "x"), RNNP_ERR_IO);
    assert_non_null(strstr(rnnp_last_error(context), "100 temporary files are in the way, up to .model.99.tmp"));
}

/* Many at once on one path: every one gets through, and the file is always whole. */
TEST_BETWEEN(writers_at_once, begin, end)
{
    enum { WRITERS = 8, ROUNDS = 100 };
    pid_t child[WRITERS];

    OK(replace("model", "0000000000"));
    for (int w = 0; w < WRITERS; w++) {
        child[w] = fork();
        assert_true(child[w] >= 0);
        if (child[w] == 0) {
            char text[11];

            memset(text, '0' + w, 10);
            text[10] = '\0';
            for (int i = 0; i < ROUNDS; i++) {
                char got[16] = "";
                const int fd = open(in("model"), O_RDONLY);

                if (fd < 0 || read(fd, got, sizeof got) != 10 || strspn(got, (char[]){got[0], 0}) != 10 ||
                    replace("model", text) != RNNP_OK)
                    _exit(1);
                close(fd);
            }
            _exit(0);
        }
    }
    for (int w = 0; w < WRITERS; w++) {
        int status = -1;

        assert_int_equal(waitpid(child[w], &status, 0), child[w]);
        assert_int_equal(status, 0);
    }
    assert_files(1);
}

int tests_begin(char **arguments)
{
    (void)arguments;
    umask(022);
    return 0;
}
