"""`acp-agent permission list|rules|allow|revoke|clear`: what is granted for a project, and its rules."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, get_args

from acp_agent.cli.config import folder, print_problems

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from acp_agent.permission.rules import Rule
    from acp_agent.session.granted import Kept, ProjectGrants


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from acp_agent.permission.claims import Operation

    actions = parser.add_subparsers(dest="action", required=True, metavar="list|rules|allow|revoke|clear")
    listed = actions.add_parser("list", help="print what is granted for the project")
    rules = actions.add_parser("rules", help="print every rule that holds in the folder, and who says so")
    allow = actions.add_parser("allow", help="grant something, in all sessions of the project")
    allow.add_argument("operation", choices=get_args(Operation), metavar="OPERATION", help="execute, edit, …")
    allow.add_argument("pattern", metavar="PATTERN", help='such as "git push *" or "src/**"')
    revoke = actions.add_parser("revoke", help="take a grant back")
    revoke.add_argument("number", type=int, metavar="N", help="its number in the list")
    clear = actions.add_parser("clear", help="take back all grants of the project")
    for each in (listed, rules, allow, revoke, clear):
        each.add_argument(
            "--cwd", default=".", metavar="DIR", help="the project's folder (default: this one)"
        )
        each.add_argument("--json", action="store_true", help="print one JSON object per line")


def run(args: argparse.Namespace) -> int:
    from acp_agent.errors import AgentError
    from acp_agent.session.granted import project_grants

    if args.action == "rules":
        return _rules(args)
    store = project_grants(os.environ, folder(args))
    if store is None:
        print("Nothing is kept for this folder: the agent's data would lie in it.", file=sys.stderr)
        return 1
    actions: dict[str, Callable[[ProjectGrants, argparse.Namespace], int]] = {
        "list": _list,
        "allow": _allow,
        "revoke": _revoke,
        "clear": _clear,
    }
    try:
        return actions[args.action](store, args)
    except AgentError as error:
        print(error, file=sys.stderr)
        return 1


def _list(store: ProjectGrants, args: argparse.Namespace) -> int:
    kept = store.kept()
    if args.json:
        _print_json({"number": at, **_fields(each)} for at, each in enumerate(kept, 1))
        return 0
    for at, each in enumerate(kept, 1):
        print(f"{at}. {_line(each.rule)}{_with(each)}")
    if not kept:
        print(f"Nothing is granted for {store.root}.")
    return 0


def _allow(store: ProjectGrants, args: argparse.Namespace) -> int:
    from acp_agent.permission.grants import PROJECT
    from acp_agent.permission.rules import Rule

    store.add([Rule(args.operation, args.pattern, "allow", PROJECT)])
    return _list(store, args)


def _revoke(store: ProjectGrants, args: argparse.Namespace) -> int:
    kept, number = store.kept(), int(args.number)
    if not 1 <= number <= len(kept):
        print(f"There is no grant {number}; `acp-agent permission list` numbers them.", file=sys.stderr)
        return 1
    store.remove([kept[number - 1].rule])
    return _list(store, args)


def _clear(store: ProjectGrants, args: argparse.Namespace) -> int:
    store.remove([kept.rule for kept in store.kept()])
    return _list(store, args)


def _rules(args: argparse.Namespace) -> int:
    """In the order in which they are read: of those in one list that match, the last one counts."""
    from acp_agent.assembly.deciding import Footing, rules_in
    from acp_agent.config.load import load

    loaded = load(folder(args), os.environ)
    found = rules_in(Footing(loaded.settings, (folder(args),), os.environ))
    if args.json:
        _print_json(rule._asdict() for rule in found)
    else:
        for at, rule in enumerate(found, 1):
            print(f"{at}. {_line(rule)}  ({rule.source})")
        if not found:
            print("There are no rules: the mode decides.")
        print_problems(loaded)
    return 1 if loaded.problems else 0


def _line(rule: Rule) -> str:
    from acp_agent.invisible import visible

    where = "outside, " if rule.outside else ""
    of_tool = f", of {rule.tool}" if rule.tool else ""
    tightens = ", only where stricter" if rule.only_tightens else ""
    return visible(f"{where}{rule.action} {rule.operation} {rule.pattern}{of_tool}{tightens}")


def _with(kept: Kept) -> str:
    return f"  (with {', '.join(kept.folders)})" if kept.folders else ""


def _fields(kept: Kept) -> dict[str, object]:
    rule = kept.rule
    return {
        "operation": rule.operation,
        "pattern": rule.pattern,
        "action": rule.action,
        "folders": kept.folders,
        "since": kept.since,
    }


def _print_json(rows: Iterable[dict[str, object]]) -> None:
    import json

    for row in rows:
        print(json.dumps(row, ensure_ascii=False))
