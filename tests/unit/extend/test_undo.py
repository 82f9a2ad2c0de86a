"""Taking back edits: just what they did, byte for byte, and nothing that anybody else did."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acp_agent.content import Text as Said
from acp_agent.events import ShownDiff, ShownText, ToolCallFinished, ToolCallStarted, ToolCallUpdated
from acp_agent.extend.commands.desk import PastTurn, Words
from acp_agent.extend.commands.undo import undo
from tests.unit.tools.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.events import Event
    from acp_agent.extend.commands.desk import Desk
    from acp_agent.workspace.workspace import Workspace

NAMES = ("a.txt", "b.txt")
CODECS = ("utf-8", "utf-8-sig", "latin-1", "utf-16")
letters = st.text("aé\n", max_size=6)
endings = st.sampled_from(["\n", "\r\n", "\r"])
mixed = st.lists(st.tuples(st.text("aé", max_size=2), endings), max_size=4).map(
    lambda lines: "".join(text + ending for text, ending in lines)
)
contents = st.tuples(mixed | letters, st.sampled_from(CODECS)).map(lambda pair: pair[0].encode(pair[1]))


class ByTool(NamedTuple):
    name: str
    text: str


class ByOthers(NamedTuple):
    name: str
    data: bytes | None


names = st.sampled_from(NAMES)
steps = st.lists(
    st.builds(ByTool, names, letters) | st.builds(ByOthers, names, st.none() | contents), max_size=6
)


class Table:
    """A desk with one turn on it."""

    def __init__(self, workspace: Workspace, events: Sequence[Event]) -> None:
        self.workspace = workspace
        self.rewound: list[int] = []
        self._turns = [PastTurn(7, False, (Said("go"),), tuple(events))]

    async def past(self) -> Sequence[PastTurn]:
        return self._turns

    async def rewind(self, before: int) -> None:
        self.rewound.append(before)


class Work:
    """A turn that edits files, and what is to be expected of taking it back."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.events: list[Event] = []
        self._before: dict[str, bytes | None] = {}
        self._left: dict[str, bytes] = {}
        self._broken: set[str] = set()

    def now(self, name: str) -> bytes | None:
        path = self.bench.root / name
        return path.read_bytes() if path.exists() else None

    async def take(self, step: ByTool | ByOthers) -> None:
        if isinstance(step, ByTool):
            await self._edit(step)
        elif step.data is None:
            (self.bench.root / step.name).unlink(missing_ok=True)
        else:
            self.bench.write(step.name, step.data)

    async def _edit(self, step: ByTool) -> None:
        before = self.now(step.name)
        if before is not None:
            await self.bench("read", path=step.name)
        call = self.bench.bind("write", path=step.name, content=step.text)
        call.claims()
        result = await call.run(self.bench.seen)
        call_id = f"c{len(self.events)}"
        self.events += [
            ToolCallStarted(call_id, "m", "write", call.title, "edit"),
            ToolCallUpdated(call_id, status="in_progress"),
            ToolCallFinished(call_id, False, result.output, result.shown, record=result.record),
        ]
        if result.shown:
            self._before.setdefault(step.name, before)
            if step.name in self._left and self._left[step.name] != before:
                self._broken.add(step.name)
            self._left[step.name] = cast("bytes", self.now(step.name))

    def expected(self) -> dict[str, bytes | None]:
        return {name: self._expected(name) for name in NAMES}

    def _expected(self, name: str) -> bytes | None:
        now = self.now(name)
        if name not in self._before or name in self._broken or now != self._left[name]:
            return now
        return self._before[name]


@settings(deadline=None, max_examples=150)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, contents)), steps)
def test_what_may_be_put_back_is_and_nothing_else(
    files: dict[str, bytes], taken: list[ByTool | ByOthers]
) -> None:
    async def run(bench: Bench) -> None:
        work = Work(bench)
        for name, data in files.items():
            bench.write(name, data)
        for step in taken:
            await work.take(step)
        expected = work.expected()
        desk = Table(bench.workspace, work.events)
        answer = await undo(cast("Desk", desk), Words(""))
        assert {name: work.now(name) for name in NAMES} == expected, answer
        assert desk.rewound == [7]

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(run, Bench(Path(folder).resolve()))


async def taken_back(bench: Bench, *events: Event) -> str:
    return str(await undo(cast("Desk", Table(bench.workspace, events)), Words("")))


def finished(bench: Bench, name: str, old: str | None, new: str, **changes: Any) -> list[Event]:
    shown = (ShownDiff(str(bench.root / name), old, new),)
    end = ToolCallFinished("c", False, "", shown)._replace(**changes)
    return [
        ToolCallStarted("c", "m", "write", "Write", "edit"),
        ToolCallUpdated("c", status="in_progress", content=shown),
        end,
    ]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path.resolve())


async def test_an_edit_that_was_broken_off_is_taken_back_if_it_was_made(bench: Bench) -> None:
    broken_off = {"failed": True, "content": None}
    made = bench.write("made.txt", "new\n")
    await taken_back(bench, *finished(bench, "made.txt", "old\n", "new\n", **broken_off))
    assert made.read_bytes() == b"old\n"
    unmade = bench.write("unmade.txt", "mine\n")
    await taken_back(bench, *finished(bench, "unmade.txt", "old\n", "new\n", **broken_off))
    assert unmade.read_bytes() == b"mine\n"


async def test_what_was_refused_is_not_taken_back(bench: Bench) -> None:
    path = bench.write("a.txt", "new\n")
    started, _, end = finished(bench, "a.txt", "old\n", "new\n", failed=True)
    assert str(path) not in await taken_back(bench, started, end)
    assert path.read_bytes() == b"new\n"


async def test_a_file_that_has_moved_out_of_the_folder_is_left_alone(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.txt"
    outside.write_bytes(b"new\n")
    (bench.root / "a.txt").symlink_to(outside)
    answer = await taken_back(bench, *finished(bench, "a.txt", "old\n", "new\n"))
    assert outside.read_bytes() == b"new\n"
    assert "left alone" in answer


async def test_commands_and_large_changes_are_named(bench: Bench) -> None:
    large = bench.write("large.txt", "x")
    answer = await taken_back(
        bench,
        ToolCallStarted("c1", "m", "bash", "Run", "execute"),
        ToolCallUpdated("c1", title="Run `make`", status="in_progress"),
        ToolCallFinished("c1", False, ""),
        *finished(bench, "large.txt", "", "", content=(ShownText("long"),), record={"path": str(large)}),
    )
    assert "Run `make`" in answer
    assert "`large.txt`: left alone" in answer
