"""New sessions, their folder, modes and options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.session import chunks, new_session, opening

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

MODES = {"standard", "restrictive", "accept", "yolo", "plan"}


def option(options: list[JsonObject], category: str) -> JsonObject:
    """The option of that category."""
    return next(one for one in options if one.get("category") == category)


def values(one: JsonObject) -> list[str]:
    """The values an option can have, in groups or not."""
    groups = [choice.get("options", [choice]) for choice in one["options"]]
    return [choice["value"] for group in groups for choice in group]


@pytest.mark.requirement("session.unique-id")
async def test_sessions_have_ids_of_their_own(client: Client, workbench: Workbench) -> None:
    ids = {(await new_session(client, workbench.project)).id for _ in range(5)}
    assert len(ids) == 5
    assert all(ids)


@pytest.mark.requirement("session.absolute-cwd")
@pytest.mark.parametrize("method", ["session/new", "session/load", "session/resume", "session/fork"])
async def test_relative_folder(session: Session, subtests: pytest.Subtests, method: str) -> None:
    for cwd in ("project", "./project", "", "~"):
        with subtests.test(cwd=cwd):
            params = opening(cwd, sessionId=session.id)
            assert (await session.client.ask(method, params)).error["code"] == -32602


@pytest.mark.requirement("session.absolute-cwd")
async def test_commands_run_in_the_session_folder(client: Client, workbench: Workbench) -> None:
    folder = workbench.project / "sub folder"
    folder.mkdir()
    session = await new_session(client, folder)
    assert str(folder) in (await session.prompt("run pwd")).call.text
    await session.prompt("write made.txt here")
    assert (folder / "made.txt").read_text(encoding="utf-8") == "here\n"


@pytest.mark.requirement("session.absolute-paths")
async def test_paths_are_absolute(session: Session) -> None:
    for prompt in ("read a.txt", "part a.txt x", "edit a.txt beta BETA", "search alpha"):
        for call in (await session.prompt(prompt)).calls:
            places = call.now["locations"]
            assert all(place["path"].startswith(str(session.cwd)) for place in places)
            assert all(place["line"] is None or place["line"] >= 1 for place in places if "line" in place)


@pytest.mark.requirement("session.answer-before-updates")
async def test_answer_comes_before_updates(client: Client, workbench: Workbench) -> None:
    for _ in range(5):
        session = await new_session(client, workbench.project)
        await client.settle()
        assert session.updates(stop=session.reply.at) == []


@pytest.mark.requirement("session.commands")
async def test_commands_follow_the_answer(session: Session) -> None:
    update = await session.saw("available_commands_update", start=session.reply.at)
    assert all(not command["name"].startswith("/") for command in update["availableCommands"])


@pytest.mark.requirement("session.unreachable-servers")
async def test_unreachable_servers(client: Client, workbench: Workbench) -> None:
    servers: list[JsonObject] = [
        {"name": "gone", "command": "/nonexistent/server", "args": [], "env": []},
        {"type": "http", "name": "far", "url": "http://127.0.0.1:9/mcp", "headers": []},
        {"type": "sse", "name": "old", "url": "http://127.0.0.1:9/sse", "headers": []},
    ]
    session = await new_session(client, workbench.project, mcpServers=servers)
    assert (await session.prompt("say hi")).text == "hi"


@pytest.mark.requirement("session.boundary")
@pytest.mark.parametrize("way", ["direct", "dots", "link"])
async def test_changes_outside_the_folder_are_asked(session: Session, workbench: Workbench, way: str) -> None:
    outside = workbench.root / "outside"
    outside.mkdir()
    (workbench.project / "link").symlink_to(outside)
    path = {
        "direct": outside / "made.txt",
        "dots": workbench.project / ".." / "outside" / "made.txt",
        "link": workbench.project / "link" / "made.txt",
    }[way]
    await session.set_mode("accept")
    turn = await session.prompt(f"put {path} here")
    assert turn.stop_reason == "end_turn"
    assert len(session.client.calls("session/request_permission")) == 1


@pytest.mark.requirement("session.option-defaults")
async def test_options_have_a_value(session: Session) -> None:
    options = session.opened["configOptions"]
    assert options
    assert all(one["currentValue"] in values(one) for one in options)
    assert len({one["id"] for one in options}) == len(options)


@pytest.mark.requirement("session.options-in-answer")
async def test_mode_and_model_are_options(session: Session) -> None:
    options = session.opened["configOptions"]
    assert set(values(option(options, "mode"))) == MODES
    assert option(options, "model")["currentValue"].startswith("script")


@pytest.mark.requirement("session.modes-in-step")
async def test_modes_are_in_both_forms(session: Session) -> None:
    modes = session.opened["modes"]
    assert {mode["id"] for mode in modes["availableModes"]} == MODES
    assert option(session.opened["configOptions"], "mode")["currentValue"] == modes["currentModeId"]
    assert modes["currentModeId"] == "standard"


@pytest.mark.requirement("session.modes-in-step")
async def test_setting_the_mode_announces_both(session: Session) -> None:
    start = len(session.client.wire.lines)
    await session.set_mode("accept")
    assert (await session.saw("current_mode_update", start=start))["currentModeId"] == "accept"
    update = await session.saw("config_option_update", start=start)
    assert option(update["configOptions"], "mode")["currentValue"] == "accept"
    assert len(update["configOptions"]) == len(session.opened["configOptions"])


@pytest.mark.requirement("session.modes-in-step")
async def test_setting_the_option_announces_both(session: Session) -> None:
    start = len(session.client.wire.lines)
    mode = option(session.opened["configOptions"], "mode")
    options = await session.set_option(mode["id"], "restrictive")
    assert option(options, "mode")["currentValue"] == "restrictive"
    assert len(options) == len(session.opened["configOptions"])
    assert (await session.saw("current_mode_update", start=start))["currentModeId"] == "restrictive"
    await session.saw("config_option_update", start=start, configOptions=options)


@pytest.mark.requirement("session.modes-in-step")
async def test_modes_belong_to_one_session(session: Session) -> None:
    other = await new_session(session.client, session.cwd)
    await session.set_mode("yolo")
    await session.client.settle()
    assert other.updates("current_mode_update") == []
    third = await new_session(session.client, session.cwd)
    assert third.opened["modes"]["currentModeId"] == "standard"


@pytest.mark.requirement("session.no-boolean-options")
async def test_options_are_selectors(session: Session) -> None:
    assert {one["type"] for one in session.opened["configOptions"]} == {"select"}


@pytest.mark.requirement("session.auth-required")
@pytest.mark.requirement("initialize.auth-method")
async def test_no_model(workbench: Workbench, launch: Launch) -> None:
    workbench.settle({})
    client = await launch()
    assert client.introduced["authMethods"], "nothing to authenticate with"
    error = (await client.ask("session/new", opening(workbench.project))).error
    assert error["code"] == -32000
    assert "provider" in error["message"]


@pytest.mark.requirement("session.unknown-id")
async def test_unknown_session(session: Session, subtests: pytest.Subtests) -> None:
    requests: dict[str, JsonObject] = {
        "session/prompt": {"prompt": [{"type": "text", "text": "say hi"}]},
        "session/set_mode": {"modeId": "accept"},
        "session/set_config_option": {"configId": "mode", "value": "accept"},
    }
    for method, params in requests.items():
        with subtests.test(method=method):
            error = (await session.client.ask(method, {"sessionId": "nobody", **params})).error
            assert (error["code"], error["data"]) == (-32002, {"sessionId": "nobody"})
    await session.client.settle()
    assert chunks(session.updates(), "agent_message_chunk") == ""
