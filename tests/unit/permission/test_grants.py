"""What "always" stores: it sticks, and it reaches no further than it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acp_agent.permission.claims import Claim
from acp_agent.permission.gate import Approval, Gate
from tests.unit.permission.support import CALL, Bench, Person

if TYPE_CHECKING:
    from collections.abc import Sequence

# a command, and the option that is offered for it
OFFERED = [
    ("git push origin main", "Always allow `git push *` in this session"),
    ("git commit -m 'a message'", "Always allow `git commit *` in this session"),
    ("npm test", "Always allow `npm test *` in this session"),
    ("npm run build -- --fast", "Always allow `npm run build *` in this session"),
    ("uv run pytest -q", "Always allow `uv run pytest *` in this session"),
    ("uv run python x.py", "Always allow `uv run python x.py` in this session"),
    ("pytest -q tests", "Always allow `pytest *` in this session"),
    ("python3 -m pytest -q", "Always allow `python3 -m pytest *` in this session"),
    ("python3 gen.py", "Always allow `python3 gen.py` in this session"),
    ("make check", "Always allow `make check` in this session"),
    ("rm -f build.log", "Always allow `rm -f build.log` in this session"),
    ("echo x > src/new.py", "Always allow edits in src/** in this session"),
    ("timeout 60 npm test", "Always allow `npm test *` in this session"),
    ("cd sub && make && make install", "Always allow `make` and `make install` in this session"),
    ("git -c a.b=c push", "Always allow `git -c a.b=c push` in this session"),
    ("npm exec tool", "Always allow `npm exec tool` in this session"),
    ("sudo make", "Always allow `sudo make` and `make` in this session"),
    ("FOO=1 make", "Always allow `env FOO=1 make` and `make` in this session"),
    ("cat .env", "Always allow reading .env in this session"),
    ("./script.sh", "Always allow `./script.sh` in this session"),
]


@pytest.mark.parametrize(("command", "name"), OFFERED)
async def test_the_option_names_the_rule(bench: Bench, command: str, name: str) -> None:
    person = Person("allow_once")
    await bench.gate(asker=person).authorize(CALL, bench.claims(command))
    assert name in [option.name for option in person.questions[0].options]


STICKS = [
    *(command for command, _ in OFFERED),
    "cat f | mytool -M -",
    "mycli gen -e 'line1\nline2\nline3'",
    'node -e "const x = 1;\nconsole.log(x)"',
    "cd sub && npx tsx -e 'a\nb\nc'",
    "cd /usr && make",
    "cat /usr/share/dict/words",
    "bash -c 'make'",
    "find . -name '*.o' -exec rm {} \\;",
    "xargs rm < f",
    "rm *.o",
    "mytool 'a * b' \"c?\" \\*",
    "git log; git push",
    "env X=1 nice make",
    "cp f /srv/elsewhere",
]


@pytest.mark.parametrize("command", STICKS)
async def test_always_sticks(bench: Bench, command: str) -> None:
    person = Person("allow_always")
    one = bench.gate(asker=person)
    assert isinstance(await one.authorize(CALL, bench.claims(command)), Approval)
    assert isinstance(await one.authorize(CALL, bench.claims(command)), Approval)
    assert len(person.questions) == 1


WORDS = st.lists(
    st.sampled_from(
        ["make", "git", "push", "npm", "run", "-v", "x y", "a*b", "it's", "sudo", "timeout", "5", "--", "-c"]
    ),
    min_size=1,
    max_size=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(words=WORDS)
async def test_any_command_that_offers_always_keeps_it(bench: Bench, words: Sequence[str]) -> None:
    claim = Claim("execute", " ".join(words), tuple(words))
    person = Person("allow_always")
    one = bench.gate(asker=person)
    first = await one.authorize(CALL, [claim])
    if isinstance(first, Approval):
        assert one.check([claim]).verdict == "allow"
        assert len(person.questions) <= 1


# what is granted, and what that must not allow
NOT_WIDER = [
    ("make check", "make check install"),
    ("make check", "make"),
    ("make check", "cd /usr && make check"),
    ("make check", "sudo make check"),
    ("make check", "CC=evil make check"),
    ("make check", "make check > src/main.py"),
    ("make check", "make check $(evil)"),
    ("git push", "git -c core.sshCommand=evil push"),
    ("git push", "git push --receive-pack=evil"),
    ("git push", "git push --exec=evil"),
    ("git push", "git push --exe=evil"),
    ("git push", "git pull"),
    ("git push", "./git push"),
    ("git push", "git push && make"),
    ("git push", "git push; git commit -m x"),
    ("git rebase main", "git rebase -x evil HEAD~1"),
    ("git submodule update", "git submodule foreach evil"),
    ("npm test", "npm test --script-shell ./evil"),
    ("npm run build", "npm run deploy"),
    ("cargo test", "cargo test --config evil.toml"),
    ("go test ./pkg", "go test -exec ./evil ./pkg"),
    ("pytest -q", "pytest -p evil"),
    ("rm *.o", "rm '*.o' src/main.py"),
    ("rm '*'", "rm *"),
    ("touch src/deep/x", "touch src/y"),
    ("echo x > src/deep/y", "echo x > src/y"),
    ("echo x > src/deep/y", "echo x > src/deep/../../.git/config"),
    ("cat .env", "cat .env.local"),
    ("timeout 5 make", "timeout 5 make install"),
]


@pytest.mark.parametrize(("granted", "other"), NOT_WIDER)
async def test_nothing_wider_is_granted(bench: Bench, granted: str, other: str) -> None:
    one = bench.gate(asker=Person("allow_always"))
    assert isinstance(await one.authorize(CALL, bench.claims(granted)), Approval)
    assert one.grants
    assert one.check(bench.claims(granted)).verdict == "allow"
    assert one.check(bench.claims(other)).verdict != "allow"


async def test_grants_are_per_operation(bench: Bench) -> None:
    path = str(bench.home / "elsewhere" / "deep" / "a.txt")
    one = bench.gate(asker=Person("allow_always"))
    await one.authorize(CALL, [Claim("read", path, None, False)])
    assert one.check([Claim("read", path, None, False)]).verdict == "allow"
    assert one.check([Claim("edit", path, None, False)]).verdict == "ask"


async def test_a_read_grant_never_reaches_home_as_a_whole(bench: Bench) -> None:
    one = bench.gate(asker=Person("allow_always"))
    await one.authorize(CALL, [Claim("read", str(bench.home / "a.txt"), None, False)])
    assert one.check([Claim("read", str(bench.home / "b.txt"), None, False)]).verdict == "ask"


async def test_a_folder_grant_does_not_reach_secrets(bench: Bench) -> None:
    folder = bench.home / "elsewhere" / "deep"
    one = bench.gate(asker=Person("allow_always"))
    await one.authorize(CALL, [Claim("read", str(folder / "a.txt"), None, False)])
    assert one.check([Claim("read", str(folder / "b.txt"), None, False)]).verdict == "allow"
    assert one.check([Claim("read", str(folder / ".env"), None, False)]).verdict == "ask"


async def test_restrictive_mode_grants_folders(bench: Bench) -> None:
    person = Person("allow_always")
    one = Gate((), "restrictive", person, roots=[bench.root])
    await one.authorize(CALL, [Claim("edit", str(bench.root / "src" / "a.py"))])
    assert "Always allow edits in src/** in this session" in [o.name for o in person.questions[0].options]
    assert one.check([Claim("edit", str(bench.root / "src" / "b.py"))]).verdict == "allow"
    assert one.check([Claim("edit", str(bench.root / "README.md"))]).verdict == "ask"


async def test_a_long_rule_is_not_spelled_out(bench: Bench) -> None:
    person = Person("allow_always")
    one = bench.gate(asker=person)
    await one.authorize(CALL, bench.claims(f"python3 -c '{'x = 1;' * 100}'"))
    names = [option.name for option in person.questions[0].options]
    assert "Always allow exactly this in this session" in names
    assert all(len(name) < 200 for name in names)
