"""Addresses and JSON, as services want them."""

from __future__ import annotations

import pytest

from acp_adapters.providers.values import place, sound, vertex, without


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("https://h/v1", "https://h/v1/x"),
        ("https://h/v1/", "https://h/v1/x"),
        ("https://h/openai/deployments/d?api-version=1", "https://h/openai/deployments/d/x?api-version=1"),
    ],
)
def test_a_query_stays_behind_the_path(base_url: str, address: str) -> None:
    assert place(base_url, "/x") == address


def test_where_vertex_has_its_models() -> None:
    base = "https://h/v1/projects/p/locations/l"
    for given in (base, f"{base}/", f"{base}/publishers/google"):
        assert vertex(given, "anthropic") == f"{base}/publishers/anthropic"
    assert vertex("https://generativelanguage.googleapis.com/v1beta", "google") is None


def test_leaving_out_what_is_within() -> None:
    body: dict[str, object] = {"a": {"b": {"c": 1}, "d": 2}, "e": 3}
    assert without(body, "a.b.c") == {"a": {"d": 2}, "e": 3}
    assert without({"a": {"b": 1}}, "a.b") == {}
    assert without(body, "x.y") == body
    assert without(body, "e") == {"a": {"b": {"c": 1}, "d": 2}}


@pytest.mark.parametrize("arguments", ["", "{", "[1]", '{"a": NaN}', '{"a": 1e999}', '{"a":' * 5000])
def test_arguments_that_no_service_could_read_are_not_sent(arguments: str) -> None:
    assert sound(arguments) == {}
