"""The one module that makes HTTP clients."""

from __future__ import annotations

import logging
from functools import cache

import httpx

CONNECT_LIMIT_S = 10.0
IDLE_CONNECTIONS = 20
KEEP_ALIVE_S = 120.0

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they log every request otherwise


@cache
def client(*, encrypted: bool) -> httpx.AsyncClient:
    """The process's client for https, or for plain http, which needs no certificate store.

    Connections are kept and shared. Who asks for what may take long says how long it may.
    """
    return httpx.AsyncClient(
        verify=encrypted,
        timeout=httpx.Timeout(CONNECT_LIMIT_S),
        limits=httpx.Limits(max_keepalive_connections=IDLE_CONNECTIONS, keepalive_expiry=KEEP_ALIVE_S),
        follow_redirects=False,
        trust_env=True,
    )


def client_for(url: str) -> httpx.AsyncClient:
    """The client to ask `url` with."""
    return client(encrypted=not url.startswith("http://"))
