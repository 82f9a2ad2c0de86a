"""What went wrong at a model's service, as something a person can act on."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import httpx

from acp_agent.models.stream import Failed

if TYPE_CHECKING:
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import FailureKind

EXCERPT_CHARACTERS = 500
_CONTEXT_WORDS = (
    "context length",
    "context_length",
    "maximum context",
    "too many tokens",
    "prompt is too long",
)


def failure_of(name: str, route: Route, response: httpx.Response, body: str) -> Failed:
    """The failure that an HTTP answer other than 200 stands for."""
    status, said = response.status_code, said_by(body)
    if route.key.value:
        said = said.replace(route.key.value, "[the key]")
    kind = _kind(status, said)
    what = _ADVICE[kind].format(key=route.key.source)
    if kind == "request" and status != 404:
        what = _level_refused(route, said.lower()) or what
    if kind == "rate_limit" and (wait := response.headers.get("retry-after")):
        what = f"{what} It asks to wait {wait} s."
    return Failed(kind, f"{name} refused the request ({status}): {said or 'no reason given'}. {what}", said)


def _level_refused(route: Route, said: str) -> str:
    """What to do when it is the thought level that was refused, or the lack of one."""
    if route.extra:
        words = (*route.extra, "reasoning", "thinking")
        return "Set the thought level to default." if any(word in said for word in words) else ""
    return "Set the thought level to none, or choose another model." if "reasoning_effort" in said else ""


_REFUSING = frozenset({400, 404, 415, 422, 500, 501})
"""Services differ: llama.cpp says 500 to an image that it cannot take, OpenRouter 404."""
_IMAGE_WORDS = re.compile(
    r"image|vision|multi-?modal|mmproj|content.{0,20}type|should be 'text'|valid string", re.IGNORECASE
)


def refuses_images(status: int, failed: Failed) -> bool:
    """Whether a request that held images was refused because of them, as far as the words tell."""
    return status in _REFUSING and _IMAGE_WORDS.search(failed.details) is not None


def without_images(name: str, route: Route, failed: Failed) -> Failed:
    """The failure of a request that held images, once it is known that they are what is wrong with it."""
    return Failed(
        "request",
        f"{name} does not take images: {failed.details}. Send the prompt again: from now on the model is "
        "told of images in words; or choose a model that can see. "
        f'For good: "vision": false under providers.{route.alias} in the settings.',
        failed.details,
    )


def _is_overflow(said: str) -> bool:
    return any(words in said.lower() for words in _CONTEXT_WORDS)


_ADVICE: dict[FailureKind, str] = {
    "auth": "Check the key ({key}) and that the account may use this model.",
    "rate_limit": "Wait and send the prompt again, or choose another model.",
    "context_length": "The conversation is too long for the model: start a new one or choose a larger model.",
    "server": "The service is in trouble; send the prompt again later.",
    "request": "Check the model's name and base_url in the settings.",
}


def _kind(status: int, said: str) -> FailureKind:
    if _is_overflow(said):
        return "context_length"
    if status in (401, 402, 403):
        return "auth"
    if status == 429:
        return "rate_limit"
    return "server" if status >= 500 else "request"


_KINDS: dict[str, FailureKind] = {
    "authentication_error": "auth",
    "permission_error": "auth",
    "billing_error": "auth",
    "rate_limit_error": "rate_limit",
    "request_too_large": "context_length",
    "invalid_request_error": "request",
    "not_found_error": "request",
    "rate_limit_exceeded": "rate_limit",
    "insufficient_quota": "auth",
    "context_length_exceeded": "context_length",
    "invalid_prompt": "request",
    "RESOURCE_EXHAUSTED": "rate_limit",
    "INVALID_ARGUMENT": "request",
    "PERMISSION_DENIED": "auth",
    "UNAUTHENTICATED": "auth",
    "throttlingException": "rate_limit",
    "validationException": "request",
    "accessDeniedException": "auth",
}


def kind_of_error(name: str, said: str) -> FailureKind:
    """What went wrong, by the name that a service gives it in the midst of an answer."""
    if _is_overflow(said):
        return "context_length"
    return _KINDS.get(name, "server")


def said_by(body: str) -> str:
    """The service's own message, out of the usual places."""
    try:
        data: object = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    while isinstance(data, dict):
        inner = cast("dict[str, object]", data)
        data = inner.get("error") or inner.get("message") or inner.get("detail")
    text = data if isinstance(data, str) else body
    return " ".join(text.split())[:EXCERPT_CHARACTERS].rstrip(".")


def network_failure(name: str, base_url: str, error: httpx.HTTPError) -> Failed:
    """The failure of a connection that could not be made or did not hold."""
    parts = urlsplit(base_url)
    where = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    said = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        message = f"{name} cannot be reached at {where}: {said}. Is it running, and is the network up?"
    else:
        message = f"The connection to {name} at {where} broke: {said}. Send the prompt again."
    kind: FailureKind = "timeout" if isinstance(error, httpx.TimeoutException) else "network"
    return Failed(kind, message, said)
