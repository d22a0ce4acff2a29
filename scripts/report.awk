# SPDX-License-Identifier: GPL-2.0
# report.awk: the before/after table, from the metric lines of the runs.
#
#	awk -v format=txt|md|data [-v ratio=1] -f report.awk LIMITS col=base LOG... \
#		col=patched LOG... col=floor LOG...
#
# A log has lines "# metric NAME VALUE UNIT"; all others are ignored; the last
# of a name counts. LIMITS has the rows, in order (see patches/*/limits):
#
#	NAME REF FACTOR OFFSET UNIT LABEL...
#
# and says that patched must be <= FACTOR * REF + OFFSET, where REF is base,
# floor, one (a plain number) or "-" (shown, not judged). Status 1 when a row
# misses its limit or has no data. With ratio there is a column patched / base. As
# data a line is: NAME base patched floor verdict, the figures as they are.

# commas S: 1234.5 becomes 1,234.5
function commas(s,	tail) {
	tail = ""
	if (match(s, /\./)) {
		tail = substr(s, RSTART)
		s = substr(s, 1, RSTART - 1)
	}
	for (; length(s) > 3; s = substr(s, 1, length(s) - 3))
		tail = "," substr(s, length(s) - 2) tail
	return s tail
}

# number V COUNT: three digits, or all that stand before the point
function number(v, count,	a) {
	if (count)
		return commas(sprintf("%d", v))
	a = v < 0 ? -v : v
	return (v < 0 ? "-" : "") commas(sprintf(a >= 99.95 ? "%.0f" : a >= 9.995 ? "%.1f" : "%.2f", a))
}

function cell(col, i) {
	return ((col, name[i]) in value) ? number(value[col, name[i]], count[i]) : "-"
}

# must ROW: the limit in words
function must(i,	s) {
	if (ref[i] == "-")
		return ""
	if (ref[i] == "one")
		return "<= " number(factor[i] + offset[i], count[i])
	s = "<= " (factor[i] == 1 ? ref[i] : factor[i] " x " ref[i])
	if (offset[i] != 0)
		s = s " + " offset[i]
	return s
}

function quotient(i) {
	if (!(("patched", name[i]) in value) || !value["base", name[i]])
		return ""
	return sprintf("%.3f", value["patched", name[i]] / value["base", name[i]])
}

# raw COL ROW: the figure as it is
function raw(col, i) {
	return ((col, name[i]) in value) ? value[col, name[i]] : "-"
}

function verdict(i,	limit) {
	if (!(("patched", name[i]) in value))
		return "NO DATA"
	if (ref[i] == "-")
		return ""
	if (ref[i] != "one" && !((ref[i], name[i]) in value))
		return "NO DATA"
	limit = factor[i] * (ref[i] == "one" ? 1 : value[ref[i], name[i]]) + offset[i]
	return value["patched", name[i]] <= limit ? "ok" : "MISSED"
}

function row(a, b, c, d, r, e, f) {
	n++
	split(a SUBSEP b SUBSEP c SUBSEP d SUBSEP r SUBSEP e SUBSEP f, cells, SUBSEP)
	for (k = 1; k <= 7; k++) {
		table[n, k] = cells[k]
		if (length(cells[k]) > width[k])
			width[k] = length(cells[k])
	}
}

col == "" && !/^#/ && NF >= 6 {
	rows++
	name[rows] = $1
	ref[rows] = $2
	factor[rows] = $3
	offset[rows] = $4
	text = ""
	for (k = 6; k <= NF; k++)
		text = text $k " "
	count[rows] = $5 == "calls"
	label[rows] = text ($5 == "-" ? "" : "(" $5 ")")
	next
}

col != "" && /^[# ]*# *metric [^ ]+ -?[0-9.]/ {
	sub(/^[# ]*metric /, "")
	sub(/\r$/, "")
	value[col, $1] = $2 + 0
}

END {
	if (!rows) {
		print "report.awk: no rows in the limits file" >"/dev/stderr"
		exit 2
	}
	row("", "base", "patched", "floor", "ratio", "must", "verdict")
	for (i = 1; i <= rows; i++) {
		v = verdict(i)
		if (v == "MISSED" || v == "NO DATA")
			status = 1
		if (format == "data")
			print name[i], raw("base", i), raw("patched", i), raw("floor", i), v
		row(label[i], cell("base", i), cell("patched", i),
		    cell("floor", i), quotient(i), must(i), v)
	}
	if (format == "data")
		exit status
	for (i = 1; i <= n; i++) {
		line = format == "md" ? "|" : ""
		for (k = 1; k <= 7; k++) {
			if (k == 5 && !ratio)
				continue
			# numbers to the right
			w = (k >= 2 && k <= 5) ? width[k] : -width[k]
			line = line (format == "md" ? " " : k > 1 ? "  " : "") \
				sprintf("%*s", w, table[i, k]) (format == "md" ? " |" : "")
		}
		sub(/ +$/, "", line)
		print line
		if (i == 1 && format == "md")
			print "| --- | ---: | ---: | ---: |" (ratio ? " ---: |" : "") " --- | --- |"
	}
	exit status
}
