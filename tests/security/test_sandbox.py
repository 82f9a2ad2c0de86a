"""What a command can do in a real sandbox, bubblewrap and Landlock: the work, and nothing beyond."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.errors import ToolError
from acp_agent.workspace.confining import Chosen
from acp_agent.workspace.limits import Limits
from tests.support.cell import SECRETS, Cell, cell
from tests.support.processes import alive, assert_all_gone, wait_for_command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from acp_agent.workspace.sandbox import Mode

BOTH = ("bwrap", "landlock")


@pytest.fixture(params=BOTH)
async def walled(request: pytest.FixtureRequest, ground: Path) -> AsyncIterator[Cell]:
    async with cell(ground, Chosen(request.param)) as made:
        assert made.confining.name == request.param, made.confining.refusal
        yield made


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of this machine on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def python(code: str) -> str:
    return f"{sys.executable} -I -S -c '{code}'"


# The work ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "echo x > new.txt && cat new.txt a.txt",
        "echo x > /dev/null 2>&1; head -c 4 /dev/zero > /dev/null; head -c 4 /dev/urandom | wc -c",
        "file=$(mktemp) && echo x > $file && cat $file",
        "mkdir -p deep/er && mv a.txt deep/er && ln -s deep d && ln deep/er/a.txt b && rm -r deep d b",
        "cat ~/notes.txt; ls ~ > /dev/null",
        "cat <(echo x) | tee copy.txt | grep -q x",
        "echo x | (read y; test $y = x)",
        "git status && git add -A && git -c user.name=a -c user.email=a@b commit -qm x --allow-empty",
        "git checkout -q -b other && echo z > z && git add z && git stash -q && git checkout -q main",
        "chmod +x a.txt && touch -d yesterday a.txt",
        f"{sys.executable} -c 'import multiprocessing as m; m.Lock(); print(m.Pipe())'",
    ],
)
async def test_ordinary_work_goes_on(walled: Cell, command: str) -> None:
    result = await walled.run(command)
    assert not result.failed, result.output


async def test_what_is_written_is_there_afterwards(walled: Cell) -> None:
    await walled.run("echo x > new.txt")
    assert (walled.root / "new.txt").read_text(encoding="utf-8") == "x\n"


async def test_a_temporary_file_is_there_for_the_next_command(walled: Cell) -> None:
    await walled.run('echo kept > "$TMPDIR/kept-for-later"')
    assert "kept" in await walled.output('cat "$TMPDIR/kept-for-later"')
    assert "kept-for-later" not in os.listdir("/tmp")


async def test_temporary_files_go_with_the_session(ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (ground / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(ground / "temporary"))
    async with cell(ground, Chosen("auto")) as made:
        await made.run("mktemp")
        assert os.listdir(ground / "temporary")
    assert os.listdir(ground / "temporary") == []


# Files ---------------------------------------------------------------------------------------------

ESCAPES = [
    "touch {target}",
    "echo x > {target}",
    "ln -s {folder} way && touch way/escaped",
    "cp a.txt {target}",
    "mv a.txt {target}",
    "ln a.txt {target}",
    "mkdir {target}",
    "touch /proc/self/root{target}",
    "touch /proc/self/cwd/../escaped",
    "touch ../escaped",
    "cd .. && touch escaped",
    "mkfifo {target}",
    "bash -c 'cd / && touch {target}'",
    "env -i /bin/sh -c 'touch {target}'",
    "setsid touch {target}; test -e {target}",
    "install -m 755 a.txt {target}",
    "git init -q {target} && test -e {target}",
    "bwrap --bind / / --dev /dev touch {target}",
    "unshare -Urm sh -c 'mount -o remount,rw,bind /; touch {target}'",
    "chroot /proc/1/root touch {target}",
    "nsenter -t 1 -m touch {target}",
    "tar cf - a.txt | tar xf - -C {folder} && test -e {folder}/a.txt",
]


@pytest.mark.parametrize("escape", ESCAPES)
async def test_nothing_is_written_outside(walled: Cell, escape: str) -> None:
    """The command hides what it does from the analysis, so that nothing is opened for it."""
    target = walled.top / "escaped"
    command = escape.format(target=target, folder=walled.top)
    (walled.root / "job.sh").write_text(command, encoding="utf-8")
    assert not await walled.works("bash job.sh")
    assert not target.exists()
    assert not (walled.top / "a.txt").exists()
    assert await walled.works("rm job.sh")


@pytest.mark.parametrize(
    "how", [">> {file}", "> {file}", "; rm {file}", "; chmod 777 {file}", "; truncate -s 0 {file}"]
)
async def test_files_outside_stay_as_they_are(walled: Cell, how: str) -> None:
    file = walled.home / "notes.txt"
    before = (file.read_bytes(), file.stat().st_mode, file.stat().st_ino)
    (walled.root / "job.sh").write_text(f"echo x {how.format(file=file)}", encoding="utf-8")
    await walled.run("bash job.sh")
    after = (file.read_bytes(), file.stat().st_mode, file.stat().st_ino)
    if walled.confining.name == "landlock" and "chmod" in how:
        before = (before[0], after[1], before[2])  # it knows no right to change modes
    assert after == before


async def test_a_file_outside_cannot_be_linked_in(walled: Cell) -> None:
    (walled.root / "job.sh").write_text(f"ln {walled.home}/notes.txt in && echo x > in", encoding="utf-8")
    assert not await walled.works("bash job.sh")
    assert (walled.home / "notes.txt").read_text(encoding="utf-8") == "no secret\n"


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    "way", ["cat {path}", "ln -s {path} l && cat l", "cp {path} c && cat c", "tar cf - {path}"]
)
async def test_secrets_of_the_home_folder_cannot_be_read(walled: Cell, name: str, way: str) -> None:
    (walled.root / "job.sh").write_text(way.format(path=walled.home / name), encoding="utf-8")
    assert "secret of" not in await walled.output("bash job.sh 2>&1")
    assert (walled.home / name).read_text(encoding="utf-8") == f"secret of {name}"


async def test_what_is_no_secret_among_them_can_be_read(walled: Cell) -> None:
    assert "a host" in await walled.output("cat ~/.ssh/known_hosts")


async def test_the_agents_own_folders_cannot_be_read(walled: Cell) -> None:
    (walled.root / "job.sh").write_text(f"cat {walled.own}/key", encoding="utf-8")
    assert "secret of" not in await walled.output("bash job.sh 2>&1")


# What is allowed is opened, for that call ----------------------------------------------------------


async def test_a_claimed_file_outside_can_be_written(walled: Cell) -> None:
    assert await walled.works(f"echo x > {walled.home}/new.txt")
    assert (walled.home / "new.txt").exists()
    (walled.root / "job.sh").write_text(f"echo x > {walled.home}/other.txt", encoding="utf-8")
    assert not await walled.works("bash job.sh")


async def test_a_claimed_secret_can_be_read(walled: Cell) -> None:
    assert "secret of .netrc" in await walled.output("cat ~/.netrc")
    assert "secret of .ssh" in await walled.output("cat ~/.ssh/id_ed25519")
    (walled.root / "job.sh").write_text("cat ~/.ssh/id_ed25519", encoding="utf-8")
    assert "secret of" not in await walled.output("bash job.sh 2>&1")


async def test_declared_folders_can_be_written(ground: Path) -> None:
    (ground / "home" / ".cache").mkdir(parents=True)
    for mode in BOTH:
        top = ground / mode
        top.mkdir()
        async with cell(top, Chosen(mode, writable=("~/.cache", "~/not-there"))) as made:
            (made.root / "job.sh").write_text(f"touch ~/.cache/{mode} && touch ~/{mode}", encoding="utf-8")
            assert not await made.works("bash job.sh")
            assert (made.home / ".cache" / mode).exists()
            assert not (made.home / mode).exists()


# Network -------------------------------------------------------------------------------------------


async def test_the_network_is_cut(walled: Cell, listener: int) -> None:
    connect = python(f'import socket; socket.create_connection(("127.0.0.1", {listener}), 5)')
    result = await walled.run(connect)
    assert result.failed
    (walled.root / "job.sh").write_text(f"echo x > /dev/tcp/127.0.0.1/{listener}", encoding="utf-8")
    assert not await walled.works("bash job.sh")
    serves = await walled.works(python('import socket; socket.create_server(("127.0.0.1", 0))'))
    assert serves == (walled.confining.name == "bwrap"), "in a network of its own it reaches nobody"


async def test_the_network_is_there_for_a_call_that_says_so(walled: Cell, listener: int) -> None:
    connect = python(f'import socket; socket.create_connection(("127.0.0.1", {listener}), 5)')
    assert await walled.works(connect, needs="network")
    assert not await walled.works(connect)


async def test_the_network_can_be_left_open(ground: Path, listener: int) -> None:
    connect = python(f'import socket; socket.create_connection(("127.0.0.1", {listener}), 5)')
    for mode in BOTH:
        top = ground / mode
        top.mkdir()
        async with cell(top, Chosen(mode, network=True)) as made:
            assert await made.works(connect)
            assert not made.confining.containment().whole


async def test_an_agent_with_keys_is_there_only_with_the_network(
    walled: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = walled.top / "agent.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        code = f"import socket; socket.socket(socket.AF_UNIX).connect({json.dumps(str(path))})"
        hidden = walled.confining.mode == "bwrap"  # Landlock leaves sockets that have a path
        assert await walled.works(python(code)) is not hidden
        assert await walled.works(python(code), needs="network")


# Processes -----------------------------------------------------------------------------------------


async def test_the_agent_cannot_be_signalled_or_looked_into(walled: Cell) -> None:
    me = os.getpid()
    for command in (f"kill -0 {me}", f"cat /proc/{me}/environ", f"cat /proc/{me}/root{walled.own}/key"):
        (walled.root / "job.sh").write_text(command, encoding="utf-8")
        result = await walled.run("bash job.sh")
        assert result.failed, command
        assert "secret" not in result.output


@pytest.mark.parametrize(
    "command", ["sleep 4711 & echo started", "(setsid nohup sleep 4711 >/dev/null 2>&1 &); echo started"]
)
async def test_what_is_left_in_the_background_is_ended_and_told(walled: Cell, command: str) -> None:
    result = await walled.run(command)
    assert result.output == "started\nexit code 0. Processes it had left in the background were ended."
    assert not alive(walled.top)


async def test_what_ends_by_itself_is_not_left_behind(walled: Cell) -> None:
    assert await walled.output("(sleep 0.1; echo late) & echo early") == "early\nlate\nexit code 0"


TREES = [
    "sleep 4711 & sleep 4712",
    "trap '' TERM INT HUP; (sleep 4711 &); while :; do sleep 1; done",
    "env -i setsid sleep 4711 & sleep 4712",
    "(setsid sh -c 'trap \"\" TERM; sleep 4711; sleep 4711' >/dev/null 2>&1 &); sleep 4712",
]


@pytest.mark.parametrize("command", TREES)
async def test_a_timeout_ends_the_whole_tree(walled: Cell, command: str) -> None:
    result = await walled.run(command, timeout=1)
    assert "timed out after 1 s, killed" in result.output
    assert not alive(walled.top)


async def test_a_timeout_lets_a_command_say_goodbye(walled: Cell) -> None:
    result = await walled.run("trap 'echo bye; exit 7' TERM; while :; do sleep 0.05; done", timeout=1)
    assert "bye\n" in result.output


@pytest.mark.parametrize("command", TREES)
async def test_cancelling_ends_the_whole_tree(walled: Cell, command: str) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(walled.run, command)
        await wait_for_command(walled.top, "sleep")
        tasks.cancel_scope.cancel()
    assert not alive(walled.top)


AGENT = """
import sys
import tempfile
from pathlib import Path

