"""A service that people log in to: OAuth over real HTTP, with a person who says yes or no at once."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anyio.abc import SocketStream

Fields = dict[str, str]
Answer = tuple[int, dict[str, Any]]
CLIENT = "client-of-the-test"
LIFETIME_S = 3600
PENDING: Answer = (400, {"error": "authorization_pending"})
SLOW_DOWN: Answer = (400, {"error": "slow_down"})


@dataclass
class OAuthService:
    """What it is asked is in `asked`: the path, and the fields of the query, form or JSON."""

    port: int = 0
    asked: list[tuple[str, Fields]] = field(default_factory=list[tuple[str, Fields]])
    says_no: bool = False
    """The person refuses."""
    wrong_state: bool = False
    """Sends the browser back with a state that was never given."""
    refuses: Answer | None = None
    """What every question for a token is answered with."""
    device_answers: list[Answer] = field(default_factory=list[Answer])
    """Before the token, for each question of a device."""
    device: dict[str, Any] = field(default_factory=dict[str, Any])
    """What is said of a device's code beside the usual."""
    grants: int = 0
    """How many tokens it has given; they are numbered."""
    refresh_tokens: set[str] = field(default_factory=set[str])
    questioned: anyio.Event = field(default_factory=anyio.Event)
    """Set once somebody has asked for a token."""
    holds: anyio.Event | None = None
    """While it is not set, no question for a token is answered."""
    _challenges: dict[str, Fields] = field(default_factory=dict[str, Fields])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def settings(self) -> dict[str, object]:
        """What a user says of their client there."""
        return {
            "client_id": CLIENT,
            "authorize_url": f"{self.url}/authorize",
            "token_url": f"{self.url}/token",
            "device_url": f"{self.url}/device",
            "scopes": ["models", "offline"],
        }

    async def serve(self, stream: SocketStream) -> None:
        async with stream:
            try:
                reader = BufferedByteReceiveStream(stream)
                head = (await reader.receive_until(b"\r\n\r\n", 65536)).decode()
                first, *lines = head.split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = (await reader.receive_exactly(int(headers.get("content-length", "0")))).decode()
                await stream.send(await self._answer(first.split(" ")[1], headers, body))
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.IncompleteRead):
                return

    async def _answer(self, target: str, headers: Fields, body: str) -> bytes:
        parts = urlsplit(target)
        if "json" in headers.get("content-type", ""):
            fields: Fields = json.loads(body)
        else:
            fields = {key: each[0] for key, each in parse_qs(body or parts.query).items()}
        self.asked.append((parts.path, fields))
        if parts.path == "/authorize":
            return _reply(302, {}, f"Location: {self._sent_back(fields)}\r\n")
        if parts.path == "/token":
            self.questioned.set()
            if self.holds:
                await self.holds.wait()
            return _reply(*self._token(fields))
        if parts.path == "/device":
            return _reply(200, self._device())
        return _reply(404, {})

    def _sent_back(self, fields: Fields) -> str:
        place = fields.get("redirect_uri") or fields["callback_url"]
        code = f"code-{len(self._challenges)}"
        self._challenges[code] = fields
        state = {"state": fields["state"]} if "state" in fields else {}
        if self.wrong_state:
            state = {"state": "of-somebody-else"}
        brought = (
            {"error": "access_denied", "error_description": "no\u202e!"} if self.says_no else {"code": code}
        )
        return f"{place}?{urlencode({**brought, **state})}"

    def _token(self, fields: Fields) -> Answer:
        if self.refuses:
            return self.refuses
        kind = fields.get("grant_type", "")
        if kind.endswith("device_code"):
            if self.device_answers:
                return self.device_answers.pop(0)
            assert fields["device_code"] == "device-secret"
        elif kind == "refresh_token":
            if fields["refresh_token"] not in self.refresh_tokens:
                return 400, {"error": "invalid_grant", "error_description": "token was used before"}
            self.refresh_tokens.remove(fields["refresh_token"])
        else:
            asked = self._challenges.pop(fields["code"], None)
            proof = base64.urlsafe_b64encode(hashlib.sha256(fields["code_verifier"].encode()).digest())
            if asked is None or asked["code_challenge"] != proof.rstrip(b"=").decode():
                return 400, {"error": "invalid_grant"}
            if "callback_url" in asked:
                return 200, {"key": "sk-or-granted-key"}
            if (fields["client_id"], fields["redirect_uri"]) != (CLIENT, asked["redirect_uri"]):
                return 401, {"error": "invalid_client"}
        return 200, self._granted()

    def _granted(self) -> dict[str, object]:
        self.grants += 1
        refresh = f"refresh-token-{self.grants:04}"
        self.refresh_tokens.add(refresh)
        return {
            "access_token": f"access-token-{self.grants:04}",
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": LIFETIME_S,
        }

    def _device(self) -> dict[str, object]:
        return {
            "device_code": "device-secret",
            "user_code": "ABCD-EFGH",
            "verification_uri": f"{self.url}/activate",
            "expires_in": 900,
            "interval": 5,
            **self.device,
        }


def _reply(status: int, body: dict[str, object], headers: str = "") -> bytes:
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
    return f"{head}{headers}Connection: close\r\n\r\n".encode() + text


@asynccontextmanager
async def oauth_service(**options: Any) -> AsyncGenerator[OAuthService]:
    """Serves on a free port until the end of the block."""
    service = OAuthService(**options)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0) as listener:
        service.port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, service.serve)
            yield service
            tasks.cancel_scope.cancel()
