# SPDX-License-Identifier: MIT
bats_require_minimum_version 1.5.0
load helper

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    printf '%s\n' label,user,price,tags '1,u1,1.5,"a|b"' 0,u2,,b 1,u1,-3.25, > small.csv
}

# From here on, a log of several blocks.
big() {
    apg simulate --rows 20000 --users 300 --items 100 --categorical 3 --numeric 2 > big.csv
}

# number OFFSET BYTES FILE: a little-endian number
number() {
    od -An -v -tu"$2" -j"$1" -N"$2" "$3" | tr -d ' '
}

@test "encode: what is decoded is what was encoded" {
    apg encode --no-infer --multi tags small.csv > small.apgf
    apg encode --decode small.apgf > back.csv
    printf '%s\n' label,user,price,tags '1,u1,1.5,a|b' 0,u2,,b 1,u1,-3.25, | cmp - back.csv
    big
    apg encode --no-infer --multi genres -q big.csv | apg encode --decode | cmp - big.csv
}

@test "encode: kinds are shown as the flags that force them, and these give the same bytes" {
    big
    run --separate-stderr -0 apg encode -o a.apgf big.csv
    [ -z "$output" ]
    [ "${stderr_lines[0]}" = "apg encode: --categorical user_id,item_id,scenario,hour,genres,c1,c2,c3 --numeric price,n1,n2" ]
    [ "${stderr_lines[1]}" = "apg encode: genres: its cells look like lists (--multi reads them as such)" ]
    # shellcheck disable=SC2086
    run --separate-stderr -0 apg encode ${stderr_lines[0]#apg encode: } -o b.apgf big.csv
    [ -z "$stderr" ]
    cmp a.apgf b.apgf
    run --separate-stderr -0 apg encode -q -o c.apgf big.csv
    [ -z "$stderr" ]
}

@test "encode: names with commas, quotes and blanks, and empty ones, are shown so that a shell can give them back" {
    cells=$(for i in $(seq 60); do echo "$((i % 2)),$((i % 4)),$((i % 5)).5,x$((i % 3)),,$((i % 7))"; done)
    printf '%s\n' "label,\"a,b\",it's,\"\"\"q\"\",r\",,\$(s)" "$cells" > odd.csv
    run --separate-stderr -0 apg encode -o a.apgf odd.csv
    [ "${stderr_lines[0]}" = "apg encode: --categorical '\"a,b\"','\"\"\"q\"\",r\"','\$(s)' --numeric 'it'\\''s' --drop '\"\"'" ]
    eval "apg encode ${stderr_lines[0]#apg encode: } -o b.apgf odd.csv"
    cmp a.apgf b.apgf
    printf '%s\n' "$cells" > bare.csv
    apg encode -q --no-header --columns "label,\"a,b\",it's,\"\"\"q\"\",r\",\"\",\$(s)" -o c.apgf bare.csv
    apg encode --decode a.apgf > a.txt # c.apgf remembers that there was no header
    apg encode --decode c.apgf | cmp - a.txt
    [ "$(apg inspect --json a.apgf | jq -c '[.columns[] | del(.bytes)]')" = "$(apg inspect --json c.apgf | jq -c '[.columns[] | del(.bytes)]')" ]
    for wrong in '"a' '"a"b' 'a,,b' 'a,' ','; do
        run --separate-stderr -2 apg encode -q --drop "$wrong" odd.csv
        [[ "$stderr" = *"--drop takes names with commas between them"* ]]
    done
}

@test "encode: versions, in which 4.1 and 4.10 differ, are tokens; prices are numbers" {
    { echo label,os,price,x; for i in $(seq 200); do echo "$((i % 2)),4.$((i % 3))$([ $((i % 5)) -gt 1 ] || echo 0),4.$((i % 3))$([ $((i % 5)) -gt 1 ] || echo 0),$i.$((i % 3))"; done; } > v.csv
    run --separate-stderr -0 apg encode -o /dev/null v.csv
    [ "${stderr_lines[0]}" = "apg encode: --categorical os --numeric price,x" ]
    [[ "${stderr_lines[1]}" = "apg encode: os: texts such as 4.1 and 4.10 are one number"* ]]
    apg encode -q --numeric os -o /dev/null v.csv
}

@test "encode: the same bytes for any threads, memory, file or pipe" {
    big
    apg encode -q --threads 1 --min-count 3 --bucket n1 --multi genres < big.csv > a.apgf
    apg encode -q --threads 3 --min-count 3 --bucket n1 --multi genres --memory 100K big.csv > b.apgf
    cmp a.apgf b.apgf
    apg encode -q --min-count 3 --bucket n1 --multi genres -o c.apgf - < <(cat big.csv)
    cmp a.apgf c.apgf
}

@test "encode: with the encoder of a file, rows come out as they did there" {
    big
    apg encode -q --multi genres --bucket price big.csv -o a.apgf
    apg encode --encoder a.apgf big.csv > b.apgf
    apg encode --encoder <(cat a.apgf) big.csv | cmp - b.apgf
    apg encode --encoder - big.csv < a.apgf | cmp - b.apgf
    cmp a.apgf b.apgf
    # The columns in another order, and one that is new.
    awk -F, -v OFS=, '{ print $12, $11, NR == 1 ? "extra" : "new", $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 }' \
        big.csv > moved.csv
    apg encode --encoder a.apgf moved.csv > c.apgf
    cmp a.apgf c.apgf
    cut -d, -f2- big.csv | apg encode --encoder a.apgf | apg encode --decode | cut -d, -f2- > unlabelled.csv
    apg encode --decode a.apgf | cut -d, -f2- | cmp - unlabelled.csv
}

@test "encode: delimiters, no header, several files" {
    apg encode --no-infer -q small.csv > a.apgf
    sed 1d small.csv | tr , ';' | apg encode -q --no-infer --no-header --columns label,user,price,tags -d ';' > b.apgf
    apg encode --decode a.apgf | tr , ';' > a.txt
    apg encode --decode b.apgf | cmp - a.txt
    { sed 1d small.csv; } | apg encode -q --no-infer --no-header --label c1 | apg encode --decode | sed -n 1p > names
    [ "$(cat names)" = "c1,c2,c3,c4" ]
    head -2 small.csv > 1.csv
    { head -1 small.csv; tail -2 small.csv; } > 2.csv
    apg encode --no-infer -q 1.csv 2.csv | cmp - a.apgf
    apg encode --encoder a.apgf 1.csv > 1.apgf
    apg encode --encoder a.apgf 2.csv > 2.apgf
    apg encode --decode 1.apgf 2.apgf > both.csv
    apg encode --decode a.apgf | cmp - both.csv
}

@test "encode: a label, multi and hashed columns by option" {
    printf '%s\n' buy,user true,a False,b -1,c > buy.csv
    apg encode --label buy buy.csv | apg encode --decode > back.csv
    printf '%s\n' buy,user 1,a 0,b 0,c | cmp - back.csv
    apg encode --label buy --hash-bits 8 buy.csv | apg encode --decode > back.csv
    printf '%s\n' buy,user 1, 0, 0, | cmp - back.csv
}

@test "encode: errors in the input name file, line and column" {
    # refuse TEXT < CSV
    refuse() {
        run --separate-stderr -1 apg encode -q -o out.apgf "${@:2}" bad.csv
        [ "$stderr" = "apg encode: $1" ]
        [ -z "$output" ]
        [ ! -e out.apgf ]
    }
    printf '%s\n' label,a,b 1,2 > bad.csv
    refuse "bad.csv:2: 2 columns where the header has 3"
    printf '%s\n' label,a,b 1,x,2 0,y,3,4 > bad.csv
    refuse "bad.csv:3: 4 columns where the header has 3"
    printf '%s\n' label,a 1,x 2,y > bad.csv
    refuse "bad.csv:3: label: neither 0 nor 1: '2' (its values are '1' and '2': --positive '2', if that is 1)"
    { printf '%s\n' label,a; for _ in 1 2 3 4 5; do printf '%s\n' 1,x 0,y; done; echo 2,x; } > bad.csv
    refuse "bad.csv:12: label: neither 0 nor 1: '2'"
    printf '%s\n' label,a 1,x > bad.csv
    refuse "bad.csv:2: a: not a number: 'x' (--categorical a: not numbers but tokens)" --numeric a
    { echo label,price; seq -f '1,%g.5' 10000; echo 0,n/a; } > bad.csv
    refuse "bad.csv:10002: price: not a number: 'n/a' (--categorical price: not numbers but tokens)"
    printf '%s\n' x,a 1,x > bad.csv
    refuse "bad.csv:1: no column label, click, target or the like (--label names it); there are: x, a"
    printf '%s\n' label,a 1,x '0,"y' > bad.csv
    refuse "bad.csv:3: a quote is opened here and never closed"
    printf '%s\n' label,a > bad.csv
    refuse "bad.csv: no data rows"
    : > bad.csv
    refuse "bad.csv: empty: not even a header"
    printf 'label,a\n1,x\0\n' > bad.csv
    refuse "bad.csv:2: a NUL byte: this is not text"
    rm bad.csv
    refuse "bad.csv: No such file or directory"
    run --separate-stderr -1 apg encode --drop label small.csv
    [ "$stderr" = "apg encode: --drop label: it is the label" ]
    run --separate-stderr -1 apg encode --numeric prize small.csv
    [ "$stderr" = "apg encode: small.csv:1: no column --numeric prize; there are: label, user, price, tags; did you mean 'price'?" ]
    printf '%s\n' label,user,tags 1,a,b > other.csv
    run --separate-stderr -1 apg encode -q small.csv other.csv
    [ "$stderr" = "apg encode: other.csv:1: no column 'price', which is an input of the model; there are: label, user, tags" ]
}

@test "encode: wrong options" {
    run --separate-stderr -2 apg encode --columns a,b small.csv
    [ "$stderr" = "apg encode: --columns is for a log without a header: add --no-header (see 'apg encode --help')" ]
    run --separate-stderr -2 apg encode --hash-bits 31 small.csv
    [ "$stderr" = "apg encode: --hash-bits takes an integer from 0 to 30, not '31'" ]
    run --separate-stderr -2 apg encode --min-count 0 small.csv
    [ -n "$stderr" ]
    run --separate-stderr -2 apg encode -d '"' small.csv
    [ -n "$stderr" ]
    run --separate-stderr -2 apg encode --decode --encoder small.csv small.csv
    [ -n "$stderr" ]
}

@test "encode: features that are truncated, altered or none" {
    big
    apg encode -q big.csv > a.apgf
    size=$(stat -c %s a.apgf)
    head -c $((size - 64)) a.apgf > cut.apgf
    run --separate-stderr -1 apg encode --decode -o back.csv cut.apgf
    [ "$stderr" = "apg encode: cut.apgf: truncated: no end record after 20000 rows" ]
    [ ! -e back.csv ]
    head -c $((size / 2)) a.apgf > cut.apgf
    run --separate-stderr -1 apg encode --decode -o back.csv cut.apgf
    [[ "$stderr" == "apg encode: cut.apgf: truncated: no end record after "*" rows" ]]
    run --separate-stderr -1 bash -c 'apg encode --decode -o back.csv < <(cat cut.apgf)'
    [[ "$stderr" == "apg encode: standard input: truncated: no end record after "*" rows" ]]
    cp a.apgf bad.apgf
    printf X | dd of=bad.apgf bs=1 seek=$((size - 1000)) conv=notrunc status=none
    run --separate-stderr -1 apg encode --decode -o back.csv bad.apgf
    [ "$stderr" = "apg encode: bad.apgf: block 2: checksum does not match" ]
    run --separate-stderr -1 apg encode --encoder big.csv small.csv
    [ "$stderr" = "apg encode: big.csv: not a model file" ]
    run --separate-stderr -1 apg encode --decode small.csv
    [ "$stderr" = "apg encode: small.csv: not a feature file" ]
    run --separate-stderr -1 apg encode a.apgf
    [ "$stderr" = "apg encode: a.apgf: a feature file: it is encoded already" ]
}

@test "encode: a full disk, and a temporary file that cannot be" {
    big
    run --separate-stderr -1 bash -c 'apg encode -q big.csv > /dev/full'
    [ "$stderr" = "apg encode: standard output: No space left on device" ]
    run --separate-stderr -1 apg encode -q -o /dev/full big.csv
    [ "$stderr" = "apg encode: /dev/full: No space left on device" ]
    apg encode -q big.csv > a.apgf
    run --separate-stderr -1 bash -c 'apg encode --decode a.apgf > /dev/full'
    [ "$stderr" = "apg encode: standard output: No space left on device" ]
    run --separate-stderr -1 apg encode -q --memory 0 --temp-dir /nonexistent big.csv
    [[ "$stderr" == "apg encode: a temporary file in /nonexistent "*": No such file or directory" ]]
}

@test "encode: a full disk under the temporary file" {
    big
    # A limit on the size of files stands for the full disk.
    run --separate-stderr -1 bash -c "trap '' XFSZ; ulimit -f 256; exec apg encode -q --memory 0 --temp-dir . big.csv -o a.apgf"
    [ "$stderr" = "apg encode: the temporary file in . (--temp-dir names another place): File too large" ]
    [ ! -e a.apgf ]
}

@test "encode: nothing is left of the temporary file or of a failed output" {
    big
    mkdir temp out
    apg encode -q --memory 0 --temp-dir temp -o out/a.apgf big.csv
    [ "$(ls out)" = a.apgf ]
    echo 1,2 >> big.csv
    run -1 apg encode -q --memory 0 --temp-dir temp -o out/a.apgf big.csv
    [ "$(ls out)" = a.apgf ]
    [ -z "$(ls temp)" ]
    apg encode --decode out/a.apgf | wc -l | grep -qx 20001
}

@test "encode: binary does not go to a terminal" {
    script -qec true /dev/null > /dev/null 2>&1 || skip "no script(1), or no terminal to be had"
    run script -qec 'apg encode -q small.csv' /dev/null
    [[ "$output" == *"the output is binary and goes to a terminal"* ]]
}

# The layout of docs/files.md, read without apg.
@test "encode: the file is what docs/files.md says" {
    apg encode -q --no-infer --multi tags --numeric price small.csv > a.apgf
    [ "$(head -c 7 a.apgf)" = apgfeat ]
    [ "$(number 8 4 a.apgf)" = 1 ]
    [ "$(number 12 4 a.apgf)" = 8192 ]
    bytes=$(number 16 8 a.apgf)
    head -c $((64 + bytes)) a.apgf | tail -c "$bytes" > container
    length=$(number 0 8 container)
    [ $(((8 + length) % 64)) -eq 0 ]
    head -c $((8 + length)) container | tail -c "$length" > header.json
    jq -e '.__metadata__.format == "apg" and .__metadata__.version == "1"' header.json
    # Tensors follow each other without holes, in the order of the header, and fill the container.
    jq -e --argjson n $((bytes - 8 - length)) '[del(.__metadata__)[].data_offsets] as $o
        | $o[0][0] == 0 and $o[-1][1] == $n and all(range(1; $o | length); $o[.][0] == $o[. - 1][1])' header.json
    jq -e 'del(.__metadata__) | to_entries | all(.[] | select(.key | startswith("pad.") | not);
        .value.data_offsets[0] % 64 == 0)' header.json
    jq -r .__metadata__.schema header.json > schema.json
    jq -e '.label == "label" and .delimiter == 44 and [.fields[].kind] == ["categorical", "numeric", "multi"]' schema.json
    jq -e '.fields[0].rows == 3 and .fields[2].separator == 124' schema.json
    from=$(jq '.["vocab.user.text"].data_offsets[0]' header.json)
    [ "$(tail -c +$((8 + length + from + 1)) container | head -c 4)" = u1u2 ]
    at=$(jq '.["vocab.user.at"].data_offsets[0]' header.json)
    [ "$(od -An -v -tu8 -j$((8 + length + at)) -N32 container | xargs)" = "0 0 2 4" ]

    block=$((64 + bytes))
    [ "$(tail -c +$((block + 1)) a.apgf | head -c 7)" = apgrows ]
    [ "$(number $((block + 8)) 4 a.apgf)" = 3 ]
    [ "$(number $((block + 12)) 4 a.apgf)" = 16 ]
    [ "$(od -An -v -tu4 -j$((block + 64)) -N16 a.apgf | xargs)" = "0 6 11 16" ]
    # label 1 as a float, user 1, price, tags: two from 0, ids 1 and 2
    words=$(od -An -v -tx4 -j$((block + 128)) -N24 a.apgf | xargs)
    [[ "$words" == "3f800000 00000001 "????????" 00000002 00000001 00000002" ]]
    [ "$(number $((block + 128 + 4 * 8)) 4 a.apgf)" = $((0x7fc00000)) ]
    end=$((block + 192))
    [ "$(tail -c +$((end + 1)) a.apgf | head -c 7)" = apgend. ]
    [ "$(od -An -v -tu8 -j$((end + 8)) -N24 a.apgf | xargs)" = "3 1 2" ]
    [ "$(stat -c %s a.apgf)" -eq $((end + 64)) ]
}

