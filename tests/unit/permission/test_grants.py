"""What "always" stores: it sticks, and it reaches no further than it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acp_agent.errors import AgentError
from acp_agent.permission.claims import Claim
from acp_agent.permission.gate import Approval, Gate, Rule
from tests.unit.permission.support import CALL, FOR_PROJECT, WIDEST, Bench, Person

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
@pytest.mark.parametrize("answer", ["allow_always", WIDEST])
async def test_always_sticks(bench: Bench, command: str, answer: str) -> None:
    person = Person(answer)
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
    ("git push", "git push --force"),
    ("git push", "git push -fu origin main"),
    ("git push", "git push origin +main"),
    ("git push", "git push /srv/elsewhere main"),
    ("git commit -m x", "git commit --amend"),
    ("git checkout main", "git checkout -- ."),
    ("git clone https://a.example/x", "git clone -u evil https://a.example/x"),
    ("git clone https://a.example/x", "git clone -c core.sshCommand=evil https://a.example/x"),
    ("git clone https://a.example/x", "git clone https://a.example/x ../../elsewhere"),
    ("git clone https://a.example/x", "git clone https://a.example/x /srv/elsewhere"),
    ("git remote add up https://a.example/x", "git remote remove up"),
    ("python3 -m pytest -q", "python3 -m pytest -p evil"),
    ("python -m pytest", "python -m pytest -xp evil"),
    ("python3 -m pytest -q", "python3 -m http.server"),
    ("uv run pytest", "uv run pytest --override-ini=x=y"),
    ("uv run pytest", "uv run --with evil pytest"),
    ("go test ./pkg", "go test --exec ./evil ./pkg"),
    ("go test ./pkg", "go test -coverprofile=/etc/x ./pkg"),
    ("go test ./pkg", "go test -o evil ./pkg"),
    ("gh repo view", "gh repo delete x"),
    ("gh repo clone a/b", "gh repo clone a/b -- -u evil"),
    ("gh pr view 1", "gh pr merge 1"),
    ("pytest -q", "pytest --junitxml=src/main.py"),
    ("pytest -q", "pytest --basetemp=/"),
    ("pytest -q", "pytest /srv/elsewhere"),
    ("pytest -q", "pytest ../elsewhere"),
    ("pytest -q", "pytest ~/elsewhere"),
    ("pytest -q", "pytest --rootdir /"),
    ("pytest -q", "pytest --some-option=/srv/elsewhere"),
    ("pytest -q", "pytest -I/srv/elsewhere"),
    ("npm install", "npm install -g"),
    ("npm test", "npm --prefix /srv test"),
    ("npm run build", "npm run build -- --out ../../elsewhere"),
    ("ruff check", "ruff check --fix"),
    ("ruff check", "ruff format"),
    ("prettier src", "prettier --write src"),
    ("docker compose up", "docker compose -f evil.yml up"),
    ("docker volume create x", "docker volume rm x"),
    ("mvn test", "mvn test -Djvm=evil"),
    ("npm test", "npm test > src/main.py"),
    ("npm test", "npm test; evil"),
    ("npm test", "npm test $(evil)"),
    ("npm test", "npm test `evil`"),
    ("npm test", "npm test & evil"),
    ("npm test", "npm test | sh"),
    ("npm test", "npm test\nevil"),
    ("npm test", "LD_PRELOAD=./evil.so npm test"),
    ("npm test", "cd /srv && npm test"),
    ("npm test", "sudo npm test"),
    ("npm test", "./npm test"),
]


@pytest.mark.parametrize(("granted", "other"), NOT_WIDER)
async def test_nothing_wider_is_granted(bench: Bench, granted: str, other: str) -> None:
    one = bench.gate(asker=Person(WIDEST))
    assert isinstance(await one.authorize(CALL, bench.claims(granted)), Approval)
    assert one.grants
    assert one.check(bench.claims(granted)).verdict == "allow"
    assert one.check(bench.claims(other)).verdict != "allow"


async def test_scopes_come_the_narrowest_first(bench: Bench) -> None:
    person = Person("allow_once")
    one = Gate((), "restrictive", person, roots=[bench.root], store=Shelf())
    claims = {
        "git push origin": ["`git push origin`", "`git push *`", "`git push *` for the project"],
        "make": ["`make`", "`make` for the project"],
        "rm *.o": ["edits of exactly *.o and exactly `rm *.o`"] * 2,
        "cat .env": ["reading .env"],
    }
    for command, names in claims.items():
        await one.authorize(CALL, bench.claims(command))
        found = [option for option in person.questions[-1].options if option.kind == "allow_always"]
        assert [option.for_project for option in found[:-1]] == [False] * (len(found) - 1)
        assert [each.partition(" for the")[0] for each in names] == [named(option.name) for option in found]
    for claim, names in {
        Claim("mcp", "tracker/search"): ["calls of tracker/search", "calls of tracker/*"],
        Claim("network", "a.example"): ["reaching a.example"],
        Claim("edit", str(bench.root / "src/a.py")): ["edits of src/a.py", "edits in src/**"],
    }.items():
        await one.authorize(CALL, [claim])
        found = [each for each in person.questions[-1].options if each.kind == "allow_always"]
        assert [named(option.name) for option in found if not option.for_project] == names
        assert named(found[-1].name) == names[-1]
        assert found[-1].for_project


def named(name: str) -> str:
    return (
        name.removeprefix("Always allow ").removesuffix(" in this session").removesuffix(" in this project")
    )


async def test_a_server_is_granted_as_a_whole_and_alone(bench: Bench) -> None:
    one = bench.gate(asker=Person(WIDEST))
    await one.authorize(CALL, [Claim("mcp", "tracker/search")])
    assert one.check([Claim("mcp", "tracker/close")]).verdict == "allow"
    assert one.check([Claim("mcp", "tracker2/close")]).verdict == "ask"


# Commands made of parts: whatever is put around a granted one, what is added is not granted with it.
SAFE = st.sampled_from(["ls", "cat f", "git status", "echo 'a  b'", "wc -l f"])
GRANTED = st.sampled_from(
    ["npm test", "git push origin main", "make check", "node -e 'a\nb'", "python3 gen.py", "pytest -q src"]
)
MORE = st.sampled_from(
    [
        *("; evil", "&& evil", "| evil", "& evil", "\nevil", "|| evil", "> src/main.py", ">> f", "$(evil)"),
        *("`evil`", "$X", "<(evil)", "2> f", "> /srv/x", "../../x", "/srv/x", "~/x", "--config=/srv/x"),
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(granted=GRANTED, before=SAFE, after=SAFE, glue=st.sampled_from([" && ", "; ", " || "]))
async def test_a_granted_command_is_not_asked_about_among_harmless_ones(
    bench: Bench, granted: str, before: str, after: str, glue: str
) -> None:
    for answer in ("allow_always", WIDEST):
        one = bench.gate(asker=Person(answer))
        await one.authorize(CALL, bench.claims(granted))
        assert one.check(bench.claims(glue.join((before, granted, after)))).verdict == "allow"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=120)
@given(granted=GRANTED, more=MORE, answer=st.sampled_from(["allow_always", WIDEST]))
async def test_more_than_what_was_granted_is_asked_about(
    bench: Bench, granted: str, more: str, answer: str
) -> None:
    one = bench.gate(asker=Person(answer))
    await one.authorize(CALL, bench.claims(granted))
    assert one.check(bench.claims(granted)).verdict == "allow"
    assert one.check(bench.claims(f"{granted} {more}")).verdict == "ask"


class Shelf:
    """A grant store in memory; a list of two can be shared by gates."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.fails = False

    def load(self) -> tuple[Rule, ...]:
        return tuple(self.rules)

    def add(self, rules: Sequence[Rule]) -> None:
        if self.fails:
            raise AgentError("the disk is full")
        self.rules.extend(rules)

    def remove(self, rules: Sequence[Rule]) -> None:
        self.rules = [rule for rule in self.rules if rule not in rules]


