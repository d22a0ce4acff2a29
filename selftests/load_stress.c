// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once: containers with limits come and go on all nodes, in each a
 * few of stress-ng's stressors, beside them the other loads, while caches are
 * dropped and cgroups squeezed.  In the end all is removed, with its objects.
 *
 *   load_stress [minutes] [seed] [stress-ng, and arguments before the others]
 *
 * What runs where, for how long, within which limits and how it ends comes from
 * the seed, the minutes and the number of nodes alone: the same plan has the
 * same hash.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/fs.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

#define PER_STINT	3	/* stressors in a container */
#define MAX_SLOTS	16
#define MAX_DECK	128
#define MAX_WORDS	64
#define WARM		4	/* seconds of a stint of the warm-up */
#define LATE		60	/* what a container may take beyond its time; a long event */
/* what killing it may take, or ending a load: 60 tasks on two slow CPUs, minutes */
#define STUCK		900
#define SWAP_PAGES	4096
#define ZSWAP		"/sys/module/zswap/parameters/enabled"

/*
 * None that changes what all see: CPUs, memory blocks, swap, the clock; nor shm,
 * which takes a child that was killed for want of memory for a bug; nor resources,
 * beside which msg loses its queue.
 */
static const char * const stressors[] = {
	"access", "aio", "bigheap --bigheap-growth 1M", "bind-mount", "brk",
	"chdir --chdir-dirs 256", "chmod", "chown", "clone --clone-max 64",
	"dentry --dentries 512", "dir --dir-dirs 512",
	"dirdeep --dirdeep-inodes 2000", "dirmany", "dup", "epoll", "eventfd",
	"fallocate --fallocate-bytes 4M", "fanotify", "fifo", "filename", "flock",
	"fork --fork-max 16", "fstat", "getdent", "hdd --hdd-bytes 4M", "inode-flags",
	"inotify", "io-uring", "iomix --iomix-bytes 4M", "key", "lease", "link", "lockf",
	"malloc --malloc-bytes 8M", "memfd --memfd-bytes 8M", "mknod",
	"mmap --mmap-bytes 16M", "mmapfork", "mq", "mremap --mremap-bytes 8M", "msg",
	"open --open-max 1024", "pageswap", "pipe", "procfs", "ramfs --ramfs-size 1M",
	"readahead --readahead-bytes 4M", "remap", "rename", "sem-sysv",
	"session", "shm-sysv --shm-sysv-bytes 1M", "sockfd",
	"sockpair", "splice --splice-bytes 1M", "symlink", "timerfd", "tmpfs", "touch",
	"umount", "unshare", "userfaultfd --userfaultfd-bytes 4M", "utime", "vfork",
	"vm --vm-bytes 32M", "xattr", "zombie --zombie-max 64",
};

#define NR_STRESSORS	((int)ARRAY_LEN(stressors))

static const struct load {
	const char *command;
	int judged;	/* so many results; others are of memory that all change */
} loads[] = {
	{ "load_pods 20 3 5", 1 },
	{ "load_report 50 20", 1 },
	{ "load_cost 500 1 20", 1 },
	{ "load_destroy 3", 1 },
	{ "churn 10 1", 2 },
};

#define NR_LOADS	((int)ARRAY_LEN(loads))

static const char * const filesystems[] = { "tmpfs", "ramfs", "overlay", "disk" };

/* a container's life */
struct stint {
	uint64_t rnd;
	int stressor[PER_STINT];
	int seconds;
	int fs;
	int depth;		/* of its cgroup */
	int max;		/* MB */
	int high;		/* memory.high as well */
	int killed;		/* or it ends by itself */
};

static struct shared {
	volatile bool stop;
	long bad;		/* calls that failed, things that hung */
	long stints, killed, late, cgroups, mounts, ooms, events, loads;
	double slowest;		/* event, seconds */
	long ops[ARRAY_LEN(stressors)];
} *shared;

static long minutes, seed;
static char **command;		/* stress-ng */
static int nr_command, nr_slots;

/* the plan */

