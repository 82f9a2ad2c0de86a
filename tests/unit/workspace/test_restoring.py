"""Files put back: just what the turns did, byte for byte, and nothing that anybody else did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
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
from acp_agent.workspace.programs import which
from acp_agent.workspace.restoring import restore
from acp_agent.workspace.snapshots import Snapshots, outcome
from tests.unit.workspace.editor import Editor
from tests.unit.workspace.restored import Work, state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.workspace.images import Image
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
    st.sampled_from(["file", "link"]),
    st.sampled_from([b"\0one", b"two\r\n", b""]),
    st.sampled_from([0o644, 0o755]),
)


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

    def _go(self, to: str) -> None:
        """That is how things are to be now."""
        agents, others = self._moments[to]
        self._agents, self._others = dict(agents), dict(others)

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

        def write() -> None:
            (self._work.root / name).write_bytes(self._text(name))

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
        self._go(to)

    @rule(data=st.data(), lives=st.integers(1, 4), done=st.booleans())
    def killed_on_the_way_back(self, data: st.DataObject, lives: int, done: bool) -> None:
        to = data.draw(st.sampled_from(sorted(self._moments)))
        agents, others = self._agents, self._others
        before = {name: state(self._work.root / name) for name in (*TEXTS, *OTHERS)}
        Dying.lives, Dying.done = lives, done
        self._work.open(Dying)
        self._turn()
        self._go(to)
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
            self._go(to)
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


# One thing after the other --------------------------------------------------------------------


async def test_a_change_beside_the_turn_s_stays_and_one_in_it_is_left_alone(work: Work) -> None:
    lines = [f"{number}\n".encode() for number in range(9)]
    for name in ("beside", "in", "made", "gone"):
        (work.root / name).write_bytes(b"".join(lines))
    (work.root / "made").unlink()
    turn = work.turn()
    for name in ("beside", "in", "made", "gone"):
        await work.write(name, b"".join(lines).replace(b"1", b"one"))
    (work.root / "beside").write_bytes(b"".join(lines).replace(b"1", b"one").replace(b"8", b"eight"))
    (work.root / "in").write_bytes(b"".join(lines).replace(b"1", b"mine"))
    (work.root / "made").write_bytes(b"mine")
    (work.root / "gone").unlink()
    assert await work.fates(turn) == {
        "beside": "merged",
        "in": f"left alone {restoring.CHANGED}",
        "made": f"left alone {restoring.CHANGED}",
        "gone": f"left alone {restoring.GONE}",
    }
    assert (work.root / "beside").read_bytes() == b"".join(lines).replace(b"8", b"eight")
    assert (work.root / "in").read_bytes() == b"".join(lines).replace(b"1", b"mine")
    assert (work.root / "made").read_bytes() == b"mine"
    assert not (work.root / "gone").exists()


async def test_what_the_editor_holds_unsaved_is_the_person_s(work: Work) -> None:
    editor = work.editor = Editor()
    work.open(Snapshots)
    path = work.root / "a.txt"
    path.write_text("one\ntwo\nthree\nfour\n", encoding="utf-8")
    turn = work.turn()
    await work.write("a.txt", b"ONE\ntwo\nthree\nfour\n")
    editor.buffers[str(path)] = "ONE\ntwo\nthree\nFOUR, typed\n"
    assert await work.fates(turn) == {"a.txt": "merged"}
    assert editor.buffers[str(path)] == "one\ntwo\nthree\nFOUR, typed\n"
    turn = work.turn()
    await work.write("a.txt", b"1\ntwo\nthree\nFOUR, typed\n")
    editor.buffers[str(path)] = "typed\ntwo\nthree\nFOUR, typed\n"
    assert await work.fates(turn) == {"a.txt": f"left alone {restoring.CHANGED}"}
    assert editor.buffers[str(path)] == "typed\ntwo\nthree\nFOUR, typed\n"


async def test_a_mode_that_the_person_has_set_stays(work: Work) -> None:
    path = work.root / "tool"
    path.write_text("one\n", encoding="utf-8")
    turn = work.turn()
    await work.write("tool", b"two\n")
    path.chmod(0o700)
    await work.fates(turn)
    assert state(path) == ("file", b"one\n", 0o700)


async def test_what_leads_out_of_the_folder_is_left_alone(work: Work, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (work.root / "inner").mkdir()
    for folder in (tmp_path / "outside", work.root / "inner"):
        (folder / "a.txt").write_text("one\n", encoding="utf-8")
    turn = work.turn()
    await work.write("inner/a.txt", b"two\n")
    await work.write("../outside/a.txt", b"two\n")
    (work.root / "inner").rename(work.root / "moved")
    (work.root / "inner").symlink_to(tmp_path / "outside")
    assert set((await work.fates(turn)).values()) == {f"left alone {restoring.OUTSIDE}"}
    assert (tmp_path / "outside" / "a.txt").read_bytes() == b"two\n"


async def test_moves_of_files_and_folders(work: Work) -> None:
    (work.root / "src").mkdir()
    for name in ("src/a.bin", "src/b.txt"):
        (work.root / name).write_bytes(b"\0" + name.encode())
    async with Changes([work.root], None) as changes:
        turn = work.turn()

        def move() -> None:
            (work.root / "src").rename(work.root / "lib")
            (work.root / "lib" / "a.bin").rename(work.root / "src")

        await work.run(changes, move)
    found = {file.path.removeprefix(f"{work.root}/"): file.fate for file in await work.back(turn)}
    removed, back = (
        dict.fromkeys(["src", "lib/b.txt"], "removed"),
        dict.fromkeys(["src/a.bin", "src/b.txt"], "put back"),
    )
    assert found == removed | back
    assert (work.root / "src" / "a.bin").read_bytes() == b"\0src/a.bin"
    assert (work.root / "src" / "b.txt").read_bytes() == b"\0src/b.txt"


async def test_a_command_that_was_not_followed_is_kept_as_far_as_it_says_what_it_does(work: Work) -> None:
    (work.root / "a.txt").write_text("one\n", encoding="utf-8")
    turn = work.turn()
    before = await work.snapshots.ahead([str(work.root)])
    (work.root / "a.txt").write_text("two\n", encoding="utf-8")
    await work.snapshots.changed(before, ())
    assert await work.fates(turn) == {"a.txt": "put back"}


async def test_git_s_own_files_are_not_kept(work: Work) -> None:
    (work.root / ".git").mkdir()
    for name in ("a.txt", ".git/config"):
        (work.root / name).write_bytes(b"one")
    before = await work.snapshots.ahead([str(work.root), str(work.root / ".git" / "config")])
    assert set(before) == {str(work.root / "a.txt")}


async def test_what_is_too_large_is_said(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acp_agent.workspace.images.FILE_BYTES", 10)
    path = work.root / "large"
    path.write_bytes(b"x" * 20)
    turn = work.turn()
    before = await work.snapshots.ahead([str(path)])
    path.write_bytes(b"y" * 20)
    await work.snapshots.changed(before, ())
    assert await work.fates(turn) == {"large": f"left alone {restoring.NOT_KEPT}"}


async def test_a_damaged_content_costs_its_file_only(work: Work) -> None:
    for name in ("a.txt", "b.txt"):
        (work.root / name).write_bytes(name.encode())
    turn = work.turn()
    for name in ("a.txt", "b.txt"):
        await work.write(name, b"new")
    data = bytearray(work.file.read_bytes())
    at = data.index(b"\n", data.index(b'"content"')) + 5
    data[at] ^= 255
    work.file.write_bytes(data)
    work.open(Snapshots)
    assert await work.fates(turn) == {"a.txt": f"left alone {restoring.NOT_KEPT}", "b.txt": "put back"}


async def test_nothing_is_put_back_that_could_not_be_taken_back(work: Work) -> None:
    path = work.root / "a.txt"
    path.write_bytes(b"one")
    turn = work.turn()
    await work.write("a.txt", b"two")
    path.write_bytes(b"mine, and more")
    folder, kept = work.file.parent, work.file.read_bytes()

    class Full(Snapshots):
        async def keep(self, image: Image) -> bool:
            folder.rename(folder.with_name("away"))
            folder.write_bytes(b"")
            try:
                return await super().keep(image)
            finally:
                folder.unlink()
                folder.with_name("away").rename(folder)

    path.write_bytes(b"two")
    work.open(Full)
    assert await work.fates(turn) == {"a.txt": f"left alone {restoring.NO_ROOM}"}
    assert path.read_bytes() == b"two"
    assert len(work.warnings) == 1
    assert work.file.read_bytes() == kept


async def test_what_cannot_be_kept_is_done_all_the_same_and_said_once(work: Work) -> None:
    work.file.parent.parent.mkdir()
    work.file.parent.write_bytes(b"")
    turn = work.turn()
    await work.write("a.txt", b"one")
    await work.write("a.txt", b"two")
    assert (work.root / "a.txt").read_bytes() == b"two"
    assert len(work.warnings) == 1
    with pytest.raises(ToolError, match="cannot be read"):
        await work.back(turn)


# Room ------------------------------------------------------------------------------------------


async def test_the_oldest_contents_go_when_a_session_has_too_many(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "SESSION_BYTES", 20_000)
    first = work.turn()
    turn = first
    for number in range(30):
        turn = work.turn()
        await work.write(f"{number % 3}.bin.txt", os.urandom(1000).hex().encode())
        assert work.file.stat().st_size <= 20_000
    last = {name: (work.root / name).read_bytes() for name in ("2.bin.txt",)}
    assert await work.fates(turn) == {"2.bin.txt": "put back"}
    assert {name: (work.root / name).read_bytes() for name in last} != last
    fates = await work.fates(first)
    assert set(fates) == {"0.bin.txt", "1.bin.txt", "2.bin.txt"}
    assert set(fates.values()) == {"removed"}


async def test_sessions_used_least_recently_go_first(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = work.file.parent
    folder.mkdir(parents=True)
    (folder.parent / "sessions").mkdir()
    for number, name in enumerate(["old", "newer", "newest", "orphan"]):
        (folder / f"{name}.pack").write_bytes(b"x" * 1000)
        os.utime(folder / f"{name}.pack", (number, number))
        if name != "orphan":
            (folder.parent / "sessions" / f"{name}.jsonl").touch()
    monkeypatch.setattr(snapshots, "TOTAL_BYTES", 2500)
    work.turn()
    await work.write("a.txt", b"one")
    assert {path.stem for path in folder.iterdir()} == {"newer", "newest", "session"}


# Killed ----------------------------------------------------------------------------------------

FILES = 30
RESTORING = """
import sys, anyio
from pathlib import Path
from acp_agent.events import TurnStarted
from acp_agent.workspace.restoring import restore
from acp_agent.workspace.snapshots import Snapshots
from acp_agent.workspace.workspace import open_workspace

