"""What people do all day, done in every client of tests/support/habits.py as that client does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from tests.support.habits import CLIENTS
from tests.support.phrases import PHRASES, call, script, tool
from tests.support.pictures import encoded, picture
from tests.support.processes import assert_gone, wait_for_command
from tests.support.session import FINAL, chunks
from tests.support.stand_in import StandIn
from tests.support.wire import inner

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.habits import Habits
    from tests.support.session import Prompt, Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

each_client = pytest.mark.parametrize("habits", CLIENTS, ids=[habits.name for habits in CLIENTS])

Enter = Callable[[], Awaitable[StandIn]]
CANCEL_S = 3.0
"""How long a cancelled turn may take to be answered: one second, and a busy machine."""
TYPED = "typed and not saved\n"
CHECK = "python3 check.py a:b"
SLEEP = "sleep 4721"
QUESTION = {"question": "Which: this or that?", "options": [{"label": "this"}, {"label": "that"}]}
PICTURE = {"type": "image", "mimeType": "image/png", "data": encoded(picture("RGB", (8, 8), "PNG"))}
MODEL = script(tool("^ask$", call("question", questions=[QUESTION])), *PHRASES["rules"])


@pytest.fixture
def enter(habits: Habits, workbench: Workbench, launch: Launch) -> Enter:
    """Starts a client of these habits, not yet introduced."""
    workbench.configure(MODEL)
    workbench.write("check.py", "import sys\nprint('all good', sys.argv[1])\n")
    environment = workbench.environment(LOGNAME="me", SHELL="/bin/sh", USER="me")
    if habits.environment is not None:
        kept = {name: text for name, text in environment.items() if name in habits.environment}
        environment = {**workbench.bare_environment(), **kept}

    async def start() -> StandIn:
        return StandIn(habits, await launch(raw=True, env=environment, exits=None), workbench)

    return start


@pytest.mark.requirement("clients.beginning")
@pytest.mark.requirement("clients.nothing-lost")
@pytest.mark.requirement("clients.calls-end")
@pytest.mark.requirement("clients.self-contained")
@each_client
async def test_talks_edits_and_runs(enter: Enter) -> None:
    client = await enter()
    session = await client.connect()
    for part in (begins, talks, chooses, reads_and_edits, runs, is_asked):
        await part(client, session)
        client.check()
    await client.leave()


async def begins(client: StandIn, session: Session) -> None:
    """The first prompt is on its way before what was set at once is answered."""
    model = ("model", current(session, "model"))
    values = {
        "session/set_mode": ("mode", "restrictive"),
        "session/set_model": model,
        "session/set_config_option": model,
    }
    asked = [await client.post_setting(how, session, *values[how]) for how in client.habits.sets_at_once]
    turn = await client.say(session, "say good morning")
    assert (turn.stop_reason, turn.text) == ("end_turn", "good morning")
    for request in asked:
        assert (await client.client.answer(request)).result is not None


async def talks(client: StandIn, session: Session) -> None:
    """Thoughts, a plan, and slash commands that there are and are not."""
    turn = await client.say(session, "think of a number")
    assert "of a number" in chunks(client.took_in(), "agent_thought_chunk")
    assert turn.text == "Done."
    await client.say(session, "plan")
    assert client.took_in("plan") or "plan" in client.habits.harmless
    turn = await client.say(session, "/nonsense is no command")
    assert (turn.stop_reason, turn.text) == ("end_turn", "Done.")
    commands = client.took_in("available_commands_update")[-1]["availableCommands"]
    (about,) = [command["description"] for command in commands if command["name"] == "help"]
    assert about in (await client.say(session, "/help")).text


async def chooses(client: StandIn, session: Session) -> None:
    """Mode, model and switches in the client's way; it sees the mode that it has set."""
    for mode in ("accept", "restrictive"):
        assert (await client.set(client.habits.sets_mode, session, "mode", mode)).result is not None
        await client.client.settle()
        assert mode in modes_shown(client), f"the client does not see that the mode is {mode} now"
    if how := client.habits.sets_model:
        assert (await client.set(how, session, "model", current(session, "model"))).result is not None
    for option in session.opened["configOptions"]:
        if option["type"] == "boolean":
            assert client.habits.switches, "the client knows no options of type boolean"
            params = {"sessionId": session.id, "configId": option["id"], "type": "boolean"}
            value = not option["currentValue"]
            reply = await client.client.ask("session/set_config_option", {**params, "value": value})
            (now,) = [each for each in reply.result["configOptions"] if each["id"] == option["id"]]
            assert now["currentValue"] is value


def current(session: Session, category: str) -> str:
    return client_option(session.opened["configOptions"], category)["currentValue"]


def client_option(options: list[JsonObject], category: str) -> JsonObject:
    return next(option for option in options if option.get("category") == category)


def modes_shown(client: StandIn) -> set[str]:
    """The mode as the client shows it: in either of the two forms, as far as it takes them in."""
    modes = [update["currentModeId"] for update in client.took_in("current_mode_update")]
    options = [update["configOptions"] for update in client.took_in("config_option_update")]
    return {*modes[-1:], *(client_option(each, "mode")["currentValue"] for each in options[-1:])}


