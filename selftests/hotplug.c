// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a node, CPUs and devices come and go, and tasks and work queues
 * are frozen, while ./churn runs; afterwards the lists of the node that came
 * hold objects, and are reclaimed.
 *
 *   hotplug [times] [seconds of churn]
 *
 * The node is one that has memory, all of it offline: a DIMM. While it comes and
 * goes it takes only what can move: in cgroups of their own, files and a task
 * with huge pages. At last it gets kernel memory, for objects of a cgroup and a
 * mount that are older than it, and of two that are younger. With
 * MEMCG_SLAB_PROBE=<physical address> the kernel learns of the node's first
 * memory only after the older two were made.
 *
 * And a cgroup whose charges a CPU keeps is removed while this CPU goes and comes:
 * afterwards each CPU still gives back what it keeps.
 *
 * Each way is skipped where the kernel or the machine can't.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

#define MEMORY		"/sys/devices/system/memory"
#define CPU		"/sys/devices/system/cpu"
#define PM_TEST		"/sys/power/pm_test"
#define PM_DELAY	"/sys/module/suspend/parameters/pm_test_delay"
#define RT_RUNTIME	"/proc/sys/kernel/sched_rt_runtime_us"

#define MAX_FILES	4		/* CPUs, blocks of memory */
#define MAX_STEPS	16
#define TRIES		10
#define RETRY		60		/* seconds that something may be busy */
#define USED		(8L << 20)	/* what a task uses of the node */
#define HUGE		(2L << 20)

/* what is written where to make it go or come, or what is done in between */
struct step {
	char path[64];
	const char *val;
	bool (*fn)(void);
};

struct way {
	const char *name;
	const char *why;		/* it can't be done here */
	int steps;
	struct step step[MAX_STEPS];
};

static struct way memory = { .name = "memory comes and goes" };
static struct way cpus = { .name = "CPUs go and come" };
static struct way suspend = { .name = "the system begins to suspend" };

static int node = NODE_ANY;
static char block[MAX_FILES][64];
static int blocks;
static pid_t user;			/* of the node's memory */
static char used[300];			/* a file there */
static long busy;			/* writes that had to be done again */
static volatile bool *settled;		/* the user, or occupy(), has what it wants */
static bool not_held;			/* a CPU, see ask_and_go() */

static void add_step(struct way *w, const char *path, const char *val)
{
	struct step *s = &w->step[w->steps++];

	snprintf(s->path, sizeof(s->path), "%.63s", path);
	s->val = val;
}

/* A page that somebody looks at, or a task that can't be frozen now */
static int write_busy(const char *path, const char *val)
{
	double end = ms_now() + RETRY;

	while (ms_write(path, val)) {
		if ((errno != EBUSY && errno != EAGAIN) || ms_now() > end)
			return -1;
		busy++;
		ms_sleep(0.1);
	}
	return 0;
}

static bool once(const struct way *w)
{
	int i;

	for (i = 0; i < w->steps; i++) {
		const struct step *s = &w->step[i];

		if (s->fn && !s->fn())
			return false;
		if (!s->fn && write_busy(s->path, s->val)) {
			ksft_print_msg("%s to %s: %s\n", s->val, s->path, strerror(errno));
			return false;
		}
	}
	return true;
}

