"""What a command has changed, as person and model are told of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.events import Location, NoticeRaised, ShownCommand, ShownDiff, ShownText, ToolCallUpdated
from acp_agent.permission.claims import Claim
from acp_agent.tools.bash import BashTool, Times
from acp_agent.tools.reviewing import DIFF_BYTES, DIFFS, NAMED, TOLD, Reviewing
from acp_agent.workspace.changes import Changes
from acp_agent.workspace.inotify import Inotify
from acp_agent.workspace.terminals import Consoles
from acp_agent.workspace.workspace import open_workspace
from tests.support.processes import wait_for_command
from tests.unit.tools.bench import Seen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from acp_agent.events import Event
    from acp_agent.tools.base import ToolResult
    from acp_agent.workspace.touched import Watch

WAIT_S = 30.0


class Shell:
    """The bash tool with a review, on a folder of a test's own."""

    def __init__(self, root: Path, watches: Sequence[Callable[[], Watch]] = (Inotify,)) -> None:
        self.root = root
        self.events: list[Event] = []
        self.claimed: list[Path] = []
        self.changes = Changes([root], shutil.which("git"), watches=watches)
        reviewing = Reviewing(self.changes, open_workspace(root).roots, self.events.append)
        self.tool = BashTool(root, self._analyse, Times(20.0, 20.0), Consoles(), reviewing)
        self.seen = Seen()

    def _analyse(self, command: str, cwd: Path) -> tuple[Claim, ...]:
        return (Claim("execute", command), *(Claim("edit", str(path)) for path in self.claimed))

    async def __call__(self, command: str) -> ToolResult:
        with anyio.fail_after(WAIT_S):
            return await self.tool.bind({"command": command}).run(self.seen)

    @property
    def notices(self) -> list[NoticeRaised]:
        return [event for event in self.events if isinstance(event, NoticeRaised)]


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    root = tmp_path / "project"
    root.mkdir()
    (root / "a.txt").write_text("one\ntwo\n", encoding="utf-8")
    shell = Shell(root)
    async with shell.changes:
        yield shell


def text(result: ToolResult) -> str:
    """What is said beside output and differences."""
    return "\n".join(each.text for each in result.shown or () if isinstance(each, ShownText))


def diffs(result: ToolResult) -> list[ShownDiff]:
    return [each for each in result.shown or () if isinstance(each, ShownDiff)]


async def test_differences_places_and_one_line(shell: Shell) -> None:
    result = await shell("echo 2 >> a.txt; echo b > b.txt; printf 'x\\r\\n' > c.txt")
    a, b, c = (str(shell.root / name) for name in ("a.txt", "b.txt", "c.txt"))
    assert result.shown is not None
    assert isinstance(result.shown[0], ShownCommand)
    assert result.shown[1:] == (
        ShownDiff(a, "one\ntwo\n", "one\ntwo\n2\n"),
        ShownDiff(b, None, "b\n"),
        ShownDiff(c, None, "x\n", new_form="utf-8 w"),
    )
    assert result.locations == (Location(a, 3), Location(b), Location(c))
    assert result.output == "exit code 0\nFiles changed: a.txt, b.txt, c.txt"


async def test_nothing_is_said_when_nothing_has_changed(shell: Shell) -> None:
    result = await shell("cat a.txt")
    assert result.output == "one\ntwo\nexit code 0"
    assert result.shown == (ShownCommand("cat a.txt", "one\ntwo", "exit code 0", exit_code=0),)
    assert result.locations is None
    assert shell.events == []


async def test_the_model_is_not_told_what_it_has_said_itself(shell: Shell) -> None:
    shell.claimed = [shell.root / "a.txt"]
    result = await shell("echo 2 > a.txt")
    assert (result.output, len(diffs(result))) == ("exit code 0", 1)
    result = await shell("echo 3 > a.txt; echo 3 > b.txt")
    assert result.output == "exit code 0\nFiles changed: a.txt, b.txt"


async def test_a_file_that_is_gone(shell: Shell) -> None:
    result = await shell("rm a.txt")
    assert diffs(result) == [ShownDiff(str(shell.root / "a.txt"), "one\ntwo\n", "", deleted=True)]
    assert result.locations is None


async def test_failed_and_timed_out_commands(shell: Shell) -> None:
    failed = await shell("echo 1 > b.txt; exit 1")
    assert (failed.failed, len(diffs(failed))) == (True, 1)
    call = shell.tool.bind({"command": "echo 2 > b.txt; sleep 4720", "timeout": 1})
    with anyio.fail_after(WAIT_S):
        timed_out = await call.run(shell.seen)
    assert diffs(timed_out) == [ShownDiff(str(shell.root / "b.txt"), "1\n", "2\n")]


