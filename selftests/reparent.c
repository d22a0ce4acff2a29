// SPDX-License-Identifier: GPL-2.0
/*
 * When a cgroup goes, what it had cached becomes its parent's: it stays, it
 * counts there, and the parent's limit and drop_caches reclaim it. What a shrinker has
 * deferred for it is deferred for the parent. An object that nobody has allocated lists
 * for does no harm, and is not forgotten when somebody does.
 *
 *   reparent [iterations] [seconds]
 *
 * The long run makes and removes so many cgroups, 10,000 if it is to be
 * thorough, but for no longer than that once they are enough to tell.
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

#define PER_ITERATION	100
#define NEIGHBOURS	64
#define PARAM(name)	"/sys/module/lru_mod/parameters/" name
#define STRAY		PARAM("stray")

static struct ms_cache cache;
static long nr_objects;
static int tag;
static long others;		/* cgroups there are beside the tests' */
/* v1 without use_hierarchy: what a cgroup leaves is the root's at once */
static bool flat;

struct fill {
	int tag;
	long n;
};

static int fill(void *arg)
{
	struct fill *f = arg;

	return ms_cache_fill(&cache, f->tag, f->n) <= 0;
}

static bool fill_cgroup(const char *rel)
{
	struct fill f = { .tag = tag++, .n = nr_objects };
	int ret;

	ret = ms_run(rel, NODE_ANY, fill, &f);
	if (ret)
		ksft_print_msg("a task in %s could not fill the cache: %d\n", rel, ret);
	return !ret;
}

/* all that is not of use here goes, so that counts tell something */
static void quiet(void)
{
	int i;

	for (i = 0; i < 3; i++)
		ms_drop(2);
	ms_rcu();
}

/*
 * Offline as well as out of sight, which is soon; wait until it is freed to be
 * sure.  What is charged for page cache may stay longer: that is not what this
 * is about, the end tells whether any stay for good.
 */
static void wait_gone(long total)
{
	cg_gone(total, 5);
}

static bool lost(const char *who, long full, long base)
{
	long held = full - base, after;

	if (held < 3 * cg_slab_noise()) {
		ksft_print_msg("the objects do not count in the parent: %ld kB\n", held / 1024);
		return false;
	}
	ms_shrink();	/* with KASAN, what is in quarantine is still charged */
	after = cg_slab(who);
	ksft_print_msg("%s: %ld kB of slab, %ld kB afterwards\n", who, full / 1024, after / 1024);
	return after - base <= held / 5 + 2 * cg_slab_noise();
}

/*
 * How many there are, of which so many are the test's. Those of the test before are to
 * have gone, or who waits for the number would take one of them for its own.
 */
static long total_with(long mine)
{
	cg_wait_total(others + mine, 5);
	return cg_total();
}

enum way { BY_LIMIT, BY_DROP };

/*
 * Fill the lowest of a few levels of cgroups, or each of them; remove all but
 * the uppermost; see that the objects are there, and get rid of them there.
 */