# Written by the first version of the format; never to be made anew.
@test "encode: an old feature file is read as ever" {
    apg encode --decode "$BATS_TEST_DIRNAME/features-1.apgf" > old.csv
    printf '%s\n' label,user,tags,price,age '0,u1,a|b,1,19.9999981' 1,u2,,2.5,20 1,u1,b,,30 '0,"u,3",a|a,-4,' | cmp - old.csv
    apg encode --encoder "$BATS_TEST_DIRNAME/features-1.apgf" old.csv | apg encode --decode | cmp - old.csv
}

# kinds LOG EXPECTED: of the real logs
kinds() {
    shared "data/$1/train.csv.xz"
    run --separate-stderr -0 bash -c "xzcat '$ROOT/../shared/data/$1/train.csv.xz' | apg encode -o a.apgf"
    [ "${stderr_lines[0]}" = "apg encode: $2" ]
}

@test "encode: kinds of the columns of Adult" {
    kinds adult "--categorical workclass,education,marital_status,occupation,relationship,race,sex,native_country\
 --numeric age,fnlwgt,education_num,capital_gain,capital_loss,hours_per_week"
}

@test "encode: kinds of the columns of Avazu" {
    kinds avazu-9k "--categorical C1,banner_pos,site_id,site_domain,site_category,app_id,app_domain,app_category,\
device_id,device_ip,device_model,device_type,device_conn_type,C14,C15,C16,C17,C18,C19,C20,C21 --drop hour"
}

