"""`acp-agent sessions`: lists, shows and deletes what is in the data folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pytest

from acp_agent.cli import main
from acp_agent.cli.sessions import LISTED_AT_ONCE
from acp_agent.events import Archived, TextDelta, TitleChanged
from acp_agent.session.store import Store
from tests.unit.session.given import asked, plant

if TYPE_CHECKING:
    from pathlib import Path


class Said(NamedTuple):
    status: int
    lines: list[str]
    error: str


class Sessions(Protocol):
    def __call__(self, *arguments: str) -> Said: ...


@pytest.fixture
def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sessions:
    """Runs the command on the sessions in `tmp_path`."""
    monkeypatch.setenv("ACP_AGENT_DATA_DIR", str(tmp_path))

    def run(*arguments: str) -> Said:
        status = main(["sessions", *arguments])
        said = capsys.readouterr()
        return Said(status, said.out.splitlines(), said.err)

    return run


def test_a_list_has_all_that_were_asked_something_the_one_used_last_first(
    tmp_path: Path, sessions: Sessions
) -> None:
    assert sessions("list") == (0, [], "")
    count = LISTED_AT_ONCE + 10
    for number in range(count):
        plant(tmp_path, f"s-{number:04}", asked(f"prompt {number}"), at=1000.0 + number)
    plant(tmp_path, "empty")
    plant(tmp_path, "away", asked("x"), TitleChanged("put away"), Archived(True))
    status, lines, error = sessions("list")
    assert (status, error) == (0, "")
    assert [line.split("  ")[-1] for line in lines] == [
        f"prompt {number}" for number in reversed(range(count))
    ]
    assert [line.split("  ")[0] for line in sessions("list", "--archived").lines] == ["away"]


def test_a_list_names_what_cannot_be_read(tmp_path: Path, sessions: Sessions) -> None:
    plant(tmp_path, "good", asked("one"))
    plant(tmp_path, "bad").write_text("no header\n", encoding="utf-8")
    status, lines, error = sessions("list")
    assert (status, len(lines)) == (1, 1)
    assert "bad.jsonl" in error


def test_a_session_is_shown_along_its_current_branch(tmp_path: Path, sessions: Sessions) -> None:
    store = Store(tmp_path)
    session_id, journal = store.create("/project")
    journal(asked("first"))
    journal(TextDelta("m", "left behind"))
    journal.branch(1)
    journal(TextDelta("m", "gone on"))
    journal.close()
    text = "\n".join(sessions("show", session_id).lines)
    assert "> first" in text
    assert "gone on" in text
    assert "left behind" not in text
    records = [json.loads(line) for line in sessions("show", "--json", session_id[:8]).lines]
    assert [(record["n"], record["p"]) for record in records] == [(1, 0), (2, 1), (3, 1)]


def test_a_session_is_deleted_if_nobody_has_it_open(tmp_path: Path, sessions: Sessions) -> None:
    store = Store(tmp_path)
    session_id, journal = store.create("/project")
    status, _, error = sessions("delete", session_id)
    assert status == 1
    assert "close it there first" in error
    journal.close()
    assert sessions("delete", session_id[:8]) == (0, [], "")
    status, _, error = sessions("delete", session_id)
    assert status == 1
    assert session_id in error
    plant(tmp_path, "bad").write_text("no header\n", encoding="utf-8")
    assert sessions("delete", "bad").status == 0
    assert sessions("list") == (0, [], "")