static void levels(const char *what, int depth, bool each, enum way way)
{
	char rel[8][64];
	long total, base, full, unused0, unused1, unused2, n = 0, made;
	bool ok = true;
	int i;

	if (each && !cache.disk) {
		ksft_test_result_skip("%s: no disk\n", what);
		return;
	}
	if (flat && way == BY_LIMIT) {
		ksft_test_result_skip("%s: there is no hierarchy\n", what);
		return;
	}
	snprintf(rel[0], sizeof(rel[0]), "top");
	for (i = 1; i <= depth; i++)
		snprintf(rel[i], sizeof(rel[i]), "%.56s/l%d", rel[i - 1], i);
	if (cg_create(rel[0])) {
		ksft_test_result_fail("%s: %s\n", what, strerror(errno));
		return;
	}
	total = total_with(1);
	for (i = 1; i <= depth; i++)
		if (cg_create(rel[i]))
			ok = false;
	quiet();
	base = cg_slab("top");
	unused0 = ms_dentry_unused();
	if (each && ms_version == 1) {
		for (i = 0; i <= depth && ok; i++, n++)
			ok = fill_cgroup(rel[i]);
	} else if (each) {
		/*
		 * On v2 a task is in a leaf: objects of a cgroup in between come
		 * from children that are gone.
		 */
		for (i = 0; i <= depth && ok; i++, n++) {
			char leaf[96];

			snprintf(leaf, sizeof(leaf), "%s/leaf", rel[i]);
			if (i == depth)
				snprintf(leaf, sizeof(leaf), "%s", rel[i]);
			else if (cg_create(leaf))
				ok = false;
			ok = ok && fill_cgroup(leaf);
			if (i != depth)
				cg_remove(leaf);
		}
	} else {
		ok = fill_cgroup(rel[depth]);
		n = 1;
	}
	made = n * nr_objects;
	for (i = depth; i > 0; i--)
		if (cg_remove(rel[i]))
			ok = false;
	wait_gone(total);
	unused1 = ms_dentry_unused();
	full = cg_slab("top");
	if (cache.disk && (unused1 - unused0 < made * 95 / 100 ||
			   unused1 - unused0 > made * 105 / 100 + 500)) {
		ksft_print_msg("%ld unused dentries more, for %ld\n", unused1 - unused0, made);
		ok = false;
	}
	if (way == BY_LIMIT) {
		if (cg_reclaim("top"))
			ksft_print_msg("reclaim: %s\n", strerror(errno));
	} else {
		quiet();
	}
	ms_rcu();
	unused2 = ms_dentry_unused();
	if (!flat)
		ok = lost("top", full, base) && ok;
	if (cache.disk && unused2 - unused0 > made / 10 + 500) {
		ksft_print_msg("%ld unused dentries are left of %ld\n", unused2 - unused0, made);
		ok = false;
	}
	ksft_test_result(ok, "%s\n", what);
	for (i = depth; i >= 0; i--)
		cg_remove(rel[i]);
	quiet();
}

/* siblings in which a lot happens, on the same file system */
struct churn {
	int nr;
};

static int churn(void *arg)
{
	struct churn *c = arg;
	struct stat st;
	char name[512];
	long i;
	int fd;

	for (i = 0;; i++) {
		/* few names, so that what it leaves cached is bounded */
		snprintf(name, sizeof(name), "%.299s/churn-%d-%ld", cache.dir, c->nr, i % 16);
		if (cache.disk) {
			fd = open(name, O_WRONLY | O_CREAT, 0600);
			if (fd < 0)
				return 1;
			close(fd);
			if (unlink(name))
				return 1;
		}
		if (!stat(name, &st))
			return 1;
	}
	return 0;
}

static int load(void *arg)
{
	int err = ms_insmod("lru_mod", "");

	(void)arg;
	return ms_nomodules(err) ? 2 : !!err;
}

static int stray(void *command)
{
	return ms_write(STRAY, command) ? errno : 0;
}

/* loads it in a new cgroup, on a node, or ends the test that is named */
static bool load_in(const char *rel, int node, const char *name)
{
	int ret;

	if (cg_create(rel)) {
		ksft_test_result_fail("%s: %s\n", name, strerror(errno));
		return false;
	}
	ret = ms_run(rel, node, load, NULL);
	if (!ret)
		return true;
	if (ret == 2)
		ksft_test_result_skip("%s: the module lru_mod can't be loaded\n", name);
	else
		ksft_test_result_fail("%s: lru_mod: %d\n", name, ret);
	cg_remove(rel);
	return false;
}

/*
 * Its owner has not allocated lists for it, as nilfs2 does not for some nodes of
 * the page cache. The parent has lists, so that it is looked for there afterwards.
 */
static void without_lists(void)
{
	const char *name = "an object without lists is on no list that it is not taken from";
	char result[16] = "";
	long total;
	int ret;

	if (!load_in("has", NODE_ANY, name))
		return;
	total = total_with(1);
	ret = cg_create("has/not") ? errno : ms_run("has/not", NODE_ANY, stray, "add");
	if (cg_remove("has/not") || !cg_gone(total, 30) || ret || ms_write(STRAY, "del")) {
		ksft_test_result_fail("%s: %d, %s\n", name, ret, strerror(errno));
	} else {
		ms_modparam("lru_mod", "result", result, sizeof(result));
		ksft_print_msg("%s\n", result);
		ksft_test_result(!strcmp(result, "pass"), "%s\n", name);
	}
	ms_rmmod("lru_mod");
	cg_remove("has");
}

