"""JSON-RPC 2.0 messages to and from single lines of bytes.

Plain `json`, because the handshake needs it before anything heavier is loaded and the
encoder is not what limits a stream of coalesced updates.
"""

from __future__ import annotations

import json
from typing import NamedTuple, cast

from acp_agent.errors import AgentError, InvalidRequest, ParseError
from acp_agent.rpc.framing import MAX_LINE_BYTES, OVERSIZED

Id = int | float | str | None
Params = dict[str, object] | list[object] | None

_encode_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class Request(NamedTuple):
    id: Id
    method: str
    params: Params


class Notification(NamedTuple):
    method: str
    params: Params


class Response(NamedTuple):
    id: Id
    result: object
    error: dict[str, object] | None


class Malformed(NamedTuple):
    """A line that is to be answered with an error and otherwise ignored."""

    error: AgentError
    id: Id = None
    bare_id: Id = None
    """The id of a message that has nothing else: how some answer when there is nothing to say."""


Message = Request | Notification | Response | Malformed


def encode(message: dict[str, object]) -> bytes:
    """One line, with its newline. Always UTF-8: lone surrogates, which have none, become "?"."""
    return (_encode_text(message) + "\n").encode(errors="replace")


def decode(line: bytes) -> Message:
    """The message on a line; never raises."""
    if line == OVERSIZED:
        return Malformed(
            InvalidRequest(f"Invalid request: a message over {MAX_LINE_BYTES >> 20} MiB was skipped")
        )
    try:
        data: object = json.loads(line, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        return Malformed(ParseError("Parse error: nested too deeply"))
    except ValueError as error:
        return Malformed(ParseError(f"Parse error: {error}"))
    if not isinstance(data, dict):
        return Malformed(InvalidRequest("Invalid request: one JSON object a line is expected, no batches"))
    return _classify(cast(dict[str, object], data))


def _classify(data: dict[str, object]) -> Message:
    method, given_id = data.get("method"), data.get("id")
    if isinstance(method, str):
        if "id" in data and not _is_id(given_id):
            return Malformed(InvalidRequest("Invalid request: the id must be a string, a number or null"))
        params = data.get("params")
        if params is not None and not isinstance(params, dict | list):
            return Malformed(InvalidRequest("Invalid request: params must be an object"), cast(Id, given_id))
        typed = cast(Params, params)
        return Request(cast(Id, given_id), method, typed) if "id" in data else Notification(method, typed)
    if "method" not in data and ("result" in data or "error" in data):
        error = data.get("error")
        if error is not None and not isinstance(error, dict):
            error = {"code": 0, "message": str(error)}
        wanted = cast(Id, given_id) if _is_id(given_id) else None
        return Response(wanted, data.get("result"), cast("dict[str, object] | None", error))
    bare_id = cast(Id, given_id) if "method" not in data and _is_id(given_id) else None
    return Malformed(
        InvalidRequest("Invalid request: neither request, notification nor response"), None, bare_id
    )


def _is_id(value: object) -> bool:
    return value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))


def _refuse_constant(name: str) -> object:
    """For `json.loads`, which takes NaN and Infinity otherwise. Raises ValueError."""
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    """For `json.loads`: a number that no float can hold could not be sent on. Raises ValueError."""
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is beyond what a number can be")
    return number


def result(request_id: Id, value: object) -> bytes:
    """The line that answers a request."""
    return encode({"jsonrpc": "2.0", "id": request_id, "result": value})


def failure(request_id: Id, error: AgentError) -> bytes:
    """The line that answers a request with an error."""
    body: dict[str, object] = {"code": error.code, "message": str(error)}
    if error.data is not None:
        body["data"] = error.data
    return encode({"jsonrpc": "2.0", "id": request_id, "error": body})
