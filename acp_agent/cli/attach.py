"""`acp-agent attach`: watches a session that is open in a server, and talks to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from acp_agent.cli.client.permission import Policy
    from acp_agent.cli.client.servers import LiveSession


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "session", metavar="SESSION", help="its id in `acp-agent ps`, or enough of its beginning"
    )
    parser.add_argument(
        "--permit",
        choices=("ask", "allow", "reject"),
        help="what to answer to permission requests (default: ask)",
    )


def run(args: argparse.Namespace) -> int:
    import sys

    import anyio

    from acp_agent.cli.client.agent import Trouble

    try:
        return anyio.run(_attach, args.session, args.permit or "ask")
    except Trouble as error:
        print(f"acp-agent attach: {error} {error.hint}".rstrip(), file=sys.stderr)
        return 1


async def _attach(beginning: str, permit: Policy) -> int:
    from acp_agent.cli.client.servers import all_sessions, chosen

    return await _watch(chosen(await all_sessions(), beginning), permit)


async def _watch(session: LiveSession, permit: Policy) -> int:
    from pathlib import Path

    from acp_agent.cli.chat import surface
    from acp_agent.cli.client.agent import Trouble
    from acp_agent.cli.client.talk import FarEnd, Plan, Talk
    from acp_agent.transport.network import FLUSH_LIMIT_S, OVER
    from acp_agent.transport.sockets import connect_unix

    async def fate() -> str:
        return f"Server {session.server.pid} has closed the connection."

    plan = Plan(Path(session.cwd), permit, resume=session.id, advice="`acp-agent ps` lists what still runs.")
    try:
        channel = await connect_unix(session.server.control)
    except OSError as error:
        raise Trouble(f"Server {session.server.pid} cannot be reached: {error.strerror or error}.") from None
    try:
        return await Talk(plan, FarEnd(channel, fate), surface()).hold(Talk.converse)
    finally:
        await channel.close(OVER, FLUSH_LIMIT_S)
