"""`acp-agent run PROMPT`: one turn without an editor."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from acp_agent.events import Event
    from acp_agent.models.answers import Answers

FAILED = 1
WRONG = 2
STOPPED = 3
"""The turn ended, but not because the model was done."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    import argparse

    from acp_agent.cli import add_overrides

    parser.add_argument(
        "prompt", nargs="?", metavar="PROMPT", help="what to do; - reads it from standard input"
    )
    parser.add_argument("--json", action="store_true", help="print every event as a line of JSON")
    parser.add_argument("--cwd", type=Path, default=Path(), metavar="DIR", help="the folder to work in")
    parser.add_argument(
        "--trust-project",
        action="store_true",
        help="let all that the project's settings ask for count, this once",
    )
    parser.add_argument(
        "--max-cost",
        type=_dollars,
        metavar="DOLLARS",
        help="stop when the run has cost so much; warn at four fifths of it",
    )
    parser.add_argument(
        "--cache", action="store_true", help="take the answer from an earlier run that asked just the same"
    )
    parser.add_argument(
        "--cache-ttl", type=_seconds, metavar="SECS", help="--cache, for answers that are no older (3600)"
    )
    parser.add_argument("--cache-clear", action="store_true", help="forget all such answers first")
    add_overrides(parser, argparse.SUPPRESS)
    parser.epilog = (
        "Nobody is there to be asked: what the mode does not allow is refused, and the model told so. "
        "Exit status: 0 done, 1 failed, 3 stopped early (limit, refusal)."
    )


def run(args: argparse.Namespace) -> int:
    if args.cache_clear:
        _clear_cache()
    if args.prompt is None:
        if args.cache_clear:
            return 0
        print("usage: acp-agent run [options] PROMPT\nacp-agent: say what is to be done", file=sys.stderr)
        return WRONG
    from acp_agent.assembly.headless import run_headless
    from acp_agent.cli import overrides_of
    from acp_agent.errors import AgentError

    prompt = sys.stdin.read() if args.prompt == "-" else args.prompt
    listener = _print_json if args.json else _Text()
    try:
        overrides = overrides_of(args)._replace(trust_project=args.trust_project, max_cost=args.max_cost)
        reason = run_headless(prompt, args.cwd.resolve(), listener, overrides, _answers(args))
    except AgentError as error:
        if not args.json:
            _end_line(listener)
        print(f"acp-agent: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"acp-agent: the answer cannot be written: {error.strerror}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    if not args.json:
        _end_line(listener)
        if reason != "end_turn":
            print(f"acp-agent: stopped early: {reason}", file=sys.stderr)
    return 0 if reason == "end_turn" else STOPPED


def _answers(args: argparse.Namespace) -> Answers | None:
    """Where answers are kept, if they are to be."""
    if not args.cache and args.cache_ttl is None:
        return None
    from acp_agent.config.paths import data_dir
    from acp_agent.models.answers import TTL_S, Answers

    return Answers(data_dir(os.environ), TTL_S if args.cache_ttl is None else args.cache_ttl)


def _clear_cache() -> None:
    from acp_agent.config.paths import data_dir
    from acp_agent.models.answers import Answers

    print(f"acp-agent: kept answers removed: {Answers(data_dir(os.environ)).clear()}", file=sys.stderr)


def _dollars(text: str) -> float:
    return _amount(text, "dollars")


def _seconds(text: str) -> float:
    return _amount(text, "seconds")


def _amount(text: str, of: str) -> float:
    import argparse

    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of {of}")
    return value


def _print_json(event: Event) -> None:
    from acp_agent.session.records import to_json

    print(json.dumps(to_json(event), ensure_ascii=False), flush=True)


class _Text:
    """Prints the model's text, each of its messages on lines of its own."""

    def __init__(self) -> None:
        self._message_id: str | None = None

    def __call__(self, event: Event) -> None:
        from acp_agent.events import NoticeRaised, TextDelta

        if isinstance(event, NoticeRaised) and (event.always or event.severity != "info"):
            print(f"acp-agent: {event.title}", file=sys.stderr, flush=True)
        if not isinstance(event, TextDelta):
            return
        if self._message_id not in (None, event.message_id):
            print()
        self._message_id = event.message_id
        print(event.text, end="", flush=True)

    def end(self) -> None:
        if self._message_id is not None:
            print(flush=True)


def _end_line(listener: object) -> None:
    if isinstance(listener, _Text):
        listener.end()
