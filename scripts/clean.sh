#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# clean.sh [all]: remove build/ of the checkout; with "all" the cache as well.
# Only what these scripts made is removed: a cache folder without our mark stays.
set -eu
. "$(dirname "$0")/lib.sh"
rm -rf "$top/build"
[ "${1:-}" = all ] && [ -d "$cache" ] || exit 0
[ -f "$cache/.lean-memcg" ] || die "$cache is not a cache of ours, so it stays"
for d in accel build ccache disks-1 disks-2 failed image lock others source stress-ng tmp tree; do
	rm -rf "${cache:?}/$d"
done
rm -f "$cache/.lean-memcg"
rmdir "$cache" 2>/dev/null || say "$cache has files that aren't ours, which stay"
