/* SPDX-License-Identifier: Apache-2.0
 *
 * The only process of the emulated machine besides the program under test: says what the CPU offers,
 * runs /program with the arguments in /arguments (NUL-separated), prints its exit status and stops the
 * emulator. script/emulate-avx512 reads what lies between the "emulate:" lines.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { ARGUMENT_BYTES = 4096, ARGUMENTS = 256, CANNOT_RUN = 126, NO_AVX512 = 125 };

/* Bochs ends when this word arrives at its shutdown port. */
static void stop(void)
{
    if (ioperm(0x0, 0x400, 1) == 0 && iopl(3) == 0)
        for (const char *c = "Shutdown"; *c; c++) outb((unsigned char)*c, 0x8900);
    for (;;) pause();
}

static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* 1 if AVX-512 F, BW, DQ and VL may be used: CPUID has them and the kernel saves the registers. */
static int report_cpu(void)
{
    static const struct {
        unsigned bit;
        const char *name;
    } features[] = {
        {5, "avx2"}, {16, "avx512f"}, {17, "avx512dq"}, {30, "avx512bw"}, {31, "avx512vl"},
    };
    uint32_t a = 0, b = 0, c = 0, d = 0;
    const uint64_t zmm_state = 0xe6; /* SSE, AVX, mask registers, both halves of ZMM */
    __get_cpuid(1, &a, &b, &c, &d);
    const uint64_t xcr0 = c & bit_OSXSAVE ? read_xcr0() : 0;
    int usable = (xcr0 & zmm_state) == zmm_state;
    printf("emulate: cpu xcr0=0x%llx", (unsigned long long)xcr0);
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) b = c = 0;
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        const int has = (int)(b >> features[i].bit & 1);
        printf(" %s=%d", features[i].name, has);
        usable &= has;
    }
    printf(" avx512vnni=%d\n", (int)(c >> 11 & 1));
    return usable;
}

static void run_program(void)
{
    static char text[ARGUMENT_BYTES + 1];
    static char *arguments[ARGUMENTS + 1];
    const int file = open("/arguments", O_RDONLY);
    const ssize_t size = file < 0 ? 0 : read(file, text, ARGUMENT_BYTES);
    int count = 0;
    for (ssize_t at = 0; at < size && count < ARGUMENTS; at += (ssize_t)strlen(text + at) + 1)
        arguments[count++] = text + at;
    execv("/program", arguments);
    perror("/program");
    _exit(CANNOT_RUN);
}

int main(void)
{
    int status = 0, result = NO_AVX512;
    mount("proc", "/proc", "proc", 0, NULL);
    if (report_cpu()) {
        printf("emulate: begin\n");
        fflush(stdout);
        const pid_t child = fork();
        if (child == 0) run_program();
        result = CANNOT_RUN;
        if (child > 0 && waitpid(child, &status, 0) == child)
            result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    printf("\nemulate: exit %d\n", result);
    fflush(stdout);
    tcdrain(STDOUT_FILENO);
    stop();
}
