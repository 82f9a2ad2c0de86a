"""What a session's turns have done to files, step by step: what was there before, and what after.

The steps are one line in time, whatever becomes of the conversation: putting something back is a step
as well. The contents are in a private file of the session's own (workspace.pack), which no tool may read.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, cast

import anyio.to_thread

from acp_agent.errors import ToolError
from acp_agent.events import TurnStarted
from acp_agent.workspace import opening
from acp_agent.workspace.images import NOTHING, Image, State, look
from acp_agent.workspace.pack import SUFFIX, Pack
from acp_agent.workspace.tree import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from acp_agent.events import Event
    from acp_agent.workspace.images import Kind
    from acp_agent.workspace.known import Change
    from acp_agent.workspace.pack import Line

FOLDER = "snapshots"
"""In the data folder."""
SESSION_BYTES = 64 << 20
"""Of one session's snapshots, compressed. Beyond it the contents of the oldest steps go."""
KEPT_SHARE = 0.75
"""What stays of it then."""
STEPS = 10_000
"""That are known of then."""
TOTAL_BYTES = 512 << 20
"""Of all sessions' snapshots. Beyond it those go that were used least recently."""
EXECUTABLE = 0o755
"""Git does not say more."""
COMMAND_FILES = 500
COMMAND_BYTES = 32 << 20
"""Kept of what one command says it will change, and of what it has changed."""


class Step(NamedTuple):
    """One change of one file."""

    turn: str
    path: str
    old: State
    new: State
    sure: bool
    """False while it is under way, or when it was broken off."""


class Keeper(Protocol):
    """What the tools tell of their changes. Never raises but for cancellation."""

    async def before(self, path: Path, old: Image, new: Image) -> int:
        """Right before `old` becomes `new`: the number of the step, 0 when it could not be kept."""
        ...

    async def after(self, number: int, path: Path, new: Image) -> None:
        """What has become of it."""
        ...


