// SPDX-License-Identifier: GPL-2.0
/*
 * What it takes to destroy slab caches, and whether somebody who creates one
 * meanwhile gets one that works.
 *
 *   mode=count   creates and destroys caches of all kinds, and counts the calls
 *                of rcu_barrier() meanwhile, also those of others
 *   mode=during  creates caches while others of the same name and shape are in
 *                rcu_barrier(), on their way out
 *   mode=race    creates, uses and destroys caches of the same shape on all CPUs
 *                for "seconds"
 *   mode=wrong   destroys a cache with an object in it, and one twice
 *   mode=six     creates six caches, and destroys them when the module goes
 *
 * What came of it is in the parameter "result", a line for each.  Without an
 * error loading succeeds, so that the parameter can be read.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kmemleak.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

/* sizes that nobody else has, and too far apart to share a cache */
#define SIZE(n)		(2312 + 208 * (n))
/* small enough that a slab has several: it is on a list unless all are in use */
#define LEFT_SIZE	1352
#define NR_SIX		6
#define NR_OBJECTS	64
#define REPEAT		8
#define MAX_RACES	2000		/* sysfs keeps a link for each */

static char *mode = "";
module_param(mode, charp, 0444);
MODULE_PARM_DESC(mode, "what to do: count, during, race, wrong, six");

static char result[2048];
module_param_string(result, result, sizeof(result), 0444);
MODULE_PARM_DESC(result, "what came of it");

static unsigned int seconds = 5;
module_param(seconds, uint, 0444);
MODULE_PARM_DESC(seconds, "how long to race");

/* a cache that could not be destroyed stays: its name is not used again */
static unsigned int run;
module_param(run, uint, 0444);
MODULE_PARM_DESC(run, "makes the names of the caches new");

struct object {
	struct rcu_head rcu;
	unsigned long owner;
};

static __printf(1, 2) void say(const char *fmt, ...)
{
	size_t len = strlen(result);
	va_list args;

	va_start(args, fmt);
	vscnprintf(result + len, sizeof(result) - len, fmt, args);
	va_end(args);
}

static struct kmem_cache *create(const char *what, unsigned int size,
				 slab_flags_t flags)
{
	char name[48];

	snprintf(name, sizeof(name), "destroy_mod_%s_%u", what, run);
	return kmem_cache_create(name, size, 0, flags, NULL);
}

static void destroy(struct kmem_cache **caches, unsigned int nr)
{
#ifdef HAVE_DESTROY_BULK
	kmem_cache_destroy_bulk(caches, nr);
#else
	unsigned int i;

	for (i = 0; i < nr; i++)
		kmem_cache_destroy(caches[i]);
#endif
}

/*
 * Allocate objects and free them, every other one by kfree_rcu(); -ENOMEM, or
 * -EUCLEAN if one of them is somebody else's as well.
 */
static int use(struct kmem_cache *s, unsigned long owner)
{
	struct object *o[NR_OBJECTS];
	int i, n, ret = 0;

	for (n = 0; n < NR_OBJECTS; n++) {
		o[n] = kmem_cache_alloc(s, GFP_KERNEL);
		if (!o[n])
			break;
		o[n]->owner = owner;
	}
	if (n < NR_OBJECTS)
		ret = -ENOMEM;
	cond_resched();
	for (i = 0; i < n; i++) {
		if (o[i]->owner != owner)
			ret = -EUCLEAN;
#ifdef HAVE_KVFREE_RCU_BARRIER
		/* Before, kmem_cache_destroy() left those to its caller. */
		if (i % 2) {
			kfree_rcu(o[i], rcu);
			continue;
		}
#endif
		kmem_cache_free(s, o[i]);
	}
	return ret;
}

/* rcu_barrier(), counted */

static atomic_t barriers;
static bool hold, release;	/* for hold_rcu() */

static int count_barrier(struct kprobe *p, struct pt_regs *regs)
{
	atomic_inc(&barriers);
	WRITE_ONCE(hold, true);
	return 0;
}

static struct kprobe probe = {
	.symbol_name = "rcu_barrier",
	.pre_handler = count_barrier,
};

/* mode=count */

struct kind {
	const char *name;
	unsigned int nr;		/* caches */
	bool shared;			/* and one more reference of each */
	slab_flags_t flags;
};

static const struct kind kinds[] = {
	{ "shared",	1, true,  0 },
	{ "plain",	1, false, 0 },
	{ "typesafe",	1, false, SLAB_TYPESAFE_BY_RCU },
	{ "debug",	1, false, SLAB_CONSISTENCY_CHECKS },
	{ "typesafe_debug", 1, false,
	  SLAB_TYPESAFE_BY_RCU | SLAB_CONSISTENCY_CHECKS },
	{ "six",	NR_SIX, false, 0 },
	{ "six_typesafe", NR_SIX, false, SLAB_TYPESAFE_BY_RCU },
};

