"""Listing folders and finding files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acp_agent.errors import ToolError
from acp_agent.events import Location
from acp_agent.permission.claims import Claim
from acp_agent.tools.listing import COUNTED, ENTRIES, FILES

if TYPE_CHECKING:
    from tests.unit.tools.bench import Bench


async def test_a_folder(bench: Bench) -> None:
    bench.write("b.txt", "12345")
    bench.write(".env", "")
    bench.write("src/a.py", "")
    (bench.root / "link").symlink_to("src")
    assert await bench.output("list") == "src/\n.env  0\nb.txt  5\nlink -> src"
    assert await bench.output("list", path="src") == "a.py  0"
    (bench.root / "empty").mkdir()
    assert await bench.output("list", path="empty") == "(empty folder)"


@pytest.mark.parametrize(("count", "total"), [(ENTRIES + 1, f"{ENTRIES + 1}"), (COUNTED + 1, f"{COUNTED}+")])
async def test_a_large_folder(bench: Bench, count: int, total: str) -> None:
    for number in range(count):
        bench.write(f"{number:05}", "")
    *lines, last = (await bench.output("list")).split("\n")
    assert (len(lines), last) == (ENTRIES, f"(the first {ENTRIES} of {total}; use glob for others)")


async def test_what_cannot_be_listed(bench: Bench) -> None:
    bench.write("src/a.py", "")
    with pytest.raises(ToolError, match=r"is a file. Use read"):
        await bench("list", path="src/a.py")
    with pytest.raises(ToolError, match=r"Did you mean .*/src\?"):
        await bench("list", path="srv")


async def test_a_glob(bench: Bench) -> None:
    bench.write("src/a.py", "")
    bench.write("b.txt", "")
    assert await bench.output("glob", pattern="*.py") == "src/a.py"
    assert await bench.output("glob", pattern="*.py", path="src") == "src/a.py"
    assert await bench.output("glob", pattern="*.c", path="") == "No files match."


async def test_a_glob_with_many_files(bench: Bench) -> None:
    for number in range(FILES + 5):
        bench.write(f"{number}.txt", "")
    *lines, last = (await bench.output("glob", pattern="*.txt")).split("\n")
    assert (len(lines), last) == (FILES, f"(the newest {FILES} of {FILES + 5})")


def test_titles_claims_and_locations(bench: Bench) -> None:
    src = str(bench.root / "src")
    listed, found = bench.bind("list", path="src"), bench.bind("glob", pattern="*.py", path="src")
    assert (listed.title, found.title) == ("List src", "Find `*.py` in src")
    assert bench.bind("list").title == "List ."
    assert bench.bind("glob", pattern="**/a").title == "Find `**/a`"
    assert listed.claims() == found.claims() == (Claim("read", src),)
    assert listed.locations == found.locations == (Location(src),)
    with pytest.raises(ToolError, match="glob"):
        bench.bind("glob", pattern="")


async def test_hidden_files_are_found_when_asked_for(bench: Bench) -> None:
    bench.write(".github/ci.yml", "")
    assert await bench.output("glob", pattern="*.yml") == "No files match."
    assert await bench.output("glob", pattern="*.yml", include_hidden=True) == ".github/ci.yml"


@pytest.mark.parametrize("pattern", ["/etc/*", "../*", "src/../*"])
def test_a_glob_that_cannot_match_is_refused(bench: Bench, pattern: str) -> None:
    with pytest.raises(ToolError, match="Give the folder as path"):
        bench.bind("glob", pattern=pattern)


@pytest.mark.timeout(10)
async def test_many_stars_do_not_take_for_ever(bench: Bench) -> None:
    bench.write("a" * 200, "")
    bench.write("ab" * 20, "")
    assert await bench.output("glob", pattern="*a*a*a*a*a*a*a*a*b") == "ab" * 20
