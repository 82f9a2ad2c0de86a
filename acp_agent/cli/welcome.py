"""What a person sees who types `acp-agent` and nothing else: what it is, and how to use it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

SCREEN = """\
acp-agent {version}: a coding agent for editors that speak the Agent Client Protocol.
An editor starts this command and talks to it; on a terminal there are:

  acp-agent demo      see it work: no model, no key, no network
  acp-agent doctor    check what it needs, and what to do about it
  acp-agent chat      talk to it here, as an editor would
  acp-agent --help    all commands

Set up your editor

Zed, in settings.json
  "agent_servers": {{ "acp-agent": {{ "type": "custom",
    "command": {command} }} }}

JetBrains, in ~/.jetbrains/acp.json
  {{ "agent_servers": {{ "acp-agent": {{
    "command": {command} }} }} }}

Neovim with CodeCompanion, then :CodeCompanionChat adapter=acp_agent
  require("codecompanion").setup({{ adapters = {{ acp = {{ acp_agent = function()
    return require("codecompanion.adapters").extend("kimi_cli", {{
      name = "acp_agent", formatted_name = "acp-agent",
      commands = {{ default = {{ {command} }} }} }}) end }} }} }})

Emacs with agent-shell, then M-x agent-shell
  (with-eval-after-load 'agent-shell
    (add-to-list 'agent-shell-agent-configs (agent-shell-make-agent-config
      :identifier 'acp-agent :mode-line-name "acp-agent" :buffer-name "acp-agent"
      :shell-prompt "acp-agent> " :shell-prompt-regexp "acp-agent> "
      :client-maker (lambda (buffer)
        (agent-shell--make-acp-client :context-buffer buffer
          :command {command})))))
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None; the screen belongs to the command without arguments."""


def run(_: argparse.Namespace) -> int:
    return show()


def show() -> int:
    """Prints the screen; returns the exit status."""
    print(screen(command_path()), end="")
    return 0


def screen(command: str) -> str:
    """The screen, with the command that editors should start."""
    from acp_agent import __version__

    # A JSON string is also one in Lua and Emacs Lisp.
    return SCREEN.format(version=__version__, command=json.dumps(command, ensure_ascii=False))


def command_path() -> str:
    """The absolute path of the installed command; editors do not have the PATH of a shell."""
    import os
    import shutil
    import sys

    name = "acp-agent"
    called = sys.argv[0]
    if os.path.basename(called).startswith(name) and os.path.isfile(called):
        return os.path.abspath(called)
    beside = os.path.join(os.path.dirname(sys.executable), name)
    return beside if os.path.isfile(beside) else shutil.which(name) or beside
