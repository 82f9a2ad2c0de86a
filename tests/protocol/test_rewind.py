"""Back to before a turn and forth again, in files and in the conversation."""

from __future__ import annotations

import base64
import json
import os
import stat
import sys
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest

from acp_agent.models.stream import CallArguments, CallStarted, Finished, Usage
from tests.support.chat_server import says, use
from tests.support.client import Buffers
from tests.support.http_server import Answer, http_server
from tests.support.phrases import call, on, say, script, tool
from tests.support.processes import wait_for_command
from tests.support.services import chat_completions
from tests.support.session import chunks, new_session, reopen
from tests.support.workbench import FILES, agent_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

INVALID_PARAMS = -32602
SCRIPT = script(
    {"when": {"user": "^what did I say", "earlier": "xyzzy"}, "reply": [say("You said it.")]},
    on("^what did I say", say("I do not know.")),
    tool(r"^write (\S+) (.*)$", call("write", path="${cwd}/${user:1}", content="${user:2}\n")),
    tool(r"^edit (\S+) (\S+) (\S+)$", call("read", path="${cwd}/${user:1}", limit=2)),
    on(
        r"^edit (\S+) (\S+) (\S+)$",
        call("edit", path="${cwd}/${user:1}", old_text="${user:2}", new_text="${user:3}"),
        results=1,
    ),
    tool(r"^run ([\s\S]+)$", call("bash", command="${user:1}")),
)


@pytest.fixture
def anything_goes(workbench: Workbench) -> None:
    workbench.configure(SCRIPT, permission="yolo")


@pytest.fixture
async def talk(anything_goes: None, workbench: Workbench, launch: Launch) -> Session:
    return await new_session(await launch(), workbench.project)


def files(workbench: Workbench) -> dict[str, tuple[bytes, int]]:
    """Bytes, or where a link leads, and mode of everything in the project."""
    return {
        str(path.relative_to(workbench.project)): (
            os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes(),
            stat.S_IMODE(path.lstat().st_mode),
        )
        for path in workbench.project.rglob("*")
        if (path.is_symlink() or path.is_file()) and ".git" not in path.parts
    }


async def request(session: Session, method: str, **params: object) -> Any:
    return (await session.client.ask(f"_acp-agent/{method}", {"sessionId": session.id, **params})).result


@pytest.mark.requirement("rewind.listed")
async def test_the_turns_and_what_each_has_changed(talk: Session, workbench: Workbench) -> None:
    assert "nothing to take back" in (await talk.prompt("/rewind")).text
    await talk.prompt("edit a.txt beta BETA")
    await talk.prompt("say *nothing*")
    await talk.prompt("run rm b.txt; echo > c; sed -i s/alpha/A/ a.txt")
    lines = (await talk.prompt("/rewind")).text.splitlines()
    assert lines[:3] == [
        "1. “edit a.txt beta BETA”: changed `a.txt`",
        "2. “say \\*nothing\\*”",
        "3. “run rm b.txt; echo \\> c; sed -i s/alpha/A/ a.txt”: changed `a.txt`, removed `b.txt`, made `c`",
    ]
    listed = (await request(talk, "turns"))["turns"]
    assert [turn["prompt"].split()[0] for turn in listed] == ["edit", "say", "run"]
    assert listed[0]["files"] == [{"path": str(workbench.project / "a.txt"), "change": "changed"}]
    assert {file["change"] for file in listed[2]["files"]} == {"changed", "removed", "made"}
    for wrong in ("/rewind 4", "/rewind 0", "/rewind turn-99", "/rewind 1 2", "/rewind all"):
        assert "no turn" in (await talk.prompt(wrong)).text