async def reads_and_edits(client: StandIn, session: Session) -> None:
    """Once allowed and once not; unsaved text where the client serves it."""
    path = session.cwd / "a.txt"
    before = client.bench.read("a.txt")
    if client.habits.buffers:
        client.texts[str(path)] = before = TYPED + before
    turn = await client.say(session, "edit a.txt beta BETA")
    read, edit = turn.calls
    assert [call.states[-1] for call in (read, edit)] == ["completed", "completed"]
    assert edit.diff["oldText"] == before
    assert client.bench.read("a.txt") == before.replace("beta", "BETA")
    client.decides = "reject_once"
    turn = await client.say(session, "edit a.txt gamma GAMMA")
    assert (turn.calls[-1].states[-1], turn.stop_reason) == ("failed", "end_turn")
    assert "GAMMA" not in client.bench.read("a.txt")
    client.decides = "allow_once"
    assert (await client.say(session, "read gone.txt")).call.states[-1] == "failed"
    assert (await client.say(session, "write new.txt words")).call.diff.get("oldText") is None
    assert client.bench.read("new.txt") == "words\n"
    assert [each["toolCall"]["kind"] for each in client.seen.permissions] == ["edit"] * 3


async def runs(client: StandIn, session: Session) -> None:
    """A command that has to be allowed; its output is seen, in a terminal where there is one."""
    turn = await client.say(session, f"run {CHECK}")
    assert turn.call.states[-1] == "completed"
    assert "all good a:b" in client.text(turn.call.now["toolCallId"])
    client.decides = "reject_once"
    turn = await client.say(session, f"run {CHECK}")
    assert (turn.call.states[-1], turn.stop_reason) == ("failed", "end_turn")
    client.decides = "allow_once"
    assert [each["toolCall"]["kind"] for each in client.seen.permissions[-2:]] == ["execute"] * 2


async def is_asked(client: StandIn, session: Session) -> None:
    """A question in a form, where there are forms; elsewhere the model cannot ask."""
    asked = (await client.say(session, "ask")).call
    forms = "form" in inner(client.habits.capabilities, "elicitation")
    assert asked.states[-1] == ("completed" if forms else "failed")
    assert "this" in client.text(asked.now["toolCallId"]) or not forms


@pytest.mark.requirement("clients.cancelling")
@pytest.mark.requirement("clients.calls-end")
@each_client
async def test_cancels_and_goes_on(enter: Enter) -> None:
    client = await enter()
    session = await client.connect()
    for start in (start_waiting, start_running, start_asking):
        prompt = await start(client, session)
        await client.cancel(session)
        following = await client.start(session, "say and on")
        assert (await prompt.end(CANCEL_S)).stop_reason == "cancelled", f"{client.habits.name}: {start}"
        turn = await client.end(session, following)
        assert (turn.stop_reason, turn.text) == ("end_turn", "and on"), f"{client.habits.name}: {start}"
        client.decides = "allow_once"
    await assert_gone(client.bench.root, SLEEP)
    client.check()
    await client.leave()


async def start_waiting(client: StandIn, session: Session) -> Prompt:
    prompt = await client.start(session, "wait")
    await session.saw("agent_message_chunk", start=prompt.start)
    return prompt


async def start_running(client: StandIn, session: Session) -> Prompt:
    prompt = await client.start(session, f"run {SLEEP}")
    await wait_for_command(client.bench.root, SLEEP)
    return prompt


async def start_asking(client: StandIn, session: Session) -> Prompt:
    client.decides = ""
    prompt = await client.start(session, f"run {CHECK}")
    await client.client.asked("session/request_permission", start=prompt.start)
    return prompt


@pytest.mark.requirement("clients.side-by-side")
@each_client
async def test_two_sessions(enter: Enter) -> None:
    first = await enter()
    one = await first.connect()
    second = first if first.habits.shares else await enter()
    other = await second.open() if first.habits.shares else await second.connect()
    waiting = await start_waiting(first, one)
    turn = await second.say(other, "say meanwhile")
    assert (turn.stop_reason, turn.text) == ("end_turn", "meanwhile")
    await first.cancel(one)
    assert (await waiting.end(CANCEL_S)).stop_reason == "cancelled"
    for client in {id(first): first, id(second): second}.values():
        client.check()


@pytest.mark.requirement("clients.coming-back")
@pytest.mark.requirement("clients.leaving")
@each_client
async def test_leaves_and_comes_back(enter: Enter) -> None:
    before = await enter()
    session = await before.connect()
    if before.habits.takes_up_empty:
        await before.leave()
        before = await enter()
        await before.introduce()
        session, _ = await before.come_back(session)
    await before.say(session, "say remember me", PICTURE)
    await before.say(session, "edit a.txt beta BETA")
    await start_running(before, session)
    await before.client.settle()
    await before.leave()
    if not before.habits.takes_up:
        return
    after = await enter()
    await after.introduce()
    again, replayed = await after.come_back(session)
    if before.habits.takes_up[-1] == "session/load":
        assert "remember me" in chunks(replayed, "agent_message_chunk")
        asked = [one["content"] for one in replayed if one["sessionUpdate"] == "user_message_chunk"]
        assert {"type": "text", "text": "say remember me"} in asked
        assert "image" in {block["type"] for block in asked}
        ended = [one["status"] for one in replayed if one["sessionUpdate"] == "tool_call"]
        assert set(ended) <= FINAL
    else:
        assert replayed == []
    turn = await after.say(again, "say still here")
    assert (turn.stop_reason, turn.text) == ("end_turn", "still here")
    after.check()
    await after.leave()
