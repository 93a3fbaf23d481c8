#!/usr/bin/env bash
# The checks of what is deployed. Each says in one line what it did; what could not be had here is skipped aloud.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
out=build/infra
mkdir -p "$out"

say() { echo "infra: $1"; }

# cfn-lint on the sources, and on what SAM makes of app.yaml with every option on: the actions of policies are only seen there.
templates() {
    "$bin/python" scripts/expand_template.py deploy/aws/app.yaml everything=true >"$out/app-everything.json"
    "$bin/cfn-lint" --regions us-east-1 --template deploy/aws/{app,sagemaker,cost}.yaml deploy/eks/foundation.yaml
    # SAM puts the values of some parameters in their place, so that they look unused (W2001)
    "$bin/cfn-lint" --regions us-east-1 --ignore-checks W2001 --template "$out/app-everything.json"
    say "templates: cfn-lint found nothing in the sources and in app.yaml expanded"
}

# checkov and zizmor have an environment of their own, as checkov pins what ours needs otherwise. Installed once, in at most four minutes.
tools() {
    local wanted="checkov==3.3.30 zizmor==1.32.0"
    [ "$(cat .venv-infra/.ready 2>/dev/null)" = "$wanted" ] && return
    rm -rf .venv-infra
    "$bin/python" -m venv .venv-infra
    # shellcheck disable=SC2086 # two words
    if timeout 240 .venv-infra/bin/python -m pip install --disable-pip-version-check --no-compile -q $wanted >"$out/tools.log" 2>&1; then
        echo "$wanted" >.venv-infra/.ready
    else
        rm -rf .venv-infra
        say "tools: $wanted could not be installed: $(grep -E '^ERROR' "$out/tools.log" | tail -n 1 || true)"
    fi
}

# zizmor on the workflows of GitHub: actions by commit, no right too many, nothing of a caller in a command.
workflows() {
    if [ ! -x .venv-infra/bin/zizmor ]; then
        say "workflows: SKIPPED, as zizmor is not installed"
        return
    fi
    .venv-infra/bin/zizmor --offline --quiet .github/workflows >/dev/null || .venv-infra/bin/zizmor --offline .github/workflows
    say "workflows: zizmor found nothing"
}

policies() {
    if [ ! -x .venv-infra/bin/checkov ]; then
        say "policies: SKIPPED, as checkov is not installed"
        return
    fi
    BC_SKIP_MAPPING=TRUE LOG_LEVEL=ERROR timeout 300 .venv-infra/bin/checkov --config-file deploy/aws/checkov.yaml \
        --file "$out/app-everything.json" --file deploy/aws/sagemaker.yaml --file deploy/aws/cost.yaml --file deploy/eks/foundation.yaml
    say "policies: checkov found nothing beside what deploy/aws/checkov.yaml explains"
}

# The manifests for EKS, as kubectl puts them together, and the Job of a training. Their schemas and rules are in tests/unit/eks.
manifests() {
    if ! command -v kubectl >/dev/null; then
        say "manifests: SKIPPED, as kubectl is not installed"
        return
    fi
    kubectl kustomize deploy/eks/overlays/prod >"$out/eks-prod.yaml"
    "$bin/python" -m pipelines.eks.catalogue job >"$out/eks-job.yaml"
    if [ ! -x .venv-infra/bin/checkov ]; then
        say "manifests: kubectl puts them together; SKIPPED their policies, as checkov is not installed"
        return
    fi
    BC_SKIP_MAPPING=TRUE LOG_LEVEL=ERROR timeout 300 .venv-infra/bin/checkov --config-file deploy/eks/checkov.yaml \
        --file "$out/eks-prod.yaml" --file "$out/eks-job.yaml"
    say "manifests: checkov found nothing beside what deploy/eks explains"
}

# hadolint reads the Dockerfile, shellcheck every script; compose's own check runs where a compose with today's format is installed.
containers() {
    "$bin/hadolint" containers/Dockerfile
    "$bin/shellcheck" --external-sources containers/{build,push,lock}.sh containers/install containers/bin/entry scripts/{test_image,infra,main_job,get_kubectl}.sh .ci/run
    if docker compose version >/dev/null 2>&1; then
        HOUSING_MODEL_URI=s3://bucket/model.tar.gz docker compose -f containers/compose.yaml --profile load config --quiet
        say "containers: hadolint, shellcheck and compose found nothing"
    else
        say "containers: hadolint and shellcheck found nothing; compose.yaml is not checked by Docker, which has no compose here"
    fi
}

tools
templates
workflows
policies
manifests
containers
