#!/usr/bin/env bash
# Make .venv/ from the pinned constraints. Says in one line what is missing; an interrupted run starts again cleanly.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv
needed_gib=5

fail() { echo "setup: $1" >&2; exit 1; }

python=""
for candidate in "${HOUSING_PYTHON:-}" python3.11 python3 python; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
    found=$(python3 --version 2>/dev/null || echo "no python3")
    fail "Python 3.11 is needed and $found was found; install it (apt-get install python3.11 python3.11-venv) or name it in HOUSING_PYTHON"
fi

if [ ! -f "$venv/bin/.packages-ready" ]; then
    free_gib=$(df -Pk . | awk 'NR==2 {print int($4 / 1048576)}')
    [ "$free_gib" -ge "$needed_gib" ] || fail "the disk has $free_gib GiB free and the environment needs $needed_gib GiB; free some space"
fi
[ -x "$venv/bin/python" ] && "$venv/bin/python" -c '' 2>/dev/null || { rm -rf "$venv"; "$python" -m venv "$venv" 2>/dev/null; } \
    || fail "the module venv is missing; install it (apt-get install python3.11-venv)"

echo "setup: installing pinned packages into $venv/ (about 3 GB, a few minutes the first time)"
log=$venv/setup.log
if ! "$venv/bin/python" -m pip install --disable-pip-version-check -q -c constraints.txt torch -e '.[all]' >"$log" 2>&1; then
    grep -E '^ERROR' "$log" | tail -n 3 >&2 || tail -n 3 "$log" >&2
    fail "pip could not install the packages; the whole log is in $log"
fi
touch "$venv/bin/.packages-ready"
