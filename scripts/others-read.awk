# SPDX-License-Identifier: GPL-2.0
# others-read.awk: the results of a guest that ran qemu/others.sh.
#
#	awk -v side=S -v run=N -f others-read.awk SPLATS LOG
#
# LOG is what it printed, SPLATS what verdict.awk -v list=REGEX found on its console.
# Prints "SIDE RUN TEST SUBTEST STATUS SECONDS REASON" with tabs between, "-" as the
# SUBTEST for the whole test, for a test and each (nested) result it printed;
# or, for a splat, "CONSOLE", the test it was in, the text and "-" twice.

BEGIN { OFS = "\t" }

function say(sub_, status, why) {
	gsub(/\t/, " ", why)
	print side, run, test, sub_, status, took == "" ? "-" : took, why == "" ? "-" : why
}

# A result in the test's output. What follows "#" is no part of the name, nor are
# numbers that no two runs share.
function subtest(status, text,	why) {
	why = ""
	if (match(text, /# */)) {
		why = substr(text, RSTART + RLENGTH)
		text = substr(text, 1, RSTART - 1)
	}
	if (why ~ /^[Ss][Kk][Ii][Pp]/)
		status = "skip"
	else if (why ~ /^(TODO|XFAIL)/)
		status = "xfail"
	if (status ~ /skip|xfail/ && text !~ /[^ \t-]/) {	# some say "ok 1 # SKIP name"
		text = why
		sub(/^[A-Za-z]+/, "", text)
	}
	gsub(/0x[0-9a-f]+/, "0xN", text)
	gsub(/\/proc\/[0-9]+/, "/proc/N", text)
	gsub(/[ \t]+/, " ", text)
	gsub(/^[- ]+|[- ]+$/, "", text)
	if (text == "")
		text = "(no name)"
	# The same again: a child that ends writes the output its parent had buffered.
	if ((text, status) in said)
		return
	said[text, status] = 1
	if (++seen[text] > 1)
		text = text " #" seen[text]
	names++
	key[names] = text
	value[names] = status
	reason[names] = why
}

FILENAME == ARGV[1] {
	if (sub(/^others: begin /, ""))
		test = $0
	else {
		gsub(/0x[0-9a-f]+|[0-9]+/, "N")
		print side, run, "CONSOLE", test == "" ? "boot" : test, $0, "-", "-"
	}
	next
}

/^others: begin / {
	test = substr($0, 15)
	names = 0
	last = skipped = running = ""
	split("", seen)
	split("", said)
	next
}

/^\| / {
	line = substr($0, 3)
	bare = line
	while (sub(/^(# |  |\t)/, "", bare))
		;
	if (match(bare, /^ok [0-9]+/))
		subtest("pass", substr(bare, RLENGTH + 1))
	else if (match(bare, /^not ok [0-9]+/))
		subtest("fail", substr(bare, RLENGTH + 1))
	else if (line ~ /^running /)
		running = substr(line, 9)
	else if (running != "" && line ~ /^\[(PASS|FAIL|SKIP)\]/) {
		subtest(line ~ /PASS/ ? "pass" : line ~ /FAIL/ ? "fail" : "skip", running)
		running = ""
	}
	if (skipped == "" && tolower(line) ~ /skip|not implemented/)
		skipped = bare
	if (bare ~ /[a-z]/)
		last = bare
	next
}

/^others: end / {
	n = split($0, word, " ")
	took = word[n]
	status = word[n - 1]
	if (status == 0)
		status = "pass"
	else if (status == 4)
		status = "skip"
	else if (status != "timeout") {
		last = "status " status ": " last
		status = "fail"
	}
	say("-", status, status == "skip" && skipped != "" ? skipped : status == "pass" ? "" : last)
	for (i = 1; i <= names; i++)
		say(key[i], value[i], reason[i])
	test = ""
}

END {
	if (test != "") {
		took = "-"
		say("-", "died", "the guest ended")
	}
}
