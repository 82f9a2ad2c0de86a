"""`acp-agent chat`: a plain line-mode ACP client that starts the agent as an editor would."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acp_agent.cli.client.permission import Policy
    from acp_agent.cli.client.talk import Plan, Surface
    from acp_agent.transport.child import Program

CANNOT_START = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cwd", default=".", metavar="DIR", help="the folder to work in (default: this one)")
    # SUPPRESS: these may also stand before the command, and must not be lost then.
    parser.add_argument("--mode", default=argparse.SUPPRESS, help="the mode to begin with")
    parser.add_argument(
        "--model", default=argparse.SUPPRESS, metavar="ALIAS/MODEL", help="the model to begin with"
    )
    parser.add_argument("--agent", metavar="COMMAND", help="talk to another ACP agent")
    parser.add_argument(
        "--permit",
        choices=("ask", "allow", "reject"),
        help="what to answer to permission requests (default: ask on a terminal, else reject)",
    )


def run(args: argparse.Namespace) -> int:
    import sys

    import anyio

    from acp_agent.errors import ConfigError

    try:
        program, plan = _plan(args)
    except ConfigError as error:
        print(f"acp-agent chat: {error}", file=sys.stderr)
        return CANNOT_START
    return anyio.run(_chat, program, plan)


def _plan(args: argparse.Namespace) -> tuple[Program, Plan]:
    from pathlib import Path

    from acp_agent.cli.client.talk import Plan
    from acp_agent.errors import ConfigError
    from acp_agent.transport.child import Program

    cwd = Path(args.cwd).resolve()
    if not cwd.is_dir():
        raise ConfigError(f"--cwd {args.cwd} is not a folder. Name one that exists.")
    mode, model, provider = args.mode, args.model, args.provider
    if args.agent is not None:
        command = _split(args.agent)
        if provider:
            raise ConfigError("--provider is for our own agent. Leave it out with --agent.")
        if any(hasattr(args, name) for name in ("api_key", "api_key_file", "api_key_stdin")):
            raise ConfigError("A key is for our own agent. Leave it out with --agent.")
    elif provider:
        command = [*own_agent(), "--provider", provider, *(["--model", model] if model else [])]
        model = None
    else:
        command = own_agent()
    plan = Plan(cwd, policy(args.permit), mode, model)
    if args.agent is not None:
        plan.advice = "Try the command of --agent by itself."
    return Program(command, cwd), plan


def _split(command: str) -> list[str]:
    import shlex

    from acp_agent.errors import ConfigError

    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(f"--agent {command!r} is not a command: {error}.") from None
    if not words:
        raise ConfigError("--agent is empty. Write the command that starts the agent.")
    return words


def own_agent() -> list[str]:
    """The command that starts this agent; -P, so that no file of the project is taken for a module."""
    import sys

    return [sys.executable, "-P", "-m", "acp_agent"]


def policy(given: Policy | None) -> Policy:
    """What to answer to permission requests."""
    import os

    return given or ("ask" if os.isatty(0) else "reject")


async def _chat(program: Program, plan: Plan) -> int:
    from acp_agent.cli.client.talk import Talk, talk

    return await talk(program, plan, surface(), Talk.converse)


def surface() -> Surface:
    """This terminal, or whatever standard input and output are."""
    import os
    import sys

    from acp_agent.cli.client.lines import Lines
    from acp_agent.cli.client.screen import make_screen
    from acp_agent.cli.client.talk import Surface

    return Surface(make_screen(sys.stdout), Lines(0, terminal=os.isatty(0)))
