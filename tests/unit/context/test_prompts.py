"""What comes of the parts of a prompt before a turn begins."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.content import Blob, Image, Part, Resource, ResourceLink, Text
from acp_agent.context import images
from acp_agent.context.images import Bounds, Fitted
from acp_agent.context.mentioned import Mentioned
from acp_agent.context.prompts import Preparation, Prepared, unpacked
from acp_agent.errors import AuthRequired, ContentError
from acp_agent.permission.gate import Gate, Unattended
from acp_agent.workspace.workspace import open_workspace
from tests.support.pictures import encoded, opened, picture

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from acp_agent.models.messages import ModelRequest
    from acp_agent.models.stream import Model, StreamEvent

WAIT_S = 10.0
PNG = b"\x89PNG\r\n\x1a\n..."


class Someone:
    """A model, as far as preparing needs it."""

    def __init__(self, *, sees: bool) -> None:
        self.name = "here/m-1"
        self.window = 1
        self.sees = sees

    def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent]:
        raise AssertionError(f"asked: {request}")


def same(data: bytes, _bounds: Bounds) -> Fitted:
    if b"bad" in data:
        raise ContentError("it is damaged")
    return Fitted(data + b"!", "image/png")


def preparation(folder: Path, *, sees: bool = True) -> Preparation:
    gate = Gate((), "standard", Unattended(), roots=(folder,))
    mentioned = Mentioned(open_workspace(folder), gate, None, same)
    return Preparation(mentioned, same, lambda: Someone(sees=sees))


async def prepared(prepare: Preparation, *content: Part) -> Prepared:
    with anyio.fail_after(WAIT_S):
        return await prepare(content)


async def test_text_stays_as_it_was_typed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    content = (Text("/cmd see @a.txt"), Resource("file:///b", "b"), Text("@a.txt"))
    found = await prepared(preparation(tmp_path), *content)
    added = Resource((tmp_path / "a.txt").as_uri(), "1: x", mentioned=True)
    assert found == Prepared((*content, added))


async def test_images_are_made_to_fit(tmp_path: Path) -> None:
    image = Image(encoded(PNG), "image/x", "file:///a.png")
    found = await prepared(preparation(tmp_path), image, Blob("file:///b.png", encoded(PNG)))
    fitting = encoded(PNG + b"!")
    assert found.content == (
        Image(fitting, "image/png", "file:///a.png"),
        Image(fitting, "image/png", "file:///b.png"),
    )
    assert found.notices == ()


@pytest.mark.parametrize(
    ("data", "why"), [("====", "it is not valid base64"), ("ü", "it is not"), ("YmFk", "it is damaged")]
)
async def test_an_image_that_cannot_be_used_is_told_of(tmp_path: Path, data: str, why: str) -> None:
    found = await prepared(preparation(tmp_path), Text("look"), Image(data, "image/png", "file:///a.png"))
    _, image = found.content
    assert isinstance(image, Image)
    assert (image.data, image.uri) == ("", "file:///a.png")
    assert why in (image.note or "")
    (notice,) = found.notices
    assert notice.severity == "warning"
    assert why in notice.title


async def test_a_model_that_cannot_see_is_named_and_how_to_change_it(tmp_path: Path) -> None:
    image = Image(encoded(PNG), "image/png")
    blind = preparation(tmp_path, sees=False)
    found = await prepared(blind, image, image)
    (notice,) = found.notices
    assert notice.title.startswith("here/m-1 cannot see images")
    assert '"vision": true under providers.here' in (notice.description or "")
    assert isinstance(found.content[0], Image), "it is kept: the next model may see"
    assert found.content[0].data
    assert (await prepared(blind, Text("no image"))).notices == ()


async def test_a_model_that_cannot_be_had_is_for_the_turn_to_complain_of(tmp_path: Path) -> None:
    def missing() -> Model:
        raise AuthRequired("no key")

    mentioned = Mentioned(
        open_workspace(tmp_path), Gate((), "standard", Unattended(), roots=(tmp_path,)), None, same
    )
    found = await prepared(Preparation(mentioned, same, missing), Image(encoded(PNG), "image/png"))
    assert found.notices == ()


async def test_without_pillow_small_images_pass(tmp_path: Path) -> None:
    def gone(_data: bytes, _bounds: Bounds) -> Fitted:
        raise ImportError("no PIL")

    small = await images.fitted(Image(encoded(PNG), "image/x"), gone)
    assert small == Image(encoded(PNG), "image/png")
    for data in (PNG + bytes(Bounds().size), b"what is this?"):
        with pytest.raises(ContentError, match="Pillow is not installed"):
            await images.fitted(Image(encoded(data), "image/png"), gone)


async def test_base64_as_clients_write_it() -> None:
    data = picture("RGB", (5, 5), "PNG")
    whole = encoded(data)
    for written in (whole, f"data:image/png;base64,{whole}", "\r\n".join([whole[:10], whole[10:]])):
        assert opened(images.decoded(written)).size == (5, 5)


@pytest.mark.parametrize(
    ("blob", "becomes"),
    [
        (
            Blob("file:///a.txt", encoded(b"words"), "text/plain"),
            Resource("file:///a.txt", "words", "text/plain"),
        ),
        (Blob("file:///a", encoded("ü\r\n".encode())), Resource("file:///a", "ü\n")),
        (Blob("file:///a", encoded(b"gr\xfcn"), "text/x"), Resource("file:///a", "grün", "text/x")),
        (
            Blob("file:///a.json", encoded(b"{}"), "application/vnd.x+json"),
            Resource("file:///a.json", "{}", "application/vnd.x+json"),
        ),
        (Blob("a.svg", encoded(b"<svg/>"), "image/svg+xml"), Resource("a.svg", "<svg/>", "image/svg+xml")),
        (Blob("a.png", encoded(PNG), "text/plain"), Image(encoded(PNG), "image/png", "a.png")),
        (Blob("a.heic", encoded(b"\0"), "image/heic"), Image(encoded(b"\0"), "image/heic", "a.heic")),
        (Blob("a", ""), Resource("a", "")),
    ],
)
def test_bytes_become_what_they_are(blob: Blob, becomes: Part) -> None:
    assert unpacked(blob) == becomes


@pytest.mark.parametrize(
    ("blob", "size"),
    [
        (Blob("file:///p/a.pdf", encoded(b"%PDF-1.7\0\xff"), "application/pdf"), 10),
        (Blob("file:///p/a.pdf", encoded(b"gr\xfcn")), 4),
        (Blob("file:///p/a.pdf", encoded(b"a\0b"), "text/plain"), 3),
    ],
)
def test_other_bytes_become_a_link(blob: Blob, size: int) -> None:
    link = unpacked(blob)
    assert isinstance(link, ResourceLink)
    assert link[:5] == ("file:///p/a.pdf", "a.pdf", blob.mime_type, None, size)
    assert "binary" in (link.note or "")


def test_bytes_that_are_none() -> None:
    link = unpacked(Blob("file:///a.bin", "§§"))
    assert isinstance(link, ResourceLink)
    assert "not valid base64" in (link.note or "")


async def test_links_say_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_text("words", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    notes = {
        (tmp_path / "a b.txt").as_uri(): (5, None),
        tmp_path.as_uri(): (None, "a folder"),
        (tmp_path / "gone").as_uri(): (None, "it is not there"),
        (tmp_path / "pipe").as_uri(): (None, "no regular file"),
        (tmp_path / "loop").as_uri(): (None, "it cannot be read: Too many levels of symbolic links"),
        "file:///x%00y": (None, "it cannot be read: embedded null byte"),
        "https://example.org/": (None, None),
        "odd:x": (None, None),
    }
    links = [ResourceLink(uri, "name") for uri in notes]
    found = await prepared(preparation(tmp_path), *links)
    assert found.notices == ()
    for link in found.content:
        assert isinstance(link, ResourceLink)
        assert (link.size, link.note) == notes[link.uri], link.uri


async def test_a_link_that_the_agent_made_is_not_looked_at(tmp_path: Path) -> None:
    blob = Blob((tmp_path / "gone.pdf").as_uri(), encoded(b"%PDF\0"), "application/pdf")
    (link,) = (await prepared(preparation(tmp_path), blob)).content
    assert isinstance(link, ResourceLink)
    assert "binary" in (link.note or "")