static int add_first(void *arg)
{
	int err = stray("add");

	(void)arg;
	return err ? err : stray("ask");
}

/* Has the cgroup's reclaim called the shrinker where the object is? Takes that off. */
static bool told(const char *rel)
{
	char val[16] = "";

	if (cg_reclaim(rel))
		ksft_print_msg("reclaim: %s\n", strerror(errno));
	ms_modparam("lru_mod", "told", val, sizeof(val));
	return !ms_write(STRAY, "del") && !strcmp(val, "Y");
}

/*
 * A shrinker's bit that reclaim has cleared, for there was nothing, is set for one object.
 * On another node there is no bit, but lists, so the object is there before its bit. Bits
 * come by the word: its neighbours are those of file systems that nobody uses.
 */
static void bits(void)
{
	const char *one = "one object is enough for its shrinker's bit";
	const char *late = "an object that was there before its shrinker's bit is not forgotten";
	int i, ret;

	for (i = 0; i < NEIGHBOURS; i++)
		if (ms_mkdirf("%s/n%d", ms_dir, i) || ms_mountf("proc", "%s/n%d", ms_dir, i))
			ksft_exit_fail_msg("mount of proc: %s\n", strerror(errno));
	if (load_in("bits", ms_node(0), one)) {
		ms_drop(2);
		ret = ms_run("bits", ms_node(0), stray, "one");
		ksft_test_result(!ret && told("bits"), "%s\n", one);

		ret = ms_run("bits", ms_node(1), add_first, NULL);
		if (ret == EXDEV || ret == EOPNOTSUPP)
			ksft_test_result_skip("%s: %s\n", late, ret == EXDEV ?
					      "no object of another node" : "all nodes have bits");
		else
			ksft_test_result(!ret && told("bits"), "%s\n", late);
		ms_rmmod("lru_mod");
		cg_remove("bits");
	} else {
		ksft_test_result_skip("%s: see above\n", late);
	}
	for (i = 0; i < NEIGHBOURS; i++)
		ms_umountf("%s/n%d", ms_dir, i);
}

/* of what there is to do: too little for the shrinker to be called, and 2^30 times that */
#define LITTLE		"1024"
#define MUCH		"1099511627776"

/* The shrinker says that there is so much to do, where the object is. Is it asked to? */
static int drop_with(const char *work, char *asked, size_t size)
{
	if (ms_write(PARAM("work"), work) || ms_write(PARAM("asked"), "N") || ms_drop(2))
		return -1;
	ms_modparam("lru_mod", "asked", asked, size);
	return 0;
}

/* The parent has a unit of its own for the shrinker: the counts of the two are added up. */
static void deferred(void)
{
	const char *name = "what a shrinker has deferred for a cgroup becomes its parent's";
	char before[16] = "", after[16] = "";
	long total;
	int err;

	if (!load_in("defers", ms_node(0), name))
		return;
	if (access(PARAM("work"), W_OK)) {
		ksft_test_result_skip("%s: the shrinker has it\n", name);
		goto out;
	}
	total = total_with(1);
	err = cg_create("defers/c") ? errno : ms_run("defers/c", ms_node(0), stray, "one");
	if (err || drop_with(LITTLE, before, sizeof(before)) ||
	    drop_with(MUCH, after, sizeof(after)) ||
	    cg_remove("defers/c") || !cg_gone(total, 30) ||
	    drop_with(LITTLE, after, sizeof(after)) || ms_write(STRAY, "del")) {
		ksft_test_result_fail("%s: %d, %s\n", name, err, strerror(errno));
	} else {
		ksft_print_msg("asked for a little: %s, and after that was deferred: %s\n",
			       before, after);
		ksft_test_result(!strcmp(before, "N") && !strcmp(after, "Y"), "%s\n", name);
	}
out:
	ms_rmmod("lru_mod");
	cg_remove("defers/c");
	cg_remove("defers");
}

