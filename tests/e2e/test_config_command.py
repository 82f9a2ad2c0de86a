"""`acp-agent config`, as a person types it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest
from jsonschema import Draft202012Validator

from tests.support.workbench import Workbench, agent_command

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 20


class Output(NamedTuple):
    status: int
    text: str


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """A place with no settings yet."""
    return Workbench(tmp_path)


def command(bench: Workbench, *words: str, env: dict[str, str] | None = None) -> Output:
    """Runs `acp-agent` in the project; it must be silent on standard error."""
    done = subprocess.run(
        [*agent_command(), *words],
        cwd=bench.project,
        env=bench.environment() if env is None else env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )
    assert done.stderr == ""
    return Output(done.returncode, done.stdout)


def test_path(bench: Workbench) -> None:
    assert command(bench, "config", "path") == (0, f"{bench.config / 'config.json'}\n")
    env = bench.environment(XDG_CONFIG_HOME=str(bench.root / "xdg"))
    del env["ACP_AGENT_CONFIG_DIR"]
    assert command(bench, "config", "path", env=env) == (0, f"{bench.root}/xdg/acp-agent/config.json\n")


def test_check_of_nothing(bench: Workbench) -> None:
    status, text = command(bench, "config", "check")
    assert status == 0
    assert text == f"ok: there is no {bench.config / 'config.json'}, defaults hold\n"


def test_check_of_good_settings(bench: Workbench) -> None:
    bench.configure()
    assert command(bench, "config", "check") == (0, f"ok: {bench.config / 'config.json'}\n")


def test_check_names_file_key_and_what_to_write(bench: Workbench) -> None:
    bench.settle({"temprature": 1, "timeouts": {"bash_secs": "long"}, "provider": "openai"})
    file = bench.config / "config.json"
    status, text = command(bench, "config", "check")
    assert status == 1
    assert text.splitlines() == [
        f"{file}: timeouts.bash_secs: must be a number, not text",
        "    write a number without quotes",
        f"{file}: temprature: unknown key",
        '    did you mean "temperature"?',
    ]


def test_check_gives_the_line_of_a_syntax_error(bench: Workbench) -> None:
    file = bench.config / "config.json"
    file.write_text('{\n  "provider" "openai"\n}\n', encoding="utf-8")
    status, text = command(bench, "config", "check")
    assert status == 1
    assert text.startswith(f"{file}:2: is not JSON: ")


def test_check_of_a_project(bench: Workbench) -> None:
    folder = bench.project / ".acp-agent"
    folder.mkdir()
    (folder / "config.json").write_text('{"provider": "x", "context_files": false}', encoding="utf-8")
    for words, env_cwd in ((("config", "check"), bench), (("config", "check", "--cwd", "."), bench)):
        status, text = command(env_cwd, *words)
        assert status == 0
        assert f"note: {folder / 'config.json'}: provider is ignored" in text
    assert "note:" not in command(bench, "config", "check", "--cwd", str(bench.home)).text


def test_show_names_sources_and_hides_keys(bench: Workbench) -> None:
    entry = {"provider_type": "custom", "base_url": "https://models.example/v1", "api_key": "hunter2"}
    bench.settle({"provider": "mine", "providers": {"mine": entry}})
    file = bench.config / "config.json"
    status, text = command(
        bench, "--mode", "accept", "config", "show", env=bench.environment(ACP_AGENT_MODEL="big")
    )
    assert status == 0
    lines = text.splitlines()
    assert f'provider = "mine"  ({file})' in lines
    assert 'providers.mine.model = "big"  (ACP_AGENT_MODEL)' in lines
    assert f'providers.mine.api_key = "(hidden)"  ({file})' in lines
    assert 'permission.mode = "accept"  (--mode)' in lines
    assert "max_agent_turns = 100  (default)" in lines
    assert "hunter2" not in text


def test_show_as_json(bench: Workbench) -> None:
    bench.settle({"max_agent_turns": 5})
    status, text = command(bench, "config", "show", "--json")
    assert status == 0
    found = {line["key"]: line for line in map(json.loads, text.splitlines())}
    assert found["max_agent_turns"] == {
        "key": "max_agent_turns",
        "value": 5,
        "source": str(bench.config / "config.json"),
    }


def test_schema(bench: Workbench) -> None:
    status, text = command(bench, "config", "schema")
    assert status == 0
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    assert {"provider", "providers", "permission", "$schema"} <= set(schema["properties"])


def test_works_with_only_a_search_path(bench: Workbench) -> None:
    env = {"PATH": bench.environment()["PATH"]}
    status, text = command(bench, "config", "path", env=env)
    assert status == 0
    assert text.endswith("/config.json\n")


def test_missing_action_is_a_usage_error(bench: Workbench) -> None:
    done = subprocess.run(
        [*agent_command(), "config"],
        env=bench.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "path|show|check|schema" in done.stderr
