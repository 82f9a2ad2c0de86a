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

from acp_adapters.syntax.bash import parse
from acp_agent.permission.gate import Gate, Unattended
from acp_agent.permission.programs import reads_only
from acp_agent.permission.shell import analyse
from tests.support.spoiling import COMMAND, SAFE
from tests.support.tracing import Box

if TYPE_CHECKING:
    from acp_agent.permission.claims import Claim
    from tests.support.tracing import Outcome

EXAMPLES = int(os.environ.get("ACP_AGENT_FUZZ", "250"))
STUBS = ("ls", "cat", "git", "grep", "head", "wc", "sort", "rm", "touch", "npm", "sudo", "sh", "make")
REAL = ("env", "nice", "timeout", "nohup", "setsid", "stdbuf", "xargs", "find", "bash")
FILES = {
    "f": "/etc/hostname\n",
    "a b": "two\n",
    "sub/g": "three\n",
    "sub/deep/h.py": "four\n",
    "[": "",
    "tool": "#!",
    "sub/ls": "#!",
}

ALLOWED = r"\|(cat)?\|(.*/libstdbuf.so)?\|"
"""PATH, PAGER, LD_PRELOAD and FOO for what may run unasked."""


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
            # The one file in it names a file outside, which xargs must not hand on unasked.
            assert "/etc/hostname" not in ran.argv or "/etc/hostname" in text, said
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
