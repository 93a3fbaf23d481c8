"""The metrics of all workers as one: whichever is asked adds up what the others say on their private sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from inference.telemetry import Telemetry

_SECONDS = 2.0
_NOT_ADDED = ("housing_gpu_", "housing_model_", "process_start_time_seconds", "process_max_fds")
"""Gauges that every worker reads off the same thing: the largest counts, not the sum."""


@dataclass(frozen=True)
class Siblings:
    """The workers of one server: `folder` holds a socket for each, `number` is this one's."""

    folder: Path
    number: int

    async def open(self, telemetry: Telemetry) -> asyncio.Server:
        """Answer the other workers."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(telemetry.exposition())
            writer.write_eof()
            await reader.read()
            writer.close()

        path = self.folder / str(self.number)
        path.unlink(missing_ok=True)
        return await asyncio.start_unix_server(answer, path)

    async def exposition(self, telemetry: Telemetry) -> bytes:
        """The sum of all workers' metrics; one that is just being replaced is left out."""
        others = [path for path in self.folder.iterdir() if path.name != str(self.number)]
        texts = await asyncio.gather(*(_ask(path) for path in others))
        return merged([telemetry.exposition().decode(), *(text for text in texts if text)])


async def _ask(path: Path) -> str:
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path)
            text = await reader.read()
            writer.close()
    except (OSError, TimeoutError):
        return ""
    return text.decode()


class _Merged(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def merged(texts: Iterable[str]) -> bytes:
    """Prometheus expositions added up, sample by sample."""
    families: dict[str, Metric] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for text in texts:
        for family in text_string_to_metric_families(text):
            families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            seen, add = values.setdefault(family.name, {}), not family.name.startswith(_NOT_ADDED)
            for sample in family.samples:
                key = (sample.name, tuple(sample.labels.items()))
                before = seen.get(key)
                seen[key] = sample.value if before is None else before + sample.value if add else max(before, sample.value)
    for name, family in families.items():
        for (sample_name, labels), value in values[name].items():
            family.add_sample(sample_name, dict(labels), value)
    return generate_latest(_Merged(families.values()))
