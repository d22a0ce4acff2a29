#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check.sh BASE...: all the tests of these bases; what "make check" runs.
# STEPS='name...' runs only these, STEPS=full all there are (hours; that is "make
# check-long"), STEPS=list lists those of these bases. Without STEPS, none is begun
# that would end more than 58 minutes after the start if it took as long as the
# longest before it. What was left out is said. A step that fails does not stop the
# others. The last line is the sum of the KTAP results; exit status 1 if any failed.
# Logs: build/check/BASE.STEP.{log,err}, and of a guest BASE.STEP.guest{,.console}
set -eu
. "$(dirname "$0")/lib.sh"
bases=$*
[ -n "$bases" ] || die "say which bases: $(cd "$top/patches" && echo *)"
[ -z "${KSRC:-}" ] || [ $# = 1 ] || die "KSRC= is the tree of one base: say which by BASE=, or give each its own as KSRC_5_10="

# From nothing most of the time goes to compilers: what needs kernels of its own
# comes last.
budget=$((58 * 60)) longest=0

# name | when | bases | what must happen | command
#
# When: "always", "once" for what is not about the base, or "full": only with
# STEPS=full. Bases: "all" or some. What must happen: "pass", or
# "fail REGEX": it must fail, and for the reason that matches REGEX; these show
# that a red test is red. $run, $tests: see below. With SLAB, what is freed stays
# in arrays of each CPU for a while, so tests that count to the page are left out;
# alias and destroy are apart from the others where there is lockdep: what 5.10 itself
# does with a cache in sysfs under slab_mutex is reported when a cache is destroyed
# after a write to "shrink".
# The bases of 3.x fail tests, and then oops, and that of 7.3 may name a cache in sysfs
# after one that is still going, with a stack trace: "a test" or "a kernel".
# There what debugobjects allocates for a task stays charged to its cgroup.
steps() {
	cat <<'END'
host		| once | all | pass | scripts/hosttest.sh
hang		| once | 5.10 7.3 | fail did not end within 8 seconds | $vanilla -t 8 -- sleep 1000
warn		| once | 5.10 7.3 | fail a kernel WARNING | $vanilla -- sh -c 'echo "WARNING: made up" >/dev/kmsg'
panic		| once | 5.10 7.3 | fail the kernel panicked | $vanilla -- sh -c 'echo c >/proc/sysrq-trigger'
reboot		| once | 5.10 7.3 | fail the guest ended before | $vanilla -- sh -c 'echo b >/proc/sysrq-trigger'
oom		| once | 5.10 7.3 | fail ran out of memory | $vanilla -m 64 -- sh -c 'head -c 1000000000 /dev/zero | tail'
cut		| once | 5.10 7.3 | fail cut short | $vanilla -- printf 'KTAP version 1\n1..2\nok 1 one\n'
status		| once | 5.10 7.3 | fail status 3 | $vanilla -- sh -c 'exit 3'
unpatched	| always | 5.10 7.3 | fail not ok | $vanilla -- $tests footprint
selftests	| always | 5.10 7.3 | pass | $patched -- $tests
hygiene		| always | all | pass | scripts/hygiene.sh $base
v1		| always | 5.10 7.3 | pass | $patched -a lean.cgroup=1 -- $tests footprint reparent reclaim
nokmem-remount	| always | 5.10 7.3 | pass | $patched -a cgroup.memory=nokmem -- sh -c 'cd /sys/fs/cgroup && echo +memory >cgroup.subtree_control && mkdir a && mount -o remount /proc'
v1-flat		| always | 5.10 | pass | $patched -a lean.cgroup=1 -- env MEMCG_SLAB_HIERARCHY=0 $tests footprint reparent
nodes-1		| always | 5.10 7.3 | pass | $patched -n 1 -- $tests footprint isolation
nodes-2		| always | 5.10 7.3 | pass | $patched -n 2 -- $tests footprint isolation
nodes-8		| always | 5.10 7.3 | pass | $patched -n 8 -- $tests footprint isolation
memless		| always | 5.10 7.3 | pass | $patched -n memless -- $tests footprint isolation
offline-node	| always | 5.10 7.3 | pass | $patched -n offline-node -- $tests footprint isolation
destroy		| always | 7.3 | pass | $patched -a slab_merge -- $tests alias destroy
destroy-unpatched | always | 7.3 | fail guest: a [kt]e | $vanilla -a slab_merge -- $tests destroy
kmemcg		| always | 3.15 3.19 | pass | $patched -- $tests
kmemcg-unpatched | always | 3.15 3.19 | fail guest: a [kt]e | $vanilla -- $tests kmemcg
lockdep		| always | 5.10 7.3 | pass | $patched -f lockdep $failing -- $tests footprint isolation reparent reclaim folios ids churn enomem
killed		| always | 7.3 | pass | $patched -f lockdep -x qemu -- sh /x/killed.sh
destroy-lockdep	| always | 7.3 | pass | $patched -f lockdep -a slab_merge -- $tests destroy
kmemcg-lockdep	| always | 3.15 3.19 | pass | $patched -f lockdep -a no_debug_objects -- $tests kmemcg alias
merge		| always | 5.10 | pass | $patched -f merge -- $tests alias destroy
destroy-kasan	| full | 7.3 | pass | $patched -f kasan -m 512 -a slab_merge -- $tests destroy
destroy-kcsan	| full | 7.3 | pass | $patched -f kcsan -m 512 -a slab_merge -- $tests destroy
destroy-tiny	| full | 7.3 | pass | $patched -f tiny -a slab_merge -- $tests destroy
kmemcg-nodes	| full | 3.15 3.19 | pass | $patched -n 8 -- $tests kmemcg
slab		| full | 5.10 | pass | $patched -f slab -- $tests isolation reparent
nonuma		| full | 5.10 7.3 | pass | $patched -f nonuma -n 1 -- $tests
nokmem		| full | 5.10 | pass | $patched -f nokmem -- $tests
nomemcg		| full | 5.10 7.3 | pass | $patched -f nomemcg -- $tests
nokmem-boot	| full | 5.10 7.3 | pass | $patched -a cgroup.memory=nokmem -- $tests
cocci		| full | 5.10 7.3 | pass | scripts/hygiene.sh $base cocci
bisect		| full | all | pass | scripts/bisect.sh $base
bench		| full | 5.10 7.3 | pass | scripts/bench.sh $base
stress		| full | 5.10 7.3 | pass | env MINUTES=10 scripts/stress.sh $base
others		| full | 5.10 7.3 | pass | scripts/others.sh $base
kselftest	| full | 5.10 7.3 | pass | scripts/kselftest.sh $base
mounts		| full | 5.10 7.3 | pass | $patched -f wide -m 512 -- env MEMCG_SLAB_XFS=/dev/vdb $tests mounts
hotplug		| full | 5.10 7.3 | pass | $patched -f hotplug -n hotplug -- $tests hotplug
finds-use-after-free | full | 5.10 7.3 | fail a KASAN report | $patched -f kasan $bug=use-after-free
finds-leak	| full | 5.10 7.3 | fail kmemleak found a leak | $patched -f kasan $leaks $bug=leak
finds-lock-order | full | 5.10 7.3 | fail a lockdep report | $patched -f lockdep $bug=lock-order
finds-atomic-sleep | full | 5.10 7.3 | fail sleeping in atomic context | $patched -f lockdep $bug=atomic-sleep
finds-list-corruption | full | 5.10 7.3 | fail list_del corruption | $patched -f lockdep $bug=list-corruption
finds-data-race	| full | 5.10 7.3 | fail a KCSAN report | $patched -f kcsan $bug=data-race
END
	# The whole suite on each debug kernel, on each topology: MB of a node, topology.
	# With lockdep, alias and destroy have a guest of their own, see above.
	while IFS='|' read -r f tests more; do
		while read -r mb n; do
			echo "$f-$n | full | 5.10 7.3 | pass | \$patched -f ${f%-caches} -n $n -m $mb -t 3600 $more -- sh -c \"\$tests -t 1800 $tests\""
		done <<-'END'
			512 4
			2048 1
			1024 2
			512 8
			512 cpuless
			512 offline-node
		END
	done <<-'END'
		fault||$failing
		lockdep|\$(grep -vx -e alias -e destroy /selftests/tests)|$failing
		lockdep-caches|alias destroy|
		kasan||$failing $leaks
		kcsan||$failing
	END
}

table=$(steps | sed 's/[ \t]*|[ \t]*/|/g')
names=$(printf "%s\n" "$table" | cut -d'|' -f1)
# Is a line of the table about base b?
about='function about(b) { return $3 == "all" || index(" " $3 " ", " " b " ") }'
ours=$(printf "%s\n" "$table" | awk -F'|' -v bases="$bases" "$about"'{
	n = split(bases, base, " ")
	for (i = 1; i <= n && !about(base[i]); i++)
		;
	if (i <= n)
		print
}')
case ${STEPS:-} in
'' | full) ;;
list)
	{ echo "name|when|bases|what must happen|command"; printf "%s\n" "$ours"; } | sed "s/|/ | /g"
	exit
	;;
