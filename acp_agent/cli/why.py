"""`acp-agent why`: what would happen to a tool call in a folder, and who says so. Nothing is run."""

from __future__ import annotations

import json
import os
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent.errors import AgentError, InvalidParams

if TYPE_CHECKING:
    import argparse

    from acp_agent.assembly.deciding import Circumstances, Deciding
    from acp_agent.permission.explaining import Explained

WRONG = 2
PLACES = 64
"""So many folders, modes and sandboxes are kept ready at a time for what comes on standard input."""


class _Asked(NamedTuple):
    tool: str
    input: dict[str, object]
    circumstances: Circumstances


def add_arguments(parser: argparse.ArgumentParser) -> None:
    import argparse

    parser.add_argument("--tool", metavar="NAME", help="the tool that is called: bash, read, edit, mcp__…")
    parser.add_argument("--input", metavar="JSON", help="its arguments, as the model would send them")
    parser.add_argument(
        "--mode",
        default=argparse.SUPPRESS,  # it may also stand before the command
        metavar="MODE",
        help="standard, restrictive, accept, yolo or plan",
    )
    parser.add_argument("--cwd", default=".", metavar="DIR", help="the project's folder (default: this one)")
    parser.add_argument("--sandbox", metavar="HOW", help="off, auto, required, bwrap or landlock")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--stdin",
        action="store_true",
        help="read one JSON object a line (tool, input; mode, cwd, sandbox) and answer each with one",
    )
    parser.epilog = (
        'For example: acp-agent why --tool bash --input \'{"command": "git push"}\'. '
        "Exit status: 0 whatever the decision, 2 when there is no such call."
    )


def run(args: argparse.Namespace) -> int:
    from acp_agent.assembly.deciding import Circumstances

    usual = Circumstances(args.cwd, args.mode, args.sandbox)
    if args.stdin:
        return _stream(usual)
    try:
        if args.tool is None or args.input is None:
            raise InvalidParams("Give --tool and --input, or --stdin.")
        asked = _Asked(args.tool, _object(args.input, "--input"), usual)
        explained = _Decider().explain(asked)
    except AgentError as error:
        print(f"acp-agent why: {error}", file=sys.stderr)
        return WRONG
    print(json.dumps(explained.as_json()) if args.json else explained.as_text())
    return 0


def _stream(usual: Circumstances) -> int:
    """Answers line by line, in order, until the input ends."""
    decider = _Decider()
    for line in sys.stdin.buffer:
        sys.stdout.write(json.dumps(_answer(decider, line, usual)) + "\n")
        sys.stdout.flush()
    return 0


def _answer(decider: _Decider, line: bytes, usual: Circumstances) -> dict[str, object]:
    try:
        return decider.explain(_asked(line, usual)).as_json()
    except (AgentError, OSError) as error:
        return {"error": str(error)}
    except Exception as error:  # a line with which we have a bug must not end the others
        return {"error": f"internal error ({type(error).__name__})"}


class _Decider:
    """What decides, built once for each circumstances."""

    def __init__(self) -> None:
        self._ready = lru_cache(maxsize=PLACES)(_deciding)

    def explain(self, asked: _Asked) -> Explained:
        return self._ready(asked.circumstances).consider(asked.tool, asked.input)


def _deciding(circumstances: Circumstances) -> Deciding:
    from acp_agent.assembly.deciding import Deciding

    return Deciding(circumstances, os.environ)


def _asked(line: bytes, usual: Circumstances) -> _Asked:
    given = _object(line, "The line")
    tool, arguments = given.get("tool"), given.get("input")
    if not isinstance(tool, str) or not isinstance(arguments, dict):
        raise InvalidParams("`tool` must be a text and `input` an object.")
    places = {key: given[key] for key in ("cwd", "mode", "sandbox") if given.get(key) is not None}
    if not all(isinstance(value, str) for value in places.values()):
        raise InvalidParams("`cwd`, `mode` and `sandbox` must be texts.")
    circumstances = usual._replace(**cast("dict[str, str]", places))
    return _Asked(tool, cast("dict[str, object]", arguments), circumstances)


def _object(text: str | bytes, what: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidParams(f"{what} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidParams(f"{what} must be a JSON object.")
    return cast("dict[str, object]", value)
