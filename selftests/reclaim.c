// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever is cached can be reclaimed: many cgroups, on all nodes, cache objects
 * of more file systems than two or three words of a bitmap have bits for; some
 * of the cgroups go; then, by each route there is, all of it has to go.
 *
 *   reclaim [cgroups] [mounts] [seconds]
 *
 * Then the same while all of it happens at once, for so many seconds: objects are
 * cached, cgroups and their parent are reclaimed, cgroups go.  And again, while the
 * objects of a cgroup that goes are freed by their owner.
 *
 * The file systems are instances of proc, and what is cached are the names below
 * the directory of a process, one process for each cgroup: dentries that nobody
 * shares, and that stay as long as the process lives.  Counted by nr_unused of
 * dentry-state, which is exact.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

#define MAX_CGROUPS	256
#define MAX_NAMES	64

static long nr_cgroups, nr_mounts, nr_names, made;
static long others;	/* cgroups, before ours were made */
static pid_t pids[MAX_CGROUPS + 1];
static char names[MAX_NAMES][64];

static int sleeper(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return 0;
}

static int fill_some(long c, long first, long mounts, long step)
{
	long i, j;
	char name[512];
	struct stat st;

	for (i = first; i < first + mounts; i += step) {
		for (j = 0; j < nr_names; j++) {
			snprintf(name, sizeof(name), "%.300s/m%ld/%d/%s", ms_dir,
				 i % nr_mounts, pids[c], names[j]);
			if (lstat(name, &st))
				return 1;
		}
	}
	return 0;
}

/*
 * The first eight cgroups use the even file systems, the others the odd ones.  So a parent
 * is given, for each node, lists that it has none of with bits that it has neighbours of.
 */
static int fill(void *arg)
{
	long c = (long)arg;

	return fill_some(c, c / 8 % 2, nr_mounts, 2);
}

