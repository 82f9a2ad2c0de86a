"""Sessions that are taken up again: load, resume, fork, and the list they are found in."""

from __future__ import annotations

import json
import re
import signal
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.processes import assert_gone, wait_for_command
from tests.support.session import chunks, fold, new_session, opening, reopen
from tests.support.terminals import OFFERED, ZED, Terminals

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

NOT_FOUND = -32002
INVALID_PARAMS = -32602
SLEEP = "sleep 4713"
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


async def converse(session: Session) -> None:
    """A conversation with a bit of everything."""
    await session.prompt("say hi there")
    await session.prompt("think of a number")
    await session.prompt("edit a.txt beta BETA")
    await session.prompt("run echo hello")
    await session.prompt("plan")


async def closed(session: Session) -> Session:
    """`session`, closed, so that it has to be opened again."""
    assert (await session.client.ask("session/close", {"sessionId": session.id})).result == {}
    return session


def history(session: Session) -> list[JsonObject]:
    """What came before the answer to the request that opened the session."""
    return session.updates(start=session.asked_at, stop=session.reply.at)


@pytest.mark.requirement("saved.replay")
async def test_load_shows_the_conversation(session: Session, launch: Launch) -> None:
    await converse(session)
    before = session.updates(start=session.reply.at)
    loaded = await reopen("session/load", await launch(), await closed(session))
    shown = history(loaded)
    assert chunks(shown, "user_message_chunk") == (
        "say hi therethink of a numberedit a.txt beta BETArun echo helloplan"
    )
    for kind in ("agent_message_chunk", "agent_thought_chunk"):
        assert chunks(shown, kind) == chunks(before, kind)
    plans = [update["entries"] for update in before if update["sessionUpdate"] == "plan"]
    assert [update["entries"] for update in shown if update["sessionUpdate"] == "plan"] == plans[-1:]
    usage = [update for update in before if update["sessionUpdate"] == "usage_update"]
    assert [update for update in shown if update["sessionUpdate"] == "usage_update"] == usage[-1:]
    kinds = [update["sessionUpdate"] for update in shown]
    assert kinds[:3] == ["user_message_chunk", "session_info_update", "agent_message_chunk"]


@pytest.mark.requirement("saved.replay")
@pytest.mark.requirement("saved.same-ids")
async def test_everything_is_shown_in_its_order(session: Session, launch: Launch) -> None:
    happened: list[str] = []
    for words in ("say hi", "think of a number", "edit a.txt beta BETA", "read both a.txt b.txt", "plan"):
        happened += [words, *things((await session.prompt(words)).updates)]
    assert things(history(await reopen("session/load", await launch(), await closed(session)))) == happened


def things(updates: list[JsonObject]) -> list[str]:
    """Messages and calls in the order they began: the text of a prompt, the id of what is the agent's."""
    found: dict[str, None] = {}
    for update in updates:
        if update["sessionUpdate"] == "user_message_chunk":
            found[update["content"]["text"]] = None
        elif one := update.get("messageId") or update.get("toolCallId"):
            found[one] = None
    return list(found)


@pytest.mark.requirement("saved.same-ids")
@pytest.mark.requirement("saved.final-calls")
@pytest.mark.requirement("saved.few-updates")
async def test_calls_are_told_once_and_as_they_ended(session: Session, launch: Launch) -> None:
    await converse(session)
    before = fold(session.updates())
    shown = history(await reopen("session/load", await launch(), await closed(session)))
    after = fold(shown)
    assert list(after) == list(before)
    for call_id, call in after.items():
        assert len(call.updates) == 1
        for key in ("title", "name", "kind", "status", "locations", "rawInput"):
            assert call.now.get(key) == before[call_id].now.get(key), key
    diffs = [call.diff for call in after.values() if call.now["kind"] == "edit"]
    assert diffs == [call.diff for call in before.values() if call.now["kind"] == "edit"]
    messages = [(u["sessionUpdate"], u["messageId"]) for u in shown if u["sessionUpdate"].endswith("_chunk")]
    assert len(set(messages)) == len(messages), "a message in several pieces"