@pytest.mark.requirement("rewind.files-or-conversation")
async def test_files_alone(talk: Session, workbench: Workbench) -> None:
    await talk.prompt("xyzzy")
    await talk.prompt("edit a.txt beta BETA")
    await talk.prompt("say on")
    turn = await talk.prompt("/rewind 2 files")
    assert turn.text.startswith("Files are as they were 2 turns ago; the conversation stays.")
    assert workbench.read("a.txt") == FILES["a.txt"]
    assert (await talk.prompt("what did I say")).text == "You said it."
    assert "has not been read" in (await talk.prompt("write a.txt words")).call.text


@pytest.mark.requirement("rewind.files-or-conversation")
async def test_the_model_is_told_of_files_alone(workbench: Workbench, launch: Launch) -> None:
    arguments = json.dumps({"path": str(workbench.project / "new.txt"), "content": "words"})
    events = [CallStarted(0, "write"), CallArguments(0, arguments), Finished("tools", Usage(1, 1))]
    writes = Answer(list(chat_completions(events)))
    async with http_server(writes, *(says(word) for word in ("one", "two", "three", "four"))) as server:
        use(workbench, server, permission="yolo")
        session = await new_session(await launch(), workbench.project)
        await session.prompt("go")
        await session.prompt("/rewind last files")
        await session.prompt("what now?")
        await session.prompt("/rewind last files")
        await session.prompt("/undo")
        await session.prompt("and now?")
        told = [cast("list[JsonObject]", request.body["messages"]) for request in server.requests]
    roles = [message["role"] for message in told[2][1:]]
    assert roles == ["user", "assistant", "tool", "assistant", "user", "user"]
    new = str(workbench.project / "new.txt")
    assert all(part in str(told[2][-2]) for part in ("has put files back", new, "Read them again"))
    assert told[3][:-1] == told[2][:-1]
    assert not (workbench.project / "new.txt").exists()


@pytest.mark.requirement("rewind.files-or-conversation")
async def test_the_conversation_alone(talk: Session, workbench: Workbench) -> None:
    await talk.prompt("xyzzy")
    await talk.prompt("edit a.txt beta BETA")
    turn = await talk.prompt("/rewind 1 conversation")
    assert turn.text.startswith("2 turns taken back. Files are as they are.")
    assert "BETA" in workbench.read("a.txt")
    assert (await talk.prompt("what did I say")).text == "I do not know."
    await talk.prompt("/rewind")
    await talk.prompt("edit a.txt alpha ALPHA")
    await talk.prompt("/undo")
    assert workbench.read("a.txt") == FILES["a.txt"].replace("beta", "BETA")


@pytest.mark.requirement("rewind.redo")
async def test_forth_again(talk: Session, workbench: Workbench, launch: Launch) -> None:
    await talk.prompt("xyzzy")
    await talk.prompt("edit a.txt beta BETA")
    await talk.prompt("run rm b.txt; printf '\\0' > made.bin; chmod 755 a.txt")
    changed = files(workbench)
    assert "nothing to take forth" in (await talk.prompt("/redo")).text
    await talk.prompt("/undo")
    await talk.prompt("/help")
    await talk.prompt("/undo 2")
    assert {name: data.decode() for name, (data, _) in files(workbench).items()} == FILES
    loaded = await reopen_elsewhere(talk, launch)
    await loaded.prompt("/redo")
    assert "b.txt" in files(workbench)
    await loaded.prompt("/redo")
    assert files(workbench) == changed
    assert (await loaded.prompt("what did I say")).text == "You said it."
    assert "nothing to take forth" in (await loaded.prompt("/redo")).text
    await loaded.prompt("/undo 9")
    assert {name: data.decode() for name, (data, _) in files(workbench).items()} == FILES


