#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# hygiene.sh BASE [CHECK...]: is the series of BASE fit to be sent? KTAP on
# stdout, status 1 if a check fails. Without CHECK all of these but cocci are run:
#
#   agree       series file and folder name the same patches
#   parse       git can read each patch, and it changes something
#   headers     each patch is a mail: From, Date, Subject, body, sign-off; new
#               files have an SPDX line; the cover letter has subject and body
#   quilt       quilt push -a: no fuzz, no offset
#   git_am      git am of the patch files
#   mbox_am     git am of what mbox.sh prints
#   b4          b4 am -m of the same, without network, then git am
#   same        the four ways give the same files
#   checkpatch  checkpatch --strict is silent, on the selftests too; exceptions are
#               in patches/BASE/checkpatch.ignore (a line "TYPE reason", for the
#               selftests "selftests:TYPE reason"), and
#               one that is not needed any more is an error
#   build       after each patch the touched files and all of mm/ compile with
#               W=1, without a warning that the base does not have
#   sparse      the touched files give no sparse warning that the base does not
#   kerneldoc   nor a warning of the kernel's kernel-doc
#   cocci       nor a report of the kernel's scripts/coccinelle (minutes; those
#               that need coccinelle's OCaml are left out)
#
# The patches are applied to the files they touch alone, which takes seconds;
# build and sparse use a copy of the tree made of hard links. Without a source
# tree (no network, no KSRC) only agree, parse, headers and, with that of another
# base (base_tools), checkpatch run; the others skip.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/series.sh"
. "$(dirname "$0")/checks.sh"

all="agree parse headers quilt git_am mbox_am b4 same checkpatch build sparse kerneldoc"
load_base "${1:-}"
shift
for c; do
	case " $all cocci " in
	*" $c "*) ;;
	*) die "no check '$c'; known: $all cocci" ;;
	esac
done
checks=${*:-$all}
need_cmd git quilt b4 perl patch

dir=$top/patches/$base
[ -f "$dir/series" ] || die "$dir/series is missing; list the patches there, one a line"
patches=$(series_list "$dir")
scratch_dir
work=$scratch
series_files "$dir" >"$work/files" 2>/dev/null
rc=0
tree=$("$top/scripts/tree.sh" "$base" vanilla 2>"$work/fetch") || rc=$?
# that Debian can't be reached is a reason to skip, all else a mistake
if [ $rc != 0 ] && [ $rc != 3 ]; then
	cat "$work/fetch" >&2
	exit 1
fi
# Where checkpatch is from. An old one knows too little.
tools=$tree
if [ -n "$base_tools" ]; then
	tools=$(KSRC= && "$top/scripts/fetch.sh" "$base_tools" 2>"$work/fetch.tools") || tools=
fi
# Files of the same kind of run, compared by "same"
ways="quilt git_am mbox_am b4"

need_tree()
{
	[ -n "$tree" ] && return 0
	echo "no source tree: $(tail -n 1 "$work/fetch")"
	return 4
}

# Adds the selftests' Makefile, which the mbox touches.
all_files()
{
	cat "$work/files"
	[ -n "$base_tools" ] || echo $selftest_dir/Makefile
}

check_agree()
{
	rc=0
	for p in $patches; do
		[ -e "$dir/$p" ] && continue
		echo "series names $p, which is not in patches/$base"
		rc=1
	done
	for p in "$dir"/*.patch; do
		[ -e "$p" ] || continue
		echo "$patches" | grep -qxF "${p##*/}" && continue
		echo "${p##*/} is not in patches/$base/series"
		rc=1
	done
	if [ -n "$(echo "$patches" | sort | uniq -d)" ]; then
		echo "twice in series: $(echo "$patches" | sort | uniq -d)"
		rc=1
	fi
	if [ -z "$patches" ]; then
		echo "series names no patch"
		rc=1
	fi
	return $rc
}

check_parse()
{
	rc=0
	for p in $patches; do
		GIT_DIR=/none git apply --numstat "$dir/$p" >"$work/parse" 2>&1 &&
			[ -s "$work/parse" ] && continue
		echo "$p: $(head -n 1 "$work/parse")"
		rc=1
	done
	return $rc
}

