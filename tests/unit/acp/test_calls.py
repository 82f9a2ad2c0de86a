"""What clients are shown of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acp_agent import events as e
from acp_agent.acp.encoder import Encoder
from acp_agent.acp.initialize import Client
from acp_agent.acp.params import as_list, as_object
from acp_agent.rpc.codec import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_agent.acp.params import Json

MIB = 1 << 20
ZED = Client(shows_terminals=True)
APPENDING = Client(appends_output=True)
STARTED = e.ToolCallStarted("c", "m", "bash", "Bash", "execute", "/project")
STORY: Sequence[e.Event] = (
    STARTED,
    e.ToolCallUpdated("c", title="Run `make`", content=(e.ShownCommand("make"),)),
    e.ToolCallUpdated("c", status="in_progress"),
    e.ToolCallProgress("c", (e.ShownCommand("make"),)),
    e.OutputDelta("c", "\x1b[31mone\x1b[0m\n"),
    e.OutputDelta("c", "10%\r20%\n"),
    e.ToolCallFinished(
        "c",
        failed=False,
        output="exit code 0",
        content=(e.ShownCommand("make", "one\n20%", "exit code 0", 0),),
    ),
)


def updates(encoder: Encoder, story: Sequence[e.Event] = STORY) -> list[Json]:
    return [update for event in story for update in encoder.encode(event)]


def text(update: Json) -> str:
    """Its text content."""
    items = [as_object(as_object(item).get("content")) for item in as_list(update.get("content"))]
    return "\n".join(str(item["text"]) for item in items if item)


def test_text_for_everybody() -> None:
    shown = [text(update) for update in updates(Encoder()) if "content" in update]
    assert shown == [
        "```console\n$ make\n```",
        "```console\n$ make\none\n```",
        "```console\n$ make\none\n20%\n```",
        "```console\n$ make\none\n20%\n```\nexit code 0",
    ]


@pytest.mark.parametrize("client", [ZED, APPENDING, Client(runs_terminals=True)])
def test_a_replay_mentions_no_terminal(client: Client) -> None:
    replay = updates(Encoder(client, live=False))
    assert "terminal" not in str(replay)
    assert "_meta" not in str(replay)
    assert text(replay[-1]) == "```console\n$ make\none\n20%\n```\nexit code 0"


def test_a_client_that_came_in_the_middle_of_a_call_gets_text() -> None:
    late = updates(Encoder(ZED), STORY[4:])
    assert "terminal" not in str(late)
    assert text(late[-1]).endswith("exit code 0")


def test_other_calls_get_no_terminal() -> None:
    (created,) = updates(Encoder(ZED), [e.ToolCallStarted("c", "m", "read", "Read", "read")])
    assert "content" not in created
    assert "_meta" not in created


def test_more_than_the_exit_code_is_said_beside_a_terminal() -> None:
    ends = {
        "": e.ShownCommand("x", "", "exit code 1", 1),
        "timed out": e.ShownCommand("x", "", "timed out", None, "SIGKILL"),
        "left behind": e.ShownCommand("x", "", "exit code 0", 0, note="left behind"),
        "killed. left behind": e.ShownCommand("x", "", "killed", None, "SIGTERM", "left behind"),
    }
    for said, command in ends.items():
        story = [STARTED, e.ToolCallFinished("c", failed=True, output="", content=(command,))]
        assert text(updates(Encoder(ZED), story)[-1]) == said


@pytest.mark.parametrize("client", [Client(), ZED, APPENDING])
def test_a_command_that_could_not_be_started_says_why(client: Client) -> None:
    story = [*STORY[:4], e.ToolCallFinished("c", failed=True, output="no shell")]
    assert text(updates(Encoder(client), story)[-1]).endswith("no shell")


def test_the_clients_terminal_stays() -> None:
    encoder = Encoder(Client(runs_terminals=True))
    updates(encoder, STORY[:3])
    terminal = {"type": "terminal", "terminalId": "t"}
    assert encoder.show_terminal("c", "t") == {
        "sessionUpdate": "tool_call_update", "toolCallId": "c", "content": [terminal],
    }  # fmt: skip
    assert as_list(encoder.tool_call("c")["content"]) == [terminal]
    (finished,) = encoder.encode(STORY[-1])
    assert finished["content"] == [terminal]
    assert "_meta" not in finished


def test_what_a_terminal_shows_of_long_output() -> None:
    line = "x" * 99 + "\n"
    story = [
        STARTED,
        *(e.OutputDelta("c", line * 1000) for _ in range(20)),
        e.ToolCallFinished(
            "c", failed=False, output="", content=(e.ShownCommand("x", full_output="/data/c.txt"),)
        ),
    ]
    metas = [as_object(update.get("_meta")).get("terminal_output") for update in updates(Encoder(ZED), story)]
    data = [str(as_object(meta)["data"]) for meta in metas if meta]
    assert sum(map(len, data[:-1])) <= MIB
    head, _, tail = data[-1].partition(" …]\n")
    assert head.endswith("more bytes, full output: /data/c.txt")
    left_out = int(head.split()[1])
    assert sum(map(len, data[:-1])) + left_out + len(tail) == 20 * 1000 * 100


def test_what_is_a_little_too_long_comes_whole() -> None:
    text = "x" * 99 + "\n"
    story = [
        STARTED,
        e.OutputDelta("c", text * 10_480),
        e.OutputDelta("c", text * 10),
        e.ToolCallFinished("c", failed=False, output="", content=(e.ShownCommand("x"),)),
    ]
    metas = [as_object(update.get("_meta")).get("terminal_output") for update in updates(Encoder(ZED), story)]
    assert "".join(str(as_object(meta)["data"]) for meta in metas if meta) == text * 10_490


awkward = st.sampled_from(["x", "\n", "\r", "🌍", "\x1b[31m", "\x1b[0m"])


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([Client(), ZED, APPENDING]),
    st.lists(st.tuples(awkward, st.integers(1, 300_000)), max_size=6),
)
def test_no_line_is_too_long_and_no_piece_is_lost(client: Client, output: list[tuple[str, int]]) -> None:
    deltas = [e.OutputDelta("c", character * count) for character, count in output]
    end = e.ToolCallFinished("c", failed=False, output="", content=(e.ShownCommand("x", "x" * (120 << 10)),))
    told = updates(Encoder(client), [STARTED, *deltas, end])
    assert all(len(encode({"params": {"update": update}})) < MIB for update in told)
    pieces = [as_object(update.get("_meta")).get("terminal_output") for update in told]
    data = "".join(str(as_object(piece)["data"]) for piece in pieces if piece)
    whole = "".join(delta.text for delta in deltas)
    if client is ZED and len(whole) < MIB:
        assert data == whole
