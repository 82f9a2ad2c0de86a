"""What tests of the gate share: a workspace on disk, and people who answer as they are told."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

from acp_adapters.syntax.bash import parse
from acp_agent.permission.gate import Answer, Gate, PendingCall
from acp_agent.permission.shell import analyse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from acp_agent.permission.claims import Claim
    from acp_agent.permission.gate import Decision, Mode, Question, Rule

CALL = PendingCall("call-1", "Run a command", "execute")

FILES = {
    "f": "one\ntwo\n",
    "README.md": "# A project\n",
    "src/main.py": "print('hello')\n",
    "src/deep/er.py": "",
    "sub/notes.txt": "",
    "script.sh": "echo hello\n",
}


WIDEST = "the widest allow_always of the session"
FOR_PROJECT = "the allow_always of the project"


class Person:
    """Answers with the first option of a kind, in turn; the last answer for ever."""

    def __init__(self, *answers: str | None, words: str = "") -> None:
        self._answers = list(answers)
        self._words = words
        self.questions: list[Question] = []

    async def ask(self, question: Question) -> Answer:
        self.questions.append(question)
        kind = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        wanted, options = kind, question.options
        if kind == WIDEST:
            wanted, options = "allow_always", [each for each in options[::-1] if not each.for_project]
        if kind == FOR_PROJECT:
            wanted, options = "allow_always", [each for each in options if each.for_project]
        chosen = next((option.id for option in options if option.kind == wanted), kind)
        return Answer(chosen, self._words)


class Nobody:
    """Must not be asked."""

    async def ask(self, question: Question) -> Answer:
        raise AssertionError(f"asked about {question.claims}")


class Bench(NamedTuple):
    """A workspace and the home folder beside it."""

    root: Path
    home: Path

    def claims(self, command: str, cwd: Path | None = None) -> tuple[Claim, ...]:
        return analyse(command, cwd or self.root, [self.root], parse)

    def gate(self, mode: Mode = "standard", rules: Sequence[Rule] = (), asker: Person | None = None) -> Gate:
        return Gate(rules, mode, asker or Nobody(), roots=[self.root])

    def decide(self, command: str, mode: Mode = "standard", rules: Sequence[Rule] = ()) -> Decision:
        return self.gate(mode, rules).check(self.claims(command))

    def verdict(self, command: str, mode: Mode = "standard", rules: Sequence[Rule] = ()) -> str:
        return self.decide(command, mode, rules).verdict


def make_bench(folder: Path) -> Bench:
    root, home = folder / "workspace", folder / "home"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    home.mkdir()
    return Bench(root, home)


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)
