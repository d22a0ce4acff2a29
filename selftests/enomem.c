// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation of a call fails, one after the other: the call says so or
 * does without, it works the next time, and nothing is lost. Then only those
 * from the caches that per-cgroup lists, and the bits of shrinkers, come from;
 * the kernel's stack traces tell which of the places that allocate them, see
 * points[], has met it, and each has to.
 *
 *   enomem [passes]
 *
 * Needs CONFIG_FAILSLAB and CONFIG_FAULT_INJECTION_DEBUG_FS.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

#define FAILSLAB	"/sys/kernel/debug/failslab/"
#define FAILPAGE	"/sys/kernel/debug/fail_page_alloc/"
#define THP_ENABLED	"/sys/kernel/mm/transparent_hugepage/enabled"
#define ZSWAP		"/sys/module/zswap/parameters/"
#define MOST		20000	/* allocations in a call */
#define ENOUGH		4.0	/* seconds for the passes of a case, */
#define FEW		6	/* but so many: what each loses has to stand out */
#define NR_CGROUPS	40
#define NR_MOUNTS	70	/* more than there are bits in a long */
#define HUGE		(2UL << 20)
#define SWAP_PAGES	4096
#define FILE_SIZE	1048576

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
	bool loud;			/* logs each failure */
	bool own;			/* is about the caches of points[] alone */
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

/*
 * The pages of files, and of the disk, which the last buffers that a CPU looked at
 * hold as well, are charged to who has read them.
 */
static void drop_pages(void)
{
	int fd = ms_open_disk();

	if (fd >= 0) {
		ioctl(fd, BLKFLSBUF, 0);
		close(fd);
	}
	ms_drop(3);
}

/* its c->nth allocation fails: 1, or 0 if it has not as many, or -1 */
static int step(struct call *c)
{
	const char *rel = c->in_cgroup ? "new" : NULL;
	int ret;

	if (rel && cg_create(rel)) {
		ksft_print_msg("mkdir of a cgroup: %s\n", strerror(errno));
		return -1;
	}
	if (c->prepare)
		c->prepare(c);
	ret = ms_run(rel, NODE_ANY, do_call, c);
	if (rel && cg_remove(rel)) {
		ksft_print_msg("rmdir of the cgroup: %s\n", strerror(errno));
		return -1;
	}
	if (ret)
		ksft_print_msg("allocation %ld: the task has ended with %d\n", c->nth, ret);
	else if (shared->err && shared->err != ENOMEM && shared->err != c->also)
		ksft_print_msg("allocation %ld: %s\n", c->nth, strerror(shared->err));
	else if (shared->again)
		ksft_print_msg("allocation %ld: then it does not work again: %s\n",
			       c->nth, strerror(shared->again));
	else if (shared->err && !shared->fired)
		ksft_print_msg("nothing was made to fail, but: %s\n", strerror(shared->err));
	else
		return shared->fired;
	return -1;
}

static bool pass(struct call *c, long *nr)
{
	int ret;

	for (c->nth = 1; c->nth < MOST; c->nth++) {
		ret = step(c);
		if (ret < 0)
			return false;
		if (!ret) {
			*nr = c->nth - 1;
			return true;
		}
	}
	ksft_print_msg("no end after %d allocations\n", MOST);
	return false;
}

