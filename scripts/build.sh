#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# build.sh: build a kernel of a base in a flavour (a file of kconfig/).
# Usage: [KSRC=/path] scripts/build.sh BASE vanilla|patched|upto:N FLAVOUR
# Prints the path of a folder with .config, System.map, vmlinux, log,
# arch/x86/boot/bzImage, the modules of the selftests if it takes modules and, as
# "functions", the names of the functions in files that the series touches and in
# these modules. JOBS=n: how many compilers at once.
#
# The objects are made in a folder directly below a copy of the source tree, so
# that the compiler sees only relative paths and ccache hits for every tree that
# has the same file. A line "CONFIG_X=y # optional" of a fragment may fail; a line
# "# with NAME" stands for the fragment NAME, before this one.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/series.sh"
load_base "${1:-}"
what=${2:-patched}
flavour=${3:-plain}
guest=$top/kconfig/guest.config
fragment=$top/kconfig/$flavour.config
case $flavour in
guest | */*) fragment= ;;
esac
[ -f "$fragment" ] || die "no flavour '$flavour'; known: $(cd "$top/kconfig" && ls ./*.config | sed 's,^./,,; s,.config$,,; /^guest$/d' | tr '\n' ' ')"
# expand FILE: it, after those that it is "with".
expand() {
	for _f in $(sed -n 's/^# with //p' "$1"); do
		expand "$top/kconfig/$_f.config"
	done
	cat "$1"
}
settings=$(expand "$fragment")
need_cmd gcc git make bc bison flex /usr/include/libelf.h /usr/include/openssl/ssl.h ccache perl
: "${JOBS:=$(nproc)}"

# wanted FILE...: the settings of the fragments, the last of each symbol: "X value".
wanted() {
	awk '/^# CONFIG_.* is not set/ { v[substr($2, 8)] = "n"; next }
	/^CONFIG_/ { split($1, a, "="); v[substr(a[1], 8)] = a[2] }
	END { for (s in v) print s, v[s] }' "$@" | sort
}

# check_config CONFIG TREE: did every wanted line take effect?
check_config() {
	wanted "$1" >"$scratch/got"
	grep -rhoE --include='Kconfig*' '^[[:space:]]*(menu)?config[[:space:]]+[A-Za-z0-9_]+' "$2" |
		awk '{ print $2 }' | sort -u >"$scratch/known"
	wanted "$guest" "$scratch/flavour" >"$scratch/want"
	wanted "$scratch/flavour" | awk '{ print $1 }' >"$scratch/must"
	grep -h '^CONFIG_.*# optional' "$guest" "$scratch/flavour" |
		sed 's/CONFIG_//; s/=.*//' >"$scratch/optional" || true
	awk -v d="$scratch" '
	BEGIN {
		while ((getline l < (d "/got")) > 0) { split(l, a, " "); got[a[1]] = a[2] }
		while ((getline l < (d "/known")) > 0) known[l] = 1
		while ((getline l < (d "/must")) > 0) must[l] = 1
		while ((getline l < (d "/optional")) > 0) delete must[l]
	}
	{
		g = ($1 in got) ? got[$1] : "n"
		if (g == $2) next
		if (!($1 in known)) { absent = absent " " $1; next }
		if ($1 in must) bad = bad " " $1
		else off = off " " $1 "=" g
	}
	END {
		if (absent) print "not in this kernel:" absent
		if (off) print "not as in the guest config:" off
		if (bad) print "FAILED" bad
	}' "$scratch/want" >"$scratch/report"
	grep -v '^FAILED' "$scratch/report" | sed 's/^/  /' >&2 || true
	bad=$(sed -n 's/^FAILED //p' "$scratch/report")
	[ -z "$bad" ] || die "flavour $flavour did not take effect on Linux $version: $bad"
}

# progress DIR: a line every 30 seconds, until killed or DIR is gone.
progress() {
	while sleep 30 >/dev/null 2>&1 && [ -d "$1" ]; do
		stage "  $(find "$1" -name '*.o' 2>/dev/null | wc -l) objects"
	done
}

kmake() {
	exec make -C "$src" O=out -s CC="ccache gcc" HOSTCC="ccache gcc" \
		LOCALVERSION= "$@"
}

