#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kselftest.sh BASE [vanilla|patched]: the selftests the in-tree way. Copies
# selftests/ into a scratch copy of the kernel tree as
# tools/testing/selftests/memcg_slab with its TARGETS line, installs them with
# `make -C tools/testing/selftests TARGETS=memcg_slab install`, and runs the
# installed run_kselftest.sh in a 4-node guest of the kernel of that tree.
#
#	NODES=4 MB=512		nodes, MB a node
#	FLAVOUR=plain		a file of kconfig/; what this kernel lacks is skipped
#	APPEND=			the command line, instead of what check.sh gives
#	TIMEOUT=1800		seconds
#	INSTALL_PATH=DIR	only install there (a new folder), run nothing
#
# Prints the KTAP of the run. Status 1 if a test fails or does not end.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/series.sh"

load_base "${1:-}"
[ -z "$base_tools" ] || die "Linux $base has no kselftest framework that these tests could use; run them with make run or make check"
what=${2:-patched}
tree=$("$top/scripts/tree.sh" "$base" "$what")
need_cmd make gcc rsync
scratch_dir
need_disk "$cache" 1000

stage "selftests into a copy of ${tree##*/}"
src=$scratch/src
install=${INSTALL_PATH:-$scratch/install}
case $install in
/*) ;;
*) install=$PWD/$install ;;
esac
cp -al "$tree" "$src"
add_selftests "$src"
# Static, since the guest has no libraries.
if ! make -C "$src/$selftest_dir" TARGETS=memcg_slab LDFLAGS=-static \
	INSTALL_PATH="$install" install >"$scratch/log" 2>&1 ||
   ! [ -x "$install/run_kselftest.sh" ]; then
	tail -n 15 "$scratch/log" >&2
	die "make TARGETS=memcg_slab install fails in tools/testing/selftests of Linux $(kernel_version "$tree")"
fi
if [ -n "${INSTALL_PATH:-}" ]; then
	say "installed in $install; run ./run_kselftest.sh there, as root"
	exit
fi

stage "run_kselftest.sh in the guest"
# -o keeps what run_kselftest.sh prints; the runner wants a /dev/stdout, and the
# tests their modules beside them.
spawn "$top/scripts/run.sh" -b "$base" -k "$what" -f "${FLAVOUR:-plain}" -n "${NODES:-4}" \
	-a "${APPEND:-$base_check_append}" -m "${MB:-512}" -t "${TIMEOUT:-1800}" -x "$install" -o "$scratch/run.log" -- \
	/bin/sh -c '[ -e /dev/stdout ] || ln -s /proc/self/fd/1 /dev/stdout; for m in /selftests/*.ko; do [ ! -e "$m" ] || cp "$m" /x/memcg_slab; done; cd /x && ./run_kselftest.sh' </dev/null
# run.sh judges the results; here, that there are any.
grep -q "^1\.\.[1-9]" "$scratch/run.log" || die "run_kselftest.sh ran no test"
