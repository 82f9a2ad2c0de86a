"""The index: it follows the journals, whoever wrote them, and whatever happens to itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent import events
from acp_agent.session.store import Entry, Query, Store
from tests.unit.session.given import asked, on_disk, plant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVERYTHING = Query(archived="include", limit=1000)
WAIT_S = 20


def entries(store: Store) -> tuple[Entry, ...]:
    return store.page(EVERYTHING).entries


def ids(store: Store) -> set[str]:
    return {entry.session_id for entry in entries(store)}


def rows(data: Path) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(data / "index.db")) as connection:
        return connection.execute("SELECT * FROM session ORDER BY id").fetchall()


notes = st.one_of(
    st.text(max_size=5).map(asked),
    st.builds(events.TitleChanged, st.text(max_size=5), st.booleans()),
    st.builds(events.Archived, st.booleans()),
    st.builds(events.TextDelta, st.just("m"), st.text(max_size=5)),
    st.just(events.TurnEnded("t", "end_turn")),
)


class Step(NamedTuple):
    """Something happens to one of the sessions that are open."""

    what: str
    which: int
    event: events.Event
    lost: int


steps = st.builds(
    Step,
    st.sampled_from(["create", "write", "write", "write", "tear", "page", "fork", "delete"]),
    st.integers(0, 3),
    notes,
    st.integers(1, 80),
)


@given(st.lists(steps, max_size=15))
@on_disk
def test_an_index_that_was_kept_equals_one_that_is_made_anew(
    tmp_path_factory: pytest.TempPathFactory, given_steps: list[Step]
) -> None:
    data = tmp_path_factory.mktemp("data")
    store = Store(data)
    journals = dict([store.create("/project")])
    for step in given_steps:
        session_id = list(journals)[step.which % len(journals)]
        journal = journals[session_id]
        match step.what:
            case "create":
                session_id, journal = store.create(f"/project/{step.which}")
            case "write":
                journal(step.event)
            case "tear":
                journal.close()
                header_bytes = journal.path.read_bytes().index(b"\n") + 1
                os.truncate(journal.path, max(header_bytes, journal.path.stat().st_size - step.lost))
                _, journal = store.open(session_id)
            case "fork":
                _, journal, session_id = store.fork(session_id, "/fork")
            case "delete" if len(journals) > 1:
                journals.pop(session_id).close()
                store.delete(session_id)
                continue
            case _:
                store.page(Query())
        journals[session_id] = journal
    kept, kept_rows = entries(store), rows(data)
    (data / "index.db").unlink()
    assert entries(Store(data)) == kept
    assert rows(data) == kept_rows
    for journal in journals.values():
        journal.close()


def test_what_others_do_in_the_folder_shows(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = plant(tmp_path, "first", asked("one"))
    assert ids(store) == {"first"}
    copy = tmp_path / "sessions" / "first (copy).jsonl"
    shutil.copy(first, copy)
    assert ids(store) == {"first", "first (copy)"}
    first.unlink()
    assert ids(store) == {"first (copy)"}
    plant(tmp_path, "first (copy)", asked("two, by hand"))
    assert [entry.title for entry in entries(store)] == ["two, by hand"]
    for name in (".hidden.jsonl", "notes.txt", "noise"):
        shutil.copy(copy, tmp_path / "sessions" / name)
    (tmp_path / "sessions" / "folder.jsonl").mkdir()
    os.mkfifo(tmp_path / "sessions" / "pipe.jsonl")
    assert ids(store) == {"first (copy)"}


def test_a_file_that_says_it_has_not_changed_is_looked_at_when_its_session_has(tmp_path: Path) -> None:
    """As on file systems that only tell once a file is closed: here the time is set back by hand."""
    store = Store(tmp_path)
    path = plant(tmp_path, "s", asked("one"))
    (before,) = entries(store)
    was = path.stat()
    path.write_bytes(path.read_bytes().replace(b'"one"', b'"two"'))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert entries(store) == (before,)
    store.listener("s")(events.TextDelta("m", "x"))
    assert entries(store) == (before,)
    path.write_bytes(path.read_bytes().replace(b'"t":1000.0', b'"t":2000.0'))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    store.listener("s")(events.TurnEnded("t", "end_turn"))
    assert entries(store) == (before._replace(title="two", updated=2000.0),)


def test_what_cannot_be_listed_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    plant(tmp_path, "good", asked("one"))
    bad = plant(tmp_path, "bad", asked("one"))
    good = bad.read_bytes()
    bad.write_bytes(good[5:])
    assert ids(store) == {"good"}
    (problem,) = store.unreadable()
    assert "bad.jsonl" in problem
    bad.write_bytes(good)
    assert ids(store) == {"good", "bad"}
    assert store.unreadable() == ()


def test_text_that_is_none_can_be_listed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    plant(tmp_path, "s", asked("\ud800 one"), events.TitleChanged("\ud800\x00two"), cwd="/\udcff")
    (entry,) = entries(store)
    assert (entry.cwd, entry.title) == ("/?", "two")
    assert store.page(Query("/\udcff")).entries == (entry,)


# Damage --------------------------------------------------------------------------------------


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
        overwrite(b""), overwrite(b"no database" * 1000), cut, os.unlink,
        run_sql("PRAGMA user_version = 99"),
        run_sql("DROP TABLE session", "CREATE TABLE session (id)"),
        run_sql("UPDATE session SET folders = '[', offset = 'x', size = 0"),
        run_sql("UPDATE session SET title = CAST(x'ff' AS TEXT)"),
        run_sql("UPDATE session SET folders = '5'"),
    ],
)  # fmt: skip
def test_a_damaged_index_is_made_anew(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    for number in range(50):
        plant(tmp_path, f"s-{number}", asked("one"))
    expected = entries(Store(tmp_path))
    assert len(expected) == 50
    store = Store(tmp_path)
    assert entries(store) == expected
    damage(tmp_path / "index.db")
    assert entries(store) == expected
    plant(tmp_path, "more", asked("two"))
    assert len(entries(store)) == len(entries(Store(tmp_path))) == 51
    assert len(rows(tmp_path)) == 51


def test_where_there_can_be_no_index_there_are_lists(tmp_path: Path) -> None:
    (tmp_path / "index.db").mkdir()
    plant(tmp_path, "s", asked("one"))
    store = Store(tmp_path)
    assert ids(store) == {"s"}
    plant(tmp_path, "more", asked("two"))
    assert ids(store) == {"s", "more"}
    store.delete("s")
    assert ids(store) == {"more"}


@given(st.lists(st.tuples(st.integers(min_value=0), st.integers(0, 255)), min_size=1, max_size=30))
@on_disk
def test_no_damage_is_an_error(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    data = tmp_path_factory.mktemp("data")
    for number in range(3):
        plant(data, f"s-{number}", asked("one"))
    entries(Store(data))
    index = bytearray((data / "index.db").read_bytes())
    for where, value in changes:
        index[where % len(index)] = value
    (data / "index.db").write_bytes(index)
    entries(Store(data))


def test_while_another_process_holds_the_index_there_are_lists(tmp_path: Path) -> None:
    plant(tmp_path, "s", asked("one"))
    store = Store(tmp_path)
    entries(store)
    plant(tmp_path, "more", asked("two"))
    with contextlib.closing(sqlite3.connect(tmp_path / "index.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        held = (tmp_path / "index.db").stat().st_ino
        assert ids(store) == {"s", "more"}
        assert (tmp_path / "index.db").stat().st_ino == held
        other.execute("ROLLBACK")
        assert other.execute("SELECT count(*) FROM session").fetchone() == (1,)
    assert ids(Store(tmp_path)) == {"s", "more"}


@pytest.mark.parametrize("existing", [False, True])
def test_without_room_for_an_index_there_are_lists(tmp_path: Path, existing: bool) -> None:
    plant(tmp_path, "s", asked("one"))
    if existing:
        entries(Store(tmp_path))
        plant(tmp_path, "more", asked("one"))
    code = (
        "import resource, signal, sys; from pathlib import Path; from acp_agent.session.store import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "store = Store(Path(sys.argv[1]))\n"
        "for _ in range(2): print(len(store.page(Query()).entries))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)],
        capture_output=True, encoding="utf-8", timeout=WAIT_S, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["2" if existing else "1"] * 2


def test_the_index_is_for_its_owner_alone(tmp_path: Path) -> None:
    plant(tmp_path, "s", asked("one"))
    entries(Store(tmp_path))
    assert stat.S_IMODE((tmp_path / "index.db").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.db", "sessions"]


# Side by side ----------------------------------------------------------------------------------


def test_threads_and_stores_side_by_side(tmp_path: Path) -> None:
    stores = [Store(tmp_path), Store(tmp_path)]

    def work(number: int) -> int:
        store = stores[number % 2]
        session_id, journal = store.create("/project")
        journal(asked(f"prompt {number}"))
        journal.close()
        return session_id in ids(store)

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(work, range(40)))
    assert len(ids(Store(tmp_path))) == 40


def test_processes_side_by_side(tmp_path: Path) -> None:
    for number in range(300):
        plant(tmp_path, f"s-{number}", asked("one"))
    code = (
        "import sys; from pathlib import Path; from acp_agent.session.store import *\n"
        "print(len(Store(Path(sys.argv[1])).page(Query(limit=1000)).entries))"
    )
    others = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [int(other.communicate(timeout=WAIT_S)[0]) for other in others] == [300] * 3