static int count_one(const struct kind *kind)
{
	struct kmem_cache *caches[NR_SIX], *others[NR_SIX] = { };
	char what[32];
	u64 ns = 0, start;
	int i, round, worst = 0;

	for (round = 0; round < REPEAT; round++) {
		int n = 0, err = 0;

		for (i = 0; i < kind->nr; i++) {
			snprintf(what, sizeof(what), "%s%d", kind->name, i);
			caches[i] = create(what, SIZE(i), kind->flags);
			if (kind->shared) {
				snprintf(what, sizeof(what), "other%d", i);
				others[i] = create(what, SIZE(i), kind->flags);
			}
			if (!caches[i] || (kind->shared && !others[i]))
				err = -ENOMEM;
			else
				err = err ?: use(caches[i], round);
		}
		if (!err && kind->shared && caches[0] != others[0]) {
			say("%s nomerge\n", kind->name);
			err = 1;
		}

		atomic_set(&barriers, 0);
		start = ktime_get_ns();
		destroy(caches, kind->nr);
		ns += ktime_get_ns() - start;
#ifndef HAVE_KVFREE_RCU_BARRIER
		/* These leave the rest to a worker. */
		msleep(200);
#endif
		n = atomic_read(&barriers);
		destroy(others, kind->nr);
		if (err)
			return err < 0 ? err : 0;
		worst = max(worst, n);
	}
	say("%s %d %llu\n", kind->name, worst, div_u64(ns, REPEAT * 1000));
	return 0;
}

static int count(void)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(kinds) && !err; i++)
		err = count_one(&kinds[i]);
	return err;
}

/* mode=during */

struct victim {
	struct work_struct work;
	struct kmem_cache *cache;
};

static void destroy_work(struct work_struct *work)
{
	struct victim *v = container_of(work, struct victim, work);

	kmem_cache_destroy(v->cache);
}

/* As soon as somebody is in rcu_barrier(), lets no grace period end. */
static int hold_rcu(void *unused)
{
	ktime_t end = ktime_add_ms(ktime_get(), 2000);

	while (!READ_ONCE(hold) && ktime_before(ktime_get(), end))
		cond_resched();
	rcu_read_lock();
	while (!READ_ONCE(release) && ktime_before(ktime_get(), end))
		cpu_relax();
	rcu_read_unlock();
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

/*
 * Create a cache of the same name and shape while one is in rcu_barrier().
 * Returns 0 and says what became of it, -EAGAIN if the other had gone before,
 * -ENODATA if nobody called rcu_barrier().
 */
static int during_one(struct workqueue_struct *wq, const char *what,
		      slab_flags_t flags)
{
	ktime_t end = ktime_add_ms(ktime_get(), 1000);
	struct task_struct *holder;
	struct victim v;
	struct kmem_cache *s = NULL;
	bool reached, met;
	int err;

	v.cache = create(what, SIZE(8), flags);
	if (!v.cache)
		return -ENOMEM;
	err = use(v.cache, 1);
	WRITE_ONCE(hold, false);
	WRITE_ONCE(release, false);
	holder = kthread_run(hold_rcu, NULL, "hold_rcu");
	if (IS_ERR(holder)) {
		kmem_cache_destroy(v.cache);
		return PTR_ERR(holder);
	}

	INIT_WORK_ONSTACK(&v.work, destroy_work);
	queue_work(wq, &v.work);
	while (!READ_ONCE(hold) && ktime_before(ktime_get(), end))
		usleep_range(50, 100);
	reached = READ_ONCE(hold);
	if (reached)
		s = create(what, SIZE(8), flags);
	met = work_busy(&v.work);
	WRITE_ONCE(hold, true);
	WRITE_ONCE(release, true);
	kthread_stop(holder);
	flush_work(&v.work);
	destroy_work_on_stack(&v.work);

	if (!s)
		return err ?: reached ? -ENOMEM : -ENODATA;
	/* Before the last reference is dropped, to share is right. */
	err = err ?: use(s, 2);
	if (met)
		say("%s %s %s\n", what, s == v.cache ? "same" : "new",
		    err ? "broken" : "works");
	kmem_cache_destroy(s);
	return met ? err : -EAGAIN;
}

static int during(void)
{
	static const struct {
		const char *name;
		slab_flags_t flags;
	} shapes[] = {
		{ "mergeable", 0 },
		{ "unmergeable", SLAB_TYPESAFE_BY_RCU },
	};
	struct workqueue_struct *wq;
	unsigned int i, try;
	int err = 0;

	wq = alloc_workqueue("destroy_mod", WQ_UNBOUND, 0);
	if (!wq)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(shapes) && !err; i++) {
		for (try = 0; try < 20; try++) {
			err = during_one(wq, shapes[i].name, shapes[i].flags);
			if (err != -EAGAIN)
				break;
		}
		if (err == -EAGAIN || err == -ENODATA) {
			say("%s none\n", shapes[i].name);
			err = 0;
		}
	}
	destroy_workqueue(wq);
	return err;
}

