# SPDX-License-Identifier: GPL-2.0
# lib.sh: what all the scripts share. Source it first, under "set -eu":
#
#	. "$(dirname "$0")/lib.sh"
#
# It sets top (the checkout) and cache (all that is downloaded or built), and
# has the functions below. Sizes are in MB (2^20 bytes), times in seconds.
# An error is one sentence on stderr and exit status 1 (fetch.sh has one more).

top=$(cd "$(dirname "$0")/.." && pwd -P)

# die SENTENCE: say why, and end.
die() {
	echo "lean-memcg: $*" >&2
	exit 1
}

# say TEXT: a remark for people, on stderr.
say() {
	echo "lean-memcg: $*" >&2
}

: "${LEAN_T0:=$(date +%s)}"
export LEAN_T0

# stage TEXT: the stage that begins now, and mm:ss since the make verb began.
stage() {
	_t=$(($(date +%s) - LEAN_T0))
	printf '[%02d:%02d] %s\n' $((_t / 60)) $((_t % 60)) "$*" >&2
}

cache=${LEAN_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/lean-memcg}
case $cache in
/*) ;;
*) cache=$PWD/$cache ;;
esac
case $cache in
*[!A-Za-z0-9/._+@~-]*) die "the cache folder '$cache' has a space or another character in its name that builds or QEMU may not take; letters, digits and /._+@~- do; set LEAN_CACHE" ;;
esac
export LEAN_CACHE="$cache"

# What builds take from the environment: what is in the cache was built without.
unset MAKEFLAGS MFLAGS MAKELEVEL ARCH CROSS_COMPILE LLVM CC HOSTCC CFLAGS CPPFLAGS LDFLAGS LDLIBS \
	KCFLAGS KCPPFLAGS KAFLAGS KBUILD_OUTPUT KBUILD_EXTMOD KCONFIG_CONFIG KCONFIG_ALLCONFIG

# make_cache: make the cache folder, marked as ours so that distclean knows it.
make_cache() {
	[ -f "$cache/.lean-memcg" ] && return
	if [ -e "$cache" ] && [ -n "$(ls -A "$cache" 2>&1)" ]; then
		die "the cache folder $cache has files that aren't ours; set LEAN_CACHE to an empty or new folder"
	fi
	mkdir -p "$cache" 2>/dev/null || die "can't make the cache folder $cache"
	touch "$cache/.lean-memcg" 2>/dev/null || die "can't write to the cache folder $cache"
}

# Clean-up at exit, also after a signal. Scratch names begin with $cache, or
# are made by scratch_dir; nothing else is ever removed.
_scratch=
_kid=
_exit() {
	_rc=$?
	trap - EXIT
	trap "" INT TERM HUP
	[ -z "$_kid" ] || { kill "$_kid" 2>/dev/null; wait "$_kid"; } || true
	[ -z "$_scratch" ] || rm -rf $_scratch
	exit $_rc
}
trap _exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# spawn CMD [ARG...]: run CMD so that a signal to this script ends it at once.
spawn() {
	"$@" &
	_kid=$!
	_rc=0
	wait "$_kid" || _rc=$?
	_kid=
	return "$_rc"
}

# quietly CMD [ARG...]: run CMD, which can fail with a thousand lines when a disk
# is full; end with the first one.
quietly() {
	_said=$("$@" 2>&1 >/dev/null) || die "$(printf '%s\n' "$_said" | head -n 1)"
}

# scratch_dir: make a folder that goes at exit; its name is in $scratch.
# (Not for use in $(...), where the exit is the end of the substitution.)
scratch_dir() {
	make_cache
	mkdir -p "$cache/tmp"
	# Whoever works in it is a process that can be seen, or that of another container
	# with the same cache, and then not for a day.
	_ns=$(stat -Lc %i /proc/self/ns/pid)
	for _d in "$cache/tmp/$_ns"-*; do	# left by one that was killed
		_pid=${_d##*/"$_ns"-}
		[ ! -d "$_d" ] || [ -d "/proc/${_pid%%-*}" ] || rm -rf "$_d"
	done
	find "$cache/tmp" -mindepth 1 -maxdepth 1 -mtime +0 -exec rm -rf {} + 2>/dev/null || true
	scratch=$(mktemp -d "$cache/tmp/$_ns-$$-XXXXXX") || die "can't write to $cache/tmp"
	_scratch="$_scratch $scratch"
}

# only_one FILE WHAT: end if another run, that still goes on, has locked FILE, for WHAT.
only_one() {
	mkdir -p "${1%/*}" 2>/dev/null && touch "$1" 2>/dev/null || die "can't write to ${1%/*}"
	exec 8>"$1"
	flock -n 8 || die "another run writes to $2: wait for its end"
}

# hash: a short name for what is on stdin.
hash() {
	sha256sum | cut -c1-16
}

# with_lock NAME CMD [ARG...]: run CMD while no other holds the lock NAME.
with_lock() {
	make_cache
	mkdir -p "$cache/lock"
	_lock=$cache/lock/$1
	shift
	exec 9>"$_lock"
	flock -n 9 || { say "waiting for another run that holds ${_lock##*/}"; flock 9; }
	"$@"
	exec 9>&-
}

