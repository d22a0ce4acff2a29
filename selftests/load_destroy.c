// SPDX-License-Identifier: GPL-2.0
/*
 * What it takes to destroy slab caches: calls of rcu_barrier(), the time, and the
 * time to load and to unload a module that has six caches.
 *
 *   load_destroy [loads]
 *
 * The barriers are the most of 8 times, and those of others count as well; times
 * are averages.  The work is done by a module (destroy_mod/).
 */
#include <stdio.h>
#include <string.h>

#include "../kselftest.h"
#include "lib.h"

/* ends the program if that has failed */
static void must(const char *what, int err)
{
	if (err)
		ksft_exit_fail_msg("destroy_mod: %s: %s\n", what, strerror(-err));
}

static void run(int argc, char **argv)
{
	long i, loads = ms_arg(argc, argv, 1, NULL, 20);
	char result[4096], name[32], metric[64], *line, *save;
	double start, in = 0, out = 0;

	ksft_set_plan(1);
	must("count", ms_module_result("destroy_mod", "mode=count", result, sizeof(result)));
	for (line = strtok_r(result, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		int most;
		long us;

		if (sscanf(line, "%31s %d %ld", name, &most, &us) != 3)
			continue;
		snprintf(metric, sizeof(metric), "destroy.%s.barriers", name);
		ms_metric(metric, most, "calls");
		snprintf(metric, sizeof(metric), "destroy.%s.time", name);
		ms_metric(metric, (double)us / 1000, "ms");
	}

	for (i = 0; i < loads; i++) {
		start = ms_now();
		must("load", ms_insmod("destroy_mod", "mode=six"));
		in += ms_now() - start;
		start = ms_now();
		must("unload", ms_rmmod("destroy_mod"));
		out += ms_now() - start;
	}
	ms_metric("destroy.load", in * 1000 / (double)loads, "ms");
	ms_metric("destroy.unload", out * 1000 / (double)loads, "ms");
	ksft_test_result_pass("caches destroyed\n");
	ksft_exit_pass();
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, 0, run);
}
