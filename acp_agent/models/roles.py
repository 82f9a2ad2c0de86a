"""Which model does particular work: what the settings say of roles, and what counts without that."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ALIASES = {
    "fast": "smol",
    "small": "smol",
    "large": "slow",
    "thinking": "slow",
    "planning": "plan",
    "architect": "plan",
    "git": "commit",
    "code-review": "review",
}
WITHOUT_FALLBACK = frozenset({"critic", "approval"})
"""Work that is not done at all unless a model is named for it."""
FALL_BACK = frozenset(
    {"smol", "default", "slow", "plan", "commit", "review", "escalation", "summarization", "subagent"}
)
KNOWN = FALL_BACK | WITHOUT_FALLBACK


def role_of(name: str) -> str | None:
    """The role that a person means by `name`; None when there is none."""
    word = name.lower()
    role = ALIASES.get(word, word)
    return role if role in KNOWN else None


def model_for(role: str, roles: Mapping[str, str]) -> str | None:
    """What the settings name for a role, else for `default`; None is the session's own model.

    For critic and approval None is that the work is not to be done.
    """
    named = {role_of(name) or name: text for name, text in roles.items()}
    if role in named or role in WITHOUT_FALLBACK:
        return named.get(role)
    return named.get("default")
