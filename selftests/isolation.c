// SPDX-License-Identifier: GPL-2.0
/*
 * A cgroup's own limit reclaims the cgroup's objects, and nobody else's.
 *
 *   isolation [objects]
 *
 * Two cgroups cache dentries of the same file system, which each mounts (of two
 * instances of proc where there is no disk); one of them is squeezed.  By every
 * means that the kernel has, on every node.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

#define MAX_FILES	6000	/* the disk has 16,384 inodes, two cgroups make them */

static long nr_objects, nr_files;
static const char too_little[] = "a cgroup holds too little to tell";
static int tag;

struct fill {
	struct ms_cache *cache;
	int tag;
};

static int fill(void *arg)
{
	struct fill *f = arg;

	return ms_cache_fill(f->cache, f->tag, nr_objects) <= 0;
}

/* files: an inode goes onto its own LRU once its dentry has been reclaimed */
static int fill_files(void *arg)
{
	struct fill *f = arg;
	char name[512];
	long i;
	int fd;

	for (i = 0; i < nr_files; i++) {
		snprintf(name, sizeof(name), "%.299s/file-%d-%ld", f->cache->dir, f->tag, i);
		fd = open(name, O_WRONLY | O_CREAT, 0600);
		if (fd < 0)
			return 1;
		close(fd);
	}
	return 0;
}

static void remove_files(struct ms_cache *c, int t)
{
	char name[512];
	long i;

	for (i = 0; i < nr_files; i++) {
		snprintf(name, sizeof(name), "%.299s/file-%d-%ld", c->dir, t, i);
		unlink(name);
	}
}

struct pair {
	struct ms_cache cache[2];
	struct fill fill[2];
	long empty[2], full[2], after[2];
};

static const char *cg[2] = { "a", "b" };

/* both cgroups full; what either holds has to stand out of what is uncertain */
static const char *fill_pair(struct pair *p, int node, ms_child fn)
{
	const char *why;
	int i;

	memset(p, 0, sizeof(*p));
	for (i = 0; i < 2; i++) {
		if (cg_create(cg[i]))
			return "mkdir of a cgroup failed";
		why = ms_cache_open(&p->cache[i]);
		if (why)
			return why;
		p->fill[i].cache = &p->cache[i];
		p->fill[i].tag = tag++;
	}
	for (i = 0; i < 2; i++) {
		p->empty[i] = cg_slab(cg[i]);
		if (ms_run(cg[i], node, fn, &p->fill[i]))
			return "a task could not fill its cgroup";
		p->full[i] = cg_slab(cg[i]);
		if (p->full[i] - p->empty[i] < 3 * cg_slab_noise())
			return too_little;
	}
	return NULL;
}

static void end_pair(struct pair *p)
{
	int i;

	for (i = 0; i < 2; i++) {
		ms_cache_close(&p->cache[i]);
		cg_remove(cg[i]);
	}
}

/* how much of what it held a cgroup has lost, in percent */
static long lost(const struct pair *p, int i)
{
	long held = p->full[i] - p->empty[i];

	return (p->full[i] - p->after[i]) * 100 / held;
}

/* the noise in percent of what cgroup i holds */
static long noise(const struct pair *p, int i)
{
	return 2 * cg_slab_noise() * 100 / (p->full[i] - p->empty[i]);
}

static bool squeezed(struct pair *p, int i, const char *how)
{
	int other = !i, ret, j;
	bool ok;

	/*
	 * What is reclaimed is freed a grace period later, but memory.max gives up
	 * and reports before that, although there is nobody to be killed.
	 */
	if (!strcmp(how, "memory.max"))
		ms_expect("oom-killer|Out of memory|Call Trace");
	ret = cg_reclaim_by(cg[i], how);
	if (ret)
		ksft_print_msg("%s: %s\n", how, strerror(errno));
	if (!strcmp(how, "memory.max"))
		ms_expect_end();
	ms_rcu();
	ms_shrink();	/* with KASAN, what is in quarantine is still charged */
	for (j = 0; j < 2; j++)
		p->after[j] = cg_slab(cg[j]);
	ksft_print_msg("%s of %s: %ld kB -> %ld kB, its neighbour %ld kB -> %ld kB\n",
		       how, cg[i], p->full[i] / 1024, p->after[i] / 1024,
		       p->full[other] / 1024, p->after[other] / 1024);
	ok = lost(p, i) >= 80 - noise(p, i) && lost(p, other) <= 10 + noise(p, other);
	p->full[i] = p->after[i];
	return ok;
}

static const char * const hows[] = {
	"memory.high", "memory.max", "memory.reclaim",
	"memory.limit_in_bytes", "memory.force_empty",
};

