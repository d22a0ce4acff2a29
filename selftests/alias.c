// SPDX-License-Identifier: GPL-2.0
/*
 * A slab cache whose destruction has failed is not handed to a later
 * kmem_cache_create() as an alias.
 *
 *   alias [module]
 *
 * The work is done by a module (alias_mod/), by default alias_mod.ko beside this
 * program or in alias_mod/ there.  Its kernel messages are what it provokes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest.h"
#include "lib.h"

#define EXPECTED	"alias_mod|[Ss]lab cache still has objects|" \
			"kmem_cache_destroy|Objects remaining|" \
			"INFO: (Slab|Object)|Slab 0x|Object 0x|Call Trace|" \
			"Disabling lock debugging|Tainted|=====|-----"

static const char *find_module(int argc, char **argv)
{
	static char path[PATH_MAX];
	static const char * const places[] = { "alias_mod.ko", "alias_mod/alias_mod.ko" };
	char self[PATH_MAX - 64], *slash;
	unsigned int i;
	ssize_t len;

	if (argc > 1)
		return argv[1];
	if (getenv("MEMCG_SLAB_MODULE"))
		return getenv("MEMCG_SLAB_MODULE");
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0)
		return places[0];
	self[len] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	for (i = 0; i < ARRAY_LEN(places); i++) {
		snprintf(path, sizeof(path), "%s/%s", self, places[i]);
		if (!access(path, R_OK))
			break;
	}
	return path;
}

static void run(int argc, char **argv)
{
	const char *name = "a cache that could not be destroyed is not shared";
	const char *path = find_module(argc, argv);
	char result[64] = "", args[64];
	int fd, ret, err;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		ksft_exit_skip("no module %s: %s\n", path, strerror(errno));
	ksft_set_plan(1);
	snprintf(args, sizeof(args), "run=%u", (unsigned int)time(NULL) ^ getpid());
	ms_expect(EXPECTED);
	ret = syscall(SYS_finit_module, fd, args, 0);
	err = errno;
	ms_read("/sys/module/alias_mod/parameters/result", result, sizeof(result));
	if (!ret)
		syscall(SYS_delete_module, "alias_mod", O_NONBLOCK);
	ms_expect_end();
	close(fd);
	result[strcspn(result, "\n")] = '\0';

	if (ret && (err == ENOEXEC || err == EPERM || err == ENOSYS || err == EKEYREJECTED))
		ksft_test_result_skip("%s: the module can't be loaded: %s\n", name, strerror(err));
	else if (ret)
		ksft_test_result_fail("%s: the module can't be loaded: %s\n", name, strerror(err));
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
