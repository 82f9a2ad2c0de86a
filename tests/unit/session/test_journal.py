"""The journal: what is written is read back, and damage costs no more than what it touches."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent import events
from acp_agent.content import Resource, ResourceLink, Text
from acp_agent.errors import JournalError, NotFound
from acp_agent.session.journal import Header, Journal, read
from acp_agent.session.records import from_json, to_json
from acp_agent.session.store import Store, Summary

if TYPE_CHECKING:
    from pathlib import Path

HEADER = Header("s-1", "/project", 1_700_000_000.0)

text = st.text(max_size=40)
plain = st.dictionaries(text, st.none() | st.integers() | text | st.lists(text, max_size=2), max_size=3)
locations = st.builds(events.Location, text, st.none() | st.integers(min_value=1))
shown = st.one_of(
    st.builds(events.ShownText, text),
    st.builds(events.ShownDiff, text, st.none() | text, text),
    st.builds(events.ShownCommand, text, text, text, st.none() | st.integers(), st.none() | text, text, text),
)
parts = st.builds(Text, text) | st.builds(ResourceLink, text, text) | st.builds(Resource, text, text)
some_events = st.one_of(
    st.builds(events.UserMessage, text, st.lists(parts, max_size=2).map(tuple)),
    st.builds(events.TextDelta, text, text),
    st.builds(events.ThoughtDelta, text, text),
    st.builds(events.ToolCallStarted, text, text, text, text, st.just("read"), st.none() | text),
    st.builds(
        events.ToolCallUpdated, text, arguments=st.none() | text, raw_input=st.none() | plain,
        locations=st.none() | st.lists(locations, max_size=2).map(tuple),
    ),
    st.builds(
        events.ToolCallFinished, text, st.booleans(), text,
        content=st.none() | st.lists(shown, max_size=2).map(tuple), record=st.none() | plain,
    ),
    st.builds(events.PlanChanged, st.lists(st.builds(events.PlanEntry, text), max_size=2).map(tuple)),
    st.builds(events.UsageChanged, st.integers(min_value=0), st.integers(min_value=0)),
    st.builds(events.TurnEnded, text, st.none() | st.just("end_turn"), st.none() | text),
)  # fmt: skip


def write(path: Path, given_events: list[events.Event]) -> None:
    path.unlink(missing_ok=True)
    journal = Journal(path, HEADER)
    journal.on_trouble = pytest.fail
    for event in given_events:
        journal(event)
    journal.close()


@given(some_events)
def test_an_event_survives_json(event: events.Event) -> None:
    assert from_json(to_json(event)) == event


@given(st.lists(some_events, max_size=6), st.integers(min_value=0))
def test_a_journal_cut_at_any_byte_gives_what_was_whole(
    tmp_path_factory: pytest.TempPathFactory, given_events: list[events.Event], cut: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "s.jsonl"
    write(path, given_events)
    data = path.read_bytes()
    cut %= len(data) + 1
    path.write_bytes(data[:cut])
    whole_lines = data[:cut].count(b"\n")
    if whole_lines == 0:
        with pytest.raises(JournalError):
            read(path)
        return
    contents = read(path)
    assert contents.header == HEADER
    assert [record.event for record in contents.records] == given_events[: whole_lines - 1]
    assert bool(contents.skipped) == (not data[:cut].endswith(b"\n"))


@given(st.lists(some_events, min_size=1, max_size=5), st.integers(min_value=0), st.binary(max_size=20))
def test_a_bad_line_is_skipped_and_named(
    tmp_path_factory: pytest.TempPathFactory, given_events: list[events.Event], where: int, junk: bytes
) -> None:
    path = tmp_path_factory.mktemp("journal") / "s.jsonl"
    write(path, given_events)
    lines = path.read_bytes().split(b"\n")
    where = 1 + where % len(given_events)
    lines.insert(where, b"~" + junk.replace(b"\n", b""))
    path.write_bytes(b"\n".join(lines))
    contents = read(path)
    assert [record.event for record in contents.records] == given_events
    assert len(contents.skipped) == 1
    assert contents.skipped[0].startswith(f"line {where + 1}:")


def test_records_carry_parent_pointers_and_leave_out_what_only_watchers_need(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    write(
        path,
        [
            events.TextDelta("m", "a"),
            events.NoticeRaised("info", "not kept"),
            events.ToolCallProgress("c", ()),
            events.OutputDelta("c", "not kept either"),
            events.TextDelta("m", "b"),
        ],
    )
    assert [(record.number, record.parent) for record in read(path).records] == [(1, 0), (2, 1)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_disk_is_reported_once_and_nothing_is_lost(tmp_path: Path) -> None:
    """/dev/full stands in for the full disk; then the descriptor is pointed at a file that has room."""
    path, room = tmp_path / "s.jsonl", tmp_path / "room"
    told: list[str] = []
    journal = Journal(path, HEADER)
    journal.on_trouble = told.append
    fd = next(
        int(name)
        for name in os.listdir("/proc/self/fd")
        if os.path.realpath(f"/proc/self/fd/{name}") == str(path)
    )
    header = path.read_bytes()
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, fd)
    os.close(full)
    journal(events.TextDelta("m", "one"))
    journal(events.TextDelta("m", "two"))
    assert len(told) == 1
    assert "Make room" in told[0]
    target = os.open(room, os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(target, fd)
    os.close(target)
    journal(events.TextDelta("m", "three"))
    journal.close()
    room.write_bytes(header + room.read_bytes())
    assert [record.event for record in read(room).records] == [
        events.TextDelta("m", "one"),
        events.TextDelta("m", "two"),
        events.TextDelta("m", "three"),
    ]


def test_a_folder_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(JournalError, match="ACP_AGENT_DATA_DIR"):
        Store(tmp_path / "file").create("/project")


def test_the_store_lists_what_it_has_and_names_what_it_cannot_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert list(store.summaries()) == []
    session_id, journal = store.create("/project")
    journal(events.UserMessage("m", (Text("  Mend\nthe   test " + "x" * 100),)))
    journal.close()
    other_id, other = store.create("/project")
    other.close()
    (tmp_path / "sessions" / "broken.jsonl").write_text("no header\n", encoding="utf-8")
    found = list(store.summaries())
    titles = {summary.session_id: summary.title for summary in found if isinstance(summary, Summary)}
    assert titles.keys() == {session_id, other_id}
    assert titles[session_id].startswith("Mend the test xxx")
    assert len(titles[session_id]) == 80
    assert sum(isinstance(summary, JournalError) for summary in found) == 1


@pytest.mark.parametrize("session_id", ["nothing", "../../etc/passwd", "..\\x", ""])
def test_a_session_that_is_not_there_is_an_error_with_its_id(tmp_path: Path, session_id: str) -> None:
    with pytest.raises(NotFound) as caught:
        Store(tmp_path).read(session_id)
    assert caught.value.data == {"sessionId": session_id}


def test_a_disk_that_is_full_from_the_start_is_an_error(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from acp_agent.session.store import Store\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "Store(Path(sys.argv[1])).create('/project')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=20, check=False
    )
    assert "JournalError" in done.stderr
    assert "Make room" in done.stderr
