"""Lists of commands to allow and to deny, as another agent has them in its environment, as rules.

A command that matches nothing in a list of allowed ones is denied; what is denied, and what cannot be
read word for word (several lines, redirections to files, backticks), no other rule allows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.permission.claims import Claim
from acp_agent.permission.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TOOL = "bash"
_WITH = "command with "


class Lists(NamedTuple):
    """The lists, and where they come from."""

    allow: tuple[str, ...]
    """Without any, every command that is not denied is decided on as without lists."""
    deny: tuple[str, ...]
    redirects: bool
    """Allow redirections to and from files."""
    source: str


def imposed(lists: Lists) -> tuple[Rule, ...]:
    """The lists as rules, to be imposed: see Situation."""
    return tuple(rule._replace(source=lists.source) for rule in _rules(lists))


def _rules(lists: Lists) -> Iterator[Rule]:
    if lists.allow:
        yield Rule("execute", "?*", "deny")
        yield Rule("read", "/**", "allow", tool=_TOOL)
        yield Rule("edit", "**", "allow", tool=_TOOL)
    for pattern in lists.allow:
        # Read widely and then narrowly: what only the wide reading reaches, such as options by
        # which a program runs another one, asks.
        yield Rule("execute", pattern, "ask")
        yield Rule("execute", pattern, "allow")
    for pattern in lists.deny:
        yield Rule("execute", pattern, "deny")
    yield Rule("meta", f"{_WITH}*", "deny")


def beyond(command: str, claims: Iterable[Claim], *, redirects: bool) -> tuple[Claim, ...]:
    """Claims on what a command line has that the lists are not about. They are denied by `imposed`."""
    found = dict.fromkeys(_odd(command.strip()))
    if any(claim.reason == "redirect target" for claim in claims):
        found["a redirection"] = None
    return tuple(
        Claim("meta", _WITH + what, None, True, "not allowed where commands are listed")
        for what in found
        if not (redirects and what == "a redirection")
    )


_LINE_ENDS = "\n\r\u2028\u2029\u0085"
_NO_FILE = re.compile(r"[<>]&(?:\d+-?|-)(?!\w)|(?:>>?\|?|<)[ \t]*/dev/(?:null|stdout|stderr)(?![^\s;&|)])")
"""Redirections that open no file."""


def _odd(text: str) -> Iterator[str]:
    """What is not read word for word, as far as the quotes alone tell. In doubt it says more."""
    quote, index = "", 0
    while index < len(text):
        char = text[index]
        if char == "\\" and quote != "'":
            index += 2
            continue
        if char == "`" and quote != "'":
            yield "backticks"
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _LINE_ENDS:
            yield "several lines"
        elif char in "<>":
            if no_file := _NO_FILE.match(text, index):
                index = no_file.end()
                continue
            yield "a redirection"
        index += 1
    if quote or text.count("${") > text.count("}") or text.count("$(") > text.count(")"):
        yield "no end"
