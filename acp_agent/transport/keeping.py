"""Options of a connected socket. Imports nothing but sockets: the bridge starts with it."""

from __future__ import annotations

import socket

IDLE_S = 30
"""Silence after which the other machine is asked whether it is still there."""
AGAIN_S = 10
"""Between further questions."""
QUESTIONS = 3
"""So many without an answer, and the connection counts as broken: a minute in all."""
UNSENT_LIMIT_MS = 90_000
"""What the other machine does not take for so long breaks the connection too; longer than a stall
of its program may take, which is found first and can say why."""


def tune(sock: socket.socket) -> None:
    """Small messages leave at once, and a connection that has lost its other end is found."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", IDLE_S),
        ("TCP_KEEPALIVE", IDLE_S),  # what macOS calls it
        ("TCP_KEEPINTVL", AGAIN_S),
        ("TCP_KEEPCNT", QUESTIONS),
        ("TCP_USER_TIMEOUT", UNSENT_LIMIT_MS),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