@test "encode: kinds of the columns of Coupon" {
    kinds coupon "--categorical destination,passenger,weather,temperature,time,coupon,expiration,gender,age,\
maritalStatus,has_children,education,occupation,income,Bar,CoffeeHouse,CarryAway,RestaurantLessThan20,\
Restaurant20To50,toCoupon_GEQ5min,toCoupon_GEQ15min,toCoupon_GEQ25min,direction_same,direction_opp"
}

@test "encode: kinds of the columns of Criteo" {
    kinds criteo-10k "--categorical $(seq -s, -f C%.0f 26) --numeric $(seq -s, -f I%.0f 13)"
}

@test "encode: kinds of the columns of Frappe" {
    kinds frappe "--categorical user,item,daytime,weekday,isweekend,homework,cost,weather,country,city"
}

@test "encode: kinds of the columns of MovieLens-100K" {
    kinds ml-100k "--categorical user_id,movie_id,age_band,gender,occupation,zip,genres,year,hour,weekday\
 --numeric age --drop timestamp"
    [ "${stderr_lines[2]}" = "apg encode: ignored timestamp: it never falls: a time or a counter" ]
}

@test "encode: kinds of the columns of MovieLens-1M, and the log back from its features" {
    kinds ml-1m "--categorical user_id,movie_id,gender,age,occupation,zip,genre1,genres,year,domain"
    apg encode --decode a.apgf | cmp - <(xzcat "$ROOT/../shared/data/ml-1m/train.csv.xz")
}

