"""The terminals of a client: real processes behind `terminal/*`, and the faults that clients have."""

from __future__ import annotations

import codecs
import itertools
import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from tests.support.client import INVALID_PARAMS, Refused

if TYPE_CHECKING:
    from anyio.abc import Process

    from tests.support.client import Client
    from tests.support.wire import JsonObject

OFFERED: JsonObject = {"terminal": True}
ZED: JsonObject = {"terminal": True, "_meta": {"terminal_output": True}}
"""Runs terminals, and shows those of agents."""


@dataclass(slots=True)
class Terminal:
    process: Process
    limit: int
    output: bytearray = field(default_factory=bytearray)
    truncated: bool = False
    ended: anyio.Event = field(default_factory=anyio.Event)

    @property
    def text(self) -> str:
        """The end of the output, from a whole character on."""
        data = bytes(self.output)
        while data and data[0] & 0xC0 == 0x80:
            data = data[1:]
        return codecs.getincrementaldecoder("utf-8")("replace").decode(data)

    def add(self, data: bytes) -> None:
        self.output += data
        if len(self.output) > self.limit:
            self.truncated = True
            del self.output[: -self.limit or None]

    def status(self) -> JsonObject:
        code = self.process.returncode
        assert code is not None
        return {"exitCode": code} if code >= 0 else {"exitCode": None, "signal": signal.Signals(-code).name}

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Terminals:
    """Serves `terminal/*` for a client. What is released is forgotten."""

    def __init__(self, client: Client, environment: dict[str, str] | None = None) -> None:
        self.open: dict[str, Terminal] = {}
        self.created = 0
        self._environment = dict(os.environ) if environment is None else environment
        """The editor's own, which its terminals begin with."""
        self._ids = itertools.count(1)
        self._tasks = client.tasks
        client.handlers |= {
            "terminal/create": self.create,
            "terminal/wait_for_exit": self.wait,
            "terminal/output": self.output,
            "terminal/kill": self.kill,
            "terminal/release": self.release,
        }

    async def create(self, params: JsonObject) -> JsonObject:
        process = await anyio.open_process(
            [params["command"], *params.get("args", [])],
            cwd=params.get("cwd"),
            env=self._environment | {each["name"]: each["value"] for each in params.get("env", [])},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        terminal_id = f"terminal-{next(self._ids)}"
        self.open[terminal_id] = terminal = Terminal(process, params.get("outputByteLimit") or 1 << 20)
        self.created += 1
        self._tasks.start_soon(self._follow, terminal)
        return {"terminalId": terminal_id}

    async def _follow(self, terminal: Terminal) -> None:
        assert terminal.process.stdout is not None
        try:
            async for data in terminal.process.stdout:
                terminal.add(data)
            await terminal.process.wait()
            terminal.ended.set()
        finally:
            terminal.kill()
            with anyio.CancelScope(shield=True):
                await terminal.process.aclose()

    async def wait(self, params: JsonObject) -> JsonObject:
        terminal = self._terminal(params)
        await terminal.ended.wait()
        return terminal.status()

    async def output(self, params: JsonObject) -> JsonObject:
        terminal = self._terminal(params)
        status = {"exitStatus": terminal.status()} if terminal.ended.is_set() else {}
        return {"output": terminal.text, "truncated": terminal.truncated, **status}

    async def kill(self, params: JsonObject) -> JsonObject:
        self._terminal(params).kill()
        return {}

    async def release(self, params: JsonObject) -> JsonObject:
        self._terminal(params).kill()
        del self.open[params["terminalId"]]
        return {}

    def _terminal(self, params: JsonObject) -> Terminal:
        terminal = self.open.get(params["terminalId"])
        if terminal is None:
            raise Refused(INVALID_PARAMS, f"there is no terminal {params['terminalId']}")
        return terminal


def used(client: Client) -> list[str]:
    """The methods of `terminal/*` that the agent has used, in order."""
    methods = [message.get("method", "") for message in client.wire.messages]
    return [method for method in methods if method.startswith("terminal/")]
