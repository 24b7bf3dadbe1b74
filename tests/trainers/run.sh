#!/bin/sh
# Exports a dataset in every form, proves each with coldstart and with the trainer's own code.
# usage: run.sh ENV [RUN]     without RUN: over a fixture that the tests build
# COLDSTART is the binary (default: target/debug/coldstart).
set -eu
env=$(cd "${1:?usage: run.sh ENV [RUN]}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
coldstart=${COLDSTART:-$here/../../target/debug/coldstart}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -gt 1 ]; then
    source=$2
    dataset=$source
    [ -d "$source/dataset" ] && dataset=$source/dataset
else
    source=$work/fixture
    dataset=$source
    (cd "$here/../.." && COLDSTART_EXPORT_FIXTURE="$source" cargo test -q --test it export::fixture)
fi
export COLDSTART="$coldstart"
main="$env/main/bin/python"
trl="$env/trl/bin/python"
# Whatever the trainers cache goes with this run; their modules are compiled once, in ENV.
export TMPDIR="$work" HF_HOME="$work/hf" MODELSCOPE_CACHE="$work/modelscope"
export TRANSFORMERS_VERBOSITY=error HF_HUB_OFFLINE=1
model="$env/model"
"$main" "$here/processor.py" "$model" 2>/dev/null
export_as() { # form dialect
    "$coldstart" export "$source" --format "$1" --dialect "$2" --out "$work/$1-$2" \
        --split 0.9,0.1 --tokenizer "$model/tokenizer.json" >"$work/$1-$2.txt"
    "$coldstart" export --verify "$work/$1-$2" --tokenizer "$model/tokenizer.json" >"$work/verify.txt" ||
        { cat "$work/verify.txt"; exit 1; }
    echo "coldstart --verify $1 ($2): $(tr '\n' ' ' <"$work/verify.txt")"
}
for form in llamafactory ms-swift atif; do export_as "$form" native; done
for form in llamafactory universal verl-sft verl-rl ms-swift trl hf atif; do export_as "$form" text; done
for form in ms-swift-rl trl-grpo; do export_as "$form" text; done
# Preference pairs come of an agent's rollouts, here the simulated world's.
"$coldstart" run rl_second_turns --project "$here/../.." --quiet --limit 12 --out "$work/pairs" >"$work/pairs.txt" 2>&1 ||
    { tail -5 "$work/pairs.txt"; exit 1; }
for form in llamafactory-pairs trl-dpo; do
    "$coldstart" export "$work/pairs" --format "$form" --out "$work/$form" \
        --tokenizer "$model/tokenizer.json" >"$work/$form.txt"
    "$coldstart" export --verify "$work/$form" --tokenizer "$model/tokenizer.json" >"$work/verify.txt"
done
mkdir "$work/dump"
check() { # name, python, arguments: a trainer's talk is shown only when it fails
    name=$1
    shift
    python=$1
    shift
    begun=$(date +%s)
    timeout 900 "$python" "$here/${name}_check.py" "$@" >"$work/$name.out" 2>"$work/$name.err" ||
        { echo "$name FAILED"; tail -12 "$work/$name.err" | cut -c1-2000 >&2; return 1; }
    grep -E '^(llamafactory|datasets|pyarrow|duckdb|verl|ms-swift|trl|croissant|atif)[ :]' "$work/$name.out" || :
    echo "$name: $(($(date +%s) - begun)) s"
}
check datasets "$main" "$dataset" "$work/hf-text"
check tongues "$env/tongues/bin/python" "$dataset" "$work/hf-text" "$work/atif-text" "$work/atif-native"
check llamafactory "$main" "$model" "$work/dump" \
    "$work/llamafactory-text" "$work/llamafactory-native" "$work/universal-text"
check pairs "$main" llamafactory "$model" "$work/llamafactory-pairs"
if [ ! -x "$trl" ]; then
    PYTHONPATH="$env/verl" check verl "$main" "$model" "$work/dump" \
        "$work/verl-rl-text" "$work/verl-sft-text" "$work/universal-text"
    PYTHONPATH="$env/queue:$env/verl" check verl_rl "$main" "$model" "$work/dump" \
        "$work/verl-rl-text" "$work/llamafactory-text"
    echo "TRL and ms-swift are not installed (setup.sh --all): the other trainers' proofs hold"
    exit 0
fi
PYTHONPATH="$env/verl" check verl "$main" "$model" "$work/dump" \
    "$work/verl-rl-text" "$work/verl-sft-text" "$work/universal-text" &
verl=$!
check trl "$trl" "$model" "$work/dump" "$work/trl-text"
check pairs "$trl" trl "$model" "$work/trl-dpo"
check trl_rl "$trl" "$model" "$work/trl-grpo-text"
PYTHONPATH="$env/swift" check swift "$trl" "$model" "$work/dump" \
    "$work/ms-swift-text" "$work/ms-swift-native" "$work/llamafactory-text" "$work/universal-text"
PYTHONPATH="$env/swift" check swift_rl "$trl" "$model" "$work/ms-swift-rl-text"
wait "$verl"
PYTHONPATH="$env/queue:$env/verl" check verl_rl "$main" "$model" "$work/dump" \
    "$work/verl-rl-text" "$work/llamafactory-text"
echo "all trainers' proofs hold"
