"""What a Python file imports, read from its text and not by running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One import: the module, the names that it takes from it, and whether it waits until a function is called."""

    module: str
    names: tuple[str, ...]
    inside_function: bool

    @property
    def candidates(self) -> list[str]:
        """Every module that this may load: the packages above it, itself, and the names where they are modules."""
        parts = self.module.split(".")
        return [".".join(parts[: count + 1]) for count in range(len(parts))] + [f"{self.module}.{name}" for name in self.names]


def imports(path: Path, name: str) -> Iterator[Import]:
    """The imports of a module called `name`, but not those for type checkers alone."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    yield from _walk(ast.parse(path.read_bytes()), package, False)


def _walk(node: ast.AST, package: str, inside: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, (), inside)
    elif isinstance(node, ast.ImportFrom):
        yield Import(_absolute(node, package), tuple(alias.name for alias in node.names), inside)
    elif isinstance(node, ast.If) and _is_for_type_checkers(node.test):
        for other in node.orelse:
            yield from _walk(other, package, inside)
    else:
        deeper = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.iter_child_nodes(node):
            yield from _walk(child, package, deeper)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _is_for_type_checkers(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING")
