// SPDX-License-Identifier: GPL-2.0
/*
 * The slab caches of cgroups, where each has its own of every cache that it uses
 * (before 5.9, cgroup v1 with a kmem limit): they come when first needed and go
 * with the cgroup or with their root, whatever else goes on.
 *
 *   kmemcg [seconds]
 *
 * The caches are those of a module (kmemcg_mod/).
 */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

#define DEBUGFS		"/sys/kernel/debug/kmemcg_mod"
#define NR_CGROUPS	8
#define NR_RCU		6
#define LATE		200	/* rounds of test_late() */
#define LEAK		100	/* and of test_leak() */
#define DOOMED		20	/* rounds of test_doomed() */
#define WAIT		5.0	/* seconds for what the kernel does in its own time */
#define SHARED		12	/* from here on the module's caches have one shape */

static unsigned int run_id;

/* a command of the module, in this task's cgroup; 0 or errno */
static __attribute__((format(printf, 1, 2))) int mod(const char *fmt, ...)
{
	char cmd[32];
	va_list args;

	va_start(args, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, args);
	va_end(args);
	return ms_write(DEBUGFS "/do", cmd) ? errno : 0;
}

static long count(const char *what)
{
	char buf[32], path[64];

	snprintf(path, sizeof(path), DEBUGFS "/%s", what);
	return ms_read(path, buf, sizeof(buf)) > 0 ? atol(buf) : -1;
}

static void reset(const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), DEBUGFS "/%s", what);
	ms_write(path, "0");
}

/* how many cgroups have a cache of their own of cache n of the module */
static int owners(int n)
{
	char path[128];
	struct dirent *d;
	int nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/kernel/slab/kmemcg_%u_%d/cgroup", run_id, n);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((d = readdir(dir)))
		nr += d->d_name[0] != '.';
	closedir(dir);
	return nr;
}

/* A cgroup is not freed before its dentries are, which is up to the reclaimer. */
static bool wait_owners(int n, int nr)
{
	double end = ms_now() + WAIT;
	int i;

	for (i = 0; owners(n) != nr; i++) {
		if (ms_now() > end)
			return false;
		if (i % 8 == 7)
			ms_drop(3);
		ms_sleep(0.02);
	}
	return true;
}

static int create(const char *rel)
{
	if (cg_create(rel))
		return -1;
	return cg_write(rel, "memory.kmem.limit_in_bytes", "1073741824");
}

static int in_cgroup(void *cmd)
{
	return mod("%s", (char *)cmd);
}

/* have a cgroup use cache n, and wait until it has its own */
static bool get_own(const char *rel, int n, int others)
{
	char cmd[32];

	snprintf(cmd, sizeof(cmd), "use %d", n);
	return !ms_run(rel, NODE_ANY, in_cgroup, cmd) && wait_owners(n, others + 1);
}

static void test_first_use(void)
{
	static char slabinfo[1 << 16];
	pid_t pids[4];
	char name[32];
	bool ok;
	unsigned int i;

	snprintf(name, sizeof(name), "kmemcg_%u_0", run_id);
	ok = !mod("open 0") && !create("one") && !owners(0);
	for (i = 0; i < ARRAY_LEN(pids); i++)
		pids[i] = ms_spawn("one", NODE_ANY, in_cgroup, "use 0");
	for (i = 0; i < ARRAY_LEN(pids); i++)
		ok &= !ms_wait(pids[i]);
	ok &= wait_owners(0, 1) &&
	      ms_read(cg_path("one", "memory.kmem.slabinfo"), slabinfo, sizeof(slabinfo)) > 0 &&
	      strstr(slabinfo, name);
	ksft_test_result(ok, "a cgroup has a cache of its own after its first use by four tasks\n");

	ok = !ms_run("one", NODE_ANY, in_cgroup, "use 0") && !cg_remove("one") &&
	     wait_owners(0, 0);
	ksft_test_result(ok && !mod("close 0"), "it is gone when the cgroup is\n");
}

static void test_failed(void)
{
	bool ok, quiet;

	ms_expect("nothing");
	ok = !mod("open 0") && !create("fail") && !mod("fail 1") &&
	     !ms_run("fail", NODE_ANY, in_cgroup, "use 0");
	ms_sleep(0.5);
	ok &= !owners(0) && !ms_run("fail", NODE_ANY, in_cgroup, "use 0");
	quiet = !ms_kernel_said("kmem_cache_create") && !ms_kernel_said("kmemcg_");
	ms_expect_end();
	mod("fail 0");
	ksft_test_result(ok && quiet && get_own("fail", 0, 0),
			 "a cache that can't be created is no news, and is when it can\n");
	cg_remove("fail");
	mod("close 0");
}