static void one_case(struct call *c, const char *why)
{
	struct ms_mem before, after;
	long passes, nr = 0, total, more, most;
	double end;
	bool ok;

	if (why) {
		ksft_test_result_skip("%s: %s\n", c->name, why);
		return;
	}
	total = cg_total();
	ok = pass(c, &nr);
	drop_pages();
	cg_wait_total(total, 30);
	ms_settle_drop(&before);
	end = ms_now() + ENOUGH;
	for (passes = 0; ok && passes < (c->loud ? FEW : nr_passes); passes++) {
		if (passes >= FEW && ms_now() > end)
			break;
		ok = pass(c, &nr);
	}
	drop_pages();
	ok = cg_gone(total, 30) && ok;
	most = 128 * 1024 + 32 * 1024 * ms_nodes();
	/* arrays by id where there are any, and dying cgroups have ids too */
	if (!slab_cache("list_lru_memcg").found && (c->in_cgroup || c->loud))
		most += 1024 * 1024;
	if (!ms_back(&before, &after, most, 30))
		ok = false;
	more = after.used - before.used;
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
	static char data[FILE_SIZE];
	const char *why, *dir;
	int fd;

	if (!ms_disk(&why))
		return why;
	if (disk_dir[0])
		return NULL;
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
	if (write(fd, data, sizeof(data)) != sizeof(data))
		return "the disk is too small";
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

static char huge_dir[512];

/* a file system that does not use alloc_inode_sb() on 5.10 */
static const char *no_hugetlbfs(void)
{
	snprintf(huge_dir, sizeof(huge_dir), "%.400s/huge", ms_dir);
	if (ms_mkdirf("%s", huge_dir) || ms_mount("hugetlbfs", huge_dir))
		return "no hugetlbfs";
	return NULL;
}

static int call_read(struct call *c)
{
	static char buf[65536];
	char path[600];
	ssize_t n;
	int fd;

	(void)c;
	snprintf(path, sizeof(path), "%s/enomem", disk_dir);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		;
	n = n < 0 ? errno : 0;
	close(fd);
	return n;
}

static void forget_pages(struct call *c)
{
	(void)c;
	ms_drop(1);
}

static const char *no_huge(void)
{
	return ms_set(THP_ENABLED, "madvise") ? "no transparent huge pages" : NULL;
}

/* if there is no memory for it, or its lists, it is a small page */
static int call_huge(struct call *c)
{
	char *mem = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *p = (char *)(((unsigned long)mem + HUGE - 1) & ~(HUGE - 1));

	(void)c;
	if (mem == MAP_FAILED)
		return errno;
	madvise(p, HUGE, MADV_HUGEPAGE);
	*(volatile char *)p = 1;
	munmap(mem, 2 * HUGE);
	return 0;
}

static const char *no_zswap(void)
{
	const char *why;

	if (access(ZSWAP "enabled", W_OK))
		return "no zswap";
	why = ms_swapon(SWAP_PAGES);
	if (!why && ms_set(ZSWAP "enabled", "Y"))
		why = "zswap can't be enabled";
	return why;
}

/* pages that compress, but not to nothing */
static int call_zswap(struct call *c)
{
	size_t size = 256 * 4096, i;
	unsigned int *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err = 0;

	(void)c;
	if (mem == MAP_FAILED)
		return errno;
	for (i = 0; i < size / sizeof(*mem); i += 2)
		mem[i] = i * 1103515245;
	cg_request("new");
	for (i = 0; i < size / sizeof(*mem); i += 2)
		if (mem[i] != (unsigned int)(i * 1103515245))
			err = EIO;
	munmap(mem, size);
	return err;
}

static const char *no_module(void)
{
	int err = ms_insmod("lru_mod", "");

	if (!err)
		ms_rmmod("lru_mod");
	if (ms_nomodules(err))
		return "the module lru_mod can't be loaded";
	return err ? strerror(-err) : NULL;
}

static int load(const char *args)
{
	char result[16];
	int err = ms_insmod("lru_mod", args);

	if (err)
		return -err;
	ms_modparam("lru_mod", "result", result, sizeof(result));
	if (!strcmp(result, "pass"))
		return 0;
	ms_rmmod("lru_mod");
	/* to look it up takes memory, too */
	return result[0] ? EPROTO : ENOMEM;
}

static int call_lists(struct call *c)
{
	(void)c;
	return load("");
}

/* All maps are as large as the last shrinker without lists wanted: its id is higher. */
static int stacked;

static void more_ids(struct call *c)
{
	int i;

	for (i = 0; i < 64; i++)
		stacked += !ms_mount("tmpfs", c->dir);
}

static int call_shrinker(struct call *c)
{
	(void)c;
	return load("lists=0");
}

static void undo_module(struct call *c)
{
	(void)c;
	ms_rmmod("lru_mod");
}

enum {
	MOUNT,
	CREATE,
	STAT,
	LOOKUP,
	HUGE_FILE,
	MKDIR,
	READ,
	HUGE_PAGE,
	ZSWAPPED,
	LISTS,
	SHRINKER,
	NR_CALLS
};

/*
 * The places. A kernel that has the function own has the place; where it was is
 * told by names that are all in the stack trace. There is none where the caller
 * wants no warning (NULL): such a failure in call is counted.
 */
#define LISTS_FROM	"list_lru_memcg"
#define BITS_FROM	"shrinker_unit"
#define MAPS_FROM	"kmalloc-32 kmalloc-64 kmalloc-96 kmalloc-128 kmalloc-192 kmalloc-256"
static const char * const groups[] = { MAPS_FROM, LISTS_FROM, BITS_FROM };

static struct point {
	const char *caches;
	const char *own;
	const char *where;
	const char *what;
	int call;	/* that comes there, if this guest can do it */
	/* the fewest that it takes: on one, the task's look-up in proc made the same bits */
	int nodes;
	long hits;
} points[] = {
	/* 5.10 */
	{ LISTS_FROM, "list_lru_init_on_demand", "kmem_cache_alloc __d_alloc",
	  "lists for a dentry", .call = STAT },
	{ LISTS_FROM, "list_lru_init_on_demand", "kmem_cache_alloc_lru alloc_inode",
	  "lists for an inode", .call = LOOKUP },
	{ LISTS_FROM, "memcg_online_list_lrus", "kmem_cache_alloc memcg_online_list_lrus",
	  "lists that a new cgroup has from the start", .call = MKDIR },
	{ LISTS_FROM, "memcg_online_list_lrus", "kmem_cache_alloc lru_mod_init",
	  "lists of all cgroups for a module", .call = LISTS },
	{ MAPS_FROM, "memcg_expand_shrinker_maps", "memcg_expand_shrinker_maps __d_alloc",
	  "a larger map for an object", .call = STAT },
	{ MAPS_FROM, "memcg_expand_shrinker_maps",
	  "memcg_expand_shrinker_maps mem_cgroup_css_online",
	  "the map of a new cgroup", .call = MKDIR },
	{ MAPS_FROM, "memcg_expand_shrinker_maps", "memcg_expand_shrinker_maps lru_mod_init",
	  "larger maps of all cgroups for a module's lists", .call = LISTS },
	{ MAPS_FROM, "memcg_expand_all_shrinker_maps", "memcg_expand_all_shrinker_maps",
	  "larger maps of all cgroups for a shrinker without lists", .call = SHRINKER },
	/* 7.3 */
	{ LISTS_FROM, "objcg_list_lru_alloc", "objcg_list_lru_alloc __d_alloc",
	  "lists for a dentry", .call = STAT },
	{ BITS_FROM, "objcg_list_lru_alloc", "objcg_list_lru_alloc __d_alloc",
	  "bits for a dentry", .call = STAT },
	{ LISTS_FROM, "objcg_list_lru_alloc", "objcg_list_lru_alloc alloc_inode",
	  "lists for an inode", .call = LOOKUP },
	{ LISTS_FROM, "objcg_list_lru_alloc", NULL,
	  "lists for a node of the page cache", .call = READ },
	{ LISTS_FROM, "objcg_list_lru_alloc", "objcg_list_lru_alloc lru_mod_init",
	  "lists for an object of a module", .call = LISTS },
	{ LISTS_FROM, "objcg_list_lru_alloc", "folio_memcg_list_lru_alloc",
	  "lists for a huge page", .call = HUGE_PAGE },
	{ BITS_FROM, "objcg_list_lru_alloc", "folio_memcg_list_lru_alloc",
	  "bits for a huge page", HUGE_PAGE, .nodes = 2 },
	{ LISTS_FROM, "objcg_list_lru_alloc", "zswap_store",
	  "lists for a page of zswap", .call = ZSWAPPED },
	{ BITS_FROM, "objcg_list_lru_alloc", "zswap_store",
	  "bits for a page of zswap", ZSWAPPED, .nodes = 2 },
};

/*
 * "1" or "0": failslab looks at these caches; is it so for any? From 5.9 to 6.0 it
 * is chosen at boot, with slub_debug=A, and the names, with commas.
 */
static bool choose(const char *caches, const char *val)
{
	char name[64], path[128], is[8];
	bool any = false;
	int len;

	for (; sscanf(caches, " %63s%n", name, &len) == 1; caches += len) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/failslab", name);
		ms_write(path, val);
		if (ms_read(path, is, sizeof(is)) > 0 && is[0] == val[0])
			any = true;
	}
	return any;
}

