"""Safe commands, spoiled with the syntax of the shell: whatever real bash runs of them, a claim has said.

ACP_AGENT_FUZZ is the number of examples, to be run for long: `ACP_AGENT_FUZZ=50000 pytest -s …`.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from acp_adapters.syntax.bash import parse
from acp_agent.permission.gate import Gate, Unattended
from acp_agent.permission.programs import reads_only
from acp_agent.permission.shell import analyse
from tests.support.tracing import Box

if TYPE_CHECKING:
    from acp_agent.permission.claims import Claim
    from tests.support.tracing import Outcome

EXAMPLES = int(os.environ.get("ACP_AGENT_FUZZ", "250"))
STUBS = ("ls", "cat", "git", "grep", "head", "wc", "sort", "rm", "touch", "npm", "sudo", "sh", "make")
REAL = ("env", "nice", "timeout", "nohup", "setsid", "stdbuf", "xargs", "find", "bash")
FILES = {
    "f": "one\n",
    "a b": "two\n",
    "sub/g": "three\n",
    "sub/deep/h.py": "four\n",
    "[": "",
    "tool": "#!",
    "sub/ls": "#!",
}

SAFE = [
    "ls -la",
    "cat f",
    "git status",
    "git -C sub status",
    "grep -n foo f",
    "head -n 5 f",
    "wc -l f sub/g",
    "sort f | wc -l",
    "echo hi there",
    "printf '%s\\n' a",
    "cd sub && ls",
    "cd sub; cat g",
    "[ -f f ] && cat f",
    "[[ -d sub ]] && ls sub",
    "test -e nothing || echo no",
    "find . -name '*.py' | xargs wc -l",
    "find sub -type f -exec cat {} +",
    "LC_ALL=C sort f",
    "FOO=1 npm test",
    "export FOO=1 && npm test",
    "export LANG=C; sort f",
    "cat <<E\nls\nE",
    "cat <<'E'\n$(ls)\nE",
    "cat <<< 'rm x'",
    "(cd sub && ls); cat f",
    "{ ls; cat f; } | wc",
    "! grep -q x f",
    'ls "$HOME" $PWD',
    "bash -c 'ls sub'",
    "timeout 5 cat f",
    "env -i nice -n 5 ls",
    "ls *.py *",
    "ls; echo $?",
    "set -e\ncd sub\nls",
    "ls # comment\ncat f",
    "cat $'f' \"a b\"",
    "if ls; then cat f; fi",
    "for x in a 'b c'; do ls $x; done",
    "case f in f) ls;; esac",
    "g() { ls; }; g",
    "x='ls -l'; $x",
    "eval 'ls'",
]
CHARACTERS = " \t\n;&|<>(){}[]$`'\"\\#!~*?=,-+%^@:"
FRAGMENTS = [
    "&&",
    "||",
    "|&",
    ">>",
    "2>&1",
    ">&2",
    "&>",
    ">|",
    "<>",
    "<<<",
    "<<E\n",
    "\nE\n",
    "<<-E\n\t",
    "<<'E'\n",
    "\\\n",
    "\n\n",
    "$(rm x)",
    "`rm x`",
    "${HOME}",
    "$HOME",
    '"$PWD"',
    "$?",
    "$$",
    "$#",
    "$x",
    "${x:-rm}",
    "$((1+1))",
    "$'\\x72m'",
    "$'a\\nb'",
    "$'\\''",
    '$"rm"',
    "> out",
    ">out",
    "2>err",
    ">> sub/g",
    "< f",
    "&> out",
    ">| f",
    "> $HOME/o",
    "(",
    ")",
    "{ ",
    "; }",
    "( ls )",
    "{ ls; }",
    "[ ",
    " ]",
    "[[ ",
    " ]]",
    "[[ a -eq b ]]",
    "((",
    "))",
    "! ",
    "rm x",
    "touch y",
    "rm -rf sub",
    "; rm x",
    "& rm x",
    "| rm x",
    "&& rm x",
    "|| rm x",
    "\nrm x\n",
    "tool",
    "./tool",
    "sub/ls",
    "FOO=1 ",
    "PATH=. ",
    "PATH=sub:. ",
    "PAGER=x ",
    "LD_PRELOAD=x ",
    "LC_ALL=C ",
    "export PATH=sub; ",
    "export FOO=2;",
    "FOO+=x ",
    "IFS=a ",
    "env ",
    "env - ",
    "env FOO=1 ",
    "env -i ",
    "env -S 'rm x' ",
    "nice ",
    "nohup ",
    "timeout 5 ",
    "timeout -k 1 2 ",
    "setsid ",
    "stdbuf -oL ",
    "command ",
    "builtin ",
    "exec ",
    "time ",
    "time -p ",
    "time -- ",
    "xargs ",
    "xargs -I{} ",
    "xargs -0 ",
    "find . -exec ",
    " {} +",
    " {} \\;",
    "sudo ",
    "eval ",
    "bash -c ",
    "bash -ec ",
    "bash <<< ",
    "| bash",
    "| xargs rm",
    "cd sub; ",
    "cd sub && ",
    "cd ..; ",
    'cd "$HOME"; ',
    "cd nowhere || ",
    "cd -; ",
    "cd; ",
    "pushd sub; ",
    "set -e; ",
    "exit 1; ",
    "exit; ",
    "echo x | ",
    "if ",
    "then ",
    "fi",
    "while false; do ",
    "done",
    "for x in 1 2; do ",
    "do ",
    "case a in a) ",
    ";;",
    "esac",
    "function g { ",
    "g() { ",
    "coproc ",
    "select x in ",
    "alias ls=rm; ",
    "trap 'rm x' EXIT; ",
    "hash -p ./tool ls; ",
    "x=1; ",
    "x=(rm); ",
    "${x[0]}",
    "declare -x PATH=.; ",
    "unset PATH; ",
    "shopt -s extglob; ",
    "enable -n cd; ",
    "{ls,rm}",
    "{f,sub}",
    "f{,x}",
    "[a-z]",
    "a*",
    "?",
    "~",
    "~/x",
    "-x",
    "--",
    "a=~",
    "''",
    '""',
    "\\ ",
    "\\;",
    "\\r\\m",
    "'r'm",
    "#x",
    " #",
    "é",
    "\u200b",
    "\u2028",
    "\xa0",
    "\r",
    "\x0b",
    "\x07",
    "日本",
    "\u202e",
]
"""Pieces of syntax that are put in."""
WRAPPED = [
    "(%s)",
    "{ %s; }",
    "{ %s\n}",
    "! %s",
    "(%s) | cat",
    "%s > out",
    "%s 2>/dev/null",
    "%s | head",
    "%s &",
    "%s; ls",
    "ls && %s",
    "%s || ls",
    "ls\n%s",
    "bash -c '%s'",
    'bash -c "%s"',
    "bash -c $'%s'",
    'bash -c "$(%s)"',
    "eval '%s'",
    "env %s",
    "timeout 5 %s",
    "command %s",
    "exec %s",
    "nohup %s",
    "time %s",
    "xargs %s",
    "bash <<< '%s'",
    "bash <<'E'\n%s\nE",
    "echo '%s' | bash",
    "cat <<E\n%s\nE",
    "$(%s)",
    'echo "$(%s)"',
    "`%s`",
    "if %s; then %s; fi",
    "while %s; do break; done",
    "for i in 1; do %s; done",
    "g() { %s; }; g",
    "\\\n%s",
    "%s \\\n",
    " %s ",
    "\t%s\n\n",
    "#x\n%s",
    "%s #x",
    "FOO=1 %s",
    "LC_ALL=C %s",
    "export FOO=1; %s",
    "cd sub; %s",
    "(cd sub; %s)",
    "find . -exec %s \\;",
]
"""What is put round a command, which goes in the place of %s."""
ALLOWED = r"\|(cat)?\|(.*/libstdbuf.so)?\|"
"""PATH, PAGER, LD_PRELOAD and FOO for what may run unasked."""


class Spoiled:
    """How a command is spoiled: pieces of syntax put in, put round it, or characters taken out."""

    def __init__(self, kind: str, what: str, where: float) -> None:
        self.kind, self.what, self.where = kind, what, where

    def __repr__(self) -> str:
        return f"{self.kind}({self.what!r}, {self.where})"

    def apply(self, text: str) -> str:
        if self.kind == "round":
            return self.what.replace("%s", text)
        at = round(self.where * len(text))
        if self.kind == "between":
            gaps = [0, *(found.end() for found in re.finditer(r"\s+|;|\||&", text)), len(text)]
            at = gaps[min(int(self.where * len(gaps)), len(gaps) - 1)]
            return f"{text[:at]}{self.what} {text[at:]}"
        if self.kind == "without":
            return text[:at] + text[at + 1 :]
        return text[:at] + self.what + text[at:]


WHERE = st.floats(0, 1, width=16)
SPOIL = st.one_of(
    st.builds(Spoiled, st.sampled_from(["in", "between"]), st.sampled_from([*CHARACTERS, *FRAGMENTS]), WHERE),
    st.builds(Spoiled, st.sampled_from(["in", "between"]), st.sampled_from([*CHARACTERS, *FRAGMENTS]), WHERE),
    st.builds(Spoiled, st.just("round"), st.sampled_from(WRAPPED), WHERE),
    st.builds(Spoiled, st.just("without"), st.just(""), WHERE),
)


def spoiled(safe: str, more: list[str], ways: list[Spoiled]) -> str:
    text = safe
    for way in ways:
        text = way.apply(text)
    return "".join((text, *more))


COMMAND = st.builds(
    spoiled,
    st.sampled_from(SAFE),
    st.lists(
        st.builds("{}{}".format, st.sampled_from(["; ", " && ", "\n", " | ", " || "]), st.sampled_from(SAFE)),
        max_size=1,
    ),
    st.lists(SPOIL, max_size=4),
)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Box:
    return Box(tmp_path_factory.mktemp("fuzz").resolve() / "box", STUBS, REAL, FILES)


def check(text: str, box: Box) -> str:
    """Compares what bash does with what was claimed, and returns the gate's verdict."""
    claims = analyse(text, box.root, (box.root,), parse)
    gate = Gate((), "standard", Unattended(), roots=(box.root,))
    verdict = gate.check(claims).verdict
    done = box.run(text)
    said = f"{text!r}: {claims}: {done}"
    if claims[0].argv is None:
        assert verdict != "allow", said
        return verdict
    for ran in done.ran:
        assert covered(ran.argv, claims, str(box.home)), f"not claimed: {ran.argv}: {said}"
    edits = [claim.resource for claim in claims if claim.operation == "edit"]
    for path in made_by_redirects(done, claims):
        assert path in edits, f"not claimed: {path}: {said}"
    if verdict == "allow":
        assert not done.changed, said
        for ran in done.ran:
            assert reads_only(ran.argv), said
            assert (ran.cwd + "/").startswith(f"{box.root}/"), said
            assert re.fullmatch(ALLOWED, ran.surroundings.removeprefix(box.path)), said
    return verdict


