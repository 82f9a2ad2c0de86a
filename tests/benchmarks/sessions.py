"""What a long session and many sessions cost: reading one journal, and listing thousands."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from typing import TYPE_CHECKING

from acp_agent import events as e
from acp_agent.content import Text
from acp_agent.session.journal import Record
from acp_agent.session.store import Query, Store
from tests.benchmarks.agent import Agent
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RECORDS = 20_000
SESSIONS = 10_000
BEGUN = 1_700_000_000.0


class Sessions:
    """A data directory with `SESSIONS` sessions of a few records, and one of `RECORDS`."""

    def __init__(self, data: Path) -> None:
        self._data = data
        store = Store(data)
        self._long, journal = store.create("/project", records=_turns(RECORDS // 10))
        journal.close()
        for number in range(SESSIONS - 1):
            records = (Record(0, 0, BEGUN + number, event) for event in _short(number))
            self._last, journal = store.create(f"/project/{number % 20}", records=records)
            journal.close()

    def measure(self) -> dict[str, float]:
        """One run, in milliseconds. The index is made anew in each."""
        (self._data / "index.db").unlink(missing_ok=True)
        store = Store(self._data)
        figures: dict[str, float] = {}

        def timed(name: str, work: Callable[[], object]) -> None:
            start = time.monotonic()
            work()
            figures[name] = 1000 * (time.monotonic() - start)

        timed(f"journal of {RECORDS} records, read, ms", lambda: store.read(self._long).branch())
        timed(f"index of {SESSIONS} sessions, made, ms", lambda: store.page(Query()))
        timed("page of them, nothing changed, ms", lambda: store.page(Query()))
        store.note(self._last, e.TitleChanged("changed"))
        timed("page of them, one changed, ms", lambda: store.page(Query(cwd="/project/3")))
        return figures | self._loaded()

    def _loaded(self) -> dict[str, float]:
        """The long session, loaded twice by a new agent: from request to answer."""
        figures: dict[str, float] = {}
        settings = {"providers": {"script": {"provider_type": "scripted", "script": "unused.json"}}}
        (self._data / "config.json").write_text(json.dumps(settings), encoding="utf-8")
        folder = str(self._data)
        env = {"PATH": os.environ["PATH"], "ACP_AGENT_DATA_DIR": folder, "ACP_AGENT_CONFIG_DIR": folder}
        with closing(Agent(agent_command(), env)) as agent:
            agent.ask("initialize", protocolVersion=1)
            for which in ("", " again"):
                start = time.monotonic()
                answer = agent.ask("session/load", sessionId=self._long, cwd=folder, mcpServers=[])
                figures[f"that journal, loaded{which}, ms"] = 1000 * (answer.at - start)
            figures["updates that tell of it"] = len(agent.updates) / 2
        return figures


def _short(number: int) -> Iterator[e.Event]:
    yield e.TurnStarted("turn-1")
    yield e.UserMessage("m-1", (Text(f"Please look after number {number}"),))
    yield e.TextDelta("a-1", "I have looked after it. " * 20)
    yield e.TurnEnded("turn-1", "end_turn")


def _turns(count: int) -> Iterator[Record]:
    """Ten records a turn."""
    for turn in range(count):
        for event in _turn(turn):
            yield Record(0, 0, BEGUN + turn, event)


def _turn(turn: int) -> Iterator[e.Event]:
    call = f"c-{turn}"
    yield e.TurnStarted(f"turn-{turn}")
    yield e.UserMessage(f"m-{turn}", (Text("Please do something about the notes."),))
    yield e.ThoughtDelta(f"t-{turn}", "What would be useful here? " * 5)
    yield e.ToolCallStarted(call, f"a-{turn}", "read", "Read notes.txt", "read")
    locations = (e.Location("/project/notes.txt", 3),)
    raw_input: dict[str, object] = {"path": "notes.txt"}
    yield e.ToolCallUpdated(call, '{"path": "notes.txt"}', "in_progress", None, locations, None, raw_input)
    yield e.ToolCallFinished(call, False, "A line of a note.\n" * 30, (e.ShownText("30 lines"),))
    for _ in range(3):
        yield e.TextDelta(f"a-{turn}", "Some of what the model says. " * 4)
    yield e.TurnEnded(f"turn-{turn}", "end_turn")
