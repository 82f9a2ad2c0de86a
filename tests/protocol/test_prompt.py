"""A turn: what it accepts, what it shows, how it ends, and turns beside and behind each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.support.client import choose
from tests.support.phrases import fail, on, say, script
from tests.support.session import new_session

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
EXTRA: dict[str, tuple[str, JsonObject]] = {
    "image": ("image", {"type": "image", "data": PNG, "mimeType": "image/png"}),
    "audio": ("audio", {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"}),
    "text resource": (
        "embeddedContext",
        {"type": "resource", "resource": {"uri": "file:///x.txt", "text": "words", "mimeType": "text/plain"}},
    ),
    "blob resource": (
        "embeddedContext",
        {"type": "resource", "resource": {"uri": "file:///x.bin", "blob": "AAAA"}},
    ),
}
"""Content of a prompt that has to be announced, by the capability's name."""
STREAMED_CHUNKS = 2000
UPDATES_PER_S = 60
SOON = 10
"""Updates beside the text, and the text that does not wait for more."""


def text(words: str) -> JsonObject:
    return {"type": "text", "text": words}


def link(uri: str) -> JsonObject:
    return {"type": "resource_link", "uri": uri, "name": uri.rpartition("/")[2]}


@pytest.mark.requirement("prompt.baseline-content")
async def test_text_and_links(session: Session) -> None:
    turn = await session.prompt([text("say "), text("hi"), link((session.cwd / "a.txt").as_uri())])
    assert turn.stop_reason == "end_turn"


@pytest.mark.requirement("prompt.announced-content")
async def test_other_content(session: Session, subtests: pytest.Subtests) -> None:
    announced = session.client.introduced["agentCapabilities"].get("promptCapabilities", {})
    for name, (capability, block) in EXTRA.items():
        with subtests.test(name):
            message = (await session.prompt([text("say hi"), block])).reply.message
            if announced.get(capability):
                assert message["result"]["stopReason"] == "end_turn"
            else:
                assert message["error"]["code"] == -32602


@pytest.mark.requirement("prompt.dead-link")
async def test_dead_links(session: Session) -> None:
    links = map(link, ["file:///nonexistent/x", "file:///", "https://nowhere.invalid/x", "odd:x"])
    assert (await session.prompt([text("say hi"), *links])).stop_reason == "end_turn"


@pytest.mark.requirement("prompt.stop-reason")
async def test_end_of_turn(session: Session) -> None:
    turn = await session.prompt("say hi")
    assert (turn.stop_reason, turn.text) == ("end_turn", "hi")


@pytest.mark.requirement("prompt.updates-first")
async def test_nothing_after_the_answer(session: Session, subtests: pytest.Subtests) -> None:
    for prompt in ("say hi", "read a.txt", "run cat a.txt", "plan", "overflow"):
        with subtests.test(prompt=prompt):
            turn = await session.prompt(prompt)
            await session.client.settle()
            assert session.updates(start=turn.reply.at) == []


