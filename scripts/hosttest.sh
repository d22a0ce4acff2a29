#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# hosttest.sh [TEST...]: tests of the scripts, on this host, without a guest and
# without network, on a copy of the checkout with a small made-up kernel tree
# and series (base 0.1). KTAP on stdout, status 1 if one fails. Takes seconds.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/series.sh"
. "$(dirname "$0")/checks.sh"

all="style unknown_base bad_ksrc ksrc_untouched base_own_tree out_of_time interrupted bad_patch bad_names bad_env
     run_names series_clean series_broken checkpatch mbox mbox_selftests
     report verdict plot demo scratch clean"
for t; do
	case " $(echo $all) " in
	*" $t "*) ;;
	*) die "no test '$t'; known: $(echo $all)" ;;
	esac
done
need_cmd git quilt b4 awk

scratch_dir
work=$scratch
repo=$work/repo
mkdir "$repo"
for f in scripts patches kconfig qemu selftests Makefile; do
	[ ! -e "$top/$f" ] || cp -r "$top/$f" "$repo"
done
export LEAN_CACHE="$work/cache" KSRC="$work/ksrc" HOME="$work" XDG_CACHE_HOME="$work/x"
mkdir "$work/x"
unset SCALE

# The kernel tree: a file to patch, and what makes it a kernel tree.
mkdir -p "$KSRC/mm" "$KSRC/$selftest_dir"
printf 'VERSION = 0\nPATCHLEVEL = 1\nSUBLEVEL = 7\nEXTRAVERSION =\n' >"$KSRC/Makefile"
printf 'mrproper:\n\t@rm -f a.o $(addsuffix /mine,$(KBUILD_OUTPUT))\n' >>"$KSRC/Makefile"
: >"$KSRC/Kbuild"
awk 'BEGIN { for (i = 1; i <= 80; i++) print "line " i }' >"$KSRC/mm/a.c"
printf 'TARGETS = alpha\nTARGETS += membarrier\nTARGETS += memfd\n' >"$KSRC/$selftest_dir/Makefile"

