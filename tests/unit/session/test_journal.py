"""The journal: what is written is read back, and damage costs no more than what it touches."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent import events
from acp_agent.errors import JournalError
from acp_agent.session.journal import Header, Journal, Record, read
from tests.unit.session.given import line, on_disk, plant, some_events

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

HEADER = Header("s-1", "/project", 1_700_000_000.0)
WAIT_S = 20


def write(path: Path, given_events: Sequence[events.Event]) -> None:
    path.unlink(missing_ok=True)
    journal = Journal(path, HEADER)
    journal.on_trouble = pytest.fail
    for event in given_events:
        journal(event)
    journal.close()


def text(message: str) -> events.TextDelta:
    return events.TextDelta("m", message)


def path_of(records: Sequence[Record]) -> list[int]:
    return [record.number for record in records]


@given(st.lists(some_events, max_size=6), st.integers(min_value=0))
@on_disk
def test_a_journal_cut_at_any_byte_gives_what_was_whole(
    tmp_path_factory: pytest.TempPathFactory, given_events: list[events.Event], cut: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "s.jsonl"
    write(path, given_events)
    data = path.read_bytes()
    cut %= len(data) + 1
    path.write_bytes(data[:cut])
    whole_lines = data[: cut + 1].count(b"\n")  # one is whole when only its end is missing
    if whole_lines == 0:
        with pytest.raises(JournalError):
            read(path)
        return
    contents = read(path)
    assert contents.header == HEADER
    assert [record.event for record in contents.records] == given_events[: whole_lines - 1]
    assert contents.end.torn == (not data[:cut].endswith(b"\n"))
    assert bool(contents.skipped) == (b"\n" not in data[cut - 1 : cut + 1])


class Tear(NamedTuple):
    """The journal is closed, loses so many bytes, and is opened again."""

    lost: int


class Branch(NamedTuple):
    """It goes on from one of the records there are."""

    after: int


steps = some_events | st.builds(Tear, st.integers(0, 150)) | st.builds(Branch, st.integers(min_value=0))


@given(st.lists(steps, max_size=20))
@on_disk
def test_whatever_is_torn_and_branched_what_was_whole_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, given_steps: list[events.Event | Tear | Branch]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "s.jsonl"
    journal = Journal(path, HEADER)
    header_bytes = path.stat().st_size
    written: list[tuple[Record, int]] = []
    parent = 0
    for step in given_steps:
        if isinstance(step, Branch):
            parent = step.after % (journal.number + 1)
            if parent and parent not in {record.number for record, _ in written}:
                parent = 0
            journal.branch(parent)
        elif isinstance(step, Tear):
            journal.close()
            size = max(header_bytes, path.stat().st_size - step.lost)
            os.truncate(path, size)
            written = [(record, end) for record, end in written if end - 1 <= size]
            contents, journal = Journal.resume(path)
            journal.on_trouble = pytest.fail
            assert path_of(contents.records) == [record.number for record, _ in written]
            parent = contents.records[-1].number if contents.records else 0
        else:
            journal(step)
            parent_of_this, parent = parent, journal.number
            written.append((Record(parent, parent_of_this, 0, step), path.stat().st_size))
    journal.close()
    contents = read(path)
    records = [record for record, _ in written]
    assert [record._replace(time=0) for record in contents.records] == records
    parents = {record.number: record.parent for record in records}
    expected: list[int] = []
    at = records[-1].number if records else 0
    while at:
        expected.insert(0, at)
        at = parents[at]
    assert path_of(contents.branch()) == expected


@given(st.lists(some_events, min_size=1, max_size=5), st.integers(min_value=0), st.binary(max_size=20))
@on_disk
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


@given(st.lists(st.integers(min_value=0), min_size=1, max_size=12), st.sets(st.integers(1, 12)))
@on_disk
def test_a_branch_is_a_path_even_where_records_are_missing(
    tmp_path_factory: pytest.TempPathFactory, parents: list[int], lost: set[int]
) -> None:
    path = plant(tmp_path_factory.mktemp("data"), "s")
    followed = {number: parent % number for number, parent in enumerate(parents, start=1)}
    lines = [
        "~\n" if number in lost else line(number, text(str(number)), parent=parent)
        for number, parent in followed.items()
    ]
    path.write_text(path.read_text(encoding="utf-8") + "".join(lines), encoding="utf-8")
    contents = read(path)
    branch = path_of(contents.branch())
    left = [number for number in followed if number not in lost]
    assert path_of(contents.records) == left
    assert branch[-1:] == left[-1:]
    for before, number in zip([0, *branch], branch, strict=False):
        wanted = followed[number]
        nearest = max((each for each in left if each <= wanted), default=0)
        assert before == nearest


def test_an_old_journal_is_one_branch_whatever_is_missing(tmp_path: Path) -> None:
    path = plant(tmp_path, "s", *(text(str(number)) for number in range(6)))
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    del lines[3]
    path.write_text("".join(lines), encoding="utf-8")
    contents = read(path)
    assert path_of(contents.branch()) == path_of(contents.records) == [1, 2, 4, 5, 6]


def test_records_of_a_newer_version_are_named_and_keep_their_place(tmp_path: Path) -> None:
    path = plant(tmp_path, "s", text("one"), text("two"))
    more = [
        line(3, text("new"), parent=1).replace("TextDelta", "TextSung"),
        line(4, text("after"), parent=3),
        line(5, events.ToolCallProgress("c", ()), parent=4),
    ]
    path.write_text(path.read_text(encoding="utf-8") + "".join(more), encoding="utf-8")
    contents, journal = Journal.resume(path)
    assert contents.skipped == (
        "line 4: unknown record 'TextSung'",
        "line 6: unknown record 'ToolCallProgress'",
    )
    assert path_of(contents.branch()) == [1, 4]
    journal(text("next"))
    journal.close()
    contents = read(path)
    assert [(record.number, record.parent) for record in contents.records][-1] == (6, 5)
    assert path_of(contents.branch()) == [1, 4, 6]


def test_numbers_that_come_twice_are_both_kept(tmp_path: Path) -> None:
    path = plant(tmp_path, "s", text("a"), text("b"), text("c"))
    body = "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[1:3])
    path.write_text(path.read_text(encoding="utf-8") + body, encoding="utf-8")
    contents, journal = Journal.resume(path)
    assert path_of(contents.records) == [1, 2, 3, 1, 2]
    assert contents.branch() == contents.records[3:]
    journal(text("d"))
    journal.close()
    assert read(path).branch()[-1][:2] == (4, 2)


@pytest.mark.parametrize(
    "bad",
    [
        "[]", "{}", "null", '{"n":1}', '{"n":1,"p":0,"t":NaN,"type":"TurnStarted","turn_id":"t"}',
        '{"n":1,"p":0,"t":1e999,"type":"TurnStarted","turn_id":"t"}',
        '{"n":0,"p":0,"t":1,"type":"TurnStarted","turn_id":"t"}',
        '{"n":1,"p":0,"t":1,"type":"TurnStarted","turn_id":5}',
        '{"n":1,"p":0,"t":1,"type":"TurnStarted"}',
        '{"n":1,"p":0,"t":1,"type":["TurnStarted"]}',
        '{"n":1,"p":0,"t":1,"type":"Text","text":"not an event"}',
        '{"n":1,"p":0,"t":1,"type":"UserMessage","message_id":"m","content":[{"type":"TurnStarted"}]}',
        "[" * 100_000, "\x00" * 10,
    ],
)  # fmt: skip
def test_what_is_no_record_is_skipped(tmp_path: Path, bad: str) -> None:
    path = plant(tmp_path, "s")
    path.write_text(path.read_text(encoding="utf-8") + bad + "\n" + line(1, text("good")), encoding="utf-8")
    contents = read(path)
    assert [record.event for record in contents.records] == [text("good")]
    assert [problem.partition(":")[0] for problem in contents.skipped] == ["line 2"]


@pytest.mark.parametrize("first", ["", "{}", '{"type":"session"}', "[1]", '{"session_id":"s","cwd":'])
def test_without_a_header_there_is_no_session(tmp_path: Path, first: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(first + "\n" + line(1, text("good")), encoding="utf-8")
    with pytest.raises(JournalError, match="first line"):
        read(path)
    with pytest.raises(JournalError, match="first line"):
        Journal.resume(path)
    path.write_text(line(1, text("good")), encoding="utf-8")
    with pytest.raises(JournalError):
        Journal.resume(path)


def test_a_header_says_where_a_session_comes_from(tmp_path: Path) -> None:
    header = HEADER._replace(folders=("/a", "/b"), forked_from="s-0")
    Journal(tmp_path / "s.jsonl", header).close()
    assert read(tmp_path / "s.jsonl").header == header


def test_records_carry_parent_pointers_and_leave_out_what_only_watchers_need(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    write(
        path,
        [
            text("a"),
            events.NoticeRaised("info", "not kept"),
            events.ToolCallProgress("c", ()),
            events.OutputDelta("c", "nor this"),
            text("b"),
        ],
    )
    assert [(record.number, record.parent) for record in read(path).records] == [(1, 0), (2, 1)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_going_on_from_what_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "s.jsonl", HEADER)
    for number in (-1, 1):
        with pytest.raises(ValueError, match=str(number)):
            journal.branch(number)
    journal.close()


def test_after_it_is_closed_nothing_is_written_anywhere(tmp_path: Path) -> None:
    told: list[str] = []
    journal = Journal(tmp_path / "s.jsonl", HEADER)
    journal.on_trouble = told.append
    journal.close()
    journal.close()
    other = (tmp_path / "other").open("wb", buffering=0)
    with other:
        journal(text("late"))
    assert len(told) == 1
    assert (tmp_path / "other").read_bytes() == b""


# One writer -----------------------------------------------------------------------------


def try_to_resume(path: Path) -> None:
    Journal.resume(path)[1].close()


def test_a_journal_is_open_once(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    journal = Journal(path, HEADER)
    with pytest.raises(JournalError, match="open in another"):
        try_to_resume(path)
    read(path)
    journal.close()
    _, journal = Journal.resume(path)
    with pytest.raises(JournalError, match="open in another"):
        try_to_resume(path)
    journal.close()
    try_to_resume(path)


@pytest.mark.parametrize("end", [subprocess.Popen[bytes].kill, subprocess.Popen[bytes].communicate])
def test_a_journal_is_open_in_one_process(
    tmp_path: Path, end: Callable[[subprocess.Popen[bytes]], object]
) -> None:
    path = tmp_path / "s.jsonl"
    write(path, [text("one")])
    code = (
        "import sys; from pathlib import Path; from acp_agent.session.journal import Journal\n"
        "_, journal = Journal.resume(Path(sys.argv[1])); print(flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"\n"
        with pytest.raises(JournalError, match="close it there first"):
            try_to_resume(path)
        assert len(read(path).records) == 1
        end(other)
        other.wait(WAIT_S)
    try_to_resume(path)


# Disks that are full --------------------------------------------------------------------


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
    journal(text("one"))
    journal(text("two"))
    assert len(told) == 1
    assert "Make room" in told[0]
    target = os.open(room, os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(target, fd)
    os.close(target)
    journal(text("three"))
    journal.close()
    room.write_bytes(header + room.read_bytes())
    assert [record.event for record in read(room).records] == [text("one"), text("two"), text("three")]


def test_a_disk_that_is_full_from_the_start_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from acp_agent.session.store import Store\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "Store(Path(sys.argv[1])).create('/project')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, encoding="utf-8", timeout=WAIT_S, check=False,
    )  # fmt: skip
    assert "JournalError" in done.stderr
    assert "Make room" in done.stderr
    assert list((tmp_path / "sessions").iterdir()) == []
