"""`mcpServers` as clients write it."""

from __future__ import annotations

import pytest

from acp_agent.acp.servers import servers
from acp_agent.extend.servers import RemoteServer, StdioServer, UnusableServer

PAIRS = [
    {"name": "A", "value": "1"},
    {"name": "", "value": "2"},
    {"value": "3"},
    4,
    {"name": "B", "value": 5},
]


def test_every_kind() -> None:
    given = [
        {"name": "a", "command": "/bin/a", "args": ["x"], "env": PAIRS},
        {"type": "stdio", "name": "b", "command": "b"},
        {"type": "http", "name": "c", "url": "https://c/mcp", "headers": PAIRS},
        {"type": "sse", "name": "d", "url": "https://d/sse"},
    ]
    assert servers(given) == (
        StdioServer("a", "/bin/a", ("x",), {"A": "1"}),
        StdioServer("b", "b", (), {}),
        RemoteServer("c", "http", "https://c/mcp", {"A": "1"}),
        RemoteServer("d", "sse", "https://d/sse", {}),
    )


@pytest.mark.parametrize("given", [None, 3, "x", {}, []])
def test_none(given: object) -> None:
    assert servers(given) == ()


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"name": "n"}, "no command"),
        ({"name": "n", "command": ["x"]}, "no command"),
        ({"name": "n", "command": "x", "args": [1]}, "arguments"),
        ({"name": "n", "type": "http"}, "no url"),
        ({"name": "n", "type": "acp", "id": "1"}, "type 'acp' is not supported"),
        ({"name": "n", "type": ["http"]}, "is not supported"),
    ],
)
def test_what_cannot_be_used(entry: object, reason: str) -> None:
    (found,) = servers([entry])
    assert isinstance(found, UnusableServer)
    assert found.name == "n"
    assert reason in found.reason


def test_nameless_ones_are_told_apart() -> None:
    assert [each.name for each in servers([1, {"command": "x"}, {"name": 3}])] == [
        "server-1",
        "server-2",
        "server-3",
    ]
