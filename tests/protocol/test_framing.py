"""Lines of bytes: encoding, line ends, sizes, and nothing but messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.session import new_session, opening
from tests.support.wire import id_key

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.session import Session
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

MIB = 1 << 20
INITIALIZE: JsonObject = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": 1}}
HELLO = json.dumps(INITIALIZE).encode()


def request_line(params: str) -> bytes:
    return b'{"jsonrpc":"2.0","id":"odd","method":"_test/odd","params":' + params.encode() + b"}\n"


@pytest.mark.requirement("framing.one-object-per-line")
async def test_each_line_is_one_object(session: Session) -> None:
    await session.prompt("say one\ntwo\u2028three\u0085four")
    lines = session.client.wire.lines
    assert [line.raw for line in lines if line.message.get("jsonrpc") != "2.0"] == []


@pytest.mark.requirement("framing.clean-output")
async def test_commands_do_not_reach_the_output(session: Session) -> None:
    turn = await session.prompt("run cat a.txt; cat b.txt >&2")
    assert {"alpha", "one"} <= set(turn.call.text.split())
    assert all("jsonrpc" in message for message in session.client.wire.messages)


@pytest.mark.requirement("framing.quiet-stderr")
async def test_failures_leave_standard_error_alone(workbench: Workbench, client: Client) -> None:
    await client.wire.send_raw(b"not json\n")
    session = await new_session(client, workbench.project)
    await session.prompt("unauthorised")
    await session.prompt("nonsense")
    (workbench.config / "config.json").write_text("{", encoding="utf-8")
    await client.ask("session/new", opening(workbench.project))
    assert client.wire.stderr == ""


@pytest.mark.requirement("framing.utf8-any-locale")
async def test_text_is_utf8_in_the_c_locale(workbench: Workbench, launch: Launch) -> None:
    env = workbench.environment(LC_ALL="C", LANG="C", PYTHONIOENCODING="ascii")
    session = await new_session(await launch(env=env), workbench.project)
    assert (await session.prompt("say grüße 世界 🌍")).text == "grüße 世界 🌍"
    assert (await session.prompt("read ünï.txt")).call.states[-1] == "completed"
    assert "世界" in (await session.prompt("run cat ünï.txt")).call.text


@pytest.mark.requirement("framing.line-endings")
@pytest.mark.parametrize("line", [HELLO + b"\r\n", b"\n\r\n  \n" + HELLO + b"\n", b"  " + HELLO + b" \t\n"])
async def test_line_ends_and_blank_lines(launch: Launch, line: bytes) -> None:
    client = await launch(raw=True)
    await client.wire.send_raw(line)
    assert (await client.answer(1)).result["protocolVersion"] == 1
    await client.settle()
    assert len(client.wire.lines) == 2


@pytest.mark.requirement("framing.line-endings")
async def test_last_line_without_newline(launch: Launch) -> None:
    client = await launch(raw=True)
    await client.wire.send_raw(HELLO)
    await client.wire.close_input()
    assert (await client.answer(1)).result["protocolVersion"] == 1


@pytest.mark.requirement("framing.line-endings")
async def test_the_last_request_is_answered_although_the_input_has_ended(
    workbench: Workbench, launch: Launch
) -> None:
    client = await launch()
    params = json.dumps({"cwd": str(workbench.project), "mcpServers": []})
    line = f'{{"jsonrpc":"2.0","id":1,"method":"session/new","params":{params}}}'
    client.wire.methods[id_key(1)] = "session/new"
    await client.wire.send_raw(line.encode())
    await client.wire.close_input()
    assert (await client.answer(1)).result["sessionId"]


@pytest.mark.requirement("framing.lone-surrogates")
async def test_broken_unicode_goes_in_and_out(session: Session) -> None:
    assert (await session.prompt("say a\ud800b")).stop_reason == "end_turn"
    turn = await session.prompt("run printf 'x\\377\\355\\240\\200y'")
    assert "x\ufffd" in turn.call.text
    assert all(line.raw.decode() for line in session.client.wire.lines)


@pytest.mark.requirement("framing.large-lines")
async def test_thirty_two_mebibytes_in(client: Client) -> None:
    await client.wire.send_raw(request_line('{"pad":"' + "x" * 32 * MIB + '"}'))
    assert (await client.answer("odd")).error["code"] == -32601


@pytest.mark.requirement("framing.large-lines")
async def test_a_line_beyond_the_limit(client: Client) -> None:
    await client.wire.send_raw(request_line('{"pad":"' + "x" * 80 * MIB + '"}'))
    assert (await client.answer(None)).error["code"] == -32600
    await client.settle()


BIG = {
    "read": "read big.txt",
    "edit": "edit big.txt needle pin",
    "command": "run cat big.txt",
    "control characters": "run head -c 2000000 /dev/zero",
    "search": "search line",
    "text": f"say {'x' * 2 * MIB}",
    "escaped text": "say \ud800" + "\U0001f600" * (MIB // 2),
    "arguments": f"write new.txt {'x' * 2 * MIB}",
}
"""Prompts after which there is much to show."""


@pytest.mark.requirement("framing.short-lines-out")
async def test_lines_out_are_short(workbench: Workbench, session: Session, subtests: pytest.Subtests) -> None:
    workbench.write("big.txt", f"needle\n{'x' * 2 * MIB}\n" + "a line of text\n" * 100_000)
    lines = session.client.wire.lines
    for name, prompt in BIG.items():
        with subtests.test(name):
            start = len(lines)
            await session.prompt(prompt, within=30)
            assert max(len(line.raw) for line in lines[start:]) < MIB


HOSTILE = {
    "deep array": "[" * 200_000 + "]" * 200_000,
    "deep object": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "unclosed": "[" * 200_000,
    "long integer": '{"n":1' + "0" * 10_000 + "}",
    "huge float": '{"n":1e999999,"m":-1e-999999}',
}


@pytest.mark.requirement("framing.hostile-json")
async def test_hostile_json(client: Client, subtests: pytest.Subtests) -> None:
    for name, params in HOSTILE.items():
        with subtests.test(name):
            start = len(client.wire.lines)
            await client.wire.send_raw(request_line(params))
            await client.settle()
            assert "error" in client.wire.messages[start]
