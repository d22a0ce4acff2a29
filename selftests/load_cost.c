// SPDX-License-Identifier: GPL-2.0
/*
 * What a few paths cost.  In a guest where one nanosecond is one instruction
 * (QEMU: -icount shift=0,sleep=off -smp 1) the clock counts instructions.
 *
 *   load_cost [operations a round] [rounds] [cgroups in the crowd]
 *
 * Each figure is the mean of a round, of the round where that is least (reclaim:
 * of all rounds), and is for the whole of:
 *   create_unlink      openat(O_CREAT) of a new name, close, unlinkat
 *   negative_dentry    newfstatat of a name that is not there, a new one each
 *                      time; a tmpfs forgets it at once
 * both on a tmpfs, by a task in a cgroup; the names are made in the loop.
 * The same again (.._root) by a task in the root cgroup, where nothing is
 * charged; both also on the disk (.._disk), where a negative dentry stays;
 * both where a crowd of other cgroups has files on the tmpfs (.._crowd); and
 *   memcg_reclaim      for each of the 100,000 dentries that a cgroup has cached
 *                      on the disk and loses again to its limit
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

#define NR_TRIES	4
#define NR_DENTRIES	100000
#define NR_RECLAIMS	16

static long nr_ops, nr_rounds;

static struct result {
	double create_unlink;
	double negative;
} *res;

static int create_unlink(int dir, char *name, long n)
{
	while (n--) {
		int fd = openat(dir, name, O_CREAT | O_WRONLY, 0600);

		if (fd < 0)
			return -1;
		close(fd);
		unlinkat(dir, name, 0);
		ms_next_name(name);
	}
	return 0;
}

static int negative(int dir, char *name, long n)
{
	struct stat st;

	while (n--) {
		if (!fstatat(dir, name, &st, 0) || errno != ENOENT)
			return -1;
		ms_next_name(name);
	}
	return 0;
}

static int least(int (*fn)(int, char *, long), int dir, double *min)
{
	char name[] = "10000000";
	uint64_t t;
	long i;

	if (fn(dir, name, nr_ops))
		return -1;
	for (i = 0; i < nr_rounds; i++) {
		double mean;

		t = ms_now_ns();
		if (fn(dir, name, nr_ops))
			return -1;
		mean = (double)(ms_now_ns() - t) / nr_ops;
		if (!i || mean < *min)
			*min = mean;
	}
	return 0;
}

static int child(void *arg)
{
	int dir = open(arg, O_RDONLY | O_DIRECTORY);

	if (dir < 0 || least(create_unlink, dir, &res->create_unlink) ||
	    least(negative, dir, &res->negative)) {
		printf("# %s\n", strerror(errno));
		return 1;
	}
	return 0;
}

/*
 * Whether an empty slab is given back at once depends on how many there are
 * already, and is worth some hundred instructions: begin with none each time,
 * and take the best of a few tries but for the first, which is not like those
 * after it (a tenth less where objects are charged).
 */
static void measure(const char *rel, char *dir, const char *suffix)
{
	struct result best = { 0 };
	char name[64];
	int i;

	for (i = 0; i < NR_TRIES; i++) {
		ms_rcu();
		ms_shrink();
		if (ms_run(rel, NODE_ANY, child, dir))
			ksft_exit_fail_msg("the loops failed\n");
		if (i < 2 || res->create_unlink < best.create_unlink)
			best.create_unlink = res->create_unlink;
		if (i < 2 || res->negative < best.negative)
			best.negative = res->negative;
	}
	snprintf(name, sizeof(name), "cost.create_unlink%s", suffix);
	ms_metric(name, best.create_unlink, "insn");
	snprintf(name, sizeof(name), "cost.negative_dentry%s", suffix);
	ms_metric(name, best.negative, "insn");
}

/*
 * When what was reclaimed is freed, and by how many callbacks at once, differs
 * from one time to the next by a few percent, up or down, and not by chance: of
 * many, the mean repeats to half a percent, the median, which is of one kind or of
 * the other, to two.
 */
static void measure_reclaim(void)
{
	struct ms_cache cache;
	double sum = 0;
	char rel[64];
	long left;
	uint64_t t;
	int i;

	if (ms_cache_open(&cache) || !cache.disk) {
		ksft_print_msg("no disk for memcg_reclaim\n");
		return;
	}
	for (i = 0; i < NR_RECLAIMS; i++) {
		snprintf(rel, sizeof(rel), "r%d", i);
		if (ms_cache_cgroup(rel, &cache, NR_DENTRIES))
			ksft_exit_fail_msg("the cache can't be filled\n");
		left = -(ms_dentry_unused() - NR_DENTRIES);
		t = ms_now_ns();
		cg_request(rel);
		sum += (double)(ms_now_ns() - t) / NR_DENTRIES;
		left += ms_dentry_unused();
		cg_remove(rel);
		if (left >= NR_DENTRIES) {
			ksft_print_msg("dentries are not charged here: no memcg_reclaim\n");
			break;
		}
		if (left > NR_DENTRIES / 100)
			ksft_exit_fail_msg("%ld dentries are left\n", left);
	}
	if (i == NR_RECLAIMS)
		ms_metric("cost.memcg_reclaim", sum / NR_RECLAIMS, "insn");
	ms_cache_close(&cache);
}

static void run(int argc, char **argv)
{
	char dir[512];
	long nr_crowd;

	nr_ops = ms_arg(argc, argv, 1, NULL, 20000);
	nr_rounds = ms_arg(argc, argv, 2, NULL, 3);
	nr_crowd = ms_arg(argc, argv, 3, NULL, 10000);
	ksft_set_plan(1);
	res = ms_shared(sizeof(*res));
	snprintf(dir, sizeof(dir), "%.400s/m", ms_dir);
	if (ms_mkdirf("%s", dir) || ms_mount("tmpfs", dir) || cg_create("c"))
		ksft_exit_fail_msg("set-up: %s\n", strerror(errno));

	ms_metric("cost.ops", nr_ops, "ops");
	ms_metric("cost.rounds", nr_rounds, "rounds");
	measure("c", dir, "");
	measure(NULL, dir, "_root");
	ms_umount(dir);
	if (!ms_mount_disk(dir))
		measure("c", dir, "_disk");
	ms_umount(dir);
	measure_reclaim();
	if (ms_mount("tmpfs", dir))
		ksft_exit_fail_msg("mount: %s\n", strerror(errno));
	ms_crowd(dir, 0, nr_crowd);
	ms_metric("cost.crowd", nr_crowd, "cgroups");
	measure("c", dir, "_crowd");
	ksft_test_result_pass("load_cost\n");
	ksft_exit_pass();
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP, run);
}
