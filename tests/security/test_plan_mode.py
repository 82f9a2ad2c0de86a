"""In plan mode nothing is changed, whatever has been allowed before and however it is put."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.permission.claims import Claim
from acp_agent.permission.gate import Approval, Gate, Refusal, Rule
from tests.security.test_composition import BUDGET, DANGEROUS, UNCLEAR, UNDERSTOOD, composed
from tests.security.test_shell_attacks import ASK, NOT_BLOCKED
from tests.unit.permission.support import CALL, Nobody, Person

if TYPE_CHECKING:
    from acp_agent.permission.gate import Answer, Decision, Question
    from tests.unit.permission.support import Bench

EVERYTHING = [
    Rule("*", "**", "allow"),
    Rule("*", "*", "allow"),
    *(Rule("edit", pattern, "allow") for pattern in ("/**", "**", "f", "src/**")),
    *(Rule("execute", f"{program} *", "allow") for program in ("rm", "touch", "npm", "git", "bash", "sudo")),
    Rule("network", "*", "allow"),
    Rule("mcp", "*", "allow"),
]


def acts(decision: Decision) -> bool:
    """Whether the call would do more than read, as far as its claims tell."""
    return any(vote.decider == "plan mode" and vote.verdict == "deny" for vote in decision.trace)


@pytest.mark.parametrize("command", NOT_BLOCKED)
def test_everyday_reading_goes_on(bench: Bench, command: str) -> None:
    decision = bench.decide(command, "plan")
    assert decision.verdict == bench.verdict(command), decision.reason


@pytest.mark.parametrize("command", [command for kind in ASK.values() for command in kind])
def test_no_rule_allows_a_command_that_acts(bench: Bench, command: str) -> None:
    (bench.root / ".env").touch()
    decision = bench.decide(command, "plan", EVERYTHING)
    assert decision.verdict == "deny" or not acts(decision)
    if any(claim.operation in ("edit", "network") for claim in bench.claims(command)):
        assert decision.verdict == "deny"


@BUDGET
@given(command=composed(DANGEROUS, UNDERSTOOD + UNCLEAR))
def test_no_composition_is_allowed(bench: Bench, command: str) -> None:
    (bench.root / ".env").touch()
    assert bench.verdict(command, "plan") in ("ask", "deny")


WRITERS = [
    ["rm", "f"],
    ["touch", "x"],
    ["npm", "test"],
    ["tee", "f"],
    ["git", "push"],
    ["sed", "-i", "s/a/b/", "f"],
]


@BUDGET
@given(command=composed(WRITERS, UNDERSTOOD + UNCLEAR))
def test_no_composition_hides_a_change(bench: Bench, command: str) -> None:
    assert bench.verdict(command, "plan", EVERYTHING) == "deny"


ANYWHERE = st.booleans()
CHANGES = st.one_of(
    st.builds(
        Claim, st.just("edit"), st.sampled_from(["/srv/p/a", "/srv/p/.env", "/x"]), st.none(), ANYWHERE
    ),
    st.builds(
        Claim,
        st.just("execute"),
        st.just("npm test"),
        st.sampled_from([("npm", "test"), None, ()]),
        ANYWHERE,
        st.sampled_from(["", "not understood"]),
    ),
    st.builds(
        Claim, st.sampled_from(["network", "mcp"]), st.sampled_from(["a.com", "a/b"]), st.none(), ANYWHERE
    ),
)


@BUDGET
@given(CHANGES)
async def test_neither_rules_nor_grants_lift_it(claim: Claim) -> None:
    person = Person("allow_always")
    gate = Gate(EVERYTHING, "standard", person, roots=["/srv/p"])
    await gate.authorize(CALL, [claim])
    gate.mode = "plan"
    refusal = await gate.authorize(CALL, [claim])
    assert isinstance(refusal, Refusal)
    assert not refusal.cancelled
    assert "plan" in refusal.reason


async def test_a_grant_does_not_lift_it_and_holds_again_afterwards(bench: Bench) -> None:
    person = Person("allow_always")
    gate = Gate((), "standard", person, roots=[bench.root])
    claims = bench.claims("npm test")
    assert isinstance(await gate.authorize(CALL, claims), Approval)
    gate.mode = "plan"
    assert isinstance(await gate.authorize(CALL, claims), Refusal)
    gate.mode = "standard"
    assert isinstance(await gate.authorize(CALL, claims), Approval)
    assert len(person.questions) == 1


async def test_an_answer_that_comes_after_the_switch_to_plan_allows_nothing(bench: Bench) -> None:
    class Late(Person):
        async def ask(self, question: Question) -> Answer:
            gate.mode = "plan"
            return await super().ask(question)

    gate = Gate((), "standard", Late("allow_once"), roots=[bench.root])
    assert isinstance(await gate.authorize(CALL, bench.claims("npm test")), Refusal)


async def test_the_refusal_says_what_to_do(bench: Bench) -> None:
    refusal = await Gate((), "plan", Nobody(), roots=[bench.root]).authorize(CALL, bench.claims("touch x"))
    assert isinstance(refusal, Refusal)
    assert "Write the plan down" in refusal.reason


def test_denials_and_the_floor_speak_first(bench: Bench) -> None:
    rules = [Rule("execute", "git push *", "deny", "config.json"), Rule("read", "f", "deny", "config.json")]
    assert bench.decide("git push", "plan", rules).reason == "config.json: deny execute git push *"
    passwd = Claim("edit", "/etc/passwd", None, False)
    assert bench.gate("plan").check([passwd]).reason.startswith("never allowed")
    assert bench.verdict("ls", "plan", [Rule("execute", "ls *", "ask")]) == "ask"
    inside = Claim("read", str(bench.root / "f"))
    assert bench.gate("plan", rules).check([inside]).verdict == "deny"
