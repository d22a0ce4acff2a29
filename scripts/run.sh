#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# run.sh: run one command in a guest, without network, and judge the run.
# Usage: scripts/run.sh [OPTIONS] -- CMD [ARG...]
#	-b BASE		a folder of patches/ (5.10)
#	-k KERNEL	vanilla, patched or upto:N (patched)
#	-f FLAVOUR	a file of kconfig/ (plain)
#	-n TOPOLOGY	a file of qemu/: 1, 2, 4, 8, ... (4)
#	-m MB		memory of a node (256)
#	-t SECONDS	the time the run may take (300)
#	-a TEXT		more for the kernel command line; can be given again
#	-i		one CPU, and one guest nanosecond is one instruction
#	-o FILE		copy the output to FILE and the console to FILE.console
#	-B DIR		a build folder (or a bzImage) to use, instead of building
#	-x DIR		a directory that the guest gets as /x
#	-s		an interactive shell on this terminal, instead of CMD
# The command's output, and nothing else, goes to stdout. In the guest /dev/vda
# is an empty ext4 of 64 MB, /dev/vdb an empty XFS of 320 MB.
# Exit status: that of CMD if that and the console are all well or if that is
# all that is wrong; 1 with the reason on stderr if the guest was not well.
set -eu
. "$(dirname "$0")/lib.sh"

base=5.10 kernel=patched flavour=plain topology=4 mem=256 limit=300
append= extra= icount= output= built= shell=
while getopts b:k:f:n:m:t:a:io:B:x:s opt; do
	case $opt in
	b) base=$OPTARG ;;
	k) kernel=$OPTARG ;;
	f) flavour=$OPTARG ;;
	n) topology=$OPTARG ;;
	m) mem=$OPTARG ;;
	t) limit=$OPTARG ;;
	a) append="$append $OPTARG" ;;
	i) icount=1 ;;
	o) output=$OPTARG ;;
	B) built=$OPTARG ;;
	x) extra=$OPTARG ;;
	s) shell=1 ;;
	*) die "usage: run.sh [-b BASE] [-k KERNEL] [-f FLAVOUR] [-n TOPOLOGY] [-m MB] [-t SECONDS] [-a TEXT] [-i] [-o FILE] [-B DIR] [-x DIR] -s | -- CMD [ARG...]" ;;
	esac
done
shift $((OPTIND - 1))
case $output in
'' | /*) ;;
*) output=$PWD/$output ;;
esac
[ -n "$shell" ] || [ $# -gt 0 ] || die "no command to run in the guest"
[ -z "$shell" ] || [ -t 0 ] || die "a shell in the guest needs a terminal; to run one command: make run CMD='...'"
for v in "memory $mem" "time $limit"; do
	case ${v#* } in
	'' | *[!0-9]* | 0*) die "the ${v%% *} is a number, not '${v#* }'" ;;
	esac
done
load_base "$base"
topo=$top/qemu/$topology.topo
case $topology in
*/*) topo= ;;
esac
[ -f "$topo" ] || die "no topology '$topology'; known: $(cd "$top/qemu" && ls ./*.topo | sed 's,^./,,; s,.topo$,,' | tr '\n' ' ')"
need_cmd qemu-system-x86_64 mkfs.ext4 mkfs.xfs cpio flock

