"""The record of spending: nothing twice, nothing lost, whatever happens to the file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acp_agent import events
from acp_agent.errors import SpendingError
from acp_agent.events import ModelUsed, Tokens
from acp_agent.session.spent import all_calls
from acp_agent.spending import days
from acp_agent.spending.amounts import Amount, amount, together
from acp_agent.spending.book import LARGEST, Book
from acp_agent.spending.calls import Call
from acp_agent.spending.days import Span
from tests.unit.session.given import on_disk, plant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EVER = Span()
WAIT_S = 20
NOON = 1_700_000_000.0


def book(data: Path) -> Book:
    return Book(data, partial(all_calls, data / "sessions"))


def call(number: int = 1, *, session: str = "s", at: float = NOON, cost: int | None = 100) -> Call:
    return Call(session, number, at, "turn-1", "far/m", Tokens(10, 2, 5, 1, 3), cost)


def whole(found: Book) -> Amount:
    return together(found.by_model(EVER).values())


def files(data: Path) -> list[str]:
    return sorted(path.name for path in data.iterdir())


@pytest.fixture
def live_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Moves to a time zone for the length of the test."""

    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


def test_it_is_empty_at_first(tmp_path: Path) -> None:
    assert book(tmp_path).by_model(EVER) == {}
    assert book(tmp_path).lines(EVER, "day") == []


def test_no_call_counts_twice(tmp_path: Path) -> None:
    found = book(tmp_path)
    found.add([call(1), call(2), call(1, session="t")])
    found.add([call(1), call(2, cost=999_999)])
    assert whole(book(tmp_path)) == Amount(300)


@pytest.mark.parametrize(
    ("by", "lines"),
    [
        ("day", [("2023-11-14", 2, Amount(100, 1)), ("2023-11-15", 2, Amount(25))]),
        ("model", [("far/a", 1, Amount(100)), ("far/b/c", 1, Amount(20)), ("near/a", 2, Amount(5, 1))]),
        ("provider", [("far", 2, Amount(120)), ("near", 2, Amount(5, 1))]),
        ("session", [("s", 2, Amount(100, 1)), ("t", 2, Amount(25))]),
    ],
)
def test_lines(
    tmp_path: Path, live_in: Callable[[str], None], by: str, lines: list[tuple[str, int, Amount]]
) -> None:
    live_in("UTC")
    tokens = Tokens(10, 2)
    book(tmp_path).add(
        [
            Call("s", 1, NOON, "", "far/a", tokens, 100),
            Call("s", 2, NOON, "", "near/a", None, None),
            Call("t", 1, NOON + 86_400, "", "far/b/c", tokens, 20),
            Call("t", 2, NOON + 86_400, "", "near/a", tokens, 5),
        ]
    )
    found = book(tmp_path).lines(EVER, by)  # pyright: ignore[reportArgumentType] - from the table
    assert [(line.name, line.requests, line.cost) for line in found] == lines
    assert sum(line.silent for line in found) == 1
    assert sum(line.tokens.input for line in found) == 30


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York", "Pacific/Kiritimati"])
def test_days_are_local(tmp_path: Path, live_in: Callable[[str], None], zone: str) -> None:
    live_in(zone)
    span = days.span_of("2026-11-01")
    assert span.start is not None
    assert span.end is not None
    assert (span.end - span.start) / 3600 == (25 if zone == "America/New_York" else 24)
    found = book(tmp_path)
    times = [span.start - 1, span.start, span.end - 1, span.end]
    found.add(call(number, at=at, cost=10**number) for number, at in enumerate(times))
    assert together(found.by_model(span).values()) == Amount(110)
    assert [line.name for line in found.lines(span, "day")] == ["2026-11-01"]
    month = days.span_of("2026-10-31", 3)
    assert len(found.lines(month, "day")) == 3
    assert days.last(1).start == days.span_of(days.today()).start


def test_what_is_odd_can_be_kept(tmp_path: Path) -> None:
    odd = Call("\ud800", 10**30, NOON, "\x00", "\ud800/\x00", Tokens(-5, 10**30), 10**30)
    found = book(tmp_path)
    found.add([odd, call(2)])
    assert whole(found) == Amount(LARGEST + 100)
    assert len(found.lines(EVER, "model")) == 2


# From the journals --------------------------------------------------------------------------------


USED = ModelUsed("far/m", Tokens(10, 2), 100)


def test_it_is_made_anew_of_the_journals(tmp_path: Path) -> None:
    begun, ended = events.TurnStarted("turn-1"), events.TurnEnded("turn-1", "end_turn")
    plant(tmp_path, "s", begun, USED, ended, ModelUsed("far/m", None, None), at=NOON)
    plant(tmp_path, "t", USED, at=NOON)
    plant(tmp_path, "bad").write_bytes(b"no journal\n")
    found = book(tmp_path)
    assert whole(found) == Amount(200, 1)
    with contextlib.closing(sqlite3.connect(found.path)) as connection:
        rows = connection.execute("SELECT session, number, turn, provider, cost FROM call").fetchall()
    assert sorted(rows, key=str) == [
        ("s", 2, "turn-1", "far", 100), ("s", 4, "", "far", None), ("t", 1, "", "far", 100)
    ]  # fmt: skip
    found.add([Call("s", 2, NOON, "turn-1", "far/m", None, 100)])
    assert whole(found) == Amount(200, 1)


def test_it_outlives_the_sessions(tmp_path: Path) -> None:
    path = plant(tmp_path, "s", USED)
    assert whole(book(tmp_path)) == Amount(100)
    path.unlink()
    assert whole(book(tmp_path)) == Amount(100)


