// SPDX-License-Identifier: GPL-2.0
/*
 * An ordinary container host: each container in its own leaf of a hierarchy
 * that is four deep, with a few mounts, and a few files on each.
 *
 *   load_pods [pods] [mounts a pod] [files a mount] [prefix of the metrics]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

static long nr_pods, nr_mounts, nr_files;
static const char *prefix = "pods";

static void die(const char *what, long i)
{
	ksft_exit_fail_msg("%s %ld: %s\n", what, i, strerror(errno));
}

static void metric(const char *name, double val, const char *unit)
{
	char full[96];

	snprintf(full, sizeof(full), "%.32s.%s", prefix, name);
	ms_metric(full, val, unit);
}

static int container(void *arg)
{
	long pod = (long)arg, i, j;
	char name[512];
	int fd;

	for (i = 0; i < nr_mounts; i++) {
		for (j = 0; j < nr_files; j++) {
			snprintf(name, sizeof(name), "%.400s/p%ld.%ld/f%ld",
				 ms_dir, pod, i, j);
			fd = open(name, O_WRONLY | O_CREAT, 0644);
			if (fd < 0)
				return 1;
			close(fd);
		}
	}
	return 0;
}

static double mount_sum, mount_worst;

static void start_pod(long pod)
{
	long i;

	if (cg_createf("kubepods/burstable/pod%ld", pod) ||
	    cg_createf("kubepods/burstable/pod%ld/ctr", pod))
		die("cgroup of pod", pod);
	for (i = 0; i < nr_mounts; i++) {
		double t = ms_now();

		if (ms_mountf("tmpfs", "%s/p%ld.%ld", ms_dir, pod, i))
			die("mount of pod", pod);
		t = ms_now() - t;
		mount_sum += t;
		if (t > mount_worst)
			mount_worst = t;
	}
}

static void enter_pod(long pod)
{
	char rel[128];

	snprintf(rel, sizeof(rel), "kubepods/burstable/pod%ld/ctr", pod);
	if (ms_run(rel, NODE_ANY, container, (void *)pod))
		die("files of pod", pod);
}

static void stop_pod(long pod)
{
	long i;

	for (i = nr_mounts; i--;)
		if (ms_umountf("%s/p%ld.%ld", ms_dir, pod, i))
			die("umount of pod", pod);
	if (cg_removef("kubepods/burstable/pod%ld/ctr", pod) ||
	    cg_removef("kubepods/burstable/pod%ld", pod))
		die("rmdir of the cgroup of pod", pod);
}

static void run(int argc, char **argv)
{
	struct ms_mem base, up, down;
	long total, i, j, warm;
	double t;

	nr_pods = ms_arg(argc, argv, 1, NULL, 500);
	nr_mounts = ms_arg(argc, argv, 2, NULL, 3);
	nr_files = ms_arg(argc, argv, 3, NULL, 5);
	if (argc > 4)
		prefix = argv[4];
	ksft_set_plan(1);
	metric("pods", nr_pods, "pods");
	metric("mounts", nr_mounts, "mounts");
	metric("files", nr_files, "files");
	metric("nodes", ms_nodes(), "nodes");

	for (i = 0; i < nr_pods; i++)
		for (j = 0; j < nr_mounts; j++)
			if (ms_mkdirf("%s/p%ld.%ld", ms_dir, i, j))
				die("mkdir", i);
	if (cg_create_path("kubepods/burstable"))
		die("cgroup", 0);
	total = cg_total();
	warm = nr_pods < 8 ? nr_pods : 8;
	for (i = 0; i < warm; i++)
		start_pod(i);
	for (i = 0; i < warm; i++)
		enter_pod(i);
	for (i = 0; i < warm; i++)
		stop_pod(i);
	cg_wait_total(total, 30);
	ms_settle(&base);

	mount_sum = 0;
	mount_worst = 0;
	t = ms_now();
	for (i = 0; i < nr_pods; i++) {
		start_pod(i);
		enter_pod(i);
	}
	metric("start", ms_now() - t, "s");
	ms_settle(&up);
	metric("slab", (up.slab - base.slab) / MS_MB, "MB");
	metric("slabinfo", (up.slabinfo - base.slabinfo) / MS_MB, "MB");
	metric("vmalloc", (up.vmalloc - base.vmalloc) / MS_MB, "MB");
	metric("percpu", (up.percpu - base.percpu) / MS_MB, "MB");
	metric("kmalloc32", (up.k32_bytes - base.k32_bytes) / MS_MB, "MB");
	if (up.lists_bytes >= 0) {
		metric("lists", (up.lists_bytes - base.lists_bytes) / MS_KB, "kB");
		metric("lists_objects", up.lists_objs - base.lists_objs, "objects");
	}
	metric("slab_per_container", (up.slab - base.slab) / MS_KB / nr_pods, "kB");
	metric("mount.avg", mount_sum * 1e3 / (nr_pods * nr_mounts), "ms");
	metric("mount.worst", mount_worst * 1e3, "ms");

	t = ms_now();
	for (i = 0; i < nr_pods; i++)
		stop_pod(i);
	metric("stop", ms_now() - t, "s");
	cg_wait_total(total, 60);
	ms_settle(&down);
	metric("left", (down.slab - base.slab) / MS_MB, "MB");
	ksft_test_result_pass("load_pods\n");
	ksft_exit_pass();
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP | MS_SLABINFO, run);
}