@test "encode: kinds of the columns of MovieLens-1M as AutoInt has it" {
    kinds ml-1m-autoint "--categorical gender,age,occupation,zip,release,genres,user_id,movie_id"
}

# one NAME CELL...: what is inferred of a column NAME with these cells, in a log of its own
one() {
    local name=$1
    shift
    { echo "label,$name"; local i=0; for cell; do echo "$((i++ % 2)),$cell"; done; } > one.csv
    apg encode -o /dev/null one.csv 2>&1
}

@test "encode: a number with an exponent is a code where it starts with 0 or the name is an id's" {
    [ "$(one device_id 001E1 002E2 003E0)" = "apg encode: --categorical device_id" ]
    [ "$(one x 001E1 002E2 003E0)" = "apg encode: --categorical x" ]
    [ "$(one device_id 1E1 2E2 3E0)" = "apg encode: --categorical device_id" ]
    [ "$(one x 1E1 2E2 3E0)" = "apg encode: --numeric x" ]
    [ "$(one x 0e0 1e-3 2.5e-7)" = "apg encode: --numeric x" ]
    [ "$(one x 0.5 1.25 3)" = "apg encode: --numeric x" ]
}

@test "encode: a column named as that of scores is told, unless its use is" {
    printf '%s\n' label,user,Score 1,a,0.75 0,b,0.25 1,c,0.5 > scored.csv
    run --separate-stderr -0 apg encode -o /dev/null scored.csv
    [[ "$stderr" == *"apg encode: Score: named as what apg predict writes; if a model made it of these rows, --drop Score"* ]]
    for told in "--drop Score" "--numeric Score" "--label Score --positive 0.75"; do
        run --separate-stderr -0 apg encode $told -o /dev/null scored.csv
        [[ "$stderr" != *"named as"* ]]
    done
}

