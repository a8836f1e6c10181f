# SPDX-License-Identifier: MIT
# train --members: models side by side in one file, whose logits are averaged. test/unit/double_members.c has what they are.
bats_require_minimum_version 1.5.0
load small_model
three=(--multi genres --hidden 16,8 --rank 4 --batch-size 256 --members 3)

# tensor FILE NAME: its bytes
tensor() {
    python3 -c 'import json, sys; f = open(sys.argv[1], "rb"); n = int.from_bytes(f.read(8), "little"); h = json.loads(f.read(n))
a, b = h[sys.argv[2]]["data_offsets"]; f.seek(8 + n + a); sys.stdout.buffer.write(f.read(b - a))' "$1" "$2"
}
# version FILE: of its format
version() {
    grep -aom 1 '"version":"[0-9]*"' "$1" | head -n 1
}

@test "train: --members: the first is the model that is trained alone; the others differ; the scores are their mean" {
    alone=(--multi genres --hidden 16,8 --rank 4 --batch-size 256 --epochs 2 --holdout 0 --batch-norm)
    apg train -q "${alone[@]}" -o alone.apg logs.csv
    run --separate-stderr -0 apg train "${alone[@]}" --members 3 -o three.apg logs.csv
    grep -qx '3 members, whose logits are averaged' <<< "$stderr"
    names=$(apg inspect --json alone.apg | jq -r '.tensors[].name' | grep -v '^vocab\|^edges')
    [ "$(apg inspect --json three.apg | jq -r '.tensors[].name' | grep -v '^vocab\|^edges' | sort)" = \
        "$(for i in '' member.1. member.2.; do sed "s/^/$i/" <<< "$names"; done | sort)" ]
    for name in $names; do
        tensor alone.apg "$name" | cmp - <(tensor three.apg "$name") || { echo "$name"; return 1; }
    done
    run -1 cmp -s <(tensor three.apg member.1.hidden.1.weight) <(tensor three.apg hidden.1.weight)
    run -1 cmp -s <(tensor three.apg member.1.hidden.1.weight) <(tensor three.apg member.2.hidden.1.weight)
    [ "$(apg inspect --json three.apg | jq .architecture.members)" = 3 ]
    jq -en "$(apg complexity --json -m three.apg | jq '.total.forward') == 3 * $(apg complexity --json -m alone.apg | jq '.total.forward')"
    # A reader of before there were members must not score by the first.
    [ "$(version three.apg) $(version alone.apg)" = '"version":"2" "version":"1"' ]
    # One member is a model as before, and its file too.
    apg train -q "${alone[@]}" --members 1 -o one.apg logs.csv
    [ "$(apg inspect --json one.apg | jq -c .architecture)" = "$(apg inspect --json alone.apg | jq -c .architecture)" ]
    cmp <(apg predict -q -m one.apg new.csv) <(apg predict -q -m alone.apg new.csv)
}

@test "train: --members: the same bytes for any number of threads, killed and resumed, stopped early, with a drop-out" {
    more=("${three[@]}" --epochs 5 --patience 1 --dropout 0.2 --batch-norm --valid new.csv)
    apg train -q "${more[@]}" --threads 1 -o 1.apg logs.csv
    apg train -q "${more[@]}" --threads 3 -o 3.apg logs.csv
    cmp 1.apg 3.apg
    rm -rf st
    apg train -q "${more[@]}" --epochs 1 --state st -o x.apg logs.csv
    apg train -q "${more[@]}" --state st --resume -o x.apg logs.csv
    cmp 1.apg x.apg
    apg predict -q --threads 1 -m 1.apg < new.csv | cmp - <(apg predict -q -m 1.apg new.csv)
    apg explain -m 1.apg new.csv | grep -q '^user_id '
    apg evaluate --json -m 1.apg new.csv | jq -e '.auc > .5'
}