def covered(argv: tuple[str, ...], claims: tuple[Claim, ...], home: str) -> bool:
    """Whether one execute claim has exactly these words, or those that were known of them."""
    return any(
        claim.argv is not None and _covers(claim, argv, claims, home)
        for claim in claims
        if claim.operation == "execute"
    )


def _covers(claim: Claim, argv: tuple[str, ...], claims: tuple[Claim, ...], home: str) -> bool:
    assert claim.argv is not None
    name = os.path.basename(claim.argv[0])
    if name == "bash" and any(os.path.basename(word) == argv[0] for word in claim.argv):
        return True  # it runs one of the files of the workspace
    if name != argv[0]:
        return False
    if claim.argv[1:] == argv[1:]:
        return True
    fed = any(each.argv and os.path.basename(each.argv[0]) in ("xargs", "find") for each in claims)
    active = re.search(r"(?<!\\)[*?]", claim.resource)
    if fed and len(claim.argv) <= len(argv):
        return True if "{}" in claim.argv or claim.argv[1:] == argv[1 : len(claim.argv)] else bool(active)
    if active:
        return True
    said = [_expression(word, home) for word in claim.argv[1:]]
    return len(said) == len(argv) - 1 and all(map(re.fullmatch, said, argv[1:]))


def _expression(word: str, home: str) -> str:
    """What a word of a claim can become: ~ and numbers such as $? are not known before."""
    if word == "~" or word.startswith("~/"):
        word = home + word[1:]
    return re.sub(r"\\\$(?:[?#$]|\\\{[?#$]\\\})", r"\\d+", re.escape(word.replace('"', "")))


def made_by_redirects(done: Outcome, claims: tuple[Claim, ...]) -> list[str]:
    """Files that are new or different and that no program has made: none of ours but find makes any."""
    if any(claim.argv and os.path.basename(claim.argv[0]) in ("find", "nohup") for claim in claims):
        return []
    return sorted(done.changed)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@pytest.mark.timeout(max(120, EXAMPLES))
@given(text=COMMAND)
@example(text="ls\nrm x")
@example(text="env - rm x")
@example(text="(cd sub; ls) && ls")
def test_whatever_bash_runs_was_claimed(text: str, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("HOME", str(box.home))
        patch.delenv("CDPATH", raising=False)
        patch.delenv("PWD", raising=False)
        check(text.replace("\0", ""), box)


def test_enough_is_understood_and_allowed(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the test above would prove nothing."""
    monkeypatch.setenv("HOME", str(box.home))
    verdicts = [check(text, box) for text in SAFE]
    assert verdicts.count("allow") >= 25


def test_one_example_starts_one_shell(box: Box) -> None:
    started = time.monotonic()
    assert [ran.argv for ran in box.run("ls 'a b' $'c'").ran] == [("ls", "a b", "c")]
    assert time.monotonic() - started < 5
