#!/usr/bin/env bash
# Renew containers/locks/: the exact packages of each image, at the versions of constraints.txt. `make lock` runs it.
# PyTorch must be had both ways: the CPU build from where pip is configured to find it, the CUDA build from the plain index.
set -euo pipefail
cd "$(dirname "$0")/.."
locks=containers/locks

lock() { # OUT CONSTRAINTS SOURCE [--extra NAME]...
    local out=$1 constraints=$2 source=$3
    shift 3
    .venv/bin/pip-compile --quiet --allow-unsafe --strip-extras --no-annotate --no-header --no-emit-options -c "$constraints" "$@" \
        -o "$locks/$out.txt" "$source"
    # PyTorch and XGBoost want NCCL for CUDA 13 and for CUDA 12, whose files have the same names: the one that PyTorch is linked to stays.
    sed -i 's/+cpu$//; /^\(#\|$\|--\)/d; /^nvidia-nccl-cu12==/d' "$locks/$out.txt"
}

for target in "train --extra train" "serve --extra serve --extra traces"; do
    read -r name extras <<<"$target"
    # shellcheck disable=SC2086 # several words
    lock "$name-cpu" constraints.txt pyproject.toml $extras --extra cpu --extra eks
    # shellcheck disable=SC2086
    PIP_FIND_LINKS='' PIP_CONFIG_FILE=/dev/null lock "$name-gpu" constraints.txt pyproject.toml $extras --extra gpu --extra eks
done
lock installer constraints.txt containers/locks/installer.in