@test "encode: the label is told where another column could be it" {
    printf '%s\n' click,label,user 1,1,a 0,0,b 1,0,a > two.csv
    run --separate-stderr -0 apg encode -o /dev/null two.csv
    [[ "$stderr" == *"apg encode: label: label; it could also be click (--label names it; --drop leaves out what is known only with the label)"* ]]
    for told in "--label label" "--label click" "--drop click" "--categorical click"; do
        run --separate-stderr -0 apg encode $told -o /dev/null two.csv
        [[ "$stderr" != *"could also be"* ]]
    done
}

@test "encode: label names are found in capitals too, and told unless it is label" {
    for name in Label CLICK is_Clicked; do
        printf '%s\n' "user,$name" a,1 b,0 a,0 > named.csv
        run --separate-stderr -0 apg encode -o named.apgf named.csv
        [ "$stderr" = "apg encode: --label $name --categorical user" ]
        apg inspect --json named.apgf | jq -e --arg name "$name" '.label == $name'
    done
    printf '%s\n' LABEL,label,user 0,1,a 1,0,b 0,0,a > both.csv
    run --separate-stderr -0 apg encode -o both.apgf both.csv
    apg inspect --json both.apgf | jq -e '.label == "label"'
    printf '%s\n' user,label a,1 b,0 a,0 > plain.csv
    run --separate-stderr -0 apg encode -o plain.apgf plain.csv
    [ "$stderr" = "apg encode: --categorical user" ]
}

@test "encode: tab, semicolon and bar are seen, told so that they can be given back, and remembered" {
    big
    apg encode -q -o comma.apgf big.csv
    apg encode --decode comma.apgf > comma.txt
    for d in "$(printf '\t')" ';'; do
        tr , "$d" < big.csv > other.csv
        apg encode -q -o other.apgf other.csv
        apg encode --decode other.apgf | tr "$d" , | cmp - comma.txt
        apg encode -q -d "$d" other.csv | cmp - other.apgf
        { printf '\xef\xbb\xbf'; sed 's/$/\r/' other.csv; } | apg encode -q | cmp - other.apgf
        head -n 5 other.csv | apg encode --encoder other.apgf | apg encode --decode | tr "$d" , | cmp - <(head -n 5 comma.txt)
    done
    printf '%s\n' 'label|u|t' '1|a|x;y' '0|b|z' '1|b|x;z' > bar.csv
    run --separate-stderr -0 apg encode -o bar.apgf bar.csv
    [ "$stderr" = "apg encode: --delimiter '|' --categorical u,t" ]
    tr '|' '\t' < bar.csv > tab.csv
    run --separate-stderr -0 apg encode -o tab.apgf tab.csv
    [ "$stderr" = "apg encode: --delimiter tab --categorical u,t" ]
    run --separate-stderr -1 apg encode -d , --label 'label|u|t' bar.csv # what is given counts
    [[ "$stderr" == *"no columns to learn from" ]]
    # the delimiter does not depend on how the bytes arrive
    { head -c 3 tab.csv; sleep .1; tail -c +4 tab.csv; } | apg encode -q | cmp - tab.apgf
}

