// SPDX-License-Identifier: GPL-2.0
/*
 * All at once, on every node: mount, create, stat, unlink, drop_caches, squeeze,
 * rmdir, umount.  The kernel's own checks say most of the verdict; here, that no
 * call fails that should not, that all comes to an end, and that nothing stays.
 *
 *   churn [seconds] [tasks a node]
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

#define NR_SHARED	4	/* mounts that everybody uses */
#define MAX_TASKS	256
#define STUCK		300	/* seconds until all have ended; a guest may be starved */

struct task {
	int nr;
	int node;
	unsigned int seed;
	volatile long rounds;
	volatile int err;
	char what[96];
};

static struct shared {
	volatile bool stop;
	struct task task[MAX_TASKS];
} *shared;

static struct ms_cache cache;

static unsigned int rnd(struct task *t, unsigned int n)
{
	t->seed = t->seed * 1103515245 + 12345;
	return (t->seed >> 16) % n;
}

static int failed(struct task *t, const char *what)
{
	t->err = errno;
	snprintf(t->what, sizeof(t->what), "%s: %s", what, strerror(errno));
	return 1;
}

struct visit {
	struct task *t;
	char dir[300];
};

/* in the cgroup: make, look for, remove, and leave something behind */
static int visit(void *arg)
{
	struct visit *v = arg;
	struct task *t = v->t;
	char path[512];
	struct stat st;
	int i, fd;

	for (i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "%s/t%d-%u", v->dir, t->nr, rnd(t, 32));
		switch (rnd(t, 4)) {
		case 0:
			if (!stat(path, &st) || errno == ENOENT)
				break;
			return failed(t, "stat");
		case 1:
			if (!unlink(path) || errno == ENOENT)
				break;
			return failed(t, "unlink");
		default:
			fd = open(path, O_WRONLY | O_CREAT, 0600);
			if (fd < 0)
				return failed(t, "open");
			close(fd);
		}
	}
	ms_cache_fill(&cache, t->nr * 64 + rnd(t, 64), cache.disk ? 16 : 0);
	return 0;
}

static int round_of(struct task *t)
{
	struct visit v = { .t = t };
	char rel[64], own[300];
	bool deep = rnd(t, 3) == 0;
	int ret, i;

	snprintf(own, sizeof(own), "%.250s/own%d", ms_dir, t->nr);
	if (ms_mount(rnd(t, 4) ? "tmpfs" : "ramfs", own))
		return failed(t, "mount");
	snprintf(rel, sizeof(rel), "t%d", t->nr);
	if (cg_create(rel))
		return failed(t, "mkdir of a cgroup");
	if (deep) {
		snprintf(rel, sizeof(rel), "t%d/sub", t->nr);
		if (cg_create(rel))
			return failed(t, "mkdir of a cgroup below");
	}
	for (i = 0; i < 3; i++) {
		if (rnd(t, 2))
			snprintf(v.dir, sizeof(v.dir), "%s", own);
		else
			snprintf(v.dir, sizeof(v.dir), "%.250s/all%u", ms_dir,
				 rnd(t, NR_SHARED));
		ret = ms_run(rel, t->node, visit, &v);
		if (ret == 1 && t->err)
			return 1;
		if (ret) {
			errno = ret;
			return failed(t, "a task in the cgroup has ended badly");
		}
	}
	switch (rnd(t, 8)) {
	case 0:
		ms_drop(1 + rnd(t, 3));
		break;
	case 1:
		cg_reclaim(rel);
		break;
	}
	/* the mount may go before or after the cgroup */
	if (rnd(t, 2) && ms_umount(own))
		return failed(t, "umount");
	if (cg_remove(rel))
		return failed(t, "rmdir of a cgroup");
	snprintf(rel, sizeof(rel), "t%d", t->nr);
	if (deep && cg_remove(rel))
		return failed(t, "rmdir of the cgroup above");
	if (ms_umount(own) && errno != EINVAL)
		return failed(t, "umount");
	return 0;
}

static int task(void *arg)
{
	struct task *t = arg;

	if (ms_bind(t->node))
		return failed(t, "bind");
	while (!shared->stop) {
		if (round_of(t))
			return 1;
		t->rounds++;
	}
	return 0;
}