static uint64_t rnd(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static int below(uint64_t *state, int n)
{
	return rnd(state) % n;
}

enum { STRESSORS, STINTS, LOADS, EVENTS };

/* numbers of their own for each use */
static uint64_t stream(int use, int slot, int nr)
{
	uint64_t state = seed;

	state = rnd(&state) + use;
	state = rnd(&state) + slot;
	state = rnd(&state) + nr;
	return rnd(&state);
}

/* the n-th of size cards: each comes once before one comes again */
static int deal(int use, int n, int size)
{
	uint64_t state = stream(use, 0, n / size);
	int deck[MAX_DECK], i, j;

	for (i = 0; i < size; i++) {
		j = below(&state, i + 1);
		deck[i] = deck[j];
		deck[j] = i;
	}
	return deck[n % size];
}

static void plan(struct stint *st, int slot, int nr)
{
	uint64_t *r = &st->rnd;
	int i;

	memset(st, 0, sizeof(*st));
	*r = stream(STINTS, slot, nr);
	for (i = 0; i < PER_STINT; i++)
		st->stressor[i] = deal(STRESSORS, (nr * nr_slots + slot) * PER_STINT + i,
				       NR_STRESSORS);
	st->seconds = 5 + below(r, 16);
	st->fs = below(r, ARRAY_LEN(filesystems));
	st->depth = 1 + below(r, 3);
	st->max = 32 + 16 * below(r, 5);
	st->high = below(r, 2);
	st->killed = !below(r, 3);
}

static uint64_t hash(uint64_t h, const void *p, size_t len)
{
	const unsigned char *c = p;

	while (len--)
		h = (h ^ *c++) * 0x100000001b3ULL;
	return h;
}

static uint64_t plan_hash(long *stints)
{
	uint64_t h = 0xcbf29ce484222325ULL;
	struct stint st;
	int slot, nr, i;
	long s;

	for (i = 0; i < NR_STRESSORS; i++)
		h = hash(h, stressors[i], strlen(stressors[i]));
	*stints = 0;
	for (slot = 0; slot < nr_slots; slot++) {
		for (s = 0, nr = 0; s < minutes * 60; nr++, s += st.seconds) {
			plan(&st, slot, nr);
			h = hash(h, &st, sizeof(st));
			++*stints;
		}
	}
	return h;
}

/* programs */

static void add(long *to, long n)
{
	__atomic_add_fetch(to, n, __ATOMIC_RELAXED);
}

static __attribute__((format(printf, 1, 2))) void wrong(const char *fmt, ...)
{
	char text[1200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ksft_print_msg("%s\n", text);
	add(&shared->bad, 1);
}

/* the words of a text, which is cut up, after the n that are there */
static int words(char **argv, int n, char *text)
{
	char *p, *save;

	for (p = strtok_r(text, " ", &save); p && n < MAX_WORDS - 1;
	     p = strtok_r(NULL, " ", &save))
		argv[n++] = p;
	argv[n] = NULL;
	return n;
}

struct program {
	const char *name;
	void (*says)(struct program *p, char *line);
	int judged;
	bool told;		/* to end */
	bool complained;
	int in, out;		/* a pipe */
	char line[1024];
	size_t len;
};

static void open_pipe(struct program *p)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC))
		ksft_exit_fail_msg("pipe: %s\n", strerror(errno));
	p->in = fd[1];
	p->out = fd[0];
}

/* what it says, line by line, until then or until its end: true if that has come */
static bool hear(struct program *p, double end)
{
	struct pollfd pfd = { .fd = p->out, .events = POLLIN };
	char c[512];
	ssize_t i, ret;

	while (ms_now() < end) {
		if (poll(&pfd, 1, 200) <= 0)
			continue;
		ret = read(p->out, c, sizeof(c));
		if (ret <= 0)
			return true;
		for (i = 0; i < ret; i++) {
			if (c[i] != '\n') {
				if (p->len < sizeof(p->line) - 1)
					p->line[p->len++] = c[i];
				continue;
			}
			p->line[p->len] = '\0';
			p->len = 0;
			p->says(p, p->line);
		}
	}
	return false;
}

/* containers */

struct container {
	struct program p;		/* the first, see stressor_says() */
	struct stint st;
	bool ended;			/* we kill what is left of it */
	char top[32];			/* its cgroup */
	int slot;
	int seconds;
	char dir[300];
};

/*
 * What says nothing about the kernel: a line with one of these texts, or both of a pair.  Seen,
 * or from stress-ng 0.15.06's source what is likely with little memory and 60 tasks on two
 * slow CPUs.
 */
