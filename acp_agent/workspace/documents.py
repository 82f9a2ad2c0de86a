"""Files as the person has them open: on disk, and with what is not saved yet.

Everything is read before it is written: a write names the version it was made from, and is
refused when that is no longer what the file or the editor holds.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import anyio
import anyio.to_thread

from acp_agent.errors import PeerError, PeerTimeout, ToolError
from acp_agent.workspace import files
from acp_agent.workspace.images import NOTHING, Image
from acp_agent.workspace.neighbours import missing
from acp_agent.workspace.text import Text, decode, is_binary, plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from acp_agent.workspace.roots import Place
    from acp_agent.workspace.snapshots import Keeper

EDITOR_READ_S = 5.0
"""An editor answers from memory; some never answer at all."""
EDITOR_WRITE_S = 15.0
"""Saving may run a formatter."""
SILENCE_S = 60.0
"""An editor that has not answered is not asked again for so long."""
EDITOR_READ_BYTES = 4 << 20
"""Larger files are read from disk: their text would come as one line of JSON."""
EDITOR_WRITE_BYTES = 480 << 10
"""Larger texts are written to disk: clients want lines of less than 1 MiB."""
EDITOR_ENCODINGS = frozenset({"utf-8", "utf-8-sig"})
"""What an editor makes of others cannot be told from a change."""
METHOD_NOT_FOUND = -32601
T = TypeVar("T")
MARK = "\ufeff"


class EditorFiles(Protocol):
    """The files of an editor; it may hold text that is not saved. Paths are absolute."""

    @property
    def reads(self) -> bool: ...

    @property
    def writes(self) -> bool: ...

    async def read_text(self, path: str) -> str:
        """Raises PeerError."""
        ...

    async def write_text(self, path: str, text: str) -> None:
        """Raises PeerError."""
        ...


class Document(NamedTuple):
    """A file as it was read."""

    path: Path
    source: Text
    """What the file would be if it were saved now."""
    version: str
    """Of disk and buffer together; another one means that either has changed."""
    from_editor: bool
    unsaved: bool
    """Whether the editor holds another text than the disk."""
    note: str
    """What the reader should know about how it was read; mostly empty."""

    @property
    def text(self) -> str:
        """As the model sees it: `\\n` for every line ending."""
        return self.source.plain


class Written(NamedTuple):
    """What a write came to."""

    document: Document
    """What is there now."""
    as_asked: bool
    """False when the editor has made something else of it, as a formatter does."""
    note: str


class Documents:
    """The files of one session. Remembers what of them the model has seen."""

    def __init__(self, editor: EditorFiles | None = None, keeper: Keeper | None = None) -> None:
        """`keeper` is told of every change, so that it can be taken back."""
        self._editor = editor
        self._keeper = keeper
        self._silent_until = 0.0
        self._seen: dict[Path, str] = {}
        self._noted: set[str] = set()

    # What the model knows -------------------------------------------------------

    def mark_seen(self, document: Document) -> None:
        self._seen[document.path] = document.version

    def require_seen(self, document: Document) -> None:
        """Raises ToolError when the model has not seen this version of the file."""
        version = self._seen.get(document.path)
        if version is None:
            raise ToolError(f"{document.path} has not been read yet. Read it first, then change it.")
        if version != document.version:
            raise ToolError(f"{document.path} has changed since it was read. Read it again, then change it.")

    def forget(self, path: Path | None = None) -> None:
        """The model no longer knows what it has seen, of one file or of all: that has to be read again."""
        if path is None:
            self._seen.clear()
        else:
            self._seen.pop(path, None)

    # Reading ----------------------------------------------------------------------

    async def read(self, place: Place) -> Document:
        """The file as it is now, unsaved text included. Raises ToolError when it is no readable text file.

        The disk says whether a file exists: clients answer with an empty text for one that does not.
        """
        data = await anyio.to_thread.run_sync(_read_text_file, place.path)
        saved = decode(data)
        buffer, note = await self._buffer(place, saved, len(data))
        unsaved = buffer is not None and buffer != saved.plain
        source = saved.replaced(buffer) if buffer is not None and unsaved else saved
        version = _version(data, source.content)
        return Document(place.path, source, version, buffer is not None, unsaved, note)

    async def exists(self, place: Place) -> bool:
        return await anyio.to_thread.run_sync(files.exists, place.path)

    async def _buffer(self, place: Place, saved: Text, size: int) -> tuple[str | None, str]:
        """The plain text in the editor, or None and why there is none that can be used."""
        editor = self._editor
        if editor is None or not editor.reads or size > EDITOR_READ_BYTES:
            return None, ""
        if saved.encoding not in EDITOR_ENCODINGS:
            return None, ""
        if anyio.current_time() < self._silent_until:
            return None, ""
        try:
            answer = await self._ask(lambda: editor.read_text(str(place.path)), EDITOR_READ_S)
        except PeerTimeout:
            return None, self._note("The editor does not answer; this is the file on disk.")
        except PeerError as error:
            # Many clients serve only the project's files, so elsewhere that is no news.
            return None, self._note(f"This is the file on disk: {error}") if place.inside else ""
        # The editor has opened it by its name: what it gave counts only if that still is no link.
        await self.exists(place)
        text = plain(answer.removeprefix(MARK))
        if not text and saved.content:
            # Far more often a client that did not find the file than a person who cleared it.
            return None, self._note("The editor gave an empty text; this is the file on disk.")
        same = text.removesuffix("\n") == saved.plain.removesuffix("\n")
        return saved.plain if same else text, ""

    async def _ask(self, request: Callable[[], Awaitable[T]], limit_s: float) -> T:
        try:
            with anyio.fail_after(limit_s):
                return await request()
        except (TimeoutError, PeerTimeout) as error:
            self._silent_until = anyio.current_time() + SILENCE_S
            raise PeerTimeout("The editor did not answer.") from error

    def _note(self, note: str) -> str:
        """`note` the first time; a model does not need it again."""
        if note in self._noted:
            return ""
        self._noted.add(note)
        return note

    # Writing ----------------------------------------------------------------------

    async def write(self, place: Place, text: Text, base: Document | None) -> Written:
        """Makes the file hold `text`, made from `base`; None for a file that is not there yet.

        Goes the way `base` came: through the editor, or to disk. Raises ToolError, having changed
        nothing, when disk or buffer are no longer as in `base`, when the model has not seen it, or
        when it cannot be written.
        """
        if base is None:
            if await self.exists(place):
                raise ToolError(f"{place.path} exists meanwhile. Read it first, then change it.")
        else:
            self.require_seen(base)
            if (await self.read(place)).version != base.version:
                raise ToolError(f"{place.path} has changed meanwhile. Read it again, then change it.")
        editor = self._editor
        through = editor is not None and editor.writes and self._belongs_to_editor(place, text, base)
        if base and base.unsaved and not through:
            raise ToolError(
                f"{place.path} has unsaved changes in the editor, which cannot be changed from here. "
                "Ask the person to save it."
            )
        data = text.encode()
        number = await self._about_to(place.path, base, Image("file", data))
        if editor and through:
            await self._write_through(editor, place.path, text, data)
        else:
            await anyio.to_thread.run_sync(files.write_bytes, place.path, data)
        written = await self._verified(place, text, base)
        if self._keeper:
            await self._keeper.after(number, place.path, image_of(written.document))
        return written

    async def remove(self, place: Place, base: Document) -> None:
        """Removes the file. Raises ToolError when it is no longer as in `base`, or cannot be removed."""
        if (await self.read(place)).version != base.version:
            raise ToolError(f"{place.path} has changed meanwhile.")
        number = await self._about_to(place.path, base, NOTHING)
        await anyio.to_thread.run_sync(files.remove, place.path)
        self._seen.pop(place.path, None)
        if self._keeper:
            await self._keeper.after(number, place.path, NOTHING)

    async def _about_to(self, path: Path, base: Document | None, new: Image) -> int:
        return await self._keeper.before(path, image_of(base), new) if self._keeper else 0

    def _belongs_to_editor(self, place: Place, text: Text, base: Document | None) -> bool:
        """A file that is there goes the way it came: a client that cannot be read may hold other text."""
        if len(text.content) > EDITOR_WRITE_BYTES or text.encoding not in EDITOR_ENCODINGS:
            return False
        return base.from_editor if base else place.inside

    async def _write_through(self, editor: EditorFiles, path: Path, text: Text, data: bytes) -> None:
        """Has the editor write, then mends line endings and mark on disk where it has changed them."""
        before = await anyio.to_thread.run_sync(_disk, path)  # refuses a link
        if before is None:
            await anyio.to_thread.run_sync(files.make_folder, path.parent)
        content = (MARK if text.encoding == "utf-8-sig" else "") + text.content
        try:
            await self._ask(lambda: editor.write_text(str(path), content), EDITOR_WRITE_S)
        except PeerTimeout as error:
            if await anyio.to_thread.run_sync(_disk, path) != data:
                raise ToolError(
                    f"The editor did not confirm that it has written {path}. Read the file to see."
                ) from error
        except PeerError as error:
            if error.peer_code != METHOD_NOT_FOUND:
                raise ToolError(f"The editor did not write {path}: {error}") from error
            await anyio.to_thread.run_sync(files.write_bytes, path, data)
        after = await anyio.to_thread.run_sync(_disk, path)
        if after is None or (after not in {before, data} and _bare(after) == _bare(data)):
            await anyio.to_thread.run_sync(files.write_bytes, path, data)

    async def _verified(self, place: Place, text: Text, base: Document | None) -> Written:
        """What is there after a write. It counts as seen only if it is what was asked for."""
        document = await self.read(place)
        as_asked = document.text == text.plain
        if not as_asked and base and base.version == document.version:
            raise ToolError(f"The editor said that it has written {place.path}, but nothing has changed.")
        if not as_asked:
            return Written(document, as_asked, "The editor changed the text on saving it.")
        self.mark_seen(document)
        return Written(document, as_asked, "The editor holds it unsaved." if document.unsaved else "")


def image_of(document: Document | None) -> Image:
    """The file as it would be if it were saved."""
    if document is None:
        return NOTHING
    try:
        return Image("file", document.source.encode())
    except ToolError:  # what the editor holds cannot be saved
        return Image("file")


def _read_text_file(path: Path) -> bytes:
    try:
        data = files.read_bytes(path)
    except ToolError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise missing(path) from error
        raise
    if is_binary(data):
        raise ToolError(f"{path} is a binary file of {len(data)} bytes and is not read as text.")
    return data


def _disk(path: Path) -> bytes | None:
    return files.read_bytes(path) if files.exists(path) else None


def _bare(data: bytes) -> bytes:
    """Without what editors change by themselves: carriage returns and the byte order mark."""
    return data.replace(b"\r", b"").removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xef\xbb\xbf")


def _version(data: bytes, content: str) -> str:
    digest = hashlib.sha256(data)
    digest.update(content.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]
