// SPDX-License-Identifier: GPL-2.0
/*
 * A cache that could not be destroyed, because it still has an object, must not
 * be handed out to the next one who wants a cache of its size: when the object
 * is freed and somebody destroys the cache for good, that user would be left
 * with nothing.
 *
 * What came of it is in the parameter "result": "pass", "alias" if it was handed
 * out, "nomerge" if this kernel shares no caches at all, "nomem".
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

/* sizes that nobody else has, and too far apart to share a cache */
#define PROBE_SIZE	2104
#define TEST_SIZE	2312

static char *result = "none";
module_param(result, charp, 0444);
MODULE_PARM_DESC(result, "what came of the test");

/* the failed cache stays: a second load must not use its name again */
static unsigned int run;
module_param(run, uint, 0444);
MODULE_PARM_DESC(run, "makes the names of the caches new");

static struct kmem_cache *create(const char *what, unsigned int size)
{
	char name[48];

	snprintf(name, sizeof(name), "alias_mod_%s_%u", what, run);
	return kmem_cache_create(name, size, 0, 0, NULL);
}

/* Before 4.3 kmem_cache_destroy() could not take NULL. */
static void destroy(struct kmem_cache *s)
{
	if (!s)
		return;
	kmem_cache_destroy(s);
}

static bool merging(void)
{
	struct kmem_cache *p, *q;
	bool same;

	p = create("p", PROBE_SIZE);
	q = create("q", PROBE_SIZE);
	same = p && p == q;
	destroy(q);
	destroy(p);
	return same;
}

static int __init alias_mod_init(void)
{
	struct kmem_cache *a, *b;
	void *object, *other = NULL;

	if (!merging()) {
		result = "nomerge";
		return 0;
	}
	result = "nomem";
	a = create("a", TEST_SIZE);
	if (!a)
		return 0;
	object = kmem_cache_alloc(a, GFP_KERNEL);
	if (!object) {
		destroy(a);
		return 0;
	}
	/* fails, which the kernel says at length */
	destroy(a);

	b = create("b", TEST_SIZE);
	if (b)
		other = kmem_cache_alloc(b, GFP_KERNEL);
	if (b && other)
		result = a == b ? "alias" : "pass";
	if (other)
		kmem_cache_free(b, other);
	kmem_cache_free(a, object);
	destroy(b);
	return 0;
}

static void __exit alias_mod_exit(void)
{
}

module_init(alias_mod_init);
module_exit(alias_mod_exit);
MODULE_DESCRIPTION("Test that a cache whose destruction failed is not shared");
MODULE_LICENSE("GPL");
