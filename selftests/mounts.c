// SPDX-License-Identifier: GPL-2.0
/*
 * More mounts than bits fit in two pages (65,344 of them): an inode whose allocation
 * may not fail is allocated by a cgroup that has had nothing on its file system.
 *
 *   mounts [mounts]
 *
 * The last shrinker is that of an XFS, whose inodes are allocated with __GFP_NOFAIL,
 * and opened by a handle, so that no dentry comes first. To ask kmalloc() for more
 * than two pages like that for the cgroup's bits is a WARNING of the kernel, which who
 * runs this looks for. The file system is the one on the device $MEMCG_SLAB_XFS, to
 * which a file is written.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

static union {
	struct file_handle h;
	char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
} handle;

static char xfs[512];

static int open_by_handle(void *unused)
{
	int dir = open(xfs, O_RDONLY | O_DIRECTORY);
	int fd = open_by_handle_at(dir, &handle.h, O_RDONLY);

	(void)unused;
	if (fd < 0)
		ksft_print_msg("open_by_handle_at: %s\n", strerror(errno));
	return fd < 0;
}

/* makes a file on it, of which nothing is cached any more */
static const char *make_file(const char *dev)
{
	const char *why = NULL;
	char file[600];
	int fd, id;

	if (mount(dev, xfs, "xfs", 0, NULL))
		return "no XFS there";
	snprintf(file, sizeof(file), "%s/memcg_slab", xfs);
	fd = open(file, O_CREAT | O_RDWR, 0600);
	handle.h.handle_bytes = MAX_HANDLE_SZ;
	if (fd < 0)
		why = "no file can be made";
	else if (name_to_handle_at(AT_FDCWD, file, &handle.h, &id, 0))
		why = "no CONFIG_FHANDLE";
	close(fd);
	umount(xfs);
	return why;
}

static void run(int argc, char **argv)
{
	const char *name = "an inode that may not fail, of a mount beyond 65,000";
	long i, n = ms_arg(argc, argv, 1, "MEMCG_SLAB_MOUNTS", 66000);
	const char *dev = getenv("MEMCG_SLAB_XFS");
	const char *why;
	double t;

	if (!dev || !*dev)
		ksft_exit_skip("no $MEMCG_SLAB_XFS\n");
	snprintf(xfs, sizeof(xfs), "%.400s/xfs", ms_dir);
	if (ms_mkdirf("%s", xfs) || cg_create("c"))
		ksft_exit_fail_msg("set-up: %s\n", strerror(errno));
	why = make_file(dev);
	if (why)
		ksft_exit_skip("%s: %s\n", dev, why);
	ksft_set_plan(2);
	t = ms_now();
	for (i = 0; i < n; i++)
		if (ms_mkdirf("%s/m%ld", ms_dir, i) ||
		    ms_mountf("tmpfs", "%s/m%ld", ms_dir, i))
			break;
	ms_metric("mounts.avg", (ms_now() - t) / n * 1e3, "ms");
	ksft_test_result(i == n, "%ld mounts\n", i);
	if (mount(dev, xfs, "xfs", 0, NULL))
		ksft_test_result_fail("%s: %s\n", name, strerror(errno));
	else
		ksft_test_result(!ms_run("c", NODE_ANY, open_by_handle, NULL), "%s\n", name);
	while (i--)
		ms_umountf("%s/m%ld", ms_dir, i);
	ksft_exit(!ksft_get_fail_cnt());
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP | MS_KMEM, run);
}