/* a huge page of which a part is gone, a file that stays */
static int use_memory(void *arg)
{
	char *p;
	int fd;

	(void)arg;
	p = mmap(NULL, USED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return 1;
	madvise(p, USED, MADV_HUGEPAGE);
	memset(p, 1, USED);
	munmap((char *)(((uintptr_t)p + HUGE) & -HUGE), HUGE / 2);
	fd = open(used, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || write(fd, p + USED / 2, USED / 2) != USED / 2)
		return 1;
	close(fd);
	*settled = true;
	for (;;)
		pause();
	return 0;
}

/* a task, which has settled unless *settled is false */
static pid_t spawn_settled(const char *rel, int nid, ms_child fn, void *arg)
{
	double end = ms_now() + RETRY;
	pid_t pid;

	*settled = false;
	pid = ms_spawn(rel, nid, fn, arg);
	while (pid > 0 && !*settled && !waitpid(pid, NULL, WNOHANG) && ms_now() < end)
		ms_sleep(0.05);
	return pid;
}

static bool use(void)
{
	long there = USED;

	if (cg_create("user"))
		return false;
	user = spawn_settled("user", node, use_memory, NULL);
	cg_node_stat("user", "anon", node, &there);
	if (!*settled || there < USED / 4) {
		ksft_print_msg("a task on node %d has %ld kB there\n", node, there / 1024);
		return false;
	}
	return true;
}

static bool unuse(void)
{
	ms_kill(user);
	unlink(used);
	if (!cg_remove("user"))
		return true;
	ksft_print_msg("rmdir of a cgroup: %s\n", strerror(errno));
	return false;
}

/* Whose memory is it? Any if node is NODE_ANY: a node that has none online. */
static bool is_of_node(const char *name)
{
	char path[128];
	struct dirent *de;
	int nid = -1, i;
	DIR *dir;

	snprintf(path, sizeof(path), MEMORY "/%.32s", name);
	dir = opendir(path);
	if (!dir)
		return false;
	while ((de = readdir(dir)))
		if (!strncmp(de->d_name, "node", 4))
			nid = strtol(de->d_name + 4, NULL, 10);
	closedir(dir);
	for (i = 0; i < ms_nodes(); i++)
		if (nid == ms_node(i))
			return false;
	if (nid >= 0 && node == NODE_ANY)
		node = nid;
	return nid >= 0 && nid == node;
}

static void find_memory(void)
{
	char state[32];
	struct dirent *de;
	DIR *dir;
	int i;

	dir = opendir(MEMORY);
	while (dir && blocks < MAX_FILES && (de = readdir(dir))) {
		char *path = block[blocks];

		snprintf(path, sizeof(block[0]), MEMORY "/%.20s/state", de->d_name);
		if (!strncmp(de->d_name, "memory", 6) &&
		    ms_read(path, state, sizeof(state)) > 0 &&
		    !strcmp(state, "offline\n") && is_of_node(de->d_name)) {
			ms_set(path, "offline");
			blocks++;
		}
	}
	if (dir)
		closedir(dir);
	if (!blocks) {
		memory.why = "no node whose memory is offline";
		return;
	}
	for (i = 0; i < blocks; i++)
		add_step(&memory, block[i], "online_movable");
	memory.step[memory.steps++].fn = use;
	for (i = 0; i < blocks; i++)
		add_step(&memory, block[i], "offline");
	memory.step[memory.steps++].fn = unuse;
}

static void find_cpus(void)
{
	char path[MAX_FILES][64], state[16];
	int cpu, i, n = 0;

	for (cpu = 1; cpu < ms_cpus() && n < MAX_FILES; cpu++) {
		snprintf(path[n], sizeof(path[0]), CPU "/cpu%d/online", cpu);
		if (ms_read(path[n], state, sizeof(state)) > 0 && state[0] == '1' &&
		    !ms_set(path[n], "1"))
			n++;
	}
	if (!n)
		cpus.why = "no CPU that can be taken offline";
	for (i = 0; i < n; i++)
		add_step(&cpus, path[i], "0");
	for (i = 0; i < n; i++)
		add_step(&cpus, path[i], "1");
}

/* Up to five stages of a suspend, and back from there */
static void find_suspend(void)
{
	static const char * const level[] = {
		"freezer", "devices", "platform", "processors", "core",
	};
	char buf[128];
	unsigned int i;

	if (ms_read(PM_TEST, buf, sizeof(buf)) <= 0 || ms_set(PM_TEST, "none") ||
	    ms_set(PM_DELAY, "0")) {
		suspend.why = "no " PM_TEST;
		return;
	}
	for (i = 0; i < ARRAY_LEN(level); i++) {
		if (!strstr(buf, level[i]))
			continue;
		add_step(&suspend, PM_TEST, level[i]);
		add_step(&suspend, "/sys/power/state", "mem");
	}
}

/* ./churn, its output as diagnostics of ours, its cgroups below one of ours */
static int load(void *arg)
{
	char line[512];
	FILE *f;

	if (cg_enclose("load"))
		return 125;
	snprintf(line, sizeof(line), "%s %ld 1 2>&1", ms_beside("churn"), *(long *)arg);
	f = popen(line, "r");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "# metric", 8))
			ksft_print_msg("churn: %s", line);
	return f ? WEXITSTATUS(pclose(f)) : 126;
}

