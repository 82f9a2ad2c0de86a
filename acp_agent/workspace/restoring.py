"""Putting files back to what they were before a turn, beside what others have done to them since.

The steps since then are taken back one by one, the last first. Where a file is not as a step has left
it, the two are merged if they have changed different places of it; else the file is left alone. What is
replaced is kept first, and putting back is a step too: so it can be taken back.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anyio.to_thread

from acp_agent.errors import AgentError
from acp_agent.events import PutBack
from acp_agent.workspace import files
from acp_agent.workspace.documents import image_of
from acp_agent.workspace.images import NOTHING, Image, look
from acp_agent.workspace.merging import merged
from acp_agent.workspace.roots import Place
from acp_agent.workspace.text import decode, is_binary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acp_agent.workspace.documents import Document
    from acp_agent.workspace.images import State
    from acp_agent.workspace.snapshots import Snapshots, Step
    from acp_agent.workspace.workspace import Workspace

OUTSIDE = "it is not in the session's folders"
CHANGED = "it has changed since, in the same place"
GONE = "it is gone"
NOT_KEPT = "what it was before is not kept"
NO_ROOM = "what is there now could not be kept"
NO_FILE = "there is something else now"
BY_EDITOR = "and changed by the editor on saving it"
OWNER_WRITES = 0o200


class LeftAlone(Exception):
    """Why a file is not put back."""


class _Now(NamedTuple):
    place: Place
    image: Image
    document: Document | None
    """None when there is no text that an editor could hold."""


class _Goal(NamedTuple):
    image: Image
    merged: bool


async def restore(workspace: Workspace, snapshots: Snapshots, turn: str) -> list[PutBack]:
    """Puts back what has been changed since the begin of that turn, and says what has come of each file.

    Files that are as they were before are not named. Raises ToolError when the snapshots cannot be read.
    """
    steps = await snapshots.since(turn)
    found: list[PutBack] = []
    for path in _in_order(steps):
        try:
            fate = await _restored(workspace, snapshots, path, steps[path])
        except LeftAlone as why:
            fate = PutBack(path, "left alone", str(why))
        except AgentError as error:
            fate = PutBack(path, "left alone", str(error))
        if fate:
            found.append(fate)
    return found


def _in_order(steps: Mapping[str, Sequence[Step]]) -> list[str]:
    """What is to go goes first: a file may be where a folder was."""
    return sorted(steps, key=lambda path: (steps[path][0].old.kind != "none", path))


async def _restored(
    workspace: Workspace, snapshots: Snapshots, path: str, steps: Sequence[Step]
) -> PutBack | None:
    now = await _now(workspace, path)
    chain = together(steps)
    goal = await _goal(snapshots, now, chain)
    image = goal.image
    if image.state.same(now.image.state) and image.mode == now.image.mode:
        return None
    if not await snapshots.keep(now.image):
        raise LeftAlone(NO_ROOM)
    why = await _apply(workspace, snapshots, now, image)
    workspace.documents.forget(now.place.path)
    if image.kind == "none":
        return PutBack(path, "removed", why)
    return PutBack(path, "merged" if goal.merged else "put back", why)


async def _now(workspace: Workspace, path: str) -> _Now:
    # A link is what is put back itself, so only the folder is resolved.
    folder = workspace.roots.resolve(str(Path(path).parent))
    place = Place(folder.path / Path(path).name, folder.inside)
    if not place.inside or str(place.path) != path:
        raise LeftAlone(OUTSIDE)
    image = await anyio.to_thread.run_sync(look, place.path)
    if image.kind == "other":
        raise LeftAlone(NO_FILE)
    if image.kind != "file" or image.data is None or is_binary(image.data):
        return _Now(place, image, None)
    document = await workspace.documents.read(place)
    return _Now(place, image_of(document)._replace(mode=image.mode), document)


def together(steps: Sequence[Step]) -> list[Step]:
    """The steps, those that follow each other without a break as one, or none."""
    taken: list[Step] = []
    for each in reversed(steps):
        joins = taken and each.new.same(taken[-1].old)
        step = each._replace(new=taken.pop().new) if joins else each
        if not step.old.same(step.new) or step.old.mode != step.new.mode:
            taken.append(step)
    return taken[::-1]


async def _goal(snapshots: Snapshots, now: _Now, chain: Sequence[Step]) -> _Goal:
    """What is to be there. Raises LeftAlone."""
    image, is_merged = now.image, False
    for step in reversed(chain):
        mode = image.mode
        if step.old.mode is not None and mode in (None, step.new.mode):
            mode = step.old.mode
        if step.new.same(image.state):
            image = await _image(snapshots, step.old)
        elif not step.old.same(image.state):
            image, is_merged = await _merged(snapshots, image, step), True
        image = image._replace(mode=mode if image.kind == "file" else None)
    return _Goal(image, is_merged)


async def _merged(snapshots: Snapshots, image: Image, step: Step) -> Image:
    if image.kind == "none":
        raise LeftAlone(GONE)
    if {image.kind, step.old.kind, step.new.kind} != {"file"}:
        raise LeftAlone(CHANGED)
    base, old = await _image(snapshots, step.new), await _image(snapshots, step.old)
    if image.data is None or base.data is None or old.data is None:
        raise LeftAlone(NOT_KEPT)
    found = await anyio.to_thread.run_sync(merged, base.data, image.data, old.data)
    if found is None:
        raise LeftAlone(CHANGED)
    return Image("file", found)


async def _image(snapshots: Snapshots, state: State) -> Image:
    if state.kind == "none":
        return NOTHING
    data = await snapshots.data(state) if state.known else None
    if data is None:
        raise LeftAlone(NOT_KEPT)
    return Image(state.kind, data, state.mode)


async def _apply(workspace: Workspace, snapshots: Snapshots, now: _Now, image: Image) -> str:
    """Does it, and says what a person should know of it."""
    path, why = now.place.path, ""
    was, mode = now.image, image.mode
    change = image.kind == "file" and was.kind == "file" and mode is not None and mode != was.mode
    if change and mode is not None and mode & OWNER_WRITES:  # else it could not be written
        await _set_mode(snapshots, path, was, mode)
        was, change = was._replace(mode=mode), False
    if not image.state.same(was.state):
        why = await _write(workspace, snapshots, now, image)
        made = await anyio.to_thread.run_sync(look, path)
        change = image.kind == "file" and mode is not None and made.mode != mode
        was = image._replace(mode=made.mode)
    if change and mode is not None:
        await _set_mode(snapshots, path, was, mode)
    return why


async def _write(workspace: Workspace, snapshots: Snapshots, now: _Now, image: Image) -> str:
    documents, document = workspace.documents, now.document
    text = image.kind == "file" and image.data is not None and not is_binary(image.data)
    if document and image.kind == "none":
        await documents.remove(now.place, document)
    elif text and image.data is not None and (document or now.image.kind == "none"):
        if document:
            documents.mark_seen(document)
        written = await documents.write(now.place, decode(image.data), document)
        return "" if image_of(written.document).state.same(image.state) else BY_EDITOR
    elif document and document.unsaved:
        raise LeftAlone(CHANGED)
    else:
        number = await snapshots.before(now.place.path, now.image, image)
        await anyio.to_thread.run_sync(_put, now.place.path, image)
        await snapshots.after(number, now.place.path, image._replace(mode=None))
    return ""


def _put(path: Path, image: Image) -> None:
    if image.kind == "none":
        files.remove(path)
    elif image.kind == "link":
        files.write_link(path, image.data or b"")
    else:
        files.write_bytes(path, image.data or b"", over_link=True)


async def _set_mode(snapshots: Snapshots, path: Path, was: Image, mode: int) -> None:
    number = await snapshots.before(path, was, was._replace(mode=mode))
    await anyio.to_thread.run_sync(files.set_mode, path, mode)
    await snapshots.after(number, path, was._replace(mode=mode))
