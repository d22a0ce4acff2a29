#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# deps.sh: install the Debian packages that are missing, as root or by sudo;
# else say in one sentence what to install. Does nothing when all are there.
# Usage: scripts/deps.sh [all]	all: those of "make check-long" as well
set -eu
. "$(dirname "$0")/lib.sh"

missing=
probes=$(packages)
while read -r package probe long; do
	[ -z "$long" ] || [ "${1:-}" = all ] || continue
	has "$probe" || missing="$missing $package"
done <<EOT
$probes
EOT
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
	as_root="sudo -n"
	sudo -n true 2>/dev/null || as_root=none
fi
command -v apt-get >/dev/null 2>&1 || as_root=none
[ "$as_root" != none ] || die "packages are missing; as root: apt-get install --no-install-recommends$missing"

stage "installing$missing"
install() {
	# env: sudo has an environment of its own
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install \
		--no-install-recommends $missing </dev/null
}
scratch_dir
if ! install >"$scratch/log" 2>&1; then
	# On a new machine the package lists are missing or old.
	$as_root apt-get -qq update >"$scratch/log" 2>&1 &&
	install >>"$scratch/log" 2>&1 || {
		tail -n 5 "$scratch/log" >&2
		die "apt-get can't install:$missing"
	}
fi
