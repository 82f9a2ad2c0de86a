"""Keyrings for tests: the real library's, with a store that knows one password, and one in a file."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class Memory(KeyringBackend):
    priority = 1  # pyright: ignore[reportAssignmentType, reportUnannotatedClassAttribute] -- as its own backends do

    def get_password(self, service: str, username: str) -> str | None:
        return f"from the ring of {username}" if service == "acp-agent" else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError


class OnDisk(KeyringBackend):
    """Keeps its passwords in the file that a variable names."""

    priority = 1  # pyright: ignore[reportAssignmentType, reportUnannotatedClassAttribute] -- as its own backends do

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._write({**self._read(), f"{service}/{username}": password})

    def delete_password(self, service: str, username: str) -> None:
        kept = self._read()
        if kept.pop(f"{service}/{username}", None) is None:
            raise PasswordDeleteError(username)
        self._write(kept)

    @property
    def _path(self) -> Path:
        return Path(os.environ["TEST_KEYRING"])

    def _read(self) -> dict[str, str]:
        return json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}

    def _write(self, passwords: dict[str, str]) -> None:
        self._path.write_text(json.dumps(passwords), encoding="utf-8")
