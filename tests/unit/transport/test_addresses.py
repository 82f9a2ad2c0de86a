"""Addresses as people write them."""

from __future__ import annotations

import os

import pytest

from acp_agent.errors import ConfigError
from acp_agent.transport.addresses import UNIX_PATH_BYTES, Address, parse


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:4000", Address("tcp", "127.0.0.1", 4000)),
        ("tcp://host.example:4000", Address("tcp", "host.example", 4000)),
        ("[::1]:4000", Address("tcp", "::1", 4000)),
        ("tls://host.example:4000/", Address("tls", "host.example", 4000)),
        ("unix:/run/agent.sock", Address("unix", path="/run/agent.sock")),
        ("unix:///run/agent.sock", Address("unix", path="/run/agent.sock")),
        ("ws://localhost:4000", Address("ws", "localhost", 4000, "/acp")),
        ("ws://localhost:4000/", Address("ws", "localhost", 4000, "/acp")),
        ("ws://localhost:4000/other?x=1", Address("ws", "localhost", 4000, "/other?x=1")),
        ("wss://host.example?token=1", Address("wss", "host.example", 443, "/acp?token=1")),
        ("ws://[::1]", Address("ws", "::1", 80, "/acp")),
    ],
)
def test_what_is_understood(text: str, address: Address) -> None:
    assert parse(text) == address
    assert parse(str(address)) == address


def test_a_relative_path_and_the_home_are_made_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert parse("unix:~/agent.sock").path == "/home/ada/agent.sock"
    assert parse("unix:agent.sock").path == os.path.abspath("agent.sock")


@pytest.mark.parametrize(
    "text",
    [
        "", "host", ":4000", "host:", "host:port", "host:65536", "host:-1", "host:٤", "::1:4000",
        "http://host:4000", "tcp://host", "unix:", "unix:/" + "x" * UNIX_PATH_BYTES, "ws://:4000",
    ],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)