import anyio

from acp_agent.workspace.confining import Chosen
from tests.support.cell import cell

async def main():
    async with cell(Path(sys.argv[1]), Chosen(sys.argv[2])) as made, anyio.create_task_group() as tasks:
        for command in sys.argv[3:]:
            tasks.start_soon(made.run, command)

anyio.run(main)
"""


@pytest.mark.parametrize("mode", BOTH)
async def test_nothing_survives_a_killed_agent(ground: Path, mode: str) -> None:
    env = {**os.environ, "HOME": str(ground / "home"), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", AGENT, str(ground), mode, *TREES]
    agent = await anyio.open_process(command, stderr=None, env=env)
    async with agent:
        await wait_for_command(ground / "project", "sleep 4712")
        agent.kill()
        await agent.wait()
        await assert_all_gone(ground)


async def test_a_sandbox_outlives_the_threads_of_the_pool(
    walled: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the kernel a sandbox is the child of the thread that started it, and dies with that one."""
    from anyio._backends._asyncio import WorkerThread

    monkeypatch.setattr(WorkerThread, "MAX_IDLE_TIME", 0)
    (walled.root / "wait.sh").write_text(
        "while [ ! -e go ]; do sleep 0.02; done; echo lived", encoding="utf-8"
    )
    results: list[str] = []

    async def wait() -> None:
        results.append(await walled.output("bash wait.sh"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await wait_for_command(walled.root, "wait.sh")
        for _ in range(5):
            async with anyio.create_task_group() as others:
                for _ in range(5):
                    others.start_soon(anyio.to_thread.run_sync, os.getpid)
        (walled.root / "go").touch()
    assert results == ["lived\nexit code 0"]


async def test_there_is_no_terminal_to_type_into(walled: Cell) -> None:
    push = 'import fcntl, termios; fcntl.ioctl(open("/dev/tty"), termios.TIOCSTI, b"x")'
    assert not await walled.works(python(push))


# Limits --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "command"),
    [
        (Limits(memory_mib=200), python("x = bytearray(300 << 20)")),
        (Limits(file_mib=1), "head -c 2000000 /dev/zero > big"),
        (Limits(cpu_secs=1), "while :; do :; done"),
    ],
)
@pytest.mark.parametrize("mode", [*BOTH, "off"])
async def test_limits_hold_with_and_without_a_sandbox(
    ground: Path, mode: Mode, limits: Limits, command: str
) -> None:
    async with cell(ground, Chosen(mode, limits=limits)) as made:
        assert await made.works("true")
        result = await made.run(command)
        assert result.failed
        assert "timed out" not in result.output


async def test_no_memory_is_written_to_a_file(walled: Cell) -> None:
    assert "0\n" in await walled.output("ulimit -c")


# Odd places ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["with blanks", "with\nline", "ünï 世界", "-dash", "quo'te\"s", "a:b,c=d"])
@pytest.mark.parametrize("mode", BOTH)
async def test_any_name_of_a_folder_will_do(ground: Path, name: str, mode: Mode) -> None:
    top = ground / name
    top.mkdir()
    async with cell(top, Chosen(mode)) as made:
        assert await made.works("echo x > new && test -e new && git status --short")
        (made.root / "job.sh").write_text("touch ../escaped", encoding="utf-8")
        assert not await made.works("bash job.sh")


async def test_a_folder_that_is_gone(walled: Cell) -> None:
    await walled.run("true")
    os.rename(walled.root, walled.top / "elsewhere")
    with pytest.raises(ToolError, match="Cannot run"):
        await walled.run("true")


async def test_commands_side_by_side(walled: Cell) -> None:
    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(walled.run, f"echo {number} > n{number}")
    assert {path.name for path in walled.root.glob("n*")} == {f"n{number}" for number in range(8)}


async def test_no_litter_in_the_workspace(walled: Cell) -> None:
    before = sorted(path for path in walled.root.rglob("*") if ".git/" not in str(path))
    await walled.run("true")
    assert sorted(path for path in walled.root.rglob("*") if ".git/" not in str(path)) == before


# What the model is told ----------------------------------------------------------------------------


async def test_a_failure_that_looks_like_the_sandbox_says_so(walled: Cell) -> None:
    (walled.root / "job.sh").write_text(f"touch {walled.home}/x", encoding="utf-8")
    assert "needs: unconfined asks the user" in await walled.output("bash job.sh")
    code = 'import socket; socket.create_connection(("example.invalid", 80), 5)'
    assert "needs: network asks the user" in await walled.output(python(code))
    assert "sandbox" not in await walled.output("false")


async def test_the_tool_says_what_holds(walled: Cell) -> None:
    spec = walled.tools.get("bash").spec
    assert "no network" in spec.description
    assert "needs" in str(spec.parameters)
    walled.confining.mode = "off"
    spec = walled.tools.get("bash").spec
    assert "network" not in spec.description
    assert "needs" not in str(spec.parameters)


async def test_a_command_can_run_outside_when_that_is_allowed(walled: Cell) -> None:
    (walled.root / "job.sh").write_text("touch ../escaped", encoding="utf-8")
    assert await walled.works("bash job.sh", needs="unconfined")
    assert (walled.top / "escaped").exists()


async def test_nothing_runs_outside_where_a_sandbox_is_required(ground: Path) -> None:
    async with cell(ground, Chosen("required")) as made:
        with pytest.raises(ToolError, match='needs: expected one of "network"'):
            await made.run("true", needs="unconfined")
