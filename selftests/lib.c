// SPDX-License-Identifier: GPL-2.0
/*
 * Helpers that the memcg_slab tests and workloads share, see lib.h.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

#ifndef SYS_clone3
#define SYS_clone3		435
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP	0x200000000ULL
#endif
#define MS_MPOL_BIND		2
#define MS_MAX_NODES		1024

/* struct clone_args as of the kernel that brought CLONE_INTO_CGROUP */
struct ms_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal;
	uint64_t stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

int ms_version;
char ms_dir[PATH_MAX];

static char cg_root[PATH_MAX];	/* where the hierarchy is mounted */
static char cg_base[PATH_MAX];	/* the program's own cgroup */
static char cg_name[64];
static char skip_reason[512];
static bool made_dir, made_ns, dir_mounted;

/* files */

ssize_t ms_read(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t ret;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (len < size - 1) {
		ret = read(fd, buf + len, size - 1 - len);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0) {
			int err = errno;

			close(fd);
			errno = err;
			return -1;
		}
		if (!ret)
			break;
		len += ret;
	}
	close(fd);
	buf[len] = '\0';
	return len;
}

int ms_write(const char *path, const char *val)
{
	ssize_t ret;
	int fd, err;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = write(fd, val, strlen(val));
	err = errno;
	close(fd);
	errno = err;
	return ret < 0 ? -1 : 0;
}

uint64_t ms_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

double ms_now(void)
{
	return ms_now_ns() / 1e9;
}

/* what clean-up puts back, whichever task has changed it */
#define MAX_SAVED	16
static struct {
	struct {
		char path[256];
		char val[64];
	} saved[MAX_SAVED];		/* settings */
	bool expecting;			/* messages that a test provokes */
	char swap[512];			/* a file that is swapped to */
} *state;

int ms_set(const char *path, const char *val)
{
	char old[64], *p;
	int i;

	if (ms_read(path, old, sizeof(old)) <= 0)
		return -1;
	/* one of several: "always [madvise] never" */
	p = strchr(old, '[');
	if (p && strchr(p, ']')) {
		*strchr(p, ']') = '\0';
		memmove(old, p + 1, strlen(p));
	}
	for (i = 0; i < MAX_SAVED; i++) {
		if (!strcmp(state->saved[i].path, path))
			break;
		if (state->saved[i].path[0])
			continue;
		strcpy(state->saved[i].val, old);
		snprintf(state->saved[i].path, sizeof(state->saved[i].path), "%s", path);
		break;
	}
	return ms_write(path, val);
}

/* zeroed memory that a test shares with its tasks */
void *ms_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		ksft_exit_fail_msg("mmap: %s\n", strerror(errno));
	return p;
}

/* for who watches the console */
void ms_expect(const char *regex)
{
	char buf[512];

	state->expecting = true;
	snprintf(buf, sizeof(buf), "lean-memcg: expect-begin %s\n", regex);
	ms_write("/dev/kmsg", buf);
}

void ms_expect_end(void)
{
	ms_write("/dev/kmsg", "lean-memcg: expect-end\n");
	state->expecting = false;
}

bool ms_kernel_said(const char *text)
{
	static char log[1 << 20];
	char *p, *from = log;
	int len = klogctl(3 /* SYSLOG_ACTION_READ_ALL */, log, sizeof(log) - 1);

	if (len < 0)
		return false;
	log[len] = '\0';
	while ((p = strstr(from, "lean-memcg: expect-begin")))
		from = p + strcspn(p, "\n");
	return strstr(from, text);
}

bool ms_has_function(const char *name)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[256], want[128];
	bool found = false;

	snprintf(want, sizeof(want), " %s\n", name);
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, want);
	if (f)
		fclose(f);
	return found;
}

bool ms_kasan(void)
{
	static int found = -1;

	if (found < 0)
		found = ms_has_function("__asan_register_globals");
	return found;
}

const char *ms_beside(const char *file)
{
	static char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) / 2);

	if (len < 0)
		return file;
	path[len] = '\0';
	snprintf(strrchr(path, '/') + 1, sizeof(path) / 2, "%s", file);
	return path;
}

static int open_module(const char *name)
{
	char file[160];
	int fd;

	snprintf(file, sizeof(file), "%.64s.ko", name);
	fd = open(ms_beside(file), O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		snprintf(file, sizeof(file), "%.64s/%.64s.ko", name, name);
		fd = open(ms_beside(file), O_RDONLY | O_CLOEXEC);
	}
	return fd;
}

int ms_insmod(const char *name, const char *args)
{
	int fd = open_module(name), err = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, args, 0))
		err = -errno;
	/* a test that was killed has left it */
	if (err == -EEXIST && !ms_rmmod(name))
		err = syscall(SYS_finit_module, fd, args, 0) ? -errno : 0;
	close(fd);
	return err;
}

