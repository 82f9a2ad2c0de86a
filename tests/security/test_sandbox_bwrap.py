"""What only bubblewrap can keep: guarded files within the workspace, sockets, a /tmp of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_adapters.sandbox import bwrap
from acp_agent.permission.shielded import guarded_places, hidden_places
from acp_agent.workspace.confining import Chosen, Confining, Surroundings
from acp_agent.workspace.limits import Limits
from acp_agent.workspace.sandbox import Found, probe
from tests.support.cell import LIMIT_S, WELL_KNOWN, Cell, cell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from acp_agent.workspace.sandbox import Mode


@pytest.fixture
async def walled(ground: Path) -> AsyncIterator[Cell]:
    async with cell(ground, Chosen("bwrap")) as made:
        assert made.confining.name == "bwrap", made.confining.refusal
        yield made


async def quietly(walled: Cell, script: str) -> str:
    """Runs a script that no claim tells of."""
    (walled.root / "job.sh").write_text(script, encoding="utf-8")
    output = await walled.output("bash job.sh")
    (walled.root / "job.sh").unlink()
    return output


# Guarded files -------------------------------------------------------------------------------------

GUARDED = (
    ".git/config", ".git/hooks/pre-commit", ".git/info/attributes", "AGENTS.md", "CLAUDE.md",
    ".vscode/tasks.json", ".github/workflows/ci.yml", ".acp-agent/config.json", ".mcp.json", ".envrc",
    ".husky/pre-commit", "Mine.code-workspace", ".claude/settings.json",
)  # fmt: skip


@pytest.mark.parametrize("name", GUARDED)
@pytest.mark.parametrize(
    "way",
    [
        "echo evil >> {path}",
        "rm -rf {path}; echo evil > {path}",
        "echo evil > new && mv new {path}",
        "mv {top} aside && mkdir -p {folder} && echo evil > {path}",
        "mkdir other && mv -T other {top}; mkdir -p {folder}; echo evil > {path}",
        "ln -f a.txt {path}",
        "sed -i s/kept/evil/ {path}",
        "unshare -Urm sh -c 'umount {path} {top}; echo evil > {path}'",
    ],
)
async def test_guarded_files_stay_as_they_are(walled: Cell, name: str, way: str) -> None:
    path = walled.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text("kept\n", encoding="utf-8")
    before = path.read_bytes()
    top = name.partition("/")[0]
    await quietly(walled, way.format(path=name, top=top, folder=os.path.dirname(name) or "."))
    assert path.read_bytes() == before


async def test_a_claimed_guarded_file_is_opened_and_no_other(walled: Cell) -> None:
    for name in ("AGENTS.md", "CLAUDE.md"):
        (walled.root / name).write_text("kept\n", encoding="utf-8")
    assert await walled.works("sed -i s/kept/new/ AGENTS.md && echo x >> AGENTS.md")
    assert (walled.root / "AGENTS.md").read_text(encoding="utf-8") == "new\nx\n"
    assert "new" not in await quietly(walled, "sed -i s/kept/new/ CLAUDE.md; cat CLAUDE.md")
    assert await walled.works("echo 'exit 0' > .git/hooks/pre-commit")
    assert (walled.root / ".git/hooks/pre-commit").exists()


async def test_git_cannot_be_led_to_other_settings(walled: Cell) -> None:
    """A file `commondir` would make git take its configuration from a folder of the workspace."""
    script = "mkdir evil && cp -r .git/. evil/ && echo '[core]\nfsmonitor=touch PWNED' > evil/config"
    output = await quietly(walled, f"{script} && echo ../evil > .git/commondir")
    assert "Removed .git/commondir" in output
    assert not (walled.root / ".git/commondir").exists()
    walled.git("status")
    assert not (walled.root / "PWNED").exists()


async def test_a_repository_without_hooks_gets_none(walled: Cell) -> None:
    shutil.rmtree(walled.root / ".git" / "hooks")
    await quietly(
        walled, "mkdir -p .git/hooks; echo 'touch PWNED' > .git/hooks/pre-commit; chmod +x .git/hooks/*"
    )
    assert list((walled.root / ".git" / "hooks").iterdir()) == []


# Repositories --------------------------------------------------------------------------------------

COMMIT = "echo y > y && git add y && git -c user.name=a -c user.email=a@b commit -qm y && git log --oneline"


async def test_a_commit_in_a_worktree(walled: Cell) -> None:
    tree = walled.top / "inner" / "project"
    walled.git("worktree", "add", "-q", str(tree))
    async with cell(tree.parent, Chosen("bwrap"), repository=False) as made:
        assert await made.works(COMMIT)
        for name in ("config", "hooks/pre-commit", "worktrees/project/commondir", "worktrees/project/gitdir"):
            await quietly(made, f"echo evil >> {walled.root}/.git/{name}")
        await quietly(made, "echo evil >> .git")
    assert "y" in walled.git("log", "--oneline", "project")
    for path in (walled.root / ".git").rglob("*"):
        assert not path.is_file() or b"evil" not in path.read_bytes(), path
    assert "evil" not in (tree / ".git").read_text(encoding="utf-8")


@pytest.mark.parametrize("target", ["{home}", "{home}/.ssh", "/", "{home}/fake/.git/worktrees/x"])
def test_a_pointer_that_nobody_points_back_to_opens_nothing(ground: Path, target: str) -> None:
    home, root = ground / "home", ground / "root"
    (home / "fake" / ".git" / "worktrees" / "x").mkdir(parents=True)
    (home / "fake" / ".git" / "HEAD").touch()
    root.mkdir()
    (root / ".git").write_text(f"gitdir: {target.format(home=home)}\n", encoding="utf-8")
    assert [path for path, access in guarded_places(str(root), str(home)).items() if access == "write"] == []


async def test_a_commit_from_a_folder_of_the_repository(walled: Cell) -> None:
    below = walled.root / "packages" / "one"
    below.mkdir(parents=True)
    async with cell(walled.root / "packages", Chosen("bwrap")) as made:
        (walled.root / "packages" / "project" / ".git").rename(walled.top / "gone")
        assert await made.works(COMMIT)
        await quietly(made, "echo x > ../../a.txt")
    assert (walled.root / "a.txt").read_text(encoding="utf-8") == "alpha\n"


# Places --------------------------------------------------------------------------------------------


async def test_sockets_of_services_cannot_be_reached(walled: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    path = walled.top / "bus.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={path},guid=1")
        code = f'import socket; socket.socket(socket.AF_UNIX).connect("{path}")'
        assert not await walled.works(f"{sys.executable} -I -S -c '{code}'")
    assert "docker.sock" not in await walled.output("ls /run")


async def test_tmp_is_private(walled: Cell) -> None:
    with TemporaryDirectory(dir="/tmp") as folder:
        (Path(folder) / "other").write_text("of somebody else", encoding="utf-8")
        assert "somebody" not in await quietly(walled, f"cat {folder}/other")
        await quietly(walled, f"mkdir -p {folder} && echo x > {folder}/new")
        assert os.listdir(folder) == ["other"]


async def test_a_root_in_tmp_is_there_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    async with cell(tmp_path, Chosen("bwrap")) as made:
        assert await made.works("cat a.txt && echo x > new && git status --short")
        assert (made.root / "new").exists()
        assert "secret of" not in await quietly(made, f"cat {made.own}/*")


async def test_the_home_folder_as_a_workspace_keeps_its_secrets(ground: Path) -> None:
    async with cell(ground, Chosen("bwrap")) as made:
        confining = Confining(Chosen("bwrap"), Surroundings((made.home,)), WELL_KNOWN.find)
        (made.home / ".bashrc").write_text("kept\n", encoding="utf-8")
        confined = await confining.confined(())
        assert confined is not None
        places = confined.confinement.places
        assert places[str(made.home)] == "write"
        assert places[str(made.home / ".ssh")] == places[str(made.home / ".netrc")] == "hide"
        assert places[str(made.home / ".bashrc")] == "read"


async def test_a_hidden_folder_holds_what_is_no_secret(ground: Path) -> None:
    async with cell(ground, Chosen("bwrap")) as made:
        places = hidden_places(str(made.home), [str(made.own)])
    assert places[str(made.home / ".ssh")] == "hide"
    assert places[str(made.home / ".ssh" / "known_hosts")] == "read"
    assert places[str(made.own)] == "hide"


async def test_only_its_own_processes_are_seen(walled: Cell) -> None:
    assert int((await walled.output("ls -d /proc/[0-9]* | wc -l")).splitlines()[0]) < 10


async def test_a_container_that_refuses_proc(walled: Cell) -> None:
    """Inside of a sandbox whose /proc is partly covered the kernel gives no new one."""
    program = shutil.which("bwrap") or ""
    code = f"from acp_adapters.sandbox import bwrap; print(bwrap.gives_proc({program!r}))"
    outer = ["--dev-bind", "/", "/", "--tmpfs", "/proc/bus", "--unshare-user", "--unshare-pid"]
    with anyio.fail_after(LIMIT_S):
        done = await anyio.run_process([program, *outer, "--", sys.executable, "-c", code], check=False)
    assert done.stdout == b"False\n", done.stderr
    await probe(bwrap.Bubblewrap(program, own_proc=False))


async def test_a_program_in_the_workspace_is_not_taken_for_bwrap(ground: Path) -> None:
    program = ground / "bin" / "bwrap"
    program.parent.mkdir()
    shutil.copy(shutil.which("bwrap") or "", program)

    async def find(_: Mode) -> Found:
        return Found(bwrap.Bubblewrap(str(program)))

    confining = Confining(Chosen("auto"), Surroundings((ground,)), find)
    await confining.ready()
    assert confining.name == ""
    assert "is in the workspace" in confining.found.reason if confining.found else False


async def test_the_agents_own_program_stays_as_it_is(walled: Cell) -> None:
    repository = Path(__file__).parents[2]
    confining = Confining(Chosen("bwrap"), Surroundings((repository,)), WELL_KNOWN.find)
    confined = await confining.confined(())
    assert confined is not None
    places = confined.confinement.places
    assert places[str(repository / "acp_agent" / "workspace")] == "read"
    assert places[str(repository / "adapters" / "acp_adapters" / "sandbox")] == "read"


# Limits --------------------------------------------------------------------------------------------

BOMB = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; wait"


def test_a_command_cannot_have_more_processes_than_it_may() -> None:
    """Not as the superuser, whom the kernel does not hold to it."""
    words = Limits(processes=8).wrap(["/bin/sh", "-c", BOMB])
    sandbox = [
        shutil.which("bwrap") or "",
        "--unshare-all",
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
    ]
    if os.geteuid() == 0:
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *sandbox, "--", *words]
    else:
        words = [*sandbox, "--", *words]
    done = subprocess.run(words, cwd="/", capture_output=True, encoding="utf-8", timeout=LIMIT_S, check=False)
    assert "fork" in done.stderr.lower()


async def test_a_look_costs_little(walled: Cell) -> None:
    """However many files there are."""
    (walled.root / "many").mkdir()
    for number in range(3000):
        (walled.root / "many" / f"f{number}").touch()
    home = str(walled.home)
    guarded_places(str(walled.root), home)
    start = anyio.current_time()
    for _ in range(10):
        guarded_places(str(walled.root), home)
        hidden_places(home)
    assert anyio.current_time() - start < 1.0


async def wrote(walled: Cell, script: str) -> bool:
    """Whether a script could do it, of which nobody is asked what it does."""
    (walled.root / "job.sh").write_text(f"set -e\n{script}\n", encoding="utf-8")
    return await walled.works("bash job.sh")


async def test_hooks_and_settings_that_the_settings_name_stay_as_they_are(walled: Cell) -> None:
    walled.git("init", "-q", ".")
    for name in ("tools/hooks/pre-commit", "shared.gitconfig"):
        (walled.root / name).parent.mkdir(parents=True, exist_ok=True)
        (walled.root / name).write_text("# nothing\n", encoding="utf-8")
    walled.git("config", "core.hooksPath", "tools/hooks")
    walled.git("config", "include.path", "../shared.gitconfig")
    for name in ("tools/hooks/pre-commit", "tools/hooks/post-commit", "shared.gitconfig"):
        assert not await wrote(walled, f"echo evil > {name}")


async def test_hooks_stay_while_head_is_away(walled: Cell) -> None:
    walled.git("init", "-q", ".")
    assert await wrote(walled, "mv .git/HEAD .git/H")
    assert not await wrote(walled, "echo evil > .git/hooks/pre-commit")
    assert not await wrote(walled, "echo evil >> .git/config")


async def test_submodules_with_a_slash_in_their_names_are_guarded(walled: Cell) -> None:
    walled.git("init", "-q", ".")
    walled.git("init", "-q", "--bare", ".git/modules/libs/x")
    assert not await wrote(walled, "echo evil >> .git/modules/libs/x/config")


async def test_a_worktree_that_is_added_works(walled: Cell) -> None:
    walled.git("init", "-q", ".")
    walled.git("commit", "-q", "--allow-empty", "-m", "first")
    assert await walled.works("git worktree add -q wt")
    assert await walled.works("git -C wt status")
    assert walled.git("-C", "wt", "rev-parse", "--is-inside-work-tree").strip() == "true"
