// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation of a call fails, one after the other: the call says so or
 * does without, it works the next time, and nothing is lost.
 *
 *   enomem [passes]
 *
 * Needs CONFIG_FAILSLAB and CONFIG_FAULT_INJECTION_DEBUG_FS.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

#define FAILSLAB	"/sys/kernel/debug/failslab/"
#define MOST		20000	/* allocations in a call */
#define ENOUGH		4.0	/* seconds for the passes of a case */
#define NR_CGROUPS	40

static long nr_passes;

static struct shared {
	int err;		/* of the call, 0: it worked */
	int again;		/* of the same once more */
	bool fired;
} *shared;

static int nth_fd = -1;

static bool nth_open(void)
{
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	return nth_fd >= 0;
}

static void nth_set(long n)
{
	char buf[16];
	int len = snprintf(buf, sizeof(buf), "%ld", n);

	if (pwrite(nth_fd, buf, len, 0) != len)
		_exit(120);
}

/* whether it has failed since; no more does */
static bool nth_end(void)
{
	char buf[16] = "";

	if (pread(nth_fd, buf, sizeof(buf) - 1, 0) <= 0)
		_exit(121);
	nth_set(0);
	return !atol(buf);
}

struct call {
	const char *name;
	const char *dir;
	bool in_cgroup;			/* in a new one each time */
	const char *(*missing)(void);	/* why it can't be tried */
	void (*prepare)(struct call *c);
	int (*fn)(struct call *c);	/* 0 or an errno */
	void (*undo)(struct call *c);
	int also;			/* an errno that is all right too */
	bool loud;			/* logs each failure: once will do */
	long nth;
};

static int do_call(void *arg)
{
	struct call *c = arg;

	if (!nth_open())
		return 2;
	nth_set(c->nth);
	shared->err = c->fn(c);
	shared->fired = nth_end();
	if (!shared->err)
		c->undo(c);
	shared->again = c->fn(c);
	if (!shared->again)
		c->undo(c);
	return 0;
}

static bool pass(struct call *c, long *nr)
{
	const char *rel = c->in_cgroup ? "new" : NULL;
	int ret;

	for (c->nth = 1; c->nth < MOST; c->nth++) {
		if (rel && cg_create(rel)) {
			ksft_print_msg("mkdir of a cgroup: %s\n", strerror(errno));
			return false;
		}
		if (c->prepare)
			c->prepare(c);
		ret = ms_run(rel, NODE_ANY, do_call, c);
		if (rel && cg_remove(rel)) {
			ksft_print_msg("rmdir of the cgroup: %s\n", strerror(errno));
			return false;
		}
		if (ret) {
			ksft_print_msg("allocation %ld: the task has ended with %d\n",
				       c->nth, ret);
			return false;
		}
		if (shared->err && shared->err != ENOMEM && shared->err != c->also) {
			ksft_print_msg("allocation %ld: %s\n", c->nth, strerror(shared->err));
			return false;
		}
		if (shared->again) {
			ksft_print_msg("allocation %ld: then it does not work again: %s\n",
				       c->nth, strerror(shared->again));
			return false;
		}
		if (!shared->fired) {
			*nr = c->nth - 1;
			if (!shared->err)
				return true;
			ksft_print_msg("nothing was made to fail, but: %s\n",
				       strerror(shared->err));
			return false;
		}
	}
	ksft_print_msg("no end after %d allocations\n", MOST);
	return false;
}

static void one_case(struct call *c)
{
	struct ms_mem before, after;
	long passes, nr = 0, total, more, most;
	const char *why = c->missing ? c->missing() : NULL;
	double end;
	bool ok;

	if (why) {
		ksft_test_result_skip("%s: %s\n", c->name, why);
		return;
	}
	total = cg_total();
	ok = pass(c, &nr);
	cg_wait_total(total, 30);
	ms_settle_drop(&before);
	end = ms_now() + ENOUGH;
	for (passes = 0; ok && passes < (c->loud ? 1 : nr_passes); passes++) {
		if (passes && ms_now() > end)
			break;
		ok = pass(c, &nr);
	}
	if (!cg_wait_total(total, 30)) {
		ksft_print_msg("%ld cgroups are still dying\n", cg_total() - total);
		ok = false;
	}
	most = 128 * 1024 + 32 * 1024 * ms_nodes();
	/* arrays by id where there are any, and dying cgroups have ids too */
	if (before.lists_objs < 0 && (c->in_cgroup || c->loud))
		most += 1024 * 1024;
	if (!ms_back(&before, &after, most))
		ok = false;
	more = after.slab - before.slab;
	ksft_print_msg("%ld allocations can fail; %ld passes; %ld kB more; kmalloc-32 %ld more\n",
		       nr, passes, more / 1024, after.k32_objs - before.k32_objs);
	if (after.lists_objs >= 0) {
		more = after.lists_objs - before.lists_objs;
		ksft_print_msg("%ld lists more\n", more);
		if (more > passes / 2 && more > 4)
			ok = false;
	}
	ksft_test_result(ok && nr > 0, "%s\n", c->name);
}

