"""Reading and writing with an editor that may know better than the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.errors import PeerError, ToolError
from acp_agent.workspace import documents as module
from acp_agent.workspace.documents import Document, Documents
from acp_agent.workspace.roots import Place, Roots
from acp_agent.workspace.text import Text
from tests.unit.workspace.editor import Editor

if TYPE_CHECKING:
    from pathlib import Path

    from acp_agent.workspace.documents import EditorFiles
    from tests.unit.workspace.editor import Filter

    def conforms(editor: Editor) -> EditorFiles:
        return editor


@pytest.fixture
def editor() -> Editor:
    return Editor()


@pytest.fixture
def documents(editor: Editor) -> Documents:
    return Documents(editor)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\r\n")
    return Roots(tmp_path).resolve("a.txt")


async def seen(documents: Documents, place: Place) -> Document:
    document = await documents.read(place)
    documents.mark_seen(document)
    return document


# Reading ----------------------------------------------------------------------


async def test_unsaved_text_is_read_with_the_line_endings_of_the_file(
    documents: Documents, editor: Editor, place: Place
) -> None:
    editor.buffers[str(place.path)] = "one\nnew\ntwo\n"
    document = await documents.read(place)
    assert (document.text, document.unsaved, document.note) == ("one\nnew\ntwo\n", True, "")
    assert document.source.content == "one\r\nnew\r\ntwo\r\n"


@pytest.mark.parametrize("buffer", ["one\ntwo\n", "one\r\ntwo\r\n", "one\ntwo", "\ufeffone\ntwo\n"])
async def test_a_buffer_that_only_looks_different_is_saved(
    documents: Documents, editor: Editor, place: Place, buffer: str
) -> None:
    editor.buffers[str(place.path)] = buffer
    document = await documents.read(place)
    assert not document.unsaved
    assert document.source.encode() == b"one\r\ntwo\r\n"


async def test_the_disk_says_what_exists(documents: Documents, editor: Editor, place: Place) -> None:
    missing = Place(place.path.with_name("a.text"), inside=True)
    editor.buffers[str(missing.path)] = ""
    with pytest.raises(ToolError, match=rf"does not exist. Did you mean {place.path}\?"):
        await documents.read(missing)


async def test_an_empty_answer_for_a_file_that_is_not_empty_is_not_believed(
    documents: Documents, editor: Editor, place: Place
) -> None:
    editor.on_read = empty
    document = await documents.read(place)
    assert (document.text, document.from_editor) == ("one\ntwo\n", False)
    assert document.note == "The editor gave an empty text; this is the file on disk."
    assert (await documents.read(place)).note == ""


async def test_an_editor_that_refuses(documents: Documents, editor: Editor, place: Place) -> None:
    editor.refusal = PeerError("not in the project", -32602)
    document = await documents.read(place)
    assert (document.text, document.note) == ("one\ntwo\n", "This is the file on disk: not in the project")
    assert (await documents.read(Place(place.path, inside=False))).note == ""


async def test_an_editor_that_never_answers_is_asked_once(
    documents: Documents, editor: Editor, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EDITOR_READ_S", 0.01)
    editor.silent = True
    with anyio.fail_after(5):
        document = await documents.read(place)
        again = await documents.read(place)
    assert (document.text, again.text) == ("one\ntwo\n", "one\ntwo\n")
    assert document.note == "The editor does not answer; this is the file on disk."
    assert document.version == again.version
    assert len(editor.asked) == 1


async def test_only_what_the_editor_offers_is_used(
    documents: Documents, editor: Editor, place: Place
) -> None:
    editor.reads = False
    editor.buffers[str(place.path)] = "unsaved"
    base = await seen(documents, place)
    await documents.write(place, Text("new"), base)
    assert (base.text, editor.asked, editor.written) == ("one\ntwo\n", [], [])
    assert place.path.read_bytes() == b"new"


async def test_binary_files_are_refused(documents: Documents, place: Place) -> None:
    place.path.write_bytes(b"\0\1\2")
    with pytest.raises(ToolError, match="is a binary file of 3 bytes"):
        await documents.read(place)


async def test_other_encodings_are_read_from_disk(documents: Documents, editor: Editor, place: Place) -> None:
    place.path.write_bytes("grüße\n".encode("latin-1"))
    base = await seen(documents, place)
    await documents.write(place, base.source.replaced("größe\n"), base)
    assert (editor.asked, editor.written) == ([], [])
    assert place.path.read_bytes() == "größe\n".encode("latin-1")


# Versions -----------------------------------------------------------------------


async def test_what_the_model_has_not_read_is_not_changed(documents: Documents, place: Place) -> None:
    base = await documents.read(place)
    with pytest.raises(ToolError, match=r"has not been read yet. Read it first"):
        await documents.write(place, Text("new"), base)
    assert place.path.read_bytes() == b"one\r\ntwo\r\n"


async def test_what_has_changed_since_it_was_read_is_not_changed(documents: Documents, place: Place) -> None:
    await seen(documents, place)
    place.path.write_bytes(b"other\n")
    with pytest.raises(ToolError, match=r"has changed since it was read. Read it again"):
        await documents.write(place, Text("new"), await documents.read(place))


@pytest.mark.parametrize("where", ["disk", "buffer"])
async def test_a_change_between_reading_and_writing_is_found(
    documents: Documents, editor: Editor, place: Place, where: str
) -> None:
    base = await seen(documents, place)
    if where == "disk":
        place.path.write_bytes(b"other\n")
    else:
        editor.buffers[str(place.path)] = "typing"
    with pytest.raises(ToolError, match="has changed meanwhile"):
        await documents.write(place, Text("new"), base)
    assert editor.written == []


async def test_a_change_on_disk_under_an_unsaved_buffer_is_found(
    documents: Documents, editor: Editor, place: Place
) -> None:
    editor.buffers[str(place.path)] = "typing"
    base = await seen(documents, place)
    place.path.write_bytes(b"other\n")
    with pytest.raises(ToolError, match="has changed meanwhile"):
        await documents.write(place, Text("new"), base)


async def test_a_new_file_that_is_there_meanwhile_is_not_replaced(documents: Documents, place: Place) -> None:
    with pytest.raises(ToolError, match="exists meanwhile"):
        await documents.write(place, Text("new"), None)


async def test_what_was_written_counts_as_seen(documents: Documents, place: Place) -> None:
    base = await seen(documents, place)
    for text in ("first\n", "second\n"):
        base = (await documents.write(place, Text(text), base)).document
    assert place.path.read_bytes() == b"second\n"


# Writing through the editor ---------------------------------------------------------


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
async def test_edits_go_through_the_editor_with_the_file_s_own_form(
    documents: Documents, editor: Editor, place: Place, mark: bytes
) -> None:
    place.path.write_bytes(mark + b"one\r\ntwo\r\n")
    base = await seen(documents, place)
    written = await documents.write(place, base.source.replaced("one\n2\n"), base)
    assert editor.written == [(str(place.path), mark.decode() + "one\r\n2\r\n")]
    assert place.path.read_bytes() == mark + b"one\r\n2\r\n"
    assert (written.as_asked, written.note) == (True, "")


def without_returns(text: str) -> str:
    return text.replace("\r\n", "\n")


def with_more_returns(text: str) -> str:
    return text.replace("\r\n", "\r\r\n")


def without_mark(text: str) -> str:
    return text.removeprefix("\ufeff")


def with_second_mark(text: str) -> str:
    return "\ufeff" + text


def empty(_: str) -> str:
    return ""


@pytest.mark.parametrize("damage", [without_returns, with_more_returns, without_mark, with_second_mark])
async def test_line_endings_and_mark_that_an_editor_spoils_are_mended(
    documents: Documents, editor: Editor, place: Place, damage: Filter
) -> None:
    place.path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
    editor.on_write = damage
    base = await seen(documents, place)
    await documents.write(place, base.source.replaced("one\n2\n"), base)
    assert place.path.read_bytes() == b"\xef\xbb\xbfone\r\n2\r\n"


async def test_new_files_go_through_the_editor(documents: Documents, editor: Editor, place: Place) -> None:
    new = Place(place.path.parent / "deep" / "new.txt", inside=True)
    await documents.write(new, Text("text\n"), None)
    assert editor.written == [(str(new.path), "text\n")]
    assert new.path.read_bytes() == b"text\n"


async def test_new_files_elsewhere_do_not(documents: Documents, editor: Editor, place: Place) -> None:
    new = Place(place.path.with_name("new.txt"), inside=False)
    await documents.write(new, Text("text\n"), None)
    assert editor.written == []
    assert new.path.read_bytes() == b"text\n"


async def test_a_new_file_that_the_editor_does_not_save_is_saved(
    documents: Documents, editor: Editor, place: Place
) -> None:
    editor.saves = False
    new = Place(place.path.with_name("new.txt"), inside=True)
    await documents.write(new, Text("text\n"), None)
    assert new.path.read_bytes() == b"text\n"


async def test_unsaved_text_is_changed_in_the_editor(
    documents: Documents, editor: Editor, place: Place
) -> None:
    editor.buffers[str(place.path)] = "typing\n"
    editor.saves = False
    base = await seen(documents, place)
    written = await documents.write(place, base.source.replaced("typing more\n"), base)
    assert editor.buffers[str(place.path)] == "typing more\r\n"
    assert place.path.read_bytes() == b"one\r\ntwo\r\n"
    assert (written.as_asked, written.note) == (True, "The editor holds it unsaved.")


async def test_unsaved_text_is_never_overwritten_behind_the_editor(
    documents: Documents, editor: Editor, place: Place
) -> None:
    editor.writes = False
    editor.buffers[str(place.path)] = "typing\n"
    base = await seen(documents, place)
    with pytest.raises(ToolError, match=r"has unsaved changes in the editor.*Ask the person to save it"):
        await documents.write(place, Text("new"), base)
    assert place.path.read_bytes() == b"one\r\ntwo\r\n"


async def test_what_a_formatter_makes_of_it_is_told_and_not_seen(
    documents: Documents, editor: Editor, place: Place
) -> None:
    editor.on_write = str.upper
    base = await seen(documents, place)
    written = await documents.write(place, base.source.replaced("new\n"), base)
    assert (written.document.text, written.as_asked) == ("NEW\n", False)
    with pytest.raises(ToolError, match="Read it again"):
        documents.require_seen(written.document)


async def test_an_editor_that_does_nothing_is_not_believed(
    documents: Documents, editor: Editor, place: Place
) -> None:
    base = await seen(documents, place)
    editor.on_write = lambda _: "one\r\ntwo\r\n"
    with pytest.raises(ToolError, match="nothing has changed"):
        await documents.write(place, Text("new"), base)


async def test_an_editor_that_refuses_to_write_is_obeyed(
    place: Place,
) -> None:
    documents = Documents(RefusesToWrite())
    base = await seen(documents, place)
    with pytest.raises(ToolError, match=r"The editor did not write .*: denied"):
        await documents.write(place, Text("new"), base)
    assert place.path.read_bytes() == b"one\r\ntwo\r\n"


class RefusesToWrite(Editor):
    code = -32603

    async def write_text(self, path: str, text: str) -> None:
        raise PeerError("denied", self.code)


class CannotWrite(RefusesToWrite):
    code = -32601


async def test_an_editor_that_cannot_write_after_all(place: Place) -> None:
    documents = Documents(CannotWrite())
    base = await seen(documents, place)
    await documents.write(place, Text("new"), base)
    assert place.path.read_bytes() == b"new"


class SilentWriter(Editor):
    async def write_text(self, path: str, text: str) -> None:
        if self.saves:
            await super().write_text(path, text)
        await anyio.sleep_forever()


@pytest.mark.parametrize("saves", [True, False])
async def test_an_editor_that_does_not_confirm(
    place: Place, monkeypatch: pytest.MonkeyPatch, saves: bool
) -> None:
    monkeypatch.setattr(module, "EDITOR_WRITE_S", 0.05)
    editor = SilentWriter()
    editor.saves = saves
    documents = Documents(editor)
    base = await seen(documents, place)
    with anyio.fail_after(5):
        if saves:
            await documents.write(place, Text("new"), base)
        else:
            with pytest.raises(ToolError, match="did not confirm"):
                await documents.write(place, Text("new"), base)
    assert place.path.read_bytes() == (b"new" if saves else b"one\r\ntwo\r\n")
