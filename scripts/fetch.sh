#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# fetch.sh: the vanilla source tree of a base: the newest that Debian has, or,
# given KSRC=/path or, for one base alone, KSRC_5_10=/path, a copy of the user's
# own tree.
# Usage: [KSRC=/path] scripts/fetch.sh BASE
# Prints the path of the tree, which is in the cache; don't modify it.
# PATH.version, beside it, says what it is: kernel version, where it came from.
# Exit status 3: Debian does not have it, or can't be reached.
set -eu
. "$(dirname "$0")/lib.sh"
load_base "${1:-}"
make_cache

# The user's own tree. A git work tree gives what git tracks and what is new
# there, as it is now; any other tree is copied and swept of build products.
fetch_ksrc() {
	src=$(cd "$base_ksrc" 2>/dev/null && pwd -P) || die "KSRC=$base_ksrc is not a folder"
	version=$(kernel_version "$src") && [ -f "$src/Kbuild" ] ||
		die "KSRC=$base_ksrc is no kernel tree: it has no Makefile with VERSION and PATCHLEVEL, or no Kbuild"
	case $version in
	"$base_kernelorg" | "$base_kernelorg".*) ;;
	*) die "KSRC=$base_ksrc is Linux $version, and the base is $base" ;;
	esac
	files=git
	[ "$(git -c safe.directory="$src" -C "$src" rev-parse --show-toplevel 2>/dev/null)" = "$src" ] || files=all
	stage "looking at $src (Linux $version)"
	key=$(cd "$src" && list_$files | xargs -0 stat -c "%n %s %y %f" | hash)
	out=$cache/source/ksrc-$version-$key
	publish "$out" copy_ksrc
	echo "$version from $src" >"$out.version"
}

list_git() {
	git -c safe.directory="$src" ls-files -z -c -o --exclude-standard |
		sort -zu | while_there
}

list_all() {
	find . -path ./.git -prune -o ! -type d -print0 | sort -z
}

# while_there: drops the names of files that git tracks and that were deleted.
while_there() {
	xargs -0 sh -c 'for f; do [ ! -e "$f" ] && [ ! -L "$f" ] || printf "%s\\0" "$f"; done' sh
}

copy_ksrc() {
	need_disk "$cache" 2000
	mkdir "$1"
	(cd "$src" && list_$files | tar --no-recursion --null -T - -cf -) 2>/dev/null | tar -xf - -C "$1" 2>/dev/null ||
		die "can't copy $src (disk full?); nothing was kept"
	[ "$(find "$1" ! -type d | wc -l)" = "$(cd "$src" && list_$files | tr -dc "\\0" | wc -c)" ] ||
		die "can't copy all of $src; nothing was kept"
	[ "$files" = git ] || make -s -C "$1" mrproper >/dev/null 2>&1 || true
}

# Debian's package, by apt with a root of its own: the signature is checked,
# the user's own apt is untouched, the mirror is the one of this machine.
private_apt() {
	tool=$1
	shift
	"$tool" -qq -o Dir::Etc::sourcelist="$scratch/sources.list" \
		-o Dir::Etc::sourceparts=- -o Dir::Etc::preferencesparts=- \
		-o Dir::Etc::preferences=- -o Dir::State::lists="$scratch/lists" \
		-o Dir::Cache="$scratch/cache" -o APT::Sandbox::User= \
		-o Acquire::Retries=2 -o Acquire::http::Timeout=20 \
		-o Acquire::https::Timeout=20 -o Acquire::Languages=none "$@"
}

fetch_debian() {
	scratch_dir
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(LABEL)' \
		'Created-By: Packages' 2>/dev/null |
		awk -v label="$base_label" '$2 == label { print $1; exit }')
	[ -n "$mirror" ] || { why="apt on this machine has no source with label $base_label"; return 0; }
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -f "$keys" ] || { why="$keys is missing (package debian-archive-keyring)"; return 0; }
	mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial"
	echo "deb [signed-by=$keys] $mirror $base_suite $base_component" >"$scratch/sources.list"
	private_apt apt-get -o APT::Update::Error-Mode=any update >"$scratch/log" 2>&1 &&
	package_version=$(private_apt apt-cache show --no-all-versions "$base_package" 2>>"$scratch/log" |
		awk '$1 == "Version:" { print $2; exit }') &&
	[ -n "$package_version" ] || {
		why="apt can't read the $base_suite package lists: $(grep '^[EW]:' "$scratch/log" | head -n 1)"
		return 0
	}
	out=$cache/source/$base_package-$package_version
	if [ ! -d "$out" ]; then
		need_disk "$cache" 2000
		stage "downloading $base_package $package_version"
		(cd "$scratch" && private_apt apt-get download "$base_package") >"$scratch/log" 2>&1 || {
			why="apt can't download $base_package: $(grep '^[EW]:' "$scratch/log" | head -n 1)"
			out=
			return 0
		}
	fi
	publish "$out" unpack_debian
	[ -f "$out.version" ] ||
		echo "$(kernel_version "$out") from Debian's $base_package $package_version" >"$out.version"
}

unpack_debian() {
	stage "unpacking $base_package"
	need_cmd xz
	mkdir "$1"
	dpkg-deb --fsys-tarfile "$scratch/$base_package"_*.deb 2>"$scratch/log" |
		tar -xf - -C "$scratch" "./usr/src/$base_package.tar.xz" 2>>"$scratch/log" &&
	tar -xJf "$scratch/usr/src/$base_package.tar.xz" -C "$1" --strip-components=1 2>>"$scratch/log" &&
	kernel_version "$1" >/dev/null ||
		die "can't unpack $base_package; nothing was kept: $(head -n 1 "$scratch/log")"
	rm -rf "$scratch/usr" "$scratch"/*.deb
}

out= why=
if [ -n "$base_ksrc" ]; then
	fetch_ksrc
elif [ -z "$base_package" ]; then
	say "Debian has no Linux $base: set KSRC_$(echo "$base" | tr . _)=/path to kernel.org's v$base_kernelorg"
	exit 3
elif out=$(find "$cache/source/$base_package.newest" -mmin -60 -exec cat {} + 2>/dev/null) &&
     [ -n "$out" ] && [ -d "$out" ]; then
	# apt was asked within the hour
	echo "$out"
	exit
else
	out=
	command -v apt-get >/dev/null 2>&1 || die "no apt-get on this machine to fetch $base_package; set KSRC=/path to a $base tree"
	fetch_debian
	if [ -n "$out" ]; then
		echo "$out" >"$cache/source/$base_package.newest"
	else
		out=$(ls -d "$cache/source/$base_package"-*.version 2>/dev/null | sort -V | tail -n 1)
		out=${out%.version}
		[ -n "$out" ] && [ -d "$out" ] || { say "$why; set KSRC=/path to a $base tree"; exit 3; }
		say "$why; using the newest that is in the cache"
	fi
fi
stage "base $base: Linux $(cat "$out.version")"
echo "$out"
