// SPDX-License-Identifier: GPL-2.0
/*
 * init.c: the first program of the guest. It mounts what programs expect, runs
 * one command, reports its status and powers the guest off.
 *
 * The file /lean/cmd, put there by run.sh, has strings that each end with a
 * NUL: a nonce, then the command and its arguments. Without a command, the
 * guest gives an interactive shell on the console.
 *
 * The command's output goes to the second serial port, raw, so that kernel
 * messages, which go to the first, can't corrupt it. It ends with one line,
 * "lean-memcg: exit STATUS NONCE", STATUS being that of a shell.
 *
 * Kernel command line: lean.cgroup=1 mounts the memory controller of cgroup v1
 * at /sys/fs/cgroup/memory, instead of cgroup v2 at /sys/fs/cgroup.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define MAX_ARGS	1024

static char buf[1 << 20];
static char *args[MAX_ARGS + 1];	/* nonce, command, arguments */
static int nr_args;

static char *shell[] = { "/bin/sh", "-l", NULL };

static void mount_at(const char *dev, const char *dir, const char *type,
		     const char *opts)
{
	mkdir(dir, 0755);
	if (mount(dev, dir, type, 0, opts) && errno != EBUSY && errno != ENODEV)
		fprintf(stderr, "init: %s on %s: %m\n", type, dir);
}

static void to_file(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "init: %s: %m\n", file);
	close(fd);
}

static ssize_t from_file(const char *file)
{
	int fd = open(file, O_RDONLY);
	ssize_t n, len = 0;

	if (fd < 0)
		return -1;
	while (len < (ssize_t)sizeof(buf) - 1) {
		n = read(fd, buf + len, sizeof(buf) - 1 - len);
		if (n <= 0)
			break;
		len += n;
	}
	close(fd);
	buf[len] = 0;
	return len;
}

static void mount_all(void)
{
	mount_at("devtmpfs", "/dev", "devtmpfs", NULL);
	mount_at("proc", "/proc", "proc", NULL);
	mount_at("sysfs", "/sys", "sysfs", NULL);
	mount_at("debugfs", "/sys/kernel/debug", "debugfs", NULL);
	mount_at("tmpfs", "/tmp", "tmpfs", "mode=1777");

	if (from_file("/proc/cmdline") > 0 && strstr(buf, "lean.cgroup=1")) {
		mount_at("tmpfs", "/sys/fs/cgroup", "tmpfs", "mode=755");
		mount_at("cgroup", "/sys/fs/cgroup/memory", "cgroup", "memory");
	} else {
		mount_at("cgroup2", "/sys/fs/cgroup", "cgroup2", NULL);
		to_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	}
}

/* A line for the console, not through printk, which may be rate limited. */
static void console(const char *line)
{
	int fd = open("/dev/console", O_WRONLY | O_NOCTTY);

	if (fd >= 0) {
		dprintf(fd, "%s\n", line);
		tcdrain(fd);
		close(fd);
	}
}

/* What kmemleak knows is not on the console until somebody asks. */
static void report_leaks(void)
{
	static const char file[] = "/sys/kernel/debug/kmemleak";
	char *line;

	if (access(file, W_OK))
		return;
	to_file(file, "scan");
	sleep(6);	/* it reports no object that is younger than 5 seconds */
	to_file(file, "scan");
	if (from_file(file) <= 0)
		return;
	for (line = strtok(buf, "\n"); line; line = strtok(NULL, "\n"))
		console(line);
}

static int run(char **argv, int fd)
{
	int status;
	pid_t pid = fork();

	if (pid < 0) {
		fprintf(stderr, "init: fork: %m\n");
		return 126;
	}
	if (!pid) {
		setsid();
		close(0);
		open("/dev/null", O_RDONLY);
		if (argv == shell) {
			ioctl(fd, TIOCSCTTY, 1);
			dup2(fd, 0);
		}
		dup2(fd, 1);
		dup2(fd, 2);
		if (fd > 2)
			close(fd);
		execvp(argv[0], argv);
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	/* Orphans end here too. */
	for (;;) {
		pid_t p = wait(&status);

		if (p == pid)
			break;
		if (p < 0 && errno != EINTR)
			return 126;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void)
{
	struct termios t;
	int fd, status;
	ssize_t i, len;

	mkdir("/dev", 0755);
	mount_all();
	setenv("PATH", "/selftests:/sbin:/usr/sbin:/bin:/usr/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "linux", 0);
	if (chdir("/root"))
		perror("init: /root");

	len = from_file("/lean/cmd");
	for (i = 0; i < len && nr_args < MAX_ARGS; i += strlen(buf + i) + 1)
		args[nr_args++] = strdup(buf + i);

	if (nr_args < 2) {
		fd = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
		run(shell, fd);
		reboot(RB_POWER_OFF);
	}

	fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY);
	if (fd < 0)
		perror("init: /dev/ttyS1");
	if (!tcgetattr(fd, &t)) {
		cfmakeraw(&t);
		t.c_cflag |= CLOCAL;
		cfsetspeed(&t, B115200);
		tcsetattr(fd, TCSANOW, &t);
	}
	status = run(args + 1, fd);

	/* Nothing may write after the last line. */
	kill(-1, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	report_leaks();
	dprintf(fd, "lean-memcg: exit %d %s\n", status, args[0]);
	tcdrain(fd);
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