@pytest.mark.requirement("saved.same-ids")
async def test_messages_keep_their_ids(session: Session, launch: Launch) -> None:
    await converse(session)
    said = {u["messageId"] for u in session.updates("agent_message_chunk")}
    loaded = await reopen("session/load", await launch(), await closed(session))
    assert {u["messageId"] for u in history(loaded) if u["sessionUpdate"] == "agent_message_chunk"} == said
    turn = await loaded.prompt("say more")
    (fresh,) = {u["messageId"] for u in turn.kind("agent_message_chunk")}
    assert fresh not in {u.get("messageId") for u in history(loaded)}


@pytest.mark.requirement("saved.no-notices")
async def test_notices_are_not_shown_again(workbench: Workbench, launch: Launch) -> None:
    workbench.write(".env", "SECRET=1\n")
    session = await new_session(await launch({"session": {"notices": {}}}), workbench.project)
    assert (await session.prompt("say what is in @.env")).kind("notice")
    again = await launch({"session": {"notices": {}}})
    loaded = await reopen("session/load", again, await closed(session))
    await again.settle()
    assert loaded.updates("user_message_chunk")
    assert loaded.updates("notice") == []


@pytest.mark.requirement("saved.replay-final")
@pytest.mark.requirement("saved.no-notices")
async def test_after_the_answer_only_the_present_comes(session: Session, launch: Launch) -> None:
    await converse(session)
    client = await launch({"session": {"notices": {}}})
    loaded = await reopen("session/load", client, await closed(session))
    await client.settle()
    assert {u["sessionUpdate"] for u in loaded.updates(start=loaded.reply.at)} == {
        "available_commands_update"
    }
    assert "notice" not in {u["sessionUpdate"] for u in history(loaded)}


@pytest.mark.requirement("saved.resume-silent")
@pytest.mark.requirement("session.announced-again")
async def test_resume_shows_nothing(session: Session, launch: Launch) -> None:
    await converse(session)
    resumed = await reopen("session/resume", await launch(), await closed(session))
    assert history(resumed) == []
    await resumed.saw("available_commands_update", start=resumed.reply.at)
    assert resumed.opened["configOptions"]


@pytest.mark.requirement("saved.goes-on")
@pytest.mark.parametrize("method", ["session/load", "session/resume", "session/fork"])
async def test_the_model_knows_what_was_said(workbench: Workbench, launch: Launch, method: str) -> None:
    """The scripted model is asked for what it was told before."""
    remembered: JsonObject = {
        "when": {"user": "^what did I say", "earlier": "the word is xyzzy"},
        "reply": [{"text": ["You said it."]}],
    }
    workbench.configure({"rules": [remembered], "otherwise": [{"text": ["I do not know."]}]})
    first = await launch()
    session = await new_session(first, workbench.project)
    assert (await session.prompt("what did I say")).text == "I do not know."
    await session.prompt("the word is xyzzy")
    again = await reopen(method, await launch(), await closed(session))
    assert (await again.prompt("what did I say")).text == "You said it."


@pytest.mark.requirement("saved.unknown-id")
async def test_what_is_not_there_cannot_be_opened(
    client: Client, workbench: Workbench, subtests: pytest.Subtests
) -> None:
    for method in ("session/load", "session/resume", "session/fork"):
        for session_id in ("nobody", "../../etc/passwd", "a/b", "..", "\0", "x" * 5000):
            with subtests.test(method=method, id=session_id[:20]):
                given = opening(workbench.project, sessionId=session_id)
                error = (await client.ask(method, given)).error
                assert (error["code"], error["data"]) == (NOT_FOUND, {"sessionId": session_id})
    assert (await client.ask("session/list", {})).result["sessions"] == []


