"""`acp-agent doctor`: what this machine has of what the agent needs, and what to do about the rest."""

from __future__ import annotations

import os
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from acp_agent.health import Finding

_INDENT = " " * 16
_WIDTH = 90


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cwd", default=".", metavar="DIR", help="the project's folder (default: this one)")


def run(args: argparse.Namespace) -> int:
    """Prints every finding; 1 if one of them is a failure."""
    from acp_agent.assembly.adapters import keyring, sandboxes
    from acp_agent.assembly.credentials import stored
    from acp_agent.cli import overrides_of
    from acp_agent.cli.config import folder
    from acp_agent.config.load import load
    from acp_agent.health import CHECKS, Surroundings

    loaded = load(folder(args), os.environ, overrides_of(args))
    surroundings = Surroundings(os.environ, loaded, keyring, sandboxes(), stored(os.environ))
    failed = False
    for check in CHECKS:
        for finding in check(surroundings):
            print(_lines(finding), flush=True)
            failed = failed or finding.status == "fail"
    return 1 if failed else 0


def _lines(finding: Finding) -> str:
    line = f"{finding.status:<4}  {finding.name:<8}  {finding.detail}"
    return "\n".join([line, *(f"{_INDENT}{text}" for text in wrap(finding.advice, _WIDTH))])
