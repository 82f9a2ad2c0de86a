"""`acp-agent connect`: is the agent that runs elsewhere, for an editor that only knows commands.

An editor starts this in place of the agent, so it must start as fast as one: until it is known
that more is needed it imports next to nothing.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.errors import AgentError
from acp_agent.transport.bridge import Bridge, Opening
from acp_agent.transport.descriptors import claim

if TYPE_CHECKING:
    import argparse

    from acp_agent.transport.addresses import Address
    from acp_agent.transport.bridge import Ended
    from acp_agent.transport.descriptors import Descriptors

ANSWER_LIMIT_S = 5.0
"""How long an agent that cannot be reached is waited with for the request that is answered so."""
READ_BYTES = 1 << 16
INTERNAL_ERROR = -32603


class Wanted(NamedTuple):
    """What the arguments say."""

    address: str
    token_file: str | None = None
    ca: str | None = None
    shared_files: bool = False


def wanted(arguments: list[str]) -> Wanted | None:
    """What they plainly say; None when that is not so plain, and argparse is worth its time."""
    options: dict[str, str] = {}
    rest = list(arguments)
    while len(rest) > 2 and rest[0] in ("--token-file", "--ca"):
        option, value, *rest = rest
        options[option] = value
    shared = "--shared-files" in rest
    others = [argument for argument in rest if argument != "--shared-files"]
    if len(others) != 1 or others[0].startswith("-"):
        return None
    return Wanted(others[0], options.get("--token-file"), options.get("--ca"), shared)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "address", metavar="ADDRESS", help="HOST:PORT, tls://HOST:PORT, unix:PATH, ws://… or wss://…"
    )
    parser.add_argument(
        "--token-file", metavar="FILE", help="the token of the server (else $ACP_AGENT_TOKEN)"
    )
    parser.add_argument("--ca", metavar="FILE", help="trust these certificates (PEM), not the system's")
    parser.add_argument(
        "--shared-files",
        action="store_true",
        help="the editor sees the same files under the same paths, so the agent may use it for them",
    )


def run(args: argparse.Namespace) -> int:
    return connect(Wanted(args.address, args.token_file, args.ca, args.shared_files))


def connect(args: Wanted) -> int:
    """Returns 0 when the editor has left, 1 when the agent could not be reached or has left first."""
    try:
        editor = claim()
    except OSError:  # started without standard input or output: there is nobody to connect
        return 0
    try:
        ended = _bridge(editor, args)
    except (AgentError, OSError) as error:
        text = str(error) if isinstance(error, AgentError) else _unreachable(args.address, error)
        print(f"acp-agent connect: {text}", file=sys.stderr)
        _answer(editor, text)
        return 1
    if ended.by_agent:
        why = f": {ended.why}" if ended.why else ""
        print(f"acp-agent connect: {args.address} has closed the connection{why}.", file=sys.stderr)
    return int(ended.by_agent)


def _bridge(editor: Descriptors, args: Wanted) -> Ended:
    from acp_agent.transport.addresses import parse
    from acp_agent.transport.tokens import read_token

    address = parse(args.address)
    token = read_token(args.token_file, os.environ)
    meta: dict[str, object] = {}
    if token:
        meta["acp-agent/token"] = token.text
    if args.shared_files or address.kind == "unix":
        meta["acp-agent/shared-files"] = True
    if address.kind in ("ws", "wss"):
        return _by_websocket(editor, address, meta, args.ca)
    from acp_agent.transport.links import dial

    return Bridge(editor, dial(address, args.ca), Opening(meta)).run()


def _by_websocket(editor: Descriptors, address: Address, meta: dict[str, object], ca: str | None) -> Ended:
    from acp_agent.assembly.adapters import adapter

    return adapter("bridge.websocket")(editor, address, Opening(meta), ca)


def _unreachable(address: str, error: OSError) -> str:
    reason = (error.strerror or str(error)).rstrip(".")
    hint = "Is `acp-agent serve` running there, and is this its address?"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        reason, hint = "its certificate is not trusted", "Name the one to trust with --ca FILE."
    return f"{address} cannot be reached: {reason}. {hint} (docs/remote.md)"


def _answer(editor: Descriptors, text: str) -> None:
    """Tells the editor why there is no agent, as the answer to what it asks first."""
    import json

    from acp_agent.transport.descriptors import write_all

    line = _first_line(editor.read)
    try:
        request = json.loads(line)
        answer = {"jsonrpc": "2.0", "id": request["id"]}
    except (ValueError, TypeError, KeyError):  # it has not asked anything
        return
    error = {"code": INTERNAL_ERROR, "message": text, "data": {"details": text}}
    try:
        write_all(editor.write, json.dumps({**answer, "error": error}).encode() + b"\n")
    except OSError:
        return


def _first_line(fd: int) -> bytes:
    """What has come within the limit."""
    import select
    import time

    deadline = time.monotonic() + ANSWER_LIMIT_S
    text = b""
    while b"\n" not in text and select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
        data = os.read(fd, READ_BYTES)
        if not data:
            break
        text += data
    return text.partition(b"\n")[0]