# The series of base 0.1: two patches to that file.
lane=$repo/patches/0.1
mkdir "$lane"
cat >"$lane/base.conf" <<'EOB'
# SPDX-License-Identifier: GPL-2.0
base_package=linux-source-0.1
base_suite=none
base_component=main
base_label=none
base_kernelorg=0.1
base_cpu=max
EOB
printf 'a subject\n\nA body.\n' >"$lane/cover"
(
	cd "$work"
	echo mm/a.c | series_repo "$KSRC" made
	export GIT_AUTHOR_DATE='@1700000000 +0000' GIT_COMMITTER_DATE='@1700000000 +0000'
	for n in 20 60; do
		sed -i "s/^line $n\$/LINE $n/" made/mm/a.c
		git -C made commit -qam "mm: change line $n

It was small.

Signed-off-by: lean-memcg <lean-memcg@example.org>"
	done
	git -C made format-patch -q --abbrev=12 -o "$lane" base
	cd "$lane"
	ls ./*.patch | sed 's,^./,,' >series
)
cp -r "$lane" "$work/lane"

# restore: the series as it was
restore()
{
	rm -rf "$lane"
	cp -r "$work/lane" "$lane"
}

# fails REGEX CMD...: CMD must fail, with nothing on stdout, and its last line on
# stderr be one sentence of ours that matches REGEX; stage lines may precede it.
fails()
{
	_re=$1
	shift
	_rc=0
	"$@" >"$work/stdout" 2>"$work/stderr" || _rc=$?
	[ $_rc -ne 0 ] || { echo "does not fail: $*"; return 1; }
	[ ! -s "$work/stdout" ] || { echo "prints to stdout: $*"; return 1; }
	grep -v '^\[' "$work/stderr" >"$work/said" || :
	if [ "$(wc -l <"$work/said")" -ne 1 ] || ! grep -qE "^lean-memcg: .*($_re)" "$work/said"; then
		echo "$* (status $_rc) should say one line with '$_re', and says:"
		cat "$work/said"
		return 1
	fi
}

# within_30s CMD...: until CMD succeeds
within_30s()
{
	_n=0
	until "$@"; do
		_n=$((_n + 1))
		[ $_n -lt 300 ] || { echo "not within 30 seconds: $*"; return 1; }
		sleep 0.1
	done
}

# hygiene CHECK...: of the made-up series
hygiene()
{
	"$repo/scripts/hygiene.sh" 0.1 "$@" 2>/dev/null
}

check_style()
{
	rc=0
	for f in "$top"/scripts/*.sh; do
		sh -n "$f" || rc=1
	done
	for f in "$top"/scripts/* "$top"/kconfig/* "$top"/qemu/* "$top"/patches/*/base.conf \
		"$top"/selftests/*.[ch] "$top"/selftests/Makefile "$top"/Makefile; do
		[ -f "$f" ] || continue
		head -n 2 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0' ||
			{ echo "$f has no SPDX line"; rc=1; }
	done
	# the mirror comes from the machine, not from a file
	if grep -rnE '(https?|ftp)://[^ /]*/debian|://[^ /]*\.debian\.[a-z]+/' "$top"/scripts \
		"$top"/patches/*/base.conf "$top"/*.md "$top"/Makefile 2>/dev/null; then
		rc=1
	fi
	# a pid may be -1: ms_kill() knows, and these two look at it
	if grep -nE '[^_]kill\(.*SIGKILL' "$top"/selftests/*.c |
		grep -vE '/(lib|load_stress)\.c:'; then
		rc=1
	fi
	return $rc
}

check_unknown_base()
{
	for s in fetch.sh tree.sh build.sh image.sh mbox.sh hygiene.sh kselftest.sh demo.sh; do
		for b in 9.99 ../patches/0.1; do
			fails "no base '$b'; known: .*5\.10" "$repo/scripts/$s" "$b" vanilla plain
		done
	done
	fails "no base '9.99'" "$repo/scripts/run.sh" -b 9.99 -k vanilla -f plain -n 1 -m 256 \
		-t 60 -a '' -o "$work/log" -- true
}

check_bad_ksrc()
{
	KSRC=$work/none fails "not a folder" "$repo/scripts/fetch.sh" 0.1
	mkdir "$work/empty"
	KSRC=$work/empty fails "no kernel tree" "$repo/scripts/fetch.sh" 0.1
	KSRC=$work/empty fails "no kernel tree" "$repo/scripts/mbox.sh" 0.1
	KSRC=$work/empty fails "no kernel tree" "$repo/scripts/hygiene.sh" 0.1
	fails "Linux 0.1.7.*base is 5.10" "$repo/scripts/fetch.sh" 5.10
	"$repo/scripts/fetch.sh" 0.1 2>/dev/null	# and the next run is unharmed
}

check_ksrc_untouched()
{
	sum() { find "$KSRC" -type f -exec stat -c '%n %Y %i %h' {} + -exec sha256sum {} + | sort; }
	sum >"$work/before"
	t=$("$repo/scripts/tree.sh" 0.1 patched 2>/dev/null)
	grep -qx 'LINE 60' "$t/mm/a.c"
	t=$("$repo/scripts/tree.sh" 0.1 upto:1 2>/dev/null)
	grep -qx 'LINE 20' "$t/mm/a.c"
	grep -qx 'line 60' "$t/mm/a.c"
	"$repo/scripts/mbox.sh" 0.1 >/dev/null
	t=$("$repo/scripts/tree.sh" 0.1 vanilla 2>/dev/null)
	grep -qx 'line 20' "$t/mm/a.c"
	sum | cmp - "$work/before"
	# what was built there is not taken, nor swept where the user builds
	mkdir "$work/kout"
	: >"$KSRC/a.o" && : >"$work/kout/mine"
	t=$(KBUILD_OUTPUT=$work/kout "$repo/scripts/tree.sh" 0.1 vanilla 2>/dev/null)
	[ -e "$work/kout/mine" ]
	[ ! -e "$t/a.o" ]
	[ -e "$KSRC/a.o" ]
	rm "$KSRC/a.o"
}

# bases that Debian does not have, and those that need help to build
check_base_own_tree()
{
	rc=0
	sed -i 's/^base_package=.*/base_package=/' "$lane/base.conf"
	(unset KSRC; fails "set KSRC_0_1=/path" "$repo/scripts/fetch.sh" 0.1) || rc=1
	(unset KSRC; STEPS="hygiene selftests v1" "$repo/scripts/check.sh" 0.1 2>/dev/null) >"$work/out" || :
	grep -q "^0.1 hygiene: 3 passed, 0 failed, 9 skipped" "$work/out" || { cat "$work/out"; rc=1; }
	own=$KSRC
	(KSRC=$work/none KSRC_0_1=$own && export KSRC_0_1 && "$repo/scripts/fetch.sh" 0.1) >/dev/null 2>&1 ||
		{ echo "KSRC_0_1 does not go before KSRC"; rc=1; }
	restore

	printf 'Why.\n\n--- a/mm/a.c\n+++ b/mm/a.c\n@@ -79,2 +79,2 @@\n line 79\n-line 80\n+line 80, today\n' >"$lane/toolchain.diff"
	for k in vanilla upto:1 patched; do
		t=$("$repo/scripts/tree.sh" 0.1 $k 2>/dev/null)
		grep -qx 'line 80, today' "$t/mm/a.c" || { echo "no toolchain.diff in $k"; rc=1; }
	done
	hygiene agree >/dev/null || { echo "toolchain.diff is taken for one of the series"; rc=1; }
	sed -i 's/line 79/line 78/' "$lane/toolchain.diff"
	fails "toolchain.diff does not apply" "$repo/scripts/tree.sh" 0.1 vanilla || rc=1
	restore
	return $rc
}

