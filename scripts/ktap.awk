# SPDX-License-Identifier: GPL-2.0
# ktap.awk: functions that read KTAP, nested or not, line by line. Use it with
# awk -f ktap.awk -f other.awk; call ktap(line) for each line, and ktap_end().
# Then:
#	ktap_seen	is there a plan or a version line?
#	ktap_pass, ktap_fail, ktap_skip		results, of the innermost tests
#	ktap_why	the first thing that is wrong, or ""
# Nested results are indented by 2 spaces a level, or by "# " (kselftest).

BEGIN {
	ktap_deepest = 0
}

function ktap_wrong(text) {
	if (ktap_why == "")
		ktap_why = text
}

# The results of depth d are at an end: is its plan complete?
function ktap_close(d, of) {
	for (; ktap_deepest >= d; ktap_deepest--) {
		if ((ktap_deepest in kt_plan) && kt_plan[ktap_deepest] != kt_n[ktap_deepest] + 0)
			ktap_wrong("the test output" of " is cut short: " kt_n[ktap_deepest] + 0 " of " kt_plan[ktap_deepest] " results")
		delete kt_plan[ktap_deepest]
		delete kt_n[ktap_deepest]
	}
}

function ktap(line,	d, rest, ok, parent) {
	sub(/\r$/, "", line)
	d = 0
	rest = line
	while (rest ~ /^(  |# )/) {
		rest = substr(rest, 3)
		d++
	}
	if (rest ~ /^Bail out!/) {
		ktap_seen = 1
		ktap_wrong("the tests bailed out: " substr(rest, 10))
	} else if (rest ~ /^(TAP version 13|KTAP version [0-9]+)$/) {
		ktap_seen = 1
		if (d > ktap_deepest)
			ktap_deepest = d
	} else if (rest ~ /^1\.\.[0-9]+([ \t].*)?$/) {
		ktap_seen = 1
		if (d > ktap_deepest)
			ktap_deepest = d
		kt_plan[d] = substr(rest, 4) + 0
		if (kt_plan[d] == 0 && rest ~ /[Ss][Kk][Ii][Pp]/ && !d)
			ktap_skip++
	} else if (rest ~ /^(not )?ok [0-9]+([ \t].*)?$/) {
		ok = rest ~ /^ok/
		if (d > ktap_deepest)
			ktap_deepest = d
		parent = (d + 1) in kt_n
		ktap_close(d + 1, " of \"" rest "\"")
		kt_n[d]++
		if (rest ~ /# *[Ss][Kk][Ii][Pp]/) {
			if (!parent)
				ktap_skip++
		} else if (ok || rest ~ /# *(TODO|XFAIL)/) {
			if (!parent)
				ktap_pass++
		} else {
			if (!parent)
				ktap_fail++
			ktap_wrong(rest)
		}
	}
}

function ktap_end() {
	if (ktap_seen && !(0 in kt_plan))
		ktap_wrong("the test output has no plan")
	ktap_close(0, "")
	ktap_pass += 0
	ktap_fail += 0
	ktap_skip += 0
}
