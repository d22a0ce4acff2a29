// SPDX-License-Identifier: GPL-2.0
/*
 * What cgroups and mounts cost together: nothing that neither of them costs
 * alone, but for the lists of a cgroup whose objects are on a mount.
 *
 *   footprint [cgroups] [mounts]
 *
 * Before lists were allocated on demand, each list_lru (two a mount) took for
 * every node and every cgroup id, used or not, a list of 32 bytes from
 * kmalloc-32 and a pointer to it. Since then a list has taken a node or two of an
 * xarray, and each 64 mounts 520 bytes for every cgroup and node, used or not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

#define NR_USERS	20
#define DEPTH		5
#define NR_CASES	17

static long nr_cgroups, nr_mounts;
static struct ms_mem start;
static long few;			/* what the mounts cost with few cgroups */

static void die(const char *what, long i)
{
	ksft_exit_fail_msg("%s %ld: %s\n", what, i, strerror(errno));
}

static void make_mounts_of(const char *set)
{
	long i;

	for (i = 0; i < nr_mounts; i++)
		if (ms_mountf("tmpfs", "%s/%s%ld", ms_dir, set, i))
			die("mount", i);
}

static void drop_mounts_of(const char *set)
{
	long i;

	for (i = nr_mounts; i--;)
		if (ms_umountf("%s/%s%ld", ms_dir, set, i))
			die("umount", i);
}

static void make_mounts(void)
{
	make_mounts_of("m");
}

static void drop_mounts(void)
{
	drop_mounts_of("m");
}

static void make_cgroups(const char *prefix, long n)
{
	long i;

	for (i = 0; i < n; i++)
		if (cg_createf("%s%ld", prefix, i))
			die("mkdir of cgroup", i);
}

static void drop_cgroups(const char *prefix, long n)
{
	long i;

	for (i = n; i--;)
		if (cg_removef("%s%ld", prefix, i))
			die("rmdir of cgroup", i);
}

static void number(const char *name, double val, const char *unit)
{
	char buf[96];

	snprintf(buf, sizeof(buf), "footprint.%s", name);
	ms_metric(buf, val, unit);
}

/* a result that is about bytes; those about objects are exact everywhere */
static void bytes_result(bool ok, const char *what)
{
	if (ms_kasan())
		ksft_test_result_skip("%s: no sizes with KASAN\n", what);
	else
		ksft_test_result(ok, "%s\n", what);
}

/*
 * What may differ for other reasons: what a cgroup, a task or a worker holds for some
 * time.  "held" is counted by objects; slabs that are not full differ by more than this.
 */
static long slack(void)
{
	return 96 * 1024 + 32 * 1024 * ms_nodes();
}

/* a cgroup's units of shrinkers, where there are such: some share one */
static long units_of(long mounts)
{
	return (mounts / 8 + 2) * ms_nodes();
}

/* caches dropped, and what waits for a worker has had its time */
static void back_to(const struct ms_mem *then, const char *when, const char *what)
{
	struct ms_mem now;
	long most = then->used / 100;
	/* but for the cgroup of this test, to which those below are handed, and the root fs */
	long lists = then->lists_objs + 16;
	long units = then->units_objs + units_of(nr_mounts);
	char name[32];
	double end;
	bool ok;

	/* the longer ago, the more of that: tasks, their files, their signals */
	if (most < slack() + 256 * 1024)
		most = slack() + 256 * 1024;
	if (ms_kasan()) {
		end = ms_now() + 30;
		do {
			ms_settle_drop(&now);
		} while ((now.lists_objs > lists || now.units_objs > units) && ms_now() < end);
		ok = true;
	} else {
		ok = ms_back(then, &now, most, 30);
	}
	snprintf(name, sizeof(name), "%s.more", when);
	number(name, (now.used - then->used) / MS_KB, "kB");
	if (now.lists_objs > lists) {
		ksft_print_msg("%ld lists more than before\n",
			       now.lists_objs - then->lists_objs);
		ok = false;
	}
	if (now.units_objs >= 0) {
		snprintf(name, sizeof(name), "%s.units", when);
		number(name, now.units_objs - then->units_objs, "objects");
	}
	if (now.units_objs > units) {
		ksft_print_msg("%ld shrinker units more than before\n",
			       now.units_objs - then->units_objs);
		ok = false;
	}
	if (ok && ms_kasan() && now.lists_objs < 0)
		bytes_result(ok, what);
	else
		ksft_test_result(ok, "%s\n", what);
}

