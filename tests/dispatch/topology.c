/* SPDX-License-Identifier: Apache-2.0
 *
 * Topology from made-up /proc and /sys trees in a temporary folder, and from this machine.
 */
#define _GNU_SOURCE
#include "dispatch/dispatch.h"
#include "tests/scratch.h"

#include <sched.h>
#include <sys/stat.h>

enum { PATH_CHARS = 512 };

static char root[] = "/tmp/rnnpack-topology-XXXXXX";

static void clear(void)
{
    remove_tree(root);
    assert_int_equal(mkdir(root, 0700), 0);
}

/* Writes a file below the root, making its folders. */
static void put(const char *path, const char *text)
{
    char full[PATH_CHARS];

    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

TEST(no_files_no_limit)
{
    clear();
    assert_int_equal(rnnp_cgroup_cpus(root), 0);
}

TEST(quota_v2)
{
    clear();
    put("/proc/self/cgroup", "0::/app/worker\n");
    put("/sys/fs/cgroup/app/worker/cpu.max", "max 100000\n");
    assert_int_equal(rnnp_cgroup_cpus(root), 0);

    put("/sys/fs/cgroup/app/worker/cpu.max", "250000 100000\n");
    assert_int_equal(rnnp_cgroup_cpus(root), 3); /* 2.5 CPUs, rounded up */

    put("/sys/fs/cgroup/app/cpu.max", "200000 100000\n"); /* the parent is tighter */
    assert_int_equal(rnnp_cgroup_cpus(root), 2);

    put("/sys/fs/cgroup/app/worker/cpu.max", "1000 100000\n");
    assert_int_equal(rnnp_cgroup_cpus(root), 1);
}

TEST(quota_v2_inside_a_container)
{
    clear();
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/cpu.max", "400000 100000\n");
    assert_int_equal(rnnp_cgroup_cpus(root), 4);

    /* The host's name of the group, which does not exist in here. */
    put("/proc/self/cgroup", "0::/docker/0123456789abcdef\n");
    assert_int_equal(rnnp_cgroup_cpus(root), 4);
}

TEST(quota_v1)
{
    clear();
    put("/proc/self/cgroup", "5:cpuset:/\n4:cpu,cpuacct:/job\n1:name=systemd:/job\n0::/\n");
    put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpuset/cpu.cfs_quota_us", "1\n"); /* not a cpu controller */
    put("/sys/fs/cgroup/cpuset/cpu.cfs_period_us", "1\n");
    assert_int_equal(rnnp_cgroup_cpus(root), 0);

    put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "150000\n");
    assert_int_equal(rnnp_cgroup_cpus(root), 2);
}

TEST(damaged_files_mean_no_limit)
{
    clear();
    put("/proc/self/cgroup", "nonsense\n0:\n::\n0::/\n");
    put("/sys/fs/cgroup/cpu.max", "100000\n");
    assert_int_equal(rnnp_cgroup_cpus(root), 0);
    put("/sys/fs/cgroup/cpu.max", "100000 0\n");
    assert_int_equal(rnnp_cgroup_cpus(root), 0);
    put("/sys/fs/cgroup/cpu.max", "");
    assert_int_equal(rnnp_cgroup_cpus(root), 0);
}

static void put_cache(int index, const char *level, const char *type, const char *size, const char *shared)
{
    const char *const names[] = {"level", "type", "size", "shared_cpu_list", "coherency_line_size"};
    const char *const texts[] = {level, type, size, shared, "64\n"};
    char path[PATH_CHARS];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu1/cache/index%d/%s", index, names[i]);
        put(path, texts[i]);
    }
}

TEST(sysfs)
{
    rnnp_cpu cpu = {.l1d_bytes = 1, .l3_bytes = 77};
    rnnp_topology topology = {0};

    clear();
    put("/sys/devices/system/cpu/present", "0-3\n");
    put("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,2\n");
    put("/sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1,3\n");
    put("/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "0,2\n");
    put("/sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "1,3\n");
    put_cache(0, "1\n", "Data\n", "48K\n", "1,3\n");
    put_cache(1, "1\n", "Instruction\n", "32K\n", "1,3\n");
    put_cache(2, "2\n", "Unified\n", "2M\n", "0-3\n");
    rnnp_topology_from_sysfs(root, 1, &cpu, &topology);

    assert_string_equal(topology.source, "sysfs");
    assert_int_equal(topology.cpus, 4);
    assert_int_equal(topology.cores, 2);
    assert_int_equal(cpu.l1d_bytes, 48 * 1024);
    assert_int_equal(cpu.line_bytes, 64);
    assert_int_equal(cpu.l2_bytes, 2 * 1024 * 1024);
    assert_int_equal(cpu.l2_sharers, 4);
    assert_int_equal(cpu.l3_bytes, 77); /* sysfs has none: CPUID's word stands */
}

TEST(no_sysfs)
{
    rnnp_cpu cpu = {.l2_bytes = 5};
    rnnp_topology topology = {0};

    clear();
    rnnp_topology_from_sysfs(root, 0, &cpu, &topology);
    assert_string_equal(topology.source, "none");
    assert_int_equal(topology.cpus, 0);
    assert_int_equal(cpu.l2_bytes, 5);
}

TEST(budget_follows_affinity)
{
    cpu_set_t before, one;
    rnnp_cpu cpu;
    rnnp_topology topology;

    rnnp_cpu_read(&cpu);
    rnnp_topology_read(&cpu, &topology);
    assert_true(topology.budget >= 1);
    assert_true(topology.cpus == 0 || topology.budget <= topology.cpus);
    assert_true(topology.cores <= topology.cpus);

    if (sched_getaffinity(0, sizeof before, &before) != 0) return; /* more than 1024 CPUs */
    CPU_ZERO(&one);
    for (size_t i = 0; CPU_COUNT(&one) == 0; i++) {
        if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    rnnp_topology_read(&cpu, &topology);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(topology.budget, 1);
}

int tests_begin(char **arguments)
{
    (void)arguments;
    return !mkdtemp(root);
}

void tests_end(void) { remove_tree(root); }