# what is not begun in time is said, unless it was asked for by name
check_out_of_time()
{
	LEAN_T0=1 STEPS= "$repo/scripts/check.sh" 0.1 >"$work/out" 2>/dev/null
	grep -q "^0.1 hygiene: 0 passed, 0 failed, 1 skipped: out of time" "$work/out"
	grep -q "^not run, .*0.1 hygiene" "$work/out"
	# once, by the first base that it is about
	LEAN_T0=1 STEPS= KSRC= "$repo/scripts/check.sh" 0.1 5.10 7.3 >"$work/out" 2>/dev/null
	[ "$(grep -c "hang: .*out of time" "$work/out")" = 1 ]
	grep -q "^5.10 hang: " "$work/out"
	LEAN_T0=1 STEPS=hygiene "$repo/scripts/check.sh" 0.1 >"$work/out" 2>/dev/null || :
	[ "$(grep -c "out of time" "$work/out")" = 0 ]
	fails "KSRC= is the tree of one base" "$repo/scripts/check.sh" 0.1 5.10
}

# with check.sh ends what it has begun
check_interrupted()
{
	cp -r "$repo" "$work/in"
	printf '#!/bin/sh\necho $$ >"%s/pid"\nexec sleep 30\n' "$work" >"$work/in/scripts/run.sh"
	STEPS=hang "$work/in/scripts/check.sh" 5.10 >/dev/null 2>&1 &
	within_30s [ -s "$work/pid" ]
	kill $!
	wait $! || :
	! kill -0 "$(cat "$work/pid")" 2>/dev/null
}

check_bad_patch()
{
	restore
	p=$(tail -n 1 "$lane/series")
	sed -i 's/^ line 59$/ line fifty-nine/' "$lane/$p"
	fails "$p does not apply" "$repo/scripts/tree.sh" 0.1 patched
	fails "$p does not apply" "$repo/scripts/mbox.sh" 0.1
	rm "$lane/$p"
	fails "$p, which" "$repo/scripts/tree.sh" 0.1 patched
	restore
	"$repo/scripts/tree.sh" 0.1 patched 2>/dev/null
}

check_bad_names()
{
	fails "no flavour 'none'; known: .*plain" "$repo/scripts/build.sh" 0.1 vanilla none
	fails "not 'some'" "$repo/scripts/tree.sh" 0.1 some
	fails "no check 'none'; known: agree" "$repo/scripts/hygiene.sh" 0.1 none
	fails "no test 'none'; known: style" "$repo/scripts/hosttest.sh" none
	SCALE=1/3 fails "no SCALE=1/3; known: full" "$repo/scripts/demo.sh" 5.10
}

check_bad_env()
{
	LEAN_CACHE="$work/a b" fails "space" "$repo/scripts/fetch.sh" 0.1
	LEAN_CACHE=/proc/lean fails "can't make" "$repo/scripts/fetch.sh" 0.1
	LEAN_CACHE=$KSRC fails "aren't ours" "$repo/scripts/fetch.sh" 0.1
	fails "memory.*missing" sh -eu -c '. "$0"; need_mem 99999999' "$repo/scripts/lib.sh"
	fails "disk.*missing" sh -eu -c '. "$0"; need_disk / 999999999' "$repo/scripts/lib.sh"
	fails "not installed; apt-get install" sh -eu -c '. "$0"; need_cmd no-such-command' "$repo/scripts/lib.sh"
}

tree_checks="agree parse headers quilt git_am mbox_am b4 same"

