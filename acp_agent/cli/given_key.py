"""The key that the command line gives: `--api-key-file`, `--api-key-stdin`, `--api-key`.

It goes into the environment of this process, where the settings look for it (config.load), and so to the
agent that `chat` starts. Commands of the agent are given nothing of it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from acp_agent.models.keys import KEY_VARIABLE

if TYPE_CHECKING:
    import argparse

LONGEST = 64 << 10
"""Bytes."""
SHOWS = (
    "acp-agent: the key of --api-key shows in the list of processes, to everybody on this machine. "
    "Use --api-key-file or --api-key-stdin (docs/accounts.md)."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    import argparse

    # SUPPRESS: these may stand before a command or behind it, and must not be lost then.
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--api-key-file", default=argparse.SUPPRESS, metavar="FILE", help="the provider's key, this time"
    )
    group.add_argument(
        "--api-key-stdin",
        action="store_true",
        default=argparse.SUPPRESS,
        help="the same from the first line of standard input",
    )
    group.add_argument(
        "--api-key", default=argparse.SUPPRESS, metavar="KEY", help="the same; others can see it there"
    )


def take(args: argparse.Namespace) -> None:
    """Raises AgentError when a key is given that cannot be used."""
    given: dict[str, object] = {name: getattr(args, name, None) for name in ("api_key_file", "api_key")}
    if file := given["api_key_file"]:
        key = _of_file(str(file))
    elif getattr(args, "api_key_stdin", False):
        key = _of_input(args)
    elif text := given["api_key"]:
        print(SHOWS, file=sys.stderr)
        key = str(text)
    else:
        return
    from acp_agent.models.keys import usable

    os.environ[KEY_VARIABLE] = usable(key, "the command line").value or ""


def _of_file(name: str) -> str:
    from acp_agent.models.keys import FILE, given

    path = name if name.startswith("~/") else os.path.abspath(name)
    return given(f"{FILE}{path}", "--api-key-file", os.environ, None).value or ""


def _of_input(args: argparse.Namespace) -> str:
    """The first line, and not a byte more: the rest may be a prompt, or what an editor says."""
    from acp_agent.errors import ConfigError

    serves = args.command in (None, "serve") and not any(
        getattr(args, door, None) for door in ("tcp", "unix", "websocket")
    )
    if serves:
        raise ConfigError("--api-key-stdin: standard input is the editor's here. Use --api-key-file.")
    if os.isatty(0):
        from getpass import getpass

        key = getpass("Key: ")
    else:
        line = bytearray()
        while len(line) <= LONGEST and (byte := os.read(0, 1)) not in (b"", b"\n"):
            line += byte
        key = line.decode("utf-8", "replace")
    if not key.strip():
        raise ConfigError("--api-key-stdin: the first line of standard input is empty.")
    return key
