"""`acp-agent doctor` on machines that have everything, nothing, or something broken."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.workbench import Workbench, agent_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

WAIT_S = 20
NAMES = ["python", "config", "model", "env", "rg", "git", "bwrap", "landlock", "sandbox", "data"]
FINDING = re.compile(r"^(ok|warn|fail) +(\S+) +(.+)$")


class Report(NamedTuple):
    """`findings`: name → (status, detail); `text` has the advice too."""

    status: int
    findings: dict[str, tuple[str, str]]
    text: str


class Tools:
    """A folder that is the whole search path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def add(self, name: str, script: str) -> None:
        tool = self.folder / name
        tool.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        tool.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    """Everything there, and working."""
    tools = Tools(tmp_path / "bin")
    tools.add("rg", "echo ripgrep 14.0.0")
    tools.add("git", "echo git version 2.50")
    (tools.folder / "bwrap").symlink_to(shutil.which("bwrap") or "")
    return tools


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Accepts connections on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WAIT_S)
        yield server


@pytest.fixture
def closed() -> Iterator[str]:
    """An address where nobody listens: the port is taken, but by us."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield address(taken)


def address(server: socket.socket) -> str:
    host, port = server.getsockname()[:2]
    return f"{host}:{port}"


def doctor(bench: Workbench, tools: Tools, env: Mapping[str, str] | None = None) -> Report:
    """Runs in an environment that has no HOME unless `env` gives one."""
    done = subprocess.run(
        [*agent_command(), "doctor"],
        cwd=bench.project,
        env={**bench.bare_environment(), "PATH": str(tools.folder), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )
    assert done.stderr == ""
    found = [match.groups() for match in map(FINDING.match, done.stdout.splitlines()) if match]
    return Report(done.returncode, {name: (status, detail) for status, name, detail in found}, done.stdout)


def use(bench: Workbench, base_url: str, **fields: object) -> None:
    """Settings with one model, at `base_url`."""
    entry = {"provider_type": "custom", "base_url": base_url, "model": "m", **fields}
    bench.settle({"providers": {"mine": entry}})


def test_all_well(workbench: Workbench, tools: Tools) -> None:
    report = doctor(workbench, tools)
    assert report.status == 0
    assert list(report.findings) == NAMES
    assert {status for status, _ in report.findings.values()} == {"ok"}
    assert report.findings["model"][1].startswith("script/")
    assert report.findings["rg"][1].startswith("ripgrep 14.0.0")


def test_bare_machine(workbench: Workbench, tools: Tools) -> None:
    """Missing programs are warnings, each with what to install; the agent works without them."""
    for tool in tools.folder.iterdir():
        tool.unlink()
    report = doctor(workbench, tools)
    assert report.status == 0
    assert [report.findings[name] for name in ("rg", "git")] == [("warn", "not found")] * 2
    assert report.findings["bwrap"] == ("warn", "it is not on the search path: install bubblewrap")
    for package in ("ripgrep", "git"):
        assert f"Install {package}." in report.text


def test_programs_that_do_not_work(workbench: Workbench, tools: Tools) -> None:
    tools.add("git", "echo install the developer tools >&2; exit 1")
    (tools.folder / "bwrap").unlink()
    tools.add("bwrap", "echo bwrap: setting up uid map: Permission denied >&2; exit 1")
    report = doctor(workbench, tools)
    assert report.status == 0
    assert report.findings["git"][0] == report.findings["bwrap"][0] == "warn"
    assert "developer tools" in report.findings["git"][1]
    assert report.findings["bwrap"][1] == "bwrap: setting up uid map: Permission denied"
    assert "user namespaces" in report.text


@pytest.mark.parametrize(
    ("mode", "status", "finding"),
    [
        ("off", 0, ("ok", "off: commands run without one")),
        ("auto", 0, ("ok", "auto: commands run in landlock")),
        ("required", 0, ("ok", "required: commands run in landlock")),
        ("bwrap", 1, ("fail", "bwrap, and there is none: no command can run")),
    ],
)
def test_what_would_confine_commands(
    workbench: Workbench, tools: Tools, mode: str, status: int, finding: tuple[str, str]
) -> None:
    (tools.folder / "bwrap").unlink()
    workbench.configure(sandbox=mode)
    report = doctor(workbench, tools)
    assert (report.status, report.findings["sandbox"]) == (status, finding)


def test_program_for_another_machine(workbench: Workbench, tools: Tools) -> None:
    (tools.folder / "rg").write_bytes(b"\x7fELF nonsense")
    report = doctor(workbench, tools)
    assert report.findings["rg"][0] == "warn"


def test_no_model(tmp_path: Path, tools: Tools, closed: str) -> None:
    """The proxy stands where Ollama would be asked, which may well run on this machine."""
    report = doctor(Workbench(tmp_path), tools, {"http_proxy": f"http://{closed}"})
    assert report.status == 1
    assert report.findings["model"] == ("fail", "none is configured")
    assert "OPENAI_API_KEY" in report.text


def test_model_that_answers_is_sent_nothing(tmp_path: Path, tools: Tools, listener: socket.socket) -> None:
    bench = Workbench(tmp_path)
    use(bench, f"http://{address(listener)}/v1", api_key="${MY_KEY}")
    report = doctor(bench, tools, {"MY_KEY": "hunter2"})
    assert report.status == 0
    status, detail = report.findings["model"]
    assert status == "ok"
    assert "mine/m" in detail
    assert address(listener) in detail
    assert "hunter2" not in report.text
    connection, _ = listener.accept()
    with connection:
        assert connection.recv(1) == b""


def test_model_that_cannot_be_reached(tmp_path: Path, tools: Tools, closed: str) -> None:
    bench = Workbench(tmp_path)
    use(bench, f"http://{closed}/v1")
    report = doctor(bench, tools)
    assert report.status == 1
    assert report.findings["model"][0] == "fail"
    assert f"cannot reach {closed}" in report.findings["model"][1]
    assert "base_url of mine" in report.text


@pytest.mark.parametrize(("exempt", "status"), [("", "ok"), ("other.example", "ok"), (".invalid", "fail")])
def test_proxy_of_the_environment(
    tmp_path: Path, tools: Tools, listener: socket.socket, exempt: str, status: str
) -> None:
    bench = Workbench(tmp_path)
    use(bench, "https://models.invalid/v1")
    env = {"HTTPS_PROXY": f"http://{address(listener)}", "NO_PROXY": exempt}
    report = doctor(bench, tools, env)
    assert report.findings["model"][0] == status
    assert ("the proxy of HTTPS_PROXY" in report.text) == (status == "ok")


def test_missing_key(tmp_path: Path, tools: Tools) -> None:
    report = doctor(Workbench(tmp_path), tools, {"ACP_AGENT_PROVIDER": "openai"})
    assert report.status == 1
    assert report.findings["model"] == ("fail", "openai cannot be used")
    assert "OPENAI_API_KEY" in report.text


def test_missing_script(workbench: Workbench, tools: Tools) -> None:
    (workbench.root / "script.json").unlink()
    report = doctor(workbench, tools)
    assert (report.status, report.findings["model"][0]) == (1, "fail")


def test_broken_settings(workbench: Workbench, tools: Tools) -> None:
    workbench.configure(max_agent_turns=0, temprature=1)
    report = doctor(workbench, tools)
    assert report.status == 1
    assert report.findings["config"][0] == "fail"
    assert "max_agent_turns: must be a number of at least 1" in report.text
    assert 'did you mean "temperature"?' in report.text
    assert report.findings["model"][0] == "ok", "the rest is still checked"


def test_ignored_settings_of_a_project(workbench: Workbench, tools: Tools) -> None:
    (workbench.project / ".acp-agent").mkdir()
    workbench.write(".acp-agent/config.json", '{"provider": "x"}')
    report = doctor(workbench, tools)
    assert report.status == 0
    assert "warn  config" in report.text


def test_data_folder_that_cannot_be(workbench: Workbench, tools: Tools) -> None:
    (workbench.root / "file").write_text("", encoding="utf-8")
    report = doctor(workbench, tools, {"ACP_AGENT_DATA_DIR": str(workbench.root / "file" / "data")})
    assert report.status == 1
    assert report.findings["data"][0] == "fail"
    assert "ACP_AGENT_DATA_DIR" in report.text


def test_nothing_is_left_behind(workbench: Workbench, tools: Tools) -> None:
    data = workbench.root / "new" / "data"
    report = doctor(workbench, tools, {"ACP_AGENT_DATA_DIR": str(data)})
    assert report.findings["data"][0] == "ok"
    assert not data.parent.exists()
