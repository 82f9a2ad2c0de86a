"""Where the keys of one provider come from while it is used: fixed ones, and accounts as they are by then."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from acp_agent.accounts.account import account_source
from acp_agent.accounts.file import not_there
from acp_agent.accounts.stored import login_again
from acp_agent.errors import AuthRequired, ConfigError
from acp_agent.models.keys import KEYRING, Key, given, usable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from acp_agent.accounts.account import Account
    from acp_agent.accounts.stored import Stored
    from acp_agent.models.keys import Keys, Sources
    from acp_agent.models.pool import Holder
    from acp_agent.models.stream import Failed

T = TypeVar("T")
KEYRING_LIMIT_S = 60.0
"""A person may have to unlock it."""
NOT_KNOWN = ""
"""In place of a key: there is one, but which is known only once it is asked for."""


async def unlocked(look_up: Callable[[], T]) -> T:
    """What `look_up` finds, which may wait for a person to unlock the keyring. Raises AuthRequired."""
    try:
        with anyio.fail_after(KEYRING_LIMIT_S):
            return await anyio.to_thread.run_sync(look_up, abandon_on_cancel=True)
    except TimeoutError:
        raise AuthRequired(
            f"The keyring did not answer within {KEYRING_LIMIT_S:g} s. Unlock it and try again."
        ) from None


class FixedHolder:
    """models.pool.Holder of what the settings say: it is looked up once."""

    def __init__(self, text: str, place: str, sources: Sources, tell: Callable[[str | None], object]) -> None:
        """`tell` is told of the key as soon as it is known."""
        self.name = place
        self._text = text
        self._sources = sources
        self._tell = tell
        self._key: Key | None = None

    def now(self) -> str | None:
        return self._key.value if self._key else NOT_KNOWN

    async def key(self) -> Key:
        if self._key is None:
            found = await unlocked(self._look_up) if self._text.startswith(KEYRING) else self._look_up()
            self._tell(found.value)
            self._key = found._replace(source=self.name)
        return self._key

    def report(self, key: Key, failed: Failed | None) -> None:
        pass

    def _look_up(self) -> Key:
        try:
            return given(self._text, self.name, self._sources.env, self._sources.keyring)
        except ConfigError as error:  # a variable that is not set
            raise AuthRequired(f"{self.name}: {error}. Set it, or take it out of the settings.") from None


class AccountHolder:
    """models.pool.Holder of one account: what is stored of it by the time it is asked for counts.

    A token that has expired is renewed, and so is one that is refused, once.
    """

    def __init__(
        self, provider: str, account: str, stored: Stored, renew: Callable[[Account], Awaitable[Account]]
    ) -> None:
        """`renew` gives an account a new token for the one that it comes with. Raises AuthRequired."""
        self.name = account_source(account)
        self._provider = provider
        self._account = account
        self._stored = stored
        self._renew = renew
        self._refused: str | None = None
        """The token that the service did not take last."""
        self._hopeless: str | None = None
        """The one that it did not take either though it was new."""

    def now(self) -> str | None:
        account = self._found()
        if account is None:
            return None
        account = self._stored.known(account)
        if self._spent(account):
            return NOT_KNOWN if account.renewable else None
        return account.secret or NOT_KNOWN

    async def key(self) -> Key:
        account = self._found()
        if account is None:
            raise AuthRequired(not_there(self._provider, self._account, []))
        if account.keyring:
            closed = account
            account = await unlocked(lambda: self._stored.opened(closed))
            self._stored.renewed(account)
        if self._spent(account):
            if not account.renewable:
                raise AuthRequired(login_again(account, "has expired"))
            account = await self._renew(account)
        return usable(account.secret or "", self.name)

    def report(self, key: Key, failed: Failed | None) -> None:
        if failed is None:
            self._refused = self._hopeless = None
        elif failed.kind == "auth":
            if self._refused not in (None, key.value):
                self._hopeless = key.value
            self._refused = key.value

    def _spent(self, account: Account) -> bool:
        if account.expired(self._stored.clock()):
            return True
        refused = account.secret is not None and account.secret == self._refused
        return refused and account.renewable and account.secret != self._hopeless

    def _found(self) -> Account | None:
        held = self._stored.file.held().get(self._provider)
        return held.accounts.get(self._account) if held else None


class KeysOf:
    """models.keys.Keys of a single holder."""

    def __init__(self, holder: Holder) -> None:
        self._holder = holder
        self._refused: str | None = None

    async def take(self) -> Key:
        return await self._holder.key()

    def report(self, key: Key, failed: Failed | None) -> None:
        self._refused = key.value if failed and failed.kind == "auth" else None
        self._holder.report(key, failed)

    @property
    def spare(self) -> bool:
        return self._refused is not None and self._holder.now() not in (self._refused, None)


if TYPE_CHECKING:

    def conforms(keys: KeysOf) -> Keys:
        return keys
