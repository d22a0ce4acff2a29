#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# image.sh: the guest's initramfs: init, a static busybox, the selftests.
# Usage: [KSRC=/path] scripts/image.sh BASE
# Prints the path of the .cpio (not compressed, which old kernels may need);
# The file tests, beside it, lists the selftests.
set -eu
. "$(dirname "$0")/lib.sh"
load_base "${1:-}"
need_cmd gcc cpio /var/lib/dpkg/info/busybox-static.list /usr/include/stdio.h
busybox=$(command -v busybox)
# A kernel that has no kselftest.h yet takes another's.
[ -z "$base_tools" ] || { KSRC= && load_base "$base_tools"; }
tree=$("$top/scripts/fetch.sh" "$base")
inc=$tree/tools/testing/selftests

image() {
	scratch_dir
	root=$scratch/root
	log=$scratch/log
	stage "building the guest image"
	need_disk "$cache" 100
	mkdir -p "$root/bin" "$root/root" "$root/etc" "$root/selftests" "$1"
	cp "$busybox" "$root/bin/busybox"
	for a in $("$busybox" --list); do
		[ "$a" = busybox ] || ln -s busybox "$root/bin/$a"
	done
	gcc -Wall -O2 -static -o "$root/init" "$top/qemu/init.c" >"$log" 2>&1 &&
	make -s -C "$top/selftests" bench OUTPUT="$scratch/tests" KSELFTEST_INC="$inc" >>"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		die "the programs of the guest do not build"
	}
	cp "$scratch"/tests/* "$root/selftests"
	install -m 755 "$top/qemu/selftests.sh" "$root/selftests/run.sh"
	sed -n 's/^PROGS *:*= *//p' "$top/selftests/Makefile" | tr -s ' ' '\n' >"$1/tests"
	cp "$1/tests" "$root/selftests/tests"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
	echo 'root:x:0:' >"$root/etc/group"
	find "$root" -exec touch -h -d @0 {} +
	(cd "$root" && find . | sort | cpio --quiet -o -H newc -R 0:0 --reproducible) >"$1/initramfs.cpio" ||
		die "can't write the guest image to $cache"
}

key=$( (cd "$top" && cat "$busybox" qemu/init.c qemu/selftests.sh scripts/image.sh \
	"$inc/kselftest.h" selftests/Makefile selftests/*.[ch]; gcc -v 2>&1) | hash)
out=$cache/image/$base-$key
publish "$out" image
echo "$out/initramfs.cpio"
