"""What a project's settings ask for that counts only once the user trusts it: on paper, and as one digest.

Bound to it are the files of the project that it has programs run, as far as the settings name them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple, cast

from acp_agent.config.reading import JsonObject, as_object
from acp_agent.config.values import without_credentials
from acp_agent.config.variables import expand, unset
from acp_agent.invisible import visible
from acp_agent.workspace.environment import has_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

MOST_LINES = 400
LONGEST_LINE = 4000
"""Nobody looks over more than that before saying yes."""
MOST_NAMED = 8000
"""Names of files that are looked for."""
MOST_BYTES = 32 << 20
"""Of all files together; they are read whenever a session begins."""

_RUN_NOTHING = frozenset({"permission", "slash_aliases"})
"""Settings whose texts name no program: a pattern for files is not one of them."""
_ENDINGS = ("", ".py", ".js", ".mjs", ".cjs", "/__main__.py", "/index.js", "/package.json")
"""What Python and Node make of a name."""
_RECIPES = {
    **dict.fromkeys(("npm", "pnpm", "yarn", "bun"), ("package.json",)),
    "make": ("GNUmakefile", "makefile", "Makefile"),
    "just": ("justfile", ".justfile", "Justfile"),
}
"""Programs that run what a file of the project says, and that file."""
_BETWEEN = re.compile(r"[\s=:;,'\"`|&()<>]+")
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", re.ASCII)
_PLAIN = re.compile(r"[\w-]+", re.ASCII)
_REFERENCE = re.compile(r"(?:(?:Basic|Bearer|Token) )?\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_SHORT = 80
"""Characters of a text in a phrase."""
_SHOWN_DIGITS = 16
"""Of a digest, for a person."""


class Demands(NamedTuple):
    settings: JsonObject
    """As they are written."""
    files: Mapping[str, str]
    """The files they have run: path within the checkout → what it holds, as a digest."""
    reason: str = ""
    """Why they cannot be trusted as they are, if so."""

    @property
    def digest(self) -> str:
        """Another one for every other demand; the order of keys does not matter."""
        whole = {"settings": self.settings, "files": dict(self.files)}
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    @property
    def lines(self) -> tuple[str, ...]:
        """One for each value, safe to show and to keep: secrets are left out."""
        files = (f"file {path} = {what[:_SHOWN_DIGITS]}" for path, what in sorted(self.files.items()))
        return tuple(map(visible, (*_lines(self.settings, ()), *files)))


def demands_of(settings: JsonObject, bases: Sequence[Path], top: Path, env: Mapping[str, str]) -> Demands:
    """What `settings` ask for. Paths in them begin at `bases`, `top` is the checkout; all without links."""
    reader = _Reader()
    found: dict[str, str] = {}
    names = dict.fromkeys(_names({key: settings[key] for key in settings.keys() - _RUN_NOTHING}, env))
    reason = ""
    if len(names) > MOST_NAMED:
        reason = "they name too many files to be watched"
    for path in dict.fromkeys(
        os.path.normpath(base / name) for name in [*names][:MOST_NAMED] for base in bases
    ):
        if (what := _of_project(path, top, reader)) is not None:
            found[os.path.relpath(path, top)] = what
    demands = Demands(settings, found, reason)
    if reader.exhausted:
        reason = f"the programs they run are too large to be watched, more than {MOST_BYTES >> 20} MiB"
    elif len(demands.lines) > MOST_LINES or max(map(len, demands.lines), default=0) > LONGEST_LINE:
        reason = "they are too long to be looked over"
    return demands._replace(reason=reason)


# On paper -------------------------------------------------------------------------------------------


def _lines(value: object, path: tuple[str, ...]) -> Iterator[str]:
    fields = as_object(value)
    if fields:
        for key in sorted(fields):
            yield from _lines(fields[key], (*path, key))
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield f"{_key(path)}[] = {_shown(path, item)}"
        if not value:
            yield f"{_key(path)} = []"
    else:
        yield f"{_key(path)} = {_shown(path, value)}"


def _key(path: tuple[str, ...]) -> str:
    return ".".join(part if _PLAIN.fullmatch(part) else json.dumps(part) for part in path)


def _shown(path: tuple[str, ...], value: object) -> str:
    return json.dumps(_masked(path, value), ensure_ascii=False, sort_keys=True)


def _masked(path: tuple[str, ...], value: object) -> object:
    """`value` without secrets; of one that is left out it can be told whether it is still the same."""
    if isinstance(value, dict):
        return {key: _masked((*path, key), inner) for key, inner in cast("JsonObject", value).items()}
    if isinstance(value, list):
        return [_masked(path, inner) for inner in cast("list[object]", value)]
    if not isinstance(value, str) or _REFERENCE.fullmatch(value):
        return value
    holder, key = ("", "", *path)[-2:]
    if key == "api_key" or holder == "headers" or (holder == "env" and has_secret_name(key)):
        return f"(hidden, {_sign(value)})"
    if "://" in value and (bare := _bare(value)) != value:
        return f"{bare} (and more, {_sign(value)})"
    return value


def _sign(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _bare(url: str) -> str:
    try:
        return without_credentials(url)
    except ValueError:  # brackets that no host has
        return url


def phrases(settings: JsonObject) -> tuple[str, ...]:
    """What they ask for, in a few words each."""
    return tuple(visible(phrase) for phrase in _phrases(settings))


def _phrases(settings: JsonObject) -> Iterator[str]:
    for name, entry in (as_object(settings.get("mcp_servers")) or {}).items():
        fields = as_object(entry) or {}
        where = fields.get("command") or _bare(str(fields.get("url") or "")) or "more of its settings"
        args = fields.get("args")
        words = [where, *(cast("list[object]", args) if isinstance(args, list) else [])]
        yield f"run the MCP server `{_short(name)}` ({_short(' '.join(map(str, words)))})"
    for name, entry in (as_object(settings.get("providers")) or {}).items():
        url = (as_object(entry) or {}).get("base_url")
        yield f"reach models through `{_short(name)}`" + (
            f" at {_short(_bare(url))}" if isinstance(url, str) else ""
        )
    permission = as_object(settings.get("permission")) or {}
    if "mode" in permission:
        yield f"choose the mode {permission['mode']}"
    rules = permission.get("rules")
    for rule in cast("list[object]", rules) if isinstance(rules, list) else []:
        fields = as_object(rule) or {}
        yield f"allow {fields.get('operation')} `{_short(str(fields.get('pattern')))}`"
    others = settings.keys() - {"mcp_servers", "providers", "permission"}
    if others:
        yield f"set {', '.join(sorted(others))}"


def _short(text: str) -> str:
    text = text.replace("`", "'")
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


# Files ----------------------------------------------------------------------------------------------


def _names(value: object, env: Mapping[str, str]) -> Iterator[str]:
    """What in the texts of a value may be the path of a file, or stand for one."""
    for written in _texts(value):
        text = written if unset(written, env) else expand(written, env)
        if "\0" in text:
            continue
        for word in dict.fromkeys((text, *_BETWEEN.split(text))):
            if not word:
                continue
            yield from (word + ending for ending in _ENDINGS)
            if _MODULE.fullmatch(word):
                yield from (word.replace(".", "/") + ending for ending in _ENDINGS)
            yield from _RECIPES.get(os.path.basename(word), ())


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        items = cast("Iterable[object]", value.values() if isinstance(value, dict) else value)
        for item in items:
            yield from _texts(item)


def _of_project(path: str, top: Path, reader: _Reader) -> str | None:
    """What the file at `path` holds, if it is one and the project decides what that is."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        real = os.path.realpath(path)
    except (OSError, ValueError):
        return None
    if not any(each.startswith(f"{top}{os.sep}") for each in (path, real)):
        return None
    held = reader.digest(real)
    return held if real == path else f"{held} by a link to {real}"


class _Reader:
    """Reads files until it has read enough."""

    def __init__(self) -> None:
        self._left = MOST_BYTES
        self.exhausted = False

    def digest(self, path: str) -> str:
        found = hashlib.sha256()
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(fd, "rb") as file:
                while data := file.read(min(1 << 20, self._left + 1)):
                    self._left -= len(data)
                    if self._left < 0:
                        self.exhausted = True
                        return "too large"
                    found.update(data)
        except OSError:
            return "cannot be read"
        return found.hexdigest()