static int kmsg = -1;

/* Are all the names in the trace, up to "+" or a suffix like ".isra.0"? */
static bool in_trace(const char *trace, const char *names)
{
	char name[64];
	const char *p;
	int len;

	for (; sscanf(names, " %63s%n", name, &len) == 1; names += len) {
		for (p = trace; (p = strstr(p, name)); p++)
			if (p[-1] == ' ' && strspn(p + strlen(name), "+."))
				break;
		if (!p)
			return false;
	}
	return true;
}

static bool is_at(const struct point *p, const char *trace, int call)
{
	/* failslab says "name failslab", a mempool "forcing mempool usage" */
	if (!p->where)
		return call == p->call && !strstr(trace, "name fail") &&
		       !strstr(trace, "forcing mempool");
	return in_trace(trace, p->where);
}

/* what the kernel has said since the last time, but for guesses ("? f+0x1/0x2") */
static const char *said(void)
{
	static char trace[65536];
	char line[8192], *text;
	size_t len = 0;
	ssize_t n;

	trace[0] = '\0';
	for (;;) {
		n = read(kmsg, line, sizeof(line) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			return trace;
		line[n] = '\0';
		text = strchr(line, ';');
		if (!text || strchr(text, '?') || len + n + 2 > sizeof(trace))
			continue;
		len += snprintf(trace + len, sizeof(trace) - len, " %.*s\n",
				(int)strcspn(text + 1, "\n"), text + 1);
	}
}

/* each allocation of the call from these caches; whose were they? */
static bool pass_own(struct call *calls, int call, const char *caches)
{
	struct call *c = &calls[call];
	const char *trace;
	unsigned int i;
	int ret;

	for (c->nth = 1; c->nth < MOST; c->nth++) {
		said();
		ms_expect("FAULT_INJECTION: forcing a failure|page allocation failure");
		ret = step(c);
		ms_expect_end();
		if (ret < 0)
			return false;
		if (!ret)
			break;
		trace = said();
		for (i = 0; i < ARRAY_LEN(points); i++)
			if (!strcmp(points[i].caches, caches) &&
			    is_at(&points[i], trace, call))
				points[i].hits++;
	}
	if (c->nth > 1)
		ksft_print_msg("%s: %ld failures of %s\n", c->name, c->nth - 1, caches);
	return true;
}

static bool kernel_has(const char *function)
{
	static char *syms;
	static size_t size;
	char want[80];
	FILE *f;

	if (!syms) {
		f = fopen("/proc/kallsyms", "r");
		if (!f || getdelim(&syms, &size, '\0', f) <= 0)
			ksft_exit_fail_msg("/proc/kallsyms: %s\n", strerror(errno));
		fclose(f);
	}
	snprintf(want, sizeof(want), " %s\n", function);
	return strstr(syms, want);
}

static bool used(const char *caches)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(points); i++)
		if (!strcmp(points[i].caches, caches) && kernel_has(points[i].own))
			return true;
	return false;
}

