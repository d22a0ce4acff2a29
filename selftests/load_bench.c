// SPDX-License-Identifier: GPL-2.0
/*
 * What operations cost, or how much slab memory there is, at growing numbers of
 * cgroups and mounts.
 *
 *   load_bench CGROUPS MOUNTS [cgroups|mounts]
 *
 * CGROUPS and MOUNTS are growing numbers with colons between them: 0:100:10000
 * 1:100:1000.  At each pair of them
 *
 *   bench.OP.CGROUPS.MOUNTS            instructions for each operation OP, see ops[]
 *
 * or, while first those that are named last grow to the most, and then the others
 * (memory that was taken is not always given back when there are fewer of one
 * of them, so there is no way back)
 *
 *   bench.slab.NODES.CGROUPS.MOUNTS    by how much slab has grown, in MB
 *   bench.slope.NODES.CGROUPS.MOUNTS   how much of that has come with the mounts, in
 *                                      bytes for each cgroup, mount and node
 *
 * The cgroups have each had a task that made a file on the first mount.  One
 * more has the task that is measured.
 *
 * Instructions: in a guest where one nanosecond is one instruction (QEMU:
 * -icount shift=0,sleep=off -smp 1) the clock counts them.  It also goes on while
 * everybody sleeps; so then a spinner runs, of the lowest class there is, and
 * what it counts is taken off.  What is left is all that the kernel does for an
 * operation, also what is done later by workers and by RCU callbacks.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

#define MAX_POINTS	8
#define NR_ROUNDS	7
#define NR_MORE	50	/* for each round: files, and an eighth of that cgroups */
#define NR_MOUNTS	100
#define NR_CGROUPS	50
#define ROUND	5e8	/* instructions that a round may take, else it is shorter */
#define NR_FILES	1000
#define NR_DENTRIES	10000
#define NR_PAGES	4096
#define PAGES_MAX	"4194304"

static long cgroups[MAX_POINTS], mounts[MAX_POINTS];
static int nr_cgroups, nr_mounts;
static double slab[MAX_POINTS][MAX_POINTS];	/* bytes */
static struct ms_cache disk;
static char sparse[512];

static struct {
	volatile uint64_t loops;
	double loop_ns;		/* with the share of timer ticks */
	double insn;
	long total;		/* cgroups, before an operation made some */
	long shadows;
} *shared;

static pid_t spinner;

static void die(const char *what, long i)
{
	ksft_exit_fail_msg("%s %ld: %s\n", what, i, strerror(errno));
}

/* the time that nobody needs, at a known number of instructions a loop */
static int spin(void *unused)
{
	struct sched_param param = { 0 };

	(void)unused;
	if (sched_setscheduler(0, SCHED_IDLE, &param))
		return 1;
	for (;;) {
		asm volatile(".rept 1000\n\tnop\n\t.endr");
		shared->loops++;
	}
}

static double busy(void)
{
	return ms_now_ns() - shared->loops * shared->loop_ns;
}

static void start_spinner(void)
{
	uint64_t t, loops;

	spinner = ms_spawn(NULL, NODE_ANY, spin, NULL);
	if (spinner < 0)
		die("fork", 0);
	ms_sleep(0.1);
	t = ms_now_ns();
	loops = shared->loops;
	ms_sleep(1);
	shared->loop_ns = (double)(ms_now_ns() - t) / (shared->loops - loops);
	kill(spinner, SIGSTOP);
	ms_metric("bench.spinner", shared->loop_ns, "insn");
}

/* Each does its operation n times on the first mount, and returns n, or -1. */

static int first_dir(void)
{
	char dir[600];
	int fd;

	snprintf(dir, sizeof(dir), "%.500s/m0/d", ms_dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		die("open", 0);
	return fd;
}

/* inline, so that the loops are as they were with the call in them */
static inline __attribute__((always_inline)) long
each_name(long n, bool (*fn)(int dir, const char *name))
{
	char name[] = "10000000";
	int dir = first_dir();
	long i;

	for (i = 0; i < n; i++) {
		if (!fn(dir, name))
			return -1;
		ms_next_name(name);
	}
	close(dir);
	return n;
}

static bool create_one(int dir, const char *name)
{
	int fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY, 0600);

	return fd >= 0 && !close(fd);
}

static long create(long n)
{
	return each_name(n, create_one);
}

static bool delete_one(int dir, const char *name)
{
	return !unlinkat(dir, name, 0);
}

static long delete(long n)
{
	return each_name(n, delete_one);
}

static bool is_there(int dir, const char *name)
{
	struct stat st;

	return !fstatat(dir, name, &st, 0);
}

