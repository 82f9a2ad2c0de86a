"""`acp-agent models`: which models there are, what is known of them, and what services say they have."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from acp_agent.config.schema import Settings
    from acp_agent.models.prices import Price
    from acp_agent.models.routes import Route

NOT_KNOWN = "?"
_HEAD = ("model", "window", "output", "in", "out", "cached", "")


class _Provider(NamedTuple):
    """A provider and all that is known of its models."""

    alias: str
    models: Sequence[Route]
    first: Route | None
    """What is used of it; None when it cannot be used now."""
    trouble: str = ""
    """Why not."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    import argparse

    parser.add_argument(
        "--provider",
        default=argparse.SUPPRESS,  # it may also stand before the command
        metavar="NAME",
        help="only this one: a name of your settings or a provider type; its key need not be there",
    )
    parser.add_argument(
        "--refresh", action="store_true", help="ask the services which models they have, and keep the answer"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per model")
    parser.add_argument("--cwd", default=".", metavar="DIR", help="the project's folder (default: this one)")
    parser.epilog = "Prices are US dollars for a million tokens. ~ is a guess by the name, ? is not known."


def run(args: argparse.Namespace) -> int:
    """Prints what there is; 1 if there is nothing, or a service did not list its models."""
    import anyio

    from acp_agent.assembly.adapters import reach_by
    from acp_agent.cli.config import folder, warn_of_problems
    from acp_agent.config.load import load
    from acp_agent.errors import AgentError

    loaded = load(folder(args), os.environ)
    settings = loaded.settings
    warn_of_problems(loaded)
    try:
        reach_by(settings.http)
        names, failed = anyio.run(_asked, args, settings)
    except AgentError as error:
        print(f"acp-agent models: {error}", file=sys.stderr)
        return 1
    if not names:
        from acp_agent.models.routes import WHAT_TO_SET

        print(WHAT_TO_SET, file=sys.stderr)
        return 1
    for name in names:
        found = _provider(name, settings)
        failed = failed or (not found.models and bool(found.trouble))
        (_print_json if args.json else _print)(found, settings)
    return 1 if failed else 0


async def _asked(args: argparse.Namespace, settings: Settings) -> tuple[list[str], bool]:
    """The providers to show, asked for their models if that is wanted; whether one did not answer."""
    names = [args.provider] if args.provider else await _usable(settings)
    answered = [await _refresh(name, settings) for name in names] if args.refresh else []
    return names, not all(answered)


async def _usable(settings: Settings) -> list[str]:
    """Those of the settings, those whose key is in the environment, and an Ollama that answers."""
    from acp_agent.assembly.credentials import stored
    from acp_agent.models.routes import active_alias, configured_as, unconfigured

    accounts = stored(os.environ)
    active = active_alias(settings, os.environ, accounts)
    names = [*([active] if active else []), *settings.providers, *unconfigured(os.environ, accounts)]
    if configured_as("ollama", settings) not in names and await _installed():
        names.append("ollama")
    return list(dict.fromkeys(names))


async def _installed() -> Sequence[str]:
    from acp_agent.assembly.adapters import adapter
    from acp_agent.models.catalogue.providers import provider_types

    return await adapter("models.ollama")(provider_types()["ollama"].address(os.environ))


def _provider(name: str, settings: Settings) -> _Provider:
    from acp_agent.assembly.credentials import credentials
    from acp_agent.errors import AgentError
    from acp_agent.models.routes import all_known, configured_as, offered

    alias = configured_as(name, settings)
    try:
        known = all_known(alias, settings, os.environ)
    except AgentError as error:
        return _Provider(alias, (), None, str(error))
    try:
        first = next(offered(alias, settings, credentials(os.environ).sources))
    except AgentError as error:
        return _Provider(alias, known, None, str(error))
    return _Provider(alias, known, first)


async def _refresh(name: str, settings: Settings) -> bool:
    """Asks the service and keeps what it says; whether that could be done."""
    from acp_agent.assembly.adapters import adapter
    from acp_agent.assembly.credentials import credentials
    from acp_agent.errors import AgentError
    from acp_agent.models.fetched import keep
    from acp_agent.models.routes import reach

    try:
        found = reach(name, settings, credentials(os.environ).sources)
        models: Mapping[str, dict[str, object]] = await adapter("models.listed")(found)
        path = keep(os.environ, found.alias, found.base_url, models)
    except (AgentError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return False
    print(f"{found.alias}: {len(models)} models, kept in {path}", file=sys.stderr)
    return True


# For people ----------------------------------------------------------------------------------------


def _print(found: _Provider, settings: Settings) -> None:
    from acp_agent.config.values import without_credentials

    if found.first:
        where = f", {without_credentials(found.first.base_url)}" if found.first.base_url else ""
        print(f"{found.alias}: key {found.first.key.source}{where}")
    else:
        print(f"{found.alias}: cannot be used now. {found.trouble}")
    rows = [_HEAD, *(_row(each, found, settings) for each in found.models)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD))]
    if len(rows) == 1:
        print("  Nothing is known of its models. Name them in the settings, or ask with --refresh.")
        return
    for name, *cells in rows:
        columns = (cell.rjust(width) for cell, width in zip(cells[:-1], widths[1:-1], strict=True))
        print("  ".join((f"  {name.ljust(widths[0])}", *columns, cells[-1])).rstrip())


