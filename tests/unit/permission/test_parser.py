"""Whatever bash runs of a command that counts as understood, a claim has said."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from acp_adapters.syntax.bash import parse
from acp_agent.permission.script import Group

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from acp_agent.permission.script import Command, Step

BASH_LIMIT_S = 10
# Two commands that write down what they are given, in a shell that can run nothing else.
PRELUDE = """
p() { printf '%s\\0' p "$@" > "$LOG/$BASHPID-$((LINE++))"; }
q() { printf '%s\\0' q "$@" > "$LOG/$BASHPID-$((LINE++))"; return 1; }
PATH=/nonexistent
"""


def executed(text: str, folder: Path) -> set[tuple[str, ...]]:
    """The command lines that bash really runs."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as log:
        subprocess.run(
            ["/bin/bash", "--norc", "--noprofile", "-c", f"{PRELUDE}\n{text}\nwait"],
            cwd=folder,
            env={"HOME": "/nonexistent", "LOG": log},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=BASH_LIMIT_S,
            check=False,
        )
        lines = [path.read_bytes().decode("utf-8", "surrogateescape") for path in Path(log).iterdir()]
    return {tuple(line.split("\0")[:-1]) for line in lines}


def commands(steps: Sequence[Step]) -> Iterator[Command]:
    """The simple commands, groups taken apart."""
    for step in steps:
        if isinstance(step.command, Group):
            yield from commands(step.command.steps)
        else:
            yield step.command


def check(text: str, folder: Path) -> bool:
    """Compares what bash runs with what was understood; False when nothing was."""
    script = parse(text)
    if script.unclear:
        return False
    said = {tuple(word.text for word in each.words) for each in commands(script.steps)}
    words = [word for each in commands(script.steps) for word in each.words]
    active = any(word.pattern or word.tilde or word.pieces for word in words)
    for line in executed(text, folder):
        assert line in said or (active and line[:1] in {words[:1] for words in said}), (text, line, said)
    return True


QUOTED = st.one_of(
    st.sampled_from(
        ["a", "b", "-x", "1", "a=b", "%", "@", "^", "+", "!", "~", "#", "=", ":", "{}", "$", "]", "}"]
    ),
    st.text("ab $`\\!*;&|<>(){}#'~\n", max_size=4).map(lambda text: f'"{text}"'),
    st.text('ab $`\\!*;&|<>(){}#"~\n', max_size=4).map(lambda text: f"'{text}'"),
    st.sampled_from(list("ab $`\\*;&|<>(){}#'\"~!")).map(lambda char: f"\\{char}"),
)
WORD = st.lists(QUOTED, min_size=1, max_size=3).map("".join)
REDIRECT = st.sampled_from([">f", "> f", "2>f", ">>f", "&>f", "2>&1", ">&2", "<f", "12>f", ">|f"])
ARGUMENT = st.one_of(WORD, WORD, WORD, REDIRECT)


def joined(program: str, words: list[str]) -> str:
    return " ".join([program, *words])


def chained(first: str, rest: list[tuple[str, str]]) -> str:
    return first + "".join(joint + command for joint, command in rest)


COMMAND = st.builds(
    joined,
    st.sampled_from(["p", "q", "'p'", "\\q", 'p""', "p x", "q  y"]),
    st.lists(ARGUMENT, max_size=3),
)
JOINT = st.sampled_from([" && ", " || ", " | ", "; ", ";", " & ", "|", "&", "&&", " |& "])
STRUCTURED = st.builds(chained, COMMAND, st.lists(st.tuples(JOINT, COMMAND), max_size=3))
CHAOS = st.lists(
    st.sampled_from(
        [
            "p",
            "q",
            " ",
            " ",
            " ",
            "a",
            "1",
            "'",
            '"',
            "\\",
            "#",
            "~",
            "=",
            "*",
            "?",
            "{",
            "}",
            ",",
            "$",
            "`",
            "(",
            ")",
            "!",
            "<",
            ">",
            "<<E",
            "<<'E'",
            "<<-E",
            "\n",
            "\nE\n",
            "E",
            "[",
            "]",
            ";",
            "&",
            "|",
            "&&",
            "^",
            "-",
            "\\\n",
            "\t",
            "x=1 ",
            "{ ",
            "; }",
            "( ",
            " )",
            "<<<",
            "$'",
            "[ -n ",
            " ]",
            "[[ ",
            " ]]",
            "! ",
            "p a",
            "q b",
            "'a b'",
            '"c d"',
            "2>&1",
            ">&",
            "&>",
            "{}",
            ": ",
        ]
    ),
    max_size=12,
).map("".join)

BUDGET = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@BUDGET
@given(text=STRUCTURED)
@example(text="p a\\\nb")
@example(text="p 'a'\"b\"c\\ d")
@example(text='p "a$" \'$b\' "\\$c" "\\d"')
@example(text="p a#b #c")
@example(text="p;#c")
@example(text="p 2>f 3 4>&1")
@example(text="p a2>f")
@example(text="p !a ^b")
@example(text="p a\\\\ b")
@example(text="p {} }a ]")
@example(text="p # it's\n")
def test_structured_commands(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir(exist_ok=True)
    check(text, folder)


@BUDGET
@given(text=CHAOS)
@example(text="p <<E\nq x\nE\n")
@example(text="p <<'E' && q y\n$(q z)\nE")
@example(text="p <<-E\n\tq\n\tE")
@example(text="p <<E;q\nE\n")
@example(text="p '<<E'\nq")
@example(text="p \\\n q")
@example(text="p #<<E\nq\nE")
@example(text="p <<\\E\n$(q z)\nE")
@example(text="p <<E\\\nq\nE")
@example(text="p << 2>E\nq\nE")
@example(text="p <<'E\n'\nq")
def test_any_text(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir(exist_ok=True)
    check(text, folder)


@given(st.text())
def test_no_text_makes_the_parser_raise(text: str) -> None:
    script = parse(text)
    assert script.unclear or all(
        each.words or each.redirects or each.assignments or each.given is not None
        for each in commands(script.steps)
    )


def test_enough_is_understood(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    everyday = [
        "p",
        "p a 'b c' | q -x",
        "p && q; p",
        "p > f 2>&1",
        "p <<'E'\nq\nE",
        'p a\\ b "c" # d',
        "p & q",
    ]
    assert all(check(text, folder) for text in everyday)


def test_no_character_ends_the_process() -> None:
    """The grammar's scanner reads beyond its tables at some; here each is tried where it looks."""
    for code in range(0x80, 0x110000, 613):
        if not 0xD800 <= code < 0xE000:
            character = chr(code)
            for text in (
                character,
                f"<<{character}",
                f"${character}",
                f"a{character}=1",
                f"[[ {character} ]]",
            ):
                parse(text)
