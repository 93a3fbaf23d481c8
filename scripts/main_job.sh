#!/usr/bin/env bash
# The main job on one computer: the calls that AWS would get, answered by the emulator. Only the endpoint variable differs.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

housing local up --detach
trap 'housing local down' EXIT
eval "$(housing local env)"
housing doctor >/dev/null

housing run --panel texas
housing approve
housing deploy
housing predict --region Austin
housing results --out "${HOUSING_OUT:-out}"