def test_what_a_fork_began_with_is_not_its_own(tmp_path: Path) -> None:
    path = plant(tmp_path, "fork", USED, USED, at=NOON)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[1] = lines[1].replace(f'"t":{NOON}', f'"t":{NOON - 5}')
    path.write_text("".join(lines), encoding="utf-8")
    assert whole(book(tmp_path)) == Amount(100)


# Damage and trouble ---------------------------------------------------------------------------------


def overwrite(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def run_sql(*statements: str) -> Callable[[Path], None]:
    def run(path: Path) -> None:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    return run


@pytest.mark.parametrize(
    "damage",
    [
        overwrite(b"no database" * 1000), cut,
        run_sql("DROP TABLE call"),
        run_sql("DROP TABLE call", "CREATE TABLE call (id)"),
        run_sql("UPDATE call SET model = CAST(x'ff' AS TEXT)"),
    ],
)  # fmt: skip
def test_a_damaged_one_is_put_aside(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    plant(tmp_path, "s", *[USED] * 50)
    found = book(tmp_path)
    assert whole(found) == Amount(5000)
    damage(found.path)
    found.add([call(1, session="new")])
    seen_by_adding = bool(found.remark)
    assert whole(found) == Amount(5100 if seen_by_adding else 5000)
    (aside,) = [name for name in files(tmp_path) if name.endswith(".damaged")]
    assert aside in found.remark
    assert whole(book(tmp_path)) == whole(found)


@pytest.mark.parametrize("empty", [overwrite(b""), os.unlink])
def test_one_that_is_gone_is_made_anew(tmp_path: Path, empty: Callable[[Path], object]) -> None:
    plant(tmp_path, "s", USED)
    found = book(tmp_path)
    assert whole(found) == Amount(100)
    empty(found.path)
    assert whole(found) == Amount(100)


@given(st.lists(st.tuples(st.integers(min_value=0), st.integers(0, 255)), min_size=1, max_size=30))
@settings(on_disk, max_examples=60)
def test_no_damage_is_another_error(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    data = tmp_path_factory.mktemp("data")
    found = book(data)
    found.add(call(number) for number in range(30))
    content = bytearray(found.path.read_bytes())
    for where, value in changes:
        content[where % len(content)] = value
    found.path.write_bytes(content)
    with contextlib.suppress(SpendingError):
        found.add([call(99)])
        whole(found)
        found.lines(EVER, "day")


def test_what_a_newer_version_has_written_is_left_alone(tmp_path: Path) -> None:
    found = book(tmp_path)
    found.add([call()])
    run_sql("PRAGMA user_version = 99")(found.path)
    for ask in (lambda: found.add([call(2)]), lambda: found.by_model(EVER)):
        with pytest.raises(SpendingError, match="newer acp-agent"):
            ask()
    assert files(tmp_path) == ["spending.db"]


def test_while_another_process_holds_it_it_is_left_alone(tmp_path: Path) -> None:
    found = book(tmp_path)
    found.add([call()])
    with contextlib.closing(sqlite3.connect(found.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert whole(found) == Amount(100), "it can be read meanwhile"
        with pytest.raises(SpendingError, match="locked"):
            found.add([call(2)])
        other.execute("ROLLBACK")
        found.add([call(2)])
    assert whole(found) == Amount(200)
    assert [name for name in files(tmp_path) if name.endswith("damaged")] == []


def test_where_it_cannot_be_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "spending.db").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for data in (tmp_path, tmp_path / "file"):
        with pytest.raises(SpendingError, match="cannot be kept or read"):
            book(data).add([call()])


def test_without_room_nothing_is_lost(tmp_path: Path) -> None:
    book(tmp_path).add([call()])
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from acp_agent.errors import SpendingError; from tests.unit.spending.test_book import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "try: book(Path(sys.argv[1])).add([call(2)])\n"
        "except SpendingError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)],
        capture_output=True, encoding="utf-8", timeout=WAIT_S, check=True,
    )  # fmt: skip
    assert "cannot be kept or read" in done.stdout
    assert whole(book(tmp_path)) == Amount(100)


def test_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    book(data).add([call()])
    assert stat.S_IMODE((data / "spending.db").stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert files(data) == ["spending.db"]


# Side by side ---------------------------------------------------------------------------------------

costs = st.lists(st.none() | st.integers(0, 10**9), max_size=20)


@given(
    costs.flatmap(lambda given: st.tuples(st.just(given), st.permutations(list(enumerate(given))))), st.data()
)
@settings(on_disk, max_examples=40)
def test_any_order_and_any_split_come_to_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    both: tuple[list[int | None], list[tuple[int, int | None]]],
    data: st.DataObject,
) -> None:
    given_costs, shuffled = both
    folder = tmp_path_factory.mktemp("data")
    books = [book(folder), book(folder), book(folder)]
    for number, cost in shuffled:
        for _ in range(data.draw(st.integers(1, 2))):
            data.draw(st.sampled_from(books)).add([call(number, cost=cost)])
    assert whole(book(folder)) == together(map(amount, given_costs))


def test_threads_side_by_side(tmp_path: Path) -> None:
    books = [book(tmp_path), book(tmp_path)]

    def work(number: int) -> None:
        books[number % 2].add([call(number)])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(100)))
    assert whole(book(tmp_path)) == Amount(10_000)


def test_processes_side_by_side(tmp_path: Path) -> None:
    plant(tmp_path, "s", *[USED] * 300)
    code = (
        "import sys; from pathlib import Path; from tests.unit.spending.test_book import *\n"
        "found = book(Path(sys.argv[1]))\n"
        "for number in range(20): found.add([call(number, session=sys.argv[2])])"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(name)]) for name in range(3)]
    assert [other.wait(WAIT_S) for other in others] == [0, 0, 0]
    assert whole(book(tmp_path)) == Amount(300 * 100 + 3 * 20 * 100)
