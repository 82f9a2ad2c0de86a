"""`acp-agent usage`: what was spent on models, by day, model, provider or session."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from acp_agent.spending.book import By, Line
    from acp_agent.spending.days import Span

DAYS = 30
MOST_DAYS = 36_500
WAYS: tuple[By, ...] = ("day", "model", "provider", "session")
HEAD = ("requests", "in", "cached", "written", "out", "reasoning", "cost")
WRONG = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--day", metavar="DAY", help="only this one: 2026-11-21, or today")
    when.add_argument(
        "--days", type=int, default=DAYS, metavar="N", help=f"today and the days before ({DAYS})"
    )
    parser.add_argument("--by", choices=WAYS, help="what a line stands for (day; model with --day)")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object a line, micro-dollars in it"
    )
    parser.epilog = (
        "Days are days of local time. `in` holds what services read from their caches and wrote to them. "
        "What is unknown is left out of a sum and said beside it."
    )


def run(args: argparse.Namespace) -> int:
    from acp_agent.config.paths import data_dir
    from acp_agent.errors import SpendingError
    from acp_agent.session.spent import all_calls
    from acp_agent.session.store import Store
    from acp_agent.spending.book import Book

    try:
        span = _span(args)
    except (ValueError, OverflowError):
        print("acp-agent: --day is a day such as 2026-11-21, --days a number of days", file=sys.stderr)
        return WRONG
    data = data_dir(os.environ)
    by: By = args.by or ("model" if args.day else "day")
    try:
        book = Book(data, partial(all_calls, Store(data).folder))
        lines = book.lines(span, by)
    except SpendingError as error:
        print(f"acp-agent: {error}", file=sys.stderr)
        return 1
    if book.remark:
        print(f"acp-agent: {book.remark}", file=sys.stderr)
    if args.json:
        for line in lines:
            print(json.dumps(_object(line, by), ensure_ascii=False))
    else:
        _print(lines, by)
    return 0


def _span(args: argparse.Namespace) -> Span:
    """Raises ValueError for what is no day, or no number of days."""
    from acp_agent.spending import days

    if args.day is not None:
        return days.span_of(days.today() if args.day == "today" else args.day)
    if not 1 <= args.days <= MOST_DAYS:
        raise ValueError(args.days)
    return days.last(args.days)


def _object(line: Line, by: By) -> dict[str, object]:
    return {
        by: line.name,
        "requests": line.requests,
        "uncounted": line.silent,
        **line.tokens._asdict(),
        "cost": line.cost.total,
        "known": line.cost.known,
        "unknown": line.cost.unknown,
    }


def _print(lines: Sequence[Line], by: By) -> None:
    if not lines:
        print("No model was asked in that time.")
        return
    rows = [*lines, _sum(lines)] if len(lines) > 1 else lines
    table = [(by, *HEAD), *((each.name, *_cells(each)) for each in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for name, *cells in table:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        print("  ".join((name.ljust(widths[0]), *numbers)))
    if any(line.silent for line in lines):
        print("* requests without a count from the provider: the tokens are without them")


def _sum(lines: Sequence[Line]) -> Line:
    from acp_agent.events import Tokens
    from acp_agent.spending.amounts import together

    tokens = Tokens(*map(sum, zip(*(line.tokens for line in lines), strict=True)))
    requests, silent = sum(line.requests for line in lines), sum(line.silent for line in lines)
    return lines[0]._replace(
        name="", requests=requests, silent=silent, tokens=tokens, cost=together(line.cost for line in lines)
    )


def _cells(line: Line) -> tuple[str, ...]:
    from acp_agent.spending.amounts import said

    tokens = line.tokens
    counts = (tokens.input, tokens.cached, tokens.written, tokens.output, tokens.reasoning)
    requests = f"{line.requests:,}{'*' if line.silent else ''}"
    return (requests, *(f"{count:,}" for count in counts), said(line.cost))