check_series_clean()
{
	restore
	hygiene $tree_checks
}

# what is done to the series, in shell; the check that must fail for it
breakages='rm 0001*                                              |agree
cp 0001* 0003-more.patch                                         |agree
cat series >>series2; cat series >>series2; mv series2 series    |agree
: >series                                                        |agree
sed -i "s/^@@ -57,/@@ -x,/" 0002*                               |parse
sed -i "/^diff --git/,\$d" 0002*                                 |parse
sed -i "/^Signed-off-by/d" 0002*                                 |headers
sed -i "/^Signed-off-by/s/lean-memcg@/other@/" 0002*             |headers
sed -i "/^Date:/d" 0001*                                         |headers
sed -i "/^It was small/d" 0001*                                  |headers
sed -i "s,PATCH 2/2,PATCH 2/3," 0002*                            |headers
sed -i "s/^It was small/From here it is small/" 0001*             |headers
rm cover                                                         |headers
echo "only a subject" >cover                                     |headers
printf "s\n\ncaf\303\251\n" >cover                               |headers
sed -i "s/^ line 57/ line fuzzy/" 0002*                          |quilt
sed -i "s/^@@ -57,/@@ -55,/" 0002*                               |quilt
sed -i "s/^ line 59/ line fifty/" 0002*                          |git_am
sed -i "s/^ line 59/ line fifty/" 0002*                          |mbox_am
sed -i "s/^ line 59/ line fifty/" 0002*                          |b4
sed -i "s/^+LINE 60/+LINE sixty/" 0002*; rm cover                |same'

check_series_broken()
{
	rc=0
	printf "%s\n" "$breakages" | sed 's/ *|/|/' >"$work/breakages"
	while IFS='|' read -r cmd want; do
		restore
		(cd "$lane" && eval "$cmd")
		need=$want
		[ "$want" != same ] || need=$tree_checks
		if hygiene $need >"$work/out" || ! grep -q "^not ok [0-9]* $want\$" "$work/out"; then
			echo "$want does not fail after: $cmd"
			cat "$work/out"
			rc=1
		fi
	done <"$work/breakages"
	restore
	# without a tree, what needs none is still checked
	KSRC= hygiene >"$work/out"
	[ "$(grep -c ' # SKIP no source tree: ' "$work/out")" -eq 9 ] || { cat "$work/out"; rc=1; }
	# but not if it is there and can't be had
	cp -r "$repo" "$work/nr"
	printf '#!/bin/sh\necho "lean-memcg: no room" >&2\nexit 1\n' >"$work/nr/scripts/fetch.sh"
	(unset KSRC; fails "no room" "$work/nr/scripts/hygiene.sh" 0.1) || rc=1
	return $rc
}

check_mbox()
{
	restore
	printf '[user]\n\tname = Somebody\n[format]\n\tsignature = mine\n\tnumbered = false\n[core]\n\tabbrev = 20\n' >"$work/.gitconfig"
	"$repo/scripts/mbox.sh" 0.1 >"$work/1.mbox" 2>/dev/null
	sleep 1.1
	(cd / && TZ=Asia/Tokyo LC_ALL=C.UTF-8 GIT_AUTHOR_NAME=x "$repo/scripts/mbox.sh" 0.1 >"$work/2.mbox" 2>/dev/null)
	rm "$work/.gitconfig"
	cmp "$work/1.mbox" "$work/2.mbox"
	grep '^Subject: ' "$work/1.mbox" | diff - - <<-'EOS' || return 1
	Subject: [PATCH 0.1 0/3] a subject
	Subject: [PATCH 0.1 1/3] mm: change line 20
	Subject: [PATCH 0.1 2/3] mm: change line 60
	Subject: [PATCH 0.1 3/3] selftests: add memcg_slab
	EOS
	grep -qx 'base-version: v0.1.7' "$work/1.mbox"
	[ "$(grep -c '^base-commit:' "$work/1.mbox")" -eq 0 ]
	[ "$(grep -ci '^message-id: <' "$work/1.mbox")" -eq 4 ]
	[ "$(grep -i '^message-id: <' "$work/1.mbox" | sort -u | wc -l)" -eq 4 ]
	[ "$(grep '^In-Reply-To: <' "$work/1.mbox" | sort -u | wc -l)" -eq 1 ]
	[ "$(base_commit=0 "$repo/scripts/mbox.sh" 0.1 2>/dev/null | grep -c "^base-commit:")" -eq 0 ]
	echo base_commit=0123456789abcdef0123456789abcdef01234567 >>"$lane/base.conf"
	"$repo/scripts/mbox.sh" 0.1 2>/dev/null | grep -qx 'base-commit: 0123456789abcdef0123456789abcdef01234567'
	restore
}

