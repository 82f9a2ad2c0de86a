"""Keys from files and from the keyring: only from where nobody else can read them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_adapters.keyrings import password
from acp_agent.config.schema import ProviderEntry, Settings
from acp_agent.errors import AuthRequired, ConfigError
from acp_agent.models.keys import given, is_elsewhere
from acp_agent.models.routes import route, routes

if TYPE_CHECKING:
    from pathlib import Path

PLACE = "providers.mine.api_key"
LOOK = "from acp_adapters.keyrings import password; print(password('acp-agent', 'me'))"


def key_file(tmp_path: Path, text: str = "the key\n", mode: int = 0o600) -> Path:
    path = tmp_path / "key"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_a_file_of_one_s_own(tmp_path: Path) -> None:
    path = key_file(tmp_path)
    assert given(f"file:{path}", PLACE, {}, None) == ("the key", str(path))
    assert given("file:~/key", PLACE, {"HOME": str(tmp_path)}, None).value == "the key"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
def test_a_file_that_others_can_read(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, mode=mode)
    with pytest.raises(AuthRequired, match=f"chmod 600 {path}"):
        given(f"file:{path}", PLACE, {}, None)


def test_the_file_behind_a_link_counts(tmp_path: Path) -> None:
    path = key_file(tmp_path, mode=0o644)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(AuthRequired, match="chmod 600"):
        given(f"file:{tmp_path / 'link'}", PLACE, {}, None)


def test_files_that_hold_no_key(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    cases = {
        "file:relative/key": "whole path",
        f"file:{tmp_path / 'missing'}": "cannot be read",
        f"file:{tmp_path}": "cannot be read|no file",
        f"file:{tmp_path / 'pipe'}": "no file",
        f"file:{key_file(tmp_path, ' ')}": "empty",
    }
    for text, said in cases.items():
        with pytest.raises(AuthRequired, match=said):
            given(text, PLACE, {}, None)


def test_the_keyring() -> None:
    asked: list[tuple[str, str]] = []

    def ring(service: str, user: str) -> str | None:
        asked.append((service, user))
        return "the key" if user == "me" else None

    assert given("keyring:acp-agent/me", PLACE, {}, ring) == ("the key", "keyring:acp-agent/me")
    assert asked == [("acp-agent", "me")]
    with pytest.raises(AuthRequired, match="keyring set acp-agent you"):
        given("keyring:acp-agent/you", PLACE, {}, ring)
    with pytest.raises(AuthRequired, match="SERVICE/USER"):
        given("keyring:acp-agent", PLACE, {}, ring)
    with pytest.raises(AuthRequired, match="cannot be used here"):
        given("keyring:acp-agent/me", PLACE, {}, None)


def test_routes_look_once_for_all_models_of_a_provider() -> None:
    asked: list[str] = []

    def ring(service: str, user: str) -> str | None:
        asked.append(user)
        return "the key"

    entry = ProviderEntry("openai", model="a", models=("b", "c"), api_key="keyring:x/me")
    found = routes(Settings(provider="mine", providers={"mine": entry}), {}, ring)
    assert [each.model for each in found[:3]] == ["a", "b", "c"]
    assert {each.key.value for each in found} == {"the key"}
    assert asked == ["me"]


def test_a_variable_and_a_key_itself(tmp_path: Path) -> None:
    entry = ProviderEntry("openai", model="a", api_key="${MINE}")
    settings = Settings(provider="mine", providers={"mine": entry})
    assert route("mine", settings, {"MINE": "k"}).key == ("k", PLACE)
    with pytest.raises(ConfigError, match="MINE"):
        route("mine", settings, {})


def test_what_holds_no_secret() -> None:
    assert all(map(is_elsewhere, ("${X}", "file:~/key", "keyring:a/b")))
    assert not any(map(is_elsewhere, ("sk-123", "x${X}", "profile:x")))


async def looked_up(tmp_path: Path, backend: str) -> str:
    """What the real library finds with that backend, in a process of its own: it is chosen once."""
    env = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHON_KEYRING_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }  # fmt: skip
    with anyio.fail_after(60):
        done = await anyio.run_process([sys.executable, "-c", LOOK], env=env, check=False)
    return (done.stdout + done.stderr).decode()


async def test_a_machine_without_a_keyring(tmp_path: Path) -> None:
    said = await looked_up(tmp_path, "keyring.backends.fail.Keyring")
    assert "There is no keyring on this machine" in said
    assert "chmod 600" in said


async def test_a_keyring_that_has_it(tmp_path: Path) -> None:
    assert await looked_up(tmp_path, "tests.support.keyring_backend.Memory") == "from the ring of me\n"


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(AuthRequired, match=r"install acp-agent\[keyring\]"):
        password("a", "b")
