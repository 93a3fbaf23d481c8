#!/usr/bin/env bash
# Build the CPU images and run the emulator's jobs and endpoints in them; `make test-image`. Needs a Docker engine: one that answers, or,
# as root, a `dockerd` of its own that is stopped and removed at the end. Where the base image can't be pulled, debootstrap makes it.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=containers/common.sh
. containers/common.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/test-image.XXXXXX")
daemon=''

skip() { echo "test-image: SKIPPED: $1" >&2; exit 0; }

cleanup() {
    local status=$?
    if [ -n "$daemon" ]; then
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
        awk -v root="$work/" 'index($2, root) == 1 {print $2}' /proc/mounts | sort -r | while read -r mount; do umount "$mount" || true; done
    fi
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT

# A docker command that can build: with the buildx component, or old enough to do without it. It comes first on the PATH from here on.
choose_client() {
    local candidate version
    while read -r candidate; do
        version=$("$candidate" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
        if [ "${version:-99}" -lt 23 ] || "$candidate" buildx version >/dev/null 2>&1; then
            mkdir -p "$work/bin"
            ln -sf "$candidate" "$work/bin/docker"
            export PATH="$work/bin:$PATH"
            return
        fi
    done < <(type -aP docker || true)
    skip "no docker command that can build (apt-get install docker.io)"
}

find_daemon() {
    docker version >/dev/null 2>&1 && return
    [ "$(id -u)" = 0 ] || skip "no Docker engine answers, and only root can start one"
    command -v dockerd >/dev/null || skip "no Docker engine answers and dockerd is not installed (apt-get install docker.io iptables)"
    export DOCKER_HOST=unix://$work/docker.sock
    dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/dockerd.pid" --host "$DOCKER_HOST" >"$work/dockerd.log" 2>&1 &
    daemon=$!
    for _ in $(seq 60); do
        docker version >/dev/null 2>&1 && return
        kill -0 "$daemon" 2>/dev/null || break
        sleep 1
    done
    skip "dockerd does not start here: $(tail -n 1 "$work/dockerd.log")"
}

# Sets base: the Dockerfile's own where it can be had, else Debian 12 from the mirror that this machine uses.
find_base() {
    base=$(sed -n 's/^ARG BASE_IMAGE=//p' containers/Dockerfile)
    timeout 60 docker pull --quiet "$base" >/dev/null 2>&1 && return
    command -v debootstrap >/dev/null || skip "$base cannot be pulled and debootstrap is not installed"
    local mirror
    mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\).*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1) || true  # one of the two may be missing
    echo "test-image: $base cannot be pulled here: a Debian 12 made by debootstrap takes its place"
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,tini bookworm "$work/root" "${mirror:-http://deb.debian.org/debian}" \
        >"$work/debootstrap.log" 2>&1 || skip "debootstrap: $(tail -n 1 "$work/debootstrap.log")"
    # What belongs to this machine stays here.
    rm -rf "$work"/root/etc/resolv.conf "$work"/root/etc/hostname "$work"/root/etc/apt/sources.list "$work"/root/var/{cache/apt,lib/apt/lists,log}/*
    tar -C "$work/root" -c . | docker import - housing-base:bookworm >/dev/null
    rm -rf "$work/root"
    base=housing-base:bookworm
}

# Sets options: how pip finds its way out of a build, as it does on this machine.
find_index() {
    options=()
    local bundle=${PIP_CERT:-${REQUESTS_CA_BUNDLE:-}} folder
    [ -z "$bundle" ] || options+=(--ca "$bundle")
    if [ -n "${PIP_INDEX_URL:-}" ]; then
        printf '[global]\nindex-url = %s\n' "$PIP_INDEX_URL" >"$work/pip.conf"
        options+=(--pip-conf "$work/pip.conf")
    fi
    for folder in ${PIP_FIND_LINKS:-}; do
        compgen -G "$folder/torch-*cpu*.whl" >/dev/null || continue
        tar -C "$folder" --transform 's,^\.,wheels,' -c . | docker import - housing-wheels:local >/dev/null
        options+=(--wheels housing-wheels:local)
    done
}

choose_client
find_daemon
find_base
find_index
export IMAGE_TAG=test
containers/build.sh --target serve-cpu --target train-cpu --base "$base" "${options[@]}"
TEST_IMAGE_BUILD="$(printf '%q ' containers/build.sh --base "$base" "${options[@]}")" nice -n 10 .venv/bin/python -m pytest tests/image "$@"
