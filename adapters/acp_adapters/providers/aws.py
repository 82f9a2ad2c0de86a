"""What Amazon's services have of their own: binary frames, and signed requests.

Sources: the event stream encoding of AWS (vnd.amazon.eventstream) and Signature Version 4.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

from acp_adapters.providers.frames import MAX_FRAME_BYTES, FrameTooLarge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from acp_adapters.providers.frames import Frames

_PRELUDE = struct.Struct(">III")
_STRING = 7
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value, by its type, where they are always the same."""
_MARK_BYTES = 4
ALGORITHM = "AWS4-HMAC-SHA256"


class AmazonFrames:
    """Frames of Amazon's: each becomes an object with one key, the event's type or that of an exception."""

    content_type = "application/vnd.amazon.eventstream"

    def __init__(self) -> None:
        self._rest = bytearray()
        self._starts: dict[bytes, bytes] = {}
        """By the headers of a frame, which are the same for most: how its object begins."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        self._rest += chunk
        while len(self._rest) >= _PRELUDE.size:
            total, size, check = _PRELUDE.unpack_from(self._rest)
            if zlib.crc32(self._rest[: _PRELUDE.size - _MARK_BYTES]) != check:
                raise ValueError("an event whose beginning is damaged")
            if total > MAX_FRAME_BYTES:
                raise FrameTooLarge(f"an event over {MAX_FRAME_BYTES >> 20} MiB")
            if total < _PRELUDE.size + size + _MARK_BYTES:
                raise ValueError("an event whose headers have no end")
            if len(self._rest) < total:
                return
            frame = self._rest[:total]
            del self._rest[:total]
            if zlib.crc32(frame[:-_MARK_BYTES]) != int.from_bytes(frame[-_MARK_BYTES:], "big"):
                raise ValueError("an event that is damaged")
            content = _PRELUDE.size + size
            start = self._start(bytes(frame[_PRELUDE.size : content]))
            yield b"%s%s}" % (start, frame[content:-_MARK_BYTES] or b"{}")

    def finish(self) -> list[bytes]:
        if self._rest:
            raise ValueError("it ends in the midst of an event")
        return []

    def _start(self, headers: bytes) -> bytes:
        start = self._starts.get(headers)
        if start is None:
            name = json.dumps(_name(dict(_headers(headers))))
            start = self._starts[headers] = b"{%s:" % name.encode()
        return start


def _name(headers: dict[str, str]) -> str:
    return headers.get(":exception-type") or headers.get(":error-code") or headers.get(":event-type", "")


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    """The texts among the headers. Raises ValueError."""
    at = 0
    try:
        while at < len(data):
            end = at + 1 + data[at]
            name, kind = data[at + 1 : end].decode(), data[end]
            if kind in _SIZES:
                at = end + 1 + _SIZES[kind]
                continue
            size = int.from_bytes(data[end + 1 : end + 3], "big")
            at = end + 3 + size
            if kind == _STRING:
                yield name, data[end + 3 : at].decode()
    except IndexError as error:
        raise ValueError("an event whose headers are damaged") from error


class Credentials(NamedTuple):
    """Of an account at Amazon: `ID:SECRET`, with `:TOKEN` behind it when they are for a time."""

    key_id: str
    secret: str
    token: str = ""


def credentials(key: str) -> Credentials | None:
    """Those that `key` holds; None for a key that is sent as it is."""
    parts = key.split(":", 2)
    return Credentials(*parts) if len(parts) > 1 and parts[0].startswith(("AKIA", "ASIA")) else None


def signed(url: str, content: bytes, region: str, held: Credentials, now: datetime) -> dict[str, str]:
    """The headers that make a POST of `content` to `url` one of the holder's, at the time `now` in UTC."""
    parts = urlsplit(url)
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "content-type": "application/json",
        "host": parts.netloc,
        "x-amz-date": stamp,
        **({"x-amz-security-token": held.token} if held.token else {}),
    }
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        (
            "POST",
            quote(parts.path, safe="/-_.~"),  # each part is encoded once more than it was sent
            parts.query,
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            "",
            names,
            hashlib.sha256(content).hexdigest(),
        )
    )
    scope = f"{stamp[:8]}/{region}/bedrock/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{held.secret}".encode()
    for part in (*scope.split("/"), f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}"):
        key = hmac.digest(key, part.encode(), "sha256")
    del headers["host"]
    sent = {name: value for name, value in headers.items() if name != "content-type"}
    return {
        **sent,
        "Authorization": f"{ALGORITHM} Credential={held.key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={key.hex()}",
    }


if TYPE_CHECKING:

    def conforms(frames: AmazonFrames) -> Frames:
        return frames