static long stat_hit(long n)
{
	return each_name(n, is_there);
}

static bool is_missing(int dir, const char *name)
{
	return !is_there(dir, name) && errno == ENOENT;
}

static long stat_miss(long n)
{
	return each_name(n, is_missing);
}

static long readdir_all(long n)
{
	DIR *dir = fdopendir(first_dir());
	long i = -2;		/* "." and ".." */

	while (readdir(dir))
		i++;
	closedir(dir);
	return i == n ? n : -1;
}

static long mount_all(long n)
{
	long i;

	for (i = 0; i < n; i++)
		if (ms_mountf("tmpfs", "%s/x%ld", ms_dir, i))
			return -1;
	return n;
}

static long umount_all(long n)
{
	long i;

	for (i = n; i--;)
		if (ms_umountf("%s/x%ld", ms_dir, i))
			return -1;
	return n;
}

static long cgroup_mkdir(long n)
{
	long i;

	shared->total = cg_total();
	for (i = 0; i < n; i++)
		if (cg_createf("x%ld", i))
			return -1;
	return n;
}

static int touch(void *arg)
{
	char *name = arg;
	int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);

	return fd < 0 || close(fd) || unlink(name);
}

/* the first file of a cgroup on a mount, by a task that comes and goes */
static long first_file(long n)
{
	char rel[32], name[600];
	long i;

	for (i = 0; i < n; i++) {
		snprintf(rel, sizeof(rel), "x%ld", i);
		snprintf(name, sizeof(name), "%.500s/m0/x%ld", ms_dir, i);
		if (ms_run(rel, NODE_ANY, touch, name))
			return -1;
	}
	return n;
}

static long cgroup_used(long n)
{
	return cgroup_mkdir(n) < 0 ? -1 : first_file(n);
}

/* until they are gone, with all that was theirs */
static long cgroup_rmdir(long n)
{
	long i;

	for (i = n; i--;)
		if (cg_removef("x%ld", i))
			return -1;
	for (i = 0; i < 600; i++) {
		ms_sleep(0.1);
		if (cg_total() <= shared->total)
			return n;
	}
	return -1;
}

static long cache_dentries(long n)
{
	shared->total = cg_total();
	return ms_cache_cgroup("x0", &disk, n) ? -1 : n;
}

/* 0 if the dentries are not the cgroup's, so they stay */
static long memcg_reclaim(long n)
{
	long cached = ms_dentry_unused();

	cg_request("x0");
	return cached - ms_dentry_unused() > n / 2 ? n : 0;
}

/* not measured, so what a CPU holds of its pages can be driven out */
static long cgroup_away(long n)
{
	return !cg_remove("x0") && cg_gone(shared->total, 60) ? n : -1;
}

/*
 * With nothing to drop but what the last round left, not even the dentries of this file:
 * what these cost is by chance, as they may be all that is in a slab.
 */
static long drop_caches(long n)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	long i;

	for (i = 0; i < n; i++)
		if (pwrite(fd, "2", 1, 0) != 1)
			return -1;
	return close(fd) ? -1 : n;
}

/* those on the list, and those that were shrunk */
static long shadow_nodes(void)
{
	char done[2];

	ms_read("/proc/sys/vm/stat_refresh", done, sizeof(done));
	return ms_vmstat("workingset_nodes") + ms_vmstat("workingset_nodereclaim");
}

static int read_sparse(void *arg)
{
	int fd = open(sparse, O_RDONLY);
	long i, n = *(long *)arg;
	char c;

	for (i = 0; i < n; i++)
		if (pread(fd, &c, 1, i * 4096) != 1)
			return 1;
	return close(fd);
}

/* a file that is one hole, so that pages are filled without a disk */
static long make_sparse(long n)
{
	int fd = open(sparse, O_CREAT | O_EXCL | O_WRONLY, 0600);

	if (fd < 0 || ftruncate(fd, n * 4096) || close(fd))
		return -1;
	shared->shadows = shadow_nodes();
	shared->total = cg_total();
	if (cg_create("x0") ||
	    cg_write("x0", ms_version == 1 ? "memory.limit_in_bytes" : "memory.max", PAGES_MAX))
		return -1;
	return n;
}

static long page_cache(long n)
{
	return ms_run("x0", NODE_ANY, read_sparse, &n) ? -1 : n;
}

static long sparse_away(long n)
{
	long shadows = shadow_nodes() - shared->shadows;

	/* one for 64 pages */
	if (shadows < n / 64 / 2)
		ksft_exit_fail_msg("%ld pages left only %ld shadow nodes\n", n, shadows);
	return unlink(sparse) ? -1 : cgroup_away(n);
}

