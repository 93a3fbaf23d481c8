"""The zips of the Lambda functions: what each imports and no more, with bytecode, and the same bytes from the same sources.

`build(folder)` writes `NAME.zip` for each folder `lambdas/NAME`; on the command line `python -m pipelines.packaging build/lambdas`.

A zip holds the modules that the handler reaches by its imports, those inside functions included, out of `lambdas` and `pipelines`; of
aws-lambda-powertools and typing_extensions what is reached at import; and the data files named here. boto3 and what it brings come with
the runtime. An import of anything else ends the build: in Lambda it would end the function.

Bytecode is never checked against its source (`unchecked-hash`), so that a read-only folder costs no compilation at each cold start. It is
made by a bare interpreter of its own, since what a process has loaded before shows in the bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.atomic import write_bytes
from pipelines.errors import DeploymentError
from pipelines.imports import Import, imports

RUNTIME = "python3.11"
OURS = ("lambdas", "pipelines")
VENDORED = {"aws_lambda_powertools": "aws-lambda-powertools", "typing_extensions": "typing-extensions"}
"""Module -> distribution of what is shipped beside our own code."""

PROVIDED = ("boto3", "botocore", "urllib3", "jmespath", "dateutil", "s3transfer", "six", "awslambdaric")
"""What the runtime has."""

DATA: dict[str, tuple[str, ...]] = {"train": ("deploy/eks/job/training-job.yaml",)}
"""Function -> files beside its code, from the root of the repository."""

MAX_BYTES = 1_500_000

_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16
_COMPILE = """
import json, py_compile, sys
for source, target, name in json.load(sys.stdin):
    py_compile.compile(source, target, name, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
"""


@dataclass(frozen=True)
class Module:
    """A Python file of a zip: its name, where it lies, and its place in the zip."""

    name: str
    path: Path
    place: str


def names() -> tuple[str, ...]:
    """The functions that there are."""
    return tuple(sorted(handler.parent.name for handler in _root().glob("lambdas/*/handler.py")))


def build(folder: Path) -> dict[str, Path]:
    """Write the zip of every function; returns where each lies."""
    built = {}
    for name in names():
        built[name] = folder / f"{name}.zip"
        write_bytes(package(name), built[name])
    return built


def package(name: str) -> bytes:
    """The zip of one function.

    Errors: DeploymentError when it imports what neither the zip nor the runtime has, or would be too large.
    """
    if f"python{sys.version_info.major}.{sys.version_info.minor}" != RUNTIME:
        raise DeploymentError(f"python: the functions run on {RUNTIME}; build their zips with it")
    modules = closure(f"lambdas.{name}.handler")
    with TemporaryDirectory() as folder:
        archive = Path(folder) / "function.zip"
        _write(archive, {**_code(modules, Path(folder)), **_files(name)})
        content = archive.read_bytes()
    if len(content) > MAX_BYTES:
        raise DeploymentError(f"{name}.zip: {len(content)} bytes; at most {MAX_BYTES}: look at what lambdas/{name} imports")
    return content


def closure(entry: str) -> list[Module]:
    """The modules that `entry` reaches, by name; DeploymentError for one that will not be there."""
    found: dict[str, Module] = {}
    waiting = Import(entry, (), False).candidates
    while waiting:
        module = _module(waiting.pop())
        if module is None or module.name in found:
            continue
        found[module.name] = module
        vendored = module.name.partition(".")[0] in VENDORED
        for one in imports(module.path, module.name):
            if vendored and one.inside_function:
                continue
            if not vendored:
                _require_there(one, module)
            waiting += one.candidates
    return [found[name] for name in sorted(found)]


def _require_there(one: Import, module: Module) -> None:
    top = one.module.partition(".")[0]
    if top not in (*OURS, *VENDORED, *PROVIDED) and top not in sys.stdlib_module_names:
        raise DeploymentError(f"{module.place}: imports {one.module}, which is neither in the zip nor in the runtime")


def _module(name: str) -> Module | None:
    """Where a module of ours or of a vendored package lies; None for any other name."""
    top = name.partition(".")[0]
    if top not in (*OURS, *VENDORED):
        return None
    base = _root() if top in OURS else _home(top)
    stem = name.replace(".", "/")
    for place in (f"{stem}/__init__.py", f"{stem}.py"):
        if (base / place).is_file():
            return Module(name, base / place, place)
    return None


def _root() -> Path:
    """The folder that holds the rooms."""
    return Path(__file__).parents[1]


def _home(package: str) -> Path:
    spec = PathFinder.find_spec(package)
    if spec is None or spec.origin is None:
        raise DeploymentError(f"{package}: is not installed; install housing-crisis-ml[lambdas]")
    origin = Path(spec.origin)
    return origin.parents[1] if spec.submodule_search_locations else origin.parent


def _code(modules: list[Module], folder: Path) -> dict[str, bytes]:
    """Sources and their bytecode, by place in the zip."""
    compiled = {module.place: folder / f"{number}.pyc" for number, module in enumerate(modules)}
    tasks = [[str(module.path), str(compiled[module.place]), module.place] for module in modules]
    command = [sys.executable, "-I", "-S", "-c", _COMPILE]
    subprocess.run(command, input=json.dumps(tasks).encode(), check=True)
    tag = sys.implementation.cache_tag
    content = {}
    for module in modules:
        parent, _, file = module.place.rpartition("/")
        content[module.place] = module.path.read_bytes()
        content[f"{parent}/__pycache__/".lstrip("/") + f"{file.removesuffix('.py')}.{tag}.pyc"] = compiled[module.place].read_bytes()
    return content


def _files(name: str) -> dict[str, bytes]:
    """The data files of a function, and the licences of what is vendored."""
    content = {}
    for place in DATA.get(name, ()):
        if not (_root() / place).is_file():
            raise DeploymentError(f"{place}: is not here, and {name}.zip holds it; build the zips from a checkout of the repository")
        content[place] = (_root() / place).read_bytes()
    for package in VENDORED.values():
        try:
            licences = [file for file in distribution(package).files or () if file.name.startswith("LICENSE")]
        except PackageNotFoundError:
            continue
        content |= {f"licences/{package}.txt": file.read_binary() for file in licences[:1]}
    return content


def _write(archive: Path, content: dict[str, bytes]) -> None:
    """A zip without dates, owners or an order of its own."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for place in sorted(content):
            entry = zipfile.ZipInfo(place, _EPOCH)
            entry.create_system, entry.external_attr = 3, _READABLE
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, content[place], compresslevel=9)


def main(argv: Sequence[str]) -> str:
    """Build into the folder that is named; returns a line per zip.

    Errors: SystemExit with one line that says what is wrong.
    """
    if len(argv) != 1:
        raise SystemExit("packaging: name the folder for the zips: python -m pipelines.packaging build/lambdas")
    try:
        built = build(Path(argv[0]))
    except (DeploymentError, OSError) as error:
        raise SystemExit(f"packaging: {error}") from error
    return "".join(f"{path}: {path.stat().st_size} bytes\n" for path in built.values())


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