/* also in the middle, when the cache is whole but for its files */
static void test_blocked(void)
{
	bool ok, said;

	ms_expect("sysfs: cannot create|sysfs/dir|kobject|kmem_cache_create|Call Trace|Tainted");
	ok = !mod("open %d", SHARED) && !mod("block %d", SHARED) &&
	     mod("open %d", SHARED) == ENOMEM;
	said = ms_kernel_said("kmem_cache_create");
	ms_expect_end();
	ok &= !mod("unblock %d", SHARED) && !mod("open %d", SHARED) &&
	      !mod("use %d", SHARED) && !mod("close %d", SHARED);
	ksft_test_result(ok && said, "a cache whose name is taken in sysfs is not created\n");
}

static void test_kept(void)
{
	bool ok;

	ok = !mod("open 0") && !create("kept") && get_own("kept", 0, 0) &&
	     !ms_run("kept", NODE_ANY, in_cgroup, "hold 0") && !cg_remove("kept");
	ms_sleep(0.5);
	ksft_test_result(ok && owners(0) == 1, "a cache with objects outlives its cgroup\n");
	mod("drop 0");
	ksft_test_result(wait_owners(0, 0), "it is gone when the objects are\n");
	mod("close 0");
}

/* the structures of caches that are gone are free */
static void test_leak(void)
{
	long before = slab_cache("kmem_cache").active, after;
	bool ok = !mod("open 0");
	char rel[16];
	int i;

	for (i = 0; i < LEAK && ok; i++) {
		snprintf(rel, sizeof(rel), "leak%d", i);
		ok = !create(rel) && get_own(rel, 0, 0) && !cg_remove(rel) && wait_owners(0, 0);
	}
	after = slab_cache("kmem_cache").active;
	/* those that a CPU has at hand count as active */
	ksft_test_result(ok && !mod("close 0") && after - before < LEAK / 2,
			 "%d cgroups leave no cache behind: %ld, then %ld\n", i, before, after);
}

static void test_root(void)
{
	char rel[16];
	bool ok = !mod("open 0 rcu");
	long n;
	int i;

	for (i = 0; i < NR_CGROUPS; i++) {
		snprintf(rel, sizeof(rel), "root%d", i);
		ok &= !create(rel) && get_own(rel, 0, i);
	}
	reset("barriers");
	ok &= !mod("close 0");
	n = count("barriers");
	ms_metric("kmemcg.root", n, "barriers");
	ksft_test_result(ok && n >= 0 && n <= 1,
			 "one rcu_barrier() for an RCU-freed cache and those of %d cgroups: %ld\n",
			 NR_CGROUPS, n);
	for (i = 0; i < NR_CGROUPS; i++)
		cg_removef("root%d", i);
}

static void test_cgroup(void)
{
	bool ok = !create("rcu");
	long n;
	int i;

	for (i = 0; i < NR_RCU; i++)
		ok &= !mod("open %d rcu", i) && get_own("rcu", i, 0);
	reset("barriers");
	ok &= !cg_remove("rcu");
	for (i = 0; i < NR_RCU && ok; i++)
		ok &= wait_owners(i, 0);
	ms_sleep(0.2);
	n = count("barriers");
	ms_metric("kmemcg.cgroup", n, "barriers");
	ksft_test_result(ok && n >= 0 && n <= 1,
			 "one at most for a cgroup that has %d of them: %ld\n", NR_RCU, n);
	for (i = 0; i < NR_RCU; i++)
		mod("close %d", i);
}

/* creates, uses and destroys a cache that may be shared, until it is killed */
static int sharer(void *unused)
{
	(void)unused;
	for (;;) {
		if (mod("open %d", SHARED + 1))
			return 1;
		if (mod("use %d", SHARED + 1) == EUCLEAN)
			return 2;
		mod("close %d", SHARED + 1);
	}
}

static void test_doomed(void)
{
	char rel[16];
	bool ok = true;
	int i, round;

	for (i = 0; i < NR_CGROUPS; i++) {
		snprintf(rel, sizeof(rel), "doom%d", i);
		ok &= !create(rel);
	}
	reset("doomed");
	for (round = 0; ok && round < DOOMED && !count("doomed"); round++) {
		pid_t pid;

		ok &= !mod("open %d", SHARED);
		for (i = 0; i < NR_CGROUPS; i++) {
			snprintf(rel, sizeof(rel), "doom%d", i);
			ok &= get_own(rel, SHARED, i);
		}
		pid = ms_spawn("", NODE_ANY, sharer, NULL);
		ms_sleep(0.005);
		ok &= !mod("close %d", SHARED);
		ok &= ms_kill(pid) == 128 + SIGKILL;
		mod("close %d", SHARED + 1);
	}
	ksft_test_result(ok && !count("doomed"),
			 "no cache that is created is one that is being destroyed (%ld of %d)\n",
			 count("doomed"), round);
	for (i = 0; i < NR_CGROUPS; i++)
		cg_removef("doom%d", i);
}