@pytest.mark.requirement("prompt.message-ids")
async def test_message_ids(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(script(on("^both$", {"thought": ["a", "b"]}, say("c", "d"))))
    session = await new_session(await launch(), workbench.project)
    ids: list[set[str]] = []
    for _ in range(2):
        turn = await session.prompt("both")
        assert (turn.thoughts, turn.text) == ("ab", "cd")
        ids.append({update["messageId"] for update in turn.kind("agent_thought_chunk")})
        ids.append({update["messageId"] for update in turn.kind("agent_message_chunk")})
    assert [len(one) for one in ids] == [1, 1, 1, 1]
    assert ids[1] != ids[3]


@pytest.mark.requirement("prompt.message-ids")
async def test_text_after_a_tool_is_another_message(workbench: Workbench, launch: Launch) -> None:
    steps = [say("before"), {"call": "list", "arguments": {"path": "${cwd}"}}]
    workbench.configure(script(on("^go$", *steps, results=0)))
    session = await new_session(await launch(), workbench.project)
    turn = await session.prompt("go")
    assert turn.text == "beforeDone."
    assert len({update["messageId"] for update in turn.kind("agent_message_chunk")}) == 2


@pytest.mark.requirement("prompt.no-echo")
async def test_no_echo(session: Session) -> None:
    await session.prompt("say hi")
    assert session.updates("user_message_chunk") == []


@pytest.mark.requirement("prompt.unknown-command")
async def test_unknown_command(session: Session) -> None:
    turn = await session.prompt([text("/frobnicate now"), text("and more")])
    assert turn.stop_reason == "end_turn"
    assert turn.text


@pytest.mark.requirement("prompt.limits")
async def test_limits(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(max_agent_turns=3)
    session = await new_session(await launch(), workbench.project)
    assert (await session.prompt("overflow")).stop_reason == "max_tokens"
    turn = await session.prompt("loop")
    assert turn.stop_reason == "max_turn_requests"
    assert [call.states[-1] for call in turn.calls] == ["completed"] * len(turn.calls)
    assert 2 <= len(turn.calls) <= 3
    assert (await session.prompt("say on")).text == "on"


@pytest.mark.requirement("prompt.limits")
async def test_full_context(workbench: Workbench, launch: Launch) -> None:
    full = (say("some"), fail("context_length", "too long"))
    workbench.configure(script(on("^go$", *full), on("summary", *full)))
    session = await new_session(await launch(), workbench.project)
    turn = await session.prompt("go")
    assert turn.stop_reason == "max_tokens"
    assert len(turn.text) > len("some")


@pytest.mark.requirement("prompt.refusal")
async def test_refusal(session: Session) -> None:
    turn = await session.prompt("refuse")
    assert (turn.stop_reason, turn.text) == ("refusal", "No.")


@pytest.mark.requirement("prompt.provider-failure")
@pytest.mark.parametrize("kind", ["auth", "request", "billing"])
async def test_provider_failure(workbench: Workbench, launch: Launch, kind: str) -> None:
    message = "the provider says no, check the key"
    workbench.configure(script(on("^go$", say("some"), fail(kind, message))))
    session = await new_session(await launch(), workbench.project)
    turn = await session.prompt("go")
    assert turn.text == "some"
    assert turn.reply.error["code"] == -32603
    assert message in turn.reply.error["message"]
    assert turn.reply.error["data"].keys() == {"details"}
    assert isinstance(turn.reply.error["data"]["details"], str)
    assert (await session.prompt("on you go")).text == "Done."


@pytest.mark.requirement("prompt.queue")
async def test_prompts_wait_their_turn(session: Session) -> None:
    release, allow = anyio.Event(), choose("allow_once")

    async def held(params: JsonObject) -> JsonObject | None:
        await release.wait()
        return await allow(params)

    session.client.handlers["session/request_permission"] = held
    prompts = [await session.start(words) for words in ("run python3 check.py", "say two", "say three")]
    await session.client.asked("session/request_permission")
    await session.client.settle()
    assert session.updates("agent_message_chunk") == []
    release.set()
    turns = [await prompt.end() for prompt in prompts]
    assert [turn.stop_reason for turn in turns] == ["end_turn"] * 3
    positions = [turn.reply.at for turn in turns]
    assert positions == sorted(positions)
    between = session.updates(start=positions[0], stop=positions[1])
    assert [update["content"]["text"] for update in between if "content" in update] == ["two"]


@pytest.mark.requirement("prompt.concurrent-sessions")
async def test_sessions_run_side_by_side(session: Session) -> None:
    other = await new_session(session.client, session.cwd)
    waiting = await session.start("wait")
    await session.saw("agent_message_chunk")
    assert (await other.prompt("run cat a.txt")).call.states[-1] == "completed"
    await other.cancel()
    await session.client.settle()
    await session.cancel()
    assert (await waiting.end()).stop_reason == "cancelled"
    assert (await other.prompt("say hi")).text == "hi"


@pytest.mark.requirement("prompt.never-empty")
async def test_silent_model(session: Session) -> None:
    turn = await session.prompt("silence")
    assert turn.stop_reason == "end_turn"
    assert turn.text


@pytest.mark.requirement("prompt.updates-between-turns")
async def test_updates_between_turns(workbench: Workbench, launch: Launch) -> None:
    client = await launch({"session": {"notices": {}}})
    gone: JsonObject = {"name": "gone", "command": "/nonexistent/server", "args": [], "env": []}
    session = await new_session(client, workbench.project, mcpServers=[gone])
    await session.saw("available_commands_update")
    assert "gone" in (await session.saw("notice"))["title"]
    start = (await session.prompt("say hi")).reply.at
    await session.set_mode("accept")
    await client.ask("session/set_title", {"sessionId": session.id, "title": "Named"})
    await session.saw("current_mode_update", start=start, currentModeId="accept")
    await session.saw("config_option_update", start=start)
    await session.saw("session_info_update", start=start, title="Named")
    turn = await session.prompt("say on")
    assert (turn.text, turn.stop_reason) == ("on", "end_turn")


@pytest.mark.requirement("prompt.usage")
async def test_usage(session: Session) -> None:
    turn = await session.prompt("edit a.txt beta BETA")
    usage = [(update["used"], update["size"]) for update in turn.kind("usage_update")]
    assert len(usage) == 3, "one for each model request: a read, an edit, the end"
    assert all(type(used) is type(size) is int and 0 < used <= size for used, size in usage)


@pytest.mark.requirement("prompt.coalesced")
async def test_fast_stream(workbench: Workbench, launch: Launch) -> None:
    pieces = [f"{number:04d} " for number in range(STREAMED_CHUNKS)]
    workbench.configure(script(on("^go$", say(*pieces))))
    session = await new_session(await launch(), workbench.project)
    began = anyio.current_time()
    turn = await session.prompt("go")
    assert len(turn.updates) < SOON + UPDATES_PER_S * (anyio.current_time() - began)
    assert turn.text == "".join(pieces)
    assert re.fullmatch(r"0000 .*", turn.kind("agent_message_chunk")[0]["content"]["text"])
    assert len(turn.kind("agent_message_chunk")) < STREAMED_CHUNKS / 4