/* cgroups below one that are on their way, -1: unknown; wants memory the first time only */
static long dying(int stat)
{
	char buf[512] = "", *p;

	if (stat < 0 || pread(stat, buf, sizeof(buf) - 1, 0) <= 0)
		return -1;
	p = strstr(buf, "nr_dying_descendants ");
	return p ? atol(strchr(p, ' ')) : -1;
}

static int leave_file(void *arg)
{
	return call_create(arg);
}

/*
 * What a cgroup had is handed to its parent, or freed, when memory may be short: its
 * removal, once begun, asks for none. Until it is over everybody's allocations fail, so
 * the files have to be open.
 */
static void offline(const char *dir)
{
	static const char * const works[] = {
		"css_killed_work_fn", "css_release_work_fn", "css_free_rwork_fn",
	};
	int fd = open(FAILSLAB "probability", O_WRONLY | O_CLOEXEC);
	struct call c = { .dir = dir };
	long total = cg_total();
	bool ok = true, lists, bits;
	const char *trace;
	unsigned int i;
	double end;
	int stat;

	/* below a cgroup of its own: those of before may be dying still */
	if (fd < 0 || cg_create("top") || cg_create("top/new") ||
	    ms_run("top/new", NODE_ANY, leave_file, &c))
		ksft_exit_fail_msg("a file of a cgroup: %s\n", strerror(errno));
	lists = choose(LISTS_FROM, "1");
	bits = choose(BITS_FROM, "1");
	stat = open(cg_path("top", "cgroup.stat"), O_RDONLY | O_CLOEXEC);
	dying(stat);
	said();
	ms_expect("FAULT_INJECTION: forcing a failure");
	if (cg_remove("top/new"))
		ok = false;
	if (write(fd, "100", 3) != 3)
		ok = false;
	end = ms_now() + 30;
	do
		ms_sleep(1);
	while (dying(stat) > 0 && ms_now() < end);
	if (write(fd, "0", 1) != 1)
		ok = false;
	close(fd);
	close(stat);
	ms_expect_end();
	trace = said();
	choose(LISTS_FROM " " BITS_FROM, "0");
	undo_create(&c);
	if (cg_remove("top") || !cg_wait_total(total, 30)) {
		ksft_print_msg("the cgroup does not go\n");
		ok = false;
	}
	for (i = 0; i < ARRAY_LEN(works); i++) {
		if (in_trace(trace, works[i])) {
			ksft_print_msg("%s wanted memory:\n%s", works[i], trace);
			ok = false;
		}
	}
	if (lists || bits)
		ksft_test_result(ok, "a cgroup goes offline without allocating\n");
	else
		ksft_test_result_skip("a cgroup goes offline without allocating: no such cache\n");
}

