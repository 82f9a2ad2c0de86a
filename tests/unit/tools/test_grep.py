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


async def test_hidden_files_are_searched_when_asked_for(bench: Bench) -> None:
    bench.write(".github/ci.yml", "foo\n")
    assert await bench.output("grep", pattern="foo") == "No matches."
    assert await bench.output("grep", pattern="foo", include_hidden=True) == ".github/ci.yml\n1: foo"


@pytest.mark.parametrize("arguments", [{"include_hidden": True}, {"include": ".env"}, {"include": "*.pem"}])
async def test_a_search_does_not_tell_what_is_in_secret_files(
    bench: Bench, arguments: dict[str, object]
) -> None:
    bench.write(".env", "TOKEN=foo\n")
    bench.write("keys/server.pem", "foo\n")
    result = await bench("grep", pattern="foo", **arguments)
    assert "TOKEN" not in result.output
    assert "left out" in result.output
    assert result.locations is None


async def test_a_secret_file_that_is_named_is_searched_once_it_is_claimed(bench: Bench) -> None:
    bench.write(".env", "TOKEN=foo\n")
    assert bench.bind("grep", pattern="foo", path=".env").claims() == (
        Claim("read", str(bench.root / ".env"), inside=True),
    )
    assert await bench.output("grep", pattern="foo", path=".env") == ".env\n1: TOKEN=foo"
