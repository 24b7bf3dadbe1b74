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
# A registry may stumble once. Modules are compiled when they are first imported: most never are.
install() { # environment, what
    pip="$env/$1/bin/pip"
    shift
    set -- install -q --no-compile --disable-pip-version-check "$@"
    "$pip" "$@" || { echo "once more: pip $*" >&2; sleep 10; "$pip" "$@"; }
}
[ -x "$env/main/bin/python" ] || python3 -m venv "$env/main"
install main \
    torch==2.11.0 torchvision==0.26.0 torchaudio==2.11.0 \
    llamafactory==0.9.5 transformers==5.6.0 datasets==4.0.0 trl==0.24.0 \
    dashscope==2.0.2 duckdb ray tensordict codetiming hydra-core qwen_vl_utils
# verl (beside LLaMAFactory) and ms-swift (beside TRL: it wants newer `datasets`) without their own
# dependencies: only their loaders are run. verl's needs qwen_vl_utils, which it does not name.
install main --no-deps --upgrade --target "$env/verl" verl==0.9.1
# What verl's rollouts are kept in; it wants an older tensordict than verl's loaders are content with.
install main --no-deps --upgrade --target "$env/queue" \
    TransferQueue==0.1.11 tensordict==0.10.0 pyvers pyzmq msgspec prometheus_client cachetools xxhash
# Readers of what is no trainer's: Croissant, and trajectories of agents (ATIF).
[ -x "$env/tongues/bin/python" ] || python3 -m venv "$env/tongues"
install tongues mlcroissant==1.1.1 pyarrow nvidia-nat-atif==1.9.0
if [ "$all" = yes ]; then
    [ -x "$env/trl/bin/python" ] || python3 -m venv "$env/trl"
    # torch is 5 GB: the second environment looks for it in the first one, behind its own packages.
    site() { "$env/$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }
    site main >"$(site trl)/main.pth"
    install trl \
        trl==1.16.0 transformers==5.23.0 datasets==5.2.0 \
        dashscope==2.0.2 pillow modelscope peft json_repair qwen_vl_utils
    install trl --no-deps --upgrade --target "$env/swift" ms-swift==4.6.0
fi
touch "$env/ready"