check_headers()
{
	total=$(echo "$patches" | wc -l)
	n=0 rc=0
	for p in $patches; do
		n=$((n + 1))
		[ -e "$dir/$p" ] || { echo "$p is missing"; rc=1; continue; }
		awk -v name="$p" -v n=$n -v total="$total" '
		function bad(what) { print name ": " what; status = 1 }
		NR == 1 && !/^From [0-9a-f]+ Mon Sep 17 00:00:00 2001$/ {
			bad("not in git format-patch format")
		}
		!body && /^From: .+ <.+@.+>$/ { from = substr($0, 7) }
		!body && /^Date: ./ { date = 1 }
		!body && /^Subject: / {
			subject = 1
			if (!match($0, /\[PATCH( 0*[0-9]+\/[0-9]+)?\]/))
				bad("no [PATCH] or [PATCH n/N] in the subject")
			else if (RLENGTH > 7) {
				split(substr($0, RSTART + 7, RLENGTH - 8), a, "/")
				if (a[1] + 0 != n || a[2] + 0 != total)
					bad("is patch " n " of " total " but says " a[1] "/" a[2])
			}
		}
		!body && $0 == "" { body = 1; next }
		body && $0 == "---" { diff = 1 }
		body && /^From / { bad("the line \"" $0 "\" would end the mail in an mbox; wrap it elsewhere") }
		body && !diff && $0 != "" && !/^[A-Z][a-z-]+(-by)?: / { words++ }
		!diff && /^Signed-off-by: / { if (substr($0, 16) == from) signed = 1 }
		/^diff --git / { new = 0; file = $NF }
		/^new file mode/ { new = 1; spdx[file] = 0 }
		new && /^\+.*SPDX-License-Identifier: GPL-2.0/ { spdx[file] = 1 }
		END {
			if (from == "") bad("no From:")
			if (!date) bad("no Date:")
			if (!subject) bad("no Subject:")
			if (!words) bad("no commit message")
			if (!diff) bad("no --- line")
			if (!signed) bad("no Signed-off-by: of its author")
			for (f in spdx)
				if (!spdx[f])
					bad(f " is new and has no GPL-2.0 SPDX line")
			exit status
		}' "$dir/$p" || rc=1
	done
	if [ ! -s "$dir/cover" ]; then
		echo "cover is missing"
		rc=1
	elif grep -q "^From " "$dir/cover"; then
		echo "cover: a line that begins with From would end the mail in an mbox"
		rc=1
	elif LC_ALL=C grep -q '[^ -~	]' "$dir/cover"; then
		echo "cover has characters that are not ASCII"
		rc=1
	elif [ -z "$(sed -n 1p "$dir/cover")" ] || [ -n "$(sed -n 2p "$dir/cover")" ] ||
	     [ -z "$(sed -n 3p "$dir/cover")" ]; then
		echo "cover is not a subject, an empty line and a body"
		rc=1
	fi
	return $rc
}

check_quilt()
{
	need_tree
	mkdir -p "$work/quilt"
	copy_files "$tree" "$work/quilt" <"$work/files"
	cd "$work/quilt"
	rc=0
	QUILT_PATCHES=$dir quilt --quiltrc - push -a --fuzz=0 >"$work/quilt.log" 2>&1 || rc=$?
	if [ $rc -ne 0 ] || grep -qiE 'offset|fuzz|FAILED|reversed' "$work/quilt.log"; then
		grep -iE 'offset|fuzz|FAILED|reversed|does not|applying' "$work/quilt.log"
		return 1
	fi
	rm -rf .pc
}

check_git_am()
{
	need_tree
	series_repo "$tree" "$work/git_am" <"$work/files"
	for p in $patches; do
		series_am "$work/git_am" "$dir/$p" || { echo "$p does not apply"; return 1; }
	done
}

make_mbox()
{
	[ -s "$work/mbox" ] || "$top/scripts/mbox.sh" "$base" >"$work/mbox" || {
		rm -f "$work/mbox"
		return 1
	}
}