/* the calls again, for the places */
static void places(struct call *calls, const char **why)
{
	const char *mnt = calls[SHRINKER].dir;
	bool ok = true, chosen[ARRAY_LEN(groups)] = { false };
	struct ms_mem before, after;
	unsigned int i, j, g;
	long total = cg_total();

	/*
	 * What comes once has come; but from the first shrinker without lists on,
	 * new cgroups have larger maps.
	 */
	for (j = 0; j < SHRINKER; j++) {
		calls[j].nth = 0;
		ok = (why[j] || step(&calls[j]) >= 0) && ok;
	}
	drop_pages();
	cg_wait_total(total, 30);
	ms_settle_drop(&before);
	ms_write(FAILSLAB "verbose", "2");
	ms_write(FAILSLAB "cache-filter", "Y");
	ms_set(FAILPAGE "min-order", "100");
	for (i = 0; i < ARRAY_LEN(groups); i++)
		choose(groups[i], "0");
	for (i = 0; i < ARRAY_LEN(groups); i++) {
		if (!used(groups[i]))
			continue;
		chosen[i] = choose(groups[i], "1");
		if (!chosen[i])
			continue;
		for (j = 0; j < NR_CALLS; j++)
			if (!why[j] && (j != SHRINKER || !strcmp(groups[i], MAPS_FROM)))
				ok = pass_own(calls, j, groups[i]) && ok;
		choose(groups[i], "0");
	}
	while (stacked-- > 0)
		ms_umount(mnt);
	offline(calls[CREATE].dir);
	ms_write(FAILSLAB "cache-filter", "N");
	ms_write(FAILSLAB "verbose", "0");

	for (i = 0; i < ARRAY_LEN(points); i++) {
		struct point *p = &points[i];

		for (g = 0; strcmp(groups[g], p->caches); g++)
			;
		if (!kernel_has(p->own)) {
			ksft_test_result_skip("%s (%s): not in this kernel\n", p->what, p->own);
		} else if (!chosen[g]) {
			ksft_test_result_skip("%s (%s): needs slub_debug=A,%s\n", p->what,
					      p->own, p->caches);
		} else if (ms_nodes() < p->nodes) {
			ksft_test_result_skip("%s (%s): there already, on the only node\n", p->what,
					      p->own);
		} else if (why[p->call]) {
			ksft_test_result_skip("%s (%s): %s\n", p->what, p->own, why[p->call]);
		} else {
			ksft_print_msg("%ld times\n", p->hits);
			ksft_test_result(p->hits > 0, "%s (%s) can fail\n", p->what, p->own);
		}
	}
	drop_pages();
	ok = cg_gone(total, 30) && ok;
	ok = ms_back(&before, &after, 1024 * 1024 + 128 * 1024 * ms_nodes(), 30) && ok;
	if (after.lists_objs > before.lists_objs + 4) {
		ksft_print_msg("%ld lists more\n", after.lists_objs - before.lists_objs);
		ok = false;
	}
	ksft_test_result(ok, "each of these calls fails with ENOMEM or does without\n");
}

