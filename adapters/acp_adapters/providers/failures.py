"""What went wrong at a model's service, as something a person can act on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from acp_adapters.providers.kinds import kind_of
from acp_adapters.providers.saying import said_by, said_in
from acp_adapters.providers.values import as_object
from acp_adapters.providers.waiting import wait_of
from acp_agent.errors import HttpError, NotAsked, TookTooLong, Unreachable
from acp_agent.models.passing import in_headers
from acp_agent.models.stream import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from acp_agent.models.routes import Route
    from acp_agent.models.stream import FailureKind

EXCERPT_CHARACTERS = 500
SHORTEST_SECRET = 8
"""Characters. Shorter parts of a key cannot be told from words."""
_WAITED_FOR = frozenset[str](("rate_limit", "overloaded", "server", "timeout"))


class Refusal(NamedTuple):
    """An HTTP answer that is no success."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: str


def refused(name: str, route: Route, refusal: Refusal, now: float) -> Failed:
    """The failure that a refusal stands for; `now` in seconds since 1970."""
    said = said_in(refusal.body)
    if not said.names and (error := refusal.headers.get("x-amzn-errortype")):
        said = said._replace(names=(error.partition(":")[0].lower(),))
    wait = wait_of(refusal.headers, said, now)
    kind = kind_of(refusal.status, said, wait)
    seconds = wait.seconds if kind in _WAITED_FOR else None
    words = _excerpt(said.words, route)
    headline = f"{_HEADLINES[kind].format(name=name)} ({refusal.status})"
    if 300 <= refusal.status < 400:
        headline = f"{name} is somewhere else ({refusal.status})"
        words = words or f"go to {refusal.headers.get('location', '').partition('?')[0][:200]}"
    hint = _hint(kind, route, words, seconds)
    return Failed(kind, f"{headline}: {words or 'no reason given'}. {hint}", words, seconds)


def broken(name: str, route: Route, error: object, now: float) -> Failed:
    """The failure that a piece of JSON in the midst of an answer stands for."""
    said = said_by(error)
    wait = wait_of({}, said, now)
    kind = kind_of(None, said, wait)
    seconds = wait.seconds if kind in _WAITED_FOR else None
    words = _excerpt(said.words, route)
    hint = _hint(kind, route, words, seconds)
    return Failed(kind, f"{name} broke off its answer: {words or 'no reason given'}. {hint}", words, seconds)


def no_stream(name: str, route: Route, kind: str, refusal: Refusal, now: float) -> Failed:
    """The failure of an answer that is a success by its status and something else by its content."""
    said = said_in(refusal.body)
    words = _excerpt(said.words, route)
    if said.is_page or as_object(said.data).get("error"):
        wait = wait_of(refusal.headers, said, now)
        found = kind_of(None, said, wait)
        if found != "server" or said.status or _GATEWAY.match(said.words):
            seconds = wait.seconds if found in _WAITED_FOR else None
            message = f"{name} sent no answer: {words}. {_hint(found, route, words, seconds)}"
            return Failed(found, message, words, seconds)
    message = f"{name} answered with {kind}, not a stream: {words or 'nothing'}. Check base_url."
    return Failed("protocol", message, words)


def not_reached(name: str, error: HttpError, *, here: bool = False) -> Failed:
    """The failure of a request that did not get there, or whose answer did not get here.

    `here` is for a service on this machine: one that does not run does not begin to in a few seconds.
    """
    if isinstance(error, NotAsked):
        return Failed("request", f"{name} cannot be asked. {error}", str(error))
    if isinstance(error, TookTooLong):
        return Failed("timeout", f"{name} takes too long: {error}. Send the prompt again.", str(error))
    if here and isinstance(error, Unreachable):
        return Failed("not_found", f"{name} is out of reach: {error}. Is it running?", str(error))
    message = f"{name} is out of reach: {error}. Is it running, and is the network up?"
    return Failed("network", message, str(error))


def broken_off(name: str) -> Failed:
    """The failure of an answer whose stream ended before the model did."""
    return Failed("network", f"{name} broke off in the middle of its answer. Send the prompt again.")


# Images ---------------------------------------------------------------------------------------------

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


# Words ----------------------------------------------------------------------------------------------

_GATEWAY = re.compile(r"(?:error )?5\d\d\b|bad gateway|gateway time-?out|service unavailable", re.IGNORECASE)
_HEADLINES: dict[FailureKind, str] = {
    "auth": "{name} does not take the key",
    "billing": "{name} wants the account to be paid",
    "rate_limit": "{name} has been asked too much",
    "overloaded": "{name} has too much to do",
    "context_length": "The conversation is too long for {name}",
    "network": "{name} is out of reach",
    "timeout": "{name} takes too long",
    "server": "{name} is in trouble",
    "not_found": "There is no {name}",
    "request": "{name} refused the request",
    "protocol": "{name} cannot be understood",
}
_HINTS: dict[FailureKind, str] = {
    "auth": "Check the key ({key}) and that the account may use this model.",
    "billing": "See to the account at the service (key: {key}), or choose another model.",
    "rate_limit": "Wait {wait}and send the prompt again, or choose another model.",
    "overloaded": "Send the prompt again {wait}later, or choose another model.",
    "context_length": "Shorten it with /compact, start a new one or choose a larger model.",
    "network": "Send the prompt again.",
    "timeout": "Send the prompt again.",
    "server": "The service is in trouble; send the prompt again {wait}later.",
    "not_found": "Check the model's name, of which `acp-agent models` has a list, and base_url.",
    "request": "Check the model's name and base_url in the settings.",
    "protocol": "Check base_url.",
}


def _hint(kind: FailureKind, route: Route, words: str, seconds: float | None) -> str:
    if kind == "request" and (found := _setting_refused(route, words.lower())):
        return found
    wait = f"{_in_words(seconds)} " if seconds else ""
    return _HINTS[kind].format(key=route.key.source, wait=wait)


def _setting_refused(route: Route, words: str) -> str:
    """What to do when it is a setting that was refused, such as the thought level, or the lack of one."""
    if "temperature" in words and route.temperature is not None:
        return "Take temperature out of the settings, or choose another model."
    if route.extra:
        told = (*route.extra, "reasoning", "thinking", "effort")
        return "Set the thought level to default." if any(word.lower() in words for word in told) else ""
    return "Set the thought level to off, or choose another model." if "reasoning_effort" in words else ""


def _in_words(seconds: float) -> str:
    """A time to wait, no more exact than a person needs it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    hours = round(seconds / 3600)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} days"


def _excerpt(words: str, route: Route) -> str:
    """What the service said, without the secrets that it was sent."""
    for secret in _secrets(route):
        words = words.replace(secret, "[the key]")
    return words[:EXCERPT_CHARACTERS].rstrip(". ")


def _secrets(route: Route) -> Iterator[str]:
    key = route.key.value
    if key:
        yield key
        yield from (part for part in key.split(":") if SHORTEST_SECRET <= len(part) < len(key))
    yield from (value for value in in_headers(route.headers) if len(value) >= SHORTEST_SECRET)