check_mbox_selftests()
{
	echo mm/a.c $selftest_dir/Makefile | tr ' ' '\n' | series_repo "$KSRC" "$work/mst"
	"$repo/scripts/mbox.sh" 0.1 2>/dev/null >"$work/m"
	series_am "$work/mst" --empty=drop "$work/m"
	diff - "$work/mst/$selftest_dir/Makefile" <<-'EOM' || return 1
	TARGETS = alpha
	TARGETS += membarrier
	TARGETS += memcg_slab
	TARGETS += memfd
	EOM
	for f in "$top"/selftests/*.[ch] "$top"/selftests/Makefile; do
		cmp "$f" "$work/mst/$selftest_dir/memcg_slab/${f##*/}"
	done
}

check_report()
{
	cat >"$work/limits" <<-'EOL'
	# a comment
	a.growth	floor	1	8 MB growth of it
	a.cost	base	1.02	0 insn cost
	a.back	one	1	0 % back
	a.shown	-	0	0 - shown
	EOL
	printf '# metric a.growth 7763.4 MB\n# metric a.cost 11820 insn\n# metric a.shown 1234567\n' >"$work/b"
	printf '  # # metric a.growth 22.04 MB\r\n# metric a.cost 99999 insn\n# metric a.cost 12056 insn\nx metric a.cost 1 insn\n# metric a.back -0.25 %%\n' >"$work/p"
	printf '# metric a.growth 14.1 MB\n' >"$work/f"
	report() { awk -v format="$1" -f "$top/scripts/report.awk" "$work/limits" col=base "$work/b" \
		col=patched "$work/p" col=floor "$work/f"; }
	rc=0
	report text >"$work/out" || rc=$?
	[ $rc -eq 1 ]		# a.shown has no data
	echo '# metric a.shown 5' >>"$work/p"
	report text >"$work/out"
	diff "$work/out" - <<-'EOT' || return 1
	                        base  patched  floor  must            verdict
	growth of it (MB)      7,763     22.0   14.1  <= floor + 8    ok
	cost (insn)           11,820   12,056      -  <= 1.02 x base  ok
	back (%)                   -    -0.25      -  <= 1.00         ok
	shown              1,234,567     5.00      -
	EOT
	report md >"$work/out"
	[ "$(grep -c '^|.*|.*|.*|.*|.*|$' "$work/out")" -eq 6 ]
	for bad in 'a.growth 22.2 MB' 'a.cost 12057 insn' 'a.back 1.01 %'; do
		cp "$work/p" "$work/keep"
		echo "# metric $bad" >>"$work/p"
		if report text >"$work/out"; then
			echo "not missed: $bad"
			return 1
		fi
		[ "$(grep -c ' MISSED$' "$work/out")" -eq 1 ]
		mv "$work/keep" "$work/p"
	done
}

# checkpatch.pl is a stub: it warns of the second patch and of the selftests.
check_checkpatch()
{
	restore
	mkdir -p "$KSRC/scripts"
	cat >"$KSRC/scripts/checkpatch.pl" <<-'EOP'
	$p = $ARGV[-1];
	print "$p:9: WARNING:ONE_TYPE: text\n" if $p =~ /0002/;
	print "$p:9: CHECK:TWO_TYPE: text\n" if $p =~ /selftests/;
	EOP
	try() { hygiene checkpatch >"$work/out" || return 1; }
	if try; then return 1; fi
	grep -q "^# 0002.*ONE_TYPE" "$work/out"
	grep -q "^# selftests:9: CHECK:TWO_TYPE" "$work/out"
	printf "ONE_TYPE why\nselftests:TWO_TYPE why\n" >"$lane/checkpatch.ignore"
	try || return 1
	for bad in "ONE_TYPE" "ONE_TYPE why\nselftests:TWO_TYPE why\nMORE why" "ONE_TYPE why\nTWO_TYPE why" \
		"selftests:ONE_TYPE why\nselftests:TWO_TYPE why" "ONE_TYPE\nselftests:TWO_TYPE why"; do
		printf "$bad\n" >"$lane/checkpatch.ignore"
		if try; then
			echo "passes with: $bad"
			return 1
		fi
	done
	rm -r "$KSRC/scripts"
	restore
}

