"""Symbols are found by what somebody calls them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.errors import ToolError
from acp_agent.workspace.symbols import find, listed
from acp_agent.workspace.syntax import Symbol, SymbolKind


def symbol(qualified: str, line: int, kind: SymbolKind = "function", last: int = 0) -> Symbol:
    parts = qualified.split(".")
    name, depth = parts[-1], len(parts) - 1
    return Symbol(
        name, kind, qualified, f"def {name}()", line, 5, line, last or line, 0, 1, None, depth, public=True
    )


SYMBOLS = (
    symbol("First", 1, "class", 4),
    symbol("First.run", 2),
    symbol("First.stop", 3),
    symbol("Second", 5, "struct"),
    symbol("Second", 6, "impl", 9),
    symbol("Second.run", 7),
    symbol("Second.run", 8),
    symbol("run_all", 10),
)
FOUND = [
    ("First.run", [2]),
    ("First::run", [2]),
    ("First#run", [2]),
    ("Second->run()", [7, 8]),
    ("stop", [3]),
    ("Second", [5]),
    (" run_all ", [10]),
]
AMBIGUOUS = (
    "run is ambiguous. Send one of these:\nFirst.run (line 2)\nSecond.run (line 7)\nSecond.run (line 8)"
)
REFUSED = [
    ("run", AMBIGUOUS),
    ("irst.run", "There is no irst.run. Near it: First.run, run_all."),
    ("Third.stop", "There is no Third.stop. Near it: First.stop."),
    ("xyz", "There is no xyz. There are: First, First.run, First.stop, Second, Second.run, run_all."),
    (" ", "The name of the symbol is empty. Send one, such as `Type.method`."),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "lines"), FOUND)
def test_found(wanted: str, lines: list[int]) -> None:
    assert [each.line for each in find(SYMBOLS, wanted)] == lines


@pytest.mark.parametrize(("wanted", "told"), REFUSED)
def test_refused(wanted: str, told: str) -> None:
    with pytest.raises(ToolError) as refused:
        find(SYMBOLS, wanted)
    assert str(refused.value) == told


def test_much_that_is_ambiguous_is_cut() -> None:
    many = [symbol(f"C{number}.run", number) for number in range(1, 31)]
    with pytest.raises(ToolError) as refused:
        find(many, "run")
    assert str(refused.value).count("\n") == 21
    assert str(refused.value).endswith("… and 10 more")
    with pytest.raises(ToolError, match="nothing is defined"):
        find((), "run")


def test_an_outline_as_text() -> None:
    assert listed(SYMBOLS[:3]) == "1-4: def First()\n2:   def run()\n3:   def stop()"


@given(st.lists(st.text("ab.", min_size=1, max_size=5), min_size=1, max_size=6), st.data())
def test_every_symbol_is_found_by_its_full_name(names: list[str], data: st.DataObject) -> None:
    cleaned = [name.strip(".") or "a" for name in names]
    symbols = [symbol(name, line) for line, name in enumerate(cleaned, 1)]
    wanted = data.draw(st.sampled_from(symbols))
    assert wanted in find(symbols, wanted.qualified)
    assert {each.qualified for each in find(symbols, wanted.qualified)} == {wanted.qualified}
