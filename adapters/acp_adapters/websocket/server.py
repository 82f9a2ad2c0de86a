"""One accepted connection as a WebSocket: who may open one, and what is told to who may not.

The connection is handed to uvicorn's protocols, which are not run as a server: whoever accepts
connections also decides how many there may be and how long each may take.
"""

from __future__ import annotations

import asyncio
import uuid
from functools import cache
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import anyio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from uvicorn.config import Config
from uvicorn.server import ServerState

from acp_adapters.websocket.channel import WebSocketChannel
from acp_adapters.websocket.protocols import Arrival, Frames, Http
from acp_agent.transport.addresses import ENDPOINT
from acp_agent.transport.backlog import LIMITS
from acp_agent.transport.keeping import tune
from acp_agent.transport.network import FIRST_LINES_BYTES, FLUSH_LIMIT_S, HANDSHAKE_LIMIT_S

if TYPE_CHECKING:
    import socket

    from starlette.requests import Request
    from starlette.websockets import WebSocket

    from acp_agent.transport.backlog import Limits
    from acp_agent.transport.network import Welcome

BINARY_ENDPOINT = "/message"
"""For marimo's page, which looks here, and sends what it says as UTF-8 in binary frames."""
PING_S = 30.0
"""Silence after which the client is pinged, and what it has to answer."""
WRONG_TOKEN_DELAY_S = 0.5
"""What a wrong token costs whoever tries one after the other."""
SUBPROTOCOL = "acp"
TOKEN_SUBPROTOCOL = "acp-token."
"""A browser can send the token only as part of the address, or as a subprotocol that begins so."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


async def open_websocket(sock: socket.socket, welcome: Welcome, limits: Limits = LIMITS) -> WebSocketChannel:
    """A transport.network.Opener."""
    tune(sock)
    loop = asyncio.get_running_loop()
    arrival = Arrival(welcome, limits)
    tls = welcome.tls is not None
    transport, _ = await loop.connect_accepted_socket(
        lambda: Http(_config(), ServerState(), {"arrival": arrival}, loop),
        sock,
        ssl=welcome.tls,
        ssl_handshake_timeout=HANDSHAKE_LIMIT_S if tls else None,
        ssl_shutdown_timeout=FLUSH_LIMIT_S if tls else None,
    )
    try:
        return await arrival.channel
    except asyncio.CancelledError:
        transport.abort()
        raise


@cache
def _config() -> Config:
    """Without compression, which a small message can abuse, and without any log of addresses."""
    routes = [
        WebSocketRoute(ENDPOINT, _enter),
        WebSocketRoute(BINARY_ENDPOINT, _enter),
        WebSocketRoute("/{path:path}", _not_here),
        Route(ENDPOINT, _upgrade_first),
    ]
    config = Config(
        Starlette(routes=routes),
        http=Http,
        ws=Frames,
        ws_max_size=FIRST_LINES_BYTES,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    config.load()
    return config


async def _enter(websocket: WebSocket) -> None:
    arrival = cast(Arrival, websocket.scope["state"]["arrival"])
    welcome = arrival.welcome
    if not _origin_allowed(websocket, welcome.allow_origins):
        await _refuse(websocket, 403, "This origin is not allowed; see --allow-origin in docs/remote.md.")
        return
    given = _token_of(websocket)
    if given is not None and welcome.token and not welcome.token.matches(given):
        await anyio.sleep(WRONG_TOKEN_DELAY_S)
        await _refuse(websocket, 401, "The token is wrong; docs/remote.md says how to send it.")
        return
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in websocket.scope["subprotocols"] else None
    await websocket.accept(subprotocol, [(b"acp-connection-id", uuid.uuid4().hex.encode())])
    if arrival.channel.done():
        return  # whoever waited for it has given up
    proven = welcome.token is not None and given is not None
    channel = WebSocketChannel(
        websocket,
        arrival.frames,
        arrival.limits,
        authenticated=proven,
        takes_binary=websocket.scope["path"] == BINARY_ENDPOINT,
    )
    arrival.channel.set_result(channel)
    await channel.run()


async def _not_here(websocket: WebSocket) -> None:
    await _refuse(websocket, 404, f"The agent is at {ENDPOINT}.")


async def _upgrade_first(_: Request) -> PlainTextResponse:
    return PlainTextResponse("The agent speaks WebSocket here.", 426, {"upgrade": "websocket"})


async def _refuse(websocket: WebSocket, status: int, text: str) -> None:
    await websocket.send_denial_response(PlainTextResponse(text, status))
    cast(Arrival, websocket.scope["state"]["arrival"]).frames.refused()


def _origin_allowed(websocket: WebSocket, allowed: tuple[str, ...]) -> bool:
    """Programs send no origin. Of web pages only those count that are listed, or served by this very
    address on this machine: any other page that a browser shows here could drive the agent.
    """
    for origin in websocket.headers.getlist("origin"):
        if origin.lower().rstrip("/") in (each.lower().rstrip("/") for each in allowed):
            continue
        if urlsplit(origin).netloc.lower() != websocket.headers.get("host", "").lower():
            return False
        if urlsplit(origin).hostname not in LOOPBACK:
            return False
    return True


def _token_of(websocket: WebSocket) -> str | None:
    """What the request gives as the token, in whichever of the three ways."""
    scheme, _, token = websocket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    for name in websocket.scope["subprotocols"]:
        if name.startswith(TOKEN_SUBPROTOCOL):
            return name.removeprefix(TOKEN_SUBPROTOCOL)
    return websocket.query_params.get("token")
