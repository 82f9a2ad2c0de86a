"""OAuth as values: pages, what comes back, what is pasted, what services say."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from jsonschema import Draft202012Validator

import acp_agent.accounts
from acp_agent.accounts.oauth import (
    Answer,
    Pending,
    Returned,
    Service,
    begin,
    known_services,
    page,
    pasted,
    reason,
    returned,
    service_of,
    tokens_of,
)
from acp_agent.accounts.pending import FOLDER, LASTS_S, forget, keep, kept
from acp_agent.config.schema import OAuthClient, ProviderEntry
from acp_agent.errors import AuthRequired

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE = Service(
    "hub", "me", "https://hub.example/authorize", "https://hub.example/token", scopes=("a", "b")
)
KEYS = Service(
    "router", authorize_url="https://r.example/auth?x=1", token_url="https://r.example/k", flow="key"
)
PENDING = Pending("hub", "default", "verifier-secret", "the-state", "http://127.0.0.1:7/callback", 100.0)


def query(url: str) -> Mapping[str, str]:
    return {key: value for key, (value,) in parse_qs(urlsplit(url).query).items()}


def test_the_table_of_services() -> None:
    folder = Path(acp_agent.accounts.__file__).parent
    schema: Any = json.loads((folder / "services.schema.json").read_text(encoding="utf-8"))
    table: Any = json.loads((folder / "services.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator: Any = Draft202012Validator(schema)
    assert list(validator.iter_errors(table)) == []
    assert not any("client_id" in each for each in table["services"].values()), "we are nobody else"
    assert set(known_services()) == set(table["services"])


def test_the_page_that_is_opened() -> None:
    pending = begin(SERVICE, "work", 4711, 5.0)
    asked = query(page(SERVICE, pending))
    digest = base64.urlsafe_b64encode(hashlib.sha256(pending.verifier.encode()).digest()).decode()
    assert asked == {
        "response_type": "code",
        "client_id": "me",
        "redirect_uri": "http://127.0.0.1:4711/callback",
        "scope": "a b",
        "state": pending.state,
        "code_challenge": digest.rstrip("="),
        "code_challenge_method": "S256",
    }
    assert 43 <= len(pending.verifier) <= 128
    assert pending.verifier not in page(SERVICE, pending)
    assert begin(SERVICE, "work", 4711, 5.0).state != pending.state
    assert pending.verifier not in repr(pending)


def test_a_service_that_gives_keys_has_the_state_in_the_address() -> None:
    pending = begin(KEYS, "work", 4711, 5.0)
    asked = query(page(KEYS, pending))
    assert asked["callback_url"] == f"http://127.0.0.1:4711/callback/{pending.state}"
    assert "client_id" not in asked
    assert asked["x"] == "1"
    assert returned(f"/callback/{pending.state}?code=c", pending) == Returned("c")
    assert returned("/callback/other?code=c", pending) == Returned(ours=False)
    assert returned("/callback/?code=c", pending) == Returned(ours=False)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/callback?code=c&state=the-state", Returned("c")),
        ("http://127.0.0.1:7/callback?state=the-state&code=c&iss=x", Returned("c")),
        ("/callback?code=c&state=another", Returned(ours=False)),
        ("/callback?code=c", Returned(ours=False)),
        ("/callback?code=c&state=", Returned(ours=False)),
        ("/callback?error=access_denied&state=another", Returned(ours=False)),
        ("/callback?error=access_denied&state=the-state", Returned(error="access_denied")),
        ("/callback?state=the-state", Returned(error="it brought no code")),
        ("/favicon.ico", None),
        ("/", None),
        ("/callback/x?code=c&state=the-state", None),
        ("http://[::1/callback", None),
        ("/callback?" + "&".join(f"a{n}=1" for n in range(200)), None),
    ],
)
def test_what_a_browser_brings(target: str, found: Returned | None) -> None:
    assert returned(target, PENDING) == found


@pytest.mark.parametrize(
    "text",
    [
        "the-code#the-state",
        " the-code#the-state\n",
        "the-code the-state",
        "the-code   the-state",
        "http://127.0.0.1:7/callback?code=the-code&state=the-state",
        "http://127.0.0.1:7/callback?state=the-state&code=the-code\r\n",
    ],
)
def test_what_can_be_pasted(text: str) -> None:
    assert pasted(text, PENDING) == "the-code"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("the-code", "Something is missing"),
        ("", "Something is missing"),
        ("the-code#", "Something is missing"),
        ("the-code#other", "another login"),
        ("the-code other", "another login"),
        ("http://127.0.0.1:7/callback?code=c&state=x", "another login"),
        (
            "http://127.0.0.1:7/callback?error=access_denied&state=the-state",
            "has refused the login: access_denied",
        ),
        ("https://hub.example/authorize?x", r"begins with http://127.0.0.1:7/callback"),
    ],
)
def test_what_cannot(text: str, said: str) -> None:
    with pytest.raises(AuthRequired, match=said) as caught:
        pasted(text, PENDING)
    assert "docs/accounts.md#oauth" in str(caught.value)


def test_what_a_service_says_is_shown_on_one_line() -> None:
    said = reason({"error": "a", "error_description": "b\n\u202ec" + "x" * 1000})
    assert said.startswith("a: b \\u{202e}c")
    assert len(said) <= 300
    assert reason({"error": 5}) == reason({}) == ""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"access_token": "t", "expires_in": 60, "refresh_token": "r"}, ("t", "r", 160.0)),
        ({"access_token": "t", "expires_in": "60"}, ("t", None, 160.0)),
        ({"access_token": "t", "expires_in": None, "refresh_token": ""}, ("t", None, None)),
        ({"access_token": ""}, None),
        ({"access_token": 7}, None),
        ({}, None),
    ],
)
def test_tokens(body: dict[str, object], expected: tuple[object, ...] | None) -> None:
    assert tokens_of(Answer(200, body), 100.0) == expected
    assert tokens_of(Answer(400, body), 100.0) is None


def test_tokens_are_not_in_a_repr() -> None:
    found = tokens_of(Answer(200, {"access_token": "secret-1", "refresh_token": "secret-2"}), 0.0)
    assert "secret" not in repr(found)


# Which service -------------------------------------------------------------------------------------


def test_only_what_needs_no_client_of_ours_is_built_in() -> None:
    found = service_of("openrouter", ProviderEntry())
    assert found
    assert (found.flow, found.client_id, found.redirect_host) == ("key", "", "localhost")
    for name in ("openai", "anthropic", "huggingface", "azure", "nobody"):
        assert service_of(name, ProviderEntry()) is None


def test_a_client_of_the_user() -> None:
    found = service_of("mine", ProviderEntry("huggingface", oauth=OAuthClient("client")))
    assert found
    assert found.client_id == "client"
    assert found.token_url == "https://huggingface.co/oauth/token"
    assert found.scopes == ("openid", "profile", "inference-api")
    own = OAuthClient("c", "https://a.example/a", "https://a.example/t", None, ("s",))
    found = service_of("huggingface", ProviderEntry(oauth=own))
    assert found
    assert (found.authorize_url, found.token_url, found.scopes) == (own.authorize_url, own.token_url, ("s",))
    found = service_of("openrouter", ProviderEntry(oauth=own))
    assert found
    assert found.flow == "token"


@pytest.mark.parametrize(
    "url", ["http://a.example/t", "ftp://a.example", "a.example", "https://", "https://[x"]
)
def test_addresses_that_no_secret_is_sent_to(url: str) -> None:
    with pytest.raises(AuthRequired, match=r"providers.mine.oauth.token_url must be https"):
        service_of("mine", ProviderEntry("custom", oauth=OAuthClient("c", "https://a.example", url)))


# What waits for its answer -------------------------------------------------------------------------


def test_a_login_is_kept_for_another_process(tmp_path: Path) -> None:
    env = {"ACP_AGENT_CONFIG_DIR": str(tmp_path)}
    keep(PENDING, env)
    (path,) = (tmp_path / FOLDER).iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert kept("hub", "default", env, 200.0) == PENDING
    assert kept("hub", "other", env, 200.0) is None
    assert kept("hub", "default", env, 100.0 + LASTS_S + 1) is None
    assert kept("hub", "default", env, 99.0) is None
    keep(PENDING._replace(state="newer"), env)
    assert kept("hub", "default", env, 200.0) == PENDING._replace(state="newer")
    forget(PENDING, env)
    forget(PENDING, env)
    assert kept("hub", "default", env, 200.0) is None


def test_what_others_could_read_or_is_broken_is_nothing(tmp_path: Path) -> None:
    env = {"ACP_AGENT_CONFIG_DIR": str(tmp_path)}
    keep(PENDING, env)
    (path,) = (tmp_path / FOLDER).iterdir()
    path.chmod(0o644)
    assert kept("hub", "default", env, 200.0) is None
    path.chmod(0o600)
    for text in ("{", "[]", '{"at": 150}', '{"at": "x"}'):
        path.write_text(text, encoding="utf-8")
        assert kept("hub", "default", env, 200.0) is None
