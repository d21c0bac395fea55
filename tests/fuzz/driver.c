/* SPDX-License-Identifier: Apache-2.0
 *
 * FUZZ_TARGET PATH...: main() of a target without libFuzzer. Runs it on every file, and on those in folders; the first
 * input that fails ends the process, and its name was printed before.
 */
#define _DEFAULT_SOURCE /* dirent */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room)
{
    (void)data;
    (void)room;
    return size;
}

/* stdio may be silent: targets do that to the program's. */
static void say(const char *text)
{
    if (write(STDOUT_FILENO, text, strlen(text)) < 0) _exit(2);
}

static size_t run_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(size); /* no byte more, so that a sanitizer sees the next */

    fuzz_check(file && (bytes || size == 0));
    fuzz_check(fread(bytes, 1, size, file) == size);
    fclose(file);
    say(path);
    say("\n");
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 1;
}

static size_t run_path(const char *path)
{
    struct stat about;
    size_t n = 0;

    if (stat(path, &about) != 0) return 0;
    if (!S_ISDIR(about.st_mode)) return run_file(path, (size_t)about.st_size);
    DIR *folder = opendir(path);
    fuzz_check(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char inner[4096];

        if (entry->d_name[0] != '.') {
            snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
            n += run_path(inner);
        }
    }
    closedir(folder);
    return n;
}

int main(int argc, char **argv)
{
    char text[64];
    size_t n = 0;

    for (int i = 1; i < argc; i++) n += run_path(argv[i]);
    snprintf(text, sizeof text, "%zu inputs\n", n);
    say(text);
    return n == 0; /* a wrong path must not look like success */
}
