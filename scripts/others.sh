#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# others.sh: somebody else's tests, with the same results on the base as on the
# patched kernel? These are the selftests of the base's tree and Debian's
# stress-ng that others-tests.sh lists. What both fail is listed; xfstests and LTP
# would be next, but no Debian suite has them.
# Usage: scripts/others.sh BASE [REGEX]
#	REGEX	only the tests whose name matches
#	FLAVOUR=wide	a file of kconfig/
#	PATCHED_APPEND=	more for the command line of the patched kernel alone, to
#			see this go red: cgroup.memory=nokmem
# A test that differs is run 3 times more on both: it is a difference if no result
# of the patched kernel is one of the base's, else it is unstable, and listed. What
# the patched kernel alone has on its console is a difference, once is enough.
# Prints KTAP, a line a test, and a summary. Status 1 if anything differs.
# build/others/BASE has SIDE.RUN.GUEST.N.log, .console beside it, and results.
set -eu
. "$(dirname "$0")/lib.sh"
load_base "${1:-}"
match=${2:-.}
flavour=${FLAVOUR:-wide}
again=3

tests=$("$top/scripts/others-tests.sh" "$base")
for k in vanilla patched; do
	"$top/scripts/build.sh" "$base" $k "$flavour" >/dev/null
done
out=$top/build/others/$base
only_one "$out.lock" "$out"
rm -rf "$out"
mkdir -p "$out" || die "can't write to $out"
results=$out/results
: >"$results"
scratch_dir
awk -F'\t' -v match_="$match" '$2 ~ match_' "$tests/list" >"$out/list"
[ -s "$out/list" ] || die "no test of Linux $base matches $match"

# guest SIDE RUN GUEST LIST: run the tests of LIST; whenever the guest dies, begin
# another one with what is left.
guest() {
	case $1 in
	base) kernel=vanilla append= ;;
	*) kernel=patched append=${PATCHED_APPEND:-} ;;
	esac
	x=$scratch/x
	left=$scratch/left
	cp "$4" "$left"
	n=0
	while [ -s "$left" ]; do
		n=$((n + 1))
		log=$out/$1.$2.$3.$n.log
		rm -rf "$x"
		quietly cp -al "$tests" "$x"
		cp "$left" "$x/list.new" && mv "$x/list.new" "$x/list"
		cp "$top/qemu/others.sh" "$x/run"
		stage "$1, run $2, $3: $(wc -l <"$left") tests"
		spawn "$top/scripts/run.sh" -b "$base" -k "$kernel" -f "$flavour" -n 4 -m 512 -t 7200 \
			-a "$append" -o "$log" -x "$x" -- /x/run >/dev/null 2>"$log.err" </dev/null || :
		grep -q '^others: begin ' "$log" || {
			cat "$log.err" >&2
			die "no test began on the $1 kernel"
		}
		awk -v list="^others: begin " -f "$top/scripts/ktap.awk" -f "$top/scripts/verdict.awk" "$log.console" "$log" >"$scratch/splats"
		awk -v side="$1" -v run="$2" -f "$top/scripts/others-read.awk" "$scratch/splats" "$log" >>"$results"
		awk -F'\t' '
		NR == FNR { if (sub(/^others: begin /, "")) last = $0; all = all || /^others: done/; next }
		!all && past { print }
		$2 == last { past = 1 }' "$log" "$left" >"$left.new"
		mv "$left.new" "$left"
	done
}

# both RUN LIST: the tests of LIST on both kernels, each kind in a guest of its own.
both() {
	for g in $(cut -f1 "$2" | awk '!seen[$0]++'); do
		awk -F'\t' -v g="$g" '$1 == g' "$2" >"$scratch/list"
		guest base "$1" "$g" "$scratch/list"
		guest patched "$1" "$g" "$scratch/list"
	done
}

compare() {
	awk -v mode="$1" -f "$top/scripts/others.awk" "$out/list" "$results"
}

both 1 "$out/list"
compare differing >"$scratch/again"
if [ -s "$scratch/again" ]; then
	say "run $again times more, since they differ:$(cut -f2 "$scratch/again" | tr '\n' ' ' | sed 's/^/ /')"
	for run in $(seq 2 $((again + 1))); do
		both "$run" "$scratch/again"
	done
fi
rc=0
compare verdict || rc=$?
sed 's/^/# not built or not there: /' "$tests/unbuilt"
echo "# logs: $out"
exit $rc
