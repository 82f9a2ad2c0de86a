"""From the tokens of a shell command to its steps: lists, pipelines, groups and simple commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from acp_adapters.syntax.pieces import Unclear
from acp_adapters.syntax.words import NEWLINE, REDIRECTS
from acp_agent.permission.script import Command, Group, Redirect, Step, Word
from acp_agent.permission.wrappers import ASSIGNMENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp_adapters.syntax.words import Token
    from acp_agent.permission.script import Connector

MAX_NESTING = 20
"""Groups within groups."""
_JOINTS = frozenset(("&&", "||", "|", "|&"))
_ENDS = frozenset((";", "&", NEWLINE))
_RESERVED = frozenset(
    [
        "if",
        "then",
        "elif",
        "else",
        "fi",
        "for",
        "while",
        "until",
        "do",
        "done",
        "case",
        "esac",
        "select",
        "function",
        "coproc",
        "in",
        "!",
        "[[",
        "]]",
        "{",
        "}",
    ]
)


def steps(found: Sequence[Token]) -> tuple[Step, ...]:
    """Raises Unclear."""
    return _Reader(found).steps()


class _Reader:
    def __init__(self, found: Sequence[Token]) -> None:
        self._tokens = found
        self._index = 0
        self._depth = 0

    def steps(self) -> tuple[Step, ...]:
        return self._list("")

    # Lists ----------------------------------------------------------------------------

    def _list(self, closer: str) -> tuple[Step, ...]:
        """Up to the operator or word that closes it, which is taken too; at the top up to the end."""
        found: list[Step] = []
        connector: Connector = ""
        self._skip_newlines()
        while not self._closes(closer):
            and_or = self._and_or(connector)
            end = self._operator(_ENDS)
            found.extend(step._replace(background=end == "&") for step in and_or)
            connector = "&" if end == "&" else ";"
            self._skip_newlines()
            if not end:
                if not self._closes(closer):
                    raise Unclear(self._unexpected())
                break
        if closer:
            if not found:
                raise Unclear("nothing in a group")
            self._index += 1
        return tuple(found)

    def _closes(self, closer: str) -> bool:
        token = self._peek()
        if token is None:
            if closer:
                raise Unclear(f"no `{closer}`")
            return True
        return bool(closer) and token.raw == closer and not token.quoted

    def _and_or(self, connector: Connector) -> list[Step]:
        found = [self._step(connector)]
        while joint := self._operator(_JOINTS):
            self._skip_newlines()
            if self._peek() is None:
                raise Unclear(f"nothing after `{joint}`")
            found.append(self._step(cast("Connector", joint)))
        return found

    def _step(self, connector: Connector) -> Step:
        negated = self._is_word("!")
        if negated:
            if connector in ("|", "|&"):
                raise Unclear("`!`")
            self._index += 1
        return Step(connector, self._command(), negated=negated)

    # Commands -------------------------------------------------------------------------

    def _command(self) -> Command | Group:
        token = self._peek()
        if token is None:
            raise Unclear("nothing after `!`")
        if token.word is None and token.raw == "(":
            following = self._peek(1)
            if following and following.raw == "(" and following.at == token.at + 1:
                raise Unclear("an arithmetic command")
            return self._group(")")
        if self._is_word("{"):
            return self._group("}")
        if self._is_word("[["):
            return self._condition()
        return self._simple()

    def _group(self, closer: str) -> Group:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise Unclear("groups within groups, too deep")
        self._index += 1
        inner = self._list(closer)
        self._depth -= 1
        after = self._parts()
        if after.words or after.assignments:
            raise Unclear(f"a word after `{closer}`")
        return Group(inner, closer == ")", after.redirects, after.given)

    def _condition(self) -> Command:
        """`[[ … ]]`; what stands in it is judged where programs are."""
        words: list[Word] = []
        while True:
            token = self._peek()
            if token is None:
                raise Unclear("no `]]`")
            self._index += 1
            if token.word is None and token.raw not in ("&&", "||"):
                raise Unclear("a test in double brackets with an operator")
            words.append(token.word or Word(token.raw))
            if token.raw == "]]":
                break
        after = self._parts()
        if after.words or after.assignments:
            raise Unclear("a word after `]]`")
        return Command((*words, *after.words), after.redirects, (), after.given)

    def _simple(self) -> Command:
        first = self._index
        found = self._parts()
        if self._index == first:
            raise Unclear(self._unexpected())
        return found

    def _parts(self) -> Command:
        """Words, assignments in front of them, and redirects, as far as they go."""
        words: list[Word] = []
        assignments: list[Word] = []
        redirects: list[Redirect] = []
        given: str | None = None
        while (token := self._peek()) and (token.word or _redirects(token)):
            self._index += 1
            if token.word is None:
                target = self._target(token.raw)
                if token.raw in REDIRECTS:
                    redirects.append(Redirect(token.raw, cast("Word", target.word)))
                else:
                    given = _given(target)
            elif not words and ASSIGNMENT.match(token.raw):
                assignments.append(token.word)
            else:
                _check(token, first=not words)
                words.append(token.word)
        return Command(tuple(words), tuple(redirects), tuple(assignments), given)

    def _target(self, operator: str) -> Token:
        token = self._peek()
        if token is None or token.word is None:
            raise Unclear(f"nothing after `{operator}`")
        if token.raw.startswith("!"):
            raise Unclear(f"`{operator}!`")
        self._index += 1
        return token

    # Tokens ---------------------------------------------------------------------------

    def _peek(self, ahead: int = 0) -> Token | None:
        index = self._index + ahead
        return self._tokens[index] if index < len(self._tokens) else None

    def _operator(self, among: frozenset[str]) -> str:
        token = self._peek()
        if token is None or token.word is not None or token.descriptor or token.raw not in among:
            return ""
        self._index += 1
        return token.raw

    def _is_word(self, raw: str) -> bool:
        token = self._peek()
        return token is not None and token.word is not None and token.raw == raw

    def _skip_newlines(self) -> None:
        while self._operator(frozenset((NEWLINE,))):
            pass

    def _unexpected(self) -> str:
        token = self._peek()
        if token is None:
            return "nothing between two commands"
        if token.raw in ("(", ")"):
            return "a subshell or a function"
        if token.word is None:
            return "nothing between two commands"
        return f"`{token.raw}`"


def _redirects(token: Token) -> bool:
    return token.raw in REDIRECTS or token.raw in ("<<", "<<-", "<<<")


def _given(token: Token) -> str:
    word = token.word
    assert word is not None
    if token.heredoc:
        return token.body
    if word.pattern is not None or word.tilde or word.pieces:
        raise Unclear("a here-string in which something is replaced")
    return word.text + "\n"


def _check(token: Token, *, first: bool) -> None:
    assert token.word is not None
    if not token.quoted and (token.raw in _RESERVED if first else token.raw in ("{", "}")):
        raise Unclear("a group" if token.raw in ("{", "}") else f"`{token.raw}`")
    if first and token.word.pieces:
        name = next(piece.text for piece in token.word.pieces if piece.variable)
        raise Unclear(f"the variable {name}")
    if first and token.word.pattern is not None:
        raise Unclear("a pattern in the place of a command")
