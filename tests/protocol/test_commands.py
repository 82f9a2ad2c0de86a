"""Slash commands, as an editor sends them and sees their answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.support.chat_server import says, use
from tests.support.client import Buffers, choose
from tests.support.http_server import http_server
from tests.support.phrases import WAIT, call, fail, on, say, script, tool
from tests.support.session import chunks, new_session, reopen

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.http_server import HttpServer
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

NAMES = {
    *(
        "help",
        "mode",
        "model",
        "why",
        "allow",
        "compact",
        "clear",
        "usage",
        "context",
        "undo",
        "retry",
        "resume",
        "effort",
    ),
    *("btw", "export", "mcp", "doctor", "trust", "rewind", "redo"),
}
SHOWS_COMPACTION: JsonObject = {"session": {"compaction": {}}}
MEMORY = script(
    {"when": {"user": "^what did I say", "earlier": "xyzzy"}, "reply": [say("You said it.")]},
    on("^what did I say", say("I do not know.")),
    on(r"what is it\?$", say("An aside.")),
    on("Write the summary", say("The word is xyzzy.")),
    tool(r"^write (\S+) (.*)$", call("write", path="${cwd}/${user:1}", content="${user:2}\n")),
    tool(r"^edit (\S+) (\S+) (\S+)$", call("read", path="${cwd}/${user:1}")),
    on(
        r"^edit (\S+) (\S+) (\S+)$",
        call("edit", path="${cwd}/${user:1}", old_text="${user:2}", new_text="${user:3}"),
        results=1,
    ),
    tool(r"^run ([\s\S]+)$", call("bash", command="${user:1}")),
)
"""A model that remembers one word."""


@pytest.fixture
async def talk(workbench: Workbench, launch: Launch) -> Session:
    """A session with a model that remembers."""
    workbench.configure(MEMORY)
    return await new_session(await launch(), workbench.project)


async def reopened(session: Session, client: Client) -> Session:
    await session.client.ask("session/close", {"sessionId": session.id})
    return await reopen("session/load", client, session)


def shown(session: Session) -> list[JsonObject]:
    """What was replayed when the session was loaded."""
    return session.updates(start=session.asked_at, stop=session.reply.at)


def messages(server: HttpServer, at: int = -1) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", server.requests[at].body["messages"])


# What is a command ---------------------------------------------------------------------------


@pytest.mark.requirement("commands.advertised")
@pytest.mark.requirement("session.announced-again")
@pytest.mark.parametrize("method", ["session/new", "session/load", "session/resume", "session/fork"])
async def test_commands_are_advertised(session: Session, launch: Launch, method: str) -> None:
    if method != "session/new":
        await session.prompt("say hi")
        await session.client.ask("session/close", {"sessionId": session.id})
        session = await reopen(method, await launch(), session)
    update = await session.saw("available_commands_update", start=session.reply.at)
    commands = update["availableCommands"]
    assert {command["name"] for command in commands} == NAMES
    assert len(commands) == len(NAMES)
    assert all(command["description"] for command in commands)
    hinted = {command["name"] for command in commands if command.get("input")}
    assert {"btw", "model", "undo"} <= hinted
    assert "usage" not in hinted


@pytest.mark.requirement("commands.begins-prompt")
@pytest.mark.requirement("commands.answered-locally")
async def test_what_is_a_command_and_what_is_not(talk: Session, subtests: pytest.Subtests) -> None:
    link = {"type": "resource_link", "uri": "file:///x.txt", "name": "x.txt"}
    text = {"type": "text", "text": "/help mode"}
    for prompt in ("/help mode", "/help\nmode", [text, link], [link, text]):
        with subtests.test(prompt=prompt):
            turn = await talk.prompt(cast("Any", prompt))
            assert turn.stop_reason == "end_turn"
            assert "`/mode [MODE]`" in turn.text
    for prompt in ("/usr/bin/foo", "/ help", "/helpme", "/Help", "a /help", "/help/x", " /help"):
        with subtests.test(prompt=prompt):
            assert (await talk.prompt(prompt)).text == "Done."


@pytest.mark.requirement("commands.aliases")
async def test_aliases(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(slash_aliases={"m": "mode", "cost": "/usage"})
    session = await new_session(await launch(), workbench.project)
    update = await session.saw("available_commands_update")
    assert {command["name"] for command in update["availableCommands"]} == NAMES | {"m", "cost"}
    assert "restrictive" in (await session.prompt("/m")).text
    assert "/mode: Show the modes" in (await session.prompt("/help")).text
    assert "No model has been asked" in (await session.prompt("/cost")).text


@pytest.mark.requirement("commands.aliases")
async def test_bad_aliases_are_reported(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(slash_aliases={"mode": "model", "x": "modl", "a b": "mode"})
    client = await launch()
    error = (await client.ask("session/new", {"cwd": str(workbench.project), "mcpServers": []})).error
    found = {problem["key"]: problem["message"] for problem in error["data"]["problems"]}
    assert found["slash_aliases.mode"] == "/mode is a command already"
    assert "no command" in found["slash_aliases.x"]
    assert len(found) == 3


@pytest.mark.requirement("commands.replayed")
@pytest.mark.requirement("commands.answered-locally")
async def test_the_model_is_not_told_of_commands(talk: Session, launch: Launch) -> None:
    turn = await talk.prompt("/help xyzzy")
    loaded = await reopened(talk, await launch())
    assert chunks(shown(loaded), "user_message_chunk") == "/help xyzzy"
    assert chunks(shown(loaded), "agent_message_chunk") == turn.text
    assert (await loaded.prompt("what did I say")).text == "I do not know."
    assert loaded.updates("session_info_update")[-1]["title"] == "what did I say"


async def test_commands_wait_for_their_turn(session: Session) -> None:
    running = await session.start("wait")
    await session.saw("agent_message_chunk", start=running.start)
    waiting = await session.start("/mode")
    await session.client.settle()
    assert len(session.updates("agent_message_chunk", start=running.start)) == 1
    await session.client.notify("$/cancel_request", {"requestId": running.id})
    assert (await running.end()).stop_reason == "cancelled"
    assert "standard" in (await waiting.end()).text


async def test_a_command_can_be_cancelled(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(script(on(r"forever\?$", say("Hm."), WAIT)))
    session = await new_session(await launch(), workbench.project)
    prompt = await session.start("/btw forever?")
    await session.saw("agent_message_chunk", start=prompt.start)
    await session.cancel()
    assert (await prompt.end()).stop_reason == "cancelled"


# Looking -------------------------------------------------------------------------------------


async def test_help(session: Session) -> None:
    text = (await session.prompt("/help")).text
    assert all(f"`/{name}" in text for name in NAMES)
    assert "There is no command `nonsense`" in (await session.prompt("/help nonsense")).text


async def test_mode(session: Session) -> None:
    assert "`standard` (current)" in (await session.prompt("/mode")).text
    turn = await session.prompt("/mode Accept")
    assert "`accept`" in turn.text
    assert turn.kind("current_mode_update")[0]["currentModeId"] == "accept"
    assert turn.kind("config_option_update")
    assert "none of" in (await session.prompt("/mode mischief")).text


async def test_model(workbench: Workbench, launch: Launch) -> None:
    path = str(workbench.root / "script.json")
    workbench.configure(
        script(),
        providers={
            "one": {"provider_type": "scripted", "script": path, "model": "small-1"},
            "two": {"provider_type": "scripted", "script": path, "model": "small-2"},
        },
        provider="one",
    )
    session = await new_session(await launch(), workbench.project)
    text = (await session.prompt("/model")).text
    assert "**one**" in text
    assert "`one/small-1` (current)" in text
    assert "could be one of" in (await session.prompt("/model small")).text
    turn = await session.prompt("/model SMALL-2")
    options = {one["id"]: one for one in turn.kind("config_option_update")[0]["configOptions"]}
    assert options["model"]["currentValue"] == "two/small-2"
    assert "already" in (await session.prompt("/model two/small-2")).text
    await session.prompt("say hi")
    assert "two/small-2" in (await session.prompt("/usage")).text


async def test_why(session: Session) -> None:
    assert "Nothing has been decided" in (await session.prompt("/why")).text
    await session.prompt("read a.txt")
    session.client.handlers["session/request_permission"] = choose("reject_once")
    await session.prompt("run touch x")
    text = (await session.prompt("/why")).text
    assert text.startswith("1. denied (Reject): Run `touch x`\n2. allowed: Read a.txt")
    denied = (await session.prompt("/why 1")).text
    assert "execute `touch x`: **ask**, say the built-in rules" in denied
    assert "/allow" in denied
    assert "read `" in (await session.prompt("/why 2")).text
    assert "is no number" in (await session.prompt("/why 9")).text


async def test_why_not_yet(session: Session, workbench: Workbench) -> None:
    """What would happen is told, and nothing happens."""
    text = (await session.prompt("/why bash touch made.txt")).text
    assert text.startswith("```\nask: ")
    assert "1. execute touch made.txt" in text
    assert "no opinion: hard floor" in text
    assert "/allow" in text
    await session.prompt("/allow execute python3 x.py")
    assert (await session.prompt('/why bash {"command": "python3 x.py"}')).text.startswith("```\nallow: ")
    assert "secrets: " in (await session.prompt("/why read .env")).text
    for name in ("write", "edit"):
        assert "guarded files: " in (await session.prompt(f"/why {name} .git/config")).text
    await session.set_mode("plan")
    assert (await session.prompt("/why bash touch made.txt")).text.startswith("```\ndeny: ")
    assert (await session.prompt("/why mcp__a__b {}")).text.startswith("```\ndeny: ")
    assert "no tool 'frob'" in (await session.prompt("/why frob x")).text
    assert "has to be written as JSON" in (await session.prompt("/why todo x")).text
    assert session.client.calls("session/request_permission") == []
    assert not (workbench.project / "made.txt").exists()
    assert "Nothing has been decided" in (await session.prompt("/why")).text


async def test_allow(session: Session, workbench: Workbench) -> None:
    assert "Nothing is stored" in (await session.prompt("/allow")).text
    await session.set_mode("accept")
    session.client.handlers["session/request_permission"] = choose("allow_always")
    await session.prompt("run touch x")
    assert (await session.prompt("/allow")).text == "1. allow execute `touch x` (this session)"
    asked = len(session.client.calls("session/request_permission"))
    assert "Stored" in (await session.prompt('/allow execute "mkdir *"')).text
    await session.prompt("run touch x && mkdir made")
    assert (workbench.project / "made").is_dir()
    assert len(session.client.calls("session/request_permission")) == asked
    assert "Forgotten: allow execute `touch x`" in (await session.prompt("/allow remove 1")).text
    await session.prompt("run touch x")
    assert len(session.client.calls("session/request_permission")) == asked + 1
    stored = "Stored for this project: allow execute `make *`."
    assert stored in (await session.prompt('/allow project execute "make *"')).text
    listed = (await session.prompt("/allow")).text
    assert listed.splitlines()[-1] == "3. allow execute `make *` (this project)"
    assert "Forgotten: 3" in (await session.prompt("/allow remove all")).text
    assert "Nothing is stored" in (await session.prompt("/allow")).text
    assert "neither" in (await session.prompt("/allow frobnicate x")).text
    assert "Write a pattern" in (await session.prompt("/allow execute")).text


async def test_a_grant_lifts_no_floor(session: Session) -> None:
    await session.prompt("/allow execute *")
    turn = await session.prompt("run rm -rf /")
    assert turn.call.now["status"] == "failed"
    assert "Nothing lifts this" in (await session.prompt("/why 1")).text


@pytest.mark.requirement("prompt.usage-of-prompt")
async def test_usage_is_counted_by_model_and_kept(workbench: Workbench, launch: Launch) -> None:
    counted = says(
        "hi",
        prompt_tokens=1000,
        completion_tokens=50,
        prompt_tokens_details={"cached_tokens": 800},
        completion_tokens_details={"reasoning_tokens": 20},
    )
    async with http_server(counted, says("silent")) as server:
        use(workbench, server)
        session = await new_session(await launch(), workbench.project)
        assert (await session.prompt("one")).reply.result["usage"] == {
            "totalTokens": 1050,
            "inputTokens": 200,
            "outputTokens": 30,
            "thoughtTokens": 20,
            "cachedReadTokens": 800,
        }
        assert "usage" not in (await session.prompt("two")).reply.result
        text = (await session.prompt("/usage")).text
        assert "| far/m | 2 (1\\*) | 1,000 | 800 | 0 | 50 | 20 | unknown |" in text
        assert "| last turn | 1 (1\\*) | 0 | 0 | 0 | 0 | 0 | unknown |" in text
        assert "80% of the input" in text
        loaded = await reopened(session, await launch())
        assert (await loaded.prompt("/usage")).text == text


async def test_context(talk: Session, workbench: Workbench) -> None:
    workbench.write("AGENTS.md", "Be kind. " * 100)
    session = await new_session(talk.client, workbench.project)
    await session.prompt("edit a.txt beta BETA")
    text = (await session.prompt("/context")).text
    for row in ("system prompt", "project instructions", "tools", "you", "model", "results of read"):
        assert f"| {row} |" in text
    assert "Window of `script" in text
    assert "Last known to be in use" in text


async def test_mcp(session: Session) -> None:
    assert (await session.prompt("/mcp")).text == "No MCP servers."
    gone: JsonObject = {"name": "gone", "command": "/nonexistent/server", "args": [], "env": []}
    other = await new_session(session.client, session.cwd, mcpServers=[gone])
    await other.prompt("say hi")
    assert "| gone | failed | 0 | " in (await other.prompt("/mcp")).text
    assert "Trying again" in (await other.prompt("/mcp retry gone")).text
    assert "There is no MCP server 'nobody'" in (await other.prompt("/mcp retry nobody")).text


async def test_doctor(session: Session) -> None:
    text = (await session.prompt("/doctor")).text
    assert "ok, python" in text
    assert "ok, model: script/" in text


# Beside the conversation --------------------------------------------------------------------


@pytest.mark.requirement("commands.no-trace")
async def test_btw_leaves_no_trace(workbench: Workbench, launch: Launch) -> None:
    answers = [says("hi"), says("hello"), says("An aside."), says("hello")]
    async with http_server(*answers) as server:
        use(workbench, server)
        session = await new_session(await launch(), workbench.project)
        await session.prompt("first")
        fork = await reopen("session/fork", session.client, session)
        await fork.prompt("next")
        journal = workbench.data / "sessions" / f"{session.id}.jsonl"
        before = journal.read_bytes()
        turn = await session.prompt(
            [
                {"type": "text", "text": "/btw what is it?"},
                {"type": "resource", "resource": {"uri": "file:///x", "text": "more"}},
            ]
        )
        assert (turn.stop_reason, turn.text) == ("end_turn", "An aside.")
        kept = journal.read_bytes().removeprefix(before)
        assert [json.loads(line)["type"] for line in kept.splitlines()] == ["ModelUsed"]
        asked = server.requests[-1].body
        assert "tools" not in asked
        assert all(word in str(messages(server)[-1]) for word in ("first", "hi", "what is it?", "more"))
        await session.prompt("next")
        assert server.requests[-1].body == server.requests[1].body
        assert "| far/m | 3 (3" in (await session.prompt("/usage")).text


async def test_what_a_question_mentions_is_looked_up(workbench: Workbench, launch: Launch) -> None:
    async with http_server(says("An aside.")) as server:
        use(workbench, server)
        session = await new_session(await launch(), workbench.project)
        await session.prompt("/btw what is in @a.txt?")
        assert "epsilon" in str(messages(server)[-1])


async def test_btw_needs_a_question(session: Session) -> None:
    assert "What do you want to know" in (await session.prompt("/btw")).text


async def test_what_a_provider_says_is_told(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(script(on(r"well\?$", fail("auth", "the key was not accepted"))))
    session = await new_session(await launch(), workbench.project)
    turn = await session.prompt("/btw well?")
    assert turn.stop_reason == "end_turn"
    assert turn.text == "/btw did not work: the key was not accepted"


# Compaction ---------------------------------------------------------------------------------


@pytest.mark.requirement("compaction.one-end")
@pytest.mark.requirement("compaction.summary-or-error")
async def test_compact(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(MEMORY)
    session = await new_session(await launch(SHOWS_COMPACTION), workbench.project)
    assert "nothing to sum up" in (await session.prompt("/compact")).text
    await session.prompt("remember the word")
    turn = await session.prompt("/compact the word")
    first, last = turn.kind("compaction_update")
    assert first == {"sessionUpdate": "compaction_update", "compactionId": first["compactionId"],
                     "status": "in_progress"}  # fmt: skip
    assert last == {
        **first,
        "status": "completed",
        "summary": [{"type": "text", "text": "The word is xyzzy."}],
    }
    assert "tokens" in turn.text
    assert "xyzzy" not in turn.text
    assert turn.kind("usage_update")
    assert (await session.prompt("what did I say")).text == "You said it."


@pytest.mark.requirement("compaction.one-end")
@pytest.mark.requirement("compaction.summary-or-error")
@pytest.mark.parametrize(
    "reply",
    [[fail("server", "it is on fire")], [say("")], [say("half"), {"stop": "length"}]],
    ids=["failure", "empty", "cut off"],
)
async def test_a_failed_compaction_changes_nothing(
    workbench: Workbench, launch: Launch, reply: list[JsonObject]
) -> None:
    rules = [on("Write the summary", *reply), *cast("list[JsonObject]", MEMORY["rules"])]
    workbench.configure(script(*rules))
    session = await new_session(await launch(SHOWS_COMPACTION), workbench.project)
    await session.prompt("xyzzy")
    turn = await session.prompt("/compact")
    assert turn.stop_reason == "end_turn"
    assert turn.text.startswith("/compact did not work: ")
    first, last = turn.kind("compaction_update")
    assert (first["status"], last["status"]) == ("in_progress", "failed")
    assert last["error"] in turn.text
    assert "summary" not in last
    assert (await session.prompt("what did I say")).text == "You said it."


@pytest.mark.requirement("compaction.one-end")
async def test_a_cancelled_compaction_changes_nothing(workbench: Workbench, launch: Launch) -> None:
    rules = [on("Write the summary", say("half"), WAIT), *cast("list[JsonObject]", MEMORY["rules"])]
    workbench.configure(script(*rules))
    session = await new_session(await launch(SHOWS_COMPACTION), workbench.project)
    await session.prompt("xyzzy")
    prompt = await session.start("/compact")
    await session.saw("compaction_update", start=prompt.start)
    await session.cancel()
    turn = await prompt.end()
    assert turn.stop_reason == "cancelled"
    statuses = [update["status"] for update in turn.kind("compaction_update")]
    assert statuses == ["in_progress", "cancelled"]
    assert {key for update in turn.kind("compaction_update") for key in update} == {
        "sessionUpdate", "compactionId", "status",
    }  # fmt: skip
    assert (await session.prompt("what did I say")).text == "You said it."


@pytest.mark.requirement("compaction.gated")
@pytest.mark.requirement("compaction.kept")
async def test_a_compacted_session_is_loaded(workbench: Workbench, launch: Launch) -> None:
    answers = [says("one"), says("SUMMARY"), says("two"), says("three")]
    async with http_server(*answers) as server:
        use(workbench, server)
        session = await new_session(await launch(), workbench.project)
        await session.prompt("first words")
        turn = await session.prompt("/compact")
        assert turn.kind("compaction_update") == []
        assert "SUMMARY" in turn.text
        assert "tools" not in server.requests[1].body
        await session.prompt("next")
        told = messages(server)
        assert [message["role"] for message in told] == ["system", "user", "user"]
        assert "SUMMARY" in told[1]["content"]
        assert "first words" in told[1]["content"]
        loaded = await reopened(session, await launch())
        said = chunks(shown(loaded), "agent_message_chunk")
        assert said.startswith("one")
        assert "SUMMARY" in said
        assert "first words" in chunks(shown(loaded), "user_message_chunk")
        await loaded.prompt("more")
        assert messages(server)[:3] == told


@pytest.mark.requirement("compaction.kept")
async def test_a_loaded_compaction_is_shown_as_one(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(MEMORY)
    session = await new_session(await launch(), workbench.project)
    await session.prompt("remember the word")
    await session.prompt("/compact")
    loaded = await reopened(session, await launch(SHOWS_COMPACTION))
    statuses = [u["status"] for u in shown(loaded) if u["sessionUpdate"] == "compaction_update"]
    assert statuses[-1] == "completed"


# Taking back -----------------------------------------------------------------------------------


@pytest.mark.requirement("commands.take-back")
async def test_clear(talk: Session, launch: Launch) -> None:
    await talk.prompt("xyzzy")
    await talk.set_mode("accept")
    turn = await talk.prompt("/clear")
    assert "begins anew" in turn.text
    assert turn.kind("usage_update")
    assert (await talk.prompt("what did I say")).text == "I do not know."
    loaded = await reopened(talk, await launch())
    assert chunks(shown(loaded), "user_message_chunk") == "/clearwhat did I say"
    assert (await loaded.prompt("what did I say")).text == "I do not know."
    assert loaded.updates("session_info_update")[-1]["title"] == "xyzzy"
    assert loaded.opened["modes"]["currentModeId"] == "accept"


@pytest.mark.requirement("commands.take-back")
async def test_undo(talk: Session, workbench: Workbench, launch: Launch) -> None:
    before = workbench.read("a.txt")
    await talk.prompt("say nothing")
    await talk.prompt("xyzzy")
    await talk.prompt("/usage")
    await talk.prompt("edit a.txt beta BETA")
    await talk.prompt("write new.txt words")
    await talk.prompt("run touch made")
    workbench.write("new.txt", "mine\n")
    turn = await talk.prompt("/undo 4")
    assert turn.text.startswith("4 turns taken back.")
    assert "`a.txt`: put back" in turn.text
    assert "`new.txt`: left alone, it has changed since" in turn.text
    assert "Run `touch made`" in turn.text
    assert workbench.read("a.txt") == before
    assert workbench.read("new.txt") == "mine\n"
    assert "`made`: removed" in turn.text
    assert not (workbench.project / "made").exists()
    assert (await talk.prompt("what did I say")).text == "I do not know."
    loaded = await reopened(talk, await launch())
    assert chunks(shown(loaded), "user_message_chunk") == "say nothing/undo 4what did I say"


async def test_undo_removes_what_was_made(talk: Session, workbench: Workbench) -> None:
    await talk.prompt("write new.txt words")
    assert "`new.txt`: removed" in (await talk.prompt("/undo")).text
    assert not (workbench.project / "new.txt").exists()
    assert "nothing to take back" in (await talk.prompt("/undo")).text
    assert "is no number" in (await talk.prompt("/undo all")).text


async def test_undo_goes_through_the_editor(talk: Session, workbench: Workbench) -> None:
    path = workbench.project / "a.txt"
    buffers = Buffers({path: "alpha\nunsaved beta\n"})
    buffers.serve(talk.client)
    await talk.prompt("edit a.txt beta BETA")
    assert buffers.texts[str(path)] == "alpha\nunsaved BETA\n"
    await talk.prompt("/undo")
    assert buffers.texts[str(path)] == "alpha\nunsaved beta\n"
    await talk.prompt("edit a.txt beta BETA")
    buffers.texts[str(path)] = "alpha\ntyped meanwhile\n"
    assert "left alone" in (await talk.prompt("/undo")).text
    assert buffers.texts[str(path)] == "alpha\ntyped meanwhile\n"


@pytest.mark.requirement("commands.take-back")
async def test_retry(workbench: Workbench, launch: Launch) -> None:
    answers = [says("zero"), says("one"), says("two"), says("three")]
    async with http_server(*answers) as server:
        use(workbench, server)
        session = await new_session(await launch(), workbench.project)
        assert "no prompt to run again" in (await session.prompt("/retry")).text
        await session.prompt("before")
        assert (await session.prompt("try")).text == "one"
        turn = await session.prompt("/retry")
        assert turn.text.endswith("two")
        assert "“try”" in turn.text
        assert server.requests[2].body == server.requests[1].body
        loaded = await reopened(session, await launch())
        assert chunks(shown(loaded), "user_message_chunk") == "/retrybefore/retrytry"
        assert chunks(shown(loaded), "agent_message_chunk").endswith("two")
        await loaded.prompt("more")
        told = [message["content"] for message in messages(server)[1:]]
        assert told == ["before", "zero", "try", "two", "more"]


async def test_a_retry_ends_as_the_model_does(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(script(on("^no$", {"stop": "refusal"})))
    session = await new_session(await launch(), workbench.project)
    await session.prompt("no")
    assert (await session.prompt("/retry")).stop_reason == "refusal"


# Export --------------------------------------------------------------------------------------


async def test_export(session: Session, workbench: Workbench) -> None:
    await session.prompt("edit a.txt beta BETA")
    await session.prompt("run echo hello")
    await session.prompt("/usage")
    path = workbench.project / f"acp-agent-{session.id}.md"
    assert str(path) in (await session.prompt("/export")).text
    text = path.read_text(encoding="utf-8")
    order = ["## You\n\nedit a.txt beta BETA", "**Edit a.txt**", "-beta\n+BETA", "## You\n\nrun", "hello"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "/usage" not in text
    assert "Written" in (await session.prompt("/export")).text
    workbench.write("mine.md", "mine")
    assert "Choose another name" in (await session.prompt("/export mine.md")).text
    assert workbench.read("mine.md") == "mine"
    assert "neither" in (await session.prompt(f"/export {workbench.root}/out.md")).text
    (workbench.home / "notes").mkdir()
    assert "Written" in (await session.prompt("/export ~/notes")).text
    assert (workbench.home / "notes" / path.name).exists()


async def test_export_of_the_journal(session: Session, workbench: Workbench) -> None:
    await session.prompt("say hi")
    await session.prompt("/export --json out.jsonl")
    await session.prompt("/export --json out.jsonl")
    lines = workbench.read("out.jsonl").splitlines()
    assert json.loads(lines[0])["session_id"] == session.id
    assert len(lines) > 5
