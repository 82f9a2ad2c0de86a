"""Secrets are found, nothing else is touched, and how a text is cut makes no difference."""

from __future__ import annotations

import base64
import importlib
import json
import random
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acp_agent.redaction import shapes
from acp_agent.redaction.redactor import MARK, Redactor
from acp_agent.redaction.shapes import table

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

LETTERS = "abcdefghijklmnopqrstuvwxyz"
BODY = "MIIEpAIBAAKCAQEAx1Bq9v0Nq3oYVYhVfW9rYtVZ4o3cC1mU7s8Z5mPq2LwE0aKd"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n{BODY}\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
SECRETS = [
    f"sk-{LETTERS}",
    "sk-ant-api03-" + "aB3_" * 20,
    "sk-proj-" + "a-B_" * 12,
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    "github_pat_" + "a1_B" * 8,
    "ghp_" + "a1B2" * 9,
    "gho_" + "a1B2" * 9,
    "hf_" + "aB3" * 11,
    "xoxb-123456789012-abcdef",
    "AIza" + "Sy_-a" * 7,
    "glpat-" + "a1-_B" * 4,
    "npm_" + "aB3d" * 9,
    "pypi-AgEIcHlwaS5vcmcCJGFiY2RlZg",
    "sk_live_" + "a1B2" * 6,
    "AGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE",
    JWT,
]
PLAIN = [
    "compiled 42 files in 1.3s, all tests passed",
    "/usr/local/bin:/usr/bin",
    "https://api.example.com/v1",
    "git@github.com:owner/repository.git ssh://git@host:22/path",
    "http://localhost:8080/@scope/package",
    "postgres://user:${DB_PASSWORD}@host/db and https://<user>:<password>@host",
    "0123456789abcdef0123456789abcdef0123456789abcdef",
    "ghp_short sk-short hf_short AKIA",
    "eyJhbGciOiJIUzI1NiJ9",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    '"integrity": "sha512-v2kDEe57lecTulaDIuNTPy3Ry4gLGJ6Z1O3vELFTGHVxVjcXPs17LhbZVGedAJv8XZ1tvj5Fv=="',
    "a task-with-a-long-name-of-words and disk-usage-of-the-whole-thing",
    'headers = {"x-api-key": process.env.SERVICE_TOKEN, "Authorization": f"Bearer {token}"}',
    'if text.startswith("-----BEGIN PRIVATE KEY-----"):',
    "class=sk-folding-cube",
]


