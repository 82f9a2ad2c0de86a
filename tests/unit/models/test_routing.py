"""How hard a prompt is: the score table, whole words, the order of what counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from acp_agent.config.schema import Routing
from acp_agent.models import routing as room
from acp_agent.models.roles import model_for, role_of
from acp_agent.models.routing import Asked, judge, weight_of

if TYPE_CHECKING:
    from acp_agent.models.routing import Strain

FOLDER = Path(room.__file__).parent
USUAL = Routing()


def test_the_table_has_its_form() -> None:
    schema = json.loads((FOLDER / "routing.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    data = json.loads((FOLDER / "routing.json").read_text(encoding="utf-8"))
    assert Draft202012Validator(schema).is_valid(data)


@pytest.mark.parametrize(
    ("tokens", "tools", "prompt", "role", "score"),
    [
        (50, (), "a simple rename", "smol", -7),
        (2000, (), "refactor the architecture", "slow", 65),
        (1500, (), "optimize this loop", "default", 38),
        (999, (), "hello", "smol", 19.98),
        (1000, (), "hello", "default", 20),
        (2500, (), "hello", "default", 50),
        (2501, (), "hello", "slow", 50.02),
        (500, ("read", "ls", "grep"), "hello", "smol", 13),
        (500, ("subagent",), "hello", "default", 20),
        (500, ("bash", "edit", "write"), "hello", "smol", 19),
        (500, ("mcp__x__y",) * 4, "hello", "default", 22),
        (0, ("read",) * 3, "find and list and read", "smol", -15),
        (500, (), "Security audit, and DEBUG it.", "default", 30),
        (100, (), "the already-threaded blacklist of tools, false", "smol", 2),
        (100, (), "debug debug debug", "smol", 10),
    ],
)
def test_score(tokens: int, tools: tuple[str, ...], prompt: str, role: str, score: float) -> None:
    verdict = judge(Asked(prompt, tokens, tools), USUAL)
    assert (verdict.role, verdict.score) == (role, pytest.approx(score))


@pytest.mark.parametrize(
    ("prompt", "role"),
    [
        ("give me a quick  answer about architecture", "smol"),
        ("think deeply about this", "slow"),
        ("please use opus for this", "slow"),
        ("switch to haiku", "smol"),
        ("use sonnet", "default"),
        ("look at it carefully", "slow"),
        ("reuse sonnets", "default"),
    ],
)
def test_what_the_user_says_counts_more_than_the_score(prompt: str, role: str) -> None:
    assert judge(Asked(prompt, 1500), USUAL).role == role
    assert "you said" in judge(Asked(prompt, 1500), USUAL).why or prompt == "reuse sonnets"


@pytest.mark.parametrize(
    ("strain", "prompt", "tokens", "role", "score"),
    [
        ("over", "think deeply", 5000, "smol", 0),
        ("warned", "refactor the architecture", 2000, "default", 32.5),
        ("warned", "refactor the architecture", 200, "smol", 14.5),
        ("warned", "think deeply", 50, "slow", 0),
    ],
)
def test_money_counts_most(strain: Strain, prompt: str, tokens: int, role: str, score: float) -> None:
    verdict = judge(Asked(prompt, tokens, strain=strain), USUAL)
    assert (verdict.role, verdict.score) == (role, score)


def test_settings_count() -> None:
    mine = Routing(low=1, high=5, keywords={"kernel module": 12, "debug": 0})
    assert judge(Asked("a Kernel\nmodule", 0), mine).role == "slow"
    assert judge(Asked("debug it", 0), mine).role == "smol"


def test_the_reason_is_told() -> None:
    assert judge(Asked("debug the design", 100, ["bash"]), USUAL).why == (
        "23 points: 2 for its length, 3 for the tools before, design +10, debug +8"
    )


@given(st.text(alphabet="abcxyz_1é"), st.text(alphabet="abcxyz_1é"))
def test_words_within_words_do_not_count(before: str, after: str) -> None:
    score = judge(Asked(f"{before}debug{after}", 0), USUAL).score
    assert score == (0 if before or after else 8)


@pytest.mark.parametrize(
    ("tool", "points"), [("read", 1), ("rg", 1), ("bash", 3), ("plugin_tool", 3), ("delegate_task", 10)]
)
def test_tools(tool: str, points: int) -> None:
    assert weight_of(tool) == points


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("fast", "smol"), ("small", "smol"), ("large", "slow"), ("thinking", "slow"), ("planning", "plan"),
        ("architect", "plan"), ("git", "commit"), ("Code-Review", "review"), ("default", "default"),
        ("digital", None), ("tools", None), ("nonsense", None),
    ],
)  # fmt: skip
def test_names_of_roles(name: str, role: str | None) -> None:
    assert role_of(name) == role


def test_who_does_what_nobody_is_named_for() -> None:
    assert model_for("review", {}) is None
    assert model_for("review", {"default": "a/m"}) == "a/m"
    assert model_for("review", {"default": "a/m", "code-review": "b/m"}) == "b/m"
    for role in ("critic", "approval"):
        assert model_for(role, {"default": "a/m"}) is None
        assert model_for(role, {"default": "a/m", role: "b/m"}) == "b/m"
