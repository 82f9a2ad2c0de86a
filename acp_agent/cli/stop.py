"""`acp-agent stop`: ends a session of a server, or a whole server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from acp_agent.remote.registry import Entry

STOP_LIMIT_S = 5.0
"""What a server has to leave once it has been told."""
LOOK_AGAIN_S = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        nargs="?",
        metavar="SERVER|SESSION",
        help="the number of a server, one of its addresses, or the id of a session or its beginning, as "
        "`acp-agent ps` shows them (default: the only server there is)",
    )


def run(args: argparse.Namespace) -> int:
    import sys

    import anyio

    from acp_agent.cli.client.agent import Trouble

    try:
        print(anyio.run(_stop, args.what))
    except Trouble as error:
        print(f"acp-agent stop: {error} {error.hint}".rstrip(), file=sys.stderr)
        return 1
    return 0


async def _stop(what: str | None) -> str:
    from acp_agent.cli.client.agent import Trouble
    from acp_agent.cli.client.servers import all_sessions, chosen, running, stop_session

    servers = running()
    if what is None:
        if not servers:
            raise Trouble("No server runs.")
        if len(servers) > 1:
            raise Trouble(f"{len(servers)} servers run.", "Say which one: `acp-agent ps` lists them.")
        return await _end(servers[0])
    for server in servers:
        if what == str(server.pid) or what in server.addresses:
            return await _end(server)
    session = chosen(await all_sessions(), what)
    await stop_session(session)
    return f"Session {session.id} is closed."


async def _end(server: Entry) -> str:
    """Asks the process to leave. Raises Trouble when it does not; killing it is left to the person."""
    import os
    import signal

    import anyio

    from acp_agent.cli.client.agent import Trouble

    try:
        os.kill(server.pid, signal.SIGTERM)
    except ProcessLookupError:  # it has just left
        pass
    except PermissionError:
        raise Trouble(f"Server {server.pid} belongs to another user.") from None
    with anyio.move_on_after(STOP_LIMIT_S):
        while server.runs:  # noqa: ASYNC110 -- nobody tells us
            await anyio.sleep(LOOK_AGAIN_S)
        return f"Server {server.pid} has ended."
    raise Trouble(
        f"Server {server.pid} has not ended within {STOP_LIMIT_S:g} s.",
        f"`kill -9 {server.pid}` ends it; the log may say why (docs/commands.md).",
    )
