"""Making sense of the arguments a model wrote. Nothing is guessed: what is broken is explained."""

from __future__ import annotations

import json
import math
from typing import cast

from acp_agent.errors import ToolError

EXCERPT_CHARACTERS = 80


def parse_arguments(text: str) -> dict[str, object]:
    """The arguments as an object; a call without any has none. Raises ToolError saying what to send."""
    if not text.strip():
        return {}
    try:
        value: object = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise ToolError("The arguments are nested too deeply. Send a flat JSON object.") from None
    except json.JSONDecodeError as error:
        raise ToolError(_explain(text, error)) from None
    except ValueError as error:
        raise ToolError(f"The arguments hold a number that cannot be used: {error}. Send another.") from None
    if not isinstance(value, dict):
        raise ToolError(f"The arguments must be a JSON object, got {text[:EXCERPT_CHARACTERS]!r}.")
    return cast("dict[str, object]", value)


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    """What no float can hold could neither be kept nor shown."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number


def _explain(text: str, error: json.JSONDecodeError) -> str:
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        return (
            "The arguments were cut off before the JSON was complete, nothing was run. "
            "Send the call again, with less in it if it was long."
        )
    near = text[max(0, error.pos - EXCERPT_CHARACTERS // 2) : error.pos + EXCERPT_CHARACTERS // 2]
    return f"The arguments are not valid JSON, nothing was run: {error.msg} near {near!r}. Send them again."
