// SPDX-License-Identifier: GPL-2.0
/*
 * Slab caches to be used from cgroups, each of which gets its own of them then.
 *
 * A task writes one command to the file kmemcg_mod/do of debugfs, and it is done
 * in the context of that task; the write fails as the command does:
 *
 *   open N [rcu]   create the cache N
 *   use N          allocate objects of it and free them, -EUCLEAN if one of them
 *                  was somebody else's as well
 *   hold N         allocate objects of it, and keep them
 *   drop N         free what is kept
 *   close N        destroy it
 *   fail 0|1       whether workers can't make names of caches for cgroups
 *   block N        destroy it, and take the name that it had in sysfs
 *   unblock N      give that back
 *
 * The file kmemcg_mod/barriers has the calls of rcu_barrier() since it was
 * written to, kmemcg_mod/doomed how often a cache was freed while open, or one of
 * which a worker was to make a cgroup's was freed already.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/slub_def.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define NR_SLOTS	16
#define NR_OBJECTS	64
/* sizes that nobody else has; all of the same shape may share a cache */
#define OBJECT_SIZE	1352
#define SHARED_SIZE	2312
#define FIRST_SHARED	12

static unsigned int run;
module_param(run, uint, 0444);
MODULE_PARM_DESC(run, "makes the names of the caches new");

struct object {
	struct list_head list;
	void *owner;
};

static struct slot {
	struct rw_semaphore sem;	/* cache comes and goes with it held for writing */
	struct kmem_cache *cache;
	struct kmem_cache *closed;	/* freed memory since */
	struct mutex lock;		/* held */
	struct list_head held;
} slots[NR_SLOTS];

static atomic_t barriers, doomed;
static bool fail;
static struct kobject *blocker;

static void name_of(struct slot *slot, char name[32])
{
	snprintf(name, 32, "kmemcg_%u_%d", run, (int)(slot - slots));
}

static int unblock(void)
{
	kobject_put(blocker);
	blocker = NULL;
	return 0;
}

static int open_slot(struct slot *slot, unsigned long flags)
{
	int n = slot - slots;
	size_t size = n < FIRST_SHARED ? OBJECT_SIZE + 64 * n : SHARED_SIZE;
	char name[32];
	int i, err = 0;

	name_of(slot, name);
	down_write(&slot->sem);
	if (slot->cache) {
		err = -EBUSY;
	} else {
		slot->cache = kmem_cache_create(name, size, 0, flags, NULL);
		if (!slot->cache)
			err = -ENOMEM;
		for (i = 0; i < NR_SLOTS; i++)
			cmpxchg(&slots[i].closed, slot->cache, NULL);
	}
	up_write(&slot->sem);
	return err;
}

static int use_slot(struct slot *slot, bool hold)
{
	struct object *o, *next;
	LIST_HEAD(mine);
	int i, err = 0;

	down_read(&slot->sem);
	if (!slot->cache)
		err = -ENOENT;
	for (i = 0; i < NR_OBJECTS && !err; i++) {
		o = kmem_cache_alloc(slot->cache, GFP_KERNEL);
		if (!o) {
			err = -ENOMEM;
			break;
		}
		o->owner = &mine;
		list_add(&o->list, &mine);
	}
	cond_resched();
	list_for_each_entry_safe(o, next, &mine, list) {
		if (o->owner != &mine)
			err = -EUCLEAN;
		if (!hold)
			kmem_cache_free(slot->cache, o);
	}
	if (hold) {
		mutex_lock(&slot->lock);
		list_splice(&mine, &slot->held);
		mutex_unlock(&slot->lock);
	}
	up_read(&slot->sem);
	return err;
}

static int drop_slot(struct slot *slot)
{
	struct object *o, *next;
	LIST_HEAD(mine);

	down_read(&slot->sem);
	mutex_lock(&slot->lock);
	list_splice_init(&slot->held, &mine);
	mutex_unlock(&slot->lock);
	list_for_each_entry_safe(o, next, &mine, list)
		kmem_cache_free(slot->cache, o);
	up_read(&slot->sem);
	return 0;
}

/* The semaphore is not held meanwhile, so that others can open what they like. */
static int close_slot(struct slot *slot)
{
	struct kmem_cache *s;
	int err = 0;

	down_write(&slot->sem);
	s = slot->cache;
	if (!s)
		err = -ENOENT;
	else if (!list_empty(&slot->held))
		err = -EBUSY;
	else
		slot->cache = NULL;
	up_write(&slot->sem);
	if (err)
		return err;
	kmem_cache_destroy(s);
	/* of those that are shared it is not known whether they are freed */
	if (slot < &slots[FIRST_SHARED])
		slot->closed = s;
	return 0;
}

static int block_slot(struct slot *slot)
{
	struct kobject *parent;
	char *name = NULL;
	int err = -ENOENT;

	down_read(&slot->sem);
	if (slot->cache) {
		parent = slot->cache->kobj.parent;
		name = kstrdup(kobject_name(&slot->cache->kobj), GFP_KERNEL);
	}
	up_read(&slot->sem);
	if (name)
		err = close_slot(slot);
	if (!err)
		blocker = kobject_create_and_add(name, parent);
	kfree(name);
	return err ?: blocker ? 0 : -ENOMEM;
}

