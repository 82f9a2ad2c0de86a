"""Which models a service says it has, and what it says of them.

Sources: the API references of OpenAI, Anthropic, Gemini, Ollama and OpenRouter for their lists of models.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from acp_adapters.http import Outgoing, fetch
from acp_adapters.providers.saying import said_in
from acp_adapters.providers.values import Json, as_list, as_object, as_text, place
from acp_agent.config.values import without_credentials
from acp_agent.errors import HttpError, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from acp_agent.models.routes import Route

LIST_LIMIT_S = 20.0
LOOK_LIMIT_S = 0.5
"""Something on this machine answers at once or is not there."""
VERSION = "2023-06-01"
_MILLION = Decimal(1_000_000)
_MICRO = Decimal("0.000001")
_OTHER_USES = (
    "embed", "whisper", "tts", "dall-e", "moderation", "transcribe", "realtime", "-image", "audio", "sora",
    "davinci", "babbage", "imagen", "veo-", "rerank", "guard",
)  # fmt: skip
"""In the names of models that do not converse in text."""
_WINDOWS = ("context_length", "context_window", "max_context_length", "max_model_len", "max_input_tokens")
_OUTPUTS = ("max_completion_tokens", "max_output_tokens", "max_tokens")


async def listed(route: Route) -> Mapping[str, Json]:
    """By id, in the service's order: entries as those of the agent's catalogue of models.

    Raises ModelError saying why there is no list.
    """
    path, read = _WAYS.get(route.provider.protocol, ("", None))
    if read is None:
        raise ModelError(f"{route.alias} cannot be asked for its models. List them in the settings: models.")
    base_url = route.base_url.removesuffix("/v1") if path == _TAGS else route.base_url
    where = without_credentials(base_url)
    try:
        headers = {**_key_headers(route), **route.headers}
        found = await _got(place(base_url, *path.split("?")), headers, LIST_LIMIT_S, insecure=route.insecure)
    except ModelError as error:
        said = str(error).replace(route.key.value, "…") if route.key.value else str(error)
        raise ModelError(f"{route.alias} does not list its models at {where}: {said}") from None
    models = dict(read(found))
    if not models:
        raise ModelError(f"{route.alias} names no models at {where}.")
    return models


async def installed(base_url: str) -> Sequence[str]:
    """The names of the models that the Ollama at `base_url` has; none when there is no Ollama."""
    try:
        found = await _got(f"{base_url}{_TAGS}", {}, LOOK_LIMIT_S)
    except ModelError:
        return ()
    return list(dict(_of_ollama(found)))


async def _got(url: str, headers: Mapping[str, str], limit_s: float, *, insecure: bool = False) -> Json:
    """The object at `url`, or a list as its `data`. Raises ModelError saying what came instead."""
    asked = Outgoing(url, headers, method="GET", insecure=insecure)
    try:
        answer = await fetch(asked, limit_s)
        if not answer.ok:
            raise ModelError(f"{answer.status}: {said_in(answer.body.decode('utf-8', 'replace')).words}")
        data: object = json.loads(answer.body)
    except HttpError as error:
        raise ModelError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"it is no JSON: {error}") from error
    return {"data": data} if isinstance(data, list) else as_object(data)


def _key_headers(route: Route) -> dict[str, str]:
    key = route.key.value
    version = {"anthropic-version": VERSION} if route.provider.protocol == "anthropic" else {}
    if not key:
        return version
    if name := route.provider.key_header:
        return {name: key}
    if route.provider.protocol == "anthropic":
        return {"x-api-key": key, **version}
    if route.provider.protocol == "gemini" and "/projects/" not in route.base_url:
        return {"x-goog-api-key": key}
    return {"Authorization": f"Bearer {key}"}


# What comes ----------------------------------------------------------------------------------------


def _of_openai(data: Json) -> Iterator[tuple[str, Json]]:
    """OpenAI's form and what others add to it; Anthropic's is the same."""
    for entry in map(as_object, as_list(data.get("data"))):
        name = as_text(entry.get("id"))
        if name and _converses(name, entry):
            yield name, _said(entry)


def _of_gemini(data: Json) -> Iterator[tuple[str, Json]]:
    for entry in map(as_object, as_list(data.get("models"))):
        name = as_text(entry.get("name")).rpartition("/")[2]
        if name and _converses(name, entry) and "generateContent" in _methods(entry):
            limits = {
                "window": _tokens(entry.get("inputTokenLimit")),
                "output": _tokens(entry.get("outputTokenLimit")),
            }
            yield name, {key: value for key, value in limits.items() if value}


def _of_ollama(data: Json) -> Iterator[tuple[str, Json]]:
    for entry in map(as_object, as_list(data.get("models"))):
        if name := as_text(entry.get("model")) or as_text(entry.get("name")):
            yield name, {}


def _methods(entry: Json) -> list[object]:
    return as_list(entry.get("supportedGenerationMethods")) or ["generateContent"]


def _converses(name: str, entry: Json) -> bool:
    kinds = as_list(as_object(entry.get("architecture")).get("output_modalities")) or ["text"]
    kind = as_text(entry.get("type")).lower()
    chats = as_object(entry.get("capabilities")).get("completion_chat")
    return (
        "text" in kinds
        and chats is not False
        and not any(word in kind or word in name.lower() for word in _OTHER_USES)
    )


def _said(entry: Json) -> Json:
    more = as_object(entry.get("top_provider"))
    abilities = as_object(entry.get("capabilities"))
    kinds = as_list(as_object(entry.get("architecture")).get("input_modalities"))
    parameters = as_list(entry.get("supported_parameters"))
    found: Json = {
        "window": next((tokens for key in _WINDOWS if (tokens := _tokens(entry.get(key)))), None),
        "output": next(
            (tokens for key in _OUTPUTS if (tokens := _tokens(more.get(key) or entry.get(key)))), None
        ),
        "price": _price(as_object(entry.get("pricing"))),
        "images": "image" in kinds if kinds else abilities.get("vision"),
        "tools": "tools" in parameters if parameters else abilities.get("function_calling"),
    }
    flags = ("images", "tools")
    return {
        key: value
        for key, value in found.items()
        if value is not None and (key not in flags or isinstance(value, bool))
    }


def _tokens(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _price(pricing: Json) -> list[str | None] | None:
    """OpenRouter's form: dollars for one token, as text. What is less than nothing depends on the request."""
    names = ("prompt", "completion", "input_cache_read", "input_cache_write")
    asked, answered, *cached = (_dollars(pricing.get(name)) for name in names)
    return None if asked is None or answered is None else [asked, answered, *cached]


def _dollars(value: object) -> str | None:
    """For a million tokens, to the micro-dollar."""
    try:
        amount = (Decimal(as_text(value)) * _MILLION).quantize(_MICRO)
    except InvalidOperation:
        return None
    return f"{amount.normalize():f}" if amount.is_finite() and amount >= 0 else None


_TAGS = "/api/tags"
_WAYS = {
    "openai": ("/models", _of_openai),
    "openai-responses": ("/models", _of_openai),
    "anthropic": ("/models?limit=1000", _of_openai),
    "gemini": ("/models?pageSize=1000", _of_gemini),
    "ollama": (_TAGS, _of_ollama),
}
"""By wire protocol: where its list is, and how it is read."""