check_mbox_am()
{
	need_tree
	make_mbox || return 1
	all_files | series_repo "$tree" "$work/mbox_am"
	# the cover letter has no diff
	series_am "$work/mbox_am" --empty=drop "$work/mbox"
}

check_b4()
{
	need_tree
	make_mbox || return 1
	all_files | series_repo "$tree" "$work/b4"
	mkdir -p "$work/b4.out"
	# HOME: b4 keeps a cache there
	(cd "$work/b4" && HOME=$work XDG_CACHE_HOME=$work/x XDG_DATA_HOME=$work/x \
		b4 -n --offline-mode --no-stdin am -m "$work/mbox" \
		-o "$work/b4.out" -n series) >"$work/b4.log" 2>&1 || {
		cat "$work/b4.log"
		return 1
	}
	n=$(grep -c '^From [0-9a-f]* Mon Sep 17' "$work/mbox")
	n=$((n - 1))	# the cover
	if ! grep -q "^Total patches: $n\$" "$work/b4.log"; then
		cat "$work/b4.log"
		echo "b4 does not see the $n patches"
		return 1
	fi
	series_am "$work/b4" "$work/b4.out/series.mbx"
}

check_same()
{
	need_tree
	rc=0
	for w in $ways; do
		[ -d "$work/$w" ] || { echo "$w: not applied"; return 1; }
		while read -r f; do
			# a file may be deleted by the series
			if [ -e "$work/git_am/$f" ]; then
				cmp "$work/git_am/$f" "$work/$w/$f" || rc=1
			elif [ -e "$work/$w/$f" ]; then
				echo "$w: $f should be gone"
				rc=1
			fi
		done <"$work/files"
		[ "$w" = git_am ] || [ "$w" = quilt ] ||
			git -C "$work/$w" diff --quiet HEAD || rc=1
	done
	if [ "$(git -C "$work/mbox_am" rev-parse HEAD:)" != "$(git -C "$work/b4" rev-parse HEAD:)" ]; then
		echo "git am of the mbox and b4 give different trees"
		rc=1
	fi
	return $rc
}