static const char * const excuses[][2] = {
	/* a limit, a small file system, a kernel without something, and what that leads to */
	{ "(Cannot allocate memory" }, { "(No space left on device" }, { "errno=38" },
	{ " failed, errno=23 " }, { " failed, errno=105 " },	/* no memory for a pipe, a socket */
	{ "(stressor failed)" }, { "ramfs: child mount/umount failed" },	/* say it twice */
	{ "maximum filename length" }, { "timerfd: cannot create " },
	{ "timerfd: rmdir ", "errno=2 " }, { "inotify: rmdir ", "errno=39 " },
	{ "bogo-ops counter" }, { "metrics-check:" },		/* killed while it counted */
	/* on a busy host its time is over, a second or a hundred tries */
	{ "mq_timedreceive failed, errno=110 " }, { "sockfd: connect failed, errno=0 " },
	{ "ramfs: rmdir ", "errno=16 " },
	/* a signal: the pipe is full, a file grows, it waits no more for who mounts there */
	{ "pipe: termination write failed, errno=4 " }, { "iomix: fallocate failed, errno=4 " },
	{ "umount: rmdir ", "errno=16 " }, { "umount: mount failed, errno=2 " },
};

static const char * const after_a_kill[][2] = {
	{ "corrupted run flag" },
	/* who was at the other end, or did not come to clean up */
	{ "pipe: zero bytes read" }, { "shm-sysv: zero bytes read" },
	{ "write failed", "errno=32" }, { "sockpair: write failed, errno=104 " },
	{ "ramfs: cannot mkdir ", "errno=17 " }, { "touch: rmdir ", "errno=39 " },
	/* it removes the folder and the semaphores of the one, whose children use them */
	{ "tmp-stress-ng-", "errno=2 " }, { "filename: open failed ", "errno=2 " },
	{ "fifo: fifo read open failed: ", "errno=2 " }, { "ramfs: ", "errno=2 " },
	{ "sem-sysv: sem", "errno=43 " },
};

static bool says_one(const char *line, const char * const (*pairs)[2], int n)
{
	for (; n--; pairs++)
		if (strstr(line, pairs[0][0]) && (!pairs[0][1] || strstr(line, pairs[0][1])))
			return true;
	return false;
}

static bool excused(const struct container *c, const char *line)
{
	return says_one(line, excuses, ARRAY_LEN(excuses)) ||
	       (says_one(line, after_a_kill, ARRAY_LEN(after_a_kill)) &&
		(c->ended || cg_stat(c->top, "memory.events", "oom_kill") > 0));
}

static void stressor_says(struct program *p, char *line)
{
	struct container *c = (struct container *)p;
	char name[32];
	size_t len;
	long ops;
	int i;

	if (strstr(line, "miscellaneous metrics"))
		p->told = true;		/* no operations any more */
	if (!p->told && sscanf(line, "stress-ng: metrc: [%*d] %31s %ld", name, &ops) == 2) {
		len = strlen(name);
		for (i = 0; i < NR_STRESSORS; i++)
			if (!strncmp(stressors[i], name, len) &&
			    (!stressors[i][len] || stressors[i][len] == ' '))
				add(&shared->ops[i], ops);
	}
	if (strstr(line, "fail:") || strstr(line, "error:")) {
		if (!excused(c, line))
			wrong("%s: %s", p->name, line);
		p->complained = true;
	}
}

static int fail(const char *what)
{
	dprintf(1, "error: %s: %s\n", what, strerror(errno));
	return 120;
}

static const char *mount_own(struct container *c)
{
	const char *fs = filesystems[c->st.fs];
	static char dir[400];
	char opts[1024];

	if (!strcmp(fs, "disk")) {
		snprintf(dir, sizeof(dir), "%.200s/disk/slot%d", ms_dir, c->slot);
		if (!access(dir, W_OK))
			return dir;
	}
	if (ms_mount(strcmp(fs, "ramfs") ? "tmpfs" : "ramfs", c->dir))
		return NULL;
	add(&shared->mounts, 1);
	if (strcmp(fs, "overlay"))
		return c->dir;
	ms_mkdirf("%s/up", c->dir);
	ms_mkdirf("%s/work", c->dir);
	snprintf(dir, sizeof(dir), "%s/all", c->dir);
	ms_mkdirf("%s", dir);
	snprintf(opts, sizeof(opts), "lowerdir=/bin,upperdir=%s/up,workdir=%s/work",
		 c->dir, c->dir);
	if (!mount("none", dir, "overlay", 0, opts))
		add(&shared->mounts, 1);
	else if (errno != ENODEV)
		return NULL;
	return dir;
}

