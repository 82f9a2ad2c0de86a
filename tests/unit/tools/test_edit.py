"""Edits change what they name and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.errors import ToolError
from acp_agent.events import Location, ShownDiff, ShownText
from acp_agent.permission.claims import Claim
from acp_agent.tools.edit import Change, replacements
from acp_agent.workspace.text import decode

if TYPE_CHECKING:
    from tests.unit.tools.bench import Bench

LINES = st.lists(st.tuples(st.text("abc ", min_size=1, max_size=4), st.sampled_from([b"\n", b"\r\n", b"\r"])))

TIMES = (
    "old_text occurs 3 times. Send more of the text around it, or replace_all. "
    "It starts in these lines:\n1: x = 1\n3: x, x = 2\n3: x, x = 2"
)
DIFFERS = (
    "old_text is not in the file. Its first line is line 2, but what follows differs. Read from there again."
)


@given(LINES, st.text("xyz\n", max_size=6), st.data())
def test_everything_else_stays_byte_for_byte(
    lines: list[tuple[str, bytes]], new: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(lines)))
    before = b"".join(text.encode() + ending for text, ending in lines[:at])
    after = b"".join(text.encode() + ending for text, ending in lines[at:])
    source = decode(before + b"unique" + after)
    spans = replacements(source.plain, Change("unique", new, everywhere=False))
    changed = source.spliced(spans, new).encode()
    assert changed.startswith(before)
    assert changed.endswith(after)
    assert decode(changed).plain == source.plain.replace("unique", new)


@given(st.text("ab", max_size=30), st.text("ab", min_size=1, max_size=3), st.text("abc", max_size=3))
def test_replacing_all_is_what_str_replace_does(text: str, old: str, new: str) -> None:
    if old == new or old not in text:
        return
    spans = replacements(text, Change(old, new, everywhere=True))
    assert decode(text.encode()).spliced(spans, new).plain == text.replace(old, new)


@given(st.text("ab", max_size=30), st.text("ab", min_size=1, max_size=3))
def test_one_place_is_replaced_only_if_there_is_no_other(text: str, old: str) -> None:
    places = [at for at in range(len(text)) if text.startswith(old, at)]
    try:
        spans = replacements(text, Change(old, "", everywhere=False))
    except ToolError:
        assert len(places) != 1
    else:
        assert [start for start, _ in spans] == places


async def test_an_edit(bench: Bench) -> None:
    path = bench.write("src/a.py", b"one\r\ntwo\r\nthree")
    await bench("read", path="src/a.py")
    call = bench.bind("edit", path="src/a.py", old_text="two\nthree", new_text="two\n3")
    assert (call.title, call.locations) == ("Edit src/a.py", (Location(str(path)),))
    assert call.claims() == (Claim("edit", str(path)),)
    shown = (ShownDiff(str(path), "one\ntwo\nthree", "one\ntwo\n3", "utf-8 w", "utf-8 w"),)
    assert await call.preview() == shown
    assert path.read_bytes() == b"one\r\ntwo\r\nthree"
    result = await call.run(bench.seen)
    assert (result.output, result.shown) == ("Edited src/a.py, line 3.", shown)
    assert result.locations == (Location(str(path), 3),)
    assert path.read_bytes() == b"one\r\ntwo\r\n3"


async def test_all_places(bench: Bench) -> None:
    path = bench.write("a", "x\ny\nx x\n")
    await bench("read", path="a")
    output = await bench.output("edit", path="a", old_text="x", new_text="x\nx", replace_all="true")
    assert output == "Edited a, 3 places from line 2 on."
    assert path.read_bytes() == b"x\nx\ny\nx\nx x\nx\n"


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        ("", "x", "old_text is empty. Send the text to replace, or use write for a new file."),
        ("a\r\nb", "a\nb", "old_text and new_text are the same, there is nothing to change."),
        (
            "x",
            "z",
            TIMES,
        ),
        (
            "def f():\n  return 1",
            "z",
            "old_text is not in the file. Lines 5-6 differ from it only in white space; copy them exactly.",
        ),
        (
            "y = 1\nz = 2",
            "z",
            DIFFERS,
        ),
        ("  retrun 1", "z", "old_text is not in the file. Most similar is line 6:     return 1"),
        (
            "completely different",
            "z",
            "old_text is not in the file. Nothing in it is similar; read the file again.",
        ),
        ("\n\n\n", "z", "old_text is not in the file. Read the file again and copy the text exactly."),
    ],
)
async def test_what_cannot_be_edited_and_what_to_do(bench: Bench, old: str, new: str, refusal: str) -> None:
    text = "x = 1\ny = 1\nx, x = 2\n\ndef f():\n    return 1\n"
    path = bench.write("a.py", text)
    await bench("read", path="a.py")
    with pytest.raises(ToolError) as caught:
        await bench.bind("edit", path="a.py", old_text=old, new_text=new).preview()
    assert str(caught.value) == refusal
    assert path.read_text(encoding="utf-8") == text


async def test_at_most_twenty_places_are_listed(bench: Bench) -> None:
    bench.write("a", ("x" + "y" * 200 + "\n") * 30)
    await bench("read", path="a")
    with pytest.raises(ToolError) as caught:
        await bench("edit", path="a", old_text="x", new_text="z")
    _, *listed, more = str(caught.value).split("\n")
    assert (len(listed), more) == (20, "… and 10 more")
    assert max(map(len, listed)) == 104


async def test_editing_needs_reading_and_what_is_read_must_be_current(bench: Bench) -> None:
    path = bench.write("a", "one\n")
    with pytest.raises(ToolError, match=r"has not been read yet. Read it first"):
        await bench("edit", path="a", old_text="one", new_text="two")
    await bench("read", path="a")
    path.write_bytes(b"one more\n")
    with pytest.raises(ToolError, match=r"has changed since it was read. Read it again"):
        await bench("edit", path="a", old_text="one", new_text="two")
    assert path.read_bytes() == b"one more\n"


async def test_edit_after_edit(bench: Bench) -> None:
    path = bench.write("a", "one\n")
    await bench("read", path="a")
    await bench("edit", path="a", old_text="one", new_text="two")
    await bench("edit", path="a", old_text="two", new_text="three")
    assert path.read_bytes() == b"three\n"


async def test_a_change_after_the_preview_is_found(bench: Bench) -> None:
    path = bench.write("a", "one\ntwo\n")
    await bench("read", path="a")
    call = bench.bind("edit", path="a", old_text="two", new_text="2")
    await call.preview()
    path.write_bytes(b"zero\none\ntwo\n")
    await bench("read", path="a")
    with pytest.raises(ToolError, match="has changed since the call was approved"):
        await call.run(bench.seen)
    assert path.read_bytes() == b"zero\none\ntwo\n"


async def test_a_file_that_is_not_there(bench: Bench) -> None:
    bench.write("a.txt", "")
    with pytest.raises(ToolError, match="does not exist"):
        await bench("edit", path="b.txt", old_text="x", new_text="y")


async def test_large_changes_are_summed_up(bench: Bench) -> None:
    bench.write("a", "x\n" * 200_000 + "needle\n")
    await bench("read", path="a", offset=200_000)
    result = await bench("edit", path="a", old_text="needle", new_text="pin")
    assert result.shown == (ShownText("Line 200001\n\n```diff\n-needle\n+pin\n```"),)


async def test_unsaved_text_is_edited_in_the_editor(edited: Bench) -> None:
    assert edited.editor
    path = edited.write("a", "saved\n")
    edited.editor.buffers[str(path)] = "saved\ntyping\n"
    await edited("read", path="a")
    await edited("edit", path="a", old_text="typing", new_text="typed")
    assert edited.editor.written == [(str(path), "saved\ntyped\n")]
    assert path.read_bytes() == b"saved\ntyped\n"


async def test_silence_between_preview_and_run_is_no_change(edited: Bench) -> None:
    assert edited.editor
    path = edited.write("a", "one\n")
    await edited("read", path="a")
    edited.editor.on_read = lambda _: ""
    call = edited.bind("edit", path="a", old_text="one", new_text="two")
    await call.preview()
    await call.run(edited.seen)
    assert path.read_bytes() == b"two\n"
