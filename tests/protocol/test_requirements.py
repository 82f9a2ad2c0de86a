"""The manifest and the tests' marks agree, both ways."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

from tests.protocol.checklist import CHECKLIST
from tests.protocol.requirements import LATER, REQUIREMENTS

NOW = {one.id for one in REQUIREMENTS}
THEN = {one.id for later in LATER.values() for one in later}
CHECKLIST_ITEMS = 116
TESTS = Path(__file__).parents[1]


@cache
def marked() -> Counter[str]:
    """How many tests carry each requirement's mark, read from their source."""
    found: Counter[str] = Counter()
    for path in TESTS.rglob("test_*.py"):
        if "node_modules" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.update(mark for mark in map(_requirement, node.decorator_list) if mark)
    return found


def _requirement(decorator: ast.expr) -> str:
    """The id in `@pytest.mark.requirement("id")`."""
    match decorator:
        case ast.Call(func=ast.Attribute(attr="requirement"), args=[ast.Constant(value=str(mark))]):
            return mark
        case _:
            return ""


def test_every_requirement_has_a_test() -> None:
    assert NOW - marked().keys() == set()


def test_every_mark_names_a_requirement() -> None:
    assert marked().keys() - NOW - THEN == set()


def test_what_comes_later_has_no_test_yet() -> None:
    assert THEN & marked().keys() == set()


def test_ids_are_unique_and_levels_known() -> None:
    everything = [*REQUIREMENTS, *(one for later in LATER.values() for one in later)]
    assert [name for name, count in Counter(one.id for one in everything).items() if count > 1] == []
    assert {one.level for one in everything} == {"MUST", "SHOULD", "INTEROP"}


def test_every_item_of_the_checklist_is_a_requirement() -> None:
    assert [item.number for item in CHECKLIST] == list(range(1, CHECKLIST_ITEMS + 1))
    assert [item for item in CHECKLIST if not item.requirements or set(item.requirements) - NOW - THEN] == []
