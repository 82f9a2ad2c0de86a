"""The plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acp_agent.errors import ToolError
from acp_agent.events import PlanEntry

if TYPE_CHECKING:
    from tests.unit.tools.bench import Bench


async def test_the_plan_is_shown(bench: Bench) -> None:
    todos = [
        {"content": "first", "status": "completed", "priority": "high"},
        {"content": "second: now", "status": "in_progress"},
        {"content": "third", "status": "cancelled"},
        {"content": "fourth", "status": "pending", "priority": None},
    ]
    call = bench.bind("todo", todos=todos)
    assert (call.claims(), call.locations, await call.preview()) == ((), (), ())
    assert call.title.startswith("Update the plan, now at second")
    assert ":" not in call.title
    assert (await call.run(bench.seen)).output == "Plan shown, 1 of 3 done."
    assert bench.seen.plans == [
        (
            PlanEntry("first", "high", "completed"),
            PlanEntry("second: now", "medium", "in_progress"),
            PlanEntry("fourth", "medium", "pending"),
        )
    ]


async def test_an_empty_plan(bench: Bench) -> None:
    call = bench.bind("todo", todos=[])
    assert call.title == "Update the plan"
    await call.run(bench.seen)
    assert bench.seen.plans == [()]


def test_what_is_no_plan(bench: Bench) -> None:
    step = {"content": "x", "status": "pending"}
    with pytest.raises(ToolError, match="51 entries; send at most 50"):
        bench.bind("todo", todos=[step] * 51)
    with pytest.raises(ToolError, match=r"todos\[0\].status: expected one of"):
        bench.bind("todo", todos=[{**step, "status": "done"}])
