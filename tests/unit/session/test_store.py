"""The store: making, opening, forking, noting, deleting and listing sessions."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent import events
from acp_agent.errors import InvalidParams, JournalError, NotFound
from acp_agent.session.store import Entry, Page, Query, Store
from acp_agent.session.summary import archived, title_of
from tests.unit.session.given import asked, on_disk, plant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVERYTHING = Query(archived="include", limit=1000)
WAIT_S = 20


def made(store: Store, *given_events: events.Event, cwd: str = "/project") -> str:
    session_id, journal = store.create(cwd)
    for event in given_events:
        journal(event)
    journal.close()
    return session_id


def listed(store: Store, query: Query = EVERYTHING) -> list[str]:
    return [entry.session_id for entry in store.page(query).entries]


def test_a_folder_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(JournalError, match="ACP_AGENT_DATA_DIR"):
        Store(tmp_path / "file").create("/project")


NO_IDS = [
    "nothing", "", ".", "..", "../s", "../../etc/passwd", "..\\x", "/etc/passwd", "a/b", "a\\b", ".hidden",
    "s\x00", "s\n", "C:s", "x" * 61, "x" * 100_000, "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("session_id", NO_IDS)
def test_a_session_that_is_not_there_is_an_error_with_its_id(tmp_path: Path, session_id: str) -> None:
    plant(tmp_path, "s")
    (tmp_path / "s.jsonl").write_text("outside", encoding="utf-8")
    store = Store(tmp_path)
    asks: list[Callable[[str], object]] = [
        store.read,
        store.open,
        lambda session_id: store.fork(session_id, "/project"),
        lambda session_id: store.note(session_id, events.Archived(True)),
    ]
    for ask in asks:
        with pytest.raises(NotFound) as caught:
            ask(session_id)
        assert caught.value.data == {"sessionId": session_id}
    store.delete(session_id)
    assert (tmp_path / "s.jsonl").exists()
    assert listed(store) == []


# Opening, noting, deleting ----------------------------------------------------------------


def test_a_session_goes_on_where_it_ended(tmp_path: Path) -> None:
    store = Store(tmp_path)
    session_id = made(store, asked("one"))
    contents, journal = store.open(session_id)
    assert [record.event for record in contents.records] == [asked("one")]
    journal(asked("two"))
    journal.close()
    assert [record[:2] for record in store.read(session_id).records] == [(1, 0), (2, 1)]


def test_what_is_open_elsewhere_can_be_read_and_forked_and_nothing_else(tmp_path: Path) -> None:
    store = Store(tmp_path)
    session_id = made(store, asked("one"))
    code = (
        "import sys; from pathlib import Path; from acp_agent.session.store import Store\n"
        "_, journal = Store(Path(sys.argv[1])).open(sys.argv[2]); print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path), session_id]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"\n"
        with pytest.raises(JournalError, match="another acp-agent process"):
            store.open(session_id)
        with pytest.raises(JournalError, match="another acp-agent process"):
            store.note(session_id, events.Archived(True))
        with pytest.raises(JournalError, match="another acp-agent process"):
            store.delete(session_id)
        assert listed(store) == [session_id]
        _, journal, _ = store.fork(session_id, "/project")
        journal.close()
        other.communicate(timeout=WAIT_S)
    store.note(session_id, events.Archived(True))
    assert archived(store.read(session_id))
    store.delete(session_id)
    with pytest.raises(NotFound):
        store.read(session_id)


def test_a_note_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    session_id = made(Store(tmp_path), asked("one"))
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from acp_agent.events import Archived; from acp_agent.session.store import Store\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "Store(Path(sys.argv[1])).note(sys.argv[2], Archived(True))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), session_id],
        capture_output=True, encoding="utf-8", timeout=WAIT_S, check=False,
    )  # fmt: skip
    assert "JournalError" in done.stderr
    assert not archived(Store(tmp_path).read(session_id))


def test_deleting_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep = made(store, asked("keep me"))
    gone = made(store, asked("a secret wish"))
    assert set(listed(store)) == {keep, gone}
    store.delete(gone)
    assert listed(store) == [keep]
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in found if b"secret wish" in path.read_bytes()]
    store.delete(gone)


def test_a_damaged_session_can_be_deleted(tmp_path: Path) -> None:
    path = plant(tmp_path, "s")
    path.write_text("no header\n", encoding="utf-8")
    Store(tmp_path).delete("s")
    assert not path.exists()


# Forks ---------------------------------------------------------------------------------------


def test_a_fork_begins_with_the_current_branch(tmp_path: Path) -> None:
    store = Store(tmp_path)
    session_id, journal = store.create("/old", ("/more",))
    for event in (asked("one"), asked("two"), events.ModeChanged("yolo"), events.Archived(True)):
        journal(event)
    journal.branch(1)
    for event in (asked("three"), events.TurnEnded("t", "end_turn")):
        journal(event)
    before = journal.path.read_bytes()
    contents, fork, fork_id = store.fork(session_id, "/new")
    fork(asked("four"))
    fork.close()
    journal.close()
    assert journal.path.read_bytes() == before
    assert contents.header[:2] == (fork_id, "/new")
    assert contents.header[3:] == ((), session_id)
    assert [record.event for record in contents.branch()] == [
        asked("one"),
        events.ModeChanged("yolo"),
        asked("three"),
        events.TurnEnded("t", "end_turn"),
        events.TitleChanged("one (fork)"),
    ]
    old = {record.event: record.time for record in store.read(session_id).records}
    assert [record.time for record in contents.records][:4] == [
        old[record.event] for record in contents.records[:4]
    ]
    assert [record[:2] for record in store.read(fork_id).records] == [(n, n - 1) for n in range(1, 7)]
    assert not archived(contents)


def fork_title(store: Store, session_id: str) -> tuple[str, str]:
    contents, journal, fork_id = store.fork(session_id, "/project")
    journal.close()
    return title_of(contents), fork_id


def test_a_fork_is_told_by_its_title(tmp_path: Path) -> None:
    store = Store(tmp_path)
    title, fork_id = fork_title(store, made(store, asked("x" * 100)))
    assert title == "x" * 73 + " (fork)"
    assert fork_title(store, fork_id)[0] == title
    of_person = events.TitleChanged("y" * 100, by_person=True)
    title, fork_id = fork_title(store, made(store, asked("x"), of_person))
    assert title == "y" * 100 + " (fork)"
    store.note(fork_id, events.TitleChanged("made up"))
    assert title_of(store.read(fork_id)) == title
    assert fork_title(store, made(store))[0] == ""


# Pages -----------------------------------------------------------------------------------------


def test_a_page_says_what_there_is_to_know(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.page(Query()) == Page((), None)
    assert list(tmp_path.iterdir()) == []
    session_id, journal = store.create("/project", ("/a", "/b"))
    listen = store.listener(session_id)
    assert listed(store) == []
    for event in (asked("one"), events.TextDelta("m", "answer"), events.TurnEnded("t", "end_turn")):
        journal(event)
        listen(event)
    ended = store.read(session_id).records[-1].time
    assert store.page(Query()).entries == (Entry(session_id, "/project", ("/a", "/b"), "one", ended, False),)
    journal.close()
    store.note(session_id, events.TitleChanged("new"))
    store.note(session_id, events.Archived(True))
    entry = Entry(session_id, "/project", ("/a", "/b"), "new", ended, True)
    assert store.page(Query()).entries == ()
    assert store.page(Query(archived="only")).entries == store.page(EVERYTHING).entries == (entry,)


def test_pages_are_of_one_folder(tmp_path: Path) -> None:
    store = Store(tmp_path)
    here = made(store, asked("x"), cwd="/project/a")
    slashes = made(store, asked("x"), cwd="/project//a/")
    inside = made(store, asked("x"), cwd="/project/a/b")
    assert set(listed(store, Query("/project/a"))) == {here, slashes}
    assert set(listed(store, Query("/project/b/../a/"))) == {here, slashes}
    assert listed(store, Query("/project/a/b")) == [inside]
    assert listed(store, Query("/project")) == []


def test_the_one_used_last_comes_first(tmp_path: Path) -> None:
    for session_id, at in (("b", 5.0), ("d", 7.5), ("a", 5.0), ("c", 6.0)):
        plant(tmp_path, session_id, asked("x"), at=at)
    assert listed(Store(tmp_path)) == ["d", "c", "b", "a"]


@given(
    st.lists(st.integers(0, 5), max_size=8),
    st.lists(st.lists(st.integers(0, 9), max_size=2), max_size=8),
    st.integers(1, 3),
)
@on_disk
def test_pages_visit_each_session_once_while_others_are_made(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], more: list[list[int]], limit: int
) -> None:
    data = tmp_path_factory.mktemp("data")
    store = Store(data)
    for number, at in enumerate(times):
        plant(data, f"old-{number}", asked("x"), at=at)
    seen: list[tuple[float, str]] = []
    cursor: str | None = None
    for round_number in range(len(times) + 2 * len(more) + 1):
        page = store.page(Query(cursor=cursor, limit=limit))
        assert len(page.entries) <= limit
        seen += [(entry.updated, entry.session_id) for entry in page.entries]
        for number, at in enumerate(more[round_number] if round_number < len(more) else ()):
            plant(data, f"new-{round_number}-{number}", asked("x"), at=at)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert cursor is None
    assert seen == sorted(set(seen), reverse=True)
    assert {session_id for _, session_id in seen} >= {f"old-{number}" for number in range(len(times))}


def encoded(position: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "", "x", "ünï", "\ud800", "====", encoded({}), encoded([]), encoded([1.0]), encoded([1.0, 2]),
        encoded(["1", "s"]), encoded([float("nan"), "s"]), encoded([1.0, "\ud800"]), encoded([1.0, "../s"]),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(), base64.urlsafe_b64encode(b"\xff").decode(),
    ],
)  # fmt: skip
def test_a_cursor_that_is_not_ours_is_refused(tmp_path: Path, cursor: str) -> None:
    with pytest.raises(InvalidParams, match="cursor") as caught:
        Store(tmp_path).page(Query(cursor=cursor))
    assert caught.value.data == {"param": "cursor"}


def test_the_beginning_of_an_id_will_do(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for session_id in ("abc", "abd", "xyz"):
        plant(tmp_path, session_id)
    assert [store.complete(given_id) for given_id in ("x", "ab", "abc", "q")] == ["xyz", "ab", "abc", "q"]