async def test_what_is_granted_to_the_project_holds_in_its_other_sessions(bench: Bench) -> None:
    shelf = Shelf()
    one = Gate((), "standard", Person(FOR_PROJECT), roots=[bench.root], store=shelf)
    asked = Person("reject_once")
    other = Gate((), "standard", asked, roots=[bench.root], store=shelf)
    assert isinstance(await one.authorize(CALL, bench.claims("git push")), Approval)
    assert one.grants == ()
    assert isinstance(await other.authorize(CALL, bench.claims("git push -v")), Approval)
    assert asked.questions == []
    (rule,) = other.project_grants
    assert (rule.pattern, rule.source) == ("git push *", "this project")
    await one.revoke([rule])
    assert not isinstance(await other.authorize(CALL, bench.claims("git push -v")), Approval)
    assert len(asked.questions) == 1


async def test_what_cannot_be_kept_holds_for_the_session(bench: Bench) -> None:
    shelf = Shelf()
    shelf.fails = True
    one = Gate((), "standard", Person(FOR_PROJECT), roots=[bench.root], store=shelf)
    assert isinstance(await one.authorize(CALL, bench.claims("git push")), Approval)
    assert [rule.pattern for rule in one.grants] == ["git push *"]
    with pytest.raises(AgentError):
        await one.grant_to_project("execute", "make")


async def test_no_grant_lifts_what_is_above_them(bench: Bench) -> None:
    shelf = Shelf()
    shelf.rules = [
        Rule("edit", "/**", "allow", "this project"),
        Rule("execute", "*", "allow", "this project"),
    ]
    shelf.rules.append(Rule("read", "**", "allow", "this project"))
    one = Gate(
        [Rule("execute", "git push *", "deny")], "standard", Person("x"), roots=[bench.root], store=shelf
    )
    assert one.check(bench.claims("rm -rf /")).verdict == "deny"
    assert one.check(bench.claims("git push")).verdict == "deny"
    assert one.check([Claim("edit", str(bench.root / ".git/config"))]).verdict == "ask"
    assert one.check([Claim("read", str(bench.root / ".env"))]).verdict == "ask"
    assert one.check(bench.claims("echo $(evil)")).verdict == "ask"


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
    one = bench.gate(asker=Person(WIDEST))
    await one.authorize(CALL, [Claim("read", str(folder / "a.txt"), None, False)])
    assert one.check([Claim("read", str(folder / "b.txt"), None, False)]).verdict == "allow"
    assert one.check([Claim("read", str(folder / ".env"), None, False)]).verdict == "ask"


async def test_restrictive_mode_grants_folders(bench: Bench) -> None:
    person = Person(WIDEST)
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
