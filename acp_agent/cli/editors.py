"""`acp-agent editors`: what to write into an editor's configuration, filled in for this machine.

Standard output gets the configuration and nothing else, so that it can be piped into a file;
where it goes and what comes next is said on standard error.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from acp_agent.cli.editor_setup.catalogue import Editor
    from acp_agent.cli.editor_setup.launch import Launch

USAGE_ERROR = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="an editor, or enough of its name")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--remote", metavar="ADDRESS", help="for an agent that serves at HOST:PORT, unix:PATH or ws(s)://…"
    )
    where.add_argument("--ssh", metavar="HOST", help="for the agent that is installed on HOST")
    parser.add_argument("--token-file", metavar="FILE", help="the file with the token of --remote")
    parser.add_argument(
        "--command",
        dest="agent_command",
        metavar="COMMAND",
        help="what starts the agent, if not this program (with --ssh: on HOST, default acp-agent)",
    )


def run(args: argparse.Namespace) -> int:
    from acp_agent.cli.editor_setup.catalogue import editors, matching

    known = editors()
    if args.name is None:
        if args.remote or args.ssh or args.token_file or args.agent_command:
            return _refuse("Say for which editor; `acp-agent editors` lists them.")
        _list(known)
        return 0
    meant = matching(known, args.name)
    if len(meant) != 1:
        names = ", ".join(editor.name for editor in meant or known.values())
        return _refuse(f"{args.name!r} is {'more than one' if meant else 'no'} editor; there are: {names}.")
    if problem := _problem(args, meant[0]):
        return _refuse(problem)
    _show(meant[0], _launch(args))
    return 0


def _problem(args: argparse.Namespace, editor: Editor) -> str:
    """What is wrong with the options together; empty when nothing is."""
    if args.token_file and not args.remote:
        return "--token-file belongs to --remote."
    if args.remote and editor.no_connect:
        return editor.no_connect
    for option, value in (("--remote", args.remote), ("--ssh", args.ssh)):
        if value is not None and (not value.strip() or value.startswith("-")):
            return f"{option} needs the address of a machine, not {value!r}."
    return editor.no_ssh if args.ssh else ""


def _launch(args: argparse.Namespace) -> Launch:
    from acp_agent.cli.editor_setup.launch import SSH, here, over_ssh, through_bridge

    if args.ssh:
        return over_ssh(args.ssh, args.agent_command, shutil.which(SSH[0]) or SSH[0])
    agent = here(args.agent_command)
    if not args.remote:
        return agent
    # An editor starts the bridge in a folder of its own choice.
    token_file = os.path.abspath(os.path.expanduser(args.token_file)) if args.token_file else None
    kind, _, path = args.remote.partition(":")
    address = f"unix:{os.path.abspath(os.path.expanduser(path))}" if kind == "unix" else args.remote
    return through_bridge(agent, address, token_file)


def _show(editor: Editor, launch: Launch) -> None:
    from acp_agent.cli.editor_setup.catalogue import place, render

    where = place(editor, os.environ)
    _say(f"{editor.title}: {where}" if where else editor.title)
    _say()
    print(render(editor, launch), end="", flush=True)
    _say()
    for number, step in enumerate(editor.steps, 1):
        _say(f"{number}. {step}")
    _say(f"Logs: {editor.logs}")


def _list(known: Mapping[str, Editor]) -> None:
    from acp_agent.cli.editor_setup.catalogue import found

    here = [editor for editor in known.values() if found(editor, os.environ)]
    others = [editor for editor in known.values() if editor not in here]
    width = max(map(len, known)) + 2
    for heading, group in (("Found on this machine:", here), ("Others:", others)):
        if group:
            print(heading)
            for editor in group:
                print(f"  {editor.name:<{width}}{editor.title}")
    print("`acp-agent editors NAME` prints what to write, and says where.")


def _say(text: str = "") -> None:
    print(text, file=sys.stderr, flush=True)


def _refuse(text: str) -> int:
    _say(f"acp-agent editors: {text}")
    return USAGE_ERROR
