# SPDX-License-Identifier: GPL-2.0
# verdict.awk: was the run of a guest clean?
#
# awk -f ktap.awk -f verdict.awk -v nonce=N -v ended=HOW [-v limit=S] [-v noise=REGEX]
#	[-v races=FILE] CONSOLE OUTPUT
#
# CONSOLE is what the kernel said, OUTPUT what the command said. HOW the
# emulator ended: "off" (by itself), "timeout" or "error". Prints nothing if
# all is well; else one sentence with the reason, and the lines of the console
# that show it, 5 before and 30 after the first bad one. Exit status: that of
# the command if that is all that is wrong, 1 for any other reason.
#
# A test that provokes kernel messages writes to /dev/kmsg before and after:
#	lean-memcg: expect-begin REGEX
#	lean-memcg: expect-end
# Between these a bad line that matches REGEX (an awk one) is tolerated, and
# stack traces in the 100 lines after it; not what sanitizers and SLUB's checks say of
# memory that is freed, which nobody provokes so. So is one that matches noise.
# With races, so is a KCSAN report between functions that FILE does not list; stderr
# has its title.
#
# With -v list=REGEX it only prints every bad line, and those that match REGEX; of a stack
# trace without one, the message before it.

BEGIN {
	# What is bad, and what to call it. A guest may run out of memory within a
	# cgroup ("Memory cgroup out of memory"), but not as a whole.
	bad("Kernel panic", "the kernel panicked")
	bad("KASAN:", "a KASAN report")
	bad("KCSAN:", "a KCSAN report")
	bad("unreferenced object 0x", "kmemleak found a leak")
	bad("kmemleak: [0-9]+ new suspected", "kmemleak found a leak")
	bad("kmemleak: (Cannot allocate a kmemleak_object|Memory pool empty|Kernel memory leak detector disabled)|^init: /sys/kernel/debug/kmemleak", "kmemleak that is off")
	bad("UBSAN:", "a UBSAN report")
	bad("WARNING: possible |WARNING: inconsistent |possible circular locking|possible recursive locking|inconsistent lock state|bad unlock balance|possible irq lock inversion|-safe -> .*-unsafe lock order|held lock freed|lock held when returning|INFO: trying to register non-static key|INFO: lockdep is turned off|[Ss]uspicious RCU usage|suspicious rcu_dereference", "a lockdep report")
	bad("BUG: sleeping function called|BUG: scheduling while atomic|BUG: Invalid wait context", "sleeping in atomic context")
	bad("rcu: INFO: .*(stall|detected)|rcu_[a-z]+ (self-detected|detected) stall|rcu_.*kthread starved", "an RCU stall")
	bad("blocked.* for more than [0-9]+ seconds", "a hung task")
	bad("soft lockup|hard LOCKUP", "a lockup")
	bad("(^|[^A-Za-z])BUG[: ]", "a kernel BUG")
	bad("kernel BUG at", "a kernel BUG")
	bad("Oops", "a kernel oops")
	bad("general protection fault|Unable to handle kernel|unable to handle", "a kernel oops")
	bad("WARNING: ", "a kernel WARNING")
	bad("list_(add|del) corruption", "a corrupted list")
	bad("ODEBUG: [^0-9]", "a debug-objects report")
	bad("Out of memory|oom-kill:constraint=CONSTRAINT_(NONE|CPUSET|MEMORY_POLICY)", "the guest ran out of memory")
	bad("refcount_t: ", "a refcount report")
	bad("Slab cache still has objects|Objects remaining in", "a cache with objects")
	bad(": Unknown symbol ", "a module of another kernel")
	# when is a matter of time, and who compares lists would differ by it
	if (list == "")
		bad("printk messages dropped", "a console that lost lines")
	bad("Call Trace:", "a kernel stack trace")
	bad("I/O error|EXT4-fs error|XFS .*(Corruption|shut ?down|Internal error)", "a file system error")
	unprovoked = "KASAN:|KCSAN:|UBSAN:|overwritten|already free|corrupt|Wrong object"
	report_max = 100
	while (races != "" && (getline f < races) > 0)
		ours[f] = 1
}

