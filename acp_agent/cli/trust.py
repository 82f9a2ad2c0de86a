"""`acp-agent trust`: what a project's settings ask for, and the user's word on it."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from acp_agent.config.project import Project
    from acp_agent.config.trust import Trust

NOT_TRUSTED = 1
USAGE = 2
BY_A_COMMAND = (
    "acp-agent trust: this is for a person to say, and it was started by a command of the agent. "
    "Type it in a terminal of yours, or /trust in the editor."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cwd", default=".", metavar="DIR", help="the project's folder (default: this one)")
    word = parser.add_mutually_exclusive_group()
    word.add_argument("--yes", action="store_true", help="trust exactly what is shown, without a question")
    word.add_argument("--revoke", action="store_true", help="withdraw it")
    word.add_argument("--list", action="store_true", help="list the projects that were trusted")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.epilog = (
        "Without an option it shows what is asked for, and on a terminal asks whether to trust it. "
        "Exit status: 0 trusted, or nothing is asked for; 1 not trusted."
    )


def run(args: argparse.Namespace) -> int:
    from acp_agent.cli.config import folder
    from acp_agent.config.load import load
    from acp_agent.config.project import Project
    from acp_agent.errors import ConfigError

    if args.list:
        return _list(as_json=args.json)
    if args.yes and _is_of_agent():
        print(BY_A_COMMAND, file=sys.stderr)
        return USAGE
    cwd = folder(args)
    project = Project(cwd, os.environ, lambda: load(cwd, os.environ).trust)
    try:
        if args.revoke:
            withdrawn = project.withdraw()
            print(json.dumps({"revoked": withdrawn}) if args.json else _revoked(withdrawn))
            return 0
        return _look(project, args)
    except ConfigError as error:
        print(f"acp-agent trust: {error}", file=sys.stderr)
        return NOT_TRUSTED


def _look(project: Project, args: argparse.Namespace) -> int:
    now = project.look()
    asking = not (args.yes or args.json) and now is not None and now.state in ("untrusted", "changed")
    if now and not args.json:
        print(*_shown(now), sep="\n")
    if now and (args.yes or (asking and _says_yes())):
        digest, now = now.demands.digest, project.give(now.demands.digest)
        if not args.json:
            print(_outcome(now, digest))
    if args.json:
        print(json.dumps(_as_json(now), ensure_ascii=False))
    elif now is None:
        print("Nothing is asked for that needs your trust.")
    return 0 if now is None or now.holds else NOT_TRUSTED


def _is_of_agent() -> bool:
    """Whether a command of the agent has started us."""
    from acp_agent.workspace.guard import MARKER_VARIABLE

    return bool(os.environ.get(MARKER_VARIABLE))


def _says_yes() -> bool:
    if _is_of_agent() or not (os.isatty(0) and os.isatty(1)):
        return False
    try:
        return input("Trust exactly this? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _shown(now: Trust) -> list[str]:
    lines = [f"{now.file} asks for:", *(f"    {line}" for line in now.demands.lines)]
    if now.state == "refused":
        return [*lines, f"This cannot be trusted: {now.reason}."]
    if now.state == "trusted":
        return [*lines, "Trusted. `acp-agent trust --revoke` withdraws it."]
    if now.state == "changed":
        return [
            *lines,
            "Changed since you trusted it, and ignored:",
            *(f"    {line}" for line in now.changes),
        ]
    return [*lines, "Not trusted, and ignored. `acp-agent trust --yes` trusts exactly this."]


def _outcome(now: Trust | None, digest: str) -> str:
    if now and now.holds and now.demands.digest == digest:
        return "Trusted, for sessions that are begun or loaded from now on."
    return "It has changed meanwhile or cannot be trusted. Nothing was trusted."


def _revoked(withdrawn: bool) -> str:
    return (
        "Withdrawn, for sessions that are begun or loaded from now on."
        if withdrawn
        else "It was not trusted."
    )


def _as_json(now: Trust | None) -> dict[str, object]:
    if now is None:
        return {"state": "nothing"}
    return {
        "state": now.state,
        "root": str(now.root),
        "file": str(now.file),
        "digest": now.demands.digest,
        "asks": list(now.demands.lines),
        "changes": list(now.changes),
        "reason": now.reason,
    }


def _list(*, as_json: bool) -> int:
    import time

    from acp_agent.config.trust import trusted_roots

    for kept in trusted_roots(os.environ):
        if as_json:
            print(json.dumps({"root": kept.root, "digest": kept.digest, "at": kept.at}))
        else:
            print(f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(kept.at))}  {kept.root}")
    return 0
