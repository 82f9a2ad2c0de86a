"""OAuth with a browser, by PKCE, and renewing; the requests themselves are made by a port.

Sources: RFC 6749 (4.1, 5, 6), RFC 7636, RFC 8252 (7.3); for OpenRouter its page on OAuth PKCE.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, cast
from urllib.parse import parse_qs, urlencode, urlsplit

from acp_agent.config.values import is_loopback
from acp_agent.errors import AuthRequired
from acp_agent.invisible import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from acp_agent.accounts.account import Account
    from acp_agent.config.reading import JsonObject
    from acp_agent.config.schema import ProviderEntry

CALLBACK = "/callback"
LONGEST_REASON = 300
"""Characters of what a service says of an error."""
DOCS = "(docs/accounts.md#oauth)"


class Service(NamedTuple):
    """Where one service grants access, and as what client."""

    provider: str
    client_id: str = ""
    authorize_url: str = ""
    token_url: str = ""
    device_url: str = ""
    scopes: tuple[str, ...] = ()
    flow: Literal["token", "key"] = "token"
    """`key`: needs no client, and gives a lasting key (OpenRouter)."""
    redirect_host: str = "127.0.0.1"
    keys_page: str = ""
    """Where a person takes back what was granted."""


class Answer(NamedTuple):
    status: int
    body: JsonObject
    """Empty where it is no JSON object."""


class Post(Protocol):
    async def __call__(self, url: str, fields: Mapping[str, str], /, *, as_json: bool = False) -> Answer:
        """Posts a form, or JSON; within a bound. Raises AuthRequired when there is no answer."""
        ...


class Verdict(NamedTuple):
    """What a browser is answered that comes to our address, and whether it was what is waited for."""

    status: int
    text: str
    done: bool = False


class Door(Protocol):
    """An address of this machine that a browser can be sent to."""

    @property
    def port(self) -> int: ...

    async def wait(self, judge: Callable[[str], Verdict], /) -> None:
        """Answers those that come, by path and query, until one of them was the one waited for."""
        ...


class Tokens(NamedTuple):
    """What a service has granted. Not in its repr."""

    access: str
    refresh: str | None = None
    expires_at: float | None = None

    def __repr__(self) -> str:
        return f"Tokens(expires_at={self.expires_at})"


class Pending(NamedTuple):
    """A login that waits for its answer. Its verifier is a secret."""

    provider: str
    account: str
    verifier: str
    state: str
    redirect_uri: str
    at: float
    """When it was begun, in seconds since the epoch."""

    def __repr__(self) -> str:
        return f"Pending({self.provider!r}, {self.account!r})"


# Services ------------------------------------------------------------------------------------------


@cache
def known_services() -> Mapping[str, Mapping[str, Any]]:
    """What is known of services that document OAuth for others, by provider type, from services.json."""
    text = Path(__file__).with_name("services.json").read_text(encoding="utf-8")
    return cast("dict[str, dict[str, Any]]", json.loads(text)["services"])


def service_of(alias: str, entry: ProviderEntry) -> Service | None:
    """How to log in at a provider: with the user's own client, or without one where a service needs none.

    None when there is no such way. Raises AuthRequired for addresses that no secret may be sent to.
    """
    known = known_services().get((entry.provider_type or alias).lower(), {})
    fields = {key: value for key, value in known.items() if key in Service._fields}
    if "scopes" in fields:
        fields["scopes"] = tuple(fields["scopes"])
    own = entry.oauth
    if own is not None:
        said = {key: value for key, value in own._asdict().items() if value}
        fields = {**({} if known.get("flow") == "key" else fields), **said}
    elif known.get("flow") != "key":
        return None
    service = Service(alias, **fields)
    for name in ("authorize_url", "token_url", "device_url"):
        if (url := getattr(service, name)) and not _is_safe(url):
            raise AuthRequired(
                f"providers.{alias}.oauth.{name} must be https, or http on this machine {DOCS}."
            )
    return service


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


# With a browser ------------------------------------------------------------------------------------


def begin(service: Service, account: str, port: int, now: float) -> Pending:
    """A login whose answer is to come to that port of this machine."""
    state = secrets.token_urlsafe(32)
    place = f"http://{service.redirect_host}:{port}{CALLBACK}"
    if service.flow == "key":  # it gives back no state of its own; the path comes back as it is
        place = f"{place}/{state}"
    return Pending(service.provider, account, secrets.token_urlsafe(64), state, place, now)


def page(service: Service, pending: Pending) -> str:
    """The page on which a person grants access."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(pending.verifier.encode()).digest()).rstrip(b"=")
    proof = {"code_challenge": challenge.decode(), "code_challenge_method": "S256"}
    if service.flow == "key":
        query = {"callback_url": pending.redirect_uri, **proof}
    else:
        query = {
            "response_type": "code",
            "client_id": service.client_id,
            "redirect_uri": pending.redirect_uri,
            "state": pending.state,
            **({"scope": " ".join(service.scopes)} if service.scopes else {}),
            **proof,
        }
    return f"{service.authorize_url}{'&' if urlsplit(service.authorize_url).query else '?'}{urlencode(query)}"


