"""A program's pipes as the library's pair of streams.

The library has a transport of its own; this one leaves nothing of the program behind, whoever
ends first, says why it has ended, bounds its lines and takes no offence at what is no message.
"""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import mcp_types as types
from mcp.shared.message import SessionMessage

from acp_agent.errors import ServerError
from acp_agent.rpc.framing import OVERSIZED, LineBuffer
from acp_agent.workspace.piped import PipedProgram, ProgramSpec, open_program

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.client._transport import TransportStreams

    from acp_agent.extend.servers import Host, StdioServer, Watch

log = logging.getLogger(__name__)

LONGEST_LINE = 16 << 20
"""Bytes of a message. A result that is longer helps nobody."""


@asynccontextmanager
async def stdio(spec: StdioServer, host: Host, watch: Watch) -> AsyncGenerator[TransportStreams]:
    """Runs the server's program for as long as the block lasts. Raises ServerError."""
    command = (_program(spec), *spec.args)
    incoming_in, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, outgoing_out = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        async with (
            open_program(ProgramSpec(command, host.roots[0], spec.env, host.env)) as program,
            incoming_in,
            incoming,
            outgoing,
            outgoing_out,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(_read, program, incoming_in, watch)
            tasks.start_soon(_write, program, outgoing_out)
            yield incoming, outgoing
            tasks.cancel_scope.cancel()
    except (OSError, ValueError) as error:
        raise ServerError(f"{spec.command} cannot be started: {error}") from error


def _program(spec: StdioServer) -> str:
    """Where the program is. Raises ServerError saying what to do."""
    command = spec.command
    if os.path.isabs(command):
        if not os.path.isfile(command):
            raise ServerError(f"{command} is not there; correct the path or install it")
        if not os.access(command, os.X_OK):
            raise ServerError(
                f"{command} may not be executed; run chmod +x on it, or name the program to run it"
            )
        return command
    if "/" in command:
        raise ServerError(f"{command} is a relative path; give the whole path")
    found = shutil.which(command, path=spec.env.get("PATH"))
    if found is None:
        raise ServerError(
            f"there is no program {command!r} on the search path; install it, or give its whole path"
        )
    return found


async def _read(
    program: PipedProgram, incoming: MemoryObjectSendStream[SessionMessage | Exception], watch: Watch
) -> None:
    lines = LineBuffer(LONGEST_LINE)
    async with incoming:
        while data := await program.receive():
            for line in lines.feed(data):
                if line is OVERSIZED or line == OVERSIZED:
                    watch.lost(f"it sent a message of more than {LONGEST_LINE >> 20} MiB")
                    return
                if message := _message(line):
                    await incoming.send(message)
        watch.lost(await program.why())


def _message(line: bytes) -> SessionMessage | None:
    try:
        return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:  # some programs print what they should log
        log.debug("not a message: %r", line[:200])
        return None


async def _write(program: PipedProgram, outgoing: MemoryObjectReceiveStream[SessionMessage]) -> None:
    async with outgoing:
        try:
            async for message in outgoing:
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                await program.send(text.encode() + b"\n")
        except OSError:
            return  # it does not read any more; `_read` will see it end
