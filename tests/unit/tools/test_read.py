"""Reading files as the model sees them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from acp_agent.errors import ToolError
from acp_agent.events import Location
from acp_agent.permission.claims import Claim
from acp_agent.tools.read import LINE_BYTES, OUTPUT_BYTES

if TYPE_CHECKING:
    from tests.unit.tools.bench import Bench


async def test_a_whole_file_has_no_header(bench: Bench) -> None:
    bench.write("a.txt", "one\r\ntwo\n\nfour")
    result = await bench("read", path="a.txt")
    assert result.output == "1: one\n2: two\n3: \n4: four"
    assert result.shown is None
    assert result.record == {"path": str(bench.root / "a.txt"), "lines": [1, 4], "total": 4}


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        ({"offset": 9}, "(lines 9-12 of 12)\n 9: l9\n10: l10\n11: l11\n12: l12"),
        ({"limit": 2}, "(lines 1-2 of 12)\n1: l1\n2: l2"),
        ({"offset": 3, "limit": 1}, "(lines 3-3 of 12)\n3: l3"),
        ({"offset": "12", "limit": 50}, "(lines 12-12 of 12)\n12: l12"),
    ],
)
async def test_parts(bench: Bench, arguments: dict[str, object], output: str) -> None:
    bench.write("a.txt", "".join(f"l{number}\n" for number in range(1, 13)))
    assert await bench.output("read", path="a.txt", **arguments) == output


async def test_two_thousand_lines_by_default(bench: Bench) -> None:
    bench.write("a.txt", "x\n" * 2001)
    output = await bench.output("read", path="a.txt")
    assert output.startswith("(lines 1-2000 of 2001)\n   1: x\n")
    assert output.endswith("\n2000: x")


async def test_very_long_lines_are_cut(bench: Bench) -> None:
    bench.write("a.txt", "ü" * LINE_BYTES + "\nnext\n")
    assert await bench.output("read", path="a.txt") == (
        f"1: {'ü' * (LINE_BYTES // 2)} [… {LINE_BYTES} more bytes]\n2: next"
    )


async def test_a_very_large_part_is_cut(bench: Bench) -> None:
    bench.write("a.txt", ("x" * 1019 + "\n") * 200)
    header, *lines = (await bench.output("read", path="a.txt")).split("\n")
    assert header == "(lines 1-95 of 200; cut at 96 KiB, go on with offset 96)"
    assert len("\n".join(lines)) <= OUTPUT_BYTES


async def test_empty_file_and_past_the_end(bench: Bench) -> None:
    bench.write("empty", "")
    bench.write("a.txt", "one\n")
    assert await bench.output("read", path="empty") == "(empty file)"
    assert await bench.output("read", path="empty", limit=5) == "(empty file)"
    with pytest.raises(ToolError, match=r"a.txt has 1 lines; line 2 is past its end"):
        await bench("read", path="a.txt", offset=2)


async def test_what_cannot_be_read(bench: Bench) -> None:
    bench.write("config.toml", "x")
    bench.write("data.bin", b"\0")
    os.mkfifo(bench.root / "pipe")
    refusals = {
        "config.tml": f"Did you mean {bench.root}/config.toml?",
        "deep/er/a": f"nor does its folder; {bench.root} does.",
        ".": "is a directory. Use list.",
        "data.bin": "is a binary file of 1 bytes",
        "pipe": "is not a regular file",
    }
    for path, refusal in refusals.items():
        with pytest.raises(ToolError) as caught:
            await bench("read", path=path)
        assert refusal in str(caught.value)
    with pytest.raises(ToolError, match="path is empty"):
        bench.bind("read", path=" ")


async def test_unsaved_text_is_read_and_said_to_be(edited: Bench) -> None:
    assert edited.editor
    path = edited.write("a.txt", "saved\n")
    edited.editor.buffers[str(path)] = "typing\n"
    assert await edited.output("read", path="a.txt") == (
        "(with changes in the editor that are not saved yet)\n1: typing"
    )


async def test_a_note_comes_with_what_was_read(edited: Bench) -> None:
    assert edited.editor
    edited.write("a.txt", "saved\n")
    edited.editor.on_read = lambda _: ""
    assert await edited.output("read", path="a.txt") == (
        "(The editor gave an empty text; this is the file on disk)\n1: saved"
    )


@pytest.mark.parametrize(
    ("arguments", "title", "line"),
    [
        ({}, "Read src/a.py", 1),
        ({"offset": 10}, "Read src/a.py from 10", 10),
        ({"offset": 10, "limit": 31}, "Read src/a.py 10-40", 10),
        ({"limit": 5}, "Read src/a.py 1-5", 1),
    ],
)
def test_title_and_location(bench: Bench, arguments: dict[str, object], title: str, line: int) -> None:
    call = bench.bind("read", path="src/a.py", **arguments)
    assert (call.title, call.locations) == (title, (Location(str(bench.root / "src/a.py"), line),))


def test_claims_follow_links_each_time(bench: Bench) -> None:
    secret = bench.write("../secret", "x")
    link = bench.root / "link"
    bench.write("a.txt", "x")
    link.symlink_to("a.txt")
    call = bench.bind("read", path="link")
    assert call.claims() == (Claim("read", str(bench.root / "a.txt")),)
    link.unlink()
    link.symlink_to(secret)
    assert call.claims() == (Claim("read", str(secret.resolve()), inside=False),)


async def test_what_was_claimed_is_read_whatever_the_path_names_later(bench: Bench) -> None:
    bench.write("../secret", "secret")
    bench.write("a.txt", "harmless")
    link = bench.root / "link"
    link.symlink_to("a.txt")
    call = bench.bind("read", path="link")
    call.claims()
    link.unlink()
    link.symlink_to("../secret")
    assert (await call.run(bench.seen)).output == "1: harmless"
    (bench.root / "a.txt").unlink()
    (bench.root / "a.txt").symlink_to("../secret")
    with pytest.raises(ToolError, match="has become a link"):
        await call.run(bench.seen)
