"""Running commands as model and person see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.errors import ToolError
from acp_agent.events import ShownCommand
from acp_agent.permission.claims import Claim
from acp_agent.workspace.terminals import Consoles
from tests.support.processes import alive, wait_for_command
from tests.unit.tools.bench import Bench

if TYPE_CHECKING:
    from pathlib import Path


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
    assert await call.preview() == (ShownCommand("echo hi"),)
    result = await call.run(bash.seen)
    assert bash.seen.shown == [(ShownCommand("echo hi"),)]
    assert bash.seen.written == "hi\n"
    assert result.shown == (ShownCommand("echo hi", "hi", "exit code 0", exit_code=0),)
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
    assert isinstance(shown, ShownCommand)
    assert "\n500\n" in shown.output


async def test_live_output_is_all_of_it_with_its_colours(bash: Bench) -> None:
    await bash("bash", command="seq 1 100000; printf '\\033]0;title\\007\\033[31mred\\033[0m'")
    numbers = "".join(f"{number}\n" for number in range(1, 100_001))
    assert bash.seen.written == f"{numbers}\x1b[31mred\x1b[0m"


async def test_all_of_long_output_is_in_a_file(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs" / "session"
    bench = Bench(tmp_path / "project", consoles=Consoles(outputs=outputs))
    bench.root.mkdir()
    result = await bench("bash", command="printf '\\033[31mred\\033[0m\\n'; seq 1 100000")
    assert result.shown is not None
    [shown] = result.shown
    assert isinstance(shown, ShownCommand)
    assert shown.full_output == str(outputs / "call-1.txt")
    numbers = "".join(f"{number}\n" for number in range(1, 100_001))
    assert (outputs / "call-1.txt").read_text(encoding="utf-8") == f"red\n{numbers}"
    assert outputs.stat().st_mode & 0o777 == 0o700
    short = await bench("bash", command="seq 1 1000")
    assert short.shown is not None
    [shown] = short.shown
    assert isinstance(shown, ShownCommand)
    assert shown.full_output == ""


async def test_a_file_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("in the way", encoding="utf-8")
    bench = Bench(tmp_path / "project", consoles=Consoles(outputs=tmp_path / "outputs" / "session"))
    bench.root.mkdir()
    result = await bench("bash", command="seq 1 100000")
    assert not result.failed
    assert result.shown is not None
    [shown] = result.shown
    assert isinstance(shown, ShownCommand)
    assert shown.full_output == ""


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