class Snapshots:
    """Of one session; a listener that learns which turn it is. Nothing is read or made yet."""

    def __init__(self, path: Path, warn: Callable[[str], object]) -> None:
        """`warn` is told once when something cannot be kept."""
        self._pack = Pack(path)
        self._warn = warn
        self._turn = ""
        self._in_trouble = False
        self._made_room = False
        self._unsure: dict[int, Step] | None = None
        """Steps that are under way or were broken off, by number; None before they were looked for."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, TurnStarted):
            self._turn = event.turn_id

    # What happens --------------------------------------------------------------------------

    async def before(self, path: Path, old: Image, new: Image) -> int:
        return await anyio.to_thread.run_sync(self._before, path, old, new)

    async def after(self, number: int, path: Path, new: Image) -> None:
        if number:
            await anyio.to_thread.run_sync(self._after, number, path, new)

    async def ahead(self, paths: Iterable[str]) -> Mapping[str, Image]:
        """What is at paths that a command says it will change, folders with all that is in them."""
        return await anyio.to_thread.run_sync(_ahead, tuple(paths))

    async def changed(self, before: Mapping[str, Image], changes: Sequence[Change]) -> None:
        """A command has run: what was there `before`, as far as it was looked at, and what it has changed."""
        await anyio.to_thread.run_sync(self._changed, before, changes)

    def _before(self, path: Path, old: Image, new: Image, *, sure: bool = False) -> int:
        if not self._turn:
            return 0
        try:
            number = _last(self._pack.lines()) + 1
        except OSError as error:
            return self._trouble(error)
        self._settle(str(path), old.state)
        old, new = _with_mode(path, old), _with_mode(path, new)
        line: Line = {
            "step": number, "turn": self._turn, "path": str(path),
            "old": list(old.state), "new": list(new.state), "sure": sure,
        }  # fmt: skip
        # What was not there before needs no base to be merged with: its digest is enough to remove it.
        wanted = (old, new) if old.kind != "none" else ()
        if not self._add(line, [each.data for each in wanted if each.data is not None]):
            return 0
        if not sure and self._unsure is not None:
            self._unsure[number] = Step(self._turn, str(path), old.state, new.state, sure=False)
        return number

    def _after(self, number: int, path: Path, new: Image) -> None:
        state = _with_mode(path, new).state
        if self._add({"done": number, "new": list(state)}, [] if new.data is None else [new.data]):
            (self._unsure or {}).pop(number, None)

    def _settle(self, path: str = "", now: State | None = None) -> None:
        """Says of steps that were broken off, of one file or of all, whether they were taken.

        They were unless the file is as it was before.
        """
        if self._unsure is None:
            self._unsure = {number: step for number, step in self._numbered().items() if not step.sure}
        for number, step in tuple(self._unsure.items()):
            if path in ("", step.path):
                state = now or look(Path(step.path)).state
                undone = step.old.same(state) and not step.new.same(state)
                new = state if step.new.same(state) else step.new
                if self._add({"void": number} if undone else {"done": number, "new": list(new)}):
                    self._unsure.pop(number)

    def _changed(self, before: Mapping[str, Image], changes: Sequence[Change]) -> None:
        room = COMMAND_BYTES
        told = {change.path: change for change in changes}
        for path in {**told, **before}:
            now = look(Path(path))
            if now.kind == "other" and path not in told:
                continue  # a folder was made
            room -= len(now.data or b"")
            if room < 0:
                now = now._replace(data=None)
            was = before.get(path) or _was(told[path], now)
            modes = was.mode is not None and was.mode != now.mode
            if modes or not was.state.same(now.state):
                self._before(Path(path), was, now, sure=True)

    async def keep(self, image: Image) -> bool:
        """Keeps what is to be replaced. False when that cannot be."""
        if image.data is None:
            return True
        return await anyio.to_thread.run_sync(self._add, None, (image.data,))

    def _add(self, line: Line | None, contents: Iterable[bytes] = ()) -> bool:
        try:
            if not self._made_room:
                self._made_room = True
                make_room(self._pack.path)
            self._pack.add(line, contents)
            if self._pack.size > SESSION_BYTES:
                self._trim()
        except (OSError, ToolError) as error:
            self._trouble(error)
            return False
        self._in_trouble = False
        return True

    def _trouble(self, error: OSError | ToolError) -> int:
        if not self._in_trouble:
            self._in_trouble = True
            why = error.strerror if isinstance(error, OSError) else str(error)
            self._warn(f"What is changed now cannot be taken back with /undo: {why}: {self._pack.path}")
        return 0

    def _trim(self) -> None:
        """The newest steps keep their contents."""
        sizes = self._pack.sizes()
        room = SESSION_BYTES * KEPT_SHARE - (self._pack.size - sum(sizes.values()))
        names: dict[str, None] = {}
        for step in reversed(self._steps()):
            for name in (step.old.digest, step.new.digest):
                if name not in names and sizes.get(name, SESSION_BYTES) <= room:
                    room -= sizes[name]
                    names[name] = None
        self._pack.rewrite(self._pack.lines()[-STEPS:], reversed(names))

    # What has happened ------------------------------------------------------------------------

    async def since(self, turn: str) -> dict[str, list[Step]]:
        """The steps from the begin of that turn on, by path. Raises ToolError.

        Nothing may be under way.
        """
        found: dict[str, list[Step]] = {}
        for step in await anyio.to_thread.run_sync(self._settled):
            if _number(step.turn) >= _number(turn):
                found.setdefault(step.path, []).append(step)
        return found

    async def by_turn(self) -> dict[str, list[Step]]:
        """All steps by turn. Raises ToolError."""
        found: dict[str, list[Step]] = {}
        for step in await anyio.to_thread.run_sync(self._read):
            found.setdefault(step.turn, []).append(step)
        return found

    async def data(self, state: State) -> bytes | None:
        """The bytes of a state; None when they are not kept any more. Raises ToolError."""
        return await anyio.to_thread.run_sync(self._data, state)

    @property
    def damaged(self) -> bool:
        return self._pack.damaged

    def _data(self, state: State) -> bytes | None:
        try:
            return self._pack.get(state.digest)
        except OSError as error:
            raise _unreadable(self._pack.path, error) from error

    def _settled(self) -> list[Step]:
        try:
            self._settle()
        except OSError as error:
            raise _unreadable(self._pack.path, error) from error
        return self._read()

    def _read(self) -> list[Step]:
        try:
            return self._steps()
        except OSError as error:
            raise _unreadable(self._pack.path, error) from error

    def _steps(self) -> list[Step]:
        return list(self._numbered().values())

    def _numbered(self) -> dict[int, Step]:
        found: dict[int, Step] = {}
        for line in self._pack.lines():
            number, done, void = line.get("step"), line.get("done"), line.get("void")
            if isinstance(number, int):
                turn, path = str(line.get("turn")), str(line.get("path"))
                old, new, sure = _state(line.get("old")), _state(line.get("new")), line.get("sure") is True
                found[number] = Step(turn, path, old, new, sure)
            elif isinstance(done, int) and done in found:
                found[done] = found[done]._replace(new=_state(line.get("new")), sure=True)
            elif isinstance(void, int):
                found.pop(void, None)
        return found


Outcome = Literal["made", "changed", "removed"]


def outcome(steps: Iterable[Step]) -> dict[str, Outcome]:
    """What steps have come to, by path."""
    ends: dict[str, tuple[State, State]] = {}
    for step in steps:
        ends[step.path] = (ends[step.path][0] if step.path in ends else step.old, step.new)
    return {
        path: "made" if old.kind == "none" else "removed" if new.kind == "none" else "changed"
        for path, (old, new) in ends.items()
        if not (old.same(new) and old.mode == new.mode)
    }


def make_room(own: Path) -> None:
    """Removes what belongs to no session, and what was used least recently as far as all is too much."""
    found: list[tuple[float, int, Path]] = []
    with suppress(OSError):
        os.utime(own)
    sessions = own.parent.parent / "sessions"
    for path in own.parent.glob(f"*{SUFFIX}"):
        try:
            status = path.stat()
            if path != own and sessions.is_dir() and not (sessions / f"{path.stem}.jsonl").exists():
                path.unlink()
                continue
        except OSError:
            continue
        found.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= TOTAL_BYTES:
            return
        if path != own:
            with suppress(OSError):
                path.unlink()
            total -= size


def snapshots_file(data_dir: Path, session_id: str) -> Path:
    """Where a session's snapshots are."""
    return data_dir / FOLDER / f"{session_id}{SUFFIX}"