/* names that can be looked up without following them */
static bool find_names(void)
{
	char path[128];
	struct dirent *de;
	struct stat st;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d", pids[0]);
	dir = opendir(path);
	if (!dir)
		return false;
	while (nr_names < MAX_NAMES && (de = readdir(dir))) {
		if (de->d_name[0] == '.' || strlen(de->d_name) >= sizeof(names[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/%.60s", pids[0], de->d_name);
		if (!lstat(path, &st))
			strcpy(names[nr_names++], de->d_name);
	}
	closedir(dir);
	return nr_names > 0;
}

static void rel_of(char *rel, size_t size, long c)
{
	snprintf(rel, size, "top/c%ld", c);
}

static void quiet(void)
{
	int i;

	for (i = 0; i < 3; i++)
		ms_drop(2);
	ms_rcu();
}

/*
 * Are as many still there as of two file systems that the shrinkers are not told of? Others
 * look at names as well meanwhile.
 */
static bool left(long base, const char *after)
{
	long n = ms_dentry_unused() - base;

	ksft_print_msg("%ld of %ld dentries are left after %s\n", n, made, after);
	return n >= nr_cgroups * nr_names;
}

static bool reclaim(const char *rel, const char *how)
{
	int ret = how ? cg_reclaim_by(rel, how) : cg_reclaim(rel);

	if (ret)
		ksft_print_msg("%s: %s\n", how ? how : "limit", strerror(errno));
	ms_rcu();
	return !ret;
}

/* each cgroup that is left by its own limit, then the orphans by their parent's */
static bool by_limits(long base, long gone)
{
	char rel[64];
	long c, n;

	for (c = 0; c < nr_cgroups; c++) {
		rel_of(rel, sizeof(rel), c);
		if (c % gone && !reclaim(rel, NULL))
			return false;
	}
	n = ms_dentry_unused() - base;
	if (labs(n - made / gone) > made / 20 + 200) {
		ksft_print_msg("%ld of %ld dentries are left to the parent, not %ld\n",
			       n, made, made / gone);
		return false;
	}
	reclaim("top", NULL);
	return !left(base, "the parent's limit");
}

static bool by_parent(long base, long gone)
{
	(void)gone;
	reclaim("top", NULL);
	return !left(base, "the parent's limit");
}

static bool by_request(long base, long gone)
{
	(void)gone;
	reclaim("top", "memory.reclaim");
	return !left(base, "memory.reclaim");
}

static bool by_drop(long base, long gone)
{
	(void)gone;
	quiet();
	return !left(base, "drop_caches");
}

/* drops all that a file system has cached, whoever's it is */
static int remount(long i)
{
	char dir[512];

	snprintf(dir, sizeof(dir), "%.300s/m%ld", ms_dir, i % nr_mounts);
	return mount(NULL, dir, NULL, MS_REMOUNT, NULL);
}

static bool by_remount(long base, long gone)
{
	long i;

	(void)gone;
	for (i = 0; i < nr_mounts; i++) {
		if (remount(i)) {
			ksft_print_msg("remount: %s\n", strerror(errno));
			return false;
		}
	}
	ms_rcu();
	return !left(base, "a remount of each file system");
}

static bool by_drop_of_root(long base, long gone)
{
	cg_remove_tree("");
	/* nobody finds what a cgroup has while that is handed over */
	cg_wait_total(others, 30);
	return by_drop(base, gone);
}

static const struct route {
	const char *name;
	const char *needs;	/* a file of the cgroup */
	bool hierarchy;
	bool (*fn)(long base, long gone);
} routes[] = {
	{ "by each cgroup's limit, and their parent's for those that are gone",
	  NULL, true, by_limits },
	{ "by the limit of the parent", NULL, true, by_parent },
	{ "by memory.reclaim of the parent", "memory.reclaim", true, by_request },
	{ "by a remount of each file system", NULL, false, by_remount },
	{ "by drop_caches", NULL, false, by_drop },
	{ "by drop_caches, with all the cgroups gone", NULL, false, by_drop_of_root },
};

/* every gone'th cgroup is removed before it is reclaimed */
static void by_route(const struct route *r, long gone)
{
	long base, n, c;
	bool ok = true;
	char rel[64];

	if (r->hierarchy && ms_version == 1 && !cg_value("", "memory.use_hierarchy")) {
		ksft_test_result_skip("%s: there is no hierarchy\n", r->name);
		return;
	}
	if (cg_create("top") || (r->needs && !cg_has("top", r->needs))) {
		ksft_test_result_skip("%s: not there\n", r->name);
		cg_remove("top");
		return;
	}
	for (c = 0; c < nr_cgroups; c++)
		if (cg_createf("top/c%ld", c))
			ok = false;
	quiet();
	base = ms_dentry_unused();
	for (c = 0; ok && c < nr_cgroups; c++) {
		rel_of(rel, sizeof(rel), c);
		if (ms_run(rel, ms_node(c), fill, (void *)c)) {
			ksft_print_msg("%s can't fill its cache\n", rel);
			ok = false;
		}
	}
	made = ms_dentry_unused() - base;
	if (made < nr_cgroups * nr_mounts / 2 * nr_names * 9 / 10) {
		ksft_print_msg("%ld dentries are cached, not %ld\n", made,
			       nr_cgroups * nr_mounts / 2 * nr_names);
		ok = false;
	}
	for (c = 0; c < nr_cgroups; c += gone)
		if (cg_removef("top/c%ld", c))
			ok = false;
	cg_wait_total(others + 1 + nr_cgroups - (nr_cgroups + gone - 1) / gone, 30);
	n = ms_dentry_unused() - base;
	if (labs(n - made) > made / 50 + 200) {
		ksft_print_msg("%ld of %ld dentries are there after cgroups have gone\n",
			       n, made);
		ok = false;
	}
	ok = ok && r->fn(base, gone);
	ksft_test_result(ok, "everything is reclaimed %s\n", r->name);
	cg_remove_tree("");
	cg_wait_total(others, 30);
	quiet();
}

enum { BY_CGROUP, BY_ALL, BY_MOUNT, NR_RECLAIMERS };
#define NR_ROUNDS	5
#define MOUNTS_AT_ONCE	6
#define DEPTH		8

static struct shared {
	volatile bool stop;
	volatile long reclaims;	/* of cgroups */
	volatile long first;	/* mount to be filled */
	volatile long filling;	/* cgroup */
} *shared;

/*
 * One task asks for memory of each cgroup there is, one for that of all, and one for
 * what each mount has, again and again, with time for others in between.  Where a limit
 * is the only way to ask, it is put off while a task is in the cgroup, which would sleep.
 */
static int reclaimer(void *arg)
{
	static const double rest[NR_RECLAIMERS] = { 0.002, 0.02, 0.002 };
	bool limit = !cg_has("top", "memory.reclaim");
	long how = (long)arg;
	char rel[64];
	long c;

	for (c = 0; !shared->stop; c++) {
		rel_of(rel, sizeof(rel), c % nr_cgroups);
		if (how == BY_CGROUP) {
			/* it may have gone */
			if (!limit || c % nr_cgroups != shared->filling)
				shared->reclaims += !cg_request(rel);
		} else if (how == BY_ALL ? ms_drop(2) : remount(c)) {
			return 1;
		}
		ms_sleep(rest[how]);
	}
	return 0;
}

static int fill_a_few(void *arg)
{
	return fill_some((long)arg, shared->first, MOUNTS_AT_ONCE, 1);
}

static bool removed(long n)
{
	char rel[64];

	rel_of(rel, sizeof(rel), n % nr_cgroups);
	if (!cg_remove(rel))
		return true;
	ksft_print_msg("rmdir of cgroup %ld: %s\n", n, strerror(errno));
	return false;
}

static bool race(double seconds, long *gone)
{
	double end = ms_now() + seconds;
	pid_t pid[NR_RECLAIMERS];
	long base, c, i, n;
	char rel[64];
	bool ok = true;

	quiet();
	base = ms_dentry_unused();
	made = 0;
	shared->stop = false;
	for (i = 0; i < NR_RECLAIMERS; i++)
		pid[i] = ms_spawn(NULL, NODE_ANY, reclaimer, (void *)i);
	for (n = 0; ok && ms_now() < end; n++) {
		c = n % nr_cgroups;
		rel_of(rel, sizeof(rel), c);
		shared->first = n * MOUNTS_AT_ONCE;
		shared->filling = c;
		if (cg_create(rel) || ms_run(rel, ms_node(n), fill_a_few, (void *)c)) {
			ksft_print_msg("cgroup %ld: %s\n", n, strerror(errno));
			ok = false;
		}
		/* each other one stays, without a task, while the next is filled */
		if (n % 2)
			ok = removed(n) && removed(n - 1) && ok;
	}
	ok = (!n || removed(n - 1)) && ok;
	*gone += n;
	shared->stop = true;
	for (i = 0; i < NR_RECLAIMERS; i++)
		if (ms_wait(pid[i]))
			ok = false;
	/* a few more, so that there is something to find */
	for (c = 0; ok && c < nr_cgroups; c++) {
		rel_of(rel, sizeof(rel), c);
		shared->first = c * MOUNTS_AT_ONCE;
		if (cg_create(rel) || ms_run(rel, ms_node(c), fill_a_few, (void *)c) ||
		    cg_remove(rel))
			ok = false;
	}
	made = ms_dentry_unused() - base;
	ms_sleep(0.2);
	reclaim("top", NULL);
	return !left(base, "the parent's limit") && ok;
}

static void races(double seconds)
{
	const char *name = "everything is reclaimed when all has happened at once";
	bool ok = true;
	long gone = 0;
	int i;

	if (ms_version == 1) {
		ksft_test_result_skip("%s: v1 reclaims only what has no tasks\n", name);
		return;
	}
	if (cg_create("top"))
		ksft_exit_fail_msg("mkdir: %s\n", strerror(errno));
	shared->reclaims = 0;
	for (i = 0; ok && i < NR_ROUNDS; i++)
		ok = race(seconds / NR_ROUNDS, &gone);
	if (!shared->reclaims) {
		ksft_print_msg("no cgroup was there to be reclaimed\n");
		ok = false;
	}
	ms_metric("reclaim.races.cgroups", gone, "cgroups");
	ms_metric("reclaim.races.reclaims", shared->reclaims, "reclaims");
	ksft_test_result(ok, "%s\n", name);
	cg_remove_tree("");
	quiet();
}

/*
 * A process ends, and with it its names in all instances of proc, at about the time when
 * the cgroup that has cached them goes with all those above it: they are handed over from
 * one to the next, up to a parent that has lists or has none. Names go whatever list they
 * are on: if that is a wrong one, the kernel says so, or hangs.
 */
static void ends(double seconds)
{
	const char *name = "what is freed while its cgroup goes is gone";
	double end = ms_now() + seconds;
	long base, n, c = nr_cgroups;
	char rel[DEPTH][64];
	bool ok = true;
	int i;

	strcpy(rel[0], "top");
	for (i = 1; i < DEPTH; i++)
		snprintf(rel[i], sizeof(rel[i]), "%.60s/l", rel[i - 1]);
	quiet();
	base = ms_dentry_unused();
	for (n = 0; ok && ms_now() < end; n++) {
		pids[c] = ms_spawn(NULL, NODE_ANY, sleeper, NULL);
		if (pids[c] < 0)
			ksft_exit_fail_msg("fork: %s\n", strerror(errno));
		for (i = n % 2; ok && i < DEPTH; i++)
			ok = !cg_create(rel[i]);
		ok = ok && !ms_run(rel[DEPTH - 1], ms_node(n / 2), fill, (void *)c);
		for (i = DEPTH - 1; ok && i > 0; i--)
			ok = !cg_remove(rel[i]);
		if (!ok)
			ksft_print_msg("cgroup %ld: %s\n", n, strerror(errno));
		/* the first goes offline a grace period later */
		ms_sleep(n % 16 / 2 * 0.004);
		ms_kill(pids[c]);
		if (n % 2)
			cg_remove(rel[0]);
	}
	cg_remove_tree("");
	cg_wait_total(others, 5);
	ms_metric("reclaim.ends.cgroups", n, "cgroups");
	made = n * nr_mounts / 2 * nr_names;
	ksft_test_result(!left(base, "their processes") && ok, "%s\n", name);
}

static void run(int argc, char **argv)
{
	struct slab_cache before, after;
	long i, seconds;
	double end;

	nr_cgroups = ms_arg(argc, argv, 1, NULL, 12);
	nr_mounts = ms_arg(argc, argv, 2, NULL, 140);
	seconds = ms_arg(argc, argv, 3, "MEMCG_SLAB_RACES", 10);
	if (nr_cgroups < 2 || nr_cgroups > MAX_CGROUPS)
		ksft_exit_fail_msg("2 to %d cgroups\n", MAX_CGROUPS);
	if (access("/proc/sys/vm/drop_caches", W_OK) || ms_dentry_unused() < 0)
		ksft_exit_skip("no /proc/sys/vm/drop_caches or dentry-state\n");
	shared = ms_shared(sizeof(*shared));
	before = slab_cache("list_lru_memcg");
	for (i = 0; i < nr_mounts; i++) {
		if (ms_mkdirf("%s/m%ld", ms_dir, i) || ms_mountf("proc", "%s/m%ld", ms_dir, i))
			ksft_exit_skip("mount of proc: %s\n", strerror(errno));
	}
	for (i = 0; i < nr_cgroups; i++) {
		pids[i] = ms_spawn(NULL, NODE_ANY, sleeper, NULL);
		if (pids[i] < 0)
			ksft_exit_fail_msg("fork: %s\n", strerror(errno));
	}
	if (!find_names())
		ksft_exit_fail_msg("no names in /proc/%d\n", pids[0]);
	others = cg_total();
	ksft_set_plan(ARRAY_LEN(routes) + 3);
	ksft_print_msg("%ld cgroups, %ld mounts, %ld names, %d nodes\n", nr_cgroups,
		       nr_mounts, nr_names, ms_nodes());
	for (i = 0; i < (long)ARRAY_LEN(routes); i++)
		by_route(&routes[i], 2);
	races(seconds);
	ends(seconds);

	for (i = 0; i < nr_cgroups; i++)
		ms_kill(pids[i]);
	for (i = 0; i < nr_mounts; i++)
		ms_umountf("%s/m%ld", ms_dir, i);
	quiet();
	if (before.found && !before.shared) {
		/* kfree_rcu() takes its time */
		end = ms_now() + 30;
		do {
			ms_sleep(0.2);
			ms_rcu();
			ms_shrink();
			after = slab_cache("list_lru_memcg");
		} while (after.active > before.active + 32 && ms_now() < end);
		ksft_print_msg("%lu lists before, %lu after\n", before.active, after.active);
		ksft_test_result(after.active <= before.active + 32,
				 "the lists go with the mounts\n");
	} else {
		ksft_test_result_skip("no cache list_lru_memcg to count\n");
	}
	ksft_exit(!ksft_get_fail_cnt());
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP | MS_KMEM, run);
}