/* a file of the cgroup's own on each mount */
static int use_mounts(void *arg)
{
	const char *tag = arg;
	char name[512];
	long i;
	int fd;

	for (i = 0; i < nr_mounts; i++) {
		snprintf(name, sizeof(name), "%.400s/m%ld/%s", ms_dir, i, tag);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd < 0)
			return 1;
		close(fd);
	}
	return 0;
}

static void unuse_mounts(const char *tag)
{
	char name[512];
	long i;

	for (i = 0; i < nr_mounts; i++) {
		snprintf(name, sizeof(name), "%.400s/m%ld/%s", ms_dir, i, tag);
		unlink(name);
	}
}

/* looks around, but not on the mounts */
static int idle(void *arg)
{
	char buf[256];

	(void)arg;
	return ms_read("/proc/self/stat", buf, sizeof(buf)) <= 0;
}

/* what is charged to a cgroup, and whose inodes are never on an LRU list */
static int pipes(void *arg)
{
	int fd[2];

	(void)arg;
	if (pipe(fd) || eventfd(0, 0) < 0)
		return 1;
	return socketpair(AF_UNIX, SOCK_STREAM, 0, fd) && errno != EAFNOSUPPORT;
}

/* all the nodes of a cgroup and list_lru in one structure */
static double list_size(void)
{
	return (88 + 32 * ms_node_ids() + 63) / 64 * 64;
}

/*
 * A list's structure holds all the nodes; then the objects with what says whose
 * they are, and what tells the shrinkers of them.
 */
static double users_cost(long users)
{
	struct slab_cache list = slab_cache("list_lru_memcg");
	struct slab_cache dentry = slab_cache("dentry");
	struct slab_cache inode = slab_cache("shmem_inode_cache");
	double formula = list_size();
	double objects;

	if (list.found && list.objsize > formula) {
		ksft_print_msg("a list takes %lu bytes, more than %.0f\n",
			       list.objsize, formula);
		/* lockdep is in each node's lock */
		if (!access("/proc/lockdep", F_OK))
			formula = list.objsize;
	}
	objects = (dentry.found ? dentry.objsize : 192) + (inode.found ? inode.objsize : 800) + 16;
	return 1.2 * users * (nr_mounts * (2 * formula + objects) +
			      units_of(nr_mounts) * 200.0) + slack();
}

static void mounts_and_cgroups(struct ms_mem *before, struct ms_mem *after)
{
	long many, most;
	double k32;

	many = after->held - before->held;
	k32 = (double)(after->k32_objs - before->k32_objs) / nr_mounts;
	number("mounts.kmalloc32_per_mount", k32, "objects");
	number("mounts.held_few", few / MS_KB, "kB");
	number("mounts.held_many", many / MS_KB, "kB");

	ksft_test_result(k32 <= 64, "tmpfs: a mount allocates no lists for %ld cgroups\n",
			 nr_cgroups);
	most = nr_mounts * (12 + ms_node_ids()) * 1024 + slack();
	bytes_result(many <= most, "tmpfs: a mount costs no more than a mount");
	bytes_result(many - few <= slack(),
		     "tmpfs: mounts cost the same with few and with many cgroups");
}

static void disk_mount(void)
{
	const char *name = "disk: a mount allocates no lists for idle cgroups";
	struct ms_mem before, after;
	const char *why;
	char dir[512];
	long k32;

	if (!ms_disk(&why)) {
		ksft_test_result_skip("%s: %s\n", name, why);
		return;
	}
	snprintf(dir, sizeof(dir), "%.400s/disk", ms_dir);
	ms_mkdirf("%s", dir);
	/* the first time makes what stays, such as the device's page cache */
	if (ms_mount_disk(dir)) {
		ksft_test_result_fail("%s: mount: %s\n", name, strerror(errno));
		return;
	}
	ms_umount(dir);
	ms_settle(&before);
	if (ms_mount_disk(dir)) {
		ksft_test_result_fail("%s: mount: %s\n", name, strerror(errno));
		return;
	}
	ms_settle(&after);
	k32 = after.k32_objs - before.k32_objs;
	number("disk.kmalloc32", k32, "objects");
	number("disk.held", (after.held - before.held) / MS_KB, "kB");
	ksft_test_result(k32 <= 512, "%s\n", name);
	ms_umount(dir);
}