/*
 * In each round "before" and "after" are not measured.  The first round makes
 * what is made once, and tells how many operations fit in one.
 *
 * What allocates or frees ("memory") leaves something to others, so wait for that;
 * now and then it takes longer.  And it costs a tenth more where a chunk of per-CPU
 * memory is full and another has to be made.  That is chance.  So each round begins
 * with a few cgroups and files more, and the second least counts: neither a round
 * that has left too much, nor one with chance against it.
 */
static const struct op {
	const char *name;
	long n;
	bool memory;
	long (*before)(long n);
	long (*fn)(long n);
	long (*after)(long n);
} ops[] = {
	{ "create", NR_FILES, true, NULL, create, delete },
	{ "unlink", NR_FILES, true, create, delete, NULL },
	{ "stat_hit", NR_FILES, false, create, stat_hit, delete },
	{ "stat_miss", 10000, true, NULL, stat_miss, NULL },
	{ "readdir", NR_FILES, false, create, readdir_all, delete },
	{ "mount", NR_MOUNTS, true, NULL, mount_all, umount_all },
	{ "umount", NR_MOUNTS, true, mount_all, umount_all, NULL },
	{ "cgroup_mkdir", NR_CGROUPS, true, NULL, cgroup_mkdir, cgroup_rmdir },
	{ "cgroup_first", NR_CGROUPS, true, cgroup_mkdir, first_file, cgroup_rmdir },
	{ "cgroup_rmdir", NR_CGROUPS, true, cgroup_used, cgroup_rmdir, NULL },
	{ "memcg_reclaim", NR_DENTRIES, true, cache_dentries, memcg_reclaim, cgroup_away },
	{ "drop_caches", 128, false, NULL, drop_caches, NULL },
	{ "page_cache", NR_PAGES, false, make_sparse, page_cache, sparse_away },
};

/* a file, each eighth time a cgroup as well */
static void more(int i)
{
	char name[600];
	int fd;

	snprintf(name, sizeof(name), "%.500s/m0/more%d", ms_dir, i);
	fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
	if (fd < 0 || close(fd) || (!(i % 8) && cg_createf("more%d", i)))
		die("more", i);
}

static void less(int i)
{
	char name[600];

	snprintf(name, sizeof(name), "%.500s/m0/more%d", ms_dir, i);
	if (unlink(name) || (!(i % 8) && cg_removef("more%d", i)))
		die("less", i);
}

/*
 * A CPU keeps charges of a few cgroups, and looks for that of the task in one slot
 * after the other: a hundred instructions for a file.  Drained, which a limit
 * does that is lower than what is charged, our task gets the first slot.  That may
 * also reclaim, so it comes before all that a round makes.
 */
static void drain_charges(void)
{
	char val[32];

	snprintf(val, sizeof(val), "%ld", cg_value("", "memory.current") - 1);
	cg_write("", "memory.high", val);
	cg_write("", "memory.high", "max");
}

/* a task in a cgroup of its own */
static int rounds(void *arg)
{
	const struct op *op = arg;
	double insn[NR_ROUNDS], t;
	long n = op->n, done, total = cg_total();
	int i, k = 0;

	shared->insn = 0;
	for (i = 0; i <= NR_ROUNDS; i++) {
		drain_charges();
		while (op->memory && k < i * NR_MORE)
			more(k++);
		if (op->before && op->before(n) < 0)
			return 1;
		ms_rcu();
		/* an empty slab that is there, or given back, is worth hundreds */
		if (op->memory)
			ms_shrink();
		kill(spinner, SIGCONT);
		t = busy();
		done = op->fn(n);
		if (op->memory)
			ms_sleep(0.05);
		t = busy() - t;
		kill(spinner, SIGSTOP);
		if (done < 0 || (op->after && op->after(n) < 0))
			return 1;
		if (!done)
			break;
		if (i)
			insn[i - 1] = t / n;
		else if (t > ROUND)
			n = n * ROUND / t < 2 ? 2 : n * ROUND / t;
	}
	while (k)
		less(--k);
	cg_wait_total(total, 30);
	if (i <= NR_ROUNDS)
		return 0;	/* not here */
	qsort(insn, NR_ROUNDS, sizeof(insn[0]), ms_compare);
	printf("# %s: %.1f to %.1f\n", op->name, insn[0], insn[NR_ROUNDS - 1]);
	shared->insn = insn[1];
	return 0;
}