# The memory and the nodes. CPUs of a topology above the second are never there. A
# DIMM ("+") belongs to the last node, whose memory the firmware says may grow.
[ -n "$icount" ] && cpus=1 || cpus=2
numa=$(awk -v mem="$mem" -v cpus="$cpus" '!/^#/ {
	printf "-numa node,nodeid=%d", $1
	n = split($3, c, ",")
	for (i = 1; i <= n; i++) {
		if (c[i] == "-" || (c[i] < 2 && c[i] >= cpus))
			continue
		printf ",cpus=%d", c[i] < 2 ? c[i] : c[i] - 2 + cpus
		if (c[i] >= 2)
			absent++
	}
	ram = sprintf("-object memory-backend-ram,id=m%d,size=%dM", $1, $2 * mem)
	if ($2 ~ /^\+/) {
		dimm = dimm ram sprintf(" -device pc-dimm,memdev=m%d,node=%d ", $1, $1)
		slots++
	} else if ($2) {
		printf ",memdev=m%d %s", $1, ram
		plain += $2 * mem
	}
	printf " "
	total += $2 * mem
} END {
	all = cpus + absent
	printf "%s-smp %d,maxcpus=%d,sockets=%d,cores=1,threads=1 -m %dM", dimm, cpus, all, all, plain
	if (slots)
		printf ",slots=%d,maxmem=%dM", slots, total
}' "$topo")
total=${numa##*[ =]}
total=${total%M}
need_mem $((total + 200))

image=$("$top/scripts/image.sh" "$base")
# A name that is no test ends here, not in the guest.
runner=
for t; do
	case $runner$t in
	/selftests/run.sh) runner=: ;;
	:-* | :[0-9]*) ;;
	:*)
		grep -qxF -- "$t" "${image%/*}/tests" ||
			die "no test '$t'; known: $(tr '\n' ' ' <"${image%/*}/tests")"
		;;
	esac
done
scratch_dir
if [ -z "$built" ]; then
	# not in $(...), which a signal would wait for
	spawn "$top/scripts/build.sh" "$base" "$kernel" "$flavour" >"$scratch/built"
	built=$(cat "$scratch/built")
fi
bzimage=$built
[ ! -d "$built" ] || bzimage=$built/arch/x86/boot/bzImage
[ -f "$bzimage" ] || die "there is no kernel $bzimage"

# KVM if it runs a guest, which is found out by trying, once in each boot of
# the host: /dev/kvm may be there, open, and then hang.
accel() {
	[ -w /dev/kvm ] || { echo tcg; return; }
	known=$cache/accel/$(cat /proc/sys/kernel/random/boot_id)
	if [ ! -s "$known" ]; then
		mkdir -p "$cache/accel"
		timeout -k 1 5 qemu-system-x86_64 -accel kvm -cpu host -m 256 -nodefaults \
			-display none -no-reboot -serial "file:$scratch/kvm" -kernel "$bzimage" \
			-append "console=ttyS0 earlyprintk=ttyS0 panic=-1" </dev/null >/dev/null 2>&1 || true
		if [ -s "$scratch/kvm" ]; then
			echo kvm >"$known.$$"
		else
			say "/dev/kvm does not run a guest here; emulating (TCG), which is slower"
			echo tcg >"$known.$$"
		fi
		mv "$known.$$" "$known"
	fi
	cat "$known"
}

# Empty file systems, made once.
disks() {
	mkdir "$1"
	truncate -s 64M "$1/ext4" && mkfs.ext4 -q -L memcg_slab "$1/ext4" &&
	truncate -s 320M "$1/xfs" && mkfs.xfs -q -L lean-xfs "$1/xfs" ||
		die "can't make file systems in $cache"
}

publish "$cache/disks-2" disks
need_disk "$cache" 500
cp --sparse=always "$cache/disks-2/ext4" "$cache/disks-2/xfs" "$scratch"

# The command goes to the guest as a file, so it needs no quoting.
nonce=$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
mkdir -p "$scratch/root/lean"
if [ -z "$shell" ]; then
	printf '%s\0' "$nonce" "$@" >"$scratch/root/lean/cmd"
fi
for m in "${bzimage%/arch/x86/boot/bzImage}"/*.ko; do
	[ -f "$m" ] || continue
	mkdir -p "$scratch/root/selftests"
	cp "$m" "$scratch/root/selftests"
done
[ -z "$extra" ] || cp -r "$extra" "$scratch/root/x" || die "can't copy $extra to the guest"
{ cat "$image"; cd "$scratch/root" && find . | cpio --quiet -o -H newc -R 0:0; } >"$scratch/initrd"

if [ -n "$icount" ]; then
	machine="-accel tcg,thread=single -cpu $base_cpu -icount shift=0,sleep=off"
else
	case $(accel) in
	kvm) machine="-accel kvm -cpu host" ;;
	*) machine="-accel tcg,thread=multi -cpu $base_cpu" ;;
	esac
fi
console=$scratch/console
: >"$console"
: >"$scratch/output"
if [ -n "$shell" ]; then
	serial="-serial mon:stdio"
else
	serial="-serial file:$console -serial file:$scratch/output"
fi
# q35: that of "pc" works out how interrupts are routed in loops of AML, which the
# kernel gives up after half a minute when each of its allocations is looked after.
# shellcheck disable=SC2086
set -- qemu-system-x86_64 -machine q35 $machine $base_machine $numa -nodefaults -display none \
	-no-reboot -kernel "$bzimage" -initrd "$scratch/initrd" $serial \
	-drive "file=$scratch/ext4,format=raw,if=virtio,cache=unsafe" \
	-drive "file=$scratch/xfs,format=raw,if=virtio,cache=unsafe" \
	-append "console=ttyS0 ignore_loglevel panic=-1 oops=panic $base_append $append"

if [ -n "$shell" ]; then
	stage "booting; the shell's end (exit, or ctrl-a x) powers the guest off"
	"$@"
	exit
fi

stage "running in the guest: topology $topology, $total MB${icount:+, counting instructions}"
stdout_filter() {
	tail -q -n +1 -s 0.2 -F --pid="$1" "$scratch/output" 2>/dev/null |
		sed -u "/^lean-memcg: exit [0-9]* $nonce\$/d; s/lean-memcg: exit [0-9]* $nonce\$//"
}
guest() {
	exec timeout -k 5 "$limit" "$@" </dev/null >"$scratch/qemu" 2>&1 9>&-
}
boot() {
	guest "$@" &
	_kid=$!
	stdout_filter "$_kid" &
	filter=$!
	began=$(date +%s)
	rc=0
	wait "$_kid" || rc=$?
	_kid=
	wait "$filter" || true
}
boot "$@"
# QEMU 7.2 did so once, when a guest on two CPUs first looked at its PCI bus. Nothing
# has been run then, nor said.
if [ "$rc" = 139 ] && [ ! -s "$scratch/output" ]; then
	say "the emulator crashed before the guest was up (SIGSEGV); once more"
	boot "$@"
fi
# timeout says 137 as well if another has killed the emulator
[ "$rc" != 137 ] || [ $(($(date +%s) - began)) -ge "$limit" ] ||
	{ rc=1; echo "killed; has the host, or this container, too little memory?" >"$scratch/qemu"; }
case $rc in
0) ended=off ;;
124 | 137) ended=timeout ;;
*) ended=error; sed 's/^/    /' "$scratch/qemu" >&2 ;;
esac
if [ -n "$output" ]; then
	sed "/^lean-memcg: exit [0-9]* $nonce\$/d; s/lean-memcg: exit [0-9]* $nonce\$//" \
		"$scratch/output" >"$output" && cp "$console" "$output.console" ||
		die "can't write $output"
fi
races=${bzimage%/arch/x86/boot/bzImage}/functions
[ -f "$races" ] || races=
rc=0
awk -f "$top/scripts/ktap.awk" -f "$top/scripts/verdict.awk" -v nonce="$nonce" \
	-v ended="$ended" -v limit="$limit" -v noise="$base_noise" -v races="$races" "$console" "$scratch/output" >"$scratch/why" || rc=$?
if [ "$rc" != 0 ]; then
	echo "lean-memcg: guest: $(head -n 1 "$scratch/why")" >&2
	sed 1d "$scratch/why" >&2
fi
exit "$rc"
