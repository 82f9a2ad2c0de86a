"""Every configuration, of the folder and of `acp-agent editors`, is read as its editor would and started."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anyio
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from acp_agent.cli.editor_setup.catalogue import editors, found, matching, place
from acp_agent.cli.editor_setup.launch import uvx_behind
from acp_agent.cli.editor_setup.pages import ADDRESS, folder, variant
from tests.support.client import NOTHING, Client
from tests.support.editor_files import READERS, Started, read_toad_entry, started
from tests.support.network import INITIALIZE, TOKEN, host_and_port, serving_by
from tests.support.session import new_session, opening
from tests.support.wire import open_wire
from tests.support.workbench import Workbench, agent_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.network import Serve
    from tests.support.wire import JsonObject

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "editor-configs"
WAIT_S = 20
EDITORS = editors()
BY_STDIO = sorted(set(EDITORS) - {"marimo"})
"""marimo's page connects by itself; what it is given serves a WebSocket."""
OVER_SSH = [name for name in BY_STDIO if not EDITORS[name].no_ssh]
MARIMO_ADDRESS = "127.0.0.1:3023"
MARIMO_PAGE = "http://localhost:2718"
SSH = """\
#!/bin/sh
# What ssh and a login shell do with their arguments: options, a host, and words for a shell.
[ "$1 $2 $3 $4" = "-T -o BatchMode=yes devbox" ] || exit 99
shift 4
exec /bin/sh -c "$*"
"""