/* again and again while the load runs, some times at least */
static void under_load(const struct way *w, long times, long seconds)
{
	bool ok = true;
	long done = 0;
	int status;
	pid_t pid;

	if (w->why) {
		ksft_test_result_skip("%s under load: %s\n", w->name, w->why);
		return;
	}
	/* what cg_gone() of ./churn has to know */
	if (w == &cpus)
		setenv("MEMCG_SLAB_CPUS_GO", "1", 1);
	busy = 0;
	do {
		ok = !cg_create("load");
		pid = ms_spawn(NULL, NODE_ANY, load, &seconds);
		status = 1;
		while (pid > 0 && ok && !waitpid(pid, &status, WNOHANG)) {
			ok = once(w);
			done++;
			/* let the load get on, and be in the midst of something */
			ms_sleep(0.5);
		}
		if (!ok)
			ms_wait(pid);
		ok = !cg_remove("load") && ok && !status;
	} while (ok && done < times);
	unsetenv("MEMCG_SLAB_CPUS_GO");
	ksft_print_msg("%s: %ld times, %ld writes again\n", w->name, done, busy);
	ksft_test_result(ok, "%s under load\n", w->name);
}

/* real-time priority, 0: none */
static int set_priority(pid_t pid, int priority)
{
	struct sched_param param = { .sched_priority = priority };

	return sched_setscheduler(pid, priority ? SCHED_FIFO : SCHED_OTHER, &param);
}

static int charge_cpu(void *cpu)
{
	void *p;

	if (ms_bind_cpu(*(int *)cpu))
		return 1;
	p = malloc(USED);
	if (p)
		memset(p, 1, USED);
	return !p;
}

/* no worker of a work queue gets to run there, until the CPU goes */
static int occupy(void *arg)
{
	double end = ms_now() + 5;
	int cpu = *(int *)arg;

	if (ms_bind_cpu(cpu) || set_priority(0, 1))
		return 1;
	*settled = true;
	while (sched_getcpu() == cpu)
		if (ms_now() > end)
			return 1;
	return 0;
}

/* the kernel's threads of a CPU that have this priority, but those of work queues; -1: none */
static int set_threads(int cpu, int from, int to)
{
	struct sched_param param;
	char path[300], name[32], end[16];
	struct dirent *de;
	int found = 0;
	DIR *dir;

	snprintf(end, sizeof(end), "/%d\n", cpu);
	dir = opendir("/proc");
	while (dir && (de = readdir(dir))) {
		pid_t pid = strtol(de->d_name, NULL, 10);

		snprintf(path, sizeof(path), "/proc/%.200s/comm", de->d_name);
		if (pid > 0 && ms_read(path, name, sizeof(name)) > 0 &&
		    strncmp(name, "kworker", 7) && strstr(name, end) &&
		    !sched_getparam(pid, &param) && param.sched_priority == from)
			found += !set_priority(pid, to);
	}
	if (dir)
		closedir(dir);
	return found ? 0 : -1;
}

/* A CPU goes on until its work queues run elsewhere; 0 or -1: the kernel can't hold it there. */
static int go_halfway(int cpu)
{
	char states[8192], path[64], target[16], *line, *save;
	int nr, last = -1;

	if (ms_read(CPU "/hotplug/states", states, sizeof(states)) <= 0)
		return -1;
	for (line = strtok_r(states, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strstr(line, ": workqueue:online"))
			break;
		if (sscanf(line, "%d:", &nr) == 1)
			last = nr;
	}
	snprintf(path, sizeof(path), CPU "/cpu%d/hotplug/target", cpu);
	snprintf(target, sizeof(target), "%d", last);
	return line ? ms_set(path, target) : -1;
}

