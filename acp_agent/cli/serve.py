"""The agent on standard input and output.

`initialize` is answered before anything is imported that it does not need; the event loop
and the rest of the agent are loaded after that, while the client thinks.
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


def serve(args: argparse.Namespace | None) -> int:
    """Serves one client until it closes our input or ends us with SIGTERM; returns 0."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    try:
        descriptors = claim()
    except OSError:  # started without standard input or output: there is nobody to serve
        return 0
    buffer, handshake = LineBuffer(), Handshake()
    rest = _shake_hands(descriptors, buffer, handshake)
    if handshake.client is None:
        return 0
    from acp_agent.assembly.serving import serve_stdio
    from acp_agent.cli import overrides_of

    serve_stdio(descriptors, buffer, handshake.client, rest, overrides_of(args))
    return 0


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
    """There is nothing to clean up yet."""
    os._exit(0)
