"""Renewing the token of an account: one process at a time, for all of them."""

from __future__ import annotations

import logging
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import anyio
import anyio.to_thread

from acp_agent.accounts.account import SECRETS
from acp_agent.accounts.file import LOCK_LIMIT_S, not_there, refresh
from acp_agent.accounts.stored import in_keyring
from acp_agent.errors import AuthRequired
from acp_agent.workspace.locking import LOOK_AGAIN_S, locked, taken

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from acp_agent.accounts.account import Account
    from acp_agent.accounts.file import AuthFile
    from acp_agent.accounts.oauth import Post
    from acp_agent.accounts.stored import Stored

log = logging.getLogger(__name__)
"""What is logged names accounts, never tokens."""


class KeepInKeyring(Protocol):
    def __call__(self, service: str, user: str, secret: str | None, /) -> None:
        """Puts a secret into the system's keyring; None takes it out. May wait for a person.

        Raises AuthRequired.
        """
        ...


class Renewing:
    """Gives an account a new token; what `holders.AccountHolder` is given."""

    def __init__(self, stored: Stored, post: Post, keep: KeepInKeyring) -> None:
        self._stored = stored
        self._post = post
        self._keep = keep

    async def __call__(self, spent: Account) -> Account:
        """The account with another token than that of `spent`: the one that somebody else has fetched
        meanwhile, else a new one. Raises AuthRequired."""
        async with _alone(self._stored.file):
            now = self._now(spent)
            if now.secret != spent.secret and not now.expired(self._stored.clock()):
                self._stored.renewed(now)
                return now
            # A service may take the old token back as soon as it has answered: a cancelled turn must not
            # lose the new one. The port is bounded, so this is.
            renewed = now
            with anyio.CancelScope(shield=True):
                renewed = await self._renewed(now)
        self._stored.renewed(renewed)
        return renewed

    async def _renewed(self, old: Account) -> Account:
        from acp_agent.accounts.oauth import renewal

        tokens = await renewal(old, self._post, self._stored.clock())
        renewed = old._replace(
            access_token=tokens.access, refresh_token=tokens.refresh, expires_at=tokens.expires_at
        )
        await anyio.to_thread.run_sync(self._store, renewed)
        log.info("renewed the login of account %s of %s", renewed.name, renewed.provider)
        return renewed

    def _now(self, spent: Account) -> Account:
        held = self._stored.file.held().get(spent.provider)
        account = held.accounts.get(spent.name) if held else None
        if account is None:
            raise AuthRequired(not_there(spent.provider, spent.name, []))
        return self._stored.opened(account)

    def _store(self, renewed: Account) -> None:
        written = renewed
        if renewed.keyring:
            service, _, user = renewed.keyring.removeprefix("keyring:").partition("/")
            self._keep(service, user, in_keyring(renewed))
            written = renewed._replace(**dict.fromkeys(SECRETS))
        self._stored.file.change(lambda providers: refresh(providers, written), have_lock=True)


@asynccontextmanager
async def _alone(file: AuthFile) -> AsyncGenerator[None]:
    """Nobody else changes the file, or renews a token, meanwhile. Raises AuthRequired."""
    file.prepare()
    try:
        with anyio.fail_after(LOCK_LIMIT_S):
            fd = await _lock(file)
    except TimeoutError:
        raise AuthRequired(str(taken(file.path))) from None
    except OSError as error:
        raise AuthRequired(f"{file.lock_path} cannot be locked: {error.strerror or error}.") from error
    try:
        yield
    finally:
        os.close(fd)


async def _lock(file: AuthFile) -> int:
    while True:
        if (fd := locked(file.lock_path)) is not None:
            return fd
        await anyio.sleep(LOOK_AGAIN_S)
