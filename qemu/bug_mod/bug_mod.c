// SPDX-License-Identifier: GPL-2.0
/*
 * Bugs on request, so that a debug kernel can be seen to find them: loading this
 * with bug=NAME does what NAME says, and then fails, with ECANCELED.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *bug = "";
module_param(bug, charp, 0);
MODULE_PARM_DESC(bug, "one of the bugs below");

static void use_after_free(void)
{
	volatile char *p = kmalloc(64, GFP_KERNEL);

	if (!p)
		return;
	kfree((void *)p);
	p[8];
}

static void leak(void)
{
	int i;

	/* the address of one or two may still be on some stack */
	for (i = 0; i < 16; i++)
		if (!kmalloc(200, GFP_KERNEL))
			return;
}

static DEFINE_MUTEX(one);
static DEFINE_MUTEX(two);

static void lock_order(void)
{
	mutex_lock(&one);
	mutex_lock(&two);
	mutex_unlock(&two);
	mutex_unlock(&one);

	mutex_lock(&two);
	mutex_lock(&one);
	mutex_unlock(&one);
	mutex_unlock(&two);
}

static DEFINE_SPINLOCK(spin);

static void atomic_sleep(void)
{
	spin_lock(&spin);
	msleep(1);
	spin_unlock(&spin);
}

static void list_corruption(void)
{
	struct list_head head, entry;

	INIT_LIST_HEAD(&head);
	list_add(&entry, &head);
	list_del(&entry);
	list_del(&entry);
}

static unsigned long shared;

static int racer(void *arg)
{
	while (!kthread_should_stop()) {
		shared++;
		cond_resched();
	}
	return 0;
}

static void race(void)
{
	struct task_struct *a = kthread_run(racer, NULL, "racer");
	struct task_struct *b = kthread_run(racer, NULL, "racer");

	msleep(5000);
	if (!IS_ERR(a))
		kthread_stop(a);
	if (!IS_ERR(b))
		kthread_stop(b);
}

static const struct {
	const char *name;
	void (*fn)(void);
} bugs[] = {
	{ "use-after-free", use_after_free },
	{ "leak", leak },
	{ "lock-order", lock_order },
	{ "atomic-sleep", atomic_sleep },
	{ "list-corruption", list_corruption },
	{ "data-race", race },
};

static int __init bug_mod_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++) {
		if (!strcmp(bug, bugs[i].name)) {
			bugs[i].fn();
			return -ECANCELED;
		}
	}
	return -EINVAL;
}

module_init(bug_mod_init);
MODULE_DESCRIPTION("Bugs that a debug kernel has to find");
MODULE_LICENSE("GPL");