static int container(void *arg)
{
	struct container *c = arg;
	char *argv[MAX_WORDS], text[1024];
	const char *dir;
	int i, n;

	dup2(c->p.in, 1);
	dup2(c->p.in, 2);
	/* not each kernel has namespaces of System V's objects */
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC) && unshare(CLONE_NEWNS))
		return fail("unshare");
	dir = mount_own(c);
	if (!dir || chdir(dir) || (!access("/dev/shm", W_OK) && ms_mount("tmpfs", "/dev/shm")))
		return fail(filesystems[c->st.fs]);
	/*
	 * Who is killed leaves sockets in /tmp, named by its pid, which comes again. It is
	 * where we are as well, and some ask for the whole path.
	 */
	if (ms_mount("tmpfs", "/tmp") || ms_mkdirf("/tmp/slot") ||
	    mount(".", "/tmp/slot", NULL, MS_BIND, NULL) || chdir("/tmp/slot"))
		return fail("/tmp");
	memcpy(argv, command, nr_command * sizeof(*argv));
	n = snprintf(text, sizeof(text),
		     "--temp-path . --metrics-brief --oomable --seed %llu --timeout %d",
		     (unsigned long long)c->st.rnd, c->seconds + (c->st.killed ? STUCK : 0));
	for (i = 0; i < PER_STINT; i++) {
		const char *s = stressors[c->st.stressor[i]];
		int len = strcspn(s, " ");

		n += snprintf(text + n, sizeof(text) - n, " --%.*s 1%s", len, s, s + len);
	}
	words(argv, nr_command, text);
	execvp(argv[0], argv);
	return fail(argv[0]);
}

static int clear_flags(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	int none = 0, fd;

	(void)flag;
	(void)at;
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ioctl(fd, FS_IOC_SETFLAGS, &none);
		close(fd);
	}
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	if (at->level && remove(path))
		wrong("%s: %s", path, strerror(errno));
	return 0;
}

