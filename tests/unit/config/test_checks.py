"""What is wrong with providers and roles once all layers are together, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.config.conftest import Place

TYPE = "providers.a.provider_type"
LOCAL = {"base_url": "http://127.0.0.1:9/v1", "model": "m"}


def faults(place: Place, settings: dict[str, object]) -> list[tuple[str, str, str]]:
    place.write_own(settings)
    return [(problem.key, problem.message, problem.hint) for problem in place.load().problems]


def test_an_endpoint_needs_no_type(place: Place) -> None:
    assert faults(place, {"provider": "house", "providers": {"house": LOCAL}}) == []


@pytest.mark.parametrize(
    ("settings", "key", "message", "hint"),
    [
        ({"providers": {"house": {"model": "m"}}}, "providers.house", "neither base_url", '"base_url"'),
        ({"providers": {"claude-code": {}}}, "providers.claude-code", "neither base_url", "use anthropic"),
        ({"providers": {"a": {"provider_type": "antropic"}}}, TYPE, "known type", '"anthropic"'),
        ({"providers": {"a": {"provider_type": "xyzzy"}}}, TYPE, "known type", "custom"),
        ({"providers": {"a": {"provider_type": "oca"}}}, TYPE, "known type", "use oci"),
        ({"provider": "opnai"}, "provider", 'no provider "opnai"', '"openai"'),
        ({"provider": "house2", "providers": {"house": LOCAL}}, "provider", "no provider", '"house"'),
        ({"roles": {"smol": "opnai/gpt-5"}}, "roles.smol", 'no provider "opnai"', '"openai"'),
        ({"roles": {"smol": "xyzzy"}}, "roles.smol", 'no provider "xyzzy"', "docs/models.md"),
        ({"roles": {"critic": "openai-codex/gpt-5"}}, "roles.critic", "no provider", "use openai"),
        ({"roles": {"my role": "openai"}}, "roles.my role", "is no name for a role", "smol"),
        ({"fallback": ["openai/gpt-5", "xyzzy/m"]}, "fallback", 'no provider "xyzzy"', "docs/models.md"),
        ({"routing": {"low": 60}}, "routing.low", "low is 60, high 50", "not above high"),
        ({"routing": {"high": 10}}, "routing.high", "low is 20, high 10", "not above high"),
        ({"budget": {"day": {"warn": 5, "stop": 1}}}, "budget.day.warn", "above stop", "less than stop"),
        ({"providers": {"a": {**LOCAL, "url": "u"}}}, "providers.a.url", "unknown key", '"base_url"'),
        ({"providers": {"openai": {"type": "t"}}}, "providers.openai.type", "unknown", '"provider_type"'),
    ],
)  # fmt: skip
def test_what_is_wrong(place: Place, settings: dict[str, object], key: str, message: str, hint: str) -> None:
    (found,) = faults(place, settings)
    assert found[0] == key
    assert message in found[1]
    assert hint in found[2]


def test_roles_that_are_right(place: Place) -> None:
    """A role may be of one's own; what it names need not have a key yet."""
    roles = {"smol": "House/a/b", "slow": "OpenAI/gpt-5", "docs-writer": "google", "x_1": "house"}
    settings: dict[str, object] = {"providers": {"house": LOCAL}, "roles": roles, "fallback": ["zhipu/glm-5"]}
    assert faults(place, settings) == []
