"""The editors, as editors.json has them: which are here, where their file goes, and what to write into it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from acp_agent.cli.editor_setup.launch import Launch

FOLDER = Path(__file__).parent
_PLACEHOLDER = re.compile(r"@(command|args|argv|line|host|remote)@")


class Editor(NamedTuple):
    """One editor, or one plugin of an editor."""

    name: str
    title: str
    language: str
    template: str
    file: str
    """Name of the file in editor-configs."""
    place: Mapping[str, str]
    """Where the user's file is, by `sys.platform`; a platform that is missing has none."""
    programs: Sequence[str]
    signs: Sequence[str]
    """Paths that exist where the editor is installed."""
    steps: Sequence[str]
    logs: str
    quirks: Sequence[str]
    remote: Sequence[str]
    also: Mapping[str, str] = MappingProxyType({})
    """More files of its folder, and their templates."""
    ssh_template: str = ""
    """Where the variant over ssh is more than another command."""
    no_connect: str = ""
    """Why there is no variant through `acp-agent connect`; empty where there is one."""
    no_ssh: str = ""
    """Why there is no variant over ssh; empty where there is one."""


def editors() -> dict[str, Editor]:
    """Every editor by name."""
    entries = json.loads((FOLDER / "editors.json").read_text(encoding="utf-8"))
    return {name: Editor(name, **entry) for name, entry in entries.items()}


def matching(known: Mapping[str, Editor], text: str) -> list[Editor]:
    """The editor of that name, or else all with a word in their name that begins with `text`."""
    if text in known:
        return [known[text]]
    return [editor for name, editor in known.items() if f"-{text.lower()}" in f"-{name}"]


def found(editor: Editor, env: Mapping[str, str]) -> bool:
    """Whether it seems to be installed here."""
    path = env.get("PATH")
    return any(shutil.which(program, path=path) for program in editor.programs) or any(
        os.path.exists(_expanded(sign, env)) for sign in editor.signs
    )


def place(editor: Editor, env: Mapping[str, str], platform: str = sys.platform) -> str:
    """The path of the user's file on this machine; empty where the editor has none."""
    return _expanded(editor.place.get(platform, ""), env)


def render(editor: Editor, launch: Launch) -> str:
    """The configuration that starts the agent with `launch`."""
    over_ssh = bool(launch.host and editor.ssh_template)
    return fill(editor.ssh_template if over_ssh else editor.template, editor.language, launch)


def fill(template: str, language: str, launch: Launch) -> str:
    """The text of a template, its placeholders written as values of `language`."""
    text, items = _LANGUAGES[language]
    values = {
        "command": text(launch.argv[0]),
        "args": items(launch.argv[1:]),
        "argv": items(launch.argv),
        "line": text(shlex.join(launch.argv)),
        "host": text(launch.host),
        "remote": text(launch.remote),
    }
    source = (FOLDER / "templates" / template).read_text(encoding="utf-8")
    return _PLACEHOLDER.sub(lambda match: values[match[1]], source)


def _expanded(path: str, env: Mapping[str, str]) -> str:
    if path.startswith("~/.config/") and os.path.isabs(env.get("XDG_CONFIG_HOME", "")):
        return os.path.join(env["XDG_CONFIG_HOME"], path.removeprefix("~/.config/"))
    if path.startswith("~"):
        home = env.get("HOME") or os.path.expanduser("~")
        return home + path[1:]
    return re.sub(r"%(\w+)%", lambda match: env.get(match[1], match[0]), path)


def _quoted(text: str) -> str:
    """A string of JSON, which is one of Lua, Emacs Lisp and TOML too."""
    return json.dumps(text, ensure_ascii=False)


def _json_list(items: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, items))}]"


def _lua_list(items: Sequence[str]) -> str:
    return f"{{ {', '.join(map(_quoted, items))} }}" if items else "{}"


def _elisp_list(items: Sequence[str]) -> str:
    return f"'({' '.join(map(_quoted, items))})" if items else "nil"


_LANGUAGES: dict[str, tuple[Callable[[str], str], Callable[[Sequence[str]], str]]] = {
    "json": (_quoted, _json_list),
    "toml": (_quoted, _json_list),
    "lua": (_quoted, _lua_list),
    "elisp": (_quoted, _elisp_list),
    "sh": (shlex.quote, shlex.join),
}
"""How a language writes a string and a list of strings."""
