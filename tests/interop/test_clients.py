"""Real clients drive real turns in a git checkout: one works, one is cancelled, one is rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.interop import acpx, python_sdk, typescript
from tests.interop.checkout import FILES, FIX, LINGER, Outcome, check_out, git
from tests.support.processes import assert_all_gone
from tests.support.session import chunks, fold

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.workbench import Workbench

    Drive = Callable[[Workbench, str, str, bool], Awaitable[Outcome]]

CLIENTS = {
    "acpx": acpx.drive,
    "acpx-no-terminal": acpx.drive_without_terminals,
    "typescript": typescript.drive,
    "python": python_sdk.drive,
    "acpx-tcp": acpx.drive_over_tcp,
    "typescript-websocket": typescript.drive_over_websocket,
}
each_client = pytest.mark.parametrize("drive", CLIENTS.values(), ids=CLIENTS.keys())
FIXED = FILES["calc.py"].replace("a - b", "a + b")

pytestmark = pytest.mark.counterpart


@pytest.fixture
async def checkout(workbench: Workbench) -> Workbench:
    await check_out(workbench)
    return workbench


@each_client
async def test_reads_edits_and_runs(checkout: Workbench, drive: Drive) -> None:
    outcome = await drive(checkout, FIX, "allow_once", False)
    read, edit, run = fold(outcome.updates).values()
    assert (read.now["kind"], edit.now["kind"], run.now["kind"]) == ("read", "edit", "execute")
    assert [call.states for call in (read, edit, run)] == [["pending", "in_progress", "completed"]] * 3
    assert (edit.diff["oldText"], edit.diff["newText"]) == (FILES["calc.py"], FIXED)
    assert run.now["rawOutput"]["output"] == "all good\n"
    assert {item["type"] for item in run.now["content"]} == (
        {"terminal"} if drive is acpx.drive else {"content"}
    )
    assert [request["toolCall"]["toolCallId"] for request in outcome.permissions] == [run.now["toolCallId"]]
    assert chunks(outcome.updates, "agent_message_chunk") == "The sum is right."
    assert (outcome.stop_reason, outcome.complaints) == ("end_turn", "")
    assert (await git(checkout, "status", "--porcelain")).split() == ["M", "calc.py"]
    assert checkout.read("calc.py") == FIXED
    await assert_all_gone(checkout.root)


@each_client
async def test_cancelled_in_the_middle(checkout: Workbench, drive: Drive) -> None:
    outcome = await drive(checkout, LINGER, "allow_once", True)
    assert chunks(outcome.updates, "agent_message_chunk") == "Thinking it over."
    assert (outcome.stop_reason, outcome.complaints) == ("cancelled", "")
    await assert_all_gone(checkout.root)


@each_client
async def test_rejected(checkout: Workbench, drive: Drive) -> None:
    outcome = await drive(checkout, FIX, "reject_once", False)
    *_, run = fold(outcome.updates).values()
    assert run.states[-1] == "failed"
    assert len(outcome.permissions) == 1
    assert chunks(outcome.updates, "agent_message_chunk") == "The check did not run."
    assert (outcome.stop_reason, outcome.complaints) == ("end_turn", "")
    await assert_all_gone(checkout.root)
