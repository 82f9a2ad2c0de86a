"""`acp-agent config path|show|check|schema`: where the settings are, what holds, what is wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from acp_agent.cli import overrides_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from acp_agent.config.load import Loaded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="path|show|check|schema")
    actions.add_parser("path", help="print where your settings file is, or would be")
    show = actions.add_parser("show", help="print the settings that hold in a folder, and who says so")
    show.add_argument("--json", action="store_true", help="print one JSON object per line")
    check = actions.add_parser("check", help="print what is wrong with the settings; status 1 if anything is")
    for parser_of_folder in (show, check):
        parser_of_folder.add_argument(
            "--cwd", default=".", metavar="DIR", help="the project's folder (default: this one)"
        )
    actions.add_parser("schema", help="print the JSON Schema of the settings, for editors")


def run(args: argparse.Namespace) -> int:
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "path": _path,
        "show": _show,
        "check": _check,
        "schema": _schema,
    }
    return actions[args.action](args)


def folder(args: argparse.Namespace) -> Path:
    """The project's folder that `--cwd` names."""
    return Path(args.cwd).absolute()


def print_problems(loaded: Loaded) -> None:
    """Each problem with what to do about it, then what was left out of a project's settings."""
    for problem in loaded.problems:
        print(f"{problem}\n    {problem.hint}")
    for note in loaded.notes:
        print(f"note: {note}")


def warn_of_problems(loaded: Loaded) -> None:
    """For commands that do what they can all the same."""
    if loaded.problems:
        print(
            f"acp-agent: {len(loaded.problems)} of the settings are wrong and do not count here: "
            "run `acp-agent config check`.",
            file=sys.stderr,
        )


def _path(_: argparse.Namespace) -> int:
    from acp_agent.config.paths import config_file

    print(config_file(os.environ))
    return 0


def _show(args: argparse.Namespace) -> int:
    import json

    from acp_agent.config.document import effective
    from acp_agent.config.load import resolve

    resolved = resolve(folder(args), os.environ, overrides_of(args))
    for line in effective(resolved):
        print(json.dumps(line._asdict(), ensure_ascii=False) if args.json else line)
    if not args.json:
        print_problems(resolved.loaded)
    return 1 if resolved.loaded.problems else 0


def _check(args: argparse.Namespace) -> int:
    from acp_agent.config.load import load
    from acp_agent.config.paths import config_file

    loaded = load(folder(args), os.environ, overrides_of(args))
    print_problems(loaded)
    if loaded.problems:
        return 1
    read = ", ".join(map(str, loaded.sources)) or f"there is no {config_file(os.environ)}, defaults hold"
    print(f"ok: {read}")
    return 0


def _schema(_: argparse.Namespace) -> int:
    from acp_agent.config.schema import schema_text

    print(schema_text(), end="")
    return 0
