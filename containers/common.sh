# What build.sh and push.sh share: the tags of an image, the builder, and how a command is shown or run. Sourced, not run.
# shellcheck shell=bash
REPOSITORY=housing-crisis-ml
TARGETS=(train serve serve-cpu)

fail() { echo "$(basename "$0" .sh): $1" >&2; exit 1; }

# Run a command, or with --dry-run only show it.
run() {
    if [ "${dry_run:-}" = yes ]; then printf '+ %s\n' "$(printf '%q ' "$@")"; else "$@"; fi
}

known_target() {
    [[ " ${TARGETS[*]} train-cpu " = *" $1 "* ]] || fail "--target $1: must be one of ${TARGETS[*]} train-cpu"
}

revision() { git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null || echo unknown; }

# The names that an image goes by, one a line, from IMAGE_TAG:
#   v1.2.3      a release: v1.2.3 v1.2 v1 latest (v1.2.3-rc.1 is only itself)
#   git         the commit (abc123f) and BRANCH-COMMIT (main-abc123f); the default
#   date        YYYYMMDD-HHMMSS, UTC
#   other       itself
tags_of() {
    local wish=$1 sha branch
    case "$wish" in
        git)
            sha=$(git rev-parse --short=7 HEAD 2>/dev/null) || fail "IMAGE_TAG=git: this is no git checkout; set IMAGE_TAG=date or a version"
            [ -z "$(git status --porcelain)" ] || sha+=-dirty
            branch=$(git symbolic-ref --quiet --short HEAD || echo detached)
            printf '%s\n' "$sha" "$(tr -c '[:alnum:]_.\n' - <<<"$branch" | cut -c1-80)-$sha"
            ;;
        date) date -u +%Y%m%d-%H%M%S ;;
        v[0-9]*)
            [[ $wish =~ ^v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?$ ]] \
                || fail "IMAGE_TAG=$wish: a version is vMAJOR.MINOR.PATCH, such as v1.2.3"
            echo "$wish"
            if [ -z "${BASH_REMATCH[4]}" ]; then
                printf '%s\n' "v${BASH_REMATCH[1]}.${BASH_REMATCH[2]}" "v${BASH_REMATCH[1]}" latest
            fi
            ;;
        *)
            [[ $wish =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$ ]] || fail "IMAGE_TAG=$wish: use git, date, vMAJOR.MINOR.PATCH, or letters, digits, ._-"
            echo "$wish"
            ;;
    esac
}

# The tags of a target: its own name, which the settings name by default, and TARGET-TAG for each tag.
target_tags() {
    local target=$1 tag
    echo "$target"
    while read -r tag; do echo "$target-$tag"; done <<<"$tags"
}

# Sets `engine` to the words of the builder; says in one line what is missing.
find_engine() {
    case "$builder" in
        docker)
            command -v docker >/dev/null || fail "docker is not installed; install it (apt-get install docker.io), or use --builder buildah"
            local said
            said=$(docker version --format '{{.Server.Version}}' 2>&1) \
                || fail "Docker does not answer (${said##*$'\n'}); start its daemon, or use --builder buildah"
            ;;
        buildah)
            command -v buildah >/dev/null || fail "buildah is not installed; install it (apt-get install buildah), or use --builder docker"
            ;;
        *) fail "--builder $builder: must be docker or buildah" ;;
    esac
}
