"""A keyring for tests: the real library's, with a store that knows one password."""

from __future__ import annotations

from keyring.backend import KeyringBackend


class Memory(KeyringBackend):
    priority = 1  # pyright: ignore[reportAssignmentType, reportUnannotatedClassAttribute] -- as its own backends do

    def get_password(self, service: str, username: str) -> str | None:
        return f"from the ring of {username}" if service == "acp-agent" else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError
