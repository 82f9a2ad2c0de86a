"""What of the shell's language is understood, and what is made of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acp_adapters.syntax.bash import parse
from acp_agent.permission.shell import analyse
from tests.support.spoiling import COMMAND
from tests.unit.permission.support import git
from tests.unit.permission.test_shell import commands, files

if TYPE_CHECKING:
    from tests.unit.permission.support import Bench

EXECUTED = [
    ("ls\n\n# a comment\ncat f # another\n", ["ls", "cat f"]),
    ("ls;\ncat f &\nhead", ["ls", "cat f", "head"]),
    ("ls &&\n\n cat f ||\nhead |\n cat", ["ls", "cat f", "head", "cat"]),
    ("! ls | cat && ! cat f", ["ls", "cat", "cat f"]),
    ("(ls; (cat f)) | { head; }", ["ls", "cat f", "head"]),
    ("{ ls\n} 2>/dev/null", ["ls"]),
    ("cat <<E && ls\na\nE\nhead f", ["cat", "ls", "head f"]),
    ("cat <<'E' | head\n$(x)\nE\nls", ["cat", "head", "ls"]),
    ("cat <<< 'a b'", ["cat"]),
    ("cat <<< a'b'c d", ["cat d"]),
    ("echo $'a\\tb\\x41\\'' $'\\101'", ["echo 'a\tbA'\"'\"'' A"]),
    ("$'\\x72m' x", ["rm x"]),
    ("[ -f f ] && ls", ["[ -f f ]", "ls"]),
    ("[[ -f f && ! a == 'b c' ]] || ls", ["[[ -f f && ! a == 'b c' ]]", "ls"]),
    ("[[ $? -eq 0 ]]", ["[[ $? -eq 0 ]]"]),
    ('ls; echo "it was $?"', ["ls", 'echo "it was $?"']),
    ("echo $HOME \"${HOME}/x\" '$HOME'", ["echo ~ ~/x '$HOME'"]),
    ("ls $PWD", ["ls ROOT"]),
    ('cd sub && ls "$PWD"/*', ["cd sub", "ls ROOT/sub/*"]),
    ("(cd sub && ls $PWD) && ls $PWD", ["cd sub", "ls ROOT/sub", "ls ROOT"]),
    ("export A=1 B='x y' && make", ["export A=1 'B=x y'", "env A=1 'B=x y' make", "make"]),
    ("export LC_ALL=C\nsort f", ["env LC_ALL=C sort f", "sort f"]),
    ("(export A=1; make); ls", ["export A=1", "env A=1 make", "make", "ls"]),
    ("export A=$HOME; make", ["export A=~", "env A=~ make", "make"]),
    ("set -euo pipefail\nls", ["set -euo pipefail", "ls"]),
    ("cd sub || exit 1", ["cd sub", "exit 1"]),
    ("git -C sub -C .. status", ["git -C sub -C .. status", "git status"]),
    ("env - A=1 1b=2 rm x", ["env - A=1 1b=2 rm x", "rm x"]),
    ("sudo A=1 -u bob B=2 rm x", ["sudo A=1 -u bob B=2 rm x", "rm x"]),
    ("busybox sh -c 'rm x'", ["busybox sh -c 'rm x'", "sh -c 'rm x'", "rm x"]),
    ("ssh host 'rm x' y", ["ssh host 'rm x' y", "rm x y"]),
    ("watch -n 5 'ls; rm x'", ["watch -n 5 'ls; rm x'", "ls", "rm x"]),
    ("sh -c 'ls > f'", ["sh -c 'ls > f'", "ls"]),
]


@pytest.mark.parametrize(("command", "expected"), EXECUTED)
def test_commands(bench: Bench, command: str, expected: list[str]) -> None:
    claims = bench.claims(command)
    assert claims[0].argv is not None, claims[0].reason
    found = [each.replace(str(bench.root), "ROOT").replace(str(bench.home), "~") for each in commands(claims)]
    assert found == expected


NOT_UNDERSTOOD = [
    ("((1))", "an arithmetic command"),
    ("( )", "nothing in a group"),
    ("{ }", "nothing in a group"),
    ("(ls", "no `)`"),
    ("{ ls", "no `}`"),
    ("{ ls }", "a group"),
    ("(ls) x", "a word after `)`"),
    ("{ ls; } A=1", "a word after `}`"),
    ("ls )", "a subshell"),
    ("x() { ls; }", "a subshell or a function"),
    ("!(ls)", "a subshell or a function"),
    ("ls | ! cat", "`!`"),
    ("(" * 30 + "ls" + ")" * 30, "arithmetic"),
    ("( " * 30 + "ls" + " )" * 30, "too deep"),
    ("[[ a < b ]]", "an operator"),
    ("[[ (a) ]]", "an operator"),
    ("[[ a", "no `]]`"),
    ("[ -f *.py ]", "a pattern in a test"),
    ("test *", "a pattern in a test"),
    ("echo $'\\x00'", "cannot be seen"),
    ("echo $'\\u00e9'", "cannot be seen"),
    ("echo $'\\q'", "an escape"),
    ("echo $'a", "does not end"),
    ("ls $x", "the variable x"),
    ("ls ${x}", "the variable x"),
    ("ls ${x:-y}", "the variable x"),
    ("ls $?", "the variable ?"),
    ("$HOME/x", "the variable HOME"),
    ("cd sub; ls $PWD", "the variable PWD"),
    ("cat <<< *", "a here-string in which"),
    ("cat <<< $HOME", "a here-string in which"),
    ("cat 3<<< x", "a numbered here-document"),
    ("export PATH=.", "`export` changes"),
    ("export IFS=x", "`export` changes"),
    ("export BASH_ENV=x", "`export` changes"),
    ("export A", "`export` changes"),
    ("export -f x", "`export` changes"),
    ("export A=1 && export A=2", "`export` changes"),
    ("ls || export A=1", "`export` changes"),
    ("export A=1 | ls", "`export` changes"),
    ("command export A=1", "`export` changes"),
    ("set -f", "`set` changes"),
    ("set -o noglob", "`set` changes"),
    ("set a", "`set` changes"),
    ("exit x", "`exit` changes"),
    ("HOME=/etc cd", "`cd` with variables of its own"),
    ("CDPATH=/etc cd ssh", "`cd` with variables of its own"),
    ("time cd sub", "`cd` behind"),
    ("git -C su* status", "`git -C` to what is not"),
    ("git -C", "without a folder"),
    ("timeout * ls", "what `timeout` runs"),
    ("flock f -c ls", "what `flock` runs"),
    ("env -C sub ls", "what `env` runs"),
    ("sudo -D sub ls", "what `sudo` runs"),
    ("sh -c '[[ a ]]'", "what `sh` runs"),
    ("sh -c 'ls &> f'", "what `sh` runs"),
    ("zsh -c ls", "what `zsh` runs"),
    ("bash", "is given to run"),
    ("cat script.sh | sh", "is given to run"),
    ("bash <<E\nls\nE", "is given to run"),
    ("find . -exec {} \\;", "in the place of a command"),
    ("find . -exec sh -c 'cat {}' \\;", "in which something is replaced"),
    ("find . -execdir ls \\;", "in other folders"),
    ("ls | xargs -I% %", "in the place of a command"),
    ("ls | xargs -I% sh -c 'echo %'", "in which something is replaced"),
    ("ls | xargs -i env {}", "in the place of a command"),
    ("ssh host $x", "the variable x"),
    ("ssh host ls\\ '$x'", "the variable x"),
]


@pytest.mark.parametrize(("command", "construct"), NOT_UNDERSTOOD)
def test_what_is_not_understood_says_why(bench: Bench, command: str, construct: str) -> None:
    first = bench.claims(command)[0]
    assert first.argv is None
    assert construct in first.reason
    assert bench.verdict(command) in ("ask", "deny")


IN_A_GROUP = ["(ls)", "{ ls; }", "cat f || (ls && ls src)", "(ls) | cat", "{ ls; } > /dev/null", "( (ls) )"]


@pytest.mark.parametrize("command", IN_A_GROUP)
def test_a_group_asks_with_the_commands_in_it(bench: Bench, command: str) -> None:
    from acp_agent.permission.gate import Rule

    inner = [claim for claim in bench.claims(command) if claim.argv and claim.argv[0] == "ls"]
    assert inner
    assert all(claim.reason in ("in a group", "in a subshell") for claim in inner)
    assert bench.verdict(command) == "ask"
    assert bench.verdict(command, rules=[Rule("execute", "ls *", "allow")]) == "allow"
    assert bench.verdict(command, rules=[Rule("execute", "ls *", "deny")]) == "deny"


SURFACED = [
    "eval 'rm -rf /tmp/x'",
    "eval rm -rf /tmp/x",
    "trap 'rm -rf /tmp/x' EXIT",
    "bash <<< 'rm -rf /tmp/x'",
    "bash <<E\nrm -rf /tmp/x\nE",
    "echo 'rm -rf /tmp/x' | sh",
    "echo 'rm -rf /tmp/x' | sudo bash -s",
    "printf 'rm -rf /tmp/x\\n' | tee log | bash",
    "cat <<E | bash\nrm -rf /tmp/x\nE",
    "while true; do echo 'rm -rf /tmp/x' | sh; done",
    "x='rm -rf /tmp/x'; $x",
    "x=/tmp/x; rm -rf $x",
    'x=/tmp/x; rm -rf "$x"',
    "export X=/tmp/x && rm -rf $X",
    "for x in a /tmp/x; do rm -rf $x; done",
    "ls $y; (rm -rf /tmp/x)",
    "su -c 'rm -rf /tmp/x'",
    "script -c 'rm -rf /tmp/x' log",
    "flock f -c 'rm -rf /tmp/x'",
    "parallel rm -rf ::: x; rm -rf /tmp/x; $y",
    "env -S 'rm -rf /tmp/x'",
    "git status\u2028rm -rf /tmp/x",
    "git status\r\nrm -rf /tmp/x",
    "! ! rm -rf /tmp/x",
    "time { rm -rf /tmp/x; }",
    "cat <<E\n$(rm -rf /tmp/x)\nE",
]


@pytest.mark.parametrize("command", SURFACED)
def test_what_can_be_made_out_is_claimed(bench: Bench, command: str) -> None:
    claims = bench.claims(command)
    assert claims[0].argv is None
    assert ("rm", "-rf", "/tmp/x") in [claim.argv for claim in claims]
    assert os.path.realpath("/tmp/x") in [claim.resource for claim in claims if claim.operation == "edit"]


def test_what_find_and_xargs_remove(bench: Bench) -> None:
    assert "src/*" in files(bench, bench.claims("find src -name x -exec rm -rf {} +"))
    assert "src/*" in files(bench, bench.claims("find src -exec sudo rm {} \\;"))
    assert "f" in files(bench, bench.claims("echo f | xargs rm"))
    assert "f" in files(bench, bench.claims("echo f | xargs -I% mv % g"))


def test_the_folder_of_a_subshell_is_its_own(bench: Bench) -> None:
    assert files(bench, bench.claims("(cd sub; touch a); touch a")) == ["sub/a", "a"]
    assert files(bench, bench.claims("{ cd sub && touch a; }; touch a")) == ["sub/a", "a"]
    assert files(bench, bench.claims("{ cd sub; } && touch a")) == ["sub/a", "a"]
    assert files(bench, bench.claims("{ cd sub; touch a; } | cat; touch a")) == ["sub/a", "a"]
    assert files(bench, bench.claims("! cd sub && touch a")) == ["sub/a", "a"]
    assert files(bench, bench.claims("(cd sub; echo x) > a")) == ["a"]


def test_git_elsewhere(bench: Bench) -> None:
    git(bench.root, "init", "-q")
    git(bench.root, "init", "-q", "other")
    assert bench.verdict("git -C other status") == "allow"
    git(bench.root / "other", "config", "core.fsmonitor", "x")
    assert bench.verdict("git -C other status") == "ask"
    assert bench.verdict("git status") == "allow"
    assert bench.verdict("git -C .. status") == "ask"
    assert bench.verdict("git -C /etc -C . status") == "ask"


def test_a_shell_without_a_start_is_what_it_is_given(bench: Bench) -> None:
    for command in ("bash -c 'ls -la'", "sh -c 'cat f; ls'", "bash -euo pipefail -c ls", "bash --norc -c ls"):
        assert bench.verdict(command) == "allow", command
    for command in (
        "bash -lc ls",
        "bash -ic ls",
        "bash --rcfile f -c ls",
        "bash -c ls x",
        "BASH_ENV=f bash -c ls",
    ):
        assert bench.verdict(command) == "ask", command
    assert bench.verdict("bash -c 'touch x'") == "ask"


HARMLESS = ["LC_ALL=C", "LANG=en_US.UTF-8", "NO_COLOR=1", "TZ=Europe/Berlin", "PAGER=cat", "CI=1 COLUMNS=80"]
HARMFUL = [
    "PAGER=less",
    "LC_ALL=../x",
    "TZ=:/etc/x",
    "GIT_PAGER=cat",
    "PATH=.",
    "LD_PRELOAD=x",
    "FOO=1",
    "LESSOPEN=x",
]


@pytest.mark.parametrize("assignment", HARMLESS)
def test_harmless_variables(bench: Bench, assignment: str) -> None:
    from acp_agent.permission.gate import Rule

    assert bench.verdict(f"{assignment} sort f") == "allow"
    assert bench.verdict(f"env {assignment} sort f") == "allow"
    assert bench.verdict(f"{assignment} npm test") == "ask"
    assert bench.verdict(f"{assignment} npm test", rules=[Rule("execute", "npm test", "allow")]) == "allow"


@pytest.mark.parametrize("assignment", HARMFUL)
def test_other_variables(bench: Bench, assignment: str) -> None:
    assert bench.verdict(f"{assignment} sort f") == "ask"
    assert bench.verdict(f"env {assignment} sort f") == "ask"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(), COMMAND))
def test_no_text_makes_it_raise(bench: Bench, text: str) -> None:
    claims = analyse(text, bench.root, (bench.root,), parse)
    assert claims
    if claims[0].operation == "execute" and claims[0].argv is None:
        assert claims[0].reason.startswith("not understood: ")
        assert len(claims[0].reason) < 200


@pytest.mark.timeout(20)
def test_scripts_within_scripts_do_not_take_for_ever(bench: Bench) -> None:
    text = "ls"
    for _ in range(4):
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        text = " ".join(["parallel", *[f'bash -c "{quoted} x"'] * 8])
    assert bench.verdict(text) in ("ask", "deny")


@pytest.mark.parametrize(
    "command",
    [
        "env HOME=/etc bash -c 'cat ~/passwd'",
        "HOME=/etc bash -c 'cat $HOME/passwd'",
        "sudo bash -c 'cat $HOME/x'",
        "env -i bash -c 'cd; ls'",
    ],
)
def test_another_environment_has_another_home(bench: Bench, command: str) -> None:
    assert bench.claims(command)[0].argv is None
    assert bench.claims("timeout 5 bash -c 'ls ~'")[0].argv is not None


def test_programs_of_the_system_named_by_their_path(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.verdict("/usr/bin/cat f") == "allow"
    (bench.root / "tool").write_text("#!/bin/sh\n", encoding="utf-8")
    (bench.root / "tool").chmod(0o755)
    folder = bench.home / "bin"
    folder.mkdir()
    (folder / "cat").symlink_to(bench.root / "tool")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    assert bench.verdict("cat f") == "ask", "a link into the workspace is the workspace's"
    inside = Path("/usr/bin")
    claims = analyse("/usr/bin/cat f", inside, (inside,), parse)
    assert claims[0].reason == "`/usr/bin/cat` is in the workspace"


def test_what_find_hands_on(bench: Bench) -> None:
    listing = "find . -name '*.md' | sort | head -n 5 | xargs -n 1 wc -l"
    assert bench.verdict(listing) == "allow"
    (bench.root / "x y.md").write_text("", encoding="utf-8")
    assert bench.verdict(listing) == "ask", "xargs would take the name apart"
    assert bench.verdict("find . -name '*.md' -print0 | xargs -0 wc -l") == "allow"
    (bench.root / "x y.md").unlink()
    (bench.root / "z.md").symlink_to("/etc/hosts")
    assert bench.verdict(listing) == "ask", "a link leads out"
    assert bench.verdict("find . -type f -name '*.md' | xargs wc -l") == "allow"
    (bench.root / "sub" / ".env").write_text("KEY=1", encoding="utf-8")
    assert bench.verdict("find sub | xargs cat") == "ask"
    assert bench.verdict("find sub -name '*.md' -o -name '*.txt' | xargs cat") == "allow"
    assert bench.verdict("find sub -name '*.md' -o -type f | xargs cat") == "ask"
    assert bench.verdict("find sub ! -name '*.md' | xargs cat") == "ask"
    assert bench.verdict("find sub -name notes.txt | xargs grep -r KEY") == "ask"


@pytest.mark.parametrize(
    "command",
    [
        "find . -name '*.md' | xargs rm",
        "find . -name '*.md' | xargs sort -o x",
        "find . -name '*.md' | xargs cat < f",
        "find . -name '*.md' | sort < f | xargs cat",
        "find . -name '*.md' -printf /etc/hosts | xargs cat",
        "find . -name '*.md' | sed s/x/y/ | xargs cat",
        "find . -name '*.md' | xargs -a f cat",
        "find . -name '*.md' | xargs -I{} cat /etc/{}",
        "find /etc -name '*.conf' | xargs cat",
        "cat f | xargs cat",
        "grep -r x . | xargs cat",
        "find . -name '*.md' -exec uniq {} +",
        "find . -exec git -C {} status \\;",
    ],
)
def test_what_is_not_known_to_be_handed_on_asks(bench: Bench, command: str) -> None:
    assert bench.verdict(command) == "ask"
