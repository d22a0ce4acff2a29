#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# stressng.sh: Debian's stress-ng for the guest, which has no libraries. Prints a
# folder for "run.sh -x". In the guest:
#
#	/x/lib/ld-linux-x86-64.so.2 --library-path /x/lib /x/stress-ng ARG...
set -eu
. "$(dirname "$0")/lib.sh"
need_cmd stress-ng
program=$(command -v stress-ng)
libs=$(ldd "$program" | awk '$2 == "=>" { print $3 } $1 ~ "^/" { print $1 }')

folder() {
	mkdir -p "$1/lib"
	cp -L "$program" "$1/stress-ng" && cp -L $libs "$1/lib" ||
		die "can't copy stress-ng and its libraries to $cache"
}

out=$cache/stress-ng/$(cat "$program" $libs | hash)
publish "$out" folder
echo "$out"
