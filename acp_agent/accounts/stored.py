"""The accounts as a source of keys: which of them is used for a provider of the settings."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

from acp_agent.accounts.account import account_source, origin_of
from acp_agent.accounts.file import not_there
from acp_agent.config.reading import as_object
from acp_agent.errors import AuthRequired
from acp_agent.models.keys import Key, usable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from acp_agent.accounts.account import Account
    from acp_agent.accounts.file import AuthFile, Held
    from acp_agent.config.reading import JsonObject
    from acp_agent.config.schema import ProviderEntry
    from acp_agent.models.keys import Accounts, Keyring

FROM_KEYRING = ("api_key", "access_token", "refresh_token")


class Learner(Protocol):
    """Is told of secrets that come up."""

    def learn(self, keys: Iterable[str], /) -> None: ...


class Stored:
    """models.keys.Accounts. Looks at the file each time, so that a login in a terminal counts at once."""

    def __init__(
        self, file: AuthFile, keyring: Keyring | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.file = file
        self.clock = clock
        self._keyring = keyring
        self._opened: dict[str, Account] = {}
        """What was in the keyring, by its pointer, as long as the file stays the same."""
        self._opened_at: object = None
        self._learners: WeakSet[Learner] = WeakSet()

    def providers(self) -> Sequence[str]:
        return [name for name, held in self.file.held().items() if held.active]

    def key(self, alias: str, entry: ProviderEntry) -> Key | None:
        account = self.chosen(alias, entry)
        if account is None:
            return None
        if account.expired(self.clock()) and not account.renewable:
            raise AuthRequired(login_again(account, "has expired"))
        account = self.opened(account)
        return usable(account.secret or "", account_source(account.name))

    def chosen(self, alias: str, entry: ProviderEntry) -> Account | None:
        """The account that `entry` names, else the active one; as it stands in the file.

        Raises AuthRequired for one that is named and not there, and when none of several is active.
        """
        usable_ones = {account.name: account for account in self.of(alias, entry)}
        if entry.account:
            if entry.account not in usable_ones:
                raise AuthRequired(not_there(alias, entry.account, list(usable_ones)))
            return usable_ones[entry.account]
        if not usable_ones:
            return None
        held = self._held(alias, entry)
        if held.active is None:
            names = ", ".join(held.accounts)
            raise AuthRequired(
                f"None of the accounts of {alias} is the active one. Choose one of {names} with "
                f"`acp-agent auth switch {alias} ACCOUNT` (docs/accounts.md)."
            )
        return usable_ones.get(held.active)

    def of(self, alias: str, entry: ProviderEntry) -> Sequence[Account]:
        """The accounts that may be used for a provider, the active one first.

        An account is only sent to the service that it was stored for: not to another address that
        the settings, or an editor, give to the provider.
        """
        held = self._held(alias, entry)
        accounts = [each for each in held.accounts.values() if _is_for(each, entry)]
        return sorted(accounts, key=lambda account: account.name != held.active)

    def active(self, alias: str, entry: ProviderEntry) -> str | None:
        """The name of the active account."""
        return self._held(alias, entry).active

    def opened(self, account: Account) -> Account:
        """The account with its secrets, also when they are in the keyring. Raises AuthRequired."""
        if account.keyring is None:
            return account
        mark = self.file.mark()
        if mark != self._opened_at:
            self._opened, self._opened_at = {}, mark
        if account.keyring not in self._opened:
            self._opened[account.keyring] = account._replace(**self._in_keyring(account))
        return self._opened[account.keyring]

    def known(self, account: Account) -> Account:
        """The account with its secrets as far as nobody has to be waited for."""
        if account.keyring and self.file.mark() == self._opened_at:
            return self._opened.get(account.keyring, account)
        return account

    def secrets(self) -> frozenset[str]:
        """All secrets in the file, and those of the keyring that were looked up before; asks nobody."""
        try:
            accounts = [each for held in self.file.held().values() for each in held.accounts.values()]
        except AuthRequired:  # whoever needs an account is told; here nothing is known
            accounts = []
        found = (
            secret
            for each in (*accounts, *self._opened.values())
            for secret in (each.api_key, each.access_token, each.refresh_token)
        )
        return frozenset(secret for secret in found if secret)

    def watch(self, learner: Learner) -> None:
        """`learner` is told of every key that becomes known, before anything is asked with it."""
        self._learners.add(learner)

    def renewed(self, account: Account) -> None:
        """The account has new secrets, or they have become known."""
        self.tell(account.api_key, account.access_token, account.refresh_token)

    def tell(self, *secrets: str | None) -> None:
        """Whoever watches learns of them."""
        new = [secret for secret in secrets if secret]
        for learner in self._learners:
            learner.learn(new)

    def waits(self, aliases: Mapping[str, ProviderEntry]) -> bool:
        """Whether looking up the keys of these providers may wait for a person to unlock the keyring."""
        try:
            held = self.file.held()
        except AuthRequired:
            return False
        names = {name for alias, entry in aliases.items() for name in _names(alias, entry)} or set(held)
        found = (each for name in names if name in held for each in held[name].accounts.values())
        return any(each.keyring for each in found)

    def _held(self, alias: str, entry: ProviderEntry) -> Held:
        from acp_agent.accounts.file import Held

        held = self.file.held()
        return next((held[name] for name in _names(alias, entry) if name in held), Held(None, {}))

    def _in_keyring(self, account: Account) -> dict[str, str]:
        from acp_agent.models.keys import given

        place = f"account {account.name} of {account.provider}"
        text = given(account.keyring or "", place, {}, self._keyring).value or ""
        fields = _object(text)
        if fields is None:
            return {"api_key": text} if account.type == "api_key" else {}
        return {name: value for name in FROM_KEYRING if isinstance(value := fields.get(name), str)}


def in_keyring(account: Account) -> str:
    """What is put into the keyring for an account."""
    return json.dumps({name: value for name in FROM_KEYRING if (value := getattr(account, name))})


def login_again(account: Account, why: str) -> str:
    return (
        f"The login of account {account.name} of {account.provider} {why}. "
        f"Run `acp-agent auth login {account.provider} --account {account.name}` (docs/accounts.md)."
    )


def _names(alias: str, entry: ProviderEntry) -> tuple[str, ...]:
    """What accounts of a provider may be stored under, best first: its own name, then its type's."""
    return tuple(dict.fromkeys((alias, (entry.provider_type or alias).lower())))


def _is_for(account: Account, entry: ProviderEntry) -> bool:
    return entry.base_url is None or account.origin == origin_of(entry.base_url)


def _object(text: str) -> JsonObject | None:
    try:
        return as_object(json.loads(text))
    except ValueError:
        return None


if TYPE_CHECKING:

    def conforms(stored: Stored) -> Accounts:
        return stored
