#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# bisect.sh BASE [N...]: does the kernel boot and work after each patch of the
# series, so that a bisection may end at any? KTAP; status 1 if one does not. (That
# each compiles without a new warning is hygiene.sh's check "build".)
#
# Builds the kernel after each patch, or after the Nth ones, which takes minutes
# each, and runs in a guest: 20 cgroups with accounted kernel memory, one after the
# other, whose tasks mount, make files, list /sys, and go, with caches dropped.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/series.sh"
. "$(dirname "$0")/checks.sh"

load_base "${1:-}"
shift
total=$(series_list "$top/patches/$base" | wc -l)
for n; do
	case $n in
	'' | *[!0-9]*) die "'$n' is no number of a patch" ;;
	esac
	[ "$n" -le "$total" ] || die "patches/$base has $total patches, not $n"
done

smoke='
cg=/sys/fs/cgroup
[ ! -d $cg/memory ] || cg=$cg/memory
i=0
while [ $i -lt 20 ]; do
	i=$((i + 1))
	mkdir $cg/c$i || exit 1
	[ ! -f $cg/c$i/memory.kmem.limit_in_bytes ] || echo 1000000000 >$cg/c$i/memory.kmem.limit_in_bytes
	sh -c "echo \$\$ >$cg/c$i/cgroup.procs && mkdir -p /tmp/m$i && mount -t tmpfs none /tmp/m$i &&
		for f in 1 2 3 4 5 6 7 8 9; do echo x >/tmp/m$i/\$f; done && find /sys >/dev/null" || exit 1
	[ $((i % 2)) = 0 ] || umount /tmp/m$i || exit 1
	[ $((i % 4)) != 0 ] || echo 2 >/proc/sys/vm/drop_caches
	rmdir $cg/c$i || exit 1
	umount /tmp/m$i 2>/dev/null
done
echo 3 >/proc/sys/vm/drop_caches
sleep 1'

[ $# -gt 0 ] || set -- $(seq 1 "$total")
for n; do
	eval "check_$n() { stage \"after patch $n of $total\" 2>&3; \"$top/scripts/run.sh\" -b $base -k upto:$n -f smoke -t 120 -- sh -c \"\$smoke\" 2>&3; }"
done
ktap_run "$@"
