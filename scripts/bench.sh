#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# bench.sh [BASE]: what operations cost, in instructions, at growing numbers of
# cgroups and mounts, and the slab memory that these take, also at growing numbers
# of nodes. By load_bench, on the base and the patched kernel, and on the base
# with cgroup.memory=nokmem (the floor).
#
#	SCALE=full|small	default: full, if the host has the memory
#	BENCH=DIR		the results, default: build/bench
#
# Results: table.{txt,md}; cost-cgroups.png, cost-mounts.png, memory.png; the logs.
# Status 1 if a run fails, or an operation costs the patched kernel more than the
# base and what the table below allows, at any scale; each is named.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/compare.sh"

# What the patched kernel may cost, in percent of the base. Two runs of one kernel
# differ by 0.1 %, in umount and cgroup rmdir, most of which is done later, by 0.5 %.
#
# operation | percent | label | why more than 101
ops="create | 101 | create
unlink | 101 | unlink
stat_hit | 101 | stat, there
stat_miss | 101 | stat, not there
readdir | 101 | readdir, an entry
mount | 101 | mount
umount | 101 | umount
cgroup_mkdir | 104 | cgroup mkdir | how long per-CPU memory is looked for is chance: -6 to +3 % on 5.10
cgroup_first | 101 | cgroup, first file
cgroup_rmdir | 101 | cgroup rmdir
memcg_reclaim | 101 | memcg reclaim, a dentry
drop_caches | 101 | drop_caches
page_cache | 101 | page cache, a page"

# Bytes of slab that a mount may take more than on the floor: slabs that aren't full.
slack=4096

# scale | metrics, program, cgroups and mounts, nodes, MB a node, seconds. Those with
# "cgroups" or "mounts" tell how slab grows, first with these, then with the others. At
# the scale of the report, 12,287 cgroups and 952 mounts, the slope was first seen.
guests="full | cost bench 0:100:10000,1:100:1000 4 1536 3000
full | by-mounts bench 0:3071:6143:12287,1:238:476:952,cgroups 4 2560 2400
full | by-cgroups bench 0:3071:6143:12287,1:238:476:952,mounts 4 2560 2400
full | nodes-1 bench 0:4000,1:400,cgroups 1 768 900
full | nodes-2 bench 0:4000,1:400,cgroups 2 512 900
full | nodes-4 bench 0:4000,1:400,cgroups 4 512 900
full | nodes-8 bench 0:4000,1:400,cgroups 8 384 900
small | cost bench 0:100:1000,1:100 4 512 1800
small | by-mounts bench 0:250:500,1:50:100,cgroups 4 256 600
small | by-cgroups bench 0:250:500,1:50:100,mounts 4 256 600
small | nodes-1 bench 0:500,1:100,cgroups 1 256 600
small | nodes-2 bench 0:500,1:100,cgroups 2 256 600
small | nodes-8 bench 0:500,1:100,cgroups 8 256 600"

# A fork differs by 2 % from one boot to the next if maps are anywhere.
options="-i -a norandmaps"

load_base "${1:-5.10}"
results=${BENCH:-$top/build/bench}
need_cmd gnuplot awk
need_cgroup2 load_bench

# programs_of SCALE: its lines, with the options; need_of SCALE: the MB they take
programs_of()
{
	echo "$guests" | sed -n "s;^$1 | \(.*\);\1 $options;p"
}

need_of()
{
	programs_of "$1" | awk '$4 * $5 > m { m = $4 * $5 } END { print m + 300 }'
}

scale=${SCALE:-full}
if [ -z "${SCALE:-}" ] && [ "$(free_mem)" -lt "$(need_of full)" ]; then
	scale=small
	say "scale small: the full scale needs $(need_of full) MB of memory and $(free_mem) MB are free"
fi
programs=$(programs_of "$scale")
[ -n "$programs" ] || die "no SCALE=$scale; known: $(echo "$guests" | cut -d' ' -f1 | uniq | tr '\n' ' ')"
need_mem "$(need_of "$scale")"

prepare
measure

# The rows of the table: NAME REF FACTOR OFFSET UNIT LABEL, see report.awk.
step "tables and pictures"
{ echo "$ops" | sed 's/ *| */|/g'; echo "$programs"; } | awk -F'|' -v slack="$slack" '
NF > 1 {
	name[++n] = $1
	factor[n] = $2 / 100
	label[n] = $3
	next
}
{
	split($0, f, " ")
	split(f[3], arg, ",")
	nc = split(arg[1], c, ":")
	nm = split(arg[2], m, ":")
}
arg[3] == "" {
	for (o = 1; o <= n; o++)
		for (i = 1; i <= nc; i++)
			for (j = 1; j <= nm; j++)
				print "bench." name[o] "." c[i] "." m[j], "base", factor[o], 0, "insn",
					label[o] ": " c[i] " cgroups, " m[j] " mounts"
	next
}
function slab(i, j) {
	print "bench.slab." f[4] "." c[i] "." m[j], "-", 0, 0, "MB",
		"slab: " c[i] " cgroups, " m[j] " mounts, " f[4] " nodes"
}
arg[3] == "cgroups" {
	for (i = 2; i <= nc; i++)
		slab(i, 1)
	for (j = 2; j <= nm; j++) {
		slab(nc, j)
		print "bench.slope." f[4] "." c[nc] "." m[j], "floor", 1,
			sprintf("%.3g", slack / c[nc] / f[4]),
			"B", "slope: " c[nc] " x " m[j] " x " f[4]
	}
}
arg[3] == "mounts" {
	for (j = 2; j <= nm; j++)
		slab(1, j)
	for (i = 2; i < nc; i++)
		slab(i, nm)
}' >"$results/limits.data"
missed=
tables "$results/limits.data" "Linux $version, scale $scale; instructions, and slab" ratio=1 || missed=1
report data "$results/limits.data" >"$results/table.data" || true

sed -n '/^bench\.sl[ao][bp]/d; s/^bench\.\([a-z_]*\)\.\([0-9]*\)\.\([0-9]*\) /\1 \2 \3 /p' \
	"$results/table.data" >"$results/cost.data"
sed -n 's/^bench\.slab\.\([0-9]*\)\.\([0-9]*\)\.\([0-9]*\) /\1 \2 \3 /p' \
	"$results/table.data" >"$results/slab.data"
names=$(echo "$ops" | cut -d' ' -f1 | tr '\n' ' ')
gnuplot -e "dir='$results'; version='$version'; ops='$names'" "$top/scripts/bench.gp" ||
	die "gnuplot can't draw in $results"
cat "$results/table.txt"
say "pictures, logs and tables: $results"
[ -z "$missed" ] || die "beyond what the table allows, or without a figure: $(awk '
	$5 == "MISSED" || $5 == "NO" { sub(/^bench\./, "", $1); printf "%s%s", sep, $1; sep = ", " }' "$results/table.data")"
