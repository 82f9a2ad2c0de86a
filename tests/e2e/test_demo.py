"""`acp-agent demo` in a pipe and on a terminal, and what it takes for a good end."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anyio
import pytest

from acp_agent.cli.demo import PROMPT
from acp_agent.cli.demo_stage import CODE, Stage, fault, set_stage
from acp_agent.models.scripted import load
from tests.support.terminal import on_terminal
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from tests.support.workbench import Workbench

WAIT_S = 40.0


class Ran(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def scratch(workbench: Workbench) -> Path:
    """Where the demo makes its folder."""
    folder = workbench.root / "scratch"
    folder.mkdir()
    return folder


async def run_demo(workbench: Workbench, scratch: Path, *options: str, **env: str) -> Ran:
    with anyio.fail_after(WAIT_S):
        ended = await anyio.run_process(
            [*agent_command(), "demo", *options],
            input=b"",
            env=workbench.environment(**{"TMPDIR": str(scratch), **env}),
            cwd=workbench.root,
            check=False,
        )
    return Ran(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def entries(folder: Path) -> list[Path]:
    return list(folder.resolve().iterdir())


async def test_the_whole_turn(workbench: Workbench, scratch: Path) -> None:
    ran = await run_demo(workbench, scratch)
    assert (ran.status, ran.err) == (0, ""), ran.out
    told = [
        f"> {PROMPT}\n",
        "A failing test.",
        "Plan\n",
        "test_durations.py ✓",
        "-    minutes = seconds // 60\n",
        "+    minutes = seconds // 60 % 60\n",
        "python3 -m unittest -v",
        "the demo answers itself",
        "Ran 3 tests",
        "OK\n",
        "Done. `spoken` counted whole minutes",
        "The code was changed, and its test passes.",
        "acp-agent doctor",
    ]
    at = 0
    for text in told:
        found = ran.out.find(text, at)
        assert found >= 0, f"{text!r} is missing after:\n{ran.out[:at]}\n--- in ---\n{ran.out}"
        at = found + len(text)
    assert "\x1b" not in ran.out


async def test_it_uses_and_leaves_nothing_of_the_user(workbench: Workbench, scratch: Path) -> None:
    workbench.settle({"provider": "not there", "permission": "restrictive"})
    before = (workbench.config / "config.json").read_bytes()
    env = {
        "ACP_AGENT_PROVIDER": "gone",
        "ACP_AGENT_MODEL": "gone",
        "GIT_DIR": "/nowhere",
        "OPENAI_API_KEY": "x",
    }
    ran = await run_demo(workbench, scratch, **env)
    assert ran.status == 0, ran.out
    assert (workbench.config / "config.json").read_bytes() == before
    assert list(workbench.data.rglob("*")) == []
    assert entries(scratch) == []


async def test_the_project_can_be_kept(workbench: Workbench, scratch: Path) -> None:
    ran = await run_demo(workbench, scratch, "--keep")
    assert ran.status == 0, ran.out
    (root,) = entries(scratch)
    assert f"The project is in {root}/project.\n" in ran.out
    with anyio.fail_after(WAIT_S):
        changed = await anyio.run_process(["git", "diff", "--numstat"], cwd=root / "project")
    assert changed.stdout.decode() == "1\t1\tdurations.py\n"


async def test_no_git_is_needed(workbench: Workbench, scratch: Path) -> None:
    tools = workbench.root / "bin"
    tools.mkdir()
    for name in ("bash", "sh"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    # Beside the interpreter there is no git either, as it is in an environment of ours.
    assert not Path(sys.executable).with_name("git").exists()
    assert (await run_demo(workbench, scratch, PATH=str(tools))).status == 0


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        ("y", 0, "The code was changed, and its test passes\\."),
        ("n", 1, "The code was changed, but the agent did not get to run the test"),
    ],
)
async def test_on_a_terminal_the_person_answers(
    workbench: Workbench, scratch: Path, answer: str, status: int, told: str
) -> None:
    env = workbench.environment(TERM="xterm", TMPDIR=str(scratch))
    async with on_terminal([*agent_command(), "demo"], env, workbench.root) as terminal:
        await terminal.sees("Allow it\\? ")
        terminal.type(f"{answer}\n")
        await terminal.sees(told)
        assert await terminal.ended() == status
    assert entries(scratch) == []


async def test_ctrl_c_ends_it_and_it_cleans_up(workbench: Workbench, scratch: Path) -> None:
    env = workbench.environment(TERM="xterm", TMPDIR=str(scratch))
    async with on_terminal([*agent_command(), "demo"], env, workbench.root) as terminal:
        await terminal.sees("Allow it\\? ")
        terminal.interrupt()
        await terminal.sees("Cancelled\\.")
        assert await terminal.ended() == 1
    assert entries(scratch) == []


class TestItsEnd:
    """What the demo checks by itself."""

    @pytest.fixture
    def stage(self, tmp_path: Path) -> Stage:
        return set_stage(tmp_path, pauses=False)

    def test_code_that_was_not_changed(self, stage: Stage) -> None:
        assert fault(stage, tested=True) == "The code was not changed."

    def test_code_that_is_still_wrong(self, stage: Stage) -> None:
        (stage.project / CODE).write_text(f"{stage.original}\n", encoding="utf-8")
        assert fault(stage, tested=True) == "The code was changed, but its test fails."

    def test_a_test_that_was_not_run(self, stage: Stage) -> None:
        mend(stage)
        assert fault(stage, tested=False).startswith("The code was changed, but the agent did not get to run")

    def test_a_good_end(self, stage: Stage) -> None:
        mend(stage)
        assert fault(stage, tested=True) == ""

    @pytest.mark.parametrize("pauses", [True, False])
    def test_its_script_is_a_good_one(self, tmp_path: Path, pauses: bool) -> None:
        script = set_stage(tmp_path, pauses=pauses).config / "script.json"
        assert load(script, "script/demo").window > 0
        assert bool(re.search("delay_s|pause_s", script.read_text(encoding="utf-8"))) == pauses

    def test_its_environment_has_a_python3(self, stage: Stage) -> None:
        found = shutil.which("python3", path=stage.environment()["PATH"])
        assert found == str(Path(sys.executable).with_name("python3"))


def mend(stage: Stage) -> None:
    mended = stage.original.replace("minutes = seconds // 60\n", "minutes = seconds // 60 % 60\n")
    (stage.project / CODE).write_text(mended, encoding="utf-8")
