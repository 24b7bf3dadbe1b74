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
env=${1:-$(cd "$(dirname "$0")/../.." && pwd)/target/trainers}
mkdir -p "$env"
rm -f "$env/ready"
uv=$("$(dirname "$0")/../uv.sh")
# torch alone unpacks to gigabytes. What uv keeps is on the same disk and linked into each environment, so that
# it is there once; its own names for it go at the end.
export UV_CACHE_DIR="$env/cache" UV_LINK_MODE=hardlink UV_HTTP_TIMEOUT=120
trap 'rm -rf "$UV_CACHE_DIR"' EXIT
venv() { [ -x "$env/$1/bin/python" ] || "$uv" venv -q --python "$(command -v python3)" "$env/$1"; }
# A registry may stumble once.
install() { # environment, what
    python="$env/$1/bin/python"
    shift
    set -- pip install -q --python "$python" "$@"
    "$uv" "$@" || { echo "once more: uv $*" >&2; sleep 10; "$uv" "$@"; }
}
torch="torch==2.11.0 torchvision==0.26.0 torchaudio==2.11.0"
venv main
install main $torch \
    llamafactory==0.9.5 transformers==5.6.0 datasets==4.0.0 trl==0.24.0 \
    dashscope==2.0.2 duckdb ray tensordict codetiming hydra-core qwen_vl_utils
# verl (beside LLaMAFactory) and ms-swift (beside TRL: it wants newer `datasets`) without their own
# dependencies: only their loaders are run. verl's needs qwen_vl_utils, which it does not name.
install main --no-deps --upgrade --target "$env/verl" verl==0.9.1
# What verl's rollouts are kept in; it wants an older tensordict than verl's loaders are content with.
install main --no-deps --upgrade --target "$env/queue" \
    TransferQueue==0.1.11 tensordict==0.10.0 pyvers pyzmq msgspec prometheus_client cachetools xxhash
# Readers of what is no trainer's: Croissant, and trajectories of agents (ATIF).
venv tongues
install tongues mlcroissant==1.1.1 pyarrow nvidia-nat-atif==1.9.0
if [ "$all" = yes ]; then
    venv trl
    # What these do not name and ms-swift asks for is found in the first environment, behind their own packages.
    site() { "$env/$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }
    site main >"$(site trl)/main.pth"
    install trl $torch \
        trl==1.16.0 transformers==5.23.0 datasets==5.2.0 \
        dashscope==2.0.2 pillow modelscope peft json_repair qwen_vl_utils
    install trl --no-deps --upgrade --target "$env/swift" ms-swift==4.6.0
fi
touch "$env/ready"
