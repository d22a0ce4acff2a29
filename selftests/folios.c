// SPDX-License-Identifier: GPL-2.0
/*
 * Per-cgroup LRU lists of what is not a slab object on a known node: huge pages
 * that are mapped in part and wait to be split, and compressed pages of zswap.
 * Reclaim of the cgroup gets at them; when the cgroup has gone, its parent's
 * does.
 *
 *   folios
 *
 * A cgroup goes with its pages still there when its task has moved out of it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

#define HUGE		(2UL << 20)
#define NR_HUGE		16
#define NR_SWAPPED	4096	/* pages */
#define SWAP_PAGES	8192

#define THP_ENABLED	"/sys/kernel/mm/transparent_hugepage/enabled"
#define KHUGEPAGED	"/sys/kernel/mm/transparent_hugepage/khugepaged/"
#define ZSWAP		"/sys/module/zswap/parameters/"

static volatile struct {
	int step;		/* what the task may do, and what it has done */
	int done;
} *shared;

static char *mem;
static long page;

static bool wait_for(volatile int *what, int value)
{
	double end = ms_now() + 60;

	while (*what < value) {
		if (ms_now() > end)
			return false;
		ms_sleep(0.01);
	}
	return true;
}

static int move_out(void)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	return cg_write("out", "cgroup.procs", pid);
}

/* the pages are there; out of the cgroup when told to, and on when told to */
static int stay(void)
{
	shared->done = 1;
	if (!wait_for(&shared->step, 1))
		return 3;
	if (move_out())
		return 4;
	shared->done = 2;
	return wait_for(&shared->step, 2) ? 0 : 5;
}

/* huge pages, of each of which some small ones are unmapped */
static int huge(void *arg)
{
	long i;
	int ret;

	(void)arg;
	if (madvise(mem, NR_HUGE * HUGE, MADV_HUGEPAGE))
		return 1;
	memset(mem, 1, NR_HUGE * HUGE);
	for (i = 0; i < NR_HUGE; i++)
		if (madvise(mem + i * HUGE, 64 * page, MADV_DONTNEED))
			return 2;
	ret = stay();
	if (ret)
		return ret;
	for (i = 0; i < NR_HUGE; i++)
		if (mem[i * HUGE] || !mem[i * HUGE + 64 * page])
			return 6;
	return 0;
}

/* pages that compress, but not to nothing */
static void pattern(long i, bool check, bool *ok)
{
	unsigned int *p = (unsigned int *)(mem + i * page);
	unsigned int x = i + 1;
	long j;

	for (j = 0; j < page / 8; j++) {
		x = x * 1103515245 + 12345;
		if (!check)
			p[j] = x;
		else if (p[j] != x)
			*ok = false;
	}
}

static int swapped(void *arg)
{
	bool ok = true;
	long i;
	int ret;

	(void)arg;
	for (i = 0; i < NR_SWAPPED; i++)
		pattern(i, false, NULL);
	ret = stay();
	if (ret)
		return ret;
	for (i = 0; i < NR_SWAPPED; i++)
		pattern(i, true, &ok);
	return ok ? 0 : 6;
}

/* a task in top/c that has its pages */
static bool start(ms_child fn, pid_t *pid)
{
	shared->step = 0;
	shared->done = 0;
	if (cg_create("out") || cg_create("top") || cg_create("top/c"))
		ksft_exit_fail_msg("mkdir: %s\n", strerror(errno));
	*pid = ms_spawn("top/c", NODE_ANY, fn, NULL);
	if (*pid > 0 && wait_for(&shared->done, 1))
		return true;
	ksft_print_msg("the task is not ready\n");
	return false;
}

/* the task moves out, the cgroup goes, the pages stay */
static bool leave(void)
{
	shared->step = 1;
	if (!wait_for(&shared->done, 2) || cg_remove("top/c")) {
		ksft_print_msg("the cgroup can't be removed: %s\n", strerror(errno));
		return false;
	}
	ms_rcu();
	ms_sleep(0.5);
	return true;
}

static void finish(const char *name, bool ok, const char *skip, pid_t pid)
{
	int ret;

	shared->step = 2;
	ret = pid > 0 ? ms_wait(pid) : -1;
	if (ret)
		ksft_print_msg("the task has failed: %d\n", ret);
	if (skip)
		ksft_test_result_skip("%s: %s\n", name, skip);
	else
		ksft_test_result(ok && !ret, "%s\n", name);
	cg_remove_tree("");
}

