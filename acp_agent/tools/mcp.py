"""The tools that MCP servers bring, as tools of the session.

What a server says of its tools, and what they answer, is shown and relayed, and decides nothing:
each call is a claim on exactly this tool of this server, which asks like any other.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent.console import fenced
from acp_agent.errors import ToolError
from acp_agent.events import ShownText
from acp_agent.extend.pins import Pins, Told
from acp_agent.extend.servers import Outcome
from acp_agent.invisible import reveal
from acp_agent.models.messages import ToolSpec
from acp_agent.permission.claims import Claim
from acp_agent.redaction.redactor import NO_VALUES
from acp_agent.tools.base import ToolResult
from acp_agent.tools.fencing import fenced_off
from acp_agent.tools.schemas import accepted
from acp_agent.tools.shortening import one_line, without_middle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from acp_agent.events import Location, Shown, ToolKind
    from acp_agent.extend.pins import Change
    from acp_agent.extend.server import Server
    from acp_agent.extend.servers import ServerTool
    from acp_agent.extend.tool_servers import ToolServers
    from acp_agent.redaction.redactor import Redactor
    from acp_agent.tools.base import Call, Progress, Tool
    from acp_agent.tools.registry import ToolSource
    from acp_agent.tools.schemas import Schema

log = logging.getLogger(__name__)

MOST_TOOLS = 100
"""Services refuse a request with more than 128 tools; the session has some of its own."""
NAME_CHARACTERS = 64
"""Longer names are refused by services, as are characters other than these."""
_NO_NAME = re.compile(r"[^a-zA-Z0-9_-]")
TOOL_NAME_CHARACTERS = 128
"""Of a name as the server has it: what MCP allows."""
DESCRIPTION_CHARACTERS = 2000
OUTPUT_CHARACTERS = 64 << 10
"""Of a result, for the model: about 16 thousand tokens."""
SHOWN_CHARACTERS = 64 << 10
RECORD_CHARACTERS = 256 << 10
ARGUMENT_CHARACTERS = 8 << 10
"""Of the arguments, under the question whether they may be sent."""
NOTHING = "(The tool answered with nothing.)"


class ServerTools:
    """registry.ToolSource over the servers of a session."""

    def __init__(
        self,
        servers: ToolServers,
        report: Callable[[str], None],
        pins: Pins | None = None,
        redactor: Redactor = NO_VALUES,
    ) -> None:
        """`report` takes what a person should know."""
        self._servers = servers
        self._report = report
        self._pins = pins or Pins(None)
        self._redactor = redactor
        self._seen: list[Sequence[ServerTool]] = []
        self._tools: list[Tool] = []
        self._cut = False

    async def settle(self) -> None:
        await self._servers.settle()
        await self._pins.load()

    def tools(self) -> Sequence[Tool]:
        seen = [server.tools for server in self._servers.servers]
        if len(seen) != len(self._seen) or any(
            new is not old for new, old in zip(seen, self._seen, strict=True)
        ):
            self._seen, self._tools = seen, self._built()
        return self._tools

    def _built(self) -> list[Tool]:
        every = [(server, tool) for server in self._servers.servers for tool in _in_order(server.tools)]
        if len(every) > MOST_TOOLS and not self._cut:
            self._cut = True
            self._report(
                f"The MCP servers have {len(every)} tools; models take {MOST_TOOLS} of them, the first. "
                "Leave out servers that are not needed."
            )
        names: set[str] = set()
        found: list[Tool] = []
        for server, tool in islice(every, MOST_TOOLS):
            name = next(name for name in _names(server.name, tool.name) if name not in names)
            names.add(name)
            told = _told(tool)
            spec = ToolSpec(name, told.description, told.parameters)
            found.append(McpTool(Remote(server, self._pins, self._redactor), told, spec))
        return found


def _revealed(text: str) -> str:
    return reveal(text).text


def _told(tool: ServerTool) -> Told:
    """The tool as the model is told of it: bounded, with nothing in it that nobody would see."""
    description = _revealed(without_middle(tool.description, DESCRIPTION_CHARACTERS))
    return Told(tool.name, description or tool.name, cast("Schema", _seen(accepted(tool.schema))))


def _seen(value: object) -> object:
    """A JSON value with every character in it written out that would not be seen."""
    if isinstance(value, str):
        return _revealed(value)
    if isinstance(value, list):
        return [_seen(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        return {_revealed(key): _seen(inner) for key, inner in cast("Schema", value).items()}
    return value


def _in_order(tools: Iterable[ServerTool]) -> list[ServerTool]:
    """Some servers list them in another order each time, and services cache what requests begin with."""
    return sorted(filter(_usable, tools), key=lambda tool: tool.name)


def _usable(tool: ServerTool) -> bool:
    usable = tool.name.isprintable() and 0 < len(tool.name) <= TOOL_NAME_CHARACTERS
    if not usable:
        log.warning("left out a tool with the name %r", tool.name[:TOOL_NAME_CHARACTERS])
    return usable


def _names(server: str, tool: str) -> Iterator[str]:
    """Names for a tool that services accept, the plainest first."""
    plain = _NO_NAME.sub("_", f"mcp__{server}__{tool}")
    if len(plain) <= NAME_CHARACTERS:
        yield plain
    number = 0
    while True:
        mark = hashlib.sha256(f"{server}/{tool}/{number}".encode()).hexdigest()[:8]
        yield f"{plain[: NAME_CHARACTERS - len(mark) - 1]}_{mark}"
        number += 1


def claim_by_name(name: str, servers: Iterable[str]) -> Claim | None:
    """What a call of the tool that a model knows by this name claims; None for what is no such name.

    `servers` are the names of servers, which need not run. Characters that services do not take, and
    what of a long name was cut off, cannot be told from the name.
    """
    for server in sorted(servers, key=len, reverse=True):
        tool = name.removeprefix(_NO_NAME.sub("_", f"mcp__{server}__"))
        if tool and tool != name:
            return _claim(f"{server}/{tool}")
    server, _, tool = name.removeprefix("mcp__").partition("__")
    return _claim(f"{server}/{tool}") if server and tool else None


def _claim(resource: str, reason: str = "") -> Claim:
    return Claim("mcp", resource, reason=reason)


class Remote(NamedTuple):
    """A server, and what is known of it here."""

    server: Server
    pins: Pins
    redactor: Redactor


class McpTool:
    kind: ToolKind = "other"
    reads_only = False  # whatever the server says

    def __init__(self, remote: Remote, told: Told, spec: ToolSpec) -> None:
        self.spec = spec
        self._remote = remote
        self._told = told

    def bind(self, arguments: dict[str, object]) -> Call:
        """The server checks the arguments."""
        return McpCall(self._remote, self._told, arguments)


class McpCall:
    locations: tuple[Location, ...] = ()

    def __init__(self, remote: Remote, told: Told, arguments: dict[str, object]) -> None:
        self._server = remote.server
        self._pins = remote.pins
        self._redact = remote.redactor
        self._tool = told.name
        self._told = told
        self._arguments = arguments

    @property
    def _resource(self) -> str:
        return f"{self._server.name}/{self._tool}"

    def _now(self) -> Told:
        """The tool as its server describes it by now."""
        tool = next((tool for tool in self._server.tools if tool.name == self._tool), None)
        return _told(tool) if tool else self._told

    def _change(self) -> Change | None:
        return self._pins.change(self._server.spec, self._now())

    @property
    def title(self) -> str:
        return one_line(f"Call {self._resource}")

    def claims(self) -> tuple[Claim, ...]:
        change = self._change()
        return (_claim(self._resource, change.reason if change else ""),)

    async def preview(self) -> tuple[Shown, ...]:
        change = self._change()
        shown = [_shown_change(change)] if change else []
        return (*shown, self._sent()) if self._arguments else tuple(shown)

    async def run(self, progress: Progress) -> ToolResult:
        def show(text: str) -> None:
            progress.show((self._sent(), ShownText(one_line(text))))

        await self._pins.keep(self._server.spec, self._now())
        try:
            outcome = await self._server.call(self._tool, self._arguments, show)
        except ToolError as error:
            outcome = Outcome(str(error), failed=True)
        text = self._redact(_revealed(outcome.text.replace("\r\n", "\n")) or NOTHING)
        output = "\n".join((without_middle(text, OUTPUT_CHARACTERS), *_unseen(outcome)))
        return ToolResult(
            fenced_off(output, f"mcp:{self._resource}"),
            shown=(self._sent(), ShownText(without_middle(text, SHOWN_CHARACTERS))),
            record={
                "server": self._server.name,
                "tool": self._tool,
                "output": without_middle(text, RECORD_CHARACTERS),
            },
            failed=outcome.failed,
        )

    def _sent(self) -> ShownText:
        text = json.dumps(self._arguments, ensure_ascii=False, indent=2)
        return ShownText(fenced(without_middle(text, ARGUMENT_CHARACTERS), "json"))


def _shown_change(change: Change) -> ShownText:
    """What has changed, for the person who is asked."""
    from difflib import unified_diff

    lines = unified_diff(change.before.split("\n"), change.now.split("\n"), "allowed", "now", lineterm="")
    difference = without_middle("\n".join(lines), ARGUMENT_CHARACTERS)
    return ShownText(
        f"Asked again because {change.reason}. Allowing it means that it counts as allowed as it is now.\n\n"
        f"{fenced(difference, 'diff')}"
    )


def _unseen(outcome: Outcome) -> Iterator[str]:
    """What the model is told of images: results are text so far."""
    for image in outcome.images:
        kib = len(image.data) * 3 // 4 >> 10
        yield f"[An image, {one_line(image.mime_type)}, {kib} KiB, which you cannot see.]"


if TYPE_CHECKING:

    def conforms(source: ServerTools, tool: McpTool, call: McpCall) -> tuple[ToolSource, Tool, Call]:
        return source, tool, call
