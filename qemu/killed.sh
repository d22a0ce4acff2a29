#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# killed.sh: in the guest as /x/killed.sh: a selftest whose task is killed (SIGKILL)
# leaves nothing behind, and a module that one has left does not stop the next.
# Prints KTAP. Exit status: 0 if none failed.
cd /selftests || exit 1
n=0
bad=0

result()
{
	n=$((n + 1))
	[ "$1" = ok ] || bad=1
	echo "$1 $n $2"
}

# what a test may leave
traces()
{
	cat /proc/swaps
	cut -d' ' -f2,3 /proc/mounts
	find /sys/fs/cgroup -type d | sort
	ls /tmp
	grep -s . /sys/kernel/mm/transparent_hugepage/enabled /sys/module/zswap/parameters/*
}

cgroups()
{
	find /sys/fs/cgroup -type d 2>/dev/null | wc -l
}

swaps()
{
	grep -c memcg_slab /proc/swaps
}

# killed WHAT MIN TEST: the test is killed once it has MIN of WHAT, a command's number
killed()
{
	name="$3 is killed while it has $1"
	traces >/root/before
	"./$3" >/root/out 2>&1 &
	until [ "$($1)" -ge "$2" ]; do
		if ! kill -0 $! 2>/dev/null; then
			wait $!
			result ok "$name # SKIP it has none here"
			return
		fi
		usleep 20000
	done
	# its task, not who cleans up after that
	kill -9 $(awk -v p=$! '$4 == p { print $1 }' /proc/[0-9]*/stat 2>/dev/null)
	wait $!
	traces >/root/after
	if grep -q 'killed by signal 9' /root/out && diff /root/before /root/after >/root/diff; then
		result ok "$name"
	else
		sed 's/^/# /' /root/out /root/diff
		result 'not ok' "$name"
	fi
}

echo "KTAP version 1"
echo "1..3"
killed cgroups 10 footprint
killed swaps 1 folios
name="a module that was there already is loaded"
insmod alias_mod.ko run=1
./alias | sed 's/^/# /' >/root/out
if grep -q '# ok 1' /root/out; then
	result ok "$name"
else
	cat /root/out
	result 'not ok' "$name"
fi
exit $bad
