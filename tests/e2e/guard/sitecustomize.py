"""Loaded by every Python process of the main job under test: an address beyond loopback is written down and refused."""

import ipaddress
import os
import sys

_WRITTEN_TO = os.environ.get("HOUSING_GUARD_FILE")


def _is_loopback(host):
    if host in ("", "localhost", None):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _watch(event, args):
    if event == "socket.connect":
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event == "socket.getaddrinfo":
        host = args[0].decode() if isinstance(args[0], bytes) else args[0]
    else:
        return
    if not _is_loopback(host):
        with open(_WRITTEN_TO, "a") as written:  # noqa: PTH123 (pathlib is slow to import, and this is in every process)
            written.write(f"{event} {host} by {' '.join(sys.argv[:3])}\n")
        raise PermissionError(f"the main job may contact loopback only, not {host}")


if _WRITTEN_TO:
    sys.addaudithook(_watch)
