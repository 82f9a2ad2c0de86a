"""Every command of ours, as data; the code of one is imported when it is used."""

from __future__ import annotations

import re
from typing import NamedTuple

NAME = re.compile(r"[A-Za-z][\w-]*", re.ASCII)
"""What a command, or an alias, may be called."""


class Entry(NamedTuple):
    name: str
    about: str
    """One line, for a list."""
    code: str
    """`module:function` in this folder."""
    hint: str | None = None
    """What may follow the name."""
    more: str = ""
    """What `/help NAME` adds."""
    kept: bool = True
    """Whether it is written into the session's journal."""
    prepared: bool = False
    """Whether what follows is made ready for the model, as a prompt is."""


COMMANDS: tuple[Entry, ...] = (
    Entry("help", "List the commands, or say more about one", "help:help_", "[COMMAND]"),
    Entry("mode", "Show the modes, or choose one", "options:mode", "[MODE]"),
    Entry(
        "model",
        "Show the models, or choose one",
        "options:model",
        "[MODEL]",
        "A part of its name is enough when no other model has it. Counts from the next request on.",
    ),
    Entry(
        "effort",
        "Show how long the model can be told to think, or choose",
        "options:effort",
        "[LEVEL]",
        "off, minimal, low, medium, high, xhigh or max, as far as the model has them; a number of tokens "
        "stands for the level that comes closest.",
    ),
    Entry(
        "why",
        "Why something was, or would be, allowed, asked or denied",
        "permissions:why",
        "[NUMBER | TOOL INPUT]",
        "Lists the latest decisions; with a number, who said what about that one and how to change it. With "
        "a tool and its input (`/why bash rm -rf build`, `/why read .env`, or JSON), what would happen to "
        "that call now; nothing is run.",
    ),
    Entry(
        "allow",
        'What "always" answers have stored: show, remove or add',
        "permissions:allow",
        '[remove N|all] [execute "git push *"]',
        "An operation (read, edit, execute, network, mcp, memory, skill, agent) and a pattern add a grant "
        "for this session, written as in the rules of the settings. What is never allowed, denied by the "
        "settings, guarded or secret stays so.",
    ),
    Entry(
        "trust",
        "What the project's settings ask for, and whether you trust it",
        "trust:trust",
        "[yes|no]",
        "Programs to run, models to reach and rules that allow are ignored until you say `/trust yes` to "
        "what `/trust` shows. A later change has to be trusted anew. It counts for sessions begun or loaded "
        "afterwards.",
    ),
    Entry(
        "compact",
        "Sum up the conversation to make room",
        "conversation:compact",
        "[what to keep above all]",
        "The model writes a summary and goes on from it and your last words. The whole conversation stays "
        "in the session. If it fails nothing changes.",
    ),
    Entry(
        "clear",
        "Begin the conversation anew in this session",
        "conversation:clear",
        None,
        "The model forgets everything; files stay as they are, and the journal keeps what was said.",
    ),
    Entry(
        "usage",
        "Tokens and cost of this session by model, and the budget",
        "usage:usage",
        None,
        "What is not known is said to be unknown. The share of the input that came from the services' caches "
        "is there too.",
    ),
    Entry("context", "What fills the model's window, in tokens", "usage:context"),
    Entry(
        "undo",
        "Take back the last turn, with what it did to files",
        "undo:undo",
        "[number of turns]",
        "What you have changed since stays: where it touches what the turn did, the file is left alone. "
        "`/redo` takes it back.",
    ),
    Entry(
        "rewind",
        "Go back to before a turn; without one, list them",
        "undo:rewind",
        "[TURN] [files|conversation|both]",
        "A turn is a number of the list. `files` puts only files back, `conversation` takes back only what "
        "was said; otherwise both. `/redo` takes it back.",
    ),
    Entry(
        "redo",
        "Take back the last /undo, /rewind or /clear",
        "undo:redo",
        None,
        "As long as nothing else was asked since.",
    ),
    Entry(
        "retry",
        "Run the last prompt again",
        "conversation:retry",
        None,
        "The conversation goes back to before that prompt; files are not touched (see /undo).",
    ),
    Entry(
        "resume",
        "Go on with a turn that was stopped, cut off or failed",
        "conversation:resume",
        None,
        "The model is asked to go on where it was, with what it has done until then. After a usage limit, "
        "an error or a restart; with another model, if you choose one first.",
    ),
    Entry(
        "btw",
        "Ask something beside the conversation",
        "conversation:btw",
        "QUESTION",
        "The model answers with the conversation in mind and without tools. Neither question nor answer "
        "becomes a part of it.",
        kept=False,
        prepared=True,
    ),
    Entry(
        "export",
        "Write the conversation to a Markdown file",
        "export:export",
        "[--json] [PATH]",
        "Without a path the file is made in the session's folder. --json copies the journal instead.",
    ),
    Entry(
        "mcp",
        "The MCP servers and their state",
        "state:mcp",
        "[retry NAME]",
        "With retry a server that has failed is tried again; without a name all of them are.",
    ),
    Entry("doctor", "Check what the agent needs", "state:doctor"),
)
NAMES = tuple(entry.name for entry in COMMANDS)
