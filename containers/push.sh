#!/usr/bin/env bash
# Push images that build.sh made: containers/push.sh [options]. IMAGE_TAG as in build.sh. Each image is pushed once and gets all its
# tags; its digest goes to image.json, and `eval "$(.venv/bin/python containers/registry.py env)"` lets jobs and models use it.
#   --target NAME       train, serve or serve-cpu; may be repeated; without it all
#   --registry HOST     default: ECR of the account and region of the credentials
#   --unpinned          also what is built on a base image without a digest
#   --file FILE         the record (image.json)
#   --builder NAME      docker or buildah
#   --dry-run           show the commands
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=containers/common.sh
. containers/common.sh

builder=docker dry_run=no registry='' unpinned=no file=image.json chosen=()
while [ $# -gt 0 ]; do
    case "$1" in
        --dry-run) dry_run=yes; shift; continue ;;
        --unpinned) unpinned=yes; shift; continue ;;
        --help | -h) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
        --target | --registry | --builder | --file) [ $# -ge 2 ] || fail "$1: a value is missing" ;;
        *) fail "$1: no such option; see --help" ;;
    esac
    case "$1" in
        --target) chosen+=("$2") ;;
        --registry) registry=$2 ;;
        --builder) builder=$2 ;;
        --file) file=$2 ;;
    esac
    shift 2
done
[ ${#chosen[@]} -gt 0 ] || chosen=("${TARGETS[@]}")
tags=$(tags_of "${IMAGE_TAG:-git}")
python=.venv/bin/python
[ -x "$python" ] || fail "$python is missing; make it with \`make setup\`"
helper() { "$python" containers/registry.py "$@"; }
[ "$dry_run" = yes ] || find_engine
if [ -z "$registry" ]; then
    if [ "$dry_run" = yes ]; then registry=ACCOUNT.dkr.ecr.REGION.amazonaws.com; else registry=$(helper name); fi
fi

names=()
for target in "${chosen[@]}"; do
    known_target "$target"
    while read -r tag; do names+=("$tag"); done < <(target_tags "$target")
done

label() { # TARGET LABEL
    if [ "$builder" = buildah ]; then
        buildah inspect --type image --format "{{index .OCIv1.Config.Labels \"$2\"}}" "$REPOSITORY:$1"
    else
        docker image inspect --format "{{index .Config.Labels \"$2\"}}" "$REPOSITORY:$1"
    fi
}

log_in() {
    case "$registry" in
        *.dkr.ecr.*)
            helper check "$registry" "$REPOSITORY" "${names[@]}" >/dev/null
            helper password "$registry" | "$builder" login --username AWS --password-stdin "$registry" >/dev/null
            helper untag "$registry" "$REPOSITORY" "${names[@]}" >/dev/null
            ;;
    esac
}

push() { # SOURCE NAME; prints the digest
    local work
    work=$(mktemp)
    if [ "$builder" = buildah ]; then
        buildah push --quiet --digestfile "$work" "$1" "docker://$2" >&2
        cat "$work"
    else
        docker tag "$1" "$2" >&2
        docker push "$2" | tee "$work" >&2
        sed -n 's/.*digest: \(sha256:[0-9a-f]\{64\}\) .*/\1/p' "$work"
    fi
    rm -f "$work"
}

for target in "${chosen[@]}"; do
    [ "$dry_run" = yes ] && break
    label "$target" org.opencontainers.image.version >/dev/null 2>&1 || fail "$REPOSITORY:$target is not here; build it with containers/build.sh"
    base=$(label "$target" org.opencontainers.image.base.digest)
    [[ $base = sha256:* || $unpinned = yes ]] || fail "$target: its base image has no digest; build with --base NAME@sha256:DIGEST, or push with --unpinned"
done
if [ "$dry_run" = yes ]; then
    run "$python" containers/registry.py check "$registry" "$REPOSITORY" "${names[@]}"
    run "$builder" login --username AWS --password-stdin "$registry"
else
    log_in
fi

for target in "${chosen[@]}"; do
    digest='' pushed=()
    while read -r tag; do
        name=$registry/$REPOSITORY:$tag
        if [ "$dry_run" = yes ]; then run "$builder" push "$name"; continue; fi
        # a tag of several releases moves, which the repository allows to none that looks like a release's
        [[ $registry == *.dkr.ecr.* && $tag =~ -v[0-9]+(\.[0-9]+)?$ ]] && helper free "$registry" "$REPOSITORY" "$tag" >/dev/null
        digest=$(push "$REPOSITORY:$target" "$name")
        [ -n "$digest" ] || fail "$name: the registry told no digest"
        pushed+=("\"$tag\"")
    done < <(target_tags "$target")
    [ "$dry_run" = yes ] && continue
    facts=$(printf '{"tags": [%s], "revision": "%s", "base": "%s"}' "$(IFS=,; echo "${pushed[*]}")" \
        "$(label "$target" org.opencontainers.image.revision)" "$(label "$target" org.opencontainers.image.base.digest)")
    findings=$(helper record "$registry" "$REPOSITORY" "$target" "$digest" "$facts" --file "$file")
    echo "$target: $registry/$REPOSITORY@$digest; scan: $findings"
done
[ "$dry_run" = yes ] || echo "written to $file; to use these images: eval \"\$($python containers/registry.py env $file)\""
