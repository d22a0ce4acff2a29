#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# tree.sh: a source tree of a base: vanilla, with its series, or with the
# first N patches of the series (to bisect). A base that today's compiler can't
# build has a toolchain.diff, which each of these has.
# Usage: [KSRC=/path] scripts/tree.sh BASE vanilla|patched|upto:N
# Prints the path of the tree, which is in the cache; don't modify it.
# A patch that doesn't apply without fuzz is an error that names it.
set -eu
. "$(dirname "$0")/lib.sh"
load_base "${1:-}"
what=${2:-}
series=$top/patches/$base/series
case $what in
vanilla) n=0 ;;
patched) n=all ;;
upto:*[!0-9]* | upto:) die "'$what' is not upto:N, N being a number of patches" ;;
upto:*) n=${what#upto:} ;;
*) die "the tree is vanilla, patched or upto:N, not '$what'" ;;
esac

patches=
[ ! -f "$top/patches/$base/toolchain.diff" ] || patches=toolchain.diff
if [ "$n" != 0 ]; then
	[ -f "$series" ] || die "patches/$base/series is missing"
	patches="$patches $(awk -v n="$n" '!/^[ \t]*(#|$)/ && (n == "all" || ++i <= n) { print $1 }' "$series")"
	for p in $patches; do
		[ -f "$top/patches/$base/$p" ] || die "patches/$base/series names $p, which isn't there"
	done
fi

# Patch replaces a file by a new one, so the vanilla files, which are hard
# links to the same data, don't change; what it fails to replace so is not
# writable, so it would be an error, not a change.
apply() {
	need_disk "$cache" 500
	stage "applying $(echo $patches | wc -w) patches to ${source##*/}"
	quietly cp -al "$source" "$1"
	for p in $patches; do
		log=$(patch -d "$1" -p1 --fuzz=0 --forward --no-backup-if-mismatch \
			--reject-file=- <"$top/patches/$base/$p" 2>&1) || {
			file=$(echo "$log" | awk '
				/^(checking|patching) file / { f = $3 }
				/can.t find file to patch/ { f = "a file that is not in the tree"; print f; exit }
				/FAILED|hunks? ignored|previously applied/ { print f; exit }')
			die "$p does not apply to Linux $(kernel_version "$source"): it fails at ${file:-$(echo "$log" | tail -n 1)}"
		}
	done
}

source=$("$top/scripts/fetch.sh" "$base")
if [ -z "${patches# }" ]; then
	echo "$source"
	exit
fi
key=$( { echo "${source##*/}"; for p in $patches; do cat "$top/patches/$base/$p"; done; } | hash)
out=$cache/tree/$base-$key
publish "$out" apply
echo "$out"