def _ahead(paths: Sequence[str]) -> dict[str, Image]:
    found: dict[str, Image] = {}
    room = COMMAND_BYTES
    for path in paths:
        for each in _files(path):
            if len(found) == COMMAND_FILES or room < 0:
                return found
            image = look(Path(each))
            room -= len(image.data or b"")
            if image.kind != "other":
                found[each] = image
    return found


def _files(path: str) -> Iterable[str]:
    """Those that a path means, but nothing of git's own: half of that put back is worse than none."""
    if REPOSITORY in Path(path).parts:
        return
    if os.path.islink(path) or not os.path.isdir(path):
        yield path
        return
    for folder, inner, names in os.walk(path):
        inner[:] = [name for name in inner if name != REPOSITORY]
        yield from (os.path.join(folder, name) for name in names)


def _was(change: Change, now: Image) -> Image:
    """What was there, as far as is known by having looked at folders."""
    if change.kind == "created":
        return NOTHING
    mode = now.mode if now.kind == "file" else EXECUTABLE if change.executable else None
    return Image("file", change.old, mode)


def _with_mode(path: Path, image: Image) -> Image:
    """With the permissions that the file has now, unless others are known."""
    if image.kind != "file" or image.mode is not None:
        return image
    try:
        status = opening.status(path)
    except OSError:
        return image
    return image._replace(mode=stat.S_IMODE(status.st_mode)) if stat.S_ISREG(status.st_mode) else image


def _last(lines: Sequence[Line]) -> int:
    """The number of the last step."""
    return next((number for line in reversed(lines) if isinstance(number := line.get("step"), int)), 0)


def _state(value: object) -> State:
    kind, name, mode = cast("list[object]", value) if isinstance(value, list) else ("other", "", None)
    known = kind in ("none", "file", "link")
    return State(
        cast("Kind", kind) if known else "other",
        name if isinstance(name, str) else "",
        mode if isinstance(mode, int) else None,
    )


def _number(turn: str) -> int:
    """Turns are numbered as they begin."""
    digits = turn.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def _unreadable(path: Path, error: OSError) -> ToolError:
    return ToolError(f"The snapshots cannot be read: {error.strerror}: {path}")


if TYPE_CHECKING:

    def conforms(snapshots: Snapshots) -> Keeper:
        return snapshots
