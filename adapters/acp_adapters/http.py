"""The one module that makes HTTP clients."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from acp_agent.config.values import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

CONNECT_LIMIT_S = 10.0
IDLE_CONNECTIONS = 20
KEEP_ALIVE_S = 120.0

for _name in ("httpx", "httpcore", "httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they log every request otherwise


_clients: dict[tuple[bool, bool], httpx.AsyncClient] = {}


def _client(*, encrypted: bool, local: bool) -> httpx.AsyncClient:
    """The process's client for https, or for plain http, which needs no certificate store.

    What is on this machine is not asked for through the environment's proxy.

    Connections are kept and shared. Who asks for what may take long says how long it may.
    """
    return httpx.AsyncClient(
        verify=encrypted,
        timeout=httpx.Timeout(CONNECT_LIMIT_S),
        limits=httpx.Limits(max_keepalive_connections=IDLE_CONNECTIONS, keepalive_expiry=KEEP_ALIVE_S),
        follow_redirects=False,
        trust_env=not local,
    )


def client_for(url: str) -> httpx.AsyncClient:
    """The client to ask `url` with. Raises OSError, ValueError or ImportError for a broken environment."""
    parts = urlsplit(url)
    encrypted, local = parts.scheme != "http", is_loopback(parts.hostname or "")
    if (encrypted, local) not in _clients:
        _clients[encrypted, local] = _client(encrypted=encrypted, local=local)
    return _clients[encrypted, local]


async def close_clients() -> None:
    """Closes every connection; for a program that goes on in another event loop."""
    while _clients:
        await _clients.popitem()[1].aclose()


def conversation_client(url: str, headers: Mapping[str, str]) -> httpx2.AsyncClient:
    """A client of its own for a long conversation with `url`, to be closed by whoever has it.

    It is of the library that the MCP client is made for. Answers may take for ever: who waits
    for one says how long. Raises what `client_for` does.
    """
    import httpx2

    parts = urlsplit(url)
    return httpx2.AsyncClient(
        headers=dict(headers),
        verify=parts.scheme != "http",
        timeout=httpx2.Timeout(CONNECT_LIMIT_S, read=None),
        follow_redirects=False,
        trust_env=not is_loopback(parts.hostname or ""),
    )