static void run(int argc, char **argv)
{
	struct slab_cache index, now;
	struct ms_mem before, after, then;
	long total, i, j, most, most_lists, more, nr_more;
	double alone, with, flat, deep;
	char rel[512], tag[64];

	nr_cgroups = ms_arg(argc, argv, 1, "MEMCG_SLAB_CGROUPS", 300);
	nr_mounts = ms_arg(argc, argv, 2, "MEMCG_SLAB_MOUNTS", 80);
	if (nr_cgroups < NR_USERS)
		nr_cgroups = NR_USERS;
	/* two a mount; and a host has other cgroups, which look at something meanwhile */
	most_lists = (NR_USERS * 2 + 1) * nr_mounts;
	ksft_set_plan(NR_CASES);
	ksft_print_msg("%ld cgroups, %ld mounts, %d nodes\n", nr_cgroups, nr_mounts, ms_nodes());

	for (i = 0; i < nr_mounts; i++)
		if (ms_mkdirf("%s/m%ld", ms_dir, i) || ms_mkdirf("%s/n%ld", ms_dir, i))
			die("mkdir", i);

	/* once, so that what is made once has been made */
	total = cg_total();
	make_cgroups("warm", 2);
	make_mounts();
	if (ms_run("warm0", NODE_ANY, use_mounts, "f"))
		die("use of the mounts", 0);
	drop_mounts();
	ms_settle(&start);

	make_mounts();
	ms_settle(&after);
	few = after.held - start.held;
	drop_mounts();
	drop_cgroups("warm", 2);

	/* tables of ids and names have grown to what they will be */
	make_cgroups("c", nr_cgroups);
	drop_cgroups("c", nr_cgroups);
	cg_wait_total(total, 30);
	ms_settle_drop(&start);

	/* cgroups alone */
	ms_settle(&before);
	make_cgroups("c", nr_cgroups);
	ms_settle(&after);
	alone = (after.held - before.held) / (double)nr_cgroups;
	number("cgroups.held_alone", alone / MS_KB, "kB");

	/* mounts with the cgroups there */
	before = after;
	make_mounts();
	ms_settle(&after);
	mounts_and_cgroups(&before, &after);

	/* more mounts than there ever were: a table for all may have to grow */
	then = after;
	make_mounts_of("n");
	ms_settle(&after);
	more = after.held - then.held - few;
	number("mounts.held_beyond", more / MS_KB, "kB");
	/* half of what a block of 64 shrinkers costs them where it does (7.3) */
	bytes_result(more <= slack() || more <= nr_cgroups * ms_nodes() * 512,
		     "tmpfs: twice the mounts cost idle cgroups nothing");
	drop_mounts_of("n");
	ms_settle(&after);

	/* used: counted from before the mounts, so that nothing was made ahead */
	index = slab_cache("radix_tree_node");
	for (i = 0; i < NR_USERS; i++) {
		snprintf(rel, sizeof(rel), "c%ld", i);
		snprintf(tag, sizeof(tag), "flat%ld", i);
		if (ms_run(rel, NODE_ANY, use_mounts, tag))
			die("use of the mounts", i);
	}
	then = after;
	ms_settle(&after);
	most = few + users_cost(NR_USERS);
	more = after.held - before.held;
	flat = after.held - then.held;
	number("used.held", more / MS_KB, "kB");
	number("used.most", most / MS_KB, "kB");
	number("used.flat", flat / MS_KB, "kB");
	bytes_result(more <= most, "used: cgroups pay for their own lists only");
	if (after.lists_objs >= 0 && then.lists_objs >= 0) {
		more = after.lists_objs - then.lists_objs;
		number("used.lists_flat", more, "objects");
		ksft_test_result(more > 0 && more <= most_lists,
				 "used: one structure for a cgroup and list_lru\n");
	} else {
		ksft_test_result_skip("used: no cache list_lru_memcg to count\n");
	}
	now = slab_cache("radix_tree_node");
	more = (long)now.active - (long)index.active;
	number("used.xarray_nodes", more, "objects");
	ksft_test_result(more <= nr_mounts / 2, "used: no xarray for a few lists\n");
	if (after.units_objs >= 0) {
		more = after.units_objs - then.units_objs;
		number("used.units", more, "objects");
		ksft_test_result(more > 0 && more <= NR_USERS * units_of(nr_mounts),
				 "used: shrinker units for who has objects\n");
	} else {
		ksft_test_result_skip("used: no cache shrinker_unit to count\n");
	}
	for (i = 0; i < NR_USERS; i++) {
		snprintf(tag, sizeof(tag), "flat%ld", i);
		unuse_mounts(tag);
	}

	/*
	 * More cgroups with the mounts there.  An array for the ids may have room
	 * for twice those that there were: outgrow that.
	 */
	nr_more = nr_cgroups + 16;
	ms_settle(&before);
	make_cgroups("d", nr_more);
	ms_settle(&after);
	with = (after.held - before.held) / (double)nr_more;
	number("cgroups.held_with_mounts", with / MS_KB, "kB");
	number("cgroups.kmalloc32_with_mounts",
	       (double)(after.k32_objs - before.k32_objs) / nr_more, "objects");
	bytes_result(with - alone <= 1024 + (double)slack() / nr_more,
		     "a cgroup costs the same with no and with many mounts");

	/* tasks that have nothing on the mounts */
	ms_settle(&before);
	for (i = NR_USERS; i < 2 * NR_USERS && i < nr_cgroups; i++) {
		snprintf(rel, sizeof(rel), "c%ld", i);
		if (ms_run(rel, NODE_ANY, idle, NULL))
			die("idle task", i);
	}
	ms_settle(&after);
	number("idle.held", (after.held - before.held) / MS_KB, "kB");
	/* proc and the root file system have their lists, they are no mounts of ours */
	bytes_result(after.held - before.held <= slack() + NR_USERS * 8 * 1024,
		     "idle: tasks that use no mount pay nothing for it");
	if (after.lists_objs >= 0) {
		more = after.lists_objs - before.lists_objs;
		number("idle.lists", more, "objects");
		ksft_test_result(more <= NR_USERS * 16, "idle: no lists for the mounts\n");
		before = after;
		for (i = NR_USERS; i < 2 * NR_USERS && i < nr_cgroups; i++) {
			snprintf(rel, sizeof(rel), "c%ld", i);
			if (ms_run(rel, NODE_ANY, pipes, NULL))
				die("task with pipes", i);
		}
		ms_settle(&after);
		more = after.lists_objs - before.lists_objs;
		number("idle.lists_of_pipes", more, "objects");
		ksft_test_result(more < NR_USERS / 2, "idle: no lists for pipes and sockets\n");
	} else {
		ksft_test_result_skip("idle: no cache list_lru_memcg to count\n");
		ksft_test_result_skip("idle: no cache list_lru_memcg to count\n");
	}

	/* the cgroups away, the mounts stay */
	drop_cgroups("d", nr_more);
	drop_cgroups("c", nr_cgroups);
	cg_gone(total, 60);
	/* what those had that used the mounts is their parent's now, one for all */
	then = start;
	then.used += few + nr_mounts * 2 * (list_size() + 640);
	then.lists_objs += nr_mounts * 2;
	back_to(&then, "gone", "gone: memory is back with the mounts still there");

	/* deep: only the leaves use the mounts */
	ms_settle_drop(&then);
	for (i = 0; i < NR_USERS; i++) {
		int n = snprintf(rel, sizeof(rel), "deep%ld", i);

		for (j = 1; j < DEPTH; j++)
			n += snprintf(rel + n, sizeof(rel) - n, "/l%ld", j);
		if (cg_create_path(rel))
			die("mkdir of deep cgroup", i);
	}
	ms_settle(&before);
	for (i = 0; i < NR_USERS; i++) {
		int n = snprintf(rel, sizeof(rel), "deep%ld", i);

		for (j = 1; j < DEPTH; j++)
			n += snprintf(rel + n, sizeof(rel) - n, "/l%ld", j);
		snprintf(tag, sizeof(tag), "deep%ld", i);
		if (ms_run(rel, NODE_ANY, use_mounts, tag))
			die("use of the mounts", i);
	}
	ms_settle(&after);
	deep = after.held - before.held;
	number("used.deep", deep / MS_KB, "kB");
	more = after.lists_objs - before.lists_objs;
	if (after.lists_objs >= 0) {
		number("used.lists_deep", more, "objects");
		ksft_test_result(more > 0 && more <= most_lists,
				 "deep: ancestors that hold no object have no list\n");
	} else {
		bytes_result(deep <= flat * 1.25 + slack(),
			     "deep: ancestors that hold no object cost nothing");
	}
	for (i = 0; i < NR_USERS; i++) {
		snprintf(tag, sizeof(tag), "deep%ld", i);
		unuse_mounts(tag);
	}
	if (cg_remove_tree(""))
		die("rmdir of deep cgroups", 0);
	cg_wait_total(total, 60);
	back_to(&then, "deep", "deep: memory is back once the cgroups are gone");

	drop_mounts();
	back_to(&start, "end", "gone: memory is back once the mounts are gone too");

	make_cgroups("c", nr_cgroups);
	disk_mount();
	drop_cgroups("c", nr_cgroups);
	ksft_exit(!ksft_get_fail_cnt());
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP | MS_KMEM | MS_SLABINFO, run);
}
