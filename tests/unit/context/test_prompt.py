"""What the model is told in the conversation, because the system prompt stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acp_agent.context.instructions import Instructions
from acp_agent.context.prompt import MODE, PLANNED, PLANNING, SessionContext
from acp_agent.turn.history import History

if TYPE_CHECKING:
    from pathlib import Path

# the modes at one request after another, and what is said before each of them
STORIES = [
    (["standard", "yolo", "accept"], ["", "", ""]),
    (["plan", "plan", "standard", "yolo"], [PLANNING, "", PLANNED, ""]),
    (["standard", "plan", "restrictive", "plan"], ["", PLANNING, PLANNED, PLANNING]),
]


@pytest.mark.parametrize(("modes", "said"), STORIES)
def test_each_change_to_and_from_plan_mode_is_told_once(
    tmp_path: Path, modes: list[str], said: list[str]
) -> None:
    context, history = SessionContext(tmp_path, (), Instructions(tmp_path, tmp_path, tmp_path)), History()
    found: list[str] = []
    for mode in modes:
        due = list(context.reminders(mode, history.told))
        for reminder in due:
            assert reminder.topic == MODE
            history(reminder)
        found.append("".join(reminder.text for reminder in due))
    assert found == said