/* mode=race */

static atomic_long_t made, bad;

static int racer(void *data)
{
	unsigned long id = (unsigned long)data;
	unsigned long end = jiffies + seconds * HZ;
	struct kmem_cache *s;
	char what[32];
	int n;

	for (n = 0; n < MAX_RACES && !atomic_long_read(&bad); n++) {
		if (time_after(jiffies, end))
			break;
		/* A shared cache keeps its first name, so that can't be used again. */
		snprintf(what, sizeof(what), "race%lu.%d", id, n);
		s = create(what, SIZE(9), 0);
		if (!s)
			break;
		atomic_long_inc(&made);
		if (use(s, id) == -EUCLEAN)
			atomic_long_inc(&bad);
		kmem_cache_destroy(s);
		cond_resched();
	}
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

static int race(void)
{
	struct task_struct *tasks[8];
	unsigned long i, n = min_t(unsigned long, 2 * num_online_cpus(),
				   ARRAY_SIZE(tasks));

	for (i = 0; i < n; i++)
		tasks[i] = kthread_run(racer, (void *)i, "race%lu", i);
	msleep(seconds * 1000);
	for (i = 0; i < n; i++) {
		if (!IS_ERR(tasks[i]))
			kthread_stop(tasks[i]);
	}
	say("made %ld\nbad %ld\n", atomic_long_read(&made),
	    atomic_long_read(&bad));
	return 0;
}

/* mode=wrong */

static int wrong(void)
{
	struct kmem_cache *a, *b, *c;
	void *object, *other = NULL;

	a = create("left", LEFT_SIZE, 0);
	b = create("twice", SIZE(10), SLAB_TYPESAFE_BY_RCU);
	object = a ? kmem_cache_alloc(a, GFP_KERNEL) : NULL;
	if (!b || !object) {
		kmem_cache_destroy(a);
		kmem_cache_destroy(b);
		return -ENOMEM;
	}

	/* Fails for the first, which the kernel says at length, and keeps. */
	kmemleak_not_leak(a);
#ifdef HAVE_DESTROY_BULK
	kmem_cache_destroy_bulk((struct kmem_cache *[]){ NULL, a, b, NULL, b }, 5);
	say("twice tried\n");
#else
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
#endif
	c = create("next", LEFT_SIZE, 0);
	if (c)
		other = kmem_cache_alloc(c, GFP_KERNEL);
	if (c && other)
		say("left %s\n", a == c ? "same" : "new");
	if (other)
		kmem_cache_free(c, other);
	kmem_cache_free(a, object);
	kmem_cache_destroy(c);
	return 0;
}

/* mode=six */

static struct kmem_cache *six[NR_SIX];

static int create_six(void)
{
	char what[16];
	int i, err = 0;

	for (i = 0; i < NR_SIX && !err; i++) {
		snprintf(what, sizeof(what), "set%d", i);
		six[i] = create(what, SIZE(i), 0);
		err = six[i] ? use(six[i], i) : -ENOMEM;
	}
	if (err)
		destroy(six, NR_SIX);
	return err;
}

/*
 * A kprobe that goes is optimized away later, with the mutex held that loading and
 * unloading a module take: there is none where that is timed.
 */
static const struct {
	const char *name;
	int (*run)(void);
	bool counts;
} modes[] = {
	{ "count",	count,		true },
	{ "during",	during,		true },
	{ "race",	race,		false },
	{ "wrong",	wrong,		false },
	{ "six",	create_six,	false },
};

static int __init destroy_mod_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(modes) && strcmp(mode, modes[i].name); i++)
		;
	if (i == ARRAY_SIZE(modes))
		return -EINVAL;
	if (!modes[i].counts)
		return modes[i].run();

	err = register_kprobe(&probe);
	if (err)
		return err;
	err = modes[i].run();
	unregister_kprobe(&probe);
	return err;
}

static void __exit destroy_mod_exit(void)
{
	destroy(six, NR_SIX);
}

module_init(destroy_mod_init);
module_exit(destroy_mod_exit);
MODULE_DESCRIPTION("Test what it takes to destroy slab caches");
MODULE_LICENSE("GPL");
