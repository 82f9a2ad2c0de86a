"""One account at a model service, as it stands in the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

if TYPE_CHECKING:
    from acp_agent.config.reading import JsonObject

Kind = Literal["api_key", "oauth"]
EXPIRES_EARLY_S = 300.0
"""A token counts as expired so long before it is: what is asked with it takes a while, and clocks differ."""
DEFAULT_NAME = "default"
KEYRING_SERVICE = "acp-agent"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
SECRETS = ("api_key", "access_token", "refresh_token")
"""The fields that hold them."""


class Account(NamedTuple):
    """What is known of it. Its secrets are not in its repr."""

    provider: str
    name: str
    type: Kind
    api_key: str | None = None
    access_token: str | None = None
    refresh_token: str | None = None
    expires_at: float | None = None
    """In seconds since the epoch."""
    keyring: str | None = None
    """`keyring:SERVICE/USER`, where its secrets are instead."""
    label: str = ""
    origin: str | None = None
    """`https://host` of the service that it was stored for; it is sent nowhere else."""
    client_id: str | None = None
    token_url: str | None = None

    @property
    def secret(self) -> str | None:
        """What requests are made with; None while it is in the keyring."""
        return self.api_key if self.type == "api_key" else self.access_token

    @property
    def renewable(self) -> bool:
        return self.type == "oauth" and bool(self.token_url and (self.refresh_token or self.keyring))

    def expired(self, now: float) -> bool:
        """Whether its token is too old to be used at `now`, in seconds since the epoch."""
        return self.expires_at is not None and now > self.expires_at - EXPIRES_EARLY_S

    def __repr__(self) -> str:
        return f"Account({self.provider!r}, {self.name!r}, {self.type!r})"


def is_name(text: str) -> bool:
    """Whether an account may be called so."""
    return _NAME.fullmatch(text) is not None


def account_source(name: str) -> str:
    """What a person is told that a key comes from."""
    return f"account {name} of `acp-agent auth`"


def pointer(provider: str, name: str) -> str:
    """Where the secrets of an account are in the keyring."""
    return f"keyring:{KEYRING_SERVICE}/{provider}/{name}"


def origin_of(url: str | None) -> str | None:
    """Scheme, host and port of an address; None for none."""
    from urllib.parse import urlsplit

    if not url:
        return None
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def read_account(provider: str, name: str, fields: JsonObject) -> Account | str:
    """The account that `fields` say, or what is wrong with them."""
    kind = fields.get("type")
    if kind not in ("api_key", "oauth"):
        return 'has a type that is neither "api_key" nor "oauth"'
    texts = {key: fields.get(key) for key in (*SECRETS, "keyring", "origin", "client_id", "token_url")}
    if wrong := next((key for key, text in texts.items() if text is not None and not _is_text(text)), None):
        return f"has a {wrong} that is no text"
    expires = fields.get("expires_at")
    if expires is not None and (isinstance(expires, bool) or not isinstance(expires, int | float)):
        return "has an expires_at that is no number"
    label = fields.get("label")
    account = Account(
        provider,
        name,
        kind,
        expires_at=expires,
        label=label if isinstance(label, str) else "",
        **cast("dict[str, str | None]", texts),
    )
    if account.secret is None and account.keyring is None:
        return f"has no {'api_key' if kind == 'api_key' else 'access_token'}"
    return account


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def fields_of(account: Account) -> JsonObject:
    """What the file says of it."""
    left_out = ("provider", "name")
    return {
        key: value
        for key, value in account._asdict().items()
        if key not in left_out and value not in (None, "")
    }
