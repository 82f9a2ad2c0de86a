"""Folders are found with whatever environment there is, and are private when we make them."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

import pytest

from acp_agent.config.paths import (
    config_dir,
    config_file,
    data_dir,
    ensure_private_dir,
    home_dir,
    project_config_file,
    state_dir,
    user_path,
)

HOME = {"HOME": "/home/ada"}


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({**HOME}, "/home/ada/.config/acp-agent"),
        ({**HOME, "XDG_CONFIG_HOME": "/x"}, "/x/acp-agent"),
        ({**HOME, "XDG_CONFIG_HOME": "relative"}, "/home/ada/.config/acp-agent"),
        ({**HOME, "XDG_CONFIG_HOME": ""}, "/home/ada/.config/acp-agent"),
        ({**HOME, "XDG_CONFIG_HOME": "/x", "ACP_AGENT_CONFIG_DIR": "/y"}, "/y"),
        ({**HOME, "ACP_AGENT_CONFIG_DIR": "~/y"}, "/home/ada/y"),
        ({**HOME, "ACP_AGENT_CONFIG_DIR": ""}, "/home/ada/.config/acp-agent"),
    ],
)
def test_config_dir(env: dict[str, str], expected: str) -> None:
    assert config_dir(env) == Path(expected)
    assert config_file(env) == Path(expected) / "config.json"


@pytest.mark.parametrize(
    ("platform", "env", "expected"),
    [
        ("linux", {**HOME}, "/home/ada/.local/share/acp-agent"),
        ("linux", {**HOME, "XDG_DATA_HOME": "/x"}, "/x/acp-agent"),
        ("darwin", {**HOME, "XDG_DATA_HOME": "/x"}, "/home/ada/Library/Application Support/acp-agent"),
        ("win32", {**HOME, "LOCALAPPDATA": "/local"}, "/local/acp-agent"),
        ("win32", {**HOME}, "/home/ada/AppData/Local/acp-agent"),
        ("darwin", {**HOME, "ACP_AGENT_DATA_DIR": "/y"}, "/y"),
    ],
)
def test_data_dir(platform: str, env: dict[str, str], expected: str) -> None:
    assert data_dir(env, platform=platform) == Path(expected)


def test_state_dir() -> None:
    assert state_dir(HOME) == Path("/home/ada/.local/state/acp-agent")
    assert state_dir({**HOME, "XDG_STATE_HOME": "/x"}) == Path("/x/acp-agent")
    assert state_dir({**HOME, "XDG_STATE_HOME": "/x", "ACP_AGENT_DATA_DIR": "/y"}) == Path("/y")


def test_relative_folder_counts_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config_dir({"ACP_AGENT_CONFIG_DIR": "settings"}) == tmp_path / "settings"


def test_home_of_the_account_when_the_environment_has_none() -> None:
    account = Path(pwd.getpwuid(os.getuid()).pw_dir)
    assert account.is_dir()
    assert home_dir({}) == home_dir({"HOME": ""}) == home_dir({"HOME": "relative"}) == account


def test_temporary_home_without_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_001)
    name = "acp-agent-4000000001"
    assert home_dir({"TMPDIR": "/scratch"}) == Path("/scratch") / name
    assert home_dir({}) == Path("/tmp") / name
    assert config_dir({}) == Path("/tmp") / name / ".config" / "acp-agent"


def test_user_path(tmp_path: Path) -> None:
    assert user_path("~/a", tmp_path, HOME) == Path("/home/ada/a")
    assert user_path("~", tmp_path, HOME) == Path("/home/ada")
    assert user_path("a/b", tmp_path, HOME) == tmp_path / "a" / "b"
    assert user_path("/a", tmp_path, HOME) == Path("/a")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_made_folders_are_private_and_others_keep_their_mode(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    there.chmod(0o755)
    made = ensure_private_dir(there / "one" / "two")
    assert (mode_of(there), mode_of(there / "one"), mode_of(made)) == (0o755, 0o700, 0o700)
    assert ensure_private_dir(made) == made


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OSError):
        ensure_private_dir(tmp_path / "file" / "folder")


def test_folder_of_a_stranger_in_a_shared_place_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else may have made /tmp/acp-agent-1000, or a link of that name, before us."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    planted = shared / "acp-agent"
    planted.mkdir()
    assert ensure_private_dir(planted / "mine")
    real = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        values = list(real(path))
        if path == planted:
            values[stat.ST_UID] = 4_000_000_001
        return os.stat_result(values)

    monkeypatch.setattr(Path, "lstat", lstat)
    with pytest.raises(PermissionError, match="another user"):
        ensure_private_dir(planted / "mine")


def test_project_file_is_looked_for_up_to_the_repository(tmp_path: Path) -> None:
    outside, repository = tmp_path / "outside", tmp_path / "outside" / "repository"
    inner = repository / "src" / "deep"
    inner.mkdir(parents=True)
    for folder in (outside, repository):
        (folder / ".acp-agent").mkdir()
        (folder / ".acp-agent" / "config.json").write_text("{}", encoding="utf-8")
    own = inner / ".acp-agent" / "config.json"
    assert project_config_file(inner) == own, "without a repository only the folder itself counts"
    (repository / ".git").mkdir()
    assert project_config_file(inner) == repository / ".acp-agent" / "config.json"
    (repository / ".acp-agent" / "config.json").unlink()
    assert project_config_file(inner) == own, "never from above the repository"
