#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# others.sh: in the guest as /x/run: runs the tests of the file /x/list, one
#
#	GUEST TAB NAME TAB FOLDER TAB SECONDS TAB MEMORY TAB COMMAND
#
# a line, each by bash in a mount namespace with a /tmp of its own and in a
# cgroup of its own with the limit MEMORY ("-": the root cgroup). On stdout, for
# others-read.awk:
#
#	others: begin NAME
#	| a line of the test's output
#	others: end NAME STATUS SECONDS
#
# and "others: done" after the last. Of the output it passes on the results and
# the last lines. A test that can't be killed has the guest reset.
cg=/sys/fs/cgroup/others
tab=$(printf '\t')

# The root is an XFS, as on a host: a ramfs caches no names, for one.
if [ "${1:-}" != rooted ]; then
	mkdir /mnt && mount -t xfs /dev/vdb /mnt && cp -a /bin /etc /root /x /mnt && rm -rf /x && cd /mnt || exit
	mkdir dev proc sys tmp mnt
	for m in dev proc sys; do
		mount -o rbind /$m $m
	done
	mount -o move . / && exec chroot . /x/run rooted
	exit
fi
mount -t tmpfs -o mode=1777 none /tmp
mkswap /dev/vda >/dev/null && swapon /dev/vda 2>/dev/null

# What distributions have. Libraries are in /x/lib.
for l in /lib /lib64; do
	ln -s /x/lib $l
done
for b in /x/bin/*; do
	ln -sf "$b" /bin
done
for f in fd:fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do
	[ -e /dev/${f%:*} ] || ln -s /proc/self/${f#*:} /dev/${f%:*}
done
for m in tmpfs:/dev/shm devpts:/dev/pts mqueue:/dev/mqueue hugetlbfs:/dev/hugepages; do
	mkdir -p "${m#*:}"
	mount -t ${m%:*} none "${m#*:}" 2>/dev/null
done
mkdir -p /var/tmp
ln -s /proc/self/mounts /etc/mtab
ip link set lo up 2>/dev/null
# mm's run_vmtests.sh else wants mkfs.xfs
export SPLIT_HUGE_PAGE_TEST_XFS_PATH=/mnt/work
echo 'nobody:x:65534:65534:nobody:/:/bin/sh' >>/etc/passwd
echo 'nogroup:x:65534:' >>/etc/group

# results FILE: the lines that say a result, and the last ones.
results() {
	awk '
	function show(text) { print "| " substr(text, 1, 300) }
	{ sub(/\r$/, "") }
	/^[ \t#]*(not )?ok [0-9]/ || /^[ \t#]*1\.\.[0-9]/ || /^running / || /^\[[A-Z]+\]/ {
		show($0)
		next
	}
	{ last[n++ % 30] = $0 }
	END {
		for (i = n > 30 ? n - 30 : 0; i < n; i++)
			show(last[i % 30])
	}' "$1"
}

while IFS=$tab read -r _ name folder limit memory command <&3; do
	echo "others: begin $name" | tee /dev/kmsg
	mkdir -p /mnt/work
	in=$cg
	[ "$memory" = - ] && in=/sys/fs/cgroup || {
		mkdir $cg
		echo "$memory" >$cg/memory.max
	}
	start=$(cut -d. -f1 /proc/uptime)
	{ sleep $((limit + 60)); echo b >/proc/sysrq-trigger; } &
	(
		echo 0 >"$in/cgroup.procs"
		cd "$folder" &&
		unshare -m timeout -s KILL "$limit" sh -c 'mount -t tmpfs -o mode=1777 none /tmp; exec bash -c "$0"' "$command"
	) </dev/null >/tmp/output 2>&1 3<&-
	status=$?
	# All that is left of it.
	kill -9 -1
	wait 2>/dev/null
	for c in 1 2 3 4 5; do
		find /sys/fs/cgroup -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null && break
		sleep 1
	done
	rm -rf /mnt/work
	echo 0 >/proc/sys/vm/nr_hugepages
	results /tmp/output
	took=$(($(cut -d. -f1 /proc/uptime) - start))
	[ $took -lt "$limit" ] || status=timeout
	echo "others: end $name $status $took"
done 3<"$(dirname "$0")/list" 2>/dev/null
# Else what XFS writes later finds no disk any more, and complains.
mount -o remount,ro /
echo "others: done"
