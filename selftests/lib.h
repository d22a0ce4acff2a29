/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers that the memcg_slab tests and workloads share.
 *
 * Every program calls ms_main() from main().  It puts the program into a mount
 * namespace of its own, finds (or mounts) the memory controller, creates one
 * cgroup and one directory for the program, and runs the program's function in
 * a child.  The parent only waits: when the child has ended, for whatever
 * reason, or a signal has come, it kills what is left, unmounts, removes the
 * cgroups and the directory.
 */
#ifndef MEMCG_SLAB_LIB_H
#define MEMCG_SLAB_LIB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define MS_MB		1048576.0
#define MS_KB		1024.0

/* what a program needs; ms_main() skips it where that is not there */
#define MS_CGROUP	0x01	/* the memory controller */
#define MS_KMEM		0x02	/* ... which accounts kernel memory */
#define MS_SLABINFO	0x04	/* /proc/slabinfo */

typedef void (*ms_fn)(int argc, char **argv);

int ms_main(int argc, char **argv, unsigned int need, ms_fn fn);

extern int ms_version;		/* 1 or 2: the cgroup hierarchy in use */
extern char ms_dir[];		/* the program's own directory, a tmpfs */

/* a name of eight digits, counted up in place; costs the same in each program */
static inline void ms_next_name(char *name)
{
	int i = 7;

	while (name[i] == '9')
		name[i--] = '0';
	name[i]++;
}

/* files */
ssize_t ms_read(const char *path, char *buf, size_t size);
int ms_write(const char *path, const char *val);
int ms_set(const char *path, const char *val);	/* clean-up puts it back */
void *ms_shared(size_t size);		/* zeroed; ends the test if there is none */
void ms_sleep(double s);
double ms_now(void);		/* seconds, CLOCK_MONOTONIC */
uint64_t ms_now_ns(void);
/* the argument i; without it $env, as the runner gives none; without that def */
long ms_arg(int argc, char **argv, int i, const char *env, long def);
void ms_metric(const char *name, double val, const char *unit);
int ms_compare(const void *a, const void *b);	/* doubles, for qsort() */
void ms_expect(const char *regex);	/* kernel messages that are provoked */
void ms_expect_end(void);
/* what the kernel says of a cache that is destroyed with an object in it */
#define MS_LEFTOVER	"[Ss]lab cache still has objects|Objects remaining|" \
			"kmem_cache_destroy|mm/slab_common.c|mm/slub.c|" \
			"INFO: (Slab|Object)|Slab 0x|Object 0x|Call Trace|" \
			"Disabling lock debugging|Tainted|=====|-----"
bool ms_kernel_said(const char *text);	/* since ms_expect() */
bool ms_has_function(const char *name);	/* the kernel; not one of a module */
bool ms_kasan(void);	/* it pads objects, and keeps those that are freed in quarantine */
const char *ms_beside(const char *file);	/* in the directory of the program */
/* NAME.ko, beside the program or in NAME/ there; 0 or -errno */
int ms_insmod(const char *name, const char *args);
int ms_rmmod(const char *name);
/* a parameter of a loaded module, without the end of line; "" if there is none */
void ms_modparam(const char *name, const char *param, char *buf, size_t size);
/* load it, take its parameter "result", unload it */
int ms_module_result(const char *name, const char *args, char *buf, size_t size);
bool ms_nomodules(int err);		/* ms_insmod(): this kernel can't load it */