@pytest.mark.requirement("rewind.redo")
async def test_forth_again_in_files_alone_and_after_clear(talk: Session, workbench: Workbench) -> None:
    await talk.prompt("xyzzy")
    await talk.prompt("edit a.txt beta BETA")
    await talk.prompt("/rewind last files")
    await talk.prompt("/clear")
    assert (await talk.prompt("/redo")).text.startswith("The conversation goes on from where it was.")
    assert (await talk.prompt("/redo")).text.startswith("Taken forth again.")
    assert "BETA" in workbench.read("a.txt")
    assert "nothing to take forth" in (await talk.prompt("/redo")).text
    await talk.prompt("/rewind last files")
    await talk.prompt("say on")
    assert "nothing to take forth" in (await talk.prompt("/redo")).text


async def reopen_elsewhere(session: Session, launch: Launch) -> Session:
    await session.client.ask("session/close", {"sessionId": session.id})
    return await reopen("session/load", await launch(), session)


@pytest.mark.requirement("rewind.keeps-edits")
async def test_what_the_person_has_changed_stays(talk: Session, workbench: Workbench) -> None:
    await talk.prompt("edit a.txt alpha ALPHA")
    await talk.prompt("edit b.txt one ONE")
    workbench.write("a.txt", "ALPHA\nbeta\ngamma\ndelta\nmine\n")
    workbench.write("b.txt", "mine\ntwo\n")
    turn = await talk.prompt("/undo 2")
    assert "`a.txt`: put back, beside what has been changed since" in turn.text
    assert "`b.txt`: left alone, it has changed since, in the same place" in turn.text
    assert workbench.read("a.txt") == "alpha\nbeta\ngamma\ndelta\nmine\n"
    assert workbench.read("b.txt") == "mine\ntwo\n"
    await talk.prompt("/redo")
    assert workbench.read("a.txt") == "ALPHA\nbeta\ngamma\ndelta\nmine\n"
    assert workbench.read("b.txt") == "mine\ntwo\n"


@pytest.mark.requirement("rewind.keeps-edits")
async def test_what_is_typed_and_not_saved_stays(talk: Session, workbench: Workbench) -> None:
    path = workbench.project / "a.txt"
    buffers = Buffers({})
    buffers.serve(talk.client)
    await talk.prompt("edit a.txt alpha ALPHA")
    buffers.texts[str(path)] = "ALPHA\nbeta\ngamma\ndelta\ntyped\n"
    await talk.prompt("/undo")
    assert buffers.texts[str(path)] == "alpha\nbeta\ngamma\ndelta\ntyped\n"
    await talk.prompt("/redo")
    assert buffers.texts[str(path)] == "ALPHA\nbeta\ngamma\ndelta\ntyped\n"
    buffers.texts[str(path)] = "typed\nbeta\ngamma\ndelta\ntyped\n"
    assert "`a.txt`: left alone" in (await talk.prompt("/undo")).text
    assert buffers.texts[str(path)] == "typed\nbeta\ngamma\ndelta\ntyped\n"


ALL_KINDS = [
    "chmod 755 a.txt",
    "mv a.txt moved.txt; sed -i s/beta/BETA/ moved.txt",
    "rm -r sub; ln -s a.txt link; rm data.bin",
    "printf '\\0\\1' > data.bin; printf 'x\\r\\n' >> crlf.txt; rm old-link",
    "mv sub other; python3 -c \"open('crlf.txt', 'ab').write(b'y')\"; rm old-link; ln -s b.txt old-link",
    "rm a.txt; mkdir a.txt; echo > a.txt/inner; rm a.txt/inner; rmdir a.txt",
]


