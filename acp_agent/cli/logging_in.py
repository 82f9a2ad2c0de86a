"""`acp-agent auth login`, on a terminal and elsewhere. It ends after the login, with 0 if that succeeded."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    from acp_agent.accounts.login import Outside
    from acp_agent.accounts.oauth import Pending, Service, Tokens
    from acp_agent.cli.auth import Desk
    from acp_agent.config.schema import ProviderEntry

BEGUN = 1
"""The login waits for what is to be pasted."""
TRIES = 3


def log_in(args: argparse.Namespace, desk: Desk) -> int:
    """Raises AgentError when it fails."""
    from acp_agent.accounts.oauth import service_of
    from acp_agent.cli.auth import check_name, read_secret, store_key
    from acp_agent.errors import ConfigError

    alias, entry = desk.provider(args.service) if args.service else _chosen(desk)
    name = check_name(args.account)
    service = service_of(alias, entry)
    if service is None:
        if args.device or args.paste or not os.isatty(0):
            raise ConfigError(_no_login(alias))
        print(f"{alias} is used with a key.")
        store_key(desk, alias, entry, args, read_secret(f"Key for {alias}: "))
        return 0
    tokens = _tokens(service, name, args)
    if tokens is None:
        return BEGUN
    _keep(service, name, tokens, args, desk)
    return 0


def _keep(service: Service, name: str, tokens: Tokens, args: argparse.Namespace, desk: Desk) -> None:
    from acp_agent.accounts.login import granted

    alias, entry = desk.provider(service.provider)
    account = granted(service, name, tokens, desk.base_url(alias, entry))
    desk.keep(account, in_keyring=args.keyring)


def _no_login(alias: str) -> str:
    return (
        f"{alias} has no login that programs of others may use. Store its key: "
        f"`acp-agent auth set-key {alias}`. If you have an OAuth client of your own there, name it in "
        f"providers.{alias}.oauth (docs/accounts.md#oauth)."
    )


def _chosen(desk: Desk) -> tuple[str, ProviderEntry]:
    """The provider that a person names. Raises ConfigError."""
    from acp_agent.errors import ConfigError
    from acp_agent.models.catalogue.providers import provider_types

    if not os.isatty(0):
        raise ConfigError("Name a provider: acp-agent auth login PROVIDER (docs/accounts.md).")
    kinds = [name for name, kind in provider_types().items() if kind.needs_key]
    known = dict.fromkeys((*desk.settings.providers, *kinds))
    print(
        "Which service?",
        *wrap(", ".join(known), 90, initial_indent="    ", subsequent_indent="    "),
        sep="\n",
    )
    for _ in range(TRIES):
        try:
            return desk.provider(input("> ").strip())
        except ConfigError as error:
            print(error)
        except EOFError:
            break
    raise ConfigError("No service was chosen.")


def _tokens(service: Service, account: str, args: argparse.Namespace) -> Tokens | None:
    """What a service grants; None for a login that waits to be finished. Raises AgentError."""
    from acp_agent.accounts.login import by_browser, by_device
    from acp_agent.assembly.adapters import adapter
    from acp_agent.errors import AuthRequired, ConfigError

    outside = _outside()
    here = adapter("oauth.has_browser")(os.environ)
    if args.device and not service.device_url:
        raise ConfigError(
            f"{service.provider} has no login with a code. Use --paste (docs/accounts.md#oauth)."
        )
    if not service.authorize_url and not service.device_url:
        raise ConfigError(
            f"It is not known where {service.provider} grants access: set authorize_url and token_url in "
            f"providers.{service.provider}.oauth (docs/accounts.md#oauth)."
        )
    if not service.token_url:
        raise ConfigError(f"Set providers.{service.provider}.oauth.token_url (docs/accounts.md#oauth).")
    if args.device or not service.authorize_url or (service.device_url and not here and not args.paste):
        return _run(partial(by_device, service, outside))
    if args.paste or not here:
        return _by_pasting(service, account, outside)
    try:
        return _run(partial(by_browser, service, account, outside))
    except OSError as error:
        raise AuthRequired(
            f"No browser can be sent back to this machine: {error.strerror or error}. Use --paste."
        ) from error


def _by_pasting(service: Service, account: str, outside: Outside) -> Tokens | None:
    from acp_agent.accounts.login import begin_pasted, finish_pasted
    from acp_agent.accounts.pending import kept
    from acp_agent.errors import AuthRequired

    waits = kept(service.provider, account, os.environ, time.time())
    if os.isatty(0):
        pending, text = _asked_for(service, account, outside, waits)
    else:
        text = sys.stdin.readline()
        if not text.strip():
            begin_pasted(service, account, os.environ, outside)
            again = f"acp-agent auth login {service.provider} --account {account} --paste"
            print(f"\nThen give that address to standard input of `{again}`.")
            return None
        if waits is None:
            raise AuthRequired(
                f"No login at {service.provider} waits for an answer, or it has waited too long. Begin one: "
                f"acp-agent auth login {service.provider} --paste (docs/accounts.md#oauth)."
            )
        pending = waits
    return _run(partial(finish_pasted, service, pending, text, os.environ, outside))


def _asked_for(
    service: Service, account: str, outside: Outside, waits: Pending | None
) -> tuple[Pending, str]:
    """The login, and what a person has pasted. Raises AuthRequired when they paste nothing."""
    from acp_agent.accounts.login import begin_pasted
    from acp_agent.errors import AuthRequired

    text = ""
    if waits:
        at = time.strftime("%H:%M", time.localtime(waits.at))
        print(f"A login that was begun at {at} waits for its answer.")
        text = _line("The address, or nothing to begin anew: ")
    if waits is None or not text:
        waits = begin_pasted(service, account, os.environ, outside)
        text = _line("\nThe address: ")
    if not text:
        raise AuthRequired("Nothing was pasted. The login waits for a while: run this again to finish it.")
    return waits, text


def _line(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        return ""


def _outside() -> Outside:
    from acp_agent.accounts.login import Outside
    from acp_agent.assembly.adapters import adapter
    from acp_agent.assembly.credentials import post

    return Outside(
        post,
        adapter("oauth.loopback"),
        adapter("oauth.open_page"),
        time.time,
        partial(print, flush=True),
    )


def _run(login: Callable[[], Awaitable[Tokens]]) -> Tokens:
    import anyio

    return anyio.run(login)
