"""Where an agent listens: what is asked for, what is safe, and the sockets."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Literal, NamedTuple

from acp_agent.errors import ConfigError
from acp_agent.transport import unix
from acp_agent.transport.addresses import ENDPOINT, Address, host_and_port, unix_path
from acp_agent.transport.network import Welcome

if TYPE_CHECKING:
    import ssl
    from collections.abc import Generator

    from acp_agent.transport.tokens import Token

BACKLOG = 128
"""Connections that may wait to be accepted."""

Carrier = Literal["stream", "websocket"]


class Certificate(NamedTuple):
    """Files in PEM."""

    cert: str
    key: str


class Listening(NamedTuple):
    """What was asked for."""

    tcp: tuple[str, ...] = ()
    """HOST:PORT each; port 0 is any that is free."""
    unix: tuple[str, ...] = ()
    """Paths."""
    websocket: tuple[str, ...] = ()
    """HOST:PORT each."""
    token: Token | None = None
    certificate: Certificate | None = None
    insecure: bool = False
    """Listen for other machines without TLS, because something else protects the way."""
    allow_origins: tuple[str, ...] = ()
    """Web pages that may connect."""


class Door(NamedTuple):
    """A listening socket, and what whoever comes in by it needs."""

    address: Address
    socket: socket.socket
    carrier: Carrier
    welcome: Welcome

    @property
    def private(self) -> bool:
        """Whether only this machine's user can come in here."""
        return self.address.kind == "unix"

    def close(self) -> None:
        self.socket.close()
        if self.private:
            unix.remove(self.address.path)


@contextlib.contextmanager
def open_doors(listening: Listening) -> Generator[list[Door]]:
    """Listens as asked for, until the block is left. Raises ConfigError when it cannot or must not be."""
    tls = _tls(listening.certificate) if listening.certificate else None
    welcome = Welcome(tls, listening.token, listening.allow_origins)
    doors: list[Door] = []
    try:
        for text in listening.tcp:
            address = Address("tls" if tls else "tcp", *host_and_port(text))
            doors.append(_door(address, "stream", welcome, insecure=listening.insecure))
        for text in listening.websocket:
            address = Address("wss" if tls else "ws", *host_and_port(text), ENDPOINT)
            doors.append(_door(address, "websocket", welcome, insecure=listening.insecure))
        for text in listening.unix:
            doors.append(private_door(unix_path(text)))  # noqa: PERF401 -- those before must be known
        yield doors
    finally:
        for door in doors:
            door.close()


def private_door(path: str) -> Door:
    """A Unix socket for this user alone, who needs no token. Raises ConfigError."""
    return Door(Address("unix", path=path), unix.listen_private(path), "stream", Welcome())


def _door(asked: Address, carrier: Carrier, welcome: Welcome, *, insecure: bool) -> Door:
    family, place = _resolved(asked)
    if not _is_loopback(place[0]):
        _require_protection(asked, welcome, insecure=insecure)
    sock = socket.socket(family)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(place)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise ConfigError(
            f"Cannot listen on {asked}: {error.strerror}. Choose another port, or 0 for any that is free."
        ) from None
    return Door(asked._replace(port=sock.getsockname()[1]), sock, carrier, welcome)


def _resolved(asked: Address) -> tuple[int, tuple[str, int]]:
    """The family and the address that is bound: what is judged is what is bound, not its name."""
    try:
        found = socket.getaddrinfo(asked.host, asked.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"Cannot listen on {asked}: {error}. Name an address of this machine.") from None
    family, *_, place = min(found, key=lambda each: each[0] != socket.AF_INET)
    return family, (str(place[0]), asked.port)


def _is_loopback(host: str) -> bool:
    import ipaddress

    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def _require_protection(asked: Address, welcome: Welcome, *, insecure: bool) -> None:
    missing: list[str] = []
    if welcome.token is None:
        missing.append("a token (--token-file FILE, or ACP_AGENT_TOKEN)")
    if welcome.tls is None and not insecure:
        missing.append("TLS (--tls-cert FILE --tls-key FILE; --insecure if something else protects the way)")
    if missing:
        raise ConfigError(
            f"{asked} can be reached from other machines, so it needs {' and '.join(missing)}. "
            "Or listen on 127.0.0.1 and come by ssh (docs/remote.md)."
        )


def _tls(certificate: Certificate) -> ssl.SSLContext:
    import ssl

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate.cert, certificate.key)
    except (OSError, ValueError) as error:  # of these SSLError is one
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ConfigError(
            f"TLS cannot be used with {certificate.cert} and {certificate.key}: {reason}. "
            "Both must be PEM files, the key without a passphrase (docs/remote.md)."
        ) from None
    return context
