"""What a session costs, as its editor is told, and budgets that stop until the person says to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from tests.support.chat_server import says
from tests.support.client import choose, refuse
from tests.support.http_server import Answer, http_server
from tests.support.phrases import DONE, call, on, say, script
from tests.support.session import Session, new_session, reopen

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.phrases import Step
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

NOTICES: JsonObject = {"session": {"notices": {}}}
ASK = "session/request_permission"
SUMMARY = "Write the summary"


def costs(dollars: float) -> Step:
    """A step that says what the request used; 1,000 tokens in, of which 600 were cached, and 50 out."""
    usage = {"input": 1000, "output": 50, "cached": 600, "cost": round(dollars * 1_000_000)}
    return {"usage": usage}


SPENDING = script(
    on(r"^cheap$", say("Cheap."), costs(0.021075)),
    on(r"^half$", say("Half."), costs(0.5)),
    on(r"^free$", say("Free."), costs(0)),
    on(r"^unknown$", say("Unknown.")),
    on(r"^twice$", costs(0.25), call("list", path="${cwd}"), results=0),
    on(r"^twice$", costs(0.5), say("Both."), results=1),
    on(r"^more and more$", costs(0.5), call("list", path="${cwd}")),
    on(r"half\?$", say("An aside."), costs(0.5)),
    on(SUMMARY, say("A summary."), costs(0.5)),
)


async def opened(workbench: Workbench, client: Client, **budget: JsonObject) -> Session:
    workbench.configure(SPENDING, budget=budget, max_agent_turns=20)
    return await new_session(client, workbench.project)


async def reloaded(session: Session, client: Client) -> Session:
    """The session loaded by another process, without what the first one knew."""
    await session.client.ask("session/close", {"sessionId": session.id})
    return await reopen("session/load", client, session)


def paid(updates: list[JsonObject]) -> list[object]:
    """The costs that usage updates tell; None where one tells none."""
    return [update.get("cost") for update in updates if update["sessionUpdate"] == "usage_update"]


def usd(amount: float) -> JsonObject:
    return {"amount": amount, "currency": "USD"}


# Cost ------------------------------------------------------------------------------------------------


@pytest.mark.requirement("money.cost")
async def test_the_cost_comes_after_every_request(workbench: Workbench, client: Client) -> None:
    session = await opened(workbench, client)
    assert paid((await session.prompt("twice")).updates) == [usd(0.25), usd(0.75)]
    assert paid((await session.prompt("cheap")).updates) == [usd(0.771075)]
    assert paid((await session.prompt("free")).updates) == [usd(0.771075)]
    (update,) = (await session.prompt("cheap")).kind("usage_update")
    assert (update["used"], update["size"]) == (1050, 128_000), "of the last request, not of all"


@pytest.mark.requirement("money.cost")
async def test_a_price_of_the_settings(workbench: Workbench, launch: Launch) -> None:
    counted = says(
        "hi", prompt_tokens=2100, completion_tokens=1000, prompt_tokens_details={"cached_tokens": 500}
    )
    price = {"input": 3, "output": 15, "cache_read": 0.3}
    async with http_server(counted, says("silent")) as server:
        entry = {
            "provider_type": "custom", "base_url": f"{server.url}/v1", "model": "m",
            "model_info": {"m": {"price": price}},
        }  # fmt: skip
        workbench.settle({"provider": "far", "providers": {"far": entry}})
        session = await new_session(await launch(), workbench.project)
        assert paid((await session.prompt("hi")).updates) == [usd(0.01995)]
        assert paid((await session.prompt("hi")).updates) == [None], "nobody has counted"


@pytest.mark.requirement("money.cost")
async def test_nothing_is_guessed(workbench: Workbench, client: Client) -> None:
    session = await opened(workbench, client)
    await session.prompt("half")
    for prompt in ("unknown", "half"):
        (update,) = (await session.prompt(prompt)).kind("usage_update")
        assert "cost" not in update
    text = (await session.prompt("/usage")).text
    assert "| $1.00 + 1 unknown |" in text
    assert "no price is known" in text


@pytest.mark.requirement("prompt.usage-of-prompt")
async def test_a_prompt_is_told_its_own_tokens(workbench: Workbench, client: Client) -> None:
    session = await opened(workbench, client)
    for _ in range(2):
        usage = (await session.prompt("twice")).reply.result["usage"]
        assert (usage["totalTokens"], usage["cachedReadTokens"]) == (2100, 1200)
    assert (await session.prompt("cheap")).reply.result["usage"]["totalTokens"] == 1050


@pytest.mark.requirement("money.loaded")
async def test_a_loaded_session_has_cost_what_it_has_cost(workbench: Workbench, launch: Launch) -> None:
    session = await opened(workbench, await launch())
    await session.prompt("half")
    assert paid((await session.prompt("/btw half?")).updates) == [usd(1.0)]
    assert paid((await session.prompt("/compact")).updates) == [usd(1.5)]
    assert paid((await session.prompt("/clear")).updates) == [usd(1.5)]
    await session.prompt("cheap")
    assert paid((await session.prompt("/btw half?")).updates) == [usd(2.021075)]
    table = (await session.prompt("/usage")).text
    assert "| this session | 5 | 5,000 | 3,000 | 0 | 250 | 0 | $2.021075 |" in table
    assert "| last turn | 1 | 1,000 | 600 | 0 | 50 | 0 | $0.50 |" in table
    assert "all sessions together: $2.021075." in table
    assert "60% of the input" in table
    loaded = await reloaded(session, await launch())
    assert paid(loaded.updates())[-1] == usd(2.021075)
    assert (await loaded.prompt("/usage")).text == table, "and nothing counts twice"
    assert paid((await loaded.prompt("cheap")).updates) == [usd(2.04215)]


@pytest.mark.requirement("money.loaded")
async def test_a_fork_has_cost_nothing_yet(workbench: Workbench, client: Client) -> None:
    session = await opened(workbench, client)
    await session.prompt("half")
    fork = await reopen("session/fork", client, session)
    assert paid((await fork.prompt("cheap")).updates) == [usd(0.021075)]
    assert "all sessions together: $0.521075." in (await fork.prompt("/usage")).text
    assert paid((await session.prompt("cheap")).updates) == [usd(0.521075)]


@pytest.mark.requirement("money.cost")
@pytest.mark.parametrize("how", ["", "/btw "])
@pytest.mark.parametrize(("price", "cost"), [(1, None), (0, usd(0))])
async def test_an_answer_that_is_cancelled_is_not_for_nothing(
    workbench: Workbench, launch: Launch, how: str, price: int, cost: JsonObject | None
) -> None:
    """Nobody says how much it was, unless all of it is free."""
    begun = b'data: {"choices": [{"index": 0, "delta": {"content": "Begun."}}]}\n\n'
    whole = says("Whole.", prompt_tokens=1000, completion_tokens=50)
    async with http_server(whole, Answer([begun], hangs=True), whole) as server:
        said = {"m": {"price": {"input": price, "output": price}}}
        entry = {"base_url": f"{server.url}/v1", "model": "m", "model_info": said}
        workbench.settle({"provider": "far", "providers": {"far": entry}})
        session = await new_session(await launch(), workbench.project)
        assert paid((await session.prompt("one")).updates) == [usd(0.00105 * price)]
        prompt = await session.start(f"{how}two")
        await session.saw("agent_message_chunk", start=prompt.start)
        await session.cancel()
        assert (await prompt.end()).stop_reason == "cancelled"
        assert paid((await session.prompt("three")).updates) == [cost]


# Budgets ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("money.warned")
@pytest.mark.parametrize("capabilities", [{}, NOTICES], ids=["thought", "notice"])
async def test_a_warning_comes_once(workbench: Workbench, launch: Launch, capabilities: JsonObject) -> None:
    session = await opened(workbench, await launch(capabilities), session={"warn": 0.5, "stop": 5})
    told = [str((await session.prompt(prompt)).updates) for prompt in ("cheap", "half", "half")]
    expected = "$0.521075 spent of the budget of $5.00 for this session."
    assert [expected in each for each in told] == [False, True, False]
    assert session.client.calls(ASK) == []


@pytest.mark.requirement("money.asked")
@pytest.mark.parametrize("mode", ["standard", "yolo"])
async def test_a_no_ends_the_turn(workbench: Workbench, client: Client, mode: str) -> None:
    session = await opened(workbench, client, session={"stop": 1})
    await session.set_mode(mode)
    client.handlers[ASK] = choose("reject_once")
    turn = await session.prompt("more and more")
    assert turn.stop_reason == "max_turn_requests"
    (question,) = client.calls(ASK)
    assert question["params"]["toolCall"]["title"] == "Go on over the budget of $1.00 for this session?"
    assert "$1.00 by script" in str(question["params"])
    assert "Stopped: $1.00 spent of the budget of $1.00 for this session." in turn.text
    assert paid(turn.updates) == [usd(0.5), usd(1.0), usd(1.0)]
    assert turn.updates[-1]["sessionUpdate"] == "agent_message_chunk"
    assert all(each.states[-1] in ("completed", "failed") for each in turn.calls)
    assert paid((await session.prompt("half")).updates) == [usd(1.0)]
    assert len(client.calls(ASK)) == 2, "the next prompt is asked about again, and no model is"


@pytest.mark.requirement("money.asked")
async def test_who_does_not_answer_says_no(workbench: Workbench, client: Client) -> None:
    session = await opened(workbench, client, session={"stop": 0.5})
    client.handlers[ASK] = refuse(-32603)
    turn = await session.prompt("twice")
    assert (turn.stop_reason, turn.text) == ("end_turn", "Both.")
    turn = await session.prompt("free")
    assert (turn.stop_reason, "Free." in turn.text) == ("max_turn_requests", False)


@pytest.mark.requirement("money.asked")
async def test_what_is_beside_the_conversation_asks_too(workbench: Workbench, client: Client) -> None:
    session = await opened(workbench, client, session={"stop": 0.5})
    await session.prompt("half")
    client.handlers[ASK] = choose("reject_once")
    for command in ("/btw half?", "/compact"):
        turn = await session.prompt(command)
        assert f"{command.split()[0]} did not work: Stopped: $0.50 spent" in turn.text
    assert len(client.calls(ASK)) == 2
    client.handlers[ASK] = choose("allow_once")
    assert "An aside." in (await session.prompt("/btw half?")).text
    journal = (workbench.data / "sessions" / f"{session.id}.jsonl").read_text(encoding="utf-8")
    assert "/btw" not in journal, "the question of the agent leaves no trace either"


@pytest.mark.requirement("money.goes-on")
async def test_a_yes_goes_on_until_as_much_again_is_spent(workbench: Workbench, client: Client) -> None:
    session = await opened(workbench, client, session={"stop": 1})
    asked: list[str] = []
    allow, reject = choose("allow_once"), choose("reject_once")

    async def twice_then_no(params: JsonObject) -> JsonObject | None:
        asked.append(str(params))
        return await (reject if len(asked) == 3 else allow)(params)

    client.handlers[ASK] = twice_then_no
    turn = await session.prompt("more and more")
    assert paid(turn.updates) == [*(usd(0.5 * number) for number in range(1, 7)), usd(3.0)]
    assert ["$1.00 by" in asked[0], "$2.00 by" in asked[1], "$3.00 by" in asked[2]] == [True] * 3
    assert DONE not in turn.text


@pytest.mark.requirement("money.goes-on")
async def test_a_loaded_session_asks_again(workbench: Workbench, launch: Launch) -> None:
    session = await opened(workbench, await launch(), session={"stop": 0.5})
    for _ in range(2):
        assert (await session.prompt("half")).stop_reason == "end_turn"
    loaded = await reloaded(session, await launch())
    loaded.client.handlers[ASK] = choose("reject_once")
    assert (await loaded.prompt("half")).stop_reason == "max_turn_requests"


@pytest.mark.requirement("money.asked")
async def test_a_cancel_while_it_asks(workbench: Workbench, client: Client) -> None:
    session = await opened(workbench, client, session={"stop": 0.5})
    await session.prompt("half")

    async def cancel(_: JsonObject) -> JsonObject:
        await session.cancel()
        return {"outcome": {"outcome": "cancelled"}}

    client.handlers[ASK] = cancel
    turn = await session.prompt("half")
    assert turn.stop_reason == "cancelled"
    client.handlers[ASK] = choose("allow_once")
    assert (await session.prompt("half")).text == "Half."


@pytest.mark.requirement("money.day")
async def test_a_day_is_of_all_processes(workbench: Workbench, launch: Launch) -> None:
    one, other = await launch(), await launch()
    first = await opened(workbench, one, day={"stop": 1})
    second = await new_session(other, workbench.project)
    await first.prompt("half")
    assert "all sessions together: $0.50, of a budget of $1.00" in (await first.prompt("/usage")).text
    assert (await second.prompt("half")).stop_reason == "end_turn"
    assert "all sessions together: $1.00" in (await second.prompt("/usage")).text
    for client in (one, other):
        client.handlers[ASK] = choose("reject_once")
    for session in (first, second, await new_session(one, workbench.project)):
        turn = await session.prompt("half")
        assert turn.stop_reason == "max_turn_requests"
        assert "Go on over the budget of $1.00 for today?" in str(session.client.calls(ASK)[-1])


@pytest.mark.requirement("money.day")
async def test_a_deleted_session_has_cost_what_it_has_cost(workbench: Workbench, client: Client) -> None:
    session = await opened(workbench, client)
    await session.prompt("half")
    await client.ask("session/delete", {"sessionId": session.id})
    other = await new_session(client, workbench.project)
    assert "all sessions together: $0.50." in (await other.prompt("/usage")).text


@pytest.mark.requirement("money.cost")
async def test_what_cannot_be_judged_is_said(workbench: Workbench, launch: Launch) -> None:
    session = await opened(workbench, await launch(NOTICES), session={"stop": 1})
    notices = [(await session.prompt("unknown")).kind("notice") for _ in range(2)]
    assert [len(each) for each in notices] == [1, 0]
    assert "cannot be judged" in notices[0][0]["title"]


@pytest.mark.requirement("money.day")
async def test_without_a_record_the_turn_goes_on(workbench: Workbench, launch: Launch) -> None:
    (workbench.data / "spending.db").mkdir()
    session = await opened(workbench, await launch(NOTICES), day={"stop": 1})
    for _ in range(3):
        turn = await session.prompt("half")
        assert (turn.text, turn.stop_reason) == ("Half.", "end_turn")
    with anyio.fail_after(5):
        await session.saw("notice", severity="warning")
    told = [update["title"] for update in session.updates("notice")]
    assert len(told) == 2, told
    assert any("is not watched" in each for each in told)
    assert any("cannot be kept" in each for each in told)