@pytest.mark.requirement("rewind.commands")
@pytest.mark.parametrize("repository", [False, True])
async def test_what_commands_do(
    anything_goes: None, workbench: Workbench, launch: Launch, repository: bool, subtests: pytest.Subtests
) -> None:
    (workbench.project / "sub").mkdir()
    (workbench.project / "sub" / "run.sh").write_bytes(b"#!/bin/sh\n")
    (workbench.project / "sub" / "run.sh").chmod(0o755)
    (workbench.project / "data.bin").write_bytes(b"\0\xff")
    (workbench.project / "crlf.txt").write_bytes("é\r\nb\nc\r\n".encode("latin-1"))
    (workbench.project / "old-link").symlink_to("nowhere")
    if repository:
        for arguments in (["init", "-q"], ["add", "-A"]):
            await anyio.run_process(["git", *arguments], cwd=workbench.project)
    session = await new_session(await launch(), workbench.project)
    before = files(workbench)
    for command in ALL_KINDS:
        with subtests.test(command=command):
            await session.prompt(f"run {command}")
            changed = files(workbench)
            undone = await session.prompt("/undo")
            assert files(workbench) == before, undone.text
            redone = await session.prompt("/redo")
            assert files(workbench) == changed, redone.text
            await session.prompt("/undo")
            assert files(workbench) == before


@pytest.mark.requirement("rewind.queued")
async def test_it_waits_for_the_turn_that_runs(talk: Session, workbench: Workbench) -> None:
    os.mkfifo(workbench.root / "gate")
    prompt = await talk.start("run echo x > a.txt; cat ../gate > b.txt")
    await wait_for_command(workbench.root, "cat")
    undo = await talk.start("/undo")
    rewound = await talk.client.post("_acp-agent/redo", {"sessionId": talk.id})
    assert (await request(talk, "turns"))["turns"][0]["files"] == []
    async with await anyio.open_file(workbench.root / "gate", "w", encoding="utf-8") as gate:
        await gate.write("go\n")
    await prompt.end()
    assert "One turn taken back." in (await undo.end()).text
    assert (await talk.client.answer(rewound)).result["conversation"] is True
    assert (workbench.read("a.txt"), workbench.read("b.txt")) == ("x\n", "go\n")


@pytest.mark.requirement("rewind.methods")
async def test_over_the_wire(talk: Session, workbench: Workbench, launch: Launch) -> None:
    announced = talk.client.introduced["agentCapabilities"]["_meta"]["acp-agent/rewind"]
    assert announced == {"turns": True, "redo": True}
    await talk.prompt("xyzzy")
    await talk.prompt("edit a.txt alpha ALPHA")
    await talk.prompt("edit b.txt two TWO")
    first, second, _ = (turn["turnId"] for turn in (await request(talk, "turns"))["turns"])
    done = await request(talk, "rewind", turnId=second, what="files")
    assert (done["stopReason"], done["conversation"]) == ("end_turn", False)
    assert done["files"] == [
        {"path": str(workbench.project / name), "result": "put back", "reason": ""}
        for name in ("a.txt", "b.txt")
    ]
    assert len((await request(talk, "turns"))["turns"]) == 3
    assert (await request(talk, "redo"))["files"] == done["files"]
    assert (await request(talk, "rewind"))["conversation"] is True
    assert workbench.read("b.txt") == FILES["b.txt"]
    assert "ALPHA" in workbench.read("a.txt")
    assert (await request(talk, "rewind", turnId=first, what="conversation"))["files"] == []
    assert (await request(talk, "turns"))["turns"] == []
    assert (await talk.prompt("what did I say")).text == "I do not know."
    other = await launch()
    unknown = await other.ask("_acp-agent/turns", {"sessionId": talk.id})
    assert unknown.error["code"] == -32002


@pytest.mark.requirement("rewind.methods")
async def test_what_cannot_be_done_over_the_wire(talk: Session) -> None:
    await talk.prompt("say hi")
    wrong: list[tuple[str, JsonObject]] = [
        ("redo", {}), ("rewind", {"turnId": "turn-99"}), ("rewind", {"what": "all"}),
        ("rewind", {"turnId": "1 files"}), ("rewind", {"turnId": 1}), ("turns", {"sessionId": 7}),
    ]  # fmt: skip
    for method, params in wrong:
        reply = await talk.client.ask(f"_acp-agent/{method}", {"sessionId": talk.id, **params})
        assert (reply.error["code"], bool(reply.error["message"])) == (INVALID_PARAMS, True), params


