#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# stress.sh BASE [vanilla|patched]: all at once, for a long time: stress-ng's
# stressors in cgroups with limits, the other loads beside them, on 4 nodes.
# Ends with everything removed and objects of slab within 1 % of what they were.
#
#	MINUTES=10	of load; starting and ending what is loaded comes on top
#	SEED=1		the same seed, minutes and nodes, the same plan
#	FLAVOUR=wide	a file of kconfig/
#	NODES=4 MB=512	a topology, MB a node
#
# Prints the KTAP of the run, also in build/stress/, with the console.
set -eu
. "$(dirname "$0")/lib.sh"

load_base "${1:-}"
need_cgroup2 load_stress
kernel=${2:-patched}
minutes=${MINUTES:-10}
seed=${SEED:-1}
flavour=${FLAVOUR:-wide}
for v in "MINUTES $minutes" "SEED $seed"; do
	case ${v#* } in
	'' | *[!0-9]* | 0*) die "${v%% *} is a number from 1, not '${v#* }'" ;;
	esac
done
x=$("$top/scripts/stressng.sh")
logs=$top/build/stress
mkdir -p "$logs"

stage "$minutes minutes of load on Linux $base $kernel, flavour $flavour, seed $seed"
# A starved kernel that sees no timer tick panics: no_timer_check.
spawn "$top/scripts/run.sh" -b "$base" -k "$kernel" -f "$flavour" -n "${NODES:-4}" -m "${MB:-512}" \
	-a no_timer_check -t $((minutes * 240 + 1800)) -x "$x" -o "$logs/$base.$kernel.$flavour.log" -- \
	/selftests/load_stress "$minutes" "$seed" \
	/x/lib/ld-linux-x86-64.so.2 --library-path /x/lib /x/stress-ng
