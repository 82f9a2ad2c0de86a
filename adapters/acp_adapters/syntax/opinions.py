"""Second opinions: parsers of the standard library, for languages that have one there."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.workspace.syntax import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NOWHERE = Problem(0, 0, "")
"""It does not say where."""
_NAMED = "a text that is looked at"


class Opinion(NamedTuple):
    problem: Problem | None
    """None when the text is well-formed."""
    certain: bool = False
    """Whether the grammar need not agree."""


def python(text: str) -> Opinion | None:
    """What this interpreter says; None when it cannot say.

    Only how lines are indented has been the same in all versions of the language, and it is what grammars
    miss. Everything else may be newer or older than the interpreter.
    """
    import ast

    # The compiler warns of what is merely odd; filters are global, and this one concerns nobody else.
    warnings.filterwarnings("ignore", module=_NAMED)
    try:
        ast.parse(text, _NAMED)
    except SyntaxError as error:
        place = Problem(error.lineno or 1, max(error.offset or 1, 1), error.msg or "invalid syntax")
        return Opinion(place, certain=isinstance(error, IndentationError))
    except (ValueError, RecursionError, MemoryError):  # null bytes, nested too deeply
        return None
    return Opinion(None)


def json(text: str) -> Opinion | None:
    from json import JSONDecodeError, loads

    try:
        loads(text)
    except JSONDecodeError as error:
        return Opinion(Problem(error.lineno, error.colno, error.msg))
    except (ValueError, RecursionError):
        return None
    return Opinion(None)


def toml(text: str) -> Opinion | None:
    import tomllib

    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return Opinion(NOWHERE)
    except (ValueError, RecursionError):
        return None
    return Opinion(None)


OPINIONS: Mapping[str, Callable[[str], Opinion | None]] = {"python": python, "json": json, "toml": toml}