check_checkpatch()
{
	if [ -z "$tools" ]; then
		[ -z "$base_tools" ] || { echo "no checkpatch: $(tail -n 1 "$work/fetch.tools")"; return 4; }
		need_tree
	fi
	ignore=$dir/checkpatch.ignore
	[ -e "$ignore" ] || ignore=/dev/null
	if [ -z "$base_tools" ]; then
		make_mbox || return 1
		# The last mail of the mbox:
		awk -v last="$(grep -c '^From [0-9a-f]* Mon Sep 17' "$work/mbox")" '
			/^From [0-9a-f]+ Mon Sep 17/ { n++ } n == last' "$work/mbox" >"$work/selftests"
	fi
	# GIT_DIR: in a git tree, checkpatch runs a script that needs more packages.
	{
		echo "$patches" | sed "s|^|$dir/|"
		[ ! -e "$work/selftests" ] || echo "$work/selftests"
	} | xargs -d '\n' sh -c 'tree=$0; for p; do GIT_DIR=/none perl "$tree/scripts/checkpatch.pl" --strict \
		--show-types --terse --no-summary --root="$tree" "$p"; done; :' \
		"$tools" >"$work/checkpatch" 2>&1
	sed "s|^$dir/||; s|^$work/||" "$work/checkpatch" | awk -v ignore="$ignore" '
	FILENAME == ignore {
		if (/^#/ || !NF)
			next
		reason[$1] = 1
		if (NF == 1) {
			print "checkpatch.ignore: " $1 " has no reason"
			bad = 1
		}
		next
	}
	match($0, /(ERROR|WARNING|CHECK):[A-Z0-9_]+:/) {
		split(substr($0, RSTART, RLENGTH), a, ":")
		type = (/^selftests:/ ? "selftests:" : "") a[2]
		if (type in reason) {
			used[type] = 1
			next
		}
	}
	{ print; bad = 1 }
	END {
		for (t in reason)
			if (!(t in used)) {
				print "checkpatch.ignore: " t " is not needed, remove it"
				bad = 1
			}
		exit bad
	}' "$ignore" -
}

# Options that the touched files need and the guest does not.
extra_config="NFS_FS NFS_V4 NFS_V4_1 NFS_V4_2 INET NETWORK_FILESYSTEMS SWAP TRANSPARENT_HUGEPAGE KFENCE XFS_FS BTRFS_FS OVERLAY_FS MD BLK_DEV_DM DM_SNAPSHOT"

# What is compiled for user-mode Linux alone.
um_object=fs/hostfs/hostfs_kern.o

# The warnings of a build log: no line numbers, no source lines.
warnings()
{
	sed -n -E "s#^(\.\.?/)*([^ :]+):[0-9]+(:[0-9]+)?: ((fatal )?error|warning): #\2: \4: #p" "$1" |
		sort -u
}

# kmake ARG...: make in the copy, quietly. The objects are below the sources, so
# that the compiler sees only relative paths and ccache hits the next time.
kmake()
{
	nice make -C "$src" O=out -s -j"${JOBS:-$(nproc)}" CC="ccache gcc" \
		HOSTCC="ccache gcc" "$@"
}

# The base's own files again, before any patch.
reset()
{
	while read -r f; do
		rm -f "$src/$f"
		[ ! -e "$tree/$f" ] || cp "$tree/$f" "$src/$f"
	done <"$work/files"
}

# A copy of the base by hard links, with a config that has the touched files.
prepare()
{
	need_cmd ccache
	src=$work/src
	export CCACHE_DIR="$cache/ccache" CCACHE_NOHASHDIR=1 CCACHE_BASEDIR="$work"
	objects=$(sed -n 's/\.c$/.o/p' "$work/files" | grep -v "^mm/sl[ao]b\.o$\|^$um_object$")
	[ ! -e "$work/prepared" ] || return 0
	rm -rf "$src"
	need_disk "$cache" 1000
	stage "preparing a tree to compile each patch in" 2>&3
	cp -al "$tree" "$src"
	mkdir "$src/out"
	{
		sed 's/[ \t]*# optional.*//' "$top/kconfig/guest.config"
		printf 'CONFIG_%s=y\n' $extra_config
	} >"$work/all.config"
	kmake KCONFIG_ALLCONFIG="$work/all.config" allnoconfig >"$work/log" 2>&1 &&
	kmake prepare >>"$work/log" 2>&1 || { tail "$work/log"; return 1; }
	: >"$work/prepared"
}

check_build()
{
	need_tree
	prepare
	reset
	targets="mm/ $(echo "$objects" | grep -v '^mm/' || :)"
	kmake W=1 $targets >"$work/log" 2>&1 || {
		grep -E "error:|\*\*\*|No rule" "$work/log"
		echo "the base does not build"
		return 1
	}
	warnings "$work/log" >"$work/old"
	rc=0
	for p in $patches; do
		patch -d "$src" -p1 -s --fuzz=0 <"$dir/$p"
		stage "compiling after $p" 2>&3
		if ! kmake W=1 $targets >"$work/log" 2>&1; then
			grep -E 'error|Error' "$work/log" | head
			echo "$p: does not build"
			return 1
		fi
		warnings "$work/log" | comm -13 "$work/old" - >"$work/new"
		if [ -s "$work/new" ]; then
			sed "s|^|$p: |" "$work/new"
			rc=1
		fi
	done
	# The allocators that the guest does not have.
	for a in SLAB SLOB; do
		o=mm/$(echo $a | tr A-Z a-z).o
		grep -qxF "${o%.o}.c" "$work/files" || continue
		stage "compiling $o" 2>&3
		sed "s/^CONFIG_SLUB=y/CONFIG_$a=y/" "$work/all.config" >"$work/$a.config"
		if ! kmake KCONFIG_ALLCONFIG="$work/$a.config" allnoconfig >"$work/log" 2>&1 ||
		   ! kmake $o >"$work/log" 2>&1; then
			tail "$work/log"
			echo "$o does not build"
			rc=1
		fi
	done
	if grep -qxF "${um_object%.o}.c" "$work/files"; then
		stage "compiling $um_object" 2>&3
		mkdir "$src/um"
		printf 'CONFIG_%s=y\n' 64BIT HOSTFS >"$work/um.config"
		set -- O=um ARCH=um SUBARCH=x86_64
		if ! kmake "$@" KCONFIG_ALLCONFIG="$work/um.config" allnoconfig >"$work/log" 2>&1 ||
		   ! kmake "$@" W=1 "$um_object" >"$work/log" 2>&1; then
			tail "$work/log"
			echo "$um_object does not build"
			rc=1
		fi
		warnings "$work/log"
	fi
	rm -f "$work/prepared"
	return $rc
}

check_sparse()
{
	need_tree
	need_cmd sparse
	prepare
	reset
	old=$(for o in $objects; do [ ! -e "$tree/${o%.o}.c" ] || echo "$o"; done)
	kmake C=2 $old >"$work/log" 2>&1 || { grep -E "error:|\*\*\*|No rule" "$work/log"; return 1; }
	warnings "$work/log" >"$work/old"
	for p in $patches; do
		patch -d "$src" -p1 -s --fuzz=0 <"$dir/$p"
	done
	kmake C=2 $objects >"$work/log" 2>&1 || { grep -E "error:|\*\*\*|No rule" "$work/log"; return 1; }
	warnings "$work/log" | comm -13 "$work/old" - >"$work/new"
	cat "$work/new"
	[ ! -s "$work/new" ]
}

# both WARN: the touched files before and after the series, in folders of their own,
# through WARN FILE..., which prints warnings; those that are new are a failure.
both()
{
	for side in old new; do
		mkdir -p "$work/both/$side"
		copy_files "$tree" "$work/both/$side" <"$work/files"
		[ $side = old ] || for p in $patches; do
			patch -d "$work/both/new" -p1 -s --fuzz=0 <"$dir/$p"
		done
		stage "${1#warn_}: the files $side" 2>&3
		# by line for line: a new place of an old warning is not new
		(cd "$work/both/$side" && "$1" $(find . -name '*.[ch]' | sort)) |
			sed -E 's/:[0-9]+(:[0-9]+(-[0-9]+)?)?:/:/' | sort -u >"$work/warn.$side"
		rm -rf "$work/both/$side"
	done
	comm -13 "$work/warn.old" "$work/warn.new" >"$work/warn"
	cat "$work/warn"
	[ ! -s "$work/warn" ]
}

warn_kerneldoc()
{
	for f; do
		"$tree/scripts/kernel-doc" -none "$f" 2>&1 || echo "$f: kernel-doc fails"
	done | grep -v '^Info:'
}

check_kerneldoc()
{
	need_tree
	need_cmd python3 perl
	both warn_kerneldoc
	# one that fails on both sides has looked at nothing
	! grep ': kernel-doc fails$' "$work/warn.new"
}

# Each script of the kernel that can report, with its own options; some take minutes.
warn_cocci()
{
	find "$tree/scripts/coccinelle" -name '*.cocci' | sort | while read -r c; do
		grep -q '^virtual.*report' "$c" && ! grep -q '^@.*script:ocaml' "$c" && echo "$c"
	done | xargs -P "${JOBS:-$(nproc)}" -I{} sh -c '
		echo "  ${0##*/}" >&3
		ulimit -s 1000000	# deref_null.cocci: 8 MB do not do
		spatch -D report --very-quiet --no-show-diff --cocci-file "$0" \
			$(sed -n "s,^// Options: ,,p" "$0") "$@" </dev/null 2>&1 ||
			echo "$0: spatch fails"' {} "$@"
}

check_cocci()
{
	need_tree
	need_cmd spatch
	both warn_cocci
	# one that fails on both sides has looked at nothing
	! grep ': spatch fails$' "$work/warn.new"
}

stage "hygiene of patches/$base: $(echo "$patches" | wc -l) patches"
ktap_run $checks
