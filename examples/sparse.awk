# SPDX-License-Identifier: MIT
#
# Logs of libffm, libsvm or Vowpal Wabbit to CSV. The file is read twice, to find the columns first:
#
#     awk -v from=libffm -f examples/sparse.awk log.ffm log.ffm > log.csv
#     awk -v from=libsvm -f examples/sparse.awk log.svm log.svm > log.csv
#     awk -v from=vw     -f examples/sparse.awk log.vw  log.vw  > log.csv
#
# and the options of apg train that read the columns as they were meant are written to standard error.
#
# A group (libffm's field, Vowpal Wabbit's namespace, all of libsvm) is a column of tokens, several with a bar between
# them where a row has several, which apg reads by --multi. A feature with other values than 1 is a column of numbers,
# GROUP.FEATURE, if its group has no more than `most` such features (libffm 1, else 500); otherwise it is a token, and
# its values are lost, which is told. In libsvm's text a group of up to `own` features (200) is a column for each. What
# a row does not have is an empty cell. Vowpal Wabbit's weights of rows are the column weight, tags the column tag; the
# weights of namespaces are lost. Labels stay as they are: -1 is 0 to apg. Files that are converted apart can differ in
# a column: in one of them a feature may always be 1.

function cell(s) {
    if (s ~ /[",]/) {
        gsub(/"/, "\"\"", s)
        s = "\"" s "\""
    }
    return s
}

# A feature of the row at hand.
function feature(group, name, value) {
    g[++n] = group
    f[n] = name
    v[n] = value
}

function parse_ffm(   i, part) {
    label = $1
    for (i = 2; i <= NF; i++)
        if (split($i, part, ":") == 3)
            feature("f" part[1], part[2], part[3])
}

function parse_svm(   i, part) {
    label = $1
    for (i = 2; i <= NF && $i !~ /^#/; i++)
        if (split($i, part, ":") == 2 && part[1] != "qid")
            feature("x", part[1], part[2])
}

function parse_vw(   space, spaces, name, words, word, i, at) {
    spaces = split($0, space, "|")
    words = split(space[1], word, " ")
    label = word[1] ~ /^[-+.0-9]+$/ ? word[1] : ""
    weight = words > 1 && word[2] ~ /^[-+.0-9e]+$/ ? word[2] : ""
    tag = words && word[words] !~ /^[-+.0-9e]+$/ ? word[words] : ""
    sub(/^'/, "", tag)
    for (at = 2; at <= spaces; at++) {
        words = split(space[at], word, " ")
        name = space[at] ~ /^[^ ]/ ? word[1] : "x"
        sub(/:.*/, "", name)
        for (i = space[at] ~ /^[^ ]/ ? 2 : 1; i <= words; i++)
            if (match(word[i], /:[^:]*$/))
                feature(name, substr(word[i], 1, RSTART - 1), substr(word[i], RSTART + 1))
            else
                feature(name, word[i], 1)
    }
}

function parse() {
    n = 0
    label = weight = tag = ""
    if (from == "libffm")
        parse_ffm()
    else if (from == "libsvm")
        parse_svm()
    else
        parse_vw()
}

# The column of a feature.
function column(group, name) {
    if (number[group, name] && numbers[group] <= most)
        return features[group] > 1 ? group "." name : group
    return features[group] <= own ? group "." name : group
}

# The file is read for the second time: its columns are known.
function begin_rows(   i, part, name) {
    for (i = 1; i <= all; i++) {
        split(seen[i], part, SUBSEP)
        name = column(part[1], part[2])
        if (!(name in place)) {
            place[name] = ++columns
            title[columns] = name
        }
        if (number[part[1], part[2]] && numbers[part[1]] <= most)
            is_number[name] = 1
        else if (number[part[1], part[2]])
            lost[name] = 1
    }
    printf "label%s%s", weights ? ",weight" : "", tags ? ",tag" : ""
    for (i = 1; i <= columns; i++)
        printf ",%s", cell(title[i])
    printf "\n"
}

# " --OPTION a,b", of the columns of KIND.
function list(option, kind,   i, text) {
    for (i = 1; i <= columns; i++)
        if (kind == (title[i] in is_number ? "number" : most_tokens[i] > 1 ? "tokens" : "token"))
            text = text (text == "" ? " --" option " " : ",") cell(title[i])
    return text
}

BEGIN {
    if ((from != "libffm" && from != "libsvm" && from != "vw") || ARGC != 3) {
        print "sparse.awk: -v from=libffm, libsvm or vw, and the file twice, as it is read twice" > "/dev/stderr"
        exit wrong = 2
    }
    most = most == "" ? (from == "libffm" ? 1 : 500) : most
    own = own == "" ? (from == "libsvm" ? 200 : 0) : own
}

FNR == 1 && ++pass == 2 { begin_rows() }

{ sub(/\r$/, "") }

/^[ \t]*$/ { next }

{ parse() }

pass == 1 {
    weights = weights || weight != ""
    tags = tags || tag != ""
    for (i = 1; i <= n; i++) {
        if (!((g[i], f[i]) in number)) {
            number[g[i], f[i]] = 0
            seen[++all] = g[i] SUBSEP f[i]
            features[g[i]]++
        }
        if (v[i] + 0 != 1 && !number[g[i], f[i]]) {
            number[g[i], f[i]] = 1
            numbers[g[i]]++
        }
    }
    next
}

{
    for (i = 1; i <= columns; i++) {
        text[i] = ""
        count[i] = 0
    }
    for (i = 1; i <= n; i++) {
        at = place[column(g[i], f[i])]
        text[at] = title[at] in is_number ? v[i] : text[at] (count[at]++ ? "|" : "") f[i]
        if (count[at] > most_tokens[at])
            most_tokens[at] = count[at]
    }
    printf "%s%s%s", label, weights ? "," (weight == "" ? 1 : weight) : "", tags ? "," cell(tag) : ""
    for (i = 1; i <= columns; i++)
        printf ",%s", cell(text[i])
    printf "\n"
}

END {
    if (wrong)
        exit wrong
    print "apg train" (weights ? " --weight weight" : "") (tags ? " --drop tag" : "") list("categorical", "token") \
        list("multi", "tokens") list("numeric", "number") > "/dev/stderr"
    for (name in lost)
        print "the values of " name " are lost: it has too many for a column each" > "/dev/stderr"
}
