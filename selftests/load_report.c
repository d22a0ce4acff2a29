// SPDX-License-Identifier: GPL-2.0
/*
 * The case of the original report: thousands of cgroups, hundreds of mounts,
 * and what they cost together.
 *
 *   load_report [cgroups] [mounts]
 *
 * After a small round that makes what is made once: the cgroups, the mounts, the
 * cgroups away, the mounts away.  Then the mounts alone: the state that everything
 * has to come back to once the cgroups are gone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kselftest.h"
#include "lib.h"

static long nr_cgroups, nr_mounts;

static void die(const char *what, long i)
{
	ksft_exit_fail_msg("%s %ld: %s\n", what, i, strerror(errno));
}

/* Returns the seconds that mount() took. */
static double make_mounts(long n, bool measure)
{
	double sum = 0, worst = 0;
	long worst_at = 0;
	struct ms_mem m0, m;
	char name[64];
	long i, step = n / 20 ? n / 20 : 1;

	if (measure) {
		ms_mem(&m0);
		ms_metric("report.curve.0", 0, "MB");
	}
	for (i = 0; i < n; i++) {
		double t = ms_now();

		if (ms_mountf("tmpfs", "%s/m%ld", ms_dir, i))
			die("mount", i);
		t = ms_now() - t;
		sum += t;
		if (t > worst) {
			worst = t;
			worst_at = i;
		}
		if (measure && (!((i + 1) % step) || i + 1 == n)) {
			ms_mem(&m);
			snprintf(name, sizeof(name), "report.curve.%ld", i + 1);
			ms_metric(name, (m.slab - m0.slab) / MS_MB, "MB");
		}
	}
	if (measure) {
		ms_metric("report.mount.worst", worst * 1e3, "ms");
		ms_metric("report.mount.worst_at", worst_at, "mounts");
	}
	return sum;
}

static void drop_mounts(long n)
{
	while (n--)
		if (ms_umountf("%s/m%ld", ms_dir, n))
			die("umount", n);
}

static void make_cgroups(long n)
{
	long i;

	for (i = 0; i < n; i++)
		if (cg_createf("c%ld", i))
			die("mkdir of cgroup", i);
}

static void drop_cgroups(long n)
{
	while (n--)
		if (cg_removef("c%ld", n))
			die("rmdir of cgroup", n);
}

static void show(const char *phase, const struct ms_mem *m)
{
	char name[96];

#define SHOW(what, val, unit) do {						\
	snprintf(name, sizeof(name), "report.%s." what, phase);			\
	ms_metric(name, val, unit);						\
} while (0)
	SHOW("slab", m->slab / MS_MB, "MB");
	SHOW("slabinfo", m->slabinfo / MS_MB, "MB");
	SHOW("vmalloc", m->vmalloc / MS_MB, "MB");
	SHOW("percpu", m->percpu / MS_MB, "MB");
	SHOW("kmalloc32", m->k32_bytes / MS_MB, "MB");
	SHOW("kmalloc32_objects", m->k32_objs, "objects");
	if (m->lists_bytes >= 0) {
		SHOW("lists", m->lists_bytes / MS_MB, "MB");
		SHOW("lists_objects", m->lists_objs, "objects");
	}
}

static void percent(const char *name, long after, long before)
{
	ms_metric(name, (after - before) * 100.0 / before, "%");
}

