#!/usr/bin/env bash
# The main job on one computer: the calls that AWS would get, answered by the emulator. Only the endpoint variable differs.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
# nobody calls the endpoint of a computer while it is replaced: there is little to watch
export HOUSING_BAKE_SECONDS="${HOUSING_BAKE_SECONDS:-5}" HOUSING_TERMINATION_WAIT_SECONDS="${HOUSING_TERMINATION_WAIT_SECONDS:-0}"

housing local up --detach
trap 'housing local down' EXIT
eval "$(housing local env)"
housing doctor >/dev/null

housing bootstrap --yes
housing run --panel texas --yes
housing approve
housing deploy --yes
housing predict --region Austin
housing results --out "${HOUSING_OUT:-out}"