@pytest.mark.requirement("saved.unknown-id")
async def test_a_damaged_journal(session: Session, launch: Launch, workbench: Workbench) -> None:
    await session.prompt("say hi")
    await closed(session)
    (journal,) = workbench.data.rglob(f"{session.id}.jsonl")
    journal.write_bytes(b"\x00\xffnot a journal\n")
    given = opening(workbench.project, sessionId=session.id)
    error = (await (await launch()).ask("session/load", given)).error
    assert error["data"]["sessionId"] == session.id
    assert str(journal) in error["message"]


@pytest.mark.requirement("saved.final-calls")
async def test_a_call_that_was_running_when_the_agent_was_killed(
    workbench: Workbench, launch: Launch
) -> None:
    doomed = await launch(exits=None)
    session = await new_session(doomed, workbench.project)
    await session.set_mode("yolo")
    await session.start(f"run {SLEEP}")
    await wait_for_command(workbench.root, SLEEP)
    doomed.wire.process.send_signal(signal.SIGKILL)
    await doomed.wire.ended()
    await assert_gone(workbench.root, SLEEP)
    loaded = await reopen("session/load", await launch(), session)
    (call,) = fold(history(loaded)).values()
    assert call.now["status"] == "failed"
    assert "nterrupted" in call.text
    assert (await loaded.prompt("say hi")).text == "hi"


@pytest.mark.requirement("saved.answer")
@pytest.mark.parametrize("method", ["session/load", "session/resume", "session/fork"])
async def test_answers_have_modes_and_options(session: Session, method: str) -> None:
    await session.prompt("say hi")
    again = await reopen(method, session.client, session)
    assert again.opened["modes"] == session.opened["modes"]
    assert again.opened["configOptions"] == session.opened["configOptions"]


@pytest.mark.requirement("session.additional-directories")
@pytest.mark.requirement("saved.no-old-folders")
@pytest.mark.parametrize("method", ["session/load", "session/resume", "session/fork"])
async def test_additional_folders(client: Client, workbench: Workbench, method: str) -> None:
    further = workbench.root / "further"
    further.mkdir()
    session = await new_session(client, workbench.project, additionalDirectories=[str(further)])
    await session.prompt(f"put {further}/made.txt here")
    assert (further / "made.txt").read_text(encoding="utf-8") == "here\n"
    assert client.calls("session/request_permission") == []
    await closed(session)
    for folders, asked in (([], 1), ([str(further)], 1)):
        again = await reopen(method, client, session, additionalDirectories=folders)
        await again.prompt(f"put {further}/again-{len(folders)}.txt here")
        assert len(client.calls("session/request_permission")) == asked
        await closed(again)
    relative = opening(workbench.project, additionalDirectories=["further"])
    assert (await client.ask("session/new", relative)).error["code"] == INVALID_PARAMS
    missing = opening(workbench.project, additionalDirectories=[str(workbench.root / "none")])
    assert (await client.ask("session/new", missing)).error["code"] == INVALID_PARAMS


@pytest.mark.requirement("saved.list")
@pytest.mark.requirement("saved.updated-at")
async def test_list(client: Client, workbench: Workbench, launch: Launch) -> None:
    assert (await client.ask("session/list", {})).result == {"sessions": []}
    other = workbench.project / "other"
    other.mkdir()
    here = await new_session(client, workbench.project)
    there = await new_session(client, other)
    await here.prompt("say the first thing")
    await there.prompt("say the second thing")
    for asking in (client, await launch()):
        listed = (await asking.ask("session/list", {})).result["sessions"]
        assert [one["sessionId"] for one in listed] == [there.id, here.id]
        assert [one["title"] for one in listed] == ["say the second thing", "say the first thing"]
        assert [one["cwd"] for one in listed] == [str(other), str(workbench.project)]
        assert all(RFC_3339.fullmatch(one["updatedAt"]) for one in listed)
        assert all(datetime.fromisoformat(one["updatedAt"]).tzinfo for one in listed)
        only = (await asking.ask("session/list", {"cwd": str(workbench.project)})).result["sessions"]
        assert [one["sessionId"] for one in only] == [here.id]
        none = await asking.ask("session/list", {"cwd": str(workbench.root)})
        assert none.result == {"sessions": []}


