# SPDX-License-Identifier: GPL-2.0
# compare.sh: base, patched and floor in the same guest, one after the other. To be
# sourced after lib.sh, with load_base done; uses $base, $programs and $results.
#
# kernels		the columns of a table, one a line: column, kernel, and what its
#			command line gets. The floor keeps no per-cgroup metadata at all.
# prepare		source, kernels, image, and an empty $results; sets $version
# measure		each line of $programs on each kernel. A line: metrics, program,
#			its arguments with commas, nodes, MB a node, seconds, options
#			of run.sh. The logs: $results/COLUMN.METRICS.log
# step TEXT		stage(), and which step of how many
# tables LIMITS TITLE [VAR=VALUE...]	$results/table.{txt,md} by report.awk, which gets
#			the variables; 1 if the patched kernel misses a limit

kernels="base vanilla
patched patched
floor vanilla cgroup.memory=nokmem"

_step=0
step()
{
	_step=$((_step + 1))
	stage "stage $_step of $((4 + $(echo "$kernels" | wc -l) * $(echo "$programs" | wc -l) + 1)): $*"
}

prepare()
{
	only_one "$results/.lock" "$results"
	step "source"
	tree=$("$top/scripts/fetch.sh" "$base")
	version=$(kernel_version "$tree")
	step "building Linux $version"
	"$top/scripts/build.sh" "$base" vanilla plain >/dev/null
	step "building it with the series"
	"$top/scripts/build.sh" "$base" patched plain >/dev/null
	step "guest image"
	"$top/scripts/image.sh" "$base" >/dev/null
	rm -f "$results"/*.log "$results"/*.console "$results"/*.curve "$results"/table.* \
		"$results"/*.data "$results"/*.png
}

# _measure COLUMN KERNEL METRICS PROGRAM ARGS NODES MB TIMEOUT CMDLINE [OPTION]
_measure()
{
	_args=$(echo "$5" | tr ',-' '  ')
	step "$3: load_$4 on the $1 kernel"
	# shellcheck disable=SC2086
	spawn "$top/scripts/run.sh" -b "$base" -k "$2" -f plain -n "$6" -m "$7" \
		-t "$8" -a "$9" ${10:-} -o "$results/$1.$3.log" -- \
		"/selftests/load_$4" $_args >"$results/out" </dev/null || {
		tail -n 15 "$results/out" >&2
		die "load_$4 failed on the $1 kernel; the log is $results/$1.$3.log"
	}
	rm -f "$results/out"
}

# One guest at a time: what is compared must not share the processors.
measure()
{
	while read -r metrics program args topology size timeout option; do
		while read -r column kernel cmdline; do
			_measure "$column" "$kernel" "$metrics" "$program" "$args" \
				"$topology" "$size" "$timeout" "$cmdline" "$option"
		done <<-EOK
		$kernels
		EOK
	done <<-EOP
	$programs
	EOP
}

# report FORMAT LIMITS [VAR=VALUE...]: report.awk, with all the logs
report()
{
	_format=$1
	_limits=$2
	shift 2
	while read -r column kernel cmdline; do
		set -- "$@" "col=$column" "$results/$column".*.log
	done <<-EOK
	$kernels
	EOK
	awk -v format="$_format" -f "$top/scripts/report.awk" "$_limits" "$@"
}

tables()
{
	_limits=$1
	_title=$2
	_missed=0
	shift 2
	for _format in txt md; do
		{ echo "$_title"; echo; } >"$results/table.$_format"
		report $_format "$_limits" "$@" >>"$results/table.$_format" || _missed=1
	done
	return $_missed
}
