"""The commands of the AWS CLI that stand in the documentation, run as the boto3 calls that they are."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import boto3
import jmespath
from botocore import xform_name


def commands(page: Path, heading: str) -> list[str]:
    """The lines of the code block under a heading."""
    section = page.read_text().split(f"# {heading}\n", 1)[1]
    return [line for line in section.split("```bash\n", 1)[1].split("```", 1)[0].splitlines() if line]


def run(command: str, **values: str) -> Any:
    """Run `aws SERVICE OPERATION --option value ...`; `values` take the place of the words in capitals.

    Returns the answer, or what `--query` takes of it. A word without an option is the file that the body goes to.
    """
    for name, value in values.items():
        command = command.replace(name, value)
    program, service, operation, *words = shlex.split(command)
    assert program == "aws"
    client: Any = boto3.client({"s3api": "s3"}.get(service, service))  # type: ignore[call-overload]
    method = operation.replace("-", "_")
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    members = {xform_name(name).replace("_", "-"): (name, shape) for name, shape in model.input_shape.members.items()}
    arguments: dict[str, Any] = {}
    query, file, waiting = "", None, iter(words)
    for word in waiting:
        if word == "--query":
            query = next(waiting)
        elif word.startswith("--"):
            name, shape = members[word[2:]]
            text = next(waiting)
            arguments[name] = text if shape.type_name == "string" else json.loads(text)
        else:
            file = Path(word)
    answer = getattr(client, method)(**arguments)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(answer["Body"].read())
    return jmespath.search(query, answer) if query else answer
