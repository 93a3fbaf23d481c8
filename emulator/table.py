"""`python -m emulator.table FILE`: renew the tables of operations and of resources in a Markdown file, between its two markers."""

import sys
from pathlib import Path

from emulator import operations
from emulator.cloudformation.kinds import kinds
from emulator.protocol.models import service_model

BEGIN, END = "<!-- operations -->", "<!-- end of operations -->"


def table() -> str:
    """One line for each operation that is answered, how many of each service are refused, and the resources of templates."""
    operations.load()
    lines = ["| operation | | what it does |", "| --- | --- | --- |"]
    answered = operations.registered()
    for service, name in answered:
        says = (operations.handler_of(service, name).__doc__ or "").strip().splitlines()[0]
        imitated = operations.simulated(service, name)
        lines.append(
            f"| `{service}:{name}` | {'simulated' if imitated else 'real'} | {says}{f' Simulated: {imitated}.' if imitated else ''} |"
        )
    lines.append("")
    for service in sorted({service for service, _ in answered}):
        known = sum(one == service for one, _ in answered)
        lines.append(f"Refused: the other {len(service_model(service).operation_names) - known} operations of `{service}`.")
    return "\n".join([*lines, "", *_resources()])


def _resources() -> list[str]:
    """One line for each type of resource that a template may have."""
    lines = ["| resource of a template | | of it is simulated |", "| --- | --- | --- |"]
    for name, kind in sorted(kinds().items()):
        lines.append(f"| `{name}` | {'simulated' if kind.simulated else 'real'} | {kind.simulated} |")
    return [*lines, "", "A resource of another type, or a property that its type is not known to have, fails the stack with its name."]


def renewed(text: str) -> str:
    """A document with its table as it should be now.

    Raises
    ------
    ValueError
        When it lacks the markers.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document has no {BEGIN} ... {END}")
    return f"{head}{BEGIN}\n{table()}\n{END}{tail}"


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(renewed(document.read_text()))
