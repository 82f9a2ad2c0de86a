"""The tools as a whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from acp_agent.errors import ToolError

if TYPE_CHECKING:
    from tests.unit.tools.bench import Bench

LIMIT_BYTES = 4500
"""So that the first request of a session stays small."""


def test_what_the_model_is_told_stays_small(bench: Bench) -> None:
    told = [{"type": "function", "function": spec._asdict()} for spec in bench.tools.specs]
    assert len(json.dumps(told).encode()) < LIMIT_BYTES


def test_names_kinds_and_what_may_run_side_by_side(bench: Bench) -> None:
    tools = [bench.tools.get(spec.name) for spec in bench.tools.specs]
    assert [(tool.spec.name, tool.kind, tool.reads_only) for tool in tools] == [
        ("read", "read", True),
        ("write", "edit", False),
        ("edit", "edit", False),
        ("list", "read", True),
        ("glob", "search", True),
        ("grep", "search", True),
        ("bash", "execute", False),
        ("todo", "think", False),
    ]


def test_unknown_tools(bench: Bench) -> None:
    assert bench.tools.find("nothing") is None
    with pytest.raises(ToolError, match=r"There is no tool 'nothing'. Use one of: read, write, edit"):
        bench.tools.get("nothing")
