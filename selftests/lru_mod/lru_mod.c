// SPDX-License-Identifier: GPL-2.0
/*
 * A user of per-cgroup LRU lists, as there are outside the tree: a shrinker, a
 * list_lru that belongs to it, and objects that are charged to a cgroup. Loading
 * it fails if there is no memory for these, and leaves nothing behind.
 *
 * What came of it is in the parameter "result": "pass", "lost" if the lists did
 * not have the objects.
 *
 * "stray", when written to, makes an object for which nobody has allocated lists,
 * charged to the task's cgroup, and adds it ("add"), or takes it off again ("del"):
 * "lost" if the root's lists, which never had it, have changed. "one" is "add" with lists.
 * "ask" allocates what an object on the same node needs, and fails with EXDEV if it can't
 * get one from there, or if that of "one" was there, and with EOPNOTSUPP where nobody asks.
 * "told" is whether the shrinker has been called since any of these, with an object on the
 * lists that it was called for.
 *
 * What the shrinker then says there is to do is in "work". It does nothing of it, so that
 * is deferred. SEEKS lets 1 / 262144 of it be asked for at once, and none of less than
 * BATCH; "asked" is set when something was.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/version.h>
/* 3.x's takes spinlocks for granted */
#include <linux/list_lru.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 4, 0) || \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 0, 0) && \
	 LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0))
#define NO_LISTS
#endif

#define NR_OBJECTS	64
#define SEEKS		(1024 * 1024)
#define BATCH		256

static char *result = "none";
module_param(result, charp, 0444);
MODULE_PARM_DESC(result, "what came of the test");

static bool lists = true;
module_param(lists, bool, 0444);
MODULE_PARM_DESC(lists, "with lists; without them the shrinker is called in any case");

struct object {
	struct list_head lru;
	char data[200];
};

#ifndef NO_LISTS
static bool told;
module_param(told, bool, 0444);
MODULE_PARM_DESC(told, "the shrinker was called where there is an object");

static ulong work;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 13, 0)	/* where a cgroup has what is deferred */
module_param(work, ulong, 0644);
MODULE_PARM_DESC(work, "how much the shrinker says there is to do where there is an object");
#endif

static bool asked;
module_param(asked, bool, 0644);
MODULE_PARM_DESC(asked, "the shrinker was asked to do something");

static struct list_lru lru;

/* No object is ever given. */
static unsigned long count(struct shrinker *shrinker, struct shrink_control *sc)
{
	if (lists && !list_lru_shrink_count(&lru, sc))
		return SHRINK_EMPTY;
	told = lists;
	return work;
}

static unsigned long scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	WRITE_ONCE(asked, true);
	return SHRINK_STOP;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
static struct shrinker *shrinker;
static struct kmem_cache *cache;

static int setup(void)
{
	int err = -ENOMEM;

	cache = KMEM_CACHE(object, SLAB_ACCOUNT);
	if (!cache)
		return err;
	shrinker = shrinker_alloc(SHRINKER_MEMCG_AWARE | SHRINKER_NUMA_AWARE |
				  (lists ? 0 : SHRINKER_NONSLAB), "lru_mod");
	if (!shrinker)
		goto cache;
	err = lists ? list_lru_init_memcg(&lru, shrinker) : 0;
	if (err)
		goto shrinker;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->seeks = SEEKS;
	shrinker->batch = BATCH;
	shrinker_register(shrinker);
	return 0;
shrinker:
	shrinker_free(shrinker);
cache:
	kmem_cache_destroy(cache);
	return err;
}

static void teardown(void)
{
	shrinker_free(shrinker);
	if (lists)
		list_lru_destroy(&lru);
	kmem_cache_destroy(cache);
}

static struct object *get(void)
{
	return kmem_cache_alloc_lru(cache, &lru, GFP_KERNEL);
}

static struct object *get_stray(void)
{
	return kmem_cache_alloc(cache, GFP_KERNEL);
}

static void put(struct object *o)
{
	kmem_cache_free(cache, o);
}

static bool add(struct object *o)
{
	return list_lru_add_obj(&lru, &o->lru);
}

