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

FAILED = 1
STOPPED = 3
"""The turn ended, but not because the model was done."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from acp_agent.cli import add_overrides

    parser.add_argument("prompt", metavar="PROMPT", help="what to do; - reads it from standard input")
    parser.add_argument("--json", action="store_true", help="print every event as a line of JSON")
    parser.add_argument("--cwd", type=Path, default=Path(), metavar="DIR", help="the folder to work in")
    parser.add_argument(
        "--trust-project",
        action="store_true",
        help="let all that the project's settings ask for count, this once",
    )
    add_overrides(parser)
    parser.epilog = (
        "Nobody is there to be asked: what the mode does not allow is refused, and the model told so. "
        "Exit status: 0 done, 1 failed, 3 stopped early (limit, refusal)."
    )


def run(args: argparse.Namespace) -> int:
    from acp_agent.assembly.headless import run_headless
    from acp_agent.cli import overrides_of
    from acp_agent.errors import AgentError

    prompt = sys.stdin.read() if args.prompt == "-" else args.prompt
    listener = _print_json if args.json else _Text()
    try:
        overrides = overrides_of(args)._replace(trust_project=args.trust_project)
        reason = run_headless(prompt, args.cwd.resolve(), listener, overrides)
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


def _print_json(event: Event) -> None:
    from acp_agent.session.records import to_json

    print(json.dumps(to_json(event), ensure_ascii=False), flush=True)


class _Text:
    """Prints the model's text, each of its messages on lines of its own."""

    def __init__(self) -> None:
        self._message_id: str | None = None

    def __call__(self, event: Event) -> None:
        from acp_agent.events import NoticeRaised, TextDelta

        if isinstance(event, NoticeRaised) and event.severity != "info":
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
