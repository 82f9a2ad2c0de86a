"""From the text of a command to its claims."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from acp_adapters.syntax.bash import parse
from acp_agent.permission.shell import MAX_PARTS, analyse

if TYPE_CHECKING:
    from pathlib import Path

    from acp_agent.permission.claims import Claim
    from tests.unit.permission.support import Bench


def commands(claims: tuple[Claim, ...]) -> list[str]:
    return [claim.resource for claim in claims if claim.operation == "execute"]


def files(bench: Bench, claims: tuple[Claim, ...], operation: str = "edit") -> list[str]:
    """Paths as a person writes them; those outside the roots begin with an exclamation mark."""
    found: list[str] = []
    for claim in claims:
        if claim.operation == operation:
            path = claim.resource.replace(f"{bench.root}/", "").replace(str(bench.home), "~")
            found.append(path if claim.inside else "!" + path)
    return found


EXECUTED = [
    ("ls -la", ["ls -la"]),
    ("'l'\"s\" -\\l", ["ls -l"]),
    ("echo a; echo b", ["echo a", "echo b"]),
    ("a && b || c | d & e", ["a", "b", "c", "d", "e"]),
    ("a |& b", ["a", "b"]),
    ("a\n", ["a"]),
    ("a \\\n  b", ["a b"]),
    ("a # comment", ["a"]),
    ("echo '; rm -rf /'", ["echo '; rm -rf /'"]),
    ("echo \\; ls", ["echo ';' ls"]),
    ('echo "a\\"b\\\\c\\d"', ["echo 'a\"b\\c\\d'"]),
    ("echo ''", ["echo ''"]),
    ("echo a\"b\"'c'd", ["echo abcd"]),
    ("grep 'x$' f$", ["grep 'x$' 'f$'"]),
    ('grep "x$" f', ["grep 'x$' f"]),
    ("git show HEAD~1 stash@{0}", ["git show HEAD~1 stash@{0}"]),
    ("ls *.py '*.py'", ["ls *.py '*.py'"]),
    ("FOO=1 BAR='x y' cmd a", ["env FOO=1 'BAR=x y' cmd a", "cmd a"]),
    ("cat <<'EOF'\n$(x) `y`\nEOF", ["cat"]),
    ("cat <<EOF\nplain\nEOF\n", ["cat"]),
    ("cat <<-EOF\n\tplain\n\tEOF\n", ["cat"]),
    ("> f", [":"]),
    # wrappers
    ("sudo rm x", ["sudo rm x", "rm x"]),
    ("sudo -u bob -n rm x", ["sudo -u bob -n rm x", "rm x"]),
    ("sudo A=1 rm x", ["sudo A=1 rm x", "rm x"]),
    ("env -i A=1 rm x", ["env -i A=1 rm x", "rm x"]),
    ("timeout -k 5 10s rm x", ["timeout -k 5 10s rm x", "rm x"]),
    ("nice -n 5 nohup rm x", ["nice -n 5 nohup rm x", "nohup rm x", "rm x"]),
    ("xargs -0 -n 1 rm", ["xargs -0 -n 1 rm", "rm"]),
    ("time rm x", ["time rm x", "rm x"]),
    ("command rm x", ["command rm x", "rm x"]),
    ("command -v rm", ["command -v rm"]),
    ("exec rm x", ["exec rm x", "rm x"]),
    ("builtin echo x", ["builtin echo x", "echo x"]),
    ("find . -exec rm {} \\; -exec ls {} +", ["find . -exec rm {} ';' -exec ls {} +", "rm {}", "ls {}"]),
    ("bash -c 'a && b'", ["bash -c 'a && b'", "a", "b"]),
    ("sh -ec 'a'", ["sh -ec a", "a"]),
    ("bash -o pipefail -c a", ["bash -o pipefail -c a", "a"]),
    ("bash -lc a b", ["bash -lc a b", "a"]),
    ("sudo bash -c 'env rm x'", ["sudo bash -c 'env rm x'", "bash -c 'env rm x'", "env rm x", "rm x"]),
    ("busybox rm x", ["busybox rm x", "rm x"]),
]


@pytest.mark.parametrize(("command", "expected"), EXECUTED)
def test_commands(bench: Bench, command: str, expected: list[str]) -> None:
    claims = bench.claims(command)
    assert all(claim.argv is not None for claim in claims if claim.operation == "execute"), claims[0].reason
    assert commands(claims) == expected


WRITTEN: list[tuple[str, list[str]]] = [
    ("echo x > out", ["out"]),
    ("echo x >> sub/out 2> err", ["sub/out", "err"]),
    ("echo x >| out", ["out"]),
    ("echo x &> out", ["out"]),
    ("echo x >& out", ["out"]),
    ("echo x 2>&1 >&2 2>&-", []),
    ("echo x > /dev/null 2>/dev/stderr", []),
    ("echo x > /dev/fd/../../etc/hosts", ["!/proc/etc/hosts"]),
    ("echo x > ../out", ["!/OUT"]),
    ("echo x > ~/out", ["!~/out"]),
    ("echo x > '~/out'", ["~/out"]),
    ("echo x > *.py", ["!*.py"]),
    ("cat > page.html <<'EOF'\nx\nEOF", ["page.html"]),
    ("rm -rf build/old.o -- -x", ["build/old.o", "-x"]),
    ("/bin/rm /etc/hosts", ["!/etc/hosts"]),
    ("cp f new", ["new"]),
    ("cp f sub", ["sub/f"]),
    ("cp f README.md sub/", ["sub/f", "sub/README.md"]),
    ("cp -t sub f", ["sub/f"]),
    ("mv f new", ["f", "new"]),
    ("mkdir -p -m 755 a/b", ["a/b"]),
    ("touch -d now a", ["a"]),
    ("chmod -R 777 sub", ["sub"]),
    ("chown root:root f sub", ["f", "sub"]),
    ("ln -s f link", ["link"]),
    ("ls | tee a b", ["a", "b"]),
    ("dd if=f of=g bs=1", ["g"]),
    ("install -m 755 f /usr/local/bin/f", ["!/usr/local/bin/f"]),
    ("truncate -s 0 f", ["f"]),
    ("sort -o f f", ["f"]),
    ("sort -of f", ["f"]),
    ("find sub -delete", ["sub"]),
    ("find sub -name x -delete", ["sub/*"]),
    ("find . -fprint out", ["out"]),
    ("sudo tee /etc/hosts", ["!/etc/hosts"]),
    ("cd sub && echo x > a", ["sub/a"]),
    ("cd sub; echo x > a", ["sub/a", "a"]),
    ("cd sub || echo x > a", ["sub/a", "a"]),
    ("cd sub && cd .. && echo x > a", ["a"]),
    ("cd src && cd deep && rm er.py", ["src/deep/er.py"]),
    ("bash -c 'cd sub && rm a' && rm b", ["sub/a", "b"]),
    ("rm -rf .", ["ROOT"]),
    ("rm -r sub/..", ["ROOT"]),
]


@pytest.mark.parametrize(("command", "expected"), WRITTEN)
def test_what_is_written(bench: Bench, command: str, expected: list[str]) -> None:
    names = {"ROOT": str(bench.root), "!/OUT": f"!{bench.root.parent}/out"}
    assert files(bench, bench.claims(command)) == [names.get(path, path) for path in expected]


READ: list[tuple[str, list[str]]] = [
    ("cat f src/main.py", []),
    ("cat ../secret", ["!/SECRET"]),
    ("cat /etc/hosts", ["!/etc/hosts"]),
    ("cat < /etc/hosts", ["!/etc/hosts"]),
    ("cat ~/.ssh/id_rsa", ["!~/.ssh/id_rsa"]),
    ("cat .env", [".env"]),
    ("ls .env", []),
    ("ls /etc", ["!/etc"]),
    ("grep /etc f", []),
    ("grep -e x /etc/hosts", ["!/etc/hosts"]),
    ("grep -rn x .", [".env"]),
    ("grep -rn --include=*.py x .", []),
    ("rg x", []),
    ("head -n 5 link", ["!/etc/hosts"]),
    ("cat link*", ["!/etc/hosts"]),
    ("cat s*", []),
    ("ls ~", ["!~"]),
    ("cat /proc/self/root/etc/hosts", ["!/proc/self/root/etc/hosts"]),
    ("cat /dev/null", []),
    ("wc -l -- .env", [".env"]),
    ("git show HEAD:.env", [".env"]),
    ("git diff -- .env", [".env"]),
    ("base64 .env", [".env"]),
    ("curl -d @.env localhost", [".env"]),
    ("mytool --file=.env", [".env"]),
    ("cp .env f2", [".env"]),
    ("find /etc -name x", ["!/etc"]),
    ("cd /etc && ls", ["!/etc"]),
]


@pytest.mark.parametrize(("command", "expected"), READ)
def test_what_is_read(bench: Bench, command: str, expected: list[str]) -> None:
    (bench.root / ".env").write_text("KEY=1", encoding="utf-8")
    (bench.root / "link").symlink_to("/etc/hosts")
    found = list(dict.fromkeys(files(bench, bench.claims(command), "read")))
    secret = f"!{bench.root.parent}/secret"
    assert [path for path in found if path[0] not in "@-" and ":" not in path] == [
        secret if path == "!/SECRET" else path for path in expected
    ]


NOT_UNDERSTOOD = [
    ("echo $(date)", "a command substitution"),
    ("echo `date`", "a command substitution"),
    ('echo "a `date`"', "a command substitution"),
    ("echo $((1+1))", "a command substitution"),
    ("echo $[1+1]", "a command substitution"),
    ("$cmd x", "the variable cmd"),
    ("echo $'\\x1b[2K'", "$'…' quoting"),
    ('echo $"a"', '$"…" quoting'),
    ("echo $1 $@", "an expansion"),
    ("f() { ls; }", "a subshell or a function"),
    ("if ls; then ls; fi", "`if`"),
    ("for i in a; do ls; done", "`for`"),
    ("while ls; do ls; done", "`while`"),
    ("case a in a) ls;; esac", "`;;`"),
    ("coproc ls", "`coproc`"),
    ("ls\rls", "the character U+000D"),
    ("ls\x00ls", "the character U+0000"),
    ("ls\x1b[2K", "the character U+001B"),
    ("ls\u2028touch x", "the character U+2028"),
    ("ls\u2029touch x", "the character U+2029"),
    ("ls\u0085touch x", "the character U+0085"),
    ("ls\u00a0x", "the character U+00A0"),
    ("ls '\u202e'", "the character U+202E"),
    ("ls \ud800", "text that is no text"),
    ("ls 'x", "a quote that does not end"),
    ('ls "x', "a quote that does not end"),
    ("ls \\", "continued within a word"),
    ("ls a\\\nb", "continued within a word"),
    ("ls {a,b}", "a brace expansion"),
    ("ls {1..3}", "a brace expansion"),
    ("ls [ab]", "a pattern with brackets"),
    ("/b?n/cat x", "a pattern in the place of a command"),
    ("x=1", "a variable is set"),
    ("a[0]=1", "brackets"),
    ("declare -x A=1", "`declare` changes"),
    ("unset A", "unset command"),
    ("eval ls", "`eval` changes"),
    ("source x", "`source` changes"),
    (". ./x", "`.` changes"),
    ("alias ls=rm", "`alias` changes"),
    ("trap 'rm x' EXIT", "`trap` changes"),
    ("pushd sub", "`pushd` changes"),
    ("set -- a", "`set` changes"),
    ("hash -p ./x ls", "`hash` changes"),
    ("builtin cd /", "`cd` behind"),
    ("command eval x", "`eval` changes"),
    ("cat <<< $x", "a here-string"),
    ("diff <(ls) f", "a subshell or a function|a process substitution"),
    ("cat <<EOF\n$x\nEOF", "a here-document in which something is replaced"),
    ("cat <<EOF\n`x`\nEOF", "a here-document in which something is replaced"),
    ("cat <<EOF\nx", "an unfinished here-document"),
    ("cat <<A <<B\nx\nA\ny\nB", "a syntax error"),
    ("cd $x", "the variable x"),
    ("cd -", "`cd` to what is not"),
    ("cd ~bob", "another user"),
    ("cd su*", "`cd` to what is not"),
    ("cd sub | ls", "`cd` in a pipeline"),
    ("cd sub &", "`cd` in the background"),
    ("cd sub && ls &", "`cd` in the background"),
    ("ls > ", "nothing after"),
    ("ls &&", "nothing after"),
    ("ls ; ; ls", "nothing between"),
    ("| ls", "nothing between"),
    ("ls ;; ls", "`;;`"),
    ("sudo -i", "what `sudo` runs"),
    ("sudo --strange rm x", "what `sudo` runs"),
    ("env -S 'rm x'", "what `env` runs"),
    ("xargs --strange rm", "what `xargs` runs"),
    ("su -c 'rm x'", "what `su` runs"),
    ("time ! rm x", "what `time` runs"),
    ("time { rm x; }", "a group|what `time` runs"),
    ("time A=1 rm x", "what `time` runs"),
    ("bash -c '$x'", "the variable x"),
    ("bash -c ~/x", "what `bash` runs"),
    ("find . -exec rm {}", "without an end"),
    ("echo a=~/x", "~ in the middle"),
    ("ls {fd}>f", "a redirect to a variable"),
    ("ls <& f", "`<&` with a word"),
    ("", "no command"),
    ("   ", "no command"),
    ("# only a comment", "no command"),
    ('bash -c "bash -c \'bash -c \\"bash -c \\\\\\"bash -c ls\\\\\\"\\"\'"', ""),
]


@pytest.mark.parametrize(("command", "construct"), NOT_UNDERSTOOD)
def test_what_is_not_understood_asks_and_says_why(bench: Bench, command: str, construct: str) -> None:
    first = bench.claims(command)[0]
    assert first.argv is None
    assert first.resource == command
    assert first.reason.startswith("not understood: ")
    assert any(part in first.reason for part in construct.split("|")), first.reason
    assert bench.verdict(command) in ("ask", "deny")


def test_too_many_parts_are_not_understood(bench: Bench) -> None:
    assert bench.claims(" && ".join(["ls"] * MAX_PARTS))[0].argv == ("ls",)
    assert "commands" in bench.claims(" && ".join(["ls"] * (MAX_PARTS + 1)))[0].reason
    assert "longer" in bench.claims("echo " + "x" * 300_000)[0].reason
    nested = "ls"
    for _ in range(6):
        nested = f"sudo {nested}"
    assert "too deep" in bench.claims(nested)[0].reason


SURFACED = [
    "{ echo a; rm -rf /tmp/x; echo $x; }",
    "while true; do rm -rf /tmp/x; done",
    "case a in foo) rm -rf /tmp/x;; bar) echo b;; esac",
    "echo $(rm -rf /tmp/x)",
    "echo `rm -rf /tmp/x`",
    'echo "$(rm -rf /tmp/x)"',
    "ls $x\nrm -rf /tmp/x",
    "f() { rm -rf /tmp/x; }; f",
    "(rm -rf /tmp/x; $y)",
    "if true; then rm -rf /tmp/x; fi",
    "sudo --strange rm -rf /tmp/x",
    "cat <(rm -rf /tmp/x)",
    "x=1; rm -rf /tmp/x",
    "! ! rm -rf /tmp/x",
]


@pytest.mark.parametrize("command", SURFACED)
def test_what_can_be_made_out_is_claimed_all_the_same(bench: Bench, command: str) -> None:
    claims = bench.claims(command)
    assert claims[0].argv is None
    assert ("rm", "-rf", "/tmp/x") in [claim.argv for claim in claims]
    assert os.path.realpath("/tmp/x") in [claim.resource for claim in claims if claim.operation == "edit"]


def test_links_are_followed_where_the_command_follows_them(bench: Bench) -> None:
    target = bench.home / "config.json"
    (bench.root / "docs").mkdir()
    (bench.root / "docs" / "f").symlink_to(target)
    assert files(bench, bench.claims("cp f docs/")) == ["!~/config.json"]
    assert files(bench, bench.claims("echo x > docs/f")) == ["!~/config.json"]
    assert files(bench, bench.claims("rm docs/f")) == ["docs/f"]
    (bench.root / "out").symlink_to(bench.home)
    assert files(bench, bench.claims("rm out/x")) == ["!~/x"]
    assert files(bench, bench.claims("touch out/../y")) == [f"!{bench.home.parent}/y"]


def test_cd_is_logical_and_paths_are_physical(bench: Bench) -> None:
    (bench.home / "inner").mkdir()
    (bench.root / "out").symlink_to(bench.home / "inner")
    assert files(bench, bench.claims("cd out && cd .. && touch a")) == ["a"]
    assert files(bench, bench.claims("cd out && touch ../a")) == ["!~/a"]
    assert commands(bench.claims("cd out && make"))[1] == f"cd {bench.root}/out && make"


def test_a_root_behind_a_link(bench: Bench) -> None:
    link = bench.root.parent / "link"
    link.symlink_to(bench.root)
    claims = analyse("touch a && cat f", link, [link], parse)
    assert files(bench, claims) == ["a"]
    assert all(claim.inside for claim in claims)


def test_cd_with_cdpath_is_not_understood(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDPATH", "/elsewhere")
    assert "CDPATH" in bench.claims("cd sub")[0].reason
    assert bench.claims("cd ./sub")[0].argv == ("cd", "./sub")


def make_program(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)


def test_a_program_of_the_workspace_is_not_the_installed_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{bench.root}/bin:{os.environ['PATH']}")
    assert bench.verdict("cat f") == "allow"
    make_program(bench.root / "bin" / "cat")
    assert bench.verdict("cat f") == "ask"
    assert bench.claims("cat f")[0].argv == (f"{bench.root}/bin/cat", "f")
    assert bench.verdict("head f") == "allow"
    make_program(bench.root / "bin" / "echo")
    assert bench.verdict("echo f") == "allow", "echo is part of the shell"


@pytest.mark.parametrize("entry", ["", ".", "tools"])
def test_a_relative_folder_on_the_path(bench: Bench, monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    monkeypatch.setenv("PATH", f"{entry}:{os.environ['PATH']}")
    make_program(bench.root / entry / "cat")
    assert bench.verdict("cat f") == "ask"
    make_program(bench.root / "sub" / entry / "ls")
    assert bench.verdict("ls") == "allow"
    assert bench.verdict("cd sub && ls") == "ask"


def test_a_pattern_that_names_an_option(bench: Bench) -> None:
    assert bench.verdict("sort *") == "allow"
    (bench.root / "-osrc").write_text("", encoding="utf-8")
    assert bench.verdict("sort *") == "ask"
    assert bench.verdict("sort ./*") == "allow"
    assert bench.verdict("sort -- *") == "allow"


def test_a_decision_is_quick(bench: Bench) -> None:
    everyday = ["git diff | head -50", "grep -n 'foo' f 2>/dev/null | wc -l", "npm test", "cd sub && ls -la"]
    one = bench.gate()
    for command in everyday:
        one.check(bench.claims(command))
    started = time.perf_counter()
    for _ in range(50):
        for command in everyday:
            one.check(bench.claims(command))
    # Far above what it takes, to hold on a busy machine.
    assert (time.perf_counter() - started) / 200 < 0.02