static void thp(bool gone)
{
	const char *name = gone ? "huge pages are split by the parent's reclaim" :
				  "huge pages are split by the cgroup's reclaim";
	long got, deferred, split;
	bool ok = false, skip = false;
	pid_t pid;

	if (ms_set(THP_ENABLED, "madvise")) {
		ksft_test_result_skip("%s: no transparent huge pages\n", name);
		return;
	}
	/* or it puts new ones in their place, eight every ten seconds */
	ms_set(KHUGEPAGED "max_ptes_none", "0");
	got = ms_vmstat("thp_fault_alloc");
	deferred = ms_vmstat("thp_deferred_split_page");
	if (!start(huge, &pid))
		goto end;
	got = ms_vmstat("thp_fault_alloc") - got;
	if (got < NR_HUGE / 2) {
		skip = true;
		goto end;
	}
	deferred = ms_vmstat("thp_deferred_split_page") - deferred;
	if (deferred < NR_HUGE / 2) {
		ksft_print_msg("%ld huge pages wait to be split, not %d\n", deferred, NR_HUGE);
		goto end;
	}
	if (gone && !leave())
		goto end;
	split = ms_vmstat("thp_split_page");
	cg_request(gone ? "top" : "top/c");
	split = ms_vmstat("thp_split_page") - split;
	ksft_print_msg("%ld of %ld huge pages are split\n", split, deferred);
	ok = split >= deferred * 3 / 4;
end:
	finish(name, ok, skip ? "the kernel gives no huge pages" : NULL, pid);
}

static void zswap(bool gone, const char *why)
{
	const char *name = gone ? "zswap is written back by the parent's reclaim" :
				  "zswap is written back by the cgroup's reclaim";
	long out, back;
	bool ok = false;
	double end;
	pid_t pid;
	int i;

	if (why) {
		ksft_test_result_skip("%s: %s\n", name, why);
		return;
	}
	if (!start(swapped, &pid))
		goto end;
	ms_set(ZSWAP "shrinker_enabled", "N");
	out = ms_vmstat("zswpout");
	for (i = 0; i < 3; i++)
		cg_request("top/c");
	out = ms_vmstat("zswpout") - out;
	if (out < NR_SWAPPED / 2) {
		ksft_print_msg("%ld pages went to zswap, not %d\n", out, NR_SWAPPED);
		goto end;
	}
	if (gone && !leave())
		goto end;
	ms_set(ZSWAP "shrinker_enabled", "Y");
	back = ms_vmstat("zswpwb");
	/* zswap gives up for the time when it meets a page that is in use again */
	end = ms_now() + 30;
	while (ms_vmstat("zswpwb") - back < out / 2 && ms_now() < end)
		cg_request(gone ? "top" : "top/c");
	back = ms_vmstat("zswpwb") - back;
	ksft_print_msg("%ld of %ld pages are written back\n", back, out);
	ok = back >= out / 4;
end:
	finish(name, ok, NULL, pid);
}

static void run(int argc, char **argv)
{
	const char *why = NULL;
	long total;

	(void)argc;
	(void)argv;
	if (ms_version != 2)
		ksft_exit_skip("pages stay with a cgroup whose task has moved on v2 only\n");
	page = sysconf(_SC_PAGESIZE);
	shared = ms_shared(sizeof(*shared));
	mem = mmap(NULL, (NR_HUGE + 1) * HUGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		ksft_exit_fail_msg("mmap: %s\n", strerror(errno));
	mem = (char *)(((unsigned long)mem + HUGE - 1) & ~(HUGE - 1));
	ksft_set_plan(5);
	total = cg_total();

	thp(false);
	thp(true);

	if (access(ZSWAP "enabled", W_OK))
		why = "no zswap";
	else if (ms_vmstat("zswpwb") < 0)
		why = "zswap does not count what it writes back";
	else if (access(ZSWAP "shrinker_enabled", W_OK))
		why = "zswap has no shrinker";
	else
		why = ms_swapon(SWAP_PAGES);
	if (!why && ms_set(ZSWAP "enabled", "Y"))
		why = "zswap can't be enabled";
	zswap(false, why);
	zswap(true, why);
	ms_swapoff();
	ksft_test_result(cg_wait_total(total, 30), "no cgroup stays behind\n");
	ksft_exit(!ksft_get_fail_cnt());
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, MS_CGROUP | MS_KMEM, run);
}