static void many(long iterations, double seconds)
{
	const char *name = "many cgroups come, cache and go, with churn beside";
	struct churn c[2] = { { 0 }, { 1 } };
	/* so many that what is in slab can be told from what CPUs hold back */
	long enough = 5 * cg_slab_noise() / 192 / PER_ITERATION;
	long total, i, unused0, unused1, made, base, full;
	double end = ms_now() + seconds;
	bool ok = true;
	char rel[64];
	pid_t pid[2];
	int ret;

	if (!cache.disk) {
		ksft_test_result_skip("%s: no disk\n", name);
		return;
	}
	if (cg_create("busy0") || cg_create("busy1") || cg_create("top")) {
		ksft_test_result_fail("%s: %s\n", name, strerror(errno));
		return;
	}
	quiet();
	total = total_with(3);
	base = cg_slab("top");
	unused0 = ms_dentry_unused();
	for (i = 0; i < 2; i++)
		pid[i] = ms_spawn(i ? "busy1" : "busy0", NODE_ANY, churn, &c[i]);
	for (i = 0; i < enough || (i < iterations && ms_now() < end); i++) {
		struct fill f = { .tag = tag++, .n = PER_ITERATION };

		snprintf(rel, sizeof(rel), "top/c%ld", i % 64);
		if (cg_create(rel)) {
			ksft_print_msg("mkdir %ld: %s\n", i, strerror(errno));
			ok = false;
			break;
		}
		ret = ms_run(rel, ms_node(i), fill, &f);
		if (ret || cg_remove(rel)) {
			ksft_print_msg("iteration %ld: %d %s\n", i, ret, strerror(errno));
			ok = false;
			break;
		}
	}
	for (ret = 0; ret < 2; ret++) {
		if (ms_kill(pid[ret]) != 128 + SIGKILL) {
			ksft_print_msg("a churning task has failed\n");
			ok = false;
		}
	}
	ms_metric("reparent.iterations", i, "cgroups");
	wait_gone(total);
	made = i * PER_ITERATION;
	unused1 = ms_dentry_unused();
	full = cg_slab("top");
	ksft_print_msg("%ld unused dentries more, for %ld\n", unused1 - unused0, made);
	if (unused1 - unused0 < made * 95 / 100 || unused1 - unused0 > made * 105 / 100 + 1000)
		ok = false;
	if (flat)
		quiet();
	else if (cg_reclaim("top"))
		ksft_print_msg("reclaim: %s\n", strerror(errno));
	ms_rcu();
	if (!flat)
		ok = lost("top", full, base) && ok;
	unused1 = ms_dentry_unused() - unused0;
	ksft_print_msg("%ld unused dentries are left\n", unused1);
	if (unused1 > made / 10 + 500)
		ok = false;
	ksft_test_result(ok, "%s\n", name);
	cg_remove("busy0");
	cg_remove("busy1");
	cg_remove("top");
}

static void run(int argc, char **argv)
{
	long iterations, seconds, noise_objects;
	const char *why;

	iterations = ms_arg(argc, argv, 1, "MEMCG_SLAB_ITERATIONS", 1000);
	seconds = ms_arg(argc, argv, 2, "MEMCG_SLAB_SECONDS",
			 argc > 1 || getenv("MEMCG_SLAB_ITERATIONS") ? 3600 : 20);
	noise_objects = 10 * cg_slab_noise() / 192;
	nr_objects = noise_objects < 5000 ? 5000 : noise_objects;

	if (access("/proc/sys/vm/drop_caches", W_OK) || ms_dentry_unused() < 0)
		ksft_exit_skip("no /proc/sys/vm/drop_caches or dentry-state\n");
	why = ms_cache_open(&cache);
	if (why)
		ksft_exit_skip("%s\n", why);
	flat = ms_version == 1 && !cg_value("", "memory.use_hierarchy");
	ksft_set_plan(11);
	others = cg_total();
	levels("a cgroup's objects are reclaimed by its parent's limit", 1, false, BY_LIMIT);
	levels("a cgroup's objects are reclaimed by drop_caches", 1, false, BY_DROP);
	levels("objects move up through four levels to a limit", 4, false, BY_LIMIT);
	levels("objects move up through four levels to drop_caches", 4, false, BY_DROP);
	levels("objects of every level meet at the top", 3, true, BY_LIMIT);
	without_lists();
	bits();
	deferred();
	many(iterations, seconds);
	ms_cache_close(&cache);
	ms_drop(3);
	ksft_test_result(cg_wait_total(others, 30), "no cgroup stays behind\n");
	ksft_exit(!ksft_get_fail_cnt());
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP | MS_KMEM, run);
}