async def test_a_cancelled_command(shell: Shell) -> None:
    call = shell.tool.bind({"command": "echo hi; echo 2 > b.txt; sleep 4721"})
    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call.run, shell.seen)
            await wait_for_command(shell.root, "sleep 4721")
            tasks.cancel_scope.cancel()
    (event,) = shell.events
    assert isinstance(event, ToolCallUpdated)
    assert event.content is not None
    command, *rest = event.content
    assert isinstance(command, ShownCommand)
    assert (command.output, command.state) == ("hi\n", "")
    assert rest == [ShownDiff(str(shell.root / "b.txt"), None, "2\n")]
    assert event.locations == (Location(str(shell.root / "b.txt")),)


async def test_what_is_no_text_is_named(shell: Shell) -> None:
    result = await shell(
        "printf '\\0' > data; head -c 300000 /dev/zero | tr '\\0' x > large; ln -s a.txt link"
    )
    assert diffs(result) == []
    assert f"- `{shell.root}/data` new, binary, 1 bytes" in text(result)
    assert f"- `{shell.root}/large` new, 300000 bytes" in text(result)
    assert f"- `{shell.root}/link` new" in text(result)
    assert result.output.endswith("Files changed: data, large, link")
    changed = await shell("echo >> data; echo small > large")
    assert f"- `{shell.root}/large` changed, its old text was not kept" in text(changed)


async def test_secrets_are_named_and_not_shown(shell: Shell) -> None:
    result = await shell("echo TOKEN=geheim > .env; echo geheim > server.key")
    assert diffs(result) == []
    assert "geheim" not in str((result.shown or ())[1:])
    assert text(result).count("usually holds a secret") == 2


async def test_of_many_files_some_are_shown_and_some_named(shell: Shell) -> None:
    result = await shell("for i in $(seq 100 199); do echo $i > f$i; done")
    assert [Path(diff.path).name for diff in diffs(result)] == [f"f{100 + at}" for at in range(DIFFS)]
    assert text(result).count("` new") == NAMED
    assert f"… and {100 - DIFFS - NAMED} more files" in text(result)
    assert result.output.endswith(f", f{99 + TOLD} (+{100 - TOLD} more)")
    assert result.locations is not None
    assert len(result.locations) == DIFFS
    (shell.root / "large").write_text("x" * (DIFF_BYTES // 2 + 1), encoding="utf-8")
    result = await shell("echo x >> large; echo x >> f100")
    assert [Path(diff.path).name for diff in diffs(result)] == ["f100"]
    assert "large` changed, too large to show" in text(result)


async def test_names_may_hold_anything(shell: Shell) -> None:
    result = await shell("touch \"$(printf 'a\\nIgnore: b\\342\\200\\256')\" \"$(printf 'bad\\377')\"")
    assert len(diffs(result)) == 1
    assert "\n" not in result.output.partition("\n")[2]
    assert "\u202e" not in text(result) + result.output
    assert "bad\ufffd" in text(result)


async def test_guarded_files_are_pointed_out(shell: Shell) -> None:
    await shell(
        "mkdir -p .github/workflows; echo > .github/workflows/ci.yml; echo x > AGENTS.md; echo > b.txt"
    )
    (notice,) = shell.notices
    assert notice.severity == "warning"
    assert notice.description == (
        f"{shell.root}/.github/workflows/ci.yml (a file that a build service runs)\n"
        f"{shell.root}/AGENTS.md (instructions that agents follow)"
    )
    shell.claimed = [shell.root / "AGENTS.md"]
    await shell("echo y > AGENTS.md")
    assert len(shell.notices) == 1


async def test_hooks_and_dangerous_settings_are_pointed_out(shell: Shell) -> None:
    await shell("git init -q; git config user.name x")
    assert shell.notices == []
    await shell("git config user.email x; git add -A; git -c user.email=e@example.org commit -qm x")
    assert shell.notices == []
    await shell("mkdir -p .git/hooks; echo true > .git/hooks/pre-commit; git config core.fsmonitor evil")
    (notice,) = shell.notices
    assert f"{shell.root}/.git/hooks/pre-commit (a git hook)" in str(notice.description)
    assert f"{shell.root}/.git/config (the repository's own configuration has core.fsmonitor)" in str(
        notice.description
    )


async def test_what_cannot_be_known_is_said_once(tmp_path: Path) -> None:
    def none() -> Watch:
        raise OSError("there is nothing to watch with")

    shell = Shell(tmp_path, (none,))
    async with shell.changes:
        first, second = await shell("echo > x"), await shell("echo > y")
    assert "not known: there is nothing to watch with" in text(first)
    assert text(second) == ""
    assert first.output == "exit code 0"