# Is a KCSAN report, "... in f / g" or "... in f", about others' functions alone?
function elsewhere(line,	n, i, f) {
	if (races == "" || !sub(/.*BUG: KCSAN: .* in /, "", line))
		return 0
	n = split(line, f, " / ")
	for (i = 1; i <= n; i++) {
		sub(/[. +].*/, "", f[i])
		if (f[i] in ours)
			return 0
	}
	return 1
}

function bad(re, what) {
	bad_re[++nr_bad] = re
	bad_what[nr_bad] = what
}

FNR == 1 { file++ }
FNR == 1 && file == 1 && FILENAME != ARGV[1] { file = 2 }	# an empty console

# The console.
file == 1 {
	sub(/\r$/, "")
	gsub(/\033\[[0-9;?]*[A-Za-z]/, "")
	con[++nr_con] = $0
	line = $0
	sub(/^(<[0-9]+>)?\[ *[0-9]+\.[0-9]+\](\[[^]]*\])? ?/, "", line)
	if (line ~ /Linux version /)
		if (boots++ && why == "") { why = "the guest rebooted"; at = nr_con }
	if (line ~ /^lean-memcg: expect-begin /) {
		expect = substr(line, 26)
		next
	}
	if (line ~ /^lean-memcg: expect-end/) {
		expect = ""
		tolerated = 0
		next
	}
	# The trace of an OOM kill says nothing, nor that of a victim whose memory is
	# not reaped since its mmap lock is taken; whose kill it was comes below it.
	if ((expect != "" && line ~ expect && line !~ unprovoked) || (noise != "" && line ~ noise) ||
	    line ~ /invoked oom-killer|^oom_reaper: unable to reap/) {
		tolerated = nr_con
		next
	}
	if (elsewhere(line)) {
		sub(/.*BUG: /, "", line)
		others[line]++
		tolerated = nr_con
		next
	}
	if (list != "") {
		if (line ~ list)
			print line
		if (line !~ /^(CPU|Hardware name|Workqueue|Tainted): |Call Trace:/)
			message = line
	}
	if (at)
		next
	for (i = 1; i <= nr_bad; i++)
		if (line ~ bad_re[i])
			break
	if (i > nr_bad)
		next
	if (tolerated && nr_con - tolerated <= report_max && bad_re[i] == "Call Trace:")
		next
	if (list != "") {
		print bad_what[i] ": " (bad_re[i] == "Call Trace:" ? message : line)
		tolerated = nr_con
		next
	}
	why = bad_what[i]
	at = nr_con
	next
}

# The command's output.
{
	mark = "lean-memcg: exit [0-9]+ " nonce "$"
	if (match($0, mark)) {
		split(substr($0, RSTART), word, " ")
		status = word[3]
		ended_well = 1
		$0 = substr($0, 1, RSTART - 1)
		if ($0 == "")
			next
	}
	ktap($0)
	if (NF)
		last = $0
}

function show(first, end,	i) {
	if (first < 1)
		first = 1
	for (i = first; i <= end && i <= nr_con; i++)
		print "    " con[i]
}

END {
	if (list != "")
		exit 0
	ktap_end()
	for (i in others)
		print "lean-memcg: guest: not in our files, times " others[i] ": " i >"/dev/stderr"
	if (ended == "error")
		why = "the emulator failed"
	else if (why == "" && ended_well && ended == "timeout")
		why = "the guest did not power off within " limit " seconds"
	else if (why == "" && ended_well && !boots)
		why = "the kernel said nothing on the console"
	if (why != "") {
		print why
		show(at ? at - 5 : nr_con - 15, at ? at + 30 : nr_con)
		exit 1
	}
	if (!ended_well) {
		if (ended == "timeout")
			why = "the guest did not end within " limit " seconds"
		else
			why = "the guest ended before the command did"
		if (!boots)
			why = why ", and the kernel said nothing: it does not boot"
		else if (last != "")
			why = why "; the last output was: " last
		print why
		show(nr_con - 15, nr_con)
		exit 1
	}
	if (ktap_seen && ktap_why != "") {
		print (ktap_fail ? "a test failed: " : "") ktap_why
		exit status ? status : 1
	}
	if (status) {
		print "the command ended with status " status
		exit status
	}
}