/*
 * A CPU is asked for its charges, and goes before the work that gives them back has run
 * there. occupy() sees to that on kernels before 5.11, where its task and the workers are
 * there to the end; the CPU's threads that take it offline, or are parked by that, come
 * before it. Later kernels drive it away (balance_push()), and have no pause between that
 * and when workers may run elsewhere; there the CPU is held halfway, which takes
 * CONFIG_CPU_HOTPLUG_STATE_CONTROL.
 */
static bool ask_and_go(const char *online)
{
	pid_t pid;
	bool ok;
	int cpu;

	if (sscanf(online, CPU "/cpu%d", &cpu) != 1 || set_threads(cpu, 0, 2))
		return false;
	ok = !cg_create("asked") && !ms_run("asked", NODE_ANY, charge_cpu, &cpu);
	pid = spawn_settled(NULL, NODE_ANY, occupy, &cpu);
	ok = *settled && ok;
	if (go_halfway(cpu)) {
		ksft_print_msg("cpu%d can't be held halfway: %s\n", cpu, strerror(errno));
		not_held = true;
	}
	/* asks when a grace period is over */
	ok = !cg_remove("asked") && ok;
	ms_sleep(0.3);
	ok = !write_busy(online, "0") && ok;
	ok = !ms_wait(pid) && ok;
	ok = !write_busy(online, "1") && ok;
	return !set_threads(cpu, 2, 0) && ok;
}

/*
 * One more cgroup that all CPUs have charges of is removed: does it stay? One in 32 does
 * anyway, as its stock was used to the last page; and of those that have to stay, what is
 * freed later, and charged to the parent by then, puts every other one out. So see many.
 */
static bool kept(long total)
{
	int i, held = 0;

	for (i = 0; i < TRIES; i++) {
		double end = ms_now() + 3;

		if (cg_drain_cpus())
			return true;
		while (cg_total() > total && ms_now() < end)
			ms_sleep(0.05);
		held += cg_total() > total;
	}
	ksft_print_msg("%d of %d cgroups were held by CPUs\n", held, TRIES);
	return held > TRIES / 4;
}

/*
 * A CPU that goes just when it is asked for its charges was never asked again: what is
 * charged on it after that held its cgroup.
 */
static void charges(long total)
{
	const char *name = "a CPU that came back gives back charges";
	bool ok = true;
	int i;

	if (cpus.why) {
		ksft_test_result_skip("%s: %s\n", name, cpus.why);
		return;
	}
	/* occupy() may run all the time */
	ms_set(RT_RUNTIME, "-1");
	for (i = 0; ok && i < cpus.steps / 2; i++) {
		ok = ask_and_go(cpus.step[i].path);
		if (!ok)
			ksft_print_msg("%s: can't be asked and go\n", cpus.step[i].path);
	}
	ok = ok && !kept(total);
	ok = cg_gone(total, 20) && ok;
	if (ok && not_held && ms_has_function("balance_push"))
		ksft_test_result_skip("%s: no CPU can be held when it has been asked\n", name);
	else
		ksft_test_result(ok, "%s\n", name);
}

static int fill(void *arg)
{
	return ms_cache_fill(arg, 0, 20000) <= 0;
}

/* Objects on the node that came are the cgroup's, and go with its limit. */
static void on_node(const char *rel, struct ms_cache *c, const char *name)
{
	const char *how = ms_version == 1 ? "memory.force_empty" : "memory.high";
	long empty = cg_slab(rel), full, left, there = 0;
	long noise = cg_slab_noise();

	if (ms_run(rel, node, fill, c)) {
		ksft_test_result_fail("%s: its cache can't be filled\n", name);
		return;
	}
	full = cg_slab(rel);
	if (cg_node_slab(rel, node, &there) && there < (full - empty) / 2) {
		ksft_test_result_fail("%s: of %ld kB, node %d has %ld kB\n", name,
				      (full - empty) / 1024, node, there / 1024);
		return;
	}
	if (cg_reclaim_by(rel, how))
		ksft_print_msg("%s: %s\n", how, strerror(errno));
	ms_rcu();
	left = cg_slab(rel);
	ksft_print_msg("%s: %ld kB, %ld kB with objects, of which %ld kB on node %d, %ld kB left\n",
		       rel, empty / 1024, full / 1024, there / 1024, node, left / 1024);
	ksft_test_result(full - empty > 3 * noise && left - empty < (full - empty) / 5 + noise,
			 "%s\n", name);
}

