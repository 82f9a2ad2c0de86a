"""What services say of their models, in each form, and what becomes of a service that says nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from acp_adapters import http
from acp_adapters.http import close_clients
from acp_adapters.providers import listing
from acp_adapters.providers.listing import installed, listed
from acp_agent.errors import ModelError
from acp_agent.models.catalogue.facts import facts_of
from acp_agent.models.prices import Price
from acp_agent.models.routes import Key, ProviderType, Route
from tests.support.http_server import Answer, http_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from acp_adapters.providers.values import Json

SECRET = "sk-very-secret"


@pytest.fixture(autouse=True)
async def _clients() -> AsyncIterator[None]:
    yield
    await close_clients()


def route(base_url: str, protocol: str = "openai", key_header: str = "") -> Route:
    return Route(
        alias="here", provider=ProviderType(protocol, key_header=key_header), base_url=base_url, model="m",
        key=Key(SECRET, "$KEY"), headers={"X-Team": "editors"}, window=1, request_limit_s=5,
        silence_limit_s=5,
    )  # fmt: skip


def as_json(data: object, status: str = "200 OK") -> Answer:
    return Answer([json.dumps(data).encode()], status=status, content_type="application/json")


async def said(data: object, protocol: str = "openai") -> dict[str, Json]:
    async with http_server(as_json(data)) as server:
        return dict(await listed(route(server.url, protocol)))


async def test_openais_form_is_a_list_of_names() -> None:
    """Of them only those that converse."""
    names = [
        "gpt-9",
        "text-embedding-3",
        "whisper-1",
        "gpt-9-realtime",
        "dall-e-3",
        "gpt-image-2",
        "gpt-9-mini",
    ]
    found = await said({"data": [{"id": name, "object": "model"} for name in names]})
    assert found == {"gpt-9": {}, "gpt-9-mini": {}}


async def test_openrouter_says_limits_prices_and_abilities() -> None:
    entry = {
        "id": "z/glm",
        "context_length": 200000,
        "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
        "pricing": {
            "prompt": "0.0000006",
            "completion": "0.00000220",
            "input_cache_read": "0.00000011",
            "image": "0",
        },
        "top_provider": {"max_completion_tokens": 131072},
        "supported_parameters": ["tools", "temperature"],
    }
    free = {"id": "z/free", "pricing": {"prompt": "0", "completion": "0"}, "supported_parameters": ["seed"]}
    auto = {"id": "auto", "pricing": {"prompt": "-1", "completion": "-1"}}
    draws = {"id": "draws", "architecture": {"output_modalities": ["image"]}}
    found = {
        model: facts_of(says) for model, says in (await said({"data": [entry, free, auto, draws]})).items()
    }
    assert list(found) == ["z/glm", "z/free", "auto"]
    assert found["z/glm"] == (200_000, 131_072, Price(600_000, 2_200_000, 110_000), True, True)
    assert (found["z/free"].price, found["z/free"].tools) == (Price(0, 0), False)
    assert found["auto"].price is None


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e400", "free", 0.5, None, [], "-0.1"])
async def test_what_is_no_price_is_not_known(amount: object) -> None:
    entry = {"id": "m", "pricing": {"prompt": amount, "completion": "1"}}
    assert facts_of((await said([entry]))["m"]).price is None


@pytest.mark.parametrize(
    ("entry", "window", "output"),
    [
        ({"context_window": 5, "max_completion_tokens": 4}, 5, 4),
        ({"max_model_len": 7}, 7, None),
        ({"max_context_length": 8, "capabilities": {"vision": True, "completion_chat": True}}, 8, None),
        ({"max_input_tokens": 9, "max_tokens": 3}, 9, 3),
        ({"context_length": -1, "max_model_len": "7", "top_provider": "x", "pricing": [1]}, None, None),
    ],
)
async def test_others_say_their_limits_otherwise(entry: Json, window: int | None, output: int | None) -> None:
    found = facts_of((await said({"data": [{"id": "m", **entry}]}))["m"])
    assert (found.window, found.output) == (window, output)


async def test_geminis_form() -> None:
    models = [
        {
            "name": "models/gemini-9",
            "inputTokenLimit": 100,
            "outputTokenLimit": 10,
            "supportedGenerationMethods": ["generateContent"],
        },
        {"name": "models/gemini-e", "supportedGenerationMethods": ["embedContent"]},
    ]
    assert await said({"models": models}, "gemini") == {"gemini-9": {"window": 100, "output": 10}}


async def test_ollamas_form() -> None:
    assert await said({"models": [{"model": "a:1"}, {"name": "b:2"}, {}]}, "ollama") == {"a:1": {}, "b:2": {}}


@pytest.mark.parametrize(
    ("protocol", "key_header", "path", "headers"),
    [
        ("openai", "", "/models", {"authorization": f"Bearer {SECRET}"}),
        ("openai-responses", "api-key", "/models", {"api-key": SECRET}),
        ("anthropic", "", "/models?limit=1000", {"x-api-key": SECRET, "anthropic-version": "2023-06-01"}),
        ("gemini", "", "/models?pageSize=1000", {"x-goog-api-key": SECRET}),
        ("ollama", "", "/api/tags", {"authorization": f"Bearer {SECRET}"}),
    ],
)
async def test_how_each_is_asked(protocol: str, key_header: str, path: str, headers: dict[str, str]) -> None:
    answer = {"data": [{"id": "a"}], "models": [{"name": "a"}]}
    async with http_server(as_json(answer)) as server:
        await listed(route(server.url, protocol, key_header))
        (request,) = server.requests
    assert request.path == path
    assert {**headers, "x-team": "editors"}.items() <= request.headers.items()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (as_json({"error": {"message": f"bad key {SECRET}"}}, "401 Unauthorized"), "401: bad key …"),
        (Answer([b"<html>"], content_type="text/html"), "does not list its models at http"),
        (as_json({"data": []}), "names no models"),
        (as_json("x"), "names no models"),
        (as_json({"data": [{"id": 7}, "x", None]}), "names no models"),
        (Answer([b"[" * 100_000]), "does not list its models"),
        (Answer([b"{"], breaks=True), "does not list its models"),
    ],
)
async def test_a_service_that_does_not_say(answer: Answer, says: str) -> None:
    async with http_server(answer) as server:
        with pytest.raises(ModelError, match=says) as caught:
            await listed(route(server.url))
    assert SECRET not in str(caught.value)


async def test_a_service_that_keeps_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LIST_LIMIT_S", 0.2)
    async with http_server(Answer([b"{"], hangs=True)) as server:
        with pytest.raises(ModelError, match=r"within 0\.2 s"):
            await listed(route(server.url))


async def test_nobody_there() -> None:
    with pytest.raises(ModelError, match="here does not list its models at http://127"):
        await listed(route("http://127.0.0.1:9"))
    assert await installed("http://127.0.0.1:9") == ()


async def test_a_list_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FETCHED_BYTES", 1000)
    async with http_server(Answer([b"x" * 600, b"x" * 600])) as server:
        with pytest.raises(ModelError, match="answered with more than"):
            await listed(route(server.url))


async def test_who_cannot_be_asked() -> None:
    with pytest.raises(ModelError, match="cannot be asked"):
        await listed(route("http://127.0.0.1:9", "bedrock"))
