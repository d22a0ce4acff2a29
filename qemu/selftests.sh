#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# selftests.sh: in the guest as /selftests/run.sh: runs the selftests and
# prints one KTAP, each program's own nested in it.
# Usage: run.sh [-l] [-t SECONDS] [TEST...]
#	-l	list the tests	-t	the time that one test may take (600)
# Without names it runs all. Exit status: 0 if none failed.
cd "$(dirname "$0")" || exit 1
limit=600
while getopts lt: opt; do
	case $opt in
	l) exec cat tests ;;
	t) limit=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- $(cat tests)
for t; do
	grep -qxF "$t" tests || { echo "no test '$t'; known: $(echo $(cat tests))"; exit 2; }
done

echo "KTAP version 1"
echo "1..$#"
n=0
bad=0
for t; do
	n=$((n + 1))
	{ timeout "$limit" "./$t" 2>&1; echo $? >/tmp/status; } |
	while IFS= read -r line; do
		printf '  %s\n' "$line"
	done
	read -r status </tmp/status
	case $status in
	0) echo "ok $n $t" ;;
	4) echo "ok $n $t # SKIP" ;;
	124 | 143) echo "not ok $n $t # it did not end in $limit seconds"; bad=1 ;;
	*) echo "not ok $n $t # exit status $status"; bad=1 ;;
	esac
done
exit $bad