static int call_mount(struct call *c)
{
	return mount("none", c->dir, "tmpfs", 0, NULL) ? errno : 0;
}

static void undo_mount(struct call *c)
{
	ms_umount(c->dir);
}

static int call_create(struct call *c)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%.400s/file", c->dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static void undo_create(struct call *c)
{
	char path[512];

	snprintf(path, sizeof(path), "%.400s/file", c->dir);
	unlink(path);
}

static int call_stat(struct call *c)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%.400s/missing", c->dir);
	if (!stat(path, &st))
		return EEXIST;
	return errno == ENOENT ? 0 : errno;
}

static void undo_nothing(struct call *c)
{
	(void)c;
}

static int call_cgroup(struct call *c)
{
	(void)c;
	return mkdir(cg_path("mkdir", NULL), 0755) ? errno : 0;
}

static void undo_cgroup(struct call *c)
{
	(void)c;
	cg_remove("mkdir");
}

static char disk_dir[512];

static const char *no_disk(void)
{
	char path[600];
	const char *why, *dir;
	int fd;

	if (!ms_disk(&why))
		return why;
	snprintf(disk_dir, sizeof(disk_dir), "%.400s/disk", ms_dir);
	ms_mkdirf("%s", disk_dir);
	if (ms_mount_disk(disk_dir))
		return "can't mount the disk";
	dir = ms_disk_dir(disk_dir);
	if (!dir)
		return "can't make a directory on the disk";
	snprintf(disk_dir, sizeof(disk_dir), "%s", dir);
	snprintf(path, sizeof(path), "%s/enomem", disk_dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0)
		return "can't make a file on the disk";
	close(fd);
	sync();
	return NULL;
}

/* nothing of the file is cached */
static void forget(struct call *c)
{
	(void)c;
	/* dentries, and then the inodes that these held */
	ms_drop(2);
	ms_drop(2);
}

static int call_lookup(struct call *c)
{
	char path[600];
	struct stat st;

	(void)c;
	snprintf(path, sizeof(path), "%s/enomem", disk_dir);
	return stat(path, &st) ? errno : 0;
}

static bool failslab(void)
{
	if (access(FAILSLAB, F_OK)) {
		/* in our own mount namespace */
		if (mount("none", "/sys/kernel/debug", "debugfs", 0, NULL) ||
		    access(FAILSLAB, F_OK))
			return false;
	}
	/* also what may sleep, and in silence */
	return !ms_set(FAILSLAB "ignore-gfp-wait", "N") &&
	       !ms_set(FAILSLAB "verbose", "0");
}

static void run(int argc, char **argv)
{
	static char dir[512], mnt[512];
	struct call calls[] = {
		/* tmpfs says ENOSPC where it can't allocate an inode */
		{ "mount of a tmpfs", dir, false, NULL, NULL,
		  call_mount, undo_mount, ENOSPC, false, 0 },
		{ "first file of a cgroup on a mount", mnt, true, NULL, NULL,
		  call_create, undo_create, ENOSPC, false, 0 },
		{ "first look at a missing name by a cgroup", mnt, true, NULL, NULL,
		  call_stat, undo_nothing, 0, false, 0 },
		{ "first look at a file on a disk by a cgroup", NULL, true, no_disk, forget,
		  call_lookup, undo_nothing, 0, false, 0 },
		{ "mkdir of a cgroup", NULL, false, NULL, NULL,
		  call_cgroup, undo_cgroup, 0, true, 0 },
	};
	unsigned int i;

	nr_passes = ms_arg(argc, argv, 1, NULL, 20);
	shared = ms_shared(sizeof(*shared));
	if (!nth_open())
		ksft_exit_skip("no fail-nth: CONFIG_FAULT_INJECTION\n");
	if (!failslab())
		ksft_exit_skip("no failslab: CONFIG_FAILSLAB, CONFIG_FAULT_INJECTION_DEBUG_FS\n");
	close(nth_fd);
	snprintf(dir, sizeof(dir), "%.400s/m", ms_dir);
	snprintf(mnt, sizeof(mnt), "%.400s/n", ms_dir);
	if (ms_mkdirf("%s", dir) || ms_mkdirf("%s", mnt) || ms_mount("tmpfs", mnt))
		ksft_exit_fail_msg("set-up: %s\n", strerror(errno));
	for (i = 0; i < NR_CGROUPS; i++)
		if (cg_createf("c%u", i))
			ksft_exit_fail_msg("set-up: %s\n", strerror(errno));
	ksft_set_plan(ARRAY_LEN(calls));
	for (i = 0; i < ARRAY_LEN(calls); i++)
		one_case(&calls[i]);
	ksft_exit(!ksft_get_fail_cnt());
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP | MS_KMEM | MS_SLABINFO, run);
}