class Output(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """The agent, installed where every language has to quote."""
    place = tmp_path / 'o\'d "b\\in" $HOME ü'
    place.mkdir()
    (place / "acp-agent").symlink_to(agent_command()[0])
    return place / "acp-agent"


@pytest.fixture
def env(workbench: Workbench) -> dict[str, str]:
    """As little as an editor may pass; the agent is on the search path."""
    bare = workbench.bare_environment()
    return {**bare, "PATH": os.pathsep.join([str(Path(agent_command()[0]).parent), bare["PATH"]])}


def run_editors(
    bench: Workbench, *words: str, agent: str = "", env: Mapping[str, str] | None = None
) -> Output:
    done = subprocess.run(
        [agent or agent_command()[0], "editors", *words],
        cwd=bench.project,
        env=bench.environment() if env is None else env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )
    return Output(done.returncode, done.stdout, done.stderr)


def printed(bench: Workbench, name: str, *words: str, agent: str = "") -> Path:
    """A file with what the command prints for an editor."""
    output = run_editors(bench, name, *words, agent=agent)
    assert output.status == 0, output.err
    file = bench.root / EDITORS[name].file
    file.write_text(output.out, encoding="utf-8")
    return file


async def answers(bench: Workbench, start: Started, env: Mapping[str, str]) -> None:
    """Starts what an editor would, and has a conversation with it."""
    wire = await open_wire(
        start.argv,
        env=env if start.env is None else start.env,
        cwd=bench.home,
        stderr=bench.root / "stderr",
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wire.pump)
        client = Client(wire, tasks)
        await client.initialize(NOTHING)
        session = await new_session(client, bench.project)
        assert (await session.prompt("say hello")).text == "hello"
        await wire.close()
        tasks.cancel_scope.cancel()
    assert (wire.left_by, wire.stderr) == ("eof", "")


async def answers_marimo(bench: Workbench, script: Path, env: Mapping[str, str]) -> None:
    """Runs the script, at any port that is free, and says to it what marimo's page does."""
    replace(script, MARIMO_ADDRESS, "127.0.0.1:0")
    async with serving_by(bench, ["/bin/sh", str(script)], env) as server:
        _, port = host_and_port(server.address("ws"))
        with anyio.fail_after(WAIT_S):
            async with connect(
                f"ws://localhost:{port}/message", origin=Origin(MARIMO_PAGE), proxy=None
            ) as page:
                await asked(page, "initialize", INITIALIZE)
                session, _ = await asked(page, "session/new", opening(bench.project))
                prompt = [{"type": "text", "text": "say hello"}]
                end, updates = await asked(page, "session/prompt", {**session, "prompt": prompt})
    assert end["stopReason"] == "end_turn"
    chunks = [each for each in updates if each["sessionUpdate"] == "agent_message_chunk"]
    assert "".join(each["content"]["text"] for each in chunks) == "hello"


async def asked(
    page: ClientConnection, method: str, params: JsonObject
) -> tuple[JsonObject, list[JsonObject]]:
    """The answer to a request in a binary frame that ends with a newline, and the updates before it."""
    request = {"jsonrpc": "2.0", "id": method, "method": method, "params": params}
    await page.send(json.dumps(request).encode() + b"\n")
    updates: list[JsonObject] = []
    while True:
        frame = await page.recv()
        assert isinstance(frame, str), "a page gets a binary frame as something that it cannot read"
        message = json.loads(frame)
        if message.get("id") == method:
            return message["result"], updates
        updates.append(message["params"]["update"])


def test_each_editor_can_be_read() -> None:
    assert sorted(READERS) == sorted(EDITORS)


def test_the_folder_is_what_make_editors_writes() -> None:
    here = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    expected = folder()
    assert {path for path in here if not path.startswith("registry/")} == set(expected), "run: make editors"
    stale = [path for path, text in expected.items() if (FOLDER / path).read_text(encoding="utf-8") != text]
    assert stale == [], "run: make editors"


@pytest.mark.parametrize("name", BY_STDIO)
async def test_the_file_of_the_folder_starts_the_agent(
    workbench: Workbench, env: dict[str, str], name: str
) -> None:
    start = started(name, copied(workbench, name, EDITORS[name].file), env)
    await answers(workbench, start, env)


@pytest.mark.parametrize("name", BY_STDIO)
async def test_what_is_printed_starts_the_agent_that_printed_it(
    workbench: Workbench, odd: Path, name: str
) -> None:
    env = workbench.bare_environment()
    start = started(name, printed(workbench, name, agent=str(odd)), env)
    assert words(start) == [str(odd)]
    await answers(workbench, start, env)


@pytest.mark.parametrize("name", OVER_SSH)
async def test_over_ssh(workbench: Workbench, env: dict[str, str], name: str) -> None:
    """What is printed, and what is in the folder; ssh is a stand-in, its arguments and the shell are real."""
    ssh = workbench.root / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(SSH, encoding="utf-8")
    ssh.chmod(0o755)
    env["PATH"] = os.pathsep.join([str(ssh.parent), env["PATH"]])
    from_folder = started(name, copied(workbench, name, variant(EDITORS[name].file, "ssh")), env)
    assert words(from_folder)[-3:] == ["acp-agent", "serve", "--own-files"]
    await answers(workbench, from_folder, env)
    output = run_editors(workbench, name, "--ssh", "devbox", env=env)
    assert str(ssh) in output.out, "an absolute path, like that of the agent"
    file = workbench.root / EDITORS[name].file
    file.write_text(output.out, encoding="utf-8")
    await answers(workbench, started(name, file, env), env)


def test_zed_needs_nothing_for_ssh(workbench: Workbench) -> None:
    refused = run_editors(workbench, "zed", "--ssh", "devbox")
    assert (refused.status, refused.out) == (2, "")
    assert "runs the command of `settings.json` on the other machine" in refused.err


@pytest.mark.parametrize("name", BY_STDIO)
async def test_through_the_bridge(workbench: Workbench, env: dict[str, str], serve: Serve, name: str) -> None:
    """What is in the folder, with the token from the environment, and what is printed."""
    token = workbench.write("to ken", TOKEN)
    token.chmod(0o600)
    socket = workbench.project / "s" / "agent.sock"
    server = await serve("--tcp", "127.0.0.1:0", "--unix", str(socket), "--token-file", str(token))
    address = server.address("tcp").removeprefix("tcp://")
    file = copied(workbench, name, variant(EDITORS[name].file, "connect"))
    replace(file, ADDRESS, address)
    knowing = {**env, "ACP_AGENT_TOKEN": TOKEN}
    start = started(name, file, knowing)
    assert words(start) == ["acp-agent", "connect", address]
    await answers(workbench, start, knowing)
    agent = agent_command()[0]
    file = printed(workbench, name, "--remote", address, "--token-file", token.name)
    start = started(name, file, env)
    assert words(start) == [agent, "connect", "--token-file", str(token), address]
    await answers(workbench, start, env)
    start = started(name, printed(workbench, name, "--remote", "unix:s/agent.sock"), env)
    assert words(start) == [agent, "connect", f"unix:{socket}"]
    await answers(workbench, start, env)


async def test_marimo(workbench: Workbench, env: dict[str, str]) -> None:
    serve = ["serve", "--websocket", MARIMO_ADDRESS, "--allow-origin", MARIMO_PAGE]
    of_folder = copied(workbench, "marimo", "marimo-acp-agent")
    assert started("marimo", of_folder, env).argv == ["acp-agent", *serve]
    await answers_marimo(workbench, of_folder, env)
    file = printed(workbench, "marimo")
    assert started("marimo", file, env).argv == [agent_command()[0], *serve]
    await answers_marimo(workbench, file, env)


def test_marimo_with_an_agent_elsewhere(workbench: Workbench, env: dict[str, str]) -> None:
    over_ssh = started("marimo", printed(workbench, "marimo", "--ssh", "box"), env).argv
    assert over_ssh[:2] == ["ssh", "-t"]
    serve = ["serve", "--websocket", MARIMO_ADDRESS, "--allow-origin", MARIMO_PAGE]
    assert over_ssh[-len(serve) - 2 :] == ["box", "acp-agent", *serve]
    refused = run_editors(workbench, "marimo", "--remote", "box:7777")
    assert (refused.status, refused.out) == (2, "")
    assert "--ssh HOST" in refused.err


async def test_the_entry_for_toads_list(workbench: Workbench, env: dict[str, str]) -> None:
    await answers(workbench, read_toad_entry(FOLDER / "toad" / "acp-agent.toml", env), env)


def test_standard_output_is_the_configuration_alone(workbench: Workbench) -> None:
    output = run_editors(workbench, "zed")
    assert json.loads(output.out)["agent_servers"]["acp-agent"]["command"] == agent_command()[0]
    assert str(workbench.home / ".config/zed/settings.json") in output.err
    for number in (1, 2, 3):
        assert f"\n{number}. " in output.err


def test_another_command(workbench: Workbench, env: dict[str, str]) -> None:
    """A container, say. Over ssh it is for the other machine's shell, as it is."""
    file = printed(workbench, "zed", "--command", "docker exec -i 'my box' acp-agent")
    assert started("zed", file, env).argv == ["docker", "exec", "-i", "my box", "acp-agent"]
    file = printed(workbench, "acpx", "--ssh", "box", "--command", "~/.local/bin/acp-agent")
    own_files = ["box", "~/.local/bin/acp-agent", "serve", "--own-files"]
    assert started("acpx", file, env).argv[-4:] == own_files


def test_what_is_here_comes_first(workbench: Workbench, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for program in ("nvim", "toad"):
        (tools / program).write_text("", encoding="utf-8")
        (tools / program).chmod(0o755)
    (workbench.home / ".jetbrains").mkdir()
    output = run_editors(workbench, env=workbench.environment(PATH=str(tools)))
    here, others = output.out.split("Others:")
    names = [line.split()[0] for line in here.splitlines()[1:]]
    assert names == ["jetbrains", "neovim-codecompanion", "neovim-avante", "toad"]
    assert all(name in others for name in set(EDITORS) - set(names))
    assert (output.status, output.err) == (0, "")


def test_names() -> None:
    assert [editor.name for editor in matching(EDITORS, "zed")] == ["zed"]
    assert [editor.name for editor in matching(EDITORS, "Emacs")] == ["emacs-agent-shell"]
    assert len(matching(EDITORS, "neovim")) == 2
    assert matching(EDITORS, "ed") == [], "a name, not a part of a word"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nano"], "'nano' is no editor; there are: zed, "),
        (["neovim"], "'neovim' is more than one editor; there are: neovim-codecompanion, neovim-avante."),
        (["zed", "--ssh=-oProxyCommand=true"], "--ssh needs the address of a machine"),
        (["zed", "--remote", ""], "--remote needs the address of a machine"),
        (["zed", "--token-file", "t"], "--token-file belongs to --remote"),
        (["zed", "--ssh", "a", "--remote", "b:1"], "not allowed with"),
        (["--ssh", "box"], "Say for which editor"),
    ],
)
def test_refused(workbench: Workbench, words: list[str], reason: str) -> None:
    output = run_editors(workbench, *words)
    assert (output.status, output.out) == (2, "")
    assert reason in output.err


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_places(platform: str) -> None:
    env = {"HOME": "/home/me", "APPDATA": "C:\\Roaming", "LOCALAPPDATA": "C:\\Local"}
    for editor in EDITORS.values():
        path = place(editor, env, platform)
        assert path or (platform == "win32" and editor.language == "sh"), editor.name
        assert "%" not in path
        assert "~" not in path
    zed = place(EDITORS["zed"], {**env, "XDG_CONFIG_HOME": "/x"}, "linux")
    assert zed == "/x/zed/settings.json"