int ms_rmmod(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

void ms_modparam(const char *name, const char *param, char *buf, size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", name, param);
	buf[0] = '\0';
	ms_read(path, buf, size);
	if (buf[0] && buf[strlen(buf) - 1] == '\n')
		buf[strlen(buf) - 1] = '\0';
}

int ms_module_result(const char *name, const char *args, char *buf, size_t size)
{
	int err = ms_insmod(name, args);

	ms_modparam(name, "result", buf, size);
	return err ? err : ms_rmmod(name);
}

bool ms_nomodules(int err)
{
	return err == -ENOENT || err == -ENOEXEC || err == -EPERM ||
	       err == -ENOSYS || err == -EKEYREJECTED || err == -EOPNOTSUPP;
}

static void put_back(void)
{
	int i;

	if (state->expecting)
		ms_expect_end();
	ms_swapoff();
	for (i = 0; i < MAX_SAVED && state->saved[i].path[0]; i++)
		ms_write(state->saved[i].path, state->saved[i].val);
}

void ms_sleep(double s)
{
	struct timespec ts = { .tv_sec = (time_t)s };

	ts.tv_nsec = (long)((s - (double)ts.tv_sec) * 1e9);
	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

long ms_arg(int argc, char **argv, int i, const char *env, long def)
{
	const char *s = NULL;
	char *end;
	long val;

	if (i < argc)
		s = argv[i];
	else if (env)
		s = getenv(env);
	if (!s || !*s)
		return def;
	errno = 0;
	val = strtol(s, &end, 0);
	if (*end || errno || val <= 0)
		ksft_exit_fail_msg("\"%s\" is not a positive number\n", s);
	return val;
}

int ms_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void ms_metric(const char *name, double val, const char *unit)
{
	if (val == (double)(long)val)
		printf("# metric %s %ld %s\n", name, (long)val, unit);
	else
		printf("# metric %s %.3f %s\n", name, val, unit);
	fflush(stdout);
}

/* cgroups */

static __attribute__((format(printf, 1, 2))) const char *fmt_path(const char *fmt, ...)
{
	static char bufs[8][PATH_MAX];
	static unsigned int next;
	char *buf = bufs[next++ % ARRAY_LEN(bufs)];
	va_list args;

	va_start(args, fmt);
	if (vsnprintf(buf, PATH_MAX, fmt, args) >= PATH_MAX)
		buf[0] = '\0';		/* ENOENT whatever it is used for */
	va_end(args);
	return buf;
}

const char *cg_path(const char *rel, const char *file)
{
	return fmt_path("%s%s%s%s%s", cg_base, *rel ? "/" : "", rel,
			file ? "/" : "", file ? file : "");
}

/*
 * After a call that failed: is it worth another? The last task may not have left
 * yet, or a child may still be on its way out.
 */
static bool still_busy(int *tries)
{
	if (errno != EBUSY || ++*tries == 500)
		return false;
	ms_sleep(0.01);
	return true;
}

/* children of this cgroup get the controller */
static int cg_enable(const char *path)
{
	char buf[1024];
	int tries = 0;

	if (ms_version == 1)
		return 0;
	if (ms_read(fmt_path("%s/cgroup.subtree_control", path), buf, sizeof(buf)) > 0 &&
	    strstr(buf, "memory"))
		return 0;
	while (ms_write(fmt_path("%s/cgroup.subtree_control", path), "+memory"))
		if (!still_busy(&tries))
			return -1;
	return 0;
}

int cg_create(const char *rel)
{
	char parent[PATH_MAX];
	char *slash;

	if (mkdir(cg_path(rel, NULL), 0755))
		return -1;
	if (ms_version == 1)
		return 0;
	/* the base has the controller on; other parents as they get children */
	snprintf(parent, sizeof(parent), "%s", cg_path(rel, NULL));
	slash = strrchr(parent, '/');
	*slash = '\0';
	if (!strcmp(parent, cg_base) || !cg_enable(parent))
		return 0;
	return -1;
}

int cg_createf(const char *fmt, ...)
{
	char rel[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(rel, sizeof(rel), fmt, args);
	va_end(args);
	return cg_create(rel);
}

int cg_create_path(const char *rel)
{
	char buf[PATH_MAX];
	char *p;

	snprintf(buf, sizeof(buf), "%s", rel);
	for (p = strchr(buf, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (cg_create(buf) && errno != EEXIST)
			return -1;
		*p = '/';
	}
	if (cg_create(buf) && errno != EEXIST)
		return -1;
	return 0;
}

static int rmdir_retry(const char *path)
{
	int tries = 0;

	while (rmdir(path) && errno != ENOENT)
		if (!still_busy(&tries))
			return -1;
	return 0;
}

int cg_remove(const char *rel)
{
	return rmdir_retry(cg_path(rel, NULL));
}

int cg_removef(const char *fmt, ...)
{
	char rel[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(rel, sizeof(rel), fmt, args);
	va_end(args);
	return cg_remove(rel);
}

static int remove_tree(const char *path, bool self)
{
	char sub[PATH_MAX];
	struct dirent *de;
	int ret = 0;
	DIR *dir;

	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -1;
	while ((de = readdir(dir))) {
		if (de->d_type != DT_DIR || !strcmp(de->d_name, ".") ||
		    !strcmp(de->d_name, ".."))
			continue;
		if (snprintf(sub, sizeof(sub), "%s/%s", path, de->d_name) >=
		    (int)sizeof(sub))
			continue;
		if (remove_tree(sub, true))
			ret = -1;
	}
	closedir(dir);
	if (self && rmdir_retry(path))
		ret = -1;
	return ret;
}

int cg_remove_tree(const char *rel)
{
	return remove_tree(cg_path(rel, NULL), false);
}

static void kill_task(int pid)
{
	if (pid > 1)
		kill(pid, SIGKILL);
}

/* one that does not die, with its state */
static void show_task(int pid)
{
	char buf[1024];

	if (ms_read(fmt_path("/proc/%d/stat", pid), buf, sizeof(buf)) > 0)
		ksft_print_msg("%.40s\n", buf);
}

/* the number of tasks that were still there */
static int for_tasks(const char *path, void (*fn)(int pid))
{
	char buf[16384], sub[PATH_MAX];
	struct dirent *de;
	char *p, *save;
	int nr = 0;
	DIR *dir;

	if (ms_read(fmt_path("%s/cgroup.procs", path), buf, sizeof(buf)) > 0) {
		for (p = strtok_r(buf, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
			fn(atoi(p));
			nr++;
		}
	}
	dir = opendir(path);
	while (dir && (de = readdir(dir))) {
		if (de->d_type != DT_DIR || de->d_name[0] == '.')
			continue;
		if (snprintf(sub, sizeof(sub), "%s/%s", path, de->d_name) < (int)sizeof(sub))
			nr += for_tasks(sub, fn);
	}
	if (dir)
		closedir(dir);
	return nr;
}

int cg_kill_tree(const char *rel, double timeout)
{
	double end = ms_now() + timeout;

	while (for_tasks(cg_path(rel, NULL), kill_task)) {
		if (ms_now() > end) {
			for_tasks(cg_path(rel, NULL), show_task);
			return -1;
		}
		ms_sleep(0.01);
	}
	return 0;
}

int cg_write(const char *rel, const char *file, const char *val)
{
	return ms_write(cg_path(rel, file), val);
}

bool cg_has(const char *rel, const char *file)
{
	return !access(cg_path(rel, file), F_OK);
}

long cg_value(const char *rel, const char *file)
{
	char buf[64];

	if (ms_read(cg_path(rel, file), buf, sizeof(buf)) <= 0)
		return -1;
	if (!strncmp(buf, "max", 3))
		return LONG_MAX;
	return strtol(buf, NULL, 10);
}

static long key_value(const char *buf, const char *key)
{
	size_t len = strlen(key);
	const char *p;

	for (p = buf; p && *p; p = strchr(p, '\n')) {
		while (*p == '\n')
			p++;
		if (!strncmp(p, key, len) && (p[len] == ' ' || p[len] == ':'))
			return strtol(p + len + 1, NULL, 10);
	}
	return -1;
}

long cg_stat(const char *rel, const char *file, const char *key)
{
	char buf[16384];

	if (ms_read(cg_path(rel, file), buf, sizeof(buf)) <= 0)
		return -1;
	return key_value(buf, key);
}

long cg_slab(const char *rel)
{
	if (ms_version == 1)
		return cg_value(rel, "memory.kmem.usage_in_bytes");
	return cg_stat(rel, "memory.stat", "slab_reclaimable");
}

/* 32 pages a CPU are kept back: of the statistics on v2, of the charge on v1 */
long cg_slab_noise(void)
{
	return 32 * 4096L * ms_cpus();
}

bool cg_node_stat(const char *rel, const char *name, int node, long *bytes)
{
	char buf[16384], key[64];
	char *p, *eol;

	if (ms_version == 1 ||
	    ms_read(cg_path(rel, "memory.numa_stat"), buf, sizeof(buf)) <= 0)
		return false;
	snprintf(key, sizeof(key), "%s ", name);
	p = strstr(buf, key);
	if (!p)
		return false;
	eol = strchr(p, '\n');
	if (eol)
		*eol = '\0';
	snprintf(key, sizeof(key), " N%d=", node);
	p = strstr(p, key);
	if (!p)
		return false;
	*bytes = strtol(p + strlen(key), NULL, 10);
	return true;
}

bool cg_node_slab(const char *rel, int node, long *bytes)
{
	return cg_node_stat(rel, "slab_reclaimable", node, bytes);
}

int cg_enclose(const char *rel)
{
	if (unshare(CLONE_NEWNS))
		return -1;
	return mount(cg_path(rel, NULL), cg_path("..", NULL), NULL, MS_BIND, NULL);
}

long cg_total(void)
{
	char buf[8192];
	long hier, num, dying;
	char *p;

	if (ms_version == 2 && ms_read(cg_path("", "cgroup.stat"), buf, sizeof(buf)) > 0) {
		num = key_value(buf, "nr_descendants");
		dying = key_value(buf, "nr_dying_descendants");
		if (num >= 0 && dying >= 0)
			return num + dying;
	}
	if (ms_read("/proc/cgroups", buf, sizeof(buf)) <= 0)
		return -1;
	p = strstr(buf, "\nmemory");
	if (!p || sscanf(p, "\nmemory %ld %ld", &hier, &num) != 2)
		return -1;
	return num;
}

/*
 * What an idle CPU keeps for ever, and what holds its cgroup: a page that a task has
 * left in the batch for the LRU lists (15 pages on 5.10), and charges in stock, one
 * cgroup's or on 7.3 seven's, also none: drain_all_stock() looks for cgroups with
 * pages.  So give each CPU a batch of pages that are charged to one more cgroup.
 */
static int visit_cpus(void *pages)
{
	const size_t len = *(long *)pages * sysconf(_SC_PAGESIZE);
	cpu_set_t all;
	int cpu;
	char *p;

	if (sched_getaffinity(0, sizeof(all), &all))
		return 1;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (ms_bind_cpu(cpu))
			continue;
		p = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (p != MAP_FAILED)
			munmap(p, len);
	}
	return 0;
}

/*
 * Its removal drains each CPU that has pages of it in stock, whoever else has. A stock
 * that is used to its last page would keep it instead, so the next has a page more.
 */
int cg_drain_cpus(void)
{
	static long pages = 256;

	pages++;
	if (!cg_create("drain") && !ms_run("drain", NODE_ANY, visit_cpus, &pages) &&
	    !cg_remove("drain"))
		return 0;
	ksft_print_msg("the CPUs can't be drained: %s\n", strerror(errno));
	cg_remove("drain");	/* not to be in the way of the next */
	return -1;
}

/* wait until no more than that many are left, dying ones counted */
bool cg_wait_total(long total, double timeout)
{
	double end = ms_now() + timeout, pause = 0.5, drain = ms_now() + pause;
	long nr;

	for (;;) {
		nr = cg_total();
		if (nr <= total || ms_now() > end)
			return nr >= 0 && nr <= total;
		if (ms_now() > drain) {
			cg_drain_cpus();
			/* that was a cgroup, too, and takes its time to go */
			pause *= 2;
			drain = ms_now() + pause;
		}
		ms_sleep(0.05);
	}
}

/* what our cgroups, and those below that are dying, are charged for */
static void show_charges(void)
{
	char buf[16384], *line, *save;
	long val;

	if (ms_read(cg_path("", "memory.stat"), buf, sizeof(buf)) <= 0)
		return;
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, "pg", 2) && strncmp(line, "workingset", 10) &&
		    sscanf(line, "%*s %ld", &val) == 1 && val)
			ksft_print_msg("charged: %s\n", line);
}

/*
 * The pages that dying cgroups are charged for, by their flags. To the kernel they are
 * those of the nearest cgroup that lives: ours, which has no tasks.
 */
static void show_pages(void)
{
	static uint64_t cgroup[4096], flags[4096];
	struct { uint64_t flags; long pages; } kind[16] = { { 0, 0 } };
	int of = open("/proc/kpagecgroup", O_RDONLY | O_CLOEXEC);
	int is = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	unsigned int i, k, n;
	struct stat st;
	ssize_t len;

	if (of < 0 || is < 0 || stat(cg_base, &st)) {
		ksft_print_msg("with CONFIG_PROC_PAGE_MONITOR the pages would be listed\n");
		return;
	}
	while ((len = read(of, cgroup, sizeof(cgroup))) > 0 && read(is, flags, len) == len) {
		n = len / sizeof(cgroup[0]);
		for (i = 0; i < n; i++) {
			if (cgroup[i] != st.st_ino)
				continue;
			for (k = 0; k < ARRAY_LEN(kind) - 1 && kind[k].pages &&
			     kind[k].flags != flags[i]; k++)
				;
			kind[k].flags = flags[i];
			kind[k].pages++;
		}
	}
	close(of);
	close(is);
	for (k = 0; k < ARRAY_LEN(kind) && kind[k].pages; k++)
		ksft_print_msg("charged: %ld pages with /proc/kpageflags 0x%llx\n",
			       kind[k].pages, (unsigned long long)kind[k].flags);
}

/*
 * A CPU on its way offline, when it is too late to ask it for the buffers that it looked
 * at last and too early for it to let go of them, keeps the pages of a disk that is
 * unmounted just then: reclaim alone finds these afterwards. The base does the same.
 */
bool cg_gone(long total, double timeout)
{
	bool gone = cg_wait_total(total, timeout);

	if (!gone && getenv("MEMCG_SLAB_CPUS_GO")) {
		ksft_print_msg("%ld cgroups are held by what only reclaim frees?\n",
			       cg_total() - total);
		cg_reclaim("");
		gone = cg_wait_total(total, timeout);
	}
	if (!gone) {
		ksft_print_msg("%ld cgroups are still dying\n", cg_total() - total);
		show_charges();
		show_pages();
	}
	return gone;
}

int cg_reclaim_by(const char *rel, const char *how)
{
	char val[32];
	int ret;

	if (!strcmp(how, "memory.reclaim")) {
		/* fails with EAGAIN where it could not get that much: it may */
		long usage = cg_value(rel, "memory.current");

		snprintf(val, sizeof(val), "%ld", usage);
		if (cg_write(rel, how, val) && errno != EAGAIN)
			return -1;
		return 0;
	}
	if (!strcmp(how, "memory.force_empty"))
		return cg_write(rel, how, "0");
	if (!strcmp(how, "memory.limit_in_bytes")) {
		/* v1 refuses a limit (EBUSY) that it could not reclaim down to */
		long usage = cg_value(rel, "memory.usage_in_bytes");
		int i;

		for (i = 2; i <= 16; i *= 2) {
			snprintf(val, sizeof(val), "%ld", usage / i);
			if (cg_write(rel, how, val))
				break;
		}
		return cg_write(rel, how, "-1");
	}
	/* memory.high, memory.max: nobody is in there, so nobody is killed */
	ret = cg_write(rel, how, "0");
	if (cg_write(rel, how, "max"))
		ret = -1;
	return ret;
}

int cg_reclaim(const char *rel)
{
	return cg_reclaim_by(rel, ms_version == 1 ? "memory.force_empty" : "memory.high");
}

int cg_request(const char *rel)
{
	return cg_reclaim_by(rel, cg_has(rel, "memory.reclaim") ? "memory.reclaim" :
								   "memory.high");
}

/* processes */

static pid_t clone_into(const char *path)
{
	struct ms_clone_args args = { .exit_signal = SIGCHLD };
	pid_t pid;
	int fd, err;

	if (ms_version != 2) {
		errno = ENOSYS;
		return -1;
	}
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	args.flags = CLONE_INTO_CGROUP;
	args.cgroup = fd;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	err = errno;
	if (pid)
		close(fd);
	errno = err;
	return pid;
}

/*
 * Into the cgroup right at birth where that is possible: moving a task waits
 * for a grace period, and makes thousands of short-lived cgroups slow.
 */
pid_t ms_spawn(const char *rel, int node, ms_child fn, void *arg)
{
	const char *path = NULL;
	bool move = false;
	pid_t pid;

	fflush(stdout);
	if (rel) {
		path = cg_path(rel, NULL);
		pid = clone_into(path);
		if (pid < 0 && (errno == ENOSYS || errno == EINVAL || errno == E2BIG)) {
			move = true;
			pid = fork();
		}
	} else {
		pid = fork();
	}
	if (pid)
		return pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (move && ms_write(fmt_path("%s/cgroup.procs", path), "0"))
		_exit(126);
	if (node != NODE_ANY && ms_bind(node))
		_exit(125);
	_exit(fn(arg));
}

int ms_wait(pid_t pid)
{
	int status;

	if (pid < 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

int ms_kill(pid_t pid)
{
	/* where a fork has failed: kill(-1) is for all that there are */
	if (pid <= 0)
		return -1;
	kill(pid, SIGKILL);
	return ms_wait(pid);
}

int ms_run(const char *rel, int node, ms_child fn, void *arg)
{
	return ms_wait(ms_spawn(rel, node, fn, arg));
}

static int one_file(void *arg)
{
	int fd = open(arg, O_CREAT | O_WRONLY | O_EXCL, 0600);

	return fd < 0 ? 1 : close(fd);
}

void ms_crowd(const char *dir, long from, long to)
{
	char rel[64], name[600];
	long i;

	for (i = from; i < to; i++) {
		snprintf(rel, sizeof(rel), "crowd%ld", i);
		snprintf(name, sizeof(name), "%.500s/%s", dir, rel);
		if (cg_create(rel) || ms_run(rel, NODE_ANY, one_file, name))
			ksft_exit_fail_msg("cgroup %ld of the crowd: %s\n", i, strerror(errno));
	}
}

/* nodes */

/* "0-3,5" into an array, returns how many */
static int parse_list(const char *s, int *list, int max)
{
	int n = 0;

	while (*s >= '0' && *s <= '9') {
		char *end;
		long a = strtol(s, &end, 10), b = a;

		if (*end == '-')
			b = strtol(end + 1, &end, 10);
		for (; a <= b && n < max; a++)
			list[n++] = a;
		s = *end == ',' ? end + 1 : end;
	}
	return n;
}

static int read_list(const char *path, int *list, int max)
{
	char buf[4096];

	if (ms_read(path, buf, sizeof(buf)) <= 0)
		return 0;
	return parse_list(buf, list, max);
}

/* with memory for slabs: one may have none but what can move */
static int *nodes(int *nr)
{
	static int list[MS_MAX_NODES], n;

	if (!n)
		n = read_list("/sys/devices/system/node/has_normal_memory", list, MS_MAX_NODES);
	if (!n)
		n = read_list("/sys/devices/system/node/online", list, MS_MAX_NODES);
	if (!n) {
		list[0] = 0;
		n = 1;
	}
	*nr = n;
	return list;
}

int ms_nodes(void)
{
	int n;

	nodes(&n);
	return n;
}

int ms_node(int i)
{
	int n, *list = nodes(&n);

	return list[i % n];
}

int ms_node_ids(void)
{
	int list[MS_MAX_NODES];
	int n = read_list("/sys/devices/system/node/possible", list, MS_MAX_NODES);

	return n ? list[n - 1] + 1 : 1;
}

int ms_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n;
}

int ms_bind_cpu(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one);
}

/*
 * New slab pages come from the task's memory policy, but a partial slab is
 * taken from the node of the CPU first.  So be there too, if it has any CPU.
 */
int ms_bind(int node)
{
	unsigned long mask[MS_MAX_NODES / (8 * sizeof(long))] = { 0 };
	int cpus[4096], i, n;
	cpu_set_t set;

	mask[node / (8 * sizeof(long))] |= 1UL << (node % (8 * sizeof(long)));
	if (syscall(SYS_set_mempolicy, MS_MPOL_BIND, mask, MS_MAX_NODES) &&
	    (errno != ENOSYS || node))
		return -1;
	n = read_list(fmt_path("/sys/devices/system/node/node%d/cpulist", node),
		      cpus, ARRAY_LEN(cpus));
	CPU_ZERO(&set);
	for (i = 0; i < n; i++)
		if (cpus[i] < CPU_SETSIZE)
			CPU_SET(cpus[i], &set);
	if (n)
		sched_setaffinity(0, sizeof(set), &set);
	return 0;
}

/* memory */

static const char *slabinfo(void)
{
	static char buf[256 * 1024];

	return ms_read("/proc/slabinfo", buf, sizeof(buf)) > 0 ? buf : "";
}

static bool slab_line(const char *p, char *name, struct slab_cache *c)
{
	unsigned long perslab, pages, active_slabs, slabs;

	if (sscanf(p, "%63s %lu %lu %lu %lu %lu : tunables %*u %*u %*u : slabdata %lu %lu",
		   name, &c->active, &c->total, &c->objsize, &perslab, &pages,
		   &active_slabs, &slabs) != 8)
		return false;
	c->found = true;
	c->bytes = slabs * pages * sysconf(_SC_PAGESIZE);
	return true;
}

static bool is_shared(const char *name)
{
	char val[16];

	return ms_read(fmt_path("/sys/kernel/slab/%s/aliases", name), val, sizeof(val)) > 0 &&
	       atoi(val);
}

struct slab_cache slab_cache(const char *name)
{
	struct slab_cache c = { 0 };
	const char *p;
	char buf[64];

	for (p = slabinfo(); *p; p++) {
		if (slab_line(p, buf, &c) && !strcmp(buf, name)) {
			c.shared = is_shared(name);
			return c;
		}
		p = strchr(p, '\n');
		if (!p)
			break;
	}
	memset(&c, 0, sizeof(c));
	return c;
}

void ms_mem(struct ms_mem *m)
{
	char buf[8192], name[64];
	struct slab_cache c;
	const char *p;

	memset(m, 0, sizeof(*m));
	m->lists_bytes = -1;
	m->lists_objs = -1;
	m->units_objs = -1;
	/* fold what the CPUs keep back of the counters */
	ms_read("/proc/sys/vm/stat_refresh", buf, sizeof(buf));
	if (ms_read("/proc/meminfo", buf, sizeof(buf)) > 0) {
		m->slab = key_value(buf, "Slab") * 1024;
		m->vmalloc = key_value(buf, "VmallocUsed") * 1024;
		m->percpu = key_value(buf, "Percpu") * 1024;
		m->free = key_value(buf, "MemFree") * 1024;
	}
	for (p = slabinfo(); *p; p++) {
		if (slab_line(p, name, &c)) {
			m->slabinfo += c.bytes;
			m->used += c.active * c.objsize;
			if (m->caches < MS_CACHES) {
				snprintf(m->cache[m->caches].name,
					 sizeof(m->cache[0].name), "%.31s", name);
				m->cache[m->caches].used = c.active * c.objsize;
				m->cache[m->caches++].bytes = c.bytes;
			}
			/* CONFIG_DEBUG_OBJECTS' own, which keeps what it has */
			if (!strcmp(name, "debug_objects_cache")) {
				m->slabinfo -= c.bytes;
				m->used -= c.active * c.objsize;
				m->slab -= c.bytes;
			}
			if (!strcmp(name, "kmalloc-32")) {
				m->k32_bytes = c.bytes;
				m->k32_objs = c.active;
			}
			if (!strcmp(name, "list_lru_memcg") && !is_shared(name)) {
				m->lists_bytes = c.bytes;
				m->lists_objs = c.active;
			}
			if (!strcmp(name, "shrinker_unit") && !is_shared(name))
				m->units_objs = c.active;
		}
		p = strchr(p, '\n');
		if (!p)
			break;
	}
	m->held = m->slab - m->slabinfo + m->used;
}

/* free slabs that nobody uses, so that counters tell what is in use */
void ms_shrink(void)
{
	struct dirent *de;
	DIR *dir;

	dir = opendir("/sys/kernel/slab");
	if (!dir)
		return;
	while ((de = readdir(dir)))
		if (de->d_name[0] != '.' && de->d_type != DT_LNK)
			ms_write(fmt_path("/sys/kernel/slab/%s/shrink", de->d_name), "1");
	closedir(dir);
}

/* a grace period or two, and time for what was waiting for them */
void ms_rcu(void)
{
	/* since 6.1; twice, as what a callback frees may wait for another */
	const char *barrier = "/sys/module/rcutree/parameters/do_rcu_barrier";

	if (!ms_write(barrier, "1") && !ms_write(barrier, "1"))
		return;
#ifdef SYS_membarrier
	if (!syscall(SYS_membarrier, 1 /* MEMBARRIER_CMD_GLOBAL */, 0, 0)) {
		syscall(SYS_membarrier, 1, 0, 0);
		/* with one CPU online that returns at once, and nobody waits for RCU */
		ms_sleep(ms_cpus() > 1 ? 0.02 : 0.5);
		return;
	}
#endif
	ms_sleep(0.1);
}

long ms_vmstat(const char *key)
{
	static char buf[64 * 1024];
	char want[64];
	char *p;

	if (ms_read("/proc/vmstat", buf, sizeof(buf)) <= 0)
		return -1;
	snprintf(want, sizeof(want), "\n%s ", key);
	p = strstr(buf, want);
	return p ? atol(p + strlen(want)) : -1;
}

int ms_drop(int what)
{
	char val[16];

	snprintf(val, sizeof(val), "%d", what);
	return ms_write("/proc/sys/vm/drop_caches", val);
}

static void settle(struct ms_mem *m, bool drop)
{
	struct ms_mem last;
	int i, still = 0;

	memset(&last, 0, sizeof(last));
	for (i = 0; i < 60 && still < 2; i++) {
		if (drop)
			ms_drop(3);
		ms_rcu();
		ms_shrink();
		ms_mem(m);
		if (labs(m->slab - last.slab) <= 32768 &&
		    labs(m->slabinfo - last.slabinfo) <= 32768)
			still++;
		else
			still = 0;
		last = *m;
	}
}

void ms_settle(struct ms_mem *m)
{
	settle(m, false);
}

void ms_settle_drop(struct ms_mem *m)
{
	settle(m, true);
}

void ms_grown(const struct ms_mem *before, const struct ms_mem *after)
{
	long grown, used;
	int i, j;

	for (i = 0; i < after->caches; i++) {
		grown = after->cache[i].bytes;
		used = after->cache[i].used;
		for (j = 0; j < before->caches; j++)
			if (!strcmp(before->cache[j].name, after->cache[i].name)) {
				grown -= before->cache[j].bytes;
				used -= before->cache[j].used;
			}
		if (grown >= 16 * 1024)
			ksft_print_msg("%s: %ld kB more, %ld kB in use\n",
				       after->cache[i].name, grown / 1024, used / 1024);
	}
}

/*
 * What is leaked stays; what waits for a grace period or a worker goes.  By objects:
 * one that lives on holds all the pages of its slab.
 */
bool ms_back(const struct ms_mem *before, struct ms_mem *after, long limit, double timeout)
{
	double end = ms_now() + timeout;

	do {
		settle(after, true);
		if (after->used - before->used <= limit)
			return true;
	} while (ms_now() < end);
	ms_grown(before, after);
	return false;
}

long ms_dentry_unused(void)
{
	char buf[256];
	long all, unused;

	if (ms_read("/proc/sys/fs/dentry-state", buf, sizeof(buf)) <= 0 ||
	    sscanf(buf, "%ld %ld", &all, &unused) != 2)
		return -1;
	return unused;
}

/* file systems */

static bool has_fs(const char *type)
{
	char buf[4096], key[64];
	char *p;

	if (ms_read("/proc/filesystems", buf, sizeof(buf)) <= 0)
		return false;
	snprintf(key, sizeof(key), "\t%s\n", type);
	p = strstr(buf, key);
	return p;
}

int ms_mount(const char *type, const char *dir)
{
	return mount("none", dir, type, 0, NULL);
}

int ms_mountf(const char *type, const char *fmt, ...)
{
	char dir[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(dir, sizeof(dir), fmt, args);
	va_end(args);
	return ms_mount(type, dir);
}

int ms_umount(const char *dir)
{
	int i;

	for (i = 0; i < 500; i++) {
		if (!umount2(dir, UMOUNT_NOFOLLOW))
			return 0;
		if (errno != EBUSY)
			return -1;
		ms_sleep(0.01);
	}
	return -1;
}

int ms_umountf(const char *fmt, ...)
{
	char dir[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(dir, sizeof(dir), fmt, args);
	va_end(args);
	return ms_umount(dir);
}

int ms_mkdirf(const char *fmt, ...)
{
	char dir[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(dir, sizeof(dir), fmt, args);
	va_end(args);
	return mkdir(dir, 0755) && errno != EEXIST ? -1 : 0;
}

static bool mounted_dev(dev_t dev)
{
	static char buf[1024 * 1024];
	char key[32];

	snprintf(key, sizeof(key), " %u:%u ", major(dev), minor(dev));
	return ms_read("/proc/self/mountinfo", buf, sizeof(buf)) > 0 &&
	       strstr(buf, key);
}

#define DISK_LABEL	"memcg_slab"

/*
 * A node of our own for a block device, until node_away().  On 5.10 the one in /dev,
 * once used, holds the device's inode (bd_acquire()), and that one the cgroup by which
 * it was dirtied (inode_attach_wb()).
 */
static const char *node_of(const char *dev)
{
	static char node[PATH_MAX + 16];
	struct stat st;

	snprintf(node, sizeof(node), "%s/disk.node", ms_dir);
	if (stat(dev, &st) || !S_ISBLK(st.st_mode) ||
	    mknod(node, S_IFBLK | 0600, st.st_rdev))
		return dev;
	return node;
}

static void node_away(void)
{
	unlink(fmt_path("%s/disk.node", ms_dir));
}

static int open_disk(const char *dev)
{
	int fd = open(node_of(dev), O_RDONLY | O_CLOEXEC);

	node_away();
	return fd;
}

/* 1: an ext4 with our label, 0: an ext4, -1: none */
static int ext4_label(const char *dev)
{
	unsigned char sb[1024];
	int fd, ret = -1;

	fd = open_disk(dev);
	if (fd < 0)
		return -1;
	if (pread(fd, sb, sizeof(sb), 1024) == sizeof(sb) &&
	    sb[0x38] == 0x53 && sb[0x39] == 0xef)
		ret = !strncmp((char *)sb + 0x78, DISK_LABEL, 16);
	close(fd);
	return ret;
}

/* an image in our directory behind a loop device that goes with its last user */
static const char *loop_disk(void)
{
	static char dev[64];
	struct loop_info64 info = { .lo_flags = LO_FLAGS_AUTOCLEAR };
	const char *img = fmt_path("%s/disk.img", ms_dir);
	int ctl, nr, fd, img_fd;

	ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (ctl < 0)
		return NULL;
	nr = ioctl(ctl, LOOP_CTL_GET_FREE);
	close(ctl);
	if (nr < 0)
		return NULL;
	img_fd = open(img, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (img_fd < 0 || ftruncate(img_fd, 64 << 20) ||
	    system(fmt_path("PATH=$PATH:/sbin:/usr/sbin mkfs.ext4 -q -F -L " DISK_LABEL
			    " %s >/dev/null 2>&1", img)))
		goto err;
	snprintf(dev, sizeof(dev), "/dev/loop%d", nr);
	fd = open(dev, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		goto err;
	if (ioctl(fd, LOOP_SET_FD, img_fd) || ioctl(fd, LOOP_SET_STATUS64, &info)) {
		close(fd);
		goto err;
	}
	close(img_fd);
	/* fd stays open, or it would be cleared before it is mounted */
	return dev;
err:
	if (img_fd >= 0)
		close(img_fd);
	unlink(img);
	return NULL;
}

const char *ms_disk(const char **why)
{
	static const char *found, *reason;
	const char *env = getenv("MEMCG_SLAB_DISK");
	static char dev[64];
	struct stat st;
	char c;

	if (found || reason)
		goto out;
	reason = "no disk: set MEMCG_SLAB_DISK to one with an ext4";
	if (!has_fs("ext4")) {
		reason = "no ext4";
		goto out;
	}
	if (env && *env) {
		if (stat(env, &st) || !S_ISBLK(st.st_mode))
			reason = "MEMCG_SLAB_DISK is not a block device";
		else if (ext4_label(env) < 0)
			reason = "no ext4 on MEMCG_SLAB_DISK";
		else if (mounted_dev(st.st_rdev))
			reason = "MEMCG_SLAB_DISK is mounted";
		else
			found = env;
		goto out;
	}
	/* somebody's disk is only written to if it says that it is for this */
	for (c = 'a'; c <= 'z' && !found; c++) {
		snprintf(dev, sizeof(dev), "/dev/vd%c", c);
		if (!stat(dev, &st) && S_ISBLK(st.st_mode) && !mounted_dev(st.st_rdev) &&
		    ext4_label(dev) == 1)
			found = dev;
	}
	if (!found)
		found = loop_disk();
out:
	if (why)
		*why = found ? NULL : reason;
	return found;
}

int ms_mount_disk(const char *dir)
{
	const char *dev = ms_disk(NULL);
	int ret;

	if (!dev) {
		errno = ENODEV;
		return -1;
	}
	ret = mount(node_of(dev), dir, "ext4", 0, NULL);
	node_away();
	return ret;
}

int ms_open_disk(void)
{
	const char *dev = ms_disk(NULL);

	return dev ? open_disk(dev) : -1;
}

const char *ms_swapon(long pages)
{
	long page = sysconf(_SC_PAGESIZE), i;
	const char *dir = fmt_path("%s/swap", ms_dir);
	char *buf = calloc(1, page);
	uint32_t *info = (uint32_t *)(buf + 1024);
	const char *why = NULL;
	int fd;

	if (!ms_disk(&why))
		return why;
	mkdir(dir, 0700);
	if (ms_mount_disk(dir))
		return "can't mount the disk";
	snprintf(state->swap, sizeof(state->swap), "%.500s/file", dir);
	fd = open(state->swap, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return "can't make a file on the disk";
	for (i = 0; i < pages && !why; i++)
		if (write(fd, buf, page) != page)
			why = "the disk is too small";
	info[0] = 1;			/* version */
	info[1] = pages - 1;		/* last page */
	memcpy(buf + page - 10, "SWAPSPACE2", 10);
	if (!why && (pwrite(fd, buf, page, 0) != page || fsync(fd)))
		why = "can't write to the disk";
	free(buf);
	close(fd);
	if (!why && swapon(state->swap, 0))
		why = strerror(errno);
	return why;
}

void ms_swapoff(void)
{
	if (!state->swap[0])
		return;
	swapoff(state->swap);
	unlink(state->swap);
	ms_umountf("%s/swap", ms_dir);
	state->swap[0] = '\0';
}

/* a directory of our own on the disk, without what an earlier test has left */
const char *ms_disk_dir(const char *mnt)
{
	const char *dir = fmt_path("%s/" DISK_LABEL, mnt);
	struct dirent *de;
	DIR *d;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return NULL;
	d = opendir(dir);
	if (!d)
		return NULL;
	while ((de = readdir(d)))
		unlinkat(dirfd(d), de->d_name, 0);
	closedir(d);
	return dir;
}

/* objects that stay cached */

static long walk(const char *path, int depth)
{
	char sub[PATH_MAX];
	struct dirent *de;
	struct stat st;
	long n = 0;
	DIR *dir;

	dir = opendir(path);
	if (!dir)
		return 0;
	while ((de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		if (snprintf(sub, sizeof(sub), "%s/%s", path, de->d_name) >= (int)sizeof(sub))
			continue;
		if (lstat(sub, &st))
			continue;
		n++;
		if (S_ISDIR(st.st_mode) && depth)
			n += walk(sub, depth - 1);
	}
	closedir(dir);
	return n;
}

const char *ms_cache_open(struct ms_cache *c)
{
	static int nr;
	const char *why, *dir;

	memset(c, 0, sizeof(*c));
	snprintf(c->mnt, sizeof(c->mnt), "%.200s/cache%d", ms_dir, nr++);
	mkdir(c->mnt, 0755);
	if (ms_disk(&why)) {
		if (ms_mount_disk(c->mnt))
			return "can't mount the disk";
		dir = ms_disk_dir(c->mnt);
		if (!dir)
			return "can't make a directory on the disk";
		snprintf(c->dir, sizeof(c->dir), "%s", dir);
		c->disk = true;
		/*
		 * The directory's blocks are page cache of who reads them first, and
		 * would keep that cgroup from going: be that here.
		 */
		walk(c->dir, 0);
		ms_cache_fill(c, -1, 1);
		return NULL;
	}
	/* a new instance each time since 5.8; before that, the one there is */
	if (ms_mount("proc", c->mnt))
		return "neither a disk nor proc for a cache";
	snprintf(c->dir, sizeof(c->dir), "%s", c->mnt);
	return NULL;
}

void ms_cache_close(struct ms_cache *c)
{
	if (c->mnt[0])
		ms_umount(c->mnt);
	c->mnt[0] = '\0';
}

long ms_cache_fill(struct ms_cache *c, int tag, long n)
{
	char name[PATH_MAX];
	struct stat st;
	long done = 0;

	if (c->disk) {
		/* the name is not there, and the kernel remembers so */
		for (; done < n; done++) {
			snprintf(name, sizeof(name), "%s/missing-%d-%ld", c->dir, tag, done);
			if (!stat(name, &st) || errno != ENOENT)
				return -1;
		}
		return done;
	}
	return walk(c->dir, 3);
}

struct fill {
	struct ms_cache *cache;
	long n;
};

static int fill(void *arg)
{
	struct fill *f = arg;

	return ms_cache_fill(f->cache, 0, f->n) != f->n;
}

int ms_cache_cgroup(const char *rel, struct ms_cache *c, long n)
{
	struct fill f = { c, n };

	if (cg_create(rel))
		return -1;
	ms_drop(2);
	ms_rcu();
	ms_shrink();
	if (ms_run(rel, NODE_ANY, fill, &f))
		return -1;
	ms_rcu();
	return 0;
}

/* set-up and clean-up */

static void remove_stale(const char *root)
{
	struct dirent *de;
	DIR *dir;

	dir = opendir(root);
	if (!dir)
		return;
	while ((de = readdir(dir))) {
		int pid;

		if (sscanf(de->d_name, "memcg_slab.%d", &pid) == 1 &&
		    kill(pid, 0) && errno == ESRCH)
			remove_tree(fmt_path("%s/%s", root, de->d_name), true);
	}
	closedir(dir);
}

/* a mounted hierarchy that has the memory controller */
static bool find_hierarchy(int version)
{
	static char buf[1024 * 1024];
	char dir[PATH_MAX], type[64], opts[1024], ctl[1024];
	char *line, *save;

	if (ms_read("/proc/self/mounts", buf, sizeof(buf)) <= 0)
		return false;
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%*s %4095s %63s %1023s", dir, type, opts) != 3)
			continue;
		if (version == 1 && !strcmp(type, "cgroup") &&
		    (strstr(opts, ",memory") || !strncmp(opts, "memory", 6))) {
			snprintf(cg_root, sizeof(cg_root), "%s", dir);
			return true;
		}
		if (version == 2 && !strcmp(type, "cgroup2") &&
		    ms_read(fmt_path("%s/cgroup.controllers", dir), ctl, sizeof(ctl)) > 0 &&
		    strstr(ctl, "memory")) {
			snprintf(cg_root, sizeof(cg_root), "%s", dir);
			return true;
		}
	}
	return false;
}

static bool mount_hierarchy(int version)
{
	char ctl[1024];

	snprintf(cg_root, sizeof(cg_root), "%.4000s/cgroup", ms_dir);
	if (mkdir(cg_root, 0755) && errno != EEXIST)
		return false;
	if (version == 1)
		return !mount("none", cg_root, "cgroup", 0, "memory");
	if (mount("none", cg_root, "cgroup2", 0, NULL))
		return false;
	if (ms_read(fmt_path("%s/cgroup.controllers", cg_root), ctl, sizeof(ctl)) > 0 &&
	    strstr(ctl, "memory"))
		return true;
	umount(cg_root);
	return false;
}

/* Before 4.5 a cgroup's kernel memory is accounted once a limit is set. */
static int kmem_asked(void *unused)
{
	int i;

	(void)unused;
	/* what this task opens is, as soon as there is a cache for it */
	for (i = 0; i < 50; i++) {
		if (cg_value("", "memory.kmem.usage_in_bytes") > 0)
			return 0;
		ms_sleep(0.02);
	}
	return 1;
}

static bool kmem_off(void)
{
	char buf[4096];
	char *p;

	if (ms_read("/proc/cmdline", buf, sizeof(buf)) <= 0)
		return false;
	p = strstr(buf, "cgroup.memory=");
	if (!p)
		return false;
	strtok(p, " \n");
	return strstr(p, "nokmem");
}

#define skip_because(...) \
	(snprintf(skip_reason, sizeof(skip_reason), __VA_ARGS__), false)

static bool setup_cgroup(unsigned int need)
{
	if (find_hierarchy(2) || mount_hierarchy(2))
		ms_version = 2;
	else if (find_hierarchy(1) || mount_hierarchy(1))
		ms_version = 1;
	else
		return skip_because("no memory controller");
	if ((need & MS_KMEM) && kmem_off())
		return skip_because("kernel memory is not accounted (cgroup.memory=nokmem)");
	remove_stale(cg_root);
	snprintf(cg_name, sizeof(cg_name), "memcg_slab.%d", getpid());
	snprintf(cg_base, sizeof(cg_base), "%.4000s/%s", cg_root, cg_name);
	if (cg_enable(cg_root))
		return skip_because("can't enable the memory controller: %s", strerror(errno));
	if (mkdir(cg_base, 0755)) {
		cg_base[0] = '\0';
		return skip_because("can't create a cgroup: %s", strerror(errno));
	}
	if (ms_version == 1) {
		const char *hier = getenv("MEMCG_SLAB_HIERARCHY");

		/* gone since 5.11, where it is always 1 */
		if (!hier || strcmp(hier, "0"))
			cg_write("", "memory.use_hierarchy", "1");
		if ((need & MS_KMEM) && !cg_has("", "memory.kmem.usage_in_bytes"))
			return skip_because("kernel memory is not accounted");
		if ((need & MS_KMEM) && ms_run("", NODE_ANY, kmem_asked, NULL) == 1)
			return skip_because("kernel memory is accounted only on request");
	} else {
		if (cg_enable(cg_base))
			return skip_because("can't enable the memory controller: %s",
					    strerror(errno));
		if ((need & MS_KMEM) && cg_stat("", "memory.stat", "slab") < 0)
			return skip_because("kernel memory is not accounted");
	}
	return true;
}

static bool setup(unsigned int need)
{
	static const char * const tops[] = { "/tmp", "/run", "/dev/shm", "/mnt", "" };
	const char *top = getenv("TMPDIR");
	unsigned int i;

	if (geteuid())
		return skip_because("not root");
	if (unshare(CLONE_NEWNS))
		return skip_because("no mount namespace of its own: %s", strerror(errno));
	made_ns = true;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return skip_because("can't make mounts private: %s", strerror(errno));
	for (i = 0; i < ARRAY_LEN(tops) && !made_dir; i++) {
		snprintf(ms_dir, PATH_MAX, "%s/memcg_slab.XXXXXX", top ? top : tops[i]);
		top = NULL;
		made_dir = mkdtemp(ms_dir);
	}
	if (!made_dir)
		return skip_because("nowhere to make a directory");
	if (!ms_mount("tmpfs", ms_dir) || !ms_mount("ramfs", ms_dir))
		dir_mounted = true;
	else
		return skip_because("neither tmpfs nor ramfs");
	if ((need & MS_SLABINFO) && !slab_cache("kmalloc-32").found)
		return skip_because("no usable /proc/slabinfo");
	if (need & (MS_CGROUP | MS_KMEM))
		return setup_cgroup(need);
	return true;
}

/* every mount below the directory, the last one made first */
static void umount_all(void)
{
	static char buf[4 * 1024 * 1024];
	size_t len = strlen(ms_dir);
	char dir[PATH_MAX];
	char *p;

	if (ms_read("/proc/self/mounts", buf, sizeof(buf)) <= 0)
		return;
	for (;;) {
		p = strrchr(buf, '\n');
		if (p && !p[1]) {
			*p = '\0';
			continue;
		}
		if (sscanf(p ? p + 1 : buf, "%*s %4095s", dir) == 1 &&
		    !strncmp(dir, ms_dir, len) && dir[len] == '/' &&
		    strcmp(dir, cg_root) && umount2(dir, UMOUNT_NOFOLLOW))
			umount2(dir, MNT_DETACH);
		if (!p)
			break;
		*p = '\0';
	}
}

static int cleanup(pid_t worker)
{
	int ret = 0;

	if (worker > 0)
		kill(-worker, SIGKILL);
	/* it may have tasks in other process groups */
	if (cg_base[0])
		cg_kill_tree("", 30);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	put_back();
	if (made_ns && dir_mounted)
		umount_all();
	if (cg_base[0] && remove_tree(cg_base, true)) {
		printf("# could not remove %s: %s\n", cg_base, strerror(errno));
		ret = -1;
	}
	if (dir_mounted) {
		if (!strncmp(cg_root, ms_dir, strlen(ms_dir)))
			umount2(cg_root, MNT_DETACH);
		if (umount(ms_dir) && umount2(ms_dir, MNT_DETACH))
			ret = -1;
	}
	if (made_dir && rmdir(ms_dir)) {
		printf("# could not remove %s: %s\n", ms_dir, strerror(errno));
		ret = -1;
	}
	fflush(stdout);
	return ret;
}

int ms_main(int argc, char **argv, unsigned int need, ms_fn fn)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	sigset_t set, old;
	int sig = 0, status = 0, ret;
	pid_t pid, done;
	unsigned int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (i = 0; i < ARRAY_LEN(sigs); i++)
		sigaddset(&set, sigs[i]);
	sigprocmask(SIG_BLOCK, &set, &old);
	prctl(PR_SET_CHILD_SUBREAPER, 1);

	ksft_print_header();
	state = ms_shared(sizeof(*state));
	if (!setup(need)) {
		cleanup(0);
		ksft_exit_skip("%s\n", skip_reason);
	}
	fflush(stdout);

	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		sigprocmask(SIG_SETMASK, &old, NULL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn(argc, argv);
		ksft_exit_fail_msg("ended without a result\n");
	}
	if (pid > 0)
		setpgid(pid, pid);
	/* so orphans, ours now, tell that they are done, stress-ng's for one */
	signal(SIGALRM, SIG_IGN);

	while (pid > 0) {
		sig = sigwaitinfo(&set, NULL);
		if (sig == SIGCHLD) {
			do {
				done = waitpid(-1, &status, WNOHANG);
			} while (done > 0 && done != pid);
			sig = 0;
			if (done == pid)
				break;
		} else if (sig > 0) {
			break;
		}
	}
	if (pid < 0)
		printf("Bail out! fork: %s\n", strerror(errno));
	else if (sig)
		printf("Bail out! interrupted by signal %d\n", sig);
	else if (WIFSIGNALED(status))
		printf("Bail out! killed by signal %d\n", WTERMSIG(status));
	fflush(stdout);

	ret = cleanup(pid);
	if (sig) {
		signal(sig, SIG_DFL);
		sigprocmask(SIG_SETMASK, &old, NULL);
		raise(sig);
	}
	if (ret)
		printf("Bail out! something is left behind\n");
	if (ret || pid < 0 || !WIFEXITED(status))
		return KSFT_FAIL;
	return WEXITSTATUS(status);
}
