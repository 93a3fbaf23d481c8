"""Unit tests stay on this computer."""

import pytest
import pytest_socket


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup() -> None:
    """Loopback only."""
    pytest_socket.socket_allow_hosts(["127.0.0.1", "localhost", "::1"], allow_unix_socket=True)
