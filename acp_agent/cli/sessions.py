"""`acp-agent sessions`: what the journals hold."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from acp_agent.redaction.redactor import Redactor
    from acp_agent.session.journal import Contents, Record
    from acp_agent.session.store import Store

LISTED_AT_ONCE = 1000
"""Each page looks at all files again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list sessions, the one used last first")
    listing.add_argument("--archived", action="store_true", help="only those that were archived")
    show = actions.add_parser("show", help="print a session")
    show.add_argument("--json", action="store_true", help="print its records, one JSON object a line")
    delete = actions.add_parser("delete", help="delete a session for ever")
    for action in (show, delete):
        action.add_argument("session", metavar="SESSION", help="its id, or enough of its beginning")


def run(args: argparse.Namespace) -> int:
    from acp_agent.config.paths import data_dir
    from acp_agent.errors import AgentError, JournalError
    from acp_agent.session.store import Store

    store = Store(data_dir(os.environ))
    try:
        if args.action == "list":
            return _list(store, args.archived)
        session_id = store.complete(args.session)
        if args.action == "delete":
            with contextlib.suppress(JournalError):  # a damaged one can be deleted too
                store.read(session_id)
            store.delete(session_id)
            return 0
        contents = store.read(session_id)
    except AgentError as error:
        print(f"acp-agent: {error}", file=sys.stderr)
        return 1
    for problem in contents.skipped:
        print(f"acp-agent: skipped {problem}", file=sys.stderr)
    if args.json:
        _print_records(contents)
    else:
        _print_conversation(contents)
    return 0


def _list(store: Store, archived: bool) -> int:
    from acp_agent.session.store import Query

    query = Query(archived="only" if archived else "exclude", limit=LISTED_AT_ONCE)
    while True:
        page = store.page(query)
        for entry in page.entries:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.updated))
            print(f"{entry.session_id}  {when}  {entry.cwd}  {entry.title or '(no text)'}")
        if page.next_cursor is None:
            break
        query = query._replace(cursor=page.next_cursor)
    problems = store.unreadable()
    for problem in problems:
        print(f"acp-agent: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _print_records(contents: Contents) -> None:
    from acp_agent.redaction.events import kept
    from acp_agent.session.records import to_json

    for record in contents.records:
        head = {"n": record.number, "p": record.parent, "t": record.time}
        print(json.dumps({**head, **to_json(kept(record.event, _redactor()))}, ensure_ascii=False))


def _print_conversation(contents: Contents) -> None:
    created = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(contents.header.created))
    print(f"{contents.header.session_id} in {contents.header.cwd}, begun {created}")
    from acp_agent.redaction.events import kept

    titles: dict[str, str] = {}
    for record in contents.branch():
        _print_event(record._replace(event=kept(record.event, _redactor())), titles)
    print()


@cache
def _redactor() -> Redactor:
    """What was kept before secrets were taken out of it has them still."""
    from acp_agent.redaction.redactor import Redactor
    from acp_agent.workspace.environment import secret_values

    return Redactor([], secret_values(os.environ))


def _print_event(record: Record, titles: dict[str, str]) -> None:
    from acp_agent import events as e
    from acp_agent.content import Text

    match record.event:
        case e.UserMessage(_, content):
            print(
                "\n\n> "
                + "\n> ".join(part.text if isinstance(part, Text) else part.uri or "" for part in content)
            )
        case e.TextDelta(_, text):
            print(text, end="")
        case e.ToolCallStarted(call_id, _, _, title):
            titles[call_id] = title
        case e.ToolCallUpdated(call_id, title=title) if title:
            titles[call_id] = title
        case e.ToolCallFinished(call_id, failed):
            print(f"\n[{'failed' if failed else 'done'}] {titles.get(call_id, call_id)}")
        case e.TurnEnded(_, reason, error) if reason != "end_turn":
            print(f"\n[{error or reason}]")
        case _:
            pass