/* cgroups; rel is a path below the program's own cgroup, "" is that one */
const char *cg_path(const char *rel, const char *file);
int cg_create(const char *rel);		/* parents must be there */
int cg_createf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cg_create_path(const char *rel);	/* makes the parents as well */
int cg_remove(const char *rel);
int cg_removef(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cg_remove_tree(const char *rel);	/* leaves rel itself */
/* kill all that is in it and below, for so long; 0 if nothing is left, else says what is */
int cg_kill_tree(const char *rel, double timeout);
int cg_write(const char *rel, const char *file, const char *val);
bool cg_has(const char *rel, const char *file);
long cg_value(const char *rel, const char *file);
long cg_stat(const char *rel, const char *file, const char *key);
long cg_slab(const char *rel);		/* bytes of reclaimable slab, v1: kmem */
long cg_slab_noise(void);		/* how far off cg_slab() may be */
bool cg_node_stat(const char *rel, const char *name, int node, long *bytes);
bool cg_node_slab(const char *rel, int node, long *bytes);
/* programs that this task starts make their cgroups below rel; 0 or -1 with errno */
int cg_enclose(const char *rel);
/* cgroups alive or dying: on v2 below ours, on v1 all that the host has; -1: unknown */
long cg_total(void);
bool cg_wait_total(long total, double timeout);
bool cg_gone(long total, double timeout);	/* the same, and says it if not */
/* 0 or -1. Charges that CPUs keep for cgroups, by one more that goes */
int cg_drain_cpus(void);
int cg_reclaim(const char *rel);	/* by its own limit, which is put back */
int cg_reclaim_by(const char *rel, const char *how);
int cg_request(const char *rel);		/* memory.reclaim, memory.high if there is none */

/* processes; fn runs in a child that is in the cgroup, its value is the exit */
#define NODE_ANY	(-1)
typedef int (*ms_child)(void *arg);
pid_t ms_spawn(const char *rel, int node, ms_child fn, void *arg);
int ms_wait(pid_t pid);			/* exit value, 128 + signal, -1 */
int ms_kill(pid_t pid);			/* by SIGKILL; the same */
int ms_run(const char *rel, int node, ms_child fn, void *arg);
/* cgroups crowdN, for N from..to - 1, each with a task that made a file crowdN in dir */
void ms_crowd(const char *dir, long from, long to);

/* nodes */
int ms_nodes(void);			/* nodes with memory for slabs */
int ms_node(int i);			/* the i-th of them */
int ms_node_ids(void);			/* highest possible node + 1 */
int ms_cpus(void);
int ms_bind(int node);			/* this task, CPUs and memory */
int ms_bind_cpu(int cpu);		/* this task; 0 or -1 with errno */

/* memory */
struct slab_cache {
	bool found;
	bool shared;			/* merged with others: objects of any */
	unsigned long active;		/* objects in use */
	unsigned long total;		/* objects there is room for */
	unsigned long objsize;
	unsigned long bytes;		/* pages, in bytes */
};

struct slab_cache slab_cache(const char *name);

#define MS_CACHES	256
struct ms_mem {
	long slab;			/* all in bytes; from /proc/meminfo ... */
	long vmalloc;
	long percpu;
	long free;
	long slabinfo;			/* ... and the caches of /proc/slabinfo */
	long used;			/* ... of these, by objects */
	long held;			/* of slab by objects, with what is in no cache */
	long k32_bytes;
	long k32_objs;
	long lists_bytes;		/* list_lru_memcg, -1: no such cache of its own */
	long lists_objs;
	long units_objs;		/* shrinker_unit, -1: no such cache of its own */
	int caches;			/* the caches one by one */
	struct {
		char name[32];
		long bytes;
		long used;		/* of them, by objects */
	} cache[MS_CACHES];
};

void ms_mem(struct ms_mem *m);
void ms_settle(struct ms_mem *m);	/* wait until it stands still */
void ms_settle_drop(struct ms_mem *m);	/* the same, VFS caches dropped */
void ms_grown(const struct ms_mem *before, const struct ms_mem *after); /* which caches */
/* wait until objects take at most limit bytes more than before; if not, say what grew */
bool ms_back(const struct ms_mem *before, struct ms_mem *after, long limit, double timeout);
void ms_shrink(void);			/* give back empty slabs */
void ms_rcu(void);
int ms_drop(int what);			/* drop_caches */
long ms_vmstat(const char *key);	/* -1: it does not have that */
long ms_dentry_unused(void);		/* nr_unused of dentry-state */

/* file systems */
int ms_mount(const char *type, const char *dir);
int ms_mountf(const char *type, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int ms_umount(const char *dir);
int ms_umountf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int ms_mkdirf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* a disk with an ext4 that may be written to; NULL and the reason if none */
const char *ms_disk(const char **why);
int ms_mount_disk(const char *dir);
int ms_open_disk(void);			/* to read, or -1 */
const char *ms_disk_dir(const char *mnt);	/* where files may be made on it */
/* swap on a file of that disk, once; NULL, or why not */
const char *ms_swapon(long pages);
void ms_swapoff(void);

/*
 * A directory where a task can make VFS objects that stay cached without being
 * pinned: a file system on a disk if there is one, else an instance of proc.
 */
struct ms_cache {
	char mnt[256];
	char dir[300];
	bool disk;
};

const char *ms_cache_open(struct ms_cache *c);	/* NULL, or why not */
void ms_cache_close(struct ms_cache *c);
/* cache about n objects; tag makes names new; returns how many, -1: failed */
long ms_cache_fill(struct ms_cache *c, int tag, long n);
/* a new cgroup whose task has cached n objects; what was cached before is dropped */
int ms_cache_cgroup(const char *rel, struct ms_cache *c, long n);

#endif /* MEMCG_SLAB_LIB_H */
