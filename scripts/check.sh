#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check.sh BASE: all the tests of a base; what "make check" runs.
# STEPS='name...' runs only these, STEPS=full all there are, STEPS=list lists
# them. A step that fails doesn't stop the others. The last line is the sum of
# the KTAP results; exit status 1 if any failed. Logs: build/check/STEP.{log,err}
set -eu
. "$(dirname "$0")/lib.sh"
load_base "${1:-}"

# name | when | what must happen | command
#
# When: "always", or only with STEPS=full. What must happen: "pass", or
# "fail REGEX": it must fail, and for the reason that matches REGEX; these show
# that a red test is red. $run, $tests: see below. With SLAB, what is freed stays
# in arrays of each CPU for a while, so tests that count to the page are left out;
# alias is left out with lockdep: what 5.10 itself does with a cache in sysfs
# under slab_mutex is reported when a cache is destroyed after a write to "shrink".
steps() {
	cat <<'END'
host		| always | pass | scripts/hosttest.sh
hygiene		| always | pass | scripts/hygiene.sh $base
hang		| always | fail did not end within 8 seconds | $vanilla -t 8 -- sleep 1000
warn		| always | fail a kernel WARNING | $vanilla -- sh -c 'echo "WARNING: made up" >/dev/kmsg'
panic		| always | fail the kernel panicked | $vanilla -- sh -c 'echo c >/proc/sysrq-trigger'
reboot		| always | fail the guest ended before | $vanilla -- sh -c 'echo b >/proc/sysrq-trigger'
oom		| always | fail ran out of memory | $vanilla -m 64 -- sh -c 'head -c 1000000000 /dev/zero | tail'
cut		| always | fail cut short | $vanilla -- printf 'KTAP version 1\n1..2\nok 1 one\n'
status		| always | fail status 3 | $vanilla -- sh -c 'exit 3'
unpatched	| always | fail not ok | $vanilla -- $tests footprint
selftests	| always | pass | $patched -- $tests
v1		| always | pass | $patched -a lean.cgroup=1 -- $tests footprint reparent
v1-flat		| always | pass | $patched -a lean.cgroup=1 -- env MEMCG_SLAB_HIERARCHY=0 $tests footprint reparent
nodes-1		| always | pass | $patched -n 1 -- $tests footprint isolation
nodes-2		| always | pass | $patched -n 2 -- $tests footprint isolation
nodes-8		| always | pass | $patched -n 8 -- $tests footprint isolation
memless		| always | pass | $patched -n memless -- $tests footprint isolation
offline-node	| always | pass | $patched -n offline-node -- $tests footprint isolation
lockdep		| always | pass | $patched -f lockdep -- $tests footprint isolation reparent ids churn enomem
kasan		| full | pass | $patched -f kasan -m 512 -t 1800 -- $tests
fault		| full | pass | $patched -f fault -- $tests
merge		| always | pass | $patched -f merge -- $tests alias
slab		| full | pass | $patched -f slab -- $tests isolation reparent
nonuma		| full | pass | $patched -f nonuma -n 1 -- $tests
nokmem		| full | pass | $patched -f nokmem -- $tests
nomemcg		| full | pass | $patched -f nomemcg -- $tests
nokmem-boot	| full | pass | $patched -a cgroup.memory=nokmem -- $tests
END
}

table=$(steps | sed 's/[ \t]*|[ \t]*/|/g')
names=$(printf "%s\n" "$table" | cut -d'|' -f1)
case ${STEPS:-} in
'') names=$(printf "%s\n" "$table" | awk -F'|' '$2 == "always" { print $1 }') ;;
full) ;;
list)
	steps
	exit
	;;
*)
	for s in $STEPS; do
		echo "$names" | grep -qxF "$s" || die "no step '$s'; known: $(echo $names)"
	done
	names=$STEPS
	;;
esac

# What the commands of the table use.
export base
export run="scripts/run.sh -b $base"
export vanilla="$run -k vanilla -t 120"
export patched="$run -k patched -t 900"
export tests=/selftests/run.sh

cd "$top"
logs=$top/build/check
mkdir -p "$logs"
pass=0 fail=0 skip=0 failed=
total=$(echo "$names" | wc -w)
n=0
for name in $names; do
	n=$((n + 1))
	line=$(printf "%s\n" "$table" | grep "^$name|")
	want=$(printf "%s\n" "$line" | cut -d'|' -f3)
	command=$(printf "%s\n" "$line" | cut -d'|' -f4-)
	log=$logs/$name.log
	err=$logs/$name.err
	stage "step $n of $total: $name"
	rc=0
	spawn sh -c "$command" >"$log" 2>"$err" </dev/null || rc=$?
	set -- $(awk -f scripts/ktap.awk -f /dev/stdin "$log" <<-'END'
		{ ktap($0) }
		END { ktap_end(); print ktap_pass, ktap_fail, ktap_skip, ktap_why == "" ? 0 : 1 }
	END
	)
	case $want in
	pass)
		[ "$rc$4" = 00 ] || [ "$2" != 0 ] || set -- "$1" 1 "$3"
		[ "$1$2$3" != 000 ] || set -- 1 0 0	# a step without KTAP
		;;
	*)
		if [ "$rc" != 0 ] && grep -v '^\[' "$err" | grep -qE -- "${want#fail }"; then
			set -- 1 0 0
		else
			set -- 0 1 0
			say "$name had to fail with '${want#fail }' and ended with status $rc"
		fi
		;;
	esac
	pass=$((pass + $1)) fail=$((fail + $2)) skip=$((skip + $3))
	echo "$name: $1 passed, $2 failed, $3 skipped"
	[ "$3" = 0 ] || awk '
		/^[ #]*1\.\.0 # SKIP/ { sub(/.*# SKIP */, ""); why = ": " $0 }
		/^[ #]*ok .*# *SKIP/ { sub(/^[ #]*ok [0-9]+ */, ""); print "    skipped: " $0 why; why = "" }' "$log"
	if [ "$2" != 0 ]; then
		failed="$failed $name"
		grep -E '^ *not ok' "$log" | sed 's/^ */    /' || true
		grep -v '^\[' "$err" | tail -n 45 | sed 's/^/    /'
		echo "    logs: $log $err"
	fi
done
[ -z "$failed" ] || echo "failed:$failed"
echo "$pass passed, $fail failed, $skip skipped"
[ "$fail" = 0 ]