static void cost(long nr_c, long nr_m)
{
	char name[64];
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ops); i++) {
		if (ms_run("c", NODE_ANY, rounds, (void *)&ops[i]))
			ksft_exit_fail_msg("%s fails with %ld cgroups, %ld mounts\n",
					   ops[i].name, nr_c, nr_m);
		snprintf(name, sizeof(name), "bench.%s.%ld.%ld", ops[i].name, nr_c, nr_m);
		if (shared->insn > 0)
			ms_metric(name, shared->insn, "insn");
	}
}

static int numbers(const char *s, long *list)
{
	int n = 0;
	char *end;

	for (; s && *s && n < MAX_POINTS; s = end + (*end == ':')) {
		list[n] = strtol(s, &end, 10);
		if (end == s || (*end && *end != ':') || (n && list[n] <= list[n - 1]))
			break;
		n++;
	}
	if (!n || *s)
		ksft_exit_fail_msg("no list of growing numbers, as 1:100\n");
	return n;
}

/* mounts 0 to n - 1 are there already; the first stays */
static long set_mounts(long n, long want)
{
	for (; n < want; n++)
		if (ms_mountf("tmpfs", "%s/m%ld", ms_dir, n))
			die("mount", n);
	for (; n > want; n--)
		if (ms_umountf("%s/m%ld", ms_dir, n - 1))
			die("umount", n);
	return want;
}

/* by how much slab has grown since there were the least of both */
static void slab_point(int c, int k)
{
	char where[64], name[96];
	struct ms_mem m;

	ms_settle_drop(&m);
	slab[c][k] = m.slab;
	snprintf(where, sizeof(where), "%d.%ld.%ld", ms_nodes(), cgroups[c], mounts[k]);
	snprintf(name, sizeof(name), "bench.slab.%s", where);
	ms_metric(name, (slab[c][k] - slab[0][0]) / MS_MB, "MB");
	if (!slab[c][0] || !c || !k)
		return;
	snprintf(name, sizeof(name), "bench.slope.%s", where);
	ms_metric(name, (slab[c][k] - slab[c][0]) / cgroups[c] / (mounts[k] - mounts[0]) /
			ms_nodes(), "B");
}

static void memory(const char *dir, bool cgroups_first)
{
	int c = 0, k = 0;

	slab_point(0, 0);
	while (c < nr_cgroups - 1 || k < nr_mounts - 1) {
		if (k == nr_mounts - 1 || (cgroups_first && c < nr_cgroups - 1)) {
			ms_crowd(dir, cgroups[c], cgroups[c + 1]);
			c++;
		} else {
			set_mounts(mounts[k], mounts[k + 1]);
			k++;
		}
		slab_point(c, k);
	}
}

static void costs(const char *dir)
{
	long have = mounts[0];
	int c, k;

	if (ms_cache_open(&disk) || !disk.disk)
		ksft_exit_skip("no disk\n");
	snprintf(sparse, sizeof(sparse), "%s/sparse", disk.dir);
	start_spinner();
	for (c = 0; c < nr_cgroups; c++) {
		have = set_mounts(have, mounts[0]);
		ms_crowd(dir, c ? cgroups[c - 1] : 0, cgroups[c]);
		for (k = 0; k < nr_mounts; k++) {
			have = set_mounts(have, mounts[k]);
			cost(cgroups[c], have);
		}
	}
}

static void run(int argc, char **argv)
{
	char dir[600];
	long i;

	nr_cgroups = numbers(argc > 1 ? argv[1] : NULL, cgroups);
	nr_mounts = numbers(argc > 2 ? argv[2] : NULL, mounts);
	if (cgroups[0] || !mounts[0])
		ksft_exit_fail_msg("begin with no cgroup and a mount\n");
	ksft_set_plan(1);
	shared = ms_shared(sizeof(*shared));
	for (i = 0; i < mounts[nr_mounts - 1]; i++)
		if (ms_mkdirf("%s/m%ld", ms_dir, i))
			die("mkdir", i);
	for (i = 0; i < NR_MOUNTS; i++)
		if (ms_mkdirf("%s/x%ld", ms_dir, i))
			die("mkdir", i);
	set_mounts(0, mounts[0]);
	snprintf(dir, sizeof(dir), "%.500s/m0", ms_dir);
	if (ms_mkdirf("%s/d", dir) || ms_mkdirf("%s/crowd", dir) || cg_create("c"))
		die("set-up", 0);
	strcat(dir, "/crowd");
	if (argc > 3)
		memory(dir, !strcmp(argv[3], "cgroups"));
	else
		costs(dir);
	ksft_test_result_pass("load_bench\n");
	ksft_exit_pass();
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP | MS_SLABINFO, run);
}