@test "encode: numbers with decimal commas are no cells of their own, and are pointed out" {
    { echo 'label;price;u'; for i in $(seq 40); do echo "$((i % 2));$i,5;u$((i % 3))"; done; } > comma.csv
    run --separate-stderr -0 apg encode -o /dev/null comma.csv
    [ "${stderr_lines[0]}" = "apg encode: --delimiter ';' --categorical u --drop price" ]
    [[ "$stderr" == *"price: numbers with a comma for the point are tokens (tr , . < LOG makes numbers of them)"* ]]
    run --separate-stderr -0 apg encode -o /dev/null <(tr , . < comma.csv)
    [ "$stderr" = "apg encode: --delimiter ';' --categorical u --numeric price" ]
}

@test "encode: a first line that is data is said to be, with what to type; names and all are remembered" {
    big
    tail -n +2 big.csv > bare.csv
    run --separate-stderr -1 apg encode -o no.apgf bare.csv
    [ "$stderr" = "apg encode: bare.csv:1: no column label, click, target or the like; the first line looks like data: --no-header --label c1" ]
    [ ! -e no.apgf ]
    run --separate-stderr -1 apg encode --label click bare.csv
    [ "$stderr" = "apg encode: bare.csv:1: no column --label click; the first line looks like data: --no-header --label c1" ]
    apg encode -q --no-header --label c1 -o bare.apgf bare.csv
    apg encode --encoder bare.apgf bare.csv | cmp - bare.apgf
    apg inspect --json bare.apgf > /dev/null
    # rows to be scored lack the label
    cut -d, -f2- bare.csv | apg encode --encoder bare.apgf | apg encode --decode | cut -d, -f2- > unlabelled.txt
    apg encode --decode bare.apgf | cut -d, -f2- | cmp - unlabelled.txt
    # what is given counts more
    apg encode -q -o with.apgf big.csv
    apg encode --encoder with.apgf --no-header --columns "$(head -n 1 big.csv)" bare.csv | cmp - with.apgf
    run --separate-stderr -1 apg encode --encoder bare.apgf <(cut -d, -f3- bare.csv)
    [[ "$stderr" == *":1: 10 columns, but 12 names are given for them" ]]
    # of other names, the column that holds 0 and 1
    printf '%s\n' x,bought,u 7,1,a 8,0,b > bought.csv
    run --separate-stderr -1 apg encode bought.csv
    [ "$stderr" = "apg encode: bought.csv:1: no column label, click, target or the like (--label names it); there are: x, bought, u; bought holds 0 and 1: --label bought" ]
    # an index without a name is no data; no column of 0 and 1
    printf '%s\n' ,x,u 0,7,a 1,8,b 2,9,b > index.csv
    run --separate-stderr -1 apg encode index.csv
    [[ "$stderr" == *"(--label names it); there are: , x, u" ]]
    printf '%s\n' 5,7,a 6,8,b > none.csv
    run --separate-stderr -1 apg encode none.csv
    [[ "$stderr" == *"the first line looks like data: --no-header, and --label names one of c1 to c3" ]]
}

@test "encode: text of libsvm, libffm and Vowpal Wabbit is said to be that; a row of blanks and colons is not" {
    for row in '+1 3:1 42:.5' '-1 0:3:1 1:42:.5' '1 |user u7 |item i3 i4' '1 2.0 |user u7'; do
        printf '%s\n' "$row" "$row" > log.txt
        run --separate-stderr -1 apg encode log.txt
        [[ "$stderr" == "apg encode: log.txt:1: no column "*"; the first line looks like text of libsvm, libffm or Vowpal Wabbit: examples/sparse.awk makes CSV of it" ]] ||
            { echo "$row: $stderr"; return 1; }
    done
    for row in '1 a,x,12:30' '1 , 0 , 7' '1 a 12:30'; do
        printf '%s\n' "$row" "$row" > log.txt
        run --separate-stderr -1 apg encode log.txt
        [[ "$stderr" == *":1: no column label"* && "$stderr" != *"sparse.awk"* ]] || { echo "$row: $stderr"; return 1; }
    done
}