# console line; output, with / for a new line; how it ended; the reason, "" for a clean run
verdicts='|1..1/ok 1 a|off|
usb: a WARNINGless line|1..1/ok 1 a|off|
WARNING: CPU: 0 PID: 1 at mm/list_lru.c:1 f+0x1/0x2|1..1/ok 1 a|off|WARNING
WARNING: possible circular locking dependency detected|1..1/ok 1 a|off|lockdep
[ INFO: possible circular locking dependency detected ]|1..1/ok 1 a|off|lockdep
[ INFO: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected ]|1..1/ok 1 a|off|lockdep
BUG: KASAN: use-after-free in f+0x1/0x2|1..1/ok 1 a|off|KASAN
BUG: KCSAN: data-race in f / g|1..1/ok 1 a|off|KCSAN
BUG: KCSAN: data-race in g.isra.0 / f.part.1+0x1/0x2|1..1/ok 1 a|off|KCSAN
BUG: KCSAN: data-race in g / ff|1..1/ok 1 a|off|
kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)|1..1/ok 1 a|off|leak
BUG: kernel NULL pointer dereference, address: 0|1..1/ok 1 a|off|BUG
Oops: 0000 [#1] SMP|1..1/ok 1 a|off|oops
ODEBUG: 0 of 0 active objects replaced|1..1/ok 1 a|off|
ODEBUG: activate active (active state 1) object type: rcu_head|1..1/ok 1 a|off|debug-objects
rcu: INFO: rcu_sched self-detected stall on CPU|1..1/ok 1 a|off|RCU stall
INFO: task mount:12 blocked for more than 120 seconds.|1..1/ok 1 a|off|hung task
Kernel panic - not syncing: x|1..1|off|panicked
Out of memory: Killed process 1|1..1/ok 1 a|off|out of memory
Memory cgroup out of memory: Killed process 9|1..1/ok 1 a|off|
Call Trace:|1..1/ok 1 a|off|stack trace
Linux version 0.1|1..1/ok 1 a|off|rebooted
|1..2/ok 1 a|off|cut short
|1..2/ok 1 a/not ok 2 b|off|not ok 2 b
|1..1/ok 1 a # SKIP no memcg|off|
|1..1/ok 1 a|timeout!|did not end within 9
|1..1/ok 1 a|off!|ended before the command
|1..1/ok 1 a|error|emulator failed
|1..1/ok 1 a|timeout|did not power off
INFO: task mount:12 blocked in I/O wait for more than 120 seconds.|1..1/ok 1 a|off|hung task
kmemleak: Kernel memory leak detector disabled|1..1/ok 1 a|off|kmemleak that is off
alias_mod: Unknown symbol f (err -2)|1..1/ok 1 a|off|of another kernel
** 12 printk messages dropped **|1..1/ok 1 a|off|lost lines
|TAP version 13/ok 1 a|off|no plan
|Bail out! x|off|bailed out
|1..1/# 1..2/# ok 1 x/ok 1 a|off|cut short'

# judge OPTION...: what verdict.awk says of $work/con and $work/out
judge()
{
	awk -f "$top/scripts/ktap.awk" -f "$top/scripts/verdict.awk" -v nonce=N "$@" "$work/con" "$work/out"
}

check_verdict()
{
	rc=0
	printf "%s\n" "$verdicts" >"$work/verdicts"
	printf 'f\n' >"$work/races"
	while IFS='|' read -r console output ended want; do
		printf '[    0.000000] Linux version 0.1.7\n[    1.0] booted\n' >"$work/con"
		[ -z "$console" ] || printf '[    2.000000] %s\n' "$console" >>"$work/con"
		echo "$output" | tr / '\n' >"$work/out"
		# "!" after how it ended: the command's own end is missing
		[ "${ended%!}" != "$ended" ] || echo "lean-memcg: exit 0 N" >>"$work/out"
		st=0
		got=$(judge -v limit=9 -v ended="${ended%!}" -v races="$work/races" 2>"$work/note") || st=$?
		if [ -z "$want" ]; then
			[ $st -eq 0 ] && [ -z "$got" ] && continue
		elif [ $st -ne 0 ] && echo "$got" | head -n 1 | grep -q "$want"; then
			continue
		fi
		echo "console '$console', output '$output', ended $ended: status $st, '$got', and should say '$want'"
		rc=1
	done <"$work/verdicts"
	# what a base always says
	printf 'Linux version 0.1.7\n[ 0.1] WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2\n[ 0.1] Call Trace:\n' >"$work/con"
	printf '1..1\nok 1 a\nlean-memcg: exit 0 N\n' >"$work/out"
	judge -v ended=off -v noise='at a.c:[0-9]+ f' || { echo "noise is not tolerated"; rc=1; }
	# what a test provokes, and what it does not
	for line in 'BUG a (Not tainted): Objects remaining in a' 'BUG: KASAN: double-free in kmem_cache_destroy+0x1/0x2' \
		'BUG a (Tainted: G O): Object already free'; do
		printf 'Linux version 0.1.7\nlean-memcg: expect-begin Objects remaining|kmem_cache_destroy|Tainted\n%s\n' "$line" >"$work/con"
		st=0
		judge -v ended=off >"$work/said" || st=$?
		case $st$line in
		0*remaining* | 1*KASAN* | 1*already*) ;;
		*) echo "'$line' while it is expected: status $st"; rc=1 ;;
		esac
	done
	: >"$work/con"
	! judge -v ended=off >"$work/said" || { echo "an empty console passes"; rc=1; }
	# what limits lead to
	for line in 'a invoked oom-killer: gfp_mask=0x1' 'oom_reaper: unable to reap pid:9 (a)'; do
		printf 'Linux version 0.1.7\n[ 0.1] %s\n[ 0.1] Call Trace:\n' "$line" >"$work/con"
		judge -v ended=off || { echo "'$line' is not tolerated"; rc=1; }
	done
	# who compares two consoles can tell one stack trace from another
	for line in 'a: page allocation failure: order:4' 'b is dumped'; do
		printf 'Linux version 0.1.7\n[ 0.1] %s\n[ 0.1] CPU: 0 UID: 0 PID: 9 Comm: a\n[ 0.1] Hardware name: x\n[ 0.1] Call Trace:\n' "$line" >"$work/con"
		judge -v list=nothing >"$work/said"
		[ "$(cat "$work/said")" = "a kernel stack trace: $line" ] || { echo "'$line' is listed as '$(cat "$work/said")'"; rc=1; }
	done
	# the command's own status comes through
	printf 'Linux version 0.1.7\n' >"$work/con"
	echo "lean-memcg: exit 7 N" >"$work/out"
	st=0
	judge -v ended=off >/dev/null || st=$?
	[ $st -eq 7 ] || { echo "the status of the command is lost: $st"; rc=1; }
	return $rc
}

