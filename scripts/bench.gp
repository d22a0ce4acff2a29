# SPDX-License-Identifier: GPL-2.0
# bench.gp: instructions of each operation against cgroups and against mounts, and
# slab memory against cgroups, mounts and nodes, as three PNGs.
#
#	gnuplot -e "dir='RESULTS'; version='7.3.4'; ops='create unlink'" bench.gp
#
# RESULTS/cost.data: OPERATION CGROUPS MOUNTS BASE PATCHED FLOOR ...; slab.data: NODES
# CGROUPS MOUNTS BASE PATCHED FLOOR ..., in MB; "-": no figure.
set datafile missing "-"
set style line 1 lc rgb "#c0392b" lw 3 pt 7 ps 1.2
set style line 2 lc rgb "#1f6fb4" lw 3 pt 5 ps 1.2
set style line 3 lc rgb "#555555" lw 2 pt 9 ps 1.1 dt 2
set grid lc rgb "#cccccc" lw 0.7 dt 1
set border 3
set tics nomirror
set format y "%'.0f"

# the rows of FILE whose field FIELD is VALUE, and also B is C
rows(file, field, value, b, c) = sprintf("< awk '$%d == \"%s\" && $%d == \"%s\"' '%s/%s'", \
	field, value, b, c, dir, file)
# the greatest of a field
most(file, field) = system(sprintf("awk '$%d > m { m = $%d } END { print m + 0 }' '%s/%s'", \
	field, field, dir, file))

# scales are far apart: one step each
do for [axis = 2:3] {
	other = 5 - axis
	at = most("cost.data", other)
	what = axis == 2 ? "cgroups" : "mounts"
	set terminal pngcairo size 2000,1800 font "DejaVu Sans,17" linewidth 1.5
	set output sprintf("%s/cost-%s.png", dir, what)
	set multiplot layout 4,4 margins 0.06,0.98,0.05,0.9 spacing 0.055,0.085 \
		title sprintf("{/:Bold=26 Linux %s: instructions of an operation}\n{/=20 by number of %s, with %s %s}", version, what, at, axis == 2 ? "mounts" : "cgroups")
	set xlabel what
	set offsets 0.2,0.2,0,0
	set yrange [0:*]
	set key bottom right reverse Left samplen 2
	do for [op in ops] {
		set title op noenhanced
		f = rows("cost.data", 1, op, other, at)
		plot f using 0:4:xtic(axis) with linespoints ls 1 title "base", \
		     f using 0:5 with linespoints ls 2 title "patched", \
		     f using 0:6 with linespoints ls 3 title "floor"
		set key off
	}
	unset multiplot
}

set terminal pngcairo size 2000,860 font "DejaVu Sans,17" linewidth 1.5
set output dir . "/memory.png"
set multiplot layout 1,3 margins 0.06,0.98,0.12,0.84 spacing 0.06,0.1 \
	title sprintf("{/:Bold=26 Linux %s: growth of slab memory, MB}", version)
set offsets 0,0,0,0
set key top left reverse Left samplen 2
# the greatest field among the rows of so many nodes
of(nodes, field) = system(sprintf("awk '$1 == %d && $%d > m { m = $%d } END { print m + 0 }' '%s/slab.data'", \
	nodes, field, field, dir))
cgroups = of(4, 2)
mounts = of(4, 3)
array file[3] = [rows("slab.data", 1, "4", 3, mounts), rows("slab.data", 1, "4", 2, cgroups), \
	rows("slab.data", 2, of(1, 2), 3, of(1, 3))]
array name[3] = ["cgroups", "mounts", "nodes"]
array with[3] = [mounts . " mounts, 4 nodes", cgroups . " cgroups, 4 nodes", \
	of(1, 2) . " cgroups, " . of(1, 3) . " mounts"]
array field[3] = [2, 3, 1]
do for [i = 1:3] {
	set title with[i]
	set xlabel name[i]
	plot file[i] using field[i]:4 smooth unique with linespoints ls 1 title "base", \
	     file[i] using field[i]:5 smooth unique with linespoints ls 2 title "patched", \
	     file[i] using field[i]:6 smooth unique with linespoints ls 3 title "floor"
	set key off
}
unset multiplot
