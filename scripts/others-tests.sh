#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# others-tests.sh: somebody else's tests for the guests of others.sh: selftests of
# the base's tree and Debian's stress-ng, with bash and their libraries. (xfstests
# and LTP are in no Debian suite.)
# Usage: [KSRC=/path] scripts/others-tests.sh BASE
# Prints a folder for "run.sh -x", which also has
#	list	the tests, as qemu/others.sh wants them
#	unbuilt	what did not build here, or is not there
set -eu
. "$(dirname "$0")/lib.sh"
load_base "${1:-}"
[ -z "$base_tools" ] || die "Linux $base has selftests that need another kernel's tools; others.sh is for bases that have none of that"
need_cmd gcc make rsync bash /usr/include/sys/capability.h /usr/include/numa.h /usr/include/popt.h /usr/include/liburing.h

# guest, seconds for a test, memory of its cgroup, folders of selftests. What a
# tree does not have is left out. A guest runs its tests one after the other.
collections() {
	cat <<-'END'
	cgroup 180 - cgroup
	mm 420 max mm vm memfd mincore cachestat
	fs 120 max filesystems filesystems/* mount mount_setattr move_mount_set_group openat2 nsfs namespaces pid_namespace proc tmpfs mqueue
	hotplug 120 max cpu-hotplug memory-hotplug
	END
}

# The stressors of these classes and these of others, two of each for a second. In
# 192 MB they have to reclaim.
classes="filesystem memory vm io"
more="chroot clone close cpu-online daemon epoll exec fifo fork key loop memhotplug mq msg pidfd ptrace pty quota ramfs seal sem-sysv sendfile session sock sockfd sockmany sockpair spawn splice sysfs tee timerfd udp umount unshare vfork zombie"
stress_seconds=60
stress_memory=192M
# Without those that only compute.
computing="atomic bsearch heapsort hsearch judy list lockbus lsearch matrix matrix-3d mcontend memcpy memrate memthrash mergesort misaligned prefetch qsort radixsort randlist shellsort skiplist sparsematrix str stream tree tsearch wcs zlib"

list() {
	collections | while read -r guest limit memory names; do
		# shellcheck disable=SC2086
		(cd "$selftests" && ls -d $names 2>/dev/null) | while read -r c; do
			[ -f "$selftests/$c/Makefile" ] || continue
			sed -n "s,^$c:,,p" "$1/tests/kselftest-list.txt" | while read -r t; do
				if [ -x "$1/tests/$c/$t" ]; then
					printf '%s\t%s\t%s\t%s\t%s\t%s\n' $guest $c/$t /x/tests/$c $limit $memory ./$t
				else
					echo "$c/$t" >>"$1/unbuilt"
				fi
			done
		done
	done
	{
		for c in $classes; do
			stress-ng --class "$c?" | sed "s/.*: *//"
		done
		echo $more
	} | tr -s ' ' '\n' | sort -u | grep -vxF "$(echo $computing | tr ' ' '\n')" |
	while read -r t; do
		printf 'stress\tstress-ng/%s\t/mnt/work\t%s\t%s\t/x/stress %s\n' $t $stress_seconds $stress_memory $t
	done
}

# stress-ng says "skipped" in many ways; 4 is what selftests say. A stressor it calls
# pathological can take no more than its guest.
stress() {
	cat <<-'END'
	#!/bin/bash
	/x/stress-ng --$1 2 --timeout 1 --verify --no-rand-seed --pathological --temp-path . 2>&1 | tee /tmp/said
	status=${PIPESTATUS[0]}
	[ $status = 3 ] || { [ $status = 0 ] && grep -q 'skipp\|not implemented' /tmp/said; } && exit 4
	exit $status
	END
}

folder() {
	scratch_dir
	need_disk "$cache" 1000
	stage "building the selftests of ${tree##*/}"
	src=$scratch/src
	mkdir -p "$1/bin"
	quietly cp -al "$tree" "$src"
	targets=$(collections | while read -r _ _ _ names; do
		(cd "$selftests" && for c in $names; do [ ! -f "$c/Makefile" ] || echo "$c"; done)
	done)
	make -s -C "$src" headers_install >"$1/log" 2>&1 ||
		die "make headers_install fails in Linux $(kernel_version "$tree")"
	# -i: what doesn't build must not keep the rest of its folder away
	make -i -C "$src/tools/testing/selftests" TARGETS="$(echo $targets)" \
		INSTALL_PATH="$1/tests" install >>"$1/log" 2>&1 || true
	[ -s "$1/tests/kselftest-list.txt" ] || {
		tail -n 15 "$1/log" >&2
		die "no selftest of Linux $(kernel_version "$tree") builds"
	}
	sed -n "s,^make.*$src/tools/testing/selftests/\([^]]*\)\] Error.*,\1,p" "$1/log" |
		sort -u >"$1/unbuilt"
	cp -r "$stressng/." "$1"
	cp "$(command -v bash)" "$1/bin"
	stress >"$1/stress"
	chmod +x "$1/stress"
	list "$1" >"$1/list"
	find "$1/tests" "$1/bin" -type f -perm -u+x -exec strip {} + 2>/dev/null || true
	find "$1/tests" "$1/bin" -type f -perm -u+x -exec ldd {} + 2>/dev/null |
		awk '$2 == "=>" && $3 ~ "^/" { print $3 } $1 ~ "^/lib.*[^:]$" { print $1 }' | sort -u |
		xargs cp -L -t "$1/lib" || die "can't copy the libraries of the tests to $cache"
}

stressng=$("$top/scripts/stressng.sh")
tree=$("$top/scripts/tree.sh" "$base" vanilla)
selftests=$tree/tools/testing/selftests
out=$cache/others/$base-$({ echo "${tree##*/}"; cat "$top/scripts/others-tests.sh"; echo "$stressng"; gcc -v; } 2>&1 | hash)
publish "$out" folder
echo "$out"