class Telling(Snapshots):
    async def before(self, path, old, new):
        print(path, flush=True)
        return await super().before(path, old, new)

async def main():
    snapshots = Telling(Path(sys.argv[1]), print)
    snapshots(TurnStarted("turn-2"))
    await restore(open_workspace(Path(sys.argv[2]), keeper=snapshots), snapshots, "turn-1")

anyio.run(main)
"""


@pytest.mark.parametrize("at", [1, 7, 15, 29])
async def test_a_kill_leaves_each_file_old_or_new_and_it_can_be_gone_on(work: Work, at: int) -> None:
    old = {f"{number}.txt": b"old %d\r\n" % number * 500 for number in range(FILES)}
    new = {name: data.replace(b"old", b"new") for name, data in old.items()}
    for name, data in old.items():
        (work.root / name).write_bytes(data)
    turn = work.turn()
    for name, data in new.items():
        await work.write(name, data)
    command = [sys.executable, "-c", RESTORING, str(work.file), str(work.root)]
    with anyio.fail_after(30):
        async with await anyio.open_process(command) as process:
            assert process.stdout
            told = b""
            while told.count(b"\n") < at:
                told += await process.stdout.receive()
            process.send_signal(signal.SIGKILL)
    now = {name: (work.root / name).read_bytes() for name in old}
    assert all(now[name] in (old[name], new[name]) for name in old)
    assert now != new or at == 1
    work.turn()
    work.open(Snapshots)
    going_on = work.turn()
    await restore(work.workspace, work.snapshots, turn)
    assert {name: (work.root / name).read_bytes() for name in old} == old
    await work.back(going_on)
    assert {name: (work.root / name).read_bytes() for name in old} == now
    steps = await work.snapshots.by_turn()
    assert set(outcome(steps[turn]).values()) == {"changed"}
