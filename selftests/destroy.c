// SPDX-License-Identifier: GPL-2.0
/*
 * To destroy slab caches takes one rcu_barrier() at most, and none as long as
 * others share the cache; who creates one like it meanwhile gets a new one.
 *
 *   destroy [seconds]
 *
 * The work is done by a module (destroy_mod/), which counts by a kprobe.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

static char result[4096];

/* the rest of the line of the result that starts with name, NULL if none does */
static const char *line_of(const char *name)
{
	size_t len = strlen(name);
	char *p = result;

	while (*p) {
		if (!strncmp(p, name, len) && p[len] == ' ')
			return p + len + 1;
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return NULL;
}

static int run_mode(const char *mode, long seconds)
{
	static unsigned int run;
	char args[96];

	if (!run)
		run = (unsigned int)time(NULL) ^ getpid();
	snprintf(args, sizeof(args), "mode=%s seconds=%ld run=%u", mode, seconds, run++);
	return ms_module_result("destroy_mod", args, result, sizeof(result));
}

static const struct {
	const char *name;
	int most;
	/* 5.10's worker takes one for what it finds, which may be each on its own */
	int most_worker;
	const char *what;
} kinds[] = {
	{ "shared", 0, 0, "a cache that others share is left without rcu_barrier()" },
	{ "plain", 1, 1, "a cache is destroyed with one at most" },
	{ "typesafe", 1, 1, "so is a SLAB_TYPESAFE_BY_RCU cache" },
	{ "debug", 1, 1, "so is a cache with debugging" },
	{ "typesafe_debug", 1, 1, "so is one with both" },
	{ "six", 1, 1, "six caches are destroyed with one at most" },
	{ "six_typesafe", 1, 6, "so are six SLAB_TYPESAFE_BY_RCU caches" },
};

static void test_count(void)
{
	bool worker = ms_has_function("slab_caches_to_rcu_destroy_workfn");
	unsigned int i;
	int err = run_mode("count", 0);

	if (ms_nomodules(err))
		ksft_exit_skip("no destroy_mod.ko, or no CONFIG_KPROBES: %s\n", strerror(-err));
	ksft_set_plan(ARRAY_LEN(kinds) + 5);
	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		const char *line = line_of(kinds[i].name);
		char metric[64];

		if (line && *line >= '0' && *line <= '9') {
			int most = worker ? kinds[i].most_worker : kinds[i].most;
			int n = atoi(line);

			snprintf(metric, sizeof(metric), "destroy.%s", kinds[i].name);
			ms_metric(metric, n, "barriers");
			ksft_test_result(n <= most, "%s: %d\n", kinds[i].what, n);
		} else if (line && !strncmp(line, "nomerge", 7)) {
			ksft_test_result_skip("%s: this kernel shares no caches\n", kinds[i].what);
		} else {
			ksft_test_result_fail("%s: %s\n", kinds[i].what, strerror(-err));
		}
	}
}

static void test_during(void)
{
	static const char * const shapes[] = { "mergeable", "unmergeable" };
	unsigned int i;
	int err = run_mode("during", 0);

	for (i = 0; i < ARRAY_LEN(shapes); i++) {
		const char *name = "a new cache of the name and shape of one that goes works";
		const char *line = line_of(shapes[i]);

		if (line && !strncmp(line, "none", 4))
			ksft_test_result_skip("%s (%s): nobody was met in rcu_barrier()\n",
					      name, shapes[i]);
		else
			ksft_test_result(!err && line && !strncmp(line, "new works", 9),
					 "%s (%s): %.10s %s\n", name, shapes[i],
					 line ? line : "", err ? strerror(-err) : "");
	}
}

#define CPU	"/sys/devices/system/cpu/cpu1/online"

/* takes a processor away and gives it back, which also flushes caches */
static pid_t hotplug(void)
{
	pid_t pid;

	if (ms_set(CPU, "1"))
		return -1;
	pid = fork();
	if (pid)
		return pid;
	for (;;) {
		ms_write(CPU, "0");
		ms_sleep(0.05);
		ms_write(CPU, "1");
		ms_sleep(0.05);
	}
}

static void test_race(long seconds)
{
	const char *made, *bad;
	pid_t pid = hotplug();
	long n = 0;
	int err;

	err = run_mode("race", seconds);
	if (pid > 0) {
		ms_kill(pid);
		ms_write(CPU, "1");
	} else {
		printf("# no processor can be taken away here\n");
	}
	made = line_of("made");
	bad = line_of("bad");
	if (made)
		sscanf(made, "%ld", &n);
	ms_metric("destroy.race", (double)n, "caches");
	ksft_test_result(!err && n > 10 && bad && bad[0] == '0',
			 "caches made on all CPUs, some of which go, are nobody else's %s\n",
			 err ? strerror(-err) : "");
}

static void test_wrong(void)
{
	const char *line;
	bool left, twice;
	int err;

	ms_expect("is destroyed already|" MS_LEFTOVER);
	err = run_mode("wrong", 0);
	left = ms_kernel_said("still has objects");
	twice = ms_kernel_said("is destroyed already");
	ms_expect_end();
	line = line_of("left");
	ksft_test_result(!err && left && line && !strncmp(line, "new", 3),
			 "a cache that still has an object is reported, and not shared %s\n",
			 err ? strerror(-err) : "");
	if (!err && !line_of("twice"))
		ksft_test_result_skip("a cache twice in a set is reported: there are no sets\n");
	else
		ksft_test_result(!err && twice, "a cache twice in a set is reported\n");
}

static void run(int argc, char **argv)
{
	long seconds = ms_arg(argc, argv, 1, "MEMCG_SLAB_SECONDS", 5);

	test_count();
	test_during();
	test_race(seconds);
	test_wrong();
	ksft_exit(!ksft_get_fail_cnt());
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, 0, run);
}
