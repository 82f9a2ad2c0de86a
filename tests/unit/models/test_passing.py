"""What the agent keeps for itself of its environment: the variables that it takes keys from."""

from __future__ import annotations

from acp_agent.config.schema import ProviderEntry, Settings
from acp_agent.models.passing import passing


def test_keys_that_are_taken_without_being_configured() -> None:
    own = passing(Settings()).own
    assert {"OPENAI_API_KEY", "GOOGLE_API_KEY", "ANTHROPIC_OAUTH_TOKEN"} <= own
    assert not own & {"HF_TOKEN", "DATABRICKS_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"}


def test_keys_of_what_is_configured() -> None:
    providers = {"mine": ProviderEntry("HuggingFace"), "house": ProviderEntry(api_key="${HOUSE_KEY}")}
    assert {"HF_TOKEN", "HOUSE_KEY"} <= passing(Settings(providers=providers)).own
    assert "DATABRICKS_TOKEN" in passing(Settings(provider="databricks")).own
