/* SPDX-License-Identifier: Apache-2.0
 *
 * Caches, cores and the CPU budget of this process. Nothing here fails: what cannot be read keeps CPUID's value, or
 * 0 for unknown.
 */
#define _GNU_SOURCE
#include "dispatch.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef RNNP_WITH_HWLOC
#include <hwloc.h>
#endif

enum { TEXT_BYTES = 4096 };

/* Reads a small text file whole, without its last newline. Returns 1, or 0 with text "" if there is none. */
static int read_text(char text[TEXT_BYTES], const char *format, ...) __attribute__((format(__printf__, 2, 3)));

static int read_text(char text[TEXT_BYTES], const char *format, ...)
{
    char path[TEXT_BYTES];
    va_list args;
    ssize_t length = -1;

    va_start(args, format);
    const int chars = vsnprintf(path, sizeof path, format, args);
    va_end(args);
    if (chars > 0 && (size_t)chars < sizeof path) {
        const int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            length = read(file, text, TEXT_BYTES - 1);
            close(file);
        }
    }
    if (length > 0 && text[length - 1] == '\n') length--;
    text[length > 0 ? length : 0] = '\0';
    return length > 0;
}

/* CPUs in a list such as "0-3,8". */
static size_t count_cpus(const char *list)
{
    size_t count = 0;

    while (*list) {
        char *end;
        const unsigned long first = strtoul(list, &end, 10);
        const unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;

        if (end == list || last < first) return 0;
        count += last - first + 1;
        list = *end == ',' ? end + 1 : end;
    }
    return count;
}

/* Whole CPUs that a quota allows; 0 for no limit (a negative or "max" quota). */
static size_t quota_cpus(long long quota, long long period)
{
    return quota > 0 && period > 0 ? (size_t)((quota - 1) / period + 1) : 0;
}

static size_t smaller_limit(size_t a, size_t b) { return a == 0 || (b != 0 && b < a) ? b : a; }

/* The tightest limit of the group `path` and those above it. In a container the path may be the host's name for
 * what is mounted at the root of the hierarchy, so levels that do not exist are skipped. */
static size_t cgroup_limit(const char *root, const char *mount, char *path)
{
    char text[TEXT_BYTES];
    size_t limit = 0;

    for (;;) {
        long long quota = 0, period = 0;

        if (read_text(text, "%s/sys/fs/cgroup/%s%s/cpu.max", root, mount, path)) {
            if (sscanf(text, "%lld %lld", &quota, &period) != 2) quota = 0;
        } else if (read_text(text, "%s/sys/fs/cgroup/%s%s/cpu.cfs_quota_us", root, mount, path)) {
            quota = strtoll(text, NULL, 10);
            if (read_text(text, "%s/sys/fs/cgroup/%s%s/cpu.cfs_period_us", root, mount, path))
                period = strtoll(text, NULL, 10);
        }
        limit = smaller_limit(limit, quota_cpus(quota, period));
        char *slash = strrchr(path, '/');
        if (!slash) return limit;
        *slash = '\0';
    }
}

/* 1 if "cpu" is one of the comma-separated names. */
static int names_cpu(const char *names)
{
    for (; names; names = strchr(names, ',')) {
        names += *names == ',';
        if (strncmp(names, "cpu", 3) == 0 && (names[3] == ',' || names[3] == '\0')) return 1;
    }
    return 0;
}

/* Lines of /proc/self/cgroup are "id:controllers:path": v2 has no controllers and is mounted at the root of
 * /sys/fs/cgroup, v1 is mounted under the controllers' names. */
size_t rnnp_cgroup_cpus(const char *root)
{
    char text[TEXT_BYTES];
    size_t limit = 0;
    char *save = NULL;

    read_text(text, "%s/proc/self/cgroup", root);
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *names = strchr(line, ':');
        char *path = names ? strchr(names + 1, ':') : NULL;

        if (!path) continue;
        *names++ = '\0';
        *path++ = '\0';
        if (*names == '\0' || names_cpu(names)) limit = smaller_limit(limit, cgroup_limit(root, names, path));
    }
    return limit;
}

static void set_cache(rnnp_cpu *cpu, int level, size_t bytes, size_t line, size_t sharers)
{
    if (bytes == 0) return;
    if (line != 0) cpu->line_bytes = line;
    if (level == 1) {
        cpu->l1d_bytes = bytes;
    } else if (level == 2) {
        cpu->l2_bytes = bytes;
        cpu->l2_sharers = sharers;
    } else if (level == 3) {
        cpu->l3_bytes = bytes;
        cpu->l3_sharers = sharers;
    }
}