static void new_node(struct ms_cache *old)
{
	static const char * const name[] = {
		"what is older than the node's memory has objects there, and loses them",
		"what is younger than the node's memory has objects there, and loses them",
	};
	struct ms_cache new;
	const char *why = memory.why;
	int i;

	for (i = 0; !why && i < blocks; i++)
		if (write_busy(block[i], "online_kernel"))
			why = "the node takes no kernel memory";
	if (!why && cg_create("new"))
		ksft_exit_fail_msg("mkdir: %s\n", strerror(errno));
	if (!why)
		why = ms_cache_open(&new);
	if (why) {
		for (i = 0; i < (int)ARRAY_LEN(name); i++)
			ksft_test_result_skip("%s: %s\n", name[i], why);
		return;
	}
	on_node("old", old, name[0]);
	on_node("new", &new, name[1]);
	ms_cache_close(&new);
}

static void run(int argc, char **argv)
{
	long times = ms_arg(argc, argv, 1, NULL, 5);
	long seconds = ms_arg(argc, argv, 2, NULL, 5);
	struct way *way[] = { &memory, &cpus, &suspend };
	const char *address = getenv("MEMCG_SLAB_PROBE");
	struct ms_mem before, after;
	struct ms_cache old = { 0 };
	unsigned int i;
	bool ok = true;
	long total;

	ksft_set_plan(ARRAY_LEN(way) + 4);
	settled = ms_shared(sizeof(*settled));
	snprintf(used, sizeof(used), "%.250s/used", ms_dir);
	total = cg_total();
	/* with lists, made for an object on another node */
	snprintf(old.dir, sizeof(old.dir), "%.250s/old", ms_dir);
	if (cg_create("old") || ms_mkdirf("%s", old.dir) || ms_mountf("proc", "%s", old.dir) ||
	    ms_run("old", ms_node(0), fill, &old))
		ksft_exit_fail_msg("proc: %s\n", strerror(errno));
	if (address && *address && ms_write(MEMORY "/probe", address))
		ksft_exit_fail_msg("%s to " MEMORY "/probe: %s\n", address, strerror(errno));
	find_memory();
	find_cpus();
	find_suspend();

	/* each alone: what comes once has come */
	for (i = 0; i < ARRAY_LEN(way); i++)
		if (!way[i]->why && !once(way[i]))
			ksft_exit_fail_msg("%s: not even without load\n", way[i]->name);
	ms_settle_drop(&before);
	for (i = 0; i < ARRAY_LEN(way); i++)
		under_load(way[i], times, seconds);
	charges(total + 1);	/* "old" is there */
	new_node(&old);

	ms_umount(old.dir);
	if (cg_remove_tree("")) {
		ksft_print_msg("cgroups can't be removed: %s\n", strerror(errno));
		ok = false;
	}
	/* a cgroup stays as long as page cache that is charged to it */
	ms_settle_drop(&after);
	ok = cg_gone(total, 30) && ok;
	/* KASAN's quarantine loses what is freed on a CPU that is on its way offline */
	if (!ms_kasan() || cpus.why)
		ok = ms_back(&before, &after, 1024 * 1024 + 128 * 1024 * ms_nodes(), 30) && ok;
	ms_metric("hotplug.left", (after.used - before.used) / MS_KB, "kB");
	ksft_test_result(ok, "nothing is left behind\n");
	ksft_exit(!ksft_get_fail_cnt());
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP | MS_KMEM, run);
}
