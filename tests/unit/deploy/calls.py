"""Which operations of AWS the code calls, read from its text: what a handler reaches by name, or what whole packages hold."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name

PREFIXES = {
    "application-autoscaling": "application-autoscaling",
    "cloudformation": "cloudformation",
    "cloudwatch": "cloudwatch",
    "ecr": "ecr",
    "eks": "eks",
    "lambda": "lambda",
    "logs": "logs",
    "s3": "s3",
    "sagemaker": "sagemaker",
    "sagemaker-runtime": "sagemaker",
    "secretsmanager": "secretsmanager",
    "service-quotas": "servicequotas",
    "sns": "sns",
    "sqs": "sqs",
}
"""The services that the code makes clients of, and what IAM calls them."""

OTHERWISE = {
    "s3:ListObjectsV2": ["s3:ListBucket"],
    "s3:HeadBucket": ["s3:ListBucket"],
    "s3:PutBucketEncryption": ["s3:PutEncryptionConfiguration"],
    "s3:PutBucketLifecycleConfiguration": ["s3:PutLifecycleConfiguration"],
    "s3:PutPublicAccessBlock": ["s3:PutBucketPublicAccessBlock"],
    "s3:HeadObject": ["s3:GetObject"],
    "s3:DeleteObjects": ["s3:DeleteObject"],
    "s3:ListObjectVersions": ["s3:ListBucketVersions"],
    "s3:CopyObject": ["s3:GetObject", "s3:PutObject"],
    "lambda:Invoke": ["lambda:InvokeFunction"],
}
"""Operations whose action has another name."""

TRANSFERS = {"upload_file": "s3:PutObject", "upload_fileobj": "s3:PutObject", "download_file": "s3:GetObject"}

Named = tuple[str, ast.AST]


@cache
def operations() -> dict[str, list[str]]:
    """Method name -> the actions that it may need, over the services above."""
    session, found = botocore.session.get_session(), {name: [action] for name, action in TRANSFERS.items()}
    for service, prefix in PREFIXES.items():
        for operation in session.get_service_model(service).operation_names:
            action = f"{prefix}:{operation}"
            found.setdefault(xform_name(operation), []).extend(OTHERWISE.get(action, [action]))
    return found


def reached(modules: Iterable[Path], entry: str) -> set[str]:
    """The method names of AWS's clients that the function `entry` may come to, and what the modules do when they are imported.

    A function is reached when a reached one says its name, whichever module it stands in: too much rather than too little.
    """
    bodies: dict[str, list[ast.AST]] = {}
    waiting: list[ast.AST] = []
    for path in modules:
        for statement in ast.parse(path.read_text()).body:
            for name, node in _functions(statement):
                bodies.setdefault(name, []).append(node)
            waiting.append(_outside(statement))
    waiting += bodies.get(entry, [])
    said: set[str] = set()
    while waiting:
        for name in set(_words(waiting.pop())) - said:
            said.add(name)
            waiting += bodies.get(name, [])
    return said & set(operations())


def held(folders: Iterable[Path]) -> dict[str, set[str]]:
    """Method name of a client -> the modules that say it."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        for path in folder.rglob("*.py"):
            for name in set(_words(ast.parse(path.read_text()))) & set(operations()):
                found.setdefault(name, set()).add(f"{folder.name}/{path.relative_to(folder)}")
    return found


def _functions(statement: ast.AST) -> Iterator[Named]:
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node


def _outside(statement: ast.AST) -> ast.AST:
    """What runs at import: nothing of a function's body, and of a class only what is not a method."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.Import | ast.ImportFrom):
        return ast.Pass()
    if isinstance(statement, ast.ClassDef):
        return ast.Module([item for item in statement.body if not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)], [])
    return statement


def _words(node: ast.AST) -> Iterator[str]:
    """Names, attributes and strings: `client.list_models(...)` and `get_paginator("list_models")` alike."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute):
            yield inner.attr
        elif isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value