@test "train: --members: collapse keeps the scores of every layer, halves tables and folds normalization" {
    for layer in $(choices layer); do
        case $layer in
            star) of=(--domain scenario --partition-rows 0) ;;
            ppnet) of=(--condition group:user_id) ;;
            apg) of=(--form overparam --rank 3 --overparam 5) ;;
            *) of=() ;;
        esac
        apg train -q --multi genres --members 2 --layer "$layer" "${of[@]}" --batch-norm --hidden 12,8 --epochs 1 --embedding-std 0.2 -o n.apg logs.csv
        apg collapse -o c.apg n.apg 2> said || { cat said; return 1; }
        grep -q '^apg collapse: norm: .* bytes saved); largest logit difference ' said || { echo "$layer"; cat said; return 1; }
        run -1 grep -q 'norm\.' <(apg inspect --json c.apg | jq -r '.tensors[].name')
        paste -d, <(apg predict -q -m n.apg new.csv) <(apg predict -q -m c.apg new.csv) |
            awk -F, '{ d = $1 - $2; if (d > 2e-6 || d < -2e-6) exit 1 } END { if (NR != 2000) exit 1 }' || { echo "scores of $layer"; return 1; }
    done
    apg collapse -q --embedding f16 -o h.apg n.apg
    [ "$(apg inspect --json h.apg | jq -c '[.tensors[] | select(.dtype == "F16").name]')" = '["embedding","linear","member.1.embedding","member.1.linear"]' ]
}

@test "train: --members: --from goes on with all of them, and gives a model alone others beside it" {
    apg train -q "${three[@]}" --epochs 1 -o three.apg logs.csv
    run --separate-stderr -0 apg train --from three.apg --epochs 1 --holdout 0 -o more.apg new.csv
    [ "$(apg inspect --json more.apg | jq .architecture.members)" = 3 ]
    [[ "$stderr" =~ goes\ on\ from\ three.apg:\ ([0-9]+)\ of\ [0-9]+\ weights\ are\ its ]]
    [ "${BASH_REMATCH[1]}" -eq "$(apg inspect --json three.apg | jq '.embedding_numbers + .other_numbers')" ]
    apg train -q "${three[@]}" --members 1 --epochs 1 -o one.apg logs.csv
    run --separate-stderr -0 apg train --from one.apg --hidden 16,8 --rank 4 --members 2 --epochs 1 --no-grow -o two.apg new.csv
    [[ "$stderr" =~ goes\ on\ from\ one.apg:\ ([0-9]+)\ of\ ([0-9]+)\ weights\ are\ its,\ ([0-9]+)\ start\ anew ]]
    [ "${BASH_REMATCH[1]}" -eq "${BASH_REMATCH[3]}" ]
    run --separate-stderr -1 apg train -q --from three.apg --hidden 16,8 --rank 4 --members 2 -o none.apg new.csv
    [ "$stderr" = "apg train: three.apg: its member.2.embedding has no place in this model" ]
    [ ! -e none.apg ]
    run --separate-stderr -0 apg train --online "${three[@]}" -o online.apg logs.csv
    apg evaluate --json -m online.apg new.csv | jq -e '.auc > .5'
}

@test "train: --members: of --condition auto and of --tune; a cross" {
    few=(--multi genres --hidden 8 --epochs 1 --members 2)
    apg train -q "${few[@]}" --condition auto -o auto.apg logs.csv
    apg train -q "${few[@]}" --tune=2 --threads 1 -o tuned.apg logs.csv
    apg train -q "${few[@]}" --tune=2 --threads 2 -o tuned2.apg logs.csv
    cmp tuned.apg tuned2.apg
    apg train -q "${few[@]}" --cross user_id,item_id -o cross.apg logs.csv
    for m in auto tuned cross; do
        [ "$(apg inspect --json $m.apg | jq .architecture.members)" = 2 ]
        apg predict -q -m $m.apg new.csv | wc -l | grep -qx 2000
    done
}

@test "train: --members: what is no number of members is refused" {
    for n in 0 17 65 abc -1 ""; do
        run --separate-stderr -2 apg train --members "$n" -o none.apg logs.csv
        [ "$stderr" = "apg train: --members takes an integer from 1 to 16, not '$n'" ] || { echo "$stderr"; return 1; }
    done
    [ ! -e none.apg ]
}