static void run(int argc, char **argv)
{
	struct ms_mem base, some, alone, cgroups, mounts, back, final;
	long total, few, growth = 0, before, rounds, i;
	double t, mounting;

	nr_cgroups = ms_arg(argc, argv, 1, NULL, 12287);
	nr_mounts = ms_arg(argc, argv, 2, NULL, 952);
	ksft_set_plan(1);
	ms_metric("report.cgroups", nr_cgroups, "cgroups");
	ms_metric("report.mounts", nr_mounts, "mounts");
	ms_metric("report.nodes", ms_nodes(), "nodes");
	if (nr_cgroups > 65000)
		ksft_exit_fail_msg("there are not more than 65535 memory cgroups\n");

	for (i = 0; i < nr_mounts; i++)
		if (ms_mkdirf("%s/m%ld", ms_dir, i))
			die("mkdir", i);

	/*
	 * A small round, so that what is made once has been made. Not more: each
	 * new block of 64 shrinkers costs an unpatched kernel a walk of all
	 * cgroups, and that is to be seen below.
	 */
	few = nr_mounts < 16 ? nr_mounts : 16;
	total = cg_total();
	make_cgroups(64);
	make_mounts(few, false);
	drop_mounts(few);
	drop_cgroups(64);
	cg_wait_total(total, 30);
	/* slabs that are not full hide some of it, not the same each time */
	for (i = 0; i < 4; i++) {
		make_mounts(few, false);
		ms_settle_drop(&some);
		drop_mounts(few);
		ms_settle_drop(&base);
		if (some.slab - base.slab > growth)
			growth = some.slab - base.slab;
	}
	show("baseline", &base);

	printf("# %ld cgroups\n", nr_cgroups);
	t = ms_now();
	make_cgroups(nr_cgroups);
	ms_metric("report.cgroups.create", ms_now() - t, "s");
	ms_settle(&cgroups);
	show("cgroups", &cgroups);
	ms_metric("report.cgroups.slab_growth", (cgroups.slab - base.slab) / MS_MB, "MB");
	ms_metric("report.cgroups.percpu_growth", (cgroups.percpu - base.percpu) / MS_MB, "MB");

	printf("# %ld mounts, with the cgroups there\n", nr_mounts);
	mounting = make_mounts(nr_mounts, true);
	ms_mem(&mounts);
	show("mounts", &mounts);
	ms_metric("report.mounts.slab_growth", (mounts.slab - cgroups.slab) / MS_MB, "MB");
	ms_metric("report.mounts.slabinfo_growth",
		  (mounts.slabinfo - cgroups.slabinfo) / MS_MB, "MB");
	ms_metric("report.mounts.vmalloc_growth",
		  (mounts.vmalloc - cgroups.vmalloc) / MS_MB, "MB");
	ms_metric("report.mounts.free_drop", (cgroups.free - mounts.free) / MS_MB, "MB");

	/*
	 * All of them may take no more than 0.1 s: too short to be compared, so
	 * again until it is a second.
	 */
	for (rounds = 1; mounting < 1; rounds++) {
		drop_mounts(nr_mounts);
		mounting += make_mounts(nr_mounts, false);
	}
	ms_metric("report.mount.rounds", rounds, "rounds");
	ms_metric("report.mount.avg", mounting * 1e3 / (rounds * nr_mounts), "ms");

	printf("# the cgroups away\n");
	t = ms_now();
	drop_cgroups(nr_cgroups);
	ms_metric("report.cgroups.remove", ms_now() - t, "s");
	cg_wait_total(total, 120);
	ms_metric("report.cgroups.gone", ms_now() - t, "s");
	ms_metric("report.cgroups.dying", cg_total() - total, "cgroups");
	ms_settle_drop(&back);
	show("back", &back);

	printf("# the mounts away\n");
	drop_mounts(nr_mounts);
	ms_settle_drop(&final);
	show("final", &final);
	percent("report.final.slab_diff", final.slab, base.slab);

	/*
	 * What the mounts cost if there were no cgroups. Not if there never
	 * were any: an unpatched kernel does not forget. So not more than one
	 * and a half times what the first few have made to expect.
	 */
	printf("# %ld mounts alone\n", nr_mounts);
	make_mounts(nr_mounts, false);
	ms_settle_drop(&alone);
	show("alone", &alone);
	drop_mounts(nr_mounts);
	before = alone.slab - final.slab;
	if (before > growth * nr_mounts / few * 3 / 2)
		before = growth * nr_mounts / few * 3 / 2;
	before += base.slab;
	percent("report.back.slab_diff", back.slab, before);
	ms_metric("report.back.slab_more", (back.slab - before) / MS_MB, "MB");
	ksft_test_result_pass("load_report\n");
	ksft_exit_pass();
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP | MS_SLABINFO, run);
}
