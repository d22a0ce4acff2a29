# SPDX-License-Identifier: GPL-2.0
# checks.sh: run shell functions as KTAP tests. To be sourced.
#
# ktap_run NAME...   runs check_NAME for each, in a subshell under `set -e`,
#                    and prints the plan and one result line each. What a check
#                    prints is shown as diagnostics when it does not pass.
#                    Returns 0 when none failed.
# In a check: `return 4` after one line of text skips, with that as the reason;
# any other non-zero status fails. Progress for people goes to descriptor 3.

ktap_run()
{
	_n=0 _bad=0
	_log=$(mktemp)
	printf 'KTAP version 1\n1..%d\n' $#
	for _c; do
		_n=$((_n + 1))
		set +e
		(set -e; "check_$_c") 3>&2 >"$_log" 2>&1 </dev/null
		_rc=$?
		set -e
		case $_rc in
		0) echo "ok $_n $_c" ;;
		4) echo "ok $_n $_c # SKIP $(tail -n 1 "$_log")" ;;
		*) _bad=$((_bad + 1))
		   sed 's/^/# /' "$_log"
		   echo "not ok $_n $_c" ;;
		esac
	done
	rm -f "$_log"
	[ $_bad -eq 0 ]
}
