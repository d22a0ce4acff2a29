// SPDX-License-Identifier: GPL-2.0
/*
 * A slab cache whose destruction has failed is not handed to a later
 * kmem_cache_create() as an alias.
 *
 * The work is done by a module (alias_mod/).  Its kernel messages are what it
 * provokes.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

static void run(int argc, char **argv)
{
	const char *name = "a cache that could not be destroyed is not shared";
	char result[64], args[64];
	int err;

	(void)argc;
	(void)argv;
	ksft_set_plan(1);
	snprintf(args, sizeof(args), "run=%u", (unsigned int)time(NULL) ^ getpid());
	ms_expect(MS_LEFTOVER);
	err = ms_module_result("alias_mod", args, result, sizeof(result));
	ms_expect_end();

	if (ms_nomodules(err))
		ksft_test_result_skip("%s: the module can't be loaded: %s\n", name, strerror(-err));
	else if (err)
		ksft_test_result_fail("%s: the module can't be loaded: %s\n", name, strerror(-err));
	else if (!strcmp(result, "nomerge"))
		ksft_test_result_skip("%s: this kernel shares no caches\n", name);
	else
		ksft_test_result(!strcmp(result, "pass"), "%s: %s\n", name, result);
	ksft_exit(!ksft_get_fail_cnt());
}

int main(int argc, char **argv)
{
	return ms_main(argc, argv, 0, run);
}
