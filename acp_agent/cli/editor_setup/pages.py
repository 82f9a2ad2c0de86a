"""The folder editor-configs: for each editor its files and a page. `make editors` writes it.

Its files name the agent as `acp-agent`, to be found on the search path; the ones that
`acp-agent editors` prints name the path it has on the machine.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from acp_agent.cli.editor_setup.catalogue import editors, fill, render
from acp_agent.cli.editor_setup.launch import here, over_ssh, through_bridge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from acp_agent.cli.editor_setup.catalogue import Editor

AGENT = "acp-agent"
ADDRESS = "devbox:7777"
HOST = "devbox"
SYSTEMS = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}


def folder() -> dict[str, str]:
    """Every file of the folder by its path in it."""
    return {f"{editor.name}/{name}": text for editor in editors().values() for name, text in _files(editor)}


def _files(editor: Editor) -> Iterator[tuple[str, str]]:
    agent = here(AGENT)
    yield editor.file, render(editor, agent)
    if not editor.no_connect:
        yield variant(editor.file, "connect"), render(editor, through_bridge(agent, ADDRESS))
    if not editor.no_ssh:
        yield variant(editor.file, "ssh"), render(editor, over_ssh(HOST))
    for name, template in editor.also.items():
        yield name, fill(template, "toml", agent)
    yield "README.md", page(editor)


def variant(file: str, way: str) -> str:
    """`settings.json` → `settings.connect.json`."""
    stem, suffix = os.path.splitext(file)
    return f"{stem}.{way}{suffix}"


def page(editor: Editor) -> str:
    """What a person needs to know to use acp-agent in this editor."""
    lines = [
        f"# {editor.title}",
        "",
        (
            f"`acp-agent editors {editor.name}` prints [{editor.file}]({editor.file}) with the path that "
            "acp-agent has on your machine. It goes into:"
        ),
        "",
        *_places(editor.place),
        "",
        "## Three steps",
        "",
        *(f"{number}. {step}" for number, step in enumerate(editor.steps, 1)),
        "",
        "## When something does not work",
        "",
        f"- What the editor saw: {editor.logs}",
        "- What the agent saw: `~/.local/state/acp-agent/agent.log`; `ACP_AGENT_LOG=debug` says more.",
        "- `acp-agent doctor` checks the rest; `acp-agent chat` is the same conversation without the editor.",
        "",
        "## Good to know",
        "",
        *(f"- {quirk}" for quirk in editor.quirks),
        "",
        "## The agent on another machine",
        "",
        *_remote(editor),
    ]
    return "\n".join(lines) + "\n"


def _places(places: Mapping[str, str]) -> Iterator[str]:
    if len(set(places.values())) == 1 and len(places) == len(SYSTEMS):
        yield f"- `{places['linux']}`"
        return
    for platform, name in SYSTEMS.items():
        if platform in places:
            yield f"- {name}: `{places[platform]}`"


def _remote(editor: Editor) -> Iterator[str]:
    connect, ssh = (variant(editor.file, way) for way in ("connect", "ssh"))
    if editor.no_connect:
        yield f"- {editor.no_connect}"
    else:
        yield (
            f"- [{connect}]({connect}) reaches an agent that serves (`acp-agent serve --tcp`): "
            f"`acp-agent editors {editor.name} --remote HOST:PORT`, with `--token-file FILE` where it asks "
            "for a token."
        )
    if editor.no_ssh:
        yield f"- {editor.no_ssh}"
    else:
        yield (
            f"- [{ssh}]({ssh}) starts the agent that is installed there: "
            f"`acp-agent editors {editor.name} --ssh HOST`. ssh must not have to ask for anything. If HOST "
            "does not find it, add `--command '~/.local/bin/acp-agent'`."
        )
    if not editor.no_connect:
        yield (
            "- The agent works on the files of its own machine: open the project here at the path that it "
            "has there."
        )
    yield from (f"- {line}" for line in editor.remote)


def main() -> None:
    """Writes the folder that the command line names."""
    root = Path(sys.argv[1])
    for path, text in folder().items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
        if text.startswith("#!"):
            file.chmod(0o755)


if __name__ == "__main__":
    main()
