# SPDX-License-Identifier: GPL-2.0
# plot.gp: slab by number of mounts, as a PNG of two panels: MB, and MB on a
# logarithmic scale, where the floor can be seen.
#
#	gnuplot -e "dir='RESULTS'; png='OUT.png'; version='5.10.262';
#		cgroups='12,287'; nodes='4'" plot.gp
#
# RESULTS/{base,patched,floor}.curve: "mounts MB" a line.
set terminal pngcairo size 1600,860 font "DejaVu Sans,20" linewidth 2
set output png
set multiplot layout 1,2 margins 0.085,0.97,0.12,0.86 spacing 0.11,0.1 \
	title sprintf("{/:Bold=26 Linux %s: slab memory that mounts cost}\n{/=20 tmpfs mounts on a host with %s memory cgroups and %s NUMA nodes}", version, cgroups, nodes)
set style line 1 lc rgb "#c0392b" lw 3 pt 7 ps 1.2
set style line 2 lc rgb "#1f6fb4" lw 3 pt 5 ps 1.2
set style line 3 lc rgb "#555555" lw 2 pt 9 ps 1.1 dt 2
set xlabel "mounts"
set ylabel "slab growth in MB" offset -0.5
set grid lc rgb "#cccccc" lw 0.7 dt 1
set border 3
set tics nomirror
set format y "%'.0f"
set key off
file(k) = dir . "/" . k . ".curve"
stats file("base") using 1:2 nooutput name "B"
stats file("patched") using 1:2 nooutput name "P"
stats file("floor") using 1:2 nooutput name "F"
top = B_max_y > P_max_y ? B_max_y : P_max_y
last = B_max_x
set xrange [0:last * 1.03]
step = last >= 500 ? 200 : last >= 100 ? 50 : 10
set xtics step
set label 1 sprintf("unpatched: %.0f MB", B_max_y) at graph 0.05,0.95 tc ls 1
set label 2 sprintf("patched: %.1f MB", P_max_y) at graph 0.05,0.88 tc ls 2
set label 3 sprintf("floor: %.1f MB", F_max_y) at graph 0.05,0.81 tc ls 3
set yrange [0:top * 1.05]
plot file("base") using 1:2 with linespoints ls 1, \
     file("patched") using 1:2 with linespoints ls 2, \
     file("floor") using 1:2 with linespoints ls 3
unset label
set key top left Left reverse samplen 2 spacing 1.15
set ylabel "slab growth in MB, log scale" offset 0.5
set logscale y
set yrange [0.1:top * 100]
set format y "%g"
# the first point is before any mount, and 0 has no logarithm
clip(x, v) = x > 0 ? (v > 0.1 ? v : 0.1) : NaN
plot file("base") using 1:(clip($1, $2)) with linespoints ls 1 title "unpatched", \
     file("patched") using 1:(clip($1, $2)) with linespoints ls 2 title "patched", \
     file("floor") using 1:(clip($1, $2)) with linespoints ls 3 title "floor: cgroup.memory=nokmem"
unset multiplot
