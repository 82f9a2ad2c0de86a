"""Connections to an agent, for the bridge. TLS is imported where it is asked for."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from acp_agent.transport.keeping import tune

if TYPE_CHECKING:
    import ssl

    from acp_agent.transport.addresses import Address
    from acp_agent.transport.bridge import Link

DIAL_LIMIT_S = 10.0
"""For the connection, and again for TLS."""


def dial(address: Address, ca: str | None) -> Link:
    """A connection to a tcp, tls or unix address. Raises OSError.

    `ca` names a file with the certificates to trust instead of the system's.
    """
    if address.kind == "unix":
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(DIAL_LIMIT_S)
        sock.connect(address.path)
        return SocketLink(sock)
    sock = socket.create_connection((address.host, address.port), timeout=DIAL_LIMIT_S)
    tune(sock)
    if address.kind == "tls":
        return TlsLink(_secured(sock, address.host, ca))
    return SocketLink(sock)


def _secured(sock: socket.socket, host: str, ca: str | None) -> ssl.SSLSocket:
    import ssl

    return ssl.create_default_context(cafile=ca).wrap_socket(sock, server_hostname=host)


class SocketLink:
    """A transport.bridge.Link in the clear."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self.fileno = sock.fileno
        self.recv = sock.recv
        self.send = sock.send

    def pending(self) -> int:
        return 0

    def finish(self) -> None:
        self._sock.shutdown(socket.SHUT_WR)


class TlsLink:
    """A transport.bridge.Link through TLS."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        import ssl

        sock.setblocking(False)
        self._sock = sock
        self._not_now = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
        self.fileno = sock.fileno
        self.pending = sock.pending

    def recv(self, size: int, /) -> bytes:
        try:
            return self._sock.recv(size)
        except self._not_now:
            raise BlockingIOError from None

    def send(self, data: bytes | bytearray | memoryview, /) -> int:
        try:
            return self._sock.send(data)
        except self._not_now:
            raise BlockingIOError from None

    def finish(self) -> None:
        """TLS ends for both at once: what the agent has not said yet is not waited for."""
        try:
            self._sock.unwrap()
        except self._not_now:  # our end is said; theirs will come
            return
