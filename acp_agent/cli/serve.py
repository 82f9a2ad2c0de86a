"""The agent on standard input and output, or on the network.

On standard input and output `initialize` is answered before anything is imported that it does
not need; the event loop and the rest of the agent are loaded after that, while the client thinks.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, NoReturn

from acp_agent.acp.handshake import Handshake
from acp_agent.rpc.framing import LineBuffer
from acp_agent.transport.descriptors import claim, read_some, write_all

if TYPE_CHECKING:
    import argparse

    from acp_agent.transport.descriptors import Descriptors
    from acp_agent.transport.listening import Listening

CANNOT_START = 2
TOKEN_VARIABLE = "ACP_AGENT_TOKEN"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    listen = parser.add_argument_group(
        "where", "Any of these together; without one, standard input and output. See docs/remote.md."
    )
    listen.add_argument("--tcp", action="append", default=[], metavar="HOST:PORT", help="lines over TCP")
    listen.add_argument(
        "--unix", action="append", default=[], metavar="PATH", help="lines over a Unix socket"
    )
    listen.add_argument(
        "--websocket", action="append", default=[], metavar="HOST:PORT", help="a WebSocket at /acp"
    )
    listen.add_argument(
        "--own-files",
        action="store_true",
        help="the client on standard input and output is on another machine: use the files and "
        "terminals of this one",
    )
    guard = parser.add_argument_group("who")
    guard.add_argument(
        "--token-file", metavar="FILE", help=f"the token that clients must know (else ${TOKEN_VARIABLE})"
    )
    guard.add_argument("--tls-cert", metavar="FILE", help="the certificate, PEM")
    guard.add_argument("--tls-key", metavar="FILE", help="its key, PEM")
    guard.add_argument(
        "--insecure", action="store_true", help="serve other machines without TLS: the way is protected"
    )
    guard.add_argument(
        "--allow-origin", action="append", default=[], metavar="ORIGIN", help="a web page that may connect"
    )
    parser.add_argument(
        "--keep",
        type=float,
        metavar="SECONDS",
        help="how long a session goes on when its last client is gone (default: remote.keep_secs)",
    )


def run(args: argparse.Namespace) -> int:
    """Serves on the network where that is asked for, else like `serve`."""
    if not (args.tcp or args.unix or args.websocket):
        return serve(args, own_files=args.own_files)
    import sys

    from acp_agent.assembly.network import serve_network
    from acp_agent.cli import overrides_of
    from acp_agent.errors import AgentError, ConfigError

    def announce(address: str) -> None:
        print(f"listening on {address}", file=sys.stderr, flush=True)

    try:
        if args.own_files:
            raise ConfigError("--own-files is for standard input and output; on the network it is always so.")
        serve_network(_listening(args), overrides_of(args), args.keep, announce)
    except (AgentError, OSError) as error:
        print(f"acp-agent serve: {error}", file=sys.stderr)
        return CANNOT_START
    return 0


def _listening(args: argparse.Namespace) -> Listening:
    from acp_agent.errors import ConfigError
    from acp_agent.transport.listening import Certificate, Listening
    from acp_agent.transport.tokens import read_token

    if (args.tls_cert is None) != (args.tls_key is None):
        raise ConfigError("--tls-cert and --tls-key belong together: give both.")
    token = read_token(args.token_file, os.environ)
    os.environ.pop(TOKEN_VARIABLE, None)  # no child of ours is to have it
    return Listening(
        tcp=tuple(args.tcp),
        unix=tuple(args.unix),
        websocket=tuple(args.websocket),
        token=token,
        certificate=Certificate(args.tls_cert, args.tls_key) if args.tls_cert else None,
        insecure=args.insecure,
        allow_origins=tuple(args.allow_origin),
    )


def serve(args: argparse.Namespace | None, *, own_files: bool = False) -> int:
    """Serves one client until it closes our input or ends us with SIGTERM; returns 0.

    `own_files`: what the client offers to do with files and terminals is about another machine.
    """
    os.environ.pop(TOKEN_VARIABLE, None)  # not for us, and no child of ours is to have it
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    try:
        descriptors = claim()
    except OSError:  # started without standard input or output: there is nobody to serve
        return 0
    buffer, handshake = LineBuffer(), Handshake(remote=own_files)
    rest = _shake_hands(descriptors, buffer, handshake)
    if handshake.client is None:
        return 0
    from acp_agent.assembly.serving import serve_stdio
    from acp_agent.cli import overrides_of

    serve_stdio(descriptors, buffer, handshake.client, rest, overrides_of(args))
    return _leave()  # all is written and ended; taking the interpreter down would only take time


def _shake_hands(descriptors: Descriptors, buffer: LineBuffer, handshake: Handshake) -> list[bytes]:
    """Answers until `initialize` is done or the client is gone; returns the lines that came after it."""
    lines: list[bytes] = []
    while handshake.client is None:
        data = read_some(descriptors.read)
        lines += buffer.feed(data) if data else buffer.finish()
        while lines and handshake.client is None:
            if answer := handshake.take(lines.pop(0)):
                try:
                    write_all(descriptors.write, answer)
                except OSError:
                    return []
        if not data:
            break
    return lines


def _leave(*_: object) -> NoReturn:
    """There is nothing to clean up."""
    os._exit(0)
