"""`acp-agent demo`: a whole turn in a scratch project, with a scripted model: no key, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from acp_agent.cli.client.screen import Screen
    from acp_agent.cli.client.talk import Talk
    from acp_agent.cli.demo_stage import Stage

PROMPT = "The test fails. Find out why, fix the code, and show me that it passes."
NEXT_STEPS = """\
The model was a script; everything else was the real agent, over the real protocol.
  acp-agent doctor   says what it needs to work with a real model
  acp-agent          says how to set up your editor"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", action="store_true", help="leave the project's folder there")


def run(args: argparse.Namespace) -> int:
    import os
    import sys
    import tempfile
    from functools import partial
    from pathlib import Path

    import anyio

    from acp_agent.cli.client.screen import make_screen
    from acp_agent.cli.demo_stage import fault, remove, set_stage

    terminal = os.isatty(0) and os.isatty(1)
    screen = make_screen(sys.stdout)
    root = Path(tempfile.mkdtemp(prefix="acp-agent-demo-")).resolve()
    try:
        stage = set_stage(root, pauses=terminal)
        status, tested = anyio.run(partial(_play, stage, screen, terminal=terminal))
        wrong = fault(stage, tested=tested) if status == 0 else "The demo did not get to its end."
    finally:
        if not args.keep:
            remove(root)
    if args.keep:
        screen.line(f"The project is in {stage.project}.", "dim")
    if wrong:
        screen.line(wrong, "red")
        return status or 1
    screen.line(f"{screen.marks.done} The code was changed, and its test passes.", "green")
    screen.line()
    screen.line(NEXT_STEPS)
    return 0


async def _play(stage: Stage, screen: Screen, *, terminal: bool) -> tuple[int, bool]:
    """The turn: its exit status, and whether the agent ran the test to a good end."""
    from acp_agent.cli.chat import own_agent
    from acp_agent.cli.client.lines import Lines
    from acp_agent.cli.client.talk import Plan, Surface, talk
    from acp_agent.transport.child import Program

    program = Program(own_agent(), stage.project, stage.environment())
    plan = Plan(
        stage.project,
        permit="ask" if terminal else "allow",
        why="" if terminal else "there is no terminal to ask on, so the demo answers itself",
    )
    tested = False

    async def show(conversation: Talk) -> None:
        nonlocal tested
        screen.line()
        screen.write("> ", "bold")
        screen.write(f"{PROMPT}\n")
        await conversation.turn(PROMPT)
        done = conversation.view.done
        tested = any(call.kind == "execute" and call.status == "completed" for call in done)

    status = await talk(program, plan, Surface(screen, Lines(0, terminal=terminal)), show)
    screen.line()
    return status, tested