static bool del(struct object *o)
{
	return list_lru_del_obj(&lru, &o->lru);
}
#else
static struct shrinker shrinker = {
	.count_objects = count,
	.scan_objects = scan,
	.seeks = SEEKS,
	.batch = BATCH,
};

static int setup(void)
{
	int err;

	shrinker.flags = SHRINKER_MEMCG_AWARE | SHRINKER_NUMA_AWARE |
			 (lists ? 0 : SHRINKER_NONSLAB);
	err = register_shrinker(&shrinker);
	if (err)
		return err;
	err = lists ? list_lru_init_memcg(&lru, &shrinker) : 0;
	if (err)
		unregister_shrinker(&shrinker);
	return err;
}

static void teardown(void)
{
	unregister_shrinker(&shrinker);
	if (lists)
		list_lru_destroy(&lru);
}

/* the contract of before: who has initialised the lru need not do more */
static struct object *get(void)
{
	return kmalloc(sizeof(struct object), GFP_KERNEL_ACCOUNT);
}

static struct object *get_stray(void)
{
	return get();
}

static void put(struct object *o)
{
	kfree(o);
}

static bool add(struct object *o)
{
	return list_lru_add(&lru, &o->lru);
}

static bool del(struct object *o)
{
	return list_lru_del(&lru, &o->lru);
}
#endif

/* objects of the loading task's cgroup on its list, and off it again */
static int use(void)
{
	static struct object *o[NR_OBJECTS];
	int i, added = 0, counted, deleted = 0, err = 0;

	for (i = 0; i < NR_OBJECTS; i++) {
		o[i] = get();
		if (!o[i]) {
			err = -ENOMEM;
			break;
		}
		INIT_LIST_HEAD(&o[i]->lru);
		added += add(o[i]);
	}
	counted = list_lru_count(&lru);
	while (i--) {
		deleted += del(o[i]);
		put(o[i]);
	}
	if (!err && (added != NR_OBJECTS || counted != added || deleted != added))
		result = "lost";
	return err;
}

static struct object *stray;
static int nid_of_one = NUMA_NO_NODE;

static int nid_of(struct object *o)
{
	return page_to_nid(virt_to_page(o));
}

static int ask(void)
{
	struct object *o;
	int ret = 0;

	if (LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0))
		return -EOPNOTSUPP;
	o = get();
	if (!o)
		return -ENOMEM;
	if (nid_of(o) != nid_of(stray) || nid_of(o) == nid_of_one)
		ret = -EXDEV;
	put(o);
	return ret;
}

static int stray_set(const char *val, const struct kernel_param *kp)
{
	struct object *(*make)(void);
	int nid;

	if (!lists)
		return -EINVAL;
	told = false;
	make = sysfs_streq(val, "add") ? get_stray : sysfs_streq(val, "one") ? get : NULL;
	if (!stray && make) {
		stray = make();
		if (!stray)
			return -ENOMEM;
		if (make == get)
			nid_of_one = nid_of(stray);
		INIT_LIST_HEAD(&stray->lru);
		add(stray);
		return 0;
	}
	if (stray && sysfs_streq(val, "ask"))
		return ask();
	if (!stray || !sysfs_streq(val, "del"))
		return -EINVAL;
	del(stray);
	put(stray);
	stray = NULL;
	for_each_node(nid)
		if (list_lru_count_one(&lru, nid, NULL))
			result = "lost";
	return 0;
}

static const struct kernel_param_ops stray_ops = { .set = stray_set };
module_param_cb(stray, &stray_ops, NULL, 0200);
MODULE_PARM_DESC(stray, "add, one: makes an object, without or with lists, and adds it; ask: allocates them; del: takes it off");

static int __init lru_mod_init(void)
{
	int err = setup();

	if (err)
		return err;
	result = "pass";
	if (lists)
		err = use();
	if (err)
		teardown();
	return err;
}

static void __exit lru_mod_exit(void)
{
	if (stray)
		stray_set("del", NULL);
	teardown();
}
#else
static int __init lru_mod_init(void)
{
	return -EOPNOTSUPP;
}

static void __exit lru_mod_exit(void)
{
}
#endif

module_init(lru_mod_init);
module_exit(lru_mod_exit);
MODULE_DESCRIPTION("Test of per-cgroup LRU lists in a module");
MODULE_LICENSE("GPL");
