"""A tool call as the client knows it: the fields of its updates, and what has been shown of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from acp_agent.acp.params import Json, as_list, as_object, as_text

OVERLAP = 200
"""So many of the last characters shown tell where cut output goes on."""


class Diff(NamedTuple):
    path: str
    old: str | None
    new: str


@dataclass(slots=True)
class Call:
    """What is known and what has been shown of one call."""

    id: str
    title: str = "Tool call"
    kind: str = "other"
    status: str = "pending"
    content: list[Json] = field(default_factory=list[Json])
    input: Json = field(default_factory=dict[str, object])
    begun: bool = False
    """Whether its title has been shown."""
    diffs: set[Diff] = field(default_factory=set[Diff])
    """The differences that have been shown."""
    output: str = ""
    """The output that has been shown."""
    command_shown: bool = False
    lines: int = 0
    """Whole lines of output that have been shown."""

    def update(self, fields: Json) -> None:
        """Takes the fields of `tool_call`, `tool_call_update` or a permission request."""
        self.title = as_text(fields.get("title")) or self.title
        self.kind = as_text(fields.get("kind")) or self.kind
        self.status = as_text(fields.get("status")) or self.status
        if isinstance(fields.get("content"), list):
            self.content = [as_object(item) for item in as_list(fields["content"])]
        self.input = as_object(fields.get("rawInput")) or self.input

    @property
    def finished(self) -> bool:
        return self.status in ("completed", "failed")

    @property
    def text(self) -> str:
        """Its text content."""
        texts = [
            block_text(as_object(item.get("content")))
            for item in self.content
            if item.get("type") == "content"
        ]
        return "\n".join(text for text in texts if text)

    def new_diffs(self) -> list[Diff]:
        """Its differences that have not been shown yet; from now on they count as shown."""
        found = [_diff(item) for item in self.content if item.get("type") == "diff"]
        new = [diff for diff in dict.fromkeys(found) if diff not in self.diffs]
        self.diffs.update(new)
        return new

    def new_output(self) -> str:
        """Its text content as far as it has not been shown yet; from now on it counts as shown."""
        before, now = self.output, unfenced(self.text)
        if not self.hidden_command:
            prompt = f"$ {as_text(self.input.get('command'))}\n"
            now = "" if f"{now}\n" == prompt else now.removeprefix(prompt)
        self.output = now
        if now.startswith(before):
            return now[len(before) :]
        tail = before[-OVERLAP:]
        at = now.rfind(tail)
        return now[at + len(tail) :] if at >= 0 else f"\n…\n{now}"

    @property
    def hidden_command(self) -> str:
        """The command it runs, where neither its title nor anything else has shown all of it."""
        command = as_text(self.input.get("command")) or ""
        return "" if command in self.title or self.command_shown else command


def _diff(item: Json) -> Diff:
    new = as_text(item.get("newText")) or ""
    return Diff(as_text(item.get("path")) or "", as_text(item.get("oldText")), new)


def block_text(block: Json) -> str:
    """A content block as text."""
    match block.get("type"):
        case "text":
            return as_text(block.get("text")) or ""
        case "resource_link":
            return as_text(block.get("uri")) or ""
        case "resource":
            resource = as_object(block.get("resource"))
            return as_text(resource.get("text")) or as_text(resource.get("uri")) or ""
        case kind:
            return f"[{kind}]"


def unfenced(text: str) -> str:
    """Text without the Markdown fence it begins with, which need not be closed yet."""
    first, newline, rest = text.partition("\n")
    fence = first[: len(first) - len(first.lstrip("`"))]
    if len(fence) < 3 or not newline:
        return text
    lines = rest.split("\n")
    if fence not in lines:
        return rest
    end = lines.index(fence)
    return "\n".join(lines[:end] + [line for line in lines[end + 1 :] if line])
