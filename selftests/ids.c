// SPDX-License-Identifier: GPL-2.0
/*
 * Cgroups beyond the points where the space of their ids grows, while mounts
 * come and go and files are made and removed.
 *
 *   ids [cgroups]
 *
 * On kernels that have an array for the ids it has room for 4 at first, and
 * each time that id n does not fit it grows to 2 * (n + 1): 10, 22, 46, 94 ...
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

#define NR_OLD		4	/* mounts from before the ids were there */
#define NR_CHURN	2	/* tasks that mount */

static struct shared {
	volatile bool stop;
	volatile long mounts[NR_CHURN];
	volatile long current;		/* cgroups there are */
} *shared;

static int touch(const char *dir, const char *name)
{
	char path[512];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%.400s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0)
		return -1;
	close(fd);
	if (stat(path, &st) || unlink(path))
		return -1;
	return !stat(path, &st) || errno != ENOENT ? -1 : 0;
}

/* a task of the cgroup uses the old mounts */
static int use(void *arg)
{
	char dir[512];
	int i;

	for (i = 0; i < NR_OLD; i++) {
		snprintf(dir, sizeof(dir), "%.400s/old%d", ms_dir, i);
		if (touch(dir, arg))
			return 1;
	}
	return 0;
}

static int touch_dir(void *arg)
{
	return touch(arg, "from-a-cgroup") ? 1 : 0;
}

static int mounter(void *arg)
{
	long nr = (long)arg;
	char dir[512], rel[64];
	long i, n;

	snprintf(dir, sizeof(dir), "%.400s/new%ld", ms_dir, nr);
	for (i = 0; !shared->stop; i++) {
		if (ms_mount(i % 3 ? "tmpfs" : "ramfs", dir) &&
		    ms_mount("tmpfs", dir)) {
			printf("# mount: %s\n", strerror(errno));
			return 1;
		}
		if (touch(dir, "file")) {
			printf("# a file on a new mount: %s\n", strerror(errno));
			return 2;
		}
		/* the newest cgroup may be gone before the task is in it */
		n = shared->current;
		if (n && !(i % 4)) {
			pid_t pid;

			snprintf(rel, sizeof(rel), "c%ld", n - 1);
			pid = ms_spawn(rel, NODE_ANY, touch_dir, dir);
			if (pid > 0 && ms_wait(pid) == 1)
				return 3;
		}
		if (ms_umount(dir)) {
			printf("# umount: %s\n", strerror(errno));
			return 4;
		}
		shared->mounts[nr]++;
	}
	return 0;
}

static bool grow(long from, long to, bool use_each)
{
	char rel[64];
	long i;
	int ret;

	for (i = from; i < to; i++) {
		snprintf(rel, sizeof(rel), "c%ld", i);
		if (cg_create(rel)) {
			ksft_print_msg("mkdir of cgroup %ld: %s\n", i, strerror(errno));
			return false;
		}
		shared->current = i + 1;
		if (!use_each)
			continue;
		ret = ms_run(rel, ms_node(i), use, rel);
		if (ret) {
			ksft_print_msg("files in cgroup %ld: %d\n", i, ret);
			return false;
		}
	}
	return true;
}

static bool shrink(long from, long to)
{
	long i;

	shared->current = to;
	for (i = from; i-- > to;) {
		if (cg_removef("c%ld", i)) {
			ksft_print_msg("rmdir of cgroup %ld: %s\n", i, strerror(errno));
			return false;
		}
	}
	return true;
}

static void run(int argc, char **argv)
{
	long most, n, total, i, steps = 0, mounts = 0;
	struct ms_mem before, after;
	pid_t pid[NR_CHURN];
	bool ok = true;
	int ret;

	most = ms_arg(argc, argv, 1, "MEMCG_SLAB_IDS", 400);
	shared = ms_shared(sizeof(*shared));
	for (i = 0; i < NR_OLD; i++)
		if (ms_mkdirf("%s/old%ld", ms_dir, i) ||
		    ms_mountf(i ? "tmpfs" : "ramfs", "%s/old%ld", ms_dir, i))
			ksft_exit_fail_msg("mount: %s\n", strerror(errno));
	for (i = 0; i < NR_CHURN; i++)
		ms_mkdirf("%s/new%ld", ms_dir, i);
	ksft_set_plan(4);
	total = cg_total();

	/* the ids once to where they will be, so that memory can be compared */
	if (!grow(0, 8, true) || !shrink(8, 0))
		ok = false;
	cg_wait_total(total, 30);
	ms_settle_drop(&before);

	for (i = 0; i < NR_CHURN; i++)
		pid[i] = ms_spawn(NULL, NODE_ANY, mounter, (void *)i);
	/* just past each point, then all away, and further the next time */
	for (n = 4; ok && n < most; n = 2 * (n + 1)) {
		ok = grow(0, n + 1, false) && grow(n + 1, n + 4, true) && shrink(n + 4, 0);
		steps++;
	}
	ksft_test_result(ok, "ids grow %ld times while mounts come and go\n", steps);
	/* the highest id stays in use while those below come and go */
	if (ok)
		ok = grow(0, most, false) && grow(most, most + 10, true);
	for (i = 0; ok && i < most; i += 3)
		if (cg_removef("c%ld", i))
			ok = false;
	for (i = 0; ok && i < most; i += 3)
		if (cg_createf("c%ld", i))
			ok = false;
	for (i = 0; ok && i < most; i += most / 40 + 1) {
		char rel[64];

		snprintf(rel, sizeof(rel), "c%ld", i);
		if (ms_run(rel, ms_node(i), use, rel))
			ok = false;
	}
	ok = ok && shrink(most + 10, 0);
	ksft_test_result(ok, "ids are used again while mounts come and go\n");

	shared->stop = true;
	ok = true;
	for (i = 0; i < NR_CHURN; i++) {
		ret = ms_wait(pid[i]);
		mounts += shared->mounts[i];
		if (ret) {
			ksft_print_msg("a task that mounts has failed: %d\n", ret);
			ok = false;
		}
	}
	ms_metric("ids.mounts", mounts, "mounts");
	ksft_test_result(ok && mounts > 0, "mounts come and go while ids grow\n");

	ok = cg_gone(total, 30);
	/*
	 * What stays: the arrays of the root and old mounts on kernels that have
	 * them, slabs that are not full.
	 */
	n = (NR_OLD + 16) * 2 * 2 * (most + 16) * 40L * ms_nodes() + 1024 * 1024;
	if (slab_cache("list_lru_memcg").found)
		n = 256 * 1024 + 64 * 1024 * ms_nodes();
	ok = ms_back(&before, &after, n, 30) && ok;
	ms_metric("ids.left", (after.used - before.used) / MS_KB, "kB");
	ksft_test_result(ok, "nothing is left behind\n");
	ksft_exit(!ksft_get_fail_cnt());
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP | MS_KMEM | MS_SLABINFO, run);
}
