# SPDX-License-Identifier: MIT
# Every backbone, layer, form and condition: trains, is saved and loaded, collapsed, and predicts the same. The names come
# from the tables that --list-options shows, so a new row is tested here without a change.
bats_require_minimum_version 1.5.0
load helper

setup_file() {
    little_logs
}
setup() {
    set -o pipefail
    cd "$BATS_FILE_TMPDIR" || return
}

# whole_way OPTION...: a model of these, whose embeddings start so wide that after one epoch rows differ.
whole_way() {
    apg train -q --epochs 1 --hidden 12,8 --batch-size 128 --embedding-dim 4 --embedding-std 0.2 "$@" -o m.apg logs.apgf || { echo "train $*"; return 1; }
    apg predict -q -m m.apg new.csv > scores && [ "$(wc -l < scores)" -eq 300 ] && ! grep -qi nan scores || { echo "predict $*"; return 1; }
    [ "$(sort -u scores | wc -l)" -gt 250 ] || { echo "$*: hardly two scores differ"; return 1; }
    apg predict -q --threads 1 -m m.apg < new.csv | cmp - scores || { echo "threads: $*"; return 1; }
    apg collapse -q -o c.apg m.apg || { echo "collapse $*"; return 1; }
    apg predict -q -m c.apg new.csv | paste -d, - scores | awk -F, '{ d = $1 - $2; if (d > 1e-6 || d < -1e-6) exit 1 }' ||
        { echo "collapsed scores of $*"; return 1; }
    apg complexity -m m.apg --json | jq -e '.total.numbers > 0' > complexity || { echo "complexity $*"; return 1; }
}

# needs LAYER: options without which there is no such layer.
needs() {
    case $1 in
    star) echo --domain user_id ;;
    ppnet) echo --condition group:user_id,price ;;
    esac
}

@test "forms: every form over every condition" {
    for form in $(choices form); do
        rank="--rank 3"
        [ "$form" != full ] || rank=
        for condition in self group:user_id group:genres,price mix:user_id,item_id; do
            whole_way --form "$form" $rank --condition "$condition"
        done
    done
}

@test "forms: a generator of low rank, behind hidden layers or not; where its input is no wider it is one matrix" {
    for form in $(choices form); do
        rank="--rank 3"
        [ "$form" != full ] || rank=
        whole_way --form "$form" $rank --generator-rank 2 --bias generated
        [ "$(apg inspect --json m.apg | jq -c '.tensors[] | select(.name == "hidden.0.0.generator.A" or .name == "hidden.0.generator.A").shape[1]')" -eq 2 ]
        whole_way --form "$form" $rank --generator-rank 2 --generator-hidden 5 --condition mix:user_id,item_id --aggregate output-sum
    done
    for R in 0 4; do
        apg train -q --epochs 1 --hidden 12,8 --embedding-dim 4 --condition group:user_id --generator-rank $R -o $R.apg logs.apgf
        apg predict -q -m $R.apg new.csv > $R.txt
    done
    cmp 0.txt 4.txt
}

@test "forms: every aggregate of a mix, with the condition's own embeddings, stopped gradients, each bias" {
    for aggregate in $(choices aggregate); do
        for bias in $(choices bias); do
            whole_way --rank 3 --condition mix:user_id,genres,price --aggregate "$aggregate" --bias "$bias" --generator-hidden 5
        done
        whole_way --form decomposed --rank 2 --condition mix:user_id,item_id --aggregate "$aggregate" --condition-embedding own
        whole_way --rank 3,0 --overparam 5,1 --condition mix:user_id,item_id --aggregate "$aggregate" --condition-gradient stopped
    done
}

@test "forms: every backbone with every layer, with and without normalization" {
    for backbone in $(choices backbone); do
        for layer in $(choices layer); do
            # shellcheck disable=SC2046
            whole_way --backbone "$backbone" --layer "$layer" $(needs "$layer")
            # shellcheck disable=SC2046
            whole_way --backbone "$backbone" --layer "$layer" --batch-norm --dropout 0.1 $(needs "$layer")
        done
    done
}
