"""`${NAME}` is replaced when it is used."""

from __future__ import annotations

import pytest

from acp_agent.config.variables import expand, is_reference, unset
from acp_agent.errors import ConfigError


def test_expand() -> None:
    env = {"A": "1", "B": "${A}"}
    assert expand("literal", env) == "literal"
    assert expand("${A}", env) == "1"
    assert expand("Bearer ${A}-${B}", env) == "Bearer 1-${A}", "what comes from the environment is final"
    assert expand("$A ${} ${1}", env) == "$A ${} ${1}"


def test_unset_variable_is_named() -> None:
    with pytest.raises(ConfigError, match="MISSING") as caught:
        expand("${A}${MISSING}", {"A": "1"})
    assert "1" not in str(caught.value)


def test_empty_counts_as_unset() -> None:
    assert unset("${A} ${B}", {"A": "", "B": "x"}) == ["A"]


def test_is_reference() -> None:
    assert is_reference("${A}")
    assert not is_reference("x${A}")
    assert not is_reference("sk-1")