# publish OUT CMD [ARG...]: make OUT, unless it is there, by CMD ARG... TMP,
# where CMD makes the file or folder TMP; it becomes OUT when it is whole.
# A failure or an interruption leaves no OUT. Don't nest, and don't use it
# in a condition ("if", "||"), which would switch "set -e" off in CMD.
publish() {
	[ ! -e "$1" ] || return 0
	make_cache
	mkdir -p "${1%/*}" || die "can't write to $cache"
	with_lock "$(echo "${1#"$cache"/}" | tr / _)" _publish "$@"
}

_publish() {
	_out=$1
	shift
	[ ! -e "$_out" ] || return 0	# made while we waited
	rm -rf "$_out".tmp.*		# left by one that was killed
	_tmp=$_out.tmp.$$
	_scratch="$_scratch $_tmp"
	"$@" "$_tmp"
	mv -T "$_tmp" "$_out"
}

# load_base BASE: the base_* variables of a base (a folder of patches/).
load_base() {
	_known=$(cd "$top/patches" 2>/dev/null && ls -d */base.conf 2>/dev/null | sed 's,/.*,,' | tr '\n' ' ')
	case ${1:-} in
	'' | */* | .*) die "no base '${1:-}'; known: ${_known% }" ;;
	esac
	[ -f "$top/patches/$1/base.conf" ] || die "no base '$1'; known: ${_known% }"
	base=$1
	# what most bases leave as it is
	base_check_append= base_kmemleak_append= base_subject="PATCH $1" base_machine= base_append= base_noise= base_tools= base_commit=
	. "$top/patches/$1/base.conf"
	# the user's own tree: for this base alone (KSRC_5_10), or KSRC
	eval "base_ksrc=\${KSRC_$(echo "$1" | tr . _):-\${KSRC:-}}"
}

# need_cgroup2 WHAT: end if the base is of the old ones (see base_tools), without cgroup v2.
need_cgroup2() {
	[ -z "$base_tools" ] || die "$1 needs cgroup v2, which Linux $base does not have; make check BASE=$base runs its tests"
}

# kernel_version TREE: prints for instance 5.10.262; fails if it is no kernel tree.
kernel_version() {
	[ -f "$1/Makefile" ] || return 1
	awk -F' *= *' '
		$1 == "VERSION" { v = $2 } $1 == "PATCHLEVEL" { p = $2 }
		$1 == "SUBLEVEL" { s = $2 } $1 == "EXTRAVERSION" { e = $2; exit }
		END {
			if (v !~ /^[0-9]+$/ || p !~ /^[0-9]+$/)
				exit 1
			print v "." p (s == "" ? "" : "." s) e
		}' "$1/Makefile"
}

# need_disk DIR MB: end if the file system of DIR has less than MB free.
need_disk() {
	_d=$1
	while [ ! -e "$_d" ]; do _d=$(dirname "$_d"); done
	_free=$(df -Pm "$_d" | awk 'NR == 2 { print $4 }')
	[ "$_free" -ge "$2" ] || die "$1 needs $2 MB of disk and has $_free MB: $(($2 - _free)) MB are missing"
}

# free_mem: MB that this host can give to a guest.
free_mem() {
	awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo
}

# need_mem MB: end if the host has less than MB to give.
need_mem() {
	_free=$(free_mem)
	[ "$_free" -ge "$1" ] || die "this run needs $1 MB of memory and the host has $_free MB free: $(($1 - _free)) MB are missing"
}

# packages: what a package is needed for: "package probe [long]", where the probe is
# a command, or a file if it begins with "/". Verbs call deps.sh, which reads it.
# "long": only by verbs that take long.
packages() {
	cat <<-'END'
	gcc gcc
	libc6-dev /usr/include/stdio.h
	make make
	bc bc
	bison bison
	flex flex
	libelf-dev /usr/include/libelf.h
	libssl-dev /usr/include/openssl/ssl.h
	ccache ccache
	qemu-system-x86 qemu-system-x86_64
	busybox-static /var/lib/dpkg/info/busybox-static.list
	cpio cpio
	xz-utils xz
	patch patch
	quilt quilt
	git git
	b4 b4
	perl perl
	gnuplot-nox gnuplot
	e2fsprogs mkfs.ext4
	xfsprogs mkfs.xfs
	sparse sparse
	rsync rsync
	coccinelle spatch long
	stress-ng stress-ng long
	libcap-dev /usr/include/sys/capability.h long
	libnuma-dev /usr/include/numa.h long
	libpopt-dev /usr/include/popt.h long
	liburing-dev /usr/include/liburing.h long
	END
}

# has PROBE: is the command or file of packages() there?
has() {
	case $1 in
	/*) [ -e "$1" ] ;;
	*) command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ] ;;
	esac
}

# need_cmd COMMAND...: end if a command isn't there; says which package has it.
need_cmd() {
	for _c; do
		has "$_c" && continue
		_p=$(packages | awk -v c="$_c" '$2 == c { print $1 }')
		die "$_c is not installed; apt-get install --no-install-recommends ${_p:-$_c}"
	done
}

case :$PATH: in
*:/usr/sbin:*) ;;
*) PATH=$PATH:/usr/sbin:/sbin ;;	# mkfs, for users who aren't root
esac
