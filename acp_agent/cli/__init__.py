"""The command line. Without arguments and with a pipe on standard input it is an ACP agent."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    import argparse

    from acp_agent.config.load import Overrides

COMMANDS = {
    "serve": "serve editors, on standard input and output or over the network",
    "connect": "be the agent that runs elsewhere, for an editor on this machine",
    "ps": "list the servers that run, and their sessions",
    "attach": "watch a session of a server, and talk to it",
    "stop": "end a session of a server, or a server",
    "run": "run one prompt and print the answer",
    "chat": "talk to the agent in this terminal, as an editor would",
    "demo": "see it work: no model, no key, no network",
    "models": "list the models that can be used, with their limits and prices",
    "sessions": "list and show past sessions",
    "usage": "print what was spent on models",
    "why": "say what would happen to a tool call, and who decides it",
    "auth": "log in to model services, and choose between accounts",
    "doctor": "check what the agent needs and say what to do",
    "editors": "print what to write into an editor's configuration",
    "permission": "show the rules that hold, and what is granted for a project",
    "config": "show, check and describe the settings",
    "trust": "look at what a project's settings ask for, and trust it or not",
}
"""Each is a module of this package with `add_arguments(parser)` and `run(args) -> exit status`."""


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    arguments = _without_serve(sys.argv[1:] if argv is None else argv)
    if not arguments:
        return _without_command(None)
    try:
        if arguments[0] == "connect":
            from acp_agent.cli.connect import connect, wanted

            if plain := wanted(arguments[1:]):
                return connect(plain)
        return _with_arguments(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


def _without_serve(arguments: list[str]) -> list[str]:
    """Editors that start `acp-agent serve` add what logs in to it: `acp-agent serve auth login`."""
    login = ["auth", "login"]
    at = arguments.index("serve") if "serve" in arguments else len(arguments)
    return [*arguments[:at], *login] if arguments[at + 1 :][-2:] == login else arguments


def _with_arguments(arguments: list[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what a terminal cannot show is better escaped than fatal
            stream.reconfigure(errors="backslashreplace")
    try:
        args = _parser(arguments).parse_args(arguments)
        if any(argument.startswith("--api-key") for argument in arguments) and not _takes_key(args):
            return 2
        if args.command is None:
            return _without_command(args)
        return _command(args.command).run(args)
    finally:
        if sys.stdout:
            sys.stdout.flush()


def _takes_key(args: argparse.Namespace) -> bool:
    from acp_agent.cli.given_key import take
    from acp_agent.errors import AgentError

    try:
        take(args)
    except AgentError as error:
        print(f"acp-agent: {error}", file=sys.stderr)
        return False
    return True


def _without_command(args: argparse.Namespace | None) -> int:
    if _is_terminal(0):
        from acp_agent.cli.welcome import show

        return show()
    from acp_agent.cli.serve import serve

    return serve(args)


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False


class Command(Protocol):
    """A module of this package."""

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None: ...

    def run(self, args: argparse.Namespace, /) -> int: ...


def _command(name: str) -> Command:
    import importlib

    return cast(Command, importlib.import_module(f"acp_agent.cli.{name}"))


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    from acp_agent import __version__
    from acp_agent.cli.arguments import Parser

    parser = Parser(
        prog="acp-agent",
        description="A coding agent for editors that speak the Agent Client Protocol. Without a command it "
        "is that agent, on standard input and output: this is what an editor's configuration names.",
        epilog="`acp-agent COMMAND --help` tells more; `acp-agent demo` shows it at work.",
    )
    parser.add_argument("--version", action="version", version=f"acp-agent {__version__}")
    add_overrides(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name in arguments:  # only the one that is meant is worth importing
            _command(name).add_arguments(command)
    return parser


def add_overrides(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """The flags that beat settings and environment, for the commands that start an agent.

    Commands of their own take SUPPRESS as `default`: what stands before them must not be lost.
    """
    from acp_agent.cli.given_key import add_arguments as add_key

    for name, value, what in (
        ("--provider", "NAME", "the provider to use, as in the settings"),
        ("--model", "MODEL", "the model to use at that provider"),
        ("--mode", "MODE", "standard, restrictive, accept, yolo or plan"),
    ):
        parser.add_argument(name, default=default, metavar=value, help=what)
    add_key(parser)


def overrides_of(args: argparse.Namespace | None) -> Overrides:
    """What those flags say."""
    from acp_agent.config.load import Overrides

    return Overrides(args.provider, args.model, args.mode) if args else Overrides()
