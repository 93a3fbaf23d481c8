"""A load of constant concurrency over keep-alive connections, and the CPU that a process tree spends under it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

_CPUCLOCK_SCHED = 2


def cpu_of_tree(pid: int) -> float:
    """User and system seconds of a process and its living descendants, from their CPU clocks: nanoseconds, not ticks."""
    total = 0.0
    for one in (pid, *descendants(pid)):
        try:
            total += time.clock_gettime((~one << 3) | _CPUCLOCK_SCHED)  # Linux's MAKE_PROCESS_CPUCLOCK
        except OSError:
            continue
    return total


def descendants(pid: int) -> list[int]:
    """Living children of a process, and theirs."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            found += [child, *descendants(child)]
    return found


async def drive(port: int, body: bytes, concurrency: int, requests: int) -> list[float]:
    """Send `requests` requests from `concurrency` clients; the latency of each, seconds. AssertionError on any status but 200."""
    head = f"POST /invocations HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    message = head.encode() + body
    left, latencies = [requests], []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        while left[0] > 0:
            left[0] -= 1
            started = time.perf_counter()
            writer.write(message)
            header = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in header.split(b"\r\n", 1)[0], header
            await read_body(reader, header.lower())
            latencies.append(time.perf_counter() - started)
        writer.close()

    await asyncio.gather(*(client() for _ in range(concurrency)))
    return latencies


async def read_body(reader: asyncio.StreamReader, header: bytes) -> None:
    """The body that follows `header`, in lower case; thrown away."""
    if b"content-length: " in header:
        await reader.readexactly(int(header.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]))
        return
    while (size := int((await reader.readline()).split(b";")[0], 16)) > 0:
        await reader.readexactly(size + 2)
    await reader.readline()
