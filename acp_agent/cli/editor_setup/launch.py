"""The command lines that start acp-agent: as it runs here, through a bridge, or over ssh."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from typing import NamedTuple

NAME = "acp-agent"
SSH = ("ssh", "-T", "-o", "BatchMode=yes")
"""No terminal, and no questions: where an editor reads and writes, nobody can answer them."""

OWN_FILES = ("serve", "--own-files")
"""The editor's files and terminals are those of another machine."""


class Launch(NamedTuple):
    """`argv` is what an editor runs. `host` and `remote` are set where that happens over ssh."""

    argv: tuple[str, ...]
    host: str = ""
    remote: str = ""
    """What the shell of `host` knows the agent by."""


def here(command: str | None = None) -> Launch:
    """The agent on this machine: `command`, or the one that is running."""
    return Launch(tuple(shlex.split(command)) if command else own_argv())


def through_bridge(agent: Launch, address: str, token_file: str | None = None) -> Launch:
    """An agent that serves at `address`: HOST:PORT, unix:PATH or ws(s)://…"""
    token = ("--token-file", token_file) if token_file else ()
    return Launch((*agent.argv, "connect", *token, address))


def over_ssh(host: str, command: str | None = None, ssh: str = SSH[0]) -> Launch:
    """The agent of `host`, where `command` (default: acp-agent) is given to the login shell as it is."""
    remote = command or NAME
    return Launch((ssh, *SSH[1:], host, remote, *OWN_FILES), host, remote)


def own_argv() -> tuple[str, ...]:
    """What starts this program again later, from anywhere: absolute, as editors lack a shell's PATH."""
    from acp_agent import __version__

    if uvx := uvx_behind(sys.prefix, os.environ.get("UV", "")):
        return (uvx, f"{NAME}=={__version__}")
    return (command_path(),)


def command_path() -> str:
    """The absolute path of the installed command."""
    called = sys.argv[0]
    if os.path.basename(called).startswith(NAME) and os.path.isfile(called):
        return os.path.abspath(called)
    beside = os.path.join(os.path.dirname(sys.executable), NAME)
    return beside if os.path.isfile(beside) else shutil.which(NAME) or beside


def uvx_behind(prefix: str, uv: str) -> str:
    """The path of uvx when `prefix` is in the cache of `uv`, from where it may vanish at any time."""
    if not uv:
        return ""
    above = prefix
    while (parent := os.path.dirname(above)) != above:
        above = parent
        if os.path.isfile(os.path.join(above, "CACHEDIR.TAG")):
            return shutil.which("uvx", path=os.path.dirname(uv)) or shutil.which("uvx") or ""
    return ""
