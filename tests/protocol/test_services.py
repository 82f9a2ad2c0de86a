"""What the agent asks of its client, and only if offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.client import Buffers, always, choose, refuse, silent
from tests.support.phrases import call, on, script
from tests.support.session import new_session

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Handler
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

READ, WRITE = "fs/read_text_file", "fs/write_text_file"
EVERYTHING = [
    "edit a.txt beta BETA",
    "write new.txt words",
    "read b.txt",
    "search two",
    "run cat a.txt",
    "plan",
]
UNGATED = {
    "user_message_chunk",
    "agent_message_chunk",
    "agent_thought_chunk",
    "tool_call",
    "tool_call_update",
    "plan",
    "available_commands_update",
    "current_mode_update",
    "config_option_update",
    "session_info_update",
    "usage_update",
}


async def do_everything(workbench: Workbench, launch: Launch, capabilities: JsonObject) -> Session:
    session = await new_session(await launch(capabilities), workbench.project)
    for prompt in EVERYTHING:
        assert (await session.prompt(prompt)).stop_reason == "end_turn"
    assert "BETA" in workbench.read("a.txt")
    assert workbench.read("new.txt") == "words\n"
    return session


@pytest.mark.requirement("services.files-only-if-offered")
@pytest.mark.parametrize(
    ("offered", "used"),
    [
        ({}, set[str]()),
        ({"readTextFile": False, "writeTextFile": False}, set[str]()),
        ({"readTextFile": True}, {READ}),
        ({"writeTextFile": True}, {WRITE}),
        ({"readTextFile": True, "writeTextFile": True}, {READ, WRITE}),
        ({"readTextFile": "yes", "writeTextFile": 1}, set[str]()),
    ],
    ids=["none", "false", "read", "write", "both", "odd"],
)
async def test_files_only_if_offered(
    workbench: Workbench, launch: Launch, offered: JsonObject, used: set[str]
) -> None:
    session = await do_everything(workbench, launch, {"fs": offered})
    asked = {message["method"] for message in session.client.wire.messages if "method" in message}
    files = {method for method in asked if method.startswith("fs/")}
    assert files <= used
    assert READ in files or READ not in used
    paths = [m["params"]["path"] for method in used for m in session.client.calls(method)]
    assert all(path.startswith(str(workbench.project)) for path in paths)


@pytest.mark.requirement("services.no-terminal")
@pytest.mark.parametrize("capabilities", [{}, {"terminal": False}, {"terminal": None}])
async def test_no_terminal(workbench: Workbench, launch: Launch, capabilities: JsonObject) -> None:
    session = await do_everything(workbench, launch, capabilities)
    methods = {message.get("method", "") for message in session.client.wire.messages}
    assert [method for method in methods if method.startswith("terminal/")] == []
    shown = str(session.updates("tool_call") + session.updates("tool_call_update"))
    assert "'type': 'terminal'" not in shown


@pytest.mark.requirement("services.gated-updates")
async def test_no_updates_that_need_a_capability(workbench: Workbench, launch: Launch) -> None:
    session = await do_everything(workbench, launch, {})
    await session.prompt("unauthorised")
    await session.set_mode("accept")
    assert {update["sessionUpdate"] for update in session.updates()} <= UNGATED


@pytest.mark.requirement("services.silent-client")
@pytest.mark.parametrize("method", [READ, WRITE])
async def test_silent_client(workbench: Workbench, session: Session, method: str) -> None:
    session.client.handlers[method] = silent
    turn = await session.prompt("edit a.txt beta BETA", within=45)
    assert turn.stop_reason == "end_turn"
    assert all(call.states[-1] in ("completed", "failed") for call in turn.calls)
    assert workbench.read("b.txt") == "one\ntwo\n"


@pytest.mark.requirement("services.silent-client")
@pytest.mark.parametrize("method", [READ, WRITE])
async def test_cancel_with_a_silent_client(session: Session, method: str) -> None:
    session.client.handlers[method] = silent
    prompt = await session.start("edit a.txt beta BETA")
    await session.client.asked(method)
    await session.cancel()
    assert (await prompt.end(2)).stop_reason == "cancelled"
    assert len(session.client.calls("$/cancel_request")) == 1


@pytest.mark.requirement("services.missing-file")
@pytest.mark.parametrize("handler", [always({"content": ""}), refuse(-32002), refuse(-32603), refuse(-32601)])
async def test_missing_file(session: Session, handler: Handler) -> None:
    session.client.handlers[READ] = handler
    assert (await session.prompt("read gone.txt")).call.states[-1] == "failed"
    turn = await session.prompt("write new.txt words")
    assert turn.call.states[-1] == "completed"
    assert turn.call.diff["oldText"] is None


@pytest.mark.requirement("services.unsaved-buffers")
async def test_edits_an_unsaved_buffer(workbench: Workbench, session: Session) -> None:
    path = session.cwd / "a.txt"
    buffers = Buffers({path: "typed but not saved\n"})
    buffers.serve(session.client)
    turn = await session.prompt("edit a.txt typed TYPED")
    assert turn.calls[-1].diff["oldText"] == "typed but not saved\n"
    assert buffers.written == [str(path)]
    assert workbench.read("a.txt") == buffers.texts[str(path)] == "TYPED but not saved\n"


@pytest.mark.requirement("services.unsaved-buffers")
async def test_an_edit_follows_what_the_editor_made_of_the_last(workbench: Workbench, launch: Launch) -> None:
    path = {"path": "${cwd}/a.txt"}
    workbench.configure(
        script(
            on("^go$", call("read", **path), results=0),
            on("^go$", call("edit", **path, old_text="beta", new_text="b"), results=1),
            on("^go$", call("edit", **path, old_text="formatted", new_text="neat"), results=2),
        )
    )
    session = await new_session(await launch(), workbench.project)
    buffers = Buffers({})
    buffers.serve(session.client)

    async def format_on_save(params: JsonObject) -> JsonObject:
        return await buffers.write({**params, "content": "formatted\n" + params["content"]})

    session.client.handlers[WRITE] = format_on_save
    turn = await session.prompt("go")
    assert turn.stop_reason == "end_turn"
    assert workbench.read("a.txt").startswith("formatted\nneat\nalpha\nb\n")


@pytest.mark.requirement("services.unsaved-buffers")
async def test_text_typed_while_the_person_decides(workbench: Workbench, session: Session) -> None:
    path = session.cwd / "a.txt"
    buffers = Buffers({path: "alpha\nbeta\n"})
    buffers.serve(session.client)
    allow = choose("allow_once")

    async def type_then_allow(params: JsonObject) -> JsonObject | None:
        buffers.texts[str(path)] = "alpha\nbeta\ntyped meanwhile\n"
        return await allow(params)

    session.client.handlers["session/request_permission"] = type_then_allow
    await session.set_mode("restrictive")
    await session.prompt("edit a.txt beta BETA")
    assert "typed meanwhile" in buffers.texts[str(path)]
