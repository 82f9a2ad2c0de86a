"""What services say went wrong: kinds, waits, words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acp_adapters.providers.failures import Refusal, broken, no_stream, refused
from acp_adapters.providers.kinds import kind_of
from acp_adapters.providers.saying import said_by, said_in
from acp_adapters.providers.waiting import LONGEST_S, read_wait, wait_of
from acp_agent.models.routes import Key, ProviderType, Route

NOW = 1_795_269_600.0
"""2026-11-21T14:00:00Z."""
ROUTE = Route(
    alias="here", provider=ProviderType("openai"), base_url="http://127.0.0.1:9", model="m-1",
    key=Key("AKIASECRETKEYID:verysecretkey", "$KEY"), headers={"X-Auth-Token": "Bearer another-secret"},
    window=1000, request_limit_s=5, silence_limit_s=5,
)  # fmt: skip


def error(message: str, **more: object) -> str:
    return json.dumps({"error": {"message": message, **more}})


def kind(status: int | None, body: str, **headers: str) -> str:
    said = said_in(body)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return kind_of(status, said, wait_of(names, said, NOW))


# Kinds --------------------------------------------------------------------------------------------

OVERFLOWS = [
    "maximum context length is 204800 tokens ... requested about 244027",
    "Your input exceeds the context window of this model",
    "Please reduce the length of the messages or completion",
    "prompt is too long: 250000 tokens > 200000 maximum",
    "input is too long for the requested model",
    "Total tokens exceed model's context window",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)",
    "prompt token count of 70000 exceeds the limit of 64000",
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens",
    "Your request exceeded model token limit: 131072",
    "invalid params, context window exceeds limit (2013)",
    "too many tokens: total number of tokens in the prompt cannot exceed 4081",
    "Range of input length should be [1, 30720]",
    "the request exceeds the available context size. try increasing the context size",
    "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length",
    "inputs tokens + max_new_tokens must be <= 32769. Given: 40000 inputs tokens",
    "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
    "The number of tokens to keep from the initial prompt is greater than the context length",
    error("", code="context_length_exceeded"),
    error("prompt is too long", type="invalid_request_error"),
    error("no", type="exceed_context_size_error"),
    json.dumps({"error": {"error": {"code": "context_length_exceeded"}}}),
    json.dumps({"__type": "ValidationException", "message": "Input is too long for requested model."}),
]


@pytest.mark.parametrize("body", OVERFLOWS)
def test_a_conversation_that_is_too_long(body: str) -> None:
    assert kind(400, body) == "context_length"
    assert kind(None, body) == "context_length"
    assert kind(413, body) == "context_length"
    assert kind(429, body) == "rate_limit"
    assert kind(500, body) == "server"


@pytest.mark.parametrize(
    "body",
    [
        error("messages: bad", type="invalid_request_error"),
        json.dumps({"__type": "ValidationException", "message": "malformed input"}),
        "max_tokens: 200000 > 128000, which is the maximum allowed number of output tokens for m",
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
        "context_management: unknown field",
        "Invalid number of tokens",
        "for model m-1, `temperature` is deprecated",
        "Unsupported value: 'reasoning.effort' does not support 'high' with this model",
        "m-1 is not a multimodal model",
        "",
    ],
)
def test_what_only_sounds_like_it(body: str) -> None:
    assert kind(400, body) == "request"


KINDS: list[tuple[int | None, str, str]] = [
    (401, "", "auth"),
    (401, error("Incorrect API key provided. Buy more credits."), "auth"),
    (403, error("no access", status="PERMISSION_DENIED"), "auth"),
    (400, "Invalid API key", "auth"),
    (
        400,
        json.dumps([{"error": {"status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}}]),
        "auth",
    ),
    (402, "", "billing"),
    (
        400,
        error("Your credit balance is too low to access the API. Go to Plans & Billing.", type="x"),
        "billing",
    ),
    (403, "insufficient credits", "billing"),
    (429, error("You exceeded your current quota, check your plan.", code="insufficient_quota"), "billing"),
    (429, error("billing_hard_limit_reached"), "billing"),
    (429, error("quota exceeded"), "billing"),
    (429, error("quota exceeded, try again in 20s"), "rate_limit"),
    (429, error("Quota exceeded for metric 'requests per minute'"), "rate_limit"),
    (402, "usage quota reached, resets at 2026-11-21T14:05:00Z", "rate_limit"),
    (429, error("The usage limit has been reached", type="usage_limit_reached"), "rate_limit"),
    (429, error("no room", type="engine_overloaded_error"), "overloaded"),
    (429, "", "rate_limit"),
    (403, error("secondary rate limit", code="rate_limited"), "rate_limit"),
    (404, error("The model `x` does not exist", code="model_not_found"), "not_found"),
    (404, error("models/gemini-x is not found for API version v1beta", status="NOT_FOUND"), "not_found"),
    (404, error("model: claude-x", type="not_found_error"), "not_found"),
    (404, json.dumps({"error": 'model "x" not found, try pulling it first'}), "not_found"),
    (400, error("x is not a valid model ID", code=400), "not_found"),
    (404, "404 page not found", "request"),
    (404, "<html><head><title>404 Not Found</title></head></html>", "request"),
    (422, "Input should be 'text'", "request"),
    (307, "", "request"),
    (408, "", "timeout"),
    (413, "", "context_length"),
    (500, "", "server"),
    (500, error("x", type="overloaded_error"), "overloaded"),
    (502, "<html><title>502 Bad Gateway</title></html>", "server"),
    (503, "", "overloaded"),
    (504, "", "server"),
    (529, error("Overloaded", type="overloaded_error"), "overloaded"),
    (None, error("x", code=502), "server"),
    (None, error("x", code=429), "rate_limit"),
    (None, error("x", code="429"), "rate_limit"),
    (None, "error sending request for url (x)", "network"),
    (None, "connection reset by peer", "network"),
    (None, "decode error: EOF", "network"),
    (None, "503 service unavailable", "overloaded"),
    (None, "Http status: 500", "server"),
    (None, "status_code=503", "overloaded"),
    (None, "error 500: backend hiccup", "server"),
    (None, "rate limit exceeded", "rate_limit"),
    (None, "overloaded_error: the API is overloaded", "overloaded"),
    (None, "insufficient_quota", "billing"),
    (None, "billing_not_active", "billing"),
    (None, "invalid api key", "auth"),
    (None, "the request timed out", "timeout"),
    (None, "file not found", "server"),
    (None, "form reset successful", "server"),
    (
        None,
        error("Provider returned error", metadata={"raw": error("no", code="rate_limit_exceeded")}),
        "rate_limit",
    ),
]


@pytest.mark.parametrize(("status", "body", "expected"), KINDS)
def test_kinds(status: int | None, body: str, expected: str) -> None:
    assert kind(status, body) == expected


def test_a_quota_that_is_used_up_stays_so_whatever_other_limits_are_counted() -> None:
    body = error("You exceeded your current quota", code="insufficient_quota")
    assert kind(429, body, x_ratelimit_reset_requests="1s") == "billing"
    assert kind(429, body, retry_after="60") == "rate_limit"


# Waits --------------------------------------------------------------------------------------------

TIMES: list[tuple[str, float | None]] = [
    ("20", 20), ("0", 0), ("0.5", 0.5), ("-5", 0), ("20ms", 0.02), ("1m30s", 90), ("6m0s", 360),
    ("1h2m3.5s", 3723.5), ("34.074824224s", 34.074824224), ("2 hours 5 minutes", 7500),
    ("1 minute and 5 seconds", 65), ("1d", 86400), ("Sat, 21 Nov 2026 14:05:00 GMT", 300),
    ("Sat, 21 Nov 2020 14:05:00 GMT", 0), ("2026-11-21T14:05:00Z", 300), ("2026-11-21T15:05:00+01:00", 300),
    ("2026-11-21 14:05:00 UTC", 300), ("1795269660", 60), ("1795269660000", 60), ("1795260000", 0),
    ("soon", None), ("", None), ("1e5", None), ("nan", None), ("99999999999999", None), ("5 apples", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "seconds"), TIMES)
def test_times_in_every_form(text: str, seconds: float | None) -> None:
    assert read_wait(text, NOW) == seconds


WORDS: list[tuple[str, float | None]] = [
    ("Please try again in 20s.", 20),
    (
        "Rate limit reached on tokens per min (TPM): Limit 10000, Used 9000. Please try again in 6m0s. Visit",
        360,
    ),
    ("Requested 2000. Please try again in 6ms.", 0.006),
    ("resets at 2026-11-21T14:05:00Z", 300),
    ("Your limit will reset at 2026-11-21 14:05:00", 300),
    ("limit reached; in 2 hours 5 minutes", 7500),
    ("LIMIT RESETS IN 2 HOURS 5 MINUTES", 7500),
    ("retry-after-ms: 5000", 5),
    ("RETRY-AFTER-MS: 750", 0.75),
    ("\u201c\u0130\u201d Retry-After: 8", 8),
    ("Retry after 12 seconds", 12),
    ("retry_after=12", 12),
    ("Usage limit reached|1795269660", 60),
    ("Please wait 15 seconds", 15),
    ("form reset successful", None),
    ("the limit is 20 requests", None),
]


@pytest.mark.parametrize(("words", "seconds"), WORDS)
def test_waits_in_words(words: str, seconds: float | None) -> None:
    assert wait_of({}, said_in(words), NOW).told == seconds


BODIES: list[tuple[object, float]] = [
    ({"retry_after": 12}, 12),
    ({"error": {"retry_after_ms": 1500}}, 1.5),
    (
        {"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}]}},
        34,
    ),
    ({"error": {"type": "usage_limit_reached", "resets_in_seconds": 1234, "resets_at": 1_795_269_700}}, 1234),
    ({"error": {"metadata": {"headers": {"X-RateLimit-Reset": "1795269660000"}}}}, 60),
    ({"parameters": {"retry_after": 1.5}}, 1.5),
]


@pytest.mark.parametrize(("body", "seconds"), BODIES)
def test_waits_in_bodies(body: object, seconds: float) -> None:
    assert wait_of({}, said_in(json.dumps(body)), NOW).told == seconds


HEADERS: list[tuple[dict[str, str], float | None]] = [
    ({"retry-after": "7"}, 7),
    ({"retry-after": "Sat, 21 Nov 2026 14:05:00 GMT"}, 300),
    ({"retry-after": "Sat, 21 Nov 2020 14:05:00 GMT"}, 0),
    ({"retry-after": "7", "retry-after-ms": "6500"}, 6.5),
    ({"retry-after": "soon"}, None),
    ({"x-ratelimit-reset": "30"}, 30),
    ({"x-ratelimit-reset": "1795269660"}, 60),
    ({"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "0"}, 360),
    (
        {
            "x-ratelimit-reset-requests": "8h", "x-ratelimit-remaining-requests": "5",
            "x-ratelimit-reset-tokens": "20ms", "x-ratelimit-remaining-tokens": "0",
        },
        0.02,
    ),
    ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "2s"}, 2),
    ({"anthropic-ratelimit-requests-reset": "2026-11-21T14:05:00Z"}, 300),
    ({"anthropic-ratelimit-unified-reset": "1795269660"}, 60),
    ({"retry-after": "7", "x-ratelimit-reset": "300"}, 7),
    ({}, None),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "seconds"), HEADERS)
def test_waits_in_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_of(headers, said_in(""), NOW).seconds == seconds


def test_the_longer_of_two_counts() -> None:
    """A gateway asks for a minute, and the limit behind it for five."""
    said = said_in(json.dumps({"error": {"resets_in_seconds": 300}}))
    assert wait_of({"retry-after": "60"}, said, NOW).seconds == 300


@settings(deadline=None)
@given(st.text(max_size=300), st.floats(0, 4e9))
def test_anything_may_be_said(text: str, now: float) -> None:
    for said in (said_in(text), said_by({"error": {"message": text, "code": text, "retry_after": text}})):
        wait = wait_of({"retry-after": text, "x-ratelimit-reset": text}, said, now)
        assert wait.seconds is None or 0 <= wait.seconds <= LONGEST_S
        for status in (None, 400, 404, 429, 500):
            assert kind_of(status, said, wait)


keys = st.sampled_from(["error", "code", "message", "type", "detail", "raw", "metadata"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(json_values)
def test_anything_may_be_an_error(value: Any) -> None:
    failed = broken("here/m-1", ROUTE, value, NOW)
    assert failed.message.startswith("here/m-1 broke off its answer: ")
    assert len(failed.details) <= 500
    assert refused("here/m-1", ROUTE, Refusal(400, {}, json.dumps(value)), NOW).message


# Words --------------------------------------------------------------------------------------------


PAGE = "<html><head><title>502 Bad Gateway</title><style>x{}</style></head><body>nginx</body></html>"
CASES = [
    (401, error("bad key"), "here/m-1 does not take the key (401): bad key", "Check the key ($KEY) and that"),
    (
        429,
        error("slow down"),
        "here/m-1 has been asked too much (429): slow down",
        "Wait and send the prompt",
    ),
    (429, error("no; retry after 7200 s"), "here/m-1 has been asked too much (429): no", "Wait 2 h and send"),
    (502, PAGE, "here/m-1 is in trouble (502): 502 Bad Gateway", "send the prompt again later"),
    (
        400,
        "maximum context is 10",
        "The conversation is too long for here/m-1 (400)",
        "Shorten it with /compact",
    ),
    (404, error("no such model"), "There is no here/m-1 (404): no such model", "Check the model's name"),
    (402, "", "here/m-1 wants the account to be paid (402): no reason given", "See to the account"),
    (503, "", "here/m-1 has too much to do (503)", "Send the prompt again later"),
]


@pytest.mark.parametrize(("status", "body", "headline", "hint"), CASES)
def test_what_a_person_is_told(status: int, body: str, headline: str, hint: str) -> None:
    message = refused("here/m-1", ROUTE, Refusal(status, {}, body), NOW).message
    assert message.startswith(headline)
    assert f". {hint}" in message or f"; {hint}" in message


def test_a_redirection_says_where_to() -> None:
    failed = refused("here/m-1", ROUTE, Refusal(308, {"location": "https://new.example/v1?key=x"}, ""), NOW)
    assert failed.kind == "request"
    assert "go to https://new.example/v1. Check" in failed.message


def test_a_setting_that_is_refused_is_named() -> None:
    hot = ROUTE._replace(temperature=0.5)
    failed = refused("here/m-1", hot, Refusal(400, {}, error("'temperature' does not support 0.5")), NOW)
    assert "Take temperature out of the settings" in failed.message


@pytest.mark.parametrize(
    "secret", ["AKIASECRETKEYID:verysecretkey", "verysecretkey", "AKIASECRETKEYID", "another-secret"]
)
def test_no_secret_comes_back(secret: str) -> None:
    for failed in (
        refused("here/m-1", ROUTE, Refusal(401, {}, error(f"not {secret}!")), NOW),
        broken("here/m-1", ROUTE, {"message": f"not {secret}!"}, NOW),
        no_stream("here/m-1", ROUTE, "text/html", Refusal(200, {}, f"<p>not {secret}!</p>"), NOW),
    ):
        assert secret not in repr(failed)
        assert "[the key]" in failed.message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<html><title>Log in</title></html>", "protocol"),
        ("<html><title>503 Service Unavailable</title></html>", "overloaded"),
        ("<h1>Bad Gateway</h1><html>", "server"),
        (error("x", code=429), "rate_limit"),
        (error("model m is not loaded"), "protocol"),
        (json.dumps({"choices": [{"message": {"content": "rate limit exceeded"}}]}), "protocol"),
        ("", "protocol"),
    ],
)
def test_what_is_said_in_place_of_a_stream(body: str, expected: str) -> None:
    assert no_stream("here/m-1", ROUTE, "text/html", Refusal(200, {}, body), NOW).kind == expected


def test_amazon_says_what_is_wrong_in_a_header() -> None:
    headers = {"x-amzn-errortype": "ThrottlingException:http://internal.amazon.com/"}
    assert (
        refused("here/m-1", ROUTE, Refusal(400, headers, json.dumps({"message": "no"})), NOW).kind
        == "rate_limit"
    )