def test_the_table_is_as_its_schema_says() -> None:
    folder = Path(shapes.__file__).parent
    data: dict[str, Any] = json.loads((folder / "shapes.json").read_text(encoding="utf-8"))
    schema: dict[str, Any] = json.loads((folder / "shapes.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(data, schema)


def test_no_proof_is_longer_than_the_table_says() -> None:
    """What is held back depends on it. Only the standard library's parser knows how long a match can be."""
    parse: Any = importlib.import_module("re._parser").parse
    for shape in table().shapes:
        assert parse(shape.proof.pattern).getwidth()[1] <= shape.longest, shape.name
        if shape.until:
            assert parse(shape.until.pattern).getwidth()[1] <= shapes.END_CHARACTERS


@pytest.mark.parametrize("secret", SECRETS)
def test_shapes(secret: str) -> None:
    assert Redactor()(f"token={secret} done") == f"token={MARK} done"
    assert Redactor()(f'{{"a": "{secret}"}}\n') == f'{{"a": "{MARK}"}}\n'
    assert Redactor()(secret) == MARK


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor()(text) is text


def test_a_beginning_after_an_underscore() -> None:
    assert Redactor()(f"FOO_sk-{LETTERS}") == f"FOO_{MARK}"


def test_only_the_password_of_an_address() -> None:
    redact = Redactor()
    assert redact("postgres://me:hunter2@db.local/x") == f"postgres://me:{MARK}@db.local/x"
    assert redact("redis://:hunter2@db") == f"redis://:{MARK}@db"


def test_headers() -> None:
    redact = Redactor()
    assert redact("curl -H 'Authorization: Bearer abc.def123' x") == (
        f"curl -H 'Authorization: Bearer {MARK}' x"
    )
    assert redact('{"authorization": "Basic dXNlcjpwYXNz"}') == f'{{"authorization": "Basic {MARK}"}}'
    assert redact("X-Api-Key: 0123456789abcdef0") == f"X-Api-Key: {MARK}"


def test_private_keys_keep_their_lines() -> None:
    text = f"before\n{PEM}\nafter"
    assert Redactor()(text) == f"before\n{MARK}\n{MARK}\n{MARK}\n{MARK}\nafter"
    escaped = json.dumps({"private_key": PEM + "\n", "id": 1})
    assert Redactor()(escaped) == f'{{"private_key": "{MARK}\\n", "id": 1}}'
    cut_short = PEM.partition("-----END")[0]
    assert BODY not in Redactor()(f'"{cut_short}", and so on')


def test_known_values() -> None:
    redact = Redactor(["my own key 1"], ["hunter2hunter2", "short", 'quo"ted\\secret'])
    assert redact("xhunter2hunter2x") == f"x{MARK}x"
    assert redact("short") == "short"
    assert redact(json.dumps('quo"ted\\secret')) == f'"{MARK}"'
    assert redact("?key=my%20own%20key%201") == f"?key={MARK}"
    assert redact.keys("hunter2hunter2 my own key 1") == f"hunter2hunter2 {MARK}"


def test_values_that_overlap_are_one() -> None:
    redact = Redactor([], ["abcdefgh", "efghijkl", "abcdefghXYZ"])
    assert redact("-abcdefghijkl-") == f"-{MARK}-"
    assert redact("-abcdefghXYZ-") == f"-{MARK}-"


def test_long_values_are_hidden_whole() -> None:
    value = "".join(random.Random(1).choices(LETTERS, k=3000))
    assert set(Redactor([value])(f"<{value}>").replace(MARK, "")) <= set("<>") | set(value[-7:])


def test_json_values() -> None:
    redact = Redactor(["hunter2hunter2"])
    data = {"a": ["hunter2hunter2", 1, None, {"b": f"sk-{LETTERS}"}], "c": "d"}
    assert redact.data(data) == {"a": [MARK, 1, None, {"b": MARK}], "c": "d"}
    assert redact.data(data, keys_only=True) == {"a": [MARK, 1, None, {"b": f"sk-{LETTERS}"}], "c": "d"}
    untouched = {"a": [1, "b"]}
    assert redact.data(untouched) is untouched


VALUES = [
    "hunter2hunter2",
    "hunter2hunter2more",
    "aaaaaaaa",
    "sk-partly-known",
    "two\nlines of a value that is long",
]
PIECES = [
    *SECRETS, *PLAIN, PEM, *VALUES, "postgres://u:", "p@ss@h", "://", "sk-", "AKIA", "eyJ", ".", LETTERS,
    "-----BEGIN ", "PRIVATE KEY-----\n", "-----END PRIVATE KEY-----", "Authorization: Bearer ", "A" * 40,
    "x-api-key: ",
    "\n", " ", "_", "aaaaaaaaaaaa", "hunter2", "-", "\\n", '"', MARK,
]  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=12).map("".join)


@given(texts, st.data())
@settings(max_examples=500)
def test_however_a_text_is_cut(text: str, data: st.DataObject) -> None:
    redact = Redactor([], VALUES)
    stream = redact.stream()
    told: list[str] = []
    rest = text
    while rest:
        size = data.draw(st.integers(1, min(len(rest), 60)))
        told.append(stream.feed(rest[:size]))
        rest = rest[size:]
    told.append(stream.end())
    assert "".join(told) == redact(text)


@given(texts)
@settings(max_examples=300)
def test_one_character_at_a_time(text: str) -> None:
    redact = Redactor([], VALUES)
    stream = redact.stream()
    assert "".join([*map(stream.feed, text), stream.end()]) == redact(text)


@given(texts)
def test_lines_stay_and_values_go(text: str) -> None:
    once = Redactor([], VALUES)(text)
    assert once.count("\n") == text.count("\n")
    for value in VALUES[:4]:
        assert value not in once


@given(st.text())
def test_a_text_without_secrets_is_the_very_same(text: str) -> None:
    assert Redactor()(text) is text or MARK in Redactor()(text)


@given(texts)
def test_what_is_held_back_is_bounded(text: str) -> None:
    stream = Redactor([], VALUES).stream()
    told = "".join(stream.feed(piece) for piece in (text, "\n. \n" * 30))
    assert told.endswith("\n. \n" * 20)


def test_a_line_that_has_ended_is_not_held_back() -> None:
    stream = Redactor(["hunter2hunter2"]).stream()
    for line in ("Building…\n", "task 1 of 3\n", "https://example.com/x\n", "Authorization:\n", "sk-\n"):
        assert stream.feed(line) == line


def test_images_and_binaries_stay() -> None:
    data = base64.b64encode(random.Random(7).randbytes(1 << 20)).decode()
    assert Redactor()(data) is data


@pytest.mark.parametrize(
    "text",
    [
        "_sk-" + "a" * 24, ".eyJabcd", "_eyJabcd.", "://a:", "x://a:b",
        "-----BEGIN PRIVATE KEY-----\n" + BODY, "-----BEGIN ", "Authorization: ", "aaaaaaaa", "-", "A",
        "x-api-key : ",
    ],
)  # fmt: skip
def test_time_grows_with_the_text_and_no_faster(text: str) -> None:
    """Eight times the text may take eight times as long; beginning anew everywhere would take 64 times."""

    def took(characters: int) -> float:
        whole = (text * (characters // len(text) + 1))[:characters]
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            Redactor([], VALUES)(whole)
            best = min(best, time.perf_counter() - start)
        return best

    assert took(160_000) < 25 * took(20_000) + 0.2
