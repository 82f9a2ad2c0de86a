"""Which model somebody means, and which a provider cannot have."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from acp_agent.config.schema import ProviderEntry, Settings
from acp_agent.errors import AuthRequired, InvalidParams
from acp_agent.models.naming import Resolved, possible, resolve
from acp_agent.models.routes import route, routes

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = ProviderEntry(
    base_url="http://127.0.0.1:9/v1", model="house-large", models=("house-small", "house-mini")
)
KEYS = {"OPENAI_API_KEY": "a", "OPENROUTER_API_KEY": "b", "ANTHROPIC_API_KEY": "c"}


def meant(tmp_path: Path, text: str, first: str = "openai") -> Resolved:
    """Of three providers, `first` in use."""
    env = {**KEYS, "ACP_AGENT_DATA_DIR": str(tmp_path)}
    providers = {"openai": ProviderEntry(), "openrouter": ProviderEntry(), "Local": LOCAL}
    settings = Settings(provider=first, providers=providers)
    found = routes(settings, env)
    assert found[0].alias == first
    return resolve(text, found, lambda alias, model: route(alias, settings, env, model))


@pytest.mark.parametrize(
    ("first", "text", "name"),
    [
        # as it is offered, by its whole name or its id
        ("openai", "openai/gpt-6-luna", "openai/gpt-6-luna"),
        ("openai", "GPT-6-luna", "openai/gpt-6-luna"),
        ("openai", "house-small", "Local/house-small"),
        ("openai", "local/house-small", "Local/house-small"),
        # known, if not offered; with its date
        ("openai", "gpt-4.1", "openai/gpt-4.1"),
        ("openai", "gpt-4o-2024-08-06", "openai/gpt-4o-2024-08-06"),
        ("openai", "openrouter/openai/gpt-4.1", "openrouter/openai/gpt-4.1"),
        ("openrouter", "openai/gpt-4.1", "openai/gpt-4.1"),
        ("Local", "anthropic/claude-opus-4.6", "openrouter/anthropic/claude-opus-4.6"),
        # a short name, of the provider in use before others
        ("openai", "4o", "openai/gpt-4o"),
        ("openrouter", "4o", "openrouter/openai/gpt-4o"),
        ("openai", "sonnet", "openrouter/anthropic/claude-sonnet-5.5"),
        ("openai", "openrouter/sonnet", "openrouter/anthropic/claude-sonnet-5.5"),
        # a part of an id
        ("Local", "mini", "Local/house-mini"),
        ("openai", "astra", "openai/gpt-6-astra"),
        ("openai", "argon", "openrouter/google/gemini-4-argon"),
        ("openai", "LOCAL/mini", "Local/house-mini"),
    ],
)
def test_a_model_that_is_there(tmp_path: Path, first: str, text: str, name: str) -> None:
    found = meant(tmp_path, f" {text} ", first)
    assert (found.route.name, found.unrecognised) == (name, False)


@pytest.mark.parametrize(
    ("first", "text", "name", "unrecognised"),
    [
        ("openai", "gpt-99-nova", "openai/gpt-99-nova", True),
        ("openai", "openai/gpt-99-nova", "openai/gpt-99-nova", True),
        ("openrouter", "somebody/new-1", "openrouter/somebody/new-1", True),
        ("openrouter", "google/gemini-99", "openrouter/google/gemini-99", True),
        ("openai", "openrouter/somebody/new-1", "openrouter/somebody/new-1", True),
        ("openai", "ft:gpt-4o:mine", "openai/ft:gpt-4o:mine", True),
        ("Local", "anything", "Local/anything", False),
        ("openai", "local/claude-99", "Local/claude-99", False),
    ],
)
def test_a_new_model_is_taken_and_said_to_be_new(
    tmp_path: Path, first: str, text: str, name: str, *, unrecognised: bool
) -> None:
    """Where no list is known nothing can be new."""
    found = meant(tmp_path, text, first)
    assert (found.route.name, found.unrecognised) == (name, unrecognised)
    assert found.route.price is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Which model"),
        ("claude-99", "openai has no model 'claude-99'; it has gpt-6.1-sol"),
        ("openai/gemini-2.5-pro", "openai has no model"),
        ("gpt-6", "Which one is 'gpt-6'"),
        ("local/house", "Which one is 'house'"),
        ("openai-codex/gpt-5.3-codex", "use openai with an API key"),
        ("OpenAI-Codex/gpt-5", "use openai with an API key"),
        ("claude-code/sonnet", "use anthropic with an API key"),
    ],
)
def test_what_cannot_be_or_is_not_clear(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InvalidParams, match=says):
        meant(tmp_path, text)


@pytest.mark.parametrize("first", ["openai", "openrouter", "Local"])
def test_models_of_the_login_of_another_product_fall_to_nobody(tmp_path: Path, first: str) -> None:
    with pytest.raises(InvalidParams, match="openai-codex is another product's login"):
        meant(tmp_path, "openai-codex/gpt-5.3-codex", first)


def test_a_provider_that_cannot_be_used_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(AuthRequired, match="GROQ_API_KEY"):
        meant(tmp_path, "groq/openai/gpt-oss-120b")


def test_a_provider_that_is_not_configured_may_be_named(tmp_path: Path) -> None:
    found = meant(tmp_path, "anthropic/claude-sonnet-4-5")
    assert (found.route.name, found.unrecognised) == ("anthropic/claude-sonnet-4-5", False)


STANDINGS = [
    ("openai", "gpt-5", "possible"),
    ("openai", "gpt-99", "unrecognised"),
    ("openai", "claude-sonnet-4-5", "impossible"),
    ("openai", "gpt-oss-120b", "impossible"),
    ("anthropic", "claude-sonnet-4-5-20250929", "possible"),
    ("anthropic", "claude-99", "unrecognised"),
    ("anthropic", "gpt-5", "impossible"),
    ("anthropic", "o3", "impossible"),
    ("anthropic", "codex-mini-latest", "impossible"),
    ("gemini", "gemini-2.5-pro", "possible"),
    ("gemini", "gemma-4-31b-it", "unrecognised"),
    ("gemini", "llama-3.3-70b", "impossible"),
    ("deepseek", "kimi-k3", "impossible"),
    ("groq", "claude-99", "unrecognised"),
    ("openrouter", "anthropic/claude-99", "unrecognised"),
    ("custom", "claude-99", "possible"),
    ("requesty", "anything", "possible"),
]


@pytest.mark.parametrize(("kind", "model", "standing"), STANDINGS)
def test_what_a_provider_can_have(kind: str, model: str, standing: str) -> None:
    assert possible(kind, model) == standing


def test_a_list_of_the_service_counts_too() -> None:
    there = partial(possible, "requesty", listed={"a/b"})
    assert (there("a/b"), there("a/c")) == ("possible", "unrecognised")
