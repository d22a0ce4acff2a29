# SPDX-License-Identifier: GPL-2.0
# others.awk: compares the results that others-read.awk prints.
#
#	awk -v mode=differing|verdict -f others.awk LIST RESULTS
#
# differing: the lines of LIST whose test has another result on the patched kernel
# than on the base, in any part of it. verdict: KTAP for all of LIST and a summary;
# status 1 if there is a difference.

BEGIN { FS = "\t" }

FILENAME == ARGV[1] {
	line[++nr] = $0
	name[nr] = $2
	next
}

# What a test, or a part of it, said in a run. A test without "-" has no end.
{
	side = $1; run = $2; test = $3; part = $4; status = $5
	if (test == "CONSOLE") {
		splat[status] = 1
		if (!index(where[side, status], part))
			where[side, status] = where[side, status] (where[side, status] == "" ? "" : ", ") part
		next
	}
	if (part == "-")
		runs[side, test] = runs[side, test] run " "
	else if (!((test, part) in known)) {
		known[test, part] = 1
		parts[test] = parts[test] part "\t"
	}
	got[side, test, part, run] = status
	if (why[side, test, part] == "" && status != "pass")
		why[side, test, part] = $7
}

# all(SIDE, TEST, PART): "fail*3 pass": what it said in all runs
function all(side, test, part,	n, r, i, s, count, order, m, text) {
	n = split(runs[side, test], r, " ")
	for (i = 1; i <= n; i++) {
		s = ((side, test, part, r[i]) in got) ? got[side, test, part, r[i]] : "absent"
		if (!count[s]++)
			order[++m] = s
	}
	text = ""
	for (i = 1; i <= m; i++)
		text = text (i > 1 ? " " : "") order[i] (n > 1 ? "*" count[order[i]] : "")
	return m ? text : "not run"
}

function kinds(text) {
	gsub(/\*[0-9]+/, "", text)
	return " " text " "
}

function common(a, b,	n, word, i) {
	n = split(kinds(a), word, " ")
	for (i = 1; i <= n; i++)
		if (index(kinds(b), " " word[i] " "))
			return 1
	return 0
}

# look(TEST, PART): "same", "differs" or "unstable"; sets on_base and on_patched
function look(test, part) {
	on_base = all("base", test, part)
	on_patched = all("patched", test, part)
	if (kinds(on_base) == kinds(on_patched) && kinds(on_base) ~ /^ [^ ]* $/)
		return "same"
	if (kinds(on_base " " on_patched) ~ /absent/ && kinds(on_base " " on_patched) !~ /fail|timeout|died/)
		return "unstable"	# a name that has a number, for one
	return common(on_base, on_patched) ? "unstable" : "differs"
}

function note(text) {
	notes[++nr_notes] = text
}

function because(test, part,	w) {
	w = why["base", test, part]
	if (w == "" || w == "-")
		w = why["patched", test, part]
	return w == "" || w == "-" ? "" : ": " w
}

END {
	if (mode == "verdict")
		print "KTAP version 1\n1.." nr + 1
	for (i = 1; i <= nr; i++) {
		test = name[i]
		n = split("-\t" parts[test], of, "\t") - 1
		bad = 0
		for (j = 1; j <= n; j++) {
			v = look(test, of[j])
			label = of[j] == "-" ? test : test ": " of[j]
			nr_parts += of[j] != "-"
			if (v == "same" && on_base ~ /fail|timeout|died/) {
				bad_both += of[j] != "-"
				if (of[j] != "-")
					note("fails on both: " label because(test, of[j]))
			}
			if (v == "same")
				continue
			bad = 1
			if (v == "differs") {
				differs++
				note("DIFFERS: " label ": base " on_base ", patched " on_patched because(test, of[j]))
				is_different[test] = 1
			} else {
				unstable++
				note("unstable: " label ": base " on_base ", patched " on_patched because(test, of[j]))
			}
		}
		if (mode == "differing") {
			if (bad)
				print line[i]
			continue
		}
		v = look(test, "-")
		if (is_different[test]) {
			print "not ok " i " " test (v == "same" ? " # results within it differ" : " # base: " on_base ", patched: " on_patched)
			bad_tests++
		} else if (v == "unstable") {
			print "ok " i " " test " # XFAIL unstable, base: " on_base ", patched: " on_patched
			shaky++
		} else if (kinds(on_base) == " pass ") {
			print "ok " i " " test
			passed++
		} else if (kinds(on_base) == " skip ") {
			print "ok " i " " test " # SKIP" substr(because(test, "-"), 2)
			skipped++
		} else {
			print "ok " i " " test " # XFAIL on both: " on_base because(test, "-")
			failed++
		}
	}
	if (mode == "differing")
		exit
	for (text in splat) {
		if (where["base", text] == "") {
			alone++
			note("DIFFERS: only on the patched kernel's console: " text " (" where["patched", text] ")")
		} else
			note("on the base's console " (where["patched", text] == "" ? "alone" : "as well") ": " text " (" where["base", text] ")")
	}
	print (alone ? "not ok " : "ok ") nr + 1 " no kernel message that the base does not have"
	for (i = 1; i <= nr_notes; i++)
		print "# " notes[i]
	printf "# %d tests: %d pass on both, %d are skipped on both, %d fail on both, %d unstable, %d differ\n",
		nr, passed, skipped, failed, shaky, bad_tests
	printf "# %d results within them: %d fail on both, %d unstable, %d differ (tests included); %d console messages of the patched kernel alone\n",
		nr_parts, bad_both, unstable, differs, alone
	exit bad_tests || alone ? 1 : 0
}