static ssize_t do_write(struct file *file, const char __user *buf, size_t len,
			loff_t *pos)
{
	char line[32], verb[8], how[8] = "";
	struct slot *slot;
	int n, err;

	if (len >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, buf, len))
		return -EFAULT;
	line[len] = '\0';
	if (sscanf(line, "%7s %d %7s", verb, &n, how) < 2 || n < 0 || n >= NR_SLOTS)
		return -EINVAL;
	slot = &slots[n];

	if (!strcmp(verb, "open"))
		err = open_slot(slot, strcmp(how, "rcu") ? 0 : SLAB_DESTROY_BY_RCU);
	else if (!strcmp(verb, "use"))
		err = use_slot(slot, false);
	else if (!strcmp(verb, "hold"))
		err = use_slot(slot, true);
	else if (!strcmp(verb, "drop"))
		err = drop_slot(slot);
	else if (!strcmp(verb, "close"))
		err = close_slot(slot);
	else if (!strcmp(verb, "fail"))
		err = 0, fail = n;
	else if (!strcmp(verb, "block"))
		err = block_slot(slot);
	else if (!strcmp(verb, "unblock"))
		err = unblock();
	else
		err = -EINVAL;
	return err ? err : len;
}

static const struct file_operations do_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = do_write,
};

static ssize_t count_read(struct file *file, char __user *buf, size_t len,
			  loff_t *pos)
{
	char line[16];
	int n = snprintf(line, sizeof(line), "%d\n",
			 atomic_read((atomic_t *)file->private_data));

	return simple_read_from_buffer(buf, len, pos, line, n);
}

static ssize_t count_write(struct file *file, const char __user *buf, size_t len,
			   loff_t *pos)
{
	atomic_set((atomic_t *)file->private_data, 0);
	return len;
}

static const struct file_operations count_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = count_read,
	.write = count_write,
};

static int on_barrier(struct kprobe *p, struct pt_regs *regs)
{
	atomic_inc(&barriers);
	return 0;
}

/* A cache is freed: for whom is it still open? Nobody touches it any more. */
static int on_release(struct kprobe *p, struct pt_regs *regs)
{
	struct kmem_cache *s = (void *)regs->di;
	int i;

	for (i = 0; i < NR_SLOTS; i++) {
		if (cmpxchg(&slots[i].cache, s, NULL) == s)
			atomic_inc(&doomed);
	}
	return 0;
}

static struct kprobe on_barrier_probe = {
	.symbol_name = "rcu_barrier",
	.pre_handler = on_barrier,
};

static struct kprobe on_release_probe = {
	.symbol_name = "slab_kmem_cache_release",
	.pre_handler = on_release,
};

/* A worker creates a cgroup's cache. */
static int on_create(struct kprobe *p, struct pt_regs *regs)
{
	struct kmem_cache *root = (void *)regs->si;
	int i;

	for (i = 0; i < NR_SLOTS; i++) {
		if (slots[i].closed == root)
			atomic_inc(&doomed);
	}
	return 0;
}

static struct kprobe on_create_probe = {
	.symbol_name = "memcg_create_kmem_cache",
	.pre_handler = on_create,
};

/* The name of a cgroup's cache can't be made. */
static int on_name(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	if (fail && (current->flags & PF_WQ_WORKER)) {
		kfree((void *)regs_return_value(regs));
		regs->ax = 0;
	}
	return 0;
}

static struct kretprobe on_name_probe = {
	.kp.symbol_name = "kasprintf",
	.handler = on_name,
	.maxactive = 16,
};

static struct dentry *dir;

static int __init kmemcg_mod_init(void)
{
	int i, err;

	for (i = 0; i < NR_SLOTS; i++) {
		init_rwsem(&slots[i].sem);
		mutex_init(&slots[i].lock);
		INIT_LIST_HEAD(&slots[i].held);
	}
	err = register_kprobe(&on_barrier_probe);
	if (err)
		return err;
	err = register_kprobe(&on_release_probe);
	if (err)
		goto no_release;
	err = register_kprobe(&on_create_probe);
	if (err == -ENOENT) {		/* its name in 3.15 */
		on_create_probe.symbol_name = "kmem_cache_create_memcg";
		err = register_kprobe(&on_create_probe);
	}
	if (err)
		goto no_create;
	err = register_kretprobe(&on_name_probe);
	if (err)
		goto no_name;
	dir = debugfs_create_dir("kmemcg_mod", NULL);
	debugfs_create_file("do", 0200, dir, NULL, &do_fops);
	debugfs_create_file("barriers", 0600, dir, &barriers, &count_fops);
	debugfs_create_file("doomed", 0600, dir, &doomed, &count_fops);
	return 0;

no_name:
	unregister_kprobe(&on_create_probe);
no_create:
	unregister_kprobe(&on_release_probe);
no_release:
	unregister_kprobe(&on_barrier_probe);
	return err;
}

static void __exit kmemcg_mod_exit(void)
{
	int i;

	debugfs_remove_recursive(dir);
	unblock();
	unregister_kretprobe(&on_name_probe);
	unregister_kprobe(&on_create_probe);
	unregister_kprobe(&on_release_probe);
	unregister_kprobe(&on_barrier_probe);
	for (i = 0; i < NR_SLOTS; i++) {
		drop_slot(&slots[i]);
		close_slot(&slots[i]);
	}
}

module_init(kmemcg_mod_init);
module_exit(kmemcg_mod_exit);
MODULE_DESCRIPTION("Test the slab caches of cgroups");
MODULE_LICENSE("GPL");
