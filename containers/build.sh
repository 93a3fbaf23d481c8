#!/usr/bin/env bash
# Build the images: containers/build.sh [options]. IMAGE_TAG (git, date, v1.2.3, or a word) says what they are called; see common.sh.
#   --target NAME       train, serve, serve-cpu, or train-cpu; may be repeated; without it the first three
#   --base IMAGE        another base image, as NAME@sha256:DIGEST
#   --wheels IMAGE      wheels in /wheels, preferred to the index, e.g. PyTorch for CPUs; its own index is then not asked
#   --weights IMAGE     weights of foundation models in /weights, copied to /opt/weights
#   --torch-index URL   where PyTorch for CPUs comes from
#   --ca FILE           CA bundle for pip behind a proxy    --pip-conf FILE    pip's configuration; both are build secrets
#   --builder NAME      docker or buildah
#   --dry-run           show the commands
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=containers/common.sh
. containers/common.sh

builder=docker dry_run=no base='' weights='' wheels='' ca='' pip_conf='' torch_index='' chosen=()
while [ $# -gt 0 ]; do
    case "$1" in
        --dry-run) dry_run=yes; shift; continue ;;
        --help | -h) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
        --target | --base | --weights | --wheels | --ca | --pip-conf | --torch-index | --builder)
            [ $# -ge 2 ] || fail "$1: a value is missing" ;;
        *) fail "$1: no such option; see --help" ;;
    esac
    case "$1" in
        --target) chosen+=("$2") ;;
        --torch-index) torch_index=$2 ;;
        *) name=${1#--}; printf -v "${name//-/_}" %s "$2" ;;
    esac
    shift 2
done
[ ${#chosen[@]} -gt 0 ] || chosen=("${TARGETS[@]}")
for target in "${chosen[@]}"; do
    known_target "$target"
done
for file in "$ca" "$pip_conf"; do [ -z "$file" ] || [ -r "$file" ] || fail "$file: cannot be read"; done
tags=$(tags_of "${IMAGE_TAG:-git}")
[ "$dry_run" = yes ] || find_engine

default_base=$(sed -n 's/^ARG BASE_IMAGE=//p' containers/Dockerfile)
base=${base:-$default_base}
[[ $base = *@sha256:* ]] || echo "build: note: $base is not pinned by digest; push.sh will refuse what is built on it" >&2

arguments() { # TARGET
    local version
    version=$(head -n 1 <<<"$tags")
    printf '%s\n' --file containers/Dockerfile --target "$1" --build-arg "BASE_IMAGE=$base"
    [ -z "$wheels" ] || printf '%s\n' --build-arg "WHEELS_IMAGE=$wheels" --build-arg "TORCH_INDEX=$torch_index"
    [ -z "$torch_index" ] || [ -n "$wheels" ] || printf '%s\n' --build-arg "TORCH_INDEX=$torch_index"
    [ -z "$weights" ] || printf '%s\n' --build-arg "WEIGHTS_IMAGE=$weights"
    [ -z "$ca" ] || printf '%s\n' --secret "id=ca,src=$ca"
    [ -z "$pip_conf" ] || printf '%s\n' --secret "id=pip,src=$pip_conf"
    printf '%s\n' --label "org.opencontainers.image.version=$version" --label "org.opencontainers.image.revision=$(revision)" \
        --label "org.opencontainers.image.created=$(git log -1 --format=%cI 2>/dev/null || date -u +%Y-%m-%dT%H:%M:%SZ)" \
        --label "org.opencontainers.image.base.name=${base%@*}"
    [[ $base != *@* ]] || printf '%s\n' --label "org.opencontainers.image.base.digest=${base#*@}"
}

builder_words() {
    if [ "$builder" = buildah ]; then
        echo buildah build --format docker --layers
    elif docker buildx version >/dev/null 2>&1; then
        echo docker buildx build --load
    else
        echo env DOCKER_BUILDKIT=1 docker build
    fi
}

for target in "${chosen[@]}"; do
    mapfile -t options < <(arguments "$target")
    while read -r tag; do options+=(--tag "$REPOSITORY:$tag"); done < <(target_tags "$target")
    read -r -a words < <(builder_words)
    run "${words[@]}" "${options[@]}" .
done
