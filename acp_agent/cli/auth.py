"""`acp-agent auth login|status|logout|switch|set-key`: the accounts at model services."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from acp_agent.accounts.account import Account
    from acp_agent.accounts.choice import Choice
    from acp_agent.accounts.credentials import Credentials
    from acp_agent.config.schema import ProviderEntry, Settings

FAILED = 1
USAGE = 2
LONGEST_KEY = 64 << 10
"""Bytes."""
BY_A_COMMAND = (
    "acp-agent auth: this is for a person to do, and it was started by a command of the agent. "
    "Type it in a terminal of yours."
)
_DOCS = "docs/accounts.md says more."


class Desk(NamedTuple):
    """What the commands work with."""

    settings: Settings
    credentials: Credentials

    def provider(self, name: str) -> tuple[str, ProviderEntry]:
        """The provider as accounts of it are stored. Raises ConfigError for one that there is not."""
        from acp_agent.config.problems import suggestion
        from acp_agent.config.schema import ProviderEntry
        from acp_agent.errors import ConfigError
        from acp_agent.models.catalogue.providers import provider_types, type_name, why_left_out

        if entry := self.settings.providers.get(name):
            return name, entry
        if kind := type_name(name):
            return kind, ProviderEntry()
        if left_out := why_left_out(name):
            raise ConfigError(f"{left_out}. {_DOCS}")
        known = [*self.settings.providers, *provider_types()]
        meant = suggestion(name, known)
        hint = f"Did you mean {meant}?" if meant else f"There are: {', '.join(known)}."
        raise ConfigError(f"There is no provider {name!r}. {hint} {_DOCS}")

    def base_url(self, alias: str, entry: ProviderEntry) -> str | None:
        from acp_agent.models.routes import address_of

        return address_of(alias, entry, self.credentials.sources.env)

    def keep(self, account: Account, *, in_keyring: bool) -> None:
        """Stores it, makes it the active one, and says what that comes to. Raises AgentError."""
        from acp_agent.accounts.file import put

        file = self.credentials.stored.file
        kept = to_keyring(account) if in_keyring else account
        file.change(lambda providers: put(providers, kept))
        where = "the keyring" if in_keyring else str(file.path)
        print(f"Stored account {account.name} of {account.provider} in {where}. It is the active one.")
        self._say_what_comes_first(account)

    def _say_what_comes_first(self, account: Account) -> None:
        from acp_agent.accounts.account import account_source
        from acp_agent.accounts.choice import choices

        for choice in choices(self.settings, self.credentials.sources, self.credentials.stored):
            if choice.alias == account.provider and choice.source not in ("", account_source(account.name)):
                print(
                    f"But {choice.source} comes first. To use the account, take that away, or set "
                    f"providers.{choice.alias}.account to {account.name!r} in the settings."
                )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="login|status|logout|switch|set-key"
    )
    login = actions.add_parser("login", help="log in to a service, or give its key")
    login.add_argument(
        "service", nargs="?", metavar="PROVIDER", help="as in the settings; asked for if left out"
    )
    way = login.add_mutually_exclusive_group()
    way.add_argument("--device", action="store_true", help="by a code that you type on another device")
    way.add_argument("--paste", action="store_true", help="with a browser on another machine")
    set_key = actions.add_parser("set-key", help="store a key, read from a hidden prompt or standard input")
    set_key.add_argument("service", metavar="PROVIDER", help="as in the settings")
    set_key.add_argument("--label", default="", metavar="TEXT", help="what it is for, to be shown")
    for each in (login, set_key):
        each.add_argument(
            "--account", default="default", metavar="NAME", help="a name for it (default: default)"
        )
        each.add_argument("--keyring", action="store_true", help="keep the secret in the system's keyring")
    status = actions.add_parser("status", aliases=["list"], help="say what would be used, and why")
    status.add_argument("service", nargs="?", metavar="PROVIDER", help="only this one")
    status.add_argument("--json", action="store_true", help="print one JSON object per line")
    switch = actions.add_parser("switch", help="choose the account that is used")
    switch.add_argument("service", metavar="PROVIDER")
    switch.add_argument("account", metavar="ACCOUNT")
    logout = actions.add_parser("logout", help="forget an account")
    logout.add_argument("service", metavar="PROVIDER")
    which = logout.add_mutually_exclusive_group()
    which.add_argument("--account", metavar="NAME", help="which (default: the active one)")
    which.add_argument("--all", action="store_true", help="all accounts of the provider")
    for each in (login, set_key, status, switch, logout):
        each.add_argument(
            "--cwd", default=".", metavar="DIR", help="the project's folder (default: this one)"
        )
    parser.epilog = "Exit status: 0 done; 1 it did not work, or status found no credential; 2 not understood."


def run(args: argparse.Namespace) -> int:
    from acp_agent.errors import AgentError, ConfigError

    actions: dict[str, Callable[[argparse.Namespace, Desk], int]] = {
        "login": _login,
        "set-key": _set_key,
        "status": _status,
        "list": _status,
        "switch": _switch,
        "logout": _logout,
    }
    if args.action not in ("status", "list") and _is_of_agent():
        print(BY_A_COMMAND, file=sys.stderr)
        return USAGE
    try:
        return actions[args.action](args, _desk(args))
    except ConfigError as error:
        print(f"acp-agent auth: {error}", file=sys.stderr)
        return USAGE
    except AgentError as error:
        print(f"acp-agent auth: {error}", file=sys.stderr)
        return FAILED


def _desk(args: argparse.Namespace) -> Desk:
    from acp_agent.assembly.adapters import reach_by
    from acp_agent.assembly.credentials import credentials
    from acp_agent.cli import overrides_of
    from acp_agent.cli.config import folder, warn_of_problems
    from acp_agent.config.load import load

    loaded = load(folder(args), os.environ, overrides_of(args))
    warn_of_problems(loaded)
    reach_by(loaded.settings.http)
    return Desk(loaded.settings, credentials(os.environ))


def _is_of_agent() -> bool:
    """Whether a command of the agent has started us."""
    from acp_agent.workspace.guard import MARKER_VARIABLE

    return bool(os.environ.get(MARKER_VARIABLE))


def check_name(name: str) -> str:
    """Raises ConfigError for what no account can be called."""
    from acp_agent.accounts.account import is_name
    from acp_agent.errors import ConfigError

    if not is_name(name):
        raise ConfigError(
            f"An account cannot be called {name!r}: use letters, digits and . _ @ + -, at most 64."
        )
    return name


def to_keyring(account: Account) -> Account:
    """Puts its secrets into the keyring; what is left for the file. Raises AuthRequired."""
    from acp_agent.accounts.account import KEYRING_SERVICE, SECRETS, pointer
    from acp_agent.accounts.stored import in_keyring
    from acp_agent.assembly.credentials import keep_in_keyring

    keep_in_keyring(KEYRING_SERVICE, f"{account.provider}/{account.name}", in_keyring(account))
    left = account._replace(**dict.fromkeys(SECRETS))
    return left._replace(keyring=pointer(account.provider, account.name))


# Keys ----------------------------------------------------------------------------------------------


def _login(args: argparse.Namespace, desk: Desk) -> int:
    from acp_agent.cli.logging_in import log_in

    return log_in(args, desk)


def _set_key(args: argparse.Namespace, desk: Desk) -> int:
    alias, entry = desk.provider(args.service)
    store_key(desk, alias, entry, args, read_secret(f"Key for {alias}: "))
    return 0


def store_key(desk: Desk, alias: str, entry: ProviderEntry, args: argparse.Namespace, text: str) -> None:
    """Raises AgentError for a text that is no key."""
    from acp_agent.accounts.account import Account, origin_of
    from acp_agent.errors import AuthRequired
    from acp_agent.models.keys import usable

    key = usable(text, "standard input").value
    if not key:
        raise AuthRequired("No key was given, so nothing is stored.")
    label, name = getattr(args, "label", ""), check_name(args.account)
    origin = origin_of(desk.base_url(alias, entry))
    account = Account(alias, name, "api_key", api_key=key, label=label, origin=origin)
    desk.keep(account, in_keyring=args.keyring)


def read_secret(prompt: str) -> str:
    """What a person types unseen, or the first line of standard input."""
    if os.isatty(0):
        from getpass import getpass

        return getpass(prompt)
    return sys.stdin.buffer.readline(LONGEST_KEY).decode("utf-8", "replace")


# Choosing and forgetting ---------------------------------------------------------------------------


def _switch(args: argparse.Namespace, desk: Desk) -> int:
    from acp_agent.accounts.file import activate

    alias = _stored_as(args.service, desk)
    desk.credentials.stored.file.change(lambda providers: activate(providers, alias, args.account))
    print(f"{args.account} is now the active account of {alias}, for sessions that begin from now on.")
    entry = desk.settings.providers.get(alias)
    if entry and args.account not in {each.name for each in desk.credentials.stored.of(alias, entry)}:
        print(f"But it is of another address than {alias} has in the settings, and is not used there.")
    return 0


def _logout(args: argparse.Namespace, desk: Desk) -> int:
    from acp_agent.accounts.file import not_there, remove
    from acp_agent.errors import AuthRequired

    alias = _stored_as(args.service, desk)
    held = desk.credentials.stored.file.held()[alias]
    name = args.account or held.active
    if not args.all and name is None:
        raise AuthRequired(f"None of {', '.join(held.accounts)} is active: name one with --account.")
    names = list(held.accounts) if args.all else [str(name)]
    for each in names:
        if each not in held.accounts:
            raise AuthRequired(not_there(alias, each, list(held.accounts)))
    active = desk.credentials.stored.file.change(lambda providers: remove(providers, alias, names))
    for each in names:
        _take_from_keyring(held.accounts[each])
        print(f"Forgot account {each} of {alias}.")
    if active:
        print(f"The active account of {alias} is now {active}.")
    print(_what_remains(alias, [held.accounts[each] for each in names], desk))
    return 0


def _take_from_keyring(account: Account) -> None:
    from acp_agent.accounts.account import KEYRING_SERVICE
    from acp_agent.assembly.credentials import keep_in_keyring
    from acp_agent.errors import AgentError

    if account.keyring:
        try:
            keep_in_keyring(KEYRING_SERVICE, f"{account.provider}/{account.name}", None)
        except AgentError as error:
            print(f"acp-agent auth: its secret is still in the keyring: {error}", file=sys.stderr)


def _what_remains(alias: str, accounts: Sequence[Account], desk: Desk) -> str:
    """No service that we log in to documents a way for programs to take a grant back."""
    from acp_agent.accounts.oauth import known_services
    from acp_agent.models.routes import kind_of

    kind = kind_of(alias, desk.provider(alias)[1]) or alias
    page = known_services().get(kind, {}).get("keys_page")
    what = "Its login" if accounts[0].type == "oauth" else "Its key"
    if page:
        return f"{what} still works until you take it back: {page}"
    return f"{what} still works: the service documents no way for us to revoke it. Do that on its pages."


def _stored_as(name: str, desk: Desk) -> str:
    """The name that accounts of a provider are stored under. Raises ConfigError when there are none."""
    from acp_agent.errors import ConfigError

    held = desk.credentials.stored.file.held()
    found = next((each for each in (name, name.lower()) if each in held), None)
    if found is None:
        known = f"There are accounts of {', '.join(held)}." if held else "There are none at all."
        raise ConfigError(f"No account of {name!r} is stored. {known} {_DOCS}")
    return found


# Looking -------------------------------------------------------------------------------------------


def _status(args: argparse.Namespace, desk: Desk) -> int:
    from acp_agent.accounts.choice import choices

    found = choices(desk.settings, desk.credentials.sources, desk.credentials.stored)
    if args.service:
        wanted = {args.service, args.service.lower()}
        found = [choice for choice in found if choice.alias in wanted]
    now = desk.credentials.stored.clock()
    if args.json:
        _print_json(found, now)
    else:
        for choice in found:
            print(*_lines(choice, now), sep="\n")
        if not found:
            of = f" of {args.service}" if args.service else ""
            print(f"There is no credential{of}. `acp-agent auth login` stores one.")
    looked_at = found[0] if found else None
    return FAILED if looked_at is None or looked_at.problem else 0


def _lines(choice: Choice, now: float) -> list[str]:
    in_use = f", in use: {choice.why}" if choice.why else ""
    lines = [f"{choice.alias} ({choice.host or 'no address'}){in_use}"]
    if choice.problem:
        lines.append(f"    cannot be used: {choice.problem}")
    else:
        lines.append(f"    key: {choice.source or 'none is needed'}")
    for account in choice.accounts:
        mark = "*" if account.name == choice.active else " "
        lines.append(f"    {mark} {account.name}: {_about(account, now)}")
    lines += [f"      {name}: not used, it is of another address" for name in choice.unused]
    return lines


def _about(account: Account, now: float) -> str:
    import time

    from acp_agent.invisible import visible

    parts = ["login" if account.type == "oauth" else "key"]
    if account.keyring:
        parts.append("in the keyring")
    if account.expires_at is not None:
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(account.expires_at))
        if not account.expired(now):
            parts.append(f"until {at}")
        elif account.renewable:
            parts.append("renewed when it is used")
        else:
            parts.append(f"expired {at}: log in again")
    if account.label:
        parts.append(visible(account.label))
    return ", ".join(parts)


def _print_json(found: Sequence[Choice], now: float) -> None:
    import json

    for choice in found:
        accounts = [
            {
                "name": account.name,
                "type": account.type,
                "label": account.label,
                "active": account.name == choice.active,
                "keyring": account.keyring is not None,
                "expires_at": account.expires_at,
                "expired": account.expired(now),
                "renewable": account.renewable,
            }
            for account in choice.accounts
        ]
        row = {**choice._asdict(), "accounts": accounts}
        print(json.dumps(row, ensure_ascii=False))