/* Caches of the CPU numbered `index`. */
static void caches_from_sysfs(const char *root, size_t index, rnnp_cpu *cpu)
{
    char text[TEXT_BYTES];

    for (int i = 0; i < 16; i++) {
        char base[TEXT_BYTES / 2];

        snprintf(base, sizeof base, "%s/sys/devices/system/cpu/cpu%zu/cache/index%d", root, index, i);
        if (!read_text(text, "%s/type", base)) return;
        if (strcmp(text, "Instruction") == 0) continue;
        read_text(text, "%s/level", base);
        const int level = (int)strtol(text, NULL, 10);
        read_text(text, "%s/size", base); /* "512K" */
        char *unit;
        size_t bytes = strtoul(text, &unit, 10);
        bytes <<= *unit == 'K' ? 10 : *unit == 'M' ? 20 : 0;
        read_text(text, "%s/coherency_line_size", base);
        const size_t line = strtoul(text, NULL, 10);
        read_text(text, "%s/shared_cpu_list", base);
        set_cache(cpu, level, bytes, line, count_cpus(text));
    }
}

void rnnp_topology_from_sysfs(const char *root, size_t first, rnnp_cpu *cpu, rnnp_topology *topology)
{
    char text[TEXT_BYTES];
    size_t cores = 0;

    read_text(text, "%s/sys/devices/system/cpu/present", root);
    const size_t cpus = count_cpus(text);
    /* A core is counted at the first of its hardware threads. */
    for (size_t i = 0; i < cpus; i++) {
        if (read_text(text, "%s/sys/devices/system/cpu/cpu%zu/topology/thread_siblings_list", root, i))
            cores += strtoul(text, NULL, 10) == i;
    }
    caches_from_sysfs(root, first, cpu);
    topology->cpus = cpus;
    topology->cores = cores;
    topology->source = cpus ? "sysfs" : "none";
}

#ifdef RNNP_WITH_HWLOC
/* Returns 0 if hwloc could not look. */
static int from_hwloc(size_t first, rnnp_cpu *cpu, rnnp_topology *topology)
{
    hwloc_topology_t machine;
    unsigned long flags = HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED;

#if HWLOC_API_VERSION >= 0x00020500
    flags |= HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING; /* otherwise it may move the calling thread */
#endif
#ifdef __linux__ /* where /sys is missing, as in a bare chroot, hwloc would say so on stderr, and find nothing */
    if (access("/sys/devices/system/cpu/cpu0/topology", F_OK) != 0) return 0;
#endif
    if (hwloc_topology_init(&machine) != 0) return 0;
    if (hwloc_topology_set_flags(machine, flags) != 0 || hwloc_topology_load(machine) != 0) {
        hwloc_topology_destroy(machine);
        return 0;
    }

    const int cores = hwloc_get_nbobjs_by_type(machine, HWLOC_OBJ_CORE);
    const int cpus = hwloc_get_nbobjs_by_type(machine, HWLOC_OBJ_PU);

    topology->cores = cores > 0 ? (size_t)cores : 0;
    topology->cpus = cpus > 0 ? (size_t)cpus : 0;
    topology->source = "hwloc";
    for (hwloc_obj_t o = hwloc_get_pu_obj_by_os_index(machine, (unsigned)first); o; o = o->parent) {
        if (hwloc_obj_type_is_dcache(o->type))
            set_cache(cpu, (int)o->attr->cache.depth, (size_t)o->attr->cache.size, o->attr->cache.linesize,
                      (size_t)hwloc_bitmap_weight(o->cpuset));
    }
    hwloc_topology_destroy(machine);
    return 1;
}
#else
static int from_hwloc(size_t first, rnnp_cpu *cpu, rnnp_topology *topology)
{
    (void)first;
    (void)cpu;
    (void)topology;
    return 0;
}
#endif

/* CPUs that the process may run on (the kernel keeps this within the cpuset), and the first of them. */
#ifdef __linux__
static size_t allowed_cpus(size_t *first)
{
    cpu_set_t set[8]; /* 8192 CPUs, Linux's own limit */
    size_t count = 0;

    *first = 0;
    if (sched_getaffinity(0, sizeof set, set) == 0) {
        count = (size_t)CPU_COUNT_S(sizeof set, set);
        while (count != 0 && !CPU_ISSET_S(*first, sizeof set, set)) ++*first;
    }
    return count;
}
#else
static size_t allowed_cpus(size_t *first)
{
    const long online = sysconf(_SC_NPROCESSORS_ONLN);

    *first = 0;
    return online > 0 ? (size_t)online : 0;
}
#endif

size_t rnnp_cpu_budget(size_t cpus)
{
    size_t first;
    const size_t budget = smaller_limit(smaller_limit(allowed_cpus(&first), rnnp_cgroup_cpus("")), cpus);

    return budget ? budget : 1;
}

void rnnp_topology_read(rnnp_cpu *cpu, rnnp_topology *topology)
{
    size_t first;

    memset(topology, 0, sizeof *topology);
    allowed_cpus(&first);
    if (!from_hwloc(first, cpu, topology)) rnnp_topology_from_sysfs("", first, cpu, topology);
    topology->budget = rnnp_cpu_budget(topology->cpus);
}
