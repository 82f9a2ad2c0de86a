"""JSON-RPC messages to and from lines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.rpc.codec import Malformed, Notification, Request, Response, decode, encode
from acp_agent.rpc.framing import OVERSIZED

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_a_line_is_one_line_of_utf8_that_says_the_same(message: dict[str, object]) -> None:
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line.decode()) == message


def test_lone_surrogates_leave_as_valid_utf8() -> None:
    assert json.loads(encode({"text": "a\ud800b🌍"}).decode()) == {"text": "a?b🌍"}


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(line: bytes) -> None:
    decode(line)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"n":NaN}}', -32700),
        (b"[" * 100_000, -32700),
        (b"9" * 5000, -32700),
        (b'{"jsonrpc":"2.0","id":1e999,"method":"x"}', -32700),
        (b"\xff\xfe", -32700),
        (b"[]", -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"x"}]', -32600),
        (b"42", -32600),
        (b"null", -32600),
        (b'"text"', -32600),
        (b"{}", -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"x"}', -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"x"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":3}', -32600),
        (OVERSIZED, -32600),
    ],
)
def test_what_is_no_message_says_why(line: bytes, code: int) -> None:
    message = decode(line)
    assert isinstance(message, Malformed)
    assert message.error.code == code


def test_messages_are_told_apart() -> None:
    assert decode(b'{"jsonrpc":"2.0","id":"a","method":"m","params":{}}') == Request("a", "m", {})
    assert decode(b'{"jsonrpc":"2.0","id":null,"method":"m"}') == Request(None, "m", None)
    assert decode(b'{"jsonrpc":"2.0","method":"m"}') == Notification("m", None)
    assert decode(b'{"jsonrpc":"2.0","id":3,"result":null}') == Response(3, None, None)
    assert decode(b'{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":"x"}}') == Response(
        3, None, {"code": 1, "message": "x"}
    )