# run.sh up to where it would boot; image.sh is a stub
check_run_names()
{
	mkdir -p "$work/rn/image"
	cp -r "$repo" "$work/rn"
	printf 'footprint\nids\n' >"$work/rn/image/tests"
	printf '#!/bin/sh\necho %s/rn/image/initramfs.cpio\n' "$work" >"$work/rn/repo/scripts/image.sh"
	r=$work/rn/repo/scripts/run.sh
	fails "no test 'none'; known: footprint ids" "$r" -b 0.1 -- /selftests/run.sh footprint none
	fails "no topology '3'; known: .*4" "$r" -b 0.1 -n 3 -- true
	fails "no flavour 'none'" "$r" -b 0.1 -f none -- true
	fails "not 'some'" "$r" -b 0.1 -k some -- true
	fails "memory.*MB are missing" "$r" -b 0.1 -m 99999999 -- true
	fails "number, not 'x'" "$r" -b 0.1 -m x -- true
	fails "no command" "$r" -b 0.1
	fails "no kernel" "$r" -b 0.1 -B "$work/none" -- true
}

# demo.sh with stubs in place of what builds and boots
check_demo()
{
	command -v gnuplot >/dev/null || { echo "no gnuplot"; return 4; }
	restore
	d=$work/demo
	mkdir "$d"
	cp -r "$repo" "$d/repo"
	cp "$top/patches/5.10/limits" "$d/repo/patches/0.1"
	printf '#!/bin/sh\necho /nowhere\n' | tee "$d/repo/scripts/build.sh" >"$d/repo/scripts/image.sh"
	cat >"$d/repo/scripts/run.sh" <<-'EOR'
	#!/bin/sh
	# what a run prints: each metric of limits, small when patched or nokmem
	v=1000
	for a; do
		case $prev in
		-o) out=$a ;;
		esac
		case $a in
		patched | cgroup.memory=nokmem) v=3 ;;
		/selftests/load_*) program=${a##*_} ;;
		esac
		prev=$a
	done
	[ "$program" != "${FAIL:-}" ] || { echo "not ok 1"; exit 1; }
	{
		awk -v v=$v -v p="^$program" '!/^#/ && $1 ~ p { print "# metric", $1, ($2 == "one" ? v - 3 : v), $5 }' \
			"$(dirname "$0")/../patches/0.1/limits"
		[ "$program" != report ] || printf '# metric report.curve.%d %d MB\n' 0 0 50 $((v / 2)) 100 $v
	} | tee "$out"
	EOR
	export SCALE=small
	demo=$d/repo/scripts/demo.sh
	"$demo" 0.1 >"$d/out" 2>"$d/err"
	head -n 1 "$d/out" | grep -qx 'Linux 0.1.7, 383 cgroups, 100 mounts, 4 nodes; 100 pods'
	grep -q '^slab growth by the mounts (MB)  *1,000  *3.00  *3.00  <= floor + 8  *ok$' "$d/out"
	grep -q 'stage 14 of 14: table and picture' "$d/err"
	[ -s "$d/repo/build/demo.png" ]
	[ -s "$d/repo/build/results/table.md" ]
	sed -i 's/^cost.negative_dentry.*base.*1.02/cost.negative_dentry base 0.001/' "$d/repo/patches/0.1/limits"
	st=0
	"$demo" 0.1 >"$d/out" 2>"$d/err" || st=$?
	[ $st -eq 1 ]
	grep -q 'misses a limit' "$d/err"
	grep -q 'negative dentry.*MISSED$' "$d/out"
	st=0
	FAIL=pods "$demo" 0.1 >"$d/out" 2>"$d/err" || st=$?
	[ $st -eq 1 ]
	[ ! -s "$d/out" ]
	grep -q 'load_pods failed on the base kernel' "$d/err"
	# A signal does not wait for the guest.
	printf '#!/bin/sh\nexec sleep 30\n' >"$d/repo/scripts/run.sh"
	rm "$d/err"
	"$demo" 0.1 >"$d/out" 2>"$d/err" &
	within_30s grep -qs ' load_' "$d/err"
	t0=$(date +%s)
	kill $!
	st=0
	wait $! || st=$?
	[ $st -eq 143 ] && [ $(($(date +%s) - t0)) -lt 20 ]
}

