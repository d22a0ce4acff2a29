#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# mbox.sh BASE: the whole series as one mbox on stdout, for `git am FILE` and
# `b4 am -m FILE`: cover letter with diffstat and base, the patches, and the
# selftests as the last patch, unless they can't be built in such an old tree
# (base_tools). The same input gives the same bytes.
#
# The series must apply: each patch goes through git am on the files it touches.
# base-commit: needs the id of a public commit; it comes from base_commit= in
# patches/BASE/base.conf and is left out when that is empty, since b4 takes
# anything else for a wrong commit.
# Errors: one sentence on stderr, status 1, nothing on stdout.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/series.sh"

load_base "${1:-}"
need_cmd git awk sed
dir=$top/patches/$base
[ -s "$dir/cover" ] || die "$dir/cover is missing; write the cover letter, subject line first"
[ -n "$(series_list "$dir")" ] || die "$dir/series names no patch"
tree=$("$top/scripts/fetch.sh" "$base")
version=$(kernel_version "$tree") || die "$tree is no kernel tree"

scratch_dir
work=$scratch
repo=$work/repo

{ series_files "$dir"; echo $selftest_dir/Makefile; } | series_repo "$tree" "$repo"
for p in $(series_list "$dir"); do
	series_am "$repo" "$dir/$p" >"$work/am" 2>&1 ||
		die "$p does not apply to $version: $(head -n 1 "$work/am")"
done

selftests() {
	# The last patch, dated like the one before it.
	GIT_AUTHOR_DATE=$(git -C "$repo" log -1 --format=%ad --date=raw)
	GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
	export GIT_AUTHOR_DATE GIT_COMMITTER_DATE
	add_selftests "$repo"
	git -C "$repo" add -A
	git -C "$repo" commit -q -F - <<'EOM'
selftests: add memcg_slab

Test what per-cgroup metadata of slab caches and LRU lists costs, and that
the lists still do their work:

  footprint  cgroups x mounts cost nothing that neither costs alone
  isolation  a cgroup's limit reclaims its own objects, and nobody else's
  reparent   what a removed cgroup had cached is found in its parent
  reclaim    each route of reclaim finds everything, also while cgroups go
  folios     the same for huge pages to be split, and pages of zswap
  ids        cgroups beyond the points where the space of their ids grows
  churn      all at once, on every node
  enomem     each allocation of a call fails once, by failslab
  mounts     more mounts than two pages of memory have bits for
  hotplug    memory of a node and CPUs come and go meanwhile
  kmemcg     caches of cgroups, where each has its own (before 5.9)
  alias      a cache whose destruction failed is not shared again
  destroy    one rcu_barrier() for a destruction, counted by a kprobe

The tests need root, and most a memory controller, v1 or v2. Each skips,
with the reason, what the kernel lacks (config has what they want), and
cleans up after itself. Some use modules, which are built by

  make -C tools/testing/selftests/memcg_slab module KDIR=... OUTPUT=...

and looked for beside the tests. load_* are workloads, most of them to be
run on two kernels for figures that are compared; the runner does not start
them.

Signed-off-by: lean-memcg <lean-memcg@example.org>
EOM
}
[ -n "$base_tools" ] || selftests

tip=$(git -C "$repo" rev-parse HEAD)
# patches that git am would have kept as they are must not be folded or renamed
git -C "$repo" format-patch --stdout --cover-letter --thread=shallow \
	--abbrev=12 --signature=lean-memcg --subject-prefix="$base_subject" \
	--no-renames base..HEAD >"$work/raw"

# b4 can not take a folded subject
awk '
/^From [0-9a-f]+ Mon Sep 17 / { head = 1 }
$0 == "" { head = 0 }
head && /^[ \t]/ { sub(/^[ \t]+/, " ") ; printf "%s", $0; next }
{ printf "%s%s", (NR > 1 ? "\n" : ""), $0 }
END { print "" }' "$work/raw" >"$work/unfolded"
sed -E '/^(Message-I[dD]|In-Reply-To|References): /{
	s/<cover\.[0-9]+\./<cover.'"$(echo "$tip" | cut -c 1-12)"'./
	s/<([0-9a-f]{12})[0-9a-f]{28}\.[0-9]+\./<\1./
}' "$work/unfolded" >"$work/mails"
awk -v cover="$dir/cover" -v version="v$version" -v commit="$base_commit" '
function trailer() {
	print "base-version: " version
	if (commit != "")
		print "base-commit: " commit
}
!subject && sub(/\*\*\* SUBJECT HERE \*\*\*/, "") {
	getline title <cover
	sub(/^Subject: */, "", title)
	print $0 title
	subject = 1
	next
}
!blurb && $0 == "*** BLURB HERE ***" {
	getline line <cover		# the empty line after the subject
	if (line != "")
		print line
	while ((getline line <cover) > 0)
		print line
	blurb = 1
	next
}
blurb && !signed && $0 == "-- " {
	trailer()
	signed = 1
}
{ print }' "$work/mails"