*)
	for s in $STEPS; do
		echo "$names" | grep -qxF "$s" || die "no step '$s'; known: $(echo $names)"
	done
	;;
esac

# Debian does not have each base: without a tree its hygiene is all there is.
with= without=
for base in $bases; do
	load_base "$base"
	if [ -n "$base_package$base_ksrc" ]; then with="$with $base"; else without="$without $base"; fi
done
bases="$with$without"
bases=${bases# }

# What to run, one "BASE NAME" a line.
plan=$(printf "%s\n" "$ours" | awk -F'|' -v bases="$bases" -v steps="${STEPS:-}" "$about"'{
	n = split(bases, base, " ")
	for (i = 1; i <= n; i++)
		if (about(base[i])) {
			if (steps == "full" || (steps == "" && $2 != "full") ||
			    index(" " steps " ", " " $1 " "))
				print base[i], $1
			if ($2 == "once")
				break
		}
}')
[ -n "$plan" ] || die "no such step is about $bases"

cd "$top"
logs=$top/build/check
mkdir -p "$logs"
pass=0 fail=0 skip=0 failed= late=
total=$(echo "$plan" | wc -l)
n=0
while read -r base name; do
	n=$((n + 1))
	load_base "$base"
	log=$logs/$base.$name.log
	err=${log%.log}.err
	# What the commands of the table use.
	export base
	export run="scripts/run.sh -b $base -o build/check/$base.$name.guest"
	export vanilla="$run -k vanilla -t 120"
	export patched="$run -k patched -t 900${base_check_append:+ -a $base_check_append}"
	export tests=/selftests/run.sh
	# 5.10 is told at boot which caches enomem may fail alone
	export failing="-a slub_debug=A,list_lru_memcg,kmalloc-32,kmalloc-64,kmalloc-96,kmalloc-128,kmalloc-192,kmalloc-256"
	export leaks="${base_kmemleak_append:+-a $base_kmemleak_append}"
	export bug="-- insmod /selftests/bug_mod.ko bug"
	line=$(printf "%s\n" "$table" | grep "^$name|")
	want=$(printf "%s\n" "$line" | cut -d'|' -f4)
	command=$(printf "%s\n" "$line" | cut -d'|' -f5-)
	name="$base $name"
	case " $without :$name" in
	*" $base "*hygiene) ;;
	*" $base "*)
		echo "$name: 0 passed, 0 failed, 1 skipped: set KSRC_$(echo "$base" | tr . _)=/path"
		skip=$((skip + 1))
		continue
		;;
	esac
	if [ -z "${STEPS:-}" ] && [ $(($(date +%s) + longest - LEAN_T0)) -gt $budget ]; then
		echo "$name: 0 passed, 0 failed, 1 skipped: out of time"
		late="$late, $name"
		skip=$((skip + 1))
		continue
	fi
	stage "step $n of $total: $name"
	begun=$(date +%s)
	# None of an earlier run, if this one does not get as far as a guest.
	rm -f "${log%.log}.guest" "${log%.log}.guest.console"
	rc=0
	spawn sh -c "exec $command" >"$log" 2>"$err" </dev/null || rc=$?
	took=$(($(date +%s) - begun))
	[ $took -le $longest ] || longest=$took
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
		failed="$failed, $name"
		# with what the test has said just before
		grep -E -B 2 '^ *not ok' "$log" | grep -E '^ *(not ok|#)' | sed 's/^ */    /' || true
		grep -v '^\[' "$err" | tail -n 45 | sed 's/^/    /'
		# shellcheck disable=SC2012
		echo "    logs: $(ls "${log%.log}".* | tr '\n' ' ')"
	fi
done <<END
$plan
END
[ -n "${STEPS:-}" ] || echo "not run, for want of time: $(printf "%s\n" "$ours" |
	awk -F'|' '$2 == "full" { printf "%s%s", c, $1; c = ", " }'); make check-long runs them"
[ -z "$late" ] || echo "not run, to end within $((budget / 60)) minutes:${late#,}; STEPS='name...' runs them"
[ -z "$failed" ] || echo "failed:${failed#,}"
echo "$pass passed, $fail failed, $skip skipped"
[ "$fail" = 0 ]
