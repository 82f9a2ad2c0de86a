"""`acp-agent ps`: the servers that run on this machine, and the sessions that are open in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from acp_agent.cli.client.servers import LiveSession
    from acp_agent.remote.registry import Entry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(args: argparse.Namespace) -> int:
    import anyio

    del args
    return anyio.run(_list)


async def _list() -> int:
    import sys

    from acp_agent.cli.client.agent import Trouble
    from acp_agent.cli.client.servers import running, sessions_of

    status = 0
    servers = running()
    if not servers:
        print("No server runs. `acp-agent serve --tcp 127.0.0.1:4000` starts one (docs/remote.md).")
    for server in servers:
        print(_server_line(server))
        try:
            for session in await sessions_of(server):
                print(_session_line(session))
        except Trouble as error:
            print(f"acp-agent ps: {error}", file=sys.stderr)
            status = 1
    return status


def _server_line(server: Entry) -> str:
    return f"{server.pid}  {_when(server.started)}  {' '.join(server.addresses)}"


def _session_line(session: LiveSession) -> str:
    from acp_agent.cli.client.screen import cleaned

    clients = f"{session.watchers} client{'' if session.watchers == 1 else 's'}"
    facts = [session.id, session.state, clients, _when(session.since), session.cwd, session.title]
    return "  " + "  ".join(cleaned(fact).replace("\n", " ") for fact in facts if fact)


def _when(seconds: float) -> str:
    import time

    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
