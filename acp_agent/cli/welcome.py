"""What a person sees who types `acp-agent` and nothing else: what it is, and how to use it."""

from __future__ import annotations

import os
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from acp_agent.cli.editor_setup.launch import Launch

DEFAULT_EDITOR = "zed"
_WIDTH = 78

SCREEN = """\
acp-agent {version}: a coding agent for editors that speak the Agent Client Protocol.
An editor starts this command and talks to it; on a terminal there are:

  acp-agent demo      see it work: no model, no key, no network
  acp-agent doctor    check what it needs, and what to do about it
  acp-agent chat      talk to it here, as an editor would
  acp-agent editors   print what to write into an editor's configuration
  acp-agent --help    all commands

Set up your editor: `acp-agent editors NAME`, where NAME is one of
{names}

For {title}, in {place}:

{configuration}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None; the screen belongs to the command without arguments."""


def run(_: argparse.Namespace) -> int:
    return show()


def show() -> int:
    """Prints the screen; returns the exit status."""
    from acp_agent.cli.editor_setup.launch import here

    print(screen(here(), os.environ), end="")
    return 0


def screen(launch: Launch, env: Mapping[str, str]) -> str:
    """The screen, with the configuration of the first editor that is found here."""
    from acp_agent import __version__
    from acp_agent.cli.editor_setup.catalogue import editors, found, place, render

    known = editors()
    editor = next((each for each in known.values() if found(each, env)), known[DEFAULT_EDITOR])
    names = wrap(", ".join(known), _WIDTH, break_on_hyphens=False)
    return SCREEN.format(
        version=__version__,
        names="\n".join(f"  {line}" for line in names),
        title=editor.title,
        place=place(editor, env) or editor.file,
        configuration=render(editor, launch),
    )
