#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# demo.sh [BASE]: the before/after table and picture of a base (default 5.10).
# Builds the base and the patched kernel, runs those of load_report, load_pods,
# load_cost and load_destroy that patches/BASE/limits has rows of on both, and on
# the base with cgroup.memory=nokmem (the floor), one after the other on the same
# 4-node guest.
#
#	SCALE=full|1/2|1/4|1/16|small	default: the largest that the host's
#					free memory takes
#	RESULTS=DIR			default: build/results
#
# The table goes to stdout and, as text and markdown, to RESULTS/table.{txt,md};
# the logs to RESULTS/COLUMN.METRICS.log (compare.sh); the picture to build/demo.png.
# Status 1 if a run fails or the patched kernel misses a limit (patches/BASE/limits).
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/compare.sh"

# scale, cgroups, mounts, MB a node, pods, many pods, minutes of guests without KVM
scales="full 12287 952 2560 500 2000 20
1/2 6143 952 1408 500 1000 13
1/4 3071 952 896 500 1000 10
1/16 767 952 512 500 1000 8
small 383 100 256 100 200 4"

nodes=4
guest_extra=300		# MB that QEMU itself takes
results=${RESULTS:-$top/build/results}
png=$top/build/demo.png

load_base "${1:-5.10}"
limits=$top/patches/$base/limits
[ -f "$limits" ] || die "patches/$base/limits is missing, so there is nothing to compare"
need_cmd gnuplot awk

# field SCALE N: a field of the scale's row
field()
{
	echo "$scales" | awk -v s="$1" -v n="$2" '$1 == s { print $n }'
}

need_of()
{
	echo $((nodes * $(field "$1" 4) + guest_extra))
}

names=$(echo "$scales" | awk '{ printf "%s ", $1 }')
if [ -n "${SCALE:-}" ]; then
	scale=$SCALE
	[ -n "$(field "$scale" 1)" ] || die "no SCALE=$scale; known: $names"
	need_mem "$(need_of "$scale")"
else
	for scale in $names; do
		[ "$(free_mem)" -lt "$(need_of "$scale")" ] || break
	done
	need_mem "$(need_of "$scale")"
	[ "$scale" = full ] ||
		say "scale $scale: the full scale needs $(need_of full) MB of memory and $(free_mem) MB are free"
fi
cgroups=$(field "$scale" 2)
mounts=$(field "$scale" 3)
mb=$(field "$scale" 4)
pods=$(field "$scale" 5)
many=$(field "$scale" 6)
crowd=$cgroups
[ "$crowd" -le 10000 ] || crowd=10000
say "scale $scale: $cgroups cgroups, $mounts mounts, $nodes nodes of $mb MB. Two cores without KVM take about $(field "$scale" 7) minutes for the guests; before that, 12 minutes at most to fetch and build what is not in $cache"

# Those whose metrics are in no row of the table are not run.
programs=$(while read -r metrics rest; do
	! grep -q "^$metrics\." "$limits" || echo "$metrics $rest"
done <<END
report report $cgroups,$mounts $nodes $mb 1200
pods pods $pods $nodes $mb 600
manypods pods $many,3,5,manypods $nodes $mb 900
cost cost 20000,3,$crowd $nodes $mb 900 -i
destroy destroy 40 $nodes 256 300 -a slab_merge
END
)

prepare
rm -f "$png"
measure

step "table and picture"
while read -r column kernel cmdline; do
	sed -n 's/^[# ]*metric report\.curve\.\([0-9]*\) \(-\{0,1\}[0-9.]*\) .*/\1 \2/p' \
		"$results/$column.report.log" >"$results/$column.curve"
done <<EOK
$kernels
EOK
commas=$(echo "$cgroups" | sed 's/\([0-9]\)\([0-9]\{3\}\)$/\1,\2/')
title="Linux $version, $commas cgroups, $mounts mounts, $nodes nodes; $pods pods"
! grep -q ^manypods "$limits" || title="$title, and $many"
missed=
tables "$limits" "$title" || missed=1
gnuplot -e "dir='$results'; png='$png'; version='$version'; cgroups='$commas'; nodes='$nodes'" \
	"$top/scripts/plot.gp" || die "gnuplot can't draw $png"
cat "$results/table.txt"
say "picture: $png; logs and tables: $results"
[ -z "$missed" ] || die "the patched kernel misses a limit, or a figure is missing"
