"""The bridge between a stdio client and a connection: not a byte is lost, whatever the pieces."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import socket
import subprocess
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.transport.bridge import FIRST_LINE_BYTES, Opening
from tests.support.wire import WAIT_S
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from collections.abc import Iterator

HELLO = b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": 1}}'
META = {"acp-agent/shared-files": True}
ADDED = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize",'
    b'"params":{"protocolVersion":1,"_meta":{"acp-agent/shared-files":true}}}'
)


def fed(opening: Opening, text: bytes, cuts: list[int]) -> bytes:
    """What comes out when `text` goes in in pieces."""
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    pieces = [text[a:b] for a, b in pairwise(places)]
    return b"".join(map(opening.feed, pieces)) + opening.rest()


ODD = st.sampled_from(
    [b"", b"\xff\xfe", b'"initialize"', b'{"method":"x"}', b"[]", b'{"method":"initialize"}', b"\r"]
)
CUTS = st.lists(st.integers(0, 10_000), max_size=20)


@given(before=st.lists(ODD, max_size=4), after=st.lists(ODD | st.just(HELLO), max_size=4), cuts=CUTS)
def test_only_the_first_initialize_changes(before: list[bytes], after: list[bytes], cuts: list[int]) -> None:
    given_text = b"\n".join([*before, HELLO, *after])
    assert fed(Opening(META), given_text, cuts) == b"\n".join([*before, ADDED, *after])


@given(text=st.binary(), cuts=CUTS)
def test_without_anything_to_add_nothing_changes(text: bytes, cuts: list[int]) -> None:
    assert fed(Opening({}), text, cuts) == text


def test_what_is_there_already_is_kept() -> None:
    message = {
        "method": "initialize",
        "params": {"_meta": {"a": 1, "b": "\ud800ü"}, "x": [1.5, None, 10**30]},
    }
    line = fed(Opening(META), json.dumps(message).encode(), [])
    assert json.loads(line) == {
        "method": "initialize",
        "params": {"_meta": {**message["params"]["_meta"], **META}, "x": [1.5, None, 10**30]},  # type: ignore[dict-item]
    }


@pytest.mark.parametrize("params", [None, [], {"_meta": "x"}])
def test_an_initialize_that_is_no_good_goes_through_as_it_is(params: object) -> None:
    line = json.dumps({"method": "initialize", "params": params}).encode()
    assert fed(Opening(META), line, []) == line


def test_an_endless_first_line_is_not_held_back() -> None:
    opening = Opening(META)
    assert opening.feed(b"x" * FIRST_LINE_BYTES) == b""
    assert len(opening.feed(b"xx")) == FIRST_LINE_BYTES + 2
    assert opening.feed(HELLO) == HELLO


class Running:
    """`acp-agent connect` between our two pipes and a server of ours."""

    def __init__(self, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            self.process = subprocess.Popen(
                [*agent_command(), "connect", *options, address],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
            )
            listener.settimeout(WAIT_S)
            self.server, _ = listener.accept()
        self.server.settimeout(WAIT_S)
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.stdin, self.stdout, self.stderr = (
            self.process.stdin,
            self.process.stdout,
            self.process.stderr,
        )

    def status(self) -> int:
        return self.process.wait(WAIT_S)

    def close(self) -> None:
        self.server.close()
        self.process.kill()
        self.process.wait()
        for stream in (self.stdin, self.stdout, self.stderr):
            stream.close()


@pytest.fixture
def bridge() -> Iterator[Running]:
    running = Running()
    yield running
    running.close()


def in_thread(work: Any, *args: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=args)
    thread.start()
    return thread


def write_pieces(fd: int, data: bytes, chance: random.Random) -> None:
    """All of it, in pieces of every size."""
    view = memoryview(data)
    while view:
        size = chance.choice([1, 7, 4096, 70_000])
        view = view[os.write(fd, view[:size]) :]


def read_pieces(fd: int, chance: random.Random) -> bytes:
    text = bytearray()
    while data := os.read(fd, chance.choice([1, 100, 5000, 1 << 17])):
        text += data
    return bytes(text)


@pytest.mark.parametrize("seed", range(4))
def test_every_byte_arrives_both_ways(bridge: Running, seed: int) -> None:
    chance = random.Random(seed)
    up, down = chance.randbytes(700_000), chance.randbytes(900_000)
    heard: list[bytes] = []

    def say_and_close() -> None:
        write_pieces(bridge.stdin.fileno(), up, random.Random(seed))
        bridge.stdin.close()

    def serve() -> None:
        write_pieces(bridge.server.fileno(), down, random.Random(seed + 1))
        heard.append(read_pieces(bridge.server.fileno(), random.Random(seed + 2)))
        bridge.server.shutdown(socket.SHUT_WR)

    bridge.server.settimeout(None)
    threads = [in_thread(say_and_close), in_thread(serve)]
    assert read_pieces(bridge.stdout.fileno(), chance) == down
    for thread in threads:
        thread.join(WAIT_S)
    assert heard == [up]
    assert (bridge.status(), bridge.stderr.read()) == (0, b"")


def test_a_slow_server_holds_up_the_editor(bridge: Running) -> None:
    os.set_blocking(bridge.stdin.fileno(), False)
    written = 0
    with pytest.raises(BlockingIOError):
        while written < 1 << 30:
            _, ready, _ = select.select([], [bridge.stdin], [], 1.0)
            written += os.write(bridge.stdin.fileno(), b"x" * 4096) if ready else _blocked()
    bridge.server.settimeout(None)
    bridge.stdin.close()
    assert len(read_pieces(bridge.server.fileno(), random.Random(0))) == written


def _blocked() -> int:
    raise BlockingIOError


def test_the_end_of_input_is_passed_on_and_answers_still_come(bridge: Running) -> None:
    bridge.server.settimeout(None)
    bridge.stdin.write(b"question")
    bridge.stdin.close()
    assert read_pieces(bridge.server.fileno(), random.Random(0)) == b"question"
    bridge.server.sendall(b"answer")
    bridge.server.close()
    assert bridge.stdout.read() == b"answer"
    assert (bridge.status(), bridge.stderr.read()) == (0, b"")


def test_a_server_that_does_not_close(bridge: Running) -> None:
    bridge.stdin.close()
    assert (bridge.status(), bridge.stderr.read()) == (0, b"")


def test_a_server_that_goes_first_is_told_of(bridge: Running) -> None:
    bridge.server.sendall(b"last words")
    bridge.server.close()
    assert bridge.stdout.read() == b"last words"
    assert bridge.status() == 1
    assert b"has closed the connection" in bridge.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_the_editors_end(bridge: Running, number: int) -> None:
    bridge.stdin.write(b"said before\n")
    assert bridge.server.recv(100) == b"said before\n"
    bridge.process.send_signal(number)
    assert bridge.server.recv(100) == b""
    bridge.server.close()
    assert (bridge.status(), bridge.stderr.read()) == (0, b"")


def test_an_editor_that_stops_reading(bridge: Running) -> None:
    bridge.stdout.close()
    bridge.server.sendall(b"to nobody")
    assert bridge.status() == 0


def test_a_killed_bridge_is_seen_by_the_server(bridge: Running) -> None:
    bridge.process.kill()
    assert bridge.server.recv(100) == b""


@pytest.mark.parametrize(
    "where", ["127.0.0.1:1", "unix:/nowhere/agent.sock", "tls://127.0.0.1:1", "ws://127.0.0.1:1", "nonsense"]
)
def test_what_cannot_be_reached_is_the_answer_to_initialize(where: str) -> None:
    done = subprocess.run(
        [*agent_command(), "connect", where],
        input=HELLO + b"\n",
        capture_output=True,
        timeout=WAIT_S,
        check=False,
    )
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["id"]) == (1, 1)
    (line,) = done.stderr.decode().splitlines()
    assert line == f"acp-agent connect: {answer['error']['message']}"
    assert where in line


def test_nobody_asks_what_cannot_be_reached() -> None:
    command = [*agent_command(), "connect", "127.0.0.1:1"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=WAIT_S, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