@pytest.mark.requirement("saved.pages")
async def test_pages(client: Client, workbench: Workbench, subtests: pytest.Subtests) -> None:
    made: list[str] = []
    for number in range(60):
        session = await new_session(client, workbench.project)
        await session.prompt(f"say {number}")
        made.append(session.id)
        await closed(session)
    found: list[str] = []
    params: JsonObject = {}
    while True:
        page = (await client.ask("session/list", params)).result
        assert 0 < len(page["sessions"]) < 60
        found += [one["sessionId"] for one in page["sessions"]]
        if "nextCursor" not in page:
            break
        params = {"cursor": page["nextCursor"]}
    assert sorted(found) == sorted(made)
    for cursor in ("nonsense", "ä", "e30=", "====", 5):
        with subtests.test(cursor=cursor):
            reply = await client.ask("session/list", {"cursor": cursor})
            assert reply.error["code"] == INVALID_PARAMS


@pytest.mark.requirement("saved.delete")
async def test_delete(session: Session, workbench: Workbench) -> None:
    client = session.client
    await session.prompt("say hi")
    assert (await client.ask("session/delete", {"sessionId": session.id})).result == {}
    assert (await client.ask("session/list", {})).result == {"sessions": []}
    given = opening(workbench.project, sessionId=session.id)
    assert (await client.ask("session/load", given)).error["code"] == NOT_FOUND
    for session_id in (session.id, "nobody", "../x"):
        assert (await client.ask("session/delete", {"sessionId": session_id})).result == {}


@pytest.mark.requirement("saved.close")
@pytest.mark.requirement("saved.close-unknown")
@pytest.mark.requirement("saved.close-kills")
@pytest.mark.parametrize("method", ["session/close", "session/delete", "session/archive"])
async def test_close(session: Session, workbench: Workbench, method: str) -> None:
    client = session.client
    await session.set_mode("yolo")
    running = await session.start(f"run {SLEEP}")
    await wait_for_command(workbench.root, SLEEP)
    queued = await session.start("say hi")
    assert (await client.ask(method, {"sessionId": session.id})).result == {}
    for prompt in (running, queued):
        assert (await prompt.end()).stop_reason == "cancelled"
    (call,) = fold(session.updates()).values()
    assert call.now["status"] == "failed"
    await assert_gone(workbench.root, SLEEP)
    params = {"sessionId": session.id, "prompt": [{"type": "text", "text": "say hi"}]}
    assert (await client.ask("session/prompt", params)).error["code"] == NOT_FOUND
    assert (await client.ask("session/close", {"sessionId": session.id})).result == {}
    assert (await client.ask("session/close", {"sessionId": "nobody"})).result == {}


@pytest.mark.requirement("saved.locked")
async def test_one_process_at_a_time(session: Session, launch: Launch) -> None:
    await session.prompt("say hi")
    other = await launch()
    given = opening(session.cwd, sessionId=session.id)
    error = (await other.ask("session/load", given)).error
    assert error["data"] == {"sessionId": session.id}
    assert "another" in error["message"]
    await closed(session)
    assert (await (await reopen("session/load", other, session)).prompt("say ho")).text == "ho"


@pytest.mark.requirement("saved.replay")
async def test_load_of_a_session_that_is_open(session: Session) -> None:
    """By the same client: it is shown again, and told of everything once."""
    await session.prompt("say hi")
    loaded = await reopen("session/load", session.client, session)
    assert chunks(history(loaded)[-2:], "agent_message_chunk") == "hi"
    turn = await loaded.prompt("say ho")
    assert turn.text == "ho"
    assert turn.kind("user_message_chunk") == []


@pytest.mark.requirement("saved.replay-final")
async def test_load_while_a_turn_runs(session: Session) -> None:
    prompt = await session.start("wait")
    await session.saw("agent_message_chunk", start=prompt.start)
    loaded = await reopen("session/load", session.client, session)
    assert chunks(history(loaded)[-1:], "agent_message_chunk") == "Waiting."
    await loaded.cancel()
    assert (await prompt.end()).stop_reason == "cancelled"


