#!/bin/sh
# Installs the trainers: setup.sh [--all] [ENV]     (ENV: target/trainers of this checkout)
# Without --all: LLaMAFactory, verl's loaders, `datasets`, DuckDB. With it also TRL and ms-swift, in
# an environment of their own, since LLaMAFactory and TRL pin different transformers. torch,
# torchvision and torchaudio are pinned together: the newest of each do not import beside each other.
set -eu
all=no
if [ "${1:-}" = --all ]; then
    all=yes
    shift
fi
here=$(cd "$(dirname "$0")" && pwd)
env=${1:-$here/../../target/trainers}
mkdir -p "$env"
rm -f "$env/ready"
uv=$("$here/../uv.sh")
# One cache on the same disk: what two environments hold is unpacked once.
export UV_CACHE_DIR="$env/cache"
# A registry may stumble once.
install() { # environment, what
    python="$env/$1/bin/python"
    [ -x "$python" ] || "$uv" venv -q --python "$(command -v python3)" "$env/$1"
    shift
    set -- pip install -q --python "$python" "$@"
    "$uv" "$@" || { echo "once more: uv $*" >&2; sleep 10; "$uv" "$@"; }
}
install main \
    torch==2.11.0 torchvision==0.26.0 torchaudio==2.11.0 \
    llamafactory==0.9.5 transformers==5.6.0 datasets==4.0.0 trl==0.24.0 \
    dashscope==2.0.2 duckdb ray tensordict codetiming hydra-core qwen_vl_utils
# verl (beside LLaMAFactory) and ms-swift (beside TRL: it wants newer `datasets`) without their own
# dependencies: only their loaders are run. verl's needs qwen_vl_utils, which it does not name.
install main --no-deps --upgrade --target "$env/verl" verl==0.9.1
# Readers of what is no trainer's: Croissant, and trajectories of agents (ATIF).
install tongues mlcroissant==1.1.1 pyarrow nvidia-nat-atif==1.9.0
if [ "$all" = yes ]; then
    # What the second environment lacks it finds in the first one, behind its own packages; torch is
    # named again, since a newer one would be 5 GB more.
    "$uv" venv -q --python "$(command -v python3)" --allow-existing "$env/trl"
    site() { "$env/$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }
    site main >"$(site trl)/main.pth"
    install trl \
        torch==2.11.0 torchvision==0.26.0 trl==1.16.0 transformers==5.23.0 datasets==5.2.0 \
        dashscope==2.0.2 pillow modelscope peft json_repair qwen_vl_utils
    install trl --no-deps --upgrade --target "$env/swift" ms-swift==4.6.0
fi
touch "$env/ready"