check_plot()
{
	command -v gnuplot >/dev/null || { echo "no gnuplot"; return 4; }
	for k in base patched floor; do
		printf '0 0\n10 5\n20 11\n' >"$work/$k.curve"
	done
	gnuplot -e "dir='$work'; png='$work/a.png'; version='0.1.7'; cgroups='383'; nodes='4'" "$top/scripts/plot.gp"
	[ "$(head -c 4 "$work/a.png" | tail -c 3)" = PNG ]
}

# what was left in the cache goes, unless somebody may be at work in it
check_scratch()
{
	ns=$(stat -Lc %i /proc/self/ns/pid)
	t=$work/scratch/tmp
	mkdir -p "$t" && : >"$work/scratch/.lean-memcg"
	mkdir "$t/$ns-4194305-dead" "$t/$ns-$$-live" "$t/1-4194305-another" "$t/1-4194305-old" "$t/old.form"
	touch -d "2 days ago" "$t/1-4194305-old" "$t/old.form"
	LEAN_CACHE=$work/scratch sh -eu -c '. "$0"; scratch_dir' "$repo/scripts/lib.sh"
	[ "$(ls "$t" | sort | tr '\n' ' ')" = "$(printf '%s\n' "1-4194305-another" "$ns-$$-live" | sort | tr '\n' ' ')" ]
}

# distclean removes each folder that a script makes in the cache, and nothing else.
check_clean()
{
	made=$(grep -ohE '\$cache/[a-z0-9-]+' "$top"/scripts/*.sh | sort -u | sed 's,.*/,,')
	[ "$(echo "$made" | wc -l)" -gt 5 ]
	for keep in "" mine; do
		mkdir -p "$work/clean" "$work/clean/${keep:-tmp}"
		: >"$work/clean/.lean-memcg"
		for d in $made; do
			mkdir -p "$work/clean/$d"
		done
		LEAN_CACHE=$work/clean "$repo/scripts/clean.sh" all
		[ "$(ls -A "$work/clean" 2>/dev/null)" = "$keep" ]
	done
	LEAN_CACHE=$work/clean fails "not a cache of ours" "$repo/scripts/clean.sh" all
}

# shellcheck disable=SC2086
ktap_run ${*:-$all}
