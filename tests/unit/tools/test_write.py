"""Writing whole files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acp_agent.errors import ToolError
from acp_agent.events import Location, ShownDiff, ShownText
from acp_agent.permission.claims import Claim

if TYPE_CHECKING:
    from tests.unit.tools.bench import Bench


async def test_a_new_file_with_its_folders(bench: Bench) -> None:
    bench.root.mkdir()
    path = str(bench.root / "src/new/a.py")
    call = bench.bind("write", path="src/new/a.py", content="one\r\ntwo\n")
    assert (call.title, call.locations) == ("Write src/new/a.py", (Location(path, 1),))
    assert call.claims() == (Claim("edit", path),)
    shown = (ShownDiff(path, None, "one\ntwo\n", new_form="utf-8 1w1n"),)
    assert await call.preview() == shown
    assert not (bench.root / "src").exists()
    result = await call.run(bench.seen)
    assert (result.output, result.shown) == ("Created 2 lines in src/new/a.py.", shown)
    assert (bench.root / "src/new/a.py").read_bytes() == b"one\r\ntwo\n"


@pytest.mark.parametrize(
    ("content", "count"), [("", "0 lines"), ("a", "1 line"), ("\n", "1 line"), ("a\nb", "2 lines")]
)
async def test_lines_are_counted(bench: Bench, content: str, count: str) -> None:
    assert await bench.output("write", path="a", content=content) == f"Created {count} in a."


async def test_replacing_needs_reading_and_keeps_the_file_s_form(bench: Bench) -> None:
    path = bench.write("a.txt", b"\xef\xbb\xbfone\r\ntwo\r\n")
    path.chmod(0o755)
    with pytest.raises(ToolError, match="has not been read yet"):
        await bench.bind("write", path="a.txt", content="x").preview()
    await bench("read", path="a.txt")
    result = await bench("write", path="a.txt", content="one\n2\n")
    assert result.output == "Wrote 2 lines to a.txt."
    form = "utf-8-sig w"
    assert result.shown == (ShownDiff(str(path), "one\ntwo\n", "one\n2\n", form, form),)
    assert path.read_bytes() == b"\xef\xbb\xbfone\r\n2\r\n"
    assert path.stat().st_mode & 0o777 == 0o755


async def test_writing_again_needs_no_reading(bench: Bench) -> None:
    await bench("write", path="a", content="one\n")
    assert await bench.output("write", path="a", content="two\n") == "Wrote 1 line to a."
    assert await bench.output("write", path="a", content="two\n") == "a already holds exactly this."


async def test_a_change_after_the_preview_is_found(bench: Bench) -> None:
    bench.root.mkdir()
    call = bench.bind("write", path="a", content="mine")
    await call.preview()
    path = bench.write("a", "theirs")
    await bench("read", path="a")
    with pytest.raises(ToolError, match="has changed since the call was approved"):
        await call.run(bench.seen)
    assert path.read_bytes() == b"theirs"


async def test_a_link_is_written_through(bench: Bench) -> None:
    target = bench.write("target", "old")
    (bench.root / "link").symlink_to("target")
    await bench("read", path="link")
    await bench("write", path="link", content="new")
    assert (bench.root / "link").is_symlink()
    assert target.read_bytes() == b"new"


async def test_large_changes_are_summed_up(bench: Bench) -> None:
    result = await bench("write", path="a", content="x" * 300_000)
    assert result.shown == (ShownText("1 line, too many to show."),)


async def test_what_the_file_cannot_hold_is_told_before_asking(bench: Bench) -> None:
    bench.write("a.txt", "grüße".encode("latin-1"))
    await bench("read", path="a.txt")
    with pytest.raises(ToolError, match="latin-1 and cannot hold"):
        await bench.bind("write", path="a.txt", content="→").preview()


async def test_the_editor_writes(edited: Bench) -> None:
    assert edited.editor
    await edited("write", path="a.txt", content="text\n")
    assert edited.editor.written == [(str(edited.root / "a.txt"), "text\n")]


async def test_what_a_formatter_has_done_is_told(edited: Bench) -> None:
    assert edited.editor
    edited.editor.on_write = lambda text: text.replace("'", '"')
    result = await edited("write", path="a.py", content="x = 'x'\ny = 1\n")
    assert result.output == (
        "Created 2 lines in a.py.\nThe editor changed the text on saving it. The difference:\n"
        "@@ -1 +1 @@\n-x = 'x'\n+x = \"x\""
    )
    assert result.shown == (ShownDiff(str(edited.root / "a.py"), None, 'x = "x"\ny = 1\n'),)
    await edited("write", path="a.py", content="z\n")


async def test_a_file_that_was_formatted_all_over_is_to_be_read_again(edited: Bench) -> None:
    assert edited.editor
    edited.editor.on_write = str.upper
    output = await edited.output("write", path="a", content="x\n" * 100)
    assert output.endswith("The editor changed the text on saving it. Read it again before the next change.")
    with pytest.raises(ToolError, match="Read it"):
        await edited("write", path="a", content="z\n")


async def test_unsaved_in_the_editor(edited: Bench) -> None:
    assert edited.editor
    path = edited.write("a", "one\n")
    edited.editor.saves = False
    await edited("read", path="a")
    assert await edited.output("write", path="a", content="two\n") == (
        "Wrote 1 line to a.\nThe editor holds it unsaved."
    )
    assert path.read_bytes() == b"one\n"
