#!/bin/sh
# Exports a dataset in every form, proves each with coldstart and with the trainer's own code.
# usage: run.sh ENV [RUN]     without RUN: over a fixture that the tests build
# COLDSTART is the binary (default: target/debug/coldstart).
set -eu
env=${1:?usage: run.sh ENV [RUN]}
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
main="$env/main/bin/python"
trl="$env/trl/bin/python"
export TRANSFORMERS_VERBOSITY=error HF_HUB_OFFLINE=1
"$main" "$here/processor.py" "$env/model" 2>/dev/null
export_as() { # form dialect
    "$coldstart" export "$source" --format "$1" --dialect "$2" --out "$work/$1-$2" \
        --split 0.9,0.1 --tokenizer "$env/model/tokenizer.json" >"$work/$1-$2.txt"
    "$coldstart" export --verify "$work/$1-$2" --tokenizer "$env/model/tokenizer.json" >"$work/verify.txt" ||
        { cat "$work/verify.txt"; exit 1; }
    echo "coldstart --verify $1 ($2): $(tr '\n' ' ' <"$work/verify.txt")"
}
for form in llamafactory ms-swift; do export_as "$form" native; done
for form in llamafactory universal verl-sft verl-rl ms-swift trl hf; do export_as "$form" text; done
quietly() { # a trainer's talk only when it fails
    "$@" >"$work/out.txt" 2>"$work/err.txt" || { tail -12 "$work/err.txt" | cut -c1-2000 >&2; exit 1; }
    grep -E '^(llamafactory|datasets|pyarrow|duckdb|verl|ms-swift|trl) ?[(a-z0-9.,:]' "$work/out.txt" || :
}
quietly "$main" "$here/datasets_check.py" "$dataset" "$work/hf-text"
quietly "$main" "$here/llamafactory_check.py" "$work/llamafactory-text" "$env/model" --step --dump "$work/lf"
for other in llamafactory-native universal-text; do
    quietly "$main" "$here/llamafactory_check.py" "$work/$other" "$env/model"
done
PYTHONPATH="$env/verl" quietly "$main" "$here/verl_check.py" \
    "$work/verl-sft-text" "$work/verl-rl-text" "$env/model" "$work/lf.train.json"
if [ ! -x "$trl" ]; then
    echo "TRL and ms-swift are not installed (setup.sh --all): the other trainers' proofs hold"
    exit 0
fi
quietly "$trl" "$here/trl_check.py" "$work/trl-text" "$env/model" "$work/lf.train.json"
for form in ms-swift llamafactory universal; do
    PYTHONPATH="$env/swift" quietly "$trl" "$here/swift_check.py" "$work/$form-text" "$env/model" "$work/lf.train.json"
done
PYTHONPATH="$env/swift" quietly "$trl" "$here/swift_check.py" "$work/ms-swift-native" "$env/model"
echo "all trainers' proofs hold"