@pytest.mark.requirement("rewind.replayed")
async def test_a_loaded_session_goes_back_too(talk: Session, workbench: Workbench, launch: Launch) -> None:
    await talk.prompt("xyzzy")
    await talk.prompt("edit a.txt beta BETA")
    await talk.prompt("run rm b.txt")
    loaded = await reopen_elsewhere(talk, launch)
    await loaded.prompt("/undo 2")
    assert {name: data.decode() for name, (data, _) in files(workbench).items()} == FILES
    again = await reopen_elsewhere(loaded, launch)
    replayed = again.updates(start=again.asked_at, stop=again.reply.at)
    assert chunks(replayed, "user_message_chunk") == "xyzzy/undo 2"


@pytest.mark.requirement("rewind.gone")
async def test_when_snapshots_are_gone(talk: Session, workbench: Workbench, launch: Launch) -> None:
    await talk.prompt("edit a.txt beta BETA")
    (snapshots,) = (workbench.data / "snapshots").iterdir()
    snapshots.unlink()
    loaded = await reopen_elsewhere(talk, launch)
    text = (await loaded.prompt("/undo")).text
    assert "`a.txt`: left alone, what it was before is not kept" in text
    assert "BETA" in workbench.read("a.txt")


@pytest.mark.requirement("rewind.private")
async def test_snapshots_are_the_user_s_and_go_with_the_session(
    talk: Session, workbench: Workbench, client: Client
) -> None:
    await talk.prompt("edit a.txt beta BETA")
    (snapshots,) = (workbench.data / "snapshots").iterdir()
    assert stat.S_IMODE(snapshots.stat().st_mode) == 0o600
    assert stat.S_IMODE(snapshots.parent.stat().st_mode) == 0o700
    await talk.client.ask("session/delete", {"sessionId": talk.id})
    assert list(snapshots.parent.iterdir()) == []


@pytest.mark.requirement("rewind.private")
async def test_the_model_does_not_read_them(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(SCRIPT, permission="accept")
    session = await new_session(await launch(), workbench.project)
    asked: list[Path | str] = []

    async def refuse(params: JsonObject) -> JsonObject:
        asked.append(params["toolCall"]["title"])
        option = next(each for each in params["options"] if each["kind"] == "reject_once")
        return {"outcome": {"outcome": "selected", "optionId": option["optionId"]}}

    session.client.handlers["session/request_permission"] = refuse
    await session.prompt("edit a.txt beta BETA")
    asked.clear()
    await session.prompt("run cat ../data/snapshots/*")
    assert len(asked) == 1


LIMITED = (
    "import os, resource, sys\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
    "os.execvp(sys.argv[1], sys.argv[1:])"
)


@pytest.mark.requirement("rewind.full-disk")
async def test_a_full_disk(anything_goes: None, workbench: Workbench, launch: Launch) -> None:
    """The file has room, its snapshots do not: the edit is made, and it is said that it cannot be undone."""
    noise = base64.encodebytes(os.urandom(220_000)).decode()
    workbench.write("big.txt", f"beta\n{noise}")
    workbench.write("small.txt", "beta\n")
    command = [sys.executable, "-c", LIMITED, *agent_command()]
    client = await launch({"session": {"notices": {}}}, command=command)
    session = await new_session(client, workbench.project)
    await session.prompt("edit small.txt beta BETA")
    turn = await session.prompt("edit big.txt beta BETA")
    assert workbench.read("big.txt").startswith("BETA\n")
    (notice,) = turn.kind("notice")
    assert "cannot be taken back with /undo: File too large" in json.dumps(notice)
    undone = (await session.prompt("/undo 2")).text
    assert "`small.txt`: put back" in undone
    assert "`big.txt`: left alone, what it was before is not kept" in undone
    assert workbench.read("small.txt") == "beta\n"