def _row(route: Route, found: _Provider, settings: Settings) -> tuple[str, ...]:
    guess = "~" if "window" in route.guessed else ""
    output = f"{route.max_output:,}" if route.max_output else NOT_KNOWN
    return (
        route.model,
        f"{guess}{route.window:,}",
        output,
        *_prices(route.price),
        _notes(route, found, settings),
    )


def _prices(price: Price | None) -> tuple[str, str, str]:
    if price is None:
        return NOT_KNOWN, NOT_KNOWN, NOT_KNOWN
    cached = price.input if price.cache_read is None else price.cache_read
    return _dollars(price.input), _dollars(price.output), _dollars(cached)


def _dollars(micro: int) -> str:
    from acp_agent.models.prices import MICRO

    whole, rest = divmod(micro, MICRO)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".")


def _notes(route: Route, found: _Provider, settings: Settings) -> str:
    notes = {
        "in use": found.first is not None and route.model == found.first.model,
        "configured": _is_configured(route, settings),
        "images": route.vision and "vision" not in route.guessed,
        "images?": route.vision and "vision" in route.guessed,
        "no tools": route.tools is False,
        "dearer when long": bool(route.price and route.price.tiers),
        "not known": not route.known,
    }
    return ", ".join(note for note, holds in notes.items() if holds)


# For programs --------------------------------------------------------------------------------------


def _print_json(found: _Provider, settings: Settings) -> None:
    if found.trouble and not found.models:
        print(found.trouble, file=sys.stderr)
    for line in _lines(found, settings):
        print(json.dumps(line, ensure_ascii=False))


def _lines(found: _Provider, settings: Settings) -> Iterator[dict[str, object]]:
    for route in found.models:
        yield {
            "provider": route.alias,
            "type": route.kind,
            "model": route.model,
            "usable": found.first is not None,
            "in_use": found.first is not None and route.model == found.first.model,
            "configured": _is_configured(route, settings),
            "known": route.known,
            "window": route.window,
            "max_output": route.max_output,
            "price": _fields(route.price),
            "images": route.vision,
            "tools": route.tools,
            "thought_levels": list(route.thought_levels),
            "guessed": sorted(route.guessed),
        }


def _fields(price: Price | None) -> dict[str, object] | None:
    if price is None:
        return None
    fields: dict[str, object] = {
        name: None if micro is None else _dollars(micro)
        for name, micro in zip(price._fields[:4], price[:4], strict=True)
    }
    return {**fields, "tiers": [{"from": start, **(_fields(other) or {})} for start, other in price.tiers]}


def _is_configured(route: Route, settings: Settings) -> bool:
    entry = settings.providers.get(route.alias)
    return entry is not None and route.model in (entry.model, *entry.models, *entry.model_info)