build() {
	dst=$1
	# KASAN objects are big; the plain ones need 350 MB.
	need_disk "$cache" 1500
	need_mem 700
	scratch_dir
	src=$scratch/src
	export CCACHE_BASEDIR="$scratch"	# 3.15 has absolute paths
	quietly cp -al "$tree" "$src"
	mkdir "$src/out" "$dst"
	log=$dst/log
	echo "$settings" >"$scratch/flavour"
	sed 's/[ \t]*# optional.*//' "$guest" "$scratch/flavour" >"$scratch/all.config"
	(kmake KCONFIG_ALLCONFIG="$scratch/all.config" allnoconfig) >"$log" 2>&1 || failed
	check_config "$src/out/.config" "$tree"
	progress "$src/out" >&2 8>&- 9>&- &
	ticker=$!
	rc=0
	spawn kmake -j"$JOBS" bzImage >>"$log" 2>&1 || rc=$?
	kill "$ticker" 2>/dev/null || true
	[ "$rc" = 0 ] || failed
	for m in "$top"/selftests/*_mod "$top"/qemu/*_mod; do
		grep -q "^CONFIG_MODULES=y" "$src/out/.config" || break
		cp -r "$m" "$scratch"
		[ ! -f "$src/out/vmlinux.symvers" ] || cp "$src/out/vmlinux.symvers" "$src/out/Module.symvers"
		(kmake modules_prepare) >>"$log" 2>&1 &&
			(kmake M="$scratch/${m##*/}" KBUILD_MODPOST_WARN=1 modules) >>"$log" 2>&1 &&
			find "$scratch/${m##*/}" -name '*.ko' -exec mv -t "$dst" {} + || failed
	done
	mkdir -p "$dst/arch/x86/boot"
	series_files "$top/patches/$base" 2>/dev/null | sed -n "s,\.c\$,.o,; s,^,$src/out/,p" |
		while read -r o; do [ ! -e "$o" ] || echo "$o"; done |
		xargs nm $(ls "$dst"/*.ko 2>/dev/null || true) | awk '$2 ~ /[tT]/ { sub(/\..*/, "", $3); print $3 }' |
		sort -u >"$dst/functions"
	[ -s "$dst/functions" ] || die "no function of the files that the series touches is in the kernel"
	(cd "$src/out" && mv .config System.map vmlinux "$dst" &&
		mv arch/x86/boot/bzImage "$dst/arch/x86/boot") ||
		die "can't write the kernel to $cache"
	rm -rf "$src"
}

# failed: the build failed; keep its log, show its errors.
failed() {
	mkdir -p "$cache/failed"
	cp "$log" "$cache/failed/$name.log"
	grep -nE 'error|Error|undefined reference|No space' "$log" | head -n 15 >&2 || true
	tail -n 5 "$log" >&2
	die "Linux $version $what ($flavour) does not build; the log is $cache/failed/$name.log"
}

tree=$("$top/scripts/tree.sh" "$base" "$what")
version=$(kernel_version "$tree")
# The tests' modules belong to one kernel.
key=$( { echo "${tree##*/}"; echo "$settings"; cat "$guest" "$top/scripts/build.sh" \
	"$top"/selftests/*_mod/* "$top"/qemu/*_mod/*; series_files "$top/patches/$base"; gcc -v 2>&1; ld -v; } | hash)
name=$base-$flavour-$key
out=$cache/build/$name
[ -e "$out" ] || stage "building Linux $version $what, flavour $flavour (minutes; seconds if ccache has it)"

export CCACHE_DIR="$cache/ccache" CCACHE_MAXSIZE=3G CCACHE_COMPRESS=1
export CCACHE_NOHASHDIR=1
export CCACHE_DEPEND=1	# not preprocessed first, a third of the time: that never hits
export CCACHE_SLOPPINESS=time_macros,include_file_ctime,include_file_mtime
export KBUILD_BUILD_TIMESTAMP='Thu Jan 1 00:00:00 UTC 1970' KBUILD_BUILD_USER=lean-memcg
export KBUILD_BUILD_HOST=lean-memcg KBUILD_BUILD_VERSION=1
publish "$out" build
echo "$out"