static void run(int argc, char **argv)
{
	long seconds, per_node, nr, total, i, rounds = 0, least = 0;
	struct ms_mem before, after;
	pid_t pid[MAX_TASKS];
	double end;
	bool ok = true;
	const char *why;
	long n;

	seconds = ms_arg(argc, argv, 1, "MEMCG_SLAB_CHURN", 15);
	per_node = ms_arg(argc, argv, 2, NULL, 2);
	nr = per_node * ms_nodes();
	if (nr > MAX_TASKS)
		nr = MAX_TASKS;
	shared = ms_shared(sizeof(*shared));
	for (i = 0; i < NR_SHARED; i++)
		if (ms_mkdirf("%s/all%ld", ms_dir, i) ||
		    ms_mountf(i ? "tmpfs" : "ramfs", "%s/all%ld", ms_dir, i))
			ksft_exit_fail_msg("mount: %s\n", strerror(errno));
	for (i = 0; i < nr; i++) {
		ms_mkdirf("%s/own%ld", ms_dir, i);
		shared->task[i].nr = i;
		shared->task[i].node = ms_node(i);
		shared->task[i].seed = i + 1;
	}
	why = ms_cache_open(&cache);
	if (why)
		ksft_exit_skip("%s\n", why);
	ksft_set_plan(3);
	total = cg_total();

	/* one round of each, alone: what comes once has come */
	for (i = 0; ok && i < nr; i++)
		ok = !round_of(&shared->task[i]);
	if (!ok)
		ksft_exit_fail_msg("%s\n", shared->task[i - 1].what);
	/* a cgroup stays as long as page cache that is charged to it */
	ms_cache_close(&cache);
	ms_drop(3);
	cg_wait_total(total, 30);
	ms_settle_drop(&before);
	why = ms_cache_open(&cache);
	if (why)
		ksft_exit_fail_msg("%s\n", why);

	for (i = 0; i < nr; i++)
		pid[i] = ms_spawn(NULL, NODE_ANY, task, &shared->task[i]);
	end = ms_now() + seconds;
	while (ms_now() < end) {
		ms_sleep(0.2);
		for (i = 0; i < nr; i++)
			if (shared->task[i].err)
				end = 0;
	}
	shared->stop = true;
	end = ms_now() + STUCK;
	for (i = 0; i < nr; i++) {
		while (pid[i] > 0 && !kill(pid[i], 0) && ms_now() < end) {
			char path[64], buf[256];
			const char *p;

			snprintf(path, sizeof(path), "/proc/%d/stat", pid[i]);
			p = ms_read(path, buf, sizeof(buf)) > 0 ? strrchr(buf, ')') : NULL;
			if (!p || p[2] == 'Z')
				break;
			ms_sleep(0.02);
		}
		if (ms_now() >= end) {
			ksft_print_msg("task %ld is stuck\n", i);
			ok = false;
			break;
		}
		if (ms_wait(pid[i])) {
			ksft_print_msg("task %ld on node %d: %s\n", i, shared->task[i].node,
				       shared->task[i].what);
			ok = false;
		}
	}
	for (i = 0; i < nr; i++) {
		rounds += shared->task[i].rounds;
		if (!i || shared->task[i].rounds < least)
			least = shared->task[i].rounds;
	}
	ms_metric("churn.rounds", rounds, "rounds");
	ms_metric("churn.rounds_least", least, "rounds");
	ksft_test_result(ok, "%ld tasks on %d nodes: nothing fails or hangs\n", nr, ms_nodes());
	ksft_test_result(least > 0, "every task has got somewhere\n");

	for (i = 0; i < NR_SHARED; i++) {
		ms_umountf("%s/all%ld", ms_dir, i);
		ms_mountf(i ? "tmpfs" : "ramfs", "%s/all%ld", ms_dir, i);
	}
	ms_cache_close(&cache);
	ok = true;
	if (cg_remove_tree("")) {
		ksft_print_msg("cgroups can't be removed: %s\n", strerror(errno));
		ok = false;
	}
	ms_settle_drop(&after);
	ok = cg_gone(total, 30) && ok;
	/* arrays by id where there are any; slabs that are not full */
	n = 1024 * 1024 + 128 * 1024 * ms_nodes();
	ok = ms_back(&before, &after, n, 30) && ok;
	ms_metric("churn.left", (after.used - before.used) / MS_KB, "kB");
	if (after.lists_objs >= 0)
		ms_metric("churn.lists_left", after.lists_objs - before.lists_objs, "objects");
	ksft_test_result(ok, "nothing is left behind\n");
	ksft_exit(!ksft_get_fail_cnt());
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP | MS_KMEM | MS_SLABINFO, run);
}
