"""Running commands as model and person see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.errors import ToolError
from acp_agent.events import ShownText
from acp_agent.permission.claims import Claim
from tests.support.processes import alive, wait_for_command

if TYPE_CHECKING:
    from tests.unit.tools.bench import Bench


@pytest.fixture
def bash(bench: Bench) -> Bench:
    bench.root.mkdir()
    return bench


@pytest.mark.parametrize(
    ("command", "output", "failed"),
    [
        ("echo hi", "hi\nexit code 0", False),
        ("true", "exit code 0", False),
        ("echo no >&2; exit 1", "no\nexit code 1", True),
        ("kill -TERM $$", "killed by SIGTERM", True),
    ],
)
async def test_the_end_is_always_stated(bash: Bench, command: str, output: str, failed: bool) -> None:
    result = await bash("bash", command=command)
    assert (result.output, result.failed) == (output, failed)


async def test_a_person_sees_command_output_and_end(bash: Bench) -> None:
    call = bash.bind("bash", command="echo hi")
    assert call.title == "Run `echo hi`"
    assert await call.preview() == (ShownText("```console\n$ echo hi\n```"),)
    result = await call.run(bash.seen)
    assert bash.seen.shown == [(ShownText("```console\n$ echo hi\nhi\n```"),)]
    assert result.shown == (ShownText("```console\n$ echo hi\nhi\n```\nexit code 0"),)
    assert result.record is not None
    assert result.record.pop("seconds") is not None
    assert result.record == {
        "command": "echo hi",
        "output": "hi\n",
        "exit_code": 0,
        "signal": None,
        "timed_out": False,
    }


async def test_a_timeout(bash: Bench) -> None:
    result = await bash("bash", command="echo before; sleep 4711", timeout=1)
    assert (result.output, result.failed) == ("before\ntimed out after 1 s, killed", True)
    assert not alive(bash.root)


async def test_the_longest_time_is_bounded(bash: Bench) -> None:
    with pytest.raises(ToolError, match=r"timeout: expected a number of at least 1, got 0"):
        bash.bind("bash", command="true", timeout=0)
    bash.bind("bash", command="true", timeout=1e9)


async def test_what_is_left_in_the_background_is_ended(bash: Bench) -> None:
    result = await bash("bash", command="sleep 4711 & echo started")
    assert result.output == "started\nexit code 0. Processes it had left in the background were ended."
    assert not alive(bash.root)


async def test_cancelling(bash: Bench) -> None:
    call = bash.bind("bash", command="sleep 4711")
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call.run, bash.seen)
            await wait_for_command(bash.root, "sleep")
            tasks.cancel_scope.cancel()
    assert not alive(bash.root)


async def test_long_output_is_cut_for_the_model_only(bash: Bench) -> None:
    result = await bash("bash", command="seq 1 1000")
    lines = result.output.split("\n")
    assert lines[49:52] == ["50", "[… 900 lines left out …]", "951"]
    assert lines[-2:] == ["1000", "exit code 0"]
    assert result.shown is not None
    [shown] = result.shown
    assert isinstance(shown, ShownText)
    assert "\n500\n" in shown.text


async def test_live_output_is_its_end(bash: Bench) -> None:
    await bash("bash", command="seq 1 100000")
    texts = [shown.text for [shown] in bash.seen.shown if isinstance(shown, ShownText)]
    assert max(map(len, texts)) < 33 << 10
    assert texts[-1].endswith("100000\n```")


def test_claims_are_the_analysis_of_the_command(bash: Bench) -> None:
    call = bash.bind("bash", command="ls")
    assert call.claims() == (Claim("execute", "ls", reason=str(bash.root)),)
    assert call.locations == ()


def test_an_empty_command(bash: Bench) -> None:
    with pytest.raises(ToolError, match="command is empty"):
        bash.bind("bash", command=" \n")


def test_titles_have_no_colon_and_one_line(bash: Bench) -> None:
    assert ":" not in bash.bind("bash", command="curl http://localhost:80").title
    assert bash.bind("bash", command="cat <<E\nx\nE").title == "Run `cat <<E…`"


def test_a_command_with_a_nul_is_refused(bash: Bench) -> None:
    with pytest.raises(ToolError, match="NUL"):
        bash.bind("bash", command='echo x > "a\0b"')
