"""Accounts and keys, put together with what talks to services and to the keyring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.accounts.credentials import Credentials
from acp_agent.accounts.file import AuthFile, auth_path
from acp_agent.accounts.renewing import Renewing
from acp_agent.accounts.stored import Stored
from acp_agent.assembly.adapters import adapter, keyring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acp_agent.accounts.oauth import Answer


def stored(env: Mapping[str, str]) -> Stored:
    """The accounts of this user."""
    return Stored(AuthFile(auth_path(env)), keyring)


def credentials(env: Mapping[str, str]) -> Credentials:
    """All keys that there are for a process in this environment."""
    accounts = stored(env)
    return Credentials(env, keyring, accounts, Renewing(accounts, post, keep_in_keyring))


async def post(url: str, fields: Mapping[str, str], *, as_json: bool = False) -> Answer:
    """accounts.oauth.Post."""
    return await adapter("oauth.post")(url, fields, as_json=as_json)


def keep_in_keyring(service: str, user: str, secret: str | None) -> None:
    """accounts.renewing.KeepInKeyring."""
    adapter("keys.keep")(service, user, secret)
