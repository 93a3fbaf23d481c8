"""`python -m emulator`: the commands of the emulator, for a shell."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time

from emulator import daemon, lifecycle
from emulator.errors import EmulatorError
from emulator.home import Home, LastRun


def main(words: list[str] | None = None) -> int:
    """Run one command. Returns the exit status; an expected error is one line."""
    arguments = _parser().parse_args(words)
    try:
        return _COMMANDS[arguments.command](arguments)
    except EmulatorError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("emulator", description="SageMaker on this computer")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in _COMMANDS:
        command = commands.add_parser(name)
        command.add_argument("--home", help="the state folder (default: EMULATOR_HOME, else .emulator)")
        if name in ("up", "serve"):
            command.add_argument("--port", type=int)
            command.add_argument("--images", help="the images file (default: EMULATOR_IMAGES)")
            command.add_argument("--region")
            command.add_argument("--foreground", action="store_true", help="serve in this terminal until Ctrl-C")
        if name == "logs":
            command.add_argument("--lines", type=int, default=100)
        if name == "interrupt":
            command.add_argument("job", help="a managed Spot training job that trains")
    return parser


def _serve(arguments: argparse.Namespace) -> int:
    """Become the emulator; `up` runs this."""
    home = Home.at(arguments.home)
    home.create()
    if home.lock() is None:
        return daemon.EXIT_LOCKED
    last = home.last_run()
    listener = daemon.listen(arguments.port, last.port if last else None)
    if listener is None:
        return daemon.EXIT_PORT_BUSY
    if not arguments.foreground and not daemon.leave_terminal(home):
        return 0
    from emulator import server

    region = arguments.region or lifecycle.DEFAULT_REGION
    run = LastRun(os.getpid(), listener.getsockname()[1], region, arguments.images, time.time())
    home.write_run(run)
    return server.run(home, run, listener)


def _up(arguments: argparse.Namespace) -> int:
    running = lifecycle.up(arguments.home, arguments.port, not arguments.foreground, arguments.images, arguments.region)
    sys.stdout.write(f"emulator at {running.url}, state in {running.home}\n")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    sys.stdout.write("stopped\n" if lifecycle.down(arguments.home) else "none was running\n")
    return 0


def _env(arguments: argparse.Namespace) -> int:
    for name, value in lifecycle.env(arguments.home).items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    answer = lifecycle.status(arguments.home)
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    return 0 if answer["running"] else 3


def _logs(arguments: argparse.Namespace) -> int:
    for line in lifecycle.logs(arguments.home, arguments.lines):
        sys.stdout.write(line + "\n")
    return 0


def _interrupt(arguments: argparse.Namespace) -> int:
    lifecycle.interrupt(arguments.job, arguments.home)
    sys.stdout.write(f"the Spot instance of {arguments.job} is taken away\n")
    return 0


def _reset(arguments: argparse.Namespace) -> int:
    lifecycle.reset(arguments.home)
    return 0


_COMMANDS = {
    "up": _up,
    "down": _down,
    "env": _env,
    "status": _status,
    "logs": _logs,
    "interrupt": _interrupt,
    "reset": _reset,
    "serve": _serve,
}

if __name__ == "__main__":
    sys.exit(main())
