# SPDX-License-Identifier: GPL-2.0
# series.sh: what a patch series is made of. To be sourced after lib.sh.
#
# series_list DIR          the patches in order, one file name a line
# series_files DIR         the files that they touch, sorted
# copy_files TREE DEST     copies the files named on stdin that TREE has
# series_repo TREE DEST    a git repository of only the files named on stdin
# series_am DEST FILE...   git am in DEST, silent unless it fails
# add_selftests DEST       adds selftests/ and its TARGETS line to a kernel
#                          tree; replaces files, never writes into one, so DEST
#                          may be made of hard links

# Same input, same bytes: nothing of the user's settings, clock or name.
export LC_ALL=C TZ=UTC GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_COMMITTER_NAME=lean-memcg GIT_COMMITTER_EMAIL=lean-memcg@example.org
export GIT_AUTHOR_NAME=lean-memcg GIT_AUTHOR_EMAIL=lean-memcg@example.org
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE QUILT_PC QUILT_SERIES 2>/dev/null || :

selftest_dir=tools/testing/selftests

series_list()
{
	sed 's/[[:space:]]*#.*//; s/[[:space:]].*//; /^$/d' "$1/series"
}

series_files()
{
	series_list "$1" | (cd "$1" && while read -r _p; do
		[ ! -e "$_p" ] || GIT_DIR=/nonexistent git apply --numstat "$_p"
	done) | cut -f 3 | sort -u
}

copy_files()
{
	while read -r _f; do
		[ -e "$1/$_f" ] || continue
		mkdir -p "$2/$(dirname "$_f")"
		cp "$1/$_f" "$2/$_f"
	done
}

series_repo()
{
	mkdir -p "$2"
	copy_files "$1" "$2"
	git -C "$2" init -q -b series
	git -C "$2" config user.name "$GIT_AUTHOR_NAME"	# b4 fails without
	git -C "$2" config user.email "$GIT_AUTHOR_EMAIL"
	git -C "$2" add -A -f
	GIT_AUTHOR_DATE='@0 +0000' GIT_COMMITTER_DATE='@0 +0000' \
		git -C "$2" commit -q --allow-empty -m base
	git -C "$2" tag base
}

series_am()
{
	_dest=$1
	shift
	# -c: whatever whitespace a patch has is checkpatch's to judge
	git -C "$_dest" -c core.whitespace=-trailing-space,-space-before-tab \
		am --quiet --committer-date-is-author-date "$@"
}

add_selftests()
{
	_to=$1/$selftest_dir/memcg_slab
	[ -e "$1/$selftest_dir/Makefile" ] ||
		die "$1 has no $selftest_dir/Makefile; give a whole kernel tree"
	mkdir -p "$_to"
	# What .gitignore leaves out (built programs) stays out.
	_git=$(mktemp -d)
	git init -q "$_git"
	git --git-dir="$_git/.git" --work-tree="$top/selftests" \
		ls-files -o --exclude-standard |
	while read -r _f; do
		mkdir -p "$_to/$(dirname "$_f")"
		cp --remove-destination "$top/selftests/$_f" "$_to/$_f"
	done
	rm -rf "$_git"
	awk -v new=memcg_slab '
	!done && /^TARGETS *\+?= *[a-z]/ && $3 >= new {
		if ($3 != new)
			print "TARGETS += " new
		done = 1
	}
	{ print }' "$1/$selftest_dir/Makefile" >"$1/$selftest_dir/Makefile.new"
	mv "$1/$selftest_dir/Makefile.new" "$1/$selftest_dir/Makefile"
}