# times N: a log of N rows with times in several forms, of the first days of 2024
times() {
    awk -v n="$1" 'BEGIN { print "label,iso,zone,seconds,ms,hours,day,u"
        for (i = 0; i < n; i++) { s = i * 137; d = int(s / 86400); h = int(s / 3600) % 24; m = int(s / 60) % 60
            printf "%d,2024-01-%02dT%02d:%02d:%02d,2024-01-%02d %02d:%02d:%02d.000Z,%d,%d000,2401%02d%02d,202401%02d,u%d\n",
                i % 3 == 0, d + 1, h, m, s % 60, d + 1, h, m, s % 60, 1704067200 + s, 1704067200 + s, d + 1, h, d + 1, i % 7 } }'
}

@test "encode: --time makes hour, weekday and age, the same of each form, and again by the encoder" {
    times 3000 > t.csv
    apg encode -q --time iso --drop zone,seconds,ms,hours,day -o iso.apgf t.csv
    apg encode --decode iso.apgf > iso.txt
    [ "$(head -n 1 iso.txt)" = "label,u,iso.hour,iso.weekday,iso.age" ]
    [ "$(sed -n 2p iso.txt | cut -d, -f3,4)" = "0,1" ] # 2024 began on a Monday
    [ "$(sed -n 702p iso.txt | cut -d, -f3,4)" = "2,2" ]
    sed -n 2p iso.txt | cut -d, -f5 | awk '{ exit !($1 > 4.75 && $1 < 4.76) }' # 2999 * 137 s
    tail -n 1 iso.txt | cut -d, -f5 | awk '{ exit !($1 < 1e-4 && $1 > -1e-4) }'
    for form in zone seconds ms; do
        apg encode -q --time $form --drop "$(echo iso zone seconds ms hours day | xargs -n 1 | grep -vx $form | paste -sd,)" t.csv -o form.apgf
        apg encode --decode form.apgf | tail -n +2 | cmp - <(tail -n +2 iso.txt)
    done
    apg encode -q --time hours,day --drop iso,zone,seconds,ms -o two.apgf t.csv
    [ "$(apg encode --decode two.apgf | head -n 1)" = "label,u,hours.hour,hours.weekday,hours.age,day.hour,day.weekday,day.age" ]
    [ "$(apg encode --decode two.apgf | cut -d, -f2-4 | tail -n +2 | cksum)" = "$(cut -d, -f2-4 iso.txt | tail -n +2 | cksum)" ]
    for f in iso two; do
        apg encode --encoder $f.apgf t.csv | cmp - $f.apgf
        apg encode --encoder $f.apgf --threads 1 t.csv | cmp - $f.apgf
    done
    [[ "$(apg inspect --json two.apgf | jq -r .made.options)" == *" --time hours,day --drop iso,zone,seconds,ms" ]]
    # newer than all: age 0
    printf '%s\n' iso,u 2030-06-01T05:00:00,u1 | apg encode --encoder iso.apgf | apg encode --decode | tail -n 1 |
        awk -F, '{ exit !($3 == 5 && $4 == 6 && $5 < 1e-4 && $5 > -1e-4) }'
}

@test "encode: --time: empty cells are missing, others are bad rows; names that are taken; what else goes wrong" {
    times 50 > t.csv
    sed '4s/2024-01-01T[^,]*//' t.csv > hole.csv
    apg encode -q --time iso --drop zone,seconds,ms,hours,day hole.csv | apg encode --decode | sed -n 4p | grep -qx '0,u2,,,'
    sed '4s/2024-01-01T[^,]*/NA/' t.csv | apg encode -q --missing NA --time iso | apg encode --decode | sed -n 4p | grep -q ',,,$'
    sed '4s/2024-01-01T[^,]*/soon/' t.csv > bad.csv
    run --separate-stderr -1 apg encode -q --time iso -o no.apgf bad.csv
    [ "$stderr" = "apg encode: bad.csv:4: iso: not a time: 'soon'" ]
    [ ! -e no.apgf ]
    run --separate-stderr -0 apg encode --time iso --on-error skip -o bad.apgf bad.csv
    [[ "$stderr" == *"bad.csv:4: iso: not a time: 'soon'"* ]]
    apg inspect --verify --json bad.apgf | jq -e '.rows == 49'
    sed '1s/zone/iso.age/' t.csv > taken.csv
    run --separate-stderr -1 apg encode -q --time iso taken.csv
    [ "$stderr" = "apg encode: taken.csv:1: --time iso: there is a column 'iso.age' already" ]
    run --separate-stderr -1 apg encode -q --time iso --numeric iso t.csv
    [[ "$stderr" == *"--time iso: it is in --numeric too" ]]
    run --separate-stderr -1 apg encode -q --time when t.csv
    [[ "$stderr" == *"no column --time when; there are: "* ]]
}

