"""Searching as the model sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acp_agent.errors import ToolError
from acp_agent.events import Location
from acp_agent.permission.claims import Claim
from acp_agent.tools.grep import LINE_CHARACTERS, LOCATIONS, OUTPUT_LINES
from acp_agent.workspace import search

if TYPE_CHECKING:
    from tests.unit.tools.bench import Bench


async def test_matches_are_grouped_by_file(bench: Bench) -> None:
    bench.write("a.py", "x\nfoo = 1\n")
    bench.write("src/b.py", "foo\n\nfoo\n")
    result = await bench("grep", pattern="foo")
    assert result.output == "a.py\n2: foo = 1\nsrc/b.py\n1: foo\n3: foo"
    assert result.locations == (
        Location(str(bench.root / "a.py"), 2),
        Location(str(bench.root / "src/b.py"), 1),
        Location(str(bench.root / "src/b.py"), 3),
    )


async def test_context(bench: Bench) -> None:
    bench.write("a", "1\n2\nfoo\n4\n5\n6\n7\nfoo\n")
    assert (
        await bench.output("grep", pattern="foo", context_lines=1)
        == "a\n2- 2\n3: foo\n4- 4\n--\n7- 7\n8: foo"
    )


async def test_no_matches(bench: Bench) -> None:
    bench.write("a", "1\n")
    result = await bench("grep", pattern="foo", include="*.py")
    assert (result.output, result.locations, result.failed) == ("No matches.", None, False)


async def test_many_matches(bench: Bench) -> None:
    bench.write("a", "foo\n" * 300)
    result = await bench("grep", pattern="foo")
    lines = result.output.split("\n")
    assert len(lines) == OUTPUT_LINES + 2
    assert lines[-1] == "(200 of 300 matches; narrow the search)"
    assert len(result.locations or ()) == LOCATIONS


async def test_more_matches_than_are_counted(bench: Bench) -> None:
    bench.write("a", "foo\n" * (search.MATCHES + 1))
    assert (await bench.output("grep", pattern="foo")).endswith(
        f"(200 of {search.MATCHES} or more matches; narrow the search)"
    )


async def test_long_lines_are_cut(bench: Bench) -> None:
    bench.write("a", "foo" + "x" * 1000)
    assert await bench.output("grep", pattern="foo") == f"a\n1: {('foo' + 'x' * 1000)[:LINE_CHARACTERS]}…"


def test_titles_and_claims(bench: Bench) -> None:
    src = str(bench.root / "src")
    call = bench.bind("grep", pattern="foo", path="src")
    assert (call.title, call.claims(), call.locations) == (
        "Search for `foo` in src",
        (Claim("read", src),),
        (Location(src),),
    )
    assert bench.bind("grep", pattern="foo").title == "Search for `foo`"
    assert ":" not in bench.bind("grep", pattern="a::b").title


def test_what_is_no_search(bench: Bench) -> None:
    with pytest.raises(ToolError, match="pattern is empty"):
        bench.bind("grep", pattern="")
    with pytest.raises(ToolError, match="glob"):
        bench.bind("grep", pattern="a", include="[z-a]")
