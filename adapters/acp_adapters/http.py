"""The one module that makes HTTP clients."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import httpx

from acp_agent.config.values import is_loopback

CONNECT_LIMIT_S = 10.0
IDLE_CONNECTIONS = 20
KEEP_ALIVE_S = 120.0

for _name in ("httpx", "httpcore"):
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