static void stint(struct container *c, const char *name)
{
	struct stint *st = &c->st;
	char leaf[64], val[32], *top = c->top;
	const char *sub = "/sub/sub";
	long killed;
	pid_t pid;
	int ret;

	snprintf(c->top, sizeof(c->top), "slot%d", c->slot);
	snprintf(leaf, sizeof(leaf), "%s%.*s", top, 4 * (st->depth - 1), sub);
	snprintf(val, sizeof(val), "%dM", st->max);
	if (cg_create_path(leaf) || cg_write(top, "memory.max", val))
		return wrong("%s: %s: %s", name, leaf, strerror(errno));
	snprintf(val, sizeof(val), "%dM", st->max * 3 / 4);
	if (st->high && cg_write(leaf, "memory.high", val))
		return wrong("%s: memory.high: %s", name, strerror(errno));
	add(&shared->cgroups, st->depth);
	open_pipe(&c->p);
	pid = ms_spawn(leaf, ms_node(c->slot), container, c);
	close(c->p.in);
	/* some look at the clock only after minutes of work */
	if (!hear(&c->p, ms_now() + c->seconds + (st->killed ? 0 : LATE)))
		add(&shared->late, !st->killed);
	c->ended = true;
	if (cg_kill_tree(top, STUCK)) {
		ms_write("/proc/sysrq-trigger", "t");	/* and where they are */
		return wrong("%s can't be killed", name);
	}
	hear(&c->p, ms_now() + 10);
	close(c->p.out);
	ret = ms_wait(pid);
	killed = cg_stat(top, "memory.events", "oom_kill");
	/*
	 * 128 + 9: the last one that could be killed for memory; 3, 4: without something
	 * here; 7: killed while it counted; 128 + 11, or 2 for one of its own: the kernel had
	 * no memory to swap in what it reads of a task (rseq), when all the others had been
	 * killed
	 */
	if (ret == 128 + SIGKILL ||
	    ((ret == 128 + SIGSEGV || ret == 2) && killed > 0 &&
	     cg_stat(top, "memory.events", "oom") > killed))
		add(&shared->killed, 1);
	else if (ret && ret != 3 && ret != 4 && ret != 7 && !(c->p.complained && ret < 128))
		wrong("%s: exit status %d: %s", name, ret, c->p.line);
	add(&shared->ooms, killed);
	if (cg_remove_tree(top) || cg_remove(top))
		wrong("%s: rmdir: %s", name, strerror(errno));
	snprintf(c->dir, sizeof(c->dir), "%.200s/disk/slot%d", ms_dir, c->slot);
	nftw(c->dir, clear_flags, 16, FTW_PHYS | FTW_MOUNT);	/* immutable files */
	nftw(c->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	add(&shared->stints, 1);
}

struct slot {
	int nr;
	int warm;		/* stints of the warm-up, or 0 */
};

static int run_slot(void *arg)
{
	struct slot *s = arg;
	long seconds = 0;
	char name[256];
	int nr, i, n;

	for (nr = 0; s->warm ? nr < s->warm : seconds < minutes * 60; nr++) {
		struct container c = {
			.p.says = stressor_says, .p.name = name, .slot = s->nr,
		};

		plan(&c.st, s->nr, nr);
		seconds += c.st.seconds;
		c.seconds = s->warm ? WARM : c.st.seconds;
		snprintf(c.dir, sizeof(c.dir), "%.200s/slot%d", ms_dir, s->nr);
		n = snprintf(name, sizeof(name), "slot %d, stint %d, %d MB, %s", s->nr, nr,
			     c.st.max, filesystems[c.st.fs]);
		for (i = 0; i < PER_STINT; i++)
			n += snprintf(name + n, sizeof(name) - n, ", %s",
				      stressors[c.st.stressor[i]]);
		stint(&c, name);
	}
	return 0;
}

/* the other loads, which make their cgroups below one of ours */

static void load_says(struct program *p, char *line)
{
	if (strstr(line, "could not remove"))
		wrong("%s: %s", p->name, line);
	if (p->told)
		return;
	if (!strncmp(line, "Bail out!", 9) ||
	    (!strncmp(line, "not ok ", 7) && atoi(line + 7) <= p->judged))
		wrong("%s: %s", p->name, line);
}

static int exec_load(void *arg)
{
	struct program *p = arg;
	char *argv[MAX_WORDS], text[256], path[512];
	ssize_t len;

	dup2(p->in, 1);
	dup2(p->in, 2);
	if (cg_enclose("loads"))
		return fail("mount of the cgroup");
	snprintf(text, sizeof(text), "%s", p->name);
	words(argv, 0, text);
	len = readlink("/proc/self/exe", path, sizeof(path) / 2);
	if (len < 0)
		return fail("readlink");
	path[len] = '\0';
	strcpy(strrchr(path, '/') + 1, argv[0]);
	execv(path, argv);
	return fail(path);
}

static void load(const struct load *l)
{
	struct program p = { .name = l->command, .says = load_says, .judged = l->judged };
	double end = ms_now() + 3600;
	pid_t pid;
	int ret;

	open_pipe(&p);
	pid = ms_spawn(NULL, NODE_ANY, exec_load, &p);
	close(p.in);
	if (pid < 0) {
		wrong("fork: %s", strerror(errno));
		close(p.out);
		return;
	}
	while (!hear(&p, ms_now() + 1)) {
		if (shared->stop && !p.told) {
			p.told = true;
			kill(pid, SIGTERM);
			end = ms_now() + STUCK;
		}
		if (ms_now() > end) {
			wrong("%s hangs", p.name);
			ms_write("/proc/sysrq-trigger", "w");
			kill(pid, SIGKILL);
			break;
		}
	}
	close(p.out);
	ret = ms_wait(pid);
	if (ret != KSFT_PASS && ret != KSFT_FAIL && ret != KSFT_SKIP &&
	    !(p.told && ret == 128 + SIGTERM))
		wrong("%s: exit status %d", p.name, ret);
	add(&shared->loads, 1);
}

static int load_after_load(void *arg)
{
	int nr;

	(void)arg;
	for (nr = 0; !shared->stop; nr++)
		load(&loads[deal(LOADS, nr, NR_LOADS)]);
	return 0;
}

static int events(void *arg)
{
	static const char * const names[] = {
		"reclaim", "compaction", "shrinking",
		"drop_caches 1", "drop_caches 2", "drop_caches 3",
	};
	uint64_t r = stream(EVENTS, 0, 0);
	double start = ms_now(), began, took;
	long minute = 0;
	clock_t cpu;
	char rel[32];
	int what;

	(void)arg;
	/*
	 * Compaction holds the locks of folios that others wait for, while dozens of tasks
	 * want its CPU: with their share of it, hung tasks are reported.
	 */
	setpriority(PRIO_PROCESS, 0, -20);
	while (!shared->stop) {
		ms_sleep(0.5 + below(&r, 8));
		if (ms_now() - start >= 60 * (minute + 1)) {
			minute = (ms_now() - start) / 60;
			ksft_print_msg("%ld minutes: %ld stints, %ld calls failed\n", minute,
				       shared->stints, shared->bad);
		}
		what = below(&r, ARRAY_LEN(names));
		snprintf(rel, sizeof(rel), "slot%d", below(&r, nr_slots));
		began = ms_now();
		cpu = clock();
		if (what == 0)
			cg_request(rel);	/* it may not be there */
		else if (what == 1)
			ms_write("/proc/sys/vm/compact_memory", "1");
		else if (what == 2)
			ms_shrink();
		else if (ms_drop(what - 2))
			wrong("drop_caches: %s", strerror(errno));
		took = ms_now() - began;
		if (took > LATE)
			ksft_print_msg("%s took %.0f s, %.0f of them on a CPU\n", names[what],
				       took, (double)(clock() - cpu) / CLOCKS_PER_SEC);
		if (took > shared->slowest)
			shared->slowest = took;
		add(&shared->events, 1);
	}
	return 0;
}

/* the whole */

static void disk_on(void)
{
	char dir[300];
	const char *why;
	int i;

	if (ms_disk(&why)) {
		snprintf(dir, sizeof(dir), "%.200s/disk", ms_dir);
		ms_mkdirf("%s", dir);
		if (ms_mount_disk(dir))
			ksft_exit_fail_msg("can't mount the disk: %s\n", strerror(errno));
		for (i = 0; i < nr_slots; i++)
			ms_mkdirf("%s/slot%d", dir, i);
		why = ms_swapon(SWAP_PAGES);
		ms_set(ZSWAP, "Y");
	}
	if (why)
		ksft_print_msg("no swap: %s\n", why);
}

static void disk_off(void)
{
	ms_swapoff();
	if (ms_disk(NULL) && ms_umountf("%s/disk", ms_dir))
		wrong("the disk can't be unmounted: %s", strerror(errno));
}

/* each slot so many stints, or to the end of its time */
static void all_slots(int warm)
{
	struct slot s[MAX_SLOTS];
	pid_t pid[MAX_SLOTS];
	int i;

	for (i = 0; i < nr_slots; i++) {
		s[i].nr = i;
		s[i].warm = warm;
		pid[i] = ms_spawn(NULL, NODE_ANY, run_slot, &s[i]);
	}
	for (i = 0; i < nr_slots; i++)
		if (ms_wait(pid[i]))
			wrong("the shell of slot %d has ended badly", i);
}

static int count_mounts(void)
{
	static char buf[1 << 20];
	int n = 0;
	char *p;

	if (ms_read("/proc/self/mounts", buf, sizeof(buf)) > 0)
		for (p = buf; *p; p++)
			n += *p == '\n';
	return n;
}

/*
 * To 1 % by objects: what is leaked is one.  Pages are shown, not judged: one object
 * that lives on holds all of its slab.  A kernel worker that has started meanwhile has
 * some in each of five caches, and ends when it has been idle for five minutes.
 */
static bool back(const struct ms_mem *before, struct ms_mem *after)
{
	if (!ms_back(before, after, before->used / 100, 360))
		return false;
	ms_grown(before, after);
	return true;
}

static void run(int argc, char **argv)
{
	static char *installed = "stress-ng";
	struct ms_mem before, after;
	int i, idle = 0, mounted;
	bool made_shm, ok;
	long total, n, ops = 0;
	uint64_t hash_of;
	pid_t pid[2];

	minutes = ms_arg(argc, argv, 1, NULL, 10);
	seed = ms_arg(argc, argv, 2, NULL, 1);
	command = argc > 3 ? argv + 3 : &installed;
	nr_command = argc > 3 ? argc - 3 : 1;
	nr_slots = 2 * ms_nodes() < MAX_SLOTS ? 2 * ms_nodes() : MAX_SLOTS;
	if (ms_version != 2)
		ksft_exit_skip("the limits are those of cgroup v2\n");
	if (nr_command > MAX_WORDS / 2)
		ksft_exit_fail_msg("too many arguments\n");
	shared = ms_shared(sizeof(*shared));
	ksft_set_plan(4);
	hash_of = plan_hash(&n);
	ksft_print_msg("plan %016llx: seed %ld, %ld minutes, %d slots, %ld stints\n",
		       (unsigned long long)hash_of, seed, minutes, nr_slots, n);

	made_shm = !mkdir("/dev/shm", 01777);
	ms_set("/proc/sys/vm/oom_dump_tasks", "0");
	for (i = 0; i < nr_slots; i++)
		ms_mkdirf("%s/slot%d", ms_dir, i);
	if (cg_create("loads") || cg_write("loads", "memory.high", "64M"))
		ksft_exit_fail_msg("a cgroup: %s\n", strerror(errno));
	total = cg_total();
	mounted = count_mounts();

	/* each once: what comes once has come */
	disk_on();
	all_slots((NR_STRESSORS - 1) / (nr_slots * PER_STINT) + 1);
	for (i = 0; i < NR_LOADS; i++)
		load(&loads[i]);
	disk_off();
	ms_drop(3);
	cg_wait_total(total, 60);
	ms_settle_drop(&before);
	ksft_print_msg("warm: %ld stints, %ld calls failed\n", shared->stints, shared->bad);
	memset(shared, 0, sizeof(*shared));

	disk_on();
	pid[0] = ms_spawn(NULL, NODE_ANY, load_after_load, NULL);
	pid[1] = ms_spawn(NULL, NODE_ANY, events, NULL);
	all_slots(0);
	shared->stop = true;
	for (i = 0; i < 2; i++)
		ms_wait(pid[i]);
	disk_off();

	for (i = 0; i < NR_STRESSORS; i++) {
		ops += shared->ops[i];
		idle += !shared->ops[i];
		ksft_print_msg("%ld operations: %s\n", shared->ops[i], stressors[i]);
	}
	ms_metric("stress.stints", shared->stints, "stints");
	ms_metric("stress.killed", shared->killed, "stints");
	ms_metric("stress.late", shared->late, "stints");
	ms_metric("stress.operations", ops, "operations");
	ms_metric("stress.idle", idle, "stressors");
	ms_metric("stress.loads", shared->loads, "loads");
	ms_metric("stress.events", shared->events, "events");
	ms_metric("stress.slowest_event", shared->slowest, "s");
	ms_metric("stress.cgroups", shared->cgroups, "cgroups");
	ms_metric("stress.mounts", shared->mounts, "mounts");
	ms_metric("stress.ooms", shared->ooms, "kills");
	ksft_test_result(!shared->bad, "nothing fails or hangs\n");
	/* what a kernel lacks, stress-ng leaves out */
	ksft_test_result(idle < NR_STRESSORS / 2, "most stressors have got somewhere\n");

	ms_drop(3);
	ok = cg_gone(total, 60);
	if (!ok)
		ksft_print_msg("below ours %ld are there, %ld are dying\n",
			       cg_stat("", "cgroup.stat", "nr_descendants"),
			       cg_stat("", "cgroup.stat", "nr_dying_descendants"));
	if (count_mounts() != mounted) {
		ksft_print_msg("%d mounts, not %d\n", count_mounts(), mounted);
		ok = false;
	}
	ksft_test_result(ok, "cgroups and mounts are gone\n");
	ok = back(&before, &after);
	ms_metric("stress.slab", before.slab / MS_KB, "kB");
	ms_metric("stress.slab_left", (after.slab - before.slab) / MS_KB, "kB");
	ms_metric("stress.used", before.used / MS_KB, "kB");
	ms_metric("stress.used_left", (after.used - before.used) / MS_KB, "kB");
	ms_metric("stress.used_left_percent",
		  100.0 * (after.used - before.used) / before.used, "%");
	ksft_test_result(ok, "objects are back within 1 %%\n");
	if (made_shm)
		rmdir("/dev/shm");
	ksft_exit(!ksft_get_fail_cnt());
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP | MS_KMEM | MS_SLABINFO, run);
}
