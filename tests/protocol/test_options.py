"""Options as an editor sees and sets them, and what they do to the requests that the model gets."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest

from acp_agent.context.prompt import PLANNED, PLANNING
from tests.support.client import choose
from tests.support.http_server import Answer, http_server
from tests.support.session import Session, chunks, new_session, opening

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.http_server import HttpServer, Served
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

BOOLEANS: JsonObject = {"session": {"configOptions": {"boolean": {}}}}
NOWHERE = "http://127.0.0.1:9/v1"
ASK = "session/request_permission"
LEVELS = ["default", "low", "medium", "high"]


def option(options: list[JsonObject], option_id: str) -> JsonObject:
    return next(one for one in options if one["id"] == option_id)


def current(options: list[JsonObject]) -> JsonObject:
    return {one["id"]: one["currentValue"] for one in options}


def values(one: JsonObject) -> list[str]:
    return [choice["value"] for choice in one["options"]]


def endpoint(url: str = NOWHERE, **more: object) -> JsonObject:
    return {"provider_type": "custom", "base_url": url, "model": "gpt-oss", **more}


TWO: JsonObject = {"here": endpoint(models=["plain"]), "there": endpoint(thought_levels=["none", "max"])}


async def opened(workbench: Workbench, launch: Launch, **settings: object) -> Session:
    workbench.settle({"provider": "here", "providers": TWO, **settings})
    return await new_session(await launch(), workbench.project)


# What there is ------------------------------------------------------------------------------


@pytest.mark.requirement("session.option-groups")
async def test_models_are_grouped_by_provider(workbench: Workbench, launch: Launch) -> None:
    session = await opened(workbench, launch)
    assert option(session.opened["configOptions"], "model") == {
        "id": "model",
        "name": "Model",
        "category": "model",
        "type": "select",
        "currentValue": "here/gpt-oss",
        "options": [
            {
                "group": "here",
                "name": "here",
                "options": [
                    {"value": "here/gpt-oss", "name": "gpt-oss", "description": "127.0.0.1:9, no key"},
                    {"value": "here/plain", "name": "plain"},
                ],
            },
            {"group": "there", "name": "there", "options": [{"value": "there/gpt-oss", "name": "gpt-oss"}]},
        ],
    }


@pytest.mark.requirement("session.option-groups")
async def test_models_of_one_provider_are_a_list(workbench: Workbench, launch: Launch) -> None:
    session = await opened(workbench, launch, providers={"here": TWO["here"]})
    assert values(option(session.opened["configOptions"], "model")) == ["here/gpt-oss", "here/plain"]


@pytest.mark.requirement("session.configured-options")
async def test_options_begin_as_configured(workbench: Workbench, launch: Launch) -> None:
    session = await opened(
        workbench, launch, permission="plan", thought_level="high", show_thoughts=False, context_files=False
    )
    assert current(session.opened["configOptions"]) == {
        "mode": "plan",
        "model": "here/gpt-oss",
        "thought_level": "high",
        "show_thoughts": "off",
        "project_instructions": "off",
        "sandbox": "off",
    }
    assert session.opened["modes"]["currentModeId"] == "plan"


@pytest.mark.requirement("session.boolean-options")
@pytest.mark.parametrize("announced", [{}, {"boolean": None}, {"boolean": True}])
async def test_switches_are_selectors_unless_announced(
    launch: Launch, workbench: Workbench, announced: object
) -> None:
    client = await launch({"session": {"configOptions": announced}})
    session = await new_session(client, workbench.project)
    switch = option(session.opened["configOptions"], "show_thoughts")
    assert (switch["type"], switch["currentValue"], values(switch)) == ("select", "on", ["on", "off"])
    for value, shown in (("off", "off"), ("true", "on"), (False, "off")):
        assert (
            option(await session.set_option("show_thoughts", value), "show_thoughts")["currentValue"] == shown
        )


@pytest.mark.requirement("session.boolean-options")
async def test_switches_are_booleans_where_announced(launch: Launch, workbench: Workbench) -> None:
    session = await new_session(await launch(BOOLEANS), workbench.project)
    kinds = {one["id"]: one["type"] for one in session.opened["configOptions"]}
    assert [kinds[each] for each in ("mode", "model", "thought_level")] == ["select"] * 3
    assert [kinds[each] for each in ("show_thoughts", "project_instructions")] == ["boolean"] * 2
    start = len(session.client.wire.lines)
    for value, result in ((False, False), ("on", True)):
        options = await session.set_option("show_thoughts", value)
        assert option(options, "show_thoughts")["currentValue"] is result
        await session.saw("config_option_update", start=start, configOptions=options)


# Setting them -------------------------------------------------------------------------------


@pytest.mark.requirement("session.complete-options")
async def test_another_model_brings_its_levels(workbench: Workbench, launch: Launch) -> None:
    session = await opened(workbench, launch)
    everything = list(current(session.opened["configOptions"]))
    assert values(option(session.opened["configOptions"], "thought_level")) == LEVELS
    await session.set_option("thought_level", "high")
    start = len(session.client.wire.lines)
    options = await session.set_option("model", "there/gpt-oss")
    assert list(current(options)) == everything
    assert values(option(options, "thought_level")) == ["default", "off", "max"]
    assert option(options, "thought_level")["currentValue"] == "default"
    await session.saw("config_option_update", start=start, configOptions=options)
    options = await session.set_option("model", "here/plain")
    assert values(option(options, "thought_level")) == ["default"]


@pytest.mark.requirement("session.complete-options")
async def test_updates_come_before_the_answer_and_only_for_changes(session: Session) -> None:
    start = len(session.client.wire.lines)
    params = {"sessionId": session.id, "configId": "show_thoughts", "value": "off"}
    reply = await session.client.ask("session/set_config_option", params)
    assert len(session.updates("config_option_update", start=start, stop=reply.at)) == 1
    again = await session.client.ask("session/set_config_option", params)
    assert again.result == reply.result
    await session.client.settle()
    assert len(session.updates("config_option_update", start=start)) == 1


@pytest.mark.requirement("session.option-values")
async def test_what_there_is_not(session: Session, subtests: pytest.Subtests) -> None:
    requests: list[tuple[str, JsonObject, str]] = [
        ("session/set_config_option", {"configId": "modle", "value": "x"}, "show_thoughts"),
        ("session/set_config_option", {"configId": "mode", "value": "x"}, "plan"),
        ("session/set_config_option", {"configId": "model", "value": "x"}, "script/script"),
        ("session/set_config_option", {"configId": "thought_level", "value": "high"}, "default"),
        ("session/set_config_option", {"configId": "show_thoughts", "value": "maybe"}, "on, off"),
        ("session/set_config_option", {"configId": "show_thoughts", "value": None}, "value"),
        ("session/set_config_option", {"configId": "show_thoughts", "value": 1}, "value"),
        ("session/set_mode", {"modeId": "x"}, "standard"),
        ("session/set_model", {"modelId": "x"}, "script/script"),
        ("session/set_model", {}, "modelId"),
    ]
    for method, params, named in requests:
        with subtests.test(method=method, params=params):
            error = (await session.client.ask(method, {"sessionId": session.id, **params})).error
            assert error["code"] == -32602
            assert named in error["message"]
    assert session.updates("config_option_update") == []


@pytest.mark.requirement("session.set-model")
async def test_the_model_can_be_set_the_old_way(workbench: Workbench, launch: Launch) -> None:
    session = await opened(workbench, launch)

    async def set_model(model_id: str) -> Any:
        return await session.client.ask("session/set_model", {"sessionId": session.id, "modelId": model_id})

    for model_id, model in (("there/gpt-oss", "there/gpt-oss"), ("plain", "here/plain")):
        start = len(session.client.wire.lines)
        assert (await set_model(model_id)).result == {}
        update = await session.saw("config_option_update", start=start)
        assert option(update["configOptions"], "model")["currentValue"] == model
    error = (await set_model("gpt-oss")).error
    assert error["code"] == -32602
    assert "here/gpt-oss, there/gpt-oss" in error["message"]


# What they do -------------------------------------------------------------------------------


@pytest.mark.requirement("session.options-while-busy")
async def test_options_set_while_a_prompt_runs(client: Client, workbench: Workbench) -> None:
    session = await new_session(client, workbench.project)
    prompt = await session.start("wait")
    await session.saw("agent_message_chunk", start=prompt.start)
    assert await session.set_mode("accept") == {}
    assert current(await session.set_option("show_thoughts", "off"))["mode"] == "accept"
    await session.cancel()
    assert (await prompt.end()).stop_reason == "cancelled"
    assert (await session.prompt("think hard")).thoughts == ""


async def test_thoughts_that_are_not_shown_are_kept(session: Session, workbench: Workbench) -> None:
    assert (await session.prompt("think first")).thoughts == "first"
    await session.set_option("show_thoughts", "off")
    turn = await session.prompt("think second")
    assert (turn.thoughts, turn.text) == ("", "Done.")
    (journal,) = (workbench.data / "sessions").glob("*.jsonl")
    records = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    assert [one["text"] for one in records if one["type"] == "ThoughtDelta"] == ["first", "second"]


def chunk(delta: JsonObject, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def calls(tool: str, **arguments: object) -> Answer:
    """An answer that calls a tool."""
    call = {"index": 0, "id": "x", "function": {"name": tool, "arguments": json.dumps(arguments)}}
    return Answer([chunk({"tool_calls": [call]}, "tool_calls"), b"data: [DONE]\n\n"])


SAID = Answer([chunk({"content": "ok"}, "stop"), b"data: [DONE]\n\n"])


async def served_session(
    workbench: Workbench, launch: Launch, server: HttpServer, **settings: object
) -> Session:
    """A session whose model is at the server."""
    workbench.settle({"providers": {"here": endpoint(server.url, models=["other"])}, **settings})
    return await new_session(await launch(), workbench.project)


def messages(served: Served) -> list[JsonObject]:
    return cast("list[JsonObject]", served.body["messages"])


@pytest.mark.requirement("session.options-while-busy")
async def test_a_change_counts_from_the_next_model_request(workbench: Workbench, launch: Launch) -> None:
    workbench.write("AGENTS.md", "Be kind.")
    async with http_server(calls("bash", command="touch made.txt"), SAID) as server:
        session = await served_session(workbench, launch, server)

        async def change(params: JsonObject) -> JsonObject | None:
            await session.set_option("thought_level", "high")
            await session.set_option("project_instructions", "off")
            await session.set_mode("plan")
            return await choose("allow_once")(params)

        session.client.handlers[ASK] = change
        turn = await session.prompt("go")
        first, second = server.requests
    assert turn.call.states[-1] == "failed"
    assert not (workbench.project / "made.txt").exists()
    assert "reasoning_effort" not in first.body
    assert second.body["reasoning_effort"] == "high"
    assert first.body["tools"] == second.body["tools"]
    assert "Be kind." in messages(first)[0]["content"]
    assert messages(first)[0]["content"].startswith(messages(second)[0]["content"])
    assert "Be kind." not in messages(second)[0]["content"]
    assert messages(second)[-1] == {"role": "user", "content": f"<reminder>\n{PLANNING}\n</reminder>"}
    assert messages(second)[-2]["role"] == "tool"


@pytest.mark.requirement("session.options-while-busy")
async def test_another_model_counts_from_the_next_model_request(workbench: Workbench, launch: Launch) -> None:
    async with http_server(calls("bash", command="touch made.txt"), SAID) as server:
        session = await served_session(workbench, launch, server)

        async def change(params: JsonObject) -> JsonObject | None:
            await session.set_option("model", "here/other")
            return await choose("allow_once")(params)

        session.client.handlers[ASK] = change
        await session.prompt("go")
        assert [served.body["model"] for served in server.requests] == ["gpt-oss", "other"]


# Plan mode ----------------------------------------------------------------------------------


@pytest.mark.requirement("permission.plan")
async def test_in_plan_mode_nothing_is_changed_until_it_ends(session: Session, workbench: Workbench) -> None:
    before = workbench.read("a.txt")
    await session.set_mode("plan")
    turn = await session.prompt("edit a.txt beta BETA")
    assert [call.states[-1] for call in turn.calls] == ["completed", "failed"]
    assert "plan" in turn.calls[-1].text
    assert workbench.read("a.txt") == before
    for prompt, state in (("run ls", "completed"), ("run touch made.txt", "failed"), ("plan", "completed")):
        assert (await session.prompt(prompt)).calls[-1].states[-1] == state
    assert session.client.calls(ASK) == []
    assert not (workbench.project / "made.txt").exists()
    await session.set_mode("standard")
    turn = await session.prompt("edit a.txt beta BETA")
    assert [call.states[-1] for call in turn.calls] == ["completed", "completed"]
    assert workbench.read("a.txt") == before.replace("beta", "BETA")


@pytest.mark.requirement("permission.plan")
async def test_the_model_is_told_of_plan_mode_and_of_its_end(workbench: Workbench, launch: Launch) -> None:
    async with http_server(SAID, SAID, SAID, SAID) as server:
        session = await served_session(workbench, launch, server, permission="plan")
        for prompt, mode in (("one", "plan"), ("two", "yolo"), ("three", "standard"), ("four", "standard")):
            await session.set_mode(mode)
            await session.prompt(prompt)
        requests = server.requests
    said = [message["content"] for message in messages(requests[-1]) if message["role"] == "user"]
    assert said == [
        f"one\n\n<reminder>\n{PLANNING}\n</reminder>",
        f"two\n\n<reminder>\n{PLANNED}\n</reminder>",
        "three",
        "four",
    ]
    for earlier, later in pairwise(requests):
        assert messages(later)[: len(messages(earlier))] == messages(earlier), "what was sent stays as it was"
    assert session.updates("user_message_chunk") == []


@pytest.mark.requirement("permission.plan")
async def test_what_was_always_allowed_is_refused_in_plan_mode(
    session: Session, workbench: Workbench
) -> None:
    session.client.handlers[ASK] = choose("allow_always")
    states: list[str] = []
    for mode in ("standard", "plan", "standard"):
        await session.set_mode(mode)
        states.append((await session.prompt("run touch made.txt")).call.states[-1])
    assert states == ["completed", "failed", "completed"]
    assert len(session.client.calls(ASK)) == 1


# After the session is loaded again ----------------------------------------------------------


async def loaded(launch: Launch, session: Session, capabilities: JsonObject | None = None) -> Session:
    """The session as another process, and another client, has it."""
    await session.client.wire.close()
    params = {"sessionId": session.id, **opening(session.cwd)}
    client = await launch(capabilities)
    reply = await client.ask("session/load", params)
    known = {**reply.message, "result": {"sessionId": session.id, **reply.result}}
    return Session(client, session.cwd, reply._replace(message=known))


@pytest.mark.requirement("session.options-restored")
async def test_what_was_set_is_set_after_loading(workbench: Workbench, launch: Launch) -> None:
    session = await opened(workbench, launch)
    for option_id, value in (
        ("model", "there/gpt-oss"),
        ("thought_level", "max"),
        ("show_thoughts", "off"),
        ("mode", "accept"),
    ):
        options = await session.set_option(option_id, value)
    again = await loaded(launch, session, BOOLEANS)
    wanted = {**current(options), "show_thoughts": False, "project_instructions": True}
    assert current(again.opened["configOptions"]) == wanted
    assert again.opened["modes"]["currentModeId"] == "accept"


@pytest.mark.requirement("session.options-restored")
async def test_what_is_gone_is_said_and_yolo_does_not_come_back(workbench: Workbench, launch: Launch) -> None:
    session = await opened(workbench, launch)
    await session.set_option("model", "there/gpt-oss")
    await session.set_mode("yolo")
    workbench.settle({"providers": {"here": endpoint()}, "permission": "restrictive"})
    again = await loaded(launch, session, {"session": {"notices": {}}})
    now = current(again.opened["configOptions"])
    assert (now["model"], now["mode"]) == ("here/gpt-oss", "restrictive")
    await again.client.settle()
    said = [notice["title"] for notice in again.updates("notice", start=again.reply.at)]
    assert [("there/gpt-oss" in each, "yolo" in each) for each in said] == [(True, False), (False, True)]


@pytest.mark.requirement("permission.plan")
async def test_a_loaded_session_is_still_in_plan_mode_and_the_model_knows(
    workbench: Workbench, launch: Launch
) -> None:
    async with http_server(SAID, SAID, SAID) as server:
        session = await served_session(workbench, launch, server)
        await session.set_mode("plan")
        await session.prompt("one")
        again = await loaded(launch, session)
        assert again.opened["modes"]["currentModeId"] == "plan"
        assert again.updates("user_message_chunk")[0]["content"]["text"] == "one"
        await again.prompt("two")
        await again.set_mode("standard")
        await again.prompt("three")
        first, second, third = server.requests
    assert messages(second)[: len(messages(first))] == messages(first)
    said = [message["content"] for message in messages(third) if message["role"] == "user"]
    assert said == [
        f"one\n\n<reminder>\n{PLANNING}\n</reminder>",
        "two",
        f"three\n\n<reminder>\n{PLANNED}\n</reminder>",
    ]


@pytest.mark.requirement("session.options-restored")
async def test_thoughts_are_shown_after_loading_as_they_were_before(session: Session, launch: Launch) -> None:
    await session.prompt("think hard")
    again = await loaded(launch, session)
    assert chunks(again.updates(), "agent_thought_chunk") == "hard"
    await again.set_option("show_thoughts", "off")
    again = await loaded(launch, again)
    assert chunks(again.updates(), "agent_thought_chunk") == ""
    assert chunks(again.updates(), "agent_message_chunk") == "Done."