/* the worker that creates a cgroup's cache can't run before this task sleeps */
static int late(void *unused)
{
	struct sched_param param = { .sched_priority = 1 };
	int i;

	(void)unused;
	ms_bind(ms_node(0));
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		printf("# sched_setscheduler: %s\n", strerror(errno));
	for (i = 0; i < LATE; i++) {
		if (mod("open 0") || mod("use 0") || mod("close 0"))
			return 1;
	}
	return 0;
}

static void test_late(void)
{
	bool ok;

	reset("doomed");
	ok = !create("late") && !ms_run("late", NODE_ANY, late, NULL) && !cg_remove("late");
	ms_sleep(1);			/* for what the worker has still to do */
	ksft_test_result(ok && !count("doomed"),
			 "no cgroup gets a cache of one that is gone (%ld times, of %d)\n",
			 count("doomed"), LATE);
}

/* a cgroup that lives as long as it takes to use some caches */
static int user(void *arg)
{
	int i, first = *(int *)arg;

	for (i = first; i < first + 3; i++) {
		if (mod("use %d", i % 4) == EUCLEAN)
			return 1;
	}
	mod("hold %d", first % 4);
	return 0;
}

static int cgroups(void *arg)
{
	int n, id = *(int *)arg;
	char rel[32];

	for (n = id;; n++) {
		snprintf(rel, sizeof(rel), "race%d.%d", id, n);
		if (create(rel) || ms_run(rel, NODE_ANY, user, &n) || cg_remove(rel))
			return 1;
	}
}

static int roots(void *unused)
{
	int n;

	(void)unused;
	for (n = 0;; n++) {
		mod("drop %d", n % 4);
		mod("close %d", n % 4);		/* EBUSY if somebody was quicker */
		mod("open %d%s", n % 4, n % 3 ? "" : " rcu");
	}
	return 0;
}

static void test_race(long seconds)
{
	int i, left = 0, ids[4];
	pid_t pids[5];
	bool ok = true;

	reset("doomed");
	for (i = 0; i < 4; i++) {
		ids[i] = i;
		mod("open %d", i);
		pids[i] = ms_spawn("", NODE_ANY, cgroups, &ids[i]);
	}
	pids[4] = ms_spawn("", NODE_ANY, roots, NULL);
	ms_sleep((double)seconds);
	for (i = 0; i < 5; i++)
		ok &= ms_kill(pids[i]) == 128 + SIGKILL;
	cg_remove_tree("");
	for (i = 0; i < 4; i++) {
		mod("drop %d", i);
		mod("open %d", i);
		left += !wait_owners(i, 0);
		ok &= !mod("close %d", i);
	}
	ksft_test_result(ok && !left && !count("doomed"),
			 "cgroups and caches come and go at once, and nothing is left\n");
}

static void run(int argc, char **argv)
{
	long seconds = ms_arg(argc, argv, 1, "MEMCG_SLAB_SECONDS", 5);
	char args[32];
	int err;

	if (ms_version != 1 || access(cg_path("", "memory.kmem.slabinfo"), R_OK))
		ksft_exit_skip("needs cgroup v1 with kmem limits\n");
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	run_id = (unsigned int)time(NULL) ^ getpid();
	snprintf(args, sizeof(args), "run=%u", run_id);
	err = ms_insmod("kmemcg_mod", args);
	if (ms_nomodules(err))
		ksft_exit_skip("no kmemcg_mod.ko: not for a kernel without caches of cgroups: %s\n",
			       strerror(-err));
	ksft_set_plan(12);
	if (err)
		ksft_exit_fail_msg("kmemcg_mod: %s\n", strerror(-err));
	if (access("/sys/kernel/slab", R_OK))
		ksft_exit_skip("no /sys/kernel/slab to see the caches in\n");

	test_first_use();
	test_failed();
	test_kept();
	test_leak();
	test_root();
	test_cgroup();
	test_late();
	/* what a kernel that fails may not survive */
	test_doomed();
	test_blocked();
	test_race(seconds);
	ms_rmmod("kmemcg_mod");
	ksft_exit(!ksft_get_fail_cnt());
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP, run);
}
