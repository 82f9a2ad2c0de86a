"""What a server may listen on, and how its sockets are guarded."""

from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from acp_agent.errors import ConfigError
from acp_agent.transport.listening import Certificate, Listening, open_doors
from acp_agent.transport.tokens import Token

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = Token("0123456789abcdef")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "[::1]", "localhost"])
def test_this_machine_needs_no_token(host: str) -> None:
    with open_doors(Listening(tcp=(f"{host}:0",))) as (door,):
        assert door.address.port > 0
        assert door.address.kind == "tcp"


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
@pytest.mark.parametrize("flag", ["tcp", "websocket"])
@pytest.mark.parametrize(
    ("guards", "missing"),
    [
        ({}, ("token", "TLS")),
        ({"insecure": True}, ("token",)),
        ({"token": TOKEN}, ("TLS",)),
    ],
)
def test_other_machines_need_token_and_tls(
    host: str, flag: str, guards: dict[str, object], missing: tuple[str, ...]
) -> None:
    with (
        pytest.raises(ConfigError, match=r"docs/remote\.md") as refusal,
        open_doors(Listening(**{flag: (f"{host}:0",), **guards})),  # pyright: ignore[reportArgumentType]
    ):
        pass
    for word in ("token (", "TLS ("):
        assert (word in str(refusal.value)) == any(each in word for each in missing)


def test_insecure_is_for_who_says_so() -> None:
    with open_doors(Listening(tcp=("0.0.0.0:0",), token=TOKEN, insecure=True)) as (door,):
        assert door.welcome.token is TOKEN


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match="in use"), open_doors(Listening(tcp=(f"127.0.0.1:{port}",))):
            pass


def test_all_or_none(tmp_path: Path) -> None:
    path = tmp_path / "sockets" / "agent.sock"
    listening = Listening(tcp=("127.0.0.1:0",), unix=(str(path), "x" * 200))
    with pytest.raises(ConfigError), open_doors(listening):
        pass
    assert not path.exists()


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "cert"
    path.write_text("no certificate", encoding="utf-8")
    for files in (Certificate(str(path), str(path)), Certificate("/nowhere", "/nowhere")):
        with (
            pytest.raises(ConfigError, match="TLS cannot be used"),
            open_doors(Listening(tcp=("127.0.0.1:0",), certificate=files)),
        ):
            pass


class TestUnixSockets:
    def test_only_their_owner_can_reach_them(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "folder" / "agent.sock"
        with open_doors(Listening(unix=(str(path),), token=TOKEN)) as (door,):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            assert door.private
            assert door.welcome.token is None
        assert not path.exists()

    def test_the_umask_is_as_before(self, tmp_path: Path) -> None:
        before = os.umask(0o027)
        try:
            with open_doors(Listening(unix=(str(tmp_path / "new" / "agent.sock"),))):
                assert os.umask(0o027) == 0o027
        finally:
            os.umask(before)

    def test_what_was_left_behind_is_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "agent.sock"
        tmp_path.chmod(0o700)
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
        with (
            open_doors(Listening(unix=(str(path),))),
            socket.socket(socket.AF_UNIX) as client,
        ):
            client.connect(str(path))

    def test_a_live_one_is_not(self, tmp_path: Path) -> None:
        path = str(tmp_path / "new" / "agent.sock")
        with open_doors(Listening(unix=(path,))) as (door,):
            with pytest.raises(ConfigError, match="already"), open_doors(Listening(unix=(path,))):
                pass
            assert os.path.exists(path)
            door.socket.setblocking(False)

    def test_a_file_is_not_touched(self, tmp_path: Path) -> None:
        path = tmp_path / "notes"
        path.write_text("kept", encoding="utf-8")
        tmp_path.chmod(0o700)
        with pytest.raises(ConfigError, match="no socket"), open_doors(Listening(unix=(str(path),))):
            pass
        assert path.read_text(encoding="utf-8") == "kept"

    def test_a_folder_that_others_can_enter(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o755)
        with pytest.raises(ConfigError, match="700"), open_doors(Listening(unix=(str(tmp_path / "s"),))):
            pass
