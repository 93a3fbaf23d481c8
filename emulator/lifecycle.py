"""Start, find, ask and stop the emulator of a state folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator import daemon
from emulator.errors import EmulatorError
from emulator.home import Home, LastRun
from emulator.jobs import interruption

DEFAULT_REGION = "eu-west-1"
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_PAUSE_SECONDS = 0.05
_LOG_TAIL_LINES = 2


class StartError(EmulatorError):
    """The emulator did not come up."""


class NotRunningError(EmulatorError):
    """There is no emulator in the folder."""


@dataclass(frozen=True)
class Running:
    """An emulator that answers."""

    home: Path
    url: str
    port: int
    pid: int
    region: str


def up(
    home: Path | str | None = None,
    port: int | None = None,
    detach: bool = True,
    images: Path | str | None = None,
    region: str | None = None,
) -> Running:
    """Start the emulator of a folder, or find the one that runs there, and wait until it answers.

    Parameters
    ----------
    home
        The state folder; None is EMULATOR_HOME, else `.emulator` in the working directory.
    port
        None is the port of the last run when it is free, else 4599, else any free one.
    detach
        False serves in the terminal and returns when the emulator has ended.
    images
        The images file; None is EMULATOR_IMAGES. A running emulator keeps the one it was started with.
    region
        What ARNs are made of; None is that of the folder's last run, else AWS_DEFAULT_REGION, else eu-west-1.

    Raises
    ------
    StartError
        When it ends before it answers; the text has the end of its log.
    HomeError
        When the folder can't be used.
    """
    place = Home.at(home)
    place.create()
    images = images or os.environ.get("EMULATOR_IMAGES")
    if place.is_locked():
        running = _wait_until_up(place)
        if running is not None:
            return running  # else the one that held the lock was on its way out
    before = place.log.stat().st_size if place.log.exists() else 0
    command = _command(place, port, str(Path(images).absolute()) if images else None, region)
    _start(place, command if detach else [*command, "--foreground"], port, detach)
    run = place.last_run()
    if not detach and run is not None:
        return Running(place.folder, run.url, run.port, run.pid, run.region)
    started = _wait_until_up(place)
    if started is None:
        raise StartError(f"emulator: it ended while starting: {_tail(place, before)}")
    return started


def _command(place: Home, port: int | None, images: str | None, region: str | None) -> list[str]:
    last = place.last_run()
    region = region or (last.region if last else None) or os.environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
    options = {"--home": str(place.folder), "--region": region, "--port": port, "--images": images}
    words = [str(word) for name, value in options.items() if value is not None for word in (name, value)]
    return [sys.executable, "-m", "emulator", "serve", *words]


def _start(place: Home, command: list[str], port: int | None, detach: bool) -> None:
    # the new process finds this very package, whatever its working directory and its environment are
    here = os.pathsep.join(filter(None, [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL if detach else None, env={**os.environ, "PYTHONPATH": here})
    try:
        code = process.wait()
    except KeyboardInterrupt:  # a Ctrl-C at the terminal reached the emulator as well, which ends in good order
        code = process.wait()
    if code == daemon.EXIT_PORT_BUSY:
        raise StartError(f"port: {port} is taken by another program: leave --port out, or name a free one")
    if code not in (0, daemon.EXIT_LOCKED):
        raise StartError(f"emulator: it could not be started (exit status {code}): {_tail(place)}")


def _wait_until_up(place: Home) -> Running | None:
    """The emulator that holds the lock, once it answers; None when it ends."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if not place.is_locked():
            return None
        run = place.last_run()
        if run is not None and _health(run, place) is not None:
            return Running(place.folder, run.url, run.port, run.pid, run.region)
        time.sleep(_PAUSE_SECONDS)
    raise StartError(f"emulator: no answer after {_START_SECONDS:.0f} s: {_tail(place)}")


def down(home: Path | str | None = None) -> bool:
    """Stop the emulator of a folder and everything it started. False when there was none."""
    place = Home.at(home)
    if not place.is_locked():
        return False
    run = place.last_run()
    if run is None:
        raise NotRunningError(f"emulator: {place.folder} is locked by a program that never wrote its run: end that one first")
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal(run.pid, number)
        until = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < until:
            if not place.is_locked():
                return True
            time.sleep(_PAUSE_SECONDS)
    raise EmulatorError(f"emulator: process {run.pid} does not end: it hangs in the kernel")


def env(home: Path | str | None = None) -> dict[str, str]:
    """The variables that send every AWS client to the emulator of a folder.

    Raises
    ------
    NotRunningError
        When none runs there.
    """
    run = _running(Home.at(home))
    return {
        "AWS_ENDPOINT_URL": run.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": run.region,
        "AWS_REGION": run.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": _no_proxy(),
        "no_proxy": _no_proxy(),
    }


def status(home: Path | str | None = None) -> dict[str, Any]:
    """What the emulator of a folder says of itself; `{"running": False}` with the folder when there is none."""
    place = Home.at(home)
    run = place.last_run() if place.is_locked() else None
    answer = _health(run, place, "/") if run is not None else None
    return {**(answer or {}), "running": answer is not None, "home": str(place.folder)}


def logs(home: Path | str | None = None, lines: int = 100) -> Iterator[str]:
    """The last lines of the emulator's own log."""
    place = Home.at(home)
    if place.log.exists():
        yield from place.log.read_text(errors="replace").splitlines()[-lines:]


def interrupt(job: str, home: Path | str | None = None) -> None:
    """Take the Spot instance of a training job that trains away, now.

    Raises
    ------
    EmulatorError
        When no emulator runs, or it has no such Spot job that trains; the text says which.
    """
    run = _running(Home.at(home))
    url = f"{run.url}{interruption.PREFIX}{urllib.parse.quote(job, safe='')}"
    request = urllib.request.Request(url, method="POST")  # noqa: S310 - of the emulator's own address
    try:
        with _opener().open(request, timeout=10):
            return
    except urllib.error.HTTPError as error:
        raise EmulatorError(f"job: {json.loads(error.read())['message']}") from None


def reset(home: Path | str | None = None) -> None:
    """Stop the emulator of a folder and remove all it kept.

    Raises
    ------
    HomeError
        When the folder is not an emulator's.
    """
    down(home)
    Home.at(home).erase()


def _running(place: Home) -> LastRun:
    run = place.last_run() if place.is_locked() else None
    if run is None:
        raise NotRunningError(f"emulator: none runs in {place.folder}: start it with `python -m emulator up`")
    return run


def _health(run: LastRun, place: Home, page: str = "/health") -> dict[str, Any] | None:
    """The status page, or None while nothing, or another process than this run's, answers at the port."""
    try:
        with _opener().open(run.url + page, timeout=10) as response:
            answer: dict[str, Any] = json.loads(response.read())
    except (OSError, ValueError):
        return None
    return answer if (answer.get("home"), answer.get("pid")) == (str(place.folder), run.pid) else None


def _opener() -> urllib.request.OpenerDirector:
    """One that asks no proxy: the emulator is on this computer."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _tail(place: Home, offset: int = 0) -> str:
    """The end of the log, of what was written from `offset` on."""
    written = place.log.read_bytes()[offset:].decode(errors="replace") if place.log.exists() else ""
    return " | ".join(line.strip() for line in written.splitlines()[-_LOG_TAIL_LINES:]) or f"{place.log} is empty"


def _no_proxy() -> str:
    present = [name for name in os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")).split(",") if name]
    return ",".join(dict.fromkeys([*present, "127.0.0.1", "localhost"]))
