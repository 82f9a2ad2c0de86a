"""`acp-agent models`: what can be used, what is known of it, and what a service says when it is asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import anyio
import pytest

from tests.support.chat_server import says
from tests.support.http_server import Answer, http_server
from tests.support.session import new_session
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Launch
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

WAIT_S = 30
SECRET = "sk-very-secret"


class Done(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def models(self) -> dict[str, JsonObject]:
        lines = [json.loads(line) for line in self.out.splitlines()]
        return {f"{line['provider']}/{line['model']}": line for line in lines}


async def agent(bench: Workbench, *arguments: str, **env: str) -> Done:
    with anyio.fail_after(WAIT_S):
        done = await anyio.run_process(
            [*agent_command(), *arguments], env=bench.environment(**env), cwd=bench.project, check=False
        )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def listing(*models: JsonObject) -> Answer:
    return Answer([json.dumps({"data": models}).encode()], content_type="application/json")


async def test_it_says_what_to_set_when_there_is_nothing(workbench: Workbench) -> None:
    workbench.settle({})
    done = await agent(workbench, "models")
    assert (done.status, done.out) == (1, "")
    assert "No model is configured" in done.err


async def test_providers_with_a_key_and_what_their_models_cost(workbench: Workbench) -> None:
    workbench.settle({"providers": {"openai": {"model": "gpt-4.1", "models": ["gpt-99"]}, "groq": {}}})
    done = await agent(workbench, "models", OPENAI_API_KEY=SECRET)
    assert done.status == 0
    lines = done.out.splitlines()
    assert lines[0] == "openai: key $OPENAI_API_KEY, https://api.openai.com/v1"
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in lines if line.startswith("  ")}
    assert rows["gpt-4o"] == "128,000 16,384 2.5 10 1.25 images"
    assert rows["gpt-99"] == "~128,000 ? ? ? ? configured, images?, not known"
    assert rows["gpt-4.1"].endswith("in use, configured, images")
    assert rows["gpt-6.1-sol"].endswith(" images, dearer when long")
    assert "groq: cannot be used now. There is no key for 'groq'. Set GROQ_API_KEY" in done.out
    assert SECRET not in done.out + done.err


async def test_what_is_secret_in_an_address_stays_there(workbench: Workbench) -> None:
    answers = (listing({"id": "house-small"}), Answer([b"no"], status="500 No"), says("Hello."))
    async with http_server(*answers) as server:
        url = f"{server.url.replace('//', f'//me:{SECRET}@')}/v1?token={SECRET}&v=2"
        entry = {"base_url": url, "model": "house-large"}
        proxy = {"proxy": f"me:{SECRET}@proxy.example:1"}
        workbench.settle({"provider": "house", "providers": {"house": entry}, "http": proxy})
        done = await agent(workbench, "models", "--refresh")
        assert "house/house-small" in (await agent(workbench, "models", "--json")).models, "it is remembered"
        for arguments in (["models", "--refresh"], ["config", "show"], ["auth", "status"], ["doctor"]):
            more = await agent(workbench, *arguments)
            assert SECRET not in done.out + done.err + more.out + more.err
        assert (await agent(workbench, "run", f"hello {SECRET}")).out == "Hello.\n"
    assert server.requests[0].path == f"/v1/models?token={SECRET}&v=2"
    assert [file for file in workbench.data.rglob("*") if file.is_file() and SECRET in read(file)] == []


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


async def test_what_is_broken_is_named(workbench: Workbench) -> None:
    workbench.settle({"http": {"ca_file": "/nowhere.pem"}, "retries": "many"})
    done = await agent(workbench, "models")
    assert (done.status, done.out) == (1, "")
    assert "1 of the settings are wrong" in done.err
    assert "http.ca_file names /nowhere.pem" in done.err
    workbench.settle({})
    accounts = workbench.config / "auth.json"
    accounts.write_text("{", encoding="utf-8")
    accounts.chmod(0o600)
    done = await agent(workbench, "models")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"acp-agent models: The file of accounts {accounts} is not JSON")


async def test_for_programs(workbench: Workbench) -> None:
    workbench.settle({})
    done = await agent(workbench, "models", "--provider", "Anthropic", "--json")
    found = done.models["Anthropic/claude-sonnet-4-5"]
    assert (found["type"], found["usable"], found["window"], found["max_output"]) == (
        "anthropic", False, 200_000, 64_000
    )  # fmt: skip
    price = found["price"]
    assert (price["input"], price["output"], price["cache_read"], price["cache_write"]) == (
        "3", "15", "0.3", "3.75"
    )  # fmt: skip
    assert [(tier["from"], tier["input"]) for tier in price["tiers"]] == [(200_001, "6")]
    assert found["images"] is found["tools"] is True


@pytest.mark.parametrize(
    ("name", "advice"), [("claude-code", "use anthropic"), ("xyzzy", "of an unknown type 'xyzzy'")]
)
async def test_a_provider_that_there_is_not(workbench: Workbench, name: str, advice: str) -> None:
    done = await agent(workbench, "models", "--provider", name)
    assert done.status == 1
    assert advice in done.out


async def test_four_lines_are_an_endpoint(workbench: Workbench) -> None:
    async with http_server(says("Hello.")) as server:
        entry = {"base_url": f"{server.url}/v1", "model": "house-large", "api_key": "${HOUSE_KEY}"}
        workbench.settle({"provider": "house", "providers": {"house": entry}})
        done = await agent(workbench, "run", "hi", HOUSE_KEY=SECRET)
        (request,) = server.requests
    assert (done.status, done.out) == (0, "Hello.\n")
    assert (request.path, request.body["model"]) == ("/v1/chat/completions", "house-large")
    assert request.headers["authorization"] == f"Bearer {SECRET}"


async def test_what_a_service_says_is_kept_and_offered(workbench: Workbench, launch: Launch) -> None:
    priced = {
        "id": "house-new",
        "context_length": 77_000,
        "pricing": {"prompt": "0.000001", "completion": "0.000002"},
    }
    async with http_server(listing({"id": "house-large"}, priced)) as server:
        entry = {"base_url": f"{server.url}/v1", "model": "house-large", "api_key": SECRET}
        workbench.settle({"provider": "house", "providers": {"house": entry}})
        before = await agent(workbench, "models", "--json")
        done = await agent(workbench, "models", "--refresh", "--json")
        assert server.requests[0].path == "/v1/models"
    assert list(before.models) == ["house/house-large"]
    assert done.status == 0
    assert "house: 2 models, kept in" in done.err
    (kept,) = (workbench.data / "models").iterdir()
    assert SECRET not in kept.read_text(encoding="utf-8")
    found = done.models["house/house-new"]
    assert (found["window"], found["guessed"], found["known"]) == (77_000, ["vision"], True)
    assert found["price"] == {
        "input": "1",
        "output": "2",
        "cache_read": None,
        "cache_write": None,
        "tiers": [],
    }

    session = await new_session(await launch(), workbench.project)
    (model,) = [option for option in session.opened["configOptions"] if option["id"] == "model"]
    assert [choice["value"] for choice in model["options"]] == ["house/house-large", "house/house-new"]


async def test_a_service_that_does_not_answer_leaves_what_is_known(workbench: Workbench) -> None:
    async with http_server(listing({"id": "new"})) as server:
        gone = {"base_url": "http://127.0.0.1:9/v1", "model": "old"}
        there = {"base_url": f"{server.url}/v1", "model": "old"}
        workbench.settle({"providers": {"gone": gone, "there": there}})
        done = await agent(workbench, "models", "--refresh", "--json")
    assert done.status == 1
    assert "gone: gone does not list its models at http://127.0.0.1:9/v1" in done.err
    assert list(done.models) == ["gone/old", "there/old", "there/new"]
    assert [path.name for path in (workbench.data / "models").iterdir()] == ["there.json"]