static void by_means(const char *how)
{
	struct pair p;
	const char *why;

	if (cg_create("a") || !cg_has("a", how)) {
		cg_remove("a");
		ksft_test_result_skip("%s: not there\n", how);
		return;
	}
	cg_remove("a");
	why = fill_pair(&p, NODE_ANY, fill);
	if (why)
		ksft_test_result_fail("%s: %s\n", how, why);
	else
		ksft_test_result(squeezed(&p, 0, how),
				 "%s reclaims the cgroup's objects and not a neighbour's\n", how);
	end_pair(&p);
}

static void on_node(int node)
{
	const char *how = ms_version == 1 ? "memory.force_empty" : "memory.high";
	char cmdline[4096] = "";
	long there = 0, was;
	struct pair p;
	const char *why;
	bool ok;

	why = fill_pair(&p, node, fill);
	if (why) {
		ksft_test_result_fail("node %d: %s\n", node, why);
		end_pair(&p);
		return;
	}
	if (cg_node_slab("a", node, &there)) {
		ksft_print_msg("node %d has %ld of %ld kB\n", node, there / 1024,
			       p.full[0] / 1024);
		if (there < p.full[0] / 4) {
			/* SLUB since 6.13 heeds no memory policy unless told to */
			ms_read("/proc/cmdline", cmdline, sizeof(cmdline));
			if (strstr(cmdline, "slab_strict_numa"))
				ksft_test_result_fail("node %d: the objects are elsewhere\n", node);
			else
				ksft_test_result_skip("node %d: booted without slab_strict_numa\n",
						      node);
			end_pair(&p);
			return;
		}
	}
	was = there;
	ok = squeezed(&p, 0, how);
	if (ok && cg_node_slab("a", node, &there)) {
		ksft_print_msg("node %d has %ld kB then\n", node, there / 1024);
		ok = there <= was / 5 + cg_slab_noise();
	}
	ksft_test_result(ok, "node %d: only the squeezed cgroup loses objects\n", node);
	end_pair(&p);
}

static void files(void)
{
	const char *name = "files: inodes are reclaimed as well as dentries";
	struct pair p;
	const char *why;

	if (!ms_disk(&why)) {
		ksft_test_result_skip("%s: %s\n", name, why);
		return;
	}
	why = fill_pair(&p, NODE_ANY, fill_files);
	if (why == too_little && nr_files == MAX_FILES) {
		ksft_test_result_skip("%s: too many CPUs for so small a disk\n", name);
	} else if (why) {
		ksft_test_result_fail("%s: %s\n", name, why);
	} else {
		/* an inode can't go before it has been written */
		sync();
		/* the first squeeze may only get at the dentries */
		cg_reclaim(cg[0]);
		ksft_test_result(squeezed(&p, 0, ms_version == 1 ? "memory.force_empty" :
					  "memory.high"), "%s\n", name);
	}
	remove_files(&p.cache[0], p.fill[0].tag);
	remove_files(&p.cache[0], p.fill[1].tag);
	end_pair(&p);
}

static void both(void)
{
	const char *how = ms_version == 1 ? "memory.force_empty" : "memory.high";
	struct pair p;
	const char *why;
	bool ok;

	why = fill_pair(&p, NODE_ANY, fill);
	if (why) {
		ksft_test_result_fail("one after the other: %s\n", why);
	} else {
		ok = squeezed(&p, 1, how);
		/* now there is nothing left in b, and a is still full */
		p.full[1] = p.after[1];
		cg_reclaim(cg[0]);
		ms_rcu();
		ms_shrink();
		p.after[0] = cg_slab(cg[0]);
		ok = ok && lost(&p, 0) >= 80 - noise(&p, 0);
		ksft_test_result(ok, "one cgroup after the other is squeezed\n");
	}
	end_pair(&p);
}

static void run(int argc, char **argv)
{
	long noise_objects;
	unsigned int i;

	/* a dentry is about 200 bytes; ten times what can't be told */
	noise_objects = 10 * cg_slab_noise() / 192;
	nr_objects = ms_arg(argc, argv, 1, "MEMCG_SLAB_OBJECTS",
			    noise_objects < 10000 ? 10000 : noise_objects);
	nr_files = nr_objects / 8 < MAX_FILES ? nr_objects / 8 : MAX_FILES;
	ksft_set_plan(ARRAY_LEN(hows) + ms_nodes() + 2);
	for (i = 0; i < ARRAY_LEN(hows); i++)
		by_means(hows[i]);
	for (i = 0; i < (unsigned int)ms_nodes(); i++)
		on_node(ms_node(i));
	both();
	files();
	ksft_exit(!ksft_get_fail_cnt());
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP | MS_KMEM, run);
}
