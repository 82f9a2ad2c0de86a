"""What tools of servers were like when a person had them called: a tool that has changed is asked about anew.

Kept for each project in the data folder, where nothing that the project brings can reach it. A server
is known by its name and by what is run, or where it is; under another command it is another server.
"""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING, NamedTuple, cast

import anyio
import anyio.to_thread

from acp_agent.errors import ToolError
from acp_agent.extend.servers import RemoteServer, StdioServer
from acp_agent.redaction.redactor import NO_VALUES

if TYPE_CHECKING:
    from pathlib import Path

    from acp_agent.extend.servers import ServerSpec

log = logging.getLogger(__name__)

FORMAT = 1
LARGEST = 16 << 20
"""Bytes of a file of pins. What is larger was not written by us."""
CHANGED = "its description or parameters have changed since it was allowed"
ANOTHER = "another server of this name was allowed before: what it runs, or where it is, has changed"
Json = dict[str, object]


class Told(NamedTuple):
    """A tool as the model is told of it."""

    name: str
    description: str
    parameters: Json


class Change(NamedTuple):
    """That a tool is not what was allowed, and what it was and is, for a person."""

    reason: str
    before: str
    now: str


class Pins:
    """The pins of one project."""

    def __init__(self, path: Path | None) -> None:
        """`path` None keeps them for the session alone."""
        self._path = path
        self._servers: Json = {}
        self._writing = anyio.Lock()

    async def load(self) -> None:
        """Reads what other sessions have kept meanwhile."""
        if self._path:
            kept = await anyio.to_thread.run_sync(_read, self._path)
            self._servers = {**self._servers, **kept}

    def change(self, spec: ServerSpec, tool: Told) -> Change | None:
        """How the tool differs from what was allowed; None for one that is as it was or was never called."""
        known = _object(self._servers.get(identity(spec)))
        pinned = _object(_object(known.get("tools")).get(tool.name))
        if pinned:
            before, now = _words(pinned), _words(_pin(tool))
            return Change(CHANGED, before, now) if before != now else None
        others = [
            str(other.get("about", ""))
            for key, each in self._servers.items()
            if key != identity(spec) and (other := _object(each)).get("name") == spec.name
        ]
        return Change(ANOTHER, "\n".join(others), _about(spec)) if others else None

    async def keep(self, spec: ServerSpec, tool: Told) -> None:
        """From now on the tool is as it is. Never raises: what cannot be written holds for the session."""
        async with self._writing:
            known = _object(self._servers.get(identity(spec)))
            tools = _object(known.get("tools"))
            if tools.get(tool.name) == _pin(tool):
                return
            entry: Json = {
                "name": spec.name,
                "about": _about(spec),
                "tools": {**tools, tool.name: _pin(tool)},
            }
            self._servers[identity(spec)] = entry
            if self._path:
                try:
                    await anyio.to_thread.run_sync(_write, self._path, dict(self._servers))
                except ToolError as error:
                    log.warning("what tools are like is not kept: %s", error)


def identity(spec: ServerSpec) -> str:
    """Tells servers apart: by name, program, arguments and names of variables, or by name and address."""
    match spec:
        case StdioServer(name, command, args, env):
            parts: list[object] = ["program", name, command, *args, sorted(env)]
        case RemoteServer(name, kind, url):
            parts = [kind, name, url]
        case _:
            parts = ["none", spec.name]
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _about(spec: ServerSpec) -> str:
    """What is run, or where it is, for a person; without secrets."""
    match spec:
        case StdioServer(_, command, args):
            return NO_VALUES(" ".join((command, *args)))
        case RemoteServer(_, _, url):
            return NO_VALUES(url.partition("?")[0])
        case _:
            return ""


def _pin(tool: Told) -> Json:
    return {"description": tool.description, "parameters": tool.parameters}


def _words(pin: Json) -> str:
    parameters = json.dumps(pin.get("parameters"), ensure_ascii=False, indent=1, sort_keys=True)
    return f"{pin.get('description', '')}\n{parameters}"


def _object(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _read(path: Path) -> Json:
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("too large")
        data = _object(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s cannot be used: %s", path, error)
        return {}
    return _object(data.get("servers")) if data.get("format") == FORMAT else {}


def _write(path: Path, servers: Json) -> None:
    """Together with what other sessions have written. Raises ToolError."""
    from acp_agent.workspace.files import trouble, write_bytes

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise trouble("write", path, error) from error
    data = {"format": FORMAT, "servers": {**_read(path), **servers}}
    write_bytes(path, json.dumps(data, ensure_ascii=False).encode("utf-8", "backslashreplace"), mode=0o600)