@test "encode: columns of times are pointed out" {
    times 3000 > t.csv
    run --separate-stderr -0 apg encode -o /dev/null t.csv
    for name in iso zone seconds ms hours day; do
        [[ "$stderr" == *"apg encode: $name: its cells are times (--time reads hour, weekday and age)"* ]]
    done
    [[ "$stderr" != *"u: its cells are times"* ]]
    run --separate-stderr -0 apg encode --time iso,zone,seconds,ms,hours,day -o /dev/null t.csv
    [ "$stderr" = "apg encode: --categorical u" ]
}

@test "encode, train: --missing reads texts as empty cells, wherever the model reads rows; numbers but for them are told" {
    awk 'BEGIN { srand(1); print "label,x,tags,c"; for (i = 0; i < 3000; i++) { r = rand()
        printf "%d,%s,%s,%s\n", r < .3, i % 9 ? int(9999 * rand()) / 100 : "NULL", i % 5 ? "a|b" : "NA", i % 4 ? "u" i % 3 : "NA" } }' > texts.csv
    sed 's/NULL//; s/NA/\x01/g; s/\x01//g' texts.csv > empty.csv
    run --separate-stderr -0 apg encode -o /dev/null texts.csv
    [ "$stderr" = "apg encode: --categorical x,tags,c
apg encode: x: numbers but for 'NULL' (--missing reads it as an empty cell)
apg encode: tags: its cells look like lists (--multi reads them as such)" ]
    run --separate-stderr -0 apg encode --multi tags --missing NULL,NA -o texts.apgf texts.csv
    [ "$stderr" = "apg encode: --categorical c --numeric x" ]
    apg encode -q --multi tags -o empty.apgf empty.csv
    apg encode --decode empty.apgf > empty.txt
    apg encode --decode texts.apgf | cmp - empty.txt
    [ "$(cut -d, -f2 empty.txt | grep -c '^$')" -eq 334 ]
    apg inspect texts.apgf | grep -A 2 '^missing:' | tr -s ' \n' ' ' | grep -qx 'missing: "NULL" "NA" '
    apg inspect --json texts.apgf | jq -e '.missing == ["NULL", "NA"]'
    apg inspect --json empty.apgf | jq -e 'has("missing") | not'
    apg train -q --epochs 1 --hidden 4 --multi tags --missing NULL,NA -o texts.apg texts.csv 2> /dev/null
    apg train -q --epochs 1 --hidden 4 --multi tags -o none.apg empty.csv 2> /dev/null
    apg predict -q -m texts.apg texts.csv > texts.txt # the model knows
    apg predict -q -m none.apg empty.csv | cmp - texts.txt
    apg encode -q --encoder texts.apg texts.csv | apg predict -q -m none.apg | cmp - texts.txt # words mean the same
    run --separate-stderr -1 apg predict -q -m none.apg texts.csv
    [[ "$stderr" = "apg predict: texts.csv:2: x: not a number: 'NULL'" ]]
}

@test "encode: --weight is a column of its own, there and back" {
    printf '%s\n' label,u,w,x 1,a,2,5 0,b,0,7 1,a,0.25,5 0,c,1e9,9 > w.csv
    run --separate-stderr -0 apg encode --weight w -o w.apgf w.csv
    [[ "$stderr" != *w* && "$stderr" == *u* ]]
    apg encode --decode w.apgf > back.csv
    [ "$(head -n 1 back.csv)" = "label,u,x,w" ]
    [ "$(tail -n +2 back.csv | cut -d, -f4 | xargs)" = "2 0 0.25 1e+09" ]
    apg encode -q --encoder w.apgf back.csv | cmp - w.apgf
    cut -d, -f1,2,4 w.csv | apg encode -q --encoder w.apgf | apg encode --decode > without.csv
    [ "$(tail -n +2 without.csv | cut -d, -f4 | tr -d '\n')" = "" ]
    apg inspect --json w.apgf | jq -e '.weight == "w" and ([.columns[].name] == ["u", "x"])'
    apg inspect --verify --json w.apgf | jq -e '.rows == 4 and .positives == 2'
    # an old reader refuses version 2, and a file without weights is of version 1
    [ "$(od -A n -t u4 -j 8 -N 4 w.apgf | xargs)" = 2 ]
    [ "$(cut -d, -f1,2,4 w.csv | apg encode -q | od -A n -t u4 -j 8 -N 4 | xargs)" = 1 ]
}

@test "encode: --time: eight digits that can be hours are hours where as days they are of before 1970" {
    # ln (1 + 22 hours in days) = .65; of 22 days it is 3.14
    for case in "190102 .65" "201011 3.14"; do
        awk -v first="${case% *}" 'BEGIN { print "label,a,hour"; for (i = 0; i < 230; i++) printf "%d,x%d,%s%02d\n", i % 2, i % 3, first, 1 + i % 23 }' |
            apg encode -q --time hour -o h.apgf
        [ "$(apg inspect --json h.apgf | jq '.columns[] | select(.name == "hour.age") | .high * 100 | round')" = "$(awk -v x="${case#* }" 'BEGIN { print x * 100 }')" ]
    done
}
