"""The keys that requests of a route are made with: one, several in turn, or an account that is renewed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from acp_agent.accounts.account import account_source
from acp_agent.accounts.holders import AccountHolder, FixedHolder, KeysOf
from acp_agent.config.schema import ProviderEntry
from acp_agent.errors import AgentError
from acp_agent.models.keys import KEYRING, OneKey, Sources, given, texts_of
from acp_agent.models.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from acp_agent.accounts.account import Account
    from acp_agent.accounts.stored import Stored
    from acp_agent.config.schema import Settings
    from acp_agent.models.keys import Keyring, Keys
    from acp_agent.models.pool import Resting
    from acp_agent.models.routes import Route


class Credentials:
    """One for a process: how long keys rest is the same in all its sessions."""

    def __init__(
        self,
        env: Mapping[str, str],
        keyring: Keyring | None,
        stored: Stored,
        renew: Callable[[Account], Awaitable[Account]],
    ) -> None:
        """`renew` gives an account with a new token. Raises AuthRequired."""
        self.sources = Sources(env, keyring, stored)
        self.stored = stored
        self._renew = renew
        self._pools: dict[tuple[str, ...], Pool] = {}

    def keys_for(self, route: Route, settings: Settings) -> Keys:
        """The keys for requests of a route that was found with these settings.

        Without `pool` an account stays the one that the route was found with: another one is another bill.
        """
        entry = settings.providers.get(route.alias) or ProviderEntry()
        texts = list(texts_of(route.alias, entry))
        if len(texts) > 1:
            holders = [FixedHolder(*each, self.sources, self.stored.tell) for each in texts]
            return self._pool(route.alias, entry, holders)
        accounts = {account_source(each.name): each for each in self._accounts(route, entry)}
        if texts or route.key.source not in accounts:
            return OneKey(route.key)
        if entry.pool and len(accounts) > 1 and not entry.account:
            return self._pool(route.alias, entry, [self._holder(each) for each in accounts.values()])
        return KeysOf(self._holder(accounts[route.key.source]))

    def accounts_of(self, alias: str, settings: Settings) -> Sequence[Account]:
        """The accounts that a provider can be used with, the active one first. Raises AuthRequired.

        To use another one than the active, give its name to `account` of the provider's entry.
        """
        return self.stored.of(alias, settings.providers.get(alias) or ProviderEntry())

    def secrets(self, settings: Settings) -> frozenset[str]:
        """Those of all accounts, and the keys of the settings, as far as nobody has to be waited for."""
        found = set(self.stored.secrets())
        for alias, entry in settings.providers.items():
            for text, place in texts_of(alias, entry):
                with suppress(AgentError):  # whoever needs it is told
                    found.add(given(text, place, self.sources.env, None).value or "")
        return frozenset(found - {""})

    def resting(self) -> Iterator[tuple[str, Resting]]:
        """The keys that are not used for now, each with the provider's alias."""
        for (alias, *_), pool in self._pools.items():
            for each in pool.resting():
                yield alias, each

    def waits(self, settings: Settings) -> bool:
        """Whether finding the routes may wait for a person to unlock the keyring."""
        entries = settings.providers
        texts = (text for alias, entry in entries.items() for text, _ in texts_of(alias, entry))
        return any(text.startswith(KEYRING) for text in texts) or self.stored.waits(
            {**({settings.provider: ProviderEntry()} if settings.provider else {}), **entries}
        )

    def _accounts(self, route: Route, entry: ProviderEntry) -> Sequence[Account]:
        return self.stored.of(route.alias, entry) if route.key.value else ()

    def _holder(self, account: Account) -> AccountHolder:
        return AccountHolder(account.provider, account.name, self.stored, self._renew)

    def _pool(self, alias: str, entry: ProviderEntry, holders: Sequence[AccountHolder | FixedHolder]) -> Pool:
        strategy = entry.pool or "fill_first"
        texts = [text for text, _ in texts_of(alias, entry)]
        known = (alias, strategy, *(holder.name for holder in holders), *texts)
        if known not in self._pools:
            self._pools[known] = Pool(holders, strategy)
        return self._pools[known]
