"""Content blocks → parts of a message → content blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.acp.content import BLOCK_BYTES, blocks_of, parts_of
from acp_agent.acp.params import Params
from acp_agent.content import Blob, Image, Part, Resource, ResourceLink, Text
from acp_agent.errors import InvalidParams
from acp_agent.rpc.codec import encode

if TYPE_CHECKING:
    from acp_agent.acp.params import Json

ONE_MIB = 1 << 20


def parts(*blocks: object) -> tuple[Part, ...]:
    return parts_of(Params("session/prompt", {"prompt": list(blocks)}))


def link(**fields: object) -> Json:
    return {"type": "resource_link", **fields}


def resource(**fields: object) -> Json:
    return {"type": "resource", "resource": fields}


BOTH_WAYS: list[tuple[Json, Part]] = [
    ({"type": "text", "text": "hello"}, Text("hello")),
    ({"type": "image", "data": "AAAA", "mimeType": "image/png"}, Image("AAAA", "image/png")),
    (
        {"type": "image", "data": "AAAA", "mimeType": "image/png", "uri": "file:///a.png"},
        Image("AAAA", "image/png", "file:///a.png"),
    ),
    (link(uri="file:///a", name="a"), ResourceLink("file:///a", "a")),
    (
        link(uri="file:///a", name="a", mimeType="x/y", description="d", size=3),
        ResourceLink("file:///a", "a", "x/y", "d", 3),
    ),
    (resource(uri="file:///a", text=""), Resource("file:///a", "")),
    (resource(uri="file:///a", text="t", mimeType="x/y"), Resource("file:///a", "t", "x/y")),
]


@pytest.mark.parametrize(("block", "part"), BOTH_WAYS)
def test_both_ways(block: Json, part: Part) -> None:
    assert parts(block) == (part,)
    assert list(blocks_of((part,))) == [block]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (resource(uri="file:///a", blob="AAAA", mimeType="x/y"), Blob("file:///a", "AAAA", "x/y")),
        (resource(uri="file:///a", blob=""), Blob("file:///a", "")),
        (link(uri="file:///a", size=-1), ResourceLink("file:///a", "file:///a")),
        (link(uri="file:///a", name=1, size=True), ResourceLink("file:///a", "file:///a")),
        ({"type": "text", "text": "x", "annotations": None, "_meta": {}}, Text("x")),
        ({"type": "image", "data": "?", "mimeType": "x", "uri": 1}, Image("?", "x")),
    ],
)
def test_one_way(block: Json, part: Part) -> None:
    assert parts(block) == (part,)


@pytest.mark.parametrize(
    "block",
    [
        7,
        {},
        {"type": "text"},
        {"type": "text", "text": 1},
        {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"},
        {"type": "image", "mimeType": "image/png"},
        {"type": "image", "data": "", "mimeType": "image/png"},
        {"type": "image", "data": "AAAA"},
        link(name="a"),
        resource(text="x"),
        resource(uri="file:///a"),
        {"type": "video"},
    ],
)
def test_what_is_refused(block: object) -> None:
    with pytest.raises(InvalidParams, match="session/prompt: prompt has") as caught:
        parts(block)
    assert caught.value.data == {"param": "prompt"}


@pytest.mark.parametrize(
    "part",
    [Resource("file:///a", "x", mentioned=True), Image("AAAA", "image/png", "file:///a", mentioned=True)],
)
def test_what_we_have_added_is_not_shown(part: Part) -> None:
    assert list(blocks_of((part,))) == []


def test_bytes_are_shown_as_a_link() -> None:
    (block,) = blocks_of((Blob("file:///a", "AAAA", "x/y"),))
    assert block == link(uri="file:///a", name="file:///a", mimeType="x/y")


def test_an_image_that_could_not_be_used_is_named() -> None:
    (block,) = blocks_of((Image("", "image/png", note="which it cannot be shown: it is damaged"),))
    assert block == {"type": "text", "text": "[image/png: which it cannot be shown: it is damaged]"}


@pytest.mark.parametrize(
    "part",
    [
        Text("\0" * 1_000_000),
        Image("A" * 1_500_000, "image/png"),
        Image("A" * BLOCK_BYTES, "image/png"),
        Resource("file:///a", "ü" * 600_000),
        Resource("file:///a", "\0" * 200_000),
        ResourceLink("data:" + "x" * 2_000_000, "a"),
        ResourceLink("file:///a", "x" * 2_000_000),
        Blob("x" * 2_000_000, "AAAA"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_every_block_fits_into_a_line(part: Part) -> None:
    blocks = list(blocks_of((part,)))
    assert blocks
    assert max(len(encode(block)) for block in blocks) < ONE_MIB - 10_000
    if isinstance(part, Text):
        assert "".join(str(block["text"]) for block in blocks) == part.text


texts = st.text(max_size=20)
some_text = st.text(min_size=1, max_size=20)
maybe = st.none() | texts
some_parts = st.one_of(
    some_text.map(Text),
    st.tuples(some_text, some_text, maybe).map(lambda fields: Image(*fields)),
    st.tuples(some_text, some_text, maybe, maybe, st.none() | st.integers(0)).map(
        lambda fields: ResourceLink(*fields)
    ),
    st.tuples(some_text, texts, maybe).map(lambda fields: Resource(*fields)),
)


@given(st.lists(some_parts, max_size=4))
def test_what_was_said_is_said_again(said: list[Part]) -> None:
    assert parts(*blocks_of(tuple(said))) == tuple(said)