@pytest.mark.requirement("saved.fork")
async def test_fork(session: Session) -> None:
    await session.prompt("say hi")
    forked = await reopen("session/fork", session.client, session)
    assert forked.id != session.id
    assert history(forked) == []
    assert (await forked.prompt("say only here")).text == "only here"
    await closed(forked)
    await closed(session)
    for one, texts in ((session, "hi"), (forked, "hionly here")):
        loaded = await reopen("session/load", session.client, one)
        assert chunks(history(loaded), "agent_message_chunk") == texts


@pytest.mark.requirement("saved.archive")
async def test_archive(session: Session) -> None:
    client = session.client
    await session.prompt("say hi")

    async def listed(archived: str | None) -> list[Any]:
        params = {} if archived is None else {"archived": archived}
        sessions = (await client.ask("session/list", params)).result["sessions"]
        return [(one["sessionId"], one.get("archived", False)) for one in sessions]

    for _ in range(2):  # once more changes nothing
        assert (await client.ask("session/archive", {"sessionId": session.id})).result == {}
    assert await listed(None) == await listed("exclude") == []
    assert await listed("include") == await listed("only") == [(session.id, True)]
    assert (await client.ask("session/unarchive", {"sessionId": session.id})).result == {}
    assert await listed(None) == [(session.id, False)]
    assert await listed("only") == []
    assert (await client.ask("session/list", {"archived": "some"})).error["code"] == INVALID_PARAMS
    for method in ("session/archive", "session/unarchive"):
        error = (await client.ask(method, {"sessionId": "nobody"})).error
        assert (error["code"], error["data"]) == (NOT_FOUND, {"sessionId": "nobody"})


@pytest.mark.requirement("saved.status")
async def test_status(session: Session) -> None:
    await session.prompt("say hi")
    params = {"sessionId": session.id}
    assert (await session.client.ask("session/status", params)).result == {"status": "open"}
    await closed(session)
    assert (await session.client.ask("session/status", params)).result == {"status": "saved"}
    error = (await session.client.ask("session/status", {"sessionId": "nobody"})).error
    assert error["code"] == NOT_FOUND


@pytest.mark.requirement("saved.title")
async def test_title(session: Session) -> None:
    client = session.client
    await session.prompt("say hi")
    assert (await session.saw("session_info_update"))["title"] == "say hi"

    async def retitle(title: object) -> Any:
        return await client.ask("session/set_title", {"sessionId": session.id, "title": title})

    async def title() -> str:
        (one,) = (await client.ask("session/list", {})).result["sessions"]
        return one["title"]

    assert (await retitle("  Two\n words ")).result == {"title": "Two words"}
    await session.saw("session_info_update", title="Two words")
    await session.prompt("say more")
    assert await title() == "Two words"
    await closed(session)
    assert (await retitle("Later")).result == {"title": "Later"}
    assert await title() == "Later"
    loaded = await reopen("session/load", client, session)
    assert [u["title"] for u in history(loaded) if u["sessionUpdate"] == "session_info_update"] == ["Later"]
    for bad in ("", " \n\t ", None, 5):
        assert (await retitle(bad)).error["code"] == INVALID_PARAMS
    params = {"sessionId": "nobody", "title": "x"}
    assert (await client.ask("session/set_title", params)).error["code"] == NOT_FOUND


@pytest.mark.requirement("saved.no-old-terminals")
@pytest.mark.parametrize("offered", [OFFERED, ZED])
async def test_no_terminal_of_before(workbench: Workbench, launch: Launch, offered: JsonObject) -> None:
    client = await launch(offered)
    Terminals(client)
    session = await new_session(client, workbench.project)
    turn = await session.prompt("run echo hello")
    assert [content["type"] for content in turn.call.now["content"]] == ["terminal"]
    loaded = await reopen("session/load", await launch(offered), await closed(session))
    (call,) = fold(history(loaded)).values()
    assert "hello" in call.text
    assert "terminal" not in json.dumps([content["type"] for content in call.now["content"]])
