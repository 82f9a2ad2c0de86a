"""Files put back: just what the turns did, byte for byte, and nothing that anybody else did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from acp_agent.errors import ToolError
from acp_agent.workspace import restoring, snapshots
from acp_agent.workspace.changes import Changes
from acp_agent.workspace.images import Image
from acp_agent.workspace.programs import which
from acp_agent.workspace.restoring import restore
from acp_agent.workspace.snapshots import Snapshots, outcome
from tests.unit.workspace.editor import Editor
from tests.unit.workspace.restored import Work, state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.workspace.restored import State


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path.resolve())


# Any sequence --------------------------------------------------------------------------------

MIDDLE = ("m1", "m2", "m3")
TEXTS = {"a.txt": ("utf-8", "\n"), "c.txt": ("latin-1", "\r\n"), "deep/w.txt": ("utf-16", "\r\n")}
"""In the upper part of them the agent works, in the lower one the person."""
OTHERS = ("data.bin", "link", "made/new.txt", "tool")
"""Only the agent touches them."""
parts = st.lists(st.sampled_from(["é1", "2", "3", ""]), max_size=4)
images = st.none() | st.tuples(
    st.sampled_from(["file", "link"]), st.sampled_from([b"\0one", b"two\r\n", b""]), st.sampled_from([0o644, 0o755])
)  # fmt: skip


class Killed(Exception):
    """Where the process ends."""


class Dying(Snapshots):
    """Ends the process in the midst of the step that brings `lives` to 0."""

    lives: ClassVar[int] = 0
    done: ClassVar[bool] = False
    """Whether the step is on disk by then."""

    async def before(self, path: Path, old: Image, new: Image) -> int:
        number = await super().before(path, old, new)
        type(self).lives -= 1
        if not self.lives and not self.done:
            raise Killed
        return number

    async def after(self, number: int, path: Path, new: Image) -> None:
        if not self.lives and self.done:
            raise Killed
        await super().after(number, path, new)


class AnySequence(RuleBasedStateMachine):
    """Turns, commands, a person and kills; back to any moment there was, and forth again."""

    @initialize(git=st.booleans())
    def begin(self, git: bool) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._portal_manager = start_blocking_portal()
        self._portal = self._portal_manager.__enter__()
        self._work = self._portal.call(Work, Path(self._folder.name).resolve())
        self._agents: dict[str, Sequence[str]] = {name: ["1", "2"] for name in TEXTS}
        self._persons: dict[str, Sequence[str]] = {name: ["1", "2"] for name in TEXTS}
        self._others: dict[str, State] = dict.fromkeys(OTHERS)
        for name in TEXTS:
            path = self._work.root / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(self._text(name))
        if git:
            for arguments in (["init", "-q"], ["add", "-A"]):
                subprocess.run(["git", *arguments], cwd=self._work.root, check=True)
        self._changes_manager = self._portal.wrap_async_context_manager(
            self._portal.call(Changes, [self._work.root], which("git"))
        )
        self._changes = self._changes_manager.__enter__()
        self._moments: dict[str, tuple[dict[str, Sequence[str]], dict[str, State]]] = {}
        self._turn()

    def teardown(self) -> None:
        if hasattr(self, "_changes_manager"):
            self._changes_manager.__exit__(None, None, None)
            self._portal_manager.__exit__(None, None, None)
            self._folder.cleanup()

    def _turn(self) -> None:
        before = dict(self._agents), dict(self._others)
        self._moments[self._work.turn()] = before

    def _text(self, name: str) -> bytes:
        encoding, ending = TEXTS[name]
        upper = [f"agent {line}" for line in self._agents[name]]
        lower = [f"person {line}" for line in self._persons[name]]
        return "".join(line + ending for line in (*upper, *MIDDLE, *lower)).encode(encoding)

    @rule()
    def next_turn(self) -> None:
        self._turn()

    @rule(name=st.sampled_from(sorted(TEXTS)), lines=parts)
    def edit(self, name: str, lines: list[str]) -> None:
        self._agents[name] = lines
        self._portal.call(self._work.write, name, self._text(name))

    @rule(name=st.sampled_from(sorted(TEXTS)), lines=parts)
    def person(self, name: str, lines: list[str]) -> None:
        self._persons[name] = lines
        (self._work.root / name).write_bytes(self._text(name))

    @rule(name=st.sampled_from(sorted(TEXTS)), lines=parts)
    def command_on_a_text(self, name: str, lines: list[str]) -> None:
        self._agents[name] = lines
        write = partial((self._work.root / name).write_bytes, self._text(name))
        self._portal.call(self._work.run, self._changes, write)

    @rule(new=st.dictionaries(st.sampled_from(OTHERS), images, min_size=1))
    def command_on_others(self, new: dict[str, State]) -> None:
        def put() -> None:
            for name, image in new.items():
                path = self._work.root / name
                path.unlink(missing_ok=True)
                if image is None:
                    continue
                path.parent.mkdir(exist_ok=True)
                if image[0] == "link":
                    path.symlink_to(os.fsdecode(image[1].strip(b"\0") or b"nowhere"))
                else:
                    path.write_bytes(image[1])
                    path.chmod(image[2])

        self._portal.call(self._work.run, self._changes, put, tuple(new))
        self._others |= {name: state(self._work.root / name) for name in new}

    @rule()
    def reopen(self) -> None:
        self._work.open(Snapshots)

    @rule(data=st.data())
    def back(self, data: st.DataObject) -> None:
        to = data.draw(st.sampled_from(sorted(self._moments)))
        self._turn()
        found = self._portal.call(restore, self._work.workspace, self._work.snapshots, to)
        assert {file.fate for file in found} <= {"put back", "merged", "removed"}, found
        self._agents, self._others = map(dict, self._moments[to])

    @rule(data=st.data(), lives=st.integers(1, 4), done=st.booleans())
    def killed_on_the_way_back(self, data: st.DataObject, lives: int, done: bool) -> None:
        to = data.draw(st.sampled_from(sorted(self._moments)))
        agents, others = self._agents, self._others
        before = {name: state(self._work.root / name) for name in (*TEXTS, *OTHERS)}
        Dying.lives, Dying.done = lives, done
        self._work.open(Dying)
        self._turn()
        self._agents, self._others = map(dict, self._moments[to])
        try:
            self._portal.call(restore, self._work.workspace, self._work.snapshots, to)
        except Killed:
            for name in TEXTS:
                now = state(self._work.root / name)
                assert now and now[1] in ((before[name] or now)[1], self._text(name))
            self._work.open(Snapshots)
            self._agents, self._others = agents, others
            self._turn()
            self._portal.call(restore, self._work.workspace, self._work.snapshots, to)
            self._agents, self._others = map(dict, self._moments[to])
            # What was half done when the turn began is no moment that the model of it knows.
            self._moments.pop(max(self._moments, key=lambda turn: int(turn.partition("-")[2])))
        self._work.open(Snapshots)

    @invariant()
    def files_are_as_they_should_be(self) -> None:
        if hasattr(self, "_changes"):
            for name in TEXTS:
                assert (self._work.root / name).read_bytes() == self._text(name), name
            for name in OTHERS:
                assert state(self._work.root / name) == self._others[name], name
            assert not self._work.warnings


AnySequence.TestCase.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
TestAnySequence = AnySequence.TestCase