static bool failslab(void)
{
	if (access(FAILSLAB, F_OK)) {
		/* in our own mount namespace */
		if (mount("none", "/sys/kernel/debug", "debugfs", 0, NULL) ||
		    access(FAILSLAB, F_OK))
			return false;
	}
	/* also what may sleep, without end, and in silence */
	return !ms_set(FAILSLAB "ignore-gfp-wait", "N") &&
	       !ms_set(FAILSLAB "cache-filter", "N") &&
	       !ms_set(FAILSLAB "probability", "0") &&
	       !ms_set(FAILSLAB "times", "-1") &&
	       !ms_set(FAILSLAB "verbose_ratelimit_interval_ms", "0") &&
	       !ms_set(FAILSLAB "verbose", "0") &&
	       (access(FAILPAGE, F_OK) || !ms_set(FAILPAGE "verbose", "0"));
}

static void run(int argc, char **argv)
{
	static char dir[512], mnt[512];
	struct call calls[NR_CALLS] = {
		/* tmpfs says ENOSPC where it can't allocate an inode */
		[MOUNT] = { "mount of a tmpfs", dir, false, NULL, NULL,
			    call_mount, undo_mount, ENOSPC, false, false, 0 },
		[CREATE] = { "first file of a cgroup on a mount", mnt, true, NULL, NULL,
			     call_create, undo_create, ENOSPC, false, false, 0 },
		[STAT] = { "first look at a missing name by a cgroup", mnt, true, NULL, NULL,
			   call_stat, undo_nothing, 0, false, false, 0 },
		[LOOKUP] = { "first look at a file on a disk by a cgroup", NULL, true, no_disk,
			     forget, call_lookup, undo_nothing, 0, false, false, 0 },
		[HUGE_FILE] = { "first file of a cgroup on hugetlbfs", huge_dir, true,
				no_hugetlbfs, NULL, call_create, undo_create, ENOSPC,
				false, true, 0 },
		[MKDIR] = { "mkdir of a cgroup", NULL, false, NULL, NULL,
			    call_cgroup, undo_cgroup, 0, true, false, 0 },
		[READ] = { "first read of a file by a cgroup", NULL, true, no_disk,
			   forget_pages, call_read, undo_nothing, 0, false, true, 0 },
		[HUGE_PAGE] = { "first huge page of a cgroup", NULL, true, no_huge,
				NULL, call_huge, undo_nothing, 0, false, true, 0 },
		[ZSWAPPED] = { "first page of a cgroup in zswap", NULL, true, no_zswap,
			       NULL, call_zswap, undo_nothing, 0, false, true, 0 },
		[LISTS] = { "loading a user of lists", NULL, true, no_module,
			    NULL, call_lists, undo_module, 0, false, true, 0 },
		[SHRINKER] = { "loading a shrinker", mnt, true, no_module,
			       more_ids, call_shrinker, undo_module, 0, false, true, 0 },
	};
	const char *why[NR_CALLS];
	unsigned int i, nr_all = 0;

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
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0)
		ksft_exit_fail_msg("/dev/kmsg: %s\n", strerror(errno));
	lseek(kmsg, 0, SEEK_END);
	for (i = 0; i < NR_CALLS; i++) {
		why[i] = calls[i].missing ? calls[i].missing() : NULL;
		nr_all += !calls[i].own;
	}
	ksft_set_plan(nr_all + 1 + ARRAY_LEN(points) + 1);
	for (i = 0; i < NR_CALLS; i++)
		if (!calls[i].own)
			one_case(&calls[i], why[i]);
	for (i = 0; i < NR_MOUNTS; i++)
		if (ms_mkdirf("%.400s/m%u", ms_dir, i) ||
		    ms_mountf("tmpfs", "%.400s/m%u", ms_dir, i))
			ksft_exit_fail_msg("mount %u: %s\n", i, strerror(errno));
	/* whose bits are behind those of the others */
	snprintf(mnt, sizeof(mnt), "%.400s/m%u", ms_dir, NR_MOUNTS - 1);
	places(calls, why);
	ms_swapoff();
	ksft_exit(!ksft_get_fail_cnt());
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP | MS_KMEM | MS_SLABINFO, run);
}
