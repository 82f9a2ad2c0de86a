"""The gate's decisions, questions and approvals."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.errors import PeerError, PeerTimeout
from acp_agent.permission.claims import Claim, digest
from acp_agent.permission.deciders import DECIDERS, settled
from acp_agent.permission.gate import (
    MODES,
    REMEMBERED,
    Answer,
    Approval,
    Gate,
    Mode,
    Refusal,
    Rule,
    Unattended,
)
from acp_agent.permission.rules import SEVERITY
from tests.unit.permission.support import CALL, Bench, Nobody, Person

if TYPE_CHECKING:
    from acp_agent.permission.gate import Question

ROOT = "/srv/project"
EVERY_MODE: tuple[Mode, ...] = get_args(Mode)


def edit(path: str, inside: bool = True) -> Claim:
    return Claim("edit", path, None, inside)


def read(path: str, inside: bool = True) -> Claim:
    return Claim("read", path, None, inside)


def run(*argv: str, inside: bool = True) -> Claim:
    return Claim("execute", " ".join(argv), argv, inside)


def gate(mode: Mode = "standard", *rules: Rule) -> Gate:
    return Gate(rules, mode, Nobody(), roots=[ROOT])


def test_modes_are_described() -> None:
    assert [mode.id for mode in MODES] == list(EVERY_MODE)
    assert all(mode.name and mode.description for mode in MODES)


# claim, then what happens in standard, restrictive, accept, yolo and plan
BY_MODE = [
    (read(f"{ROOT}/a.py"), "allow allow allow allow allow"),
    (read("/somewhere/a.py", inside=False), "ask ask ask allow ask"),
    (read("/dev/null", inside=False), "allow allow allow allow allow"),
    (read("/etc/os-release", inside=False), "allow allow allow allow allow"),
    (read(f"{ROOT}/.env"), "ask ask ask allow ask"),
    (read(f"{ROOT}/.ENV"), "ask ask ask allow ask"),
    (read(f"{ROOT}/deploy/server.pem"), "ask ask ask allow ask"),
    (read(f"{ROOT}/.env.example"), "allow allow allow allow allow"),
    (read("/home/u/.ssh/id_rsa", inside=False), "ask ask ask allow ask"),
    (edit(f"{ROOT}/a.py"), "allow ask allow allow deny"),
    (edit(f"{ROOT}/.env"), "ask ask ask allow deny"),
    (edit("/somewhere/a.py", inside=False), "ask ask ask allow deny"),
    (edit("/dev/null", inside=False), "allow allow allow allow allow"),
    (edit(f"{ROOT}/.git/hooks/pre-commit"), "ask ask ask ask deny"),
    (edit(f"{ROOT}/.GIT/config"), "ask ask ask ask deny"),
    (edit(f"{ROOT}/.g\u200cit/config"), "ask ask ask ask deny"),
    (edit(f"{ROOT}/.git./config"), "ask ask ask ask deny"),
    (edit(f"{ROOT}/.acp-agent/config.json"), "ask ask ask ask deny"),
    (edit(f"{ROOT}/.vscode/tasks.json"), "ask ask ask ask deny"),
    (edit(f"{ROOT}/.vscode/settings.json"), "ask ask ask ask deny"),
    (edit(f"{ROOT}/.idea/workspace.xml"), "ask ask ask ask deny"),
    (edit(f"{ROOT}/.zed/settings.json"), "ask ask ask ask deny"),
    (edit(f"{ROOT}/.Cursor/mcp.json"), "ask ask ask ask deny"),
    (edit(f"{ROOT}/.bashrc"), "ask ask ask ask deny"),
    (edit(f"{ROOT}/AGENTS.md"), "ask ask ask ask deny"),
    (edit(f"{ROOT}/lib/CLAUDE.md"), "ask ask ask ask deny"),
    (edit(f"{ROOT}/.github/workflows/ci.yml"), "ask ask ask ask deny"),
    (edit("/etc/passwd", inside=False), "deny deny deny deny deny"),
    (edit("/dev/sda", inside=False), "deny deny deny deny deny"),
    (edit("/boot/vmlinuz", inside=False), "deny deny deny deny deny"),
    (run("ls", "-la"), "allow allow allow allow allow"),
    (run("npm", "test"), "ask ask ask allow deny"),
    (run("ls", inside=False), "ask ask ask allow ask"),
    (run("/bin/mkfs.ext4", "/dev/sda1"), "deny deny deny deny deny"),
    (
        Claim("execute", "echo $(date)", None, False, "not understood: a command substitution"),
        "ask ask ask allow deny",
    ),
    (Claim("network", "example.com", None, False), "ask ask ask allow deny"),
    (Claim("mcp", "server/tool"), "ask ask ask allow deny"),
    (Claim("agent", "a helper"), "ask ask ask allow ask"),
    (Claim("memory", "add"), "allow ask allow allow ask"),
    (Claim("skill", "release"), "allow allow allow allow allow"),
    (Claim("meta", "plan"), "allow allow allow allow allow"),
]


@pytest.mark.parametrize(("claim", "expected"), BY_MODE, ids=lambda value: getattr(value, "resource", None))
def test_modes(claim: Claim, expected: str) -> None:
    assert [gate(mode).check([claim]).verdict for mode in EVERY_MODE] == expected.split()


def test_the_mode_can_be_changed_at_any_time() -> None:
    one = gate()
    assert one.check([run("make")]).verdict == "ask"
    one.mode = "yolo"
    assert one.check([run("make")]).verdict == "allow"


ALLOW_GIT = Rule("execute", "git *", "allow")
# rules, claim, expected; all in standard mode
WITH_RULES = [
    ([ALLOW_GIT], run("git", "push"), "allow"),
    ([ALLOW_GIT, Rule("execute", "git push *", "deny")], run("git", "push", "-f"), "deny"),
    ([Rule("execute", "git push *", "deny"), ALLOW_GIT], run("git", "push"), "allow"),
    ([Rule("execute", "ls *", "ask")], run("ls"), "ask"),
    ([Rule("edit", "build/**", "deny")], edit(f"{ROOT}/build/out.txt"), "deny"),
    ([Rule("edit", "build/**", "deny")], edit(f"{ROOT}/src/out.txt"), "allow"),
    ([Rule("edit", "/srv/other/**", "allow")], edit("/srv/other/x", inside=False), "allow"),
    ([Rule("edit", "**", "allow")], edit("/srv/other/x", inside=False), "ask"),
    ([Rule("read", "*.key", "deny")], read(f"{ROOT}/deep/a.key"), "deny"),
    ([Rule("read", ".env", "deny")], read("/srv/other/.env", inside=False), "deny"),
    ([Rule("read", ".env", "allow")], read(f"{ROOT}/.env"), "allow"),
    ([Rule("read", "**", "allow")], read(f"{ROOT}/.env"), "ask"),
    ([Rule("edit", "**", "allow")], edit(f"{ROOT}/.git/config"), "ask"),
    ([Rule("edit", ".git/config", "allow")], edit(f"{ROOT}/.git/config"), "ask"),
    ([Rule("*", "*", "allow")], edit("/etc/shadow", inside=False), "deny"),
    ([Rule("mcp", "files/*", "allow")], Claim("mcp", "files/read"), "allow"),
    ([Rule("network", "*.example.com", "allow")], Claim("network", "api.example.com"), "allow"),
    ([Rule("network", "*.example.com", "allow")], Claim("network", "example.com.evil.net"), "ask"),
    # a project's rules only tighten
    (
        [Rule("execute", "make *", "ask", "project", True), Rule("execute", "make *", "allow")],
        run("make"),
        "ask",
    ),
    ([Rule("execute", "ls *", "ask", "project", True)], run("ls"), "ask"),
    ([ALLOW_GIT, Rule("execute", "git *", "deny", "project", True)], run("git", "log"), "deny"),
    ([Rule("execute", "make *", "allow", "project", True)], run("make"), "ask"),
]


@pytest.mark.parametrize(("rules", "claim", "expected"), WITH_RULES)
def test_configured_rules(rules: list[Rule], claim: Claim, expected: str) -> None:
    assert gate("standard", *rules).check([claim]).verdict == expected


@pytest.mark.parametrize("mode", EVERY_MODE)
def test_a_configured_denial_holds_in_every_mode(mode: Mode) -> None:
    decision = gate(mode, Rule("execute", "git push *", "deny", "config.json")).check([run("git", "push")])
    assert decision.verdict == "deny"
    assert decision.reason == "config.json: deny execute git push *"


@pytest.mark.parametrize("mode", EVERY_MODE)
def test_a_way_of_working_denies_operations(mode: Mode) -> None:
    one = gate(mode)
    one.denied = frozenset(("read", "agent:files/write"))
    assert one.check([read(f"{ROOT}/a")]).verdict == "deny"
    assert one.check([Claim("agent", "files/write")]).verdict == "deny"
    assert one.check([Claim("agent", "other/write")]).verdict != "deny"


def test_accept_mode_takes_back_a_configured_ask_but_only_inside() -> None:
    rules = (Rule("edit", "**", "ask"), Rule("meta", "*", "ask"))
    one = gate("accept", *rules)
    assert one.check([Claim("meta", "question")]).verdict == "allow"
    assert one.check([edit(f"{ROOT}/a")]).verdict == "allow"
    assert one.check([edit("/srv/b", inside=False)]).verdict == "ask"


def test_an_edit_by_a_command_is_asked_about_unless_edits_are_accepted() -> None:
    claims = [run("echo", "x"), edit(f"{ROOT}/a")]
    assert gate().check(claims).verdict == "ask"
    assert gate("accept").check(claims).verdict == "allow"
    assert gate("standard", Rule("edit", "**", "allow")).check(claims).verdict == "allow"


def test_the_most_dangerous_claim_decides_and_every_vote_is_kept() -> None:
    claims = [run("ls"), run("make"), edit("/etc/passwd", inside=False)]
    decision = gate().check(claims)
    assert decision.verdict == "deny"
    assert "/etc/passwd" in decision.reason
    names = [name for name, _ in DECIDERS]
    for claim in claims:
        assert [vote.decider for vote in decision.trace if vote.claim == claim][: len(names)] == names
    said = {(vote.decider, vote.claim.resource): vote.verdict for vote in decision.trace}
    assert said["hard floor", "/etc/passwd"] == "deny"
    assert said["built-in rules", "ls"] == "allow"
    assert said["session grants", "ls"] is None


def test_a_call_without_claims_has_no_effect() -> None:
    assert gate().check([]).verdict == "allow"


def test_a_root_that_is_the_whole_disk_is_no_root(bench: Bench) -> None:
    one = Gate([Rule("edit", "**", "allow")], "standard", Nobody(), roots=["/"])
    assert one.check([edit(str(bench.root / "f"), inside=False)]).verdict == "ask"


# Asking --------------------------------------------------------------------------------------------


async def test_allowed_and_denied_calls_ask_nobody(bench: Bench) -> None:
    one = bench.gate()
    assert isinstance(await one.authorize(CALL, [run("ls")]), Approval)
    refusal = await one.authorize(CALL, [edit("/etc/passwd", inside=False)])
    assert isinstance(refusal, Refusal)
    assert "/etc/passwd" in refusal.reason
    assert "another way" in refusal.reason
    assert not refusal.cancelled


async def test_options_name_the_rule_and_come_once_each(bench: Bench) -> None:
    person = Person("allow_once")
    await bench.gate(asker=person).authorize(CALL, bench.claims("git push origin main"))
    [question] = person.questions
    assert question.call == CALL
    assert [(option.kind, option.name) for option in question.options] == [
        ("allow_once", "Allow once"),
        ("allow_always", "Always allow `git push origin main` in this session"),
        ("allow_always", "Always allow `git push *` in this session"),
        ("reject_once", "Reject"),
        ("reject_always", "Always reject `git push *` in this session"),
    ]


async def test_allow_once_holds_once(bench: Bench) -> None:
    person = Person("allow_once")
    one, claims = bench.gate(asker=person), bench.claims("make")
    assert isinstance(await one.authorize(CALL, claims), Approval)
    assert isinstance(await one.authorize(CALL, claims), Approval)
    assert len(person.questions) == 2
    assert one.grants == ()


async def test_reject_once_gives_the_words_of_the_user_to_the_model(bench: Bench) -> None:
    one = bench.gate(asker=Person("reject_once", words="use the other script"))
    refusal = await one.authorize(CALL._replace(title="Run make"), bench.claims("make"))
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith("The user refused: Run make.")
    assert "use the other script" in refusal.reason


async def test_reject_always_is_remembered_and_beats_every_grant(bench: Bench) -> None:
    person = Person("allow_always", "reject_always")
    one = bench.gate(asker=person)
    await one.authorize(CALL, bench.claims("cargo test"))
    await one.authorize(CALL, bench.claims("cargo test && cargo publish"))
    refusal = await one.authorize(CALL, bench.claims("cargo publish"))
    assert isinstance(refusal, Refusal)
    assert len(person.questions) == 2
    one.mode = "yolo"
    assert one.check(bench.claims("cargo publish")).verdict == "deny"
    assert one.check(bench.claims("cargo test")).verdict == "allow"


@pytest.mark.parametrize("answer", ["no-such-option", "", "allow", "ALLOW_ONCE", None])
async def test_every_answer_that_was_not_offered_is_a_denial(bench: Bench, answer: str | None) -> None:
    refusal = await bench.gate(asker=Person(answer)).authorize(CALL, bench.claims("make"))
    assert isinstance(refusal, Refusal)
    assert refusal.cancelled is (answer is None)


async def test_always_is_not_offered_for_what_was_not_understood(bench: Bench) -> None:
    person = Person("allow_always")
    refusal = await bench.gate(asker=person).authorize(CALL, bench.claims("echo $(make)"))
    assert [option.kind for option in person.questions[0].options] == ["allow_once", "reject_once"]
    assert isinstance(refusal, Refusal)


async def test_always_is_not_offered_for_guarded_files(bench: Bench) -> None:
    person = Person("allow_once")
    await bench.gate(asker=person).authorize(CALL, [edit(str(bench.root / ".git/config"))])
    assert [option.kind for option in person.questions[0].options] == ["allow_once", "reject_once"]


@pytest.mark.parametrize("error", [PeerError("the editor said no"), PeerTimeout("no answer in time")])
async def test_an_error_while_asking_is_a_denial(bench: Bench, error: PeerError) -> None:
    class Failing:
        async def ask(self, question: Question) -> Answer:
            raise error

    refusal = await Gate((), "standard", Failing()).authorize(CALL, [run("make")])
    assert isinstance(refusal, Refusal)
    assert str(error) in refusal.reason


async def test_cancelling_goes_through_and_leaves_nothing(bench: Bench) -> None:
    class Silent:
        async def ask(self, question: Question) -> Answer:
            await anyio.sleep_forever()
            raise AssertionError

    one = Gate((), "standard", Silent())
    with anyio.move_on_after(0.01) as scope:
        await one.authorize(CALL, [run("make")])
    assert scope.cancelled_caught
    assert one.grants == ()


async def test_nobody_to_ask_is_a_denial_with_a_reason() -> None:
    refusal = await Gate((), "standard", Unattended("this run is not watched")).authorize(CALL, [run("make")])
    assert isinstance(refusal, Refusal)
    assert "this run is not watched" in refusal.reason
    assert not refusal.cancelled


async def test_what_was_forbidden_while_the_person_thought_stays_forbidden() -> None:
    class Slow:
        async def ask(self, question: Question) -> Answer:
            one.denied = frozenset(("execute",))
            return Answer(question.options[0].id)

    one = Gate((), "standard", Slow())
    assert isinstance(await one.authorize(CALL, [run("make")]), Refusal)


async def test_a_title_cannot_hide_characters() -> None:
    call = CALL._replace(title="Run ls\x1b[2K\u202egnp")
    refusal = await Gate((), "standard", Unattended()).authorize(call, [run("make")])
    assert isinstance(refusal, Refusal)
    assert "\x1b" not in refusal.reason
    assert "\\u{202e}" in refusal.reason


# Repeated refusals ---------------------------------------------------------------------------------


async def test_the_fourth_time_is_not_asked(bench: Bench) -> None:
    person = Person("reject_once")
    one = bench.gate(asker=person)
    for _ in range(3):
        await one.authorize(CALL, bench.claims("make deploy"))
    refusal = await one.authorize(CALL, bench.claims("make deploy"))
    assert len(person.questions) == 3
    assert isinstance(refusal, Refusal)
    assert "make deploy" in refusal.reason
    assert one.check(bench.claims("make test")).verdict == "ask"
    assert one.check(bench.claims("true && make deploy")).verdict == "deny"


async def test_an_approval_forgets_the_refusals(bench: Bench) -> None:
    person = Person("reject_once", "reject_once", "allow_once", "reject_once")
    one = bench.gate(asker=person)
    for _ in range(5):
        await one.authorize(CALL, bench.claims("make deploy"))
    assert len(person.questions) == 5


async def test_refusals_only_tighten_an_ask(bench: Bench) -> None:
    one = bench.gate(asker=Person("reject_once"))
    for _ in range(3):
        await one.authorize(CALL, bench.claims("make"))
    assert one.check(bench.claims("make")).verdict == "deny"
    one.mode = "yolo"
    assert one.check(bench.claims("make")).verdict == "allow"


# Invariants ----------------------------------------------------------------------------------------

PATHS = st.sampled_from(
    [f"{ROOT}/a.py", f"{ROOT}/.env", f"{ROOT}/.git/config", "/etc/passwd", "/etc/hosts", "/dev/null", "/x/y"]
)
CLAIMS = st.one_of(
    st.builds(edit, PATHS, st.booleans()),
    st.builds(read, PATHS, st.booleans()),
    st.builds(
        run,
        st.sampled_from(["ls", "git", "npm", "rm", "timeout", "mkfs"]),
        st.sampled_from(["-la", "status", "push", "5", "-c"]),
        inside=st.booleans(),
    ),
    st.builds(
        Claim, st.sampled_from(["network", "mcp", "memory", "skill", "agent", "meta"]), st.just("thing")
    ),
    st.builds(Claim, st.just("execute"), st.just("$x"), st.none(), st.booleans(), st.just("not understood")),
)
MODE = st.sampled_from(EVERY_MODE)
RULES = st.builds(
    Rule,
    st.sampled_from(["*", "read", "edit", "execute", "mcp"]),
    st.sampled_from(["*", "**", "git *", "npm push", ".env", "/etc/**", "~/x", "timeout *", "$x"]),
    st.sampled_from(["allow", "ask", "deny"]),
    st.just("test"),
    st.booleans(),
)


@given(st.lists(RULES, max_size=4), MODE, st.lists(CLAIMS, min_size=1), st.lists(CLAIMS))
def test_more_claims_never_weaken_a_decision(
    rules: list[Rule], mode: Mode, claims: list[Claim], more: list[Claim]
) -> None:
    one = Gate(rules, mode, Nobody(), roots=[ROOT])
    before, after = one.check(claims), one.check([*claims, *more])
    assert SEVERITY[after.verdict] >= SEVERITY[before.verdict]
    assert one.check([*more, *claims]).verdict == after.verdict


@given(st.lists(RULES, max_size=4), MODE, st.lists(CLAIMS, min_size=1))
def test_checking_changes_nothing(rules: list[Rule], mode: Mode, claims: list[Claim]) -> None:
    one = Gate(rules, mode, Nobody(), roots=[ROOT])
    assert one.check(claims) == one.check(claims)


@given(st.lists(RULES, max_size=4), CLAIMS)
def test_a_command_that_was_not_understood_is_allowed_by_no_rule(rules: list[Rule], claim: Claim) -> None:
    unclear = Claim("execute", "$x", None, False, "not understood")
    assert Gate(rules, "accept", Nobody(), roots=[ROOT]).check([claim, unclear]).verdict != "allow"


@given(st.lists(CLAIMS, min_size=1), st.lists(CLAIMS, min_size=1), st.text(), st.text())
def test_an_approval_is_for_one_call_and_its_claims(
    claims: list[Claim], others: list[Claim], call_id: str, other_id: str
) -> None:
    approval = Approval(call_id, digest(claims), gate().check(claims))
    assert approval.covers(call_id, claims)
    assert approval.covers(other_id, claims) is (other_id == call_id)
    assert approval.covers(call_id, others) is (others == claims)


# What is remembered ----------------------------------------------------------------------------------


async def test_decisions_are_remembered_with_what_was_said() -> None:
    person = Person("allow_once", "reject_once")
    never = Rule("execute", "rm *", "deny")
    asking = Gate((never,), "standard", person, roots=[ROOT])
    await asking.authorize(CALL, [read(f"{ROOT}/a.py")])
    await asking.authorize(CALL, [run("make")])
    await asking.authorize(CALL, [run("make", "test")])
    await asking.authorize(CALL, [run("rm", "x")])
    found = [(each.outcome, each.answer, each.decision.verdict) for each in asking.decisions]
    assert found == [
        ("allowed", "", "allow"),
        ("allowed", "Allow once", "ask"),
        ("denied", "Reject", "ask"),
        ("denied", "", "deny"),
    ]
    (last,) = settled(asking.decisions[-1].decision)
    assert (last.decider, last.verdict) == ("configured denials", "deny")
    (accepted,) = settled(gate("accept").check([Claim("edit", f"{ROOT}/a", None, True)]))
    assert accepted.verdict == "allow"


async def test_only_the_latest_decisions_are_remembered() -> None:
    asking = gate()
    for number in range(REMEMBERED + 5):
        await asking.authorize(CALL, [read(f"{ROOT}/{number}")])
    assert len(asking.decisions) == REMEMBERED
    assert asking.decisions[-1].claims[0].resource == f"{ROOT}/{REMEMBERED + 4}"


async def test_grants_are_given_and_revoked() -> None:
    asking = gate()
    rule = asking.grant("execute", "make *")
    assert asking.check([run("make", "test")]).verdict == "allow"
    assert asking.check([edit(f"{ROOT}/.git/config")]).verdict == "ask"
    await asking.revoke([rule, rule])
    assert asking.grants == ()
    assert asking.check([run("make", "test")]).verdict == "ask"