class Returned(NamedTuple):
    """What a browser brought back."""

    code: str = ""
    error: str = ""
    """Why there is no code."""
    ours: bool = True
    """Whether it is about this login: its state was right."""


def returned(target: str, pending: Pending) -> Returned | None:
    """What an address, or its path and query, brings for a login; None when it is another page."""
    try:
        parts = urlsplit(target)
        values = parse_qs(parts.query, max_num_fields=50)
    except ValueError:
        return None
    path = urlsplit(pending.redirect_uri).path
    by_path = path != CALLBACK
    if parts.path != path and not (by_path and parts.path.startswith(CALLBACK)):
        return None
    given = parts.path.removeprefix(f"{CALLBACK}/") if by_path else values.get("state", [""])[0]
    if not hmac.compare_digest(given.encode(), pending.state.encode()):
        return Returned(ours=False)
    if "error" in values:
        return Returned(error=reason({key: each[0] for key, each in values.items()}))
    code = values.get("code", [""])[0]
    return Returned(code) if code else Returned(error="it brought no code")


def pasted(text: str, pending: Pending) -> str:
    """The code in what a person has copied: the whole address, `code#state`, or `code state`.

    Raises AuthRequired when it is none of these, or of another login.
    """
    text = text.strip()
    if "://" in text:
        found = returned(text, pending)
        if found is None:
            raise AuthRequired(
                "That is not the address to which the browser was sent back: it begins with "
                f"{pending.redirect_uri.partition(CALLBACK)[0]}{CALLBACK} {DOCS}."
            )
    else:
        code, state = text.partition("#")[::2] if "#" in text else text.partition(" ")[::2]
        if not state.strip():
            raise AuthRequired(f"Something is missing: paste the whole address, or CODE#STATE {DOCS}.")
        right = hmac.compare_digest(state.strip().encode(), pending.state.encode())
        found = Returned(code.strip(), ours=right)
    if not found.ours:
        raise AuthRequired(f"That is the answer to another login: its state is wrong. Begin again {DOCS}.")
    if found.error:
        raise AuthRequired(f"{pending.provider} has refused the login: {found.error} {DOCS}.")
    return found.code


async def exchange(service: Service, pending: Pending, code: str, post: Post, now: float) -> Tokens:
    """What the service gives for a code. Raises AuthRequired."""
    if service.flow == "key":
        fields = {"code": code, "code_verifier": pending.verifier, "code_challenge_method": "S256"}
        answer = await post(service.token_url, fields, as_json=True)
        key = answer.body.get("key")
        if not isinstance(key, str) or not key:
            raise AuthRequired(no_login(service.provider, answer))
        return Tokens(key)
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": pending.redirect_uri,
        "client_id": service.client_id,
        "code_verifier": pending.verifier,
    }
    answer = await post(service.token_url, fields)
    tokens = tokens_of(answer, now)
    if tokens is None:
        raise AuthRequired(no_login(service.provider, answer))
    return tokens


# Renewing ------------------------------------------------------------------------------------------


async def renewal(account: Account, post: Post, now: float) -> Tokens:
    """New tokens of an account. Raises AuthRequired when there are none, or no answer."""
    fields = {"grant_type": "refresh_token", "refresh_token": account.refresh_token or ""}
    if account.client_id:
        fields["client_id"] = account.client_id
    answer = await post(account.token_url or "", fields)
    tokens = tokens_of(answer, now)
    if tokens is None:
        said = reason(answer.body) or f"status {answer.status}"
        raise AuthRequired(
            f"{account.provider} does not renew the login of account {account.name}: {said}. Run "
            f"`acp-agent auth login {account.provider} --account {account.name}` {DOCS}."
        )
    return tokens._replace(refresh=tokens.refresh or account.refresh_token)


def tokens_of(answer: Answer, now: float) -> Tokens | None:
    """The tokens in an answer; None when it refuses."""
    access, refresh = answer.body.get("access_token"), answer.body.get("refresh_token")
    if answer.status >= 400 or not isinstance(access, str) or not access:
        return None
    lasts = answer.body.get("expires_in")
    if isinstance(lasts, str) and lasts.isdigit():  # some say it so
        lasts = int(lasts)
    expires = now + lasts if isinstance(lasts, int | float) and not isinstance(lasts, bool) else None
    return Tokens(access, refresh if isinstance(refresh, str) and refresh else None, expires)


def reason(fields: Mapping[str, object]) -> str:
    """What a service says of an error, for a person; without what nobody sees, and not too long."""
    said = fields.get("error")
    texts = [text for text in (said, fields.get("error_description")) if isinstance(text, str) and text]
    return visible(": ".join(texts).replace("\n", " "))[:LONGEST_REASON]


def no_login(provider: str, answer: Answer) -> str:
    """For a person, that a service has refused a login, and why."""
    said = reason(answer.body) or f"it answered with status {answer.status}"
    return f"{provider} has refused the login: {said}. Begin again {DOCS}."
