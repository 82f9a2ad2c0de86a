"""What a session says at a glance, and that a journal that has grown is not read again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.content import Image, Resource, Text
from acp_agent.events import Archived, Event, TextDelta, TitleChanged, TurnEnded, UserMessage
from acp_agent.session.journal import Header, Journal, read
from acp_agent.session.summary import Look, archived, look, summary_of, title_of
from tests.unit.session.given import asked, on_disk, plant, some_events

if TYPE_CHECKING:
    from pathlib import Path


def title(tmp_path: Path, *given_events: Event) -> str:
    return title_of(read(plant(tmp_path, "s", *given_events)))


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Mend the test", "Mend the test"),
        ("\n\n  Mend\tthe   test\nand more", "Mend the test"),
        ("x" * 100, "x" * 79 + "…"),
        ("\x1b[31mred\x00 \ud800", "[31mred"),
        ("می‌خواهم", "می‌خواهم"),
        ("", ""),
    ],
)
def test_the_title_is_the_first_line_of_the_first_prompt(tmp_path: Path, prompt: str, expected: str) -> None:
    assert title(tmp_path, asked(prompt), TurnEnded("t", "end_turn")) == expected


def test_what_came_with_a_prompt_is_no_title(tmp_path: Path) -> None:
    context = Resource("file:///a", "a file's text")
    first = UserMessage("m", (context, Image("", "image/png")))
    assert title(tmp_path, first, UserMessage("n", (context, Text("Explain")))) == "Explain"


def test_a_title_given_by_a_person_stays(tmp_path: Path) -> None:
    made_up, given_by_person = TitleChanged("made up"), TitleChanged("given", by_person=True)
    assert title(tmp_path, asked("asked"), made_up) == "made up"
    assert title(tmp_path, asked("asked"), given_by_person, made_up) == "given"
    assert title(tmp_path, asked("asked"), given_by_person, TitleChanged("other", by_person=True)) == "other"
    assert title(tmp_path, asked("asked"), TitleChanged("", by_person=True), made_up) == "made up"


def test_titles_and_the_archive_do_not_depend_on_the_branch(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    journal = Journal(path, Header("s", "/project", 1000))
    for event in (asked("first"), TitleChanged("title"), Archived(True)):
        journal(event)
    journal.branch(0)
    journal(asked("second"))
    journal.close()
    contents = read(path)
    assert [record.event for record in contents.branch()] == [asked("second")]
    assert title_of(contents) == "title"
    assert archived(contents)


def check(path: Path, before: Look | None) -> Look:
    found = look(path, before)
    contents = read(path)
    assert (found.header, found.summary) == (contents.header, summary_of(contents))
    assert look(path)._replace(mark=b"") == found._replace(mark=b"")
    return found


@given(st.lists(st.lists(some_events, max_size=3), max_size=4), st.integers(0, 30))
@on_disk
def test_looking_on_is_the_same_as_looking_at_all_of_it(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Event]], torn: int
) -> None:
    path = plant(tmp_path_factory.mktemp("data"), "s")
    seen = check(path, None)
    header_bytes = path.stat().st_size
    for batch in batches:
        _, journal = Journal.resume(path)
        for event in batch:
            journal(event)
            seen = check(path, seen)
        journal.close()
        os.truncate(path, max(header_bytes, path.stat().st_size - torn))
        seen = check(path, seen)


def test_only_what_was_added_is_read(tmp_path: Path) -> None:
    path = plant(tmp_path, "s", asked("one"), *[TextDelta("m", "x" * 100)] * 10)
    seen = look(path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"one"', b'"two"'))
    assert look(path, seen).summary.prompt == "one"
    path.write_bytes(data.replace(b'"one"', b'"three"'))
    assert look(path, seen).summary.prompt == "three"
    path.write_bytes(b"".join(data.splitlines(keepends=True)[:1]))
    assert not look(path, seen).summary.asked


def test_a_line_that_was_seen_half_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = plant(tmp_path, "s", asked("one"))
    data = path.read_bytes()
    half = len(data) - 10
    path.write_bytes(data[:half])
    seen = look(path)
    assert not seen.summary.asked
    path.write_bytes(data)
    assert look(path, seen).summary.asked
