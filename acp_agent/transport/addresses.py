"""Addresses of agents, as people write them. Imports next to nothing: the bridge starts with it."""

from __future__ import annotations

import os
from typing import NamedTuple

from acp_agent.errors import ConfigError

ENDPOINT = "/acp"
"""Where a WebSocket is opened."""
UNIX_PATH_BYTES = 103
"""The longest path of a Unix socket that every system takes."""
FORMS = "HOST:PORT, tls://HOST:PORT, unix:PATH, ws://HOST:PORT or wss://HOST:PORT"


class Address(NamedTuple):
    """Where an agent can be reached. `kind` is tcp, tls, unix, ws or wss."""

    kind: str
    host: str = ""
    port: int = 0
    path: str = ""
    """Of a Unix socket the file; of a WebSocket all that comes after host and port."""

    def __str__(self) -> str:
        if self.kind == "unix":
            return f"unix:{self.path}"
        return f"{self.kind}://{joined(self.host, self.port)}{self.path}"


def parse(text: str) -> Address:
    """The address that `text` means. Raises ConfigError."""
    if text.startswith("unix:"):
        return Address("unix", path=unix_path(text.removeprefix("unix:").removeprefix("//")))
    scheme, separator, rest = text.partition("://")
    if not separator:
        return Address("tcp", *host_and_port(text))
    if scheme in ("tcp", "tls"):
        return Address(scheme, *host_and_port(rest.removesuffix("/")))
    if scheme in ("ws", "wss"):
        return _web_address(scheme, rest)
    raise ConfigError(f"{text!r} is no address of an agent. Write {FORMS}.")


def host_and_port(text: str) -> tuple[str, int]:
    """`HOST:PORT`, an IPv6 address in brackets. Raises ConfigError."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not host or (":" in host and not bracketed) or not port.isascii() or not port.isdecimal():
        raise ConfigError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:4000 or [::1]:4000.")
    if int(port) > 65535:
        raise ConfigError(f"{text!r}: a port is at most 65535.")
    return host.strip("[]"), int(port)


def unix_path(text: str) -> str:
    """The absolute path of a Unix socket. Raises ConfigError."""
    path = os.path.abspath(os.path.expanduser(text))
    if not text or len(os.fsencode(path)) > UNIX_PATH_BYTES:
        raise ConfigError(
            f"{text!r} cannot be a Unix socket: a path of at most {UNIX_PATH_BYTES} bytes is needed."
        )
    return path


def joined(host: str, port: int) -> str:
    """The opposite of `host_and_port`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _web_address(scheme: str, rest: str) -> Address:
    end = min((at for at in map(rest.find, "/?") if at >= 0), default=len(rest))
    authority, path = rest[:end], rest[end:]
    if path in ("", "/"):
        path = ENDPOINT
    elif path.startswith("?"):
        path = ENDPOINT + path
    if ":" not in authority.rpartition("]")[2]:
        authority += ":443" if scheme == "wss" else ":80"
    return Address(scheme, *host_and_port(authority), path)