def test_nothing_is_found_on_an_empty_machine(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": str(tmp_path)}
    assert not any(found(editor, env) for editor in EDITORS.values())


def test_an_agent_in_the_cache_of_uv_is_started_by_uvx(tmp_path: Path) -> None:
    """`uvx acp-agent` runs it from where the next clean-up removes it."""
    tool = tmp_path / "bin" / "uvx"
    tool.parent.mkdir()
    tool.write_text("", encoding="utf-8")
    tool.chmod(0o755)
    uv = str(tool.with_name("uv"))
    prefix = tmp_path / "cache" / "archive-v0" / "x"
    prefix.mkdir(parents=True)
    (prefix / "CACHEDIR.TAG").write_text("", encoding="utf-8")  # every environment that uv makes has one
    assert uvx_behind(str(prefix), uv) == ""
    (tmp_path / "cache" / "CACHEDIR.TAG").write_text("", encoding="utf-8")
    assert uvx_behind(str(prefix), uv) == str(tool)
    assert uvx_behind(str(prefix), "") == ""


def test_every_editor_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
    for editor in EDITORS.values():
        assert f"[{editor.title}](../editor-configs/{editor.name}/README.md)" in text


def test_the_wheel_has_what_the_command_needs(workbench: Workbench) -> None:
    target = workbench.root / "wheel"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=ROOT,
        capture_output=True,
        timeout=WAIT_S * 2,
        check=True,
    )
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target / "site")
    code = "import sys; sys.path.insert(0, sys.argv[1]); from acp_agent.cli import main; main(sys.argv[2:])"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(target / "site"), "editors", "zed"],
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=True,
    )
    assert "acp-agent" in json.loads(done.stdout)["agent_servers"]


def copied(bench: Workbench, name: str, file: str) -> Path:
    """A file of the folder, where a test may write beside it."""
    copy = bench.root / file
    copy.write_bytes((FOLDER / name / file).read_bytes())
    return copy


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def words(start: Started) -> list[str]:
    """What is started in the end, where that is one command for a shell."""
    return shlex.split(start.argv[2]) if start.argv[:2] == ["/bin/sh", "-c"] else start.argv
